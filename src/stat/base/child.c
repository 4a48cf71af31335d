/* SPDX-License-Identifier: MIT */
/* child.c - work in a process of its own, its progress, and what it sends back. */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create, pipe2, secure_getenv, strsignal */
#endif

#include "stat/base/child.h"

#include "stat/base/message.h"
#include "stat/base/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROGRESS_INTERVAL_MS = 100, READ_SIZE = 1 << 16 };

void child_send(int to, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t written = write(to, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            _exit(EXIT_SAID_WHY); /* nobody waits for the result any more */
        at += written;
        size -= (size_t)written;
    }
}

static _Noreturn void run_in_child(const struct child_job *job, struct child_progress *progress,
                                   int to, int others)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* for whom would it go on? */
    if (others >= 0)
        message_turn_away(others);
    job->work(job->context, progress, to);
    _exit(EXIT_SUCCESS);
}

static void show(const struct child_job *job, struct child_progress *progress)
{
    /* Relaxed: numbers to show. */
    bool second = atomic_load_explicit(&progress->second, memory_order_relaxed);
    progress_show(job->labels[second],
                  atomic_load_explicit(&progress->done, memory_order_relaxed),
                  atomic_load_explicit(&progress->total, memory_order_relaxed));
}

/* Everything the child sends until it closes the pipe; false with errno. */
static bool receive(int from, const struct child_job *job, struct child_progress *progress,
                    struct bytes *received)
{
    char buffer[READ_SIZE];
    for (;;) {
        struct pollfd ready = { .fd = from, .events = POLLIN };
        int answer = poll(&ready, 1, PROGRESS_INTERVAL_MS);
        if (answer < 0 && errno != EINTR)
            return false;
        show(job, progress);
        if (answer <= 0)
            continue;
        ssize_t got = read(from, buffer, sizeof buffer);
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR)
            return false;
        if (got > 0)
            bytes_append(received, buffer, (size_t)got);
    }
}

/* What was turned away, for a death that nobody has explained. */
static void show_others(int others)
{
    char buffer[READ_SIZE];
    ssize_t got;
    off_t at = 0;
    while (others >= 0 && (got = pread(others, buffer, sizeof buffer, at)) > 0) {
        ssize_t written = write(STDERR_FILENO, buffer, (size_t)got);
        (void)written; /* nobody is left to tell */
        at += got;
    }
}

static bool ended_well(pid_t child, const char *name, int others)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) {
            complain("waiting for the %s: %s", name, strerror(errno));
            return false;
        }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SAID_WHY)
        return false;
    show_others(others);
    if (WIFSIGNALED(status))
        complain("the %s was ended by the signal: %s", name, strsignal(WTERMSIG(status)));
    else
        complain("the %s failed", name);
    return false;
}

static bool run(const struct child_job *job, struct child_progress *progress, int others,
                struct bytes *received)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        complain("cannot make a pipe: %s", strerror(errno));
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_in_child(job, progress, ends[1], others);
    }
    close(ends[1]);
    if (child < 0) {
        complain("cannot start a process: %s", strerror(errno));
        close(ends[0]);
        return false;
    }
    bool complete = receive(ends[0], job, progress, received);
    int error = errno;
    close(ends[0]);
    progress_clear();
    bool well = ended_well(child, job->name, others);
    if (well && !complete)
        complain("reading the %s: %s", job->name, strerror(error));
    return well && complete;
}

bool child_run(const struct child_job *job, struct bytes *received)
{
    struct child_progress *progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE,
                                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED)
        out_of_memory();
    int others = secure_getenv("HAPAX_DEBUG") ? -1 : memfd_create("hapax stderr", MFD_CLOEXEC);
    bool well = run(job, progress, others, received);
    if (others >= 0)
        close(others);
    munmap(progress, sizeof *progress);
    return well;
}
