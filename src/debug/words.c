/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "debug/words.h"

#include "base/environment.h"
#include "base/say.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = {"errors", "cleanups", "lost",  "stats", "stale",
                                    "tables", "threads",  "often", "all"};
#define LIST "errors, cleanups, lost, stats, stale, tables, threads, often, often=N, all"

/* "often=", and a number that is not 0. */
static bool is_often(const char *item, size_t length)
{
    static const char often[] = "often=";
    size_t begin = sizeof often - 1;
    return length > begin && strncmp(item, often, begin) == 0 && strspn(item + begin, "0123456789") == length - begin &&
           strtoul(item + begin, NULL, 10) > 0;
}

static bool is_known(const char *item, size_t length)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == length && strncmp(item, words[i], length) == 0)
            return true;
    return length == 0 || is_often(item, length);
}

void debug_words_check(void)
{
    static bool done;
    const char *list = done ? NULL : environment_debug_words();
    done = true;
    while (list != NULL && *list != '\0') {
        size_t item = strcspn(list, ",");
        if (!is_known(list, item))
            say("HAPAX_DEBUG: the word \"%.*s\" is unknown; the known words are " LIST, (int)item, list);
        list += item + (list[item] == ',');
    }
}
