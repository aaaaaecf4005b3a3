/* ================================================================================================
 * MARK: - >>example
 * Driver: the example of "Where does it go?". No such card exists.
 *
 * Owns    driver_example
 * Uses    >>x509 >>alg >>padding >>link >>iso >>card >>place >>trial
 * Names   example_
 * Specs   ISO 7816-4 (SELECT, READ BINARY, VERIFY), ISO 7816-8 (MSE, PSO)
 * Tests   tests/unit/example.c
 *
 * The application F0 "EXAMPLE" has one PIN, one P-256 key, and in EF 0001 the key's certificate.
 * ==============================================================================================*/

#if SCARD11_EXAMPLE

#define EXAMPLE_KEY    0x01
#define EXAMPLE_ECDSA  0x41
#define EXAMPLE_CHUNK  200              // bytes that one READ BINARY asks for

static const u8 example_aid[] = { 0xf0, 'E', 'X', 'A', 'M', 'P', 'L', 'E' };
static const u8 example_certificate[] = { 0x00, 0x01 };
static const u8 example_id[] = { EXAMPLE_KEY };

static const struct credential example_pin = {
    .role = ROLE_USER, .reference = 0x01, .coding = CARD_PIN_ASCII, .min = 4, .max = 8,
    .fill_to = 8, .filler = 0xff, .tries = -1, .logout_by = LOGOUT_RESET
};
static const struct credential example_puk = {
    .role = ROLE_PUK, .reference = 0x02, .coding = CARD_PIN_ASCII, .min = 8, .max = 8,
    .fill_to = 8, .filler = 0xff, .tries = -1
};

struct example {
    struct x509 x509;
    struct alg_key key;
    bool listed;
};

static st example_probe(struct card *card, struct token *token, struct scratch scratch)
{
    (void)scratch;
    st s = place_try_aid(card, bytes_of(example_aid, sizeof example_aid));
    if (s) return s == ST_NOT_FOUND ? ST_NOT_MINE : s;
    token->state = ARENA_NEW(&card->arena, struct example, 1);
    if (!token->state) return ST_ARENA_FULL;
    card_set_credential(token, &example_pin);
    card_set_credential(token, &example_puk);
    strcpy(token->label, "Example");
    token->key_types = CARD_TYPE(ALG_EC);
    place_arrived(card, token);
    return ST_OK;
}

// Probing has found out all that C_GetTokenInfo needs.
static st example_open(struct card *card, struct token *token, struct scratch scratch)
{
    (void)card;
    (void)token;
    (void)scratch;
    return ST_OK;
}

static st example_select(struct card *card, struct token *token, const struct place *place)
{
    (void)token;
    (void)place;                        // everything is in the application itself
    return iso_select_aid(&card->link, ISO_FCI, bytes_of(example_aid, sizeof example_aid), NULL);
}

// Reads the certificate, and with it the public key, into the card's arena.
static st example_read(struct card *card, struct token *token, struct scratch scratch)
{
    struct example *example = token->state;
    struct buf file = scratch_buf(&scratch, SCARD11_ANSWER);
    size_t before;
    TRY(place_be_sure(card, token, scratch));
    place_leave(card);
    TRY(iso_select_file(&card->link, 0x02, bytes_of(example_certificate, 2)));
    do {
        before = file.n;
        TRY(iso_read_binary(&card->link, (u32)file.n, EXAMPLE_CHUNK, &file));
    } while (file.n - before == EXAMPLE_CHUNK);
    bytes kept = arena_copy(&card->arena, buf_bytes(&file));
    if (!kept.p) return ST_ARENA_FULL;
    TRY(x509_parse(kept, &example->x509));
    return alg_parse_spki(example->x509.spki, &example->key);
}

static st example_list(struct card *card, struct token *token, const struct query *query,
                       struct scratch scratch)
{
    static const CK_OBJECT_CLASS classes[] = { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE };
    struct example *example = token->state;
    (void)query;
    if (example->listed) return ST_OK;
    TRY(card_reserve(card, COUNT(classes)));
    TRY(example_read(card, token, scratch));
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct object *object = card_add(card, token, classes[i], card->epoch);
        object->id = bytes_of(example_id, sizeof example_id);
        object->label = bytes_text("Key");
        object->x509 = &example->x509;
        if (classes[i] == CKO_CERTIFICATE) object->value = example->x509.whole;
        else object->key = &example->key;
        if (classes[i] != CKO_PRIVATE_KEY) continue;
        object->credential = card_pin(token);
        object->private = true;
        object->use = CARD_SIGN;
    }
    example->listed = true;
    return ST_OK;
}

static st example_sign(struct card *card, struct object *object, const struct alg_use *use,
                       bytes in, struct scratch scratch, struct buf *out)
{
    struct trial trial = { .card = card, .object = object, .use = use, .in = in, .out = out,
                           .scratch = scratch };
    bytes environment = BYTES(0x80, 1, EXAMPLE_ECDSA, 0x84, 1, EXAMPLE_KEY);
    size_t size = object->key->curve->size;
    u8 room[80];
    while (trial_next(&trial)) {
        struct buf made = buf_on(room, sizeof room);
        trial.s = place_set_environment(card, 0x41, 0xb6, environment, false);
        if (!trial.s) trial.s = iso_sign(&card->link, in, APDU_LE_SHORT, &made);
        if (!trial.s) trial.s = padding_ecdsa_to_raw(buf_bytes(&made), size, out);
    }
    return trial.s == SW_SECURITY_STATUS ? ST_NOT_LOGGED_IN : trial.s;
}

static const struct driver driver_example = {
    .name   = "Example",
    .public_certificates = true,
    .probe  = example_probe,
    .open   = example_open,
    .select = example_select,
    .list   = example_list,
    .sign   = example_sign,
};
#endif

