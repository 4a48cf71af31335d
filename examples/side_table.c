/* SPDX-License-Identifier: MIT */
/* A side table: where each setting of a program came from, kept beside settings that have no room for it.
 *
 *     side_table [FILE...]
 *     side_table --measure [SETTINGS]
 *
 * Reads files of "key = value" lines; a later line overrides an earlier one, and a line without a value takes the
 * setting away. Prints the settings that are left, each with its file and line and those it has overridden. Settings
 * know nothing of files and lines: a weak map holds each one's origin exactly as long as the setting, although the
 * origin refers back to it; nobody takes origins out of the map. Without a FILE it reads two texts of its own and
 * checks itself. With --measure it tells what the map adds to a full collection, for a million settings or as many as
 * wanted, beside the same settings and origins held by plain pointers, and drops half of the settings. */
#include <hapax.h>

#include <ctype.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct setting {
    struct setting *next;
    hapax_handle key, value;
};

struct origin {
    const struct setting *setting;      /* back to the key: no reason for it to live */
    const struct origin *overridden;    /* keeps the setting that was overridden, too */
    hapax_handle file;
    unsigned line;
};

static struct setting *settings;        /* static data is searched: what is linked here lives */
static hapax_weak_map *origins;
static unsigned remembered;
static atomic_uint forgotten;

static void *need(const void *pointer)
{
    if (pointer == NULL) {
        perror("side_table");
        exit(1);
    }
    return (void *)(uintptr_t)pointer;
}

/* ---- Settings: a list that anybody might have written ---- */

static struct setting *take_out(hapax_handle key)
{
    for (struct setting **at = &settings; *at != NULL; at = &(*at)->next) {
        struct setting *found = *at;
        if (found->key != key)
            continue;
        *at = found->next;
        found->next = NULL;
        return found;
    }
    return NULL;
}

static struct setting *put_in(hapax_handle key, hapax_handle value)
{
    struct setting *setting = need(hapax_alloc(sizeof *setting));
    *setting = (struct setting){settings, key, value};
    settings = setting;
    return setting;
}

/* ---- Origins ---- */

static void count_forgotten(void *unused)
{
    (void)unused;
    atomic_fetch_add(&forgotten, 1u);
}

static void remember(const struct setting *setting, const struct setting *overridden, hapax_handle file, unsigned line)
{
    struct origin *origin = need(hapax_alloc(sizeof *origin));
    origin->setting = setting;
    origin->overridden = overridden != NULL ? hapax_weak_map_get(origins, overridden) : NULL;
    origin->file = file;
    origin->line = line;
    if (hapax_weak_map_set(origins, setting, origin) != 0 ||
        hapax_add_cleanup(origin, count_forgotten, NULL, NULL) != 0)
        need(NULL);
    remembered++;
}

/* ---- Reading ---- */

static hapax_handle trimmed(const char *start, const char *end)
{
    while (start < end && isspace((unsigned char)*start))
        start++;
    while (start < end && isspace((unsigned char)end[-1]))
        end--;
    return need(hapax_make_handle(hapax_strings(), start, (size_t)(end - start)));
}

static void read_settings(FILE *stream, const char *name)
{
    hapax_handle file = need(hapax_intern(name));
    char text[1000];
    for (unsigned line = 1; fgets(text, sizeof text, stream) != NULL; line++) {
        const char *sign = strchr(text, '=');
        if (sign == NULL)
            continue;
        hapax_handle key = trimmed(text, sign), value = trimmed(sign + 1, text + strlen(text));
        const struct setting *old = take_out(key);
        if (hapax_handle_size(value) > 0)
            remember(put_in(key, value), old, file, line);
    }
}

/* ---- Telling ---- */

static const char *text_of(hapax_handle string)
{
    return hapax_handle_value(string);
}

static int print_settings(void)
{
    int status = 0;
    for (const struct setting *setting = settings; setting != NULL; setting = setting->next) {
        const struct origin *origin = hapax_weak_map_get(origins, setting);
        if (origin == NULL || origin->setting != setting)
            status = 1;
        printf("%s = %s", text_of(setting->key), text_of(setting->value));
        for (; origin != NULL; origin = origin->overridden)
            printf("  %s:%u%s", text_of(origin->file), origin->line, origin->overridden != NULL ? ", over" : "");
        putchar('\n');
    }
    return status;
}

/* ---- What it costs ---- */

enum { ROUNDS = 15 };
static atomic_uint settings_gone;

static void count_setting(void *unused)
{
    (void)unused;
    atomic_fetch_add(&settings_gone, 1u);
}

struct cost {
    double elapsed_ms, processor_ms;
};

static double now_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double lesser(double a, double b)
{
    return a < b ? a : b;
}

/* The least of some full collections: the others were disturbed. */
static struct cost time_collections(void)
{
    struct cost best = {1e9, 1e9};
    for (int i = 0; i < ROUNDS; i++) {
        double elapsed = now_ms(CLOCK_MONOTONIC), processor = now_ms(CLOCK_PROCESS_CPUTIME_ID);
        hapax_collect();
        best.elapsed_ms = lesser(best.elapsed_ms, now_ms(CLOCK_MONOTONIC) - elapsed);
        best.processor_ms = lesser(best.processor_ms, now_ms(CLOCK_PROCESS_CPUTIME_ID) - processor);
    }
    return best;
}

/* All held, and none in the map yet. */
static __attribute__((noinline)) void make_settings(struct setting **held, struct origin **beside, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        held[i] = need(hapax_alloc(sizeof **held));
        beside[i] = need(hapax_alloc(sizeof **beside));
        beside[i]->setting = held[i];
    }
}

static __attribute__((noinline)) void move_into_map(struct setting **held, struct origin **beside, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (hapax_weak_map_set(origins, held[i], beside[i]) != 0)
            need(NULL);
        beside[i] = NULL;
    }
}

/* Lets go of every second setting. Returns how many of the others have lost their origin. */
static __attribute__((noinline)) size_t drop_half(struct setting **held, size_t count)
{
    size_t lost = 0;
    for (size_t i = 0; i < count; i++)
        if (hapax_add_cleanup(held[i], count_setting, NULL, NULL) != 0 ||
            hapax_add_cleanup(hapax_weak_map_get(origins, held[i]), count_forgotten, NULL, NULL) != 0)
            need(NULL);
    for (size_t i = 1; i < count; i += 2)
        held[i] = NULL;
    hapax_collect();
    hapax_wait_cleanups(60000);
    for (size_t i = 0; i < count; i += 2) {
        const struct origin *origin = hapax_weak_map_get(origins, held[i]);
        lost += origin == NULL || origin->setting != held[i];
    }
    return lost;
}

static int measure(size_t count)
{
    struct setting **held = need(hapax_alloc(count * sizeof *held));
    struct origin **beside = need(hapax_alloc(count * sizeof *beside));
    make_settings(held, beside, count);
    struct cost plain = time_collections();
    move_into_map(held, beside, count);
    struct cost mapped = time_collections();
    printf("%zu settings and their origins, held: a full collection takes %.1f ms, %.1f ms of the processors\n", count,
           plain.elapsed_ms, plain.processor_ms);
    printf("with the origins in a weak map, and only there: %.1f ms, %.1f ms of the processors\n", mapped.elapsed_ms,
           mapped.processor_ms);
    printf("an entry costs a collection %.0f ns more, %.0f ns of the processors\n",
           (mapped.elapsed_ms - plain.elapsed_ms) * 1e6 / (double)count,
           (mapped.processor_ms - plain.processor_ms) * 1e6 / (double)count);
    size_t lost = drop_half(held, count), dead = atomic_load(&settings_gone), gone = atomic_load(&forgotten);
    /* A stale word may have kept a few. */
    printf("%zu settings dropped: one collection found %zu dead, and with them %zu origins; %zu of the others lost "
           "theirs\n",
           count / 2, dead, gone, lost);
    hapax_keep_alive(held);
    hapax_keep_alive(beside);
    return lost > 0 || gone != dead || dead > count / 2 || dead < count / 2 * 9 / 10;
}

/* ---- Without files ---- */

enum { TEMPORARY = 1000 };

static void read_own_texts(void)
{
    static char system[] = "colour = blue\nsize = 10\nlanguage = en\n",
                user[] = "size = 12\nlanguage =\ncolour = red\n";
    FILE *stream = need(fmemopen(system, strlen(system), "r"));
    read_settings(stream, "system");
    fclose(stream);
    stream = need(fmemopen(user, strlen(user), "r"));
    read_settings(stream, "user");
    fclose(stream);
    stream = need(tmpfile());
    for (int i = 0; i < TEMPORARY; i++)
        fprintf(stream, "temporary%d = %d\ntemporary%d =\n", i, i, i);
    rewind(stream);
    read_settings(stream, "session");
    fclose(stream);
}

int main(int count, char **arguments)
{
    origins = need(hapax_weak_map_new());
    if (count > 1 && strcmp(arguments[1], "--measure") == 0)
        return measure(count > 2 ? strtoul(arguments[2], NULL, 10) : 1000000);
    for (int i = 1; i < count; i++) {
        FILE *stream = fopen(arguments[i], "r");
        if (stream == NULL) {
            fprintf(stderr, "side_table: %s: %s\n", arguments[i], strerror(errno));
            return 1;
        }
        read_settings(stream, arguments[i]);
        fclose(stream);
    }
    if (count < 2)
        read_own_texts();
    hapax_collect();
    hapax_wait_cleanups(10000);
    int status = print_settings();
    printf("%u origins remembered, %u gone with their settings\n", remembered, atomic_load(&forgotten));
    return count < 2 && atomic_load(&forgotten) < TEMPORARY * 9 / 10 ? 1 : status;
}
