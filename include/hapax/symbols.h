/* SPDX-License-Identifier: MIT */
/*
 * hapax/symbols.h - names that you know when you write the program, with an
 * index each for a switch.
 *
 *     enum { NAME, VERSION, LICENSE, KEYS };
 *     static const char *const keys[KEYS] = {"name", "version", "license"};
 *
 *     hapax_symbols *symbols = hapax_symbols_new(hapax_strings(), keys, KEYS);
 *     ...
 *     switch (hapax_symbols_index(symbols, handle)) {
 *     case NAME: ...
 *     case -1: ... none of them
 *     }
 */
#ifndef HAPAX_SYMBOLS_H
#define HAPAX_SYMBOLS_H

#include <stddef.h>

#include <hapax/export.h>
#include <hapax/handle.h>

HAPAX_BEGIN_DECLS

typedef struct hapax_symbols hapax_symbols;

/*
 * Interns n names in a table of byte strings. Name i has the index i.
 *
 *   table   the table of the handles that you will pass to hapax_symbols_index
 *   names   n different NUL-terminated strings; the library does not use them
 *           after the call
 *   n       how many names, at most INT_MAX; 0 makes a set without symbols
 *
 * Returns: the symbols, or NULL with errno. The collector frees them once
 * nothing reaches them.
 * Errors: EINVAL if table is NULL, if its values have a fixed size, if names is
 * NULL and n is not 0, if a name is NULL, if two names are equal, or if n is
 * too large; ENOMEM.
 * Threads: any thread may call it at any time.
 * Keeps alive: the handles of all names, as long as the symbols are alive
 * themselves.
 * Does not keep alive: the table.
 * Source: GQuark of GLib, without a number for every string of the program.
 */
HAPAX_API hapax_symbols *hapax_symbols_new(hapax_table *table,
                                           const char *const *names, size_t n);

/*
 * Returns the handle of the name with this index.
 *
 * Returns: the handle, or NULL with errno.
 * Errors: EINVAL if symbols is NULL or index is not below the number of names.
 * Threads: any thread may call it at any time.
 * Keeps alive: as hapax_make_handle.
 */
HAPAX_API hapax_handle hapax_symbols_handle(const hapax_symbols *symbols,
                                            size_t index);

/*
 * Returns the index of the name that the handle stands for. The call looks up
 * the handle's address and reads no text.
 *
 *   handle   of the same table; a handle of another table is none of the names
 *
 * Returns: the index, or -1 if the handle is none of the names, if it is NULL,
 * or if symbols is NULL.
 * Errors: none; errno is unchanged.
 * Threads: any thread may call it at any time.
 * Keeps alive: nothing.
 */
HAPAX_API int hapax_symbols_index(const hapax_symbols *symbols,
                                  hapax_handle handle);

HAPAX_END_DECLS

#endif
