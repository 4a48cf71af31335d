/* SPDX-License-Identifier: MIT */
/* Handles of byte strings: wrong hashes, long values, mistakes. */
#include "config.h"

#include "handle_texts.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- Hashes that are wrong ---- */

/* The head of a value of this size looks like that of a short one of the same size, up to where the size itself stands:
 * the other value has those bytes first. */
Test(handle, a_value_is_not_taken_for_its_head)
{
    enum { SIZE = 0xffff, HEAD = 6 };
    static char value[SIZE], other[SIZE];
    for (unsigned i = 0; i < SIZE; i++)
        value[i] = (char)(i * 7 % 251);
    hapax_handle handle = hapax_make_handle_hashed(table, value, SIZE, 1);
    cr_assert_not_null(handle);
    memcpy(other, (const char *)hapax_handle_value(handle) - HEAD, SIZE);
    hapax_handle second = hapax_make_handle_hashed(table, other, SIZE, 1);
    cr_assert_neq(second, handle);
    cr_expect_arr_eq(hapax_handle_value(second), other, SIZE);
    cr_expect_eq(hapax_make_handle_hashed(table, value, SIZE, 1), handle);
    cr_expect_eq(hapax_make_handle_hashed(table, other, SIZE, 1), second);
}

Test(handle, a_wrong_hash_gives_a_second_handle_and_nothing_worse)
{
    enum { N = 3000 };
    hapax_handle *right = hapax_alloc(N * sizeof *right), *wrong = hapax_alloc(N * sizeof *wrong);
    for (unsigned i = 0; i < N; i++) {
        const char *text = text_of(i);
        size_t size = strlen(text);
        uint64_t hash = hapax_hash(table, text, size);
        uint64_t bad = i % 3 == 0 ? ~hash : i % 3 == 1 ? hash ^ UINT64_C(1) << 50 : hash + 1 + (UINT64_C(1) << 60);
        if (i % 2 == 0)
            right[i] = make_text(text);
        wrong[i] = hapax_make_handle_hashed(table, text, size, bad);
        if (i % 2 == 1)
            right[i] = make_text(text);
        cr_assert_not_null(wrong[i]);
        cr_assert_eq(hapax_make_handle_hashed(table, text, size, bad), wrong[i]);
        cr_assert_eq(hapax_handle_hash(wrong[i]), bad);
        cr_assert_neq(wrong[i], right[i]);
    }
    collect();
    for (unsigned i = 0; i < N; i++) {
        cr_assert_eq(make_text(text_of(i)), right[i]);
        cr_assert_str_eq(hapax_handle_value(wrong[i]), text_of(i));
        wrong[i] = NULL;
    }
    collect();
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    cr_expect_geq(stats.evicted, MOST(N));
    for (unsigned i = 0; i < N; i++)
        cr_assert_eq(find_text(text_of(i)), right[i]);
}

/* ---- Long values ---- */

static NOINLINE void make_long(const size_t *sizes, unsigned n, hapax_handle *handles)
{
    for (unsigned i = 0; i < n; i++) {
        char *text = malloc(sizes[i]);
        memset(text, (int)('a' + i), sizes[i]);
        text[sizes[i] / 2] = '\0';
        handles[i] = hapax_make_handle(table, text, sizes[i]);
        cr_assert_eq(hapax_find_handle(table, text, sizes[i]), handles[i]);
        cr_assert_null(hapax_find_handle(table, text, sizes[i] - 1));
        text[sizes[i] - 1] = '!';
        cr_assert_null(hapax_find_handle(table, text, sizes[i]));
        free(text);
    }
}

Test(handle, long_values)
{
    static const size_t sizes[] = {65520, 65533, 65534, 65535, 65536, 65537, 100000, 131072, 1 << 20, 20000001};
    enum { N = sizeof sizes / sizeof *sizes };
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    make_long(sizes, N, handles);
    collect();
    for (unsigned i = 0; i < N; i++) {
        const char *bytes = hapax_handle_value(handles[i]);
        cr_assert_eq(hapax_handle_size(handles[i]), sizes[i]);
        for (size_t at = 0; at < sizes[i]; at++)
            cr_assert(bytes[at] == (at == sizes[i] / 2 ? '\0' : (char)('a' + i)));
        cr_assert_eq(bytes[sizes[i]], '\0');
        cr_assert_eq(hapax_make_handle(table, bytes, sizes[i]), handles[i]);
    }
}

#ifdef __SANITIZE_ADDRESS__
#define CAN_LIMIT false
#else
#define CAN_LIMIT true
#endif

Test(handle, values_too_large_for_memory_are_refused, .disabled = !CAN_LIMIT)
{
    size_t size = (size_t)5 << 30;
    char *huge = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (huge == MAP_FAILED)
        cr_skip_test("no room for so large a value here");
    hapax_handle small = make_text("small");
    struct rlimit limit;
    getrlimit(RLIMIT_AS, &limit);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_AS, &limit);
    GC_set_warn_proc(GC_ignore_warn_proc);
    size_t sizes[] = {size, (size_t)1 << 40, ((size_t)1 << 48) - 20, (size_t)1 << 48, SIZE_MAX / 2, SIZE_MAX};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        errno = 0;
        cr_expect_null(hapax_make_handle_hashed(table, huge, sizes[i], 7), "%zu bytes", sizes[i]);
        cr_expect_eq(errno, ENOMEM);
    }
    limit.rlim_cur = before;
    setrlimit(RLIMIT_AS, &limit);
    cr_expect_eq(make_text("small"), small);
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_not_null(make_text(text_of(i)));
}

/* What is longer than any memory is not read, neither for its hash nor to compare it. */
Test(handle, sizes_of_no_memory_are_refused)
{
    static const size_t sizes[] = {(size_t)1 << 48, SIZE_MAX / 2, SIZE_MAX - 16, SIZE_MAX - 1, SIZE_MAX};
    hapax_handle x = make_text("x"), handles[2];
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        errno = 0;
        cr_expect_null(hapax_make_handle(table, "x", sizes[i]));
        cr_expect_eq(errno, ENOMEM);
        errno = 77;
        cr_expect_null(hapax_find_handle(table, "x", sizes[i]));
        cr_expect_eq(errno, 77);
        errno = 0;
        cr_expect_null(hapax_make_handle_hashed(table, "x", sizes[i], hapax_hash(table, "x", sizes[i])));
        cr_expect_eq(errno, ENOMEM);
        hapax_span spans[] = {{"x", 1}, {"x", sizes[i]}};
        errno = 0;
        cr_expect_eq(hapax_make_handles(table, spans, 2, handles), 1);
        cr_expect_eq(errno, ENOMEM);
        cr_expect(handles[0] == x && handles[1] == NULL);
    }
}

/* ---- Mistakes ---- */

static void finalizer(void *object, void *argument)
{
    (void)object;
    (void)argument;
}

#define EXPECT_REFUSED(call)                                                                                          \
    do {                                                                                                              \
        errno = 0;                                                                                                    \
        cr_expect(!(call), #call);                                                                                    \
        cr_expect_eq(errno, EINVAL, #call);                                                                           \
    } while (0)

Test(handle, mistakes_are_refused)
{
    EXPECT_REFUSED(hapax_make_handle(NULL, "x", 1));
    EXPECT_REFUSED(hapax_make_handle(table, NULL, 1));
    EXPECT_REFUSED(hapax_make_handle(NULL, NULL, 0));
    EXPECT_REFUSED(hapax_find_handle(NULL, "x", 1));
    EXPECT_REFUSED(hapax_find_handle(table, NULL, 1));
    EXPECT_REFUSED(hapax_make_handle_hashed(NULL, "x", 1, 0));
    EXPECT_REFUSED(hapax_make_handle_hashed(table, NULL, 1, 0));
    EXPECT_REFUSED(hapax_hash(NULL, "x", 1));
    EXPECT_REFUSED(hapax_hash(table, NULL, 1));
    EXPECT_REFUSED(hapax_intern(NULL));
    EXPECT_REFUSED(hapax_set_finalizer((void *)(uintptr_t)make_text("x"), finalizer, NULL) == 0);
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    cr_expect_leq(stats.live, 1);
}

Test(handle, success_leaves_errno_alone)
{
    hapax_handle held = make_text("held");
    errno = 77;
    make_text("held");
    make_text("new");
    find_text("held");
    find_text("absent");
    hapax_hash(table, "any", 3);
    hapax_intern("any");
    for (unsigned i = 0; i < 5000; i++)
        make_text(text_of(i));
    cr_expect_eq(errno, 77);
    hapax_keep_alive(held);
}

enum mistake {
    MAKE,
    FIND,
    HASHED,
    HASH,
    BATCH,
    BATCH_OF_NOTHING,
    BATCH_NOWHERE,
    INTERN,
    EACH,
    ONCE,
    NEW_TABLE,
    MISTAKES
};
static const char *const functions[] = {
    "hapax_make_handle: ",  "hapax_find_handle: ",  "hapax_make_handle_hashed: ", "hapax_hash: ",
    "hapax_make_handles: ", "hapax_make_handles: ", "hapax_make_handles: ",       "hapax_intern: ",
    "hapax_table_each: ",   "hapax_table_once: ",   "hapax_table_new: ",
};

static void make_mistake(enum mistake mistake)
{
    hapax_span span = {"x", 1};
    hapax_handle handle;
    switch (mistake) {
    case MAKE:
        hapax_make_handle(NULL, "x", 1);
        break;
    case FIND:
        hapax_find_handle(table, NULL, 1);
        break;
    case HASHED:
        hapax_make_handle_hashed(NULL, "x", 1, 0);
        break;
    case HASH:
        hapax_hash(NULL, "x", 1);
        break;
    case BATCH:
        hapax_make_handles(table, &span, 1, NULL);
        break;
    case BATCH_OF_NOTHING:
        hapax_make_handles(table, NULL, 1, &handle);
        break;
    case BATCH_NOWHERE:
        hapax_make_handles(NULL, &span, 1, &handle);
        break;
    case INTERN:
        hapax_intern(NULL);
        break;
    case EACH:
        hapax_table_each(table, NULL, NULL);
        break;
    case ONCE:
        hapax_table_once(NULL, NULL);
        break;
    default:
        hapax_table_new(NULL, 64);
        break;
    }
}

/* What the library writes to standard error. */
static void line_of(bool asked, enum mistake mistake, char *line, size_t size)
{
    char path[] = "/tmp/hapax-errors-XXXXXX";
    int file = mkstemp(path), saved = dup(STDERR_FILENO);
    cr_assert(file >= 0 && saved >= 0);
    if (asked)
        setenv("HAPAX_DEBUG", "something,errors", 1);
    else
        unsetenv("HAPAX_DEBUG");
    fflush(stderr);
    dup2(file, STDERR_FILENO);
    make_mistake(mistake);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    ssize_t length = pread(file, line, size - 1, 0);
    line[length > 0 ? length : 0] = '\0';
    close(file);
    close(saved);
    unlink(path);
}

Test(handle, the_debug_switch_names_function_and_reason)
{
    char line[300];
    for (enum mistake mistake = MAKE; mistake < MISTAKES; mistake++) {
        line_of(true, mistake, line, sizeof line);
        const char *reason = strstr(line, functions[mistake]);
        cr_assert_not_null(reason, "%s instead of %s", line, functions[mistake]);
        cr_expect_gt(strlen(reason), strlen(functions[mistake]) + 10, "%s", line);
        cr_expect_eq(strchr(line, '\n'), line + strlen(line) - 1, "one line");
        line_of(false, mistake, line, sizeof line);
        cr_expect_str_empty(line);
    }
}
