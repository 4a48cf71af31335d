/* SPDX-License-Identifier: MIT */
/* Mapped files that callers share, and forks. */
#include "config.h"

#include "mapped_files.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* ---- Sharing ---- */

Test(mapped_file, goes_by_device_and_inode)
{
    write_files(2);
    cr_assert_eq(symlink(path_number(0).text, path_of("symbolic").text), 0);
    cr_assert_eq(link(path_number(0).text, path_of("hard").text), 0);
    struct path detour = path_of("./0");
    hapax_mapped_file *file = hapax_mapped_file_open_shared(path_number(0).text);
    cr_assert(is_file(file, 0, 1));
    cr_assert_eq(hapax_mapped_file_open_shared(path_of("symbolic").text), file);
    cr_assert_eq(hapax_mapped_file_open_shared(path_of("hard").text), file);
    cr_assert_eq(hapax_mapped_file_open_shared(detour.text), file);
    cr_assert_neq(hapax_mapped_file_open_shared(path_number(1).text), file);
    cr_assert_neq(hapax_mapped_file_open(path_number(0).text), file);
    /* Another file under the same name. */
    unlink(path_number(0).text);
    write_file(path_number(0).text, 9, 9);
    hapax_mapped_file *other = hapax_mapped_file_open_shared(path_number(0).text);
    cr_assert_neq(other, file);
    cr_assert(is_file(other, 9, 9));
    cr_assert(is_file(file, 0, 1));
    hapax_keep_alive(file);
}

Test(mapped_file, a_shared_file_is_mapped_once)
{
    write_files(FILES);
    hapax_mapped_file **held = hapax_alloc(FILES * sizeof *held);
    for (unsigned round = 0; round < 4; round++)
        for (unsigned i = 0; i < FILES; i++) {
            hapax_mapped_file *file = hapax_mapped_file_open_shared(path_number(i).text);
            cr_assert(round == 0 || file == held[i]);
            held[i] = file;
        }
    cr_assert_eq(count_mapped(), FILES);
    memset(held, 0, FILES * sizeof *held);
    collect();
    cr_assert_leq(count_mapped(), FILES - MOST(FILES));
    hapax_keep_alive(held);
}

Test(mapped_file, files_of_two_devices_are_two)
{
    write_files(1);
    hapax_mapped_file *file = hapax_mapped_file_open_shared(path_number(0).text);
    struct stat status;
    cr_assert_eq(stat(path_number(0).text, &status), 0);
    everywhere = status.st_ino;
    hapax_mapped_file *other = hapax_mapped_file_open_shared(path_number(0).text);
    cr_assert_neq(other, file);
    cr_assert_neq(hapax_mapped_file_open_shared(path_number(0).text), other);
    everywhere = 0;
    cr_assert_eq(hapax_mapped_file_open_shared(path_number(0).text), file);
    hapax_keep_alive(other);
}

static NOINLINE void open_shared_and_drop(unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++)
        cr_assert_eq(hapax_mapped_file_bytes(hapax_mapped_file_open_shared(path_number(i).text)).size, size);
}

Test(mapped_file, a_grown_file_is_mapped_anew_when_nobody_holds_it)
{
    for (unsigned i = 0; i < FILES; i++)
        write_file(path_number(i).text, i, 10);
    open_shared_and_drop(FILES, 10);
    for (unsigned i = 0; i < FILES; i++)
        write_file(path_number(i).text, i, 20);
    collect();
    unsigned anew = 0;
    for (unsigned i = 0; i < FILES; i++)
        anew += hapax_mapped_file_bytes(hapax_mapped_file_open_shared(path_number(i).text)).size == 20;
    cr_assert_geq(anew, MOST(FILES));
}

static void *open_at_random(void *data)
{
    unsigned seed = *(unsigned *)data;
    while (opening) {
        seed = seed * 1103515245u + 12345u;
        unsigned number = (seed >> 8) % SHARED_FILES;
        hapax_mapped_file *file = hapax_mapped_file_open_shared(path_number(number).text);
        cr_assert(is_file(file, number, number + 1));
        hapax_keep_alive(file);
    }
    return NULL;
}

/* A file is unmapped before it can be mapped again. */
Test(mapped_file, at_no_time_is_a_shared_file_mapped_twice, .timeout = 60)
{
    write_files(SHARED_FILES);
    counts = opening = true;
    pthread_t threads[4];
    unsigned seeds[4];
    for (unsigned i = 0; i < 4; i++) {
        seeds[i] = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, open_at_random, &seeds[i]), 0);
    }
    for (unsigned i = 0; i < 30; i++) {
        usleep(2000);
        hapax_collect();
    }
    opening = false;
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    collect();
#ifndef HAPAX_HARD_TESTS    /* whose collections unmap many before as many are open */
    cr_assert_geq(most_mapped, SHARED_FILES / 2);
#endif
    cr_assert_leq(most_mapped, SHARED_FILES);
    cr_assert_eq(count_mapped(), mapped);
    cr_assert_leq(mapped, SHARED_FILES - MOST(SHARED_FILES));
}

/* ---- A fork ---- */

Test(mapped_file, both_processes_have_the_mappings)
{
    write_files(FILES);
    hapax_mapped_file **held = hapax_alloc(FILES * sizeof *held);
    for (unsigned i = 0; i < FILES; i++)
        held[i] = both[i % 2](path_number(i).text);
    pid_t child = fork();
    if (child == 0) {
        alarm(30 * time_scale());
        memset(held, 0, FILES * sizeof *held);
        collect();
        unsigned left = count_mapped();
        hapax_keep_alive(held); /* else nobody need see that it was emptied */
        _exit(left > FILES - MOST(FILES));
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    collect();
    for (unsigned i = 0; i < FILES; i++)
        cr_assert(is_file(held[i], i, i + 1));
}
