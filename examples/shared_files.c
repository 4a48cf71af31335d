/* SPDX-License-Identifier: MIT */
/* Eight threads open the same 1,000 files 100,000 times, in random order, and nobody closes one.
 *
 *     shared_files [FOLDER]        (default: /usr/include, with its folders)
 *
 * At no time is a file mapped twice, so there are never more than 1,000 mappings; when nobody
 * holds a file any more, the next collection unmaps it. */
#include <hapax.h>

#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 1000, THREADS = 8, OPENS = 100000 };

static char folder[PATH_MAX];
static char *paths[FILES];
static unsigned found;

/* Held for reading by threads that open, for writing by the one that counts: the list of mappings is no snapshot. */
static pthread_rwlock_t opening = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static atomic_uint threads_left = THREADS;
static atomic_ullong bytes_seen;

static int take(const char *path, const struct stat *status, int type, struct FTW *where)
{
    size_t length = strlen(path);
    (void)status, (void)where;
    if (type == FTW_F && length > 2 && strcmp(path + length - 2, ".h") == 0)
        paths[found++] = strdup(path);
    return found == FILES;
}

/* What is mapped of the folder. */
static unsigned count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char *line = NULL;
    size_t room = 0;
    unsigned count = 0;
    if (maps == NULL)
        return 0;
    while (getline(&line, &room, maps) > 0) {
        const char *path = strchr(line, '/');
        count += path != NULL && strncmp(path, folder, strlen(folder)) == 0 && strstr(path, ".h") != NULL;
    }
    free(line);
    fclose(maps);
    return count;
}

static void open_one(unsigned number)
{
    hapax_mapped_file *file = hapax_mapped_file_open_shared(paths[number]);
    if (file == NULL) {
        perror(paths[number]);
        exit(1);
    }
    hapax_span bytes = hapax_mapped_file_bytes(file);
    if (bytes.size > 0)
        atomic_fetch_add(&bytes_seen, ((const unsigned char *)bytes.data)[bytes.size / 2] != 0);
    hapax_keep_alive(file); /* up to here it is mapped */
}

static void *open_at_random(void *data)
{
    unsigned seed = *(unsigned *)data;
    for (unsigned i = 0; i < OPENS / THREADS; i++) {
        pthread_rwlock_rdlock(&opening);
        open_one((unsigned)rand_r(&seed) % found);
        pthread_rwlock_unlock(&opening);
    }
    atomic_fetch_sub(&threads_left, 1u);
    return NULL;
}

int main(int argc, char **argv)
{
    if (realpath(argc > 1 ? argv[1] : "/usr/include", folder) == NULL) {
        perror(argc > 1 ? argv[1] : "/usr/include");
        return 1;
    }
    nftw(folder, take, 20, FTW_PHYS);
    if (found == 0) {
        fprintf(stderr, "no header files in %s\n", folder);
        return 1;
    }

    pthread_t threads[THREADS];
    unsigned seeds[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        if (pthread_create(&threads[i], NULL, open_at_random, &seeds[i]) != 0)
            return 1;
    }
    unsigned most = 0, counted = 0;
    while (threads_left > 0) {
        pthread_rwlock_wrlock(&opening);
        unsigned count = count_mappings();
        pthread_rwlock_unlock(&opening);
        most = count > most ? count : most;
        counted++;
        hapax_collect(); /* unmaps what nobody holds, in between and under way */
        usleep(10000);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);

    /* A stale word on a stack can hold some of them. */
    hapax_collect();
    unsigned left = count_mappings();
    printf("%u files, opened %d times by %d threads\n", found, OPENS / THREADS * THREADS, THREADS);
    printf("mapped at once: at most %u, counted %u times; at the end: %u\n", most, counted, left);
    return most > found || left > found / 10;
}
