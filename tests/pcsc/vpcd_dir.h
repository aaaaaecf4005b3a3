// vpcd_dir.h: a card in pcscd's virtual reader that is told what to do by files in a directory, and
// tells by files there what it saw. For programs that scripts start. SPDX-License-Identifier: 0BSD
#ifndef VPCD_DIR_H
#define VPCD_DIR_H

#include "vpcd.h"
#include "wire.h"
#include <stdio.h>

static const char *dir;
static struct vpcd reader;

static void note(const char *name, unsigned value)
{
    char path[512], fresh[520];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *f = fopen(fresh, "w");
    if (!f) return;
    fprintf(f, "%u\n", value);
    fclose(f);
    rename(fresh, path);                // whoever reads sees a whole number
}

static bool told(const char *what)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, what);
    return !unlink(path);
}

// DIR/in is there while the card is in.
static void plug_in(int port)
{
    while (!vpcd_connect(&reader, port)) usleep(50000);     // pcscd does not listen yet
    if (wire) wire->inserted_ns = wire_now_ns();
    note("in", 1);
}

static void pull_out(struct sim_card *card)
{
    if (reader.s >= 0) close(reader.s);
    reader.s = -1;
    told("in");
    card->reset(card);
}

#endif
