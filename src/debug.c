#include "config.h"

#include "debug.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool debug_asks_for(const char *word)
{
    const char *list = getenv("HAPAX_DEBUG");
    size_t length = strlen(word);
    while (list != NULL && *list != '\0') {
        size_t item = strcspn(list, ",");
        if (item == length && strncmp(list, word, length) == 0)
            return true;
        list += item + (list[item] == ',');
    }
    return false;
}

int refuse(int error, const char *function, const char *reason)
{
    if (debug_asks_for("errors"))
        fprintf(stderr, "hapax: %s: %s\n", function, reason);
    errno = error;
    return -1;
}
