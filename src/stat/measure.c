/* measure.c - running a measurement in a process of its own. */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_ANONYMOUS, pipe2, strsignal */
#endif

#include "measure.h"

#include "message.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROGRESS_INTERVAL_MS = 100, READ_SIZE = 1 << 16 };

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double measure_keeping(const struct measure_job *job, const struct keeper *keeper,
                       struct kept *kept, crew_progress *progress)
{
    const struct crew crew = {
        .inputs = job->inputs,
        .input_count = job->input_count,
        .format = job->format,
        .keeper = keeper,
        .kept = kept,
        .threads = job->threads,
        .progress = progress,
    };
    double start = seconds_now();
    crew_keep_all(&crew);
    return seconds_now() - start;
}

static void write_or_end(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t written = write(fd, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            _exit(EXIT_FAILURE); /* nobody waits for the result any more */
        at += written;
        size -= (size_t)written;
    }
}

/* The child: measures, and sends the result and the top values. */
static _Noreturn void measure_and_send(measure_way *way, const struct measure_job *job,
                                       crew_progress *progress, int to)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* for whom would it go on? */
    struct measurement result = { 0 };
    struct bytes top = { NULL, 0, 0 };
    way(job, progress, &result, &top);
    write_or_end(to, &result, sizeof result);
    write_or_end(to, top.data, top.size);
    _exit(EXIT_SUCCESS);
}

/* The parent: everything the child sends until it closes the pipe; false with errno. */
static bool receive(int from, crew_progress *progress, struct bytes *received)
{
    char buffer[READ_SIZE];
    for (;;) {
        struct pollfd ready = { .fd = from, .events = POLLIN };
        int answer = poll(&ready, 1, PROGRESS_INTERVAL_MS);
        if (answer < 0 && errno != EINTR)
            return false;
        progress_show(atomic_load_explicit(progress, memory_order_relaxed));
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

/* Waits for the child; says why where it did not end well. */
static bool child_ended_well(pid_t child, const char *label)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) {
            complain("waiting for the %s measurement: %s", label, strerror(errno));
            return false;
        }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS)
        complain("an input became shorter while it was measured");
    else if (WIFSIGNALED(status))
        complain("the %s measurement was ended by a signal: %s", label,
                 strsignal(WTERMSIG(status)));
    /* One that exits with an error has said why itself. */
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static bool run_child(measure_way *way, const char *label, const struct measure_job *job,
                      crew_progress *progress, struct bytes *received)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        complain("no pipe: %s", strerror(errno));
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        measure_and_send(way, job, progress, ends[1]);
    }
    close(ends[1]);
    if (child < 0) {
        complain("no process: %s", strerror(errno));
        close(ends[0]);
        return false;
    }
    bool complete = receive(ends[0], progress, received);
    int error = errno;
    close(ends[0]);
    progress_clear();
    bool well = child_ended_well(child, label);
    if (well && !complete)
        complain("reading the %s measurement: %s", label, strerror(error));
    return well && complete;
}

bool measure_in_process(measure_way *way, const char *label, const struct measure_job *job,
                        struct measurement *result, struct bytes *top)
{
    crew_progress *progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED)
        out_of_memory();
    atomic_init(progress, 0);

    uint64_t total = 0;
    for (size_t i = 0; i < job->input_count; i++)
        total += job->inputs[i].size;
    progress_start(label, total);

    struct bytes received = { NULL, 0, 0 };
    bool well = run_child(way, label, job, progress, &received);
    if (well && received.size < sizeof *result) {
        complain("the %s measurement sent no result", label);
        well = false;
    }
    if (well) {
        memcpy(result, received.data, sizeof *result);
        bytes_append(top, received.data + sizeof *result, received.size - sizeof *result);
    }
    bytes_free(&received);
    munmap(progress, sizeof *progress);
    return well;
}
