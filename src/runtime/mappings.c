/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/mappings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static uintptr_t parse_hexadecimal(const char **at)
{
    uintptr_t number = 0;
    for (;; ++*at) {
        char c = **at;
        if (c >= '0' && c <= '9')
            number = number * 16 + (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            number = number * 16 + (uintptr_t)(c - 'a' + 10);
        else
            return number;
    }
}

static const char *skip_field(const char *at)
{
    while (*at != ' ' && *at != '\0')
        at++;
    while (*at == ' ')
        at++;
    return at;
}

static enum mapping_kind kind_of(const char *inode, const char *name)
{
    if (*inode != '0' || name[0] == '/')
        /* Huge pages without a file have the name of one. */
        return strncmp(name, "/anon_hugepage", 14) == 0 ? MAPPING_ANONYMOUS : MAPPING_FILE;
    if (strcmp(name, "[heap]") == 0)
        return MAPPING_BREAK;
    return strncmp(name, "[stack", 6) == 0 ? MAPPING_STACK : MAPPING_ANONYMOUS;
}

/* Where the last of each ended, and where the memory of brk does. */
struct ends {
    uintptr_t guard, file, memory_of_brk;
};

/* "start-end rwxp offset device inode   name" */
static void parse_line(const char *line, struct ends *ends,
                       void (*visit)(const struct mapping *mapping, void *context), void *context)
{
    struct mapping mapping;
    const char *at = line;
    mapping.start = parse_hexadecimal(&at);
    at++;
    mapping.end = parse_hexadecimal(&at);
    at++;
    const char *inode = skip_field(skip_field(skip_field(at)));
    mapping.name = skip_field(inode);
    mapping.kind = kind_of(inode, mapping.name);
    mapping.is_guarded = mapping.start == ends->guard;
    mapping.follows_file = mapping.start == ends->file;
    /* Not all that stands in for Linux names the memory of brk: valgrind maps it itself, even behind a file. If nobody
     * has taken any, this can be static data that ends where brk begins: it is searched twice. */
    if (mapping.kind == MAPPING_ANONYMOUS && mapping.start < ends->memory_of_brk && ends->memory_of_brk <= mapping.end)
        mapping.kind = MAPPING_BREAK;
    bool is_private = strnlen(at, 4) == 4 && at[3] == 'p';
    if (at[0] == '-' && at[1] == '-')
        ends->guard = mapping.end;
    if (mapping.kind == MAPPING_FILE && is_private)
        ends->file = mapping.end;
    if (at[0] == 'r' && at[1] == 'w' && is_private)
        visit(&mapping, context);
}

/* Reads on behind what is there; what read(2) says. */
static ssize_t read_on(int file, char *to, size_t size)
{
    ssize_t got;
    do
        got = read(file, to, size);
    while (got < 0 && errno == EINTR);
    return got;
}

bool mappings_each(char *buffer, size_t size, void (*visit)(const struct mapping *mapping, void *context),
                   void *context)
{
    int before = errno, file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    size_t filled = 0;
    struct ends ends = {0, 0, (uintptr_t)sbrk(0)};
    ssize_t got;
    while ((got = read_on(file, buffer + filled, size - 1 - filled)) > 0) {
        filled += (size_t)got;
        char *line = buffer, *end;
        while ((end = memchr(line, '\n', filled - (size_t)(line - buffer))) != NULL) {
            *end = '\0';
            parse_line(line, &ends, visit, context);
            line = end + 1;
        }
        filled -= (size_t)(line - buffer);
        memmove(buffer, line, filled);
        /* A line that is longer than the buffer has a name that nobody needs. */
        if (filled == size - 1) {
            buffer[filled - 1] = '\0';
            filled--;
        }
    }
    close(file);
    errno = before;
    return got == 0;
}
