/* SPDX-License-Identifier: MIT */
/*
 * hapax/weak_map.h - weak maps: what belongs to an object, kept beside it.
 *
 * An entry lives exactly as long as its key and the map both live. The map keeps no key alive, not
 * even if the value refers back to it (ephemerons), so a program can attach data to objects it
 * did not make, and the data goes when the object goes.
 *
 * A key is an address: any offset in a collected object, each a key of its own that lives with the
 * object; a handle; or static data, which never dies.
 *
 * Source of the semantics: Hayes, Ephemerons (OOPSLA 1997); WeakMap of ECMAScript.
 */
#ifndef HAPAX_WEAK_MAP_H
#define HAPAX_WEAK_MAP_H

#include <stdbool.h>

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

/* Opaque; collected once nothing reaches it. */
typedef struct hapax_weak_map hapax_weak_map;

/*
 * A new, empty map.
 *
 * Returns: the map; NULL with errno on failure. Errors: ENOMEM.
 * Threads: safe beside every other call.
 * Keeps alive: the values whose keys live, as long as the map itself is held. Does not keep alive:
 * the keys.
 * Source: WeakMap of ECMAScript.
 */
HAPAX_API hapax_weak_map *hapax_weak_map_new(void);

/*
 * Sets the value of a key; one that it has is replaced.
 *
 *   key     to a collected object, or inside it, or to static data
 *   value   any pointer but NULL; what it points to is kept if it is collected
 *
 * Returns: 0, or -1 with errno.
 * Errors: EINVAL if map, key or value is NULL, or key is neither collected nor static (a stack,
 * malloc); ENOMEM.
 * Threads: safe beside every other call, for the same key too: one of the values stays.
 * Keeps alive: value, with all it reaches, while the key and the map live. Does not keep alive:
 * key, even if value refers to it.
 * Source: WeakMap.prototype.set of ECMAScript.
 */
HAPAX_API int hapax_weak_map_set(hapax_weak_map *map, const void *key, void *value);

/*
 * The value of a key. Takes no lock.
 *
 * Returns: the value; NULL if the key has none, and errno is left alone then; NULL with errno
 * on failure.
 * Errors: EINVAL if map or key is NULL; ENOMEM if the thread is new to the collector and
 * cannot be made known.
 * Threads: safe beside every other call.
 * Keeps alive: the returned pointer keeps the value alive as every pointer does.
 * Source: WeakMap.prototype.get of ECMAScript.
 */
HAPAX_API void *hapax_weak_map_get(hapax_weak_map *map, const void *key);

/*
 * The value of a key; if it has none, value becomes the one. What is there wins, in one step: of several threads that do
 * this for one key, all get the same value.
 *
 *   key     to a collected object, or inside it, or to static data
 *   value   any pointer but NULL; let go if another is there
 *
 * Returns: the value that is there then; NULL with errno on failure.
 * Errors: as for hapax_weak_map_set.
 * Threads: safe beside every other call, for the same key too.
 * Keeps alive: the value that is there, as hapax_weak_map_set does, and so does the returned pointer. Does not keep alive:
 * key, and value if another is there.
 * Source: WeakMap.prototype.getOrInsert of ECMAScript; LoadOrStore of Go's sync.Map.
 */
HAPAX_API void *hapax_weak_map_get_or_set(hapax_weak_map *map, const void *key, void *value);

/*
 * Calls visit for each entry. An entry that is in the map throughout, whose key lives throughout, is visited exactly once,
 * and no entry twice. One that comes, goes or gets another value meanwhile may be visited with either, or not at all; if it
 * was removed and comes back, perhaps again. A key that waits for its finalizer is visited too.
 *
 *   visit     may use the map, collect and allocate; false ends the iteration
 *   context   handed through
 *
 * Returns: true if it came to the end; false if visit ended it, and with errno on failure.
 * Errors: EINVAL if map or visit is NULL; ENOMEM if the thread is new to the collector and cannot be made known.
 * Threads: safe beside every other call; takes a lock for an instant for each entry.
 * Keeps alive: the key and the value during their visit, no others. Memory of dead entries is not given back meanwhile.
 * Source: hapax_table_each; Java's WeakHashMap can be iterated likewise.
 */
HAPAX_API bool hapax_weak_map_each(hapax_weak_map *map,
                                   bool (*visit)(const void *key, void *value, void *context), void *context);

/*
 * Takes a key's value out of the map.
 *
 * Returns: whether there was one; false with errno on failure.
 * Errors: as for hapax_weak_map_get.
 * Threads: safe beside every other call, for the same key too: one caller is told true.
 * Keeps alive: nothing. Does not keep alive: the value, from now on.
 * Source: WeakMap.prototype.delete of ECMAScript.
 */
HAPAX_API bool hapax_weak_map_remove(hapax_weak_map *map, const void *key);

HAPAX_END_DECLS

#endif
