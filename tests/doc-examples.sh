#!/bin/sh
# SPDX-License-Identifier: MIT
# Each block of C and C++ in the documents compiles; each that is a program runs, and writes what the document says.
. "$top_srcdir/tests/functions"
. "$top_srcdir/tests/block_functions"

for document in README.md CONTRIBUTING.md NEWS examples/README.md doc/coming-from.md doc/tutorial.md; do
  prefix=$scratch/$(echo "$document" | tr / -)
  check "$document is there" test -s "$top_srcdir/$document"
  markdown_blocks "$top_srcdir/$document" "$prefix"
  check_blocks "$prefix"
done

check 'README.md has a program' grep -q 'main(' "$scratch/README.md.1.c"
for number in 1 2 3 4 5 6; do
  check "step $number of the tutorial is a program" grep -q 'main(' "$scratch/doc-tutorial.md.$number.c"
done

# Each call of the library that the documents name is one that it has.
names_exist() {
  grep -oh 'hapax_[a-z_]*' "$top_srcdir"/doc/*.md | LC_ALL=C sort -u >"$scratch/names"
  while read -r word; do
    grep -qrE "(^|[^a-z_])$word([^a-z_]|\$)" "$top_srcdir/include" || echo "$word is not in the headers"
  done <"$scratch/names" >"$scratch/unknown"
  cat "$scratch/unknown"
  [ -s "$scratch/names" ] && [ ! -s "$scratch/unknown" ]
}
check 'what the documents name is in the headers' names_exist

# The last program of the tutorial has a fault, which HAPAX_DEBUG=lost names.
names_lost() {
  ( HAPAX_DEBUG=lost run_example "$scratch/doc-tutorial.md.6.program" ) 2>"$scratch/named" >/dev/null
  cat "$scratch/named"
  grep -q '^hapax: lost: .*"/page/' "$scratch/named"
}
# HAPAX_DEBUG=lost looks through all memory, also a sanitizer's own, which it does not allow.
case " $TEST_FLAGS " in
  *-fsanitize=*) skip 'the fault of the tutorial is named' 'a sanitizer is in the way' ;;
  *) check 'the fault of the tutorial is named' names_lost ;;
esac

# What these checks have to find.
cat >"$scratch/planted.md" <<'END'
```c
int main(void) { return hapax_intern("not declared") == 0; }
```
```c
static hapax_handle piece(void) { return "a string"; }
```
```c
#include <stdio.h>
int main(void) { puts("this"); return 0; }
```
```text
that
```
```c
int main(void) { return 1; }
```
```c
struct hapax_type {
    int no_such_type;
};
```
```c
static size_t fine(hapax_handle handle) { return hapax_handle_size(handle); }
```
END
markdown_blocks "$scratch/planted.md" "$scratch/planted"
fails() { ! block_works "$1"; }
check 'finds a program that does not compile' fails "$scratch/planted.1.c"
check 'finds a piece that does not compile' fails "$scratch/planted.2.c"
check 'finds a program that writes something else' fails "$scratch/planted.3.c"
check 'finds a program that fails' fails "$scratch/planted.4.c"
check 'finds a structure that the header has otherwise' fails "$scratch/planted.5.c"
check 'finds nothing wrong with a piece that compiles' block_works "$scratch/planted.6.c"
finish
