/* SPDX-License-Identifier: MIT */
/* Forks beside cleanups that run. */
#include "config.h"

#include "fork_objects.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- Beside a cleanup that runs ---- */

enum { CALLS = 100, MOST_CALLS = 90 };
static atomic_size_t begun, ended;

static void begin_and_wait(void *unused)
{
    (void)unused;
    atomic_fetch_add(&begun, 1);
    sem_post(&arrived);
    while (sem_wait(&go_on) != 0)
        ;
    atomic_fetch_add(&ended, 1);
}

static void make_waiting(size_t i)
{
    (void)i;
    must(hapax_add_cleanup(hapax_alloc(32), begin_and_wait, NULL, NULL));
}

static int end_all(void *queued)
{
    for (int i = 0; i < CALLS; i++)
        sem_post(&go_on);
    CHECK(hapax_wait_cleanups(FOR_EVER));
    CHECK(atomic_load(&ended) == *(uint64_t *)queued + 1);
    struct hapax_stats stats;
    hapax_stats(&stats);
    CHECK(stats.cleanups_queued == 0 && stats.cleanups_run + stats.finalizers_run == atomic_load(&ended));
    return 0;
}

static const char intact[] = "as it was";

static void finalize_and_wait(void *object, void *expected)
{
    if (strcmp(object, intact) != 0 || expected != intact)
        abort();
    begin_and_wait(NULL);
}

static void make_waiting_for_finalizer(size_t i)
{
    (void)i;
    char *object = hapax_alloc(32);
    strcpy(object, intact);
    must(hapax_set_finalizer(object, finalize_and_wait, (void *)(uintptr_t)intact));
}

static void cut_off(void (*make)(size_t i))
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    make_each(CALLS, make);
    collect();
    sem_wait(&arrived);
    /* One is inside, and stays there across the fork. */
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(in_child(end_all, &stats.cleanups_queued), 0);
    cr_assert_eq(atomic_load(&begun), 1);
    cr_assert_eq(end_all(&stats.cleanups_queued), 0);
    cr_assert_eq(atomic_load(&begun), stats.cleanups_queued + 1, "here it has begun once");
}

Test(fork, a_cleanup_that_is_cut_off_begins_anew_in_the_child)
{
    cut_off(make_waiting);
}

Test(fork, a_finalizer_that_is_cut_off_begins_anew_in_the_child)
{
    cut_off(make_waiting_for_finalizer);
}

static void *drain(void *unused)
{
    (void)unused;
    return (void *)hapax_run_cleanups();
}

static size_t ended_before;
static atomic_size_t came_too_early;

static void count_later(void *counter)
{
    if (atomic_load(&ended) == ended_before)
        atomic_fetch_add(&came_too_early, 1);
    count_run(counter);
}

static void make_later(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), count_later, &runs[i], NULL));
}

static int queue_more_and_drain(void *unused)
{
    (void)unused;
    ended_before = atomic_load(&ended);
    make_each(MANY, make_later);
    collect();
    struct hapax_stats stats;
    hapax_stats(&stats);
    for (int i = 0; i < CALLS; i++)
        sem_post(&go_on);
    CHECK(hapax_run_cleanups() == stats.cleanups_queued);
    /* Besides the one that was cut off: those whose objects lived until now. */
    size_t others = atomic_load(&ended) - ended_before;
    CHECK(others >= 1 && total_runs() >= MOST && total_runs() + others == stats.cleanups_queued);
    CHECK(atomic_load(&came_too_early) == 0);
    return 0;
}

Test(fork, a_cleanup_that_is_cut_off_waits_before_what_comes_later)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    must(hapax_set_cleanup_threads(0));
    make_each(CALLS, make_waiting);
    collect();
    struct hapax_stats stats;
    hapax_stats(&stats);
    for (size_t i = 1; i < stats.cleanups_queued; i++)
        sem_post(&go_on);
    pthread_t thread;
    must(pthread_create(&thread, NULL, drain, NULL));
    for (size_t i = 0; i < stats.cleanups_queued; i++)
        sem_wait(&arrived);
    /* The last one is inside, and nothing is queued. */
    cr_assert_eq(in_child(queue_more_and_drain, NULL), 0);
    sem_post(&go_on);
    pthread_join(thread, NULL);
    cr_assert_eq(atomic_load(&ended), stats.cleanups_queued);
}

static atomic_int forked_well;

static int after_fork_inside(void *unused)
{
    (void)unused;
    /* This is still the cleanup; it ends in the child. Others run there meanwhile, in a thread of its own if need
     * be. */
    CHECK(handles_are_canonical() == 0);
    collect();
    return 0;
}

static void fork_inside(void *counter)
{
    if (atomic_load(&forked_well) == 0)
        atomic_store(&forked_well, in_child(after_fork_inside, NULL) == 0 ? 1 : -1);
    count_run(counter);
}

static void make_forking(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), fork_inside, &runs[i], NULL));
}

Test(fork, inside_a_cleanup)
{
    make_each(MANY, make_handle);
    make_each(CALLS, make_forking);
    collect();
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    cr_assert_eq(atomic_load(&forked_well), 1);
}

static pid_t child_of_cleanup;
static int ends[2];

static void fork_and_return(void *counter)
{
    static bool forked;
    count_run(counter);
    if (forked)
        return;
    forked = true;
    child_of_cleanup = fork();
    if (child_of_cleanup == 0)
        alarm(20 * time_scale());
}

static void make_returning(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), fork_and_return, &runs[i], NULL));
}

static atomic_int reporters;
static atomic_bool together;

static void report(void *unused)
{
    (void)unused;
    /* One thread is wanted, and that is all there is. */
    if (atomic_fetch_add(&reporters, 1) != 0)
        atomic_store(&together, true);
    usleep(1000);
    atomic_fetch_sub(&reporters, 1);
    char result = total_runs() >= MOST_CALLS && !atomic_load(&together) ? 'y' : 'n';
    if (write(ends[1], &result, 1) != 1)
        abort();
}

static void make_reporting(size_t i)
{
    (void)i;
    must(hapax_add_cleanup(hapax_alloc(32), report, NULL, NULL));
}

Test(fork, an_executor_that_forks_goes_on_in_the_child)
{
    /* The child has no thread but the one that runs the cleanup: it comes back from it and takes the next. */
    cr_assert_eq(pipe(ends), 0);
    must(hapax_set_cleanup_threads(0));
    make_each(CALLS, make_returning);
    collect();
    make_each(CALLS, make_reporting);
    collect();
    must(hapax_set_cleanup_threads(1));
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    close(ends[1]);
    size_t reports = 0, good = 0;
    /* The child's last executor stays, as long as nobody ends it. */
    for (char result; reports < 2 * MOST_CALLS && read(ends[0], &result, 1) == 1; reports++)
        good += result == 'y';
    kill(child_of_cleanup, SIGKILL);
    waitpid(child_of_cleanup, NULL, 0);
    cr_assert_eq(good, reports);
    cr_assert_eq(reports, 2 * MOST_CALLS, "in each of the two processes");
}

static int all_ran_once(void *queued)
{
    CHECK(hapax_wait_cleanups(FOR_EVER));
    CHECK(total_runs() == *(uint64_t *)queued);
    for (size_t i = 0; i < MANY; i++)
        CHECK(atomic_load(&runs[i]) <= 1);
    return 0;
}

static int fork_amidst(void *microseconds)
{
    struct hapax_stats stats;
    must(hapax_set_cleanup_threads(0));
    make_each(MANY, make_short);
    collect();
    hapax_stats(&stats);
    must(hapax_set_cleanup_threads(2));
    usleep((unsigned)(uintptr_t)microseconds);
    CHECK(in_child(all_ran_once, &stats.cleanups_queued) == 0);
    return all_ran_once(&stats.cleanups_queued);
}

Test(fork, each_cleanup_runs_once_in_each_process)
{
#ifdef __SANITIZE_ADDRESS__
    cr_skip_test("a thread that has just begun holds the address sanitizer's allocator across the fork");
#endif
    for (uintptr_t round = 0; round < 40; round++)
        cr_assert_eq(in_child(fork_amidst, (void *)(round * 37)), 0);
}

/* Ends long after it has begun, next to how long a fork takes; and no two at the same time. */
static void count_and_sleep(void *counter)
{
    count_run(counter);
    usleep((unsigned)(200 + ((atomic_int *)counter - runs) * 37 % 600));
}

static void count_and_run_others(void *counter)
{
    count_and_sleep(counter);
    hapax_run_cleanups();
}

static void make_sleeping(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), count_and_sleep, &runs[i], NULL));
}

static void make_nested(size_t i)
{
    if (i < CALLS)
        must(hapax_add_cleanup(hapax_alloc(32), count_and_run_others, &runs[i], NULL));
}

/* A fork waits so long at most; what has not ended by then begins anew in the child. */
enum { FORK_PATIENCE_MS = 100 };
static struct timespec before_fork;

static int all_ran_once_unless_cut_off(void *queued)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - before_fork.tv_sec) * 1000 + (now.tv_nsec - before_fork.tv_nsec) / 1000000 < FORK_PATIENCE_MS)
        return all_ran_once(queued);
    CHECK(hapax_wait_cleanups(FOR_EVER));
    CHECK(total_runs() >= *(uint64_t *)queued);
    return 0;
}

static int fork_amidst_sleeping(void *make)
{
    struct hapax_stats stats;
    must(hapax_set_cleanup_threads(0));
    make_each(MANY, (void (*)(size_t))(uintptr_t)make);
    collect();
    hapax_stats(&stats);
    must(hapax_set_cleanup_threads(2));
    while (total_runs() < 4)
        usleep(100);
    clock_gettime(CLOCK_MONOTONIC, &before_fork);
    CHECK(in_child(all_ran_once_unless_cut_off, &stats.cleanups_queued) == 0);
    return all_ran_once(&stats.cleanups_queued);
}

/* The threads run cleanups all the time: none begins during a fork, and those that have begun end first. */
Test(fork, waits_for_cleanups_that_run_and_keeps_others_from_beginning)
{
    for (int round = 0; round < 3; round++)
        cr_assert_eq(in_child(fork_amidst_sleeping, (void *)(uintptr_t)make_sleeping), 0);
}

Test(fork, waits_for_cleanups_that_run_others)
{
    for (int round = 0; round < 3; round++)
        cr_assert_eq(in_child(fork_amidst_sleeping, (void *)(uintptr_t)make_nested), 0);
}
