/* SPDX-License-Identifier: MIT */
/* A folder of files for suites about mapped files, and how many of them are mapped. */
#ifndef TESTS_FILES_H
#define TESTS_FILES_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX / 4];

static inline void make_folder(void)
{
    const char *where = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/hapax-files.XXXXXX", where != NULL ? where : "/tmp");
    cr_assert_not_null(mkdtemp(folder), "no folder can be made in the folder for temporary files (TMPDIR): %s", folder);
    /* As /proc/self/maps will name it. */
    char *real = realpath(folder, NULL);
    cr_assert_not_null(real);
    snprintf(folder, sizeof folder, "%s", real);
    free(real);
}

struct path {
    char text[PATH_MAX];
};

static inline struct path path_of(const char *name)
{
    struct path path;
    snprintf(path.text, sizeof path.text, "%s/%s", folder, name);
    return path;
}

static inline struct path path_number(unsigned number)
{
    char name[16];
    snprintf(name, sizeof name, "%u", number);
    return path_of(name);
}

static inline void remove_folder(void)
{
    DIR *open = opendir(folder);
    for (struct dirent *entry; open != NULL && (entry = readdir(open)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)remove(path_of(entry->d_name).text);
    if (open != NULL)
        closedir(open);
    (void)rmdir(folder);
}

/* Byte i of file n. */
static inline unsigned char byte_of(unsigned number, size_t i)
{
    return (unsigned char)(number * 31 + i * 7 + i / 4096);
}

static inline void write_file(const char *path, unsigned number, size_t size)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    for (size_t i = 0; i < size; i++)
        putc(byte_of(number, i), file);
    cr_assert_eq(fclose(file), 0);
}

static inline bool has_bytes(const void *data, size_t size, unsigned number)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != byte_of(number, i))
            return false;
    return true;
}

/* Mappings of files in the folder. While others map and unmap, one may be missed or counted twice. */
static inline unsigned count_mapped(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    cr_assert_not_null(maps);
    char *line = NULL;
    size_t room = 0;
    unsigned count = 0;
    while (getline(&line, &room, maps) > 0)
        count += strstr(line, folder) != NULL;
    free(line);
    fclose(maps);
    return count;
}

static inline unsigned count_descriptors(void)
{
    unsigned count = 0;
    DIR *open = opendir("/proc/self/fd");
    while (readdir(open) != NULL)
        count++;
    closedir(open);
    return count;
}

#endif
