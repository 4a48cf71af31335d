/* SPDX-License-Identifier: MIT */
/* Mistakes of the caller: reported through errno, and on standard error if HAPAX_DEBUG=errors asks for it. */
#ifndef HAPAX_REFUSE_H
#define HAPAX_REFUSE_H

/* Sets errno to `error` and, with HAPAX_DEBUG=errors, prints a line that names the public function and the reason.
 * -1. */
int refuse(int error, const char *function, const char *reason);

#endif
