// cards_piv_admin.h: the administration of the simulated PIV card, by commands (SP 800-73-4 part 2,
// Yubico's extensions): what it must refuse, and that what it did is on the card. Part of
// piv_cards.c. SPDX-License-Identifier: 0BSD
#include <mbedtls/aes.h>
#include <mbedtls/des.h>

static struct sim_card *admin_card;
static uint8_t admin_reply[65538];
static size_t admin_n;                      // of it, without the status word

static const uint8_t admin_usual[32] = { 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4,
                                         5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8 };
static const uint8_t admin_other[32] = "another key of an administrator";

#define ADMIN_SELECT 0xa4, 0x04, 0x00, "\xa0\0\0\3\x08\0\0\x10\0", 9

// One command in extended length: its status word.
static unsigned admin_say(unsigned ins, unsigned p1, unsigned p2, const void *data, size_t n)
{
    uint8_t cmd[4096] = { 0, (uint8_t)ins, (uint8_t)p1, (uint8_t)p2, 0, (uint8_t)(n >> 8),
                          (uint8_t)n };
    size_t len = n ? 7 + n + 2 : 7;         // Le: 00 00
    if (n) memcpy(cmd + 7, data, n);
    len = admin_card->apdu(admin_card, cmd, len, admin_reply, sizeof admin_reply);
    admin_n = len - 2;
    return (unsigned)admin_reply[len - 2] << 8 | admin_reply[len - 1];
}

static void admin_end(void)
{
    if (admin_card) admin_card->free(admin_card);
    admin_card = NULL;
}

static void admin_begin(const struct sim_piv_options *o)
{
    admin_end();                            // of a case that failed
    struct sim_piv_options with = *o;
    with.extended = true;
    admin_card = sim_piv_new(&with);
    admin_say(ADMIN_SELECT);
}

// A block in ECB, with what OpenSC and others use, too: the cipher itself.
static void admin_cipher(bool encrypt, uint8_t algorithm, const uint8_t *key, const uint8_t *in,
                         uint8_t *out)
{
    unsigned bits = algorithm == 0x08 ? 128 : algorithm == 0x0a ? 192 : 256;
    mbedtls_des3_context des;
    mbedtls_aes_context aes;
    mbedtls_des3_init(&des);
    mbedtls_aes_init(&aes);
    if (algorithm == 0x03) {
        if (encrypt) mbedtls_des3_set3key_enc(&des, key);
        else         mbedtls_des3_set3key_dec(&des, key);
        mbedtls_des3_crypt_ecb(&des, in, out);
    } else {
        if (encrypt) mbedtls_aes_setkey_enc(&aes, key, bits);
        else         mbedtls_aes_setkey_dec(&aes, key, bits);
        mbedtls_aes_crypt_ecb(&aes, encrypt ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT, in, out);
    }
    mbedtls_des3_free(&des);
    mbedtls_aes_free(&aes);
}

static uint8_t admin_block(uint8_t algorithm) { return algorithm == 0x03 ? 8 : 16; }

static unsigned admin_ask(uint8_t algorithm, uint8_t tag)
{
    const uint8_t data[] = { 0x7c, 0x02, tag, 0x00 };
    return admin_say(0x87, algorithm, 0x9b, data, sizeof data);
}

// The answer to the challenge that was just given.
static unsigned admin_respond(uint8_t algorithm, const uint8_t *key)
{
    uint8_t n = admin_block(algorithm), data[20] = { 0x7c, (uint8_t)(n + 2), 0x82, n };
    admin_cipher(true, algorithm, key, admin_reply + 4, data + 4);
    return admin_say(0x87, algorithm, 0x9b, data, n + 4u);
}

static unsigned admin_single(uint8_t algorithm, const uint8_t *key)
{
    unsigned sw = admin_ask(algorithm, 0x81);
    return sw == 0x9000 ? admin_respond(algorithm, key) : sw;
}

// Both ways: the card's answer to our challenge must be right, too.
static unsigned admin_mutual(uint8_t algorithm, const uint8_t *key)
{
    uint8_t n = admin_block(algorithm), want[16];
    uint8_t data[40] = { 0x7c, (uint8_t)(2 * n + 4), 0x80, n };
    unsigned sw = admin_ask(algorithm, 0x80);
    if (sw != 0x9000) return sw;
    admin_cipher(false, algorithm, key, admin_reply + 4, data + 4);
    data[4 + n] = 0x81;
    data[5 + n] = n;
    memset(data + 6 + n, 0x42, n);
    sw = admin_say(0x87, algorithm, 0x9b, data, 6u + 2 * n);
    admin_cipher(true, algorithm, key, data + 6 + n, want);
    bool right = admin_n == n + 4u && admin_reply[2] == 0x82 && !memcmp(admin_reply + 4, want, n);
    return sw == 0x9000 && !right ? 0 : sw;
}

TEST(piv_admin_each_algorithm_authenticates)
{
    static const uint8_t algorithms[] = { 0x03, 0x08, 0x0a, 0x0c };
    for (unsigned i = 0; i < 8; i++) {
        uint8_t algorithm = algorithms[i / 2];
        const uint8_t *key = i % 2 ? admin_other : admin_usual;
        admin_begin(&(struct sim_piv_options){ .management = algorithm,
                                               .management_key = i % 2 ? key : NULL });
        CHECK_EQ(admin_single(algorithm, key), 0x9000);
        CHECK(sim_piv_admin(admin_card));
        admin_card->reset(admin_card);
        CHECK(!sim_piv_admin(admin_card));
        CHECK_EQ(admin_say(ADMIN_SELECT), 0x9000);
        CHECK_EQ(admin_mutual(algorithm, key), 0x9000);
        CHECK(sim_piv_admin(admin_card) && admin_card->verified(admin_card));
        CHECK_EQ(sim_piv_wrong_answers(admin_card), 0);
        admin_end();
    }
}

TEST(piv_admin_one_way_to_authenticate_may_be_missing)
{
    admin_begin(&(struct sim_piv_options){ .no_single = true });
    CHECK_EQ(admin_single(0x03, admin_usual), 0x6a80);
    CHECK_EQ(admin_mutual(0x03, admin_usual), 0x9000);
    admin_end();
    admin_begin(&(struct sim_piv_options){ .no_mutual = true });
    CHECK_EQ(admin_mutual(0x03, admin_usual), 0x6a80);
    CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
    admin_end();
}

TEST(piv_admin_a_challenge_is_good_once_and_in_the_next_command)
{
    uint8_t challenge[8];
    admin_begin(&(struct sim_piv_options){ .second = false });
    CHECK_EQ(admin_ask(0x03, 0x81), 0x9000);                    // another command between
    memcpy(challenge, admin_reply + 4, 8);
    CHECK_EQ(admin_say(0xcb, 0x3f, 0xff, "\x5c\3\x5f\xc1\7", 5), 0x9000);
    memcpy(admin_reply + 4, challenge, 8);
    CHECK_EQ(admin_respond(0x03, admin_usual), 0x6982);
    CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
    memcpy(admin_reply + 4, challenge, 8);                      // once more
    CHECK_EQ(admin_respond(0x03, admin_usual), 0x6982);
    CHECK(!sim_piv_admin(admin_card));
    CHECK_EQ(admin_ask(0x03, 0x80), 0x9000);                    // a witness is no challenge
    CHECK_EQ(admin_respond(0x03, admin_usual), 0x6982);
    CHECK_EQ(sim_piv_wrong_answers(admin_card), 3);
    CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
    CHECK_EQ(admin_single(0x03, admin_other), 0x6982);          // a wrong key
    CHECK(!sim_piv_admin(admin_card));
    CHECK_EQ(admin_mutual(0x03, admin_other), 0x6982);
    CHECK_EQ(sim_piv_wrong_answers(admin_card), 5);
    CHECK_EQ(admin_ask(0x0a, 0x81), 0x6a86);
    CHECK_EQ(admin_ask(0x03, 0x85), 0x6a80);
    admin_end();
}

TEST(piv_admin_authentication_ends)
{
    for (unsigned keeps = 0; keeps < 2; keeps++) {
        admin_begin(&(struct sim_piv_options){ .keeps_login = keeps });
        CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
        CHECK_EQ(admin_say(0xa4, 0x04, 0, "\xd2\x76\0\1\x24\1", 6), 0x6a82);   // it stays there
        CHECK(sim_piv_admin(admin_card));
        CHECK_EQ(admin_say(ADMIN_SELECT), 0x9000);
        CHECK_EQ(sim_piv_admin(admin_card), keeps);
        CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
        CHECK_EQ(admin_say(0xa4, 0x04, 0, "\xa0\0\0\x09\x99\0\1", 7), 0x9000);
        CHECK(!sim_piv_admin(admin_card));
        CHECK_EQ(admin_say(ADMIN_SELECT), 0x9000);
        CHECK_EQ(admin_say(0xdb, 0x3f, 0xff, "\x5c\3\x5f\xc1\2\x53\0", 7), 0x6982);
        CHECK_EQ(admin_ask(0x03, 0x81), 0x9000);                // nor is a challenge good then
        sim_piv_select_other(admin_card);
        CHECK_EQ(admin_say(ADMIN_SELECT), 0x9000);
        CHECK_EQ(admin_respond(0x03, admin_usual), 0x6982);
        admin_end();
    }
}

// ---- Data objects ----

static unsigned admin_put(uint32_t tag, const void *value, uint8_t n)
{
    uint8_t data[262] = { 0x5c, 3, (uint8_t)(tag >> 16), (uint8_t)(tag >> 8), (uint8_t)tag, 0x53,
                          n };
    memcpy(data + 7, value, n);
    return admin_say(0xdb, 0x3f, 0xff, data, 7u + n);
}

static unsigned admin_get(uint32_t tag)
{
    const uint8_t data[] = { 0x5c, 3, (uint8_t)(tag >> 16), (uint8_t)(tag >> 8), (uint8_t)tag };
    return admin_say(0xcb, 0x3f, 0xff, data, 5);
}

TEST(piv_admin_objects_are_written_and_deleted)
{
    uint8_t digest[32], want[32];
    admin_begin(&(struct sim_piv_options){ .room = 64, .discovery = SIM_APPLICATION_PIN });
    CHECK_EQ(admin_put(0x5fc102, "chuid", 5), 0x6982);
    CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
    CHECK_EQ(admin_put(0x5fc102, "chuid", 5), 0x9000);
    CHECK_EQ(admin_get(0x5fc102), 0x9000);
    CHECK_BYTES(admin_reply, admin_n, "53 05 63 68 75 69 64");
    mbedtls_sha256(admin_reply, admin_n, want, 0);
    CHECK(sim_piv_object(admin_card, 0x5fc102, digest) && !memcmp(digest, want, 32));
    CHECK_EQ(admin_put(0x5fc105, "certificate", 11), 0x9000);
    CHECK_EQ(admin_put(0x5fc10a, admin_other, 32), 0x9000);
    CHECK_EQ(admin_put(0x5fc10b, admin_other, 32), 0x6a84);     // no room, and the old one stays
    CHECK_EQ(admin_get(0x5fc10b), 0x9000);
    CHECK(admin_n > 500);
    CHECK_EQ(admin_put(0x5fc10a, "", 0), 0x9000);
    CHECK_EQ(admin_get(0x5fc10a), 0x6a82);
    CHECK(!sim_piv_object(admin_card, 0x5fc10a, digest));
    CHECK_EQ(admin_put(0x5fc10b, admin_other, 32), 0x9000);
    CHECK_EQ(sim_piv_writes(admin_card), 5);
    CHECK_EQ(admin_put(0x5fc104, "", 0), 0x6a82);               // no tags of the standard
    CHECK_EQ(admin_put(0x5fff12, "", 0), 0x6a82);
    CHECK_EQ(admin_say(0xdb, 0x3f, 0xff, "\x7e\x02\x4f\0", 4), 0x6a81);
    CHECK_EQ(admin_say(0xdb, 0x3f, 0xff, "\x5c\1\x7e\x53\0", 5), 0x6a81);
    CHECK_EQ(admin_say(0xdb, 0x3f, 0xff, "\x5c\3\x5f\xc1\2\x53\3\1", 8), 0x6a80);
    CHECK_EQ(sim_piv_writes(admin_card), 5);
    admin_card->reset(admin_card);
    CHECK_EQ(admin_say(ADMIN_SELECT), 0x9000);
    CHECK_EQ(admin_get(0x5fc105), 0x9000);
    CHECK_BYTES(admin_reply, admin_n, "53 0b 63 65 72 74 69 66 69 63 61 74 65");
    admin_end();
    admin_begin(&(struct sim_piv_options){ .empty_stays = true });
    CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
    CHECK_EQ(admin_put(0x5fc10a, "", 0), 0x9000);
    CHECK_EQ(admin_get(0x5fc10a), 0x9000);
    CHECK_BYTES(admin_reply, admin_n, "53 00");
    admin_end();
}

TEST(piv_admin_what_wants_the_pin_to_be_read_does_when_it_was_written)
{
    for (unsigned yubikey = 0; yubikey < 2; yubikey++) {
        admin_begin(&(struct sim_piv_options){ .yubikey = yubikey, .blank = true });
        CHECK_EQ(admin_get(0x5fc109), yubikey ? 0x6982 : 0x6a82);
        CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
        CHECK_EQ(admin_put(0x5fc109, "printed", 7), 0x9000);
        CHECK_EQ(admin_get(0x5fc109), 0x6982);
        CHECK_EQ(admin_say(0x20, 0, 0x80, "123456\xff\xff", 8), 0x9000);
        CHECK_EQ(admin_get(0x5fc109), 0x9000);
        CHECK_EQ(admin_put(0x5fff12, "own", 3), yubikey ? 0x9000 : 0x6a82);
        admin_end();
    }
}

// A card that is pulled out in a chain has the old object.
TEST(piv_admin_a_chain_that_does_not_end_changes_nothing)
{
    static const uint8_t one[] = { 0x10, 0xdb, 0x3f, 0xff, 6, 0x5c, 3, 0x5f, 0xc1, 0x02, 0x53 };
    static const uint8_t two[] = { 0x00, 0xdb, 0x3f, 0xff, 3, 2, 'o', 'k' };
    uint8_t before[32], after[32];
    admin_begin(&(struct sim_piv_options){ .second = false });
    CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
    CHECK(sim_piv_object(admin_card, 0x5fc102, before));
    CHECK_EQ(admin_card->apdu(admin_card, one, sizeof one, admin_reply, sizeof admin_reply), 2);
    CHECK_BYTES(admin_reply, 2, "9000");
    admin_card->reset(admin_card);
    CHECK_EQ(admin_say(ADMIN_SELECT), 0x9000);
    CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
    CHECK(sim_piv_object(admin_card, 0x5fc102, after) && !memcmp(before, after, 32));
    CHECK_EQ(admin_card->apdu(admin_card, one, sizeof one, admin_reply, sizeof admin_reply), 2);
    CHECK_EQ(admin_card->apdu(admin_card, two, sizeof two, admin_reply, sizeof admin_reply), 2);
    CHECK_BYTES(admin_reply, 2, "9000");
    CHECK_EQ(admin_get(0x5fc102), 0x9000);
    CHECK_BYTES(admin_reply, admin_n, "53 02 6f 6b");
    admin_end();
}

// ---- Keys ----

static unsigned admin_generate(uint8_t ref, uint8_t algorithm)
{
    const uint8_t data[] = { 0xac, 3, 0x80, 1, algorithm };
    return admin_say(0x47, 0, ref, data, sizeof data);
}

// Is what a key signs right, by the key that the card has?
static bool admin_signs(uint8_t ref, uint8_t algorithm)
{
    mbedtls_pk_context *pk = sim_piv_pk(admin_card, ref);
    size_t n = mbedtls_pk_get_len(pk);
    uint8_t data[530] = { 0x7c, 0x82, 0, 0, 0x82, 0, 0x81, 0x82, 0, 0 }, hash[48] = "a hash";
    uint8_t *block = data + 10;
    bool rsa = mbedtls_pk_can_do(pk, MBEDTLS_PK_RSA);
    if (!rsa) n = (mbedtls_pk_get_bitlen(pk) + 7) / 8;
    data[2] = (uint8_t)((n + 6) >> 8);
    data[3] = (uint8_t)(n + 6);
    data[8] = (uint8_t)(n >> 8);
    data[9] = (uint8_t)n;
    if (rsa) memset(block, 0xff, n), block[0] = 0, block[1] = 1, block[n - 49] = 0;
    memcpy(block + (rsa ? n - 48 : 0), hash, rsa ? 48 : n);
    if (admin_say(0x87, algorithm, ref, data, n + 10) != 0x9000) return false;
    size_t all, len;
    const uint8_t *template = sim_get_tlv(admin_reply, admin_n, 0x7c, &all);
    const uint8_t *signature = template ? sim_get_tlv(template, all, 0x82, &len) : NULL;
    return signature && !mbedtls_pk_verify(pk, MBEDTLS_MD_NONE, hash, rsa ? 48 : n, signature, len);
}

TEST(piv_admin_keys_are_made)
{
    static const uint8_t algorithms[] = { 0x06, 0x07, 0x05, 0x16, 0x11, 0x14 };
    uint8_t before[32], after[32];
    admin_begin(&(struct sim_piv_options){ .prepared = true });
    CHECK(sim_piv_object(admin_card, 0x5fc105, before));
    CHECK_EQ(admin_generate(0x9a, 0x11), 0x6982);
    CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
    CHECK_EQ(admin_say(0x20, 0, 0x80, "123456\xff\xff", 8), 0x9000);
    for (unsigned i = 0; i < sizeof algorithms; i++) {
        CHECK_EQ(admin_generate(0x9a, algorithms[i]), 0x9000);
        CHECK(admin_reply[0] == 0x7f && admin_reply[1] == 0x49);
        CHECK(admin_signs(0x9a, algorithms[i]));
        CHECK_EQ(sim_piv_origin(admin_card, 0x9a), SIM_GENERATED);
    }
    CHECK(sim_piv_object(admin_card, 0x5fc105, after) && !memcmp(before, after, 32));
    CHECK_EQ(sim_piv_origin(admin_card, 0x95), SIM_NOT_THERE);
    CHECK_EQ(admin_generate(0x95, 0x11), 0x9000);
    CHECK_EQ(admin_generate(0x9b, 0x11), 0x6a86);
    CHECK_EQ(admin_generate(0x9a, 0xe0), 0x6a80);
    CHECK_EQ(admin_say(0x47, 0, 0x9a, "\xac\6\x80\1\x11\xaa\1\1", 8), 0x6a80);     // Yubico's alone
    admin_end();
    admin_begin(&(struct sim_piv_options){ .no_algorithm = 0x14 });
    CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
    CHECK_EQ(admin_say(0x20, 0, 0x80, "123456\xff\xff", 8), 0x9000);
    CHECK_EQ(admin_generate(0x9a, 0x14), 0x6a80);
    CHECK_EQ(admin_generate(0x9a, 0x06), 0x9000);               // really made
    CHECK(admin_signs(0x9a, 0x06));
    admin_end();
}

TEST(piv_admin_a_blank_card_has_nothing)
{
    static const uint32_t tags[] = { 0x5fc101, 0x5fc102, 0x5fc105, 0x5fc107, 0x5fc109, 0x5fc10a,
                                     0x5fc10b, 0x5fc10c };
    uint8_t digest[32];
    admin_begin(&(struct sim_piv_options){ .blank = true });
    for (unsigned i = 0; i < COUNT(tags); i++) CHECK(!sim_piv_object(admin_card, tags[i], digest));
    for (unsigned ref = 0x80; ref < 0xa0; ref++)
        CHECK_EQ(sim_piv_origin(admin_card, (uint8_t)ref), SIM_NOT_THERE);
    admin_end();
}

// ---- Yubico's ----

static uint8_t admin_spoiled;               // the part of a key whose last bit is another; 0: none

// Puts a part of a key: tag, length of two bytes, value on the left filled with 00.
static size_t admin_part(uint8_t *to, uint8_t tag, const mbedtls_mpi *x, size_t n)
{
    const uint8_t head[] = { tag, 0x82, (uint8_t)(n >> 8), (uint8_t)n };
    memcpy(to, head, 4);
    if (mbedtls_mpi_write_binary(x, to + 4, n)) abort();
    to[3 + n] ^= tag == admin_spoiled;
    return n + 4;
}

// Imports a key of sim_keys.h, policies at its end; longer: so many 00 before each part of RSA.
static unsigned admin_import(uint8_t ref, uint8_t algorithm, enum sim_key key, const char *tail,
                             size_t longer)
{
    const struct sim_key_data *d = sim_key_data(key);
    uint8_t data[1400];
    size_t n = 0;
    mbedtls_pk_context pk;
    mbedtls_mpi part[5];
    for (unsigned i = 0; i < 5; i++) mbedtls_mpi_init(&part[i]);
    if (algorithm >= 0xe0) {
        const uint8_t head[] = { algorithm == 0xe0 ? 7 : 8, 32 };
        memcpy(data, head, 2);
        memcpy(data + 2, d->key + d->key_len - 32, 32);
        n = 34;
    } else {
        sim_key_parse(&pk, d);
        if (d->rsa) {
            mbedtls_rsa_context *rsa = mbedtls_pk_rsa(pk);
            if (mbedtls_rsa_export(rsa, NULL, &part[0], &part[1], NULL, NULL) ||
                mbedtls_rsa_export_crt(rsa, &part[2], &part[3], &part[4])) abort();
            for (unsigned i = 0; i < 5; i++)
                n += admin_part(data + n, (uint8_t)(i + 1), &part[i], d->bits / 16 + longer);
        } else {
            n = admin_part(data, 6, &mbedtls_pk_ec(pk)->d, d->bits / 8);
        }
        mbedtls_pk_free(&pk);
    }
    for (unsigned i = 0; i < 5; i++) mbedtls_mpi_free(&part[i]);
    memcpy(data + n, tail, strlen(tail));
    return admin_say(0xfe, algorithm, ref, data, n + strlen(tail));
}

static bool admin_metadata(uint8_t ref, uint8_t tag, const char *want)
{
    size_t n;
    if (admin_say(0xf7, 0, ref, NULL, 0) != 0x9000) return false;
    const uint8_t *p = sim_get_tlv(admin_reply, admin_n, tag, &n);
    return p && n == strlen(want) / 2 && test_bytes(__FILE__, __LINE__, "metadata", p, n, want);
}

TEST(piv_admin_yubikey_imports_keys)
{
    admin_begin(&(struct sim_piv_options){ .yubikey = true, .version = 0x050700, .blank = true });
    CHECK_EQ(admin_import(0x9a, 0x11, SIM_P256A, "", 0), 0x6982);
    CHECK_EQ(admin_single(0x03, admin_usual), 0x6a86);          // AES-192, from 5.7 on
    CHECK_EQ(admin_mutual(0x0a, admin_usual), 0x9000);
    CHECK_EQ(admin_import(0x9a, 0x07, SIM_RSA2048A, "\xaa\1\1", 0), 0x9000);
    CHECK(admin_signs(0x9a, 0x07));                             // never a PIN
    CHECK_EQ(sim_piv_origin(admin_card, 0x9a), SIM_IMPORTED);
    CHECK(admin_metadata(0x9a, 0x02, "0101") && admin_metadata(0x9a, 0x03, "02"));
    CHECK_EQ(admin_say(0xf9, 0x9a, 0, NULL, 0), 0x6a80);
    CHECK_EQ(admin_import(0x9c, 0x14, SIM_P384A, "\xab\1\2", 0), 0x9000);
    CHECK(admin_metadata(0x9c, 0x02, "0302"));
    CHECK_EQ(admin_say(0x20, 0, 0x80, "123456\xff\xff", 8), 0x9000);
    CHECK(admin_signs(0x9c, 0x14));
    sim_piv_miss_touches(admin_card, 1);
    CHECK_EQ(admin_say(0x20, 0, 0x80, "123456\xff\xff", 8), 0x9000);
    CHECK(!admin_signs(0x9c, 0x14));
    CHECK_EQ(admin_import(0x82, 0xe0, SIM_ED25519, "", 0), 0x9000);
    CHECK_EQ(admin_import(0x83, 0xe1, SIM_X25519, "", 0), 0x9000);
    CHECK_EQ(admin_import(0x84, 0x16, SIM_RSA4096, "", 0), 0x9000);
    CHECK_EQ(admin_import(0x85, 0x07, SIM_RSA2048A, "", 1), 0x6a80);    // parts of a wrong length
    CHECK_EQ(admin_import(0x85, 0x07, SIM_RSA1024, "", 0), 0x6a80);
    for (admin_spoiled = 5; admin_spoiled; admin_spoiled--)
        CHECK_EQ(admin_import(0x85, 0x07, SIM_RSA2048A, "", 0), 0x6a80);
    CHECK_EQ(admin_import(0x85, 0x11, SIM_P384A, "", 0), 0x6a80);
    CHECK_EQ(admin_import(0x85, 0x11, SIM_P256A, "\xaa\1\x09", 0), 0x6a80);
    CHECK_EQ(sim_piv_origin(admin_card, 0x85), SIM_NOT_THERE);
    admin_end();
}

// By 5.3 and by 5.7; the attestation of a key that was made has its public key.
TEST(piv_admin_yubikey_s_version_says_what_it_can)
{
    for (unsigned newer = 0; newer < 2; newer++) {
        uint8_t algorithm = newer ? 0x0a : 0x03;
        admin_begin(&(struct sim_piv_options){ .yubikey = true, .blank = true, .prepared = true,
                                               .version = newer ? 0x050701 : 0x050300 });
        CHECK_EQ(admin_say(0xfd, 0, 0, NULL, 0), 0x9000);
        CHECK_BYTES(admin_reply, admin_n, newer ? "050701" : "050300");
        CHECK_EQ(admin_single(algorithm, admin_usual), 0x9000);
        CHECK_EQ(admin_generate(0x82, 0xe0), newer ? 0x9000 : 0x6a80);
        CHECK_EQ(admin_generate(0x83, 0xe1), newer ? 0x9000 : 0x6a80);
        CHECK_EQ(admin_generate(0x9e, 0x11), 0x9000);
        CHECK_EQ(admin_generate(0x9d, 0x05) == 0x9000, newer);
        CHECK_EQ(admin_say(0xf6, 0x84, 0x9e, NULL, 0), newer ? 0x9000 : 0x6d00);
        CHECK_EQ(admin_say(0xff, 0xff, 0xff, "\x08\x9b\x10" "another AES key", 19),
                 newer ? 0x9000 : 0x6a80);
        for (unsigned i = 0; i < 2 && newer; i++) {
            uint8_t ref = i ? 0x82 : 0x84, point[65];
            mbedtls_x509_crt crt;
            size_t n = i ? 32 : 65;
            CHECK_EQ(admin_say(0xf7, 0, ref, NULL, 0), 0x9000);
            memcpy(point, admin_reply + admin_n - n, n);
            CHECK_EQ(admin_say(0xf9, ref, 0, NULL, 0), 0x9000);
            CHECK(memmem(admin_reply, admin_n, point, n));
            mbedtls_x509_crt_init(&crt);
            if (!i) CHECK_EQ(mbedtls_x509_crt_parse_der(&crt, admin_reply, admin_n), 0);
            mbedtls_x509_crt_free(&crt);
        }
        admin_end();
    }
}

TEST(piv_admin_yubikey_moves_and_deletes_keys)
{
    admin_begin(&(struct sim_piv_options){ .yubikey = true, .version = 0x050700 });
    CHECK_EQ(admin_say(0xf6, 0x82, 0x9c, NULL, 0), 0x6982);
    CHECK_EQ(admin_single(0x0a, admin_usual), 0x9000);
    CHECK_EQ(admin_say(0xf6, 0x82, 0x9c, NULL, 0), 0x9000);
    CHECK_EQ(sim_piv_origin(admin_card, 0x9c), SIM_NOT_THERE);
    CHECK(admin_metadata(0x82, 0x02, "0301"));                  // its policy goes with it
    CHECK_EQ(admin_say(0x20, 0, 0x80, "123456\xff\xff", 8), 0x9000);
    CHECK(admin_signs(0x82, 0x11));
    CHECK_EQ(admin_get(0x5fc10a), 0x9000);                      // the certificate does not
    CHECK_EQ(admin_say(0xf6, 0x82, 0x9c, NULL, 0), 0x6a88);
    CHECK_EQ(admin_say(0xf6, 0xff, 0x82, NULL, 0), 0x9000);
    CHECK_EQ(sim_piv_origin(admin_card, 0x82), SIM_NOT_THERE);
    CHECK_EQ(admin_say(0xf6, 0x9a, 0x9d, NULL, 0), 0x9000);     // over another one
    CHECK_EQ(sim_piv_origin(admin_card, 0x9d), SIM_NOT_THERE);
    CHECK_EQ(admin_say(0xf6, 0x9b, 0x9a, NULL, 0), 0x6a86);
    admin_end();
    admin_begin(&(struct sim_piv_options){ .yubikey = true, .version = 0x050700,
                                           .yubikey_lacks = SIM_NO_MOVE });
    CHECK_EQ(admin_single(0x0a, admin_usual), 0x9000);
    CHECK_EQ(admin_say(0xf6, 0x82, 0x9c, NULL, 0), 0x6d00);
    admin_end();
}

TEST(piv_admin_yubikey_s_secrets_are_set_and_reset)
{
    uint8_t key[35] = { 0x0c, 0x9b, 32 }, digest[32];
    admin_begin(&(struct sim_piv_options){ .yubikey = true });
    CHECK(admin_metadata(0x9b, 0x01, "03") && admin_metadata(0x9b, 0x05, "01"));
    memcpy(key + 3, admin_other, 32);
    CHECK_EQ(admin_say(0xff, 0xff, 0xff, key, 35), 0x6982);
    CHECK_EQ(admin_say(0x20, 0, 0x80, "123456\xff\xff", 8), 0x9000);
    CHECK_EQ(admin_say(0xfa, 5, 7, NULL, 0), 0x6982);           // nor with the PIN alone
    CHECK_EQ(admin_say(ADMIN_SELECT), 0x9000);
    CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
    CHECK_EQ(admin_say(0xff, 0xff, 0xff, key, 34), 0x6a80);
    CHECK_EQ(admin_say(0xff, 0xff, 0xfe, key, 35), 0x9000);
    CHECK(admin_metadata(0x9b, 0x01, "0c") && admin_metadata(0x9b, 0x05, "00"));
    CHECK(admin_metadata(0x9b, 0x02, "0002"));
    CHECK_EQ(admin_single(0x03, admin_usual), 0x6a86);
    sim_piv_miss_touches(admin_card, 1);
    CHECK_EQ(admin_mutual(0x0c, admin_other), 0x6982);
    CHECK_EQ(sim_piv_wrong_answers(admin_card), 0);
    CHECK_EQ(admin_mutual(0x0c, admin_other), 0x9000);
    CHECK_EQ(admin_say(0xfa, 5, 7, NULL, 0), 0x6982);           // not without the PIN
    CHECK_EQ(admin_put(0x5fc103, "fingers", 7), 0x9000);
    CHECK_EQ(admin_say(0x20, 0, 0x80, "123456\xff\xff", 8), 0x9000);
    CHECK_EQ(admin_say(0x24, 0, 0x80, "123456\xff\xff" "654321\xff\xff", 16), 0x9000);
    CHECK(admin_metadata(0x80, 0x05, "00"));
    CHECK_EQ(admin_say(0xfa, 2, 1, NULL, 0), 0x9000);
    CHECK(admin_metadata(0x80, 0x06, "0202") && admin_metadata(0x81, 0x06, "0101"));
    CHECK_EQ(admin_say(0x20, 0, 0x80, "123456\xff\xff", 8), 0x9000);    // as it was made
    CHECK_EQ(admin_say(0xfb, 0, 0, NULL, 0), 0x6985);
    CHECK_EQ(admin_say(0x20, 0, 0x80, "999999\xff\xff", 8), 0x63c1);
    CHECK_EQ(admin_say(0x20, 0, 0x80, "999999\xff\xff", 8), 0x6983);
    CHECK_EQ(admin_say(0xfb, 0, 0, NULL, 0), 0x6985);
    CHECK_EQ(admin_say(0x2c, 0, 0x80, "99999999" "123456\xff\xff", 16), 0x6983);
    judge_wrong(6);
    CHECK_EQ(admin_say(0xfb, 0, 0, NULL, 0), 0x9000);
    CHECK_EQ(sim_piv_tries(admin_card), 3);
    CHECK_EQ(sim_piv_origin(admin_card, 0x9a), SIM_NOT_THERE);
    CHECK(!sim_piv_object(admin_card, 0x5fc105, digest));
    CHECK(!sim_piv_object(admin_card, 0x5fc103, digest));
    CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
    for (unsigned i = 0; i < 3; i++) admin_say(0x2c, 0, 0x80, "99999999" "123456\xff\xff", 16);
    CHECK_EQ(sim_piv_puk_tries(admin_card), 0);
    CHECK_EQ(admin_say(0xfb, 0, 0, NULL, 0), 0x6985);           // the PUK alone
    admin_end();
}

TEST(piv_admin_a_standard_card_has_nothing_of_yubico_s)
{
    admin_begin(&(struct sim_piv_options){ .second = false });
    CHECK_EQ(admin_single(0x03, admin_usual), 0x9000);
    for (unsigned ins = 0xf6; ins <= 0xff; ins++)
        CHECK_EQ(admin_say(ins, 0x11, 0x9a, NULL, 0), 0x6d00);
    admin_end();
}

static void piv_admin_cases(void)
{
    RUN(piv_admin_each_algorithm_authenticates);
    RUN(piv_admin_one_way_to_authenticate_may_be_missing);
    RUN(piv_admin_a_challenge_is_good_once_and_in_the_next_command);
    RUN(piv_admin_authentication_ends);
    RUN(piv_admin_objects_are_written_and_deleted);
    RUN(piv_admin_what_wants_the_pin_to_be_read_does_when_it_was_written);
    RUN(piv_admin_a_chain_that_does_not_end_changes_nothing);
    RUN(piv_admin_keys_are_made);
    RUN(piv_admin_a_blank_card_has_nothing);
    RUN(piv_admin_yubikey_imports_keys);
    RUN(piv_admin_yubikey_s_version_says_what_it_can);
    RUN(piv_admin_yubikey_moves_and_deletes_keys);
    RUN(piv_admin_yubikey_s_secrets_are_set_and_reset);
    RUN(piv_admin_a_standard_card_has_nothing_of_yubico_s);
    admin_end();
}
