// bench_pcsc.c: stands as libpcsclite.so.1 before the real one, for bench.sh, and counts the calls in the file that
// WIRE names (wire.h). A preloaded library would not do: OpenSC looks the functions up in the library itself.
// SPDX-License-Identifier: 0BSD
#define _GNU_SOURCE
#include "../pcsc/wire.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <winscard.h>

const SCARD_IO_REQUEST g_rgSCardT0Pci = { SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST) };
const SCARD_IO_REQUEST g_rgSCardT1Pci = { SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST) };
const SCARD_IO_REQUEST g_rgSCardRawPci = { SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST) };

static void *real(const char *name)
{
    static void *library;
    const char *path = getenv("WIRE");
    if (!library) library = dlopen(REAL_PCSC, RTLD_NOW | RTLD_LOCAL);
    if (!wire && path) wire = wire_open(path);
    void *function = library ? dlsym(library, name) : NULL;
    if (!function) abort();
    return function;
}

#define COUNT(type, name, parameters, arguments)                                                  \
    type name parameters                                                                            \
    {                                                                                               \
        static type (*function) parameters;                                                         \
        void *symbol;                                                                               \
        if (!function) { symbol = real(#name); memcpy(&function, &symbol, sizeof symbol); }         \
        if (wire) __atomic_add_fetch(&wire->calls, 1, __ATOMIC_RELAXED);                            \
        return function arguments;                                                                  \
    }

COUNT(LONG, SCardEstablishContext, (DWORD a, LPCVOID b, LPCVOID c, LPSCARDCONTEXT d), (a, b, c, d))
COUNT(LONG, SCardReleaseContext, (SCARDCONTEXT a), (a))
COUNT(LONG, SCardIsValidContext, (SCARDCONTEXT a), (a))
COUNT(LONG, SCardConnect, (SCARDCONTEXT a, LPCSTR b, DWORD c, DWORD d, LPSCARDHANDLE e, LPDWORD f), (a, b, c, d, e, f))
COUNT(LONG, SCardReconnect, (SCARDHANDLE a, DWORD b, DWORD c, DWORD d, LPDWORD e), (a, b, c, d, e))
COUNT(LONG, SCardDisconnect, (SCARDHANDLE a, DWORD b), (a, b))
COUNT(LONG, SCardBeginTransaction, (SCARDHANDLE a), (a))
COUNT(LONG, SCardEndTransaction, (SCARDHANDLE a, DWORD b), (a, b))
COUNT(LONG, SCardStatus, (SCARDHANDLE a, LPSTR b, LPDWORD c, LPDWORD d, LPDWORD e, LPBYTE f, LPDWORD g), (a, b, c, d, e, f, g))
COUNT(LONG, SCardGetStatusChange, (SCARDCONTEXT a, DWORD b, SCARD_READERSTATE *c, DWORD d), (a, b, c, d))
COUNT(LONG, SCardControl, (SCARDHANDLE a, DWORD b, LPCVOID c, DWORD d, LPVOID e, DWORD f, LPDWORD g), (a, b, c, d, e, f, g))
COUNT(LONG, SCardTransmit, (SCARDHANDLE a, const SCARD_IO_REQUEST *b, LPCBYTE c, DWORD d, SCARD_IO_REQUEST *e,
                            LPBYTE f, LPDWORD g), (a, b, c, d, e, f, g))
COUNT(LONG, SCardListReaderGroups, (SCARDCONTEXT a, LPSTR b, LPDWORD c), (a, b, c))
COUNT(LONG, SCardListReaders, (SCARDCONTEXT a, LPCSTR b, LPSTR c, LPDWORD d), (a, b, c, d))
COUNT(LONG, SCardFreeMemory, (SCARDCONTEXT a, LPCVOID b), (a, b))
COUNT(LONG, SCardCancel, (SCARDCONTEXT a), (a))
COUNT(LONG, SCardGetAttrib, (SCARDHANDLE a, DWORD b, LPBYTE c, LPDWORD d), (a, b, c, d))
COUNT(LONG, SCardSetAttrib, (SCARDHANDLE a, DWORD b, LPCBYTE c, DWORD d), (a, b, c, d))
COUNT(const char *, pcsc_stringify_error, (const LONG a), (a))
