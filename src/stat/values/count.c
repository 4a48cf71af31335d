/* SPDX-License-Identifier: MIT */
/* count.c - how often each value occurs, at each place and in all. */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* qsort_r */
#endif

#include "stat/values/count.h"

#include "stat/base/message.h"
#include "stat/values/heap_block.h"
#include "stat/values/intern.h"
#include "stat/values/values_file.h"

#include <stdlib.h>
#include <string.h>

/* The counts, by open addressing. The collector does not look here: the handles' table keeps the
   values. */
struct counts {
    struct counted *slots;
    size_t capacity; /* a power of two, never full */
    size_t used;
};

static struct counted *slot_of(const struct counts *counts, hapax_handle value, uint32_t place)
{
    size_t at = intern_mix(value, place) & (counts->capacity - 1);
    struct counted *slot = &counts->slots[at];
    while (slot->value && (slot->value != value || slot->place != place)) {
        at = (at + 1) & (counts->capacity - 1);
        slot = &counts->slots[at];
    }
    return slot;
}

static void grow(struct counts *counts)
{
    struct counts old = *counts;
    counts->capacity = old.capacity ? old.capacity * 2 : 1024;
    counts->slots = need_zeroed(counts->capacity, sizeof *counts->slots);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].value)
            *slot_of(counts, old.slots[i].value, old.slots[i].place) = old.slots[i];
    free(old.slots);
}

static void count(struct counts *counts, hapax_handle value, uint32_t place, uint64_t amount)
{
    if (counts->used * 2 >= counts->capacity)
        grow(counts);
    struct counted *slot = slot_of(counts, value, place);
    counts->used += !slot->value;
    slot->value = value;
    slot->place = place;
    slot->count += amount;
}

/* Moves the counts to the front, for sorting; it is no table any more. */
static void compact(struct counts *counts)
{
    size_t used = 0;
    for (size_t i = 0; i < counts->capacity; i++)
        if (counts->slots[i].value)
            counts->slots[used++] = counts->slots[i];
}

static void count_pairs(const struct spool *spool, struct counts *pairs,
                        struct child_progress *progress)
{
    hapax_table *table = intern_table();
    for (size_t block = 0; block < spool->block_count; block++) {
        const char *at = spool->data + spool->blocks[block].start;
        const char *end = spool->data + spool_block_end(spool, block);
        child_advance(progress, (uint64_t)(end - at));
        while (at < end) {
            struct spool_value value = spool_value_at(&at);
            count(pairs, intern(table, value.data, value.size), value.place, 1);
        }
    }
    compact(pairs);
}

/* Places. */

static size_t plain_cost(const struct count_wishes *wishes, const struct counted *counted)
{
    return heap_block_cost(hapax_handle_size(counted->value) + wishes->plain_extra);
}

/* What a place would save if handles cost nothing. */
static uint64_t repeated(const struct found_place *place)
{
    return place->plain_bytes - place->plain_bytes / place->count * place->distinct;
}

static int compare_places(const void *left, const void *right)
{
    const struct found_place *a = left;
    const struct found_place *b = right;
    uint64_t a_saved = a->count ? repeated(a) : 0;
    uint64_t b_saved = b->count ? repeated(b) : 0;
    if (a_saved != b_saved)
        return a_saved < b_saved ? 1 : -1;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp(a->name, b->name);
}

static void find_places(const struct counts *pairs, const struct places *names,
                        const struct count_wishes *wishes, struct found *found)
{
    struct found_place *places = need_zeroed(names->count, sizeof *places);
    for (uint32_t number = 1; number < names->count; number++) {
        places[number].name = hapax_handle_value(names->names[number]);
        places[number].name_size = hapax_handle_size(names->names[number]);
    }
    for (size_t i = 0; i < pairs->used; i++) {
        const struct counted *pair = &pairs->slots[i];
        struct found_place *place = &places[pair->place];
        place->count += pair->count;
        place->plain_bytes += pair->count * plain_cost(wishes, pair);
        place->distinct++;
        place->distinct_bytes += hapax_handle_size(pair->value);
    }
    qsort(places + 1, names->count - 1, sizeof *places, compare_places);
    for (uint32_t number = 1; number < names->count; number++) {
        if (places[number].count == 0)
            continue; /* a name of a file that was refused */
        if (found->numbers.place_count++ < wishes->places)
            found_add_place(found, &places[number]);
    }
    free(places);
}

/* Values. */

/* The pairs of each value become one. */
static void join_places(struct counts *counts)
{
    struct counts joined = { NULL, 0, 0 };
    for (size_t i = 0; i < counts->used; i++)
        count(&joined, counts->slots[i].value, 0, counts->slots[i].count);
    free(counts->slots);
    *counts = joined;
    compact(counts);
}

static uint64_t saved_by(const struct count_wishes *wishes, const struct counted *counted)
{
    return (counted->count - 1) * plain_cost(wishes, counted);
}

/* Most saved bytes first; equal ones by count, then by value, so that every run agrees. */
static int compare_saving(const void *left, const void *right, void *wishes)
{
    const struct counted *a = left;
    const struct counted *b = right;
    uint64_t a_saved = saved_by(wishes, a);
    uint64_t b_saved = saved_by(wishes, b);
    if (a_saved != b_saved)
        return a_saved < b_saved ? 1 : -1;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return hapax_handle_compare(a->value, b->value);
}

static void add_to_class(struct histogram_class *class, uint64_t count)
{
    class->distinct++;
    class->values += count;
}

static void find_totals(const struct counts *counts, const struct count_wishes *wishes,
                        struct found_numbers *numbers)
{
    numbers->distinct = counts->used;
    for (size_t i = 0; i < counts->used; i++) {
        const struct counted *counted = &counts->slots[i];
        size_t size = hapax_handle_size(counted->value);
        numbers->distinct_bytes += size;
        numbers->distinct_plain_bytes += plain_cost(wishes, counted);
        add_to_class(&numbers->lengths[histogram_class_of(size)], counted->count);
        add_to_class(&numbers->repeats[histogram_class_of(counted->count)], counted->count);
    }
}

/* Moves the values that occur more than once to the front; returns how many there are. */
static size_t repeated_first(struct counts *counts)
{
    size_t front = 0;
    for (size_t i = 0; i < counts->used; i++)
        if (counts->slots[i].count > 1) {
            struct counted once = counts->slots[front];
            counts->slots[front++] = counts->slots[i];
            counts->slots[i] = once;
        }
    return front;
}

static void find_top(struct counts *counts, const struct count_wishes *wishes, struct found *found)
{
    size_t repeated_count = repeated_first(counts);
    if (repeated_count > 0)
        qsort_r(counts->slots, repeated_count, sizeof *counts->slots, compare_saving,
                (void *)wishes);
    for (size_t i = 0; i < repeated_count && i < wishes->top; i++) {
        const struct counted *counted = &counts->slots[i];
        size_t size = hapax_handle_size(counted->value);
        const struct found_value value = { counted->count, saved_by(wishes, counted), size,
                                           hapax_handle_value(counted->value), size };
        found_add_top(found, &value);
    }
}

void count_values(const struct spool *spool, const struct places *places,
                  const struct count_wishes *wishes, struct child_progress *progress,
                  struct found *found)
{
    struct counts counts = { NULL, 0, 0 };
    count_pairs(spool, &counts, progress);
    if (places->count > 1) {
        find_places(&counts, places, wishes, found);
        join_places(&counts);
    }
    find_totals(&counts, wishes, &found->numbers);
    find_top(&counts, wishes, found);
    if (wishes->values_path)
        values_file_write(wishes->values_path, counts.slots, counts.used);
    free(counts.slots);
}
