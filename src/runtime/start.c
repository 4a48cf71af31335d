#include "config.h"

#include "runtime/start.h"

#include "base/sync.h"

#include <pthread.h>

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool started;

int start_library(void)
{
    if (load_acquire(&started)) /* acquire: what the start has set up is seen */
        return 0;
    pthread_mutex_lock(&start_lock);
    int result = 0;
    if (!load_relaxed(&started)) {
        result = start_parts();
        if (result == 0)
            store_release(&started, true);
    }
    pthread_mutex_unlock(&start_lock);
    return result;
}
