/* crew.c - the threads that cut the input into values and keep them. */
#include "config.h"

#include "crew.h"

#include "batch.h"
#include "message.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More batches than threads: nobody waits for one that is being kept. */
enum { SPARE_BATCHES = 4 };

/* What the threads of one run share. */
struct run {
    const struct crew *crew;
    struct batch_queue full, free;
};

struct worker {
    struct run *run;
    unsigned number;
    pthread_t thread;
};

static void on_advance(const struct crew *crew, size_t bytes)
{
    atomic_fetch_add_explicit(crew->progress, bytes, memory_order_relaxed);
}

static void split_or_give_up(const struct crew *crew, const char *data, size_t size,
                             const struct split_sink *sink)
{
    struct split_error error;
    if (!crew->format->split(data, size, sink, &error)) {
        complain("the input changed while it was measured");
        _exit(EXIT_FAILURE);
    }
}

/* A thread that cuts and keeps. */

static void keep_value(void *context, const char *data, size_t size)
{
    const struct worker *worker = context;
    const struct crew *crew = worker->run->crew;
    const void *pointer = crew->keeper->keep(data, size);
    kept_add(&crew->kept[worker->number], crew->keeper, pointer);
}

static void worker_advance(void *context, size_t bytes)
{
    const struct worker *worker = context;
    on_advance(worker->run->crew, bytes);
}

/* Where part number number of an input begins; the boundaries of all threads fit together. */
static size_t part_start(const struct crew *crew, const struct input *input, unsigned number)
{
    if (number == 0)
        return 0;
    if (number == crew->threads)
        return input->size;
    size_t at = input->size / crew->threads * number;
    return crew->format->boundary(input->data, input->size, at);
}

static void *cut_and_keep(void *context)
{
    struct worker *worker = context;
    const struct crew *crew = worker->run->crew;
    const struct split_sink sink = { keep_value, worker_advance, worker };
    crew->keeper->enter_thread();
    for (size_t i = 0; i < crew->input_count; i++) {
        const struct input *input = &crew->inputs[i];
        size_t start = part_start(crew, input, worker->number);
        size_t end = part_start(crew, input, worker->number + 1);
        if (start < end)
            split_or_give_up(crew, input->data + start, end - start, &sink);
    }
    return NULL;
}

/* A thread that keeps what another cuts. */

static void *keep_batches(void *context)
{
    struct worker *worker = context;
    struct run *run = worker->run;
    run->crew->keeper->enter_thread();
    for (struct batch *batch; (batch = batch_queue_take(&run->full)) != NULL;) {
        size_t start = 0;
        for (size_t i = 0; i < batch->count; i++) {
            size_t size = batch->ends[i] - start;
            keep_value(worker, size ? batch->bytes.data + start : "", size);
            start = batch->ends[i];
        }
        batch_clear(batch);
        batch_queue_put(&run->free, batch);
    }
    return NULL;
}

/* The thread that cuts for the others. */

struct cutter {
    struct run *run;
    struct batch *batch; /* being filled */
};

static void pass_on_value(void *context, const char *data, size_t size)
{
    struct cutter *cutter = context;
    batch_add(cutter->batch, data, size);
    if (batch_is_full(cutter->batch)) {
        batch_queue_put(&cutter->run->full, cutter->batch);
        cutter->batch = batch_queue_take(&cutter->run->free);
    }
}

static void cutter_advance(void *context, size_t bytes)
{
    const struct cutter *cutter = context;
    on_advance(cutter->run->crew, bytes);
}

static void cut_for_others(struct run *run)
{
    const struct crew *crew = run->crew;
    struct cutter cutter = { run, batch_queue_take(&run->free) };
    const struct split_sink sink = { pass_on_value, cutter_advance, &cutter };
    for (size_t i = 0; i < crew->input_count; i++)
        split_or_give_up(crew, crew->inputs[i].data, crew->inputs[i].size, &sink);
    batch_queue_put(&run->full, cutter.batch);
    batch_queue_close(&run->full);
}

void crew_keep_all(const struct crew *crew)
{
    bool each_cuts = crew->format->boundary || crew->threads == 1;
    struct run run;
    run.crew = crew;
    batch_queue_start(&run.full);
    batch_queue_start(&run.free);
    for (unsigned i = 0; !each_cuts && i < crew->threads + SPARE_BATCHES; i++)
        batch_queue_put(&run.free, need_zeroed(1, sizeof(struct batch)));

    /* Also a single thread is one of its own: its stack, with whatever it still says, is gone
       when the values are let go. */
    struct worker *workers = need_zeroed(crew->threads, sizeof *workers);
    for (unsigned i = 0; i < crew->threads; i++) {
        struct worker *worker = &workers[i];
        worker->run = &run;
        worker->number = i;
        int error = pthread_create(&worker->thread, NULL, each_cuts ? cut_and_keep : keep_batches,
                                   worker);
        if (error) {
            complain("no thread: %s", strerror(error));
            _exit(EXIT_FAILURE);
        }
    }
    if (!each_cuts)
        cut_for_others(&run);
    for (unsigned i = 0; i < crew->threads; i++)
        pthread_join(workers[i].thread, NULL);

    free(workers);
    batch_queue_end(&run.full);
    batch_queue_end(&run.free);
}
