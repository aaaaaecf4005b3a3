// pivkey.c: >>pivkey, what it makes of bytes; conversations with a whole card are module.c's.
// SPDX-License-Identifier: 0BSD

#if SCARD11_PIV

TEST(pivkey_opens_certificates)
{
    static u8 room[4096], packed[4096];
    bytes want = x509_samples[5].certificate, der;
    struct scratch s = padding_scratch();
    struct buf b = buf_on(room, sizeof room);
    tlv_put(&b, 0x70, want);
    tlv_put(&b, 0x71, BYTES(0));
    tlv_put(&b, 0xfe, BYTES_NONE);
    CHECK_ST(pivkey_open_certificate(buf_bytes(&b), &s, &der), ST_OK);
    CHECK(bytes_equal(der, want));
    CHECK_ST(pivkey_open_certificate(BYTES_NONE, &s, &der), ST_NOT_FOUND);
    CHECK_ST(pivkey_open_certificate(BYTES(0x70, 0, 0x71, 1, 0), &s, &der), ST_NOT_FOUND);
    CHECK_ST(pivkey_open_certificate(BYTES(0x71, 1, 0), &s, &der), ST_NOT_FOUND);
    CHECK_ST(pivkey_open_certificate(BYTES(0x70, 0x82, 0x10, 0), &s, &der), ST_NOT_FOUND);
#if SCARD11_ZLIB
    static const u8 infos[] = { 0x01, 0x80, 0x00 };     // the last says nothing: it begins as gzip
    size_t n = zlib_pack(want, 31, packed, sizeof packed);
    for (size_t i = 0; i < COUNT(infos); i++) {
        struct scratch large = zlib_scratch(SCARD11_SCRATCH);
        b.n = 0;
        tlv_put(&b, 0x70, bytes_of(packed, n));
        tlv_put(&b, 0x71, bytes_of(&infos[i], 1));
        CHECK_ST(pivkey_open_certificate(buf_bytes(&b), &large, &der), ST_OK);
        CHECK(bytes_equal(der, want));
    }
    struct scratch large = zlib_scratch(SCARD11_SCRATCH);
    CHECK_ST(pivkey_open_certificate(BYTES(0x70, 2, 0x30, 0, 0x71, 1, 1), &large, &der), ST_PROTOCOL);
#endif
    (void)packed;
}

// The key of a certificate is seen when all of it has come; in one that is compressed, never.
TEST(pivkey_sees_the_key_in_part_of_a_certificate)
{
    static u8 room[4096];
    bytes der = x509_samples[5].certificate;
    struct buf b = buf_on(room, sizeof room);
    struct x509 x;
    CHECK_ST(x509_parse(der, &x), ST_OK);
    size_t head = tlv_size(0x53, tlv_size(0x70, der.n)) - der.n;
    size_t key_end = head + (size_t)(x.spki.p + x.spki.n - der.p);
    tlv_put_header(&b, 0x53, tlv_size(0x70, der.n));
    tlv_put(&b, 0x70, der);
    for (size_t n = 0; n <= b.n; n++)
        CHECK_EQ(pivkey_shows_key(bytes_of(room, n)), n >= key_end);
    room[0] = 0x54;
    CHECK(!pivkey_shows_key(buf_bytes(&b)));
    room[0] = 0x53;
    room[head] = 0x1f;
    CHECK(!pivkey_shows_key(buf_bytes(&b)));
}

TEST(pivkey_certificates_limit_keys)
{
    static const struct { u8 bits; u32 use; } some[] = {
        { 0x80, CARD_SIGN }, { 0x40, CARD_SIGN }, { 0x20, CARD_DECRYPT }, { 0x10, CARD_DECRYPT },
        { 0x08, CARD_DERIVE }, { 0xa0, CARD_SIGN | CARD_DECRYPT }, { 0x04, 0 },
    };
    for (size_t i = 0; i < COUNT(some); i++) {
        u8 extension[] = { 0x30, 11, 6, 3, 0x55, 0x1d, 0x0f, 4, 4, 3, 2, 0, some[i].bits };
        struct x509 x = { .extensions = bytes_of(extension, sizeof extension) };
        CHECK_EQ(pivkey_certificate_use(&x, CARD_DERIVE), some[i].use);
    }
    struct x509 none = { .whole = BYTES_NONE };
    CHECK_EQ(pivkey_certificate_use(&none, CARD_DECRYPT), CARD_DECRYPT);
}

TEST(pivkey_references)
{
    bytes label[PIV_KEYS];
    for (u32 i = 0; i < PIV_KEYS; i++) {
        struct piv_reference a = piv_reference_at(i);
        label[i] = pivkey_label(&a);
        CHECK(label[i].n && (a.use || i == PIV_ATTESTATION));
        CHECK(bytes_equal(pivkey_id(&a), BYTES((u8)(i + 1))));
        for (u32 j = 0; j < i; j++) {
            struct piv_reference b = piv_reference_at(j);
            CHECK(a.number != b.number && a.certificate != b.certificate);
            CHECK(!bytes_equal(label[i], label[j]));
        }
    }
    CHECK(bytes_equal(label[4], bytes_text("Retired Key Management 1")));
    CHECK(bytes_equal(label[23], bytes_text("Retired Key Management 20")));
    CHECK(piv_reference_at(23).number == 0x95 && piv_reference_at(23).certificate == 0x5fc120);
}

static void test_pivkey(void)
{
    RUN(pivkey_opens_certificates);
    RUN(pivkey_sees_the_key_in_part_of_a_certificate);
    RUN(pivkey_certificates_limit_keys);
    RUN(pivkey_references);
}
#else
static void test_pivkey(void)
{
}
#endif
