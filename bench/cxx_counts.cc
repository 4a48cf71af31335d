/* SPDX-License-Identifier: MIT */
/* What <hapax.hpp> costs over the functions of C that it calls, in instructions.

   Each loop stands here twice, through the functions of C and through the C++
   types. Callgrind counts what is below `c_turns` and below `cxx_turns`, both
   in one run, since the places of values differ from run to run, and in turn,
   since tables grow: the first, the third ... of what it dumps is of C.

   Arguments: the loop, and how many turns. Prints how many operations were
   counted each way; exit status 1 if a turn gave a wrong result. */
#include <hapax.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct point {
    int x, y;
};

HAPAX_DEFINE_HANDLE(c_point, struct point);

std::vector<std::string> known, fresh, fresh_cxx;
std::vector<hapax_handle> handles;                 /* of the known texts */
std::vector<hapax::handle<>> cxx_handles;
std::vector<hapax::weak<hapax::handle<>>> weak;
std::vector<hapax_weak> c_weak;
hapax_symbols *c_names;
bool wrong = false;

struct cached {
    std::size_t size;
};

void *create(const void *, std::size_t size, void *, int *)
{
    return hapax::make<cached>(cached{size});
}

hapax_cache *c_cache;
const hapax::cache<std::string_view, cached> cxx_cache([](std::string_view key) {
    return hapax::make<cached>(cached{key.size()});
});
const hapax::symbols names{"value number 0", "value number 1"};

void hit_c(std::size_t i)
{
    hapax_handle handle = hapax_make_handle(hapax_strings(), known[i].data(), known[i].size());
    wrong |= handle == nullptr || handle != handles[i];
}

void hit_cxx(std::size_t i)
{
    hapax::handle<> handle(known[i]);
    wrong |= handle != cxx_handles[i];
}

void new_c(std::size_t i)
{
    hapax_handle handle = hapax_make_handle(hapax_strings(), fresh[i].data(), fresh[i].size());
    wrong |= handle == nullptr;
    handles[i] = handle;
}

void new_cxx(std::size_t i)
{
    cxx_handles[i] = hapax::handle<>(fresh_cxx[i]);
}

void typed_c(std::size_t i)
{
    const point value = {static_cast<int>(i % 100), 1};
    const c_point_handle handle = c_point_make(&value);
    wrong |= handle == nullptr || c_point_value(handle)->x != value.x;
}

void typed_cxx(std::size_t i)
{
    const point value = {static_cast<int>(i % 100), 1};
    wrong |= hapax::handle<point>(value)->x != value.x;
}

void weak_c(std::size_t i)
{
    wrong |= hapax_weak_value(c_weak[i]) != handles[i];
}

void weak_cxx(std::size_t i)
{
    wrong |= weak[i].lock() != cxx_handles[i];
}

void symbol_c(std::size_t i)
{
    wrong |= hapax_symbols_index(c_names, handles[i]) != (i < 2 ? static_cast<int>(i) : -1);
}

void symbol_cxx(std::size_t i)
{
    wrong |= names.index(cxx_handles[i]) != (i < 2 ? static_cast<int>(i) : -1);
}

void cache_c(std::size_t i)
{
    int error = 0;
    const auto *value = static_cast<cached *>(hapax_cache_get(c_cache, known[i].data(), known[i].size(), &error));
    wrong |= value == nullptr || value->size != known[i].size();
}

void cache_cxx(std::size_t i)
{
    wrong |= cxx_cache.get(known[i])->size != known[i].size();
}

using loop = void (*)(std::size_t begin, std::size_t end);

template <void (*turn)(std::size_t)> void run(std::size_t begin, std::size_t end)
{
    for (std::size_t i = begin; i < end; i++)
        turn(i);
}

const struct {
    const char *name;
    loop c, cxx;
    /* Each way has a cache of its own, in which the values lie elsewhere: all of them are there before the count
     * begins, and so many that this makes no difference. */
    bool all_are_made_before;
} loops[] = {
    {"hit", run<hit_c>, run<hit_cxx>, false},
    {"insert", run<new_c>, run<new_cxx>, false},
    {"typed hit", run<typed_c>, run<typed_cxx>, false},
    {"weak read", run<weak_c>, run<weak_cxx>, false},
    {"symbol", run<symbol_c>, run<symbol_cxx>, false},
    {"cache hit", run<cache_c>, run<cache_cxx>, true},
};

void prepare(std::size_t count)
{
    for (auto *texts : {&known, &fresh, &fresh_cxx})
        texts->reserve(count);
    for (std::size_t i = 0; i < count; i++) {
        known.push_back("value number " + std::to_string(i));
        fresh.push_back("another value, number " + std::to_string(i));
        fresh_cxx.push_back("a third value, number " + std::to_string(i));
        cxx_handles.emplace_back(known[i]);
        handles.push_back(cxx_handles[i].get());
        weak.emplace_back(cxx_handles[i]);
        c_weak.push_back(hapax_weak_make(handles[i]));
    }
    const char *const two[] = {"value number 0", "value number 1"};
    c_names = hapax_symbols_new(hapax_strings(), two, 2);
    c_cache = hapax_cache_new(create, nullptr);
    wrong = c_names == nullptr || c_cache == nullptr;
}

} /* namespace */

/* What callgrind counts. They have to return by themselves: callgrind does not see the end of a function that jumps.
 * And the compiler must not make one of the two. */
extern "C" __attribute__((noinline)) void c_turns(loop turns, std::size_t begin, std::size_t end)
{
    turns(begin, end);
    __asm__ volatile("# C" ::: "memory");
}

extern "C" __attribute__((noinline)) void cxx_turns(loop turns, std::size_t begin, std::size_t end)
{
    turns(begin, end);
    __asm__ volatile("# C++" ::: "memory");
}

/* Where callgrind dumps what it has counted since the last time. */
extern "C" __attribute__((noinline)) void boundary()
{
    __asm__ volatile("# dump" ::: "memory");
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    const std::size_t count = std::strtoul(argv[2], nullptr, 10);
    /* What the first turns cost, of whatever is made once, is not counted. */
    constexpr std::size_t warm = 100;
    for (const auto &each : loops) {
        if (std::strcmp(each.name, argv[1]) != 0 || count <= warm)
            continue;
        prepare(count);
        each.c(0, each.all_are_made_before ? count : warm);
        each.cxx(0, each.all_are_made_before ? count : warm);
        constexpr std::size_t block = 50;
        for (std::size_t begin = warm; begin < count; begin += block) {
            const std::size_t end = std::min(begin + block, count);
            c_turns(each.c, begin, end);
            boundary();
            cxx_turns(each.cxx, begin, end);
            boundary();
        }
        std::printf("%zu\n", count - warm);
        return wrong;
    }
    return 2;
}
