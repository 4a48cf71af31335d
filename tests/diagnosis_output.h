/* SPDX-License-Identifier: MIT */
/* What the suites of HAPAX_DEBUG share: what a process writes to standard error. */
#ifndef TESTS_DIAGNOSIS_OUTPUT_H
#define TESTS_DIAGNOSIS_OUTPUT_H

#include "dying.h"
#include "files.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FEW = 100, MANY = 1000 };
#define NEVER_CLEANED "its cleanup never runs: only the cleanup's argument reaches it"
#define NEVER_FINALIZED "its finalizer never runs: only the finalizer's argument reaches it"
#define CYCLE "its finalizer never runs: the object reaches itself"

struct node {
    struct node *next, *other;
    size_t number;
    char space[40];
};

static int printed = -1;

/* From here on standard error is a file. */
static inline void ask_for(const char *words)
{
    make_folder();
    printed = open(path_of("printed").text, O_RDWR | O_CREAT, 0600);
    cr_assert_geq(printed, 0);
    remove_folder();
    cr_assert_eq(dup2(printed, STDERR_FILENO), STDERR_FILENO);
    if (words != NULL)
        setenv("HAPAX_DEBUG", words, 1);
    else
        unsetenv("HAPAX_DEBUG");
    cr_assert_eq(hapax_init(), 0);
}

/* All that was printed so far. */
static inline char *text(void)
{
    static char buffer[1 << 20];
    fflush(stderr);
    ssize_t length = pread(printed, buffer, sizeof buffer - 1, 0);
    cr_assert_geq(length, 0);
    buffer[length] = '\0';
    return buffer;
}

static inline unsigned lines_with(const char *words)
{
    unsigned lines = 0;
    for (char *line = strtok(text(), "\n"); line != NULL; line = strtok(NULL, "\n"))
        lines += strncmp(line, "hapax: ", 7) == 0 && strstr(line, words) != NULL;
    return lines;
}

static inline void nothing(void *arg)
{
    (void)arg;
}

static inline struct node *new_node(size_t number)
{
    struct node *node = hapax_alloc(sizeof *node);
    cr_assert_not_null(node);
    node->number = number;
    return node;
}

/* Hidden from the collector. */
static uintptr_t hidden[MANY];

static unsigned leak_line;

static NOINLINE void leak_by_cleanup(size_t i)
{
    struct node *object = new_node(i), *between = new_node(i), *arg = new_node(i);
    arg->next = between;
    between->other = object;
    hidden[i] = ~(uintptr_t)object;
    leak_line = __LINE__ + 1;
    int result = hapax_add_cleanup(&object->number, nothing, arg, NULL);
    cr_assert_eq(result, 0);
}

static atomic_uint finalized, cleaned;

static inline void finalize(void *object, void *arg)
{
    const struct node *node = object, *expected = arg;
    if (expected == NULL || expected->number == node->number)
        atomic_fetch_add(&finalized, 1u);
}

static NOINLINE void repeat(void (*make)(size_t), size_t times)
{
    for (size_t i = 0; i < times; i++)
        make(i);
}

/* ---- HAPAX_DEBUG=cleanups ---- */

static inline void count_number(void *arg)
{
    const struct node *node = arg;
    if (node->other != NULL && node->other->number == node->number)
        atomic_fetch_add(&cleaned, 1u);
}

/* Arguments that reach other objects with cleanups, and those others; all of it dies in turn. */
static NOINLINE void make_innocent(size_t i)
{
    struct node *object = new_node(i), *arg = new_node(i), *further = new_node(i), *last = new_node(i);
    hapax_cleanup stopped;
    arg->next = further;
    arg->other = new_node(i);
    last->other = new_node(i);
    cr_assert_eq(hapax_add_cleanup(object, count_number, arg, NULL), 0);
    cr_assert_eq(hapax_add_cleanup(further, count_number, last, NULL), 0);
    cr_assert_eq(hapax_add_cleanup(object, count_number, further, &stopped), 0);
    hapax_cleanup_stop(stopped);
    hapax_cleanup_stop(stopped);
    cr_assert_eq(hapax_set_finalizer(object, finalize, new_node(i)), 0);
    cr_assert_eq(hapax_set_finalizer(further, finalize, object), 0);
    cr_assert_eq(hapax_set_finalizer(further, NULL, NULL), 0);
}

#endif
