#!/bin/sh
# SPDX-License-Identifier: MIT
# An installed hapax, found through pkg-config, serves C11 and C++17 programs; each header stands on its own.
. "$top_srcdir/tests/functions"

root=$scratch/root
strict='-Wall -Wextra -Wpedantic -Wshadow -Werror'

# The make that runs the tests has its own jobs and options.
install() {
  unset MAKEFLAGS MFLAGS MAKELEVEL GNUMAKEFLAGS
  $MAKE -C "$top_builddir" install DESTDIR="$root"
}

package() {
  PKG_CONFIG_PATH=$root$pkgconfigdir${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH} \
    $PKG_CONFIG --define-variable="includedir=$root$includedir" --define-variable="libdir=$root$libdir" "$@" hapax
}

# header LANGUAGE-OPTIONS HEADER
header() {
  printf '#include <%s>\n#include <%s>\nextern int not_empty;\n' "$2" "$2" >"$scratch/header.c"
  # shellcheck disable=SC2046,SC2086
  $1 $strict -fsyntax-only $(package --cflags) "$scratch/header.c"
}

# program COMPILER-OPTIONS SOURCE LIBRARIES
program() {
  # shellcheck disable=SC2046,SC2086
  $1 $strict $(package --cflags) -o "$scratch/program" "$2" $TEST_FLAGS $3 &&
    LD_LIBRARY_PATH=$root$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} timeout 60 "$scratch/program"
}

check 'install' install
[ "$failed" = 0 ] || finish
check 'pkg-config finds it' package --exists
check 'pkg-config knows the version' test "$(package --modversion)" = "$VERSION"

cat >"$scratch/consumer.c" <<'END'
#include <hapax.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	if (hapax_init() != 0) {
		perror("hapax_init");
		return 1;
	}
	hapax_handle one = hapax_intern("canonical");
	hapax_handle same = hapax_make_handle(hapax_strings(), "canonical value", 9);
	hapax_handle other = hapax_intern("canonicaL");
	if (one == NULL || one != same || one == other) {
		puts("handles");
		return 1;
	}
	if (hapax_handle_size(one) != 9 || strcmp((const char *)hapax_handle_value(one), "canonical") != 0) {
		puts("value");
		return 1;
	}
	return strcmp(hapax_version(), HAPAX_VERSION) != 0;
}
END

cp "$scratch/consumer.c" "$scratch/consumer.cc"

for file in "$root$includedir"/hapax.h "$root$includedir"/hapax/*.h; do
  file=${file#"$root$includedir/"}
  check "C11: <$file>" header "$CC -std=c11 -x c" "$file"
  if [ "$CXX17" = yes ]; then
    check "C++17: <$file>" header "$CXX -std=c++17 -Wold-style-cast -x c++" "$file"
  fi
done

collector_hidden() {
  echo '#include <hapax.h>' >"$scratch/hidden.c"
  # shellcheck disable=SC2046
  $CC -std=c11 -E $(package --cflags) "$scratch/hidden.c" >"$scratch/hidden.i" && ! grep -n '"[^"]*/gc[^"/]*\.h"' "$scratch/hidden.i"
}
check 'no header of the collector comes along' collector_hidden

# What is compiled in is no library that a program needs.
needs_no_xxhash() {
  package --print-requires-private && ! package --static --libs | grep xxhash
}
check 'programs need no xxHash' needs_no_xxhash

# ignoring CALL: compiles with a warning.
ignoring() {
  printf '#include <hapax.h>\nvoid ignore(void *pointer);\nvoid ignore(void *pointer) { %s; (void)pointer; }\n' "$1" >"$scratch/ignore.c"
  # shellcheck disable=SC2046,SC2086
  ! $CC -std=c11 $strict -c $(package --cflags) -o "$scratch/ignore.o" "$scratch/ignore.c"
}
for call in 'hapax_alloc(1)' 'hapax_alloc_plain(1)' 'hapax_realloc(pointer, 1)' 'hapax_alloc_held(1)' 'hapax_pin(pointer)' \
  'hapax_add_roots(pointer, 8)'; do
  check "the result of $call has to be used" ignoring "$call"
done

# believes EXPRESSION: the compiler takes it for true where an optimized program calls `pointer = new`.
believes() {
  cat >"$scratch/believe.c" <<END2
#include <hapax.h>
#include <stddef.h>
extern void not_believed(void);
extern int *other;
void test(void *pointer, size_t size);
void test(void *pointer, size_t size)
{
	int *object = (int *)$1;
	*other = 1;
	*object = 2;
	if (!($2))
		not_believed();
	(void)pointer, (void)size;
}
END2
  # shellcheck disable=SC2046,SC2086
  $CC -std=c11 -O2 $(package --cflags) -c -o "$scratch/believe.o" "$scratch/believe.c" &&
    ! $NM "$scratch/believe.o" | grep not_believed
}
for call in 'hapax_alloc(24)' 'hapax_alloc_plain(24)' 'hapax_realloc(pointer, 24)' 'hapax_alloc_held(24)'; do
  check "$call: the compiler knows the size" believes "$call" '__builtin_object_size(object, 0) == 24'
done
check 'hapax_alloc_plain: no other pointer leads to the memory' believes 'hapax_alloc_plain(24)' '*other == 1'
searched_may_be_known() { ! believes "$1" '*other == 1'; }
for call in 'hapax_alloc(24)' 'hapax_alloc_held(24)'; do
  check "$call: the collector may read what is stored" searched_may_be_known "$call"
done

# The examples come along, and one compiles as examples/README.md says.
installed_example() {
  documents=$root$docdir
  for file in README.md NEWS doc/tutorial.md examples/README.md examples/trace.bt examples/side_table.c \
    examples/parsers/lisp/main.c examples/parsers/front_end/main.c; do
    [ -f "$documents/$file" ] || { echo "not installed: $file"; return 1; }
  done
  [ -x "$documents/examples/parsers/measure" ] || return
  # shellcheck disable=SC2046,SC2086
  (cd "$documents/examples" && $CC -O2 parsers/json_document.c -o "$scratch/json_document" $TEST_FLAGS \
    $(package --cflags --libs) -lm) || return
  echo '{"a": ["b", 1]}' >"$scratch/document.json"
  LD_LIBRARY_PATH=$root$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} timeout 60 "$scratch/json_document" "$scratch/document.json"
}

by_meson() {
  mkdir -p "$scratch/meson" && cp "$scratch/consumer.c" "$scratch/meson" || return
  cat >"$scratch/meson/meson.build" <<'END'
project('consumer', 'c')
executable('consumer', 'consumer.c', dependencies: dependency('hapax', method: 'pkg-config'))
END
  # Meson asks pkg-config itself: the root has to be where the file says that it is.
  mkdir "$scratch/pc" && sed -e "s|^prefix=.*|prefix=$root$prefix|" -e "s|^\(exec_prefix\|libdir\|includedir\)=/|\1=$root/|" \
    "$root$pkgconfigdir/hapax.pc" >"$scratch/pc/hapax.pc" || return
  # shellcheck disable=SC2086
  PKG_CONFIG_PATH=$scratch/pc${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH} CC=$CC LDFLAGS=$TEST_FLAGS \
    meson setup "$scratch/meson/build" "$scratch/meson" && ninja -C "$scratch/meson/build" &&
    LD_LIBRARY_PATH=$root$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} timeout 60 "$scratch/meson/build/consumer"
}

if [ -e "$root$libdir/libhapax.so" ]; then
  check 'the examples are installed, and compile there' installed_example
  if command -v meson >/dev/null && command -v ninja >/dev/null; then
    check 'a project of Meson' by_meson
  else
    skip 'a project of Meson' 'meson is not here'
  fi
  check 'C11 program, shared library' program "$CC -std=c11" "$scratch/consumer.c" "$(package --libs)"
  if [ "$CXX17" = yes ]; then
    check 'C++17 program, shared library' program "$CXX -std=c++17" "$scratch/consumer.cc" "$(package --libs)"
  else
    skip 'C++17 program, shared library' 'no C++17 compiler'
  fi
else
  skip 'programs, shared library' 'not built'
fi
if [ -e "$root$libdir/libhapax.a" ]; then
  # The linker would take the shared library where it finds both.
  static=$(package --static --libs | sed "s|-lhapax|$root$libdir/libhapax.a|")
  check 'C11 program, static library' program "$CC -std=c11" "$scratch/consumer.c" "$static"
  if [ "$CXX17" = yes ]; then
    check 'C++17 program, static library' program "$CXX -std=c++17" "$scratch/consumer.cc" "$static"
  else
    skip 'C++17 program, static library' 'no C++17 compiler'
  fi
else
  skip 'programs, static library' 'not built'
fi
finish
