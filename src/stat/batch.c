/* batch.c - values on their way from the thread that cuts them to the threads that keep them. */
#include "config.h"

#include "batch.h"

#include <stdlib.h>

void batch_add(struct batch *batch, const char *data, size_t size)
{
    bytes_append(&batch->bytes, data, size);
    batch->ends[batch->count++] = batch->bytes.size;
}

bool batch_is_full(const struct batch *batch)
{
    return batch->count == BATCH_VALUES || batch->bytes.size >= BATCH_BYTES;
}

void batch_clear(struct batch *batch)
{
    batch->count = 0;
    batch->bytes.size = 0;
}

void batch_queue_start(struct batch_queue *queue)
{
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->changed, NULL);
    queue->first = queue->last = NULL;
    queue->closed = false;
}

void batch_queue_end(struct batch_queue *queue)
{
    while (queue->first) {
        struct batch *batch = queue->first;
        queue->first = batch->next;
        bytes_free(&batch->bytes);
        free(batch);
    }
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
}

void batch_queue_put(struct batch_queue *queue, struct batch *batch)
{
    batch->next = NULL;
    pthread_mutex_lock(&queue->lock);
    if (queue->first)
        queue->last->next = batch;
    else
        queue->first = batch;
    queue->last = batch;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

struct batch *batch_queue_take(struct batch_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    while (!queue->first && !queue->closed)
        pthread_cond_wait(&queue->changed, &queue->lock);
    struct batch *batch = queue->first;
    if (batch)
        queue->first = batch->next;
    pthread_mutex_unlock(&queue->lock);
    return batch;
}

void batch_queue_close(struct batch_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}
