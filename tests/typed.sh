#!/bin/sh
# SPDX-License-Identifier: MIT
# Typed handles: C11 and C++17 without a warning, one table for a program of several sources and both languages, and what
# must not compile.
. "$top_srcdir/tests/functions"

strict='-Wall -Wextra -Wpedantic -Wshadow -Werror'

cat >"$scratch/point.h" <<'END'
#include <hapax.h>

struct point {
	char tag;
	double x, y;
};
HAPAX_DEFINE_HANDLE(point, struct point, tag, x, y)

HAPAX_DECLARE_HANDLE(tree);
struct tree {
	char letter;
	tree_handle left, right;
};
HAPAX_DEFINE_HANDLE_HOLDING(tree, struct tree, letter, left, right);

typedef unsigned long word;
HAPAX_DEFINE_HANDLE(word, word);

HAPAX_MAYBE_UNUSED static uint64_t hash_real(const void *value, size_t size, uint64_t seed)
{
	(void)value, (void)size;
	return seed;
}
HAPAX_MAYBE_UNUSED static bool equal_real(const void *a, const void *b, size_t size)
{
	(void)size;
	double left, right;
	memcpy(&left, a, sizeof left);
	memcpy(&right, b, sizeof right);
	return left == right;
}
HAPAX_DEFINE_HANDLE_WITH(real, double, hash_real, equal_real);
HAPAX_DEFINE_HANDLE_WITH(real_too, double, hash_real, equal_real, 0)

#if defined(HAPAX_TYPED_HAS_CLEAR_) || !defined(PADDED)
#ifdef PADDED
struct padded {
	char tag;
	long number;
};
#else
struct padded {
	long tag;
	long number;
};
#endif
#if defined(HAPAX_TYPED_HAS_CLEAR_) || defined(__cplusplus)
HAPAX_DEFINE_HANDLE(padded, struct padded);
#endif
#endif

#ifdef __cplusplus
extern "C"
#endif
point_handle make_elsewhere(double x, double y);
END

cat >"$scratch/main.c" <<'END'
#include "point.h"

static point_handle make_here(double x, double y)
{
	struct point point;
	memset(&point, 0x5a, sizeof point);
	point.tag = 'p';
	point.x = x;
	point.y = y;
	return point_make(&point);
}

int main(void)
{
	point_handle here = make_here(1, 2), elsewhere = make_elsewhere(1, 2);
	if (here == NULL || here != elsewhere || here == make_elsewhere(2, 1) || point_value(here)->y != 2)
		return 1;
	double zero = 0.0, minus = -0.0;
	if (real_make(&zero) == NULL || real_make(&zero) != real_make(&minus) || real_table() == real_too_table())
		return 2;
	struct tree leaf = {'l', NULL, NULL};
	tree_handle left = tree_make(&leaf);
	struct tree root = {'r', left, left};
	if (left == NULL || tree_value(tree_make(&root))->right != left)
		return 3;
	word seven = 7;
	return *word_value(word_make(&seven)) == 7 ? 0 : 4;
}
END

cat >"$scratch/elsewhere.c" <<'END'
#include "point.h"

point_handle make_elsewhere(double x, double y)
{
	struct point point;
	memset(&point, 0xa5, sizeof point);
	point.tag = 'p';
	point.x = x;
	point.y = y;
	return point_make(&point);
}
END

cat >"$scratch/mixed.c" <<'END'
#include "point.h"
point_handle mixed(word_handle handle);
point_handle mixed(word_handle handle)
{
	return handle;
}
END

cat >"$scratch/compared.c" <<'END'
#include "point.h"
bool compared(point_handle one, word_handle other);
bool compared(point_handle one, word_handle other)
{
	return one == other;
}
END

cat >"$scratch/aligned.c" <<'END'
#include <hapax.h>
struct vector {
	int x;
} __attribute__((aligned(256)));
HAPAX_DEFINE_HANDLE(vector, struct vector, x);
END

cat >"$scratch/unclean.c" <<'END'
#define PADDED 1
#include "point.h"
#ifndef HAPAX_TYPED_HAS_CLEAR_
struct padded {
	char tag;
	long number;
};
HAPAX_DEFINE_HANDLE(unclean, struct padded);
#endif
END

cat >"$scratch/pointer.c" <<'END'
#include <hapax.h>
#include <stdint.h>
struct inner {
	int a, b;
};
struct holder {
	char text[16];
	char grid[2][3];
	struct inner inner;
	uintptr_t number;
	hapax_handle handle;
	void *pair[2];
	const char *square[2][2];
	void (*function)(void);
};
typedef const char *text;
HAPAX_DEFINE_HANDLE(plain, struct holder, text, grid, inner, number);
HAPAX_DEFINE_HANDLE_HOLDING(holder, struct holder, text, handle, pair, square, function);
HAPAX_DEFINE_HANDLE_HOLDING(text, text);
#ifdef FIELD
HAPAX_DEFINE_HANDLE(wrong, struct holder, number, FIELD);
#endif
#ifdef TYPE
HAPAX_DEFINE_HANDLE(wrong, TYPE);
#endif
END

# compile LANGUAGE SOURCE OBJECT
compile() {
  # shellcheck disable=SC2086
  $1 $strict -O2 -I "$top_srcdir/include" -c "$scratch/$2" -o "$scratch/$3"
}

refused() {
  ! compile "$1" "$2" refused.o
}

# What points needs HAPAX_DEFINE_HANDLE_HOLDING, and the compiler says so.
says_holding() {
  compile "$1 -D$2" pointer.c refused.o >"$scratch/said" 2>&1 && return 1
  grep -q 'is a pointer: use HAPAX_DEFINE_HANDLE_HOLDING' "$scratch/said" || { cat "$scratch/said"; return 1; }
}
pointers() {
  check "$1: arrays, structures and numbers are no pointers" compile "$2" pointer.c pointer.o
  for what in FIELD=handle FIELD=pair FIELD=square FIELD=function TYPE=text; do
    check "$1: $what has to be held" says_holding "$2" "$what"
  done
}

# link LINKER OBJECT OBJECT
link_and_run() {
  if [ -e "$top_builddir/src/.libs/libhapax.so" ]; then
    set -- "$@" -L "$top_builddir/src/.libs" -lhapax "-Wl,-rpath,$top_builddir/src/.libs"
  else
    # shellcheck disable=SC2086
    set -- "$@" "$top_builddir/src/.libs/libhapax.a" $PRIVATE_LIBS
  fi
  linker=$1; shift
  # shellcheck disable=SC2086
  ( cd "$scratch" && $linker -o program "$@" $TEST_FLAGS -pthread && timeout 60 ./program )
}

c="$CC -std=c11"
cxx="$CXX -std=c++17 -Wold-style-cast -x c++"
check 'C11' compile "$c" main.c main.o
check 'C11, another source' compile "$c" elsewhere.c elsewhere.o
check 'one table for two sources' link_and_run "$CC" main.o elsewhere.o
check 'C11: mixing kinds does not compile' refused "$c" mixed.c
check 'C11: comparing kinds does not compile' refused "$c" compared.c
check 'C11: beyond max_align_t' refused "$c" aligned.c
pointers C11 "$c"
# Where the compiler clears padding, or else refuses.
unclean() {
  if grep -q . "$scratch/clears"; then compile "$1" unclean.c unclean.o; else refused "$1" unclean.c; fi
}
clears() {
  printf '#include <hapax.h>\n#ifdef HAPAX_TYPED_HAS_CLEAR_\nyes\n#endif\n' >"$scratch/clears.c"
  # shellcheck disable=SC2086
  $1 -E -P -I "$top_srcdir/include" "$scratch/clears.c" | grep -x yes >"$scratch/clears" || :
}
clears "$c"
check 'C11: padding without fields is cleared or refused' unclean "$c"

if [ "$CXX17" = yes ]; then
  check 'C++17' compile "$cxx" main.c main++.o
  check 'C++17, another source' compile "$cxx" elsewhere.c elsewhere++.o
  check 'one table for two sources of C++' link_and_run "$CXX" main++.o elsewhere++.o
  check 'one table for C and C++' link_and_run "$CXX" main++.o elsewhere.o
  check 'C++17: mixing kinds does not compile' refused "$cxx" mixed.c
  check 'C++17: comparing kinds does not compile' refused "$cxx" compared.c
  check 'C++17: beyond max_align_t' refused "$cxx" aligned.c
  pointers C++17 "$cxx"
  clears "$cxx"
  check 'C++17: padding without fields is cleared or refused' unclean "$cxx"
else
  skip 'C++17' 'no C++17 compiler'
fi
finish
