// device.h: the options of scard11 for device.c: PIV cards, read and used; one reader, short commands.
// SPDX-License-Identifier: 0BSD
// Test: tests/tools/device.sh
#define SCARD11_DEVICE       1
#define SCARD11_ENTROPY      device_entropy
#define SCARD11_NOW_MS       device_now_ms
#define SCARD11_SLEEP_MS     device_sleep_ms
#define SCARD11_ANSWER       258
#define SCARD11_SCRATCH      6674
#define SCARD11_ARENA_BLOCK  512
#define SCARD11_CARD_MEMORY  65536
#define SCARD11_READERS_MAX  1
#define SCARD11_READER_SLOTS 1
#define SCARD11_TRACE        0
#define SCARD11_WRITE        0
#define SCARD11_ZLIB         0
#define SCARD11_MBEDTLS_CHECK 0         // it has what PIV cards need: device_mbedtls.h
// The kinds of cards that are left out
#define SCARD11_OPENPGP      0
#define SCARD11_ISOAPPLET    0
#define SCARD11_SCHSM        0
#define SCARD11_MYEID        0
#define SCARD11_ESTEID       0
#define SCARD11_FINEID       0
#define SCARD11_BELPIC       0
#define SCARD11_GIDS         0
#define SCARD11_CAC          0
#define SCARD11_GENERIC      0
