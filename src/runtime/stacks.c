/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/stacks.h"

#include "collector/collector.h"
#include "runtime/mappings.h"
#include "runtime/thread.h"
#include "runtime/touched_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool any_astray;     /* of the threads, some run elsewhere */

/* ---- Where a thread is ---- */

static uintptr_t parse_hexadecimal(const char *text)
{
    uintptr_t number = 0;
    for (char c; (c = *text) != '\0'; text++) {
        if (c >= '0' && c <= '9')
            number = number * 16 + (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            number = number * 16 + (uintptr_t)(c - 'a' + 10);
        else
            break;
    }
    return number;
}

/* "/proc/self/task/<task>/syscall" */
static int open_state(int task)
{
    char path[64] = "/proc/self/task/", digits[12];
    size_t length = strlen(path), count = 0;
    do
        digits[count++] = (char)('0' + task % 10);
    while ((task /= 10) > 0);
    while (count > 0)
        path[length++] = digits[--count];
    memcpy(path + length, "/syscall", sizeof "/syscall");
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* The stack pointer of a thread that waits for the end of the collection, or 0 where the system does not tell. It ends
 * the line, before the instruction's address. */
static uintptr_t stack_pointer_of(int task)
{
    enum { TRIES = 10000 };
    int file = open_state(task);
    uintptr_t pointer = 0;
    for (unsigned i = 0; file >= 0 && i < TRIES; i++) {
        char line[256];
        ssize_t size = pread(file, line, sizeof line - 1, 0);
        if (size <= 0)
            break;
        if (line[0] != 'r') {
            line[size] = '\0';
            char *last = strrchr(line, 'x');
            if (last != NULL) {
                *last = '\0';
                char *before = strrchr(line, 'x');
                pointer = before != NULL ? parse_hexadecimal(before + 1) : 0;
            }
            break;
        }
        /* "running": it has told the collector that it stops, and is about to. */
        sched_yield();
    }
    if (file >= 0)
        close(file);
    return pointer;
}

static bool is_astray(const struct thread *thread, uintptr_t pointer)
{
    return pointer != 0 && thread->stack_low != 0 &&
           pointer - thread->stack_low >= thread->stack_base - thread->stack_low;
}

/* ---- Before ---- */

static int own_task;
static bool world_is_stopped;

/* Whether the system tells the program's own stack pointers: an emulator runs the program on stacks of its own. */
static bool is_told_truly(void)
{
    enum { NEAR = 64 << 10 };
    static enum { UNKNOWN, TRULY, FALSELY } told;
    if (told == UNKNOWN) {
        uintptr_t here = (uintptr_t)__builtin_frame_address(0), pointer = stack_pointer_of(own_task);
        told = here - pointer < NEAR ? TRULY : FALSELY;
    }
    return told == TRULY;
}

static void look_up(struct thread *thread)
{
    uintptr_t pointer = thread->task == own_task ? (uintptr_t)__builtin_frame_address(0)
                        : !is_told_truly()       ? 0
                        : world_is_stopped       ? stack_pointer_of(thread->task)
                                                 : thread->astray_at;
    thread->astray_at = is_astray(thread, pointer) ? pointer : 0;
    /* While it runs on, what lies at its last stack pointer may be gone. */
    thread->astray_end = thread->astray_at;
    any_astray = any_astray || thread->astray_at != 0;
}

static void find_end(struct thread *thread, void *data)
{
    enum { MOST = 8 << 20 };
    const struct mapping *mapping = data;
    uintptr_t at = thread->astray_at, page = touched_page_size();
    if (at - mapping->start >= mapping->end - mapping->start)
        return;
    uintptr_t end = mapping->end - at < MOST ? mapping->end : at + MOST, next = (at & -page) + page;
    while (next < end && !collector_is_heap((const void *)next))
        next += page;
    thread->astray_end = next < end ? next : end;
}

static void find_ends(const struct mapping *mapping, void *unused)
{
    (void)unused;
    struct mapping copy = *mapping;
    thread_each_known(find_end, &copy);
}

static void look_up_each(struct thread *thread, void *unused)
{
    (void)unused;
    look_up(thread);
}

static void send_astray(struct thread *thread, void *unused)
{
    (void)unused;
    if (thread->astray_at != 0)
        collector_set_stack_base(thread->handle, thread->astray_end);
}

void stacks_before_push(bool is_stopped)
{
    char buffer[MAPPINGS_BUFFER_BYTES];
    int before = errno;
    own_task = (int)syscall(SYS_gettid);
    world_is_stopped = is_stopped;
    any_astray = false;
    thread_each_known(look_up_each, NULL);
    if (any_astray) {
        if (is_stopped)
            (void)mappings_each(buffer, sizeof buffer, find_ends, NULL);
        thread_each_known(send_astray, NULL);
    }
    errno = before;
}

/* ---- After ---- */

static void push(uintptr_t start, uintptr_t end)
{
    collector_push_range((const void *)start, (const void *)end);
}

static void bring_home(struct thread *thread, void *unused)
{
    (void)unused;
    if (thread->astray_at == 0)
        return;
    collector_set_stack_base(thread->handle, thread->stack_base);
    touched_pages_each(thread->stack_low, thread->stack_base, true, push);
}

void stacks_after_push(void)
{
    if (!any_astray)
        return;
    touched_pages_begin();
    thread_each_known(bring_home, NULL);
    touched_pages_end();
}
