/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "limits.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <stdlib.h>
#include <sys/resource.h>

unsigned time_scale(void)
{
#if defined HAPAX_HARD_TESTS
    unsigned scale = 20;
#elif defined __SANITIZE_ADDRESS__
    unsigned scale = 10;
#else
    unsigned scale = 3;
#endif
    const char *wanted = getenv("HAPAX_TEST_SCALE");
    return wanted != NULL && atoi(wanted) > 0 ? scale * (unsigned)atoi(wanted) : scale;
}

bool address_space_is_limited(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

enum { DEFAULT_SECONDS = 60 };

static void scale_each(struct criterion_suite_set *suite)
{
    if (suite->tests == NULL)
        return;
    double of_suite = suite->suite.data != NULL && suite->suite.data->timeout > 0 ? suite->suite.data->timeout
                                                                                  : DEFAULT_SECONDS;
    FOREACH_SET(struct criterion_test *test, suite->tests)
    {
        double *limit = &test->data->timeout;
        *limit = (*limit > 0 ? *limit : of_suite) * time_scale();
    }
}

/* Before any test runs. */
ReportHook(PRE_ALL)(struct criterion_test_set *all)
{
    FOREACH_SET(struct criterion_suite_set *suite, all->suites)
        scale_each(suite);
}
