/* SPDX-License-Identifier: MIT */
/*
 * file_list.h - the names of the files that are read, from the arguments, a list, or folders.
 */
#ifndef STAT_INPUT_FILE_LIST_H
#define STAT_INPUT_FILE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_list {
    char **names;
    size_t count;
    size_t capacity;
    size_t refused;      /* names that could not be used; each was said */
    uint64_t known_size; /* bytes, as far as the files' status tells */
};

struct file_list_rules {
    bool recursive;      /* a folder stands for the files in it */
    const char *include; /* in folders only files whose names match; NULL: all */
};

/* Appends a name. A folder, if the rules say so, is walked: the regular files in it and in its
   folders, in the order of their names; symbolic links in it are passed over. */
void file_list_add(struct file_list *list, const struct file_list_rules *rules, const char *path);

/* Appends the names in a file, each ended by a NUL; "-" is standard input. False: said why. */
bool file_list_add_from(struct file_list *list, const struct file_list_rules *rules,
                        const char *path);

void file_list_free(struct file_list *list);

#endif
