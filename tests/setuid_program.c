/* SPDX-License-Identifier: MIT */
/* What tests/secure.sh runs with the rights of another user: gives HAPAX_DEBUG something to report. */
#include "config.h"

#include <hapax.h>

#include <stdio.h>
#include <sys/auxv.h>

static void do_nothing(void *argument)
{
    (void)argument;
}

int main(void)
{
    for (int i = 0; i < 100; i++) {
        void **object = hapax_alloc(sizeof *object), **argument = hapax_alloc(sizeof *argument);
        *argument = object;
        if (hapax_add_cleanup(object, do_nothing, argument, NULL) != 0)
            return 1;
    }
    hapax_collect();
    hapax_unpin(NULL);  /* a mistake, which is refused */
    puts(getauxval(AT_SECURE) != 0 ? "secure" : "usual");
    return 0;
}
