/* SPDX-License-Identifier: MIT */
/* What bdwgc keeps alive although it has not marked it when its marking ends: what strong toggle references hold,
 * and objects with finalizers of the program's that reach each other in a cycle. It marks both while it finalizes,
 * when our own marker has done its work and the world runs again.
 *
 * Toggle references: we install a function in front of the one with which the program decides about them, so we
 * learn of them before the marking begins, and have them marked as roots. Cycles: bdwgc reports them only in a
 * warning, so we also install a function in front of the one that gets its warnings. The program may set both
 * functions at any time without telling us. So code that is about to need ours calls us to install them again. */
#ifndef HAPAX_LATE_H
#define HAPAX_LATE_H

/* Stands in front of both functions, where it does not yet. `kept` is called while bdwgc finalizes, with an object of a
 * cycle. Takes the allocator lock. */
void late_watch(void (*kept)(const void *object));

/* Between the program's decisions and the end of the marking: has what strong references hold marked. */
void late_push_roots(void);
/* The world runs again: the next decisions are about the next collection. */
void late_forget_roots(void);

/* bdwgc begins to finalize, on this thread; and has ended. */
void late_finalization_begins(void);
void late_finalization_ends(void);

#endif
