/* SPDX-License-Identifier: MIT */
/* encoding_stage.c - converts text to UTF-8 with iconv. */
#include "config.h"

#include "stat/base/message.h"
#include "stat/input/stage.h"

#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <string.h>

enum { OUT_SIZE = 1 << 18, LONGEST_CHARACTER = 16 };

struct encoding_stage {
    struct stage stage;
    iconv_t converter;
    char name[64];
    struct piece in;
    uint64_t taken; /* bytes of the stage below, those of in among them */
    char torn[LONGEST_CHARACTER]; /* the beginning of a character that two pieces share */
    size_t torn_size;
    char out[OUT_SIZE];
};

/* Converts what it can. 0; EINVAL: what is left begins a character; E2BIG: more room is needed;
   EILSEQ: the bytes are no text of the encoding. */
static int convert(struct encoding_stage *encoding, struct piece *from, struct piece *to)
{
    char *in = (char *)from->data; /* iconv only reads it */
    char *out = encoding->out + to->size;
    size_t out_left = sizeof encoding->out - to->size;
    size_t status = iconv(encoding->converter, &in, &from->size, &out, &out_left);
    from->data = in;
    to->size = (size_t)(out - encoding->out);
    return status == (size_t)-1 ? errno : 0;
}

/* Completes a torn character with the first bytes of the next piece, one by one. */
static int mend_torn(struct encoding_stage *encoding, struct piece *to)
{
    int error = 0;
    while (encoding->torn_size > 0 && encoding->in.size > 0) {
        if (encoding->torn_size == sizeof encoding->torn)
            return EILSEQ;
        encoding->torn[encoding->torn_size++] = *encoding->in.data;
        encoding->in.data++;
        encoding->in.size--;
        struct piece torn = { encoding->torn, encoding->torn_size };
        error = convert(encoding, &torn, to);
        memmove(encoding->torn, torn.data, torn.size);
        encoding->torn_size = torn.size;
        if (error == EILSEQ)
            break;
    }
    return error;
}

/* Sets the beginning of a character aside, until the next piece brings the rest. */
static int keep_torn(struct encoding_stage *encoding)
{
    if (encoding->in.size > sizeof encoding->torn)
        return EILSEQ;
    memcpy(encoding->torn, encoding->in.data, encoding->in.size);
    encoding->torn_size = encoding->in.size;
    encoding->in.size = 0;
    return 0;
}

static int convert_piece(struct encoding_stage *encoding, struct piece *to)
{
    int error = mend_torn(encoding, to);
    if (error != EILSEQ && encoding->in.size > 0)
        error = convert(encoding, &encoding->in, to);
    return error == EINVAL && encoding->torn_size == 0 ? keep_torn(encoding) : error;
}

/* The end: what a converter with states still has to say. */
static bool finish(struct encoding_stage *encoding, struct piece *to)
{
    if (encoding->torn_size > 0)
        return stage_fail(&encoding->stage, "its %s text ends in the middle of a character", encoding->name);
    struct piece nothing = { NULL, 0 };
    convert(encoding, &nothing, to);
    return true;
}

/* The first byte that is not converted, from 1. */
static uint64_t first_left(const struct encoding_stage *encoding)
{
    uint64_t taken = encoding->stage.below->skipped + encoding->taken;
    return taken - encoding->in.size - encoding->torn_size + 1;
}

static bool produce(struct stage *stage, struct piece *piece)
{
    struct encoding_stage *encoding = (struct encoding_stage *)stage;
    *piece = (struct piece){ encoding->out, 0 };
    while (piece->size == 0) {
        if (encoding->in.size == 0) {
            if (!stage_next(stage->below, &encoding->in))
                return false;
            encoding->taken += encoding->in.size;
        }
        if (encoding->in.size == 0)
            return finish(encoding, piece);
        if (convert_piece(encoding, piece) == EILSEQ)
            return stage_fail(stage, NO_CHARACTER, first_left(encoding), encoding->name);
    }
    return true;
}

static void end(struct stage *stage)
{
    iconv_close(((struct encoding_stage *)stage)->converter);
}

struct stage *encoding_stage(struct stage *below, const char *name)
{
    iconv_t converter = iconv_open("UTF-8", name);
    if (converter == (iconv_t)-1) {
        if (errno == ENOMEM)
            out_of_memory();
        return NULL;
    }
    struct encoding_stage *encoding =
        (struct encoding_stage *)stage_new(sizeof *encoding, below, below->report);
    encoding->stage.produce = produce;
    encoding->stage.end = end;
    encoding->converter = converter;
    snprintf(encoding->name, sizeof encoding->name, "%s", name);
    return &encoding->stage;
}
