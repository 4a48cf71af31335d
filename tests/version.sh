#!/bin/sh
# SPDX-License-Identifier: MIT
# One version everywhere. configure.ac reads it in include/hapax/version.h.
. "$top_srcdir/tests/functions"

header() {
  awk -v version="$VERSION" '
    $1 == "#define" && $2 ~ /^HAPAX_VERSION_(MAJOR|MINOR|PATCH)$/ { part[substr($2, 15)] = $3 }
    $1 == "#define" && $2 == "HAPAX_VERSION" { gsub(/"/, "", $3); text = $3 }
    END {
      sub(/-.*/, "", version)
      parts = part["MAJOR"] "." part["MINOR"] "." part["PATCH"]
      print "configure.ac " version ", HAPAX_VERSION " text ", its parts " parts
      exit !(version == text && version == parts)
    }' "$top_srcdir/include/hapax/version.h"
}

library() {
  cat >"$scratch/version.c" <<'END'
#include <hapax/version.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	printf("header %s, library %s\n", HAPAX_VERSION, hapax_version());
	char number[32];
	snprintf(number, sizeof number, "%d.%d.%d", HAPAX_VERSION_NUM / 10000, HAPAX_VERSION_NUM / 100 % 100,
		HAPAX_VERSION_NUM % 100);
	printf("HAPAX_VERSION_NUM %d: %s\n", HAPAX_VERSION_NUM, number);
#if HAPAX_VERSION_NUM < 0
#error it works in #if
#endif
	return strcmp(HAPAX_VERSION, hapax_version()) != 0 || strcmp(number, hapax_version()) != 0;
}
END
  build_and_run "$scratch/version.c" "$scratch/version"
}

# The first line of a list of releases: "hapax VERSION (...". Debian puts what precedes a release behind a ~.
newest() {
  sed 1q "$1"
  sed -n '1s/^hapax (\{0,1\}\([0-9.]*\)[ ~(-].*/\1/p' "$1" | grep -Fx "$VERSION"
}

# The newest functions are of this minor release, or of an earlier one if it added none.
map() {
  node=$(sed -n 's/^HAPAX_\([0-9.]*\) {$/\1/p' "$top_srcdir/src/hapax.map" | tail -n 1)
  echo "the map's newest node is of $node"
  printf '%s\n' "$node" "${VERSION%.*}" | sort -V -C
}

# What one release's libraries are called: CURRENT less AGE.
soname() {
  number=$(awk -F '[ :]' '$1 == "hapax_version_info" { print $3 - $5 }' "$top_srcdir/src/local.mk")
  grep "^libhapax\.so\.$number libhapax$number " "$top_srcdir/debian/libhapax"*.symbols &&
    grep -x "Package: libhapax$number" "$top_srcdir/debian/control"
}

# Each node of the map has its line, with the release that a package needs for it at least.
symbols() {
  sed -n 's/^\(HAPAX_[0-9.]*\) {$/ (symver)\1/p' "$top_srcdir/src/hapax.map" >"$scratch/nodes"
  sed -n 's/^\( (symver)[^ ]*\) .*/\1/p' "$top_srcdir/debian/libhapax"*.symbols | diff "$scratch/nodes" -
}

check 'version.h agrees with configure.ac' header
check 'hapax_version agrees with version.h' library
check 'hapax --version agrees' test "$("$top_builddir/src/hapax" --version)" = "hapax $VERSION"
check 'hapax.pc agrees' grep -Fx "Version: $VERSION" "$top_builddir/hapax.pc"
check 'the package of CMake agrees' \
  grep -Fx "set(PACKAGE_VERSION \"$VERSION\")" "$top_builddir/cmake/hapaxConfigVersion.cmake"
check 'NEWS begins with it' newest "$top_srcdir/NEWS"
check 'the map has no later one' map
if [ -e "$top_srcdir/debian" ]; then
  check 'debian/changelog begins with it' newest "$top_srcdir/debian/changelog"
  check 'the Debian package is named after the library' soname
  check 'the Debian package knows each node of the map' symbols
else
  skip 'the Debian packages agree' 'not in the tarball'
fi
finish
