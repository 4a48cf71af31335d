/* Threads of the library's own. */
#ifndef HAPAX_BACKGROUND_H
#define HAPAX_BACKGROUND_H

/* Starts a detached thread that takes no signals but those the collector stops it with. 0, or what pthread_create said.
 * The thread is not known to the collector yet: until it has called thread_enter, what it is given is kept alive by the
 * caller. */
int background_start(void *(*function)(void *), void *argument);

#endif
