/* SPDX-License-Identifier: MIT */
/* Files that lie in the collected heap: hapax_map_bytes of hapax/mapped_file.h. */
#include "config.h"

#include "dying.h"
#include "finalizer_table.h"
#include "files.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { FILES = 200 };

TestSuite(map_bytes, .init = make_folder, .fini = remove_folder);

/* From a byte to some pages, with whole pages among them. */
static size_t size_of(unsigned number)
{
    static const size_t sizes[] = {1, 100, 4095, 4096, 4097, 8192, 20000, 65536, 100001};
    return sizes[number % (sizeof sizes / sizeof *sizes)];
}

static void write_files(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        write_file(path_number(i).text, i, size_of(i));
}

static const char *map_number(unsigned number)
{
    size_t size = 0;
    const char *bytes = hapax_map_bytes(path_number(number).text, &size);
    cr_assert_not_null(bytes);
    cr_assert_eq(size, size_of(number));
    return bytes;
}

/* Memory of all sizes, written to from end to end: where a file still lay in it, that would not go well. */
static NOINLINE void use_the_heap(unsigned seed)
{
    for (unsigned i = 0; i < 300; i++) {
        seed = seed * 1103515245u + 12345u;
        size_t size = 1 + (seed >> 8) % (i % 10 ? 5000 : 200000);
        void *object = seed & 0x80 ? hapax_alloc(size) : hapax_alloc_plain(size);
        cr_assert_not_null(object);
        memset(object, 0xa5, size);
    }
}

/* ---- Contents ---- */

Test(map_bytes, shows_the_bytes_of_the_file)
{
    write_files(FILES);
    for (unsigned i = 0; i < FILES; i++)
        cr_assert(has_bytes(map_number(i), size_of(i), i));
    cr_assert_not_null(hapax_map_bytes(path_number(0).text, NULL));
}

Test(map_bytes, an_empty_file)
{
    write_file(path_of("empty").text, 0, 0);
    size_t size = 5;
    const char *one = hapax_map_bytes(path_of("empty").text, &size);
    cr_assert_not_null(one);
    cr_assert_eq(size, 0u);
    const char *other = hapax_map_bytes(path_of("empty").text, &size);
    cr_assert_neq(one, other);
    hapax_keep_alive(one);
}

Test(map_bytes, sizes_have_64_bits)
{
    off_t length = ((off_t)5 << 30) + 3;
    int sparse = open(path_of("large").text, O_CREAT | O_RDWR, 0600);
    if (ftruncate(sparse, length) != 0) {
        cr_log_warn("no sparse files here");
        close(sparse);
        return;
    }
    cr_assert_eq(pwrite(sparse, "end", 3, length - 3), 3);
    close(sparse);
    size_t size = 0;
    const char *bytes = hapax_map_bytes(path_of("large").text, &size);
    if (bytes == NULL && errno == ENOMEM)
        cr_skip_test("no room for 5 GB here");
    cr_assert_not_null(bytes);
    cr_assert_eq(size, (size_t)length);
    collect();
    cr_assert_arr_eq(bytes + size - 3, "end", 3);
    hapax_keep_alive(bytes);
}

Test(map_bytes, is_read_only, .signal = SIGSEGV)
{
    write_file(path_of("file").text, 0, 10);
    char *bytes = (char *)(uintptr_t)hapax_map_bytes(path_of("file").text, NULL);
    remove_folder();
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would exit */
    *(volatile char *)bytes = 1;
}

/* ---- Life ---- */

static NOINLINE void map_and_hold_a_byte(const char **held, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        held[i] = map_number(i) + (size_t)i * 7919 % size_of(i);
}

static void check_all(const char **held, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (held[i] != NULL)
            cr_assert(has_bytes(held[i] - (size_t)i * 7919 % size_of(i), size_of(i), i));
}

Test(map_bytes, a_pointer_to_any_byte_keeps_the_file_mapped)
{
    write_files(FILES);
    const char **held = hapax_alloc(FILES * sizeof *held);
    map_and_hold_a_byte(held, 0, FILES);
    for (unsigned round = 0; round < 3; round++) {
        collect_all();
        use_the_heap(round);
    }
    cr_assert_eq(count_mapped(), FILES);
    check_all(held, FILES);
    hapax_keep_alive(held);
}

static NOINLINE void map_and_drop(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        map_number(i);
}

Test(map_bytes, goes_when_no_pointer_is_left)
{
    write_files(FILES);
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    map_and_drop(FILES);
    collect();
    cr_assert_leq(count_mapped(), FILES - MOST(FILES));
    for (unsigned round = 0; round < 20; round++)
        use_the_heap(round);
}

/* Others lie where a file was, and stay as they are. */
static NOINLINE void come_and_go(unsigned seed, unsigned rounds, const char **held, unsigned from, unsigned to)
{
    for (unsigned round = 0; round < rounds; round++) {
        map_and_hold_a_byte(held, from, to);
        for (unsigned i = from; i < to; i++) {
            seed = seed * 1103515245u + 12345u;
            if (seed & 0x10000)
                held[i] = NULL;
        }
        collect();
        use_the_heap(seed);
        check_all(held, to);
    }
}

Test(map_bytes, memory_comes_back_to_the_heap_and_goes_again, .timeout = 60)
{
    write_files(FILES);
    const char **held = hapax_alloc(FILES * sizeof *held);
    struct hapax_stats before, after;
    hapax_stats(&before);
    come_and_go(1, 30, held, 0, FILES);
    cr_assert_leq(count_mapped(), FILES);
    hapax_stats(&after);
    cr_assert_lt(after.heap_bytes, before.heap_bytes + (200u << 20));
}

struct share {
    unsigned number;
    const char **held;
};
enum { THREADS = 4 };

static void *come_and_go_in_a_thread(void *data)
{
    struct share *share = data;
    come_and_go(share->number, 10, share->held, 0, FILES);
    memset(share->held, 0, FILES * sizeof *share->held);
    return NULL;
}

Test(map_bytes, in_many_threads, .timeout = 60)
{
    write_files(FILES);
    pthread_t threads[THREADS];
    struct share *shares = hapax_alloc(sizeof *shares * THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        shares[i] = (struct share){i, hapax_alloc(FILES * sizeof(char *))};
        cr_assert_eq(pthread_create(&threads[i], NULL, come_and_go_in_a_thread, &shares[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    memset(shares, 0, sizeof *shares * THREADS);
    collect();
    cr_assert_leq(count_mapped(), THREADS * (FILES - MOST(FILES)));
    hapax_keep_alive(shares);
}

Test(map_bytes, with_incremental_collections, .timeout = 60)
{
    GC_INIT();
    GC_enable_incremental();
    write_files(FILES);
    const char **held = hapax_alloc(FILES * sizeof *held);
    come_and_go(1, 20, held, 0, FILES);
    memset(held, 0, FILES * sizeof *held);
    collect();
    cr_assert_leq(count_mapped(), FILES - MOST(FILES));
    hapax_keep_alive(held);
}

static atomic_uint died;

static NOINLINE void map_with_weak_and_cleanup(hapax_weak *weak)
{
    for (unsigned i = 0; i < FILES; i++) {
        const char *bytes = map_number(i);
        weak[i] = hapax_weak_make(bytes + size_of(i) / 2);
        cr_assert_eq(hapax_weak_value(weak[i]), bytes + size_of(i) / 2);
        cr_assert_eq(hapax_add_cleanup(bytes + size_of(i) - 1, count_one, &died, NULL), 0);
    }
}

Test(map_bytes, takes_weak_pointers_and_cleanups)
{
    write_files(FILES);
    hapax_weak *weak = hapax_alloc(FILES * sizeof *weak);
    map_with_weak_and_cleanup(weak);
    collect_all();
    cr_assert_geq(died, MOST(FILES));
    unsigned dead = 0;
    for (unsigned i = 0; i < FILES; i++)
        dead += hapax_weak_value(weak[i]) == NULL;
    cr_assert_eq(dead, died);
}

Test(map_bytes, can_be_pinned)
{
    write_files(FILES);
    const char **unseen = malloc(FILES * sizeof *unseen);
    for (unsigned i = 0; i < FILES; i++) {
        unseen[i] = map_number(i);
        cr_assert_eq(hapax_pin(unseen[i] + size_of(i) - 1), 0);
    }
    collect_all();
    for (unsigned i = 0; i < FILES; i++) {
        cr_assert(has_bytes(unseen[i], size_of(i), i));
        hapax_unpin(unseen[i]);
    }
    memset(unseen, 0, FILES * sizeof *unseen);
    free(unseen);
    collect();
    cr_assert_leq(count_mapped(), FILES - MOST(FILES));
}

static const char *brought_back[FILES];
static atomic_uint brought;

static void GC_CALLBACK bring_back(void *object, void *data)
{
    brought_back[(uintptr_t)data] = object;
    atomic_fetch_add(&brought, 1u);
}

static NOINLINE void map_with_foreign_finalizers(void)
{
    for (unsigned i = 0; i < FILES; i++)
        GC_register_finalizer_no_order((void *)(uintptr_t)map_number(i), bring_back, (void *)(uintptr_t)i, NULL, NULL);
}

Test(map_bytes, stays_where_a_foreign_finalizer_brings_it_back)
{
    write_files(FILES);
    grow_finalizer_table(FILES);
    map_with_foreign_finalizers();
    collect();
    GC_invoke_finalizers();
    cr_assert_geq(brought, MOST(FILES));
    cr_assert_eq(count_mapped(), FILES);
    use_the_heap(1);
    for (unsigned i = 0; i < FILES; i++)
        if (brought_back[i] != NULL)
            cr_assert(has_bytes(brought_back[i], size_of(i), i));
    memset(brought_back, 0, sizeof brought_back);
    collect();
    cr_assert_leq(count_mapped(), FILES - MOST(FILES));
}

static NOINLINE void map_often(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        map_number(0);
}

Test(map_bytes, dead_ones_make_room_for_others, .timeout = 60)
{
    write_files(1);
    map_often(20000);
}

/* ---- Errors ---- */

static void refuses(const char *path, int error)
{
    size_t size = 5;
    errno = 0;
    cr_assert_null(hapax_map_bytes(path, &size));
    cr_assert_eq(errno, error, "%s: %s, not %s", path, strerror(errno), strerror(error));
    cr_assert_eq(size, 0u);
    cr_assert_null(hapax_map_bytes(path, NULL));
}

Test(map_bytes, errors, .timeout = 30)
{
    cr_assert_eq(hapax_init(), 0);
    cr_assert_eq(mkfifo(path_of("pipe").text, 0600), 0);
    unsigned before = count_descriptors();
    refuses(NULL, EINVAL);
    refuses(path_of("missing").text, ENOENT);
    refuses(folder, EISDIR);
    refuses(path_of("pipe").text, ENODEV);
    refuses("/dev/null", ENODEV);
    cr_assert_eq(count_descriptors(), before);
}

#ifdef __SANITIZE_ADDRESS__
#define CAN_LIMIT false
#else
#define CAN_LIMIT true
#endif

/* However much memory there is, and however much of it the system promises. */
Test(map_bytes, a_file_larger_than_the_memory, .disabled = !CAN_LIMIT)
{
    int sparse = open(path_of("huge").text, O_CREAT | O_RDWR, 0600);
    bool possible = ftruncate(sparse, (off_t)1 << 40) == 0;
    close(sparse);
    if (possible) {
        GC_INIT();
        GC_set_warn_proc(GC_ignore_warn_proc);
        struct rlimit limit;
        cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
        limit.rlim_cur = limit.rlim_cur < (rlim_t)1 << 39 ? limit.rlim_cur : (rlim_t)1 << 39;
        cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
        refuses(path_of("huge").text, ENOMEM);
    }
}

/* ---- Files that shrink ---- */

Test(map_bytes, the_library_does_not_read_what_is_not_there)
{
    write_files(FILES);
    const char **held = hapax_alloc(FILES * sizeof *held);
    map_and_hold_a_byte(held, 0, FILES);
    for (unsigned i = 0; i < FILES; i++)
        cr_assert_eq(truncate(path_number(i).text, 0), 0);
    collect_all();
    use_the_heap(1);
    memset(held, 0, FILES * sizeof *held);
    collect_all();
    cr_assert_leq(count_mapped(), FILES - MOST(FILES));
    for (unsigned round = 0; round < 20; round++)
        use_the_heap(round);
    hapax_keep_alive(held);
}

/* ---- A fork ---- */

Test(map_bytes, both_processes_have_the_mappings)
{
    write_files(FILES);
    const char **held = hapax_alloc(FILES * sizeof *held);
    map_and_hold_a_byte(held, 0, FILES);
    pid_t child = fork();
    if (child == 0) {
        alarm(30 * time_scale());
        memset(held, 0, FILES * sizeof *held);
        collect();
        unsigned left = count_mapped();
        use_the_heap(1);
        hapax_keep_alive(held); /* else nobody need see that it was emptied */
        _exit(left > FILES - MOST(FILES));
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    collect();
    check_all(held, FILES);
}
