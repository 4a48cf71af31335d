/* SPDX-License-Identifier: MIT */
/* What the suites of mapped files share. */
#ifndef TESTS_MAPPED_FILES_H
#define TESTS_MAPPED_FILES_H

#include "dying.h"
#include "files.h"

#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

enum { FILES = 500 };

TestSuite(mapped_file, .init = make_folder, .fini = remove_folder);

static hapax_mapped_file *(*const both[])(const char *) = {hapax_mapped_file_open, hapax_mapped_file_open_shared};

static inline void write_files(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        write_file(path_number(i).text, i, i + 1);
}

static inline bool is_file(const hapax_mapped_file *file, unsigned number, size_t size)
{
    hapax_span bytes = hapax_mapped_file_bytes(file);
    return file != NULL && bytes.size == size && has_bytes(bytes.data, size, number);
}

/* ---- Sharing ---- */

/* The library's calls come here: a file with this inode lies on a device of its own each time it is asked for. */
static _Atomic ino_t everywhere;

__attribute__((visibility("default"))) int fstat(int file, struct stat *status)
{
    static dev_t device = 4711;
    int result = (int)syscall(SYS_newfstatat, file, "", status, AT_EMPTY_PATH);
    if (result == 0 && everywhere != 0 && status->st_ino == everywhere)
        status->st_dev = device++;
    return result;
}

/* The library's calls come here: counts the files that are mapped, and takes its time to unmap one, so that there is
 * time to map it anew. */
enum { SHARED_FILES = 100, PLACES = 4096 };
static atomic_bool counts, opening;
static atomic_uint mapped, most_mapped;
static void *_Atomic places[PLACES];

__attribute__((visibility("default"))) void *mmap(void *where, size_t length, int access, int flags, int file,
                                                  off_t offset)
{
    void *start = (void *)syscall(SYS_mmap, where, length, access, flags, file, offset);
    if (!counts || start == MAP_FAILED || file < 0 || (flags & MAP_SHARED) != 0)
        return start;
    unsigned now = atomic_fetch_add(&mapped, 1u) + 1, most = most_mapped;
    while (now > most && !atomic_compare_exchange_weak(&most_mapped, &most, now))
        ;
    for (unsigned i = 0; i < PLACES; i++) {
        void *none = NULL;
        if (atomic_compare_exchange_strong(&places[i], &none, start))
            break;
    }
    return start;
}

__attribute__((visibility("default"))) int munmap(void *start, size_t length)
{
    bool counted = false;
    for (unsigned i = 0; counts && i < PLACES && !counted; i++) {
        void *expected = start;
        counted = atomic_compare_exchange_strong(&places[i], &expected, NULL);
    }
    if (counted)
        usleep(200);
    int result = (int)syscall(SYS_munmap, start, length);
    if (counted)
        atomic_fetch_sub(&mapped, 1u);
    return result;
}

#endif
