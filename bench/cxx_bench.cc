/* SPDX-License-Identifier: MIT */
/* W14: what <hapax.hpp> costs over the functions of C that it calls.

   The same loops twice in one program, through hapax_make_handle and through
   hapax::handle: hits among 100,000 values, and values that are new. Each round
   runs both ways, in turn first; the figure is the median of the rounds.

   Arguments: values, rounds. Prints a JSON object a line: nanoseconds of
   processor time a call. */
#include <hapax.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <time.h>
#include <vector>

namespace {

using texts = std::vector<std::string>;

/* A sum of the handles, so that no call is left out and both ways can be compared. */
__attribute__((noinline)) std::uintptr_t through_c(const texts &values, std::vector<hapax_handle> &kept)
{
    std::uintptr_t sum = 0;
    for (std::size_t i = 0; i < values.size(); i++) {
        hapax_handle handle = hapax_make_handle(hapax_strings(), values[i].data(), values[i].size());
        if (handle == nullptr)
            std::abort();
        kept[i] = handle;
        sum += reinterpret_cast<std::uintptr_t>(handle);
    }
    return sum;
}

__attribute__((noinline)) std::uintptr_t through_cxx(const texts &values, std::vector<hapax::handle<>> &kept)
{
    std::uintptr_t sum = 0;
    for (std::size_t i = 0; i < values.size(); i++) {
        hapax::handle<> handle(values[i]);
        kept[i] = handle;
        sum += reinterpret_cast<std::uintptr_t>(handle.get());
    }
    return sum;
}

/* Each text is new to the table. */
texts make_texts(std::size_t count)
{
    static unsigned long next;
    texts made;
    made.reserve(count);
    for (std::size_t i = 0; i < count; i++)
        made.push_back("value number " + std::to_string(next++));
    return made;
}

/* Of this thread: what else the machine does counts for neither way. */
double processor_ns()
{
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

template <class Run> double ns_per_op(std::size_t count, Run run)
{
    double begin = processor_ns();
    run();
    return (processor_ns() - begin) / static_cast<double>(count);
}

void report(const char *variant, std::vector<double> &rounds)
{
    std::sort(rounds.begin(), rounds.end());
    std::printf("{\"workload\": \"W14\", \"variant\": \"%s\", \"ns_per_op\": %.3f}\n", variant,
                rounds[rounds.size() / 2]);
}

} /* namespace */

int main(int argc, char **argv)
{
    std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000;
    unsigned rounds = argc > 2 ? static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)) : 21;
    if (count == 0 || rounds == 0)
        return 2;
    std::vector<hapax_handle> held(count), kept(count);
    std::vector<hapax::handle<>> kept_cxx(count);
    texts known = make_texts(count);
    through_c(known, held);
    std::vector<double> c_hit, cxx_hit, c_new, cxx_new;
    for (unsigned round = 0; round < rounds; round++) {
        texts for_c = make_texts(count), for_cxx = make_texts(count);
        std::uintptr_t c_sum = 0, cxx_sum = 0;
        for (unsigned turn = 0; turn < 2; turn++) {
            if ((round + turn) % 2 == 0) {
                c_hit.push_back(ns_per_op(count, [&] { c_sum = through_c(known, kept); }));
                c_new.push_back(ns_per_op(count, [&] { through_c(for_c, kept); }));
            } else {
                cxx_hit.push_back(ns_per_op(count, [&] { cxx_sum = through_cxx(known, kept_cxx); }));
                cxx_new.push_back(ns_per_op(count, [&] { through_cxx(for_cxx, kept_cxx); }));
            }
        }
        if (c_sum != cxx_sum) {
            std::fputs("the two ways give different handles\n", stderr);
            return 1;
        }
    }
    report("C hit", c_hit);
    report("C++ hit", cxx_hit);
    report("C new", c_new);
    report("C++ new", cxx_new);
    return 0;
}
