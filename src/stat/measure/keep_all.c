/* SPDX-License-Identifier: MIT */
/* keep_all.c - keeps all values of a spool in one way, with any number of threads. */
#include "config.h"

#include "stat/measure/keep_all.h"

#include "stat/base/message.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct keeper {
    const struct spool *spool;
    const struct way *way;
    const void **pointers;
    struct child_progress *progress;
    size_t first_block, last_block; /* one behind the last */
    pthread_t thread;
};

static void keep_block(const struct keeper *keeper, size_t block)
{
    const char *at = keeper->spool->data + keeper->spool->blocks[block].start;
    const char *end = keeper->spool->data + spool_block_end(keeper->spool, block);
    const void **pointer = keeper->pointers + keeper->spool->blocks[block].first_value;
    child_advance(keeper->progress, (uint64_t)(end - at));
    while (at < end) {
        struct spool_value value = spool_value_at(&at);
        *pointer++ = keeper->way->keep(value.data, value.size);
    }
}

static void *keep_blocks(void *context)
{
    const struct keeper *keeper = context;
    keeper->way->enter_thread();
    for (size_t block = keeper->first_block; block < keeper->last_block; block++)
        keep_block(keeper, block);
    return NULL;
}

void keep_all(const struct spool *spool, const struct way *way, unsigned threads,
              const void **pointers, struct child_progress *progress)
{
    /* A single thread is one of its own too: its stack, with whatever it still says, is gone when
       the values are let go. */
    struct keeper *keepers = need_zeroed(threads, sizeof *keepers);
    for (unsigned i = 0; i < threads; i++) {
        struct keeper *keeper = &keepers[i];
        *keeper = (struct keeper){ .spool = spool, .way = way, .pointers = pointers,
                                   .progress = progress };
        keeper->first_block = spool->block_count * i / threads;
        keeper->last_block = spool->block_count * (i + 1) / threads;
        int error = pthread_create(&keeper->thread, NULL, keep_blocks, keeper);
        if (error) {
            complain("cannot start a thread: %s", strerror(error));
            _exit(EXIT_SAID_WHY);
        }
    }
    for (unsigned i = 0; i < threads; i++)
        pthread_join(keepers[i].thread, NULL);
    free(keepers);
}
