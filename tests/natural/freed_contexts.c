/* SPDX-License-Identifier: MIT */
/* Contexts with a table and a cache; every second one is freed, its neighbours stay. */
#include <hapax.h>

#include "natural.h"

enum { CONTEXTS = 400 };

struct context {
    hapax_table *names;
    hapax_cache *copies;
    hapax_handle *in_use;
};

static void *copy_text(const void *key, size_t size, void *context, int *error)
{
    (void)context;
    (void)error;
    char *copy = hapax_alloc_plain(size + 1);
    memcpy(copy, key, size);
    return copy;
}

static void look(const struct context *context, unsigned values)
{
    char text[32];
    for (unsigned i = 0; i < values; i++) {
        text_of(text, i);
        CHECK(hapax_make_handle(context->names, text, strlen(text)) == context->in_use[i], "the name %u is another one",
              i);
        CHECK(strcmp(hapax_cache_get(context->copies, text, strlen(text), NULL), text) == 0, "%u is not in the cache",
              i);
    }
}

static struct context *new_context(unsigned values)
{
    struct context *context = malloc(sizeof *context);
    char text[32];
    context->names = hapax_table_new(NULL, 0);
    context->copies = hapax_cache_new(copy_text, NULL);
    context->in_use = malloc(values * sizeof *context->in_use);
    for (unsigned i = 0; i < values; i++) {
        text_of(text, i);
        context->in_use[i] = hapax_make_handle(context->names, text, strlen(text));
    }
    look(context, values);
    return context;
}

static void free_context(struct context *context)
{
    free(context->in_use);
    free(context);
}

int main(int argc, char **argv)
{
    static struct context *kept[CONTEXTS];
    unsigned values = VALUES(argc, argv) / CONTEXTS;
    for (unsigned i = 0; i < CONTEXTS; i++) {
        kept[i] = new_context(values);
        free_context(new_context(values));
    }
    for (unsigned i = 0; i < CONTEXTS; i++) {
        look(kept[i], values);
        free_context(kept[i]);
    }
    return 0;
}
