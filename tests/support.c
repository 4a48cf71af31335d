/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "limits.h"
#include "support.h"
#include "thread_state.h"

#include <dirent.h>
#include <gc/gc.h>
#include <gc/gc_mark.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static __attribute__((noinline)) void make_all(size_t n, void (*make)(size_t))
{
    for (size_t i = 0; i < n; i++)
        make(i);
}

/* Also what lies deeper than the collector's own clearing reaches. */
static __attribute__((noinline)) void overwrite_stack(void)
{
    volatile char frame[16384];
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = 0;
    GC_clear_stack(NULL);
}

void make_each(size_t n, void (*make)(size_t))
{
    make_all(n, make);
    overwrite_stack();
}

void collect(void)
{
    overwrite_stack();
    hapax_collect();
}

size_t count_dead(const hapax_weak *weak, size_t n)
{
    size_t dead = 0;
    for (size_t i = 0; i < n; i++)
        dead += hapax_weak_value(weak[i]) == NULL;
    overwrite_stack();
    return dead;
}

enum { CHILD_SECONDS = 20 };

static int end_of(pid_t child)
{
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#ifdef __SANITIZE_ADDRESS__
static bool others_sleep(void)
{
    DIR *threads = opendir("/proc/self/task");
    bool sleep = true;
    for (struct dirent *entry; threads != NULL && (entry = readdir(threads)) != NULL;) {
        int thread = atoi(entry->d_name);
        if (thread != gettid() && thread_state(thread) == 'R')
            sleep = false;
    }
    if (threads != NULL)
        closedir(threads);
    return sleep;
}

/* A thread that has just begun allocates, and a fork takes a lock of the address sanitizer's allocator along: the child
 * then waits for ever. Some tests have threads that never sleep: they are waited for a while. */
static void let_others_sleep(void)
{
    enum { LOOKS = 100 };
    for (unsigned looks = 0, asleep = 0; looks < LOOKS && asleep < 2; looks++) {
        asleep = others_sleep() ? asleep + 1 : 0;
        usleep(200);
    }
}
#else
static void let_others_sleep(void)
{
}
#endif

static pid_t fork_this(void)
{
    let_others_sleep();
    fflush(NULL);
    return fork();
}

int in_child(int (*work)(void *), void *data)
{
    pid_t child = fork_this();
    if (child == 0) {
        alarm(CHILD_SECONDS * time_scale());
        _exit(work(data));
    }
    return end_of(child);
}

int in_child_heard(int (*work)(void *), void *data, char *heard, size_t room)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    pid_t child = fork_this();
    if (child == 0) {
        alarm(CHILD_SECONDS * time_scale());
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        _exit(work(data));
    }
    close(ends[1]);
    size_t size = 0;
    for (ssize_t got; size + 1 < room && (got = read(ends[0], heard + size, room - 1 - size)) > 0;)
        size += (size_t)got;
    heard[size] = '\0';
    close(ends[0]);
    return end_of(child);
}

void *in_thread(void *(*work)(void *), void *data)
{
    pthread_t thread;
    void *result = NULL;
    if (pthread_create(&thread, NULL, work, data) != 0 || pthread_join(thread, &result) != 0)
        abort();
    return result;
}
