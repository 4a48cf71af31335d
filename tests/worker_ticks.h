/* SPDX-License-Identifier: MIT */
/* What the suites of workers share. */
#ifndef TESTS_WORKER_TICKS_H
#define TESTS_WORKER_TICKS_H

#include "dying.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum { WORKERS = 100 };

static inline unsigned worker_threads(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        char path[300], name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        if (fgets(name, sizeof name, file) != NULL)
            count += strcmp(name, "hapax-worker\n") == 0;
        fclose(file);
    }
    closedir(tasks);
    return count;
}

/* Collects until at most so many worker threads are left. */
static inline void until_threads_end(unsigned left)
{
    while (collect(), worker_threads() > left)
        usleep(10000);
}

static inline void until(atomic_uint *counter, unsigned wanted)
{
    while (*counter < wanted)
        usleep(1000);
}

static atomic_uint ticks;

static inline void tick(void *state)
{
    (void)state;
    atomic_fetch_add(&ticks, 1u);
}

/* A state that a tick counts in. */
struct state {
    atomic_uint ticks;
    void *reached;
};

static inline void tick_state(void *data)
{
    atomic_fetch_add(&((struct state *)data)->ticks, 1u);
}

#endif
