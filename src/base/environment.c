#include "config.h"

#include "base/environment.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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
