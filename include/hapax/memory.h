/* SPDX-License-Identifier: MIT */
/*
 * hapax/memory.h - start, collected memory, pins and root ranges.
 *
 * One rule of life: the collector frees whatever hapax returns once nothing
 * reaches it.
 *
 *   searched for pointers    stacks, registers, static data, collected memory,
 *                            root ranges; and memory of malloc and thread-local
 *                            variables, if the program does not start the
 *                            collector itself (hapax_search_malloc)
 *   not searched             memory of mmap, plain collected memory
 *                            (hapax_alloc_plain), words that are not aligned
 *
 * A pointer to the first byte of an object or to any byte inside it keeps it
 * alive; a pointer one past its end does not keep the neighbour alive.
 */
#ifndef HAPAX_MEMORY_H
#define HAPAX_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

/*
 * Starts the library and makes the calling thread known to the collector. Every
 * other function but hapax_version does both by itself. If a thread only
 * compares handles or reads collected memory through pointers, call hapax_init
 * in it first; otherwise the collector neither stops it nor searches its stack.
 * The library takes a thread off when the thread ends.
 *
 * If your program calls GC_INIT itself, call hapax_init right after it in the
 * same thread: the library's first call must come from a thread that the
 * collector knows. In such a program the functions that only read
 * (hapax_handle_value, _size, _hash, _compare, hapax_string,
 * hapax_symbols_handle, _index, hapax_mapped_file_bytes and hapax_keep_alive)
 * leave an unknown thread unknown.
 *
 * Returns: 0, or -1 with errno. Calling it again is harmless.
 * Errors: ENOMEM; EAGAIN if the system has no room for a thread; ENOTSUP if the
 * program has started the collector itself and the collector does not know the
 * thread of the first call, or if the collector's heap lies at addresses of
 * more than 48 bits.
 * Threads: safe beside every other call.
 * Keeps alive: nothing. If you pass an object to a new thread, hold it in the
 * thread that passes it until the new thread has made its first call.
 * Source: the collector's own start and thread registration; Go does this
 * before main.
 */
HAPAX_API int hapax_init(void);

/*
 * Allocates size bytes of collected memory, zeroed, aligned as max_align_t. The
 * collector searches them for pointers, and frees them; you never do. A size of
 * 0 gives an object of its own, different from every other.
 *
 * Returns: the object, or NULL with errno.
 * Errors: ENOMEM.
 * Threads: safe beside every other call. May collect.
 * Keeps alive: what the pointers in it point to, while it is alive itself.
 * Does not keep alive: itself. The collector frees it once your program has no
 * pointer to it.
 * Source: Go's new.
 */
HAPAX_API void *hapax_alloc(size_t size) HAPAX_SIZED(1) HAPAX_MUST_USE;

/*
 * As hapax_alloc, for memory that holds no pointers: the collector never
 * searches it, and spends no time on it. Use it for strings, pixels and
 * numbers.
 *
 * Returns: the object, zeroed, or NULL with errno.
 * Errors: ENOMEM.
 * Threads: safe beside every other call. May collect.
 * Keeps alive: nothing. If you store a pointer in it, the object that the
 * pointer leads to may be freed.
 * Source: Go's allocation of types without pointers.
 */
HAPAX_API void *hapax_alloc_plain(size_t size)
    HAPAX_FRESH HAPAX_SIZED(1) HAPAX_MUST_USE;

/*
 * Changes the size of a block of hapax_alloc, hapax_alloc_plain or
 * hapax_alloc_held. The block keeps its kind, its contents as far as they fit,
 * and its pins; bytes that it gains are zero. If the block cannot stay where it
 * is, the library moves its contents to a new one, and you must not use the old
 * one any more. Weak pointers to the old block, its cleanups and its finalizer
 * do not move: they belong to the old object, which dies.
 *
 *   block   the block, or NULL: then the call is hapax_alloc(size)
 *   size    in bytes; 0 leaves an object without bytes, as hapax_alloc(0) gives
 *
 * Returns: the block, perhaps at another address, or NULL with errno; then the
 * old block is as it was.
 * Errors: EINVAL if block does not point to the first byte of collected memory;
 * ENOMEM.
 * Threads: safe beside every other call; no other thread may use the block
 * meanwhile. May collect.
 * Keeps alive: as the function that the block came from.
 * Source: realloc of C.
 */
HAPAX_API void *hapax_realloc(void *block, size_t size)
    HAPAX_SIZED(2) HAPAX_MUST_USE;

/*
 * As hapax_alloc, but the block lives until you call hapax_free: size bytes,
 * zeroed, aligned as max_align_t, and searched for pointers. Use it for
 * allocator hooks of other libraries and for C++ allocators: what such memory
 * points to stays alive, wherever the pointer to the block itself stands.
 *
 * Returns: the block, or NULL with errno.
 * Errors: ENOMEM.
 * Threads: safe beside every other call. May collect.
 * Keeps alive: itself, until hapax_free, and what the pointers in it point to.
 * Source: hapax_alloc and hapax_pin in one call.
 */
HAPAX_API void *hapax_alloc_held(size_t size) HAPAX_SIZED(1) HAPAX_MUST_USE;

/*
 * Ends the hold of hapax_alloc_held. The collector frees the block once nothing
 * reaches it, so a pointer that is still in use does no harm. The function
 * ignores NULL, and what is not held.
 *
 * Threads: safe beside every other call. errno is left alone.
 * Does not keep alive: the block.
 * Source: free of C.
 */
HAPAX_API void hapax_free(void *held);

/*
 * Retains a collected object: a handle, a table, a weak pointer, or any memory
 * of the collector, also what the program allocated from the collector itself.
 * The object lives until you have unpinned it as often as you have pinned it.
 * Pin an object if its only pointers lie in memory that is not searched. A pin
 * of static data does nothing.
 *
 *   pointer   to the object or inside it; the library counts pins by object
 *
 * Returns: 0, or -1 with errno.
 * Errors: EINVAL if pointer is NULL, or neither collected nor static (a stack,
 * malloc); ENOMEM.
 * Threads: safe beside every other call.
 * Keeps alive: the object and all it reaches, until the last unpin.
 * Source: runtime.Pinner of Go (nothing moves here, so only its lifetime half).
 */
HAPAX_API int hapax_pin(const void *pointer) HAPAX_MUST_USE;

/*
 * Releases: takes back one hapax_pin of the same object. The function ignores
 * NULL, and what is not pinned.
 *
 * Threads: safe beside every other call.
 * Does not keep alive: pointer, beyond the call.
 * Source: runtime.Pinner.Unpin of Go.
 */
HAPAX_API void hapax_unpin(const void *pointer);

/*
 * Adds a root range. The collector searches the range for aligned pointers, and
 * does not free the objects that they point to. Use it for mapped or shared
 * memory full of handles. There may be any number of ranges, and they may
 * overlap. Remove a range before you free or unmap its memory.
 *
 *   start   first byte of the range
 *   size    bytes in it; only its whole aligned words are searched
 *
 * Returns: 0, or -1 with errno.
 * Errors: EINVAL if start is NULL or the range wraps around the address space;
 * ENOMEM.
 * Threads: safe beside every other call. The contents may change at any time.
 * Keeps alive: what the pointers stored there point to, as long as they stand
 * there.
 * Does not keep alive: the memory of the range itself.
 * Source: root ranges of the collector; Go has none.
 */
HAPAX_API int hapax_add_roots(const void *start, size_t size) HAPAX_MUST_USE;

/*
 * Removes one range that was added with the same start and size. Remove a range
 * twice if you added it twice. Other ranges that overlap it stay. The function
 * ignores a range that was not added.
 *
 * Threads: safe beside every other call.
 * Does not keep alive: what the range holds, unless something else reaches it.
 */
HAPAX_API void hapax_remove_roots(const void *start, size_t size);

/*
 * Tells the collector how many bytes more, or fewer, collected objects keep in
 * use outside of its heap: what their cleanups will free, unmap or close. The
 * collector sees only the small object. Without this hint it would let many
 * large buffers pile up before it collects. Call the function with the size of
 * a buffer when you allocate the buffer, and with the negative size in the
 * cleanup that frees it.
 *
 *   bytes   how much has come, or, if negative, gone; the sum of all calls
 *           counts, and is never less than 0
 *
 * The call collects if a third of all memory, the heap's and this, has come
 * since the last collection, and at least 16 MiB.
 *
 * Errors: none; if there is no room to start the library, the call does
 * nothing. errno stays as it was.
 * Threads: safe beside every other call. May collect. May be called in a
 * cleanup.
 * Keeps alive: nothing.
 * Source: GC.AddMemoryPressure of .NET.
 */
HAPAX_API void hapax_external_memory(ptrdiff_t bytes);

/*
 * Turns the search of malloc's memory on or off, from the next collection on.
 * While it is on, pointers in memory of malloc, of new in C++ and in
 * thread-local variables keep their objects alive, as those on stacks do. It is
 * on from the start if the program has not started the collector itself, and
 * off if it has. HAPAX_SEARCH=malloc or HAPAX_SEARCH=explicit in the
 * environment decides otherwise.
 *
 *   on   true: search; false: only what is explicit counts (pins, root ranges,
 *        hapax_alloc)
 *
 * Returns: 0, or -1 with errno.
 * Errors: ENOTSUP if the memory of this program's malloc cannot be searched;
 * ENOMEM. Turning it off never fails.
 * Threads: safe beside every other call.
 * Keeps alive: while it is on, what memory of malloc points to.
 * Source: Go searches all memory that a program can use.
 */
HAPAX_API int hapax_search_malloc(bool on);

/*
 * Runs one full collection. When it returns, the collector has settled what
 * died: weak pointers to it are NULL, its entries are out of their tables, and
 * its cleanups are queued. They need not have run: hapax_wait_cleanups waits.
 * Marking is conservative: a stale word on a stack can keep an object alive for
 * a while.
 *
 * Threads: safe beside every other call; the other threads stand still for a
 * part of it. Every function of the user may call it.
 * Keeps alive: nothing.
 * Source: runtime.GC of Go.
 */
HAPAX_API void hapax_collect(void);

HAPAX_END_DECLS

#endif
