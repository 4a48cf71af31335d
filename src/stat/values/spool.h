/* SPDX-License-Identifier: MIT */
/*
 * spool.h - all values of the input, one behind the other, in memory that processes share.
 *
 * One process cuts the input and writes the values; those that measure read them from here, so
 * that none of them parses anything, and all of them see the same. It is a memory file: none of it
 * is anonymous memory, which is what the values cost. Each value has its place (split.h) and a NUL
 * behind it.
 *
 * The spool is divided into blocks of about the same size, so that threads can share the work. A
 * file that turns out to be malformed is taken back (spool_rewind).
 */
#ifndef STAT_VALUES_SPOOL_H
#define STAT_VALUES_SPOOL_H

#include "stat/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct spool_block {
    uint64_t start;       /* in bytes, in the spool */
    uint64_t first_value; /* how many values come before it */
};

/* Writing. */

struct spool_writer {
    int fd;
    struct bytes buffer; /* not written yet */
    uint64_t written;
    uint64_t values;
    struct bytes blocks; /* an array of struct spool_block */
};

/* What a spool held at some moment. */
struct spool_mark {
    uint64_t size, values;
    size_t blocks_size;
};

void spool_begin(struct spool_writer *writer, int fd); /* an empty memory file */
void spool_add(struct spool_writer *writer, uint32_t place, const char *data, size_t size);
struct spool_mark spool_mark(const struct spool_writer *writer);
void spool_rewind(struct spool_writer *writer, struct spool_mark mark);
void spool_finish(struct spool_writer *writer); /* all is written then; keeps values and blocks */

/* Reading. */

struct spool {
    const char *data;
    uint64_t size;
    uint64_t values;
    const struct spool_block *blocks;
    size_t block_count;
};

struct spool_value {
    uint32_t place;
    const char *data; /* a NUL stands behind it */
    size_t size;
};

/* A memory file for a spool; ends the process if there is none. */
int spool_create(void);

/* Maps what was written; blocks stays the caller's. */
void spool_open(struct spool *spool, int fd, uint64_t size, uint64_t values,
                const struct bytes *blocks);
void spool_close(struct spool *spool);

/* Where a block ends; the next one begins there. */
uint64_t spool_block_end(const struct spool *spool, size_t block);

static inline uint64_t spool_number(const char **at)
{
    uint64_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
        unsigned char byte = (unsigned char)*(*at)++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return number;
    }
}

/* The value that begins at *at, which moves behind it. */
static inline struct spool_value spool_value_at(const char **at)
{
    struct spool_value value;
    value.place = (uint32_t)spool_number(at);
    value.size = spool_number(at);
    value.data = *at;
    *at += value.size + 1;
    return value;
}

#endif
