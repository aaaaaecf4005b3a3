// scard11.h: PKCS#11 for smart cards in two C files.
//
// Version 0.1.0. SPDX-License-Identifier: 0BSD (full text at the end of this file)
//
// WHAT IT IS
//   Add scard11.h and scard11.c to a program, link mbedTLS and PC/SC, and the program calls C_*
//   (PKCS#11 3.2) to find, log in to, sign and decrypt with smart cards. The same file builds as
//   a shared PKCS#11 module for other programs. Nothing is loaded at run time.
//
//      cc app.c scard11.c $(pkg-config --cflags --libs libpcsclite) -lmbedcrypto -lz -o app
//
//   It prints an error as a CKR_ of part 5: 0xe0 no card, or no pcscd; 0xa0 a wrong PIN. What is
//   wrong with PC/SC or a card says the log: SCARD11_LOG=stderr ./app PIN TEXT
//
// A FIRST PROGRAM (more in examples/; other systems' lines in README.md)
//   It is complete, and works with every supported card, with RSA and with elliptic curves. A wrong
//   PIN costs a try.
//
//      // app.c: signs a text with the first key of the first card. app PIN TEXT
//      #include "scard11.h"
//      #include <stdio.h>
//      #include <string.h>
//
//      static CK_RV open_card(CK_SESSION_HANDLE *session)
//      {
//          CK_SLOT_ID slots[SCARD11_READERS_MAX * SCARD11_READER_SLOTS];
//          CK_ULONG n = sizeof slots / sizeof *slots;
//          CK_RV rv = C_GetSlotList(CK_TRUE, slots, &n);
//          if (!rv) rv = n ? CKR_TOKEN_NOT_RECOGNIZED : CKR_TOKEN_NOT_PRESENT;
//          for (CK_ULONG i = 0; i < n && rv == CKR_TOKEN_NOT_RECOGNIZED; i++)
//              rv = C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, session);
//          return rv;
//      }
//
//      static CK_RV sign(CK_SESSION_HANDLE session, CK_UTF8CHAR *pin, CK_BYTE *text)
//      {
//          CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
//          CK_BBOOL yes = CK_TRUE, again = CK_FALSE;   // again: this key wants the PIN each time
//          CK_KEY_TYPE type = CKK_RSA;
//          CK_ATTRIBUTE find[] = { { CKA_CLASS, &private_key, sizeof private_key },
//                                  { CKA_SIGN, &yes, sizeof yes } };
//          CK_ATTRIBUTE about[] = { { CKA_KEY_TYPE, &type, sizeof type },
//                                   { CKA_ALWAYS_AUTHENTICATE, &again, sizeof again } };
//          CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };
//          CK_OBJECT_HANDLE key;
//          CK_BYTE signature[512];
//          CK_ULONG n = 0, len = sizeof signature, pin_len = strlen((char *)pin);
//
//          CK_RV rv = C_Login(session, CKU_USER, pin, pin_len);
//          if (!rv) rv = C_FindObjectsInit(session, find, 2);
//          if (!rv) rv = C_FindObjects(session, &key, 1, &n);
//          if (!rv) rv = C_FindObjectsFinal(session);
//          if (!rv && !n) rv = CKR_KEY_HANDLE_INVALID;
//          if (!rv) rv = C_GetAttributeValue(session, key, about, 2);
//          if (type == CKK_EC) mechanism.mechanism = CKM_ECDSA_SHA256;
//          if (type == CKK_EC_EDWARDS) mechanism.mechanism = CKM_EDDSA;
//          if (!rv) rv = C_SignInit(session, &mechanism, key);
//          if (!rv && again) rv = C_Login(session, CKU_CONTEXT_SPECIFIC, pin, pin_len);
//          if (!rv) rv = C_Sign(session, text, strlen((char *)text), signature, &len);
//          for (n = 0; !rv && n < len; n++) printf("%02x", signature[n]);
//          if (!rv) printf("\n");
//          return rv;
//      }
//
//      int main(int argc, char **argv)
//      {
//          CK_SESSION_HANDLE session;
//
//          if (argc != 3) return fprintf(stderr, "app PIN TEXT\n"), 2;
//          CK_RV rv = C_Initialize(NULL);
//          if (!rv) rv = open_card(&session);
//          if (!rv) rv = sign(session, (CK_UTF8CHAR *)argv[1], (CK_BYTE *)argv[2]);
//          C_Finalize(NULL);                           // closes the session, logs out
//          if (rv) fprintf(stderr, "error %#lx\n", rv);
//          return rv != CKR_OK;
//      }
//
// WHAT STANDS WHERE
//   1 options   2 scard11_ functions   3 a reader of your own   4 what differs from the standard
//   5 PKCS#11 3.2 declarations   6 changes   7 licence
//
// LIFETIMES AND THREADS
//   All that belongs to a card lies in one arena. When the card leaves, the arena is freed. Every
//   session and object handle of that card is refused from then on, even when the same card comes
//   back. After C_Initialize any thread may call any function at any time. Calls on one card take
//   turns, calls on two readers run side by side. The library starts no thread.
#ifndef SCARD11_H
#define SCARD11_H

#include <stddef.h>
#include <stdint.h>

#define SCARD11_VERSION_MAJOR 0
#define SCARD11_VERSION_MINOR 1
#define SCARD11_VERSION_PATCH 0

// SCARD11_INTERFACE_VERSION: of what a program is written against, parts 1 to 4. It is another one
// after a change for which a program may have to be changed; not where something was only added.
// Part 6 says what counts. A program that has to be looked at then says so to the compiler:
//      #if SCARD11_INTERFACE_VERSION != 1
//      #error "scard11.h has changed: see its part 6"
//      #endif
#define SCARD11_INTERFACE_VERSION 1

// ---- 1 Options ----------------------------------------------------------------------------------
// Define them on the command line, or in a file that SCARD11_CONFIG names:
// -DSCARD11_CONFIG='"my.h"'. Each option is always defined, and tested with #if. Sizes are in
// bytes.

#ifdef SCARD11_CONFIG
#include SCARD11_CONFIG
#endif

// SCARD11_DEVICE: 1 is for a device without an operating system: no threads, processes, files or
// environment, and of the C library only what C99 has. The options of these are 0 then, and
// SCARD11_READER is SCARD11_READER_CUSTOM. The application defines SCARD11_ENTROPY, SCARD11_NOW_MS
// and SCARD11_SLEEP_MS. The run-time option SCARD11_LOG is ignored: scard11_set_log has the lines.
#ifndef SCARD11_DEVICE
#define SCARD11_DEVICE 0
#endif
#if SCARD11_DEVICE
#define SCARD11_READER SCARD11_READER_CUSTOM
#define SCARD11_THREADS 0
#define SCARD11_ENVIRONMENT 0
#endif

// SCARD11_READER: how the library reaches the readers.
//   SCARD11_READER_PCSC     winscard.h: pcsc-lite, Windows, macOS (default)
//   SCARD11_READER_CUSTOM   the application defines the scard11_reader_ functions of part 3
#define SCARD11_READER_PCSC   1
#define SCARD11_READER_CUSTOM 2
#ifndef SCARD11_READER
#define SCARD11_READER SCARD11_READER_PCSC
#endif

// SCARD11_READERS_MAX: how many readers are known at once, 1 to 64. The library does not see
// further readers, nor those whose names have more than 127 bytes. The log says so.
// A session handle has 12 bits for reader and session: 16 readers leave 256 sessions for each card.
#ifndef SCARD11_READERS_MAX
#define SCARD11_READERS_MAX 16
#endif

// SCARD11_READER_SLOTS: how many slot IDs each reader owns, 1 to 8. A card with several tokens
// (applications or user PINs) needs one for each token. From C_Initialize on, readers get their IDs
// in the order in which they are first seen: with 2, the first reader has 0 and 1, the next one 2
// and 3. 2 are enough for security keys, which have PIV and OpenPGP, and for eIDs with two PINs.
// MyEID and cards of other makers with PKCS#15 may have more PINs: what has no slot is hidden. With
// 1, PIV is all of a security key that is shown. Each further slot takes about 530 bytes of memory
// for each card that is in.
#ifndef SCARD11_READER_SLOTS
#define SCARD11_READER_SLOTS 2
#endif

// SCARD11_TOKEN_CREDENTIALS: how many credentials (PINs, PUKs, administrators' keys) the library
// keeps for a token, 2 to 16. None of the supported cards has more than 4. With 2, OpenPGP cards
// have no CKU_SO, and PIV and GIDS cards none by a key, which would be the third: PIV and OpenPGP
// cards cannot be written then, and C_InitToken of GIDS cards is CKR_FUNCTION_NOT_SUPPORTED.
#ifndef SCARD11_TOKEN_CREDENTIALS
#define SCARD11_TOKEN_CREDENTIALS 4
#endif

// SCARD11_CARD_MEMORY: the most memory that the library keeps for one inserted card. It also limits
// how many READ and GET RESPONSE commands one call sends: SCARD11_CARD_MEMORY / 256 + 1,024. A card
// that gives so little at a time that these do not suffice is given up (CKR_DEVICE_ERROR).
#ifndef SCARD11_CARD_MEMORY
#define SCARD11_CARD_MEMORY 1048576
#endif

// SCARD11_SCRATCH: working memory of a reader, one block from its first card to C_Finalize. The
// default has room for a 64 KiB answer, for inflate and for its output. A device without both can
// take 8192, with SCARD11_ANSWER 258 and SCARD11_ZLIB 0. The least is SCARD11_ANSWER + 6416 with
// short commands alone, SCARD11_ANSWER + 10496 with extended length, and 131072 with zlib. Reading
// a file that needs more is CKR_DEVICE_MEMORY.
#ifndef SCARD11_SCRATCH
#define SCARD11_SCRATCH 163840
#endif

// SCARD11_ANSWER: room for one response APDU, 258 to 65538. With 258 neither commands nor responses
// use extended length. IsoApplet with interface 1 and CardContact's SmartCard-HSM take no chains.
// With RSA they do not decrypt then, and the SmartCard-HSM signs by PKCS #1 v1.5 only
// (CKR_FUNCTION_NOT_SUPPORTED).
#ifndef SCARD11_ANSWER
#define SCARD11_ANSWER 65538
#endif

// SCARD11_COMMAND_MAX: the longest command APDU that a reader gets. Longer ones are sent as a
// chain. It follows from SCARD11_ANSWER, and is not an option.
#define SCARD11_COMMAND_MAX (SCARD11_ANSWER > 258 ? 4352 : 261)

// SCARD11_ALLOC, SCARD11_FREE: replace malloc and free. Blocks are few and large: SCARD11_SCRATCH
// for each reader, and 16 KiB for a card, or more where one thing of the card needs more. Beside
// these PC/SC takes a small one for each connection, and one while a long list of readers is read.
// SCARD11_ALLOC(size) returns memory that is aligned as malloc's is, or NULL if there is none.
// SCARD11_FREE(ptr, size) gets the size that was asked for. Both are called under locks of the
// library, by several threads at once, and must not call C_* functions.
#if defined(SCARD11_ALLOC) != defined(SCARD11_FREE)
#error "define both SCARD11_ALLOC and SCARD11_FREE, or neither"
#endif
#ifndef SCARD11_ALLOC
#define SCARD11_ALLOC(size)      malloc(size)
#define SCARD11_FREE(ptr, size)  ((void)(size), free(ptr))
#define SCARD11_NEEDS_STDLIB 1
#else
#define SCARD11_NEEDS_STDLIB 0
#endif

// SCARD11_ARENA_BLOCK: a card takes memory in blocks of at least so many bytes, 512 to 65536. A
// small block wastes less, a large one is taken less often.
#ifndef SCARD11_ARENA_BLOCK
#define SCARD11_ARENA_BLOCK 16384
#endif

// SCARD11_THREADS: 0 leaves all locks out, for a device with one thread.
#ifndef SCARD11_THREADS
#define SCARD11_THREADS 1
#endif

// SCARD11_FINALIZE_MS: how many milliseconds C_Finalize waits for calls that are still inside.
#ifndef SCARD11_FINALIZE_MS
#define SCARD11_FINALIZE_MS 5000
#endif

// SCARD11_LOOK_MS: for how many milliseconds after the last look at a reader a call may answer from
// memory without another look. Commands are not affected: the connection itself decides whether
// they reach the card.
#ifndef SCARD11_LOOK_MS
#define SCARD11_LOOK_MS 20
#endif

// SCARD11_ZLIB: 1 reads certificates that are stored compressed, and can store them so
// (SCARD11_CKA_COMPRESS). The program then links zlib.
#ifndef SCARD11_ZLIB
#define SCARD11_ZLIB 1
#endif

// SCARD11_PIV: 1 compiles the driver for PIV cards.
#ifndef SCARD11_PIV
#define SCARD11_PIV 1
#endif

// SCARD11_WRITE: 1 compiles what writes cards: keys made and given, certificates and data stored
// and deleted, C_InitToken, the SO's login by a key (PIV, GIDS) and the first PIN of a card. 0:
// each token is CKF_WRITE_PROTECTED, and PINs are changed and unblocked by PINs alone.
#ifndef SCARD11_WRITE
#define SCARD11_WRITE 1
#endif

// SCARD11_OPENPGP: 1 compiles the driver for OpenPGP cards.
// A PIN that the card wants derived (KDF-DO) is hashed as long as the card says, at most 62 MiB:
// some tenths of a second on a PC, longer on a small system.
#ifndef SCARD11_OPENPGP
#define SCARD11_OPENPGP 1
#endif

// SCARD11_ISOAPPLET: 1 compiles the driver for IsoApplet cards.
#ifndef SCARD11_ISOAPPLET
#define SCARD11_ISOAPPLET 1
#endif

// SCARD11_SCHSM: 1 compiles the driver for SmartCard-HSMs (CardContact, Nitrokey HSM 2, Pico HSM).
#ifndef SCARD11_SCHSM
#define SCARD11_SCHSM 1
#endif

// SCARD11_MYEID: 1 compiles the driver for MyEID and OsEID cards.
// A second user PIN has a slot of its own. The slot appears when a search has found the directory
// entry of that PIN: to ask every card for it earlier would cost four commands.
#ifndef SCARD11_MYEID
#define SCARD11_MYEID 1
#endif

// SCARD11_ESTEID: 1 compiles the driver for Estonian (2018 to 2025) and Latvian eID cards by
// IDEMIA.
// They have two PINs, and so two slots. With SCARD11_READER_SLOTS 1 there is no PIN2.
#ifndef SCARD11_ESTEID
#define SCARD11_ESTEID 1
#endif

// SCARD11_FINEID: 1 compiles the driver for Finnish (version 4) and Estonian (from 2025 on) eID
// cards by Thales.
// They have two PINs, and so two slots. With SCARD11_READER_SLOTS 1 there is no PIN2.
#ifndef SCARD11_FINEID
#define SCARD11_FINEID 1
#endif

// SCARD11_BELPIC: 1 compiles the driver for Belgian eID cards.
#ifndef SCARD11_BELPIC
#define SCARD11_BELPIC 1
#endif

// SCARD11_GIDS: 1 compiles the driver for GIDS cards (Generic Identity Device Specification), which
// Windows knows without a driver of theirs. Their certificates are stored compressed: without
// SCARD11_ZLIB there are keys only.
#ifndef SCARD11_GIDS
#define SCARD11_GIDS 1
#endif

// SCARD11_CAC: 1 compiles the driver for CAC (US Department of Defense, GSC-IS 2.1), and tokens
// like them. One that is PIV as well is used as PIV. Of certificates that are stored compressed
// nothing is shown without SCARD11_ZLIB, nor of their keys.
#ifndef SCARD11_CAC
#define SCARD11_CAC 1
#endif

// SCARD11_GENERIC: 1 compiles the driver for standard cards with a PKCS#15 directory (ISO/IEC
// 7816-15) that no other driver takes.
#ifndef SCARD11_GENERIC
#define SCARD11_GENERIC 1
#endif

// SCARD11_ENVIRONMENT: 1 lets C_Initialize read the run-time options of part 2 from the environment
// (never in a setuid program). A program can also forbid that at run time.
#ifndef SCARD11_ENVIRONMENT
#define SCARD11_ENVIRONMENT 1
#endif

// SCARD11_PIN_CACHE: the default of the run-time option with that name (part 2).
#ifndef SCARD11_PIN_CACHE
#define SCARD11_PIN_CACHE 0
#endif

// SCARD11_BELIEVED: the default of the run-time option with that name (part 2).
#ifndef SCARD11_BELIEVED
#define SCARD11_BELIEVED 2000
#endif
#define SCARD11_BELIEVED_ALWAYS 0xffffffff

// SCARD11_TRACE: 1 compiles the log in. 0 saves its text. The run-time option SCARD11_LOG is then
// accepted and ignored.
#ifndef SCARD11_TRACE
#define SCARD11_TRACE 1
#endif

// SCARD11_CHECK_SIGNATURES: 1 checks every signature of a card with the public key before the
// caller gets it, as far as mbedTLS can. 0 checks only signatures that could be of another key,
// because another program may have selected something else on the card meanwhile. It does not check
// those of a key on an elliptic curve where the command itself names algorithm and key (PIV),
// because a check takes the host some milliseconds.
#ifndef SCARD11_CHECK_SIGNATURES
#define SCARD11_CHECK_SIGNATURES 0
#endif

// SCARD11_DEBUG: 1 turns the library's own assertions on. One that fails calls abort. For tests.
#ifndef SCARD11_DEBUG
#define SCARD11_DEBUG 0
#endif

// SCARD11_MBEDTLS_MAJOR: 4 builds the code for mbedTLS 4 with an earlier version, whose PSA has all
// that this code needs. 0 builds the code for the version at hand. For tests.
#ifndef SCARD11_MBEDTLS_MAJOR
#define SCARD11_MBEDTLS_MAJOR 0
#endif

// SCARD11_MBEDTLS_CHECK: 1 stops the compiler if mbedTLS was built without what the library uses
// (its default options have all of it), and names what is missing. 0 builds the library all the
// same. It still offers what mbedTLS then lacks, and a call that needs it fails. For devices.
//   with     mbedTLS 2.28 and 3.6                 TF-PSA-Crypto (in mbedTLS 4)
//   PSA      MBEDTLS_PSA_CRYPTO_C                 MBEDTLS_PSA_CRYPTO_C
//   RSA      MBEDTLS_BIGNUM_C, MBEDTLS_RSA_C *,   PSA_WANT_KEY_TYPE_RSA_PUBLIC_KEY,
//            MBEDTLS_PKCS1_V15 *                  PSA_WANT_KEY_TYPE_RSA_KEY_PAIR_IMPORT *,
//                                                 PSA_WANT_ALG_RSA_...: PKCS1V15_SIGN,
//                                                 PKCS1V15_CRYPT, OAEP, PSS
//   EC       MBEDTLS_ECP_C, MBEDTLS_ECDSA_C       PSA_WANT_KEY_TYPE_ECC_PUBLIC_KEY,
//                                                 PSA_WANT_KEY_TYPE_ECC_KEY_PAIR_IMPORT *,
//                                                 PSA_WANT_ALG_ECDSA
//   curves   MBEDTLS_ECP_DP_..._ENABLED:          PSA_WANT_ECC_...:
//            SECP256R1, SECP384R1, SECP521R1,     SECP_R1_256, SECP_R1_384, SECP_R1_521,
//            SECP256K1,                           SECP_K1_256,
//            BP256R1, BP384R1, BP512R1            BRAINPOOL_P_R1_256, ..._384, ..._512
//   digests  MBEDTLS_...: SHA1_C, SHA256_C,       PSA_WANT_ALG_...: SHA_1,
//            SHA512_C; 3.6: SHA224_C, SHA384_C    SHA_224, SHA_256, SHA_384, SHA_512
//   AES      MBEDTLS_...: AES_C, GCM_C,           PSA_WANT_KEY_TYPE_AES, PSA_WANT_ALG_...:
//            CIPHER_MODE_CBC, CIPHER_MODE_CTR     ECB_NO_PADDING, CBC_NO_PADDING, CTR, GCM
// * not with SCARD11_WRITE 0. What these need in turn, mbedTLS itself says: a source of random
// numbers (MBEDTLS_CTR_DRBG_C, MBEDTLS_ENTROPY_C) and, before 4, MBEDTLS_CIPHER_C, MBEDTLS_OID_C,
// MBEDTLS_ASN1_..._C, MBEDTLS_PK_..._C. Used where they are there: CMAC, 3DES, X25519.
#ifndef SCARD11_MBEDTLS_CHECK
#define SCARD11_MBEDTLS_CHECK 1
#endif

// SCARD11_CRYPTO_LOCK, SCARD11_CRYPTO_UNLOCK: statements that replace the library's own lock around
// mbedTLS's PSA. The PSA of mbedTLS 2.28 is not thread-safe. A program whose other threads use it
// defines both, with a lock that those threads take too.

// SCARD11_ENTROPY: a function of the application that gives random bytes, for a device whose system
// has no source that the library knows (getrandom or /dev/urandom; arc4random_buf; BCryptGenRandom,
// for which a program on Windows links bcrypt.lib). It fills n bytes at out and returns 0. Anything
// else is an error, and there are no random numbers then. The random numbers of the host are those
// of PSA, combined by XOR with those of the system or of this function.
#ifdef SCARD11_ENTROPY
#ifdef __cplusplus
extern "C"
#endif
int SCARD11_ENTROPY(uint8_t *out, size_t n);
#endif

// SCARD11_NOW_MS: a function of the application that tells the time, instead of the system's clock:
// milliseconds since any moment. They never go back.
// SCARD11_SLEEP_MS: a function of the application that waits for ms milliseconds. The library calls
// it while a pinpad is asked for its keys, and where C_Finalize or C_WaitForSlotEvent wait.
// SCARD11_DATE: a function of the application that gives the seconds since the beginning of 1970,
// or 0. OpenPGP cards keep the date of a key. Without it the date is the system's; a device: 0.
#ifdef __cplusplus
extern "C" {
#endif
#ifdef SCARD11_NOW_MS
uint64_t SCARD11_NOW_MS(void);
#endif
#ifdef SCARD11_SLEEP_MS
void SCARD11_SLEEP_MS(uint32_t ms);
#endif
#ifdef SCARD11_DATE
uint32_t SCARD11_DATE(void);
#endif
#ifdef __cplusplus
}
#endif

// SCARD11_PREFIX: a word before the names of all functions of the library: with my_ they are
// my_C_Sign and my_scard11_configure, and nothing is exported. It is for a module of one's own, for
// a program with another PKCS#11 library in it, and for two copies of this one (each with options
// of its own). The names C_Sign and so on are free then; members of function lists keep them. So do
// the scard11_reader_ functions of part 3: they are the program's.
// SCARD11_RENAMES: 1 makes macros of the names, for a source file that was written without a
// prefix: C_Sign means my_C_Sign there. It cannot use function lists, whose members keep the names.
#ifndef SCARD11_RENAMES
#ifdef SCARD11_IMPLEMENTATION
#define SCARD11_RENAMES 1
#else
#define SCARD11_RENAMES 0
#endif
#endif
#ifdef SCARD11_PREFIX
#define SCARD11_JOIN(a, b)        a##b
#define SCARD11_PREFIXED(p, name) SCARD11_JOIN(p, name)
#define SCARD11_RENAME(name)      SCARD11_PREFIXED(SCARD11_PREFIX, name)
#endif

// SCARD11_PKCS11_H: the application's own pkcs11.h, as "pkcs11.h" or <dir/pkcs11.h>. Part 5 is then
// left out. The header must declare PKCS#11 3.2. The one of p11-kit 0.24 does not.

// SCARD11_API: marks functions for export. If it is not defined, they are "protected" in scard11.c
// (by SCARD11_IMPLEMENTATION) on ELF systems: the function lists then name the library's own C_*,
// even in a program that has C_* of its own. With SCARD11_PREFIX they are hidden. For a DLL on
// Windows, define SCARD11_DLL when scard11.c is compiled. A program that scard11.c is compiled into
// does not define it.
#ifndef SCARD11_API
#if defined(SCARD11_PREFIX) && (defined(__ELF__) || defined(__APPLE__))
#define SCARD11_API __attribute__((visibility("hidden")))
#elif defined(SCARD11_PREFIX)
#define SCARD11_API
#elif defined(_WIN32) && defined(SCARD11_DLL)
#define SCARD11_API __declspec(dllexport)
#elif defined(SCARD11_IMPLEMENTATION) && defined(__ELF__)
#define SCARD11_API __attribute__((visibility("protected")))
#elif defined(__GNUC__)
#define SCARD11_API __attribute__((visibility("default")))
#else
#define SCARD11_API
#endif
#endif

// ---- 2 scard11_ functions -----------------------------------------------------------------------
// Results of type unsigned long are CK_RVs (part 5). Any thread may call these functions.

// SCARD11_CKA_TOUCH: an attribute of private keys, a CK_ULONG. Does the card want to be touched
// when the key is used? OpenPGP cards with a button say so, and PIV cards with Yubico's metadata
// (YubiKey from 5.3 on); of other cards it is SCARD11_TOUCH_UNKNOWN. Where nobody touches it in
// time, the operation is CKR_FUNCTION_REJECTED, and the login stays. SCARD11_TOUCH_CACHED: a touch
// lasts some seconds.
#define SCARD11_CKA_TOUCH     0xd3433101UL  // above CKA_VENDOR_DEFINED
#define SCARD11_TOUCH_UNKNOWN 0UL
#define SCARD11_TOUCH_NEVER   1UL
#define SCARD11_TOUCH_ALWAYS  2UL
#define SCARD11_TOUCH_CACHED  3UL

// SCARD11_CKA_YUBICO_PIN, SCARD11_CKA_YUBICO_TOUCH: for C_GenerateKeyPair and C_CreateObject, in
// the private key's template, each a CK_ULONG: when the card wants the PIN or a touch for the new
// key. The numbers of the attributes and of the policies are those of Yubico's own module. Instead
// of the second, SCARD11_CKA_TOUCH may be given. Without them the card decides by the key's place.
// YubiKeys' PIV takes all of them, OpenPGP what part 4 says; what a card cannot do is
// CKR_ATTRIBUTE_VALUE_INVALID.
#define SCARD11_CKA_YUBICO_TOUCH 0xd9554201UL
#define SCARD11_CKA_YUBICO_PIN   0xd9554202UL
#define SCARD11_PIN_NEVER  1UL
#define SCARD11_PIN_ONCE   2UL
#define SCARD11_PIN_ALWAYS 3UL

// SCARD11_CKA_COMPRESS: an attribute of certificates, a CK_BBOOL. Does the card have it compressed?
// C_CreateObject and C_CopyObject take it: PIV cards store a certificate in gzip then, as SP 800-73
// lets them, which takes about two thirds of the room and which every PIV card's reader has to
// understand; by itself it is CK_FALSE. On GIDS cards it is CK_TRUE by itself, and Windows may not
// read what is stored with CK_FALSE. Where certificates are not compressed, and without
// SCARD11_ZLIB, CK_TRUE is CKR_ATTRIBUTE_VALUE_INVALID.
#define SCARD11_CKA_COMPRESS 0xd3433102UL

// SCARD11_CKM_CARD_WRAP: a mechanism without parameters for C_WrapKey and C_UnwrapKey, on cards
// that let their keys out encrypted by a key of their own, such as a SmartCard-HSM with a DKEK.
// That key is no object: its handle is CK_INVALID_HANDLE. Only a card with the same one takes the
// key in again, whose CKA_EXTRACTABLE is CK_FALSE all the while. C_WrapKey asks the card each
// time, for the length, too. C_UnwrapKey takes CKA_TOKEN CK_TRUE and what C_GenerateKeyPair takes
// in the template of a private key.
#define SCARD11_CKM_CARD_WRAP 0xd3433101UL  // above CKM_VENDOR_DEFINED

#ifdef __cplusplus
extern "C" {
#endif

// SCARD11_PREFIX: each function of this part stands here, and at its end.
#ifdef SCARD11_PREFIX
#define scard11_version   SCARD11_RENAME(scard11_version)
#define scard11_configure SCARD11_RENAME(scard11_configure)
#define scard11_set_log   SCARD11_RENAME(scard11_set_log)
#define scard11_set_cache  SCARD11_RENAME(scard11_set_cache)
#define scard11_set_notice SCARD11_RENAME(scard11_set_notice)
#define scard11_pin_tries  SCARD11_RENAME(scard11_pin_tries)
#define scard11_stats     SCARD11_RENAME(scard11_stats)
#endif

// The traffic with the cards in one reader since C_Initialize.
struct scard11_counters {
    uint64_t commands;      // command APDUs; each GET RESPONSE and each piece of a chain counts
    uint64_t sent;          // bytes of them
    uint64_t received;      // bytes of the responses, status words included
    uint64_t connects;      // connections that were made, or taken up again after a reset
    uint64_t card_memory;   // bytes that the library keeps now for the card in the reader
};

// Tells the library's version.
//
// Returns  Text, as "0.1.0". Never fails.
// Memory   The text is static.
// Threads  May be called before C_Initialize, too.
SCARD11_API const char *scard11_version(void);

// Sets an option for the next C_Initialize and all later ones. value is text.
//   SCARD11_LOG          "stderr" (or "1"): lines go to standard error. A file name: lines are
//                        appended to that file, which is created for its owner alone. "" or "0": no
//                        log. The log has commands and answers. It has no PINs, no decrypted data,
//                        and no objects that are hidden before login.
//   SCARD11_READERS      parts of readers' names, separated by commas: other readers are not used.
//                        "": all are. At most 255 bytes.
//   SCARD11_EXCLUSIVE    "1": other programs cannot use a card while it is connected here. This
//                        saves the commands that make sure of the selected application.
//   SCARD11_PIN_CACHE    "1": keeps the PIN of a C_Login until that login ends. "0" (the default):
//                        keeps no PIN.
//                        If another program ends the login, by a SELECT or by a reset of the same
//                        card, the kept PIN restores it. If the card refuses the PIN, because it
//                        was changed meanwhile, that has cost one try: the PIN is wiped, and the
//                        program calls C_Login again. The kept PIN is never used for
//                        CKU_CONTEXT_SPECIFIC, nor for another card. It lies in a page of memory
//                        that is not swapped out; where there is no such page, it is not kept. It
//                        is wiped at logout, at removal, when the last session closes, and by
//                        C_Finalize. A forked child has a copy of it until exec.
//   SCARD11_BELIEVED     milliseconds for which it is believed what a card has: a search later than
//                        that asks the card whether another program has changed it (C_FindObjects
//                        in part 4). "0": each search does. "4294967295": none does, but after a
//                        new connection. With SCARD11_EXCLUSIVE nobody else can change a card.
//   SCARD11_PIN_TRIES    "n" or "n,m", each 1 to 15: tries of the PIN, and of the PUK or the SO's
//                        PIN, of a card that is begun anew (part 4): a SmartCard-HSM by C_InitToken
//                        (n; its SO's PIN has 15 always), a MyEID by C_InitToken (both), a
//                        YubiKey's PIV by C_InitPIN (both). "" (the default): as many as is usual:
//                        3, of MyEID's PUK 10, of a YubiKey what it has. A card may refuse more
//                        than a few. The other kinds have numbers of their own, which the host
//                        cannot set.
//   SCARD11_UNBLOCK      "set_pin": where nobody is logged in, C_SetPIN takes the PUK in place of
//                        the old PIN and sets a new user PIN by it, as pkcs11-tool --unlock-pin and
//                        some other programs want. A PIN cannot be changed without a login then:
//                        given there, it would be a wrong PUK and cost a try of that. "" (the
//                        default): C_SetPIN takes the old PIN, as PKCS#11 says.
//   SCARD11_ENVIRONMENT  "0": the environment is not read.
// C_Initialize also reads all but the last from the environment, which has precedence. It does not
// in a setuid program, nor if SCARD11_ENVIRONMENT is "0", here or at compile time.
//
// Returns  CKR_OK, CKR_ARGUMENTS_BAD (no such option, no such value, value too long, NULL), or
//          CKR_CRYPTOKI_ALREADY_INITIALIZED (between C_Initialize and C_Finalize).
// Memory   Copies value.
SCARD11_API unsigned long scard11_configure(const char *option, const char *value);

// Sends the log to a function of the application, from the next C_Initialize to the next
// C_Finalize. NULL: to none. If the option SCARD11_LOG is set, it has precedence.
//
// Each call of line passes one line of text without a line end. The library calls it from any
// thread, from several at once, and under its own locks: line must return, and must not call C_*
// functions. It is not called before C_Initialize, nor after C_Finalize has returned: C_Finalize
// waits for it, for at most SCARD11_FINALIZE_MS. It is not called in a forked child. A child that
// calls C_Initialize itself has a log if it calls this function before.
//
// Returns  CKR_OK, or CKR_CRYPTOKI_ALREADY_INITIALIZED (between C_Initialize and C_Finalize).
// Memory   Keeps line and context until C_Finalize.
SCARD11_API unsigned long scard11_set_log(void (*line)(void *context, const char *text),
                                          void *context);

// What an application keeps of cards between processes: what anybody may read, so that a program
// that starts often does not read it from the card each time. Both functions are needed.
//   load   Copies what was stored last under card and item to data, and returns its length in
//          bytes; 0: there is nothing, or it has more than room bytes.
//   store  Keeps length bytes under card and item. item NULL: what is kept under card goes, all of
//          it; length is 0 then. It may fail, and may drop what is old.
// card and item are texts of 64 hexadecimal digits, which stand for the card and for what was read
// while the card counted its changes as it did then. What changes on the card changes the names:
// what is kept under old ones is not asked for again.
struct scard11_cache {
    unsigned long (*load)(void *context, const char *card, const char *item, void *data,
                          unsigned long room);
    void (*store)(void *context, const char *card, const char *item, const void *data,
                  unsigned long length);
    void *context;
};

// Sets what is kept of cards, from the next C_Initialize to the next C_Finalize. NULL: nothing.
//
// PKCS#15 cards (IsoApplet and MyEID among them) that count their changes: MyEID by its counter,
// others by lastUpdate in EF.TokenInfo. Directories, certificates, public keys and data that are
// read while nobody is logged in are kept, and believed while the count is the same. PIV cards do
// not count: their certificates are believed as if they had been read by this process, so until a
// search later than SCARD11_BELIEVED asks the card, and every signature is checked with the public
// key before it is returned, by the host. Is it wrong, then another program has changed the key:
// the call is CKR_DEVICE_REMOVED, what was kept goes, and the card is read anew. An application
// that keeps PIV cards should drop what is older than a day or so. Of other kinds nothing is kept.
//
// Nothing is asked for before the card has shown which it is: by the CHUID, or the serial number in
// EF.TokenInfo. A card without one is not kept. C_Initialize has no part in it, nor is a PIN, a key
// or what wants a login ever kept. What is loaded was not changed by accident (a digest goes with
// it); who can write where it is kept can show the program other certificates. A program that
// writes a card forgets what is kept of it first.
//
// Both functions are called from any thread, from several at once, within C_* calls on a card and
// under its reader's lock: they must return, and must not call C_* functions. They are called
// between C_Initialize and C_Finalize only, but for a call that C_Finalize gave up. They are not
// called in a forked child, which calls scard11_set_cache itself, before its C_Initialize.
//
// Returns  CKR_OK, CKR_ARGUMENTS_BAD (a function is NULL), or CKR_CRYPTOKI_ALREADY_INITIALIZED
//          (between C_Initialize and C_Finalize).
// Memory   Copies cache; keeps context until C_Finalize.
SCARD11_API unsigned long scard11_set_cache(const struct scard11_cache *cache);

// What a call waits for, as scard11_set_notice tells it.
//   SCARD11_NOTICE_TOUCH   the card may want to be touched: a key is used whose SCARD11_CKA_TOUCH
//                          is ..._ALWAYS or ..._CACHED. A touch that is remembered ends it at once.
//                          A management key (PIV) that wants a touch is not known to
//   SCARD11_NOTICE_PINPAD  a PIN is to be typed at the reader's pinpad
//   SCARD11_NOTICE_SLOW    the card takes long: it makes a key (C_GenerateKey, C_GenerateKeyPair);
//                          or a call has been at it for more than a second, also because another
//                          program has the card. The library has no thread of its own to find the
//                          second out. A thread of the program in C_WaitForSlotEvent does, within
//                          half a second, or one that calls it again and again with CKF_DONT_BLOCK.
//                          In a program without such a thread, and on a device without threads,
//                          only the making of a key is told. If key is one whose SCARD11_CKA_TOUCH
//                          is ..._UNKNOWN, the card may be waiting for a touch
#define SCARD11_NOTICE_TOUCH  1u
#define SCARD11_NOTICE_PINPAD 2u
#define SCARD11_NOTICE_SLOW   3u

// Has a function of the application told what a call waits for, so that the program can show it:
// from the next C_Initialize to the next C_Finalize. tell NULL: none.
//
// tell gets context, the slot that the call is about (a CK_SLOT_ID; of C_GetSlotList the reader's
// first), the key that it uses (a CK_OBJECT_HANDLE; 0: none) and a reason of those above. begins is
// 1 before the wait, and 0, with the same slot, key and reason, when it is over, whatever came of
// it: also when the card was pulled or the call failed. Of one reader nothing else begins before
// that, and nothing is left when the call returns. It sends no command.
//
// tell is called in the thread of the call that waits, or, with SCARD11_NOTICE_SLOW, in that of
// C_WaitForSlotEvent; for two readers at once. It is called under the lock of the reader, for which
// the program's other calls on that card wait: tell must return soon, must not call C_* functions,
// and must not wait for a thread that does. It is not called before C_Initialize, nor after
// C_Finalize has returned, nor in a forked child. For a call that hangs in a card, C_Finalize says
// that it is over, after SCARD11_FINALIZE_MS.
//
// Returns  CKR_OK, or CKR_CRYPTOKI_ALREADY_INITIALIZED (between C_Initialize and C_Finalize).
// Memory   Keeps tell and context until C_Finalize.
SCARD11_API unsigned long scard11_set_notice(void (*tell)(void *context, unsigned long slot,
                                                          unsigned long key, unsigned reason,
                                                          int begins),
                                             void *context);

// Tells how many wrong PINs a user (CKU_USER, CKU_SO) has left before the PIN is blocked. CKU_SO's
// is what C_Login takes as its PIN, mostly the PUK.
//
// The card is asked each time, where that is known to cost no try, and as long as nobody is logged
// in to it in this program. Otherwise *left is what the card said last, to a PIN or to a question:
// what other programs did since is not in it. The question takes one or two commands, and as
// C_GetTokenInfo's first one waits for a program that has the card.
//
// *left is CK_UNAVAILABLE_INFORMATION where the card has not told: most do not tell of a PUK before
// a wrong one; of keys (an administrator's, PIV, GIDS) nobody counts tries; a PIN that was not set
// yet, or that must be changed first, has none. CACs and some cards with PKCS#15 tell of the PIN
// only after a wrong one.
//
// Returns  CKR_OK; CKR_USER_TYPE_INVALID (the token has no such user; also CKU_CONTEXT_SPECIFIC);
//          CKR_ARGUMENTS_BAD (NULL); and what C_GetTokenInfo returns.
// Memory   Keeps no pointer.
// Blocks   As C_GetTokenInfo.
SCARD11_API unsigned long scard11_pin_tries(unsigned long slot, unsigned long user,
                                            unsigned long *left);

// Copies the counters of the reader that a slot (a CK_SLOT_ID) belongs to.
//
// Returns  CKR_OK, CKR_SLOT_ID_INVALID, CKR_ARGUMENTS_BAD, or CKR_CRYPTOKI_NOT_INITIALIZED.
// Memory   Keeps no pointer.
// Blocks   While another thread's call on the card in that reader runs.
SCARD11_API unsigned long scard11_stats(unsigned long slot, struct scard11_counters *counters);

#if defined(SCARD11_PREFIX) && !SCARD11_RENAMES
#undef scard11_version
#undef scard11_configure
#undef scard11_set_log
#undef scard11_set_cache
#undef scard11_set_notice
#undef scard11_pin_tries
#undef scard11_stats
#endif

#ifdef __cplusplus
}
#endif

// ---- 3 A reader of your own ---------------------------------------------------------------------
// With SCARD11_READER_CUSTOM the application defines these twelve functions. The full example is
// the PC/SC half of >>reader in scard11.c. A short one is examples/custom_reader.c. All files that
// include scard11.h are compiled with that option; PC/SC is not linked:
//
//      cc reader.c app.c scard11.c -DSCARD11_READER=SCARD11_READER_CUSTOM -lmbedcrypto -lz -o app
//
// Threads: the library never makes two calls at once for one connection. It makes calls for two
// connections at once. In any thread beside them it calls _start, _stop, _list, _wait and _cancel.
// The backend locks what these functions share. No function may call C_*.
//
// Locks: while _connect, _begin, _transmit and _control run, the library holds a lock of that
// reader only, and they may take as long as the card does. While these run, it can hold the lock of
// the table of readers, and they must return soon: _start, _stop, _list and _wait with timeout_ms
// 0; for a card that no call is busy with, _status, _end and _disconnect. So must _cancel, which is
// called under a lock as well. A _wait with a timeout runs without a lock. Under the lock of the
// table, _disconnect resets a card only where a login did not end in another way, or a call hung.

// What the functions return.
#define SCARD11_READER_OK        0
#define SCARD11_READER_REMOVED   1   // the card or the reader is gone, the connection is dead
#define SCARD11_READER_RESET     2   // someone else reset the card; nothing was sent
#define SCARD11_READER_BUSY      3   // another program has the card to itself
#define SCARD11_READER_MUTE      4   // the card does not answer
#define SCARD11_READER_TIMEOUT   5   // wait: nothing changed
#define SCARD11_READER_CANCELLED 6   // wait: scard11_reader_cancel was called
#define SCARD11_READER_UNKNOWN   7   // wait: one of the readers has left: list again
#define SCARD11_READER_DOWN      8   // the service is not there: stop this context, start another
#define SCARD11_READER_REFUSED   9   // control: the reader cannot do that
#define SCARD11_READER_FAILED   10   // anything else

// The state of a reader: the flags below, and in the high 16 bits a count of the cards that went in
// or out (it wraps). With SCARD11_READER_COUNTED the backend counts; a count of 0 still says
// nothing. Without a count the library keeps a card connected until it leaves or C_Finalize,
// because it could not tell the card from another one afterwards.
#define SCARD11_READER_PRESENT   0x0001u  // a card is in
#define SCARD11_READER_CARD_MUTE 0x0002u  // a card is in and does not answer
#define SCARD11_READER_GONE      0x0004u  // the reader is not there, or cannot be used
#define SCARD11_READER_COUNTED   0x0008u  // the high 16 bits are a count
#define SCARD11_READER_IN_USE    0x0010u  // someone is connected to the card. The library asks
                                          // before it connects: another program may be logged in,
                                          // and is left alone as far as possible. May be left out

// How to connect: a sum of these, or 0.
#define SCARD11_READER_EXCLUSIVE  1u     // no other program may use the card meanwhile
#define SCARD11_READER_RESET_CARD 2u     // only with a connection: resets the card, which ends its
                                         // logins. Other programs see a reset, this one does not

struct scard11_reader_state {
    const char *name;       // in: the reader
    uint32_t    known;      // in: the state that the caller knows
    uint32_t    state;      // out: the state now
};

// What is known of a connected card. All zero before scard11_reader_connect.
struct scard11_reader_card {
    uint8_t  atr[36];       // as in ISO 7816-3, at most 33 bytes
    size_t   atr_len;
    int      protocol;      // 0: T=0, 1: T=1 (also contactless)
    uint32_t max_data;      // longest APDU that the reader takes, in bytes; 0: not known
    uint32_t features;      // bit n: scard11_reader_control knows PC/SC part 10 feature n
    uint8_t  pin_min;       // fewest and most digits that the pinpad takes; 0: not known
    uint8_t  pin_max;
};

#if SCARD11_READER == SCARD11_READER_CUSTOM
#ifdef __cplusplus
extern "C" {
#endif

// Makes a context to look and to wait with. Each thread that waits has one of its own.
//
// Returns  _OK with *context set, to anything but NULL, or _DOWN.
// Memory   *context belongs to the backend until scard11_reader_stop.
// Threads  May run at once for any number of contexts.
// Blocks   Briefly: it can be called under a lock of the library.
int scard11_reader_start(void **context);

// Ends a context that no thread waits with.
//
// Returns  Nothing: it never fails.
// Threads  May run at once for any number of contexts.
// Blocks   Briefly: it can be called under a lock of the library.
void scard11_reader_stop(void *context);

// Writes the names of the readers, in UTF-8. A NUL ends each name, and one more NUL ends the list.
// Before the call *len is the room at names in bytes. After it, *len is the length of the whole
// list. If the room is too small, the function writes as many whole names as fit, and one NUL.
//
// Returns  _OK (also for no readers: one NUL), _DOWN, or _FAILED.
// Memory   Keeps no pointer.
// Threads  Never called twice at once for one context.
// Blocks   Briefly: it is called under a lock of the library.
int scard11_reader_list(void *context, char *names, size_t *len);

// Waits for at most timeout_ms milliseconds, until one of n readers has another state than the
// caller knows, or until a new reader comes. It may end early without a reason. Then it sets the
// state of each reader. With timeout_ms 0 it does not wait: it sets the states and returns _OK. For
// a reader that is not there, it returns _UNKNOWN, or _OK with the state SCARD11_READER_GONE.
//
// Returns  _OK, _TIMEOUT, _CANCELLED, _UNKNOWN, _DOWN or _FAILED.
// Memory   Keeps no pointer.
// Threads  Never called twice at once for one context.
// Blocks   At most timeout_ms. With timeout_ms 0 it is called under a lock of the library.
int scard11_reader_wait(void *context, struct scard11_reader_state *readers, size_t n,
                        uint32_t timeout_ms);

// Ends a scard11_reader_wait that runs in another thread with this context. It may have no effect
// if the wait has not begun: the library calls it again.
//
// Returns  Nothing: it never fails.
// Threads  Runs beside the scard11_reader_wait that it ends.
// Blocks   Briefly: it is called under a lock of the library.
void scard11_reader_cancel(void *context);

// Connects to the card in a reader. how is a sum of the bits above.
//
// If *conn is NULL, it makes a new connection. If not, it goes on with that connection, which it
// takes up again after a _RESET, or whose card it resets (SCARD11_READER_RESET_CARD). An open
// transaction may end with the reset or outlive it: the library calls scard11_reader_end next,
// which returns _OK in both cases.
//
// Returns  _OK with *conn and *card set, _REMOVED (no card, no reader), _BUSY, _MUTE, _DOWN, or
//          _FAILED.
// Memory   *conn belongs to the backend until scard11_reader_disconnect.
// Threads  May run at once for two readers.
// Blocks   Until the card has answered the power-on. To reset a card, or to take a connection up
//          again, also while another program has the card.
int scard11_reader_connect(void **conn, const char *name, unsigned how,
                           struct scard11_reader_card *card);

// Ends a connection, whatever its state. If reset is not 0, it also resets the card, which ends its
// logins.
//
// Returns  Nothing: it never fails.
// Memory   Frees conn.
// Threads  Never called twice at once for one conn; may be for two.
// Blocks   Briefly: it can be called under a lock of the library, seldom with reset.
void scard11_reader_disconnect(void *conn, int reset);

// Sets *state to the reader's state as this connection sees it.
//
// Returns  _OK, _REMOVED, _RESET or _FAILED.
// Threads  Never called twice at once for one conn; may be for two.
// Blocks   Briefly, without waiting for the card: it can be called under a lock of the library.
int scard11_reader_status(void *conn, uint32_t *state);

// Begins and ends a transaction, in which no other program can use the card.
//
// Returns  _OK, _REMOVED, _RESET or _FAILED.
// Threads  Never called twice at once for one conn; may be for two.
// Blocks   scard11_reader_begin: while another program has the card. scard11_reader_end: briefly,
//          it can be called under a lock of the library.
int scard11_reader_begin(void *conn);
int scard11_reader_end(void *conn);

// Sends one command to a card and waits for its response.
//
// cmd is one complete command APDU of cmd_len bytes (4 to SCARD11_COMMAND_MAX), encoded for the
// protocol that scard11_reader_connect reported. The function adds and removes no bytes. It writes
// the response APDU, data and the two status bytes, to rsp. Before the call *rsp_len is the room at
// rsp in bytes (SCARD11_ANSWER). After it, *rsp_len is the length of the response (at least 2).
// With T=0 the function fetches no more data itself (61xx, 6Cxx): the library does.
//
// cmd may contain a PIN: do not log it.
//
// The library takes a response of less than two bytes, with _OK, for a removal, unless it can prove
// that the card is there: scard11_reader_status counts and still shows it, and it can be reset.
//
// Returns  _OK; _REMOVED if the card is gone, or mute after a reset; _RESET if someone else has
//          reset the card since the last call, and nothing was sent; _FAILED for anything else.
//          After _REMOVED the library calls only scard11_reader_disconnect for this connection.
// Memory   Keeps no pointer. conn is what scard11_reader_connect set.
// Threads  Never called twice at once for one conn; may be for two.
// Blocks   As long as the card works. Key generation can take a minute.
int scard11_reader_transmit(void *conn, const uint8_t *cmd, size_t cmd_len,
                            uint8_t *rsp, size_t *rsp_len);

// Asks the reader, not the card. feature is the number of a PC/SC part 10 feature that
// scard11_reader_connect reported in features: the library asks for no other. For a reader that
// reports 0 it never calls this function.
//
// 06 VERIFY_PIN_DIRECT and 07 MODIFY_PIN_DIRECT use the reader's pinpad. in is PIN_VERIFY or
// PIN_MODIFY as in part 10, little-endian, and ends with the command without its PIN. The reader
// takes the PIN from its keys and sends the command. out gets the two status bytes of the card, or
// those of the reader: 6400 nobody typed in time, 6401 the cancel key, 6402 two different new PINs,
// 6403 a PIN too short or too long. Before the call *out_len is the room at out in bytes (at least
// 258). After it, *out_len is the length of the answer. The PIN never passes through this function.
//
// A reader may have each of these in two parts. 01 VERIFY_PIN_START and 03 MODIFY_PIN_START take
// the structure and begin. They answer nothing (*out_len 0), or two status bytes that say what was
// wrong. 02 VERIFY_PIN_FINISH and 04 MODIFY_PIN_FINISH have no input, and answer like 06 and 07.
// The library asks for them if 06 or 07 is not reported. If 05 GET_KEY_PRESSED is reported, the
// library asks for it between the two, until it answers a byte other than 00 (none), 08
// (correction) and 2B (a digit).
//
// Returns  _OK; _REFUSED (the reader does not do that); _TIMEOUT or _CANCELLED as for 6400 and
//          6401; _REMOVED, _RESET or _FAILED as for scard11_reader_transmit.
// Memory   Keeps no pointer.
// Threads  Never called twice at once for one conn; may be for two.
// Blocks   Until the person has entered the PIN, or the reader stops waiting.
int scard11_reader_control(void *conn, uint32_t feature, const uint8_t *in, size_t in_len,
                           uint8_t *out, size_t *out_len);

#ifdef __cplusplus
}
#endif
#endif

// ---- 4 What differs from the standard, and what is not supported --------------------------------
// A function that is not named here is complete. "Refused" is CKR_FUNCTION_NOT_SUPPORTED, after the
// session (or slot) was found to be right.
//
//   C_Initialize          The library always locks, even if pInitArgs is NULL. pReserved must be
//                         NULL. Without locks (SCARD11_THREADS 0) a caller that asks for them gets
//                         CKR_CANT_LOCK.
//   C_Finalize            Logs out of every card, on the card itself, as C_Logout does. It waits at
//                         most SCARD11_FINALIZE_MS for calls that are still inside (a card that
//                         never answers), and as long for the log's function. Then it returns
//                         CKR_FUNCTION_FAILED; the library is finalized all the same. Until such a
//                         call ends, C_Initialize leaves the options (except the log) and the
//                         application's mutexes as they were.
//                         Some waits have no bound. C_Finalize itself asks the PC/SC service to end
//                         waits and connections: a service that runs and does not answer holds it
//                         up (one that is gone does not). A card that somebody is logged in to can
//                         be slow to log out, or another program can hold a transaction on it. Of a
//                         reader of your own, _connect, _begin, _transmit and _control may hang,
//                         and _status and _end for a card that a call is busy with. The other
//                         functions must return, and so must _wait with timeout_ms 0.
//   C_GetSlotList         Lists the readers that are there. A slot ID stays with its reader until
//                         C_Finalize, and no other reader gets it. A reader that has left loses its
//                         IDs when SCARD11_READERS_MAX other readers have come. If it comes back,
//                         it gets new ones. With CK_TRUE the list includes cards that no driver
//                         knows.
//                         A further slot of a reader is listed once a card has needed it. Calls
//                         that take its ID (the first one's, and 1) look for its token before that.
//                         A card's tokens have its slots in an order that is the same each time:
//                         PIV before OpenPGP (unless the ATR is that of an OpenPGP card), the first
//                         PIN before the second. There is one exception: another program has the
//                         card, and may be logged in to one of two applications, when it is first
//                         looked at. Then that one has the first slot. The other is looked for, and
//                         listed, when the program has let the card go or has been logged out, or
//                         when a call wants the second slot. Model, serial number and label are the
//                         better way to tell a token.
//   C_GetTokenInfo        CKR_TOKEN_NOT_RECOGNIZED for a card that no driver knows.
//                         CKR_DEVICE_ERROR while another program has the card to itself.
//                         A call that needs no session leaves the card connected, but shared. A
//                         second or more later, the next call that looks at readers disconnects it.
//                         Where PC/SC does not count insertions (count 0: a USB token; macOS), the
//                         card stays connected until it leaves or C_Finalize. When a card was
//                         disconnected, by this or because its last session was closed, one to five
//                         commands then make sure that it is still the same card.
//                         serialNumber and label are what the card calls itself: EF.TokenInfo's on
//                         cards with PKCS#15 and on SmartCard-HSMs. Other cards are called by their
//                         kind and the end of their number: a PIV card's GUID (a YubiKey without
//                         one: the number that is printed on it), the serial number in an OpenPGP
//                         card's AID, the identifier of a GIDS card, the CUID of a CAC.
//                         firmwareVersion is the version of the OpenPGP specification that a card
//                         follows, and that of a SmartCard-HSM's software; of other cards it is
//                         0.0, and hardwareVersion always.
//                         The library asks for the tries of a PIN on kinds of cards where that is
//                         known to cost none. On other cards the flags say nothing about them
//                         before the first C_Login. On a PIV card that prefers the global PIN, its
//                         tries are known from the first C_Login on.
//                         CKF_WRITE_PROTECTED is set on kinds of cards that are not written
//                         (below: what is particular to kinds of cards), and on other cards with
//                         PKCS#15 that say so: no object of such a card is created, changed or
//                         destroyed. Therefore NSS keeps the trust in a
//                         certificate in its own database, Java opens read-only sessions, and
//                         neither offers to store keys on the card. PINs can be changed
//                         nevertheless, and read-write sessions open. CKF_TOKEN_INITIALIZED is not
//                         set on a card that C_InitToken must set up first.
//   C_WaitForSlotEvent    Returns CKR_OK, CKR_NO_EVENT, CKR_CRYPTOKI_NOT_INITIALIZED, or an error
//                         of the arguments. A reader that comes or leaves is an event, too. A
//                         further slot of a reader has an event when its token becomes known, and
//                         when that token goes. The event of a reader that has left for good may
//                         name an ID that is not valid any more.
//   C_OpenSession         The notify callback is never called. Read-write sessions open on every
//                         card. CKF_ASYNC_SESSION: CKR_SESSION_ASYNC_NOT_SUPPORTED.
//   C_Login               Takes CKU_USER, CKU_SO and CKU_CONTEXT_SPECIFIC. A PIN of a length that
//                         the card never takes is CKR_PIN_LEN_RANGE and costs no try.
//                         CKU_CONTEXT_SPECIFIC keeps other programs off the card until the
//                         operation ends, or until another call needs the card. Searches and
//                         attributes that are answered from memory do not.
//                         CKU_SO is there to unblock, with the card's PUK as its PIN, and to write
//                         cards whose user cannot: with a PIN (OpenPGP) or a key (PIV), see there.
//                         It is CKR_USER_TYPE_INVALID if the card has neither. Most cards cannot
//                         check a PUK by itself, because RESET RETRY COUNTER wants it together with
//                         the new PIN. There C_Login accepts any PUK, and C_InitPIN says that it is
//                         wrong, which costs a try. Until then the PUK is kept, in a page that is
//                         not swapped out where there is one. It is wiped at logout, when the last
//                         session closes, at removal, at a reset, and by a C_InitPIN that finds it
//                         wrong. A forked child has a copy of it until exec, and of what another
//                         thread's call was given at the time: a PIN, or a key for the card.
//   Pinpads               CKF_PROTECTED_AUTHENTICATION_PATH is set if the reader has a pinpad that
//                         can take the user PIN. If pPin is NULL, the PIN is entered there, in
//                         C_Login (all three users), C_InitPIN and C_SetPIN (both PINs NULL). It is
//                         CKR_ARGUMENTS_BAD if the pinpad cannot do that. A PIN that is given is
//                         sent as without a pinpad.
//                         Timeout and cancel key are CKR_FUNCTION_CANCELED, two different new PINs
//                         CKR_PIN_INVALID. After a C_Login as CKU_SO with the pinpad, C_InitPIN
//                         takes NULL only: the pinpad asks for the PUK and the new PIN. C_SetPIN
//                         with the pinpad logs the user out, because most cards have ended the
//                         login by then. The call holds the card until the entry ends. The pinpad's
//                         messages are English. The library does not use a pinpad for a PIN whose
//                         form the pinpad cannot be told: half-nibble BCD, blocks of more than 15
//                         bytes, hexadecimal digits (the SO-PIN of a SmartCard-HSM), a PIN that is
//                         derived on the host (KDF-DO of OpenPGP).
//                         An entry is ended by the person (the last digit and the enter key, or the
//                         cancel key), by the reader's own timeout (mostly 30 seconds or less), by
//                         the card or the reader being pulled, as soon as the reader says so, and
//                         by nothing else. A program cannot end it: PC/SC part 10 has a feature for
//                         that (ABORT), but the CCID driver does not offer it, and pcscd lets no
//                         other control through to a reader before the one that waits has come
//                         back. SCardCancel is for other waits. C_Finalize waits for it, at most
//                         SCARD11_FINALIZE_MS. A reader of your own can end it: its
//                         scard11_reader_control returns _CANCELLED.
//                         scard11_set_notice tells when an entry begins and when it is over.
//   Several applications  A card with PIV and OpenPGP has one of them selected at a time. To use
//                         the other one's token is a SELECT, and on the known cards that ends the
//                         login: the first token's sessions become public, as if another program
//                         had done it. What is remembered of a token is told without the card, and
//                         costs no login. With SCARD11_PIN_CACHE the login comes back by itself.
//   C_LoginUser           Does what C_Login does, and ignores the name.
//   C_Logout              Ends the login on the card itself, which then asks for the PIN again. The
//                         end of the last session and C_Finalize do the same. If a card has no
//                         command for that, or if the command fails, a SELECT or a reset ends the
//                         login. That also ends the login of the card's other token, whose sessions
//                         become public. A card forgets a PIN for all programs: another program
//                         that is logged in has to log in again.
//   C_InitToken           Makes a card blank and sets the SO's PIN or key, on kinds of cards that
//                         say so below; CKR_FUNCTION_NOT_SUPPORTED on others that are written,
//                         CKR_TOKEN_WRITE_PROTECTED on those that are not. The card checks the old
//                         one, once, if it has one (CKR_PIN_INCORRECT). No session may be open with
//                         any token of the card (CKR_SESSION_EXISTS). Everything on the token is
//                         lost. The card is reset and met as if it were inserted, without an event.
//                         What is broken off is begun again by the next C_InitToken. A label that
//                         the card cannot hold is ignored.
//   C_InitPIN             Sets a new user PIN and its tries, by RESET RETRY COUNTER with the PUK.
//                         Beside the standard's errors: CKR_PIN_INCORRECT and CKR_PIN_LOCKED are
//                         about the PUK, and end the SO's login. What an SO with a key can do, the
//                         kinds of cards below say, and how the first PIN of a card is set.
//   C_SetPIN              Works in a read-write session. For the SO it changes the PUK, or the key
//                         that the SO logged in by, if the card has a command for that, and is
//                         refused otherwise. An old key is proven once more. When an SO's login has
//                         ended without C_Logout, the next C_SetPIN is CKR_USER_NOT_LOGGED_IN,
//                         once, so that a PUK is not taken for the user PIN. Where nobody is logged
//                         in it changes the user PIN; with SCARD11_UNBLOCK (part 2) it sets that by
//                         the PUK, and is CKR_FUNCTION_NOT_SUPPORTED where a card has none.
//   C_FindObjects         A PKCS#15 directory is read when a search asks for what is in it. What
//                         was read is believed for two seconds (SCARD11_BELIEVED); the first search
//                         after that asks the card whether another program has changed it:
//                           PKCS#15    lastUpdate in EF.TokenInfo; without it, the card is believed
//                           MyEID      its change counter
//                           GIDS       cardcf, then map and certificates
//                           OpenPGP    the keys' fingerprints; a certificate that is searched for
//                           PIV        the beginning of each certificate that is searched for;
//                                      without one, the key's metadata. Retired keys that were not
//                                      there before are found by their CKA_ID, or after removal
//                           SmartCard-HSM  the list of its files; a key's certificate that is
//                                      searched for. Not labels and other certificates
//                         CACs and eIDs are believed until they are removed. The first two, and a
//                         SmartCard-HSM, are also asked after a new connection (the last session
//                         was closed, or another program reset the card). Where a directory has
//                         changed, all its objects have new handles; elsewhere those that changed.
//                         What was read before a change keeps its room in the card's memory. After
//                         some hundred changes the card is begun anew, as after a removal
//                         (CKR_DEVICE_REMOVED, once).
//                         An object is hidden if its PIN is the PIN of no token: the third PIN of a
//                         card, with SCARD11_READER_SLOTS 2.
//                         PIV: before login a search for private keys finds those that need no PIN.
//                         A search for all objects finds those of them that are known by then. The
//                         library asks for the PIN policy of a key where the card has Yubico's
//                         metadata: on a YubiKey before it uses the key, on another card only after
//                         the card has answered for one. Retired keys (82 to 95) that the key
//                         history does not name are found by their CKA_ID. On a YubiKey without a
//                         key history every search finds them, and the first one asks for all 20.
//   C_CreateObject        Makes session objects, in any session: data, X.509 certificates, public
//                         keys (RSA of 512 to 4096 bits, the curves of CKM_ECDSA, Ed25519, X25519)
//                         and secret keys (CKK_GENERIC_SECRET, AES, DES3, HKDF, SHA*_HMAC).
//                         Attributes that follow from the value (dates, subject, issuer, lengths)
//                         are filled in, or compared if they are given; a serial number may lack
//                         its tag. All attributes of an object have at most 16 KiB together, or a
//                         quarter of SCARD11_SCRATCH if that is less. More is CKR_DEVICE_MEMORY.
//                         CKA_TOKEN CK_TRUE stores on the card, in a read-write session with the
//                         login that its kind wants; CKR_TOKEN_WRITE_PROTECTED on kinds that are
//                         not written, CKR_ATTRIBUTE_VALUE_INVALID for what a kind does not take.
//                         CKO_PRIVATE_KEY is for the card alone. RSA: CKA_MODULUS,
//                         CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT and all five numbers of the
//                         Chinese remainder theorem (else CKR_TEMPLATE_INCOMPLETE). Curves:
//                         CKA_EC_PARAMS as for C_GenerateKeyPair, and CKA_VALUE: the scalar, big
//                         endian; of Ed25519 the seed; of X25519 the bytes of RFC 7748. The host
//                         works out the public half and signs once with an RSA key: numbers that do
//                         not go together are CKR_ATTRIBUTE_VALUE_INVALID, and nothing is sent.
//                         The key is never kept and never logged, and CKA_EXTRACTABLE CK_TRUE or
//                         CKA_SENSITIVE CK_FALSE are CKR_TEMPLATE_INCONSISTENT. The public half
//                         comes with it as an object of its own.
//                         What fits: SCARD11_CARD_MEMORY is for the card and its session objects.
//                         In 1 MiB there are some 490 data objects or 240 AES keys; then it is
//                         CKR_DEVICE_MEMORY. Of PKCS#15 directories 256 entries are taken, and
//                         the log says that there are more; objects are 4,096 at most.
//   C_CopyObject          Copies session objects whole; with CKA_TOKEN CK_TRUE in the template onto
//                         the card, as C_CreateObject does. Objects of the card have CKA_COPYABLE
//                         CK_FALSE: CKR_ACTION_PROHIBITED. A private object is not copied into a
//                         public one.
//   C_SetAttributeValue   Changes session objects, with all of a template or nothing. Of objects of
//                         the card that have CKA_MODIFIABLE CK_TRUE it changes CKA_LABEL, CKA_ID
//                         and the CKA_VALUE of data, as far as the card stores them, and sends
//                         nothing if all are what they were. Everything else is
//                         CKR_ATTRIBUTE_READ_ONLY, an empty CKA_ID CKR_ATTRIBUTE_VALUE_INVALID. A
//                         CKA_ID that would show a certificate as that of another key is refused
//                         as when it is stored. Other objects of a card: CKR_ACTION_PROHIBITED.
//   C_DestroyObject       Destroys session objects, and objects of a card that have
//                         CKA_DESTROYABLE CK_TRUE; others of a card: CKR_ACTION_PROHIBITED. What
//                         another program has put in the place of a certificate or of a key stays:
//                         CKR_OBJECT_HANDLE_INVALID. A public key goes with its private key. As
//                         programs destroy both, the handle of the one that went last is destroyed
//                         once more with CKR_OK.
//   CKO_PROFILE           Each token has profile objects. Nothing changes them, and they are the
//                         same at each insertion. A search for them sends no command, except the
//                         first one on a PIV card, which looks for keys that need no PIN: 9E, or
//                         9A, 9C, 9D and 9E where the card tells the policies of keys (YubiKey
//                         5.3).
//                         CKP_BASELINE_PROVIDER: every token. CKP_AUTHENTICATION_TOKEN: a token
//                         that may have RSA keys, because the profile's test signs with one.
//                         CKP_EXTENDED_PROVIDER: kinds of cards that make RSA keys, because the
//                         profile's test wants a mechanism that does.
//                         CKP_PUBLIC_CERTIFICATES_TOKEN: the eIDs, OpenPGP cards, SmartCard-HSMs,
//                         GIDS cards, CACs, and PIV cards on which every key wants the PIN. On PIV
//                         cards that tell policies it appears after a search for profiles. With it
//                         NSS asks for no PIN before it looks for certificates. But with a key that
//                         needs no PIN (9E) NSS would not log in, and then refuse TLS
//                         (SSL_ERROR_TOKEN_INSERTION_REMOVAL), because CKF_LOGIN_REQUIRED is set
//                         and nobody is logged in. So a card with such a key does not promise it.
//                         Cards with a PKCS#15 directory of another kind (MyEID, IsoApplet) do not
//                         promise it either: their directory may hide a certificate until the
//                         login, which only reading it can tell.
//   CKO_MECHANISM, CKO_HW_FEATURE
//                         There are none. A search finds nothing, and C_CreateObject is
//                         CKR_ATTRIBUTE_VALUE_INVALID. A mechanism object says no more than
//                         C_GetMechanismList does. No supported card has a clock. The counter of
//                         signatures of an OpenPGP card is not shown: it begins anew with each key.
//                         Nothing is known of a pinpad's display.
//   C_GetObjectSize       Gives the bytes of all attributes.
//   C_Verify*, C_VerifySignature*, C_VerifyRecover*
//                         Run on the host, with public keys of the card and of sessions. Not EdDSA:
//                         mbedTLS has no Ed25519.
//                         With mbedTLS 4, RSA on the host is what PSA has: no CKM_RSA_X_509, no
//                         recovery, PSS and OAEP with one hash only (a different mgf is
//                         CKR_MECHANISM_PARAM_INVALID), C_Encrypt and C_WrapKey with RSA from
//                         mbedTLS 4.1 on (the seeds of 4.0 would repeat in a forked child). A salt
//                         of PSS is as long as the hash there (else CKR_MECHANISM_PARAM_INVALID).
//                         C_GetMechanismInfo says what is there. A MAC is made again where its key
//                         is, and compared: on the host, or with CKM_AES_CMAC on the card.
//   C_Sign*, C_SignRecover*
//                         Recovery works with CKM_RSA_PKCS and CKM_RSA_X_509. Data that no
//                         mechanism hashes on the host (CKM_EDDSA, CKM_ECDSA, CKM_RSA_PKCS,
//                         CKM_AES_CMAC) has at most 4,096 bytes (1,024 if GCM has less room than 16
//                         KiB). For CKM_AES_CMAC with a key of a card it is one command's: 960
//                         bytes, or 255 if commands are short. More is CKR_DATA_LEN_RANGE.
//   C_Encrypt*, C_Decrypt*
//                         RSA: on the host with public keys, on the card with private keys. AES: on
//                         the host with keys of a session. AES and 3DES: on the card with secret
//                         keys of the card (below).
//                         ECB, CBC and CTR give output while input comes. Input and output may be
//                         the same memory. GCM keeps its input and gives its output at the end. Its
//                         IV has 1 to 256 bytes. GCM has a room of SCARD11_SCRATCH - SCARD11_ANSWER
//                         - 4608 bytes, or - 528 with short commands alone. IV and AAD take at most
//                         a quarter of it. Input and output have half of the rest each.
//                         The counter of CKM_AES_CTR goes on at 0 after its last value. More blocks
//                         than it has values are CKR_DATA_LEN_RANGE (or
//                         CKR_ENCRYPTED_DATA_LEN_RANGE): no key stream is used twice.
//   C_Digest*             Runs on the host: SHA-1 and SHA-2.
//   C_DigestKey           Takes secret keys of sessions, also sensitive ones. Other keys are
//                         CKR_KEY_INDIGESTIBLE.
//   C_DigestEncryptUpdate, C_DecryptDigestUpdate, C_SignEncryptUpdate, C_DecryptVerifyUpdate
//                         Complete. With RSA there is no output before the end. The caller itself
//                         digests what C_DecryptFinal gives, as the standard says.
//   C_MessageSign*, C_SignMessage*, C_MessageVerify*, C_VerifyMessage*
//                         Work with all mechanisms that sign and verify. No mechanism has
//                         parameters for a message. After a message that fails, the operation goes
//                         on with the next.
//   C_GenerateKey         Makes session objects with CKM_GENERIC_SECRET_KEY_GEN and
//                         CKM_AES_KEY_GEN. With CKA_TOKEN CK_TRUE the card makes and keeps an AES
//                         key, where its kind does; CKR_ATTRIBUTE_VALUE_INVALID where not.
//   C_WrapKey             Wraps secret keys of sessions with RSA public keys (PKCS#1 v1.5, OAEP),
//                         AES keys (CKM_AES_CBC_PAD), and 3DES keys of a card (CKM_DES3_CBC_PAD).
//                         Keys of the card stay there: CKR_KEY_UNEXTRACTABLE or
//                         CKR_KEY_NOT_WRAPPABLE, but by SCARD11_CKM_CARD_WRAP (part 2).
//   C_UnwrapKey           Makes a secret key of the session, with RSA keys of the card, with AES
//                         keys, and with 3DES keys of a card. Every error in the content is
//                         CKR_WRAPPED_KEY_INVALID.
//   C_DeriveKey           Does ECDH with CKD_NULL or the X9.63 functions over SHA-1 and SHA-2, and
//                         HKDF with secret keys of sessions. The result is a session object, which
//                         can be read unless the template says otherwise. A point that is not on
//                         the key's curve never reaches the card. Such a point, and one of low
//                         order (X25519), is CKR_MECHANISM_PARAM_INVALID.
//   C_SessionCancel       Complete. It also ends searches and message-based operations.
//   C_GetSessionValidationFlags
//                         Gives 0: no supported card shows validations.
//   C_GetOperationState, C_SetOperationState
//                         CKR_STATE_UNSAVEABLE and CKR_SAVED_STATE_INVALID: no state is given out,
//                         because it could be used without the card.
//   C_SeedRandom          CKR_RANDOM_SEED_NOT_SUPPORTED.
//   C_GenerateRandom      Gives random bytes of the card if it has any (the library asks PIV, GIDS
//                         and Belgian cards and CACs for none; OpenPGP cards say whether they have
//                         some). The host gives what the card does not: bytes of PSA, combined by
//                         XOR with the system's.
//   C_GetFunctionStatus, C_CancelFunction
//                         CKR_FUNCTION_NOT_PARALLEL, as the standard says.
//   C_GenerateKeyPair     The card makes the pair, which takes an RSA key up to a minute: other
//                         readers, events and what is known go on meanwhile. CKA_TOKEN must be
//                         CK_TRUE for the private key. It never leaves the card: a template that
//                         says otherwise is CKR_TEMPLATE_INCONSISTENT. CKA_EC_PARAMS is an OID, or
//                         the name "edwards25519" or "curve25519" as PrintableString. Where the
//                         card says that it cannot make such a key: CKR_KEY_SIZE_RANGE; of a curve
//                         that its kind never has: CKR_CURVE_NOT_SUPPORTED. CKR_DEVICE_MEMORY: the
//                         card has no place left.
//                         Handles from C_GenerateKeyPair and C_CreateObject are as good as those
//                         of a search, and end as they do: those of private objects with the login.
//   Refused               C_MessageEncrypt* C_EncryptMessage* C_MessageDecrypt* C_DecryptMessage*
//                         C_WrapKeyAuthenticated C_UnwrapKeyAuthenticated: C_Encrypt with GCM does
//                         that. C_EncapsulateKey C_DecapsulateKey: no card has such keys. C_Async*:
//                         no function returns before its work is done.
//
// What is particular to kinds of cards:
//
//   PIV                   CKA_ID is the key's place: 1 to 4 for 9A, 9C, 9D, 9E, 5 to 24 for 82 to
//                         95, 25 for F9. CKU_SO with the card management key (9B: 3DES, AES) writes
//                         the card: the key is 16, 24 or 32 bytes, or twice as many hexadecimal
//                         digits; what is shorter is the PUK. None is ever tried by itself. A wrong
//                         one is sent once for each C_Login and is CKR_PIN_INCORRECT. The key is
//                         proven and does not leave the host; it is kept, as a PUK is, until the
//                         login ends: what another program's SELECT has ended is proven again. This
//                         SO sees private objects, and cannot use them. For it C_SetPIN and
//                         C_InitPIN are CKR_FUNCTION_NOT_SUPPORTED, but on a YubiKey: log in with
//                         the PUK.
//                         C_GenerateKeyPair: CKA_ID names the place. Without it, where the card has
//                         Yubico's metadata, it is the first that is free, but not 9E, whose keys
//                         want no PIN; other cards do not tell where keys are, and it is
//                         CKR_TEMPLATE_INCOMPLETE. A key that has a certificate is not made anew
//                         (CKR_ATTRIBUTE_VALUE_INVALID): destroy the certificate first. A named key
//                         without a certificate is lost. Without Yubico's metadata a key is shown
//                         at the next insertion only if it has a certificate. Those in 82 to 95 are
//                         told by the key history, which is written with them. (On a card with
//                         metadata only one that is there already is.) CKA_PRIVATE CK_TRUE in 9E
//                         makes a key that wants the PIN on a YubiKey, and is
//                         CKR_TEMPLATE_INCONSISTENT on others. RSA 1024 to 3072, P-256, P-384; with
//                         Yubico's extensions RSA-4096, Ed25519, X25519. CKA_LABEL is what the
//                         place is called, whatever a template says.
//                         C_CreateObject: a certificate goes where CKA_ID says, else to the key
//                         that it is for, else to the first place that is free; it takes the place
//                         of one that is there. For another key than the one that is known there:
//                         CKR_TEMPLATE_INCONSISTENT. SCARD11_CKA_COMPRESS stores it compressed.
//                         Data objects are those that PIV has, named by CKA_OBJECT_ID, CKA_LABEL or
//                         CKA_APPLICATION; there is one of each.
//                         Private keys are for YubiKeys, by the rules of C_GenerateKeyPair; without
//                         CKA_ID one goes to the certificate that it is for. An RSA exponent other
//                         than 65537 is CKR_ATTRIBUTE_VALUE_INVALID.
//                         C_DestroyObject: certificates, data objects, and private keys where the
//                         card can delete them (YubiKey from 5.7 on), with their public keys.
//                         C_SetAttributeValue: CKA_ID of a private key moves it, with its
//                         certificate and its policies, to a place where nothing is (YubiKey from
//                         5.7 on).
//                         CKA_LOCAL, CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE are known of
//                         keys on a card with metadata, and of one just made.
//                         YubiKeys further: C_SetPIN by that SO changes the management key. Its
//                         length tells 3DES from AES; of 24 bytes it stays what it was. What the
//                         card does not take is CKR_PIN_LEN_RANGE or CKR_PIN_INVALID. C_InitPIN by
//                         that SO sets the PIN if it is the maker's still, as the card says itself
//                         (from 5.3 on). If the PUK is, too, SCARD11_PIN_TRIES (part 2) gives both
//                         their numbers of tries before; else the log says that these stay.
//                         C_InitToken: the management key is the SO's PIN. It is proven, once. A
//                         card whose key is the maker's, by its own word, takes any. PIN and PUK
//                         are blocked then by random values, and the card is reset: both are the
//                         maker's again, and all keys and objects are gone. Then the
//                         card gets a CHUID with a random GUID, a Card Capability Container, and,
//                         last, the key.
//                         Where ykman keeps the management key in the printed information, as it
//                         notes in 5FFF00, that object is not written and not deleted.
//                         Anything that is broken off leaves the card with what it had, or with the
//                         new. A certificate may be at two places when a move is broken off: move
//                         the key once more, or destroy the one that is not wanted.
//   OpenPGP               CKA_ID is 1 for the key that signs, 2 for the one that decrypts or
//                         derives, 3 for the one that authenticates (and signs). A key is listed
//                         where the card says that it has one. RSA keys 2 and 3 also do each
//                         other's job where the card can swap them (MANAGE SECURITY ENVIRONMENT).
//                         The card pads RSA: there is CKM_RSA_PKCS, with and without a hash, and
//                         neither PSS, OAEP nor CKM_RSA_X_509. A card need not sign what is no
//                         DigestInfo of SHA-2 (CKR_DATA_INVALID) or longer than 40 % of the modulus
//                         (CKR_DATA_LEN_RANGE).
//                         The public half of a key is read when it is asked for, or when the key is
//                         used first. A certificate is the user's to write: of one that is of
//                         another kind or size than the card's key, the key learns nothing; of one
//                         that looks like the key's, that shows when a signature does not fit it.
//                         Cards before version 3.0 have one certificate, the third key's.
//                         C_Login presents PW1 under both of its references. Where the card wants
//                         it for each signature, key 1 has CKA_ALWAYS_AUTHENTICATE. CKU_SO is PW3,
//                         which C_Login checks; or the resetting code, if PW3 is blocked when the
//                         card is inserted and a code is set. C_SetPIN does not change that code.
//                         PINs that the card wants derived (KDF-DO) are derived.
//                         Data objects are what the card tells of its holder ("Name", "URL of the
//                         public key" and so on), and 0101 to 0103 ("Private use 1"); 0103 wants
//                         the PIN. 0104 is not shown: only PW3 opens it.
//   Writing OpenPGP       CKU_SO, by PW3, has keys made (C_GenerateKeyPair), gives the card keys of
//                         its own (C_CreateObject), stores and destroys certificates and data, and
//                         sets the user's PIN. With the resetting code as SO nothing is written.
//                         CKA_ID says which of the three keys a new one becomes; without it, it is
//                         the first that can be used as the template says and is not there; none:
//                         CKR_DEVICE_MEMORY. A key that is named and there is lost, unless it has a
//                         certificate (CKR_ATTRIBUTE_VALUE_INVALID). What kinds of keys a card may
//                         have, it says from version 3.4 on: others are CKR_KEY_SIZE_RANGE and
//                         CKR_CURVE_NOT_SUPPORTED, before anything is changed. Exponents of RSA are
//                         65537, or those of a key that is given.
//                         A new key gets its date, by the host's clock, and the fingerprint by
//                         which GnuPG knows it. Labels are fixed. CKA_ALWAYS_AUTHENTICATE, of key
//                         1, has the card want the PIN for each signature, SCARD11_CKA_TOUCH, where
//                         it has a button, a touch. Keys cannot be destroyed
//                         (CKR_ACTION_PROHIBITED).
//                         A certificate goes where its CKA_ID says, else to its key, else to a
//                         place without a key. One for another key than is there is
//                         CKR_TEMPLATE_INCONSISTENT. Data objects are named by CKA_LABEL or
//                         CKA_APPLICATION, and can be changed; "Private use 1" and "3" are the
//                         user's to write: CKR_ACTION_PROHIBITED. C_InitToken ends all that is on
//                         the card (TERMINATE) and begins it anew (ACTIVATE). PIN and PW3 are then
//                         123456 and 12345678 by definition, and PW3 is changed at once to the SO's
//                         PIN, of 8 characters at least. If that is broken off before ACTIVATE, the
//                         token is not initialized, and the next C_InitToken goes on; after it,
//                         12345678 is what PW3 is. Where PW3 is blocked the card lets anyone begin
//                         it anew. How PINs are derived (KDF-DO) is never set.
//   SmartCard-HSM         A search reads the list of files, once. Then it reads, once each, the
//                         descriptions of keys: of all, or, where it is for a CKA_ID, up to the one
//                         that has it; and those of certificates and data only where it is for
//                         them. A certificate is read when it is searched for, or the size or
//                         public half of its key is asked for; without one the public half is that
//                         of the request in its place.
//                         CKU_SO is the SO-PIN, 16 hexadecimal digits, which C_Login checks. The
//                         card may have been set up so that it only frees the PIN: then C_InitPIN
//                         takes the old PIN and no other; or so that it does not even that:
//                         CKR_FUNCTION_NOT_SUPPORTED. With a transport PIN C_GetTokenInfo says
//                         CKF_USER_PIN_TO_BE_CHANGED, and C_Login is CKR_USER_PIN_NOT_INITIALIZED
//                         until C_SetPIN has changed it. A key that was used as often as it may be
//                         is CKR_FUNCTION_FAILED.
//                         The user writes the card. It makes RSA keys of 1024 to 4096 bits, keys of
//                         the NIST curves, secp256k1 and the Brainpool curves, and AES keys, as far
//                         as its firmware does. A CKA_ID that the template does not give is 20
//                         random bytes; one that another key has is CKR_ATTRIBUTE_VALUE_INVALID,
//                         also of C_UnwrapKey. A certificate goes to the key of its CKA_ID, or
//                         without one to the key whose public key it has, in place of the request
//                         or of an older one, and shows that key's CKA_ID and label; one for
//                         another public key is CKR_TEMPLATE_INCONSISTENT. Other certificates are
//                         stored by themselves, and data, for anybody unless CKA_PRIVATE is
//                         CK_TRUE. CKA_ID and CKA_LABEL of keys and of those other certificates can
//                         be changed, and CKA_LABEL and CKA_VALUE of data. With a key goes its
//                         certificate. Where only that is destroyed, a request signed by the key
//                         takes its place. What has more than 1000 bytes takes several commands: a
//                         card that is pulled in between has the key without its certificate and
//                         public half, until the certificate is stored again. A pair that was
//                         never ended is not shown, and goes when the next one is made.
//                         C_InitToken wants the card's SO-PIN, or sets it on a new card. Keys,
//                         files, DKEK and key domains go, and none are set up. The user PIN is one
//                         that nobody knows until C_InitPIN sets it; it has 3 tries. Keys are not
//                         imported. With a DKEK, which sc-hsm-tool sets up, C_WrapKey and
//                         C_UnwrapKey take SCARD11_CKM_CARD_WRAP. What C_WrapKey gives is what
//                         sc-hsm-tool --wrap-key writes, and C_UnwrapKey takes what that wrote:
//                         SEQUENCE { OCTET STRING, by the card; the key's description; its
//                         certificate or request }, of 6144 bytes at most. Only the first part is
//                         guarded by the DKEK. C_UnwrapKey needs CKA_CLASS of an AES key; CKA_ID
//                         and CKA_LABEL are the template's, or those of before, and CKA_LOCAL is
//                         what it was. CKR_WRAPPED_KEY_INVALID: it is none, or the card refuses it,
//                         of another DKEK for instance, or the certificate is another key's: one
//                         that can sign does it once, to show that. A card without a DKEK, or with
//                         shares missing: CKR_KEY_NOT_WRAPPABLE, and CKR_FUNCTION_FAILED of
//                         C_UnwrapKey; the log says so. With SCARD11_ANSWER 258 a wrapped key does
//                         not fit, and C_WrapKey is CKR_HOST_MEMORY.
//   IsoApplet             The user writes the card. It makes RSA keys of 2048 bits, with interface
//                         1 also of 4096, and keys of the NIST curves, secp256k1 and the Brainpool
//                         curves, as far as the applet knows them; and it is given such keys, if
//                         the applet was built for that (else CKR_FUNCTION_NOT_SUPPORTED). There
//                         are 16 places for keys, as far as the directory file has room for them
//                         (CKR_DEVICE_MEMORY). A key that is destroyed is no object any more, but
//                         stays on the card, unnamed, until the next key takes its place.
//                         A CKA_ID that the template does not give is a byte that no key has, from
//                         45 (hexadecimal) on, and of a certificate that of its key. One that
//                         another key has is CKR_ATTRIBUTE_VALUE_INVALID, and so is one that a
//                         certificate of another key has: destroy that first. A public key alone
//                         gives way to a new pair. A certificate for another public key than the
//                         one of its CKA_ID is CKR_TEMPLATE_INCONSISTENT. Certificates and public
//                         keys are anybody's, and so are data unless CKA_PRIVATE is CK_TRUE.
//                         CKA_LABEL can be changed, and CKA_ID but of data, which have their
//                         CKA_VALUE changed; a pair's in both its halves. With a private key goes
//                         its public one, which by itself is destroyed only where there is no other
//                         half. Its certificate stays.
//                         C_InitToken of a card as it was installed makes the PKCS#15 application
//                         that OpenSC's profile for it has, which OpenSC reads and goes on with.
//                         The SO's PIN is the PUK, of 16 characters; a PUK is set once, and one
//                         that was set before stays. C_InitPIN sets the first PIN: until then
//                         nothing on the card is guarded. On a card with a PIN, C_InitToken proves
//                         the PUK, which sets a PIN that nobody knows, and deletes all files.
//                         A card that is pulled while it is written has what it had, or the new, or
//                         a file that nothing names: the log says so when the next one takes its
//                         place. A new pair may be there as a public key alone: that gives way when
//                         the pair is made again with its CKA_ID. So may the public key of a pair
//                         with another CKA_ID, the one that it had or is to have.
//   MyEID, OsEID          The user writes the card, as far as the card's own access conditions let
//                         its PIN do that (CKR_ACTION_PROHIBITED: another PIN's). Directory and
//                         files are those of OpenSC's profile, which goes on with them, as this
//                         library does with those of pkcs15-init. C_GenerateKeyPair and
//                         C_CreateObject: RSA keys of 1024 to 4096 bits, keys of P-256, P-384 and
//                         P-521, AES and 3DES keys, as far as the card has them
//                         (CKR_KEY_SIZE_RANGE). No card makes secret keys itself: C_CreateObject
//                         gives it one, or C_CopyObject one of the session; it is private whatever
//                         is left out. A CKA_ID that no template gives is the hash of the public
//                         key, of secret keys a number. One that another key has is
//                         CKR_ATTRIBUTE_VALUE_INVALID.
//                         CKA_LABEL and CKA_ID can be changed. With a private key goes its public
//                         one, and its certificate stays; what is said of certificates of IsoApplet
//                         holds here, too. What is broken off leaves at most a file
//                         that nothing names: the next object of its kind takes its place.
//                         C_InitToken takes a card that nobody has set up, or one whose MF says who
//                         may begin it anew: the PIN that it names, mostly the SO's, is tried once
//                         with what C_InitToken is given (CKR_TOKEN_WRITE_PROTECTED: nobody may).
//                         That, of 4 to 8 characters, is then the SO's PIN (number 3) and the PUK
//                         of the user's (number 1), which is one that nobody knows until C_InitPIN
//                         sets it. What is broken off before the rules are in force is a card that
//                         is not set up; afterwards C_InitToken wants the same PIN of the SO.
//                         CKU_SO is the PUK of the user's PIN.
//   other cards with PKCS#15
//                         The user stores, changes and destroys certificates and data, as far as
//                         the card itself says where and who; keys are not made or given: no
//                         standard says how. A new object goes to space that EF.UnusedSpace names,
//                         and else to a file that CREATE FILE makes like one of an object of its
//                         kind (a certificate, data; of public or of the same PIN's private
//                         objects), with its access rules. Where the card has neither, or its
//                         directory file is full: CKR_DEVICE_MEMORY. What is destroyed gives its
//                         space back to EF.UnusedSpace, or its file is deleted; where the card does
//                         neither, the file stays until the next object takes it. The last
//                         certificate whose file is deleted leaves none that a new one could be
//                         like.
//                         CKF_WRITE_PROTECTED and CKR_TOKEN_WRITE_PROTECTED: TokenInfo says that
//                         it is read-only, or access rules (ISO 7816-4: compact, expanded, or a
//                         record of EF.ARR) let nobody change the directory files, or nobody with
//                         this token's PIN. No command is sent to find that out before something is
//                         to be written: until it was read, the flag is not set. Rules of a maker's
//                         own are not understood: then it is tried, and what the card wants another
//                         PIN for is CKR_USER_NOT_LOGGED_IN.
//                         CKA_LABEL can be changed, CKA_ID of certificates, CKA_VALUE of data.
//                         Objects of others whose entry does not call them modifiable stay as they
//                         are, and so do trusted certificates. lastUpdate in TokenInfo changes with
//                         each change, where it is there and may be written. What is broken off
//                         leaves a file that nothing names, which the next object of its kind
//                         takes, or takes from EF.UnusedSpace space that nothing is in.
//                         On cards with several PINs (MyEID, too) a directory does not say by whose
//                         PIN a public object was made. It is shown where it was made until the
//                         card is met anew, then in the first PIN's slot; a certificate in that of
//                         the private key with its CKA_ID.
//   GIDS                  CKA_ID is the container's number and 1. A key for exchange signs and
//                         decrypts, one for signatures signs. EC keys sign, and derive nothing.
//                         The user writes the card. CKU_SO is the administrator's key, 24 bytes
//                         (3DES) or 48 hexadecimal digits: C_Login proves it, C_InitPIN sets the
//                         PIN by it, C_SetPIN changes it. What is shorter is the PUK, if the card
//                         has one: C_Login asks the card, which costs no try, and is
//                         CKR_USER_TYPE_INVALID if it has none.
//                         C_GenerateKeyPair makes RSA keys, and EC keys where the card does; RSA
//                         keys can be imported. A key that may decrypt, or of which nothing is
//                         said, is one for exchange, a CKA_SIGN alone one for signatures. CKA_ID
//                         is a free container's, or the next one's, or left out; else it is
//                         CKR_ATTRIBUTE_VALUE_INVALID. CKA_LABEL is the container's name, of 39
//                         characters at most: Windows knows keys by it. Without one it is a random
//                         one. C_SetAttributeValue changes it, for the certificate as well.
//                         A certificate goes to its key, which must be there, in place of the one
//                         that is; it is compressed, unless SCARD11_CKA_COMPRESS is CK_FALSE or
//                         SCARD11_ZLIB 0: then some programs do not read it. C_DestroyObject of a
//                         private key destroys all of its container, the certificate too; a public
//                         key alone is not destroyed.
//                         Data and public keys are not stored. C_InitToken of a card as it was
//                         installed makes its files, and the SO's key its administrator's; the PIN
//                         is set by C_InitPIN. On a card in use it takes the administrator's key,
//                         deletes all keys and files, and sets a PIN that nobody knows.
//                         The maps that Windows reads, and what it keeps of them, follow each
//                         change. Where extended length is not used, a map of more than 255 bytes
//                         (three keys, nine files) comes in parts, which some cards write as they
//                         come: one that is pulled in between can lose the last records, with them
//                         the keys and certificates that these name.
//   CAC                   CKA_ID counts the PKI applets from 1 on. The keys are RSA, and each has
//                         its certificate: without one it is not found. There is no CKU_SO. The
//                         tries of the PIN are not known before a wrong one, and with some cards
//                         not after it. C_SetPIN is CKR_FUNCTION_NOT_SUPPORTED on cards that know
//                         no change of the PIN. C_Logout resets the card. On cards where a login is
//                         good for one applet alone, a key of another one is
//                         CKR_USER_NOT_LOGGED_IN, and the next C_Login is in that applet.
//
// Secret keys of sessions: the attributes of use (CKA_SIGN for HMAC and CMAC, CKA_ENCRYPT for AES
// and so on) default to what the key type can do, CKA_SENSITIVE to CK_FALSE, CKA_EXTRACTABLE to
// CK_TRUE. AES keys and generic secrets have a CKA_CHECK_VALUE. A wrong one in the template is
// CKR_ATTRIBUTE_VALUE_INVALID, an empty one leaves it out. The keys live in the card's memory on
// the host. They are wiped when they are destroyed, when their session closes, and when the card
// leaves. All their mechanisms run on the host, and no key of mbedTLS's PSA outlives a call.
//
// Secret keys of a card: those of a PKCS#15 directory are listed, with CKA_KEY_TYPE
// CKK_GENERIC_SECRET if neither the directory nor the card tells the cipher. Their value cannot be
// read. There is no CKA_CHECK_VALUE. On MyEID and OsEID keys of CKK_AES, CKK_DES3 and CKK_DES2 work
// with ECB, CBC and CBC_PAD, and on SmartCard-HSMs those of CKK_AES, as CKA_ALLOWED_MECHANISMS
// says. Those of a SmartCard-HSM have CKA_SIGN and CKA_VERIFY if the directory says that they sign,
// and then work with CKM_AES_CMAC and CKM_AES_CMAC_GENERAL (1 to 16 bytes). Other mechanisms are
// CKR_KEY_FUNCTION_NOT_PERMITTED. Single DES, and wrapping one key of the card with another, are
// not supported. On other cards CKA_ENCRYPT and the like are CK_FALSE.
//
// CKF_HW of CKM_AES_ECB, CKM_AES_CBC, CKM_AES_CBC_PAD and CKM_AES_CMAC says that the card does them
// with its own keys. With a session's keys the host does them, CMAC if mbedTLS was built with it
// (PSA_WANT_ALG_CMAC). The mechanisms of 3DES exist on MyEID and OsEID only. The host adds and
// checks the padding. CKM_AES_ECB and CKM_DES3_ECB encrypt with one command for each block.
// Everything else takes one command for each 240 bytes. Before each 960 bytes one more command sets
// key and IV; with SCARD11_EXCLUSIVE only if they are not set already. A SmartCard-HSM takes one
// command for each 960 bytes where the reader lets it.
//
// After fork: the child calls C_Initialize itself before any other function, and the parent goes
// on. Random numbers differ in parent and children. A program with threads forks while no other
// thread is inside a C_* function (also C_WaitForSlotEvent) or mbedTLS's PSA, or the child does
// nothing but exec. Otherwise a lock that another thread holds at the fork stays locked in the
// child, which can wait for it for ever: a lock of mbedTLS (with MBEDTLS_THREADING_C), of the PC/SC
// library, or of malloc.
//
// After a card was pulled: its sessions give CKR_SESSION_HANDLE_INVALID. The call that saw the
// removal first gives CKR_DEVICE_REMOVED. Calls that take a slot give CKR_TOKEN_NOT_PRESENT if no
// card is in when they begin, and CKR_DEVICE_REMOVED if it is pulled while they run. For at most
// SCARD11_LOOK_MS after the last look, calls that send no command may still answer from memory. A
// session handle is refused for good. Where CK_ULONG has 32 bits, it is refused until a million
// later insertions, sessions and session objects.
//
// After a card was swapped: the card that comes is another card, with its own sessions and objects.
// While nobody has a session, the library tells cards apart by what no other card has: the CHUID of
// a PIV card, serial number, fingerprints and dates of keys of an OpenPGP card (new keys make it
// another card), the device's certificate of a SmartCard-HSM, the identifier of a GIDS card, a
// certificate of a CAC (once one was read), the serial number in EF.TokenInfo. A card that has
// nothing of the kind is begun anew. A swap that no part of PC/SC noticed is not noticed while a
// session is open: until the next look, at most SCARD11_LOOK_MS, attributes that were read before
// may be those of the card that left. Nothing is sent on that basis: the connection itself decides
// what reaches a card.
//
// When a card comes back: sessions, handles and the login are gone. What names a key for good, over
// removals, a restart of the program or of the service, in another reader, on another computer:
//   the token             model and serialNumber of C_GetTokenInfo. A card that tells no number has
//                         blanks (FinEIDs without TokenInfo, Latvian eIDs): only its public keys
//                         and certificates tell it from others of its kind.
//   CKA_UNIQUE_ID         of one object of a token. Other cards have objects of the same name. It
//                         stays the same as long as the object does. On PIV, OpenPGP, GIDS and CAC
//                         it names the place: a new key there has it, too, and only its public half
//                         shows that it is new. Elsewhere it changes with the card's description of
//                         the object, whose label or CKA_ID is set anew, for example.
//   CKA_ID                what who wrote the card gave the key, or its place (above): the same of
//                         both halves and of the certificate. It survives a changed description,
//                         and need not be there once only.
// A search takes each of them; an object that is private is found after the login only.
//
// A program that goes on for months, as examples/daemon.c does:
//   - waits in C_WaitForSlotEvent, and takes an event as a reason to look, since several of a slot
//     may be one: does its session still answer C_GetSessionInfo, with the login? Events of the
//     service that ends and is back are those of readers that leave and come; their slot IDs stay.
//   - takes CKR_DEVICE_REMOVED, CKR_SESSION_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN (another program
//     ended the login) and CKR_KEY_HANDLE_INVALID (another program changed the card) of an
//     operation for the same: the call may be earlier than the event.
//   - looks at each slot of C_GetSlotList(CK_TRUE): is it the token? Only then C_OpenSession,
//     C_Login and C_FindObjects. So no other card gets the PIN, nor loses a try. An error there is
//     no end: the card may be on its way out again, and the next event or request is the next
//     attempt.
//   - sends a PIN that was CKR_PIN_INCORRECT never again, and leaves the last try to people
//     (scard11_pin_tries). The library keeps no PIN over a removal; SCARD11_PIN_CACHE keeps one
//     over what other programs do.
//
// Other programs: while another program holds a transaction, calls that need the card wait for it.
// Answers from memory, the slot list and events do not wait (with pcsc-lite).

// ---- 5 PKCS#11 3.2 ------------------------------------------------------------------------------
// Types, constants, structures and functions are those of OASIS PKCS #11 3.2, with its names. Only
// the parameters of functions have plain names. Clauses in comments are those of 3.2.
// The values were compared with latchset's public-domain pkcs11.h (pkcs11-headers, 3.2-prerelease).
//
// With SCARD11_PKCS11_H the application's header has all of it, but functions with SCARD11_PREFIX.

// The functions that each version added, in the order of its list. A later list begins with the
// earlier ones. F is a macro that is applied to each name.
#define SCARD11_FUNCTIONS_2_40(F)                                                                  \
    F(C_Initialize) F(C_Finalize) F(C_GetInfo) F(C_GetFunctionList) F(C_GetSlotList)               \
    F(C_GetSlotInfo) F(C_GetTokenInfo) F(C_GetMechanismList) F(C_GetMechanismInfo) F(C_InitToken)  \
    F(C_InitPIN) F(C_SetPIN) F(C_OpenSession) F(C_CloseSession) F(C_CloseAllSessions)              \
    F(C_GetSessionInfo) F(C_GetOperationState) F(C_SetOperationState) F(C_Login) F(C_Logout)       \
    F(C_CreateObject) F(C_CopyObject) F(C_DestroyObject) F(C_GetObjectSize)                        \
    F(C_GetAttributeValue) F(C_SetAttributeValue) F(C_FindObjectsInit) F(C_FindObjects)            \
    F(C_FindObjectsFinal) F(C_EncryptInit) F(C_Encrypt) F(C_EncryptUpdate) F(C_EncryptFinal)       \
    F(C_DecryptInit) F(C_Decrypt) F(C_DecryptUpdate) F(C_DecryptFinal) F(C_DigestInit)             \
    F(C_Digest) F(C_DigestUpdate) F(C_DigestKey) F(C_DigestFinal) F(C_SignInit) F(C_Sign)          \
    F(C_SignUpdate) F(C_SignFinal) F(C_SignRecoverInit) F(C_SignRecover) F(C_VerifyInit)           \
    F(C_Verify) F(C_VerifyUpdate) F(C_VerifyFinal) F(C_VerifyRecoverInit) F(C_VerifyRecover)       \
    F(C_DigestEncryptUpdate) F(C_DecryptDigestUpdate) F(C_SignEncryptUpdate)                       \
    F(C_DecryptVerifyUpdate) F(C_GenerateKey) F(C_GenerateKeyPair) F(C_WrapKey) F(C_UnwrapKey)     \
    F(C_DeriveKey) F(C_SeedRandom) F(C_GenerateRandom) F(C_GetFunctionStatus) F(C_CancelFunction)  \
    F(C_WaitForSlotEvent)

#define SCARD11_FUNCTIONS_3_0(F)                                                                   \
    F(C_GetInterfaceList) F(C_GetInterface) F(C_LoginUser) F(C_SessionCancel)                      \
    F(C_MessageEncryptInit) F(C_EncryptMessage) F(C_EncryptMessageBegin) F(C_EncryptMessageNext)   \
    F(C_MessageEncryptFinal) F(C_MessageDecryptInit) F(C_DecryptMessage) F(C_DecryptMessageBegin)  \
    F(C_DecryptMessageNext) F(C_MessageDecryptFinal) F(C_MessageSignInit) F(C_SignMessage)         \
    F(C_SignMessageBegin) F(C_SignMessageNext) F(C_MessageSignFinal) F(C_MessageVerifyInit)        \
    F(C_VerifyMessage) F(C_VerifyMessageBegin) F(C_VerifyMessageNext) F(C_MessageVerifyFinal)

#define SCARD11_FUNCTIONS_3_2(F)                                                                   \
    F(C_EncapsulateKey) F(C_DecapsulateKey) F(C_VerifySignatureInit) F(C_VerifySignature)          \
    F(C_VerifySignatureUpdate) F(C_VerifySignatureFinal) F(C_GetSessionValidationFlags)            \
    F(C_AsyncComplete) F(C_AsyncGetID) F(C_AsyncJoin) F(C_WrapKeyAuthenticated)                    \
    F(C_UnwrapKeyAuthenticated)

#ifdef SCARD11_PKCS11_H
#include SCARD11_PKCS11_H
#else

#ifdef CRYPTOKI_VERSION_MAJOR
#error "Another pkcs11.h came before scard11.h: define SCARD11_PKCS11_H as its name."
#endif

#ifdef __cplusplus
extern "C" {
#endif

// On Windows every structure is packed to one byte (2.1).
#if defined(_WIN32)
#pragma pack(push, cryptoki, 1)
#endif

#define CRYPTOKI_VERSION_MAJOR     3
#define CRYPTOKI_VERSION_MINOR     2
#define CRYPTOKI_VERSION_AMENDMENT 0

// The standard's macros for declarations, for programs that use them.
#ifndef CK_PTR
#define CK_PTR *
#endif
#ifndef CK_DECLARE_FUNCTION
#define CK_DECLARE_FUNCTION(type, name) SCARD11_API type name
#endif
#ifndef CK_DEFINE_FUNCTION
#define CK_DEFINE_FUNCTION(type, name) type name
#endif
#ifndef CK_DECLARE_FUNCTION_POINTER
#define CK_DECLARE_FUNCTION_POINTER(type, name) type (*name)
#endif
#ifndef CK_CALLBACK_FUNCTION
#define CK_CALLBACK_FUNCTION(type, name) type (*name)
#endif
#ifndef NULL_PTR
#define NULL_PTR NULL
#endif

// ---- Basic types (clause 3) ----
typedef unsigned char CK_BYTE, *CK_BYTE_PTR;
typedef unsigned char CK_CHAR, *CK_CHAR_PTR;
typedef unsigned char CK_UTF8CHAR, *CK_UTF8CHAR_PTR;
typedef unsigned char CK_BBOOL, *CK_BBOOL_PTR;
typedef unsigned long CK_ULONG, *CK_ULONG_PTR;
typedef long          CK_LONG, *CK_LONG_PTR;
typedef void *CK_VOID_PTR, **CK_VOID_PTR_PTR;

typedef CK_ULONG CK_FLAGS, *CK_FLAGS_PTR;
typedef CK_ULONG CK_RV, *CK_RV_PTR;
typedef CK_ULONG CK_SLOT_ID, *CK_SLOT_ID_PTR;
typedef CK_ULONG CK_SESSION_HANDLE, *CK_SESSION_HANDLE_PTR;
typedef CK_ULONG CK_OBJECT_HANDLE, *CK_OBJECT_HANDLE_PTR;
typedef CK_ULONG CK_STATE, *CK_STATE_PTR;
typedef CK_ULONG CK_USER_TYPE, *CK_USER_TYPE_PTR;
typedef CK_ULONG CK_NOTIFICATION, *CK_NOTIFICATION_PTR;
typedef CK_ULONG CK_OBJECT_CLASS, *CK_OBJECT_CLASS_PTR;
typedef CK_ULONG CK_ATTRIBUTE_TYPE, *CK_ATTRIBUTE_TYPE_PTR;
typedef CK_ULONG CK_KEY_TYPE, *CK_KEY_TYPE_PTR;
typedef CK_ULONG CK_MECHANISM_TYPE, *CK_MECHANISM_TYPE_PTR;
typedef CK_ULONG CK_CERTIFICATE_TYPE, *CK_CERTIFICATE_TYPE_PTR;
typedef CK_ULONG CK_CERTIFICATE_CATEGORY, *CK_CERTIFICATE_CATEGORY_PTR;
typedef CK_ULONG CK_HW_FEATURE_TYPE, *CK_HW_FEATURE_TYPE_PTR;
typedef CK_ULONG CK_PROFILE_ID, *CK_PROFILE_ID_PTR;
typedef CK_ULONG CK_JAVA_MIDP_SECURITY_DOMAIN, *CK_JAVA_MIDP_SECURITY_DOMAIN_PTR;
typedef CK_ULONG CK_TRUST, *CK_TRUST_PTR;
typedef CK_ULONG CK_VALIDATION_TYPE, *CK_VALIDATION_TYPE_PTR;
typedef CK_ULONG CK_VALIDATION_AUTHORITY_TYPE, *CK_VALIDATION_AUTHORITY_TYPE_PTR;
typedef CK_ULONG CK_SESSION_VALIDATION_FLAGS_TYPE, *CK_SESSION_VALIDATION_FLAGS_TYPE_PTR;
typedef CK_ULONG CK_RSA_PKCS_MGF_TYPE, *CK_RSA_PKCS_MGF_TYPE_PTR;
typedef CK_ULONG CK_RSA_PKCS_OAEP_SOURCE_TYPE, *CK_RSA_PKCS_OAEP_SOURCE_TYPE_PTR;
typedef CK_ULONG CK_EC_KDF_TYPE, *CK_EC_KDF_TYPE_PTR;
typedef CK_ULONG CK_X9_42_DH_KDF_TYPE, *CK_X9_42_DH_KDF_TYPE_PTR;
typedef CK_ULONG CK_XEDDSA_HASH_TYPE, *CK_XEDDSA_HASH_TYPE_PTR;
typedef CK_ULONG CK_X3DH_KDF_TYPE, *CK_X3DH_KDF_TYPE_PTR;
typedef CK_ULONG CK_X2RATCHET_KDF_TYPE, *CK_X2RATCHET_KDF_TYPE_PTR;
typedef CK_ULONG CK_GENERATOR_FUNCTION, *CK_GENERATOR_FUNCTION_PTR;
typedef CK_ULONG CK_MAC_GENERAL_PARAMS, *CK_MAC_GENERAL_PARAMS_PTR;
typedef CK_ULONG CK_EXTRACT_PARAMS, *CK_EXTRACT_PARAMS_PTR;
typedef CK_ULONG CK_RC2_PARAMS, *CK_RC2_PARAMS_PTR;
typedef CK_ULONG CK_HEDGE_TYPE, *CK_HEDGE_TYPE_PTR;
typedef CK_ULONG CK_ML_DSA_PARAMETER_SET_TYPE, *CK_ML_DSA_PARAMETER_SET_TYPE_PTR;
typedef CK_ULONG CK_ML_KEM_PARAMETER_SET_TYPE, *CK_ML_KEM_PARAMETER_SET_TYPE_PTR;
typedef CK_ULONG CK_SLH_DSA_PARAMETER_SET_TYPE, *CK_SLH_DSA_PARAMETER_SET_TYPE_PTR;
typedef CK_ULONG CK_HSS_LEVELS, *CK_HSS_LEVELS_PTR;
typedef CK_ULONG CK_LMS_TYPE, *CK_LMS_TYPE_PTR;
typedef CK_ULONG CK_LMOTS_TYPE, *CK_LMOTS_TYPE_PTR;
typedef CK_ULONG CK_XMSS_PARAMETER_SET_TYPE, *CK_XMSS_PARAMETER_SET_TYPE_PTR;
typedef CK_ULONG CK_XMSSMT_PARAMETER_SET_TYPE, *CK_XMSSMT_PARAMETER_SET_TYPE_PTR;
typedef CK_ULONG CK_OTP_PARAM_TYPE, *CK_OTP_PARAM_TYPE_PTR;
typedef CK_ULONG CK_PRF_DATA_TYPE, *CK_PRF_DATA_TYPE_PTR;
typedef CK_ULONG CK_SP800_108_DKM_LENGTH_METHOD, *CK_SP800_108_DKM_LENGTH_METHOD_PTR;
typedef CK_ULONG CK_PKCS5_PBKD2_PSEUDO_RANDOM_FUNCTION_TYPE,
        *CK_PKCS5_PBKD2_PSEUDO_RANDOM_FUNCTION_TYPE_PTR;
typedef CK_ULONG CK_PKCS5_PBKDF2_SALT_SOURCE_TYPE, *CK_PKCS5_PBKDF2_SALT_SOURCE_TYPE_PTR;
typedef CK_MECHANISM_TYPE CK_SP800_108_PRF_TYPE, *CK_SP800_108_PRF_TYPE_PTR;
typedef CK_OTP_PARAM_TYPE CK_PARAM_TYPE;

#define CK_FALSE                                     0
#define CK_TRUE                                      1
#define CK_INVALID_HANDLE                            0UL
#define CK_UNAVAILABLE_INFORMATION                   (~0UL)
#define CK_EFFECTIVELY_INFINITE                      0UL

// ---- Objects and their classes (4.2) ----
#define CKO_DATA                                     0x00000000UL
#define CKO_CERTIFICATE                              0x00000001UL
#define CKO_PUBLIC_KEY                               0x00000002UL
#define CKO_PRIVATE_KEY                              0x00000003UL
#define CKO_SECRET_KEY                               0x00000004UL
#define CKO_HW_FEATURE                               0x00000005UL
#define CKO_DOMAIN_PARAMETERS                        0x00000006UL
#define CKO_MECHANISM                                0x00000007UL
#define CKO_OTP_KEY                                  0x00000008UL
#define CKO_PROFILE                                  0x00000009UL
#define CKO_VALIDATION                               0x0000000aUL
#define CKO_TRUST                                    0x0000000bUL
#define CKO_VENDOR_DEFINED                           0x80000000UL

// ---- Hardware features (4.3) ----
#define CKH_MONOTONIC_COUNTER                        0x00000001UL
#define CKH_CLOCK                                    0x00000002UL
#define CKH_USER_INTERFACE                           0x00000003UL
#define CKH_VENDOR_DEFINED                           0x80000000UL

// ---- Certificates (4.6) ----
#define CKC_X_509                                    0x00000000UL
#define CKC_X_509_ATTR_CERT                          0x00000001UL
#define CKC_WTLS                                     0x00000002UL
#define CKC_VENDOR_DEFINED                           0x80000000UL

#define CK_CERTIFICATE_CATEGORY_UNSPECIFIED          0x00000000UL
#define CK_CERTIFICATE_CATEGORY_TOKEN_USER           0x00000001UL
#define CK_CERTIFICATE_CATEGORY_AUTHORITY            0x00000002UL
#define CK_CERTIFICATE_CATEGORY_OTHER_ENTITY         0x00000003UL

#define CK_SECURITY_DOMAIN_UNSPECIFIED               0x00000000UL
#define CK_SECURITY_DOMAIN_MANUFACTURER              0x00000001UL
#define CK_SECURITY_DOMAIN_OPERATOR                  0x00000002UL
#define CK_SECURITY_DOMAIN_THIRD_PARTY               0x00000003UL

// ---- Trust objects ----
#define CKT_TRUST_UNKNOWN                            0x00000000UL
#define CKT_TRUSTED                                  0x00000001UL
#define CKT_TRUST_ANCHOR                             0x00000002UL
#define CKT_NOT_TRUSTED                              0x00000003UL
#define CKT_TRUST_MUST_VERIFY_TRUST                  0x00000004UL

// ---- Validation objects ----
#define CKV_TYPE_UNSPECIFIED                         0x00000000UL
#define CKV_TYPE_SOFTWARE                            0x00000001UL
#define CKV_TYPE_HARDWARE                            0x00000002UL
#define CKV_TYPE_FIRMWARE                            0x00000003UL
#define CKV_TYPE_HYBRID                              0x00000004UL
#define CKV_AUTHORITY_TYPE_UNSPECIFIED               0x00000000UL
#define CKV_AUTHORITY_TYPE_NIST_CMVP                 0x00000001UL
#define CKV_AUTHORITY_TYPE_COMMON_CRITERIA           0x00000002UL

#define CKS_LAST_VALIDATION_OK                       0x00000001UL

// ---- Profiles ----
#define CKP_INVALID_ID                               0x00000000UL
#define CKP_BASELINE_PROVIDER                        0x00000001UL
#define CKP_EXTENDED_PROVIDER                        0x00000002UL
#define CKP_AUTHENTICATION_TOKEN                     0x00000003UL
#define CKP_PUBLIC_CERTIFICATES_TOKEN                0x00000004UL
#define CKP_COMPLETE_PROVIDER                        0x00000005UL
#define CKP_HKDF_TLS_TOKEN                           0x00000006UL
#define CKP_VENDOR_DEFINED                           0x80000000UL

// ---- Key types ----
#define CKK_RSA                                      0x00000000UL
#define CKK_DSA                                      0x00000001UL
#define CKK_DH                                       0x00000002UL
#define CKK_EC                                       0x00000003UL
#define CKK_X9_42_DH                                 0x00000004UL
#define CKK_KEA                                      0x00000005UL
#define CKK_ECDSA                                    0x00000003UL
#define CKK_GENERIC_SECRET                           0x00000010UL
#define CKK_RC2                                      0x00000011UL
#define CKK_RC4                                      0x00000012UL
#define CKK_DES                                      0x00000013UL
#define CKK_DES2                                     0x00000014UL
#define CKK_DES3                                     0x00000015UL
#define CKK_CAST                                     0x00000016UL
#define CKK_CAST3                                    0x00000017UL
#define CKK_CAST128                                  0x00000018UL
#define CKK_RC5                                      0x00000019UL
#define CKK_IDEA                                     0x0000001aUL
#define CKK_SKIPJACK                                 0x0000001bUL
#define CKK_BATON                                    0x0000001cUL
#define CKK_JUNIPER                                  0x0000001dUL
#define CKK_CDMF                                     0x0000001eUL
#define CKK_AES                                      0x0000001fUL
#define CKK_BLOWFISH                                 0x00000020UL
#define CKK_TWOFISH                                  0x00000021UL
#define CKK_CAST5                                    0x00000018UL
#define CKK_SECURID                                  0x00000022UL
#define CKK_HOTP                                     0x00000023UL
#define CKK_ACTI                                     0x00000024UL
#define CKK_CAMELLIA                                 0x00000025UL
#define CKK_ARIA                                     0x00000026UL
#define CKK_MD5_HMAC                                 0x00000027UL
#define CKK_SHA_1_HMAC                               0x00000028UL
#define CKK_RIPEMD128_HMAC                           0x00000029UL
#define CKK_RIPEMD160_HMAC                           0x0000002aUL
#define CKK_SHA256_HMAC                              0x0000002bUL
#define CKK_SHA384_HMAC                              0x0000002cUL
#define CKK_SHA512_HMAC                              0x0000002dUL
#define CKK_SHA224_HMAC                              0x0000002eUL
#define CKK_SEED                                     0x0000002fUL
#define CKK_GOSTR3410                                0x00000030UL
#define CKK_GOSTR3411                                0x00000031UL
#define CKK_GOST28147                                0x00000032UL
#define CKK_CHACHA20                                 0x00000033UL
#define CKK_POLY1305                                 0x00000034UL
#define CKK_AES_XTS                                  0x00000035UL
#define CKK_SHA3_224_HMAC                            0x00000036UL
#define CKK_SHA3_256_HMAC                            0x00000037UL
#define CKK_SHA3_384_HMAC                            0x00000038UL
#define CKK_SHA3_512_HMAC                            0x00000039UL
#define CKK_BLAKE2B_160_HMAC                         0x0000003aUL
#define CKK_BLAKE2B_256_HMAC                         0x0000003bUL
#define CKK_BLAKE2B_384_HMAC                         0x0000003cUL
#define CKK_BLAKE2B_512_HMAC                         0x0000003dUL
#define CKK_SALSA20                                  0x0000003eUL
#define CKK_X2RATCHET                                0x0000003fUL
#define CKK_EC_EDWARDS                               0x00000040UL
#define CKK_EC_MONTGOMERY                            0x00000041UL
#define CKK_HKDF                                     0x00000042UL
#define CKK_SHA512_224_HMAC                          0x00000043UL
#define CKK_SHA512_256_HMAC                          0x00000044UL
#define CKK_SHA512_T_HMAC                            0x00000045UL
#define CKK_HSS                                      0x00000046UL
#define CKK_XMSS                                     0x00000047UL
#define CKK_XMSSMT                                   0x00000048UL
#define CKK_ML_KEM                                   0x00000049UL
#define CKK_ML_DSA                                   0x0000004aUL
#define CKK_SLH_DSA                                  0x0000004bUL
#define CKK_VENDOR_DEFINED                           0x80000000UL

// ---- Parameter sets of ML-KEM, ML-DSA and SLH-DSA keys (FIPS 203, 204, 205) ----
#define CKP_ML_KEM_512                               0x00000001UL
#define CKP_ML_KEM_768                               0x00000002UL
#define CKP_ML_KEM_1024                              0x00000003UL
#define CKP_ML_DSA_44                                0x00000001UL
#define CKP_ML_DSA_65                                0x00000002UL
#define CKP_ML_DSA_87                                0x00000003UL
#define CKP_SLH_DSA_SHA2_128S                        0x00000001UL
#define CKP_SLH_DSA_SHAKE_128S                       0x00000002UL
#define CKP_SLH_DSA_SHA2_128F                        0x00000003UL
#define CKP_SLH_DSA_SHAKE_128F                       0x00000004UL
#define CKP_SLH_DSA_SHA2_192S                        0x00000005UL
#define CKP_SLH_DSA_SHAKE_192S                       0x00000006UL
#define CKP_SLH_DSA_SHA2_192F                        0x00000007UL
#define CKP_SLH_DSA_SHAKE_192F                       0x00000008UL
#define CKP_SLH_DSA_SHA2_256S                        0x00000009UL
#define CKP_SLH_DSA_SHAKE_256S                       0x0000000aUL
#define CKP_SLH_DSA_SHA2_256F                        0x0000000bUL
#define CKP_SLH_DSA_SHAKE_256F                       0x0000000cUL

// ---- Attributes (clause 4); the type of one that is an array has CKF_ARRAY_ATTRIBUTE set ----
#define CKF_ARRAY_ATTRIBUTE                          0x40000000UL

#define CKA_CLASS                                    0x00000000UL
#define CKA_TOKEN                                    0x00000001UL
#define CKA_PRIVATE                                  0x00000002UL
#define CKA_LABEL                                    0x00000003UL
#define CKA_UNIQUE_ID                                0x00000004UL
#define CKA_APPLICATION                              0x00000010UL
#define CKA_VALUE                                    0x00000011UL
#define CKA_OBJECT_ID                                0x00000012UL
#define CKA_CERTIFICATE_TYPE                         0x00000080UL
#define CKA_ISSUER                                   0x00000081UL
#define CKA_SERIAL_NUMBER                            0x00000082UL
#define CKA_AC_ISSUER                                0x00000083UL
#define CKA_OWNER                                    0x00000084UL
#define CKA_ATTR_TYPES                               0x00000085UL
#define CKA_TRUSTED                                  0x00000086UL
#define CKA_CERTIFICATE_CATEGORY                     0x00000087UL
#define CKA_JAVA_MIDP_SECURITY_DOMAIN                0x00000088UL
#define CKA_URL                                      0x00000089UL
#define CKA_HASH_OF_SUBJECT_PUBLIC_KEY               0x0000008aUL
#define CKA_HASH_OF_ISSUER_PUBLIC_KEY                0x0000008bUL
#define CKA_NAME_HASH_ALGORITHM                      0x0000008cUL
#define CKA_CHECK_VALUE                              0x00000090UL
#define CKA_KEY_TYPE                                 0x00000100UL
#define CKA_SUBJECT                                  0x00000101UL
#define CKA_ID                                       0x00000102UL
#define CKA_SENSITIVE                                0x00000103UL
#define CKA_ENCRYPT                                  0x00000104UL
#define CKA_DECRYPT                                  0x00000105UL
#define CKA_WRAP                                     0x00000106UL
#define CKA_UNWRAP                                   0x00000107UL
#define CKA_SIGN                                     0x00000108UL
#define CKA_SIGN_RECOVER                             0x00000109UL
#define CKA_VERIFY                                   0x0000010aUL
#define CKA_VERIFY_RECOVER                           0x0000010bUL
#define CKA_DERIVE                                   0x0000010cUL
#define CKA_START_DATE                               0x00000110UL
#define CKA_END_DATE                                 0x00000111UL
#define CKA_MODULUS                                  0x00000120UL
#define CKA_MODULUS_BITS                             0x00000121UL
#define CKA_PUBLIC_EXPONENT                          0x00000122UL
#define CKA_PRIVATE_EXPONENT                         0x00000123UL
#define CKA_PRIME_1                                  0x00000124UL
#define CKA_PRIME_2                                  0x00000125UL
#define CKA_EXPONENT_1                               0x00000126UL
#define CKA_EXPONENT_2                               0x00000127UL
#define CKA_COEFFICIENT                              0x00000128UL
#define CKA_PUBLIC_KEY_INFO                          0x00000129UL
#define CKA_PRIME                                    0x00000130UL
#define CKA_SUBPRIME                                 0x00000131UL
#define CKA_BASE                                     0x00000132UL
#define CKA_PRIME_BITS                               0x00000133UL
#define CKA_SUBPRIME_BITS                            0x00000134UL
#define CKA_SUB_PRIME_BITS                           0x00000134UL
#define CKA_VALUE_BITS                               0x00000160UL
#define CKA_VALUE_LEN                                0x00000161UL
#define CKA_EXTRACTABLE                              0x00000162UL
#define CKA_LOCAL                                    0x00000163UL
#define CKA_NEVER_EXTRACTABLE                        0x00000164UL
#define CKA_ALWAYS_SENSITIVE                         0x00000165UL
#define CKA_KEY_GEN_MECHANISM                        0x00000166UL
#define CKA_MODIFIABLE                               0x00000170UL
#define CKA_COPYABLE                                 0x00000171UL
#define CKA_DESTROYABLE                              0x00000172UL
#define CKA_EC_PARAMS                                0x00000180UL
#define CKA_EC_POINT                                 0x00000181UL
#define CKA_ECDSA_PARAMS                             0x00000180UL
#define CKA_SECONDARY_AUTH                           0x00000200UL
#define CKA_AUTH_PIN_FLAGS                           0x00000201UL
#define CKA_ALWAYS_AUTHENTICATE                      0x00000202UL
#define CKA_WRAP_WITH_TRUSTED                        0x00000210UL
#define CKA_WRAP_TEMPLATE                            0x40000211UL
#define CKA_UNWRAP_TEMPLATE                          0x40000212UL
#define CKA_DERIVE_TEMPLATE                          0x40000213UL
#define CKA_OTP_FORMAT                               0x00000220UL
#define CKA_OTP_LENGTH                               0x00000221UL
#define CKA_OTP_TIME_INTERVAL                        0x00000222UL
#define CKA_OTP_USER_FRIENDLY_MODE                   0x00000223UL
#define CKA_OTP_CHALLENGE_REQUIREMENT                0x00000224UL
#define CKA_OTP_TIME_REQUIREMENT                     0x00000225UL
#define CKA_OTP_COUNTER_REQUIREMENT                  0x00000226UL
#define CKA_OTP_PIN_REQUIREMENT                      0x00000227UL
#define CKA_OTP_USER_IDENTIFIER                      0x0000022aUL
#define CKA_OTP_SERVICE_IDENTIFIER                   0x0000022bUL
#define CKA_OTP_SERVICE_LOGO                         0x0000022cUL
#define CKA_OTP_SERVICE_LOGO_TYPE                    0x0000022dUL
#define CKA_OTP_COUNTER                              0x0000022eUL
#define CKA_OTP_TIME                                 0x0000022fUL
#define CKA_GOSTR3410_PARAMS                         0x00000250UL
#define CKA_GOSTR3411_PARAMS                         0x00000251UL
#define CKA_GOST28147_PARAMS                         0x00000252UL
#define CKA_HW_FEATURE_TYPE                          0x00000300UL
#define CKA_RESET_ON_INIT                            0x00000301UL
#define CKA_HAS_RESET                                0x00000302UL
#define CKA_PIXEL_X                                  0x00000400UL
#define CKA_PIXEL_Y                                  0x00000401UL
#define CKA_RESOLUTION                               0x00000402UL
#define CKA_CHAR_ROWS                                0x00000403UL
#define CKA_CHAR_COLUMNS                             0x00000404UL
#define CKA_COLOR                                    0x00000405UL
#define CKA_BITS_PER_PIXEL                           0x00000406UL
#define CKA_CHAR_SETS                                0x00000480UL
#define CKA_ENCODING_METHODS                         0x00000481UL
#define CKA_MIME_TYPES                               0x00000482UL
#define CKA_MECHANISM_TYPE                           0x00000500UL
#define CKA_REQUIRED_CMS_ATTRIBUTES                  0x00000501UL
#define CKA_DEFAULT_CMS_ATTRIBUTES                   0x00000502UL
#define CKA_SUPPORTED_CMS_ATTRIBUTES                 0x00000503UL
#define CKA_ALLOWED_MECHANISMS                       0x40000600UL
#define CKA_PROFILE_ID                               0x00000601UL
#define CKA_X2RATCHET_BAG                            0x00000602UL
#define CKA_X2RATCHET_BAGSIZE                        0x00000603UL
#define CKA_X2RATCHET_BOBS1STMSG                     0x00000604UL
#define CKA_X2RATCHET_CKR                            0x00000605UL
#define CKA_X2RATCHET_CKS                            0x00000606UL
#define CKA_X2RATCHET_DHP                            0x00000607UL
#define CKA_X2RATCHET_DHR                            0x00000608UL
#define CKA_X2RATCHET_DHS                            0x00000609UL
#define CKA_X2RATCHET_HKR                            0x0000060aUL
#define CKA_X2RATCHET_HKS                            0x0000060bUL
#define CKA_X2RATCHET_ISALICE                        0x0000060cUL
#define CKA_X2RATCHET_NHKR                           0x0000060dUL
#define CKA_X2RATCHET_NHKS                           0x0000060eUL
#define CKA_X2RATCHET_NR                             0x0000060fUL
#define CKA_X2RATCHET_NS                             0x00000610UL
#define CKA_X2RATCHET_PNS                            0x00000611UL
#define CKA_X2RATCHET_RK                             0x00000612UL
#define CKA_HSS_LEVELS                               0x00000617UL
#define CKA_HSS_LMS_TYPE                             0x00000618UL
#define CKA_HSS_LMOTS_TYPE                           0x00000619UL
#define CKA_HSS_LMS_TYPES                            0x0000061aUL
#define CKA_HSS_LMOTS_TYPES                          0x0000061bUL
#define CKA_HSS_KEYS_REMAINING                       0x0000061cUL
#define CKA_PARAMETER_SET                            0x0000061dUL
#define CKA_OBJECT_VALIDATION_FLAGS                  0x0000061eUL
#define CKA_VALIDATION_TYPE                          0x0000061fUL
#define CKA_VALIDATION_VERSION                       0x00000620UL
#define CKA_VALIDATION_LEVEL                         0x00000621UL
#define CKA_VALIDATION_MODULE_ID                     0x00000622UL
#define CKA_VALIDATION_FLAG                          0x00000623UL
#define CKA_VALIDATION_AUTHORITY_TYPE                0x00000624UL
#define CKA_VALIDATION_COUNTRY                       0x00000625UL
#define CKA_VALIDATION_CERTIFICATE_IDENTIFIER        0x00000626UL
#define CKA_VALIDATION_CERTIFICATE_URI               0x00000627UL
#define CKA_VALIDATION_VENDOR_URI                    0x00000628UL
#define CKA_VALIDATION_PROFILE                       0x00000629UL
#define CKA_ENCAPSULATE_TEMPLATE                     0x0000062aUL
#define CKA_DECAPSULATE_TEMPLATE                     0x0000062bUL
#define CKA_TRUST_SERVER_AUTH                        0x0000062cUL
#define CKA_TRUST_CLIENT_AUTH                        0x0000062dUL
#define CKA_TRUST_CODE_SIGNING                       0x0000062eUL
#define CKA_TRUST_EMAIL_PROTECTION                   0x0000062fUL
#define CKA_TRUST_IPSEC_IKE                          0x00000630UL
#define CKA_TRUST_TIME_STAMPING                      0x00000631UL
#define CKA_TRUST_OCSP_SIGNING                       0x00000632UL
#define CKA_ENCAPSULATE                              0x00000633UL
#define CKA_DECAPSULATE                              0x00000634UL
#define CKA_HASH_OF_CERTIFICATE                      0x00000635UL
#define CKA_PUBLIC_CRC64_VALUE                       0x00000636UL
#define CKA_SEED                                     0x00000637UL
#define CKA_VENDOR_DEFINED                           0x80000000UL

// ---- Mechanisms: RSA, DSA, ML-KEM, ML-DSA, SLH-DSA, Diffie-Hellman ----
#define CKM_RSA_PKCS_KEY_PAIR_GEN                    0x00000000UL
#define CKM_RSA_PKCS                                 0x00000001UL
#define CKM_RSA_9796                                 0x00000002UL
#define CKM_RSA_X_509                                0x00000003UL
#define CKM_MD2_RSA_PKCS                             0x00000004UL
#define CKM_MD5_RSA_PKCS                             0x00000005UL
#define CKM_SHA1_RSA_PKCS                            0x00000006UL
#define CKM_RIPEMD128_RSA_PKCS                       0x00000007UL
#define CKM_RIPEMD160_RSA_PKCS                       0x00000008UL
#define CKM_RSA_PKCS_OAEP                            0x00000009UL
#define CKM_RSA_X9_31_KEY_PAIR_GEN                   0x0000000aUL
#define CKM_RSA_X9_31                                0x0000000bUL
#define CKM_SHA1_RSA_X9_31                           0x0000000cUL
#define CKM_RSA_PKCS_PSS                             0x0000000dUL
#define CKM_SHA1_RSA_PKCS_PSS                        0x0000000eUL
#define CKM_ML_KEM_KEY_PAIR_GEN                      0x0000000fUL
#define CKM_DSA_KEY_PAIR_GEN                         0x00000010UL
#define CKM_DSA                                      0x00000011UL
#define CKM_DSA_SHA1                                 0x00000012UL
#define CKM_DSA_SHA224                               0x00000013UL
#define CKM_DSA_SHA256                               0x00000014UL
#define CKM_DSA_SHA384                               0x00000015UL
#define CKM_DSA_SHA512                               0x00000016UL
#define CKM_ML_KEM                                   0x00000017UL
#define CKM_DSA_SHA3_224                             0x00000018UL
#define CKM_DSA_SHA3_256                             0x00000019UL
#define CKM_DSA_SHA3_384                             0x0000001aUL
#define CKM_DSA_SHA3_512                             0x0000001bUL
#define CKM_ML_DSA_KEY_PAIR_GEN                      0x0000001cUL
#define CKM_ML_DSA                                   0x0000001dUL
#define CKM_HASH_ML_DSA                              0x0000001fUL
#define CKM_DH_PKCS_KEY_PAIR_GEN                     0x00000020UL
#define CKM_DH_PKCS_DERIVE                           0x00000021UL
#define CKM_HASH_ML_DSA_SHA224                       0x00000023UL
#define CKM_HASH_ML_DSA_SHA256                       0x00000024UL
#define CKM_HASH_ML_DSA_SHA384                       0x00000025UL
#define CKM_HASH_ML_DSA_SHA512                       0x00000026UL
#define CKM_HASH_ML_DSA_SHA3_224                     0x00000027UL
#define CKM_HASH_ML_DSA_SHA3_256                     0x00000028UL
#define CKM_HASH_ML_DSA_SHA3_384                     0x00000029UL
#define CKM_HASH_ML_DSA_SHA3_512                     0x0000002aUL
#define CKM_HASH_ML_DSA_SHAKE128                     0x0000002bUL
#define CKM_HASH_ML_DSA_SHAKE256                     0x0000002cUL
#define CKM_SLH_DSA_KEY_PAIR_GEN                     0x0000002dUL
#define CKM_SLH_DSA                                  0x0000002eUL
#define CKM_X9_42_DH_KEY_PAIR_GEN                    0x00000030UL
#define CKM_X9_42_DH_DERIVE                          0x00000031UL
#define CKM_X9_42_DH_HYBRID_DERIVE                   0x00000032UL
#define CKM_X9_42_MQV_DERIVE                         0x00000033UL
#define CKM_HASH_SLH_DSA                             0x00000034UL
#define CKM_HASH_SLH_DSA_SHA224                      0x00000036UL
#define CKM_HASH_SLH_DSA_SHA256                      0x00000037UL
#define CKM_HASH_SLH_DSA_SHA384                      0x00000038UL
#define CKM_HASH_SLH_DSA_SHA512                      0x00000039UL
#define CKM_HASH_SLH_DSA_SHA3_224                    0x0000003aUL
#define CKM_HASH_SLH_DSA_SHA3_256                    0x0000003bUL
#define CKM_HASH_SLH_DSA_SHA3_384                    0x0000003cUL
#define CKM_HASH_SLH_DSA_SHA3_512                    0x0000003dUL
#define CKM_HASH_SLH_DSA_SHAKE128                    0x0000003eUL
#define CKM_HASH_SLH_DSA_SHAKE256                    0x0000003fUL
#define CKM_SHA256_RSA_PKCS                          0x00000040UL
#define CKM_SHA384_RSA_PKCS                          0x00000041UL
#define CKM_SHA512_RSA_PKCS                          0x00000042UL
#define CKM_SHA256_RSA_PKCS_PSS                      0x00000043UL
#define CKM_SHA384_RSA_PKCS_PSS                      0x00000044UL
#define CKM_SHA512_RSA_PKCS_PSS                      0x00000045UL
#define CKM_SHA224_RSA_PKCS                          0x00000046UL
#define CKM_SHA224_RSA_PKCS_PSS                      0x00000047UL
#define CKM_SHA512_224                               0x00000048UL
#define CKM_SHA512_224_HMAC                          0x00000049UL
#define CKM_SHA512_224_HMAC_GENERAL                  0x0000004aUL
#define CKM_SHA512_224_KEY_DERIVATION                0x0000004bUL
#define CKM_SHA512_256                               0x0000004cUL
#define CKM_SHA512_256_HMAC                          0x0000004dUL
#define CKM_SHA512_256_HMAC_GENERAL                  0x0000004eUL
#define CKM_SHA512_256_KEY_DERIVATION                0x0000004fUL
#define CKM_SHA512_T                                 0x00000050UL
#define CKM_SHA512_T_HMAC                            0x00000051UL
#define CKM_SHA512_T_HMAC_GENERAL                    0x00000052UL
#define CKM_SHA512_T_KEY_DERIVATION                  0x00000053UL
#define CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE         0x00000056UL
#define CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH      0x00000057UL
#define CKM_SHA3_256_RSA_PKCS                        0x00000060UL
#define CKM_SHA3_384_RSA_PKCS                        0x00000061UL
#define CKM_SHA3_512_RSA_PKCS                        0x00000062UL
#define CKM_SHA3_256_RSA_PKCS_PSS                    0x00000063UL
#define CKM_SHA3_384_RSA_PKCS_PSS                    0x00000064UL
#define CKM_SHA3_512_RSA_PKCS_PSS                    0x00000065UL
#define CKM_SHA3_224_RSA_PKCS                        0x00000066UL
#define CKM_SHA3_224_RSA_PKCS_PSS                    0x00000067UL

// ---- Mechanisms: RC2, RC4, DES, CDMF ----
#define CKM_RC2_KEY_GEN                              0x00000100UL
#define CKM_RC2_ECB                                  0x00000101UL
#define CKM_RC2_CBC                                  0x00000102UL
#define CKM_RC2_MAC                                  0x00000103UL
#define CKM_RC2_MAC_GENERAL                          0x00000104UL
#define CKM_RC2_CBC_PAD                              0x00000105UL
#define CKM_RC4_KEY_GEN                              0x00000110UL
#define CKM_RC4                                      0x00000111UL
#define CKM_DES_KEY_GEN                              0x00000120UL
#define CKM_DES_ECB                                  0x00000121UL
#define CKM_DES_CBC                                  0x00000122UL
#define CKM_DES_MAC                                  0x00000123UL
#define CKM_DES_MAC_GENERAL                          0x00000124UL
#define CKM_DES_CBC_PAD                              0x00000125UL
#define CKM_DES2_KEY_GEN                             0x00000130UL
#define CKM_DES3_KEY_GEN                             0x00000131UL
#define CKM_DES3_ECB                                 0x00000132UL
#define CKM_DES3_CBC                                 0x00000133UL
#define CKM_DES3_MAC                                 0x00000134UL
#define CKM_DES3_MAC_GENERAL                         0x00000135UL
#define CKM_DES3_CBC_PAD                             0x00000136UL
#define CKM_DES3_CMAC_GENERAL                        0x00000137UL
#define CKM_DES3_CMAC                                0x00000138UL
#define CKM_CDMF_KEY_GEN                             0x00000140UL
#define CKM_CDMF_ECB                                 0x00000141UL
#define CKM_CDMF_CBC                                 0x00000142UL
#define CKM_CDMF_MAC                                 0x00000143UL
#define CKM_CDMF_MAC_GENERAL                         0x00000144UL
#define CKM_CDMF_CBC_PAD                             0x00000145UL
#define CKM_DES_OFB64                                0x00000150UL
#define CKM_DES_OFB8                                 0x00000151UL
#define CKM_DES_CFB64                                0x00000152UL
#define CKM_DES_CFB8                                 0x00000153UL

// ---- Mechanisms: hashes, one-time passwords ----
#define CKM_MD2                                      0x00000200UL
#define CKM_MD2_HMAC                                 0x00000201UL
#define CKM_MD2_HMAC_GENERAL                         0x00000202UL
#define CKM_MD5                                      0x00000210UL
#define CKM_MD5_HMAC                                 0x00000211UL
#define CKM_MD5_HMAC_GENERAL                         0x00000212UL
#define CKM_SHA_1                                    0x00000220UL
#define CKM_SHA_1_HMAC                               0x00000221UL
#define CKM_SHA_1_HMAC_GENERAL                       0x00000222UL
#define CKM_RIPEMD128                                0x00000230UL
#define CKM_RIPEMD128_HMAC                           0x00000231UL
#define CKM_RIPEMD128_HMAC_GENERAL                   0x00000232UL
#define CKM_RIPEMD160                                0x00000240UL
#define CKM_RIPEMD160_HMAC                           0x00000241UL
#define CKM_RIPEMD160_HMAC_GENERAL                   0x00000242UL
#define CKM_SHA256                                   0x00000250UL
#define CKM_SHA256_HMAC                              0x00000251UL
#define CKM_SHA256_HMAC_GENERAL                      0x00000252UL
#define CKM_SHA224                                   0x00000255UL
#define CKM_SHA224_HMAC                              0x00000256UL
#define CKM_SHA224_HMAC_GENERAL                      0x00000257UL
#define CKM_SHA384                                   0x00000260UL
#define CKM_SHA384_HMAC                              0x00000261UL
#define CKM_SHA384_HMAC_GENERAL                      0x00000262UL
#define CKM_SHA512                                   0x00000270UL
#define CKM_SHA512_HMAC                              0x00000271UL
#define CKM_SHA512_HMAC_GENERAL                      0x00000272UL
#define CKM_SECURID_KEY_GEN                          0x00000280UL
#define CKM_SECURID                                  0x00000282UL
#define CKM_HOTP_KEY_GEN                             0x00000290UL
#define CKM_HOTP                                     0x00000291UL
#define CKM_ACTI                                     0x000002a0UL
#define CKM_ACTI_KEY_GEN                             0x000002a1UL
#define CKM_SHA3_256                                 0x000002b0UL
#define CKM_SHA3_256_HMAC                            0x000002b1UL
#define CKM_SHA3_256_HMAC_GENERAL                    0x000002b2UL
#define CKM_SHA3_256_KEY_GEN                         0x000002b3UL
#define CKM_SHA3_224                                 0x000002b5UL
#define CKM_SHA3_224_HMAC                            0x000002b6UL
#define CKM_SHA3_224_HMAC_GENERAL                    0x000002b7UL
#define CKM_SHA3_224_KEY_GEN                         0x000002b8UL
#define CKM_SHA3_384                                 0x000002c0UL
#define CKM_SHA3_384_HMAC                            0x000002c1UL
#define CKM_SHA3_384_HMAC_GENERAL                    0x000002c2UL
#define CKM_SHA3_384_KEY_GEN                         0x000002c3UL
#define CKM_SHA3_512                                 0x000002d0UL
#define CKM_SHA3_512_HMAC                            0x000002d1UL
#define CKM_SHA3_512_HMAC_GENERAL                    0x000002d2UL
#define CKM_SHA3_512_KEY_GEN                         0x000002d3UL

// ---- Mechanisms: CAST, RC5, IDEA ----
#define CKM_CAST_KEY_GEN                             0x00000300UL
#define CKM_CAST_ECB                                 0x00000301UL
#define CKM_CAST_CBC                                 0x00000302UL
#define CKM_CAST_MAC                                 0x00000303UL
#define CKM_CAST_MAC_GENERAL                         0x00000304UL
#define CKM_CAST_CBC_PAD                             0x00000305UL
#define CKM_CAST3_KEY_GEN                            0x00000310UL
#define CKM_CAST3_ECB                                0x00000311UL
#define CKM_CAST3_CBC                                0x00000312UL
#define CKM_CAST3_MAC                                0x00000313UL
#define CKM_CAST3_MAC_GENERAL                        0x00000314UL
#define CKM_CAST3_CBC_PAD                            0x00000315UL
#define CKM_CAST128_KEY_GEN                          0x00000320UL
#define CKM_CAST128_ECB                              0x00000321UL
#define CKM_CAST128_CBC                              0x00000322UL
#define CKM_CAST128_MAC                              0x00000323UL
#define CKM_CAST128_MAC_GENERAL                      0x00000324UL
#define CKM_CAST128_CBC_PAD                          0x00000325UL
#define CKM_CAST5_KEY_GEN                            0x00000320UL
#define CKM_CAST5_ECB                                0x00000321UL
#define CKM_CAST5_CBC                                0x00000322UL
#define CKM_CAST5_MAC                                0x00000323UL
#define CKM_CAST5_MAC_GENERAL                        0x00000324UL
#define CKM_CAST5_CBC_PAD                            0x00000325UL
#define CKM_RC5_KEY_GEN                              0x00000330UL
#define CKM_RC5_ECB                                  0x00000331UL
#define CKM_RC5_CBC                                  0x00000332UL
#define CKM_RC5_MAC                                  0x00000333UL
#define CKM_RC5_MAC_GENERAL                          0x00000334UL
#define CKM_RC5_CBC_PAD                              0x00000335UL
#define CKM_IDEA_KEY_GEN                             0x00000340UL
#define CKM_IDEA_ECB                                 0x00000341UL
#define CKM_IDEA_CBC                                 0x00000342UL
#define CKM_IDEA_MAC                                 0x00000343UL
#define CKM_IDEA_MAC_GENERAL                         0x00000344UL
#define CKM_IDEA_CBC_PAD                             0x00000345UL

// ---- Mechanisms: secret keys, key derivation, TLS, passwords ----
#define CKM_GENERIC_SECRET_KEY_GEN                   0x00000350UL
#define CKM_CONCATENATE_BASE_AND_KEY                 0x00000360UL
#define CKM_CONCATENATE_BASE_AND_DATA                0x00000362UL
#define CKM_CONCATENATE_DATA_AND_BASE                0x00000363UL
#define CKM_XOR_BASE_AND_DATA                        0x00000364UL
#define CKM_EXTRACT_KEY_FROM_KEY                     0x00000365UL
#define CKM_SSL3_PRE_MASTER_KEY_GEN                  0x00000370UL
#define CKM_SSL3_MASTER_KEY_DERIVE                   0x00000371UL
#define CKM_SSL3_KEY_AND_MAC_DERIVE                  0x00000372UL
#define CKM_SSL3_MASTER_KEY_DERIVE_DH                0x00000373UL
#define CKM_TLS_PRE_MASTER_KEY_GEN                   0x00000374UL
#define CKM_TLS_MASTER_KEY_DERIVE                    0x00000375UL
#define CKM_TLS_KEY_AND_MAC_DERIVE                   0x00000376UL
#define CKM_TLS_MASTER_KEY_DERIVE_DH                 0x00000377UL
#define CKM_TLS_PRF                                  0x00000378UL
#define CKM_SSL3_MD5_MAC                             0x00000380UL
#define CKM_SSL3_SHA1_MAC                            0x00000381UL
#define CKM_MD5_KEY_DERIVATION                       0x00000390UL
#define CKM_MD2_KEY_DERIVATION                       0x00000391UL
#define CKM_SHA1_KEY_DERIVATION                      0x00000392UL
#define CKM_SHA256_KEY_DERIVATION                    0x00000393UL
#define CKM_SHA384_KEY_DERIVATION                    0x00000394UL
#define CKM_SHA512_KEY_DERIVATION                    0x00000395UL
#define CKM_SHA224_KEY_DERIVATION                    0x00000396UL
#define CKM_SHA3_256_KEY_DERIVATION                  0x00000397UL
#define CKM_SHA3_224_KEY_DERIVATION                  0x00000398UL
#define CKM_SHA3_384_KEY_DERIVATION                  0x00000399UL
#define CKM_SHA3_512_KEY_DERIVATION                  0x0000039aUL
#define CKM_SHAKE_128_KEY_DERIVATION                 0x0000039bUL
#define CKM_SHAKE_256_KEY_DERIVATION                 0x0000039cUL
#define CKM_SHA3_256_KEY_DERIVE                      0x00000397UL
#define CKM_SHA3_224_KEY_DERIVE                      0x00000398UL
#define CKM_SHA3_384_KEY_DERIVE                      0x00000399UL
#define CKM_SHA3_512_KEY_DERIVE                      0x0000039aUL
#define CKM_SHAKE_128_KEY_DERIVE                     0x0000039bUL
#define CKM_SHAKE_256_KEY_DERIVE                     0x0000039cUL
#define CKM_PBE_MD2_DES_CBC                          0x000003a0UL
#define CKM_PBE_MD5_DES_CBC                          0x000003a1UL
#define CKM_PBE_MD5_CAST_CBC                         0x000003a2UL
#define CKM_PBE_MD5_CAST3_CBC                        0x000003a3UL
#define CKM_PBE_MD5_CAST128_CBC                      0x000003a4UL
#define CKM_PBE_SHA1_CAST128_CBC                     0x000003a5UL
#define CKM_PBE_SHA1_RC4_128                         0x000003a6UL
#define CKM_PBE_SHA1_RC4_40                          0x000003a7UL
#define CKM_PBE_SHA1_DES3_EDE_CBC                    0x000003a8UL
#define CKM_PBE_SHA1_DES2_EDE_CBC                    0x000003a9UL
#define CKM_PBE_SHA1_RC2_128_CBC                     0x000003aaUL
#define CKM_PBE_SHA1_RC2_40_CBC                      0x000003abUL
#define CKM_SP800_108_COUNTER_KDF                    0x000003acUL
#define CKM_SP800_108_FEEDBACK_KDF                   0x000003adUL
#define CKM_SP800_108_DOUBLE_PIPELINE_KDF            0x000003aeUL
#define CKM_PBE_MD5_CAST5_CBC                        0x000003a4UL
#define CKM_PBE_SHA1_CAST5_CBC                       0x000003a5UL
#define CKM_PKCS5_PBKD2                              0x000003b0UL
#define CKM_PBA_SHA1_WITH_SHA1_HMAC                  0x000003c0UL
#define CKM_WTLS_PRE_MASTER_KEY_GEN                  0x000003d0UL
#define CKM_WTLS_MASTER_KEY_DERIVE                   0x000003d1UL
#define CKM_WTLS_MASTER_KEY_DERIVE_DH_ECC            0x000003d2UL
#define CKM_WTLS_PRF                                 0x000003d3UL
#define CKM_WTLS_SERVER_KEY_AND_MAC_DERIVE           0x000003d4UL
#define CKM_WTLS_CLIENT_KEY_AND_MAC_DERIVE           0x000003d5UL
#define CKM_TLS10_MAC_SERVER                         0x000003d6UL
#define CKM_TLS10_MAC_CLIENT                         0x000003d7UL
#define CKM_TLS12_MAC                                0x000003d8UL
#define CKM_TLS12_KDF                                0x000003d9UL
#define CKM_TLS12_MASTER_KEY_DERIVE                  0x000003e0UL
#define CKM_TLS12_KEY_AND_MAC_DERIVE                 0x000003e1UL
#define CKM_TLS12_MASTER_KEY_DERIVE_DH               0x000003e2UL
#define CKM_TLS12_KEY_SAFE_DERIVE                    0x000003e3UL
#define CKM_TLS_MAC                                  0x000003e4UL
#define CKM_TLS_KDF                                  0x000003e5UL
#define CKM_KEY_WRAP_LYNKS                           0x00000400UL
#define CKM_KEY_WRAP_SET_OAEP                        0x00000401UL
#define CKM_CMS_SIG                                  0x00000500UL
#define CKM_KIP_DERIVE                               0x00000510UL
#define CKM_KIP_WRAP                                 0x00000511UL
#define CKM_KIP_MAC                                  0x00000512UL

// ---- Mechanisms: Camellia, ARIA, SEED, Skipjack and others ----
#define CKM_CAMELLIA_KEY_GEN                         0x00000550UL
#define CKM_CAMELLIA_ECB                             0x00000551UL
#define CKM_CAMELLIA_CBC                             0x00000552UL
#define CKM_CAMELLIA_MAC                             0x00000553UL
#define CKM_CAMELLIA_MAC_GENERAL                     0x00000554UL
#define CKM_CAMELLIA_CBC_PAD                         0x00000555UL
#define CKM_CAMELLIA_ECB_ENCRYPT_DATA                0x00000556UL
#define CKM_CAMELLIA_CBC_ENCRYPT_DATA                0x00000557UL
#define CKM_CAMELLIA_CTR                             0x00000558UL
#define CKM_ARIA_KEY_GEN                             0x00000560UL
#define CKM_ARIA_ECB                                 0x00000561UL
#define CKM_ARIA_CBC                                 0x00000562UL
#define CKM_ARIA_MAC                                 0x00000563UL
#define CKM_ARIA_MAC_GENERAL                         0x00000564UL
#define CKM_ARIA_CBC_PAD                             0x00000565UL
#define CKM_ARIA_ECB_ENCRYPT_DATA                    0x00000566UL
#define CKM_ARIA_CBC_ENCRYPT_DATA                    0x00000567UL
#define CKM_SEED_KEY_GEN                             0x00000650UL
#define CKM_SEED_ECB                                 0x00000651UL
#define CKM_SEED_CBC                                 0x00000652UL
#define CKM_SEED_MAC                                 0x00000653UL
#define CKM_SEED_MAC_GENERAL                         0x00000654UL
#define CKM_SEED_CBC_PAD                             0x00000655UL
#define CKM_SEED_ECB_ENCRYPT_DATA                    0x00000656UL
#define CKM_SEED_CBC_ENCRYPT_DATA                    0x00000657UL
#define CKM_SKIPJACK_KEY_GEN                         0x00001000UL
#define CKM_SKIPJACK_ECB64                           0x00001001UL
#define CKM_SKIPJACK_CBC64                           0x00001002UL
#define CKM_SKIPJACK_OFB64                           0x00001003UL
#define CKM_SKIPJACK_CFB64                           0x00001004UL
#define CKM_SKIPJACK_CFB32                           0x00001005UL
#define CKM_SKIPJACK_CFB16                           0x00001006UL
#define CKM_SKIPJACK_CFB8                            0x00001007UL
#define CKM_SKIPJACK_WRAP                            0x00001008UL
#define CKM_SKIPJACK_PRIVATE_WRAP                    0x00001009UL
#define CKM_SKIPJACK_RELAYX                          0x0000100aUL
#define CKM_KEA_KEY_PAIR_GEN                         0x00001010UL
#define CKM_KEA_KEY_DERIVE                           0x00001011UL
#define CKM_KEA_DERIVE                               0x00001012UL
#define CKM_FORTEZZA_TIMESTAMP                       0x00001020UL
#define CKM_BATON_KEY_GEN                            0x00001030UL
#define CKM_BATON_ECB128                             0x00001031UL
#define CKM_BATON_ECB96                              0x00001032UL
#define CKM_BATON_CBC128                             0x00001033UL
#define CKM_BATON_COUNTER                            0x00001034UL
#define CKM_BATON_SHUFFLE                            0x00001035UL
#define CKM_BATON_WRAP                               0x00001036UL
#define CKM_JUNIPER_KEY_GEN                          0x00001060UL
#define CKM_JUNIPER_ECB128                           0x00001061UL
#define CKM_JUNIPER_CBC128                           0x00001062UL
#define CKM_JUNIPER_COUNTER                          0x00001063UL
#define CKM_JUNIPER_SHUFFLE                          0x00001064UL
#define CKM_JUNIPER_WRAP                             0x00001065UL
#define CKM_FASTHASH                                 0x00001070UL

// ---- Mechanisms: elliptic curves ----
#define CKM_EC_KEY_PAIR_GEN                          0x00001040UL
#define CKM_ECDSA                                    0x00001041UL
#define CKM_ECDSA_SHA1                               0x00001042UL
#define CKM_ECDSA_SHA224                             0x00001043UL
#define CKM_ECDSA_SHA256                             0x00001044UL
#define CKM_ECDSA_SHA384                             0x00001045UL
#define CKM_ECDSA_SHA512                             0x00001046UL
#define CKM_ECDSA_SHA3_224                           0x00001047UL
#define CKM_ECDSA_SHA3_256                           0x00001048UL
#define CKM_ECDSA_SHA3_384                           0x00001049UL
#define CKM_ECDSA_SHA3_512                           0x0000104aUL
#define CKM_ECDSA_KEY_PAIR_GEN                       0x00001040UL
#define CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS             0x0000140bUL
#define CKM_ECDH1_DERIVE                             0x00001050UL
#define CKM_ECDH1_COFACTOR_DERIVE                    0x00001051UL
#define CKM_ECMQV_DERIVE                             0x00001052UL
#define CKM_ECDH_AES_KEY_WRAP                        0x00001053UL
#define CKM_RSA_AES_KEY_WRAP                         0x00001054UL
#define CKM_EC_EDWARDS_KEY_PAIR_GEN                  0x00001055UL
#define CKM_EC_MONTGOMERY_KEY_PAIR_GEN               0x00001056UL
#define CKM_EDDSA                                    0x00001057UL

// ---- Mechanisms: AES, Blowfish, Twofish ----
#define CKM_AES_XTS                                  0x00001071UL
#define CKM_AES_XTS_KEY_GEN                          0x00001072UL
#define CKM_AES_KEY_GEN                              0x00001080UL
#define CKM_AES_ECB                                  0x00001081UL
#define CKM_AES_CBC                                  0x00001082UL
#define CKM_AES_MAC                                  0x00001083UL
#define CKM_AES_MAC_GENERAL                          0x00001084UL
#define CKM_AES_CBC_PAD                              0x00001085UL
#define CKM_AES_CTR                                  0x00001086UL
#define CKM_AES_GCM                                  0x00001087UL
#define CKM_AES_CCM                                  0x00001088UL
#define CKM_AES_CTS                                  0x00001089UL
#define CKM_AES_CMAC                                 0x0000108aUL
#define CKM_AES_CMAC_GENERAL                         0x0000108bUL
#define CKM_AES_XCBC_MAC                             0x0000108cUL
#define CKM_AES_XCBC_MAC_96                          0x0000108dUL
#define CKM_AES_GMAC                                 0x0000108eUL
#define CKM_BLOWFISH_KEY_GEN                         0x00001090UL
#define CKM_BLOWFISH_CBC                             0x00001091UL
#define CKM_TWOFISH_KEY_GEN                          0x00001092UL
#define CKM_TWOFISH_CBC                              0x00001093UL
#define CKM_BLOWFISH_CBC_PAD                         0x00001094UL
#define CKM_TWOFISH_CBC_PAD                          0x00001095UL
#define CKM_DES_ECB_ENCRYPT_DATA                     0x00001100UL
#define CKM_DES_CBC_ENCRYPT_DATA                     0x00001101UL
#define CKM_DES3_ECB_ENCRYPT_DATA                    0x00001102UL
#define CKM_DES3_CBC_ENCRYPT_DATA                    0x00001103UL
#define CKM_AES_ECB_ENCRYPT_DATA                     0x00001104UL
#define CKM_AES_CBC_ENCRYPT_DATA                     0x00001105UL
#define CKM_AES_OFB                                  0x00002104UL
#define CKM_AES_CFB64                                0x00002105UL
#define CKM_AES_CFB8                                 0x00002106UL
#define CKM_AES_CFB128                               0x00002107UL
#define CKM_AES_CFB1                                 0x00002108UL
#define CKM_AES_KEY_WRAP                             0x00002109UL
#define CKM_AES_KEY_WRAP_PAD                         0x0000210aUL
#define CKM_AES_KEY_WRAP_KWP                         0x0000210bUL
#define CKM_AES_KEY_WRAP_PKCS7                       0x0000210cUL

// ---- Mechanisms: GOST, ChaCha20, Poly1305, domain parameters ----
#define CKM_GOSTR3410_KEY_PAIR_GEN                   0x00001200UL
#define CKM_GOSTR3410                                0x00001201UL
#define CKM_GOSTR3410_WITH_GOSTR3411                 0x00001202UL
#define CKM_GOSTR3410_KEY_WRAP                       0x00001203UL
#define CKM_GOSTR3410_DERIVE                         0x00001204UL
#define CKM_GOSTR3411                                0x00001210UL
#define CKM_GOSTR3411_HMAC                           0x00001211UL
#define CKM_GOST28147_KEY_GEN                        0x00001220UL
#define CKM_GOST28147_ECB                            0x00001221UL
#define CKM_GOST28147                                0x00001222UL
#define CKM_GOST28147_MAC                            0x00001223UL
#define CKM_GOST28147_KEY_WRAP                       0x00001224UL
#define CKM_CHACHA20_KEY_GEN                         0x00001225UL
#define CKM_CHACHA20                                 0x00001226UL
#define CKM_POLY1305_KEY_GEN                         0x00001227UL
#define CKM_POLY1305                                 0x00001228UL
#define CKM_DSA_PARAMETER_GEN                        0x00002000UL
#define CKM_DH_PKCS_PARAMETER_GEN                    0x00002001UL
#define CKM_X9_42_DH_PARAMETER_GEN                   0x00002002UL
#define CKM_DSA_PROBABILISTIC_PARAMETER_GEN          0x00002003UL
#define CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN           0x00002004UL
#define CKM_DSA_FIPS_G_GEN                           0x00002005UL
#define CKM_DSA_PROBABLISTIC_PARAMETER_GEN           0x00002003UL

// ---- Mechanisms: from 0x4000 on ----
#define CKM_RSA_PKCS_TPM_1_1                         0x00004001UL
#define CKM_RSA_PKCS_OAEP_TPM_1_1                    0x00004002UL
#define CKM_SHA_1_KEY_GEN                            0x00004003UL
#define CKM_SHA224_KEY_GEN                           0x00004004UL
#define CKM_SHA256_KEY_GEN                           0x00004005UL
#define CKM_SHA384_KEY_GEN                           0x00004006UL
#define CKM_SHA512_KEY_GEN                           0x00004007UL
#define CKM_SHA512_224_KEY_GEN                       0x00004008UL
#define CKM_SHA512_256_KEY_GEN                       0x00004009UL
#define CKM_SHA512_T_KEY_GEN                         0x0000400aUL
#define CKM_NULL                                     0x0000400bUL
#define CKM_BLAKE2B_160                              0x0000400cUL
#define CKM_BLAKE2B_160_HMAC                         0x0000400dUL
#define CKM_BLAKE2B_160_HMAC_GENERAL                 0x0000400eUL
#define CKM_BLAKE2B_160_KEY_DERIVE                   0x0000400fUL
#define CKM_BLAKE2B_160_KEY_GEN                      0x00004010UL
#define CKM_BLAKE2B_256                              0x00004011UL
#define CKM_BLAKE2B_256_HMAC                         0x00004012UL
#define CKM_BLAKE2B_256_HMAC_GENERAL                 0x00004013UL
#define CKM_BLAKE2B_256_KEY_DERIVE                   0x00004014UL
#define CKM_BLAKE2B_256_KEY_GEN                      0x00004015UL
#define CKM_BLAKE2B_384                              0x00004016UL
#define CKM_BLAKE2B_384_HMAC                         0x00004017UL
#define CKM_BLAKE2B_384_HMAC_GENERAL                 0x00004018UL
#define CKM_BLAKE2B_384_KEY_DERIVE                   0x00004019UL
#define CKM_BLAKE2B_384_KEY_GEN                      0x0000401aUL
#define CKM_BLAKE2B_512                              0x0000401bUL
#define CKM_BLAKE2B_512_HMAC                         0x0000401cUL
#define CKM_BLAKE2B_512_HMAC_GENERAL                 0x0000401dUL
#define CKM_BLAKE2B_512_KEY_DERIVE                   0x0000401eUL
#define CKM_BLAKE2B_512_KEY_GEN                      0x0000401fUL
#define CKM_SALSA20                                  0x00004020UL
#define CKM_CHACHA20_POLY1305                        0x00004021UL
#define CKM_SALSA20_POLY1305                         0x00004022UL
#define CKM_X3DH_INITIALIZE                          0x00004023UL
#define CKM_X3DH_RESPOND                             0x00004024UL
#define CKM_X2RATCHET_INITIALIZE                     0x00004025UL
#define CKM_X2RATCHET_RESPOND                        0x00004026UL
#define CKM_X2RATCHET_ENCRYPT                        0x00004027UL
#define CKM_X2RATCHET_DECRYPT                        0x00004028UL
#define CKM_XEDDSA                                   0x00004029UL
#define CKM_HKDF_DERIVE                              0x0000402aUL
#define CKM_HKDF_DATA                                0x0000402bUL
#define CKM_HKDF_KEY_GEN                             0x0000402cUL
#define CKM_SALSA20_KEY_GEN                          0x0000402dUL
#define CKM_IKE2_PRF_PLUS_DERIVE                     0x0000402eUL
#define CKM_IKE_PRF_DERIVE                           0x0000402fUL
#define CKM_IKE1_PRF_DERIVE                          0x00004030UL
#define CKM_IKE1_EXTENDED_DERIVE                     0x00004031UL
#define CKM_HSS_KEY_PAIR_GEN                         0x00004032UL
#define CKM_HSS                                      0x00004033UL
#define CKM_XMSS_KEY_PAIR_GEN                        0x00004034UL
#define CKM_XMSSMT_KEY_PAIR_GEN                      0x00004035UL
#define CKM_XMSS                                     0x00004036UL
#define CKM_XMSSMT                                   0x00004037UL
#define CKM_ECDH_X_AES_KEY_WRAP                      0x00004038UL
#define CKM_ECDH_COF_AES_KEY_WRAP                    0x00004039UL
#define CKM_PUB_KEY_FROM_PRIV_KEY                    0x0000403aUL
#define CKM_VENDOR_DEFINED                           0x80000000UL

// ---- Mask generation functions (PKCS #1) ----
#define CKG_MGF1_SHA1                                0x00000001UL
#define CKG_MGF1_SHA256                              0x00000002UL
#define CKG_MGF1_SHA384                              0x00000003UL
#define CKG_MGF1_SHA512                              0x00000004UL
#define CKG_MGF1_SHA224                              0x00000005UL
#define CKG_MGF1_SHA3_224                            0x00000006UL
#define CKG_MGF1_SHA3_256                            0x00000007UL
#define CKG_MGF1_SHA3_384                            0x00000008UL
#define CKG_MGF1_SHA3_512                            0x00000009UL

// ---- Generators of a nonce or IV ----
#define CKG_NO_GENERATE                              0x00000000UL
#define CKG_GENERATE                                 0x00000001UL
#define CKG_GENERATE_COUNTER                         0x00000002UL
#define CKG_GENERATE_RANDOM                          0x00000003UL
#define CKG_GENERATE_COUNTER_XOR                     0x00000004UL

// ---- Sources of an OAEP label and of a PBKDF2 salt ----
#define CKZ_DATA_SPECIFIED                           0x00000001UL
#define CKZ_SALT_SPECIFIED                           0x00000001UL

// ---- Key derivation functions (ECDH, X9.42) ----
#define CKD_NULL                                     0x00000001UL
#define CKD_SHA1_KDF                                 0x00000002UL
#define CKD_SHA1_KDF_ASN1                            0x00000003UL
#define CKD_SHA1_KDF_CONCATENATE                     0x00000004UL
#define CKD_SHA224_KDF                               0x00000005UL
#define CKD_SHA256_KDF                               0x00000006UL
#define CKD_SHA384_KDF                               0x00000007UL
#define CKD_SHA512_KDF                               0x00000008UL
#define CKD_CPDIVERSIFY_KDF                          0x00000009UL
#define CKD_SHA3_224_KDF                             0x0000000aUL
#define CKD_SHA3_256_KDF                             0x0000000bUL
#define CKD_SHA3_384_KDF                             0x0000000cUL
#define CKD_SHA3_512_KDF                             0x0000000dUL
#define CKD_SHA1_KDF_SP800                           0x0000000eUL
#define CKD_SHA224_KDF_SP800                         0x0000000fUL
#define CKD_SHA256_KDF_SP800                         0x00000010UL
#define CKD_SHA384_KDF_SP800                         0x00000011UL
#define CKD_SHA512_KDF_SP800                         0x00000012UL
#define CKD_SHA3_224_KDF_SP800                       0x00000013UL
#define CKD_SHA3_256_KDF_SP800                       0x00000014UL
#define CKD_SHA3_384_KDF_SP800                       0x00000015UL
#define CKD_SHA3_512_KDF_SP800                       0x00000016UL
#define CKD_BLAKE2B_160_KDF                          0x00000017UL
#define CKD_BLAKE2B_256_KDF                          0x00000018UL
#define CKD_BLAKE2B_384_KDF                          0x00000019UL
#define CKD_BLAKE2B_512_KDF                          0x0000001aUL

// ---- HKDF salts ----
#define CKF_HKDF_SALT_NULL                           0x00000001UL
#define CKF_HKDF_SALT_DATA                           0x00000002UL
#define CKF_HKDF_SALT_KEY                            0x00000004UL

// ---- PBKDF2 functions ----
#define CKP_PKCS5_PBKD2_HMAC_SHA1                    0x00000001UL
#define CKP_PKCS5_PBKD2_HMAC_GOSTR3411               0x00000002UL
#define CKP_PKCS5_PBKD2_HMAC_SHA224                  0x00000003UL
#define CKP_PKCS5_PBKD2_HMAC_SHA256                  0x00000004UL
#define CKP_PKCS5_PBKD2_HMAC_SHA384                  0x00000005UL
#define CKP_PKCS5_PBKD2_HMAC_SHA512                  0x00000006UL
#define CKP_PKCS5_PBKD2_HMAC_SHA512_224              0x00000007UL
#define CKP_PKCS5_PBKD2_HMAC_SHA512_256              0x00000008UL

// ---- SP 800-108 key derivation ----
#define CK_SP800_108_ITERATION_VARIABLE              0x00000001UL
#define CK_SP800_108_OPTIONAL_COUNTER                0x00000002UL
#define CK_SP800_108_DKM_LENGTH                      0x00000003UL
#define CK_SP800_108_BYTE_ARRAY                      0x00000004UL
#define CK_SP800_108_KEY_HANDLE                      0x00000005UL
#define CK_SP800_108_COUNTER                         0x00000002UL
#define CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS          0x00000001UL
#define CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS      0x00000002UL

// ---- Hedged signatures (ML-DSA, SLH-DSA) ----
#define CKH_HEDGE_PREFERRED                          0x00000000UL
#define CKH_HEDGE_REQUIRED                           0x00000001UL
#define CKH_DETERMINISTIC_REQUIRED                   0x00000002UL

// ---- One-time passwords ----
#define CK_OTP_VALUE                                 0x00000000UL
#define CK_OTP_PIN                                   0x00000001UL
#define CK_OTP_CHALLENGE                             0x00000002UL
#define CK_OTP_TIME                                  0x00000003UL
#define CK_OTP_COUNTER                               0x00000004UL
#define CK_OTP_FLAGS                                 0x00000005UL
#define CK_OTP_OUTPUT_LENGTH                         0x00000006UL
#define CK_OTP_OUTPUT_FORMAT                         0x00000007UL
#define CK_OTP_FORMAT_DECIMAL                        0x00000000UL
#define CK_OTP_FORMAT_HEXADECIMAL                    0x00000001UL
#define CK_OTP_FORMAT_ALPHANUMERIC                   0x00000002UL
#define CK_OTP_FORMAT_BINARY                         0x00000003UL
#define CK_OTP_PARAM_IGNORED                         0x00000000UL
#define CK_OTP_PARAM_OPTIONAL                        0x00000001UL
#define CK_OTP_PARAM_MANDATORY                       0x00000002UL

#define CKF_NEXT_OTP                                 0x00000001UL
#define CKF_EXCLUDE_TIME                             0x00000002UL
#define CKF_EXCLUDE_COUNTER                          0x00000004UL
#define CKF_EXCLUDE_CHALLENGE                        0x00000008UL
#define CKF_EXCLUDE_PIN                              0x00000010UL
#define CKF_USER_FRIENDLY_OTP                        0x00000020UL

// ---- Flags of a slot (CK_SLOT_INFO) ----
#define CKF_TOKEN_PRESENT                            0x00000001UL
#define CKF_REMOVABLE_DEVICE                         0x00000002UL
#define CKF_HW_SLOT                                  0x00000004UL

// ---- Flags of a token (CK_TOKEN_INFO) ----
#define CKF_RNG                                      0x00000001UL
#define CKF_WRITE_PROTECTED                          0x00000002UL
#define CKF_LOGIN_REQUIRED                           0x00000004UL
#define CKF_USER_PIN_INITIALIZED                     0x00000008UL
#define CKF_RESTORE_KEY_NOT_NEEDED                   0x00000020UL
#define CKF_CLOCK_ON_TOKEN                           0x00000040UL
#define CKF_PROTECTED_AUTHENTICATION_PATH            0x00000100UL
#define CKF_DUAL_CRYPTO_OPERATIONS                   0x00000200UL
#define CKF_TOKEN_INITIALIZED                        0x00000400UL
#define CKF_SECONDARY_AUTHENTICATION                 0x00000800UL
#define CKF_USER_PIN_COUNT_LOW                       0x00010000UL
#define CKF_USER_PIN_FINAL_TRY                       0x00020000UL
#define CKF_USER_PIN_LOCKED                          0x00040000UL
#define CKF_USER_PIN_TO_BE_CHANGED                   0x00080000UL
#define CKF_SO_PIN_COUNT_LOW                         0x00100000UL
#define CKF_SO_PIN_FINAL_TRY                         0x00200000UL
#define CKF_SO_PIN_LOCKED                            0x00400000UL
#define CKF_SO_PIN_TO_BE_CHANGED                     0x00800000UL
#define CKF_ERROR_STATE                              0x01000000UL
#define CKF_SEED_RANDOM_REQUIRED                     0x02000000UL
#define CKF_ASYNC_SESSION_SUPPORTED                  0x04000000UL

// ---- Flags of a mechanism (CK_MECHANISM_INFO) ----
#define CKF_HW                                       0x00000001UL
#define CKF_MESSAGE_ENCRYPT                          0x00000002UL
#define CKF_MESSAGE_DECRYPT                          0x00000004UL
#define CKF_MESSAGE_SIGN                             0x00000008UL
#define CKF_MESSAGE_VERIFY                           0x00000010UL
#define CKF_MULTI_MESSAGE                            0x00000020UL
#define CKF_MULTI_MESSGE                             0x00000020UL
#define CKF_FIND_OBJECTS                             0x00000040UL
#define CKF_ENCRYPT                                  0x00000100UL
#define CKF_DECRYPT                                  0x00000200UL
#define CKF_DIGEST                                   0x00000400UL
#define CKF_SIGN                                     0x00000800UL
#define CKF_SIGN_RECOVER                             0x00001000UL
#define CKF_VERIFY                                   0x00002000UL
#define CKF_VERIFY_RECOVER                           0x00004000UL
#define CKF_GENERATE                                 0x00008000UL
#define CKF_GENERATE_KEY_PAIR                        0x00010000UL
#define CKF_WRAP                                     0x00020000UL
#define CKF_UNWRAP                                   0x00040000UL
#define CKF_DERIVE                                   0x00080000UL
#define CKF_EC_F_P                                   0x00100000UL
#define CKF_EC_F_2M                                  0x00200000UL
#define CKF_EC_ECPARAMETERS                          0x00400000UL
#define CKF_EC_OID                                   0x00800000UL
#define CKF_EC_NAMEDCURVE                            0x00800000UL
#define CKF_EC_UNCOMPRESS                            0x01000000UL
#define CKF_EC_COMPRESS                              0x02000000UL
#define CKF_EC_CURVENAME                             0x04000000UL
#define CKF_ENCAPSULATE                              0x10000000UL
#define CKF_DECAPSULATE                              0x20000000UL
#define CKF_EXTENSION                                0x80000000UL

// ---- Flags of other structures and functions ----
#define CKF_LIBRARY_CANT_CREATE_OS_THREADS           0x00000001UL
#define CKF_OS_LOCKING_OK                            0x00000002UL
#define CKF_RW_SESSION                               0x00000002UL
#define CKF_SERIAL_SESSION                           0x00000004UL
#define CKF_ASYNC_SESSION                            0x00000008UL
#define CKF_DONT_BLOCK                               0x00000001UL
#define CKF_END_OF_MESSAGE                           0x00000001UL
#define CKF_INTERFACE_FORK_SAFE                      0x00000001UL

// ---- Users, session states, notifications ----
#define CKU_SO                                       0x00000000UL
#define CKU_USER                                     0x00000001UL
#define CKU_CONTEXT_SPECIFIC                         0x00000002UL

#define CKS_RO_PUBLIC_SESSION                        0x00000000UL
#define CKS_RO_USER_FUNCTIONS                        0x00000001UL
#define CKS_RW_PUBLIC_SESSION                        0x00000002UL
#define CKS_RW_USER_FUNCTIONS                        0x00000003UL
#define CKS_RW_SO_FUNCTIONS                          0x00000004UL

#define CKN_SURRENDER                                0x00000000UL
#define CKN_OTP_CHANGED                              0x00000001UL

// ---- What functions return (5.1) ----
#define CKR_OK                                       0x00000000UL
#define CKR_CANCEL                                   0x00000001UL
#define CKR_HOST_MEMORY                              0x00000002UL
#define CKR_SLOT_ID_INVALID                          0x00000003UL
#define CKR_GENERAL_ERROR                            0x00000005UL
#define CKR_FUNCTION_FAILED                          0x00000006UL
#define CKR_ARGUMENTS_BAD                            0x00000007UL
#define CKR_NO_EVENT                                 0x00000008UL
#define CKR_NEED_TO_CREATE_THREADS                   0x00000009UL
#define CKR_CANT_LOCK                                0x0000000aUL
#define CKR_ATTRIBUTE_READ_ONLY                      0x00000010UL
#define CKR_ATTRIBUTE_SENSITIVE                      0x00000011UL
#define CKR_ATTRIBUTE_TYPE_INVALID                   0x00000012UL
#define CKR_ATTRIBUTE_VALUE_INVALID                  0x00000013UL
#define CKR_ACTION_PROHIBITED                        0x0000001bUL
#define CKR_DATA_INVALID                             0x00000020UL
#define CKR_DATA_LEN_RANGE                           0x00000021UL
#define CKR_DEVICE_ERROR                             0x00000030UL
#define CKR_DEVICE_MEMORY                            0x00000031UL
#define CKR_DEVICE_REMOVED                           0x00000032UL
#define CKR_ENCRYPTED_DATA_INVALID                   0x00000040UL
#define CKR_ENCRYPTED_DATA_LEN_RANGE                 0x00000041UL
#define CKR_AEAD_DECRYPT_FAILED                      0x00000042UL
#define CKR_FUNCTION_CANCELED                        0x00000050UL
#define CKR_FUNCTION_NOT_PARALLEL                    0x00000051UL
#define CKR_FUNCTION_NOT_SUPPORTED                   0x00000054UL
#define CKR_KEY_HANDLE_INVALID                       0x00000060UL
#define CKR_KEY_SIZE_RANGE                           0x00000062UL
#define CKR_KEY_TYPE_INCONSISTENT                    0x00000063UL
#define CKR_KEY_NOT_NEEDED                           0x00000064UL
#define CKR_KEY_CHANGED                              0x00000065UL
#define CKR_KEY_NEEDED                               0x00000066UL
#define CKR_KEY_INDIGESTIBLE                         0x00000067UL
#define CKR_KEY_FUNCTION_NOT_PERMITTED               0x00000068UL
#define CKR_KEY_NOT_WRAPPABLE                        0x00000069UL
#define CKR_KEY_UNEXTRACTABLE                        0x0000006aUL
#define CKR_MECHANISM_INVALID                        0x00000070UL
#define CKR_MECHANISM_PARAM_INVALID                  0x00000071UL
#define CKR_OBJECT_HANDLE_INVALID                    0x00000082UL
#define CKR_OPERATION_ACTIVE                         0x00000090UL
#define CKR_OPERATION_NOT_INITIALIZED                0x00000091UL
#define CKR_PIN_INCORRECT                            0x000000a0UL
#define CKR_PIN_INVALID                              0x000000a1UL
#define CKR_PIN_LEN_RANGE                            0x000000a2UL
#define CKR_PIN_EXPIRED                              0x000000a3UL
#define CKR_PIN_LOCKED                               0x000000a4UL
#define CKR_SESSION_CLOSED                           0x000000b0UL
#define CKR_SESSION_COUNT                            0x000000b1UL
#define CKR_SESSION_HANDLE_INVALID                   0x000000b3UL
#define CKR_SESSION_PARALLEL_NOT_SUPPORTED           0x000000b4UL
#define CKR_SESSION_READ_ONLY                        0x000000b5UL
#define CKR_SESSION_EXISTS                           0x000000b6UL
#define CKR_SESSION_READ_ONLY_EXISTS                 0x000000b7UL
#define CKR_SESSION_READ_WRITE_SO_EXISTS             0x000000b8UL
#define CKR_SIGNATURE_INVALID                        0x000000c0UL
#define CKR_SIGNATURE_LEN_RANGE                      0x000000c1UL
#define CKR_TEMPLATE_INCOMPLETE                      0x000000d0UL
#define CKR_TEMPLATE_INCONSISTENT                    0x000000d1UL
#define CKR_TOKEN_NOT_PRESENT                        0x000000e0UL
#define CKR_TOKEN_NOT_RECOGNIZED                     0x000000e1UL
#define CKR_TOKEN_WRITE_PROTECTED                    0x000000e2UL
#define CKR_UNWRAPPING_KEY_HANDLE_INVALID            0x000000f0UL
#define CKR_UNWRAPPING_KEY_SIZE_RANGE                0x000000f1UL
#define CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT         0x000000f2UL
#define CKR_USER_ALREADY_LOGGED_IN                   0x00000100UL
#define CKR_USER_NOT_LOGGED_IN                       0x00000101UL
#define CKR_USER_PIN_NOT_INITIALIZED                 0x00000102UL
#define CKR_USER_TYPE_INVALID                        0x00000103UL
#define CKR_USER_ANOTHER_ALREADY_LOGGED_IN           0x00000104UL
#define CKR_USER_TOO_MANY_TYPES                      0x00000105UL
#define CKR_WRAPPED_KEY_INVALID                      0x00000110UL
#define CKR_WRAPPED_KEY_LEN_RANGE                    0x00000112UL
#define CKR_WRAPPING_KEY_HANDLE_INVALID              0x00000113UL
#define CKR_WRAPPING_KEY_SIZE_RANGE                  0x00000114UL
#define CKR_WRAPPING_KEY_TYPE_INCONSISTENT           0x00000115UL
#define CKR_RANDOM_SEED_NOT_SUPPORTED                0x00000120UL
#define CKR_RANDOM_NO_RNG                            0x00000121UL
#define CKR_DOMAIN_PARAMS_INVALID                    0x00000130UL
#define CKR_CURVE_NOT_SUPPORTED                      0x00000140UL
#define CKR_BUFFER_TOO_SMALL                         0x00000150UL
#define CKR_SAVED_STATE_INVALID                      0x00000160UL
#define CKR_INFORMATION_SENSITIVE                    0x00000170UL
#define CKR_STATE_UNSAVEABLE                         0x00000180UL
#define CKR_CRYPTOKI_NOT_INITIALIZED                 0x00000190UL
#define CKR_CRYPTOKI_ALREADY_INITIALIZED             0x00000191UL
#define CKR_MUTEX_BAD                                0x000001a0UL
#define CKR_MUTEX_NOT_LOCKED                         0x000001a1UL
#define CKR_NEW_PIN_MODE                             0x000001b0UL
#define CKR_NEXT_OTP                                 0x000001b1UL
#define CKR_EXCEEDED_MAX_ITERATIONS                  0x000001b5UL
#define CKR_FIPS_SELF_TEST_FAILED                    0x000001b6UL
#define CKR_LIBRARY_LOAD_FAILED                      0x000001b7UL
#define CKR_PIN_TOO_WEAK                             0x000001b8UL
#define CKR_PUBLIC_KEY_INVALID                       0x000001b9UL
#define CKR_FUNCTION_REJECTED                        0x00000200UL
#define CKR_TOKEN_RESOURCE_EXCEEDED                  0x00000201UL
#define CKR_OPERATION_CANCEL_FAILED                  0x00000202UL
#define CKR_KEY_EXHAUSTED                            0x00000203UL
#define CKR_PENDING                                  0x00000204UL
#define CKR_SESSION_ASYNC_NOT_SUPPORTED              0x00000205UL
#define CKR_SEED_RANDOM_REQUIRED                     0x00000206UL
#define CKR_OPERATION_NOT_VALIDATED                  0x00000207UL
#define CKR_TOKEN_NOT_INITIALIZED                    0x00000208UL
#define CKR_PARAMETER_SET_NOT_SUPPORTED              0x00000209UL
#define CKR_VENDOR_DEFINED                           0x80000000UL

// ---- Callbacks (clause 5) ----
typedef CK_RV (*CK_NOTIFY)(CK_SESSION_HANDLE session, CK_NOTIFICATION event,
                           CK_VOID_PTR application);
typedef CK_RV (*CK_CREATEMUTEX)(CK_VOID_PTR_PTR mutex);
typedef CK_RV (*CK_DESTROYMUTEX)(CK_VOID_PTR mutex);
typedef CK_RV (*CK_LOCKMUTEX)(CK_VOID_PTR mutex);
typedef CK_RV (*CK_UNLOCKMUTEX)(CK_VOID_PTR mutex);

// ---- The structures of functions (clause 3) ----
typedef struct CK_VERSION {
    CK_BYTE major;
    CK_BYTE minor;
} CK_VERSION, *CK_VERSION_PTR;

typedef struct CK_INFO {
    CK_VERSION  cryptokiVersion;
    CK_UTF8CHAR manufacturerID[32];
    CK_FLAGS    flags;
    CK_UTF8CHAR libraryDescription[32];
    CK_VERSION  libraryVersion;
} CK_INFO, *CK_INFO_PTR;

typedef struct CK_SLOT_INFO {
    CK_UTF8CHAR slotDescription[64];
    CK_UTF8CHAR manufacturerID[32];
    CK_FLAGS    flags;
    CK_VERSION  hardwareVersion;
    CK_VERSION  firmwareVersion;
} CK_SLOT_INFO, *CK_SLOT_INFO_PTR;

typedef struct CK_TOKEN_INFO {
    CK_UTF8CHAR label[32];
    CK_UTF8CHAR manufacturerID[32];
    CK_UTF8CHAR model[16];
    CK_CHAR     serialNumber[16];
    CK_FLAGS    flags;
    CK_ULONG    ulMaxSessionCount;
    CK_ULONG    ulSessionCount;
    CK_ULONG    ulMaxRwSessionCount;
    CK_ULONG    ulRwSessionCount;
    CK_ULONG    ulMaxPinLen;
    CK_ULONG    ulMinPinLen;
    CK_ULONG    ulTotalPublicMemory;
    CK_ULONG    ulFreePublicMemory;
    CK_ULONG    ulTotalPrivateMemory;
    CK_ULONG    ulFreePrivateMemory;
    CK_VERSION  hardwareVersion;
    CK_VERSION  firmwareVersion;
    CK_CHAR     utcTime[16];
} CK_TOKEN_INFO, *CK_TOKEN_INFO_PTR;

typedef struct CK_SESSION_INFO {
    CK_SLOT_ID slotID;
    CK_STATE   state;
    CK_FLAGS   flags;
    CK_ULONG   ulDeviceError;
} CK_SESSION_INFO, *CK_SESSION_INFO_PTR;

typedef struct CK_ATTRIBUTE {
    CK_ATTRIBUTE_TYPE type;
    CK_VOID_PTR       pValue;
    CK_ULONG          ulValueLen;
} CK_ATTRIBUTE, *CK_ATTRIBUTE_PTR;

typedef struct CK_DATE {
    CK_CHAR year[4];
    CK_CHAR month[2];
    CK_CHAR day[2];
} CK_DATE, *CK_DATE_PTR;

typedef struct CK_MECHANISM {
    CK_MECHANISM_TYPE mechanism;
    CK_VOID_PTR       pParameter;
    CK_ULONG          ulParameterLen;
} CK_MECHANISM, *CK_MECHANISM_PTR;

typedef struct CK_MECHANISM_INFO {
    CK_ULONG ulMinKeySize;
    CK_ULONG ulMaxKeySize;
    CK_FLAGS flags;
} CK_MECHANISM_INFO, *CK_MECHANISM_INFO_PTR;

typedef struct CK_C_INITIALIZE_ARGS {
    CK_CREATEMUTEX  CreateMutex;
    CK_DESTROYMUTEX DestroyMutex;
    CK_LOCKMUTEX    LockMutex;
    CK_UNLOCKMUTEX  UnlockMutex;
    CK_FLAGS        flags;
    CK_VOID_PTR     pReserved;
} CK_C_INITIALIZE_ARGS, *CK_C_INITIALIZE_ARGS_PTR;

typedef struct CK_INTERFACE {
    CK_UTF8CHAR_PTR pInterfaceName;
    CK_VOID_PTR     pFunctionList;
    CK_FLAGS        flags;
} CK_INTERFACE, *CK_INTERFACE_PTR, **CK_INTERFACE_PTR_PTR;

typedef struct CK_ASYNC_DATA {
    CK_ULONG         ulVersion;
    CK_BYTE_PTR      pValue;
    CK_ULONG         ulValue;
    CK_OBJECT_HANDLE hObject;
    CK_OBJECT_HANDLE hAdditionalObject;
} CK_ASYNC_DATA, *CK_ASYNC_DATA_PTR;

// ---- Mechanism parameters: what cards do (clause 6) ----
typedef struct CK_RSA_PKCS_OAEP_PARAMS {
    CK_MECHANISM_TYPE            hashAlg;
    CK_RSA_PKCS_MGF_TYPE         mgf;
    CK_RSA_PKCS_OAEP_SOURCE_TYPE source;
    CK_VOID_PTR                  pSourceData;
    CK_ULONG                     ulSourceDataLen;
} CK_RSA_PKCS_OAEP_PARAMS, *CK_RSA_PKCS_OAEP_PARAMS_PTR;

typedef struct CK_RSA_PKCS_PSS_PARAMS {
    CK_MECHANISM_TYPE    hashAlg;
    CK_RSA_PKCS_MGF_TYPE mgf;
    CK_ULONG             sLen;
} CK_RSA_PKCS_PSS_PARAMS, *CK_RSA_PKCS_PSS_PARAMS_PTR;

typedef struct CK_ECDH1_DERIVE_PARAMS {
    CK_EC_KDF_TYPE kdf;
    CK_ULONG       ulSharedDataLen;
    CK_BYTE_PTR    pSharedData;
    CK_ULONG       ulPublicDataLen;
    CK_BYTE_PTR    pPublicData;
} CK_ECDH1_DERIVE_PARAMS, *CK_ECDH1_DERIVE_PARAMS_PTR;

typedef struct CK_ECDH2_DERIVE_PARAMS {
    CK_EC_KDF_TYPE   kdf;
    CK_ULONG         ulSharedDataLen;
    CK_BYTE_PTR      pSharedData;
    CK_ULONG         ulPublicDataLen;
    CK_BYTE_PTR      pPublicData;
    CK_ULONG         ulPrivateDataLen;
    CK_OBJECT_HANDLE hPrivateData;
    CK_ULONG         ulPublicDataLen2;
    CK_BYTE_PTR      pPublicData2;
} CK_ECDH2_DERIVE_PARAMS, *CK_ECDH2_DERIVE_PARAMS_PTR;

typedef struct CK_ECMQV_DERIVE_PARAMS {
    CK_EC_KDF_TYPE   kdf;
    CK_ULONG         ulSharedDataLen;
    CK_BYTE_PTR      pSharedData;
    CK_ULONG         ulPublicDataLen;
    CK_BYTE_PTR      pPublicData;
    CK_ULONG         ulPrivateDataLen;
    CK_OBJECT_HANDLE hPrivateData;
    CK_ULONG         ulPublicDataLen2;
    CK_BYTE_PTR      pPublicData2;
    CK_OBJECT_HANDLE publicKey;
} CK_ECMQV_DERIVE_PARAMS, *CK_ECMQV_DERIVE_PARAMS_PTR;

typedef struct CK_EDDSA_PARAMS {
    CK_BBOOL    phFlag;
    CK_ULONG    ulContextDataLen;
    CK_BYTE_PTR pContextData;
} CK_EDDSA_PARAMS, *CK_EDDSA_PARAMS_PTR;

typedef struct CK_XEDDSA_PARAMS {
    CK_XEDDSA_HASH_TYPE hash;
} CK_XEDDSA_PARAMS, *CK_XEDDSA_PARAMS_PTR;

typedef struct CK_SIGN_ADDITIONAL_CONTEXT {
    CK_HEDGE_TYPE hedgeVariant;
    CK_BYTE_PTR   pContext;
    CK_ULONG      ulContextLen;
} CK_SIGN_ADDITIONAL_CONTEXT, *CK_SIGN_ADDITIONAL_CONTEXT_PTR;

typedef struct CK_HASH_SIGN_ADDITIONAL_CONTEXT {
    CK_HEDGE_TYPE     hedgeVariant;
    CK_BYTE_PTR       pContext;
    CK_ULONG          ulContextLen;
    CK_MECHANISM_TYPE hash;
} CK_HASH_SIGN_ADDITIONAL_CONTEXT, *CK_HASH_SIGN_ADDITIONAL_CONTEXT_PTR;

typedef struct CK_KEY_DERIVATION_STRING_DATA {
    CK_BYTE_PTR pData;
    CK_ULONG    ulLen;
} CK_KEY_DERIVATION_STRING_DATA, *CK_KEY_DERIVATION_STRING_DATA_PTR;

typedef struct CK_AES_CTR_PARAMS {
    CK_ULONG ulCounterBits;
    CK_BYTE  cb[16];
} CK_AES_CTR_PARAMS, *CK_AES_CTR_PARAMS_PTR;

typedef struct CK_AES_CBC_ENCRYPT_DATA_PARAMS {
    CK_BYTE     iv[16];
    CK_BYTE_PTR pData;
    CK_ULONG    length;
} CK_AES_CBC_ENCRYPT_DATA_PARAMS, *CK_AES_CBC_ENCRYPT_DATA_PARAMS_PTR;

typedef struct CK_DES_CBC_ENCRYPT_DATA_PARAMS {
    CK_BYTE     iv[8];
    CK_BYTE_PTR pData;
    CK_ULONG    length;
} CK_DES_CBC_ENCRYPT_DATA_PARAMS, *CK_DES_CBC_ENCRYPT_DATA_PARAMS_PTR;

typedef struct CK_GCM_PARAMS {
    CK_BYTE_PTR pIv;
    CK_ULONG    ulIvLen;
    CK_ULONG    ulIvBits;
    CK_BYTE_PTR pAAD;
    CK_ULONG    ulAADLen;
    CK_ULONG    ulTagBits;
} CK_GCM_PARAMS, *CK_GCM_PARAMS_PTR;

typedef struct CK_CCM_PARAMS {
    CK_ULONG    ulDataLen;
    CK_BYTE_PTR pNonce;
    CK_ULONG    ulNonceLen;
    CK_BYTE_PTR pAAD;
    CK_ULONG    ulAADLen;
    CK_ULONG    ulMACLen;
} CK_CCM_PARAMS, *CK_CCM_PARAMS_PTR;

typedef struct CK_AES_GCM_PARAMS {
    CK_BYTE_PTR pIv;
    CK_ULONG    ulIvLen;
    CK_ULONG    ulIvBits;
    CK_BYTE_PTR pAAD;
    CK_ULONG    ulAADLen;
    CK_ULONG    ulTagBits;
} CK_AES_GCM_PARAMS, *CK_AES_GCM_PARAMS_PTR;

typedef struct CK_AES_CCM_PARAMS {
    CK_ULONG    ulDataLen;
    CK_BYTE_PTR pNonce;
    CK_ULONG    ulNonceLen;
    CK_BYTE_PTR pAAD;
    CK_ULONG    ulAADLen;
    CK_ULONG    ulMACLen;
} CK_AES_CCM_PARAMS, *CK_AES_CCM_PARAMS_PTR;

typedef struct CK_HKDF_PARAMS {
    CK_BBOOL          bExtract;
    CK_BBOOL          bExpand;
    CK_MECHANISM_TYPE prfHashMechanism;
    CK_ULONG          ulSaltType;
    CK_BYTE_PTR       pSalt;
    CK_ULONG          ulSaltLen;
    CK_OBJECT_HANDLE  hSaltKey;
    CK_BYTE_PTR       pInfo;
    CK_ULONG          ulInfoLen;
} CK_HKDF_PARAMS, *CK_HKDF_PARAMS_PTR;

// ---- Mechanism parameters of message-based functions and authenticated wrapping ----
typedef struct CK_GCM_MESSAGE_PARAMS {
    CK_BYTE_PTR           pIv;
    CK_ULONG              ulIvLen;
    CK_ULONG              ulIvFixedBits;
    CK_GENERATOR_FUNCTION ivGenerator;
    CK_BYTE_PTR           pTag;
    CK_ULONG              ulTagBits;
} CK_GCM_MESSAGE_PARAMS, *CK_GCM_MESSAGE_PARAMS_PTR;

typedef struct CK_GCM_WRAP_PARAMS {
    CK_BYTE_PTR           pIv;
    CK_ULONG              ulIvLen;
    CK_ULONG              ulIvFixedBits;
    CK_GENERATOR_FUNCTION ivGenerator;
    CK_BYTE_PTR           pAAD;
    CK_ULONG              ulAADLen;
    CK_ULONG              ulTagBits;
} CK_GCM_WRAP_PARAMS, *CK_GCM_WRAP_PARAMS_PTR;

typedef struct CK_CCM_MESSAGE_PARAMS {
    CK_ULONG              ulDataLen;
    CK_BYTE_PTR           pNonce;
    CK_ULONG              ulNonceLen;
    CK_ULONG              ulNonceFixedBits;
    CK_GENERATOR_FUNCTION nonceGenerator;
    CK_BYTE_PTR           pMAC;
    CK_ULONG              ulMACLen;
} CK_CCM_MESSAGE_PARAMS, *CK_CCM_MESSAGE_PARAMS_PTR;

typedef struct CK_CCM_WRAP_PARAMS {
    CK_ULONG              ulDataLen;
    CK_BYTE_PTR           pNonce;
    CK_ULONG              ulNonceLen;
    CK_ULONG              ulNonceFixedBits;
    CK_GENERATOR_FUNCTION nonceGenerator;
    CK_BYTE_PTR           pAAD;
    CK_ULONG              ulAADLen;
    CK_ULONG              ulMACLen;
} CK_CCM_WRAP_PARAMS, *CK_CCM_WRAP_PARAMS_PTR;

typedef struct CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS {
    CK_BYTE_PTR pNonce;
    CK_ULONG    ulNonceLen;
    CK_BYTE_PTR pTag;
} CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS, *CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS_PTR;

typedef struct CK_SALSA20_CHACHA20_POLY1305_PARAMS {
    CK_BYTE_PTR pNonce;
    CK_ULONG    ulNonceLen;
    CK_BYTE_PTR pAAD;
    CK_ULONG    ulAADLen;
} CK_SALSA20_CHACHA20_POLY1305_PARAMS, *CK_SALSA20_CHACHA20_POLY1305_PARAMS_PTR;

typedef struct CK_CHACHA20_PARAMS {
    CK_BYTE_PTR pBlockCounter;
    CK_ULONG    blockCounterBits;
    CK_BYTE_PTR pNonce;
    CK_ULONG    ulNonceBits;
} CK_CHACHA20_PARAMS, *CK_CHACHA20_PARAMS_PTR;

typedef struct CK_SALSA20_PARAMS {
    CK_BYTE_PTR pBlockCounter;
    CK_BYTE_PTR pNonce;
    CK_ULONG    ulNonceBits;
} CK_SALSA20_PARAMS, *CK_SALSA20_PARAMS_PTR;

// ---- Mechanism parameters: wrapping, derivation, passwords ----
typedef struct CK_ECDH_AES_KEY_WRAP_PARAMS {
    CK_ULONG       ulAESKeyBits;
    CK_EC_KDF_TYPE kdf;
    CK_ULONG       ulSharedDataLen;
    CK_BYTE_PTR    pSharedData;
} CK_ECDH_AES_KEY_WRAP_PARAMS, *CK_ECDH_AES_KEY_WRAP_PARAMS_PTR;

typedef struct CK_RSA_AES_KEY_WRAP_PARAMS {
    CK_ULONG                    ulAESKeyBits;
    CK_RSA_PKCS_OAEP_PARAMS_PTR pOAEPParams;
} CK_RSA_AES_KEY_WRAP_PARAMS, *CK_RSA_AES_KEY_WRAP_PARAMS_PTR;

typedef struct CK_KEY_WRAP_SET_OAEP_PARAMS {
    CK_BYTE     bBC;
    CK_BYTE_PTR pX;
    CK_ULONG    ulXLen;
} CK_KEY_WRAP_SET_OAEP_PARAMS, *CK_KEY_WRAP_SET_OAEP_PARAMS_PTR;

typedef struct CK_DSA_PARAMETER_GEN_PARAM {
    CK_MECHANISM_TYPE hash;
    CK_BYTE_PTR       pSeed;
    CK_ULONG          ulSeedLen;
    CK_ULONG          ulIndex;
} CK_DSA_PARAMETER_GEN_PARAM, *CK_DSA_PARAMETER_GEN_PARAM_PTR;

typedef struct CK_X9_42_DH1_DERIVE_PARAMS {
    CK_X9_42_DH_KDF_TYPE kdf;
    CK_ULONG             ulOtherInfoLen;
    CK_BYTE_PTR          pOtherInfo;
    CK_ULONG             ulPublicDataLen;
    CK_BYTE_PTR          pPublicData;
} CK_X9_42_DH1_DERIVE_PARAMS, *CK_X9_42_DH1_DERIVE_PARAMS_PTR;

typedef struct CK_X9_42_DH2_DERIVE_PARAMS {
    CK_X9_42_DH_KDF_TYPE kdf;
    CK_ULONG             ulOtherInfoLen;
    CK_BYTE_PTR          pOtherInfo;
    CK_ULONG             ulPublicDataLen;
    CK_BYTE_PTR          pPublicData;
    CK_ULONG             ulPrivateDataLen;
    CK_OBJECT_HANDLE     hPrivateData;
    CK_ULONG             ulPublicDataLen2;
    CK_BYTE_PTR          pPublicData2;
} CK_X9_42_DH2_DERIVE_PARAMS, *CK_X9_42_DH2_DERIVE_PARAMS_PTR;

typedef struct CK_X9_42_MQV_DERIVE_PARAMS {
    CK_X9_42_DH_KDF_TYPE kdf;
    CK_ULONG             ulOtherInfoLen;
    CK_BYTE_PTR          pOtherInfo;
    CK_ULONG             ulPublicDataLen;
    CK_BYTE_PTR          pPublicData;
    CK_ULONG             ulPrivateDataLen;
    CK_OBJECT_HANDLE     hPrivateData;
    CK_ULONG             ulPublicDataLen2;
    CK_BYTE_PTR          pPublicData2;
    CK_OBJECT_HANDLE     publicKey;
} CK_X9_42_MQV_DERIVE_PARAMS, *CK_X9_42_MQV_DERIVE_PARAMS_PTR;

typedef struct CK_PBE_PARAMS {
    CK_BYTE_PTR     pInitVector;
    CK_UTF8CHAR_PTR pPassword;
    CK_ULONG        ulPasswordLen;
    CK_BYTE_PTR     pSalt;
    CK_ULONG        ulSaltLen;
    CK_ULONG        ulIteration;
} CK_PBE_PARAMS, *CK_PBE_PARAMS_PTR;

typedef struct CK_PKCS5_PBKD2_PARAMS {
    CK_PKCS5_PBKDF2_SALT_SOURCE_TYPE           saltSource;
    CK_VOID_PTR                                pSaltSourceData;
    CK_ULONG                                   ulSaltSourceDataLen;
    CK_ULONG                                   iterations;
    CK_PKCS5_PBKD2_PSEUDO_RANDOM_FUNCTION_TYPE prf;
    CK_VOID_PTR                                pPrfData;
    CK_ULONG                                   ulPrfDataLen;
    CK_UTF8CHAR_PTR                            pPassword;
    CK_ULONG_PTR                               ulPasswordLen;
} CK_PKCS5_PBKD2_PARAMS, *CK_PKCS5_PBKD2_PARAMS_PTR;

typedef struct CK_PKCS5_PBKD2_PARAMS2 {
    CK_PKCS5_PBKDF2_SALT_SOURCE_TYPE           saltSource;
    CK_VOID_PTR                                pSaltSourceData;
    CK_ULONG                                   ulSaltSourceDataLen;
    CK_ULONG                                   iterations;
    CK_PKCS5_PBKD2_PSEUDO_RANDOM_FUNCTION_TYPE prf;
    CK_VOID_PTR                                pPrfData;
    CK_ULONG                                   ulPrfDataLen;
    CK_UTF8CHAR_PTR                            pPassword;
    CK_ULONG                                   ulPasswordLen;
} CK_PKCS5_PBKD2_PARAMS2, *CK_PKCS5_PBKD2_PARAMS2_PTR;

typedef struct CK_PRF_DATA_PARAM {
    CK_PRF_DATA_TYPE type;
    CK_VOID_PTR      pValue;
    CK_ULONG         ulValueLen;
} CK_PRF_DATA_PARAM, *CK_PRF_DATA_PARAM_PTR;

typedef struct CK_SP800_108_COUNTER_FORMAT {
    CK_BBOOL bLittleEndian;
    CK_ULONG ulWidthInBits;
} CK_SP800_108_COUNTER_FORMAT, *CK_SP800_108_COUNTER_FORMAT_PTR;

typedef struct CK_SP800_108_DKM_LENGTH_FORMAT {
    CK_SP800_108_DKM_LENGTH_METHOD dkmLengthMethod;
    CK_BBOOL                       bLittleEndian;
    CK_ULONG                       ulWidthInBits;
} CK_SP800_108_DKM_LENGTH_FORMAT, *CK_SP800_108_DKM_LENGTH_FORMAT_PTR;

typedef struct CK_DERIVED_KEY {
    CK_ATTRIBUTE_PTR     pTemplate;
    CK_ULONG             ulAttributeCount;
    CK_OBJECT_HANDLE_PTR phKey;
} CK_DERIVED_KEY, *CK_DERIVED_KEY_PTR;

typedef struct CK_SP800_108_KDF_PARAMS {
    CK_SP800_108_PRF_TYPE prfType;
    CK_ULONG              ulNumberOfDataParams;
    CK_PRF_DATA_PARAM_PTR pDataParams;
    CK_ULONG              ulAdditionalDerivedKeys;
    CK_DERIVED_KEY_PTR    pAdditionalDerivedKeys;
} CK_SP800_108_KDF_PARAMS, *CK_SP800_108_KDF_PARAMS_PTR;

typedef struct CK_SP800_108_FEEDBACK_KDF_PARAMS {
    CK_SP800_108_PRF_TYPE prfType;
    CK_ULONG              ulNumberOfDataParams;
    CK_PRF_DATA_PARAM_PTR pDataParams;
    CK_ULONG              ulIVLen;
    CK_BYTE_PTR           pIV;
    CK_ULONG              ulAdditionalDerivedKeys;
    CK_DERIVED_KEY_PTR    pAdditionalDerivedKeys;
} CK_SP800_108_FEEDBACK_KDF_PARAMS, *CK_SP800_108_FEEDBACK_KDF_PARAMS_PTR;

typedef struct CK_IKE2_PRF_PLUS_DERIVE_PARAMS {
    CK_MECHANISM_TYPE prfMechanism;
    CK_BBOOL          bHasSeedKey;
    CK_OBJECT_HANDLE  hSeedKey;
    CK_BYTE_PTR       pSeedData;
    CK_ULONG          ulSeedDataLen;
} CK_IKE2_PRF_PLUS_DERIVE_PARAMS, *CK_IKE2_PRF_PLUS_DERIVE_PARAMS_PTR;

typedef struct CK_IKE_PRF_DERIVE_PARAMS {
    CK_MECHANISM_TYPE prfMechanism;
    CK_BBOOL          bDataAsKey;
    CK_BBOOL          bRekey;
    CK_BYTE_PTR       pNi;
    CK_ULONG          ulNiLen;
    CK_BYTE_PTR       pNr;
    CK_ULONG          ulNrLen;
    CK_OBJECT_HANDLE  hNewKey;
} CK_IKE_PRF_DERIVE_PARAMS, *CK_IKE_PRF_DERIVE_PARAMS_PTR;

typedef struct CK_IKE1_PRF_DERIVE_PARAMS {
    CK_MECHANISM_TYPE prfMechanism;
    CK_BBOOL          bHasPrevKey;
    CK_OBJECT_HANDLE  hKeygxy;
    CK_OBJECT_HANDLE  hPrevKey;
    CK_BYTE_PTR       pCKYi;
    CK_ULONG          ulCKYiLen;
    CK_BYTE_PTR       pCKYr;
    CK_ULONG          ulCKYrLen;
    CK_BYTE           keyNumber;
} CK_IKE1_PRF_DERIVE_PARAMS, *CK_IKE1_PRF_DERIVE_PARAMS_PTR;

typedef struct CK_IKE1_EXTENDED_DERIVE_PARAMS {
    CK_MECHANISM_TYPE prfMechanism;
    CK_BBOOL          bHasKeygxy;
    CK_OBJECT_HANDLE  hKeygxy;
    CK_BYTE_PTR       pExtraData;
    CK_ULONG          ulExtraDataLen;
} CK_IKE1_EXTENDED_DERIVE_PARAMS, *CK_IKE1_EXTENDED_DERIVE_PARAMS_PTR;

typedef struct CK_X3DH_INITIATE_PARAMS {
    CK_X3DH_KDF_TYPE kdf;
    CK_OBJECT_HANDLE pPeer_identity;
    CK_OBJECT_HANDLE pPeer_prekey;
    CK_BYTE_PTR      pPrekey_signature;
    CK_BYTE_PTR      pOnetime_key;
    CK_OBJECT_HANDLE pOwn_identity;
    CK_OBJECT_HANDLE pOwn_ephemeral;
} CK_X3DH_INITIATE_PARAMS, *CK_X3DH_INITIATE_PARAMS_PTR;

typedef struct CK_X3DH_RESPOND_PARAMS {
    CK_X3DH_KDF_TYPE kdf;
    CK_BYTE_PTR      pIdentity_id;
    CK_BYTE_PTR      pPrekey_id;
    CK_BYTE_PTR      pOnetime_id;
    CK_OBJECT_HANDLE pInitiator_identity;
    CK_BYTE_PTR      pInitiator_ephemeral;
} CK_X3DH_RESPOND_PARAMS, *CK_X3DH_RESPOND_PARAMS_PTR;

typedef struct CK_X2RATCHET_INITIALIZE_PARAMS {
    CK_BYTE_PTR           sk;
    CK_OBJECT_HANDLE      peer_public_prekey;
    CK_OBJECT_HANDLE      peer_public_identity;
    CK_OBJECT_HANDLE      own_public_identity;
    CK_BBOOL              bEncryptedHeader;
    CK_ULONG              eCurve;
    CK_MECHANISM_TYPE     aeadMechanism;
    CK_X2RATCHET_KDF_TYPE kdfMechanism;
} CK_X2RATCHET_INITIALIZE_PARAMS, *CK_X2RATCHET_INITIALIZE_PARAMS_PTR;

typedef struct CK_X2RATCHET_RESPOND_PARAMS {
    CK_BYTE_PTR           sk;
    CK_OBJECT_HANDLE      own_prekey;
    CK_OBJECT_HANDLE      initiator_identity;
    CK_OBJECT_HANDLE      own_public_identity;
    CK_BBOOL              bEncryptedHeader;
    CK_ULONG              eCurve;
    CK_MECHANISM_TYPE     aeadMechanism;
    CK_X2RATCHET_KDF_TYPE kdfMechanism;
} CK_X2RATCHET_RESPOND_PARAMS, *CK_X2RATCHET_RESPOND_PARAMS_PTR;

typedef struct CK_KIP_PARAMS {
    CK_MECHANISM_PTR pMechanism;
    CK_OBJECT_HANDLE hKey;
    CK_BYTE_PTR      pSeed;
    CK_ULONG         ulSeedLen;
} CK_KIP_PARAMS, *CK_KIP_PARAMS_PTR;

typedef struct CK_CMS_SIG_PARAMS {
    CK_OBJECT_HANDLE certificateHandle;
    CK_MECHANISM_PTR pSigningMechanism;
    CK_MECHANISM_PTR pDigestMechanism;
    CK_UTF8CHAR_PTR  pContentType;
    CK_BYTE_PTR      pRequestedAttributes;
    CK_ULONG         ulRequestedAttributesLen;
    CK_BYTE_PTR      pRequiredAttributes;
    CK_ULONG         ulRequiredAttributesLen;
} CK_CMS_SIG_PARAMS, *CK_CMS_SIG_PARAMS_PTR;

typedef struct CK_OTP_PARAM {
    CK_OTP_PARAM_TYPE type;
    CK_VOID_PTR       pValue;
    CK_ULONG          ulValueLen;
} CK_OTP_PARAM, *CK_OTP_PARAM_PTR;

typedef struct CK_OTP_PARAMS {
    CK_OTP_PARAM_PTR pParams;
    CK_ULONG         ulCount;
} CK_OTP_PARAMS, *CK_OTP_PARAMS_PTR;

typedef struct CK_OTP_SIGNATURE_INFO {
    CK_OTP_PARAM_PTR pParams;
    CK_ULONG         ulCount;
} CK_OTP_SIGNATURE_INFO, *CK_OTP_SIGNATURE_INFO_PTR;

// ---- Mechanism parameters: TLS ----
typedef struct CK_SSL3_RANDOM_DATA {
    CK_BYTE_PTR pClientRandom;
    CK_ULONG    ulClientRandomLen;
    CK_BYTE_PTR pServerRandom;
    CK_ULONG    ulServerRandomLen;
} CK_SSL3_RANDOM_DATA, *CK_SSL3_RANDOM_DATA_PTR;

typedef struct CK_SSL3_MASTER_KEY_DERIVE_PARAMS {
    CK_SSL3_RANDOM_DATA RandomInfo;
    CK_VERSION_PTR      pVersion;
} CK_SSL3_MASTER_KEY_DERIVE_PARAMS, *CK_SSL3_MASTER_KEY_DERIVE_PARAMS_PTR;

typedef struct CK_SSL3_KEY_MAT_OUT {
    CK_OBJECT_HANDLE hClientMacSecret;
    CK_OBJECT_HANDLE hServerMacSecret;
    CK_OBJECT_HANDLE hClientKey;
    CK_OBJECT_HANDLE hServerKey;
    CK_BYTE_PTR      pIVClient;
    CK_BYTE_PTR      pIVServer;
} CK_SSL3_KEY_MAT_OUT, *CK_SSL3_KEY_MAT_OUT_PTR;

typedef struct CK_SSL3_KEY_MAT_PARAMS {
    CK_ULONG                ulMacSizeInBits;
    CK_ULONG                ulKeySizeInBits;
    CK_ULONG                ulIVSizeInBits;
    CK_BBOOL                bIsExport;
    CK_SSL3_RANDOM_DATA     RandomInfo;
    CK_SSL3_KEY_MAT_OUT_PTR pReturnedKeyMaterial;
} CK_SSL3_KEY_MAT_PARAMS, *CK_SSL3_KEY_MAT_PARAMS_PTR;

typedef struct CK_TLS_PRF_PARAMS {
    CK_BYTE_PTR  pSeed;
    CK_ULONG     ulSeedLen;
    CK_BYTE_PTR  pLabel;
    CK_ULONG     ulLabelLen;
    CK_BYTE_PTR  pOutput;
    CK_ULONG_PTR pulOutputLen;
} CK_TLS_PRF_PARAMS, *CK_TLS_PRF_PARAMS_PTR;

typedef struct CK_TLS_MAC_PARAMS {
    CK_MECHANISM_TYPE prfHashMechanism;
    CK_ULONG          ulMacLength;
    CK_ULONG          ulServerOrClient;
} CK_TLS_MAC_PARAMS, *CK_TLS_MAC_PARAMS_PTR;

typedef struct CK_TLS_KDF_PARAMS {
    CK_MECHANISM_TYPE   prfMechanism;
    CK_BYTE_PTR         pLabel;
    CK_ULONG            ulLabelLength;
    CK_SSL3_RANDOM_DATA RandomInfo;
    CK_BYTE_PTR         pContextData;
    CK_ULONG            ulContextDataLength;
} CK_TLS_KDF_PARAMS, *CK_TLS_KDF_PARAMS_PTR;

typedef struct CK_TLS12_MASTER_KEY_DERIVE_PARAMS {
    CK_SSL3_RANDOM_DATA RandomInfo;
    CK_VERSION_PTR      pVersion;
    CK_MECHANISM_TYPE   prfHashMechanism;
} CK_TLS12_MASTER_KEY_DERIVE_PARAMS, *CK_TLS12_MASTER_KEY_DERIVE_PARAMS_PTR;

typedef struct CK_TLS12_KEY_MAT_PARAMS {
    CK_ULONG                ulMacSizeInBits;
    CK_ULONG                ulKeySizeInBits;
    CK_ULONG                ulIVSizeInBits;
    CK_BBOOL                bIsExport;
    CK_SSL3_RANDOM_DATA     RandomInfo;
    CK_SSL3_KEY_MAT_OUT_PTR pReturnedKeyMaterial;
    CK_MECHANISM_TYPE       prfHashMechanism;
} CK_TLS12_KEY_MAT_PARAMS, *CK_TLS12_KEY_MAT_PARAMS_PTR;

typedef struct CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS {
    CK_MECHANISM_TYPE prfHashMechanism;
    CK_BYTE_PTR       pSessionHash;
    CK_ULONG          ulSessionHashLen;
    CK_VERSION_PTR    pVersion;
} CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS, *CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS_PTR;

typedef struct CK_WTLS_RANDOM_DATA {
    CK_BYTE_PTR pClientRandom;
    CK_ULONG    ulClientRandomLen;
    CK_BYTE_PTR pServerRandom;
    CK_ULONG    ulServerRandomLen;
} CK_WTLS_RANDOM_DATA, *CK_WTLS_RANDOM_DATA_PTR;

typedef struct CK_WTLS_MASTER_KEY_DERIVE_PARAMS {
    CK_MECHANISM_TYPE   DigestMechanism;
    CK_WTLS_RANDOM_DATA RandomInfo;
    CK_BYTE_PTR         pVersion;
} CK_WTLS_MASTER_KEY_DERIVE_PARAMS, *CK_WTLS_MASTER_KEY_DERIVE_PARAMS_PTR;

typedef struct CK_WTLS_PRF_PARAMS {
    CK_MECHANISM_TYPE DigestMechanism;
    CK_BYTE_PTR       pSeed;
    CK_ULONG          ulSeedLen;
    CK_BYTE_PTR       pLabel;
    CK_ULONG          ulLabelLen;
    CK_BYTE_PTR       pOutput;
    CK_ULONG_PTR      pulOutputLen;
} CK_WTLS_PRF_PARAMS, *CK_WTLS_PRF_PARAMS_PTR;

typedef struct CK_WTLS_KEY_MAT_OUT {
    CK_OBJECT_HANDLE hMacSecret;
    CK_OBJECT_HANDLE hKey;
    CK_BYTE_PTR      pIV;
} CK_WTLS_KEY_MAT_OUT, *CK_WTLS_KEY_MAT_OUT_PTR;

typedef struct CK_WTLS_KEY_MAT_PARAMS {
    CK_MECHANISM_TYPE       DigestMechanism;
    CK_ULONG                ulMacSizeInBits;
    CK_ULONG                ulKeySizeInBits;
    CK_ULONG                ulIVSizeInBits;
    CK_ULONG                ulSequenceNumber;
    CK_BBOOL                bIsExport;
    CK_WTLS_RANDOM_DATA     RandomInfo;
    CK_WTLS_KEY_MAT_OUT_PTR pReturnedKeyMaterial;
} CK_WTLS_KEY_MAT_PARAMS, *CK_WTLS_KEY_MAT_PARAMS_PTR;

// ---- Mechanism parameters: other ciphers ----
typedef struct CK_ARIA_CBC_ENCRYPT_DATA_PARAMS {
    CK_BYTE     iv[16];
    CK_BYTE_PTR pData;
    CK_ULONG    length;
} CK_ARIA_CBC_ENCRYPT_DATA_PARAMS, *CK_ARIA_CBC_ENCRYPT_DATA_PARAMS_PTR;

typedef struct CK_CAMELLIA_CBC_ENCRYPT_DATA_PARAMS {
    CK_BYTE     iv[16];
    CK_BYTE_PTR pData;
    CK_ULONG    length;
} CK_CAMELLIA_CBC_ENCRYPT_DATA_PARAMS, *CK_CAMELLIA_CBC_ENCRYPT_DATA_PARAMS_PTR;

typedef struct CK_CAMELLIA_CTR_PARAMS {
    CK_ULONG ulCounterBits;
    CK_BYTE  cb[16];
} CK_CAMELLIA_CTR_PARAMS, *CK_CAMELLIA_CTR_PARAMS_PTR;

typedef struct CK_SEED_CBC_ENCRYPT_DATA_PARAMS {
    CK_BYTE     iv[16];
    CK_BYTE_PTR pData;
    CK_ULONG    length;
} CK_SEED_CBC_ENCRYPT_DATA_PARAMS, *CK_SEED_CBC_ENCRYPT_DATA_PARAMS_PTR;

typedef struct CK_GOSTR3410_DERIVE_PARAMS {
    CK_EC_KDF_TYPE kdf;
    CK_BYTE_PTR    pPublicData;
    CK_ULONG       ulPublicDataLen;
    CK_BYTE_PTR    pUKM;
    CK_ULONG       ulUKMLen;
} CK_GOSTR3410_DERIVE_PARAMS, *CK_GOSTR3410_DERIVE_PARAMS_PTR;

typedef struct CK_GOSTR3410_KEY_WRAP_PARAMS {
    CK_BYTE_PTR      pWrapOID;
    CK_ULONG         ulWrapOIDLen;
    CK_BYTE_PTR      pUKM;
    CK_ULONG         ulUKMLen;
    CK_OBJECT_HANDLE hKey;
} CK_GOSTR3410_KEY_WRAP_PARAMS, *CK_GOSTR3410_KEY_WRAP_PARAMS_PTR;

typedef struct CK_RC2_CBC_PARAMS {
    CK_ULONG ulEffectiveBits;
    CK_BYTE  iv[8];
} CK_RC2_CBC_PARAMS, *CK_RC2_CBC_PARAMS_PTR;

typedef struct CK_RC2_MAC_GENERAL_PARAMS {
    CK_ULONG ulEffectiveBits;
    CK_ULONG ulMacLength;
} CK_RC2_MAC_GENERAL_PARAMS, *CK_RC2_MAC_GENERAL_PARAMS_PTR;

typedef struct CK_RC5_PARAMS {
    CK_ULONG ulWordsize;
    CK_ULONG ulRounds;
} CK_RC5_PARAMS, *CK_RC5_PARAMS_PTR;

typedef struct CK_RC5_CBC_PARAMS {
    CK_ULONG    ulWordsize;
    CK_ULONG    ulRounds;
    CK_BYTE_PTR pIv;
    CK_ULONG    ulIvLen;
} CK_RC5_CBC_PARAMS, *CK_RC5_CBC_PARAMS_PTR;

typedef struct CK_RC5_MAC_GENERAL_PARAMS {
    CK_ULONG ulWordsize;
    CK_ULONG ulRounds;
    CK_ULONG ulMacLength;
} CK_RC5_MAC_GENERAL_PARAMS, *CK_RC5_MAC_GENERAL_PARAMS_PTR;

typedef struct CK_KEA_DERIVE_PARAMS {
    CK_BBOOL    isSender;
    CK_ULONG    ulRandomLen;
    CK_BYTE_PTR pRandomA;
    CK_BYTE_PTR pRandomB;
    CK_ULONG    ulPublicDataLen;
    CK_BYTE_PTR pPublicData;
} CK_KEA_DERIVE_PARAMS, *CK_KEA_DERIVE_PARAMS_PTR;

typedef struct CK_SKIPJACK_PRIVATE_WRAP_PARAMS {
    CK_ULONG    ulPasswordLen;
    CK_BYTE_PTR pPassword;
    CK_ULONG    ulPublicDataLen;
    CK_BYTE_PTR pPublicData;
    CK_ULONG    ulPAndGLen;
    CK_ULONG    ulQLen;
    CK_ULONG    ulRandomLen;
    CK_BYTE_PTR pRandomA;
    CK_BYTE_PTR pPrimeP;
    CK_BYTE_PTR pBaseG;
    CK_BYTE_PTR pSubprimeQ;
} CK_SKIPJACK_PRIVATE_WRAP_PARAMS, *CK_SKIPJACK_PRIVATE_WRAP_PARAMS_PTR;

typedef struct CK_SKIPJACK_RELAYX_PARAMS {
    CK_ULONG    ulOldWrappedXLen;
    CK_BYTE_PTR pOldWrappedX;
    CK_ULONG    ulOldPasswordLen;
    CK_BYTE_PTR pOldPassword;
    CK_ULONG    ulOldPublicDataLen;
    CK_BYTE_PTR pOldPublicData;
    CK_ULONG    ulOldRandomLen;
    CK_BYTE_PTR pOldRandomA;
    CK_ULONG    ulNewPasswordLen;
    CK_BYTE_PTR pNewPassword;
    CK_ULONG    ulNewPublicDataLen;
    CK_BYTE_PTR pNewPublicData;
    CK_ULONG    ulNewRandomLen;
    CK_BYTE_PTR pNewRandomA;
} CK_SKIPJACK_RELAYX_PARAMS, *CK_SKIPJACK_RELAYX_PARAMS_PTR;

// ---- Function lists (clause 3) ----
typedef struct CK_FUNCTION_LIST CK_FUNCTION_LIST, *CK_FUNCTION_LIST_PTR, **CK_FUNCTION_LIST_PTR_PTR;
typedef struct CK_FUNCTION_LIST_3_0 CK_FUNCTION_LIST_3_0, *CK_FUNCTION_LIST_3_0_PTR,
        **CK_FUNCTION_LIST_3_0_PTR_PTR;
typedef struct CK_FUNCTION_LIST_3_2 CK_FUNCTION_LIST_3_2, *CK_FUNCTION_LIST_3_2_PTR,
        **CK_FUNCTION_LIST_3_2_PTR_PTR;

// ---- Pointers to functions, and the lists of them ----
typedef CK_RV (*CK_C_Initialize)(CK_VOID_PTR);
typedef CK_RV (*CK_C_Finalize)(CK_VOID_PTR);
typedef CK_RV (*CK_C_GetInfo)(CK_INFO_PTR);
typedef CK_RV (*CK_C_GetFunctionList)(CK_FUNCTION_LIST_PTR_PTR);
typedef CK_RV (*CK_C_GetSlotList)(CK_BBOOL, CK_SLOT_ID_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_GetSlotInfo)(CK_SLOT_ID, CK_SLOT_INFO_PTR);
typedef CK_RV (*CK_C_GetTokenInfo)(CK_SLOT_ID, CK_TOKEN_INFO_PTR);
typedef CK_RV (*CK_C_GetMechanismList)(CK_SLOT_ID, CK_MECHANISM_TYPE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_GetMechanismInfo)(CK_SLOT_ID, CK_MECHANISM_TYPE, CK_MECHANISM_INFO_PTR);
typedef CK_RV (*CK_C_InitToken)(CK_SLOT_ID, CK_UTF8CHAR_PTR, CK_ULONG, CK_UTF8CHAR_PTR);
typedef CK_RV (*CK_C_InitPIN)(CK_SESSION_HANDLE, CK_UTF8CHAR_PTR, CK_ULONG);
typedef CK_RV (*CK_C_SetPIN)(CK_SESSION_HANDLE, CK_UTF8CHAR_PTR, CK_ULONG, CK_UTF8CHAR_PTR,
                             CK_ULONG);
typedef CK_RV (*CK_C_OpenSession)(CK_SLOT_ID, CK_FLAGS, CK_VOID_PTR, CK_NOTIFY,
                                CK_SESSION_HANDLE_PTR);
typedef CK_RV (*CK_C_CloseSession)(CK_SESSION_HANDLE);
typedef CK_RV (*CK_C_CloseAllSessions)(CK_SLOT_ID);
typedef CK_RV (*CK_C_GetSessionInfo)(CK_SESSION_HANDLE, CK_SESSION_INFO_PTR);
typedef CK_RV (*CK_C_GetOperationState)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_SetOperationState)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_OBJECT_HANDLE,
                                CK_OBJECT_HANDLE);
typedef CK_RV (*CK_C_Login)(CK_SESSION_HANDLE, CK_USER_TYPE, CK_UTF8CHAR_PTR, CK_ULONG);
typedef CK_RV (*CK_C_Logout)(CK_SESSION_HANDLE);
typedef CK_RV (*CK_C_CreateObject)(CK_SESSION_HANDLE, CK_ATTRIBUTE_PTR, CK_ULONG,
                                CK_OBJECT_HANDLE_PTR);
typedef CK_RV (*CK_C_CopyObject)(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE_PTR, CK_ULONG,
                                CK_OBJECT_HANDLE_PTR);
typedef CK_RV (*CK_C_DestroyObject)(CK_SESSION_HANDLE, CK_OBJECT_HANDLE);
typedef CK_RV (*CK_C_GetObjectSize)(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ULONG_PTR);
typedef CK_RV (*CK_C_GetAttributeValue)(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE_PTR,
                                CK_ULONG);
typedef CK_RV (*CK_C_SetAttributeValue)(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE_PTR,
                                CK_ULONG);
typedef CK_RV (*CK_C_FindObjectsInit)(CK_SESSION_HANDLE, CK_ATTRIBUTE_PTR, CK_ULONG);
typedef CK_RV (*CK_C_FindObjects)(CK_SESSION_HANDLE, CK_OBJECT_HANDLE_PTR, CK_ULONG, CK_ULONG_PTR);
typedef CK_RV (*CK_C_FindObjectsFinal)(CK_SESSION_HANDLE);
typedef CK_RV (*CK_C_EncryptInit)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
typedef CK_RV (*CK_C_Encrypt)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_EncryptUpdate)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG_PTR);
typedef CK_RV (*CK_C_EncryptFinal)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_DecryptInit)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
typedef CK_RV (*CK_C_Decrypt)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_DecryptUpdate)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG_PTR);
typedef CK_RV (*CK_C_DecryptFinal)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_DigestInit)(CK_SESSION_HANDLE, CK_MECHANISM_PTR);
typedef CK_RV (*CK_C_Digest)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_DigestUpdate)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG);
typedef CK_RV (*CK_C_DigestKey)(CK_SESSION_HANDLE, CK_OBJECT_HANDLE);
typedef CK_RV (*CK_C_DigestFinal)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_SignInit)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
typedef CK_RV (*CK_C_Sign)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_SignUpdate)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG);
typedef CK_RV (*CK_C_SignFinal)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_SignRecoverInit)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
typedef CK_RV (*CK_C_SignRecover)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG_PTR);
typedef CK_RV (*CK_C_VerifyInit)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
typedef CK_RV (*CK_C_Verify)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG);
typedef CK_RV (*CK_C_VerifyUpdate)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG);
typedef CK_RV (*CK_C_VerifyFinal)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG);
typedef CK_RV (*CK_C_VerifyRecoverInit)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
typedef CK_RV (*CK_C_VerifyRecover)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG_PTR);
typedef CK_RV (*CK_C_DigestEncryptUpdate)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG_PTR);
typedef CK_RV (*CK_C_DecryptDigestUpdate)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG_PTR);
typedef CK_RV (*CK_C_SignEncryptUpdate)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG_PTR);
typedef CK_RV (*CK_C_DecryptVerifyUpdate)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG_PTR);
typedef CK_RV (*CK_C_GenerateKey)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_ATTRIBUTE_PTR, CK_ULONG,
                                CK_OBJECT_HANDLE_PTR);
typedef CK_RV (*CK_C_GenerateKeyPair)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_ATTRIBUTE_PTR,
                                CK_ULONG, CK_ATTRIBUTE_PTR, CK_ULONG, CK_OBJECT_HANDLE_PTR,
                                CK_OBJECT_HANDLE_PTR);
typedef CK_RV (*CK_C_WrapKey)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE,
                              CK_OBJECT_HANDLE, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_UnwrapKey)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE, CK_BYTE_PTR,
                                CK_ULONG, CK_ATTRIBUTE_PTR, CK_ULONG, CK_OBJECT_HANDLE_PTR);
typedef CK_RV (*CK_C_DeriveKey)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE,
                                CK_ATTRIBUTE_PTR, CK_ULONG, CK_OBJECT_HANDLE_PTR);
typedef CK_RV (*CK_C_SeedRandom)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG);
typedef CK_RV (*CK_C_GenerateRandom)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG);
typedef CK_RV (*CK_C_GetFunctionStatus)(CK_SESSION_HANDLE);
typedef CK_RV (*CK_C_CancelFunction)(CK_SESSION_HANDLE);
typedef CK_RV (*CK_C_WaitForSlotEvent)(CK_FLAGS, CK_SLOT_ID_PTR, CK_VOID_PTR);
typedef CK_RV (*CK_C_GetInterfaceList)(CK_INTERFACE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_GetInterface)(CK_UTF8CHAR_PTR, CK_VERSION_PTR, CK_INTERFACE_PTR_PTR, CK_FLAGS);
typedef CK_RV (*CK_C_LoginUser)(CK_SESSION_HANDLE, CK_USER_TYPE, CK_UTF8CHAR_PTR, CK_ULONG,
                                CK_UTF8CHAR_PTR, CK_ULONG);
typedef CK_RV (*CK_C_SessionCancel)(CK_SESSION_HANDLE, CK_FLAGS);
typedef CK_RV (*CK_C_MessageEncryptInit)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
typedef CK_RV (*CK_C_EncryptMessage)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_EncryptMessageBegin)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG);
typedef CK_RV (*CK_C_EncryptMessageNext)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR, CK_FLAGS);
typedef CK_RV (*CK_C_MessageEncryptFinal)(CK_SESSION_HANDLE);
typedef CK_RV (*CK_C_MessageDecryptInit)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
typedef CK_RV (*CK_C_DecryptMessage)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_DecryptMessageBegin)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG);
typedef CK_RV (*CK_C_DecryptMessageNext)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR, CK_FLAGS);
typedef CK_RV (*CK_C_MessageDecryptFinal)(CK_SESSION_HANDLE);
typedef CK_RV (*CK_C_MessageSignInit)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
typedef CK_RV (*CK_C_SignMessage)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG,
                                CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_SignMessageBegin)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG);
typedef CK_RV (*CK_C_SignMessageNext)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_MessageSignFinal)(CK_SESSION_HANDLE);
typedef CK_RV (*CK_C_MessageVerifyInit)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
typedef CK_RV (*CK_C_VerifyMessage)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG,
                                CK_BYTE_PTR, CK_ULONG);
typedef CK_RV (*CK_C_VerifyMessageBegin)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG);
typedef CK_RV (*CK_C_VerifyMessageNext)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG, CK_BYTE_PTR, CK_ULONG);
typedef CK_RV (*CK_C_MessageVerifyFinal)(CK_SESSION_HANDLE);
typedef CK_RV (*CK_C_EncapsulateKey)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE,
                                CK_ATTRIBUTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR,
                                CK_OBJECT_HANDLE_PTR);
typedef CK_RV (*CK_C_DecapsulateKey)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE,
                                CK_ATTRIBUTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG,
                                CK_OBJECT_HANDLE_PTR);
typedef CK_RV (*CK_C_VerifySignatureInit)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE,
                                CK_BYTE_PTR, CK_ULONG);
typedef CK_RV (*CK_C_VerifySignature)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG);
typedef CK_RV (*CK_C_VerifySignatureUpdate)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG);
typedef CK_RV (*CK_C_VerifySignatureFinal)(CK_SESSION_HANDLE);
typedef CK_RV (*CK_C_GetSessionValidationFlags)(CK_SESSION_HANDLE, CK_SESSION_VALIDATION_FLAGS_TYPE,
                                CK_FLAGS_PTR);
typedef CK_RV (*CK_C_AsyncComplete)(CK_SESSION_HANDLE, CK_UTF8CHAR_PTR, CK_ASYNC_DATA_PTR);
typedef CK_RV (*CK_C_AsyncGetID)(CK_SESSION_HANDLE, CK_UTF8CHAR_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_AsyncJoin)(CK_SESSION_HANDLE, CK_UTF8CHAR_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG);
typedef CK_RV (*CK_C_WrapKeyAuthenticated)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE,
                                CK_OBJECT_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV (*CK_C_UnwrapKeyAuthenticated)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE,
                                CK_BYTE_PTR, CK_ULONG, CK_ATTRIBUTE_PTR, CK_ULONG, CK_BYTE_PTR,
                                CK_ULONG, CK_OBJECT_HANDLE_PTR);

#define SCARD11_MEMBER(name) CK_##name name;

struct CK_FUNCTION_LIST {           // 2.40: what C_GetFunctionList gives
    CK_VERSION version;
    SCARD11_FUNCTIONS_2_40(SCARD11_MEMBER)
};

struct CK_FUNCTION_LIST_3_0 {
    CK_VERSION version;
    SCARD11_FUNCTIONS_2_40(SCARD11_MEMBER)
    SCARD11_FUNCTIONS_3_0(SCARD11_MEMBER)
};

struct CK_FUNCTION_LIST_3_2 {
    CK_VERSION version;
    SCARD11_FUNCTIONS_2_40(SCARD11_MEMBER)
    SCARD11_FUNCTIONS_3_0(SCARD11_MEMBER)
    SCARD11_FUNCTIONS_3_2(SCARD11_MEMBER)
};

#undef SCARD11_MEMBER

#if defined(_WIN32)
#pragma pack(pop, cryptoki)
#endif

#ifdef __cplusplus
}
#endif
#endif // SCARD11_PKCS11_H

// ---- Functions (clause 5) ----
// Part 4 has precedence over the standard. A parameter x_len of type CK_ULONG_PTR is the room at x
// before the call and the length of x after it. If x is NULL, the function only tells the length
// (5.2).

#if defined(SCARD11_PREFIX) || !defined(SCARD11_PKCS11_H)
#ifdef __cplusplus
extern "C" {
#endif

// SCARD11_PREFIX: macros up to the end of this part, for what is declared here.
#ifdef SCARD11_PREFIX
#define C_Initialize                SCARD11_RENAME(C_Initialize)
#define C_Finalize                  SCARD11_RENAME(C_Finalize)
#define C_GetInfo                   SCARD11_RENAME(C_GetInfo)
#define C_GetFunctionList           SCARD11_RENAME(C_GetFunctionList)
#define C_GetSlotList               SCARD11_RENAME(C_GetSlotList)
#define C_GetSlotInfo               SCARD11_RENAME(C_GetSlotInfo)
#define C_GetTokenInfo              SCARD11_RENAME(C_GetTokenInfo)
#define C_GetMechanismList          SCARD11_RENAME(C_GetMechanismList)
#define C_GetMechanismInfo          SCARD11_RENAME(C_GetMechanismInfo)
#define C_InitToken                 SCARD11_RENAME(C_InitToken)
#define C_InitPIN                   SCARD11_RENAME(C_InitPIN)
#define C_SetPIN                    SCARD11_RENAME(C_SetPIN)
#define C_OpenSession               SCARD11_RENAME(C_OpenSession)
#define C_CloseSession              SCARD11_RENAME(C_CloseSession)
#define C_CloseAllSessions          SCARD11_RENAME(C_CloseAllSessions)
#define C_GetSessionInfo            SCARD11_RENAME(C_GetSessionInfo)
#define C_GetOperationState         SCARD11_RENAME(C_GetOperationState)
#define C_SetOperationState         SCARD11_RENAME(C_SetOperationState)
#define C_Login                     SCARD11_RENAME(C_Login)
#define C_Logout                    SCARD11_RENAME(C_Logout)
#define C_CreateObject              SCARD11_RENAME(C_CreateObject)
#define C_CopyObject                SCARD11_RENAME(C_CopyObject)
#define C_DestroyObject             SCARD11_RENAME(C_DestroyObject)
#define C_GetObjectSize             SCARD11_RENAME(C_GetObjectSize)
#define C_GetAttributeValue         SCARD11_RENAME(C_GetAttributeValue)
#define C_SetAttributeValue         SCARD11_RENAME(C_SetAttributeValue)
#define C_FindObjectsInit           SCARD11_RENAME(C_FindObjectsInit)
#define C_FindObjects               SCARD11_RENAME(C_FindObjects)
#define C_FindObjectsFinal          SCARD11_RENAME(C_FindObjectsFinal)
#define C_EncryptInit               SCARD11_RENAME(C_EncryptInit)
#define C_Encrypt                   SCARD11_RENAME(C_Encrypt)
#define C_EncryptUpdate             SCARD11_RENAME(C_EncryptUpdate)
#define C_EncryptFinal              SCARD11_RENAME(C_EncryptFinal)
#define C_DecryptInit               SCARD11_RENAME(C_DecryptInit)
#define C_Decrypt                   SCARD11_RENAME(C_Decrypt)
#define C_DecryptUpdate             SCARD11_RENAME(C_DecryptUpdate)
#define C_DecryptFinal              SCARD11_RENAME(C_DecryptFinal)
#define C_DigestInit                SCARD11_RENAME(C_DigestInit)
#define C_Digest                    SCARD11_RENAME(C_Digest)
#define C_DigestUpdate              SCARD11_RENAME(C_DigestUpdate)
#define C_DigestKey                 SCARD11_RENAME(C_DigestKey)
#define C_DigestFinal               SCARD11_RENAME(C_DigestFinal)
#define C_SignInit                  SCARD11_RENAME(C_SignInit)
#define C_Sign                      SCARD11_RENAME(C_Sign)
#define C_SignUpdate                SCARD11_RENAME(C_SignUpdate)
#define C_SignFinal                 SCARD11_RENAME(C_SignFinal)
#define C_SignRecoverInit           SCARD11_RENAME(C_SignRecoverInit)
#define C_SignRecover               SCARD11_RENAME(C_SignRecover)
#define C_VerifyInit                SCARD11_RENAME(C_VerifyInit)
#define C_Verify                    SCARD11_RENAME(C_Verify)
#define C_VerifyUpdate              SCARD11_RENAME(C_VerifyUpdate)
#define C_VerifyFinal               SCARD11_RENAME(C_VerifyFinal)
#define C_VerifyRecoverInit         SCARD11_RENAME(C_VerifyRecoverInit)
#define C_VerifyRecover             SCARD11_RENAME(C_VerifyRecover)
#define C_DigestEncryptUpdate       SCARD11_RENAME(C_DigestEncryptUpdate)
#define C_DecryptDigestUpdate       SCARD11_RENAME(C_DecryptDigestUpdate)
#define C_SignEncryptUpdate         SCARD11_RENAME(C_SignEncryptUpdate)
#define C_DecryptVerifyUpdate       SCARD11_RENAME(C_DecryptVerifyUpdate)
#define C_GenerateKey               SCARD11_RENAME(C_GenerateKey)
#define C_GenerateKeyPair           SCARD11_RENAME(C_GenerateKeyPair)
#define C_WrapKey                   SCARD11_RENAME(C_WrapKey)
#define C_UnwrapKey                 SCARD11_RENAME(C_UnwrapKey)
#define C_DeriveKey                 SCARD11_RENAME(C_DeriveKey)
#define C_SeedRandom                SCARD11_RENAME(C_SeedRandom)
#define C_GenerateRandom            SCARD11_RENAME(C_GenerateRandom)
#define C_GetFunctionStatus         SCARD11_RENAME(C_GetFunctionStatus)
#define C_CancelFunction            SCARD11_RENAME(C_CancelFunction)
#define C_WaitForSlotEvent          SCARD11_RENAME(C_WaitForSlotEvent)
#define C_GetInterfaceList          SCARD11_RENAME(C_GetInterfaceList)
#define C_GetInterface              SCARD11_RENAME(C_GetInterface)
#define C_LoginUser                 SCARD11_RENAME(C_LoginUser)
#define C_SessionCancel             SCARD11_RENAME(C_SessionCancel)
#define C_MessageEncryptInit        SCARD11_RENAME(C_MessageEncryptInit)
#define C_EncryptMessage            SCARD11_RENAME(C_EncryptMessage)
#define C_EncryptMessageBegin       SCARD11_RENAME(C_EncryptMessageBegin)
#define C_EncryptMessageNext        SCARD11_RENAME(C_EncryptMessageNext)
#define C_MessageEncryptFinal       SCARD11_RENAME(C_MessageEncryptFinal)
#define C_MessageDecryptInit        SCARD11_RENAME(C_MessageDecryptInit)
#define C_DecryptMessage            SCARD11_RENAME(C_DecryptMessage)
#define C_DecryptMessageBegin       SCARD11_RENAME(C_DecryptMessageBegin)
#define C_DecryptMessageNext        SCARD11_RENAME(C_DecryptMessageNext)
#define C_MessageDecryptFinal       SCARD11_RENAME(C_MessageDecryptFinal)
#define C_MessageSignInit           SCARD11_RENAME(C_MessageSignInit)
#define C_SignMessage               SCARD11_RENAME(C_SignMessage)
#define C_SignMessageBegin          SCARD11_RENAME(C_SignMessageBegin)
#define C_SignMessageNext           SCARD11_RENAME(C_SignMessageNext)
#define C_MessageSignFinal          SCARD11_RENAME(C_MessageSignFinal)
#define C_MessageVerifyInit         SCARD11_RENAME(C_MessageVerifyInit)
#define C_VerifyMessage             SCARD11_RENAME(C_VerifyMessage)
#define C_VerifyMessageBegin        SCARD11_RENAME(C_VerifyMessageBegin)
#define C_VerifyMessageNext         SCARD11_RENAME(C_VerifyMessageNext)
#define C_MessageVerifyFinal        SCARD11_RENAME(C_MessageVerifyFinal)
#define C_EncapsulateKey            SCARD11_RENAME(C_EncapsulateKey)
#define C_DecapsulateKey            SCARD11_RENAME(C_DecapsulateKey)
#define C_VerifySignatureInit       SCARD11_RENAME(C_VerifySignatureInit)
#define C_VerifySignature           SCARD11_RENAME(C_VerifySignature)
#define C_VerifySignatureUpdate     SCARD11_RENAME(C_VerifySignatureUpdate)
#define C_VerifySignatureFinal      SCARD11_RENAME(C_VerifySignatureFinal)
#define C_GetSessionValidationFlags SCARD11_RENAME(C_GetSessionValidationFlags)
#define C_AsyncComplete             SCARD11_RENAME(C_AsyncComplete)
#define C_AsyncGetID                SCARD11_RENAME(C_AsyncGetID)
#define C_AsyncJoin                 SCARD11_RENAME(C_AsyncJoin)
#define C_WrapKeyAuthenticated      SCARD11_RENAME(C_WrapKeyAuthenticated)
#define C_UnwrapKeyAuthenticated    SCARD11_RENAME(C_UnwrapKeyAuthenticated)
#endif

// General (5.4)
SCARD11_API CK_RV C_Initialize(CK_VOID_PTR init_args);
SCARD11_API CK_RV C_Finalize(CK_VOID_PTR reserved);
SCARD11_API CK_RV C_GetInfo(CK_INFO_PTR info);
SCARD11_API CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);
SCARD11_API CK_RV C_GetInterfaceList(CK_INTERFACE_PTR interfaces, CK_ULONG_PTR count);
SCARD11_API CK_RV C_GetInterface(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version,
                                 CK_INTERFACE_PTR_PTR interface_out, CK_FLAGS flags);

// Slots and tokens (5.5)
SCARD11_API CK_RV C_GetSlotList(CK_BBOOL token_present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count);
SCARD11_API CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info);
SCARD11_API CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info);
SCARD11_API CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR slot, CK_VOID_PTR reserved);
SCARD11_API CK_RV C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR mechanisms,
                                    CK_ULONG_PTR count);
SCARD11_API CK_RV C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type,
                                    CK_MECHANISM_INFO_PTR info);
SCARD11_API CK_RV C_InitToken(CK_SLOT_ID slot, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len,
                              CK_UTF8CHAR_PTR label);
SCARD11_API CK_RV C_InitPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len);
SCARD11_API CK_RV C_SetPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR old_pin, CK_ULONG old_len,
                           CK_UTF8CHAR_PTR new_pin, CK_ULONG new_len);

// Sessions (5.6)
SCARD11_API CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application,
                                CK_NOTIFY notify, CK_SESSION_HANDLE_PTR session);
SCARD11_API CK_RV C_CloseSession(CK_SESSION_HANDLE session);
SCARD11_API CK_RV C_CloseAllSessions(CK_SLOT_ID slot);
SCARD11_API CK_RV C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info);
SCARD11_API CK_RV C_SessionCancel(CK_SESSION_HANDLE session, CK_FLAGS flags);
SCARD11_API CK_RV C_GetOperationState(CK_SESSION_HANDLE session, CK_BYTE_PTR state,
                                    CK_ULONG_PTR state_len);
SCARD11_API CK_RV C_SetOperationState(CK_SESSION_HANDLE session, CK_BYTE_PTR state,
                                    CK_ULONG state_len, CK_OBJECT_HANDLE encryption_key,
                                    CK_OBJECT_HANDLE authentication_key);
SCARD11_API CK_RV C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
                          CK_ULONG pin_len);
SCARD11_API CK_RV C_LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
                              CK_ULONG pin_len, CK_UTF8CHAR_PTR username, CK_ULONG username_len);
SCARD11_API CK_RV C_Logout(CK_SESSION_HANDLE session);
SCARD11_API CK_RV C_GetSessionValidationFlags(CK_SESSION_HANDLE session,
                                    CK_SESSION_VALIDATION_FLAGS_TYPE type, CK_FLAGS_PTR flags);

// Objects (5.7)
SCARD11_API CK_RV C_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR attributes,
                                 CK_ULONG attribute_count, CK_OBJECT_HANDLE_PTR object);
SCARD11_API CK_RV C_CopyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                               CK_ATTRIBUTE_PTR attributes, CK_ULONG attribute_count,
                               CK_OBJECT_HANDLE_PTR new_object);
SCARD11_API CK_RV C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object);
SCARD11_API CK_RV C_GetObjectSize(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                  CK_ULONG_PTR size);
SCARD11_API CK_RV C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                    CK_ATTRIBUTE_PTR attributes, CK_ULONG attribute_count);
SCARD11_API CK_RV C_SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                    CK_ATTRIBUTE_PTR attributes, CK_ULONG attribute_count);
SCARD11_API CK_RV C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR attributes,
                                    CK_ULONG attribute_count);
SCARD11_API CK_RV C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects,
                                CK_ULONG max_count, CK_ULONG_PTR count);
SCARD11_API CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE session);

// Encryption (5.8), of messages (5.9)
SCARD11_API CK_RV C_EncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                CK_OBJECT_HANDLE key);
SCARD11_API CK_RV C_Encrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
                            CK_BYTE_PTR encrypted, CK_ULONG_PTR encrypted_len);
SCARD11_API CK_RV C_EncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len,
                                  CK_BYTE_PTR encrypted, CK_ULONG_PTR encrypted_len);
SCARD11_API CK_RV C_EncryptFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR last,
                                 CK_ULONG_PTR last_len);
SCARD11_API CK_RV C_MessageEncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                    CK_OBJECT_HANDLE key);
SCARD11_API CK_RV C_EncryptMessage(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                   CK_ULONG parameter_len, CK_BYTE_PTR aad, CK_ULONG aad_len,
                                   CK_BYTE_PTR plaintext, CK_ULONG plaintext_len,
                                   CK_BYTE_PTR ciphertext, CK_ULONG_PTR ciphertext_len);
SCARD11_API CK_RV C_EncryptMessageBegin(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                    CK_ULONG parameter_len, CK_BYTE_PTR aad, CK_ULONG aad_len);
SCARD11_API CK_RV C_EncryptMessageNext(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                    CK_ULONG parameter_len, CK_BYTE_PTR part, CK_ULONG part_len,
                                    CK_BYTE_PTR ciphertext, CK_ULONG_PTR ciphertext_len,
                                    CK_FLAGS flags);
SCARD11_API CK_RV C_MessageEncryptFinal(CK_SESSION_HANDLE session);

// Decryption (5.10), of messages (5.11)
SCARD11_API CK_RV C_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                CK_OBJECT_HANDLE key);
SCARD11_API CK_RV C_Decrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR encrypted,
                            CK_ULONG encrypted_len, CK_BYTE_PTR data, CK_ULONG_PTR data_len);
SCARD11_API CK_RV C_DecryptUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR encrypted,
                                  CK_ULONG encrypted_len, CK_BYTE_PTR part, CK_ULONG_PTR part_len);
SCARD11_API CK_RV C_DecryptFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR last,
                                 CK_ULONG_PTR last_len);
SCARD11_API CK_RV C_MessageDecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                    CK_OBJECT_HANDLE key);
SCARD11_API CK_RV C_DecryptMessage(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                   CK_ULONG parameter_len, CK_BYTE_PTR aad, CK_ULONG aad_len,
                                   CK_BYTE_PTR ciphertext, CK_ULONG ciphertext_len,
                                   CK_BYTE_PTR plaintext, CK_ULONG_PTR plaintext_len);
SCARD11_API CK_RV C_DecryptMessageBegin(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                    CK_ULONG parameter_len, CK_BYTE_PTR aad, CK_ULONG aad_len);
SCARD11_API CK_RV C_DecryptMessageNext(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                    CK_ULONG parameter_len, CK_BYTE_PTR part, CK_ULONG part_len,
                                    CK_BYTE_PTR plaintext, CK_ULONG_PTR plaintext_len,
                                    CK_FLAGS flags);
SCARD11_API CK_RV C_MessageDecryptFinal(CK_SESSION_HANDLE session);

// Digests (5.12)
SCARD11_API CK_RV C_DigestInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism);
SCARD11_API CK_RV C_Digest(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
                           CK_BYTE_PTR digest, CK_ULONG_PTR digest_len);
SCARD11_API CK_RV C_DigestUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len);
SCARD11_API CK_RV C_DigestKey(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key);
SCARD11_API CK_RV C_DigestFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR digest,
                                CK_ULONG_PTR digest_len);

// Signatures and MACs (5.13), of messages (5.14)
SCARD11_API CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                             CK_OBJECT_HANDLE key);
SCARD11_API CK_RV C_Sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
                         CK_BYTE_PTR signature, CK_ULONG_PTR signature_len);
SCARD11_API CK_RV C_SignUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len);
SCARD11_API CK_RV C_SignFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR signature,
                              CK_ULONG_PTR signature_len);
SCARD11_API CK_RV C_SignRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                    CK_OBJECT_HANDLE key);
SCARD11_API CK_RV C_SignRecover(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
                                CK_BYTE_PTR signature, CK_ULONG_PTR signature_len);
SCARD11_API CK_RV C_MessageSignInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                    CK_OBJECT_HANDLE key);
SCARD11_API CK_RV C_SignMessage(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                CK_ULONG parameter_len, CK_BYTE_PTR data, CK_ULONG data_len,
                                CK_BYTE_PTR signature, CK_ULONG_PTR signature_len);
SCARD11_API CK_RV C_SignMessageBegin(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                    CK_ULONG parameter_len);
SCARD11_API CK_RV C_SignMessageNext(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                    CK_ULONG parameter_len, CK_BYTE_PTR part, CK_ULONG part_len,
                                    CK_BYTE_PTR signature, CK_ULONG_PTR signature_len);
SCARD11_API CK_RV C_MessageSignFinal(CK_SESSION_HANDLE session);

// Verifying (5.15), of messages (5.16)
SCARD11_API CK_RV C_VerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                               CK_OBJECT_HANDLE key);
SCARD11_API CK_RV C_Verify(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
                           CK_BYTE_PTR signature, CK_ULONG signature_len);
SCARD11_API CK_RV C_VerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len);
SCARD11_API CK_RV C_VerifyFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR signature,
                                CK_ULONG signature_len);
SCARD11_API CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                    CK_OBJECT_HANDLE key);
SCARD11_API CK_RV C_VerifyRecover(CK_SESSION_HANDLE session, CK_BYTE_PTR signature,
                                  CK_ULONG signature_len, CK_BYTE_PTR data, CK_ULONG_PTR data_len);
SCARD11_API CK_RV C_VerifySignatureInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                    CK_OBJECT_HANDLE key, CK_BYTE_PTR signature,
                                    CK_ULONG signature_len);
SCARD11_API CK_RV C_VerifySignature(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len);
SCARD11_API CK_RV C_VerifySignatureUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part,
                                    CK_ULONG part_len);
SCARD11_API CK_RV C_VerifySignatureFinal(CK_SESSION_HANDLE session);
SCARD11_API CK_RV C_MessageVerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                    CK_OBJECT_HANDLE key);
SCARD11_API CK_RV C_VerifyMessage(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                  CK_ULONG parameter_len, CK_BYTE_PTR data, CK_ULONG data_len,
                                  CK_BYTE_PTR signature, CK_ULONG signature_len);
SCARD11_API CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                    CK_ULONG parameter_len);
SCARD11_API CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                    CK_ULONG parameter_len, CK_BYTE_PTR part, CK_ULONG part_len,
                                    CK_BYTE_PTR signature, CK_ULONG signature_len);
SCARD11_API CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE session);

// Two operations in one call (5.17)
SCARD11_API CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part,
                                    CK_ULONG part_len, CK_BYTE_PTR encrypted,
                                    CK_ULONG_PTR encrypted_len);
SCARD11_API CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR encrypted,
                                    CK_ULONG encrypted_len, CK_BYTE_PTR part,
                                    CK_ULONG_PTR part_len);
SCARD11_API CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part,
                                    CK_ULONG part_len, CK_BYTE_PTR encrypted,
                                    CK_ULONG_PTR encrypted_len);
SCARD11_API CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR encrypted,
                                    CK_ULONG encrypted_len, CK_BYTE_PTR part,
                                    CK_ULONG_PTR part_len);

// Keys (5.18)
SCARD11_API CK_RV C_GenerateKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                CK_ATTRIBUTE_PTR attributes, CK_ULONG attribute_count,
                                CK_OBJECT_HANDLE_PTR key);
SCARD11_API CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                    CK_ATTRIBUTE_PTR public_attributes, CK_ULONG public_count,
                                    CK_ATTRIBUTE_PTR private_attributes, CK_ULONG private_count,
                                    CK_OBJECT_HANDLE_PTR public_key,
                                    CK_OBJECT_HANDLE_PTR private_key);
SCARD11_API CK_RV C_WrapKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                            CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key,
                            CK_BYTE_PTR wrapped, CK_ULONG_PTR wrapped_len);
SCARD11_API CK_RV C_UnwrapKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                              CK_OBJECT_HANDLE unwrapping_key, CK_BYTE_PTR wrapped,
                              CK_ULONG wrapped_len, CK_ATTRIBUTE_PTR attributes,
                              CK_ULONG attribute_count, CK_OBJECT_HANDLE_PTR key);
SCARD11_API CK_RV C_DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                              CK_OBJECT_HANDLE base_key, CK_ATTRIBUTE_PTR attributes,
                              CK_ULONG attribute_count, CK_OBJECT_HANDLE_PTR key);
SCARD11_API CK_RV C_EncapsulateKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                   CK_OBJECT_HANDLE public_key, CK_ATTRIBUTE_PTR attributes,
                                   CK_ULONG attribute_count, CK_BYTE_PTR ciphertext,
                                   CK_ULONG_PTR ciphertext_len, CK_OBJECT_HANDLE_PTR key);
SCARD11_API CK_RV C_DecapsulateKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                   CK_OBJECT_HANDLE private_key, CK_ATTRIBUTE_PTR attributes,
                                   CK_ULONG attribute_count, CK_BYTE_PTR ciphertext,
                                   CK_ULONG ciphertext_len, CK_OBJECT_HANDLE_PTR key);
SCARD11_API CK_RV C_WrapKeyAuthenticated(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                    CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key,
                                    CK_BYTE_PTR aad, CK_ULONG aad_len, CK_BYTE_PTR wrapped,
                                    CK_ULONG_PTR wrapped_len);
SCARD11_API CK_RV C_UnwrapKeyAuthenticated(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                    CK_OBJECT_HANDLE unwrapping_key, CK_BYTE_PTR wrapped,
                                    CK_ULONG wrapped_len, CK_ATTRIBUTE_PTR attributes,
                                    CK_ULONG attribute_count, CK_BYTE_PTR aad, CK_ULONG aad_len,
                                    CK_OBJECT_HANDLE_PTR key);

// Random numbers (5.19)
SCARD11_API CK_RV C_SeedRandom(CK_SESSION_HANDLE session, CK_BYTE_PTR seed, CK_ULONG seed_len);
SCARD11_API CK_RV C_GenerateRandom(CK_SESSION_HANDLE session, CK_BYTE_PTR random,
                                   CK_ULONG random_len);

// Functions of parallel sessions, which do not exist any more (5.20)
SCARD11_API CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE session);
SCARD11_API CK_RV C_CancelFunction(CK_SESSION_HANDLE session);

// Asynchronous operations
SCARD11_API CK_RV C_AsyncComplete(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR function,
                                  CK_ASYNC_DATA_PTR result);
SCARD11_API CK_RV C_AsyncGetID(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR function,
                               CK_ULONG_PTR id);
SCARD11_API CK_RV C_AsyncJoin(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR function, CK_ULONG id,
                              CK_BYTE_PTR data, CK_ULONG data_len);

#if defined(SCARD11_PREFIX) && !SCARD11_RENAMES
#undef C_Initialize
#undef C_Finalize
#undef C_GetInfo
#undef C_GetFunctionList
#undef C_GetSlotList
#undef C_GetSlotInfo
#undef C_GetTokenInfo
#undef C_GetMechanismList
#undef C_GetMechanismInfo
#undef C_InitToken
#undef C_InitPIN
#undef C_SetPIN
#undef C_OpenSession
#undef C_CloseSession
#undef C_CloseAllSessions
#undef C_GetSessionInfo
#undef C_GetOperationState
#undef C_SetOperationState
#undef C_Login
#undef C_Logout
#undef C_CreateObject
#undef C_CopyObject
#undef C_DestroyObject
#undef C_GetObjectSize
#undef C_GetAttributeValue
#undef C_SetAttributeValue
#undef C_FindObjectsInit
#undef C_FindObjects
#undef C_FindObjectsFinal
#undef C_EncryptInit
#undef C_Encrypt
#undef C_EncryptUpdate
#undef C_EncryptFinal
#undef C_DecryptInit
#undef C_Decrypt
#undef C_DecryptUpdate
#undef C_DecryptFinal
#undef C_DigestInit
#undef C_Digest
#undef C_DigestUpdate
#undef C_DigestKey
#undef C_DigestFinal
#undef C_SignInit
#undef C_Sign
#undef C_SignUpdate
#undef C_SignFinal
#undef C_SignRecoverInit
#undef C_SignRecover
#undef C_VerifyInit
#undef C_Verify
#undef C_VerifyUpdate
#undef C_VerifyFinal
#undef C_VerifyRecoverInit
#undef C_VerifyRecover
#undef C_DigestEncryptUpdate
#undef C_DecryptDigestUpdate
#undef C_SignEncryptUpdate
#undef C_DecryptVerifyUpdate
#undef C_GenerateKey
#undef C_GenerateKeyPair
#undef C_WrapKey
#undef C_UnwrapKey
#undef C_DeriveKey
#undef C_SeedRandom
#undef C_GenerateRandom
#undef C_GetFunctionStatus
#undef C_CancelFunction
#undef C_WaitForSlotEvent
#undef C_GetInterfaceList
#undef C_GetInterface
#undef C_LoginUser
#undef C_SessionCancel
#undef C_MessageEncryptInit
#undef C_EncryptMessage
#undef C_EncryptMessageBegin
#undef C_EncryptMessageNext
#undef C_MessageEncryptFinal
#undef C_MessageDecryptInit
#undef C_DecryptMessage
#undef C_DecryptMessageBegin
#undef C_DecryptMessageNext
#undef C_MessageDecryptFinal
#undef C_MessageSignInit
#undef C_SignMessage
#undef C_SignMessageBegin
#undef C_SignMessageNext
#undef C_MessageSignFinal
#undef C_MessageVerifyInit
#undef C_VerifyMessage
#undef C_VerifyMessageBegin
#undef C_VerifyMessageNext
#undef C_MessageVerifyFinal
#undef C_EncapsulateKey
#undef C_DecapsulateKey
#undef C_VerifySignatureInit
#undef C_VerifySignature
#undef C_VerifySignatureUpdate
#undef C_VerifySignatureFinal
#undef C_GetSessionValidationFlags
#undef C_AsyncComplete
#undef C_AsyncGetID
#undef C_AsyncJoin
#undef C_WrapKeyAuthenticated
#undef C_UnwrapKeyAuthenticated
#endif

#ifdef __cplusplus
}
#endif
#endif

// ---- 6 Changes ----------------------------------------------------------------------------------
// Each release says here what is new, and under "Breaks" what a program has to change.
//
// SCARD11_INTERFACE_VERSION grows by 1 with a release in which
//   - an option of part 1, a run-time option, or a constant, member or function of parts 2 and 3 is
//     gone, has another name, type or value, or an option another default;
//   - a reader of one's own has to define or to do more than before;
//   - a function does no longer what part 2 or 4 says: another CKR_* for the same cause, a call
//     that may block and did not, an attribute or label, CKA_ID, order of slots or serial number
//     by which a program finds again what it has found before.
// It stays where something is added: a kind of card, a mechanism, an attribute, an option whose
// default is what was before, a function, a member at the end of a struct that the library fills.
// It says nothing of what no program may rely on: the log's text, which commands are sent, how
// long something takes, the values of handles. Part 5 is OASIS' and only grows.
//
// The version's first number is 0 as long as the interface is young. Then a new interface raises
// the second number; from 1.0.0 on the first. What is added raises the second, a mended fault the
// third.
//
//   0.1.0   Interface 1. The first release: cards are used, and PIV, OpenPGP, SmartCard-HSM,
//           IsoApplet, MyEID, OsEID and GIDS cards are written, and certificates and data on
//           other cards with PKCS#15, as part 4 says.
//           Breaks: nothing, as there was none before.

// ---- 7 Licence ----------------------------------------------------------------------------------
// SPDX-License-Identifier: 0BSD
//
// Copyright scard11 authors
//
// Permission to use, copy, modify, and/or distribute this software for any purpose with or without
// fee is hereby granted.
//
// THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS
// SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE
// AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
// WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT,
// NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE
// OF THIS SOFTWARE.

#endif // SCARD11_H
