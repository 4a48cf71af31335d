#!/bin/sh
# SPDX-License-Identifier: MIT
# One version everywhere.
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
	snprintf(number, sizeof number, "%d.%d.%d", HAPAX_VERSION_NUM / 10000, HAPAX_VERSION_NUM / 100 % 100, HAPAX_VERSION_NUM % 100);
	printf("HAPAX_VERSION_NUM %d: %s\n", HAPAX_VERSION_NUM, number);
#if HAPAX_VERSION_NUM < 0
#error it works in #if
#endif
	return strcmp(HAPAX_VERSION, hapax_version()) != 0 || strcmp(number, hapax_version()) != 0;
}
END
  build_and_run "$scratch/version.c" "$scratch/version"
}

check 'version.h agrees with configure.ac' header
check 'hapax_version agrees with version.h' library
check 'hapax.pc agrees' grep -Fx "Version: $VERSION" "$top_builddir/hapax.pc"
check 'NEWS tells of it' grep -E "^#* *(hapax )?$VERSION([ ,:(]|$)" "$top_srcdir/NEWS"
finish
