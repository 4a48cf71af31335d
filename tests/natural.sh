#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs that have never heard of the collector are right, while it collects beside them, in both of its modes; without the
# search of malloc's memory they are not. In the environment:
#   NATURAL_VALUES   values of each program (20000); with few, no collection comes between
#   NATURAL_ROUNDS   runs of each, in each mode (1)
#   NATURAL_PRELOAD  a library that is preloaded: another malloc
. "$top_srcdir/tests/functions"

values=${NATURAL_VALUES:-20000}
rounds=${NATURAL_ROUNDS:-1}
here=$top_srcdir/tests/natural

[ -e "$top_builddir/src/.libs/libhapax.so" ] || skip_all 'the library is not shared'
case " $TEST_FLAGS " in *-fsanitize=*) skip_all 'the memory of a sanitizer is not searched' ;; esac

# compile SOURCE PROGRAM [WORD...]
compile() {
  from=$1; to=$2; shift 2
  case $from in *.cc) compiler="$CXX -std=gnu++17" ;; *) compiler="$CC -std=gnu11" ;; esac
  # shellcheck disable=SC2086
  $compiler -O2 -g -Wall -Wextra -Werror -I "$top_srcdir/include" -I "$here" -o "$to" "$from" "$@" $TEST_FLAGS \
    -L "$top_builddir/src/.libs" -lhapax "-Wl,-rpath,$top_builddir/src/.libs" -pthread
}

# build SOURCE PROGRAM
build() {
  packages=$(sed -n 's/^.*pkg-config: \([a-z0-9.-]*\).*/\1/p' "$1")
  flags=
  if [ -n "$packages" ]; then flags=$($PKG_CONFIG --cflags --libs "$packages"); fi
  # shellcheck disable=SC2086
  compile "$1" "$2" "$scratch/forced.o" $flags
  if grep -q '^/\* plugin: itself' "$1"; then compile "$1" "$2.so" -DPLUGIN -fPIC -shared; fi
}

has_what_it_needs() {
  header=$(sed -n 's|^/\* needs: \([a-z.]*\).*|\1|p' "$1")
  packages=$(sed -n 's/^.*pkg-config: \([a-z0-9.-]*\).*/\1/p' "$1")
  if [ -n "$packages" ]; then "$PKG_CONFIG" --exists "$packages" 2>/dev/null; return; fi
  [ -z "$header" ] || echo "#include <$header>" | $CC -E -x c - >/dev/null 2>&1
}

# is_right PROGRAM [VARIABLE=VALUE...]: in each round.
is_right() {
  run=$1; shift
  round=0
  while [ "$round" -lt "$rounds" ]; do
    env ${NATURAL_PRELOAD:+LD_PRELOAD="$NATURAL_PRELOAD"} FORCED_PAUSE_US=500 "$@" timeout 300 "$run" "$values" || {
      echo "round $round: exit status $?"
      return 1
    }
    round=$((round + 1))
  done
}

# names_the_culprit PROGRAM SOURCE: it is wrong, and HAPAX_DEBUG=lost says what was lost, and where that was made.
names_the_culprit() {
  # shellcheck disable=SC2034
  for try in 1 2 3 4 5; do
    # Without the library of stale words, which would stand between the program and what it calls.
    LD_PRELOAD='' HAPAX_SEARCH=explicit HAPAX_DEBUG=lost FORCED_PAUSE_US=500 \
      timeout 300 "$1" "$values" 2>"$scratch/said" && continue
    [ $? -ne 127 ] || return
    # Where an inlined function of a standard header made it, that is the place.
    grep -q "^hapax: lost: .* was freed, but .* is still in .*, which is not searched; it was made in .*$2" "$scratch/said" && return
    head -n 5 "$scratch/said"
    echo 'names nothing'
    # A lost table can end the program before anything is said.
    [ ! -s "$scratch/said" ] || return 1
  done
  echo 'right without the search, or ended before it said anything, five times'
  return 1
}

# says_nothing PROGRAM: HAPAX_DEBUG=lost has nothing to say while the search is on.
says_nothing() {
  HAPAX_DEBUG=lost FORCED_PAUSE_US=500 timeout 300 "$1" "$values" >"$scratch/said" 2>&1 || return
  cat "$scratch/said"
  [ ! -s "$scratch/said" ]
}

# shellcheck disable=SC2086 # CC may have options
check 'the thread that collects compiles' $CC -c -O2 -I "$top_srcdir/include" -o "$scratch/forced.o" "$here/forced.c"
for source in "$here"/*.c "$here"/*.cc; do
  file=$(basename "$source")
  program=$scratch/${file%.*}-${file##*.}
  [ "$file" != forced.c ] || continue
  if [ "${file##*.}" = cc ] && [ "$CXX17" != yes ]; then skip "$file" 'no C++ compiler'; continue; fi
  if ! has_what_it_needs "$source"; then skip "$file" 'a library is missing'; continue; fi
  check "$file compiles" build "$source" "$program"
  check "$file is right" is_right "$program"
  check "$file is right with incremental collections" is_right "$program" GC_ENABLE_INCREMENTAL=1
  [ -z "${NATURAL_PRELOAD-}" ] || continue
  check "$file is wrong without the search, and the culprit is named" names_the_culprit "$program" "$file"
  check "nothing is lost in $file with it" says_nothing "$program"
done
finish
