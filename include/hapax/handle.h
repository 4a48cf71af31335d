/* SPDX-License-Identifier: MIT */
/*
 * hapax/handle.h - canonical values: tables, types and handles.
 *
 * A table stores each value once. Equal values have equal handles, so you
 * compare two values of one table by comparing their handles with ==. A handle
 * is one pointer wide. It outlives its table, and does not keep the table
 * alive. A table does not keep its values alive, unless it is made with
 * HAPAX_TABLE_KEEPS_VALUES. If neither a handle nor a pointer into its bytes
 * reaches a value, the collector frees the value and the library evicts its
 * entry. If you intern the value again, it gets a new handle. A table never has
 * two live handles for equal values.
 *
 * Handles are collected objects: you can pin them, make weak pointers to them
 * and add cleanups. They have no finalizers.
 *
 * The library calls functions of the program (hash, equal, copy, visit) under
 * no lock of its own, and they may call the library. They must not leave the
 * call by longjmp, pthread_exit or an exception.
 *
 * Source of the semantics: Go's package unique (unique.Make, Handle.Value), Go
 * 1.25 and later.
 */
#ifndef HAPAX_HANDLE_H
#define HAPAX_HANDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

/* A canonical value; NULL means no handle. == compares values of one table. */
typedef const struct hapax_canonical *hapax_handle;

/* size bytes at data. NULL data of size 0 is the empty value. */
typedef struct hapax_span {
    const void *data;
    size_t size;
} hapax_span;

typedef struct hapax_table hapax_table;

/*
 * How the values of one type behave. If all fields are zero, values are plain
 * bytes. hapax_table_new copies the fields. The functions and the name must
 * last as long as the table.
 */
struct hapax_type {
    /* For messages; may be NULL. */
    const char *name;

    /* Size of every value in bytes. 0: each value has its own size, as strings
       have. Values of a fixed size, and those that hold pointers, are aligned
       as max_align_t, others as characters. */
    size_t size;

    /* Returns a hash of the value. Equal values must have equal hashes. seed is
       the same for all values of a table. The library mixes the result once
       more, so a weak hash is good enough. NULL: a hash of all bytes. */
    uint64_t (*hash)(const void *value, size_t size, uint64_t seed);

    /* Returns whether two values of the same size are equal. If different bytes
       can be equal, the type needs its own hash too. A value that is not equal
       to itself (NaN) gets a new handle each time. equal may intern. But if
       each of its calls makes a new value in its own table, all with one and
       the same hash, a search never ends. NULL: all bytes are compared. */
    bool (*equal)(const void *a, const void *b, size_t size);

    /* Makes the canonical copy of a new value: it writes size bytes at to, and
       copies whatever they point to. It returns false if there is no memory;
       then nothing is interned. NULL: the bytes are copied. */
    bool (*copy)(void *to, const void *from, size_t size);

    /* HAPAX_TYPE_HAS_POINTERS, or 0. */
    unsigned flags;
};

/* Values hold handles or other pointers to collected memory, and keep alive
   what these point to. Without the flag the collector does not search the bytes
   of values for pointers. */
#define HAPAX_TYPE_HAS_POINTERS 1u

/* Every value lives as long as the table. To free everything at once, pin the
   table, parse, and unpin it. */
#define HAPAX_TABLE_KEEPS_VALUES 1u

/*
 * Makes a private table. Tables share nothing, even if their types are the
 * same.
 *
 *   type    how its values behave; the library copies it. NULL: byte strings of
 *           any length
 *   flags   HAPAX_TABLE_KEEPS_VALUES, or 0
 *
 * Returns: the table, or NULL with errno.
 * Errors: EINVAL for unknown flags; ENOMEM.
 * Threads: safe beside every other call.
 * Keeps alive: with HAPAX_TABLE_KEEPS_VALUES every value, while the table is
 * alive itself.
 * Does not keep alive: itself (hold the pointer, or pin it); without the flag,
 * its values.
 * Source: the map behind unique.Make. Go has one for each type; a program may
 * make any number of tables.
 */
HAPAX_API hapax_table *hapax_table_new(const struct hapax_type *type,
                                       unsigned flags);

/*
 * Returns the process-wide table of byte strings, which hapax_intern uses.
 *
 * Returns: always the same table, or NULL with errno if the library cannot
 * start.
 * Errors: ENOMEM.
 * Threads: safe beside every other call.
 * Keeps alive: the table, for ever.
 * Does not keep alive: its values.
 * Source: unique.Make for strings.
 */
HAPAX_API hapax_table *hapax_strings(void);

/*
 * Returns the handle of a value. If the table has the value, the call allocates
 * nothing. If the value is new, the library copies it; you may free or
 * overwrite the buffer right after the call. Byte strings may contain NUL, and
 * their copies are NUL-terminated.
 *
 *   table   where to look
 *   value   the value's bytes; may be NULL if size is 0
 *   size    in bytes; for a type of fixed size, that size
 *
 * Returns: the handle, or NULL with errno.
 * Errors: EINVAL if table is NULL, if value is NULL with a size, or if size is
 * not the type's; ENOMEM, also if the type's copy returns false.
 * Threads: safe beside every other call, on the same table too; lookups take no
 * lock.
 * Keeps alive: the handle, and a pointer to any byte of its value, keep the
 * value alive and canonical.
 * Does not keep alive: the table, the caller's buffer.
 * Source: unique.Make of Go.
 */
HAPAX_API hapax_handle hapax_make_handle(hapax_table *table, const void *value,
                                         size_t size);

/*
 * As hapax_make_handle, but never inserts.
 *
 * Returns: the handle, or NULL. If the table does not have the value, errno is
 * left alone.
 * Errors: EINVAL as for hapax_make_handle; ENOMEM if the thread is new to the
 * collector and cannot be made known.
 * Threads: safe beside every other call, on the same table too. Allocates
 * nothing.
 * Keeps alive: as hapax_make_handle.
 * Source: the lookup half of unique.Make; Go does not export it.
 */
HAPAX_API hapax_handle hapax_find_handle(hapax_table *table, const void *value,
                                         size_t size);

/*
 * Makes n handles in one call. The call stops at the first failure.
 *
 *   values   n values
 *   out      room for n handles, in memory that is searched for pointers
 *            (otherwise handles may die during the call); those that were not
 *            made are NULL
 *
 * Returns: how many were made; fewer than n with errno.
 * Errors: those of hapax_make_handle; EINVAL too if values or out is NULL and n
 * is not 0.
 * Threads: safe beside every other call, on the same table too. The call is not
 * one transaction: other threads may find the first values before the last is
 * made.
 * Keeps alive: as hapax_make_handle, for each handle in out.
 * Source: a loop around unique.Make.
 */
HAPAX_API size_t hapax_make_handles(hapax_table *table,
                                    const hapax_span *values, size_t n,
                                    hapax_handle *out);

/*
 * Returns the handle of a NUL-terminated string in hapax_strings().
 *
 * Returns: the handle, or NULL with errno.
 * Errors: EINVAL if string is NULL; ENOMEM.
 * Threads: safe beside every other call.
 * Keeps alive: as hapax_make_handle.
 * Source: unique.Make for strings.
 */
HAPAX_API hapax_handle hapax_intern(const char *string);

/*
 * Returns the hash of a value in this table: the one that hapax_handle_hash
 * returns for its handle, and that hapax_make_handle_hashed takes. It differs
 * from process to process, and may differ from table to table.
 *
 * Returns: the hash; 0 with errno on failure (0 is also a hash).
 * Errors: EINVAL as for hapax_make_handle; ENOMEM as for hapax_find_handle.
 * Threads: safe beside every other call. Allocates nothing.
 * Keeps alive: nothing.
 * Source: hash/maphash.Comparable of Go.
 */
HAPAX_API uint64_t hapax_hash(hapax_table *table, const void *value,
                              size_t size);

/*
 * As hapax_make_handle, with the hash that hapax_hash or hapax_handle_hash gave
 * for this value in this table. If the hash is wrong, you may get a second
 * handle for an equal value; nothing else breaks.
 *
 * Returns, errors, threads, keeps alive: as hapax_make_handle.
 * Source: unique.Make, with the hash computed once by the caller.
 */
HAPAX_API hapax_handle hapax_make_handle_hashed(hapax_table *table,
                                                const void *value, size_t size,
                                                uint64_t hash);

/*
 * Returns the canonical bytes of a value. They never change and never move. A
 * NUL follows the bytes of a byte string; it does not count in the size.
 *
 * Returns: the bytes, or NULL for no handle.
 * Errors: none; errno is left alone.
 * Threads: safe beside every other call. Makes its thread known. Allocates
 * nothing.
 * Keeps alive: the returned pointer, and any pointer into the bytes, keeps the
 * value alive and its handle canonical.
 * Source: Handle.Value of Go's package unique.
 */
HAPAX_API const void *hapax_handle_value(hapax_handle handle);

/*
 * Returns the text of a byte string: its canonical bytes, NUL-terminated, as
 * const char *. A byte string may itself contain NUL; hapax_handle_size counts
 * all its bytes.
 *
 * Returns: the text, or NULL for no handle.
 * Errors: none; errno is left alone.
 * Threads: as hapax_handle_value.
 * Keeps alive: the returned pointer, and any pointer into the text, keeps the
 * value alive and its handle canonical.
 * Source: unique.Handle[string].Value of Go.
 */
HAPAX_API const char *hapax_string(hapax_handle handle);

/*
 * Compares two values byte by byte, as memcmp does. If one value is the
 * beginning of the other, the shorter one comes first. No handle (NULL) comes
 * before every value. Use this function for sorting; for equality compare the
 * handles with ==.
 *
 * Returns: less than 0 if a comes before b, 0 if they are equal, greater than 0
 * if a comes after b.
 * Errors: none; errno is left alone.
 * Threads: as hapax_handle_value.
 * Keeps alive: nothing.
 * Source: bytes.Compare of Go.
 */
HAPAX_API int hapax_handle_compare(hapax_handle a, hapax_handle b);

/*
 * Returns the size of a value in bytes, without the NUL that follows a byte
 * string, in constant time.
 *
 * Returns: the size; 0 for no handle.
 * Errors: none; errno is left alone.
 * Threads: as hapax_handle_value.
 * Keeps alive: nothing.
 */
HAPAX_API size_t hapax_handle_size(hapax_handle handle);

/*
 * Returns the hash of a value in its table, in constant time; see hapax_hash.
 *
 * Returns: the hash; 0 for no handle.
 * Errors: none; errno is left alone.
 * Threads: as hapax_handle_value.
 * Keeps alive: nothing.
 */
HAPAX_API uint64_t hapax_handle_hash(hapax_handle handle);

/*
 * Calls visit with each handle of the table, in no particular order, until
 * visit returns false. visit gets no handle twice. If something keeps a value
 * alive during the whole call, visit gets its handle. If a value comes or dies
 * during the call, visit may get its handle or not. visit may intern and
 * collect.
 *
 * Returns: true if visit never returned false; false if it did, and with errno
 * on failure.
 * Errors: EINVAL if table or visit is NULL; ENOMEM as for hapax_find_handle.
 * Threads: safe beside every other call, on the same table too.
 * Keeps alive: each handle during its visit; the table until the end.
 * Does not keep alive: handles that were visited before, and what context
 * points to from memory that is not searched.
 * Source: the iterators of Go's internal/sync.HashTrieMap.
 */
HAPAX_API bool hapax_table_each(hapax_table *table,
                                bool (*visit)(hapax_handle handle,
                                              void *context),
                                void *context);

HAPAX_END_DECLS

#endif
