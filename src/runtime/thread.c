/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/thread.h"

#include "base/park.h"
#include "runtime/main_tls.h"
#include "runtime/start.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

_Thread_local struct thread *thread_self, *thread_known;

/* Protects the handing out of struct thread. */
static spin_lock threads_lock;
static struct thread *_Atomic threads;
static pthread_key_t at_thread_end;

static void let_go_of(struct thread *thread)
{
    thread_forget_runs(thread);
    store_relaxed(&thread->task, 0);
    store_relaxed(&thread->stack_base, (uintptr_t)0);
    /* Release: a thread that takes it over finds it empty. */
    store_release(&thread->in_use, false);
}

static void leave(void *data)
{
    struct thread *self = data;
    bool ours = self->ours;
    thread_self = thread_known = NULL;
    let_go_of(self);
    if (ours)
        collector_unregister_thread();
}

/* When a thread ends, the destructors of its keys are called in the order of their numbers, and so for some rounds.
 * What calls the library there makes the thread known again. In the last round ours has to be the last: its number is
 * the highest there is. A new key gets the lowest number that is free. */
static int new_last_key(pthread_key_t *last, void (*destroy)(void *))
{
    pthread_key_t keys[PTHREAD_KEYS_MAX];
    size_t count = 0;
    int error = 0;
    while (count < PTHREAD_KEYS_MAX && (error = pthread_key_create(&keys[count], destroy)) == 0)
        count++;
    if (count == 0)
        return error;
    size_t highest = 0;
    for (size_t i = 1; i < count; i++)
        if (keys[i] > keys[highest])
            highest = i;
    for (size_t i = 0; i < count; i++)
        if (i != highest)
            pthread_key_delete(keys[i]);
    *last = keys[highest];
    return 0;
}

int thread_start(void)
{
    int error = new_last_key(&at_thread_end, leave);
    if (error != 0) {
        errno = error;
        return -1;
    }
    return 0;
}

static struct thread *take_over(void)
{
    for (struct thread *thread = load_acquire(&threads); thread != NULL; thread = thread->next) {
        bool free = false;
        if (!load_relaxed(&thread->in_use) && cas_acquire(&thread->in_use, &free, true))
            return thread;
    }
    return NULL;
}

static struct thread *new_thread(void)
{
    static atomic_uint made;
    struct thread *thread = take_over();
    if (thread != NULL)
        return thread;
    thread = calloc(1, sizeof *thread);
    if (thread == NULL)
        return NULL;
    thread->values.kind = COLLECTOR_VALUE;
    thread->scanned_values.kind = COLLECTOR_SCANNED_VALUE;
    thread->lane = add_relaxed(&made, 1u);
    store_relaxed(&thread->in_use, true);
    spin_acquire(&threads_lock);
    thread->next = load_relaxed(&threads);
    store_release(&threads, thread);   /* release: a thread that finds it finds it filled in */
    spin_release(&threads_lock);
    return thread;
}

static int own_number(void)
{
    return (int)syscall(SYS_gettid);
}

/* Nobody takes off the main thread of a process. */
static bool is_main_thread(void)
{
    return own_number() == getpid();
}

/* The stack that the calling thread was born with; low is 0 if the system does not tell. */
struct stack {
    uintptr_t low, base;
};

static struct stack own_stack(void)
{
    pthread_attr_t attributes;
    void *low = NULL;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return (struct stack){0, 0};
    (void)pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
    return (struct stack){(uintptr_t)low, (uintptr_t)low + size};
}

static bool is_outside(struct stack stack, uintptr_t address)
{
    return stack.low != 0 && address - stack.low >= stack.base - stack.low;
}

/* What becomes known of a thread, all at once. */
struct news {
    struct thread *self;
    bool ours, is_astray;
    struct stack stack;
    void *handle;
};

/* No collection runs. */
static void tell(void *data)
{
    const struct news *news = data;
    struct thread *self = news->self;
    self->ours = news->ours;
    self->handle = news->handle;
    self->stack_low = news->stack.low;
    /* Until it has been stopped once, nobody knows how far the stack goes that it runs on. */
    self->astray_at = news->is_astray ? THREAD_NOWHERE : 0;
    store_relaxed(&self->stack_base, news->stack.base);
    if (news->is_astray)
        collector_set_stack_base(self->handle, news->stack.base);
    /* Release: the rest is there. */
    store_release(&self->task, news->ours ? own_number() : 0);
}

/* The collector knows the thread now. */
static void tell_of(struct thread *self, bool ours, struct stack stack, bool is_astray)
{
    struct news news = {.self = self, .ours = ours, .is_astray = ours && is_astray};
    uintptr_t base = 0;
    news.handle = collector_stack(&base);
    if (news.is_astray)
        news.stack = stack;
    else
        news.stack = (struct stack){ours && base - stack.low <= stack.base - stack.low ? stack.low : 0, base};
    if (ours)
        collector_exclude(tell, &news);
    else
        tell(&news);
    collector_set_first_base(0);
}

static struct thread *enter_first(void)
{
    struct stack stack = own_stack();
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    bool is_astray = is_outside(stack, here);
    /* The collector would search from here to the end of the thread's own stack. Until it knows better, it searches the
     * frames of the calls from here on, and nothing else: the caller has nothing of ours yet. */
    collector_set_first_base(is_astray ? here : 0);
    if (start_library() != 0)
        return NULL;
    main_tls_find();
    int ours = collector_register_thread();
    if (ours < 0)
        return NULL;
    struct thread *self = new_thread();
    if (self == NULL || pthread_setspecific(at_thread_end, self) != 0) {
        if (self != NULL)
            let_go_of(self);
        if (ours)
            collector_unregister_thread();
        errno = ENOMEM;
        return NULL;
    }
    tell_of(self, ours != 0, stack, is_astray);
    thread_self = self;
    if (ours || is_main_thread())
        thread_known = self;
    return self;
}

static struct thread *enter_guest(struct thread *self)
{
    int ours = collector_register_thread();
    if (ours < 0)
        return NULL;
    tell_of(self, ours != 0, ours ? own_stack() : (struct stack){0, 0}, false);
    if (ours)
        thread_known = self;
    return self;
}

struct thread *thread_enter_slowly(void)
{
    int before = errno;
    struct thread *self = thread_self;
    if (self != NULL) {
        self = enter_guest(self);
    } else {
        /* The system may be asked for the thread's stack, by way of a file. */
        int cancellation = cancellation_off();
        self = enter_first();
        cancellation_restore(cancellation);
    }
    if (self != NULL)
        errno = before;
    return self;
}

void thread_enter_reader_slowly(void)
{
    if (!collector_is_ours())
        return;
    int before = errno;
    (void)thread_enter_slowly();
    errno = before;
}

/* Vector registers outlive the copying that they were used for, and a new thread begins with its creator's. A thread
 * that sleeps shows them to the collector, in what its signal pushes. */
static void clear_vector_registers(void)
{
#if defined __x86_64__
#define SIXTEEN_XMM                                                                                            \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", \
        "xmm13", "xmm14", "xmm15"
    if (__builtin_cpu_supports("avx"))
        __asm__ volatile("vzeroall" : : : SIXTEEN_XMM);
#undef SIXTEEN_XMM
#endif
}

__attribute__((noinline)) void thread_clear_dead_frames(void)
{
    clear_vector_registers();
    enum { DEAD_BYTES = 16 << 10 };
    char frames[DEAD_BYTES];
    memset(frames, 0, sizeof frames);
    keep_reachable(frames);
}

bool thread_is_known(int task)
{
    for (struct thread *thread = load_acquire(&threads); thread != NULL; thread = thread->next)
        if (load_relaxed(&thread->task) == task)
            return true;
    return false;
}

void thread_each_known(void (*visit)(struct thread *thread, void *data), void *data)
{
    for (struct thread *thread = load_acquire(&threads); thread != NULL; thread = thread->next)
        if (load_relaxed(&thread->task) != 0)
            visit(thread, data);
}

uintptr_t thread_stack_base_in(uintptr_t start, uintptr_t end)
{
    uintptr_t highest = 0;
    for (struct thread *thread = load_acquire(&threads); thread != NULL; thread = thread->next) {
        uintptr_t base = load_relaxed(&thread->stack_base);
        if (base > start && base <= end && base > highest)
            highest = base;
    }
    return highest;
}

void thread_mark_runs(void)
{
    for (struct thread *thread = load_acquire(&threads); thread != NULL; thread = thread->next) {
        if (!load_relaxed(&thread->in_use))
            continue;
        runs_mark(&thread->plain);
        runs_mark(&thread->values);
        runs_mark(&thread->scanned_values);
    }
}

void thread_fork_prepare(void)
{
    spin_acquire(&threads_lock);
}

void thread_fork_parent(void)
{
    spin_release(&threads_lock);
}

void thread_fork_child(void)
{
    spin_release(&threads_lock);
    for (struct thread *thread = load_relaxed(&threads); thread != NULL; thread = thread->next)
        if (thread != thread_self && load_relaxed(&thread->in_use))
            let_go_of(thread);
    if (thread_self != NULL && thread_self->ours)
        store_relaxed(&thread_self->task, own_number());
}
