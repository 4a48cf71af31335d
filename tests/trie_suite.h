/* SPDX-License-Identifier: MIT */
/* What the suites of the trie share: one trie, values whose hashes the test chooses, and a collection that it plays. */
#ifndef TESTS_TRIE_SUITE_H
#define TESTS_TRIE_SUITE_H

#include "bare_collector.h"
#include "collector/collector.h"
#include "trie/root.h"
#include "trie_check.h"

#include <criterion/criterion.h>

extern struct trie trie;
extern struct trie_outside outside;
extern atomic_word announced;

void begin_trie(void);

struct trie_walk expect_well_formed(void);

/* Values: a number, and a hash that the test chooses. */
uint64_t spread(uint64_t number);
bool equal(const void *object, const void *key);
struct bare_object *find(uint64_t value, uint64_t hash);
void expect_found(const struct bare_object *objects, size_t n);

/* Puts the object in, or answers the one that was first. As a table does it that has about so many. */
struct bare_object *put_into(struct trie *into, struct bare_object *object, uint64_t value, uint64_t hash,
                             uint64_t count);
/* Into the suite's trie, as if it had few. */
struct bare_object *put(struct bare_object *object, uint64_t value, uint64_t hash);
/* n objects of spread hashes; the root grows as it does in a table. */
struct bare_object *put_many(size_t n, uint64_t first);

/* A collection of these objects; and its two steps. */
void doubt(struct bare_object *objects, size_t n);
extern atomic_word **places;    /* of those that are in doubt */
void settle(void);
void collect(struct bare_object *objects, size_t n);
/* All but one of so many die. */
void kill_but_each(struct bare_object *objects, size_t n, size_t each);

#endif
