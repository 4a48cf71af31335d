#!/bin/sh
# SPDX-License-Identifier: MIT
# bootstrap says what is wrong before it does anything. What it builds is tested by everything else.
. "$top_srcdir/tests/functions"

# refused FOLDER PATTERN WORD...: a copy in the folder ends with 1, says what matches the pattern, and leaves nothing.
refused() {
  mkdir -p "$1" && cp "$top_srcdir/bootstrap" "$1/bootstrap" || return
  folder=$1; pattern=$2; shift 2
  "$folder/bootstrap" "$@" >"$scratch/said" 2>&1
  status=$?
  cat "$scratch/said"
  [ "$status" -eq 1 ] && grep -q "$pattern" "$scratch/said" && [ "$(ls "$folder")" = bootstrap ]
}

help() {
  "$top_srcdir/bootstrap" --help >"$scratch/help" && grep -q '^Usage: ./bootstrap' "$scratch/help"
}

# The collector is not found.
without_packages() {
  PKG_CONFIG_PATH='' PKG_CONFIG_LIBDIR=$scratch refused "$scratch/tree" "$1" --no-install
}

# A tree that is configured already, and whose make installs nothing, into a folder that nobody looks into.
make_installed() {
  tree=$scratch/installed
  mkdir -p "$tree/build-aux" "$tree/build" && cp "$top_srcdir/bootstrap" "$tree" && cd "$tree" &&
    touch configure Makefile.in build-aux/tap-driver.sh build/config.status && chmod +x configure &&
    printf 'install:\n\t@echo made\n' >build/Makefile &&
    sed -e "s|^prefix=.*|prefix=$scratch/nowhere|" -e "s|^libdir=.*|libdir=$scratch/nowhere/lib|" "$top_builddir/hapax.pc" >build/hapax.pc &&
    PKG_CONFIG_PATH='' ./bootstrap --no-install install -- MAKEFLAGS= >"$scratch/installed.log" 2>&1
}
says_where() {
  cat "$scratch/installed.log"
  grep -q '^made' "$scratch/installed.log" && grep -q "export $1=$scratch/nowhere/lib$2\$" "$scratch/installed.log"
}

check '--help' help
check 'a path with blanks' refused "$scratch/a tree" 'cannot work if a path has blanks'
check 'a build folder with blanks' refused "$scratch/tree" 'cannot work if a path has blanks' "--build-dir=$scratch/a build"
check 'a package that is missing is named' without_packages 'are missing.*libgc-dev'
check 'and the command that installs it' without_packages 'apt-get install .*libgc-dev'
if (make_installed) || ! grep -q 'are missing' "$scratch/installed.log"; then
  check 'after an installation: what pkg-config has to be told' says_where PKG_CONFIG_PATH /pkgconfig
  check 'after an installation: what the linker has to be told' says_where LD_LIBRARY_PATH ''
else
  skip 'an installation' 'a package that bootstrap needs is missing'
fi
finish
