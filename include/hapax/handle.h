/* SPDX-License-Identifier: MIT */
/*
 * hapax/handle.h - canonical values: tables, types and handles.
 *
 * A table stores each value once. Equal values have equal handles, so you
 * compare two values of one table by comparing their handles with ==. A handle
 * is one pointer wide. It does not keep its table alive, and stays valid when
 * the table is gone. A table does not keep its values alive, unless it is made
 * with HAPAX_TABLE_KEEPS_VALUES. Once nothing reaches a value, neither through
 * a handle nor through a pointer into its bytes, the collector frees the value
 * and the library evicts its entry. If you intern the value again, it gets a
 * new handle. A table never has two live handles for equal values.
 *
 * Handles are collected objects: you can pin them, make weak pointers to them
 * and add cleanups. They have no finalizers.
 *
 * The library holds no lock of its own while it calls a function of the program
 * (hash, equal, copy, visit), so such a function may call the library. It must
 * not leave the call by longjmp, pthread_exit or an exception.
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

/* The size bytes at data. If size is 0, data may be NULL. */
typedef struct hapax_span {
    const void *data;
    size_t size;
} hapax_span;

typedef struct hapax_table hapax_table;

/*
 * How the values of one type behave. If all fields are zero, values are plain
 * bytes. hapax_table_new copies the structure. The functions and the name must
 * last as long as the table.
 */
struct hapax_type {
    /* For messages; may be NULL. */
    const char *name;

    /* The size of every value in bytes. If it is 0, each value has its own
       size, as strings do. Values of a fixed size, and values that hold
       pointers, are aligned as max_align_t; others have no alignment. */
    size_t size;

    /* Returns a hash of the value. Equal values must have equal hashes. seed is
       the same for all values of a table. The library mixes the result once
       more, so a simple hash is good enough. If this is NULL, the library
       hashes all bytes. */
    uint64_t (*hash)(const void *value, size_t size, uint64_t seed);

    /* Returns whether two values of the same size are equal. If values with
       different bytes can be equal, the type needs its own hash too. A value
       that is not equal to itself (NaN) gets a new handle each time. equal may
       intern values. But if each call of equal interns a new value with the
       same hash in the same table, the lookup never ends. If this is NULL, the
       library compares all bytes. */
    bool (*equal)(const void *a, const void *b, size_t size);

    /* Makes the canonical copy of a new value: it writes size bytes at to and,
       if necessary, copies what they point to. If there is not enough memory,
       it returns false; the library then does not intern the value. If this is
       NULL, the library copies the bytes. */
    bool (*copy)(void *to, const void *from, size_t size);

    /* HAPAX_TYPE_HAS_POINTERS, or 0. */
    unsigned flags;
};

/* The values hold handles or other pointers to collected memory. A value keeps
   the objects that it points to alive. Without this flag the collector does not
   search values for pointers. */
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
 * Threads: any thread may call it at any time.
 * Keeps alive: with HAPAX_TABLE_KEEPS_VALUES, all its values, as long as it is
 * alive itself.
 * Does not keep alive: itself (hold a pointer to it, or pin it); without the
 * flag, its values.
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
 * Threads: any thread may call it at any time.
 * Keeps alive: the table, for ever.
 * Does not keep alive: its values.
 * Source: unique.Make for strings.
 */
HAPAX_API hapax_table *hapax_strings(void);

/*
 * Returns the handle of a value. If the table has the value, the call allocates
 * nothing. If the value is new, the library copies it, so you may free or
 * overwrite your buffer right after the call. Byte strings may contain NUL.
 * Their copies are NUL-terminated.
 *
 *   table   where to look
 *   value   the value's bytes; may be NULL if size is 0
 *   size    in bytes; for a type of fixed size, that size
 *
 * Returns: the handle, or NULL with errno.
 * Errors: EINVAL if table is NULL, if value is NULL with a size, or if size is
 * not the type's; ENOMEM, also if the copy function of the type returns false.
 * Threads: any thread may call it at any time, even while others use the same
 * table. A lookup that finds its value takes no lock.
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
 * unchanged.
 * Errors: EINVAL as for hapax_make_handle; ENOMEM if the library cannot
 * register the thread with the collector.
 * Threads: any thread may call it at any time, even while others use the same
 * table. Allocates nothing.
 * Keeps alive: as hapax_make_handle.
 * Source: the lookup half of unique.Make; Go does not export it.
 */
HAPAX_API hapax_handle hapax_find_handle(hapax_table *table, const void *value,
                                         size_t size);

/*
 * Makes n handles in one call. The call stops at the first failure.
 *
 *   values   n values
 *   out      room for n handles, in memory that the collector searches;
 *            otherwise handles may die during the call. The call sets the
 *            handles that it does not make to NULL
 *
 * Returns: how many handles it made; if fewer than n, with errno.
 * Errors: those of hapax_make_handle; EINVAL too if values or out is NULL and n
 * is not 0.
 * Threads: any thread may call it at any time, even while others use the same
 * table. The call is not one transaction: other threads may find the first
 * values before the call has made the last one.
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
 * Threads: any thread may call it at any time.
 * Keeps alive: as hapax_make_handle.
 * Source: unique.Make for strings.
 */
HAPAX_API hapax_handle hapax_intern(const char *string);

/*
 * Returns the hash of a value in this table. hapax_handle_hash returns the same
 * hash for the value's handle, and hapax_make_handle_hashed takes it. The hash
 * differs from process to process, and may differ from table to table.
 *
 * Returns: the hash; 0 with errno on failure. 0 may also be a hash.
 * Errors: EINVAL as for hapax_make_handle; ENOMEM as for hapax_find_handle.
 * Threads: any thread may call it at any time. Allocates nothing.
 * Keeps alive: nothing.
 * Source: hash/maphash.Comparable of Go.
 */
HAPAX_API uint64_t hapax_hash(hapax_table *table, const void *value,
                              size_t size);

/*
 * As hapax_make_handle, for a value whose hash in this table you already have
 * from hapax_hash or hapax_handle_hash. If the hash is wrong, you may get a
 * second handle for an equal value; nothing else breaks.
 *
 * Returns, errors, threads, keeps alive: as hapax_make_handle.
 * Source: unique.Make, with the hash computed once by the caller.
 */
HAPAX_API hapax_handle hapax_make_handle_hashed(hapax_table *table,
                                                const void *value, size_t size,
                                                uint64_t hash);

/*
 * Returns the canonical bytes of a value. They never change and never move. A
 * NUL follows the bytes of a byte string; the size does not include it.
 *
 * Returns: the bytes, or NULL for no handle.
 * Errors: none; errno is unchanged.
 * Threads: any thread may call it at any time. Registers its thread
 * (hapax_init). Allocates nothing.
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
 * Errors: none; errno is unchanged.
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
 * Errors: none; errno is unchanged.
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
 * Errors: none; errno is unchanged.
 * Threads: as hapax_handle_value.
 * Keeps alive: nothing.
 */
HAPAX_API size_t hapax_handle_size(hapax_handle handle);

/*
 * Returns the hash of a value in its table, in constant time; see hapax_hash.
 *
 * Returns: the hash; 0 for no handle.
 * Errors: none; errno is unchanged.
 * Threads: as hapax_handle_value.
 * Keeps alive: nothing.
 */
HAPAX_API uint64_t hapax_handle_hash(hapax_handle handle);

/*
 * Calls visit with each handle of the table, in no particular order, until
 * visit returns false. visit gets no handle twice. If something keeps a value
 * alive during the whole call, visit gets its handle. If a value is added or
 * dies during the call, visit may or may not get its handle. visit may intern
 * and collect.
 *
 * Returns: true if visit never returned false; false if it did, and with errno
 * on failure.
 * Errors: EINVAL if table or visit is NULL; ENOMEM as for hapax_find_handle.
 * Threads: any thread may call it at any time, even while others use the same
 * table.
 * Keeps alive: each handle while visit runs with it; the table until the call
 * returns.
 * Does not keep alive: handles that it has visited before; objects that context
 * refers to from memory that the collector does not search.
 * Source: the iterators of Go's internal/sync.HashTrieMap.
 */
HAPAX_API bool hapax_table_each(hapax_table *table,
                                bool (*visit)(hapax_handle handle,
                                              void *context),
                                void *context);

HAPAX_END_DECLS

#endif
