/* SPDX-License-Identifier: MIT */
/* The front end of a compiler for a small language.
 *
 *     front_end [--types] [FILE]
 *
 * Reads a program, checks it, and prints code for a stack machine. With --types it prints instead how many types the
 * text has named or made on the way, and how many different ones that were. Without a FILE it reads the standard input.
 * What does not fit is refused with file, line and column. example.txt shows the language. */
#include "front_end.h"

int main(int count, char **arguments)
{
    static const char usage[] = "Usage: front_end [--types] [FILE]\n";
    if (count == 2 && strcmp(arguments[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    bool types = count > 1 && strcmp(arguments[1], "--types") == 0;
    if (count > 2 + types || (!types && count > 1 && strncmp(arguments[1], "--", 2) == 0)) {
        fputs(usage, stderr);
        return BAD_USAGE;
    }
    const char *file = count > 1 + types ? arguments[1 + types] : "-";
    size_t size;
    char *text = read_file(file, &size);
    tokens_of(file, text, size);
    check_program(types ? NULL : stdout);
    free(text);
    if (types) {
        size_t made, kept;
        type_counts(&made, &kept);
        printf("%zu types made, %zu different\n", made, kept);
    }
    return fflush(stdout) == 0 ? 0 : BAD_INPUT;
}
