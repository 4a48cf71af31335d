/* SPDX-License-Identifier: MIT */
/*
 * hapax/symbols.h - names that are known when the program is written, for a switch.
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
 *   table   where the handles come from that hapax_symbols_index is asked about
 *   names   n NUL-terminated strings, no two equal; they are not used after the call
 *   n       how many names, at most INT_MAX; 0 makes a set without symbols
 *
 * Returns: the symbols, or NULL with errno. They are collected once nothing reaches them.
 * Errors: EINVAL if table is NULL or its values have a fixed size, names is NULL and n is not 0, a name
 * is NULL, two names are equal, or n is too large; ENOMEM.
 * Threads: safe beside every other call.
 * Keeps alive: the handles of all names, while the symbols themselves are alive.
 * Does not keep alive: the table.
 * Source: GQuark of GLib, without a number for every string of the program.
 */
HAPAX_API hapax_symbols *hapax_symbols_new(hapax_table *table, const char *const *names, size_t n);

/*
 * The handle of the name with this index.
 *
 * Returns: the handle, or NULL with errno.
 * Errors: EINVAL if symbols is NULL or index is not below the number of names.
 * Threads: safe beside every other call.
 * Keeps alive: as hapax_make_handle.
 */
HAPAX_API hapax_handle hapax_symbols_handle(const hapax_symbols *symbols, size_t index);

/*
 * The index of the name that the handle stands for. One lookup by the handle's address: no text is
 * read.
 *
 *   handle   of the same table; handles of other tables are none of the names
 *
 * Returns: the index, or -1 if the handle is none of the names, if it is NULL, or if symbols is NULL.
 * Errors: none; errno is left alone.
 * Threads: safe beside every other call.
 * Keeps alive: nothing.
 */
HAPAX_API int hapax_symbols_index(const hapax_symbols *symbols, hapax_handle handle);

HAPAX_END_DECLS

#endif
