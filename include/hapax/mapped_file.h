/* SPDX-License-Identifier: MIT */
/*
 * hapax/mapped_file.h - files in memory, unmapped once nothing reaches them.
 *
 * Mappings are read-only and private to the process. They go in the very collection that finds
 * them dead, whether or not cleanups run. Only regular files can be mapped; one that the
 * system shows with a size of 0 (those of /proc too) is a mapping of size 0.
 *
 * As with every mapping: if the file becomes shorter while it is mapped, reading beyond its new
 * end raises SIGBUS; the library itself never reads a mapping. What others write into the file may
 * or may not show in it. After fork both processes have their own copy of each mapping.
 *
 * Source of the semantics: the memory-mapped file of the article "From unique to cleanups and
 * weak" on Go's blog.
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
 * Errors: EINVAL if path is NULL; EISDIR for a directory, ENODEV for anything else that is no
 * regular file (a FIFO is not waited for); EFBIG if the file is larger than the address space;
 * ENOMEM, also if the process has as many mappings as the system allows; those of open(2).
 * Threads: safe beside every other call. May collect.
 * Keeps alive: the returned pointer keeps the file mapped.
 * Does not keep alive: itself. A pointer to the file's bytes keeps nothing: see hapax_map_bytes.
 * Source: NewMemoryMappedFile of the article.
 */
HAPAX_API hapax_mapped_file *hapax_mapped_file_open(const char *path);

/*
 * As hapax_mapped_file_open, but a file is mapped once, as long as anything holds its mapping: every
 * call returns the same pointer. Files are the same if device and inode are,
 * whatever their paths. A file that has grown since keeps the size it was first mapped with, until
 * nothing holds it.
 *
 * Returns, errors, keeps alive: as hapax_mapped_file_open.
 * Threads: safe beside every other call; racing callers map a file once.
 * Source: the cache of mapped files of the article.
 */
HAPAX_API hapax_mapped_file *hapax_mapped_file_open_shared(const char *path);

/*
 * The bytes of a mapped file. They are not followed by a NUL.
 *
 * Returns: the bytes; for an empty file a size of 0, and a pointer that must not be read; all zero
 * if file is NULL. Errors: none; errno is left alone.
 * Threads: safe beside every other call. Makes its thread known.
 * Keeps alive: nothing. Does not keep alive: the mapping; hold the file while you use the bytes,
 * if need be with hapax_keep_alive after the last use.
 * Source: MemoryMappedFile.Bytes of the article.
 */
HAPAX_API hapax_span hapax_mapped_file_bytes(const hapax_mapped_file *file);

/*
 * Maps a file so that there is nothing to hold but its bytes: they lie in a block of the collected
 * heap, and any pointer to one of them keeps the whole file mapped. When none is left, the block
 * is ordinary memory again. It is never searched for pointers; like all collected memory it can
 * be pinned, and takes weak pointers and cleanups.
 *
 *   path   of the file
 *   size   receives the number of bytes, 0 on failure; may be NULL
 *
 * Returns: the first byte (for an empty file, an object of its own), or NULL with errno.
 * Errors: as hapax_mapped_file_open; ENOTSUP if the program has told the collector to ignore
 * pointers to the inside of objects (GC_set_all_interior_pointers(0)).
 * Threads: safe beside every other call. May collect.
 * Keeps alive: a pointer to any byte keeps the file mapped.
 * Source: hapax's own; in Go a mapping cannot lie in the heap.
 */
HAPAX_API const char *hapax_map_bytes(const char *path, size_t *size);

HAPAX_END_DECLS

#endif
