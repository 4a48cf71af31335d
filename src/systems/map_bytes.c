/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/mapped_file.h>

#include <hapax/memory.h>

#include "base/refuse.h"
#include "base/sync.h"
#include "collector/collector.h"
#include "runtime/thread.h"
#include "systems/file.h"
#include "systems/mapping.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

static size_t round_up(size_t size, size_t page)
{
    return (size + page - 1) & ~(page - 1);
}

/* A block of the collected heap with whole pages of its own, and the file in their place. At least a byte of the block
 * lies behind them, so a pointer one past the end leads to no neighbour. The collector neither reads nor writes a plain
 * block after it has handed it out, until it hands it out again. */
static const char *map(const struct file *file)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct registry *group = mapping_common_group();
    if (group == NULL)
        return NULL;
    size_t length = round_up(file->size, page);
    char *block = length < SIZE_MAX / 2 ? collector_alloc_plain(length + page) : NULL;
    if (block == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    char *start = block + (-(uintptr_t)block & (page - 1));
    /* First, so that nothing can fail once the file is there. Where it does not come, nothing changes in the end. */
    if (!mapping_attach(group, block, start, length, MAPPING_RESTORED))
        return NULL;
    if (file_map(file, start, length) == NULL) {
        int error = errno;
        mapping_restore(start, length);
        errno = error;
        return NULL;
    }
    keep_reachable(block);
    return start;
}

const char *hapax_map_bytes(const char *path, size_t *size)
{
    struct file file;
    if (size != NULL)
        *size = 0;
    if (thread_enter() == NULL)
        return NULL;
    if (!collector_inner_pointers_count()) {
        refuse(ENOTSUP, "hapax_map_bytes",
               "the program has turned off interior pointers (GC_set_all_interior_pointers)");
        return NULL;
    }
    if (!file_open(&file, path, "hapax_map_bytes"))
        return NULL;
    const char *start = file.size > 0 ? map(&file) : hapax_alloc_plain(1);
    file_close(&file);
    if (start != NULL && size != NULL)
        *size = file.size;
    return start;
}
