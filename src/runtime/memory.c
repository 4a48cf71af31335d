#include "config.h"

#include <hapax/memory.h>

#include "collector/collector.h"
#include "runtime/thread.h"

#include <errno.h>
#include <string.h>

void *hapax_alloc(size_t size)
{
    if (thread_enter() == NULL)
        return NULL;
    void *object = collector_alloc_scanned(size > 0 ? size : 1);
    if (object == NULL)
        errno = ENOMEM;
    return object;
}

void *hapax_alloc_plain(size_t size)
{
    struct thread *self = thread_enter();
    if (self == NULL)
        return NULL;
    if (size > SIZE_MAX - COLLECTOR_GRANULE) {
        errno = ENOMEM;
        return NULL;
    }
    /* One byte more: a pointer one past the end still points into this object. */
    void *object = thread_alloc_plain(self, size + 1);
    if (object != NULL)
        memset(object, 0, size);
    return object;
}
