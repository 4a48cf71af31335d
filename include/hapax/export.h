/* SPDX-License-Identifier: MIT */
/*
 * hapax/export.h - what every public header needs: visibility, C linkage,
 * attributes.
 */
#ifndef HAPAX_EXPORT_H
#define HAPAX_EXPORT_H

/* Marks what the shared library exports. */
#if defined(__GNUC__)
#define HAPAX_API __attribute__((visibility("default")))
#else
#define HAPAX_API
#endif

/*
 * HAPAX_FRESH: the result is new memory that no other pointer leads to. Do not
 * use it for memory that the collector searches: a compiler may leave out a
 * store there that only the collector reads, for example of NULL over the last
 * pointer to an object.
 * HAPAX_SIZED(n): the n-th argument is the size of the result in bytes.
 * HAPAX_MUST_USE: a caller that ignores the result makes a mistake.
 */
#if defined(__GNUC__)
#define HAPAX_FRESH __attribute__((malloc))
#define HAPAX_SIZED(n) __attribute__((alloc_size(n)))
#define HAPAX_MUST_USE __attribute__((warn_unused_result))
#else
#define HAPAX_FRESH
#define HAPAX_SIZED(n)
#define HAPAX_MUST_USE
#endif

/* For static functions that a macro defines and a program need not call. */
#if defined(__GNUC__)
#define HAPAX_MAYBE_UNUSED __attribute__((unused))
#else
#define HAPAX_MAYBE_UNUSED
#endif

#ifdef __cplusplus
#define HAPAX_BEGIN_DECLS extern "C" {
#define HAPAX_END_DECLS }
#else
#define HAPAX_BEGIN_DECLS
#define HAPAX_END_DECLS
#endif

#endif
