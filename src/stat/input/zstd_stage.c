/* SPDX-License-Identifier: MIT */
/* zstd_stage.c - decompresses Zstandard: one frame, or several behind each other. */
#include "config.h"

#ifdef HAVE_ZSTD

#include "stat/base/message.h"
#include "stat/input/stage.h"

#include <zstd.h>

enum { OUT_SIZE = 1 << 18 };

struct zstd_stage {
    struct stage stage;
    ZSTD_DStream *stream;
    struct piece in;
    bool within; /* a frame has begun, and not ended */
    char out[OUT_SIZE];
};

static bool produce(struct stage *stage, struct piece *piece)
{
    struct zstd_stage *zstd = (struct zstd_stage *)stage;
    *piece = (struct piece){ zstd->out, 0 };
    while (piece->size == 0) {
        if (zstd->in.size == 0 && !stage_next(stage->below, &zstd->in))
            return false;
        ZSTD_inBuffer in = { zstd->in.data, zstd->in.size, 0 };
        ZSTD_outBuffer out = { zstd->out, sizeof zstd->out, 0 };
        bool at_end = in.size == 0; /* the library may still hold some bytes back */
        if (at_end && !zstd->within)
            return true;
        size_t status = ZSTD_decompressStream(zstd->stream, &out, &in);
        if (ZSTD_isError(status))
            return stage_fail(stage, "its zstd data is damaged: %s", ZSTD_getErrorName(status));
        zstd->within = status != 0;
        zstd->in.data += in.pos;
        zstd->in.size -= in.pos;
        piece->size = out.pos;
        if (at_end && out.pos == 0 && zstd->within)
            return stage_fail(stage, "its zstd data ends too early");
    }
    return true;
}

static void end(struct stage *stage)
{
    ZSTD_freeDStream(((struct zstd_stage *)stage)->stream);
}

struct stage *zstd_stage(struct stage *below)
{
    struct zstd_stage *zstd = (struct zstd_stage *)stage_new(sizeof *zstd, below, below->report);
    zstd->stage.produce = produce;
    zstd->stage.end = end;
    zstd->stream = ZSTD_createDStream();
    if (!zstd->stream)
        out_of_memory();
    return &zstd->stage;
}

#else
typedef int no_zstd_in_this_build;
#endif
