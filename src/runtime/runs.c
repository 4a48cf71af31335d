/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/runs.h"

#include <assert.h>
#include <errno.h>

static_assert(RUN_GRANULES < 64, "a bit for each size");

void (*runs_before_value)(void);
size_t (*runs_value_size)(size_t size);

/* Whether it was a value, which then comes by itself. */
static bool is_for_debugging(const struct runs *runs, size_t *size)
{
    if (runs->kind == COLLECTOR_PLAIN || (runs_before_value == NULL && runs_value_size == NULL))
        return false;
    if (runs_before_value != NULL)
        runs_before_value();
    if (runs_value_size != NULL)
        *size = runs_value_size(*size);
    return true;
}

void *runs_alloc_anew(struct runs *runs, size_t size)
{
    size_t granules = (size + COLLECTOR_GRANULE - 1) / COLLECTOR_GRANULE;
    void *object = NULL;
    if (is_for_debugging(runs, &size) || granules > RUN_GRANULES) {
        object = collector_alloc_one(runs->kind, size);
    } else {
        collector_check();
        /* Before there is a run: a collection may begin as soon as there is. */
        runs->used |= UINT64_C(1) << granules;
        collector_alloc_run(runs->kind, granules * COLLECTOR_GRANULE, &runs->of_size[granules]);
        if (runs->of_size[granules] != NULL)
            return runs_alloc(runs, size);
    }
    if (object == NULL)
        errno = ENOMEM;
    return object;
}

/* A thread that was stopped while it took the first object goes on with the second, under whose link it finds
 * nothing. */
static void keep_the_first_two(void **run)
{
    void **first = *run;
    if (first == NULL)
        return;
    collector_mark(first);
    void **second = *first;
    if (second == NULL)
        return;
    collector_mark(second);
    *second = NULL;
}

void runs_mark(struct runs *runs)
{
    for (uint64_t left = runs->used; left != 0; left &= left - 1)
        keep_the_first_two(&runs->of_size[__builtin_ctzll(left)]);
}

void runs_forget(struct runs *runs)
{
    for (; runs->used != 0; runs->used &= runs->used - 1)
        runs->of_size[__builtin_ctzll(runs->used)] = NULL;
}
