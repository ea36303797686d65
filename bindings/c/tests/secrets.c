/* The second layer: what opens a vault besides a passphrase. */
#include "house.h"

static const uint8_t key[ZAMOK_SECRET_KEY_LENGTH] = { 1, 2, 3 }, device[ZAMOK_SECRET_KEY_LENGTH] = { 4, 5, 6 };

static zamok_secret by_key(const uint8_t *bytes)
{
    zamok_secret secret = { .size = sizeof secret, .kind = ZAMOK_SECRET_KEY };
    secret.key = bytes;
    secret.key_length = sizeof key;
    return secret;
}

static zamok_secret by_text(uint32_t kind, const char *text)
{
    zamok_secret secret = { .size = sizeof secret, .kind = kind };
    secret.text = text;
    secret.text_length = strlen(text);
    return secret;
}

static zamok_secret by_pin(const char *pin, const uint8_t *bytes)
{
    zamok_secret secret = by_text(ZAMOK_SECRET_PIN, pin);
    secret.key = bytes;
    secret.key_length = sizeof device;
    return secret;
}

static zamok_status open_as(const char *url, uint32_t role, const zamok_secret *secret)
{
    zamok_options options = cheap();
    zamok_vault *vault = NULL;
    zamok_status status = zamok_vault_open_with(TEXT(url), secret, role, &options, &vault);
    HOLDS((status == ZAMOK_OK) == (vault != NULL));
    zamok_vault_free(vault);
    return status;
}

static zamok_status opens(const char *url, const zamok_secret *secret)
{
    return open_as(url, ZAMOK_ROLE_USER, secret);
}

static void what_is_no_secret_is_refused(void)
{
    zamok_options options = cheap();
    zamok_vault *vault;
    zamok_secret secret = by_key(key);
    static const uint32_t kinds[] = { 0, 5, 6, UINT32_MAX };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        secret.kind = kinds[i];
        IS(ZAMOK_E_ARGUMENT, zamok_vault_create_with(TEXT("memory:"), &secret, &options, &vault));
    }
    secret = by_key(key);
    secret.key_length = sizeof key - 1;
    IS(ZAMOK_E_TOO_LONG, zamok_vault_create_with(TEXT("memory:"), &secret, &options, &vault));
    secret = by_key(key);
    secret.key = NULL;
    IS(ZAMOK_E_NULL_POINTER, zamok_vault_create_with(TEXT("memory:"), &secret, &options, &vault));
    /* What belongs to another kind is a mistake of whoever fills the struct. */
    secret = by_key(key);
    secret.text = "a";
    secret.text_length = 1;
    IS(ZAMOK_E_ARGUMENT, zamok_vault_create_with(TEXT("memory:"), &secret, &options, &vault));
    secret.kind = ZAMOK_SECRET_PASSPHRASE;
    IS(ZAMOK_E_ARGUMENT, zamok_vault_create_with(TEXT("memory:"), &secret, &options, &vault));
    secret.kind = ZAMOK_SECRET_SHARES;
    IS(ZAMOK_E_ARGUMENT, zamok_vault_create_with(TEXT("memory:"), &secret, &options, &vault));
    secret = by_text(ZAMOK_SECRET_SHARES, "no share");
    HOLDS(zamok_vault_create_with(TEXT("memory:"), &secret, &options, &vault) != ZAMOK_OK);
    secret.text = "\xff";
    secret.text_length = 1;
    IS(ZAMOK_E_NOT_UTF8, zamok_vault_create_with(TEXT("memory:"), &secret, &options, &vault));
    secret.text_length = 0;
    IS(ZAMOK_E_SHARE_FEW, zamok_vault_create_with(TEXT("memory:"), &secret, &options, &vault));
    secret = by_key(key);
    secret.names_slot = 2;
    IS(ZAMOK_E_ARGUMENT, zamok_vault_open_with(TEXT("memory:"), &secret, ZAMOK_ROLE_USER, &options, &vault));
    /* A passphrase has any bytes, and may come by the struct as well. */
    secret = by_text(ZAMOK_SECRET_PASSPHRASE, "\xff");
    IS(ZAMOK_OK, zamok_vault_create_with(TEXT("memory:"), &secret, &options, &vault));
    zamok_vault_free(vault);
}

static void each_secret_opens_its_slot(const char *folder)
{
    char url[4096], shares[3 * ZAMOK_SHARE_MAX + 1], two[2 * sizeof shares], renewed[4 * ZAMOK_SHARE_MAX + 1];
    zamok_options options = cheap();
    zamok_vault *user, *officer;
    zamok_slot_info info = { .size = sizeof info };
    zamok_secret secret = by_key(key), pin = by_pin("135790", device);
    size_t length;
    uint32_t board = 77, till, first, second;
    snprintf(url, sizeof url, "sqlite:%s/secrets.db", folder);
    IS(ZAMOK_OK, zamok_vault_create_with(TEXT(url), &secret, &options, &user));
    IS(ZAMOK_OK, opens(url, &secret));
    secret = by_key(device);
    IS(ZAMOK_E_REJECTED, opens(url, &secret));
    IS(ZAMOK_E_SLOT_METHOD, opens(url, &pin));
    secret = by_key(key);
    IS(ZAMOK_OK, zamok_vault_open_with(TEXT(url), &secret, ZAMOK_ROLE_OFFICER, &options, &officer));

    /* Shares: numbers that make none, and room for all of them or nothing. */
    IS(ZAMOK_E_ROLE, zamok_slot_add_split(user, ZAMOK_ROLE_USER, TEXT("b"), 2, 3, shares, sizeof shares, &length, &board));
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_slot_add_split(officer, ZAMOK_ROLE_USER, TEXT("b"), 2, 3, shares,
                                                      sizeof shares - 1, &length, &board));
    IS(sizeof shares - 1, length);
    IS(ZAMOK_E_SHARE_SPLIT,
       zamok_slot_add_split(officer, ZAMOK_ROLE_USER, TEXT("b"), 1, 3, shares, sizeof shares, &length, &board));
    IS(ZAMOK_E_ARGUMENT,
       zamok_slot_add_split(officer, ZAMOK_ROLE_USER, TEXT("b"), 2, 256 + 3, shares, sizeof shares, &length, &board));
    IS(77, board);
    IS(ZAMOK_OK, zamok_slot_add_split(officer, ZAMOK_ROLE_USER, TEXT("the board"), 2, 3, shares, sizeof shares, &length,
                                      &board));
    IS(2, board);
    IS(strlen(shares), length);
    IS(ZAMOK_OK, zamok_slot_describe(officer, board, &info));
    SAME("shares", info.method);
    SAME("the board", info.label);
    IS(ZAMOK_ROLE_USER, info.role);
    char *middle = strstr(shares, "# Share 2"), *last = strstr(shares, "# Share 3");
    HOLDS(strncmp(shares, "# Share 1 of 3; any 2 open the slot.\n", 37) == 0 && middle != NULL && last != NULL);
    secret = by_text(ZAMOK_SECRET_SHARES, middle);
    IS(ZAMOK_OK, opens(url, &secret));
    secret.text = shares;
    secret.text_length = (size_t)(middle - shares);
    IS(ZAMOK_E_SHARE_FEW, opens(url, &secret));
    snprintf(two, sizeof two, "%.*s%.*s", (int)(middle - shares), shares, (int)(middle - shares), shares);
    secret = by_text(ZAMOK_SECRET_SHARES, two);
    IS(ZAMOK_E_SHARE_TWICE, opens(url, &secret));
    snprintf(two, sizeof two, "%.*s\n%s", (int)(middle - shares), shares, last);
    secret = by_text(ZAMOK_SECRET_SHARES, two);
    IS(ZAMOK_OK, opens(url, &secret));
    IS(ZAMOK_E_SLOT_METHOD, open_as(url, ZAMOK_ROLE_OFFICER, &secret));

    /* A PIN counts with the secret of its device alone. */
    IS(ZAMOK_E_ROLE, zamok_slot_add_with(user, ZAMOK_ROLE_USER, TEXT("till"), &pin, &options, &till));
    IS(ZAMOK_OK, zamok_slot_add_with(officer, ZAMOK_ROLE_USER, TEXT("till"), &pin, &options, &till));
    IS(ZAMOK_OK, zamok_slot_describe(officer, till, &info));
    SAME("PIN and device secret", info.method);
    IS(ZAMOK_OK, opens(url, &pin));
    secret = by_pin("135791", device);
    IS(ZAMOK_E_REJECTED, opens(url, &secret));
    secret = by_pin("135790", key);
    IS(ZAMOK_E_REJECTED, opens(url, &secret));

    /* Of two passphrases the first slot is tried, unless the other is named. */
    IS(ZAMOK_OK, zamok_slot_add(officer, ZAMOK_ROLE_USER, NULL, 0, TEXT("the first"), &options, &first));
    IS(ZAMOK_OK, zamok_slot_add(officer, ZAMOK_ROLE_USER, NULL, 0, TEXT("the second"), &options, &second));
    secret = by_text(ZAMOK_SECRET_PASSPHRASE, "the second");
    IS(ZAMOK_E_REJECTED, opens(url, &secret));
    secret.names_slot = 1;
    secret.slot = second;
    IS(ZAMOK_OK, opens(url, &secret));
    secret.slot = first;
    IS(ZAMOK_E_REJECTED, opens(url, &secret));
    secret.slot = till;
    IS(ZAMOK_E_SLOT_METHOD, opens(url, &secret));
    secret.slot = 200;
    IS(ZAMOK_E_NO_SLOT, opens(url, &secret));
    secret.slot = 256 + second;
    IS(ZAMOK_E_NO_SLOT, opens(url, &secret));

    /* Changed, the former secret opens nothing any more. */
    secret = by_pin("097531", key);
    IS(ZAMOK_E_ROLE, zamok_slot_change_with(user, till, NULL, 0, &secret, &options));
    IS(ZAMOK_OK, zamok_slot_change_with(officer, till, NULL, 0, &secret, &options));
    IS(ZAMOK_E_REJECTED, opens(url, &pin));
    IS(ZAMOK_OK, opens(url, &secret));
    IS(ZAMOK_OK, zamok_slot_describe(officer, till, &info));
    SAME("till", info.label);
    IS(ZAMOK_E_NO_SLOT, zamok_slot_change_split(officer, 200, NULL, 0, 2, 3, renewed, sizeof renewed, &length));
    IS(ZAMOK_OK, zamok_slot_change_split(officer, board, TEXT("a new board"), 3, 4, renewed, sizeof renewed, &length));
    secret = by_text(ZAMOK_SECRET_SHARES, two);
    IS(ZAMOK_E_REJECTED, opens(url, &secret));
    secret = by_text(ZAMOK_SECRET_SHARES, strstr(renewed, "# Share 2"));
    IS(ZAMOK_OK, opens(url, &secret));
    snprintf(two, sizeof two, "%s%.*s", shares, (int)ZAMOK_SHARE_MAX, renewed);
    secret = by_text(ZAMOK_SECRET_SHARES, two);
    HOLDS(opens(url, &secret) != ZAMOK_OK);
    IS(ZAMOK_OK, zamok_slot_describe(officer, board, &info));
    SAME("a new board", info.label);
    zamok_wipe((uint8_t *)shares, sizeof shares);
    zamok_wipe((uint8_t *)two, sizeof two);
    zamok_wipe((uint8_t *)renewed, sizeof renewed);
    zamok_vault_free(user);
    zamok_vault_free(officer);
}

static void a_cabinet_as_well(const char *folder)
{
    char url[4096], shares[2 * ZAMOK_SHARE_MAX + 1];
    zamok_options options = cheap();
    zamok_cabinet *bank, *none;
    zamok_vault *officer;
    zamok_secret secret = by_key(key), together;
    size_t length;
    uint32_t number;
    snprintf(url, sizeof url, "sqlite:%s/bank-by-key.db", folder);
    IS(ZAMOK_E_ISSUER_UNUSABLE,
       zamok_cabinet_create_with(TEXT("memory:"), &secret, TEXT("a:b"), &options, &none));
    IS(ZAMOK_OK, zamok_cabinet_create_with(TEXT(url), &secret, TEXT("Bank"), &options, &bank));
    zamok_totp phone = enrol(bank, "ivan");
    IS(ZAMOK_OK, zamok_vault_open_with(TEXT(url), &secret, ZAMOK_ROLE_OFFICER, &options, &officer));
    IS(ZAMOK_OK,
       zamok_slot_add_split(officer, ZAMOK_ROLE_USER, NULL, 0, 2, 2, shares, sizeof shares, &length, &number));
    zamok_vault_free(officer);
    zamok_cabinet_free(bank);
    together = by_text(ZAMOK_SECRET_SHARES, shares);
    together.names_slot = 1;
    together.slot = number;
    IS(ZAMOK_OK, zamok_cabinet_open_with(TEXT(url), &together, &options, &bank));
    char code[ZAMOK_CODE_MAX + 1];
    zamok_session *session;
    later(30);
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_login(bank, TEXT("ivan"), TEXT(password), code, length, &session));
    zamok_session_free(session);
    zamok_cabinet_free(bank);
    secret = by_key(device);
    IS(ZAMOK_E_REJECTED, zamok_cabinet_open_with(TEXT(url), &secret, &options, &none));
    zamok_totp_wipe(&phone);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    IS(ZAMOK_OK, zamok_clock_new(now, &standing));
    what_is_no_secret_is_refused();
    each_secret_opens_its_slot(argv[1]);
    a_cabinet_as_well(argv[1]);
    zamok_clock_free(standing);
    printf("secrets: %lu claims\n", claims);
    return 0;
}
