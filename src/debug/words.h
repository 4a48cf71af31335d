/* SPDX-License-Identifier: MIT */
/* The words of HAPAX_DEBUG. Each module of this folder reads its own; here is the list of all. */
#ifndef HAPAX_DEBUG_WORDS_H
#define HAPAX_DEBUG_WORDS_H

/* The library's start: answers each word that is not known with a line that lists those that are. */
void debug_words_check(void);

#endif
