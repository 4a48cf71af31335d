/* SPDX-License-Identifier: MIT */
/* What the library says on standard error. */
#ifndef HAPAX_SAY_H
#define HAPAX_SAY_H

/* A line that begins with "hapax: ", in one piece: what other threads and processes write does not come in between, and
 * a program that ends meanwhile leaves all of it or nothing. The format has no newline. Leaves errno alone. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
