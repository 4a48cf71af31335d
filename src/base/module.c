/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/module.h"

#include "base/sync.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#ifdef __GLIBC__
#include <link.h>

static bool hold(struct link_map *module)
{
    int before = errno;
    void *handle = dlopen(module->l_name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    if (handle != NULL)
        (void)dlclose(handle);  /* the flag stays, and is all that is wanted */
    errno = before;
    return handle != NULL;
}

bool module_stay_loaded(const void *address)
{
    /* The one asked for last. It stays, so no other module gets its address. */
    static struct link_map *_Atomic held;
    Dl_info unused;
    struct link_map *module = NULL;
    if (dladdr1(address, &unused, (void **)&module, RTLD_DL_LINKMAP) == 0)
        return false;
    /* The program itself has no name. Relaxed: only compared. */
    if (module == NULL || module->l_name[0] == '\0' || module == load_relaxed(&held))
        return true;
    if (!hold(module))
        return false;
    store_relaxed(&held, module);
    return true;
}
#else
/* Where there is no such question, dlclose unloads nothing. */
bool module_stay_loaded(const void *address)
{
    Dl_info unused;
    return dladdr(address, &unused) != 0;
}
#endif
