/* SPDX-License-Identifier: MIT */
/* Memory outside the collector's heap that lives as long as collected objects do: what their cleanups will free. The
 * program says how much there is, with hapax_external_memory, and the collector collects as if it were its own.
 *
 * A collection is asked for once a third of all memory, this and the heap's, has come since the last one, and no small
 * amount: what waits to be found dead is then at most half of what lives. */
#ifndef HAPAX_EXTERNAL_H
#define HAPAX_EXTERNAL_H

/* reclaim_end. */
void external_reclaim_end(void);

#endif
