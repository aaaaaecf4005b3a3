// device.c: no operating system: a Cortex-M4 board with a card reader on a serial line.
// ./build.sh device compiles it, and runs it in QEMU with a simulated card. SPDX-License-Identifier: 0BSD
//
// The board is ARM's MPS2 with AN386, as qemu-system-arm has it. UART 0 leads to the card, in frames
// that begin with their length in two bytes: a frame of one byte is power on (01), reset (02), or
// asks for the ATR (04); any other is an APDU, and is answered by an APDU. UART 1 says what goes on.
// On a device of your own, what is above main is yours: clock, random numbers, reader.
// Memory: device.ld. Options: device.h; of mbedTLS: device_mbedtls.h.
// Test: tests/tools/device.sh
#include "scard11.h"
#include <stdbool.h>
#include <string.h>

// ---- The board ----

struct uart { volatile uint32_t data, state, control, interrupts, divider; };
#define UART_CARD     ((struct uart *)0x40004000)
#define UART_TEXT     ((struct uart *)0x40005000)
#define UART_FULL     1u            // of state: no room to send
#define UART_RECEIVED 2u

struct systick { volatile uint32_t control, reload, value; };
#define SYSTICK       ((struct systick *)0xe000e010)
#define CLOCK_HZ      25000000u

static volatile uint64_t ms;

void systick_handler(void);
void systick_handler(void) { ms++; }

uint64_t device_now_ms(void)
{
    uint64_t now;
    do now = ms; while (now != ms);                 // read in two halves
    return now;
}

void device_sleep_ms(uint32_t n)
{
    for (uint64_t end = device_now_ms() + n; device_now_ms() < end;) __asm volatile("wfi");
}

// A board has a generator of random numbers. QEMU's has none: the debugger's link (ARM semihosting)
// opens the host's.
static int semihosting(int what, const void *with)
{
    register int r0 __asm("r0") = what;
    register const void *r1 __asm("r1") = with;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

int device_entropy(uint8_t *out, size_t n)
{
    enum { SYS_OPEN = 1, SYS_CLOSE = 2, SYS_READ = 6, BINARY = 1 };
    static const char name[] = "/dev/urandom";
    const uintptr_t open[] = { (uintptr_t)name, BINARY, sizeof name - 1 };
    int file = semihosting(SYS_OPEN, open);
    if (file < 0) return 1;
    const uintptr_t read[] = { (uintptr_t)file, (uintptr_t)out, n }, close[] = { (uintptr_t)file };
    int missing = semihosting(SYS_READ, read);      // bytes that did not come
    semihosting(SYS_CLOSE, close);
    return missing != 0;
}

// mbedTLS asks here for what it needs (MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG).
int mbedtls_psa_external_get_random(void *context, uint8_t *out, size_t size, size_t *n);
int mbedtls_psa_external_get_random(void *context, uint8_t *out, size_t size, size_t *n)
{
    (void)context;
    *n = size;
    return device_entropy(out, size) ? -148 : 0;    // PSA_ERROR_INSUFFICIENT_ENTROPY
}

static void uart_send(struct uart *uart, const uint8_t *p, size_t n)
{
    for (; n; n--) {
        while (uart->state & UART_FULL) continue;
        uart->data = *p++;
    }
}

static bool uart_receive(struct uart *uart, uint8_t *p, size_t n, uint32_t timeout_ms)
{
    uint64_t end = device_now_ms() + timeout_ms;
    for (; n; n--) {
        while (!(uart->state & UART_RECEIVED))
            if (device_now_ms() > end) return false;
        *p++ = (uint8_t)uart->data;
    }
    return true;
}

static void say(const char *text) { uart_send(UART_TEXT, (const uint8_t *)text, strlen(text)); }

static void say_hex(const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (; n; n--, p++) {
        const char hex[] = { digits[*p >> 4], digits[*p & 15], 0 };
        say(hex);
    }
}

// ---- The reader ----

#define ANSWER_MS 5000              // a card that works longer says so on a real line, and is waited for
#define LOOK_MS   200

static bool card_in, card_connected;
static uint32_t card_count;         // how often one went in or out

static void frame_send(const uint8_t *p, size_t n)
{
    const uint8_t head[] = { (uint8_t)(n >> 8), (uint8_t)n };
    while (UART_CARD->state & UART_RECEIVED) (void)UART_CARD->data;     // of a card that has left
    uart_send(UART_CARD, head, 2);
    uart_send(UART_CARD, p, n);
}

static bool frame_receive(uint8_t *p, size_t *n, uint32_t timeout_ms)
{
    uint8_t head[2];
    if (!uart_receive(UART_CARD, head, 2, timeout_ms)) return false;
    size_t length = (size_t)head[0] << 8 | head[1];
    if (length > *n || !uart_receive(UART_CARD, p, length, timeout_ms)) return false;
    *n = length;
    return true;
}

// Is a card in? A reader has a switch for that. Here the card is asked for its ATR.
static uint32_t look(void)
{
    static uint64_t last;
    uint8_t atr[36];
    size_t n = sizeof atr;
    if (!card_count || device_now_ms() - last >= LOOK_MS) {
        frame_send((const uint8_t *)"\4", 1);
        bool in = frame_receive(atr, &n, 50) && n > 1;
        if (in && !card_in) frame_send((const uint8_t *)"\1", 1);
        if (in != card_in || !card_count) card_count++;
        card_in = in;
        last = device_now_ms();
    }
    return card_count << 16 | SCARD11_READER_COUNTED | (card_in ? SCARD11_READER_PRESENT : 0);
}

int scard11_reader_start(void **context)     { *context = &card_in; return SCARD11_READER_OK; }
void scard11_reader_stop(void *context)      { (void)context; }
void scard11_reader_cancel(void *context)    { (void)context; }
int scard11_reader_begin(void *conn)         { (void)conn; return SCARD11_READER_OK; }
int scard11_reader_end(void *conn)           { (void)conn; return SCARD11_READER_OK; }

int scard11_reader_list(void *context, char *names, size_t *len)
{
    static const char list[] = "Reader\0";          // one name, and the end of the list
    (void)context;
    if (*len >= sizeof list) memcpy(names, list, sizeof list);
    else if (*len) *names = 0;
    *len = sizeof list;
    return SCARD11_READER_OK;
}

int scard11_reader_wait(void *context, struct scard11_reader_state *readers, size_t n,
                        uint32_t timeout_ms)
{
    uint64_t end = device_now_ms() + timeout_ms;
    (void)context;
    for (;;) {
        bool changed = false;
        for (size_t i = 0; i < n; i++)
            changed |= (readers[i].state = look()) != readers[i].known;
        if (changed || !timeout_ms) return SCARD11_READER_OK;
        if (device_now_ms() >= end) return SCARD11_READER_TIMEOUT;
        device_sleep_ms(10);
    }
}

int scard11_reader_connect(void **conn, const char *name, unsigned how,
                           struct scard11_reader_card *card)
{
    (void)name;
    if (how & SCARD11_READER_RESET_CARD) frame_send((const uint8_t *)"\2", 1);
    frame_send((const uint8_t *)"\4", 1);
    card->atr_len = sizeof card->atr;
    if (!frame_receive(card->atr, &card->atr_len, 1000)) return SCARD11_READER_REMOVED;
    card->protocol = 1;
    card_connected = true;
    *conn = &card_connected;
    return SCARD11_READER_OK;
}

void scard11_reader_disconnect(void *conn, int reset)
{
    (void)conn;
    if (reset) frame_send((const uint8_t *)"\2", 1);
    card_connected = false;
}

int scard11_reader_status(void *conn, uint32_t *state)
{
    (void)conn;
    *state = look();
    return card_in ? SCARD11_READER_OK : SCARD11_READER_REMOVED;
}

int scard11_reader_transmit(void *conn, const uint8_t *cmd, size_t cmd_len,
                            uint8_t *rsp, size_t *rsp_len)
{
    (void)conn;
    frame_send(cmd, cmd_len);
    return frame_receive(rsp, rsp_len, ANSWER_MS) ? SCARD11_READER_OK : SCARD11_READER_REMOVED;
}

int scard11_reader_control(void *conn, uint32_t feature, const uint8_t *in, size_t in_len,
                           uint8_t *out, size_t *out_len)
{
    (void)conn; (void)feature; (void)in; (void)in_len; (void)out; (void)out_len;
    return SCARD11_READER_REFUSED;
}

// ---- The program ----

// The next object of a class that the session sees, or the first one; 0: there is none.
static CK_OBJECT_HANDLE find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, CK_ULONG skip)
{
    CK_ATTRIBUTE template = { CKA_CLASS, &class, sizeof class };
    CK_OBJECT_HANDLE found[8];
    CK_ULONG n = 0;
    if (C_FindObjectsInit(session, &template, 1)) return 0;
    C_FindObjects(session, found, 8, &n);
    C_FindObjectsFinal(session);
    return skip < n ? found[skip] : 0;
}

static CK_RV list(CK_SESSION_HANDLE session)
{
    char label[40];
    CK_OBJECT_HANDLE object;
    for (CK_ULONG i = 0; (object = find(session, CKO_CERTIFICATE, i)) != 0; i++) {
        CK_ATTRIBUTE attribute = { CKA_LABEL, label, sizeof label - 1 };
        CK_RV rv = C_GetAttributeValue(session, object, &attribute, 1);
        if (rv) return rv;
        label[attribute.ulValueLen] = 0;
        say("certificate: ");
        say(label);
        say("\r\n");
    }
    return CKR_OK;
}

// Signs with the first key, by what it can do.
static CK_RV sign(CK_SESSION_HANDLE session)
{
    static uint8_t pin[] = "123456", text[] = "scard11", signature[512];      // a keypad's PIN
    CK_KEY_TYPE type = CKK_RSA;
    CK_ATTRIBUTE attribute = { CKA_KEY_TYPE, &type, sizeof type };
    CK_ULONG n = sizeof signature;
    CK_RV rv = C_Login(session, CKU_USER, pin, sizeof pin - 1);
    if (rv) return rv;
    CK_OBJECT_HANDLE key = find(session, CKO_PRIVATE_KEY, 0);
    if (!key) return CKR_KEY_HANDLE_INVALID;
    rv = C_GetAttributeValue(session, key, &attribute, 1);
    CK_MECHANISM mechanism = { type == CKK_RSA ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, NULL, 0 };
    if (!rv) rv = C_SignInit(session, &mechanism, key);
    if (!rv) rv = C_Sign(session, text, sizeof text - 1, signature, &n);
    if (rv) return rv;
    say("signature: ");
    say_hex(signature, n);
    say("\r\n");
    return CKR_OK;
}

static CK_RV work(CK_SESSION_HANDLE *session)
{
    CK_RV rv = C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, session);
    if (!rv) rv = list(*session);
    if (!rv) rv = sign(*session);
    return rv;
}

static void say_memory(void)
{
    struct scard11_counters counters = { 0 };
    char digits[12];
    size_t n = sizeof digits - 1;
    if (scard11_stats(0, &counters)) return;
    digits[n] = 0;
    do digits[--n] = (char)('0' + counters.card_memory % 10); while ((counters.card_memory /= 10) != 0);
    say("bytes for the card: ");
    say(digits + n);
    say("\r\n");
}

int main(void)
{
    CK_SLOT_ID slot;
    CK_TOKEN_INFO token;
    CK_SESSION_HANDLE session = 0;
    CK_SESSION_INFO info;
    SYSTICK->reload = CLOCK_HZ / 1000 - 1;
    SYSTICK->value = 0;
    SYSTICK->control = 7;                           // the processor's clock, its interrupt, on
    UART_CARD->divider = UART_TEXT->divider = 16;
    UART_CARD->control = UART_TEXT->control = 3;    // sends and receives
    CK_RV rv = C_Initialize(NULL);
    while (rv == CKR_OK) {
        while ((rv = C_GetTokenInfo(0, &token)) == CKR_TOKEN_NOT_PRESENT)
            C_WaitForSlotEvent(0, &slot, NULL);
        if (!rv) {
            token.label[sizeof token.label - 1] = 0;
            say("token: ");
            say((char *)token.label);
            say("\r\n");
            rv = work(&session);
        }
        if (!rv) say_memory();
        if (rv) {
            const uint8_t code[] = { (uint8_t)(rv >> 8), (uint8_t)rv };
            say("error: ");
            say_hex(code, 2);
            say("\r\n");
        }
        while (!C_GetSessionInfo(session, &info)) device_sleep_ms(100);
        say("the card has left\r\n");
        rv = CKR_OK;
    }
    say("no library\r\n");
    return 1;
}

// ---- Before main ----

extern uint8_t ld_stack[], ld_data[], ld_data_end[], ld_data_from[], ld_bss[], ld_bss_end[];

void reset_handler(void);
void reset_handler(void)
{
    memcpy(ld_data, ld_data_from, (size_t)(ld_data_end - ld_data));
    memset(ld_bss, 0, (size_t)(ld_bss_end - ld_bss));
    main();
    for (;;) continue;
}

static void fault(void)
{
    say("fault\r\n");
    for (;;) continue;
}

__attribute__((section(".vectors"), used))
static const struct {
    uint8_t *stack;
    void (*handlers[15])(void);
} vectors = { ld_stack, { reset_handler, fault, fault, fault, fault, fault, NULL, NULL, NULL, NULL,
                          fault, fault, NULL, fault, systick_handler } };

// All memory that is taken: malloc's. newlib asks here for more.
void *_sbrk(ptrdiff_t n);
void *_sbrk(ptrdiff_t n)
{
    extern uint8_t ld_heap[], ld_heap_end[];
    static uint8_t *at = ld_heap;
    if (n > ld_heap_end - at) return (void *)-1;
    at += n;
    return at - n;
}
