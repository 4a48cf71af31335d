/* SPDX-License-Identifier: MIT */
/* W10: what the single operations of hapax cost, each in a loop of its own. */

#ifndef BENCH_HAPAX_PRIMITIVES_H
#define BENCH_HAPAX_PRIMITIVES_H

void hapax_run_primitives(void);

#endif
