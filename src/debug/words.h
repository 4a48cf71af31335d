/* SPDX-License-Identifier: MIT */
/* The words of HAPAX_DEBUG. Each module of this folder reads its own; here is the list of all. */
#ifndef HAPAX_DEBUG_WORDS_H
#define HAPAX_DEBUG_WORDS_H

/* At the library's start: for each unknown word, prints a line that lists the known words. */
void debug_words_check(void);

#endif
