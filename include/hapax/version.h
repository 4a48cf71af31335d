/* SPDX-License-Identifier: MIT */
/*
 * hapax/version.h - the version of the headers and of the library.
 *
 * Semantic versioning: a program that was built with x.y.z runs with every
 * later library of the same x. While x is 0, y must be the same too.
 */
#ifndef HAPAX_VERSION_H
#define HAPAX_VERSION_H

#include <hapax/export.h>

#define HAPAX_VERSION_MAJOR 0
#define HAPAX_VERSION_MINOR 2
#define HAPAX_VERSION_PATCH 0
#define HAPAX_VERSION "0.2.0"
/* For #if: 10000 * major + 100 * minor + patch. */
#define HAPAX_VERSION_NUM                                                      \
    (HAPAX_VERSION_MAJOR * 10000 + HAPAX_VERSION_MINOR * 100 +                 \
     HAPAX_VERSION_PATCH)

HAPAX_BEGIN_DECLS

/*
 * Returns the version of the library that the program runs with, as
 * "major.minor.patch". HAPAX_VERSION is the version of the headers that the
 * program was compiled with.
 *
 * Returns: a static string, never NULL.
 * Errors: none.
 * Threads: any thread may call it at any time. Does not start the library.
 * Keeps alive: nothing.
 * Source: runtime.Version of Go.
 */
HAPAX_API const char *hapax_version(void);

HAPAX_END_DECLS

#endif
