/* SPDX-License-Identifier: MIT */
/* Threads that come and go allocate, grow, move and free blocks of any size and alignment, side by side; one word of
 * each block is written. */
#include <hapax.h>

#include <pthread.h>
#include <stdint.h>

#include "natural.h"

enum { THREADS = 4, KEPT = 300 };

struct block {
    hapax_handle *words;
    size_t place;       /* of the word that is written */
    unsigned number;
};

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525 + 1013904223;
    return *random >> 8;
}

/* Few are large. */
static size_t random_words(uint32_t *random)
{
    size_t words = 1 + next_random(random) % 20;
    while (words < 200000 && next_random(random) % 4 == 0)
        words *= 1 + next_random(random) % 8;
    return words;
}

static hapax_handle *allocate(size_t words, uint32_t *random)
{
    void *memory = NULL;
    size_t bytes = words * sizeof(hapax_handle);
    switch (next_random(random) % 8) {
    case 0:
        memory = calloc(words, sizeof(hapax_handle));
        break;
    case 1:
        if (posix_memalign(&memory, (size_t)16 << next_random(random) % 12, bytes) != 0)
            memory = NULL;
        break;
    case 2:
        /* Grows, perhaps into another place. */
        memory = realloc(malloc(bytes / 2 + 1), bytes);
        break;
    default:
        memory = malloc(bytes);
    }
    CHECK(memory != NULL, "there is no memory");
    return memory;
}

static void fill(struct block *block, uint32_t *random)
{
    char text[32];
    size_t words = random_words(random);
    block->words = allocate(words, random);
    block->place = next_random(random) % words;
    block->number = next_random(random);
    block->words[block->place] = hapax_intern(text_of(text, block->number));
}

/* Two threads may not end the program at once. */
static pthread_mutex_t looking = PTHREAD_MUTEX_INITIALIZER;

static void look(const struct block *block)
{
    char text[32];
    pthread_mutex_lock(&looking);
    CHECK(hapax_intern(text_of(text, block->number)) == block->words[block->place],
          "the name of %u is another one, in word %zu at %p", block->number, block->place, (void *)block->words);
    pthread_mutex_unlock(&looking);
}

/* The seed, and above it how many values. */
static void *work(void *data)
{
    uint32_t random = (uint32_t)(size_t)data;
    unsigned values = (unsigned)((size_t)data >> 32);
    struct block *blocks = calloc(KEPT, sizeof *blocks);
    for (unsigned i = 0; i < values; i++) {
        struct block *block = &blocks[next_random(&random) % KEPT];
        if (block->words != NULL) {
            look(block);
            free(block->words);
        }
        fill(block, &random);
    }
    for (unsigned i = 0; i < KEPT; i++)
        if (blocks[i].words != NULL) {
            look(&blocks[i]);
            free(blocks[i].words);
        }
    free(blocks);
    return NULL;
}

int main(int argc, char **argv)
{
    enum { ROUNDS = 10 };
    unsigned values = VALUES(argc, argv) / ROUNDS / THREADS;
    uint32_t random = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
    pthread_t threads[THREADS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < THREADS; i++)
            pthread_create(&threads[i], NULL, work, (void *)((size_t)values << 32 | next_random(&random)));
        work((void *)((size_t)(values / 10) << 32 | next_random(&random)));
        for (unsigned i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
    }
    return 0;
}
