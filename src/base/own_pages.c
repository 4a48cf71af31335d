/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/own_pages.h"

#include "base/sync.h"

#include <stdbool.h>
#include <sys/mman.h>

/* Open addressing with linear probing, by the first page, in address space that takes memory where it is touched. A
 * range that was removed leaves a mark, where the next one may go.
 *
 * Without a lock: the world may be stopped, or the process forked, while a thread is anywhere in here. What such a
 * thread has taken in a child is one row that stays taken. */
enum { ROOM_LOG = 16, ROOM = 1 << ROOM_LOG, REMOVED = 1, TAKEN = 2 };

struct row {
    atomic_word start;      /* 0: never used; REMOVED; TAKEN: by a thread that is about to fill it in */
    atomic_word size;
};
static struct row *_Atomic rows;

static size_t first_row(uintptr_t start)
{
    return (size_t)((start >> 12) * 0x9e3779b97f4a7c15u >> (64 - ROOM_LOG));
}

static struct row *make_rows(void)
{
    struct row *fresh = mmap(NULL, ROOM * sizeof *fresh, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fresh == MAP_FAILED)
        return NULL;
    store_relaxed(&fresh[first_row((uintptr_t)fresh)].size, ROOM * sizeof *fresh);
    store_relaxed(&fresh[first_row((uintptr_t)fresh)].start, (uintptr_t)fresh);
    struct row *others = NULL;
    if (cas_acq_rel(&rows, &others, fresh))     /* release: it is filled in; acquire: so are the others */
        return fresh;
    (void)munmap(fresh, ROOM * sizeof *fresh);
    return others;
}

static bool is_free(uintptr_t start)
{
    return start == 0 || start == REMOVED;
}

void own_pages_add(const void *start, size_t size)
{
    struct row *all = load_acquire(&rows);  /* acquire: pairs with make_rows */
    if (all == NULL)
        all = make_rows();
    size_t at = first_row((uintptr_t)start);
    for (size_t i = 0; all != NULL && i < ROOM; i++, at = (at + 1) % ROOM) {
        uintptr_t seen = load_relaxed(&all[at].start);
        /* Relaxed: who takes a row needs nothing of those before. */
        if (!is_free(seen) || !cas_relaxed(&all[at].start, &seen, (uintptr_t)TAKEN))
            continue;
        store_relaxed(&all[at].size, size);
        store_release(&all[at].start, (uintptr_t)start);    /* release: the size is there */
        break;
    }
}

void own_pages_remove(const void *start, size_t size)
{
    (void)size;
    struct row *all = load_acquire(&rows);  /* acquire: pairs with make_rows */
    size_t at = first_row((uintptr_t)start);
    for (size_t i = 0; all != NULL && i < ROOM && load_relaxed(&all[at].start) != 0; i++, at = (at + 1) % ROOM) {
        if (load_relaxed(&all[at].start) != (uintptr_t)start)
            continue;
        /* The range is still the caller's: nobody else has added it anew, or removes it. */
        store_relaxed(&all[at].start, (uintptr_t)REMOVED);
        break;
    }
}

/* Sifts the element at the root of a heap down to its place. */
static void sift(struct page_range *list, size_t root, size_t count)
{
    struct page_range moved = list[root];
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && list[child + 1].start > list[child].start)
            child++;
        if (list[child].start <= moved.start)
            break;
        list[root] = list[child];
    }
    list[root] = moved;
}

static void sort(struct page_range *list, size_t count)
{
    /* In place: qsort may allocate. */
    for (size_t root = count / 2; root-- > 0;)
        sift(list, root, count);
    for (size_t last = count; last-- > 1;) {
        struct page_range largest = list[0];
        list[0] = list[last];
        list[last] = largest;
        sift(list, 0, last);
    }
}

size_t own_pages_list(struct page_range *list, size_t room)
{
    struct row *all = load_acquire(&rows);  /* acquire: pairs with make_rows */
    size_t count = 0;
    for (size_t i = 0; all != NULL && i < ROOM; i++) {
        uintptr_t start = load_acquire(&all[i].start);  /* acquire: the size is there */
        if (is_free(start) || start == TAKEN)
            continue;
        if (count < room)
            list[count] = (struct page_range){start, start + load_relaxed(&all[i].size)};
        count++;
    }
    sort(list, count < room ? count : room);
    return count;
}
