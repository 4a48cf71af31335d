/* SPDX-License-Identifier: MIT */
/*
 * file_stage.c - reads a file from its descriptor.
 *
 * By read, whatever the file is: what a file's status says of its size counts for nothing, as in
 * /proc and /sys, and a file that becomes shorter meanwhile simply ends earlier.
 */
#include "config.h"

#include "stat/base/message.h"
#include "stat/input/stage.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 18 };

struct file_stage {
    struct stage stage;
    int fd;
    char buffer[READ_SIZE];
};

static bool produce(struct stage *stage, struct piece *piece)
{
    struct file_stage *file = (struct file_stage *)stage;
    ssize_t got;
    do
        got = read(file->fd, file->buffer, sizeof file->buffer);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return stage_fail(stage, "%s%s", strerror(errno),
                          errno == EISDIR ? " (--recursive reads what is in it)" : "");
    stage->report->bytes_read += (uint64_t)got;
    *piece = (struct piece){ file->buffer, (size_t)got };
    return true;
}

static void end(struct stage *stage)
{
    close(((struct file_stage *)stage)->fd);
}

struct stage *file_stage(int fd, struct stage_report *report)
{
    struct file_stage *file = (struct file_stage *)stage_new(sizeof *file, NULL, report);
    file->stage.produce = produce;
    file->stage.end = end;
    file->fd = fd;
    return &file->stage;
}
