/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "trie_check.h"

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

/* The shape of the root, as src/trie/trie.h writes it: log2(2 * half) << 56 | split. */
struct root {
    struct trie_line *lines, *children;
    uint64_t half, split;
};

static struct root root_of(struct trie *trie)
{
    uint64_t shape = load_acquire(&trie->shape);
    struct root root = {load_acquire(&trie->lines), NULL, UINT64_C(1) << ((shape >> 56) - 1),
                        shape & ((UINT64_C(1) << 56) - 1)};
    const struct trie_region *region = trie->region;
    root.children = load_acquire(&trie->moved_out)
                        ? (struct trie_line *)((char *)region->start + region->size / 2)
                        : root.lines + 64;
    return root;
}

static uint64_t home_of(const struct root *root, uint64_t hash)
{
    uint64_t low = hash & (root->half - 1);
    return low < root->split ? hash & (2 * root->half - 1) : low;
}

struct check {
    struct trie *trie;
    struct root root;
    struct trie_walk *walk;
    struct addresses objects, children;
};

static const char *check_entry(struct check *check, uint64_t home, uintptr_t word)
{
    const struct trie_object *object = (const struct trie_object *)(word & TRIE_ADDRESS);
    if (object == NULL)
        return wrong("line %llu: a tag without an address", (unsigned long long)home);
    if (word & TRIE_TENTATIVE)
        check->walk->tentative++;
    if ((word & TRIE_TAG) != trie_tag(object->hash))
        return wrong("line %llu: the tag of %p is not its hash's", (unsigned long long)home, (const void *)object);
    if (home_of(&check->root, object->hash) != home)
        return wrong("%p stands in line %llu, its hash says %llu", (const void *)object, (unsigned long long)home,
                     (unsigned long long)home_of(&check->root, object->hash));
    add(&check->objects, (uintptr_t)object);
    check->walk->entries++;
    return NULL;
}

static const char *check_child(const struct check *check, const struct trie_line *child)
{
    if (child < check->root.children || child >= check->trie->child_next ||
        (uintptr_t)child % sizeof *child != (uintptr_t)check->root.children % sizeof *child)
        return wrong("a link leads to %p, which is no further line of this trie", (const void *)child);
    return NULL;
}

static const char *check_chain(struct check *check, uint64_t home)
{
    uint64_t length = 1;
    for (struct trie_line *line = &check->root.lines[home], *next; line != NULL; line = next, length++) {
        next = NULL;
        for (unsigned i = 0; i < LINE_WORDS; i++) {
            uintptr_t word = load_acquire(&line->words[i]);
            const char *error = NULL;
            if (word & TRIE_LINK) {
                if (i != LINE_WORDS - 1 || word & (TRIE_TAG | TRIE_TENTATIVE))
                    return wrong("line %llu: no link can be %#llx", (unsigned long long)home, (unsigned long long)word);
                next = (struct trie_line *)(word & TRIE_ADDRESS);
                error = check_child(check, next);
                add(&check->children, (uintptr_t)next);
            } else if (word != 0) {
                error = check_entry(check, home, word);
            }
            if (error != NULL)
                return error;
        }
        if (length > check->trie->children_used + 1)
            return wrong("line %llu: more lines in its chain than there are", (unsigned long long)home);
        if (length > check->walk->longest)
            check->walk->longest = length;
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

static const char *check_free_children(struct check *check)
{
    const struct trie *trie = check->trie;
    uint64_t used = check->children.count;
    for (struct trie_line *line = trie->child_free; line != NULL;) {
        if (!is_empty_but(line, LINE_WORDS - 1))
            return wrong("the free line %p is not empty", (const void *)line);
        const char *error = check_child(check, line);
        if (error != NULL)
            return error;
        add(&check->children, (uintptr_t)line);
        if (check->children.count > (size_t)(trie->child_next - check->root.children))
            return wrong("more further lines than there are");
        uintptr_t word = load_acquire(&line->words[LINE_WORDS - 1]);
        if (word != 0 && (word & TRIE_LINK) == 0)
            return wrong("the free line %p is not empty", (const void *)line);
        line = (struct trie_line *)(word & TRIE_ADDRESS);
    }
    if (sort(&check->children) != 0)
        return wrong("a further line is in two chains, or in one and free");
    if (used != trie->children_used)
        return wrong("%llu further lines are in use, %llu were counted", (unsigned long long)used,
                     (unsigned long long)trie->children_used);
    if (check->children.count != (size_t)(trie->child_next - check->root.children))
        return wrong("a further line is lost");
    for (const struct trie_line *line = trie->child_next; line < trie->child_end; line++)
        if (!is_empty_but(line, LINE_WORDS))
            return wrong("a further line that nobody has taken is not empty");
    check->walk->children = used;
    return NULL;
}

static const char *check_root(const struct check *check)
{
    const struct root *root = &check->root;
    struct trie *trie = check->trie;
    uint64_t usable = load_acquire(&trie->moved_out) ? trie->region->line_bytes / sizeof(struct trie_line) : 64;
    uint64_t mask = load_acquire(&trie->mask), lines = root->half + root->split;
    if (root->split > root->half || lines > usable)
        return wrong("a root of %llu lines, of which %llu can be used", (unsigned long long)lines,
                     (unsigned long long)usable);
    if ((mask & (mask + 1)) != 0 || mask >= usable)
        return wrong("the first look goes beyond the root");
    for (uint64_t i = lines; i < usable; i++)
        if (!is_empty_but(&root->lines[i], LINE_WORDS))
            return wrong("line %llu, beyond the root, is not empty", (unsigned long long)i);
    return NULL;
}

static const char *check_all(struct check *check)
{
    const char *error = check_root(check);
    check->walk->lines = check->root.half + check->root.split;
    for (uint64_t i = 0; i < check->walk->lines && error == NULL; i++)
        error = check_chain(check, i);
    if (error == NULL && sort(&check->objects) != 0)
        error = wrong("an object stands twice");
    return error != NULL ? error : check_free_children(check);
}

const char *trie_check(struct trie *trie, struct trie_walk *walk)
{
    *walk = (struct trie_walk){0};
    struct check check = {.trie = trie, .root = root_of(trie), .walk = walk};
    const char *error = check_all(&check);
    free(check.objects.all);
    free(check.children.all);
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
    struct check check = {.trie = trie, .root = root_of(trie), .walk = walk};
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
    free(check.children.all);
    return error;
}
