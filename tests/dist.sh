#!/bin/sh
# SPDX-License-Identifier: MIT
# The tarball: two of them are the same bytes, and what README.md and CONTRIBUTING.md link to is in it.
. "$top_srcdir/tests/functions"

tar --sort=name --mtime=@0 --version >/dev/null 2>&1 || skip_all 'this tar cannot sort'

# The make that runs the tests has its own jobs and options.
unset MAKEFLAGS MFLAGS MAKELEVEL GNUMAKEFLAGS

# tarball UMASK COPY
tarball() {
  ( umask "$1" && $MAKE -C "$top_builddir" dist ) && cp "$top_builddir/hapax-$VERSION.tar.xz" "$2"
}

# The relative links of a page in Markdown.
linked() {
  sed 's/](/\n](/g' "$top_srcdir/$1" | sed -n 's/^](\([^)#]*\).*/\1/p' | grep -v '^[a-z]*:' |
    sed -e "s|^|$(dirname "$1")/|" -e 's|^\./||' -e 's|[^/]*/\.\./||g' | sort -u >"$scratch/links"
  while read -r link; do
    grep -qE "^hapax-$VERSION/${link%/}(/|\$)" "$scratch/names" || echo "not in the tarball: $link"
  done <"$scratch/links" >"$scratch/missing"
  cat "$scratch/links" "$scratch/missing"
  [ -s "$scratch/links" ] && [ ! -s "$scratch/missing" ]
}

check 'a tarball' tarball 022 "$scratch/one.tar.xz"
[ "$failed" = 0 ] || finish
# Another second, and other rights.
sleep 1
check 'another' tarball 077 "$scratch/other.tar.xz"
check 'the same bytes' cmp "$scratch/one.tar.xz" "$scratch/other.tar.xz"
xz -dc "$scratch/one.tar.xz" | tar -tf - >"$scratch/names"
check 'what README.md links to is in it' linked README.md
check 'what CONTRIBUTING.md links to is in it' linked CONTRIBUTING.md
check 'what the tutorial links to is in it' linked doc/tutorial.md
check 'what doc/coming-from.md links to is in it' linked doc/coming-from.md
finish
