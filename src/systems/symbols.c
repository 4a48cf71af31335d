/* SPDX-License-Identifier: MIT */
/* Symbols: an array of handles and, behind it in the same object, a hash table of their addresses. The object is
 * written before anybody else sees it, and never again. */
#include "config.h"

#include <hapax/symbols.h>

#include "base/refuse.h"
#include "base/sync.h"
#include "collector/collector.h"
#include "runtime/thread.h"
#include "values/table.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Scanned memory: it keeps the handles alive. */
struct hapax_symbols {
    size_t count;
    unsigned shift;             /* of the hash, to the number of a slot */
    const int *slots;           /* open addressing, at most half full: an index, or FREE */
    hapax_handle handles[];     /* by index */
};

enum { FREE = -1 };

/* The slot of this handle, or the free one where a search for it ends. */
static size_t find_slot(const struct hapax_symbols *symbols, hapax_handle handle)
{
    uint64_t spread = (uintptr_t)handle / COLLECTOR_GRANULE * UINT64_C(0x9e3779b97f4a7c15);
    size_t mask = ((size_t)1 << (64 - symbols->shift)) - 1, slot = (size_t)(spread >> symbols->shift);
    while (symbols->slots[slot] != FREE && symbols->handles[symbols->slots[slot]] != handle)
        slot = (slot + 1) & mask;
    return slot;
}

static hapax_symbols *refuse_symbols(const char *reason)
{
    refuse(EINVAL, "hapax_symbols_new", reason);
    return NULL;
}

static struct hapax_symbols *new_symbols(size_t count)
{
    size_t slots = 2;
    unsigned shift = 63;
    for (; slots < 2 * count; slots *= 2)
        shift--;
    size_t head = sizeof(struct hapax_symbols) + count * sizeof(hapax_handle);
    struct hapax_symbols *symbols = collector_alloc_scanned(head + slots * sizeof *symbols->slots);
    if (symbols == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    int *free_slots = (int *)(void *)((char *)symbols + head);
    for (size_t i = 0; i < slots; i++)
        free_slots[i] = FREE;
    symbols->count = count;
    symbols->shift = shift;
    symbols->slots = free_slots;
    return symbols;
}

static hapax_symbols *fill(struct hapax_symbols *symbols, hapax_table *table, const char *const *names)
{
    int *slots = (int *)(uintptr_t)symbols->slots;
    for (size_t i = 0; i < symbols->count; i++) {
        if (names[i] == NULL)
            return refuse_symbols("a name is NULL");
        symbols->handles[i] = hapax_make_handle(table, names[i], strlen(names[i]));
        if (symbols->handles[i] == NULL)
            return NULL;
        collector_wrote(symbols);
        size_t slot = find_slot(symbols, symbols->handles[i]);
        if (slots[slot] != FREE)
            return refuse_symbols("two names are equal");
        slots[slot] = (int)i;
    }
    return symbols;
}

hapax_symbols *hapax_symbols_new(hapax_table *table, const char *const *names, size_t n)
{
    if (thread_enter() == NULL)
        return NULL;
    if (table == NULL)
        return refuse_symbols("the table is NULL");
    if (table->type.size != 0)
        return refuse_symbols("the values of the table have a fixed size");
    if (names == NULL && n != 0)
        return refuse_symbols("the names are NULL");
    if (n > INT_MAX)
        return refuse_symbols("there are more than INT_MAX names");
    int before = errno;
    struct hapax_symbols *symbols = new_symbols(n);
    if (symbols == NULL || fill(symbols, table, names) == NULL)
        return NULL;
    keep_reachable(table);
    errno = before;
    return symbols;
}

hapax_handle hapax_symbols_handle(const hapax_symbols *symbols, size_t index)
{
    thread_enter_reader();
    if (symbols == NULL || index >= symbols->count) {
        refuse(EINVAL, "hapax_symbols_handle",
               symbols == NULL ? "the symbols are NULL" : "the index is not below the number of symbols");
        return NULL;
    }
    return symbols->handles[index];
}

int hapax_symbols_index(const hapax_symbols *symbols, hapax_handle handle)
{
    thread_enter_reader();
    if (symbols == NULL || handle == NULL)
        return -1;
    return symbols->slots[find_slot(symbols, handle)];
}
