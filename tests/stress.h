/* SPDX-License-Identifier: MIT */
/* What the parts of the stress program share: chance, tables under test, what a thread holds. */
#ifndef TESTS_STRESS_H
#define TESTS_STRESS_H

#include <hapax.h>

#include "base/sync.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VALUES = 1500,          /* in each table, besides floods */
    HELD = 48,              /* handles that a thread holds in each kind of memory */
    FLOOD = 12000,
};

/* ---- stress.c ---- */

extern uint64_t first_seed;
extern atomic_bool time_is_over;
/* What has happened so far. */
extern atomic_count steps, resurrected, finalized;
extern atomic_count cleanups_added, cleanups_stopped, cleanups_ran, floods, tables_made, visits;

/* Ends the program with a line of TAP. */
__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format, ...);

/* ---- stress_tables.c: chance, and the tables under test ---- */

extern _Thread_local uint64_t chance;
uint32_t dice(uint32_t sides);

enum kind { STRINGS, OWN_STRINGS, POOR_HASH, PAIRS, NUMBERS, KEPT };
enum { SUBJECTS = 7 };

/* In memory that is searched. `current` holds the handles of some values: two threads that hold a handle for one value
 * meet there. */
struct subject {
    hapax_table *table;
    enum kind kind;
    _Atomic hapax_handle current[VALUES];
};
extern struct subject *_Atomic subjects[SUBJECTS];

struct pair {
    hapax_handle first, second;     /* strings */
    uint64_t number;
};

struct number {
    uint64_t number;
    long double square;
    char padding[40];
};

union value {
    char text[1200];
    struct pair pair;
    struct number number;
};

struct subject *new_subject(enum kind kind);
/* For each place of `subjects`. */
extern const enum kind kinds[SUBJECTS];
struct subject *any_subject(unsigned *index);
unsigned values_in(const struct subject *subject);

/* Of the value of that number: its bytes, its handle, and what must be true of the handle. */
unsigned text_of(unsigned number, char *text);
size_t value_of(const struct subject *subject, unsigned number, union value *value);
hapax_handle make(struct subject *subject, unsigned number);
void check_bytes(const struct subject *subject, hapax_handle handle, unsigned number, const char *where);
void meet(struct subject *subject, hapax_handle handle, unsigned number, const char *where);
void expect_canonical(struct subject *subject, hapax_handle handle, unsigned number, const char *where);

/* ---- stress_holdings.c: what a thread holds, or gives to finalizers and cleanups ---- */

struct holding {
    struct subject *subject;
    hapax_handle handle;
    hapax_weak weak;
    struct watch *stopped;
    unsigned number;
};

struct pinned {
    uintptr_t hidden_subject, hidden_handle;    /* complements: nothing but the pin keeps them */
    unsigned number;
};

struct worker {
    struct holding *in_collected, *in_range, *on_stack;
    struct pinned *pinned;                      /* in memory that is not searched */
    struct watch *watches[8];
    hapax_span *keys;                           /* each value's text */
};

struct holding *any_holding(struct worker *worker);
void let_go(struct holding *holding);
void check_holding(struct holding *holding);

enum { BROUGHT_BACK = 64 };
extern struct foreign *_Atomic brought_back[BROUGHT_BACK];

void give_to_finalizer(struct subject *subject, hapax_handle handle, unsigned number);
void give_to_foreign(struct subject *subject, hapax_handle handle, unsigned number);
void add_cleanup(struct worker *worker, const void *object);

/* ---- stress_steps.c: what a thread does ---- */

/* Steps at random until the time is over; the first of them depend on the number. */
void *work(void *number);

#endif
