/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "debug/unknown_threads.h"

#include "base/clock.h"
#include "base/environment.h"
#include "base/sync.h"
#include "collector/collector.h"
#include "debug/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool is_on;

/* Those seen so far that the collector did not know; what follows is a collection's own. */
enum { ROOM = 256, PATIENCE_NS = 10 * 1000 * 1000 };
static struct seen {
    int task;
    bool is_named;
    uint64_t first_ns;
} seen[ROOM];
static unsigned seen_count;

/* Here the world is stopped: nothing that may hold a lock is called, so files are read with system calls alone. */

/* The beginning of "/proc/self/task/<task>/<name>", NUL-terminated. False where the thread is gone. */
static bool read_file(int tasks, const char *task, const char *name, char *text, size_t size)
{
    char path[64];
    size_t length = strlen(task), name_length = strlen(name);
    if (length + name_length + 2 > sizeof path)
        return false;
    memcpy(path, task, length);
    path[length] = '/';
    memcpy(path + length + 1, name, name_length + 1);
    int file = openat(tasks, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t got = read(file, text, size - 1);
    close(file);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* Whether the thread stands still, or is gone. One that has answered the collector may need a moment to get there. */
static bool is_stopped(int tasks, const char *task)
{
    enum { TURNS = 50, PAUSE_NS = 100 * 1000 };
    static const char field[] = "\nSigBlk:";
    for (unsigned turn = 0; turn < TURNS; turn++) {
        char text[4096];
        if (!read_file(tasks, task, "status", text, sizeof text))
            return true;
        const char *blocked = strstr(text, field);
        if (blocked == NULL || collector_is_stopped(strtoull(blocked + sizeof field - 1, NULL, 16)))
            return true;
        if (turn + 1 < TURNS)
            nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
    }
    return false;
}

/* Threads of the collector's and of the library's own: they touch no collected memory, or none before they are known,
 * for which they may have to wait while others collect. */
static bool is_excused(const char *name)
{
    static const char *const names[] = {"GC-marker-", "hapax-"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static struct seen *find(int task)
{
    for (unsigned i = 0; i < seen_count; i++)
        if (seen[i].task == task)
            return &seen[i];
    return NULL;
}

static void look_at(int tasks, const char *text)
{
    struct unknown_thread thread = {.task = atoi(text)};
    struct seen *before = find(thread.task);
    if (thread.task == 0 || thread.task == syscall(SYS_gettid) || (before != NULL && before->is_named) ||
        !read_file(tasks, text, "comm", thread.name, sizeof thread.name) || is_excused(thread.name) ||
        is_stopped(tasks, text))
        return;
    thread.name[strcspn(thread.name, "\n")] = '\0';
    if (before == NULL && seen_count < ROOM)
        seen[seen_count++] = (struct seen){thread.task, false, monotonic_ns()};
    else if (before != NULL && monotonic_ns() - before->first_ns >= PATIENCE_NS)
        before->is_named = debug_report_unknown_thread(&thread);
}

/* As the system hands them out. */
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

void unknown_threads_mark_end(void)
{
    if (likely(!is_on))
        return;
    int before = errno, tasks = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _Alignas(struct entry) char buffer[4096];
    for (long got; tasks >= 0 && (got = syscall(SYS_getdents64, tasks, buffer, sizeof buffer)) > 0;) {
        const struct entry *entry;
        for (long at = 0; at < got; at += entry->length) {
            entry = (const void *)(buffer + at);
            look_at(tasks, entry->name);
        }
    }
    if (tasks >= 0)
        close(tasks);
    errno = before;
}

void unknown_threads_start(void)
{
    is_on = environment_debug("threads");
}

void unknown_threads_fork_child(void)
{
    seen_count = 0;
}
