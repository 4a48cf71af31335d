/* SPDX-License-Identifier: MIT */
/*
 * stage.h - one step on the way from a file to the bytes that are cut.
 *
 * The first stage reads the file; those above it decompress or convert. Each produces its bytes in
 * pieces, from the pieces of the stage below. A stage belongs to one thread.
 *
 * Memory: a piece is valid until the next call on the same stage. Looking ahead (stage_peek) copies
 * what it has to, and takes nothing away.
 */
#ifndef STAT_INPUT_STAGE_H
#define STAT_INPUT_STAGE_H

#include "stat/base/bytes.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

struct piece {
    const char *data;
    size_t size; /* 0: the end */
};

/* How reading went, for all stages of a file together. */
struct stage_report {
    uint64_t bytes_read; /* of the file, so far */
    char reason[256];    /* why it failed */
};

struct stage {
    /* Both are the kind's. produce returns false on a failure, with the reason filled in. end frees
       what the kind holds. */
    bool (*produce)(struct stage *stage, struct piece *piece);
    void (*end)(struct stage *stage);

    struct stage *below; /* NULL: it reads the file */
    struct stage_report *report;

    struct piece pending; /* was looked at, and has not been taken */
    struct bytes ahead;   /* holds pending if that is more than one piece */
    uint64_t skipped;     /* bytes, by stage_skip */
};

/* The next bytes. */
bool stage_next(struct stage *stage, struct piece *piece);

/* The next bytes, at least wanted of them or all that are left; they come again. */
bool stage_peek(struct stage *stage, size_t wanted, struct piece *piece);

/* Takes so many of the bytes that the last peek showed. */
void stage_skip(struct stage *stage, size_t size);

/* Frees this stage and all below it. */
void stage_free(struct stage *stage);

bool stage_fail(struct stage *stage, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* returns false */

/* A stage's own memory begins with a struct stage. */
struct stage *stage_new(size_t size, struct stage *below, struct stage_report *report);

/* The kinds. Those of a library that this build lacks are NULL. */
struct stage *file_stage(int fd, struct stage_report *report); /* closes fd at its end */
#ifdef HAVE_ZLIB
struct stage *gzip_stage(struct stage *below);
#else
#define gzip_stage ((struct stage * (*)(struct stage *)) NULL)
#endif
#ifdef HAVE_ZSTD
struct stage *zstd_stage(struct stage *below);
#else
#define zstd_stage ((struct stage * (*)(struct stage *)) NULL)
#endif

/* Why a text is refused, with the number of the byte from 1 (uint64_t), and the encoding. */
#define NO_CHARACTER "byte %" PRIu64 " begins no character of %s"

/* From the named encoding to UTF-8. NULL: the system does not know it, and below stays as it is. */
struct stage *encoding_stage(struct stage *below, const char *encoding);

#endif
