/*
 * hapax/weak_map.h - weak maps: what belongs to an object, kept beside it.
 *
 * An entry lives exactly as long as its key and the map both live. The map keeps no key alive, not
 * even where the value refers back to it (ephemerons), so a program can attach data to objects it
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
 *   value   any pointer but NULL; what it points to is kept where that is collected
 *
 * Returns: 0, or -1 with errno.
 * Errors: EINVAL where map, key or value is NULL, or key is neither collected nor static (a stack,
 * malloc); ENOMEM.
 * Threads: safe beside every other call, for the same key too: one of the values stays.
 * Keeps alive: value, with all it reaches, while the key and the map live. Does not keep alive:
 * key, even where value refers to it.
 * Source: WeakMap.prototype.set of ECMAScript.
 */
HAPAX_API int hapax_weak_map_set(hapax_weak_map *map, const void *key, void *value);

/*
 * The value of a key. Takes no lock.
 *
 * Returns: the value; NULL where the key has none, and errno is left alone then; NULL with errno
 * on failure.
 * Errors: EINVAL where map or key is NULL; ENOMEM where the thread is new to the collector and
 * cannot be made known.
 * Threads: safe beside every other call.
 * Keeps alive: the returned pointer keeps the value alive as every pointer does.
 * Source: WeakMap.prototype.get of ECMAScript.
 */
HAPAX_API void *hapax_weak_map_get(hapax_weak_map *map, const void *key);

/*
 * Takes a key's value out of the map.
 *
 * Returns: whether there was one; false with errno on failure.
 * Errors: as for hapax_weak_map_get.
 * Threads: safe beside every other call, for the same key too: one caller is told true.
 * Keeps alive: nothing. Does not keep alive: the value is let go.
 * Source: WeakMap.prototype.delete of ECMAScript.
 */
HAPAX_API bool hapax_weak_map_remove(hapax_weak_map *map, const void *key);

HAPAX_END_DECLS

#endif
