#!/bin/sh
# SPDX-License-Identifier: MIT
# Every file that has to be in a list of the makefiles is in one: a file left out is neither built nor distributed.
. "$top_srcdir/tests/functions"

# A test is listed by its program's name.
listed() {
  cd "$top_srcdir" || return
  missing=0
  for file in $1; do
    [ -e "$file" ] || continue
    case $file in
      tests/*.c | tests/*.cc | examples/*.c) pattern="${file%.c*}(\.cc?)?" ;;
      *) pattern=$file ;;
    esac
    if ! grep -qE "(^|[[:space:]])$pattern([[:space:]]|\$)" Makefile.am ./*/local.mk; then
      echo "$file is in no list"
      missing=1
    fi
  done
  return "$missing"
}

# unlicensed DIR: the sources, scripts, makefiles and pages without a line that names the licence near their head.
unlicensed() {
  (cd "$1" && find .ci bootstrap configure.ac debian Makefile.am hapax.pc.in bench cmake completion doc examples include man \
    src tests -name target -prune -o -type f -print) 2>/dev/null | while read -r file; do
    case $file in
      *.[1-9] | *.ac | *.am | *.bt | *.cc | *.go | *.h | *.c | *.hpp | *.in | *.java | *.map | *.mk | *.py | *.rs | *.sh | *.supp) ;;
      *.*) continue ;;
      *) head -n 1 "$1/$file" | grep -q '^#!/' || continue ;;
    esac
    # A page that only names another one has no more than that line.
    head -n 3 "$1/$file" | grep -qE 'SPDX-License-Identifier: MIT|^\.so ' || echo "$file"
  done 2>/dev/null
}

all_licensed() {
  unlicensed "$top_srcdir" >"$scratch/unlicensed"
  sed 's/$/ has no SPDX-License-Identifier/' "$scratch/unlicensed"
  [ ! -s "$scratch/unlicensed" ]
}

# One of each kind that lacks it.
finds_unlicensed() {
  planted=$scratch/planted
  mkdir -p "$planted/.ci" && (cd "$planted" && mkdir bench cmake completion doc examples include man src tests &&
    touch bootstrap configure.ac Makefile.am hapax.pc.in src/a.c man/a.3 tests/a.sh README.md tests/list.txt &&
    printf '#!/bin/sh\n' >bench/run && printf '/* SPDX-License-Identifier: MIT */\n' >include/hapax.h) || return
  unlicensed "$planted" | LC_ALL=C sort >"$scratch/found"
  printf '%s\n' Makefile.am bench/run configure.ac hapax.pc.in man/a.3 src/a.c tests/a.sh | diff - "$scratch/found"
}

check 'headers' listed 'include/*.h include/*.hpp include/hapax/*.h include/hapax/*.hpp'
check 'sources' listed "$(cd "$top_srcdir" && find src -name '*.[ch]' -o -name '*.cc')"
check 'manual pages' listed 'man/*.[1-9]'
check 'measurements' listed "$(cd "$top_srcdir" && find bench -type f \( -name '*.[ch]' -o -name run -o -name '*.py' \))"
check 'tests' listed 'tests/*.c tests/*.cc tests/*.h tests/*.sh'
check 'examples' listed 'examples/*.c examples/parsers/*.[ch] examples/parsers/*/*'
check 'documents' listed 'doc/html doc/*.md doc/*.css doc/pictures/*'
check 'each source names its licence' all_licensed
check 'finds a source that does not' finds_unlicensed
finish
