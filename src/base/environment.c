/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/environment.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

extern char **environ;

bool environment_secure_execution(void)
{
    return getauxval(AT_SECURE) != 0;
}

void environment_forget(const char *prefix)
{
    char **kept = environ;
    if (kept == NULL)
        return;
    for (char **variable = environ; *variable != NULL; variable++)
        if (strncmp(*variable, prefix, strlen(prefix)) != 0)
            *kept++ = *variable;
    *kept = NULL;
}

const char *environment_debug_words(void)
{
    return secure_getenv("HAPAX_DEBUG");
}

/* What follows the first item of the list that begins with these characters. */
static const char *find_item(const char *beginning)
{
    const char *list = environment_debug_words();
    size_t length = strlen(beginning);
    while (list != NULL && *list != '\0') {
        size_t item = strcspn(list, ",");
        if (item >= length && strncmp(list, beginning, length) == 0 && strchr(",=", list[length]) != NULL)
            return list + length;
        list += item + (list[item] == ',');
    }
    return NULL;
}

static bool has_item(const char *word)
{
    const char *end = find_item(word);
    return end != NULL && *end != '=';
}

bool environment_debug(const char *word)
{
    return has_item(word) || has_item("all");
}

unsigned long environment_debug_number(const char *word, unsigned long plainly)
{
    const char *end = find_item(word);
    if (end != NULL && *end == '=')
        return strtoul(end + 1, NULL, 10);
    return environment_debug(word) ? plainly : 0;
}

const char *environment_search(void)
{
    return secure_getenv("HAPAX_SEARCH");
}
