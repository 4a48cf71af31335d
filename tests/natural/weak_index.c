/* SPDX-License-Identifier: MIT */
/* An index of malloc's with weak pointers to objects that live elsewhere. */
#include <hapax.h>

#include "natural.h"

struct object {
    struct object *next;
    unsigned number;
};

static struct object *objects;

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv);
    hapax_weak *index = calloc(values, sizeof *index);
    for (unsigned i = 0; i < values; i++) {
        struct object *object = hapax_alloc(sizeof *object);
        object->number = i;
        if (i % 2 == 0) {
            object->next = objects;
            objects = object;
        }
        index[i] = hapax_weak_make(object);
    }
    for (struct object *object = objects; object != NULL; object = object->next) {
        CHECK(hapax_weak_value(index[object->number]) == object, "%u is not found", object->number);
        CHECK(hapax_weak_make(object) == index[object->number], "the weak pointer to %u is another one",
              object->number);
    }
    for (unsigned i = 1; i < values; i += 2) {
        struct object *object = hapax_weak_value(index[i]);
        CHECK(object == NULL || object->number == i, "the weak pointer to %u leads elsewhere", i);
    }
    return 0;
}
