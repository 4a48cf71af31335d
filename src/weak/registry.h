/* SPDX-License-Identifier: MIT */
/* Registries: the objects of one owner, one word each, in the order in which they were made.
 *
 * The collector only tells whether a single object is marked. So each collection asks for every object that has weak
 * words; in allocation order this costs a few nanoseconds for each. One pair of functions serves all objects of a
 * registry: an object needs one word here instead of a record with a function and an argument.
 *
 * At any time, a word is one of
 *     0         reserved by a thread that has not stored its object yet
 *     object    alive, as far as the last collection knows
 *     entry     odd: the running collection has found the object unmarked; the entry is what `doubt` returned for it
 *     HOLE      nothing: never stored, or evicted
 * and changes from object to entry, then to object or HOLE. Only decide and reclaim_end change words that are stored.
 *
 * Threads: registry_reserve and the functions after it are safe beside everything. The two collection steps run only
 * inside their hook, also beside everything.
 * Memory: collected objects, in proportion to what the registry holds. Each collection marks them (chunks.h). Nothing
 * here keeps an object alive, unless the registry keeps its values. */
#ifndef HAPAX_REGISTRY_H
#define HAPAX_REGISTRY_H

#include "base/sync.h"
#include "weak/registry_kind.h"

struct registry;

/* A new registry for an owner, known to the collection steps from now on, which take the newest first. NULL with
 * ENOMEM.
 *   owner    a collected object, not kept alive; its registry is destroyed in the collection that finds it dead.
 *            NULL: the registry lives for ever
 *   context  what doubt and settle get (usually the owner)
 *   keep     NULL, or a word in scanned memory of the owner, through which all objects are kept alive; they are never
 *            doubted then */
struct registry *registry_new(const struct registry_kind *kind, void *owner, void *context, void *_Atomic *keep);
/* What is left to destroy when the owner has died; given to kind->destroy. */
void *registry_outside(struct registry *registry);

/* A word for an object that is about to be published, or NULL with ENOMEM. Afterwards nothing can fail. The caller
 * holds the object. It stores the object and calls registry_filled, or gives the word back with registry_cancel. An
 * iteration visits the object from the moment it is stored. Threads with different lanes (any number) rarely share a
 * cache line. */
atomic_word *registry_reserve(struct registry *registry, unsigned lane);
void registry_filled(struct registry *registry, atomic_word *word);
void registry_cancel(struct registry *registry, atomic_word *word);

/* Whether this word is a round number of its kind: the moment to look at the estimate again. */
enum { REGISTRY_ROUND = 32 };
static inline bool registry_round(const atomic_word *word)
{
    return (uintptr_t)word / sizeof *word % REGISTRY_ROUND == REGISTRY_ROUND - 1;
}
/* About how many objects there are: off by what each lane has added since its last round number. A small registry has
 * one lane, and knows. */
uint64_t registry_estimate(struct registry *registry);
/* How many there are; counts them. */
uint64_t registry_count(struct registry *registry);
/* How many were evicted. */
uint64_t registry_evicted(struct registry *registry);
/* Bytes the registry takes. */
uint64_t registry_bytes(struct registry *registry);

/* Calls visit for each object until it answers false: those that live throughout exactly once, none twice. The object
 * is held during the call. True where it came to the end; waits for a collection to settle where it must. */
bool registry_each(struct registry *registry, bool (*visit)(void *object, void *context), void *context);

/* What an object of any owner's is called, as its kind's `type_of` says; NULL: it is nobody's. */
const char *registry_type_of(const void *object);
/* While no collection runs and none can start: whether the object is in this registry. Looks at each word. */
bool registry_contains(struct registry *registry, const void *object);

/* Calls `care` for the owners whose objects were evicted since. The caller is a known thread that owns nothing. */
void registry_care(void);
/* The same, and waits for threads that do it now. Inside `care` itself, in a foreign finalizer, neither does
 * anything. */
void registry_wait_cared(void);
/* reclaim_end: whether there is any. */
bool registry_wants_care(void);

/* mark_end: calls visit for each registry of this kind, and for each object in a registry.
 * Where visit answers true, the object lives, and all marking it needs is done: registry_decide passes over it where it
 * can. From registry_decide until reclaim_end visit gets what stands for an object in doubt: the odd word. */
void registry_each_of_kind(const struct registry_kind *kind, void (*visit)(struct registry *registry, void *owner));
void registry_scan(struct registry *registry, bool (*visit)(uintptr_t word));

/* mark_end: calls visit for each object that is about to be evicted and that somebody may hold
 * the address of, and with a NULL context for each owner that is. */
void registry_each_doomed(void (*visit)(const struct registry_kind *kind, void *context, const void *object));

/* Told of each object that was put into a registry, and of each owner; NULL: nobody is. Set once, at the start. */
extern void (*registry_observer)(const void *object);

/* The steps of a collection, for all registries. registry_decide finds the unmarked objects and turns the words that
 * lead to them tentative. */
void registry_decide(void);
uint64_t registry_reclaim_end(void);     /* how many objects were evicted */
/* How many registries the steps have passed over so far to take others out of the list. */
extern size_t registry_passed;

/* Which of these the calling thread is inside of. */
struct registry_amidst {
    struct iteration *iterations;   /* calls of registry_each, the innermost first */
    bool care;                      /* registry_care */
};
extern _Thread_local struct registry_amidst registry_amidst;

/* Around a fork: no thread is in the middle of a change of a registry, or of a question to the collector. Before
 * trie_fork_prepare. */
void registry_fork_prepare(void);
void registry_fork_parent(void);
void registry_fork_child(void);

#endif
