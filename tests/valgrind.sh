#!/bin/sh
# SPDX-License-Identifier: MIT
# With the suppressions that are installed, valgrind says nothing of a program that does nothing wrong, and still finds what
# a program does wrong.
. "$top_srcdir/tests/functions"

command -v valgrind >/dev/null || skip_all 'no valgrind'
case $TEST_FLAGS in *-fsanitize*) skip_all 'a sanitizer is in the way' ;; esac

# Valgrind does not let the collector catch the writes that it marks in steps by.
unset GC_ENABLE_INCREMENTAL

cat >"$scratch/program.c" <<'END'
#include <hapax.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void do_nothing(void *argument)
{
    (void)argument;
}

static char failed;

static void *work(void *unused)
{
    (void)unused;
    for (int i = 0; i < 5000; i++) {
        char text[32];
        snprintf(text, sizeof text, "value %d", i);
        void *object = hapax_alloc(64);
        if (hapax_intern(text) == NULL || hapax_weak_make(object) == NULL ||
            hapax_add_cleanup(object, do_nothing, NULL, NULL) != 0)
            return &failed;
        if (i % 1000 == 0)
            hapax_collect();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    (void)argv;
    pthread_t thread;
    void *result = NULL;
    if (hapax_init() != 0 || pthread_create(&thread, NULL, work, NULL) != 0 || work(NULL) != NULL ||
        pthread_join(thread, &result) != 0 || result != NULL)
        return 1;
    hapax_collect();
    volatile int *unwritten = malloc(sizeof *unwritten);
    if (unwritten != NULL && argc > 1 && *unwritten > 3)
        puts("large");
    free((void *)unwritten);
    return 0;
}
END

# Handles in small blocks of the C library's malloc, which a tool that checks no memory leaves as it is.
cat >"$scratch/holder.c" <<'END'
#include <hapax.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCKS = 500, IN_EACH = 10 };

static hapax_handle look(int number, hapax_handle (*in_table)(hapax_table *, const void *, size_t))
{
    char text[32];
    int size = snprintf(text, sizeof text, "value %d", number);
    return in_table(hapax_strings(), text, (size_t)size);
}

int main(void)
{
    static hapax_handle *blocks[BLOCKS];
    int lost = 0;
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(IN_EACH * sizeof *blocks[i]);
        for (int j = 0; blocks[i] && j < IN_EACH; j++)
            blocks[i][j] = look(i * IN_EACH + j, hapax_make_handle);
    }
    hapax_collect();
    for (int i = 0; i < BLOCKS; i++)
        for (int j = 0; j < IN_EACH; j++)
            lost += !blocks[i] || look(i * IN_EACH + j, hapax_find_handle) != blocks[i][j];
    printf("%d lost\n", lost);
    return lost != 0;
}
END

# memcheck EXTRA...
memcheck() {
  timeout 300 valgrind -q --error-exitcode=9 "$@"
}

found() {
  memcheck "$@"
  [ $? = 9 ]
}

suppressions=--suppressions=$top_srcdir/src/hapax.supp
check 'builds' build_example "$scratch/program.c" "$scratch/program"
[ "$failed" = 0 ] || finish
check 'nothing wrong: nothing is said' memcheck "$suppressions" "$scratch/program"
check 'a mistake of the program: it is found' found "$suppressions" "$scratch/program" mistake
check 'without the suppressions: much is said' found "$scratch/program"
check 'a program with handles in small blocks builds' build_example "$scratch/holder.c" "$scratch/holder"
check 'their values live where valgrind keeps the malloc of the C library' timeout 300 valgrind -q --tool=none "$scratch/holder"
finish
