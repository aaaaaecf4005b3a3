// alg.c: >>alg.
// SPDX-License-Identifier: 0BSD
#include "../sim/sim_common.h"
#include "../sim/sim_mbedtls.h"

static bytes alg_sample_spki(const struct x509_sample *sample)
{
    struct x509 x;
    return x509_parse(sample->certificate, &x) ? BYTES_NONE : x.spki;
}

TEST(alg_keys_are_written_as_they_were_read)
{
    static const struct {
        const char *name;
        enum alg_type type;
        u32 bits;
        CK_KEY_TYPE ckk;
    } want[] = {
        { "rsa1024", ALG_RSA, 1024, CKK_RSA }, { "rsa2048a", ALG_RSA, 2048, CKK_RSA },
        { "rsa2048b", ALG_RSA, 2048, CKK_RSA }, { "rsa3072", ALG_RSA, 3072, CKK_RSA },
        { "rsa4096", ALG_RSA, 4096, CKK_RSA }, { "p256a", ALG_EC, 256, CKK_EC },
        { "p256b", ALG_EC, 256, CKK_EC }, { "p384a", ALG_EC, 384, CKK_EC },
        { "p384b", ALG_EC, 384, CKK_EC }, { "ed25519", ALG_EDWARDS, 255, CKK_EC_EDWARDS },
        { "x25519", ALG_MONTGOMERY, 255, CKK_EC_MONTGOMERY }, { "p521", ALG_EC, 521, CKK_EC },
    };
    for (size_t i = 0; i < COUNT(want); i++) {
        struct x509_sample p521 = { "p521", BYTES_NONE, { x509_p521, sizeof x509_p521 } };
        const struct x509_sample *sample = i < COUNT(x509_samples) ? &x509_samples[i] : &p521;
        bytes spki = alg_sample_spki(sample);
        struct alg_key k;
        u8 room[700];
        struct buf b = buf_on(room, sizeof room);
        CHECK(!strcmp(sample->name, want[i].name));
        CHECK_ST(alg_parse_spki(spki, &k), ST_OK);
        CHECK_EQ(k.type, want[i].type);
        CHECK_EQ(k.bits, want[i].bits);
        CHECK_EQ(alg_key_type(&k), want[i].ckk);
        CHECK_EQ(alg_key_bytes(&k), (want[i].bits + 7) / 8);
        CHECK_EQ(alg_signature_size(&k), (want[i].bits + 7) / 8 * (k.type == ALG_RSA ? 1 : 2));
        CHECK(bytes_equal(k.spki, spki));
        alg_encode_spki(&k, &b);
        CHECK(!b.full && bytes_equal(buf_bytes(&b), spki));
        b = buf_on(room, spki.n - 1);
        alg_encode_spki(&k, &b);
        CHECK(b.full);
    }
}

TEST(alg_truncated_and_changed_keys)
{
    for (size_t i = 0; i < COUNT(x509_samples); i++) {
        bytes spki = alg_sample_spki(&x509_samples[i]);
        struct alg_key k;
        for (size_t n = 0; n < spki.n; n++) {
            u8 *p = tlv_exact(bytes_head(spki, n));
            CHECK(alg_parse_spki(bytes_of(p, n), &k));
            if (n > 6) {                                // the outer length fits, what is in it not
                if (spki.p[1] == 0x82) p[2] = (u8)((n - 4) >> 8), p[3] = (u8)(n - 4);
                else p[1] = (u8)(n - 2);
                CHECK(alg_parse_spki(bytes_of(p, n), &k));
            }
            free(p);
        }
    }
}

// SEC 2 v2.0, A.2 (secp256k1 1.3.132.0.10, secp384r1 .34, secp521r1 .35), RFC 5480, 2.1.1.1
// (1.2.840.10045.3.1.7), RFC 5639, A (1.3.36.3.3.2.8.1.1.7, .11, .13), RFC 8410, 3 (1.3.101.110,
// .112).
TEST(alg_curves_by_their_oid)
{
    static const struct { const char *name, *oid; } want[] = {
        { "P-256", "1.2.840.10045.3.1.7" }, { "P-384", "1.3.132.0.34" },
        { "P-521", "1.3.132.0.35" }, { "secp256k1", "1.3.132.0.10" },
        { "brainpoolP256r1", "1.3.36.3.3.2.8.1.1.7" },
        { "brainpoolP384r1", "1.3.36.3.3.2.8.1.1.11" },
        { "brainpoolP512r1", "1.3.36.3.3.2.8.1.1.13" },
        { "Ed25519", "1.3.101.112" }, { "X25519", "1.3.101.110" },
    };
    CHECK_EQ(COUNT(want), COUNT(alg_curves));
    for (size_t i = 0; i < COUNT(want); i++) {
        const struct alg_curve *c = alg_curve_named(want[i].name);
        u8 room[16];
        struct buf b = buf_on(room, sizeof room);
        char *at = NULL;
        unsigned long first = strtoul(want[i].oid, &at, 10), arc = strtoul(at + 1, &at, 10);
        buf_put8(&b, (unsigned)(first * 40 + arc));
        while (*at) {
            arc = strtoul(at + 1, &at, 10);
            if (arc > 0x3fff) buf_put8(&b, (unsigned)(arc >> 14 | 0x80));
            if (arc > 0x7f) buf_put8(&b, (unsigned)(arc >> 7 | 0x80));
            buf_put8(&b, (unsigned)(arc & 0x7f));
        }
        CHECK(c);
        bytes oid = alg_curve_oid(c);
        CHECK(oid.n == b.n + 2 && oid.p[0] == 6 && oid.p[1] == b.n);
        CHECK(bytes_equal(bytes_from(oid, 2), buf_bytes(&b)));
        CHECK(alg_curve_find(oid) == c);
        CHECK_EQ(c->size, (c->bits + 7) / 8);
    }
    CHECK(!alg_curve_find(BYTES_NONE));
    CHECK(!alg_curve_find(BYTES(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21)));
    CHECK(!alg_curve_named("P-224"));
}

// A SubjectPublicKeyInfo in a file that is longer: what is behind it is no part of it.
TEST(alg_spki_ends_where_it_ends)
{
    u8 room[200];
    struct buf b = buf_on(room, sizeof room);
    const u8 raw[32] = { 9 };
    struct alg_key k = { .type = ALG_EDWARDS, .curve = alg_curve_named("Ed25519"),
                         .point = bytes_of(raw, 32) }, back;
    alg_encode_spki(&k, &b);
    size_t n = b.n;
    buf_fill(&b, 0, 20);
    buf_fill(&b, 0xff, 20);
    CHECK_ST(alg_parse_spki(buf_bytes(&b), &back), ST_OK);
    CHECK(back.spki.n == n && back.spki.p == room);
}

TEST(alg_hashes_by_mechanism_and_mgf)
{
    static const size_t sizes[] = { 20, 28, 32, 48, 64 };
    CHECK_EQ(COUNT(alg_hashes), COUNT(sizes));
    for (size_t i = 0; i < COUNT(alg_hashes); i++) {
        CHECK(alg_hash_find(alg_hashes[i].mechanism) == &alg_hashes[i]);
        CHECK(alg_hash_of_mgf(alg_hashes[i].mgf) == (alg_hashes[i].mgf ? &alg_hashes[i] : NULL));
        CHECK_EQ(alg_hashes[i].size, sizes[i]);
        CHECK_EQ(PSA_HASH_LENGTH(alg_hashes[i].psa), sizes[i]);
    }
    CHECK(!alg_hash_find(CKM_MD5));
    CHECK(!alg_hash_of_mgf(0));
}

TEST(alg_counts_bits)
{
    CHECK_EQ(alg_bits(BYTES_NONE), 0);
    CHECK_EQ(alg_bits(BYTES(1)), 1);
    CHECK_EQ(alg_bits(BYTES(0x80)), 8);
    CHECK_EQ(alg_bits(BYTES(1, 0)), 9);
    CHECK_EQ(alg_bits(BYTES(0xff, 0, 0)), 24);
}

TEST(alg_points_have_a_form)
{
    u8 room[133] = { 4 };
    const struct alg_curve *p256 = alg_curve_named("P-256"), *ed = alg_curve_named("Ed25519");
    CHECK(alg_point_good(p256, bytes_of(room, 65)));
    CHECK(!alg_point_good(p256, bytes_of(room, 64)));
    CHECK(!alg_point_good(p256, bytes_of(room, 66)));
    CHECK(!alg_point_good(p256, BYTES_NONE));
    CHECK(alg_point_good(alg_curve_named("P-521"), bytes_of(room, 133)));
    CHECK(alg_point_good(ed, bytes_of(room, 32)));
    CHECK(!alg_point_good(ed, bytes_of(room, 33)));
    room[0] = 2;
    CHECK(!alg_point_good(p256, bytes_of(room, 65)));
    CHECK(!alg_point_good(p256, bytes_of(room, 33)));           // compressed
}

// An RSA key of these numbers, as a SubjectPublicKeyInfo, parsed.
static st alg_try_rsa(bytes modulus, bytes exponent, struct alg_key *k)
{
    static u8 room[1200];
    struct alg_key make = { .type = ALG_RSA, .modulus = modulus, .exponent = exponent };
    struct buf b = buf_on(room, sizeof room);
    alg_encode_spki(&make, &b);
    if (b.full) return ST_HOST_MEMORY;
    return alg_parse_spki(buf_bytes(&b), k);
}

TEST(alg_rsa_sizes)
{
    static u8 modulus[513];
    struct alg_key k;
    memset(modulus, 0xff, sizeof modulus);
    CHECK_ST(alg_try_rsa(bytes_of(modulus, 64), BYTES(3), &k), ST_OK);
    CHECK_EQ(k.bits, 512);
    CHECK_ST(alg_try_rsa(bytes_of(modulus, 63), BYTES(3), &k), ST_PROTOCOL);
    CHECK_ST(alg_try_rsa(bytes_of(modulus, 512), BYTES(1, 0, 1), &k), ST_OK);
    CHECK_EQ(k.bits, 4096);
    CHECK_ST(alg_try_rsa(bytes_of(modulus, 513), BYTES(3), &k), ST_PROTOCOL);
    CHECK_ST(alg_try_rsa(bytes_of(modulus, 128), BYTES_NONE, &k), ST_PROTOCOL);
    CHECK_ST(alg_try_rsa(bytes_of(modulus, 128), BYTES(0), &k), ST_PROTOCOL);
    CHECK_ST(alg_try_rsa(bytes_of(modulus, 128), BYTES(1, 2, 3, 4, 5, 6, 7, 8), &k), ST_OK);
    CHECK_ST(alg_try_rsa(bytes_of(modulus, 128), BYTES(1, 2, 3, 4, 5, 6, 7, 8, 9), &k),
             ST_PROTOCOL);
    modulus[0] = 0x7f;
    CHECK_ST(alg_try_rsa(bytes_of(modulus, 128), BYTES(3), &k), ST_PROTOCOL);  // 1023 bits
    CHECK_ST(alg_try_rsa(BYTES_NONE, BYTES(3), &k), ST_PROTOCOL);
}

TEST(alg_what_is_no_key)
{
    struct alg_key k;
    CHECK(alg_parse_spki(BYTES_NONE, &k));
    CHECK(alg_parse_spki(BYTES(0x30, 0), &k));
    CHECK(alg_parse_spki(BYTES(0x30, 7, 0x30, 0, 0x03, 3, 0, 1, 2), &k));          // no OID
    CHECK(alg_parse_spki(BYTES(0x30, 12, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 3, 0, 1, 2), &k));
    u8 room[44] = { 0x30, 42, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 33, 0 };
    CHECK_ST(alg_parse_spki(bytes_of(room, sizeof room), &k), ST_OK);
    room[11] = 1;                                               // unused bits
    CHECK_ST(alg_parse_spki(bytes_of(room, sizeof room), &k), ST_PROTOCOL);
    room[11] = 0, room[8] = 0x6f;                               // X448
    CHECK_ST(alg_parse_spki(bytes_of(room, sizeof room), &k), ST_PROTOCOL);
    // id-ecPublicKey with Ed25519's OID for a curve; a curve's OID for an algorithm
    CHECK_ST(alg_parse_spki(BYTES(0x30, 20, 0x30, 14, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1,
                                  6, 3, 0x2b, 0x65, 0x70, 3, 2, 0, 4), &k), ST_PROTOCOL);
    CHECK_ST(alg_parse_spki(BYTES(0x30, 13, 0x30, 7, 6, 5, 0x2b, 0x81, 4, 0, 0x22, 3, 2, 0, 4),
                            &k), ST_PROTOCOL);
}

// Domain parameters are those of OpenSSL and mbedTLS: the generator lies on its curve, and mbedTLS
// knows the prime.
TEST(alg_domain_parameters)
{
    u32 known = 0;
    for (size_t i = 0; i < COUNT(alg_curves); i++) {
        const struct alg_curve *curve = &alg_curves[i];
        u8 room[66 + 140 + 140], *prime = room, *generator = room + 66, *known_point = room + 206;
        struct buf b = buf_on(prime, 66), g = buf_on(generator, 140);
        size_t point_n = 0;
        mbedtls_ecp_group group;
        if (!alg_put_parameter(curve, ALG_PRIME, &b)) continue;
        known++;
        mbedtls_ecp_group_init(&group);
        CHECK(!mbedtls_ecp_group_load(&group, sim_curve_of(b.p, b.n)));
        CHECK(group.pbits == curve->bits);
        CHECK(!mbedtls_ecp_point_write_binary(&group, &group.G, MBEDTLS_ECP_PF_UNCOMPRESSED, &point_n,
                                              known_point, 140));
        buf_put8(&g, 0x04);
        CHECK(alg_put_parameter(curve, ALG_X, &g) && alg_put_parameter(curve, ALG_Y, &g));
        CHECK(bytes_equal(buf_bytes(&g), bytes_of(known_point, point_n)));
        mbedtls_mpi number;
        mbedtls_mpi_init(&number);
        g.n = 0;
        CHECK(alg_put_parameter(curve, ALG_ORDER, &g));
        CHECK(!mbedtls_mpi_read_binary(&number, g.p, g.n));
        CHECK(!mbedtls_mpi_cmp_mpi(&number, &group.N));
        g.n = 0;
        CHECK(alg_put_parameter(curve, ALG_B, &g));
        CHECK(!mbedtls_mpi_read_binary(&number, g.p, g.n));
        CHECK(!mbedtls_mpi_cmp_mpi(&number, &group.B));
        mbedtls_mpi_free(&number);
        mbedtls_ecp_group_free(&group);
    }
    CHECK(known == 7);
}

static void test_alg(void)
{
    RUN(alg_domain_parameters);
    RUN(alg_keys_are_written_as_they_were_read);
    RUN(alg_truncated_and_changed_keys);
    RUN(alg_curves_by_their_oid);
    RUN(alg_spki_ends_where_it_ends);
    RUN(alg_hashes_by_mechanism_and_mgf);
    RUN(alg_counts_bits);
    RUN(alg_points_have_a_form);
    RUN(alg_rsa_sizes);
    RUN(alg_what_is_no_key);
}
