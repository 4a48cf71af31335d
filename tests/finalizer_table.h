/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FINALIZER_TABLE_H
#define TESTS_FINALIZER_TABLE_H

#include <stddef.h>

/* bdwgc's table of finalizers grows by being copied, and nothing clears the old copy: one stale word that leads to it
 * keeps all objects that were in it. So a test that gives bdwgc finalizers of n objects first makes the table large
 * enough. */
void grow_finalizer_table(size_t n);

#endif
