/* SPDX-License-Identifier: MIT */
/* What a thread of this process does. */
#ifndef TESTS_THREAD_STATE_H
#define TESTS_THREAD_STATE_H

#include <stdio.h>

/* A letter of proc(5): R runs, S sleeps; 0: there is no such thread. */
static inline char thread_state(int thread)
{
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    fclose(file);
    return state;
}

#endif
