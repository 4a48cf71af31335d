/* SPDX-License-Identifier: MIT */
/* What a thread does, step by step. */
#include "config.h"

#include "stress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void hold_one(struct worker *worker)
{
    unsigned index;
    struct subject *subject = any_subject(&index);
    unsigned number = dice(values_in(subject));
    hapax_handle handle = make(subject, number);
    check_bytes(subject, handle, number, "made");
    if (dice(4) != 0)
        return;
    struct holding *holding = any_holding(worker);
    let_go(holding);
    *holding = (struct holding){.subject = subject, .handle = handle, .number = number};
    if (dice(3) == 0)
        holding->weak = hapax_weak_make(handle);
}

static void find_some(void)
{
    unsigned index;
    struct subject *subject = any_subject(&index);
    for (unsigned i = 0; i < 8; i++) {
        unsigned number = dice(values_in(subject));
        union value value;
        size_t size = value_of(subject, number, &value);
        hapax_handle handle = hapax_find_handle(subject->table, &value, size);
        if (handle != NULL) {
            meet(subject, handle, number, "find");
            check_bytes(subject, handle, number, "found");
        }
    }
}

/* Nothing but lookups of values that nobody holds, written out beforehand: a collection stops some thread between any
 * two instructions of one. */
static void look_up(const struct worker *worker)
{
    struct subject *subject = load_acquire(&subjects[dice(3)]);
    for (unsigned i = 0; i < 1000; i++) {
        unsigned number = dice(VALUES);
        const hapax_span *key = &worker->keys[number];
        hapax_handle handle = hapax_find_handle(subject->table, key->data, key->size);
        if (handle == NULL && i % 4 == 0)
            handle = hapax_make_handle(subject->table, key->data, key->size);
        if (handle != NULL && hapax_find_handle(subject->table, key->data, key->size) != handle)
            fail("look up: value %u of a table of kind %d was found, and is not found again", number,
                 (int)subject->kind);
        hapax_keep_alive(handle);
    }
}

static void make_batch(void)
{
    enum { MOST = 80 };
    unsigned index, n = 1 + dice(MOST);
    struct subject *subject = any_subject(&index);
    union value values[MOST];
    unsigned numbers[MOST];
    hapax_span spans[MOST];
    hapax_handle handles[MOST];
    unsigned first = dice(values_in(subject));
    for (unsigned i = 0; i < n; i++) {
        numbers[i] = (first + dice(30)) % values_in(subject);
        spans[i] = (hapax_span){&values[i], value_of(subject, numbers[i], &values[i])};
    }
    if (hapax_make_handles(subject->table, spans, n, handles) != n)
        fail("a batch stopped");
    for (unsigned i = 0; i < n; i++) {
        meet(subject, handles[i], numbers[i], "batch");
        check_bytes(subject, handles[i], numbers[i], "batch");
        unsigned other = dice(n);
        if ((numbers[i] == numbers[other]) != (handles[i] == handles[other]))
            fail("equal and different values of a batch are mixed up");
    }
}

/* Weak pointers of strings alone, some dead, some not. */
enum { SHARED = 256 };
static hapax_weak _Atomic shared[SHARED];

/* Nothing but reads of them: what one gives is held, and so is its value's one handle. */
static void read_weakly(const struct worker *worker)
{
    struct subject *strings = load_acquire(&subjects[0]);
    for (unsigned i = 0; i < 1000; i++) {
        unsigned place = dice(SHARED);
        hapax_weak weak = load_acquire(&shared[place]);
        hapax_handle handle = weak != NULL ? hapax_weak_value(weak) : NULL;
        if (handle == NULL) {
            if (i % 16 == 0)
                store_release(&shared[place], hapax_weak_make(make(strings, dice(VALUES))));
            continue;
        }
        const char *bytes = hapax_handle_value(handle);
        unsigned long number = strncmp(bytes, "value ", 6) == 0 ? strtoul(bytes + 6, NULL, 10) : VALUES;
        if (number >= VALUES)
            fail("a weak pointer gives what is no value");
        const hapax_span *key = &worker->keys[number];
        if (hapax_find_handle(strings->table, key->data, key->size) != handle)
            fail("read weakly: value %lu is held, but another handle is found", number);
        hapax_keep_alive(handle);
    }
}

static void weak_step(struct worker *worker)
{
    unsigned place = dice(SHARED);
    struct subject *strings = load_acquire(&subjects[0]);
    hapax_weak weak = load_acquire(&shared[place]);
    hapax_handle handle = weak != NULL ? hapax_weak_value(weak) : NULL;
    if (handle != NULL) {
        /* Which value it is stands in its bytes. */
        unsigned number;
        if (sscanf(hapax_handle_value(handle), "value %u ", &number) != 1 || number >= VALUES)
            fail("a weak pointer gives what is no value");
        expect_canonical(strings, handle, number, "weak");
        meet(strings, handle, number, "weak");
    }
    if (dice(4) == 0) {
        unsigned number = dice(VALUES);
        handle = make(strings, number);
        weak = hapax_weak_make(handle);
        if (weak == NULL || hapax_weak_value(weak) != (const void *)handle)
            fail("a weak pointer of what is held is dead");
        store_release(&shared[place], weak);
    }
    struct holding *holding = any_holding(worker);
    if (holding->handle != NULL && dice(4) == 0)
        holding->weak = hapax_weak_make(holding->handle);
}

static void pin_step(struct worker *worker)
{
    struct pinned *pinned = &worker->pinned[dice(HELD)];
    if (pinned->hidden_handle != 0) {
        hapax_handle handle = (hapax_handle)~pinned->hidden_handle;
        struct subject *subject = (struct subject *)~pinned->hidden_subject;
        expect_canonical(subject, handle, pinned->number, "pinned");
        hapax_unpin(handle);
        hapax_unpin(subject);
        pinned->hidden_handle = 0;
        return;
    }
    unsigned index;
    struct subject *subject = any_subject(&index);
    pinned->number = dice(values_in(subject));
    hapax_handle handle = make(subject, pinned->number);
    if (hapax_pin(handle) != 0 || hapax_pin(subject) != 0)
        fail("no pin");
    pinned->hidden_handle = ~(uintptr_t)handle;
    pinned->hidden_subject = ~(uintptr_t)subject;
}

struct visit {
    const struct subject *subject;
    unsigned char times[VALUES];
};

static bool visit(hapax_handle handle, void *context)
{
    struct visit *all = context;
    unsigned number;
    const char *bytes = hapax_handle_value(handle);
    switch (all->subject->kind) {
    case PAIRS:
        number = (unsigned)((const struct pair *)(const void *)bytes)->number;
        break;
    case NUMBERS:
        number = (unsigned)((const struct number *)(const void *)bytes)->number;
        break;
    default:
        if (sscanf(bytes, "value %u ", &number) != 1)
            return true;    /* of a flood */
    }
    if (number >= VALUES)
        fail("each: value %u was never made", number);
    check_bytes(all->subject, handle, number, "each");
    all->times[number]++;
    if (dice(3000) == 0)
        hapax_collect();
    return true;
}

static void visit_all(struct worker *worker)
{
    unsigned index;
    struct visit all = {.subject = any_subject(&index)};
    if (!hapax_table_each(all.subject->table, visit, &all))
        fail("each stopped");
    struct holding *places[] = {worker->in_collected, worker->in_range, worker->on_stack};
    for (unsigned i = 0; i < 3 * HELD; i++) {
        const struct holding *holding = &places[i / HELD][i % HELD];
        if (holding->handle != NULL && holding->subject == all.subject && all.times[holding->number] != 1)
            fail("each: value %u is held, and was visited %u times", holding->number, all.times[holding->number]);
    }
    add_relaxed(&visits, 1u);
}

static void flood(void)
{
    unsigned index;
    struct subject *subject = any_subject(&index);
    if (subject->kind != OWN_STRINGS && subject->kind != STRINGS)
        return;
    static atomic_uint flood_number;
    unsigned mine = add_relaxed(&flood_number, 1u), n = FLOOD / 4 + dice(FLOOD);
    hapax_handle *handles = hapax_alloc(n * sizeof *handles);
    for (unsigned i = 0; i < n; i++) {
        char text[60];
        int length = snprintf(text, sizeof text, "flood %u %u", mine, i);
        handles[i] = hapax_make_handle(subject->table, text, (size_t)length);
        if (handles[i] == NULL)
            fail("no handle in a flood");
    }
    for (unsigned i = 0; i < n; i++) {
        char text[60];
        int length = snprintf(text, sizeof text, "flood %u %u", mine, i);
        if (strcmp(hapax_handle_value(handles[i]), text) != 0)
            fail("flood: the bytes of a handle are wrong");
        if (hapax_find_handle(subject->table, text, (size_t)length) != handles[i])
            fail("flood: a value that is held is not found");
        handles[i] = NULL;
    }
    add_relaxed(&floods, 1u);
}

static void step(struct worker *worker)
{
    unsigned index;
    struct subject *subject;
    struct holding *holding = any_holding(worker);
    switch (dice(2000)) {
    case 0:
        if (dice(20) == 0)
            flood();
        return;
    case 1:
        visit_all(worker);
        return;
    case 2:
        /* A new table takes the place of one, which lives as long as somebody holds it. */
        subject = any_subject(&index);
        if (subject->kind != STRINGS)
            store_release(&subjects[index], new_subject(subject->kind));
        return;
    case 3:
        hapax_collect();
        return;
    case 4:
        for (unsigned i = 0; i < HELD; i++) {
            let_go(&worker->in_collected[i]);
            let_go(&worker->in_range[i]);
            let_go(&worker->on_stack[i]);
        }
        return;
    case 5:
        hapax_run_cleanups();
        return;
    case 6:
        store_release(&brought_back[dice(BROUGHT_BACK)], (struct foreign *)NULL);
        return;
    default:
        break;
    }
    switch (dice(24)) {
    default:
        hold_one(worker);
        break;
    case 16: case 17: case 18: case 19:
        look_up(worker);
        break;
    case 0: case 1: case 2: case 3: case 4: case 5:
        find_some();
        break;
    case 6: case 7: case 8:
        check_holding(holding);
        break;
    case 9:
        make_batch();
        break;
    case 10: case 11:
        if (dice(2) == 0)
            read_weakly(worker);
        else
            weak_step(worker);
        break;
    case 12:
        pin_step(worker);
        break;
    case 13:
        if (holding->handle != NULL && dice(2) == 0) {
            if (dice(3) == 0)
                give_to_finalizer(holding->subject, holding->handle, holding->number);
            else
                give_to_foreign(holding->subject, holding->handle, holding->number);
            let_go(holding);
        }
        break;
    case 14:
        if (holding->handle != NULL)
            add_cleanup(worker, holding->handle);
        else
            add_cleanup(worker, hapax_alloc(8 + dice(100)));
        break;
    case 15:
        let_go(holding);
        break;
    }
}

void *work(void *number)
{
    chance = first_seed * 77 + (uintptr_t)number * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (unsigned i = 0; i < 10; i++)
        dice(2);
    struct holding on_stack[HELD] = {0};
    struct worker worker = {.on_stack = on_stack};
    size_t bytes = HELD * sizeof(struct holding);
    worker.in_collected = hapax_alloc(bytes);
    worker.in_range = calloc(1, bytes);
    worker.pinned = calloc(HELD, sizeof *worker.pinned);
    worker.keys = malloc(VALUES * sizeof *worker.keys);
    for (unsigned i = 0; i < VALUES; i++) {
        char text[1200];
        size_t size = text_of(i, text);
        worker.keys[i] = (hapax_span){memcpy(malloc(size), text, size), size};
    }
    if (hapax_add_roots(worker.in_range, bytes) != 0)
        fail("no root range");
    while (!load_relaxed(&time_is_over)) {
        step(&worker);
        add_relaxed(&steps, 1u);
    }
    for (unsigned i = 0; i < HELD; i++) {
        check_holding(&worker.in_collected[i]);
        check_holding(&worker.in_range[i]);
        check_holding(&worker.on_stack[i]);
        if (worker.pinned[i].hidden_handle != 0) {
            hapax_unpin((void *)~worker.pinned[i].hidden_handle);
            hapax_unpin((void *)~worker.pinned[i].hidden_subject);
        }
    }
    hapax_remove_roots(worker.in_range, bytes);
    free(worker.in_range);
    for (unsigned i = 0; i < VALUES; i++)
        free((void *)(uintptr_t)worker.keys[i].data);
    free(worker.keys);
    free(worker.pinned);
    hapax_keep_alive(worker.in_collected);
    return NULL;
}
