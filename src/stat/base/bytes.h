/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - a run of bytes that grows.
 *
 * Invariant: size <= capacity; data is NULL exactly when capacity is 0.
 */
#ifndef STAT_BASE_BYTES_H
#define STAT_BASE_BYTES_H

#include <stddef.h>

struct bytes {
    char *data;
    size_t size;
    size_t capacity;
};

void bytes_append(struct bytes *bytes, const void *data, size_t size);
void bytes_free(struct bytes *bytes);

#endif
