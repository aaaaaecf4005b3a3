// gidsadmin.c: >>gidsadmin, what a card that is written may answer, and what its directory becomes;
// whole cards are write.c's and written.c's. SPDX-License-Identifier: 0BSD

#if SCARD11_GIDS && SCARD11_WRITE

static struct gids gidsadmin_gids;

static void gidsadmin_begin_card(const char *const *lines)
{
    card_script(lines);
    if (test_failing) return;
    card_it.sure = true;
    gidsadmin_gids = (struct gids){ .map_read = true, .master_read = true };
    card_t->driver = &driver_gids;
    card_t->state = &gidsadmin_gids;
    card_t->flat = true;
    card_set_credential(card_t, &gids_pin);
    card_set_credential(card_t, &gids_admin);
}

// ---- Names ----

static bool gidsadmin_name_is(const char *text, const char *hex)
{
    u8 name[GIDS_CONTAINER_NAME] = { 0 }, is[GIDS_CONTAINER_NAME / 2 * 3];
    struct buf out = buf_on(is, sizeof is);
    if (!gidsadmin_put_name(bytes_text(text), name)) return !hex;
    gids_put_name(&out, name, sizeof name);
    for (size_t i = 0; hex && hex[2 * i]; i++) {
        unsigned byte = bytes_digit((u8)hex[2 * i]) << 4 | bytes_digit((u8)hex[2 * i + 1]);
        if (name[i] != byte) return false;
    }
    return hex && bytes_equal(buf_bytes(&out), bytes_text(text));
}

// What is put is what is read; what would not be is refused.
TEST(gidsadmin_names)
{
    CHECK(gidsadmin_name_is("", "0000"));
    CHECK(gidsadmin_name_is("Key", "4b00650079000000"));
    CHECK(gidsadmin_name_is("\xc3\xa4\xe2\x82\xac\x7f\xef\xbf\xbd", "e400ac207f00fdff0000"));
    CHECK(gidsadmin_name_is("123456789012345678901234567890123456789", "31"));
    CHECK(gidsadmin_name_is("1234567890123456789012345678901234567890", NULL));     // 40 and an end
    CHECK(gidsadmin_name_is("\xf0\x9f\x94\x91", NULL));                             // no second plane
    CHECK(gidsadmin_name_is("\xed\xa0\x80", NULL));                                 // half a pair
    CHECK(gidsadmin_name_is("\xc3", NULL) && gidsadmin_name_is("\xe2\x82", NULL));
    CHECK(gidsadmin_name_is("\xc3(", NULL) && gidsadmin_name_is("\x80", NULL));
    CHECK(gidsadmin_name_is("\xc0\xa4", NULL) && gidsadmin_name_is("\xff", NULL));
}

TEST(gidsadmin_random_names)
{
    u8 one[GIDS_CONTAINER_NAME] = { 0 }, two[GIDS_CONTAINER_NAME] = { 0 };
    hash_start();
    CHECK_ST(gidsadmin_put_random_name(one), ST_OK);
    CHECK_ST(gidsadmin_put_random_name(two), ST_OK);
    CHECK(memcmp(one, two, sizeof one));
    CHECK(one[2 * 8] == '-' && one[2 * 13] == '-' && one[2 * 14] == '4' && one[2 * 35] && !one[2 * 36]);
}

// ---- The maps ----

static void gidsadmin_put_container(struct buf *out, const char *name, unsigned flags, unsigned sign,
                                    unsigned exchange)
{
    u8 record[GIDS_CONTAINER] = { 0 };
    (void)gidsadmin_put_name(bytes_text(name), record);
    record[80] = (u8)flags;
    record[82] = (u8)sign, record[83] = (u8)(sign >> 8);
    record[84] = (u8)exchange, record[85] = (u8)(exchange >> 8);
    buf_put(out, bytes_of(record, sizeof record));
}

// A record that goes leaves no records at the end that are none; the default passes on.
TEST(gidsadmin_maps)
{
    static u8 room[5 * GIDS_CONTAINER];
    static const u8 none[GIDS_CONTAINER];
    struct buf map = buf_on(room, sizeof room);
    struct scratch scratch = card_scratch();
    bytes out;
    gidsadmin_put_container(&map, "A", 3, 0, 2048);
    gidsadmin_put_container(&map, "B", 0, 2048, 0);                 // not valid
    gidsadmin_put_container(&map, "C", 1, 256, 0);
    gidsadmin_put_container(&map, "D", 1, 0, 0);                    // of no size
    CHECK_ST(gidsadmin_map_with(buf_bytes(&map), 2, none, &scratch, &out), ST_OK);
    CHECK_EQ(out.n, GIDS_CONTAINER);
    CHECK_ST(gidsadmin_map_with(buf_bytes(&map), 0, none, &scratch, &out), ST_OK);
    CHECK_EQ(out.n, 3 * GIDS_CONTAINER);
    gidsadmin_pass_default(out);
    CHECK_EQ(out.p[2 * GIDS_CONTAINER + 80], 3);
    CHECK_ST(gidsadmin_map_with(buf_bytes(&map), 4, room, &scratch, &out), ST_OK);
    CHECK_EQ(out.n, 5 * GIDS_CONTAINER);
    gidsadmin_pass_default(out);
    CHECK_EQ(out.p[2 * GIDS_CONTAINER + 80], 1);                    // there is one
    CHECK_ST(gidsadmin_map_with(BYTES_NONE, 0, none, &scratch, &out), ST_OK);
    CHECK_EQ(out.n, 0);
}

// A key map that does not go with the container map is mended: of what is there only what is true
// stays.
TEST(gidsadmin_key_maps)
{
    static u8 room[3 * GIDS_CONTAINER];
    struct buf map = buf_on(room, sizeof room);
    struct scratch scratch = card_scratch();
    bytes out;
    gidsadmin_put_container(&map, "A", 3, 0, 2048);
    gidsadmin_put_container(&map, "B", 0, 0, 0);
    gidsadmin_put_container(&map, "C", 1, 256, 0);
    static const u8 was[] = { 1, 0, 0, 0, 7, 0x9a, 0x81, 0xb0, 0xff, 0xff, 9, 9 };  // a mark
    const char *const lines[] = {
        "00cba000 04 5c02df20 00 > df201c 01 01000000079a81b0ffff0909 01000000079a82b0ffff0000 010203 9000",
        "00cba000 04 5c02df20 00 > 6a88", NULL };
    gidsadmin_begin_card(lines);
    CHECK_ST(gidsadmin_keys_with(&card_it, card_t, buf_bytes(&map), 2, &scratch, &out), ST_OK);
    CHECK_EQ(out.n, 1 + 3 * 12);
    CHECK(out.p[0] == 1 && !memcmp(out.p + 1, was, 12));
    CHECK(!memcmp(out.p + 13, "\0\0\0\0\0\0\xff\xff\xff\xff\0\0", 12));
    CHECK(!memcmp(out.p + 25, "\1\0\0\0\x0c\x9c\x83\xb0\xff\xff\0\0", 12));
    CHECK_ST(gidsadmin_keys_with(&card_it, card_t, buf_bytes(&map), 2, &scratch, &out), ST_OK);
    CHECK(!memcmp(out.p + 1, "\1\0\0\0\x07\x9a\x81\xb0\xff\xff\0\0", 12));
    card_script_over();
}

// ---- Certificates ----

static void gidsadmin_keep(const char *const *names)
{
    static u8 room[8 * GIDS_RECORD];
    struct buf out = buf_on(room, sizeof room);
    for (; *names; names++) {
        u8 record[GIDS_RECORD] = { 'm', 's', 'c', 'p' };
        memcpy(record + GIDS_NAME, *names, strlen(*names));
        record[20] = (u8)(0x24 + out.n / GIDS_RECORD), record[21] = 0xdf, record[24] = 0x10;
        record[25] = 0xa0;
        buf_put(&out, bytes_of(record, sizeof record));
    }
    CHECK_ST(gids_keep_master(&card_it, &gidsadmin_gids, buf_bytes(&out)), ST_OK);
}

static bool gidsadmin_record_is(u32 index, bool exchange, const char *name)
{
    struct gids_container container = { .index = index, .decrypts = exchange };
    u8 record[GIDS_RECORD];
    gidsadmin_certificate_record(&gidsadmin_gids, &container, (struct gids_file){ 0xa010, 0xdf24 },
                                 record);
    return gids_is_named(record, "mscp") && gids_is_named(record + GIDS_NAME, name) &&
           gids_file_of(record).object == 0xdf24 && gids_file_of(record).file == 0xa010;
}

// The name is one that is read as what it is, with those that are there.
TEST(gidsadmin_names_of_certificates)
{
    static const char *const nothing[] = { "cmapfile", NULL }, *const hex[] = { "kxc0a", NULL },
        *const decimal[] = { "ksc01", "kxc10", NULL };
    gidsadmin_begin_card((const char *const[]){ NULL });
    gidsadmin_keep(nothing);
    CHECK(gidsadmin_record_is(0, true, "kxc00") && gidsadmin_record_is(11, false, "ksc0B"));
    CHECK(gidsadmin_record_is(16, false, "ksc16"));
    gidsadmin_keep(hex);
    CHECK(gidsadmin_record_is(16, false, "ksc10") && gidsadmin_record_is(63, true, "kxc3F"));
    gidsadmin_keep(decimal);
    CHECK(gidsadmin_record_is(11, false, "ksc11") && gidsadmin_record_is(2, true, "kxc02"));
    card_script_over();
}

static bytes gidsadmin_whole(struct scratch *scratch)
{
    struct buf out = scratch_buf(scratch, 1 + gidsadmin_gids.master.n);
    buf_put8(&out, 1);
    buf_put(&out, gidsadmin_gids.master);
    return buf_bytes(&out);
}

// In place of one that is there, whichever it is; behind them; or gone: both of them.
TEST(gidsadmin_master_file)
{
    static const char *const names[] = { "cmapfile", "ksc01", "kxc02", "kxc01", NULL };
    static u8 room[8 * GIDS_RECORD], record[GIDS_RECORD] = { 'n', 'e', 'w' };
    struct scratch scratch = card_scratch();
    struct gids_file file;
    gidsadmin_begin_card((const char *const[]){ NULL });
    gidsadmin_keep(names);
    bytes whole = gidsadmin_whole(&scratch);
    static const struct { u32 index; bool has; size_t n; const char *order; } some[] = {
        { 1, true, 3, "cnk" }, { 1, false, 2, "ck" }, { 2, true, 4, "cknk" }, { 5, true, 5, "ckkkn" } };
    for (size_t i = 0; i < COUNT(some) && !test_failing; i++) {
        struct buf out = buf_on(room, sizeof room);
        gidsadmin_put_records(&gidsadmin_gids, whole, some[i].index, some[i].has ? record : NULL, &out);
        CHECK_EQ(out.n, 1 + some[i].n * GIDS_RECORD);
        for (u32 k = 0; k < some[i].n; k++) {
            const u8 *is = room + 1 + k * GIDS_RECORD;
            CHECK_EQ(*is == 'n' ? 'n' : is[GIDS_NAME], some[i].order[k]);
        }
    }
    CHECK(gidsadmin_has_certificate(&gidsadmin_gids, whole, 1));
    CHECK(!gidsadmin_has_certificate(&gidsadmin_gids, whole, 0));
    CHECK_ST(gidsadmin_free(whole, &file), ST_OK);
    CHECK(file.file == 0xa010 && file.object == 0xdf28);
    card_script_over();
}

#if SCARD11_ZLIB
TEST(gidsadmin_certificates_are_deflated)
{
    const struct sim_key_data *d = sim_key_data(SIM_RSA2048A);
    struct scratch scratch = card_scratch();
    bytes der = bytes_of(d->certificate, d->certificate_len), value, back;
    CHECK_ST(gidsadmin_pack(der, &scratch, &value), ST_OK);
    CHECK(value.n < der.n && value.p[0] == 1 && !value.p[1]);
    CHECK_ST(gids_open_certificate(value, &scratch, &back), ST_OK);
    CHECK(bytes_equal(der, back));
}
#endif

// ---- The administrator's key ----

// As openssl has it: des-ede3-cbc, from 0 on.
TEST(gidsadmin_chains_its_blocks)
{
    static const u8 key[24] = {
        0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32,
        0x10, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0xaa };
    static const u8 want[GIDSADMIN_PROOF] = {
        0x5d, 0x7c, 0x05, 0xf5, 0xed, 0xf3, 0x6f, 0x6a, 0x38, 0xc2, 0x0d, 0xd5, 0x58, 0x0a, 0xc1,
        0x62, 0x9e, 0xd2, 0x74, 0x66, 0xa6, 0xb6, 0x5d, 0xb6, 0xbb, 0x1d, 0xbd, 0xa6, 0x75, 0x39,
        0xc1, 0x70, 0xe8, 0x82, 0xa4, 0x35, 0x69, 0x0f, 0x3e, 0x1d };
    u8 proof[GIDSADMIN_PROOF];
    hash_start();
    for (u8 i = 0; i < sizeof proof; i++) proof[i] = i;
    st s = gidsadmin_cipher(bytes_of(key, sizeof key), true, proof);
    if (s == ST_NOT_SUPPORTED) return;              // mbedTLS 4 has no 3DES
    CHECK_ST(s, ST_OK);
    CHECK(!memcmp(proof, want, sizeof want));
    CHECK_ST(gidsadmin_cipher(bytes_of(key, sizeof key), false, proof), ST_OK);
    for (u8 i = 0; i < sizeof proof; i++) CHECK_EQ(proof[i], i);
}
#endif

static void test_gidsadmin(void)
{
#if SCARD11_GIDS && SCARD11_WRITE
    RUN(gidsadmin_names);
    RUN(gidsadmin_random_names);
    RUN(gidsadmin_maps);
    RUN(gidsadmin_key_maps);
    RUN(gidsadmin_names_of_certificates);
    RUN(gidsadmin_master_file);
#if SCARD11_ZLIB
    RUN(gidsadmin_certificates_are_deflated);
#endif
    RUN(gidsadmin_chains_its_blocks);
#endif
}
