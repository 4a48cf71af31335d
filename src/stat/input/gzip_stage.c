/* SPDX-License-Identifier: MIT */
/* gzip_stage.c - decompresses gzip with zlib: one member, or several behind each other. */
#include "config.h"

#ifdef HAVE_ZLIB

#include "stat/base/message.h"
#include "stat/input/stage.h"

#include <limits.h>
#define ZLIB_CONST /* what zlib reads is const */
#include <zlib.h>

enum { OUT_SIZE = 1 << 18, GZIP_WINDOW = 16 + MAX_WBITS };

struct gzip_stage {
    struct stage stage;
    z_stream stream;
    struct piece in;
    bool between; /* a member has ended, and no other has begun */
    char out[OUT_SIZE];
};

/* Has some input for zlib; false at the end of it, or on a failure. Zeros behind a member fill a
   tape's last block. */
static bool has_input(struct gzip_stage *gzip, bool *failed)
{
    struct piece *in = &gzip->in;
    do {
        if (in->size == 0 && !stage_next(gzip->stage.below, in))
            *failed = true;
        if (*failed || in->size == 0)
            return false;
        for (; gzip->between && in->size > 0 && *in->data == 0; in->size--)
            in->data++;
    } while (in->size == 0);
    return true;
}

/* One call of zlib. */
static int inflate_some(struct gzip_stage *gzip)
{
    z_stream *stream = &gzip->stream;
    unsigned size = gzip->in.size < UINT_MAX ? (unsigned)gzip->in.size : UINT_MAX;
    stream->next_in = (const Bytef *)gzip->in.data;
    stream->avail_in = size;
    stream->next_out = (Bytef *)gzip->out;
    stream->avail_out = sizeof gzip->out;
    int status = inflate(stream, Z_NO_FLUSH);
    gzip->in.data += size - stream->avail_in;
    gzip->in.size -= size - stream->avail_in;
    return status;
}

static bool produce(struct stage *stage, struct piece *piece)
{
    struct gzip_stage *gzip = (struct gzip_stage *)stage;
    bool failed = false;
    *piece = (struct piece){ gzip->out, 0 };
    while (piece->size == 0) {
        if (!has_input(gzip, &failed)) {
            if (failed)
                return false;
            return gzip->between || stage_fail(stage, "its gzip data ends too early");
        }
        if (gzip->between) {
            inflateReset(&gzip->stream);
            gzip->between = false;
        }
        int status = inflate_some(gzip);
        if (status == Z_MEM_ERROR)
            out_of_memory();
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
            return stage_fail(stage, "its gzip data is damaged: %s",
                              gzip->stream.msg ? gzip->stream.msg : "zlib does not say how");
        gzip->between = status == Z_STREAM_END;
        piece->size = sizeof gzip->out - gzip->stream.avail_out;
    }
    return true;
}

static void end(struct stage *stage)
{
    inflateEnd(&((struct gzip_stage *)stage)->stream);
}

struct stage *gzip_stage(struct stage *below)
{
    struct gzip_stage *gzip = (struct gzip_stage *)stage_new(sizeof *gzip, below, below->report);
    gzip->stage.produce = produce;
    gzip->stage.end = end;
    if (inflateInit2(&gzip->stream, GZIP_WINDOW) != Z_OK)
        out_of_memory();
    return &gzip->stage;
}

#else
typedef int no_gzip_in_this_build;
#endif
