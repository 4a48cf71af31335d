/* SPDX-License-Identifier: MIT */
/* Modules: the program, and the shared libraries and plugins that are loaded. */
#ifndef HAPAX_MODULE_H
#define HAPAX_MODULE_H

#include <stdbool.h>

/* Has the module in whose data or code the address lies stay loaded until the process ends, dlclose notwithstanding:
 * other memory never comes to lie there. False if the address lies in no module, or in one that cannot be held. Leaves
 * errno alone. The caller holds no lock of ours. */
bool module_stay_loaded(const void *address);

#endif
