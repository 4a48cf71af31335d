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

# build STANDARD OPTIMIZATION SOURCE
build() {
  # shellcheck disable=SC2086
  $CXX -std="$1" $strict -I "$top_srcdir/include" -o "$scratch/program" "$top_srcdir/$3" $TEST_FLAGS "$2" $libraries -pthread
}

# throws FUNCTION: the exception ends the program where it is thrown, and does not cross the library.
throws() {
  timeout 120 "$scratch/program" "$1"
  status=$?
  echo "exit status $status"
  [ "$status" = 42 ]
}

# costs_no_more LOOP INSTRUCTIONS: a turn through C++ takes at most so many more than one through C.
costs_no_more() {
  rm -f "$scratch"/counts*
  # Of one run, since the places of values differ from run to run. Dumps of C and of C++ come in turn.
  GC_DONT_GC=1 timeout 300 valgrind --tool=callgrind --toggle-collect=c_turns --toggle-collect=cxx_turns \
    --dump-before=boundary --callgrind-out-file="$scratch/counts" "$scratch/program" "$1" "$turns" \
    >"$scratch/said" 2>&1 || { cat "$scratch/said" >&2; return 1; }
  awk -v turns="$turns" -v more="$2" '
    $1 == "totals:" { sub(/.*\./, "", FILENAME); found[FILENAME % 2] += $2 }
    END {
      printf "C %d, C++ %d, %d turns\n", found[1], found[0], turns
      exit !(found[1] > turns && found[0] > turns && found[0] <= found[1] + turns * more)
    }' "$scratch"/counts.*
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
      check "$standard $optimize" build "$standard" "$optimize" tests/cxx_program.cc
      check "$standard $optimize runs" timeout 120 "$scratch/program"
    done
  else
    skip "$standard" 'the compiler does not know it'
  fi
done
check 'functions that throw compile' build c++17 -O2 tests/cxx_throws.cc
for function in hash equal cleanup destructor stop create; do
  check "an exception of this one does not cross the library: $function" throws "$function"
done
case $TEST_FLAGS in
  *-fsanitize*) skip 'instructions' 'a sanitizer is in the way' ;;
  *)
    if is_hard_build; then
      skip 'instructions' 'the pauses of the hard build are instructions, too'
    elif command -v valgrind >/dev/null; then
      turns=5000
      check 'loops of C and C++ compile' build c++17 -O2 bench/cxx_counts.cc
      check 'a lookup through C++ takes no more instructions' costs_no_more hit 2
      check 'nor does one of a type' costs_no_more 'typed hit' 2
      check 'nor does the read of a weak pointer' costs_no_more 'weak read' 2
      check 'nor does a value that a cache has' costs_no_more 'cache hit' 2
    else
      skip 'instructions' 'no valgrind'
    fi
    ;;
esac
check 'a type without padding' compile -DFINE
check 'padding is refused' refused -DWRONG=padded 'equal values may differ in padding'
check 'what cannot be copied as bytes is refused' refused -DWRONG=owner 'copied as bytes'
check 'mixing kinds does not compile' refused -DMIXED 'operator=='
finish
