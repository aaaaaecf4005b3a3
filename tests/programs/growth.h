// growth.h: what a process has, for tests that hold it to no more. SPDX-License-Identifier: 0BSD
#ifndef GROWTH_H
#define GROWTH_H

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

// Without the program's own pages, which come as they are first run.
static inline unsigned long rss_kib(void)
{
    unsigned long size = 0, rss = 0, shared = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%lu %lu %lu", &size, &rss, &shared) != 3) rss = shared = 0;
    if (f) fclose(f);
    return (rss - shared) * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

static inline unsigned long descriptors(void)
{
    unsigned long n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n;
}

#endif
