/* SPDX-License-Identifier: MIT */
/* units.c - numbers as people read them. */
#include "config.h"

#include "stat/base/units.h"

#include <inttypes.h>
#include <stdio.h>

struct unit_text unit_bytes(int64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
    struct unit_text result;
    double amount = (double)bytes;
    size_t unit = 0;
    while ((amount >= 1023.95 || amount <= -1023.95) && unit + 1 < sizeof units / sizeof *units) {
        amount /= 1024;
        unit++;
    }
    snprintf(result.text, sizeof result.text, "%.*f %s", unit > 0 ? 1 : 0, amount, units[unit]);
    return result;
}

struct unit_text unit_count(uint64_t number)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, number);
    struct unit_text result;
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            result.text[used++] = ',';
        result.text[used++] = digits[i];
    }
    result.text[used] = '\0';
    return result;
}

struct unit_text unit_seconds(double seconds)
{
    struct unit_text result;
    if (seconds < 0.9995)
        snprintf(result.text, sizeof result.text, "%.1f ms", seconds * 1000);
    else
        snprintf(result.text, sizeof result.text, "%.2f s", seconds);
    return result;
}

struct unit_text unit_percent(double part, double whole)
{
    struct unit_text result;
    snprintf(result.text, sizeof result.text, "%.1f %%", whole > 0 ? 100 * part / whole : 0.0);
    return result;
}
