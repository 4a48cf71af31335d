/* SPDX-License-Identifier: MIT */
/* Writes a made-up corpus to standard output, one token a line: the same bytes
   each time, on every machine. See usage() for the kinds. */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static uint64_t random_state = 1;

static uint64_t next_random(void)
{
    return mix(++random_state);
}

static double next_unit(void)
{
    return (double)(next_random() >> 11) / 9007199254740992.0;
}

static const char *const words[] = {
    "lib", "core", "data", "perl", "python3", "doc", "dev", "common", "utils", "server", "x11", "gnome",
    "parser", "net", "config", "i18n", "theme", "module", "plugin", "crypto", "font", "image", "stream", "test",
    "kernel", "locale", "client", "runtime", "tools", "dbg", "extra", "base",
};
enum { WORD_COUNT = sizeof words / sizeof *words };

/* Value number so-and-so: one to four words and the number itself, so that no
   two are equal; 10 to 40 bytes. */
static void put_value(uint64_t number)
{
    uint64_t bits = mix(number);
    unsigned count = 1 + (unsigned)(bits & 3);
    for (unsigned i = 0; i < count; ++i) {
        bits >>= 5;
        fputs(words[bits % WORD_COUNT], stdout);
        putchar("-_."[bits >> 20 & 1]);
    }
    printf("%llx\n", (unsigned long long)number);
}

static void put_distinct(uint64_t count)
{
    for (uint64_t i = 0; i < count; ++i)
        put_value(i);
}

/* Nine tokens in ten are values that occur once; the others are a thousand values. */
static void put_singletons(uint64_t count)
{
    enum { COMMON = 1000 };
    uint64_t fresh = COMMON;
    for (uint64_t i = 0; i < count; ++i)
        put_value(next_random() % 10 != 0 ? fresh++ : next_random() % COMMON);
}

/* Value r occurs about in proportion to 1/r: the inverse of the continuous
   distribution with that density. */
static void put_zipf(uint64_t count, uint64_t values)
{
    for (uint64_t i = 0; i < count; ++i) {
        double rank = pow((double)values + 1, next_unit());
        put_value(mix((uint64_t)rank) >> 20);
    }
}

/* Lines of 200 to 2,000 bytes, each of them four times on average. Many begin
   alike, as log lines and paths do. */
static void put_lines(uint64_t count)
{
    for (uint64_t i = 0; i < count; ++i) {
        uint64_t line = next_random() % (count / 4 + 1);
        uint64_t bits = mix(line);
        unsigned length = 200 + (unsigned)(bits % 1800);
        unsigned written = (unsigned)printf("%s/%s/%s", words[line % 4], words[line % 8], words[line % WORD_COUNT]);
        for (unsigned step = 0; written < length; ++step) {
            const char *word = words[(line >> (step % 16)) % WORD_COUNT];
            written += (unsigned)printf("%c%s", " /=,"[step % 4], word);
        }
        printf(" %llx\n", (unsigned long long)line);
    }
}

static _Noreturn void usage(void)
{
    fputs("usage: generate distinct COUNT     every token another value\n"
          "       generate singletons COUNT   90 % of the tokens occur once\n"
          "       generate zipf COUNT         drawn from COUNT / 4 values, value r in proportion to 1/r\n"
          "       generate lines COUNT        200 to 2,000 bytes each, every one about four times\n",
          stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        usage();
    uint64_t count = strtoull(argv[2], NULL, 10);
    if (strcmp(argv[1], "distinct") == 0)
        put_distinct(count);
    else if (strcmp(argv[1], "singletons") == 0)
        put_singletons(count);
    else if (strcmp(argv[1], "zipf") == 0)
        put_zipf(count, count / 4);
    else if (strcmp(argv[1], "lines") == 0)
        put_lines(count);
    else
        usage();
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("generate");
        return 1;
    }
    return 0;
}
