/* SPDX-License-Identifier: MIT */
/* bytes.c - a run of bytes that grows. */
#include "config.h"

#include "stat/base/bytes.h"

#include "stat/base/message.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void bytes_append(struct bytes *bytes, const void *data, size_t size)
{
    if (size == 0)
        return;
    if (size > SIZE_MAX / 4 - bytes->size)
        out_of_memory();
    size_t needed = bytes->size + size;
    if (needed > bytes->capacity) {
        size_t capacity = bytes->capacity ? bytes->capacity : 256;
        while (capacity < needed)
            capacity *= 2;
        bytes->data = need_resized(bytes->data, capacity);
        bytes->capacity = capacity;
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size = needed;
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){ NULL, 0, 0 };
}
