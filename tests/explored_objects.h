/* SPDX-License-Identifier: MIT */
/* What the programs that explore weak pointers and cleanups share: objects, and where they are held. */
#ifndef TESTS_EXPLORED_OBJECTS_H
#define TESTS_EXPLORED_OBJECTS_H

#include "collector/collector.h"
#include "explore.h"
#include "scripted_collector.h"

#include <hapax.h>
#include <stdatomic.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

struct object {
    unsigned number;
    struct object *other;
};

/* Root memory. */
static struct roots {
    struct object *objects[4];
    hapax_weak cells[4];
    struct object *back;
    hapax_weak_map *map;
} *roots;

static uintptr_t hidden_box;        /* an object that leads to another, and is brought back once */

static inline void begin(void)
{
    if (roots == NULL)
        roots = collector_alloc_root(sizeof *roots);
    memset(roots, 0, sizeof *roots);
}

static NOINLINE struct object *new_object(unsigned number)
{
    struct object *object = hapax_alloc(sizeof *object);
    object->number = number;
    return object;
}

static inline void must_be(const struct object *object, unsigned number)
{
    MUST(script_is_object(object), "%p is no object", (const void *)object);
    MUST(object->number == number, "object %u reads %#x", number, object->number);
}

static inline void bring_the_box_back(void)
{
    struct object *box = (struct object *)~hidden_box;
    if (hidden_box == 0 || !script_is_doomed(box))
        return;
    hidden_box = 0;
    script_bring_back(box);
    roots->back = box;
}

static inline uint64_t cells(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return stats.weak_cells;
}

/* What nobody holds leaves nothing behind. A cell goes in the collection after its object's, once nobody holds it. */
static inline void end(void)
{
    memset(roots, 0, sizeof *roots);
    hapax_collect();
    hapax_run_cleanups();
    hapax_collect();
    hapax_collect();
    MUST(cells() == 0, "%u cells are left", (unsigned)cells());
}

/* ---- Weak pointers ---- */

static inline void takes_the_value(void)
{
    struct object *object = hapax_weak_value(roots->cells[0]);
    if (object == NULL)
        return;
    must_be(object, 1);
    MUST(hapax_weak_make(object) == roots->cells[0], "a living address has another weak pointer");
    must_be(object, 1);
    roots->objects[0] = object;
}

/* ---- Cleanups ---- */

static unsigned ran[4];
static atomic_bool dying;   /* a collection may have begun */
static atomic_bool stopped; /* before that; later it may have begun already, with its function not called yet */
static hapax_cleanup cleanups[4];

#endif
