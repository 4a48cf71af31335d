/* SPDX-License-Identifier: MIT */
/* xml_entities.c - the entities that an XML file defines, and those that it leaves to other files. */
#include "config.h"

#include "stat/split/xml_entities.h"

#include <string.h>

/* Entities that refer to each other as deep as this are taken for lost ones. expat refuses those
   that refer to themselves. */
enum { DEEPEST = 100 };

struct entity {
    const char *name, *text;
    size_t size;
};

/* The definition that begins at at, which moves on; false at the end. */
static bool next_entity(const struct bytes *defined, size_t *at, struct entity *entity)
{
    if (*at == defined->size)
        return false;
    entity->name = defined->data + *at;
    *at += strlen(entity->name) + 1;
    memcpy(&entity->size, defined->data + *at, sizeof entity->size);
    *at += sizeof entity->size;
    entity->text = defined->data + *at;
    *at += entity->size;
    return true;
}

static bool find_entity(const struct bytes *defined, const char *name, size_t size,
                        struct entity *entity)
{
    for (size_t at = 0; next_entity(defined, &at, entity);)
        if (strlen(entity->name) == size && memcmp(entity->name, name, size) == 0)
            return true;
    return false;
}

void xml_entities_add(struct xml_entities *entities, const char *name, const char *text,
                      size_t size)
{
    entities->tags_are_known = false;
    bytes_append(&entities->defined, name, strlen(name) + 1);
    bytes_append(&entities->defined, &size, sizeof size);
    bytes_append(&entities->defined, text, size);
}

void xml_entities_free(struct xml_entities *entities)
{
    bytes_free(&entities->defined);
}

static bool is_predefined(const char *name, size_t size)
{
    static const char *const names[] = { "amp", "lt", "gt", "quot", "apos" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0)
            return true;
    return *name == '#';
}

/* The next reference in the bytes: its name. */
static bool next_reference(const char **at, const char *end, const char **name, size_t *size)
{
    while ((*at = memchr(*at, '&', (size_t)(end - *at))) != NULL) {
        *name = ++*at;
        const char *stop = memchr(*name, ';', (size_t)(end - *name));
        if (stop && stop > *name) {
            *size = (size_t)(stop - *name);
            return true;
        }
    }
    return false;
}

static bool loses(const struct bytes *defined, const char *at, const char *end, int depth)
{
    const char *name;
    size_t size;
    while (next_reference(&at, end, &name, &size)) {
        struct entity entity;
        if (is_predefined(name, size))
            continue;
        if (depth == DEEPEST || !find_entity(defined, name, size, &entity) ||
            loses(defined, entity.text, entity.text + entity.size, depth + 1))
            return true;
    }
    return false;
}

bool xml_entities_lose(const struct xml_entities *entities, const char *data, size_t size)
{
    return entities->elsewhere && loses(&entities->defined, data, data + size, 0);
}

bool xml_entities_lose_in_tags(struct xml_entities *entities)
{
    if (!entities->elsewhere || entities->tags_are_known)
        return entities->elsewhere && entities->tags_lose;
    bool has_tag = false, has_lost = false;
    struct entity entity, other;
    for (size_t at = 0; next_entity(&entities->defined, &at, &entity);) {
        const char *text = entity.text, *name;
        const char *end = text + entity.size;
        has_tag |= entity.size > 0 && memchr(text, '<', entity.size) != NULL;
        for (size_t size; next_reference(&text, end, &name, &size);)
            has_lost |= !is_predefined(name, size) &&
                        !find_entity(&entities->defined, name, size, &other);
    }
    entities->tags_are_known = true;
    return entities->tags_lose = has_tag && has_lost;
}
