// posix.h: what the tests want of POSIX, and on Windows what stands in for it. SPDX-License-Identifier: 0BSD
//
// A case that needs a child of a fork begins with NEEDS_FORK: without one it is not judged.
#ifndef POSIX_H
#define POSIX_H

#include "test.h"
#include <unistd.h>

#if defined(_WIN32)
#define NEEDS_FORK          do { test_not_judged = true; return; } while (0)
#define fork()              (-1)
#define alarm(seconds)      ((void)(seconds))
#define getuid()            0
#define geteuid()           0
#define WIFEXITED(status)   ((void)(status), 1)
#define WEXITSTATUS(status) (status)
#define WIFSIGNALED(status) ((void)(status), 0)
#define WTERMSIG(status)    (status)
int _pipe(int *ends, unsigned room, int mode);
#define pipe(ends)          _pipe((ends), 4096, 0)

static inline int waitpid(int pid, int *status, int how)
{
    (void)pid; (void)how;
    *status = 0;
    return -1;
}
static inline int setenv(const char *name, const char *value, int over)
{
    (void)over;
    return _putenv_s(name, value);
}
static inline int unsetenv(const char *name) { return _putenv_s(name, ""); }
#else
#include <sys/wait.h>
#define NEEDS_FORK          do { } while (0)
#endif

#endif
