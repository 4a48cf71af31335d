/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/careful_read.h"

#include "base/pages.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

/* Two ways. Writing to a file in memory, whose pages are mapped here, copies at the speed of the memory, and needs a
 * descriptor; process_vm_readv looks up each page, and takes four times as long. */
static int file = -1;
static void *file_window;
static void *spare_window;      /* for the other way; reserved */

/* What the system reads of this process; what process_vm_readv(2) says. */
static ssize_t copy(void *to, uintptr_t from, size_t size)
{
    struct iovec local = {to, size}, remote = {(void *)from, size};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

bool careful_copy(void *to, uintptr_t from, size_t size)
{
    int before = errno;
    bool whole = copy(to, from, size) == (ssize_t)size;
    errno = before;
    return whole;
}

/* Pages in a call. */
enum { AT_ONCE = 64 };

bool careful_readable_pages(uintptr_t first, size_t pages, size_t page_bytes, unsigned char *wanted)
{
    int before = errno;
    bool some_are_bad = false;
    for (size_t at = 0; at < pages;) {
        struct iovec asked[AT_ONCE];
        size_t numbers[AT_ONCE], count = 0;
        char bytes[AT_ONCE];
        for (; count < AT_ONCE && at < pages; at++)
            if (wanted[at] != 0) {
                numbers[count] = at;
                asked[count++] = (struct iovec){(void *)(first + at * page_bytes), 1};
            }
        struct iovec local = {bytes, count};
        ssize_t got = count == 0 ? 0 : process_vm_readv(getpid(), &local, 1, asked, count, 0);
        if (got < 0 && errno != EFAULT)
            break;      /* the system does not tell */
        if (got < (ssize_t)count) {
            size_t bad = numbers[got > 0 ? got : 0];
            wanted[bad] = 0;
            some_are_bad = true;
            at = bad + 1;
        }
    }
    errno = before;
    return some_are_bad;
}

bool careful_is_readable(uintptr_t start, size_t size)
{
    uintptr_t first = start & -(uintptr_t)PAGE_BYTES;
    size_t pages = size == 0 ? 0 : (start - first + size - 1) / PAGE_BYTES + 1;
    bool readable = true;
    for (size_t at = 0; readable && at < pages; at += AT_ONCE) {
        unsigned char wanted[AT_ONCE];
        memset(wanted, 1, sizeof wanted);
        readable = !careful_readable_pages(first + at * PAGE_BYTES, pages - at < AT_ONCE ? pages - at : AT_ONCE,
                                           PAGE_BYTES, wanted);
    }
    return readable;
}

/* A file may be too large for its owner: writing would raise a signal. */
static bool open_file(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur < CAREFUL_WINDOW)
        return false;
    file = memfd_create("hapax", MFD_CLOEXEC);
    if (file < 0)
        return false;
    if (ftruncate(file, CAREFUL_WINDOW) == 0) {
        file_window = mmap(NULL, CAREFUL_WINDOW, PROT_READ, MAP_SHARED, file, 0);
        if (file_window != MAP_FAILED)
            return true;
    }
    close(file);
    file = -1;
    return false;
}

bool careful_prepare(void)
{
    if (spare_window == NULL)
        spare_window = pages_alloc(CAREFUL_WINDOW);
    return spare_window != NULL;
}

bool careful_begin(void)
{
    int before = errno;
    bool ready = open_file() || copy(spare_window, (uintptr_t)&before, sizeof before) == sizeof before;
    errno = before;
    return ready;
}

const void *careful_window(uintptr_t from, size_t *size)
{
    int before = errno;
    ssize_t got = file >= 0 ? pwrite(file, (const void *)from, *size, 0) : copy(spare_window, from, *size);
    *size = got > 0 ? (size_t)got : 0;
    errno = before;
    return file >= 0 ? file_window : spare_window;
}

void careful_end(void)
{
    int before = errno;
    if (file >= 0) {
        munmap(file_window, CAREFUL_WINDOW);
        close(file);
    }
    file = -1;
    errno = before;
}
