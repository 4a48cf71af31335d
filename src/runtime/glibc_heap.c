/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/glibc_heap.h"

#include "base/sync.h"
#include "runtime/careful_read.h"

#include <assert.h>
#include <link.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORD sizeof(uintptr_t)

/* ---- Chunks ---- */

enum { PREVIOUS_IN_USE = 1, IS_MAPPED = 2, NOT_MAIN_ARENA = 4, FLAGS = 7 };
enum { SMALLEST = 32, ALIGNMENT = 16, SYSTEM_PAGE = 4096 };
#define MOST_ALIGNED ((uintptr_t)1 << 30)

/* Parts are visited before what they hold has left the processor's caches. */
enum { PART_BYTES = 128 << 10, FETCHED_AHEAD = 4 << 10 };

__attribute__((no_sanitize_address)) static inline uintptr_t word_at(uintptr_t address)
{
    return *(const uintptr_t *)address;
}

static inline uintptr_t size_word(uintptr_t chunk)
{
    return word_at(chunk + WORD);
}

static inline uintptr_t size_of(uintptr_t chunk)
{
    return size_word(chunk) & ~(uintptr_t)FLAGS;
}

/* ---- Arenas ---- */

/* What is known of struct malloc_state: offsets from the word that points to the top chunk. */
enum {
    BINS = 127,
    TOP_BIN = 2 * WORD,                         /* the first bin's pointers, forward and back */
    TOP_NEXT = TOP_BIN + (BINS * 2 + 2) * WORD, /* the next arena */
    TOP_SYSTEM = TOP_NEXT + 3 * WORD,           /* bytes from the system */
    TOP_END = TOP_NEXT + 5 * WORD,
};

/* From the arena's start to that word. Before glibc 2.43 there are ten fast bins between. */
static const uintptr_t known_arena_tops[] = {12 * WORD, WORD};
static uintptr_t arena_top;

/* A heap of another arena begins with this. */
struct heap_header {
    uintptr_t arena, previous, size, usable;
};
static_assert(sizeof(struct heap_header) == 4 * WORD, "what glibc_heap_identify gets");
#define HEAP_ALIGNMENT ((uintptr_t)64 << 20)

static uintptr_t main_arena;                    /* 0: not found, and no arena is believed to be laid out like this */

/* Writable static data of the C library, where the main arena is. */
enum { SEGMENTS = 8 };
static struct {
    uintptr_t start, end;
} segments[SEGMENTS];
static unsigned segment_count;

/* Small freed chunks of a thread's cache count as in use, and have this in their second word. So may a chunk in use
 * whose owner has not written there: a thread that ends leaves the words behind. 0: there is none. */
static uintptr_t cached_mark;
static bool passes_over_cached;

static int remember_segments(struct dl_phdr_info *object, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    uintptr_t inside = (uintptr_t)&malloc_usable_size;
    bool is_here = false;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        is_here = is_here || (part->p_type == PT_LOAD && inside - (object->dlpi_addr + part->p_vaddr) < part->p_memsz);
    }
    for (int i = 0; is_here && i < object->dlpi_phnum && segment_count < SEGMENTS; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_W) == 0)
            continue;
        uintptr_t start = object->dlpi_addr + part->p_vaddr;
        segments[segment_count].start = (start + WORD - 1) & -WORD;
        segments[segment_count++].end = (start + part->p_memsz) & -WORD;
    }
    return is_here;
}

/* Whether the word here points to the chunk that ends where the memory of brk does, and the main arena is around it:
 * its bins are rings, and most are empty. */
__attribute__((no_sanitize_address)) static bool is_main_arena(uintptr_t at, uintptr_t brk_end)
{
    uintptr_t top = word_at(at), header;
    if (top % ALIGNMENT != 0 || !careful_copy(&header, top + WORD, WORD) ||
        (header & ~(uintptr_t)FLAGS) != brk_end - top)
        return false;
    unsigned empty = 0;
    for (uintptr_t i = 0, bin = at; i < BINS; i++, bin += 2 * WORD)
        empty += word_at(bin + 2 * WORD) == bin && word_at(bin + 3 * WORD) == bin;
    return empty >= BINS / 2;
}

/* Whether the ring of arenas leads back to the main one, if this is the distance in each. */
static bool leads_back(uintptr_t at, uintptr_t distance)
{
    enum { MOST_ARENAS = 10000 };
    uintptr_t arena = word_at(at + TOP_NEXT);
    for (unsigned i = 0; i < MOST_ARENAS && arena != at - distance; i++)
        if (arena % WORD != 0 || !careful_copy(&arena, arena + distance + TOP_NEXT, WORD))
            return false;
    return arena == at - distance;
}

static bool learn_main_arena(uintptr_t at)
{
    for (size_t i = 0; i < sizeof known_arena_tops / sizeof *known_arena_tops; i++)
        if (leads_back(at, known_arena_tops[i])) {
            arena_top = known_arena_tops[i];
            main_arena = at - arena_top;
            return true;
        }
    return false;
}

static void find_main_arena(void)
{
    uintptr_t brk_end = (uintptr_t)sbrk(0);
    for (unsigned i = 0; i < segment_count; i++) {
        for (uintptr_t at = segments[i].start + WORD; at + TOP_END <= segments[i].end; at += WORD) {
            uintptr_t behind = brk_end - word_at(at), taken = word_at(at + TOP_SYSTEM);
            /* Cheap, and false almost everywhere. */
            if (behind - 1 < taken && taken < brk_end && is_main_arena(at, brk_end) && learn_main_arena(at))
                return;
        }
    }
}

/* Whether the arena lies where a heap says. */
static bool is_arena_of_heap(uintptr_t arena)
{
    struct heap_header first;
    return careful_copy(&first, arena & -HEAP_ALIGNMENT, sizeof first) && first.arena == arena;
}

/* An arena begins with its lock, glibc's own kind: free, held, or held while others wait. */
enum { FREE, HELD, WAITED_FOR };

static bool try_lock(uintptr_t arena)
{
    int free = FREE;
    return cas_acquire((atomic_int *)arena, &free, HELD);
}

static void unlock(uintptr_t arena)
{
    /* Release: a thread that comes next is behind us. */
    if (atomic_exchange_explicit((atomic_int *)arena, FREE, memory_order_release) == WAITED_FOR)
        syscall(SYS_futex, arena, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* ---- Recognizing ---- */

/* Whether the word in front of a block says how large it is, as it does in glibc. */
static bool has_header(size_t size)
{
    void *block = malloc(size);
    uintptr_t header = 0;
    bool has = block != NULL && careful_copy(&header, (uintptr_t)block - WORD, WORD) &&
               (header & ~(uintptr_t)FLAGS) - malloc_usable_size(block) ==
                   ((header & IS_MAPPED) != 0 && (header & ~(uintptr_t)FLAGS) % SYSTEM_PAGE == 0 ? 2 * WORD : WORD);
    free(block);
    return has;
}

static void learn_cached_mark(void)
{
    enum { SIZE = 40 };
    uintptr_t words[2] = {0}, reused[2] = {0};
    volatile uintptr_t *block = malloc(SIZE);
    uintptr_t address = (uintptr_t)block;
    if (block == NULL)
        return;
    block[1] = 1;
    free((void *)address);
    bool read = careful_copy(words, address, sizeof words);
    block = malloc(SIZE);
    /* A thread that gets the chunk next finds the mark gone. */
    if (read && words[1] > 1 && (uintptr_t)block == address && careful_copy(reused, address, sizeof reused) &&
        reused[1] == 0)
        cached_mark = words[1];
    free((void *)(uintptr_t)block);
}

bool glibc_heap_recognize(void)
{
    if (!has_header(1) || !has_header(100) || !has_header(1000) || !has_header(5000) || !has_header(1 << 20))
        return false;
    learn_cached_mark();
    if (segment_count == 0)
        dl_iterate_phdr(remember_segments, NULL);
    return true;
}

void glibc_heap_tidy_up(void)
{
    /* Consolidates the main arena, whatever is asked for; and this means nothing to glibc. */
    mallopt(M_KEEP, 0);
}

void glibc_heap_begin(bool pass_over_cached)
{
    passes_over_cached = pass_over_cached && cached_mark != 0;
    if (main_arena == 0)
        find_main_arena();
}

/* An arena's flags are behind its lock. */
enum { ARENA_FLAGS = sizeof(int), NOT_CONTIGUOUS = 2 };

bool glibc_heap_is_contiguous(void)
{
    if (main_arena == 0)
        return false;
    uintptr_t top = word_at(main_arena + arena_top);
    /* Read once, while a thread that holds the lock may write: it says so for good. */
    return (load_relaxed((atomic_int *)(main_arena + ARENA_FLAGS)) & NOT_CONTIGUOUS) == 0 && top < (uintptr_t)sbrk(0);
}

/* Whether the page that ends here is there, so that a chunk may go on up to it. */
static bool is_mapped_up_to(uintptr_t end)
{
    unsigned char resident;
    return mincore((void *)(end - SYSTEM_PAGE), SYSTEM_PAGE, &resident) == 0;
}

/* Whether these words are the header of a chunk with a mapping of its own, which begins at the page. */
static bool is_mapped_chunk(uintptr_t page, const uintptr_t header[2], uintptr_t offset, uintptr_t *end)
{
    uintptr_t size = (header[1] & ~(uintptr_t)FLAGS) + offset;
    if (size % SYSTEM_PAGE != 0)
        size += 2 * WORD;   /* from glibc 2.43 on, it is less than its pages by its header */
    if (header[0] != offset || (header[1] & FLAGS) != IS_MAPPED || size == 0 || size % SYSTEM_PAGE != 0 ||
        page + size <= page || !is_mapped_up_to(page + size))
        return false;
    *end = page + size;
    return true;
}

/* A chunk that was asked for with an alignment has its header further inside, and realloc changes only that one: what
 * the page begins with says how large it was at first. Nobody has written to what lies between, but for M_PERTURB. */
static bool find_aligned_end(uintptr_t page, const uintptr_t words[4], uintptr_t *end)
{
    if ((words[1] & FLAGS) != IS_MAPPED || words[2] != words[3])
        return false;
    uintptr_t last = 0, header[2];
    for (uintptr_t alignment = 4 * ALIGNMENT; alignment <= MOST_ALIGNED; alignment *= 2) {
        uintptr_t chunk = ((page + 2 * WORD + alignment - 1) & -alignment) - 2 * WORD;
        if (chunk == last)
            continue;
        last = chunk;
        if (!careful_copy(header, chunk, sizeof header))
            return false;
        if (is_mapped_chunk(page, header, chunk - page, end))
            return true;
    }
    return false;
}

enum glibc_memory glibc_heap_identify(uintptr_t page, const uintptr_t words[4], uintptr_t *end)
{
    const struct heap_header *heap = (const void *)words;
    if (page % HEAP_ALIGNMENT == 0 && heap->arena % ALIGNMENT == 0 && heap->arena != 0 &&
        heap->previous % HEAP_ALIGNMENT == 0 && heap->size - 1 < HEAP_ALIGNMENT && heap->usable - 1 < HEAP_ALIGNMENT &&
        heap->size <= heap->usable && (heap->arena & (HEAP_ALIGNMENT - 1)) < 256) {
        *end = page + heap->usable;
        return GLIBC_HEAP;
    }
    if (words[0] == 0 && (find_aligned_end(page, words, end) || is_mapped_chunk(page, words, 0, end)))
        return GLIBC_CHUNK;
    return GLIBC_NOTHING;
}

/* ---- Walking ---- */

typedef void visitor(uintptr_t start, uintptr_t end);

static inline bool is_cached(uintptr_t chunk)
{
    return unlikely(passes_over_cached) && word_at(chunk + 3 * WORD) == cached_mark;
}

/* From the first chunk to the top, which ends at top_end; what lies behind that is not in use. */
static void walk(uintptr_t chunk, uintptr_t top_end, uintptr_t end, visitor *visit)
{
    uintptr_t from = chunk, fetched = chunk;
    for (;;) {
        uintptr_t size = size_of(chunk), next = chunk + size;
        if (unlikely(size > FETCHED_AHEAD))
            fetched = next;
        /* Each header leads to the next one: the processor would wait for one after the other. */
        for (; fetched < next + FETCHED_AHEAD; fetched += CACHE_LINE)
            __builtin_prefetch((const void *)fetched);
        if (size < SMALLEST || size % ALIGNMENT != 0 || size > top_end - chunk ||
            (next != top_end && top_end - next < 2 * WORD)) {
            /* Somebody else has taken memory here, or the heap goes on elsewhere. */
            visit(from, end);
            return;
        }
        if (next == top_end || (size_word(next) & PREVIOUS_IN_USE) == 0 || is_cached(chunk)) {
            /* Free, but for the word that belongs to the chunk before. */
            visit(from, chunk + WORD);
            from = next;
            if (next == top_end)
                return;
        } else if (next - from >= PART_BYTES) {
            visit(from, next);
            from = next;
        }
        chunk = next;
    }
}

static bool walk_heap(uintptr_t start, visitor *visit)
{
    const struct heap_header *heap = (const void *)start;
    uintptr_t first = start + (heap->arena & (HEAP_ALIGNMENT - 1));
    /* The arena itself lies in the first of its heaps. */
    if (heap->arena == first)
        first = (first + arena_top + TOP_END + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
    if (first - start >= heap->size || (size_word(first) & FLAGS) != (PREVIOUS_IN_USE | NOT_MAIN_ARENA))
        return false;
    walk(first, start + heap->size, start + heap->size, visit);
    return true;
}

bool glibc_heap_each_used(uintptr_t start, visitor *visit)
{
    struct heap_header before, now;
    if (main_arena == 0 || !careful_copy(&before, start, sizeof before) || !is_arena_of_heap(before.arena) ||
        !try_lock(before.arena))
        return false;
    /* From here on the heap stays, if it has not gone yet. */
    bool walked = careful_copy(&now, start, sizeof now) && now.arena == before.arena && walk_heap(start, visit);
    unlock(before.arena);
    return walked;
}

bool glibc_heap_each_used_of_main(uintptr_t start, uintptr_t end, visitor *visit)
{
    if (main_arena == 0 || !try_lock(main_arena))
        return false;
    uintptr_t at = main_arena + arena_top, top = word_at(at), top_end = top + size_of(top);
    /* All of it is the arena's, from the first byte on; others may have taken memory behind it. */
    bool fits = top - start < end - start && top_end - word_at(at + TOP_SYSTEM) == start;
    if (fits) {
        walk(start, top_end, top_end, visit);
        if (top_end < end)
            visit(top_end, end);
    }
    unlock(main_arena);
    return fits;
}
