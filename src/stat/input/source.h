/* SPDX-License-Identifier: MIT */
/*
 * source.h - the bytes of one file, as they are cut: read, decompressed, in UTF-8.
 *
 * A file that begins as gzip or Zstandard data is decompressed. A byte order mark is no part of
 * the bytes; text in UTF-16 or UTF-32 that begins with one is converted. All this is done in
 * pieces: no file has to fit into memory. A source belongs to one thread.
 */
#ifndef STAT_INPUT_SOURCE_H
#define STAT_INPUT_SOURCE_H

#include "stat/input/stage.h"

#include <stdbool.h>
#include <stddef.h>

/* How a format finds out the encoding of its text. */
enum source_encoding {
    SOURCE_MARK,          /* a byte order mark tells, and nothing else does */
    SOURCE_MARK_OR_ZEROS, /* zero bytes tell too, if there is no mark */
    SOURCE_ASCII_FIRST,   /* the same, of text whose first character is ASCII */
    SOURCE_LEFT_ALONE     /* they are bytes */
};

struct source {
    const char *name; /* as it is shown in messages */
    struct stage *stages;
    bool is_utf8; /* by its mark, or because it is converted */
    struct stage_report report;
};

/* "-" is standard input. If that fails, says why and returns false. */
bool source_open(struct source *source, const char *path, enum source_encoding encoding);
void source_close(struct source *source);

/* As stage_next and stage_peek; false: source->report tells why. */
bool source_next(struct source *source, struct piece *piece);
bool source_peek(struct source *source, size_t wanted, struct piece *piece);

/* What has not been taken yet is text of that encoding. False: the system does not know it. */
bool source_set_encoding(struct source *source, const char *encoding);

#endif
