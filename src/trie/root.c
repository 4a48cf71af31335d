/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "trie/root.h"

#include "base/pages.h"
#include "collector/collector.h"

#include <errno.h>
#include <string.h>

#define HUGE_PAGE ((size_t)2 << 20)

/* A new region has room for so many doublings of the root that it is made for; fewer where addresses are short. */
enum { DOUBLINGS = 3 };

struct trie_line *trie_alloc_lines(uint64_t lines)
{
    size_t bytes = lines * LINE_BYTES;
    /* Lines fill whole granules, and nobody points one past their end: a byte less keeps the collector from adding a
     * granule for such pointers, so that lines stand in cache lines of their own where that is possible. */
    struct trie_line *root = collector_alloc_plain(bytes - 1);
    if (root == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    memset((void *)root, 0, bytes);
    return root;
}

static struct trie_region *new_region(uint64_t lines)
{
    for (unsigned doublings = DOUBLINGS + 1; doublings-- > 0;) {
        size_t of_lines = pages_round((lines << doublings) * LINE_BYTES);
        size_t size = of_lines + pages_round(sizeof(struct trie_region));
        char *start = pages_reserve(size, size < HUGE_PAGE ? PAGE_BYTES : HUGE_PAGE);
        if (start == NULL)
            continue;
        struct trie_region *region = (struct trie_region *)(void *)(start + of_lines);
        if (!pages_commit(start, lines * LINE_BYTES) || !pages_commit(region, sizeof *region)) {
            pages_free(start, size);
            return NULL;
        }
        *region = (struct trie_region){(struct trie_line *)(void *)start, NULL, size, lines << doublings};
        return region;
    }
    return NULL;
}

struct trie_line *trie_root_new(uint64_t lines, struct trie_region **region)
{
    *region = lines > (UINT64_C(1) << SMALL_LOG) ? new_region(lines) : NULL;
    return *region != NULL ? (*region)->lines : trie_alloc_lines(lines);
}

static struct trie_region *region_of(const struct trie *trie, const struct trie_line *root)
{
    /* Acquire: it is filled in. */
    struct trie_region *region = load_acquire(&trie->outside->newest);
    while (region != NULL && region->lines != root)
        region = region->older;
    return region;
}

bool trie_root_widen(const struct trie *trie, struct trie_line *root, uint64_t lines)
{
    const struct trie_region *region = region_of(trie, root);
    /* Half of them are in use. Those beyond may have been usable before; then they are empty. */
    return region != NULL && lines <= region->room && pages_commit(root + lines / 2, lines / 2 * LINE_BYTES);
}

void trie_root_give_back(const struct trie *trie, struct trie_line *root, uint64_t from, uint64_t lines)
{
    if (region_of(trie, root) != NULL)
        pages_give_back(root + from, lines * LINE_BYTES);
}

void trie_root_retire(const struct trie *trie, struct trie_line *root)
{
    struct trie_region *region = region_of(trie, root);
    if (region != NULL)
        pages_retire(root, region->room * LINE_BYTES);
}

void trie_free_outside(struct trie_outside *outside)
{
    for (struct trie_region *region = load_acquire(&outside->newest), *older; region != NULL; region = older) {
        older = region->older;
        pages_free(region->lines, region->size);
    }
    store_relaxed(&outside->newest, NULL);
}
