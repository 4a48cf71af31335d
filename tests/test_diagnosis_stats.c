/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=stats: what it says. */
#include "config.h"

#include "diagnosis_output.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- HAPAX_DEBUG=stats ---- */

Test(diagnosis, prints_a_line_for_each_collection)
{
    ask_for("errors,stats");
    for (unsigned i = 0; i < 5; i++)
        collect();
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_geq(stats.collections, 5u);
    cr_assert_eq(lines_with("collection "), stats.collections);
    char last[64];
    snprintf(last, sizeof last, "hapax: collection %u: ", (unsigned)stats.collections);
    cr_assert_not_null(strstr(text(), last));
}

struct line {
    uint64_t number, heap_kib, free_kib, pending, queued, run, finalizers_queued, finalizers_run;
    double library_ms, pause_ms;
};

static struct line last_line(double *library_ms)
{
    struct line last = {0};
    *library_ms = 0;
    for (char *at = strtok(text(), "\n"); at != NULL; at = strtok(NULL, "\n")) {
        cr_assert_eq(sscanf(at,
                            "hapax: collection %" SCNu64
                            ": %lf ms in hapax, %lf ms of it with the threads stopped; heap %" SCNu64 " KiB, %" SCNu64
                            " KiB free; cleanups: %" SCNu64 " pending, %" SCNu64 " queued, %" SCNu64
                            " run; finalizers: %" SCNu64 " queued, %" SCNu64 " run",
                            &last.number, &last.library_ms, &last.pause_ms, &last.heap_kib, &last.free_kib,
                            &last.pending, &last.queued, &last.run, &last.finalizers_queued, &last.finalizers_run),
                     10, "%s", at);
        *library_ms += last.library_ms;
    }
    return last;
}

Test(diagnosis, counts_what_waits_and_what_ran)
{
    ask_for("stats");
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    GC_disable();
    repeat(make_innocent, FEW);
    GC_enable();
    struct hapax_stats stats;
    hapax_stats(&stats);
    char pending[64];
    snprintf(pending, sizeof pending, "cleanups: %u pending, ", (unsigned)stats.cleanups_pending);
    collect();
    cr_assert_eq(lines_with(pending), 1u);
    hapax_stats(&stats);
    snprintf(pending, sizeof pending, "finalizers: %u queued, 0 run", (unsigned)stats.cleanups_queued);
    cr_assert_eq(lines_with(pending), 1u);
    hapax_run_cleanups();
    collect();
    hapax_stats(&stats);
    double library_ms;
    cr_assert_eq(last_line(&library_ms).finalizers_run, stats.finalizers_run);
    cr_assert_geq(stats.finalizers_run, (uint64_t)MOST(FEW));
}

static NOINLINE void use_large_memory(void)
{
    for (unsigned i = 0; i < 64; i++)
        cr_assert_not_null(hapax_alloc_plain(1 << 20));
}

/* What hapax_stats says, too; the heap without what was given back to the system. */
Test(diagnosis, says_what_the_statistics_say)
{
    ask_for("stats");
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    use_large_memory();
    repeat(make_innocent, FEW);
    for (unsigned i = 0; i < 20; i++) {
        collect();
        bool drains = i == 5 || i == 10;
        if (drains)
            hapax_run_cleanups();
        struct hapax_stats stats;
        double library_ms;
        hapax_stats(&stats);
        struct line last = last_line(&library_ms);
        cr_assert_eq(last.number, stats.collections);
        cr_assert_float_eq(last.pause_ms, (double)stats.last_pause_ns / 1e6, 0.001);
        cr_assert_float_eq(library_ms, (double)stats.collector_ns / 1e6, 0.001 * (double)stats.collections);
        cr_assert_eq(last.heap_kib, stats.heap_bytes >> 10);
        cr_assert_eq(last.free_kib, stats.heap_free_bytes >> 10);
        cr_assert_eq(last.pending, stats.cleanups_pending);
        if (!drains) {
            cr_assert_eq(last.queued + last.finalizers_queued, stats.cleanups_queued);
            cr_assert_eq(last.run, stats.cleanups_run);
            cr_assert_eq(last.finalizers_run, stats.finalizers_run);
        }
    }
}

/* A collection that nobody asked for is printed by a thread. */
Test(diagnosis, prints_without_being_called)
{
    ask_for("stats");
    GC_gcollect();
    while (lines_with("collection 1:") == 0)
        usleep(10000);
    cr_assert_eq(lines_with("collection 1:"), 1u);
}

/* Nobody reads for a while: what does not fit is counted. */
Test(diagnosis, counts_the_lines_that_came_too_fast, .timeout = 60)
{
    enum { COLLECTIONS = 3000 };
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    /* The kernel may have given it more or less than this. */
    cr_assert_geq(fcntl(ends[1], F_SETPIPE_SZ, 65536), 0);
    ask_for("stats");
    cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    for (unsigned i = 0; i < COLLECTIONS; i++)
        GC_gcollect();
    uint64_t told = 0, lost = 0;
    char line[1000];
    FILE *heard = fdopen(ends[0], "r");
    while (told + lost < COLLECTIONS && fgets(line, sizeof line, heard) != NULL) {
        uint64_t missing = 0;
        if (sscanf(line, "hapax: %" SCNu64 " lines about collections are missing: they came too fast", &missing) == 1)
            lost += missing;
        told += strstr(line, "hapax: collection ") == line;
    }
    cr_assert_geq(told + lost, (uint64_t)COLLECTIONS);
    cr_assert_gt(lost, 0u);
    cr_assert_gt(told, 1000u);
}

Test(diagnosis, goes_on_in_both_processes_after_a_fork)
{
    ask_for("stats,cleanups");
    collect();
    pid_t child = fork();
    if (child == 0) {
        alarm(20 * time_scale());
        repeat(leak_by_cleanup, FEW);
        collect();
        GC_gcollect();
        while (lines_with("collection 3:") == 0)
            usleep(10000);
        _exit(lines_with("never dies") >= MOST(FEW) && lines_with("collection 3:") == 1 ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    collect();
    cr_assert_eq(lines_with("collection 2:"), 2u);
}
