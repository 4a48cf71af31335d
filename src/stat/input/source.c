/* SPDX-License-Identifier: MIT */
/* source.c - the bytes of one file, as they are cut. */
#include "config.h"

#include "stat/input/source.h"

#include "stat/base/message.h"
#include "stat/input/unmarked.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool begins_with(const struct piece *piece, const char *text, size_t size)
{
    return piece->size >= size && memcmp(piece->data, text, size) == 0;
}

/* Compression. */

struct compression {
    const char *magic;
    size_t magic_size;
    struct stage *(*stage)(struct stage *below);
    const char *name;
    const char *library; /* that is missing if there is no stage; NULL: no library reads it here */
};

enum { LONGEST_MAGIC = 10 };

/* zstd data may begin with a frame that is passed over: pzstd writes one. */
static bool is_skippable_frame(const struct piece *head)
{
    return head->size >= 4 && (head->data[0] & 0xf0) == 0x50 &&
           memcmp(head->data + 1, "\x2a\x4d\x18", 3) == 0;
}

static bool decompress(struct source *source)
{
    const struct compression known[] = {
        { "\x28\xb5\x2f\xfd", 4, zstd_stage, "zstd", "libzstd" },
        { "\x1f\x8b", 2, gzip_stage, "gzip", "zlib" },
        { "\xfd\x37zXZ\0", 6, NULL, "xz", NULL },
        { "BZh91AY&SY", LONGEST_MAGIC, NULL, "bzip2", NULL },
    };
    struct piece head;
    if (!source_peek(source, LONGEST_MAGIC, &head))
        return false;
    const struct compression *found = is_skippable_frame(&head) ? known : NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known && !found; i++)
        if (begins_with(&head, known[i].magic, known[i].magic_size))
            found = &known[i];
    if (!found)
        return true;
    if (!found->stage && !found->library)
        return stage_fail(source->stages, "%s data: decompress it first",
                          found->name);
    if (!found->stage)
        return stage_fail(source->stages, "%s data, but this program was built without %s",
                          found->name, found->library);
    source->stages = found->stage(source->stages);
    return true;
}

/* Encodings. */

struct mark {
    const char *bytes;
    size_t size;
    const char *encoding; /* NULL: it is UTF-8 already */
};

/* The mark of UTF-32 begins with that of UTF-16. */
static const struct mark marks[] = {
    { "\xef\xbb\xbf", 3, NULL },
    { "\xff\xfe\0\0", 4, "UTF-32LE" },
    { "\0\0\xfe\xff", 4, "UTF-32BE" },
    { "\xff\xfe", 2, "UTF-16LE" },
    { "\xfe\xff", 2, "UTF-16BE" },
};

static bool find_encoding(struct source *source, enum source_encoding how)
{
    struct piece head;
    if (how == SOURCE_LEFT_ALONE)
        return true;
    if (!source_peek(source, UNMARKED_LOOK_AHEAD, &head))
        return false;
    struct piece first = head;
    if (first.size > UNMARKED_LOOK_AHEAD)
        first.size = UNMARKED_LOOK_AHEAD;
    const char *encoding = how == SOURCE_ASCII_FIRST     ? unmarked_encoding_ascii_first(&first)
                           : how == SOURCE_MARK_OR_ZEROS ? unmarked_encoding(&first)
                                                         : NULL;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (begins_with(&head, marks[i].bytes, marks[i].size)) {
            stage_skip(source->stages, marks[i].size);
            encoding = marks[i].encoding;
            source->is_utf8 = true;
            break;
        }
    if (encoding && !source_set_encoding(source, encoding))
        return stage_fail(source->stages, "%s text, which this system cannot convert", encoding);
    return true;
}

bool source_open(struct source *source, const char *path, enum source_encoding encoding)
{
    bool standard = strcmp(path, "-") == 0;
    *source = (struct source){ .name = standard ? "standard input" : path };
    int fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                      : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        complain("%s: %s", source->name, strerror(errno));
        return false;
    }
    source->stages = file_stage(fd, &source->report);
    if (decompress(source) && find_encoding(source, encoding))
        return true;
    complain("%s: %s", source->name, source->report.reason);
    source_close(source);
    return false;
}

void source_close(struct source *source)
{
    stage_free(source->stages);
    source->stages = NULL;
}

bool source_next(struct source *source, struct piece *piece)
{
    return stage_next(source->stages, piece);
}

bool source_peek(struct source *source, size_t wanted, struct piece *piece)
{
    return stage_peek(source->stages, wanted, piece);
}

bool source_set_encoding(struct source *source, const char *encoding)
{
    struct stage *stage = encoding_stage(source->stages, encoding);
    if (!stage)
        return false;
    source->stages = stage;
    source->is_utf8 = true;
    return true;
}
