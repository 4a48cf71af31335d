/* SPDX-License-Identifier: MIT */
/* The pages that the library reserves, under the explorer: out of an array, so that each run gets the same. */
#ifndef TESTS_EXPLORE_PAGES_H
#define TESTS_EXPLORE_PAGES_H

/* Nobody uses any. */
void pages_begin_anew(void);

#endif
