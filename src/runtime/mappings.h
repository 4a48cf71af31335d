/* SPDX-License-Identifier: MIT */
/* The mappings of the process, as the system lists them in /proc/self/maps.
 *
 * Reading them takes bare system calls and the caller's buffer: no heap, no lock, no stdio. So it may be done while the
 * world is stopped. Where threads that are not stopped map and unmap meanwhile, the list is that of some moment or
 * other for each mapping. */
#ifndef HAPAX_MAPPINGS_H
#define HAPAX_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mapping_kind {
    MAPPING_ANONYMOUS,   /* memory of no file: of mmap, bss, thread stacks */
    MAPPING_BREAK,       /* the memory of brk */
    MAPPING_STACK,       /* of the main thread */
    MAPPING_FILE,        /* private pages of a file: static data */
};

/* A private writable mapping. */
struct mapping {
    uintptr_t start, end;
    enum mapping_kind kind;
    bool is_guarded;     /* begins where memory ends that cannot be touched */
    bool follows_file;   /* begins where a private mapping of a file ends: static data that the file does not hold */
    const char *name;    /* of the file, or what the system calls it; may be empty; valid during the visit */
};

enum { MAPPINGS_BUFFER_BYTES = 8 << 10 };    /* what a line needs at least; more saves system calls */

/* Calls visit for each private writable mapping, in the order of their addresses. False where the list cannot be
 * read. */
bool mappings_each(char *buffer, size_t size, void (*visit)(const struct mapping *mapping, void *context),
                   void *context);

#endif
