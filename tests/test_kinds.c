/* SPDX-License-Identifier: MIT */
/* Objects whose layout the program has described to the collector, below weak maps and finalizers: there our own marker
 * has to find what the collector would. */
#include "config.h"

#include "support.h"

#include "collector/mark.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <gc/gc.h>
#include <gc/gc_mark.h>
#include <gc/gc_typed.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

TestSuite(kinds, .timeout = 60);

enum { FIELDS = 6 };

static void must(bool well)
{
    if (!well)
        abort();
}

/* ---- Ways to hide a pointer ---- */

/* Numbers with a pointer in their low bits; as the distance to an address, in half a word; a pointer beside words that
 * only look like one. Only the program knows. */
struct boxed {
    uint64_t fields[FIELDS];
};

#define NOT_A_NUMBER UINT64_C(0x7ff8000000000000)

static struct GC_ms_entry *mark_boxed(GC_word *start, struct GC_ms_entry *top, struct GC_ms_entry *limit, GC_word mask)
{
    for (unsigned i = 0; i < FIELDS; i++) {
        void *child = (void *)((start[i] ^ NOT_A_NUMBER) << mask >> mask);
        top = GC_MARK_AND_PUSH(child, top, limit, NULL);
    }
    return top;
}

static char *near;              /* in the heap */

static struct GC_ms_entry *mark_compressed(GC_word *start, struct GC_ms_entry *top, struct GC_ms_entry *limit,
                                           GC_word data)
{
    (void)data;
    for (unsigned i = 0; i < FIELDS; i++)
        if (start[i] >> 63 != 0)
            top = GC_MARK_AND_PUSH(near + (int32_t)start[i], top, limit, NULL);
    return top;
}

static int boxed_kind, compressed_kind, itself_kind;
static GC_descr third_field;

/* A word of the object says how it is to be marked: the last one. */
struct described {
    uint64_t fields[FIELDS - 1];
    GC_word how;
};

/* The collector's own offsets are from the beginning of the object. */
static void make_kinds(void)
{
    GC_INIT();
    must(hapax_init() == 0);
    near = GC_MALLOC_UNCOLLECTABLE(64);
    boxed_kind = (int)GC_new_kind(GC_new_free_list(), GC_MAKE_PROC(GC_new_proc(mark_boxed), 13), 0, 1);
    compressed_kind = (int)GC_new_kind(GC_new_free_list(), GC_MAKE_PROC(GC_new_proc(mark_compressed), 0), 0, 1);
    itself_kind = (int)GC_new_kind(GC_new_free_list(), offsetof(struct described, how) | GC_DS_PER_OBJECT, 0, 1);
    GC_word bitmap[1] = {0};
    GC_set_bit(bitmap, 2);
    third_field = GC_make_descriptor(bitmap, FIELDS);
}

static void *box(void *child)
{
    struct boxed *boxed = GC_generic_malloc(sizeof *boxed, boxed_kind);
    boxed->fields[3] = (uint64_t)(uintptr_t)child ^ NOT_A_NUMBER;
    return boxed;
}

static void *unbox(void *parent)
{
    return (void *)(uintptr_t)(((struct boxed *)parent)->fields[3] ^ NOT_A_NUMBER);
}

static void *compress(void *child)
{
    struct boxed *boxed = GC_generic_malloc(sizeof *boxed, compressed_kind);
    ptrdiff_t distance = (char *)child - near;
    must(distance == (int32_t)distance);
    boxed->fields[FIELDS - 1] = (uint32_t)distance | UINT64_C(1) << 63;
    return boxed;
}

static void *decompress(void *parent)
{
    return near + (int32_t)((struct boxed *)parent)->fields[FIELDS - 1];
}

/* The kind leads to the object, and the object to the procedure of another kind. */
static void *describe(void *child)
{
    static GC_word how;
    if (how == 0)
        how = GC_MAKE_PROC(GC_new_proc(mark_compressed), 0);
    struct described *described = GC_generic_malloc(sizeof *described, itself_kind);
    described->how = how;
    described->fields[0] = (uint32_t)((char *)child - near) | UINT64_C(1) << 63;
    return described;
}

static void *undescribe(void *parent)
{
    return near + (int32_t)((struct described *)parent)->fields[0];
}

static void *type(void *child)
{
    void **typed = GC_malloc_explicitly_typed(FIELDS * sizeof *typed, third_field);
    typed[2] = child;
    return typed;
}

static void *untype(void *parent)
{
    return ((void **)parent)[2];
}

static const struct way {
    const char *name;
    void *(*hide)(void *child);
    void *(*find)(void *parent);
} ways[] = {
    {"boxed", box, unbox},
    {"compressed", compress, decompress},
    {"described", describe, undescribe},
    {"typed", type, untype},
};
static const struct way *way;

/* ---- What hangs where ---- */

/* parent -> middle -> parent of the same kind -> child, the number in plain memory. */
static void *hang(size_t number)
{
    size_t *child = GC_MALLOC_ATOMIC(sizeof *child);
    *child = number;
    void **middle = GC_MALLOC(sizeof *middle);
    *middle = way->hide(child);
    return way->hide(middle);
}

static bool hangs(void *parent, size_t number)
{
    void **middle = way->find(parent);
    size_t *child = way->find(*middle);
    return *child == number;
}

static hapax_weak_map *map, *second;
static void **keys;
static atomic_size_t finalized, wrong;
static hapax_weak weak[MANY];

static void use_what_is_free(void)
{
    for (size_t size = 8; size <= 64; size += 8)
        for (int i = 0; i < 3000; i++) {
            memset(GC_MALLOC_ATOMIC(size), 0x5a, size);
            memset(GC_MALLOC(size), 0x5a, size);
        }
}

static void collect_often(void)
{
    for (int round = 0; round < 3; round++) {
        collect();
        must(hapax_wait_cleanups(FOR_EVER));
        use_what_is_free();
    }
}

/* The second map's key is plain memory that only the first map's value leads to, in the program's way. */
static void set_values(size_t i)
{
    keys[i] = GC_MALLOC(16);
    must(hapax_weak_map_set(map, keys[i], hang(i)) == 0);
    size_t *key = GC_MALLOC_ATOMIC(sizeof *key);
    *key = i;
    void *value = way->hide(key);
    must(hapax_weak_map_set(second, keys[i], value) == 0 && hapax_weak_map_set(map, key, hang(i + MANY)) == 0);
    weak[i] = hapax_weak_make(value);
}

static int values_of_weak_maps(void *unused)
{
    (void)unused;
    make_kinds();
    map = hapax_weak_map_new();
    second = hapax_weak_map_new();
    keys = GC_MALLOC(MANY * sizeof *keys);
    make_each(MANY, set_values);
    collect_often();
    for (size_t i = 0; i < MANY; i++) {
        CHECK(hangs(hapax_weak_map_get(map, keys[i]), i));
        size_t *key = way->find(hapax_weak_map_get(second, keys[i]));
        CHECK(*key == i && hangs(hapax_weak_map_get(map, key), i + MANY));
    }
    memset(keys, 0, MANY * sizeof *keys);
    collect_often();
    CHECK(count_dead(weak, MANY) >= MOST);
    return 0;
}

static void check_object(void *object, void *number)
{
    atomic_fetch_add(hangs(object, (size_t)number) ? &finalized : &wrong, 1);
}

static void check_holder(void *object, void *number)
{
    atomic_fetch_add(hangs(*(void **)object, (size_t)number) ? &finalized : &wrong, 1);
}

static void set_finalizers(size_t i)
{
    if (i % 2) {
        must(hapax_set_finalizer(hang(i), check_object, (void *)i) == 0);
    } else {
        void **holder = GC_MALLOC(sizeof *holder);
        *holder = hang(i);
        must(hapax_set_finalizer(holder, check_holder, (void *)i) == 0);
    }
}

static int objects_with_finalizers(void *unused)
{
    (void)unused;
    make_kinds();
    make_each(MANY, set_finalizers);
    must(hapax_set_cleanup_threads(0) == 0);
    collect();
    use_what_is_free();
    collect();
    use_what_is_free();
    hapax_run_cleanups();
    CHECK(atomic_load(&finalized) >= MOST && atomic_load(&wrong) == 0);
    return 0;
}

/* Those found by a procedure come after those that lead to them. */
static atomic_size_t out_of_order;
static bool first_ran[MANY];

static void note_first(void *object, void *number)
{
    (void)object;
    first_ran[(size_t)number] = true;
    atomic_fetch_add(&finalized, 1);
}

static void note_second(void *object, void *number)
{
    (void)object;
    atomic_fetch_add(&out_of_order, !first_ran[(size_t)number]);
    atomic_fetch_add(&finalized, 1);
}

static void set_in_order(size_t i)
{
    void *later = GC_MALLOC(16);
    must(hapax_set_finalizer(later, note_second, (void *)i) == 0);
    must(hapax_set_finalizer(way->hide(later), note_first, (void *)i) == 0);
}

static int finalizers_in_order(void *unused)
{
    (void)unused;
    make_kinds();
    make_each(MANY, set_in_order);
    collect_often();
    CHECK(atomic_load(&out_of_order) == 0 && atomic_load(&finalized) >= 2 * MOST);
    return 0;
}

/* The stack of our marker has an end: what a procedure finds no room for is found again. */
static int little_room(void *unused)
{
    mark_room_wanted = 7;
    return values_of_weak_maps(unused);
}

static void in_each_way(int (*work)(void *))
{
    for (way = ways; way < ways + sizeof ways / sizeof *ways; way++) {
        char heard[4096];
        int end = in_child_heard(work, NULL, heard, sizeof heard);
        cr_expect_eq(end, 0, "%s: %d %s", way->name, end, heard);
        /* Nothing had to be said: the procedures were found. */
        cr_expect_null(strstr(heard, "hapax:"), "%s: %s", way->name, heard);
    }
}

Test(kinds, values_of_weak_maps)
{
    in_each_way(values_of_weak_maps);
}

Test(kinds, objects_with_finalizers)
{
    in_each_way(objects_with_finalizers);
}

Test(kinds, finalizers_in_order)
{
    in_each_way(finalizers_in_order);
}

Test(kinds, little_room)
{
    in_each_way(little_room);
}
