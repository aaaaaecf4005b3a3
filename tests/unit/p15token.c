// p15token.c: >>p15token. Whole cards use PINs in programs/cards.c, pins.c and eid.c.
// SPDX-License-Identifier: 0BSD
#include "p15_directory.h"

TEST(p15token_two_pins_two_tokens)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x5032, "30(02:00 04:01 80'Card')");
    p15_file(0x4401, P15_PIN "30(30(0c'Sign') 30(04:02) a1(30(03:0204 0a:01 02:06 02:08 80:02 "
             "04:ff)))"
             "30(30(0c'Third') 30(04:05) a1(30(03:0204 0a:01 02:06 02:08 80:05 04:ff)))");
    p15_file(0x4402, "30(30(0c'one' 03:0780 04:01) 30(04:01) a1(30(30(04:) 02:0400)))"
             "30(30(0c'two' 03:0780 30(30(03:0520 04:02))) 30(04:02) a1(30(30(04:) 02:0400)))");
    p15_file(0x4404, "30(30(0c'c') 30(04:02) a1(30(30(04:3401))))");
    p15_certificate_file(0x3401, SIM_RSA1024);
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_EQ(card_it.token_count, 1);           // and the first
    struct token *second = &card_it.tokens[1];
    CHECK(second->state == card_t->state && card_pin(second)->reference == 2 && card_pin(second)->min == 6);
    CHECK(!strcmp(card_t->label, "Card (PIN)") && !strcmp(second->label, "Card (Sign)"));
    card_it.token_count++;
    CHECK_ST(p15_take_all(card_t), ST_OK);
    CHECK(p15_object(CKO_PRIVATE_KEY, 1)->token == card_t);
    CHECK(p15_object(CKO_PRIVATE_KEY, 2)->token == second);     // an access rule says it
    CHECK(p15_object(CKO_CERTIFICATE, 2)->token == second);     // its key's
    CHECK(p15_object(CKO_PUBLIC_KEY, 2)->token == second);
    p15_end();
}

TEST(p15token_two_pins_of_which_one_has_no_name)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4401, P15_PIN "30(30() 30() a1(30(03:0204 0a:01 02:06 02:08 80:02 04:ff)))");
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK(!strcmp(card_t->label, "(PIN)") && !strcmp(card_it.tokens[1].label, "PKCS#15"));
    p15_end();
}

// The PUK is the PIN's own, or else the first that unblocks.
TEST(p15token_whose_puk)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4401, "30(30(0c'PIN') 30(04:01) a1(30(03:0204 0a:01 02:04 02:08 80:01 04:ff)))"
             "30(30(0c'A') 30(04:02) a1(30(03:0102 0a:01 02:08 02:08 80:02)))"
             "30(30(0c'B') 30(04:03) a1(30(03:0102 0a:01 02:08 02:08 80:03)))");
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_EQ(test_puk(card_t)->reference, 2);
    p15_end();
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4401, "30(30(0c'PIN') 30(04:01) a1(30(03:0204 0a:01 02:04 02:08 80:01 04:ff)))"
             "30(30(0c'SO') 30(04:02) a1(30(03:0001 0a:01 02:08 02:08 80:02)))");
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK(!test_puk(card_t)->max);                    // an SO's PIN is none
    p15_end();
}

TEST(p15token_local_pins_and_keys_in_their_own_df)
{
    p15_begin();
    p15_file(0x5031, P15_ODF);
    p15_file(0x4401, "30(30(0c'L') 30(04:01) a1(30(03:0644 0a:01 02:04 02:08 80:81 04:ff "
             "30(04:3f00dd01))))");
    p15_file(0x4402, "a0(30(0c'EC' 03:0780 04:01) 30(04:01 03:0520 02:05)"
             "a1(30(30(04:3f00dd010a01) 30(06:2a8648ce3d030107))))");
    p15_file(0x4403, "a0(30() 30(04:01) a1(30(a0(" P15_SPKI "))))");
    p15_file(0xdd01, "=00");
    p15_file(0x0a01, "=00");
    p15_card.answers = (const u8 *)"\x20" "01234567890123456789012345678901"
        "01234567890123456789012345678901";
    p15_card.answers_n = 65;
    p15_connect(1 << 20);
    if (test_failing) return;
    CHECK_ST(p15_take(), ST_OK);
    CHECK_ST(p15_take_all(card_t), ST_OK);
    p15_seen[0] = 0;
    CHECK_ST(secret_login(&card_it, card_t, card_pin(card_t), bytes_of("1234", 4), p15_scratch()), ST_OK);
    CHECK(p15_sent("a40800045015503100 b0000060 a4080c02dd01 2000810831323334ffffffff "));
    p15_seen[0] = 0;
    u8 room[128];
    struct buf out = buf_on(room, sizeof room);
    struct alg_use use = { .type = ALG_EC };
    struct object *key = p15_object(CKO_PRIVATE_KEY, 1);
    CHECK(key && key->key);
    CHECK_ST(generic_sign(&card_it, key, &use, BYTES(1, 2, 3), p15_scratch(), &out), ST_OK);
    CHECK(!strcmp(p15_seen, "a4080c04dd010a01 2241b6078102" "0a01840105 2a9e9a0301020300 "));
    CHECK(key->key->spki.n);
    card_it.sure = false;                       // on trust, but not where the key is
    place_leave(&card_it);
    p15_seen[0] = 0;
    CHECK_ST(generic_sign(&card_it, key, &use, BYTES(1, 2, 3), p15_scratch(), &out), ST_FAILED);
    CHECK(!strcmp(p15_seen, "a4080c025015 a4080c04dd010a01 2241b6078102" "0a01840105 "
                            "2a9e9a0301020300 "));
    p15_end();
}

TEST(p15token_random_numbers)
{
    static const char *const lines[] = {
        "00840000 20 > 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 9000",
        "00840000 02 > aabb 9000", "00840000 04 > 010203 9000", "00840000 04 > 6d00",
        "00840000 14 > 6700", "00840000 08 > 0001020304050607 9000",
        "00840000 08 > 08090a0b0c0d0e0f 9000", "00840000 04 > 10111213 9000",
        "00840000 10 > 9000", "00840000 08 > 6a86", NULL };
    u8 out[34];
    CHECK_ST(cipher_start(), ST_OK);            // the host's random numbers
    p15_begin_script(lines, 0);
    if (test_failing) return;
    CHECK_ST(p15token_random(&card_it, p15_scripted_token, out, 34), ST_OK);
    CHECK(out[31] == 0x1f && out[32] == 0xaa && out[33] == 0xbb);
    memset(out, 0, sizeof out);
    CHECK_ST(p15token_random(&card_it, p15_scripted_token, out, 4), ST_OK);     // the host gives the fourth
    CHECK(out[0] == 1 && out[2] == 3 && !out[4]);
    CHECK_ST(p15token_random(&card_it, p15_scripted_token, out, 4), ST_OK);     // no GET CHALLENGE: all four
    CHECK(memcmp(out, "\1\2\3", 3) && !out[4]);
    CHECK_ST(p15token_random(&card_it, p15_scripted_token, out, 20), ST_OK);    // eight and no more
    CHECK(!out[0] && out[8] == 8 && out[19] == 0x13 && !out[20]);
    CHECK_ST(p15token_random(&card_it, p15_scripted_token, out, 16), ST_OK);    // nothing at all
    CHECK(memcmp(out, "\0\1\2\3", 4) && out[16] == 0x10);
    card_script_over();
}

static void test_p15token(void)
{
    RUN(p15token_two_pins_two_tokens);
    RUN(p15token_two_pins_of_which_one_has_no_name);
    RUN(p15token_whose_puk);
    RUN(p15token_local_pins_and_keys_in_their_own_df);
    RUN(p15token_random_numbers);
}
