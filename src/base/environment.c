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

bool environment_debug(const char *word)
{
    const char *list = secure_getenv("HAPAX_DEBUG");
    size_t length = strlen(word);
    while (list != NULL && *list != '\0') {
        size_t item = strcspn(list, ",");
        if (item == length && strncmp(list, word, length) == 0)
            return true;
        list += item + (list[item] == ',');
    }
    return false;
}
