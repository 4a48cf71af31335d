/* keep_plain.c - keeps every value as a heap string of its own. */
#include "config.h"

#include "keeper.h"
#include "message.h"

#include <malloc.h>
#include <string.h>

static size_t string_size(size_t size)
{
    return sizeof(struct plain_string) + size + 1;
}

static void *allocate(size_t size)
{
    return need_zeroed(1, size);
}

static const void *keep(const char *data, size_t size)
{
    struct plain_string *string = need_memory(string_size(size));
    string->size = size;
    if (size > 0)
        memcpy(string->data, data, size);
    string->data[size] = '\0';
    return string;
}

static void enter_thread(void)
{
}

const struct keeper keep_plain = { allocate, keep, enter_thread };

size_t heap_block_cost(const void *block)
{
    /* The usable size leaves out the word in front of each block. malloc.h wants no const. */
    return malloc_usable_size((void *)block) + sizeof(size_t);
}

size_t plain_string_cost(size_t size)
{
    /* Computed, not asked of the allocator, which gives a reused block a little more room now and
       then: the same values cost the same in every run. */
    enum { ALIGNMENT = 2 * sizeof(size_t), SMALLEST = 4 * sizeof(size_t) };
    size_t cost = (string_size(size) + sizeof(size_t) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return cost > SMALLEST ? cost : SMALLEST;
}
