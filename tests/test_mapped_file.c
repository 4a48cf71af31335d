/* SPDX-License-Identifier: MIT */
/* Mapped files: contents, death, errors. */
#include "config.h"

#include "finalizer_table.h"
#include "mapped_files.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- Contents ---- */

Test(mapped_file, shows_the_bytes_of_the_file)
{
    static const size_t sizes[] = {1, 2, 4095, 4096, 4097, 1000000};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        write_file(path_number(i).text, i, sizes[i]);
        hapax_mapped_file *file = hapax_mapped_file_open(path_number(i).text);
        cr_assert(is_file(file, i, sizes[i]));
        file = hapax_mapped_file_open_shared(path_number(i).text);
        cr_assert(is_file(file, i, sizes[i]));
        hapax_keep_alive(file);
    }
}

Test(mapped_file, an_empty_file_is_a_mapping_of_size_0)
{
    write_file(path_of("empty").text, 0, 0);
    hapax_mapped_file *file = hapax_mapped_file_open(path_of("empty").text);
    cr_assert_not_null(file);
    hapax_span bytes = hapax_mapped_file_bytes(file);
    cr_assert_eq(bytes.size, 0u);
    cr_assert_not_null(bytes.data);
    hapax_mapped_file *shared = hapax_mapped_file_open_shared(path_of("empty").text);
    cr_assert_eq(hapax_mapped_file_bytes(shared).size, 0u);
    cr_assert_eq(hapax_mapped_file_open_shared(path_of("empty").text), shared);
    hapax_keep_alive(file);
    hapax_keep_alive(shared);
}

/* As long as its mapping is shared, no other file gets the inode of an empty one. */
Test(mapped_file, an_empty_file_is_not_taken_for_one_that_follows_it)
{
    for (unsigned i = 0; i < 50; i++) {
        write_file(path_of("empty").text, 0, 0);
        hapax_mapped_file *empty = hapax_mapped_file_open_shared(path_of("empty").text);
        cr_assert_eq(hapax_mapped_file_bytes(empty).size, 0u);
        unlink(path_of("empty").text);
        write_file(path_of("full").text, 7, 10);
        hapax_mapped_file *full = hapax_mapped_file_open_shared(path_of("full").text);
        cr_assert(is_file(full, 7, 10));
        unlink(path_of("full").text);
        hapax_keep_alive(empty);
        hapax_keep_alive(full);
    }
}

Test(mapped_file, sizes_have_64_bits)
{
    off_t size = ((off_t)5 << 30) + 3;
    int sparse = open(path_of("large").text, O_CREAT | O_RDWR, 0600);
    if (ftruncate(sparse, size) != 0) {
        cr_log_warn("no sparse files here");
        close(sparse);
        return;
    }
    cr_assert_eq(pwrite(sparse, "end", 3, size - 3), 3);
    close(sparse);
    hapax_mapped_file *file = hapax_mapped_file_open(path_of("large").text);
    if (file == NULL && errno == ENOMEM)
        cr_skip_test("no room for 5 GB here");
    cr_assert_not_null(file);
    hapax_span bytes = hapax_mapped_file_bytes(file);
    cr_assert_eq(bytes.size, (size_t)size);
    cr_assert_arr_eq((const char *)bytes.data + bytes.size - 3, "end", 3);
    hapax_keep_alive(file);
}

Test(mapped_file, no_file)
{
    hapax_span bytes = hapax_mapped_file_bytes(NULL);
    cr_assert_null(bytes.data);
    cr_assert_eq(bytes.size, 0u);
}

Test(mapped_file, is_read_only, .signal = SIGSEGV)
{
    write_file(path_of("file").text, 0, 10);
    hapax_mapped_file *file = hapax_mapped_file_open(path_of("file").text);
    remove_folder();
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would exit */
    *(volatile char *)(uintptr_t)hapax_mapped_file_bytes(file).data = 1;
}

/* Private: who makes a page writable all the same writes into a copy. */
Test(mapped_file, is_private)
{
    for (unsigned i = 0; i < 2; i++) {
        write_file(path_number(i).text, i, 10);
        hapax_mapped_file *file = both[i](path_number(i).text);
        char *bytes = (char *)(uintptr_t)hapax_mapped_file_bytes(file).data;
        cr_assert_eq(mprotect(bytes, 10, PROT_READ | PROT_WRITE), 0);
        memset(bytes, 0x5a, 10);
        cr_assert(is_file(hapax_mapped_file_open(path_number(i).text), i, 10));
        hapax_keep_alive(file);
    }
}

/* ---- Death ---- */

static NOINLINE void open_and_drop(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cr_assert(is_file(hapax_mapped_file_open(path_number(i).text), i, i + 1));
}

static NOINLINE void open_and_hold(hapax_mapped_file **files, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        files[i] = hapax_mapped_file_open(path_number(i).text);
}

Test(mapped_file, is_unmapped_when_nobody_holds_it)
{
    static hapax_mapped_file *files[FILES];
    write_files(FILES);
    open_and_hold(files, FILES);
    cr_assert_eq(count_mapped(), FILES);
    memset(files, 0, sizeof files);
    collect();
    cr_assert_leq(count_mapped(), FILES - MOST(FILES));
}

Test(mapped_file, is_unmapped_without_cleanup_threads)
{
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    write_files(FILES);
    open_and_drop(FILES);
    collect();
    cr_assert_leq(count_mapped(), FILES - MOST(FILES));
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_queued, 0u);
}

Test(mapped_file, stays_mapped_while_it_is_held)
{
    write_files(FILES);
    hapax_mapped_file **held = hapax_alloc(FILES * sizeof *held);
    for (unsigned i = 0; i < FILES; i++)
        held[i] =
            i % 2 ? hapax_mapped_file_open(path_number(i).text) : hapax_mapped_file_open_shared(path_number(i).text);
    collect_all();
    cr_assert_eq(count_mapped(), FILES);
    for (unsigned i = 0; i < FILES; i++)
        cr_assert(is_file(held[i], i, i + 1));
    hapax_keep_alive(held);
}

static NOINLINE void open_with_weak(hapax_weak *weak, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        weak[i] = hapax_weak_make(hapax_mapped_file_open(path_number(i).text));
}

Test(mapped_file, takes_weak_pointers)
{
    write_files(FILES);
    hapax_weak *weak = hapax_alloc(FILES * sizeof *weak);
    open_with_weak(weak, FILES);
    collect();
    unsigned dead = 0;
    for (unsigned i = 0; i < FILES; i++)
        dead += hapax_weak_value(weak[i]) == NULL;
    cr_assert_geq(dead, MOST(FILES));
    cr_assert_leq(count_mapped(), FILES - dead);
}

static hapax_mapped_file *brought_back[FILES];
static atomic_uint brought;

static void GC_CALLBACK bring_back(void *object, void *data)
{
    (void)data;
    brought_back[atomic_fetch_add(&brought, 1u)] = object;
}

static NOINLINE void open_with_foreign_finalizers(void)
{
    for (unsigned i = 0; i < FILES; i++)
        GC_register_finalizer_no_order(hapax_mapped_file_open_shared(path_number(i).text), bring_back, NULL, NULL,
                                       NULL);
}

Test(mapped_file, stays_mapped_where_a_foreign_finalizer_brings_it_back)
{
    write_files(FILES);
    grow_finalizer_table(FILES);
    open_with_foreign_finalizers();
    collect();
    GC_invoke_finalizers();
    cr_assert_geq(brought, MOST(FILES));
    cr_assert_eq(count_mapped(), FILES);
    for (unsigned i = 0; i < brought; i++) {
        unsigned number = (unsigned)hapax_mapped_file_bytes(brought_back[i]).size - 1;
        cr_assert(is_file(brought_back[i], number, number + 1));
        cr_assert_eq(hapax_mapped_file_open_shared(path_number(number).text), brought_back[i]);
    }
    memset(brought_back, 0, sizeof brought_back);
    collect();
    cr_assert_leq(count_mapped(), FILES - MOST(FILES));
}

static NOINLINE void open_often(unsigned count)
{
    struct path path = path_of("large");
    for (unsigned i = 0; i < count; i++)
        cr_assert_not_null(both[i % 2](path.text), "%u: %s", i, strerror(errno));
}

/* There is room for ten of them, and nothing else makes the collector run. */
Test(mapped_file, dead_ones_make_room_for_others)
{
    enum { SIZE = 100 << 20 };
    int sparse = open(path_of("large").text, O_CREAT | O_RDWR, 0600);
    cr_assert_eq(ftruncate(sparse, SIZE), 0);
    close(sparse);
    cr_assert_eq(hapax_init(), 0);
    open_often(2);
    FILE *statm = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    cr_assert_eq(fscanf(statm, "%lu", &pages), 1);
    fclose(statm);
    struct rlimit limit;
    limit.rlim_cur = limit.rlim_max = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + 10 * (rlim_t)SIZE;
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    open_often(200);
}

/* ---- Errors ---- */

static void refuses(const char *path, int error)
{
    for (unsigned i = 0; i < 2; i++) {
        errno = 0;
        cr_assert_null(both[i](path));
        cr_assert_eq(errno, error, "%s: %s, not %s", path, strerror(errno), strerror(error));
    }
}

Test(mapped_file, errors, .timeout = 30)
{
    cr_assert_eq(hapax_init(), 0);
    /* Made before descriptors are counted: what the library opens once. */
    write_files(1);
    (void)hapax_mapped_file_open_shared(path_number(0).text);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", folder);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(mkfifo(path_of("pipe").text, 0600), 0);

    unsigned before = count_descriptors();
    refuses(NULL, EINVAL);
    refuses("", ENOENT);
    refuses(path_of("missing").text, ENOENT);
    refuses(path_of("0/below").text, ENOTDIR);
    refuses(folder, EISDIR);
    refuses(path_of("pipe").text, ENODEV);
    refuses("/dev/null", ENODEV);
    refuses(path_of("socket").text, ENXIO);
    if (geteuid() != 0) {
        cr_assert_eq(chmod(path_number(0).text, 0), 0);
        refuses(path_number(0).text, EACCES);
    }
    cr_assert_eq(count_descriptors(), before);
    close(listener);
}

Test(mapped_file, no_descriptor_stays_open)
{
    write_files(FILES);
    (void)hapax_mapped_file_open_shared(path_number(0).text);
    unsigned before = count_descriptors();
    hapax_mapped_file **held = hapax_alloc(FILES * sizeof *held);
    for (unsigned i = 0; i < FILES; i++)
        held[i] = both[i % 2](path_number(i).text);
    cr_assert_eq(count_descriptors(), before);
    hapax_keep_alive(held);
}

/* ---- Files that shrink ---- */

static NOINLINE void open_large_and_shrink(hapax_mapped_file **held)
{
    for (unsigned i = 0; i < 100; i++) {
        write_file(path_number(i).text, i, 20000);
        held[i] = both[i % 2](path_number(i).text);
        cr_assert_not_null(held[i]);
        cr_assert_eq(truncate(path_number(i).text, 10), 0);
    }
}

Test(mapped_file, the_library_does_not_read_what_is_not_there)
{
    hapax_mapped_file **held = hapax_alloc(100 * sizeof *held);
    open_large_and_shrink(held);
    collect_all();
    for (unsigned i = 0; i < 100; i++) {
        cr_assert_eq(hapax_mapped_file_bytes(held[i]).size, 20000u);
        cr_assert(has_bytes(hapax_mapped_file_bytes(held[i]).data, 10, i));
    }
    memset(held, 0, 100 * sizeof *held);
    collect_all();
    cr_assert_leq(count_mapped(), 100 - MOST(100));
    hapax_keep_alive(held);
}

Test(mapped_file, reading_beyond_the_end_of_a_file_that_shrank, .signal = SIGBUS)
{
    write_file(path_of("file").text, 0, 20000);
    hapax_mapped_file *file = hapax_mapped_file_open(path_of("file").text);
    cr_assert_eq(truncate(path_of("file").text, 10), 0);
    remove_folder();
    signal(SIGBUS, SIG_DFL); /* a sanitizer would exit */
    hapax_span bytes = hapax_mapped_file_bytes(file);
    if (((const volatile char *)bytes.data)[19999] == 0)
        cr_log_error("there is something to read");
    hapax_keep_alive(file);
}
