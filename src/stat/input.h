/*
 * input.h - the files that are measured, as bytes in memory.
 *
 * Every input is mapped before the measuring processes are forked, so each of them sees the same
 * bytes, and none of them is in anonymous memory: resident anonymous memory is what the values
 * cost. What cannot be mapped (pipes, terminals, files of /proc) is copied into a memory file.
 */
#ifndef STAT_INPUT_H
#define STAT_INPUT_H

#include <stdbool.h>
#include <stddef.h>

struct input {
    const char *name; /* as it is shown in messages */
    const char *data; /* never NULL */
    size_t size;
    void *mapping; /* NULL: nothing is mapped */
    size_t mapping_size;
};

/* Maps the file, "-" being standard input, and brings it into the page cache. Where that fails,
   says why and returns false. */
bool input_open(struct input *input, const char *path);

void input_close(struct input *input);

#endif
