// first_program.c: the first program of README.md and scard11.h, run with each kind of simulated card, alone
// and among other readers. SPDX-License-Identifier: 0BSD
//
// tests/programs/examples.sh compiles the program as it stands in the text, with its main called first_main,
// and links it to this. What it prints is checked with the certificate of the key that had to sign.
#define _POSIX_C_SOURCE 200809L
#include "kinds.h"
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <unistd.h>

int first_main(int argc, char **argv);

static const char text[] = "a text to sign";

// A PIV card whose first key that signs is this one.
struct piv {
    const char *name;
    struct sim_piv_key key;             // the only one; ref 0: those of {0}
    struct sim_piv_options o;
};

#define ONLY(ref, key, policy) { ref, key, false, false, policy }

static const struct piv pivs[] = {
    { "PIV", ONLY(0, SIM_RSA2048A, 0), { .extended = true, .discovery = SIM_APPLICATION_PIN } },
    { "PIV, T=0", ONLY(0, SIM_RSA2048A, 0), { .t0 = true } },
    { "PIV, the global PIN", ONLY(0, SIM_RSA2048A, 0), { .discovery = SIM_GLOBAL_PIN } },
    { "PIV, RSA-1024", ONLY(0x9a, SIM_RSA1024, 0), { .extended = true } },
    { "PIV, RSA-4096", ONLY(0x9a, SIM_RSA4096, 0), { .extended = true } },
    { "PIV, P-256", ONLY(0x9a, SIM_P256A, 0), { .extended = true } },
    { "PIV, P-384", ONLY(0x9a, SIM_P384A, 0), { .extended = true } },
    { "PIV, 9C alone", ONLY(0x9c, SIM_P256A, 0), { .extended = true } },
    { "PIV, 9E alone", ONLY(0x9e, SIM_P256B, 0), { .extended = true } },
    { "YubiKey, PIN each time", ONLY(0x9a, SIM_RSA2048A, SIM_PIN_ALWAYS),
      { .extended = true, .yubikey = true } },
    { "YubiKey, Ed25519", ONLY(0x9a, SIM_ED25519, 0), { .extended = true, .yubikey = true } },
};

// What runs: a card, its PIN and the key that is to sign.
static struct sim_card *card;
static const char *pin;
static enum sim_key signer;

// Ed25519: mbedTLS has none.
static bool good_ed25519(enum sim_key which, const uint8_t *sig, size_t n)
{
    const struct sim_key_data *data = sim_key_data(which);
    const unsigned char *der = data->certificate;
    X509 *certificate = d2i_X509(NULL, &der, (long)data->certificate_len);
    EVP_PKEY *key = X509_get_pubkey(certificate);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestVerify(context, sig, n, (const uint8_t *)text, strlen(text)) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    X509_free(certificate);
    return good;
}

// Runs the program; what it printed, in hexadecimal, goes to sig. Its exit code.
static int run_first(uint8_t *sig, size_t room, size_t *n)
{
    char name[] = "app", given[32], signs[sizeof text], *argv[] = { name, given, signs, NULL };
    FILE *printed = tmpfile();
    int screen = dup(1);
    unsigned byte;
    if (!printed || screen < 0) return -1;
    snprintf(given, sizeof given, "%s", pin);
    memcpy(signs, text, sizeof text);
    fflush(stdout);
    dup2(fileno(printed), 1);
    int rc = first_main(3, argv);
    fflush(stdout);
    dup2(screen, 1);
    close(screen);
    rewind(printed);
    for (*n = 0; *n < room && fscanf(printed, "%2x", &byte) == 1; ) sig[(*n)++] = (uint8_t)byte;
    fclose(printed);
    return rc;
}

static void check_first(void)
{
    uint8_t sig[600];
    size_t n = 0;
    CHECK_EQ(run_first(sig, sizeof sig, &n), 0);
    CHECK(signer == SIM_ED25519 ? good_ed25519(signer, sig, n)
                                : scene_good(signer, text, strlen(text), sig, n));
    CHECK(!card->verified(card));
    struct sim_reader_stats s = sim_reader_stats();
    CHECK_EQ(s.connections + s.contexts + s.unbalanced + s.outside + s.after_removed, 0);
}

TEST(the_card_alone)
{
    sim_reader_clear();
    sim_reader_insert(sim_reader_add("Reader 0"), card);
    check_first();
    sim_reader_clear();
}

// An empty reader, one with a card that does not answer, the card, and one more that works.
TEST(the_card_among_others)
{
    static const struct sim_piv_options other = { .second = true };
    struct sim_card *mute = sim_piv_new(&other), *more = sim_piv_new(&other);
    sim_reader_clear();
    sim_reader_add("Reader 0");
    sim_reader_insert(sim_reader_add("Reader 1"), mute);
    sim_reader_mute(1, true);
    sim_reader_insert(sim_reader_add("Reader 2"), card);
    sim_reader_insert(sim_reader_add("Reader 3"), more);
    check_first();
    if (!test_failing && sim_piv_verifies(more)) test_fail(__FILE__, __LINE__, "the PIN strayed");
    sim_reader_clear();
    mute->free(mute);
    more->free(more);
}

static void run_with(const char *name, const char *its_pin, enum sim_key key)
{
    unsigned failed = test_failed;
    pin = its_pin;
    signer = key;
    RUN(the_card_alone);
    RUN(the_card_among_others);
    if (test_failed != failed) printf("    so it was with %s\n", name);
    card->free(card);
}

static const struct cards_key *first_that_signs(const struct cards_kind *kind)
{
    const struct cards_key *k = kind->keys;
    while (!(k->use & CARDS_SIGN)) k++;
    return k;
}

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    for (size_t i = 0; i < CARDS_KINDS; i++) {
        card = cards_kinds[i].make(false);
        run_with(cards_kinds[i].name, cards_kinds[i].tokens[0].pin,
                 first_that_signs(&cards_kinds[i])->key);
    }
    for (size_t i = 0; i < sizeof pivs / sizeof *pivs; i++) {
        struct sim_piv_options o = pivs[i].o;
        if (pivs[i].key.ref) o.keys = &pivs[i].key, o.n_keys = 1;
        card = sim_piv_new(&o);
        run_with(pivs[i].name, "123456", pivs[i].key.key);
    }
    return test_end();
}
