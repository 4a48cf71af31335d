/* SPDX-License-Identifier: MIT */
/*
 * hapax/cache.h - a weak cache: a map from keys to values that creates each
 * missing value once and does not keep it alive.
 *
 * hapax_cache_get returns the live value of a key. If there is none, it calls
 * the cache's create function to make one. When nothing else reaches a value,
 * the next collection that finds it dead also removes its entry. If several
 * threads ask for the same missing key at once, one of them creates the value
 * and the others wait for it (single-flight).
 *
 * Source of the semantics: the weak cache of the article "From unique to
 * cleanups and weak" on Go's blog, with the exercise that it leaves to its
 * readers.
 */
#ifndef HAPAX_CACHE_H
#define HAPAX_CACHE_H

#include <stddef.h>

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

typedef struct hapax_cache hapax_cache;

/*
 * Makes an empty cache.
 *
 *   create    makes the value of a key of size bytes. It returns a pointer to
 *             collected memory, or into it, or to static data. Static data
 *             stays in the cache as long as the cache lives. If create fails,
 *             it returns NULL and sets *error to the reason; 0 counts as EIO.
 *             create runs in a thread that asks for the key, and the library
 *             holds no lock meanwhile. It may run in several threads at once
 *             for different keys, but never for one key. It may call the
 *             library, and may ask this cache for other keys. It must not leave
 *             the call by longjmp, pthread_exit or an exception.
 *   context   passed to create; may be NULL
 *
 * Returns: the cache, or NULL with errno.
 * Errors: EINVAL if create is NULL; ENOMEM.
 * Threads: any thread may call it at any time.
 * Keeps alive: context, while the cache is alive.
 * Does not keep alive: itself (hold a pointer to it, or pin it); its values.
 * Source: NewCache of the article.
 */
HAPAX_API hapax_cache *
hapax_cache_new(void *(*create)(const void *key, size_t size, void *context,
                                int *error),
                void *context);

/*
 * Returns the live value of a key, or a new one that the cache's create
 * function makes. As long as anything keeps the value alive, every caller gets
 * the same one. If another thread is creating the value, the call waits and
 * returns that thread's result, even if it is a failure. The cache does not
 * remember failures: the next call tries again.
 *
 *   cache   where to look
 *   key     the key's bytes; the cache copies them when it makes an entry. May
 *           be NULL if size is 0
 *   size    of the key in bytes
 *   error   receives 0, or the reason of the failure, which is also in errno;
 *           may be NULL
 *
 * Returns: the value, or NULL with errno. If there is a value, errno is
 * unchanged.
 * Errors: what create reported, or EIO if it reported nothing; EDEADLK if
 * create asks for the key that it is creating, or if threads that create keys
 * would wait for each other in a circle; EINVAL if cache is NULL, if key is
 * NULL with a size, or if create returned memory that is neither collected nor
 * static; ENOMEM.
 * Threads: any thread may call it at any time, even while others use the same
 * cache. A lookup that finds its key takes no lock.
 * Keeps alive: the returned pointer keeps the value alive, as every pointer
 * does. A call that waits for a value keeps it alive from its creation on.
 * Does not keep alive: a value that only the cache refers to; the caller's
 * key.
 * Source: Cache.Get of the article.
 */
HAPAX_API void *hapax_cache_get(hapax_cache *cache, const void *key,
                                size_t size, int *error);

HAPAX_END_DECLS

#endif
