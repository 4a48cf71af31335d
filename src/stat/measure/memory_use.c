/* SPDX-License-Identifier: MIT */
/* memory_use.c - how much memory this process takes. */
#include "config.h"

#include "stat/measure/memory_use.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

/* The number behind name in a file of lines "Name:  123 kB", in bytes; 0 if it is not there. */
static uint64_t read_field(const char *path, const char *name)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    char line[256];
    uint64_t kilobytes = 0;
    size_t length = strlen(name);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, length) == 0 && line[length] == ':' &&
            sscanf(line + length + 1, "%" SCNu64, &kilobytes) == 1)
            break;
    fclose(file);
    return kilobytes * 1024;
}

uint64_t resident_bytes(void)
{
    /* The first is counted page by page; the second is a running count that lags a little. */
    uint64_t bytes = read_field("/proc/self/smaps_rollup", "Anonymous");
    return bytes ? bytes : read_field("/proc/self/status", "RssAnon");
}

uint64_t malloc_bytes(void)
{
#ifdef HAVE_MALLINFO2
    struct mallinfo2 now = mallinfo2();
    if (now.uordblks > 0)
        return now.uordblks + now.hblkhd;
#endif
    return resident_bytes(); /* another allocator, such as a sanitizer's */
}
