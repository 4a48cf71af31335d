/* SPDX-License-Identifier: MIT */
/* file_list.c - the names of the files that are read. */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* d_type */
#endif

#include "stat/input/file_list.h"

#include "stat/base/bytes.h"
#include "stat/base/message.h"
#include "stat/input/source.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Takes the name over. */
static void append(struct file_list *list, char *name, const struct stat *status)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 64;
        list->names = need_resized(list->names, list->capacity * sizeof *list->names);
    }
    list->names[list->count++] = name;
    if (status && S_ISREG(status->st_mode))
        list->known_size += (uint64_t)status->st_size;
}

static char *copy_of(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(need_memory(size), text, size);
}

static char *joined(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    size_t slash = length > 0 && folder[length - 1] != '/';
    char *path = need_memory(length + slash + strlen(name) + 1);
    memcpy(path, folder, length);
    if (slash)
        path[length] = '/';
    strcpy(path + length + slash, name);
    return path;
}

static int is_no_dot(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* By bytes: the order is the same in every locale. */
static int by_name(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static void walk(struct file_list *list, const struct file_list_rules *rules, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_no_dot, by_name);
    if (count < 0) {
        if (errno == ENOMEM)
            out_of_memory();
        complain("%s: %s", folder, strerror(errno));
        list->refused++;
        return;
    }
    for (int i = 0; i < count; i++) {
        struct stat status;
        char *path = joined(folder, entries[i]->d_name);
        bool wanted = !rules->include || fnmatch(rules->include, entries[i]->d_name, 0) == 0;
        if (lstat(path, &status) != 0) {
            complain("%s: %s", path, strerror(errno));
            list->refused++;
        } else if (S_ISDIR(status.st_mode)) {
            walk(list, rules, path);
        } else if (S_ISREG(status.st_mode) && wanted) {
            append(list, path, &status);
            path = NULL; /* the list's */
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
}

void file_list_add(struct file_list *list, const struct file_list_rules *rules, const char *path)
{
    struct stat status;
    bool known = strcmp(path, "-") != 0 && stat(path, &status) == 0;
    if (known && rules->recursive && S_ISDIR(status.st_mode))
        walk(list, rules, path);
    else
        append(list, copy_of(path), known ? &status : NULL); /* opening it tells what is wrong */
}

static void add_names(struct file_list *list, const struct file_list_rules *rules,
                      struct bytes *names)
{
    bytes_append(names, "", 1); /* the last name may lack its NUL */
    for (size_t at = 0; at < names->size; at += strlen(names->data + at) + 1)
        if (names->data[at])
            file_list_add(list, rules, names->data + at);
}

bool file_list_add_from(struct file_list *list, const struct file_list_rules *rules,
                        const char *path)
{
    struct source source;
    if (!source_open(&source, path, SOURCE_LEFT_ALONE))
        return false;
    struct bytes names = { NULL, 0, 0 };
    struct piece piece;
    bool well;
    while ((well = source_next(&source, &piece)) && piece.size > 0)
        bytes_append(&names, piece.data, piece.size);
    if (well)
        add_names(list, rules, &names);
    else
        complain("%s: %s", source.name, source.report.reason);
    bytes_free(&names);
    source_close(&source);
    return well;
}

void file_list_free(struct file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (struct file_list){ 0 };
}
