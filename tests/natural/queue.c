/* SPDX-License-Identifier: MIT */
/* Two threads make names, two others take them out of a queue and count them. */
#include <hapax.h>

#include <pthread.h>

#include "natural.h"

struct item {
    struct item *next;
    hapax_handle name;
    unsigned number;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static struct item *first, **last = &first;
static unsigned values;

static void *produce(void *data)
{
    char text[32];
    for (unsigned i = (unsigned)(size_t)data; i < values; i += 2) {
        struct item *item = malloc(sizeof *item);
        item->next = NULL;
        item->number = i;
        item->name = hapax_intern(text_of(text, i));
        pthread_mutex_lock(&lock);
        *last = item;
        last = &item->next;
        pthread_cond_signal(&filled);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void *consume(void *data)
{
    char text[32];
    (void)data;
    for (unsigned i = 0; i < values / 2; i++) {
        pthread_mutex_lock(&lock);
        while (first == NULL)
            pthread_cond_wait(&filled, &lock);
        struct item *item = first;
        first = item->next;
        if (first == NULL)
            last = &first;
        pthread_mutex_unlock(&lock);
        CHECK(hapax_intern(text_of(text, item->number)) == item->name, "%u came as something else", item->number);
        free(item);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    values = VALUES(argc, argv) & ~1u;
    pthread_t threads[4];
    for (size_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, produce, (void *)i);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 2; i < 4; i++)
        pthread_create(&threads[i], NULL, consume, NULL);
    for (size_t i = 2; i < 4; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
