/* SPDX-License-Identifier: MIT */
/* The workloads, as a template: a peer written in C or C++ defines its hooks,
   then includes this file last, and gets a main() in which its lookups are
   inlined into the timed loops. The limit and hapax are measured by the same
   loops as everyone else.

   What a peer defines before the include:

     PEER_NAME                     its name in the results
     peer_version()                library and version, as text
     peer_start(n)                 makes an empty table and room to keep n handles,
                                   that room resident already: it is nobody's cost
     peer_keep(slot, data, size)   interns, and keeps the handle in that slot
     peer_touch(data, size)        interns, drops the handle at once (releasing it, where
                                   the peer counts), and returns its identity
     peer_identity(slot)           the identity of a kept handle
     peer_kept(slot, &size)        the bytes of a kept handle

   What it may define, each with a macro of the same name in capitals:

     PEER_PRESIZED       peer_presize(n): gives the table its room for n values, which W5 counts
                         and W1 does not
     PEER_THREADS        W4 is run, through peer_touch(); peer_enter_thread() and peer_leave_thread()
                         run at both ends of each thread
     PEER_THREAD_TOUCH   the function W4 calls in place of peer_touch()
     PEER_COUNT          peer_count(): how many values the table holds
     PEER_HEAP_BYTES     peer_heap_bytes(): its allocator's bytes in use; malloc's where absent
     PEER_BATCH          peer_touch_batch(spans, n): W8
     PEER_COLLECT        peer_collect(): one full collection: W7, beside a bare heap on bdwgc
     PEER_PAUSE_MS       peer_pause_ms(): how long, by its own account, the last one stopped the threads
     PEER_RECLAIM        peer_drop_all(n): drops n kept handles and reclaims the values; returns how
                         many collections that took. peer_values_left(): those still there: W6
     PEER_RECLAIM_LEFT   the share of values that may be left after W6 (a conservative collector
                         may see a few on a stale stack); 0 where absent
     PEER_CHURN          W9 is run, through peer_touch()
     PEER_CHURN_FLAT     resident size growing in W9 is a wrong answer, not only a bad one
     PEER_STOPS          it is linked with stops.c: W11 says how long bdwgc stopped the threads
     PEER_MORE           peer_more(options, corpus): workloads of its own, at the end

   What W1 counts: interning each token of the stream, and storing one handle for
   each distinct value, one word after the other. Which tokens occur for the first
   time is known beforehand, so finding that out costs a byte read per token. */

#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bare_heap.h"
#include "harness.h"
#include "latency.h"

#include <stdio.h>
#include <string.h>

#ifndef PEER_THREAD_TOUCH
#define PEER_THREAD_TOUCH peer_touch
#endif

#ifndef PEER_RECLAIM_LEFT
#define PEER_RECLAIM_LEFT 0.0
#endif

/* A timed loop keeps a name of its own, by which bench/counts finds it. */
#define PEER_LOOP __attribute__((noinline))

/* Keeps the loops' results from being optimised away. */
static volatile uintptr_t peer_sink;

static size_t peer_heap(void)
{
#ifdef PEER_HEAP_BYTES
    return peer_heap_bytes();
#else
    return bench_malloc_bytes();
#endif
}

static void peer_line(const char *workload, double ns, size_t operations)
{
    bench_begin(PEER_NAME, workload);
    bench_number("ns_per_op", ns / (double)operations);
    bench_whole("operations", operations);
}

/* ---- W1 and W5: build, and what it takes -------------------------------- */

static PEER_LOOP double peer_build(const struct bench_corpus *corpus)
{
    uintptr_t sum = 0;
    size_t slot = 0;
    double began = bench_now();
    for (size_t i = 0; i < corpus->count; ++i) {
        struct bench_span token = corpus->tokens[i];
        if (corpus->first[i] != 0)
            peer_keep(slot++, token.data, token.size);
        else
            sum += peer_touch(token.data, token.size);
    }
    double took = bench_now() - began;
    peer_sink = sum;
    return took;
}

static double peer_per_value(size_t after, size_t before, const struct bench_corpus *corpus)
{
    double grown = (double)after - (double)before;
    return (grown - (double)corpus->distinct_bytes) / (double)corpus->distinct;
}

static void peer_run_build(const struct bench_options *options, const struct bench_corpus *corpus)
{
    size_t resident = bench_resident_bytes(), heap = peer_heap();
#ifdef PEER_PRESIZED
    peer_presize(corpus->distinct);
#endif
    double took = peer_build(corpus);
    size_t resident_after = bench_resident_bytes();
#ifdef PEER_COLLECT
    if (bench_wants(options, "W5"))
        peer_collect(); /* so that the heap figure has no garbage in it */
#endif
    size_t heap_after = peer_heap();

    peer_line("W1", took, corpus->count);
    bench_whole("distinct", corpus->distinct);
    bench_end();
    if (bench_wants(options, "W5")) {
        bench_begin(PEER_NAME, "W5");
        bench_number("resident_bytes_per_value", peer_per_value(resident_after, resident, corpus));
        bench_number("heap_bytes_per_value", peer_per_value(heap_after, heap, corpus));
        bench_end();
    }
}

/* ---- The peer's own answers --------------------------------------------- */

static void peer_check_bytes(size_t slot, struct bench_span expected)
{
    size_t size;
    const void *data = peer_kept(slot, &size);
    if (data == NULL || size != expected.size || memcmp(data, expected.data, size) != 0)
        bench_wrong("%s: a handle holds other bytes than its value", PEER_NAME);
}

static void peer_check_answers(const struct bench_corpus *corpus)
{
    for (size_t i = 0; i < corpus->count && bench_status() == 0; ++i) {
        struct bench_span token = corpus->tokens[i];
        if (corpus->first[i] != 0)
            peer_check_bytes(corpus->ordinal[i], token);
        if (peer_touch(token.data, token.size) != peer_identity(corpus->ordinal[i]))
            bench_wrong("%s: two handles for one value in the stream", PEER_NAME);
    }
    for (size_t i = 0; i < corpus->distinct && bench_status() == 0; ++i) {
        struct bench_span token = corpus->shuffled[i];
        if (peer_touch(token.data, token.size) != peer_identity(corpus->shuffled_ordinal[i]))
            bench_wrong("%s: a copy of the text gets another handle", PEER_NAME);
    }
#ifdef PEER_COUNT
    size_t count = peer_count();
    if (count != corpus->distinct)
        bench_wrong("%s: %zu values in the table, %zu distinct in the corpus", PEER_NAME, count, corpus->distinct);
#endif
}

/* ---- W2, W3 and W8: hits ------------------------------------------------ */

static PEER_LOOP void peer_run_hits(const char *workload, const struct bench_options *options,
                                    const struct bench_span *spans, size_t count)
{
    uintptr_t sum = 0;
    size_t operations = 0;
    double began = bench_now();
    do {
        for (size_t i = 0; i < count; ++i)
            sum += peer_touch(spans[i].data, spans[i].size);
        operations += count;
    } while (operations < options->least_operations);
    double took = bench_now() - began;
    peer_sink = sum;
    peer_line(workload, took, operations);
    bench_end();
}

#ifdef PEER_BATCH
static void peer_run_batch(const char *variant, const struct bench_options *options, const struct bench_span *spans,
                           size_t count)
{
    enum { BATCH = 256 };
    uintptr_t sum = 0;
    size_t operations = 0;
    double began = bench_now();
    do {
        for (size_t i = 0; i < count; i += BATCH)
            sum += peer_touch_batch(spans + i, count - i < BATCH ? count - i : BATCH);
        operations += count;
    } while (operations < options->least_operations);
    double took = bench_now() - began;

    /* Both sides sum the same identities, once for each pass. */
    uintptr_t expected = 0;
    for (size_t i = 0; i < count; ++i)
        expected += peer_touch(spans[i].data, spans[i].size);
    if (sum != (uintptr_t)(operations / count) * expected)
        bench_wrong("%s: a batch finds other handles than one call at a time", PEER_NAME);
    peer_line("W8", took, operations);
    bench_text("variant", variant);
    bench_end();
}
#endif

/* ---- W4: threads -------------------------------------------------------- */

#ifdef PEER_THREADS
struct peer_crowd {
    const struct bench_corpus *corpus;
    unsigned threads;
};

/* Each thread goes over the whole stream once, from a place of its own, so that
   they do not run through it side by side. */
static void peer_crowd_work(unsigned index, void *context)
{
    const struct peer_crowd *crowd = (const struct peer_crowd *)context;
    const struct bench_span *tokens = crowd->corpus->tokens;
    size_t count = crowd->corpus->count, from = count / crowd->threads * index;
    uintptr_t sum = 0;
    for (size_t i = from; i < count; ++i)
        sum += PEER_THREAD_TOUCH(tokens[i].data, tokens[i].size);
    for (size_t i = 0; i < from; ++i)
        sum += PEER_THREAD_TOUCH(tokens[i].data, tokens[i].size);
    peer_sink = sum;
}

static void peer_run_threads(const struct bench_options *options, const struct bench_corpus *corpus)
{
    for (unsigned i = 0; i < options->thread_count_count; ++i) {
        unsigned threads = options->thread_counts[i];
        struct peer_crowd crowd = {corpus, threads};
        struct bench_gang gang = {peer_enter_thread, peer_crowd_work, peer_leave_thread, &crowd};
        struct bench_gang_time time = bench_run_gang(&gang, threads);
        peer_line("W4", time.thread_ns, corpus->count);
        bench_whole("threads", threads);
        bench_number("million_ops_per_second", (double)corpus->count * threads / time.wall_ns * 1e3);
        bench_end();
    }
}
#endif

/* ---- W7: pause ---------------------------------------------------------- */

#ifdef PEER_COLLECT
static void peer_run_pause(double bare_ns)
{
    double times[BARE_HEAP_COLLECTIONS];
    for (size_t i = 0; i < BARE_HEAP_COLLECTIONS; ++i) {
        double began = bench_now();
        peer_collect();
        times[i] = bench_now() - began;
    }
    double took = bench_median(times, BARE_HEAP_COLLECTIONS);
    bench_begin(PEER_NAME, "W7");
    bench_number("collect_ms", took / 1e6);
    bench_number("bare_ms", bare_ns / 1e6);
    bench_number("extra_ms", (took - bare_ns) / 1e6);
#ifdef PEER_PAUSE_MS
    bench_number("own_pause_ms", peer_pause_ms());
#endif
    bench_end();
}
#endif

/* ---- W6: reclaim -------------------------------------------------------- */

#ifdef PEER_RECLAIM
static void peer_run_reclaim(const struct bench_corpus *corpus, size_t heap_before)
{
    size_t full = peer_heap();
    double began = bench_now();
    unsigned collections = peer_drop_all(corpus->distinct);
    double took = bench_now() - began;
    size_t left = peer_values_left(), heap = peer_heap();

    if ((double)left > PEER_RECLAIM_LEFT * (double)corpus->distinct)
        bench_wrong("%s: %zu of %zu values left after everything was dropped", PEER_NAME, left, corpus->distinct);
    bench_begin(PEER_NAME, "W6");
    bench_number("ns_per_value", took / (double)(corpus->distinct - left));
    bench_whole("collections", collections);
    bench_whole("values_left", left);
    bench_number("heap_full_mb", ((double)full - (double)heap_before) / 1e6);
    bench_number("heap_left_mb", ((double)heap - (double)heap_before) / 1e6);
    bench_number("resident_left_mb", (double)bench_resident_bytes() / 1e6);
    bench_end();
}
#endif

/* ---- W9: churn ---------------------------------------------------------- */

#ifdef PEER_CHURN
struct peer_churners {
    size_t values;
    size_t resident_at_quarter; /* written by thread 0 only, read after the join */
};

static void peer_churn_work(unsigned index, void *context)
{
    struct peer_churners *churners = (struct peer_churners *)context;
    struct bench_fresh fresh;
    bench_fresh_start(&fresh, index);
    uintptr_t sum = 0;
    size_t quarter = churners->values / 4;
    for (size_t i = 0; i < churners->values; ++i) {
        bench_fresh_next(&fresh);
        sum += peer_touch(fresh.text, BENCH_FRESH_SIZE);
        if (i == quarter && index == 0)
            churners->resident_at_quarter = bench_resident_bytes();
    }
    peer_sink = sum;
}

/* Flat: between the first look and the end, three quarters of the values are
   made; it grew by less than their bare text, one heap growth step allowed. */
static bool peer_is_flat(size_t early, size_t late, size_t values)
{
    double text = (double)values * 0.75 * BENCH_FRESH_SIZE, step = 32e6;
    return (double)late - (double)early <= (text > step ? text : step);
}

static void peer_run_churn(const struct bench_options *options)
{
    for (unsigned threads = 1; threads <= 2; ++threads) {
        struct peer_churners churners = {options->churn_values, 0};
        struct bench_gang gang = {peer_enter_thread, peer_churn_work, peer_leave_thread, &churners};
        struct bench_gang_time time = bench_run_gang(&gang, threads);
        size_t resident = bench_resident_bytes();
        bool flat = peer_is_flat(churners.resident_at_quarter, resident, options->churn_values * threads);
        peer_line("W9", time.thread_ns, options->churn_values);
        bench_whole("threads", threads);
        bench_number("resident_quarter_mb", (double)churners.resident_at_quarter / 1e6);
        bench_number("resident_end_mb", (double)resident / 1e6);
        bench_flag("flat", flat);
        bench_end();
#ifdef PEER_CHURN_FLAT
        if (!flat)
            bench_wrong("%s: resident size grows with values that were dropped", PEER_NAME);
#endif
    }
}
#endif

/* ---- All of them -------------------------------------------------------- */

int main(int argc, char **argv)
{
    struct bench_options options;
    struct bench_corpus corpus;
    bench_parse_options(argc, argv, &options);
    if (options.held_values != 0) {
        latency_run(options.held_values, options.seconds);
        return bench_status();
    }
    bench_load_corpus(&options, &corpus);
#ifdef PEER_COLLECT
    double bare_ns = bench_wants(&options, "W7") ? bare_heap_collection_ns(&corpus) : 0;
#endif
    peer_start(corpus.distinct);
#ifdef PEER_RECLAIM
    size_t heap_before = peer_heap();
#endif

    bench_begin(PEER_NAME, "info");
    bench_text("version", peer_version());
    bench_whole("tokens", corpus.count);
    bench_whole("distinct", corpus.distinct);
    bench_number("raw_bytes_per_value", (double)corpus.distinct_bytes / (double)corpus.distinct);
    bench_end();

    peer_run_build(&options, &corpus);
    peer_check_answers(&corpus);
    if (bench_wants(&options, "W2"))
        peer_run_hits("W2", &options, corpus.tokens, corpus.count);
    if (bench_wants(&options, "W3"))
        peer_run_hits("W3", &options, corpus.shuffled, corpus.distinct);
#ifdef PEER_BATCH
    if (bench_wants(&options, "W8")) {
        peer_run_batch("W2", &options, corpus.tokens, corpus.count);
        peer_run_batch("W3", &options, corpus.shuffled, corpus.distinct);
    }
#endif
#ifdef PEER_THREADS
    if (bench_wants(&options, "W4"))
        peer_run_threads(&options, &corpus);
#endif
#ifdef PEER_COLLECT
    if (bench_wants(&options, "W7"))
        peer_run_pause(bare_ns);
#endif
#ifdef PEER_RECLAIM
    if (bench_wants(&options, "W6"))
        peer_run_reclaim(&corpus, heap_before);
#endif
#ifdef PEER_CHURN
    if (bench_wants(&options, "W9"))
        peer_run_churn(&options);
#endif
#ifdef PEER_MORE
    peer_more(&options, &corpus);
#endif
    return bench_status();
}

#endif
