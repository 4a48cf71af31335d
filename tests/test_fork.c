/* Forks: both processes go on with all they had. */
#include "config.h"

#include "support.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <gc/gc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT = 10000 };

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(fork, .init = start, .timeout = 60);

static void must(int result)
{
    if (result != 0)
        abort();
}

static void *held[MANY];
static hapax_weak weak[MANY];
static hapax_handle handles[MANY];
static atomic_int runs[MANY];

static void count_run(void *counter)
{
    atomic_fetch_add((atomic_int *)counter, 1);
}

static size_t total_runs(void)
{
    size_t total = 0;
    for (size_t i = 0; i < MANY; i++)
        total += (size_t)atomic_load(&runs[i]);
    return total;
}

static void make_held(size_t i)
{
    held[i] = hapax_alloc(32);
    weak[i] = hapax_weak_make(held[i]);
    must(hapax_add_cleanup(held[i], count_run, &runs[i], NULL));
}

static void name(char *text, size_t room, size_t i)
{
    snprintf(text, room, "value %zu", i);
}

static void make_handle(size_t i)
{
    char text[40];
    name(text, sizeof text, i);
    handles[i] = hapax_intern(text);
}

static int handles_are_canonical(void)
{
    char text[40];
    for (size_t i = 0; i < MANY; i++) {
        name(text, sizeof text, i);
        CHECK(hapax_intern(text) == handles[i] && strcmp(hapax_handle_value(handles[i]), text) == 0);
    }
    return 0;
}

/* ---- What was there before ---- */

static int values_in_child(void *unused)
{
    (void)unused;
    CHECK(handles_are_canonical() == 0);
    CHECK(count_dead(weak, MANY) == 0);
    for (size_t i = 0; i < MANY; i++)
        CHECK(hapax_weak_make(held[i]) == weak[i] && hapax_weak_value(weak[i]) == held[i]);
    collect();
    CHECK(handles_are_canonical() == 0);
    CHECK(count_dead(weak, MANY) == 0);
    memset(held, 0, sizeof held);
    collect();
    CHECK(count_dead(weak, MANY) >= MOST);
    return 0;
}

Test(fork, handles_and_weak_pointers_stay)
{
    make_each(MANY, make_held);
    make_each(MANY, make_handle);
    cr_assert_eq(in_child(values_in_child, NULL), 0);
    collect();
    cr_assert_eq(handles_are_canonical(), 0);
    cr_assert_eq(count_dead(weak, MANY), 0, "what dies in the child lives here");
}

static int collect_and_run(void *unused)
{
    (void)unused;
    memset(held, 0, sizeof held);
    collect();
    CHECK(hapax_wait_cleanups(WAIT));
    CHECK(total_runs() >= MOST);
    for (size_t i = 0; i < MANY; i++)
        CHECK(atomic_load(&runs[i]) <= 1);
    return 0;
}

static int collect_and_run_twice(void *unused)
{
    CHECK(in_child(collect_and_run, unused) == 0);
    return collect_and_run(unused);
}

Test(fork, both_processes_run_every_cleanup)
{
    make_each(MANY, make_held);
    cr_assert_eq(in_child(collect_and_run, NULL), 0);
    cr_assert_eq(in_child(collect_and_run_twice, NULL), 0, "and a child of the child");
    cr_assert_eq(total_runs(), 0);
    cr_assert_eq(collect_and_run(NULL), 0);
}

static int run_by_hand(void *queued)
{
    CHECK(!hapax_wait_cleanups(20));
    CHECK(hapax_run_cleanups() == *(uint64_t *)queued);
    CHECK(total_runs() == *(uint64_t *)queued);
    return 0;
}

Test(fork, what_is_queued_is_queued_in_both)
{
    must(hapax_set_cleanup_threads(0));
    make_each(MANY, make_held);
    memset(held, 0, sizeof held);
    collect();
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_geq(stats.cleanups_queued, MOST);
    cr_assert_eq(in_child(run_by_hand, &stats.cleanups_queued), 0);
    cr_assert_eq(run_by_hand(&stats.cleanups_queued), 0);
}

static int wait_only(void *unused)
{
    (void)unused;
    CHECK(hapax_wait_cleanups(WAIT));
    CHECK(total_runs() >= MOST);
    return 0;
}

Test(fork, threads_of_the_child_take_up_what_is_queued)
{
    make_each(MANY, make_held);
    memset(held, 0, sizeof held);
    collect();
    cr_assert_eq(in_child(wait_only, NULL), 0);
    cr_assert_eq(wait_only(NULL), 0);
}

/* ---- The threads of the child ---- */

enum { PARALLEL = 3 };
static sem_t arrived, go_on;

static void meet(void *unused)
{
    (void)unused;
    sem_post(&arrived);
    sem_wait(&go_on);
}

static void make_meeting(size_t i)
{
    (void)i;
    must(hapax_add_cleanup(hapax_alloc(32), meet, NULL, NULL));
}

static int meet_in_child(void *unused)
{
    (void)unused;
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    make_each(10 * PARALLEL, make_meeting);
    collect();
    for (int i = 0; i < PARALLEL; i++)
        sem_wait(&arrived);
    for (int i = 0; i < 10 * PARALLEL; i++)
        sem_post(&go_on);
    CHECK(hapax_wait_cleanups(WAIT));
    CHECK(hapax_set_cleanup_threads(0) == 0);
    return 0;
}

Test(fork, the_child_has_as_many_threads)
{
    must(hapax_set_cleanup_threads(PARALLEL));
    cr_assert_eq(in_child(meet_in_child, NULL), 0);
    cr_assert_eq(meet_in_child(NULL), 0);
}

/* ---- Beside a cleanup that runs ---- */

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
    for (int i = 0; i < 100; i++)
        sem_post(&go_on);
    CHECK(hapax_wait_cleanups(WAIT));
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
    make_each(20, make);
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

static int queue_more_and_drain(void *unused)
{
    (void)unused;
    size_t before = atomic_load(&ended);
    make_each(MANY, make_held);
    memset(held, 0, sizeof held);
    collect();
    struct hapax_stats stats;
    hapax_stats(&stats);
    sem_post(&go_on);
    CHECK(hapax_run_cleanups() == stats.cleanups_queued);
    CHECK(atomic_load(&ended) == before + 1);
    CHECK(total_runs() == stats.cleanups_queued - 1 && total_runs() >= MOST);
    return 0;
}

Test(fork, a_cleanup_that_is_cut_off_waits_before_what_comes_later)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    must(hapax_set_cleanup_threads(0));
    make_each(20, make_waiting);
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
    /* This is still the cleanup; it ends in the child. Others run there meanwhile, in a thread of its own if need be. */
    CHECK(handles_are_canonical() == 0);
    collect();
    return 0;
}

static void fork_inside(void *counter)
{
    atomic_store(&forked_well, in_child(after_fork_inside, NULL) == 0 ? 1 : -1);
    count_run(counter);
}

static void make_forking(size_t i)
{
    if (i < 10)
        must(hapax_add_cleanup(hapax_alloc(32), fork_inside, &runs[i], NULL));
}

Test(fork, inside_a_cleanup)
{
    make_each(MANY, make_handle);
    make_each(10, make_forking);
    collect();
    cr_assert(hapax_wait_cleanups(WAIT));
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
        alarm(20);
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
    char result = total_runs() >= 10 && !atomic_load(&together) ? 'y' : 'n';
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
    make_each(20, make_returning);
    collect();
    make_each(20, make_reporting);
    collect();
    must(hapax_set_cleanup_threads(1));
    cr_assert(hapax_wait_cleanups(WAIT));
    close(ends[1]);
    size_t reports = 0, good = 0;
    /* The child's last executor stays, as long as nobody ends it. */
    for (char result; reports < 2 * 18 && read(ends[0], &result, 1) == 1; reports++)
        good += result == 'y';
    kill(child_of_cleanup, SIGKILL);
    waitpid(child_of_cleanup, NULL, 0);
    cr_assert_eq(good, reports);
    cr_assert_eq(reports, 2 * 18, "18 of 20 or more in each of the two processes");
}

static void run_short(void *counter)
{
    for (volatile int i = 0; i < 2000; i++)
        ;
    count_run(counter);
}

static void make_short(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), run_short, &runs[i], NULL));
}

static int all_ran_once(void *queued)
{
    CHECK(hapax_wait_cleanups(WAIT));
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
    if (i < 60)
        must(hapax_add_cleanup(hapax_alloc(32), count_and_run_others, &runs[i], NULL));
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
    CHECK(in_child(all_ran_once, &stats.cleanups_queued) == 0);
    return all_ran_once(&stats.cleanups_queued);
}

/* They are amidst cleanups all the time: none begins while somebody forks, and those that have begun end first. */
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

/* ---- Beside threads that wait ---- */

enum { WAITERS = 4 };
static atomic_int about_to_wait;

static void *wait_for_all(void *unused)
{
    (void)unused;
    atomic_fetch_add(&about_to_wait, 1);
    return (void *)(uintptr_t)hapax_wait_cleanups(5 * WAIT);
}

static int wait_in_child(void *unused)
{
    CHECK(hapax_set_cleanup_threads(2) == 0);
    for (int round = 0; round < 5; round++) {
        CHECK(hapax_wait_cleanups(WAIT));
        make_each(MANY, make_short);
        collect();
        pthread_t threads[WAITERS];
        for (size_t i = 0; i < WAITERS; i++)
            CHECK(pthread_create(&threads[i], NULL, wait_for_all, unused) == 0);
        for (size_t i = 0; i < WAITERS; i++) {
            void *result;
            pthread_join(threads[i], &result);
            CHECK(result != NULL);
        }
    }
    return 0;
}

Test(fork, beside_threads_that_wait_for_cleanups)
{
    must(hapax_set_cleanup_threads(0));
    make_each(MANY, make_short);
    collect();
    pthread_t threads[WAITERS];
    for (size_t i = 0; i < WAITERS; i++)
        must(pthread_create(&threads[i], NULL, wait_for_all, NULL));
    while (atomic_load(&about_to_wait) < WAITERS)
        usleep(100);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(in_child(wait_in_child, NULL), 0);
    cr_assert_geq(hapax_run_cleanups(), MOST);
    for (size_t i = 0; i < WAITERS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        cr_assert_not_null(result);
    }
}

/* ---- Beside threads that work ---- */

static atomic_bool done;

static void *work(void *seed)
{
    unsigned random = (unsigned)(uintptr_t)seed;
    while (!atomic_load(&done)) {
        random = random * 1664525 + 1013904223;
        char text[40];
        snprintf(text, sizeof text, "worked on %u", random >> 20);
        hapax_handle handle = hapax_intern(text);
        void *object = hapax_alloc(16 + (random >> 24));
        if (handle == NULL || hapax_weak_value(hapax_weak_make(object)) != object ||
            hapax_add_cleanup(object, count_run, &runs[random % MANY], NULL) != 0 || hapax_pin(object) != 0)
            abort();
        hapax_unpin(object);
        if (random >> 26 == 0)
            hapax_collect();
    }
    return NULL;
}

static int go_on_in_child(void *unused)
{
    (void)unused;
    CHECK(handles_are_canonical() == 0);
    collect();
    /* Every value that the others were amidst making: once each, and well. */
    static hapax_handle all[4096];
    for (int again = 0; again < 2; again++) {
        for (unsigned i = 0; i < 4096; i++) {
            char text[40];
            snprintf(text, sizeof text, "worked on %u", i);
            hapax_handle handle = hapax_intern(text);
            CHECK(handle != NULL && strcmp(hapax_handle_value(handle), text) == 0);
            CHECK(again == 0 || handle == all[i]);
            all[i] = handle;
        }
        collect();
    }
    memset(all, 0, sizeof all);
    collect();
    struct hapax_table_stats table;
    hapax_table_stats(hapax_strings(), &table);
    CHECK(table.live < 2 * MANY);
    CHECK(hapax_wait_cleanups(WAIT));
    make_each(MANY, make_held);
    memset(held, 0, sizeof held);
    collect();
    CHECK(count_dead(weak, MANY) >= MOST);
    CHECK(hapax_wait_cleanups(WAIT));
    return 0;
}

static void work_and_fork(void (*fork_once)(void))
{
    make_each(MANY, make_handle);
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    for (int i = 0; i < 40; i++)
        fork_once();
    atomic_store(&done, true);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(handles_are_canonical(), 0);
}

static void fork_here(void)
{
    cr_assert_eq(in_child(go_on_in_child, NULL), 0);
}

Test(fork, beside_threads_that_allocate)
{
    work_and_fork(fork_here);
}

static int known_in_child(void *unused)
{
    /* Not every version of the collector lets a thread fork that it does not know. */
    CHECK(GC_thread_is_registered());
    return go_on_in_child(unused);
}

static void *fork_in_unknown_thread(void *unused)
{
    /* The first thing this thread does that anybody hears of. */
    return (void *)(uintptr_t)in_child(known_in_child, unused);
}

static void fork_there(void)
{
    cr_assert_null(in_thread(fork_in_unknown_thread, NULL));
}

Test(fork, from_a_thread_that_nobody_knows)
{
    work_and_fork(fork_there);
}

static atomic_bool enough;

static void *add_and_stop(void *object)
{
    while (!atomic_load(&enough)) {
        hapax_cleanup name;
        must(hapax_add_cleanup(object, count_run, &runs[0], &name));
        hapax_cleanup_stop(name);
    }
    return NULL;
}

static int add_in_child(void *unused)
{
    for (int i = 0; i < 200; i++)
        must(hapax_add_cleanup(held[0], count_run, &runs[0], unused));
    return 0;
}

Test(fork, beside_threads_that_add_and_stop_cleanups)
{
    pthread_t threads[4];
    held[0] = hapax_alloc(16);
    for (size_t i = 0; i < 4; i++)
        must(pthread_create(&threads[i], NULL, add_and_stop, held[0]));
    for (int i = 0; i < 100; i++)
        cr_assert_eq(in_child(add_in_child, NULL), 0);
    atomic_store(&enough, true);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_pending, 0);
}

static void never_run(void *object, void *argument)
{
    (void)object;
    (void)argument;
    abort();
}

static void set_and_remove(void *object)
{
    must(hapax_set_finalizer(object, never_run, NULL));
    must(hapax_set_finalizer(object, NULL, NULL));
}

static void *set_and_remove_all_the_time(void *object)
{
    while (!atomic_load(&enough))
        set_and_remove(object);
    return NULL;
}

static int set_in_child(void *unused)
{
    (void)unused;
    void *object = hapax_alloc(16);
    for (int i = 0; i < 200; i++)
        set_and_remove(object);
    return 0;
}

/* Whoever sets a finalizer looks for its object in every table. */
Test(fork, beside_threads_that_set_finalizers)
{
    enum { TABLES = 64 };
    static hapax_table *tables[TABLES];
    for (int i = 0; i < TABLES; i++)
        cr_assert_not_null(tables[i] = hapax_table_new(NULL, 0));
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        must(pthread_create(&threads[i], NULL, set_and_remove_all_the_time, held[i] = hapax_alloc(16)));
    for (int i = 0; i < 100; i++)
        cr_assert_eq(in_child(set_in_child, NULL), 0);
    atomic_store(&enough, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    hapax_keep_alive(tables);
}

/* ---- The child without a word ---- */

static int say_nothing(void *unused)
{
    (void)unused;
    return 0;
}

Test(fork, a_child_that_only_ends)
{
    make_each(MANY, make_held);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(in_child(say_nothing, NULL), 0);
}
