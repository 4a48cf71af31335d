/* SPDX-License-Identifier: MIT */
/* A library to preload into a test: it keeps stale words on purpose.
 *
 * Stacks, registers and static data are searched for whatever looks like a pointer, so an object that the program has
 * dropped may live on because of a word that nobody uses any more. Which objects live on depends on the processor, the
 * compiler and the linker. This library chooses the worst: for each place of the test from which it gets objects,
 * words to the last K of them stay behind. The first of these words goes before the second collection from then on, so
 * that its object dies late; the second word stays for ever; the third goes before the third collection, and so on.
 * Moreover each call that gives the test an object leaves its address in all registers that a call may overwrite, and
 * in the dead part of the stack.
 *
 *     HAPAX_TEST_STALE=K LD_PRELOAD=.../libstale.so tests/test_NAME       (K from 1 to 8; else it does nothing)
 *
 * `make check HAPAX_TEST_STALE=K` runs every test so. */
#include "config.h"

#include "registers.h"

#include <hapax.h>

#include <dlfcn.h>
#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>
#include <link.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SITES = 4096, MOST_WORDS = 8, DEAD_WORDS = 256 };

static unsigned words_kept;                     /* K */
static uintptr_t program_start, program_end;    /* the program's own code */

/* Static data of a shared library: the collector searches it. All fields are hints, and threads may overwrite each
 * other's; no order among them is needed. */
static struct site {
    atomic_uintptr_t caller;
    atomic_uint next;
    atomic_uintptr_t words[MOST_WORDS];
    atomic_ulong last_collection[MOST_WORDS];   /* once it has ended, the word goes */
} sites[SITES];

static int find_program(struct dl_phdr_info *program, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (unsigned i = 0; i < program->dlpi_phnum; i++)
        if (program->dlpi_phdr[i].p_type == PT_LOAD && (program->dlpi_phdr[i].p_flags & PF_X) != 0) {
            program_start = program->dlpi_addr + program->dlpi_phdr[i].p_vaddr;
            program_end = program_start + program->dlpi_phdr[i].p_memsz;
        }
    return 1;       /* the first is the program; no other is wanted */
}

__attribute__((constructor)) static void begin(void)
{
    const char *words = getenv("HAPAX_TEST_STALE");
    words_kept = words != NULL ? (unsigned)atoi(words) : 0;
    if (words_kept > MOST_WORDS)
        words_kept = MOST_WORDS;
    dl_iterate_phdr(find_program, NULL);
}

static struct site *site_of(uintptr_t caller)
{
    size_t first = (caller - program_start) * UINT64_C(0x9e3779b97f4a7c15) >> 40;
    for (size_t i = 0; i < SITES; i++) {
        struct site *site = &sites[(first + i) % SITES];
        uintptr_t there = 0;
        if (atomic_compare_exchange_strong_explicit(&site->caller, &there, caller, memory_order_relaxed,
                                                    memory_order_relaxed) ||
            there == caller)
            return site;
    }
    return NULL;
}

/* Lets go of the words whose time has come. */
static void expire(void)
{
    GC_word now = GC_get_gc_no();
    for (struct site *site = sites; site < sites + SITES; site++)
        for (unsigned i = 0; i < words_kept; i++)
            if (now >= atomic_load_explicit(&site->last_collection[i], memory_order_relaxed))
                atomic_store_explicit(&site->words[i], 0, memory_order_relaxed);
}

static void keep(uintptr_t caller, uintptr_t word)
{
    struct site *site = site_of(caller);
    if (site == NULL)
        return;
    unsigned place = atomic_fetch_add_explicit(&site->next, 1, memory_order_relaxed) % words_kept;
    static const unsigned collections[] = {1, 0, 2};
    GC_word last = collections[place % 3] != 0 ? GC_get_gc_no() + collections[place % 3] : (GC_word)-1;
    atomic_store_explicit(&site->last_collection[place], last, memory_order_relaxed);
    atomic_store_explicit(&site->words[place], word, memory_order_relaxed);
}

/* In the part of the stack that the next calls of the program use. */
static __attribute__((noinline)) void leave_on_stack(uintptr_t word)
{
    volatile uintptr_t frame[DEAD_WORDS];
    for (unsigned i = 0; i < DEAD_WORDS; i++)
        frame[i] = word;
}

/* Where the test gets an object from another function than its own. */
static inline void note(const void *caller, const void *object)
{
    if (words_kept == 0 || object == NULL || (uintptr_t)caller - program_start >= program_end - program_start)
        return;
    keep((uintptr_t)caller, (uintptr_t)object);
    leave_on_stack((uintptr_t)object);
    leave_in_registers((uintptr_t)object);
}

#pragma GCC visibility push(default)

/* The next definition of NAME, a function of these PARAMETERS. Every program that calls one has it. */
#define NEXT(name)                                                                                                    \
    static __typeof__(name) *_Atomic next;                                                                            \
    if (next == NULL)                                                                                                 \
        next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define GIVES_OBJECT(type, name, parameters, arguments)                                                               \
    type name parameters                                                                                              \
    {                                                                                                                 \
        NEXT(name);                                                                                                   \
        type object = next arguments;                                                                                 \
        note(__builtin_return_address(0), (const void *)object);                                                      \
        return object;                                                                                                \
    }

#define COLLECTS(name)                                                                                                \
    void name(void)                                                                                                   \
    {                                                                                                                 \
        NEXT(name);                                                                                                   \
        if (words_kept != 0)                                                                                          \
            expire();                                                                                                 \
        next();                                                                                                       \
    }

GIVES_OBJECT(void *, hapax_alloc, (size_t size), (size))
GIVES_OBJECT(void *, hapax_alloc_plain, (size_t size), (size))
GIVES_OBJECT(hapax_table *, hapax_table_new, (const struct hapax_type *type, unsigned flags), (type, flags))
GIVES_OBJECT(hapax_handle, hapax_make_handle, (hapax_table * table, const void *value, size_t size),
             (table, value, size))
GIVES_OBJECT(hapax_handle, hapax_make_handle_hashed,
             (hapax_table * table, const void *value, size_t size, uint64_t hash), (table, value, size, hash))
GIVES_OBJECT(hapax_handle, hapax_find_handle, (hapax_table * table, const void *value, size_t size),
             (table, value, size))
GIVES_OBJECT(hapax_handle, hapax_intern, (const char *string), (string))
GIVES_OBJECT(hapax_weak, hapax_weak_make, (const void *pointer), (pointer))
GIVES_OBJECT(void *, hapax_weak_value, (hapax_weak weak), (weak))
GIVES_OBJECT(hapax_cache *, hapax_cache_new,
             (void *(*create)(const void *, size_t, void *, int *), void *context), (create, context))
GIVES_OBJECT(void *, hapax_cache_get, (hapax_cache *cache, const void *key, size_t size, int *error),
             (cache, key, size, error))
GIVES_OBJECT(hapax_weak_map *, hapax_weak_map_new, (void), ())
GIVES_OBJECT(void *, hapax_weak_map_get, (hapax_weak_map *map, const void *key), (map, key))
GIVES_OBJECT(hapax_mapped_file *, hapax_mapped_file_open, (const char *path), (path))
GIVES_OBJECT(hapax_mapped_file *, hapax_mapped_file_open_shared, (const char *path), (path))
GIVES_OBJECT(const char *, hapax_map_bytes, (const char *path, size_t *size), (path, size))
GIVES_OBJECT(hapax_worker *, hapax_worker_start, (void *owner, void (*tick)(void *), void *state, unsigned interval_ms),
             (owner, tick, state, interval_ms))
GIVES_OBJECT(void *, GC_malloc, (size_t size), (size))
GIVES_OBJECT(void *, GC_malloc_atomic, (size_t size), (size))
COLLECTS(hapax_collect)
COLLECTS(GC_gcollect)
