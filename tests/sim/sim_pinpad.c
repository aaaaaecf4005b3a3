// sim_pinpad.c: see sim_pinpad.h. Fields as PC/SC part 10 has them; numbers of more than a byte are
// little-endian. SPDX-License-Identifier: 0BSD
#include "sim_pinpad.h"
#include <stdlib.h>
#include <string.h>

// A structure that was taken apart.
struct ask {
    unsigned format, block, length, old_at, new_at, min, max, confirm, condition, messages;
    unsigned language;
    const uint8_t *index, *command;
    size_t command_len;
};

static bool take_apart(const uint8_t *p, size_t n, bool modify, struct ask *a)
{
    size_t head = modify ? 24 : 19, at = 5;
    if (n < head) return false;
    *a = (struct ask){ .format = p[2], .block = p[3], .length = p[4] };
    if (modify) { a->old_at = p[at++]; a->new_at = p[at++]; }
    a->max = p[at++];
    a->min = p[at++];
    if (modify) a->confirm = p[at++];
    a->condition = p[at++];
    a->messages = p[at++];
    a->language = p[at] | (unsigned)p[at + 1] << 8;
    a->index = p + at + 2;
    at += modify ? 5 : 3;
    if (p[at] || p[at + 1] || p[at + 2]) return false;      // bTeoPrologue: T=1 is the reader's
    a->command_len = p[at + 3] | (size_t)p[at + 4] << 8 | (size_t)p[at + 5] << 16 |
                     (size_t)p[at + 6] << 24;
    a->command = p + head;
    return a->command_len == n - head;
}

// Where in the data a PIN goes, in bits, and what kind it is.
static unsigned position(const struct ask *a)
{
    return (a->format >> 3 & 15) * (a->format & 0x80 ? 8 : 1);
}

static unsigned kind(const struct ask *a)  { return a->format & 3; }
static unsigned block(const struct ask *a) { return a->block & 15; }

static bool plausible(const struct ask *a, bool modify)
{
    unsigned lc = a->command_len >= 5 ? a->command[4] : 0, most = block(a) * (kind(a) == 1 ? 2 : 1);
    unsigned last = a->new_at > a->old_at ? a->new_at : a->old_at;
    if (a->command_len < 5 || lc != a->command_len - 5) return false;
    if (kind(a) != 1 && kind(a) != 2) return false;         // BCD, ASCII
    if (a->format & 4 || position(a) % 8) return false;     // left-justified, at a byte
    if (a->length & 0xe0 || (a->length && !(a->block >> 4))) return false;
    if (block(a) ? position(a) / 8 + last + block(a) > lc : lc || position(a) || last) return false;
    if (!block(a) && (kind(a) == 1 || a->block >> 4)) return false;
    if (a->min > a->max || !a->max || (most && a->max > most)) return false;
    if (a->condition != 2 || a->language != 0x0409) return false;
    if (!modify) return a->messages == 1 && a->index[0] == 0;
    if (a->confirm == 1) return a->messages == 2 && !memcmp(a->index, "\1\2", 2) && !a->new_at;
    if (a->confirm != 3 || a->messages != 3 || memcmp(a->index, "\0\1\2", 3)) return false;
    return !a->old_at && (a->new_at == block(a) + position(a) / 8);
}

// Puts n bits of a value at a bit of the data, the highest first.
static void put_bits(uint8_t *data, unsigned at, unsigned n, unsigned value)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned bit = at + i, mask = 0x80u >> bit % 8, set = value >> (n - 1 - i) & 1;
        data[bit / 8] = (uint8_t)((data[bit / 8] & ~mask) | (set ? mask : 0));
    }
}

static void put_pin(const struct ask *a, const char *pin, unsigned offset, uint8_t *cmd, size_t *n)
{
    unsigned unit = a->length & 0x10 ? 8 : 1, digit = kind(a) == 1 ? 4 : 8;
    unsigned len = (unsigned)strlen(pin);
    if (!block(a)) {                                        // as long as it is, Lc with it
        memcpy(cmd + *n, pin, len);
        *n += len;
        cmd[4] = (uint8_t)(cmd[4] + len);
        return;
    }
    put_bits(cmd + 5, offset * 8 + (a->length & 15) * unit, a->block >> 4, len);
    for (unsigned i = 0; i < len; i++)
        put_bits(cmd + 5, offset * 8 + position(a) + i * digit, digit,
                 digit == 4 ? pin[i] & 15u : (unsigned char)pin[i]);
}

// The PINs as they were typed. Returns what the pinpad answers itself; 0: it has them.
static unsigned typed(struct sim_pinpad *pad, const struct ask *a, unsigned count, int reader)
{
    for (unsigned i = 0; i < count; i++) {
        size_t n = pad->typed[i] ? strlen(pad->typed[i]) : 0;
        if (i == 1 && pad->pull) sim_reader_eject(reader);
        if (pad->cancel) return 0x6401;
        if (!pad->typed[i]) return 0x6400;
        if (n < a->min || n > a->max) return 0x6403;
    }
    if (count == 1 && pad->pull) sim_reader_eject(reader);
    return count > 1 && strcmp(pad->typed[count - 1], pad->typed[count - 2]) ? 0x6402 : 0;
}

// The whole entry: what was asked for is in seen.
static size_t enter(struct sim_pinpad *pad, int reader, uint8_t *cmd, unsigned *sw)
{
    bool modify = pad->feature == SIM_PAD_MODIFY;
    struct ask a;
    if (!take_apart(pad->seen, pad->seen_len, modify, &a) || !plausible(&a, modify)) {
        pad->malformed++;
        *sw = 0x6b80;
        return 0;
    }
    pad->min = a.min, pad->max = a.max, pad->messages = a.messages, pad->confirm = a.confirm;
    *sw = typed(pad, &a, modify ? a.messages : 1, reader);
    if (*sw) return 0;
    size_t len = a.command_len;
    memcpy(cmd, a.command, len);
    put_pin(&a, pad->typed[0], modify && a.confirm == 1 ? a.new_at : a.old_at, cmd, &len);
    if (modify && a.confirm == 3) put_pin(&a, pad->typed[1], a.new_at, cmd, &len);
    memcpy(pad->command, cmd, len);
    pad->command_len = len;
    if (pad->next) memcpy(pad->typed, pad->next, sizeof pad->typed);
    pad->next = NULL;
    return len;
}

// Keys as they are pressed: none yet, a digit, a correction, then the one that ends the entry.
static unsigned key_pressed(struct sim_pinpad *pad)
{
    static const uint8_t before[] = { 0x00, 0x2b, 0x08 };
    pad->keys_asked++;
    if (!pad->begun) pad->malformed++;
    if (pad->keys_told < sizeof before) return SIM_READER_BYTE | before[pad->keys_told++];
    pad->keys_told = sizeof before + 1;
    return SIM_READER_BYTE | (pad->cancel ? 0x1bu : pad->typed[0] ? 0x0du : 0x0eu);
}

size_t sim_pinpad_type(void *arg, int reader, uint32_t feature, const uint8_t *in, size_t n,
                    uint8_t *cmd, unsigned *sw)
{
    struct sim_pinpad *pad = arg;
    *sw = 0;
    if (feature == SIM_PAD_KEY) {
        *sw = key_pressed(pad);
        return 0;
    }
    if (feature == 2 || feature == 4) {
        bool told = !(pad->features >> SIM_PAD_KEY & 1) || pad->keys_told > 3;
        if (pad->begun != feature - 1 || n || !told) {
            pad->malformed++;
            *sw = 0x6985;
            return 0;
        }
        pad->begun = 0;
        return enter(pad, reader, cmd, sw);
    }
    pad->entries++;
    pad->feature = feature == 1 ? SIM_PAD_VERIFY : feature == 3 ? SIM_PAD_MODIFY : feature;
    pad->seen_len = n < sizeof pad->seen ? n : sizeof pad->seen;
    memcpy(pad->seen, in, pad->seen_len);
    pad->command_len = 0;
    pad->keys_told = 0;
    pad->begun = feature == 1 || feature == 3 ? feature : 0;
    return pad->begun ? 0 : enter(pad, reader, cmd, sw);
}

void sim_pinpad_fit(int reader, struct sim_pinpad *pad, uint32_t features, uint8_t min, uint8_t max)
{
    pad->features = features;
    sim_reader_pinpad(reader, &(struct sim_reader_pinpad){ .features = features, .pin_min = min,
                                                     .pin_max = max, .type = sim_pinpad_type,
                                                     .arg = pad });
}
