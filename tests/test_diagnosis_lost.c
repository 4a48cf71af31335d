/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=lost: what is said of values whose handles stand where nobody searches. The programs of tests/natural
 * show it of each kind of memory. */
#include "dying.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(diagnosis, .timeout = 200);

enum { VALUES = 100 };

/* Standard error is a socket that keeps each write apart. */
static int ask_for_lost(void)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    setenv("HAPAX_DEBUG", "lost", 1);
    setenv("HAPAX_SEARCH", "explicit", 1);
    cr_assert_eq(hapax_init(), 0);
    if (hapax_search_malloc(true) != 0)
        cr_skip("this allocator's memory cannot be told from other memory");
    cr_assert_eq(hapax_search_malloc(false), 0);
    return ends[0];
}

static NOINLINE void fill(hapax_handle *unsearched, unsigned step)
{
    for (unsigned i = 0; i < VALUES * step; i += step) {
        char text[100];
        snprintf(text, sizeof text, "line\n%u, longer than what is shown of a value, so that it is cut: %0*u", i,
                 i % 40, 0);
        unsearched[i] = hapax_intern(text);
        cr_assert_not_null(unsearched[i]);
    }
}

/* A program that has lost a value often ends at once: a line is there as a whole, or not at all. */
Test(diagnosis, a_line_about_something_lost_is_written_in_one_piece)
{
    int said = ask_for_lost();
    hapax_handle *unsearched = malloc(VALUES * sizeof *unsearched);
    fill(unsearched, 1);
    collect();
    static const char begin[] = "hapax: lost: ";
    char line[2000];
    unsigned values = 0;
    /* So many lines are written about one collection; in the hard build several have come. */
    while (values < 20) {
        ssize_t size = recv(said, line, sizeof line - 1, 0);
        cr_assert_gt(size, (ssize_t)sizeof begin);
        line[size] = '\0';
        cr_assert_eq(strncmp(line, begin, strlen(begin)), 0, "%s", line);
        cr_assert_eq(strchr(line, '\n'), line + size - 1, "%s", line);
        values += strstr(line, "the value \"line?") != NULL && strstr(line, " was freed, but its address 0x") != NULL;
    }
    free(unsearched);
}

/* How many lines were written that name a place in this memory. */
static unsigned lines_about(int said, const void *memory, size_t bytes)
{
    static const char where[] = "that the program has mapped at ";
    char line[2000];
    unsigned lines = 0;
    for (ssize_t size; (size = recv(said, line, sizeof line - 1, MSG_DONTWAIT)) > 0;) {
        line[size] = '\0';
        const char *found = strstr(line, where);
        if (found != NULL)
            lines += strtoul(found + strlen(where), NULL, 16) - (uintptr_t)memory < bytes;
    }
    return lines;
}

/* The collector's stack keeps the addresses of objects that were searched, each before a size or 0, where strings stand
 * later. */
Test(diagnosis, what_looks_like_the_stack_of_the_collector_is_no_place_of_the_program)
{
    enum { BYTES = 1 << 20, STEP = 2 };
    int said = ask_for_lost();
    /* So large that it cannot be one of the collector's tables. */
    hapax_handle *mapped = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(mapped, MAP_FAILED);
    memset(mapped, 0, BYTES);
    fill(mapped, STEP);
    for (unsigned i = 0; i < VALUES; i += 3)
        mapped[i * STEP + 1] = (hapax_handle)(uintptr_t)32;
    collect();
    cr_assert_eq(lines_about(said, mapped, BYTES), 0);
    fill(mapped, STEP);
    /* One word that no stack has. */
    mapped[VALUES * STEP + 1] = (hapax_handle)(uintptr_t)mapped;
    collect();
    cr_assert_gt(lines_about(said, mapped, BYTES), 0);
    munmap(mapped, BYTES);
}
