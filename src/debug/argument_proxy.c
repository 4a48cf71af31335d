/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "debug/argument_proxy.h"

#include "base/environment.h"
#include "base/pool.h"
#include "base/sync.h"
#include "cleanup/argument.h"
#include "cleanup/ephemeron.h"
#include "collector/collector.h"
#include "collector/mark.h"
#include "collector/reach.h"
#include "debug/report.h"
#include "weak/registry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Not searched by the collector, nor along with malloc's memory. */
struct proxy {
    struct waiter waiter; /* the argument lives while the object does, and waits for that in a collection */
    void *argument;
    struct proxy *next, **at;
    enum argument_owner owner;
    const void *base;                   /* NULL: the object is dead, and the argument waits for its function */
    char type[DEBUG_REPORT_TYPE_BYTES];    /* empty: unknown */
    const void *site;                   /* where it was made */
    bool reported;
};

static struct pool pool = {.block = (sizeof(struct proxy) + 15) & ~(size_t)15};

/* Changes only while no collection runs and none can start. */
static struct proxy *proxies;
static uint64_t count;

static uintptr_t argument_waits;    /* the kind of waiter that a proxy is */

/* Objects that all searches of one collection may pass through. Where the next one goes on. */
enum { BUDGET = 1 << 22 };
static struct proxy *resume;

/* ---- Coming and going ---- */

static void link_witness(void *data)
{
    struct proxy *proxy = data;
    proxy->next = proxies;
    proxy->at = &proxies;
    if (proxies != NULL)
        proxies->at = &proxy->next;
    proxies = proxy;
    count++;
}

static void unlink_witness(void *data)
{
    struct proxy *proxy = data;
    *proxy->at = proxy->next;
    if (proxy->next != NULL)
        proxy->next->at = proxy->at;
    if (resume == proxy)
        resume = proxy->next;
    count--;
}

static void *new_proxy(enum argument_owner owner, const void *base, void *argument, const void *caller)
{
    struct proxy *proxy = ephemeron_prepare() && reach_prepare() ? pool_take(&pool) : NULL;
    if (proxy == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    proxy->owner = owner;
    proxy->base = base;
    proxy->argument = argument;
    const char *type = collector_is_value(base) ? registry_type_of(base) : NULL;
    if (type != NULL)
        snprintf(proxy->type, sizeof proxy->type, "%s", type);
    proxy->site = debug_report_site(caller);
    collector_exclude(link_witness, proxy);
    keep_reachable(argument);
    return proxy;
}

static void *argument_of_proxy(const void *proxy)
{
    return ((const struct proxy *)proxy)->argument;
}

static void free_proxy(void *data)
{
    collector_exclude(unlink_witness, data);
    pool_give_back(&pool, data);
}

/* ---- A collection ---- */

static bool is_unmarked(const struct proxy *proxy)
{
    return proxy->base != NULL && !collector_is_marked(proxy->base);
}

static const void *wanted;
static bool found;

static bool enter(const void *base)
{
    found = found || base == wanted;
    /* What is marked reaches no object that is not. */
    return !found && !collector_is_marked(base);
}

static void report(struct proxy *proxy, enum debug_report_reason reason)
{
    struct never_dies report = {proxy->base, collector_size(proxy->base), {0}, proxy->site, reason};
    memcpy(report.type, proxy->type, sizeof report.type);
    proxy->reported = debug_report_never_dies(&report);
}

static bool argument_reaches_object(const struct proxy *proxy)
{
    const void *from = collector_base(proxy->argument);
    wanted = proxy->base;
    found = from == wanted;
    if (!found && from != NULL && !collector_is_marked(from))
        (void)reach_search(from, enter);
    reach_forget();
    return found;
}

static bool contents_reach_object(const struct proxy *proxy)
{
    wanted = proxy->base;
    found = false;
    (void)reach_search(wanted, enter);
    reach_forget();
    return found;
}

/* The program has freed the object by hand. */
static void forget_freed(void)
{
    for (struct proxy *proxy = proxies; proxy != NULL; proxy = proxy->next)
        if (proxy->base != NULL && !collector_is_object(proxy->base))
            proxy->base = NULL;
}

static void mark_arguments(bool of_unmarked)
{
    for (struct proxy *proxy = proxies; proxy != NULL; proxy = proxy->next) {
        if (of_unmarked || !is_unmarked(proxy)) {
            mark_word((uintptr_t)proxy->argument);
        } else {
            proxy->waiter.base = (uintptr_t)proxy->base | argument_waits;
            ephemeron_wait(&proxy->waiter);
        }
    }
    ephemeron_drain();
    ephemeron_catch_up();
}

/* Unmarked objects that were not reported yet, one after the other, as far as the budget goes. */
static void examine(bool (*is_kept)(const struct proxy *), enum argument_owner owner, enum debug_report_reason reason)
{
    size_t before = reach_passed;
    struct proxy *start = resume != NULL ? resume : proxies, *proxy = start;
    do {
        if (proxy->owner == owner && !proxy->reported && is_unmarked(proxy) && is_kept(proxy))
            report(proxy, reason);
        proxy = proxy->next != NULL ? proxy->next : proxies;
    } while (proxy != start && reach_passed - before < BUDGET);
    resume = proxy;
}

void argument_proxy_mark_end(void)
{
    if (proxies == NULL)
        return;
    forget_freed();
    mark_arguments(false);
    examine(argument_reaches_object, ARGUMENT_OF_CLEANUP, CLEANUP_ARGUMENT_REACHES);
    examine(argument_reaches_object, ARGUMENT_OF_FINALIZER, FINALIZER_ARGUMENT_REACHES);
    mark_arguments(true);
    examine(contents_reach_object, ARGUMENT_OF_FINALIZER, CYCLE_OF_FINALIZERS);
}

void argument_proxy_reclaim_end(void)
{
    for (struct proxy *proxy = proxies; proxy != NULL; proxy = proxy->next)
        if (proxy->base != NULL && !collector_survived(proxy->base))
            proxy->base = NULL;
}

/* ---- The start ---- */

static void argument_woken(struct waiter *waiter)
{
    /* Its first member. */
    ephemeron_mark(((struct proxy *)(void *)waiter)->argument);
}

void argument_proxy_start(void)
{
    static const struct argument_observer observer = {new_proxy, argument_of_proxy, free_proxy};
    if (argument_observer != NULL || !environment_debug("cleanups"))
        return;
    argument_waits = ephemeron_kind(argument_woken);
    argument_observer = &observer;
}

uint64_t argument_proxy_waiters(void)
{
    return count;
}
