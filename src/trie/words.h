/* SPDX-License-Identifier: MIT */
/* What the words of a line mean to the code that changes them, and how many lines and stripes a trie has: for the
 * files of this folder. */
#ifndef HAPAX_TRIE_WORDS_H
#define HAPAX_TRIE_WORDS_H

#include "trie/layout.h"

enum {
#if !defined HAPAX_HARD_TESTS && !defined TRIE_TINY
    RUN_LOG = 3,                            /* a stripe owns runs of eight lines */
    STRIPES_LOG = 6,
#else
    RUN_LOG = 0,                            /* tiny: every way is taken all the time */
    STRIPES_LOG = 1,
#endif
    RUN = 1 << RUN_LOG,
    STRIPES_OF_A_TRIE = 1 << STRIPES_LOG,
    SMALL_LOG = RUN_LOG + STRIPES_LOG,      /* up to so many lines a trie has one stripe; then a run for each, so that a
                                             * line and the one it is split into always have the same */
    STRIPES = 256,                          /* of all tries */
    LINE_BYTES = sizeof(struct trie_line),
};

/* A line that overflows gets a node below it: two lines, told apart by one bit of the hash. The line's last word links
 * to them: their address, and above it which bit. Entries with equal hashes all go the same way, line after line. */
struct trie_node {
    struct trie_line lines[2];
};
#define LINK_BIT_SHIFT 49

static inline uintptr_t link_to(const struct trie_node *node, unsigned bit)
{
    return (uintptr_t)node | TRIE_LINK | (uintptr_t)bit << LINK_BIT_SHIFT;
}

static inline struct trie_node *node_of(uintptr_t link)
{
    return (struct trie_node *)(link & TRIE_ADDRESS);
}

static inline bool is_link(uintptr_t word)
{
    return (word & TRIE_LINK) != 0;
}

/* The line's last word: perhaps a link. Acquire: a node is linked in after it has been filled. */
static inline uintptr_t last_word(const struct trie_line *line)
{
    return load_acquire(&line->words[LINE_WORDS - 1]);
}

/* The next line on the way of this hash, or NULL. */
static inline struct trie_line *next_line(const struct trie_line *line, uint64_t hash)
{
    uintptr_t word = last_word(line);
    return is_link(word) ? &node_of(word)->lines[hash >> (word >> LINK_BIT_SHIFT) & 1] : NULL;
}

static inline bool is_entry(uintptr_t word)
{
    return (word & TRIE_ENTRY) != 0;
}

static inline uintptr_t entry_of(const struct trie_object *object, uint64_t hash)
{
    return (uintptr_t)object | trie_tag(hash);
}

static inline atomic_word *empty_place(struct trie_line *line, uint64_t hash)
{
    atomic_word *favourite = &line->words[trie_favourite(hash)];
    if (load_relaxed(favourite) == 0)
        return favourite;
    for (unsigned i = 0; i < LINE_WORDS; i++)
        if (load_relaxed(&line->words[i]) == 0)
            return &line->words[i];
    return NULL;
}

#endif
