/* rank.c - how often each value occurs, and which of them save most when they are interned. */
#include "config.h"

#include "rank.h"

#include "message.h"

#include <hapax.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The handles by address. The collector does not look here: the lists hold them all. */
struct counted {
    hapax_handle handle; /* NULL: an empty place */
    uint64_t count;
    uint64_t saved_bytes;
};

struct counts {
    struct counted *places;
    size_t capacity; /* a power of two, never full */
    size_t used;
};

static size_t place_of(const struct counts *counts, hapax_handle handle)
{
    /* Fibonacci hashing; the upper bits of the product are the well mixed ones. */
    uint64_t mixed = (uint64_t)(uintptr_t)handle * UINT64_C(0x9e3779b97f4a7c15);
    size_t place = (size_t)(mixed >> 20) & (counts->capacity - 1);
    while (counts->places[place].handle && counts->places[place].handle != handle)
        place = (place + 1) & (counts->capacity - 1);
    return place;
}

static void grow(struct counts *counts)
{
    struct counts old = *counts;
    counts->capacity = old.capacity ? old.capacity * 2 : 1024;
    counts->places = need_zeroed(counts->capacity, sizeof *counts->places);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.places[i].handle)
            counts->places[place_of(counts, old.places[i].handle)] = old.places[i];
    free(old.places);
}

static void count_handle(struct counts *counts, hapax_handle handle)
{
    if (counts->used * 2 >= counts->capacity)
        grow(counts);
    struct counted *counted = &counts->places[place_of(counts, handle)];
    if (!counted->handle) {
        counted->handle = handle;
        counts->used++;
    }
    counted->count++;
}

/* Most saved bytes first; equal ones by count, then by value, so that every run agrees. */
static int compare(const void *left, const void *right)
{
    const struct counted *a = left;
    const struct counted *b = right;
    if (a->saved_bytes != b->saved_bytes)
        return a->saved_bytes < b->saved_bytes ? 1 : -1;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    size_t a_size = hapax_handle_size(a->handle);
    size_t b_size = hapax_handle_size(b->handle);
    size_t shorter = a_size < b_size ? a_size : b_size;
    int order = shorter ? memcmp(hapax_handle_value(a->handle), hapax_handle_value(b->handle),
                                 shorter)
                        : 0;
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static void append_top(struct bytes *top, const struct counted *counted)
{
    size_t size = hapax_handle_size(counted->handle);
    const struct top_header header = { counted->count, counted->saved_bytes, size };
    bytes_append(top, &header, sizeof header);
    bytes_append(top, hapax_handle_value(counted->handle), size);
}

struct rank_totals rank_handles(const struct kept *kept, unsigned threads, size_t top_wanted,
                                struct bytes *top)
{
    struct counts counts = { NULL, 0, 0 };
    for (unsigned i = 0; i < threads; i++)
        for (const struct kept_chunk *chunk = kept[i].newest; chunk; chunk = chunk->older)
            for (size_t j = 0; j < chunk->count; j++)
                count_handle(&counts, chunk->pointers[j]);

    /* What saves something moves to the front, to be sorted. */
    struct rank_totals totals = { counts.used, 0, 0 };
    size_t saving = 0;
    for (size_t i = 0; i < counts.capacity; i++) {
        struct counted counted = counts.places[i];
        if (!counted.handle)
            continue;
        size_t size = hapax_handle_size(counted.handle);
        totals.distinct_bytes += size;
        if (counted.count > 1) {
            counted.saved_bytes = (counted.count - 1) * plain_string_cost(size);
            counts.places[saving++] = counted;
        }
    }
    if (saving > 1)
        qsort(counts.places, saving, sizeof *counts.places, compare);
    totals.top_count = saving < top_wanted ? saving : top_wanted;
    for (size_t i = 0; i < totals.top_count; i++)
        append_top(top, &counts.places[i]);
    free(counts.places);
    return totals;
}
