/* SPDX-License-Identifier: MIT */
/* spool.c - all values of the input, one behind the other, in memory that processes share. */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif

#include "stat/values/spool.h"

#include "stat/base/message.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCK_SIZE = 1 << 18, BUFFER_SIZE = 1 << 20, LONGEST_NUMBER = 10 };

static const char no_room[] = "no room for the values";

int spool_create(void)
{
    int fd = memfd_create("hapax values", MFD_CLOEXEC);
    if (fd < 0)
        give_up(no_room);
    return fd;
}

void spool_begin(struct spool_writer *writer, int fd)
{
    *writer = (struct spool_writer){ .fd = fd };
}

static void flush(struct spool_writer *writer)
{
    const char *at = writer->buffer.data;
    size_t left = writer->buffer.size;
    while (left > 0) {
        ssize_t written = write(writer->fd, at, left);
        if (written < 0 && errno != EINTR)
            give_up(no_room);
        if (written > 0) {
            at += written;
            left -= (size_t)written;
        }
    }
    writer->written += writer->buffer.size;
    writer->buffer.size = 0;
}

static uint64_t position(const struct spool_writer *writer)
{
    return writer->written + writer->buffer.size;
}

static size_t put_number(char *to, uint64_t number)
{
    size_t size = 0;
    for (; number >= 0x80; number >>= 7)
        to[size++] = (char)(number | 0x80);
    to[size++] = (char)number;
    return size;
}

static void begin_block_if_due(struct spool_writer *writer)
{
    const struct bytes *blocks = &writer->blocks;
    struct spool_block last = { 0, 0 };
    if (blocks->size > 0)
        memcpy(&last, blocks->data + blocks->size - sizeof last, sizeof last);
    if (blocks->size > 0 && position(writer) - last.start < BLOCK_SIZE)
        return;
    const struct spool_block block = { position(writer), writer->values };
    bytes_append(&writer->blocks, &block, sizeof block);
}

void spool_add(struct spool_writer *writer, uint32_t place, const char *data, size_t size)
{
    begin_block_if_due(writer);
    char head[2 * LONGEST_NUMBER];
    size_t head_size = put_number(head, place);
    head_size += put_number(head + head_size, size);
    bytes_append(&writer->buffer, head, head_size);
    bytes_append(&writer->buffer, data, size);
    bytes_append(&writer->buffer, "", 1);
    writer->values++;
    if (writer->buffer.size >= BUFFER_SIZE)
        flush(writer);
}

struct spool_mark spool_mark(const struct spool_writer *writer)
{
    return (struct spool_mark){ position(writer), writer->values, writer->blocks.size };
}

void spool_rewind(struct spool_writer *writer, struct spool_mark mark)
{
    flush(writer);
    if (ftruncate(writer->fd, (off_t)mark.size) != 0 ||
        lseek(writer->fd, (off_t)mark.size, SEEK_SET) < 0)
        give_up(no_room);
    writer->written = mark.size;
    writer->values = mark.values;
    writer->blocks.size = mark.blocks_size;
}

void spool_finish(struct spool_writer *writer)
{
    flush(writer);
    bytes_free(&writer->buffer);
}

void spool_open(struct spool *spool, int fd, uint64_t size, uint64_t values,
                const struct bytes *blocks)
{
    *spool = (struct spool){ "", size, values, (const struct spool_block *)blocks->data,
                             blocks->size / sizeof(struct spool_block) };
    if (size == 0)
        return;
    void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        give_up(no_room);
    spool->data = data;
}

void spool_close(struct spool *spool)
{
    if (spool->size > 0)
        munmap((void *)spool->data, spool->size);
    *spool = (struct spool){ "", 0, 0, NULL, 0 };
}

uint64_t spool_block_end(const struct spool *spool, size_t block)
{
    return block + 1 < spool->block_count ? spool->blocks[block + 1].start : spool->size;
}
