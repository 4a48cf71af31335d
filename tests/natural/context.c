/* SPDX-License-Identifier: MIT */
/* A context of malloc's that holds tables and caches, and nothing else does. */
#include <hapax.h>

#include "natural.h"

enum { PARTS = 20 };

struct context {
    hapax_table *names;         /* keeps its values */
    hapax_table *symbols;
    hapax_cache *cache;
    hapax_handle *in_use;
};

static void *make_object(const void *key, size_t size, void *context, int *error)
{
    (void)context;
    (void)error;
    char *object = hapax_alloc_plain(size + 1);
    memcpy(object, key, size);
    return object;
}

static struct context *new_context(unsigned values)
{
    struct context *context = malloc(sizeof *context);
    context->names = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES);
    context->symbols = hapax_table_new(NULL, 0);
    context->cache = hapax_cache_new(make_object, NULL);
    context->in_use = malloc(values * sizeof *context->in_use);
    return context;
}

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv) / PARTS;
    struct context **contexts = malloc(PARTS * sizeof *contexts);
    char text[32];
    for (unsigned part = 0; part < PARTS; part++) {
        struct context *context = contexts[part] = new_context(values);
        for (unsigned i = 0; i < values; i++) {
            text_of(text, i);
            if (i % 2 == 0)
                hapax_make_handle(context->names, text, strlen(text));
            else
                context->in_use[i] = hapax_make_handle(context->symbols, text, strlen(text));
            CHECK(strcmp(hapax_cache_get(context->cache, text, strlen(text), NULL), text) == 0,
                  "%u is not in the cache", i);
        }
    }
    for (unsigned part = 0; part < PARTS; part++) {
        for (unsigned i = 0; i < values; i++) {
            struct context *context = contexts[part];
            text_of(text, i);
            if (i % 2 == 0)
                CHECK(hapax_find_handle(context->names, text, strlen(text)) != NULL, "%u is gone", i);
            else
                CHECK(hapax_make_handle(context->symbols, text, strlen(text)) == context->in_use[i],
                      "the symbol %u is another one", i);
        }
    }
    return 0;
}
