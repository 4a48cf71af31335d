#!/bin/sh
# SPDX-License-Identifier: MIT
# An installed hapax, found by CMake, serves C and C++ programs, also from where it was moved to.
. "$top_srcdir/tests/functions"

command -v cmake >/dev/null || skip_all 'cmake is not here'

# The make that runs the tests has its own jobs and options.
unset MAKEFLAGS MFLAGS MAKELEVEL GNUMAKEFLAGS

root=$scratch/root
project=$scratch/project
mkdir "$project"
cat >"$project/CMakeLists.txt" <<'TEXT'
cmake_minimum_required(VERSION 3.16)
project(program LANGUAGES C CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(hapax ${WANTED} REQUIRED)
get_target_property(type hapax::hapax TYPE)
message(STATUS "library: ${type} ${hapax_VERSION}")
add_executable(in_c program.c)
target_link_libraries(in_c PRIVATE hapax::hapax)
add_executable(in_cxx program.cc)
target_link_libraries(in_cxx PRIVATE hapax::hapax)
TEXT
cat >"$project/program.c" <<'TEXT'
#include <hapax.h>
#include <string.h>

int main(void)
{
    hapax_handle one = hapax_intern("canonical");
    return !one || one != hapax_intern("canonical") || strcmp(hapax_version(), HAPAX_VERSION) != 0;
}
TEXT
cat >"$project/program.cc" <<'TEXT'
#include <hapax.hpp>

int main()
{
    hapax::handle<> one = hapax::intern("canonical");
    return one != hapax::intern("canonical");
}
TEXT

# configured FOLDER VERSION OPTION...
configured() {
  folder=$1; wanted=$2; shift 2
  cmake -S "$project" -B "$scratch/$folder" -G 'Unix Makefiles' -DCMAKE_PREFIX_PATH="$root$libdir" -DWANTED="$wanted" \
    -Dhapax_DIR="$root$libdir/cmake/hapax" \
    -DCMAKE_EXE_LINKER_FLAGS="$TEST_FLAGS" "$@" >"$scratch/said" 2>&1
  status=$?
  cat "$scratch/said"
  return "$status"
}

# works FOLDER TYPE OPTION...: builds both programs with a library of this type, and they run.
works() {
  folder=$1; type=$2; shift 2
  configured "$folder" "${VERSION%%-*}" "$@" && grep "library: $type ${VERSION%%-*}" "$scratch/said" &&
    cmake --build "$scratch/$folder" && timeout 60 "$scratch/$folder/in_c" && timeout 60 "$scratch/$folder/in_cxx"
}

refused() {
  ! configured "$@" && grep -i 'version' "$scratch/said"
}

check 'install' "$MAKE" -C "$top_builddir" install DESTDIR="$root"
[ "$failed" = 0 ] || finish
if [ -e "$root$libdir/libhapax.so" ]; then
  check 'the shared library' works shared SHARED_LIBRARY
else
  skip 'the shared library' 'not built'
fi
if [ -e "$root$libdir/libhapax.a" ]; then
  check 'the static library' works static STATIC_LIBRARY -DHAPAX_USE_STATIC_LIBS=ON
else
  skip 'the static library' 'not built'
fi
check 'an earlier release is served' configured earlier 0.0.1
check 'a later release is refused' refused later "${VERSION%%.*}.999"
check 'another major version is refused' refused major "$((${VERSION%%.*} + 1)).0"
check 'a range that ends before this release is refused' refused range '0.0.1...<0.0.2'
finish
