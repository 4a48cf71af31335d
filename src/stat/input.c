/* input.c - the files that are measured, as bytes in memory. */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif

#include "input.h"

#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_SIZE = 1 << 16 };

static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

/* A memory file with all that can be read from fd; -1 with errno. */
static int copy_to_memory_file(int fd)
{
    int copy = memfd_create("hapax input", MFD_CLOEXEC);
    if (copy < 0)
        return -1;
    char buffer[COPY_SIZE];
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got == 0)
            return copy;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || !write_all(copy, buffer, (size_t)got)) {
            int error = errno;
            close(copy);
            errno = error;
            return -1;
        }
    }
}

/* Reads one byte of each page: afterwards no measurement waits for the disk. */
static void touch_pages(const char *data, size_t size)
{
    long page = sysconf(_SC_PAGESIZE);
    size_t step = page > 0 ? (size_t)page : 4096;
    for (size_t at = 0; at < size; at += step)
        (void)*(const volatile char *)(data + at);
}

/* Maps the open file from offset on; false with errno. */
static bool map_from(struct input *input, int fd, size_t offset)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return false;
    if ((uintmax_t)status.st_size > SIZE_MAX) {
        errno = EFBIG;
        return false;
    }
    size_t size = (size_t)status.st_size;
    if (size <= offset)
        return true; /* nothing in it: stays empty */
    void *mapping = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapping == MAP_FAILED)
        return false;
    input->mapping = mapping;
    input->mapping_size = size;
    input->data = (const char *)mapping + offset;
    input->size = size - offset;
    touch_pages(input->data, input->size);
    return true;
}

/* Files that say they are empty may still have something to read, as those of /proc. */
static bool can_be_mapped(const struct stat *status)
{
    return S_ISREG(status->st_mode) && status->st_size > 0;
}

static bool map_or_copy(struct input *input, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return false;
    if (S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return false;
    }
    if (can_be_mapped(&status)) {
        /* Standard input may have been read in part already. It counts as read to its end now. */
        off_t offset = lseek(fd, 0, SEEK_CUR);
        if (!map_from(input, fd, offset > 0 ? (size_t)offset : 0))
            return false;
        lseek(fd, 0, SEEK_END);
        return true;
    }
    int copy = copy_to_memory_file(fd);
    if (copy < 0)
        return false;
    bool mapped = map_from(input, copy, 0);
    int error = errno;
    close(copy);
    errno = error;
    return mapped;
}

bool input_open(struct input *input, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    *input = (struct input){ standard ? "standard input" : path, "", 0, NULL, 0 };

    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    bool opened = fd >= 0 && map_or_copy(input, fd);
    if (!opened)
        complain("%s: %s", input->name, strerror(errno));
    if (fd >= 0 && !standard)
        close(fd);
    return opened;
}

void input_close(struct input *input)
{
    if (input->mapping)
        munmap(input->mapping, input->mapping_size);
    *input = (struct input){ input->name, "", 0, NULL, 0 };
}
