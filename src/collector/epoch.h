/* SPDX-License-Identifier: MIT */
/* How threads read weak words while a collection decides which of them are dead, and the world runs.
 *
 * A weak word holds the address of an object without keeping the object alive. When marking ends, with the world
 * stopped, the collector knows which objects are dead. At that moment the library only increments `begun`: one store,
 * however many words there are. Then the world runs again. Before anything is swept, the collection goes through all
 * weak words and makes those of unmarked objects tentative. When it has done so, it sets `decided` to `begun`. While
 * the two differ, a word that is not tentative says nothing about its object.
 *
 * A reader loads `decided`, loads the word, has the object's address in a register, and loads `begun`. If the two are
 * equal, the address is a strong pointer. Consider the last stop:
 *   - if it came before the load of `decided`, that collection has decided, or the two would differ; so the word of a
 *     dead object was tentative when it was loaded;
 *   - if it came after the address was in a register, the collector has searched that register;
 *   - if it came in between, the two differ.
 * Both loads are needed. A reader that compared the two only before it loaded the word would miss a stop between that
 * load and the register. One that compared them only afterwards would miss a whole collection there.
 *
 * A reader that finds a difference may look at the mark of the object. Meanwhile the collection must not sweep, since
 * that frees the collector's data about marks. So the reader first counts itself among those who look, and then
 * checks that the collection has not decided; the collection first sets `decided`, and then waits until no thread
 * looks. Each writes first and reads what the other writes afterwards, in one order: at least one of them sees the
 * other. A reader that looks waits for nothing.
 *
 * The collection also marks dead objects, to keep their memory until they are settled. It does so only after their
 * words are tentative: a reader that has seen a mark checks that the word is still the same. */
#ifndef HAPAX_EPOCH_H
#define HAPAX_EPOCH_H

#include "base/sync.h"

/* Every lookup reads it; a collection writes it twice. */
struct epoch {
    _Alignas(CACHE_LINE) atomic_count begun;    /* collections whose marking has ended */
    atomic_count decided;                       /* those that have gone through all weak words */
};
extern struct epoch epoch __attribute__((visibility("hidden")));

/* ---- Readers ---- */

/* Before the word is loaded. Acquire: the word that is loaded next is at least as new, and so shows what was
 * decided. */
static inline uint64_t epoch_decided(void)
{
    return load_acquire(&epoch.decided);
}

/* Whether an address is a strong pointer that came from a word loaded after `decided`. The compiler has it in a
 * register before it loads `begun`. Relaxed: all that matters is between which instructions the thread was stopped. */
static inline bool epoch_holds(uint64_t decided, void **address)
{
    __asm__ volatile("" : "+r"(*address), "+m"(epoch.begun));
    return likely(load_relaxed(&epoch.begun) == decided);
}

enum epoch_answer {
    EPOCH_AGAIN,    /* the collection has decided, or the word has changed: read it again */
    EPOCH_LIVES,    /* the address that the word holds is a strong pointer, if the caller keeps it in a register */
    EPOCH_WAIT,     /* the object is unmarked: collector_wait, then read again */
};
/* Looks at the mark, after epoch_holds has answered false. The word was read from this place and is not tentative, and
 * the caller has its address in a register. `lives` answers, by marks alone, whether the subject lives. */
enum epoch_answer epoch_look(atomic_word *place, uintptr_t word, const void *subject,
                             bool (*lives)(const void *subject));

/* ---- A collection ---- */

/* mark_end. */
void epoch_begin(void);
/* decide: the collection has gone through all words. Returns when no thread looks any more. */
void epoch_end(void);
/* After a word has turned tentative, before a mark that only keeps the memory of a dead object. */
static inline void epoch_before_mark(void)
{
    fence_release();
}

/* In the child of a fork, where none of the threads that looked exists. */
void epoch_fork_child(void);

#endif
