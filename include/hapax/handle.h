/* SPDX-License-Identifier: MIT */
/*
 * hapax/handle.h - canonical values: tables, types and handles.
 *
 * A table keeps each value once. Equal values have equal handles: two handles of one table are
 * compared with ==. Handles are one pointer wide; they outlive their table and do not keep it
 * alive. A table does not keep its values alive, unless it is made with HAPAX_TABLE_KEEPS_VALUES:
 * if no handle and no pointer into its bytes reaches a value, the collector frees it and the
 * library evicts its entry. If you intern it again, it gets a new handle. A table never has two
 * live handles for equal values.
 *
 * Handles are collected objects: they may be pinned, and take weak pointers and cleanups. They
 * take no finalizer.
 *
 * A user's functions (hash, equal, copy, visit) run under no lock of the library and may call it.
 * They must not be left by longjmp, pthread_exit or an exception.
 *
 * Source of the semantics: Go's package unique (unique.Make, Handle.Value), Go 1.25 and later.
 */
#ifndef HAPAX_HANDLE_H
#define HAPAX_HANDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

/* A canonical value, or NULL: no handle. == compares values of one table. */
typedef const struct hapax_canonical *hapax_handle;

/* size bytes at data. NULL data of size 0 is the empty value. */
typedef struct hapax_span {
    const void *data;
    size_t size;
} hapax_span;

typedef struct hapax_table hapax_table;

/*
 * How the values of one type behave. Zero fields mean plain bytes. All fields are copied by
 * hapax_table_new; the functions and the name have to last as long as the table.
 */
struct hapax_type {
    /* For messages; may be NULL. */
    const char *name;

    /* Size of every value in bytes; 0: each value has its own, as strings have. Values of a fixed
       size, and those that hold pointers, are aligned as max_align_t, others as characters. */
    size_t size;

    /* A hash of the value, equal for equal values. seed is the same for all values of a table. The
       library finishes the result, so a weak one will do. NULL: all bytes count. */
    uint64_t (*hash)(const void *value, size_t size, uint64_t seed);

    /* Whether two values of the same size are equal. If different bytes can be equal, the
       type needs its own hash too. A value that does not equal itself (NaN) gets a handle of its
       own each time. It may intern, but if each call made a new value of one and the same hash
       in its own table, no search would come to an end. NULL: all bytes are compared. */
    bool (*equal)(const void *a, const void *b, size_t size);

    /* Makes the canonical copy when a value is seen first: size bytes at to, and whatever hangs on
       them. false: out of memory, nothing is interned. NULL: the bytes are copied. */
    bool (*copy)(void *to, const void *from, size_t size);

    /* HAPAX_TYPE_HAS_POINTERS, or 0. */
    unsigned flags;
};

/* Values hold handles or other pointers to collected memory, and keep alive what these point to.
   Without it the bytes of values are never searched for pointers. */
#define HAPAX_TYPE_HAS_POINTERS 1u

/* Every value lives as long as the table. To free everything at once, pin the table, parse, and
   unpin it. */
#define HAPAX_TABLE_KEEPS_VALUES 1u

/*
 * Makes a private table. Tables share nothing, even if their types are the same.
 *
 *   type    how its values behave; copied. NULL: byte strings of any length
 *   flags   HAPAX_TABLE_KEEPS_VALUES, or 0
 *
 * Returns: the table, or NULL with errno.
 * Errors: EINVAL for unknown flags; ENOMEM.
 * Threads: safe beside every other call.
 * Keeps alive: with HAPAX_TABLE_KEEPS_VALUES every value, while the table is alive itself.
 * Does not keep alive: itself (hold the pointer, or pin it); without the flag, its values.
 * Source: the map behind unique.Make; Go has one a type, a program here as many as it likes.
 */
HAPAX_API hapax_table *hapax_table_new(const struct hapax_type *type, unsigned flags);

/*
 * The process-wide table of byte strings, that of hapax_intern.
 *
 * Returns: always the same table, or NULL with errno if the library cannot start.
 * Errors: ENOMEM.
 * Threads: safe beside every other call.
 * Keeps alive: the table lives for ever. Does not keep alive: its values.
 * Source: unique.Make for strings.
 */
HAPAX_API hapax_table *hapax_strings(void);

/*
 * The handle of a value. If the table has the value, nothing is allocated. If it is new, it is
 * copied, and the caller's buffer may be freed or overwritten right after the call. Byte strings
 * may hold NUL, and their copies are NUL-terminated.
 *
 *   table   where to look
 *   value   the value's bytes; may be NULL if size is 0
 *   size    in bytes; for a type of fixed size, that size
 *
 * Returns: the handle, or NULL with errno.
 * Errors: EINVAL if table is NULL, value is NULL with a size, or size is not the type's;
 * ENOMEM, also if the type's copy answers false.
 * Threads: safe beside every other call, on the same table too; lookups take no lock.
 * Keeps alive: the handle, and a pointer to any byte of its value, keep the value alive and
 * canonical. Does not keep alive: the table, the caller's buffer.
 * Source: unique.Make of Go.
 */
HAPAX_API hapax_handle hapax_make_handle(hapax_table *table, const void *value, size_t size);

/*
 * As hapax_make_handle, but never inserts.
 *
 * Returns: the handle, or NULL: errno is left alone if the value is absent.
 * Errors: EINVAL as for hapax_make_handle; ENOMEM if the thread is new to the collector and
 * cannot be made known.
 * Threads: safe beside every other call, on the same table too. Allocates nothing.
 * Keeps alive: as hapax_make_handle.
 * Source: the lookup half of unique.Make; Go does not export it.
 */
HAPAX_API hapax_handle hapax_find_handle(hapax_table *table, const void *value, size_t size);

/*
 * n handles in one call. Stops at the first failure.
 *
 *   values   n values
 *   out      room for n handles, in memory that is searched for pointers (or the handles may die
 *            while the call runs); those that were not made are NULL
 *
 * Returns: how many were made; fewer than n with errno.
 * Errors: those of hapax_make_handle; EINVAL too if values or out is NULL and n is not 0.
 * Threads: safe beside every other call, on the same table too; not one transaction: others may
 * see the first values before the last is made.
 * Keeps alive: as hapax_make_handle, for each handle in out.
 * Source: a loop around unique.Make.
 */
HAPAX_API size_t hapax_make_handles(hapax_table *table, const hapax_span *values, size_t n,
                                    hapax_handle *out);

/*
 * The handle of a NUL-terminated string in hapax_strings().
 *
 * Returns: the handle, or NULL with errno.
 * Errors: EINVAL if string is NULL; ENOMEM.
 * Threads: safe beside every other call.
 * Keeps alive: as hapax_make_handle.
 * Source: unique.Make for strings.
 */
HAPAX_API hapax_handle hapax_intern(const char *string);

/*
 * The hash of a value in this table: what hapax_handle_hash gives for its handle and
 * hapax_make_handle_hashed wants. It differs from process to process and may differ from table
 * to table.
 *
 * Returns: the hash; 0 with errno for a mistake (0 is also a hash).
 * Errors: EINVAL as for hapax_make_handle; ENOMEM as for hapax_find_handle.
 * Threads: safe beside every other call. Allocates nothing.
 * Keeps alive: nothing.
 * Source: hash/maphash.Comparable of Go.
 */
HAPAX_API uint64_t hapax_hash(hapax_table *table, const void *value, size_t size);

/*
 * As hapax_make_handle, with the hash that hapax_hash or hapax_handle_hash gave for this value in
 * this table. If the hash is wrong, you may get a second handle for an equal value; nothing else
 * breaks.
 *
 * Returns, errors, threads, keeps alive: as hapax_make_handle.
 * Source: unique.Make, with the hash computed once by the caller.
 */
HAPAX_API hapax_handle hapax_make_handle_hashed(hapax_table *table, const void *value, size_t size,
                                                uint64_t hash);

/*
 * The canonical bytes of a value; they never change and never move. Byte strings end with a NUL
 * that does not count in their size.
 *
 * Returns: the bytes, or NULL for no handle. Errors: none; errno is left alone.
 * Threads: safe beside every other call. Makes its thread known. Allocates nothing.
 * Keeps alive: the returned pointer, and any pointer into the bytes, keeps the value alive and
 * its handle canonical.
 * Source: Handle.Value of Go's package unique.
 */
HAPAX_API const void *hapax_handle_value(hapax_handle handle);

/*
 * The text of a byte string: its canonical bytes, NUL-terminated, as const char *. A byte string may
 * itself hold NUL bytes; hapax_handle_size counts them.
 *
 * Returns: the text, or NULL for no handle. Errors: none; errno is left alone.
 * Threads: as hapax_handle_value.
 * Keeps alive: the returned pointer, and any pointer into the text, keeps the value alive and its
 * handle canonical.
 * Source: unique.Handle[string].Value of Go.
 */
HAPAX_API const char *hapax_string(hapax_handle handle);

/*
 * Compares two values byte by byte, as memcmp does; if one is the beginning of the other, the
 * shorter one comes first. No handle (NULL) comes before every value. For sorting; for equality
 * compare the handles with ==.
 *
 * Returns: less than 0, 0 or greater than 0, if a comes before b, is b, or comes after b.
 * Errors: none; errno is left alone.
 * Threads: as hapax_handle_value.
 * Keeps alive: nothing.
 * Source: bytes.Compare of Go.
 */
HAPAX_API int hapax_handle_compare(hapax_handle a, hapax_handle b);

/*
 * The size of a value in bytes, in constant time; without the NUL of a byte string.
 *
 * Returns: the size; 0 for no handle. Errors: none; errno is left alone.
 * Threads: as hapax_handle_value.
 * Keeps alive: nothing.
 */
HAPAX_API size_t hapax_handle_size(hapax_handle handle);

/*
 * The hash of a value in its table, in constant time; see hapax_hash.
 *
 * Returns: the hash; 0 for no handle. Errors: none; errno is left alone.
 * Threads: as hapax_handle_value.
 * Keeps alive: nothing.
 */
HAPAX_API uint64_t hapax_handle_hash(hapax_handle handle);

/*
 * Calls visit with the table's handles, in no particular order, until it returns false. What is
 * held throughout is visited exactly once, nothing twice; values that come or go meanwhile may be
 * visited or not. visit may intern and collect.
 *
 * Returns: true if it came to the end; false if visit stopped it, or with errno.
 * Errors: EINVAL if table or visit is NULL; ENOMEM as for hapax_find_handle.
 * Threads: safe beside every other call, on the same table too.
 * Keeps alive: each handle while visit runs with it; the table until the end.
 * Does not keep alive: handles visited before, nor what only memory behind context holds that is
 * not searched.
 * Source: the iterators of Go's internal/sync.HashTrieMap.
 */
HAPAX_API bool hapax_table_each(hapax_table *table,
                                bool (*visit)(hapax_handle handle, void *context), void *context);

HAPAX_END_DECLS

#endif
