/* keep_interned.c - keeps every value as a handle of one table. */
#include "config.h"

#include "keeper.h"
#include "message.h"

#include <errno.h>
#include <hapax.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pinned as long as the process runs. */
static hapax_table *table;

/* Without the library there is nothing to measure. */
static _Noreturn void give_up(const char *what)
{
    if (errno == ENOMEM)
        out_of_memory();
    complain("%s: %s", what, strerror(errno));
    _exit(EXIT_FAILURE);
}

void keep_interned_start(void)
{
    if (hapax_init() != 0)
        give_up("the library does not start");
    table = hapax_table_new(NULL, 0);
    if (!table || hapax_pin(table) != 0)
        give_up("no table");
}

struct hapax_table *keep_interned_table(void)
{
    return table;
}

static void *allocate(size_t size)
{
    void *memory = hapax_alloc(size);
    if (!memory)
        give_up("no collected memory");
    return memory;
}

static const void *keep(const char *data, size_t size)
{
    hapax_handle handle = hapax_make_handle(table, data, size);
    if (!handle)
        give_up("no handle");
    return handle;
}

static void enter_thread(void)
{
    if (hapax_init() != 0)
        give_up("a thread cannot be registered");
}

const struct keeper keep_interned = { allocate, keep, enter_thread };
