/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/mapped_file.h>

#include <hapax/cache.h>
#include <hapax/memory.h>

#include "base/sync.h"
#include "runtime/thread.h"
#include "systems/file.h"
#include "systems/mapping.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Plain, collected memory; the mapping ends with it. */
struct hapax_mapped_file {
    const void *start;
    size_t size;
};

/* An empty file is mapped too, for one byte that is not there: so its inode number stays taken as long as its mapping
 * is shared. */
static size_t mapped_length(size_t size)
{
    return size > 0 ? size : 1;
}

static hapax_mapped_file *map(const struct file *file, struct registry *group)
{
    hapax_mapped_file *mapped = thread_alloc_plain(thread_self, sizeof *mapped);
    if (mapped == NULL)
        return NULL;
    size_t length = mapped_length(file->size);
    void *start = file_map(file, NULL, length);
    if (start == NULL)
        return NULL;
    mapped->start = start;
    mapped->size = file->size;
    if (!mapping_attach(group, mapped, start, length, MAPPING_UNMAPPED)) {
        (void)munmap(start, length);
        errno = ENOMEM;
        return NULL;
    }
    return mapped;
}

hapax_mapped_file *hapax_mapped_file_open(const char *path)
{
    struct registry *group;
    struct file file;
    if (thread_enter() == NULL || (group = mapping_common_group()) == NULL ||
        !file_open(&file, path, "hapax_mapped_file_open"))
        return NULL;
    hapax_mapped_file *mapped = map(&file, group);
    file_close(&file);
    return mapped;
}

/* ---- Shared mappings ---- */

/* Collected memory, pinned. */
struct shared {
    hapax_cache *files;         /* by device and inode */
    struct registry *group;     /* made after the cache: a file is unmapped before its entry is gone */
};

/* The file that the thread has open, for the cache's function. */
static _Thread_local const struct file *opened;

static void *map_shared(const void *key, size_t size, void *context, int *error)
{
    (void)key, (void)size;
    const struct shared *shared = context;
    hapax_mapped_file *mapped = map(opened, shared->group);
    if (mapped == NULL)
        *error = errno;
    return mapped;
}

static struct shared *new_shared(void)
{
    struct shared *shared = hapax_alloc(sizeof *shared);
    if (shared == NULL || (shared->files = hapax_cache_new(map_shared, shared)) == NULL ||
        (shared->group = mapping_group()) == NULL || hapax_pin(shared) != 0)
        return NULL;
    return shared;
}

static struct shared *the_shared(void)
{
    static struct shared *_Atomic everyones;
    struct shared *shared = load_acquire(&everyones);   /* acquire: it is filled in */
    if (shared != NULL)
        return shared;
    struct shared *fresh = new_shared();
    if (fresh == NULL || cas_acq_rel(&everyones, &shared, fresh))
        return fresh;
    hapax_unpin(fresh);
    return shared;
}

hapax_mapped_file *hapax_mapped_file_open_shared(const char *path)
{
    struct shared *shared;
    struct file file;
    if (thread_enter() == NULL || (shared = the_shared()) == NULL ||
        !file_open(&file, path, "hapax_mapped_file_open_shared"))
        return NULL;
    struct {
        dev_t device;
        ino_t inode;
    } key;
    memset(&key, 0, sizeof key);
    key.device = file.device;
    key.inode = file.inode;
    opened = &file;
    hapax_mapped_file *mapped = hapax_cache_get(shared->files, &key, sizeof key, NULL);
    file_close(&file);
    return mapped;
}

hapax_span hapax_mapped_file_bytes(const hapax_mapped_file *file)
{
    thread_enter_reader();
    return file != NULL ? (hapax_span){file->start, file->size} : (hapax_span){NULL, 0};
}
