/*
 * batch.h - values on their way from the thread that cuts them to the threads that keep them.
 *
 * A fixed set of batches goes round: taken from the free queue, filled, put into the full queue,
 * taken from there, kept, put back into the free queue. A batch belongs to the thread that took
 * it and to no queue.
 */
#ifndef STAT_BATCH_H
#define STAT_BATCH_H

#include "bytes.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { BATCH_VALUES = 4096, BATCH_BYTES = 1 << 18 };

struct batch {
    struct batch *next;
    size_t count;
    size_t ends[BATCH_VALUES]; /* value i is bytes.data[ends[i - 1]] up to ends[i] */
    struct bytes bytes;
};

void batch_add(struct batch *batch, const char *data, size_t size);
bool batch_is_full(const struct batch *batch);
void batch_clear(struct batch *batch);

struct batch_queue {
    pthread_mutex_t lock; /* protects the rest */
    pthread_cond_t changed;
    struct batch *first, *last;
    bool closed; /* nothing more is put */
};

void batch_queue_start(struct batch_queue *queue);
void batch_queue_end(struct batch_queue *queue); /* frees what is in it */
void batch_queue_put(struct batch_queue *queue, struct batch *batch);
struct batch *batch_queue_take(struct batch_queue *queue); /* waits; NULL: closed and empty */
void batch_queue_close(struct batch_queue *queue);

#endif
