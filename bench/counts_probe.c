/* SPDX-License-Identifier: MIT */
/* What hapax writes for other threads to see, counted. Built by bench/counts, from the library's sources compiled with
   counting.h, and linked with what this file puts in front of the C library's mutexes.

   Inserts: every distinct value once, each a new one. Hits: the same values again, and the whole stream. Each prints,
   for one operation, the lines written, the atomic read-modify-writes, and how often the collector's allocator lock
   was taken, and then each place in the code that wrote.

   Then the hits once more, with all memory read-only that is not this thread's own: a hit that writes anything that
   another thread could see, by whatever instruction, ends the program with a line that says where. Linked with -z now:
   nothing is bound at its first call. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>

#include <hapax.h>

#include "counting.h"
#include "harness.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

_Thread_local bool counting_on;
_Thread_local struct counting_operation counting_operation;

extern struct counting_site __start_counting_sites[], __stop_counting_sites[];

static hapax_table *table;
static hapax_handle *kept;

/* ---- The allocator lock ------------------------------------------------- */

/* bdwgc 8.2 guards its heap with one pthread mutex, which it tries first and then waits for. */
static pthread_mutex_t *allocator_lock, *last_locked;
static uint64_t allocator_locked;

static void saw_lock(pthread_mutex_t *mutex)
{
    last_locked = mutex;
    if (counting_on && mutex == allocator_lock)
        ++allocator_locked;
}

typedef int mutex_function(pthread_mutex_t *);

/* Found before the first count: dlsym itself may take mutexes. */
static mutex_function *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    mutex_function *function;
    memcpy(&function, &found, sizeof function);
    return function;
}

__attribute__((visibility("default"))) int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static mutex_function *lock;
    if (lock == NULL)
        lock = real("pthread_mutex_lock");
    int error = lock(mutex);
    if (error == 0)
        saw_lock(mutex);
    return error;
}

__attribute__((visibility("default"))) int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    static mutex_function *trylock;
    if (trylock == NULL)
        trylock = real("pthread_mutex_trylock");
    int error = trylock(mutex);
    if (error == 0)
        saw_lock(mutex);
    return error;
}

static void *GC_CALLBACK remember_lock(void *unused)
{
    allocator_lock = last_locked;
    return unused;
}

static void find_allocator_lock(void)
{
    GC_call_with_alloc_lock(remember_lock, NULL);
    if (allocator_lock == NULL) {
        fputs("counts_probe: this libgc takes no pthread mutex: its lock cannot be counted\n", stderr);
        exit(2);
    }
}

/* ---- Counting ----------------------------------------------------------- */

static struct {
    uint64_t operations, lines, most_lines;
} phase;

static void phase_begin(void)
{
    for (struct counting_site *site = __start_counting_sites; site != __stop_counting_sites; ++site)
        site->count = 0;
    phase.operations = phase.lines = phase.most_lines = 0;
    allocator_locked = 0;
}

static hapax_handle counted_make(struct bench_span value)
{
    counting_operation.count = 0;
    counting_on = true;
    hapax_handle handle = hapax_make_handle(table, value.data, value.size);
    counting_on = false;
    ++phase.operations;
    phase.lines += counting_operation.count;
    if (counting_operation.count > phase.most_lines)
        phase.most_lines = counting_operation.count;
    return handle;
}

static void phase_end(const char *name)
{
    uint64_t writes = 0, modifications = 0;
    for (struct counting_site *site = __start_counting_sites; site != __stop_counting_sites; ++site) {
        writes += site->count;
        modifications += site->read_modify_write ? site->count : 0;
    }
    bench_begin("hapax", name);
    bench_whole("operations", phase.operations);
    bench_whole("lines_written", phase.lines);
    bench_whole("most_lines_in_one", phase.most_lines);
    bench_whole("writes", writes);
    bench_whole("read_modify_writes", modifications);
    bench_whole("allocator_locked", allocator_locked);
    bench_end();
    for (struct counting_site *site = __start_counting_sites; site != __stop_counting_sites; ++site) {
        if (site->count == 0)
            continue;
        const char *file = strrchr(site->file, '/');
        bench_begin("hapax", "site");
        bench_text("phase", name);
        bench_text("file", file != NULL ? file + 1 : site->file);
        bench_text("function", site->function);
        bench_text("what", site->what);
        bench_flag("read_modify_write", site->read_modify_write);
        bench_whole("count", site->count);
        bench_end();
    }
}

/* ---- Read-only ---------------------------------------------------------- */

enum { MOST_RANGES = 4096, PAGE = 4096, OWN_PAGES = 4 };
static struct {
    char *start, *end;
} ranges[MOST_RANGES];
static size_t range_count;

/* Everything that can be written now, but for the stacks that threads run on. */
static void find_writable(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[1024];
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL && range_count < MOST_RANGES) {
        unsigned long start, end;
        char rights[8];
        if (sscanf(line, "%lx-%lx %7s", &start, &end, rights) == 3 && rights[1] == 'w' &&
            strstr(line, "[stack]") == NULL) {
            ranges[range_count].start = (char *)start;
            ranges[range_count].end = (char *)end;
            ++range_count;
        }
    }
    if (maps != NULL)
        fclose(maps);
}

static bool protect(int rights)
{
    /* The thread's own block: the kernel writes there, too, where it moves the thread to another processor. */
    char *own = (char *)((uintptr_t)__builtin_thread_pointer() / PAGE * PAGE);
    char *own_start = own - OWN_PAGES * PAGE, *own_end = own + OWN_PAGES * PAGE;
    bool done = range_count > 0;
    for (size_t i = 0; i < range_count; ++i) {
        char *start = ranges[i].start, *end = ranges[i].end;
        char *first_end = end < own_start ? end : own_start, *second_start = start > own_end ? start : own_end;
        if (start < first_end)
            done &= mprotect(start, (size_t)(first_end - start), rights) == 0;
        if (second_start < end)
            done &= mprotect(second_start, (size_t)(end - second_start), rights) == 0;
    }
    return done;
}

static void wrote(int signal_number, siginfo_t *info, void *unused)
{
    (void)signal_number;
    (void)unused;
    char text[] = "counts_probe: a hit writes to shared memory, at 0x0000000000000000\n";
    uintptr_t address = (uintptr_t)info->si_addr;
    for (char *digit = text + sizeof text - 3; address != 0; address /= 16)
        *digit-- = "0123456789abcdef"[address % 16];
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(1);
}

static uintptr_t hits(const struct bench_span *values, size_t count)
{
    enum { BATCH = 256 };
    uintptr_t sum = 0;
    for (size_t i = 0; i < count; ++i)
        sum += (uintptr_t)hapax_make_handle(table, values[i].data, values[i].size);
    for (size_t from = 0; from < count; from += BATCH) {
        size_t size = count - from < BATCH ? count - from : BATCH;
        hapax_span spans[BATCH];
        hapax_handle handles[BATCH];
        for (size_t i = 0; i < size; ++i)
            spans[i] = (hapax_span){values[from + i].data, values[from + i].size};
        hapax_make_handles(table, spans, size, handles);
        for (size_t i = 0; i < size; ++i)
            sum += (uintptr_t)handles[i];
    }
    return sum;
}

static void hits_read_only(const struct bench_corpus *corpus)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = wrote;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, NULL);
    find_writable();
    bool done = protect(PROT_READ);
    uintptr_t sum = hits(corpus->tokens, corpus->count) + hits(corpus->shuffled, corpus->distinct);
    done &= protect(PROT_READ | PROT_WRITE);
    if (!done || sum == 0) {
        fputs("counts_probe: memory could not be made read-only\n", stderr);
        exit(2);
    }
    bench_begin("hapax", "hits_read_only");
    bench_whole("operations", 2 * (corpus->count + corpus->distinct));
    bench_end();
}

int main(int argc, char **argv)
{
    struct bench_options options;
    struct bench_corpus corpus;
    bench_parse_options(argc, argv, &options);
    bench_load_corpus(&options, &corpus);
    if (hapax_init() != 0 || hapax_search_malloc(false) != 0 || (table = hapax_table_new(NULL, 0)) == NULL ||
        (kept = hapax_alloc(corpus.distinct * sizeof *kept)) == NULL) {
        perror("counts_probe");
        return 2;
    }
    find_allocator_lock();

    size_t slot = 0;
    phase_begin();
    for (size_t i = 0; i < corpus.count; ++i)
        if (corpus.first[i] != 0)
            kept[slot++] = counted_make(corpus.tokens[i]);
    phase_end("insert");

    uintptr_t wrong = 0;
    phase_begin();
    for (size_t i = 0; i < corpus.count; ++i)
        wrong |= (uintptr_t)counted_make(corpus.tokens[i]) ^ (uintptr_t)kept[corpus.ordinal[i]];
    phase_end("hit");
    if (wrong != 0)
        bench_wrong("a hit gives another handle than the insert");

    hits_read_only(&corpus);
    return bench_status();
}
