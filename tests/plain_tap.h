/* SPDX-License-Identifier: MIT */
/* TAP for programs without Criterion: one line for each test, and what went wrong in lines before it. */
#ifndef TESTS_PLAIN_TAP_H
#define TESTS_PLAIN_TAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

static atomic_uint tap_failures;    /* in the test that runs; any thread's */
static unsigned tap_tests, tap_failed;

/* Fails the test that runs where the condition does not hold; says so for the first few. */
#define EXPECT(condition, ...)                                                                                        \
    do {                                                                                                              \
        if (!(condition) && atomic_fetch_add(&tap_failures, 1) < 5) {                                                 \
            printf("# %s:%d: %s\n# ", __FILE__, __LINE__, #condition);                                                \
            printf(__VA_ARGS__);                                                                                      \
            putchar('\n');                                                                                            \
        }                                                                                                             \
    } while (0)

static inline void tap_run(const char *name, void (*test)(void))
{
    atomic_store(&tap_failures, 0);
    test();
    bool failed = atomic_load(&tap_failures) > 0;
    printf("%sok %u - %s\n", failed ? "not " : "", ++tap_tests, name);
    fflush(stdout);
    tap_failed += failed;
}

static inline int tap_end(void)
{
    printf("1..%u\n", tap_tests);
    return tap_failed > 0;
}

#endif
