#!/bin/sh
# SPDX-License-Identifier: MIT
# <hapax.hpp>: C++17 and C++20 without a warning, and what must not compile.
. "$top_srcdir/tests/functions"

[ "$CXX17" = yes ] || skip_all 'no C++17 compiler'

strict='-Wall -Wextra -Wpedantic -Wold-style-cast -Werror'

if [ -e "$top_builddir/src/.libs/libhapax.so" ]; then
  libraries="-L $top_builddir/src/.libs -lhapax -Wl,-rpath,$top_builddir/src/.libs"
else
  libraries="$top_builddir/src/.libs/libhapax.a $PRIVATE_LIBS"
fi

build() {
  # shellcheck disable=SC2086
  $CXX -std="$1" $strict "$2" -I "$top_srcdir/include" -o "$scratch/program" "$top_srcdir/tests/cxx_program.cc" \
    $TEST_FLAGS $libraries -pthread
}

cat >"$scratch/refused.cc" <<'END'
#include <hapax.hpp>
#include <string>
struct padded { char tag; long number; };
struct plain { long tag; long number; };
struct owner { std::string text; };
hapax::handle<plain> fine() { return hapax::handle<plain>(plain{1, 2}); }
#ifdef WRONG
hapax::handle<WRONG> wrong(const WRONG &value) { return hapax::handle<WRONG>(value); }
#endif
#ifdef MIXED
bool mixed(hapax::handle<plain> a, hapax::handle<> b) { return a == b; }
#endif
END

compile() {
  # shellcheck disable=SC2086
  $CXX -std=c++17 $strict "$@" -I "$top_srcdir/include" -fsyntax-only "$scratch/refused.cc"
}

refused() {
  ! compile "$1" >"$scratch/said" 2>&1 && grep -q "$2" "$scratch/said"
}

for standard in c++17 c++20; do
  if echo 'int main() {}' >"$scratch/empty.cc" && $CXX -std="$standard" -fsyntax-only "$scratch/empty.cc" 2>/dev/null; then
    for optimize in -O0 -O2; do
      check "$standard $optimize" build "$standard" "$optimize"
      check "$standard $optimize runs" timeout 120 "$scratch/program"
    done
  else
    skip "$standard" 'the compiler does not know it'
  fi
done
check 'a type without padding' compile -DFINE
check 'padding is refused' refused -DWRONG=padded 'equal values may differ in padding'
check 'what cannot be copied as bytes is refused' refused -DWRONG=owner 'copied as bytes'
check 'mixing kinds does not compile' refused -DMIXED 'operator=='
finish
