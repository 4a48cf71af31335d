/* SPDX-License-Identifier: MIT */
/*
 * xml_entities.h - the entities that an XML file defines, and those that it leaves to other files.
 *
 * expat reports a reference in a text whose definition it has not seen, if other files may define
 * it. In an attribute it takes such a reference out without a word: so do the references behind
 * the ones that it follows. Here is how to tell.
 */
#ifndef STAT_SPLIT_XML_ENTITIES_H
#define STAT_SPLIT_XML_ENTITIES_H

#include "stat/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>

struct xml_entities {
    bool elsewhere;       /* there may be definitions in other files, which are not read */
    struct bytes defined; /* for each one: its name with a NUL, a size_t, so many bytes of text */
    bool tags_are_known, tags_lose;
};

/* An entity whose text is another file has no text here. The first definition of a name counts. */
void xml_entities_add(struct xml_entities *entities, const char *name, const char *text,
                      size_t size);

/* Whether the bytes, with the entities in them replaced, have one that another file defines. */
bool xml_entities_lose(const struct xml_entities *entities, const char *data, size_t size);

/* Whether a tag in the text of an entity may have one: there are such tags, and such entities. */
bool xml_entities_lose_in_tags(struct xml_entities *entities);

void xml_entities_free(struct xml_entities *entities);

#endif
