/* SPDX-License-Identifier: MIT */
/* gather.c - reads all files, cuts them into values, and counts these. */
#include "config.h"

#include "stat/values/gather.h"

#include "stat/base/child.h"
#include "stat/base/message.h"
#include "stat/input/source.h"
#include "stat/values/places.h"
#include "stat/values/spool.h"

#include <hapax.h>
#include <string.h>
#include <unistd.h>

struct gathering {
    const struct gather_job *job;
    int spool_fd;
    struct spool_writer writer;
    struct places places;
    struct child_progress *progress;
    const struct source *source; /* that is read now */
    uint64_t shown;              /* bytes of it that the progress knows of */
    uint64_t short_values;       /* in it */
    struct found found;
};

static void on_value(void *context, uint32_t place, const char *data, size_t size)
{
    struct gathering *gathering = context;
    if (size < gathering->job->min_length)
        gathering->short_values++;
    else
        spool_add(&gathering->writer, place, data, size);
}

static uint32_t on_place(void *context, const char *name, size_t size)
{
    struct gathering *gathering = context;
    return places_number(&gathering->places, name, size);
}

static void on_advance(void *context)
{
    struct gathering *gathering = context;
    uint64_t read = gathering->source->report.bytes_read;
    child_advance(gathering->progress, read - gathering->shown);
    gathering->shown = read;
}

static void note_delimiter(struct found_numbers *numbers, char delimiter)
{
    size_t known = strlen(numbers->delimiters);
    if (delimiter && !strchr(numbers->delimiters, delimiter) && known + 1 < FOUND_DELIMITERS)
        numbers->delimiters[known] = delimiter;
}

/* All values of the open file, or none. */
static bool cut(struct gathering *gathering, struct source *source)
{
    const struct split_sink sink = { on_value, on_place, on_advance, gathering };
    struct splitting splitting = { source, &sink, gathering->job->delimiter, 0, "" };
    gathering->source = source;
    gathering->shown = gathering->short_values = 0;
    struct spool_mark before = spool_mark(&gathering->writer);
    if (gathering->job->format->split(&splitting)) {
        struct found_numbers *numbers = &gathering->found.numbers;
        numbers->input_bytes += source->report.bytes_read;
        numbers->short_values += gathering->short_values;
        note_delimiter(numbers, splitting.delimiter);
        return true;
    }
    if (splitting.line)
        complain("%s:%zu: %s", source->name, splitting.line, splitting.reason);
    else
        complain("%s: %s", source->name, splitting.reason);
    spool_rewind(&gathering->writer, before);
    return false;
}

static bool cut_file(struct gathering *gathering, const char *path)
{
    struct source source;
    if (!source_open(&source, path, gathering->job->format->encoding))
        return false;
    bool well = cut(gathering, &source);
    source_close(&source);
    return well;
}

static void list_files(const struct gather_job *job, struct file_list *files)
{
    for (size_t i = 0; i < job->path_count; i++)
        file_list_add(files, &job->rules, job->paths[i]);
    if (job->names_from && !file_list_add_from(files, &job->rules, job->names_from))
        files->refused++;
}

static void count_all(struct gathering *gathering)
{
    const struct spool_writer *writer = &gathering->writer;
    struct child_progress *progress = gathering->progress;
    /* Relaxed: numbers to show. */
    atomic_store_explicit(&progress->done, 0, memory_order_relaxed);
    atomic_store_explicit(&progress->total, writer->written, memory_order_relaxed);
    atomic_store_explicit(&progress->second, true, memory_order_relaxed);
    struct spool spool;
    spool_open(&spool, writer->fd, writer->written, writer->values, &writer->blocks);
    count_values(&spool, &gathering->places, &gathering->job->wishes, progress, &gathering->found);
    spool_close(&spool);
}

/* In the child. */
static void work(void *context, struct child_progress *progress, int to)
{
    struct gathering *gathering = context;
    struct found_numbers *numbers = &gathering->found.numbers;
    gathering->progress = progress;
    if (hapax_init() != 0)
        give_up("cannot start the library");
    places_start(&gathering->places);
    spool_begin(&gathering->writer, gathering->spool_fd);

    struct file_list files = { 0 };
    list_files(gathering->job, &files);
    atomic_store_explicit(&progress->total, files.known_size, memory_order_relaxed);
    for (size_t i = 0; i < files.count; i++)
        if (cut_file(gathering, files.names[i]))
            numbers->files++;
        else
            files.refused++;
    numbers->refused = files.refused;
    file_list_free(&files);

    spool_finish(&gathering->writer);
    numbers->values = gathering->writer.values;
    numbers->spool_size = gathering->writer.written;
    count_all(gathering);
    bytes_append(&gathering->found.blocks, gathering->writer.blocks.data,
                 gathering->writer.blocks.size);
    found_send(&gathering->found, to);
}

bool gather(const struct gather_job *job, int spool_fd, struct found *found)
{
    struct gathering gathering = { .job = job, .spool_fd = spool_fd };
    const struct child_job child = { work, &gathering, "reading of the files",
                                     { "reading", "counting" } };
    struct bytes sent = { NULL, 0, 0 };
    bool well = child_run(&child, &sent);
    if (well && !found_receive(found, &sent)) {
        complain("the reading of the files sent no result");
        well = false;
    }
    bytes_free(&sent);
    return well;
}
