/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "collector/kinds.h"

#include "base/sync.h"

#include <assert.h>
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#ifndef GC_THREADS
#define GC_THREADS 1
#endif
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>
#include <gc/gc_mark.h>

static_assert(GC_DS_LENGTH == 0 && GC_DS_TAGS == COLLECTOR_RANGE_TAGS, "a plain range is a length to bdwgc, too");

/* By their numbers; NULL: not found. Written at the start. */
static const GC_mark_proc *procedures;

/* ---- Finding the procedures ---- */

static struct GC_ms_entry *mark_nothing(GC_word *start, struct GC_ms_entry *top, struct GC_ms_entry *limit,
                                        GC_word data)
{
    (void)start, (void)limit, (void)data;
    return top;
}

#ifdef __GLIBC__
#include <link.h>

struct search {
    const char *module;     /* an address in bdwgc */
    const GC_mark_proc *first_hit, *last_hit;
};

/* A program that has bdwgc inside, and more data than this, is not searched. */
enum { MOST_DATA = 16 << 20 };

static void search_data(struct search *search, uintptr_t start, size_t bytes)
{
    const _Atomic GC_mark_proc *words = (const _Atomic GC_mark_proc *)((start + sizeof *words - 1) & -sizeof *words);
    for (size_t i = 0; bytes <= MOST_DATA && i + 1 < bytes / sizeof *words; i++)
        if (load_relaxed(&words[i]) == mark_nothing) {
            search->last_hit = (const GC_mark_proc *)(const void *)&words[i];
            if (search->first_hit == NULL)
                search->first_hit = search->last_hit;
        }
}

static int search_module(struct dl_phdr_info *module, size_t size, void *data)
{
    struct search *search = data;
    (void)size;
    bool is_it = false;
    for (unsigned i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &module->dlpi_phdr[i];
        is_it |=
            part->p_type == PT_LOAD && (uintptr_t)search->module - (module->dlpi_addr + part->p_vaddr) < part->p_memsz;
    }
    for (unsigned i = 0; is_it && i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &module->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_W) != 0)
            search_data(search, module->dlpi_addr + part->p_vaddr, part->p_memsz);
    }
    return is_it;
}

static const GC_mark_proc *find_procedures(unsigned number)
{
    /* A program may have a stub of its own for the function; its data is not where the table is. */
    void *function = dlsym(RTLD_DEFAULT, "GC_new_proc");
    struct search search = {.module = function != NULL ? function : (void *)(uintptr_t)GC_new_proc};
    dl_iterate_phdr(search_module, &search);
    /* A start that a fork has cut short may have entered ours before: then it stands there twice, and nowhere else. */
    return search.first_hit != NULL && search.last_hit - search.first_hit <= number ? search.last_hit - number : NULL;
}
#else
static const GC_mark_proc *find_procedures(unsigned number)
{
    (void)number;
    return NULL;
}
#endif

int kinds_ours[KINDS_OURS];

void kinds_start(void)
{
    /* Where a fork has cut this short, the child goes on. */
    if (kinds_ours[1] == 0)
        kinds_ours[1] = (int)GC_new_kind(GC_new_free_list(), GC_DS_LENGTH, 0, 0);
    if (kinds_ours[2] == 0)
        kinds_ours[2] = (int)GC_new_kind(GC_new_free_list(), GC_DS_LENGTH, 1, 1);
    if (procedures == NULL)
        procedures = find_procedures(GC_new_proc(mark_nothing));
}

/* ---- Inside a collection ---- */

static void complain(void)
{
    static const char line[] =
        "hapax: an object with its own mark procedure is reachable only through a weak map or a finalizer, and this "
        "build of the collector does not let the library call the procedure: what only the procedure finds may be "
        "freed\n";
    static bool done;
    if (!done && write(STDERR_FILENO, line, strlen(line)) > 0)
        done = true;
}

/* Word by word, whatever the program may have said of it. */
static struct collector_range all_words(const void *base)
{
    return (struct collector_range){base, GC_size(base) & ~(sizeof(void *) - 1)};
}

struct collector_range kinds_mark(const void *base)
{
    /* bdwgc marks the object and pushes what is to be searched of it, if anything: where it is, and its descriptor. */
    struct collector_range stack[4] = {{NULL, 0}};
    struct GC_ms_entry *bottom = (struct GC_ms_entry *)(void *)stack,
                       *limit = (struct GC_ms_entry *)(void *)(stack + 4);
    struct GC_ms_entry *top = GC_mark_and_push((void *)(uintptr_t)base, bottom, limit, NULL);
    if (top == bottom)
        return (struct collector_range){base, 0};
    if (stack[1].start == base)
        return stack[1];
    complain();
    return all_words(base);
}

/* A descriptor that stands in the object itself, or in the type that its first word leads to. */
static uintptr_t follow_descriptor(struct collector_range range)
{
    const char *start = range.start;
    uintptr_t how = range.how, found = 0;
    if ((intptr_t)how >= 0) {
        memcpy(&found, start + (how & ~(uintptr_t)GC_DS_TAGS), sizeof found);
        return found;
    }
    const char *type;
    memcpy(&type, start, sizeof type);
    /* One that lies in a list of free memory has no type. */
    if (type != NULL)
        memcpy(&found, type - ((intptr_t)(how & ~(uintptr_t)GC_DS_TAGS) + GC_INDIR_PER_OBJ_BIAS), sizeof found);
    return found;
}

static struct collector_range *push_bitmap(struct collector_range range, struct collector_range *top,
                                           struct collector_range *limit)
{
    struct GC_ms_entry *last = (struct GC_ms_entry *)(void *)(top - 1);
    void *const *word = range.start;
    for (uintptr_t bits = range.how & ~(uintptr_t)GC_DS_TAGS; bits != 0; bits <<= 1, word++)
        if ((intptr_t)bits < 0)
            last = GC_MARK_AND_PUSH(*word, last, (struct GC_ms_entry *)(void *)limit, NULL);
    return (struct collector_range *)(void *)last + 1;
}

static struct collector_range *push_by_procedure(struct collector_range range, struct collector_range *top,
                                                 struct collector_range *limit)
{
    GC_mark_proc procedure = procedures[range.how >> GC_DS_TAG_BITS & (GC_MAX_MARK_PROCS - 1)];
    GC_word *start = (GC_word *)(uintptr_t)range.start;
    struct GC_ms_entry *last = (struct GC_ms_entry *)(void *)(top - 1);
    last = procedure(start, last, (struct GC_ms_entry *)(void *)limit,
                     range.how >> (GC_DS_TAG_BITS + GC_LOG_MAX_MARK_PROCS));
    return (struct collector_range *)(void *)last + 1;
}

struct collector_range *kinds_search(struct collector_range range, struct collector_range *top,
                                     struct collector_range *limit)
{
    while ((range.how & GC_DS_TAGS) == GC_DS_PER_OBJECT)
        range.how = follow_descriptor(range);
    /* bdwgc drops what finds no room, and tells nobody: it has found room if the last place was not used. */
    struct collector_range *last = limit - 1;
    if (top >= last)
        return NULL;
    last->start = NULL;
    switch (range.how & GC_DS_TAGS) {
    case GC_DS_LENGTH:
        *top++ = range;
        break;
    case GC_DS_BITMAP:
        top = push_bitmap(range, top, limit);
        break;
    default:
        if (procedures != NULL) {
            top = push_by_procedure(range, top, limit);
            break;
        }
        complain();
        *top++ = all_words(GC_base((void *)(uintptr_t)range.start));
    }
    return last->start == NULL ? top : NULL;
}
