#!/bin/sh
# SPDX-License-Identifier: MIT
# The static library has no global names but the exported ones: a program's functions may have the names of private ones.
. "$top_srcdir/tests/functions"

archive=$top_builddir/src/.libs/libhapax.a
[ -e "$archive" ] || skip_all 'no static library'

# Names that begin with __ are the compiler's: sanitizers and coverage make some.
only_exported() {
  $NM -g --defined-only "$archive" | awk 'NF == 3 && $3 !~ /^__/ { print $3 }' | LC_ALL=C sort >"$scratch/global"
  diff -u "$top_srcdir/tests/exported-symbols.txt" "$scratch/global"
}

check 'only exported names are global' only_exported

cat >"$scratch/names.c" <<'END'
#include <hapax.h>
#include <stdio.h>
#include <stdlib.h>

#define MINE(name) int name(void); int name(void) { fputs("the library calls " #name "\n", stderr); abort(); }
END
# Every name that the sources share, unless a program cannot define it.
$NM -g --defined-only "$top_builddir/src/.libs/libhapax-core.a" | awk 'NF == 3 && $3 !~ /^(_[_.]|hapax_)/ { print $3 }' |
  LC_ALL=C sort -u >"$scratch/private"
sed 's/.*/MINE(&)/' "$scratch/private" >>"$scratch/names.c"
cat >>"$scratch/names.c" <<'END'

int main(void)
{
    struct hapax_stats stats;
    hapax_handle handle = hapax_intern("canonical");
    hapax_weak weak = hapax_weak_make(hapax_alloc(16));
    hapax_collect();
    hapax_stats(&stats);
    return !(handle != NULL && weak != NULL && hapax_intern("canonical") == handle && stats.collections > 0);
}
END

clash() {
  # shellcheck disable=SC2086
  $CC -std=gnu11 -I "$top_srcdir/include" -o "$scratch/names" "$scratch/names.c" $TEST_FLAGS "$archive" $PRIVATE_LIBS \
    -pthread && timeout 60 "$scratch/names"
}

if [ "$(wc -l <"$scratch/private")" -ge 100 ]; then
  check 'a program may define all private names' clash
else
  # The objects are no code yet where the compiler optimizes while it links.
  skip 'a program may define all private names' 'the names cannot be read'
fi
finish
