/* SPDX-License-Identifier: MIT */
/*
 * expat64.h - expat with the functions of version 2.9 whose numbers have 64 bits; it deprecates the others.
 */
#ifndef STAT_EXPAT64_H
#define STAT_EXPAT64_H

#include <expat.h>
#include <stdint.h>

#if !HAVE_DECL_XML_GETINPUTCONTEXT64
static inline uint64_t XML_GetCurrentLineNumber64(XML_Parser parser)
{
    return XML_GetCurrentLineNumber(parser);
}

static inline int64_t XML_GetCurrentByteIndex64(XML_Parser parser)
{
    return XML_GetCurrentByteIndex(parser);
}

static inline uint64_t XML_GetCurrentByteCount64(XML_Parser parser)
{
    return (uint64_t)XML_GetCurrentByteCount(parser);
}

static inline const char *XML_GetInputContext64(XML_Parser parser, int64_t *offset, uint64_t *size)
{
    int short_offset = 0, short_size = 0;
    const char *context = XML_GetInputContext(parser, &short_offset, &short_size);
    *offset = short_offset;
    *size = (uint64_t)short_size;
    return context;
}
#endif

#endif
