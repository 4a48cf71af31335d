/* SPDX-License-Identifier: MIT */
/* What <hapax.hpp> promises, in C++17 and C++20. Prints what failed. */
#include <hapax.hpp>

#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace {

int failures = 0;

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            std::printf("line %d: %s\n", __LINE__, #condition);                                                        \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

struct point {
    int x, y;
};

struct real {
    double value;
    char padded;
    friend bool operator==(const real &a, const real &b) { return a.value == b.value; }
};

} /* namespace */

template <> struct std::hash<real> {
    std::size_t operator()(const real &of) const noexcept { return std::hash<double>()(of.value); }
};

namespace {

void strings()
{
    std::string text = "lambda";
    hapax::handle<> word(text), same = hapax::intern("lambda"), none;
    EXPECT(word == same && word && !none && word != none && none < word);
    EXPECT(word.view() == "lambda" && std::string_view(word) == *word && word.size() == 6);
    EXPECT(std::string(word.c_str()) == text && std::hash<hapax::handle<>>()(word) == word.hash());
    EXPECT(none.view().empty() && none.size() == 0);
    EXPECT(!hapax::handle<>::find("never interned") && hapax::handle<>::find("lambda") == word);
    EXPECT(hapax::handle<>(std::string_view()).view().empty());
    EXPECT(hapax::intern(std::string_view("a\0b", 3)).size() == 3);
    std::map<hapax::handle<>, int> sorted;
    sorted[hapax::intern("b")] = 2;
    sorted[hapax::intern("a")] = 1;
    EXPECT(sorted.begin()->second == 1);
}

void values()
{
    hapax::handle<point> p(point{1, 2}), q(point{1, 2}), r(point{2, 1});
    EXPECT(p == q && p != r && p->y == 2 && (*r).x == 2);
    hapax::handle<real> zero(real{0.0, 'a'}), minus(real{-0.0, 'b'});
    EXPECT(zero == minus && zero != hapax::handle<real>(real{1, 'a'}));
    EXPECT(hapax::handle<double>(0.0) == hapax::handle<double>(-0.0));
    EXPECT(*hapax::handle<int>(7) == 7 && *hapax::handle<unsigned long>(7ul) == 7ul);
    std::unordered_set<hapax::handle<point>> set{p, q, r};
    EXPECT(set.size() == 2);
}

/* Many containers, whose memory is malloc's or held. */
template <class Vector> void contain()
{
    std::vector<Vector> all(100);
    for (int i = 0; i < 10000; i++)
        all[static_cast<std::size_t>(i % 100)].push_back(hapax::intern(std::to_string(i)));
    hapax_collect();
    int wrong = 0;
    for (int i = 0; i < 10000; i++)
        wrong += all[static_cast<std::size_t>(i % 100)][static_cast<std::size_t>(i / 100)] !=
                 hapax::intern(std::to_string(i));
    EXPECT(wrong == 0);
}

void symbols()
{
    enum { NAME, VERSION };
    const hapax::symbols keys{"name", "version"};
    EXPECT(keys.index(hapax::intern("version")) == VERSION && keys.index(hapax::intern("other")) == -1);
    EXPECT(keys[NAME].view() == "name");
    bool thrown = false;
    try {
        const hapax::symbols twice{"a", "a"};
    } catch (const hapax::error &failure) {
        thrown = failure.code().value() == EINVAL;
    }
    EXPECT(thrown);
}

__attribute__((noinline)) void make_pins(std::vector<hapax::pinned<hapax::handle<>>> &pins,
                                         std::vector<hapax::weak<hapax::handle<>>> &weak)
{
    for (int i = 0; i < 1000; i++) {
        const auto word = hapax::intern("pinned " + std::to_string(i));
        weak.emplace_back(word);
        if (i % 2 == 0)
            pins.emplace_back(word);
    }
}

void pins()
{
    std::vector<hapax::pinned<hapax::handle<>>> pins;
    std::vector<hapax::weak<hapax::handle<>>> weak;
    make_pins(pins, weak);
    hapax_collect();
    int dead = 0, wrong = 0;
    for (std::size_t i = 0; i < weak.size(); i++) {
        const auto word = weak[i].lock();
        dead += !word;
        wrong += i % 2 == 0 && word != hapax::intern("pinned " + std::to_string(i));
    }
    EXPECT(dead <= 500 && dead >= 450 && wrong == 0);
    auto copy = pins.back();
    pins.clear();
    EXPECT(copy.get().view() == "pinned 998");
}

struct counted {
    static inline std::atomic<int> made{0}, alive{0};
    counted() { made++, alive++; }
    counted(const counted &) = delete;
    ~counted() { alive--; }
};

std::atomic<int> cleaned{0};

__attribute__((noinline)) void make_dying()
{
    for (int i = 0; i < 1000; i++) {
        auto *object = hapax::make<point>();
        std::string text = "a text that does not fit into the string itself " + std::to_string(i);
        hapax::cleanup cleanup(object, [text] { cleaned += !text.empty(); });
        if (i % 4 == 0)
            cleanup.stop();
        hapax::make<counted>();
    }
}

void deaths()
{
    make_dying();
    EXPECT(counted::made == 1000);
    for (int i = 0; i < 3; i++) {
        hapax_collect();
        hapax_wait_cleanups(10000);
    }
    EXPECT(cleaned <= 750 && cleaned >= 675 && counted::alive <= 100);
    hapax::weak<counted> none;
    EXPECT(none.lock() == nullptr);
    auto *object = hapax::make<counted>();
    EXPECT(hapax::weak<counted>(object).lock() == object &&
           hapax::weak<counted>(object) == hapax::weak<counted>(object));
    bool thrown = false;
    try {
        int local = 0;
        hapax::cleanup refused(&local, [] {});
    } catch (const hapax::error &failure) {
        thrown = failure.code().value() == EINVAL;
    }
    EXPECT(thrown);
}

void caches()
{
    int made = 0;
    hapax::cache<std::string_view, const point> texts([&](std::string_view key) -> const point * {
        made++;
        if (key.empty())
            throw std::out_of_range("empty");
        return hapax::make<point>(point{static_cast<int>(key.size()), made});
    });
    const point *five = texts.get("12345");
    EXPECT(five->x == 5 && texts.get("12345") == five && made == 1);
    bool thrown = false;
    try {
        texts.get("");
    } catch (const std::out_of_range &failure) {
        thrown = std::string(failure.what()) == "empty";
    }
    EXPECT(thrown);
    hapax::cache<int, point> numbers([](int key) { return hapax::make<point>(point{key, key}); });
    point *seven = numbers.get(7);
    EXPECT(seven->x == 7 && numbers.get(7) == seven);
    hapax::cache<int, point> failing([](int) -> point * { return nullptr; });
    thrown = false;
    try {
        failing.get(1);
    } catch (const hapax::error &failure) {
        thrown = failure.code().value() == EIO;
    }
    EXPECT(thrown);
}

} /* namespace */

int main()
{
    strings();
    values();
    contain<std::vector<hapax::handle<>, hapax::allocator<hapax::handle<>>>>();
    symbols();
    pins();
    deaths();
    caches();
    return failures != 0;
}
