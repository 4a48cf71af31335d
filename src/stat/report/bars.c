/* SPDX-License-Identifier: MIT */
/* bars.c - bars in text. */
#include "config.h"

#include "stat/report/bars.h"

#include <langinfo.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 60 };

void bars_put(double amount, double most, int width)
{
    bool blocks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    width = width < LONGEST ? width : LONGEST;
    int length = most > 0 ? (int)(amount / most * width + 0.5) : 0;
    if (length == 0 && amount > 0)
        length = 1;
    for (int i = 0; i < length; i++)
        fputs(blocks ? "\u2588" : "#", stdout);
}
