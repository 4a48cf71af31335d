#!/bin/sh
# Every file that has to be in a list of the makefiles is in one: a file left out is neither built nor distributed.
. "$top_srcdir/tests/functions"

# A test is listed by its program's name.
listed() {
  cd "$top_srcdir" || return
  missing=0
  for file in $1; do
    [ -e "$file" ] || continue
    case $file in
      tests/*.c | examples/*.c) pattern="${file%.c}(\.c)?" ;;
      *) pattern=$file ;;
    esac
    if ! grep -qE "(^|[[:space:]])$pattern([[:space:]]|\$)" Makefile.am ./*/local.mk; then
      echo "$file is in no list"
      missing=1
    fi
  done
  return $missing
}

check 'headers' listed 'include/*.h include/*.hpp include/hapax/*.h'
check 'sources' listed 'src/*/*.c src/*/*.h'
check 'manual pages' listed 'man/*.[1-9]'
check 'measurements' listed "$(cd "$top_srcdir" && find bench -type f \( -name '*.[ch]' -o -name run -o -name '*.py' \))"
check 'tests' listed 'tests/*.c tests/*.h tests/*.sh'
check 'examples' listed 'examples/*.c'
finish
