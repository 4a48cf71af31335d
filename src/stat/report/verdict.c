/* SPDX-License-Identifier: MIT */
/* verdict.c - intern these values or not: one sentence. */
#include "config.h"

#include "stat/report/verdict.h"

#include <stdio.h>

/* Less than so many percent of the heap are little. */
static const double little = 5;

enum verdict verdict_of(const struct report *report)
{
    if (report->found.numbers.values == 0)
        return VERDICT_NOTHING;
    if (report_has_few_values(report))
        return VERDICT_FEW;
    double percent = report_benefit(report, INTERNED).saved_percent;
    return percent < 0 ? VERDICT_LEAVE : percent < little ? VERDICT_LITTLE : VERDICT_INTERN;
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = { "no values", "too few values", "intern", "saves little", "do not intern" };
    return names[verdict];
}

/* Seconds for a million values, as percent of a processor that gets a million each second. */
static double load(const struct benefit *benefit)
{
    return benefit->seconds_a_million * 100;
}

struct verdict_text verdict_sentence(const struct report *report)
{
    static const char *const beginnings[] = {
        "", "", "Intern these values", "Interning these values saves little",
        "Do not intern these values"
    };
    struct verdict_text result;
    enum verdict verdict = verdict_of(report);
    if (verdict == VERDICT_NOTHING) {
        snprintf(result.text, sizeof result.text, "There are no values, so nothing was measured.");
        return result;
    }
    if (verdict == VERDICT_FEW) {
        snprintf(result.text, sizeof result.text,
                 "These values are too few to tell whether interning pays: heaps of collectors and "
                 "arenas grow in steps that are larger than what could be saved.");
        return result;
    }
    struct benefit plain = report_benefit(report, PLAIN);
    struct benefit interned = report_benefit(report, INTERNED);
    snprintf(result.text, sizeof result.text,
             "%s: each occurs %.1f times on average, and interning pays from %.1f times on; "
             "a value takes %.1f bytes of heap instead of %.1f, and a million values each second "
             "take %.1f %% of a processor instead of %.1f %%.",
             beginnings[verdict], report_repeats(report), interned.pays_from,
             interned.bytes_a_value, plain.bytes_a_value, load(&interned), load(&plain));
    return result;
}
