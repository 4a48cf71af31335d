/* SPDX-License-Identifier: MIT */
/* Threads one after the other, whose blocks come from memory that the last thread has freed; only the last word of a
 * block is written. */
#include <hapax.h>

#include <pthread.h>

#include "natural.h"

enum { THREADS = 20, SIZES = 60 };
static unsigned values, made;

static hapax_handle *new_block(size_t words)
{
    char text[32];
    hapax_handle *block = malloc(words * sizeof *block);
    block[words - 1] = hapax_intern(text_of(text, made++));
    return block;
}

static void check_block(const hapax_handle *block, size_t words, unsigned number)
{
    char text[32];
    CHECK(hapax_intern(text_of(text, number)) == block[words - 1], "the name of %u is another one", number);
}

/* Larger blocks come first every second time, so that blocks begin where smaller ones did. */
static size_t words_of(unsigned thread, unsigned i)
{
    size_t words = 4 + i % SIZES * 2;
    return thread % 2 == 0 ? words : 4 + 2 * SIZES - words % (2 * SIZES);
}

static void *work(void *number)
{
    unsigned thread = (unsigned)(size_t)number, from = made, count = values / THREADS;
    hapax_handle **blocks = malloc(count * sizeof *blocks);
    for (unsigned i = 0; i < count; i++)
        blocks[i] = new_block(words_of(thread, i));
    for (unsigned i = 0; i < count; i++)
        check_block(blocks[i], words_of(thread, i), from + i);
    for (unsigned i = 0; i < count; i++)
        free(blocks[i]);
    free(blocks);
    return NULL;
}

int main(int argc, char **argv)
{
    values = VALUES(argc, argv);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, work, (void *)i);
        pthread_join(thread, NULL);
    }
    return 0;
}
