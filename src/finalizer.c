#include "config.h"

#include <hapax/finalizer.h>

#include "sync.h"

void hapax_keep_alive(const void *pointer)
{
    keep_reachable(pointer);
}
