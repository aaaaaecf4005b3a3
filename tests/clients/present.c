// present.c: waits until PC/SC shows a card in one of the readers, or in none: present in|out
// SPDX-License-Identifier: 0BSD
//
// "No card" alone is not yet the removal: a client that resets a card which is just gone makes pcscd show
// an empty reader before its poll (each 400 ms) has found it so, and a card that comes until then is the
// old one to that poll. It counts what it found in the upper half of the state: insertion, removal, ...:
// odd while a card is in.
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <winscard.h>

// How many cards are in; -1: not known, or pcscd has yet to look.
static int cards(SCARDCONTEXT context)
{
    char names[4096];
    DWORD room = sizeof names;
    int found = 0;
    if (SCardListReaders(context, NULL, names, &room)) return -1;
    for (const char *name = names; *name; name += strlen(name) + 1) {
        SCARD_READERSTATE state = { .szReader = name };
        if (SCardGetStatusChange(context, 0, &state, 1)) return -1;
        int present = (state.dwEventState & SCARD_STATE_PRESENT) != 0;
        if (present != (int)(state.dwEventState >> 16 & 1)) return -1;
        found += present;
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
