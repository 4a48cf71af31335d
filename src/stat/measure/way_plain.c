/* SPDX-License-Identifier: MIT */
/* way_plain.c - every value is a heap string of its own. */
#include "config.h"

#include "stat/base/message.h"
#include "stat/measure/way.h"

#include <malloc.h>
#include <string.h>

static void start(const void **pointers, size_t count)
{
    (void)pointers;
    (void)count;
}

static void enter_thread(void)
{
}

/* What strdup does, also for a value with a NUL in it. */
static const void *keep_strdup(const char *data, size_t size)
{
    return memcpy(need_memory(size + 1), data, size + 1);
}

struct counted_string {
    size_t size;
    char data[];
};

static const void *keep_counted(const char *data, size_t size)
{
    struct counted_string *string = need_memory(sizeof *string + size + 1);
    string->size = size;
    memcpy(string->data, data, size + 1);
    return string;
}

static uint64_t heap_bytes(const void *const *pointers, size_t count)
{
    /* The usable size leaves out the word in front of each block. malloc.h wants no const. */
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += malloc_usable_size((void *)pointers[i]) + sizeof(size_t);
    return bytes;
}

const struct way way_strdup = { "strdup", start, enter_thread, keep_strdup, heap_bytes, 1 };
const struct way way_counted_plain = { "length and string", start, enter_thread, keep_counted,
                                       heap_bytes, sizeof(struct counted_string) + 1 };
