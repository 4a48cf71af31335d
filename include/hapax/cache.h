/* SPDX-License-Identifier: MIT */
/*
 * hapax/cache.h - a weak cache: values by key, each made once and kept as long as something holds it.
 *
 * The cache holds its values weakly. hapax_cache_get gives the live value of a key, or has it made
 * by the cache's own function; once nothing else reaches a value, the collection that finds it
 * dead takes its entry out, too. However many threads ask for a key at once, its value is made
 * once: the others wait for the result.
 *
 * Source of the semantics: the weak cache of the article "From unique to cleanups and weak" on
 * Go's blog, with the exercise that it leaves to its readers.
 */
#ifndef HAPAX_CACHE_H
#define HAPAX_CACHE_H

#include <stddef.h>

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

typedef struct hapax_cache hapax_cache;

/*
 * A new cache.
 *
 *   create    makes the value of a key of size bytes: collected memory (a pointer inside an object
 *             will do), or static data, which stays in the cache as long as the cache lives. Or
 *             returns NULL with *error set to the reason; 0 counts as EIO.
 *             Runs in a thread that asks for the key, under no lock of the library, once at a
 *             time for a key, and for several keys at once. It may call the library and ask this
 *             cache for other keys. It must not be left by longjmp, pthread_exit or an exception.
 *   context   handed to create; may be NULL
 *
 * Returns: the cache, or NULL with errno.
 * Errors: EINVAL if create is NULL; ENOMEM.
 * Threads: safe beside every other call.
 * Keeps alive: context, while the cache is alive.
 * Does not keep alive: itself (hold the pointer, or pin it), and its values.
 * Source: NewCache of the article.
 */
HAPAX_API hapax_cache *hapax_cache_new(void *(*create)(const void *key, size_t size, void *context,
                                                       int *error),
                                       void *context);

/*
 * The live value of a key, or a new one from the cache's create. Two callers get the same value
 * as long as anything holds it. If another thread is creating it, waits for the result, and gets
 * its failure, too. After a failure the next call tries again (single-flight).
 *
 *   cache   where to look
 *   key     the key's bytes, copied when an entry is made; may be NULL if size is 0
 *   size    in bytes
 *   error   NULL, or receives 0 or the reason of the failure, which is in errno as well
 *
 * Returns: the value, or NULL; errno is left alone if there is one.
 * Errors: what create reported, EIO if it reported nothing; EDEADLK if create asks for the
 * key that it is creating, or threads that create keys would wait for each other in a circle;
 * EINVAL if cache is NULL, key is NULL with a size, or create answered memory that is neither
 * collected nor static; ENOMEM.
 * Threads: safe beside every other call, on the same cache too. A key that is present is found
 * without a lock.
 * Keeps alive: the returned pointer keeps the value alive as every pointer does, and a caller that
 * waits keeps the value that it is about to get.
 * Does not keep alive: the value, beyond that; the caller's key.
 * Source: Cache.Get of the article.
 */
HAPAX_API void *hapax_cache_get(hapax_cache *cache, const void *key, size_t size, int *error);

HAPAX_END_DECLS

#endif
