/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "trie_check.h"

#include "trie/nodes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static char message[200];

__attribute__((format(printf, 1, 2))) static const char *wrong(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return message;
}

/* Sets of addresses, sorted when they are complete. In memory of malloc: they keep nothing alive. */
struct addresses {
    uintptr_t *all;
    size_t count, room;
};

static void add(struct addresses *set, uintptr_t address)
{
    if (set->count == set->room) {
        set->room = set->room == 0 ? 1024 : 2 * set->room;
        set->all = realloc(set->all, set->room * sizeof *set->all);
        if (set->all == NULL)
            abort();
    }
    set->all[set->count++] = address;
}

static int compare(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
    return x < y ? -1 : x > y;
}

/* Sorts; the first address that stands there twice, or 0. */
static uintptr_t sort(struct addresses *set)
{
    if (set->count == 0)
        return 0;
    qsort(set->all, set->count, sizeof *set->all, compare);
    for (size_t i = 1; i < set->count; i++)
        if (set->all[i] == set->all[i - 1])
            return set->all[i];
    return 0;
}

static bool has(const struct addresses *set, uintptr_t address)
{
    return set->count > 0 && bsearch(&address, set->all, set->count, sizeof *set->all, compare) != NULL;
}

/* A stripe's account of its lines, as src/trie/lines.h writes it. */
struct account {
    unsigned log;
    uint64_t half, split;
};

static struct account account_of(struct trie *trie, unsigned stripe)
{
    uint64_t shape = load_acquire(&load_acquire(&trie->shapes)[stripe]);
    unsigned log = (unsigned)(shape >> 56);
    return (struct account){log, UINT64_C(1) << (log - 1), shape & ((UINT64_C(1) << 56) - 1)};
}

static struct trie_line *line_of(struct trie *trie, unsigned level, uint64_t index)
{
    return load_acquire(&trie->roots[level % 2]) + index;
}

static struct trie_line *home_of(struct trie *trie, uint64_t hash)
{
    struct account account = account_of(trie, (unsigned)(hash / RUN) & load_acquire(&trie->stripe_mask));
    uint64_t low = hash & (account.half - 1);
    return low < account.split ? line_of(trie, account.log, hash & (2 * account.half - 1))
                               : line_of(trie, account.log - 1, low);
}

struct check {
    struct trie *trie;
    struct trie_walk *walk;
    struct addresses objects, nodes;
    struct trie_line *home;
    uint64_t index;                 /* of the home line */
};

static const char *check_entry(struct check *check, const struct trie_line *line, uintptr_t word)
{
    const struct trie_object *object = (const struct trie_object *)(word & TRIE_ADDRESS);
    unsigned long long index = check->index;
    if (object == NULL)
        return wrong("line %llu: a tag without an address", index);
    if (word & TRIE_TENTATIVE)
        check->walk->tentative++;
    if ((word & TRIE_TAG) != trie_tag(object->hash))
        return wrong("line %llu: the tag of %p is not its hash's", index, (const void *)object);
    if (home_of(check->trie, object->hash) != check->home)
        return wrong("%p stands in line %llu, which is not its hash's", (const void *)object, index);
    struct trie_line *on_the_way = check->home;
    while (on_the_way != NULL && on_the_way != line)
        on_the_way = next_line(on_the_way, object->hash);
    if (on_the_way == NULL)
        return wrong("line %llu: %p stands where its hash does not lead", index, (const void *)object);
    add(&check->objects, (uintptr_t)object);
    check->walk->entries++;
    return NULL;
}

static const char *check_node(const struct check *check, const struct trie_node *node)
{
    const struct trie_nodes *nodes = load_acquire(&check->trie->nodes);
    for (const struct node_chunk *chunk = nodes != NULL ? nodes->chunks : NULL; chunk != NULL; chunk = chunk->next)
        if (node >= chunk->nodes && node < chunk->nodes + chunk->count)
            return (uintptr_t)node % sizeof *node == (uintptr_t)chunk->nodes % sizeof *node
                       ? NULL
                       : wrong("a link leads into the middle of a node");
    return wrong("a link leads to %p, which is no node of this trie", (const void *)node);
}

static const char *check_tree(struct check *check, struct trie_line *line, uint64_t depth)
{
    for (struct trie_line *next; line != NULL; line = next, depth++) {
        const char *error = NULL;
        next = NULL;
        if (depth > check->walk->longest)
            check->walk->longest = depth;
        for (unsigned i = 0; i < LINE_WORDS; i++) {
            uintptr_t word = load_acquire(&line->words[i]);
            if (word & TRIE_LINK) {
                struct trie_node *node = node_of(word);
                if (i != LINE_WORDS - 1 || word & (TRIE_ENTRY | TRIE_TENTATIVE))
                    return wrong("line %llu: no link can be %#llx", (unsigned long long)check->index,
                                 (unsigned long long)word);
                error = check_node(check, node);
                add(&check->nodes, (uintptr_t)node);
                if (check->nodes.count > load_acquire(&check->trie->nodes)->made)
                    return wrong("line %llu: more nodes below it than there are", (unsigned long long)check->index);
                /* The longer way in this call. */
                bool low_is_last = !is_link(last_word(&node->lines[0]));
                if (error == NULL)
                    error = check_tree(check, &node->lines[low_is_last ? 0 : 1], depth + 1);
                next = &node->lines[low_is_last ? 1 : 0];
            } else if (word != 0) {
                error = check_entry(check, line, word);
            }
            if (error != NULL)
                return error;
        }
    }
    return NULL;
}

static bool is_empty_but(const struct trie_line *line, unsigned words)
{
    for (unsigned i = 0; i < words; i++)
        if (load_relaxed(&line->words[i]) != 0)
            return false;
    return true;
}

static const char *check_free_node(struct check *check, const struct trie_node *node)
{
    uintptr_t word = load_acquire(&node->lines[0].words[LINE_WORDS - 1]);
    if (!is_empty_but(&node->lines[0], LINE_WORDS - 1) || !is_empty_but(&node->lines[1], LINE_WORDS) ||
        (word != 0 && !is_link(word)))
        return wrong("the free node %p is not empty", (const void *)node);
    add(&check->nodes, (uintptr_t)node);
    return check_node(check, node);
}

static const char *check_nodes(struct check *check)
{
    const struct trie_nodes *nodes = load_acquire(&check->trie->nodes);
    uint64_t used = check->walk->nodes = check->nodes.count;
    if (nodes == NULL)
        return used == 0 ? NULL : wrong("a line overflows, but there are no nodes");
    for (const struct trie_node *node = nodes->free; node != NULL;) {
        const char *error = check_free_node(check, node);
        if (error != NULL)
            return error;
        if (check->nodes.count > nodes->made)
            return wrong("more nodes than there are");
        node = node_of(load_acquire(&node->lines[0].words[LINE_WORDS - 1]));
    }
    if (used != nodes->used)
        return wrong("%llu nodes are in use, %llu were counted", (unsigned long long)used,
                     (unsigned long long)nodes->used);
    for (uint64_t i = 0; i < nodes->fresh_left; i++) {
        const struct trie_node *node = &nodes->fresh[i];
        if (!is_empty_but(&node->lines[0], LINE_WORDS) || !is_empty_but(&node->lines[1], LINE_WORDS))
            return wrong("a node that nobody has taken is not empty");
        add(&check->nodes, (uintptr_t)node);
    }
    if (sort(&check->nodes) != 0)
        return wrong("a node stands in two places, or in one and is free");
    return check->nodes.count == nodes->made ? NULL : wrong("a node is lost");
}

static const char *check_line(struct check *check, struct trie_line *line, uint64_t index)
{
    check->home = line;
    check->index = index;
    check->walk->lines++;
    return check_tree(check, line, 1);
}

static const char *check_empty(const struct trie_line *line, uint64_t index, const char *why)
{
    return is_empty_but(line, LINE_WORDS) ? NULL : wrong("line %llu, %s, is not empty", (unsigned long long)index, why);
}

/* The line of this number below half the root, and the one it is split into. */
static const char *check_pair(struct check *check, const struct account *account, uint64_t index)
{
    struct trie *trie = check->trie;
    struct trie_line *before = line_of(trie, account->log - 1, index), *low = line_of(trie, account->log, index);
    struct trie_line *high = low + account->half;
    bool begun = account->log <= load_acquire(&trie->level);
    const char *error;
    if (index < account->split) {
        error = before != low ? check_empty(before, index, "which has moved out") : NULL;
        error = error != NULL ? error : check_line(check, low, index);
        return error != NULL ? error : check_line(check, high, index + account->half);
    }
    error = check_line(check, before, index);
    if (error == NULL && begun)
        error = check_empty(high, index + account->half, "which nothing has been split into");
    if (error == NULL && begun && before != low)
        error = check_empty(low, index, "into which nothing has moved");
    return error;
}

static const char *check_stripe(struct check *check, unsigned stripe, unsigned mask)
{
    struct account account = account_of(check->trie, stripe);
    unsigned level = load_acquire(&check->trie->level);
    if (account.log != level && account.log != level + 1)
        return wrong("a stripe is at level %u, the root at %u", account.log, level);
    if (account.log > level && account.split != (uint64_t)stripe * RUN)
        return wrong("stripe %u of %u has shape %u:%llu at level %u, which has not begun", stripe, mask + 1,
                     account.log, (unsigned long long)account.split, level);
    const char *error = NULL;
    for (uint64_t index = 0; index < account.half && error == NULL; index++)
        if ((index / RUN & mask) == stripe)
            error = check_pair(check, &account, index);
    return error;
}

static const char *check_all(struct check *check)
{
    struct trie *trie = check->trie;
    uint64_t mask = load_acquire(&trie->mask), lines = UINT64_C(1) << load_acquire(&trie->level);
    if ((mask & (mask + 1)) != 0 || mask >= lines ||
        (mask >= lines / 2 && load_acquire(&trie->lines) != line_of(trie, load_acquire(&trie->level), 0) && lines > 1))
        return wrong("the first look goes beyond the root");
    const char *error = NULL;
    unsigned stripes = load_acquire(&trie->stripe_mask);
    for (unsigned stripe = 0; stripe <= stripes && error == NULL; stripe++)
        error = check_stripe(check, stripe, stripes);
    if (error == NULL && sort(&check->objects) != 0)
        error = wrong("an object stands twice");
    return error != NULL ? error : check_nodes(check);
}

const char *trie_check(struct trie *trie, struct trie_walk *walk)
{
    *walk = (struct trie_walk){0};
    struct check check = {.trie = trie, .walk = walk};
    const char *error = check_all(&check);
    free(check.objects.all);
    free(check.nodes.all);
    return error;
}

static bool add_object(void *object, void *set)
{
    add(set, (uintptr_t)object);
    return true;
}

const char *trie_check_registry(struct trie *trie, struct registry *registry, struct trie_walk *walk)
{
    *walk = (struct trie_walk){0};
    struct check check = {.trie = trie, .walk = walk};
    struct addresses registered = {0};
    registry_each(registry, add_object, &registered);
    const char *error = check_all(&check);
    if (error == NULL && sort(&registered) != 0)
        error = wrong("an object stands twice in the registry");
    for (size_t i = 0; i < check.objects.count && error == NULL; i++)
        if (!has(&registered, check.objects.all[i]))
            error = wrong("%p is in the trie, but not in the registry", (void *)check.objects.all[i]);
    walk->alone = registered.count - check.objects.count;
    free(registered.all);
    free(check.objects.all);
    free(check.nodes.all);
    return error;
}
