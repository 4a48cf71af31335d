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
