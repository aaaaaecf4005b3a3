/* scard11.c: PKCS#11 for smart cards in one C file.
 * Version 0.1.0. SPDX-License-Identifier: 0BSD (full text at the end of scard11.h)
 *
 * WHAT IT IS
 *   An application calls C_* (PKCS#11 3.2). Each call finds its session, reader and card, and asks
 *   the driver of the card; the driver speaks ISO 7816 commands over one link to the reader.
 *          C_*            PKCS#11     slots, sessions, objects as attributes, operations
 *          struct driver  cards       PIV, ...: a section or two each
 *          iso_ link_     commands    APDUs, chaining, status words
 *          reader_        readers     PC/SC, or functions the application supplies
 *
 * HOW TO READ IT
 *   Sections run from the bottom up: a function calls only what is above it, nothing is declared
 *   ahead. To read from the top down, start at the end. One word names a section everywhere: search
 *   ">>link"; functions are link_, tests in tests/unit/link.c. `./build.sh map` has line numbers.
 *
 * RULES THAT HOLD EVERYWHERE
 *   Memory    Three lifetimes: the library (static tables, a block for each reader), a card (its
 *             arena, freed whole when it leaves), a call (scratch, wiped on return). See >>arena
 *   Handles   Epoch and index. A handle from before a removal matches nothing.      See >>handle
 *   Errors    Functions that can fail return st; C_* turn it into CKR_* once.       See >>status
 *   Threads   One lock at the gate (initialised or not); one per reader, held for a whole C_* call
 *             on its card; one for the table of readers; one around PSA. In that order. See >>slot
 *   Hot-plug  reader->card is the only pointer into an arena. Whoever notices a removal says so in
 *             the table; the next holder of the reader's lock frees the arena.      See >>run
 *   Secrets   A function that fills a buffer with a PIN or key wipes it; an arena is wiped when it
 *             is freed, scratch when the call ends.                                 See >>secret
 *
 * LAWS, AND THE ONE FUNCTION THAT KEEPS EACH
 *   a secret goes where it is meant for, seen in this transaction                   secret_send
 *   what is remembered of a card is used for that card only                         same_prove
 *   a lost context is a removal of every card, with its event                       slot_look_all
 *   after the end of a login the card itself asks for the PIN again                 life_log_out
 *   what is made on trust is checked; what cannot be is not sent on trust           trial_next
 *   an object is shown under the token whose credential opens it, or not            p15token_of
 *   a PIN's state is asked for only where that costs nothing                secret_read_tries
 *   what is random is random in every process                                       random_bytes
 *   the application's log is called between its C_Initialize and C_Finalize only    os_log
 *   a list from a card has a cap, in memory and in work  >>link >>p15dir >>p15file: ..._MAX
 *
 * WHERE DOES IT GO?  (tests/tools/recipes.sh does those with *, and runs what came of it)
 *   a card behaves oddly      its driver, marked QUIRK(card) (`./build.sh quirks` lists them), or a
 *                             bit of struct p15's quirks
 *   what a status word means  >>iso, in the function of its command, or the driver; SW_: >>status
 *   a new error, or its CKR_* a line of ST_LIST in >>status
 * * a mechanism               a row of mech_rows in >>mech, its parameters in mech_use; its hash:
 *                             a row of alg_hashes in >>alg; its scheme: enum alg_scheme and >>op.
 *                             Tests: vectors in unit/hash.c, sizes in unit/alg.c, counts in
 *                             unit/mech.c. What this mbedTLS lacks: mech_uses
 *   a curve                   a row of alg_curves in >>alg
 *   an attribute              a row of attr_rows in >>attr, and of make_rules in >>make
 * * a kind of card            a section before >>probe (>>isoapplet is the example), its line in
 *                             MAP; a row of probe_drivers; shares_chip, if others are on the chip;
 *                             SCARD11_... in scard11.h. Tests: unit/ (unit.c, probe.c); a card in
 *                             sim/; rows of programs/kinds.h and pins.c, pcsc/vpcd.c; README
 *   a function refused as yet its C_* in >>p11 or >>refused; a member of struct driver in >>card,
 *                             NULL where cards cannot; mech_flags, p11_token_flags; part 4 of
 *                             scard11.h
 *   secure messaging          struct link_secure in >>link
 *   reading files otherwise   struct p15_io in >>p15
 *   a reader behaves oddly    >>reader: READER_... of the platform; with long commands: >>extended
 *   a PIN is coded otherwise  enum card_pin_coding in >>card; secret_encode; pinpad_encodes
 *   another way to readers    SCARD11_READER_CUSTOM, and no change here
 *   an event                  >>slot: slot_change makes it, slot_take_event hands it out
 *   a law                     its keeper, named above; a fault in tools/mutants.sh that is found
 *   an option                 scard11.h; one at run time: option_set, option_apply in >>option
 *   what one platform has     >>os
 *   a test                    tests/README.md
 *
 * MAP
 *   1 Ground      >>base >>status        integers, byte views, wiping; st: every error
 *                 >>os        locks, process, time, random bytes, environment, the log
 *                 >>arena >>handle       memory that is freed all at once; handles
 *   2 Encodings   >>tlv       BER-TLV and DER
 *                 >>x509 >>zlib          certificates: what PKCS#11 asks for; compressed ones
 *   3 Host crypto >>alg       hashes, curves, key types; struct alg_use
 *                 >>hash >>random        digests; random numbers
 *                 >>padding   PKCS#1 v1.5, PSS, OAEP; ECDSA in DER
 *                 >>cipher    public-key operations and AES on the host
 *   4 Commands    >>reader    the reader backend: PC/SC or custom
 *                 >>apdu >>extended >>link   encoding; long ones; one connection to one card
 *                 >>iso       ISO 7816-4 commands
 *   5 Cards       >>card      the card model; struct driver
 *                 >>place     where on the card we are, and being sure of it
 *                 >>pinpad >>secret      PINs that are typed, or given: the one gate
 *                 >>trial     what is done on trust, and checked
 *                 >>p15entry >>p15alg    PKCS#15: syntax of a directory; algorithms
 *                 >>p15 >>p15file        PKCS#15: an application; files, reached and read
 *                 >>p15dir >>p15token    PKCS#15: the directory; tokens and PINs
 *                 >>p15object >>p15key >>p15made  PKCS#15: objects; keys; made directories
 *                 >>piv >>pivkey >>openpgp >>openpgpkey  PIV, OpenPGP: what it says; its keys
 *                 >>isoapplet >>schsm >>myeid >>gids >>cac  drivers of those cards, and OsEID
 *                 >>esteid >>fineid      drivers: eIDs by IDEMIA (Estonian, Latvian), by Thales
 *                 >>belpic >>generic     drivers: Belgian eID; other cards with PKCS#15
 *                 >>probe >>same         which driver takes a card; is it the one we remember?
 *   6 PKCS#11     >>slot >>run >>life    readers and events; work on a card; the life of a card
 *                 >>mech >>attr          mechanisms; attributes and templates
 *                 >>session >>login >>make    sessions, searches; logins, PINs; session objects
 *                 >>op >>stream >>keys   running operations; ciphers in parts; keys made
 *                 >>option >>gate        options at run time; the frame of each call
 *                 >>p11 >>message >>refused >>list  the entry points; the lists of them; scard11_*
 * END OF MAP
 */
#if !defined(_WIN32) && !defined(_POSIX_C_SOURCE) && !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L     // clock_gettime, nanosleep: C99 itself has no such thing
#endif
// Exported, but bound here: the tables of functions never lead to a host program's own C_*.
#if !defined(SCARD11_API) && defined(__ELF__)
#define SCARD11_API __attribute__((visibility("protected")))
#endif
#include "scard11.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#if SCARD11_NEEDS_STDLIB || SCARD11_ENVIRONMENT || SCARD11_DEBUG || defined(__APPLE__)
#include <stdlib.h>
#endif
#if defined(SCARD11_PKCS11_H) && !defined(CKR_SESSION_ASYNC_NOT_SUPPORTED)
#error "SCARD11_PKCS11_H must declare PKCS#11 3.2"
#endif
#include <psa/crypto.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/version.h>
#if SCARD11_ZLIB
#include <zlib.h>
#endif

// What only a driver calls that is left out is unused, and dropped. SCARD11_DEBUG has the
// compiler say so.
#if defined(__GNUC__) && !SCARD11_DEBUG
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif

#if SCARD11_READERS_MAX < 1 || SCARD11_READERS_MAX > 64
#error "SCARD11_READERS_MAX must be 1 to 64: a session handle has 12 bits for reader and session"
#endif
#if SCARD11_READER_SLOTS < 1 || SCARD11_READER_SLOTS > 8
#error "SCARD11_READER_SLOTS must be 1 to 8"
#endif
#if SCARD11_TOKEN_CREDENTIALS < 2 || SCARD11_TOKEN_CREDENTIALS > 16
#error "SCARD11_TOKEN_CREDENTIALS must be 2 to 16"
#endif
#if SCARD11_ANSWER < 258 || SCARD11_ANSWER > 65538
#error "SCARD11_ANSWER must be 258 (short answers) to 65538 (extended length)"
#endif
#if SCARD11_SCRATCH < SCARD11_ANSWER + (SCARD11_ANSWER > 258 ? 10496 : 6416)
#error "SCARD11_SCRATCH must hold an answer (SCARD11_ANSWER), a command and 6 KiB of work"
#endif
#if SCARD11_ZLIB && SCARD11_SCRATCH < 131072
#error "inflate needs SCARD11_SCRATCH of 128 KiB: raise it, or set SCARD11_ZLIB to 0"
#endif
#if defined(SCARD11_CRYPTO_LOCK) != defined(SCARD11_CRYPTO_UNLOCK)
#error "define both SCARD11_CRYPTO_LOCK and SCARD11_CRYPTO_UNLOCK, or neither"
#endif

/* ================================================================================================
 * MARK: - >>base
 * Integers, byte views, bounded writers, wiping.
 *
 * Owns    u8..u64, bytes, struct buf
 * Names   bytes_ buf_ mem_
 * Tests   tests/unit/base.c
 * ==============================================================================================*/

typedef uint8_t  u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define COUNT(a) (sizeof(a) / sizeof *(a))

#if SCARD11_DEBUG
#define SCARD11_ASSERT(cond) do { if (!(cond)) abort(); } while (0)
#else
#define SCARD11_ASSERT(cond) ((void)0)
#endif

// A view of bytes that someone else keeps: never freed, never NUL-terminated.
typedef struct { const u8 *p; size_t n; } bytes;

#define BYTES(...) ((bytes){ (const u8[]){ __VA_ARGS__ }, sizeof (const u8[]){ __VA_ARGS__ } })
#define BYTES_NONE ((bytes){ NULL, 0 })

static bytes bytes_of(const void *p, size_t n)
{
    SCARD11_ASSERT(p || !n);
    return (bytes){ p, n };
}

static bytes bytes_text(const char *s)
{
    return (bytes){ (const u8 *)s, strlen(s) };
}

// What is left from byte at on; nothing when at lies beyond the end.
static bytes bytes_from(bytes s, size_t at)
{
    return at < s.n ? (bytes){ s.p + at, s.n - at } : BYTES_NONE;
}

// The first n bytes, or all when there are fewer.
static bytes bytes_head(bytes s, size_t n)
{
    return (bytes){ s.p, n < s.n ? n : s.n };
}

// Compares in a time that tells only the length.
static bool bytes_equal(bytes a, bytes b)
{
    u8 diff = 0;
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++) diff |= (u8)(a.p[i] ^ b.p[i]);
    return !diff;
}

static bool bytes_begin(bytes s, bytes head)
{
    return s.n >= head.n && bytes_equal(bytes_head(s, head.n), head);
}

static bool bytes_contain(bytes s, const char *text)
{
    for (; s.n; s = bytes_from(s, 1))
        if (bytes_begin(s, bytes_text(text))) return true;
    return false;
}

// A big-endian number without its leading zeros.
static bytes bytes_trim(bytes s)
{
    while (s.n && !*s.p) s = bytes_from(s, 1);
    return s;
}

// The value of a hexadecimal digit; 16: it is none.
static unsigned bytes_digit(u8 character)
{
    if (character >= '0' && character <= '9') return character - '0' + 0u;
    character |= 0x20;
    return character >= 'a' && character <= 'f' ? character - 'a' + 10u : 16;
}

// A big-endian number of at most 8 bytes; longer ones give their last 8.
static u64 bytes_number(bytes s)
{
    u64 v = 0;
    for (size_t i = 0; i < s.n; i++) v = v << 8 | s.p[i];
    return v;
}

// A writer into memory that someone else keeps. Overflow sets full and drops the write, so that a
// sequence of puts needs one check, at its end.
struct buf {
    u8    *p;
    size_t cap;     // bytes available at p
    size_t n;       // bytes written
    bool   full;    // a write did not fit; the content is then meaningless
};

static struct buf buf_on(void *p, size_t cap)
{
    return (struct buf){ .p = p, .cap = cap };
}

static bytes buf_bytes(const struct buf *b)
{
    return (bytes){ b->p, b->n };
}

static void buf_put(struct buf *b, bytes s)
{
    SCARD11_ASSERT(b->n <= b->cap);
    if (b->full || s.n > b->cap - b->n) { b->full = true; return; }
    if (s.n) memmove(b->p + b->n, s.p, s.n);
    b->n += s.n;
}

static void buf_put8(struct buf *b, unsigned v)
{
    u8 one = (u8)v;
    buf_put(b, (bytes){ &one, 1 });
}

static void buf_put16(struct buf *b, unsigned v)
{
    buf_put8(b, v >> 8);
    buf_put8(b, v);
}

static void buf_fill(struct buf *b, u8 with, size_t n)
{
    if (b->full || n > b->cap - b->n) { b->full = true; return; }
    if (n) memset(b->p + b->n, with, n);
    b->n += n;
}

// Takes back what was put behind the first n bytes, and that there was no room for it.
static void buf_rewind(struct buf *b, size_t n)
{
    SCARD11_ASSERT(n <= b->n);
    b->n = n;
    b->full = false;
}

// A number in exactly n bytes: zeros before it, or leading zeros dropped. One that has more
// significant bytes than n sets full.
static void buf_put_number(struct buf *b, bytes number, size_t n)
{
    number = bytes_trim(number);
    if (number.n > n) { b->full = true; return; }
    buf_fill(b, 0, n - number.n);
    buf_put(b, number);
}

static void buf_put_text(struct buf *b, const char *s)
{
    buf_put(b, bytes_text(s));
}

static void buf_put_hex(struct buf *b, bytes s)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < s.n; i++) {
        buf_put8(b, (u8)digit[s.p[i] >> 4]);
        buf_put8(b, (u8)digit[s.p[i] & 15]);
    }
}

static void mem_wipe(void *p, size_t n)
{
    if (n) mbedtls_platform_zeroize(p, n);
}

/* ================================================================================================
 * MARK: - >>status
 * st: every way a function can fail, and the CKR_* it becomes.
 *
 * Owns    st, ST_LIST, TRY
 * Names   st_
 * Tests   tests/unit/status.c
 * ==============================================================================================*/

// ST_OK, an error of ours (below 0x1000), or the card's status word as it came (0x6100 and up).
// A 9000 is ST_OK. Which error a status word means depends on the command, so >>iso and the drivers
// decide that; a status word that reaches st_ckr is one that nobody expected.
typedef u32 st;

#define ST_LIST(X)                                                                               \
    X(OK,             CKR_OK,                          "done")                                   \
    X(ARGS,           CKR_ARGUMENTS_BAD,               "the caller's arguments are wrong")       \
    X(NOT_INIT,       CKR_CRYPTOKI_NOT_INITIALIZED,    "C_Initialize was not called")            \
    X(ALREADY_INIT,   CKR_CRYPTOKI_ALREADY_INITIALIZED, "C_Initialize was called before")        \
    X(CANT_LOCK,      CKR_CANT_LOCK,                   "no lock can be made")                    \
    X(FINALIZE,       CKR_FUNCTION_FAILED,             "a call did not end in time")             \
    X(FAILED,         CKR_FUNCTION_FAILED,             "the function failed")                    \
    X(NO_SLOT,        CKR_SLOT_ID_INVALID,             "no such slot")                           \
    X(NO_SESSION,     CKR_SESSION_HANDLE_INVALID,      "no such session (any more)")             \
    X(NO_OBJECT,      CKR_OBJECT_HANDLE_INVALID,       "no such object (any more)")              \
    X(NO_KEY,         CKR_KEY_HANDLE_INVALID,          "no such key (any more)")                 \
    X(NO_EVENT,       CKR_NO_EVENT,                    "no slot event")                          \
    X(NOT_SUPPORTED,  CKR_FUNCTION_NOT_SUPPORTED,      "neither card nor library does that")     \
    X(TOO_SMALL,      CKR_BUFFER_TOO_SMALL,            "the caller's buffer is too small")       \
    X(DATA_LEN,       CKR_DATA_LEN_RANGE,              "data of a wrong length")                 \
    X(DATA,           CKR_DATA_INVALID,                "data that the mechanism cannot take")    \
    X(CIPHER_LEN,     CKR_ENCRYPTED_DATA_LEN_RANGE,    "a cryptogram of a wrong length")         \
    X(CIPHER_DATA,    CKR_ENCRYPTED_DATA_INVALID,      "a cryptogram that does not decrypt")     \
    X(SIG_LEN,        CKR_SIGNATURE_LEN_RANGE,         "a signature of a wrong length")          \
    X(SIG_INVALID,    CKR_SIGNATURE_INVALID,           "the signature is not right")             \
    X(MECHANISM,      CKR_MECHANISM_INVALID,           "no such mechanism here")                 \
    X(MECH_PARAM,     CKR_MECHANISM_PARAM_INVALID,     "wrong mechanism parameters")             \
    X(KEY_TYPE,       CKR_KEY_TYPE_INCONSISTENT,       "not a key for this mechanism")           \
    X(KEY_SIZE,       CKR_KEY_SIZE_RANGE,              "not a key size for this mechanism")      \
    X(KEY_USE,        CKR_KEY_FUNCTION_NOT_PERMITTED,  "the key does not allow that")            \
    X(OP_ACTIVE,      CKR_OPERATION_ACTIVE,            "an operation is active already")         \
    X(OP_NONE,        CKR_OPERATION_NOT_INITIALIZED,   "no such operation is active")            \
    X(SESSION_COUNT,  CKR_SESSION_COUNT,               "too many open sessions")                 \
    X(SESSION_SERIAL, CKR_SESSION_PARALLEL_NOT_SUPPORTED, "CKF_SERIAL_SESSION must be set")      \
    X(SESSION_ASYNC,  CKR_SESSION_ASYNC_NOT_SUPPORTED, "there are no asynchronous sessions")     \
    X(SESSION_RO,     CKR_SESSION_READ_ONLY,           "the session is read-only")               \
    X(RO_EXISTS,      CKR_SESSION_READ_ONLY_EXISTS,    "a read-only session is open")            \
    X(SO_EXISTS,      CKR_SESSION_READ_WRITE_SO_EXISTS, "the SO is logged in")                   \
    X(LOGGED_IN,      CKR_USER_ALREADY_LOGGED_IN,      "the user is logged in already")          \
    X(OTHER_USER,     CKR_USER_ANOTHER_ALREADY_LOGGED_IN, "another user is logged in")           \
    X(NOT_LOGGED_IN,  CKR_USER_NOT_LOGGED_IN,          "the card wants a PIN first")             \
    X(USER_TYPE,      CKR_USER_TYPE_INVALID,           "no such user type here")                 \
    X(PIN_INCORRECT,  CKR_PIN_INCORRECT,               "wrong PIN")                              \
    X(PIN_LOCKED,     CKR_PIN_LOCKED,                  "the PIN has no tries left")              \
    X(PIN_LEN,        CKR_PIN_LEN_RANGE,               "a PIN of a length the card never takes") \
    X(PIN_INVALID,    CKR_PIN_INVALID,                 "a PIN the card never takes")             \
    X(PIN_MISSING,    CKR_USER_PIN_NOT_INITIALIZED,    "this card has no PIN yet")               \
    X(PIN_CANCELED,   CKR_FUNCTION_CANCELED,           "the PIN was not entered at the pinpad")  \
    X(UNTOUCHED,      CKR_FUNCTION_REJECTED,           "nobody touched the card in time")        \
    X(ATTR_TYPE,      CKR_ATTRIBUTE_TYPE_INVALID,      "no such attribute here")                 \
    X(ATTR_VALUE,     CKR_ATTRIBUTE_VALUE_INVALID,     "an attribute value that cannot be")      \
    X(ATTR_SECRET,    CKR_ATTRIBUTE_SENSITIVE,         "an attribute that stays on the card")    \
    X(ATTR_RO,        CKR_ATTRIBUTE_READ_ONLY,         "an attribute that cannot be changed")    \
    X(TEMPLATE_LESS,  CKR_TEMPLATE_INCOMPLETE,         "an attribute is missing")                \
    X(TEMPLATE_MIXED, CKR_TEMPLATE_INCONSISTENT,       "attributes that do not go together")     \
    X(PROHIBITED,     CKR_ACTION_PROHIBITED,           "the object does not allow that")         \
    X(CURVE,          CKR_CURVE_NOT_SUPPORTED,         "a curve that is not known here")         \
    X(INDIGESTIBLE,   CKR_KEY_INDIGESTIBLE,            "the key's value cannot be hashed")       \
    X(UNEXTRACTABLE,  CKR_KEY_UNEXTRACTABLE,           "the key is not to be extracted")         \
    X(NOT_WRAPPABLE,  CKR_KEY_NOT_WRAPPABLE,           "the key cannot be wrapped so")           \
    X(WRAPPED,        CKR_WRAPPED_KEY_INVALID,         "a wrapped key that does not unwrap")     \
    X(WRAPPED_LEN,    CKR_WRAPPED_KEY_LEN_RANGE,       "a wrapped key of a wrong length")        \
    X(WRAP_KEY,       CKR_WRAPPING_KEY_HANDLE_INVALID, "no such wrapping key")                   \
    X(WRAP_TYPE,      CKR_WRAPPING_KEY_TYPE_INCONSISTENT, "not a wrapping key for this")         \
    X(WRAP_SIZE,      CKR_WRAPPING_KEY_SIZE_RANGE,     "the wrapping key is too short")          \
    X(UNWRAP_KEY,     CKR_UNWRAPPING_KEY_HANDLE_INVALID, "no such unwrapping key")               \
    X(UNWRAP_TYPE,    CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, "not an unwrapping key for this")    \
    X(UNWRAP_SIZE,    CKR_UNWRAPPING_KEY_SIZE_RANGE,   "the unwrapping key is too short")        \
    X(UNSAVEABLE,     CKR_STATE_UNSAVEABLE,            "the operation's state is not given out") \
    X(SAVED_STATE,    CKR_SAVED_STATE_INVALID,         "not a state that was given out")         \
    X(NOT_PARALLEL,   CKR_FUNCTION_NOT_PARALLEL,       "there are no parallel functions")        \
    X(NO_SEED,        CKR_RANDOM_SEED_NOT_SUPPORTED,   "the generator takes no seed")            \
    X(NO_TOKEN,       CKR_TOKEN_NOT_PRESENT,           "no card in the slot")                    \
    X(UNKNOWN_TOKEN,  CKR_TOKEN_NOT_RECOGNIZED,        "no driver knows this card")              \
    X(TOKEN_RO,       CKR_TOKEN_WRITE_PROTECTED,       "the card is not written")                \
    X(HOST_MEMORY,    CKR_HOST_MEMORY,                 "out of memory")                          \
    X(ARENA_FULL,     CKR_DEVICE_MEMORY,               "the card's memory limit is reached")     \
    X(CARD_REMOVED,   CKR_DEVICE_REMOVED,              "the card left during the call")          \
    X(READER,         CKR_DEVICE_ERROR,                "the reader failed")                      \
    X(CARD_RESET,     CKR_DEVICE_ERROR,                "the card was reset by someone else")     \
    X(SECURE,         CKR_DEVICE_ERROR,                "secure messaging broke off")             \
    X(OFFLINE,        CKR_DEVICE_ERROR,                "the card must be asked (internal)")      \
    X(CARD_BUSY,      CKR_DEVICE_ERROR,                "another program has the card to itself") \
    X(PROTOCOL,       CKR_DEVICE_ERROR,                "the card's answer makes no sense")       \
    X(RANDOM,         CKR_RANDOM_NO_RNG,               "no random numbers")                      \
    X(CRYPTO,         CKR_FUNCTION_FAILED,             "mbedTLS failed")                         \
    X(NOT_FOUND,      CKR_DEVICE_ERROR,                "not on the card (internal)")             \
    X(LOST,           CKR_DEVICE_ERROR,                "another application answers (internal)") \
    X(NOT_MINE,       CKR_GENERAL_ERROR,               "not this driver's card (internal)")

#define X(name, ckr, text) ST_##name,
enum { ST_LIST(X) ST_COUNT };
#undef X

// Status words that mean something to a command or a driver, as ISO 7816-4 has them (6999: Java
// Card). What each means is decided in the function of the command that it answers.
#define SW_OK              0x9000
#define SW_MIN             0x6000       // ISO 7816-4 has none below it
#define SW_END_OF_FILE     0x6282       // the file ended before Le bytes
#define SW_NO_TRIES        0x63c0       // see SW1_TRIES
#define SW_WRONG_LENGTH    0x6700
#define SW_NO_SM           0x6882       // secure messaging is not supported
#define SW_CHAIN_OPEN      0x6883       // the last command of a chain was expected
#define SW_NO_CHAINING     0x6884       // command chaining is not supported
#define SW_NOWHERE         0x6900       // no application is selected (CAC)
#define SW_FILE_STRUCTURE  0x6981       // the command does not go with the file's structure
#define SW_SECURITY_STATUS 0x6982       // security status not satisfied: a PIN is wanted
#define SW_BLOCKED         0x6983       // authentication method blocked
#define SW_DATA_UNUSABLE   0x6984       // reference data not usable
#define SW_CONDITIONS      0x6985       // conditions of use not satisfied
#define SW_NOT_ALLOWED     0x6986       // command not allowed: no EF is current
#define SW_SM_MISSING      0x6987       // expected secure messaging data objects are missing
#define SW_SM_INCORRECT    0x6988       // secure messaging data objects are incorrect
#define SW_NOT_SELECTED    0x6999       // the applet could not be selected
#define SW_WRONG_DATA      0x6a80       // incorrect parameters in the command data field
#define SW_NO_FUNCTION     0x6a81       // function not supported
#define SW_FILE_NOT_FOUND  0x6a82       // file or application not found
#define SW_RECORD_NOT_FOUND 0x6a83
#define SW_INCORRECT_P1P2  0x6a86
#define SW_DATA_NOT_FOUND  0x6a88       // referenced data or reference data not found
#define SW_WRONG_P1P2      0x6b00
#define SW_NO_INS          0x6d00       // instruction code not supported or invalid
#define SW_NO_CLA          0x6e00       // class not supported
#define SW1_MORE           0x61         // 61XX: so many bytes more are there; 00: 256
#define SW1_WARNING        0x62         // it was done
#define SW1_TRIES          0x63         // 63CX: not verified, X tries are left
#define SW1_ERROR          0x64         // to ..._LAST: execution errors
#define SW1_ERROR_LAST     0x66
#define SW1_WRONG_LE       0x6c         // 6CXX: this is the right Le; 00: 256
#define SW1_NO_DIAGNOSIS   0x6f

static st st_of_sw(u32 sw)
{
    if (sw == SW_OK) return ST_OK;
    return sw < SW_MIN ? (st)ST_PROTOCOL : sw;
}

// The one macro with a hidden return. It is safe because no function below gate_enter owns anything
// that a return would leak: see >>arena.
#define TRY(call) do { st st_ = (call); if (st_) return st_; } while (0)

static CK_RV st_ckr(st s)
{
#define X(name, ckr, text) ckr,
    static const u16 ckr_of[] = { ST_LIST(X) };
#undef X
    return s < COUNT(ckr_of) ? ckr_of[s] : CKR_DEVICE_ERROR;
}

#if SCARD11_TRACE
static const char *st_text(st s)
{
#define X(name, ckr, text) text,
    static const char *const text_of[] = { ST_LIST(X) };
#undef X
    return s < COUNT(text_of) ? text_of[s] : "a status word nobody expected";
}
#endif

/* ================================================================================================
 * MARK: - >>os
 * What C99 does not have: locks, process, time, random bytes, environment, locked memory, the log.
 *
 * Owns    struct os_lock, the locks of library, gate and crypto; where the log goes, and when it
 *         may: no line outside C_Initialize .. C_Finalize; with >>reader the only #if of a platform
 * Names   os_
 * Tests   tests/unit/os.c
 * ==============================================================================================*/

#if defined(_WIN32)
#include <windows.h>
#include <bcrypt.h>
#undef CreateMutex                      // a member of CK_C_INITIALIZE_ARGS; locks here are others
#include <fcntl.h>
#include <io.h>
#include <sys/stat.h>
#else
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#if defined(__APPLE__) || (defined(_POSIX_MEMLOCK_RANGE) && _POSIX_MEMLOCK_RANGE > 0)
#include <sys/mman.h>
#define OS_LOCKS_PAGES 1
#endif
#if SCARD11_THREADS
#include <pthread.h>
#endif
#if defined(__linux__)
#include <sys/auxv.h>
#if defined(__has_include)
#if __has_include(<sys/random.h>)
#include <sys/random.h>
#define OS_GETRANDOM 1
#endif
#endif
#endif
#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || \
    defined(__OpenBSD__) || defined(__DragonFly__)
#define OS_HAS_ISSETUGID 1
int issetugid(void);                    // hidden by _POSIX_C_SOURCE in some of their headers
#endif
#endif
#ifndef OS_GETRANDOM
#define OS_GETRANDOM 0
#endif

// A value that threads read and write without a lock: the one step beyond C99. It holds process ids
// (one with a mark), so that a forked child finds out before it touches a lock. os_claim changes a
// value from what it was; of several threads that try, one succeeds.
#if defined(_WIN32)
typedef LONG os_shared;
static u32 os_load(os_shared *v)              { return (u32)InterlockedCompareExchange(v, 0, 0); }
static void os_store(os_shared *v, u32 to)    { InterlockedExchange(v, (LONG)to); }
static bool os_claim(os_shared *v, u32 from, u32 to)
{
    return (u32)InterlockedCompareExchange(v, (LONG)to, (LONG)from) == from;
}
static u32 os_pid(void)                       { return (u32)GetCurrentProcessId(); }
static u64 os_now_ms(void)                    { return GetTickCount64(); }
static void os_sleep_ms(u32 ms)               { Sleep(ms); }
#else
typedef u32 os_shared;
static u32 os_load(os_shared *v)              { return __atomic_load_n(v, __ATOMIC_ACQUIRE); }
static void os_store(os_shared *v, u32 to)    { __atomic_store_n(v, to, __ATOMIC_RELEASE); }
static bool os_claim(os_shared *v, u32 from, u32 to)
{
    return __atomic_compare_exchange_n(v, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
static u32 os_pid(void)                       { return (u32)getpid(); }

static u64 os_now_ms(void)
{
    struct timespec t = { 0, 0 };
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000 + (u64)t.tv_nsec / 1000000;
}

static void os_sleep_ms(u32 ms)
{
    struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };
    nanosleep(&t, NULL);
}
#endif

// ---- Memory that is not swapped out ----

#if defined(_WIN32)
static size_t os_page(void)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return info.dwPageSize;
}

static bool os_lock_page(void *page)   { return VirtualLock(page, os_page()); }
static void os_unlock_page(void *page) { VirtualUnlock(page, os_page()); }
#elif defined(OS_LOCKS_PAGES)
static size_t os_page(void)
{
    long n = sysconf(_SC_PAGESIZE);
    return n > 0 ? (size_t)n : 4096;
}

static bool os_lock_page(void *page)   { return !mlock(page, os_page()); }
static void os_unlock_page(void *page) { munlock(page, os_page()); }
#else
static size_t os_page(void)            { return 4096; }
static bool os_lock_page(void *page)   { (void)page; return false; }
static void os_unlock_page(void *page) { (void)page; }
#endif

// ---- Random bytes of the system: for random_bytes alone ----

#if defined(SCARD11_ENTROPY)
static st os_random(u8 *out, size_t n)
{
    return SCARD11_ENTROPY(out, n) ? ST_RANDOM : ST_OK;
}
#elif defined(_WIN32)
static st os_random(u8 *out, size_t n)
{
    ULONG how = BCRYPT_USE_SYSTEM_PREFERRED_RNG;
    return BCryptGenRandom(NULL, out, (ULONG)n, how) ? ST_RANDOM : ST_OK;
}
#elif defined(__APPLE__)
static st os_random(u8 *out, size_t n)
{
    arc4random_buf(out, n);
    return ST_OK;
}
#else
// All of n bytes of a device, or an error.
static st os_random_device(const char *name, u8 *out, size_t n)
{
    int device = open(name, O_RDONLY | O_CLOEXEC);
    if (device < 0) return ST_RANDOM;
    while (n) {
        ssize_t got = read(device, out, n);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        out += got;
        n -= (size_t)got;
    }
    close(device);
    return n ? ST_RANDOM : ST_OK;
}

static st os_random(u8 *out, size_t n)
{
#if OS_GETRANDOM
    while (n) {
        ssize_t got = getrandom(out, n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;                // a kernel without it
        out += got;
        n -= (size_t)got;
    }
#endif
    return n ? os_random_device("/dev/urandom", out, n) : ST_OK;
}
#endif

// ---- Locks of the system ----

#if !SCARD11_THREADS
typedef char os_native;
#define OS_NATIVE 0
static void os_native_acquire(os_native *l) { (void)l; }
static void os_native_release(os_native *l) { (void)l; }
#elif defined(_WIN32)
typedef SRWLOCK os_native;
#define OS_NATIVE SRWLOCK_INIT
static void os_native_acquire(os_native *l) { AcquireSRWLockExclusive(l); }
static void os_native_release(os_native *l) { ReleaseSRWLockExclusive(l); }
#else
typedef pthread_mutex_t os_native;
#define OS_NATIVE PTHREAD_MUTEX_INITIALIZER
static void os_native_acquire(os_native *l) { pthread_mutex_lock(l); }
static void os_native_release(os_native *l) { pthread_mutex_unlock(l); }
#endif

// ---- The log ----

#if SCARD11_TRACE
struct os_log_target {
    void (*line)(void *context, const char *text);      // NULL: nowhere
    void *context;
};

// The keeper of a law: the function that lines go to is called between C_Initialize and C_Finalize
// only, and in a forked child not before its own C_Initialize. Every line asks here (os_log_enter)
// and says when it is through. Closed, it lets no line begin, also not of a call that hung over
// C_Finalize and comes back, and C_Finalize waits for those under way. The lock is held to ask, not
// while the application's function runs: that one may be slow, and several threads may be in it.
static struct {
    os_shared owner;                // the process whose C_Initialize opened it; 0: it is closed
    os_native lock;                 // of all that follows
    struct os_log_target wanted;    // by the application, from the next time that it is opened
    struct os_log_target now;       // where lines go
    u32 time;                       // from one close to the next: a line that hung is of an old one
    u32 inside;                     // lines under way, of this time
    int file;                       // to be closed with it; -1: none
} os_log_gate = { 0, OS_NATIVE, { NULL, NULL }, { NULL, NULL }, 0, 0, -1 };

// Is there anywhere for a line to go? A forked child is answered before it touches the lock.
static bool os_log_is_on(void)
{
    u32 owner = os_load(&os_log_gate.owner);
    return owner && owner == os_pid();
}

// Asks whether a line may go out, and where to. If it may, os_log_leave(*time) must follow.
static bool os_log_enter(struct os_log_target *to, u32 *time)
{
    if (!os_log_is_on()) return false;
    os_native_acquire(&os_log_gate.lock);
    bool open = os_load(&os_log_gate.owner) != 0;
    if (open) os_log_gate.inside++;
    *to = os_log_gate.now;
    *time = os_log_gate.time;
    os_native_release(&os_log_gate.lock);
    return open;
}

static void os_log_leave(u32 time)
{
    os_native_acquire(&os_log_gate.lock);
    if (time == os_log_gate.time) os_log_gate.inside--;
    os_native_release(&os_log_gate.lock);
}

// Writes one line. The caller guarantees that no PIN and no key material is in it.
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
static void os_log(const char *format, ...)
{
    struct os_log_target to;
    char line[400];
    u32 time;
    va_list args;
    if (!os_log_enter(&to, &time)) return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    to.line(to.context, line);
    os_log_leave(time);
}

#define OS_LOG_BYTES 160        // of data that a line shows

// A line that ends in data in hex, or in its first OS_LOG_BYTES bytes.
static void os_log_hex(const char *what, bytes data)
{
    char hex[2 * OS_LOG_BYTES + 1];
    struct buf b = buf_on(hex, sizeof hex - 1);
    if (!os_log_is_on()) return;
    buf_put_hex(&b, bytes_head(data, OS_LOG_BYTES));
    hex[b.n] = 0;
    if (data.n > OS_LOG_BYTES) os_log("%s %s... (%lu bytes)", what, hex, (unsigned long)data.n);
    else os_log("%s %s", what, hex);
}

// Opens a file to append to; -1: it cannot be opened. Its owner alone may read it, and programs
// that this one starts do not get it. stdio is not used: a forked child may find its locks held by
// a thread that does not exist.
#if defined(_WIN32)
static int os_file_open(const char *name)
{
    return _open(name, _O_WRONLY | _O_APPEND | _O_CREAT | _O_NOINHERIT, _S_IREAD | _S_IWRITE);
}

static void os_file_close(int file) { _close(file); }

static void os_file_write(int file, const char *p, size_t n)
{
    if (_write(file, p, (unsigned)n) < 0) return;       // nobody could be told
}
#else
static int os_file_open(const char *name)
{
    return open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, S_IRUSR | S_IWUSR);
}

static void os_file_close(int file) { close(file); }

static void os_file_write(int file, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(file, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return;                          // nobody could be told
        p += done;
        n -= (size_t)done;
    }
}
#endif

static void os_log_line(void *file, const char *line)
{
    char text[512];
    int n = snprintf(text, sizeof text, "scard11: %s\n", line);
    if (n <= 0) return;
    os_file_write((int)(intptr_t)file, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

// Notes where the application wants lines to go from the next os_log_open on; line NULL: nowhere.
static void os_log_want(void (*line)(void *context, const char *text), void *context)
{
    os_native_acquire(&os_log_gate.lock);
    os_log_gate.wanted = (struct os_log_target){ line, context };
    os_native_release(&os_log_gate.lock);
}

// Opens the log for this process; it must be closed. where: "stderr" or "1", or the name of a file
// that lines are appended to; "" or "0": what os_log_want noted.
static st os_log_open(const char *where)
{
    struct os_log_target to = os_log_gate.wanted;
    int file = -1;
    SCARD11_ASSERT(!os_load(&os_log_gate.owner));
    if (*where && strcmp(where, "0")) {
        bool standard = !strcmp(where, "stderr") || !strcmp(where, "1");
        int at = standard ? 2 : os_file_open(where);
        if (at < 0) return ST_ARGS;
        if (!standard) file = at;
        to = (struct os_log_target){ os_log_line, (void *)(intptr_t)at };
    }
    if (!to.line) return ST_OK;
    os_native_acquire(&os_log_gate.lock);
    os_log_gate.now = to;
    os_log_gate.file = file;
    os_store(&os_log_gate.owner, os_pid());
    os_native_release(&os_log_gate.lock);
    return ST_OK;
}

// Closes the log: no line begins any more. Waits SCARD11_FINALIZE_MS for the lines under way.
// false: one did not come back; the file that it writes to stays open.
static bool os_log_close(void)
{
    u64 end = os_now_ms() + SCARD11_FINALIZE_MS;
    for (;;) {
        os_native_acquire(&os_log_gate.lock);
        os_store(&os_log_gate.owner, 0);
        bool quiet = !os_log_gate.inside;
        bool late = os_now_ms() > end;
        int file = os_log_gate.file;
        if (quiet || late) {
            os_log_gate.file = -1;
            os_log_gate.inside = 0;
            os_log_gate.time++;
        }
        os_native_release(&os_log_gate.lock);
        if (quiet && file >= 0) os_file_close(file);
        if (quiet || late) return quiet;
        os_sleep_ms(1);
    }
}

// Closes the log in a forked child, whatever the parent's threads were doing with it. The function
// was the parent's. The file stays: the child may have closed it, and have another under its
// number.
static void os_log_abandon(void)
{
    static const os_native fresh = OS_NATIVE;
    os_log_gate.lock = fresh;
    if (os_load(&os_log_gate.owner)) os_log_want(NULL, NULL);
    os_log_gate.inside = 0;
    os_log_gate.file = -1;
    os_store(&os_log_gate.owner, 0);
}
#else
#define os_log(...) ((void)0)
#define os_log_hex(what, data) ((void)0)

static bool os_log_close(void)
{
    return true;
}

static void os_log_abandon(void)
{
}

static void os_log_want(void (*line)(void *context, const char *text), void *context)
{
    (void)line; (void)context;
}

static st os_log_open(const char *where)
{
    (void)where;
    return ST_OK;
}
#endif

// ---- The environment ----

#if SCARD11_ENVIRONMENT
// Does this program have rights that the user who started it does not have? Then its environment,
// which that user made, is not to be trusted.
static bool os_is_setuid(void)
{
#if defined(__linux__)
    return getauxval(AT_SECURE) != 0;
#elif defined(OS_HAS_ISSETUGID)
    return issetugid() != 0;
#elif defined(_WIN32)
    return false;
#else
    return getuid() != geteuid() || getgid() != getegid();
#endif
}
#endif

// A variable of the environment, or NULL; NULL also in a setuid program.
static const char *os_environment(const char *name)
{
#if SCARD11_ENVIRONMENT
    return os_is_setuid() ? NULL : getenv(name);
#else
    (void)name;
    return NULL;
#endif
}

// ---- Locks ----

// The mutexes of the application (CK_C_INITIALIZE_ARGS); create NULL: the system's.
struct os_mutexes {
    CK_CREATEMUTEX  create;
    CK_DESTROYMUTEX destroy;
    CK_LOCKMUTEX    lock;
    CK_UNLOCKMUTEX  unlock;
};

// A lock keeps the functions that it was made with: a call that hangs over C_Finalize unlocks with
// them.
struct os_lock {
    struct os_mutexes app;
    void *mutex;                    // of the application
    os_native native;
    bool held;                      // written and read by its holder only
};

#define OS_LOCK_NATIVE { { NULL, NULL, NULL, NULL }, NULL, OS_NATIVE, false }

static struct os_lock os_library = OS_LOCK_NATIVE;  // the table of readers, epochs, event flags
static struct os_lock os_gate = OS_LOCK_NATIVE;     // initialised or not, calls inside, waiters
#ifndef SCARD11_CRYPTO_LOCK
static struct os_lock os_crypto = OS_LOCK_NATIVE;   // PSA, which is not thread-safe in mbedTLS 2.28
#define SCARD11_CRYPTO_LOCK   os_acquire(&os_crypto)
#define SCARD11_CRYPTO_UNLOCK os_release(&os_crypto)
#define OS_CRYPTO_OWN 1
#else
#define OS_CRYPTO_OWN 0
#endif

// Makes a lock, whatever was there before: in a forked child that may be a lock which a thread
// holds that does not exist. app: the application's mutexes; NULL, or without create: the system's.
static st os_lock_make(struct os_lock *lock, const struct os_mutexes *app)
{
    static const struct os_lock fresh = OS_LOCK_NATIVE;
    *lock = fresh;
#if SCARD11_THREADS
    if (app && app->create) {
        if (app->create(&lock->mutex) != CKR_OK) return ST_CANT_LOCK;
        lock->app = *app;
    }
#else
    (void)app;
#endif
    return ST_OK;
}

static void os_lock_drop(struct os_lock *lock)
{
    if (lock->app.destroy) lock->app.destroy(lock->mutex);
    lock->app = (struct os_mutexes){ NULL, NULL, NULL, NULL };
}

static void os_acquire(struct os_lock *lock)
{
    if (!lock->app.lock)
        os_native_acquire(&lock->native);
    else if (lock->app.lock(lock->mutex) != CKR_OK)
        os_log("the application's LockMutex failed");
    SCARD11_ASSERT(!lock->held);
    lock->held = true;
}

static void os_release(struct os_lock *lock)
{
    SCARD11_ASSERT(lock->held);
    lock->held = false;
    if (!lock->app.unlock)
        os_native_release(&lock->native);
    else if (lock->app.unlock(lock->mutex) != CKR_OK)
        os_log("the application's UnlockMutex failed");
}

/* ================================================================================================
 * MARK: - >>arena
 * Memory that is freed all at once.
 *
 * Owns    struct arena, chains of pieces for what comes and goes while a card stays, and struct
 *         scratch, which a call works in. The only malloc and free of the library.
 * Names   arena_ scratch_
 * Tests   tests/unit/arena.c
 * ==============================================================================================*/

#define ARENA_BLOCK 16384
#define ARENA_ALIGN 16
#define ARENA_PIECE 512

struct arena_block {
    struct arena_block *next;
    size_t size;                    // of the whole block
};

// A piece of 512 bytes: part of a chain, or on its arena's list of pieces to be used again.
struct piece {
    struct piece *next;
    u8 data[ARENA_PIECE - sizeof(void *)];
};

struct arena {
    struct arena_block *blocks;     // newest first
    u8    *at, *end;                // room left in the newest block
    size_t left;                    // bytes it may still take
    size_t kept;                    // pieces are refused when less than this is left
    struct piece *pieces;           // given back, wiped
};

static void *arena_block_new(size_t size)
{
    void *p = SCARD11_ALLOC(size);
    if (p) memset(p, 0, size);
    return p;
}

static void arena_block_free(void *p, size_t size)
{
    mem_wipe(p, size);
    SCARD11_FREE(p, size);
}

static void arena_init(struct arena *arena, size_t limit)
{
    *arena = (struct arena){ .left = limit, .kept = limit / 2 };
}

// Makes a new block with room for size bytes the one that memory is taken from.
static bool arena_grow(struct arena *arena, size_t size)
{
    size_t want = size + ARENA_ALIGN < ARENA_BLOCK ? ARENA_BLOCK : size + ARENA_ALIGN;
    if (want < size || want > arena->left) return false;
    struct arena_block *block = arena_block_new(want);
    if (!block) return false;
    *block = (struct arena_block){ arena->blocks, want };
    arena->blocks = block;
    arena->left -= want;
    arena->at = (u8 *)block + ARENA_ALIGN;
    arena->end = (u8 *)block + want;
    return true;
}

// Room for n objects of size, zeroed, or NULL. What it returns lives as long as the arena.
static void *arena_alloc(struct arena *arena, size_t size, size_t n)
{
    SCARD11_ASSERT(size && arena->at <= arena->end);
    if (n && size > SIZE_MAX / 2 / n) return NULL;
    size = (size * n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (size > (size_t)(arena->end - arena->at) && !arena_grow(arena, size)) return NULL;
    void *p = arena->at;
    arena->at += size;
    return p;
}

#define ARENA_NEW(a, type, n) ((type *)arena_alloc((a), sizeof(type), (n)))

// A copy that lives as long as the arena; p is NULL when there is no room (and n is not 0).
static bytes arena_copy(struct arena *arena, bytes s)
{
    u8 *p = s.n ? ARENA_NEW(arena, u8, s.n) : NULL;
    if (!p) return (bytes){ NULL, s.n };
    memcpy(p, s.p, s.n);
    return (bytes){ p, s.n };
}

static void arena_free(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        arena_block_free(block, block->size);
    }
    *arena = (struct arena){ .left = 0 };
}

// ---- Chains: what comes and goes while a card stays ----

// Bytes in pieces. {0} is an empty chain.
struct chain {
    struct piece *first, *last;
    size_t n;
};

// A zeroed piece, or NULL. arena_piece_drop gives it back. A piece stays one. Pieces take no more
// than half of what a card may take: its objects can still be read when sessions filled that half.
static struct piece *arena_piece(struct arena *arena)
{
    struct piece *piece = arena->pieces;
    if (!piece && arena->left < arena->kept) return NULL;
    if (!piece) return ARENA_NEW(arena, struct piece, 1);
    arena->pieces = piece->next;
    piece->next = NULL;
    return piece;
}

// The piece that data is of; NULL stays NULL.
static struct piece *arena_piece_of(void *data)
{
    return data ? (struct piece *)(void *)((u8 *)data - offsetof(struct piece, data)) : NULL;
}

static void arena_piece_drop(struct arena *arena, struct piece *piece)
{
    if (!piece) return;
    mem_wipe(piece, sizeof *piece);
    piece->next = arena->pieces;
    arena->pieces = piece;
}

// Appends to a chain. ST_ARENA_FULL leaves a part of s appended: the caller drops the chain.
static st arena_chain_put(struct arena *arena, struct chain *chain, bytes s)
{
    while (s.n) {
        size_t used = chain->n % sizeof chain->first->data;
        if (!used) {
            struct piece *piece = arena_piece(arena);
            if (!piece) return ST_ARENA_FULL;
            if (chain->last) chain->last->next = piece;
            else chain->first = piece;
            chain->last = piece;
        }
        bytes part = bytes_head(s, sizeof chain->last->data - used);
        memcpy(chain->last->data + used, part.p, part.n);
        chain->n += part.n;
        s = bytes_from(s, part.n);
    }
    return ST_OK;
}

// Copies all of a chain to b.
static void arena_chain_get(const struct chain *chain, struct buf *b)
{
    size_t left = chain->n;
    for (const struct piece *piece = chain->first; piece && left; piece = piece->next) {
        bytes part = bytes_head(bytes_of(piece->data, sizeof piece->data), left);
        buf_put(b, part);
        left -= part.n;
    }
}

// A place in a chain that is read piece by piece.
struct chain_place {
    const struct piece *piece;
    size_t at, left;
};

static struct chain_place arena_chain_start(const struct chain *chain)
{
    return (struct chain_place){ chain->first, 0, chain->n };
}

// Appends the next n bytes to b, or passes over them (b NULL). false: there are not so many.
static bool arena_chain_take(struct chain_place *place, size_t n, struct buf *b)
{
    if (n > place->left) return false;
    place->left -= n;
    while (n) {
        if (place->at == sizeof place->piece->data) {
            place->piece = place->piece->next;
            place->at = 0;
        }
        bytes data = bytes_of(place->piece->data, sizeof place->piece->data);
        bytes part = bytes_head(bytes_from(data, place->at), n);
        if (b) buf_put(b, part);
        place->at += part.n;
        n -= part.n;
    }
    return true;
}

static void arena_chain_drop(struct arena *arena, struct chain *chain)
{
    while (chain->first) {
        struct piece *piece = chain->first;
        chain->first = piece->next;
        arena_piece_drop(arena, piece);
    }
    *chain = (struct chain){ NULL, NULL, 0 };
}

// ---- Scratch: what a call works in ----

// Scratch is passed by value, in two registers: what a function takes is given back by its return.
// How far the room was ever used is noted at its end; the end of the call wipes that much.
struct scratch {
    u8 *at;
    struct scratch_end {
        u8 *high;
    } *end;
};

// Scratch over a block of memory, which is aligned as malloc does.
static struct scratch scratch_on(u8 *block, size_t size)
{
    SCARD11_ASSERT(size >= sizeof(struct scratch_end));
    size_t end = (size - sizeof(struct scratch_end)) & ~(size_t)(ARENA_ALIGN - 1);
    struct scratch scratch = { block, (struct scratch_end *)(void *)(block + end) };
    scratch.end->high = block;
    return scratch;
}

static size_t scratch_left(const struct scratch *scratch)
{
    return (size_t)((u8 *)scratch->end - scratch->at);
}

// n bytes, zeroed, or NULL.
static void *scratch_alloc(struct scratch *scratch, size_t n)
{
    size_t size = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (size < n || size > scratch_left(scratch)) return NULL;
    void *p = scratch->at;
    scratch->at += size;
    if (scratch->at > scratch->end->high) scratch->end->high = scratch->at;
    memset(p, 0, size);
    return p;
}

// A writer over n bytes of scratch; over none, which is full at the first put, if there is no room.
static struct buf scratch_buf(struct scratch *scratch, size_t n)
{
    void *p = scratch_alloc(scratch, n);
    return buf_on(p, p ? n : 0);
}

// A writer over all that is left, for an answer of unknown length; scratch_keep takes back the
// rest.
static struct buf scratch_rest(struct scratch *scratch)
{
    struct buf b = buf_on(scratch->at, scratch_left(scratch));
    scratch->at = (u8 *)scratch->end;
    scratch->end->high = scratch->at;
    return b;
}

static bytes scratch_keep(struct scratch *scratch, const struct buf *b)
{
    SCARD11_ASSERT(b->p + b->cap <= (u8 *)scratch->end);
    size_t size = (b->n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    scratch->at = size < b->cap ? b->p + size : b->p + b->cap;
    return buf_bytes(b);
}

/* ================================================================================================
 * MARK: - >>handle
 * What an application holds instead of a pointer.
 *
 * Owns    the epoch counter, and the encoding of CK_OBJECT_HANDLE and CK_SESSION_HANDLE:
 *
 *             high bits      11         0      epoch  52 bits (20 where CK_ULONG has 32), never 0,
 *            +--------------+------------+            one counter for the whole library
 *            |    epoch     |   index    |     index  object: its entry;
 *            +--------------+------------+            session: its reader and entry
 *
 *         Each table entry keeps the handle it was given out under; a lookup is one index and one
 *         compare. 0 is never a handle. With 20 bits the counter wraps after a million: a stale
 *         handle would have to be exactly as old and hit the same entry.
 * Names   handle_
 * Tests   tests/unit/handle.c
 * ==============================================================================================*/

#define HANDLE_INDEX_BITS 12
#define HANDLE_INDEX_MASK ((1u << HANDLE_INDEX_BITS) - 1)
#define HANDLE_EPOCH_MAX  ((u64)((CK_ULONG)~(CK_ULONG)0 >> HANDLE_INDEX_BITS))

static u64 handle_last_epoch;           // under the library lock

// Every card insertion, opened session and created object takes a new epoch, so no two things that
// could be mistaken for each other share one. Takes the library lock.
static u64 handle_new_epoch(void)
{
    os_acquire(&os_library);
    handle_last_epoch = handle_last_epoch % HANDLE_EPOCH_MAX + 1;
    u64 epoch = handle_last_epoch;
    os_release(&os_library);
    return epoch;
}

static CK_ULONG handle_make(u64 epoch, u32 index)
{
    SCARD11_ASSERT(epoch && epoch <= HANDLE_EPOCH_MAX && index <= HANDLE_INDEX_MASK);
    return (CK_ULONG)(epoch << HANDLE_INDEX_BITS | index);
}

static u32 handle_index(CK_ULONG handle)
{
    return (u32)handle & HANDLE_INDEX_MASK;
}

/* ================================================================================================
 * MARK: - >>tlv
 * BER-TLV and DER: reading and writing.
 *
 * Owns    struct tlv
 * Names   tlv_
 * Specs   ISO 7816-4 (BER-TLV data objects), X.690 (DER)
 * Tests   tests/unit/tlv.c
 * ==============================================================================================*/

#ifndef TLV_COUNT
#define TLV_COUNT                   // the tests count here how much work a card's content makes
#endif

// Tags of ASN.1's own types (X.690), and those that a syntax numbers itself, [0] to [30]: of a
// value as it is, or of data objects in it.
enum tlv_tag { TLV_BOOLEAN = 0x01, TLV_INTEGER = 0x02, TLV_BITS = 0x03, TLV_OCTETS = 0x04,
               TLV_NULL = 0x05, TLV_OID = 0x06, TLV_ENUMERATED = 0x0a, TLV_UTF8 = 0x0c,
               TLV_TIME = 0x18, TLV_SEQUENCE = 0x30, TLV_SET = 0x31 };
#define TLV_PRIMITIVE(n)   (0x80u + (n))
#define TLV_CONSTRUCTED(n) (0xa0u + (n))

// Tags of a card-verifiable certificate (BSI TR-03110, part 3, D).
enum tlv_cvc { TLV_CVC_REQUEST = 0x67, TLV_CVC = 0x7f21, TLV_CVC_BODY = 0x7f4e,
               TLV_CVC_HOLDER = 0x5f20, TLV_CVC_KEY = 0x7f49 };

struct tlv {
    u32   tag;              // as it stands: 0x5f2f is one tag
    bytes value;
    bytes whole;            // with tag and length
};

// Takes the next data object off rest. ST_NOT_FOUND: nothing is left; ST_PROTOCOL: what is left is
// no data object. part: the value may be cut off; what there is of it is then taken.
static st tlv_read(bytes *rest, bool part, struct tlv *out)
{
    TLV_COUNT
    bytes s = *rest;
    size_t at = 0, n;
    if (!s.n) return ST_NOT_FOUND;
    u32 tag = s.p[at++];
    if ((tag & 0x1f) == 0x1f) {                 // more bytes, the last without bit 8
        do {
            if (at == s.n || at == 4) return ST_PROTOCOL;
            tag = tag << 8 | s.p[at];
        } while (s.p[at++] & 0x80);
    }
    if (at == s.n) return ST_PROTOCOL;
    n = s.p[at++];
    if (n >= 0x80) {
        size_t len_bytes = n & 0x7f;
        if (!len_bytes || len_bytes > 4 || len_bytes > s.n - at) return ST_PROTOCOL;
        n = (size_t)bytes_number(bytes_of(s.p + at, len_bytes));
        at += len_bytes;
    }
    if (n > s.n - at && !part) return ST_PROTOCOL;
    if (n > s.n - at) n = s.n - at;
    *out = (struct tlv){ tag, bytes_of(s.p + at, n), bytes_head(s, at + n) };
    *rest = bytes_from(s, at + n);
    return ST_OK;
}

static st tlv_next(bytes *rest, struct tlv *out)
{
    return tlv_read(rest, false, out);
}

// The first data object of that tag among siblings.
static bool tlv_find(bytes in, u32 tag, bytes *value)
{
    struct tlv tlv;
    while (!tlv_next(&in, &tlv)) {
        if (tlv.tag != tag) continue;
        *value = tlv.value;
        return true;
    }
    return false;
}

// The value of the data object that in begins with, if it has that tag; part: it may be cut off.
// What follows it is not looked at.
static st tlv_open_some(bytes in, bool part, u32 tag, bytes *value)
{
    struct tlv tlv;
    if (tlv_read(&in, part, &tlv) || tlv.tag != tag) return ST_PROTOCOL;
    *value = tlv.value;
    return ST_OK;
}

static st tlv_open(bytes in, u32 tag, bytes *value)
{
    return tlv_open_some(in, false, tag, value);
}

// Takes the data object that in begins with off it. ST_PROTOCOL: there is none, or of another tag.
static st tlv_take(bytes *in, u32 tag, struct tlv *out)
{
    return tlv_next(in, out) || out->tag != tag ? ST_PROTOCOL : ST_OK;
}

// How many bytes tlv_put writes for a value of len bytes (less than 16 MiB).
static size_t tlv_size(u32 tag, size_t len)
{
    size_t tag_bytes = 1, len_bytes = 1;
    while (tag >>= 8) tag_bytes++;
    if (len > 0x7f) len_bytes++;
    if (len > 0xff) len_bytes++;
    if (len > 0xffff) len_bytes++;
    return tag_bytes + len_bytes + len;
}

static void tlv_put_header(struct buf *b, u32 tag, size_t len)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        if (tag >> shift || !shift) buf_put8(b, tag >> shift);
    if (len > 0xffff) buf_put(b, BYTES(0x83, (u8)(len >> 16)));
    else if (len > 0xff) buf_put8(b, 0x82);
    else if (len > 0x7f) buf_put8(b, 0x81);
    if (len > 0xff) buf_put8(b, (unsigned)(len >> 8));
    buf_put8(b, (unsigned)len);
}

static void tlv_put(struct buf *b, u32 tag, bytes value)
{
    tlv_put_header(b, tag, value.n);
    buf_put(b, value);
}

// A DER INTEGER of an unsigned number.
static void tlv_put_integer(struct buf *b, bytes number)
{
    number = bytes_trim(number);
    bool sign = !number.n || *number.p & 0x80;
    tlv_put_header(b, 0x02, number.n + sign);
    if (sign) buf_put8(b, 0);
    buf_put(b, number);
}

// The number in a DER INTEGER's value, without leading zeros. A negative or empty one is refused.
static st tlv_integer(bytes value, bytes *number)
{
    if (!value.n || *value.p & 0x80) return ST_PROTOCOL;
    *number = bytes_trim(value);
    return ST_OK;
}

/* ================================================================================================
 * MARK: - >>x509
 * The parts of a certificate that PKCS#11 asks for.
 *
 * Owns    struct x509. Walks the DER itself: mbedTLS refuses certificates with Ed25519 and X25519
 *         keys whole, and what is wanted are views of the encoding, not checked values. Nothing
 *         here says that a certificate is to be trusted.
 * Uses    >>tlv
 * Names   x509_
 * Specs   RFC 5280 4.1, 4.2.1.3, 4.2.1.9
 * Tests   tests/unit/x509.c
 * ==============================================================================================*/

// Bits of keyUsage, the first is the highest.
#define X509_DIGITAL_SIGNATURE 0x8000
#define X509_NON_REPUDIATION   0x4000
#define X509_KEY_ENCIPHERMENT  0x2000
#define X509_DATA_ENCIPHERMENT 0x1000
#define X509_KEY_AGREEMENT     0x0800

struct x509 {
    bytes whole;                    // the certificate, without what follows it; empty: of a part
    bytes serial, issuer, subject;  // DER with their tags
    bytes spki;
    bytes not_before, not_after;    // DER with their tags
    bytes extensions;               // the SEQUENCE's content; empty: none
};

// Finds the parts of a certificate: views into der, which must outlive them. part: der may be cut
// off behind what stands before the extensions; out->whole is then empty.
static st x509_parse_some(bytes der, bool part, struct x509 *out)
{
    struct tlv certificate, tlv;
    struct x509 x509 = { .whole = BYTES_NONE };
    bytes rest, algorithm, validity;
    bytes *const fields[] = { &x509.serial, &algorithm, &x509.issuer, &validity, &x509.subject,
                              &x509.spki };
    if (tlv_read(&der, part, &certificate) || certificate.tag != 0x30) return ST_PROTOCOL;
    if (!part) x509.whole = certificate.whole;
    TRY(tlv_open_some(certificate.value, part, 0x30, &rest));
    bytes peek = rest;
    if (!tlv_take(&peek, 0xa0, &tlv)) rest = peek;        // version
    for (size_t i = 0; i < COUNT(fields); i++) {
        TRY(tlv_take(&rest, i ? 0x30 : 0x02, &tlv));
        *fields[i] = tlv.whole;
    }
    TRY(tlv_open(validity, 0x30, &validity));
    if (tlv_next(&validity, &tlv)) return ST_PROTOCOL;
    x509.not_before = tlv.whole;
    if (tlv_next(&validity, &tlv)) return ST_PROTOCOL;
    x509.not_after = tlv.whole;
    while (!tlv_next(&rest, &tlv))
        if (tlv.tag == 0xa3) TRY(tlv_open(tlv.value, 0x30, &x509.extensions));
    *out = x509;
    return ST_OK;
}

static st x509_parse(bytes der, struct x509 *out)
{
    return x509_parse_some(der, false, out);
}

// The value of an extension, by the last byte of its OID below 2.5.29 (id-ce); empty: not there.
static bytes x509_extension(const struct x509 *x509, u8 number)
{
    bytes rest = x509->extensions;
    struct tlv extension, part;
    while (!tlv_take(&rest, 0x30, &extension)) {
        bytes in = extension.value, value = BYTES_NONE;
        if (tlv_take(&in, 0x06, &part)) continue;
        if (!bytes_equal(part.value, BYTES(0x55, 0x1d, number))) continue;
        while (!tlv_next(&in, &part))                   // critical, or not there
            if (part.tag == 0x04) value = part.value;
        return value;
    }
    return BYTES_NONE;
}

// keyUsage, if the certificate has it.
static bool x509_key_usage(const struct x509 *x509, u16 *bits)
{
    bytes string;
    if (tlv_open(x509_extension(x509, 15), 0x03, &string) || string.n < 2) return false;
    *bits = (u16)(string.p[1] << 8 | (string.n > 2 ? string.p[2] : 0));
    return true;
}

// Does basicConstraints say that the subject is a certification authority?
static bool x509_is_authority(const struct x509 *x509)
{
    bytes in;
    struct tlv ca;
    return !tlv_open(x509_extension(x509, 19), 0x30, &in) && !tlv_take(&in, 0x01, &ca) &&
           ca.value.n == 1 && *ca.value.p;
}

// The bits of the subject's public key: the BIT STRING without the count of unused bits.
static bytes x509_key_bits(const struct x509 *x509)
{
    bytes in;
    struct tlv part;
    if (tlv_open(x509->spki, 0x30, &in) || tlv_take(&in, 0x30, &part) ||
        tlv_take(&in, 0x03, &part) || !part.value.n)
        return BYTES_NONE;
    return bytes_from(part.value, 1);
}

// The common name in a DER Name, if it is written in a way that is UTF-8: the last one there is.
static bytes x509_common_name(bytes name)
{
    bytes rest, found = BYTES_NONE;
    struct tlv set, pair, oid, text;
    if (tlv_open(name, 0x30, &rest)) return BYTES_NONE;
    while (!tlv_take(&rest, 0x31, &set)) {
        if (tlv_take(&set.value, 0x30, &pair) || tlv_take(&pair.value, 0x06, &oid) ||
            tlv_next(&pair.value, &text) || !bytes_equal(oid.value, BYTES(0x55, 0x04, 0x03)))
            continue;
        if (text.tag == 0x0c || text.tag == 0x13 || text.tag == 0x16) found = text.value;
    }
    return bytes_head(found, 255);
}

// The day of a UTCTime or GeneralizedTime as CK_DATE has it: YYYYMMDD.
static st x509_date(bytes time, char out[8])
{
    struct tlv tlv;
    TRY(tlv_next(&time, &tlv));
    size_t year = tlv.tag == 0x18 ? 4 : 2;
    if ((tlv.tag != 0x17 && tlv.tag != 0x18) || tlv.value.n < year + 4) return ST_PROTOCOL;
    for (size_t i = 0; i < year + 4; i++)
        if (tlv.value.p[i] < '0' || tlv.value.p[i] > '9') return ST_PROTOCOL;
    if (year == 2)
        memcpy(out, tlv.value.p[0] < '5' ? "20" : "19", 2);    // RFC 5280, 4.1.2.5.1
    memcpy(out + (4 - year), tlv.value.p, year + 4);
    return ST_OK;
}

/* ================================================================================================
 * MARK: - >>zlib
 * Certificates that are stored compressed.
 *
 * Owns    inflating, with memory from scratch and an output that cannot grow beyond it
 * Names   zlib_
 * Specs   RFC 1950 (zlib), RFC 1952 (gzip)
 * Tests   tests/unit/zlib.c
 * ==============================================================================================*/

#if SCARD11_ZLIB
#define ZLIB_EITHER    (15 + 32)        // windowBits of inflateInit2: the largest, zlib or gzip
#define ZLIB_WINDOW    (32768 + 64)     // bytes that inflate takes when it first needs its window
#define ZLIB_INPUT_MAX 0xffffff         // bytes

static voidpf zlib_alloc(voidpf scratch, uInt n, uInt size)
{
    if (size && n > (uInt)-1 / size) return NULL;
    return scratch_alloc(scratch, (size_t)n * size);
}

static void zlib_free(voidpf scratch, voidpf p)
{
    (void)scratch; (void)p;                             // the caller's return gives it back
}

// Inflates a gzip or zlib stream into what is left of scratch. *out is what came of it, taken from
// scratch. ST_ARENA_FULL: scratch has too little room for it.
static st zlib_inflate(bytes in, struct scratch *scratch, bytes *out)
{
    struct scratch work = *scratch;
    size_t window = ZLIB_WINDOW;
    z_stream z;
    memset(&z, 0, sizeof z);
    z.zalloc = zlib_alloc;
    z.zfree = zlib_free;
    z.opaque = &work;
    if (in.n > ZLIB_INPUT_MAX || inflateInit2(&z, ZLIB_EITHER) != Z_OK) return ST_HOST_MEMORY;
    size_t room = scratch_left(&work);
    if (room <= window) return ST_HOST_MEMORY;
    struct buf b = scratch_buf(&work, (room - window) & ~(size_t)(ARENA_ALIGN - 1));
    z.next_in = (Bytef *)(uintptr_t)in.p;
    z.avail_in = (uInt)in.n;
    z.next_out = b.p;
    z.avail_out = (uInt)b.cap;
    int rc = inflate(&z, Z_FINISH);
    b.n = b.cap - z.avail_out;
    inflateEnd(&z);
    if (rc == Z_BUF_ERROR && !z.avail_out) return ST_ARENA_FULL;
    if (rc != Z_STREAM_END) return ST_PROTOCOL;
    *scratch = work;
    scratch->at = b.p;                                  // the window is no longer needed
    *out = scratch_keep(scratch, &b);
    return ST_OK;
}
#else
static st zlib_inflate(bytes in, struct scratch *scratch, bytes *out)
{
    (void)in; (void)scratch; (void)out;
    return ST_NOT_SUPPORTED;
}
#endif

/* ================================================================================================
 * MARK: - >>alg
 * Hashes, curves, key types.
 *
 * Owns    the constant tables; struct alg_key, a public key; struct alg_use, what is done with one
 * Uses    >>tlv
 * Names   alg_
 * Specs   RFC 8017 (RSA), RFC 5480 and RFC 8410 (EC keys), SEC 2 and RFC 5639 (curves)
 * Tests   tests/unit/alg.c
 * ==============================================================================================*/

enum alg_type { ALG_NONE, ALG_RSA, ALG_EC, ALG_EDWARDS, ALG_MONTGOMERY, ALG_SECRET };
// How a key is used: the padding of an RSA block, the mode of a cipher, or neither (ALG_RAW).
enum alg_scheme { ALG_RAW, ALG_PKCS1, ALG_PSS, ALG_OAEP,
                  ALG_HMAC, ALG_CMAC, ALG_ECB, ALG_CBC, ALG_CBC_PADDED, ALG_CTR, ALG_GCM };

#define ALG_BLOCK 16                    // of AES, in bytes

#define ALG_RSA_MIN_BITS 512
#define ALG_RSA_MAX_BITS 4096
#define ALG_RSA_KEY (ALG_RSA_MAX_BITS / 8 + 64)     // room for an RSAPublicKey
#define ALG_RESULT_MAX 600              // room for what any key makes: RSA-4096 makes 512 bytes

struct alg_hash {
    const char *name;
    CK_MECHANISM_TYPE mechanism;
    CK_RSA_PKCS_MGF_TYPE mgf;       // 0: it has none
    psa_algorithm_t psa;
    size_t size, block;             // of the digest; of what it is made from at a time, for HMAC
    u8 oid_len, oid[9];
};

#define ALG_HASH_MAX   64           // bytes of the longest digest
#define ALG_HASH_BLOCK 144          // of the longest block that there is: SHA3-224's

static const struct alg_hash alg_hashes[] = {
    { "SHA-1",   CKM_SHA_1,  CKG_MGF1_SHA1,   PSA_ALG_SHA_1,   20, 64, 5,
      { 0x2b, 0x0e, 0x03, 0x02, 0x1a } },
    { "SHA-224", CKM_SHA224, CKG_MGF1_SHA224, PSA_ALG_SHA_224, 28, 64,
      9, { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04 } },
    { "SHA-256", CKM_SHA256, CKG_MGF1_SHA256, PSA_ALG_SHA_256, 32, 64,
      9, { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01 } },
    { "SHA-384", CKM_SHA384, CKG_MGF1_SHA384, PSA_ALG_SHA_384, 48, 128,
      9, { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02 } },
    { "SHA-512", CKM_SHA512, CKG_MGF1_SHA512, PSA_ALG_SHA_512, 64, 128,
      9, { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03 } },
};

// family 0: mbedTLS does not have it.
struct alg_curve {
    const char *name;
    enum alg_type type;
    u32 bits, size;                 // size: bytes of a coordinate, or of the raw key
    psa_ecc_family_t family;
    u8 oid_len, oid[11];            // DER with its tag
};

static const struct alg_curve alg_curves[] = {
    { "P-256", ALG_EC, 256, 32, PSA_ECC_FAMILY_SECP_R1,
      10, { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 } },
    { "P-384", ALG_EC, 384, 48, PSA_ECC_FAMILY_SECP_R1, 7,
      { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 } },
    { "P-521", ALG_EC, 521, 66, PSA_ECC_FAMILY_SECP_R1, 7,
      { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23 } },
    { "secp256k1", ALG_EC, 256, 32, PSA_ECC_FAMILY_SECP_K1,
      7, { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a } },
    { "brainpoolP256r1", ALG_EC, 256, 32, PSA_ECC_FAMILY_BRAINPOOL_P_R1,
      11, { 0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07 } },
    { "brainpoolP384r1", ALG_EC, 384, 48, PSA_ECC_FAMILY_BRAINPOOL_P_R1,
      11, { 0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0b } },
    { "brainpoolP512r1", ALG_EC, 512, 64, PSA_ECC_FAMILY_BRAINPOOL_P_R1,
      11, { 0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0d } },
    { "Ed25519", ALG_EDWARDS, 255, 32, 0, 5, { 0x06, 0x03, 0x2b, 0x65, 0x70 } },
    { "X25519", ALG_MONTGOMERY, 255, 32, PSA_ECC_FAMILY_MONTGOMERY, 5,
      { 0x06, 0x03, 0x2b, 0x65, 0x6e } },
};

static const u8 alg_oid_rsa[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
                                  0x01 };
static const u8 alg_oid_ec[]  = { 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };

// A public key; its numbers are views into spki, or into what it was made from.
struct alg_key {
    enum alg_type type;
    u32   bits;
    const struct alg_curve *curve;      // NULL for RSA
    bytes modulus, exponent;            // without leading zeros
    bytes point;                        // 04 x y, or the raw bytes
    bytes spki;                         // SubjectPublicKeyInfo
};

// What is done with a key. hash NULL: the input is hashed (or a DigestInfo) already.
struct alg_use {
    enum alg_type type;
    enum alg_scheme scheme;
    const struct alg_hash *hash, *mgf;
    u32 salt;                           // of PSS, in bytes
    u32 block;                          // of a cipher, in bytes
    // Of a whole block of RSA (scheme is ALG_RAW): the padding that the host put round it, and of
    // PSS, with hash, mgf and salt, the digest inside. With that PSA can check the signature.
    enum alg_scheme made;
    bytes digest;
};

static const struct alg_hash *alg_hash_find(CK_MECHANISM_TYPE mechanism)
{
    for (size_t i = 0; i < COUNT(alg_hashes); i++)
        if (alg_hashes[i].mechanism == mechanism) return &alg_hashes[i];
    return NULL;
}

static const struct alg_hash *alg_hash_of_mgf(CK_RSA_PKCS_MGF_TYPE mgf)
{
    for (size_t i = 0; i < COUNT(alg_hashes); i++)
        if (mgf && alg_hashes[i].mgf == mgf) return &alg_hashes[i];
    return NULL;
}

static bytes alg_curve_oid(const struct alg_curve *curve)
{
    return bytes_of(curve->oid, curve->oid_len);
}

// The curve of an OID in DER, or NULL.
static const struct alg_curve *alg_curve_find(bytes oid)
{
    for (size_t i = 0; i < COUNT(alg_curves); i++)
        if (bytes_equal(oid, alg_curve_oid(&alg_curves[i]))) return &alg_curves[i];
    return NULL;
}

static const struct alg_curve *alg_curve_named(const char *name)
{
    for (size_t i = 0; i < COUNT(alg_curves); i++)
        if (!strcmp(alg_curves[i].name, name)) return &alg_curves[i];
    return NULL;
}

// What a card calls the algorithm of keys of that size, or on that curve. curve NULL: RSA.
struct alg_number {
    u8  number;
    u32 bits;
    const char *curve;
};

// The number of a key's algorithm among n; 0: the card has none for it.
static u8 alg_number_of(const struct alg_number *numbers, size_t n, const struct alg_key *key)
{
    for (size_t i = 0; i < n; i++) {
        const char *curve = numbers[i].curve;
        bool is = curve ? key->curve == alg_curve_named(curve)
                        : key->type == ALG_RSA && key->bits == numbers[i].bits;
        if (is) return numbers[i].number;
    }
    return 0;
}

static size_t alg_key_bytes(const struct alg_key *key)
{
    return (key->bits + 7) / 8;
}

// Has a point the form that the curve's points have? Whether it lies on the curve is not looked at.
static bool alg_point_good(const struct alg_curve *curve, bytes point)
{
    if (curve->type != ALG_EC) return point.n == curve->size;
    return point.n == 1 + 2 * (size_t)curve->size && *point.p == 0x04;
}

static CK_KEY_TYPE alg_key_type(const struct alg_key *key)
{
    switch (key->type) {
    case ALG_RSA:     return CKK_RSA;
    case ALG_EC:      return CKK_EC;
    case ALG_EDWARDS: return CKK_EC_EDWARDS;
    default:          return CKK_EC_MONTGOMERY;
    }
}

// Bytes of a signature as PKCS#11 has it, and of a cryptogram.
static size_t alg_signature_size(const struct alg_key *key)
{
    return key->type == ALG_RSA ? alg_key_bytes(key) : 2 * (size_t)key->curve->size;
}

// The bits of a number without leading zeros.
static u32 alg_bits(bytes number)
{
    u32 bits = (u32)number.n * 8;
    for (u8 top = number.n ? *number.p : 0x80; !(top & 0x80); top = (u8)(top << 1)) bits--;
    return bits;
}

// Has an RSA key a size that is known here? Notes it.
static st alg_check_rsa(struct alg_key *key)
{
    key->bits = alg_bits(key->modulus);
    if (key->bits < ALG_RSA_MIN_BITS || key->bits > ALG_RSA_MAX_BITS || key->bits % 8)
        return ST_PROTOCOL;
    return key->exponent.n && key->exponent.n <= 8 ? ST_OK : ST_PROTOCOL;
}

// Takes a public key of key->type as ISO 7816-8 has it (7F49): modulus and exponent, or the point.
// Whether they are good is not looked at.
static st alg_take_public(bytes in, struct alg_key *key)
{
    enum { MODULUS = 0x81, EXPONENT = 0x82, POINT = 0x86 };
    bool rsa = key->type == ALG_RSA;
    if (!tlv_find(in, rsa ? MODULUS : POINT, rsa ? &key->modulus : &key->point)) return ST_PROTOCOL;
    if (!rsa) return ST_OK;
    if (!tlv_find(in, EXPONENT, &key->exponent)) return ST_PROTOCOL;
    key->modulus = bytes_trim(key->modulus);
    key->exponent = bytes_trim(key->exponent);
    return ST_OK;
}

static st alg_parse_rsa(bytes der, struct alg_key *key)
{
    struct tlv n, e;
    bytes in;
    TRY(tlv_open(der, 0x30, &in));
    TRY(tlv_take(&in, 0x02, &n));
    TRY(tlv_take(&in, 0x02, &e));
    TRY(tlv_integer(n.value, &key->modulus));
    TRY(tlv_integer(e.value, &key->exponent));
    return alg_check_rsa(key);
}

// Parses a SubjectPublicKeyInfo of a kind that is known here; the key's views are into spki.
static st alg_parse_spki(bytes spki, struct alg_key *out)
{
    struct tlv whole, algorithm, oid, string;
    struct alg_key key = { .type = ALG_RSA };
    bytes in, public_key;
    TRY(tlv_take(&spki, 0x30, &whole));         // what is behind it in a file is no part of it
    key.spki = whole.whole;
    in = whole.value;
    TRY(tlv_take(&in, 0x30, &algorithm));
    TRY(tlv_take(&in, 0x03, &string));
    if (string.value.n < 2 || *string.value.p) return ST_PROTOCOL;
    public_key = bytes_from(string.value, 1);
    TRY(tlv_take(&algorithm.value, 0x06, &oid));
    if (bytes_equal(oid.whole, bytes_of(alg_oid_rsa, sizeof alg_oid_rsa))) {
        TRY(alg_parse_rsa(public_key, &key));
        *out = key;
        return ST_OK;
    }
    bool ec = bytes_equal(oid.whole, bytes_of(alg_oid_ec, sizeof alg_oid_ec));
    if (ec) TRY(tlv_take(&algorithm.value, 0x06, &oid));
    key.curve = alg_curve_find(oid.whole);      // RFC 8410: or the algorithm is the curve
    if (!key.curve || (key.curve->type == ALG_EC) != ec) return ST_PROTOCOL;
    if (!alg_point_good(key.curve, public_key)) return ST_PROTOCOL;
    key.type = key.curve->type;
    key.bits = key.curve->bits;
    key.point = public_key;
    *out = key;
    return ST_OK;
}

// RSAPublicKey (RFC 8017, A.1.1): in an SPKI, and what PSA takes.
static void alg_encode_rsa(const struct alg_key *key, struct buf *out)
{
    size_t n = key->modulus.n + (key->modulus.n && *key->modulus.p & 0x80);
    size_t e = key->exponent.n + (key->exponent.n && *key->exponent.p & 0x80);
    tlv_put_header(out, 0x30, tlv_size(0x02, n) + tlv_size(0x02, e));
    tlv_put_integer(out, key->modulus);
    tlv_put_integer(out, key->exponent);
}

// Appends the SubjectPublicKeyInfo of a key.
static void alg_encode_spki(const struct alg_key *key, struct buf *out)
{
    u8 room[ALG_RSA_KEY], oids[32];
    struct buf public_key = buf_on(room, sizeof room), algorithm = buf_on(oids, sizeof oids);
    if (key->type == ALG_RSA) {
        alg_encode_rsa(key, &public_key);
        buf_put(&algorithm, bytes_of(alg_oid_rsa, sizeof alg_oid_rsa));
        tlv_put(&algorithm, 0x05, BYTES_NONE);
    } else {
        if (key->type == ALG_EC) buf_put(&algorithm, bytes_of(alg_oid_ec, sizeof alg_oid_ec));
        buf_put(&algorithm, alg_curve_oid(key->curve));
        buf_put(&public_key, key->point);
    }
    tlv_put_header(out, 0x30, tlv_size(0x30, algorithm.n) + tlv_size(0x03, public_key.n + 1));
    tlv_put(out, 0x30, buf_bytes(&algorithm));
    tlv_put_header(out, 0x03, public_key.n + 1);
    buf_put8(out, 0);
    buf_put(out, buf_bytes(&public_key));
    if (public_key.full || algorithm.full) out->full = true;
}

/* ================================================================================================
 * MARK: - >>hash
 * Digests, and MACs made of them: a thin layer over PSA.
 *
 * Owns    struct hash. It lives in a card's arena, and a removal frees it without an abort:
 *         mbedTLS's own hashes keep all they have in the structure, so nothing is lost by that.
 * Uses    >>alg
 * Names   hash_
 * Specs   PSA Crypto API 1.0, RFC 2104 (HMAC), RFC 5869 (HKDF)
 * Tests   tests/unit/hash.c
 * ==============================================================================================*/

struct hash {
    psa_hash_operation_t op;
};

static st hash_status(psa_status_t status)
{
    if (status == PSA_SUCCESS) return ST_OK;
    if (status == PSA_ERROR_INSUFFICIENT_MEMORY) return ST_HOST_MEMORY;
    if (status == PSA_ERROR_NOT_SUPPORTED) return ST_NOT_SUPPORTED;
    os_log("mbedTLS: PSA error %ld", (long)status);
    return ST_CRYPTO;
}

static st hash_begin(struct hash *hash, const struct alg_hash *alg)
{
    memset(hash, 0, sizeof *hash);
    SCARD11_CRYPTO_LOCK;
    psa_status_t status = psa_hash_setup(&hash->op, alg->psa);
    SCARD11_CRYPTO_UNLOCK;
    return hash_status(status);
}

static void hash_drop(struct hash *hash)
{
    SCARD11_CRYPTO_LOCK;
    psa_hash_abort(&hash->op);
    SCARD11_CRYPTO_UNLOCK;
}

static st hash_add(struct hash *hash, bytes in)
{
    SCARD11_CRYPTO_LOCK;
    psa_status_t status = in.n ? psa_hash_update(&hash->op, in.p, in.n) : PSA_SUCCESS;
    SCARD11_CRYPTO_UNLOCK;
    return hash_status(status);
}

// Appends the digest, and ends the hash, also when that fails.
static st hash_end(struct hash *hash, struct buf *out)
{
    size_t n = 0;
    SCARD11_CRYPTO_LOCK;
    psa_status_t status = psa_hash_finish(&hash->op, out->p + out->n, out->cap - out->n, &n);
    if (status != PSA_SUCCESS) psa_hash_abort(&hash->op);
    SCARD11_CRYPTO_UNLOCK;
    if (status == PSA_SUCCESS) out->n += n;             // mbedTLS fills the room when it fails
    return hash_status(status);
}

static st hash_of(const struct alg_hash *alg, bytes in, struct buf *out)
{
    struct hash hash;
    TRY(hash_begin(&hash, alg));
    st s = hash_add(&hash, in);
    if (s) hash_drop(&hash);
    return s ? s : hash_end(&hash, out);
}

// ---- HMAC and HKDF (RFC 2104, RFC 5869), over the hashes: PSA would want each key imported ----

// Begins a hash of the key's block, which mask (ipad, opad) is laid over.
static st hash_hmac_block(struct hash *hash, const struct alg_hash *alg, bytes key, u8 mask)
{
    u8 block[ALG_HASH_BLOCK];
    struct buf b = buf_on(block, alg->block);
    st s = ST_OK;
    SCARD11_ASSERT(alg->block <= sizeof block);
    if (key.n > b.cap) s = hash_of(alg, key, &b);
    else buf_put(&b, key);
    buf_fill(&b, 0, b.cap - b.n);
    for (size_t i = 0; i < b.cap; i++) block[i] ^= mask;
    if (!s) s = hash_begin(hash, alg);
    if (!s) {
        s = hash_add(hash, buf_bytes(&b));
        if (s) hash_drop(hash);
    }
    mem_wipe(block, sizeof block);
    return s;
}

static st hash_hmac_begin(struct hash *hash, const struct alg_hash *alg, bytes key)
{
    return hash_hmac_block(hash, alg, key, 0x36);
}

// Appends the MAC. inner is what the hash that hash_hmac_begin began came to.
static st hash_hmac_end(const struct alg_hash *alg, bytes key, bytes inner, struct buf *out)
{
    struct hash hash;
    TRY(hash_hmac_block(&hash, alg, key, 0x5c));
    st s = hash_add(&hash, inner);
    if (s) hash_drop(&hash);
    return s ? s : hash_end(&hash, out);
}

// The MAC of three parts, one after the other.
static st hash_hmac(const struct alg_hash *alg, bytes key, bytes a, bytes b, bytes c,
                    struct buf *out)
{
    u8 room[ALG_HASH_MAX];
    struct buf inner = buf_on(room, sizeof room);
    struct hash hash;
    TRY(hash_hmac_begin(&hash, alg, key));
    st s = hash_add(&hash, a);
    if (!s) s = hash_add(&hash, b);
    if (!s) s = hash_add(&hash, c);
    if (s) hash_drop(&hash);
    else s = hash_end(&hash, &inner);
    if (!s) s = hash_hmac_end(alg, key, buf_bytes(&inner), out);
    mem_wipe(room, sizeof room);
    return s;
}

// HKDF-Expand: appends n bytes, at most 255 hashes.
static st hash_hkdf_expand(const struct alg_hash *alg, bytes key, bytes info, size_t n,
                           struct buf *out)
{
    u8 room[ALG_HASH_MAX];
    struct buf t = buf_on(room, sizeof room);
    st s = n > 255 * alg->size ? ST_KEY_SIZE : ST_OK;
    for (unsigned i = 1; n && !s; i++) {
        struct buf next = buf_on(room, sizeof room);
        s = hash_hmac(alg, key, buf_bytes(&t), info, BYTES((u8)i), &next);
        t = next;
        size_t part = n < t.n ? n : t.n;
        buf_put(out, bytes_of(room, part));
        n -= part;
    }
    mem_wipe(room, sizeof room);
    return !s && out->full ? ST_HOST_MEMORY : s;
}

/* ================================================================================================
 * MARK: - >>random
 * Random numbers.
 *
 * Owns    the law that what is random is random in every process (random_bytes). PSA's generator
 *         alone is not enough: a forked child has a copy of its parent's, and would make its
 *         parent's keys. So the system's random bytes are laid over PSA's; either of them that
 *         fails is an error.
 * Names   random_
 * Tests   tests/unit/random.c
 * ==============================================================================================*/

// Lays n random bytes of the system over those at out.
static st random_stir(u8 *out, size_t n)
{
    u8 room[64];
    st s = ST_OK;
    while (n && !s) {
        size_t part = n < sizeof room ? n : sizeof room;
        s = os_random(room, part);
        for (size_t i = 0; i < part && !s; i++) out[i] ^= room[i];
        out += part;
        n -= part;
    }
    mem_wipe(room, sizeof room);
    return s;
}

// Fills n bytes at out. Keys, seeds, salts and padding come from here, and from nowhere else (but
// see cipher_seal).
static st random_bytes(u8 *out, size_t n)
{
    SCARD11_CRYPTO_LOCK;
    psa_status_t status = n ? psa_generate_random(out, n) : PSA_SUCCESS;
    SCARD11_CRYPTO_UNLOCK;
    st s = status == PSA_SUCCESS ? random_stir(out, n) : ST_RANDOM;
    if (s && n) mem_wipe(out, n);
    return s;
}

/* ================================================================================================
 * MARK: - >>padding
 * PKCS#1 v1.5, PSS, OAEP; ECDSA signatures in DER.
 *
 * Owns    what is put around a hash before a card signs it with raw RSA, and taken off after it
 *         decrypted. Taking off is the same work whatever the content is, and has one error.
 * Uses    >>tlv >>alg >>hash >>random
 * Names   padding_
 * Specs   RFC 8017 7.1, 7.2, 8.1, 9.1, 9.2; SEC 1 C.5
 * Tests   tests/unit/padding.c
 * ==============================================================================================*/

#define PADDING_INFO_MAX 96     // bytes of the longest DigestInfo, and some

static void padding_digest_info(const struct alg_hash *hash, bytes digest, struct buf *out)
{
    size_t oid = tlv_size(0x06, hash->oid_len) + tlv_size(0x05, 0);
    tlv_put_header(out, 0x30, tlv_size(0x30, oid) + tlv_size(0x04, digest.n));
    tlv_put_header(out, 0x30, oid);
    tlv_put(out, 0x06, bytes_of(hash->oid, hash->oid_len));
    tlv_put(out, 0x05, BYTES_NONE);
    tlv_put(out, 0x04, digest);
}

// EMSA-PKCS1-v1_5: 00 01 FF.. 00 in, k bytes in all.
static st padding_pkcs1_sign(bytes in, size_t k, struct buf *out)
{
    if (k < 11 || in.n > k - 11) return ST_DATA_LEN;
    buf_put16(out, 0x0001);
    buf_fill(out, 0xff, k - 3 - in.n);
    buf_put8(out, 0);
    buf_put(out, in);
    return ST_OK;
}

// What padding_pkcs1_sign put into a block, which may be nothing; BYTES_NONE: it did not make the
// block.
static bytes padding_pkcs1_signed(bytes block)
{
    size_t i = 2;
    if (block.n < 11 || block.p[0] || block.p[1] != 1) return BYTES_NONE;
    while (i < block.n && block.p[i] == 0xff) i++;
    if (i < 10 || i == block.n || block.p[i]) return BYTES_NONE;
    return bytes_of(block.p + i + 1, block.n - i - 1);
}

// Lays the mask that MGF1 makes of seed over n bytes at p (RFC 8017, B.2.1).
static st padding_mask(const struct alg_hash *hash, bytes seed, u8 *p, size_t n)
{
    for (u32 counter = 0; n; counter++) {
        u8 room[ALG_HASH_MAX];
        struct buf digest = buf_on(room, sizeof room);
        struct hash run;
        TRY(hash_begin(&run, hash));
        st s = hash_add(&run, seed);
        if (!s) s = hash_add(&run, BYTES(0, (u8)(counter >> 16), (u8)(counter >> 8), (u8)counter));
        if (s) hash_drop(&run);
        else s = hash_end(&run, &digest);
        if (s) return s;
        size_t part = n < digest.n ? n : digest.n;
        for (size_t i = 0; i < part; i++) p[i] ^= room[i];
        mem_wipe(room, sizeof room);
        p += part;
        n -= part;
    }
    return ST_OK;
}

// The hash H of PSS: eight zeros, digest, salt.
static st padding_pss_hash(const struct alg_hash *hash, bytes digest, bytes salt, struct buf *out)
{
    static const u8 zeros[8] = { 0 };
    struct hash run;
    TRY(hash_begin(&run, hash));
    st s = hash_add(&run, bytes_of(zeros, sizeof zeros));
    if (!s) s = hash_add(&run, digest);
    if (!s) s = hash_add(&run, salt);
    if (s) hash_drop(&run);
    return s ? s : hash_end(&run, out);
}

// Appends the EMSA-PSS block of a digest for a modulus of so many bits, as long as the modulus
// (RFC 8017, 9.1.1). The salt is random.
static st padding_pss(const struct alg_use *use, bytes digest, u32 bits, struct scratch scratch,
                      struct buf *out)
{
    size_t k = (bits + 7) / 8, em = (bits + 6) / 8, h = use->hash->size;
    struct buf salt = scratch_buf(&scratch, use->salt), block = scratch_buf(&scratch, k);
    u8 room[ALG_HASH_MAX];
    struct buf hash = buf_on(room, sizeof room);
    if (em < h + use->salt + 2) return ST_KEY_SIZE;
    if (!block.cap || salt.cap < use->salt) return ST_HOST_MEMORY;
    TRY(random_bytes(salt.p, use->salt));
    salt.n = use->salt;
    TRY(padding_pss_hash(use->hash, digest, buf_bytes(&salt), &hash));
    buf_fill(&block, 0, em - use->salt - h - 2);
    buf_put8(&block, 1);
    buf_put(&block, buf_bytes(&salt));
    TRY(padding_mask(use->mgf, buf_bytes(&hash), block.p, block.n));
    block.p[0] &= (u8)(0xff >> (8 * em - (bits - 1)));
    buf_fill(out, 0, k - em);
    buf_put(out, buf_bytes(&block));
    buf_put(out, buf_bytes(&hash));
    buf_put8(out, 0xbc);
    return out->full ? ST_HOST_MEMORY : ST_OK;
}

// EMSA-PSS-VERIFY (RFC 8017, 9.1.2) of a block that the public key opened. Nothing in it is secret.
static st padding_pss_check(const struct alg_use *use, bytes digest, u32 bits, bytes block,
                            struct scratch scratch)
{
    size_t em = (bits + 6) / 8, h = use->hash->size;
    u8 room[ALG_HASH_MAX], top = (u8)(0xff >> (8 * em - (bits - 1)));
    struct buf hash = buf_on(room, sizeof room);
    bytes m = bytes_from(block, block.n - em);
    if (em < h + use->salt + 2 || m.n != em || bytes_trim(block).n > em) return ST_SIG_INVALID;
    if (m.p[em - 1] != 0xbc || m.p[0] & ~top) return ST_SIG_INVALID;
    size_t n = em - h - 1, zeros = n - use->salt - 1;
    struct buf db = scratch_buf(&scratch, n);
    buf_put(&db, bytes_head(m, n));
    if (db.full) return ST_HOST_MEMORY;
    TRY(padding_mask(use->mgf, bytes_of(m.p + n, h), db.p, n));
    db.p[0] &= top;
    for (size_t i = 0; i < zeros; i++)
        if (db.p[i]) return ST_SIG_INVALID;
    if (db.p[zeros] != 1) return ST_SIG_INVALID;
    TRY(padding_pss_hash(use->hash, digest, bytes_of(db.p + zeros + 1, use->salt), &hash));
    return bytes_equal(buf_bytes(&hash), bytes_of(m.p + n, h)) ? ST_OK : ST_SIG_INVALID;
}

// ---- Taking off, in constant time ----

// All ones if a and b are equal, else 0, without a branch.
static u32 padding_ct_equal(u32 a, u32 b)
{
    u32 d = a ^ b;
    return ((d | (0u - d)) >> 31) - 1u;
}

// All ones if a < b (both below 2^31), else 0.
static u32 padding_ct_less(u32 a, u32 b)
{
    return 0u - ((a - b) >> 31);
}

// Shifts n bytes at p left by shift, which is secret and less than n. It goes bit by bit of shift,
// so that the same memory is touched whatever shift is.
static void padding_ct_shift(u8 *p, u32 n, u32 shift)
{
    for (u32 step = 1; step < n; step <<= 1) {
        u8 take = (u8)(0u - ((shift & step) != 0));
        for (u32 i = 0; i < n; i++) {
            u8 from = i + step < n ? p[i + step] : 0;
            p[i] = (u8)((p[i] & (u8)~take) | (from & take));
        }
    }
}

// Appends the message that begins at byte start of the n at p, and wipes p. good 0: the padding was
// wrong, and the answer is the one error for that, after the same work.
static st padding_ct_give(u8 *p, u32 n, u32 start, u32 good, struct buf *out)
{
    start &= good;                                      // a wrong one: something in range
    padding_ct_shift(p, n, start);
    st s = good ? ST_OK : ST_CIPHER_DATA;
    if (!s) buf_put(out, bytes_of(p, n - start));
    mem_wipe(p, n);
    return !s && out->full ? ST_HOST_MEMORY : s;
}

// Appends the message of an RSAES-PKCS1-v1_5 block (RFC 8017, 7.2.2): 00 02, at least eight bytes
// that are not 00, 00, message.
static st padding_pkcs1_open(bytes block, struct buf *out)
{
    u8 copy[ALG_RSA_MAX_BITS / 8];
    u32 n = (u32)block.n, found = 0, start = 0;
    if (block.n > sizeof copy || block.n < 11) return ST_CIPHER_DATA;
    memcpy(copy, block.p, block.n);
    u32 good = padding_ct_equal(copy[0], 0) & padding_ct_equal(copy[1], 2);
    for (u32 i = 2; i < n; i++) {
        u32 zero = padding_ct_equal(copy[i], 0) & ~found;
        start |= zero & (i + 1);
        found |= zero;
    }
    good &= found & ~padding_ct_less(start, 11);
    // A message of no bytes begins behind the block: shift less than n, and nothing is left of it.
    u32 empty = padding_ct_equal(start, n);
    if (good & empty) {
        mem_wipe(copy, sizeof copy);
        return ST_OK;
    }
    return padding_ct_give(copy, n, start, good, out);
}

// Appends the message of an EME-OAEP block (RFC 8017, 7.1.2): 00, masked seed, masked { hash of
// label, 00.., 01, message }.
static st padding_oaep_open(const struct alg_use *use, bytes label, bytes block,
                            struct scratch scratch, struct buf *out)
{
    size_t h = use->hash->size;
    u8 digest[ALG_HASH_MAX];
    struct buf label_hash = buf_on(digest, sizeof digest), copy = scratch_buf(&scratch, block.n);
    buf_put(&copy, block);
    if (copy.full) return ST_HOST_MEMORY;
    if (block.n < 2 * h + 2) return ST_CIPHER_DATA;
    TRY(hash_of(use->hash, label, &label_hash));
    u8 *seed = copy.p + 1, *db = seed + h;
    u32 n = (u32)(block.n - h - 1), found = 0, start = 0;
    TRY(padding_mask(use->mgf, bytes_of(db, n), seed, h));
    TRY(padding_mask(use->mgf, bytes_of(seed, h), db, n));
    u32 good = padding_ct_equal(copy.p[0], 0), diff = 0;
    for (size_t i = 0; i < h; i++) diff |= (u32)(db[i] ^ digest[i]);
    good &= padding_ct_equal(diff, 0);
    for (u32 i = (u32)h; i < n; i++) {
        u32 other = ~padding_ct_equal(db[i], 0) & ~found;
        good &= ~other | padding_ct_equal(db[i], 1);
        start |= other & (i + 1);
        found |= other;
    }
    good &= found;
    mem_wipe(copy.p, h + 1);
    if (good & padding_ct_equal(start, n)) {
        mem_wipe(db, n);
        return ST_OK;
    }
    return padding_ct_give(db, n, start, good, out);
}

// Appends an EME-OAEP block of k bytes with the message in (RFC 8017, 7.1.1).
static st padding_oaep_seal(const struct alg_use *use, bytes label, bytes in, size_t k,
                            struct buf *out)
{
    size_t h = use->hash->size, start = out->n;
    if (k < 2 * h + 2 || in.n > k - 2 * h - 2) return ST_DATA_LEN;
    buf_put8(out, 0);
    buf_fill(out, 0, h);
    TRY(hash_of(use->hash, label, out));
    buf_fill(out, 0, k - in.n - 2 * h - 2);
    buf_put8(out, 1);
    buf_put(out, in);
    if (out->full || out->n - start != k) return ST_HOST_MEMORY;
    u8 *seed = out->p + start + 1, *db = seed + h;
    TRY(random_bytes(seed, h));
    TRY(padding_mask(use->mgf, bytes_of(seed, h), db, k - h - 1));
    return padding_mask(use->mgf, bytes_of(db, k - h - 1), seed, h);
}

// Appends an RSAES-PKCS1-v1_5 block of k bytes with the message in (RFC 8017, 7.2.1).
static st padding_pkcs1_seal(bytes in, size_t k, struct buf *out)
{
    if (k < 11 || in.n > k - 11) return ST_DATA_LEN;
    buf_put16(out, 0x0002);
    size_t n = k - 3 - in.n, start = out->n;
    buf_fill(out, 0, n);
    if (out->full) return ST_HOST_MEMORY;
    TRY(random_bytes(out->p + start, n));
    for (size_t i = 0; i < n; i++)
        while (!out->p[start + i]) TRY(random_bytes(out->p + start + i, 1));
    buf_put8(out, 0);
    buf_put(out, in);
    return ST_OK;
}

// ---- ECDSA ----

// Is it a DER SEQUENCE of two INTEGERs, and nothing else? Cards leave the 00 out before a number
// whose first bit is set: neither r nor s is ever negative.
static bool padding_ecdsa_in_der(bytes in, bytes *r, bytes *s)
{
    struct tlv der, first, second;
    if (tlv_take(&in, 0x30, &der) || in.n) return false;
    if (tlv_take(&der.value, 0x02, &first) || tlv_take(&der.value, 0x02, &second)) return false;
    *r = first.value;
    *s = second.value;
    return !der.value.n;
}

// Appends r || s, of size bytes each, of a signature as a card gives it: DER, or two halves of
// equal length.
static st padding_ecdsa_to_raw(bytes in, size_t size, struct buf *out)
{
    bytes r, s;
    if (!padding_ecdsa_in_der(in, &r, &s)) {
        if (in.n % 2 || in.n < 2 * size) return ST_PROTOCOL;
        r = bytes_head(in, in.n / 2);
        s = bytes_from(in, in.n / 2);
    }
    r = bytes_trim(r);
    s = bytes_trim(s);
    if (!r.n || !s.n || r.n > size || s.n > size) return ST_PROTOCOL;
    buf_put_number(out, r, size);
    buf_put_number(out, s, size);
    return out->full ? ST_PROTOCOL : ST_OK;
}

/* ================================================================================================
 * MARK: - >>cipher
 * Public-key operations and AES on the host: a thin layer over mbedTLS.
 *
 * Owns    AES; verifying and encrypting with a public key. PSA knows no raw RSA: that goes over
 *         mbedTLS's bignum where the version has it (2.28, 3.x), and so does all of RSA, with
 *         >>padding. With mbedTLS 4 RSA is what PSA has. mbedTLS has no Ed25519.
 * Uses    >>alg >>hash >>padding
 * Names   cipher_
 * Tests   tests/unit/cipher.c
 * ==============================================================================================*/

// Is there raw RSA? It wants big numbers, which mbedTLS 4 keeps to itself.
#define CIPHER_BIGNUM (MBEDTLS_VERSION_MAJOR < 4 && SCARD11_MBEDTLS_MAJOR < 4)
// May PSA encrypt instead? Its generator makes the seeds, and minds a fork from 4.1 on: before that
// a child's seeds are its parent's.
#define CIPHER_SEALS  (MBEDTLS_VERSION_NUMBER >= 0x04010000 || SCARD11_MBEDTLS_MAJOR >= 4)
#if CIPHER_BIGNUM
#include <mbedtls/bignum.h>
#endif
// Was it built with CMAC?
#ifdef PSA_WANT_ALG_CMAC
#define CIPHER_CMAC   1
#else
#define CIPHER_CMAC   0
#endif

// Once per C_Initialize. Never psa_crypto_free: mbedTLS is the application's too.
static st cipher_start(void)
{
    SCARD11_CRYPTO_LOCK;
    psa_status_t status = psa_crypto_init();
    SCARD11_CRYPTO_UNLOCK;
    return hash_status(status);
}

// Appends in ^ exponent mod modulus, as many bytes as the modulus has. ST_DATA: in is not below the
// modulus.
static st cipher_rsa_public(const struct alg_key *key, bytes in, struct buf *out)
{
#if CIPHER_BIGNUM
    mbedtls_mpi n, e, x;
    size_t size = alg_key_bytes(key);
    int rc;
    if (out->cap - out->n < size) return ST_HOST_MEMORY;
    mbedtls_mpi_init(&n);
    mbedtls_mpi_init(&e);
    mbedtls_mpi_init(&x);
    rc = mbedtls_mpi_read_binary(&n, key->modulus.p, key->modulus.n);
    if (!rc) rc = mbedtls_mpi_read_binary(&e, key->exponent.p, key->exponent.n);
    if (!rc) rc = mbedtls_mpi_read_binary(&x, in.p, in.n);
    bool small = !rc && mbedtls_mpi_cmp_mpi(&x, &n) < 0;
    if (small) rc = mbedtls_mpi_exp_mod(&x, &x, &e, &n, NULL);
    if (small && !rc) rc = mbedtls_mpi_write_binary(&x, out->p + out->n, size);
    mbedtls_mpi_free(&n);
    mbedtls_mpi_free(&e);
    mbedtls_mpi_free(&x);
    if (rc == MBEDTLS_ERR_MPI_ALLOC_FAILED) return ST_HOST_MEMORY;
    if (rc) return ST_CRYPTO;
    if (!small) return ST_DATA;
    out->n += size;
    return ST_OK;
#else
    (void)key; (void)in; (void)out;
    return ST_NOT_SUPPORTED;
#endif
}

// Gives PSA a public key for one use; the crypto lock is held. PSA_ERROR_NOT_SUPPORTED, and with
// 2.28 PSA_ERROR_INVALID_ARGUMENT: mbedTLS was built without the curve.
static psa_status_t cipher_import(const struct alg_key *key, psa_key_usage_t usage,
                                  psa_algorithm_t alg, psa_key_id_t *id)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_usage_flags(&attributes, usage);
    psa_set_key_algorithm(&attributes, alg);
    if (key->type == ALG_RSA) {
        u8 room[ALG_RSA_KEY];
        struct buf der = buf_on(room, sizeof room);
        alg_encode_rsa(key, &der);
        psa_set_key_type(&attributes, PSA_KEY_TYPE_RSA_PUBLIC_KEY);
        return psa_import_key(&attributes, der.p, der.n, id);
    }
    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_PUBLIC_KEY(key->curve->family));
    psa_set_key_bits(&attributes, key->curve->bits);
    return psa_import_key(&attributes, key->point.p, key->point.n, id);
}

// Does mbedTLS take a public key? What cipher_import says.
static psa_status_t cipher_try_key(const struct alg_key *key)
{
    psa_key_id_t id = 0;
    SCARD11_CRYPTO_LOCK;
    psa_status_t status = cipher_import(key, 0, 0, &id);
    if (status == PSA_SUCCESS) psa_destroy_key(id);
    SCARD11_CRYPTO_UNLOCK;
    return status;
}

// Verifies a signature of what PSA takes for alg: a digest, or for PKCS#1 v1.5 a DigestInfo.
static st cipher_verify_by_psa(const struct alg_key *key, psa_algorithm_t alg, bytes in,
                               bytes signature)
{
    psa_key_id_t id = 0;
    SCARD11_CRYPTO_LOCK;
    psa_status_t status = cipher_import(key, PSA_KEY_USAGE_VERIFY_HASH, alg, &id);
    if (status == PSA_SUCCESS) {
        status = psa_verify_hash(id, alg, in.p, in.n, signature.p, signature.n);
        psa_destroy_key(id);
    }
    SCARD11_CRYPTO_UNLOCK;
    if (status == PSA_ERROR_INVALID_SIGNATURE) return ST_SIG_INVALID;
    if (status == PSA_ERROR_INVALID_ARGUMENT) return ST_SIG_INVALID;
    return hash_status(status);
}

// Does this mbedTLS do with an RSA public key what use says? PSA alone takes one hash for both
// parts of OAEP and PSS, and a whole block only where it is told how the block was made.
static bool cipher_has(const struct alg_use *use)
{
    enum alg_scheme scheme = use->scheme == ALG_RAW ? use->made : use->scheme;
    if (CIPHER_BIGNUM) return true;
    if (scheme == ALG_OAEP || scheme == ALG_PSS) return use->mgf == use->hash;
    return scheme == ALG_PKCS1;
}

// Compares the block that an RSA signature opens to with what it should be.
static st cipher_verify_block(const struct alg_key *key, const struct alg_use *use, bytes in,
                              bytes signature, struct scratch scratch)
{
    size_t size = alg_key_bytes(key);
    struct buf block = scratch_buf(&scratch, size), want = scratch_buf(&scratch, size);
    struct buf info = scratch_buf(&scratch, PADDING_INFO_MAX);
    st s = cipher_rsa_public(key, signature, &block);
    if (s == ST_DATA) return ST_SIG_INVALID;
    if (s) return s;
    switch (use->scheme) {
    case ALG_PSS:
        if (in.n != use->hash->size) return ST_DATA_LEN;
        return padding_pss_check(use, in, key->bits, buf_bytes(&block), scratch);
    case ALG_PKCS1:
        if (use->hash) {
            padding_digest_info(use->hash, in, &info);
            in = buf_bytes(&info);
        }
        TRY(padding_pkcs1_sign(in, size, &want));
        break;
    default:
        buf_put_number(&want, in, size);
    }
    if (want.full || info.full) return ST_DATA_LEN;
    return bytes_equal(buf_bytes(&block), buf_bytes(&want)) ? ST_OK : ST_SIG_INVALID;
}

// Verifies PSS by PSA, which takes a salt as long as the hash, or else one of any length.
static st cipher_verify_pss(const struct alg_key *key, const struct alg_use *use, bytes in,
                            bytes signature)
{
    psa_algorithm_t hash = use->hash->psa;
    if (in.n != use->hash->size) return ST_DATA_LEN;
    if ((key->bits + 6) / 8 < use->hash->size + use->salt + 2) return ST_SIG_INVALID;
    psa_algorithm_t alg = PSA_ALG_RSA_PSS_ANY_SALT(hash);
    if (use->salt == use->hash->size) alg = PSA_ALG_RSA_PSS(hash);
    return cipher_verify_by_psa(key, alg, in, signature);
}

// Verifies an RSA signature. PSA does not open a block: there a whole block is checked as what it
// was made from.
static st cipher_verify_rsa(const struct alg_key *key, const struct alg_use *use, bytes in,
                            bytes signature, struct scratch scratch)
{
    struct buf info = scratch_buf(&scratch, PADDING_INFO_MAX);
    if (CIPHER_BIGNUM) return cipher_verify_block(key, use, in, signature, scratch);

    if (!cipher_has(use)) return ST_NOT_SUPPORTED;
    if (use->scheme == ALG_PSS) return cipher_verify_pss(key, use, in, signature);
    if (use->made == ALG_PSS) return cipher_verify_pss(key, use, use->digest, signature);
    if (use->scheme == ALG_RAW) {
        in = padding_pkcs1_signed(in);
    } else if (use->hash) {
        padding_digest_info(use->hash, in, &info);
        in = buf_bytes(&info);
    }
    if (info.full || in.n + 11 > alg_key_bytes(key)) return ST_DATA_LEN;
    return cipher_verify_by_psa(key, PSA_ALG_RSA_PKCS1V15_SIGN_RAW, in, signature);
}

// Verifies a signature. in is what use says: a digest; for PKCS#1 without hash a DigestInfo; for
// RSA without padding the whole block. ST_NOT_SUPPORTED: mbedTLS cannot.
static st cipher_verify(const struct alg_key *key, const struct alg_use *use, bytes in,
                        bytes signature, struct scratch scratch)
{
    if (key->type == ALG_EDWARDS || key->type == ALG_MONTGOMERY) return ST_NOT_SUPPORTED;
    if (signature.n != alg_signature_size(key)) return ST_SIG_LEN;
    if (key->type == ALG_RSA) return cipher_verify_rsa(key, use, in, signature, scratch);
    if (!key->curve->family) return ST_NOT_SUPPORTED;
    return in.n ? cipher_verify_by_psa(key, PSA_ALG_ECDSA_ANY, in, signature) : ST_DATA_LEN;
}

// Does mbedTLS have what it takes to use a public key?
static bool cipher_takes(const struct alg_key *key)
{
    psa_status_t status = cipher_try_key(key);
    return status != PSA_ERROR_NOT_SUPPORTED && status != PSA_ERROR_INVALID_ARGUMENT;
}

// Can the host tell whether a signature is good, made with this key as use says? Not where the
// public key is not known or no point of its curve, nor where this mbedTLS lacks what it takes.
static bool cipher_can_verify(const struct alg_key *key, const struct alg_use *use)
{
    if (key->type == ALG_RSA) {
        if (!key->modulus.n || use->scheme == ALG_OAEP || !cipher_has(use)) return false;
        return CIPHER_BIGNUM || cipher_takes(key);
    }
    if (key->type != ALG_EC || !key->curve->family || !key->point.n) return false;
    return cipher_takes(key);
}

// Is a peer's point one of the key's curve? A card may not look, and what it derives with a point
// of another curve tells of its private key. Montgomery curves have no wrong points. ST_OK also
// where mbedTLS does not have the curve: it is the card's to say then.
static st cipher_check_point(const struct alg_key *key, bytes point)
{
    struct alg_key peer = *key;
    if (key->type != ALG_EC || !key->curve->family) return ST_OK;
    peer.point = point;
    psa_status_t status = cipher_try_key(&peer);
    if (status == PSA_ERROR_INVALID_ARGUMENT) return ST_MECH_PARAM;
    return status == PSA_ERROR_NOT_SUPPORTED ? ST_OK : hash_status(status);
}

// The curve that a point lies on, where nobody said which: several have points of one length. NULL:
// none that mbedTLS has.
static const struct alg_curve *cipher_curve_of(bytes point)
{
    for (size_t i = 0; i < COUNT(alg_curves); i++) {
        const struct alg_curve *curve = &alg_curves[i];
        const struct alg_key key = { .type = curve->type, .curve = curve, .point = point };
        bool may = curve->type == ALG_EC && curve->family && alg_point_good(curve, point);
        if (may && cipher_try_key(&key) == PSA_SUCCESS) return curve;
    }
    return NULL;
}

// Encrypts with an RSA key by PSA, which makes its own seeds and padding: see CIPHER_SEALS.
static st cipher_seal(const struct alg_key *key, const struct alg_use *use, bytes label, bytes in,
                      struct buf *out)
{
    bool oaep = use->scheme == ALG_OAEP;
    psa_algorithm_t alg = oaep ? PSA_ALG_RSA_OAEP(use->hash->psa) : PSA_ALG_RSA_PKCS1V15_CRYPT;
    size_t size = alg_key_bytes(key), over = oaep ? 2 * use->hash->size + 2 : 11, n = 0;
    psa_key_id_t id = 0;
    if (size < over || in.n > size - over) return ST_DATA_LEN;
    if (out->full || out->cap - out->n < size) return ST_HOST_MEMORY;
    SCARD11_CRYPTO_LOCK;
    psa_status_t status = cipher_import(key, PSA_KEY_USAGE_ENCRYPT, alg, &id);
    if (status == PSA_SUCCESS) {
        status = psa_asymmetric_encrypt(id, alg, in.p, in.n, label.p, label.n, out->p + out->n,
                                        size, &n);
        psa_destroy_key(id);
    }
    SCARD11_CRYPTO_UNLOCK;
    out->n += n;
    return hash_status(status);
}

// Encrypts with an RSA key, padded as use says.
static st cipher_encrypt(const struct alg_key *key, const struct alg_use *use, bytes label,
                         bytes in, struct scratch scratch, struct buf *out)
{
    size_t size = alg_key_bytes(key);
    struct buf block = scratch_buf(&scratch, size);
    if (key->type != ALG_RSA || !cipher_has(use)) return ST_NOT_SUPPORTED;
    if (!CIPHER_BIGNUM && !CIPHER_SEALS) return ST_NOT_SUPPORTED;
    if (!CIPHER_BIGNUM) return cipher_seal(key, use, label, in, out);
    switch (use->scheme) {
    case ALG_PKCS1: TRY(padding_pkcs1_seal(in, size, &block)); break;
    case ALG_OAEP:  TRY(padding_oaep_seal(use, label, in, size, &block)); break;
    default:
        if (in.n > size) return ST_DATA_LEN;
        buf_put_number(&block, in, size);
    }
    return block.full ? ST_HOST_MEMORY : cipher_rsa_public(key, buf_bytes(&block), out);
}

// ---- AES. A key is imported, used and destroyed in one call: none outlives it ----

#define CIPHER_USAGE(encrypt) ((encrypt) ? PSA_KEY_USAGE_ENCRYPT : PSA_KEY_USAGE_DECRYPT)

static st cipher_aes_import(bytes key, psa_algorithm_t alg, psa_key_usage_t usage,
                            psa_key_id_t *id)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    if (key.n != 16 && key.n != 24 && key.n != 32) return ST_KEY_SIZE;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_AES);
    psa_set_key_usage_flags(&attributes, usage);
    psa_set_key_algorithm(&attributes, alg);
    return hash_status(psa_import_key(&attributes, key.p, key.n, id));
}

// Writes to out as many bytes as in has: whole blocks, or with CTR any number. The crypto lock is
// held.
static psa_status_t cipher_aes_run(psa_key_id_t id, psa_algorithm_t alg, bool encrypt, bytes iv,
                                   bytes in, u8 *out)
{
    psa_cipher_operation_t op = PSA_CIPHER_OPERATION_INIT;
    size_t n = 0, end = 0;
    psa_status_t status = encrypt ? psa_cipher_encrypt_setup(&op, id, alg)
                                  : psa_cipher_decrypt_setup(&op, id, alg);
    if (!status && iv.n) status = psa_cipher_set_iv(&op, iv.p, iv.n);
    if (!status) status = psa_cipher_update(&op, in.p, in.n, out, in.n, &n);
    if (!status) status = psa_cipher_finish(&op, out + n, in.n - n, &end);
    if (status) psa_cipher_abort(&op);
    return !status && n + end != in.n ? PSA_ERROR_GENERIC_ERROR : status;
}

// Appends as many bytes as in has, by AES in the mode ECB, CBC or CTR: whole blocks, or with CTR
// any number.
static st cipher_aes(enum alg_scheme mode, bytes key, bytes iv, bool encrypt, bytes in,
                     struct buf *out)
{
    psa_algorithm_t alg = PSA_ALG_CBC_NO_PADDING;
    psa_key_id_t id = 0;
    if (!in.n) return ST_OK;
    if (out->full || out->cap - out->n < in.n) return ST_HOST_MEMORY;
    if (mode == ALG_CTR) alg = PSA_ALG_CTR;
    if (mode == ALG_ECB) alg = PSA_ALG_ECB_NO_PADDING;
    if (mode == ALG_ECB) iv = BYTES_NONE;
    SCARD11_CRYPTO_LOCK;
    st s = cipher_aes_import(key, alg, CIPHER_USAGE(encrypt), &id);
    if (!s) {
        s = hash_status(cipher_aes_run(id, alg, encrypt, iv, in, out->p + out->n));
        psa_destroy_key(id);
    }
    SCARD11_CRYPTO_UNLOCK;
    if (!s) out->n += in.n;
    return s;
}

// Encrypts or decrypts by AES-GCM; the tag, of tag bytes, is behind the cryptogram. ST_CIPHER_DATA:
// the tag is not right.
static st cipher_gcm(bytes key, bytes iv, bytes aad, size_t tag, bool encrypt, bytes in,
                     struct buf *out)
{
    psa_algorithm_t alg = PSA_ALG_AEAD_WITH_SHORTENED_TAG(PSA_ALG_GCM, tag);
    psa_status_t status = PSA_SUCCESS;
    psa_key_id_t id = 0;
    size_t n = 0;
    u8 *at = out->p + out->n;
    SCARD11_CRYPTO_LOCK;
    st s = cipher_aes_import(key, alg, CIPHER_USAGE(encrypt), &id);
    if (!s) {
        status = (encrypt ? psa_aead_encrypt : psa_aead_decrypt)(id, alg, iv.p, iv.n, aad.p, aad.n,
                     in.p, in.n, at, out->cap - out->n, &n);
        psa_destroy_key(id);
    }
    SCARD11_CRYPTO_UNLOCK;
    if (s) return s;
    if (status == PSA_ERROR_INVALID_SIGNATURE) return ST_CIPHER_DATA;
    if (status == PSA_SUCCESS) out->n += n;
    return hash_status(status);
}

// Appends the CMAC by AES, a block (SP 800-38B, RFC 4493).
static st cipher_cmac(bytes key, bytes in, struct buf *out)
{
    psa_key_id_t id = 0;
    size_t n = 0;
    if (!in.n) in.p = key.p;                            // mbedTLS refuses NULL
    SCARD11_CRYPTO_LOCK;
    st s = cipher_aes_import(key, PSA_ALG_CMAC, PSA_KEY_USAGE_SIGN_MESSAGE, &id);
    if (!s) {
        s = hash_status(psa_mac_compute(id, PSA_ALG_CMAC, in.p, in.n, out->p + out->n,
                                        out->cap - out->n, &n));
        psa_destroy_key(id);
    }
    SCARD11_CRYPTO_UNLOCK;
    if (!s) out->n += n;
    return s;
}

/* ================================================================================================
 * MARK: - >>reader
 * The reader backend: PC/SC or custom.
 *
 * Owns    the twelve scard11_reader_ functions for PC/SC, the meaning of PC/SC's error codes, and
 *         the thin layer that turns what they return into st. scard11.h, part 3, says what each
 *         does.
 * Names   reader_ scard11_reader_
 * Specs   PC/SC part 5 (winscard), part 10 (features)
 * Tests   tests/unit/reader.c
 * ==============================================================================================*/

#define READER_NAME  128
#define READER_COUNT 0xffff0000u        // of a reader's state: the bits that count changes

// What the log says when nobody can be asked for readers.
#if SCARD11_READER == SCARD11_READER_CUSTOM
#define READER_DOWN "scard11_reader_start gives no context to look for readers with"
#elif defined(_WIN32)
#define READER_DOWN "PC/SC does not answer: is the service Smart Card (SCardSvr) running?"
#elif defined(__APPLE__)
#define READER_DOWN "PC/SC does not answer: may this program use smart cards?"
#else
#define READER_DOWN "PC/SC does not answer: is pcscd installed and running, may this user use it?"
#endif

#if SCARD11_READER == SCARD11_READER_PCSC
#include <winscard.h>

#if defined(_WIN32)                     // names in bytes, whatever UNICODE says
#undef SCardListReaders
#undef SCardGetStatusChange
#undef SCardConnect
#undef SCardStatus
#undef SCARD_READERSTATE
#define SCardListReaders       SCardListReadersA
#define SCardGetStatusChange   SCardGetStatusChangeA
#define SCardConnect           SCardConnectA
#define SCardStatus            SCardStatusA
#define SCARD_READERSTATE      SCARD_READERSTATEA
#define READER_CONTROL(code)   SCARD_CTL_CODE(code)
#define READER_COUNTS          1
#define READER_PNP             1
#define READER_STATUS_WAITS    0
#elif defined(__APPLE__)
#define READER_CONTROL(code)   (0x42000000 + (code))
#define READER_COUNTS          0        // dwEventState has no count there
#define READER_PNP             0
#define READER_STATUS_WAITS    0
#else
#define READER_CONTROL(code)   (0x42000000 + (code))
#define READER_COUNTS          1
#define READER_PNP             1
#define READER_STATUS_WAITS    1
#endif

#define READER_ATTR_ATR        0x00090303               // SCARD_ATTR_ATR_STRING
#define READER_FEATURE_REQUEST READER_CONTROL(3400)     // PC/SC part 10, 2.2
#define READER_TLV_PROPERTIES  0x12
#define READER_PIN_MIN         0x06                     // properties: bMinPINSize
#define READER_PIN_MAX         0x07                     // bMaxPINSize
#define READER_MAX_APDU        0x0a                     // dwMaxAPDUDataSize; 0: short APDUs only
#define READER_SHORT           261                      // the longest of those
#if defined(PCSCLITE_MAX_READERS_CONTEXTS)
#define READER_STATES          PCSCLITE_MAX_READERS_CONTEXTS    // pcsc-lite refuses more in a wait
#else
#define READER_STATES          (SCARD11_READERS_MAX + 1)
#endif

// A connection has a context of its own: calls on one context wait for each other. features is what
// GET_FEATURE_REQUEST said when it was made: { tag, 4, control code } each.
struct reader_pcsc {
    SCARDCONTEXT context;
    SCARDHANDLE  handle;
    DWORD        protocol;
    DWORD        share;
    char         name[READER_NAME];
    u8           features[256];
    DWORD        features_len;
};

// What a PC/SC error says of the connection or context that it was returned for. The list of what
// is a removal is long on purpose: a connection that failed once may lead to another card
// afterwards (pcsc-lite lets a card that was swapped fast answer on the old handle after
// SCARD_E_NOT_TRANSACTED).
static int reader_code(LONG rv)
{
    switch ((u32)rv) {
    case (u32)SCARD_S_SUCCESS:            return SCARD11_READER_OK;
    case (u32)SCARD_W_RESET_CARD:         return SCARD11_READER_RESET;
    case (u32)SCARD_E_SHARING_VIOLATION:  return SCARD11_READER_BUSY;
    case (u32)SCARD_W_UNRESPONSIVE_CARD:
    case (u32)SCARD_W_UNPOWERED_CARD:
    case (u32)SCARD_W_UNSUPPORTED_CARD:
    case (u32)SCARD_E_PROTO_MISMATCH:     return SCARD11_READER_MUTE;
    case (u32)SCARD_E_TIMEOUT:            return SCARD11_READER_TIMEOUT;
    case (u32)SCARD_E_CANCELLED:          return SCARD11_READER_CANCELLED;
    case (u32)SCARD_E_UNKNOWN_READER:     return SCARD11_READER_UNKNOWN;
    case (u32)SCARD_E_NO_SERVICE:
    case (u32)SCARD_E_SERVICE_STOPPED:
    case (u32)SCARD_E_INVALID_HANDLE:
    case (u32)SCARD_E_SYSTEM_CANCELLED:   return SCARD11_READER_DOWN;
    case (u32)SCARD_W_REMOVED_CARD:
    case (u32)SCARD_E_NO_SMARTCARD:
    case (u32)SCARD_E_READER_UNAVAILABLE:
    case (u32)SCARD_E_INVALID_VALUE:
    case (u32)SCARD_E_NOT_TRANSACTED:     return SCARD11_READER_REMOVED;
    default:
        os_log("PC/SC error %08lx", (unsigned long)(u32)rv);
        return SCARD11_READER_FAILED;
    }
}

// What a PC/SC error says that was returned for a connection: whatever ends one is a removal.
static int reader_conn_code(LONG rv)
{
    int code = reader_code(rv);
    switch (code) {
    case SCARD11_READER_OK:
    case SCARD11_READER_RESET:
    case SCARD11_READER_FAILED: return code;
    default:                    return SCARD11_READER_REMOVED;
    }
}

// ---- The functions that scard11.h, part 3, describes ----

static int scard11_reader_start(void **context)
{
    SCARDCONTEXT c = 0;
    LONG rv = SCardEstablishContext(SCARD_SCOPE_USER, NULL, NULL, &c);
    *context = (void *)(uintptr_t)c;
    return rv == SCARD_S_SUCCESS ? SCARD11_READER_OK : SCARD11_READER_DOWN;
}

static void scard11_reader_stop(void *context)
{
    SCardReleaseContext((SCARDCONTEXT)(uintptr_t)context);
}

// Lists as many whole names as there is room for. SCardListReaders writes nothing to room that is
// too small: it gets memory of its own here.
static LONG reader_list_some(void *context, char *names, size_t room, DWORD *need)
{
    size_t size = (size_t)*need + 1, at = 0;
    char *all = arena_block_new(size);
    if (!all) return SCARD_E_NO_MEMORY;
    LONG rv = SCardListReaders((SCARDCONTEXT)(uintptr_t)context, NULL, all, need);
    all[size - 1] = 0;
    if (rv == SCARD_S_SUCCESS) {
        for (size_t n; (n = strlen(all + at)) != 0 && at + n + 2 <= room; at += n + 1)
            memcpy(names + at, all + at, n + 1);
        names[at] = 0;
    }
    arena_block_free(all, size);
    return rv;
}

// No reader at all is an empty list, not an error.
static int scard11_reader_list(void *context, char *names, size_t *len)
{
    DWORD n = (DWORD)*len;
    LONG rv = SCardListReaders((SCARDCONTEXT)(uintptr_t)context, NULL, names, &n);
    if ((u32)rv == (u32)SCARD_E_INSUFFICIENT_BUFFER && *len && n > *len)
        rv = reader_list_some(context, names, *len, &n);
    if ((u32)rv == (u32)SCARD_E_NO_READERS_AVAILABLE || (rv == SCARD_S_SUCCESS && !n)) {
        if (!*len) return SCARD11_READER_FAILED;
        *names = 0;
        n = 1;
        rv = SCARD_S_SUCCESS;
    }
    *len = n;
    return reader_code(rv);
}

static u32 reader_state_flags(DWORD event)
{
    u32 flags = READER_COUNTS ? SCARD11_READER_COUNTED | (u32)(event & READER_COUNT) : 0;
    const DWORD away = SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE | SCARD_STATE_IGNORE;
    const DWORD there = SCARD_STATE_PRESENT | SCARD_STATE_EMPTY;
    if (event & away || !(event & there)) return flags | SCARD11_READER_GONE;
    if (event & SCARD_STATE_PRESENT) flags |= SCARD11_READER_PRESENT;
    if (event & SCARD_STATE_MUTE)    flags |= SCARD11_READER_CARD_MUTE;
    if (event & (SCARD_STATE_INUSE | SCARD_STATE_EXCLUSIVE)) flags |= SCARD11_READER_IN_USE;
    return flags;
}

static DWORD reader_known_state(u32 known)
{
    DWORD state = READER_COUNTS ? (DWORD)(known & READER_COUNT) : 0;
    if (known & SCARD11_READER_GONE) return state | SCARD_STATE_UNAVAILABLE;
    if (known & SCARD11_READER_CARD_MUTE) state |= SCARD_STATE_MUTE;
    return state | (known & SCARD11_READER_PRESENT ? SCARD_STATE_PRESENT : SCARD_STATE_EMPTY);
}

// Waits for a change of n readers, or with timeout_ms 0 looks at them. A wait also watches for
// readers that come, by PC/SC's pseudo-reader: where there is one, and one more fits into a wait.
static int scard11_reader_wait(void *context, struct scard11_reader_state *readers, size_t n,
                               uint32_t timeout_ms)
{
    SCARD_READERSTATE states[SCARD11_READERS_MAX + 1];
    DWORD count = (DWORD)n;
    memset(states, 0, sizeof states);
    if (n > SCARD11_READERS_MAX) return SCARD11_READER_FAILED;
    for (size_t i = 0; i < n; i++) {
        states[i].szReader = readers[i].name;
        states[i].dwCurrentState = timeout_ms ? reader_known_state(readers[i].known)
                                              : (DWORD)SCARD_STATE_UNAWARE;
    }
    if (READER_PNP && timeout_ms && n < READER_STATES) {
        states[n].szReader = "\\\\?PnP?\\Notification";
#if defined(_WIN32)
        states[n].dwCurrentState = (DWORD)n << 16;      // there: how many readers the caller knows
#endif
        count++;
    }
    if (!count) return SCARD11_READER_TIMEOUT;          // pcsc-lite would return at once
    LONG rv = SCardGetStatusChange((SCARDCONTEXT)(uintptr_t)context, timeout_ms, states, count);
    for (size_t i = 0; i < n; i++) readers[i].state = reader_state_flags(states[i].dwEventState);
    if (!timeout_ms && (u32)rv == (u32)SCARD_E_TIMEOUT) rv = SCARD_S_SUCCESS;
    return reader_code(rv);
}

static void scard11_reader_cancel(void *context)
{
    SCardCancel((SCARDCONTEXT)(uintptr_t)context);
}

// The control code of a feature of PC/SC part 10; 0: the reader does not have it.
static DWORD reader_feature(const struct reader_pcsc *pcsc, u32 feature)
{
    for (size_t i = 0; i + 6 <= pcsc->features_len; i += 6)
        if (pcsc->features[i] == feature && pcsc->features[i + 1] == 4)
            return (DWORD)bytes_number(bytes_of(pcsc->features + i + 2, 4));
    return 0;
}

// A reader without the feature refuses; what it or its driver says to the control is for the
// caller.
static int scard11_reader_control(void *conn, uint32_t feature, const uint8_t *in, size_t in_len,
                                  uint8_t *out, size_t *out_len)
{
    struct reader_pcsc *pcsc = conn;
    DWORD code = reader_feature(pcsc, feature), got = 0;
    if (!code) return SCARD11_READER_REFUSED;
    LONG rv = SCardControl(pcsc->handle, code, in, (DWORD)in_len, out, (DWORD)*out_len, &got);
    if ((u32)rv == (u32)SCARD_E_UNSUPPORTED_FEATURE || (u32)rv == (u32)SCARD_E_INVALID_PARAMETER)
        return SCARD11_READER_REFUSED;
    // By these a reader's driver says that nobody typed, or that it was cancelled: no removal.
    int said = reader_code(rv);
    if (said == SCARD11_READER_TIMEOUT || said == SCARD11_READER_CANCELLED) return said;
    if (rv == SCARD_S_SUCCESS && got > *out_len) return SCARD11_READER_FAILED;
    *out_len = got;
    return reader_conn_code(rv);
}

// Notes one of the reader's TLV properties; numbers in them are little-endian.
static void reader_note_property(struct scard11_reader_card *card, u8 tag, bytes value)
{
    const u8 *v = value.p;
    if (tag == READER_PIN_MIN && value.n == 1) card->pin_min = *v;
    if (tag == READER_PIN_MAX && value.n == 1) card->pin_max = *v;
    if (tag != READER_MAX_APDU || value.n != 4) return;
    card->max_data = (u32)v[0] | (u32)v[1] << 8 | (u32)v[2] << 16 | (u32)v[3] << 24;
    if (!card->max_data) card->max_data = READER_SHORT;
}

// Asks which features the reader has, and by its TLV properties for the longest APDU, and the
// shortest and the longest PIN of its pinpad.
static void reader_ask_features(struct reader_pcsc *pcsc, struct scard11_reader_card *card)
{
    u8 list[256];
    size_t n = sizeof list;
    LONG rv = SCardControl(pcsc->handle, READER_FEATURE_REQUEST, NULL, 0, pcsc->features,
                           sizeof pcsc->features, &pcsc->features_len);
    if (rv != SCARD_S_SUCCESS || pcsc->features_len > sizeof pcsc->features) pcsc->features_len = 0;
    for (u32 feature = 1; feature < 32; feature++)
        if (reader_feature(pcsc, feature)) card->features |= 1u << feature;
    if (scard11_reader_control(pcsc, READER_TLV_PROPERTIES, NULL, 0, list, &n)) return;
    for (size_t i = 0; i + 2 <= n && i + 2 + list[i + 1] <= n; i += 2u + list[i + 1])
        reader_note_property(card, list[i], bytes_of(list + i + 2, list[i + 1]));
}

static void scard11_reader_disconnect(void *conn, int reset)
{
    struct reader_pcsc *pcsc = conn;
    SCardDisconnect(pcsc->handle, reset ? SCARD_RESET_CARD : SCARD_LEAVE_CARD);
    SCardReleaseContext(pcsc->context);
    arena_block_free(pcsc, sizeof *pcsc);
}

// Makes a connection with a context of its own. What failed leaves nothing behind.
static LONG reader_connect_new(struct reader_pcsc **conn, const char *name, DWORD share)
{
    DWORD protocols = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1;
    struct reader_pcsc *pcsc = arena_block_new(sizeof *pcsc);
    if (!pcsc) return SCARD_E_NO_MEMORY;
    LONG rv = SCardEstablishContext(SCARD_SCOPE_USER, NULL, NULL, &pcsc->context);
    if (rv != SCARD_S_SUCCESS) {
        arena_block_free(pcsc, sizeof *pcsc);
        return rv;
    }
    pcsc->share = share;
    strncpy(pcsc->name, name, sizeof pcsc->name - 1);
    rv = SCardConnect(pcsc->context, name, share, protocols, &pcsc->handle, &pcsc->protocol);
    if (rv != SCARD_S_SUCCESS) {
        SCardReleaseContext(pcsc->context);
        arena_block_free(pcsc, sizeof *pcsc);
        return rv;
    }
    *conn = pcsc;
    return rv;
}

// What a PC/SC error says that was returned instead of a new connection.
static int reader_no_conn_code(LONG rv)
{
    int code = reader_code(rv);
    switch (code) {
    case SCARD11_READER_MUTE:
    case SCARD11_READER_DOWN:
    case SCARD11_READER_BUSY: return code;
    default:                  return reader_conn_code(rv);
    }
}

static LONG reader_connect_again(struct reader_pcsc *pcsc, bool reset)
{
    return SCardReconnect(pcsc->handle, pcsc->share, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                          reset ? SCARD_RESET_CARD : SCARD_LEAVE_CARD, &pcsc->protocol);
}

// Asks a new connection for the ATR. Another program may have reset the card by then, or it is
// gone.
static LONG reader_ask_card(struct reader_pcsc *pcsc, struct scard11_reader_card *card)
{
    DWORD atr_len, protocol = 0, state = 0, name_len = 0;
    LONG rv = SCARD_S_SUCCESS;
    for (int attempt = 0; attempt < 3; attempt++) {
        atr_len = sizeof card->atr;
        rv = SCardStatus(pcsc->handle, NULL, &name_len, &state, &protocol, card->atr, &atr_len);
        if (rv == SCARD_S_SUCCESS)
            card->atr_len = atr_len <= sizeof card->atr ? atr_len : 0;
        if ((u32)rv != (u32)SCARD_W_RESET_CARD) break;
        rv = reader_connect_again(pcsc, false);
        if (rv != SCARD_S_SUCCESS) break;
    }
    return rv;
}

// A connection that is there is taken up again: SCardReconnect, with or without a reset.
static int scard11_reader_connect(void **conn, const char *name, unsigned how,
                                  struct scard11_reader_card *card)
{
    struct reader_pcsc *pcsc = *conn;
    DWORD share = how & SCARD11_READER_EXCLUSIVE ? SCARD_SHARE_EXCLUSIVE : SCARD_SHARE_SHARED;
    LONG rv;

    memset(card, 0, sizeof *card);
    if (pcsc) {
        rv = reader_connect_again(pcsc, how & SCARD11_READER_RESET_CARD);
        if (rv != SCARD_S_SUCCESS) return reader_conn_code(rv);
    } else {
        rv = reader_connect_new(&pcsc, name, share);
        if (rv != SCARD_S_SUCCESS) return reader_no_conn_code(rv);
    }
    rv = reader_ask_card(pcsc, card);
    if (rv != SCARD_S_SUCCESS) {
        if (!*conn) scard11_reader_disconnect(pcsc, 0);
        return reader_conn_code(rv);
    }
    *conn = pcsc;
    card->protocol = pcsc->protocol == SCARD_PROTOCOL_T0 ? 0 : 1;
    reader_ask_features(pcsc, card);
    return SCARD11_READER_OK;
}

// A look at the connection's reader, which says nothing of the connection itself.
static int reader_look(struct reader_pcsc *pcsc, uint32_t *flags)
{
    struct scard11_reader_state look = { pcsc->name, 0, 0 };
    int code = scard11_reader_wait((void *)(uintptr_t)pcsc->context, &look, 1, 0);
    *flags = look.state;
    return code == SCARD11_READER_OK ? SCARD11_READER_OK : SCARD11_READER_REMOVED;
}

// Asks about the connection; flags come from it, or from a look at its reader.
static int scard11_reader_status(void *conn, uint32_t *flags)
{
    struct reader_pcsc *pcsc = conn;
    DWORD state = 0, protocol = 0, name_len = 0, atr_len = 0;
#if READER_STATUS_WAITS
    // pcsc-lite's SCardStatus waits for the end of another program's transaction. SCardGetAttrib
    // does not: that it is refused for this reason says that the connection is well.
    u8 atr[36];
    DWORD n = sizeof atr;
    LONG busy = SCardGetAttrib(pcsc->handle, READER_ATTR_ATR, atr, &n);
    if ((u32)busy == (u32)SCARD_E_SHARING_VIOLATION) return reader_look(pcsc, flags);
#endif
    LONG rv = SCardStatus(pcsc->handle, NULL, &name_len, &state, &protocol, NULL, &atr_len);
    *flags = 0;
    if (rv != SCARD_S_SUCCESS) return reader_conn_code(rv);
#if defined(_WIN32)
    // SCardStatus has an enumeration and no count there: the count comes from a look.
    return reader_look(pcsc, flags);
#else
    if (READER_COUNTS) *flags = SCARD11_READER_COUNTED | (u32)(state & READER_COUNT);
    if (state & SCARD_PRESENT) *flags |= SCARD11_READER_PRESENT;
    return SCARD11_READER_OK;
#endif
}

static int scard11_reader_begin(void *conn)
{
    struct reader_pcsc *pcsc = conn;
    return reader_conn_code(SCardBeginTransaction(pcsc->handle));
}

static int scard11_reader_end(void *conn)
{
    struct reader_pcsc *pcsc = conn;
    return reader_conn_code(SCardEndTransaction(pcsc->handle, SCARD_LEAVE_CARD));
}

static int scard11_reader_transmit(void *conn, const uint8_t *cmd, size_t cmd_len,
                                   uint8_t *rsp, size_t *rsp_len)
{
    struct reader_pcsc *pcsc = conn;
    DWORD n = (DWORD)*rsp_len;
    const SCARD_IO_REQUEST *pci = pcsc->protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
    LONG rv = SCardTransmit(pcsc->handle, pci, cmd, (DWORD)cmd_len, NULL, rsp, &n);
    *rsp_len = n;
    return reader_conn_code(rv);
}
#endif

// ---- What the rest of the file calls ----

// What scard11_reader_ functions return, as st.
static st reader_st(int code)
{
    switch (code) {
    case SCARD11_READER_OK:        return ST_OK;
    case SCARD11_READER_REMOVED:   return ST_CARD_REMOVED;
    case SCARD11_READER_RESET:     return ST_CARD_RESET;
    case SCARD11_READER_BUSY:      return ST_CARD_BUSY;
    case SCARD11_READER_MUTE:      return ST_UNKNOWN_TOKEN;
    case SCARD11_READER_TIMEOUT:
    case SCARD11_READER_CANCELLED: return ST_NO_EVENT;
    case SCARD11_READER_UNKNOWN:   return ST_NOT_FOUND;
    case SCARD11_READER_DOWN:      return ST_NO_TOKEN;
    case SCARD11_READER_REFUSED:   return ST_NOT_SUPPORTED;
    default:                       return ST_READER;
    }
}

/* ================================================================================================
 * MARK: - >>apdu
 * Command encoding.
 *
 * Owns    struct apdu; the four cases, short and extended, and what T=0 makes of them
 * Names   apdu_
 * Specs   ISO 7816-3 and -4 (the four cases)
 * Tests   tests/unit/apdu.c
 * ==============================================================================================*/

#define CLA_CHAIN        0x10
#define CLA_SECURE       0x0c           // protected, its header too; first interindustry classes
#define INS_VERIFY       0x20
#define INS_MSE          0x22
#define INS_CHANGE       0x24
#define INS_PSO          0x2a
#define INS_UNBLOCK      0x2c
#define INS_GET_CHALLENGE 0x84
#define INS_GENERAL_AUTH 0x87
#define INS_SELECT       0xa4
#define INS_READ_BINARY  0xb0
#define INS_READ_RECORD  0xb2
#define INS_GET_RESPONSE 0xc0
#define INS_GET_DATA     0xcb

#define APDU_DATA_SHORT  255            // the most data in a short command
#define APDU_LE_SHORT    256            // all that a short answer holds
#define APDU_LE_ALL      65536          // all there is: extended where possible, else as SHORT
#define APDU_SHORT_MAX   261            // bytes of a short command: header, Lc, data, Le
#define APDU_ANSWER_SHORT 258           // bytes of a short answer: data, status word
#define APDU_FRAME       9              // bytes of an extended command without its data

struct apdu {
    u8    cla, ins, p1, p2;
    bytes data;             // command data; empty: no Lc
    u32   le;               // bytes wanted, 1..65536; 0: no Le
    bool  secret_in;        // data holds a PIN or a key; only >>secret sets it
    bool  hidden_in;        // data is the caller's own: not for the log
    bool  secret_out;       // the answer is secret: not for the log, wiped when copied
    bool (*enough)(bytes);  // Will so much of an answer that comes in pieces do? NULL: no
};

static bool apdu_is_long(const struct apdu *apdu)
{
    return apdu->data.n > APDU_DATA_SHORT || apdu->le > APDU_LE_SHORT;
}

// Lc, data and Le of a short command. An Le of 256 is 00.
static void apdu_put_short(struct buf *out, bytes data, u32 le)
{
    SCARD11_ASSERT(data.n <= 255 && le <= APDU_LE_SHORT);
    if (data.n) {
        buf_put8(out, (unsigned)data.n);
        buf_put(out, data);
    }
    if (le) buf_put8(out, le);
}

// Lc, data and Le in extended length: 00, then two bytes for each. An Le of 65536 is 0000.
static void apdu_put_extended(struct buf *out, bytes data, u32 le)
{
    if (!data.n && !le) return;
    buf_put8(out, 0);
    if (data.n) {
        buf_put16(out, (unsigned)data.n);
        buf_put(out, data);
    }
    if (le) buf_put16(out, le);
}

// Encodes a command for the protocol. most: the longest answer that may be asked for in extended
// length; 0: it is encoded short. T=0 has no Le beside data (the answer is fetched by GET RESPONSE)
// and no command of four bytes.
static void apdu_encode(struct buf *out, const struct apdu *apdu, u32 most, bool t0)
{
    bool extended = most > 0;
    u32 le = apdu->le, longest = extended ? most : APDU_LE_SHORT;

    if (le > longest) le = longest;
    if (t0 && apdu->data.n) le = 0;
    buf_put(out, BYTES(apdu->cla, apdu->ins, apdu->p1, apdu->p2));
    if (t0 && !apdu->data.n && !le) buf_put8(out, 0);
    if (extended) apdu_put_extended(out, apdu->data, le);
    else apdu_put_short(out, apdu->data, le);
}

/* ================================================================================================
 * MARK: - >>extended
 * Whether extended length works here: what a card, its reader and their answers have shown.
 *
 * Owns    struct extended, of a card; struct extended_reader, kept over the cards in a reader; all
 *         that moves them. It sends nothing: >>link asks before a command and tells what came of
 *         it, >>slot and >>life tell which cards go and come.
 * Uses    >>apdu
 * Names   extended_
 * Specs   ISO 7816-3 (ATR), ISO 7816-4 (extended length, card capabilities)
 * Tests   tests/unit/extended.c
 * ==============================================================================================*/

// More than 255 bytes of data, or an answer of more than 256, go in extended length or else in
// pieces. A card or reader that says no is believed; a yes is tried. An extended
// command has one of three forms; a card that takes one may refuse another, so each is proven by
// itself. What comes back for a command means for its form:
//
//   it was done   The form is proven.
//   6700          Proven: the card means it. Else it goes short from now on, and this command comes
//                 again at once; so do all forms if none is proven. It lasts for the card's stay if
//                 the command is done now. If not, its length was not the reason: the form is open
//                 again, but if none is proven, only from the next connect on.
//   no answer     Open: the reader is suspected.
//
// A reader that is suspected may have failed, or its card was pulled right then: extended_moves
// says how that is found out. Extended length is on with a reader that is good or doubted.

// The forms of extended commands, as bits.
#define EXTENDED_LE_ALONE  1u           // no data, an answer of more than 256 bytes
#define EXTENDED_LE_DATA   2u           // data that a short command holds, such an answer
#define EXTENDED_LONG_DATA 4u           // data of more than 255 bytes
#define EXTENDED_FORMS     7u

#define EXTENDED_CAPABILITIES 0x73      // in historical bytes: tag 7, three bytes
#define EXTENDED_IS_TAKEN     0x40      // a bit of the third of them

// Of one card. A form is proven, or refused, or open.
struct extended {
    bool on;                // card and reader take extended length, as far as known
    u8   proven;            // forms of commands that were done
    u8   refused;           // forms of commands that the card refused, and did when they came short
    struct extended_reader *reader;
};

enum extended_trust {
    EXTENDED_GOOD,              // did not fail
    EXTENDED_SUSPECTED,         // failed, or its card was pulled right then
    EXTENDED_DOUBTED,           // that was another card: it may have been pulled
    EXTENDED_SUSPECTED_AGAIN,   // failed with the next one too
    EXTENDED_SHORT              // takes short commands only
};

// Of one reader.
struct extended_reader {
    u8   trust;             // enum extended_trust
    u32  changes;           // of the card that left last: the reader's count of changes
};

// What moves a reader, from one enum extended_trust to another.
static const struct extended_move {
    u8 no_answer;           // to a command in an open form
    u8 proven_left;         // a card left that had a proven form
    u8 same_came;           // the next card is the one that was in
    u8 other_came;          // the next card is another one
} extended_moves[] = {
    [EXTENDED_GOOD] =            { EXTENDED_SUSPECTED,       EXTENDED_GOOD,
                                   EXTENDED_GOOD,            EXTENDED_GOOD },
    [EXTENDED_SUSPECTED] =       { EXTENDED_SUSPECTED,       EXTENDED_SUSPECTED,
                                   EXTENDED_SHORT,           EXTENDED_DOUBTED },
    [EXTENDED_DOUBTED] =         { EXTENDED_SUSPECTED_AGAIN, EXTENDED_GOOD,
                                   EXTENDED_DOUBTED,         EXTENDED_DOUBTED },
    [EXTENDED_SUSPECTED_AGAIN] = { EXTENDED_SUSPECTED_AGAIN, EXTENDED_SUSPECTED,
                                   EXTENDED_SHORT,           EXTENDED_SHORT },
    [EXTENDED_SHORT] =           { EXTENDED_SHORT,           EXTENDED_SHORT,
                                   EXTENDED_SHORT,           EXTENDED_SHORT },
};

// ---- Asked ----

static u8 extended_form(const struct apdu *cmd)
{
    if (cmd->data.n > APDU_DATA_SHORT) return EXTENDED_LONG_DATA;
    return cmd->data.n ? EXTENDED_LE_DATA : EXTENDED_LE_ALONE;
}

// Will a command be sent in extended length?
static bool extended_takes(const struct extended *extended, const struct apdu *cmd)
{
    return extended->on && apdu_is_long(cmd) && !(extended->refused & extended_form(cmd));
}

// Will it be, in a form that is still open?
static bool extended_tries(const struct extended *extended, const struct apdu *cmd)
{
    return extended_takes(extended, cmd) && !(extended->proven & extended_form(cmd));
}

// Will long data be sent in one command?
static bool extended_takes_data(const struct extended *extended)
{
    return extended->on && !(extended->refused & EXTENDED_LONG_DATA);
}

// Will every long command be sent in extended length?
static bool extended_takes_all(const struct extended *extended)
{
    return extended->on && !extended->refused;
}

// Is extended length on, and nobody knows yet whether the reader bears it?
static bool extended_is_untried(const struct extended *extended)
{
    return extended->on && !extended->proven;
}

// ---- Told: the card ----

// Goes past interface bytes of an ATR: TA, TB, TC, and TD, as far as T0 or the TD before says that
// they are there. false: that one was the last TD.
static bool extended_next_td(bytes atr, size_t *at, u8 *td)
{
    u8 which = *td >> 4;
    *at += (which & 1u) + (which >> 1 & 1u) + (which >> 2 & 1u);
    if (!(which & 8) || *at >= atr.n) return false;
    *td = atr.p[(*at)++];
    return true;
}

// The historical bytes of an ATR, or what is there of them. T0 says how many there are.
static bytes extended_historical(bytes atr)
{
    size_t at = 2;
    if (atr.n < 2) return BYTES_NONE;
    for (u8 td = atr.p[1]; extended_next_td(atr, &at, &td); ) { }
    return bytes_head(bytes_from(atr, at), atr.p[1] & 15);
}

// Does the card offer the protocol T=0 alone? Each TD names one; 15 is none.
static bool extended_atr_is_t0(bytes atr)
{
    size_t at = 2;
    if (atr.n < 2) return false;
    for (u8 td = atr.p[1]; extended_next_td(atr, &at, &td); )
        if ((td & 15) != 0 && (td & 15) != 15) return false;
    return true;
}

// Does the card say that it takes extended length? In the card capabilities, if its historical
// bytes are compact TLV (category 00 or 80) and have them. Without them it is worth a try.
static bool extended_atr_says(bytes atr)
{
    bytes item = extended_historical(atr);
    if (!item.n || (*item.p != 0x00 && *item.p != 0x80)) return true;
    for (item = bytes_from(item, 1); item.n; item = bytes_from(item, 1u + (*item.p & 15)))
        if (*item.p == EXTENDED_CAPABILITIES && item.n >= 4) return item.p[3] & EXTENDED_IS_TAKEN;
    return true;
}

// A connection was made, or taken up again. reader_max: bytes of the longest command that the
// reader says it takes; 0: it does not say. What a card has proven is not asked of its ATR again.
static void extended_connected(struct extended *extended, bool t0, u32 reader_max, bytes atr)
{
    u8 trust = extended->reader->trust;
    bool says_no = reader_max && reader_max <= APDU_SHORT_MAX;
    if (extended->proven) return;
    extended->on = false;
    if (t0 || SCARD11_ANSWER <= APDU_ANSWER_SHORT || says_no) return;
    if (trust != EXTENDED_GOOD && trust != EXTENDED_DOUBTED) return;
    extended->on = extended->refused != EXTENDED_FORMS && extended_atr_says(atr);
}

// An extended command was done.
static void extended_done(struct extended *extended, const struct apdu *cmd)
{
    extended->proven |= extended_form(cmd);
    SCARD11_ASSERT(!(extended->proven & extended->refused));
}

// The card says that a command in an open form is too long: it goes short now. Returns the forms
// that do, for extended_reopen.
static u8 extended_shorten(struct extended *extended, const struct apdu *cmd)
{
    u8 forms = extended->proven ? extended_form(cmd) : EXTENDED_FORMS;
    extended->refused |= forms;
    return forms;
}

// The command was not done either when it came short.
static void extended_reopen(struct extended *extended, u8 forms)
{
    extended->refused &= (u8)~forms;
    if (!extended->proven) extended->on = false;
}

// ---- Told: the reader ----

// A command got no answer.
static void extended_failed(struct extended *extended, const struct apdu *cmd)
{
    struct extended_reader *reader = extended->reader;
    if (extended_tries(extended, cmd)) reader->trust = extended_moves[reader->trust].no_answer;
}

// A card is let go; changes is what the reader's count of changes was when it came.
static void extended_card_left(struct extended_reader *reader, const struct extended *extended,
                               u32 changes)
{
    reader->changes = changes;
    if (extended->proven) reader->trust = extended_moves[reader->trust].proven_left;
}

// A card is in. By the same count it is the one that was let go last, else another one.
static void extended_card_came(struct extended_reader *reader, u32 changes)
{
    const struct extended_move *move = &extended_moves[reader->trust];
    reader->trust = changes == reader->changes ? move->same_came : move->other_came;
}

/* ================================================================================================
 * MARK: - >>link
 * One connection to one card: exchanges commands until the card is gone.
 *
 * Owns    struct link; chaining, GET RESPONSE, wrong Le; where secure messaging comes in (struct
 *         link_secure); how much a card may make us ask; transactions; the log of commands. Knows
 *         nothing of files, keys or PINs; blanks what a command says is secret.
 * Uses    >>reader >>apdu >>extended
 * Names   link_
 * Specs   ISO 7816-4 (chaining, GET RESPONSE, status words)
 * Tests   tests/unit/link.c
 * ==============================================================================================*/

// Room for one encoded command, as scratch aligns it, and what it leaves for an extended command's
// data. What is longer is chained.
#define LINK_COMMAND  ((SCARD11_COMMAND_MAX + 15) / 16 * 16)
#define LINK_DATA_MAX (LINK_COMMAND - 16)

#define LINK_ATR_MAX  33                // ISO 7816-3

// How many READs, and GET RESPONSEs after the first of a command, one call may take: how many there
// are is the card's to say. So many answers of 256 bytes bring more than SCARD11_CARD_MEMORY, all
// that a card may make us keep; a card that gives a byte at a time would be read for hours.
#define LINK_READS_MAX (1024 + SCARD11_CARD_MEMORY / 256)

// What the library counts for a reader; scard11_stats hands it out.
struct link_count {
    u64 commands, sent, received, connects;
};

// Secure messaging (ISO 7816-4, 10), once a driver has agreed on keys with its card: all that is
// sent from then on is protected, each command of a chain by itself (a chain protected as one, as
// PIV has it, is not made here). GET RESPONSE is not protected: it brings a protected response in
// pieces, which is checked when it is whole. It ends with the connection, with a reset of the card,
// and when the card or we find something that is not as protected (ST_SECURE). What a driver keeps
// for it, keys and counters, stands behind this in a struct of its own.
struct link_secure {
    // Protects a command: its class byte and its data, which stays until the next call; le goes in.
    st (*wrap)(struct link_secure *, struct apdu *cmd);
    // Checks a whole response. Appends its plain data to rsp; sw is the one that came with it, and
    // becomes the one that was protected. An error: it is not as it should be.
    st (*unwrap)(struct link_secure *, bytes response, u16 *sw, struct buf *rsp);
    void (*end)(struct link_secure *);      // nothing is sent with it any more: wipes its keys
    struct buf response;                    // room for a response, as the card gave it
    u16 sent_more, got_more;                // most that it adds to a command's data, to an answer
};

struct link {
    void *conn;             // the reader's side; NULL: not connected
    const char *name;       // of the reader
    u32  reads;             // of this call: see LINK_READS_MAX
    u32  selects;           // how many SELECTs were sent: what is selected stays until the next one
    u32  moves;             // how many of them the card said yes to
    u32  turns;             // transactions and connections begun: before each, others had the card
    u16  sw;                // status word of the last response
    bool open;              // a transaction is open
    bool offline;           // no command is sent: what can be done without one is tried first
    bool quiet;             // answers want a PIN: as if every command had secret_out
    bool broken;            // a command failed, not by removal: the card is reset when we let go
    bool dead;              // the card was seen to be gone: the connection can only be closed
    bool reset;             // the card was seen to be reset: it can be taken up again, or closed
    bool same_atr;          // the last connect found the ATR that the one before it did
    bool erred;             // an answer was an error of the card, not one of what it was asked
    bool t0;
    bool exclusive;         // no transactions needed
    struct extended extended;
    u32  most_data;         // bytes of data in one extended command, at most
    u32  features;          // of the reader: bit n is feature n of PC/SC part 10
    u8   pin_min, pin_max;  // digits that the reader's pinpad takes; 0: not known
    u32  state;             // of the reader, at the first look of this connection; 0: none yet
    u8   *raw;              // LINK_COMMAND bytes: the encoded command, wiped after each use
    u8   *answer;           // SCARD11_ANSWER bytes: the whole response, whatever the caller wants
    struct link_count *count;
    u8   atr[36];
    size_t atr_len;
    struct link_secure *secure;     // NULL: commands go as they are
};

// ---- The connection ----

// Lets other programs at the card again. An error ends the connection, whatever it says, but for a
// reset: then the transaction is ended when the connection is taken up.
static void link_end(struct link *link)
{
    if (!link->conn || !link->open || link->dead || link->reset) return;
    st s = reader_st(scard11_reader_end(link->conn));
    link->reset = s == ST_CARD_RESET;
    link->dead = s && !link->reset;
    link->open = link->reset;
}

static void link_end_secure(struct link *link)
{
    if (link->secure) link->secure->end(link->secure);
    link->secure = NULL;
}

// Notes what the reader says of the card and of itself.
static void link_connected(struct link *link, const struct scard11_reader_card *card)
{
    bytes atr = bytes_of(card->atr, card->atr_len <= LINK_ATR_MAX ? card->atr_len : 0);
    link->t0 = !card->protocol;
    link->same_atr = bytes_equal(bytes_of(link->atr, link->atr_len), atr);
    link->atr_len = atr.n;
    memcpy(link->atr, atr.p, atr.n);
    extended_connected(&link->extended, link->t0, card->max_data, atr);
    link->most_data = LINK_DATA_MAX;
    if (card->max_data > APDU_SHORT_MAX && card->max_data - APDU_FRAME < LINK_DATA_MAX)
        link->most_data = card->max_data - APDU_FRAME;
    link->features = card->features;
    link->pin_min = card->pin_min;
    link->pin_max = card->pin_max;
}

// Connects as the reader's functions are told in how: SCARD11_READER_EXCLUSIVE, ..._RESET_CARD.
static st link_connect_how(struct link *link, unsigned how)
{
    struct scard11_reader_card card = { .atr_len = 0 };
    bool was_open = link->conn && link->open;
    SCARD11_ASSERT(link->name && link->raw && link->answer && link->count);
    link_end_secure(link);
    if (link->dead) return ST_CARD_REMOVED;
    st s = reader_st(scard11_reader_connect(&link->conn, link->name, how, &card));
    if (s == ST_CARD_REMOVED && link->conn) link->dead = true;
    if (s) return s;
    link->count->connects++;
    link->turns++;
    link->exclusive = how & SCARD11_READER_EXCLUSIVE;
    link->reset = false;
    if (was_open) link_end(link);                          // it outlived the reset
    link_connected(link, &card);
    return ST_OK;
}

// Connects, or takes a connection up again after a reset.
static st link_connect(struct link *link, bool exclusive)
{
    return link_connect_how(link, exclusive ? SCARD11_READER_EXCLUSIVE : 0);
}

// Resets the card, which ends all its logins, and keeps the connection; a transaction that was open
// is ended. A reset that did not work ends the connection: nobody knows what the card is then. The
// caller looks whether it is still the same card: PC/SC forgets here that one was removed.
static st link_reset(struct link *link)
{
    unsigned how = SCARD11_READER_RESET_CARD | (link->exclusive ? SCARD11_READER_EXCLUSIVE : 0);
    if (!link->conn) return ST_CARD_REMOVED;
    st s = link_connect_how(link, how);
    if (s == ST_READER) link->broken = true;               // once more, when we let go
    if (s || link->reset) link->dead = true;
    return link->dead ? ST_CARD_REMOVED : ST_OK;
}

// Closes the connection; reset, or a transmit that failed, has the card reset. Of what was said of
// the connection nothing is left, of what is known of the card all.
static void link_disconnect(struct link *link, bool reset)
{
    bool open = link->open && !link->reset;
    link_end_secure(link);
    if (!link->conn) return;
    if (open && (!link->dead || link->broken)) scard11_reader_end(link->conn);
    scard11_reader_disconnect(link->conn, reset || link->broken);
    link->conn = NULL;
    link->state = 0;
    link->open = link->broken = link->dead = link->reset = false;
}

// Is an error one of the connection, and not an answer of the card? They stand together.
static bool link_is_broken(st s)
{
    return s >= ST_CARD_REMOVED && s <= ST_OFFLINE;
}

// Will a command be sent? Asked before a driver changes what it believes of where the card is.
static st link_ready(const struct link *link)
{
    return link->offline ? ST_OFFLINE : ST_OK;
}

// Notes what an error of the connection means for it, and passes the error on.
static st link_failed(struct link *link, st s)
{
    if (s == ST_READER) link->broken = true;
    if (s == ST_CARD_REMOVED || s == ST_READER) link->dead = true;
    if (s == ST_CARD_RESET) link->reset = true;
    if (s) os_log("%s: %s", link->name, st_text(s));
    return s;
}

// Keeps other programs off until link_end. ST_CARD_RESET: one of them reset the card before.
static st link_begin(struct link *link)
{
    if (!link->conn || link->dead) return ST_CARD_REMOVED;
    if (link->reset) return ST_CARD_RESET;
    if (link->exclusive || link->open) return ST_OK;
    TRY(link_failed(link, reader_st(scard11_reader_begin(link->conn))));
    link->turns++;
    link->open = true;
    return ST_OK;
}

// The state of the reader, as the connection sees it.
static st link_status(struct link *link, u32 *state)
{
    if (!link->conn || link->dead) return ST_CARD_REMOVED;
    st s = reader_st(scard11_reader_status(link->conn, state));
    if (s == ST_CARD_REMOVED) link->dead = true;
    if (s == ST_CARD_RESET) link->reset = true;
    if (!s && !link->state) link->state = *state;
    return s;
}

// Does the reader show the card that was connected? It does not know where it does not count. If it
// shows another one, or none, the connection is dead: a reset would be that one's.
static bool link_shows_same(struct link *link)
{
    const u32 mask = READER_COUNT | SCARD11_READER_COUNTED | SCARD11_READER_PRESENT;
    u32 state = 0;
    if (!link->state || link_status(link, &state)) return false;
    if ((state & mask) != (link->state & mask)) link->dead = true;
    return !link->dead && state & SCARD11_READER_COUNTED && state & READER_COUNT;
}

// What an answer without a status word means, which is what pcscd mostly has of a card that was
// just pulled: a removal, unless the card is proved to be there. A reader may not know yet that its
// card was pulled; so the card is reset: what was pulled does not answer then. Either way nothing
// more is sent over this connection.
static st link_no_answer(struct link *link)
{
    bool same = link_shows_same(link);
    bool there = !link_reset(link) && same && link_shows_same(link) && link->same_atr;
    link->dead = true;
    return there ? ST_READER : ST_CARD_REMOVED;
}

// ---- Commands ----
//
// On the way of a command to the card each function adds one thing to the one below it:
//
//   link_exchange      once more: short, if it was refused for its length; or if it met a chain
//   link_send          long data goes in a chain (link_chain)
//   link_converse      it is protected (link_wrap, link_unwrap)
//   link_collect       GET RESPONSE fetches what the card keeps back
//   link_transmit_le   once more, if the card wants another Le
//   link_transmit      it is encoded, sent, counted, and logged

// How much data goes in one command; what is longer is chained.
static size_t link_most(const struct link *link)
{
    size_t most = extended_takes_data(&link->extended) ? link->most_data : APDU_DATA_SHORT;
    return link->secure ? most - link->secure->sent_more : most;
}

// Does an answer stay out of the log, and is it wiped when it was copied? A card may say again what
// it was told.
static bool link_hides(const struct link *link, const struct apdu *cmd)
{
    return cmd->secret_out || cmd->secret_in || link->quiet;
}

// Shows a command and its answer in the log, without what is secret or the caller's own.
static void link_log(const struct link *link, const struct apdu *cmd, bytes encoded, bytes answer)
{
#if SCARD11_TRACE
    unsigned long n = (unsigned long)answer.n - 2;
    if (!os_log_is_on()) return;
    if (cmd->secret_in || cmd->hidden_in) {
        os_log_hex("> ", bytes_head(encoded, 4));
        os_log("    with %lu bytes that stay out of the log", (unsigned long)cmd->data.n);
    } else {
        os_log_hex("> ", encoded);
    }
    if (n && link_hides(link, cmd))
        os_log("< %lu bytes that stay out of the log, %04x", n, link->sw);
    else
        os_log_hex("< ", answer);
#else
    (void)link; (void)cmd; (void)encoded; (void)answer;
#endif
}

// Is a status word an error of the card, and not of the command? ISO 7816-4, 5.6: 64 to 66 are
// execution errors, 6F is one without a diagnosis. Another time the answer may be another.
static bool link_is_error(st s)
{
    u32 sw1 = s >> 8;
    return (sw1 >= SW1_ERROR && sw1 <= SW1_ERROR_LAST) || sw1 == SW1_NO_DIAGNOSIS;
}

// Did the card do what it was told? An error says nothing: a card may have made any of what it did
// not understand.
static bool link_did(u16 sw)
{
    return sw == SW_OK || sw >> 8 == SW1_MORE || sw >> 8 == SW1_WARNING;
}

// Notes an answer of the card: got bytes of link->answer, two at least.
static void link_count_answer(struct link *link, size_t got)
{
    SCARD11_ASSERT(got >= 2 && got <= SCARD11_ANSWER);
    link->count->received += got;
    link->sw = (u16)(link->answer[got - 2] << 8 | link->answer[got - 1]);
}

// Hands bytes to the reader for the card, whose answer is in link->answer then: got bytes.
static st link_pass(struct link *link, bytes encoded, size_t *got)
{
    *got = SCARD11_ANSWER;
    st s = reader_st(scard11_reader_transmit(link->conn, encoded.p, encoded.n, link->answer, got));
    return !s && *got > SCARD11_ANSWER ? ST_READER : s;
}

// Sends one command as it is and appends the response data to rsp. ST_OK says that the card
// answered; what it answered is in link->sw.
static st link_transmit(struct link *link, const struct apdu *cmd, struct buf *rsp)
{
    struct buf out = buf_on(link->raw, SCARD11_COMMAND_MAX);
    bool extended = extended_takes(&link->extended, cmd);
    size_t got = 0;

    TRY(link_ready(link));
    if (!link->conn || link->dead) return ST_CARD_REMOVED;
    SCARD11_ASSERT(link->open || link->exclusive);          // from link_begin to link_end
    apdu_encode(&out, cmd, extended ? SCARD11_ANSWER - 2 : 0, link->t0);
    st s = out.full ? ST_DATA_LEN : link_pass(link, buf_bytes(&out), &got);
    link->count->commands++;
    link->count->sent += out.n;
    if (s || got < 2) {
        mem_wipe(link->raw, out.n);
        if (s != ST_CARD_RESET) extended_failed(&link->extended, cmd);
        return s ? link_failed(link, s) : link_no_answer(link);
    }
    link_count_answer(link, got);
    if (extended && link_did(link->sw)) extended_done(&link->extended, cmd);
    link_log(link, cmd, buf_bytes(&out), bytes_of(link->answer, got));
    mem_wipe(link->raw, out.n);
    buf_put(rsp, bytes_of(link->answer, got - 2));
    if (link_hides(link, cmd)) mem_wipe(link->answer, got);
    return ST_OK;
}

// Counts one more that the card makes us ask. One that never comes to an end is given up, as with a
// reader that failed.
static st link_count_read(struct link *link)
{
    if (link->reads++ < LINK_READS_MAX) return ST_OK;
    os_log("%s: more than %u reads in one call: the card gives too little at a time", link->name,
           (unsigned)LINK_READS_MAX);
    return link_failed(link, ST_READER);
}

// What 61XX says that there is more, and 6CXX that is wanted: XX bytes, 00 is 256.
static u32 link_more(const struct link *link)
{
    return ((link->sw - 1u) & 0xff) + 1;
}

// Sends one command, and once more if the card says that it wants another Le: cmd has that then.
static st link_transmit_le(struct link *link, struct apdu *cmd, struct buf *rsp)
{
    size_t start = rsp->n;
    TRY(link_transmit(link, cmd, rsp));
    if (link->sw >> 8 != SW1_WRONG_LE) return ST_OK;
    cmd->le = link_more(link);
    buf_rewind(rsp, start);
    return link_transmit(link, cmd, rsp);
}

// Sends one command and appends its whole response to rsp, or enough of it. A card whose next piece
// is empty would go on for ever. GET RESPONSE is ISO 7816's, whatever class the command is of.
static st link_collect(struct link *link, struct apdu *cmd, struct buf *rsp)
{
    struct apdu more = { .ins = INS_GET_RESPONSE, .secret_out = link_hides(link, cmd) };
    struct apdu *next = cmd;
    size_t start = rsp->n;
    for (u32 pieces = 0;; pieces++) {
        size_t before = rsp->n;
        TRY(link_transmit_le(link, next, rsp));
        if (link->sw >> 8 != SW1_MORE || rsp->full) return ST_OK;
        if (pieces && rsp->n == before) return ST_PROTOCOL;
        if (cmd->enough && cmd->enough(bytes_from(buf_bytes(rsp), start))) return ST_OK;
        if (pieces) TRY(link_count_read(link));
        more.le = link_more(link);
        next = &more;
    }
}

// One control of the reader, feature of PC/SC part 10: got bytes in link->answer. ST_NOT_SUPPORTED,
// ST_NO_EVENT (nothing came in time, or it was cancelled): the connection is well.
static st link_control(struct link *link, u32 feature, bytes in, size_t *got)
{
    *got = SCARD11_ANSWER;
    if (!link->conn || link->dead) return ST_CARD_REMOVED;
    st s = reader_st(scard11_reader_control(link->conn, feature, in.p, in.n, link->answer, got));
    if (!s && *got > SCARD11_ANSWER) s = ST_READER;
    if (s == ST_NO_EVENT || s == ST_NOT_SUPPORTED) return s;
    return s ? link_failed(link, s) : ST_OK;
}

// ---- Secure messaging ----

// Lowers what a command asks for to what its protected answer can hold, and returns the Le that it
// is sent with. What READ BINARY leaves is read next; what else is too long for a short answer is
// handed over in pieces.
static u32 link_secure_le(const struct link *link, struct apdu *cmd)
{
    bool extended = extended_takes_all(&link->extended);
    bool reads = (cmd->ins & 0xfe) == INS_READ_BINARY;      // even or odd instruction
    u32 most = extended ? SCARD11_ANSWER - 2 : APDU_LE_SHORT;
    u32 protected_le = cmd->le + link->secure->got_more;
    if (extended || reads) most -= link->secure->got_more;
    if (cmd->le > most) cmd->le = most;
    return protected_le > APDU_LE_SHORT ? APDU_LE_ALL : APDU_LE_SHORT;
}

// Protects a command, which goes with the Le that its protected answer needs.
static st link_wrap(struct link *link, struct apdu *cmd)
{
    u32 le = link_secure_le(link, cmd);
    TRY(link->secure->wrap(link->secure, cmd));
    cmd->le = le;
    return ST_OK;
}

// Appends what is in a protected response to rsp. The conversation ends with one that is not as it
// should be, and with a card that knows of no secure messaging (any more), misses the protection,
// or finds it wrong.
static st link_unwrap(struct link *link, bytes response, struct buf *rsp)
{
    bool refused = link->sw == SW_NO_SM || link->sw == SW_SM_MISSING || link->sw == SW_SM_INCORRECT;
    if (!refused && !link->secure->unwrap(link->secure, response, &link->sw, rsp)) return ST_OK;
    link_end_secure(link);
    return ST_SECURE;
}

// Sends one command, protected where that was agreed on, and appends its whole response to rsp.
static st link_converse(struct link *link, struct apdu *cmd, struct buf *rsp)
{
    bool secure = link->secure;
    struct buf *response = rsp;
    if (secure) {
        response = &link->secure->response;
        buf_rewind(response, 0);
        TRY(link_wrap(link, cmd));
    }
    TRY(link_collect(link, cmd, response));
    if (secure) TRY(link_unwrap(link, buf_bytes(response), rsp));
    if (link_is_error(link->sw)) link->erred = true;
    return ST_OK;
}

// ---- Chains ----

// Sends the data that one command cannot hold in a chain, all but the last piece, which is left in
// cmd. A chain of short commands is short to its end. A status word: the card did not take a piece.
static st link_chain(struct link *link, struct apdu *cmd, struct buf *rsp)
{
    size_t most = link_most(link);
    bool is_long = cmd->data.n > most;
    if (is_long && most <= APDU_DATA_SHORT && cmd->le > APDU_LE_SHORT) cmd->le = APDU_LE_SHORT;
    for (; cmd->data.n > most; cmd->data = bytes_from(cmd->data, most)) {
        struct apdu head = *cmd;
        head.cla |= CLA_CHAIN;
        head.data.n = most;
        head.le = 0;
        TRY(link_converse(link, &head, rsp));
        if (link->sw != SW_OK) return st_of_sw(link->sw);
    }
    return ST_OK;
}

// Sends a command, in a chain where its data is long. last is what was sent last of it.
static st link_send(struct link *link, const struct apdu *cmd, struct apdu *last, struct buf *rsp)
{
    *last = *cmd;
    TRY(link_chain(link, last, rsp));
    return link_converse(link, last, rsp);
}

// Sends a command short, in open forms, which came extended and was refused for its length. last is
// what was sent last of it, before and after.
static st link_send_short(struct link *link, const struct apdu *cmd, struct apdu *last,
                          struct buf *rsp)
{
    u8 forms = extended_shorten(&link->extended, last);
    st s = link_send(link, cmd, last, rsp);
    bool done = !s && link_did(link->sw);
    if (!done) extended_reopen(&link->extended, forms);
    return s;
}

// Was a command refused for its length, by a card of which nobody knows whether it means it? s came
// of it, last is what was sent last of it.
static bool link_was_too_long(const struct link *link, st s, const struct apdu *last)
{
    bool came_of_it = !s || s == SW_WRONG_LENGTH;          // not an error of the connection
    return came_of_it && link->sw == SW_WRONG_LENGTH && extended_tries(&link->extended, last);
}

// Did a command meet a chain that another program left open? On some cards (OsEID) that ends with
// this answer to whoever comes. A command that goes on with a chain of ours is meant itself.
static bool link_met_a_chain(const struct link *link, st s, const struct apdu *cmd)
{
    return !s && link->sw == SW_CHAIN_OPEN && !(cmd->cla & CLA_CHAIN);
}

// Runs one command to its end: short or extended, a chain for long data, then the whole response.
// Returns ST_OK for 9000, else the status word, with the data that came before it in rsp. ST_OK,
// and 61xx in link->sw: the rest was not wanted. The card drops it with the next command.
static st link_exchange(struct link *link, const struct apdu *cmd, struct buf *rsp)
{
    struct apdu last;
    size_t start = rsp->n;

    if (cmd->ins == INS_SELECT) link->selects++;
    st s = link_send(link, cmd, &last, rsp);
    if (link_was_too_long(link, s, &last)) {
        buf_rewind(rsp, start);
        s = link_send_short(link, cmd, &last, rsp);
    }
    if (link_met_a_chain(link, s, cmd)) {
        buf_rewind(rsp, start);
        s = link_send(link, cmd, &last, rsp);
    }
    if (s) return s;
    if (cmd->ins == INS_SELECT && link_did(link->sw)) link->moves++;
    if (rsp->full) return ST_ARENA_FULL;
    return link->sw >> 8 == SW1_MORE ? ST_OK : st_of_sw(link->sw);
}

/* ================================================================================================
 * MARK: - >>iso
 * ISO 7816-4 commands, one function each.
 *
 * Owns    the meaning of each command's status words
 * Uses    >>tlv >>apdu >>link
 * Names   iso_
 * Specs   ISO 7816-4 (SELECT, READ BINARY, VERIFY and its kin, GET DATA, FCP), ISO 7816-8 (MSE,
 *         PERFORM SECURITY OPERATION)
 * Tests   tests/unit/iso.c
 * ==============================================================================================*/

// How SELECT names a file: its P1.
#define ISO_BY_FID   0x00               // a file identifier; without one, the MF
#define ISO_BY_CHILD 0x01               // the identifier of a DF under the current DF
#define ISO_BY_EF    0x02               // the identifier of an EF under the current DF
#define ISO_BY_AID   0x04
#define ISO_BY_PATH  0x08               // a path from the MF, which it does not name
#define ISO_BY_PATH_HERE 0x09           // a path from the current DF

// What SELECT is to tell of the file: its P2.
#define ISO_FCI     0x00
#define ISO_FCP     0x04                // what some cards want asked that give no FCI
#define ISO_NOTHING 0x0c

// What it tells: FCI and FCP, and in them the size of the file's content.
#define ISO_TAG_FCI      0x6f
#define ISO_TAG_FCP      0x62
#define ISO_TAG_SIZE     0x80
#define ISO_TAG_SIZE_ALL 0x81           // with structural information

#define ISO_OFFSET_MAX 0x7fff           // of READ BINARY, in P1 and P2: the first bit says so
#define ISO_NO_DATA    16               // room for an answer without data: cards may give a little

// Runs a command whose answer has no data.
static st iso_send(struct link *link, const struct apdu *cmd)
{
    u8 none[ISO_NO_DATA];
    struct buf rsp = buf_on(none, sizeof none);
    return link_exchange(link, cmd, &rsp);
}

// SELECT of a file; what the card tells of it is appended to told (NULL: it is not wanted). p1 says
// what path is.
static st iso_select(struct link *link, u8 p1, u8 p2, bytes path, struct buf *told)
{
    u8 room[APDU_LE_SHORT];
    struct buf unread = buf_on(room, sizeof room);
    struct apdu cmd = { .ins = INS_SELECT, .p1 = p1, .p2 = p2, .data = path };
    if (p2 != ISO_NOTHING) cmd.le = APDU_LE_SHORT;
    st s = link_exchange(link, &cmd, told ? told : &unread);
    switch (s) {
    case SW_FILE_NOT_FOUND:
    case SW_RECORD_NOT_FOUND:
    case SW_NO_INS:
    case SW_NOT_SELECTED:
    case SW_NOT_ALLOWED: return ST_NOT_FOUND;
    default:             return s;
    }
}

static st iso_select_file(struct link *link, u8 p1, bytes path)
{
    return iso_select(link, p1, ISO_NOTHING, path, NULL);
}

// SELECT by AID; p2 is ISO_FCI for all cards but those that want to be asked for nothing.
// ST_NOT_FOUND for every answer but yes: cards say no in many ways.
static st iso_select_aid(struct link *link, u8 p2, bytes aid, struct buf *fci)
{
    st s = iso_select(link, ISO_BY_AID, p2, aid, fci);
    return s > ST_COUNT || s == ST_PROTOCOL ? ST_NOT_FOUND : s;
}

// What the status word of VERIFY and its kin says of a PIN. tries gets the tries left, or stays.
static st iso_pin_status(st s, int *tries)
{
    switch (s) {
    case SW_BLOCKED:
    case SW_DATA_UNUSABLE:
    case SW_NO_TRIES:        *tries = 0;
                             return ST_PIN_LOCKED;
    case SW_SECURITY_STATUS: return ST_PIN_INCORRECT;
    case SW_WRONG_DATA:
    case SW_WRONG_LENGTH:    return ST_PIN_LEN;
    case SW_DATA_NOT_FOUND:
    case SW_FILE_NOT_FOUND:  return ST_PIN_MISSING;
    default:                 break;
    }
    if (s >> 8 != SW1_TRIES) return s;
    // Some cards (YubiKey NEO) tell the tries left as 630X. 6300 says nothing of them.
    u32 counter = s & 0xf0;
    int left = (int)(s & 0x0f);
    if (counter == 0xc0 || (counter == 0 && left)) *tries = left;
    return ST_PIN_INCORRECT;
}

// An empty VERIFY asks whether a PIN is verified, or how many tries are left. Some cards count it
// as a try.
static st iso_ask_pin(struct link *link, u8 pin_ref, int *tries)
{
    struct apdu cmd = { .ins = INS_VERIFY, .p2 = pin_ref };
    return iso_pin_status(iso_send(link, &cmd), tries);
}

// VERIFY with P1 FF: the card forgets that the PIN was verified.
static st iso_logout(struct link *link, u8 pin_ref)
{
    struct apdu cmd = { .ins = INS_VERIFY, .p1 = 0xff, .p2 = pin_ref };
    return iso_send(link, &cmd);
}

// GET DATA (odd instruction): the data object that a tag list 5C names, or enough of it.
static st iso_get_data(struct link *link, u16 file, bytes tag_list, bool (*enough)(bytes),
                       struct buf *out)
{
    struct apdu cmd = { .ins = INS_GET_DATA, .p1 = (u8)(file >> 8), .p2 = (u8)file,
                        .data = tag_list, .le = APDU_LE_ALL, .enough = enough };
    st s = link_exchange(link, &cmd, out);
    switch (s) {
    case SW_FILE_NOT_FOUND:
    case SW_DATA_NOT_FOUND:  return ST_NOT_FOUND;
    case SW_SECURITY_STATUS: return ST_NOT_LOGGED_IN;
    default:                 return s;
    }
}

// ---- Files ----

// The size of the file that an FCP or FCI tells of; 0: it does not say.
static u32 iso_file_size(bytes told)
{
    struct tlv tlv;
    bytes size = BYTES_NONE;
    if (tlv_next(&told, &tlv)) return 0;
    if (tlv.tag != ISO_TAG_FCI && tlv.tag != ISO_TAG_FCP) return 0;
    if (!tlv_find(tlv.value, ISO_TAG_SIZE, &size)) tlv_find(tlv.value, ISO_TAG_SIZE_ALL, &size);
    return size.n >= 1 && size.n <= 4 ? (u32)bytes_number(size) : 0;
}

// What the status word of READ BINARY says. ST_NOT_FOUND: there is no such file, or it ends before.
static st iso_read_status(st s)
{
    switch (s) {
    case SW_END_OF_FILE:     return ST_OK;              // all that there is has come
    case SW_WRONG_P1P2:
    case SW_INCORRECT_P1P2:
    case SW_FILE_NOT_FOUND:  return ST_NOT_FOUND;
    case SW_SECURITY_STATUS: return ST_NOT_LOGGED_IN;
    default:                 return s;
    }
}

// READ BINARY from an offset on, as much as one answer holds (at most le bytes).
static st iso_read_binary(struct link *link, u32 offset, u32 le, struct buf *out)
{
    struct apdu cmd = { .ins = INS_READ_BINARY, .p1 = (u8)(offset >> 8), .p2 = (u8)offset,
                        .le = le };
    if (offset > ISO_OFFSET_MAX) return ST_NOT_FOUND;
    TRY(link_count_read(link));
    return iso_read_status(link_exchange(link, &cmd, out));
}

// READ RECORD, one by its number. ST_NOT_FOUND: there is none.
static st iso_read_record(struct link *link, u8 number, struct buf *out)
{
    struct apdu cmd = { .ins = INS_READ_RECORD, .p1 = number, .p2 = 0x04, .le = APDU_LE_SHORT };
    TRY(link_count_read(link));
    st s = link_exchange(link, &cmd, out);
    switch (s) {
    case SW_END_OF_FILE:      return ST_OK;
    case SW_RECORD_NOT_FOUND:
    case SW_FILE_NOT_FOUND:   return ST_NOT_FOUND;
    case SW_SECURITY_STATUS:  return ST_NOT_LOGGED_IN;
    default:                  return s;
    }
}

// ---- Security environment ----

// MANAGE SECURITY ENVIRONMENT: P1, what is to be done.
#define MSE_SET          0x41           // to compute a signature, to decipher, to agree on a key
#define MSE_SET_ENCIPHER 0x81
#define MSE_RESTORE      0xf3
// P2 of SET: the control reference template (CRT), for what.
#define CRT_AUTH         0xa4           // authentication, and key agreement
#define CRT_SIGN         0xb6           // digital signature
#define CRT_CIPHER       0xb8           // confidentiality
// Tags in a CRT.
#define CRT_ALGORITHM    0x80
#define CRT_FILE         0x81           // of the key
#define CRT_SECRET_KEY   0x83           // reference of a secret key
#define CRT_KEY          0x84           // reference of a private key
#define CRT_IV           0x87

// MANAGE SECURITY ENVIRONMENT, SET. content is the template without its tag, which is p2.
static st iso_mse_set(struct link *link, u8 p1, u8 p2, bytes content)
{
    struct apdu cmd = { .ins = INS_MSE, .p1 = p1, .p2 = p2, .data = content };
    return iso_send(link, &cmd);
}

// MANAGE SECURITY ENVIRONMENT, RESTORE: one that the card keeps under a number.
static st iso_mse_restore(struct link *link, u8 number)
{
    struct apdu cmd = { .ins = INS_MSE, .p1 = MSE_RESTORE, .p2 = number };
    return iso_send(link, &cmd);
}

// PERFORM SECURITY OPERATION, compute digital signature.
static st iso_sign(struct link *link, bytes in, u32 le, struct buf *out)
{
    struct apdu cmd = { .ins = INS_PSO, .p1 = 0x9e, .p2 = 0x9a, .data = in, .le = le };
    return link_exchange(link, &cmd, out);
}

// PERFORM SECURITY OPERATION, decipher. in begins with the padding indicator, where the card wants
// one.
static st iso_decipher(struct link *link, bytes in, u32 le, struct buf *out)
{
    struct apdu cmd = { .ins = INS_PSO, .p1 = 0x80, .p2 = 0x86, .data = in, .le = le,
                        .secret_out = true };
    return link_exchange(link, &cmd, out);
}

// PERFORM SECURITY OPERATION, encipher or decipher with a secret key: whole blocks. more: this is
// not the last part of a chain; each is answered.
static st iso_crypt(struct link *link, bool encrypt, bool more, bytes in, struct buf *out)
{
    struct apdu cmd = { .cla = more ? CLA_CHAIN : 0, .ins = INS_PSO, .p1 = encrypt ? 0x84 : 0x80,
                        .p2 = encrypt ? 0x80 : 0x84, .data = in, .le = APDU_LE_SHORT,
                        .hidden_in = encrypt, .secret_out = !encrypt };
    return link_exchange(link, &cmd, out);
}

// GET CHALLENGE: random bytes of the card, n or as many as it gives.
static st iso_get_challenge(struct link *link, u32 n, struct buf *out)
{
    struct apdu cmd = { .ins = INS_GET_CHALLENGE, .le = n, .secret_out = true };
    return link_exchange(link, &cmd, out);
}

/* ================================================================================================
 * MARK: - >>card
 * The card model: what a card holds, and which functions a driver for such cards has.
 *
 * Owns    struct card, struct token, struct credential, struct object, struct query, struct driver;
 *         the table of objects; secrets that are kept; what the end of a login means for a token
 * Uses    >>x509 >>alg >>link
 * Names   card_
 * Tests   tests/unit/card.c
 * ==============================================================================================*/

// Tokens and objects have the shape that PKCS#11 gives them (CKO_, CKA_ID, CKA_PRIVATE). So there
// is one model, which drivers fill and >>attr and >>session read, and nothing to translate.
//
// The hard part is that other programs use the card too. Between two of our commands one of them
// may SELECT another application, and PC/SC does not say so. To SELECT ours each time would cost a
// command, and on most cards the login. These words say how the sections below get around that:
//
// transaction  From link_begin to link_end no other program's command comes between ours. Of what
//              came before it nothing is known.
// sure         In this transaction the token's application was seen to be selected (card->sure).
// on trust     Sent without being sure: the card is believed to be where we left it. What comes
//              back is checked, and if it is wrong, made again for certain (>>trial). A secret is
//              never sent on trust (>>secret).
// place        Where a command must be sent: an application, and in it a DF or a file. SELECTs lead
//              there. One that leaves the application, and on many cards any SELECT of it, ends a
//              login (>>place).
// landmark     Data that only this application has. To read it is to be sure, without a SELECT.
// identity     A landmark that no other card has, such as a serial number. It shows that a card
//              whose connection was lost for a while is the one that we remember (>>same).
// credential   A PIN or PUK: what it opens, the place where it is presented, how, and what
//              ends its effect. An object names the one that opens it.

#define CARD_OBJECT_PAGE   16
#define CARD_OBJECT_PAGES  ((HANDLE_INDEX_MASK + 1) / CARD_OBJECT_PAGE)
#define CARD_SESSION_PAGE  16
#define CARD_SESSION_PAGES 256          // more than any SCARD11_READERS_MAX leaves
#define CARD_PIN_MAX       64           // bytes of an encoded PIN
#define CARD_MSE_MAX       40           // bytes of a security environment that is remembered
#define CARD_DIGEST        32           // SHA-256
#define CARD_SPKI_MAX      1024         // bytes of a public key in DER: RSA-4096 has 550

struct card;
struct token;
struct object;
struct session;                         // of >>session; the table of them is in the card's arena

// Where something is: in an application beside the token's own, or in it; and there in which DF, or
// at which file. Both empty: the token's application, wherever in it that is.
struct place {
    bytes aid;
    bytes path;             // file identifiers, from the MF (3F00) on
};

// What only this application has, as a digest: whatever its size, it is kept in few bytes.
struct landmark {
    bool known;
    bool unique;            // no other card has the same
    bool small;             // to read it takes one command, as a SELECT does
    u32  ref;               // the driver's: what is read for it
    u8   digest[CARD_DIGEST];
};

// ---- Credentials ----

// How a PIN's characters are sent. The numbers are those of PinType in ISO/IEC 7816-15.
enum card_pin_coding {
    CARD_PIN_BCD,           // digits, two to a byte
    CARD_PIN_ASCII,         // characters as they are
    CARD_PIN_UTF8,          // characters as they are
    CARD_PIN_HALF_NIBBLE,   // digits, one to a byte behind an F
    CARD_PIN_ISO9564,       // digits, as format 2 of ISO 9564-1 has them
    CARD_PIN_HEX            // hexadecimal digits, two to a byte; not one of PinType
};

// What a credential opens.
enum card_role {
    ROLE_USER,              // the token for its user
    ROLE_PUK,               // the user's PIN when that is blocked
    ROLE_ADMIN,             // the card for who writes it
    ROLE_SIGN               // one key, each time that it is used
};

// How a key is made of a PIN, so that the card never sees what was typed: iterated and salted S2K
// (RFC 4880, 3.7.1.3), of count bytes as they are, not coded.
struct card_kdf {
    const struct alg_hash *hash;
    u32   count;
    bytes salt;
};

// What makes the card forget that a credential was presented.
enum card_logout { LOGOUT_RESET, LOGOUT_VERIFY_FF, LOGOUT_SELECT, LOGOUT_COMMAND };

// What a PUK can do.
enum card_unblock {
    UNBLOCK_TOGETHER,       // RESET RETRY COUNTER takes it with the new PIN
    UNBLOCK_APART,          // VERIFY takes it; then the PIN is set alone
    UNBLOCK_FREES,          // it frees the PIN, which stays what it was
    UNBLOCK_FREES_ALONE,    // so, by the P1 that ISO 7816-4 has for a PUK without a new PIN
    UNBLOCK_NOT             // nothing: its card was set up so
};

struct credential {
    u8   role;              // enum card_role
    u8   reference;
    u8   set_by;            // the reference by which it is set anew; 0: the same
    u8   coding;            // enum card_pin_coding
    u8   min, max;          // lengths that the card takes, in characters; max 0: there is none
    u8   fill_to;           // bytes that it and the filler behind it take; 0: there is no filler
    u8   filler;
    u8   logout_by;         // enum card_logout
    u8   unblock_by;        // enum card_unblock, of a PUK
    u8   same_as;           // 1 + the place in its token of the one with the same secret; 0: none
    bool apart;             // that one's login does not present it, each use of its key does
    int  tries;             // left; -1: the card did not say
    int  tries_max;         // the most that was ever seen
    bool ask;               // an empty VERIFY tells its state, and is known to cost nothing
    bool asked;             // its state was asked for so
    bool hidden;            // it may be verified though that says how many tries are left
    bool yes_is_missing;    // an empty VERIFY that says yes means that there is no such PIN
    bool missing;           // the card has no such PIN yet
    bool transport;         // 6984 to an empty VERIFY: it is good for nothing but to be changed
    bool must_change;       // so it said
    bool uncertain;         // a PUK that the card may not have: driver->login finds out
    bool wrong_is_6985;     // how the card says that it was wrong
    bool verify_bare;       // VERIFY wants it without the filler
    bool fixed;             // cannot be changed
    bool presented;         // a PUK: VERIFY takes it, so that a login as SO can be tried
    bool verified;          // the card may have it verified: nothing ended that since
    u8   kept_len;          // of the secret at kept; 0: none is
    u8  *kept;              // while its login lasts: for the PIN cache, or a PUK until it is used
    const struct card_kdf *kdf;     // what is sent is made of it so; NULL: it is sent as it is
    struct place place;     // where it is presented
};

// What a search can match, as far as a driver can use it to read less.
struct query {
    bool any_class;
    CK_OBJECT_CLASS class;
    bool any_id;
    bytes id;
    bool no_secret;         // whatever its class, no secret key has such attributes
    bool logged_in;         // private objects can be seen
};

// ---- Drivers ----

// A kind of token. A NULL member is something its cards cannot do: ST_NOT_SUPPORTED. All are called
// in a transaction. Where card->sure is false another program may have selected another
// application. No law is kept here: see >>place, >>secret, >>trial.
struct driver {
    const char *name;       // CK_TOKEN_INFO.model, and the log
    bool public_certificates;   // all of its cards let anyone read every certificate
    bool keys_without_pin;      // some have keys that need none: list looks, for CKO_PROFILE
    bool shares_chip;           // beside it there may be an application of another such driver: a
                                // token of its own (>>probe)
    // Finding out, as late as possible. selected is asked before probe where another program has
    // the card: is the application the selected one? It sends no SELECT; ST_NOT_FOUND: it is not.
    // If it is, probe is next: it finds what selected left in the token, and card->sure.
    st (*selected)(struct card *, struct token *, struct scratch);
    st (*probe)   (struct card *, struct token *, struct scratch);  // ST_NOT_MINE: ask the next
    st (*open)    (struct card *, struct token *, struct scratch);  // what C_GetTokenInfo needs
    st (*list)    (struct card *, struct token *, const struct query *, struct scratch);
    st (*read)    (struct card *, struct object *, struct scratch); // its value, its policy
    // Places. select goes to one, an empty one is the application; ST_NOT_FOUND: it is not there.
    // landmark reads what a landmark is made of, without a SELECT of the application.
    st (*select)  (struct card *, struct token *, const struct place *);
    st (*landmark)(struct card *, struct token *, u32 ref, struct scratch *, bytes *value);
    // Credentials. learn: what must be known before a secret is sent; login: what must go before
    // secret_login, and whether there is an uncertain PUK; logout: the command of LOGOUT_COMMAND.
    st (*learn)   (struct card *, struct token *, struct scratch);
    st (*login)   (struct card *, struct token *, struct credential *, struct scratch);
    st (*logout)  (struct card *, struct token *);
    // Keys. in is hashed and padded as alg_use says; out has room for what the key can give.
    st (*sign)    (struct card *, struct object *, const struct alg_use *, bytes in, struct scratch,
                   struct buf *out);
    st (*decrypt) (struct card *, struct object *, const struct alg_use *, bytes in, struct scratch,
                   struct buf *out);
    st (*derive)  (struct card *, struct object *, bytes peer_point, struct scratch,
                   struct buf *out);
    st (*random)  (struct card *, struct token *, u8 *out, size_t n);
    // A secret key of the card: in, whole blocks, as use->scheme says, ECB or CBC under iv.
    st (*crypt)   (struct card *, struct object *, const struct alg_use *, bool encrypt, bytes iv,
                   bytes in, struct scratch, struct buf *out);
    st (*mac)     (struct card *, struct object *, bytes in, struct scratch, struct buf *out);
                                // the CMAC, by AES; ST_DATA_LEN: more than the card takes
};

// What a key may be used for, and the kinds of keys of a token.
#define CARD_TYPE(t) (1u << (t))
#define CARD_SIGN    1u
#define CARD_DECRYPT 2u
#define CARD_DERIVE  4u
#define CARD_ENCRYPT 8u                 // these are a secret key's, and CARD_DECRYPT too
#define CARD_WRAP    16u
#define CARD_UNWRAP  32u
#define CARD_AES     1u                 // kinds of secret keys of a token
#define CARD_DES3    2u
#define CARD_SCHEME(s) (1u << (s))      // enum alg_scheme

// What is known of a secret key's life. The numbers are those of KeyAccessFlags in ISO/IEC 7816-15.
#define CARD_SENSITIVE         1u
#define CARD_EXTRACTABLE       2u
#define CARD_ALWAYS_SENSITIVE  4u
#define CARD_NEVER_EXTRACTABLE 8u
#define CARD_LOCAL             16u

#define CARD_PROFILE(id) (1u << (id))   // CKP_...

// What PKCS#11 sees of a card. A free entry has handle 0.
struct object {
    CK_OBJECT_HANDLE handle;        // what the application holds
    CK_OBJECT_CLASS class;
    struct token *token;
    CK_SESSION_HANDLE owner;        // of a session object: its session; 0: it is on the card
    struct credential *credential;  // what opens it, of its token; NULL: it needs none
    bool  private;                  // not seen before login
    bool  always_auth;              // the PIN before each signature
    bool  unread;                   // driver->read has not been asked for the rest yet
    bool  trusted;                  // who issued the card vouches for it: CKA_TRUSTED
    bool  authority;                // a certificate that the card says is an authority's
    // What it is for its driver and its card.
    u32   ref;                      // the driver's: key reference, data object; of a profile: CKP_
    void *state;                    // the driver's
    bytes entry;                    // what the card's directory says of it; empty: ref is enough
    u32   twin;                     // how many objects before it have the very same entry
    // A key.
    enum alg_type type;             // of one that has not been read yet, or of a session's
    u32   use;                      // CARD_SIGN ...
    u32   access;                   // of one on the card: CARD_SENSITIVE ...
    u32   touch;                    // of a private one: SCARD11_TOUCH_...
    const struct alg_key *key;      // shared between its private and its public half
    u32   card_pads;                // CARD_SCHEME ...: the card itself pads so, and only so. The
                                    // driver takes off what the host padded by PKCS#1. 0: it takes
                                    // whole blocks
    u32   secret_len;               // of a secret key, in bytes; 0: not known
    CK_KEY_TYPE secret_type;        // of a secret key: CKK_AES ...
    const struct alg_hash *hashes;  // the card does this itself, on the data; NULL: the host does
    char  start[8], end[8];         // from when to when it is valid, YYYYMMDD; else zeros
    // What it shows.
    const struct x509 *x509;        // of a certificate, or of the key's certificate
    bytes value;                    // certificate, data
    bytes id;                       // CKA_ID
    bytes label, application, oid;  // text; DER
    bytes subject;                  // of a key, DER; empty: its certificate's
    // A session object.
    u64   login_epoch;              // a private one goes with the login it was made in
    struct chain attributes;        // type, length, value, one after the other
    struct chain secret;            // of a secret key: its value
};

// One application on the card with its user PIN: what PKCS#11 calls a token.
struct token {
    const struct driver *driver;
    void *state;                    // the driver's; one for all PINs of an application
    u32   index;                    // of the slot in its reader
    u32   credential_count;
    u32   session_count, rw_count;
    bool  opened;                   // driver->open was asked
    bool  flat;                     // PINs and keys are the application's, whatever DF is current
    bool  blank;                    // nobody has set it up yet: it has no directory
    bool  login;                    // the user PIN is verified, as far as we know
    bool  so;                       // the SO is logged in: has the PUK, to set the PIN anew
    bool  so_lost;                  // its login ended without the caller having asked for that
    bool  stale;                    // the card has lost the login, which a kept PIN can bring back
    bool  pin_for_all;              // of keys_without_pin: the card was seen to have none
    u64   login_epoch;              // changes with each login and logout
    u32   key_types;                // bit of enum alg_type: kinds of keys that the card may have
    u32   card_pads;                  // as of its keys: what C_GetMechanismInfo says
    u32   ec_hash;                  // CKM_: its EC keys sign what they hash so themselves; 0: any
    u32   secrets;                  // CARD_AES ...: secret keys that the card may have, and uses
    u32   profiles;                 // CARD_PROFILE ...: of OASIS, that it fulfils
    struct landmark *landmark;      // shows that the application is selected
    struct landmark *identity;      // shows that it is this card
    struct credential credentials[SCARD11_TOKEN_CREDENTIALS];       // the first is the user's
    char  label[33], serial[17], maker[33];
    CK_VERSION firmware;            // 0.0: not told
};

// Where the card is in the application of card->current, as far as is known.
enum card_where {
    CARD_SOMEWHERE,                 // anywhere
    CARD_HOME,                      // in the application's own DF
    CARD_AT                         // at card->at
};

// What became of SELECTs by AID while the card was probed: place_try_aid sends none twice.
#define CARD_REFUSED_MAX 16
struct card_tried {
    bytes  refused[CARD_REFUSED_MAX];   // AIDs that the card does not have
    u32    refused_n;
    bytes  there;                   // the last one that it has; empty: none
    u32    selects;                 // link.selects after that
    u32    drivers;                 // bit i: the i-th in the order of >>probe was asked
    bool   no_get_data;             // what is selected, with no SELECT of ours, knows no GET DATA
};

// Everything known about one inserted card. It and all that it points to is in its arena, and is
// gone at once when the card is.
struct card {
    struct arena arena;
    struct token *current;          // the token whose application we selected last
    struct session *open_op;        // whose context login keeps a transaction open
    u32  token_count;
    enum card_where where;
    bool sure;                      // current is selected: seen in this transaction
    bool shared;                    // another program had the card when we connected to it
    bool unproven;                  // a connection was taken up again: is it the same card?
    bool was_reset;                 // unproven after a reset: no application is selected
    bool used;                      // a session was opened since the card was last let go
    bool more;                      // there may be further tokens: to look for them waits (>>probe)
    u32  state;                     // of the reader, noted before the connection was made
    u32  changes;                   // what the reader's count of changes was then
    u32  object_count;              // entries ever used
    struct link link;
    u64  epoch;                     // of this insertion
    u64  look_ms;                   // when PC/SC was last asked whether it is still there
    u64  rest_ms;                   // since when no session needs it; 0: one does
    struct place at;                // where it is, with CARD_AT
    u8   mse[CARD_MSE_MAX];         // the security environment that was set last: P1, P2, template
    size_t mse_len;                 // 0: none
    struct card_tried tried;
    struct token tokens[SCARD11_READER_SLOTS];
    struct session *sessions[CARD_SESSION_PAGES];
    struct object *objects[CARD_OBJECT_PAGES];
};

// Are two tokens two PINs of one application? Then they share what its driver knows of it.
static bool card_same_application(const struct token *a, const struct token *b)
{
    return a == b || (a->state && a->state == b->state);
}

// The i-th entry of the table of objects, used or free; NULL: there is none.
static struct object *card_object_at(const struct card *card, u32 i)
{
    if (i >= card->object_count) return NULL;
    return &card->objects[i / CARD_OBJECT_PAGE][i % CARD_OBJECT_PAGE];
}

// Is an object there for its token's sessions? A private session object goes with its login.
static bool card_object_alive(const struct object *object)
{
    if (!object->handle) return false;
    bool goes_with_login = object->owner && object->private;
    return !goes_with_login || object->login_epoch == object->token->login_epoch;
}

// The object of a handle, or NULL: none any more, of another card, or of another token. It may be
// private, before the login.
static struct object *card_find_hidden(const struct card *card, const struct token *token,
                                       CK_OBJECT_HANDLE handle)
{
    struct object *object = card_object_at(card, handle_index(handle));
    if (!handle || !object) return NULL;
    bool is = object->handle == handle && object->token == token && card_object_alive(object);
    return is ? object : NULL;
}

// The object of a handle that the application may see now, or NULL.
static struct object *card_find(const struct card *card, const struct token *token,
                                CK_OBJECT_HANDLE handle)
{
    struct object *object = card_find_hidden(card, token, handle);
    return object && object->private && !token->login ? NULL : object;
}

// Frees an object's entry and what it holds.
static void card_drop(struct card *card, struct object *object)
{
    arena_chain_drop(&card->arena, &object->attributes);
    arena_chain_drop(&card->arena, &object->secret);
    mem_wipe(object, sizeof *object);
}

// Gives back what private session objects of an earlier login hold.
static void card_sweep(struct card *card)
{
    for (u32 i = 0; i < card->object_count; i++) {
        struct object *object = card_object_at(card, i);
        if (object->handle && !card_object_alive(object)) card_drop(card, object);
    }
}

// Makes sure that the next n card_add find room: in free entries, then in new pages of them.
static st card_reserve(struct card *card, u32 n)
{
    for (u32 i = 0; i < card->object_count && n; i++)
        if (!card_object_at(card, i)->handle) n--;
    u32 end = card->object_count + n;
    u32 page = (card->object_count + CARD_OBJECT_PAGE - 1) / CARD_OBJECT_PAGE;
    for (; page * CARD_OBJECT_PAGE < end; page++) {
        if (page >= CARD_OBJECT_PAGES) return ST_ARENA_FULL;
        struct object **at = &card->objects[page];
        if (!*at) *at = ARENA_NEW(&card->arena, struct object, CARD_OBJECT_PAGE);
        if (!*at) return ST_ARENA_FULL;
    }
    return ST_OK;
}

// A new object with a handle of this epoch, or NULL. Those found on the card share the card's
// epoch, but for one in an entry that another had before: its handle must not come again.
static struct object *card_add(struct card *card, struct token *token, CK_OBJECT_CLASS class,
                               u64 epoch)
{
    u32 i = 0;
    if (card_reserve(card, 1)) return NULL;
    while (i < card->object_count && card_object_at(card, i)->handle) i++;
    if (i == card->object_count)
        card->object_count++;
    else if (epoch == card->epoch)
        epoch = handle_new_epoch();
    struct object *object = card_object_at(card, i);
    SCARD11_ASSERT(object && !object->handle);
    *object = (struct object){ .handle = handle_make(epoch, i), .class = class, .token = token };
    return object;
}

// Notes what the directory says of an object. A card may say the same twice, byte for byte: such
// objects are told from each other by their number.
static void card_set_entry(struct card *card, struct object *object, bytes entry)
{
    object->twin = 0;
    for (u32 i = 0; i < card->object_count && entry.n; i++) {
        const struct object *other = card_object_at(card, i);
        bool counts = other != object && other->handle && other->token == object->token &&
                      other->class == object->class;
        if (counts && bytes_equal(other->entry, entry)) object->twin++;
    }
    object->entry = entry;
}

// Serial and label of a token, from the last eight bytes of its number, as far as it has one.
static void card_name(struct token *token, const char *what, bytes number)
{
    struct buf serial = buf_on(token->serial, 16), label = buf_on(token->label, 32);
    buf_put_hex(&serial, bytes_from(number, number.n > 8 ? number.n - 8 : 0));
    buf_put_text(&label, what);
    if (!serial.n) return;
    buf_put_text(&label, " ");
    buf_put(&label, bytes_from(buf_bytes(&serial), serial.n > 8 ? serial.n - 8 : 0));
}

// driver->read, where list leaves nothing unread.
static st card_read_nothing(struct card *card, struct object *object, struct scratch scratch)
{
    (void)card; (void)object; (void)scratch;
    return ST_OK;
}

// ---- Credentials ----

// The user's PIN; every token has one, if only to say that it is missing.
static struct credential *card_pin(struct token *token)
{
    return &token->credentials[0];
}

// The first credential of a role, or NULL.
static struct credential *card_credential(struct token *token, enum card_role role)
{
    for (u32 i = 0; i < token->credential_count; i++)
        if (token->credentials[i].role == role) return &token->credentials[i];
    return NULL;
}

// A PIN turns out to be another one. What is known of the one before is not known of it.
static void card_turn_to(struct credential *pin, u8 reference)
{
    pin->reference = reference;
    pin->tries = -1;
    pin->tries_max = 0;
    pin->asked = pin->missing = false;
}

// Adds a credential, or replaces the one of its role. A driver adds the user's first.
static void card_set_credential(struct token *token, const struct credential *what)
{
    struct credential *there = card_credential(token, (enum card_role)what->role);
    SCARD11_ASSERT(token->credential_count || what->role == ROLE_USER);
    if (!there && token->credential_count < SCARD11_TOKEN_CREDENTIALS)
        there = &token->credentials[token->credential_count++];
    if (there) *there = *what;
}

// Is the user logged in, or the SO?
static bool card_logged_in(const struct token *token)
{
    return token->login || token->so;
}

// May the card have a credential of this token verified?
static bool card_verified(const struct token *token)
{
    for (u32 i = 0; i < token->credential_count; i++)
        if (token->credentials[i].verified) return true;
    return false;
}

static void card_forget_verified(struct token *token)
{
    for (u32 i = 0; i < token->credential_count; i++) token->credentials[i].verified = false;
}

// Wipes a secret that was kept, if any.
static void card_forget_secret(struct credential *credential)
{
    if (!credential->kept_len) return;
    mem_wipe(credential->kept, CARD_PIN_MAX);
    os_unlock_page(credential->kept);
    credential->kept_len = 0;
}

static void card_forget_token_secrets(struct token *token)
{
    for (u32 i = 0; i < token->credential_count; i++) card_forget_secret(&token->credentials[i]);
}

// Wipes all secrets that were kept for a card.
static void card_forget_all_secrets(struct card *card)
{
    for (u32 i = 0; i < card->token_count; i++) card_forget_token_secrets(&card->tokens[i]);
}

// Room for a secret, in a page that nothing else is in: locking it locks nothing of others, and the
// end of the lock ends no lock of theirs. Without such a page there is room only if there must be.
static u8 *card_secret_room(struct card *card, bool must)
{
    size_t page = os_page();
    u8 *two = ARENA_NEW(&card->arena, u8, 2 * page);
    if (two) return two + (page - (uintptr_t)two % page) % page;
    return must ? ARENA_NEW(&card->arena, u8, CARD_PIN_MAX) : NULL;
}

// Keeps a secret in locked memory; where that cannot be locked, it is kept only if it must be.
static void card_secret_keep(struct card *card, struct credential *credential, bytes secret,
                             bool must)
{
    card_forget_secret(credential);
    if (!secret.n || secret.n > CARD_PIN_MAX) return;
    if (!credential->kept) credential->kept = card_secret_room(card, must);
    bool locked = credential->kept && os_lock_page(credential->kept);
    if (!credential->kept || (!locked && !must)) {
        os_log("%s: no locked memory for the PIN: it is not kept", card->link.name);
        return;
    }
    memcpy(credential->kept, secret.p, secret.n);
    credential->kept_len = (u8)secret.n;
}

static bytes card_kept(const struct credential *credential)
{
    return bytes_of(credential->kept, credential->kept_len);
}

// ---- The ends of logins, as far as a token must know ----

// The login is gone: sessions are public again, private session objects and operations end. Nothing
// is walked: they carry the epoch of the login they were made in.
static void card_login_lost(struct token *token)
{
    if (token->so) token->so_lost = true;
    token->login = token->so = false;
    card_forget_token_secrets(token);
    token->stale = false;
    token->login_epoch++;
}

// Another application is selected. What was verified may stay so on the card: it stays noted.
static void card_login_left(struct token *token)
{
    if (card_pin(token)->kept_len) token->stale = true;
    else                           card_login_lost(token);
}

// The card was reset: nothing is verified any more, and each login is gone, but for one whose PIN
// was kept, which brings it back.
static void card_logins_reset(struct card *card)
{
    for (u32 i = 0; i < card->token_count; i++) {
        struct token *token = &card->tokens[i];
        card_forget_verified(token);
        if (token->login && card_pin(token)->kept_len)
            token->stale = true;
        else if (card_logged_in(token))
            card_login_lost(token);
    }
}

// Gives private objects new handles: after C_Logout the old ones are refused.
static void card_renew_private(struct card *card, const struct token *token)
{
    u64 epoch = handle_new_epoch();
    for (u32 i = 0; i < card->object_count; i++) {
        struct object *object = card_object_at(card, i);
        if (object->handle && object->token == token && object->private)
            object->handle = handle_make(epoch, i);
    }
}

// ---- Keys ----

// Copies what a key's views point to into the arena.
static st card_keep_key(struct card *card, struct alg_key *key, struct scratch scratch)
{
    struct buf spki = scratch_buf(&scratch, CARD_SPKI_MAX);
    if (!key->spki.n) {
        alg_encode_spki(key, &spki);
        if (spki.full) return ST_PROTOCOL;
        key->spki = buf_bytes(&spki);
    }
    bytes kept = arena_copy(&card->arena, key->spki);
    if (!kept.p) return ST_ARENA_FULL;
    return alg_parse_spki(kept, key);
}

// Puts what RSA gave, as many bytes as the modulus has: cards leave zeros at its beginning out.
static st card_put_rsa(const struct alg_key *key, bytes raw, struct buf *out)
{
    size_t size = alg_key_bytes(key);
    if (!raw.n || raw.n > size) return ST_PROTOCOL;
    buf_put_number(out, raw, size);
    return out->full ? ST_PROTOCOL : ST_OK;
}

// A certificate that was read, in the arena.
static st card_keep_certificate(struct card *card, bytes der, const struct x509 **out)
{
    struct x509 parsed;
    TRY(x509_parse(der, &parsed));
    struct x509 *x509 = ARENA_NEW(&card->arena, struct x509, 1);
    bytes kept = arena_copy(&card->arena, parsed.whole);
    if (!x509 || !kept.p) return ST_ARENA_FULL;
    *out = x509;
    return x509_parse(kept, x509);
}

// Was of an object's certificate only so much read as shows the key?
static bool card_has_part(const struct object *object)
{
    return object->x509 && !object->x509->whole.n;
}

// A new object of a class that is else like another; NULL: there is no room.
static struct object *card_add_like(struct card *card, const struct object *like,
                                    CK_OBJECT_CLASS class, const struct x509 *x509)
{
    struct object *object = card_add(card, like->token, class, card->epoch);
    if (!object) return NULL;
    CK_OBJECT_HANDLE handle = object->handle;
    *object = *like;
    object->handle = handle;
    object->class = class;
    object->x509 = x509;
    return object;
}

// Adds a key and its certificate as the objects that PKCS#11 has for them: certificate, public and
// private key. x509 NULL: a key without a certificate; like->key NULL: only the certificate. The
// entries were reserved. Returns the private key, or NULL.
static struct object *card_add_key(struct card *card, const struct object *like,
                                   const struct x509 *x509)
{
    if (x509) {
        struct object *certificate = card_add_like(card, like, CKO_CERTIFICATE, x509);
        if (!certificate) return NULL;
        certificate->value = x509->whole;
        certificate->private = certificate->always_auth = false;
        certificate->unread = card_has_part(certificate);
    }
    if (!like->key) return NULL;
    struct object *public = card_add_like(card, like, CKO_PUBLIC_KEY, x509);
    if (!public) return NULL;
    public->private = public->unread = false;
    return card_add_like(card, like, CKO_PRIVATE_KEY, x509);
}

/* ================================================================================================
 * MARK: - >>place
 * Where on the card we are, and being sure of it.
 *
 * Owns    how an application is selected for certain without ending its login; going to a place;
 *         landmarks; the security environment that was set last. The law that a secret goes to no
 *         other application rests on card->sure, which is set to true here and nowhere else.
 * Uses    >>alg >>hash >>link >>iso >>card
 * Names   place_
 * Tests   tests/unit/place.c
 * ==============================================================================================*/

// ---- Where the card is ----

static bool place_is_home(const struct place *place)
{
    return !place->aid.n && !place->path.n;
}

static bool place_equal(const struct place *a, const struct place *b)
{
    return bytes_equal(a->aid, b->aid) && bytes_equal(a->path, b->path);
}

// Was the card left at a place? On trust: another program may have moved it since.
static bool place_is_here(const struct card *card, const struct token *token,
                          const struct place *place)
{
    bool at_home = token->flat || card->where == CARD_HOME;
    bool at_place = card->where == CARD_AT && place_equal(&card->at, place);
    return place_is_home(place) ? at_home : at_place;
}

// Notes that the card is on its way, or was moved: where it is now is not known, and what was set
// is gone.
static void place_leave(struct card *card)
{
    card->where = CARD_SOMEWHERE;
    card->mse_len = 0;
}

// Nothing in this transaction shows any more which application is selected.
static void place_unsure(struct card *card)
{
    card->sure = false;
}

// Is the application of a token the one that was seen last to be selected?
static bool place_is_current(const struct card *card, const struct token *token)
{
    return card->current && card_same_application(card->current, token);
}

// Was the application of a token seen to be selected in this transaction?
static bool place_is_sure(const struct card *card, const struct token *token)
{
    return card->sure && place_is_current(card, token);
}

// One application is selected: that ends the logins to others on a chip, as the standards of PIV
// (SP 800-73-4 part 2, 3.1.1) and OpenPGP have it. No chip is known that keeps them.
static void place_end_others(struct card *card, const struct token *token)
{
    for (u32 i = 0; i < card->token_count; i++) {
        struct token *other = &card->tokens[i];
        if (!other->login || other->stale || card_same_application(other, token)) continue;
        os_log("%s: the login to %s ends, as %s is used", card->link.name, other->driver->name,
               token->driver->name);
        card_login_left(other);
    }
}

// Notes that the application of a token was seen to be selected: what is asked from here to the end
// of the transaction is asked of it.
static void place_seen(struct card *card, struct token *token)
{
    place_end_others(card, token);
    card->sure = true;
    card->current = token;
}

// Notes that the application was selected, and is in its own DF.
static void place_arrived(struct card *card, struct token *token)
{
    place_leave(card);
    place_seen(card, token);
    card->where = CARD_HOME;
}

// SELECT of the token's application. ST_LOST: it is not there, and was when the card was probed.
static st place_select(struct card *card, struct token *token)
{
    const struct place home = { BYTES_NONE, BYTES_NONE };
    TRY(link_ready(&card->link));
    place_unsure(card);
    place_leave(card);
    st s = token->driver->select(card, token, &home);
    if (s == ST_NOT_FOUND) return ST_LOST;
    if (s) return s;
    place_arrived(card, token);
    return ST_OK;
}

// ---- Probing ----

// Did the card say that it has no such application?
static bool place_was_refused(const struct card *card, bytes aid)
{
    for (u32 i = 0; i < card->tried.refused_n; i++)
        if (bytes_equal(card->tried.refused[i], aid)) return true;
    return false;
}

// SELECT by AID of a driver that probes; aid stays where it is. What was answered to the same one
// is not asked for again: a no, whatever came after it; a yes, as long as nothing else was
// selected.
static st place_try_aid(struct card *card, bytes aid)
{
    struct card_tried *tried = &card->tried;
    bool nothing_since = tried->selects == card->link.selects;
    if (place_was_refused(card, aid)) return ST_NOT_FOUND;
    if (nothing_since && bytes_equal(tried->there, aid)) return ST_OK;
    st s = iso_select_aid(&card->link, ISO_FCI, aid, NULL);
    bool meant = !card->link.erred;
    if (s == ST_NOT_FOUND && meant && tried->refused_n < CARD_REFUSED_MAX)
        tried->refused[tried->refused_n++] = aid;
    if (s) return s;
    tried->there = aid;
    tried->selects = card->link.selects;
    return ST_OK;
}

// A card may say yes to any AID, and stay where it was. Does its last answer say that there is no
// such command there, as GET DATA?
static bool place_is_elsewhere(const struct card *card)
{
    u16 sw = card->link.sw;
    return sw == SW_NO_INS || sw == SW_NO_CLA || sw == SW_NOT_SELECTED || sw == SW_NOT_ALLOWED ||
           sw == SW_NOWHERE;
}

// ---- Landmarks ----

static st place_digest(bytes value, u8 digest[CARD_DIGEST])
{
    struct buf out = buf_on(digest, CARD_DIGEST);
    return hash_of(alg_hash_find(CKM_SHA256), value, &out);
}

// Notes what shows that the application is the selected one; the first that is told is kept.
static st place_note(struct landmark *mark, u32 ref, bytes value)
{
    if (mark->known || !value.n) return ST_OK;
    TRY(place_digest(value, mark->digest));
    mark->ref = ref;
    mark->known = true;
    return ST_OK;
}

// Is the landmark there, and what it was? Then the application was seen. ST_NOT_FOUND: it is not
// there, it is something else, or it is not known yet.
static st place_find_landmark(struct card *card, struct token *token, const struct landmark *mark,
                              struct scratch scratch)
{
    u8 digest[CARD_DIGEST];
    bytes value;
    if (!mark || !mark->known || !token->driver->landmark) return ST_NOT_FOUND;
    st s = token->driver->landmark(card, token, mark->ref, &scratch, &value);
    if (link_is_broken(s)) return s;
    if (s) return ST_NOT_FOUND;
    TRY(place_digest(value, digest));
    if (memcmp(digest, mark->digest, sizeof digest)) return ST_NOT_FOUND;
    place_seen(card, token);
    return ST_OK;
}

// ---- Being sure ----

// Is a PIN of the application verified, this token's or another's? SELECT would end that on most
// cards.
static bool place_has_login(const struct card *card, const struct token *token)
{
    for (u32 i = 0; i < card->token_count; i++) {
        const struct token *other = &card->tokens[i];
        if (other->login && !other->stale && card_same_application(other, token)) return true;
    }
    return token->login && !token->stale;
}

// Does the card still have the user's PIN verified? An application that says so is ours. Asked only
// where that is known to cost nothing, and where nothing else is left to tell.
static st place_ask_login(struct card *card, struct token *token)
{
    int tries;
    const struct credential *pin = card_pin(token);
    if (!token->login || !pin->ask) return ST_NOT_FOUND;
    st s = iso_ask_pin(&card->link, pin->reference, &tries);
    if (link_is_broken(s)) return s;
    if (s) return ST_NOT_FOUND;
    place_seen(card, token);
    return ST_OK;
}

// Makes sure that the token's application is the selected one: that is seen in this transaction.
// With a login, ours or maybe another program's, SELECT would end it: what only this application
// has is looked for first. So it is where that costs no more: a program may have come since.
static st place_be_sure(struct card *card, struct token *token, struct scratch scratch)
{
    st s = ST_NOT_FOUND;
    bool has_mark = token->landmark && token->landmark->known;
    bool cheap = has_mark && token->landmark->small && place_is_current(card, token);
    if (place_is_sure(card, token)) return ST_OK;
    TRY(link_ready(&card->link));
    if (cheap || place_has_login(card, token) || card->shared) {
        place_leave(card);                         // another program may have moved it
        s = place_find_landmark(card, token, token->landmark, scratch);
        if (s == ST_NOT_FOUND && !has_mark) s = place_ask_login(card, token);
    }
    return s == ST_NOT_FOUND ? place_select(card, token) : s;
}

// Goes to a place that an AID names, not over the token's application.
static st place_go_straight(struct card *card, struct token *token, const struct place *place)
{
    if (place_is_sure(card, token) && place_is_here(card, token, place)) return ST_OK;
    TRY(link_ready(&card->link));
    place_unsure(card);
    place_leave(card);
    st s = token->driver->select(card, token, place);
    if (s == ST_NOT_FOUND) return ST_LOST;
    if (s) return s;
    place_seen(card, token);
    card->where = CARD_AT;
    card->at = *place;
    return ST_OK;
}

// Goes to a place. ST_OK: the card is there for certain. Where there is no landmark, no SELECT can
// be saved: an AID leads straight to its place.
static st place_go_to(struct card *card, struct token *token, const struct place *place,
                      struct scratch scratch)
{
    if (place->aid.n && !token->landmark) return place_go_straight(card, token, place);
    TRY(place_be_sure(card, token, scratch));
    SCARD11_ASSERT(place_is_sure(card, token));
    if (place_is_here(card, token, place)) return ST_OK;
    if (place_is_home(place)) return place_select(card, token);
    st s = token->driver->select(card, token, place);
    place_leave(card);
    if (s) return s;
    card->where = CARD_AT;
    card->at = *place;
    return ST_OK;
}

// Reads a landmark, if it can be: before a login, because after it a SELECT costs that login; and
// before a card is let go. An application that does not have it goes without.
static st place_learn(struct card *card, struct token *token, struct landmark *mark,
                      struct scratch scratch)
{
    bytes value;
    if (!mark || mark->known || !token->driver->landmark) return ST_OK;
    TRY(place_be_sure(card, token, scratch));
    st s = token->driver->landmark(card, token, mark->ref, &scratch, &value);
    if (link_is_broken(s)) return s;
    return s ? ST_OK : place_note(mark, mark->ref, value);
}

// ---- The security environment ----

// MSE SET, unless that is what was set last. On trust that is not known, as another program may
// have set its own: a signature is then checked, for all else the caller sets it again.
static st place_set_environment(struct card *card, u8 p1, u8 p2, bytes content, bool again)
{
    u8 room[CARD_MSE_MAX];
    struct buf now = buf_on(room, sizeof room);
    bytes last = bytes_of(card->mse, card->mse_len);
    buf_put(&now, BYTES(p1, p2));
    buf_put(&now, content);
    bool is_set = last.n && !now.full && bytes_equal(last, buf_bytes(&now));
    if (is_set && !again) return ST_OK;
    card->mse_len = 0;
    TRY(iso_mse_set(&card->link, p1, p2, content));
    if (now.full) return ST_OK;
    memcpy(card->mse, now.p, now.n);
    card->mse_len = now.n;
    return ST_OK;
}

/* ================================================================================================
 * MARK: - >>pinpad
 * The reader's pinpad: a PIN that is typed there goes to the card, and never through the host.
 *
 * Owns    what a pinpad is told (PIN_VERIFY and PIN_MODIFY of PC/SC part 10), what it answers, and
 *         which PINs it can encode; struct pin_command. pinpad_enter is for secret_send alone,
 *         which went to the PIN's place before.
 * Uses    >>link >>card
 * Names   pinpad_
 * Specs   PC/SC part 10, 2.5
 * Tests   tests/unit/pinpad.c
 * ==============================================================================================*/

// A command that carries PINs: VERIFY and its kin. Either PIN may be missing.
struct pin_command {
    u8 ins, p1;
    const struct credential *of;        // whose reference goes with it, and to whose place
    const struct credential *old;       // how the PIN that there is is encoded
    const struct credential *fresh;     // how the new PIN is encoded
    bytes old_pin, fresh_pin;           // what they are; NULL: typed at the pinpad, both
};

// P2 of the command.
static u8 pinpad_reference(const struct pin_command *command)
{
    bool sets = command->ins != INS_VERIFY && command->of->set_by;
    return sets ? command->of->set_by : command->of->reference;
}

// Features of a reader that have PINs entered: in one control (VERIFY_PIN_DIRECT and
// MODIFY_PIN_DIRECT), or begun and finished in two (their _START and _FINISH).
struct pinpad_way { u8 direct, start, finish; };
static const struct pinpad_way pinpad_verify = { 6, 1, 2 };
static const struct pinpad_way pinpad_modify = { 7, 3, 4 };

// GET_KEY_PRESSED says what was pressed since it was asked last.
#define PINPAD_GET_KEY   5u             // the feature
#define PINPAD_KEY_NONE  0x00
#define PINPAD_KEY_BACK  0x08
#define PINPAD_KEY_ENTER 0x0d
#define PINPAD_KEY_DIGIT 0x2b           // some digit
#define PINPAD_POLL_MS   50
#define PINPAD_POLLS     2400           // two minutes, which is longer than readers wait

#define PINPAD_LANGUAGE  0x0409         // of its display: English (USB language identifier)
#define PINPAD_BLOCK_MAX 15             // bytes of a PIN: bmPINBlockString has four bits for them
#define PINPAD_ROOM      64             // a structure, and a command with two PINs

// What the user is asked for, in a structure's members.
struct pinpad_talk {
    u8 confirm;                         // bConfirmPIN. 1: a new PIN, twice; 2: the old one
    u8 messages;                        // bNumberMessage
    u8 index[3];                        // bMsgIndex. 0: PIN; 1: new PIN; 2: once more
};
static const struct pinpad_talk pinpad_asks_pin  = { 0, 1, { 0, 0, 0 } };
static const struct pinpad_talk pinpad_asks_new  = { 1, 2, { 1, 2, 0 } };
static const struct pinpad_talk pinpad_asks_both = { 3, 3, { 0, 1, 2 } };

// ---- What it can ----

static bool pinpad_has_feature(const struct link *link, u8 feature)
{
    return link->features >> feature & 1;
}

// Has the reader a pinpad that can do this, pinpad_verify or pinpad_modify? Secure messaging rules
// it out: a pinpad cannot protect a command.
static bool pinpad_is_there(const struct link *link, const struct pinpad_way *way)
{
    if (link->secure) return false;
    if (pinpad_has_feature(link, way->direct)) return true;
    return pinpad_has_feature(link, way->start) && pinpad_has_feature(link, way->finish);
}

// How many bytes a PIN has in the command; 0: as many as digits are typed.
static u8 pinpad_block(const struct credential *first, const struct credential *fresh)
{
    if (fresh) return fresh->fill_to;
    return first->verify_bare ? 0 : first->fill_to;
}

// Can it encode a PIN so? Its format string knows ASCII, and BCD in a block whose filler is there.
// It derives no keys.
static bool pinpad_encodes(const struct credential *credential, u8 block)
{
    if (block > PINPAD_BLOCK_MAX || credential->kdf) return false;
    switch (credential->coding) {
    case CARD_PIN_ASCII:
    case CARD_PIN_UTF8:    return true;
    case CARD_PIN_BCD:
    case CARD_PIN_ISO9564: return block;
    default:               return false;
    }
}

// Do the numbers of digits that card and pinpad take meet?
static bool pinpad_takes_digits(const struct link *link, const struct credential *credential)
{
    bool takes_least = !link->pin_max || link->pin_max >= credential->min;
    return takes_least && link->pin_min <= credential->max;
}

// Are two PINs coded alike? A pinpad is told one form for both.
static bool pinpad_alike(const struct credential *a, const struct credential *b)
{
    return a->coding == b->coding && a->fill_to == b->fill_to && a->filler == b->filler;
}

// Has the reader a pinpad that takes this PIN, and this new one? Either may be NULL, not both.
static bool pinpad_takes(const struct card *card, const struct credential *old,
                         const struct credential *fresh)
{
    const struct link *link = &card->link;
    const struct credential *first = old ? old : fresh;
    const struct credential *last = fresh ? fresh : old;
    SCARD11_ASSERT(first && last);
    if (!pinpad_is_there(link, fresh ? &pinpad_modify : &pinpad_verify)) return false;
    if (!pinpad_alike(first, last)) return false;
    if (!pinpad_encodes(first, pinpad_block(first, fresh))) return false;
    return pinpad_takes_digits(link, first) && pinpad_takes_digits(link, last);
}

// ---- What it is told ----

// Puts how a PIN is encoded: bmFormatString, bmPINBlockString, bmPINLengthFormat (2.5.2). ISO 9564
// is BCD behind one byte, whose low half takes the length.
static void pinpad_put_form(const struct credential *credential, u8 block, struct buf *out)
{
    switch (credential->coding) {
    case CARD_PIN_ISO9564: buf_put(out, BYTES(0x89, (u8)(0x40 | (block - 1)), 0x04)); break;
    case CARD_PIN_BCD:     buf_put(out, BYTES(0x81, block, 0));                       break;
    default:               buf_put(out, BYTES(0x82, block, 0));                       break;
    }
}

// Puts how many digits may be typed, most and least (wPINMaxExtraDigit): what the card takes for
// either PIN, as far as the pinpad does.
static void pinpad_put_digits(const struct link *link, const struct credential *first,
                              const struct credential *last, struct buf *out)
{
    u8 min = first->min;
    u8 max = first->max;
    if (last->min < min) min = last->min;
    if (last->max > max) max = last->max;
    if (link->pin_max && max > link->pin_max) max = link->pin_max;
    if (min < link->pin_min) min = link->pin_min;
    buf_put(out, BYTES(max, min));
}

// Puts the filler that the pinpad writes a PIN over.
static void pinpad_put_block(const struct credential *credential, u8 block, struct buf *out)
{
    bool iso9564 = credential->coding == CARD_PIN_ISO9564;
    if (!block) return;
    if (iso9564) buf_put8(out, 0x20);
    buf_fill(out, credential->filler, block - (size_t)iso9564);
}

// Puts the structure PIN_VERIFY (2.5.2), or PIN_MODIFY if there is a new PIN (2.5.3), which ends
// with the command. Timeouts and messages are the reader's own; the validation key ends an entry.
static void pinpad_structure(const struct link *link, const struct pin_command *command,
                             struct buf *out)
{
    const struct credential *old = command->old;
    const struct credential *fresh = command->fresh;
    const struct credential *first = old ? old : fresh;
    const struct pinpad_talk *talk = &pinpad_asks_pin;
    bool both = old && fresh;
    u8 block = pinpad_block(first, fresh);
    u8 new_at = both ? block : 0;
    u8 data_len = (u8)(new_at + block);

    if (fresh) talk = &pinpad_asks_new;
    if (both) talk = &pinpad_asks_both;
    buf_put(out, BYTES(0, 0));                          // bTimeOut, bTimeOut2
    pinpad_put_form(first, block, out);
    if (fresh) buf_put(out, BYTES(0, new_at));          // bInsertionOffsetOld, and New
    pinpad_put_digits(link, first, fresh ? fresh : first, out);
    if (fresh) buf_put8(out, talk->confirm);
    buf_put8(out, 0x02);                                // bEntryValidationCondition
    buf_put8(out, talk->messages);
    buf_put(out, BYTES(PINPAD_LANGUAGE & 0xff, PINPAD_LANGUAGE >> 8));
    buf_put(out, bytes_of(talk->index, fresh ? 3 : 1));
    buf_put(out, BYTES(0, 0, 0));                       // bTeoPrologue
    buf_put(out, BYTES((u8)(5 + data_len), 0, 0, 0));   // ulDataLength
    buf_put(out, BYTES(0x00, command->ins, command->p1, pinpad_reference(command), data_len));
    if (old) pinpad_put_block(old, block, out);
    if (fresh) pinpad_put_block(fresh, block, out);
}

// ---- Asking ----

// What a pinpad answers instead of the card (2.5).
static st pinpad_status(u16 sw)
{
    switch (sw) {
    case 0x6400:                                // nobody typed in time
    case 0x6401: return ST_PIN_CANCELED;        // the cancel key
    case 0x6402: return ST_PIN_INVALID;         // the new PIN was not typed twice alike
    case 0x6403: return ST_PIN_LEN;             // a PIN too short, or too long
    default:     return st_of_sw(sw);
    }
}

// What a pinpad is asked has no PIN in it, and neither has its answer.
static void pinpad_log(const char *what, bytes s)
{
#if SCARD11_TRACE
    os_log_hex(what, s);
#else
    (void)what; (void)s;
#endif
}

// One control. ST_FAILED: the reader does not do what it said it can.
static st pinpad_control(struct link *link, u32 feature, bytes in, size_t *got)
{
    st s = link_control(link, feature, in, got);
    if (s == ST_NO_EVENT) return ST_PIN_CANCELED;
    return s == ST_NOT_SUPPORTED ? (st)ST_FAILED : s;
}

// Waits for the key that ends an entry that was begun, at a reader that tells what keys were
// pressed: enter, cancel, or its own timeout.
static st pinpad_await_keys(struct link *link)
{
    for (u32 polls = 0; polls < PINPAD_POLLS; polls++) {
        size_t got;
        TRY(pinpad_control(link, PINPAD_GET_KEY, BYTES_NONE, &got));
        u8 key = got == 1 ? link->answer[0] : PINPAD_KEY_ENTER;
        bool goes_on = key == PINPAD_KEY_NONE || key == PINPAD_KEY_DIGIT || key == PINPAD_KEY_BACK;
        if (!goes_on) break;
        os_sleep_ms(PINPAD_POLL_MS);
    }
    return ST_OK;
}

// An entry in two controls: the first begins it and has no answer, unless it went wrong; the second
// has the card's.
static st pinpad_ask_in_two(struct link *link, const struct pinpad_way *way, bytes ask, size_t *got)
{
    TRY(pinpad_control(link, way->start, ask, got));
    bool answered = *got >= 2;
    if (answered && bytes_number(bytes_of(link->answer + *got - 2, 2)) != SW_OK) return ST_OK;
    if (pinpad_has_feature(link, PINPAD_GET_KEY)) TRY(pinpad_await_keys(link));
    return pinpad_control(link, way->finish, BYTES_NONE, got);
}

// Has PINs entered. The pinpad builds the command from a structure, sends it and hands over the
// card's answer.
static st pinpad_ask(struct link *link, const struct pinpad_way *way, bytes ask)
{
    bool direct = pinpad_has_feature(link, way->direct);
    size_t got;
    pinpad_log("pinpad ", ask);
    st s = direct ? pinpad_control(link, way->direct, ask, &got)
                  : pinpad_ask_in_two(link, way, ask, &got);
    link->count->commands++;
    if (!s && got < 2) s = link_no_answer(link);
    if (s) return s;
    link_count_answer(link, got);
    pinpad_log("< ", bytes_of(link->answer, got));
    return pinpad_status(link->sw);
}

// Has the PINs of a command entered, and returns what the card answered. ST_ARGS: there is no
// pinpad that could.
static st pinpad_enter(struct card *card, const struct pin_command *command)
{
    u8 room[PINPAD_ROOM];
    struct buf ask = buf_on(room, sizeof room);
    if (!pinpad_takes(card, command->old, command->fresh)) return ST_ARGS;
    pinpad_structure(&card->link, command, &ask);
    SCARD11_ASSERT(!ask.full);
    return pinpad_ask(&card->link, command->fresh ? &pinpad_modify : &pinpad_verify,
                      buf_bytes(&ask));
}

/* ================================================================================================
 * MARK: - >>secret
 * PINs and PUKs on their way to the card: from the caller, or typed at the reader's pinpad.
 *
 * Owns    secret_send, the one gate that every secret goes through; how secrets are encoded;
 *         logging in and out, changing and unblocking by what a credential says
 * Uses    >>hash >>apdu >>link >>iso >>card >>place >>pinpad
 * Names   secret_
 * Specs   ISO 7816-4 (VERIFY and its kin), ISO 9564-1 (format 2), RFC 4880 (3.7.1.3)
 * Tests   tests/unit/secret.c
 *
 * The law: a secret goes to the card only when the application and the DF that it is meant for were
 * seen to be selected in this transaction. To another application it would be handed over, and cost
 * a try there. secret_send goes to the credential's place itself, and refuses if the card is not
 * sure of it; no other function builds a command with secret_in.
 * ==============================================================================================*/

// Puts digits, two to a byte; an odd one leaves half a byte to the filler.
static void secret_put_pairs(const struct credential *credential, bytes digits, struct buf *out)
{
    u8 filler = credential->fill_to ? credential->filler : 0xff;
    for (size_t i = 0; i < digits.n; i += 2) {
        u8 second = i + 1 < digits.n ? digits.p[i + 1] : filler;
        buf_put8(out, (unsigned)digits.p[i] << 4 | (second & 15));
    }
}

// Puts digits, one to a byte behind an F.
static void secret_put_half_nibbles(bytes digits, struct buf *out)
{
    for (size_t i = 0; i < digits.n; i++) buf_put8(out, 0xf0u | (digits.p[i] & 15));
}

// Puts hexadecimal digits, two to a byte. What is none, and an odd one, sets full.
static void secret_put_hex(bytes digits, struct buf *out)
{
    if (digits.n % 2) out->full = true;
    for (size_t i = 0; i + 1 < digits.n; i += 2) {
        unsigned high = bytes_digit(digits.p[i]), low = bytes_digit(digits.p[i + 1]);
        if (high > 15 || low > 15) out->full = true;
        buf_put8(out, high << 4 | low);
    }
}

static bool secret_is_digits(bytes secret)
{
    for (size_t i = 0; i < secret.n; i++)
        if (secret.p[i] < '0' || secret.p[i] > '9') return false;
    return true;
}

#define SECRET_KDF_MOST (62u << 20)     // bytes that are hashed: the most that RFC 4880 codes
#define SECRET_KDF_ROOM 1024            // that go to the hash at a time

// Salt and PIN, again and again, until so many bytes have gone to the hash; once in any case.
static st secret_hash_many(struct hash *hash, bytes salt, bytes secret, u32 count)
{
    u8 room[SECRET_KDF_ROOM];
    struct buf many = buf_on(room, sizeof room);
    size_t one = salt.n + secret.n;
    st s = one && one <= sizeof room ? ST_OK : ST_PIN_LEN;
    while (!s && many.n + one <= sizeof room) {
        buf_put(&many, salt);
        buf_put(&many, secret);
    }
    for (size_t left = count > one ? count : one; left && !s;) {
        bytes part = bytes_head(buf_bytes(&many), left);
        s = hash_add(hash, part);
        left -= part.n;
    }
    mem_wipe(room, sizeof room);
    return s;
}

// Puts what is made of a PIN. What cannot be made sets full.
static void secret_derive(const struct card_kdf *kdf, bytes secret, struct buf *out)
{
    struct hash hash;
    st s = kdf->count <= SECRET_KDF_MOST ? hash_begin(&hash, kdf->hash) : ST_PIN_LEN;
    if (!s) {
        s = secret_hash_many(&hash, kdf->salt, secret, kdf->count);
        if (s) hash_drop(&hash);
        else   s = hash_end(&hash, out);
        mem_wipe(&hash, sizeof hash);
    }
    if (s) out->full = true;
}

// Encodes a PIN as the card wants it, and fills it up. Characters that its coding does not have set
// full, and so does an empty one: the command would be a question.
static void secret_encode(const struct credential *credential, bytes secret, struct buf *out)
{
    size_t start = out->n;
    bool digits = credential->coding == CARD_PIN_BCD || credential->coding == CARD_PIN_ISO9564 ||
                  credential->coding == CARD_PIN_HALF_NIBBLE;
    if (!secret.n || (digits && !secret_is_digits(secret))) out->full = true;
    switch (credential->coding) {
    case CARD_PIN_HALF_NIBBLE:
        secret_put_half_nibbles(secret, out);
        break;
    case CARD_PIN_BCD:
        secret_put_pairs(credential, secret, out);
        break;
    case CARD_PIN_ISO9564:
        buf_put8(out, 0x20 | (unsigned)secret.n);           // control 2, length
        secret_put_pairs(credential, secret, out);
        break;
    case CARD_PIN_HEX:
        secret_put_hex(secret, out);
        break;
    default:
        if (credential->kdf) secret_derive(credential->kdf, secret, out);
        else                 buf_put(out, secret);
        break;
    }
    size_t n = out->n - start;
    if (n < credential->fill_to) buf_fill(out, credential->filler, credential->fill_to - n);
}

// ---- The gate ----

// Are the PINs of a command typed at the pinpad?
static bool secret_is_typed(const struct pin_command *command)
{
    return !(command->old ? command->old_pin.p : command->fresh_pin.p);
}

// Is what a command carries made of what is typed? Then a pinpad cannot send it.
static bool secret_is_derived(const struct pin_command *command)
{
    return (command->old && command->old->kdf) || (command->fresh && command->fresh->kdf);
}

// Sends a command with PINs to where they are meant for, and returns what the card answered.
static st secret_send(struct card *card, struct token *token, const struct pin_command *command,
                      struct scratch scratch)
{
    const struct place *place = &command->of->place;
    u8 room[2 * CARD_PIN_MAX];
    struct buf pins = buf_on(room, sizeof room);
    st s = ST_PIN_LEN;
    SCARD11_ASSERT(command->old || command->fresh);
    if (token->driver->learn) TRY(token->driver->learn(card, token, scratch));
    TRY(place_go_to(card, token, place, scratch));
    SCARD11_ASSERT(!card->unproven && place_is_here(card, token, place));
    if (!place_is_sure(card, token)) return ST_FAILED;
    if (secret_is_typed(command) && secret_is_derived(command)) return ST_ARGS;
    if (secret_is_typed(command)) return pinpad_enter(card, command);
    if (command->old) secret_encode(command->old, command->old_pin, &pins);
    if (command->fresh) secret_encode(command->fresh, command->fresh_pin, &pins);
    struct apdu cmd = { .ins = command->ins, .p1 = command->p1, .p2 = pinpad_reference(command),
                        .data = buf_bytes(&pins), .secret_in = true };
    if (!pins.full) s = iso_send(&card->link, &cmd);
    mem_wipe(room, sizeof room);
    return s;
}

// The next name of a secret in its token, from place i on: another credential that has one count
// of tries with it; NULL: there is none.
static struct credential *secret_next_name(struct token *token, const struct credential *of, u32 *i)
{
    while (*i < token->credential_count) {
        struct credential *other = &token->credentials[(*i)++];
        if (other == of) continue;
        if (of->same_as == *i) return other;
        if (other->same_as && &token->credentials[other->same_as - 1] == of) return other;
    }
    return NULL;
}

// The tries of a secret, under each of its names.
static void secret_set_tries(struct token *token, struct credential *of, int tries, int most)
{
    u32 i = 0;
    for (struct credential *name = of; name; name = secret_next_name(token, of, &i)) {
        name->tries = tries;
        name->tries_max = most;
    }
}

// The card has taken a PIN: its tries are full again.
static void secret_good(struct token *token, struct credential *credential)
{
    int most = credential->tries_max;
    secret_set_tries(token, credential, most ? most : -1, most);
    credential->missing = credential->must_change = false;
}

// A PIN was wrong, and the card did not say how many tries that leaves: it is to be asked.
static void secret_lost_count(struct token *token, struct credential *credential)
{
    secret_set_tries(token, credential, -1, credential->tries_max);
    credential->asked = false;
    token->opened = false;
}

// Notes what an answer says of the PIN that it was about, and returns what it means. Before a wrong
// one there was one try more.
static st secret_answer(struct token *token, struct credential *credential, st s)
{
    int tries = -1, most = credential->tries_max;
    if (s == SW_CONDITIONS && credential->wrong_is_6985) s = ST_PIN_INCORRECT;
    s = iso_pin_status(s, &tries);
    if (s == ST_PIN_INCORRECT && tries + 1 > most) most = tries + 1;
    if (s == ST_PIN_MISSING) credential->missing = true;
    if (tries >= 0) secret_set_tries(token, credential, tries, most);
    else if (s == ST_PIN_INCORRECT) secret_lost_count(token, credential);
    if (!s) secret_good(token, credential);
    return s;
}

// As secret_answer; and where the card did not say how many tries a wrong one leaves, and had said
// so before, it is asked at once: the caller is told when that was the last.
static st secret_told(struct card *card, struct token *token, struct credential *credential, st s,
                      struct scratch scratch)
{
    int before = credential->tries;
    s = secret_answer(token, credential, s);
    bool lost = s == ST_PIN_INCORRECT && before >= 0 && credential->tries < 0;
    if (!lost || !token->driver->open) return s;
    st asked = token->driver->open(card, token, scratch);
    if (link_is_broken(asked)) return asked;
    return credential->tries == 0 ? ST_PIN_LOCKED : s;
}

// Notes what the answer to a command that sets a PIN says of it. 6985: the card does not want the
// new one.
static st secret_told_set(struct card *card, struct token *token, struct credential *credential,
                          st s, struct scratch scratch)
{
    if (s == SW_CONDITIONS) return ST_PIN_INVALID;
    return secret_told(card, token, credential, s, scratch);
}

// A command set a PIN anew: the card may have it verified, under each of its names.
static void secret_was_set(struct token *token, struct credential *pin)
{
    u32 i = 0;
    for (struct credential *name = pin; name; name = secret_next_name(token, pin, &i))
        name->verified = true;
}

// ---- VERIFY and its kin ----

// VERIFY. From here on the card may have it verified, until something is known to have ended that.
static st secret_verify(struct card *card, struct token *token, struct credential *pin,
                        bytes secret, struct scratch scratch)
{
    struct credential bare = *pin;
    struct pin_command command = { .ins = INS_VERIFY, .of = pin, .old = pin, .old_pin = secret };
    bare.fill_to = 0;
    if (pin->verify_bare) command.old = &bare;          // else as it is once the driver has learnt
    st s = secret_send(card, token, &command, scratch);
    s = secret_told(card, token, pin, s, scratch);
    if (!s) pin->verified = true;
    return s;
}

// CHANGE REFERENCE DATA. Many cards have the new PIN verified then; some know no such command.
static st secret_change(struct card *card, struct token *token, struct credential *pin, bytes old,
                        bytes fresh, struct scratch scratch)
{
    struct pin_command command = { .ins = INS_CHANGE, .of = pin, .old = pin, .old_pin = old,
                                   .fresh = pin, .fresh_pin = fresh };
    if (pin->fixed) return ST_NOT_SUPPORTED;
    st s = secret_send(card, token, &command, scratch);
    s = secret_told_set(card, token, pin, s, scratch);
    if (s == SW_NO_INS) return ST_NOT_SUPPORTED;
    if (!s && (pin->role == ROLE_USER || pin->presented)) secret_was_set(token, pin);
    return s;
}

// Does a PUK leave the PIN what it was?
static bool secret_only_frees(const struct credential *puk)
{
    return puk->unblock_by == UNBLOCK_FREES || puk->unblock_by == UNBLOCK_FREES_ALONE;
}

// RESET RETRY COUNTER with the PUK: the PIN is set anew, its tries are full again. The answer is
// about the PUK. One that only frees: the PIN stays what it was.
static st secret_reset_with_puk(struct card *card, struct token *token, struct credential *puk,
                                struct credential *pin, bytes secret, bytes fresh,
                                struct scratch scratch)
{
    struct pin_command command = { .ins = INS_UNBLOCK, .of = pin, .old = puk, .old_pin = secret,
                                   .fresh = pin, .fresh_pin = fresh };
    if (secret_only_frees(puk)) command.fresh = NULL;
    if (puk->unblock_by == UNBLOCK_FREES_ALONE) command.p1 = 0x01;
    st s = secret_send(card, token, &command, scratch);
    s = secret_told_set(card, token, puk, s, scratch);
    if (s) return s;
    secret_good(token, pin);
    secret_was_set(token, pin);
    return ST_OK;
}

// RESET RETRY COUNTER with the new PIN alone, after a VERIFY of the PUK. Some cards have the new
// PIN verified then.
static st secret_reset(struct card *card, struct token *token, struct credential *pin, bytes fresh,
                       struct scratch scratch)
{
    struct pin_command command = { .ins = INS_UNBLOCK, .p1 = 0x02, .of = pin, .fresh = pin,
                                   .fresh_pin = fresh };
    st s = secret_send(card, token, &command, scratch);
    s = secret_told_set(card, token, pin, s, scratch);
    if (!s) secret_was_set(token, pin);
    return s;
}

// ---- What PKCS#11 does with them ----

// Presents a credential, and those that have the same secret, unless they are presented apart: the
// first failure ends it, so that a wrong one costs one try.
static st secret_login(struct card *card, struct token *token, struct credential *pin, bytes secret,
                       struct scratch scratch)
{
    u32 same_as = (u32)(pin - token->credentials) + 1;
    SCARD11_ASSERT(same_as <= token->credential_count);
    TRY(place_learn(card, token, token->landmark, scratch));
    if (token->driver->login) TRY(token->driver->login(card, token, pin, scratch));
    TRY(secret_verify(card, token, pin, secret, scratch));
    for (u32 i = 0; i < token->credential_count; i++)
        if (token->credentials[i].same_as == same_as && !token->credentials[i].apart)
            TRY(secret_verify(card, token, &token->credentials[i], secret, scratch));
    return ST_OK;
}

// Finds out whether there is a PUK, where that is uncertain, and presents it where its card lets it
// be presented. An answer that is not about a PIN says that the card does not: then the first use
// of the PUK tells whether it is right.
static st secret_login_puk(struct card *card, struct token *token, struct credential *puk,
                           bytes secret, struct scratch scratch)
{
    if (puk->uncertain) TRY(token->driver->login(card, token, puk, scratch));
    if (!puk->presented) return ST_OK;
    TRY(place_go_to(card, token, &puk->place, scratch));
    st s = secret_verify(card, token, puk, secret, scratch);
    bool told = s == ST_PIN_INCORRECT || s == ST_PIN_LOCKED || s == ST_PIN_LEN ||
                s == ST_PIN_CANCELED;
    return told || link_is_broken(s) ? s : ST_OK;
}

// Presents the PUK first, then sets the PIN alone.
static st secret_unblock_apart(struct card *card, struct token *token, struct credential *puk,
                               struct credential *pin, bytes secret, bytes fresh,
                               struct scratch scratch)
{
    TRY(secret_verify(card, token, puk, secret, scratch));
    return secret_reset(card, token, pin, fresh, scratch);
}

// Sets the PIN anew with the PUK. One that takes both together may turn out to want them apart: it
// does not know this P1. A PUK that frees the PIN leaves it as it was: what should be the new PIN
// must be the old one.
static st secret_unblock(struct card *card, struct token *token, struct credential *puk,
                         struct credential *pin, bytes secret, bytes fresh, struct scratch scratch)
{
    if (puk->unblock_by == UNBLOCK_NOT) return ST_NOT_SUPPORTED;
    if (puk->unblock_by == UNBLOCK_APART)
        return secret_unblock_apart(card, token, puk, pin, secret, fresh, scratch);
    st s = secret_reset_with_puk(card, token, puk, pin, secret, fresh, scratch);
    if (secret_only_frees(puk)) {
        TRY(s);
        return secret_verify(card, token, pin, fresh, scratch);
    }
    if (s == SW_INCORRECT_P1P2 || s == SW_WRONG_P1P2 || s == SW_NO_FUNCTION)
        return secret_unblock_apart(card, token, puk, pin, secret, fresh, scratch);
    return s;
}

// Tries left, as an empty VERIFY says. Asked once, where that is known to cost nothing; never while
// logged in: on some cards that ends the login.
static st secret_read_tries(struct card *card, struct token *token, struct scratch scratch)
{
    struct credential *pin = card_pin(token);
    if (!pin->ask || pin->asked || token->login || pin->tries >= 0) return ST_OK;
    TRY(place_go_to(card, token, &pin->place, scratch));
    st s = iso_ask_pin(&card->link, pin->reference, &pin->tries);
    if (link_is_broken(s)) return s;
    pin->asked = true;
    pin->missing = s == ST_PIN_MISSING || (!s && pin->yes_is_missing);
    pin->must_change = pin->transport && card->link.sw == SW_DATA_UNUSABLE;
    if (pin->must_change) pin->tries = -1;
    if (pin->tries > pin->tries_max) pin->tries_max = pin->tries;
    return ST_OK;
}

// ---- Logging out ----

// SELECT of the application ends what is verified there: of all its tokens.
static st secret_end_by_select(struct card *card, struct token *token)
{
    TRY(place_select(card, token));
    for (u32 i = 0; i < card->token_count; i++)
        if (card_same_application(&card->tokens[i], token)) card_forget_verified(&card->tokens[i]);
    return ST_OK;
}

// Has the card forget one credential, by what it says does that. An error: it may not have.
static st secret_end_one(struct card *card, struct token *token, struct credential *pin,
                         struct scratch scratch)
{
    st s = ST_NOT_SUPPORTED;
    if (pin->logout_by == LOGOUT_SELECT) return secret_end_by_select(card, token);
    if (pin->logout_by == LOGOUT_RESET) return ST_NOT_SUPPORTED;
    TRY(place_go_to(card, token, &pin->place, scratch));
    if (pin->logout_by == LOGOUT_VERIFY_FF)
        s = iso_logout(&card->link, pin->reference);
    else if (token->driver->logout)
        s = token->driver->logout(card, token);
    if (!s) pin->verified = false;
    return s;
}

// Has the card forget all that is verified of a token. An error: it may not have, and a reset is
// due.
static st secret_end(struct card *card, struct token *token, struct scratch scratch)
{
    for (u32 i = 0; i < token->credential_count; i++) {
        struct credential *pin = &token->credentials[i];
        if (pin->verified) TRY(secret_end_one(card, token, pin, scratch));
    }
    return ST_OK;
}

/* ================================================================================================
 * MARK: - >>trial
 * Something done with a key on trust, and once more for certain when it did not come out right.
 *
 * Owns    struct trial: whether trust is good enough, and the check of what comes back. To make
 *         sure costs a command each time; an attempt that went to another application costs more,
 *         but is rare.
 * Uses    >>alg >>cipher >>link >>card >>place
 * Names   trial_
 * Tests   tests/unit/trial.c
 *
 * The law: what was made on trust is checked, the second attempt too; a signature that the host
 * cannot check is not made on trust. Nobody can check what is decrypted or derived: there the
 * driver sets the security environment again in the same transaction, and only another application
 * that has a key under the same reference would take that.
 * ==============================================================================================*/

// In a driver:
//
//     struct trial trial = { .card = card, .object = object, .use = use, .in = in, .out = out };
//     while (trial_next(&trial)) trial.s = foo_sign_once(...);
//     return foo_status(trial.s);
struct trial {
    // Set by the driver.
    struct card *card;
    struct object *object;          // the key
    const struct alg_use *use;
    bytes in;
    struct buf *out;
    struct scratch scratch;
    struct place place;             // where the key is
    bool secret;                    // decrypted or derived: nothing to check, the driver sets its
                                    // security environment again instead
    bool named;                     // the command itself names algorithm and key, and the answer
                                    // was taken only in its own form and length
    st   s;                         // what came of the last attempt
    // Set by trial_next.
    bool begun;                     // there was a first attempt
    bool again;                     // there was a second one
    bool certain;                   // the last attempt was not made on trust
    bool checkable;                 // the host can tell whether it came out right
    size_t start;                   // bytes in out before it
};

// May an answer mean that another application got the command?
static bool trial_may_be_lost(st s)
{
    static const u16 lost[] = {
        SW_WRONG_LENGTH, SW_SECURITY_STATUS, SW_CONDITIONS, SW_NOT_ALLOWED, SW_NOT_SELECTED,
        SW_WRONG_DATA, SW_NO_FUNCTION, SW_FILE_NOT_FOUND, SW_INCORRECT_P1P2, SW_DATA_NOT_FOUND,
        SW_WRONG_P1P2, SW_NO_INS, SW_NO_CLA, ST_PROTOCOL
    };
    for (size_t i = 0; i < COUNT(lost); i++)
        if (s == lost[i]) return true;
    return false;
}

enum trial_verdict { TRIAL_GOOD, TRIAL_WRONG, TRIAL_CANNOT_TELL };

// Need the result not be checked? A secret cannot be: its driver takes care. A signature of an
// elliptic curve that came back in a form of its own counts as good: the check would cost more time
// than the card's work is worth.
static bool trial_needs_no_check(const struct trial *trial)
{
    if (trial->secret) return true;
    return trial->named && trial->object->key->type != ALG_RSA && !SCARD11_CHECK_SIGNATURES;
}

// Did what was made come out right?
static enum trial_verdict trial_judge(const struct trial *trial, bytes made)
{
    if (trial_needs_no_check(trial)) return TRIAL_GOOD;
    if (!trial->checkable) return TRIAL_CANNOT_TELL;
    st s = cipher_verify(trial->object->key, trial->use, trial->in, made, trial->scratch);
    if (!s) return TRIAL_GOOD;
    return s == ST_SIG_INVALID || s == ST_SIG_LEN ? TRIAL_WRONG : TRIAL_CANNOT_TELL;
}

// Before the first attempt: it is made on trust if the card is where the key is, as far as we know,
// and what comes back can be trusted or checked. Else the card goes there first.
static bool trial_begin(struct trial *trial)
{
    struct card *card = trial->card;
    struct token *token = trial->object->token;
    bool unchecked = trial_needs_no_check(trial);
    SCARD11_ASSERT(trial->out && (trial->use || trial->secret));
    trial->begun = true;
    trial->start = trial->out->n;
    trial->checkable = !unchecked && cipher_can_verify(trial->object->key, trial->use);
    bool trusted = unchecked || trial->checkable;
    if (card->sure || !trusted || !place_is_here(card, token, &trial->place))
        trial->s = place_go_to(card, token, &trial->place, trial->scratch);
    trial->certain = card->sure;
    return !trial->s;
}

// Judges an attempt that the card says went well. What was made for certain needs no check, unless
// the one before it failed, or the option asks for it.
static void trial_check(struct trial *trial)
{
    bytes made = bytes_from(buf_bytes(trial->out), trial->start);
    if (trial->s) return;
    if (trial->certain && !trial->again && !SCARD11_CHECK_SIGNATURES) return;
    enum trial_verdict verdict = trial_judge(trial, made);
    bool unknown = verdict == TRIAL_CANNOT_TELL && !trial->certain;
    if (verdict == TRIAL_WRONG || unknown) trial->s = ST_PROTOCOL;
}

// Is there something to do: the first attempt, or another one for certain, because the one on trust
// may have gone to another application? Else trial->s is what came of it.
static bool trial_next(struct trial *trial)
{
    struct card *card = trial->card;
    if (!trial->begun) return trial_begin(trial);
    trial_check(trial);
    if (trial->again || trial->certain || !trial_may_be_lost(trial->s)) return false;
    os_log("%s: what was sent on trust failed (%04x): making sure", card->link.name,
           (unsigned)trial->s);
    trial->again = true;
    buf_rewind(trial->out, trial->start);
    card->mse_len = 0;
    trial->s = place_go_to(card, trial->object->token, &trial->place, trial->scratch);
    trial->certain = true;
    return !trial->s;
}

/* ================================================================================================
 * MARK: - >>p15entry
 * The syntax of PKCS#15: bytes of a directory to structs.
 *
 * Owns    paths, entries of directory files, access rules, PIN attributes, EF.TokenInfo; numbers
 *         and bits as PKCS#15 has them. Nothing here asks a card or keeps anything: the structs
 *         are views of the bytes that were parsed.
 * Uses    >>tlv >>alg >>card
 * Names   p15entry_
 * Specs   ISO/IEC 7816-15 and PKCS#15 1.1 (Path, ObjectValue, CommonObjectAttributes and its kin,
 *         PinAttributes, TokenInfo)
 * Tests   tests/unit/p15entry.c
 *
 * A directory is files: EF.ODF names directory files, each of entries of one kind. AODF: PINs.
 * PrKDF, PuKDF, SKDF: private, public and secret keys. CDF: certificates. DODF: data. EF.TokenInfo
 * tells of the card itself. Nothing is recursive: a directory is two levels deep by its standard.
 * ==============================================================================================*/

#define P15_MF          BYTES(0x3f, 0x00)   // the master file, where a path from the top begins
#define P15_CURRENT_DF  BYTES(0x3f, 0xff)   // ISO 7816-4: the application's own DF
#define P15_PATH_MAX    16          // bytes: eight file identifiers
#define P15_AID_MAX     16
#define P15_FILE_MAX    32768       // most that is read of one file: the reach of READ BINARY
#define P15_TEXT_MAX    255         // bytes of a label or an iD
#define P15_UPDATE_MAX  64          // bytes of lastUpdate that are compared
#define P15_FILL_USUAL  8           // bytes of a PIN with filler, where none or nonsense is said
#define P15_TAG_AID     0x4f        // tags of ISO 7816-4: an application's identifier
#define P15_TAG_APPLICATION 0x61    // ... its template, in EF.DIR

// Bits of CommonObjectFlags, KeyUsageFlags, AccessMode, AuthMethod, PinFlags: the first is bit 0.
#define P15_PRIVATE        (1u << 0)
#define P15_USE_ENCRYPT    (1u << 0)
#define P15_USE_DECIPHER   (1u << 1)
#define P15_USE_SIGNATURE  (1u << 2)
#define P15_USE_WRAP       (1u << 4)
#define P15_USE_UNWRAP     (1u << 5)
#define P15_USE_VERIFY     (1u << 6)
#define P15_USE_DERIVE     (1u << 8)
#define P15_USE_QUALIFIED  (1u << 9)                        // nonRepudiation
#define P15_USE_DECRYPT    (P15_USE_DECIPHER | P15_USE_UNWRAP)
#define P15_USE_SIGN       (P15_USE_SIGNATURE | 1u << 3 | P15_USE_QUALIFIED)    // 3: signRecover
#define P15_MODE_READ      (1u << 0)
#define P15_MODE_USE       (1u << 2 | 1u << 5 | 1u << 7 | 1u << 9)  // execute, sign, decrypt ...
#define P15_MODE_ENCRYPT   (1u << 8)
#define P15_METHOD_USER    (1u << 2)                        // userAuthentication
#define P15_PIN_LOCAL      (1u << 1)
#define P15_PIN_NO_CHANGE  (1u << 2)
#define P15_PIN_NO_UNBLOCK (1u << 3)
#define P15_PIN_PADDED     (1u << 5)                        // needs-padding: with filler
#define P15_PIN_UNBLOCKING (1u << 6)
#define P15_PIN_SO         (1u << 7)

struct p15_path {
    bytes aid;                      // of another application that it is in; empty: of ours
    bytes file;                     // file identifiers, from the MF (3F00 ...) or our DF on
    u32   offset, length;           // a part of the file; length 0: all from offset on
};

// Where something is: in a file, or right there in the directory.
struct p15_value {
    struct p15_path path;
    bytes direct;
};

// An entry of a directory file: its four parts, of which the last two may be missing.
struct p15_entry {
    u32   tag;                      // says of what type the object is
    bytes whole;
    // Common attributes. authId names the PIN that opens the object, or of a PIN the one that
    // unblocks it; consent above 0 wants the PIN before each use.
    bytes label, auth_id, rules;
    u32   flags, consent;
    bytes class, sub, type;         // the other three parts
};

// What accessControlRules say of one way to use an object.
struct p15_rule {
    bytes auth_id;                  // whose PIN it wants
    bool  is_free;                  // it wants nothing
    bool  user;                     // it wants a PIN, whosever
    u8    environment;              // security environment in which that holds; 0: any
};

// A PIN of AODF. It is kept in a list of struct p15.
struct p15_pin {
    struct p15_pin *next;
    bytes auth_id, label;
    bytes puk_id;                   // authId of the PIN that unblocks it
    struct p15_path where;          // the DF that it belongs to
    u32   flags;                    // P15_PIN_ ...
    u8    environment;              // security environment in which it counts; 0: any
    struct credential credential;   // how it is presented
};

// What one entry of PrKDF, PuKDF or SKDF says of a key.
struct p15_key_entry {
    enum alg_type type;
    u32   bits;                     // 0: not said
    const struct alg_curve *curve;  // NULL: not said, or not known
    bytes id;
    u32   usage;                    // KeyUsageFlags: P15_USE_ ...
    u32   access;                   // KeyAccessFlags: CARD_SENSITIVE ...
    u8    reference;
    bool  referenced;               // keyReference was said
    bytes algorithms;               // algReference: INTEGERs
    bytes subject;                  // of a private key, DER
    char  start[8], end[8];         // as in struct object
    struct p15_value value;
};

struct p15_certificate_entry {
    bytes id;
    bool  authority;
    struct p15_value value;
};

struct p15_data_entry {
    bytes application, oid;         // text; DER
    struct p15_value value;
};

// What EF.TokenInfo says that is used here.
struct p15_info {
    bytes serial, maker, label;
    bytes algorithms;               // supportedAlgorithms
    bytes update;                   // lastUpdate: changes with each write; empty: the card has none
    u8    environment;              // the security environment for this application; 0: none
};

// ---- Numbers, bits, text ----

// A BIT STRING as a mask: its first bit is bit 0.
static u32 p15entry_bits(bytes string)
{
    u32 mask = 0;
    for (u32 i = 0; i < 32 && i / 8 + 1 < string.n; i++)
        if (string.p[1 + i / 8] & 0x80 >> i % 8) mask |= 1u << i;
    return mask;
}

// An INTEGER that should be small and positive. Some cards wrote a reference above 127 without its
// leading zero byte, so that it reads as negative: 256 is added.
static u32 p15entry_number(bytes integer)
{
    return integer.n && integer.n <= 4 ? (u32)bytes_number(integer) : 0;
}

// An INTEGER with a tag of its own: instead of its usual one, as the standard has it, or around it.
static u32 p15entry_tagged_number(struct tlv tlv)
{
    struct tlv inner;
    bytes in = tlv.value;
    bool around = tlv.tag & 0x20 && !tlv_next(&in, &inner) && inner.tag == TLV_INTEGER;
    return p15entry_number(around ? inner.value : tlv.value);
}

// The content of [0] or [1]: a SEQUENCE in it, or, as some cards have it, its content right there.
static bytes p15entry_inside(bytes content)
{
    struct tlv tlv;
    bytes rest = content;
    if (tlv_next(&rest, &tlv) || tlv.tag != TLV_SEQUENCE) return content;
    if (rest.n || !tlv.value.n) return content;
    bool path = *tlv.value.p == TLV_OCTETS || *tlv.value.p == TLV_CONSTRUCTED(1);
    return path ? content : tlv.value;
}

// Appends a text without the control characters that would spoil a label.
static void p15entry_put_text(struct buf *b, bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        bool control = text.p[i] < 0x20;
        buf_put8(b, control ? ' ' : text.p[i]);
    }
}

// Fills a field of size bytes with as much of a text as fits, never cut inside a character, and
// with zeros.
static void p15entry_text(char *field, size_t size, bytes text)
{
    struct buf b = buf_on(field, size);
    size_t n = text.n < size ? text.n : size;
    SCARD11_ASSERT(size);
    while (n && n < text.n && (text.p[n] & 0xc0) == 0x80) n--;
    memset(field, 0, size);
    p15entry_put_text(&b, bytes_head(text, n));
}

// ---- Records ----

// A byte that fills a directory file, or the tag of a record that was deleted.
static bool p15entry_is_filler(u8 b)
{
    return b == 0x00 || b == 0xff;
}

// The first byte of a record of a directory file, or of EF.DIR.
static bool p15entry_is_record(u8 b)
{
    bool numbered = (b & 0xe0) == TLV_CONSTRUCTED(0);
    return b == TLV_SEQUENCE || b == P15_TAG_APPLICATION || numbered;
}

// Takes a deleted record off rest: its tag was made 00 and its length stayed, and a record, filler
// or the end follows. False: there is none, and rest stays.
static bool p15entry_skip_deleted(bytes *rest)
{
    struct tlv deleted;
    bytes after = *rest;
    if (after.n < 2 || after.p[0] != 0x00 || p15entry_is_filler(after.p[1])) return false;
    if (tlv_next(&after, &deleted)) return false;
    bool end = !after.n || p15entry_is_filler(*after.p) || p15entry_is_record(*after.p);
    if (end) *rest = after;
    return end;
}

// Takes the next record of a directory file off rest; filler and deleted records are passed over.
// ST_NOT_FOUND: there is none; ST_PROTOCOL: what is there is none.
static st p15entry_next(bytes *rest, struct tlv *record)
{
    while (rest->n && p15entry_is_filler(*rest->p))
        if (!p15entry_skip_deleted(rest)) *rest = bytes_from(*rest, 1);
    return tlv_next(rest, record);
}

// ---- Paths and values ----

// Path ::= SEQUENCE { efidOrPath OCTET STRING or [1] { AID, path }, index INTEGER, [0] length }
// ST_NOT_FOUND: it names nothing; ST_PROTOCOL: it cannot be.
static st p15entry_path(bytes sequence, struct p15_path *out)
{
    struct p15_path path = { .offset = 0 };
    struct tlv part;
    while (!tlv_next(&sequence, &part)) {
        switch (part.tag) {
        case TLV_OCTETS:
            if (!path.file.n) path.file = part.value;
            break;
        case TLV_CONSTRUCTED(1):
            tlv_find(part.value, P15_TAG_AID, &path.aid);
            tlv_find(part.value, TLV_OCTETS, &path.file);
            break;
        case TLV_INTEGER:
            path.offset = p15entry_number(part.value);
            break;
        case TLV_PRIMITIVE(0): case TLV_CONSTRUCTED(0):
            path.length = p15entry_tagged_number(part);
        }
    }
    if (bytes_begin(path.file, P15_CURRENT_DF)) path.file = bytes_from(path.file, 2);
    if (path.file.n % 2 || path.file.n > P15_PATH_MAX) return ST_PROTOCOL;
    if (path.aid.n > P15_AID_MAX) return ST_PROTOCOL;
    if (path.offset > P15_FILE_MAX || path.length > P15_FILE_MAX) return ST_PROTOCOL;
    *out = path;
    return path.file.n || path.aid.n ? ST_OK : ST_NOT_FOUND;
}

// ObjectValue: a Path, or [0] the value itself. One that is protected is as if not there.
static st p15entry_value(const struct tlv *tlv, struct p15_value *out)
{
    *out = (struct p15_value){ .direct = BYTES_NONE };
    if (tlv->tag == TLV_SEQUENCE) return p15entry_path(tlv->value, &out->path);
    if (tlv->tag == TLV_CONSTRUCTED(0)) out->direct = tlv->value;
    return out->direct.n ? ST_OK : ST_NOT_FOUND;
}

// Is there anything that it names or holds?
static bool p15entry_has_value(const struct p15_value *value)
{
    return value->direct.n || value->path.file.n || value->path.aid.n;
}

// ---- Entries ----

// An entry of a directory file: SEQUENCE { common, class, [0] subclass, [1] type attributes }, or
// so under a tag of its type. ST_PROTOCOL: it is none.
static st p15entry_parse(const struct tlv *record, struct p15_entry *out)
{
    struct p15_entry entry = { .tag = record->tag, .whole = record->whole };
    struct tlv common, class, part;
    bytes rest = record->value;
    TRY(tlv_take(&rest, TLV_SEQUENCE, &common));
    TRY(tlv_take(&rest, TLV_SEQUENCE, &class));
    entry.class = class.value;
    while (!tlv_next(&common.value, &part)) {
        switch (part.tag) {
        case TLV_UTF8:     entry.label = bytes_head(part.value, P15_TEXT_MAX); break;
        case TLV_BITS:     entry.flags = p15entry_bits(part.value); break;
        case TLV_OCTETS:   entry.auth_id = part.value; break;
        case TLV_INTEGER:  entry.consent = p15entry_number(part.value); break;
        case TLV_SEQUENCE: entry.rules = part.value;
        }
    }
    while (!tlv_next(&rest, &part)) {
        if (part.tag == TLV_CONSTRUCTED(0)) entry.sub = p15entry_inside(part.value);
        if (part.tag == TLV_CONSTRUCTED(1)) entry.type = p15entry_inside(part.value);
    }
    *out = entry;
    return ST_OK;
}

// AuthReference ::= SEQUENCE { authMethod, seIdentifier INTEGER OPTIONAL }
static void p15entry_auth_reference(bytes reference, struct p15_rule *out)
{
    struct tlv part;
    while (!tlv_next(&reference, &part)) {
        if (part.tag == TLV_BITS) out->user |= (p15entry_bits(part.value) & P15_METHOD_USER) != 0;
        if (part.tag == TLV_INTEGER) out->environment = (u8)p15entry_number(part.value);
    }
}

// SecurityCondition: always, an authId, an AuthReference, or several of them ([1] and, [2] or).
static void p15entry_condition(struct tlv condition, struct p15_rule *out)
{
    struct tlv part;
    bool several = condition.tag == TLV_CONSTRUCTED(1) || condition.tag == TLV_CONSTRUCTED(2);
    bytes list = several ? condition.value : condition.whole;
    out->is_free = condition.tag == TLV_NULL;
    while (!tlv_next(&list, &part)) {
        if (part.tag == TLV_OCTETS && !out->auth_id.n) out->auth_id = part.value;
        if (part.tag == TLV_SEQUENCE) p15entry_auth_reference(part.value, out);
    }
    out->user |= out->auth_id.n > 0;
}

// The first of an object's access rules for a way to use it, a bit of AccessMode. Where there is
// none, nothing is known.
static struct p15_rule p15entry_rule(bytes rules, u32 mode)
{
    struct p15_rule found = { .auth_id = BYTES_NONE };
    struct tlv rule, modes, condition;
    while (!tlv_take(&rules, TLV_SEQUENCE, &rule)) {
        if (tlv_take(&rule.value, TLV_BITS, &modes)) continue;
        if (!(p15entry_bits(modes.value) & mode)) continue;
        if (tlv_next(&rule.value, &condition)) continue;
        p15entry_condition(condition, &found);
        break;
    }
    return found;
}

// ---- PINs ----

// How many characters of a PIN go into n bytes. ISO 9564-1 says in a half byte how many there are.
static u32 p15entry_pin_characters(u32 coding, u32 n)
{
    switch (coding) {
    case CARD_PIN_BCD:     return n <= CARD_PIN_MAX ? 2 * n : 0;
    case CARD_PIN_ISO9564: return n < 8 ? 2 * n - 2 : 12;
    default:               return n;
    }
}

// How long a PIN is, by minLength, storedLength and maxLength. Cards say 0, or more than can be.
static void p15entry_pin_lengths(u32 flags, const u32 said[3], struct credential *pin)
{
    u32 min = said[0], stored = said[1], max = said[2], bytes_most = CARD_PIN_MAX;
    if (flags & P15_PIN_PADDED || pin->coding == CARD_PIN_ISO9564) {
        bool sense = stored && stored <= CARD_PIN_MAX;
        pin->fill_to = sense ? (u8)stored : P15_FILL_USUAL;
        bytes_most = pin->fill_to;
    }
    u32 most = p15entry_pin_characters(pin->coding, bytes_most);
    u32 usual = p15entry_pin_characters(pin->coding, stored);
    if (!usual || usual > most) usual = most;
    if (!max || max > most) max = usual;
    pin->min = (u8)(min <= max ? min : max);
    pin->max = (u8)max;
}

// PinAttributes ::= SEQUENCE { pinFlags, pinType ENUMERATED, minLength, storedLength, maxLength,
// [0] pinReference, padChar, lastPinChange, path }: how the PIN is presented. ST_PROTOCOL: not in a
// way that is known here.
static st p15entry_pin_attributes(bytes type, struct p15_pin *out)
{
    struct credential pin = { .tries = -1, .filler = 0xff };
    struct p15_path path;
    struct tlv part;
    u32 lengths[3] = { 0 }, n = 0, coding = 0;
    while (!tlv_next(&type, &part)) {
        switch (part.tag) {
        case TLV_BITS:
            if (!n) out->flags = p15entry_bits(part.value);
            break;
        case TLV_ENUMERATED:
            coding = p15entry_number(part.value);
            break;
        case TLV_INTEGER:
            if (n < COUNT(lengths)) lengths[n++] = p15entry_number(part.value);
            break;
        case TLV_PRIMITIVE(0): case TLV_CONSTRUCTED(0):
            pin.reference = (u8)p15entry_tagged_number(part);
            break;
        case TLV_OCTETS:
            if (part.value.n) pin.filler = *part.value.p;
            break;
        case TLV_SEQUENCE:
            if (!p15entry_path(part.value, &path)) out->where = path;
        }
    }
    if (!n || coding > CARD_PIN_ISO9564) return ST_PROTOCOL;
    pin.coding = (u8)coding;
    pin.fixed = out->flags & P15_PIN_NO_CHANGE;
    p15entry_pin_lengths(out->flags, lengths, &pin);
    out->credential = pin;
    return ST_OK;
}

// An entry of AODF. Its class attributes are authId, authReference, [0] seIdentifier. ST_NOT_FOUND:
// not a PIN, but biometrics or a key. ST_PROTOCOL: see p15entry_pin_attributes.
static st p15entry_pin(const struct p15_entry *entry, struct p15_pin *out)
{
    struct tlv part;
    bytes class = entry->class;
    *out = (struct p15_pin){ .label = entry->label, .puk_id = entry->auth_id };
    if (entry->tag != TLV_SEQUENCE) return ST_NOT_FOUND;
    while (!tlv_next(&class, &part)) {
        bool environment = part.tag == TLV_PRIMITIVE(0) || part.tag == TLV_CONSTRUCTED(0);
        if (part.tag == TLV_OCTETS) out->auth_id = part.value;
        if (environment) out->environment = (u8)p15entry_tagged_number(part);
    }
    return p15entry_pin_attributes(entry->type, out);
}

// ---- Keys ----

// The type of a private or public key that its entry's tag says.
static enum alg_type p15entry_key_type(u32 tag)
{
    if (tag == TLV_SEQUENCE) return ALG_RSA;
    return tag == TLV_CONSTRUCTED(0) ? ALG_EC : ALG_NONE;
}

// The curve that a list of domain parameters names, or one of them in it; NULL: none that is known.
static const struct alg_curve *p15entry_curve(bytes parameters)
{
    struct tlv part, inner;
    while (!tlv_next(&parameters, &part)) {
        if (part.tag == TLV_OID) return alg_curve_find(part.whole);
        if (part.tag != TLV_SEQUENCE && part.tag != TLV_CONSTRUCTED(0)) continue;
        while (!tlv_next(&part.value, &inner))
            if (inner.tag == TLV_OID) return alg_curve_find(inner.whole);
    }
    return NULL;
}

// The day of a GeneralizedTime, whose tag may be another one.
static void p15entry_day(bytes time, char out[8])
{
    if (time.n < 8) return;
    for (size_t i = 0; i < 8; i++)
        if (time.p[i] < '0' || time.p[i] > '9') return;
    memcpy(out, time.p, 8);
}

// CommonKeyAttributes ::= SEQUENCE { iD, usage, native, accessFlags, keyReference, startDate,
// [0] endDate, [1] algReference }
static void p15entry_key_class(bytes class, struct p15_key_entry *out)
{
    struct tlv part;
    u32 bit_strings = 0;
    while (!tlv_next(&class, &part)) {
        switch (part.tag) {
        case TLV_OCTETS:
            if (!out->id.n) out->id = bytes_head(part.value, P15_TEXT_MAX);
            break;
        case TLV_BITS:
            if (bit_strings == 0) out->usage = p15entry_bits(part.value);
            if (bit_strings == 1) out->access = p15entry_bits(part.value);
            bit_strings++;
            break;
        case TLV_INTEGER:
            out->reference = (u8)p15entry_number(part.value);
            out->referenced = true;
            break;
        case TLV_TIME:           p15entry_day(part.value, out->start); break;
        case TLV_PRIMITIVE(0):   p15entry_day(part.value, out->end); break;
        case TLV_CONSTRUCTED(1): out->algorithms = p15entry_inside(part.value);
        }
    }
}

// A key's type attributes: its value, then an RSA key's modulusLength, or domain parameters.
static void p15entry_key_value(bytes parameters, struct p15_key_entry *out)
{
    struct tlv part;
    if (tlv_next(&parameters, &part)) return;
    if (p15entry_value(&part, &out->value)) out->value = (struct p15_value){ .direct = BYTES_NONE };
    if (out->type == ALG_EC) out->curve = p15entry_curve(parameters);
    if (out->type != ALG_RSA) return;
    while (!tlv_next(&parameters, &part))
        if (part.tag == TLV_INTEGER) out->bits = p15entry_number(part.value);
}

// An entry of PrKDF, PuKDF or SKDF, of a key of a type. Subclass attributes: a private key's
// subjectName, a Name, which is a SEQUENCE of SETs; a secret key's keyLen.
static void p15entry_key(const struct p15_entry *entry, enum alg_type type,
                         struct p15_key_entry *out)
{
    struct tlv part;
    bytes sub = entry->sub;
    *out = (struct p15_key_entry){ .type = type };
    p15entry_key_class(entry->class, out);
    p15entry_key_value(entry->type, out);
    if (tlv_next(&sub, &part)) return;
    if (type == ALG_SECRET) {
        if (part.tag == TLV_INTEGER) out->bits = p15entry_number(part.value);
    } else if (part.tag == TLV_SEQUENCE && part.value.n && *part.value.p == TLV_SET) {
        out->subject = part.whole;
    }
}

// ---- Certificates, data ----

// An entry of CDF. CommonCertificateAttributes ::= SEQUENCE { iD, authority BOOLEAN, ... }
// ST_NOT_FOUND: not X.509, or not to be had.
static st p15entry_certificate(const struct p15_entry *entry, struct p15_certificate_entry *out)
{
    struct tlv part;
    bytes class = entry->class, type = entry->type;
    *out = (struct p15_certificate_entry){ .id = BYTES_NONE };
    if (entry->tag != TLV_SEQUENCE || tlv_next(&type, &part)) return ST_NOT_FOUND;
    if (p15entry_value(&part, &out->value)) return ST_NOT_FOUND;
    while (!tlv_next(&class, &part)) {
        if (part.tag == TLV_OCTETS && !out->id.n) out->id = bytes_head(part.value, P15_TEXT_MAX);
        if (part.tag == TLV_BOOLEAN)
            out->authority = part.value.n && *part.value.p;
    }
    return ST_OK;
}

// An entry of DODF: opaque data, or data that an object identifier in its type attributes names.
// CommonDataObjectAttributes ::= SEQUENCE { applicationName, applicationOID }
// ST_NOT_FOUND: of another kind, or not to be had.
static st p15entry_data(const struct p15_entry *entry, struct p15_data_entry *out)
{
    struct tlv part;
    bytes class = entry->class, type = entry->type;
    *out = (struct p15_data_entry){ .oid = BYTES_NONE };
    if (entry->tag != TLV_SEQUENCE && entry->tag != TLV_CONSTRUCTED(1)) return ST_NOT_FOUND;
    if (tlv_next(&type, &part)) return ST_NOT_FOUND;
    if (part.tag == TLV_OID) {
        out->oid = part.whole;
        if (tlv_next(&type, &part)) return ST_NOT_FOUND;
    }
    if (p15entry_value(&part, &out->value)) return ST_NOT_FOUND;
    while (!tlv_next(&class, &part)) {
        if (part.tag == TLV_UTF8) out->application = bytes_head(part.value, P15_TEXT_MAX);
        if (part.tag == TLV_OID && !out->oid.n) out->oid = part.whole;
    }
    return ST_OK;
}

// ---- EF.TokenInfo ----

// The first security environment that is for anybody or for this application; 0: none.
static u8 p15entry_environment(bytes infos, bytes aid)
{
    struct tlv info, number, part;
    while (!tlv_take(&infos, TLV_SEQUENCE, &info)) {
        bytes owner = BYTES_NONE;
        if (tlv_take(&info.value, TLV_INTEGER, &number)) continue;
        while (!tlv_next(&info.value, &part))
            if (part.tag == TLV_OCTETS) owner = part.value;
        if (!owner.n || bytes_equal(owner, aid)) return (u8)p15entry_number(number.value);
    }
    return 0;
}

// TokenInfo ::= SEQUENCE { version, serialNumber, manufacturerID, [0] label, tokenflags, seInfo,
// recordInfo, [2] supportedAlgorithms, ..., [5] lastUpdate }, of the application aid.
static void p15entry_info(bytes content, bytes aid, struct p15_info *out)
{
    struct tlv part;
    *out = (struct p15_info){ .environment = 0 };
    if (tlv_open(content, TLV_SEQUENCE, &content)) return;
    while (!tlv_next(&content, &part)) {
        switch (part.tag) {
        case TLV_OCTETS:         out->serial = part.value; break;
        case TLV_UTF8:           out->maker = part.value; break;
        case TLV_PRIMITIVE(0):   out->label = part.value; break;
        case TLV_SEQUENCE:       out->environment = p15entry_environment(part.value, aid); break;
        case TLV_CONSTRUCTED(2): out->algorithms = part.value; break;
        case TLV_PRIMITIVE(5): case TLV_CONSTRUCTED(5):
            out->update = bytes_head(part.value, P15_UPDATE_MAX);
        }
    }
}

/* ================================================================================================
 * MARK: - >>p15alg
 * Which algorithms a PKCS#15 card announces, and which of them a key names.
 *
 * Owns    struct p15alg_table. A card may announce thousands, and keys may name thousands: both
 *         lists are read once, and have an end.
 * Uses    >>tlv >>p15entry
 * Names   p15alg_
 * Specs   ISO/IEC 7816-15 (AlgorithmInfo, algReference)
 * Tests   tests/unit/p15alg.c
 * ==============================================================================================*/

#define P15ALG_MAX 64               // as many as a mask has bits

// An AlgorithmInfo.
struct p15alg {
    u32  reference;                 // what keys name it by
    u32  mechanism;                 // what algorithm it is, in PKCS#11's numbers
    u32  operations;                // Operations: bit 1 sign, 5 decipher, 8 derive ...
    bool referenced;                // it has an algRef
    u8   algorithm;                 // ... for MSE
};

struct p15alg_table {
    u32 n;
    struct p15alg list[P15ALG_MAX];
};

// What a key names, once that was looked for.
struct p15alg_named {
    bool known;
    u64  mask;                      // of the table's entries
};

// supportedAlgorithms: SEQUENCE { reference, algorithm INTEGER, parameters, operations BIT STRING,
// objId, algRef INTEGER }, one after the other. What lacks an algorithm is passed over.
static void p15alg_parse(bytes infos, struct p15alg_table *out)
{
    struct tlv info, part;
    out->n = 0;
    while (out->n < P15ALG_MAX && !tlv_take(&infos, TLV_SEQUENCE, &info)) {
        u32 numbers[3] = { 0 }, n = 0, operations = 0;
        while (!tlv_next(&info.value, &part)) {
            if (part.tag == TLV_INTEGER && n < 3) numbers[n++] = p15entry_number(part.value);
            if (part.tag == TLV_BITS) operations = p15entry_bits(part.value);
        }
        if (n < 2) continue;
        out->list[out->n++] = (struct p15alg){ .reference = numbers[0], .mechanism = numbers[1],
            .operations = operations, .referenced = n == 3, .algorithm = (u8)numbers[2] };
    }
}

// Which of a table's algorithms a key names by its references, INTEGERs: a mask; all, where it
// names none. Looked for once, in a table that was read before.
static u64 p15alg_named(const struct p15alg_table *table, bytes references,
                        struct p15alg_named *named)
{
    struct tlv tlv;
    SCARD11_ASSERT(table->n <= P15ALG_MAX);
    if (named->known) return named->mask;
    named->known = true;
    named->mask = references.n ? 0 : ~(u64)0;
    for (int n = 0; n < P15ALG_MAX && !tlv_next(&references, &tlv); n++) {
        u32 reference = p15entry_number(tlv.value);
        for (u32 i = 0; i < table->n; i++)
            if (table->list[i].reference == reference) named->mask |= (u64)1 << i;
    }
    return named->mask;
}

/* ================================================================================================
 * MARK: - >>p15
 * A PKCS#15 application on a card: what is known of it.
 *
 * Owns    struct p15 and what hangs on it: files, PINs, keys, certificates of the directory;
 *         where in it a key or PIN is used
 * Uses    >>alg >>card >>p15entry >>p15alg
 * Names   p15_
 * Specs   ISO/IEC 7816-15
 * Tests   tests/unit/p15.c
 *
 * Six sections work on it. >>p15file reaches files, >>p15dir reads the directory, >>p15token makes
 * tokens of its PINs, >>p15object makes objects of its other entries, >>p15key uses keys, >>p15made
 * makes directory files that a card has not. Views of directory files point into copies in the
 * card's arena.
 * ==============================================================================================*/

// A directory file's kind is the number of its tag in the ODF.
enum p15_kind { P15_PRKDF, P15_PUKDF, P15_PUKDF_TRUSTED, P15_SKDF, P15_CDF, P15_CDF_TRUSTED,
                P15_CDF_USEFUL, P15_DODF, P15_AODF, P15_KINDS };

enum p15_quirk {
    P15_FULL_PATH = 1,      // SELECT by path wants the 3F00 of the MF in front
    P15_FLAT      = 2,      // PINs and keys are the application's, whatever DF is the current one
    P15_SHORT_END = 4,      // an answer of less than 256 bytes and less than asked is a file's last
    P15_NO_INDICATOR = 8,   // DECIPHER takes the cryptogram alone, without a padding indicator
};

// A directory file that the ODF names, or that a driver made.
struct p15_file {
    struct p15_file *next;
    enum p15_kind kind;
    bool read;                      // its entries were taken
    struct p15_value value;
};

// A key pair, what PrKDF and PuKDF say under one iD; or a secret key.
struct p15_key {
    struct p15_key *next;
    bytes id;
    enum alg_type type;
    u32   bits;                     // of an RSA or secret key; 0: not said
    const struct alg_curve *curve;  // of its domain parameters; NULL: not said
    u32   usage;                    // KeyUsageFlags: P15_USE_ ...
    u32   access;                   // KeyAccessFlags: CARD_SENSITIVE ...
    u8    reference;
    bool  referenced;               // keyReference was said
    u8    environment;              // security environment that its access rule names; 0: none
    struct p15_path where;          // the private or secret key is
    bytes algorithms;               // algReference: INTEGERs
    struct p15alg_named named;      // which of the application's algorithms they are
    bytes label, public_label, subject;
    char  start[8], end[8];         // as in struct object
    struct object *private_object, *public_object;
    // The public half.
    struct alg_key *key;            // once it was read
    bool  sought;                   // it was looked for wherever it could be
    bool  trusted;                  // it is in trustedPublicKeys
    u64   refused;                  // as of struct p15_certificate
    struct p15_value public_value;
    bytes public_entry;             // in PuKDF; empty: there is none
};

struct p15_certificate {
    struct p15_certificate *next;
    bytes id;
    struct p15_value value;
    struct object *object;
    u64 refused;                    // the login epoch in which the card did not give it, and 1
};

// How the files of a card are reached: p15dir_init gives p15file_io, which a driver may replace.
struct p15_io {
    // Makes the file of a path the current one, where the card has such a thing, and appends what
    // it tells of the file to told (NULL: not wanted). ST_NOT_FOUND: there is none.
    st (*select)(struct card *, struct token *, const struct p15_path *, struct buf *told);
    // Appends what one answer holds of the file that was selected, from an offset on, at most le
    // bytes; path is the one that select got. ST_NOT_FOUND: the file ends before.
    st (*read)  (struct card *, const struct p15_path *, u32 offset, u32 le, struct buf *out);
    u8 p2;                          // of SELECT: ISO_FCI and its kin
};

struct p15 {
    // Where it is. Where files are found without a DF being the current one, base is any path.
    const struct p15_io *io;
    bytes aid;                      // that selects the application; empty: its DF's path does
    bytes base;                     // path of its DF; empty: not known, file paths are relative
    bytes odf_path, info_path;
    u32   quirks;                   // enum p15_quirk
    // EF.TokenInfo.
    bool  info_read;
    bool  no_info;                  // there is none
    u8    environment;              // security environment that is for this application; 0: none
    u8    restored;                 // the one that was restored last, as long as one is set
    bytes update;                   // lastUpdate; empty: it has none
    u64   connects;                 // connections of the reader when the directory was believed
    struct p15alg_table algorithms; // supportedAlgorithms
    // The landmark: TokenInfo without lastUpdate, or a file.
    struct p15_path mark_file;      // empty: TokenInfo
    struct landmark mark;
    // The directory.
    bool  odf_read;
    u32   file_count, entry_count;  // of the ODF; of all directory files
    struct p15_file *files;
    struct p15_key *keys;
    struct p15_certificate *certificates;
    // PINs.
    struct p15_pin *pins;
    const struct p15_pin *user_pins[SCARD11_READER_SLOTS];      // each token's; NULL: not read
    bytes named_pin;                // the first that an object named while no PINs were known
    bool  names_more;               // objects named another PIN than that
};

// A token of the application: what shows that the application is selected is the directory's own.
static void p15_attach(struct token *token, struct p15 *p15)
{
    token->state = p15;
    token->flat = p15->quirks & P15_FLAT;
    token->landmark = token->identity = &p15->mark;
}

// Does a path lead to the application's own DF, or to a file in it? One that is not from the MF on
// begins there.
static bool p15_is_own(const struct p15 *p15, bytes path)
{
    if (path.n <= 2 || !bytes_begin(path, P15_MF)) return true;
    return bytes_begin(path, p15->base) && path.n <= p15->base.n + 2;
}

// Where a key or a local PIN is presented or used; home, where it is found from the application's
// own DF.
static struct place p15_place(const struct p15 *p15, const struct p15_path *where)
{
    struct place place = { where->aid, where->file };
    if (p15->quirks & P15_FLAT) return (struct place){ BYTES_NONE, BYTES_NONE };
    if (!place.aid.n && p15_is_own(p15, place.path)) place.path = BYTES_NONE;
    return place;
}

/* ================================================================================================
 * MARK: - >>p15file
 * Files of PKCS#15 cards: selected, and read as far as their content says.
 *
 * Owns    which SELECT finds the file of a path; when a file has been read to its end; whether what
 *         was read on trust is the application's
 * Uses    >>tlv >>apdu >>extended >>link >>iso >>card >>place >>p15entry >>p15
 * Names   p15file_
 * Specs   ISO 7816-4 (SELECT, READ BINARY), ISO/IEC 7816-15 (Path, ObjectValue)
 * Tests   tests/unit/p15file.c
 * ==============================================================================================*/

#define P15_READS_MAX   512         // commands that reading one file may take
#define P15_RECORDS_MAX 32          // of a file that has them, as EF.DIR may
#define P15_FILLER_ENDS 8           // bytes of filler behind records that say: no more will come

// ---- Selecting ----

// Selects the application by its AID, or by the path of its DF. The MF is the one DF that a path
// from the MF cannot name.
static st p15file_select_application(struct card *card, const struct p15 *p15)
{
    bool root = p15->base.n == 2;
    bool whole = root || p15->quirks & P15_FULL_PATH;
    bytes path = whole ? p15->base : bytes_from(p15->base, 2);
    u8 p2 = p15->io->p2 == ISO_NOTHING ? ISO_NOTHING : ISO_FCI;
    if (p15->aid.n) return iso_select_aid(&card->link, p2, p15->aid, NULL);
    return iso_select_file(&card->link, root ? ISO_BY_FID : ISO_BY_PATH, path);
}

// Selects the application, or a place beside or in it; see select of struct driver.
static st p15file_select(struct card *card, struct token *token, const struct place *place)
{
    const struct p15 *p15 = token->state;
    if (place_is_home(place)) return p15file_select_application(card, p15);
    if (place->aid.n) {
        TRY(iso_select_aid(&card->link, ISO_FCI, place->aid, NULL));
        if (!place->path.n) return ST_OK;
        return iso_select_file(&card->link, ISO_BY_PATH_HERE, place->path);
    }
    bytes path = p15->quirks & P15_FULL_PATH ? place->path : bytes_from(place->path, 2);
    return iso_select_file(&card->link, ISO_BY_PATH, path);
}

static st p15file_select_file(struct link *link, const struct p15 *p15, u8 p1, bytes path,
                              struct buf *told)
{
    return iso_select(link, p1, told ? p15->io->p2 : ISO_NOTHING, path, told);
}

// SELECT of a file in another application, which is the selected one then.
static st p15file_select_abroad(struct card *card, const struct p15 *p15,
                                const struct p15_path *path, struct buf *fcp)
{
    place_leave(card);
    TRY(iso_select_aid(&card->link, ISO_FCI, path->aid, NULL));
    if (!path->file.n) return ST_OK;
    return p15file_select_file(&card->link, p15, ISO_BY_PATH_HERE, path->file, fcp);
}

// SELECT of a file whose path is from the application's own DF on, where that DF's path is not
// known: it must be the current one.
static st p15file_select_relative(struct card *card, struct token *token, bytes file,
                                  struct buf *fcp)
{
    const struct p15 *p15 = token->state;
    bool in_df = file.n == 2;
    if (!card->sure || card->where != CARD_HOME) TRY(place_select(card, token));
    card->where = in_df ? CARD_HOME : CARD_SOMEWHERE;
    u8 p1 = in_df ? ISO_BY_FID : ISO_BY_PATH_HERE;
    return p15file_select_file(&card->link, p15, p1, file, fcp);
}

// SELECT of the file of a path from the MF on. In the application's own DF that leaves the card at
// home.
static st p15file_select_absolute(struct card *card, const struct p15 *p15, bytes path,
                                  struct buf *fcp)
{
    bool root = path.n == 2;
    bool home = p15->base.n && path.n == p15->base.n + 2 && bytes_begin(path, p15->base);
    if (!home) card->where = CARD_SOMEWHERE;
    if (!root && !(p15->quirks & P15_FULL_PATH)) path = bytes_from(path, 2);
    TRY(p15file_select_file(&card->link, p15, root ? ISO_BY_FID : ISO_BY_PATH, path, fcp));
    if (home) card->where = CARD_HOME;
    return ST_OK;
}

// SELECT of the file of a path; what the card tells of it is appended to fcp (NULL: not wanted). A
// path from the application on is one from the MF on where the application's DF is known.
// ST_NOT_FOUND: there is none, and the card stays where it was.
static st p15file_select_path(struct card *card, struct token *token, const struct p15_path *path,
                              struct buf *fcp)
{
    const struct p15 *p15 = token->state;
    u8 room[2 * P15_PATH_MAX + 2];
    struct buf whole = buf_on(room, sizeof room);
    SCARD11_ASSERT(path->file.n <= P15_PATH_MAX && p15->base.n <= P15_PATH_MAX);
    TRY(link_ready(&card->link));
    if (path->aid.n) return p15file_select_abroad(card, p15, path, fcp);
    if (card->where == CARD_AT) card->where = CARD_SOMEWHERE;
    if (bytes_begin(path->file, P15_MF)) return p15file_select_absolute(card, p15, path->file, fcp);
    if (!p15->base.n) return p15file_select_relative(card, token, path->file, fcp);
    buf_put(&whole, p15->base);
    buf_put(&whole, path->file);
    return p15file_select_absolute(card, p15, buf_bytes(&whole), fcp);
}

// READ BINARY from the current file: that of the path, by select.
static st p15file_read_binary(struct card *card, const struct p15_path *path, u32 offset, u32 le,
                              struct buf *out)
{
    (void)path;
    return iso_read_binary(&card->link, offset, le, out);
}

static const struct p15_io p15file_io = { p15file_select_path, p15file_read_binary, ISO_FCI };

// ---- Reading ----

// What a file holds, as far as that tells its end and whether it is ours: one data object, records
// one after the other, or anything.
enum p15_shape { P15_OBJECT, P15_RECORDS, P15_ANY };

// Is what follows the records of a file nothing but filler, and enough of it?
static bool p15file_ends_in_filler(bytes rest)
{
    for (size_t i = 0; i < rest.n; i++)
        if (!p15entry_is_filler(rest.p[i])) return false;
    return rest.n >= P15_FILLER_ENDS;
}

// Is all there of what a file holds? Of a file of unknown content nobody can say.
static bool p15file_enough(bytes got, enum p15_shape shape)
{
    struct tlv tlv;
    if (shape == P15_ANY) return false;
    if (shape == P15_OBJECT) return !tlv_next(&got, &tlv);
    while (got.n && !p15entry_is_filler(*got.p))
        if (tlv_next(&got, &tlv)) return false;
    return p15file_ends_in_filler(got);
}

// How much to ask for next: what the object's own length or the file's size leaves, else all that
// an answer can hold. That is asked for, too, as long as it is not known whether the reader bears
// extended length: when the first file is read, a failure costs nothing yet.
static u32 p15file_want(const struct link *link, bytes got, enum p15_shape shape, u32 size)
{
    if (extended_is_untried(&link->extended)) return APDU_LE_ALL;
    if (size) return size - (u32)got.n;
    bool sized = shape == P15_OBJECT && got.n >= 4 && got.p[1] == 0x82;
    u32 whole = sized ? 4 + (u32)bytes_number(bytes_of(got.p + 2, 2)) : 0;
    return whole > got.n ? whole - (u32)got.n : APDU_LE_ALL;
}

// Appends the records of the selected file, one after the other.
static st p15file_read_records(struct card *card, struct buf *out)
{
    for (u8 i = 1; i <= P15_RECORDS_MAX; i++) {
        st s = iso_read_record(&card->link, i, out);
        if (s == ST_NOT_FOUND && i > 1) return ST_OK;
        if (s) return s;
    }
    return ST_OK;
}

// Was an answer the file's last? got: what was read with it; fresh: its bytes, of want that were
// asked for.
static bool p15file_was_last(const struct p15 *p15, bytes got, size_t fresh, u32 want,
                             enum p15_shape shape)
{
    if (!fresh) return true;
    if (p15->quirks & P15_SHORT_END && fresh < APDU_LE_SHORT && fresh < want) return true;
    return p15file_enough(got, shape);
}

// Appends the content of the file of a path, which was selected. size is that of the part that the
// path names, 0: not known. ST_PROTOCOL: there is no end to it.
static st p15file_read_selected(struct card *card, const struct p15 *p15,
                                const struct p15_path *path, u32 size, enum p15_shape shape,
                                struct buf *out)
{
    size_t start = out->n;
    SCARD11_ASSERT(path->offset <= P15_FILE_MAX && size <= P15_FILE_MAX);
    for (int i = 0; i < P15_READS_MAX; i++) {
        size_t before = out->n - start;
        u32 want = p15file_want(&card->link, bytes_from(buf_bytes(out), start), shape, size);
        st s = p15->io->read(card, path, path->offset + (u32)before, want, out);
        if (s == SW_FILE_STRUCTURE && !before && shape == P15_RECORDS)
            return p15file_read_records(card, out);
        if (s == ST_NOT_FOUND && before) return ST_OK;
        if (s) return s;
        bytes got = bytes_from(buf_bytes(out), start);
        if (size && got.n >= size) {
            out->n = start + size;              // more may have been asked for
            return ST_OK;
        }
        if (p15file_was_last(p15, got, got.n - before, want, shape)) return ST_OK;
        if (got.n > P15_FILE_MAX) return ST_PROTOCOL;
    }
    return ST_PROTOCOL;                         // a card that gives it by the byte
}

// Selects the file of a path and appends what the path names of it: once, without being sure of the
// application.
static st p15file_read_once(struct card *card, struct token *token, const struct p15_path *path,
                            enum p15_shape shape, struct buf *out)
{
    const struct p15 *p15 = token->state;
    u8 room[256];
    struct buf fcp = buf_on(room, sizeof room);
    TRY(p15->io->select(card, token, path, &fcp));
    u32 size = iso_file_size(buf_bytes(&fcp)), part = path->length;
    if (!size) return p15file_read_selected(card, p15, path, part, shape, out);
    if (size > P15_FILE_MAX) size = P15_FILE_MAX;
    if (path->offset >= size) return ST_NOT_FOUND;
    if (!part || part > size - path->offset) part = size - path->offset;
    return p15file_read_selected(card, p15, path, part, shape, out);
}

// Does content begin with what files of one data object hold? That is DER, or a card-verifiable
// certificate, or the request for one.
static bool p15file_is_object(bytes content)
{
    struct tlv tlv;
    if (tlv_next(&content, &tlv)) return false;
    if (tlv.tag == TLV_CVC || tlv.tag == TLV_CVC_REQUEST) return true;
    return tlv.tag == TLV_SEQUENCE || tlv.tag == TLV_OCTETS;
}

// Does content look like what it should be? Then our application answered.
static bool p15file_plausible(bytes content, enum p15_shape shape)
{
    struct tlv tlv;
    if (shape == P15_ANY) return false;
    if (shape == P15_OBJECT) return p15file_is_object(content);
    st s = p15entry_next(&content, &tlv);           // deleted records may stand before
    if (!s) return p15entry_is_record(*tlv.whole.p);
    return !content.n || p15entry_is_record(*content.p);
}

// Reads what a path names into scratch, by one attempt. ST_NOT_FOUND: also where it does not look
// like what it should be.
static st p15file_try_value(struct card *card, struct token *token, const struct p15_path *path,
                            enum p15_shape shape, struct scratch *scratch, bytes *out)
{
    struct scratch again = *scratch;
    struct buf content = scratch_rest(&again);
    TRY(p15file_read_once(card, token, path, shape, &content));
    bool good = shape == P15_ANY || p15file_plausible(buf_bytes(&content), shape);
    if (!good) return ST_NOT_FOUND;
    *out = scratch_keep(&again, &content);
    *scratch = again;
    if (path->aid.n) place_unsure(card);        // another application is selected now
    return ST_OK;
}

// Reads a value into scratch; out is a view of it. It is read on trust first, where another program
// may have selected its own application: what answers in the right shape at the right path is ours.
// An error of the card may be in passing: then it is read once more. ST_NOT_FOUND: there is none.
static st p15file_read_value(struct card *card, struct token *token, const struct p15_value *value,
                             enum p15_shape shape, struct scratch *scratch, bytes *out)
{
    *out = value->direct;
    if (value->direct.n) return ST_OK;
    if (!p15entry_has_value(value)) return ST_NOT_FOUND;
    if (shape == P15_ANY) TRY(place_be_sure(card, token, *scratch));
    for (bool first = true; ; first = false) {
        st s = p15file_try_value(card, token, &value->path, shape, scratch, out);
        if (!s || link_is_broken(s) || s == ST_NOT_LOGGED_IN) return s;
        bool in_passing = first && link_is_error(s);
        if (card->sure && !in_passing) return s;
        TRY(place_be_sure(card, token, *scratch));
    }
}

/* ================================================================================================
 * MARK: - >>p15dir
 * The directory of a PKCS#15 application: which files there are, read when they are needed.
 *
 * Owns    EF.ODF, EF.TokenInfo and the landmark that is made of it; loading directory files; what
 *         happens when another program changed the directory
 * Uses    >>tlv >>link >>iso >>card >>place >>p15entry >>p15alg >>p15 >>p15file
 * Names   p15dir_
 * Specs   ISO/IEC 7816-15 (EF.ODF, EF.TokenInfo)
 * Tests   tests/unit/p15dir.c
 * ==============================================================================================*/

#define P15_FILES_MAX   32          // directory files that an ODF may name
#define P15_ENTRIES_MAX 256         // entries that are taken from all of them
#define P15_LABEL_PART  48          // bytes of each text that a token's label is made of

static const u8 p15dir_base[] = { 0x3f, 0x00, 0x50, 0x15 }, p15dir_odf[] = { 0x50, 0x31 },
                p15dir_info[] = { 0x50, 0x32 };

// An application with its directory where the standard has it.
static void p15dir_init(struct p15 *p15, bytes aid, u32 quirks)
{
    *p15 = (struct p15){ .io = &p15file_io, .aid = aid, .quirks = quirks };
    p15->base = bytes_of(p15dir_base, sizeof p15dir_base);
    p15->odf_path = bytes_of(p15dir_odf, sizeof p15dir_odf);
    p15->info_path = bytes_of(p15dir_info, sizeof p15dir_info);
}

// ---- EF.ODF ----

// A new directory file behind those that are known; tag is that of its entry in the ODF. NULL: not
// of a known kind, one too many, or the arena is full.
static struct p15_file *p15dir_add_file(struct card *card, struct p15 *p15, u32 tag)
{
    struct p15_file **at = &p15->files;
    if (tag < TLV_CONSTRUCTED(0) || tag >= TLV_CONSTRUCTED(P15_KINDS)) return NULL;
    if (p15->file_count >= P15_FILES_MAX) return NULL;
    struct p15_file *file = ARENA_NEW(&card->arena, struct p15_file, 1);
    if (!file) return NULL;
    while (*at) at = &(*at)->next;
    *at = file;
    file->kind = (enum p15_kind)(tag - TLV_CONSTRUCTED(0));
    p15->file_count++;
    return file;
}

// Reads EF.ODF, once: which directory files there are. A card without one has none: nobody has set
// it up yet.
static st p15dir_read_odf(struct card *card, struct token *token, struct scratch scratch)
{
    struct p15 *p15 = token->state;
    struct p15_value odf = { .path = { .file = p15->odf_path } };
    bytes content;
    struct tlv entry;
    if (p15->odf_read) return ST_OK;
    st s = p15file_read_value(card, token, &odf, P15_RECORDS, &scratch, &content);
    if (s && s != ST_NOT_FOUND) return s;
    bytes rest = arena_copy(&card->arena, content);
    if (content.n && !rest.p) return ST_ARENA_FULL;
    p15->odf_read = true;
    while (!p15entry_next(&rest, &entry)) {
        struct p15_value value;
        struct tlv choice;
        if (tlv_next(&entry.value, &choice) || p15entry_value(&choice, &value)) continue;
        struct p15_file *file = p15dir_add_file(card, p15, entry.tag);
        if (file) file->value = value;
    }
    return ST_OK;
}

// Is there a directory file of a kind?
static bool p15dir_has(const struct p15 *p15, enum p15_kind kind)
{
    for (const struct p15_file *file = p15->files; file; file = file->next)
        if (file->kind == kind) return true;
    return false;
}

// ---- The landmark: what of EF.TokenInfo stays, or a file that a driver names ----

// What a landmark is made of, in scratch: all of TokenInfo but lastUpdate, which changes with each
// write.
static bytes p15dir_landmark_of(const struct p15_info *info, struct scratch *scratch)
{
    struct buf b = scratch_buf(scratch, info->serial.n + info->maker.n + info->label.n + 2);
    buf_put(&b, info->serial);
    buf_put8(&b, 0);
    buf_put(&b, info->maker);
    buf_put8(&b, 0);
    buf_put(&b, info->label);
    return b.full ? BYTES_NONE : buf_bytes(&b);
}

// Notes TokenInfo as the landmark, if the driver has not named a file. Without a serial number it
// shows which application it is, not which card. Where it says nothing, the ODF must do.
static st p15dir_note_landmark(struct p15 *p15, const struct p15_info *info,
                               struct scratch scratch)
{
    bool said = info->serial.n || info->maker.n || info->label.n;
    if (p15->mark_file.file.n) return ST_OK;
    p15->mark.unique = info->serial.n > 0;
    if (said) return place_note(&p15->mark, 0, p15dir_landmark_of(info, &scratch));
    p15->mark_file.file = p15->odf_path;
    return ST_OK;
}

// Reads the file of the landmark without a SELECT of the application. Where its path from the MF on
// is not known, it must answer in the current DF.
static st p15dir_read_mark(struct card *card, struct token *token, const struct p15_path *path,
                           struct buf *out)
{
    const struct p15 *p15 = token->state;
    if (p15->base.n || path->file.n != 2)
        return p15file_read_once(card, token, path, P15_OBJECT, out);
    TRY(iso_select_file(&card->link, ISO_BY_FID, path->file));
    TRY(p15file_read_selected(card, p15, path, 0, P15_OBJECT, out));
    card->where = CARD_HOME;
    return ST_OK;
}

// Cuts the content of the landmark's file to what counts: as many bytes as its path says, or the
// first data object.
static st p15dir_mark_in(const struct p15_path *path, bytes *content)
{
    struct tlv first;
    bytes rest = *content;
    if (path->length) {
        *content = bytes_head(*content, path->length);
    } else {
        if (tlv_next(&rest, &first)) return ST_NOT_FOUND;
        *content = first.whole;
    }
    return content->n ? ST_OK : ST_NOT_FOUND;
}

// What the landmark is made of, in scratch; see landmark of struct driver.
static st p15dir_landmark(struct card *card, struct token *token, u32 ref, struct scratch *scratch,
                          bytes *value)
{
    struct p15 *p15 = token->state;
    const struct p15_path info_file = { .file = p15->info_path };
    bool own = p15->mark_file.file.n > 0;
    struct buf content = scratch_rest(scratch);
    struct p15_info info;
    (void)ref;
    TRY(p15dir_read_mark(card, token, own ? &p15->mark_file : &info_file, &content));
    *value = scratch_keep(scratch, &content);
    if (own) return p15dir_mark_in(&p15->mark_file, value);
    p15entry_info(*value, p15->aid, &info);
    *value = p15dir_landmark_of(&info, scratch);
    if (!p15->mark.known) p15->mark.unique = info.serial.n > 0;
    return ST_OK;
}

// ---- EF.TokenInfo ----

// Sets a token's label: the application's, and where that has two user PINs, the PIN's in brackets.
static void p15dir_set_label(struct card *card, struct token *token, bytes label)
{
    const struct p15 *p15 = token->state;
    const struct p15_pin *pin = p15->user_pins[token->index];
    u8 room[2 * P15_LABEL_PART + 4];
    struct buf b = buf_on(room, sizeof room);
    u32 sharing = 0;
    for (u32 i = 0; i < SCARD11_READER_SLOTS; i++) sharing += card->tokens[i].state == p15;
    SCARD11_ASSERT(sharing < 2 || pin);         // each has a PIN then
    buf_put(&b, bytes_head(label, P15_LABEL_PART));
    if (sharing > 1 && pin->label.n) {
        buf_put_text(&b, b.n ? " (" : "(");
        buf_put(&b, bytes_head(pin->label, P15_LABEL_PART));
        buf_put_text(&b, ")");
    }
    if (b.n) p15entry_text(token->label, sizeof token->label - 1, buf_bytes(&b));
}

// Sets what C_GetTokenInfo tells of a token: the last eight bytes of the serial number, maker,
// label.
static void p15dir_tell_token(struct card *card, struct token *token, const struct p15_info *info)
{
    struct buf number = buf_on(token->serial, sizeof token->serial - 1);
    size_t over = info->serial.n > 8 ? info->serial.n - 8 : 0;
    memset(token->serial, 0, sizeof token->serial);
    buf_put_hex(&number, bytes_from(info->serial, over));
    if (info->maker.n) p15entry_text(token->maker, sizeof token->maker - 1, info->maker);
    p15dir_set_label(card, token, info->label);
}

// Reads EF.TokenInfo, once: what C_GetTokenInfo tells, and what the card can do. It is no error if
// there is none.
static st p15dir_read_info(struct card *card, struct token *token, struct scratch scratch)
{
    struct p15 *p15 = token->state;
    struct p15_value file = { .path = { .file = p15->info_path } };
    struct p15_info info;
    bytes content = BYTES_NONE;
    if (p15->info_read) return ST_OK;
    st s = p15file_read_value(card, token, &file, P15_OBJECT, &scratch, &content);
    if (link_is_broken(s)) return s;
    bytes kept = s ? BYTES_NONE : arena_copy(&card->arena, content);
    if (!s && !kept.p) return ST_ARENA_FULL;
    p15entry_info(kept, p15->aid, &info);
    p15alg_parse(info.algorithms, &p15->algorithms);
    p15->info_read = true;
    p15->no_info = s != ST_OK;
    p15->connects = card->link.count->connects;
    TRY(p15dir_note_landmark(p15, &info, scratch));
    p15->update = info.update;
    p15->environment = info.environment;
    for (u32 i = 0; i < SCARD11_READER_SLOTS; i++)
        if (card->tokens[i].state == p15) p15dir_tell_token(card, &card->tokens[i], &info);
    return ST_OK;
}

// Notes whether the tokens are blank: where TokenInfo is missing, the directory may be, too, and
// then nobody has set the card up yet.
static st p15dir_look_if_blank(struct card *card, struct token *token, struct scratch scratch)
{
    const struct p15 *p15 = token->state;
    st s = p15->no_info ? p15dir_read_odf(card, token, scratch) : ST_OK;
    if (link_is_broken(s) || s == ST_ARENA_FULL) return s;
    bool blank = !s && p15->no_info && !p15->files;
    for (u32 i = 0; i < SCARD11_READER_SLOTS; i++)
        if (card->tokens[i].state == p15) card->tokens[i].blank = blank;
    return ST_OK;
}

// ---- A directory that another program changed ----
// What was read is kept as long as the card is in. When it was connected anew, what the card counts
// its changes by (lastUpdate in EF.TokenInfo; MyEID's own counter: myeid_list) is compared before
// the next search, and the directory is read again if it differs. A card that has neither is
// believed.

// Was the card connected since this was asked last?
static bool p15dir_was_away(struct card *card, struct p15 *p15)
{
    bool away = p15->connects != card->link.count->connects;
    if (!card->link.offline) p15->connects = card->link.count->connects;
    return away;
}

// Forgets all that was read but the PINs: it is read again when it is needed, and objects get new
// handles. What was forgotten keeps its room as long as the card is known. When little is left, the
// card is begun anew, as after a removal, with a reset that ends a login.
static st p15dir_forget(struct card *card, struct p15 *p15)
{
    os_log("%s: another program changed the directory", card->link.name);
    if (card->arena.left < SCARD11_CARD_MEMORY / 4) {
        card->link.broken = true;
        return link_failed(&card->link, ST_CARD_REMOVED);
    }
    for (u32 i = 0; i < card->object_count; i++) {
        struct object *object = card_object_at(card, i);
        if (!object->handle || object->owner) continue;
        if (object->token->state == p15) card_drop(card, object);
    }
    p15->files = NULL;
    p15->keys = NULL;
    p15->certificates = NULL;
    p15->entry_count = p15->file_count = 0;
    p15->odf_read = p15->info_read = false;
    return ST_OK;
}

// Forgets the directory if it has changed since it was read, and reads TokenInfo again. Called
// before each search; costs a command only where the card was connected anew.
static st p15dir_refresh(struct card *card, struct token *token, struct scratch scratch)
{
    struct p15 *p15 = token->state;
    struct p15_value file = { .path = { .file = p15->info_path } };
    struct p15_info info;
    bytes content;
    if (!p15dir_was_away(card, p15)) return ST_OK;
    if (token->blank) {                             // is it still?
        p15->odf_read = p15->info_read = false;
        TRY(p15dir_read_info(card, token, scratch));
        return p15dir_look_if_blank(card, token, scratch);
    }
    if (!p15->update.n) return ST_OK;
    st s = p15file_read_value(card, token, &file, P15_OBJECT, &scratch, &content);
    if (link_is_broken(s)) return s;
    if (s) return ST_OK;
    p15entry_info(content, p15->aid, &info);
    if (bytes_equal(info.update, p15->update)) return ST_OK;
    TRY(p15dir_forget(card, p15));
    return p15dir_read_info(card, token, scratch);
}

// ---- Loading directory files ----

// What takes an entry: it makes of it a PIN, or an object.
typedef st p15dir_add(struct card *, struct token *, enum p15_kind, const struct p15_entry *);

// Did the card say that there is no such file, or none to be read? Anything else may be in passing.
static bool p15dir_is_no(st s)
{
    return s == ST_NOT_FOUND || (s >= 0x6900 && s < 0x6f00);
}

// Reads the content of a directory file into the card's arena; it is empty where the card says that
// there is no such file.
static st p15dir_fetch(struct card *card, struct token *token, const struct p15_file *file,
                       struct scratch scratch, bytes *kept)
{
    bytes content;
    bool quiet = card->link.quiet;
    card->link.quiet = quiet || token->login;       // it may be one that wants the PIN
    st s = p15file_read_value(card, token, &file->value, P15_RECORDS, &scratch, &content);
    card->link.quiet = quiet;
    *kept = BYTES_NONE;
    if (p15dir_is_no(s)) return ST_OK;
    if (s) return s;
    *kept = arena_copy(&card->arena, content);
    return kept->n && !kept->p ? ST_ARENA_FULL : ST_OK;
}

// Counts an entry that is to be taken. False: it is one too many.
static bool p15dir_count_entry(struct card *card, struct p15 *p15)
{
    (void)card;
    if (p15->entry_count < P15_ENTRIES_MAX) return ++p15->entry_count;
    os_log("%s: more than %d entries in the directory: the rest is left out", card->link.name,
           P15_ENTRIES_MAX);
    return false;
}

// Makes room for the objects of all records: once one of them is added, all can be.
static st p15dir_reserve(struct card *card, const struct p15 *p15, bytes records)
{
    struct tlv record;
    u32 n = 0, left = P15_ENTRIES_MAX - p15->entry_count;
    while (!p15entry_next(&records, &record)) n++;
    return card_reserve(card, n < left ? n : left);
}

// Loads one directory file, from its first to its last entry that makes sense, each given to add. A
// file that wants the PIN is left for after the login.
static st p15dir_load_file(struct card *card, struct token *token, struct p15_file *file,
                           p15dir_add *add, struct scratch scratch)
{
    struct p15 *p15 = token->state;
    struct p15_entry entry;
    struct tlv record;
    bytes rest;
    st s = p15dir_fetch(card, token, file, scratch, &rest);
    if (s == ST_NOT_LOGGED_IN && !token->login) return ST_OK;
    if (s) return s;
    TRY(p15dir_reserve(card, p15, rest));
    file->read = true;
    while (!(s = p15entry_next(&rest, &record))) {
        if (!p15dir_count_entry(card, p15)) return ST_OK;
        if (p15entry_parse(&record, &entry)) continue;
        TRY(add(card, token, file->kind, &entry));
    }
    if (s != ST_NOT_FOUND) os_log("%s: a directory file ends in what is no entry", card->link.name);
    return ST_OK;
}

// Loads the directory files of some kinds, a mask of bits, that were not loaded yet. What kind a
// secret key is may be said by an algorithm of TokenInfo alone, which is read before.
static st p15dir_load(struct card *card, struct token *token, u32 kinds, p15dir_add *add,
                      struct scratch scratch)
{
    struct p15 *p15 = token->state;
    TRY(p15dir_read_odf(card, token, scratch));
    for (struct p15_file *file = p15->files; file; file = file->next) {
        if (file->read || !(kinds >> file->kind & 1)) continue;
        if (file->kind == P15_SKDF) TRY(p15dir_read_info(card, token, scratch));
        TRY(p15dir_load_file(card, token, file, add, scratch));
    }
    return ST_OK;
}

/* ================================================================================================
 * MARK: - >>p15token
 * Tokens of PKCS#15 cards: which PINs of the directory are tokens, and whose an object is.
 *
 * Owns    from a PIN of AODF to a credential, its PUK beside it; which token shows an object; what
 *         drivers say of a token: open, random
 * Uses    >>random >>iso >>link >>card >>secret >>p15entry >>p15 >>p15dir
 * Names   p15token_
 * Specs   ISO/IEC 7816-15 (AODF), ISO 7816-4 (GET CHALLENGE)
 * Tests   tests/unit/p15token.c
 * ==============================================================================================*/

// ---- PINs ----

// Keeps the PIN of an entry of AODF behind those that are known. Biometrics and keys are passed
// over.
static st p15token_add_pin(struct card *card, struct token *token, enum p15_kind kind,
                           const struct p15_entry *entry)
{
    struct p15 *p15 = token->state;
    struct p15_pin parsed, **at = &p15->pins;
    SCARD11_ASSERT(kind == P15_AODF);
    (void)kind;
    if (p15entry_pin(entry, &parsed)) return ST_OK;
    struct p15_pin *pin = ARENA_NEW(&card->arena, struct p15_pin, 1);
    if (!pin) return ST_ARENA_FULL;
    *pin = parsed;
    while (*at) at = &(*at)->next;
    *at = pin;
    return ST_OK;
}

// Loads the PINs of the directory, to p15->pins.
static st p15token_load_pins(struct card *card, struct token *token, struct scratch scratch)
{
    return p15dir_load(card, token, 1u << P15_AODF, p15token_add_pin, scratch);
}

// The PUK of a PIN: the one whose identifier its entry names, else whichever unblocks. NULL: none.
static const struct p15_pin *p15token_puk_of(const struct p15 *p15, const struct p15_pin *pin)
{
    const struct p15_pin *found = NULL;
    if (pin->flags & P15_PIN_NO_UNBLOCK) return NULL;
    for (const struct p15_pin *at = p15->pins; at; at = at->next) {
        if (at == pin) continue;
        if (pin->puk_id.n && bytes_equal(at->auth_id, pin->puk_id)) return at;
        if (!found && at->flags & P15_PIN_UNBLOCKING) found = at;
    }
    return found;
}

// A PIN of the directory as a credential. What no directory says is as in the one that the driver
// set for this role; like is that, or NULL.
static struct credential p15token_credential(const struct p15 *p15, const struct p15_pin *pin,
                                             enum card_role role, const struct credential *like)
{
    struct credential made = pin->credential;
    made.role = (u8)role;
    made.place = p15_place(p15, &pin->where);
    if (!like) return made;
    made.ask = like->ask;
    made.logout_by = like->logout_by;
    made.unblock_by = like->unblock_by;
    made.presented = like->presented;
    return made;
}

// Gives a token a user PIN of the directory and its PUK.
static void p15token_set_pin(struct token *token, const struct p15_pin *pin, struct token *like)
{
    struct p15 *p15 = token->state;
    const struct p15_pin *unblocks = p15token_puk_of(p15, pin);
    struct credential user = p15token_credential(p15, pin, ROLE_USER, card_pin(like));
    struct credential puk = { .role = ROLE_PUK };
    SCARD11_ASSERT(token->index < SCARD11_READER_SLOTS);
    if (unblocks)
        puk = p15token_credential(p15, unblocks, ROLE_PUK, card_credential(like, ROLE_PUK));
    card_set_credential(token, &user);
    card_set_credential(token, &puk);
    p15->user_pins[token->index] = pin;
}

// Makes tokens of the user PINs of the AODF: the first is this token's, each other one becomes a
// token of its own, as far as the reader has slots. The driver has set this token's user PIN, and
// its PUK if it knows of one.
static st p15token_find_pins(struct card *card, struct token *token, struct scratch scratch)
{
    const struct p15 *p15 = token->state;
    struct token *at = token, like = *token;
    SCARD11_ASSERT(token->credential_count);
    TRY(p15token_load_pins(card, token, scratch));
    for (const struct p15_pin *pin = p15->pins; pin; pin = pin->next) {
        if (pin->flags & (P15_PIN_UNBLOCKING | P15_PIN_SO)) continue;
        if (at != token) {
            *at = *token;
            at->index = token->index + (u32)(at - token);
            card->token_count++;
        }
        p15token_set_pin(at, pin, &like);
        if (++at == &card->tokens[SCARD11_READER_SLOTS]) break;
    }
    return ST_OK;
}

// ---- Whose an object is ----

// The first token of the application.
static struct token *p15token_first(struct card *card, struct token *token)
{
    struct token *first = token;
    for (u32 i = SCARD11_READER_SLOTS; i--; )
        if (card->tokens[i].state == token->state) first = &card->tokens[i];
    return first;
}

// Notes a PIN that an object names while no PINs were read: so objects tell whether there is more
// than one.
static void p15token_note_named(struct p15 *p15, bytes auth_id)
{
    if (!p15->named_pin.n) p15->named_pin = auth_id;
    if (!bytes_equal(p15->named_pin, auth_id)) p15->names_more = true;
}

// The token whose PIN opens an object; the first one if the object does not say which. NULL: a PIN
// that is no token's, and the object is not shown. Where the directory tells of no PINs, there is
// one that the driver knows.
static struct token *p15token_of(struct card *card, struct token *token, bytes auth_id)
{
    struct p15 *p15 = token->state;
    struct token *first = p15token_first(card, token);
    if (auth_id.n && !p15->pins) p15token_note_named(p15, auth_id);
    if (!auth_id.n || !p15->pins) return first;
    for (u32 i = first->index; i < SCARD11_READER_SLOTS; i++) {
        const struct p15_pin *pin = p15->user_pins[i];
        if (pin && bytes_equal(pin->auth_id, auth_id)) return &card->tokens[i];
    }
    os_log("%s: an object whose PIN is no token's is left out", card->link.name);
    return NULL;
}

// ---- For drivers ----

// What C_GetTokenInfo needs: tries left, TokenInfo, and whether nobody has set the card up yet.
static st p15token_open(struct card *card, struct token *token, struct scratch scratch)
{
    TRY(secret_read_tries(card, token, scratch));
    TRY(p15dir_read_info(card, token, scratch));
    return p15dir_look_if_blank(card, token, scratch);
}

// One GET CHALLENGE for at most n bytes; got: how many came, 0 where the card refused.
static st p15token_challenge(struct card *card, u8 *out, size_t n, size_t *got)
{
    u8 room[256];
    struct buf b = buf_on(room, sizeof room);
    SCARD11_ASSERT(n <= sizeof room);
    st s = iso_get_challenge(&card->link, (u32)n, &b);
    *got = b.n < n ? b.n : n;
    if (s) *got = 0;
    memcpy(out, room, *got);
    mem_wipe(room, sizeof room);
    return link_is_broken(s) ? s : ST_OK;
}

#define P15TOKEN_CHALLENGE 32       // bytes that are asked for at a time
#define P15TOKEN_CHALLENGE_LEAST 8  // that every card with a challenge knows

// n random bytes of the card, which it gives in parts of any length. The host gives the rest once
// the card gives none, or less than eight bytes at a time. Some cards know a challenge of eight
// bytes and no other.
static st p15token_random(struct card *card, struct token *token, u8 *out, size_t n)
{
    size_t most = P15TOKEN_CHALLENGE;
    (void)token;
    while (n) {
        size_t want = n < most ? n : most, got;
        TRY(p15token_challenge(card, out, want, &got));
        out += got;
        n -= got;
        if (got == want || got >= P15TOKEN_CHALLENGE_LEAST) continue;
        if (got || want <= P15TOKEN_CHALLENGE_LEAST) return random_bytes(out, n);
        most = P15TOKEN_CHALLENGE_LEAST;
    }
    return ST_OK;
}

/* ================================================================================================
 * MARK: - >>p15object
 * Objects of PKCS#15 cards: entries of the directory as PKCS#11 shows them, as late as a search
 * allows.
 *
 * Owns    which object an entry becomes; the public half of keys, wherever it is found; what
 *         drivers call to list objects and to read one
 * Uses    >>tlv >>x509 >>alg >>cipher >>link >>card >>place >>p15entry >>p15alg >>p15 >>p15file
 *         >>p15dir >>p15token
 * Names   p15object_
 * Specs   ISO/IEC 7816-15 (PrKDF, PuKDF, SKDF, CDF, DODF)
 * Tests   tests/unit/p15object.c
 * ==============================================================================================*/

#define P15_SECRET_MAX 4096         // bits of a secret key
#define P15_MARK       64           // bytes of a certificate that are its landmark: with its number

// Kinds of directory files.
#define P15_MASK_PRIVATE (1u << P15_PRKDF)
#define P15_MASK_PUBLIC  (1u << P15_PUKDF | 1u << P15_PUKDF_TRUSTED)
#define P15_MASK_CERT    (1u << P15_CDF | 1u << P15_CDF_TRUSTED | 1u << P15_CDF_USEFUL)
#define P15_MASK_SECRET  (1u << P15_SKDF)
#define P15_MASK_DATA    (1u << P15_DODF)
#define P15_MASK_ALL     (P15_MASK_PRIVATE | P15_MASK_PUBLIC | P15_MASK_CERT | P15_MASK_SECRET | \
                          P15_MASK_DATA)

// Adds an object, still without what its file holds. NULL: the arena is full.
static struct object *p15object_add(struct card *card, struct token *token, CK_OBJECT_CLASS class,
                                    bytes id, bytes label, void *state)
{
    SCARD11_ASSERT(token && token->state && state);
    struct object *object = card_add(card, token, class, card->epoch);
    if (!object) return NULL;
    object->id = id;
    object->label = label;
    object->state = state;
    object->unread = true;
    return object;
}

// Is a certificate or data seen after the login only?
static bool p15object_is_private(const struct p15_entry *entry)
{
    bool pin = entry->auth_id.n || p15entry_rule(entry->rules, P15_MODE_READ).user;
    return entry->flags & P15_PRIVATE && pin;
}

// ---- Keys ----

// The key pair of an iD that has no private (or no public) half yet, or a new one; NULL: the arena
// is full.
static struct p15_key *p15object_key_of(struct card *card, struct p15 *p15, bytes id, bool private)
{
    struct p15_key **at = &p15->keys;
    for (; *at; at = &(*at)->next) {
        const struct p15_key *key = *at;
        bool taken = private ? key->private_object != NULL
                             : p15entry_has_value(&key->public_value);
        if (id.n && bytes_equal(key->id, id) && !taken) return *at;
    }
    *at = ARENA_NEW(&card->arena, struct p15_key, 1);
    if (*at) (*at)->id = id;
    return *at;
}

// Notes what the entry of a private or secret key says. What the public half said before stays
// where this one does not say it.
static void p15object_note_key(struct p15_key *key, const struct p15_key_entry *said)
{
    key->type = said->type;
    key->usage = said->usage;
    key->access |= said->access;
    key->reference = said->reference;
    key->referenced = said->referenced;
    key->algorithms = said->algorithms;
    key->where = said->value.path;
    memcpy(key->start, said->start, sizeof key->start);
    memcpy(key->end, said->end, sizeof key->end);
    if (said->bits) key->bits = said->bits;
    if (said->curve) key->curve = said->curve;
    if (said->subject.n) key->subject = said->subject;
}

// What a private key, or a public one by its other half, may be used for. One of which nothing is
// said may do all that its type can.
static u32 p15object_use(const struct p15_key *key)
{
    bool rsa = key->type == ALG_RSA;
    u32 can = CARD_SIGN | (rsa ? CARD_DECRYPT : CARD_DERIVE), use = 0;
    if (!key->usage) return can;
    if (key->usage & P15_USE_SIGN) use |= CARD_SIGN;
    if (key->usage & P15_USE_DECRYPT) use |= CARD_DECRYPT;
    if (key->usage & P15_USE_DERIVE) use |= CARD_DERIVE;
    return use & can;
}

// A value that can never be had is sensitive, whatever the directory says.
static u32 p15object_access(u32 access)
{
    if (access & CARD_EXTRACTABLE || !access) access |= CARD_SENSITIVE;
    if (access & CARD_EXTRACTABLE) access &= ~CARD_NEVER_EXTRACTABLE;
    return access & CARD_SENSITIVE ? access : access & ~CARD_ALWAYS_SENSITIVE;
}

// Adds one of a key's objects. NULL: the arena is full.
static struct object *p15object_add_key(struct card *card, struct token *token,
                                        CK_OBJECT_CLASS class, struct p15_key *key)
{
    struct object *object = p15object_add(card, token, class, key->id, key->label, key);
    if (!object) return NULL;
    object->type = key->type;
    object->key = key->key;
    object->use = p15object_use(key);
    object->card_pads = class == CKO_PRIVATE_KEY ? token->card_pads : 0;
    object->subject = key->subject;
    object->ref = key->reference;
    memcpy(object->start, key->start, sizeof object->start);
    memcpy(object->end, key->end, sizeof object->end);
    object->unread = !key->sought;
    token->key_types |= CARD_TYPE(key->type);
    return object;
}

// Adds the object of a private or secret key. made: that, or NULL where its PIN is no token's.
// Cards leave authId out of keys that want the PIN all the same: then the flag says it.
static st p15object_add_guarded(struct card *card, struct token *token, CK_OBJECT_CLASS class,
                                struct p15_key *key, const struct p15_entry *entry,
                                struct object **made)
{
    u32 modes = P15_MODE_USE | (class == CKO_SECRET_KEY ? P15_MODE_ENCRYPT : 0);
    struct p15_rule rule = p15entry_rule(entry->rules, modes);
    *made = NULL;
    if (entry->auth_id.n) rule.auth_id = entry->auth_id;
    key->environment = rule.environment;
    key->label = entry->label;
    struct token *owner = p15token_of(card, token, rule.auth_id);
    if (!owner) return ST_OK;
    struct object *object = p15object_add_key(card, owner, class, key);
    if (!object) return ST_ARENA_FULL;
    card_set_entry(card, object, entry->whole);
    bool flagged = entry->flags & P15_PRIVATE && !rule.is_free;
    object->private = rule.auth_id.n || rule.user || flagged;
    object->credential = object->private ? card_pin(owner) : NULL;
    *made = object;
    return ST_OK;
}

// Makes a private key of an entry of PrKDF.
static st p15object_add_private(struct card *card, struct token *token,
                                const struct p15_entry *entry)
{
    struct p15_key_entry said;
    struct object *object;
    enum alg_type type = p15entry_key_type(entry->tag);
    if (type == ALG_NONE) return ST_OK;
    p15entry_key(entry, type, &said);
    struct p15_key *key = p15object_key_of(card, token->state, said.id, true);
    if (!key) return ST_ARENA_FULL;
    p15object_note_key(key, &said);
    TRY(p15object_add_guarded(card, token, CKO_PRIVATE_KEY, key, entry, &object));
    if (!object) return ST_OK;
    object->always_auth = entry->consent > 0 && object->private;
    object->access = p15object_access(key->access | CARD_SENSITIVE);    // it is, in any case
    key->private_object = object;
    return ST_OK;
}

// Notes the public half of a key that an entry of PuKDF tells of; its object is made when public
// keys are searched for. Where there is no private half, what this one can verify or encrypt says
// what that could do.
static st p15object_add_public(struct card *card, struct token *token,
                               const struct p15_entry *entry, bool trusted)
{
    struct p15_key_entry said;
    enum alg_type type = p15entry_key_type(entry->tag);
    if (type == ALG_NONE) return ST_OK;
    p15entry_key(entry, type, &said);
    struct p15_key *key = p15object_key_of(card, token->state, said.id, false);
    if (!key) return ST_ARENA_FULL;
    if (key->type == ALG_NONE) {
        key->type = said.type;
        if (said.usage & P15_USE_VERIFY) key->usage |= P15_USE_SIGNATURE;
        if (said.usage & P15_USE_ENCRYPT) key->usage |= P15_USE_DECIPHER;
        if (said.usage & P15_USE_DERIVE) key->usage |= P15_USE_DERIVE;
    }
    if (key->type != said.type) return ST_OK;
    if (!key->label.n) key->label = entry->label;
    key->public_label = entry->label;
    key->access |= said.access & CARD_LOCAL;      // made here: then both halves were
    if (!key->bits) key->bits = said.bits;
    if (!key->curve) key->curve = said.curve;
    key->public_value = said.value;
    key->public_entry = entry->whole;
    key->trusted = trusted;
    return ST_OK;
}

// ---- Secret keys ----

// The kind of a secret key whose tag does not say it: that of an algorithm that it names. PKCS#11's
// mechanisms of one cipher have numbers that differ in the last four bits.
static CK_KEY_TYPE p15object_named_kind(const struct p15 *p15, struct p15_key *key)
{
    if (!key->algorithms.n) return CKK_GENERIC_SECRET;
    u64 named = p15alg_named(&p15->algorithms, key->algorithms, &key->named);
    for (u32 i = 0; i < p15->algorithms.n; i++) {
        u32 family = p15->algorithms.list[i].mechanism & ~15u;
        if (!(named >> i & 1)) continue;
        if (family == (CKM_AES_ECB & ~15u)) return CKK_AES;
        if (family == (CKM_DES3_ECB & ~15u)) return CKK_DES3;
    }
    return CKK_GENERIC_SECRET;
}

// Does the tag of an entry of SKDF name a kind of PKCS#11? PKCS#15's [0] to [12] are in the order
// of PKCS#11's numbers; [13] and [14], RC6 and others, have no number there.
static bool p15object_secret_tag_names(u32 tag)
{
    return tag >= TLV_CONSTRUCTED(0) && tag <= TLV_CONSTRUCTED(12);
}

// Does the tag of an entry of SKDF leave the kind to an algorithm?
static bool p15object_secret_tag_leaves(u32 tag)
{
    return tag == TLV_SEQUENCE || tag == TLV_CONSTRUCTED(15);
}

// The kind of a secret key. Two keys of DES are found among those of three, the parity bits counted
// or not.
static CK_KEY_TYPE p15object_secret_kind(const struct p15 *p15, struct p15_key *key, u32 tag)
{
    CK_KEY_TYPE type = p15object_secret_tag_leaves(tag)
                           ? p15object_named_kind(p15, key)
                           : CKK_RC2 + (CK_KEY_TYPE)(tag - TLV_CONSTRUCTED(0));
    bool two = key->bits == 112 || key->bits == 128;
    return type == CKK_DES3 && two ? CKK_DES2 : type;
}

// How many bytes a secret key has; 0: not said. DES is as long as it is.
static u32 p15object_secret_len(CK_KEY_TYPE type, u32 bits)
{
    if (type >= CKK_DES && type <= CKK_DES3) return 8 * (u32)(type - CKK_DES + 1);
    return bits <= P15_SECRET_MAX ? bits / 8 : 0;
}

// What a secret key is for, where its card's driver can do that.
static u32 p15object_secret_use(const struct token *token, u32 usage)
{
    u32 use = 0;
    if (!token->driver->crypt) return 0;
    if (usage & P15_USE_ENCRYPT) use |= CARD_ENCRYPT;
    if (usage & P15_USE_DECIPHER) use |= CARD_DECRYPT;
    if (usage & P15_USE_WRAP) use |= CARD_WRAP;
    if (usage & P15_USE_UNWRAP) use |= CARD_UNWRAP;
    if (usage & P15_USE_SIGN && token->driver->mac) use |= CARD_SIGN;
    return use;
}

// Makes a secret key of an entry of SKDF. The driver may know more of a key whose kind the
// directory does not say.
static st p15object_add_secret(struct card *card, struct token *token,
                               const struct p15_entry *entry)
{
    struct p15_key_entry said;
    struct object *object;
    bool known = p15object_secret_tag_leaves(entry->tag) || p15object_secret_tag_names(entry->tag);
    if (!known) return ST_OK;
    p15entry_key(entry, ALG_SECRET, &said);
    struct p15_key *key = ARENA_NEW(&card->arena, struct p15_key, 1);
    if (!key) return ST_ARENA_FULL;
    key->id = said.id;
    p15object_note_key(key, &said);
    TRY(p15object_add_guarded(card, token, CKO_SECRET_KEY, key, entry, &object));
    if (!object) return ST_OK;
    object->secret_type = p15object_secret_kind(object->token->state, key, entry->tag);
    object->secret_len = p15object_secret_len(object->secret_type, key->bits);
    object->unread = object->secret_type == CKK_GENERIC_SECRET;
    object->use = p15object_secret_use(object->token, key->usage);
    object->access = p15object_access(key->access);
    return ST_OK;
}

// ---- Certificates, data ----

// The token that a certificate or public key goes with: its private key's.
static struct token *p15object_token_of_id(struct card *card, struct token *token, bytes id)
{
    const struct p15 *p15 = token->state;
    for (const struct p15_key *key = p15->keys; key; key = key->next)
        if (key->private_object && id.n && bytes_equal(key->id, id))
            return key->private_object->token;
    return p15token_first(card, token);
}

// Makes a certificate of an entry of CDF. One in trustedCertificates is vouched for by the issuer
// of the card, and cannot be changed by its holder.
static st p15object_add_certificate(struct card *card, struct token *token,
                                    const struct p15_entry *entry, bool trusted)
{
    struct p15 *p15 = token->state;
    struct p15_certificate **at = &p15->certificates;
    struct p15_certificate_entry said;
    if (p15entry_certificate(entry, &said)) return ST_OK;
    struct p15_certificate *cert = ARENA_NEW(&card->arena, struct p15_certificate, 1);
    if (!cert) return ST_ARENA_FULL;
    struct token *owner = p15object_token_of_id(card, token, said.id);
    struct object *object = p15object_add(card, owner, CKO_CERTIFICATE, said.id, entry->label,
                                          cert);
    if (!object) return ST_ARENA_FULL;
    card_set_entry(card, object, entry->whole);
    object->private = p15object_is_private(entry) && !owner->driver->public_certificates;
    object->credential = object->private ? card_pin(owner) : NULL;
    object->trusted = trusted;
    object->authority = said.authority;
    cert->id = said.id;
    cert->value = said.value;
    cert->object = object;
    while (*at) at = &(*at)->next;
    *at = cert;
    return ST_OK;
}

// Makes a data object of an entry of DODF.
static st p15object_add_data(struct card *card, struct token *token, const struct p15_entry *entry)
{
    struct p15_data_entry said;
    if (p15entry_data(entry, &said)) return ST_OK;
    bool private = p15object_is_private(entry);
    struct token *owner = p15token_of(card, token, private ? entry->auth_id : BYTES_NONE);
    if (!owner) return ST_OK;
    struct p15_value *value = ARENA_NEW(&card->arena, struct p15_value, 1);
    if (!value) return ST_ARENA_FULL;
    *value = said.value;
    struct object *object = p15object_add(card, owner, CKO_DATA, BYTES_NONE, entry->label, value);
    if (!object) return ST_ARENA_FULL;
    card_set_entry(card, object, entry->whole);
    object->private = private;
    object->credential = private ? card_pin(owner) : NULL;
    object->application = said.application;
    object->oid = said.oid;
    return ST_OK;
}

// ---- The directory to objects ----

// Makes of an entry what it is an entry of; a p15dir_add.
static st p15object_add_entry(struct card *card, struct token *token, enum p15_kind kind,
                              const struct p15_entry *entry)
{
    switch (kind) {
    case P15_PRKDF: return p15object_add_private(card, token, entry);
    case P15_PUKDF: case P15_PUKDF_TRUSTED:
        return p15object_add_public(card, token, entry, kind == P15_PUKDF_TRUSTED);
    case P15_CDF: case P15_CDF_TRUSTED: case P15_CDF_USEFUL:
        return p15object_add_certificate(card, token, entry, kind == P15_CDF_TRUSTED);
    case P15_SKDF: return p15object_add_secret(card, token, entry);
    default: return p15object_add_data(card, token, entry);
    }
}

// Makes the objects of directory files of some kinds, a mask of bits.
static st p15object_load(struct card *card, struct token *token, u32 kinds, struct scratch scratch)
{
    SCARD11_ASSERT(!(kinds & 1u << P15_AODF));
    return p15dir_load(card, token, kinds, p15object_add_entry, scratch);
}

// The identifier of the PIN that an object's entry names, itself or in a rule; empty: none.
static bytes p15object_auth_id(const struct p15_entry *entry)
{
    if (entry->auth_id.n) return entry->auth_id;
    return p15entry_rule(entry->rules, P15_MODE_USE | P15_MODE_ENCRYPT).auth_id;
}

// Gives an object to the token of its PIN, or drops it where that is no token's.
static void p15object_sort(struct card *card, struct token *token, struct object *object)
{
    struct p15_entry entry;
    struct tlv whole;
    bytes rest = object->entry;
    if (tlv_next(&rest, &whole) || p15entry_parse(&whole, &entry)) return;
    struct token *owner = p15token_of(card, token, p15object_auth_id(&entry));
    if (owner) {
        object->token = owner;
        object->credential = card_pin(owner);
        return;
    }
    if (object->class == CKO_PRIVATE_KEY) {
        struct p15_key *key = object->state;
        key->private_object = NULL;
    }
    card_drop(card, object);
}

// The PINs became known after objects that name them: each object that wants one is given to its
// token. A private key takes along its public half and its certificates.
static void p15object_sort_all(struct card *card, struct token *token)
{
    const struct p15 *p15 = token->state;
    for (u32 i = 0; i < card->object_count; i++) {
        struct object *object = card_object_at(card, i);
        bool ours = object->handle && !object->owner && object->token == token;
        if (ours && object->credential) p15object_sort(card, token, object);
    }
    for (struct p15_key *key = p15->keys; key; key = key->next)
        if (key->public_object)
            key->public_object->token = p15object_token_of_id(card, token, key->id);
    for (struct p15_certificate *cert = p15->certificates; cert; cert = cert->next)
        if (!cert->object->credential)
            cert->object->token = p15object_token_of_id(card, token, cert->id);
}

// ---- The public half of keys ----

// An EC key of a point, bare or in an OCTET STRING or a BIT STRING; where the directory names no
// curve it is the one that the point lies on.
static st p15object_parse_point(bytes in, const struct alg_curve *curve, struct alg_key *out)
{
    bytes point = in, inner;
    if (!tlv_open(in, TLV_OCTETS, &inner)) point = inner;
    if (!tlv_open(point, TLV_BITS, &inner) && inner.n) point = bytes_from(inner, 1);
    out->curve = curve ? curve : cipher_curve_of(point);
    if (!out->curve || !alg_point_good(out->curve, point)) return ST_PROTOCOL;
    out->bits = out->curve->bits;
    out->point = point;
    return ST_OK;
}

// The key in what a public key's file holds: SubjectPublicKeyInfo, bare or in the [1] of a direct
// value; RSAPublicKey; or a point.
static st p15object_parse_public(bytes in, const struct p15_key *key, struct alg_key *out)
{
    struct tlv tlv;
    bytes rest = in;
    *out = (struct alg_key){ .type = key->type };
    st s = alg_parse_spki(in, out);
    if (s && !tlv_next(&rest, &tlv) && tlv.tag == TLV_CONSTRUCTED(1))
        s = alg_parse_spki(tlv.value, out);
    bool other = !s && out->type != key->type;
    if (other) return ST_PROTOCOL;
    if (!s) return ST_OK;
    *out = (struct alg_key){ .type = key->type };
    if (key->type == ALG_RSA) return alg_parse_rsa(in, out);
    return p15object_parse_point(in, key->curve, out);
}

// All objects of a key pair learn what its public half is, if it was found (NULL: not), and of
// which certificate. all: there is no more to be known of it.
static void p15object_tell_key(struct p15_key *key, struct alg_key *found, const struct x509 *x509,
                               bool all)
{
    struct object *both[] = { key->private_object, key->public_object };
    if (found) key->key = found;
    key->sought = all;
    for (size_t i = 0; i < COUNT(both); i++) {
        struct object *object = both[i];
        if (!object) continue;
        if (found) object->key = found;
        if (x509) object->x509 = x509;
        object->unread = !all;
    }
}

// Keeps a public half that was found, and tells the key's objects of it.
static st p15object_keep_key(struct card *card, struct p15_key *key, const struct alg_key *found,
                             const struct x509 *x509, struct scratch scratch)
{
    struct alg_key *kept = ARENA_NEW(&card->arena, struct alg_key, 1);
    if (!kept) return ST_ARENA_FULL;
    *kept = *found;
    TRY(card_keep_key(card, kept, scratch));
    p15object_tell_key(key, kept, x509, true);
    return ST_OK;
}

// The certificate of a key tells its card from others. Where nothing does yet, and anyone may read
// it again, what was read of it becomes the landmark (LatEID has no document number to be read).
static st p15object_mark_certificate(struct p15 *p15, const struct p15_certificate *cert)
{
    const struct object *object = cert->object;
    bool anyone = object->token->driver->public_certificates && cert->value.path.file.n;
    if (p15->mark.known || !anyone) return ST_OK;
    p15->mark_file = cert->value.path;
    p15->mark_file.length = P15_MARK;
    p15->mark.unique = true;
    return place_note(&p15->mark, 0, bytes_head(object->value, P15_MARK));
}

// The keys of a certificate learn their public half from it.
static st p15object_learn(struct card *card, struct p15 *p15, const struct p15_certificate *cert,
                          struct scratch scratch)
{
    const struct x509 *x509 = cert->object->x509;
    struct alg_key found;
    for (struct p15_key *key = p15->keys; key; key = key->next) {
        if (!key->id.n || !bytes_equal(key->id, cert->id)) continue;
        if (key->key && key->key->spki.n) continue;
        if (alg_parse_spki(x509->spki, &found) || found.type != key->type) continue;
        TRY(p15object_mark_certificate(p15, cert));
        TRY(p15object_keep_key(card, key, &found, x509, scratch));
    }
    return ST_OK;
}

// Keeps what was read of a certificate, and its keys learn of it. What is no certificate is shown
// without a value.
static st p15object_keep_certificate(struct card *card, struct p15 *p15,
                                     struct p15_certificate *cert, bytes der,
                                     struct scratch scratch)
{
    struct object *object = cert->object;
    struct x509 parsed;
    object->unread = false;
    if (x509_parse(der, &parsed)) {
        os_log("%s: a certificate cannot be read", card->link.name);
        return ST_OK;
    }
    struct x509 *x509 = ARENA_NEW(&card->arena, struct x509, 1);
    bytes kept = arena_copy(&card->arena, parsed.whole);
    if (!x509 || !kept.p) return ST_ARENA_FULL;
    x509_parse(kept, x509);                        // in what is kept: as it went before
    object->x509 = x509;
    object->value = x509->whole;
    if (!object->label.n) object->label = x509_common_name(x509->subject);
    return p15object_learn(card, p15, cert, scratch);
}

// A certificate's value. What the card refuses before the login is asked for again after it.
static st p15object_read_certificate(struct card *card, struct token *token,
                                     struct p15_certificate *cert, struct scratch scratch)
{
    bytes der;
    if (cert->refused == token->login_epoch + 1) return ST_OK;
    st s = p15file_read_value(card, token, &cert->value, P15_OBJECT, &scratch, &der);
    if (link_is_broken(s) || s == ST_NOT_LOGGED_IN || link_is_error(s)) return s;
    bool refused = s && s != ST_NOT_FOUND;
    if (refused && !place_has_login(card, token)) {
        cert->refused = token->login_epoch + 1;
        return ST_OK;
    }
    if (s) der = BYTES_NONE;
    return p15object_keep_certificate(card, token->state, cert, der, scratch);
}

static struct p15_certificate *p15object_certificate_of(const struct p15 *p15, bytes id)
{
    struct p15_certificate *cert = p15->certificates;
    if (!id.n) return NULL;
    while (cert && !bytes_equal(cert->id, id)) cert = cert->next;
    return cert;
}

// Reads the public half of a key from its own file, if the directory has public keys.
static st p15object_read_public(struct card *card, struct token *token, struct p15_key *key,
                                struct scratch scratch)
{
    struct alg_key found;
    bytes content;
    if (!p15dir_has(token->state, P15_PUKDF)) return ST_NOT_FOUND;
    TRY(p15object_load(card, token, P15_MASK_PUBLIC, scratch));
    TRY(p15file_read_value(card, token, &key->public_value, P15_OBJECT, &scratch, &content));
    TRY(p15object_parse_public(content, key, &found));
    return p15object_keep_key(card, key, &found, NULL, scratch);
}

// The public half of a key from its certificate, which is read now or was before. ST_NOT_FOUND: it
// has none to give.
static st p15object_read_of_certificate(struct card *card, struct token *token,
                                        struct p15_certificate *cert, struct scratch scratch)
{
    if (!cert) return ST_NOT_FOUND;
    if (cert->object->unread) return p15object_read_certificate(card, token, cert, scratch);
    if (!cert->object->x509) return ST_NOT_FOUND;
    return p15object_learn(card, token->state, cert, scratch);
}

// Has the directory said as much of a key as shows its type and size?
static bool p15object_said_enough(const struct p15_key *key)
{
    if (key->type != ALG_RSA) return key->curve != NULL;
    return key->bits >= ALG_RSA_MIN_BITS && key->bits <= ALG_RSA_MAX_BITS && key->bits % 8 == 0;
}

// Makes do with what the directory said of a key whose public half cannot be had.
static st p15object_take_said(struct card *card, struct p15_key *key, bool for_good)
{
    struct alg_key *said = NULL;
    if (p15object_said_enough(key)) {
        said = ARENA_NEW(&card->arena, struct alg_key, 1);
        if (!said) return ST_ARENA_FULL;
        u32 bits = key->type == ALG_RSA ? key->bits : key->curve->bits;
        *said = (struct alg_key){ .type = key->type, .curve = key->curve, .bits = bits };
    }
    p15object_tell_key(key, said, NULL, for_good);
    return ST_OK;
}

// Is the search for a public half over, after an attempt that ended with s? It was found, or going
// on makes no sense.
static bool p15object_is_over(const struct p15_key *key, st s)
{
    return key->sought || link_is_broken(s) || s == ST_ARENA_FULL;
}

// The public half of a key, from where it costs least: a certificate that is known, the public
// key's own file, a certificate that is not. If there is none, what the directory said must do: for
// good, or where a certificate may come after the login, until then.
static st p15object_read_key(struct card *card, struct token *token, struct p15_key *key,
                             struct scratch scratch)
{
    struct p15 *p15 = token->state;
    struct p15_certificate *cert = p15object_certificate_of(p15, key->id);
    bool file_first = !cert;
    st s;
    if (key->refused == token->login_epoch + 1) return ST_OK;
    if (file_first) {
        s = p15object_read_public(card, token, key, scratch);
        if (p15object_is_over(key, s)) return s;
        TRY(p15object_load(card, token, P15_MASK_CERT, scratch));
        cert = p15object_certificate_of(p15, key->id);
    }
    s = p15object_read_of_certificate(card, token, cert, scratch);
    if (p15object_is_over(key, s)) return s;
    if (!file_first) s = p15object_read_public(card, token, key, scratch);
    if (p15object_is_over(key, s)) return s;
    bool later = cert && cert->object->unread && !place_has_login(card, token);
    TRY(p15object_take_said(card, key, !later));
    if (later) key->refused = token->login_epoch + 1;
    return ST_OK;
}

// ---- For drivers ----

// Tells a public key's object what its own entry says, and what its other half has.
static void p15object_tell_public(struct card *card, struct p15_key *key)
{
    struct object *object = key->public_object, *other = key->private_object;
    bytes entry = key->public_entry;
    if (!entry.n && other) entry = other->entry;
    object->trusted = key->trusted;
    object->access = key->access;
    if (key->public_label.n) object->label = key->public_label;
    card_set_entry(card, object, entry);
    if (!other) return;
    object->x509 = other->x509;
    object->always_auth = other->always_auth;
}

// Adds the public halves of all keys as objects, if they are none yet.
static st p15object_list_public(struct card *card, struct token *token)
{
    const struct p15 *p15 = token->state;
    for (struct p15_key *key = p15->keys; key; key = key->next) {
        if (key->public_object) continue;
        struct token *owner = p15object_token_of_id(card, token, key->id);
        key->public_object = p15object_add_key(card, owner, CKO_PUBLIC_KEY, key);
        if (!key->public_object) return ST_ARENA_FULL;
        p15object_tell_public(card, key);
    }
    return ST_OK;
}

// Which directory files a search for objects of a class needs. A private key tells whose its public
// half and its certificates are.
static u32 p15object_kinds(CK_OBJECT_CLASS class, bool several_tokens)
{
    switch (class) {
    case CKO_PRIVATE_KEY: return P15_MASK_PRIVATE;
    case CKO_PUBLIC_KEY:  return P15_MASK_PRIVATE | P15_MASK_PUBLIC;
    case CKO_CERTIFICATE: return P15_MASK_CERT | (several_tokens ? P15_MASK_PRIVATE : 0);
    case CKO_SECRET_KEY:  return P15_MASK_SECRET;
    case CKO_DATA:        return P15_MASK_DATA;
    default:              return 0;
    }
}

// Makes the objects that a search may match, from as few directory files as that takes;
// certificates come after keys, whose token they go with. See list of struct driver.
static st p15object_list(struct card *card, struct token *token, const struct query *query,
                         struct scratch scratch)
{
    u32 kinds = P15_MASK_ALL;
    TRY(p15dir_refresh(card, token, scratch));
    if (!query->any_class) kinds = p15object_kinds(query->class, card->token_count > 1);
    if (query->no_secret) kinds &= ~P15_MASK_SECRET;
    TRY(p15object_load(card, token, kinds & ~P15_MASK_CERT, scratch));
    TRY(p15object_load(card, token, kinds & P15_MASK_CERT, scratch));
    return kinds & P15_MASK_PUBLIC ? p15object_list_public(card, token) : ST_OK;
}

// The value of a data object. An error may be in passing; what the card does not give otherwise is
// shown without a value.
static st p15object_read_data(struct card *card, struct object *object, struct scratch scratch)
{
    bytes value;
    object->unread = true;
    st s = p15file_read_value(card, object->token, object->state, P15_ANY, &scratch, &value);
    if (link_is_broken(s) || s == ST_NOT_LOGGED_IN || link_is_error(s)) return s;
    object->value = s ? BYTES_NONE : arena_copy(&card->arena, value);
    if (!s && value.n && !object->value.p) return ST_ARENA_FULL;
    object->unread = false;
    return ST_OK;
}

// What the directory does not say of an object; see read of struct driver. Of a secret key it has
// said all.
static st p15object_read(struct card *card, struct object *object, struct scratch scratch)
{
    struct token *token = object->token;
    switch (object->class) {
    case CKO_PRIVATE_KEY: case CKO_PUBLIC_KEY:
        return p15object_read_key(card, token, object->state, scratch);
    case CKO_CERTIFICATE:
        return p15object_read_certificate(card, token, object->state, scratch);
    case CKO_DATA:
        return p15object_read_data(card, object, scratch);
    default:
        object->unread = false;
        return ST_OK;
    }
}

/* ================================================================================================
 * MARK: - >>p15key
 * Keys of PKCS#15 cards in use, as far as their drivers have that in common.
 *
 * Owns    where the key of a trial is; key agreement; what a key's answers mean
 * Uses    >>tlv >>alg >>padding >>apdu >>link >>card >>trial >>p15
 * Names   p15key_
 * Specs   ISO 7816-4 (GENERAL AUTHENTICATE), ISO 7816-8 (PSO)
 * Tests   tests/unit/p15key.c
 * ==============================================================================================*/

#define P15KEY_INS_AGREE 0x86       // GENERAL AUTHENTICATE with a dynamic authentication template
#define P15KEY_TEMPLATE  0x7c
#define P15KEY_POINT     0x85       // in it: the peer's point
#define P15KEY_SECRET    0x82       // ... the secret

// A key of the directory, to be used on trust and checked.
static struct trial p15key_trial(struct card *card, struct object *object,
                                 const struct alg_use *use, bytes in, struct scratch scratch,
                                 struct buf *out)
{
    const struct p15_key *key = object->state;
    SCARD11_ASSERT(key && key->where.file.n <= P15_PATH_MAX);
    return (struct trial){ .card = card, .object = object, .use = use, .in = in, .out = out,
                           .scratch = scratch,
                           .place = p15_place(object->token->state, &key->where) };
}

// A key of the directory whose results the host cannot check: what it decrypts or agrees.
static struct trial p15key_secret_trial(struct card *card, struct object *object, bytes in,
                                        struct scratch scratch, struct buf *out)
{
    struct trial trial = p15key_trial(card, object, NULL, in, scratch, out);
    trial.secret = true;
    return trial;
}

// ECDH by GENERAL AUTHENTICATE: 7C { 85 the peer's point }. The secret comes bare, or in 7C { 82 },
// as long as the curve; ST_PROTOCOL: it does not.
static st p15key_agree(struct card *card, const struct object *object, bytes point,
                       struct scratch scratch, struct buf *out)
{
    struct buf data = scratch_buf(&scratch, point.n + 16);
    struct buf rsp = scratch_buf(&scratch, 300);
    bytes secret, inner;
    SCARD11_ASSERT(object->key && object->key->curve);
    size_t size = object->key->curve->size;
    tlv_put_header(&data, P15KEY_TEMPLATE, tlv_size(P15KEY_POINT, point.n));
    tlv_put(&data, P15KEY_POINT, point);
    struct apdu cmd = { .ins = P15KEY_INS_AGREE, .data = buf_bytes(&data), .le = APDU_LE_SHORT,
                        .secret_out = true };
    TRY(link_exchange(&card->link, &cmd, &rsp));
    secret = buf_bytes(&rsp);
    if (secret.n != size && !tlv_open(secret, P15KEY_TEMPLATE, &inner))
        tlv_find(inner, P15KEY_SECRET, &secret);
    buf_put(out, secret);
    return secret.n == size ? ST_OK : ST_PROTOCOL;
}

// What a card opened and took the padding off gets it again, in a block of k bytes: >>op unpads for
// all cards. More than such a block can have held is the card's mistake, not the caller's.
static st p15key_pad_again(bytes plain, size_t k, struct buf *out)
{
    st s = padding_pkcs1_seal(plain, k, out);
    return s == ST_DATA_LEN ? ST_PROTOCOL : s;
}

// What the answer to a use of a key means. 6884: no chains, and extended length is not to be had.
static st p15key_status(st s)
{
    switch (s) {
    case SW_SECURITY_STATUS: return ST_NOT_LOGGED_IN;
    case SW_NO_CHAINING:     return ST_NOT_SUPPORTED;
    case SW_WRONG_DATA: case SW_NO_FUNCTION: case SW_INCORRECT_P1P2: case SW_DATA_NOT_FOUND:
    case SW_FILE_NOT_FOUND: case SW_WRONG_LENGTH: case SW_DATA_UNUSABLE:
        return ST_FAILED;
    default: return s;
    }
}

/* ================================================================================================
 * MARK: - >>p15made
 * Directory files that a card has not, made here: its driver knows what they would say.
 *
 * Owns    entries of PINs, keys, certificates and data in the syntax of PKCS#15
 * Uses    >>tlv >>alg >>card >>p15 >>p15dir
 * Names   p15made_
 * Specs   ISO/IEC 7816-15
 * Tests   tests/unit/p15made.c
 * ==============================================================================================*/

#define P15MADE_PART 64             // bytes of one part of an entry

// The parts of an entry that is being made.
struct p15made {
    u8 room[3][P15MADE_PART];
    struct buf common, class, type;
};

static void p15made_path(struct buf *out, bytes file)
{
    tlv_put_header(out, TLV_SEQUENCE, tlv_size(TLV_OCTETS, file.n));
    tlv_put(out, TLV_OCTETS, file);
}

// Begins an entry: label, flags (private or not), authId (0: none), userConsent.
static void p15made_begin(struct p15made *made, const char *label, u8 auth_id, bool consent)
{
    made->common = buf_on(made->room[0], P15MADE_PART);
    made->class = buf_on(made->room[1], P15MADE_PART);
    made->type = buf_on(made->room[2], P15MADE_PART);
    tlv_put(&made->common, TLV_UTF8, bytes_text(label));
    if (!auth_id) return;
    tlv_put(&made->common, TLV_BITS, BYTES(0x07, 0x80));
    tlv_put(&made->common, TLV_OCTETS, BYTES(auth_id));
    if (consent) tlv_put(&made->common, TLV_INTEGER, BYTES(1));
}

// Puts the entry, whose parts are all there.
static void p15made_end(struct p15made *made, struct buf *out, u8 tag)
{
    bytes common = buf_bytes(&made->common), class = buf_bytes(&made->class);
    bytes type = buf_bytes(&made->type);
    size_t inside = tlv_size(TLV_SEQUENCE, type.n);
    SCARD11_ASSERT(!made->common.full && !made->class.full && !made->type.full);
    tlv_put_header(out, tag, tlv_size(TLV_SEQUENCE, common.n) + tlv_size(TLV_SEQUENCE, class.n) +
                             tlv_size(TLV_CONSTRUCTED(1), inside));
    tlv_put(out, TLV_SEQUENCE, common);
    tlv_put(out, TLV_SEQUENCE, class);
    tlv_put_header(out, TLV_CONSTRUCTED(1), inside);
    tlv_put(out, TLV_SEQUENCE, type);
}

// A PIN of digits, up to 12 of them and filled to as many; a reference above 7F is written as it
// is: negative.
static void p15made_pin(struct buf *out, const char *label, u8 id, u8 min, u8 reference, u8 filler)
{
    struct p15made made = { .common = { .full = false } };
    p15made_begin(&made, label, 0, false);
    tlv_put(&made.class, TLV_OCTETS, BYTES(id));
    tlv_put(&made.type, TLV_BITS, BYTES(0x02, 0x0c));           // initialized, needs padding
    tlv_put(&made.type, TLV_ENUMERATED, BYTES(CARD_PIN_ASCII));
    tlv_put(&made.type, TLV_INTEGER, BYTES(min));
    tlv_put(&made.type, TLV_INTEGER, BYTES(12));
    tlv_put(&made.type, TLV_INTEGER, BYTES(12));
    tlv_put(&made.type, TLV_PRIMITIVE(0), BYTES(reference));
    tlv_put(&made.type, TLV_OCTETS, BYTES(filler));
    p15made_end(&made, out, TLV_SEQUENCE);
}

// What a key that was made is for, as a BIT STRING: sign; or sign and derive; or qualified
// signatures.
static bytes p15made_usage(bool rsa, bool qualified)
{
    static const u8 sign[] = { 0x05, 0x20 }, sign_derive[] = { 0x07, 0x20, 0x80 },
                    non_repudiation[] = { 0x06, 0x00, 0x40 };
    if (qualified) return bytes_of(non_repudiation, sizeof non_repudiation);
    return rsa ? bytes_of(sign, sizeof sign) : bytes_of(sign_derive, sizeof sign_derive);
}

// A private key of the PIN with the same id, RSA or P-384, in a DF; one for qualified signatures
// wants its PIN each time.
static void p15made_key(struct buf *out, const char *label, bool rsa, bool qualified, u8 id,
                        u8 reference, bytes df)
{
    struct p15made made = { .common = { .full = false } };
    p15made_begin(&made, label, id, qualified);
    tlv_put(&made.class, TLV_OCTETS, BYTES(id));
    tlv_put(&made.class, TLV_BITS, p15made_usage(rsa, qualified));
    tlv_put(&made.class, TLV_INTEGER, BYTES(reference));
    p15made_path(&made.type, df);
    if (!rsa) tlv_put(&made.type, TLV_SEQUENCE, alg_curve_oid(alg_curve_named("P-384")));
    p15made_end(&made, out, rsa ? TLV_SEQUENCE : (u8)TLV_CONSTRUCTED(0));
}

// A certificate in a file; id is its CKA_ID.
static void p15made_certificate(struct buf *out, const char *label, u8 id, bytes file)
{
    struct p15made made = { .common = { .full = false } };
    p15made_begin(&made, label, 0, false);
    tlv_put(&made.class, TLV_OCTETS, BYTES(id));
    p15made_path(&made.type, file);
    p15made_end(&made, out, TLV_SEQUENCE);
}

// A data object in a file.
static void p15made_data(struct buf *out, const char *label, const char *application, bytes file)
{
    struct p15made made = { .common = { .full = false } };
    p15made_begin(&made, label, 0, false);
    tlv_put(&made.class, TLV_UTF8, bytes_text(application));
    p15made_path(&made.type, file);
    p15made_end(&made, out, TLV_SEQUENCE);
}

// Personal data as Estonian cards have it, in files 5001 on of a DF.
static void p15made_personal(struct buf *out, const char *application, u16 df)
{
    static const char *const labels[] = { "Surname", "First name", "Sex", "Citizenship",
        "Date and place of birth", "Personal identification code", "Document number",
        "Expiry date", "Date and place of issuance", "Type of residence permit", "Notes 1",
        "Notes 2", "Notes 3", "Notes 4", "Notes 5" };
    for (u8 i = 0; i < COUNT(labels); i++)
        p15made_data(out, labels[i], application,
                     BYTES(0x3f, 0x00, (u8)(df >> 8), (u8)df, 0x50, (u8)(i + 1)));
}

// A directory file with what was put, beside those of the ODF. ST_ARENA_FULL: also where it did not
// fit into b.
static st p15made_add(struct card *card, struct p15 *p15, enum p15_kind kind, const struct buf *b)
{
    SCARD11_ASSERT(kind < P15_KINDS);
    if (b->full) return ST_ARENA_FULL;
    struct p15_file *file = p15dir_add_file(card, p15, TLV_CONSTRUCTED((u32)kind));
    if (!file) return ST_ARENA_FULL;
    file->value.direct = arena_copy(&card->arena, buf_bytes(b));
    return file->value.direct.p ? ST_OK : ST_ARENA_FULL;
}

/* ================================================================================================
 * MARK: - >>piv
 * What a PIV card is, and what it says of itself.
 *
 * Owns    the key references, data objects and models of PIV; struct piv; reading a data object for
 *         certain; recognising and naming the card, its PINs, metadata, its key history
 * Uses    >>tlv >>alg >>apdu >>link >>iso >>card >>place >>secret
 * Names   piv_
 * Specs   NIST SP 800-73-5 parts 1 and 2, SP 800-78-5; Yubico's PIV extensions (F7, F8, F9)
 * Tests   tests/unit/piv.c
 *
 * A PIV card is one application. It has data objects, each under a tag of its own, and keys, each
 * under a key reference. There is no directory: the standard says what may be there, and each is
 * asked for. The driver's table and what it does with keys are in >>pivkey.
 * ==============================================================================================*/

#if SCARD11_PIV

// The application's AID without its version: right-truncated, as SP 800-73 part 1, 2.2 allows it.
#define PIV_AID           BYTES(0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00)
#define PIV_PIN           0x80
#define PIV_GLOBAL_PIN    0x00
#define PIV_PUK           0x81
#define PIV_FILE          0x3fff        // P1 and P2 of GET DATA: the application itself
#define PIV_MARK_SMALL    240           // bytes of a data object that any card gives in one answer
#define PIV_INS_METADATA  0xf7
#define PIV_INS_SERIAL    0xf8
#define PIV_INS_ATTEST    0xf9

// Data objects by their tags; those of certificates are in the table of key references.
#define PIV_DISCOVERY     0x7e
#define PIV_CHUID         0x5fc102
#define PIV_HISTORY       0x5fc10c

// Tags: what a data object comes in, and what is in some of them.
#define PIV_TAG_DATA      0x53
#define PIV_TAG_DISCOVERY 0x7e
#define PIV_TAG_POLICY    0x5f2f        // discovery object: which PINs there are
#define PIV_TAG_FASCN     0x30          // CHUID
#define PIV_TAG_GUID      0x34
#define PIV_TAG_ON_CARD   0xc1          // key history: keys whose certificates are on the card
#define PIV_TAG_OFF_CARD  0xc2          // key history: keys whose certificates are elsewhere
#define PIV_TAG_ALGORITHM 0x01          // metadata
#define PIV_TAG_KEY_POLICY 0x02
#define PIV_TAG_PUBLIC    0x04

// A key reference, the data object of its certificate, and what PKCS#11 sees of the key (SP 800-73
// part 1, table 4). CKA_ID is index + 1.
struct piv_reference {
    u8 number, index;
    u32 certificate;
    const char *name;                   // NULL: of a retired key, see pivkey_label
    u32 use;                            // 0: no key of it is shown
};

// The indexes: four keys that every card may have, the retired ones (82 to 95), and F9.
#define PIV_9C            1
#define PIV_9E            3
#define PIV_FIRST_RETIRED 4
#define PIV_RETIRED       0x82
#define PIV_RETIRED_COUNT 20
#define PIV_ATTESTATION   24
#define PIV_KEYS          25

static const struct piv_reference piv_references[PIV_FIRST_RETIRED] = {
    { 0x9a, 0, 0x5fc105, "PIV Authentication",  CARD_SIGN },
    { 0x9c, 1, 0x5fc10a, "Digital Signature",   CARD_SIGN },
    { 0x9d, 2, 0x5fc10b, "Key Management",      CARD_DECRYPT | CARD_DERIVE },
    { 0x9e, 3, 0x5fc101, "Card Authentication", CARD_SIGN },
};

// What a model does that SP 800-73 does not say.
enum piv_quirk {
    // QUIRK(YubiKey): it has Yubico's instructions: metadata of keys (F7, from 5.3 on), serial
    // number (F8).
    PIV_YUBICO  = 1,
    // QUIRK(YubiKey): F9 makes a certificate of a key that it generated (from 4.3 on).
    PIV_ATTESTS = 2,
    // QUIRK(YubiKey): it has no global PIN: the discovery object says nothing new.
    PIV_ONE_PIN = 4,
    // QUIRK(YubiKey NEO, YubiKey 4 before 4.3.2): an empty VERIFY never says that the PIN is
    // verified.
    PIV_HIDES_LOGIN = 8,
};

// The models, by what their ATR has in it. Nothing else tells what a card is before it is asked: a
// card without CHUID needs SELECT, discovery, CHUID and the PIN's state, all four, and to ask any
// card for F7, F8 or FD would be a fifth command. Later is too late for a serial number.
static const struct piv_model {
    const char *atr;
    u32 quirks;                         // enum piv_quirk
} piv_models[] = {
    { "Yubik", PIV_YUBICO | PIV_ATTESTS | PIV_ONE_PIN | PIV_HIDES_LOGIN },  // NEO, 4
    { "Yubi", PIV_YUBICO | PIV_ATTESTS | PIV_ONE_PIN },     // Yubico's "PIV extensions"
};

// QUIRK(YubiKey NEO): it tells the tries left as 630X: see iso_pin_status.
// QUIRK(YubiKey 5.7): it answers 6985 to a new PIN that is too simple: see secret_told_set.
static const struct credential piv_pin = {
    .role = ROLE_USER, .reference = PIV_PIN, .coding = CARD_PIN_ASCII, .min = 6, .max = 8,
    .fill_to = 8, .filler = 0xff, .tries = -1, .ask = true, .logout_by = LOGOUT_VERIFY_FF
};
// The PUK has the form of the PIN (SP 800-73-4 part 2, 3.2.3).
static const struct credential piv_puk = {
    .role = ROLE_PUK, .reference = PIV_PUK, .coding = CARD_PIN_ASCII, .min = 6, .max = 8,
    .fill_to = 8, .filler = 0xff, .tries = -1
};

// Does the card answer to F7?
enum piv_known { PIV_NO = -1, PIV_UNKNOWN, PIV_LIKELY, PIV_YES };

// What is known of one card. The members from listed on are of >>pivkey.
struct piv {
    enum piv_known metadata;
    u32  quirks;                        // enum piv_quirk
    bool chuid_read;                    // it was read, or is not there
    bool no_chuid;
    bool history_read;                  // the key history was, or another way was found
    bool discovery_later;               // the discovery object is read when a login is near
    bytes chuid;
    u32  retired;                       // bit n: key 82 + n is there, as the key history or F7 says
    struct landmark mark, identity;     // an object that is there; one that no other card has
    bool listed[PIV_KEYS];              // by index: its objects are in the card's table, if any
    bool data_listed;
    u32  hidden;                        // bit index: the key wants the PIN, as F7 said before a
                                        // login
    bool free_key;                      // a key was found that needs no PIN
};

// The key reference of an index.
static struct piv_reference piv_reference_at(u32 i)
{
    SCARD11_ASSERT(i < PIV_KEYS);
    if (i < PIV_FIRST_RETIRED) return piv_references[i];
    if (i == PIV_ATTESTATION)
        return (struct piv_reference){ 0xf9, PIV_ATTESTATION, 0x5fff01, "PIV Attestation", 0 };
    u32 n = i - PIV_FIRST_RETIRED;
    return (struct piv_reference){ (u8)(PIV_RETIRED + n), (u8)i, 0x5fc10d + n, NULL,
                                   CARD_SIGN | CARD_DECRYPT | CARD_DERIVE };
}

// ---- Selecting, and what shows that it was ----

static st piv_select(struct card *card, struct token *token, const struct place *place)
{
    (void)token; (void)place;               // there is one place
    return iso_select_aid(&card->link, ISO_FCI, PIV_AID, NULL);
}

// One data object with its outer tag, or enough of it. Only ST_OK and ST_NOT_FOUND are answers of a
// PIV application.
static st piv_get_raw(struct card *card, u32 object, bool (*enough)(bytes), struct buf *out)
{
    u8 tag[5];
    struct buf list = buf_on(tag, sizeof tag);
    bytes name = bytes_trim(BYTES((u8)(object >> 16), (u8)(object >> 8), (u8)object));
    tlv_put(&list, 0x5c, name);
    return iso_get_data(&card->link, PIV_FILE, buf_bytes(&list), enough, out);
}

// The tag that a data object comes in.
static u32 piv_tag_of(u32 object)
{
    return object == PIV_DISCOVERY ? PIV_TAG_DISCOVERY : PIV_TAG_DATA;
}

// A data object of PIV is a landmark: no other application has one. ST_NOT_FOUND: it is not there.
static st piv_landmark(struct card *card, struct token *token, u32 ref, struct scratch *scratch,
                       bytes *value)
{
    const struct piv *piv = token->state;
    struct buf out = scratch_rest(scratch);
    if (ref == PIV_CHUID && piv->no_chuid) return ST_NOT_FOUND;
    TRY(piv_get_raw(card, ref, NULL, &out));
    return tlv_open(scratch_keep(scratch, &out), piv_tag_of(ref), value) ? ST_NOT_FOUND : ST_OK;
}

// Notes a data object that is there; the first is the landmark.
static st piv_note(struct piv *piv, u32 object, bytes value)
{
    if (!piv->mark.known) piv->mark.small = value.n <= PIV_MARK_SMALL;
    return place_note(&piv->mark, object, value);
}

// Notes a data object that is there, and that no other card has.
static st piv_note_unique(struct piv *piv, u32 object, bytes value)
{
    TRY(piv_note(piv, object, value));
    return place_note(&piv->identity, object, value);
}

// The application is the selected one after this, and maybe was before. ours: it was, as that shows
// without a SELECT. Then the answer that came before it in this transaction was the application's.
static st piv_vouch(struct card *card, struct token *token, struct scratch scratch, bool *ours)
{
    u32 selects = card->link.selects;
    st s = place_be_sure(card, token, scratch);
    *ours = card->link.selects == selects;
    return s;
}

// Was the last answer ended before its end?
static bool piv_is_part(const struct card *card)
{
    return card->link.sw >> 8 == SW1_MORE;
}

// One attempt to get the content of a data object, or enough of it. An answer in the right tag can
// only be the application's, and then nobody can select another one before our transaction ends.
static st piv_get_once(struct card *card, struct token *token, u32 object, bool (*enough)(bytes),
                       struct scratch *scratch, bytes *value)
{
    struct scratch kept = *scratch;
    struct buf out = scratch_rest(&kept);
    TRY(piv_get_raw(card, object, enough, &out));
    if (!out.n) return ST_NOT_FOUND;
    TRY(tlv_open_some(buf_bytes(&out), piv_is_part(card), piv_tag_of(object), value));
    scratch_keep(&kept, &out);
    *scratch = kept;
    place_seen(card, token);
    return ST_OK;
}

// The content of a data object, or enough of it, in scratch. Read on trust first, and once more
// where that did not come from the application for certain. ST_NOT_FOUND: the card has none.
static st piv_get_part(struct card *card, struct token *token, u32 object, bool (*enough)(bytes),
                       struct scratch *scratch, bytes *value)
{
    bool ours;
    st s = piv_get_once(card, token, object, enough, scratch, value);
    if (!s || card->sure || link_is_broken(s)) return s;
    TRY(piv_vouch(card, token, *scratch, &ours));
    if (ours && (s == ST_NOT_FOUND || s == ST_NOT_LOGGED_IN)) return s;
    return piv_get_once(card, token, object, enough, scratch, value);
}

static st piv_get(struct card *card, struct token *token, u32 object, struct scratch *scratch,
                  bytes *value)
{
    return piv_get_part(card, token, object, NULL, scratch, value);
}

// ---- Its name, and which PIN is asked for ----

// The number of a card in its CHUID: the GUID, else the FASC-N (SP 800-73 part 1, 3.1.2).
static bytes piv_chuid_number(bytes chuid)
{
    bytes guid, fascn = BYTES_NONE;
    if (tlv_find(chuid, PIV_TAG_GUID, &guid) && guid.n == 16 && bytes_trim(guid).n) return guid;
    tlv_find(chuid, PIV_TAG_FASCN, &fascn);
    return fascn;
}

// Is the global PIN the one to ask for? SP 800-73 part 1, 3.3.2, first byte: 40 there is the
// application's PIN, 20 there is the global one; second byte 20: the global one is the primary.
static bool piv_prefers_global(bytes discovery)
{
    bytes policy;
    if (!tlv_find(discovery, PIV_TAG_POLICY, &policy) || policy.n != 2) return false;
    bool has_application = policy.p[0] & 0x40, has_global = policy.p[0] & 0x20;
    return has_global && (policy.p[1] == 0x20 || !has_application);
}

// Reads the discovery object: which PIN is asked for; and a small landmark, before a login.
static st piv_read_discovery(struct card *card, struct token *token, struct scratch scratch)
{
    struct piv *piv = token->state;
    bytes value;
    st s = piv_get(card, token, PIV_DISCOVERY, &scratch, &value);
    if (link_is_broken(s)) return s;
    piv->discovery_later = false;
    if (s) return ST_OK;
    if (piv_prefers_global(value)) card_turn_to(card_pin(token), PIV_GLOBAL_PIN);
    if (value.n && !piv->mark.small) piv->mark.known = false;   // a signed CHUID is a costly one
    return piv_note(piv, PIV_DISCOVERY, value);
}

// Sends an instruction of Yubico's without data, to the application for certain.
static st piv_ask(struct card *card, struct token *token, u8 ins, u8 p1, u8 p2,
                  struct scratch *scratch, bytes *value)
{
    struct apdu cmd = { .ins = ins, .p1 = p1, .p2 = p2,
                        .le = ins == PIV_INS_SERIAL ? APDU_LE_SHORT : APDU_LE_ALL };
    TRY(place_be_sure(card, token, *scratch));
    struct buf out = scratch_rest(scratch);
    st s = link_exchange(&card->link, &cmd, &out);
    *value = scratch_keep(scratch, &out);
    return s;
}

// YubiKey's serial number (F8), four bytes: the decimal digits that are printed on it, two to a
// byte, as its OpenPGP application has them; nothing where the card does not say.
static st piv_read_serial(struct card *card, struct token *token, struct scratch *scratch,
                          bytes *value)
{
    struct buf digits = scratch_buf(scratch, 5);
    st s = piv_ask(card, token, PIV_INS_SERIAL, 0, 0, scratch, value);
    u64 number = bytes_number(bytes_head(*value, 4));
    bool told = !s && value->n >= 4;
    for (u64 unit = 100000000; told && unit; unit /= 100)
        buf_put8(&digits, (u32)(number / unit / 10 % 10 << 4 | number / unit % 10));
    *value = bytes_from(buf_bytes(&digits), digits.n && !*digits.p);
    return link_is_broken(s) ? s : ST_OK;
}

// What is recognised by the CHUID is so by something else where there is none.
static void piv_without_chuid(struct piv *piv)
{
    piv->no_chuid = true;
    piv->identity.ref = piv_references[0].certificate;
    if (!piv->mark.known && piv->quirks & PIV_ONE_PIN) piv->mark.ref = PIV_DISCOVERY;
}

// Reads the CHUID, and names the token by it; a YubiKey without one by its serial number. The CHUID
// is kept: it is a data object, too.
static st piv_read_chuid(struct card *card, struct token *token, struct scratch scratch)
{
    struct piv *piv = token->state;
    bytes value = BYTES_NONE;
    if (piv->chuid_read) return ST_OK;
    st s = piv_get(card, token, PIV_CHUID, &scratch, &value);
    if (link_is_broken(s)) return s;
    if (!s) {
        TRY(piv_note_unique(piv, PIV_CHUID, value));
        piv->chuid = arena_copy(&card->arena, value);
        if (value.n && !piv->chuid.p) return ST_ARENA_FULL;
        value = piv_chuid_number(value);
    } else {
        piv_without_chuid(piv);
        if (piv->quirks & PIV_YUBICO) TRY(piv_read_serial(card, token, &scratch, &value));
    }
    card_name(token, "PIV", value);
    piv->chuid_read = true;
    return ST_OK;
}

// ---- Finding out ----

static u32 piv_quirks_of(bytes atr)
{
    for (size_t i = 0; i < COUNT(piv_models); i++)
        if (bytes_contain(atr, piv_models[i].atr)) return piv_models[i].quirks;
    return 0;
}

// A token with what every PIV card has, before the card is asked for anything.
static st piv_begin(struct card *card, struct token *token)
{
    struct piv *piv = token->state = ARENA_NEW(&card->arena, struct piv, 1);
    if (!piv) return ST_ARENA_FULL;
    piv->mark.ref = piv->identity.ref = PIV_CHUID;
    piv->identity.unique = true;
    piv->quirks = piv_quirks_of(bytes_of(card->link.atr, card->link.atr_len));
    if (piv->quirks & PIV_YUBICO) piv->metadata = PIV_LIKELY;
    token->landmark = &piv->mark;
    token->identity = &piv->identity;
    token->flat = true;
    card_set_credential(token, &piv_pin);
    card_set_credential(token, &piv_puk);
    card_pin(token)->hidden = piv->quirks & PIV_HIDES_LOGIN;
    strcpy(token->maker, "PIV");
    token->key_types = CARD_TYPE(ALG_RSA) | CARD_TYPE(ALG_EC);
    return ST_OK;
}

// Is the application selected already? Another program may be logged in to it, and on most cards a
// SELECT would end that: an object that only PIV has is asked for first.
static st piv_selected(struct card *card, struct token *token, struct scratch scratch)
{
    const u32 objects[] = { PIV_DISCOVERY, PIV_CHUID, piv_references[0].certificate };
    TRY(piv_begin(card, token));
    TRY(link_ready(&card->link));
    for (size_t i = 0; i < COUNT(objects); i++) {
        struct scratch each = scratch;
        bytes value;
        st s = piv_landmark(card, token, objects[i], &each, &value);
        if (link_is_broken(s)) return s;
        card->tried.no_get_data = s == SW_NO_INS;
        if (card->tried.no_get_data) break;
        if (s) continue;
        place_seen(card, token);
        if (objects[i] == PIV_DISCOVERY) return ST_OK;      // many cards have the same
        return piv_note_unique(token->state, objects[i], value);
    }
    return ST_NOT_FOUND;
}

// Before a secret is sent: which PIN is meant. Who answers that is the application, so this costs
// no more than the SELECT that else would have to come here.
static st piv_learn(struct card *card, struct token *token, struct scratch scratch)
{
    const struct piv *piv = token->state;
    return piv->discovery_later ? piv_read_discovery(card, token, scratch) : ST_OK;
}

// The tries left. Until a login is near they are those of the application's PIN, which all cards
// have; not where they say that something is wrong.
static st piv_read_tries(struct card *card, struct token *token, struct scratch scratch)
{
    const struct credential *pin = card_pin(token);
    TRY(secret_read_tries(card, token, scratch));
    if (!pin->missing && (pin->tries < 0 || pin->tries > 1)) return ST_OK;
    TRY(piv_learn(card, token, scratch));
    return secret_read_tries(card, token, scratch);
}

// Is it a PIV card? Also reads what C_GetTokenInfo needs, in the same transaction: who answers is
// certain now, and would have to be made so again. And so the first command of extended length is
// sent while nothing has been handed out yet that a reader's failure would cost. The discovery
// object is left for the login where the CHUID is landmark enough.
static st piv_probe(struct card *card, struct token *token, struct scratch scratch)
{
    if (!token->state) TRY(piv_begin(card, token));
    struct piv *piv = token->state;
    st s = card->sure ? ST_OK : place_select(card, token);
    if (s == ST_LOST) return ST_NOT_MINE;
    if (s) return s;
    TRY(piv_read_chuid(card, token, scratch));
    if (!piv->mark.known && place_is_elsewhere(card)) return ST_NOT_MINE;
    piv->discovery_later = !(piv->quirks & PIV_ONE_PIN);
    if (!piv->mark.small || card->shared) TRY(piv_learn(card, token, scratch));
    return piv_read_tries(card, token, scratch);
}

// ---- Metadata of a key ----

// Algorithms, as metadata and GENERAL AUTHENTICATE have them (SP 800-78, table 9; Yubico).
static const struct alg_number piv_algorithms[] = {
    { 0x06, 1024, NULL }, { 0x07, 2048, NULL }, { 0x05, 3072, NULL }, { 0x16, 4096, NULL },
    { 0x11, 256, "P-256" }, { 0x14, 384, "P-384" }, { 0xe0, 255, "Ed25519" },
    { 0xe1, 255, "X25519" },
};

// The public key that metadata tells of, still in the answer. ST_NOT_FOUND: of no algorithm that is
// known here.
static st piv_metadata_key(u8 number, bytes public_key, struct alg_key *key)
{
    for (size_t i = 0; i < COUNT(piv_algorithms); i++) {
        const struct alg_number *of = &piv_algorithms[i];
        if (of->number != number) continue;
        const struct alg_curve *curve = of->curve ? alg_curve_named(of->curve) : NULL;
        *key = (struct alg_key){ .type = curve ? curve->type : ALG_RSA, .curve = curve };
        TRY(alg_take_public(public_key, key));
        if (!curve) TRY(alg_check_rsa(key));
        if (curve) key->bits = curve->bits;
        bool good = curve ? alg_point_good(curve, key->point) : key->bits == of->bits;
        return good ? ST_OK : ST_PROTOCOL;
    }
    return ST_NOT_FOUND;
}

static bool piv_may_have_metadata(const struct piv *piv)
{
    return piv->metadata >= PIV_LIKELY;
}

// The private key on the card that stands there among the objects, or NULL.
static struct object *piv_private_key_at(const struct card *card, const struct token *token, u32 i)
{
    struct object *object = card_object_at(card, i);
    bool is = object->handle && object->token == token && object->class == CKO_PRIVATE_KEY &&
              !object->owner;
    return is ? object : NULL;
}

// The card has metadata: the policy of each key that is listed can be asked for.
static void piv_has_metadata(struct card *card, struct token *token)
{
    struct piv *piv = token->state;
    if (piv->metadata == PIV_YES) return;
    piv->metadata = PIV_YES;
    for (u32 i = 0; i < card->object_count; i++) {
        struct object *object = piv_private_key_at(card, token, i);
        if (object) object->unread = true;
    }
}

// YubiKey's metadata of a key (F7): algorithm, PIN policy, public key. ST_NOT_FOUND: no such key,
// or no such command.
static st piv_get_metadata(struct card *card, struct token *token, u8 number,
                           struct scratch *scratch, bytes *value)
{
    struct piv *piv = token->state;
    if (piv->metadata == PIV_NO) return ST_NOT_FOUND;
    st s = piv_ask(card, token, PIV_INS_METADATA, 0, number, scratch, value);
    if (link_is_broken(s) || !card->sure) return s;
    if (!s) piv_has_metadata(card, token);
    if (s == SW_NO_INS || s == SW_NO_CLA) piv->metadata = PIV_NO;
    return s ? ST_NOT_FOUND : ST_OK;
}

// ---- Which retired keys there are ----

// Where no key history says so, each is asked for by its metadata, on a card that has that. Else a
// search must name one.
static st piv_find_retired(struct card *card, struct token *token, struct scratch scratch)
{
    struct piv *piv = token->state;
    for (u32 i = 0; i < PIV_RETIRED_COUNT; i++) {
        struct scratch each = scratch;
        bytes value;
        st s = piv_get_metadata(card, token, (u8)(PIV_RETIRED + i), &each, &value);
        if (s && s != ST_NOT_FOUND) return s;
        if (piv->metadata == PIV_NO) break;
        if (link_is_error(st_of_sw(card->link.sw))) return ST_OK;     // the next search asks again
        if (!s) piv->retired |= 1u << i;
    }
    piv->history_read = true;
    return ST_OK;
}

// The number in a tag of the key history, at most so much; 0 where it does not say.
static u32 piv_history_number(bytes history, u32 tag, u32 most)
{
    bytes value;
    if (!tlv_find(history, tag, &value) || value.n != 1) return 0;
    return *value.p < most ? *value.p : most;
}

// Reads the key history (SP 800-73 part 1, 3.3.3): so many keys with certificates on the card, from
// 82 up; so many with certificates elsewhere, from 95 down.
static st piv_read_history(struct card *card, struct token *token, struct scratch scratch)
{
    struct piv *piv = token->state;
    bytes value, on_card;
    if (piv->history_read) return ST_OK;
    st s = piv_get(card, token, PIV_HISTORY, &scratch, &value);
    if (link_is_broken(s)) return s;
    if (s > ST_COUNT) return ST_OK;             // an error of the card: the next search asks again
    if (s || !tlv_find(value, PIV_TAG_ON_CARD, &on_card) || on_card.n != 1)
        return piv_find_retired(card, token, scratch);
    piv->history_read = true;
    u32 low = piv_history_number(value, PIV_TAG_ON_CARD, PIV_RETIRED_COUNT);
    u32 high = piv_history_number(value, PIV_TAG_OFF_CARD, PIV_RETIRED_COUNT - low);
    piv->retired = ((1u << low) - 1) | (((1u << high) - 1) << (PIV_RETIRED_COUNT - high));
    return ST_OK;
}
#endif

/* ================================================================================================
 * MARK: - >>pivkey
 * Driver: PIV cards, their keys, certificates and data objects as PKCS#11 has them.
 *
 * Owns    driver_piv; what is listed and when; what a key is for and when it wants the PIN; GENERAL
 *         AUTHENTICATE
 * Uses    >>tlv >>x509 >>zlib >>alg >>padding >>apdu >>link >>iso >>card >>place >>trial >>piv
 * Names   pivkey_
 * Specs   NIST SP 800-73-5 parts 1 and 2, SP 800-78-5; Yubico's PIV extensions (F7, F9)
 * Tests   tests/unit/pivkey.c
 * ==============================================================================================*/

#if SCARD11_PIV

// The dynamic authentication template of GENERAL AUTHENTICATE, SP 800-73 part 2, 3.2.4.
#define PIVKEY_TAG_AUTH      0x7c
#define PIVKEY_TAG_CHALLENGE 0x81       // what is signed or decrypted
#define PIVKEY_TAG_RESPONSE  0x82
#define PIVKEY_TAG_PEER      0x85       // the other side's point
#define PIVKEY_ANSWER_MAX    1024

// A certificate's data object: SP 800-73 part 1, 3.1.3 ff.
#define PIVKEY_TAG_CERTIFICATE 0x70
#define PIVKEY_TAG_INFO      0x71       // CertInfo
#define PIVKEY_INFO_GZIP     0x81       // bits of it; either says that it is compressed

// PIN policies that metadata tells (Yubico). Its touch policies have SCARD11_TOUCH_'s numbers.
#define PIVKEY_NEVER         1
#define PIVKEY_ALWAYS        3
#define PIVKEY_MATCH_ALWAYS  5          // the PIN or a finger, each time

// Data objects that are shown without being read.
struct pivkey_data {
    u32 object;
    const char *name;
    u8 oid[13];                         // DER
    bool private;                       // wants the PIN
};

// An OID of n bytes: the arcs after 2.16.840.1.101.3.7.
#define PIVKEY_OID(n, ...)  { 0x06, n, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x07, __VA_ARGS__ }

static const struct pivkey_data pivkey_data_list[] = {
    { 0x5fc107, "Card Capability Container", PIVKEY_OID(11, 0x01, 0x81, 0x5b, 0x00), false },
    { PIV_CHUID, "Card Holder Unique Identifier", PIVKEY_OID(10, 0x02, 0x30, 0x00), false },
    { 0x5fc106, "Security Object", PIVKEY_OID(11, 0x02, 0x81, 0x10, 0x00), false },
    { 0x5fc109, "Printed Information", PIVKEY_OID(10, 0x02, 0x30, 0x01), true },
    { 0x5fc103, "Cardholder Fingerprints", PIVKEY_OID(10, 0x02, 0x60, 0x10), true },
    { 0x5fc108, "Cardholder Facial Image", PIVKEY_OID(10, 0x02, 0x60, 0x30), true },
};

// Can what was begun not go on? The connection is gone, or the memory.
static bool pivkey_must_end(st s)
{
    return link_is_broken(s) || s == ST_ARENA_FULL;
}

// Did the card answer with an error? It may be in passing: the next search asks again.
static bool pivkey_may_pass(st s)
{
    return s > ST_COUNT;
}

// ---- Certificates ----

// The certificate in a container, unpacked to scratch where it is compressed.
static st pivkey_open_certificate(bytes container, struct scratch *scratch, bytes *der)
{
    bytes info = BYTES_NONE;
    if (!tlv_find(container, PIVKEY_TAG_CERTIFICATE, der) || !der->n) return ST_NOT_FOUND;
    tlv_find(container, PIVKEY_TAG_INFO, &info);
    bool said = info.n && info.p[0] & PIVKEY_INFO_GZIP;
    bool gzip = said || bytes_begin(*der, BYTES(0x1f, 0x8b));
    return gzip ? zlib_inflate(*der, scratch, der) : ST_OK;
}

// Has so much of a certificate come that its key is seen? One that is compressed comes whole.
static bool pivkey_shows_key(bytes answer)
{
    struct x509 x509;
    bytes container, der;
    if (tlv_open_some(answer, true, PIV_TAG_DATA, &container)) return false;
    if (tlv_open_some(container, true, PIVKEY_TAG_CERTIFICATE, &der)) return false;
    return !x509_parse_some(der, true, &x509);
}

// A certificate out of its container, or what there is of it, in the arena.
static st pivkey_keep_certificate(struct card *card, bytes container, bool part,
                                  struct scratch scratch, const struct x509 **out)
{
    struct x509 parsed;
    bytes der;
    if (part) TRY(tlv_open_some(container, true, PIVKEY_TAG_CERTIFICATE, &der));
    else      TRY(pivkey_open_certificate(container, &scratch, &der));
    TRY(x509_parse_some(der, part, &parsed));
    struct x509 *x509 = ARENA_NEW(&card->arena, struct x509, 1);
    bytes kept = arena_copy(&card->arena, part ? der : parsed.whole);
    if (!x509 || !kept.p) return ST_ARENA_FULL;
    *out = x509;
    return x509_parse_some(kept, part, x509);
}

// The certificate of a key, in the arena; ST_NOT_FOUND: none that can be read. part: its key will
// do, where the rest costs more commands.
static st pivkey_read_certificate(struct card *card, struct token *token,
                                  const struct piv_reference *reference, bool part,
                                  struct scratch scratch, const struct x509 **out)
{
    bytes container;
    st s = piv_get_part(card, token, reference->certificate, part ? pivkey_shows_key : NULL,
                        &scratch, &container);
    if (link_is_broken(s) || pivkey_may_pass(s)) return s;
    part = piv_is_part(card);
    if (!s && !part) TRY(piv_note_unique(token->state, reference->certificate, container));
    if (!s) s = pivkey_keep_certificate(card, container, part, scratch, out);
    if (!s || s == ST_NOT_FOUND || s == ST_ARENA_FULL) return s;
    os_log("PIV: the certificate of %02x cannot be used: %s", reference->number, st_text(s));
    return ST_NOT_FOUND;
}

// ---- What a key is for, and when it wants the PIN ----

// Which of the uses that a key could have its certificate allows (RFC 5280, 4.2.1.3).
static u32 pivkey_certificate_use(const struct x509 *x509, u32 use)
{
    u16 bits;
    if (!x509_key_usage(x509, &bits)) return use;
    use = 0;
    if (bits & (X509_DIGITAL_SIGNATURE | X509_NON_REPUDIATION)) use |= CARD_SIGN;
    if (bits & (X509_KEY_ENCIPHERMENT | X509_DATA_ENCIPHERMENT)) use |= CARD_DECRYPT;
    if (bits & X509_KEY_AGREEMENT) use |= CARD_DERIVE;
    return use;
}

// What a key of its type can do.
static u32 pivkey_type_use(const struct alg_key *key)
{
    if (key->type == ALG_RSA) return CARD_SIGN | CARD_DECRYPT;
    if (key->type == ALG_EC) return CARD_SIGN | CARD_DERIVE;
    return key->type == ALG_EDWARDS ? CARD_SIGN : CARD_DERIVE;
}

// QUIRK(PIV cards of agencies): a retired key for nonRepudiation wants the PIN each time, as the
// one in 9C does.
static bool pivkey_wants_consent(const struct x509 *x509, u32 i)
{
    u16 bits;
    return i >= PIV_FIRST_RETIRED && x509_key_usage(x509, &bits) && bits & X509_NON_REPUDIATION;
}

// Does a key want the PIN?
static void pivkey_set_policy(struct object *object, bool never)
{
    object->credential = never ? NULL : card_pin(object->token);
    object->private = !never;
}

// Fills in what metadata tells of a key: PIN policy, and the public key where no certificate did
// (key NULL: it did). ST_NOT_FOUND: the card does not tell.
static st pivkey_read_metadata(struct card *card, struct object *like, struct alg_key *key,
                               struct scratch scratch)
{
    bytes value, part, algorithm = BYTES_NONE;
    TRY(piv_get_metadata(card, like->token, (u8)like->ref, &scratch, &value));
    if (tlv_find(value, PIV_TAG_KEY_POLICY, &part) && part.n >= 1) {
        u8 policy = part.p[0];
        pivkey_set_policy(like, policy == PIVKEY_NEVER);
        like->always_auth = policy == PIVKEY_ALWAYS || policy == PIVKEY_MATCH_ALWAYS;
        if (part.n >= 2 && part.p[1] <= SCARD11_TOUCH_CACHED) like->touch = part.p[1];
    }
    like->unread = false;
    if (!key) return ST_OK;
    tlv_find(value, PIV_TAG_ALGORITHM, &algorithm);
    if (!algorithm.n || !tlv_find(value, PIV_TAG_PUBLIC, &part)) return ST_NOT_FOUND;
    TRY(piv_metadata_key(*algorithm.p, part, key));
    return card_keep_key(card, key, scratch);
}

// The policy of a key, asked for once.
static st pivkey_read_policy(struct card *card, struct object *object, struct scratch scratch)
{
    if (!object->unread) return ST_OK;
    st s = pivkey_read_metadata(card, object, NULL, scratch);
    if (s && s != ST_NOT_FOUND) return s;
    object->unread = false;
    return ST_OK;
}

// The policies of private keys that are listed already, and of which it is not known.
static st pivkey_read_policies(struct card *card, struct token *token, const struct query *query,
                               struct scratch scratch)
{
    for (u32 i = 0; i < card->object_count; i++) {
        struct object *object = piv_private_key_at(card, token, i);
        if (!object || !(query->any_id || bytes_equal(object->id, query->id))) continue;
        TRY(pivkey_read_policy(card, object, scratch));
    }
    return ST_OK;
}

// The public key of a key without certificate and without metadata: the card attests a key that it
// generated.
static st pivkey_read_attested(struct card *card, struct token *token, u8 number,
                               struct alg_key *key, struct scratch scratch)
{
    const struct piv *piv = token->state;
    struct x509 x509;
    bytes der;
    if (!(piv->quirks & PIV_ATTESTS) || piv->metadata != PIV_NO) return ST_NOT_FOUND;
    st s = piv_ask(card, token, PIV_INS_ATTEST, number, 0, &scratch, &der);
    if (link_is_broken(s)) return s;
    if (s || x509_parse(der, &x509)) return ST_NOT_FOUND;
    if (alg_parse_spki(x509.spki, key)) return ST_NOT_FOUND;
    return card_keep_key(card, key, scratch);
}

// ---- One key ----

static bytes pivkey_label(struct card *card, const struct piv_reference *reference)
{
    u8 room[32];
    struct buf label = buf_on(room, sizeof room);
    unsigned n = reference->number - PIV_RETIRED + 1u;
    if (reference->name) return bytes_text(reference->name);
    buf_put_text(&label, "Retired Key Management ");
    if (n >= 10) buf_put8(&label, '0' + n / 10);
    buf_put8(&label, '0' + n % 10);
    return arena_copy(&card->arena, buf_bytes(&label));
}

// What is known of a key before it is looked at.
static struct object pivkey_like(struct token *token, const struct piv_reference *reference)
{
    const struct piv *piv = token->state;
    struct object like = { .token = token, .ref = reference->number };
    pivkey_set_policy(&like, reference->index == PIV_9E);
    like.always_auth = reference->index == PIV_9C;
    like.unread = piv->metadata >= (like.always_auth ? PIV_UNKNOWN : PIV_LIKELY);
    return like;
}

// The key of a certificate, or what the card says of one that has none (x509 NULL), and what it is
// for. ST_NOT_FOUND: no key.
static st pivkey_read_key(struct card *card, const struct piv_reference *reference,
                          const struct x509 *x509, struct object *like, struct alg_key *key,
                          struct scratch scratch)
{
    if (!reference->use) return ST_NOT_FOUND;
    if (x509) {
        if (alg_parse_spki(x509->spki, key)) return ST_NOT_FOUND;
        like->use = pivkey_type_use(key) & pivkey_certificate_use(x509, reference->use);
        if (pivkey_wants_consent(x509, reference->index)) like->always_auth = true;
        return ST_OK;
    }
    st s = pivkey_read_metadata(card, like, key, scratch);
    if (s == ST_NOT_FOUND)
        s = pivkey_read_attested(card, like->token, reference->number, key, scratch);
    if (s) return s;
    like->use = pivkey_type_use(key) & (reference->use | CARD_SIGN);
    return ST_OK;
}

// A key was found: it, and its policy where that will be asked for, which costs least now.
static st pivkey_found(struct card *card, const struct query *query, struct object *like,
                       const struct alg_key *key, struct scratch scratch)
{
    struct token *token = like->token;
    struct piv *piv = token->state;
    bool ask = query->class == CKO_PRIVATE_KEY || query->class == CKO_PROFILE || token->login;
    like->key = key;
    if (ask) TRY(pivkey_read_policy(card, like, scratch));
    token->key_types |= CARD_TYPE(key->type);
    if (!like->credential) piv->free_key = true;
    return ST_OK;
}

// Is a key looked for, and not its certificate? What the first four keys are for is known without;
// retired ones are used as their certificates say. A landmark is made of a whole one.
static bool pivkey_wants_part(const struct piv *piv, const struct query *query, u32 i)
{
    bool key = query->class == CKO_PRIVATE_KEY || query->class == CKO_PUBLIC_KEY;
    return key && !query->any_id && i < PIV_FIRST_RETIRED && piv->mark.known && piv->identity.known;
}

// Looks at one key reference and lists what is there: certificate, public key, private key. After
// an error of the card nothing is listed, and the next search asks again.
static st pivkey_list_key(struct card *card, struct token *token, const struct query *query,
                          const struct piv_reference *reference, struct scratch scratch)
{
    struct piv *piv = token->state;
    const struct x509 *x509 = NULL;
    bool part = pivkey_wants_part(piv, query, reference->index);
    SCARD11_ASSERT(!piv->listed[reference->index]);

    st s = pivkey_read_certificate(card, token, reference, part, scratch, &x509);
    if (pivkey_must_end(s)) return s;
    if (pivkey_may_pass(s)) return ST_OK;
    TRY(card_reserve(card, 3));
    struct alg_key *key = ARENA_NEW(&card->arena, struct alg_key, 1);
    struct object like = pivkey_like(token, reference);
    like.id = arena_copy(&card->arena, BYTES((u8)(reference->index + 1)));
    like.label = pivkey_label(card, reference);
    if (!key || !like.id.p || !like.label.p) return ST_ARENA_FULL;

    s = pivkey_read_key(card, reference, x509, &like, key, scratch);
    if (pivkey_must_end(s)) return s;
    if (!s) TRY(pivkey_found(card, query, &like, key, scratch));
    if (x509 || like.key) card_add_key(card, &like, x509);
    piv->listed[reference->index] = true;
    return ST_OK;
}

// ---- Listing ----

// Lists the data objects, unread but for the CHUID.
static st pivkey_list_data(struct card *card, struct token *token)
{
    struct piv *piv = token->state;
    if (piv->data_listed) return ST_OK;
    TRY(card_reserve(card, COUNT(pivkey_data_list)));
    for (size_t i = 0; i < COUNT(pivkey_data_list); i++) {
        const struct pivkey_data *data = &pivkey_data_list[i];
        struct object *object = card_add(card, token, CKO_DATA, card->epoch);
        if (!object) return ST_ARENA_FULL;
        object->oid = bytes_of(data->oid, 2u + data->oid[1]);
        object->label = object->application = bytes_text(data->name);
        object->ref = data->object;
        object->private = data->private;
        object->credential = data->private ? card_pin(token) : NULL;
        object->unread = data->object != PIV_CHUID || !piv->chuid_read;
        if (!object->unread) object->value = piv->chuid;
    }
    piv->data_listed = true;
    return ST_OK;
}

// Does a search name this key reference, by its CKA_ID?
static bool pivkey_is_named(const struct query *query, u32 i)
{
    return query->id.n == 1 && *query->id.p == i + 1;
}

// Should a search look at this key reference? Retired keys when it is known that they are there, or
// their CKA_ID is asked for; F9 where there is reason to hope.
static bool pivkey_is_wanted(const struct piv *piv, const struct query *query, u32 i)
{
    bool hope = piv->quirks & PIV_ATTESTS || piv->metadata == PIV_YES;
    if (piv->listed[i]) return false;
    if (!query->any_id) return pivkey_is_named(query, i);
    if (i < PIV_FIRST_RETIRED) return true;
    if (i == PIV_ATTESTATION) return hope;
    return piv->retired >> (i - PIV_FIRST_RETIRED) & 1;
}

// Does a key want no PIN at all? Only that one is shown before login. 9E's does not, unless its
// metadata says otherwise.
static st pivkey_needs_no_pin(struct card *card, struct token *token,
                              const struct piv_reference *reference, struct scratch scratch,
                              bool *never)
{
    struct piv *piv = token->state;
    u32 bit = 1u << reference->index;
    *never = reference->index == PIV_9E && !(piv->hidden & bit);
    if (!reference->use || piv->hidden & bit || !piv_may_have_metadata(piv)) return ST_OK;
    struct object like = pivkey_like(token, reference);
    st s = pivkey_read_metadata(card, &like, NULL, scratch);
    if (s && s != ST_NOT_FOUND) return s;
    if (piv->metadata == PIV_NO || link_is_error(st_of_sw(card->link.sw))) return ST_OK;
    *never = !s && !like.credential;
    if (!*never) piv->hidden |= bit;
    return ST_OK;
}

// Lists one key reference, if a search wants it. Before login only private keys that need no PIN
// are found.
static st pivkey_list_one(struct card *card, struct token *token, const struct query *query, u32 i,
                          struct scratch scratch)
{
    const struct piv *piv = token->state;
    bool for_all = query->any_class || query->class == CKO_CERTIFICATE ||
                   query->class == CKO_PUBLIC_KEY;
    bool never = true;
    if (!pivkey_is_wanted(piv, query, i)) return ST_OK;
    struct piv_reference reference = piv_reference_at(i);
    if (!for_all && !query->logged_in)
        TRY(pivkey_needs_no_pin(card, token, &reference, scratch, &never));
    return never ? pivkey_list_key(card, token, query, &reference, scratch) : ST_OK;
}

// Before the retired keys and F9 come: is there need to look at them, and which are there? Only
// metadata tells of a key outside 9E that needs no PIN.
static st pivkey_list_more(struct card *card, struct token *token, const struct query *query,
                           struct scratch scratch, bool *more)
{
    const struct piv *piv = token->state;
    bool profile = query->class == CKO_PROFILE;
    bool metadata = piv_may_have_metadata(piv);
    bool hidden = query->class == CKO_PRIVATE_KEY && !query->logged_in && !metadata;
    bool all_seen = metadata ? profile : piv->listed[PIV_9E];
    token->pin_for_all = all_seen && !piv->free_key;
    *more = !profile && !hidden;                // what is left wants the PIN
    return *more && query->any_id ? piv_read_history(card, token, scratch) : ST_OK;
}

// Is a search for what a key reference can have, or for a profile, which depends on it?
static bool pivkey_is_for_keys(const struct query *query)
{
    if (query->any_class) return true;
    return query->class == CKO_CERTIFICATE || query->class == CKO_PUBLIC_KEY ||
           query->class == CKO_PRIVATE_KEY || query->class == CKO_PROFILE;
}

// Lists what a search can match: after it, each such object that the card has is in its table.
static st pivkey_list(struct card *card, struct token *token, const struct query *query,
                      struct scratch scratch)
{
    bool more = true;
    if (query->any_class || query->class == CKO_DATA) TRY(pivkey_list_data(card, token));
    if (!pivkey_is_for_keys(query)) return ST_OK;
    for (u32 i = 0; i < PIV_KEYS && more; i++) {
        TRY(pivkey_list_one(card, token, query, i, scratch));
        if (i == PIV_9E) TRY(pivkey_list_more(card, token, query, scratch, &more));
    }
    if (query->class != CKO_PRIVATE_KEY || !more) return ST_OK;
    return pivkey_read_policies(card, token, query, scratch);
}

// ---- Reading an object ----

// One of a certificate's objects gets the whole certificate, or none: it can no longer be read.
static void pivkey_set_whole(struct object *object, const struct x509 *x509, u32 use)
{
    object->x509 = x509;
    if (x509 && object->key)
        object->use = pivkey_type_use(object->key) & pivkey_certificate_use(x509, use);
    if (object->class != CKO_CERTIFICATE) return;
    if (x509) object->value = x509->whole;
    object->unread = false;
}

// The whole of a certificate that was read in part; its keys learn from it what they may be used
// for.
static st pivkey_read_whole(struct card *card, const struct object *of, struct scratch scratch)
{
    const struct x509 *part = of->x509, *x509 = NULL;
    SCARD11_ASSERT(of->id.n == 1);
    struct piv_reference reference = piv_reference_at(*of->id.p - 1u);
    st s = pivkey_read_certificate(card, of->token, &reference, false, scratch, &x509);
    if (pivkey_must_end(s) || link_is_error(s)) return s;
    for (u32 n = 0; n < card->object_count; n++) {
        struct object *object = card_object_at(card, n);
        if (object->handle && object->x509 == part) pivkey_set_whole(object, x509, reference.use);
    }
    return ST_OK;
}

// Reads what was left: the value of a data object or certificate; the policy and the use of a key.
static st pivkey_read(struct card *card, struct object *object, struct scratch scratch)
{
    bytes value;
    if (object->class == CKO_PRIVATE_KEY) TRY(pivkey_read_policy(card, object, scratch));
    if (card_has_part(object)) return pivkey_read_whole(card, object, scratch);
    if (object->class != CKO_DATA) return ST_OK;
    st s = piv_get(card, object->token, object->ref, &scratch, &value);
    if (link_is_broken(s) || s == ST_NOT_LOGGED_IN || link_is_error(s)) return s;
    if (s) value = BYTES_NONE;
    object->value = arena_copy(&card->arena, value);
    if (value.n && !object->value.p) return ST_ARENA_FULL;
    object->unread = false;
    return ST_OK;
}

// ---- Using a key ----

// GENERAL AUTHENTICATE: 7C { 82 empty, tag input }, answered by 7C { 82 output }. A status word
// that says anything but yes comes back as it is.
static st pivkey_authenticate(const struct trial *trial, u8 tag, struct scratch *scratch,
                              bytes *answer)
{
    const struct object *object = trial->object;
    const struct alg_key *key = object->key;
    struct buf data = scratch_buf(scratch, trial->in.n + 24);
    struct buf rsp = scratch_buf(scratch, PIVKEY_ANSWER_MAX);
    tlv_put_header(&data, PIVKEY_TAG_AUTH, 2 + tlv_size(tag, trial->in.n));
    tlv_put(&data, PIVKEY_TAG_RESPONSE, BYTES_NONE);
    tlv_put(&data, tag, trial->in);
    if (data.full || !rsp.cap) return ST_HOST_MEMORY;
    bool long_answer = key->type == ALG_RSA && key->bits >= 2048;
    u8 algorithm = alg_number_of(piv_algorithms, COUNT(piv_algorithms), key);
    struct apdu cmd = { .ins = INS_GENERAL_AUTH, .p1 = algorithm, .p2 = (u8)object->ref,
                        .data = buf_bytes(&data),
                        .le = long_answer ? APDU_LE_ALL : APDU_LE_SHORT,
                        .secret_out = trial->secret };
    if (!algorithm) return ST_KEY_SIZE;
    TRY(link_exchange(&trial->card->link, &cmd, &rsp));
    TRY(tlv_open(buf_bytes(&rsp), PIVKEY_TAG_AUTH, answer));
    return tlv_find(*answer, PIVKEY_TAG_RESPONSE, answer) ? ST_OK : ST_PROTOCOL;
}

// What 6982 from GENERAL AUTHENTICATE means, where it is certain who said it: the PIN is not
// verified; or it is, and a touch that the key wants did not come. Then the login stays, and nobody
// is asked for another touch. A second attempt comes after a SELECT: nothing is verified then.
static st pivkey_why_refused(const struct trial *trial, st s)
{
    struct card *card = trial->card;
    const struct object *object = trial->object;
    struct token *token = object->token;
    const struct credential *pin = card_pin(token);
    int tries;
    if (s != SW_SECURITY_STATUS || trial->again) return s;
    st ours = ST_OK;
    if (!card->sure) ours = place_find_landmark(card, token, token->landmark, trial->scratch);
    if (link_is_broken(ours)) return ours;
    if (ours) return s;
    if (!object->credential) return ST_UNTOUCHED;
    if (!pin->ask) return ST_NOT_LOGGED_IN;
    st state = iso_ask_pin(&card->link, pin->reference, &tries);
    if (link_is_broken(state)) return state;
    return state ? ST_NOT_LOGGED_IN : ST_UNTOUCHED;
}

// What the status word of GENERAL AUTHENTICATE means.
static st pivkey_status(st s)
{
    switch (s) {
        case SW_SECURITY_STATUS:
            return ST_NOT_LOGGED_IN;
        case SW_WRONG_DATA: case SW_NO_FUNCTION: case SW_INCORRECT_P1P2: case SW_DATA_NOT_FOUND:
        case SW_FILE_NOT_FOUND:
            return ST_FAILED;
    }
    return s;
}

// One attempt, into the trial's out as PKCS#11 has it: r || s for a signature of EC.
static st pivkey_use_once(const struct trial *trial, u8 tag)
{
    const struct alg_key *key = trial->object->key;
    struct scratch scratch = trial->scratch;
    bytes made;
    TRY(pivkey_authenticate(trial, tag, &scratch, &made));
    if (key->type == ALG_RSA) return card_put_rsa(key, made, trial->out);
    size_t size = key->curve->size;
    if (!trial->secret && key->type == ALG_EC) return padding_ecdsa_to_raw(made, size, trial->out);
    if (made.n != (trial->secret ? size : 2 * size)) return ST_PROTOCOL;
    buf_put(trial->out, made);
    return trial->out->full ? ST_PROTOCOL : ST_OK;
}

// GENERAL AUTHENTICATE names algorithm and key itself. A key that wants the PIN each time was
// verified in this transaction: sure. use NULL: a secret.
// QUIRK(PivApplet): after a chain that failed at its end the next command fails, once, with 6A80.
static st pivkey_use(struct card *card, struct object *object, const struct alg_use *use, u8 tag,
                     bytes in, struct scratch scratch, struct buf *out)
{
    struct trial trial = { .card = card, .object = object, .use = use, .in = in, .out = out,
                           .scratch = scratch, .named = true, .secret = !use };
    SCARD11_ASSERT(object->key && object->token->state);
    while (trial_next(&trial)) trial.s = pivkey_why_refused(&trial, pivkey_use_once(&trial, tag));
    return pivkey_status(trial.s);
}

static st pivkey_sign(struct card *card, struct object *object, const struct alg_use *use, bytes in,
                      struct scratch scratch, struct buf *out)
{
    return pivkey_use(card, object, use, PIVKEY_TAG_CHALLENGE, in, scratch, out);
}

static st pivkey_decrypt(struct card *card, struct object *object, const struct alg_use *use,
                         bytes in, struct scratch scratch, struct buf *out)
{
    (void)use;
    return pivkey_use(card, object, NULL, PIVKEY_TAG_CHALLENGE, in, scratch, out);
}

static st pivkey_derive(struct card *card, struct object *object, bytes peer_point,
                        struct scratch scratch, struct buf *out)
{
    return pivkey_use(card, object, NULL, PIVKEY_TAG_PEER, peer_point, scratch, out);
}

static const struct driver driver_piv = {
    .name    = "PIV",
    .public_certificates = true,    // SP 800-73-4 part 1, 3.5: read always
    .keys_without_pin = true,       // 9E
    .shares_chip = true,            // security keys have OpenPGP, too
    .selected = piv_selected,
    .probe   = piv_probe,
    .open    = piv_read_tries,
    .list    = pivkey_list,
    .read    = pivkey_read,
    .select  = piv_select,
    .landmark = piv_landmark,
    .learn   = piv_learn,
    .sign    = pivkey_sign,
    .decrypt = pivkey_decrypt,
    .derive  = pivkey_derive,
};
#endif

/* ================================================================================================
 * MARK: - >>openpgp
 * What an OpenPGP card is, and what it says of itself.
 *
 * Owns    the data objects, makers and passwords of OpenPGP cards; struct openpgp; recognising and
 *         naming the card; which keys there are; what is made of a PIN before it is sent (KDF-DO)
 * Uses    >>tlv >>x509 >>alg >>apdu >>link >>iso >>card >>place >>pinpad >>secret
 * Names   openpgp_
 * Specs   OpenPGP smart card application 2.0 to 3.4
 * Tests   tests/unit/openpgp.c
 *
 * An OpenPGP card has three keys, each for one job: signatures, decryption, authentication. One
 * data object (6E) tells almost all: who made the card, what it can, which keys there are and of
 * which kind, how many tries are left. What is done with keys is in >>openpgpkey.
 * ==============================================================================================*/

#if SCARD11_OPENPGP

// The application's AID without what follows: version, maker, serial number, two bytes more.
static const u8 openpgp_aid[] = { 0xd2, 0x76, 0x00, 0x01, 0x24, 0x01 };
#define OPENPGP_AID_LEN   16

// One password, PW1, has two references: what is for signatures wants it under its own.
#define OPENPGP_PW1_SIGN  0x81
#define OPENPGP_PW1       0x82
#define OPENPGP_PW3       0x83
#define OPENPGP_PW1_LEAST 6             // characters (4.3.1)
#define OPENPGP_PW3_LEAST 8             // and of the resetting code
#define OPENPGP_INS_GET_DATA 0xca

// Data objects. Those of a key are three, one after the other.
#define OPENPGP_DO_AID          0x4f
#define OPENPGP_DO_HOLDER       0x65
#define OPENPGP_DO_APPLICATION  0x6e
#define OPENPGP_DO_MORE         0x73    // in 6E: the ones from here on, but for F9 and 7F21
#define OPENPGP_DO_ABILITIES    0xc0
#define OPENPGP_DO_ALGORITHM    0xc1
#define OPENPGP_DO_PASSWORDS    0xc4
#define OPENPGP_DO_FINGERPRINTS 0xc5
#define OPENPGP_DO_DATES        0xcd
#define OPENPGP_DO_TOUCH        0xd6
#define OPENPGP_DO_KEYS         0xde
#define OPENPGP_DO_KDF          0xf9
#define OPENPGP_DO_CERTIFICATE  0x7f21

// The first byte of "extended capabilities" (4.4.3.7); and where, from version 3.0 on, is said that
// there is a MANAGE SECURITY ENVIRONMENT.
#define OPENPGP_HAS_CHALLENGE 0x40
#define OPENPGP_HAS_PRIVATE   0x08      // data objects 0101 to 0104
#define OPENPGP_HAS_KDF       0x01
#define OPENPGP_MSE_AT        9

// The keys, as the card numbers them from 1 on.
enum { OPENPGP_SIG, OPENPGP_DEC, OPENPGP_AUT, OPENPGP_KEYS };

// The passwords, as C4 and the KDF-DO have them.
enum { OPENPGP_OF_PW1, OPENPGP_OF_CODE, OPENPGP_OF_PW3, OPENPGP_PASSWORDS };
#define OPENPGP_STATE_LEN 7             // of C4: one signature or more, three lengths, three counts

// What a maker's cards do that the specification does not say.
enum openpgp_quirk {
    // QUIRK(YubiKey before 5.4.4): SELECT DATA wants a length before what it is given.
    OPENPGP_DATA_LENGTH = 1,
    // QUIRK(YubiKey 4, NEO): before version 3.1 nothing ends a login but that SELECT does, there.
    OPENPGP_SELECT_ENDS = 2,
};

static const struct openpgp_maker {
    u16 number;
    u8  quirks;                         // enum openpgp_quirk
    const char *name;                   // as GnuPG shows it
} openpgp_makers[] = {
    { 0x0005, 0, "ZeitControl" },
    { 0x0006, OPENPGP_DATA_LENGTH | OPENPGP_SELECT_ENDS, "Yubico" },
    { 0x0009, 0, "Fidesmo" },           { 0x000a, 0, "VivoKey" },
    { 0x000b, 0, "Feitian" },           { 0x000d, 0, "Dangerous Things" },
    { 0x000e, 0, "Excelsecu" },         { 0x000f, 0, "Nitrokey" },
    { 0x0011, 0, "Token2" },            { 0xf1d0, 0, "CanoKeys" },
    { 0xf517, 0, "FSIJ" },
    { 0xafaf, 0, "SmartPGP" },          // as it is, where nobody gave it a number
};

struct openpgp_key {
    struct alg_key key;                 // spki empty: kind and size are all that is known of it
    bool there;
    u32  touch;                         // SCARD11_TOUCH_...
    u32  access;                        // CARD_LOCAL ...
    // The rest is of >>openpgpkey.
    bool certificate_read;              // it is in the card's table, or there is none
    const struct x509 *x509;            // of the certificate of this very key
    struct object *objects[2];          // public and private, in the card's table; NULL: not yet
};

// What is known of one card.
struct openpgp {
    u32  version;                       // of the specification: 0304
    u32  quirks;                        // enum openpgp_quirk
    u8   abilities;                     // OPENPGP_HAS_...
    bool mse;                           // it has MANAGE SECURITY ENVIRONMENT
    bool swapped;                       // a key was set for the other one's job
    bool with_length;                   // SELECT DATA was taken so: OPENPGP_DATA_LENGTH
    bool no_kdf;                        // the card had no KDF-DO when it was asked last
    bool data_listed;
    u32  kdf_turn;                      // link.turns when it was; 0: it was not
    struct landmark mark, identity;     // the AID; it, and the keys' fingerprints and dates
    struct openpgp_key keys[OPENPGP_KEYS];
    struct card_kdf kdf[OPENPGP_PASSWORDS];
    u8   salts[OPENPGP_PASSWORDS][16];
};

// ---- Data objects ----

// GET DATA. Only ST_OK, ST_NOT_FOUND and ST_NOT_LOGGED_IN are answers of an OpenPGP application.
static st openpgp_get(struct card *card, u32 object, struct buf *out)
{
    bool small = object == OPENPGP_DO_AID || object == OPENPGP_DO_KDF ||
                 object == OPENPGP_DO_PASSWORDS;
    struct apdu cmd = { .ins = OPENPGP_INS_GET_DATA, .p1 = (u8)(object >> 8), .p2 = (u8)object,
                        .le = small ? APDU_LE_SHORT : APDU_LE_ALL };
    st s = link_exchange(&card->link, &cmd, out);
    switch (s) {
    case SW_DATA_NOT_FOUND: case SW_FILE_NOT_FOUND:
    case SW_WRONG_P1P2: case SW_INCORRECT_P1P2: return ST_NOT_FOUND;
    case SW_SECURITY_STATUS:                    return ST_NOT_LOGGED_IN;
    default:                                    return s;
    }
}

// Cards give a data object with its tag and length, or without.
static bytes openpgp_unwrap(bytes value, u32 tag)
{
    struct tlv tlv;
    bytes rest = value;
    return tlv_take(&rest, tag, &tlv) || rest.n ? value : tlv.value;
}

// The data object of a tag among siblings, or as much of it as there is.
// QUIRK(YubiKey): a length inside may be wrong: the one outside is right.
static bool openpgp_find_in(bytes in, u32 tag, bytes *value)
{
    struct tlv tlv;
    while (!tlv_read(&in, true, &tlv)) {
        if (tlv.tag != tag) continue;
        *value = tlv.value;
        return true;
    }
    return false;
}

// A data object of those that 6E holds, there or in 73; empty where it is not.
static bytes openpgp_find(bytes application, u32 tag)
{
    bytes more, value = BYTES_NONE;
    if (openpgp_find_in(application, tag, &value)) return value;
    if (openpgp_find_in(application, OPENPGP_DO_MORE, &more)) openpgp_find_in(more, tag, &value);
    return value;
}

static bool openpgp_is_aid(bytes aid)
{
    return aid.n == OPENPGP_AID_LEN && bytes_begin(aid, bytes_of(openpgp_aid, sizeof openpgp_aid));
}

// Reads 6E: what is in it. QUIRK(Pico OpenPGP): 6E comes without its own tag.
static st openpgp_read_application(struct card *card, struct scratch *scratch, bytes *in)
{
    struct buf out = scratch_rest(scratch);
    TRY(openpgp_get(card, OPENPGP_DO_APPLICATION, &out));
    bytes answer = scratch_keep(scratch, &out);
    if (tlv_open_some(answer, true, OPENPGP_DO_APPLICATION, in)) *in = answer;
    return openpgp_is_aid(openpgp_find(*in, OPENPGP_DO_AID)) ? ST_OK : ST_PROTOCOL;
}

// ---- Selecting, and what shows that it was ----

static st openpgp_select(struct card *card, struct token *token, const struct place *place)
{
    (void)token; (void)place;               // there is one place
    bytes aid = bytes_of(openpgp_aid, sizeof openpgp_aid);
    return iso_select_aid(&card->link, ISO_FCI, aid, NULL);
}

// What no other card has: the serial number, which test cards share, and the fingerprints and dates
// of its keys. Another program that makes new ones makes it another card.
static st openpgp_identity(bytes application, struct scratch *scratch, bytes *value)
{
    static const u32 parts[] = { OPENPGP_DO_AID, OPENPGP_DO_FINGERPRINTS, OPENPGP_DO_DATES };
    struct buf out = scratch_buf(scratch, 3 * 96);
    for (size_t i = 0; i < COUNT(parts); i++)
        buf_put(&out, bytes_head(openpgp_find(application, parts[i]), 96));
    *value = buf_bytes(&out);
    return out.full ? ST_PROTOCOL : ST_OK;
}

// DO 4F is the whole AID, with maker and serial number: no other application has that.
static st openpgp_landmark(struct card *card, struct token *token, u32 ref, struct scratch *scratch,
                           bytes *value)
{
    bytes application;
    (void)token;
    if (ref == OPENPGP_DO_APPLICATION) {
        TRY(openpgp_read_application(card, scratch, &application));
        return openpgp_identity(application, scratch, value);
    }
    struct buf out = scratch_buf(scratch, APDU_LE_SHORT);
    TRY(openpgp_get(card, OPENPGP_DO_AID, &out));
    *value = openpgp_unwrap(buf_bytes(&out), OPENPGP_DO_AID);
    return openpgp_is_aid(*value) ? ST_OK : ST_NOT_FOUND;
}

// ---- Its name ----

static const struct openpgp_maker *openpgp_maker_of(bytes aid)
{
    for (size_t i = 0; i < COUNT(openpgp_makers); i++)
        if (openpgp_makers[i].number == bytes_number(bytes_of(aid.p + 8, 2)))
            return &openpgp_makers[i];
    return NULL;
}

// Version, maker and serial number, from the AID (4.2.1); the serial number as GnuPG shows it.
static void openpgp_name(struct token *token, bytes aid)
{
    struct openpgp *openpgp = token->state;
    const struct openpgp_maker *maker = openpgp_maker_of(aid);
    card_name(token, "OpenPGP", bytes_of(aid.p + 10, 4));
    strcpy(token->maker, maker ? maker->name : "OpenPGP");
    openpgp->quirks = maker ? maker->quirks : 0;
    openpgp->version = (u32)bytes_number(bytes_of(aid.p + 6, 2));
    token->firmware.major = aid.p[6];
    token->firmware.minor = aid.p[7];
}

// ---- Passwords ----

// Tries left of a password; -1: the card did not say.
static int openpgp_tries(bytes state, u32 password)
{
    return state.n >= OPENPGP_STATE_LEN ? state.p[4 + password] : -1;
}

// The longest that a password may be. The first bit says that it may come in another format, too.
static u8 openpgp_longest(bytes state, u32 password)
{
    u8 most = state.n >= OPENPGP_STATE_LEN ? state.p[1 + password] & 0x7f : 0;
    return most && most < CARD_PIN_MAX ? most : CARD_PIN_MAX;
}

// What ends a login. Before version 3.1 nothing is sure to, and some cards say yes to VERIFY with
// P1 FF as if it were a question.
static u8 openpgp_logout_by(const struct openpgp *openpgp)
{
    if (openpgp->version >= 0x0301) return LOGOUT_VERIFY_FF;
    return openpgp->quirks & OPENPGP_SELECT_ENDS ? LOGOUT_SELECT : LOGOUT_RESET;
}

// Which password it is: the PUK is PW3, or the resetting code, which VERIFY does not take.
static u32 openpgp_password_of(const struct credential *credential)
{
    if (credential->role != ROLE_PUK) return OPENPGP_OF_PW1;
    return credential->presented ? OPENPGP_OF_PW3 : OPENPGP_OF_CODE;
}

// The tries that are left, as C4 says.
static void openpgp_note_tries(struct token *token, bytes state)
{
    for (u32 i = 0; i < token->credential_count; i++) {
        struct credential *credential = &token->credentials[i];
        credential->tries = openpgp_tries(state, openpgp_password_of(credential));
        if (credential->tries > credential->tries_max) credential->tries_max = credential->tries;
    }
}

// PW1, under both of its references; a signature may want it each time (C4, first byte 00). PW3
// unblocks it, which VERIFY takes; where that is blocked, the resetting code, if one is set. C4
// tells the tries.
// QUIRK(CanoKey): an empty VERIFY ends a login.
static void openpgp_set_credentials(struct token *token, bytes state)
{
    bool code = !openpgp_tries(state, OPENPGP_OF_PW3) && openpgp_tries(state, OPENPGP_OF_CODE) > 0;
    struct credential pin = { .role = ROLE_USER, .reference = OPENPGP_PW1,
                              .set_by = OPENPGP_PW1_SIGN, .coding = CARD_PIN_UTF8,
                              .min = OPENPGP_PW1_LEAST,
                              .max = openpgp_longest(state, OPENPGP_OF_PW1),
                              .logout_by = openpgp_logout_by(token->state) };
    struct credential sign = pin, puk = pin;
    sign.role = ROLE_SIGN;
    sign.reference = OPENPGP_PW1_SIGN;
    sign.same_as = 1;
    sign.apart = state.n && !state.p[0];
    puk.role = ROLE_PUK;
    puk.reference = OPENPGP_PW3;
    puk.set_by = 0;
    puk.min = OPENPGP_PW3_LEAST;
    puk.presented = !code;
    puk.max = openpgp_longest(state, openpgp_password_of(&puk));
    puk.fixed = code;
    puk.unblock_by = code ? UNBLOCK_TOGETHER : UNBLOCK_APART;
    card_set_credential(token, &pin);
    card_set_credential(token, &sign);
    card_set_credential(token, &puk);
    openpgp_note_tries(token, state);
}

// The tries left, where a wrong password left them unknown.
static st openpgp_read_tries(struct card *card, struct token *token, struct scratch scratch)
{
    const struct credential *puk = card_credential(token, ROLE_PUK);
    if (card_pin(token)->tries >= 0 && puk && puk->tries >= 0) return ST_OK;
    TRY(place_be_sure(card, token, scratch));
    struct buf out = scratch_buf(&scratch, APDU_LE_SHORT);
    st s = openpgp_get(card, OPENPGP_DO_PASSWORDS, &out);
    if (link_is_broken(s)) return s;
    if (!s) openpgp_note_tries(token, openpgp_unwrap(buf_bytes(&out), OPENPGP_DO_PASSWORDS));
    return ST_OK;
}

// ---- What is made of a password (KDF-DO, 4.3.2) ----

// Tags, the last the salt of PW1's: two more follow. Algorithms: none, iterated and salted.
enum { OPENPGP_KDF_ALGORITHM = 0x81, OPENPGP_KDF_HASH, OPENPGP_KDF_COUNT, OPENPGP_KDF_SALT };
enum { OPENPGP_KDF_NONE, OPENPGP_KDF_S2K = 3 };

// The hash of a number of OpenPGP's (RFC 4880, 9.4); NULL: none that a KDF-DO has.
static const struct alg_hash *openpgp_hash(bytes number)
{
    if (number.n != 1) return NULL;
    if (*number.p == 0x08) return alg_hash_find(CKM_SHA256);
    return *number.p == 0x0a ? alg_hash_find(CKM_SHA512) : NULL;
}

// Is it a KDF-DO? No other application has one.
static bool openpgp_is_kdf(bytes kdf)
{
    bytes algorithm;
    if (!openpgp_find_in(kdf, OPENPGP_KDF_ALGORITHM, &algorithm) || algorithm.n != 1) return false;
    return *algorithm.p == OPENPGP_KDF_NONE || *algorithm.p == OPENPGP_KDF_S2K;
}

// The salt of a password. Where there is one salt, it is for all.
static st openpgp_keep_salt(struct openpgp *openpgp, bytes kdf, u32 password)
{
    bytes salt;
    if (!openpgp_find_in(kdf, OPENPGP_KDF_SALT + password, &salt) &&
        !openpgp_find_in(kdf, OPENPGP_KDF_SALT, &salt)) return ST_PROTOCOL;
    if (!salt.n || salt.n > sizeof *openpgp->salts) return ST_PROTOCOL;
    memcpy(openpgp->salts[password], salt.p, salt.n);
    openpgp->kdf[password].salt = bytes_of(openpgp->salts[password], salt.n);
    return ST_OK;
}

// Notes how passwords are made. An error: no password can be sent.
static st openpgp_keep_kdf(struct openpgp *openpgp, bytes kdf)
{
    bytes hash = BYTES_NONE, count = BYTES_NONE;
    openpgp_find_in(kdf, OPENPGP_KDF_HASH, &hash);
    openpgp_find_in(kdf, OPENPGP_KDF_COUNT, &count);
    for (u32 i = 0; i < OPENPGP_PASSWORDS; i++) {
        struct card_kdf *one = &openpgp->kdf[i];
        one->hash = openpgp_hash(hash);
        one->count = (u32)bytes_number(count);
        if (!one->hash || count.n != 4 || one->count > SECRET_KDF_MOST) return ST_PROTOCOL;
        TRY(openpgp_keep_salt(openpgp, kdf, i));
    }
    return ST_OK;
}

// Tells the credentials what is made of them; kdf empty: they are sent as they are.
static st openpgp_use_kdf(struct token *token, bytes kdf)
{
    struct openpgp *openpgp = token->state;
    bytes algorithm = BYTES_NONE;
    openpgp_find_in(kdf, OPENPGP_KDF_ALGORITHM, &algorithm);
    bool derived = algorithm.n == 1 && *algorithm.p == OPENPGP_KDF_S2K;
    if (kdf.n && !openpgp_is_kdf(kdf)) return ST_PROTOCOL;
    if (derived) TRY(openpgp_keep_kdf(openpgp, kdf));
    for (u32 i = 0; i < token->credential_count; i++) {
        struct credential *credential = &token->credentials[i];
        credential->kdf = derived ? &openpgp->kdf[openpgp_password_of(credential)] : NULL;
    }
    return ST_OK;
}

// Reads the KDF-DO, empty where there is none. Who answers with one is the application: no more is
// needed to be sure of it.
static st openpgp_read_kdf(struct card *card, struct token *token, struct buf *out, bytes *kdf)
{
    st s = openpgp_get(card, OPENPGP_DO_KDF, out);
    bool none = s == ST_NOT_FOUND;
    *kdf = none ? BYTES_NONE : openpgp_unwrap(buf_bytes(out), OPENPGP_DO_KDF);
    if (!s && openpgp_is_kdf(*kdf)) place_seen(card, token);
    return none ? ST_OK : s;
}

// Before a secret is sent: what is to be made of it, where the card may have that set. It is asked
// in each transaction: another program may set it, and what is made by a salt from before would
// cost a try.
static st openpgp_learn(struct card *card, struct token *token, struct scratch scratch)
{
    struct openpgp *openpgp = token->state;
    u32 turn = card->link.turns;
    bytes kdf;
    if (!(openpgp->abilities & OPENPGP_HAS_KDF) || openpgp->kdf_turn == turn) return ST_OK;
    if (openpgp->no_kdf) TRY(place_be_sure(card, token, scratch));
    struct buf out = scratch_buf(&scratch, APDU_LE_SHORT);
    TRY(link_ready(&card->link));
    st s = openpgp_read_kdf(card, token, &out, &kdf);
    if (link_is_broken(s)) return s;
    if (!card->sure) {
        TRY(place_be_sure(card, token, scratch));
        buf_rewind(&out, 0);
        s = openpgp_read_kdf(card, token, &out, &kdf);
    }
    TRY(s);
    TRY(openpgp_use_kdf(token, kdf));
    openpgp->no_kdf = !kdf.n;
    openpgp->kdf_turn = turn;
    return ST_OK;
}

// ---- Keys ----

// Curves that OpenPGP has under another OID than certificates (RFC 4880bis, 9.2).
static const struct openpgp_curve {
    u8 oid_len, oid[10];
    const char *name;
} openpgp_curves[] = {
    { 9, { 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01 }, "Ed25519" },
    { 10, { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01 }, "X25519" },
};

static const struct alg_curve *openpgp_curve_named(bytes oid)
{
    u8 room[32];
    struct buf der = buf_on(room, sizeof room);
    for (size_t i = 0; i < COUNT(openpgp_curves); i++)
        if (bytes_equal(oid, bytes_of(openpgp_curves[i].oid, openpgp_curves[i].oid_len)))
            return alg_curve_named(openpgp_curves[i].name);
    tlv_put(&der, 0x06, oid);
    return der.full ? NULL : alg_curve_find(buf_bytes(&der));
}

// The curve of an OID. A byte may follow it: FF, that keys come with their public half; 00.
// QUIRK(YubiKey 5.2): any other byte may follow the OID of a curve, too.
static const struct alg_curve *openpgp_curve(bytes oid)
{
    const struct alg_curve *curve = openpgp_curve_named(oid);
    return curve || !oid.n ? curve : openpgp_curve_named(bytes_head(oid, oid.n - 1));
}

// Algorithm attributes (4.4.3.9): an algorithm of OpenPGP's, then the length of the modulus, or the
// curve. A kind that is not known here stays ALG_NONE.
static void openpgp_parse_algorithm(bytes attributes, struct alg_key *key)
{
    enum { RSA = 1, ECDH = 18, ECDSA = 19, EDDSA = 22 };
    u8 algorithm = attributes.n ? *attributes.p : 0;
    bytes rest = bytes_from(attributes, 1);
    *key = (struct alg_key){ .type = ALG_NONE };
    if (algorithm == RSA && rest.n >= 2) {
        key->bits = (u32)bytes_number(bytes_head(rest, 2));
        bool fits = key->bits >= ALG_RSA_MIN_BITS && key->bits <= ALG_RSA_MAX_BITS;
        if (fits && key->bits % 8 == 0) key->type = ALG_RSA;
    }
    if (algorithm != ECDH && algorithm != ECDSA && algorithm != EDDSA) return;
    key->curve = openpgp_curve(rest);
    if (!key->curve) return;
    key->type = key->curve->type;
    key->bits = key->curve->bits;
}

// Is there a key? "Key information" says so and how it came there, where a card has that; else a
// key has a fingerprint, or a date.
static void openpgp_tell_presence(bytes application, u32 i, struct openpgp_key *key)
{
    enum { GENERATED = 1 };
    bytes keys = openpgp_find(application, OPENPGP_DO_KEYS);
    bytes prints = bytes_from(openpgp_find(application, OPENPGP_DO_FINGERPRINTS), 20 * (size_t)i);
    bytes dates = bytes_from(openpgp_find(application, OPENPGP_DO_DATES), 4 * (size_t)i);
    key->there = bytes_trim(bytes_head(prints, 20)).n || bytes_trim(bytes_head(dates, 4)).n;
    key->access = CARD_SENSITIVE;
    if (keys.n < 2 * OPENPGP_KEYS) return;
    u8 state = keys.p[2 * i + 1];
    key->there = state != 0;
    if (state == GENERATED)
        key->access |= CARD_LOCAL | CARD_ALWAYS_SENSITIVE | CARD_NEVER_EXTRACTABLE;
}

// User interaction flag (4.4.3.6). YubiKey has it for some seconds, too (03, 04).
static u32 openpgp_touch(bytes flag)
{
    if (!flag.n) return SCARD11_TOUCH_UNKNOWN;
    if (!*flag.p) return SCARD11_TOUCH_NEVER;
    return *flag.p >= 0x03 ? SCARD11_TOUCH_CACHED : SCARD11_TOUCH_ALWAYS;
}

// What 6E says of the keys.
static void openpgp_tell_keys(struct token *token, bytes application)
{
    struct openpgp *openpgp = token->state;
    for (u32 i = 0; i < OPENPGP_KEYS; i++) {
        struct openpgp_key *key = &openpgp->keys[i];
        openpgp_parse_algorithm(openpgp_find(application, OPENPGP_DO_ALGORITHM + i), &key->key);
        openpgp_tell_presence(application, i, key);
        key->touch = openpgp_touch(openpgp_find(application, OPENPGP_DO_TOUCH + i));
        if (key->key.type == ALG_NONE) key->there = false;
        else token->key_types |= CARD_TYPE(key->key.type);
    }
}

// ---- Finding out ----

// A token with what every OpenPGP card has, before the card is asked for anything.
static st openpgp_start(struct card *card, struct token *token)
{
    struct openpgp *openpgp = token->state = ARENA_NEW(&card->arena, struct openpgp, 1);
    if (!openpgp) return ST_ARENA_FULL;
    token->landmark = &openpgp->mark;
    token->identity = &openpgp->identity;
    openpgp->mark.small = true;
    token->flat = true;
    token->card_pads = CARD_SCHEME(ALG_PKCS1);
    return ST_OK;
}

// Is the application selected already? Another program may be logged in to it.
static st openpgp_selected(struct card *card, struct token *token, struct scratch scratch)
{
    bytes aid;
    TRY(openpgp_start(card, token));
    TRY(link_ready(&card->link));
    st s = openpgp_landmark(card, token, OPENPGP_DO_AID, &scratch, &aid);
    if (link_is_broken(s)) return s;
    if (s) return ST_NOT_FOUND;
    place_seen(card, token);
    return ST_OK;
}

// All that 6E says.
static st openpgp_tell(struct token *token, bytes application, struct scratch scratch)
{
    struct openpgp *openpgp = token->state;
    bytes aid = openpgp_find(application, OPENPGP_DO_AID), identity;
    bytes abilities = openpgp_find(application, OPENPGP_DO_ABILITIES);
    openpgp_name(token, aid);
    openpgp->abilities = abilities.n ? *abilities.p : 0;
    openpgp->mse = openpgp->version >= 0x0300 && abilities.n > OPENPGP_MSE_AT &&
                   abilities.p[OPENPGP_MSE_AT] == 0x01;
    openpgp_set_credentials(token, openpgp_find(application, OPENPGP_DO_PASSWORDS));
    openpgp_tell_keys(token, application);
    TRY(openpgp_identity(application, &scratch, &identity));
    openpgp->identity.unique = bytes_trim(bytes_of(aid.p + 10, 4)).n ||
                               bytes_trim(bytes_from(identity, aid.n)).n;
    TRY(place_note(&openpgp->mark, OPENPGP_DO_AID, aid));
    return place_note(&openpgp->identity, OPENPGP_DO_APPLICATION, identity);
}

// Is it an OpenPGP card? One that says yes to any AID has no 6E. Where there is a pinpad, it is
// asked now whether that can be used.
static st openpgp_probe(struct card *card, struct token *token, struct scratch scratch)
{
    bytes application;
    if (!token->state) TRY(openpgp_start(card, token));
    const struct openpgp *openpgp = token->state;
    st s = card->sure ? ST_OK : place_select(card, token);
    if (s == ST_LOST) return ST_NOT_MINE;
    TRY(s);
    s = openpgp_read_application(card, &scratch, &application);
    if (link_is_broken(s)) return s;
    if (s) return ST_NOT_MINE;
    TRY(openpgp_tell(token, application, scratch));
    bool typed = pinpad_is_there(&card->link, &pinpad_verify);
    bool asks = typed && openpgp->abilities & OPENPGP_HAS_KDF;
    return asks ? openpgp_learn(card, token, scratch) : ST_OK;
}
#endif

/* ================================================================================================
 * MARK: - >>openpgpkey
 * Driver: OpenPGP cards, their keys, certificates and data objects as PKCS#11 has them.
 *
 * Owns    driver_openpgp; what is listed and when; what a key is for; signing, deciphering and
 *         agreeing on keys
 * Uses    >>tlv >>x509 >>alg >>padding >>cipher >>random >>apdu >>link >>iso >>card >>place >>trial
 *         >>p15token >>p15key >>openpgp
 * Names   openpgpkey_
 * Specs   OpenPGP smart card application 2.0 to 3.4
 * Tests   tests/unit/openpgpkey.c
 * ==============================================================================================*/

#if SCARD11_OPENPGP

#define OPENPGPKEY_INS_GENERATE     0x47
#define OPENPGPKEY_INS_AUTHENTICATE 0x88
#define OPENPGPKEY_INS_SELECT_DATA  0xa5
#define OPENPGPKEY_READ             0x81    // P1 of GENERATE: the public key of the one there is
#define OPENPGPKEY_TAG_PUBLIC       0x7f49
#define OPENPGPKEY_TAG_CIPHER       0xa6    // round a public key that another has
#define OPENPGPKEY_TAG_POINT        0x86
#define OPENPGPKEY_SW_TOUCH         0x6600  // nobody touched the card in time (7.1)

// What PKCS#11 sees of a key; CKA_ID is its number.
static const struct openpgpkey_kind {
    u8  crt;                                // the template that names it
    u32 use;                                // of RSA; other keys can do one of these
    const char *label;
} openpgpkey_kinds[OPENPGP_KEYS] = {
    { CRT_SIGN,   CARD_SIGN,                 "Signature key" },
    { CRT_CIPHER, CARD_DECRYPT | CARD_DERIVE, "Encryption key" },
    { CRT_AUTH,   CARD_SIGN,                 "Authentication key" },
};

// What its user wrote into it. 0104 is not there: it wants PW3, which opens no private object.
static const struct openpgpkey_data {
    u32 object, part;                       // the part of it that is the value; 0: all
    bool private;                           // wants PW1
    const char *label;
} openpgpkey_data_list[] = {
    { OPENPGP_DO_HOLDER, 0x5b,   false, "Name" },
    { OPENPGP_DO_HOLDER, 0x5f2d, false, "Language preferences" },
    { OPENPGP_DO_HOLDER, 0x5f35, false, "Salutation" },
    { 0x5f50, 0, false, "URL of the public key" },
    { 0x5e,   0, false, "Login data" },
    { 0x0101, 0, false, "Private use 1" },
    { 0x0102, 0, false, "Private use 2" },
    { 0x0103, 0, true,  "Private use 3" },
};
#define OPENPGPKEY_PRIVATE_DATA 5           // from there on, they are there where the card says so

static struct openpgp_key *openpgpkey_of(const struct object *object)
{
    struct openpgp *openpgp = object->token->state;
    return &openpgp->keys[object->ref - 1];
}

// ---- Certificates ----

// SELECT DATA: the certificate that the next GET DATA gives.
static st openpgpkey_select_data(struct card *card, const struct openpgp *openpgp, u8 number)
{
    u8 room[8];
    struct buf data = buf_on(room, sizeof room);
    if (openpgp->with_length) buf_put8(&data, 6);
    buf_put(&data, BYTES(0x60, 4, 0x5c, 2, OPENPGP_DO_CERTIFICATE >> 8,
                         OPENPGP_DO_CERTIFICATE & 0xff));
    struct apdu cmd = { .ins = OPENPGPKEY_INS_SELECT_DATA, .p1 = number, .p2 = 0x04,
                        .data = buf_bytes(&data) };
    return iso_send(&card->link, &cmd);
}

// Chooses the certificate of a key: the authentication key's is the first one, and on cards that
// know no others the one. QUIRK(CanoKey): a choice holds for one GET DATA.
static st openpgpkey_choose(struct card *card, struct openpgp *openpgp, u32 i)
{
    st only = i == OPENPGP_AUT ? ST_OK : ST_NOT_FOUND;
    u8 number = (u8)(OPENPGP_AUT - i);
    if (openpgp->version < 0x0300) return only;
    st s = openpgpkey_select_data(card, openpgp, number);
    bool other = s == SW_WRONG_LENGTH || s == SW_WRONG_DATA;
    if (other && openpgp->quirks & OPENPGP_DATA_LENGTH && !openpgp->with_length) {
        openpgp->with_length = true;
        s = openpgpkey_select_data(card, openpgp, number);
        if (s) openpgp->with_length = false;
    }
    if (!s || link_is_broken(s) || link_is_error(s)) return s;
    return only;
}

// The certificate of a key, in the arena. ST_NOT_FOUND: there is none that can be used.
static st openpgpkey_read_certificate(struct card *card, struct token *token, u32 i,
                                      struct scratch scratch, const struct x509 **out)
{
    TRY(place_be_sure(card, token, scratch));
    TRY(openpgpkey_choose(card, token->state, i));
    struct buf answer = scratch_rest(&scratch);
    TRY(openpgp_get(card, OPENPGP_DO_CERTIFICATE, &answer));
    bytes der = openpgp_unwrap(buf_bytes(&answer), OPENPGP_DO_CERTIFICATE);
    if (!der.n) return ST_NOT_FOUND;
    st s = card_keep_certificate(card, der, out);
    if (!s || s == ST_ARENA_FULL) return s;
    os_log("OpenPGP: the certificate of key %u cannot be used", (unsigned)i + 1);
    return ST_NOT_FOUND;
}

// ---- The public half of a key ----

// A key's objects show what is known of it now.
static void openpgpkey_show(const struct openpgp_key *key)
{
    for (size_t i = 0; i < COUNT(key->objects) && key->objects[i]; i++) {
        key->objects[i]->unread = false;
        key->objects[i]->x509 = key->x509;
    }
}

// Keeps a public key, if it is of the kind that the card says its key is.
static st openpgpkey_keep(struct card *card, struct openpgp_key *key, const struct alg_key *found,
                          struct scratch scratch)
{
    struct alg_key kept = *found;
    bool same = found->type == key->key.type && found->curve == key->key.curve &&
                found->bits == key->key.bits;
    if (!same) return ST_NOT_FOUND;
    TRY(card_keep_key(card, &kept, scratch));
    key->key = kept;
    openpgpkey_show(key);
    return ST_OK;
}

// A key learns its public half from its certificate. A certificate of another key is no news.
static st openpgpkey_learn(struct card *card, struct openpgp_key *key, const struct x509 *x509,
                           struct scratch scratch)
{
    struct alg_key found;
    if (!key->there || alg_parse_spki(x509->spki, &found)) return ST_OK;
    if (key->key.spki.n && !bytes_equal(key->key.spki, found.spki)) return ST_OK;
    key->x509 = x509;
    st s = openpgpkey_keep(card, key, &found, scratch);
    if (s == ST_NOT_FOUND) key->x509 = NULL;
    return s == ST_NOT_FOUND ? ST_OK : s;
}

// A public key as the card gives it.
static st openpgpkey_parse_public(bytes answer, const struct alg_key *like, struct alg_key *key)
{
    bytes in;
    *key = (struct alg_key){ .type = like->type, .bits = like->bits, .curve = like->curve };
    TRY(tlv_open_some(answer, true, OPENPGPKEY_TAG_PUBLIC, &in));
    TRY(alg_take_public(in, key));
    if (like->type != ALG_RSA)
        return alg_point_good(like->curve, key->point) ? ST_OK : ST_PROTOCOL;
    TRY(alg_check_rsa(key));
    return key->bits == like->bits ? ST_OK : ST_PROTOCOL;
}

// One attempt to read it. An answer that has a key of the right kind is the application's.
static st openpgpkey_get_public(struct card *card, struct token *token, u32 i,
                                struct scratch *scratch, struct alg_key *key)
{
    const struct openpgp *openpgp = token->state;
    struct buf out = scratch_rest(scratch);
    struct apdu cmd = { .ins = OPENPGPKEY_INS_GENERATE, .p1 = OPENPGPKEY_READ,
                        .data = BYTES(openpgpkey_kinds[i].crt, 0), .le = APDU_LE_ALL };
    TRY(link_ready(&card->link));
    TRY(link_exchange(&card->link, &cmd, &out));
    TRY(openpgpkey_parse_public(scratch_keep(scratch, &out), &openpgp->keys[i].key, key));
    place_seen(card, token);
    return ST_OK;
}

// The public half of a key that no certificate showed. A key whose public half the card does not
// give is used without.
static st openpgpkey_read_public(struct card *card, struct object *object, struct scratch scratch)
{
    struct token *token = object->token;
    struct openpgp_key *key = openpgpkey_of(object);
    struct alg_key found;
    struct scratch each = scratch;
    st s = openpgpkey_get_public(card, token, object->ref - 1, &each, &found);
    if (s && !card->sure && !link_is_broken(s)) {
        TRY(place_be_sure(card, token, scratch));
        each = scratch;
        s = openpgpkey_get_public(card, token, object->ref - 1, &each, &found);
    }
    if (!s) return openpgpkey_keep(card, key, &found, each);
    if (link_is_broken(s) || link_is_error(s)) return s;
    openpgpkey_show(key);
    return ST_OK;
}

// ---- Listing ----

// What a key can be used for. MANAGE SECURITY ENVIRONMENT lets keys of RSA do each other's job.
static u32 openpgpkey_use(const struct openpgp *openpgp, u32 i)
{
    enum alg_type type = openpgp->keys[i].key.type;
    u32 use = openpgpkey_kinds[i].use;
    if (type == ALG_RSA)
        return openpgp->mse && i != OPENPGP_SIG ? CARD_SIGN | CARD_DECRYPT : use & ~CARD_DERIVE;
    if (type == ALG_EDWARDS) return use & CARD_SIGN;
    return type == ALG_EC ? use & ~CARD_DECRYPT : use & CARD_DERIVE;
}

// One object of a key.
static struct object *openpgpkey_add(struct card *card, struct token *token, CK_OBJECT_CLASS class,
                                     u32 i)
{
    static const u8 ids[OPENPGP_KEYS] = { 1, 2, 3 };
    const struct openpgp *openpgp = token->state;
    const struct openpgp_key *key = &openpgp->keys[i];
    struct object *object = card_add(card, token, class, card->epoch);
    if (!object) return NULL;
    object->ref = i + 1;
    object->id = bytes_of(&ids[i], 1);
    object->label = bytes_text(openpgpkey_kinds[i].label);
    if (class == CKO_CERTIFICATE) return object;
    object->key = &key->key;
    object->type = key->key.type;
    object->use = openpgpkey_use(openpgp, i);
    object->x509 = key->x509;
    object->unread = !key->key.spki.n;
    object->access = key->access;
    return object;
}

// The two objects of a key that is there. The signature key may want PW1 before each signature.
static st openpgpkey_list_key(struct card *card, struct token *token, u32 i)
{
    struct openpgp *openpgp = token->state;
    struct openpgp_key *key = &openpgp->keys[i];
    struct credential *sign = card_credential(token, ROLE_SIGN);
    if (key->objects[0] || !key->there) return ST_OK;
    TRY(card_reserve(card, 2));
    struct object *public = openpgpkey_add(card, token, CKO_PUBLIC_KEY, i);
    struct object *private = openpgpkey_add(card, token, CKO_PRIVATE_KEY, i);
    if (!public || !private) return ST_ARENA_FULL;
    key->objects[0] = public;
    key->objects[1] = private;
    private->private = true;
    private->card_pads = token->card_pads;
    private->touch = key->touch;
    private->credential = card_pin(token);
    if (i != OPENPGP_SIG || !sign || !sign->apart) return ST_OK;
    private->always_auth = true;
    private->credential = sign;
    return ST_OK;
}

// The certificate of a key, or of none: there may be one where no key is.
static st openpgpkey_list_certificate(struct card *card, struct token *token, u32 i,
                                      struct scratch scratch)
{
    struct openpgp *openpgp = token->state;
    struct openpgp_key *key = &openpgp->keys[i];
    const struct x509 *x509 = NULL;
    if (key->certificate_read) return ST_OK;
    TRY(card_reserve(card, 1));
    st s = openpgpkey_read_certificate(card, token, i, scratch, &x509);
    if (link_is_broken(s) || s == ST_ARENA_FULL) return s;
    if (s > ST_COUNT) return ST_OK;             // an error of the card: the next search asks again
    key->certificate_read = true;
    if (s) return ST_OK;
    struct object *object = openpgpkey_add(card, token, CKO_CERTIFICATE, i);
    if (!object) return ST_ARENA_FULL;
    object->x509 = x509;
    object->value = x509->whole;
    TRY(openpgpkey_learn(card, key, x509, scratch));
    if (key->x509 == x509) object->key = &key->key;
    return ST_OK;
}

// Lists the data objects, unread.
static st openpgpkey_list_data(struct card *card, struct token *token)
{
    struct openpgp *openpgp = token->state;
    u32 count = OPENPGPKEY_PRIVATE_DATA;
    if (openpgp->data_listed) return ST_OK;
    if (openpgp->abilities & OPENPGP_HAS_PRIVATE) count = COUNT(openpgpkey_data_list);
    TRY(card_reserve(card, count));
    for (u32 i = 0; i < count; i++) {
        const struct openpgpkey_data *data = &openpgpkey_data_list[i];
        struct object *object = card_add(card, token, CKO_DATA, card->epoch);
        if (!object) return ST_ARENA_FULL;
        object->label = bytes_text(data->label);
        object->application = bytes_text("OpenPGP");
        object->ref = i;
        object->private = data->private;
        object->credential = data->private ? card_pin(token) : NULL;
        object->unread = true;
    }
    openpgp->data_listed = true;
    return ST_OK;
}

// Lists what a search can match. That there is a key, and its kind, is known: only certificates are
// read.
static st openpgpkey_list(struct card *card, struct token *token, const struct query *query,
                          struct scratch scratch)
{
    bool keys = query->class == CKO_PUBLIC_KEY || query->class == CKO_PRIVATE_KEY;
    if (query->any_class || query->class == CKO_DATA) TRY(openpgpkey_list_data(card, token));
    for (u32 i = 0; i < OPENPGP_KEYS; i++) {
        bool named = query->id.n == 1 && *query->id.p == i + 1;
        if (!query->any_id && !named) continue;
        if (query->any_class || query->class == CKO_CERTIFICATE)
            TRY(openpgpkey_list_certificate(card, token, i, scratch));
        if (query->any_class || keys) TRY(openpgpkey_list_key(card, token, i));
    }
    return ST_OK;
}

// ---- Reading an object ----

// Sets the value of each data object that is a part of what was read; empty: it is not there.
static st openpgpkey_tell_data(struct card *card, const struct token *token, u32 read, bytes value)
{
    for (u32 n = 0; n < card->object_count; n++) {
        struct object *object = card_object_at(card, n);
        bool is = object->handle && object->token == token && object->class == CKO_DATA &&
                  !object->owner && object->unread;
        const struct openpgpkey_data *data = is ? &openpgpkey_data_list[object->ref] : NULL;
        if (!data || data->object != read) continue;
        bytes part = data->part ? BYTES_NONE : value;
        if (data->part) openpgp_find_in(value, data->part, &part);
        object->value = arena_copy(&card->arena, part);
        if (part.n && !object->value.p) return ST_ARENA_FULL;
        object->unread = false;
    }
    return ST_OK;
}

static st openpgpkey_read_data(struct card *card, struct object *object, struct scratch scratch)
{
    u32 wanted = openpgpkey_data_list[object->ref].object;
    TRY(place_be_sure(card, object->token, scratch));
    struct buf out = scratch_rest(&scratch);
    st s = openpgp_get(card, wanted, &out);
    if (link_is_broken(s) || s == ST_NOT_LOGGED_IN || link_is_error(s)) return s;
    bytes value = s ? BYTES_NONE : openpgp_unwrap(buf_bytes(&out), wanted);
    return openpgpkey_tell_data(card, object->token, wanted, value);
}

// Reads what was left: the value of a data object, the public half of a key.
static st openpgpkey_read(struct card *card, struct object *object, struct scratch scratch)
{
    if (object->class == CKO_DATA) return openpgpkey_read_data(card, object, scratch);
    if (object->class == CKO_CERTIFICATE) return ST_OK;
    return openpgpkey_read_public(card, object, scratch);
}

// ---- Using a key ----

// Sets the key for a job (crt), where the card can and it may be another one that does it now; each
// time where the result is not checked: it is secret, or what makes sure of the application says
// nothing of what another program has set there.
static st openpgpkey_set_key(const struct trial *trial, u8 crt)
{
    const struct object *object = trial->object;
    struct openpgp *openpgp = object->token->state;
    u8 number = (u8)object->ref;
    bool own = openpgpkey_kinds[number - 1].crt == crt;
    bool unchecked = trial->certain && !trial->card->link.exclusive;
    bool again = trial->secret || trial->again || unchecked;
    if (!openpgp->mse || (own && !again && !openpgp->swapped)) return ST_OK;
    if (!own) openpgp->swapped = true;
    return place_set_environment(trial->card, MSE_SET, crt, BYTES(CRT_SECRET_KEY, 1, number),
                                 again);
}

// INTERNAL AUTHENTICATE.
static st openpgpkey_authenticate(struct link *link, bytes in, u32 le, struct buf *out)
{
    struct apdu cmd = { .ins = OPENPGPKEY_INS_AUTHENTICATE, .data = in, .le = le };
    return link_exchange(link, &cmd, out);
}

// One attempt to sign, into out as PKCS#11 has it. The card pads RSA: it gets what is in the
// padding. QUIRK(SmartPGP): halves of an EC signature may be a byte longer than the curve.
static st openpgpkey_sign_once(const struct trial *trial, bytes data, struct scratch scratch)
{
    struct link *link = &trial->card->link;
    const struct alg_key *key = trial->object->key;
    struct buf raw = scratch_buf(&scratch, ALG_RESULT_MAX);
    u32 le = key->type == ALG_RSA && key->bits >= 2048 ? APDU_LE_ALL : APDU_LE_SHORT;
    bool signs = trial->object->ref == OPENPGP_SIG + 1;
    if (!signs) TRY(openpgpkey_set_key(trial, CRT_AUTH));
    TRY(signs ? iso_sign(link, data, le, &raw) : openpgpkey_authenticate(link, data, le, &raw));
    if (key->type == ALG_RSA) return card_put_rsa(key, buf_bytes(&raw), trial->out);
    size_t size = key->curve->size;
    if (key->type == ALG_EC) return padding_ecdsa_to_raw(buf_bytes(&raw), size, trial->out);
    if (raw.n != 2 * size) return ST_PROTOCOL;
    buf_put(trial->out, buf_bytes(&raw));
    return trial->out->full ? ST_PROTOCOL : ST_OK;
}

// What a refusal means, where it is certain who said it: with a key that wants a touch, that none
// came. Nobody is asked for another one.
static st openpgpkey_why_refused(const struct trial *trial, st s)
{
    struct card *card = trial->card;
    struct token *token = trial->object->token;
    if (s == OPENPGPKEY_SW_TOUCH) return ST_UNTOUCHED;
    if (s != SW_CONDITIONS || trial->object->touch < SCARD11_TOUCH_ALWAYS) return s;
    st ours = ST_OK;
    if (!card->sure) ours = place_find_landmark(card, token, token->landmark, trial->scratch);
    if (link_is_broken(ours)) return ours;
    return ours ? s : ST_UNTOUCHED;
}

// The hash whose DigestInfo it is, or NULL.
static const struct alg_hash *openpgpkey_digest_of(bytes data)
{
    for (size_t i = 0; i < COUNT(alg_hashes); i++) {
        const struct alg_hash *hash = &alg_hashes[i];
        u8 room[128];
        struct buf info = buf_on(room, sizeof room);
        if (data.n < hash->size) continue;
        padding_digest_info(hash, bytes_from(data, data.n - hash->size), &info);
        if (bytes_equal(buf_bytes(&info), data)) return hash;
    }
    return NULL;
}

// What the status word of a signature means. Cards need not take anything but a DigestInfo of
// SHA-2, of at most 40 % of the modulus (7.2.10, 7.2.13).
static st openpgpkey_sign_status(const struct alg_key *key, bytes data, st s)
{
    const struct alg_hash *hash = key->type == ALG_RSA ? openpgpkey_digest_of(data) : NULL;
    bool of_data = s == SW_CONDITIONS || s == SW_WRONG_DATA || s == SW_WRONG_LENGTH ||
                   s == SW_NO_FUNCTION;
    if (!of_data) return p15key_status(s);
    if (key->type != ALG_RSA && s != SW_WRONG_LENGTH) return ST_FAILED;
    if (key->type != ALG_RSA) return ST_DATA_LEN;
    if (data.n * 5 > alg_key_bytes(key) * 2) return ST_DATA_LEN;
    return hash && hash->mechanism != CKM_SHA_1 ? ST_FAILED : ST_DATA;
}

// Is a signature over what is no DigestInfo one over just that?
// QUIRK(Pico OpenPGP): it puts a DigestInfo round a bare hash.
static st openpgpkey_check_bare(const struct trial *trial, bytes data)
{
    const struct alg_key *key = trial->object->key;
    bytes made = bytes_from(buf_bytes(trial->out), trial->start);
    if (key->type != ALG_RSA || openpgpkey_digest_of(data)) return trial->s;
    if (trial->s == ST_PROTOCOL) return ST_DATA;
    if (trial->s || !trial->certain || !cipher_can_verify(key, trial->use)) return trial->s;
    return cipher_verify(key, trial->use, trial->in, made, trial->scratch) ? ST_DATA : ST_OK;
}

// A signature did not come out right: is that because the certificate is one of an earlier key? It
// is the user who writes it. Then the key is the card's from here on.
static bool openpgpkey_was_another(struct card *card, struct object *object,
                                   struct scratch scratch)
{
    struct openpgp_key *key = openpgpkey_of(object);
    struct alg_key found;
    struct scratch each = scratch;
    if (!key->x509) return false;
    if (openpgpkey_get_public(card, object->token, object->ref - 1, &each, &found)) return false;
    bool same = bytes_equal(found.modulus, key->key.modulus) &&
                bytes_equal(found.point, key->key.point);
    if (same) return false;
    os_log("OpenPGP: the certificate of key %u is another key's", (unsigned)object->ref);
    key->x509 = NULL;
    return !openpgpkey_keep(card, key, &found, each);
}

static st openpgpkey_sign_trial(struct card *card, struct object *object, const struct alg_use *use,
                                bytes in, struct scratch scratch, struct buf *out)
{
    struct trial trial = { .card = card, .object = object, .use = use, .in = in, .out = out,
                           .scratch = scratch };
    bytes data = object->key->type == ALG_RSA ? padding_pkcs1_signed(in) : in;
    if (object->key->type == ALG_RSA && !data.n) return ST_MECHANISM;
    while (trial_next(&trial))
        trial.s = openpgpkey_why_refused(&trial, openpgpkey_sign_once(&trial, data, scratch));
    trial.s = openpgpkey_check_bare(&trial, data);
    return openpgpkey_sign_status(object->key, data, trial.s);
}

static st openpgpkey_sign(struct card *card, struct object *object, const struct alg_use *use,
                          bytes in, struct scratch scratch, struct buf *out)
{
    size_t start = out->n;
    st s = openpgpkey_sign_trial(card, object, use, in, scratch, out);
    bool wrong = s == ST_PROTOCOL || s == ST_DATA;      // ST_DATA: where it is no DigestInfo
    if (!wrong || !openpgpkey_was_another(card, object, scratch)) return s;
    buf_rewind(out, start);
    return openpgpkey_sign_trial(card, object, use, in, scratch, out);
}

// DECIPHER: a cryptogram behind a 00, or another's public key in its template.
static st openpgpkey_decipher(const struct trial *trial, struct scratch *scratch, struct buf *plain)
{
    struct buf data = scratch_buf(scratch, trial->in.n + 16);
    size_t point = tlv_size(OPENPGPKEY_TAG_POINT, trial->in.n);
    TRY(openpgpkey_set_key(trial, CRT_CIPHER));
    if (trial->object->key->type == ALG_RSA) {
        buf_put8(&data, 0);
        buf_put(&data, trial->in);
    } else {
        tlv_put_header(&data, OPENPGPKEY_TAG_CIPHER, tlv_size(OPENPGPKEY_TAG_PUBLIC, point));
        tlv_put_header(&data, OPENPGPKEY_TAG_PUBLIC, point);
        tlv_put(&data, OPENPGPKEY_TAG_POINT, trial->in);
    }
    if (data.full) return ST_HOST_MEMORY;
    return iso_decipher(&trial->card->link, buf_bytes(&data), APDU_LE_ALL, plain);
}

// One attempt. The card takes the padding of RSA off; >>op wants it, for all cards. What is agreed
// on is the x of a point, or the whole point.
static st openpgpkey_decipher_once(const struct trial *trial, struct scratch scratch)
{
    const struct alg_key *key = trial->object->key;
    struct buf plain = scratch_buf(&scratch, ALG_RESULT_MAX);
    TRY(openpgpkey_decipher(trial, &scratch, &plain));
    bytes made = buf_bytes(&plain);
    if (key->type == ALG_RSA) return p15key_pad_again(made, trial->in.n, trial->out);
    size_t size = key->curve->size;
    bool point = key->type == ALG_EC && alg_point_good(key->curve, made);
    if (point) made = bytes_head(bytes_from(made, 1), size);
    if (made.n != size) return ST_PROTOCOL;
    buf_put(trial->out, made);
    return trial->out->full ? ST_PROTOCOL : ST_OK;
}

// Deciphers in with a key, or agrees on a secret with it. Where the key is not set each time, the
// application is made sure of.
static st openpgpkey_open(struct card *card, struct object *object, bytes in,
                          struct scratch scratch, struct buf *out)
{
    const struct openpgp *openpgp = object->token->state;
    struct trial trial = { .card = card, .object = object, .in = in, .out = out,
                           .scratch = scratch, .secret = true };
    if (!openpgp->mse) TRY(place_be_sure(card, object->token, scratch));
    while (trial_next(&trial))
        trial.s = openpgpkey_why_refused(&trial, openpgpkey_decipher_once(&trial, scratch));
    return trial.s;
}

// QUIRK(SmartPGP): it says 6F00 to a cryptogram with bad padding.
static st openpgpkey_decrypt(struct card *card, struct object *object, const struct alg_use *use,
                             bytes in, struct scratch scratch, struct buf *out)
{
    (void)use;
    st s = openpgpkey_open(card, object, in, scratch, out);
    bool data = s == SW_WRONG_DATA || s == SW_CONDITIONS || s >> 8 == SW1_NO_DIAGNOSIS;
    return data ? ST_CIPHER_DATA : p15key_status(s);
}

static st openpgpkey_derive(struct card *card, struct object *object, bytes peer_point,
                            struct scratch scratch, struct buf *out)
{
    return p15key_status(openpgpkey_open(card, object, peer_point, scratch, out));
}

// GET CHALLENGE, where the card says that it has that.
static st openpgpkey_random(struct card *card, struct token *token, u8 *out, size_t n)
{
    const struct openpgp *openpgp = token->state;
    if (!(openpgp->abilities & OPENPGP_HAS_CHALLENGE)) return random_bytes(out, n);
    return p15token_random(card, token, out, n);
}

static const struct driver driver_openpgp = {
    .name    = "OpenPGP",
    .public_certificates = true,    // 7.2.6: GET DATA of 7F21 is always allowed
    .shares_chip = true,            // with PIV
    .selected = openpgp_selected,
    .probe   = openpgp_probe,
    .open    = openpgp_read_tries,
    .list    = openpgpkey_list,
    .read    = openpgpkey_read,
    .select  = openpgp_select,
    .landmark = openpgp_landmark,
    .learn   = openpgp_learn,
    .sign    = openpgpkey_sign,
    .decrypt = openpgpkey_decrypt,
    .derive  = openpgpkey_derive,
    .random  = openpgpkey_random,
};
#endif

/* ================================================================================================
 * MARK: - >>isoapplet
 * Driver: IsoApplet, versions 0 and 1 of its interface. The example for a new driver.
 *
 * Owns    driver_isoapplet
 * Uses    >>alg >>hash >>padding >>apdu >>link >>iso >>card >>place >>trial >>p15 >>p15file
 *         >>p15dir >>p15token >>p15object >>p15key
 * Names   isoapplet_
 * Specs   IsoApplet's command reference; ISO 7816-4, -8, -15
 * Tests   tests/unit/isoapplet.c
 *
 * An applet for Java Cards, with an AID of its own, a PKCS#15 directory, one PIN and one PUK, keys
 * of RSA and EC. The directory is read by >>p15dir. What is here is what only this card does: how
 * it is recognised, what its commands for keys look like.
 *
 * A driver reads in this order: what the card is; its numbers, credentials, quirks; probe; list;
 * what a key does, once, and then tried on trust (>>trial); the table, which says what it can.
 * ==============================================================================================*/

#if SCARD11_ISOAPPLET

#define ISOAPPLET_PIN          0x01
#define ISOAPPLET_RSA          0x11         // algorithms: the card pads (PKCS#1 v1.5)
#define ISOAPPLET_PSS          0x12         // the card pads by PSS, with a salt as long as the hash
#define ISOAPPLET_ECDSA        0x21
#define ISOAPPLET_INS_GET_DATA 0xca
#define ISOAPPLET_VERSION_LEN  3            // bytes that tell it: version, minor, features
#define ISOAPPLET_HAS_PSS      0x08         // a bit of the features, from version 1 on

static const u8 isoapplet_aid[] = { 0xf2, 0x76, 0xa2, 0x88, 0xbc, 0xfb, 0xa6, 0x9d, 0x34, 0xf3,
                                    0x10, 0x01 };

// QUIRK(IsoApplet): VERIFY takes a PIN as long as it is; a command that changes one takes both with
// filler.
// QUIRK(IsoApplet): an empty VERIFY tells the tries left, logged in or not; while there is no PIN
// yet it says yes.
static const struct credential isoapplet_pin = {
    .role = ROLE_USER, .reference = ISOAPPLET_PIN, .coding = CARD_PIN_ASCII, .min = 4, .max = 16,
    .fill_to = 16, .verify_bare = true, .tries = -1, .ask = true, .yes_is_missing = true,
    .logout_by = LOGOUT_SELECT
};
static const struct credential isoapplet_puk = {
    .role = ROLE_PUK, .coding = CARD_PIN_ASCII, .min = 16, .max = 16, .fill_to = 16, .tries = -1,
    .fixed = true
};

struct isoapplet {
    struct p15 p15;                         // first: p15_ functions take it for their own
    bool hashes;            // QUIRK(IsoApplet 0): EC keys sign the SHA-1 hash of what they get
};

// ---- Finding out ----

// Asks for the version. Version 0 does not know the question: SW_NO_INS.
static st isoapplet_ask_version(struct card *card, struct buf *version)
{
    struct apdu ask = { .ins = ISOAPPLET_INS_GET_DATA, .p1 = 0x01, .p2 = 0x01,
                        .le = ISOAPPLET_VERSION_LEN };
    return link_exchange(&card->link, &ask, version);
}

// What the version means for keys. Version 0 says it in the answer to SELECT (said), version 1 when
// it is asked.
static st isoapplet_read_version(struct card *card, struct isoapplet *isoapplet, bytes said,
                                 struct token *token)
{
    u8 room[16];
    struct buf version = buf_on(room, sizeof room);
    if (said.n != ISOAPPLET_VERSION_LEN) {
        st s = isoapplet_ask_version(card, &version);
        if (link_is_broken(s)) return s;
        said = s ? BYTES_NONE : buf_bytes(&version);
    }
    if (said.n != ISOAPPLET_VERSION_LEN) return ST_NOT_MINE;    // it said yes to any AID
    u8 number = said.p[0], features = said.p[2];
    if (number > 1) return ST_NOT_MINE;
    isoapplet->hashes = number == 0;
    token->ec_hash = isoapplet->hashes ? CKM_SHA_1 : 0;
    token->card_pads = CARD_SCHEME(ALG_PKCS1);
    if (number > 0 && features & ISOAPPLET_HAS_PSS) token->card_pads |= CARD_SCHEME(ALG_PSS);
    return ST_OK;
}

// Is version 1 the selected applet? It says so.
static st isoapplet_find_version_1(struct card *card, struct buf *version)
{
    TRY(isoapplet_ask_version(card, version));
    return version->n == ISOAPPLET_VERSION_LEN && version->p[0] == 1 ? ST_OK : ST_NOT_FOUND;
}

// Is version 0 the selected applet? Its MF tells, of which it says this and no more.
static st isoapplet_find_version_0(struct card *card, struct buf *version)
{
    static const u8 mf[] = { 0x6f, 0x07, 0x82, 0x01, 0x38, 0x83, 0x02, 0x3f, 0x00 };
    TRY(iso_select(&card->link, ISO_BY_FID, ISO_FCI, BYTES(0x3f, 0x00), version));
    if (!bytes_equal(buf_bytes(version), bytes_of(mf, sizeof mf))) return ST_NOT_FOUND;
    buf_rewind(version, 0);
    buf_put(version, BYTES(0, 0, 0));
    return ST_OK;
}

// Another program uses the card, and SELECT would end its login: is the applet the selected one?
// Both versions have a TokenInfo (5032), too, or it is another card.
static st isoapplet_find_selected(struct card *card, struct buf *version)
{
    if (!card->shared) return ST_NOT_FOUND;
    st s = isoapplet_find_version_1(card, version);
    if (s == SW_NO_INS) s = isoapplet_find_version_0(card, version);
    if (!s) s = iso_select_file(&card->link, ISO_BY_PATH, BYTES(0x50, 0x15, 0x50, 0x32));
    if (!s || link_is_broken(s)) return s;
    buf_rewind(version, 0);
    return ST_NOT_FOUND;
}

// Is it an IsoApplet that is known here? Sets up its token.
static st isoapplet_probe(struct card *card, struct token *token, struct scratch scratch)
{
    u8 room[256];
    struct buf fci = buf_on(room, sizeof room);
    bytes aid = bytes_of(isoapplet_aid, sizeof isoapplet_aid);
    st s = isoapplet_find_selected(card, &fci);
    bool there = !s;
    if (s == ST_NOT_FOUND) s = iso_select_aid(&card->link, ISO_FCI, aid, &fci);
    if (s == ST_NOT_FOUND) return ST_NOT_MINE;
    if (s) return s;
    struct isoapplet *isoapplet = token->state = ARENA_NEW(&card->arena, struct isoapplet, 1);
    if (!isoapplet) return ST_ARENA_FULL;
    p15dir_init(&isoapplet->p15, aid, P15_FLAT);
    TRY(isoapplet_read_version(card, isoapplet, buf_bytes(&fci), token));
    p15_attach(token, &isoapplet->p15);
    card_set_credential(token, &isoapplet_pin);
    card_set_credential(token, &isoapplet_puk);
    strcpy(token->label, "IsoApplet");
    token->key_types = CARD_TYPE(ALG_RSA) | CARD_TYPE(ALG_EC);
    if (there) place_seen(card, token);
    else       place_arrived(card, token);
    return p15token_open(card, token, scratch);
}

// Lists what the directory has; EC keys of version 0 are marked as hashing themselves.
static st isoapplet_list(struct card *card, struct token *token, const struct query *query,
                         struct scratch scratch)
{
    const struct isoapplet *isoapplet = token->state;
    TRY(p15object_list(card, token, query, scratch));
    if (!isoapplet->hashes) return ST_OK;
    for (const struct p15_key *key = isoapplet->p15.keys; key; key = key->next)
        if (key->type == ALG_EC && key->private_object)
            key->private_object->hashes = alg_hash_find(CKM_SHA_1);
    return ST_OK;
}

// ---- Keys ----

static u8 isoapplet_algorithm(const struct p15_key *key, const struct alg_use *use)
{
    if (use->scheme == ALG_PSS) return ISOAPPLET_PSS;
    return key->type == ALG_RSA ? ISOAPPLET_RSA : ISOAPPLET_ECDSA;
}

// One attempt to sign, into out as PKCS#11 has it. The card pads RSA itself: it gets what is in the
// padding, not the block.
static st isoapplet_sign_once(struct card *card, struct object *object, const struct alg_use *use,
                              bytes in, struct scratch scratch, struct buf *out)
{
    const struct p15_key *key = object->state;
    bool rsa = key->type == ALG_RSA;
    u8 algorithm = isoapplet_algorithm(key, use);
    struct buf raw = scratch_buf(&scratch, ALG_RESULT_MAX);
    bytes data = algorithm == ISOAPPLET_RSA ? padding_pkcs1_signed(in) : in;
    if (rsa && !data.n) return ST_MECHANISM;
    TRY(place_set_environment(card, MSE_SET, CRT_SIGN,
                              BYTES(CRT_ALGORITHM, 1, algorithm, CRT_KEY, 1, key->reference),
                              false));
    TRY(iso_sign(&card->link, data, rsa ? APDU_LE_ALL : APDU_LE_SHORT, &raw));
    if (rsa) return card_put_rsa(object->key, buf_bytes(&raw), out);
    return padding_ecdsa_to_raw(buf_bytes(&raw), object->key->curve->size, out);
}

// Signs. What a key of version 0 signs is the hash of in, and so the trial checks that.
static st isoapplet_sign(struct card *card, struct object *object, const struct alg_use *use,
                         bytes in, struct scratch scratch, struct buf *out)
{
    struct buf digest = scratch_buf(&scratch, 64);
    if (object->hashes) TRY(hash_of(object->hashes, in, &digest));
    struct trial trial = p15key_trial(card, object, use, object->hashes ? buf_bytes(&digest) : in,
                                      scratch, out);
    while (trial_next(&trial)) trial.s = isoapplet_sign_once(card, object, use, in, scratch, out);
    return p15key_status(trial.s);
}

// One attempt to decrypt. The card takes the padding off; >>op wants it, for all cards.
static st isoapplet_decrypt_once(struct card *card, struct object *object, bytes in,
                                 struct scratch scratch, struct buf *out)
{
    const struct p15_key *key = object->state;
    struct buf data = scratch_buf(&scratch, in.n + 1);
    struct buf plain = scratch_buf(&scratch, ALG_RESULT_MAX);
    TRY(place_set_environment(card, MSE_SET, CRT_CIPHER,
                              BYTES(CRT_ALGORITHM, 1, ISOAPPLET_RSA, CRT_KEY, 1, key->reference),
                              !card->sure));
    buf_put8(&data, 0);                     // padding indicator: no further information
    buf_put(&data, in);
    TRY(iso_decipher(&card->link, buf_bytes(&data), APDU_LE_ALL, &plain));
    return p15key_pad_again(buf_bytes(&plain), in.n, out);
}

static st isoapplet_decrypt(struct card *card, struct object *object, const struct alg_use *use,
                            bytes in, struct scratch scratch, struct buf *out)
{
    (void)use;
    struct trial trial = p15key_secret_trial(card, object, in, scratch, out);
    while (trial_next(&trial)) trial.s = isoapplet_decrypt_once(card, object, in, scratch, out);
    return trial.s == SW_WRONG_DATA ? ST_CIPHER_DATA : p15key_status(trial.s);
}

static const struct driver driver_isoapplet = {
    .name    = "IsoApplet",
    .probe   = isoapplet_probe,
    .select  = p15file_select,
    .open    = p15token_open,
    .list    = isoapplet_list,
    .read    = p15object_read,
    .landmark = p15dir_landmark,
    .sign    = isoapplet_sign,
    .decrypt = isoapplet_decrypt,
    .random  = p15token_random,
};
#endif

/* ================================================================================================
 * MARK: - >>schsm
 * Driver: SmartCard-HSM by CardContact, Nitrokey HSM, Pico HSM.
 *
 * Owns    driver_schsm
 * Uses    >>tlv >>x509 >>alg >>padding >>cipher >>apdu >>link >>iso >>card >>place >>secret >>trial
 *         >>p15entry >>p15 >>p15file >>p15dir >>p15token >>p15object >>p15key
 * Names   schsm_
 * Specs   SmartCard-HSM's command reference; BSI TR-03110 (card-verifiable certificates)
 * Tests   tests/unit/schsm.c
 *
 * The card has no directory: a command lists its files, whose identifiers say what they hold. In
 * the first byte is the kind, in the second the number of a key, certificate or data object.
 *
 *   CC  a key, never read         C4  what PKCS#15 says of it, an entry of PrKDF or SKDF
 *   CA  a certificate             C8  what PKCS#15 says of it
 *   CF  data; CD  private data    C9  what PKCS#15 says of it
 *   CE  of a key: its certificate, or until there is one the request for it, which has the public
 *   ... key (a CVC, card-verifiable certificate). Not in every card's list
 *
 * A file is read whole by one command, without a SELECT. A search costs the list, once; then, also
 * once each: C4 of the keys up to the one with the CKA_ID that is searched for, of all without one;
 * CE of a key, when its size or public half is asked for, or a certificate of its CKA_ID is
 * searched for; C8 and C9 only where certificates and data are searched for.
 * ==============================================================================================*/

#if SCARD11_SCHSM

#define SCHSM_CLA          0x80
#define SCHSM_INS_LIST     0x58
#define SCHSM_INS_DECIPHER 0x62         // and key agreement
#define SCHSM_INS_SIGN     0x68
#define SCHSM_INS_CIPHER   0x78
#define SCHSM_INS_READ     0xb1
#define SCHSM_TAG_OFFSET   0x54
#define SCHSM_RAW_SIGN     0x20         // algorithms
#define SCHSM_RAW_DECIPHER 0x21
#define SCHSM_PKCS1        0x30         // of a DigestInfo, which the card pads
#define SCHSM_ECDSA        0x70         // of a hash
#define SCHSM_ECDH         0x80
#define SCHSM_CBC_ENCRYPT  0x10
#define SCHSM_CBC_DECRYPT  0x11
#define SCHSM_CMAC         0x18

#define SCHSM_PIN          0x81
#define SCHSM_SO_PIN       0x88
#define SCHSM_KEYS         256          // numbers that a key, certificate or data object can have
#define SCHSM_USED_UP      0x6a84       // QUIRK(Pico HSM): a key was used as often as it may be
#define SCHSM_BLOCKS       960          // bytes of a command of AES, at most
#define SCHSM_SEQUENCE     5            // digits that end a holder reference
#define SCHSM_AES          TLV_CONSTRUCTED(8)   // an entry of SKDF
#define SCHSM_TAG_OWN      0x85         // in what SELECT answers: options and version are its end

// Options that the card was initialised with.
#define SCHSM_MAY_UNBLOCK  0x01         // the SO-PIN sets the user PIN anew ...
#define SCHSM_FREES_ONLY   0x20         // ... or does no more than free it

// The first byte of a file's identifier: its kind.
enum schsm_kind { SCHSM_DATA = 0xcf, SCHSM_PRIVATE_DATA = 0xcd, SCHSM_CERT = 0xce,
                  SCHSM_OTHER_CERT = 0xca, SCHSM_KEY = 0xcc, SCHSM_KEY_ENTRY = 0xc4,
                  SCHSM_CERT_ENTRY = 0xc8, SCHSM_DATA_ENTRY = 0xc9 };

// Which files of a number the list has, and which of them were read.
enum schsm_has { SCHSM_HAS_KEY = 1, SCHSM_HAS_KEY_ENTRY = 2, SCHSM_HAS_CERT_ENTRY = 4,
                 SCHSM_HAS_DATA_ENTRY = 8, SCHSM_HAS_ANY = 15, SCHSM_READ_KEY_ENTRY = 16,
                 SCHSM_READ_CERT_ENTRY = 32, SCHSM_READ_DATA_ENTRY = 64, SCHSM_READ_CERT = 128 };

static const u8 schsm_aid[] = { 0xe8, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0xc3, 0x1f, 0x02, 0x01 };
static const u8 schsm_info[] = { 0x2f, 0x03 }, schsm_device[] = { 0x2f, 0x02 };

// An empty VERIFY costs nothing and ends nothing, logged in or not.
// QUIRK(Pico HSM): a PIN of a wrong length costs a try.
static const struct credential schsm_pin = {
    .role = ROLE_USER, .reference = SCHSM_PIN, .coding = CARD_PIN_ASCII, .min = 6, .max = 15,
    .tries = -1, .ask = true, .transport = true, .logout_by = LOGOUT_SELECT
};
// What it may do only the answer to SELECT tells: see schsm_select.
static const struct credential schsm_so_pin = {
    .role = ROLE_PUK, .reference = SCHSM_SO_PIN, .coding = CARD_PIN_HEX, .min = 16, .max = 16,
    .tries = -1, .presented = true, .uncertain = true, .logout_by = LOGOUT_SELECT
};

struct schsm {
    struct p15 p15;                     // first: p15_ functions take it for their own
    bool listed;                        // has was filled once
    bool current;                       // ... since the card was connected last
    bool no_chains;                     // QUIRK(CardContact): it knows no chains
    u8   has[SCHSM_KEYS];               // by number: enum schsm_has
    char serial[17];                    // of the device's certificate
};

// ---- Files ----

// There is nothing to select: the command that reads names its file.
static st schsm_select_file(struct card *card, struct token *token, const struct p15_path *path,
                            struct buf *told)
{
    (void)token; (void)told;
    return path->file.n == 2 ? link_ready(&card->link) : ST_NOT_FOUND;
}

static bool schsm_has_object(bytes got)
{
    struct tlv tlv;
    return !tlv_next(&got, &tlv);
}

// READ BINARY with the identifier and an offset. Of the device's certificates only the first is
// wanted.
static st schsm_read_file(struct card *card, const struct p15_path *path, u32 offset, u32 le,
                          struct buf *out)
{
    bytes file = path->file;
    bool device = bytes_equal(file, bytes_of(schsm_device, sizeof schsm_device));
    struct apdu cmd = { .ins = SCHSM_INS_READ, .p1 = file.p[0], .p2 = file.p[1], .le = le,
                        .data = BYTES(SCHSM_TAG_OFFSET, 2, (u8)(offset >> 8), (u8)offset),
                        .enough = device ? schsm_has_object : NULL };
    TRY(link_count_read(&card->link));
    return iso_read_status(link_exchange(&card->link, &cmd, out));
}

static const struct p15_io schsm_io = { schsm_select_file, schsm_read_file, ISO_FCI };

// ---- Card-verifiable certificates ----

// The body of a CVC, bare or in a request.
static st schsm_open_cvc(bytes in, bytes *body)
{
    bytes inside;
    if (!tlv_open(in, TLV_CVC_REQUEST, &inside)) in = inside;
    TRY(tlv_open(in, TLV_CVC, &inside));
    return tlv_open(inside, TLV_CVC_BODY, body);
}

// The public key of a CVC. An EC key's domain parameters come as numbers; the curve is the one that
// its point lies on.
static st schsm_parse_key(bytes cvc, enum alg_type type, struct alg_key *out)
{
    bytes body, in;
    TRY(schsm_open_cvc(cvc, &body));
    if (!tlv_find(body, TLV_CVC_KEY, &in)) return ST_PROTOCOL;
    *out = (struct alg_key){ .type = type };
    TRY(alg_take_public(in, out));
    if (type != ALG_EC) return alg_check_rsa(out);
    out->curve = cipher_curve_of(out->point);
    if (!out->curve) return ST_PROTOCOL;
    out->bits = out->curve->bits;
    return ST_OK;
}

// ---- Finding out ----

// Keeps the serial number in a holder reference: what is before the number of the certificate, five
// digits.
// QUIRK(Pico HSM): its own name, and five characters that tell one from another.
static void schsm_keep_serial(struct schsm *schsm, bytes holder)
{
    size_t n = holder.n, digits = 0;
    while (digits < n && holder.p[n - 1 - digits] >= '0' && holder.p[n - 1 - digits] <= '9')
        digits++;
    if (digits >= SCHSM_SEQUENCE && n > SCHSM_SEQUENCE) holder.n -= SCHSM_SEQUENCE;
    p15entry_text(schsm->serial, sizeof schsm->serial, bytes_head(holder, 16));
}

// Reads the device's certificate: the serial number, and the landmark, which no other card has.
// ST_NOT_FOUND: there is none.
static st schsm_read_device(struct card *card, struct token *token, struct scratch scratch)
{
    struct schsm *schsm = token->state;
    struct buf content = scratch_rest(&scratch);
    struct tlv first;
    bytes body, holder;
    st s = p15file_read_once(card, token, &schsm->p15.mark_file, P15_OBJECT, &content);
    if (link_is_broken(s)) return s;
    bytes rest = buf_bytes(&content);
    if (s || tlv_next(&rest, &first) || schsm_open_cvc(first.whole, &body)) return ST_NOT_FOUND;
    if (!tlv_find(body, TLV_CVC_HOLDER, &holder)) return ST_NOT_FOUND;
    schsm_keep_serial(schsm, holder);
    return place_note(&schsm->p15.mark, 0, first.whole);
}

// What the SO-PIN does for the user PIN, by the options, which stand before a byte and the version.
// A version before 2 does not tell them.
static u8 schsm_unblocks(bytes own)
{
    u8 options = own.n >= 4 ? own.p[own.n - 4] : SCHSM_MAY_UNBLOCK;
    if (!(options & SCHSM_MAY_UNBLOCK)) return UNBLOCK_NOT;
    return options & SCHSM_FREES_ONLY ? UNBLOCK_FREES_ALONE : UNBLOCK_TOGETHER;
}

// SELECT of the application, the one place. The answer tells options and version, or nothing.
static st schsm_select(struct card *card, struct token *token, const struct place *place)
{
    struct credential *so_pin = card_credential(token, ROLE_PUK);
    u8 room[APDU_LE_SHORT];
    struct buf fci = buf_on(room, sizeof room);
    struct tlv outer;
    bytes own = BYTES_NONE;
    (void)place;
    TRY(iso_select_aid(&card->link, ISO_FCI, bytes_of(schsm_aid, sizeof schsm_aid), &fci));
    so_pin->uncertain = false;
    bytes rest = buf_bytes(&fci);
    if (tlv_next(&rest, &outer) || !tlv_find(outer.value, SCHSM_TAG_OWN, &own) || own.n < 2)
        return ST_OK;
    token->firmware.major = own.p[own.n - 2];
    token->firmware.minor = own.p[own.n - 1];
    so_pin->unblock_by = schsm_unblocks(own);
    return ST_OK;
}

// SELECT of the application. ST_NOT_MINE: it is not there, or the card says yes to any AID.
static st schsm_find(struct card *card, struct token *token, struct scratch scratch)
{
    st s = place_select(card, token);
    if (s == ST_LOST) return ST_NOT_MINE;
    if (s) return s;
    s = schsm_read_device(card, token, scratch);
    bool told = token->firmware.major || token->firmware.minor;
    if (s != ST_NOT_FOUND) return s;
    return told ? ST_OK : ST_NOT_MINE;
}

// What C_GetTokenInfo needs: tries left, label, serial number.
static st schsm_open(struct card *card, struct token *token, struct scratch scratch)
{
    const struct schsm *schsm = token->state;
    TRY(secret_read_tries(card, token, scratch));
    TRY(p15dir_read_info(card, token, scratch));
    bool none = strspn(token->serial, "0") == strlen(token->serial);
    if (none) memcpy(token->serial, schsm->serial, sizeof token->serial);
    token->blank = card_pin(token)->missing;
    return ST_OK;
}

// Is it a SmartCard-HSM? Sets up its token. Where another program uses the card, SELECT would end
// its login: the device's certificate is looked for before.
static st schsm_probe(struct card *card, struct token *token, struct scratch scratch)
{
    struct schsm *schsm = token->state = ARENA_NEW(&card->arena, struct schsm, 1);
    st s = ST_NOT_FOUND;
    if (!schsm) return ST_ARENA_FULL;
    p15dir_init(&schsm->p15, bytes_of(schsm_aid, sizeof schsm_aid), P15_FLAT | P15_SHORT_END);
    schsm->p15.io = &schsm_io;
    schsm->p15.info_path = bytes_of(schsm_info, sizeof schsm_info);
    schsm->p15.mark_file.file = bytes_of(schsm_device, sizeof schsm_device);
    schsm->p15.mark.unique = true;
    schsm->p15.odf_read = true;                     // there is none
    p15_attach(token, &schsm->p15);
    card_set_credential(token, &schsm_pin);
    card_set_credential(token, &schsm_so_pin);
    strcpy(token->label, "SmartCard-HSM");
    strcpy(token->maker, "CardContact");
    token->key_types = CARD_TYPE(ALG_RSA) | CARD_TYPE(ALG_EC);
    token->secrets = CARD_AES;
    if (card->shared) s = schsm_read_device(card, token, scratch);
    if (!s) place_seen(card, token);
    if (s == ST_NOT_FOUND) s = schsm_find(card, token, scratch);
    return s ? s : schsm_open(card, token, scratch);
}

// Before the SO's login: what may the SO-PIN do? SELECT tells. Who took the card while another
// program used it has sent none yet.
static st schsm_login(struct card *card, struct token *token, struct credential *pin,
                      struct scratch scratch)
{
    (void)scratch;
    return pin->uncertain ? place_select(card, token) : ST_OK;
}

// ---- The list ----

// Asks for the list of files.
static st schsm_ask_list(struct card *card, struct scratch *scratch, bytes *list)
{
    struct apdu ask = { .cla = SCHSM_CLA, .ins = SCHSM_INS_LIST, .le = APDU_LE_ALL };
    struct buf b = scratch_rest(scratch);
    TRY(link_exchange(&card->link, &ask, &b));
    *list = scratch_keep(scratch, &b);
    return ST_OK;
}

// Does a list name the device's own key? Then it is a SmartCard-HSM that answered.
static bool schsm_is_list(bytes list)
{
    for (; list.n >= 2; list = bytes_from(list, 2))
        if (list.p[0] == SCHSM_KEY && !list.p[1]) return true;
    return false;
}

// Notes which files there are. Key 0 is the device's own.
static void schsm_take_list(bytes list, u8 has[SCHSM_KEYS])
{
    memset(has, 0, SCHSM_KEYS);
    for (; list.n >= 2; list = bytes_from(list, 2)) {
        u8 *of = &has[list.p[1]];
        if (list.p[0] == SCHSM_KEY && list.p[1]) *of |= SCHSM_HAS_KEY;
        if (list.p[0] == SCHSM_KEY_ENTRY) *of |= SCHSM_HAS_KEY_ENTRY;
        if (list.p[0] == SCHSM_CERT_ENTRY) *of |= SCHSM_HAS_CERT_ENTRY;
        if (list.p[0] == SCHSM_DATA_ENTRY) *of |= SCHSM_HAS_DATA_ENTRY;
    }
}

// Reads the list, on trust first: see schsm_is_list.
static st schsm_read_list(struct card *card, struct token *token, struct scratch scratch,
                          u8 has[SCHSM_KEYS])
{
    for (;;) {
        struct scratch again = scratch;
        bytes list = BYTES_NONE;
        st s = schsm_ask_list(card, &again, &list);
        if (link_is_broken(s)) return s;
        bool ours = !s && (card->sure || schsm_is_list(list));
        if (ours) schsm_take_list(list, has);
        if (ours || card->sure) return s;
        TRY(place_be_sure(card, token, scratch));
    }
}

// Have the files changed, as far as the list says?
static bool schsm_differs(const u8 a[SCHSM_KEYS], const u8 b[SCHSM_KEYS])
{
    for (size_t i = 0; i < SCHSM_KEYS; i++)
        if ((a[i] ^ b[i]) & SCHSM_HAS_ANY) return true;
    return false;
}

// The card is not what it was: forgets what was read, and reads again what C_GetTokenInfo needs.
static st schsm_begin_anew(struct card *card, struct token *token, struct scratch scratch)
{
    struct schsm *schsm = token->state;
    TRY(p15dir_forget(card, &schsm->p15));
    schsm->p15.odf_read = true;
    card_pin(token)->asked = false;
    return schsm_open(card, token, scratch);
}

// Reads the list, once; again when the card was connected anew. If it is another one then, or the
// card was blank, all begins anew.
static st schsm_refresh(struct card *card, struct token *token, struct scratch scratch)
{
    struct schsm *schsm = token->state;
    u8 has[SCHSM_KEYS];
    if (p15dir_was_away(card, &schsm->p15)) schsm->current = false;
    if (schsm->current) return ST_OK;
    TRY(schsm_read_list(card, token, scratch, has));
    bool other = schsm->listed && (token->blank || schsm_differs(has, schsm->has));
    if (other) TRY(schsm_begin_anew(card, token, scratch));
    if (other || !schsm->listed) memcpy(schsm->has, has, sizeof has);
    schsm->listed = schsm->current = true;
    return ST_OK;
}

// ---- Entries of keys, certificates and data ----

// May another attempt to read a file go better? Else there is nothing in it: what has no end is not
// read again and again.
static bool schsm_in_passing(st s)
{
    return link_is_broken(s) || link_is_error(s) || s == ST_NOT_LOGGED_IN;
}

// Reads the entry of a file, kept in the card's arena. ST_NOT_FOUND: there is none.
static st schsm_read_entry(struct card *card, struct token *token, enum schsm_kind kind, u8 number,
                           struct scratch scratch, struct p15_entry *entry)
{
    struct p15_value file = { .path = { .file = BYTES((u8)kind, number) } };
    struct tlv record;
    bytes content;
    st s = p15file_read_value(card, token, &file, P15_RECORDS, &scratch, &content);
    if (schsm_in_passing(s)) return s;
    if (s) return ST_NOT_FOUND;
    bytes kept = arena_copy(&card->arena, content);
    if (content.n && !kept.p) return ST_ARENA_FULL;
    if (p15entry_next(&kept, &record) || p15entry_parse(&record, entry)) return ST_NOT_FOUND;
    entry->rules = BYTES_NONE;                      // every key wants the PIN, whatever they say
    return ST_OK;
}

// Has an entry lead to a file: what path it says is not looked at. NULL: the arena is full.
static const u8 *schsm_lead_to(struct card *card, struct p15_entry *entry, enum schsm_kind kind,
                               u8 number)
{
    bytes path = BYTES(TLV_SEQUENCE, 4, TLV_OCTETS, 2, (u8)kind, number);
    entry->type = arena_copy(&card->arena, path);
    return entry->type.p;
}

// The object that was made of an entry.
static struct object *schsm_object_of(const struct card *card, const struct p15_entry *entry)
{
    for (u32 i = card->object_count; i--; ) {
        struct object *object = card_object_at(card, i);
        bool is = object->handle && object->entry.p == entry->whole.p;
        if (is && (object->class == CKO_PRIVATE_KEY || object->class == CKO_SECRET_KEY))
            return object;
    }
    return NULL;
}

// Makes a key of its entry. The file's number is the key's reference, whatever the entry says.
static st schsm_add_key(struct card *card, struct token *token, u8 number, struct p15_entry *entry)
{
    bool secret = entry->tag == SCHSM_AES;
    struct p15_entry as = *entry;
    as.auth_id = BYTES_NONE;
    as.flags |= P15_PRIVATE;
    if (secret) as.tag = TLV_SEQUENCE;
    TRY(secret ? p15object_add_secret(card, token, &as) : p15object_add_private(card, token, &as));
    struct object *object = schsm_object_of(card, entry);
    if (!object) return ST_OK;
    struct p15_key *key = object->state;
    object->ref = key->reference = number;
    if (!secret) return ST_OK;
    bool sized = key->bits == 128 || key->bits == 192 || key->bits == 256;
    object->secret_type = CKK_AES;
    object->secret_len = sized ? key->bits / 8 : 0;
    object->unread = false;
    return ST_OK;
}

// The certificate that was made of a file, or NULL.
static struct p15_certificate *schsm_certificate_in(const struct token *token,
                                                    enum schsm_kind kind, u8 number)
{
    const struct p15 *p15 = token->state;
    struct p15_certificate *cert = p15->certificates;
    while (cert && !bytes_equal(cert->value.path.file, BYTES((u8)kind, number))) cert = cert->next;
    return cert;
}

// Makes a certificate of an entry and a file. It tells of no key: several may have its CKA_ID.
static st schsm_add_certificate_in(struct card *card, struct token *token, enum schsm_kind kind,
                                   u8 number, struct p15_entry *entry)
{
    if (!schsm_lead_to(card, entry, kind, number)) return ST_ARENA_FULL;
    entry->tag = TLV_SEQUENCE;
    TRY(p15object_add_certificate(card, token, entry, false));
    struct p15_certificate *cert = schsm_certificate_in(token, kind, number);
    if (cert) cert->id = BYTES_NONE;
    return ST_OK;
}

static st schsm_add_certificate(struct card *card, struct token *token, u8 number,
                                struct p15_entry *entry)
{
    return schsm_add_certificate_in(card, token, SCHSM_OTHER_CERT, number, entry);
}

// Private data are in files of another kind, which the card gives after the login only.
static st schsm_add_data(struct card *card, struct token *token, u8 number,
                         struct p15_entry *entry)
{
    static const u8 pin_id[] = { 1 };
    bool private = entry->flags & P15_PRIVATE;
    enum schsm_kind kind = private ? SCHSM_PRIVATE_DATA : SCHSM_DATA;
    if (!schsm_lead_to(card, entry, kind, number)) return ST_ARENA_FULL;
    entry->tag = TLV_SEQUENCE;
    entry->auth_id = private ? bytes_of(pin_id, sizeof pin_id) : BYTES_NONE;
    return p15object_add_data(card, token, entry);
}

// The kinds of entries, and what becomes of them.
static const struct schsm_entries {
    enum schsm_kind kind;
    u8 listed, read;
    st (*add)(struct card *, struct token *, u8 number, struct p15_entry *);
} schsm_keys = { SCHSM_KEY_ENTRY, SCHSM_HAS_KEY | SCHSM_HAS_KEY_ENTRY, SCHSM_READ_KEY_ENTRY,
                 schsm_add_key },
  schsm_certificates = { SCHSM_CERT_ENTRY, SCHSM_HAS_CERT_ENTRY, SCHSM_READ_CERT_ENTRY,
                         schsm_add_certificate },
  schsm_data = { SCHSM_DATA_ENTRY, SCHSM_HAS_DATA_ENTRY, SCHSM_READ_DATA_ENTRY, schsm_add_data };

// Takes one entry, if it is there and was not taken yet.
static st schsm_load_one(struct card *card, struct token *token, const struct schsm_entries *of,
                         u8 number, struct scratch scratch)
{
    struct schsm *schsm = token->state;
    struct p15_entry entry;
    u8 *has = &schsm->has[number];
    if ((*has & of->listed) != of->listed || *has & of->read) return ST_OK;
    TRY(card_reserve(card, 1));
    st s = schsm_read_entry(card, token, of->kind, number, scratch, &entry);
    if (!s && p15dir_count_entry(card, &schsm->p15)) s = of->add(card, token, number, &entry);
    if (!s || s == ST_NOT_FOUND) *has |= of->read;
    return s == ST_NOT_FOUND ? ST_OK : s;
}

// Is an object of the token known that has the CKA_ID?
static bool schsm_knows(const struct card *card, const struct token *token, bytes id,
                        bool certificate)
{
    for (u32 i = 0; i < card->object_count; i++) {
        const struct object *object = card_object_at(card, i);
        bool ours = object->handle && !object->owner && object->token == token;
        bool key = object->class == CKO_PRIVATE_KEY || object->class == CKO_SECRET_KEY;
        bool counts = certificate ? object->class == CKO_CERTIFICATE : key;
        if (ours && counts && bytes_equal(object->id, id)) return true;
    }
    return false;
}

// Takes entries, all of them or until an object has the CKA_ID that is searched for.
static st schsm_load(struct card *card, struct token *token, const struct schsm_entries *of,
                     const struct query *query, struct scratch scratch)
{
    bool certificate = of == &schsm_certificates;
    for (u32 number = 0; number < SCHSM_KEYS; number++) {
        if (!query->any_id && schsm_knows(card, token, query->id, certificate)) return ST_OK;
        TRY(schsm_load_one(card, token, of, (u8)number, scratch));
    }
    return ST_OK;
}

// ---- What belongs to a key: its certificate, or the request for one ----

// The certificate object of a key; a new one where there is none yet. NULL: the arena is full.
static struct p15_certificate *schsm_certificate_of(struct card *card, struct token *token,
                                                    const struct p15_key *key)
{
    struct p15_certificate *cert = schsm_certificate_in(token, SCHSM_CERT, key->reference);
    struct p15_entry entry;
    struct tlv record;
    bytes rest = key->private_object->entry;
    if (cert || tlv_next(&rest, &record) || p15entry_parse(&record, &entry)) return cert;
    if (schsm_add_certificate_in(card, token, SCHSM_CERT, key->reference, &entry)) return NULL;
    return schsm_certificate_in(token, SCHSM_CERT, key->reference);
}

// Takes a certificate, and the key's public half from it. ST_NOT_FOUND: it has none that fits.
static st schsm_take_certificate(struct card *card, struct token *token, struct p15_key *key,
                                 bytes der, struct scratch scratch)
{
    struct p15_certificate *cert = schsm_certificate_of(card, token, key);
    struct alg_key found;
    if (!cert) return ST_ARENA_FULL;
    TRY(p15object_keep_certificate(card, token->state, cert, der, scratch));
    const struct x509 *x509 = cert->object->x509;
    if (!x509 || alg_parse_spki(x509->spki, &found) || found.type != key->type)
        return ST_NOT_FOUND;
    return p15object_keep_key(card, key, &found, x509, scratch);
}

// Takes what belongs to a key. ST_NOT_FOUND: there is no public half in it.
static st schsm_take_public(struct card *card, struct token *token, struct p15_key *key,
                            bytes content, struct scratch scratch)
{
    struct alg_key found;
    if (!content.n) return ST_NOT_FOUND;
    if (*content.p == TLV_SEQUENCE)
        return schsm_take_certificate(card, token, key, content, scratch);
    if (schsm_parse_key(content, key->type, &found)) return ST_NOT_FOUND;
    return p15object_keep_key(card, key, &found, NULL, scratch);
}

// Reads what belongs to a key, once. Where that is nothing, what its entry said must do.
static st schsm_read_public(struct card *card, struct token *token, struct p15_key *key,
                            struct scratch scratch)
{
    struct schsm *schsm = token->state;
    u8 *has = &schsm->has[key->reference];
    struct p15_value file = { .path = { .file = BYTES(SCHSM_CERT, key->reference) } };
    bytes content = BYTES_NONE;
    if (*has & SCHSM_READ_CERT) return ST_OK;
    TRY(card_reserve(card, 1));
    st s = p15file_read_value(card, token, &file, P15_OBJECT, &scratch, &content);
    if (schsm_in_passing(s)) return s;
    s = schsm_take_public(card, token, key, s ? BYTES_NONE : content, scratch);
    if (s == ST_NOT_FOUND) s = p15object_take_said(card, key, true);
    if (!s) *has |= SCHSM_READ_CERT;
    return s;
}

// Reads the certificates of keys: of all, or of those with the CKA_ID.
static st schsm_load_certificates(struct card *card, struct token *token,
                                  const struct query *query, struct scratch scratch)
{
    const struct p15 *p15 = token->state;
    for (struct p15_key *key = p15->keys; key; key = key->next) {
        if (!query->any_id && !bytes_equal(key->id, query->id)) continue;
        TRY(schsm_read_public(card, token, key, scratch));
    }
    return schsm_load(card, token, &schsm_certificates, query, scratch);
}

// Makes the objects that a search may match. See list of struct driver; what it costs: above.
static st schsm_list(struct card *card, struct token *token, const struct query *query,
                     struct scratch scratch)
{
    bool any = query->any_class, certificates = any || query->class == CKO_CERTIFICATE;
    bool secret = query->class == CKO_SECRET_KEY && !query->no_secret;
    bool data = any || query->class == CKO_DATA;
    bool public = any || query->class == CKO_PUBLIC_KEY;
    bool keys = certificates || public || secret || query->class == CKO_PRIVATE_KEY;
    if (!keys && !data) return ST_OK;
    TRY(schsm_refresh(card, token, scratch));
    if (keys) TRY(schsm_load(card, token, &schsm_keys, query, scratch));
    if (certificates) TRY(schsm_load_certificates(card, token, query, scratch));
    if (data && query->any_id) TRY(schsm_load(card, token, &schsm_data, query, scratch));
    return public ? p15object_list_public(card, token) : ST_OK;
}

// See read of struct driver.
static st schsm_read(struct card *card, struct object *object, struct scratch scratch)
{
    bool key = object->class == CKO_PRIVATE_KEY || object->class == CKO_PUBLIC_KEY;
    if (key) return schsm_read_public(card, object->token, object->state, scratch);
    return p15object_read(card, object, scratch);
}

// ---- Keys ----

// What the answer to a use of a key means. 6984, 6985: it was used as often as it may be, or it is
// not for that.
static st schsm_status(st s)
{
    return s == SW_CONDITIONS || s == SCHSM_USED_UP ? ST_FAILED : p15key_status(s);
}

// A command of a key, which names it and the algorithm: no other application knows it.
static st schsm_use(struct card *card, const struct object *object, u8 ins, u8 algorithm, bytes in,
                    u32 le, bool secret, struct buf *out)
{
    struct apdu cmd = { .cla = SCHSM_CLA, .ins = ins, .p1 = (u8)object->ref, .p2 = algorithm,
                        .data = in, .le = le, .hidden_in = ins == SCHSM_INS_CIPHER,
                        .secret_out = secret };
    return link_exchange(&card->link, &cmd, out);
}

// An RSA signature of a block that the host padded. Where the block is too long for a command, and
// the card knows no chains, it gets the DigestInfo in it, if there is one.
static st schsm_sign_block(struct card *card, struct object *object, bytes block, struct buf *out)
{
    struct schsm *schsm = object->token->state;
    bytes info = padding_pkcs1_signed(block);
    bool chain = block.n > link_most(&card->link);
    if (!chain || !info.n || !schsm->no_chains) {
        st s = schsm_use(card, object, SCHSM_INS_SIGN, SCHSM_RAW_SIGN, block, APDU_LE_ALL, false,
                         out);
        bool refused = s == SW_NO_CHAINING || (s == SW_NO_CLA && card->sure);
        if (!chain || !info.n || !refused) return s;
        schsm->no_chains = true;
    }
    return schsm_use(card, object, SCHSM_INS_SIGN, SCHSM_PKCS1, info, APDU_LE_ALL, false, out);
}

// One attempt to sign, into out as PKCS#11 has it. EC: of as much of a hash as the curve has.
static st schsm_sign_once(struct card *card, struct object *object, bytes in,
                          struct scratch scratch, struct buf *out)
{
    struct buf raw = scratch_buf(&scratch, ALG_RESULT_MAX);
    const struct alg_curve *curve = object->key->curve;
    if (!curve) {
        TRY(schsm_sign_block(card, object, in, &raw));
        return card_put_rsa(object->key, buf_bytes(&raw), out);
    }
    in = bytes_head(in, curve->size);
    TRY(schsm_use(card, object, SCHSM_INS_SIGN, SCHSM_ECDSA, in, APDU_LE_SHORT, false, &raw));
    return padding_ecdsa_to_raw(buf_bytes(&raw), curve->size, out);
}

static st schsm_sign(struct card *card, struct object *object, const struct alg_use *use, bytes in,
                     struct scratch scratch, struct buf *out)
{
    struct trial trial = p15key_trial(card, object, use, in, scratch, out);
    trial.named = true;
    while (trial_next(&trial)) trial.s = schsm_sign_once(card, object, in, scratch, out);
    return schsm_status(trial.s);
}

// One attempt to decrypt: the raw operation, into out as long as the key.
static st schsm_decrypt_once(struct card *card, struct object *object, bytes in,
                             struct scratch scratch, struct buf *out)
{
    struct buf plain = scratch_buf(&scratch, ALG_RESULT_MAX);
    TRY(schsm_use(card, object, SCHSM_INS_DECIPHER, SCHSM_RAW_DECIPHER, in, APDU_LE_ALL, true,
                  &plain));
    return card_put_rsa(object->key, buf_bytes(&plain), out);
}

static st schsm_decrypt(struct card *card, struct object *object, const struct alg_use *use,
                        bytes in, struct scratch scratch, struct buf *out)
{
    (void)use;
    struct trial trial = p15key_secret_trial(card, object, in, scratch, out);
    while (trial_next(&trial)) trial.s = schsm_decrypt_once(card, object, in, scratch, out);
    return schsm_status(trial.s);
}

// One attempt to agree on a secret. It comes as a point; what counts of that is its x.
// QUIRK(Pico HSM): the point ends with its x.
static st schsm_derive_once(struct card *card, struct object *object, bytes point,
                            struct scratch scratch, struct buf *out)
{
    struct buf answer = scratch_buf(&scratch, ALG_RESULT_MAX);
    size_t size = object->key->curve->size;
    TRY(schsm_use(card, object, SCHSM_INS_DECIPHER, SCHSM_ECDH, point, APDU_LE_SHORT, true,
                  &answer));
    bool good = (answer.n == 1 + size || answer.n == 1 + 2 * size) && answer.p[0] == 0x04;
    if (good) buf_put(out, bytes_of(answer.p + 1, size));
    return good ? ST_OK : ST_PROTOCOL;
}

static st schsm_derive(struct card *card, struct object *object, bytes peer_point,
                       struct scratch scratch, struct buf *out)
{
    struct trial trial = p15key_secret_trial(card, object, peer_point, scratch, out);
    while (trial_next(&trial)) trial.s = schsm_derive_once(card, object, peer_point, scratch, out);
    return schsm_status(trial.s);
}

// ---- Secret keys ----

// How many bytes one command takes.
static size_t schsm_most(const struct link *link)
{
    return link_most(link) < SCHSM_BLOCKS ? link_most(link) : SCHSM_BLOCKS;
}

static void schsm_xor_block(u8 *block, bytes with)
{
    for (size_t i = 0; i < ALG_BLOCK && i < with.n; i++) block[i] ^= with.p[i];
}

// CBC of some blocks, in one command. The card's IV is of zeros: another one is added here, to the
// first block that goes in to encrypt, or that comes out.
static st schsm_crypt_part(struct card *card, struct object *object, bool encrypt, bytes iv,
                           bytes in, struct scratch scratch, struct buf *out)
{
    struct buf data = scratch_buf(&scratch, in.n);
    size_t start = out->n;
    u8 algorithm = encrypt ? SCHSM_CBC_ENCRYPT : SCHSM_CBC_DECRYPT;
    buf_put(&data, in);
    if (encrypt && !data.full) schsm_xor_block(data.p, iv);
    u32 le = in.n > APDU_LE_SHORT ? APDU_LE_ALL : APDU_LE_SHORT;
    TRY(schsm_use(card, object, SCHSM_INS_CIPHER, algorithm, buf_bytes(&data), le, !encrypt, out));
    if (out->n - start != in.n) return ST_PROTOCOL;
    if (!encrypt) schsm_xor_block(out->p + start, iv);
    return ST_OK;
}

// One attempt to encrypt or decrypt. ECB: to encrypt, each block by itself; to decrypt, what CBC
// did to each block but the first is undone.
static st schsm_crypt_once(struct card *card, struct object *object, const struct alg_use *use,
                           bool encrypt, bytes iv, bytes in, struct scratch scratch,
                           struct buf *out)
{
    bool ecb = use->scheme == ALG_ECB;
    size_t start = out->n, done = 0;
    size_t most = ecb && encrypt ? ALG_BLOCK : schsm_most(&card->link) / ALG_BLOCK * ALG_BLOCK;
    bytes chained = ecb ? BYTES_NONE : iv;
    for (; done < in.n; done += most) {
        bytes part = bytes_head(bytes_from(in, done), most);
        TRY(schsm_crypt_part(card, object, encrypt, chained, part, scratch, out));
        size_t last = done + part.n - ALG_BLOCK;
        if (ecb) continue;
        chained = bytes_of(encrypt ? out->p + start + last : in.p + last, ALG_BLOCK);
    }
    for (size_t i = ALG_BLOCK; ecb && !encrypt && i < in.n; i++)
        if (i % most >= ALG_BLOCK) out->p[start + i] ^= in.p[i - ALG_BLOCK];
    return ST_OK;
}

static st schsm_crypt(struct card *card, struct object *object, const struct alg_use *use,
                      bool encrypt, bytes iv, bytes in, struct scratch scratch, struct buf *out)
{
    struct trial trial = p15key_secret_trial(card, object, in, scratch, out);
    SCARD11_ASSERT(in.n % ALG_BLOCK == 0);
    while (trial_next(&trial))
        trial.s = schsm_crypt_once(card, object, use, encrypt, iv, in, scratch, out);
    return schsm_status(trial.s);
}

// One command has all the data. What comes of it may be used as a key.
static st schsm_mac(struct card *card, struct object *object, bytes in, struct scratch scratch,
                    struct buf *out)
{
    struct trial trial = p15key_secret_trial(card, object, in, scratch, out);
    if (in.n > schsm_most(&card->link)) return ST_DATA_LEN;
    while (trial_next(&trial)) {
        trial.s = schsm_use(card, object, SCHSM_INS_CIPHER, SCHSM_CMAC, in, APDU_LE_SHORT, true,
                            out);
        if (!trial.s && out->n - trial.start != ALG_BLOCK) trial.s = ST_PROTOCOL;
    }
    return schsm_status(trial.s);
}

static const struct driver driver_schsm = {
    .name    = "SmartCard-HSM",
    .public_certificates = true,
    .probe   = schsm_probe,
    .select  = schsm_select,
    .open    = schsm_open,
    .list    = schsm_list,
    .read    = schsm_read,
    .landmark = p15dir_landmark,
    .login   = schsm_login,
    .sign    = schsm_sign,
    .decrypt = schsm_decrypt,
    .derive  = schsm_derive,
    .random  = p15token_random,
    .crypt   = schsm_crypt,
    .mac     = schsm_mac,
};
#endif

/* ================================================================================================
 * MARK: - >>myeid
 * Driver: MyEID, and OsEID, which knows its commands.
 *
 * Owns    driver_myeid
 * Uses    >>tlv >>alg >>padding >>apdu >>link >>iso >>card >>place >>secret >>trial >>p15entry
 *         >>p15 >>p15file >>p15dir >>p15token >>p15object >>p15key
 * Names   myeid_
 * Specs   Aventra's MyEID reference manual; ISO 7816-4, -8, -15
 * Tests   tests/unit/myeid.c
 *
 * A PKCS#15 card whose keys are files: MSE names a key by its file, not by a reference. The applet
 * counts its changes, which tells whether what was read is still so. A further PIN of the user's is
 * a token of its own. Secret keys of AES and DES encrypt and decrypt in the card.
 * ==============================================================================================*/

#if SCARD11_MYEID

#define MYEID_PIN                0x01
#define MYEID_INS_DEAUTHENTICATE 0x2e
#define MYEID_INS_GET_DATA       0xca
#define MYEID_APPLET             0xa0       // P2 of GET DATA: the applet's information
#define MYEID_PIN_STATE          0xb0       // P2 of GET DATA: a PIN's state; its number is added
#define MYEID_APPLET_MIN         7          // bytes of the information of any version
#define MYEID_COUNTER            18         // where in it two bytes count the changes
#define MYEID_RAW                0x00       // algorithms: the card takes a whole block
#define MYEID_PKCS1              0x02       // the card pads
#define MYEID_EC                 0x04
#define MYEID_SHORT              255        // bytes that a short command holds
#define MYEID_BLOCKS             240        // whole blocks of each cipher, in a short command
#define MYEID_FILE_DES           0x19       // kinds of key files, in their FCP
#define MYEID_FILE_AES           0x29

static const u8 myeid_aid[] = { 0xa0, 0x00, 0x00, 0x00, 0x63, 0x50, 0x4b, 0x43, 0x53, 0x2d, 0x31,
                                0x35 };

static const struct credential myeid_pin = {
    .role = ROLE_USER, .reference = MYEID_PIN, .coding = CARD_PIN_ASCII, .min = 4, .max = 8,
    .fill_to = 8, .filler = 0xff, .tries = -1, .ask = true, .logout_by = LOGOUT_COMMAND
};
// It belongs to the PIN, and has no reference.
static const struct credential myeid_puk = {
    .role = ROLE_PUK, .coding = CARD_PIN_ASCII, .min = 4, .max = 8, .fill_to = 8, .filler = 0xff,
    .tries = -1, .fixed = true
};

// What a model does that others do not.
enum myeid_quirk {
    // QUIRK(OsEID): ECDH takes the size and curve of the key file that is selected, whatever MSE
    // names. A card that is no such model by its ATR may turn out to do so.
    MYEID_DERIVES_BY_FILE = 1,
};

// The models, by what their ATR has in it.
static const struct myeid_model {
    const char *atr;
    u32 quirks;                     // enum myeid_quirk
} myeid_models[] = {
    { "MyEID", 0 },
    { "OsEID", MYEID_DERIVES_BY_FILE },         // OsEID's card_os/myeid_emu.c
};

// QUIRK(OsEID): a chain that another program left open ends with 6883 to whoever comes next: see
// link_met_a_chain.

struct myeid {
    struct p15 p15;                 // first: p15_ functions take it for their own
    u32  quirks;                    // enum myeid_quirk
    bool pin_found;                 // the AODF was asked which PIN is the user's
    bool counted;                   // counter is known
    u32  counter;                   // of changes, when the directory was read
};

// The model of a card by its ATR, or NULL.
static const struct myeid_model *myeid_find_model(const struct link *link)
{
    bytes atr = bytes_of(link->atr, link->atr_len);
    for (size_t i = 0; i < COUNT(myeid_models); i++)
        if (bytes_contain(atr, myeid_models[i].atr)) return &myeid_models[i];
    return NULL;
}

// GET DATA of what MyEID tells of itself; p2 says what.
static st myeid_get_data(struct card *card, u8 p2, struct buf *out)
{
    struct apdu ask = { .ins = MYEID_INS_GET_DATA, .p1 = 0x01, .p2 = p2, .le = APDU_LE_SHORT };
    return link_exchange(&card->link, &ask, out);
}

// ---- PINs ----

// The first PIN from there on that is no PUK and not the SO's, or NULL.
static const struct p15_pin *myeid_user_pin(const struct p15_pin *pin)
{
    while (pin && pin->flags & (P15_PIN_UNBLOCKING | P15_PIN_SO)) pin = pin->next;
    return pin;
}

// The first token of a further slot that is free, or NULL.
static struct token *myeid_free_token(struct card *card)
{
    for (u32 i = 1; i < SCARD11_READER_SLOTS; i++)
        if (!card->tokens[i].state) return &card->tokens[i];
    return NULL;
}

// A further PIN of the user's is a token of its own, as far as there are slots. Nobody has done
// anything with it yet.
static void myeid_add_token(struct card *card, const struct token *first, const struct p15_pin *pin)
{
    struct myeid *myeid = first->state;
    struct credential user = myeid_pin;
    struct token *token = myeid_free_token(card);
    if (!token) return;
    *token = *first;
    token->index = (u32)(token - card->tokens);
    token->opened = token->login = token->so = token->so_lost = token->stale = false;
    token->session_count = token->rw_count = 0;
    card->token_count++;
    user.reference = pin->credential.reference;
    card_set_credential(token, &user);
    card_set_credential(token, &myeid_puk);
    myeid->p15.user_pins[token->index] = pin;
    p15dir_set_label(card, token, bytes_text(token->label));
}

// The user's PIN is the first one of the AODF that is no PUK and not the SO's: number 1 but on few
// cards. The AODF is read where number 1 is not there or blocked, or where objects name two PINs.
static st myeid_find_pin(struct card *card, struct token *token, struct scratch scratch)
{
    struct myeid *myeid = token->state;
    struct credential *pin = card_pin(token);
    if (myeid->pin_found) return ST_OK;
    TRY(p15token_load_pins(card, token, scratch));
    myeid->pin_found = true;
    const struct p15_pin *found = myeid_user_pin(myeid->p15.pins);
    if (!found) return ST_OK;
    myeid->p15.user_pins[token->index] = found;
    const struct p15_pin *more = myeid_user_pin(found->next);
    for (; more; more = myeid_user_pin(more->next)) myeid_add_token(card, token, more);
    u8 reference = found->credential.reference;
    if (reference != pin->reference) card_turn_to(pin, reference);
    return ST_OK;
}

// QUIRK(MyEID): of a PIN that is not there VERIFY says that it is blocked. What GET DATA tells of
// it is FF then, also where the numbers of its tries are.
static st myeid_tell_missing(struct card *card, struct token *token, struct scratch scratch)
{
    static const u8 none[4] = { 0xff, 0xff, 0xff, 0xff };
    u8 room[64];
    struct buf state = buf_on(room, sizeof room);
    struct credential *pin = card_pin(token);
    if (pin->tries) return ST_OK;
    TRY(place_be_sure(card, token, scratch));
    st s = myeid_get_data(card, (u8)(MYEID_PIN_STATE | (pin->reference & 0x0f)), &state);
    if (link_is_broken(s)) return s;
    if (s || !bytes_begin(buf_bytes(&state), bytes_of(none, sizeof none))) return ST_OK;
    pin->tries = -1;
    pin->missing = true;
    return ST_OK;
}

// What C_GetTokenInfo needs. Where number 1 seems not to be there, another one may be the user's.
static st myeid_open(struct card *card, struct token *token, struct scratch scratch)
{
    struct credential *pin = card_pin(token);
    TRY(p15token_open(card, token, scratch));
    if (pin->tries && !pin->missing) return ST_OK;
    TRY(myeid_find_pin(card, token, scratch));
    TRY(secret_read_tries(card, token, scratch));
    return myeid_tell_missing(card, token, scratch);
}

// Before a login: is there such a PIN?
static st myeid_login(struct card *card, struct token *token, struct credential *pin,
                      struct scratch scratch)
{
    TRY(myeid_tell_missing(card, token, scratch));
    return pin->missing ? ST_PIN_MISSING : ST_OK;
}

// ---- Finding out ----

// Is it a MyEID or an OsEID? The AID is PKCS#15's own, which other cards have too: where the ATR
// says nothing, the applet's information says whose it is.
static st myeid_recognise(struct card *card, const struct myeid_model *model)
{
    u8 room[256];
    struct buf info = buf_on(room, sizeof room);
    st s = place_try_aid(card, bytes_of(myeid_aid, sizeof myeid_aid));
    if (s == ST_NOT_FOUND) return ST_NOT_MINE;
    if (s || model) return s;
    s = myeid_get_data(card, MYEID_APPLET, &info);
    if (link_is_broken(s)) return s;
    return s || info.n < MYEID_APPLET_MIN ? ST_NOT_MINE : ST_OK;
}

// Sets up the token of a card that is one, and reads what C_GetTokenInfo needs.
static st myeid_probe(struct card *card, struct token *token, struct scratch scratch)
{
    const struct myeid_model *model = myeid_find_model(&card->link);
    TRY(myeid_recognise(card, model));
    struct myeid *myeid = token->state = ARENA_NEW(&card->arena, struct myeid, 1);
    if (!myeid) return ST_ARENA_FULL;
    if (model) myeid->quirks = model->quirks;
    p15dir_init(&myeid->p15, bytes_of(myeid_aid, sizeof myeid_aid), P15_FLAT);
    p15_attach(token, &myeid->p15);
    card_set_credential(token, &myeid_pin);
    card_set_credential(token, &myeid_puk);
    strcpy(token->label, "MyEID");
    token->key_types = CARD_TYPE(ALG_RSA) | CARD_TYPE(ALG_EC);
    token->secrets = CARD_AES | CARD_DES3;              // from version 4 on; to ask costs a command
    place_arrived(card, token);
    return myeid_open(card, token, scratch);
}

// ---- Listing ----

// Reads how often the applet was changed; 0 where it does not say.
static st myeid_read_counter(struct card *card, u32 *counter)
{
    u8 room[64];
    struct buf info = buf_on(room, sizeof room);
    st s = myeid_get_data(card, MYEID_APPLET, &info);
    if (link_is_broken(s)) return s;
    *counter = 0;
    if (!s && info.n >= MYEID_COUNTER + 2)
        *counter = (u32)bytes_number(bytes_of(room + MYEID_COUNTER, 2));
    return ST_OK;
}

// Objects of more than one PIN: which of them is number 1 must be known before any is shown.
static st myeid_list_known(struct card *card, struct token *token, const struct query *query,
                           struct scratch scratch)
{
    struct myeid *myeid = token->state;
    TRY(p15object_list(card, token, query, scratch));
    if (!myeid->p15.names_more || myeid->pin_found) return ST_OK;
    TRY(myeid_find_pin(card, token, scratch));
    p15object_sort_all(card, token);
    return ST_OK;
}

// Lists what the directory has. Where another program may have changed it since, the counter of
// changes tells whether it is to be read again.
static st myeid_list(struct card *card, struct token *token, const struct query *query,
                     struct scratch scratch)
{
    struct myeid *myeid = token->state;
    u32 counter = myeid->counter;
    if (myeid->counted && p15dir_was_away(card, &myeid->p15)) {
        TRY(place_be_sure(card, token, scratch));
        TRY(myeid_read_counter(card, &counter));
        if (counter != myeid->counter) TRY(p15dir_forget(card, &myeid->p15));
        myeid->counter = counter;
    }
    TRY(myeid_list_known(card, token, query, scratch));
    if (myeid->counted) return ST_OK;               // from here on what was read is known by it
    TRY(myeid_read_counter(card, &myeid->counter));
    myeid->counted = true;
    return ST_OK;
}

// QUIRK(MyEID): SELECT leaves the login alone; there is a command that ends it.
static st myeid_logout(struct card *card, struct token *token)
{
    struct apdu cmd = { .ins = MYEID_INS_DEAUTHENTICATE, .p2 = card_pin(token)->reference };
    return iso_send(&card->link, &cmd);
}

// ---- Private keys ----

// The identifier of a key's file; empty: the directory names none.
static bytes myeid_file_of(const struct p15_key *key)
{
    bytes path = key->where.file;
    return path.n < 2 ? BYTES_NONE : bytes_from(path, path.n - 2);
}

// MSE SET for a key, which its file names; template says for what.
static st myeid_set(struct card *card, struct object *object, u8 template, u8 algorithm,
                    bool again)
{
    bytes file = myeid_file_of(object->state);
    if (!file.n) return ST_NOT_SUPPORTED;
    return place_set_environment(card, MSE_SET, template,
                                 BYTES(CRT_ALGORITHM, 1, algorithm,
                                       CRT_FILE, 2, file.p[0], file.p[1], CRT_KEY, 1, 0), again);
}

// QUIRK(MyEID): 6985 from a key means that its PIN was not presented, or that it cannot do that.
// Which of the two, the card says when it is asked for the PIN.
static st myeid_status(struct card *card, const struct object *object, st s)
{
    int tries;
    if (s != SW_CONDITIONS) return p15key_status(s);
    st said = iso_ask_pin(&card->link, card_pin(object->token)->reference, &tries);
    if (link_is_broken(said)) return said;
    return said ? ST_NOT_LOGGED_IN : ST_FAILED;
}

// QUIRK(MyEID): a cryptogram that a short command cannot hold goes in two, led by 81 and 82. The
// halves of RSA-4096's go in chains.
static st myeid_decipher_halves(struct card *card, bytes in, struct scratch scratch,
                                struct buf *out)
{
    struct buf half = scratch_buf(&scratch, in.n);
    buf_put8(&half, 0x81);
    buf_put(&half, bytes_head(in, in.n / 2));
    TRY(iso_decipher(&card->link, buf_bytes(&half), 0, out));
    half.n = 0;
    buf_put8(&half, 0x82);
    buf_put(&half, bytes_from(in, in.n / 2));
    return iso_decipher(&card->link, buf_bytes(&half), APDU_LE_ALL, out);
}

// The raw operation on a block, by DECIPHER, into out as long as the key.
static st myeid_decipher(struct card *card, struct object *object, bytes in, bool again,
                         struct scratch scratch, struct buf *out)
{
    struct buf data = scratch_buf(&scratch, in.n + 1);
    struct buf plain = scratch_buf(&scratch, ALG_RESULT_MAX);
    TRY(myeid_set(card, object, CRT_CIPHER, MYEID_RAW, again));
    bool halves = in.n >= MYEID_SHORT && link_most(&card->link) == MYEID_SHORT;
    if (halves) {
        TRY(myeid_decipher_halves(card, in, scratch, &plain));
    } else {
        buf_put8(&data, 0);                     // padding indicator: no further information
        buf_put(&data, in);
        TRY(iso_decipher(&card->link, buf_bytes(&data), APDU_LE_ALL, &plain));
    }
    return card_put_rsa(object->key, buf_bytes(&plain), out);
}

// What is sent for a signature, and under which algorithm (returned): RSA is padded by the card
// where a short command holds what is in the padding; else data, the block, stays what it is.
static u8 myeid_sign_data(const struct p15_key *key, bytes *data)
{
    if (key->type == ALG_EC) return MYEID_EC;
    if (key->type != ALG_RSA) return MYEID_RAW;
    bytes info = padding_pkcs1_signed(*data);
    if (!info.n || info.n > MYEID_SHORT) return MYEID_RAW;
    *data = info;
    return MYEID_PKCS1;
}

// One attempt to sign, into out as PKCS#11 has it.
// QUIRK(MyEID): there is no raw signature with a block that a short command cannot hold; to
// decipher the block is the same.
static st myeid_sign_once(struct card *card, struct object *object, bytes in,
                          struct scratch scratch, struct buf *out)
{
    const struct p15_key *key = object->state;
    bool ec = key->type == ALG_EC;
    struct buf raw = scratch_buf(&scratch, ALG_RESULT_MAX);
    bytes data = in;
    u8 algorithm = myeid_sign_data(key, &data);
    if (algorithm == MYEID_RAW && data.n > MYEID_SHORT)
        return myeid_decipher(card, object, data, false, scratch, out);
    TRY(myeid_set(card, object, CRT_SIGN, algorithm, false));
    TRY(iso_sign(&card->link, data, ec ? APDU_LE_SHORT : APDU_LE_ALL, &raw));
    if (ec) return padding_ecdsa_to_raw(buf_bytes(&raw), object->key->curve->size, out);
    return card_put_rsa(object->key, buf_bytes(&raw), out);
}

static st myeid_sign(struct card *card, struct object *object, const struct alg_use *use, bytes in,
                     struct scratch scratch, struct buf *out)
{
    struct trial trial = p15key_trial(card, object, use, in, scratch, out);
    while (trial_next(&trial)) trial.s = myeid_sign_once(card, object, in, scratch, out);
    return myeid_status(card, object, trial.s);
}

static st myeid_decrypt(struct card *card, struct object *object, const struct alg_use *use,
                        bytes in, struct scratch scratch, struct buf *out)
{
    (void)use;
    struct trial trial = p15key_secret_trial(card, object, in, scratch, out);
    while (trial_next(&trial))
        trial.s = myeid_decipher(card, object, in, !card->sure, scratch, out);
    return myeid_status(card, object, trial.s);
}

// One attempt to agree on a secret, with the key's file selected where the card wants that.
static st myeid_derive_once(struct card *card, struct object *object, bytes point,
                            struct scratch scratch, struct buf *out)
{
    const struct p15_key *key = object->state;
    const struct myeid *myeid = object->token->state;
    bool by_file = myeid->quirks & MYEID_DERIVES_BY_FILE;
    if (by_file) TRY(p15file_select_path(card, object->token, &key->where, NULL));
    TRY(myeid_set(card, object, CRT_AUTH, MYEID_EC, by_file || !card->sure));
    return p15key_agree(card, object, point, scratch, out);
}

// Derives. A card that refuses though the PIN is verified may do it with the key's file selected:
// that is tried once, and remembered if it helped.
static st myeid_derive(struct card *card, struct object *object, bytes peer_point,
                       struct scratch scratch, struct buf *out)
{
    struct myeid *myeid = object->token->state;
    struct trial trial = p15key_secret_trial(card, object, peer_point, scratch, out);
    while (trial_next(&trial)) trial.s = myeid_derive_once(card, object, peer_point, scratch, out);
    st s = myeid_status(card, object, trial.s);
    bool refused = trial.s == SW_CONDITIONS && s == ST_FAILED;
    if (!refused || myeid->quirks & MYEID_DERIVES_BY_FILE) return s;
    myeid->quirks |= MYEID_DERIVES_BY_FILE;
    s = myeid_derive_once(card, object, peer_point, scratch, out);
    if (s) myeid->quirks &= ~(u32)MYEID_DERIVES_BY_FILE;
    return s == SW_CONDITIONS ? ST_FAILED : p15key_status(s);
}

// ---- Secret keys ----

// The secret keys that a key file can hold.
static const struct myeid_secret {
    u8  file;                           // MYEID_FILE_AES ...
    u16 bits;
    CK_KEY_TYPE type;
} myeid_secrets[] = {
    { MYEID_FILE_AES, 128, CKK_AES }, { MYEID_FILE_AES, 192, CKK_AES },
    { MYEID_FILE_AES, 256, CKK_AES },
    { MYEID_FILE_DES, 64, CKK_DES }, { MYEID_FILE_DES, 128, CKK_DES2 },
    { MYEID_FILE_DES, 192, CKK_DES3 },
};

// What the FCP of a key file says of a secret key: 82 its kind, 81 its size in bits. false: it is
// no FCP.
static bool myeid_parse_file(bytes fcp, struct object *object)
{
    bytes in, kind, size = BYTES_NONE;
    if (tlv_open(fcp, 0x6f, &in) || !tlv_find(in, 0x82, &kind) || !kind.n) return false;
    if (!tlv_find(in, 0x81, &size) || size.n != 2) return true;
    for (size_t i = 0; i < COUNT(myeid_secrets); i++) {
        const struct myeid_secret *secret = &myeid_secrets[i];
        if (*kind.p != secret->file || bytes_number(size) != secret->bits) continue;
        object->secret_type = secret->type;
        object->secret_len = secret->bits / 8u;
    }
    return true;
}

// A secret key of which the directory does not say for what cipher it is: its file does. On trust
// first, where another program may have selected its own application.
static st myeid_read_secret(struct card *card, struct object *object, struct scratch scratch)
{
    const struct p15_key *key = object->state;
    u8 room[256];
    while (key->where.file.n >= 2) {
        struct buf fcp = buf_on(room, sizeof room);
        st s = p15file_select_path(card, object->token, &key->where, &fcp);
        if (link_is_broken(s)) return s;
        bool known = !s && myeid_parse_file(buf_bytes(&fcp), object);
        if (known || card->sure) break;
        TRY(place_be_sure(card, object->token, scratch));
    }
    object->unread = false;
    return ST_OK;
}

static st myeid_read(struct card *card, struct object *object, struct scratch scratch)
{
    if (object->class == CKO_SECRET_KEY) return myeid_read_secret(card, object, scratch);
    return p15object_read(card, object, scratch);
}

// QUIRK(MyEID): a secret key's reference goes under 83. There is no ECB but CBC of single blocks
// under an IV of zeros, which must be set: one that was set before stays.
static st myeid_set_secret(struct card *card, struct object *object, const struct alg_use *use,
                           bool encrypt, bytes iv)
{
    static const u8 zeros[ALG_BLOCK];
    bytes file = myeid_file_of(object->state);
    u8 room[32];
    struct buf content = buf_on(room, sizeof room);
    if (!file.n) return ST_NOT_SUPPORTED;
    tlv_put(&content, CRT_ALGORITHM, BYTES(MYEID_RAW));
    tlv_put(&content, CRT_FILE, file);
    tlv_put(&content, CRT_SECRET_KEY, BYTES(0));
    tlv_put(&content, CRT_IV, use->scheme == ALG_CBC ? iv : bytes_of(zeros, use->block));
    return place_set_environment(card, encrypt ? MSE_SET_ENCIPHER : MSE_SET, CRT_CIPHER,
                                 buf_bytes(&content), !card->sure);
}

// Blocks through the card's CBC, at most so many bytes in a command: in a chain, of which each part
// is answered, or one by one, each beginning anew with the IV that was set.
static st myeid_run_blocks(struct card *card, bool encrypt, bool chain, size_t most, bytes in,
                           struct buf *out)
{
    for (; in.n; in = bytes_from(in, most)) {
        bytes part = bytes_head(in, most);
        size_t before = out->n;
        TRY(iso_crypt(&card->link, encrypt, chain && in.n > most, part, out));
        if (out->n - before != part.n) return ST_PROTOCOL;
    }
    return ST_OK;
}

// One attempt to encrypt or decrypt. ECB: each block by itself to encrypt; to decrypt, what CBC did
// to each block but the first is undone.
static st myeid_crypt_once(struct card *card, struct object *object, const struct alg_use *use,
                           bool encrypt, bytes iv, bytes in, struct buf *out)
{
    bool ecb = use->scheme == ALG_ECB, single = ecb && encrypt;
    size_t start = out->n, most = single ? use->block : MYEID_BLOCKS;
    SCARD11_ASSERT(use->block && in.n % use->block == 0);
    TRY(myeid_set_secret(card, object, use, encrypt, iv));
    st s = myeid_run_blocks(card, encrypt, !single, most, in, out);
    if (s) card->mse_len = 0;                      // a chain may have been begun
    if (s || !ecb || encrypt) return s;
    for (size_t i = use->block; i < in.n; i++) out->p[start + i] ^= in.p[i - use->block];
    return ST_OK;
}

static st myeid_crypt(struct card *card, struct object *object, const struct alg_use *use,
                      bool encrypt, bytes iv, bytes in, struct scratch scratch, struct buf *out)
{
    struct trial trial = p15key_secret_trial(card, object, in, scratch, out);
    while (trial_next(&trial)) trial.s = myeid_crypt_once(card, object, use, encrypt, iv, in, out);
    return myeid_status(card, object, trial.s);
}

static const struct driver driver_myeid = {
    .name    = "MyEID",
    .probe   = myeid_probe,
    .select  = p15file_select,
    .open    = myeid_open,
    .list    = myeid_list,
    .read    = myeid_read,
    .landmark = p15dir_landmark,
    .login   = myeid_login,
    .logout  = myeid_logout,
    .sign    = myeid_sign,
    .decrypt = myeid_decrypt,
    .derive  = myeid_derive,
    .random  = p15token_random,
    .crypt   = myeid_crypt,
};
#endif

/* ================================================================================================
 * MARK: - >>gids
 * Driver: GIDS cards, which Windows knows without a driver of theirs.
 *
 * Owns    driver_gids; the files of such a card, and what they are named; containers, and what
 *         PKCS#11 sees of them
 * Uses    >>tlv >>x509 >>zlib >>alg >>cipher >>padding >>apdu >>link >>iso >>card >>place >>secret
 *         >>trial >>p15key
 * Names   gids_
 * Specs   Generic Identity Device Specification 2.0; Windows Smart Card Minidriver Specification
 *         (cardid, cmapfile, names of certificates); ISO 7816-4, -8
 * Tests   tests/unit/gids.c
 *
 * Everything is a data object (DO) in a file, read by GET DATA. The master file names them: it is
 * the directory of Windows' file system. A key and its certificate are one container; the container
 * map (cmapfile) has its name, size and use.
 * ==============================================================================================*/

#if SCARD11_GIDS

#define GIDS_PIN          0x80
#define GIDS_PUK          0x81
#define GIDS_END_LOGINS   0x82          // the reference of an empty VERIFY that ends all logins
#define GIDS_KEY          0x81          // the key of container 0; those of the others follow it
#define GIDS_APPLICATION  0x3fff        // P1 and P2 of GET DATA: no file
#define GIDS_TAG_LIST     0x5c
#define GIDS_TAG_DO       0xdf00        // of all data objects, the first byte of two
#define GIDS_TAG_PUK      0x7f73        // the PUK's state: its tries
#define GIDS_TAG_TRIES    0x97
#define GIDS_TAG_KEY      0x7f49        // a public key

// The security environment's algorithm: what is done, and below it the kind of key.
#define GIDS_DECRYPT_RAW  0x00
#define GIDS_SIGN_RAW     0x10          // what comes is signed: a whole block, a hash
#define GIDS_SIGN_PKCS1   0x50          // the card pads
#define GIDS_INFO_MAX     247           // bytes that it pads: of one short command

#define GIDS_SMALL        256           // a certificate's beginning, or less
#define GIDS_NAME         9             // bytes of a file's name in the master file
#define GIDS_RECORD       28            // bytes of one record there
#define GIDS_FILES_MAX    512           // records that are looked at
#define GIDS_CONTAINER    86            // bytes of one record of cmapfile
#define GIDS_CONTAINER_NAME 80          // of them, of its name in UTF-16
#define GIDS_CONTAINERS_MAX 64
#define GIDS_CONTAINER_VALID 0x01       // of its flags

static const u8 gids_aid[] = { 0xa0, 0x00, 0x00, 0x03, 0x97, 0x42, 0x54, 0x46, 0x59, 0x02, 0x01 };

// Where a data object is.
struct gids_file { u16 file, object; };

static const struct gids_file gids_master = { 0xa000, 0xdf1f };

// Files that each card has, and where they are on all that were seen; the master file has the last
// word.
struct gids_named {
    const char *directory, *name;
    struct gids_file usual;
};
static const struct gids_named gids_card_id = { "", "cardid", { 0xa012, 0xdf20 } };
static const struct gids_named gids_map = { "mscp", "cmapfile", { 0xa010, 0xdf23 } };

// The lower half of the algorithm, by the size of a key. curve NULL: RSA.
static const struct alg_number gids_kinds[] = {
    { 0x06, 1024, NULL }, { 0x07, 2048, NULL }, { 0x08, 3072, NULL }, { 0x09, 4096, NULL },
    { 0x0c, 256, "P-256" }, { 0x0d, 384, "P-384" }, { 0x0e, 521, "P-521" },
};

// QUIRK(GIDS): an empty VERIFY tells the tries left, logged in or not.
// QUIRK(GidsApplet): after the command that ends logins, a security environment that was set before
// still signs. So a SELECT follows: see gids_logout.
static const struct credential gids_pin = {
    .role = ROLE_USER, .reference = GIDS_PIN, .coding = CARD_PIN_ASCII, .min = 4, .max = 16,
    .tries = -1, .ask = true, .logout_by = LOGOUT_COMMAND
};
// Not all cards have a PUK. There is a question that costs no try: see gids_login.
static const struct credential gids_puk = {
    .role = ROLE_PUK, .reference = GIDS_PUK, .coding = CARD_PIN_ASCII, .min = 4, .max = 16,
    .tries = -1, .uncertain = true
};

// A key, and its certificate if it has one.
struct gids_container {
    u32   index;                        // in the container map
    bytes label;
    bytes id;                           // CKA_ID: index + 1
    u32   bits;
    bool  decrypts;                     // a key for exchange; else one for signatures
    bool  sought;                       // its certificate was read, or there is none
    bool  listed;                       // its keys are among the objects, or it has none
    bool  proven;                       // the key on the card is the one that is shown
    const struct x509 *x509;
};

struct gids {
    struct landmark mark;               // what cardid says
    bool  master_read, map_read;
    bool  hex;                          // names of certificates count in hexadecimal digits
    bytes master;                       // its records
    u32   container_count;
    struct gids_container *containers;
};

// ---- Data objects ----

// GET DATA by a tag list or a template. ST_NOT_FOUND: there is no such thing.
static st gids_get_data(struct card *card, u16 file, bytes what, u32 le, struct buf *out)
{
    struct apdu cmd = { .ins = INS_GET_DATA, .p1 = (u8)(file >> 8), .p2 = (u8)file, .data = what,
                        .le = le };
    st s = link_exchange(&card->link, &cmd, out);
    switch (s) {
    case SW_FILE_NOT_FOUND:
    case SW_DATA_NOT_FOUND:
    case SW_DATA_UNUSABLE:   return ST_NOT_FOUND;
    case SW_SECURITY_STATUS: return ST_NOT_LOGGED_IN;
    default:                 return s;
    }
}

// The content of a data object, as whatever is selected gives it.
static st gids_get_raw(struct card *card, struct gids_file of, u32 le, struct scratch *scratch,
                       bytes *value)
{
    struct buf out = scratch_rest(scratch);
    bytes list = BYTES(GIDS_TAG_LIST, 2, (u8)(of.object >> 8), (u8)of.object);
    TRY(gids_get_data(card, of.file, list, le, &out));
    return tlv_open(scratch_keep(scratch, &out), of.object, value);
}

// One attempt. An answer in the right tag can only be the application's, and then nobody can select
// another one before our transaction ends.
static st gids_get_once(struct card *card, struct token *token, struct gids_file of, u32 le,
                        struct scratch *scratch, bytes *value)
{
    struct scratch kept = *scratch;
    TRY(gids_get_raw(card, of, le, &kept, value));
    *scratch = kept;
    place_seen(card, token);
    return ST_OK;
}

// The content of a data object: read on trust first, and once more where that did not come from the
// application for certain. ST_NOT_FOUND: the card has none.
static st gids_get(struct card *card, struct token *token, struct gids_file of, u32 le,
                   struct scratch *scratch, bytes *value)
{
    st s = gids_get_once(card, token, of, le, scratch, value);
    if (!s || place_is_sure(card, token) || link_is_broken(s)) return s;
    TRY(place_be_sure(card, token, *scratch));
    return gids_get_once(card, token, of, le, scratch, value);
}

// ---- The master file ----

// A little-endian number of n bytes.
static u32 gids_number(const u8 *p, size_t n)
{
    u32 number = 0;
    while (n--) number = number << 8 | p[n];
    return number;
}

// Is the name in a field, ended by 00, this text?
static bool gids_is_named(const u8 *field, const char *text)
{
    return !memcmp(field, text, strlen(text) + 1);
}

// The two digits at the end of a certificate's name: kxcNN is of a key for exchange, kscNN of one
// for signatures. NULL: it is no certificate of that kind.
static const u8 *gids_certificate_digits(const u8 *record, bool exchange)
{
    const u8 *name = record + GIDS_NAME;
    if (!gids_is_named(record, "mscp")) return NULL;
    if (memcmp(name, exchange ? "kxc" : "ksc", 3) || name[5]) return NULL;
    return bytes_digit(name[3]) > 15 || bytes_digit(name[4]) > 15 ? NULL : name + 3;
}

// Which container's certificate it is. QUIRK(GIDS): some programs write the number in decimal
// digits, others in hexadecimal ones. A letter in any name tells; without one below 16 they agree.
static u32 gids_certificate_index(const struct gids *gids, const u8 *digits)
{
    return bytes_digit(digits[0]) * (gids->hex ? 16 : 10) + bytes_digit(digits[1]);
}

// Notes whether a name has a letter among its digits.
static void gids_note_digits(struct gids *gids, const u8 *digits)
{
    if (digits && (bytes_digit(digits[0]) > 9 || bytes_digit(digits[1]) > 9)) gids->hex = true;
}

// The file that a record of the master file tells of.
static struct gids_file gids_file_of(const u8 *record)
{
    return (struct gids_file){ (u16)gids_number(record + 24, 4), (u16)gids_number(record + 20, 4) };
}

// The number of whole records.
static u32 gids_record_count(const struct gids *gids)
{
    size_t n = gids->master.n / GIDS_RECORD;
    return n < GIDS_FILES_MAX ? (u32)n : GIDS_FILES_MAX;
}

static const u8 *gids_record(const struct gids *gids, u32 i)
{
    SCARD11_ASSERT(i < gids_record_count(gids));
    return gids->master.p + (size_t)i * GIDS_RECORD;
}

// Reads the master file, once. A card that has none has no files.
static st gids_read_master(struct card *card, struct token *token, struct scratch scratch)
{
    struct gids *gids = token->state;
    bytes value;
    if (gids->master_read) return ST_OK;
    st s = gids_get(card, token, gids_master, APDU_LE_SHORT, &scratch, &value);
    if (s && s != ST_NOT_FOUND && s != ST_NOT_LOGGED_IN && s != ST_PROTOCOL) return s;
    if (!s && value.n && *value.p == 1) {               // its version
        gids->master = arena_copy(&card->arena, bytes_from(value, 1));
        if (gids->master.n && !gids->master.p) {
            gids->master.n = 0;
            return ST_ARENA_FULL;
        }
    }
    for (u32 i = 0; i < gids_record_count(gids); i++) {
        gids_note_digits(gids, gids_certificate_digits(gids_record(gids, i), true));
        gids_note_digits(gids, gids_certificate_digits(gids_record(gids, i), false));
    }
    gids->master_read = true;
    return ST_OK;
}

// The content of a file that has its usual place; if it is not there, of where the master file says
// that it is. where gets that place.
static st gids_get_named(struct card *card, struct token *token, const struct gids_named *named,
                         struct scratch *scratch, bytes *value, struct gids_file *where)
{
    const struct gids *gids = token->state;
    *where = named->usual;
    st s = gids_get(card, token, *where, APDU_LE_SHORT, scratch, value);
    if (s != ST_NOT_FOUND) return s;
    TRY(gids_read_master(card, token, *scratch));
    for (u32 i = 0; i < gids_record_count(gids); i++) {
        const u8 *record = gids_record(gids, i);
        bool is = gids_is_named(record, named->directory) &&
                  gids_is_named(record + GIDS_NAME, named->name);
        if (!is) continue;
        *where = gids_file_of(record);
        return gids_get(card, token, *where, APDU_LE_SHORT, scratch, value);
    }
    return ST_NOT_FOUND;
}

// ---- Finding out ----

static st gids_select(struct card *card, struct token *token, const struct place *place)
{
    (void)token; (void)place;               // there is one place
    return iso_select_aid(&card->link, ISO_FCI, bytes_of(gids_aid, sizeof gids_aid), NULL);
}

// The card's identifier is a landmark, and no other card has the same. ref: where it is.
static st gids_landmark(struct card *card, struct token *token, u32 ref, struct scratch *scratch,
                        bytes *value)
{
    struct gids_file where = { (u16)(ref >> 16), (u16)ref };
    (void)token;
    return gids_get_raw(card, where, APDU_LE_SHORT, scratch, value);
}

// A token with what every GIDS card has, before the card is asked for anything.
static st gids_begin(struct card *card, struct token *token)
{
    token->state = ARENA_NEW(&card->arena, struct gids, 1);
    if (!token->state) return ST_ARENA_FULL;
    token->flat = true;
    card_set_credential(token, &gids_pin);
    card_set_credential(token, &gids_puk);
    strcpy(token->label, "GIDS");
    strcpy(token->maker, "GIDS");
    token->key_types = CARD_TYPE(ALG_RSA) | CARD_TYPE(ALG_EC);
    return ST_OK;
}

// Names the token by the card's identifier, which no other card has.
static st gids_take_id(struct token *token, struct gids_file where, bytes id)
{
    struct gids *gids = token->state;
    card_name(token, "GIDS", id);
    gids->mark.unique = true;
    token->landmark = token->identity = &gids->mark;
    return place_note(&gids->mark, (u32)where.file << 16 | where.object, id);
}

// Reads the card's identifier. A card without one is not set up.
static st gids_read_id(struct card *card, struct token *token, struct scratch scratch)
{
    struct gids_file where;
    bytes id;
    st s = gids_get_named(card, token, &gids_card_id, &scratch, &id, &where);
    if (link_is_broken(s) || s == ST_ARENA_FULL) return s;
    token->blank = s || !id.n;
    return token->blank ? ST_OK : gids_take_id(token, where, id);
}

// Another program uses the card, and SELECT would end its login: is the application the selected
// one?
static st gids_selected(struct card *card, struct token *token, struct scratch scratch)
{
    bytes id;
    if (card->tried.no_get_data) return ST_NOT_FOUND;
    TRY(gids_begin(card, token));
    st s = gids_get_once(card, token, gids_card_id.usual, APDU_LE_SHORT, &scratch, &id);
    if (link_is_broken(s)) return s;
    return s || !id.n ? ST_NOT_FOUND : gids_take_id(token, gids_card_id.usual, id);
}

// Is it a GIDS card? Also reads what C_GetTokenInfo needs, in the same transaction.
static st gids_probe(struct card *card, struct token *token, struct scratch scratch)
{
    if (card->sure) return secret_read_tries(card, token, scratch);
    TRY(gids_begin(card, token));
    st s = place_try_aid(card, bytes_of(gids_aid, sizeof gids_aid));
    if (s == ST_NOT_FOUND) return ST_NOT_MINE;
    if (s) return s;
    place_arrived(card, token);
    TRY(gids_read_id(card, token, scratch));
    if (token->blank && place_is_elsewhere(card)) return ST_NOT_MINE;
    return secret_read_tries(card, token, scratch);
}

// ---- Logging in and out ----

// Before the SO's login: is there a PUK, and how many tries has it? To ask costs none. A GIDS card
// need not have one: its administrator has a key.
static st gids_login(struct card *card, struct token *token, struct credential *pin,
                     struct scratch scratch)
{
    const struct gids_file state = { GIDS_APPLICATION, GIDS_TAG_PUK };
    bytes value, tries;
    if (!pin->uncertain) return ST_OK;
    st s = gids_get(card, token, state, APDU_LE_SHORT, &scratch, &value);
    if (s == ST_NOT_FOUND) {
        pin->max = 0;                       // there is none
        return ST_USER_TYPE;
    }
    if (s) return s;
    pin->uncertain = false;
    if (tlv_find(value, GIDS_TAG_TRIES, &tries) && tries.n == 1) pin->tries = *tries.p;
    return pin->tries ? ST_OK : ST_PIN_LOCKED;
}

// Ends all logins. The command is the card's own way; the SELECT ends what it leaves.
static st gids_logout(struct card *card, struct token *token)
{
    int tries;
    TRY(iso_ask_pin(&card->link, GIDS_END_LOGINS, &tries));
    return place_select(card, token);
}

// ---- The container map ----

// Appends UTF-16, least significant byte first, up to its end or a 0000, as UTF-8. What takes more
// than one unit becomes a question mark.
static void gids_put_name(struct buf *out, const u8 *p, size_t n)
{
    for (size_t i = 0; i + 1 < n; i += 2) {
        u32 c = gids_number(p + i, 2);
        if (!c) return;
        if (c >= 0xdc00 && c <= 0xdfff) continue;
        if (c >= 0xd800 && c <= 0xdbff) c = '?';
        if (c < 0x80) {
            buf_put8(out, c);
            continue;
        }
        if (c >= 0x800) buf_put8(out, 0xe0 | c >> 12);
        buf_put8(out, c >= 0x800 ? 0x80 | (c >> 6 & 63) : 0xc0 | c >> 6);
        buf_put8(out, 0x80 | (c & 63));
    }
}

// Fills in what a record of the map says. One that is not valid has no key.
static st gids_take_container(struct card *card, const u8 *record, u32 index,
                              struct gids_container *container)
{
    u8 room[GIDS_CONTAINER_NAME / 2 * 3];
    struct buf label = buf_on(room, sizeof room);
    u32 sign = gids_number(record + 82, 2), exchange = gids_number(record + 84, 2);
    bool valid = record[GIDS_CONTAINER_NAME] & GIDS_CONTAINER_VALID && (sign || exchange);
    container->index = index;
    container->decrypts = exchange;
    container->bits = exchange ? exchange : sign;
    container->sought = container->listed = !valid;
    if (!valid) return ST_OK;
    gids_put_name(&label, record, GIDS_CONTAINER_NAME);
    container->label = arena_copy(&card->arena, buf_bytes(&label));
    container->id = arena_copy(&card->arena, BYTES((u8)(index + 1)));
    bool full = !container->id.p || (label.n && !container->label.p);
    return full ? ST_ARENA_FULL : ST_OK;
}

// Reads the container map, once. A card that has none has no keys.
static st gids_read_map(struct card *card, struct token *token, struct scratch scratch)
{
    struct gids *gids = token->state;
    struct gids_file where;
    bytes map = BYTES_NONE;
    if (gids->map_read) return ST_OK;
    st s = gids_get_named(card, token, &gids_map, &scratch, &map, &where);
    if (s && s != ST_NOT_FOUND && s != ST_NOT_LOGGED_IN && s != ST_PROTOCOL) return s;
    size_t n = s ? 0 : map.n / GIDS_CONTAINER;
    if (n > GIDS_CONTAINERS_MAX) n = GIDS_CONTAINERS_MAX;
    gids->containers = ARENA_NEW(&card->arena, struct gids_container, n);
    if (n && !gids->containers) return ST_ARENA_FULL;
    for (u32 i = 0; i < n; i++)
        TRY(gids_take_container(card, map.p + (size_t)i * GIDS_CONTAINER, i,
                                &gids->containers[i]));
    gids->container_count = (u32)n;
    gids->map_read = true;
    return ST_OK;
}

// ---- Certificates ----

// The certificate in a file: 01 00, its length, and a zlib stream; or as it is.
static st gids_open_certificate(bytes value, struct scratch *scratch, bytes *der)
{
    *der = value;
    if (value.n < 4 || value.p[0] != 1 || value.p[1]) return ST_OK;
    TRY(zlib_inflate(bytes_from(value, 4), scratch, der));
    return der->n == gids_number(value.p + 2, 2) ? ST_OK : ST_PROTOCOL;
}

// Where a container's certificate is. ST_NOT_FOUND: it has none.
static st gids_find_certificate(const struct gids *gids, const struct gids_container *container,
                                struct gids_file *where)
{
    for (u32 i = 0; i < gids_record_count(gids); i++) {
        const u8 *record = gids_record(gids, i);
        const u8 *digits = gids_certificate_digits(record, container->decrypts);
        if (!digits || gids_certificate_index(gids, digits) != container->index) continue;
        *where = gids_file_of(record);
        return ST_OK;
    }
    return ST_NOT_FOUND;
}

// The certificate of a container, in the arena; ST_NOT_FOUND: none that can be used.
static st gids_read_certificate(struct card *card, struct token *token,
                                const struct gids_container *container, struct scratch scratch,
                                const struct x509 **out)
{
    struct gids_file where;
    bytes value, der = BYTES_NONE;
    TRY(gids_read_master(card, token, scratch));
    TRY(gids_find_certificate(token->state, container, &where));
    st s = gids_get(card, token, where, APDU_LE_ALL, &scratch, &value);
    if (link_is_broken(s) || s > ST_COUNT) return s;
    if (!s) s = gids_open_certificate(value, &scratch, &der);
    if (!s) s = card_keep_certificate(card, der, out);
    if (!s || s == ST_NOT_FOUND) return s;
    os_log("GIDS: the certificate of container %u cannot be used: %s",
           (unsigned)container->index, st_text(s));
    return ST_NOT_FOUND;
}

// ---- Public keys ----

// A public key as the card gives it; still in the answer.
static st gids_parse_key(const struct gids_container *container, bytes value, struct alg_key *key)
{
    *key = (struct alg_key){ .type = ALG_RSA };
    if (!alg_take_public(value, key)) return ST_OK;
    *key = (struct alg_key){ .type = ALG_EC };
    TRY(alg_take_public(value, key));
    for (size_t i = 0; i < COUNT(gids_kinds); i++)
        if (gids_kinds[i].curve && gids_kinds[i].bits == container->bits)
            key->curve = alg_curve_named(gids_kinds[i].curve);
    return key->curve ? ST_OK : ST_PROTOCOL;
}

// The public key of a container, as the card has it.
static st gids_read_key(struct card *card, struct token *token,
                        const struct gids_container *container, struct scratch scratch,
                        struct alg_key *key)
{
    struct buf out = scratch_buf(&scratch, ALG_RSA_KEY + 64);
    bytes value;
    TRY(place_be_sure(card, token, scratch));
    TRY(gids_get_data(card, GIDS_APPLICATION,
                      BYTES(0x70, 8, CRT_KEY, 1, (u8)(GIDS_KEY + container->index), 0xa5, 3,
                            GIDS_TAG_KEY >> 8, GIDS_TAG_KEY & 0xff, 0x80),
                      container->bits > 2048 ? APDU_LE_ALL : APDU_LE_SHORT, &out));
    TRY(tlv_open(buf_bytes(&out), GIDS_TAG_KEY, &value));
    TRY(gids_parse_key(container, value, key));
    return card_keep_key(card, key, scratch);
}

// ---- Listing ----

static u32 gids_use(const struct gids_container *container, const struct alg_key *key)
{
    if (key->type != ALG_RSA || !container->decrypts) return CARD_SIGN;
    return CARD_SIGN | CARD_DECRYPT;
}

static struct object gids_like(struct token *token, struct gids_container *container)
{
    return (struct object){ .token = token, .ref = GIDS_KEY + container->index,
                            .state = container, .id = container->id, .label = container->label };
}

// The keys of a container that are listed learn of their certificate.
static void gids_tell_keys(struct card *card, const struct gids_container *container)
{
    for (u32 i = 0; i < card->object_count; i++) {
        struct object *object = card_object_at(card, i);
        if (object->handle && !object->owner && object->state == container)
            object->x509 = container->x509;
    }
}

// Lists the certificate of a container. After an error of the card nothing is listed, and the next
// search asks again.
static st gids_list_certificate(struct card *card, struct token *token,
                                struct gids_container *container, struct scratch scratch)
{
    const struct x509 *x509 = NULL;
    st s = gids_read_certificate(card, token, container, scratch, &x509);
    if (s > ST_COUNT) return ST_OK;
    if (s && s != ST_NOT_FOUND) return s;
    if (!s) {
        struct object like = gids_like(token, container);
        struct object *object = card_add_like(card, &like, CKO_CERTIFICATE, x509);
        if (!object) return ST_ARENA_FULL;
        object->value = x509->whole;
        container->x509 = x509;
        gids_tell_keys(card, container);
    }
    container->sought = true;
    return ST_OK;
}

// Lists the keys of a container: the certificate tells the public one, or the card.
static st gids_list_keys(struct card *card, struct token *token, struct gids_container *container,
                         struct scratch scratch)
{
    struct object like = gids_like(token, container);
    TRY(card_reserve(card, 2));
    struct alg_key *key = ARENA_NEW(&card->arena, struct alg_key, 1);
    if (!key) return ST_ARENA_FULL;
    bool told = container->x509 && !alg_parse_spki(container->x509->spki, key);
    st s = told ? ST_OK : gids_read_key(card, token, container, scratch, key);
    if (link_is_broken(s) || s == ST_ARENA_FULL) return s;
    if (s > ST_COUNT) return ST_OK;
    container->listed = true;
    if (s) return ST_OK;
    container->proven = !told;
    like.key = key;
    like.use = gids_use(container, key);
    like.credential = card_pin(token);
    card_add_like(card, &like, CKO_PUBLIC_KEY, container->x509);
    like.private = true;
    card_add_like(card, &like, CKO_PRIVATE_KEY, container->x509);
    return ST_OK;
}

// Lists what a search can match. Each private key wants the PIN.
static st gids_list(struct card *card, struct token *token, const struct query *query,
                    struct scratch scratch)
{
    struct gids *gids = token->state;
    bool certificates = query->any_class || query->class == CKO_CERTIFICATE;
    bool private = query->class == CKO_PRIVATE_KEY && query->logged_in;
    bool keys = query->any_class || query->class == CKO_PUBLIC_KEY || private;
    if (!certificates && !keys) return ST_OK;
    TRY(gids_read_map(card, token, scratch));
    for (u32 i = 0; i < gids->container_count; i++) {
        struct gids_container *container = &gids->containers[i];
        if (!query->any_id && !bytes_equal(query->id, container->id)) continue;
        if (certificates && !container->sought)
            TRY(gids_list_certificate(card, token, container, scratch));
        if (keys && !container->listed) TRY(gids_list_keys(card, token, container, scratch));
    }
    return ST_OK;
}

// ---- Keys ----

// Sets the security environment for a key: to sign, or to decipher.
static st gids_set(const struct trial *trial, u8 template, u8 algorithm, bool again)
{
    const struct object *object = trial->object;
    u8 kind = alg_number_of(gids_kinds, COUNT(gids_kinds), object->key);
    if (!kind) return ST_KEY_SIZE;
    return place_set_environment(trial->card, MSE_SET, template,
                                 BYTES(CRT_ALGORITHM, 1, (u8)(algorithm | kind),
                                       CRT_KEY, 1, (u8)object->ref), again);
}

// What an answer of a key may hold: one short answer, or more.
static u32 gids_le(const struct alg_key *key)
{
    return alg_key_bytes(key) > APDU_LE_SHORT ? APDU_LE_ALL : APDU_LE_SHORT;
}

// One attempt to sign, into the trial's out as PKCS#11 has it. Of a block that the card can pad
// itself it gets what is in it: that is one command where the block takes two.
static st gids_sign_once(const struct trial *trial)
{
    const struct alg_key *key = trial->object->key;
    struct scratch scratch = trial->scratch;
    struct buf made = scratch_buf(&scratch, ALG_RESULT_MAX);
    bytes in = trial->in, inside = BYTES_NONE;
    if (key->type == ALG_RSA) inside = padding_pkcs1_signed(in);
    bool pads = inside.n && inside.n <= GIDS_INFO_MAX;
    TRY(gids_set(trial, CRT_SIGN, pads ? GIDS_SIGN_PKCS1 : GIDS_SIGN_RAW, false));
    TRY(iso_sign(&trial->card->link, pads ? inside : in, gids_le(key), &made));
    if (key->type == ALG_RSA) return card_put_rsa(key, buf_bytes(&made), trial->out);
    return padding_ecdsa_to_raw(buf_bytes(&made), key->curve->size, trial->out);
}

// A certificate says what the key should be: is it the key that signed? Asked once for each: after
// that >>trial sees to it.
static st gids_prove(const struct trial *trial)
{
    struct gids_container *container = trial->object->state;
    const struct alg_key *key = trial->object->key;
    bytes made = bytes_from(buf_bytes(trial->out), trial->start);
    if (container->proven || !cipher_can_verify(key, trial->use)) return ST_OK;
    st s = cipher_verify(key, trial->use, trial->in, made, trial->scratch);
    if (s == ST_SIG_INVALID || s == ST_SIG_LEN) return ST_PROTOCOL;
    container->proven = !s;
    return ST_OK;
}

static st gids_sign(struct card *card, struct object *object, const struct alg_use *use, bytes in,
                    struct scratch scratch, struct buf *out)
{
    struct trial trial = { .card = card, .object = object, .use = use, .in = in, .out = out,
                           .scratch = scratch };
    while (trial_next(&trial)) trial.s = gids_sign_once(&trial);
    return trial.s ? p15key_status(trial.s) : gids_prove(&trial);
}

// One attempt to decrypt: the whole block, whose padding >>op takes off.
// QUIRK(GIDS): there is no padding indicator before the cryptogram.
static st gids_decrypt_once(const struct trial *trial)
{
    const struct alg_key *key = trial->object->key;
    struct scratch scratch = trial->scratch;
    struct buf plain = scratch_buf(&scratch, ALG_RESULT_MAX);
    TRY(gids_set(trial, CRT_CIPHER, GIDS_DECRYPT_RAW, !trial->card->sure));
    TRY(iso_decipher(&trial->card->link, trial->in, gids_le(key), &plain));
    return card_put_rsa(key, buf_bytes(&plain), trial->out);
}

static st gids_decrypt(struct card *card, struct object *object, const struct alg_use *use,
                       bytes in, struct scratch scratch, struct buf *out)
{
    struct trial trial = { .card = card, .object = object, .in = in, .out = out,
                           .scratch = scratch, .secret = true };
    (void)use;
    while (trial_next(&trial)) trial.s = gids_decrypt_once(&trial);
    return p15key_status(trial.s);
}

static const struct driver driver_gids = {
    .name    = "GIDS",
    .public_certificates = true,    // files of the minidriver that anyone may read
    .selected = gids_selected,
    .probe   = gids_probe,
    .open    = secret_read_tries,
    .list    = gids_list,
    .read    = card_read_nothing,
    .select  = gids_select,
    .landmark = gids_landmark,
    .login   = gids_login,
    .logout  = gids_logout,
    .sign    = gids_sign,
    .decrypt = gids_decrypt,
};
#endif

/* ================================================================================================
 * MARK: - >>cac
 * Driver: CAC, the cards of the US Department of Defense before PIV, and tokens that are like them.
 *
 * Owns    driver_cac; which PKI applets there are; their buffers, certificates and keys
 * Uses    >>x509 >>zlib >>alg >>apdu >>link >>iso >>card >>place >>trial >>p15key
 * Names   cac_
 * Specs   NIST IR 6887 (GSC-IS 2.1): 5.3 (virtual machine card edge), appendices C and D
 * Tests   tests/unit/cac.c
 *
 * Each key is an applet of its own, with its certificate in a buffer. The card capability container
 * (CCC) names them in CardURLs; where there is none the access control applet (ACA) may; else they
 * are asked for. The applets share one PIN: a SELECT ends no login. A card that is PIV as well is
 * used as that: >>probe asks for PIV first.
 * ==============================================================================================*/

#if SCARD11_CAC

#define CAC_CLA           0x80
#define CAC_INS_USE       0x42          // PRIVATE SIGN/DECRYPT: raw RSA
#define CAC_MORE          0x80          // its P1: more of the block follows
#define CAC_PART          255           // bytes of a block, or of a buffer, in one command
#define CAC_INS_ACR       0x4c          // GET ACR
#define CAC_ACR_SERVICES  0x21          // its P1: the table of the service applets
#define CAC_INS_READ      0x52          // READ BUFFER
#define CAC_TAGS          1             // the buffer of tags and lengths
#define CAC_VALUES        2             // the buffer of what belongs to them

// Tags in buffers.
#define CAC_TAG_CERTIFICATE 0x70
#define CAC_TAG_CARD_ID   0xf0          // CUID
#define CAC_TAG_URL       0xf3          // CardURL
#define CAC_TAG_SERVICE   0x93          // GET ACR: number, 92, length, AID of an applet

#define CAC_RID           5             // bytes of an AID that name who gave it
#define CAC_AID           7
#define CAC_ID            21            // bytes of a CUID
#define CAC_URL           16            // bytes of a CardURL; some cards leave its end out
#define CAC_URL_LEAST     10
#define CAC_URL_PKI       0x04          // its type: a PKI applet
#define CAC_KEYS_MAX      16
#define CAC_MARK_LEAST    64            // bytes of a buffer with a certificate, at least
#define CAC_ASKED         10            // PKI applets that are asked for where nothing names them

static const u8 cac_ccc[CAC_AID] = { 0xa0, 0x00, 0x00, 0x01, 0x16, 0xdb, 0x00 };
static const u8 cac_aca[CAC_AID] = { 0xa0, 0x00, 0x00, 0x00, 0x79, 0x10, 0x00 };
static const u8 cac_pki[CAC_AID] = { 0xa0, 0x00, 0x00, 0x00, 0x79, 0x01, 0x00 };    // the first

// QUIRK(libcacard): a wrong PIN is answered with 6985, and the tries that are left are not told; an
// empty VERIFY says 6A88.
static const struct credential cac_pin = {
    .role = ROLE_USER, .reference = 0x00, .coding = CARD_PIN_ASCII, .min = 4, .max = 8,
    .fill_to = 8, .filler = 0xff, .tries = -1, .logout_by = LOGOUT_RESET, .wrong_is_6985 = true
};

// A PKI applet, or an object of one.
struct cac_key {
    u32  index;                         // CKA_ID is index + 1
    u8   aid[CAC_AID];
    u8   object[2];                     // the applet's own AID ends so, or it is selected there
    bool sought;                        // its certificate was read, or there is none
};

struct cac {
    struct landmark mark;               // the beginning of a key's buffer, which ref says
    bytes home;                         // AID of the applet that takes the PIN
    u32   key_count;
    struct cac_key keys[CAC_KEYS_MAX];
};

// ---- Places ----

// Where a key is. It is named by its AID, though that may be the token's home: this may move.
static struct place cac_place(const struct cac_key *key)
{
    bytes aid = bytes_of(key->aid, sizeof key->aid), object = bytes_of(key->object, 2);
    bool is_applet = bytes_equal(object, bytes_from(aid, CAC_RID));
    return (struct place){ aid, is_applet ? BYTES_NONE : object };
}

static st cac_select_aid(struct card *card, bytes aid)
{
    return iso_select_aid(&card->link, ISO_FCI, aid, NULL);
}

// SELECT of the applet that takes the PIN: the ACA, which may be the only one; others hand it on.
// Where there is none, or what a CCC names first is not there, it is the next one that is.
static st cac_select_home(struct card *card, struct cac *cac)
{
    st s = cac_select_aid(card, cac->home);
    for (u32 i = 0; i < cac->key_count && s == ST_NOT_FOUND; i++) {
        bytes aid = bytes_of(cac->keys[i].aid, CAC_AID);
        if (bytes_equal(aid, cac->home)) continue;
        s = cac_select_aid(card, aid);
        if (!s) cac->home = aid;
    }
    return s;
}

static st cac_select(struct card *card, struct token *token, const struct place *place)
{
    if (!place->aid.n) return cac_select_home(card, token->state);
    TRY(cac_select_aid(card, place->aid));
    if (!place->path.n) return ST_OK;
    return iso_select(&card->link, ISO_BY_EF, ISO_FCI, place->path, NULL);
}

// ---- Buffers ----

// READ BUFFER: n bytes from an offset on.
static st cac_read_part(struct card *card, u8 which, size_t offset, size_t n, struct buf *out)
{
    struct apdu cmd = { .cla = CAC_CLA, .ins = CAC_INS_READ, .p1 = (u8)(offset >> 8),
                        .p2 = (u8)offset, .data = BYTES(which, (u8)n), .le = APDU_LE_SHORT };
    TRY(link_count_read(&card->link));
    return link_exchange(&card->link, &cmd, out);
}

// The first bytes of a buffer, as many as there are. A card that wants no more asked than it has
// gives the two that tell how many that is.
static st cac_read_first(struct card *card, u8 which, struct buf *out)
{
    st s = cac_read_part(card, which, 0, CAC_PART, out);
    if (s <= ST_COUNT || link_is_broken(s)) return s;
    buf_rewind(out, 0);
    return cac_read_part(card, which, 0, 2, out);
}

// A buffer of the selected applet, or the first bytes of it, most of them: two with its length,
// least significant first, and as many.
static st cac_read_some(struct card *card, u8 which, size_t most, struct scratch *scratch,
                        bytes *value)
{
    struct buf out = scratch_rest(scratch);
    TRY(cac_read_first(card, which, &out));
    if (out.n < 2) return ST_PROTOCOL;
    size_t size = 2 + (size_t)out.p[0] + ((size_t)out.p[1] << 8);
    if (size > most) size = most;
    while (out.n < size) {
        size_t before = out.n, left = size - before;
        TRY(cac_read_part(card, which, before, left < CAC_PART ? left : CAC_PART, &out));
        if (out.n == before) return ST_PROTOCOL;
    }
    *value = bytes_head(scratch_keep(scratch, &out), size);
    return ST_OK;
}

// What is in a buffer of the selected applet.
static st cac_read_buffer(struct card *card, u8 which, struct scratch *scratch, bytes *value)
{
    TRY(cac_read_some(card, which, SIZE_MAX, scratch, value));
    *value = bytes_from(*value, 2);
    return ST_OK;
}

// Takes a tag and a length off: one byte each; FF and two more, least significant first, for long
// ones.
static bool cac_take_tag(bytes *rest, u8 *tag, size_t *n)
{
    if (rest->n < 2) return false;
    *tag = rest->p[0];
    *n = rest->p[1];
    size_t used = 2;
    if (*n == 0xff) {
        if (rest->n < 4) return false;
        *n = rest->p[2] | (size_t)rest->p[3] << 8;
        used = 4;
    }
    *rest = bytes_from(*rest, used);
    return true;
}

// Takes the next value with that tag off both buffers.
static bool cac_take_value(bytes *tags, bytes *values, u8 wanted, bytes *value)
{
    u8 tag;
    size_t n;
    while (cac_take_tag(tags, &tag, &n)) {
        if (n > values->n) return false;
        *value = bytes_head(*values, n);
        *values = bytes_from(*values, n);
        if (tag == wanted) return true;
    }
    return false;
}

// ---- Which keys there are ----

// Notes a key, unless it is known, or there are too many.
static void cac_add_key(struct cac *cac, const u8 *aid, const u8 *object)
{
    struct cac_key key = { .index = cac->key_count };
    memcpy(key.aid, aid, sizeof key.aid);
    memcpy(key.object, object, sizeof key.object);
    for (u32 i = 0; i < cac->key_count; i++)
        if (!memcmp(cac->keys[i].aid, key.aid, sizeof key.aid) &&
            !memcmp(cac->keys[i].object, key.object, sizeof key.object))
            return;
    if (cac->key_count < CAC_KEYS_MAX) cac->keys[cac->key_count++] = key;
}

// A CardURL: RID, type, object, applet. Does it begin as one does, and is it of a PKI applet? Then
// that is noted. What CardURLs name beside is not looked at.
static bool cac_take_url(struct cac *cac, bytes url)
{
    u8 aid[CAC_AID];
    bool ours = url.n >= CAC_URL_LEAST && (!memcmp(url.p, cac_ccc, CAC_RID) ||
                                           !memcmp(url.p, cac_pki, CAC_RID));
    if (!ours) return false;
    memcpy(aid, url.p, CAC_RID);
    memcpy(aid + CAC_RID, url.p + 8, 2);
    if (url.p[5] == CAC_URL_PKI) cac_add_key(cac, aid, url.p + 6);
    return true;
}

// The keys of a CCC whose values stand as they always do: CUID, two versions, the CardURLs. Then
// the buffer of tags need not be read.
static void cac_take_usual_urls(struct cac *cac, bytes values)
{
    bytes urls = bytes_from(values, CAC_ID + 2);
    while (urls.n >= CAC_URL && cac_take_url(cac, bytes_head(urls, CAC_URL)))
        urls = bytes_from(urls, CAC_URL);
}

// Reads the CCC, which is selected: the keys, and the CUID.
static st cac_read_ccc(struct card *card, struct cac *cac, struct scratch scratch, bytes *id)
{
    bytes values, tags, rest, url;
    TRY(cac_read_buffer(card, CAC_VALUES, &scratch, &values));
    cac_take_usual_urls(cac, values);
    *id = bytes_head(values, CAC_ID);
    if (!cac->key_count) {
        TRY(cac_read_buffer(card, CAC_TAGS, &scratch, &tags));
        bytes all = tags;
        rest = values;
        if (!cac_take_value(&all, &rest, CAC_TAG_CARD_ID, id)) *id = BYTES_NONE;
        rest = values;
        while (cac_take_value(&tags, &rest, CAC_TAG_URL, &url)) cac_take_url(cac, url);
    }
    *id = arena_copy(&card->arena, *id);
    return id->n && !id->p ? ST_ARENA_FULL : ST_OK;
}

// The PKI applets that the ACA names, which is selected. It need not.
static st cac_read_aca(struct card *card, struct cac *cac, struct scratch scratch)
{
    struct apdu cmd = { .cla = CAC_CLA, .ins = CAC_INS_ACR, .p1 = CAC_ACR_SERVICES,
                        .le = APDU_LE_SHORT };
    struct buf out = scratch_buf(&scratch, 1024);
    bytes rest, entry;
    u8 tag;
    size_t n;
    st s = link_exchange(&card->link, &cmd, &out);
    if (link_is_broken(s)) return s;
    rest = s ? BYTES_NONE : buf_bytes(&out);
    while (cac_take_tag(&rest, &tag, &n) && n <= rest.n) {
        entry = bytes_head(rest, n);
        rest = bytes_from(rest, n);
        bool names = tag == CAC_TAG_SERVICE && n == 3 + CAC_AID && entry.p[2] == CAC_AID;
        if (names && !memcmp(entry.p + 3, cac_pki, CAC_RID + 1))
            cac_add_key(cac, entry.p + 3, entry.p + 3 + CAC_RID);
    }
    return ST_OK;
}

// Asks for the PKI applets: the first one by itself; where it is there, for those that may follow.
static st cac_ask_for_keys(struct card *card, struct cac *cac)
{
    u8 aid[CAC_AID];
    TRY(place_try_aid(card, bytes_of(cac_pki, sizeof cac_pki)));
    memcpy(aid, cac_pki, sizeof aid);
    for (u8 i = 0; i < CAC_ASKED; i++) {
        aid[CAC_AID - 1] = i;
        st s = i ? cac_select_aid(card, bytes_of(aid, sizeof aid)) : ST_OK;
        if (s && s != ST_NOT_FOUND) return s;
        if (!s) cac_add_key(cac, aid, aid + CAC_RID);
    }
    return ST_OK;
}

// ---- Certificates ----

// The beginning of a certificate among the values of a PKI applet: stored as it is, or in gzip; at
// the front, or behind the byte that says which (71).
static bytes cac_find_certificate(bytes values)
{
    for (size_t i = 0; i < 2 && i < values.n; i++) {
        bytes at = bytes_from(values, i);
        if (bytes_begin(at, BYTES(0x30, 0x82)) || bytes_begin(at, BYTES(0x30, 0x81)) ||
            bytes_begin(at, BYTES(0x1f, 0x8b)) || bytes_begin(at, BYTES(0x78)))
            return at;
    }
    return BYTES_NONE;
}

// Notes what no other card has: the beginning of a key's buffer, where there is a certificate in
// it. QUIRK(libcacard): all have the same CUID.
static st cac_note(struct cac *cac, u32 index, bytes buffer)
{
    if (buffer.n < CAC_MARK_LEAST) return ST_OK;
    return place_note(&cac->mark, index, bytes_head(buffer, CAC_PART));
}

// The certificate of the selected applet. Where it is among the values is seen mostly; else the
// buffer of tags says it.
static st cac_read_certificate(struct card *card, struct cac *cac, u32 index,
                               struct scratch scratch, const struct x509 **out)
{
    bytes values, tags, der;
    TRY(cac_read_some(card, CAC_VALUES, SIZE_MAX, &scratch, &values));
    TRY(cac_note(cac, index, values));
    values = bytes_from(values, 2);
    if (!values.n) return ST_NOT_FOUND;
    der = cac_find_certificate(values);
    if (!der.n) {
        TRY(cac_read_buffer(card, CAC_TAGS, &scratch, &tags));
        if (!cac_take_value(&tags, &values, CAC_TAG_CERTIFICATE, &der) || !der.n)
            return ST_NOT_FOUND;
    }
    if (*der.p != 0x30) TRY(zlib_inflate(der, &scratch, &der));
    return card_keep_certificate(card, der, out);
}

// The beginning of a key's buffer.
static st cac_landmark(struct card *card, struct token *token, u32 ref, struct scratch *scratch,
                       bytes *value)
{
    const struct cac *cac = token->state;
    SCARD11_ASSERT(ref < cac->key_count);
    struct place place = cac_place(&cac->keys[ref]);
    TRY(cac_select(card, token, &place));
    TRY(cac_read_some(card, CAC_VALUES, CAC_PART, scratch, value));
    return value->n < CAC_MARK_LEAST ? ST_NOT_FOUND : ST_OK;
}

// ---- Finding out ----

// A card without a CCC that names keys: the ACA's applets, or those that are asked for. The first
// one's buffer shows that they are, and is the token's number.
static st cac_find_without_ccc(struct card *card, struct token *token, struct scratch scratch)
{
    struct cac *cac = token->state;
    bytes first;
    st s = place_try_aid(card, bytes_of(cac_aca, sizeof cac_aca));
    if (s && s != ST_NOT_FOUND) return s;
    if (s) cac->home = bytes_of(cac->keys[0].aid, CAC_AID);
    else TRY(cac_read_aca(card, cac, scratch));
    if (!cac->key_count) TRY(cac_ask_for_keys(card, cac));
    s = cac_landmark(card, token, 0, &scratch, &first);
    if (s > ST_COUNT || s == ST_PROTOCOL) return ST_NOT_FOUND;
    if (s == ST_NOT_FOUND) return ST_OK;                // an applet without a certificate
    if (s) return s;
    TRY(cac_note(cac, 0, first));
    card_name(token, "CAC", bytes_of(cac->mark.digest, 8));
    return ST_OK;
}

// Sets up the token of a card whose keys are known. It is left wherever that was found out.
static void cac_begin(struct card *card, struct token *token)
{
    struct cac *cac = token->state;
    token->identity = &cac->mark;
    card_set_credential(token, &cac_pin);
    strcpy(token->maker, "CAC");
    token->key_types = CARD_TYPE(ALG_RSA);
    place_leave(card);
    place_seen(card, token);
}

// Is it a CAC? A SELECT ends no login there, another program's neither.
static st cac_probe(struct card *card, struct token *token, struct scratch scratch)
{
    struct cac *cac = token->state = ARENA_NEW(&card->arena, struct cac, 1);
    bytes id = BYTES_NONE;
    if (!cac) return ST_ARENA_FULL;
    cac->mark.unique = true;
    cac->home = bytes_of(cac_aca, sizeof cac_aca);      // as long as it is not known to be absent
    st s = place_try_aid(card, bytes_of(cac_ccc, sizeof cac_ccc));
    if (!s) s = cac_read_ccc(card, cac, scratch, &id);
    if (link_is_broken(s) || s == ST_ARENA_FULL) return s;
    card_name(token, "CAC", id);
    s = cac->key_count ? ST_OK : cac_find_without_ccc(card, token, scratch);
    if (s == ST_NOT_FOUND) return ST_NOT_MINE;
    if (s) return s;
    cac_begin(card, token);
    return ST_OK;
}

// ---- Listing ----

static bytes cac_label(struct card *card, u32 index)
{
    static const char *const names[] = { "CAC ID Certificate", "CAC Email Signature Certificate",
                                         "CAC Email Encryption Certificate" };
    u8 room[32];
    struct buf label = buf_on(room, sizeof room);
    if (index < COUNT(names)) return bytes_text(names[index]);
    buf_put_text(&label, "CAC Certificate ");
    if (index >= 9) buf_put8(&label, '1');
    buf_put8(&label, '0' + (index + 1) % 10);
    return arena_copy(&card->arena, buf_bytes(&label));
}

// Lists the objects of a certificate: it, and its keys if they are RSA.
static st cac_list_found(struct card *card, struct token *token, struct cac_key *what,
                         const struct x509 *x509)
{
    struct object like = { .token = token, .ref = what->index, .state = what,
                           .credential = card_pin(token), .private = true,
                           .use = CARD_SIGN | CARD_DECRYPT };
    TRY(card_reserve(card, 3));
    struct alg_key *key = ARENA_NEW(&card->arena, struct alg_key, 1);
    like.id = arena_copy(&card->arena, BYTES((u8)(what->index + 1)));
    like.label = cac_label(card, what->index);
    if (!key || !like.id.p || !like.label.p) return ST_ARENA_FULL;
    if (!alg_parse_spki(x509->spki, key) && key->type == ALG_RSA) like.key = key;
    card_add_key(card, &like, x509);
    return ST_OK;
}

// Looks at one key, and lists what is there. After an error of the card nothing is listed, and the
// next search asks again; what a certificate cannot be used for is said once.
static st cac_list_key(struct card *card, struct token *token, struct cac_key *key,
                       struct scratch scratch)
{
    const struct x509 *x509 = NULL;
    struct place place = cac_place(key);
    st s = place_go_to(card, token, &place, scratch);
    if (s == ST_LOST) s = ST_NOT_FOUND;                 // named, and not there
    if (!s) s = cac_read_certificate(card, token->state, key->index, scratch, &x509);
    if (link_is_broken(s) || s == ST_ARENA_FULL) return s;
    if (link_is_error(s)) return ST_OK;
    if (!s) TRY(cac_list_found(card, token, key, x509));
    if (s && s != ST_NOT_FOUND)
        os_log("CAC: certificate %u cannot be used: %s", (unsigned)key->index + 1, st_text(s));
    key->sought = true;
    return ST_OK;
}

// Lists what a search can match. Each private key wants the PIN.
static st cac_list(struct card *card, struct token *token, const struct query *query,
                   struct scratch scratch)
{
    struct cac *cac = token->state;
    bool private = query->class == CKO_PRIVATE_KEY && query->logged_in;
    bool wanted = query->any_class || private || query->class == CKO_CERTIFICATE ||
                  query->class == CKO_PUBLIC_KEY;
    for (u32 i = 0; i < cac->key_count && wanted; i++) {
        bool named = query->any_id || bytes_equal(query->id, BYTES((u8)(i + 1)));
        if (!named || cac->keys[i].sought) continue;
        TRY(cac_list_key(card, token, &cac->keys[i], scratch));
    }
    return ST_OK;
}

// ---- Keys ----

// One attempt at a raw RSA operation, in parts: the applet has one key.
static st cac_use_once(const struct trial *trial)
{
    struct link *link = &trial->card->link;
    struct scratch scratch = trial->scratch;
    struct buf made = scratch_buf(&scratch, ALG_RESULT_MAX);
    struct apdu cmd = { .cla = CAC_CLA, .ins = CAC_INS_USE, .p1 = CAC_MORE,
                        .secret_out = trial->secret };
    bytes in = trial->in;
    st s = ST_OK;
    for (; in.n > CAC_PART && !s; in = bytes_from(in, CAC_PART)) {
        cmd.data = bytes_head(in, CAC_PART);
        s = link_exchange(link, &cmd, &made);
    }
    cmd.p1 = 0;
    cmd.data = in;
    cmd.le = APDU_LE_SHORT;
    if (!s) s = link_exchange(link, &cmd, &made);
    if (s == SW_NOWHERE) return SW_NOT_SELECTED;        // >>trial knows that one
    if (s) return s;
    return card_put_rsa(trial->object->key, buf_bytes(&made), trial->out);
}

// What a key's answer means. QUIRK(libcacard): after the first login the card may forget it by
// itself, and says 6985: the PIN is wanted again, by who has it.
static st cac_status(st s)
{
    return s == SW_CONDITIONS ? ST_NOT_LOGGED_IN : p15key_status(s);
}

// A key wants the PIN that the card has verified elsewhere. QUIRK(CAC): with some a login is good
// for the applet that it was made in alone: the next one is made in the key's, unless there is an
// ACA.
static void cac_move_home(struct card *card, const struct object *object)
{
    struct cac *cac = object->token->state;
    const struct cac_key *key = object->state;
    if (bytes_equal(cac->home, bytes_of(cac_aca, sizeof cac_aca))) return;
    cac->home = bytes_of(key->aid, sizeof key->aid);
    place_leave(card);
}

// Uses a key. Nothing in the command says which one is meant: for what cannot be checked its applet
// is selected first.
static st cac_use(struct trial *trial)
{
    struct card *card = trial->card;
    struct token *token = trial->object->token;
    trial->place = cac_place(trial->object->state);
    if (trial->secret) TRY(place_go_to(card, token, &trial->place, trial->scratch));
    while (trial_next(trial)) trial->s = cac_use_once(trial);
    st s = cac_status(trial->s);
    if (s == ST_NOT_LOGGED_IN) cac_move_home(card, trial->object);
    return s;
}

static st cac_sign(struct card *card, struct object *object, const struct alg_use *use, bytes in,
                   struct scratch scratch, struct buf *out)
{
    struct trial trial = { .card = card, .object = object, .use = use, .in = in, .out = out,
                           .scratch = scratch };
    return cac_use(&trial);
}

static st cac_decrypt(struct card *card, struct object *object, const struct alg_use *use, bytes in,
                      struct scratch scratch, struct buf *out)
{
    struct trial trial = { .card = card, .object = object, .in = in, .out = out,
                           .scratch = scratch, .secret = true };
    (void)use;
    return cac_use(&trial);
}

static const struct driver driver_cac = {
    .name    = "CAC",
    .public_certificates = true,    // GSC-IS 2.1, appendix D: certificates are read always
    .probe   = cac_probe,
    .open    = secret_read_tries,   // which cannot be asked for
    .list    = cac_list,
    .read    = card_read_nothing,
    .select  = cac_select,
    .landmark = cac_landmark,
    .sign    = cac_sign,
    .decrypt = cac_decrypt,
};
#endif

/* ================================================================================================
 * MARK: - >>esteid
 * Driver: Estonian eID of 2018 to 2025 and Latvian eID, by IDEMIA.
 *
 * Owns    driver_esteid
 * Uses    >>tlv >>alg >>padding >>apdu >>link >>iso >>card >>place >>trial >>p15entry >>p15
 *         >>p15file >>p15dir >>p15token >>p15object >>p15key >>p15made
 * Names   esteid_
 * Specs   Estonian ID1 card, technical description of the chip application (TD-ID1-Chip-App);
 *         ISO 7816-4, -8
 * Tests   tests/unit/esteid.c
 *
 * Two tokens: PIN1 with the key for authentication, PIN2 with the key for qualified signatures.
 * Each key is in an application of its own (ADF1, ADF2). Estonian cards have everything in fixed
 * places, so what a directory would say is made here; Latvian ones have a directory in each ADF.
 * ==============================================================================================*/

#if SCARD11_ESTEID

#define ESTEID_PIN1     0x01
#define ESTEID_PIN2     0x85
#define ESTEID_PUK      0x02
#define ESTEID_KEY1     0x81                    // key references, where no directory names others
#define ESTEID_KEY2     0x9f
#define ESTEID_INS_AUTHENTICATE 0x88
#define ESTEID_RSA      0x02                    // algorithms: to authenticate
#define ESTEID_EC       0x04
#define ESTEID_RSA_QUALIFIED 0x42               // for qualified signatures
#define ESTEID_EC_QUALIFIED  0x54
#define ESTEID_ECDH     0xff, 0x30, 0x04, 0x00  // four bytes
#define ESTEID_HERE     1                       // landmark: ADF1's directory
#define ESTEID_PRKDF    0xa0                    // tags of an ODF: where the keys are listed
#define ESTEID_CDF      0xa4                    // where the certificates are

static const u8 esteid_aid[] = { 0xa0, 0x00, 0x00, 0x00, 0x77, 0x01, 0x08, 0x00, 0x07, 0x00, 0x00,
                                 0xfe, 0x00, 0x00, 0x01, 0x00 };
static const u8 esteid_mf[] = { 0x3f, 0x00 }, esteid_document[] = { 0xd0, 0x03 };
static const u8 esteid_certificates[2][4] = { { 0xad, 0xf1, 0x34, 0x01 },
                                              { 0xad, 0xf2, 0x34, 0x1f } };
static const u8 esteid_directories[2][4] = { { 0xad, 0xf1, 0x50, 0x31 },
                                             { 0xad, 0xf2, 0x50, 0x31 } };

// How the cards of the two states differ.
static const struct esteid_model {
    const char *label;                          // of a token, before the name of its PIN
    u8   pin2_min;
    u32  key_types;
    bool has_directory;                         // QUIRK(LatEID): its directories say where it is
    bool has_data;                              // the files of personal data
} esteid_models[] = {
    { "EstEID (", 5, CARD_TYPE(ALG_EC), false, true },
    { "LatEID (", 6, CARD_TYPE(ALG_EC) | CARD_TYPE(ALG_RSA), true, false },
};
enum { ESTEID_ESTONIAN, ESTEID_LATVIAN };

struct esteid_key {
    u8    reference;
    bool  rsa;
    bytes certificate;                          // its path
};

struct esteid {
    struct p15 p15;                             // first: p15_ functions take it for their own
    const struct esteid_model *model;
    struct landmark here;                       // of a Latvian card: ADF1's directory
    bool directory_made;
    struct esteid_key keys[2];
};

// Which of the two PINs, keys and ADFs is a token's: 0 or 1.
static u32 esteid_index(const struct token *token)
{
    return token->credentials[0].reference == ESTEID_PIN2;
}

// ---- Selecting ----

// SELECT takes a path from the current DF on only: the MF is selected before it.

// A path without the MF that it may begin with.
static bytes esteid_below_mf(bytes path)
{
    bytes mf = bytes_of(esteid_mf, sizeof esteid_mf);
    return bytes_begin(path, mf) ? bytes_from(path, mf.n) : path;
}

// Was the card left in a DF (empty: the MF)?
static bool esteid_is_in(const struct card *card, bytes df)
{
    if (!df.n) return card->where == CARD_HOME;
    return card->where == CARD_AT && bytes_equal(card->at.path, df);
}

static void esteid_arrived_in(struct card *card, bytes df)
{
    card->where = CARD_AT;
    card->at = (struct place){ BYTES_NONE, df };
}

// The DF of a path (empty: the MF) is the current one after this. On trust the card is where it was
// left: what does not come out right is tried again for certain.
static st esteid_step_into(struct card *card, bytes df)
{
    bool in_mf = esteid_is_in(card, BYTES_NONE);
    if (esteid_is_in(card, df)) return ST_OK;
    TRY(link_ready(&card->link));
    place_leave(card);
    if (!in_mf) TRY(iso_select_file(&card->link, ISO_BY_FID, BYTES_NONE));
    card->where = CARD_HOME;
    if (!df.n) return ST_OK;
    card->where = CARD_SOMEWHERE;
    TRY(iso_select_file(&card->link, ISO_BY_CHILD, df));
    esteid_arrived_in(card, df);
    return ST_OK;
}

static st esteid_select(struct card *card, struct token *token, const struct place *place)
{
    (void)token;
    if (place_is_home(place))
        return iso_select_aid(&card->link, ISO_FCI, bytes_of(esteid_aid, sizeof esteid_aid), NULL);
    return esteid_step_into(card, esteid_below_mf(place->path));
}

// SELECT of a file, which is in the current DF or is reached from the MF; what the card tells of it
// goes to told.
static st esteid_select_file(struct card *card, struct token *token, const struct p15_path *path,
                             struct buf *told)
{
    bytes file = esteid_below_mf(path->file);
    (void)token;
    if (file.n < 2) return ST_PROTOCOL;
    bytes df = bytes_head(file, file.n - 2), ef = bytes_from(file, df.n);
    TRY(link_ready(&card->link));
    if (df.n && esteid_is_in(card, df))
        return iso_select(&card->link, ISO_BY_EF, ISO_FCP, ef, told);
    TRY(esteid_step_into(card, BYTES_NONE));
    if (!df.n) return iso_select(&card->link, ISO_BY_EF, ISO_FCP, ef, told);
    place_leave(card);
    TRY(iso_select(&card->link, ISO_BY_PATH_HERE, ISO_FCP, file, told));
    esteid_arrived_in(card, df);
    return ST_OK;
}

static const struct p15_io esteid_io = { esteid_select_file, p15file_read_binary, ISO_FCP };

// ---- The directory ----

// The path of an EF in the ADF of a key, in the arena.
static st esteid_path(struct card *card, u32 i, bytes fid, bytes *path)
{
    const u8 *adf = esteid_directories[i];
    if (fid.n != 2) return ST_NOT_FOUND;
    *path = arena_copy(&card->arena, BYTES(adf[0], adf[1], fid.p[0], fid.p[1]));
    return path->p ? ST_OK : ST_ARENA_FULL;
}

// The first entry of a directory file in a Latvian card's ADF, in scratch.
static st esteid_read_entry(struct card *card, struct token *token, u32 i, bytes file,
                            struct scratch *scratch, struct p15_entry *entry)
{
    struct p15_value value = { .direct = BYTES_NONE };
    struct tlv record;
    bytes content;
    TRY(esteid_path(card, i, file, &value.path.file));
    TRY(p15file_read_value(card, token, &value, P15_RECORDS, scratch, &content));
    if (p15entry_next(&content, &record)) return ST_NOT_FOUND;
    return p15entry_parse(&record, entry) ? ST_NOT_FOUND : ST_OK;
}

// What a record of a Latvian card's ODF leads to: the ADF's key, or its certificate.
static st esteid_look_at(struct card *card, struct token *token, u32 i, struct tlv directory,
                         struct scratch scratch)
{
    struct esteid *esteid = token->state;
    struct esteid_key *key = &esteid->keys[i];
    struct p15_key_entry said;
    struct p15_value value;
    struct p15_entry entry;
    struct tlv part;
    if (directory.tag != ESTEID_PRKDF && directory.tag != ESTEID_CDF) return ST_NOT_FOUND;
    if (tlv_next(&directory.value, &part) || p15entry_value(&part, &value)) return ST_NOT_FOUND;
    TRY(esteid_read_entry(card, token, i, value.path.file, &scratch, &entry));
    if (directory.tag == ESTEID_CDF) {
        if (tlv_next(&entry.type, &part)) return ST_NOT_FOUND;
        TRY(p15entry_value(&part, &value));
        return esteid_path(card, i, value.path.file, &key->certificate);
    }
    p15entry_key(&entry, p15entry_key_type(entry.tag), &said);
    if (said.referenced) key->reference = said.reference;
    key->rsa = said.type == ALG_RSA;
    return ST_OK;
}

// Did reading fail, so that it is to be tried again? That something is not there is no failure.
static bool esteid_is_error(st s)
{
    return link_is_broken(s) || s == ST_ARENA_FULL || s > ST_COUNT;
}

// What a Latvian card's ADF says of its key and certificate. Where it says nothing they are taken
// to be where Estonian cards have them.
static st esteid_look_in(struct card *card, struct token *token, u32 i, struct scratch scratch)
{
    struct p15_value odf = { .path = { .file = bytes_of(esteid_directories[i], 4) } };
    struct tlv record;
    bytes content;
    st s = p15file_read_value(card, token, &odf, P15_RECORDS, &scratch, &content);
    while (!s && !p15entry_next(&content, &record)) {
        s = esteid_look_at(card, token, i, record, scratch);
        if (!esteid_is_error(s)) s = ST_OK;
    }
    return esteid_is_error(s) ? s : ST_OK;
}

// The directory files that the card has not: keys, certificates, personal data.
static st esteid_make_directory(struct card *card, struct token *token, struct scratch scratch)
{
    static const char *const labels[2] = { "Authentication", "Signature" };
    struct esteid *esteid = token->state;
    const struct esteid_model *model = esteid->model;
    if (esteid->directory_made) return ST_OK;
    for (u32 i = 0; i < 2 && model->has_directory; i++)
        TRY(esteid_look_in(card, token, i, scratch));
    struct buf keys = scratch_buf(&scratch, 256), certificates = scratch_buf(&scratch, 256);
    struct buf data = scratch_buf(&scratch, 1536);
    for (u8 i = 0; i < 2; i++) {
        const struct esteid_key *key = &esteid->keys[i];
        p15made_key(&keys, labels[i], key->rsa, i > 0, (u8)(i + 1), key->reference,
                       bytes_head(key->certificate, 2));
        p15made_certificate(&certificates, labels[i], (u8)(i + 1), key->certificate);
    }
    if (model->has_data) p15made_personal(&data, "EstEID", 0x5000);
    TRY(p15made_add(card, &esteid->p15, P15_PRKDF, &keys));
    TRY(p15made_add(card, &esteid->p15, P15_CDF, &certificates));
    if (data.n) TRY(p15made_add(card, &esteid->p15, P15_DODF, &data));
    esteid->directory_made = true;
    return ST_OK;
}

// ---- Tokens ----

// QUIRK(EstEID): PIN2 is ADF2's, and not known elsewhere. The PUK is verified in the MF, then a PIN
// is set alone (P1 02).
static void esteid_add_credentials(struct token *token)
{
    struct credential *pin = card_pin(token), puk = *pin;
    if (esteid_index(token)) pin->place.path = bytes_of(esteid_directories[1], 2);
    puk.role = ROLE_PUK;
    puk.reference = ESTEID_PUK;
    puk.min = 8;
    puk.presented = true;
    puk.unblock_by = UNBLOCK_APART;
    puk.place.path = bytes_of(esteid_mf, sizeof esteid_mf);
    card_set_credential(token, &puk);
}

static const char *const esteid_pin_names[2] = { "PIN1", "PIN2" };

// What is a token's own, once it has its PIN.
static void esteid_set_up(const struct esteid *esteid, struct token *token)
{
    const struct esteid_model *model = esteid->model;
    SCARD11_ASSERT(model);
    struct buf label = buf_on(token->label, sizeof token->label - 1);
    buf_put(&label, bytes_text(model->label));
    buf_put(&label, bytes_text(esteid_pin_names[esteid_index(token)]));
    buf_put8(&label, ')');
    strcpy(token->maker, "IDEMIA");
    esteid_add_credentials(token);
    token->key_types = model->key_types;
    token->card_pads = CARD_SCHEME(ALG_PKCS1);
}

// The two PINs as a directory that the card has not; each is a token, as far as there are slots.
static st esteid_add_pins(struct card *card, struct token *token, struct scratch scratch)
{
    static const struct credential none = { .role = ROLE_USER, .tries = -1 };
    struct esteid *esteid = token->state;
    u8 room[256];
    struct buf pins = buf_on(room, sizeof room);
    p15made_pin(&pins, esteid_pin_names[0], 1, 4, ESTEID_PIN1, 0xff);
    p15made_pin(&pins, esteid_pin_names[1], 2, esteid->model->pin2_min, ESTEID_PIN2, 0xff);
    TRY(p15made_add(card, &esteid->p15, P15_AODF, &pins));
    card_set_credential(token, &none);
    TRY(p15token_find_pins(card, token, scratch));
    for (u32 i = 0; i < SCARD11_READER_SLOTS; i++)
        if (card->tokens[i].state == esteid) esteid_set_up(esteid, &card->tokens[i]);
    return ST_OK;
}

// ---- Finding out ----

// QUIRK(LatEID): the directory of ADF1 shows where we are, by what SELECT tells of it.
static st esteid_find_directory(struct card *card, struct token *token, u8 *room, size_t size,
                                bytes *fcp)
{
    struct p15_path file = { .file = bytes_of(esteid_directories[0], 4) };
    struct buf said = buf_on(room, size);
    buf_put8(&said, 0);                         // cards may tell nothing
    TRY(esteid_select_file(card, token, &file, &said));
    *fcp = buf_bytes(&said);
    return ST_OK;
}

static st esteid_landmark(struct card *card, struct token *token, u32 ref, struct scratch *scratch,
                          bytes *value)
{
    struct buf room = scratch_buf(scratch, 260);
    if (ref != ESTEID_HERE) return p15dir_landmark(card, token, ref, scratch, value);
    return esteid_find_directory(card, token, room.p, room.cap, value);
}

// The document number of an Estonian card in its file D003. ST_NOT_FOUND: there is none.
static st esteid_read_number(struct card *card, struct token *token, struct buf *document,
                             struct tlv *number)
{
    u8 room[512];
    struct buf fcp = buf_on(room, sizeof room);
    struct p15_path file = { .file = bytes_of(esteid_document, sizeof esteid_document) };
    st s = esteid_select_file(card, token, &file, &fcp);
    if (!s) s = iso_read_binary(&card->link, 0, 32, document);
    if (link_is_broken(s)) return s;
    bytes said = buf_bytes(document);
    return s || tlv_take(&said, 0x04, number) ? ST_NOT_FOUND : ST_OK;
}

// Which of the two cards is it? Other cards of the maker have the AID too. An Estonian one has its
// document number, a Latvian one a directory in ADF1; that is its landmark.
static st esteid_recognise(struct card *card, struct token *token)
{
    struct esteid *esteid = token->state;
    u8 room[512];
    struct buf document = buf_on(room, 64);
    struct tlv number;
    bytes fcp;
    st s = esteid_read_number(card, token, &document, &number);
    if (link_is_broken(s)) return s;
    if (!s) {
        esteid->model = &esteid_models[ESTEID_ESTONIAN];
        p15entry_text(token->serial, sizeof token->serial - 1, number.value);
        esteid->p15.mark.unique = true;
        return place_note(&esteid->p15.mark, 0, number.whole);
    }
    esteid->model = &esteid_models[ESTEID_LATVIAN];
    s = esteid_find_directory(card, token, room, sizeof room, &fcp);
    if (link_is_broken(s)) return s;
    if (s) return ST_NOT_MINE;
    token->landmark = &esteid->here;
    return place_note(&esteid->here, ESTEID_HERE, fcp);
}

// Where another program uses the card, SELECT would end its login: a card that its ATR names is
// looked at first, from the MF on. What answers there is what answers after SELECT.
static st esteid_find(struct card *card, struct token *token)
{
    bool named = bytes_contain(bytes_of(card->link.atr, card->link.atr_len), "eID");
    st s = card->shared && named ? esteid_recognise(card, token) : ST_NOT_MINE;
    if (s == ST_NOT_MINE) {
        s = place_try_aid(card, bytes_of(esteid_aid, sizeof esteid_aid));
        if (s == ST_NOT_FOUND) return ST_NOT_MINE;
        if (s) return s;
        place_arrived(card, token);
        s = esteid_recognise(card, token);
    }
    if (!s) place_seen(card, token);
    return s;
}

// Is it an Estonian or a Latvian card? Sets up its tokens.
static st esteid_probe(struct card *card, struct token *token, struct scratch scratch)
{
    struct esteid *esteid = token->state = ARENA_NEW(&card->arena, struct esteid, 1);
    if (!esteid) return ST_ARENA_FULL;
    struct p15 *p15 = &esteid->p15;
    p15dir_init(p15, bytes_of(esteid_aid, sizeof esteid_aid), P15_FLAT);
    p15->io = &esteid_io;
    p15->base = bytes_of(esteid_mf, sizeof esteid_mf);
    p15->odf_read = true;
    p15->mark_file.file = bytes_of(esteid_document, sizeof esteid_document);
    p15_attach(token, p15);
    for (u32 i = 0; i < 2; i++)
        esteid->keys[i] = (struct esteid_key){ .reference = i ? ESTEID_KEY2 : ESTEID_KEY1,
                                               .certificate = bytes_of(esteid_certificates[i], 4) };
    TRY(esteid_find(card, token));
    return esteid_add_pins(card, token, scratch);
}

static st esteid_list(struct card *card, struct token *token, const struct query *query,
                      struct scratch scratch)
{
    TRY(esteid_make_directory(card, token, scratch));
    return p15object_list(card, token, query, scratch);
}

// ---- PINs ----

// What GET DATA tells of a PIN: 70 { BF81xx { A0 { 9A most tries, 9B tries left } } }.
static void esteid_parse_tries(bytes info, u8 number, struct credential *pin)
{
    bytes in, value;
    if (tlv_open(info, 0x70, &in)) return;
    if (tlv_open(in, 0xbf8100u | number, &in)) return;
    if (tlv_open(in, 0xa0, &in)) return;
    if (tlv_find(in, 0x9a, &value) && value.n == 1) pin->tries_max = *value.p;
    if (tlv_find(in, 0x9b, &value) && value.n == 1) pin->tries = *value.p;
}

// What C_GetTokenInfo needs: the tries left, while nobody is logged in.
// QUIRK(EstEID): GET DATA tells of a PIN, not an empty VERIFY.
static st esteid_open(struct card *card, struct token *token, struct scratch scratch)
{
    u8 room[256];
    struct buf info = buf_on(room, sizeof room);
    struct credential *pin = card_pin(token);
    if (token->login || pin->tries >= 0) return ST_OK;
    TRY(place_go_to(card, token, &pin->place, scratch));
    u8 number = pin->reference & 0x0f;
    struct apdu ask = { .ins = INS_GET_DATA, .p1 = 0x3f, .p2 = 0xff, .le = APDU_LE_SHORT,
                        .data = BYTES(0x4d, 0x08, 0x70, 0x06, 0xbf, 0x81, number, 0x02, 0xa0,
                                      0x80) };
    st s = link_exchange(&card->link, &ask, &info);
    if (link_is_broken(s)) return s;
    if (!s) esteid_parse_tries(buf_bytes(&info), number, pin);
    return ST_OK;
}

// ---- Keys ----

// The key's ADF and what is to be done with it. On trust both are as they were left.
static st esteid_set(struct card *card, struct object *object, u8 template, bytes content)
{
    const struct p15_key *key = object->state;
    TRY(esteid_step_into(card, key->where.file));
    return place_set_environment(card, MSE_SET, template, content, false);
}

// The hash of a PKCS#1 block for SHA-256, which is all that the key for signatures takes.
static bytes esteid_sha256(bytes info)
{
    static const u8 head[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
                               0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
    bool sha256 = info.n == sizeof head + 32 && !memcmp(info.p, head, sizeof head);
    return sha256 ? bytes_from(info, sizeof head) : BYTES_NONE;
}

static u8 esteid_algorithm(bool rsa, bool qualified)
{
    if (qualified)
        return rsa ? ESTEID_RSA_QUALIFIED : ESTEID_EC_QUALIFIED;
    return rsa ? ESTEID_RSA : ESTEID_EC;
}

// What is sent for a signature; room is for what must be made longer.
// QUIRK(LatEID): the RSA key for signatures makes the DigestInfo itself.
// QUIRK(EstEID): an EC key takes as many bytes as its curve has, with 00 on the left.
static bytes esteid_sign_data(const struct object *object, bytes in, struct buf *room)
{
    const struct p15_key *key = object->state;
    if (key->type == ALG_RSA) {
        bytes info = padding_pkcs1_signed(in);
        return object->always_auth ? esteid_sha256(info) : info;
    }
    size_t size = object->key->curve->size;
    bytes hash = bytes_head(in, size);
    buf_fill(room, 0, size - hash.n);
    buf_put(room, hash);
    return buf_bytes(room);
}

// One attempt to sign, into out as PKCS#11 has it: INTERNAL AUTHENTICATE with the key for
// authentication, PSO with the one for qualified signatures.
static st esteid_sign_once(struct card *card, struct object *object, bytes in,
                           struct scratch scratch, struct buf *out)
{
    const struct p15_key *key = object->state;
    bool rsa = key->type == ALG_RSA, qualified = object->always_auth;
    struct buf room = scratch_buf(&scratch, 80), raw = scratch_buf(&scratch, ALG_RESULT_MAX);
    bytes data = esteid_sign_data(object, in, &room);
    if (rsa && !data.n) return ST_MECHANISM;
    u8 algorithm = esteid_algorithm(rsa, qualified);
    TRY(esteid_set(card, object, qualified ? CRT_SIGN : CRT_AUTH,
                   BYTES(CRT_ALGORITHM, 1, algorithm, CRT_KEY, 1, key->reference)));
    struct apdu authenticate = { .ins = ESTEID_INS_AUTHENTICATE, .data = data,
                                 .le = APDU_LE_SHORT };
    if (qualified) TRY(iso_sign(&card->link, data, APDU_LE_SHORT, &raw));
    else           TRY(link_exchange(&card->link, &authenticate, &raw));
    if (rsa) return card_put_rsa(object->key, buf_bytes(&raw), out);
    buf_put(out, buf_bytes(&raw));
    return raw.n == 2 * object->key->curve->size ? ST_OK : ST_PROTOCOL;
}

static st esteid_sign(struct card *card, struct object *object, const struct alg_use *use, bytes in,
                      struct scratch scratch, struct buf *out)
{
    struct trial trial = p15key_trial(card, object, use, in, scratch, out);
    while (trial_next(&trial)) trial.s = esteid_sign_once(card, object, in, scratch, out);
    return p15key_status(trial.s);
}

// One attempt to agree on a secret. The host cannot check it: nothing is trusted.
// QUIRK(EstEID): ECDH is PSO DECIPHER of the point, behind a padding indicator.
static st esteid_derive_once(struct card *card, struct object *object, bytes point,
                             struct scratch scratch, struct buf *out)
{
    const struct p15_key *key = object->state;
    struct buf data = scratch_buf(&scratch, point.n + 1);
    size_t start = out->n;
    if (!card->sure) card->mse_len = 0;
    TRY(esteid_set(card, object, CRT_CIPHER,
                   BYTES(CRT_ALGORITHM, 4, ESTEID_ECDH, CRT_KEY, 1, key->reference)));
    buf_put8(&data, 0);
    buf_put(&data, point);
    TRY(iso_decipher(&card->link, buf_bytes(&data), APDU_LE_SHORT, out));
    return out->n - start == object->key->curve->size ? ST_OK : ST_PROTOCOL;
}

static st esteid_derive(struct card *card, struct object *object, bytes peer_point,
                        struct scratch scratch, struct buf *out)
{
    struct trial trial = p15key_secret_trial(card, object, peer_point, scratch, out);
    while (trial_next(&trial)) trial.s = esteid_derive_once(card, object, peer_point, scratch, out);
    return p15key_status(trial.s);
}

static const struct driver driver_esteid = {
    .name    = "EstEID",
    .public_certificates = true,
    .probe   = esteid_probe,
    .select  = esteid_select,
    .open    = esteid_open,
    .list    = esteid_list,
    .read    = p15object_read,
    .landmark = esteid_landmark,
    .sign    = esteid_sign,
    .derive  = esteid_derive,
    .random  = p15token_random,
};
#endif

/* ================================================================================================
 * MARK: - >>fineid
 * Driver: Estonian eID from 2025 on and Finnish eID, version 4, by Thales.
 *
 * Owns    driver_fineid
 * Uses    >>tlv >>alg >>apdu >>link >>iso >>card >>place >>trial >>p15entry >>p15 >>p15file
 *         >>p15dir >>p15token >>p15object >>p15key >>p15made
 * Names   fineid_
 * Specs   FINEID S1 and S4-1, version 4; Estonian eID developer guide of 2025; ISO 7816-4, -8, -15
 * Tests   tests/unit/fineid.c
 *
 * Two tokens: PIN1 with the key for authentication, PIN2 with the key for qualified signatures.
 * Finnish cards have a PKCS#15 directory, Estonian ones fixed places.
 * ==============================================================================================*/

#if SCARD11_FINEID

#define FINEID_PUK          0x83
#define FINEID_HERE         1           // landmark: what the card tells of PIN1
#define FINEID_ECDSA_384    0x54        // the algorithm of MSE: ECDSA
#define FINEID_HASH         48          // bytes of its hash, of r, and of s
#define FINEID_DOCUMENT     9           // bytes of an Estonian card's document number
#define FINEID_PSO_HASH     0x90        // P1 of PSO: a hash is given
#define FINEID_PSO_DATA     0xa0        // P2: in a template
#define FINEID_TAG_HASH     0x90        // in it

static const u8 fineid_aid[] = { 0xa0, 0x00, 0x00, 0x00, 0x63, 0x50, 0x4b, 0x43, 0x53, 0x2d, 0x31,
                                 0x35 };
static const u8 fineid_mf[] = { 0x3f, 0x00 },
                fineid_number[] = { 0x3f, 0x00, 0xdf, 0xdd, 0x50, 0x07 },
                fineid_tries[] = { 0xdf, 0x21 };        // the tag of the tries left

// Where a kind of card has its things: first those of authentication, then those of signatures.
static const struct fineid_places {
    const char *name, *keys[2];                 // label of tokens, of keys
    int tries;                                  // of each PIN
    u8 pins[2], min[2];                         // references of PINs, their shortest lengths
    u8 references[2];                           // of keys
    u8 certificate_len[2], certificates[2][6];  // paths
} fineid_finnish = {
    .name = "FinEID", .keys = { "todentamis- ja salausvarmenne", "allekirjoitusvarmenne" },
    .tries = 5, .pins = { 0x11, 0x82 }, .min = { 4, 6 }, .references = { 0x01, 0x02 },
    .certificate_len = { 4, 6 },
    .certificates = { { 0x3f, 0x00, 0x43, 0x31 }, { 0x3f, 0x00, 0x50, 0x16, 0x43, 0x32 } }
}, fineid_estonian = {
    .name = "EstEID", .keys = { "Authentication", "Signature" },
    .tries = 3, .pins = { 0x81, 0x82 }, .min = { 4, 5 }, .references = { 0x01, 0x05 },
    .certificate_len = { 6, 6 },
    .certificates = { { 0x3f, 0x00, 0xad, 0xf1, 0x34, 0x11 },
                      { 0x3f, 0x00, 0xad, 0xf2, 0x34, 0x21 } }
};

struct fineid {
    struct p15 p15;                             // first: p15_ functions take it for their own
    struct landmark here;                       // what is known of PIN1
    const struct fineid_places *places;
};

// GET DATA of a PIN: A0 { 83 reference, ..., DF21 tries left, ... }. Only cards of this kind know
// that. ST_NOT_FOUND: the card does not.
static st fineid_pin_info(struct card *card, u8 reference, int *tries)
{
    u8 room[256];
    struct buf rsp = buf_on(room, sizeof room);
    bytes in, value;
    struct apdu cmd = { .ins = INS_GET_DATA, .p2 = 0xff,
                        .data = BYTES(0xa0, 0x03, 0x83, 0x01, reference), .le = APDU_LE_SHORT };
    st s = link_exchange(&card->link, &cmd, &rsp);
    if (link_is_broken(s)) return s;
    if (s || tlv_open(buf_bytes(&rsp), 0xa0, &in)) return ST_NOT_FOUND;
    if (!tlv_find(in, 0xdf21, &value) || !value.n) return ST_NOT_FOUND;
    *tries = *value.p;
    return ST_OK;
}

// That the card tells of PIN1 shows in one command that it is this application. What tells the card
// from others is in its directory.
static st fineid_landmark(struct card *card, struct token *token, u32 ref, struct scratch *scratch,
                          bytes *value)
{
    const struct fineid *fineid = token->state;
    int tries;
    if (ref != FINEID_HERE) return p15dir_landmark(card, token, ref, scratch, value);
    *value = bytes_of(fineid_tries, sizeof fineid_tries);
    return fineid_pin_info(card, fineid->places->pins[0], &tries);
}

// Makes the directory files that the card has not: PINs, keys, certificates; of an Estonian card
// also personal data, of which the document number is its landmark.
static st fineid_make_directory(struct card *card, struct fineid *fineid, struct scratch scratch)
{
    const struct fineid_places *at = fineid->places;
    struct buf keys = scratch_buf(&scratch, 256), certificates = scratch_buf(&scratch, 256),
               pins = scratch_buf(&scratch, 256), data = scratch_buf(&scratch, 1536);
    for (u8 i = 0; i < 2; i++) {
        u8 id = (u8)(i + 1);
        p15made_pin(&pins, i ? "PIN2" : "PIN1", id, at->min[i], at->pins[i], 0x00);
        p15made_key(&keys, at->keys[i], false, i > 0, id, at->references[i], BYTES(0x3f, 0x00));
        p15made_certificate(&certificates, at->keys[i], id,
                            bytes_of(at->certificates[i], at->certificate_len[i]));
    }
    if (at == &fineid_estonian) p15made_personal(&data, at->name, 0xdfdd);
    TRY(p15made_add(card, &fineid->p15, P15_AODF, &pins));
    TRY(p15made_add(card, &fineid->p15, P15_PRKDF, &keys));
    TRY(p15made_add(card, &fineid->p15, P15_CDF, &certificates));
    if (data.n) TRY(p15made_add(card, &fineid->p15, P15_DODF, &data));
    fineid->p15.odf_read = fineid->p15.info_read = true;
    if (at != &fineid_estonian) return ST_OK;
    bytes number = bytes_of(fineid_number, sizeof fineid_number);
    fineid->p15.mark_file = (struct p15_path){ .file = number, .length = FINEID_DOCUMENT };
    fineid->p15.mark.unique = true;
    return ST_OK;
}

// The PUK, where no directory tells of it.
static void fineid_add_puk(struct token *token)
{
    const struct credential *told = card_credential(token, ROLE_PUK);
    struct credential puk = *card_pin(token);
    if (told && told->max) return;
    puk.role = ROLE_PUK;
    puk.reference = FINEID_PUK;
    puk.min = 8;
    puk.tries = -1;
    puk.presented = true;
    card_set_credential(token, &puk);
}

// What one of the two tokens is like, whose PIN is known.
static void fineid_set_up(const struct fineid *fineid, struct token *token, bool first)
{
    struct buf label = buf_on(token->label, sizeof token->label - 1);
    buf_put_text(&label, fineid->places->name);
    buf_put_text(&label, first ? " (PIN1)" : " (PIN2)");
    strcpy(token->maker, "Thales");
    token->key_types = CARD_TYPE(ALG_EC);
    card_pin(token)->tries_max = fineid->places->tries;
    fineid_add_puk(token);
}

// Finds the directory, or makes it, and the tokens of its PINs.
static st fineid_find(struct card *card, struct token *token, struct scratch scratch)
{
    static const struct credential pin = { .role = ROLE_USER, .tries = -1 };
    static const struct credential puk = { .role = ROLE_PUK, .presented = true };
    struct fineid *fineid = token->state;
    card_set_credential(token, &pin);
    card_set_credential(token, &puk);
    if (fineid->places == &fineid_finnish) {
        st s = p15dir_read_odf(card, token, scratch);
        if (link_is_broken(s) || s == ST_ARENA_FULL) return s;
    }
    if (!fineid->p15.files) TRY(fineid_make_directory(card, fineid, scratch));
    TRY(p15token_find_pins(card, token, scratch));
    for (u32 i = token->index; i < SCARD11_READER_SLOTS; i++)
        if (card->tokens[i].state == fineid)
            fineid_set_up(fineid, &card->tokens[i], i == token->index);
    return ST_OK;
}

static const struct p15_io fineid_io = { p15file_select_path, p15file_read_binary, ISO_FCP };

// Which kind of card it is: what it knows of its PINs says so. ST_NOT_FOUND: none.
static st fineid_ask_kind(struct card *card, const struct fineid_places **kind, int *tries)
{
    *kind = &fineid_finnish;
    st s = fineid_pin_info(card, fineid_finnish.pins[0], tries);
    if (s != ST_NOT_FOUND) return s;
    *kind = &fineid_estonian;
    return fineid_pin_info(card, fineid_estonian.pins[0], tries);
}

// Which kind of card it is, and how many tries PIN1 has left. Where another program uses the card,
// SELECT would end its login: the card is asked first, for it answers wherever in the application
// it is. The AID is PKCS#15's own, which other cards have too. ST_NOT_FOUND: none of these.
static st fineid_recognise(struct card *card, const struct fineid_places **places, int *tries)
{
    st s = card->shared ? fineid_ask_kind(card, places, tries) : ST_NOT_FOUND;
    if (s != ST_NOT_FOUND) return s;
    TRY(place_try_aid(card, bytes_of(fineid_aid, sizeof fineid_aid)));
    return fineid_ask_kind(card, places, tries);
}

// Is it a card of these? Sets up its tokens. Files are selected from the MF on.
static st fineid_probe(struct card *card, struct token *token, struct scratch scratch)
{
    const struct fineid_places *places;
    int tries = -1;
    st s = fineid_recognise(card, &places, &tries);
    if (s == ST_NOT_FOUND) return ST_NOT_MINE;
    if (s) return s;
    struct fineid *fineid = token->state = ARENA_NEW(&card->arena, struct fineid, 1);
    if (!fineid) return ST_ARENA_FULL;
    p15dir_init(&fineid->p15, bytes_of(fineid_aid, sizeof fineid_aid), P15_FLAT);
    fineid->p15.io = &fineid_io;
    fineid->places = places;
    fineid->p15.base = bytes_of(fineid_mf, sizeof fineid_mf);
    fineid->p15.odf_path = bytes_from(fineid->p15.odf_path, fineid->p15.odf_path.n - 2);
    fineid->p15.info_path = bytes_from(fineid->p15.info_path, fineid->p15.info_path.n - 2);
    p15_attach(token, &fineid->p15);
    token->landmark = &fineid->here;
    TRY(place_note(&fineid->here, FINEID_HERE, bytes_of(fineid_tries, sizeof fineid_tries)));
    place_seen(card, token);
    TRY(fineid_find(card, token, scratch));
    card_pin(token)->tries = tries;
    return ST_OK;
}

// An Estonian card's document number, which is the serial number of its tokens and its landmark. A
// card that does not give it has none.
static st fineid_read_serial(struct card *card, struct token *token, struct scratch scratch)
{
    struct fineid *fineid = token->state;
    u8 room[256], number[32];
    struct buf fcp = buf_on(room, sizeof room), document = buf_on(number, sizeof number);
    struct p15_path file = { .file = bytes_of(fineid_number, sizeof fineid_number) };
    if (fineid->places != &fineid_estonian || token->serial[0]) return ST_OK;
    TRY(place_be_sure(card, token, scratch));
    st s = p15file_select_path(card, token, &file, &fcp);
    if (!s) s = iso_read_binary(&card->link, 0, FINEID_DOCUMENT, &document);
    if (link_is_broken(s)) return s;
    if (s) return ST_OK;
    bytes serial = buf_bytes(&document);
    for (u32 i = 0; i < SCARD11_READER_SLOTS; i++) {
        struct token *each = &card->tokens[i];
        if (each->state == fineid) p15entry_text(each->serial, sizeof each->serial - 1, serial);
    }
    return place_note(&fineid->p15.mark, 0, bytes_head(serial, FINEID_DOCUMENT));
}

// What C_GetTokenInfo needs: tries left, as GET DATA tells them; serial number, TokenInfo.
static st fineid_open(struct card *card, struct token *token, struct scratch scratch)
{
    struct credential *pin = card_pin(token);
    if (!token->login && pin->tries < 0) {
        TRY(place_be_sure(card, token, scratch));
        st s = fineid_pin_info(card, pin->reference, &pin->tries);
        if (link_is_broken(s)) return s;
    }
    TRY(fineid_read_serial(card, token, scratch));
    return p15dir_read_info(card, token, scratch);
}

// QUIRK(FinEID): a key for qualified signatures wants its PIN each time, whatever the directory
// says.
static st fineid_list(struct card *card, struct token *token, const struct query *query,
                      struct scratch scratch)
{
    const struct fineid *fineid = token->state;
    TRY(p15object_list(card, token, query, scratch));
    for (const struct p15_key *key = fineid->p15.keys; key; key = key->next) {
        if (!(key->usage & P15_USE_QUALIFIED) || !key->private_object) continue;
        key->private_object->always_auth = true;
        if (key->public_object) key->public_object->always_auth = true;
    }
    return ST_OK;
}

// QUIRK(FinEID): the hash, with 00 on the left where it is shorter, goes before the signature,
// which then comes without data: r and s, one behind the other.
static st fineid_sign_once(struct card *card, struct object *object, bytes in, struct buf *out)
{
    const struct p15_key *key = object->state;
    u8 room[2 + FINEID_HASH];
    struct buf hash = buf_on(room, sizeof room);
    size_t start = out->n;
    bytes crt = BYTES(CRT_ALGORITHM, 1, FINEID_ECDSA_384, CRT_KEY, 1, key->reference);
    if (key->type != ALG_EC || object->key->curve->size != FINEID_HASH) return ST_NOT_SUPPORTED;
    in = bytes_head(in, FINEID_HASH);
    buf_put(&hash, BYTES(FINEID_TAG_HASH, FINEID_HASH));
    buf_fill(&hash, 0, FINEID_HASH - in.n);
    buf_put(&hash, in);
    TRY(place_set_environment(card, MSE_SET, CRT_SIGN, crt, false));
    struct apdu cmd = { .ins = INS_PSO, .p1 = FINEID_PSO_HASH, .p2 = FINEID_PSO_DATA,
                        .data = buf_bytes(&hash) };
    TRY(iso_send(&card->link, &cmd));
    TRY(iso_sign(&card->link, BYTES_NONE, 2 * FINEID_HASH, out));
    return out->n - start == 2 * FINEID_HASH ? ST_OK : ST_PROTOCOL;
}

static st fineid_sign(struct card *card, struct object *object, const struct alg_use *use, bytes in,
                      struct scratch scratch, struct buf *out)
{
    struct trial trial = p15key_trial(card, object, use, in, scratch, out);
    while (trial_next(&trial)) trial.s = fineid_sign_once(card, object, in, out);
    return p15key_status(trial.s);
}

// QUIRK(FinEID): ECDH is PSO DECIPHER of the point, behind a padding indicator; no algorithm.
static st fineid_derive_once(struct card *card, struct object *object, bytes point,
                             struct scratch scratch, struct buf *out)
{
    const struct p15_key *key = object->state;
    struct buf data = scratch_buf(&scratch, point.n + 1);
    size_t start = out->n;
    bytes crt = BYTES(CRT_KEY, 1, key->reference);
    TRY(place_set_environment(card, MSE_SET, CRT_CIPHER, crt, !card->sure));
    buf_put8(&data, 0);
    buf_put(&data, point);
    TRY(iso_decipher(&card->link, buf_bytes(&data), APDU_LE_SHORT, out));
    return out->n - start == object->key->curve->size ? ST_OK : ST_PROTOCOL;
}

static st fineid_derive(struct card *card, struct object *object, bytes peer_point,
                        struct scratch scratch, struct buf *out)
{
    struct trial trial = p15key_secret_trial(card, object, peer_point, scratch, out);
    while (trial_next(&trial)) trial.s = fineid_derive_once(card, object, peer_point, scratch, out);
    return p15key_status(trial.s);
}

static const struct driver driver_fineid = {
    .name    = "FinEID",
    .public_certificates = true,
    .probe   = fineid_probe,
    .select  = p15file_select,
    .open    = fineid_open,
    .list    = fineid_list,
    .read    = p15object_read,
    .landmark = fineid_landmark,
    .sign    = fineid_sign,
    .derive  = fineid_derive,
    .random  = p15token_random,
};
#endif

/* ================================================================================================
 * MARK: - >>belpic
 * Driver: Belgian eID.
 *
 * Owns    driver_belpic
 * Uses    >>alg >>padding >>apdu >>link >>iso >>card >>place >>trial >>p15 >>p15file >>p15dir
 *         >>p15key >>p15made
 * Names   belpic_
 * Specs   Belpic applet reference manual (1.7, 1.8), Belgian eID card content; ISO 7816-15
 * Tests   tests/unit/belpic.c
 *
 * A PKCS#15 directory of keys and certificates; who holds the card stands in files beside it, shown
 * as data objects under the names of the national middleware.
 * ==============================================================================================*/

#if SCARD11_BELPIC

#define BELPIC_CLA         0x80
#define BELPIC_INS_LOG_OFF 0xe6
#define BELPIC_PKCS1       0x01                 // algorithms: the card pads what it gets
#define BELPIC_ECDSA       0x40                 // of a hash that the host made
#define BELPIC_PIN         0x01

static const u8 belpic_aid[] = { 0xa0, 0x00, 0x00, 0x01, 0x77, 0x50, 0x4b, 0x43, 0x53, 0x2d, 0x31,
                                 0x35 };
static const u8 belpic_base[] = { 0x3f, 0x00, 0xdf, 0x00 },
                belpic_odf[] = { 0x3f, 0x00, 0xdf, 0x00, 0x50, 0x31 },
                belpic_info[] = { 0x3f, 0x00, 0xdf, 0x00, 0x50, 0x32 };

static const struct belpic_file { const char *label; u8 path[6]; } belpic_files[] = {
    { "DATA_FILE",         { 0x3f, 0x00, 0xdf, 0x01, 0x40, 0x31 } },
    { "SIGN_DATA_FILE",    { 0x3f, 0x00, 0xdf, 0x01, 0x40, 0x32 } },
    { "ADDRESS_FILE",      { 0x3f, 0x00, 0xdf, 0x01, 0x40, 0x33 } },
    { "SIGN_ADDRESS_FILE", { 0x3f, 0x00, 0xdf, 0x01, 0x40, 0x34 } },
    { "PHOTO_FILE",        { 0x3f, 0x00, 0xdf, 0x01, 0x40, 0x35 } },
    { "CERT_RN_FILE",      { 0x3f, 0x00, 0xdf, 0x00, 0x50, 0x3c } },
};

// QUIRK(Belgian eID): the directory says BCD, the PIN is in ISO 9564-1 format 2.
static const struct credential belpic_pin = {
    .role = ROLE_USER, .reference = BELPIC_PIN, .coding = CARD_PIN_ISO9564, .min = 4, .max = 12,
    .fill_to = 8, .filler = 0xff, .tries = -1, .logout_by = LOGOUT_COMMAND
};
// The PUK belongs to the PIN, and has no reference.
// QUIRK(Belgian eID): it frees the PIN and cannot set another one.
static const struct credential belpic_puk = {
    .role = ROLE_PUK, .reference = BELPIC_PIN, .coding = CARD_PIN_ISO9564, .min = 12, .max = 12,
    .fill_to = 8, .filler = 0xff, .tries = -1, .fixed = true, .unblock_by = UNBLOCK_FREES
};

// SELECT of a file answers nothing, and must not be asked to.
static const struct p15_io belpic_io = { p15file_select_path, p15file_read_binary, ISO_NOTHING };

// The files beside the directory, as data objects.
static st belpic_add_files(struct card *card, struct p15 *p15, struct scratch scratch)
{
    struct buf data = scratch_buf(&scratch, 512);
    for (size_t i = 0; i < COUNT(belpic_files); i++) {
        const struct belpic_file *file = &belpic_files[i];
        p15made_data(&data, file->label, "BELPIC", bytes_of(file->path, sizeof file->path));
    }
    return p15made_add(card, p15, P15_DODF, &data);
}

// Is it a Belgian eID? Sets up its token.
// QUIRK(Belgian eID): SELECT tells nothing of a file, and no command asks for the tries of the PIN.
static st belpic_probe(struct card *card, struct token *token, struct scratch scratch)
{
    bytes aid = bytes_of(belpic_aid, sizeof belpic_aid);
    st s = iso_select_aid(&card->link, ISO_NOTHING, aid, NULL);
    if (s == ST_NOT_FOUND) return ST_NOT_MINE;
    if (s) return s;
    struct p15 *p15 = token->state = ARENA_NEW(&card->arena, struct p15, 1);
    if (!p15) return ST_ARENA_FULL;
    p15dir_init(p15, aid, P15_FULL_PATH | P15_SHORT_END);
    p15->io = &belpic_io;
    p15->base = bytes_of(belpic_base, sizeof belpic_base);
    p15->odf_path = bytes_of(belpic_odf, sizeof belpic_odf);
    p15->info_path = bytes_of(belpic_info, sizeof belpic_info);
    p15_attach(token, p15);
    card_set_credential(token, &belpic_pin);
    card_set_credential(token, &belpic_puk);
    strcpy(token->label, "BELPIC");
    token->key_types = CARD_TYPE(ALG_RSA) | CARD_TYPE(ALG_EC);
    token->card_pads = CARD_SCHEME(ALG_PKCS1);
    place_arrived(card, token);
    TRY(belpic_add_files(card, p15, scratch));
    TRY(p15dir_read_info(card, token, scratch));
    return *token->serial ? ST_OK : ST_NOT_MINE;        // a card may say yes to any AID
}

// QUIRK(Belgian eID): MSE SET without TLV: a length, and two tags with their bytes.
static st belpic_set(struct card *card, const struct p15_key *key)
{
    u8 algorithm = key->type == ALG_EC ? BELPIC_ECDSA : BELPIC_PKCS1;
    bytes content = BYTES(4, CRT_ALGORITHM, algorithm, CRT_KEY, key->reference);
    return place_set_environment(card, MSE_SET, CRT_SIGN, content, false);
}

// QUIRK(Belgian eID): the PIN for a qualified signature must come right before the signature: MSE
// goes before the PIN. Such a login is one while the user is logged in already.
static st belpic_login(struct card *card, struct token *token, struct credential *pin,
                       struct scratch scratch)
{
    const struct p15 *p15 = token->state;
    if (!token->login) return ST_OK;
    TRY(place_go_to(card, token, &pin->place, scratch));
    for (const struct p15_key *key = p15->keys; key; key = key->next)
        if (key->private_object && key->private_object->always_auth) return belpic_set(card, key);
    return ST_OK;
}

// QUIRK(Belgian eID): SELECT leaves the login alone; there is a command that ends it.
static st belpic_logout(struct card *card, struct token *token)
{
    struct apdu cmd = { .cla = BELPIC_CLA, .ins = BELPIC_INS_LOG_OFF };
    (void)token;
    return iso_send(&card->link, &cmd);
}

// One signature. The card pads for RSA itself: it gets the DigestInfo. Some give r and s of a
// signature of EC one behind the other, some in DER.
static st belpic_sign_once(struct card *card, struct object *object, bytes in,
                           struct scratch scratch, struct buf *out)
{
    const struct p15_key *key = object->state;
    const struct alg_key *public_half = object->key;
    bool rsa = key->type == ALG_RSA;
    struct buf raw = scratch_buf(&scratch, ALG_RESULT_MAX);
    bytes data = rsa ? padding_pkcs1_signed(in) : bytes_head(in, public_half->curve->size);
    if (!data.n) return ST_MECHANISM;
    TRY(belpic_set(card, key));
    TRY(iso_sign(&card->link, data, rsa ? APDU_LE_ALL : APDU_LE_SHORT, &raw));
    bytes made = buf_bytes(&raw);
    if (rsa) return card_put_rsa(public_half, made, out);
    bool bare = made.n == alg_signature_size(public_half);
    if (!bare) return padding_ecdsa_to_raw(made, public_half->curve->size, out);
    buf_put(out, made);
    return ST_OK;
}

static st belpic_sign(struct card *card, struct object *object, const struct alg_use *use, bytes in,
                      struct scratch scratch, struct buf *out)
{
    struct trial trial = p15key_trial(card, object, use, in, scratch, out);
    while (trial_next(&trial)) trial.s = belpic_sign_once(card, object, in, scratch, out);
    return p15key_status(trial.s);
}

static const struct driver driver_belpic = {
    .name    = "Belgian eID",
    .public_certificates = true,    // QUIRK(Belgian eID): the directory calls them private
    .probe   = belpic_probe,
    .select  = p15file_select,
    .open    = p15dir_read_info,
    .list    = p15object_list,
    .read    = p15object_read,
    .landmark = p15dir_landmark,
    .login   = belpic_login,
    .logout  = belpic_logout,
    .sign    = belpic_sign,
};
#endif

/* ================================================================================================
 * MARK: - >>generic
 * Driver: standard cards with a PKCS#15 directory that no other driver knows.
 *
 * Owns    driver_generic
 * Uses    >>tlv >>alg >>padding >>link >>iso >>card >>place >>trial >>p15entry >>p15alg >>p15
 *         >>p15file >>p15dir >>p15token >>p15object >>p15key
 * Names   generic_
 * Specs   ISO/IEC 7816-15 (EF.DIR, supportedAlgorithms), ISO 7816-8 (MSE, PSO)
 * Tests   tests/unit/generic.c
 *
 * What the directory announces is what is sent: algorithm references, key references, how a PIN is
 * encoded. What it does not say is left out of the command.
 * ==============================================================================================*/

#if SCARD11_GENERIC

#define GENERIC_APPLICATIONS 8          // of EF.DIR that are tried
#define GENERIC_TAG_PATH     0x51       // in a template of EF.DIR: of the application's DF
#define GENERIC_TAG_FILES    0x73       // ... where its files are
// AlgorithmInfo.algorithm: numbers of PKCS#11's mechanisms.
#define GENERIC_RSA_PKCS     0x0001
#define GENERIC_RSA_X_509    0x0003
#define GENERIC_RSA_PSS      0x000d
#define GENERIC_ECDSA        0x1041
#define GENERIC_ECDH         0x1050
// AlgorithmInfo.operations.
#define GENERIC_OP_SIGN      (1u << 1)
#define GENERIC_OP_DECIPHER  (1u << 5)
#define GENERIC_OP_DERIVE    (1u << 8)

static const u8 generic_aid[] = { 0xa0, 0x00, 0x00, 0x00, 0x63, 0x50, 0x4b, 0x43, 0x53, 0x2d, 0x31,
                                  0x35 };
static const u8 generic_dir[] = { 0x3f, 0x00, 0x2f, 0x00 };

// ---- Finding out ----

// Is there a directory in the token's application, where that is taken to be? ST_NOT_MINE: none.
static st generic_try(struct card *card, struct token *token, struct scratch scratch)
{
    const struct p15 *p15 = token->state;
    if (place_was_refused(card, p15->aid)) return ST_NOT_MINE;
    st s = place_select(card, token);
    if (s == ST_LOST || s > ST_COUNT) return ST_NOT_MINE;
    if (!s) s = p15dir_read_odf(card, token, scratch);
    if (link_is_broken(s) || s == ST_ARENA_FULL) return s;
    return !s && p15->files ? ST_OK : ST_NOT_MINE;
}

// Where an application template says that its files are: 73 { 4F AID, where it is another one's; 30
// path of the ODF, [0] path of TokenInfo }. [0] holds the path, or its content right there.
static void generic_parse_files(bytes files, struct p15 *p15)
{
    struct p15_path path;
    struct tlv part;
    tlv_find(files, P15_TAG_AID, &p15->aid);
    while (!tlv_next(&files, &part)) {
        bytes inner = part.value;
        if (part.tag == TLV_CONSTRUCTED(0)) {
            tlv_open(part.value, TLV_SEQUENCE, &inner);
            if (!p15entry_path(inner, &path)) p15->info_path = path.file;
        }
        if (part.tag == TLV_SEQUENCE && !p15entry_path(inner, &path)) p15->odf_path = path.file;
    }
}

// An application template of EF.DIR: 61 { 4F AID, 50 label, 51 path, 73 where its files are }.
// ST_NOT_MINE: it names no application, or one that cannot be.
static st generic_parse_application(bytes template, struct p15 *p15)
{
    bytes files = BYTES_NONE;
    p15dir_init(p15, BYTES_NONE, 0);
    p15->base = BYTES_NONE;
    tlv_find(template, P15_TAG_AID, &p15->aid);
    tlv_find(template, GENERIC_TAG_PATH, &p15->base);
    tlv_find(template, GENERIC_TAG_FILES, &files);
    generic_parse_files(files, p15);
    if (p15->base.n > P15_PATH_MAX || p15->base.n % 2 || p15->aid.n > P15_AID_MAX)
        return ST_NOT_MINE;
    if (!bytes_begin(p15->base, P15_MF)) p15->base = BYTES_NONE;
    return p15->aid.n || p15->base.n ? ST_OK : ST_NOT_MINE;
}

// EF.DIR: what applications there are; nothing, if it cannot be read.
static st generic_read_dir(struct card *card, struct token *token, struct scratch scratch,
                           bytes *out)
{
    struct p15_path dir = { .file = bytes_of(generic_dir, sizeof generic_dir) };
    struct buf content = scratch_rest(&scratch);
    *out = BYTES_NONE;
    st s = p15file_read_once(card, token, &dir, P15_RECORDS, &content);
    if (link_is_error(s)) {                     // it may be in passing
        content.n = 0;
        s = p15file_read_once(card, token, &dir, P15_RECORDS, &content);
    }
    if (link_is_broken(s)) return s;
    if (s || !p15file_plausible(buf_bytes(&content), P15_RECORDS)) return ST_OK;
    *out = arena_copy(&card->arena, buf_bytes(&content));
    return content.n && !out->p ? ST_ARENA_FULL : ST_OK;
}

// Is an application a token already? EF.DIR may name it twice.
static bool generic_is_known(const struct card *card, const struct token *token)
{
    const struct p15 *mine = token->state;
    for (u32 i = 0; i < token->index; i++) {
        const struct p15 *p15 = card->tokens[i].state;
        bool same = bytes_equal(p15->aid, mine->aid) && bytes_equal(p15->base, mine->base) &&
                    bytes_equal(p15->odf_path, mine->odf_path);
        if (same) return true;
    }
    return false;
}

// The next application of EF.DIR that has a directory, of at most so many. ST_NOT_MINE: none has.
static st generic_try_dir(struct card *card, struct token *token, bytes *dir, int *most,
                          struct scratch scratch)
{
    struct tlv application;
    for (; *most > 0 && !p15entry_next(dir, &application); --*most) {
        if (application.tag != P15_TAG_APPLICATION) continue;
        if (generic_parse_application(application.value, token->state)) continue;
        if (generic_is_known(card, token)) continue;
        st s = generic_try(card, token, scratch);
        if (s != ST_NOT_MINE) return s;
    }
    return ST_NOT_MINE;
}

// ---- Keys ----

// The algRef of an AlgorithmInfo that announces an algorithm for an operation: one that the key
// names, or any. -1: none does.
static int generic_algorithm(const struct p15 *p15, struct p15_key *key, u32 algorithm,
                             u32 operation)
{
    u64 named = p15alg_named(&p15->algorithms, key->algorithms, &key->named);
    for (u32 i = 0; i < p15->algorithms.n; i++) {
        const struct p15alg *info = &p15->algorithms.list[i];
        if (!(named >> i & 1) || !info->referenced) continue;
        if (info->mechanism == algorithm && info->operations & operation) return info->algorithm;
    }
    return -1;
}

// How the card pads for a key itself: not at all, where it takes whole blocks.
static u32 generic_pads(const struct p15 *p15, struct p15_key *key)
{
    u32 schemes = CARD_SCHEME(ALG_PKCS1);
    if (generic_algorithm(p15, key, GENERIC_RSA_X_509, GENERIC_OP_SIGN | GENERIC_OP_DECIPHER) >= 0)
        return 0;
    if (generic_algorithm(p15, key, GENERIC_RSA_PSS, GENERIC_OP_SIGN) >= 0)
        schemes |= CARD_SCHEME(ALG_PSS);
    return schemes;
}

// Where the directory tells of no PIN. Its state is not asked for: on some cards that costs a try.
static const struct credential generic_pin = {
    .role = ROLE_USER, .reference = 1, .coding = CARD_PIN_ASCII, .min = 4, .max = 8, .tries = -1
};
static const struct credential generic_puk = { .role = ROLE_PUK, .presented = true };

// A token with an application of which nothing is known yet.
static st generic_new_token(struct card *card, struct token *token)
{
    struct p15 *p15 = token->state = ARENA_NEW(&card->arena, struct p15, 1);
    if (!p15) return ST_ARENA_FULL;
    card_set_credential(token, &generic_pin);
    card_set_credential(token, &generic_puk);
    strcpy(token->label, "PKCS#15");
    p15dir_init(p15, BYTES_NONE, 0);
    p15_attach(token, p15);
    return ST_OK;
}

// What an application that was found is like: its PINs, each a token, and what the card can do.
static st generic_take(struct card *card, struct token *token, struct scratch scratch)
{
    struct p15_key any = { .type = ALG_RSA };
    const struct p15 *p15 = token->state;
    TRY(p15token_find_pins(card, token, scratch));
    TRY(p15dir_read_info(card, token, scratch));
    for (u32 i = token->index; i < SCARD11_READER_SLOTS; i++) {
        if (card->tokens[i].state != p15) continue;
        card->tokens[i].key_types = CARD_TYPE(ALG_RSA) | CARD_TYPE(ALG_EC);
        card->tokens[i].card_pads = generic_pads(p15, &any);
    }
    return ST_OK;
}

// Further applications of EF.DIR are tokens of their own, as far as there are slots.
static st generic_take_others(struct card *card, const struct token *first, bytes *dir, int *most,
                              struct scratch scratch)
{
    while (dir->n && card->token_count + 1 < SCARD11_READER_SLOTS) {
        u32 index = card->token_count + 1;
        struct token *token = &card->tokens[index];
        *token = (struct token){ .driver = first->driver, .index = index };
        TRY(generic_new_token(card, token));
        st s = generic_try_dir(card, token, dir, most, scratch);
        if (!s) s = generic_take(card, token, scratch);
        if (s) token->state = NULL;
        if (s == ST_NOT_MINE) return ST_OK;
        if (s) return s;
        card->token_count++;
    }
    return ST_OK;
}

// The first application of PKCS#15 that has a directory: one of EF.DIR, else DF 5015, else the one
// of the standard's AID. ST_NOT_MINE: none has.
static st generic_find(struct card *card, struct token *token, bytes *dir, int *most,
                       struct scratch scratch)
{
    struct p15 *p15 = token->state;
    st s = generic_try_dir(card, token, dir, most, scratch);
    if (s != ST_NOT_MINE) return s;
    p15dir_init(p15, BYTES_NONE, 0);
    s = generic_try(card, token, scratch);
    if (s != ST_NOT_MINE) return s;
    p15dir_init(p15, bytes_of(generic_aid, sizeof generic_aid), 0);
    p15->base = BYTES_NONE;
    return generic_try(card, token, scratch);
}

// Has the card a directory of PKCS#15? Sets up a token for each of its applications and PINs.
static st generic_probe(struct card *card, struct token *token, struct scratch scratch)
{
    int most = GENERIC_APPLICATIONS;
    bytes dir;
    TRY(generic_new_token(card, token));
    TRY(generic_read_dir(card, token, scratch, &dir));
    TRY(generic_find(card, token, &dir, &most, scratch));
    TRY(generic_take(card, token, scratch));
    return generic_take_others(card, token, &dir, &most, scratch);
}

static st generic_list(struct card *card, struct token *token, const struct query *query,
                       struct scratch scratch)
{
    const struct p15 *p15 = token->state;
    TRY(p15object_list(card, token, query, scratch));
    for (struct p15_key *key = p15->keys; key; key = key->next)
        if (key->type == ALG_RSA && key->private_object)
            key->private_object->card_pads = generic_pads(p15, key);
    return ST_OK;
}

// The number of the security environment in which a key is used: its access rule's, its PIN's, or
// the application's; 0: none is said.
static u8 generic_environment(const struct object *object)
{
    const struct p15 *p15 = object->token->state;
    const struct p15_key *key = object->state;
    const struct p15_pin *pin = p15->user_pins[object->token->index];
    if (key->environment) return key->environment;
    return pin && pin->environment ? pin->environment : p15->environment;
}

// Restores that security environment. It stays until the card is elsewhere. Refused or not, MSE SET
// follows.
static st generic_restore(struct card *card, const struct object *object)
{
    struct p15 *p15 = object->token->state;
    u8 environment = generic_environment(object);
    bool there = card->mse_len && p15->restored == environment;
    if (!environment || there) return ST_OK;
    card->mse_len = 0;
    st s = iso_mse_restore(&card->link, environment);
    if (link_is_broken(s)) return s;
    p15->restored = environment;
    return ST_OK;
}

// MSE SET for a key: its algorithm (-1: none is said), its file, its reference, as far as the
// directory names them. again: see place_set_environment.
static st generic_set(struct card *card, struct object *object, u8 crt, int algorithm, bool again)
{
    const struct p15_key *key = object->state;
    bytes file = key->where.file;
    u8 room[32];
    struct buf b = buf_on(room, sizeof room);
    TRY(generic_restore(card, object));
    if (algorithm >= 0) tlv_put(&b, CRT_ALGORITHM, BYTES((u8)algorithm));
    if (file.n) tlv_put(&b, CRT_FILE, bytes_from(file, file.n - 2));
    if (key->referenced || !file.n) tlv_put(&b, CRT_KEY, BYTES(key->reference));
    return place_set_environment(card, MSE_SET, crt, buf_bytes(&b), again);
}

// What is sent for a signature of PKCS#1 v1.5, of a block that was padded: the DigestInfo in it,
// where the card says that it pads, or says nothing; else the block. ST_MECHANISM: the block is of
// another padding, and the card takes none.
static st generic_sign_pkcs1(const struct object *object, bytes block, int *algorithm, bytes *data)
{
    struct p15_key *key = object->state;
    const struct p15 *p15 = object->token->state;
    int whole = generic_algorithm(p15, key, GENERIC_RSA_X_509, GENERIC_OP_SIGN);
    int padded = generic_algorithm(p15, key, GENERIC_RSA_PKCS, GENERIC_OP_SIGN);
    bytes info = padding_pkcs1_signed(block);
    bool card_pads = padded >= 0 || whole < 0;
    if (info.n && card_pads) {
        *algorithm = padded;
        *data = info;
        return ST_OK;
    }
    *algorithm = whole;
    *data = block;
    return whole >= 0 ? ST_OK : ST_MECHANISM;
}

// What is sent for a signature, and under which algorithm (-1: none): as little as the card can
// take.
static st generic_sign_data(const struct object *object, const struct alg_use *use, bytes in,
                            int *algorithm, bytes *data)
{
    struct p15_key *key = object->state;
    bool pss = key->type == ALG_RSA && use->scheme == ALG_PSS;
    if (key->type == ALG_RSA && !pss) return generic_sign_pkcs1(object, in, algorithm, data);
    u32 mechanism = pss ? GENERIC_RSA_PSS : GENERIC_ECDSA;
    *algorithm = generic_algorithm(object->token->state, key, mechanism, GENERIC_OP_SIGN);
    *data = in;
    return ST_OK;
}

// One signature, into out as PKCS#11 has it.
static st generic_sign_once(struct card *card, struct object *object, const struct alg_use *use,
                            bytes in, struct scratch scratch, struct buf *out)
{
    struct buf raw = scratch_buf(&scratch, ALG_RESULT_MAX);
    bool ec = object->key->type == ALG_EC;
    int algorithm;
    bytes data;
    TRY(generic_sign_data(object, use, in, &algorithm, &data));
    TRY(generic_set(card, object, CRT_SIGN, algorithm, false));
    TRY(iso_sign(&card->link, data, ec ? APDU_LE_SHORT : APDU_LE_ALL, &raw));
    if (ec) return padding_ecdsa_to_raw(buf_bytes(&raw), object->key->curve->size, out);
    return card_put_rsa(object->key, buf_bytes(&raw), out);
}

static st generic_sign(struct card *card, struct object *object, const struct alg_use *use,
                       bytes in, struct scratch scratch, struct buf *out)
{
    struct trial trial = p15key_trial(card, object, use, in, scratch, out);
    while (trial_next(&trial)) trial.s = generic_sign_once(card, object, use, in, scratch, out);
    return p15key_status(trial.s);
}

// PSO DECIPHER of a cryptogram; behind a padding indicator, 00: no further information.
static st generic_decipher_once(struct card *card, bytes in, bool indicator,
                                struct scratch scratch, struct buf *out)
{
    struct buf data = scratch_buf(&scratch, in.n + 1);
    if (indicator) buf_put8(&data, 0);
    buf_put(&data, in);
    return iso_decipher(&card->link, buf_bytes(&data), APDU_LE_ALL, out);
}

// Some cards want no padding indicator (ISO 7816-8: it is optional). What says no to one is asked
// without; if that goes well, so is all that follows.
static st generic_decipher(struct card *card, struct p15 *p15, bytes in, struct scratch scratch,
                           struct buf *out)
{
    bool indicator = !(p15->quirks & P15_NO_INDICATOR);
    size_t start = out->n;
    st s = generic_decipher_once(card, in, indicator, scratch, out);
    if (!indicator || (s != SW_WRONG_DATA && s != SW_WRONG_LENGTH)) return s;
    buf_rewind(out, start);
    s = generic_decipher_once(card, in, false, scratch, out);
    if (!s) p15->quirks |= P15_NO_INDICATOR;
    return s;
}

// Decrypts for certain: nobody can check what comes out. Puts a whole block: where the card took
// the padding off, it gets it again. What is hardly shorter than a block is one, of which zeros
// were left out.
static st generic_decrypt(struct card *card, struct object *object, const struct alg_use *use,
                          bytes in, struct scratch scratch, struct buf *out)
{
    struct p15_key *key = object->state;
    struct p15 *p15 = object->token->state;
    struct buf plain = scratch_buf(&scratch, ALG_RESULT_MAX);
    struct place place = p15_place(p15, &key->where);
    int whole = generic_algorithm(p15, key, GENERIC_RSA_X_509, GENERIC_OP_DECIPHER);
    int padded = generic_algorithm(p15, key, GENERIC_RSA_PKCS, GENERIC_OP_DECIPHER);
    (void)use;
    TRY(place_go_to(card, object->token, &place, scratch));
    st s = generic_set(card, object, CRT_CIPHER, whole >= 0 ? whole : padded, true);
    if (s) return p15key_status(s);
    s = generic_decipher(card, p15, in, scratch, &plain);
    if (s == SW_WRONG_DATA) return ST_CIPHER_DATA;
    if (s) return p15key_status(s);
    bool block = whole >= 0 || plain.n + 2 >= in.n;
    return block ? card_put_rsa(object->key, buf_bytes(&plain), out)
                 : p15key_pad_again(buf_bytes(&plain), in.n, out);
}

static st generic_derive_once(struct card *card, struct object *object, bytes point,
                              struct scratch scratch, struct buf *out)
{
    const struct p15 *p15 = object->token->state;
    int algorithm = generic_algorithm(p15, object->state, GENERIC_ECDH, GENERIC_OP_DERIVE);
    TRY(generic_set(card, object, CRT_AUTH, algorithm, !card->sure));
    return p15key_agree(card, object, point, scratch, out);
}

static st generic_derive(struct card *card, struct object *object, bytes peer_point,
                         struct scratch scratch, struct buf *out)
{
    struct trial trial = p15key_secret_trial(card, object, peer_point, scratch, out);
    while (trial_next(&trial))
        trial.s = generic_derive_once(card, object, peer_point, scratch, out);
    return p15key_status(trial.s);
}

static const struct driver driver_generic = {
    .name    = "PKCS#15",
    .probe   = generic_probe,
    .select  = p15file_select,
    .open    = p15token_open,
    .list    = generic_list,
    .read    = p15object_read,
    .landmark = p15dir_landmark,
    .sign    = generic_sign,
    .decrypt = generic_decrypt,
    .derive  = generic_derive,
    .random  = p15token_random,
};
#endif

/* ================================================================================================
 * MARK: - >>probe
 * Which driver takes a card, and which others further applications of it.
 *
 * Owns    the list of drivers; the search for tokens, once for each insertion
 * Uses    >>extended >>link >>card >>place
 * Names   probe_
 * Tests   tests/unit/probe.c
 * ==============================================================================================*/

// In the order they are asked, with the reason for the place. A driver whose cards have an AID of
// their own stands before one whose AID other cards have, too; that before one that takes whatever
// answers. hint: a text in the ATR of cards that it is asked for first; it changes the order and
// nothing else. A driver may have several rows: one for each hint; and with PROBE_T0_ALONE one that
// counts only for an ATR that offers no protocol but T=0.
#define PROBE_T0_ALONE ""
static const struct probe_row {
    const struct driver *driver;
    const char *hint;
} probe_drivers[] = {
#if SCARD11_PIV
    { &driver_piv, NULL },              // an AID of its own
#endif
#if SCARD11_CAC
    { &driver_cac, PROBE_T0_ALONE },    // as most of its cards are; after PIV: some are both
#endif
#if SCARD11_OPENPGP
    { &driver_openpgp, "\x31\xc5\x73\xc0\x01" },   // an AID of its own
    { &driver_openpgp, "\x31\xf5\x73\xc0\x01" },
    { &driver_openpgp, "\x31\x84\x73\x80\x01" },
#endif
#if SCARD11_ISOAPPLET
    { &driver_isoapplet, NULL },        // an AID of its own
#endif
#if SCARD11_SCHSM
    { &driver_schsm, "HSM1" },          // an AID of its own
#endif
#if SCARD11_GIDS
    { &driver_gids, NULL },             // an AID of its own
#endif
#if SCARD11_ESTEID
    { &driver_esteid, "eID\x0f" },      // its maker's AID; a file says whether it is one
    { &driver_esteid, "eID2" },
#endif
#if SCARD11_BELPIC
    { &driver_belpic, "\xad\x13" },     // an AID of its own
    { &driver_belpic, "\xb0\x85\x04\x01\x20" },
#endif
#if SCARD11_CAC
    { &driver_cac, NULL },              // AIDs of its own
#endif
#if SCARD11_MYEID
    { &driver_myeid, "MyEID" },         // PKCS#15's AID; the applet says whether it is one
    { &driver_myeid, "OsEID" },
#endif
#if SCARD11_FINEID
    { &driver_fineid, "\xb0\x85\x05" }, // PKCS#15's AID
#endif
#if SCARD11_GENERIC
    { &driver_generic, NULL },          // whatever has a PKCS#15 directory
#endif
    { NULL, NULL },
};

// Which profiles (PKCS #11 Profiles 3.2, 5) a token fulfils, whatever is on it; decided once, so
// that they are the same each time; session_settle_profiles adds what only its keys tell. Every
// token is one of a baseline provider; none of an extended one, whose test (5.3.1) wants a
// mechanism that makes RSA keys. The test of an authentication token (5.4.1) is an RSA signature.
// Where a directory may call any certificate private, only reading it would tell: no public
// certificates (5.5) are promised.
static void probe_profiles(struct token *token)
{
    const struct driver *driver = token->driver;
    token->profiles = CARD_PROFILE(CKP_BASELINE_PROVIDER);
    if (driver->sign && token->key_types & CARD_TYPE(ALG_RSA))
        token->profiles |= CARD_PROFILE(CKP_AUTHENTICATION_TOKEN);
    if (driver->public_certificates && !driver->keys_without_pin)
        token->profiles |= CARD_PROFILE(CKP_PUBLIC_CERTIFICATES_TOKEN);
}

// The drivers, each once, in the order in which they are asked for one card.
struct probe_order {
    const struct driver *at[COUNT(probe_drivers)];
    u32 n;
};

static void probe_add(struct probe_order *order, const struct driver *driver)
{
    for (u32 i = 0; i < order->n; i++)
        if (order->at[i] == driver) return;
    order->at[order->n++] = driver;
}

static bool probe_is_for_t0(const struct probe_row *row)
{
    return row->hint && !*row->hint;
}

static bool probe_is_hinted(const struct probe_row *row, bytes atr)
{
    return row->hint && *row->hint && bytes_contain(atr, row->hint);
}

// The order for a card, by its ATR: it is the same each time.
static struct probe_order probe_order_of(const struct card *card)
{
    bytes atr = bytes_of(card->link.atr, card->link.atr_len);
    struct probe_order order = { { NULL }, 0 };
    bool t0 = extended_atr_is_t0(atr);
    for (const struct probe_row *row = probe_drivers; row->driver && !order.n; row++)
        if (probe_is_hinted(row, atr)) probe_add(&order, row->driver);
    for (const struct probe_row *row = probe_drivers; row->driver; row++)
        if (t0 || !probe_is_for_t0(row)) probe_add(&order, row->driver);
    return order;
}

// Asks one driver. It meets the card as nobody had before: no token of its own, nothing sure. look:
// it is asked only if its application is the selected one, and begins there.
static st probe_once(struct card *card, const struct driver *driver, bool look,
                     struct scratch scratch)
{
    u32 index = card->token_count;
    struct token *token = &card->tokens[index];
    memset(token, 0, (SCARD11_READER_SLOTS - index) * sizeof *token);
    token->driver = driver;
    token->index = index;
    card->current = NULL;
    place_leave(card);
    place_unsure(card);
    card->link.erred = false;
    st s = look ? driver->selected(card, token, scratch) : ST_OK;
    if (s == ST_NOT_FOUND) return ST_NOT_MINE;
    if (!s) s = driver->probe(card, token, scratch);
    SCARD11_ASSERT(s || (token->state && token->credential_count));
    return s;
}

// Asks one driver for certain. ST_NOT_MINE: it does not know the card. When the card answered with
// an error of its own meanwhile (6F00), that may have been in passing, and may have been what made
// it a card of another kind: the driver is asked once more, and that counts. If it does not take
// the card, most cards are where they were: but nobody has seen that.
static st probe_driver(struct card *card, const struct driver *driver, bool look,
                       struct scratch scratch)
{
    st s = ST_NOT_MINE;
    struct token *was = card->current;
    u32 first = card->token_count, refused = card->tried.refused_n, moves = card->link.moves;
    for (int turn = 0; turn < 2; turn++) {
        card->token_count = first;
        s = probe_once(card, driver, look, scratch);
        if (!card->link.erred || link_is_broken(s)) break;
        os_log("%s: an error of the card while it was asked what it is", card->link.name);
        card->tried.refused_n = refused;
        card->tried.there = BYTES_NONE;
    }
    if (s) {
        card->token_count = first;
        card->current = card->link.moves == moves ? was : NULL;
        place_unsure(card);
        return s;
    }
    card->token_count++;
    for (u32 i = first; i < card->token_count; i++) probe_profiles(&card->tokens[i]);
    return ST_OK;
}

// ---- Several applications on one chip ----
// A security key has PIV and OpenPGP: two tokens. When a driver has taken a card, and shares_chip
// says that there may be others, those are asked, too, each once: one SELECT where there is no
// other. The tokens are in the order in which they were found.
//
// Another program may be logged in to a card that it has (card->shared), and a SELECT of another
// application ends that. So each of those drivers looks first whether its application is the
// selected one, before any of them sends a SELECT. If one is, it is taken. Unless it says itself
// that nobody is logged in, the search for others waits (card->more): until the card was seen to be
// nobody else's (life_find_more), a logout of ours has ended that login as well, or a call wants a
// slot that has no token yet. Then another slot has a token, with its event. If none is selected,
// the first SELECT ends what there is anyway, and the search is done at once.

enum probe_way {
    PROBE_BEFORE,           // drivers that stand before those whose applications share chips
    PROBE_LOOK,             // whoever can tell, if theirs is the selected application
    PROBE_FIRST,            // all
    PROBE_OTHERS            // those whose applications share chips
};

// Asks drivers that were not asked yet, until one takes the card. ST_NOT_MINE: none does.
static st probe_ask(struct card *card, enum probe_way way, struct scratch scratch)
{
    struct probe_order order = probe_order_of(card);
    st s = ST_NOT_MINE;
    bool room = card->token_count < SCARD11_READER_SLOTS;
    for (u32 i = 0; i < order.n && room && s == ST_NOT_MINE; i++) {
        const struct driver *driver = order.at[i];
        if (way == PROBE_BEFORE && driver->shares_chip) break;
        if (card->tried.drivers >> i & 1) continue;
        if (way == PROBE_LOOK && !driver->selected) continue;
        if (way == PROBE_OTHERS && !driver->shares_chip) continue;
        s = probe_driver(card, driver, way == PROBE_LOOK, scratch);
        bool was_asked = way != PROBE_LOOK || s != ST_NOT_MINE;
        if (was_asked && !link_is_broken(s)) card->tried.drivers |= 1u << i;
    }
    return s;
}

// Looks for further applications, by SELECT. An error: the connection broke. Else the card is what
// it was, whatever came of it.
static st probe_more(struct card *card, struct scratch scratch)
{
    st s = ST_OK;
    while (s != ST_NOT_MINE) {
        s = probe_ask(card, PROBE_OTHERS, scratch);
        if (link_is_broken(s)) return s;
    }
    card->more = false;
    return ST_OK;
}

// Does the application that was found selected say that nobody is logged in to it?
static bool probe_nobody_is_in(struct token *token)
{
    const struct credential *pin = card_pin(token);
    return pin->asked && pin->tries >= 0 && !pin->hidden;
}

// Finds the tokens of a card: asks the driver that its ATR hints at, then each other one once.
// ST_UNKNOWN_TOKEN: no driver knows it.
static st probe_card(struct card *card, struct scratch scratch)
{
    memset(&card->tried, 0, sizeof card->tried);
    card->token_count = 0;
    st s = probe_ask(card, PROBE_BEFORE, scratch);
    if (s == ST_NOT_MINE && card->shared) s = probe_ask(card, PROBE_LOOK, scratch);
    bool was_selected = !s;
    if (s == ST_NOT_MINE) s = probe_ask(card, PROBE_FIRST, scratch);
    if (s == ST_NOT_MINE) {
        os_log("%s: no driver knows this card", card->link.name);
        return ST_UNKNOWN_TOKEN;
    }
    if (s || !card->tokens->driver->shares_chip) return s;
    card->more = was_selected && !probe_nobody_is_in(card->tokens);
    return card->more ? ST_OK : probe_more(card, scratch);
}

/* ================================================================================================
 * MARK: - >>same
 * Is it the card that we remember? Connecting, connecting again, and proof.
 *
 * Owns    the connection to a card, made, and taken up again after a rest, after another program's
 *         reset, or by a reset of ours. The law: what is remembered of a card is used for that card
 *         only (same_prove). Knows a card, and nothing of the table of readers
 * Uses    >>reader >>link >>card >>place
 * Names   same_
 * Tests   tests/unit/same.c
 *
 * Whatever takes up a connection compares the count of changes and the ATR, and leaves the card
 * unproven. same_prove then compares what no other card has (its identity), before anything that is
 * remembered is answered or sent. All under the reader's lock, but for same_shown, same_status and
 * same_count_tells: >>slot asks those, too, where nobody is inside.
 * ==============================================================================================*/

static bool same_exclusive;                 // option SCARD11_EXCLUSIVE: how cards are connected

// ---- What PC/SC tells ----

// Does this state of its reader still mean the card that was connected?
static bool same_shown(const struct card *card, u32 state)
{
    if (!(state & SCARD11_READER_PRESENT)) return false;
    if (!(state & SCARD11_READER_COUNTED)) return true;
    return (state & READER_COUNT) == (card->state & READER_COUNT);
}

// Asks the card's own connection. ST_CARD_REMOVED: another card is in now, or none.
static st same_status(struct card *card)
{
    u32 state = 0;
    TRY(link_status(&card->link, &state));
    return same_shown(card, state) ? ST_OK : ST_CARD_REMOVED;
}

// Can PC/SC's count tell a card that comes from the one that went? 0 says nothing.
static bool same_count_tells(const struct card *card)
{
    return card->state & SCARD11_READER_COUNTED && card->state & READER_COUNT;
}

// ---- Connecting ----

// Connects, connects again, or resets the card. An old connection keeps its way of sharing.
static st same_connect(struct link *link, bool reset)
{
    if (reset) return link_reset(link);
    return link_connect(link, link->conn ? link->exclusive : same_exclusive);
}

// Connects and compares the count. The card is unproven then, and nobody knows what is selected.
static st same_connect_unproven(struct card *card, bool reset)
{
    TRY(same_connect(&card->link, reset));
    place_unsure(card);
    place_leave(card);
    card->unproven = true;
    TRY(same_status(card));
    card->look_ms = os_now_ms();
    return ST_OK;
}

// Takes a connection up again, or resets the card; compares all that PC/SC tells.
static st same_connect_again(struct card *card, bool reset)
{
    TRY(same_connect_unproven(card, reset));
    return card->link.same_atr ? ST_OK : ST_CARD_REMOVED;
}

// Is it known what a token's application has here, and on no other card?
static bool same_is_known(const struct token *token)
{
    const struct landmark *identity = token->identity;
    return identity && identity->known && identity->unique;
}

// The token that shows which card it is: that of the application that was selected last, or any
// other of the chip. NULL: none does.
static struct token *same_witness(struct card *card)
{
    struct token *last = card->current ? card->current : &card->tokens[0];
    if (same_is_known(last)) return last;
    for (u32 i = 0; i < card->token_count; i++)
        if (same_is_known(&card->tokens[i])) return &card->tokens[i];
    return NULL;
}

// After SCARD_W_RESET_CARD: takes the connection up again, and looks again whether it is the same
// card. ST_CARD_REMOVED: it is not, or that cannot be told: the backend does not count, or its
// count says nothing and the card has nothing of its own. Logins are gone, and what a context login
// left open. Another program may reset it again meanwhile; not for ever.
static st same_resume(struct card *card)
{
    for (int attempt = 0; attempt < 3; attempt++) {
        card->open_op = NULL;
        card_logins_reset(card);
        st s = same_connect_again(card, false);
        if (s == ST_CARD_RESET) continue;
        if (s || !(card->state & SCARD11_READER_COUNTED)) return ST_CARD_REMOVED;
        if (!same_count_tells(card) && !same_witness(card)) return ST_CARD_REMOVED;
        card->was_reset = true;
        os_log("%s: the card was reset by someone else", card->link.name);
        return ST_OK;
    }
    return ST_CARD_REMOVED;
}

// Connects a card of which nothing is remembered, so that nothing is to be proved.
static st same_connect_new(struct card *card)
{
    st s = same_connect_unproven(card, false);
    if (card->link.reset) s = same_resume(card);
    card->unproven = card->was_reset = false;
    return s;
}

// ---- Proof ----

// Looks for the identity: as the card is, unless another application was selected last, or a reset
// left none selected; then, or where it is not found, after a SELECT.
static st same_find_identity(struct card *card, struct token *token, struct scratch scratch)
{
    bool left = card->current && !card_same_application(card->current, token);
    st s = ST_NOT_FOUND;
    if (!card->was_reset && !left) s = place_find_landmark(card, token, token->identity, scratch);
    if (s != ST_NOT_FOUND) return s;
    TRY(place_select(card, token));
    return place_find_landmark(card, token, token->identity, scratch);
}

// In a transaction: is it the card that is remembered? ST_CARD_REMOVED: it is not. Where nothing is
// known that no other card has, the count must do, but not for a PIN that was kept: it may be
// another card's.
static st same_prove(struct card *card, struct scratch scratch)
{
    struct token *witness = same_witness(card);
    st s = ST_OK;
    if (!card->unproven) return ST_OK;
    SCARD11_ASSERT(card->link.open || card->link.exclusive);
    if (witness) s = same_find_identity(card, witness, scratch);
    else         card_forget_all_secrets(card);
    if (link_is_broken(s)) return s;
    if (s) os_log("%s: not the card that was here before", card->link.name);
    if (s) return ST_CARD_REMOVED;
    card->unproven = card->was_reset = false;
    return ST_OK;
}

// Proves it in a transaction of its own, where none is open.
static st same_prove_now(struct card *card, struct scratch scratch)
{
    st s = link_begin(&card->link);
    if (!s) s = same_prove(card, scratch);
    link_end(&card->link);
    return s;
}

/* ================================================================================================
 * MARK: - >>slot
 * The table of readers: what is in which slot, what happened there, who is inside.
 *
 * Owns    struct reader and the table of them; what PC/SC said last; pending events; entering and
 *         leaving a reader. The law: a lost context is a removal of every card, with its event
 *         (slot_look_all). The end of a card's arena (slot_empty)
 * Uses    >>reader >>extended >>link >>card >>same
 * Names   slot_
 * Specs   PKCS#11 3.2, 5.5
 * Tests   tests/unit/slot.c
 * ==============================================================================================*/

// Who may touch what. Locks are taken in this order, never two readers':
//
//   reader->lock   guards the card and the first half of struct reader. One C_* call holds it from
//                  slot_enter to slot_leave, also while a command is on its way.
//   os_library     guards the table and the second half: what PC/SC said, events, who is inside.
//                  Held for one look at most, never for a command.
//   os_crypto      guards PSA.
//
// With the library's lock alone a card may be touched where nobody is inside its reader: nobody can
// enter meanwhile (slot_mind_rest, slot_make_room, slot_stop).
//
// Where an event waits. A change is a difference between what PC/SC says and the table. The thread
// that writes it there (slot_change) counts it in reader->changes and sets reader->pending, a bit
// for each slot. C_WaitForSlotEvent takes it from there (slot_take_event). Where the reader's place
// is given to another reader first, it waits in slot_dropped. The card keeps the changes from
// before it was connected: if the two differ, it is gone, and who holds the reader's lock next
// frees it (>>life).

#ifndef SLOT_REST_MS
#define SLOT_REST_MS 1000               // how long a card without a session stays connected
#endif
#define SLOT_FRESH            UINT64_MAX
#define SLOT_DROPPED          16
#define SLOT_NAMES            (2 * SCARD11_READERS_MAX * READER_NAME)
#define SLOT_LOOKS            4         // attempts of one look; readers and the service come and go

struct reader {
    // Under the reader's lock.
    struct card *card;              // the one pointer from outside into a card's arena
    u8   *block;                    // command, answer, scratch; from the first card to C_Finalize
    u8   *answer;                   // in it: the answer
    struct scratch scratch;         // in it: the scratch
    struct link_count count;        // for scard11_stats
    struct extended_reader extended;        // does extended length work in it?
    u32   unknown_changes;          // changes of the card that is in and was found to be nobody's
    u64   unknown_ms;               // when that was; 0: never
    // Under the library lock.
    bool  listed;                   // the reader is there
    bool  lost;                     // a call hung in it over C_Finalize, and has it until it ends
    u32   state;                    // as PC/SC said last
    u32   changes;                  // counts what was noted
    u32   token_count;              // tokens of the card that is in, as far as known; else 1
    u32   shown;                    // slots that C_GetSlotList lists
    u32   pending;                  // bit i: slot i has an event to report
    u32   inside;                   // calls that hold the reader's lock or wait for it
    u32   searched;                 // changes when C_GetSlotList(CK_TRUE) last looked for tokens
    bool  more;                     // the card may have further tokens: see >>probe
    u64   gone_ms;                  // since when it is not there; SLOT_FRESH: not looked at yet
    CK_SLOT_ID first_id;
    char  name[READER_NAME];        // "": the place is free
    struct os_lock lock;            // made and dropped under the library lock
};

static struct reader slot_readers[SCARD11_READERS_MAX];
static struct os_mutexes slot_mutexes;      // of the application, for readers' locks
static void *slot_context;                  // the one for looking; NULL: none, or no service
static bool slot_down;                      // no context was to be had: the log says it once
static CK_SLOT_ID slot_next_id;
static bool slot_up;                        // a call that hung over C_Finalize must not look
static bool slot_watching;                  // after the first look: changes are events
// Of initialisations: a call that hung over C_Finalize is of an old one. Changed under the gate and
// the library lock both, so either is enough to read it.
static u32 slot_generation;
static u32 slot_noted;                      // counts what was noted, of all readers
static char slot_filter[256];               // option SCARD11_READERS
static char slot_names[SLOT_NAMES];         // room for a list of readers
static u32 slot_left_out;                   // readers that the last look had no place or room for
// Removals of readers whose place was used again, not reported yet, the oldest first.
static CK_SLOT_ID slot_dropped[SLOT_DROPPED];
static u32 slot_dropped_count;

// Does a reader have this place? One that a call hung in over C_Finalize is left to that call.
static bool slot_is_taken(const struct reader *reader)
{
    return *reader->name && !reader->lost;
}

// ---- What PC/SC says: all under the library lock ----

// What of a state counts: another count, or another kind of presence, is a change; who uses the
// card is none.
static u32 slot_essence(u32 state)
{
    u32 mask = SCARD11_READER_PRESENT | SCARD11_READER_CARD_MUTE | SCARD11_READER_GONE;
    if (state & SCARD11_READER_COUNTED) mask |= READER_COUNT;
    return state & mask;
}

static bool slot_present(const struct reader *reader)
{
    return reader->listed && reader->state & SCARD11_READER_PRESENT &&
           !(reader->state & SCARD11_READER_GONE);
}

// The slots of a reader in which there is a token, as bits: what C_GetSlotInfo says of them. A card
// that nobody knows counts; a further slot only when a card in it was seen to need it.
static u32 slot_tokens(const struct reader *reader)
{
    return slot_present(reader) ? (1u << reader->token_count) - 1 : 0;
}

static bool slot_has_token(const struct reader *reader, u32 index)
{
    return slot_tokens(reader) >> index & 1;
}

// A card or a reader came or left. An event for the first slot, whatever there was, and for each
// further one that had a token: it has none until the card that is in is known.
static void slot_change(struct reader *reader, u32 had)
{
    reader->changes++;
    slot_noted++;
    reader->token_count = 1;
    reader->more = false;
    if (slot_watching) reader->pending |= 1u | had;
}

// The tokens of the card that is in are known: an event for each slot that has one now and had
// none. changes: of which card that was found; another one may be in by now. more: it was not
// looked for all.
static void slot_know_tokens(struct reader *reader, u32 changes, u32 token_count, bool more)
{
    u32 had = slot_tokens(reader);
    SCARD11_ASSERT(os_library.held && token_count >= 1 && token_count <= SCARD11_READER_SLOTS);
    if (reader->changes != changes) return;
    reader->token_count = token_count;
    reader->more = more;
    if (reader->shown < token_count) reader->shown = token_count;
    if (slot_watching) reader->pending |= had ^ slot_tokens(reader);
}

// What the log says of a reader's state.
static const char *slot_state_text(bool listed, u32 state)
{
    if (!listed || state & SCARD11_READER_GONE) return "not there";
    return state & SCARD11_READER_PRESENT ? "card in" : "empty";
}

// Writes what PC/SC says of a reader into the table. It makes the events, as slot_note_swap and
// slot_know_tokens do, and nobody else.
static void slot_note(struct reader *reader, bool listed, u32 state)
{
    u32 had = slot_tokens(reader);
    SCARD11_ASSERT(os_library.held);
    if (reader->listed == listed && slot_essence(reader->state) == slot_essence(state)) {
        reader->state = state;
        return;
    }
    if (!listed) reader->gone_ms = os_now_ms();
    os_log("%s: %s", reader->name, slot_state_text(listed, state));
    reader->listed = listed;
    reader->state = state;
    slot_change(reader, had);
}

// The card is another one, or was gone meanwhile, though PC/SC's count is what it was (pcsc-lite
// counts from 0 again when a reader is plugged in): a change like those that it shows.
static void slot_note_swap(struct reader *reader)
{
    SCARD11_ASSERT(os_library.held);
    os_log("%s: another card, or the same one anew", reader->name);
    slot_change(reader, slot_tokens(reader));
}

// ---- The end of a card: under the reader's lock, or where nobody is inside ----

// May the card have something verified?
static bool slot_verified(const struct card *card)
{
    for (u32 i = 0; i < card->token_count; i++)
        if (card_verified(&card->tokens[i])) return true;
    return false;
}

// Closes the connection, wipes and frees all that the card brought. Nobody is told: its sessions
// and objects were in the arena, and their handles carry epochs that will not be given out again. A
// card that may keep a login which nobody has any more is reset.
static void slot_empty(struct reader *reader, bool reset)
{
    if (!reader->card) return;
    SCARD11_ASSERT(reader->lock.held || os_library.held);
    SCARD11_ASSERT(reader->card->link.name == reader->name);
    link_disconnect(&reader->card->link, reset || slot_verified(reader->card));
    extended_card_left(&reader->extended, &reader->card->link.extended, reader->card->changes);
    card_forget_all_secrets(reader->card);
    struct arena everything = reader->card->arena;
    reader->card = NULL;
    arena_free(&everything);
}

// One block for each reader that had a card: room for a command, for an answer, and scratch.
static st slot_make_block(struct reader *reader)
{
    if (reader->block) return ST_OK;
    reader->block = arena_block_new(SCARD11_SCRATCH);
    if (!reader->block) return ST_HOST_MEMORY;
    reader->scratch = scratch_on(reader->block, SCARD11_SCRATCH);
    scratch_alloc(&reader->scratch, LINK_COMMAND);
    reader->answer = scratch_alloc(&reader->scratch, SCARD11_ANSWER);
    return ST_OK;
}

static void slot_free_block(struct reader *reader)
{
    if (reader->block) arena_block_free(reader->block, SCARD11_SCRATCH);
    reader->block = NULL;
}

// The scratch of a call. What the call uses of it is wiped when it leaves.
static struct scratch slot_scratch(struct reader *reader)
{
    reader->scratch.end->high = reader->scratch.at;
    return reader->scratch;
}

static void slot_wipe_scratch(struct reader *reader)
{
    if (!reader->block) return;
    mem_wipe(reader->scratch.at, (size_t)(reader->scratch.end->high - reader->scratch.at));
}

// ---- Places in the table: under the library lock ----

// The oldest of the removals whose reader's place was used again.
static CK_SLOT_ID slot_take_dropped(void)
{
    CK_SLOT_ID id = slot_dropped[0];
    SCARD11_ASSERT(slot_dropped_count);
    memmove(slot_dropped, slot_dropped + 1, sizeof slot_dropped - sizeof *slot_dropped);
    slot_dropped_count--;
    return id;
}

// The removals of a reader that were not reported yet outlive its place. Its slot IDs are not given
// out again, so nobody takes them for another's.
static void slot_keep_events(struct reader *reader)
{
    for (u32 index = 0; index < SCARD11_READER_SLOTS; index++) {
        if (!(reader->pending >> index & 1)) continue;
        if (slot_dropped_count == SLOT_DROPPED) {
            os_log("slot %lu: its removal was never asked for", (unsigned long)*slot_dropped);
            slot_take_dropped();
        }
        SCARD11_ASSERT(slot_dropped_count < SLOT_DROPPED);
        slot_dropped[slot_dropped_count++] = reader->first_id + index;
    }
    reader->pending = 0;
}

// May another reader have this one's place: is it gone, and nobody inside?
static bool slot_can_go(const struct reader *reader)
{
    if (reader->listed || reader->inside || reader->lost) return false;
    return reader->gone_ms != SLOT_FRESH;
}

// A free place, or that of the reader that has been gone longest; NULL: there is none.
static struct reader *slot_make_room(void)
{
    struct reader *best = NULL;
    for (u32 i = 0; i < SCARD11_READERS_MAX; i++) {
        struct reader *reader = &slot_readers[i];
        if (!*reader->name && !reader->lost) return reader;
        if (!slot_can_go(reader)) continue;
        if (!best || reader->gone_ms < best->gone_ms) best = reader;
    }
    if (!best) return NULL;
    slot_empty(best, false);        // without its lock: nobody is inside, nobody can come
    slot_keep_events(best);
    *best->name = 0;
    return best;
}

// The reader of that name, or NULL.
static struct reader *slot_find(const char *name)
{
    for (u32 i = 0; i < SCARD11_READERS_MAX; i++)
        if (!slot_readers[i].lost && !strcmp(slot_readers[i].name, name)) return &slot_readers[i];
    return NULL;
}

// The reader of that name. A new one gets a place, and slot IDs of its own; NULL: no place is free.
static struct reader *slot_named(const char *name)
{
    struct reader *reader = slot_find(name);
    if (reader) return reader;
    reader = slot_make_room();
    if (!reader) return NULL;
    strcpy(reader->name, name);
    reader->listed = false;
    reader->extended = (struct extended_reader){ EXTENDED_GOOD, 0 };
    reader->state = 0;
    reader->changes++;
    reader->pending = 0;
    reader->token_count = reader->shown = 1;
    reader->unknown_ms = 0;
    reader->gone_ms = SLOT_FRESH;   // or the next new one of this look would take its place
    reader->count = (struct link_count){ 0, 0, 0, 0 };
    reader->first_id = slot_next_id;
    slot_next_id += SCARD11_READER_SLOTS;
    return reader;
}

// The reader that owns a slot ID, and which of its slots that is, shown or not; NULL: none does.
static struct reader *slot_owner(CK_SLOT_ID id, u32 *index)
{
    SCARD11_ASSERT(os_library.held);
    for (u32 i = 0; i < SCARD11_READERS_MAX; i++) {
        struct reader *reader = &slot_readers[i];
        if (!slot_is_taken(reader) || id < reader->first_id) continue;
        if (id - reader->first_id >= SCARD11_READER_SLOTS) continue;
        *index = (u32)(id - reader->first_id);
        return reader;
    }
    return NULL;
}

// The reader of a slot ID, and which of its slots that is; NULL: none has it.
static struct reader *slot_with_id(CK_SLOT_ID id, u32 *index)
{
    struct reader *reader = slot_owner(id, index);
    return reader && *index < reader->shown ? reader : NULL;
}

// Did no card need that slot of a reader yet?
static bool slot_is_hidden(const struct reader *reader, u32 index)
{
    os_acquire(&os_library);
    bool hidden = index >= reader->shown;
    os_release(&os_library);
    return hidden;
}

// ---- Looking: under the library lock ----

// Does the option SCARD11_READERS let this reader be used? It is a list of parts of names, with
// commas between; an empty one lets all.
static bool slot_wanted(const char *name)
{
    const char *at = slot_filter;
    while (*at) {
        size_t n = strcspn(at, ",");
        for (const char *p = name; n && *p; p++)
            if (!strncmp(p, at, n)) return true;
        at += n + (at[n] == ',');
    }
    return !*slot_filter;
}

// Notes which readers are not listed. seen: those that are; NULL: none is.
static void slot_note_gone(const bool *seen)
{
    for (u32 i = 0; i < SCARD11_READERS_MAX; i++) {
        struct reader *reader = &slot_readers[i];
        if (seen && seen[i]) continue;
        if (slot_is_taken(reader)) slot_note(reader, false, SCARD11_READER_GONE);
    }
}

// Says so once, when there are more readers than can be used, or longer names; not at every look.
static void slot_note_left_out(u32 count)
{
    if (count > slot_left_out)
        os_log("more readers than SCARD11_READERS_MAX (%u) or than their names have room for: "
               "not all are used", (unsigned)SCARD11_READERS_MAX);
    slot_left_out = count;
}

// The readers that one look finds: what the backend is asked, and which places of the table they
// have.
struct slot_listed {
    struct scard11_reader_state states[SCARD11_READERS_MAX];
    struct reader *at[SCARD11_READERS_MAX];
    size_t n;
};

// Adds the reader of that name. false: its name is too long, or there is no place for it.
static bool slot_add_listed(struct slot_listed *list, const char *name)
{
    if (strlen(name) >= READER_NAME || list->n == SCARD11_READERS_MAX) return false;
    struct reader *reader = slot_named(name);
    if (!reader) return false;
    list->at[list->n] = reader;
    list->states[list->n++] = (struct scard11_reader_state){ reader->name, reader->state, 0 };
    return true;
}

// Asks the backend which readers there are, and gives new ones a place. An error is the backend's.
static int slot_list_readers(struct slot_listed *list)
{
    size_t len = sizeof slot_names;
    list->n = 0;
    int code = scard11_reader_list(slot_context, slot_names, &len);
    if (code) return code;
    u32 left_out = len > sizeof slot_names;
    // A list that was cut off ends where the room does.
    slot_names[sizeof slot_names - 1] = slot_names[sizeof slot_names - 2] = 0;
    for (const char *name = slot_names; *name; name += strlen(name) + 1) {
        if (!slot_wanted(name)) continue;
        if (!slot_add_listed(list, name)) left_out++;
    }
    slot_note_left_out(left_out);
    return SCARD11_READER_OK;
}

// One look at all readers, with the context there is. An error is the backend's.
static int slot_look_once(void)
{
    struct slot_listed list;
    bool seen[SCARD11_READERS_MAX] = { false };
    int code = slot_list_readers(&list);
    if (!code && list.n) code = scard11_reader_wait(slot_context, list.states, list.n, 0);
    if (code) return code;
    for (size_t i = 0; i < list.n; i++) {
        u32 state = list.states[i].state;
        seen[list.at[i] - slot_readers] = true;
        slot_note(list.at[i], !(state & SCARD11_READER_GONE), state);
    }
    slot_note_gone(seen);
    return SCARD11_READER_OK;
}

// Is a card at rest here: connected, though no session needs it, and no call is inside? Asked in
// this order, because the card is another's while one is inside.
static bool slot_rests(const struct reader *reader)
{
    if (reader->lost || reader->inside || !reader->card) return false;
    if (reader->changes != reader->card->changes) return false;
    return reader->card->link.conn && reader->card->rest_ms;
}

// A card that no session needs stays connected for a while: only its own connection shows a swap
// that PC/SC's count does not. Then it is let go, for other programs. Nobody is inside, and nobody
// can come while the library's lock is held: so this touches the card without the reader's.
static void slot_mind_rest(struct reader *reader)
{
    if (!slot_rests(reader)) return;
    struct card *card = reader->card;
    if (same_status(card) == ST_CARD_REMOVED) {
        slot_note_swap(reader);
        return;
    }
    if (same_count_tells(card) && os_now_ms() - card->rest_ms > SLOT_REST_MS)
        link_disconnect(&card->link, false);
}

// Makes the context to look with, if there is none.
static void slot_start_context(void)
{
    if (slot_context) return;
    if (scard11_reader_start(&slot_context)) slot_context = NULL;
    bool down = !slot_context;
    if (down && !slot_down) os_log(READER_DOWN);
    if (!down && slot_down) os_log("readers can be looked for again");
    slot_down = down;
}

static void slot_stop_context(void)
{
    if (slot_context) scard11_reader_stop(slot_context);
    slot_context = NULL;
}

// Looks: which readers are there, what is in them. Takes and keeps no lock: the caller holds the
// library's. Without the service there are no readers, until it is back. The law: a lost context is
// a removal of every card, with its event, also where another context is there at once: the service
// that it belongs to counts anew, and what was in meanwhile nobody saw.
static void slot_look_all(void)
{
    SCARD11_ASSERT(os_library.held);
    if (!slot_up) return;
    for (int attempt = 0; attempt < SLOT_LOOKS; attempt++) {
        slot_start_context();
        if (!slot_context) break;
        int code = slot_look_once();
        if (!code) {
            for (u32 i = 0; i < SCARD11_READERS_MAX; i++) slot_mind_rest(&slot_readers[i]);
            return;
        }
        if (code == SCARD11_READER_UNKNOWN) continue;       // one left between list and look
        slot_stop_context();
        slot_note_gone(NULL);
    }
    slot_note_gone(NULL);
}

// ---- What C_GetSlotList and C_WaitForSlotEvent say: under the library lock ----

// Writes slot IDs to list, if there is one: as many as it has room for. Returns how many there are.
// present: only of slots with a token.
static CK_ULONG slot_ids(bool present, CK_SLOT_ID *list, CK_ULONG room)
{
    CK_ULONG n = 0;
    SCARD11_ASSERT(os_library.held);
    for (u32 i = 0; i < SCARD11_READERS_MAX; i++) {
        const struct reader *reader = &slot_readers[i];
        if (!slot_is_taken(reader) || !reader->listed) continue;
        for (u32 index = 0; index < reader->shown; index++) {
            if (present && !slot_has_token(reader, index)) continue;
            if (list && n < room) list[n] = reader->first_id + index;
            n++;
        }
    }
    return n;
}

// Is a card in of which nobody has looked yet which tokens it has? Asked once for each insertion;
// and again where further tokens can be looked for now, as no program has the card any more.
static bool slot_wants_search(struct reader *reader)
{
    SCARD11_ASSERT(os_library.held);
    if (reader->lost || !slot_present(reader)) return false;
    bool again = reader->more && !(reader->state & SCARD11_READER_IN_USE);
    if (reader->searched == reader->changes && !again) return false;
    reader->searched = reader->changes;
    return true;
}

// Takes one pending event. false: there is none.
static bool slot_take_event(CK_SLOT_ID *id)
{
    SCARD11_ASSERT(os_library.held);
    if (slot_dropped_count) {
        *id = slot_take_dropped();
        return true;
    }
    for (u32 i = 0; i < SCARD11_READERS_MAX; i++) {
        struct reader *reader = &slot_readers[i];
        if (!slot_is_taken(reader) || !reader->pending) continue;
        u32 index = 0;
        while (!(reader->pending >> index & 1)) index++;
        reader->pending &= ~(1u << index);
        *id = reader->first_id + index;
        return true;
    }
    return false;
}

// What a waiter waits for a change of. The names are copied: the table may change meanwhile.
struct slot_watch {
    struct scard11_reader_state states[SCARD11_READERS_MAX];
    char   names[SCARD11_READERS_MAX][READER_NAME];
    size_t n;
    u32    noted;                   // slot_noted at the last look
    u32    idle;                    // how often the last waits were for nothing
};

// Notes what to wait for: all readers as the table has them.
static void slot_watch_all(struct slot_watch *watch)
{
    SCARD11_ASSERT(os_library.held);
    watch->idle = watch->noted == slot_noted ? watch->idle + 1 : 0;
    watch->noted = slot_noted;
    watch->n = 0;
    for (u32 i = 0; i < SCARD11_READERS_MAX; i++) {
        const struct reader *reader = &slot_readers[i];
        if (!slot_is_taken(reader) || !reader->listed) continue;
        char *name = watch->names[watch->n];
        strcpy(name, reader->name);
        watch->states[watch->n++] = (struct scard11_reader_state){ name, reader->state, 0 };
    }
}

// ---- Entering a reader, and leaving it ----

// What comes after a call was counted inside: the reader's lock, for the whole of the call.
// ST_NOT_INIT: C_Finalize gave the reader up while we waited for it; slot_leave is due all the
// same.
static st slot_wait(struct reader *reader)
{
    os_acquire(&reader->lock);
    os_acquire(&os_library);
    bool lost = reader->lost;
    os_release(&os_library);
    return lost ? ST_NOT_INIT : ST_OK;
}

// The end of both ways in: counts the call inside, unless s says that it may not come in, and gives
// the library's lock back.
static st slot_go_in(struct reader *reader, st s, struct reader **out)
{
    if (!s) reader->inside++;
    os_release(&os_library);
    *out = s ? NULL : reader;
    return s ? s : slot_wait(reader);
}

// Enters reader i with a session of it. Only calls of this generation enter, and none a reader that
// an earlier one left to a call that hung: *out is NULL then, and nothing is to be left.
static st slot_enter(u32 i, u32 generation, struct reader **out)
{
    struct reader *reader = &slot_readers[i];
    st s = ST_OK;
    os_acquire(&os_library);
    if (reader->lost) s = ST_NO_SESSION;
    if (generation != slot_generation) s = ST_NOT_INIT;
    return slot_go_in(reader, s, out);
}

// Enters the reader of a slot ID. hidden: also of one that no card has needed yet, as the one that
// is in may. ST_NO_SLOT: nothing is entered, *out is NULL.
static st slot_enter_id(CK_SLOT_ID id, bool hidden, u32 generation, struct reader **out,
                        u32 *index)
{
    st s = ST_OK;
    os_acquire(&os_library);
    struct reader *reader = hidden ? slot_owner(id, index) : slot_with_id(id, index);
    if (!reader) s = ST_NO_SLOT;
    if (generation != slot_generation) s = ST_NOT_INIT;
    return slot_go_in(reader, s, out);
}

// Frees what a reader has, card and block; its lock goes last.
static void slot_forget(struct reader *reader, bool reset)
{
    slot_empty(reader, reset);
    slot_free_block(reader);
    os_lock_drop(&reader->lock);
}

// Leaves it: wipes scratch, lets the next call in. Of a reader that C_Finalize gave up, the last
// call frees what was left to it. The library may have been initialised again meanwhile: the place
// gets a lock as the others have it.
static void slot_leave(struct reader *reader)
{
    slot_wipe_scratch(reader);
    os_release(&reader->lock);
    os_acquire(&os_library);
    bool last = !--reader->inside && reader->lost;
    if (last) {
        slot_forget(reader, true);
        *reader = (struct reader){ .changes = reader->changes };
        if (slot_up && os_lock_make(&reader->lock, &slot_mutexes)) reader->lost = true;
    }
    os_release(&os_library);
}

// ---- The library begins and ends: under the gate ----

// Makes the locks, and looks for the first time: that is no event. An error: slot_stop is due.
static st slot_start(const struct os_mutexes *mutexes)
{
    st s = ST_OK;
    os_acquire(&os_library);
    slot_mutexes = *mutexes;
    for (u32 i = 0; i < SCARD11_READERS_MAX; i++) {
        struct reader *reader = &slot_readers[i];
        if (reader->lost) continue;
        *reader = (struct reader){ .changes = reader->changes };
        if (!s) s = os_lock_make(&reader->lock, mutexes);
    }
    slot_next_id = 0;
    slot_left_out = slot_dropped_count = 0;
    slot_watching = slot_down = false;
    slot_up = !s;
    slot_look_all();
    slot_watching = true;
    os_release(&os_library);
    return s;
}

// Frees all, but for readers that a call is inside of: those are left to that call.
static void slot_stop(void)
{
    os_acquire(&os_library);
    slot_generation++;
    slot_up = false;
    for (u32 i = 0; i < SCARD11_READERS_MAX; i++) {
        struct reader *reader = &slot_readers[i];
        if (reader->inside && !reader->lost)
            os_log("%s: a call did not end, its memory stays", reader->name);
        if (reader->inside) reader->lost = true;
        if (reader->lost) continue;
        slot_forget(reader, false);
        *reader->name = 0;
    }
    slot_stop_context();
    os_release(&os_library);
}

// A forked child begins anew: all that belongs to the parent is abandoned where it is.
static void slot_abandon(void)
{
    memset(slot_readers, 0, sizeof slot_readers);
    slot_context = NULL;
    slot_up = false;
    slot_generation++;
}

/* ================================================================================================
 * MARK: - >>run
 * Running something on a card: one piece of work, from the begin of a transaction to its end.
 *
 * Owns    struct run; transactions, also one that a context login leaves open; what is begun again
 *         after a reset or a lost login, and what is not. All under the reader's lock
 * Uses    >>link >>card >>place >>secret >>same >>slot
 * Names   run_
 * Tests   tests/unit/run.c
 * ==============================================================================================*/

// From C_* to the card and back, and what comes of it when the card is pulled there:
//
//   enter    slot_enter   waits for the reader's lock          the next step sees it
//   look     life_look    of a session: still that card?       CKR_DEVICE_REMOVED; was it noted
//                                                              before, CKR_SESSION_HANDLE_INVALID
//   or meet  life_card    of a slot: known, or inserted        CKR_TOKEN_NOT_PRESENT
//   begin    run_begin    transaction, proof, application      ST_CARD_REMOVED goes up through
//   work     the driver   commands                             all callers; they clean up nothing
//   end      run_end      ends the transaction
//   settle   life_settle  no session needs the card: it rests  dropped: disconnected, arena freed;
//                                                              an event, if no look noted it yet
//   leave    slot_leave   scratch wiped, lock given back       CKR_DEVICE_REMOVED
//
// The event waits in reader->pending until C_WaitForSlotEvent takes it (slot_take_event).

// One piece of work on a card:
//
//     struct run run = { .reader = reader, .token = token, .login = true };
//     while (run_next(&run)) run.s = token->driver->sign(...);
//     return run.s;
//
// The body runs once; a second time after a reset by another program, if no login is needed, and
// after another program ended a login whose PIN was kept, if that logs in again. What may be known
// already is tried without the card first: if it is, nobody is kept off, waited for or disturbed,
// and a context login goes on.
enum run_step { RUN_NEW, RUN_OFFLINE, RUN_ON_CARD };

struct run {
    // What the work needs.
    struct reader *reader;
    struct token *token;
    struct session *keep;   // whose open transaction (context login) this work belongs to
    bool login;             // the user PIN verified
    bool so;                // the SO's login
    bool write;             // not to be begun again
    bool known;             // may be known already
    bool leave_open;        // context login: the transaction stays open
    struct scratch scratch; // to log in again with a kept PIN; {0}: that is not done, and nothing
                            // of the call is in scratch
    // How far it is.
    enum run_step step;
    u32  turns;             // begun so often
    bool renewed;           // a kept PIN was tried
    st   s;                 // what came of it
};

// Ends the transaction that a context login left open.
static void run_close_open(struct card *card)
{
    if (!card->open_op) return;
    card->open_op = NULL;
    link_end(&card->link);
}

// Did the connection fail for good? Then the card is as good as removed.
static bool run_is_fatal(st s)
{
    return s == ST_CARD_REMOVED || s == ST_READER;
}

static struct scratch run_scratch(const struct run *run)
{
    return run->scratch.at ? run->scratch : run->reader->scratch;
}

// ---- A login that a kept PIN brings back ----

// May it? Never for what must not be begun again, never twice.
static bool run_can_renew(const struct run *run)
{
    struct token *token = run->token;
    if (run->renewed || run->write || run->keep || !run->scratch.at) return false;
    return token->login && card_pin(token)->kept_len;
}

// Logs in again with the PIN that was kept: it is sent after a SELECT in this transaction. If the
// card refuses it, for whatever reason, it is wiped: it never costs a second try.
static st run_renew(struct run *run)
{
    struct card *card = run->reader->card;
    struct token *token = run->token;
    run->renewed = true;
    os_log("%s: the login is gone, the PIN that was kept brings it back", card->link.name);
    st s = secret_login(card, token, card_pin(token), card_kept(card_pin(token)), run->scratch);
    if (!s) {
        token->stale = false;
        return ST_OK;
    }
    card_login_lost(token);
    if (run_is_fatal(s) || s == ST_CARD_RESET) return s;
    return run->login ? ST_NOT_LOGGED_IN : ST_OK;
}

// ---- Begin ----

// Opens the transaction. Where another program has reset the card, it is taken up again first.
static st run_open(struct card *card)
{
    st s = ST_OK;
    for (int attempt = 0; attempt < 3; attempt++) {
        s = link_begin(&card->link);
        if (s != ST_CARD_RESET) break;
        TRY(same_resume(card));
    }
    return s;
}

// The application of a token becomes the one that was selected last: one SELECT, where it was
// another one on the chip. What is done then may go on trust.
static st run_turn_to(struct card *card, struct token *token, struct scratch scratch)
{
    return place_is_current(card, token) ? ST_OK : place_be_sure(card, token, scratch);
}

// Is there the login that the work needs? One that the card has lost, and that no kept PIN can
// bring back, ends here.
static st run_need_login(const struct run *run)
{
    struct token *token = run->token;
    if (token->stale && !card_pin(token)->kept_len) card_login_lost(token);
    if (run->login && !token->login) return ST_NOT_LOGGED_IN;
    if (run->so && !token->so) return ST_NOT_LOGGED_IN;
    return ST_OK;
}

// Everything before the work: a transaction, in it the card that is remembered, its token's
// application, and the login that the work needs. ST_CARD_RESET: another program was quicker again.
static st run_begin(struct run *run)
{
    struct card *card = run->reader->card;
    struct token *token = run->token;
    if (card->open_op != run->keep) run_close_open(card);
    if (!card->link.conn) TRY(same_connect_again(card, false));
    bool was_open = card->link.open;
    TRY(run_open(card));
    // What others did before this transaction, nobody tells.
    if (!was_open && !card->link.exclusive) place_unsure(card);
    if (card->unproven) TRY(same_prove(card, run_scratch(run)));
    TRY(run_need_login(run));
    TRY(run_turn_to(card, token, run_scratch(run)));
    if (token->stale && run_can_renew(run)) TRY(run_renew(run));
    SCARD11_ASSERT(card->link.open || card->link.exclusive);
    SCARD11_ASSERT(!card->unproven);
    return ST_OK;
}

// ---- After the work ----

// The card was reset on the way: takes it up again. Is the work to be begun again, too? If not,
// run->s is what to answer.
static bool run_after_reset(struct run *run)
{
    run->s = same_resume(run->reader->card);
    if (run->s) return false;
    bool login_is_gone = run->login && !run_can_renew(run);
    if (run->write || login_is_gone) run->s = ST_NOT_LOGGED_IN;
    else if (run->turns > 1) run->s = ST_READER;
    return !run->s;
}

// The card wants the login that we believed in. Is the work to be begun again, with the kept PIN?
static bool run_after_lost_login(struct run *run)
{
    if (!run->login || !run_can_renew(run)) return false;
    run->token->stale = true;
    return true;
}

// Is the work to be done again? If not, run->s is what to answer; ST_CARD_REMOVED is among it.
static bool run_again(struct run *run)
{
    if (run->s == ST_CARD_RESET) return run_after_reset(run);
    if (run->s == ST_NOT_LOGGED_IN) return run_after_lost_login(run);
    return false;
}

// The work has come to its end, or did not begin. Only after a context login that worked does the
// transaction stay open.
static void run_end(struct run *run)
{
    struct card *card = run->reader->card;
    if (!run->leave_open || run->s) {
        card->open_op = NULL;
        link_end(&card->link);
    }
    if (run->s == ST_NOT_LOGGED_IN && run->login && run->token->login && !run->keep) {
        os_log("%s: the login is gone, another program ended it", card->link.name);
        card_login_lost(run->token);
    }
}

// ---- The turn without the card ----

// Is the work to be tried without the card first? Then no command is sent until run_come_back, and
// what would send one says ST_OFFLINE.
static bool run_go_offline(struct run *run)
{
    struct card *card = run->reader->card;
    if (!run->known || !card->link.conn) return false;
    card->link.offline = true;
    if (!card->link.open && !card->link.exclusive) place_unsure(card);
    return true;
}

// The turn without the card is over. Was it enough?
static bool run_come_back(struct run *run)
{
    run->reader->card->link.offline = false;
    return run->s != ST_OFFLINE;
}

// ---- The loop ----

// The condition of the loop around the work. true: the work is to be done, now, and its result goes
// to run->s. false: run->s is the result of all.
static bool run_next(struct run *run)
{
    SCARD11_ASSERT(run->reader->lock.held && run->reader->card && run->token);
    switch (run->step) {
    case RUN_NEW:
        if (!run_go_offline(run)) break;
        run->step = RUN_OFFLINE;
        return true;
    case RUN_OFFLINE:
        if (run_come_back(run)) return false;
        break;
    case RUN_ON_CARD:
        if (run_again(run)) break;
        run_end(run);
        return false;
    }
    run->step = RUN_ON_CARD;
    do {
        run->turns++;
        run->s = run_begin(run);
        if (!run->s) return true;
    } while (run->s == ST_CARD_RESET && run_again(run));
    run_end(run);
    return false;
}

/* ================================================================================================
 * MARK: - >>life
 * The life of a card in its reader: inserted, looked at, at rest, dropped; the ends of its logins.
 *
 * Owns    reader->card from life_card to life_drop. The law: after the end of a login the card
 *         itself asks for the PIN again (life_log_out). All under the reader's lock
 * Uses    >>extended >>link >>card >>place >>secret >>probe >>same >>slot >>run
 * Names   life_
 * Tests   tests/unit/life.c
 * ==============================================================================================*/

// What reader->card can be, and what leads from one to the next:
//
//   NULL      life_insert connects and probes the card that is in           in use
//   in use    life_rest, when no session needs it: logins end               at rest, or let go
//   at rest   slot_mind_rest, after a while, where the count tells          let go: disconnected
//   let go    life_take_up connects it again and proves it                  in use
//   any       life_drop frees it: gone, or as good as gone                  NULL

#ifndef LIFE_UNKNOWN_RETRY_MS
#define LIFE_UNKNOWN_RETRY_MS 1000      // tests have less patience
#endif
#define LIFE_MEETINGS         3         // attempts to meet a card that comes and goes

// ---- A card is dropped ----

// Looks whether the reader shows that its card left. Then it lost its power, and with it all that
// was verified: a reset would be one of the card that came. That there is no reader shows nothing.
static bool life_note_left(struct reader *reader)
{
    struct card *card = reader->card;
    os_acquire(&os_library);
    slot_look_all();
    bool left = reader->listed && !same_shown(card, reader->state);
    os_release(&os_library);
    if (!left) return false;
    for (u32 i = 0; i < card->token_count; i++) card_forget_verified(&card->tokens[i]);
    card->link.broken = false;
    return true;
}

// Frees a card that is gone, or as good as gone, and looks what is in now. It may be in all the
// same and keep a login that nobody has any more: slot_empty resets it then. why: what was seen of
// it. Returns whether the reader shows that it left, or that it is mute now.
static bool life_drop(struct reader *reader, st why)
{
    u32 changes = reader->card->changes;
    life_note_left(reader);
    slot_empty(reader, false);
    os_acquire(&os_library);
    slot_look_all();
    bool left = reader->changes != changes;
    if (!left && why == ST_CARD_REMOVED) slot_note_swap(reader);
    os_release(&os_library);
    return left;
}

// ---- Looking: is the card that we know still in? ----

// A card that rested without a connection is connected again. ST_NOT_FOUND: it could not be told
// from another one of its kind, so it is begun anew.
static st life_take_up(struct reader *reader)
{
    struct card *card = reader->card;
    if (card->link.conn) return ST_OK;
    if (!same_witness(card)) return ST_NOT_FOUND;
    st s = same_connect_again(card, false);
    if (s == ST_CARD_RESET) s = same_resume(card);
    if (!s) s = same_prove_now(card, reader->scratch);
    card->rest_ms = 0;
    return s;
}

// What the table says, after a look if that is due and the card has no connection to be asked.
// ST_NO_SESSION: somebody has seen a change; ST_CARD_REMOVED: this look found it.
static st life_look_at_table(struct reader *reader, bool fresh)
{
    struct card *card = reader->card;
    st s = ST_OK;
    os_acquire(&os_library);
    if (reader->lost || reader->changes != card->changes) {
        s = ST_NO_SESSION;
    } else if (!fresh && !card->link.conn) {
        slot_look_all();
        card->shared = reader->state & SCARD11_READER_IN_USE;   // since the card was let go
        if (reader->changes != card->changes) s = ST_CARD_REMOVED;
    }
    os_release(&os_library);
    return s;
}

// What the card's own connection says. Where the count says nothing, the card must prove itself
// before anything is answered from memory.
static st life_look_at_connection(struct reader *reader)
{
    struct card *card = reader->card;
    st s = same_status(card);
    if (s == ST_CARD_RESET) s = same_resume(card);
    if (!s && card->unproven && !same_count_tells(card)) s = same_prove_now(card, reader->scratch);
    return s;
}

// Is the card that we know still the one that is in? ST_CARD_REMOVED: this look found that it is
// not; ST_NO_SESSION: somebody found out before. It is freed then. Asked at most every
// SCARD11_LOOK_MS: what reaches the card is decided by the connection itself.
static st life_look(struct reader *reader)
{
    struct card *card = reader->card;
    SCARD11_ASSERT(reader->lock.held);
    if (!card) return ST_NO_SESSION;
    SCARD11_ASSERT(card->link.name == reader->name);
    u64 now = os_now_ms();
    bool fresh = now < card->look_ms + SCARD11_LOOK_MS;
    st s = life_look_at_table(reader, fresh);
    if (!s && !fresh && card->link.conn) s = life_look_at_connection(reader);
    card->look_ms = now;
    if (!s) return ST_OK;
    life_drop(reader, s);
    return s == ST_NO_SESSION ? s : ST_CARD_REMOVED;
}

// Looks in any case, for who must not answer from memory.
static st life_look_now(struct reader *reader)
{
    reader->card->look_ms = 0;
    return life_look(reader);
}

// ---- A card is met ----

// A card in its own arena, not connected yet. state, changes: of its reader, before it is.
static st life_make_card(struct reader *reader, u32 state, u32 changes)
{
    struct arena arena;
    SCARD11_ASSERT(!reader->card);
    TRY(slot_make_block(reader));
    extended_card_came(&reader->extended, changes);
    arena_init(&arena, SCARD11_CARD_MEMORY);
    struct card *card = ARENA_NEW(&arena, struct card, 1);
    if (!card) {
        arena_free(&arena);
        return ST_HOST_MEMORY;
    }
    card->arena = arena;
    card->state = state;
    card->shared = state & SCARD11_READER_IN_USE;
    card->changes = changes;
    card->epoch = handle_new_epoch();
    card->link.name = reader->name;
    card->link.raw = reader->block;
    card->link.answer = reader->answer;
    card->link.count = &reader->count;
    card->link.extended.reader = &reader->extended;
    reader->card = card;
    return ST_OK;
}

static st life_probe(struct card *card, struct scratch scratch)
{
    st s = link_begin(&card->link);
    if (!s) s = probe_card(card, scratch);
    link_end(&card->link);
    return s;
}

// Connects a card that was not known, and finds its driver. On failure nothing is left of it.
static st life_insert(struct reader *reader, u32 state, u32 changes)
{
    st s = life_make_card(reader, state, changes);
    if (!s) s = same_connect_new(reader->card);
    if (!s) s = life_probe(reader->card, slot_scratch(reader));
    if (s) slot_empty(reader, false);
    return s;
}

// Is somebody logged in to a token of the card, or may the card have something verified?
static bool life_has_login(const struct card *card)
{
    for (u32 i = 0; i < card->token_count; i++)
        if (card_logged_in(&card->tokens[i])) return true;
    return slot_verified(card);
}

// The tokens of the card that is in were found, or more of them.
static void life_tell_tokens(struct reader *reader)
{
    const struct card *card = reader->card;
    os_acquire(&os_library);
    slot_know_tokens(reader, card->changes, card->token_count, card->more);
    os_release(&os_library);
}

// Looks for the tokens that were not looked for while another program had the card, now that none
// has, as far as was seen, and nobody is logged in here. wanted: also while another one has it.
static void life_find_more(struct reader *reader, bool wanted)
{
    struct card *card = reader->card;
    struct run run = { .reader = reader, .token = &card->tokens[0] };
    struct scratch scratch = reader->scratch;
    if (!card->more || (card->shared && !wanted) || life_has_login(card)) return;
    while (run_next(&run)) run.s = probe_more(card, scratch);
    life_tell_tokens(reader);
}

// Looks whether a card is in, and notes what tells it from the next one.
static bool life_is_present(struct reader *reader, u32 *state, u32 *changes)
{
    os_acquire(&os_library);
    slot_look_all();
    bool present = slot_present(reader);
    *state = reader->state;
    *changes = reader->changes;
    os_release(&os_library);
    return present;
}

// Was the card that is in found to be nobody's, a moment ago? It is not asked again at once.
static bool life_is_unknown(const struct reader *reader, u32 changes)
{
    if (!reader->unknown_ms || reader->unknown_changes != changes) return false;
    return os_now_ms() - reader->unknown_ms < LIFE_UNKNOWN_RETRY_MS;
}

static st life_note_unknown(struct reader *reader, u32 changes)
{
    reader->unknown_ms = os_now_ms();
    reader->unknown_changes = changes;
    return ST_UNKNOWN_TOKEN;
}

// One attempt to meet the card that is in. ST_NO_TOKEN: none is. A card that is nobody's is asked
// at most once a second; one that another program holds, each time. last: a connection that breaks
// is no gap or bad contact any more, but a card that nobody knows.
static st life_meet(struct reader *reader, bool last)
{
    u32 state, changes;
    if (!life_is_present(reader, &state, &changes)) return ST_NO_TOKEN;
    if (life_is_unknown(reader, changes)) return ST_UNKNOWN_TOKEN;
    st s = life_insert(reader, state, changes);
    if (link_is_broken(s) && !last) return s;
    if (s == ST_CARD_REMOVED || s == ST_CARD_BUSY || s == ST_HOST_MEMORY) return s;
    if (s) return life_note_unknown(reader, changes);
    life_tell_tokens(reader);
    reader->unknown_ms = 0;
    return ST_OK;
}

// The card that is known already, if it is still in. ST_NOT_FOUND: it is not, or was forgotten. At
// rest no look is young enough: nobody would notice what the card does not answer itself.
static st life_card_again(struct reader *reader)
{
    bool rests = reader->card->rest_ms;
    if (rests ? life_look_now(reader) : life_look(reader)) return ST_NOT_FOUND;
    st s = life_take_up(reader);
    if (!s) life_find_more(reader, false);
    if (!s || s == ST_CARD_BUSY) return s;
    if (s == ST_NOT_FOUND) slot_empty(reader, false);
    else                   life_drop(reader, s);
    return ST_NOT_FOUND;
}

// The card in a reader, known and probed: what a call with a slot ID begins with. ST_NO_TOKEN: none
// is in. One that was in at the first look and is pulled while it is met was removed during the
// call.
static st life_card(struct reader *reader)
{
    st s = ST_NOT_FOUND;
    SCARD11_ASSERT(reader->lock.held);
    if (reader->card) s = life_card_again(reader);
    if (s != ST_NOT_FOUND) return s;
    s = life_meet(reader, false);
    for (int n = 2; n <= LIFE_MEETINGS && link_is_broken(s); n++) {
        s = life_meet(reader, n == LIFE_MEETINGS);
        if (s == ST_NO_TOKEN) return ST_CARD_REMOVED;
    }
    return s;
}

// The card, for a call that wants one of its tokens: where it has none in that slot as yet, further
// ones are looked for, whoever has the card.
static st life_card_for(struct reader *reader, u32 index)
{
    TRY(life_card(reader));
    if (index >= reader->card->token_count) life_find_more(reader, true);
    return ST_OK;
}

// ---- The end of logins ----
// The law: after C_Logout, the last session's close, C_Finalize, and when a card is dropped that
// may be in still, the card itself asks for the PIN again. All of them come here; a card that was
// dropped is reset by slot_empty.

// Resets the card. That ends every login of it: the other tokens' sessions are public, too. Where
// it fails nobody knows what is verified: the card is dropped, and reset then. In a transaction: a
// reset that waits for the end of another program's could be one of a card that came meanwhile.
static st life_reset(struct card *card)
{
    st s = link_begin(&card->link);
    if (!s) s = same_connect_again(card, true);
    if (s == ST_CARD_RESET) return same_resume(card);
    if (s) card->link.dead = true;
    if (s) return ST_CARD_REMOVED;
    card->was_reset = true;
    card->current = NULL;
    card_logins_reset(card);
    return ST_OK;
}

// Has the card itself forget what is verified of a token: by what its credentials say does that,
// and by a reset where there is nothing, or it did not work.
static st life_end_verified(struct reader *reader, struct token *token)
{
    struct card *card = reader->card;
    struct run run = { .reader = reader, .token = token, .write = true };
    struct scratch scratch = reader->scratch;
    bool more = card->more;
    while (run_next(&run)) {
        run.s = secret_end(card, token, scratch);
        if (!run.s && more && !life_has_login(card)) run.s = probe_more(card, scratch);
    }
    if (more) life_tell_tokens(reader);
    if (run_is_fatal(run.s)) return run.s;
    return card_verified(token) ? life_reset(card) : ST_OK;
}

// Is somebody logged in to another application, on the card itself? To select the token's would end
// that.
static bool life_would_cost(const struct card *card, const struct token *token)
{
    for (u32 i = 0; i < card->token_count; i++) {
        const struct token *other = &card->tokens[i];
        if (card_same_application(other, token) || !card_verified(other)) continue;
        if (card_logged_in(other) && !other->stale) return true;
    }
    return false;
}

// Has the card itself forget what may be verified of a token, unless that would cost another's
// login: then it waits for the end of that one.
static st life_end_if_free(struct reader *reader, struct token *token)
{
    if (!card_verified(token) || life_would_cost(reader->card, token)) return ST_OK;
    st s = life_end_verified(reader, token);
    return run_is_fatal(s) ? s : ST_OK;
}

// Has the card itself forget what is verified of a token that is logged out; and of those of other
// applications, whose logins ended when another one was selected: on the card, too, but nobody has
// seen that.
static st life_end_all_verified(struct reader *reader, struct token *out)
{
    struct card *card = reader->card;
    TRY(life_end_if_free(reader, out));
    for (u32 i = 0; i < card->token_count; i++) {
        struct token *token = &card->tokens[i];
        if (card_logged_in(token) || card_same_application(token, out)) continue;
        TRY(life_end_if_free(reader, token));
    }
    return ST_OK;
}

// Tokens whose PIN the card has forgotten with another's are logged out as well.
static void life_settle_logins(struct card *card)
{
    for (u32 i = 0; i < card->token_count; i++) {
        struct token *token = &card->tokens[i];
        if (token->login && !card_pin(token)->verified && !token->stale) card_login_lost(token);
    }
    card_sweep(card);
}

// Ends the login of a token: on the card, and for all sessions. Whatever the card says, the library
// counts as logged out. An error: the connection is gone.
static st life_log_out(struct reader *reader, struct token *token)
{
    SCARD11_ASSERT(reader->lock.held);
    run_close_open(reader->card);
    card_login_lost(token);
    st s = life_end_all_verified(reader, token);
    if (s) return s;
    token->so_lost = false;
    card_renew_private(reader->card, token);
    life_settle_logins(reader->card);
    return ST_OK;
}

// Ends what is verified of all tokens of a card.
static void life_log_out_all(struct reader *reader)
{
    for (u32 i = 0; i < reader->card->token_count; i++) {
        struct token *token = &reader->card->tokens[i];
        if (card_logged_in(token) || card_verified(token)) life_log_out(reader, token);
    }
}

// Before the library ends, and after its calls did: no card keeps a login. One that a call hangs in
// is left to that call. Under the gate no call can enter any more.
static void life_log_out_everywhere(void)
{
    for (u32 i = 0; i < SCARD11_READERS_MAX; i++) {
        struct reader *reader = &slot_readers[i];
        os_acquire(&os_library);
        bool idle = slot_is_taken(reader) && !reader->inside;
        if (slot_go_in(reader, idle ? ST_OK : ST_NO_SLOT, &reader)) continue;
        if (reader->card && !life_note_left(reader)) life_log_out_all(reader);
        slot_leave(reader);
    }
}

// ---- The end of a call ----

// What tells the card from others becomes known before it is let go: else it would be begun anew.
static void life_learn_identity(struct reader *reader)
{
    struct card *card = reader->card;
    struct token *token = card->current ? card->current : &card->tokens[0];
    struct run run = { .reader = reader, .token = token };
    struct scratch scratch = reader->scratch;
    if (!token->identity || token->identity->known || same_witness(card)) return;
    while (run_next(&run)) run.s = place_learn(card, token, token->identity, scratch);
}

// No session needs the card any more: other programs may have it, at once when one did, a little
// later otherwise (slot_mind_rest). It stays connected where the count says nothing, because
// then only the connection can tell that it is still the same card.
// ST_CARD_REMOVED: it was gone by then.
static st life_rest(struct reader *reader)
{
    struct card *card = reader->card;
    run_close_open(card);
    life_log_out_all(reader);
    place_unsure(card);
    if (!card->rest_ms) card->rest_ms = os_now_ms();
    if (card->used && same_count_tells(card)) {
        life_learn_identity(reader);
        if (!card->link.dead) link_disconnect(&card->link, false);
    }
    card->used = false;
    return card->link.dead ? ST_CARD_REMOVED : ST_OK;
}

static bool life_is_used(const struct card *card)
{
    for (u32 i = 0; i < card->token_count; i++)
        if (card->tokens[i].session_count) return true;
    return false;
}

// What the end of a call means for its card: it is dropped if it is gone, and rests if no session
// needs it. s: what the call says so far; what comes back is what it is to say.
static st life_settle(struct reader *reader, st s)
{
    struct card *card = reader->card;
    if (!card) return s;
    SCARD11_ASSERT(reader->lock.held && !card->link.offline);
    if (run_is_fatal(s) || card->link.dead) {
        bool left = life_drop(reader, card->link.dead ? ST_CARD_REMOVED : s);
        if (s == ST_READER && left) return ST_CARD_REMOVED;     // that is why it failed
        return s;
    }
    if (life_is_used(card)) return s;
    st rested = life_rest(reader);
    if (rested) life_drop(reader, rested);
    return s ? s : rested;
}

// Looks once per insertion which tokens a card has: before, only the first slot is known. What goes
// wrong with a card is for the call that needs it to say. The caller is inside no reader.
static void life_find_tokens(u32 generation)
{
    for (u32 i = 0; i < SCARD11_READERS_MAX; i++) {
        struct reader *reader = NULL;
        os_acquire(&os_library);
        bool look = generation == slot_generation && slot_wants_search(&slot_readers[i]);
        st s = slot_go_in(&slot_readers[i], look ? ST_OK : ST_NO_SLOT, &reader);
        if (!reader) continue;
        if (!s) life_settle(reader, life_card(reader));
        slot_leave(reader);
    }
}

/* ================================================================================================
 * MARK: - >>mech
 * Mechanisms: one row per CKM_*.
 *
 * Owns    mech_rows; what a mechanism's parameters must be
 * Uses    >>alg >>cipher >>card
 * Names   mech_
 * Specs   PKCS#11 3.2, 6 (mechanisms)
 * Tests   tests/unit/mech.c
 * ==============================================================================================*/

// How a mechanism's parameters are read: see mech_use.
enum mech_param { MECH_NO_PARAM, MECH_PSS, MECH_OAEP, MECH_EDDSA, MECH_ECDH,
                  MECH_MAC, MECH_IV, MECH_COUNTER, MECH_GCM, MECH_HKDF };

// All that tells one mechanism from another. What a row names must be there:
//   scheme   an enum alg_scheme that op_work has a way for, and cipher_verify for a key pair's
//   hash     a row of alg_hashes, which has its length, its block's length, its OID and its MGF
//   param    a case of mech_use
//   secret   a row of make_secrets, which has the lengths and uses of such keys
//   flags    what C_*Init asks for and C_GetMechanismInfo shows; see also mech_uses
// tests/unit/mech.c holds each row to that. tests/programs/api_mechs.h has parameters to try it
// with, tests/data/vectors known answers.
struct mech_row {
    u32 type;                   // CKM_
    u8  key;                    // enum alg_type; ALG_NONE: a digest, or a key out of nothing
    u8  scheme;                 // enum alg_scheme
    u32 hash;                   // CKM_, that the mechanism itself does; 0: none
    u8  param;                  // enum mech_param
    u8  secret;                 // CKK_ of the secret key that it takes or makes; 0: none
    u32 flags;                  // CKF_: what it is for
};

#define MECH_SECRET_MAX 512     // bytes of a secret key
#define MECH_RSA_MIN    1024    // bits of an RSA key that is used
#define MECH_SALT_MAX   512     // bytes of a salt of PSS
#define MECH_IV_MAX     256     // bytes of GCM's IV
#define MECH_ANY     0xffu      // any secret key
#define MECH_SV      (CKF_SIGN | CKF_VERIFY)
#define MECH_ED      (CKF_ENCRYPT | CKF_DECRYPT)
#define MECH_WU      (CKF_WRAP | CKF_UNWRAP)
#define MECH_RECOVER (CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER)

static const struct mech_row mech_rows[] = {
    // type                    key      scheme     hash        param      secret, flags
    { CKM_RSA_PKCS,            ALG_RSA, ALG_PKCS1, 0,          0,         0,
      MECH_SV | MECH_ED | MECH_WU | MECH_RECOVER },
    { CKM_RSA_X_509,           ALG_RSA, ALG_RAW,   0,          0,         0,
      MECH_SV | MECH_ED | MECH_RECOVER },
    { CKM_RSA_PKCS_OAEP,       ALG_RSA, ALG_OAEP,  0,          MECH_OAEP, 0, MECH_ED | MECH_WU },
    { CKM_RSA_PKCS_PSS,        ALG_RSA, ALG_PSS,   0,          MECH_PSS,  0, MECH_SV },
    { CKM_SHA1_RSA_PKCS,       ALG_RSA, ALG_PKCS1, CKM_SHA_1,  0,         0, MECH_SV },
    { CKM_SHA224_RSA_PKCS,     ALG_RSA, ALG_PKCS1, CKM_SHA224, 0,         0, MECH_SV },
    { CKM_SHA256_RSA_PKCS,     ALG_RSA, ALG_PKCS1, CKM_SHA256, 0,         0, MECH_SV },
    { CKM_SHA384_RSA_PKCS,     ALG_RSA, ALG_PKCS1, CKM_SHA384, 0,         0, MECH_SV },
    { CKM_SHA512_RSA_PKCS,     ALG_RSA, ALG_PKCS1, CKM_SHA512, 0,         0, MECH_SV },
    { CKM_SHA1_RSA_PKCS_PSS,   ALG_RSA, ALG_PSS,   CKM_SHA_1,  MECH_PSS,  0, MECH_SV },
    { CKM_SHA224_RSA_PKCS_PSS, ALG_RSA, ALG_PSS,   CKM_SHA224, MECH_PSS,  0, MECH_SV },
    { CKM_SHA256_RSA_PKCS_PSS, ALG_RSA, ALG_PSS,   CKM_SHA256, MECH_PSS,  0, MECH_SV },
    { CKM_SHA384_RSA_PKCS_PSS, ALG_RSA, ALG_PSS,   CKM_SHA384, MECH_PSS,  0, MECH_SV },
    { CKM_SHA512_RSA_PKCS_PSS, ALG_RSA, ALG_PSS,   CKM_SHA512, MECH_PSS,  0, MECH_SV },

    { CKM_ECDSA,                 ALG_EC,      ALG_RAW, 0,          0,          0, MECH_SV },
    { CKM_ECDSA_SHA1,            ALG_EC,      ALG_RAW, CKM_SHA_1,  0,          0, MECH_SV },
    { CKM_ECDSA_SHA224,          ALG_EC,      ALG_RAW, CKM_SHA224, 0,          0, MECH_SV },
    { CKM_ECDSA_SHA256,          ALG_EC,      ALG_RAW, CKM_SHA256, 0,          0, MECH_SV },
    { CKM_ECDSA_SHA384,          ALG_EC,      ALG_RAW, CKM_SHA384, 0,          0, MECH_SV },
    { CKM_ECDSA_SHA512,          ALG_EC,      ALG_RAW, CKM_SHA512, 0,          0, MECH_SV },
    { CKM_EDDSA,                 ALG_EDWARDS, ALG_RAW, 0,          MECH_EDDSA, 0, CKF_SIGN },
    { CKM_ECDH1_DERIVE,          ALG_EC,      ALG_RAW, 0,          MECH_ECDH,  0, CKF_DERIVE },
    { CKM_ECDH1_COFACTOR_DERIVE, ALG_EC,      ALG_RAW, 0,          MECH_ECDH,  0, CKF_DERIVE },

    { CKM_SHA_1,  ALG_NONE, ALG_RAW, CKM_SHA_1,  0, 0, CKF_DIGEST },
    { CKM_SHA224, ALG_NONE, ALG_RAW, CKM_SHA224, 0, 0, CKF_DIGEST },
    { CKM_SHA256, ALG_NONE, ALG_RAW, CKM_SHA256, 0, 0, CKF_DIGEST },
    { CKM_SHA384, ALG_NONE, ALG_RAW, CKM_SHA384, 0, 0, CKF_DIGEST },
    { CKM_SHA512, ALG_NONE, ALG_RAW, CKM_SHA512, 0, 0, CKF_DIGEST },

    { CKM_SHA_1_HMAC,          ALG_SECRET, ALG_HMAC, CKM_SHA_1,  0,        CKK_SHA_1_HMAC,
      MECH_SV },
    { CKM_SHA_1_HMAC_GENERAL,  ALG_SECRET, ALG_HMAC, CKM_SHA_1,  MECH_MAC, CKK_SHA_1_HMAC,
      MECH_SV },
    { CKM_SHA224_HMAC,         ALG_SECRET, ALG_HMAC, CKM_SHA224, 0,        CKK_SHA224_HMAC,
      MECH_SV },
    { CKM_SHA224_HMAC_GENERAL, ALG_SECRET, ALG_HMAC, CKM_SHA224, MECH_MAC, CKK_SHA224_HMAC,
      MECH_SV },
    { CKM_SHA256_HMAC,         ALG_SECRET, ALG_HMAC, CKM_SHA256, 0,        CKK_SHA256_HMAC,
      MECH_SV },
    { CKM_SHA256_HMAC_GENERAL, ALG_SECRET, ALG_HMAC, CKM_SHA256, MECH_MAC, CKK_SHA256_HMAC,
      MECH_SV },
    { CKM_SHA384_HMAC,         ALG_SECRET, ALG_HMAC, CKM_SHA384, 0,        CKK_SHA384_HMAC,
      MECH_SV },
    { CKM_SHA384_HMAC_GENERAL, ALG_SECRET, ALG_HMAC, CKM_SHA384, MECH_MAC, CKK_SHA384_HMAC,
      MECH_SV },
    { CKM_SHA512_HMAC,         ALG_SECRET, ALG_HMAC, CKM_SHA512, 0,        CKK_SHA512_HMAC,
      MECH_SV },
    { CKM_SHA512_HMAC_GENERAL, ALG_SECRET, ALG_HMAC, CKM_SHA512, MECH_MAC, CKK_SHA512_HMAC,
      MECH_SV },

    { CKM_AES_CMAC,         ALG_SECRET, ALG_CMAC, 0, 0,        CKK_AES, MECH_SV },
    { CKM_AES_CMAC_GENERAL, ALG_SECRET, ALG_CMAC, 0, MECH_MAC, CKK_AES, MECH_SV },

    { CKM_AES_ECB,      ALG_SECRET, ALG_ECB,        0, 0,            CKK_AES,  MECH_ED },
    { CKM_AES_CBC,      ALG_SECRET, ALG_CBC,        0, MECH_IV,      CKK_AES,  MECH_ED },
    { CKM_AES_CBC_PAD,  ALG_SECRET, ALG_CBC_PADDED, 0, MECH_IV,      CKK_AES,  MECH_ED | MECH_WU },
    { CKM_AES_CTR,      ALG_SECRET, ALG_CTR,        0, MECH_COUNTER, CKK_AES,  MECH_ED },
    { CKM_AES_GCM,      ALG_SECRET, ALG_GCM,        0, MECH_GCM,     CKK_AES,  MECH_ED },
    { CKM_DES3_ECB,     ALG_SECRET, ALG_ECB,        0, 0,            CKK_DES3, MECH_ED },
    { CKM_DES3_CBC,     ALG_SECRET, ALG_CBC,        0, MECH_IV,      CKK_DES3, MECH_ED },
    { CKM_DES3_CBC_PAD, ALG_SECRET, ALG_CBC_PADDED, 0, MECH_IV,      CKK_DES3, MECH_ED | MECH_WU },

    { CKM_HKDF_DERIVE,            ALG_SECRET, ALG_RAW, 0, MECH_HKDF, MECH_ANY, CKF_DERIVE },
    { CKM_GENERIC_SECRET_KEY_GEN, ALG_NONE,   ALG_RAW, 0, 0,         CKK_GENERIC_SECRET,
      CKF_GENERATE },
    { CKM_AES_KEY_GEN,            ALG_NONE,   ALG_RAW, 0, 0,         CKK_AES, CKF_GENERATE },
};

// Does a mechanism take a key pair's key of this type? ECDH takes Montgomery keys as well.
static bool mech_takes(const struct mech_row *mech, enum alg_type type)
{
    return mech->key == type || (mech->param == MECH_ECDH && type == ALG_MONTGOMERY);
}

// Does a mechanism take a secret key of this type?
static bool mech_takes_secret(const struct mech_row *mech, CK_KEY_TYPE type)
{
    if (mech->key != ALG_SECRET) return false;
    if (mech->secret == MECH_ANY || mech->secret == type) return true;
    if (mech->scheme == ALG_HMAC) return type == CKK_GENERIC_SECRET;
    return mech->secret == CKK_DES3 && type == CKK_DES2;
}

// Does a mechanism need no key pair of a card? Then the host can do it, but for mech_not_here.
static bool mech_on_host(const struct mech_row *mech)
{
    return mech->key == ALG_NONE || mech->key == ALG_SECRET;
}

// What a mechanism is for, but for what this mbedTLS cannot do with an RSA public key.
static CK_FLAGS mech_uses(const struct mech_row *mech)
{
    CK_FLAGS lacks = CKF_VERIFY_RECOVER;
    if (mech->key != ALG_RSA || CIPHER_BIGNUM) return mech->flags;
    if (mech->scheme == ALG_RAW) lacks |= CKF_VERIFY;
    if (mech->scheme == ALG_RAW || !CIPHER_SEALS) lacks |= CKF_ENCRYPT | CKF_WRAP;
    return mech->flags & ~lacks;
}

// Does a card that pads itself do what a row says? schemes are the ways in which it does.
static bool mech_has_scheme(u32 schemes, const struct mech_row *mech)
{
    return mech->key != ALG_RSA || !schemes || schemes & CARD_SCHEME(mech->scheme);
}

static bool mech_is_des3(const struct mech_row *mech)
{
    return mech->secret == CKK_DES3;
}

// Is it a mechanism of secret keys that the host does not do?
static bool mech_not_here(const struct mech_row *mech)
{
    return mech_is_des3(mech) || (mech->scheme == ALG_CMAC && !CIPHER_CMAC);
}

// Does the card itself do a mechanism of secret keys, with its own?
static bool mech_on_card(const struct token *token, const struct mech_row *mech)
{
    u32 kind = mech_is_des3(mech) ? CARD_DES3 : CARD_AES;
    bool blocks = mech->scheme == ALG_ECB || mech->scheme == ALG_CBC ||
                  mech->scheme == ALG_CBC_PADDED;
    bool can = mech->scheme == ALG_CMAC ? token->driver->mac != NULL
                                        : blocks && token->driver->crypt;
    return can && token->secrets & kind;
}

// Is what does a mechanism where a key is? A secret key on the card does what its driver can, a
// session's what the host can.
static bool mech_is_here(const struct object *object, const struct mech_row *mech)
{
    if (object->class != CKO_SECRET_KEY) return true;
    return object->owner ? !mech_not_here(mech) : mech_on_card(object->token, mech);
}

// What a mechanism is for on a token: what the host does, and what this card does.
static CK_FLAGS mech_flags(const struct token *token, const struct mech_row *mech)
{
    const struct driver *driver = token->driver;
    CK_FLAGS flags = mech_uses(mech);
    if (mech_not_here(mech) && !mech_on_card(token, mech)) return 0;
    if (mech_on_host(mech)) return flags;
    bool lacks = !mech_has_scheme(token->card_pads, mech);
    if (mech->key == ALG_EC && token->ec_hash && mech->hash != token->ec_hash) lacks = true;
    if (!driver->sign || lacks) flags &= ~(CK_FLAGS)(CKF_SIGN | CKF_SIGN_RECOVER);
    if (!driver->decrypt || lacks) flags &= ~(CK_FLAGS)(CKF_DECRYPT | CKF_UNWRAP);
    if (!driver->derive) flags &= ~(CK_FLAGS)CKF_DERIVE;
    return flags;
}

// May the token's card have a key that a mechanism takes?
static bool mech_has_key(const struct token *token, const struct mech_row *mech)
{
    if (mech_on_host(mech) || token->key_types & CARD_TYPE(mech->key)) return true;
    return mech->param == MECH_ECDH && token->key_types & CARD_TYPE(ALG_MONTGOMERY);
}

// The row of a mechanism that this token can have, for one of the uses in flags (0: any); or NULL.
static const struct mech_row *mech_find(const struct token *token, CK_MECHANISM_TYPE type,
                                        CK_FLAGS flags)
{
    const struct mech_row *mech = mech_rows, *end = mech_rows + COUNT(mech_rows);
    while (mech < end && mech->type != type) mech++;
    if (mech == end) return NULL;
    CK_FLAGS uses = mech_flags(token, mech);
    if (flags) uses &= flags;
    return uses && mech_has_key(token, mech) ? mech : NULL;
}

// ---- What C_GetMechanismInfo says ----

// The lengths of secret keys, in bytes; of generic ones that are made, in bits.
static void mech_secret_sizes(const struct mech_row *mech, CK_MECHANISM_INFO *info)
{
    info->ulMinKeySize = 1;
    info->ulMaxKeySize = MECH_SECRET_MAX;
    if (mech->secret == CKK_AES || mech->secret == CKK_DES3) {
        info->ulMinKeySize = 16;
        info->ulMaxKeySize = mech->secret == CKK_AES ? 32 : 24;
    }
    if (mech->type == CKM_GENERIC_SECRET_KEY_GEN) {
        info->ulMinKeySize = 8;
        info->ulMaxKeySize = 8 * MECH_SECRET_MAX;
    }
}

// The bits of all curves that are known here and that the token may have.
static void mech_curve_sizes(const struct token *token, const struct mech_row *mech,
                             CK_MECHANISM_INFO *info)
{
    info->ulMinKeySize = ALG_RSA_MAX_BITS;      // more than any curve has
    for (size_t i = 0; i < COUNT(alg_curves); i++) {
        const struct alg_curve *curve = &alg_curves[i];
        if (!mech_takes(mech, curve->type)) continue;
        if (!(token->key_types & CARD_TYPE(curve->type))) continue;
        if (curve->bits < info->ulMinKeySize) info->ulMinKeySize = curve->bits;
        if (curve->bits > info->ulMaxKeySize) info->ulMaxKeySize = curve->bits;
    }
}

// What C_GetMechanismInfo says of a row that mech_find gave for this token.
static void mech_info(const struct token *token, const struct mech_row *mech,
                      CK_MECHANISM_INFO *info)
{
    *info = (CK_MECHANISM_INFO){ 0, 0, mech_flags(token, mech) };
    if (info->flags & CKF_SIGN) info->flags |= CKF_MESSAGE_SIGN | CKF_MULTI_MESSAGE;
    if (info->flags & CKF_VERIFY) info->flags |= CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE;
    if (!mech_on_host(mech) || mech_on_card(token, mech)) info->flags |= CKF_HW;
    if (mech->secret) {
        mech_secret_sizes(mech, info);
    } else if (mech->key == ALG_RSA) {
        info->ulMinKeySize = MECH_RSA_MIN;
        info->ulMaxKeySize = ALG_RSA_MAX_BITS;
    } else if (mech->key != ALG_NONE) {
        mech_curve_sizes(token, mech, info);
        info->flags |= CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;
    }
}

// ---- What a key may be used for ----

// May a key be used for a purpose? One that wants the PIN before each use cannot derive or unwrap:
// there is no moment between beginning and work to give the PIN in.
static bool mech_key_allows(const struct object *object, CK_FLAGS purpose)
{
    static const struct { CK_FLAGS purpose; u8 secret, pair; } uses[] = {   // CARD_SIGN ...
        { MECH_SV | MECH_RECOVER, CARD_SIGN,    CARD_SIGN },
        { CKF_ENCRYPT,            CARD_ENCRYPT, CARD_DECRYPT },
        { CKF_DECRYPT,            CARD_DECRYPT, CARD_DECRYPT },
        { CKF_WRAP,               CARD_WRAP,    CARD_DECRYPT },
        { CKF_UNWRAP,             CARD_UNWRAP,  CARD_DECRYPT },
        { ~(CK_FLAGS)0,           CARD_DERIVE,  CARD_DERIVE },
    };
    bool secret = object->class == CKO_SECRET_KEY;
    size_t i = 0;
    SCARD11_ASSERT(purpose);
    while (!(uses[i].purpose & purpose)) i++;
    u8 use = secret ? uses[i].secret : uses[i].pair;
    bool in_one_call = use == CARD_DERIVE || (purpose == CKF_UNWRAP && !secret);
    return object->use & use && !(in_one_call && object->always_auth);
}

// What is done with a key of this class, where a mechanism takes a pair.
static CK_FLAGS mech_half(CK_OBJECT_CLASS class)
{
    if (class == CKO_PRIVATE_KEY)
        return CKF_SIGN | CKF_DECRYPT | CKF_DERIVE | CKF_UNWRAP | CKF_SIGN_RECOVER;
    if (class == CKO_PUBLIC_KEY) return CKF_VERIFY | CKF_ENCRYPT | CKF_WRAP | CKF_VERIFY_RECOVER;
    return ~(CK_FLAGS)0;
}

// May a key be used for any of these purposes?
static bool mech_key_allows_any(const struct object *object, CK_FLAGS uses)
{
    for (CK_FLAGS bit = 1; bit && bit <= uses; bit <<= 1)
        if (uses & bit && mech_key_allows(object, bit)) return true;
    return false;
}

// Is a mechanism one for this key, as its type and use are?
static bool mech_fits(const struct mech_row *mech, const struct object *object)
{
    if (!mech_key_allows_any(object, mech_uses(mech) & mech_half(object->class))) return false;
    if (!mech_is_here(object, mech)) return false;
    if (object->class == CKO_SECRET_KEY) return mech_takes_secret(mech, object->secret_type);
    if (object->class == CKO_PRIVATE_KEY && !mech_has_scheme(object->card_pads, mech)) return false;
    return mech_takes(mech, object->key ? object->key->type : object->type);
}

// CKA_ALLOWED_MECHANISMS of a key.
static void mech_allowed(const struct object *object, struct buf *out)
{
    for (size_t i = 0; i < COUNT(mech_rows); i++) {
        CK_MECHANISM_TYPE type = mech_rows[i].type;
        if (mech_fits(&mech_rows[i], object)) buf_put(out, bytes_of(&type, sizeof type));
    }
}

// ---- Parameters ----

// Copies parameters that are one structure of size bytes. The caller's may lie anywhere in memory.
static st mech_params(const CK_MECHANISM *mechanism, void *params, size_t size)
{
    if (!mechanism->pParameter || mechanism->ulParameterLen != size) return ST_MECH_PARAM;
    memcpy(params, mechanism->pParameter, size);
    return ST_OK;
}

// The hash and the MGF of PSS or OAEP.
static st mech_hashes(CK_MECHANISM_TYPE hash, CK_RSA_PKCS_MGF_TYPE mgf, struct alg_use *use)
{
    use->hash = alg_hash_find(hash);
    use->mgf = alg_hash_of_mgf(mgf);
    return use->hash && use->mgf ? ST_OK : ST_MECH_PARAM;
}

static st mech_pss(const CK_MECHANISM *mechanism, const struct mech_row *mech, struct alg_use *use)
{
    CK_RSA_PKCS_PSS_PARAMS params;
    TRY(mech_params(mechanism, &params, sizeof params));
    TRY(mech_hashes(params.hashAlg, params.mgf, use));
    if (params.sLen > MECH_SALT_MAX) return ST_MECH_PARAM;
    use->salt = (u32)params.sLen;
    return !mech->hash || mech->hash == params.hashAlg ? ST_OK : ST_MECH_PARAM;
}

static st mech_oaep(const CK_MECHANISM *mechanism, struct alg_use *use, bytes *label)
{
    CK_RSA_PKCS_OAEP_PARAMS params;
    TRY(mech_params(mechanism, &params, sizeof params));
    TRY(mech_hashes(params.hashAlg, params.mgf, use));
    if (params.source && params.source != CKZ_DATA_SPECIFIED) return ST_MECH_PARAM;
    if (params.ulSourceDataLen && !params.pSourceData) return ST_MECH_PARAM;
    *label = bytes_of(params.pSourceData, params.ulSourceDataLen);
    return ST_OK;
}

// Pure Ed25519 only: the parameters may be missing, or say just that.
static st mech_eddsa(const CK_MECHANISM *mechanism)
{
    CK_EDDSA_PARAMS params;
    if (!mechanism->ulParameterLen) return ST_OK;
    TRY(mech_params(mechanism, &params, sizeof params));
    return params.phFlag || params.ulContextDataLen ? ST_MECH_PARAM : ST_OK;
}

// How much of a MAC is wanted; *size, before, is all of it.
static st mech_mac(const CK_MECHANISM *mechanism, u32 *size)
{
    CK_MAC_GENERAL_PARAMS params;
    TRY(mech_params(mechanism, &params, sizeof params));
    if (!params || params > *size) return ST_MECH_PARAM;
    *size = (u32)params;
    return ST_OK;
}

static st mech_iv(const CK_MECHANISM *mechanism, const struct alg_use *use, bytes *iv)
{
    if (!mechanism->pParameter || mechanism->ulParameterLen != use->block) return ST_MECH_PARAM;
    *iv = bytes_of(mechanism->pParameter, use->block);
    return ST_OK;
}

static st mech_counter(const CK_MECHANISM *mechanism, bytes *block, u32 *bits)
{
    CK_AES_CTR_PARAMS params;
    TRY(mech_params(mechanism, &params, sizeof params));
    if (!params.ulCounterBits || params.ulCounterBits > 8 * ALG_BLOCK) return ST_MECH_PARAM;
    *block = bytes_of((const u8 *)mechanism->pParameter + offsetof(CK_AES_CTR_PARAMS, cb),
                      ALG_BLOCK);
    *bits = (u32)params.ulCounterBits;
    return ST_OK;
}

// Tags are 96 to 128 bits long, or 64, or 32 (SP 800-38D, 5.2.1.2).
static bool mech_tag_good(CK_ULONG bits)
{
    if (bits == 64 || bits == 32) return true;
    return bits % 8 == 0 && bits >= 96 && bits <= 128;
}

static st mech_gcm(const CK_MECHANISM *mechanism, bytes *iv, bytes *aad, u32 *tag)
{
    CK_GCM_PARAMS params;
    TRY(mech_params(mechanism, &params, sizeof params));
    if (!params.pIv || !params.ulIvLen || params.ulIvLen > MECH_IV_MAX) return ST_MECH_PARAM;
    if (params.ulAADLen && !params.pAAD) return ST_MECH_PARAM;
    if (!mech_tag_good(params.ulTagBits)) return ST_MECH_PARAM;
    *iv = bytes_of(params.pIv, params.ulIvLen);
    *aad = bytes_of(params.pAAD, params.ulAADLen);
    *tag = (u32)params.ulTagBits / 8;
    return ST_OK;
}

// What else a mechanism's parameters give, beside struct alg_use. The views are the caller's
// memory.
struct mech_given {
    bytes label;                // of OAEP
    bytes iv;                   // of CBC and GCM; the first counter block of CTR
    bytes aad;                  // of GCM
    u32   size;                 // bytes of a digest or MAC, or of GCM's tag; bits of CTR's counter
};

// What a mechanism with its parameters asks for. ECDH and HKDF read theirs when they derive.
static st mech_use(const CK_MECHANISM *mechanism, const struct mech_row *mech, struct alg_use *use,
                   struct mech_given *given)
{
    *use = (struct alg_use){ .type = mech->key, .scheme = mech->scheme,
                             .block = mech_is_des3(mech) ? ALG_BLOCK / 2 : ALG_BLOCK };
    *given = (struct mech_given){ .size = use->block };
    if (mech->hash) {
        use->hash = alg_hash_find(mech->hash);
        SCARD11_ASSERT(use->hash);
        given->size = (u32)use->hash->size;
    }
    switch (mech->param) {
    case MECH_PSS:     return mech_pss(mechanism, mech, use);
    case MECH_OAEP:    return mech_oaep(mechanism, use, &given->label);
    case MECH_EDDSA:   return mech_eddsa(mechanism);
    case MECH_MAC:     return mech_mac(mechanism, &given->size);
    case MECH_IV:      return mech_iv(mechanism, use, &given->iv);
    case MECH_COUNTER: return mech_counter(mechanism, &given->iv, &given->size);
    case MECH_GCM:     return mech_gcm(mechanism, &given->iv, &given->aad, &given->size);
    case MECH_ECDH: case MECH_HKDF: return ST_OK;
    default:           return mechanism->ulParameterLen ? ST_MECH_PARAM : ST_OK;
    }
}

/* ================================================================================================
 * MARK: - >>attr
 * CK_ATTRIBUTE: an object's attributes, templates.
 *
 * Owns    attr_rows; what is compared and how
 * Uses    >>tlv >>x509 >>alg >>hash >>card >>mech
 * Names   attr_
 * Specs   PKCS#11 3.2, 4 (objects)
 * Tests   tests/unit/attr.c
 * ==============================================================================================*/

#define ATTR_DATA 1u
#define ATTR_CERT 2u
#define ATTR_PUB  4u
#define ATTR_PRIV 8u
#define ATTR_SEC  16u
#define ATTR_PROF 32u
#define ATTR_KEYS (ATTR_PUB | ATTR_PRIV)
#define ATTR_KEY3 (ATTR_KEYS | ATTR_SEC)
#define ATTR_ALL  63u

#define ATTR_ROOM       1024        // scratch for an attribute that is made when it is asked for
#define ATTR_UNIQUE_MAX 96          // characters of CKA_UNIQUE_ID
#define ATTR_DIGEST     16          // bytes of a digest in it

// Where an attribute's value is. The row says in of: which number, member or bit.
enum attr_kind {
    // In the row: a CK_BBOOL, a CK_ULONG, nothing.
    ATTR_BOOL, ATTR_NUMBER, ATTR_EMPTY, ATTR_UNAVAILABLE,
    // A member of struct object: bool, u32, CK_ULONG, bytes, a day.
    ATTR_FLAG, ATTR_U32, ATTR_ULONG, ATTR_BYTES, ATTR_DAY,
    // A bit of object->use, of object->access.
    ATTR_USE, ATTR_ACCESS,
    // Where it stays: of any key, of RSA keys, of all other keys.
    ATTR_SECRET, ATTR_SECRET_RSA, ATTR_SECRET_EC,
    // A number of the public key: a member of struct alg_key that RSA keys have; others.
    ATTR_RSA, ATTR_BITS, ATTR_PARAMS, ATTR_POINT,
    // A member of struct x509: bytes, a time; what else a certificate says.
    ATTR_X509, ATTR_X509_TIME, ATTR_SUBJECT, ATTR_SPKI, ATTR_CATEGORY, ATTR_CHECK, ATTR_KEY_HASH,
    // Found out by a function: see attr_computed.
    ATTR_TOKEN, ATTR_OWNED, ATTR_UNIQUE, ATTR_KEY_TYPE, ATTR_ALLOWED, ATTR_DERIVE,
    ATTR_UNWRAP, ATTR_RECOVER
};

// An attribute, for the classes that have it. A new one is one row here. Where a template
// may give it, it has one in make_rules, and where it is read from the card late, a search asks for
// it by attr_certificate_needs_read or attr_key_needs_read.
struct attr_row {
    u32 type;                   // CKA_
    u8  classes;                // ATTR_DATA ...
    u8  kind;                   // enum attr_kind
    u16 of;                     // see there; else 0
};

#define ATTR_OF(member)      offsetof(struct object, member)
#define ATTR_X509_OF(member) offsetof(struct x509, member)

// What searches ask for comes first.
static const struct attr_row attr_rows[] = {
    { CKA_CLASS,                 ATTR_ALL,   ATTR_ULONG, ATTR_OF(class) },
    { CKA_ID,                    ATTR_CERT | ATTR_KEY3, ATTR_BYTES, ATTR_OF(id) },
    { CKA_TOKEN,                 ATTR_ALL,   ATTR_TOKEN, 0 },
    { CKA_PRIVATE,               ATTR_ALL,   ATTR_FLAG, ATTR_OF(private) },
    { CKA_LABEL,                 ATTR_ALL,   ATTR_BYTES, ATTR_OF(label) },
    { CKA_UNIQUE_ID,             ATTR_ALL,   ATTR_UNIQUE, 0 },
    { CKA_MODIFIABLE,            ATTR_ALL,   ATTR_OWNED, 0 },
    { CKA_COPYABLE,              ATTR_ALL,   ATTR_OWNED, 0 },
    { CKA_DESTROYABLE,           ATTR_ALL,   ATTR_OWNED, 0 },
    { CKA_PROFILE_ID,            ATTR_PROF,  ATTR_U32, ATTR_OF(ref) },
    { CKA_APPLICATION,           ATTR_DATA,  ATTR_BYTES, ATTR_OF(application) },
    { CKA_OBJECT_ID,             ATTR_DATA,  ATTR_BYTES, ATTR_OF(oid) },
    { CKA_VALUE,                 ATTR_DATA | ATTR_CERT, ATTR_BYTES, ATTR_OF(value) },
    { CKA_VALUE,                 ATTR_PRIV,  ATTR_SECRET_EC, 0 },
    { CKA_VALUE,                 ATTR_SEC,   ATTR_SECRET, 0 },
    { CKA_VALUE_LEN,             ATTR_SEC,   ATTR_U32, ATTR_OF(secret_len) },
    { CKA_CERTIFICATE_TYPE,      ATTR_CERT,  ATTR_NUMBER, 0 },               // CKC_X_509
    { CKA_CERTIFICATE_CATEGORY,  ATTR_CERT,  ATTR_CATEGORY, 0 },
    { CKA_JAVA_MIDP_SECURITY_DOMAIN, ATTR_CERT, ATTR_NUMBER, 0 },           // unspecified
    { CKA_TRUSTED,               ATTR_CERT | ATTR_PUB | ATTR_SEC, ATTR_FLAG, ATTR_OF(trusted) },
    { CKA_URL,                   ATTR_CERT,  ATTR_EMPTY, 0 },
    { CKA_HASH_OF_SUBJECT_PUBLIC_KEY, ATTR_CERT, ATTR_KEY_HASH, 0 },
    { CKA_HASH_OF_ISSUER_PUBLIC_KEY, ATTR_CERT, ATTR_EMPTY, 0 },             // none says for sure
    { CKA_NAME_HASH_ALGORITHM,   ATTR_CERT,  ATTR_NUMBER, CKM_SHA_1 },
    { CKA_CHECK_VALUE,           ATTR_CERT,  ATTR_CHECK, 0 },
    { CKA_ISSUER,                ATTR_CERT,  ATTR_X509, ATTR_X509_OF(issuer) },
    { CKA_SERIAL_NUMBER,         ATTR_CERT,  ATTR_X509, ATTR_X509_OF(serial) },
    { CKA_START_DATE,            ATTR_CERT,  ATTR_X509_TIME, ATTR_X509_OF(not_before) },
    { CKA_END_DATE,              ATTR_CERT,  ATTR_X509_TIME, ATTR_X509_OF(not_after) },
    { CKA_START_DATE,            ATTR_KEY3,  ATTR_DAY, ATTR_OF(start) },
    { CKA_END_DATE,              ATTR_KEY3,  ATTR_DAY, ATTR_OF(end) },
    { CKA_SUBJECT,               ATTR_CERT | ATTR_KEYS, ATTR_SUBJECT, 0 },
    { CKA_PUBLIC_KEY_INFO,       ATTR_CERT | ATTR_KEYS, ATTR_SPKI, 0 },
    { CKA_KEY_TYPE,              ATTR_KEY3,  ATTR_KEY_TYPE, 0 },
    { CKA_LOCAL,                 ATTR_KEY3,  ATTR_ACCESS, CARD_LOCAL },
    { CKA_KEY_GEN_MECHANISM,     ATTR_KEY3,  ATTR_UNAVAILABLE, 0 },
    { CKA_ALLOWED_MECHANISMS,    ATTR_KEY3,  ATTR_ALLOWED, 0 },
    { CKA_OBJECT_VALIDATION_FLAGS, ATTR_KEY3, ATTR_NUMBER, 0 },             // validated by nobody
    { CKA_WRAP_TEMPLATE,         ATTR_PUB | ATTR_SEC, ATTR_EMPTY, 0 },
    { CKA_UNWRAP_TEMPLATE,       ATTR_PRIV | ATTR_SEC, ATTR_EMPTY, 0 },
    { CKA_DERIVE_TEMPLATE,       ATTR_PRIV | ATTR_SEC, ATTR_EMPTY, 0 },
    { CKA_ENCAPSULATE,           ATTR_PUB,   ATTR_BOOL, CK_FALSE },
    { CKA_DECAPSULATE,           ATTR_PRIV,  ATTR_BOOL, CK_FALSE },
    { CKA_ENCAPSULATE_TEMPLATE,  ATTR_PUB,   ATTR_EMPTY, 0 },
    { CKA_DECAPSULATE_TEMPLATE,  ATTR_PRIV,  ATTR_EMPTY, 0 },
    { CKA_DERIVE,                ATTR_KEY3,  ATTR_DERIVE, 0 },
    { CKA_ENCRYPT,               ATTR_PUB,   ATTR_USE, CARD_DECRYPT },
    { CKA_ENCRYPT,               ATTR_SEC,   ATTR_USE, CARD_ENCRYPT },
    { CKA_VERIFY,                ATTR_PUB | ATTR_SEC, ATTR_USE, CARD_SIGN },
    { CKA_VERIFY_RECOVER,        ATTR_PUB,   ATTR_RECOVER, 0 },
    { CKA_WRAP,                  ATTR_PUB,   ATTR_USE, CARD_DECRYPT },
    { CKA_WRAP,                  ATTR_SEC,   ATTR_USE, CARD_WRAP },
    { CKA_SIGN,                  ATTR_PRIV | ATTR_SEC, ATTR_USE, CARD_SIGN },
    { CKA_DECRYPT,               ATTR_PRIV | ATTR_SEC, ATTR_USE, CARD_DECRYPT },
    { CKA_SIGN_RECOVER,          ATTR_PRIV,  ATTR_RECOVER, 0 },
    { CKA_UNWRAP,                ATTR_PRIV | ATTR_SEC, ATTR_UNWRAP, 0 },
    { CKA_SENSITIVE,             ATTR_PRIV,  ATTR_BOOL, CK_TRUE },
    { CKA_SENSITIVE,             ATTR_SEC,   ATTR_ACCESS, CARD_SENSITIVE },
    { CKA_EXTRACTABLE,           ATTR_PRIV,  ATTR_BOOL, CK_FALSE },
    { CKA_EXTRACTABLE,           ATTR_SEC,   ATTR_ACCESS, CARD_EXTRACTABLE },
    { CKA_ALWAYS_SENSITIVE,      ATTR_PRIV | ATTR_SEC, ATTR_ACCESS, CARD_ALWAYS_SENSITIVE },
    { CKA_NEVER_EXTRACTABLE,     ATTR_PRIV | ATTR_SEC, ATTR_ACCESS, CARD_NEVER_EXTRACTABLE },
    { CKA_WRAP_WITH_TRUSTED,     ATTR_PRIV | ATTR_SEC, ATTR_BOOL, CK_FALSE },
    { CKA_ALWAYS_AUTHENTICATE,   ATTR_PRIV,  ATTR_FLAG, ATTR_OF(always_auth) },
    { SCARD11_CKA_TOUCH,         ATTR_PRIV,  ATTR_U32, ATTR_OF(touch) },
    { CKA_MODULUS,               ATTR_KEYS,  ATTR_RSA, offsetof(struct alg_key, modulus) },
    { CKA_MODULUS_BITS,          ATTR_PUB,   ATTR_BITS, 0 },
    { CKA_PUBLIC_EXPONENT,       ATTR_KEYS,  ATTR_RSA, offsetof(struct alg_key, exponent) },
    { CKA_EC_PARAMS,             ATTR_KEYS,  ATTR_PARAMS, 0 },
    { CKA_EC_POINT,              ATTR_KEYS,  ATTR_POINT, 0 },
    { CKA_PRIVATE_EXPONENT,      ATTR_PRIV,  ATTR_SECRET_RSA, 0 },
    { CKA_PRIME_1,               ATTR_PRIV,  ATTR_SECRET_RSA, 0 },
    { CKA_PRIME_2,               ATTR_PRIV,  ATTR_SECRET_RSA, 0 },
    { CKA_EXPONENT_1,            ATTR_PRIV,  ATTR_SECRET_RSA, 0 },
    { CKA_EXPONENT_2,            ATTR_PRIV,  ATTR_SECRET_RSA, 0 },
    { CKA_COEFFICIENT,           ATTR_PRIV,  ATTR_SECRET_RSA, 0 },
};

static u32 attr_class_bit(CK_OBJECT_CLASS class)
{
    switch (class) {
    case CKO_DATA:        return ATTR_DATA;
    case CKO_CERTIFICATE: return ATTR_CERT;
    case CKO_PUBLIC_KEY:  return ATTR_PUB;
    case CKO_PRIVATE_KEY: return ATTR_PRIV;
    case CKO_SECRET_KEY:  return ATTR_SEC;
    case CKO_PROFILE:     return ATTR_PROF;
    default:              return 0;
    }
}

// The row of an attribute, of one of the classes; NULL: they have no such attribute.
static const struct attr_row *attr_row_find(CK_ATTRIBUTE_TYPE type, u32 classes)
{
    for (size_t i = 0; i < COUNT(attr_rows); i++)
        if (attr_rows[i].type == type && attr_rows[i].classes & classes) return &attr_rows[i];
    return NULL;
}

static bytes attr_bool(bool v)
{
    static const CK_BBOOL values[] = { CK_FALSE, CK_TRUE };
    return bytes_of(&values[v], sizeof *values);
}

// A copy of a small value in scratch; empty when there is no room.
static bytes attr_copy(struct scratch *scratch, const void *p, size_t n)
{
    struct buf b = scratch_buf(scratch, n);
    buf_put(&b, bytes_of(p, n));
    return buf_bytes(&b);
}

static bytes attr_ulong(struct scratch *scratch, CK_ULONG v)
{
    return attr_copy(scratch, &v, sizeof v);
}

// ---- Session objects: a chain of type, length, value ----

struct attr_head {
    CK_ATTRIBUTE_TYPE type;
    CK_ULONG n;
};

// Appends an attribute to those that a session object keeps. ST_ARENA_FULL leaves a part of it
// there: the caller drops the object.
static st attr_put(struct card *card, struct object *object, CK_ATTRIBUTE_TYPE type, bytes value)
{
    struct attr_head head;
    memset(&head, 0, sizeof head);
    head.type = type;
    head.n = (CK_ULONG)value.n;
    TRY(arena_chain_put(&card->arena, &object->attributes, bytes_of(&head, sizeof head)));
    return arena_chain_put(&card->arena, &object->attributes, value);
}

// Reads the head of a session object's next attribute; false: there is none.
static bool attr_next(struct chain_place *at, struct attr_head *head)
{
    struct buf b = buf_on(head, sizeof *head);
    return arena_chain_take(at, sizeof *head, &b);
}

// An attribute that a session object was made with. false also where scratch has no room for it.
static bool attr_kept(const struct object *object, CK_ATTRIBUTE_TYPE type, struct scratch *scratch,
                      bytes *value)
{
    struct chain_place at = arena_chain_start(&object->attributes);
    struct attr_head head;
    while (attr_next(&at, &head)) {
        struct buf b;
        if (head.type != type) {
            arena_chain_take(&at, head.n, NULL);
            continue;
        }
        b = scratch_buf(scratch, head.n);
        arena_chain_take(&at, head.n, &b);
        *value = buf_bytes(&b);
        return !b.full;
    }
    return false;
}

// A CK_BBOOL that a session object was made with.
static bool attr_kept_true(const struct object *object, CK_ATTRIBUTE_TYPE type,
                           struct scratch scratch)
{
    bytes v;
    return attr_kept(object, type, &scratch, &v) && v.n == 1 && *v.p;
}

// The value of a secret key that is a session object, in scratch, which is wiped.
static st attr_secret_value(const struct object *object, struct scratch *scratch, bytes *value)
{
    struct buf b = scratch_buf(scratch, object->secret.n);
    arena_chain_get(&object->secret, &b);
    *value = buf_bytes(&b);
    return b.full ? ST_HOST_MEMORY : ST_OK;
}

// A public or private key's numbers: kept with the card's objects, or views into scratch.
static st attr_key(const struct object *object, struct scratch *scratch, struct alg_key *key)
{
    bytes spki;
    if (object->key) {
        *key = *object->key;
        return ST_OK;
    }
    if (!object->owner || !attr_kept(object, CKA_PUBLIC_KEY_INFO, scratch, &spki))
        return ST_KEY_TYPE;
    return alg_parse_spki(spki, key);
}

// ---- Reading ----

// The bytes that are a member of a structure, at an offset.
static bytes attr_member(const void *structure, size_t offset)
{
    bytes value;
    memcpy(&value, (const u8 *)structure + offset, sizeof value);
    return value;
}

static st attr_point(const struct alg_key *key, struct scratch *scratch, bytes *value)
{
    if (key->type == ALG_RSA || !key->point.n) return ST_ATTR_TYPE;
    *value = key->point;
    if (key->type != ALG_EC) return ST_OK;        // raw bytes for Edwards and Montgomery keys
    struct buf b = scratch_buf(scratch, key->point.n + 4);
    tlv_put(&b, 0x04, key->point);
    *value = buf_bytes(&b);
    return b.full ? ST_HOST_MEMORY : ST_OK;
}

// What tells this object from all others of its token, and is the same the next time: the driver's
// name, class and reference. A session object has its handle instead. Entries of a PKCS#15
// directory may share all of their numbers: their digest tells them apart, and where they are the
// same in all, which of them it is.
static st attr_unique(const struct object *object, struct scratch *scratch, bytes *value)
{
    struct buf b = scratch_buf(scratch, ATTR_UNIQUE_MAX);
    buf_put_text(&b, object->token->driver->name);
    buf_put_text(&b, "-");
    if (object->owner) {
        u64 handle = object->handle;
        for (int shift = 56; shift >= 0; shift -= 8) buf_put_hex(&b, BYTES((u8)(handle >> shift)));
    } else {
        u32 ref = object->ref;
        buf_put_hex(&b, BYTES((u8)object->class, (u8)(ref >> 16), (u8)(ref >> 8), (u8)ref));
    }
    if (!object->owner && object->entry.n) {
        u8 room[ALG_HASH_MAX];
        struct buf digest = buf_on(room, sizeof room);
        TRY(hash_of(alg_hash_find(CKM_SHA256), object->entry, &digest));
        buf_put_text(&b, "-");
        buf_put_hex(&b, bytes_head(buf_bytes(&digest), ATTR_DIGEST));
    }
    if (!object->owner && object->twin) {
        buf_put_text(&b, "-");
        buf_put_hex(&b, BYTES((u8)(object->twin >> 8), (u8)object->twin));
    }
    *value = buf_bytes(&b);
    return b.full ? ST_HOST_MEMORY : ST_OK;
}

// What kind of key a private or public key object is, also one that has not been read yet.
static enum alg_type attr_key_kind(const struct object *object)
{
    return object->key ? object->key->type : object->type;
}

// CKA_KEY_TYPE, also of a key that has not been read yet.
static st attr_key_type(const struct object *object, struct scratch *scratch, bytes *value)
{
    const struct alg_key key = { .type = attr_key_kind(object) };
    if (object->class == CKO_SECRET_KEY) {
        *value = attr_ulong(scratch, object->secret_type);
        return ST_OK;
    }
    if (key.type == ALG_NONE) return ST_ATTR_TYPE;
    *value = attr_ulong(scratch, alg_key_type(&key));
    return ST_OK;
}

// CKA_ALLOWED_MECHANISMS. Those of a key on the card are not known before it is read.
static st attr_allowed(const struct object *object, struct scratch *scratch, bytes *value)
{
    if (!object->key && !object->owner && object->class != CKO_SECRET_KEY) return ST_ATTR_TYPE;
    struct buf list = scratch_buf(scratch, COUNT(mech_rows) * sizeof(CK_MECHANISM_TYPE));
    mech_allowed(object, &list);
    *value = buf_bytes(&list);
    return ST_OK;
}

// A number of a public key, which its private half has too.
static st attr_key_number(const struct object *object, const struct attr_row *row,
                          struct scratch *scratch, bytes *value)
{
    const struct alg_key *key = object->key;
    bool of_rsa = row->kind == ATTR_RSA || row->kind == ATTR_BITS;
    if (!key || of_rsa != (key->type == ALG_RSA)) return ST_ATTR_TYPE;
    switch (row->kind) {
    case ATTR_RSA:
        *value = attr_member(key, row->of);
        return key->modulus.n ? ST_OK : ST_ATTR_TYPE;
    case ATTR_BITS:   *value = attr_ulong(scratch, key->bits); return ST_OK;
    case ATTR_PARAMS: *value = alg_curve_oid(key->curve); return ST_OK;
    default:          return attr_point(key, scratch, value);
    }
}

// CKA_CERTIFICATE_CATEGORY: of an authority, as the card or the certificate itself says, or of a
// key pair whose user holds this card. Anything else nothing here knows for sure.
static CK_CERTIFICATE_CATEGORY attr_category(const struct object *object)
{
    if (object->authority) return CK_CERTIFICATE_CATEGORY_AUTHORITY;
    if (!object->x509) return CK_CERTIFICATE_CATEGORY_UNSPECIFIED;
    if (x509_is_authority(object->x509)) return CK_CERTIFICATE_CATEGORY_AUTHORITY;
    return object->key && object->use ? CK_CERTIFICATE_CATEGORY_TOKEN_USER :
           CK_CERTIFICATE_CATEGORY_UNSPECIFIED;
}

// The first n bytes of SHA-1, where PKCS#11 wants that of a certificate or of its key.
static st attr_sha1(bytes of, size_t n, struct scratch *scratch, bytes *value)
{
    struct buf digest = scratch_buf(scratch, ALG_HASH_MAX);
    TRY(hash_of(alg_hash_find(CKM_SHA_1), of, &digest));
    *value = bytes_head(buf_bytes(&digest), n);
    return ST_OK;
}

// What a certificate says, or a key's certificate. Empty where there is none.
static st attr_certificate_value(const struct object *object, const struct attr_row *row,
                                 struct scratch *scratch, bytes *value)
{
    const struct x509 *x509 = object->x509;
    char day[8];
    *value = BYTES_NONE;
    if (row->kind == ATTR_CATEGORY) *value = attr_ulong(scratch, attr_category(object));
    if (row->kind == ATTR_SUBJECT) *value = object->subject;
    if (row->kind == ATTR_SPKI && object->key) *value = object->key->spki;
    if (!x509) return ST_OK;
    switch (row->kind) {
    case ATTR_X509:     *value = attr_member(x509, row->of); return ST_OK;
    case ATTR_SUBJECT:  *value = x509->subject; return ST_OK;
    case ATTR_SPKI:     *value = x509->spki; return ST_OK;
    case ATTR_CHECK:    return attr_sha1(object->value, 3, scratch, value);
    case ATTR_KEY_HASH: return attr_sha1(x509_key_bits(x509), 20, scratch, value);
    case ATTR_X509_TIME:
        if (!x509_date(attr_member(x509, row->of), day))
            *value = attr_copy(scratch, day, sizeof day);
        return ST_OK;
    default:            return ST_OK;
    }
}

// The value of an attribute that is found out when it is asked for.
static st attr_computed(const struct object *object, const struct attr_row *row,
                        struct scratch *scratch, bytes *value)
{
    bool rsa = attr_key_kind(object) == ALG_RSA;
    switch (row->kind) {
    case ATTR_SECRET:      return ST_ATTR_SECRET;
    case ATTR_SECRET_RSA:  return rsa ? ST_ATTR_SECRET : ST_ATTR_TYPE;
    case ATTR_SECRET_EC:   return rsa ? ST_ATTR_TYPE : ST_ATTR_SECRET;
    case ATTR_UNAVAILABLE: *value = attr_ulong(scratch, CK_UNAVAILABLE_INFORMATION); return ST_OK;
    case ATTR_TOKEN:       *value = attr_bool(!object->owner); return ST_OK;
    case ATTR_OWNED:       *value = attr_bool(object->owner); return ST_OK;
    case ATTR_DERIVE:      *value = attr_bool(mech_key_allows(object, CKF_DERIVE)); return ST_OK;
    case ATTR_UNWRAP:      *value = attr_bool(mech_key_allows(object, CKF_UNWRAP)); return ST_OK;
    case ATTR_RECOVER:     *value = attr_bool(rsa && object->use & CARD_SIGN); return ST_OK;
    case ATTR_UNIQUE:      return attr_unique(object, scratch, value);
    case ATTR_KEY_TYPE:    return attr_key_type(object, scratch, value);
    case ATTR_ALLOWED:     return attr_allowed(object, scratch, value);
    case ATTR_RSA: case ATTR_BITS: case ATTR_PARAMS: case ATTR_POINT:
        return attr_key_number(object, row, scratch, value);
    default:
        return attr_certificate_value(object, row, scratch, value);
    }
}

// The value that a row says an object has.
static st attr_value(const struct object *object, const struct attr_row *row,
                     struct scratch *scratch, bytes *value)
{
    const void *member = (const u8 *)object + row->of;      // where the kind is one of a member
    switch (row->kind) {
    case ATTR_BOOL:   *value = attr_bool(row->of); return ST_OK;
    case ATTR_NUMBER: *value = attr_ulong(scratch, row->of); return ST_OK;
    case ATTR_EMPTY:  *value = BYTES_NONE; return ST_OK;
    case ATTR_FLAG:   *value = attr_bool(*(const bool *)member); return ST_OK;
    case ATTR_U32:    *value = attr_ulong(scratch, *(const u32 *)member); return ST_OK;
    case ATTR_ULONG:  *value = attr_ulong(scratch, *(const CK_ULONG *)member); return ST_OK;
    case ATTR_BYTES:  *value = attr_member(object, row->of); return ST_OK;
    case ATTR_USE:    *value = attr_bool(object->use & row->of); return ST_OK;
    case ATTR_ACCESS: *value = attr_bool(object->access & row->of); return ST_OK;
    case ATTR_DAY:
        *value = BYTES_NONE;
        if (*(const char *)member) *value = attr_copy(scratch, member, sizeof object->start);
        return ST_OK;
    default:          return attr_computed(object, row, scratch, value);
    }
}

// One attribute as a view, in the arena or in scratch. ST_ATTR_TYPE: the object has no such
// attribute; ST_ATTR_SECRET: it stays where it is.
static st attr_get(const struct object *object, CK_ATTRIBUTE_TYPE type, struct scratch *scratch,
                   bytes *value)
{
    u32 class = attr_class_bit(object->class);
    if (scratch_left(scratch) < object->attributes.n + ATTR_ROOM) return ST_HOST_MEMORY;
    if (object->owner && class == ATTR_SEC && type == CKA_VALUE) {
        if (attr_kept_true(object, CKA_SENSITIVE, *scratch)) return ST_ATTR_SECRET;
        if (!attr_kept_true(object, CKA_EXTRACTABLE, *scratch)) return ST_ATTR_SECRET;
        return attr_secret_value(object, scratch, value);
    }
    if (object->owner && attr_kept(object, type, scratch, value)) return ST_OK;
    const struct attr_row *row = attr_row_find(type, class);
    return row ? attr_value(object, row, scratch, value) : ST_ATTR_TYPE;
}

// Is an attribute of an object CK_TRUE?
static bool attr_true(const struct object *object, CK_ATTRIBUTE_TYPE type, struct scratch scratch)
{
    bytes v;
    return !attr_get(object, type, &scratch, &v) && v.n == 1 && *v.p;
}

// ---- What must be read first ----

// Does an attribute of a key depend on its policy: the PIN before each use, a touch?
static bool attr_is_policy(const struct object *object, CK_ATTRIBUTE_TYPE type)
{
    if (type == SCARD11_CKA_TOUCH) return true;
    return type == CKA_ALWAYS_AUTHENTICATE || (type == CKA_DERIVE && object->use & CARD_DERIVE) ||
           (type == CKA_UNWRAP && object->use & CARD_DECRYPT);
}

// Does an attribute of a key depend on what its certificate lets it be used for?
static bool attr_is_use(CK_ATTRIBUTE_TYPE type)
{
    return (type >= CKA_ENCRYPT && type <= CKA_DERIVE) || type == CKA_ALLOWED_MECHANISMS;
}

static bool attr_is_in(const CK_ATTRIBUTE_TYPE *list, size_t n, CK_ATTRIBUTE_TYPE type)
{
    while (n--)
        if (list[n] == type) return true;
    return false;
}

static bool attr_certificate_needs_read(const struct object *object, CK_ATTRIBUTE_TYPE type)
{
    static const CK_ATTRIBUTE_TYPE inside[] = { CKA_VALUE, CKA_SUBJECT, CKA_ISSUER,
        CKA_SERIAL_NUMBER, CKA_START_DATE, CKA_END_DATE, CKA_CHECK_VALUE, CKA_PUBLIC_KEY_INFO,
        CKA_CERTIFICATE_CATEGORY, CKA_HASH_OF_SUBJECT_PUBLIC_KEY };
    if (type == CKA_LABEL) return !object->label.n;
    return attr_is_in(inside, COUNT(inside), type);
}

// Some drivers know a key's public half at once. Then only its policy is still to be read.
static bool attr_key_needs_read(const struct object *object, CK_ATTRIBUTE_TYPE type)
{
    static const CK_ATTRIBUTE_TYPE numbers[] = { CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT,
        CKA_EC_PARAMS, CKA_EC_POINT, CKA_PUBLIC_KEY_INFO, CKA_ALLOWED_MECHANISMS };
    bool known = object->key && object->key->spki.n;
    if (object->key && attr_is_policy(object, type)) return true;
    if (object->class == CKO_PRIVATE_KEY && type == CKA_PRIVATE) return known;
    return !known && attr_is_in(numbers, COUNT(numbers), type);
}

// Must driver->read be asked before this attribute is known?
static bool attr_needs_read(const struct object *object, CK_ATTRIBUTE_TYPE type)
{
    if (object->key && card_has_part(object) && attr_is_use(type)) return true;
    if (!object->unread) return false;
    switch (object->class) {
    case CKO_DATA:        return type == CKA_VALUE;
    case CKO_CERTIFICATE: return attr_certificate_needs_read(object, type);
    case CKO_SECRET_KEY:
        return type == CKA_KEY_TYPE || type == CKA_VALUE_LEN || type == CKA_ALLOWED_MECHANISMS;
    default:              return attr_key_needs_read(object, type);
    }
}

// ---- Templates ----

static st attr_check_template(const CK_ATTRIBUTE *template, CK_ULONG n)
{
    if (n && !template) return ST_ARGS;
    for (CK_ULONG i = 0; i < n; i++)
        if (template[i].ulValueLen && !template[i].pValue) return ST_ARGS;
    return ST_OK;
}

static const CK_ATTRIBUTE *attr_find(const CK_ATTRIBUTE *template, CK_ULONG n,
                                     CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < n; i++)
        if (template[i].type == type) return &template[i];
    return NULL;
}

static bytes attr_bytes(const CK_ATTRIBUTE *attribute)
{
    return bytes_of(attribute->pValue, attribute->ulValueLen);
}

// A CK_ULONG or CK_BBOOL in a template; otherwise: fallback.
static CK_ULONG attr_number(const CK_ATTRIBUTE *template, CK_ULONG n, CK_ATTRIBUTE_TYPE type,
                            CK_ULONG fallback)
{
    const CK_ATTRIBUTE *attribute = attr_find(template, n, type);
    CK_ULONG v;
    if (attribute && attribute->ulValueLen == 1) return *(const u8 *)attribute->pValue;
    if (!attribute || attribute->ulValueLen != sizeof v) return fallback;
    memcpy(&v, attribute->pValue, sizeof v);
    return v;
}

// CKA_EC_POINT in a template may be raw or a DER OCTET STRING, whatever the key's own form is.
static bool attr_same_point(const struct object *object, bytes wanted)
{
    bytes inner;
    if (!object->key || object->key->type == ALG_RSA) return false;
    if (bytes_equal(wanted, object->key->point)) return true;
    return !tlv_open(wanted, 0x04, &inner) && bytes_equal(inner, object->key->point);
}

// Has an object all that a template asks for?
static bool attr_match(const struct object *object, const CK_ATTRIBUTE *template, CK_ULONG n,
                       struct scratch scratch)
{
    for (CK_ULONG i = 0; i < n; i++) {
        struct scratch each = scratch;
        bytes value;
        if (template[i].type == CKA_EC_POINT && attr_same_point(object, attr_bytes(&template[i])))
            continue;
        if (attr_get(object, template[i].type, &each, &value) ||
            !bytes_equal(value, attr_bytes(&template[i])))
            return false;
    }
    return true;
}

// Can a secret key of a card have what a template wants, its class aside?
static bool attr_may_be_secret(const CK_ATTRIBUTE *template, CK_ULONG n)
{
    CK_KEY_TYPE type = attr_number(template, n, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    for (CK_ULONG i = 0; i < n; i++)
        if (!attr_row_find(template[i].type, ATTR_SEC)) return false;
    return type != CKK_RSA && type != CKK_EC;
}

// The class that a template is about, though it does not say so; 0: any.
static CK_OBJECT_CLASS attr_class_meant(const CK_ATTRIBUTE *template, CK_ULONG n)
{
    if (attr_find(template, n, CKA_PROFILE_ID)) return CKO_PROFILE;
    if (attr_find(template, n, CKA_CERTIFICATE_TYPE)) return CKO_CERTIFICATE;
    return attr_find(template, n, CKA_ISSUER) ? CKO_CERTIFICATE : 0;
}

// What a driver needs to know of a template, to read no more than can match. false: nothing on a
// card can.
static bool attr_query(const CK_ATTRIBUTE *template, CK_ULONG n, const struct token *token,
                       struct query *query)
{
    const CK_ATTRIBUTE *id = attr_find(template, n, CKA_ID);
    *query = (struct query){ .any_id = !id, .logged_in = token->login,
                             .no_secret = !attr_may_be_secret(template, n) };
    if (id) query->id = attr_bytes(id);
    if (attr_find(template, n, CKA_CLASS)) {
        query->class = attr_number(template, n, CKA_CLASS, 0);
    } else {
        query->class = attr_class_meant(template, n);
        query->any_class = !query->class && !attr_find(template, n, CKA_APPLICATION);
    }
    if (!attr_number(template, n, CKA_TOKEN, CK_TRUE)) return false;
    return query->any_class || attr_class_bit(query->class) & ~ATTR_PROF;
}

// One entry of C_GetAttributeValue's template: its value and length, or CK_UNAVAILABLE_INFORMATION
// for a length.
static st attr_copy_out(const struct object *object, CK_ATTRIBUTE *attribute,
                        struct scratch scratch)
{
    bytes value;
    st s = attr_get(object, attribute->type, &scratch, &value);
    CK_ULONG room = attribute->ulValueLen;
    attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    if (s) return s;
    if (attribute->pValue && room < value.n) return ST_TOO_SMALL;
    if (attribute->pValue && value.n) memcpy(attribute->pValue, value.p, value.n);
    attribute->ulValueLen = (CK_ULONG)value.n;
    return ST_OK;
}

/* ================================================================================================
 * MARK: - >>session
 * Sessions, and the objects that they see and search.
 *
 * Owns    struct session and the table of them; searching
 * Uses    >>card >>slot >>run >>life >>attr
 * Names   session_
 * Specs   PKCS#11 3.2, 5.6 (sessions), 5.7.5 ff (search)
 * Tests   tests/unit/session.c
 * ==============================================================================================*/

#if SCARD11_READERS_MAX <= 1
#define SESSION_READER_BITS 0
#elif SCARD11_READERS_MAX <= 16
#define SESSION_READER_BITS 4
#else
#define SESSION_READER_BITS 6
#endif
#define SESSION_BITS (HANDLE_INDEX_BITS - SESSION_READER_BITS)  // the bits above are the reader
#if SESSION_READER_BITS == 0
#define SESSION_MAX  (CARD_SESSION_PAGE * CARD_SESSION_PAGES)
#else
#define SESSION_MAX  (1u << SESSION_BITS)
#endif
#define SESSION_MASK ((1u << SESSION_BITS) - 1)

enum session_op { SESSION_DIGEST, SESSION_SIGN, SESSION_VERIFY, SESSION_ENCRYPT, SESSION_DECRYPT,
                  SESSION_SIGN_RECOVER, SESSION_VERIFY_RECOVER, SESSION_MESSAGE_SIGN,
                  SESSION_MESSAGE_VERIFY, SESSION_OPS };

struct session {
    CK_SESSION_HANDLE handle;       // 0: this entry is free
    struct token *token;
    CK_FLAGS flags;
    bool searching;
    struct chain found;             // of a search: handles of the objects found
    size_t found_at;                // bytes of it that C_FindObjects has given out
    struct {
        struct op *state;           // of >>op, in a piece; NULL: none
        struct chain data;          // what it keeps
    } op[SESSION_OPS];
};

// Entry i of a card's table, or NULL: the table is made of pages, as they are needed.
static struct session *session_at(const struct card *card, u32 i)
{
    struct session *page = i < SESSION_MAX ? card->sessions[i / CARD_SESSION_PAGE] : NULL;
    return page ? &page[i % CARD_SESSION_PAGE] : NULL;
}

static u32 session_reader_of(CK_SESSION_HANDLE handle)
{
    return handle_index(handle) >> SESSION_BITS;
}

// The session of a handle, or NULL: none any more, or one of an earlier card.
static struct session *session_find(const struct card *card, CK_SESSION_HANDLE handle)
{
    struct session *session = session_at(card, handle_index(handle) & SESSION_MASK);
    return handle && session && session->handle == handle ? session : NULL;
}

// A free entry of the table, and its number. NULL: with *i at SESSION_MAX all are used; else there
// is no memory for another page.
static struct session *session_find_free(struct card *card, u32 *i)
{
    for (*i = 0; *i < SESSION_MAX; ++*i) {
        struct session **page = &card->sessions[*i / CARD_SESSION_PAGE];
        if (!*page) *page = ARENA_NEW(&card->arena, struct session, CARD_SESSION_PAGE);
        if (!*page) return NULL;
        struct session *session = session_at(card, *i);
        if (!session->handle) return session;
    }
    return NULL;
}

// Opens a session of a token. reader: the reader's place in the table, which the handle names.
static st session_open(struct card *card, u32 reader, struct token *token, CK_FLAGS flags,
                       CK_SESSION_HANDLE *handle)
{
    u32 i;
    SCARD11_ASSERT(reader < SCARD11_READERS_MAX);
    struct session *session = session_find_free(card, &i);
    if (!session)
        return i == SESSION_MAX ? ST_SESSION_COUNT : ST_HOST_MEMORY;
    *handle = handle_make(handle_new_epoch(), reader << SESSION_BITS | i);
    *session = (struct session){ .handle = *handle, .token = token, .flags = flags };
    if (!token->session_count++) token->so_lost = false;
    if (flags & CKF_RW_SESSION) token->rw_count++;
    card->used = true;
    card->rest_ms = 0;
    return ST_OK;
}

// ---- Operations, as far as a session must end them ----

static void session_end_op(struct card *card, struct session *session, enum session_op kind)
{
    arena_chain_drop(&card->arena, &session->op[kind].data);
    arena_piece_drop(&card->arena, arena_piece_of(session->op[kind].state));
    session->op[kind].state = NULL;
}

static void session_end_search(struct card *card, struct session *session)
{
    arena_chain_drop(&card->arena, &session->found);
    session->searching = false;
}

// ---- Closing ----

// Gives back all that one session holds: operations, search, objects, its entry. Logins stay.
static void session_release(struct card *card, struct session *session)
{
    SCARD11_ASSERT(session->handle && session->token->session_count);
    if (card->open_op == session) run_close_open(card);
    for (int kind = 0; kind < SESSION_OPS; kind++)
        session_end_op(card, session, (enum session_op)kind);
    session_end_search(card, session);
    for (u32 i = 0; i < card->object_count; i++) {
        struct object *object = card_object_at(card, i);
        if (object->handle && object->owner == session->handle) card_drop(card, object);
    }
    session->token->session_count--;
    if (session->flags & CKF_RW_SESSION) session->token->rw_count--;
    *session = (struct session){ .handle = 0 };
}

// Closes a session; with the last one of a token the login ends.
static st session_close(struct reader *reader, struct session *session)
{
    struct token *token = session->token;
    session_release(reader->card, session);
    if (token->session_count || !card_logged_in(token)) return ST_OK;
    return life_log_out(reader, token);
}

// Closes all sessions of a token, and ends its login.
static st session_close_all(struct reader *reader, struct token *token)
{
    for (u32 i = 0; i < SESSION_MAX && token->session_count; i++) {
        struct session *session = session_at(reader->card, i);
        if (session && session->handle && session->token == token)
            session_release(reader->card, session);
    }
    return card_logged_in(token) ? life_log_out(reader, token) : ST_OK;
}

static CK_STATE session_state(const struct session *session)
{
    bool rw = session->flags & CKF_RW_SESSION;
    if (session->token->so) return CKS_RW_SO_FUNCTIONS;
    if (session->token->login)
        return rw ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
    return rw ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
}

// ---- Objects and searching ----

static struct object *session_object(const struct card *card, const struct session *session,
                                     CK_OBJECT_HANDLE handle)
{
    return card_find(card, session->token, handle);
}

// Reads what a driver has left unread of an object. What is not shown before login is not shown in
// the log either.
static st session_read(struct reader *reader, struct object *object, struct scratch scratch)
{
    struct token *token = object->token;
    bool login = object->class == CKO_DATA && object->private;
    struct run run = { .reader = reader, .token = token, .login = login, .known = !login,
                       .scratch = scratch };
    while (run_next(&run)) {
        reader->card->link.quiet = object->private && (login || object->class == CKO_CERTIFICATE);
        run.s = token->driver->read(reader->card, object, scratch);
        reader->card->link.quiet = false;
    }
    return run.s;
}

// NSS logs in to a token that promises public certificates (a profile) when it looks for a key and
// sees none. It sees a key that needs no PIN, and then refuses TLS with it, because
// CKF_LOGIN_REQUIRED is set and nobody is logged in. So a token whose cards may have such keys
// promises that only if it has none; without the promise NSS logs in first. ask: a search is for
// profiles, so the card is asked.
static st session_settle_profiles(struct reader *reader, struct token *token, bool ask,
                                  struct scratch scratch)
{
    const struct driver *driver = token->driver;
    struct query query = { .class = CKO_PROFILE, .any_id = true, .no_secret = true };
    struct run run = { .reader = reader, .token = token, .known = true, .scratch = scratch };
    if (!driver->public_certificates || !driver->keys_without_pin) return ST_OK;
    if (ask)
        while (run_next(&run)) run.s = driver->list(reader->card, token, &query, scratch);
    if (!run.s && token->pin_for_all)
        token->profiles |= CARD_PROFILE(CKP_PUBLIC_CERTIFICATES_TOKEN);
    return run.s;
}

// CKO_PROFILE: what a token fulfils, as objects of it. Where a driver forgot a token's objects,
// they come again.
static st session_list_profiles(struct card *card, struct token *token)
{
    u32 missing = token->profiles;
    for (u32 i = 0; i < card->object_count; i++) {
        const struct object *object = card_object_at(card, i);
        if (object->handle && object->token == token && object->class == CKO_PROFILE)
            missing &= ~CARD_PROFILE(object->ref);
    }
    for (u32 id = 0; missing >> id; id++) {
        if (!(missing & CARD_PROFILE(id))) continue;
        struct object *object = card_add(card, token, CKO_PROFILE, card->epoch);
        if (!object) return ST_ARENA_FULL;
        object->ref = id;
    }
    return ST_OK;
}

// Has the driver list what a query asks for. A card may turn out to have one more token then:
// objects that name another PIN.
static st session_list_on_card(struct reader *reader, struct token *token,
                               const struct query *query, struct scratch scratch)
{
    struct run run = { .reader = reader, .token = token, .known = true, .scratch = scratch };
    u32 tokens = reader->card->token_count;
    while (run_next(&run)) run.s = token->driver->list(reader->card, token, query, scratch);
    if (reader->card->token_count != tokens) life_tell_tokens(reader);
    return run.s;
}

// Lists what a template can match: a search reads no more of the card than that.
static st session_list(struct reader *reader, struct session *session, const CK_ATTRIBUTE *template,
                       CK_ULONG n, struct scratch scratch)
{
    struct query query;
    struct token *token = session->token;
    bool on_card = attr_query(template, n, token, &query);
    if (on_card && token->driver->list)
        TRY(session_list_on_card(reader, token, &query, scratch));
    bool all = query.any_class && query.any_id;
    if (!all && query.class != CKO_PROFILE) return ST_OK;
    if (!attr_number(template, n, CKA_TOKEN, CK_TRUE)) return ST_OK;
    TRY(session_settle_profiles(reader, token, !query.any_class, scratch));
    return session_list_profiles(reader->card, token);
}

// Reads what a template's match depends on, of an object whose other attributes match.
static st session_read_for(struct reader *reader, struct object *object,
                           const CK_ATTRIBUTE *template, CK_ULONG n, struct scratch scratch)
{
    bool needed = false;
    for (CK_ULONG i = 0; i < n; i++) {
        if (attr_needs_read(object, template[i].type)) needed = true;
        else if (!attr_match(object, &template[i], 1, scratch)) return ST_OK;
    }
    return needed ? session_read(reader, object, scratch) : ST_OK;
}

// Keeps an object for session_found if it matches. Reads of it what that depends on.
static st session_try(struct reader *reader, struct session *session, struct object *object,
                      const CK_ATTRIBUTE *template, CK_ULONG n, struct scratch scratch)
{
    TRY(session_read_for(reader, object, template, n, scratch));
    if (!attr_match(object, template, n, scratch)) return ST_OK;
    return arena_chain_put(&reader->card->arena, &session->found,
                           bytes_of(&object->handle, sizeof object->handle));
}

// C_FindObjectsInit: finds all at once, and keeps their handles. On failure nothing is kept.
static st session_search(struct reader *reader, struct session *session,
                         const CK_ATTRIBUTE *template, CK_ULONG n, struct scratch scratch)
{
    struct card *card = reader->card;
    st s = ST_OK;
    if (session->searching) return ST_OP_ACTIVE;
    TRY(attr_check_template(template, n));
    TRY(session_list(reader, session, template, n, scratch));
    for (u32 i = 0; i < card->object_count && !s; i++) {
        struct object *object = card_object_at(card, i);
        if (!session_object(card, session, object->handle)) continue;
        s = session_try(reader, session, object, template, n, scratch);
    }
    if (s) {
        session_end_search(card, session);
        return s;
    }
    session->searching = true;
    session->found_at = 0;
    return ST_OK;
}

// C_FindObjects: the next objects of a search. Those that are gone or hidden now are passed over.
static st session_found(struct card *card, struct session *session, CK_OBJECT_HANDLE *out,
                        CK_ULONG max, CK_ULONG *n)
{
    *n = 0;
    if (!session->searching) return ST_OP_NONE;
    struct chain_place at = arena_chain_start(&session->found);
    arena_chain_take(&at, session->found_at, NULL);
    while (*n < max && at.left) {
        CK_OBJECT_HANDLE handle;
        struct buf b = buf_on(&handle, sizeof handle);
        arena_chain_take(&at, sizeof handle, &b);
        if (session_object(card, session, handle)) out[(*n)++] = handle;
    }
    session->found_at = session->found.n - at.left;
    return ST_OK;
}

/* ================================================================================================
 * MARK: - >>login
 * C_Login, C_InitPIN, C_SetPIN: which PIN is presented, and what a login changes.
 *
 * Owns    what a PIN must be before anything is sent; how a login begins: the user's, the SO's, one
 *         for one key. >>secret owns how the card is asked, >>life how a login ends
 * Uses    >>card >>pinpad >>secret >>slot >>run >>life >>session
 * Names   login_
 * Specs   PKCS#11 3.2, 5.5 (C_InitPIN, C_SetPIN), 5.6 (C_Login)
 * Tests   tests/unit/login.c
 *
 * Nothing here is begun again after a reset: a PIN that the caller gave once is sent once.
 * ==============================================================================================*/

static bool login_keeps_pin;                // option SCARD11_PIN_CACHE

// ---- Is it a PIN that the card may take? ----

// The characters of a PIN in UTF-8: its bytes without those that go on with one.
static size_t login_characters(bytes pin)
{
    size_t n = 0;
    for (size_t i = 0; i < pin.n; i++)
        if ((pin.p[i] & 0xc0) != 0x80) n++;
    return n;
}

// Has a PIN a length that the card takes?
static bool login_pin_fits(const struct credential *credential, bytes pin)
{
    bool text = credential->coding == CARD_PIN_UTF8;
    size_t characters = text ? login_characters(pin) : pin.n;
    if (!pin.n || pin.n > CARD_PIN_MAX) return false;
    if (text && credential->fill_to && pin.n > credential->fill_to) return false;
    return characters >= credential->min && characters <= credential->max;
}

// A PIN that the card never takes is refused here, and costs no try; so is one that it has not been
// given yet. NULL: it is typed at the reader's pinpad, if there is one for it.
static st login_check_pin(const struct card *card, const struct credential *credential, bytes pin)
{
    if (credential->missing) return ST_PIN_MISSING;
    if (!pin.p)
        return pinpad_takes(card, credential, NULL) ? ST_OK : ST_ARGS;
    return login_pin_fits(credential, pin) ? ST_OK : ST_PIN_LEN;
}

// Checks two PINs, both from the caller or both from the pinpad: one that the card has, and a fresh
// one, which becomes another credential's or the same one's.
static st login_check_pins(const struct card *card, const struct credential *credential,
                           bytes old, const struct credential *becomes, bytes fresh)
{
    if (!old.p && !fresh.p)
        return pinpad_takes(card, credential, becomes) ? ST_OK : ST_ARGS;
    if (!old.p || !fresh.p) return ST_ARGS;
    TRY(login_check_pin(card, credential, old));
    return login_check_pin(card, becomes, fresh);
}

// What a login or a change says that was broken off. A PIN is not sent twice, so after a reset by
// another program run_next ends with ST_NOT_LOGGED_IN; but what went wrong is the reset.
static st login_broken_off(st s)
{
    return s == ST_NOT_LOGGED_IN ? ST_CARD_RESET : s;
}

// ---- Login ----

// A PIN that was missing may have been set meanwhile, by another program.
static st login_ask_again(struct reader *reader, struct token *token, struct scratch scratch)
{
    struct run run = { .reader = reader, .token = token, .scratch = scratch };
    card_pin(token)->asked = false;
    while (run_next(&run)) run.s = secret_read_tries(reader->card, token, scratch);
    return run.s;
}

// The PIN that a card was delivered with may be good for nothing but to be changed, by C_SetPIN.
static st login_check_change(const struct card *card, const struct credential *pin)
{
    (void)card;                                     // without the log
    if (!pin->must_change) return ST_OK;
    os_log("%s: a transport PIN: there is no login until C_SetPIN has changed it", card->link.name);
    return ST_PIN_MISSING;
}

// The login failed. A PIN with two references may have been verified under one of them: the card
// forgets it. One that is as good as gone is reset when it is dropped.
static st login_failed(struct reader *reader, struct token *token, bool was_verified, st s)
{
    if (!was_verified && !run_is_fatal(s)) TRY(life_end_if_free(reader, token));
    return login_broken_off(s);
}

// C_Login for the user: presents the PIN, once.
static st login_user(struct reader *reader, struct session *session, bytes pin,
                     struct scratch scratch)
{
    struct token *token = session->token;
    struct run run = { .reader = reader, .token = token, .write = true, .scratch = scratch };
    if (token->login) return ST_LOGGED_IN;
    if (token->so) return ST_OTHER_USER;
    if (card_pin(token)->missing || card_pin(token)->must_change)
        TRY(login_ask_again(reader, token, scratch));
    TRY(login_check_change(reader->card, card_pin(token)));
    TRY(login_check_pin(reader->card, card_pin(token), pin));
    card_sweep(reader->card);
    bool before = card_verified(token);
    while (run_next(&run)) run.s = secret_login(reader->card, token, card_pin(token), pin, scratch);
    if (run.s) return login_failed(reader, token, before, run.s);
    token->login = true;
    if (login_keeps_pin) card_secret_keep(reader->card, card_pin(token), pin, false);
    token->so_lost = false;
    token->login_epoch++;
    return ST_OK;
}

// C_Login(CKU_CONTEXT_SPECIFIC): verifies the credential of a key at once, and leaves the
// transaction open for the operation.
static st login_for_key(struct reader *reader, struct session *session,
                        struct credential *pin, bytes secret, struct scratch scratch)
{
    struct token *token = session->token;
    struct run run = { .reader = reader, .token = token, .keep = session, .write = true,
                       .leave_open = true, .scratch = scratch };
    TRY(login_check_pin(reader->card, pin, secret));
    run_close_open(reader->card);
    while (run_next(&run)) run.s = secret_login(reader->card, token, pin, secret, scratch);
    if (run.s) return login_broken_off(run.s);
    reader->card->open_op = session;
    return ST_OK;
}

// ---- The SO: who has the PUK ----

static struct credential *login_puk(struct token *token)
{
    struct credential *puk = card_credential(token, ROLE_PUK);
    return puk && puk->max ? puk : NULL;
}

// May the SO log in now, as far as sessions and other logins are concerned?
static st login_so_may(const struct token *token)
{
    if (token->so) return ST_LOGGED_IN;
    if (token->login) return ST_OTHER_USER;
    return token->rw_count < token->session_count ? ST_RO_EXISTS : ST_OK;
}

// Without a PUK from the caller it is entered at the pinpad, later, together with the new PIN.
static st login_check_puk(const struct card *card, struct token *token,
                          const struct credential *puk, bytes secret)
{
    if (!secret.p) return login_check_pins(card, puk, secret, card_pin(token), secret);
    return login_check_pin(card, puk, secret);
}

// C_Login for the SO, whose PIN is the PUK. RESET RETRY COUNTER wants it together with the new PIN,
// so it is kept until then: no longer than the login. A card that can be asked, is.
static st login_so(struct reader *reader, struct session *session, bytes secret,
                   struct scratch scratch)
{
    struct token *token = session->token;
    struct credential *puk = login_puk(token);
    struct run run = { .reader = reader, .token = token, .write = true, .scratch = scratch };
    if (!puk) return ST_USER_TYPE;
    TRY(login_so_may(token));
    TRY(login_check_puk(reader->card, token, puk, secret));
    if (!puk->tries) return ST_PIN_LOCKED;
    card_sweep(reader->card);
    card_secret_keep(reader->card, puk, secret, true);       // before the card has it verified
    if (secret.p && !puk->kept_len) return ST_ARENA_FULL;
    if (puk->presented || puk->uncertain)
        while (run_next(&run)) run.s = secret_login_puk(reader->card, token, puk, secret, scratch);
    // Again: on the way it may have been forgotten. One that was refused is.
    card_secret_keep(reader->card, puk, run.s ? BYTES_NONE : secret, true);
    if (run.s) return login_broken_off(run.s);
    token->so = true;
    token->so_lost = false;
    token->login_epoch++;
    return ST_OK;
}

// The caller is told that the SO's login has ended.
static st login_tell_so_lost(struct token *token)
{
    token->so_lost = false;
    return ST_NOT_LOGGED_IN;
}

// Checks a PIN that the SO sets, and the PUK that goes with it. There need not have been a PIN.
static st login_check_new_pin(const struct card *card, const struct credential *puk, bytes secret,
                              struct credential *pin, bytes fresh)
{
    bool missing = pin->missing;
    pin->missing = false;
    st s = login_check_pins(card, puk, secret, pin, fresh);
    pin->missing = missing;
    return s;
}

// C_InitPIN. A PUK that was wrong is forgotten, and with it the SO's login: no second try is lost.
static st login_init_pin(struct reader *reader, struct session *session, bytes fresh,
                         struct scratch scratch)
{
    struct token *token = session->token;
    struct credential *puk = login_puk(token), *pin = card_pin(token);
    struct run run = { .reader = reader, .token = token, .so = true, .write = true,
                       .scratch = scratch };
    if (!(session->flags & CKF_RW_SESSION)) return ST_SESSION_RO;
    if (!puk) return ST_NOT_SUPPORTED;
    if (!token->so) return login_tell_so_lost(token);
    bytes secret = fresh.p ? card_kept(puk) : BYTES_NONE;
    if (fresh.p && !secret.n) return ST_ARGS;       // both come from the pinpad, or none
    TRY(login_check_new_pin(reader->card, puk, secret, pin, fresh));
    while (run_next(&run))
        run.s = secret_unblock(reader->card, token, puk, pin, secret, fresh, scratch);
    if (run.s == ST_PIN_INCORRECT || run.s == ST_PIN_LOCKED) card_login_lost(token);
    return run.s == ST_NOT_LOGGED_IN ? login_tell_so_lost(token) : run.s;
}

// C_SetPIN for the SO: changes the PUK, and keeps the new one.
static st login_set_puk(struct reader *reader, struct session *session, bytes old, bytes fresh,
                        struct scratch scratch)
{
    struct token *token = session->token;
    struct credential *puk = login_puk(token);
    struct run run = { .reader = reader, .token = token, .so = true, .write = true,
                       .scratch = scratch };
    TRY(login_check_pins(reader->card, puk, old, puk, fresh));
    while (run_next(&run)) run.s = secret_change(reader->card, token, puk, old, fresh, scratch);
    if (run.s == ST_PIN_LOCKED) card_login_lost(token);
    if (run.s == ST_NOT_LOGGED_IN) return login_tell_so_lost(token);
    if (run.s) return run.s;
    card_secret_keep(reader->card, puk, fresh, true);
    return fresh.p && !puk->kept_len ? ST_ARENA_FULL : ST_OK;
}

// ---- A new PIN ----

// The SELECT before the change ended the login on most cards: the new PIN brings it back.
static st login_with_new_pin(struct reader *reader, struct token *token, bytes fresh,
                             struct scratch scratch)
{
    struct run run = { .reader = reader, .token = token, .write = true, .scratch = scratch };
    while (run_next(&run))
        run.s = secret_login(reader->card, token, card_pin(token), fresh, scratch);
    if (run.s) card_login_lost(token);
    else if (login_keeps_pin) card_secret_keep(reader->card, card_pin(token), fresh, false);
    return run_is_fatal(run.s) ? run.s : ST_OK;
}

// Changes the PIN of the user. Many cards have the new one verified then: a login that there was
// goes on with it; without one, that is ended.
static st login_set_user_pin(struct reader *reader, struct token *token, bytes old, bytes fresh,
                             struct scratch scratch)
{
    struct credential *pin = card_pin(token);
    struct run run = { .reader = reader, .token = token, .write = true, .scratch = scratch };
    TRY(login_check_pins(reader->card, pin, old, pin, fresh));
    while (run_next(&run)) run.s = secret_change(reader->card, token, pin, old, fresh, scratch);
    if (token->stale) card_login_lost(token);
    else              card_forget_secret(pin);      // which of the two it is now, is not sure
    if (run.s) return login_broken_off(run.s);
    // What came from the pinpad is not known here, and nobody types a PIN three times.
    if (!token->login || !fresh.p) return life_log_out(reader, token);
    return login_with_new_pin(reader, token, fresh, scratch);
}

// C_SetPIN: the SO's if that one is logged in, else the user's. Where the SO's login was lost, the
// caller is told so first: else its PUK would be taken for the user PIN, and cost a try.
static st login_set_pin(struct reader *reader, struct session *session, bytes old, bytes fresh,
                        struct scratch scratch)
{
    struct token *token = session->token;
    if (!(session->flags & CKF_RW_SESSION)) return ST_SESSION_RO;
    if (token->so) return login_set_puk(reader, session, old, fresh, scratch);
    if (token->so_lost) return login_tell_so_lost(token);
    return login_set_user_pin(reader, token, old, fresh, scratch);
}

/* ================================================================================================
 * MARK: - >>make
 * Session objects: made, copied, changed.
 *
 * Owns    make_rules: which attribute a template may give, and when; make_secrets: what secret keys
 *         there are; their values
 * Uses    >>tlv >>x509 >>alg >>hash >>cipher >>card >>mech >>attr >>session
 * Names   make_
 * Specs   PKCS#11 3.2, 4.1 (attributes of new objects), 4.3 to 4.11 (classes), 5.7 (functions)
 * Tests   tests/unit/make.c
 * ==============================================================================================*/

#define MAKE_SPKI 1024          // room for a SubjectPublicKeyInfo
// Most that a session object's attributes take, in bytes.
#define MAKE_MAX ((size_t)SCARD11_SCRATCH / 4 < 16384 ? (size_t)SCARD11_SCRATCH / 4 : 16384)

#define MAKE_CREATE 1u          // C_CreateObject may give it
#define MAKE_NEW    2u          // C_GenerateKey, C_DeriveKey and C_UnwrapKey
#define MAKE_SET    4u          // C_SetAttributeValue and C_CopyObject may change it
#define MAKE_COPY   8u          // C_CopyObject alone
#define MAKE_BOOL   16u         // a CK_BBOOL
#define MAKE_RISE   32u         // a CK_BBOOL that never becomes CK_FALSE again
#define MAKE_FALL   64u         // a CK_BBOOL that never becomes CK_TRUE again
#define MAKE_NUMBER 128u        // a CK_ULONG
#define MAKE_DATE   256u        // a CK_DATE, or empty
#define MAKE_MADE   512u        // what it says is known or computed: compared, and not kept
#define MAKE_BOTH   (MAKE_CREATE | MAKE_NEW)
#define MAKE_ANY    (MAKE_BOTH | MAKE_SET)

struct make_rule {
    u32 type;                   // CKA_
    u8  classes;                // as in attr_rows
    u16 may;
};

static const struct make_rule make_rules[] = {
    { CKA_CLASS,                ATTR_ALL,  MAKE_BOTH | MAKE_NUMBER | MAKE_MADE },
    { CKA_TOKEN,                ATTR_ALL,  MAKE_BOTH | MAKE_COPY | MAKE_BOOL | MAKE_MADE },
    { CKA_PRIVATE,              ATTR_ALL,  MAKE_BOTH | MAKE_COPY | MAKE_BOOL | MAKE_MADE },
    { CKA_MODIFIABLE,           ATTR_ALL,  MAKE_BOTH | MAKE_COPY | MAKE_BOOL },
    { CKA_DESTROYABLE,          ATTR_ALL,  MAKE_BOTH | MAKE_COPY | MAKE_BOOL },
    { CKA_COPYABLE,             ATTR_ALL,  MAKE_ANY | MAKE_BOOL | MAKE_FALL },
    { CKA_LABEL,                ATTR_ALL,  MAKE_ANY },
    { CKA_APPLICATION,          ATTR_DATA, MAKE_ANY },
    { CKA_OBJECT_ID,            ATTR_DATA, MAKE_ANY },
    { CKA_VALUE,                ATTR_DATA, MAKE_ANY },
    { CKA_CERTIFICATE_TYPE,     ATTR_CERT, MAKE_CREATE | MAKE_NUMBER },
    { CKA_CERTIFICATE_CATEGORY, ATTR_CERT, MAKE_CREATE | MAKE_NUMBER },
    { CKA_JAVA_MIDP_SECURITY_DOMAIN, ATTR_CERT, MAKE_CREATE | MAKE_NUMBER },
    { CKA_NAME_HASH_ALGORITHM,  ATTR_CERT, MAKE_CREATE | MAKE_NUMBER },
    { CKA_URL,                  ATTR_CERT, MAKE_CREATE },
    { CKA_HASH_OF_SUBJECT_PUBLIC_KEY, ATTR_CERT, MAKE_CREATE },
    { CKA_HASH_OF_ISSUER_PUBLIC_KEY, ATTR_CERT, MAKE_CREATE },
    { CKA_TRUSTED,              ATTR_CERT | ATTR_PUB | ATTR_SEC, MAKE_BOTH | MAKE_BOOL },
    { CKA_VALUE,                ATTR_CERT, MAKE_CREATE },
    { CKA_SUBJECT,              ATTR_CERT, MAKE_CREATE },
    { CKA_ISSUER,               ATTR_CERT, MAKE_CREATE | MAKE_SET },
    { CKA_SERIAL_NUMBER,        ATTR_CERT, MAKE_CREATE | MAKE_SET },
    { CKA_SUBJECT,              ATTR_PUB,  MAKE_CREATE | MAKE_SET },
    { CKA_CHECK_VALUE,          ATTR_CERT | ATTR_SEC, MAKE_BOTH | MAKE_MADE },
    { CKA_ID,                   ATTR_CERT | ATTR_KEY3, MAKE_ANY },
    { CKA_START_DATE,           ATTR_CERT, MAKE_CREATE | MAKE_DATE },
    { CKA_END_DATE,             ATTR_CERT, MAKE_CREATE | MAKE_DATE },
    { CKA_START_DATE,           ATTR_KEY3, MAKE_ANY | MAKE_DATE },
    { CKA_END_DATE,             ATTR_KEY3, MAKE_ANY | MAKE_DATE },
    { CKA_PUBLIC_KEY_INFO,      ATTR_CERT | ATTR_PUB, MAKE_CREATE | MAKE_MADE },
    { CKA_KEY_TYPE,             ATTR_KEY3, MAKE_BOTH | MAKE_NUMBER | MAKE_MADE },
    { CKA_ALLOWED_MECHANISMS,   ATTR_KEY3, MAKE_BOTH },
    { CKA_DERIVE,               ATTR_KEY3, MAKE_ANY | MAKE_BOOL },
    { CKA_ENCRYPT,              ATTR_PUB | ATTR_SEC, MAKE_ANY | MAKE_BOOL },
    { CKA_VERIFY,               ATTR_PUB | ATTR_SEC, MAKE_ANY | MAKE_BOOL },
    { CKA_WRAP,                 ATTR_PUB | ATTR_SEC, MAKE_ANY | MAKE_BOOL },
    { CKA_VERIFY_RECOVER,       ATTR_PUB,  MAKE_ANY | MAKE_BOOL },
    { CKA_DECRYPT,              ATTR_SEC,  MAKE_ANY | MAKE_BOOL },
    { CKA_SIGN,                 ATTR_SEC,  MAKE_ANY | MAKE_BOOL },
    { CKA_UNWRAP,               ATTR_SEC,  MAKE_ANY | MAKE_BOOL },
    { CKA_MODULUS,              ATTR_PUB,  MAKE_CREATE },
    { CKA_PUBLIC_EXPONENT,      ATTR_PUB,  MAKE_CREATE },
    { CKA_MODULUS_BITS,         ATTR_PUB,  MAKE_CREATE | MAKE_NUMBER | MAKE_MADE },
    { CKA_EC_PARAMS,            ATTR_PUB,  MAKE_CREATE },
    { CKA_EC_POINT,             ATTR_PUB,  MAKE_CREATE },
    { CKA_VALUE,                ATTR_SEC,  MAKE_CREATE | MAKE_MADE },
    { CKA_VALUE_LEN,            ATTR_SEC,  MAKE_BOTH | MAKE_NUMBER | MAKE_MADE },
    { CKA_SENSITIVE,            ATTR_SEC,  MAKE_ANY | MAKE_BOOL | MAKE_RISE },
    { CKA_EXTRACTABLE,          ATTR_SEC,  MAKE_ANY | MAKE_BOOL | MAKE_FALL },
    { CKA_WRAP_WITH_TRUSTED,    ATTR_SEC,  MAKE_ANY | MAKE_BOOL | MAKE_RISE },
};

// ---- Templates ----

static const struct make_rule *make_rule(CK_ATTRIBUTE_TYPE type, u32 class)
{
    for (size_t i = 0; i < COUNT(make_rules); i++)
        if (make_rules[i].type == type && make_rules[i].classes & class) return &make_rules[i];
    return NULL;
}

// Has the class an attribute of this type at all?
static bool make_is_known(CK_ATTRIBUTE_TYPE type, u32 class)
{
    return attr_row_find(type, class) || make_rule(type, class);
}

static bool make_value_good(const struct make_rule *rule, bytes value)
{
    if (rule->may & MAKE_BOOL)
        return value.n == 1 && *value.p <= 1;
    if (rule->may & MAKE_NUMBER) return value.n == sizeof(CK_ULONG);
    if (rule->may & MAKE_DATE)
        return !value.n || value.n == sizeof(CK_DATE);
    if (rule->type == CKA_ALLOWED_MECHANISMS) return value.n % sizeof(CK_MECHANISM_TYPE) == 0;
    return true;
}

// May a template give this attribute of its, with this value, for one of the purposes in may?
static st make_check_one(const CK_ATTRIBUTE *template, CK_ULONG n, const CK_ATTRIBUTE *attribute,
                         u32 class, u32 may)
{
    const struct make_rule *rule = make_rule(attribute->type, class);
    const CK_ATTRIBUTE *first = attr_find(template, n, attribute->type);
    if (!make_is_known(attribute->type, class)) return ST_ATTR_TYPE;
    if (!rule || !(rule->may & may)) return ST_ATTR_RO;
    if (!make_value_good(rule, attr_bytes(attribute))) return ST_ATTR_VALUE;
    if (attribute->type == CKA_TRUSTED && *(const u8 *)attribute->pValue) return ST_ATTR_RO;
    if (first == attribute) return ST_OK;
    return bytes_equal(attr_bytes(first), attr_bytes(attribute)) ? ST_OK : ST_TEMPLATE_MIXED;
}

// May a template give what it does, for one of the purposes in may (4.1.1), and is it not too long?
static st make_check(const CK_ATTRIBUTE *template, CK_ULONG n, u32 class, u32 may)
{
    size_t all = 0;
    TRY(attr_check_template(template, n));
    for (CK_ULONG i = 0; i < n; i++) {
        TRY(make_check_one(template, n, &template[i], class, may));
        if (template[i].ulValueLen > MAKE_MAX || all > MAKE_MAX) return ST_ARENA_FULL;
        all += template[i].ulValueLen + sizeof(struct attr_head);
    }
    return all > MAKE_MAX ? ST_ARENA_FULL : ST_OK;
}

// May the object of a template be made in this session? Nothing is made on the card; what is
// private needs a login.
static st make_check_place(const struct session *session, const CK_ATTRIBUTE *template, CK_ULONG n)
{
    if (attr_number(template, n, CKA_TOKEN, CK_FALSE))
        return session->flags & CKF_RW_SESSION ? ST_TOKEN_RO : ST_SESSION_RO;
    if (attr_number(template, n, CKA_PRIVATE, CK_FALSE) && !session->token->login)
        return ST_NOT_LOGGED_IN;
    return ST_OK;
}

// An empty session object; *out is dropped by make_end if what follows fails.
static st make_begin(struct card *card, const struct session *session, CK_OBJECT_CLASS class,
                     const CK_ATTRIBUTE *template, CK_ULONG n, struct object **out)
{
    struct object *object = card_add(card, session->token, class, handle_new_epoch());
    if (!object) return ST_ARENA_FULL;
    object->owner = session->handle;
    object->login_epoch = session->token->login_epoch;
    object->private = attr_number(template, n, CKA_PRIVATE, CK_FALSE);
    *out = object;
    return ST_OK;
}

static st make_end(struct card *card, struct object *object, st s)
{
    if (s) card_drop(card, object);
    return s;
}

// Keeps what a template gives, without what is known otherwise.
static st make_put_template(struct card *card, struct object *object, const CK_ATTRIBUTE *template,
                            CK_ULONG n)
{
    u32 class = attr_class_bit(object->class);
    for (CK_ULONG i = 0; i < n; i++) {
        CK_ATTRIBUTE_TYPE type = template[i].type;
        const struct make_rule *rule = make_rule(type, class);
        bool again = attr_find(template, n, type) != &template[i];
        if (!rule || rule->may & MAKE_MADE || again) continue;
        TRY(attr_put(card, object, type, attr_bytes(&template[i])));
    }
    return ST_OK;
}

static st make_put_bool(struct card *card, struct object *object, CK_ATTRIBUTE_TYPE type, bool v)
{
    return attr_put(card, object, type, attr_bool(v));
}

static st make_put_number(struct card *card, struct object *object, CK_ATTRIBUTE_TYPE type,
                          CK_ULONG v)
{
    return attr_put(card, object, type, bytes_of(&v, sizeof v));
}

// Keeps a value that was found out; one that the template gives must be the same.
static st make_put_found(struct card *card, struct object *object, const CK_ATTRIBUTE *template,
                         CK_ULONG n, CK_ATTRIBUTE_TYPE type, bytes found)
{
    const CK_ATTRIBUTE *given = attr_find(template, n, type);
    const struct make_rule *rule = make_rule(type, attr_class_bit(object->class));
    if (given && given->ulValueLen && !bytes_equal(attr_bytes(given), found))
        return ST_TEMPLATE_MIXED;
    if (given && rule && !(rule->may & MAKE_MADE)) return ST_OK;    // make_put_template keeps it
    return attr_put(card, object, type, found);
}

// ---- Secret keys ----

// What secret keys there are: their lengths in bytes, and what a session's can be used for.
static const struct make_secret {
    CK_KEY_TYPE type;
    u16 min, max, step;
    u16 use;                    // CARD_SIGN ...
} make_secrets[] = {
    { CKK_GENERIC_SECRET, 1, MECH_SECRET_MAX, 1, CARD_SIGN | CARD_DERIVE },
    { CKK_HKDF,           1, MECH_SECRET_MAX, 1, CARD_DERIVE },
    { CKK_SHA_1_HMAC,     1, MECH_SECRET_MAX, 1, CARD_SIGN | CARD_DERIVE },
    { CKK_SHA224_HMAC,    1, MECH_SECRET_MAX, 1, CARD_SIGN | CARD_DERIVE },
    { CKK_SHA256_HMAC,    1, MECH_SECRET_MAX, 1, CARD_SIGN | CARD_DERIVE },
    { CKK_SHA384_HMAC,    1, MECH_SECRET_MAX, 1, CARD_SIGN | CARD_DERIVE },
    { CKK_SHA512_HMAC,    1, MECH_SECRET_MAX, 1, CARD_SIGN | CARD_DERIVE },
    { CKK_AES,           16, 32,              8,
      CARD_ENCRYPT | CARD_DECRYPT | CARD_WRAP | CARD_UNWRAP | CARD_DERIVE |
      (CIPHER_CMAC ? CARD_SIGN : 0) },
    { CKK_DES3,          24, 24,              8, CARD_DERIVE },
};

// What is known of a type of secret key; NULL: there is none such here.
static const struct make_secret *make_secret_type(CK_KEY_TYPE type)
{
    for (size_t i = 0; i < COUNT(make_secrets); i++)
        if (make_secrets[i].type == type) return &make_secrets[i];
    return NULL;
}

static bool make_length_good(CK_KEY_TYPE type, size_t n)
{
    const struct make_secret *secret = make_secret_type(type);
    return secret && n >= secret->min && n <= secret->max && n % secret->step == 0;
}

// The length of a key that is made: CKA_VALUE_LEN, or what its type says; else all of what there
// is to make it from.
static st make_length(const CK_ATTRIBUTE *template, CK_ULONG n, size_t there, CK_KEY_TYPE type,
                      size_t *len)
{
    CK_ULONG want = attr_number(template, n, CKA_VALUE_LEN, 0);
    if (type == CKK_DES3) want = 24;
    if (!want && (type == CKK_AES || !there)) return ST_TEMPLATE_LESS;
    *len = want ? want : there;
    return make_length_good(type, *len) ? ST_OK : ST_KEY_SIZE;
}

// How a secret key came about.
struct make_origin {
    bool local;                 // C_GenerateKey made it
    CK_MECHANISM_TYPE mechanism;
    bool always_sensitive;      // as far as what it was made from was
    bool never_extractable;
};

// Keeps CKA_CHECK_VALUE of a secret key (PKCS#11 3.2, 4.10.2): three bytes of a block of zeros that
// it encrypts, or of a generic secret's SHA-1. Other types have none. A template that gives a wrong
// one is refused; with an empty one it is left out.
static st make_put_check(struct card *card, struct object *object, const CK_ATTRIBUTE *template,
                         CK_ULONG n, bytes value)
{
    static const u8 zeros[ALG_BLOCK];
    const CK_ATTRIBUTE *given = attr_find(template, n, CKA_CHECK_VALUE);
    u8 room[ALG_HASH_MAX];
    struct buf out = buf_on(room, sizeof room);
    st s;
    if (given && !given->ulValueLen) return ST_OK;
    if (object->secret_type == CKK_AES)
        s = cipher_aes(ALG_ECB, value, BYTES_NONE, true, bytes_of(zeros, sizeof zeros), &out);
    else if (object->secret_type == CKK_GENERIC_SECRET)
        s = hash_of(alg_hash_find(CKM_SHA_1), value, &out);
    else
        return ST_OK;
    bytes check = bytes_head(buf_bytes(&out), 3);
    if (!s && given && !bytes_equal(attr_bytes(given), check)) s = ST_ATTR_VALUE;
    if (!s) s = attr_put(card, object, CKA_CHECK_VALUE, check);
    mem_wipe(room, sizeof room);
    return s;
}

// Keeps a secret key's attributes and its value.
static st make_put_secret(struct card *card, struct object *object, const CK_ATTRIBUTE *template,
                          CK_ULONG n, const struct make_origin *from, bytes value)
{
    bool sensitive = attr_number(template, n, CKA_SENSITIVE, CK_FALSE) != 0;
    bool extractable = attr_number(template, n, CKA_EXTRACTABLE, CK_TRUE) != 0;
    if (from->local) {
        TRY(make_put_bool(card, object, CKA_LOCAL, true));
        TRY(make_put_number(card, object, CKA_KEY_GEN_MECHANISM, from->mechanism));
    }
    if (from->always_sensitive && sensitive)
        TRY(make_put_bool(card, object, CKA_ALWAYS_SENSITIVE, true));
    if (from->never_extractable && !extractable)
        TRY(make_put_bool(card, object, CKA_NEVER_EXTRACTABLE, true));
    if (!attr_find(template, n, CKA_SENSITIVE))
        TRY(make_put_bool(card, object, CKA_SENSITIVE, false));
    if (!attr_find(template, n, CKA_EXTRACTABLE))
        TRY(make_put_bool(card, object, CKA_EXTRACTABLE, true));
    TRY(make_put_check(card, object, template, n, value));
    TRY(make_put_template(card, object, template, n));
    return arena_chain_put(&card->arena, &object->secret, value);
}

// A secret key as session object, with the attributes of a template that make_check has seen.
static st make_secret(struct card *card, const struct session *session,
                      const CK_ATTRIBUTE *template, CK_ULONG n, CK_KEY_TYPE type,
                      const struct make_origin *from, bytes value, struct object **out)
{
    struct object *object;
    SCARD11_ASSERT(make_length_good(type, value.n));
    TRY(make_begin(card, session, CKO_SECRET_KEY, template, n, &object));
    object->secret_type = type;
    object->secret_len = (u32)value.n;
    object->use = make_secret_type(type)->use;
    *out = object;
    return make_end(card, object, make_put_secret(card, object, template, n, from, value));
}

// Is a template right for a secret key that a mechanism makes?
static st make_check_secret(const struct session *session, const CK_ATTRIBUTE *template, CK_ULONG n,
                            CK_KEY_TYPE fallback)
{
    TRY(attr_check_template(template, n));
    if (attr_find(template, n, CKA_VALUE)) return ST_TEMPLATE_MIXED;
    if (attr_number(template, n, CKA_CLASS, CKO_SECRET_KEY) != CKO_SECRET_KEY)
        return ST_TEMPLATE_MIXED;
    TRY(make_check(template, n, ATTR_SEC, MAKE_NEW));
    if (!make_secret_type(attr_number(template, n, CKA_KEY_TYPE, fallback))) return ST_ATTR_VALUE;
    return make_check_place(session, template, n);
}

static st make_create_secret(struct card *card, const struct session *session,
                             const CK_ATTRIBUTE *template, CK_ULONG n, struct object **out)
{
    static const struct make_origin outside = { .local = false };
    const CK_ATTRIBUTE *value = attr_find(template, n, CKA_VALUE);
    CK_KEY_TYPE type = attr_number(template, n, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    if (!value || !attr_find(template, n, CKA_KEY_TYPE)) return ST_TEMPLATE_LESS;
    if (!make_length_good(type, value->ulValueLen)) return ST_ATTR_VALUE;
    if (attr_number(template, n, CKA_VALUE_LEN, value->ulValueLen) != value->ulValueLen)
        return ST_TEMPLATE_MIXED;
    return make_secret(card, session, template, n, type, &outside, attr_bytes(value), out);
}

// ---- Public keys ----

// The key of CKA_MODULUS and CKA_PUBLIC_EXPONENT, as views into the template.
static st make_rsa_key(const CK_ATTRIBUTE *template, CK_ULONG n, struct alg_key *key)
{
    const CK_ATTRIBUTE *modulus = attr_find(template, n, CKA_MODULUS);
    const CK_ATTRIBUTE *exponent = attr_find(template, n, CKA_PUBLIC_EXPONENT);
    if (!modulus || !exponent) return ST_TEMPLATE_LESS;
    key->type = ALG_RSA;
    key->modulus = bytes_trim(attr_bytes(modulus));
    key->exponent = bytes_trim(attr_bytes(exponent));
    if (!key->modulus.n || key->modulus.n > ALG_RSA_MAX_BITS / 8) return ST_ATTR_VALUE;
    if (!key->exponent.n || key->exponent.n > 8) return ST_ATTR_VALUE;
    key->bits = alg_bits(key->modulus);
    if (attr_number(template, n, CKA_MODULUS_BITS, key->bits) != key->bits)
        return ST_TEMPLATE_MIXED;
    return ST_OK;
}

// The key of CKA_EC_PARAMS and CKA_EC_POINT. The point may be raw or a DER OCTET STRING, whatever
// the key's own form is.
static st make_ec_key(const CK_ATTRIBUTE *template, CK_ULONG n, CK_KEY_TYPE type,
                      struct alg_key *key)
{
    const CK_ATTRIBUTE *parameters = attr_find(template, n, CKA_EC_PARAMS);
    const CK_ATTRIBUTE *point = attr_find(template, n, CKA_EC_POINT);
    if (!parameters || !point) return ST_TEMPLATE_LESS;
    key->curve = alg_curve_find(attr_bytes(parameters));
    if (!key->curve) return ST_CURVE;
    key->type = key->curve->type;
    key->bits = key->curve->bits;
    if (alg_key_type(key) != type) return ST_TEMPLATE_MIXED;
    key->point = attr_bytes(point);
    if (alg_point_good(key->curve, key->point)) return ST_OK;
    if (tlv_open(attr_bytes(point), 0x04, &key->point) || !alg_point_good(key->curve, key->point))
        return ST_ATTR_VALUE;
    return ST_OK;
}

static st make_put_public(struct card *card, struct object *object, const CK_ATTRIBUTE *template,
                          CK_ULONG n, const struct alg_key *key)
{
    TRY(make_put_template(card, object, template, n));
    TRY(make_put_found(card, object, template, n, CKA_PUBLIC_KEY_INFO, key->spki));
    if (key->type != ALG_RSA) return ST_OK;
    return make_put_number(card, object, CKA_MODULUS_BITS, key->bits);
}

// The public key that a template describes, as views into it.
static st make_public_key(const CK_ATTRIBUTE *template, CK_ULONG n, struct alg_key *key)
{
    CK_KEY_TYPE type = attr_number(template, n, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    *key = (struct alg_key){ .type = ALG_NONE };
    if (!attr_find(template, n, CKA_KEY_TYPE)) return ST_TEMPLATE_LESS;
    switch (type) {
    case CKK_RSA:
        return make_rsa_key(template, n, key);
    case CKK_EC: case CKK_EC_EDWARDS: case CKK_EC_MONTGOMERY:
        return make_ec_key(template, n, type, key);
    default:
        return ST_ATTR_VALUE;
    }
}

// A public key as session object. What alg_parse_spki does not take, such as a modulus of an odd
// size, is none.
static st make_create_public(struct card *card, const struct session *session,
                             const CK_ATTRIBUTE *template, CK_ULONG n, struct scratch scratch,
                             struct object **out)
{
    struct buf spki = scratch_buf(&scratch, MAKE_SPKI);
    struct alg_key given, key;
    struct object *object;
    TRY(make_public_key(template, n, &given));
    alg_encode_spki(&given, &spki);
    if (spki.full) return ST_HOST_MEMORY;
    if (alg_parse_spki(buf_bytes(&spki), &key)) return ST_ATTR_VALUE;
    TRY(make_begin(card, session, CKO_PUBLIC_KEY, template, n, &object));
    object->type = key.type;
    object->use = CARD_SIGN;
    if (key.type == ALG_RSA) object->use |= CARD_DECRYPT;
    *out = object;
    return make_end(card, object, make_put_public(card, object, template, n, &key));
}

// ---- Certificates and data ----

// Keeps a certificate's attributes: those of the template, and those that the certificate says.
static st make_put_certificate(struct card *card, struct object *object,
                               const CK_ATTRIBUTE *template, CK_ULONG n, const struct x509 *x509)
{
    u8 room[ALG_HASH_MAX];
    char from[8], to[8];
    struct buf digest = buf_on(room, sizeof room);
    TRY(make_put_template(card, object, template, n));
    TRY(hash_of(alg_hash_find(CKM_SHA_1), x509->whole, &digest));
    bool dated = !x509_date(x509->not_before, from) && !x509_date(x509->not_after, to);
    const struct { CK_ATTRIBUTE_TYPE type; bytes value; } found[] = {
        { CKA_CHECK_VALUE, bytes_of(room, 3) },
        { CKA_SUBJECT, x509->subject },
        { CKA_ISSUER, x509->issuer },
        { CKA_SERIAL_NUMBER, x509->serial },
        { CKA_PUBLIC_KEY_INFO, x509->spki },
        { CKA_START_DATE, bytes_of(from, sizeof from) },        // these two if dated
        { CKA_END_DATE, bytes_of(to, sizeof to) },
    };
    for (size_t i = 0; i < COUNT(found) - (dated ? 0 : 2); i++)
        TRY(make_put_found(card, object, template, n, found[i].type, found[i].value));
    return ST_OK;
}

// A certificate as session object: X.509, in one of the categories and domains that there are.
static st make_create_certificate(struct card *card, const struct session *session,
                                  const CK_ATTRIBUTE *template, CK_ULONG n, struct object **out)
{
    const CK_ATTRIBUTE *value = attr_find(template, n, CKA_VALUE);
    CK_ULONG category = attr_number(template, n, CKA_CERTIFICATE_CATEGORY, 0);
    CK_ULONG domain = attr_number(template, n, CKA_JAVA_MIDP_SECURITY_DOMAIN, 0);
    struct object *object;
    struct x509 x509;
    if (!attr_find(template, n, CKA_CERTIFICATE_TYPE) || !value) return ST_TEMPLATE_LESS;
    if (attr_number(template, n, CKA_CERTIFICATE_TYPE, CKC_X_509) != CKC_X_509)
        return ST_ATTR_VALUE;
    if (category > CK_CERTIFICATE_CATEGORY_OTHER_ENTITY) return ST_ATTR_VALUE;
    if (domain > CK_SECURITY_DOMAIN_THIRD_PARTY) return ST_ATTR_VALUE;
    if (x509_parse(attr_bytes(value), &x509) || x509.whole.n != value->ulValueLen)
        return ST_ATTR_VALUE;
    TRY(make_begin(card, session, CKO_CERTIFICATE, template, n, &object));
    *out = object;
    return make_end(card, object, make_put_certificate(card, object, template, n, &x509));
}

static st make_create_data(struct card *card, const struct session *session,
                           const CK_ATTRIBUTE *template, CK_ULONG n, struct object **out)
{
    struct object *object;
    TRY(make_begin(card, session, CKO_DATA, template, n, &object));
    *out = object;
    return make_end(card, object, make_put_template(card, object, template, n));
}

// C_CreateObject. Private keys are not taken: what a host holds is no card's key. Nor are
// profiles: a token fulfils them or not.
static st make_create(struct card *card, const struct session *session,
                      const CK_ATTRIBUTE *template, CK_ULONG n, struct scratch scratch,
                      struct object **out)
{
    TRY(attr_check_template(template, n));
    const CK_ATTRIBUTE *given = attr_find(template, n, CKA_CLASS);
    CK_OBJECT_CLASS class = attr_number(template, n, CKA_CLASS, CKO_VENDOR_DEFINED);
    if (!given) return ST_TEMPLATE_LESS;
    bool made = class != CKO_PRIVATE_KEY && class != CKO_PROFILE;
    if (given->ulValueLen != sizeof class || !attr_class_bit(class) || !made) return ST_ATTR_VALUE;
    TRY(make_check(template, n, attr_class_bit(class), MAKE_CREATE));
    TRY(make_check_place(session, template, n));
    switch (class) {
    case CKO_SECRET_KEY:  return make_create_secret(card, session, template, n, out);
    case CKO_PUBLIC_KEY:  return make_create_public(card, session, template, n, scratch, out);
    case CKO_CERTIFICATE: return make_create_certificate(card, session, template, n, out);
    case CKO_DATA:        return make_create_data(card, session, template, n, out);
    default:              return ST_ATTR_VALUE;
    }
}

// ---- Copying and changing ----

// May a template change an object as it says, for one of the purposes in may?
static st make_check_change(const struct object *object, const CK_ATTRIBUTE *template, CK_ULONG n,
                            u32 may, struct scratch scratch)
{
    u32 class = attr_class_bit(object->class);
    TRY(make_check(template, n, class, may));
    for (CK_ULONG i = 0; i < n; i++) {
        const struct make_rule *rule = make_rule(template[i].type, class);
        bool now = attr_true(object, template[i].type, scratch);
        bool then = rule->may & MAKE_BOOL && *(const u8 *)template[i].pValue;
        if (rule->may & MAKE_RISE && now && !then) return ST_ATTR_RO;
        if (rule->may & MAKE_FALL && !now && then) return ST_ATTR_RO;
    }
    return ST_OK;
}

// Appends to a new chain what an object was made with, as a template changes it.
static st make_changed(struct card *card, const struct object *object, const CK_ATTRIBUTE *template,
                       CK_ULONG n, struct object *to, struct scratch scratch)
{
    struct chain_place at = arena_chain_start(&object->attributes);
    struct attr_head head;
    while (attr_next(&at, &head)) {
        struct scratch each = scratch;
        if (attr_find(template, n, head.type)) {
            arena_chain_take(&at, head.n, NULL);
            continue;
        }
        struct buf value = scratch_buf(&each, head.n);
        arena_chain_take(&at, head.n, &value);
        if (value.full) return ST_HOST_MEMORY;
        TRY(attr_put(card, to, head.type, buf_bytes(&value)));
    }
    if (to->attributes.n > MAKE_MAX) return ST_ARENA_FULL;
    return make_put_template(card, to, template, n);
}

// C_SetAttributeValue: all of a template, or nothing.
static st make_set(struct card *card, struct object *object, const CK_ATTRIBUTE *template,
                   CK_ULONG n, struct scratch scratch)
{
    struct object changed = { .class = object->class };
    TRY(attr_check_template(template, n));
    if (!attr_true(object, CKA_MODIFIABLE, scratch)) return ST_PROHIBITED;
    TRY(make_check_change(object, template, n, MAKE_SET, scratch));
    st s = make_changed(card, object, template, n, &changed, scratch);
    if (s) {
        arena_chain_drop(&card->arena, &changed.attributes);
        return s;
    }
    arena_chain_drop(&card->arena, &object->attributes);
    object->attributes = changed.attributes;
    return ST_OK;
}

// Makes a new object the copy of another, as a template changes it.
static st make_copy_into(struct card *card, const struct object *object,
                         const CK_ATTRIBUTE *template, CK_ULONG n, struct object *to,
                         struct scratch scratch)
{
    bytes value = BYTES_NONE;
    to->type = object->type;
    to->use = object->use;
    to->secret_type = object->secret_type;
    to->secret_len = object->secret_len;
    TRY(make_changed(card, object, template, n, to, scratch));
    if (object->class == CKO_SECRET_KEY) TRY(attr_secret_value(object, &scratch, &value));
    return arena_chain_put(&card->arena, &to->secret, value);
}

// C_CopyObject, of session objects.
static st make_copy(struct card *card, const struct session *session, const struct object *object,
                    const CK_ATTRIBUTE *template, CK_ULONG n, struct scratch scratch,
                    struct object **out)
{
    struct object *to;
    TRY(attr_check_template(template, n));
    if (!attr_true(object, CKA_COPYABLE, scratch)) return ST_PROHIBITED;
    TRY(make_check_change(object, template, n, MAKE_SET | MAKE_COPY, scratch));
    TRY(make_check_place(session, template, n));
    bool private = attr_number(template, n, CKA_PRIVATE, object->private) != 0;
    if (object->private && !private) return ST_TEMPLATE_MIXED;
    TRY(make_begin(card, session, object->class, template, n, &to));
    to->private = private;
    *out = to;
    return make_end(card, to, make_copy_into(card, object, template, n, to, scratch));
}

/* ================================================================================================
 * MARK: - >>op
 * Running operations: digest, sign, verify, encrypt, decrypt, on the card and on the host.
 *
 * Owns    struct op; output lengths; what is hashed and padded on the host; ciphers that put out
 *         what they can while input comes
 * Uses    >>alg >>hash >>padding >>cipher >>link >>card >>slot >>run >>mech >>attr >>session
 * Names   op_
 * Specs   PKCS#11 3.2, 5.8 to 5.17
 * Tests   tests/unit/op.c
 * ==============================================================================================*/

// C_Sign, from the top to the wire. All its data is at hand, so none of it is kept:
//
//   C_Sign                            >>p11     p11_op: enters, asks for the operation, leaves
//     op_once, op_finish              >>op      is the caller's buffer large enough?
//       op_sign                       >>op      hashes and pads on the host
//         op_run_key                  >>op      run_next: a transaction; after a reset once more
//           driver->sign              >>pivkey..  the card's command; trial_next: on trust, or sure
//             iso_..., link_exchange  >>link    one APDU or a chain of them
//               scard11_reader_transmit
//
// C_FindObjects, which sends nothing: what there is to find is read when the search begins.
//
//   C_FindObjectsInit                 >>p11
//     session_search                  >>session which objects match?
//       session_list, driver->list    >>pivkey..  run_next: reads no more than can match
//         link_exchange               >>link
//   C_FindObjects, session_found      >>session the handles that the search kept

// What GCM's IV, AAD, input and output have together: what commands and answers leave of scratch.
#define OP_GCM_ROOM  ((size_t)SCARD11_SCRATCH - SCARD11_ANSWER - LINK_COMMAND - 256)
// Most that is kept of what cannot be hashed piece by piece.
#define OP_DATA_MAX  ((size_t)(OP_GCM_ROOM < 16384 ? 1024 : 4096))
#define OP_LABEL_MAX 128            // bytes of OAEP's label
#define OP_INFO_MAX  128            // room for a DigestInfo
#define OP_EARLY_MAX 1024           // bytes of a signature that comes before its data

// Where a cipher is that puts out what it can while input comes: ECB, CBC, CTR. See >>stream.
struct op_stream {
    u8  iv[ALG_BLOCK];              // of the next block; the next counter block
    u8  rest[ALG_BLOCK];            // input that waits: less than a block, or CBC_PAD's last
    u32 rest_n;
    u32 used;                       // bytes of the counter block's key stream that are used up
    u32 bits;                       // of the counter
    u64 left;                       // bytes until its first value comes again
};

// In one piece of the card's arena.
struct op {
    const struct mech_row *row;
    struct alg_use use;
    CK_OBJECT_HANDLE key;
    u64  login_epoch;               // with a private key it ends with the login it was begun in
    bool private;                   // with a private key of the card
    bool secret;                    // with a secret key of the card
    bool hashing;                   // hash runs
    bool updated;                   // C_*Update was called: the one-shot call is out
    bool done;                      // data is the result: the caller's buffer was too small for it
    bool begun;                     // C_*MessageBegin was called
    bool early;                     // C_VerifySignatureInit: data begins with the signature
    u32  head;                      // so many bytes of data are no input: signature, or IV and AAD
    u32  iv_n;                      // so many of these are GCM's IV
    u32  size;                      // bytes of the digest or MAC, or of GCM's tag
    struct chain *data;             // the session's: head, what cannot be hashed; then the result
    union {
        struct hash hash;
        struct op_stream stream;
    } at;
    u8   label_len;
    u8   label[OP_LABEL_MAX];       // of OAEP
};

typedef char op_fits_a_piece[sizeof(struct op) <= sizeof ((struct piece *)0)->data ? 1 : -1];

static struct op *op_of(const struct session *session, enum session_op kind)
{
    return session->op[kind].state;
}

// A context login goes with the operation that it was for.
static void op_end(struct card *card, struct session *session, enum session_op kind)
{
    struct op *op = op_of(session, kind);
    if (op && op->hashing) hash_drop(&op->at.hash);
    if (op && op->private && card->open_op == session) run_close_open(card);
    session_end_op(card, session, kind);
}

static CK_FLAGS op_purpose(enum session_op kind)
{
    static const CK_FLAGS flags[SESSION_OPS] = {
        CKF_DIGEST, CKF_SIGN, CKF_VERIFY, CKF_ENCRYPT, CKF_DECRYPT, CKF_SIGN_RECOVER,
        CKF_VERIFY_RECOVER, CKF_SIGN, CKF_VERIFY };
    return flags[kind];
}

// The flag that C_SessionCancel knows an operation by.
static CK_FLAGS op_cancel_flag(enum session_op kind)
{
    if (kind == SESSION_MESSAGE_SIGN) return CKF_MESSAGE_SIGN;
    if (kind == SESSION_MESSAGE_VERIFY) return CKF_MESSAGE_VERIFY;
    return op_purpose(kind);
}

// Is an operation's key, where it is a pair's, the private one?
static bool op_is_private(enum session_op kind)
{
    return op_purpose(kind) & (CKF_SIGN | CKF_DECRYPT | CKF_SIGN_RECOVER);
}

static bool op_is_message(enum session_op kind)
{
    return kind == SESSION_MESSAGE_SIGN || kind == SESSION_MESSAGE_VERIFY;
}

static bool op_is_mac(const struct op *op)
{
    return op->use.scheme == ALG_HMAC || op->use.scheme == ALG_CMAC;
}

static bool op_is_stream(const struct op *op)
{
    enum alg_scheme scheme = op->use.scheme;
    return scheme == ALG_ECB || scheme == ALG_CBC || scheme == ALG_CBC_PADDED || scheme == ALG_CTR;
}

// ---- Keys ----

// The attribute that says whether a key may serve a purpose.
static CK_ATTRIBUTE_TYPE op_permission(CK_FLAGS purpose)
{
    static const struct { CK_FLAGS purpose; CK_ATTRIBUTE_TYPE type; } list[] = {
        { CKF_SIGN, CKA_SIGN }, { CKF_VERIFY, CKA_VERIFY }, { CKF_ENCRYPT, CKA_ENCRYPT },
        { CKF_DECRYPT, CKA_DECRYPT }, { CKF_SIGN_RECOVER, CKA_SIGN_RECOVER },
        { CKF_VERIFY_RECOVER, CKA_VERIFY_RECOVER }, { CKF_WRAP, CKA_WRAP },
        { CKF_UNWRAP, CKA_UNWRAP },
    };
    for (size_t i = 0; i < COUNT(list); i++)
        if (list[i].purpose == purpose) return list[i].type;
    return CKA_DERIVE;
}

// A session key may be made for some mechanisms only.
static bool op_mechanism_allowed(const struct object *object, CK_MECHANISM_TYPE type,
                                 struct scratch scratch)
{
    bytes list;
    CK_MECHANISM_TYPE one;
    if (!object->owner || !attr_kept(object, CKA_ALLOWED_MECHANISMS, &scratch, &list)) return true;
    for (; list.n >= sizeof one; list = bytes_from(list, sizeof one)) {
        memcpy(&one, list.p, sizeof one);
        if (one == type) return true;
    }
    return false;
}

// The class of the key that a mechanism takes for a purpose.
static CK_OBJECT_CLASS op_key_class(const struct mech_row *mech, CK_FLAGS purpose)
{
    const CK_FLAGS private = CKF_SIGN | CKF_DECRYPT | CKF_SIGN_RECOVER | CKF_DERIVE | CKF_UNWRAP;
    if (mech->key == ALG_SECRET) return CKO_SECRET_KEY;
    return purpose & private ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY;
}

static bool op_is_key(const struct object *object)
{
    return object->class == CKO_PRIVATE_KEY || object->class == CKO_PUBLIC_KEY ||
           object->class == CKO_SECRET_KEY;
}

// Must the rest of a key be read first? What was not read may permit the use that is asked for, or
// be what the use needs.
static bool op_must_read(const struct object *object, CK_ATTRIBUTE_TYPE permission,
                         struct scratch scratch)
{
    bool known = object->key && object->key->spki.n;
    if (object->unread)
        return object->class != CKO_PUBLIC_KEY || !known;
    return card_has_part(object) && !attr_true(object, permission, scratch);
}

// Is a key, of the right class, of a type that the mechanism takes?
static bool op_type_fits(const struct object *object, const struct mech_row *mech,
                         struct scratch scratch)
{
    struct alg_key key;
    if (mech->key == ALG_SECRET) return mech_takes_secret(mech, object->secret_type);
    return !attr_key(object, &scratch, &key) && mech_takes(mech, key.type);
}

// Finds the key of a handle for a purpose. It has the class, type and permission that the mechanism
// needs; what was not known of it yet is read from the card.
static st op_key(struct reader *reader, const struct session *session, CK_FLAGS purpose,
                 CK_OBJECT_HANDLE handle, const struct mech_row *mech, struct scratch scratch,
                 struct object **out)
{
    struct object *object = session_object(reader->card, session, handle);
    CK_ATTRIBUTE_TYPE permission = op_permission(purpose);
    // The login was lost to another program since the handle was given out.
    if (!object && card_find_hidden(reader->card, session->token, handle)) return ST_NOT_LOGGED_IN;
    if (!object || !op_is_key(object)) return ST_NO_KEY;
    if (object->class != op_key_class(mech, purpose)) return ST_KEY_TYPE;
    if (op_must_read(object, permission, scratch)) TRY(session_read(reader, object, scratch));
    if (!op_type_fits(object, mech, scratch)) return ST_KEY_TYPE;
    if (!attr_true(object, permission, scratch)) return ST_KEY_USE;
    if (!op_mechanism_allowed(object, mech->type, scratch)) return ST_MECHANISM;
    *out = object;
    return ST_OK;
}

// The least that padding adds to what is encrypted (RFC 8017, 7.1.1 and 7.2.1), in bytes.
static size_t op_overhead(const struct alg_use *use)
{
    if (use->scheme == ALG_PKCS1) return 11;
    return use->scheme == ALG_OAEP ? 2 * use->hash->size + 2 : 0;
}

// Is the key one of those that C_GetMechanismInfo speaks of, and do the parameters go with it? PSS:
// hash, salt and two bytes must fit (RFC 8017, 9.1.1).
static st op_check_size(const struct alg_key *key, const struct alg_use *use)
{
    if (key->type == ALG_RSA && key->bits < MECH_RSA_MIN) return ST_KEY_SIZE;
    if (use->scheme == ALG_PSS && use->hash->size + use->salt + 2 > (key->bits + 6) / 8)
        return ST_KEY_SIZE;
    if (use->scheme == ALG_OAEP && op_overhead(use) > key->bits / 8) return ST_KEY_SIZE;
    return ST_OK;
}

// Does this mbedTLS do it, where the key is a public one of RSA?
static st op_check_host(const struct object *object, const struct alg_use *use)
{
    bool rsa = object->class == CKO_PUBLIC_KEY && use->type == ALG_RSA;
    return rsa && !cipher_has(use) ? ST_MECH_PARAM : ST_OK;
}

// Does the card do it with this private key? Where it pads by PSS itself, its salt is as long as
// the hash.
static st op_check_card(const struct object *object, const struct mech_row *mech,
                        const struct alg_use *use)
{
    if (object->hashes && use->hash != object->hashes) return ST_MECHANISM;
    if (!mech_has_scheme(object->card_pads, mech)) return ST_MECHANISM;
    if (!object->card_pads || use->scheme != ALG_PSS) return ST_OK;
    return use->mgf == use->hash && use->salt == use->hash->size ? ST_OK : ST_MECH_PARAM;
}

// Can the mechanism be done with this key and these parameters, by what works with the key?
static st op_check_key(const struct object *object, const struct mech_row *mech,
                       const struct alg_use *use, struct scratch scratch)
{
    struct alg_key key;
    if (object->class != CKO_SECRET_KEY) {
        TRY(attr_key(object, &scratch, &key));
        TRY(op_check_size(&key, use));
    }
    if (object->class == CKO_PRIVATE_KEY) TRY(op_check_card(object, mech, use));
    TRY(op_check_host(object, use));
    return mech_is_here(object, mech) ? ST_OK : ST_KEY_USE;
}

// ---- Beginning ----

// How many bytes a counter of so many bits has key stream for, wherever it begins. One of 60 bits
// or more never ends.
static u64 op_counter_bytes(u32 bits)
{
    return bits < 60 ? (u64)ALG_BLOCK << bits : (u64)-1;
}

// Begins the hash of the input, where the host does one: the first time, and for each message of a
// message-based operation.
static st op_start(struct op *op, const struct object *object, enum session_op kind,
                   struct scratch scratch)
{
    st s;
    if (!op->row->hash) return ST_OK;
    if (op_is_mac(op)) {
        bytes key;
        TRY(attr_secret_value(object, &scratch, &key));
        s = hash_hmac_begin(&op->at.hash, op->use.hash, key);
    } else {
        if (op_is_private(kind) && object && object->hashes) return ST_OK;
        s = hash_begin(&op->at.hash, op->use.hash);
    }
    op->hashing = !s;
    return s;
}

// What GCM's parameters give is kept in front of the data.
static st op_keep_gcm(struct card *card, struct op *op, const struct mech_given *given)
{
    if (given->aad.n > OP_GCM_ROOM || given->iv.n + given->aad.n > OP_GCM_ROOM / 4)
        return ST_MECH_PARAM;
    op->iv_n = (u32)given->iv.n;
    op->head = (u32)(given->iv.n + given->aad.n);
    TRY(arena_chain_put(&card->arena, op->data, given->iv));
    return arena_chain_put(&card->arena, op->data, given->aad);
}

// Keeps what the parameters give for as long as the operation runs.
static st op_keep(struct card *card, struct op *op, const struct mech_given *given)
{
    if (op->use.scheme == ALG_GCM) return op_keep_gcm(card, op, given);
    if (op_is_stream(op)) {
        SCARD11_ASSERT(given->iv.n <= sizeof op->at.stream.iv);
        op->at.stream = (struct op_stream){ .bits = given->size,
                                            .left = op_counter_bytes(given->size) };
        if (given->iv.n) memcpy(op->at.stream.iv, given->iv.p, given->iv.n);
        return ST_OK;
    }
    SCARD11_ASSERT(given->label.n <= sizeof op->label);
    op->label_len = (u8)given->label.n;
    if (given->label.n) memcpy(op->label, given->label.p, given->label.n);
    return ST_OK;
}

// The state of an operation in a piece of the card's arena; NULL: there is no room.
static struct op *op_new(struct card *card, struct session *session, enum session_op kind)
{
    struct piece *piece = arena_piece(&card->arena);
    SCARD11_ASSERT(!session->op[kind].state && !session->op[kind].data.n);
    if (!piece) return NULL;
    session->op[kind].state = (struct op *)(void *)piece->data;
    return session->op[kind].state;
}

// Begins an operation: mechanism, parameters and key go together, and the card or the host can do
// it. An error leaves no operation.
static st op_begin(struct reader *reader, struct session *session, enum session_op kind,
                   const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, struct scratch scratch)
{
    struct object *object = NULL;
    struct mech_given given;
    struct alg_use use;

    if (op_of(session, kind)) return ST_OP_ACTIVE;
    const struct mech_row *mech = mech_find(session->token, mechanism->mechanism, op_purpose(kind));
    if (!mech) return ST_MECHANISM;
    TRY(mech_use(mechanism, mech, &use, &given));
    if (given.label.n > OP_LABEL_MAX) return ST_MECH_PARAM;
    if (kind != SESSION_DIGEST) {
        TRY(op_key(reader, session, op_purpose(kind), key, mech, scratch, &object));
        TRY(op_check_key(object, mech, &use, scratch));
    }
    struct op *op = op_new(reader->card, session, kind);
    if (!op) return ST_HOST_MEMORY;
    *op = (struct op){ .row = mech, .use = use, .key = key,
                       .login_epoch = session->token->login_epoch,
                       .private = object && object->class == CKO_PRIVATE_KEY,
                       .secret = object && object->class == CKO_SECRET_KEY && !object->owner,
                       .data = &session->op[kind].data, .size = given.size };
    st s = op_keep(reader->card, op, &given);
    if (!s) s = op_start(op, object, kind, scratch);
    if (s) op_end(reader->card, session, kind);
    return s;
}

// ---- Input ----

// Can n bytes more be kept, as far as a key could ever take them?
static bool op_has_room(const struct op *op, size_t n)
{
    size_t max = op->use.scheme == ALG_GCM ? (OP_GCM_ROOM - op->head) / 2 : OP_DATA_MAX;
    return n <= max && op->data->n - op->head <= max - n;
}

// Takes a part of the input: hashed where the host does that, else kept.
static st op_add(struct card *card, struct op *op, bytes in)
{
    if (op->hashing) return hash_add(&op->at.hash, in);
    if (!op_has_room(op, in.n)) return ST_DATA_LEN;
    return arena_chain_put(&card->arena, op->data, in);
}

static st op_update(struct card *card, struct session *session, enum session_op kind, bytes in)
{
    struct op *op = op_of(session, kind);
    if (!op || op->done) return ST_OP_NONE;
    op->updated = true;
    st s = op_add(card, op, in);
    if (s) op_end(card, session, kind);
    return s;
}

// What stands before the input: a signature that came early, or GCM's IV and AAD.
static st op_head(const struct op *op, struct scratch *scratch, bytes *head)
{
    struct chain_place at = arena_chain_start(op->data);
    struct buf b = scratch_buf(scratch, op->head);
    arena_chain_take(&at, op->head, &b);
    *head = buf_bytes(&b);
    return b.full ? ST_HOST_MEMORY : ST_OK;
}

// Ends the hash that runs with the last part of the input, and appends the digest.
static st op_end_hash(struct op *op, bytes last, struct buf *out)
{
    SCARD11_ASSERT(op->hashing);
    TRY(hash_add(&op->at.hash, last));
    op->hashing = false;
    return hash_end(&op->at.hash, out);
}

// Gives all of the input, last behind what was kept, or its digest where the host hashes it. Where
// nothing was kept, *in is last itself, in the caller's memory.
static st op_input(struct op *op, bytes last, struct scratch *scratch, bytes *in)
{
    if (op->hashing) {
        struct buf digest = scratch_buf(scratch, ALG_HASH_MAX);
        TRY(op_end_hash(op, last, &digest));
        *in = buf_bytes(&digest);
        return ST_OK;
    }
    if (!op_has_room(op, last.n)) return ST_DATA_LEN;
    *in = last;
    if (op->data->n == op->head) return ST_OK;
    struct chain_place at = arena_chain_start(op->data);
    struct buf whole = scratch_buf(scratch, op->data->n - op->head + last.n);
    arena_chain_take(&at, op->head, NULL);
    arena_chain_take(&at, at.left, &whole);
    buf_put(&whole, last);
    *in = buf_bytes(&whole);
    return whole.full ? ST_HOST_MEMORY : ST_OK;
}

// ---- Signing ----

// A hash for ECDSA: its leftmost bytes, as many as the curve has (FIPS 186-5, 6.4.1), or zeros
// before it, for cards that want exactly the curve's length. Not for P-521, whose order ends inside
// a byte.
static void op_fit_hash(const struct alg_curve *curve, bytes in, struct buf *out)
{
    if (curve->bits % 8 && in.n <= curve->size) buf_put(out, in);
    else buf_put_number(out, bytes_head(in, curve->size), curve->size);
}

// Is a block of the key's length a number that RSA can take? Yes where the modulus is not known.
static bool op_below_modulus(const struct alg_key *key, bytes block)
{
    return !key->modulus.n || memcmp(block.p, key->modulus.p, block.n) < 0;
}

// The padded block, or hash, that the card signs. In raw RSA a number too large for the key is
// ST_DATA.
static st op_sign_block(const struct op *op, const struct alg_key *key, bytes in,
                        struct scratch scratch, struct buf *out)
{
    size_t bytes_of_key = alg_key_bytes(key);
    struct buf info = scratch_buf(&scratch, OP_INFO_MAX);
    if (key->type == ALG_EC) {
        if (!in.n) return ST_DATA_LEN;
        op_fit_hash(key->curve, in, out);
        return ST_OK;
    }
    SCARD11_ASSERT(key->type == ALG_RSA);
    switch (op->use.scheme) {
    case ALG_PKCS1:
        if (!op->use.hash) return padding_pkcs1_sign(in, bytes_of_key, out);
        padding_digest_info(op->use.hash, in, &info);
        return padding_pkcs1_sign(buf_bytes(&info), bytes_of_key, out);
    case ALG_PSS:
        if (in.n != op->use.hash->size) return ST_DATA_LEN;
        return padding_pss(&op->use, in, key->bits, scratch, out);
    default:
        if (in.n > bytes_of_key) return ST_DATA_LEN;
        buf_put_number(out, in, bytes_of_key);
        return op_below_modulus(key, bytes_of(out->p, bytes_of_key)) ? ST_OK : ST_DATA;
    }
}

// The alg_use that goes to the driver with a whole block: raw RSA, and how the host padded it, by
// which >>trial checks the signature. Where the card pads by PSS itself, the driver gets a hash,
// and the use as it is.
static struct alg_use op_card_use(const struct object *object, const struct alg_use *use)
{
    struct alg_use raw = *use;
    if (object->card_pads && use->scheme == ALG_PSS) return raw;
    raw.type = object->key->type;
    raw.scheme = ALG_RAW;
    raw.made = use->scheme;
    return raw;
}

// Is a signature whole? One that begins with 00 is looked at: a card that leaves zeros out is not
// told from one that cut it short.
static bool op_is_whole(const struct alg_key *key, const struct alg_use *use, bytes in,
                        bytes signature, struct scratch scratch)
{
    if (key->type != ALG_RSA || !key->modulus.n || *signature.p) return true;
    return cipher_verify(key, use, in, signature, scratch) != ST_SIG_INVALID;
}

// Work on the card with a key: in a login, where the key needs one.
static struct run op_run_with(struct reader *reader, const struct object *object,
                              struct scratch scratch)
{
    return (struct run){ .reader = reader, .token = object->token,
                         .login = object->credential != NULL, .scratch = scratch };
}

// Has the card work with a private key: what comes back is appended to out, which has room for what
// the key can give. A key that wants the PIN before each use works in the transaction that its
// context login keeps open.
static st op_run_key(struct reader *reader, struct session *session, struct object *object,
                     bool sign, const struct alg_use *wanted, bytes in, struct scratch scratch,
                     struct buf *out)
{
    struct card *card = reader->card;
    const struct driver *driver = object->token->driver;
    st (*work)(struct card *, struct object *, const struct alg_use *, bytes, struct scratch,
               struct buf *) = sign ? driver->sign : driver->decrypt;
    struct alg_use use = op_card_use(object, wanted);
    struct run run = op_run_with(reader, object, scratch);
    size_t start = out->n;
    SCARD11_ASSERT(object->class == CKO_PRIVATE_KEY && !object->owner);
    if (!work) return ST_NOT_SUPPORTED;
    if (object->always_auth) {
        if (card->open_op != session) return ST_NOT_LOGGED_IN;
        run.keep = session;
        run.write = true;
    }
    while (run_next(&run)) {
        buf_rewind(out, start);
        run.s = work(card, object, &use, in, scratch, out);
    }
    if (run.s || !sign) return run.s;
    bytes made = bytes_from(buf_bytes(out), start);
    return op_is_whole(object->key, &use, in, made, scratch) ? ST_OK : ST_PROTOCOL;
}

// Is an operation with a private key still what it was begun as? Its key may be gone, or the login.
static st op_still(const struct session *session, const struct op *op, const struct object *key)
{
    if (!key && session->token->login) return ST_NO_KEY;
    if (!key) return ST_NOT_LOGGED_IN;
    if (!key->credential || op->login_epoch == session->token->login_epoch) return ST_OK;
    return ST_NOT_LOGGED_IN;
}

// The key of an operation. It is there: the caller has asked op_output_size.
static struct object *op_object(const struct reader *reader, const struct session *session,
                                const struct op *op)
{
    struct object *object = session_object(reader->card, session, op->key);
    SCARD11_ASSERT(object && (!op->private || !op_still(session, op, object)));
    return object;
}

// Does the card itself make the block that is signed? Then it gets what is in it.
static bool op_card_pads(const struct object *object, const struct alg_use *use)
{
    if (object->hashes || object->key->type == ALG_EDWARDS) return true;
    return object->card_pads && use->scheme == ALG_PSS;
}

// Signs all the input, last behind what was kept. The block is the card's to make, or is padded
// here.
static st op_sign(struct reader *reader, struct session *session, struct op *op, bytes last,
                  struct scratch scratch, struct buf *out)
{
    struct object *object = op_object(reader, session, op);
    struct alg_use use = op->use;
    TRY(op_input(op, last, &scratch, &use.digest));
    if (op_card_pads(object, &use)) {
        bool wrong_length = use.scheme == ALG_PSS && use.digest.n != use.hash->size;
        if (object->card_pads && wrong_length) return ST_DATA_LEN;
        return op_run_key(reader, session, object, true, &use, use.digest, scratch, out);
    }
    struct buf block = scratch_buf(&scratch, ALG_RESULT_MAX);
    TRY(op_sign_block(op, object->key, use.digest, scratch, &block));
    if (block.full) return ST_DATA_LEN;
    return op_run_key(reader, session, object, true, &use, buf_bytes(&block), scratch, out);
}

// ---- Decrypting ----

// Decrypts in with a private RSA key of the card, and takes its padding off.
static st op_open(struct reader *reader, struct session *session, struct object *object,
                  const struct alg_use *use, bytes label, bytes in, struct scratch scratch,
                  struct buf *out)
{
    struct buf block = scratch_buf(&scratch, ALG_RESULT_MAX);
    if (in.n != (object->key->bits + 7) / 8) return ST_CIPHER_LEN;
    if (!op_below_modulus(object->key, in)) return ST_CIPHER_DATA;
    TRY(op_run_key(reader, session, object, false, use, in, scratch, &block));
    if (use->scheme == ALG_PKCS1) return padding_pkcs1_open(buf_bytes(&block), out);
    if (use->scheme == ALG_OAEP)
        return padding_oaep_open(use, label, buf_bytes(&block), scratch, out);
    buf_put(out, buf_bytes(&block));
    return out->full ? ST_HOST_MEMORY : ST_OK;
}

static st op_decrypt(struct reader *reader, struct session *session, struct op *op, bytes last,
                     struct scratch scratch, struct buf *out)
{
    struct object *object = op_object(reader, session, op);
    bytes in;
    TRY(op_input(op, last, &scratch, &in));
    return op_open(reader, session, object, &op->use, bytes_of(op->label, op->label_len), in,
                   scratch, out);
}

// ---- On the host, with public keys ----

static st op_encrypt(struct reader *reader, struct session *session, struct op *op, bytes last,
                     struct scratch scratch, struct buf *out)
{
    struct alg_key key;
    bytes in;
    TRY(attr_key(op_object(reader, session, op), &scratch, &key));
    TRY(op_input(op, last, &scratch, &in));
    return cipher_encrypt(&key, &op->use, bytes_of(op->label, op->label_len), in, scratch, out);
}

// The data that a signature has in itself.
static st op_recover(const struct alg_key *key, const struct alg_use *use, bytes signature,
                     struct scratch scratch, struct buf *out)
{
    size_t size = alg_key_bytes(key);
    struct buf block = scratch_buf(&scratch, size);
    if (signature.n != size) return ST_SIG_LEN;
    st s = cipher_rsa_public(key, signature, &block);
    if (s == ST_DATA) return ST_SIG_INVALID;
    if (s) return s;
    bytes data = buf_bytes(&block);
    if (use->scheme == ALG_PKCS1) data = padding_pkcs1_signed(data);
    if (!data.p) return ST_SIG_INVALID;
    buf_put(out, data);
    return ST_OK;
}

static st op_verify_recover(struct reader *reader, struct session *session, struct op *op,
                            bytes last, struct scratch scratch, struct buf *out)
{
    struct alg_key key;
    bytes in;
    TRY(attr_key(op_object(reader, session, op), &scratch, &key));
    TRY(op_input(op, last, &scratch, &in));
    return op_recover(&key, &op->use, in, scratch, out);
}

// ---- Secret keys ----

// The value of the key of a running operation, if that is still there.
static st op_secret(struct reader *reader, const struct session *session, const struct op *op,
                    struct scratch *scratch, bytes *value)
{
    struct object *object = session_object(reader->card, session, op->key);
    return object ? attr_secret_value(object, scratch, value) : ST_NO_KEY;
}

static st op_hmac(struct reader *reader, struct session *session, struct op *op, bytes last,
                  struct scratch scratch, struct buf *out)
{
    bytes key, inner;
    TRY(op_secret(reader, session, op, &scratch, &key));
    TRY(op_input(op, last, &scratch, &inner));
    return hash_hmac_end(op->use.hash, key, inner, out);
}

// The CMAC, by the card if the key is there.
static st op_cmac(struct reader *reader, struct session *session, struct op *op, bytes last,
                  struct scratch scratch, struct buf *out)
{
    struct object *object = session_object(reader->card, session, op->key);
    bytes key, in;
    if (op->secret) TRY(op_still(session, op, object));
    if (!object) return ST_NO_KEY;
    TRY(op_input(op, last, &scratch, &in));
    if (object->owner) {
        TRY(attr_secret_value(object, &scratch, &key));
        return cipher_cmac(key, in, out);
    }
    struct run run = op_run_with(reader, object, scratch);
    while (run_next(&run)) {
        buf_rewind(out, 0);
        run.s = object->token->driver->mac(reader->card, object, in, scratch, out);
    }
    return run.s;
}

// The MAC, shortened where the mechanism says so.
static st op_mac(struct reader *reader, struct session *session, struct op *op, bytes last,
                 struct scratch scratch, struct buf *out)
{
    u8 room[ALG_HASH_MAX];
    struct buf mac = buf_on(room, sizeof room);
    st s = op->use.scheme == ALG_CMAC ? op_cmac(reader, session, op, last, scratch, &mac)
                                      : op_hmac(reader, session, op, last, scratch, &mac);
    if (!s) buf_put(out, bytes_head(buf_bytes(&mac), op->size));
    mem_wipe(room, sizeof room);
    return s;
}

static st op_gcm(struct reader *reader, struct session *session, struct op *op, bool encrypt,
                 bytes last, struct scratch scratch, struct buf *out)
{
    bytes key, head, in;
    TRY(op_secret(reader, session, op, &scratch, &key));
    TRY(op_head(op, &scratch, &head));
    TRY(op_input(op, last, &scratch, &in));
    if (!encrypt && in.n < op->size) return ST_CIPHER_LEN;
    return cipher_gcm(key, bytes_head(head, op->iv_n), bytes_from(head, op->iv_n), op->size,
                      encrypt, in, out);
}

// ---- Output, in one place ----

// Is the length of an output known before the work is done?
static bool op_is_exact(const struct op *op, enum session_op kind)
{
    if (kind == SESSION_VERIFY_RECOVER) return op->use.scheme == ALG_RAW;
    return kind != SESSION_DECRYPT || op->use.scheme == ALG_GCM;
}

// What GCM puts out for all of its input, n bytes of it still to come.
static size_t op_gcm_size(const struct op *op, enum session_op kind, size_t n)
{
    n += op->data->n - op->head;
    if (kind == SESSION_ENCRYPT) return n + op->size;
    return n > op->size ? n - op->size : 0;
}

// The most that an operation can put out for n bytes more of input. An error: its key is gone, or
// the login that it was begun in.
static st op_output_size(struct card *card, const struct session *session, const struct op *op,
                         enum session_op kind, size_t n, struct scratch scratch, size_t *most)
{
    struct object *object = session_object(card, session, op->key);
    struct alg_key key;
    if (op->private) TRY(op_still(session, op, object));
    if (op->done) {
        *most = op->data->n;
        return ST_OK;
    }
    if (kind == SESSION_DIGEST || op_is_mac(op)) {
        *most = op->size;
        return ST_OK;
    }
    if (op->use.scheme == ALG_GCM) {
        *most = op_gcm_size(op, kind, n);
        return ST_OK;
    }
    if (!object) return ST_NO_KEY;
    TRY(attr_key(object, &scratch, &key));
    *most = alg_signature_size(&key);
    if (kind == SESSION_DECRYPT || kind == SESSION_VERIFY_RECOVER) *most -= op_overhead(&op->use);
    return ST_OK;
}

// Does what the operation is there for, with the last part of its input, and appends what comes of
// it.
static st op_work(struct reader *reader, struct session *session, enum session_op kind, bytes last,
                  struct scratch scratch, struct buf *out)
{
    struct op *op = op_of(session, kind);
    if (op_is_mac(op)) return op_mac(reader, session, op, last, scratch, out);
    if (op->use.scheme == ALG_GCM)
        return op_gcm(reader, session, op, kind == SESSION_ENCRYPT, last, scratch, out);
    switch (kind) {
    case SESSION_DIGEST:
        return op_end_hash(op, last, out);
    case SESSION_SIGN: case SESSION_SIGN_RECOVER: case SESSION_MESSAGE_SIGN:
        return op_sign(reader, session, op, last, scratch, out);
    case SESSION_DECRYPT:
        return op_decrypt(reader, session, op, last, scratch, out);
    case SESSION_VERIFY_RECOVER:
        return op_verify_recover(reader, session, op, last, scratch, out);
    default:
        return op_encrypt(reader, session, op, last, scratch, out);
    }
}

// Gives a result to the caller, or keeps it where its length was not known before and the caller's
// buffer turned out too small: the work is not done twice, nor a login used up.
static st op_give(struct card *card, struct op *op, bytes result, void *out, CK_ULONG *out_len)
{
    bool fits = *out_len >= result.n;
    *out_len = (CK_ULONG)result.n;
    if (fits) {
        if (result.n) memcpy(out, result.p, result.n);
        return ST_OK;
    }
    if (op->done) return ST_TOO_SMALL;
    arena_chain_drop(&card->arena, op->data);
    TRY(arena_chain_put(&card->arena, op->data, result));
    op->done = true;
    return ST_TOO_SMALL;
}

// The work, or the result that is kept of it, given to the caller. most: see op_output_size.
static st op_put_out(struct reader *reader, struct session *session, enum session_op kind,
                     bytes last, size_t most, struct scratch scratch, void *out, CK_ULONG *out_len)
{
    struct op *op = op_of(session, kind);
    struct buf result = scratch_buf(&scratch, most > ALG_RESULT_MAX ? most : ALG_RESULT_MAX);
    if (op->done) arena_chain_get(op->data, &result);
    else          TRY(op_work(reader, session, kind, last, scratch, &result));
    if (result.full) return ST_HOST_MEMORY;
    return op_give(reader->card, op, buf_bytes(&result), out, out_len);
}

// The end of one message is not that of a message-based operation: it begins anew for the next.
static st op_end_one(struct reader *reader, struct session *session, enum session_op kind,
                     struct scratch scratch)
{
    struct card *card = reader->card;
    struct op *op = op_of(session, kind);
    struct object *object = session_object(card, session, op->key);
    if (!op_is_message(kind) || !object) {
        op_end(card, session, kind);
        return ST_OK;
    }
    if (op->hashing) hash_drop(&op->at.hash);
    if (op->private && card->open_op == session) run_close_open(card);
    op->hashing = op->updated = op->done = op->begun = false;
    arena_chain_drop(&card->arena, op->data);
    st s = op_start(op, object, kind, scratch);
    if (s) op_end(card, session, kind);
    return s;
}

// Ends an operation, which the caller knows to be there, with the last part of its input and its
// output. out NULL asks for the length; that, and a buffer that is too small, leave the operation
// as it was, and nothing was sent to the card.
static st op_finish(struct reader *reader, struct session *session, enum session_op kind,
                    bytes last, struct scratch scratch, void *out, CK_ULONG *out_len)
{
    struct op *op = op_of(session, kind);
    size_t most = 0;
    SCARD11_ASSERT(op && !op_is_stream(op) && out_len);
    st s = op_output_size(reader->card, session, op, kind, last.n, scratch, &most);
    bool small = op_is_exact(op, kind) && *out_len < most;
    if (!s && (!out || small)) {
        *out_len = (CK_ULONG)most;
        return out ? ST_TOO_SMALL : ST_OK;
    }
    if (!s) s = op_put_out(reader, session, kind, last, most, scratch, out, out_len);
    if (s == ST_TOO_SMALL) return s;
    st ended = op_end_one(reader, session, kind, scratch);
    return s ? s : ended;
}

// All input at once, after a part of it: refused, and that is the end of the operation. Only a
// buffer that is too small and a question for the length that is answered leave one running (5.8.2
// and its kin).
static st op_refuse_whole(struct card *card, struct session *session, enum session_op kind)
{
    op_end(card, session, kind);
    return ST_OP_ACTIVE;
}

// C_Sign and its kin: all input at once. Only a call that will do the work takes the input.
static st op_once(struct reader *reader, struct session *session, enum session_op kind, bytes in,
                  struct scratch scratch, void *out, CK_ULONG *out_len)
{
    if (op_of(session, kind)->updated) return op_refuse_whole(reader->card, session, kind);
    return op_finish(reader, session, kind, in, scratch, out, out_len);
}

// ---- Verifying ----

static st op_verify_mac(struct reader *reader, struct session *session, struct op *op, bytes last,
                        bytes signature, struct scratch scratch)
{
    struct buf mac = scratch_buf(&scratch, ALG_HASH_MAX);
    TRY(op_mac(reader, session, op, last, scratch, &mac));
    if (signature.n != mac.n) return ST_SIG_LEN;
    return bytes_equal(buf_bytes(&mac), signature) ? ST_OK : ST_SIG_INVALID;
}

// Is the signature of all the input, last behind what was kept, good?
static st op_verify(struct reader *reader, struct session *session, struct op *op, bytes last,
                    bytes signature, struct scratch scratch)
{
    struct object *object = session_object(reader->card, session, op->key);
    struct alg_key key;
    bytes in;
    if (op_is_mac(op)) return op_verify_mac(reader, session, op, last, signature, scratch);
    TRY(op_input(op, last, &scratch, &in));
    if (!object) return ST_NO_KEY;
    TRY(attr_key(object, &scratch, &key));
    if (signature.n != alg_signature_size(&key)) return ST_SIG_LEN;
    if (key.type == ALG_RSA && op->use.scheme == ALG_RAW) {
        struct buf block = scratch_buf(&scratch, ALG_RESULT_MAX);
        TRY(op_sign_block(op, &key, in, scratch, &block));
        in = buf_bytes(&block);
    }
    return cipher_verify(&key, &op->use, in, signature, scratch);
}

// Ends a verification with the last part of its input. The signature came with
// C_VerifySignatureInit (op->early), or comes now.
static st op_verify_end(struct reader *reader, struct session *session, enum session_op kind,
                        bytes last, bytes signature, struct scratch scratch)
{
    struct op *op = op_of(session, kind);
    struct scratch work = scratch;
    st s = ST_OK;
    if (op->early) s = op_head(op, &work, &signature);
    if (!s) s = op_verify(reader, session, op, last, signature, work);
    st ended = op_end_one(reader, session, kind, scratch);
    return s ? s : ended;
}

// C_Verify and its kin: all input at once.
static st op_verify_once(struct reader *reader, struct session *session, enum session_op kind,
                         bytes in, bytes signature, struct scratch scratch)
{
    if (op_of(session, kind)->updated) return op_refuse_whole(reader->card, session, kind);
    return op_verify_end(reader, session, kind, in, signature, scratch);
}

// C_VerifySignatureInit: the signature comes before the data.
static st op_keep_signature(struct card *card, struct session *session, bytes signature)
{
    struct op *op = op_of(session, SESSION_VERIFY);
    st s = ST_SIG_LEN;
    op->early = true;
    op->head = (u32)signature.n;
    if (signature.n <= OP_EARLY_MAX) s = arena_chain_put(&card->arena, op->data, signature);
    if (s) op_end(card, session, SESSION_VERIFY);
    return s;
}

// The value of a key that may be hashed: a secret key of a session.
static st op_digestible(const struct object *object, struct scratch *scratch, bytes *value)
{
    if (!object || object->class == CKO_CERTIFICATE || object->class == CKO_DATA) return ST_NO_KEY;
    if (object->class != CKO_SECRET_KEY || !object->owner) return ST_INDIGESTIBLE;
    return attr_secret_value(object, scratch, value);
}

// C_DigestKey: the value of a secret key as input of the digest.
static st op_digest_key(struct reader *reader, struct session *session, CK_OBJECT_HANDLE handle,
                        struct scratch scratch)
{
    struct op *op = op_of(session, SESSION_DIGEST);
    bytes value;
    if (!op || op->done) return ST_OP_NONE;
    st s = op_digestible(session_object(reader->card, session, handle), &scratch, &value);
    if (!s) return op_update(reader->card, session, SESSION_DIGEST, value);
    op_end(reader->card, session, SESSION_DIGEST);
    return s;
}

// ---- Context login ----

// What the key of an operation wants to be presented once more; NULL: there is no such operation.
static struct credential *op_credential(const struct card *card, const struct session *session)
{
    static const enum session_op kinds[] = { SESSION_SIGN, SESSION_DECRYPT, SESSION_SIGN_RECOVER,
                                             SESSION_MESSAGE_SIGN };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct op *op = op_of(session, kinds[i]);
        struct object *object = op ? session_object(card, session, op->key) : NULL;
        if (object && object->always_auth) return object->credential;
    }
    return NULL;
}

/* ================================================================================================
 * MARK: - >>stream
 * C_Encrypt and C_Decrypt where the cipher puts out what it can while input comes: ECB, CBC, CTR.
 *
 * Owns    the blocks between two calls; CBC's padding; CTR's counter. What is no such cipher goes
 *         on to >>op.
 * Uses    >>alg >>cipher >>card >>slot >>run >>attr >>session >>op
 * Names   stream_
 * Specs   NIST SP 800-38A (modes), RFC 5652, 6.3 (padding)
 * Tests   tests/unit/stream.c
 * ==============================================================================================*/

// So many bytes are worked on at once: what four short commands hold, or one where room is scarce.
#define STREAM_CHUNK ((size_t)(OP_GCM_ROOM < 8192 ? 240 : 960))

// ---- The ciphers ----

// Adds n to a counter block. It counts in its last bits, the others stay.
static void stream_count(u8 block[ALG_BLOCK], u32 bits, u64 n)
{
    for (u32 i = ALG_BLOCK; i-- && bits; ) {
        u32 here = bits < 8 ? bits : 8;
        u8 mask = (u8)(0xffu >> (8 - here));
        n += block[i] & mask;
        block[i] = (u8)((block[i] & ~mask) | (n & mask));
        n >>= here;
        bits -= here;
    }
}

// How many bytes CTR can go on for before the low bits of its counter are all used. There the
// counter begins anew at 0 without a carry, which PSA's does not.
static size_t stream_counter_run(const struct op_stream *stream)
{
    u32 bits = stream->bits < 16 ? stream->bits : 16;
    u64 low = bytes_number(bytes_of(stream->iv, ALG_BLOCK)) & ((1u << bits) - 1);
    return (size_t)((1u << bits) - low) * ALG_BLOCK - stream->used;
}

// Runs any bytes through AES-CTR. The key stream of a block that is used in part is made again: so
// many zeros go before the input.
static st stream_run_counter(struct op_stream *stream, bytes key, bytes in, struct scratch scratch,
                             struct buf *out)
{
    while (in.n) {
        struct scratch each = scratch;
        bytes part = bytes_head(in, stream_counter_run(stream));
        struct buf block = scratch_buf(&each, stream->used + part.n);
        struct buf result = scratch_buf(&each, stream->used + part.n);
        buf_fill(&block, 0, stream->used);
        buf_put(&block, part);
        if (block.full || result.cap < block.n) return ST_HOST_MEMORY;
        TRY(cipher_aes(ALG_CTR, key, bytes_of(stream->iv, ALG_BLOCK), true, buf_bytes(&block),
                       &result));
        buf_put(out, bytes_from(buf_bytes(&result), stream->used));
        stream_count(stream->iv, stream->bits, block.n / ALG_BLOCK);
        stream->used = (u32)(block.n % ALG_BLOCK);
        in = bytes_from(in, part.n);
    }
    return out->full ? ST_HOST_MEMORY : ST_OK;
}

// Runs whole blocks through ECB or CBC, on the card if the key is there. Appends as many bytes as
// go in.
static st stream_cipher(struct reader *reader, struct object *object, const struct alg_use *use,
                        bytes iv, bool encrypt, bytes in, struct scratch scratch, struct buf *out)
{
    struct run run = op_run_with(reader, object, scratch);
    size_t start = out->n;
    bytes key;
    SCARD11_ASSERT(in.n % use->block == 0);
    if (object->owner) {
        TRY(attr_secret_value(object, &scratch, &key));
        return cipher_aes(use->scheme, key, iv, encrypt, in, out);
    }
    while (run_next(&run)) {
        buf_rewind(out, start);
        run.s = object->token->driver->crypt(reader->card, object, use, encrypt, iv, in, scratch,
                                             out);
    }
    if (run.s) return run.s;
    return out->full || out->n - start != in.n ? ST_PROTOCOL : ST_OK;
}

// Runs whole blocks (any bytes with CTR) through the cipher of a running operation, which goes on
// behind them.
static st stream_run(struct reader *reader, struct session *session, struct op *op, bool encrypt,
                     bytes in, struct scratch scratch, struct buf *out)
{
    struct object *object = session_object(reader->card, session, op->key);
    struct op_stream *stream = &op->at.stream;
    struct alg_use use = { .type = ALG_SECRET, .scheme = ALG_CBC, .block = op->use.block };
    bytes iv = bytes_of(stream->iv, use.block), key;
    size_t start = out->n;
    if (!in.n) return ST_OK;
    if (op->secret) TRY(op_still(session, op, object));
    if (!object) return ST_NO_KEY;
    if (op->use.scheme == ALG_CTR) {
        TRY(attr_secret_value(object, &scratch, &key));
        return stream_run_counter(stream, key, in, scratch, out);
    }
    if (op->use.scheme == ALG_ECB) {
        use.scheme = ALG_ECB;
        return stream_cipher(reader, object, &use, BYTES_NONE, encrypt, in, scratch, out);
    }
    TRY(stream_cipher(reader, object, &use, iv, encrypt, in, scratch, out));
    bytes last = encrypt ? bytes_of(out->p + start, in.n) : in;
    memcpy(stream->iv, last.p + last.n - iv.n, iv.n);
    return ST_OK;
}

// ---- Padding ----

// How much of CBC_PAD's last block is data (RFC 5652, 6.3), in a time that does not tell it.
static st stream_unpad(bytes block, size_t *n)
{
    u32 size = (u32)block.n, padding = block.p[size - 1];
    u32 bad = padding == 0 || padding > size;
    for (u32 i = 0; i < size; i++)
        bad |= (u32)(i >= size - padding) & (u32)(block.p[i] != padding);
    *n = size - (bad ? 0 : padding);
    return bad ? ST_CIPHER_DATA : ST_OK;
}

static bool stream_is_padded(const struct op *op)
{
    return op->use.scheme == ALG_CBC_PADDED;
}

// What is wrong with the length of an input.
static st stream_wrong_length(bool encrypt)
{
    return encrypt ? ST_DATA_LEN : ST_CIPHER_LEN;
}

// ---- In parts ----

// What a stream puts out when n bytes more come.
static size_t stream_size(const struct op *op, bool encrypt, size_t n)
{
    size_t all = op->at.stream.rest_n + n;
    if (op->use.scheme == ALG_CTR) return n;
    if (stream_is_padded(op) && !encrypt && all) all--;     // the last block waits
    return all - all % op->use.block;
}

// Has CTR key stream for n bytes more, none of which was used before?
static bool stream_counter_lasts(const struct op *op, size_t n)
{
    return op->use.scheme != ALG_CTR || n <= op->at.stream.left;
}

// Says in *out_len how many bytes come. Is out there, with room for them?
static bool stream_fits(const void *out, CK_ULONG *out_len, size_t size)
{
    bool fits = out && *out_len >= size;
    *out_len = (CK_ULONG)size;
    return fits;
}

// Takes input and puts out what can be: stream_size, which out has room for. in and out may be the
// same memory: what is written never comes before what was read.
static st stream_add(struct reader *reader, struct session *session, struct op *op, bool encrypt,
                     bytes in, struct scratch scratch, struct buf *out)
{
    struct op_stream *stream = &op->at.stream;
    struct buf now = scratch_buf(&scratch, STREAM_CHUNK + ALG_BLOCK);
    struct buf next = scratch_buf(&scratch, STREAM_CHUNK);
    struct buf result = scratch_buf(&scratch, STREAM_CHUNK + ALG_BLOCK);
    size_t left = stream_size(op, encrypt, in.n);
    SCARD11_ASSERT(op_is_stream(op) && out->cap - out->n >= left);
    if (!now.cap || !next.cap || !result.cap) return ST_HOST_MEMORY;
    if (!stream_counter_lasts(op, in.n)) return stream_wrong_length(encrypt);
    if (op->use.scheme == ALG_CTR) stream->left -= in.n;
    buf_put(&next, bytes_head(in, STREAM_CHUNK));
    in = bytes_from(in, STREAM_CHUNK);
    do {
        now.n = 0;
        buf_put(&now, bytes_of(stream->rest, stream->rest_n));
        buf_put(&now, buf_bytes(&next));
        next.n = 0;
        buf_put(&next, bytes_head(in, STREAM_CHUNK));
        in = bytes_from(in, STREAM_CHUNK);
        size_t run = now.n;
        if (op->use.scheme != ALG_CTR) run -= run % op->use.block;
        if (run > left) run = left;
        result.n = 0;
        TRY(stream_run(reader, session, op, encrypt, bytes_of(now.p, run), scratch, &result));
        buf_put(out, buf_bytes(&result));
        left -= run;
        stream->rest_n = (u32)(now.n - run);
        if (stream->rest_n) memcpy(stream->rest, now.p + run, stream->rest_n);
    } while (next.n);
    return out->full ? ST_HOST_MEMORY : ST_OK;
}

// CBC_PAD's last block: padded and encrypted, or decrypted and its data taken out. ST_TOO_SMALL,
// with the data's length in *need, leaves the stream as it was.
static st stream_end_padded(struct reader *reader, struct session *session, struct op *op,
                            bool encrypt, struct scratch scratch, struct buf *out, size_t *need)
{
    struct op_stream *stream = &op->at.stream;
    struct op_stream before = *stream;
    size_t size = op->use.block, waits = stream->rest_n;
    u8 room[ALG_BLOCK];
    struct buf block = buf_on(room, sizeof room);
    *need = size;
    if (encrypt) memset(stream->rest + waits, (int)(size - waits), size - waits);
    TRY(stream_run(reader, session, op, encrypt, bytes_of(stream->rest, size), scratch, &block));
    st s = encrypt ? ST_OK : stream_unpad(buf_bytes(&block), need);
    if (!s && *need > out->cap - out->n) {
        *stream = before;
        s = ST_TOO_SMALL;
    }
    if (!s) buf_put(out, bytes_of(room, *need));
    mem_wipe(room, sizeof room);
    return s;
}

// What comes at the end of a stream. ST_TOO_SMALL, with out's length in *need, leaves it as it was.
static st stream_end(struct reader *reader, struct session *session, struct op *op, bool encrypt,
                     struct scratch scratch, struct buf *out, size_t *need)
{
    u32 waits = op->at.stream.rest_n;
    *need = 0;
    if (stream_is_padded(op) && (encrypt || waits == op->use.block))
        return stream_end_padded(reader, session, op, encrypt, scratch, out, need);
    bool whole = op->use.scheme == ALG_CTR || (!waits && !stream_is_padded(op));
    return whole ? ST_OK : stream_wrong_length(encrypt);
}

// C_EncryptUpdate and C_DecryptUpdate. out NULL asks for the length.
static st stream_update(struct reader *reader, struct session *session, enum session_op kind,
                        bytes in, struct scratch scratch, void *out, CK_ULONG *out_len)
{
    struct op *op = op_of(session, kind);
    bool encrypt = kind == SESSION_ENCRYPT;
    if (!op) return ST_OP_NONE;
    if (!op_is_stream(op)) {                            // the rest puts nothing out before its end
        if (out) TRY(op_update(reader->card, session, kind, in));
        *out_len = 0;
        return ST_OK;
    }
    size_t size = stream_size(op, encrypt, in.n);
    bool fits = stream_fits(out, out_len, size);
    if (!out) return ST_OK;
    if (!fits) return ST_TOO_SMALL;
    struct buf b = buf_on(out, size);
    op->updated = true;
    st s = stream_add(reader, session, op, encrypt, in, scratch, &b);
    if (s) op_end(reader->card, session, kind);
    return s;
}

// C_EncryptFinal and C_DecryptFinal. last, which is empty, is what >>op ends with.
static st stream_final(struct reader *reader, struct session *session, enum session_op kind,
                       bytes last, struct scratch scratch, void *out, CK_ULONG *out_len)
{
    struct op *op = op_of(session, kind);
    bool encrypt = kind == SESSION_ENCRYPT;
    size_t need = 0;
    if (!op_is_stream(op))
        return op_finish(reader, session, kind, last, scratch, out, out_len);
    if (!out) {
        *out_len = stream_is_padded(op) ? op->use.block : 0;
        return ST_OK;
    }
    struct buf b = buf_on(out, *out_len);
    st s = stream_end(reader, session, op, encrypt, scratch, &b, &need);
    *out_len = (CK_ULONG)(s ? need : b.n);
    if (s != ST_TOO_SMALL) op_end(reader->card, session, kind);
    return s;
}

// ---- All at once ----

// Runs the whole of a stream to out, which has room for size bytes: all that comes.
static st stream_run_whole(struct reader *reader, struct session *session, struct op *op,
                           bool encrypt, bytes in, struct scratch scratch, void *out, size_t size)
{
    struct buf b = buf_on(out, size);
    size_t need;
    st s = stream_add(reader, session, op, encrypt, in, scratch, &b);
    if (!s) s = stream_end(reader, session, op, encrypt, scratch, &b, &need);
    return s == ST_TOO_SMALL ? ST_CRYPTO : s;       // the last block is not what it was before
}

// The data's length of one whole CBC_PAD cryptogram: its last block says, and is looked at first.
static st stream_padded_size(struct reader *reader, struct session *session, struct op *op,
                             bytes in, struct scratch scratch, size_t *size)
{
    struct op_stream before = op->at.stream;
    u8 room[ALG_BLOCK];
    struct buf block = buf_on(room, sizeof room);
    size_t last = in.n - op->use.block, n;
    memcpy(op->at.stream.iv, in.p + last - op->use.block, op->use.block);
    st s = stream_run(reader, session, op, false, bytes_from(in, last), scratch, &block);
    op->at.stream = before;
    if (!s) s = stream_unpad(buf_bytes(&block), &n);
    if (!s) *size = last + n;
    mem_wipe(room, sizeof room);
    return s;
}

// Runs short input of CBC_PAD at once, to scratch: the result tells its length. ST_TOO_SMALL, with
// that length, leaves the operation as it was.
static st stream_padded_short(struct reader *reader, struct session *session, struct op *op,
                              bool encrypt, bytes in, struct scratch scratch, void *out,
                              CK_ULONG *out_len)
{
    struct op_stream before = op->at.stream;
    size_t block = op->use.block, padding = block - in.n % block;
    struct buf whole = scratch_buf(&scratch, in.n + padding);
    struct buf result = scratch_buf(&scratch, in.n + padding);
    buf_put(&whole, in);
    if (encrypt) buf_fill(&whole, (u8)padding, padding);
    if (whole.full || result.cap < whole.n) return ST_HOST_MEMORY;
    TRY(stream_run(reader, session, op, encrypt, buf_bytes(&whole), scratch, &result));
    size_t size = result.n;
    if (!encrypt) {
        size_t last = size - block, n;
        TRY(stream_unpad(bytes_from(buf_bytes(&result), last), &n));
        size = last + n;
    }
    if (!stream_fits(out, out_len, size)) {
        op->at.stream = before;
        return ST_TOO_SMALL;
    }
    if (size) memcpy(out, result.p, size);
    return ST_OK;
}

static st stream_encrypt_padded(struct reader *reader, struct session *session, struct op *op,
                                bytes in, struct scratch scratch, void *out, CK_ULONG *out_len)
{
    size_t size = in.n - in.n % op->use.block + op->use.block;
    bool fits = stream_fits(out, out_len, size);
    if (!out) return ST_OK;
    if (!fits) return ST_TOO_SMALL;
    if (in.n <= STREAM_CHUNK)
        return stream_padded_short(reader, session, op, true, in, scratch, out, out_len);
    return stream_run_whole(reader, session, op, true, in, scratch, out, size);
}

// Only the padding tells how long the data is. A question for the length is answered with the most.
static st stream_decrypt_padded(struct reader *reader, struct session *session, struct op *op,
                                bytes in, struct scratch scratch, void *out, CK_ULONG *out_len)
{
    size_t size;
    if (!out) {
        *out_len = (CK_ULONG)in.n;
        return ST_OK;
    }
    if (!in.n || in.n % op->use.block) return ST_CIPHER_LEN;
    if (in.n <= STREAM_CHUNK)
        return stream_padded_short(reader, session, op, false, in, scratch, out, out_len);
    TRY(stream_padded_size(reader, session, op, in, scratch, &size));
    if (!stream_fits(out, out_len, size)) return ST_TOO_SMALL;
    return stream_run_whole(reader, session, op, false, in, scratch, out, size);
}

// ECB, CBC, CTR: as many bytes come out as go in.
static st stream_whole(struct reader *reader, struct session *session, struct op *op, bool encrypt,
                       bytes in, struct scratch scratch, void *out, CK_ULONG *out_len)
{
    bool blocks = op->use.scheme == ALG_CTR || in.n % op->use.block == 0;
    if (!blocks || !stream_counter_lasts(op, in.n)) return stream_wrong_length(encrypt);
    bool fits = stream_fits(out, out_len, in.n);
    if (!out) return ST_OK;
    if (!fits) return ST_TOO_SMALL;
    return stream_run_whole(reader, session, op, encrypt, in, scratch, out, in.n);
}

// C_Encrypt and C_Decrypt: all input at once. A question for the length, and a buffer that is too
// small, leave the operation as it was.
static st stream_once(struct reader *reader, struct session *session, enum session_op kind,
                      bytes in, struct scratch scratch, void *out, CK_ULONG *out_len)
{
    struct op *op = op_of(session, kind);
    bool encrypt = kind == SESSION_ENCRYPT;
    st s;
    if (!op_is_stream(op) || op->updated)
        return op_once(reader, session, kind, in, scratch, out, out_len);
    if (!stream_is_padded(op))
        s = stream_whole(reader, session, op, encrypt, in, scratch, out, out_len);
    else if (encrypt)
        s = stream_encrypt_padded(reader, session, op, in, scratch, out, out_len);
    else
        s = stream_decrypt_padded(reader, session, op, in, scratch, out, out_len);
    bool asked = !s && !out;
    if (s != ST_TOO_SMALL && !asked) op_end(reader->card, session, kind);
    return s;
}

/* ================================================================================================
 * MARK: - >>keys
 * Keys out of nothing and out of others: generate, derive, wrap, unwrap.
 *
 * Owns    the key derivation functions; what a wrapped key is
 * Uses    >>tlv >>alg >>hash >>random >>cipher >>card >>slot >>run >>mech >>attr >>session
 *         >>make >>op >>stream
 * Names   keys_
 * Specs   PKCS#11 3.2, 5.18; ANSI X9.63 (key derivation), RFC 5869 (HKDF)
 * Tests   tests/unit/keys.c
 * ==============================================================================================*/

#define KEYS_SHARED_MAX 128         // bytes of a shared secret of ECDH

// ---- Generation ----

// Makes a new secret key, a session object. The mechanism says which type: AES, or any other but
// 3DES.
static st keys_generate(struct reader *reader, struct session *session,
                        const CK_MECHANISM *mechanism, const CK_ATTRIBUTE *template, CK_ULONG n,
                        struct scratch scratch, CK_OBJECT_HANDLE *key)
{
    const struct mech_row *mech = mech_find(session->token, mechanism->mechanism, CKF_GENERATE);
    const struct make_origin from = { true, mechanism->mechanism, true, true };
    struct object *made;
    size_t len;
    if (!mech) return ST_MECHANISM;
    if (mechanism->ulParameterLen) return ST_MECH_PARAM;
    TRY(make_check_secret(session, template, n, mech->secret));
    CK_KEY_TYPE type = attr_number(template, n, CKA_KEY_TYPE, mech->secret);
    bool aes = type == CKK_AES;
    if (aes != (mech->secret == CKK_AES) || type == CKK_DES3) return ST_TEMPLATE_MIXED;
    TRY(make_length(template, n, 0, type, &len));
    struct buf value = scratch_buf(&scratch, len);
    if (value.cap < len) return ST_HOST_MEMORY;
    TRY(random_bytes(value.p, len));
    TRY(make_secret(reader->card, session, template, n, type, &from, bytes_of(value.p, len),
                    &made));
    *key = made->handle;
    return ST_OK;
}

// ---- Derivation ----

// The hash of a key derivation function of ANSI X9.63, as CKM_ECDH1_DERIVE knows them; NULL: it is
// none of them.
static const struct alg_hash *keys_kdf_hash(CK_EC_KDF_TYPE kdf)
{
    static const struct { CK_EC_KDF_TYPE kdf; CK_MECHANISM_TYPE hash; } kdfs[] = {
        { CKD_SHA1_KDF, CKM_SHA_1 }, { CKD_SHA224_KDF, CKM_SHA224 }, { CKD_SHA256_KDF, CKM_SHA256 },
        { CKD_SHA384_KDF, CKM_SHA384 }, { CKD_SHA512_KDF, CKM_SHA512 },
    };
    for (size_t i = 0; i < COUNT(kdfs); i++)
        if (kdfs[i].kdf == kdf) return alg_hash_find(kdfs[i].hash);
    return NULL;
}

// Appends one block of the key derivation function of ANSI X9.63, 5.6.3, or its first n bytes.
static st keys_kdf_block(const struct alg_hash *with, bytes secret, u32 counter, bytes shared,
                         size_t n, struct buf *out)
{
    u8 room[ALG_HASH_MAX];
    struct buf digest = buf_on(room, sizeof room);
    struct hash hash;
    TRY(hash_begin(&hash, with));
    st s = hash_add(&hash, secret);
    if (!s) s = hash_add(&hash, BYTES(0, 0, (u8)(counter >> 8), (u8)counter));
    if (!s) s = hash_add(&hash, shared);
    if (s) hash_drop(&hash);
    else   s = hash_end(&hash, &digest);
    if (!s) buf_put(out, bytes_head(buf_bytes(&digest), n));
    mem_wipe(room, sizeof room);
    return s;
}

// Appends a key of so many bytes, derived from a shared secret. CKD_NULL: the secret itself,
// shortened from the front, as the mechanism says.
static st keys_kdf(CK_EC_KDF_TYPE kdf, bytes secret, bytes shared, size_t want, struct buf *out)
{
    const struct alg_hash *with = keys_kdf_hash(kdf);
    if (kdf == CKD_NULL) {
        if (want > secret.n) return ST_KEY_SIZE;
        buf_put(out, bytes_from(secret, secret.n - want));
        return ST_OK;
    }
    if (!with) return ST_MECH_PARAM;
    for (u32 counter = 1; out->n < want && !out->full; counter++)
        TRY(keys_kdf_block(with, secret, counter, shared, want - out->n, out));
    return out->full ? ST_KEY_SIZE : ST_OK;
}

// The peer's point: raw, or in a DER OCTET STRING.
static st keys_peer_point(const struct alg_key *key, bytes given, bytes *point)
{
    *point = given;
    if (alg_point_good(key->curve, *point)) return ST_OK;
    if (tlv_open(given, 0x04, point) || !alg_point_good(key->curve, *point)) return ST_MECH_PARAM;
    return ST_OK;
}

// X25519 with a point of low order gives zeros, whatever the key is (RFC 7748, 6.1).
static bool keys_no_secret(const struct alg_key *key, bytes secret)
{
    u8 any = 0;
    for (size_t i = 0; i < secret.n; i++) any |= secret.p[i];
    return key->type == ALG_MONTGOMERY && !any;
}

// Has the card derive. secret, empty before, becomes the shared secret.
static st keys_run_derive(struct reader *reader, struct object *object, bytes point,
                          struct scratch scratch, struct buf *secret)
{
    struct run run = op_run_with(reader, object, scratch);
    SCARD11_ASSERT(!secret->n);
    if (!object->token->driver->derive) return ST_NOT_SUPPORTED;
    while (run_next(&run)) {
        buf_rewind(secret, 0);
        run.s = object->token->driver->derive(reader->card, object, point, scratch, secret);
    }
    return run.s;
}

// The parameters of ECDH. What is wrong with them is found before the card is asked.
static st keys_ecdh_params(const CK_MECHANISM *mechanism, CK_ECDH1_DERIVE_PARAMS *params)
{
    TRY(mech_params(mechanism, params, sizeof *params));
    if (params->ulPublicDataLen && !params->pPublicData) return ST_MECH_PARAM;
    if (params->ulSharedDataLen && !params->pSharedData) return ST_MECH_PARAM;
    bool known = keys_kdf_hash(params->kdf) != NULL;
    if (params->kdf == CKD_NULL) known = !params->ulSharedDataLen;
    return known ? ST_OK : ST_MECH_PARAM;
}

// The shared secret of ECDH, through the key derivation function.
static st keys_derive_ecdh(struct reader *reader, const CK_MECHANISM *mechanism,
                           struct object *object, const CK_ATTRIBUTE *template, CK_ULONG n,
                           struct scratch scratch, struct buf *value)
{
    CK_KEY_TYPE type = attr_number(template, n, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    struct buf secret = scratch_buf(&scratch, KEYS_SHARED_MAX);
    CK_ECDH1_DERIVE_PARAMS params;
    bytes point;
    size_t len;
    TRY(keys_ecdh_params(mechanism, &params));
    TRY(make_length(template, n, object->key->curve->size, type, &len));
    TRY(keys_peer_point(object->key, bytes_of(params.pPublicData, params.ulPublicDataLen), &point));
    TRY(cipher_check_point(object->key, point));
    TRY(keys_run_derive(reader, object, point, scratch, &secret));
    if (keys_no_secret(object->key, buf_bytes(&secret))) return ST_MECH_PARAM;
    return keys_kdf(params.kdf, buf_bytes(&secret),
                    bytes_of(params.pSharedData, params.ulSharedDataLen), len, value);
}

// The salt of HKDF: none, bytes, or another secret key.
static st keys_salt(struct reader *reader, struct session *session, const CK_HKDF_PARAMS *params,
                    struct scratch *scratch, bytes *salt)
{
    struct object *object;
    *salt = BYTES_NONE;
    switch (params->ulSaltType) {
    case CKF_HKDF_SALT_NULL: return ST_OK;
    case CKF_HKDF_SALT_DATA:
        if (params->ulSaltLen && !params->pSalt) return ST_MECH_PARAM;
        *salt = bytes_of(params->pSalt, params->ulSaltLen);
        return ST_OK;
    case CKF_HKDF_SALT_KEY:
        object = session_object(reader->card, session, params->hSaltKey);
        if (!object || object->class != CKO_SECRET_KEY || !object->owner) return ST_NO_KEY;
        return attr_secret_value(object, scratch, salt);
    default: return ST_MECH_PARAM;
    }
}

// HKDF (RFC 5869): extract, expand, or both.
static st keys_derive_hkdf(struct reader *reader, struct session *session,
                           const CK_MECHANISM *mechanism, struct object *object,
                           const CK_ATTRIBUTE *template, CK_ULONG n, struct scratch scratch,
                           struct buf *value)
{
    CK_KEY_TYPE type = attr_number(template, n, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    struct buf extracted = scratch_buf(&scratch, ALG_HASH_MAX);
    CK_HKDF_PARAMS params;
    bytes key, salt;
    size_t len;
    TRY(mech_params(mechanism, &params, sizeof params));
    const struct alg_hash *hash = alg_hash_find(params.prfHashMechanism);
    if (!hash || (!params.bExtract && !params.bExpand)) return ST_MECH_PARAM;
    if (params.ulInfoLen && !params.pInfo) return ST_MECH_PARAM;
    TRY(make_length(template, n, params.bExpand ? 0 : hash->size, type, &len));
    if (!params.bExpand && len > hash->size) return ST_KEY_SIZE;
    TRY(keys_salt(reader, session, &params, &scratch, &salt));
    TRY(attr_secret_value(object, &scratch, &key));
    if (params.bExtract) {
        TRY(hash_hmac(hash, salt, key, BYTES_NONE, BYTES_NONE, &extracted));
        key = buf_bytes(&extracted);
    }
    if (params.bExpand)
        return hash_hkdf_expand(hash, key, bytes_of(params.pInfo, params.ulInfoLen), len, value);
    buf_put(value, bytes_head(key, len));
    return ST_OK;
}

// A secret key as session object, derived from another key: by ECDH on the card, by HKDF on the
// host from a session's key.
static st keys_derive(struct reader *reader, struct session *session, const CK_MECHANISM *mechanism,
                      CK_OBJECT_HANDLE base, const CK_ATTRIBUTE *template, CK_ULONG n,
                      struct scratch scratch, CK_OBJECT_HANDLE *key)
{
    struct buf value = scratch_buf(&scratch, MECH_SECRET_MAX);
    struct make_origin from = { .local = false };
    struct object *object, *made;
    const struct mech_row *mech = mech_find(session->token, mechanism->mechanism, CKF_DERIVE);
    if (!mech) return ST_MECHANISM;
    TRY(op_key(reader, session, CKF_DERIVE, base, mech, scratch, &object));
    if (mech->param == MECH_HKDF && !object->owner) return ST_KEY_USE;
    TRY(make_check_secret(session, template, n, CKK_GENERIC_SECRET));
    CK_KEY_TYPE type = attr_number(template, n, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    if (mech->param == MECH_HKDF) {
        TRY(keys_derive_hkdf(reader, session, mechanism, object, template, n, scratch, &value));
        from.always_sensitive = attr_true(object, CKA_ALWAYS_SENSITIVE, scratch);
        from.never_extractable = attr_true(object, CKA_NEVER_EXTRACTABLE, scratch);
    } else {
        TRY(keys_derive_ecdh(reader, mechanism, object, template, n, scratch, &value));
    }
    TRY(make_secret(reader->card, session, template, n, type, &from, buf_bytes(&value), &made));
    *key = made->handle;
    return ST_OK;
}

// ---- Wrapping: session keys leave, and come, encrypted ----

// What is wrong with a key is said of the wrapping key.
static st keys_wrapping_error(st s, bool wrap)
{
    switch (s) {
    case ST_NO_KEY:   return wrap ? ST_WRAP_KEY : ST_UNWRAP_KEY;
    case ST_KEY_TYPE: return wrap ? ST_WRAP_TYPE : ST_UNWRAP_TYPE;
    case ST_KEY_SIZE: return wrap ? ST_WRAP_SIZE : ST_UNWRAP_SIZE;
    default:          return s;
    }
}

// The wrapping or unwrapping key, and how it is used.
static st keys_wrapping_key(struct reader *reader, struct session *session, CK_FLAGS purpose,
                            const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE handle,
                            struct scratch scratch, struct object **out, struct alg_use *use,
                            struct mech_given *given)
{
    const struct mech_row *mech = mech_find(session->token, mechanism->mechanism, purpose);
    struct alg_key key;
    if (!mech) return ST_MECHANISM;
    TRY(mech_use(mechanism, mech, use, given));
    st s = op_key(reader, session, purpose, handle, mech, scratch, out);
    if (!s && !mech_is_here(*out, mech)) s = ST_KEY_USE;
    if (!s && mech->key == ALG_RSA) {
        bool known = !attr_key(*out, &scratch, &key);
        if (known) s = op_check_size(&key, use);
    }
    if (!s) s = op_check_host(*out, use);
    return keys_wrapping_error(s, purpose == CKF_WRAP);
}

// The key that is wrapped: one that may leave.
static st keys_leaving(struct reader *reader, const struct session *session,
                       CK_OBJECT_HANDLE handle, struct scratch scratch, struct object **out)
{
    struct object *object = session_object(reader->card, session, handle);
    if (!object || object->class == CKO_CERTIFICATE || object->class == CKO_DATA) return ST_NO_KEY;
    if (object->class == CKO_PUBLIC_KEY) return ST_NOT_WRAPPABLE;
    if (!attr_true(object, CKA_EXTRACTABLE, scratch)) return ST_UNEXTRACTABLE;
    if (!object->owner || attr_true(object, CKA_WRAP_WITH_TRUSTED, scratch))
        return ST_NOT_WRAPPABLE;
    *out = object;
    return ST_OK;
}

// The length of a wrapped key. ST_KEY_SIZE: an RSA key is too short for it.
static st keys_wrapped_size(const struct object *with, const struct alg_use *use, size_t secret,
                            struct scratch scratch, size_t *size)
{
    struct alg_key key;
    if (use->type != ALG_RSA) {
        *size = secret - secret % use->block + use->block;
        return ST_OK;
    }
    TRY(attr_key(with, &scratch, &key));
    *size = alg_key_bytes(&key);
    return secret + op_overhead(use) <= *size ? ST_OK : ST_KEY_SIZE;
}

// CBC with the padding of PKCS#7, whole.
static st keys_wrap_cbc(struct reader *reader, struct object *with, const struct alg_use *use,
                        bytes iv, bytes value, struct scratch scratch, struct buf *out)
{
    const struct alg_use cbc = { .type = ALG_SECRET, .scheme = ALG_CBC, .block = use->block };
    size_t padding = use->block - value.n % use->block;
    struct buf padded = scratch_buf(&scratch, value.n + padding);
    buf_put(&padded, value);
    buf_fill(&padded, (u8)padding, padding);
    if (padded.full) return ST_HOST_MEMORY;
    return stream_cipher(reader, with, &cbc, iv, true, buf_bytes(&padded), scratch, out);
}

// A session's secret key, encrypted with another. out NULL asks for the length; that, and a buffer
// that is too small, send nothing to the card.
static st keys_wrap(struct reader *reader, struct session *session, const CK_MECHANISM *mechanism,
                    CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE handle, struct scratch scratch,
                    u8 *out, CK_ULONG *out_len)
{
    struct object *with, *object;
    struct mech_given given;
    struct alg_use use;
    struct alg_key key;
    bytes value;
    size_t size;
    TRY(keys_wrapping_key(reader, session, CKF_WRAP, mechanism, wrapping, scratch, &with, &use,
                          &given));
    TRY(keys_leaving(reader, session, handle, scratch, &object));
    TRY(keys_wrapped_size(with, &use, object->secret_len, scratch, &size));
    bool fits = *out_len >= size;
    *out_len = (CK_ULONG)size;
    if (!out) return ST_OK;
    if (!fits) return ST_TOO_SMALL;
    struct buf b = buf_on(out, size);
    TRY(attr_secret_value(object, &scratch, &value));
    if (use.type != ALG_RSA)
        return keys_wrap_cbc(reader, with, &use, given.iv, value, scratch, &b);
    TRY(attr_key(with, &scratch, &key));
    return cipher_encrypt(&key, &use, given.label, value, scratch, &b);
}

static st keys_unwrap_cbc(struct reader *reader, struct object *with, const struct alg_use *use,
                          bytes iv, bytes wrapped, struct scratch scratch, struct buf *value)
{
    const struct alg_use cbc = { .type = ALG_SECRET, .scheme = ALG_CBC, .block = use->block };
    size_t n;
    if (!wrapped.n || wrapped.n % use->block) return ST_WRAPPED_LEN;
    if (wrapped.n > MECH_SECRET_MAX + use->block) return ST_WRAPPED_LEN;
    TRY(stream_cipher(reader, with, &cbc, iv, false, wrapped, scratch, value));
    TRY(stream_unpad(bytes_from(buf_bytes(value), value->n - use->block), &n));
    value->n += n - use->block;
    return ST_OK;
}

// The value of a wrapped key. ST_WRAPPED is the one error of all that is wrong with its content.
static st keys_unwrap_value(struct reader *reader, struct session *session, struct object *with,
                            const struct alg_use *use, const struct mech_given *given,
                            bytes wrapped, struct scratch scratch, struct buf *value)
{
    st s;
    if (use->type == ALG_RSA)
        s = op_open(reader, session, with, use, given->label, wrapped, scratch, value);
    else
        s = keys_unwrap_cbc(reader, with, use, given->iv, wrapped, scratch, value);
    if (s == ST_CIPHER_LEN) return ST_WRAPPED_LEN;
    return s == ST_CIPHER_DATA ? ST_WRAPPED : s;
}

// A secret key as session object, that comes encrypted.
static st keys_unwrap(struct reader *reader, struct session *session, const CK_MECHANISM *mechanism,
                      CK_OBJECT_HANDLE unwrapping, bytes wrapped, const CK_ATTRIBUTE *template,
                      CK_ULONG n, struct scratch scratch, CK_OBJECT_HANDLE *key)
{
    struct buf value = scratch_buf(&scratch, MECH_SECRET_MAX + ALG_BLOCK);
    const struct make_origin from = { .local = false };
    struct object *with, *made;
    struct mech_given given;
    struct alg_use use;
    TRY(keys_wrapping_key(reader, session, CKF_UNWRAP, mechanism, unwrapping, scratch, &with, &use,
                          &given));
    TRY(make_check_secret(session, template, n, CKK_GENERIC_SECRET));
    CK_KEY_TYPE type = attr_number(template, n, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    TRY(keys_unwrap_value(reader, session, with, &use, &given, wrapped, scratch, &value));
    size_t len = attr_number(template, n, CKA_VALUE_LEN, (CK_ULONG)value.n);
    if (!make_length_good(type, value.n) || len != value.n) return ST_WRAPPED;
    TRY(make_secret(reader->card, session, template, n, type, &from, buf_bytes(&value), &made));
    *key = made->handle;
    return ST_OK;
}

/* ================================================================================================
 * MARK: - >>option
 * Options at run time.
 *
 * Owns    what scard11_configure set, and what the environment says; under the gate
 * Uses    >>same >>slot >>login
 * Names   option_
 * Tests   tests/unit/option.c
 * ==============================================================================================*/

static bool option_environment = SCARD11_ENVIRONMENT;
static char option_log[256];
static bool option_exclusive, option_keeps_pin = SCARD11_PIN_CACHE;
static char option_readers[sizeof slot_filter];

static bool option_is_on(const char *value)
{
    return *value && strcmp(value, "0") && strcmp(value, "no") && strcmp(value, "off");
}

static st option_set_text(char *field, size_t size, const char *value)
{
    if (strlen(value) >= size) return ST_ARGS;
    strcpy(field, value);
    return ST_OK;
}

// scard11_configure. ST_ARGS: there is no such option, or its value is too long.
static st option_set(const char *option, const char *value)
{
    if (!strcmp(option, "SCARD11_LOG"))
        return option_set_text(option_log, sizeof option_log, value);
    if (!strcmp(option, "SCARD11_READERS"))
        return option_set_text(option_readers, sizeof option_readers, value);
    if (!strcmp(option, "SCARD11_EXCLUSIVE")) option_exclusive = option_is_on(value);
    else if (!strcmp(option, "SCARD11_PIN_CACHE")) option_keeps_pin = option_is_on(value);
    else if (!strcmp(option, "SCARD11_ENVIRONMENT")) option_environment = option_is_on(value);
    else return ST_ARGS;
    return ST_OK;
}

// An option of the environment, or NULL; NULL also where it is not to be asked.
static const char *option_of_environment(const char *name)
{
    return option_environment ? os_environment(name) : NULL;
}

// Opens the log where the option says, or on stderr if that cannot be opened.
static void option_open_log(void)
{
    const char *log = option_of_environment("SCARD11_LOG");
    if (os_log_open(log ? log : option_log)) os_log_open("stderr");
}

// The other options as they stand, those of the environment first where they are allowed.
static void option_apply(void)
{
    const char *readers = option_of_environment("SCARD11_READERS");
    const char *exclusive = option_of_environment("SCARD11_EXCLUSIVE");
    const char *keeps_pin = option_of_environment("SCARD11_PIN_CACHE");
    same_exclusive = exclusive ? option_is_on(exclusive) : option_exclusive;
    login_keeps_pin = keeps_pin ? option_is_on(keeps_pin) : option_keeps_pin;
    if (!readers || option_set_text(slot_filter, sizeof slot_filter, readers))
        strcpy(slot_filter, option_readers);
}

/* ================================================================================================
 * MARK: - >>gate
 * Who may be inside: the frame of each call, the beginning and the end of the library.
 *
 * Owns    the gate (initialised or not, calls inside, waiters); struct call, from gate_enter to
 *         gate_leave
 * Uses    >>cipher >>reader >>link >>card >>slot >>life >>session >>option
 * Names   gate_
 * Specs   PKCS#11 3.2, 5.4 (C_Initialize, C_Finalize), 5.5.4 (C_WaitForSlotEvent)
 * Tests   tests/unit/gate.c
 * ==============================================================================================*/

// The longest single wait of C_WaitForSlotEvent: after so long it looks again. A change can escape
// a wait in pcsc-lite before 2.0.1, where another thread's older answer may come over the states
// just before the wait compares them.
#define GATE_WAIT_MS    500
#define GATE_CANCEL_MS  32          // longest time between two cancels of it
#define GATE_MAKING     0x80000000u // beside a process id, which is positive where there is fork

// A thread in C_WaitForSlotEvent, on its stack.
struct gate_waiter {
    struct gate_waiter *next;
    void *context;                  // its own PC/SC context; NULL: none yet
};

enum gate_state { GATE_DOWN, GATE_UP, GATE_STOPPING };

// The process that made the locks; with GATE_MAKING: that is about to; 0: none yet.
static os_shared gate_owner;
static enum gate_state gate_state;  // this and the next three under the gate, os_gate
static u32 gate_calls;              // calls inside, waiters not counted
static u32 gate_stragglers;         // those that hung over a C_Finalize
static struct gate_waiter *gate_waiters;

// One call: what it is about, and the first thing that went wrong.
struct call {
    st s;
    const char *name;
    bool entered;                   // the gate counted it
    u32  generation;
    struct reader *reader;          // whose lock it holds, or NULL
    struct card *card;              // reader->card
    struct session *session;
    struct scratch scratch;         // gone, and wiped, at gate_leave
};

// ---- Entering and leaving ----

// Are the locks this process's? A forked child touches no lock of its parent's.
static bool gate_is_mine(void)
{
    return os_load(&gate_owner) == os_pid();
}

// Enters for a function that needs neither session nor slot: the library is up, in this process.
static struct call gate_enter_library(const char *name)
{
    struct call call = { .name = name };
    if (!gate_is_mine()) {
        call.s = ST_NOT_INIT;
        return call;
    }
    os_acquire(&os_gate);
    if (gate_state == GATE_UP) {
        gate_calls++;
        call.entered = true;
        call.generation = slot_generation;
    } else {
        call.s = ST_NOT_INIT;
    }
    os_release(&os_gate);
    return call;
}

// Enters for a function that takes a session. It holds the reader's lock, and the session's card is
// the one that it was opened on, as far as PC/SC shows. gate_leave follows, also after an error.
static struct call gate_enter(const char *name, CK_SESSION_HANDLE handle)
{
    struct call call = gate_enter_library(name);
    u32 i = session_reader_of(handle);
    if (call.s) return call;
    if (i >= SCARD11_READERS_MAX) {
        call.s = ST_NO_SESSION;
        return call;
    }
    call.s = slot_enter(i, call.generation, &call.reader);
    if (call.s) return call;
    if (!call.reader->card || !session_find(call.reader->card, handle)) {
        call.s = ST_NO_SESSION;
        return call;
    }
    call.s = life_look(call.reader);
    if (call.s) return call;
    call.card = call.reader->card;
    call.card->link.reads = 0;
    call.session = session_find(call.card, handle);
    call.scratch = slot_scratch(call.reader);
    return call;
}

// Enters for a function that takes a slot and needs its token: the card is there, connected and
// known. gate_leave follows, also after an error.
static struct call gate_enter_slot(const char *name, CK_SLOT_ID id, struct token **token)
{
    struct call call = gate_enter_library(name);
    u32 index = 0;
    if (!call.s) call.s = slot_enter_id(id, true, call.generation, &call.reader, &index);
    if (!call.reader) return call;
    if (!call.s) call.s = life_card_for(call.reader, index);
    if (!call.s && index >= call.reader->card->token_count) call.s = ST_NO_TOKEN;
    if (call.s == ST_NO_TOKEN && slot_is_hidden(call.reader, index)) call.s = ST_NO_SLOT;
    if (call.s) return call;
    call.card = call.reader->card;
    call.card->link.reads = 0;
    call.scratch = slot_scratch(call.reader);
    *token = &call.card->tokens[index];
    return call;
}

// Lets the reader go. What C_Finalize gave up is not settled, but left.
static void gate_leave_reader(struct call *call)
{
    if (!call->reader) return;
    if (call->s != ST_NOT_INIT) call->s = life_settle(call->reader, call->s);
    slot_leave(call->reader);
    call->reader = NULL;
}

// The library lock stays as it is as long as a call that hung over C_Finalize may still use it; the
// last of those that comes back to a library that is down drops it.
static void gate_drop_shared(void)
{
    if (!gate_stragglers) os_lock_drop(&os_library);
}

// Ends what a gate_enter began: a card that left is let go, scratch is wiped, the lock given back,
// and the st becomes a CKR_*.
static CK_RV gate_leave(struct call *call)
{
    SCARD11_ASSERT(call->entered || !call->reader);
    if (call->s && call->s != ST_TOO_SMALL && call->s != ST_NO_EVENT)
        os_log("%s: %s (%04x)", call->name, st_text(call->s), (unsigned)call->s);
    if (!call->entered) return st_ckr(call->s);
    gate_leave_reader(call);
    os_acquire(&os_gate);
    if (call->generation == slot_generation) gate_calls--;
    else if (!--gate_stragglers && gate_state == GATE_DOWN) gate_drop_shared();
    os_release(&os_gate);
    return st_ckr(call->s);
}

// What a function answers that neither a card nor this library does. The session must be right all
// the same.
static CK_RV gate_refuse(const char *name, CK_SESSION_HANDLE session)
{
    struct call call = gate_enter(name, session);
    if (!call.s) call.s = ST_NOT_SUPPORTED;
    return gate_leave(&call);
}

// What a function answers that takes a slot, and that neither a card nor this library does.
static CK_RV gate_refuse_slot(const char *name, CK_SLOT_ID id)
{
    struct call call = gate_enter_library(name);
    u32 index = 0;
    if (!call.s) {
        os_acquire(&os_library);
        call.s = slot_with_id(id, &index) ? ST_NOT_SUPPORTED : ST_NO_SLOT;
        os_release(&os_library);
    }
    return gate_leave(&call);
}

// ---- Initialising and ending ----

// The mutexes of the application: all four functions, or none. They are used where the application
// does not allow the system's, for the library's lock and the readers'. The gate's, PSA's and the
// log's are the system's: they are there before C_Initialize and after C_Finalize.
static st gate_mutexes(const CK_C_INITIALIZE_ARGS *args, struct os_mutexes *mutexes)
{
    *mutexes = (struct os_mutexes){ NULL, NULL, NULL, NULL };
    if (!args) return ST_OK;
    int given = !!args->CreateMutex + !!args->DestroyMutex + !!args->LockMutex +
                !!args->UnlockMutex;
    if (args->pReserved || (given && given != 4)) return ST_ARGS;
    if (!SCARD11_THREADS && (given || args->flags & CKF_OS_LOCKING_OK)) return ST_CANT_LOCK;
    if (!given || args->flags & CKF_OS_LOCKING_OK) return ST_OK;
    *mutexes = (struct os_mutexes){ args->CreateMutex, args->DestroyMutex, args->LockMutex,
                                    args->UnlockMutex };
    return ST_OK;
}

// A forked child begins anew: the locks are made in place, whatever state the parent's threads had
// left them in, and what belongs to the parent is abandoned.
static void gate_abandon(void)
{
    os_log_abandon();
    os_lock_make(&os_gate, NULL);
    os_lock_make(&os_library, NULL);
#if OS_CRYPTO_OWN
    os_lock_make(&os_crypto, NULL);
#endif
    gate_state = GATE_DOWN;
    gate_calls = gate_stragglers = 0;
    gate_waiters = NULL;
    slot_abandon();
}

// Makes this process the owner of the locks. One of its threads makes them, the others wait for it.
// In a process that was forked meanwhile no thread does: it sees another's id, and begins anew.
static void gate_own(void)
{
    u32 me = os_pid();
    for (;;) {
        u32 owner = os_load(&gate_owner);
        if (owner == me) return;
        if (owner == (me | GATE_MAKING)) {
            os_sleep_ms(1);
        } else if (os_claim(&gate_owner, owner, me | GATE_MAKING)) {
            if (owner) gate_abandon();
            os_store(&gate_owner, me);
        }
    }
}

static st gate_start(const struct os_mutexes *mutexes)
{
    if (!gate_stragglers) option_apply();       // a call that hung may read them
    TRY(cipher_start());
    if (!gate_stragglers) TRY(os_lock_make(&os_library, mutexes));
    st s = slot_start(mutexes);
    if (!s) return ST_OK;
    slot_stop();
    gate_drop_shared();
    return s;
}

// Under the gate: C_Initialize in a library that is down.
static st gate_come_up(const CK_C_INITIALIZE_ARGS *args)
{
    struct os_mutexes mutexes;
    TRY(gate_mutexes(args, &mutexes));
    option_open_log();
    st s = gate_start(&mutexes);
    if (s) os_log_close();
    return s;
}

static st gate_initialize(const CK_C_INITIALIZE_ARGS *args)
{
    gate_own();
    os_acquire(&os_gate);
    st s = gate_state == GATE_DOWN ? gate_come_up(args) : ST_ALREADY_INIT;
    if (!s) gate_state = GATE_UP;
    os_release(&os_gate);
    return s;
}

// Waits until nobody is inside; false: a call did not end in time. Waiters have no limit, since it
// ends their waits. It cancels them again and again, because a cancel before a wait has begun is
// lost; after 1, 2, 4 ... ms, because pcsc-lite makes a connection for each cancel, and the more of
// those the service has to work off, the later a wait ends.
static bool gate_wait_until_empty(void)
{
    u64 end = os_now_ms() + SCARD11_FINALIZE_MS;
    for (u32 tick = 0, next = 0, pause = 1; ; tick++) {
        os_acquire(&os_gate);
        bool waiting = gate_waiters != NULL, calls = gate_calls > 0, due = tick == next;
        for (struct gate_waiter *waiter = gate_waiters; waiter && due; waiter = waiter->next)
            if (waiter->context) scard11_reader_cancel(waiter->context);
        os_release(&os_gate);
        if (due) next += pause;
        if (due && pause < GATE_CANCEL_MS) pause *= 2;
        if (!waiting && !calls) return true;
        if (!waiting && os_now_ms() > end) return false;
        os_sleep_ms(1);
    }
}

// C_Finalize: nobody comes in any more, who is inside leaves, logins end, and all is freed. A call
// that hangs (gate_stragglers) is left behind with what it uses.
static st gate_finalize(void)
{
    os_acquire(&os_gate);
    bool up = gate_state == GATE_UP;
    if (up) gate_state = GATE_STOPPING;
    os_release(&os_gate);
    if (!up) return ST_NOT_INIT;
    bool empty = gate_wait_until_empty();
    life_log_out_everywhere();
    os_acquire(&os_gate);
    gate_stragglers += gate_calls;
    gate_calls = 0;
    slot_stop();
    os_release(&os_gate);
    bool quiet = os_log_close();
    os_acquire(&os_gate);
    os_log_want(NULL, NULL);
    gate_drop_shared();
    gate_state = GATE_DOWN;
    os_release(&os_gate);
    return empty && quiet ? ST_OK : ST_FINALIZE;
}

// ---- Waiting for an event ----

// Stops a waiter's context, which C_Finalize cancels no more from then on. The waiter stays on the
// list: C_Finalize waits for it.
static void gate_stop_waiter(struct gate_waiter *waiter)
{
    os_acquire(&os_gate);
    void *context = waiter->context;
    waiter->context = NULL;
    os_release(&os_gate);
    if (context) scard11_reader_stop(context);
}

// A waiter has its context before it looks: what comes after the look ends the wait with it.
static void gate_start_waiter(struct gate_waiter *waiter)
{
    void *context = waiter->context;
    if (context) return;
    if (scard11_reader_start(&context)) context = NULL;
    os_acquire(&os_gate);
    waiter->context = context;
    os_release(&os_gate);
}

static bool gate_is_up(void)
{
    os_acquire(&os_gate);
    bool up = gate_state == GATE_UP;
    os_release(&os_gate);
    return up;
}

// How long a waiter sleeps after a wait, in ms: long where there is nothing to wait with (down), or
// nothing to wait for; a little where waits end at once again and again.
static u32 gate_pause(int code, bool down, const struct slot_watch *watch)
{
    if (down) return 200;
    if (code == SCARD11_READER_TIMEOUT && !watch->n) return 100;
    return watch->idle > 3 ? 20 : 0;
}

// A blocking wait that ends after GATE_WAIT_MS at the latest; without anything to wait with, a
// sleep in steps that C_Finalize can end.
static void gate_wait_once(struct gate_waiter *waiter, struct slot_watch *watch)
{
    int code = SCARD11_READER_DOWN;
    void *context = waiter->context;
    if (!gate_is_up()) return;
    if (context) code = scard11_reader_wait(context, watch->states, watch->n, GATE_WAIT_MS);
    bool down = code == SCARD11_READER_DOWN || code == SCARD11_READER_FAILED;
    if (down) gate_stop_waiter(waiter);
    for (u32 sleep = gate_pause(code, down, watch); sleep && gate_is_up(); sleep -= 10)
        os_sleep_ms(10);
}

// Looks once. Takes an event if there is one, and otherwise notes what to wait for.
static bool gate_look_for_event(CK_SLOT_ID *slot, struct slot_watch *watch)
{
    os_acquire(&os_library);
    slot_look_all();
    bool found = slot_take_event(slot);
    if (!found) slot_watch_all(watch);
    os_release(&os_library);
    return found;
}

// Looks, and waits, until there is an event, or the library ends. A waiter that does not block
// looks once.
static st gate_wait_for_event(struct gate_waiter *waiter, bool block, CK_SLOT_ID *slot)
{
    struct slot_watch watch = { .n = 0 };
    CK_SLOT_ID id;
    while (gate_is_up()) {
        u64 before = os_now_ms();
        if (block) gate_start_waiter(waiter);
        if (gate_look_for_event(&id, &watch)) {
            *slot = id;
            return ST_OK;
        }
        if (!block) return ST_NO_EVENT;
        gate_wait_once(waiter, &watch);
        if (os_now_ms() - before > 100) watch.idle = 0;
    }
    return ST_NOT_INIT;
}

// Puts a waiter on the list. gate_leave_waiter follows, but not after an error.
static st gate_enter_waiter(struct gate_waiter *waiter)
{
    if (!gate_is_mine()) return ST_NOT_INIT;
    os_acquire(&os_gate);
    bool up = gate_state == GATE_UP;
    if (SCARD11_THREADS && up) {                // a lone thread has nobody to wake it
        waiter->next = gate_waiters;
        gate_waiters = waiter;
    }
    os_release(&os_gate);
    return up ? ST_OK : ST_NOT_INIT;
}

static void gate_leave_waiter(struct gate_waiter *waiter)
{
    gate_stop_waiter(waiter);
    os_acquire(&os_gate);
    struct gate_waiter **at = &gate_waiters;
    while (*at && *at != waiter) at = &(*at)->next;
    if (*at) *at = waiter->next;
    os_release(&os_gate);
}

/* ================================================================================================
 * MARK: - >>p11
 * C_*: the entry points, in the order of the standard.
 *
 * Owns    the C_* functions: what their arguments must be
 * Uses    >>random >>card >>pinpad >>secret >>slot >>run >>life >>mech >>attr >>session >>login
 *         >>make >>op >>stream >>keys >>gate
 * Names   C_ p11_
 * Specs   PKCS#11 3.2, 5
 * Tests   tests/unit/p11.c
 * ==============================================================================================*/

// Text in a field that is filled up with blanks, never cut inside a UTF-8 character.
static void p11_put_text(CK_UTF8CHAR *field, size_t size, const char *text)
{
    size_t n = strlen(text);
    if (n > size)
        for (n = size; n && ((u8)text[n] & 0xc0) == 0x80; ) n--;
    memset(field, ' ', size);
    memcpy(field, text, n);
}

// ---- General purpose (5.4) ----

CK_RV C_Initialize(CK_VOID_PTR args)
{
    return st_ckr(gate_initialize(args));
}

CK_RV C_Finalize(CK_VOID_PTR reserved)
{
    if (!gate_is_mine()) return CKR_CRYPTOKI_NOT_INITIALIZED;
    if (reserved) return CKR_ARGUMENTS_BAD;
    return st_ckr(gate_finalize());
}

CK_RV C_GetInfo(CK_INFO_PTR info)
{
    struct call call = gate_enter_library("C_GetInfo");
    if (!call.s && !info) call.s = ST_ARGS;
    if (!call.s) {
        *info = (CK_INFO){ .cryptokiVersion = { 3, 2 },
                           .libraryVersion = { SCARD11_VERSION_MAJOR, SCARD11_VERSION_MINOR } };
        p11_put_text(info->manufacturerID, sizeof info->manufacturerID, "scard11");
        p11_put_text(info->libraryDescription, sizeof info->libraryDescription, "smart cards");
    }
    return gate_leave(&call);
}

// ---- Slots and tokens (5.5) ----

// The slots of all readers that are there, or those that have a token.
static st p11_slot_list(const struct call *call, CK_BBOOL present, CK_SLOT_ID *list,
                        CK_ULONG *count)
{
    CK_ULONG room = *count;
    os_acquire(&os_library);
    slot_look_all();
    os_release(&os_library);
    if (present) life_find_tokens(call->generation);
    os_acquire(&os_library);
    *count = slot_ids(present, list, room);
    os_release(&os_library);
    return list && *count > room ? ST_TOO_SMALL : ST_OK;
}

CK_RV C_GetSlotList(CK_BBOOL present, CK_SLOT_ID_PTR list, CK_ULONG_PTR count)
{
    struct call call = gate_enter_library("C_GetSlotList");
    if (!call.s && !count) call.s = ST_ARGS;
    if (!call.s) call.s = p11_slot_list(&call, present, list, count);
    return gate_leave(&call);
}

// C_GetSlotInfo, which never waits for a card.
static st p11_slot_info(CK_SLOT_ID id, CK_SLOT_INFO *info)
{
    u32 index;
    if (!info) return ST_ARGS;
    os_acquire(&os_library);
    slot_look_all();
    const struct reader *reader = slot_with_id(id, &index);
    if (reader) {
        *info = (CK_SLOT_INFO){ .flags = CKF_REMOVABLE_DEVICE | CKF_HW_SLOT };
        if (slot_has_token(reader, index)) info->flags |= CKF_TOKEN_PRESENT;
        p11_put_text(info->slotDescription, sizeof info->slotDescription, reader->name);
        p11_put_text(info->manufacturerID, sizeof info->manufacturerID, "scard11");
    }
    os_release(&os_library);
    return reader ? ST_OK : ST_NO_SLOT;
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info)
{
    struct call call = gate_enter_library("C_GetSlotInfo");
    if (!call.s) call.s = p11_slot_info(slot, info);
    return gate_leave(&call);
}

// Are some of the tries of a PIN used up, and some left?
static bool p11_count_is_low(const struct credential *pin)
{
    return pin->tries > 0 && pin->tries < pin->tries_max;
}

// What C_GetTokenInfo says of a token and the tries that its PINs have left. No driver writes.
static CK_FLAGS p11_token_flags(struct token *token)
{
    const struct credential *pin = card_pin(token), *puk = card_credential(token, ROLE_PUK);
    CK_FLAGS flags = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_WRITE_PROTECTED;
    if (!token->blank) flags |= CKF_TOKEN_INITIALIZED;
    if (!pin->missing && !pin->must_change) flags |= CKF_USER_PIN_INITIALIZED;
    if (pin->must_change) flags |= CKF_USER_PIN_TO_BE_CHANGED;
    if (pin->tries == 0) flags |= CKF_USER_PIN_LOCKED;
    if (pin->tries == 1) flags |= CKF_USER_PIN_FINAL_TRY;
    if (p11_count_is_low(pin)) flags |= CKF_USER_PIN_COUNT_LOW;
    if (!puk || !puk->max) return flags;
    if (puk->tries == 0) flags |= CKF_SO_PIN_LOCKED;
    if (puk->tries == 1) flags |= CKF_SO_PIN_FINAL_TRY;
    if (p11_count_is_low(puk)) flags |= CKF_SO_PIN_COUNT_LOW;
    return flags;
}

static CK_FLAGS p11_pinpad_flag(const struct card *card, struct token *token)
{
    return pinpad_takes(card, card_pin(token), NULL) ? CKF_PROTECTED_AUTHENTICATION_PATH : 0;
}

// C_GetTokenInfo. What the card must be asked for it is asked once.
static st p11_token_info(struct call *call, struct token *token, CK_TOKEN_INFO *info)
{
    struct run run = { .reader = call->reader, .token = token, .known = true };
    if (!info) return ST_ARGS;
    if (!token->opened) {
        while (run_next(&run)) run.s = token->driver->open(call->card, token, call->scratch);
        if (run.s) return run.s;
        token->opened = true;
    }
    *info = (CK_TOKEN_INFO){
        .flags = p11_token_flags(token) | p11_pinpad_flag(call->card, token),
        .ulMaxSessionCount = SESSION_MAX, .ulSessionCount = token->session_count,
        .ulMaxRwSessionCount = SESSION_MAX, .ulRwSessionCount = token->rw_count,
        .ulMaxPinLen = card_pin(token)->max, .ulMinPinLen = card_pin(token)->min,
        .ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .firmwareVersion = token->firmware,
    };
    p11_put_text(info->label, sizeof info->label, token->label);
    p11_put_text(info->manufacturerID, sizeof info->manufacturerID, token->maker);
    p11_put_text(info->model, sizeof info->model, token->driver->name);
    p11_put_text(info->serialNumber, sizeof info->serialNumber, token->serial);
    memset(info->utcTime, ' ', sizeof info->utcTime);
    return ST_OK;
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
    struct token *token = NULL;
    struct call call = gate_enter_slot("C_GetTokenInfo", slot, &token);
    if (!call.s) call.s = p11_token_info(&call, token, info);
    return gate_leave(&call);
}

// This frame is not gate_enter's: a waiter holds no lock while it waits, and C_Finalize waits for
// its end without limit.
CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR slot, CK_VOID_PTR reserved)
{
    struct gate_waiter waiter = { NULL, NULL };
    st s = gate_enter_waiter(&waiter);
    if (s) return st_ckr(s);
    if (!slot || reserved) s = ST_ARGS;
    if (!s) s = gate_wait_for_event(&waiter, !(flags & CKF_DONT_BLOCK), slot);
    gate_leave_waiter(&waiter);
    return st_ckr(s);
}

static st p11_mechanism_list(const struct token *token, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    CK_ULONG n = 0, room = *count;
    for (size_t i = 0; i < COUNT(mech_rows); i++) {
        if (!mech_find(token, mech_rows[i].type, 0)) continue;
        if (list && n < room) list[n] = mech_rows[i].type;
        n++;
    }
    *count = n;
    return list && n > room ? ST_TOO_SMALL : ST_OK;
}

CK_RV C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count)
{
    struct token *token = NULL;
    struct call call = gate_enter_slot("C_GetMechanismList", slot, &token);
    if (!call.s && !count) call.s = ST_ARGS;
    if (!call.s) call.s = p11_mechanism_list(token, list, count);
    return gate_leave(&call);
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info)
{
    struct token *token = NULL;
    struct call call = gate_enter_slot("C_GetMechanismInfo", slot, &token);
    if (!call.s && !info) call.s = ST_ARGS;
    const struct mech_row *mech = call.s ? NULL : mech_find(token, type, 0);
    if (!call.s && !mech) call.s = ST_MECHANISM;
    if (!call.s) mech_info(token, mech, info);
    return gate_leave(&call);
}

// The PIN that the caller gives. NULL, with whatever length, is one from the reader's pinpad.
static bytes p11_pin(const CK_UTF8CHAR *pin, CK_ULONG n)
{
    return pin ? bytes_of(pin, n) : BYTES_NONE;
}

CK_RV C_InitToken(CK_SLOT_ID slot, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len, CK_UTF8CHAR_PTR label)
{
    (void)pin; (void)pin_len; (void)label;
    return gate_refuse_slot("C_InitToken", slot);
}

CK_RV C_InitPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len)
{
    struct call call = gate_enter("C_InitPIN", session);
    if (!call.s)
        call.s = login_init_pin(call.reader, call.session, p11_pin(pin, pin_len), call.scratch);
    return gate_leave(&call);
}

CK_RV C_SetPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR old_pin, CK_ULONG old_len,
               CK_UTF8CHAR_PTR new_pin, CK_ULONG new_len)
{
    struct call call = gate_enter("C_SetPIN", session);
    if (!call.s)
        call.s = login_set_pin(call.reader, call.session, p11_pin(old_pin, old_len),
                                 p11_pin(new_pin, new_len), call.scratch);
    return gate_leave(&call);
}

// ---- Sessions (5.6) ----

static st p11_open_session(struct call *call, struct token *token, CK_FLAGS flags,
                           CK_SESSION_HANDLE *session)
{
    if (!session) return ST_ARGS;
    if (!(flags & CKF_SERIAL_SESSION)) return ST_SESSION_SERIAL;
    if (flags & CKF_ASYNC_SESSION) return ST_SESSION_ASYNC;
    if (flags & ~(CK_FLAGS)(CKF_SERIAL_SESSION | CKF_RW_SESSION)) return ST_ARGS;
    if (token->so && !(flags & CKF_RW_SESSION)) return ST_SO_EXISTS;
    return session_open(call->card, (u32)(call->reader - slot_readers), token, flags, session);
}

CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
                    CK_SESSION_HANDLE_PTR session)
{
    struct token *token = NULL;
    struct call call = gate_enter_slot("C_OpenSession", slot, &token);
    (void)application; (void)notify;
    if (!call.s) call.s = p11_open_session(&call, token, flags, session);
    return gate_leave(&call);
}

CK_RV C_CloseSession(CK_SESSION_HANDLE session)
{
    struct call call = gate_enter("C_CloseSession", session);
    if (!call.s) call.s = session_close(call.reader, call.session);
    return gate_leave(&call);
}

// The card is not asked whether it is there: with none there is nothing to close.
CK_RV C_CloseAllSessions(CK_SLOT_ID slot)
{
    struct call call = gate_enter_library("C_CloseAllSessions");
    u32 index = 0;
    if (!call.s) call.s = slot_enter_id(slot, false, call.generation, &call.reader, &index);
    if (!call.s && call.reader->card && !life_look(call.reader)) {
        call.card = call.reader->card;
        if (index < call.card->token_count)
            call.s = session_close_all(call.reader, &call.card->tokens[index]);
    }
    return gate_leave(&call);
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info)
{
    struct call call = gate_enter("C_GetSessionInfo", session);
    if (!call.s && !info) call.s = ST_ARGS;
    if (!call.s) {
        info->slotID = call.reader->first_id + call.session->token->index;
        info->state = session_state(call.session);
        info->flags = call.session->flags;
        info->ulDeviceError = 0;
    }
    return gate_leave(&call);
}

CK_RV C_SessionCancel(CK_SESSION_HANDLE session, CK_FLAGS flags)
{
    struct call call = gate_enter("C_SessionCancel", session);
    for (int kind = 0; !call.s && kind < SESSION_OPS; kind++)
        if (flags & op_cancel_flag((enum session_op)kind))
            op_end(call.card, call.session, (enum session_op)kind);
    if (!call.s && flags & CKF_FIND_OBJECTS) session_end_search(call.card, call.session);
    return gate_leave(&call);
}

// No state is given out, and none is taken back: it would hold what the card's login is needed for.
CK_RV C_GetOperationState(CK_SESSION_HANDLE session, CK_BYTE_PTR state, CK_ULONG_PTR state_len)
{
    struct call call = gate_enter("C_GetOperationState", session);
    bool active = false;
    (void)state;
    if (!call.s && !state_len) call.s = ST_ARGS;
    for (int kind = 0; !call.s && kind < SESSION_OPS; kind++)
        if (op_of(call.session, (enum session_op)kind)) active = true;
    if (!call.s && !active) call.s = ST_OP_NONE;
    if (!call.s) call.s = ST_UNSAVEABLE;
    return gate_leave(&call);
}

CK_RV C_SetOperationState(CK_SESSION_HANDLE session, CK_BYTE_PTR state, CK_ULONG state_len,
                          CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key)
{
    struct call call = gate_enter("C_SetOperationState", session);
    (void)state_len; (void)encryption_key; (void)authentication_key;
    if (!call.s && !state) call.s = ST_ARGS;
    if (!call.s) call.s = ST_SAVED_STATE;
    return gate_leave(&call);
}

// C_Login for each kind of user. That somebody is logged in already is not said from memory.
static st p11_login(struct call *call, CK_USER_TYPE user, bytes pin)
{
    if (card_logged_in(call->session->token)) TRY(life_look_now(call->reader));
    if (user == CKU_USER) return login_user(call->reader, call->session, pin, call->scratch);
    if (user == CKU_SO) return login_so(call->reader, call->session, pin, call->scratch);
    if (user != CKU_CONTEXT_SPECIFIC) return ST_USER_TYPE;
    if (!call->session->token->login) return ST_NOT_LOGGED_IN;
    struct credential *wanted = op_credential(call->card, call->session);
    if (!wanted) return ST_OP_NONE;
    return login_for_key(call->reader, call->session, wanted, pin, call->scratch);
}

CK_RV C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len)
{
    struct call call = gate_enter("C_Login", session);
    if (!call.s) call.s = p11_login(&call, user, p11_pin(pin, pin_len));
    return gate_leave(&call);
}

// A card has one user: the name is not looked at.
CK_RV C_LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
                  CK_ULONG pin_len, CK_UTF8CHAR_PTR name, CK_ULONG name_len)
{
    struct call call = gate_enter("C_LoginUser", session);
    if (!call.s && name_len && !name) call.s = ST_ARGS;
    if (!call.s) call.s = p11_login(&call, user, p11_pin(pin, pin_len));
    return gate_leave(&call);
}

CK_RV C_Logout(CK_SESSION_HANDLE session)
{
    struct call call = gate_enter("C_Logout", session);
    if (!call.s && !card_logged_in(call.session->token)) call.s = ST_NOT_LOGGED_IN;
    if (!call.s) call.s = life_log_out(call.reader, call.session->token);
    return gate_leave(&call);
}

// CKS_LAST_VALIDATION_OK alone can be asked for, and no card here shows validations.
CK_RV C_GetSessionValidationFlags(CK_SESSION_HANDLE session, CK_SESSION_VALIDATION_FLAGS_TYPE type,
                                  CK_FLAGS_PTR flags)
{
    struct call call = gate_enter("C_GetSessionValidationFlags", session);
    if (!call.s && (!flags || type != CKS_LAST_VALIDATION_OK)) call.s = ST_ARGS;
    if (!call.s) *flags = 0;
    return gate_leave(&call);
}

// ---- Objects (5.7) ----

static st p11_create(struct call *call, const CK_ATTRIBUTE *template, CK_ULONG n,
                     CK_OBJECT_HANDLE *object)
{
    struct object *made;
    if (!object) return ST_ARGS;
    TRY(make_create(call->card, call->session, template, n, call->scratch, &made));
    *object = made->handle;
    return ST_OK;
}

CK_RV C_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR templ, CK_ULONG count,
                     CK_OBJECT_HANDLE_PTR object)
{
    struct call call = gate_enter("C_CreateObject", session);
    if (!call.s) call.s = p11_create(&call, templ, count, object);
    return gate_leave(&call);
}

static st p11_copy(struct call *call, CK_OBJECT_HANDLE handle, const CK_ATTRIBUTE *template,
                   CK_ULONG n, CK_OBJECT_HANDLE *copy)
{
    struct object *object = session_object(call->card, call->session, handle), *made;
    if (!copy) return ST_ARGS;
    if (!object) return ST_NO_OBJECT;
    TRY(make_copy(call->card, call->session, object, template, n, call->scratch, &made));
    *copy = made->handle;
    return ST_OK;
}

CK_RV C_CopyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR templ,
                   CK_ULONG count, CK_OBJECT_HANDLE_PTR new_object)
{
    struct call call = gate_enter("C_CopyObject", session);
    if (!call.s) call.s = p11_copy(&call, object, templ, count, new_object);
    return gate_leave(&call);
}

static st p11_destroy(struct call *call, CK_OBJECT_HANDLE handle)
{
    struct object *object = session_object(call->card, call->session, handle);
    if (!object) return ST_NO_OBJECT;
    if (!object->owner || !attr_true(object, CKA_DESTROYABLE, call->scratch)) return ST_PROHIBITED;
    card_drop(call->card, object);
    return ST_OK;
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    struct call call = gate_enter("C_DestroyObject", session);
    if (!call.s) call.s = p11_destroy(&call, object);
    return gate_leave(&call);
}

// C_GetObjectSize: the bytes of all attributes of an object that can be read, and those of a secret
// key's value.
static st p11_object_size(struct call *call, CK_OBJECT_HANDLE handle, CK_ULONG *size)
{
    struct object *object = session_object(call->card, call->session, handle);
    if (!size) return ST_ARGS;
    if (!object) return ST_NO_OBJECT;
    if (attr_needs_read(object, CKA_VALUE)) TRY(session_read(call->reader, object, call->scratch));
    u32 class = attr_class_bit(object->class);
    *size = object->secret_len;
    for (size_t i = 0; i < COUNT(attr_rows); i++) {
        CK_ATTRIBUTE_TYPE type = attr_rows[i].type;
        struct scratch each = call->scratch;
        bytes value;
        if (!(attr_rows[i].classes & class) || type == CKA_VALUE_LEN) continue;
        if (object->class == CKO_SECRET_KEY && type == CKA_VALUE) continue;
        if (!attr_get(object, type, &each, &value)) *size += (CK_ULONG)value.n;
    }
    return ST_OK;
}

CK_RV C_GetObjectSize(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ULONG_PTR size)
{
    struct call call = gate_enter("C_GetObjectSize", session);
    if (!call.s) call.s = p11_object_size(&call, object, size);
    return gate_leave(&call);
}

// Errors of single attributes, which do not keep C_GetAttributeValue from the others.
static bool p11_is_of_attribute(st s)
{
    return s == ST_ATTR_SECRET || s == ST_ATTR_TYPE || s == ST_TOO_SMALL;
}

// C_GetAttributeValue: all that can be given. The first error is told, a too small buffer last.
static st p11_get_attributes(struct call *call, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE *template,
                             CK_ULONG n)
{
    struct object *object = session_object(call->card, call->session, handle);
    st worst = ST_OK;
    if (n && !template) return ST_ARGS;
    if (!object) return ST_NO_OBJECT;
    for (CK_ULONG i = 0; i < n; i++)
        if (attr_needs_read(object, template[i].type))
            TRY(session_read(call->reader, object, call->scratch));
    for (CK_ULONG i = 0; i < n; i++) {
        st s = attr_copy_out(object, &template[i], call->scratch);
        if (s && !p11_is_of_attribute(s)) return s;
        if (worst == ST_OK || (s && worst == ST_TOO_SMALL)) worst = s;
    }
    return worst;
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE_PTR templ, CK_ULONG count)
{
    struct call call = gate_enter("C_GetAttributeValue", session);
    if (!call.s) call.s = p11_get_attributes(&call, object, templ, count);
    return gate_leave(&call);
}

static st p11_set_attributes(struct call *call, CK_OBJECT_HANDLE handle,
                             const CK_ATTRIBUTE *template, CK_ULONG n)
{
    struct object *object = session_object(call->card, call->session, handle);
    if (n && !template) return ST_ARGS;
    return object ? make_set(call->card, object, template, n, call->scratch) : ST_NO_OBJECT;
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE_PTR templ, CK_ULONG count)
{
    struct call call = gate_enter("C_SetAttributeValue", session);
    if (!call.s) call.s = p11_set_attributes(&call, object, templ, count);
    return gate_leave(&call);
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR templ, CK_ULONG count)
{
    struct call call = gate_enter("C_FindObjectsInit", session);
    if (!call.s) call.s = session_search(call.reader, call.session, templ, count, call.scratch);
    return gate_leave(&call);
}

CK_RV C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects, CK_ULONG max,
                    CK_ULONG_PTR count)
{
    struct call call = gate_enter("C_FindObjects", session);
    if (!call.s && (!count || (max && !objects))) call.s = ST_ARGS;
    if (!call.s) call.s = session_found(call.card, call.session, objects, max, count);
    return gate_leave(&call);
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE session)
{
    struct call call = gate_enter("C_FindObjectsFinal", session);
    if (!call.s && !call.session->searching) call.s = ST_OP_NONE;
    if (!call.s) session_end_search(call.card, call.session);
    return gate_leave(&call);
}

// ---- Operations: the frames that they share ----

// What the caller says it gives. NULL with a length is found out by p11_is_given.
static bytes p11_given(const void *p, CK_ULONG n)
{
    return (bytes){ p, n };
}

static bool p11_is_given(bytes in)
{
    return in.p || !in.n;
}

// C_*Init. A NULL mechanism ends the operation (3.0).
static CK_RV p11_op_init(const char *name, CK_SESSION_HANDLE session, enum session_op kind,
                         const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    struct call call = gate_enter(name, session);
    if (!call.s && mechanism) {
        call.s = op_begin(call.reader, call.session, kind, mechanism, key, call.scratch);
    } else if (!call.s) {
        call.s = op_of(call.session, kind) ? ST_OK : ST_ARGS;
        if (!call.s) op_end(call.card, call.session, kind);
    }
    return gate_leave(&call);
}

// Enters for an operation that runs. What the caller does not give, and must, ends it.
static struct call p11_enter_op(const char *name, CK_SESSION_HANDLE session, enum session_op kind,
                                bool early, bool given)
{
    struct call call = gate_enter(name, session);
    struct op *op = call.s ? NULL : op_of(call.session, kind);
    if (call.s) return call;
    if (!op || op->early != early) {
        call.s = ST_OP_NONE;
    } else if (!given) {
        op_end(call.card, call.session, kind);
        call.s = ST_ARGS;
    }
    return call;
}

// One step of an operation that may put something out: work is op_once, op_finish or one of
// >>stream.
static CK_RV p11_op(const char *name, CK_SESSION_HANDLE session, enum session_op kind,
                    st (*work)(struct reader *, struct session *, enum session_op, bytes in,
                               struct scratch, void *out, CK_ULONG *out_len),
                    const CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len)
{
    bool given = out_len && (in || !in_len);
    struct call call = p11_enter_op(name, session, kind, false, given);
    if (!call.s)
        call.s = work(call.reader, call.session, kind, bytes_of(in, in_len), call.scratch, out,
                      out_len);
    return gate_leave(&call);
}

// One more part of the input, of an operation that puts nothing out before its end.
static CK_RV p11_op_update(const char *name, CK_SESSION_HANDLE session, enum session_op kind,
                           bool early, const CK_BYTE *in, CK_ULONG in_len)
{
    struct call call = p11_enter_op(name, session, kind, early, in || !in_len);
    if (!call.s) call.s = op_update(call.card, call.session, kind, bytes_of(in, in_len));
    return gate_leave(&call);
}

// Verifying in its four forms: at once or in parts, the signature last or first (early).
static CK_RV p11_verify(const char *name, CK_SESSION_HANDLE session, bool early, bool once,
                        bytes in, bytes signature)
{
    bool given = p11_is_given(in) && (early || signature.p);
    struct call call = p11_enter_op(name, session, SESSION_VERIFY, early, given);
    if (call.s) return gate_leave(&call);
    if (once)
        call.s = op_verify_once(call.reader, call.session, SESSION_VERIFY, in, signature,
                                call.scratch);
    else
        call.s = op_verify_end(call.reader, call.session, SESSION_VERIFY, BYTES_NONE, signature,
                               call.scratch);
    return gate_leave(&call);
}

CK_RV C_EncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
    return p11_op_init("C_EncryptInit", session, SESSION_ENCRYPT, mechanism, key);
}

CK_RV C_Encrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
                CK_BYTE_PTR encrypted, CK_ULONG_PTR encrypted_len)
{
    return p11_op("C_Encrypt", session, SESSION_ENCRYPT, stream_once, data, data_len, encrypted,
                  encrypted_len);
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len,
                      CK_BYTE_PTR encrypted, CK_ULONG_PTR encrypted_len)
{
    return p11_op("C_EncryptUpdate", session, SESSION_ENCRYPT, stream_update, part, part_len,
                  encrypted, encrypted_len);
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR encrypted, CK_ULONG_PTR encrypted_len)
{
    return p11_op("C_EncryptFinal", session, SESSION_ENCRYPT, stream_final, NULL, 0, encrypted,
                  encrypted_len);
}

CK_RV C_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
    return p11_op_init("C_DecryptInit", session, SESSION_DECRYPT, mechanism, key);
}

CK_RV C_Decrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR encrypted, CK_ULONG encrypted_len,
                CK_BYTE_PTR data, CK_ULONG_PTR data_len)
{
    return p11_op("C_Decrypt", session, SESSION_DECRYPT, stream_once, encrypted, encrypted_len,
                  data, data_len);
}

CK_RV C_DecryptUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR encrypted, CK_ULONG encrypted_len,
                      CK_BYTE_PTR part, CK_ULONG_PTR part_len)
{
    return p11_op("C_DecryptUpdate", session, SESSION_DECRYPT, stream_update, encrypted,
                  encrypted_len, part, part_len);
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG_PTR data_len)
{
    return p11_op("C_DecryptFinal", session, SESSION_DECRYPT, stream_final, NULL, 0, data,
                  data_len);
}

CK_RV C_DigestInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism)
{
    return p11_op_init("C_DigestInit", session, SESSION_DIGEST, mechanism, 0);
}

CK_RV C_Digest(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len, CK_BYTE_PTR digest,
               CK_ULONG_PTR digest_len)
{
    return p11_op("C_Digest", session, SESSION_DIGEST, op_once, data, data_len, digest, digest_len);
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len)
{
    return p11_op_update("C_DigestUpdate", session, SESSION_DIGEST, false, part, part_len);
}

CK_RV C_DigestKey(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    struct call call = gate_enter("C_DigestKey", session);
    if (!call.s) call.s = op_digest_key(call.reader, call.session, key, call.scratch);
    return gate_leave(&call);
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR digest, CK_ULONG_PTR digest_len)
{
    return p11_op("C_DigestFinal", session, SESSION_DIGEST, op_finish, NULL, 0, digest, digest_len);
}

CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
    return p11_op_init("C_SignInit", session, SESSION_SIGN, mechanism, key);
}

CK_RV C_Sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len, CK_BYTE_PTR signature,
             CK_ULONG_PTR signature_len)
{
    return p11_op("C_Sign", session, SESSION_SIGN, op_once, data, data_len, signature,
                  signature_len);
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len)
{
    return p11_op_update("C_SignUpdate", session, SESSION_SIGN, false, part, part_len);
}

CK_RV C_SignFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR signature, CK_ULONG_PTR signature_len)
{
    return p11_op("C_SignFinal", session, SESSION_SIGN, op_finish, NULL, 0, signature,
                  signature_len);
}

CK_RV C_VerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
    return p11_op_init("C_VerifyInit", session, SESSION_VERIFY, mechanism, key);
}

CK_RV C_Verify(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
               CK_BYTE_PTR signature, CK_ULONG signature_len)
{
    return p11_verify("C_Verify", session, false, true, p11_given(data, data_len),
                      p11_given(signature, signature_len));
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len)
{
    return p11_op_update("C_VerifyUpdate", session, SESSION_VERIFY, false, part, part_len);
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR signature, CK_ULONG signature_len)
{
    return p11_verify("C_VerifyFinal", session, false, false, BYTES_NONE,
                      p11_given(signature, signature_len));
}

CK_RV C_SignRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
    return p11_op_init("C_SignRecoverInit", session, SESSION_SIGN_RECOVER, mechanism, key);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len,
                    CK_BYTE_PTR signature, CK_ULONG_PTR signature_len)
{
    return p11_op("C_SignRecover", session, SESSION_SIGN_RECOVER, op_once, data, data_len,
                  signature, signature_len);
}

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                          CK_OBJECT_HANDLE key)
{
    return p11_op_init("C_VerifyRecoverInit", session, SESSION_VERIFY_RECOVER, mechanism, key);
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE session, CK_BYTE_PTR signature, CK_ULONG signature_len,
                      CK_BYTE_PTR data, CK_ULONG_PTR data_len)
{
    return p11_op("C_VerifyRecover", session, SESSION_VERIFY_RECOVER, op_once, signature,
                  signature_len, data, data_len);
}

CK_RV C_VerifySignatureInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                            CK_OBJECT_HANDLE key, CK_BYTE_PTR signature, CK_ULONG signature_len)
{
    struct call call = gate_enter("C_VerifySignatureInit", session);
    bool end = !call.s && !mechanism && op_of(call.session, SESSION_VERIFY);
    if (end) op_end(call.card, call.session, SESSION_VERIFY);
    if (end) return gate_leave(&call);
    if (!call.s && (!mechanism || !signature)) call.s = ST_ARGS;
    if (!call.s)
        call.s = op_begin(call.reader, call.session, SESSION_VERIFY, mechanism, key, call.scratch);
    if (!call.s)
        call.s = op_keep_signature(call.card, call.session, bytes_of(signature, signature_len));
    return gate_leave(&call);
}

CK_RV C_VerifySignature(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_len)
{
    return p11_verify("C_VerifySignature", session, true, true, p11_given(data, data_len),
                      BYTES_NONE);
}

CK_RV C_VerifySignatureUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len)
{
    return p11_op_update("C_VerifySignatureUpdate", session, SESSION_VERIFY, true, part, part_len);
}

CK_RV C_VerifySignatureFinal(CK_SESSION_HANDLE session)
{
    return p11_verify("C_VerifySignatureFinal", session, true, false, BYTES_NONE, BYTES_NONE);
}

// ---- Two operations at once (5.14) ----

// A part goes through a cipher and, in the clear, to a digest, a signature or its check.
static st p11_dual(struct call *call, enum session_op cipher, enum session_op other, bytes in,
                   CK_BYTE *out, CK_ULONG *out_len)
{
    struct session *session = call->session;
    struct op *beside = op_of(session, other);
    CK_ULONG size = 0;
    if (!op_of(session, cipher) || !beside || beside->early) return ST_OP_NONE;
    if (!out_len || !p11_is_given(in)) return ST_ARGS;
    TRY(stream_update(call->reader, session, cipher, in, call->scratch, NULL, &size));
    bool fits = *out_len >= size;
    *out_len = size;
    if (!out) return ST_OK;
    if (!fits) return ST_TOO_SMALL;
    if (cipher == SESSION_ENCRYPT) TRY(op_update(call->card, session, other, in));
    TRY(stream_update(call->reader, session, cipher, in, call->scratch, out, out_len));
    if (cipher == SESSION_ENCRYPT) return ST_OK;
    return op_update(call->card, session, other, bytes_of(out, *out_len));
}

CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len,
                            CK_BYTE_PTR encrypted, CK_ULONG_PTR encrypted_len)
{
    struct call call = gate_enter("C_DigestEncryptUpdate", session);
    if (!call.s)
        call.s = p11_dual(&call, SESSION_ENCRYPT, SESSION_DIGEST, p11_given(part, part_len),
                          encrypted, encrypted_len);
    return gate_leave(&call);
}

CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR encrypted,
                            CK_ULONG encrypted_len, CK_BYTE_PTR part, CK_ULONG_PTR part_len)
{
    struct call call = gate_enter("C_DecryptDigestUpdate", session);
    if (!call.s)
        call.s = p11_dual(&call, SESSION_DECRYPT, SESSION_DIGEST,
                          p11_given(encrypted, encrypted_len), part, part_len);
    return gate_leave(&call);
}

CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG part_len,
                          CK_BYTE_PTR encrypted, CK_ULONG_PTR encrypted_len)
{
    struct call call = gate_enter("C_SignEncryptUpdate", session);
    if (!call.s)
        call.s = p11_dual(&call, SESSION_ENCRYPT, SESSION_SIGN, p11_given(part, part_len),
                          encrypted, encrypted_len);
    return gate_leave(&call);
}

CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR encrypted,
                            CK_ULONG encrypted_len, CK_BYTE_PTR part, CK_ULONG_PTR part_len)
{
    struct call call = gate_enter("C_DecryptVerifyUpdate", session);
    if (!call.s)
        call.s = p11_dual(&call, SESSION_DECRYPT, SESSION_VERIFY,
                          p11_given(encrypted, encrypted_len), part, part_len);
    return gate_leave(&call);
}

// ---- Keys (5.18) ----

CK_RV C_GenerateKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                    CK_ATTRIBUTE_PTR attributes, CK_ULONG attribute_count, CK_OBJECT_HANDLE_PTR key)
{
    struct call call = gate_enter("C_GenerateKey", session);
    if (!call.s && (!mechanism || !key)) call.s = ST_ARGS;
    if (!call.s)
        call.s = keys_generate(call.reader, call.session, mechanism, attributes, attribute_count,
                               call.scratch, key);
    return gate_leave(&call);
}

// No driver makes key pairs yet.
CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                        CK_ATTRIBUTE_PTR public_attributes, CK_ULONG public_count,
                        CK_ATTRIBUTE_PTR private_attributes, CK_ULONG private_count,
                        CK_OBJECT_HANDLE_PTR public_key, CK_OBJECT_HANDLE_PTR private_key)
{
    (void)mechanism; (void)public_attributes; (void)public_count; (void)private_attributes;
    (void)private_count; (void)public_key; (void)private_key;
    return gate_refuse("C_GenerateKeyPair", session);
}

CK_RV C_WrapKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key, CK_BYTE_PTR wrapped,
                CK_ULONG_PTR wrapped_len)
{
    struct call call = gate_enter("C_WrapKey", session);
    if (!call.s && (!mechanism || !wrapped_len)) call.s = ST_ARGS;
    if (!call.s)
        call.s = keys_wrap(call.reader, call.session, mechanism, wrapping_key, key, call.scratch,
                           wrapped, wrapped_len);
    return gate_leave(&call);
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                  CK_OBJECT_HANDLE unwrapping_key, CK_BYTE_PTR wrapped, CK_ULONG wrapped_len,
                  CK_ATTRIBUTE_PTR attributes, CK_ULONG attribute_count, CK_OBJECT_HANDLE_PTR key)
{
    struct call call = gate_enter("C_UnwrapKey", session);
    if (!call.s && (!mechanism || !wrapped || !key)) call.s = ST_ARGS;
    if (!call.s)
        call.s = keys_unwrap(call.reader, call.session, mechanism, unwrapping_key,
                             bytes_of(wrapped, wrapped_len), attributes, attribute_count,
                             call.scratch, key);
    return gate_leave(&call);
}

static st p11_derive(struct call *call, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base,
                     const CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *key)
{
    if (!mechanism || !key) return ST_ARGS;
    return keys_derive(call->reader, call->session, mechanism, base, template, n, call->scratch,
                       key);
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE base_key,
                  CK_ATTRIBUTE_PTR templ, CK_ULONG count, CK_OBJECT_HANDLE_PTR key)
{
    struct call call = gate_enter("C_DeriveKey", session);
    if (!call.s) call.s = p11_derive(&call, mechanism, base_key, templ, count, key);
    return gate_leave(&call);
}

// ---- Random numbers ----

CK_RV C_SeedRandom(CK_SESSION_HANDLE session, CK_BYTE_PTR seed, CK_ULONG seed_len)
{
    struct call call = gate_enter("C_SeedRandom", session);
    if (!call.s && seed_len && !seed) call.s = ST_ARGS;
    if (!call.s) call.s = ST_NO_SEED;
    return gate_leave(&call);
}

// C_GenerateRandom: the card's random numbers where its driver has some, else the host's.
static st p11_random(struct call *call, u8 *out, CK_ULONG n)
{
    struct token *token = call->session->token;
    struct run run = { .reader = call->reader, .token = token };
    if (n && !out) return ST_ARGS;
    if (!token->driver->random) return random_bytes(out, n);
    while (run_next(&run)) run.s = token->driver->random(call->card, token, out, n);
    return run.s;
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE session, CK_BYTE_PTR random, CK_ULONG random_len)
{
    struct call call = gate_enter("C_GenerateRandom", session);
    if (!call.s) call.s = p11_random(&call, random, random_len);
    return gate_leave(&call);
}

// ---- Parallel functions: legacy, and always this ----

CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE session)
{
    struct call call = gate_enter("C_GetFunctionStatus", session);
    if (!call.s) call.s = ST_NOT_PARALLEL;
    return gate_leave(&call);
}

CK_RV C_CancelFunction(CK_SESSION_HANDLE session)
{
    struct call call = gate_enter("C_CancelFunction", session);
    if (!call.s) call.s = ST_NOT_PARALLEL;
    return gate_leave(&call);
}

/* ================================================================================================
 * MARK: - >>message
 * C_*: message-based functions.
 *
 * Owns    signing and verifying many messages with one key
 * Uses    >>session >>op >>gate >>p11
 * Names   message_ C_Message C_SignMessage C_VerifyMessage
 * Specs   PKCS#11 3.2, 5.14, 5.16 (message-based functions)
 * Tests   tests/unit/message.c
 * ==============================================================================================*/

// Is a message-based operation there, between two messages or within one? No mechanism here has
// parameters of a message.
static st message_check(const struct session *session, enum session_op kind, bool begun,
                        const void *parameter, CK_ULONG parameter_len)
{
    struct op *op = op_of(session, kind);
    if (!op) return ST_OP_NONE;
    if (begun && !op->begun) return ST_OP_NONE;
    if (!begun && op->begun) return ST_OP_ACTIVE;
    if (!parameter_len) return ST_OK;
    return parameter ? ST_MECH_PARAM : ST_ARGS;
}

static CK_RV message_begin(const char *name, CK_SESSION_HANDLE session, enum session_op kind,
                           const void *parameter, CK_ULONG parameter_len)
{
    struct call call = gate_enter(name, session);
    if (!call.s) call.s = message_check(call.session, kind, false, parameter, parameter_len);
    if (!call.s) op_of(call.session, kind)->begun = true;
    return gate_leave(&call);
}

static CK_RV message_final(const char *name, CK_SESSION_HANDLE session, enum session_op kind)
{
    struct call call = gate_enter(name, session);
    if (!call.s && !op_of(call.session, kind)) call.s = ST_OP_NONE;
    if (!call.s) op_end(call.card, call.session, kind);
    return gate_leave(&call);
}

// A part of a message. One that fails ends the message, not the operation.
static st message_add(struct call *call, enum session_op kind, bytes in)
{
    st s = op_add(call->card, op_of(call->session, kind), in);
    if (s) op_end_one(call->reader, call->session, kind, call->scratch);
    return s;
}

CK_RV C_MessageSignInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
    return p11_op_init("C_MessageSignInit", session, SESSION_MESSAGE_SIGN, mechanism, key);
}

CK_RV C_SignMessage(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                    CK_BYTE_PTR data, CK_ULONG data_len, CK_BYTE_PTR signature,
                    CK_ULONG_PTR signature_len)
{
    struct call call = gate_enter("C_SignMessage", session);
    if (!call.s)
        call.s = message_check(call.session, SESSION_MESSAGE_SIGN, false, parameter, parameter_len);
    if (!call.s && (!signature_len || (data_len && !data))) call.s = ST_ARGS;
    if (!call.s)
        call.s = op_once(call.reader, call.session, SESSION_MESSAGE_SIGN, bytes_of(data, data_len),
                         call.scratch, signature, signature_len);
    return gate_leave(&call);
}

CK_RV C_SignMessageBegin(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len)
{
    return message_begin("C_SignMessageBegin", session, SESSION_MESSAGE_SIGN, parameter,
                         parameter_len);
}

// signature_len NULL: more parts follow. A question for the length, and a buffer that is too small,
// take nothing of the part.
static st message_sign_next(struct call *call, bytes in, CK_BYTE *signature,
                            CK_ULONG *signature_len)
{
    if (!p11_is_given(in)) return ST_ARGS;
    if (!signature_len) return message_add(call, SESSION_MESSAGE_SIGN, in);
    return op_finish(call->reader, call->session, SESSION_MESSAGE_SIGN, in, call->scratch,
                     signature, signature_len);
}

CK_RV C_SignMessageNext(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                        CK_BYTE_PTR part, CK_ULONG part_len, CK_BYTE_PTR signature,
                        CK_ULONG_PTR signature_len)
{
    struct call call = gate_enter("C_SignMessageNext", session);
    if (!call.s)
        call.s = message_check(call.session, SESSION_MESSAGE_SIGN, true, parameter, parameter_len);
    if (!call.s)
        call.s = message_sign_next(&call, p11_given(part, part_len), signature, signature_len);
    return gate_leave(&call);
}

CK_RV C_MessageSignFinal(CK_SESSION_HANDLE session)
{
    return message_final("C_MessageSignFinal", session, SESSION_MESSAGE_SIGN);
}

CK_RV C_MessageVerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                          CK_OBJECT_HANDLE key)
{
    return p11_op_init("C_MessageVerifyInit", session, SESSION_MESSAGE_VERIFY, mechanism, key);
}

CK_RV C_VerifyMessage(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                      CK_BYTE_PTR data, CK_ULONG data_len, CK_BYTE_PTR signature,
                      CK_ULONG signature_len)
{
    struct call call = gate_enter("C_VerifyMessage", session);
    if (!call.s)
        call.s = message_check(call.session, SESSION_MESSAGE_VERIFY, false, parameter,
                               parameter_len);
    if (!call.s && (!signature || (data_len && !data))) call.s = ST_ARGS;
    if (!call.s)
        call.s = op_verify_once(call.reader, call.session, SESSION_MESSAGE_VERIFY,
                                bytes_of(data, data_len), bytes_of(signature, signature_len),
                                call.scratch);
    return gate_leave(&call);
}

CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len)
{
    return message_begin("C_VerifyMessageBegin", session, SESSION_MESSAGE_VERIFY, parameter,
                         parameter_len);
}

CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                          CK_BYTE_PTR part, CK_ULONG part_len, CK_BYTE_PTR signature,
                          CK_ULONG signature_len)
{
    struct call call = gate_enter("C_VerifyMessageNext", session);
    if (!call.s)
        call.s = message_check(call.session, SESSION_MESSAGE_VERIFY, true, parameter,
                               parameter_len);
    if (!call.s && ((part_len && !part) || (signature_len && !signature))) call.s = ST_ARGS;
    if (call.s) return gate_leave(&call);
    bytes in = bytes_of(part, part_len);
    if (!signature)                                         // more parts follow
        call.s = message_add(&call, SESSION_MESSAGE_VERIFY, in);
    else
        call.s = op_verify_end(call.reader, call.session, SESSION_MESSAGE_VERIFY, in,
                               bytes_of(signature, signature_len), call.scratch);
    return gate_leave(&call);
}

CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE session)
{
    return message_final("C_MessageVerifyFinal", session, SESSION_MESSAGE_VERIFY);
}

/* ================================================================================================
 * MARK: - >>refused
 * C_*: what no card here does, in the order of the standard.
 *
 * Owns    functions that answer CKR_FUNCTION_NOT_SUPPORTED where the session is right. One that
 *         becomes more than that moves to >>p11, >>message or >>keys.
 * Uses    >>gate
 * Names   C_MessageEncrypt C_EncryptMessage C_MessageDecrypt C_DecryptMessage C_Encapsulate
 *         C_Decapsulate C_WrapKeyAuth C_UnwrapKeyAuth C_Async
 * Specs   PKCS#11 3.2, 5.9 (encryption), 5.11 (decryption), 5.18 (keys), 5.22 (asynchronous)
 * Tests   tests/unit/refused.c
 * ==============================================================================================*/

CK_RV C_MessageEncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                           CK_OBJECT_HANDLE key)
{
    (void)mechanism; (void)key;
    return gate_refuse("C_MessageEncryptInit", session);
}

CK_RV C_EncryptMessage(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                       CK_BYTE_PTR aad, CK_ULONG aad_len, CK_BYTE_PTR plaintext,
                       CK_ULONG plaintext_len, CK_BYTE_PTR ciphertext, CK_ULONG_PTR ciphertext_len)
{
    (void)parameter; (void)parameter_len; (void)aad; (void)aad_len; (void)plaintext;
    (void)plaintext_len; (void)ciphertext; (void)ciphertext_len;
    return gate_refuse("C_EncryptMessage", session);
}

CK_RV C_EncryptMessageBegin(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                            CK_ULONG parameter_len, CK_BYTE_PTR aad, CK_ULONG aad_len)
{
    (void)parameter; (void)parameter_len; (void)aad; (void)aad_len;
    return gate_refuse("C_EncryptMessageBegin", session);
}

CK_RV C_EncryptMessageNext(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                           CK_BYTE_PTR part, CK_ULONG part_len, CK_BYTE_PTR ciphertext,
                           CK_ULONG_PTR ciphertext_len, CK_FLAGS flags)
{
    (void)parameter; (void)parameter_len; (void)part; (void)part_len; (void)ciphertext;
    (void)ciphertext_len; (void)flags;
    return gate_refuse("C_EncryptMessageNext", session);
}

CK_RV C_MessageEncryptFinal(CK_SESSION_HANDLE session)
{
    return gate_refuse("C_MessageEncryptFinal", session);
}

CK_RV C_MessageDecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                           CK_OBJECT_HANDLE key)
{
    (void)mechanism; (void)key;
    return gate_refuse("C_MessageDecryptInit", session);
}

CK_RV C_DecryptMessage(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                       CK_BYTE_PTR aad, CK_ULONG aad_len, CK_BYTE_PTR ciphertext,
                       CK_ULONG ciphertext_len, CK_BYTE_PTR plaintext, CK_ULONG_PTR plaintext_len)
{
    (void)parameter; (void)parameter_len; (void)aad; (void)aad_len; (void)ciphertext;
    (void)ciphertext_len; (void)plaintext; (void)plaintext_len;
    return gate_refuse("C_DecryptMessage", session);
}

CK_RV C_DecryptMessageBegin(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                            CK_ULONG parameter_len, CK_BYTE_PTR aad, CK_ULONG aad_len)
{
    (void)parameter; (void)parameter_len; (void)aad; (void)aad_len;
    return gate_refuse("C_DecryptMessageBegin", session);
}

CK_RV C_DecryptMessageNext(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                           CK_BYTE_PTR part, CK_ULONG part_len, CK_BYTE_PTR plaintext,
                           CK_ULONG_PTR plaintext_len, CK_FLAGS flags)
{
    (void)parameter; (void)parameter_len; (void)part; (void)part_len; (void)plaintext;
    (void)plaintext_len; (void)flags;
    return gate_refuse("C_DecryptMessageNext", session);
}

CK_RV C_MessageDecryptFinal(CK_SESSION_HANDLE session)
{
    return gate_refuse("C_MessageDecryptFinal", session);
}

CK_RV C_EncapsulateKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                       CK_OBJECT_HANDLE public_key, CK_ATTRIBUTE_PTR attributes,
                       CK_ULONG attribute_count, CK_BYTE_PTR ciphertext,
                       CK_ULONG_PTR ciphertext_len, CK_OBJECT_HANDLE_PTR key)
{
    (void)mechanism; (void)public_key; (void)attributes; (void)attribute_count;
    (void)ciphertext; (void)ciphertext_len; (void)key;
    return gate_refuse("C_EncapsulateKey", session);
}

CK_RV C_DecapsulateKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                       CK_OBJECT_HANDLE private_key, CK_ATTRIBUTE_PTR attributes,
                       CK_ULONG attribute_count, CK_BYTE_PTR ciphertext, CK_ULONG ciphertext_len,
                       CK_OBJECT_HANDLE_PTR key)
{
    (void)mechanism; (void)private_key; (void)attributes; (void)attribute_count;
    (void)ciphertext; (void)ciphertext_len; (void)key;
    return gate_refuse("C_DecapsulateKey", session);
}

CK_RV C_WrapKeyAuthenticated(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                             CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key, CK_BYTE_PTR aad,
                             CK_ULONG aad_len, CK_BYTE_PTR wrapped, CK_ULONG_PTR wrapped_len)
{
    (void)mechanism; (void)wrapping_key; (void)key; (void)aad; (void)aad_len; (void)wrapped;
    (void)wrapped_len;
    return gate_refuse("C_WrapKeyAuthenticated", session);
}

CK_RV C_UnwrapKeyAuthenticated(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                               CK_OBJECT_HANDLE unwrapping_key, CK_BYTE_PTR wrapped,
                               CK_ULONG wrapped_len, CK_ATTRIBUTE_PTR attributes,
                               CK_ULONG attribute_count, CK_BYTE_PTR aad, CK_ULONG aad_len,
                               CK_OBJECT_HANDLE_PTR key)
{
    (void)mechanism; (void)unwrapping_key; (void)wrapped; (void)wrapped_len; (void)attributes;
    (void)attribute_count; (void)aad; (void)aad_len; (void)key;
    return gate_refuse("C_UnwrapKeyAuthenticated", session);
}

CK_RV C_AsyncComplete(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR function, CK_ASYNC_DATA_PTR result)
{
    (void)function; (void)result;
    return gate_refuse("C_AsyncComplete", session);
}

CK_RV C_AsyncGetID(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR function, CK_ULONG_PTR id)
{
    (void)function; (void)id;
    return gate_refuse("C_AsyncGetID", session);
}

CK_RV C_AsyncJoin(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR function, CK_ULONG id,
                  CK_BYTE_PTR data, CK_ULONG data_len)
{
    (void)function; (void)id; (void)data; (void)data_len;
    return gate_refuse("C_AsyncJoin", session);
}

/* ================================================================================================
 * MARK: - >>list
 * The lists of all functions, and scard11_*.
 *
 * Owns    the function lists of 2.40, 3.0 and 3.2; scard11_configure and its kin
 * Uses    >>link >>card >>slot >>option >>gate
 * Names   list_ C_GetFunctionList C_GetInterface scard11_
 * Specs   PKCS#11 3.2, 5.4.4 to 5.4.6
 * Tests   tests/unit/list.c
 * ==============================================================================================*/

#define LIST_ENTRY(name) name,
static CK_FUNCTION_LIST list_2_40 = {
    { 2, 40 },
    SCARD11_FUNCTIONS_2_40(LIST_ENTRY)
};

static CK_FUNCTION_LIST_3_0 list_3_0 = {
    { 3, 0 },
    SCARD11_FUNCTIONS_2_40(LIST_ENTRY)
    SCARD11_FUNCTIONS_3_0(LIST_ENTRY)
};

static CK_FUNCTION_LIST_3_2 list_3_2 = {
    { 3, 2 },
    SCARD11_FUNCTIONS_2_40(LIST_ENTRY)
    SCARD11_FUNCTIONS_3_0(LIST_ENTRY)
    SCARD11_FUNCTIONS_3_2(LIST_ENTRY)
};
#undef LIST_ENTRY

static CK_UTF8CHAR list_interface_name[] = "PKCS 11";

// The default first. CKF_INTERFACE_FORK_SAFE is not set: a child must call C_Initialize.
static CK_INTERFACE list_interfaces[] = {
    { list_interface_name, &list_3_2, 0 },
    { list_interface_name, &list_3_0, 0 },
    { list_interface_name, &list_2_40, 0 },
};

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
    if (!list) return CKR_ARGUMENTS_BAD;
    *list = &list_2_40;
    return CKR_OK;
}

CK_RV C_GetInterfaceList(CK_INTERFACE_PTR list, CK_ULONG_PTR count)
{
    if (!count) return CKR_ARGUMENTS_BAD;
    CK_ULONG room = *count;
    *count = COUNT(list_interfaces);
    if (!list) return CKR_OK;
    if (room < COUNT(list_interfaces)) return CKR_BUFFER_TOO_SMALL;
    memcpy(list, list_interfaces, sizeof list_interfaces);
    return CKR_OK;
}

CK_RV C_GetInterface(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version, CK_INTERFACE_PTR_PTR found,
                     CK_FLAGS flags)
{
    if (!found) return CKR_ARGUMENTS_BAD;
    if (name && strcmp((const char *)name, (const char *)list_interface_name))
        return CKR_ARGUMENTS_BAD;
    for (size_t i = 0; i < COUNT(list_interfaces); i++) {
        CK_INTERFACE *at = &list_interfaces[i];
        CK_VERSION has = *(const CK_VERSION *)at->pFunctionList;     // a list begins with it
        if (version && (version->major != has.major || version->minor != has.minor)) continue;
        if (flags & ~at->flags) continue;
        *found = at;
        return CKR_OK;
    }
    return CKR_ARGUMENTS_BAD;
}

// ---- scard11_* (scard11.h, part 2) ----

const char *scard11_version(void)
{
    return "0.1.0";
}

unsigned long scard11_configure(const char *option, const char *value)
{
    if (!option || !value) return CKR_ARGUMENTS_BAD;
    gate_own();
    os_acquire(&os_gate);
    st s = gate_state == GATE_DOWN ? option_set(option, value) : ST_ALREADY_INIT;
    os_release(&os_gate);
    return st_ckr(s);
}

unsigned long scard11_set_log(void (*line)(void *context, const char *text), void *context)
{
    gate_own();
    os_acquire(&os_gate);
    st s = gate_state == GATE_DOWN ? ST_OK : ST_ALREADY_INIT;
    if (!s) os_log_want(line, context);
    os_release(&os_gate);
    return st_ckr(s);
}

// Waits for the reader's lock, so that what it says belongs together.
unsigned long scard11_stats(unsigned long slot, struct scard11_counters *counters)
{
    struct call call = gate_enter_library("scard11_stats");
    u32 index = 0;
    if (!call.s && !counters) call.s = ST_ARGS;
    if (!call.s) call.s = slot_enter_id(slot, false, call.generation, &call.reader, &index);
    if (!call.s) {
        const struct link_count *count = &call.reader->count;
        const struct card *card = call.reader->card;
        *counters = (struct scard11_counters){ count->commands, count->sent, count->received,
                                               count->connects,
                                               card ? SCARD11_CARD_MEMORY - card->arena.left : 0 };
    }
    return gate_leave(&call);
}

#if defined(__GNUC__) && !SCARD11_DEBUG
#pragma GCC diagnostic pop
#endif
