/* SPDX-License-Identifier: MIT */
/* The times that the report of W11 gives are those that were measured. bench/histogram.h. */
#include "../bench/histogram.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct histogram times_seen;

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The least time that at least so many of the sorted times do not exceed, or at most a 32nd part more. */
static void expect_quantile(const uint64_t *sorted, size_t n, size_t of_ten_thousand)
{
    uint64_t exact = sorted[(n * of_ten_thousand + 9999) / 10000 - 1];
    uint64_t found = histogram_quantile(&times_seen, (double)of_ten_thousand / 10000);
    cr_expect(found >= exact && found <= exact + exact / 32, "%zu of 10000: %llu instead of %llu", of_ten_thousand,
              (unsigned long long)found, (unsigned long long)exact);
}

Test(histogram, each_time_falls_into_a_class_that_ends_at_most_a_32nd_later)
{
    for (uint64_t ns = 0; ns < UINT64_C(1) << 50; ns += ns / 1000 + 1) {
        uint64_t end = histogram_class_end(histogram_class(ns));
        cr_assert(end >= ns && end - ns <= ns / 32, "%llu", (unsigned long long)ns);
    }
}

Test(histogram, quantiles_are_those_of_the_times)
{
    enum { TIMES = 40000 };
    static uint64_t times[TIMES];
    uint64_t random = 7;
    for (size_t i = 0; i < TIMES; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        /* From nanoseconds to seconds. */
        times[i] = random >> (34 + (random >> 3) % 30);
        histogram_record(&times_seen, times[i]);
    }
    qsort(times, TIMES, sizeof *times, by_size);
    static const size_t shares[] = {5000, 9900, 9990, 9999};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        expect_quantile(times, TIMES, shares[i]);
    cr_expect_eq(times_seen.longest, times[TIMES - 1]);
    cr_expect_eq(histogram_quantile(&times_seen, 1), times[TIMES - 1]);
    cr_expect_eq(times_seen.total, TIMES);
}

/* A single time is all its quantiles, and none is longer than the longest. */
Test(histogram, is_right_for_one_time)
{
    histogram_record(&times_seen, 1000003);
    cr_expect_eq(histogram_quantile(&times_seen, 0.5), 1000003);
    cr_expect_eq(histogram_quantile(&times_seen, 0.9999), 1000003);
}
