/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "collector/late.h"

#include "base/pages.h"
#include "base/sync.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef GC_THREADS
#define GC_THREADS 1
#endif
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>
#include <gc/gc_mark.h>

/* The program's functions, behind ours. Acquire and release: a thread that calls it sees what the program had set up by
 * then. */
static _Atomic GC_toggleref_func program_toggles;
static _Atomic GC_warn_proc program_warns;

/* With the allocator lock held. */
static void **strong;                   /* of the collection that begins */
static size_t strong_count, strong_room;
static void (*hear_of_kept)(const void *object);
static bool finalizing;
static pthread_t finalizing_thread;     /* warnings of others are not about what it does */

/* ---- Toggle references ---- */

static void make_room(void)
{
    size_t room = strong_room != 0 ? 2 * strong_room : PAGE_BYTES / sizeof *strong;
    void **larger = pages_alloc(room * sizeof *strong);
    if (larger == NULL) {
        /* What is not marked is lost, and the program would find out later, and elsewhere. */
        fputs("hapax: out of memory while the library recorded what toggle references hold\n", stderr);
        abort();
    }
    if (strong_room != 0) {
        memcpy(larger, strong, strong_count * sizeof *strong);
        pages_free(strong, strong_room * sizeof *strong);
    }
    strong = larger;
    strong_room = room;
}

static GC_ToggleRefStatus GC_CALLBACK decide(void *object)
{
    GC_ToggleRefStatus status = load_acquire(&program_toggles)(object);
    if (status != GC_TOGGLE_REF_STRONG)
        return status;
    if (strong_count == strong_room)
        make_room();
    strong[strong_count++] = object;
    return status;
}

void late_push_roots(void)
{
    if (strong_count > 0)
        GC_push_all_eager(strong, strong + strong_count);
}

void late_forget_roots(void)
{
    strong_count = 0;
}

/* ---- Cycles ---- */

void late_finalization_begins(void)
{
    finalizing_thread = pthread_self();
    finalizing = true;
}

void late_finalization_ends(void)
{
    finalizing = false;
}

/* Whatever bdwgc warns of there, an object that it names and has marked is one that it keeps. */
static void GC_CALLBACK warn(char *message, GC_word word)
{
    void *object = (void *)word;
    load_acquire(&program_warns)(message, word);
    if (finalizing && pthread_equal(finalizing_thread, pthread_self()) && object != NULL && GC_base(object) == object &&
        GC_is_marked(object))
        hear_of_kept(object);
}

/* ---- */

void late_watch(void (*kept)(const void *object))
{
    hear_of_kept = kept;
    /* Without a function of the program's there are no toggle references. */
    GC_toggleref_func toggles = GC_get_toggleref_func();
    if (toggles != NULL && toggles != decide) {
        store_release(&program_toggles, toggles);
        GC_set_toggleref_func(decide);
    }
    GC_warn_proc warns = GC_get_warn_proc();
    if (warns != warn) {
        store_release(&program_warns, warns);
        GC_set_warn_proc(warn);
    }
}
