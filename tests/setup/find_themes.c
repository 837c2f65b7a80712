/*
 * Debian's `task` looks for its colour themes in /usr/share/taskwarrior and nowhere else, and refuses to start without the
 * default one. Preloaded into it, this finds them in the folder that TASKWARRIOR_THEMES names.
 *
 * Rejected: starting `task` from that folder (relative paths in arguments, hooks and includes would change their meaning),
 * and a link in /usr/share (needs root, and outlives the clone).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char installed[] = "/usr/share/taskwarrior/";

/* Returns `path`, or its counterpart among the themes, written to `room`. */
static const char *relocated(const char *path, char *room, size_t room_bytes)
{
    const char *themes = getenv("TASKWARRIOR_THEMES");
    if (themes == NULL || path == NULL || strncmp(path, installed, sizeof installed - 1) != 0)
        return path;
    int length = snprintf(room, room_bytes, "%s/%s", themes, path + sizeof installed - 1);
    return length > 0 && (size_t)length < room_bytes ? room : path;
}

/* How Taskwarrior asks whether a file is there and readable. */
int access(const char *path, int mode)
{
    char room[4096];
    int (*next)(const char *, int) = dlsym(RTLD_NEXT, "access");
    return next(relocated(path, room, sizeof room), mode);
}

/* How the C++ library opens a stream for it. */
FILE *fopen(const char *path, const char *mode)
{
    char room[4096];
    FILE *(*next)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");
    return next(relocated(path, room, sizeof room), mode);
}
