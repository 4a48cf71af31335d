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
 * A pointer to any byte of an object keeps the object alive. A pointer one past
 * the end of an object never keeps the next object alive.
 */
#ifndef HAPAX_MEMORY_H
#define HAPAX_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

/*
 * Starts the library and registers the calling thread with the collector. Every
 * other function except hapax_version does both by itself. If a thread only
 * compares handles or reads collected memory through pointers, call hapax_init
 * in it first; otherwise the collector neither stops it nor searches its stack.
 * The library unregisters a thread when the thread ends.
 *
 * If your program calls GC_INIT itself, call hapax_init right after it in the
 * same thread: the first call of the library must come from a thread that is
 * registered with the collector. In such a program the functions that only read
 * (hapax_handle_value, _size, _hash, _compare, hapax_string,
 * hapax_symbols_handle, _index, hapax_mapped_file_bytes and hapax_keep_alive)
 * do not register their thread.
 *
 * Returns: 0, or -1 with errno. Calling it again is harmless.
 * Errors: ENOMEM; EAGAIN if the system cannot create a thread; ENOTSUP if the
 * program has started the collector itself and the first call comes from a
 * thread that is not registered, if the system does not say where the thread's
 * stack is, or if the collector's heap is at addresses of more than 48 bits;
 * EMFILE or ENFILE if no file can be opened, since the main thread reads from
 * /proc where its stack is.
 * Threads: any thread may call it at any time.
 * Keeps alive: nothing. If you pass an object to a new thread, hold it in the
 * thread that passes it until the new thread has made its first call.
 * Source: the start of the collector and its registration of threads; Go does
 * both before main.
 */
HAPAX_API int hapax_init(void);

/*
 * Allocates size bytes of collected memory, zeroed, aligned as max_align_t. The
 * collector searches them for pointers. It also frees the object; you never do.
 * If size is 0, the object has no bytes, and an address that no other object
 * has.
 *
 * Returns: the object, or NULL with errno.
 * Errors: ENOMEM.
 * Threads: any thread may call it at any time. May collect.
 * Keeps alive: the objects that it points to, as long as it is alive itself.
 * Does not keep alive: itself. The collector frees it once nothing reaches it.
 * Source: Go's new.
 */
HAPAX_API void *hapax_alloc(size_t size) HAPAX_SIZED(1) HAPAX_MUST_USE;

/*
 * As hapax_alloc, for memory that holds no pointers: the collector never
 * searches it, and spends no time on its bytes. Use it for strings, pixels and
 * numbers.
 *
 * Returns: the object, zeroed, or NULL with errno.
 * Errors: ENOMEM.
 * Threads: any thread may call it at any time. May collect.
 * Keeps alive: nothing. If you store a pointer in it, the collector may free
 * the object that the pointer points to.
 * Source: Go's allocation of types without pointers.
 */
HAPAX_API void *hapax_alloc_plain(size_t size)
    HAPAX_FRESH HAPAX_SIZED(1) HAPAX_MUST_USE;

/*
 * Changes the size of a block of hapax_alloc, hapax_alloc_plain or
 * hapax_alloc_held. The block keeps its kind, its contents as far as they fit,
 * and its pins. Bytes that are added are zero. If the block cannot stay where
 * it is, the library moves its contents to a new block, and you must no longer
 * use the old one. Weak pointers to the old block, its cleanups and its
 * finalizer do not move: they belong to the old object, which dies.
 *
 *   block   the block; if it is NULL, the call does the same as
 *           hapax_alloc(size)
 *   size    in bytes; if it is 0, the result has no bytes, like that of
 *           hapax_alloc(0)
 *
 * Returns: the block, perhaps at another address; on failure NULL with errno,
 * and the old block is unchanged.
 * Errors: EINVAL if block does not point to the first byte of collected memory;
 * ENOMEM.
 * Threads: any thread may call it at any time, but no other thread may use the
 * block meanwhile. May collect.
 * Keeps alive: what the function that allocated the block says.
 * Source: realloc of C.
 */
HAPAX_API void *hapax_realloc(void *block, size_t size)
    HAPAX_SIZED(2) HAPAX_MUST_USE;

/*
 * As hapax_alloc, but the block lives until you call hapax_free: size bytes,
 * zeroed, aligned as max_align_t, and searched for pointers. Use it for
 * allocator hooks of other libraries and for C++ allocators. The block, and the
 * objects that it points to, stay alive wherever your program stores the
 * pointer to the block.
 *
 * Returns: the block, or NULL with errno.
 * Errors: ENOMEM.
 * Threads: any thread may call it at any time. May collect.
 * Keeps alive: itself, until you call hapax_free, and the objects that it
 * points to.
 * Source: hapax_alloc and hapax_pin in one call.
 */
HAPAX_API void *hapax_alloc_held(size_t size) HAPAX_SIZED(1) HAPAX_MUST_USE;

/*
 * Frees a block of hapax_alloc_held: the library no longer keeps it alive. The
 * collector reuses its memory once nothing reaches the block, so a pointer that
 * is still in use does no harm. The function ignores NULL, and blocks that are
 * not held.
 *
 * Threads: any thread may call it at any time. errno is unchanged.
 * Does not keep alive: the block, after the call.
 * Source: free of C.
 */
HAPAX_API void hapax_free(void *held);

/*
 * Retains a collected object: a handle, a table, a weak pointer, or any other
 * memory of the collector, even if the program has allocated it from the
 * collector itself. The object lives until you have unpinned it as often as you
 * have pinned it. Pin an object if the only pointers to it are in memory that
 * the collector does not search. Static data never dies, so a pin of it does
 * nothing.
 *
 *   pointer   to the object or inside it; the library counts pins by object
 *
 * Returns: 0, or -1 with errno.
 * Errors: EINVAL if pointer is NULL, or neither collected nor static (a stack,
 * malloc); ENOMEM.
 * Threads: any thread may call it at any time.
 * Keeps alive: the object and all it reaches, until the last unpin.
 * Source: runtime.Pinner of Go (nothing moves here, so only its lifetime half).
 */
HAPAX_API int hapax_pin(const void *pointer) HAPAX_MUST_USE;

/*
 * Releases an object: takes back one hapax_pin of it. The function ignores
 * NULL, and objects that are not pinned.
 *
 * Threads: any thread may call it at any time.
 * Does not keep alive: the object, after the call.
 * Source: runtime.Pinner.Unpin of Go.
 */
HAPAX_API void hapax_unpin(const void *pointer);

/*
 * Adds a root range. The collector searches the range for aligned pointers, and
 * does not free the objects that they point to. Use it for mapped or shared
 * memory that holds handles, and for the mapped stack of a coroutine, without
 * its guard page. You may add any number of ranges, and they may overlap.
 * Remove a range before you free or unmap its memory.
 *
 *   start   first byte of the range
 *   size    bytes in it; the collector searches only its whole aligned words
 *
 * Returns: 0, or -1 with errno.
 * Errors: EINVAL if start is NULL or the range wraps around the address space;
 * ENOMEM.
 * Threads: any thread may call it at any time. The contents of the range may
 * change at any time.
 * Keeps alive: the objects that pointers in the range point to, as long as
 * these pointers are there.
 * Does not keep alive: the memory of the range itself.
 * Source: root ranges of the collector; Go has none.
 */
HAPAX_API int hapax_add_roots(const void *start, size_t size) HAPAX_MUST_USE;

/*
 * Removes one root range that was added with the same start and size. If you
 * have added a range twice, remove it twice. Other ranges stay, even if they
 * overlap this one. The function ignores a range that was not added.
 *
 * Threads: any thread may call it at any time.
 * Does not keep alive: the objects that pointers in the range point to.
 */
HAPAX_API void hapax_remove_roots(const void *start, size_t size);

/*
 * Tells the collector how much more, or less, memory outside of its heap
 * belongs to collected objects: memory that their cleanups will free, unmap or
 * close. The collector sees only the small objects. Without this hint, many
 * large buffers pile up before it collects. When you allocate a buffer, call
 * the function with the size of the buffer. In the cleanup that frees the
 * buffer, call it with the negative size.
 *
 *   bytes   how much more memory there is; if negative, how much less. The
 *           library adds up all calls; the sum is never less than 0
 *
 * The call collects if at least 16 MiB of this memory are new since the last
 * collection, and if this is at least a third of all such memory and of the
 * used heap together.
 *
 * Errors: none; if the library cannot start for lack of memory, the call does
 * nothing. errno is unchanged.
 * Threads: any thread may call it at any time. May collect. A cleanup may call
 * it.
 * Keeps alive: nothing.
 * Source: GC.AddMemoryPressure of .NET.
 */
HAPAX_API void hapax_external_memory(ptrdiff_t bytes);

/*
 * Turns the search of malloc's memory on or off, from the next collection on.
 * While it is on, pointers in memory of malloc, of new in C++ and in
 * thread-local variables keep their objects alive, as pointers on stacks do. At
 * the start it is on, unless the program has started the collector itself.
 * HAPAX_SEARCH=malloc or HAPAX_SEARCH=explicit in the environment overrides
 * this.
 *
 *   on   true: search; false: do not search, so that only stacks, static data,
 *        memory of hapax_alloc, pins and root ranges keep objects alive
 *
 * Returns: 0, or -1 with errno.
 * Errors: ENOTSUP if the memory of this program's malloc cannot be searched;
 * ENOMEM. Turning it off never fails.
 * Threads: any thread may call it at any time.
 * Keeps alive: while the search is on, the objects that memory of malloc points
 * to.
 * Source: Go, whose collector searches all memory of a program.
 */
HAPAX_API int hapax_search_malloc(bool on);

/*
 * Runs one full collection. When it returns, the collection has decided which
 * objects are dead: weak pointers to them are NULL, tables no longer have their
 * entries, and their cleanups are queued. The cleanups may not have run yet;
 * hapax_wait_cleanups waits for them. Marking is conservative: a stale word on
 * a stack can keep an object alive for a while.
 *
 * Threads: any thread may call it at any time. The collector stops the other
 * threads for a part of the call. Every function that the library calls may
 * call it.
 * Keeps alive: nothing.
 * Source: runtime.GC of Go.
 */
HAPAX_API void hapax_collect(void);

HAPAX_END_DECLS

#endif
