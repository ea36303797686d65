/* The keys of a vault: codes, failures that disable, signatures that others check. */
#define _POSIX_C_SOURCE 200809L

#include "house.h"

static const uint8_t seed[] = "12345678901234567890";

static void keys_of_a_vault(void)
{
    zamok_options options = cheap();
    zamok_vault *vault;
    zamok_id id, unknown = { { 9 } };
    char uri[ZAMOK_URI_MAX + 1], texts[ZAMOK_URI_MAX], code[ZAMOK_CODE_MAX + 1], pem[2048];
    uint8_t signature[ZAMOK_SIGNATURE_MAX];
    size_t length, pem_length;
    uint64_t step;
    zamok_key_info info = { .size = sizeof info };

    IS(ZAMOK_OK, zamok_vault_create(TEXT("memory:"), TEXT("passphrase"), &options, &vault));
    IS(ZAMOK_OK, zamok_key_import_hotp(vault, seed, 20, NULL, 0, TEXT("token"), &id));
    IS(ZAMOK_OK, zamok_key_verify(vault, &id, TEXT("755224"), &step));
    IS(0, step);
    IS(ZAMOK_E_REJECTED, zamok_key_verify(vault, &id, TEXT("755224"), NULL));
    IS(ZAMOK_OK, zamok_key_verify(vault, &id, TEXT("287082"), NULL));
    IS(ZAMOK_E_KEY_STATE, zamok_key_provision(vault, &id, TEXT("Bank"), TEXT("ivan"), uri, sizeof uri, &length));
    IS(ZAMOK_OK, zamok_key_change_state(vault, &id, ZAMOK_STATE_SUSPENDED, TEXT("lost")));
    IS(ZAMOK_E_KEY_STATE, zamok_key_verify(vault, &id, TEXT("359152"), NULL));
    IS(ZAMOK_OK, zamok_key_describe(vault, &id, &info));
    IS(ZAMOK_STATE_SUSPENDED, info.state);
    IS(0, info.local);
    IS(1, info.version);
    IS(now, info.created);
    SAME("HOTP", info.kind);
    SAME("one-time code", info.purpose);
    IS(ZAMOK_E_ARGUMENT, zamok_key_change_state(vault, &id, 7, TEXT("")));
    IS(ZAMOK_E_ARGUMENT, zamok_key_change_state(vault, &id, 256 + 2, TEXT("")));
    IS(ZAMOK_E_UNKNOWN_KEY, zamok_key_verify(vault, &unknown, TEXT("359152"), NULL));

    /* A counter that has gone on. */
    IS(ZAMOK_OK, zamok_key_import_hotp(vault, seed, 20, NULL, 3, TEXT("older token"), &id));
    IS(ZAMOK_E_REJECTED, zamok_key_verify(vault, &id, TEXT("359152"), NULL));
    IS(ZAMOK_OK, zamok_key_verify(vault, &id, TEXT("969429"), &step));
    IS(3, step);

    IS(ZAMOK_OK, zamok_key_import_totp(vault, seed, 20, NULL, now / 30 - 1, TEXT("app"), &id));
    zamok_totp phone;
    IS(ZAMOK_OK, zamok_totp_init(&phone, seed, 20, NULL));
    IS(ZAMOK_OK, zamok_totp_code(&phone, now - 30, code, sizeof code, &length));
    IS(ZAMOK_E_REJECTED, zamok_key_verify(vault, &id, code, length, &step));
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_key_verify(vault, &id, code, length, &step));
    IS(now / 30, step);

    zamok_uri read = { .size = sizeof read };
    IS(ZAMOK_OK, zamok_key_generate_totp(vault, NULL, TEXT("made here"), &id));
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_key_provision(vault, &id, TEXT("Bank"), TEXT("ivan"), NULL, 0, &length));
    IS(ZAMOK_OK, zamok_key_provision(vault, &id, TEXT("Bank"), TEXT("ivan"), uri, sizeof uri, &length));
    IS(ZAMOK_OK, zamok_uri_parse(uri, length, 0, &read, texts, sizeof texts, &length));
    IS(4, read.issuer_length);
    HOLDS(memcmp("Bank", texts + read.issuer_at, 4) == 0);
    IS(4, read.account_length);
    HOLDS(memcmp("ivan", texts + read.account_at, 4) == 0);
    IS(ZAMOK_E_KEY_USAGE, zamok_key_provision(vault, &id, TEXT("Bank"), TEXT("ivan"), uri, sizeof uri, &length));
    IS(ZAMOK_OK, zamok_totp_init(&phone, read.secret, read.secret_length, NULL));
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_key_activate(vault, &id, code, length));
    IS(ZAMOK_E_REJECTED, zamok_key_verify(vault, &id, code, length, NULL));

    /* Parameters of keys that are made here; T0 and weak secrets are for keys of others. */
    zamok_totp_parameters eight = { .size = sizeof eight, .algorithm = ZAMOK_SHA256, .digits = 8, .period = 60 };
    IS(ZAMOK_OK, zamok_key_generate_totp(vault, &eight, TEXT("longer"), &id));
    IS(ZAMOK_OK, zamok_key_describe(vault, &id, &info));
    IS(ZAMOK_STATE_PRE_ACTIVE, info.state);
    IS(1, info.local);
    IS(ZAMOK_OK, zamok_key_provision(vault, &id, TEXT("Bank"), TEXT("ivan"), uri, sizeof uri, &length));
    IS(ZAMOK_OK, zamok_uri_parse(uri, length, 0, &read, texts, sizeof texts, &length));
    IS(ZAMOK_TOTP, read.kind);
    IS(8, read.digits);
    IS(60, read.period);
    IS(ZAMOK_SHA256, read.algorithm);
    eight.t0 = 1;
    IS(ZAMOK_E_ARGUMENT, zamok_key_generate_totp(vault, &eight, TEXT("t0"), &id));
    eight.t0 = 0;
    eight.flags = ZAMOK_ACCEPT_WEAK;
    IS(ZAMOK_E_ARGUMENT, zamok_key_generate_totp(vault, &eight, TEXT("weak"), &id));
    IS(ZAMOK_OK, zamok_key_generate_hotp(vault, NULL, 5, TEXT("counts from five"), &id));
    IS(ZAMOK_OK, zamok_key_provision(vault, &id, TEXT("Bank"), TEXT("ivan"), uri, sizeof uri, &length));
    IS(ZAMOK_OK, zamok_uri_parse(uri, length, 0, &read, texts, sizeof texts, &length));
    IS(ZAMOK_HOTP, read.kind);
    IS(5, read.counter);

    static const uint32_t kinds[] = { ZAMOK_KEY_P256, ZAMOK_KEY_ED25519, ZAMOK_KEY_P384 };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const uint8_t *message = (const uint8_t *)"a request";
        IS(ZAMOK_OK, zamok_key_generate_pair(vault, kinds[i], ZAMOK_PURPOSE_REQUEST, TEXT("signs"), &id));
        IS(ZAMOK_OK, zamok_key_describe(vault, &id, &info));
        SAME("request", info.purpose);
        IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_key_sign(vault, &id, ZAMOK_PURPOSE_REQUEST, message, 9, NULL, 0, signature,
                                                    ZAMOK_SIGNATURE_MAX - 1, &length));
        IS(ZAMOK_SIGNATURE_MAX, length);
        IS(ZAMOK_OK, zamok_key_sign(vault, &id, ZAMOK_PURPOSE_REQUEST, message, 9, NULL, 0, signature, sizeof signature, &length));
        IS(ZAMOK_OK, zamok_key_public(vault, &id, pem, sizeof pem, &pem_length));
        IS(ZAMOK_OK, zamok_signature_verify(pem, pem_length, message, 9, signature, length));
        signature[length - 1] ^= 1;
        IS(ZAMOK_E_REJECTED, zamok_signature_verify(pem, pem_length, message, 9, signature, length));
        size_t ignored;
        IS(ZAMOK_E_KEY_PURPOSE, zamok_key_sign(vault, &id, ZAMOK_PURPOSE_DOCUMENT, message, 9, NULL, 0, signature,
                                               sizeof signature, &ignored));
    }
    IS(ZAMOK_E_ARGUMENT, zamok_key_generate_pair(vault, 1024, ZAMOK_PURPOSE_REQUEST, TEXT("weak"), &id));
    zamok_totp_wipe(&phone);
    zamok_vault_free(vault);
}

/* How many wrong codes it takes until the key is disabled. */
static unsigned guesses(const zamok_vault *vault, const zamok_id *id)
{
    zamok_key_info info = { .size = sizeof info };
    for (unsigned made = 1;; made++) {
        later(86400);
        IS(ZAMOK_E_REJECTED, zamok_key_verify(vault, id, TEXT("000000"), NULL));
        IS(ZAMOK_OK, zamok_key_describe(vault, id, &info));
        if (info.state == ZAMOK_STATE_SUSPENDED)
            return made;
        IS(ZAMOK_STATE_ACTIVE, info.state);
    }
}

/* Failures suspend a key. In use again, it bears not one more: they are forgiven by resuming. */
static void failures_are_forgiven_by_resuming(void)
{
    zamok_options options = cheap();
    zamok_vault *vault;
    zamok_id id, pair, unknown = { { 9 } };
    uint64_t step;
    IS(ZAMOK_OK, zamok_vault_create(TEXT("memory:"), TEXT("passphrase"), &options, &vault));
    IS(ZAMOK_OK, zamok_key_import_hotp(vault, seed, 20, NULL, 0, TEXT("token"), &id));
    IS(ZAMOK_E_KEY_STATE, zamok_key_resume(vault, &id, TEXT("not suspended")));
    unsigned borne = guesses(vault, &id);
    HOLDS(borne > 1);
    IS(ZAMOK_E_KEY_STATE, zamok_key_verify(vault, &id, TEXT("755224"), NULL));
    IS(ZAMOK_OK, zamok_key_change_state(vault, &id, ZAMOK_STATE_ACTIVE, TEXT("found")));
    IS(1, guesses(vault, &id));
    IS(ZAMOK_OK, zamok_key_resume(vault, &id, TEXT("came in person")));
    IS(borne, guesses(vault, &id));
    IS(ZAMOK_OK, zamok_key_resume(vault, &id, TEXT("came once more")));
    IS(ZAMOK_OK, zamok_key_verify(vault, &id, TEXT("755224"), &step));
    IS(0, step);
    IS(ZAMOK_E_KEY_STATE, zamok_key_resume(vault, &id, TEXT("twice")));
    IS(ZAMOK_E_UNKNOWN_KEY, zamok_key_resume(vault, &unknown, TEXT("none")));
    IS(ZAMOK_OK, zamok_key_generate_pair(vault, ZAMOK_KEY_P256, ZAMOK_PURPOSE_REQUEST, TEXT("signs"), &pair));
    IS(ZAMOK_E_KEY_KIND, zamok_key_resume(vault, &pair, TEXT("no codes")));
    zamok_vault_free(vault);
}

static void put(const char *folder, const char *name, const void *bytes, size_t length)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    HOLDS(file != NULL && fwrite(bytes, 1, length, file) == length);
    IS(0, fclose(file));
}

/* RSA signs with PSS, SHA-256 and a salt of 32 bytes: openssl, which is told so, takes it. */
static void openssl_checks_rsa(const char *folder)
{
    zamok_options options = cheap();
    zamok_vault *vault;
    zamok_id id;
    char pem[2048], command[8192];
    uint8_t signature[ZAMOK_SIGNATURE_MAX];
    size_t length, pem_length;
    const uint8_t *message = (const uint8_t *)"a request";
    IS(ZAMOK_OK, zamok_vault_create(TEXT("memory:"), TEXT("passphrase"), &options, &vault));
    IS(ZAMOK_OK, zamok_key_generate_pair(vault, ZAMOK_KEY_RSA2048, ZAMOK_PURPOSE_REQUEST, TEXT("signs"), &id));
    IS(ZAMOK_OK, zamok_key_sign(vault, &id, ZAMOK_PURPOSE_REQUEST, message, 9, NULL, 0, signature, sizeof signature, &length));
    IS(256, length);
    IS(ZAMOK_OK, zamok_key_public(vault, &id, pem, sizeof pem, &pem_length));
    put(folder, "rsa.pem", pem, pem_length);
    put(folder, "rsa.sig", signature, length);
    put(folder, "rsa.txt", message, 9);
    snprintf(command, sizeof command,
             "cd '%s' && openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 "
             "-verify rsa.pem -signature rsa.sig rsa.txt",
             folder);
    fflush(NULL);
    IS(0, system(command));

    /* No key is another matter than a wrong signature. */
    IS(ZAMOK_OK, zamok_signature_verify(pem, pem_length, message, 9, signature, length));
    IS(ZAMOK_E_REJECTED, zamok_signature_verify(pem, pem_length, message, 8, signature, length));
    IS(ZAMOK_E_REJECTED, zamok_signature_verify(pem, pem_length, message, 9, signature, 0));
    IS(ZAMOK_E_KEY_MATERIAL, zamok_signature_verify(pem, pem_length / 2, message, 9, signature, length));
    IS(ZAMOK_E_KEY_MATERIAL, zamok_signature_verify(NULL, 0, message, 9, signature, length));
    zamok_vault_free(vault);
}

/* A token that counts is disabled by numbers of its own, at this door as at every other. */
static void counting_keys_have_a_throttle_of_their_own(void)
{
    static const char own[] = "profile = \"strict\"\n[token.throttle]\nfree = 1\ndisable_after = 3\n";
    zamok_options options = cheap();
    zamok_vault *vault;
    zamok_id token, app;
    options.policy = own;
    options.policy_length = sizeof own - 1;
    IS(ZAMOK_OK, zamok_vault_create(TEXT("memory:"), TEXT("passphrase"), &options, &vault));
    IS(ZAMOK_OK, zamok_key_import_hotp(vault, seed, 20, NULL, 0, TEXT("token"), &token));
    IS(ZAMOK_OK, zamok_key_import_totp(vault, seed, 20, NULL, 0, TEXT("app"), &app));
    IS(3, guesses(vault, &token));
    HOLDS(guesses(vault, &app) > 3);
    zamok_vault_free(vault);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    IS(ZAMOK_OK, zamok_clock_new(now, &standing));
    keys_of_a_vault();
    failures_are_forgiven_by_resuming();
    counting_keys_have_a_throttle_of_their_own();
    openssl_checks_rsa(argv[1]);
    zamok_clock_free(standing);
    printf("keys: %lu claims\n", claims);
    return 0;
}
