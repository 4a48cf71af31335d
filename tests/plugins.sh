#!/bin/sh
# SPDX-License-Identifier: MIT
# Plugins that a program loads and unloads: those whose static data the library was given, and those that bring it along.
. "$top_srcdir/tests/functions"

[ -e "$top_builddir/src/.libs/libhapax.so" ] || skip_all 'there is no shared library'

# plugin NAME SOURCE...: builds a plugin.
plugin() {
  name=$1; shift
  # shellcheck disable=SC2086
  $CC -std=gnu11 -Wall -Wextra -Werror -g -shared -fPIC -I "$top_srcdir/include" -o "$scratch/$name.so" "$@" $TEST_FLAGS -pthread
}

# program NAME LIBRARIES: builds a program that loads it.
program() {
  name=$1; shift
  # shellcheck disable=SC2086
  $CC -std=gnu11 -Wall -Wextra -Werror -g -I "$top_srcdir/include" -o "$scratch/$name" "$scratch/$name.c" $TEST_FLAGS "$@" \
    -ldl -pthread
}

cat >"$scratch/data.c" <<'END'
char data[64 << 20];
END

# Where the plugin was, the collector's heap would come to lie.
cat >"$scratch/static.c" <<'END'
#include <hapax.h>

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { STEP = 4096, SIZE = 64 << 20, COUNT = SIZE / STEP - 1 };

static char *data;
static hapax_weak_map *map;

static void never(void *unused)
{
    (void)unused;
}

static void *give(const void *key, size_t size, void *context, int *error)
{
    (void)size, (void)context, (void)error;
    size_t i;
    memcpy(&i, key, sizeof i);
    return data + i * STEP;
}

/* How many places the library was given. */
static size_t use(const char *how)
{
    hapax_cache *cache = hapax_cache_new(give, NULL);
    map = hapax_weak_map_new();
    size_t given = 0;
    for (size_t i = 0; i < COUNT; i++) {
        char *place = data + i * STEP;
        if (strcmp(how, "weak") == 0)
            given += hapax_weak_make(place) != NULL;
        else if (strcmp(how, "pin") == 0)
            given += hapax_pin(place) == 0;
        else if (strcmp(how, "map") == 0)
            given += hapax_weak_map_set(map, place, map) == 0;
        else if (strcmp(how, "cache") == 0)
            given += hapax_cache_get(cache, &i, sizeof i, NULL) == place;
        else if (strcmp(how, "cleanup") == 0)
            given += hapax_add_cleanup(place, never, NULL, NULL) == 0;
    }
    hapax_keep_alive(cache);
    return given;
}

int main(int argc, char **argv)
{
    if (argc != 3 || hapax_init() != 0)
        return 2;
    void *plugin = dlopen(argv[1], RTLD_NOW);
    if (plugin == NULL || (data = dlsym(plugin, "data")) == NULL)
        return 3;
    if (use(argv[2]) != COUNT)
        return 4;
    dlclose(plugin);
    char *page = (char *)((uintptr_t)(data + SIZE / 2) & -(uintptr_t)4096);
    unsigned char there;
    if (mincore(page, 1, &there) != 0) {
        puts("the plugin was unloaded");
        return 1;
    }
    memset(page, 1, 4096);
    hapax_collect();
    hapax_keep_alive(map);
    return 0;
}
END

cat >"$scratch/user.c" <<'END'
#include <hapax.h>

static hapax_handle held;

static void clean(void *unused)
{
    (void)unused;
}

int use(void);
int use(void)
{
    held = hapax_intern("what the plugin holds");
    for (int i = 0; i < 100; i++)
        if (hapax_add_cleanup(hapax_alloc(16), clean, NULL, NULL) != 0)
            return 0;
    hapax_collect();
    return held != NULL;
}
END

# A program that knows nothing of the library. Threads that end run what the library has asked for.
cat >"$scratch/host.c" <<'END'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *load(void *name)
{
    for (int i = 0; i < 20; i++) {
        void *plugin = dlopen(name, RTLD_NOW);
        if (plugin == NULL) {
            puts(dlerror());
            return NULL;
        }
        int (*use)(void) = (int (*)(void))dlsym(plugin, "use");
        if (use == NULL || !use())
            return NULL;
        dlclose(plugin);
    }
    usleep(100000);
    return name;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    void *result = NULL;
    if (argc != 2 || pthread_create(&thread, NULL, load, argv[1]) != 0 || pthread_join(thread, &result) != 0)
        return 2;
    return result != NULL && load(argv[1]) != NULL ? 0 : 1;
}
END

# run PROGRAM WORD...: each plugin calls the library that it was linked with, and nothing that is preloaded.
run() {
  LD_PRELOAD='' timeout 60 "$@"
}

check 'a plugin of data' plugin data "$scratch/data.c"
check 'a program that loads it' \
  program static -L "$top_builddir/src/.libs" -lhapax "-Wl,-rpath,$top_builddir/src/.libs"
for how in weak pin map cache cleanup; do
  check "its data stays: $how" run "$scratch/static" "$scratch/data.so" "$how"
done

# shellcheck disable=SC2086
check 'a plugin with the library inside' \
  plugin user "$scratch/user.c" "$top_builddir"/src/*/.libs/libhapax_core_la-*.o $PRIVATE_LIBS
check 'a program that knows nothing of it' program host
check 'the plugin is used and closed, again and again' run "$scratch/host" "$scratch/user.so"

finish
