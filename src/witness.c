#include "config.h"

#include "witness.h"

#include "collector.h"
#include "diagnosis.h"
#include "ephemeron.h"
#include "mark.h"
#include "reach.h"
#include "registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool witness_on;

/* Of malloc's: not searched by the collector. */
struct witness {
    struct waiting_argument waiting;    /* the argument lives while the object does, and waits for that in a collection */
    struct witness *next, **at;
    enum witness_kind kind;
    const void *base;                   /* NULL: the object is dead, and the argument waits for its function */
    char type[DIAGNOSIS_TYPE_BYTES];    /* empty: unknown */
    const void *site;                   /* where it was made */
    bool reported;
};

/* Changes only while no collection runs and none can start. */
static struct witness *witnesses;

/* Objects that all searches of one collection may pass through. Where the next one goes on. */
enum { BUDGET = 1 << 22 };
static struct witness *resume;

/* ---- Coming and going ---- */

static void link_witness(void *data)
{
    struct witness *witness = data;
    witness->next = witnesses;
    witness->at = &witnesses;
    if (witnesses != NULL)
        witnesses->at = &witness->next;
    witnesses = witness;
    ephemeron_arguments++;
}

static void unlink_witness(void *data)
{
    struct witness *witness = data;
    *witness->at = witness->next;
    if (witness->next != NULL)
        witness->next->at = witness->at;
    if (resume == witness)
        resume = witness->next;
    ephemeron_arguments--;
}

void *witness_new(enum witness_kind kind, const void *base, void *argument, const void *caller)
{
    struct witness *witness = ephemeron_prepare() && reach_prepare() ? calloc(1, sizeof *witness) : NULL;
    if (witness == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    witness->kind = kind;
    witness->base = base;
    witness->waiting.argument = argument;
    const char *type = registry_type_of(base);
    if (type != NULL)
        snprintf(witness->type, sizeof witness->type, "%s", type);
    witness->site = diagnosis_site(caller);
    collector_exclude(link_witness, witness);
    keep_reachable(argument);
    return witness;
}

void *witness_argument_of(const void *witness)
{
    return ((const struct witness *)witness)->waiting.argument;
}

void witness_free(void *data)
{
    collector_exclude(unlink_witness, data);
    free(data);
}

/* ---- A collection ---- */

static bool is_unmarked(const struct witness *witness)
{
    return witness->base != NULL && !collector_is_marked(witness->base);
}

static const void *wanted;
static bool found;

static bool enter(const void *base)
{
    found = found || base == wanted;
    /* What is marked reaches no object that is not. */
    return !found && !collector_is_marked(base);
}

static void report(struct witness *witness, enum diagnosis_reason reason)
{
    struct never_dies report = {witness->base, collector_size(witness->base), {0}, witness->site, reason};
    memcpy(report.type, witness->type, sizeof report.type);
    witness->reported = diagnosis_never_dies(&report);
}

static bool argument_reaches_object(const struct witness *witness)
{
    const void *from = collector_base(witness->waiting.argument);
    wanted = witness->base;
    found = from == wanted;
    if (!found && from != NULL && !collector_is_marked(from))
        (void)reach_search(from, enter);
    reach_forget();
    return found;
}

static bool contents_reach_object(const struct witness *witness)
{
    wanted = witness->base;
    found = false;
    (void)reach_search(wanted, enter);
    reach_forget();
    return found;
}

static void mark_arguments(bool of_unmarked)
{
    for (struct witness *witness = witnesses; witness != NULL; witness = witness->next) {
        if (of_unmarked || !is_unmarked(witness)) {
            mark_word((uintptr_t)witness->waiting.argument);
        } else {
            witness->waiting.waiter.base = (uintptr_t)witness->base | WAITER_HAS_ARGUMENT;
            ephemeron_wait(&witness->waiting.waiter);
        }
    }
    ephemeron_drain();
}

/* Unmarked objects that were not reported yet, one after the other, as far as the budget goes. */
static void examine(bool (*is_kept)(const struct witness *), enum witness_kind kind, enum diagnosis_reason reason)
{
    size_t before = reach_passed;
    struct witness *start = resume != NULL ? resume : witnesses, *witness = start;
    do {
        if (witness->kind == kind && !witness->reported && is_unmarked(witness) && is_kept(witness))
            report(witness, reason);
        witness = witness->next != NULL ? witness->next : witnesses;
    } while (witness != start && reach_passed - before < BUDGET);
    resume = witness;
}

void witness_mark_end(void)
{
    if (witnesses == NULL)
        return;
    mark_arguments(false);
    examine(argument_reaches_object, WITNESS_OF_CLEANUP, ARGUMENT_OF_CLEANUP);
    examine(argument_reaches_object, WITNESS_OF_FINALIZER, ARGUMENT_OF_FINALIZER);
    mark_arguments(true);
    examine(contents_reach_object, WITNESS_OF_FINALIZER, CYCLE_OF_FINALIZERS);
}

void witness_reclaim_end(void)
{
    for (struct witness *witness = witnesses; witness != NULL; witness = witness->next)
        if (witness->base != NULL && !collector_survived(witness->base))
            witness->base = NULL;
}
