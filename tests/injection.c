/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "injection.h"

#include <dlfcn.h>
#include <errno.h>
#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>
#include <gc/gc_inline.h>
#include <hapax.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local long calls_left;   /* 0: not armed */
static _Thread_local bool failed;

static bool is_ours(const void *address)
{
    Dl_info caller, library;
    return dladdr(address, &caller) != 0 && dladdr((void *)(uintptr_t)hapax_init, &library) != 0 &&
           caller.dli_fbase == library.dli_fbase;
}

static bool fails(const void *caller)
{
    if (calls_left == 0 || !is_ours(caller))
        return false;
    if (--calls_left > 0)
        return false;
    failed = true;
    return true;
}

#define FAILS fails(__builtin_return_address(0))

atomic_uint injection_entries_to_fail;

static bool entry_fails(void)
{
    char name[16] = "";
    if (atomic_load(&injection_entries_to_fail) == 0 || pthread_getname_np(pthread_self(), name, sizeof name) != 0 ||
        strcmp(name, "hapax-cleanup") != 0)
        return false;
    atomic_fetch_sub(&injection_entries_to_fail, 1u);
    return true;
}

#pragma GCC visibility push(default)

static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL)
        abort();
    return function;
}

void *GC_malloc(size_t size)
{
    static void *(*real)(size_t);
    if (real == NULL)
        real = next("GC_malloc");
    return FAILS ? NULL : real(size);
}

void *GC_malloc_atomic(size_t size)
{
    static void *(*real)(size_t);
    if (real == NULL)
        real = next("GC_malloc_atomic");
    return FAILS ? NULL : real(size);
}

void *GC_malloc_uncollectable(size_t size)
{
    static void *(*real)(size_t);
    if (real == NULL)
        real = next("GC_malloc_uncollectable");
    return FAILS ? NULL : real(size);
}

void *GC_generic_malloc(size_t size, int kind)
{
    static void *(*real)(size_t, int);
    if (real == NULL)
        real = next("GC_generic_malloc");
    return FAILS ? NULL : real(size, kind);
}

void GC_generic_malloc_many(size_t size, int kind, void **result)
{
    static void (*real)(size_t, int, void **);
    if (real == NULL)
        real = next("GC_generic_malloc_many");
    if (FAILS)
        *result = NULL;
    else
        real(size, kind, result);
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    if (FAILS) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, size, protection, flags, file, offset);
}

int mprotect(void *address, size_t size, int protection)
{
    if (FAILS) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_mprotect, address, size, protection);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *data)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (real == NULL)
        real = next("pthread_create");
    return FAILS ? EAGAIN : real(thread, attributes, start, data);
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
    static int (*real)(pthread_key_t, const void *);
    if (real == NULL)
        real = next("pthread_setspecific");
    return FAILS || entry_fails() ? ENOMEM : real(key, value);
}

int pthread_key_create(pthread_key_t *key, void (*destroy)(void *))
{
    static int (*real)(pthread_key_t *, void (*)(void *));
    if (real == NULL)
        real = next("pthread_key_create");
    /* Where the library has one, it can do without more. */
    static bool has_one;
    if (!has_one && FAILS)
        return ENOMEM;
    int error = real(key, destroy);
    has_one = has_one || (error == 0 && is_ours(__builtin_return_address(0)));
    return error;
}

#if defined __GLIBC__
/* What pthread_atfork is made of there. */
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *object)
{
    static int (*real)(void (*)(void), void (*)(void), void (*)(void), void *);
    if (real == NULL)
        real = next("__register_atfork");
    return FAILS ? ENOMEM : real(prepare, parent, child, object);
}
#endif

#if !defined __SANITIZE_ADDRESS__
/* The sanitizer has its own before it can look for another. */
void *__libc_calloc(size_t count, size_t size);
void *__libc_malloc(size_t size);
void *__libc_realloc(void *old, size_t size);

static void *none(void)
{
    errno = ENOMEM;
    return NULL;
}

void *calloc(size_t count, size_t size)
{
    return FAILS ? none() : __libc_calloc(count, size);
}

void *malloc(size_t size)
{
    return FAILS ? none() : __libc_malloc(size);
}

void *realloc(void *old, size_t size)
{
    return FAILS ? none() : __libc_realloc(old, size);
}
#endif

#pragma GCC visibility pop

void injection_arm(long call)
{
    failed = false;
    calls_left = call;
}

bool injection_disarm(void)
{
    calls_left = 0;
    return failed;
}
