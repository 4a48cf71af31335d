/* SPDX-License-Identifier: MIT */
/* What a thread holds, or gives to finalizers and cleanups. */
#include "config.h"

#include "stress.h"

#ifndef GC_THREADS
#define GC_THREADS 1
#endif
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>

/* ---- What a thread holds ---- */

struct holding *any_holding(struct worker *worker)
{
    struct holding *places[] = {worker->in_collected, worker->in_range, worker->on_stack};
    return places[dice(3)] + dice(HELD);
}

void let_go(struct holding *holding)
{
    *holding = (struct holding){0};
}

void check_holding(struct holding *holding)
{
    if (holding->handle == NULL)
        return;
    expect_canonical(holding->subject, holding->handle, holding->number, "held");
    if (holding->weak == NULL)
        return;
    if (hapax_weak_value(holding->weak) != (const void *)holding->handle)
        fail("the weak pointer of a handle that is held is dead");
    if (hapax_weak_make(holding->handle) != holding->weak)
        fail("two weak pointers for one handle that is held");
}

/* ---- Foreign finalizers that bring back ---- */

/* A foreign object that reaches a handle, or the handle itself. */
struct foreign {
    struct subject *subject;
    hapax_handle handle;
    hapax_weak weak;        /* of the handle */
    unsigned number;
};
struct foreign *_Atomic brought_back[BROUGHT_BACK];

static void GC_CALLBACK bring_back(void *object, void *unused)
{
    (void)unused;
    struct foreign *foreign = object;
    uint64_t saved = chance;
    if (chance == 0)
        chance = first_seed;
    /* All it reaches was brought back with it, as if nothing had been. */
    expect_canonical(foreign->subject, foreign->handle, foreign->number, "brought back");
    if (foreign->weak != NULL && hapax_weak_value(foreign->weak) != (const void *)foreign->handle)
        fail("the weak pointer of a handle that was brought back is dead");
    store_release(&brought_back[dice(BROUGHT_BACK)], foreign);
    add_relaxed(&resurrected, 1u);
    if (saved != 0 && dice(3) == 0)
        GC_register_finalizer(object, bring_back, NULL, NULL, NULL);
}

struct bring_back_handle {
    struct subject *subject;
    unsigned number;
};

static void GC_CALLBACK bring_handle_back(void *object, void *data)
{
    struct bring_back_handle *what = data;
    if (chance == 0)
        chance = first_seed;
    expect_canonical(what->subject, object, what->number, "brought back itself");
    meet(what->subject, object, what->number, "brought back itself");
    add_relaxed(&resurrected, 1u);
}

/* A finalizer of ours: what its object reaches is alive and canonical until it has run. */
static void finalize(void *object, void *argument)
{
    struct foreign *ours = object;
    (void)argument;
    if (chance == 0)
        chance = first_seed;
    expect_canonical(ours->subject, ours->handle, ours->number, "finalized");
    if (hapax_weak_value(ours->weak) != (const void *)ours->handle)
        fail("the weak pointer of a handle that a finalizer reaches is dead");
    add_relaxed(&finalized, 1u);
    if (dice(3) == 0 && hapax_set_finalizer(object, finalize, NULL) != 0)
        fail("no finalizer set anew");
    store_release(&brought_back[dice(BROUGHT_BACK)], ours);
}

void give_to_finalizer(struct subject *subject, hapax_handle handle, unsigned number)
{
    struct foreign *ours = hapax_alloc(sizeof *ours);
    *ours = (struct foreign){subject, handle, hapax_weak_make(handle), number};
    if (hapax_set_finalizer(ours, finalize, NULL) != 0)
        fail("no finalizer");
}

void give_to_foreign(struct subject *subject, hapax_handle handle, unsigned number)
{
    if (dice(2) == 0) {
        struct foreign *foreign = GC_MALLOC(sizeof *foreign);
        *foreign = (struct foreign){subject, handle, dice(2) == 0 ? hapax_weak_make(handle) : NULL, number};
        GC_register_finalizer(foreign, bring_back, NULL, NULL, NULL);
    } else {
        struct bring_back_handle *what = GC_MALLOC(sizeof *what);
        *what = (struct bring_back_handle){subject, number};
        GC_register_finalizer((void *)(uintptr_t)handle, bring_handle_back, what, NULL, NULL);
    }
}

/* ---- Cleanups ---- */

struct watch {
    hapax_weak weak;
    hapax_cleanup cleanup;
    atomic_bool ran, stopped;
};

static void note_death(void *argument)
{
    struct watch *watch = argument;
    if (chance == 0)
        chance = first_seed;
    if (atomic_exchange(&watch->ran, true))
        fail("a cleanup ran twice");
    if (load_acquire(&watch->stopped))
        fail("a cleanup ran that was stopped while its object was held");
    if (hapax_weak_value(watch->weak) != NULL)
        fail("a cleanup ran while its object lives");
    add_relaxed(&cleanups_ran, 1u);
}

void add_cleanup(struct worker *worker, const void *object)
{
    struct watch *watch = hapax_alloc(sizeof *watch);
    watch->weak = hapax_weak_make(object);
    if (hapax_add_cleanup(object, note_death, watch, &watch->cleanup) != 0)
        fail("no cleanup");
    add_relaxed(&cleanups_added, 1u);
    if (dice(3) == 0) {
        /* The object is held, so it has not begun. */
        hapax_cleanup_stop(watch->cleanup);
        store_release(&watch->stopped, true);
        add_relaxed(&cleanups_stopped, 1u);
    }
    unsigned place = dice(8);
    /* Stopping one that may have run, or runs now, is harmless. */
    struct watch *old = worker->watches[place];
    if (old != NULL && load_acquire(&old->stopped))
        hapax_cleanup_stop(old->cleanup);
    worker->watches[place] = watch;
    hapax_keep_alive(object);
}
