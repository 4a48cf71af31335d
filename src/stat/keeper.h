/*
 * keeper.h - the two ways of keeping values that are compared, and the lists of what is kept.
 *
 * Both keep one pointer for every value of the input, in lists of the same shape and size, so
 * the pointers cost both the same. Each thread has a list of its own.
 *
 *   plain      every value is a heap string of its own that knows its length
 *   interned   every value is a handle of one table
 *
 * The memory of the lists comes from the keeper: a list of handles has to lie where the
 * collector looks for pointers.
 */
#ifndef STAT_KEEPER_H
#define STAT_KEEPER_H

#include <stddef.h>
#include <stdint.h>

/* Just under 64 KiB with the header that an allocator adds. */
enum { KEPT_PER_CHUNK = 8188 };

struct kept_chunk {
    struct kept_chunk *older;
    size_t count;
    const void *pointers[KEPT_PER_CHUNK];
};

/* Everything one thread keeps; a zeroed one is empty. */
struct kept {
    struct kept_chunk *newest;
};

struct keeper {
    /* Zeroed memory for lists. */
    void *(*allocate)(size_t size);

    /* Keeps one value; what it returns is the pointer that keeps it. Never NULL. */
    const void *(*keep)(const char *data, size_t size);

    /* In every thread that keeps, before its first value. */
    void (*enter_thread)(void);
};

/* A heap string that knows its length and, as a handle's, ends in NUL. */
struct plain_string {
    size_t size;
    char data[];
};

extern const struct keeper keep_plain;

/* Before the first value: the table and the library are made ready. */
void keep_interned_start(void);
extern const struct keeper keep_interned;
struct hapax_table *keep_interned_table(void);

/* Heap bytes of a malloc'ed block, the allocator's own header included. */
size_t heap_block_cost(const void *block);

/* Heap bytes that a plain string of so many bytes takes. */
size_t plain_string_cost(size_t size);

void kept_add(struct kept *kept, const struct keeper *keeper, const void *pointer);
uint64_t kept_count(const struct kept *kept);

/* Forgets everything: no pointer stays behind in the list's memory. */
void kept_forget(struct kept *kept);

#endif
