/* kept.c - the lists of what is kept. */
#include "config.h"

#include "keeper.h"

#include <string.h>

void kept_add(struct kept *kept, const struct keeper *keeper, const void *pointer)
{
    struct kept_chunk *chunk = kept->newest;
    if (!chunk || chunk->count == KEPT_PER_CHUNK) {
        struct kept_chunk *fresh = keeper->allocate(sizeof *fresh);
        fresh->older = chunk;
        kept->newest = chunk = fresh;
    }
    chunk->pointers[chunk->count++] = pointer;
}

uint64_t kept_count(const struct kept *kept)
{
    uint64_t count = 0;
    for (const struct kept_chunk *chunk = kept->newest; chunk; chunk = chunk->older)
        count += chunk->count;
    return count;
}

void kept_forget(struct kept *kept)
{
    struct kept_chunk *chunk = kept->newest;
    kept->newest = NULL;
    while (chunk) {
        struct kept_chunk *older = chunk->older;
        memset(chunk, 0, sizeof *chunk);
        chunk = older;
    }
}
