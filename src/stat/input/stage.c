/* SPDX-License-Identifier: MIT */
/* stage.c - one step on the way from a file to the bytes that are cut. */
#include "config.h"

#include "stat/input/stage.h"

#include "stat/base/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct stage *stage_new(size_t size, struct stage *below, struct stage_report *report)
{
    struct stage *stage = need_zeroed(1, size);
    stage->below = below;
    stage->report = report;
    return stage;
}

bool stage_next(struct stage *stage, struct piece *piece)
{
    if (stage->pending.size == 0)
        return stage->produce(stage, piece);
    *piece = stage->pending;
    stage->pending.size = 0;
    return true;
}

bool stage_peek(struct stage *stage, size_t wanted, struct piece *piece)
{
    if (stage->pending.size == 0 && !stage->produce(stage, &stage->pending))
        return false;
    while (stage->pending.size < wanted) {
        struct bytes gathered = { NULL, 0, 0 };
        bytes_append(&gathered, stage->pending.data, stage->pending.size);
        bytes_free(&stage->ahead);
        stage->ahead = gathered;
        struct piece more;
        bool well = stage->produce(stage, &more);
        if (well)
            bytes_append(&stage->ahead, more.data, more.size);
        stage->pending = (struct piece){ stage->ahead.data, stage->ahead.size };
        if (!well)
            return false;
        if (more.size == 0)
            break;
    }
    *piece = stage->pending;
    return true;
}

void stage_skip(struct stage *stage, size_t size)
{
    stage->pending.data += size;
    stage->pending.size -= size;
    stage->skipped += size;
}

void stage_free(struct stage *stage)
{
    while (stage) {
        struct stage *below = stage->below;
        stage->end(stage);
        bytes_free(&stage->ahead);
        free(stage);
        stage = below;
    }
}

bool stage_fail(struct stage *stage, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(stage->report->reason, sizeof stage->report->reason, format, arguments);
    va_end(arguments);
    return false;
}
