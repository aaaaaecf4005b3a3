// scard11.h: PKCS#11 for smart cards in two C files.
//
// Version 0.1.0. SPDX-License-Identifier: 0BSD (full text at the end of this file)
//
// WHAT IT IS
//   Add scard11.h and scard11.c to a program, link mbedTLS and PC/SC, and the program calls C_*
//   (PKCS#11 3.2) to find, log in to, sign and decrypt with smart cards. The same file builds as
//   a shared PKCS#11 module for other programs. Nothing is loaded at run time.
//
//       cc app.c scard11.c -lpcsclite -lmbedx509 -lmbedcrypto -lz
//
// THE SHORTEST USE (every CK_RV deserves a check; see examples/)
//
//       CK_SLOT_ID slot; CK_ULONG n = 1; CK_SESSION_HANDLE session; CK_OBJECT_HANDLE key;
//       CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
//       CK_ATTRIBUTE find[] = { { CKA_CLASS, &private_key, sizeof private_key } };
//       CK_MECHANISM mechanism = { CKM_ECDSA_SHA256, NULL, 0 };
//
//       C_Initialize(NULL);
//       C_GetSlotList(CK_TRUE, &slot, &n);
//       C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
//       C_Login(session, CKU_USER, (CK_UTF8CHAR *)"123456", 6);
//       C_FindObjectsInit(session, find, 1);
//       C_FindObjects(session, &key, 1, &n);
//       C_FindObjectsFinal(session);
//       C_SignInit(session, &mechanism, key);
//       C_Sign(session, data, data_len, signature, &signature_len);
//       C_Finalize(NULL);
//
// WHAT STANDS WHERE
//   1 options   2 scard11_ functions   3 a reader of your own   4 what differs from the standard
//   5 PKCS#11 3.2 declarations   6 changes   7 licence
//
// LIFETIMES AND THREADS, IN FOUR LINES
//   What a card brings lives in one arena; when the card goes, so does the arena, and every session
//   and object handle of that card is refused from then on, also when the same card comes back.
//   All functions may be called from any thread at any time after C_Initialize; calls on one card
//   take turns, calls on two readers run side by side. No thread is started.
#ifndef SCARD11_H
#define SCARD11_H

#include <stddef.h>
#include <stdint.h>

#define SCARD11_VERSION_MAJOR 0
#define SCARD11_VERSION_MINOR 1
#define SCARD11_VERSION_PATCH 0

// ---- 1 Options ----------------------------------------------------------------------------------
// Define them on the command line, or in a file that SCARD11_CONFIG names: -DSCARD11_CONFIG='"my.h"'.
// All are always defined and tested with #if. Sizes are in bytes.

#ifdef SCARD11_CONFIG
#include SCARD11_CONFIG
#endif

// SCARD11_READER: who reaches the readers.
//   SCARD11_READER_PCSC     winscard.h: pcsc-lite, Windows, macOS (default)
//   SCARD11_READER_CUSTOM   the application defines the scard11_reader_ functions of part 3
#define SCARD11_READER_PCSC   1
#define SCARD11_READER_CUSTOM 2
#ifndef SCARD11_READER
#define SCARD11_READER SCARD11_READER_PCSC
#endif

// SCARD11_READERS_MAX: readers known at once, 1 to 64. Further ones are not seen; the log says so.
// A session handle has 12 bits for reader and session: 16 readers leave 256 sessions a card.
#ifndef SCARD11_READERS_MAX
#define SCARD11_READERS_MAX 16
#endif

// SCARD11_READER_SLOTS: slot IDs that each reader owns, 1 to 8: one for each token (application or
// user PIN) of a card that has several.
#ifndef SCARD11_READER_SLOTS
#define SCARD11_READER_SLOTS 2
#endif

// SCARD11_CARD_MEMORY: the most that one inserted card may make the library keep.
#ifndef SCARD11_CARD_MEMORY
#define SCARD11_CARD_MEMORY 1048576
#endif

// SCARD11_SCRATCH: working memory of a reader, one block from the first card to C_Finalize. The
// default holds a 64 KiB answer, inflate and its output; 8192 serves a device that has neither
// (then define SCARD11_ANSWER as 258 and SCARD11_ZLIB as 0).
#ifndef SCARD11_SCRATCH
#define SCARD11_SCRATCH 163840
#endif

// SCARD11_ANSWER: room for one response APDU, 258 to 65538. 258: extended length is not used.
#ifndef SCARD11_ANSWER
#define SCARD11_ANSWER 65538
#endif

// SCARD11_ALLOC, SCARD11_FREE: where memory comes from. Blocks are few and large (16 KiB, or
// SCARD11_SCRATCH); free is told the size. ALLOC returns NULL when there is none. Called under
// the lock of a reader: two calls at once must be safe.
#ifndef SCARD11_ALLOC
#define SCARD11_ALLOC(size)      malloc(size)
#define SCARD11_FREE(ptr, size)  ((void)(size), free(ptr))
#define SCARD11_NEEDS_STDLIB 1
#else
#define SCARD11_NEEDS_STDLIB 0
#endif

// SCARD11_THREADS: 0 compiles all locks out, for a device with one thread.
#ifndef SCARD11_THREADS
#define SCARD11_THREADS 1
#endif

// SCARD11_FINALIZE_MS: how long C_Finalize waits for calls that are inside, in milliseconds.
#ifndef SCARD11_FINALIZE_MS
#define SCARD11_FINALIZE_MS 5000
#endif

// SCARD11_LOOK_MS: a look at the card younger than this lets a call answer from memory, in
// milliseconds. What reaches the card is always decided by the connection itself.
#ifndef SCARD11_LOOK_MS
#define SCARD11_LOOK_MS 20
#endif

// SCARD11_ZLIB: 1 reads certificates that are stored compressed (links zlib).
#ifndef SCARD11_ZLIB
#define SCARD11_ZLIB 1
#endif

// SCARD11_PIV: 1 compiles the driver for PIV cards.
#ifndef SCARD11_PIV
#define SCARD11_PIV 1
#endif

// SCARD11_ENVIRONMENT: 1 lets C_Initialize read the run-time options of part 2 from the environment
// (never in a setuid program). A program can also forbid it at run time.
#ifndef SCARD11_ENVIRONMENT
#define SCARD11_ENVIRONMENT 1
#endif

// SCARD11_TRACE: 1 compiles the log in. 0 saves its text; SCARD11_LOG is then accepted and ignored.
#ifndef SCARD11_TRACE
#define SCARD11_TRACE 1
#endif

// SCARD11_DEBUG: 1 turns the library's own assertions on (abort). For tests.
#ifndef SCARD11_DEBUG
#define SCARD11_DEBUG 0
#endif

// SCARD11_CRYPTO_LOCK, SCARD11_CRYPTO_UNLOCK: statements that replace the library's own lock around
// mbedTLS's PSA. mbedTLS 2.28's PSA is not thread-safe: a program that uses PSA from other threads
// defines both as its own.

// SCARD11_PREFIX: renames C_* to <prefix>C_*, for a program that links two PKCS#11 modules.

// SCARD11_PKCS11_H: the application's own pkcs11.h ("pkcs11.h" or <p11-kit/pkcs11.h>); part 5 is then
// left out. It must declare PKCS#11 3.2.

// SCARD11_API: how exported functions are marked.
#ifndef SCARD11_API
#if defined(_WIN32) && defined(SCARD11_DLL)
#define SCARD11_API __declspec(dllexport)
#elif defined(__GNUC__)
#define SCARD11_API __attribute__((visibility("default")))
#else
#define SCARD11_API
#endif
#endif

// ---- 2 scard11_ functions -----------------------------------------------------------------------
// The results are CK_RVs (part 5). All functions may be called from any thread.

#ifdef __cplusplus
extern "C" {
#endif

// What was exchanged with the cards in one reader since C_Initialize.
struct scard11_counters {
    uint64_t commands;      // command APDUs, GET RESPONSE and the pieces of chains counted
    uint64_t sent;          // bytes of them
    uint64_t received;      // bytes of the responses, with their status words
    uint64_t connects;      // connections made or taken up again
    uint64_t card_memory;   // bytes that the card in the reader makes the library keep now
};

// The library's version, "0.1.0". Never fails, also before C_Initialize.
SCARD11_API const char *scard11_version(void);

// Sets an option, for the next C_Initialize and all later ones. value is text.
//   SCARD11_LOG          "stderr" (or "1"), or a file that lines are appended to; "" or "0": no log.
//                        Commands and answers are in it, PINs and decrypted data are not.
//   SCARD11_READERS      parts of readers' names, with commas between: other readers are not used.
//                        "": all are. At most 255 bytes.
//   SCARD11_EXCLUSIVE    "1": other programs cannot use a card while it is connected here. Saves
//                        the commands that make sure no other program selected its application.
//   SCARD11_ENVIRONMENT  "0": the environment is not looked at.
// The first three are also read from the environment, which has precedence, at C_Initialize; not in a
// setuid program, nor if SCARD11_ENVIRONMENT was set to "0" here or at compile time.
//
// Returns  CKR_OK, CKR_ARGUMENTS_BAD (no such option, value too long, NULL), or
//          CKR_CRYPTOKI_ALREADY_INITIALIZED (between C_Initialize and C_Finalize).
// Memory   Copies value.
SCARD11_API unsigned long scard11_configure(const char *option, const char *value);

// Has the log go to a function of the application, from the next C_Initialize to the next C_Finalize;
// NULL: not. The option SCARD11_LOG, when it is set, has precedence. line is called with one line
// without its end, from any thread, under locks of the library: it must not call C_* functions.
//
// Returns  CKR_OK, or CKR_CRYPTOKI_ALREADY_INITIALIZED (between C_Initialize and C_Finalize).
// Memory   Keeps line and context until C_Finalize.
SCARD11_API unsigned long scard11_set_log(void (*line)(void *context, const char *text), void *context);

// Counts what was exchanged with the cards in the reader of a slot (a CK_SLOT_ID).
//
// Returns  CKR_OK, CKR_SLOT_ID_INVALID, CKR_ARGUMENTS_BAD, CKR_CRYPTOKI_NOT_INITIALIZED.
// Blocks   While another thread's call on that reader's card runs.
SCARD11_API unsigned long scard11_stats(unsigned long slot, struct scard11_counters *counters);

#ifdef __cplusplus
}
#endif

// ---- 3 A reader of your own ---------------------------------------------------------------------
// With SCARD11_READER_CUSTOM the application defines these twelve functions. The PC/SC half of
// >>reader in scard11.c is the worked example; examples/custom_reader.c is a short one.

// What the functions return.
#define SCARD11_READER_OK        0
#define SCARD11_READER_REMOVED   1   // the card or the reader is gone, the connection is dead
#define SCARD11_READER_RESET     2   // someone else reset the card; nothing was sent
#define SCARD11_READER_BUSY      3   // another program has the card to itself
#define SCARD11_READER_MUTE      4   // the card does not answer
#define SCARD11_READER_TIMEOUT   5   // wait: nothing changed
#define SCARD11_READER_CANCELLED 6   // wait: scard11_reader_cancel was called
#define SCARD11_READER_UNKNOWN   7   // wait: a reader named is not there any more: list again
#define SCARD11_READER_DOWN      8   // the service is not there: stop this context, start another
#define SCARD11_READER_REFUSED   9   // control: the reader cannot do that
#define SCARD11_READER_FAILED   10   // anything else

// The state of a reader: the flags below, and in the high 16 bits how many times a card went in or
// out (it wraps). 0 in the high bits says nothing, SCARD11_READER_COUNTED says that the backend counts.
#define SCARD11_READER_PRESENT   0x0001u  // a card is in
#define SCARD11_READER_CARD_MUTE 0x0002u  // ... which does not answer
#define SCARD11_READER_GONE      0x0004u  // the reader is not there, or cannot be used
#define SCARD11_READER_COUNTED   0x0008u  // the high 16 bits are a count

struct scard11_reader_state {
    const char *name;       // in: the reader
    uint32_t    known;      // in: the state that the caller knows of
    uint32_t    state;      // out: the state now
};

// What is known of a card that was connected.
struct scard11_reader_card {
    uint8_t  atr[36];       // as ISO 7816-3 has it, at most 33 bytes
    size_t   atr_len;
    int      protocol;      // 0: T=0, 1: T=1 (also contactless)
    uint32_t max_data;      // most bytes of an APDU that the reader takes; 0: not known
};

#if SCARD11_READER == SCARD11_READER_CUSTOM
#ifdef __cplusplus
extern "C" {
#endif

// Makes a context to look and to wait with. Each thread that waits has one of its own.
//
// Returns  _OK with *context set, or _DOWN.
// Memory   *context is the backend's until scard11_reader_stop.
// Threads  May run at once for any number of contexts.
// Blocks   Shortly.
int scard11_reader_start(void **context);

// Ends a context that nobody is waiting with. Never fails.
void scard11_reader_stop(void *context);

// Writes the names of the readers there are, UTF-8, each ended by a NUL, one more NUL at the end.
// Before the call *len is the room at names in bytes; after it, what was written.
//
// Returns  _OK (also for no readers: one NUL), _DOWN, or _FAILED (the room is too small).
// Blocks   Shortly. Called under the library's lock.
int scard11_reader_list(void *context, char *names, size_t *len);

// Waits until the state of one of n readers differs from what the caller knows, or a reader comes,
// for at most timeout_ms milliseconds; then sets state of each. With timeout_ms 0 it is a look: it
// sets state of each and returns _OK at once. A reader that is not there: _UNKNOWN, or _OK with
// SCARD11_READER_GONE. It may return early for no reason.
//
// Returns  _OK, _TIMEOUT, _CANCELLED, _UNKNOWN, _DOWN or _FAILED.
// Threads  Never twice at once for one context.
// Blocks   At most timeout_ms. With 0 it is called under the library's lock.
int scard11_reader_wait(void *context, struct scard11_reader_state *readers, size_t n,
                        uint32_t timeout_ms);

// Ends a scard11_reader_wait that runs in another thread with this context. A call before the wait
// has begun may be lost: it is made again.
void scard11_reader_cancel(void *context);

// Connects to the card in a reader. *conn is NULL for a new connection. If it is not, the last call
// with it returned _RESET: the connection is taken up again, and stays the same one.
// exclusive: no other program may use the card meanwhile.
//
// Returns  _OK with *conn and *card set, _REMOVED (no card, no reader), _BUSY, _MUTE, _DOWN, _FAILED.
// Memory   *conn is the backend's until scard11_reader_disconnect.
// Threads  May run at once for two readers.
// Blocks   As long as the card takes to answer the power-on.
int scard11_reader_connect(void **conn, const char *name, int exclusive,
                           struct scard11_reader_card *card);

// Ends a connection, whatever its state. reset: the card loses its logins.
void scard11_reader_disconnect(void *conn, int reset);

// Sets *state to the reader's state as seen by this connection.
//
// Returns  _OK, _REMOVED, _RESET or _FAILED.
// Blocks   Not for the card.
int scard11_reader_status(void *conn, uint32_t *state);

// Begins and ends a time in which no other program can use the card.
//
// Returns  _OK, _REMOVED, _RESET or _FAILED.
// Blocks   begin: as long as another program has the card.
int scard11_reader_begin(void *conn);
int scard11_reader_end(void *conn);

// Sends one command to a card and waits for its response.
//
// cmd is one complete command APDU of cmd_len bytes (4 to 65544), encoded for the protocol that
// scard11_reader_connect reported; the function adds or removes no bytes. The response APDU,
// data and the two status bytes, goes to rsp. Before the call *rsp_len is the room at rsp in
// bytes (at least 258); after it, the length of the response (at least 2). For T=0 the function
// must not fetch more data itself (61xx, 6Cxx): scard11 does.
//
// cmd may contain a PIN: do not log it.
//
// Returns  _OK; _REMOVED if the card is gone (also if it was reset and is mute); _RESET if someone
//          else reset it since the last call, with nothing sent; _FAILED for anything else.
//          After _REMOVED, only scard11_reader_disconnect follows.
// Memory   Keeps no pointer. conn is what scard11_reader_connect set.
// Threads  Never called twice at once for one conn; may be for two.
// Blocks   As long as the card does: a key generation can take a minute.
int scard11_reader_transmit(void *conn, const uint8_t *cmd, size_t cmd_len,
                            uint8_t *rsp, size_t *rsp_len);

// Asks the reader, not the card: feature is a PC/SC part 10 feature number (06 VERIFY_PIN_DIRECT,
// 07 MODIFY_PIN_DIRECT, 12 TLV_PROPERTIES). in may hold a PIN format, out takes the answer.
//
// Returns  _OK, _REFUSED (the reader has no such feature), _REMOVED, _RESET or _FAILED.
// Blocks   As long as the person takes to enter the PIN.
int scard11_reader_control(void *conn, uint32_t feature, const uint8_t *in, size_t in_len,
                           uint8_t *out, size_t *out_len);

#ifdef __cplusplus
}
#endif
#endif

// ---- 4 What differs from the standard, and what is not supported --------------------------------
// A function that is not named here is whole. "Refused" is CKR_FUNCTION_NOT_SUPPORTED, after the session
// (or slot) was found to be right.
//
//   C_Initialize             Always locks, also with NULL. pReserved must be NULL.
//   C_Finalize               Waits at most SCARD11_FINALIZE_MS for calls inside (a card that never answers),
//                            then returns CKR_FUNCTION_FAILED; the library is finalized all the same.
//   C_GetSlotList            Lists the readers that are there; an ID stays with its reader until C_Finalize.
//                            CK_TRUE lists cards that no driver knows as well.
//   C_GetTokenInfo           CKR_TOKEN_NOT_RECOGNIZED for such a card. CKR_DEVICE_ERROR while another
//                            program has the card to itself.
//   C_WaitForSlotEvent       Returns CKR_OK, CKR_NO_EVENT or CKR_CRYPTOKI_NOT_INITIALIZED, nothing else but
//                            argument errors. A new reader and one that left are events as well.
//   C_OpenSession            The notify callback is never called. Read-write sessions open on every card.
//   C_Login                  CKU_USER and CKU_CONTEXT_SPECIFIC; CKU_SO is CKR_USER_TYPE_INVALID. A PIN of a
//                            length that the card never takes is CKR_PIN_LEN_RANGE and costs no try.
//                            CKU_CONTEXT_SPECIFIC keeps other programs off the card until the operation ends.
//   C_LoginUser              As C_Login; the name is not looked at.
//   C_SetPIN                 Changes the user PIN; in a read-write session.
//   C_DestroyObject          Session objects; objects of the card: CKR_ACTION_PROHIBITED.
//   C_DeriveKey              ECDH with CKD_NULL or the X9.63 functions over SHA-1 and SHA-2; the result is a
//                            session object, readable unless the template says otherwise.
//   C_Verify, C_Encrypt      On the host, with public keys of the card; not EdDSA.
//   C_Digest                 On the host: SHA-1, SHA-2.
//   C_SeedRandom             CKR_RANDOM_SEED_NOT_SUPPORTED.
//   C_GetFunctionStatus, C_CancelFunction    CKR_FUNCTION_NOT_PARALLEL, as the standard wants.
//   Refused                  C_InitToken C_InitPIN C_GetOperationState C_SetOperationState C_CreateObject
//                            C_CopyObject C_GetObjectSize C_SetAttributeValue C_DigestKey C_SignRecover*
//                            C_VerifyRecover* C_Digest/Decrypt/Sign/Encrypt dual functions C_GenerateKey
//                            C_GenerateKeyPair C_WrapKey C_UnwrapKey, message-based functions, C_Encapsulate*
//                            C_Decapsulate*, C_VerifySignature*, C_Async*, C_GetSessionValidationFlags
//
// After a card was pulled: its sessions give CKR_SESSION_HANDLE_INVALID, the call that saw it first
// CKR_DEVICE_REMOVED. A session handle is refused for good: where CK_ULONG has 32 bits, until a million
// later insertions, sessions and session objects.

#ifdef SCARD11_PKCS11_H
#include SCARD11_PKCS11_H
#endif
#endif
