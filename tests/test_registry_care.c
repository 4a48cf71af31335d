/* SPDX-License-Identifier: MIT */
/* The care of registries, and what is called from inside it. src/weak/registry.h. */
#include "config.h"

#include "registry_books.h"

#include <sys/wait.h>
#include <unistd.h>

TestSuite(registry_care, .timeout = 60);

static unsigned cares_seen;
static pid_t child = -1;

/* As a foreign finalizer does that calls hapax_collect, or forks, in an allocation. */
static void care_that_waits(void *unused)
{
    (void)unused;
    cares_seen++;
    registry_wait_cared();
}

static void care_that_forks(void *unused)
{
    (void)unused;
    registry_fork_prepare();
    child = fork();
    if (child == 0)
        registry_fork_child();
    else
        registry_fork_parent();
}

static void evict_some(void (*care_for)(void *context))
{
    static struct registry_kind caring;
    caring = kind;
    caring.care = care_for;
    struct registry *registry = registry_new(&caring, NULL, &books, NULL);
    struct bare_object *objects = put_many(registry, 1000);
    for (size_t i = 0; i < 1000; i++)
        objects[i].marked = false;
    collect();
    cr_assert(registry_wants_care());
}

Test(registry_care, may_wait_for_itself)
{
    evict_some(care_that_waits);
    registry_wait_cared();
    cr_expect_eq(cares_seen, 1);
    cr_expect_not(registry_wants_care());
}

Test(registry_care, ends_in_both_processes_where_it_forks)
{
    evict_some(care_that_forks);
    registry_wait_cared();
    if (child == 0) {
        alarm(20);
        evict_some(care_that_waits);
        registry_wait_cared();
        _exit(cares_seen != 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
}
