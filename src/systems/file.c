/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "systems/file.h"

#include "base/park.h"
#include "base/refuse.h"
#include "collector/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Why it cannot be mapped, or 0. */
static int examine(struct file *file)
{
    struct stat status;
    if (fstat(file->descriptor, &status) != 0)
        return errno;
    if (S_ISDIR(status.st_mode))
        return EISDIR;
    if (!S_ISREG(status.st_mode))
        return ENODEV;  /* what mmap says of a pipe */
    if ((uintmax_t)status.st_size > PTRDIFF_MAX)
        return EFBIG;
    file->size = (size_t)status.st_size;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    return 0;
}

bool file_open(struct file *file, const char *path, const char *function)
{
    if (path == NULL) {
        refuse(EINVAL, function, "the path is NULL");
        return false;
    }
    int before = errno;
    file->cancellation = cancellation_off();
    /* Without waiting for somebody to write into a FIFO. */
    do
        file->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (file->descriptor < 0 && errno == EINTR);
    if (file->descriptor < 0) {
        cancellation_restore(file->cancellation);
        return false;
    }
    errno = before;
    int error = examine(file);
    if (error != 0) {
        file_close(file);
        errno = error;
        return false;
    }
    return true;
}

void file_close(struct file *file)
{
    int before = errno;
    (void)close(file->descriptor);
    cancellation_restore(file->cancellation);
    errno = before;
}

static void *map(const struct file *file, void *where, size_t length)
{
    return mmap(where, length, PROT_READ, MAP_PRIVATE | (where != NULL ? MAP_FIXED : 0), file->descriptor, 0);
}

void *file_map(const struct file *file, void *where, size_t length)
{
    int before = errno;
    void *start = map(file, where, length);
    if (start == MAP_FAILED && errno == ENOMEM) {
        collector_collect();
        start = map(file, where, length);
    }
    if (start == MAP_FAILED)
        return NULL;
    errno = before;
    return start;
}
