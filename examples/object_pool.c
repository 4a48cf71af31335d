/* SPDX-License-Identifier: MIT */
/* A pool of objects that are costly to make: a finalizer puts each back when its last user is gone.
 *
 *     object_pool [TASKS]
 *
 * Each task takes a buffer of a mebibyte, fills it, hands it to other parts of the program and forgets it; nobody
 * says who was last. When nothing reaches a buffer any more, its finalizer gets it, puts it back into the pool and sets
 * itself anew. The program ends with how many buffers it has made, and how many of its tasks got a used one. */
#include <hapax.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_BYTES = 1 << 20, TASKS_IN_FLIGHT = 4 };

struct buffer {
    struct buffer *next;        /* in the pool */
    unsigned char *bytes;
    unsigned uses;
};

/* Finalizers run on a thread of the library. */
static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct buffer *pool;
static unsigned made, used_again;

static void put_back(void *object, void *unused)
{
    struct buffer *buffer = object;
    (void)unused;
    /* The association is gone by now: the next user's death has to be asked for anew. */
    if (hapax_set_finalizer(buffer, put_back, NULL) != 0)
        return;
    pthread_mutex_lock(&pool_lock);
    buffer->next = pool;
    pool = buffer;
    pthread_mutex_unlock(&pool_lock);
}

static struct buffer *make_buffer(void)
{
    struct buffer *buffer = hapax_alloc(sizeof *buffer);
    if (buffer == NULL || (buffer->bytes = hapax_alloc_plain(BUFFER_BYTES)) == NULL ||
        hapax_set_finalizer(buffer, put_back, NULL) != 0) {
        perror("object_pool");
        exit(1);
    }
    made++;
    return buffer;
}

static struct buffer *take_buffer(void)
{
    pthread_mutex_lock(&pool_lock);
    struct buffer *buffer = pool;
    if (buffer != NULL) {
        pool = buffer->next;
        buffer->next = NULL;
        used_again++;
    }
    pthread_mutex_unlock(&pool_lock);
    if (buffer == NULL)
        buffer = make_buffer();
    buffer->uses++;
    return buffer;
}

/* Threads that still look at results of the last tasks. */
static struct buffer *in_flight[TASKS_IN_FLIGHT];

int main(int count, char **arguments)
{
    unsigned tasks = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 1000;
    for (unsigned i = 0; i < tasks; i++) {
        struct buffer *buffer = take_buffer();
        memset(buffer->bytes, (int)i, BUFFER_BYTES);
        in_flight[i % TASKS_IN_FLIGHT] = buffer;
        if (i % 50 == 49) {
            hapax_collect();
            hapax_wait_cleanups(1000);
        }
    }
    printf("%u tasks: %u buffers made, %u times a used one\n", tasks, made, used_again);
    return made + used_again == tasks ? 0 : 1;
}
