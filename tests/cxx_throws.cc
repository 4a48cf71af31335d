/* SPDX-License-Identifier: MIT */
/* Functions of a program that throw where the C library has called them: the program ends by std::terminate, which
 * exits
   with status 42 here. Were the exception to cross the library, the caller would catch it: status 1. The argument says
   which function. */
#include <hapax.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <stdexcept>

namespace {

enum { TERMINATED = 42, CAUGHT = 1, WENT_ON = 3 };

bool now = false;

void throw_now()
{
    if (now)
        throw std::runtime_error("thrown");
}

struct key {
    long number;
    friend bool operator==(const key &a, const key &b)
    {
        throw_now();
        return a.number == b.number;
    }
};

} /* namespace */

static bool in_hash = false;

template <> struct std::hash<key> {
    std::size_t operator()(const key &) const
    {
        if (in_hash)
            throw_now();
        return 1;
    }
};

namespace {

struct thrower {
    ~thrower() noexcept(false) { throw_now(); }
};

void intern()
{
    const hapax::handle<key> one(key{1});
    now = true;
    const hapax::handle<key> again(key{1});
    std::printf("%p %p\n", static_cast<const void *>(one.get()), static_cast<const void *>(again.get()));
}

/* By hand, in this thread, so that the caller stands above. */
template <class Make> void run_cleanups(Make make)
{
    if (hapax_set_cleanup_threads(0) != 0)
        throw std::logic_error("no cleanups by hand");
    make();
    now = true;
    for (int i = 0; i < 3; i++) {
        hapax_collect();
        hapax_run_cleanups();
    }
}

void hash()
{
    in_hash = true;
    intern();
}

__attribute__((noinline)) void add_cleanups()
{
    for (int i = 0; i < 1000; i++)
        hapax::cleanup(hapax::make<long>(7), [] { throw_now(); });
}

__attribute__((noinline)) void add_throwers()
{
    for (int i = 0; i < 1000; i++)
        hapax::make<thrower>();
}

void cleanup()
{
    run_cleanups(add_cleanups);
}

void destructor()
{
    run_cleanups(add_throwers);
}

/* The function object of a cleanup that is stopped. */
void stop()
{
    struct function {
        thrower member;
        void operator()() const {}
    };
    hapax::cleanup cleanup(hapax::make<long>(7), function());
    now = true;
    cleanup.stop();
}

/* A create that throws: its caller gets the exception, the cache works on, and creates within creates do not mix them
 * up. */
void create()
{
    const hapax::cache<int, long> inner([](int key) -> long * {
        if (key < 0)
            throw std::runtime_error("inner");
        return hapax::make<long>(key);
    });
    const hapax::cache<int, long> outer([&](int key) -> long * {
        try {
            inner.get(-1);
        } catch (const std::runtime_error &) {
        }
        if (key < 0)
            throw std::out_of_range("outer");
        return inner.get(key);
    });
    for (int i = 0; i < 100; i++) {
        try {
            outer.get(-1);
            std::_Exit(WENT_ON);
        } catch (const std::out_of_range &) {
        }
        if (*outer.get(i) != i)
            std::_Exit(WENT_ON);
    }
    std::_Exit(TERMINATED);
}

const struct {
    const char *name;
    void (*run)();
} ways[] = {{"hash", hash},       {"equal", intern}, {"cleanup", cleanup}, {"destructor", destructor},
            {"stop", stop}, {"create", create}};

} /* namespace */

int main(int argc, char **argv)
{
    std::set_terminate([] { std::_Exit(TERMINATED); });
    for (const auto &way : ways) {
        if (argc != 2 || std::strcmp(argv[1], way.name) != 0)
            continue;
        try {
            way.run();
        } catch (...) {
            std::_Exit(CAUGHT);
        }
        std::_Exit(WENT_ON);
    }
    return 2;
}
