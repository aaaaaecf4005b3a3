// x509.c: >>x509, against mbedTLS where it reads the certificate.
// SPDX-License-Identifier: 0BSD
#include "../sim/sim_keys.h"
#include <mbedtls/x509_crt.h>

// The simulated cards' keys and certificates; other sections use them too.
struct x509_sample {
    const char *name;
    bytes key, certificate;
};

#define X509_SAMPLE(name)                               \
    { #name, { sim_key_##name, sizeof sim_key_##name }, \
      { sim_cert_##name, sizeof sim_cert_##name } }
static const struct x509_sample x509_samples[] = {
    X509_SAMPLE(rsa1024), X509_SAMPLE(rsa2048a), X509_SAMPLE(rsa2048b), X509_SAMPLE(rsa3072),
    X509_SAMPLE(rsa4096), X509_SAMPLE(p256a), X509_SAMPLE(p256b), X509_SAMPLE(p384a),
    X509_SAMPLE(p384b), X509_SAMPLE(ed25519), X509_SAMPLE(x25519),
};

// P-521, serial 0x8001020304, valid until 2076, with a critical keyUsage of digitalSignature,
// nonRepudiation, keyAgreement and decipherOnly. Made once with
//     openssl req -x509 -new -key p521.pem -subj '/C=XX/O=scard11/CN=Test P-521' -days 18000
//         -set_serial 0x8001020304
//         -addext keyUsage=critical,digitalSignature,nonRepudiation,keyAgreement,decipherOnly
static const u8 x509_p521[] = {
    0x30, 0x82, 0x02, 0x4a, 0x30, 0x82, 0x01, 0xab, 0xa0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x06, 0x00,
    0x80, 0x01, 0x02, 0x03, 0x04, 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03,
    0x02, 0x30, 0x34, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x06, 0x13, 0x02, 0x58, 0x58,
    0x31, 0x10, 0x30, 0x0e, 0x06, 0x03, 0x55, 0x04, 0x0a, 0x0c, 0x07, 0x73, 0x63, 0x61, 0x72, 0x64,
    0x31, 0x31, 0x31, 0x13, 0x30, 0x11, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x0a, 0x54, 0x65, 0x73,
    0x74, 0x20, 0x50, 0x2d, 0x35, 0x32, 0x31, 0x30, 0x20, 0x17, 0x0d, 0x32, 0x36, 0x31, 0x31, 0x32,
    0x34, 0x31, 0x32, 0x33, 0x38, 0x35, 0x32, 0x5a, 0x18, 0x0f, 0x32, 0x30, 0x37, 0x36, 0x30, 0x33,
    0x30, 0x36, 0x31, 0x32, 0x33, 0x38, 0x35, 0x32, 0x5a, 0x30, 0x34, 0x31, 0x0b, 0x30, 0x09, 0x06,
    0x03, 0x55, 0x04, 0x06, 0x13, 0x02, 0x58, 0x58, 0x31, 0x10, 0x30, 0x0e, 0x06, 0x03, 0x55, 0x04,
    0x0a, 0x0c, 0x07, 0x73, 0x63, 0x61, 0x72, 0x64, 0x31, 0x31, 0x31, 0x13, 0x30, 0x11, 0x06, 0x03,
    0x55, 0x04, 0x03, 0x0c, 0x0a, 0x54, 0x65, 0x73, 0x74, 0x20, 0x50, 0x2d, 0x35, 0x32, 0x31, 0x30,
    0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
    0x81, 0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00, 0x04, 0x00, 0xd6, 0xd5, 0xf3, 0x16, 0x8c, 0xb6,
    0x8a, 0x8b, 0x4b, 0x23, 0xc2, 0xf3, 0x3c, 0xcd, 0xbd, 0x75, 0x2b, 0x4c, 0x6f, 0x6c, 0x53, 0x56,
    0x50, 0x34, 0x0b, 0xce, 0x11, 0xa1, 0x28, 0x87, 0x87, 0x5e, 0xcd, 0x73, 0x8d, 0x73, 0xb3, 0x38,
    0x3d, 0x74, 0x2d, 0x1d, 0x65, 0x20, 0x3e, 0x0a, 0xf6, 0x32, 0x36, 0xde, 0x2c, 0xda, 0xe5, 0xad,
    0x24, 0x5a, 0xd7, 0x80, 0x0b, 0x97, 0x39, 0x00, 0x1f, 0x23, 0xb9, 0x00, 0x2a, 0x13, 0x2f, 0xa6,
    0x49, 0xac, 0x16, 0x39, 0xc5, 0x63, 0xfc, 0xa2, 0x75, 0xf7, 0xb9, 0x72, 0x4b, 0xb9, 0xe5, 0xd1,
    0xf8, 0x08, 0x9b, 0x19, 0x75, 0x93, 0xa3, 0xc9, 0x18, 0x1a, 0x72, 0x1d, 0xd2, 0xc0, 0x8f, 0x92,
    0x0a, 0x21, 0x73, 0xe3, 0xa7, 0x89, 0x8d, 0x45, 0x41, 0x82, 0xfc, 0xa5, 0x6e, 0x19, 0x26, 0x6b,
    0x12, 0x10, 0x3e, 0xb9, 0x56, 0x30, 0xfa, 0x26, 0x74, 0xf6, 0x21, 0xee, 0xcd, 0xa3, 0x64, 0x30,
    0x62, 0x30, 0x1d, 0x06, 0x03, 0x55, 0x1d, 0x0e, 0x04, 0x16, 0x04, 0x14, 0x30, 0x80, 0xd3, 0xdf,
    0x32, 0xdb, 0xd9, 0x3a, 0x3e, 0xed, 0x0a, 0x38, 0xff, 0x5f, 0x00, 0x1d, 0xfc, 0x72, 0x64, 0x21,
    0x30, 0x1f, 0x06, 0x03, 0x55, 0x1d, 0x23, 0x04, 0x18, 0x30, 0x16, 0x80, 0x14, 0x30, 0x80, 0xd3,
    0xdf, 0x32, 0xdb, 0xd9, 0x3a, 0x3e, 0xed, 0x0a, 0x38, 0xff, 0x5f, 0x00, 0x1d, 0xfc, 0x72, 0x64,
    0x21, 0x30, 0x0f, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04, 0x05, 0x30, 0x03, 0x01,
    0x01, 0xff, 0x30, 0x0f, 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff, 0x04, 0x05, 0x03, 0x03,
    0x07, 0xc8, 0x80, 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02, 0x03,
    0x81, 0x8c, 0x00, 0x30, 0x81, 0x88, 0x02, 0x42, 0x01, 0xf0, 0xec, 0x65, 0xd5, 0xbd, 0xc7, 0xfd,
    0xe0, 0x4e, 0x49, 0x1d, 0x17, 0x36, 0x58, 0x22, 0x78, 0x5e, 0x20, 0xab, 0x31, 0xb7, 0x22, 0xff,
    0x77, 0xbc, 0x83, 0x36, 0x39, 0x6f, 0x5e, 0xb3, 0x5c, 0xa7, 0x6b, 0xad, 0x24, 0x83, 0xb6, 0x29,
    0xb2, 0xcb, 0xae, 0x21, 0x7b, 0xed, 0x17, 0x5a, 0x95, 0xc0, 0x3a, 0x88, 0x3c, 0x5f, 0x67, 0xf2,
    0xfe, 0xee, 0xa3, 0x3e, 0x82, 0x43, 0xfb, 0x10, 0x70, 0x66, 0x02, 0x42, 0x00, 0xfe, 0xc4, 0x5f,
    0x33, 0x96, 0x02, 0xeb, 0x2b, 0x2a, 0xd3, 0xa9, 0x24, 0xf0, 0x63, 0x87, 0x70, 0x6b, 0x63, 0x9b,
    0xdf, 0x59, 0xde, 0x08, 0xf8, 0x6f, 0x14, 0xf3, 0xa7, 0x17, 0xc6, 0x5c, 0x32, 0x7b, 0xd6, 0xef,
    0x76, 0x85, 0x91, 0x9e, 0x93, 0x20, 0xde, 0x1e, 0xa5, 0x3f, 0x78, 0xfa, 0x50, 0x62, 0x46, 0xd8,
    0x44, 0x3c, 0xb7, 0x7c, 0xe8, 0x94, 0xce, 0x09, 0x53, 0x57, 0xa4, 0x61, 0x6e, 0x80,
};

static bool x509_inside(bytes whole, bytes part)
{
    return !part.n || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

// Everything that can be asked of a certificate whatever it holds; what it gives lies inside it.
static bool x509_walk(bytes der)
{
    struct x509 x;
    struct alg_key key;
    u16 bits = 0;
    char date[8];
    if (x509_parse(der, &x)) return true;
    bool good = x509_inside(der, x.whole) && x509_inside(x.whole, x.serial) &&
                x509_inside(x.whole, x.issuer) && x509_inside(x.whole, x.subject) &&
                x509_inside(x.whole, x.spki) && x509_inside(x.whole, x.not_before) &&
                x509_inside(x.whole, x.not_after) && x509_inside(x.whole, x.extensions);
    x509_key_usage(&x, &bits);
    x509_date(x.not_before, date);
    x509_date(x.not_after, date);
    if (!alg_parse_spki(x.spki, &key))
        good = good && x509_inside(x.spki, key.modulus) && x509_inside(x.spki, key.exponent) &&
               x509_inside(x.spki, key.point);
    return good;
}

static bool x509_date_is(bytes time, const mbedtls_x509_time *want)
{
    char got[9] = "", text[32];
    snprintf(text, sizeof text, "%04d%02d%02d", want->year, want->mon, want->day);
    return !x509_date(time, got) && !strcmp(got, text);
}

TEST(x509_agrees_with_mbedtls)
{
    unsigned compared = 0;
    for (size_t i = 0; i <= COUNT(x509_samples); i++) {
        bytes der = i < COUNT(x509_samples) ? x509_samples[i].certificate
                                            : bytes_of(x509_p521, sizeof x509_p521);
        mbedtls_x509_crt crt;
        struct x509 x;
        struct tlv serial;
        CHECK_ST(x509_parse(der, &x), ST_OK);
        CHECK(bytes_equal(x.whole, der));
        mbedtls_x509_crt_init(&crt);
        if (!mbedtls_x509_crt_parse_der(&crt, der.p, der.n)) {
            compared++;
            bytes in = x.serial;
            CHECK_ST(tlv_take(&in, 0x02, &serial), ST_OK);
            CHECK(bytes_equal(serial.value, bytes_of(crt.serial.p, crt.serial.len)));
            CHECK(bytes_equal(x.subject, bytes_of(crt.subject_raw.p, crt.subject_raw.len)));
            CHECK(bytes_equal(x.issuer, bytes_of(crt.issuer_raw.p, crt.issuer_raw.len)));
            CHECK(bytes_equal(x.spki, bytes_of(crt.pk_raw.p, crt.pk_raw.len)));
            CHECK(x509_date_is(x.not_before, &crt.valid_from));
            CHECK(x509_date_is(x.not_after, &crt.valid_to));
        }
        mbedtls_x509_crt_free(&crt);
    }
    CHECK(compared >= COUNT(x509_samples) + 1 - 2);     // mbedTLS 2.28: neither Ed25519 nor X25519
}

TEST(x509_reads_one_with_everything)
{
    struct x509 x;
    char date[9] = "";
    u16 bits = 0;
    CHECK_ST(x509_parse(bytes_of(x509_p521, sizeof x509_p521), &x), ST_OK);
    CHECK_BYTES(x.serial.p, x.serial.n, "0206 008001020304");
    CHECK(x509_key_usage(&x, &bits));
    CHECK_EQ(bits, X509_DIGITAL_SIGNATURE | X509_NON_REPUDIATION | X509_KEY_AGREEMENT | 0x0080);
    CHECK_ST(x509_date(x.not_before, date), ST_OK);     // UTCTime
    CHECK(!strcmp(date, "20261124"));
    CHECK_ST(x509_date(x.not_after, date), ST_OK);      // GeneralizedTime
    CHECK(!strcmp(date, "20760306"));
}

TEST(x509_leaves_what_follows_the_certificate)
{
    static u8 room[sizeof x509_p521 + 16];
    struct x509 x;
    memcpy(room, x509_p521, sizeof x509_p521);
    CHECK_ST(x509_parse(bytes_of(room, sizeof room), &x), ST_OK);
    CHECK_EQ(x.whole.n, sizeof x509_p521);
}

TEST(x509_refuses_every_truncation)
{
    for (size_t i = 0; i < COUNT(x509_samples); i++) {
        bytes der = x509_samples[i].certificate;
        for (size_t n = 0; n < der.n; n++) {
            struct x509 x;
            u8 *p = tlv_exact(bytes_head(der, n));
            CHECK_ST(x509_parse(bytes_of(p, n), &x), ST_PROTOCOL);
            free(p);
        }
    }
}

// Of every beginning that holds the key, and of no shorter one: what stands before the extensions,
// as the whole has it.
TEST(x509_of_a_part)
{
    for (size_t i = 0; i < COUNT(x509_samples); i++) {
        bytes der = x509_samples[i].certificate;
        struct x509 all;
        CHECK_ST(x509_parse(der, &all), ST_OK);
        size_t key_end = (size_t)(all.spki.p + all.spki.n - der.p);
        for (size_t n = 0; n < der.n; n++) {
            struct x509 x;
            u8 *p = tlv_exact(bytes_head(der, n));
            st s = x509_parse_some(bytes_of(p, n), true, &x);
            bool good = n < key_end ? s == ST_PROTOCOL
                      : !s && !x.whole.n && bytes_equal(x.spki, all.spki) &&
                        bytes_equal(x.serial, all.serial) && bytes_equal(x.issuer, all.issuer) &&
                        bytes_equal(x.subject, all.subject) &&
                        bytes_equal(x.not_after, all.not_after) &&
                        x509_inside(bytes_of(p, n), x.extensions);
            free(p);
            CHECK(good);
        }
    }
}

// The outer lengths shortened too, so that what is inside is met by its own end.
TEST(x509_truncated_inside)
{
    bytes der = bytes_of(x509_p521, sizeof x509_p521);
    for (size_t n = 8; n < der.n; n++) {
        u8 *p = tlv_exact(bytes_head(der, n));
        p[2] = (u8)((n - 4) >> 8), p[3] = (u8)(n - 4);
        if (n < 8 + 427) p[6] = (u8)((n - 8) >> 8), p[7] = (u8)(n - 8);
        CHECK(x509_walk(bytes_of(p, n)));
        free(p);
    }
}

TEST(x509_never_reads_outside)
{
    static const u8 with[] = { 0x00, 0x01, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x85, 0xff, 0x30, 0xa3 };
    bytes der = bytes_of(x509_p521, sizeof x509_p521);
    u8 *p = tlv_exact(der);
    for (size_t i = 0; i < der.n; i++)                  // each byte
        for (size_t w = 0; w < COUNT(with); w++) {
            p[i] = with[w];
            CHECK(x509_walk(bytes_of(p, der.n)));
            p[i] = der.p[i];
        }
    free(p);
    for (u32 run = 0; run < 20000; run++) {             // and some at once
        der = x509_samples[test_any_below(COUNT(x509_samples))].certificate;
        p = tlv_exact(der);
        for (u32 n = 1 + test_any_below(4); n; n--)
            p[test_any_below((u32)der.n)] ^= (u8)(1 << test_any_below(8));
        CHECK(x509_walk(bytes_of(p, der.n)));
        free(p);
    }
}

TEST(x509_version_1_has_no_version)
{
    struct x509 x;
    u16 bits;
    bytes der = BYTES(0x30, 26, 0x30, 24, 0x02, 1, 5, 0x30, 0, 0x30, 2, 0x31, 0,
                      0x30, 7, 0x17, 3, '4', '9', 'Z', 0x18, 0, 0x30, 0, 0x30, 0, 0x81, 0);
    CHECK_ST(x509_parse(der, &x), ST_OK);
    CHECK_BYTES(x.serial.p, x.serial.n, "020105");
    CHECK_BYTES(x.issuer.p, x.issuer.n, "30023100");
    CHECK_BYTES(x.not_before.p, x.not_before.n, "1703 34395a");
    CHECK_BYTES(x.subject.p, x.subject.n, "3000");
    CHECK_EQ(x.extensions.n, 0);
    CHECK(!x509_key_usage(&x, &bits));
    CHECK_ST(x509_parse(BYTES(0x31, 0), &x), ST_PROTOCOL);
    CHECK_ST(x509_parse(BYTES(0x30, 2, 0x30, 0), &x), ST_PROTOCOL);
    CHECK_ST(x509_parse(BYTES(0x30, 4, 0x30, 2, 0x04, 0), &x), ST_PROTOCOL);
}

// keyUsage in a certificate of nothing but its extensions.
static bool x509_usage(bytes extensions, u16 *bits)
{
    struct x509 x = { .extensions = extensions };
    return x509_key_usage(&x, bits);
}

TEST(x509_key_usage_in_all_forms)
{
    u16 bits = 0;
    CHECK(x509_usage(BYTES(0x30, 11, 6, 3, 0x55, 0x1d, 0x0f, 4, 4, 3, 2, 7, 0x80), &bits));
    CHECK_EQ(bits, X509_DIGITAL_SIGNATURE);
    CHECK(x509_usage(BYTES(0x30, 3, 6, 1, 0x55,                            // another one before it
                           0x30, 14, 6, 3, 0x55, 0x1d, 0x0f, 1, 1, 0xff, 4, 4, 3, 2, 5, 0x60),
                     &bits));
    CHECK_EQ(bits, X509_NON_REPUDIATION | X509_KEY_ENCIPHERMENT);
    CHECK(x509_usage(BYTES(0x30, 12, 6, 3, 0x55, 0x1d, 0x0f, 4, 5, 3, 3, 7, 0x18, 0x80), &bits));
    CHECK_EQ(bits, X509_DATA_ENCIPHERMENT | X509_KEY_AGREEMENT | 0x80);
    CHECK(!x509_usage(BYTES_NONE, &bits));
    CHECK(!x509_usage(BYTES(0x30, 5, 6, 3, 0x55, 0x1d, 0x0f), &bits));     // no value
    CHECK(!x509_usage(BYTES(0x30, 10, 6, 3, 0x55, 0x1d, 0x0f, 4, 3, 3, 1, 0), &bits));  // no bits
    CHECK(!x509_usage(BYTES(0x30, 11, 6, 3, 0x55, 0x1d, 0x0f, 4, 4, 4, 2, 7, 0x80), &bits));
    CHECK(!x509_usage(BYTES(0x30, 11, 6, 3, 0x55, 0x1d, 0x0f, 4, 4, 3, 9, 7, 0x80), &bits));
    CHECK(!x509_usage(BYTES(0x30, 11, 6, 3, 0x55, 0x1d, 0x10, 4, 4, 3, 2, 7, 0x80), &bits));
    CHECK(!x509_usage(BYTES(0x30, 99, 6, 3, 0x55, 0x1d, 0x0f, 4, 4, 3, 2, 7, 0x80), &bits));
}

static const char *x509_date_of(u8 tag, const char *text)
{
    static char out[9];
    u8 room[40];
    struct buf b = buf_on(room, sizeof room);
    tlv_put(&b, tag, bytes_text(text));
    memset(out, 0, sizeof out);
    return x509_date(buf_bytes(&b), out) ? "refused" : out;
}

TEST(x509_dates)
{
    CHECK(!strcmp(x509_date_of(0x17, "490203000000Z"), "20490203"));    // RFC 5280, 4.1.2.5.1
    CHECK(!strcmp(x509_date_of(0x17, "500203000000Z"), "19500203"));
    CHECK(!strcmp(x509_date_of(0x17, "991231235959Z"), "19991231"));
    CHECK(!strcmp(x509_date_of(0x17, "000101000000Z"), "20000101"));
    CHECK(!strcmp(x509_date_of(0x18, "20500101000000Z"), "20500101"));
    CHECK(!strcmp(x509_date_of(0x18, "99991231235959Z"), "99991231"));
    CHECK(!strcmp(x509_date_of(0x17, "49020"), "refused"));
    CHECK(!strcmp(x509_date_of(0x18, "2050010"), "refused"));
    CHECK(!strcmp(x509_date_of(0x17, "4902x3000000Z"), "refused"));
    CHECK(!strcmp(x509_date_of(0x17, "-90203000000Z"), "refused"));
    CHECK(!strcmp(x509_date_of(0x04, "490203000000Z"), "refused"));
    CHECK(!strcmp(x509_date_of(0x17, ""), "refused"));
    char out[8];
    CHECK(x509_date(BYTES_NONE, out));
}

static void test_x509(void)
{
    RUN(x509_agrees_with_mbedtls);
    RUN(x509_reads_one_with_everything);
    RUN(x509_leaves_what_follows_the_certificate);
    RUN(x509_refuses_every_truncation);
    RUN(x509_of_a_part);
    RUN(x509_truncated_inside);
    RUN(x509_never_reads_outside);
    RUN(x509_version_1_has_no_version);
    RUN(x509_key_usage_in_all_forms);
    RUN(x509_dates);
}
