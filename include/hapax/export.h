/* SPDX-License-Identifier: MIT */
/*
 * hapax/export.h - what every public header needs: visibility, C linkage, attributes.
 */
#ifndef HAPAX_EXPORT_H
#define HAPAX_EXPORT_H

/* Marks what the shared library exports. */
#if defined(__GNUC__)
#define HAPAX_API __attribute__((visibility("default")))
#else
#define HAPAX_API
#endif

/* HAPAX_FRESH: the result is new memory, which no other pointer leads to. Not for memory that the collector searches: a
 * compiler would leave out a store there that only the collector sees, NULL over the last pointer to an object for example.
 * HAPAX_SIZED(n): the n-th argument is the size in bytes of the result. HAPAX_MUST_USE: to ignore the result is a mistake. */
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
