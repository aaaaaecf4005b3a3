// present.c: waits until PC/SC shows a card in one of the readers, or in none: present in|out
// SPDX-License-Identifier: 0BSD
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <winscard.h>

static int cards(SCARDCONTEXT context)
{
    char names[4096];
    DWORD room = sizeof names;
    int found = 0;
    if (SCardListReaders(context, NULL, names, &room)) return -1;
    for (const char *name = names; *name; name += strlen(name) + 1) {
        SCARD_READERSTATE state = { .szReader = name };
        if (SCardGetStatusChange(context, 0, &state, 1)) return -1;
        found += (state.dwEventState & SCARD_STATE_PRESENT) != 0;
    }
    return found;
}

int main(int argc, char **argv)
{
    int in = argc > 1 && !strcmp(argv[1], "in");
    for (int tries = 0; tries < 6000; tries++) {
        SCARDCONTEXT context;
        int n = -1;
        if (!SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context)) {
            n = cards(context);
            SCardReleaseContext(context);
        }
        if (in ? n > 0 : n == 0) return 0;
        usleep(10000);
    }
    return 1;
}
