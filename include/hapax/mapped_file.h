/* SPDX-License-Identifier: MIT */
/*
 * hapax/mapped_file.h - files in memory, which the library unmaps once nothing
 * reaches them.
 *
 * Mappings are read-only and private to the process. The collection that finds
 * a mapping dead also unmaps it, whether or not cleanups run. Only regular
 * files can be mapped. If the system reports a size of 0 for a file, as for
 * files of /proc, its mapping has size 0.
 *
 * If another process makes a mapped file shorter, reading beyond its new end
 * raises SIGBUS, as with every mapping; the library itself never reads a
 * mapping. If another process writes into the file, the mapping may or may not
 * show it. After fork both processes have their own copy of each mapping.
 *
 * Source of the semantics: the memory-mapped file of the article "From unique
 * to cleanups and weak" on Go's blog.
 */
#ifndef HAPAX_MAPPED_FILE_H
#define HAPAX_MAPPED_FILE_H

#include <stddef.h>

#include <hapax/export.h>
#include <hapax/handle.h>

HAPAX_BEGIN_DECLS

typedef struct hapax_mapped_file hapax_mapped_file;

/*
 * Maps a file, with the size it has at this moment.
 *
 * Returns: the mapping, or NULL with errno.
 * Errors: EINVAL if path is NULL; EISDIR for a directory; ENODEV for anything
 * else that is not a regular file (the call does not wait for a FIFO); EFBIG if
 * the file is larger than the address space; ENOMEM, also if the process has as
 * many mappings as the system allows; those of open(2).
 * Threads: any thread may call it at any time. May collect.
 * Keeps alive: the returned pointer keeps the file mapped.
 * Does not keep alive: itself. A pointer to the file's bytes does not keep the
 * file mapped: see hapax_map_bytes.
 * Source: NewMemoryMappedFile of the article.
 */
HAPAX_API hapax_mapped_file *hapax_mapped_file_open(const char *path);

/*
 * As hapax_mapped_file_open, but the process maps each file once: as long as
 * anything reaches its mapping, every call returns the same pointer. Two paths
 * name the same file if device and inode are the same. If the file grows, its
 * mapping keeps its size as long as anything reaches it.
 *
 * Returns, errors, keeps alive: as hapax_mapped_file_open.
 * Threads: any thread may call it at any time. If several threads open a file
 * at once, the library maps it once.
 * Source: the cache of mapped files of the article.
 */
HAPAX_API hapax_mapped_file *hapax_mapped_file_open_shared(const char *path);

/*
 * Returns the bytes of a mapped file. No NUL follows them.
 *
 * Returns: the bytes; for an empty file a size of 0 and a pointer that must not
 * be read; all zero if file is NULL.
 * Errors: none; errno is unchanged.
 * Threads: any thread may call it at any time. Registers its thread
 * (hapax_init).
 * Keeps alive: nothing.
 * Does not keep alive: the mapping. Hold the file while you use the bytes; if
 * necessary, call hapax_keep_alive after the last use.
 * Source: MemoryMappedFile.Bytes of the article.
 */
HAPAX_API hapax_span hapax_mapped_file_bytes(const hapax_mapped_file *file);

/*
 * Maps a file into a block of the collected heap, and returns its first byte. A
 * pointer to any byte of the block keeps the whole file mapped; you need not
 * hold anything else. Once nothing points to the block, it becomes ordinary
 * memory of the heap again. The collector never searches the block for
 * pointers. Like all collected memory it can be pinned, and can have weak
 * pointers and cleanups.
 *
 *   path   of the file
 *   size   receives the number of bytes, 0 on failure; may be NULL
 *
 * Returns: the first byte (for an empty file, an object of its own), or NULL
 * with errno.
 * Errors: as hapax_mapped_file_open; ENOTSUP if the program has told the
 * collector to ignore pointers to the inside of objects
 * (GC_set_all_interior_pointers(0)).
 * Threads: any thread may call it at any time. May collect.
 * Keeps alive: a pointer to any byte keeps the file mapped.
 * Source: hapax's own; in Go a mapping cannot lie in the heap.
 */
HAPAX_API const char *hapax_map_bytes(const char *path, size_t *size);

HAPAX_END_DECLS

#endif
