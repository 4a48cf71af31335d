/* SPDX-License-Identifier: MIT */
#include "hapax_primitives.h"

#include "harness.h"

#include <hapax.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OBJECTS = 200000,
    OBJECT_BYTES = 32,
    KEY_BYTES = 16,
    MOST_KEYS = 128 * 1024,
    LOOKUPS = 4000000,
};

/* Collected arrays that static variables point at: all in them stays alive. */
static void **objects;
static hapax_weak *cells;
static hapax_cleanup *cleanups;

static volatile uintptr_t sink;

static void *must(void *pointer)
{
    if (pointer == NULL) {
        perror("hapax");
        exit(2);
    }
    return pointer;
}

static void report(const char *primitive, double began, size_t operations)
{
    double took = bench_now() - began;
    bench_begin("hapax", "W10");
    bench_text("primitive", primitive);
    bench_number("ns_per_op", took / (double)operations);
    bench_whole("operations", operations);
    bench_end();
}

static void make_objects(void)
{
    for (size_t i = 0; i < OBJECTS; ++i)
        objects[i] = must(hapax_alloc_plain(OBJECT_BYTES));
}

/* What weak_value is measured against: a pointer loaded, and another through it, where the boxes lie as the cells
 * do. */
static void run_dependent_loads(void)
{
    void ***boxes = must(hapax_alloc(OBJECTS * sizeof *boxes));
    for (size_t i = 0; i < OBJECTS; ++i) {
        boxes[i] = must(hapax_alloc_plain(OBJECT_BYTES));
        *boxes[i] = objects[i];
    }
    bool same = true;
    double began = bench_now();
    for (size_t i = 0; i < OBJECTS; ++i)
        same &= *(void *volatile *)boxes[i] == objects[i];
    report("two dependent loads", began, OBJECTS);
    if (!same)
        bench_wrong("hapax: a plain load yields another pointer");
}

static void run_weak(void)
{
    double began = bench_now();
    for (size_t i = 0; i < OBJECTS; ++i)
        cells[i] = hapax_weak_make(objects[i]);
    report("weak_make, first", began, OBJECTS);

    bool same = true;
    began = bench_now();
    for (size_t i = 0; i < OBJECTS; ++i)
        same &= hapax_weak_make(objects[i]) == cells[i];
    report("weak_make, again", began, OBJECTS);

    began = bench_now();
    for (size_t i = 0; i < OBJECTS; ++i)
        same &= hapax_weak_value(cells[i]) == objects[i];
    report("weak_value", began, OBJECTS);
    if (!same)
        bench_wrong("hapax: a weak pointer of a live object is not what it was made from");
}

/* Cleanups may run in any thread, but in one at a time as long as the library
   has one; the count is read after hapax_wait_cleanups. */
static size_t cleanups_run;

static void count_cleanup(void *argument)
{
    (void)argument;
    ++cleanups_run;
}

static void add_cleanups(const char *primitive)
{
    double began = bench_now();
    bool added = true;
    for (size_t i = 0; i < OBJECTS; ++i)
        added &= hapax_add_cleanup(objects[i], count_cleanup, NULL, &cleanups[i]) == 0;
    if (primitive != NULL)
        report(primitive, began, OBJECTS);
    if (!added)
        bench_wrong("hapax: hapax_add_cleanup failed");
}

static void run_cleanups(void)
{
    add_cleanups("add_cleanup");
    double began = bench_now();
    for (size_t i = 0; i < OBJECTS; ++i)
        hapax_cleanup_stop(cleanups[i]);
    report("cleanup_stop", began, OBJECTS);

    add_cleanups(NULL);
    memset(cleanups, 0, OBJECTS * sizeof *cleanups);
    memset(objects, 0, OBJECTS * sizeof *objects);
    began = bench_now();
    hapax_collect();
    bool finished = hapax_wait_cleanups(60000);
    report("collection and cleanup run", began, OBJECTS);

    /* Stopped ones never run, the others once each; a stale word on a stack may
       keep one in a thousand from dying. */
    if (!finished || cleanups_run > OBJECTS || cleanups_run < OBJECTS - OBJECTS / 1000)
        bench_wrong("hapax: %zu cleanups ran of %d", cleanups_run, OBJECTS);
}

/* Keys of one length, their order scattered by a step that is prime to their
   number, so that they are not looked up as they were inserted. */
static char (*make_keys(void))[KEY_BYTES]
{
    char (*keys)[KEY_BYTES] = bench_alloc((size_t)MOST_KEYS * KEY_BYTES);
    for (size_t i = 0; i < MOST_KEYS; ++i) {
        char text[KEY_BYTES + 1];
        snprintf(text, sizeof text, "key-%012u", (unsigned)(i * 40503u % MOST_KEYS));
        memcpy(keys[i], text, KEY_BYTES);
    }
    return keys;
}

static void run_make_handle(char (*keys)[KEY_BYTES], size_t count, const char *primitive)
{
    hapax_table *table = must(hapax_table_new(NULL, 0));
    hapax_handle *held = must(hapax_alloc(count * sizeof *held));
    for (size_t i = 0; i < count; ++i)
        held[i * 7919 % count] = hapax_make_handle(table, keys[i * 7919 % count], KEY_BYTES);

    uintptr_t sum = 0;
    double began = bench_now();
    for (size_t i = 0, key = 0; i < LOOKUPS; ++i) {
        sum += (uintptr_t)hapax_make_handle(table, keys[key], KEY_BYTES);
        key = key + 1 < count ? key + 1 : 0;
    }
    report(primitive, began, LOOKUPS);
    sink = sum;
    for (size_t i = 0; i < count; ++i)
        if (held[i] == NULL || hapax_make_handle(table, keys[i], KEY_BYTES) != held[i])
            bench_wrong("hapax: two handles for one key");
    hapax_keep_alive(held);
}

static void *create_value(const void *key, size_t size, void *context, int *error)
{
    (void)context;
    (void)error;
    char *value = hapax_alloc_plain(size);
    if (value != NULL)
        memcpy(value, key, size);
    return value;
}

static void run_cache(char (*keys)[KEY_BYTES])
{
    enum { CACHED = 1024 };
    static void **cached; /* static: what is in the array stays alive */
    hapax_cache *cache = must(hapax_cache_new(create_value, NULL));
    int error;
    cached = must(hapax_alloc(CACHED * sizeof *cached));
    for (size_t i = 0; i < CACHED; ++i)
        cached[i] = must(hapax_cache_get(cache, keys[i], KEY_BYTES, &error));

    bool same = true;
    double began = bench_now();
    for (size_t i = 0; i < LOOKUPS; ++i)
        same &= hapax_cache_get(cache, keys[i % CACHED], KEY_BYTES, &error) == cached[i % CACHED];
    report("cache_get, hit", began, LOOKUPS);
    if (!same)
        bench_wrong("hapax: a cache creates a value anew while it is held");
    cached = NULL;
}

void hapax_run_primitives(void)
{
    objects = must(hapax_alloc(OBJECTS * sizeof *objects));
    cells = must(hapax_alloc(OBJECTS * sizeof *cells));
    cleanups = must(hapax_alloc(OBJECTS * sizeof *cleanups));
    make_objects();
    run_dependent_loads();
    run_weak();
    run_cleanups();

    char (*keys)[KEY_BYTES] = make_keys();
    run_make_handle(keys, 1, "make_handle, 1 key");
    run_make_handle(keys, 128, "make_handle, 128 keys");
    run_make_handle(keys, MOST_KEYS, "make_handle, 128 Ki keys");
    run_cache(keys);
    free(keys);
}
