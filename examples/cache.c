// cache.c: keeps what anybody may read of cards in files, and signs. cache DIRECTORY PIN
// cc cache.c ../scard11.c -I.. $(pkg-config --cflags --libs libpcsclite) -lmbedcrypto -lz -o cache
// SPDX-License-Identifier: 0BSD
// Test: "$dir/cache.$$" 123456 => 4 certificates, a signature of 256 bytes: 14 commands
// Test: "$dir/cache.$$" 123456 => 4 certificates, a signature of 256 bytes: 10 commands
//
// The second run of it sends what makes sure which card it is, the PIN and what is to be signed.
// The directory is the user's own: who can write there can show the program other certificates.
#define _POSIX_C_SOURCE 200809L     // directories, and when a file was written
#include "scard11.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OLD (24 * 60 * 60)          // seconds; what is older is read from the card again

// A card is a directory, and what is kept of it a file in there. Names are hexadecimal digits.
static void path_of(const char *root, const char *card, const char *item, char path[4096])
{
    snprintf(path, 4096, "%s/%.16s%s%.64s", root, card, item ? "/" : "", item ? item : "");
}

static unsigned long load(void *root, const char *card, const char *item, void *data,
                          unsigned long room)
{
    char path[4096];
    struct stat about;
    unsigned long n = 0;
    path_of(root, card, item, path);
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    int young = !fstat(fileno(f), &about) && time(NULL) - about.st_mtime < OLD;
    if (young && (unsigned long)about.st_size <= room) n = (unsigned long)fread(data, 1, room, f);
    fclose(f);
    return n;
}

// All that is kept of a card goes.
static void forget(const char *root, const char *card)
{
    char path[4096], file[8192];
    path_of(root, card, NULL, path);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d)); ) {
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        unlink(file);
    }
    if (d) closedir(d);
}

// A file is there whole or not at all: another process may read it now.
static void store(void *root, const char *card, const char *item, const void *data,
                  unsigned long n)
{
    char path[4096], fresh[4200];
    if (!item) { forget(root, card); return; }
    path_of(root, card, NULL, path);
    mkdir(path, 0700);
    path_of(root, card, item, path);
    snprintf(fresh, sizeof fresh, "%s.%ld", path, (long)getpid());
    FILE *f = fopen(fresh, "wb");
    if (!f) return;
    int good = fwrite(data, 1, n, f) == n;
    good = !fclose(f) && good;
    if (!good || rename(fresh, path)) unlink(fresh);
}

// ---- What the program does ----

// A signature by the first private key; and what it took.
static CK_RV sign(CK_SLOT_ID slot, const char *pin)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_CLASS certificates = CKO_CERTIFICATE, keys = CKO_PRIVATE_KEY;
    CK_KEY_TYPE type = CKK_RSA;
    CK_OBJECT_HANDLE found[32];
    CK_ULONG count = 0, n = 0, length = 512;
    CK_BYTE signature[512];
    struct scard11_counters counters;
    CK_ATTRIBUTE all = { CKA_CLASS, &certificates, sizeof certificates };
    CK_ATTRIBUTE key = { CKA_CLASS, &keys, sizeof keys };
    CK_ATTRIBUTE kind = { CKA_KEY_TYPE, &type, sizeof type };
    CK_RV rv = C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (rv) return rv;
    rv = C_FindObjectsInit(session, &all, 1);
    if (!rv) rv = C_FindObjects(session, found, 32, &count);
    C_FindObjectsFinal(session);
    if (!rv) rv = C_Login(session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin,
                          (CK_ULONG)strlen(pin));
    if (!rv) rv = C_FindObjectsInit(session, &key, 1);
    if (!rv) rv = C_FindObjects(session, found, 1, &n);
    C_FindObjectsFinal(session);
    if (!rv && !n) rv = CKR_KEY_HANDLE_INVALID;
    if (!rv) rv = C_GetAttributeValue(session, found[0], &kind, 1);
    CK_MECHANISM mechanism = { type == CKK_RSA ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, NULL, 0 };
    if (!rv) rv = C_SignInit(session, &mechanism, found[0]);
    if (!rv) rv = C_Sign(session, (CK_BYTE *)"text", 4, signature, &length);
    if (!rv) rv = scard11_stats(slot, &counters);
    if (!rv)
        printf("%lu certificates, a signature of %lu bytes: %lu commands\n", (unsigned long)count,
               (unsigned long)length, (unsigned long)counters.commands);
    return rv;
}

int main(int argc, char **argv)
{
    CK_SLOT_ID slot;
    CK_ULONG slots = 1;
    if (argc != 3) return fprintf(stderr, "usage: cache DIRECTORY PIN\n"), 2;
    struct scard11_cache cache = { load, store, argv[1] };
    mkdir(argv[1], 0700);
    CK_RV rv = scard11_set_cache(&cache);
    if (!rv) rv = C_Initialize(NULL);
    if (rv) return fprintf(stderr, "cache: C_Initialize: 0x%lx\n", (unsigned long)rv), 1;
    rv = C_GetSlotList(CK_TRUE, &slot, &slots);
    if (rv == CKR_BUFFER_TOO_SMALL) rv = CKR_OK;        // more than one: the first
    if (!rv && !slots) rv = CKR_TOKEN_NOT_PRESENT;
    if (!rv) rv = sign(slot, argv[2]);
    if (rv) fprintf(stderr, "cache: 0x%lx\n", (unsigned long)rv);
    C_Finalize(NULL);
    return rv != CKR_OK;
}
