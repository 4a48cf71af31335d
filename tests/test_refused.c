/* SPDX-License-Identifier: MIT */
/* Mistakes that the library can see: refused with errno, and named on standard error where HAPAX_DEBUG asks for it. */
#include "config.h"

#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

TestSuite(refused, .timeout = 60);

static char *from_malloc(void)
{
    static char *memory;
    if (memory == NULL)
        memory = malloc(64);
    return memory;
}

static void nothing(void *unused)
{
    (void)unused;
}

static void finalize(void *object, void *unused)
{
    (void)object;
    (void)unused;
}

static void *object(void)
{
    static void *one;
    if (one == NULL)
        one = hapax_alloc(64);
    return one;
}

/* Each answers whether it was refused. */

static bool pin_null(void)
{
    return hapax_pin(NULL) == -1;
}
static bool pin_foreign(void)
{
    return hapax_pin(from_malloc()) == -1;
}
static bool roots_null(void)
{
    return hapax_add_roots(NULL, 8) == -1;
}
static bool roots_around_the_end(void)
{
    return hapax_add_roots(from_malloc(), SIZE_MAX) == -1;
}
static bool weak_foreign(void)
{
    return hapax_weak_make(from_malloc()) == NULL;
}
static bool cleanup_null(void)
{
    return hapax_add_cleanup(NULL, nothing, NULL, NULL) == -1;
}
static bool cleanup_of_nothing(void)
{
    return hapax_add_cleanup(object(), NULL, NULL, NULL) == -1;
}
static bool cleanup_of_itself(void)
{
    return hapax_add_cleanup(object(), nothing, object(), NULL) == -1;
}
static bool cleanup_of_its_inside(void)
{
    return hapax_add_cleanup(object(), nothing, (char *)object() + 63, NULL) == -1;
}
static bool cleanup_foreign(void)
{
    return hapax_add_cleanup(from_malloc(), nothing, NULL, NULL) == -1;
}
static bool finalizer_null(void)
{
    return hapax_set_finalizer(NULL, finalize, NULL) == -1;
}
static bool finalizer_inside(void)
{
    return hapax_set_finalizer((char *)object() + 1, finalize, NULL) == -1;
}
static bool finalizer_foreign(void)
{
    return hapax_set_finalizer(from_malloc(), finalize, NULL) == -1;
}
static bool finalizer_of_handle(void)
{
    return hapax_set_finalizer((void *)(uintptr_t)hapax_intern("x"), finalize, NULL) == -1;
}
static bool second_finalizer(void)
{
    return hapax_set_finalizer(object(), finalize, NULL) == 0 && hapax_set_finalizer(object(), finalize, NULL) == -1;
}

static const struct mistake {
    bool (*make)(void);
    const char *function;
    int error;
    const char *reason;     /* a word of it */
} mistakes[] = {
    {pin_null, "hapax_pin", EINVAL, "NULL"},
    {pin_foreign, "hapax_pin", EINVAL, "neither"},
    {roots_null, "hapax_add_roots", EINVAL, "NULL"},
    {roots_around_the_end, "hapax_add_roots", EINVAL, "beyond the end"},
    {weak_foreign, "hapax_weak_make", EINVAL, "neither"},
    {cleanup_null, "hapax_add_cleanup", EINVAL, "pointer is NULL"},
    {cleanup_of_nothing, "hapax_add_cleanup", EINVAL, "function is NULL"},
    {cleanup_of_itself, "hapax_add_cleanup", EINVAL, "the object itself"},
    {cleanup_of_its_inside, "hapax_add_cleanup", EINVAL, "into the object"},
    {cleanup_foreign, "hapax_add_cleanup", EINVAL, "neither"},
    {finalizer_null, "hapax_set_finalizer", EINVAL, "NULL"},
    {finalizer_inside, "hapax_set_finalizer", EINVAL, "first byte"},
    {finalizer_foreign, "hapax_set_finalizer", EINVAL, "neither"},
    {finalizer_of_handle, "hapax_set_finalizer", EINVAL, "handle"},
    {second_finalizer, "hapax_set_finalizer", EEXIST, "already"},
};
enum { MISTAKES = sizeof mistakes / sizeof *mistakes };

static const char *debug;

static int make_mistake(void *data)
{
    const struct mistake *mistake = data;
    if (debug != NULL)
        setenv("HAPAX_DEBUG", debug, 1);
    else
        unsetenv("HAPAX_DEBUG");
    errno = 0;
    CHECK(mistake->make());
    CHECK(errno == mistake->error);
    /* Nothing has come of it. */
    struct hapax_stats stats;
    hapax_stats(&stats);
    CHECK(stats.cleanups_pending == 0 && stats.cleanups_queued == 0 && stats.weak_cells == 0);
    return 0;
}

static void each_is_heard(const char *words, bool expected)
{
    debug = words;
    for (size_t i = 0; i < MISTAKES; i++) {
        char heard[4096], begin[100];
        int end = in_child_heard(make_mistake, (void *)(uintptr_t)&mistakes[i], heard, sizeof heard);
        cr_expect_eq(end, 0, "%zu, %s: %s", i, mistakes[i].function, heard);
        if (!expected) {
            cr_expect_str_empty(heard, "%zu: %s", i, heard);
            continue;
        }
        snprintf(begin, sizeof begin, "hapax: %s: ", mistakes[i].function);
        cr_expect_eq(strncmp(heard, begin, strlen(begin)), 0, "%zu: %s", i, heard);
        /* One line, with a reason. */
        cr_expect_not_null(strstr(heard, mistakes[i].reason), "%zu: %s", i, heard);
        cr_expect_eq(strchr(heard, '\n'), heard + strlen(heard) - 1, "%zu: %s", i, heard);
    }
}

Test(refused, without_a_word_unless_asked)
{
    each_is_heard(NULL, false);
    each_is_heard("", false);
    each_is_heard("cleanups", false);
}

Test(refused, with_a_line_where_asked)
{
    each_is_heard("errors", true);
    each_is_heard("cleanups,errors,threads", true);
    each_is_heard(",errors", true);
}

/* Functions that return nothing ignore what they cannot do; they say so where asked, and leave errno alone. */

static int take_back_too_much(void *unused)
{
    (void)unused;
    setenv("HAPAX_DEBUG", "errors", 1);
    errno = 77;
    hapax_unpin(object());
    hapax_remove_roots(from_malloc(), 8);
    CHECK(errno == 77);
    return 0;
}

Test(refused, what_was_never_given_is_not_taken_back)
{
    char heard[4096];
    cr_assert_eq(in_child_heard(take_back_too_much, NULL, heard, sizeof heard), 0);
    cr_expect_not_null(strstr(heard, "hapax: hapax_unpin: "), "%s", heard);
    cr_expect_not_null(strstr(heard, "hapax: hapax_remove_roots: "), "%s", heard);
}
