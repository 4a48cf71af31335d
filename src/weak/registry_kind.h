/* SPDX-License-Identifier: MIT */
/* What a registry knows of the kind of its objects, and of its owner. */
#ifndef HAPAX_REGISTRY_KIND_H
#define HAPAX_REGISTRY_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an object is called on a line for people. */
struct registry_description {
    const char *what;       /* "value" */
    const char *type;       /* of a value; else NULL */
    const void *text;       /* of a string; else NULL */
    size_t size;
};

/* What one kind of owner does with its objects. */
struct registry_kind {
    /* While a collection decides: whether the object lives, by marks alone. Any thread may call it while `doubt` runs,
     * and both must agree. NULL function: the object's own mark says it. */
    bool (*lives)(const void *object);
    /* decide: the object on which this object's life depends; marks what this object itself needs, but nothing that
     * `lives` would take for a sign of life. NULL function: itself.
     * Answers NULL for what never dies, and may do so for what lives. The subject is one of the program's objects or of
     * the library's. */
    const void *(*subject)(void *object);
    /* decide: the subject is unmarked. Turns the object's weak words tentative; answers an odd word for `settle`, best
     * the address of what it will touch. */
    uintptr_t (*doubt)(void *owner, void *object);
    /* All objects of an owner that is unmarked are in doubt with it, those that never die too: what they lead to may be
     * unmarked although their subjects are not. */
    bool doubts_with_owner;
    /* decide: has the processor fetch what `doubt` will touch of this object. May be NULL. */
    void (*prefetch)(void *context, const void *object);
    /* reclaim_end: returns the object if it has survived after all, or NULL if it was evicted. */
    void *(*settle)(void *owner, uintptr_t entry);
    /* reclaim_end: the owner itself is gone, only `outside` is left of it. */
    void (*destroy)(void *outside);
    /* While no collection runs and none can start: the name of the object's type if the owner has the object, else
     * NULL. NULL function: never called. */
    const char *(*type_of)(void *context, const void *object);
    /* mark_end: whether an unmarked object is lost although the program may hold its address, and its name. NULL
     * function: the program holds none. */
    bool (*describe)(void *context, const void *object, struct registry_description *description);
    const char *owner_name;     /* NULL: the program holds no addresses of owners */
    /* Some time after objects were evicted, outside of everything: the context is held. May be NULL. */
    void (*care)(void *context);
};

/* Memory that outlives the owner, for what is left to destroy: zeroed words. */
enum { REGISTRY_OUTSIDE_BYTES = 24 };

#endif
