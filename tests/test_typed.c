/* SPDX-License-Identifier: MIT */
/* Typed handles: hapax/typed.h. tests/typed.sh has what must not compile, and C++. */
#include "config.h"

#include "dying.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Padding in the middle and at the end. */
struct mark {
    char kind;
    int number;
    char end;
};
HAPAX_DEFINE_HANDLE(mark, struct mark, kind, number, end);

#if defined HAPAX_TYPED_HAS_CLEAR_
HAPAX_DEFINE_HANDLE(bare_mark, struct mark);
#endif

struct size {
    int width, height;
};
HAPAX_DEFINE_HANDLE(size, struct size, width, height);
struct point {
    int x, y;
};
/* Without a semicolon it is one as well. */
HAPAX_DEFINE_HANDLE(point, struct point, x, y)

typedef uint64_t number;
HAPAX_DEFINE_HANDLE(number, number);

struct deep {
    struct mark marks[2];
    struct {
        short values[5];
        char last;
    } inner;
    int ignored;
};
HAPAX_DEFINE_HANDLE(deep, struct deep, marks[0].number, marks[1].number, inner.values, inner.last);

struct wide {
    char a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p;
};
HAPAX_DEFINE_HANDLE(wide, struct wide, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);

HAPAX_DECLARE_HANDLE(tree);
struct tree {
    char letter;
    tree_handle left, right;
};
HAPAX_DEFINE_HANDLE_HOLDING(tree, struct tree, letter, left, right);

/* Compared as numbers are: 0.0 is -0.0, and NaN is not itself. */
static uint64_t hash_real(const void *value, size_t size, uint64_t seed)
{
    double real = *(const double *)value + 0.0; /* -0.0 becomes 0.0 */
    uint64_t bits;
    cr_assert_eq(size, sizeof real);
    memcpy(&bits, &real, sizeof bits);
    return bits ^ seed;
}

static bool equal_real(const void *a, const void *b, size_t size)
{
    cr_assert_eq(size, sizeof(double));
    return *(const double *)a == *(const double *)b;
}
HAPAX_DEFINE_HANDLE_WITH(real, double, hash_real, equal_real);

static uint64_t hash_label(const void *value, size_t size, uint64_t seed)
{
    (void)size, (void)value;
    return seed;
}

static bool equal_label(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}
struct label {
    hapax_handle text;
};
HAPAX_DEFINE_HANDLE_WITH(label, struct label, hash_label, equal_label, HAPAX_TYPE_HAS_POINTERS);
HAPAX_DEFINE_HANDLE_WITH(forgetful, struct label, hash_label, equal_label);

/* Through volatile memory, so that no compiler sees what padding holds, nor that it is none of its business. */
static const struct mark *make_mark(unsigned char garbage, char kind, int number, char end)
{
    static volatile union {
        unsigned char bytes[sizeof(struct mark)];
        struct mark mark;
    } marks[2];
    static unsigned next;
    unsigned at = next++ % 2;
    for (size_t i = 0; i < sizeof marks[at].bytes; i++)
        marks[at].bytes[i] = garbage;
    for (size_t i = 0; i < sizeof kind; i++)
        marks[at].bytes[offsetof(struct mark, kind) + i] = ((unsigned char *)&kind)[i];
    for (size_t i = 0; i < sizeof number; i++)
        marks[at].bytes[offsetof(struct mark, number) + i] = ((unsigned char *)&number)[i];
    for (size_t i = 0; i < sizeof end; i++)
        marks[at].bytes[offsetof(struct mark, end) + i] = ((unsigned char *)&end)[i];
    return (const struct mark *)&marks[at].mark;
}

/* In frames of their own, where the value is only known by its address. */
static NOINLINE mark_handle mark_elsewhere(const struct mark *mark)
{
    __asm__ volatile("" : "+r"(mark) : : "memory");
    return mark_make(mark);
}

static NOINLINE mark_handle mark_found_elsewhere(const struct mark *mark)
{
    __asm__ volatile("" : "+r"(mark) : : "memory");
    return mark_find(mark);
}

#if defined HAPAX_TYPED_HAS_CLEAR_
static NOINLINE bare_mark_handle bare_mark_elsewhere(const struct mark *mark)
{
    __asm__ volatile("" : "+r"(mark) : : "memory");
    return bare_mark_make(mark);
}

static NOINLINE bare_mark_handle bare_mark_found_elsewhere(const struct mark *mark)
{
    __asm__ volatile("" : "+r"(mark) : : "memory");
    return bare_mark_find(mark);
}
#endif

Test(typed, equal_values_have_equal_handles)
{
    struct point one = {1, 2}, same = {1, 2}, other = {2, 1};
    point_handle handle = point_make(&one);
    cr_assert_not_null(handle);
    cr_assert_eq(point_make(&same), handle);
    cr_assert_neq(point_make(&other), handle);
    cr_assert_eq(point_find(&same), handle);
    cr_assert_null(point_find(&(struct point){3, 3}));
    cr_assert_eq(point_value(handle)->x, 1);
    cr_assert_eq(point_value(handle)->y, 2);
    cr_assert_neq(point_value(handle), &one);
    cr_assert_eq(sizeof handle, sizeof(void *));
    cr_assert_eq(point_table(), point_table());
    cr_assert_null(point_value(NULL));
}

Test(typed, padding_never_counts)
{
    for (int number = 0; number < 1000; number++) {
        mark_handle handle = mark_elsewhere(make_mark(0xff, 'k', number, 'e'));
        cr_assert_not_null(handle);
        cr_assert_eq(mark_elsewhere(make_mark(0x11, 'k', number, 'e')), handle);
        cr_assert_eq(mark_found_elsewhere(make_mark(0x22, 'k', number, 'e')), handle);
        cr_assert_eq(mark_value(handle)->kind, 'k');
        cr_assert_eq(mark_value(handle)->number, number);
        cr_assert_eq(mark_value(handle)->end, 'e');
        cr_assert_neq(mark_elsewhere(make_mark(0xff, 'k', number, 'f')), handle);
    }
}

#if defined HAPAX_TYPED_HAS_CLEAR_
Test(typed, padding_never_counts_without_naming_the_fields)
{
    for (int number = 0; number < 1000; number++) {
        bare_mark_handle handle = bare_mark_elsewhere(make_mark(0xff, 'k', number, 'e'));
        cr_assert_not_null(handle);
        cr_assert_eq(bare_mark_elsewhere(make_mark(0x11, 'k', number, 'e')), handle);
        cr_assert_eq(bare_mark_found_elsewhere(make_mark(0x22, 'k', number, 'e')), handle);
        cr_assert_eq(bare_mark_value(handle)->number, number);
        cr_assert_neq(bare_mark_elsewhere(make_mark(0xff, 'l', number, 'e')), handle);
    }
}
#endif

Test(typed, fields_may_lie_deep_and_unnamed_ones_do_not_count)
{
    struct deep one, same;
    memset(&one, 0xaa, sizeof one);
    memset(&same, 0x55, sizeof same);
    one.marks[0].number = same.marks[0].number = 1;
    one.marks[1].number = same.marks[1].number = 2;
    memset(one.inner.values, 3, sizeof one.inner.values);
    memset(same.inner.values, 3, sizeof same.inner.values);
    one.inner.last = same.inner.last = 'z';
    deep_handle handle = deep_make(&one);
    cr_assert_eq(deep_make(&same), handle);
    cr_assert_eq(deep_value(handle)->inner.values[4], 0x0303);
    cr_assert_eq(deep_value(handle)->ignored, 0);
    same.inner.values[4] = 0;
    cr_assert_neq(deep_make(&same), handle);
}

Test(typed, sixteen_fields)
{
    for (unsigned i = 0; i < sizeof(struct wide); i++) {
        struct wide one = {0}, other = {0};
        ((char *)&other)[i] = 1;
        wide_handle handle = wide_make(&one);
        cr_assert_neq(wide_make(&other), handle);
        hapax_keep_alive(handle);
    }
}

Test(typed, types_share_nothing)
{
    struct point point = {1, 2};
    struct size size = {1, 2};
    cr_assert_neq((hapax_handle)point_make(&point), (hapax_handle)size_make(&size));
    cr_assert_neq(point_table(), size_table());
}

Test(typed, scalars)
{
    number seven = 7, same = 7;
    number_handle handle = number_make(&seven);
    cr_assert_eq(number_make(&same), handle);
    cr_assert_eq(*number_value(handle), 7u);
    cr_assert_eq(hapax_handle_size((hapax_handle)handle), sizeof seven);
}

Test(typed, the_types_own_equality)
{
    double zero = 0.0, minus = -0.0, one = 1.0, nan = strtod("nan", NULL);
    real_handle handle = real_make(&zero);
    cr_assert_not_null(handle);
    cr_assert_eq(real_make(&minus), handle);
    cr_assert_neq(real_make(&one), handle);
    real_handle no_number = real_make(&nan);
    cr_assert_neq(real_make(&nan), no_number);
    cr_assert_null(real_find(&nan));
    hapax_keep_alive(no_number);
}

enum { CHAINS = 100, LENGTH = 10 };

/* Many short ones: a long one would stay for the sake of one stale pointer to its end. */
static NOINLINE void make_chains(tree_handle *roots, hapax_weak *weak)
{
    for (unsigned i = 0; i < CHAINS; i++) {
        tree_handle tree = NULL;
        for (unsigned j = 0; j < LENGTH; j++) {
            struct tree value = {(char)(j == 0 ? i : j), tree, tree};
            tree = tree_make(&value);
            weak[i * LENGTH + j] = hapax_weak_make(tree);
        }
        roots[i] = tree;
    }
}

static unsigned count_dead(const hapax_weak *weak, unsigned length)
{
    unsigned dead = 0;
    for (unsigned i = 0; i < length; i++)
        dead += hapax_weak_value(weak[i]) == NULL;
    return dead;
}

Test(typed, values_that_hold_handles_keep_them)
{
    hapax_weak *weak = hapax_alloc(CHAINS * LENGTH * sizeof *weak);
    tree_handle *roots = hapax_alloc(CHAINS * sizeof *roots);
    make_chains(roots, weak);
    collect_all();
    cr_assert_eq(count_dead(weak, CHAINS * LENGTH), 0u);
    for (unsigned i = 0; i < CHAINS; i++) {
        unsigned depth = 0;
        for (tree_handle tree = roots[i]; tree != NULL; tree = tree_value(tree)->left)
            depth++;
        cr_assert_eq(depth, LENGTH);
    }
    memset(roots, 0, CHAINS * sizeof *roots);
    collect();
    cr_assert_geq(count_dead(weak, CHAINS * LENGTH), MOST(CHAINS * LENGTH));
    hapax_keep_alive(roots);
}

static NOINLINE void make_labels(label_handle *labels, forgetful_handle *forgetful, hapax_weak *kept, hapax_weak *lost)
{
    for (unsigned i = 0; i < 1000; i++) {
        char text[32];
        snprintf(text, sizeof text, "kept %u", i);
        struct label label = {hapax_intern(text)};
        kept[i] = hapax_weak_make(label.text);
        labels[i] = label_make(&label);
        snprintf(text, sizeof text, "lost %u", i);
        label.text = hapax_intern(text);
        lost[i] = hapax_weak_make(label.text);
        forgetful[i] = forgetful_make(&label);
    }
}

Test(typed, flags_of_the_types_own)
{
    label_handle *labels = hapax_alloc(1000 * sizeof *labels);
    forgetful_handle *forgetful = hapax_alloc(1000 * sizeof *forgetful);
    hapax_weak *kept = hapax_alloc(1000 * sizeof *kept), *lost = hapax_alloc(1000 * sizeof *lost);
    make_labels(labels, forgetful, kept, lost);
    collect_all();
    cr_assert_eq(count_dead(kept, 1000), 0u);
    cr_assert_geq(count_dead(lost, 1000), MOST(1000));
    hapax_keep_alive(labels);
    hapax_keep_alive(forgetful);
}

static NOINLINE void make_many(hapax_weak *weak)
{
    for (int i = 0; i < 1000; i++)
        weak[i] = hapax_weak_make(point_make(&(struct point){i, i}));
}

Test(typed, values_die)
{
    hapax_weak *weak = hapax_alloc(1000 * sizeof *weak);
    make_many(weak);
    collect();
    cr_assert_geq(count_dead(weak, 1000), MOST(1000));
    struct hapax_table_stats stats;
    hapax_table_stats(point_table(), &stats);
    cr_assert_geq(stats.evicted, MOST(1000));
}

Test(typed, mistakes)
{
    errno = 0;
    cr_assert_null(point_make(NULL));
    cr_assert_eq(errno, EINVAL);
    errno = 0;
    cr_assert_null(point_find(NULL));
    cr_assert_eq(errno, EINVAL);
    errno = 0;
    cr_assert_null(hapax_table_once(NULL, NULL));
    cr_assert_eq(errno, EINVAL);
    static hapax_table *slot;
    struct hapax_type wrong = {.flags = ~0u};
    errno = 0;
    cr_assert_null(hapax_table_once(&slot, &wrong));
    cr_assert_eq(errno, EINVAL);
    cr_assert_null(slot);
    cr_assert_not_null(hapax_table_once(&slot, NULL));
    cr_assert_eq(hapax_table_once(&slot, NULL), slot);
}

static NOINLINE void make_unseen(hapax_table **slots, hapax_weak *weak, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        weak[i] = hapax_weak_make(hapax_table_once(&slots[i], NULL));
}

Test(typed, the_table_of_a_slot_lives_for_ever)
{
    enum { TABLES = 50 };
    /* Where the collector does not look. */
    hapax_table **slots = calloc(TABLES, sizeof *slots);
    hapax_weak *weak = hapax_alloc(TABLES * sizeof *weak);
    make_unseen(slots, weak, TABLES);
    collect_all();
    cr_assert_eq(count_dead(weak, TABLES), 0u);
    free(slots);
}

static hapax_table *raced_for;
static pthread_barrier_t start;

static void *make_table(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&start);
    return hapax_table_once(&raced_for, NULL);
}

Test(typed, one_table_for_all_threads)
{
    enum { THREADS = 8 };
    cr_assert_eq(hapax_init(), 0);
    for (unsigned round = 0; round < 100; round++) {
        pthread_t threads[THREADS];
        raced_for = NULL;
        pthread_barrier_init(&start, NULL, THREADS);
        for (unsigned i = 0; i < THREADS; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, make_table, NULL), 0);
        for (unsigned i = 0; i < THREADS; i++) {
            void *table = NULL;
            pthread_join(threads[i], &table);
            cr_assert_not_null(table);
            cr_assert_eq(table, raced_for);
        }
    }
}
