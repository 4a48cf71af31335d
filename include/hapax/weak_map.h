/* SPDX-License-Identifier: MIT */
/*
 * hapax/weak_map.h - weak maps: data that belongs to an object, stored beside
 * it.
 *
 * An entry lives as long as its key and the map both live. The map does not
 * keep its keys alive, even if a value refers back to its key (ephemerons). So
 * you can attach data to an object of another part of the program, and the data
 * dies with the object.
 *
 * A key is an address: of a collected object or of any byte inside it, a
 * handle, or the address of static data, which never dies. Each offset in an
 * object is a key of its own.
 *
 * Source of the semantics: Hayes, Ephemerons (OOPSLA 1997); WeakMap of
 * ECMAScript.
 */
#ifndef HAPAX_WEAK_MAP_H
#define HAPAX_WEAK_MAP_H

#include <stdbool.h>

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

/* Opaque. The collector frees it once nothing reaches it. */
typedef struct hapax_weak_map hapax_weak_map;

/*
 * Makes an empty map.
 *
 * Returns: the map; NULL with errno on failure.
 * Errors: ENOMEM.
 * Threads: any thread may call it at any time.
 * Keeps alive: the values whose keys are alive, as long as it is alive itself.
 * Does not keep alive: the keys; itself (hold a pointer to it, or pin it).
 * Source: WeakMap of ECMAScript.
 */
HAPAX_API hapax_weak_map *hapax_weak_map_new(void);

/*
 * Sets the value of a key. If the key has a value, the new one replaces it.
 *
 *   key     points to a collected object, into one, or to static data
 *   value   any pointer except NULL; if it points to collected memory, the
 *           entry keeps that memory alive
 *
 * Returns: 0, or -1 with errno.
 * Errors: EINVAL if map, key or value is NULL, or if key is neither collected
 * nor static (a stack, malloc); ENOMEM.
 * Threads: any thread may call it at any time, even while others use the same
 * key. If several threads set a value for one key at once, the key has one of
 * these values afterwards.
 * Keeps alive: value and all it reaches, while the key and the map live.
 * Does not keep alive: key, even if value refers to it.
 * Source: WeakMap.prototype.set of ECMAScript.
 */
HAPAX_API int hapax_weak_map_set(hapax_weak_map *map, const void *key,
                                 void *value);

/*
 * Returns the value of a key. The call takes no lock.
 *
 * Returns: the value; NULL if the key has none, and errno is unchanged; NULL
 * with errno on failure.
 * Errors: EINVAL if map or key is NULL; ENOMEM if the library cannot register
 * the thread with the collector.
 * Threads: any thread may call it at any time.
 * Keeps alive: the returned pointer keeps the value alive, as every pointer
 * does.
 * Source: WeakMap.prototype.get of ECMAScript.
 */
HAPAX_API void *hapax_weak_map_get(hapax_weak_map *map, const void *key);

/*
 * Returns the value of a key. If the key has none, the call first sets it to
 * value. This is one atomic step: if several threads call this for one key, all
 * get the same value.
 *
 *   key     points to a collected object, into one, or to static data
 *   value   any pointer except NULL; not used if the key has a value
 *
 * Returns: the value that the key then has; NULL with errno on failure.
 * Errors: as for hapax_weak_map_set.
 * Threads: any thread may call it at any time, even while others use the same
 * key.
 * Keeps alive: the value in the map, as hapax_weak_map_set does; the returned
 * pointer keeps it alive too.
 * Does not keep alive: key; value, if the key has another value.
 * Source: WeakMap.prototype.getOrInsert of ECMAScript; LoadOrStore of Go's
 * sync.Map.
 */
HAPAX_API void *hapax_weak_map_get_or_set(hapax_weak_map *map, const void *key,
                                          void *value);

/*
 * Calls visit for each entry. If an entry is in the map and its key is alive
 * during the whole call, visit gets it exactly once. If an entry is added or
 * removed during the call, visit may or may not get it. If the value of an
 * entry changes, visit gets the old or the new value. If an entry is removed
 * and added again, visit may get it twice. visit also gets an entry whose key
 * waits for its finalizer.
 *
 *   visit     the function to call; it may use the map, collect and allocate,
 *             and returns false to end the iteration
 *   context   passed to visit
 *
 * Returns: true if visit never returned false; false if it did, and with errno
 * on failure.
 * Errors: EINVAL if map or visit is NULL; ENOMEM if the library cannot register
 * the thread with the collector.
 * Threads: any thread may call it at any time. Takes a lock for a moment for
 * each entry.
 * Keeps alive: the key and the value while visit runs with them, and no others.
 * The map frees no memory of dead entries during the call.
 * Source: hapax_table_each; the iteration of Java's WeakHashMap.
 */
HAPAX_API bool hapax_weak_map_each(hapax_weak_map *map,
                                   bool (*visit)(const void *key, void *value,
                                                 void *context),
                                   void *context);

/*
 * Removes the entry of a key.
 *
 * Returns: true if there was one; false if there was none, and with errno on
 * failure.
 * Errors: as for hapax_weak_map_get.
 * Threads: any thread may call it at any time, even while others use the same
 * key; only one of them gets true.
 * Keeps alive: nothing.
 * Does not keep alive: the value, after the call.
 * Source: WeakMap.prototype.delete of ECMAScript.
 */
HAPAX_API bool hapax_weak_map_remove(hapax_weak_map *map, const void *key);

HAPAX_END_DECLS

#endif
