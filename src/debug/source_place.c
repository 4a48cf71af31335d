/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "debug/source_place.h"

#include "base/environment.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The main program's name is what it was called, which need not lead to it. */
static const char *object_file(const Dl_info *info, char *link, size_t size)
{
    Dl_info program;
    ssize_t length = -1;
    if (dladdr((void *)(uintptr_t)&environ, &program) != 0 && program.dli_fbase == info->dli_fbase)
        length = readlink("/proc/self/exe", link, size - 1);
    if (length < 0 && strchr(info->dli_fname, '/') == NULL)
        length = readlink("/proc/self/exe", link, size - 1);
    if (length < 0)
        return info->dli_fname;
    link[length] = '\0';
    return link;
}

/* As the file has it: relative where the file can be loaded anywhere. */
static uintptr_t file_address(const Dl_info *info, const void *address)
{
    const ElfW(Ehdr) *header = info->dli_fbase;
    uintptr_t at = (uintptr_t)address - 1;
    return header->e_type == ET_DYN ? at - (uintptr_t)header : at;
}

/* Runs addr2line and reads what it says: two lines. Not with more rights than the caller's, who could put a program of
 * that name into the search path. */
static bool ask(const char *file, uintptr_t address, char *answer, size_t size)
{
    if (environment_secure_execution())
        return false;
    char hex[32], function[] = "-f", demangle[] = "-C", short_names[] = "-s", executable[] = "-e", name[] = "addr2line";
    snprintf(hex, sizeof hex, "0x%jx", (uintmax_t)address);
    char *arguments[] = {name, function, demangle, short_names, executable, (char *)(uintptr_t)file, hex, NULL};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t child;
    bool spawned = posix_spawnp(&child, name, &actions, NULL, arguments, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got = 1; spawned && got != 0 && length < size - 1;) {
        got = read(ends[0], answer + length, size - 1 - length);
        if (got < 0 && errno != EINTR)
            break;
        length += got > 0 ? (size_t)got : 0;
    }
    close(ends[0]);
    answer[length] = '\0';
    /* Where the program has waited for it already, so be it. */
    while (spawned && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    return length > 0;
}

static bool describe_by_lines(const Dl_info *info, const void *address, char *text, size_t size)
{
    char link[4096], answer[1024];
    if (!ask(object_file(info, link, sizeof link), file_address(info, address), answer, sizeof answer))
        return false;
    char *line = strchr(answer, '\n');
    if (line == NULL || answer[0] == '?')
        return false;
    *line++ = '\0';
    line[strcspn(line, "\n ")] = '\0';
    if (line[0] == '?' || line[0] == ':')   /* no file, or one without a name, as of code that the linker has moved */
        return false;
    snprintf(text, size, "%s (%s)", answer, line);
    return true;
}

void source_place_describe(const void *address, char *text, size_t size)
{
    Dl_info info;
    if (dladdr(address, &info) == 0 || info.dli_fname == NULL) {
        snprintf(text, size, "%p", address);
        return;
    }
    if (describe_by_lines(&info, address, text, size))
        return;
    if (info.dli_sname != NULL)
        snprintf(text, size, "%s+0x%jx (%s)", info.dli_sname,
                 (uintmax_t)((uintptr_t)address - (uintptr_t)info.dli_saddr), info.dli_fname);
    else
        snprintf(text, size, "%s+0x%jx", info.dli_fname,
                 (uintmax_t)((uintptr_t)address - (uintptr_t)info.dli_fbase));
}
