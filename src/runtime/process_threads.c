/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/process_threads.h"

#include "runtime/thread.h"


#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The collector's own threads mark and wait, and touch no other memory. They never end. */
enum { MARKERS = 64 };
static int markers[MARKERS];
static unsigned marker_count;

/* As the system hands them out. */
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static int parse_number(const char *text)
{
    int number = 0;
    while (*text >= '0' && *text <= '9')
        number = number * 10 + (*text++ - '0');
    return number;
}

/* "<task>/comm" begins with the name that the collector gives its threads. */
static bool is_named_marker(int directory, const char *task)
{
    static const char name[] = "GC-marker-";
    char path[32], text[sizeof name - 1];
    size_t length = strlen(task);
    if (length + sizeof "/comm" > sizeof path)
        return false;
    memcpy(path, task, length);
    memcpy(path + length, "/comm", sizeof "/comm");
    int file = openat(directory, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t got = read(file, text, sizeof text);
    close(file);
    return got == (ssize_t)sizeof text && memcmp(text, name, sizeof text) == 0;
}

static bool is_marker(int directory, const char *name, int task)
{
    for (unsigned i = 0; i < marker_count; i++)
        if (markers[i] == task)
            return true;
    if (marker_count == MARKERS || !is_named_marker(directory, name))
        return false;
    markers[marker_count++] = task;
    return true;
}

static bool is_known(int directory, const char *name)
{
    int task = parse_number(name);
    return task == 0 /* "." and ".." */ || thread_is_known(task) || is_marker(directory, name, task);
}

static bool all_known(int directory)
{
    _Alignas(struct entry) char buffer[4096];
    for (;;) {
        long got = syscall(SYS_getdents64, directory, buffer, sizeof buffer);
        if (got <= 0)
            return got == 0;
        const struct entry *entry;
        for (long at = 0; at < got; at += entry->length) {
            entry = (const void *)(buffer + at);
            if (!is_known(directory, entry->name))
                return false;
        }
    }
}

bool process_threads_all_known(void)
{
    int before = errno, directory = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool known = directory >= 0 && all_known(directory);
    if (directory >= 0)
        close(directory);
    errno = before;
    return known;
}

void process_threads_fork_child(void)
{
    marker_count = 0;
}
