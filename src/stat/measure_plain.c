/* measure_plain.c - what it costs to keep every value as a heap string of its own. */
#include "config.h"

#include "measure.h"

#include "keeper.h"
#include "memory_use.h"

static uint64_t heap_bytes(const struct kept *kept)
{
    uint64_t bytes = 0;
    for (const struct kept_chunk *chunk = kept->newest; chunk; chunk = chunk->older) {
        bytes += heap_block_cost(chunk);
        for (size_t i = 0; i < chunk->count; i++)
            bytes += heap_block_cost(chunk->pointers[i]);
    }
    return bytes;
}

void measure_plain(const struct measure_job *job, crew_progress *progress,
                   struct measurement *result, struct bytes *top)
{
    (void)top;
    struct kept *kept = keep_plain.allocate(job->threads * sizeof *kept);
    result->seconds = measure_keeping(job, &keep_plain, kept, progress);
    result->rss_bytes = resident_bytes();
    result->heap_bytes = heap_block_cost(kept);
    for (unsigned i = 0; i < job->threads; i++) {
        result->values += kept_count(&kept[i]);
        result->heap_bytes += heap_bytes(&kept[i]);
    }
}
