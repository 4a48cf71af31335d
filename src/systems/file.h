/* SPDX-License-Identifier: MIT */
/* Regular files, and their pages in memory. */
#ifndef HAPAX_FILE_H
#define HAPAX_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct file {
    int descriptor;
    size_t size;
    dev_t device;
    ino_t inode;
    int cancellation;
};

/* Opens a file for reading, for the public function of this name; the thread is not cancelled until it has closed it.
 * False with errno. */
bool file_open(struct file *file, const char *path, const char *function);
/* Leaves errno alone. */
void file_close(struct file *file);

/* Maps `length` bytes read-only and private: at `where`, in place of what is there, or anywhere where that is NULL.
 * Runs a collection where mappings are short: dead ones may hold them. NULL with errno; then nothing may be left at
 * `where`. */
void *file_map(const struct file *file, void *where, size_t length);

#endif
