/* Threads that do everything at once, beside collections that never pause, and check at each step what the library
 * promises: the bytes of every handle held are right, no two live handles stand for one value, whatever is held is
 * found. Between rounds all threads end, and each table's trie and registry are walked.
 *
 *     stress [--seconds=5] [--threads=8] [--incremental] [--seed=N]
 *
 * One TAP line; the first mistake ends the program with a line that says which, and the seed. */
#include "config.h"

#include <hapax.h>

#include "values/table.h"
#include "trie_check.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef GC_THREADS
#define GC_THREADS 1
#endif
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>

enum {
    VALUES = 1500,          /* in each table, besides floods */
    HELD = 48,              /* handles that a thread holds in each kind of memory */
    FLOOD = 12000,
    MAX_THREADS = 64,
};

static unsigned threads = 8;
static double seconds = 5;
static bool incremental;
static uint64_t first_seed;

static atomic_bool time_is_over;
static atomic_count steps, resurrected, finalized;
static atomic_count cleanups_added, cleanups_stopped, cleanups_ran, floods, tables_made, visits;

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
    static atomic_bool failed;
    if (atomic_exchange(&failed, true))
        pause();
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct hapax_stats stats;
    hapax_stats(&stats);
    printf("not ok 1 - stress: %s (seed %llu, step %llu, collection %llu)\n", text, (unsigned long long)first_seed,
           (unsigned long long)load_relaxed(&steps), (unsigned long long)stats.collections);
    fflush(stdout);
    _exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- Chance ---- */

static _Thread_local uint64_t chance;

static uint32_t dice(uint32_t sides)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (uint32_t)((chance >> 32) * sides >> 32);
}

/* ---- Tables under test ---- */

enum kind { STRINGS, OWN_STRINGS, POOR_HASH, PAIRS, NUMBERS, KEPT };
static const enum kind kinds[] = {STRINGS, OWN_STRINGS, OWN_STRINGS, POOR_HASH, PAIRS, NUMBERS, KEPT};
enum { SUBJECTS = sizeof kinds / sizeof *kinds };

/* In memory that is searched. `current` holds the handles of some values: two threads that hold a handle for one value
 * meet there. */
struct subject {
    hapax_table *table;
    enum kind kind;
    _Atomic hapax_handle current[VALUES];
};
static struct subject *_Atomic subjects[SUBJECTS];

struct pair {
    hapax_handle first, second;     /* strings */
    uint64_t number;
};

struct number {
    uint64_t number;
    long double square;
    char padding[40];
};

union value {
    char text[1200];
    struct pair pair;
    struct number number;
};

static unsigned text_of(unsigned number, char *text)
{
    int length = snprintf(text, 40, "value %u ", number);
    /* Up to some hundred bytes of its own, some more than a thread's runs serve. */
    unsigned size = number % 97 == 0 ? 1100 : (unsigned)length + number % 61;
    memset(text + length, 'a' + (int)(number % 26), size - (unsigned)length);
    if (number % 13 == 0)
        text[size - 1] = '\0';
    return size;
}

static size_t value_of(const struct subject *subject, unsigned number, union value *value);
static hapax_handle make(struct subject *subject, unsigned number);

static uint64_t poor_hash(const void *value, size_t size, uint64_t seed)
{
    (void)size;
    return (((const unsigned char *)value)[6] & 15) ^ seed;
}

/* A user's function that has work of its own: it allocates and interns. */
static bool busy_equal(const void *a, const void *b, size_t size)
{
    bool equal = memcmp(a, b, size) == 0;
    switch (dice(512)) {
    case 0:
        if (hapax_intern("what an equality needs") == NULL)
            fail("hapax_intern fails");
        break;
    case 1:
        if (hapax_alloc(100) == NULL)
            fail("hapax_alloc fails");
        break;
    default:
        break;
    }
    return equal;
}

static const struct hapax_type poor_type = {.name = "poor", .hash = poor_hash, .equal = busy_equal};
static const struct hapax_type pair_type = {.size = sizeof(struct pair), .flags = HAPAX_TYPE_HAS_POINTERS};
static const struct hapax_type number_type = {.size = sizeof(struct number)};

static struct subject *new_subject(enum kind kind)
{
    struct subject *subject = hapax_alloc(sizeof *subject);
    subject->kind = kind;
    switch (kind) {
    case STRINGS:
        subject->table = hapax_strings();
        break;
    case OWN_STRINGS:
        subject->table = hapax_table_new(NULL, 0);
        break;
    case POOR_HASH:
        subject->table = hapax_table_new(&poor_type, 0);
        break;
    case PAIRS:
        subject->table = hapax_table_new(&pair_type, 0);
        break;
    case NUMBERS:
        subject->table = hapax_table_new(&number_type, 0);
        break;
    case KEPT:
        subject->table = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES);
        break;
    }
    if (subject->table == NULL)
        fail("no table");
    add_relaxed(&tables_made, 1u);
    return subject;
}

static struct subject *any_subject(unsigned *index)
{
    *index = dice(SUBJECTS);
    return load_acquire(&subjects[*index]);
}

static unsigned values_in(const struct subject *subject)
{
    return subject->kind == POOR_HASH ? 150 : VALUES;
}

static size_t value_of(const struct subject *subject, unsigned number, union value *value)
{
    switch (subject->kind) {
    case PAIRS: {
        struct subject *strings = load_acquire(&subjects[0]);
        value->pair = (struct pair){make(strings, number), make(strings, (number + 1) % VALUES), number};
        return sizeof value->pair;
    }
    case NUMBERS:
        memset(&value->number, 0, sizeof value->number);
        value->number.number = number;
        value->number.square = (long double)number * number;
        return sizeof value->number;
    default:
        return text_of(number, value->text);
    }
}

static bool is_text(hapax_handle handle, unsigned number)
{
    char text[1200];
    size_t size = text_of(number, text);
    const char *bytes = hapax_handle_value(handle);
    return hapax_handle_size(handle) == size && memcmp(bytes, text, size) == 0 && bytes[size] == '\0';
}

static void check_bytes(const struct subject *subject, hapax_handle handle, unsigned number, const char *where)
{
    bool right;
    const void *bytes = hapax_handle_value(handle);
    if (subject->kind == PAIRS) {
        const struct pair *pair = bytes;
        right = hapax_handle_size(handle) == sizeof *pair && pair->number == number && is_text(pair->first, number) &&
                is_text(pair->second, (number + 1) % VALUES);
    } else if (subject->kind == NUMBERS) {
        const struct number *found = bytes;
        right = hapax_handle_size(handle) == sizeof *found && found->number == number &&
                found->square == (long double)number * number && (uintptr_t)bytes % _Alignof(max_align_t) == 0;
    } else {
        right = is_text(handle, number);
    }
    if (!right)
        fail("%s: the bytes of value %u of a table of kind %d are wrong", where, number, (int)subject->kind);
}

/* Compares with the handle that another thread may have shown: both are held at this moment. */
static void meet(struct subject *subject, hapax_handle handle, unsigned number, const char *where)
{
    hapax_handle other = load_acquire(&subject->current[number]);
    if (other != NULL && other != handle)
        fail("%s: two live handles for value %u of a table of kind %d", where, number, (int)subject->kind);
    switch (dice(16)) {
    case 0:
    case 1:
        cas_acq_rel(&subject->current[number], &other, handle);
        break;
    case 2:
    case 3:
        store_release(&subject->current[number], (hapax_handle)NULL);
        break;
    default:
        break;
    }
}

static hapax_handle make(struct subject *subject, unsigned number)
{
    union value value;
    size_t size = value_of(subject, number, &value);
    hapax_handle handle;
    if (dice(8) == 0)
        handle = hapax_make_handle_hashed(subject->table, &value, size, hapax_hash(subject->table, &value, size));
    else
        handle = hapax_make_handle(subject->table, &value, size);
    if (handle == NULL)
        fail("no handle");
    if (subject->kind == PAIRS)
        hapax_keep_alive(value.pair.first);
    meet(subject, handle, number, "make");
    return handle;
}

/* What is held is found, under the same handle. */
static void expect_canonical(struct subject *subject, hapax_handle handle, unsigned number, const char *where)
{
    check_bytes(subject, handle, number, where);
    union value value;
    size_t size = value_of(subject, number, &value);
    hapax_handle found = dice(2) == 0 ? hapax_make_handle(subject->table, &value, size)
                                      : hapax_find_handle(subject->table, &value, size);
    if (found != handle)
        fail("%s: value %u of a table of kind %d is held, but another handle is found (%p, %p)", where, number,
             (int)subject->kind, (const void *)handle, (const void *)found);
    hapax_keep_alive(handle);
}

/* ---- What a thread holds ---- */

struct holding {
    struct subject *subject;
    hapax_handle handle;
    hapax_weak weak;
    struct watch *stopped;
    unsigned number;
};

struct pinned {
    uintptr_t hidden_subject, hidden_handle;    /* complements: nothing but the pin keeps them */
    unsigned number;
};

struct worker {
    struct holding *in_collected, *in_range, *on_stack;
    struct pinned *pinned;                      /* in memory that is not searched */
    struct watch *watches[8];
    hapax_span *keys;                           /* each value's text */
};

static struct holding *any_holding(struct worker *worker)
{
    struct holding *places[] = {worker->in_collected, worker->in_range, worker->on_stack};
    return places[dice(3)] + dice(HELD);
}

static void let_go(struct holding *holding)
{
    *holding = (struct holding){0};
}

static void check_holding(struct holding *holding)
{
    if (holding->handle == NULL)
        return;
    expect_canonical(holding->subject, holding->handle, holding->number, "held");
    if (holding->weak == NULL)
        return;
    if (hapax_weak_value(holding->weak) != (const void *)holding->handle)
        fail("the weak pointer of a handle that is held is dead");
    if (hapax_weak_make(holding->handle) != holding->weak)
        fail("two weak pointers for one handle that is held");
}

/* ---- Foreign finalizers that bring back ---- */

/* A foreign object that reaches a handle, or the handle itself. */
struct foreign {
    struct subject *subject;
    hapax_handle handle;
    hapax_weak weak;        /* of the handle */
    unsigned number;
};
enum { BROUGHT_BACK = 64 };
static struct foreign *_Atomic brought_back[BROUGHT_BACK];

static void GC_CALLBACK bring_back(void *object, void *unused)
{
    (void)unused;
    struct foreign *foreign = object;
    uint64_t saved = chance;
    if (chance == 0)
        chance = first_seed;
    /* All it reaches was brought back with it, as if nothing had been. */
    expect_canonical(foreign->subject, foreign->handle, foreign->number, "brought back");
    if (foreign->weak != NULL && hapax_weak_value(foreign->weak) != (const void *)foreign->handle)
        fail("the weak pointer of a handle that was brought back is dead");
    store_release(&brought_back[dice(BROUGHT_BACK)], foreign);
    add_relaxed(&resurrected, 1u);
    if (saved != 0 && dice(3) == 0)
        GC_register_finalizer(object, bring_back, NULL, NULL, NULL);
}

struct bring_back_handle {
    struct subject *subject;
    unsigned number;
};

static void GC_CALLBACK bring_handle_back(void *object, void *data)
{
    struct bring_back_handle *what = data;
    if (chance == 0)
        chance = first_seed;
    expect_canonical(what->subject, object, what->number, "brought back itself");
    meet(what->subject, object, what->number, "brought back itself");
    add_relaxed(&resurrected, 1u);
}

/* A finalizer of ours: what its object reaches is alive and canonical until it has run. */
static void finalize(void *object, void *argument)
{
    struct foreign *ours = object;
    (void)argument;
    if (chance == 0)
        chance = first_seed;
    expect_canonical(ours->subject, ours->handle, ours->number, "finalized");
    if (hapax_weak_value(ours->weak) != (const void *)ours->handle)
        fail("the weak pointer of a handle that a finalizer reaches is dead");
    add_relaxed(&finalized, 1u);
    if (dice(3) == 0 && hapax_set_finalizer(object, finalize, NULL) != 0)
        fail("no finalizer set anew");
    store_release(&brought_back[dice(BROUGHT_BACK)], ours);
}

static void give_to_finalizer(struct subject *subject, hapax_handle handle, unsigned number)
{
    struct foreign *ours = hapax_alloc(sizeof *ours);
    *ours = (struct foreign){subject, handle, hapax_weak_make(handle), number};
    if (hapax_set_finalizer(ours, finalize, NULL) != 0)
        fail("no finalizer");
}

static void give_to_foreign(struct subject *subject, hapax_handle handle, unsigned number)
{
    if (dice(2) == 0) {
        struct foreign *foreign = GC_MALLOC(sizeof *foreign);
        *foreign = (struct foreign){subject, handle, dice(2) == 0 ? hapax_weak_make(handle) : NULL, number};
        GC_register_finalizer(foreign, bring_back, NULL, NULL, NULL);
    } else {
        struct bring_back_handle *what = GC_MALLOC(sizeof *what);
        *what = (struct bring_back_handle){subject, number};
        GC_register_finalizer((void *)(uintptr_t)handle, bring_handle_back, what, NULL, NULL);
    }
}

/* ---- Cleanups ---- */

struct watch {
    hapax_weak weak;
    hapax_cleanup cleanup;
    atomic_bool ran, stopped;
};

static void note_death(void *argument)
{
    struct watch *watch = argument;
    if (chance == 0)
        chance = first_seed;
    if (atomic_exchange(&watch->ran, true))
        fail("a cleanup ran twice");
    if (load_acquire(&watch->stopped))
        fail("a cleanup ran that was stopped while its object was held");
    if (hapax_weak_value(watch->weak) != NULL)
        fail("a cleanup ran while its object lives");
    add_relaxed(&cleanups_ran, 1u);
}

static void add_cleanup(struct worker *worker, const void *object)
{
    struct watch *watch = hapax_alloc(sizeof *watch);
    watch->weak = hapax_weak_make(object);
    if (hapax_add_cleanup(object, note_death, watch, &watch->cleanup) != 0)
        fail("no cleanup");
    add_relaxed(&cleanups_added, 1u);
    if (dice(3) == 0) {
        /* The object is held, so it has not begun. */
        hapax_cleanup_stop(watch->cleanup);
        store_release(&watch->stopped, true);
        add_relaxed(&cleanups_stopped, 1u);
    }
    unsigned place = dice(8);
    /* Stopping one that may have run, or runs now, is harmless. */
    struct watch *old = worker->watches[place];
    if (old != NULL && load_acquire(&old->stopped))
        hapax_cleanup_stop(old->cleanup);
    worker->watches[place] = watch;
    hapax_keep_alive(object);
}

/* ---- Steps ---- */

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

static void *work(void *data)
{
    chance = first_seed * 77 + (uintptr_t)data * UINT64_C(0x9e3779b97f4a7c15) + 1;
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

/* ---- Rounds ---- */

/* Collects without end, one way and another. */
static void *collect(void *unused)
{
    chance = first_seed + 4711;
    if (hapax_init() != 0)
        fail("hapax_init in a thread");
    while (!load_relaxed(&time_is_over)) {
        if (dice(4) == 0)
            hapax_collect();
        else if (incremental && dice(2) == 0)
            while (GC_collect_a_little() != 0 && !load_relaxed(&time_is_over))
                ;
        else
            GC_gcollect();
        usleep(dice(6000));
    }
    return unused;
}

static void run_round(double until, unsigned round)
{
    pthread_t workers[MAX_THREADS], collector;
    store_relaxed(&time_is_over, false);
    for (uintptr_t i = 0; i < threads; i++)
        if (pthread_create(&workers[i], NULL, work, (void *)(round * MAX_THREADS + i)) != 0)
            fail("no thread");
    if (pthread_create(&collector, NULL, collect, NULL) != 0)
        fail("no thread");
    while (now() < until)
        usleep(20000);
    store_relaxed(&time_is_over, true);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(workers[i], NULL);
    pthread_join(collector, NULL);
}

/* Nobody works now: walks every table. */
static void walk_tables(void)
{
    if (hapax_set_cleanup_threads(0) != 0)
        fail("the cleanup threads do not end");
    hapax_collect();
    GC_disable();
    for (unsigned i = 0; i < SUBJECTS; i++) {
        struct subject *subject = load_acquire(&subjects[i]);
        struct trie_walk walk;
        const char *error = trie_check_registry(&subject->table->set.trie, subject->table->set.registry, &walk);
        if (error != NULL)
            fail("a table of kind %d: %s", (int)subject->kind, error);
        if (walk.alone != 0)
            fail("a table of kind %d: %llu objects are in the registry only", (int)subject->kind,
                 (unsigned long long)walk.alone);
        if (walk.tentative != 0)
            fail("a table of kind %d: a word was not settled", (int)subject->kind);
    }
    GC_enable();
    if (hapax_set_cleanup_threads(dice(4)) != 0)
        fail("no cleanup threads");
}

static void parse(int count, char **arguments)
{
    first_seed = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;
    for (int i = 1; i < count; i++) {
        const char *argument = arguments[i];
        if (strncmp(argument, "--seconds=", 10) == 0) {
            seconds = atof(argument + 10);
        } else if (strncmp(argument, "--threads=", 10) == 0) {
            threads = (unsigned)atoi(argument + 10);
        } else if (strncmp(argument, "--seed=", 7) == 0) {
            first_seed = strtoull(argument + 7, NULL, 0);
        } else if (strcmp(argument, "--incremental") == 0) {
            incremental = true;
        } else {
            fprintf(stderr, "usage: stress [--seconds=S] [--threads=N] [--incremental] [--seed=N]\n");
            exit(2);
        }
    }
    if (threads < 1 || threads > MAX_THREADS) {
        fprintf(stderr, "stress: between 1 and %d threads\n", MAX_THREADS);
        exit(2);
    }
    if (first_seed == 0)
        first_seed = 1;
}

int main(int count, char **arguments)
{
    parse(count, arguments);
    chance = first_seed;
    GC_INIT();
    if (incremental) {
        GC_enable_incremental();
        /* No pause is short enough to mark everything at once. */
        GC_set_time_limit(0);
    }
    if (hapax_init() != 0)
        fail("hapax_init");
    for (unsigned i = 0; i < SUBJECTS; i++)
        store_release(&subjects[i], new_subject(kinds[i]));
    puts("1..1");
    fflush(stdout);
    double end = now() + seconds;
    for (unsigned round = 0; now() < end; round++) {
        double until = now() + 1;
        run_round(until < end ? until : end, round);
        walk_tables();
    }
    struct hapax_stats stats;
    hapax_stats(&stats);
    printf("ok 1 - stress%s: %u threads, %llu steps, %llu collections, %llu resurrections, %llu cleanups of %llu ran, "
           "%llu stopped, %llu finalizers, %llu tables, %llu floods, %llu iterations\n",
           incremental ? ", incremental" : "", threads, (unsigned long long)load_relaxed(&steps),
           (unsigned long long)stats.collections, (unsigned long long)load_relaxed(&resurrected),
           (unsigned long long)load_relaxed(&cleanups_ran), (unsigned long long)load_relaxed(&cleanups_added),
           (unsigned long long)load_relaxed(&cleanups_stopped), (unsigned long long)load_relaxed(&finalized),
           (unsigned long long)load_relaxed(&tables_made),
           (unsigned long long)load_relaxed(&floods), (unsigned long long)load_relaxed(&visits));
    return 0;
}
