/* SPDX-License-Identifier: MIT */
/* Workers: what they need of a fork. The public functions are in <hapax/worker.h>. */
#ifndef HAPAX_WORKER_PRIVATE_H
#define HAPAX_WORKER_PRIVATE_H

void worker_fork_child(void);

#endif
