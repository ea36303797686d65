/*
 * login.c: a login with a password and a code, over accounts in one SQLite file.
 *
 *   cc login.c $(pkg-config --cflags --libs zamok) -o login
 *   ./login sqlite:bank.db ivan 287082      the passphrase of the vault and the password come from ZAMOK_PASSPHRASE
 *                                           and ZAMOK_PASSWORD, as from a service's configuration and its form
 *   ./login                                 the whole story over a store in memory: register, enrol, log in
 *
 * Exits with 0 for a session, 1 when the login was rejected, 2 for everything else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zamok.h>

#define TEXT(t) (t), strlen(t)

static int failed(const char *what, zamok_status status)
{
    char text[256] = "";
    size_t length;
    if (zamok_error_text(text, sizeof text, &length) != ZAMOK_OK)
        text[0] = '\0';
    fprintf(stderr, "login: %s: %s (%d)\n", what, text[0] ? text : zamok_status_message(status), (int)status);
    return status == ZAMOK_E_REJECTED ? 1 : 2;
}

static int log_in(const char *url, const char *passphrase, const char *login, const char *password, const char *code)
{
    zamok_cabinet *bank = NULL;
    zamok_session *session = NULL;
    zamok_status status = zamok_cabinet_open(TEXT(url), TEXT(passphrase), NULL, &bank);
    if (status == ZAMOK_OK)
        status = zamok_login(bank, TEXT(login), TEXT(password), TEXT(code), &session);
    int result = status == ZAMOK_OK ? 0 : failed("no session", status);
    if (status == ZAMOK_OK)
        puts("logged in");
    zamok_session_free(session);
    zamok_cabinet_free(bank);
    return result;
}

/* What the phone does: reads the URI of the QR code, and shows codes. */
static zamok_status phone(const char *uri, uint64_t now, char code[ZAMOK_CODE_MAX + 1])
{
    char texts[ZAMOK_URI_MAX];
    size_t length;
    zamok_totp key;
    zamok_uri read = { .size = sizeof read };
    zamok_status status = zamok_uri_parse(TEXT(uri), 0, &read, texts, sizeof texts, &length);
    if (status == ZAMOK_OK)
        status = zamok_totp_init(&key, read.secret, read.secret_length, NULL);
    if (status == ZAMOK_OK) {
        status = zamok_totp_code(&key, now, code, ZAMOK_CODE_MAX + 1, &length);
        zamok_totp_wipe(&key);
    }
    zamok_wipe((uint8_t *)&read, sizeof read);
    return status;
}

static int story(void)
{
    static const char password[] = "a garden behind the station";
    uint64_t now = 1800000000;
    char uri[ZAMOK_URI_MAX + 1], code[ZAMOK_CODE_MAX + 1], text[512];
    size_t length;
    zamok_clock *clock = NULL;
    zamok_cabinet *bank = NULL;
    zamok_challenge *challenge = NULL;
    zamok_session *session = NULL;
    zamok_entries *entries = NULL;
    zamok_status status;
    const char *what;
    /* A clock that can be moved, and a passphrase that costs little: both for stories like this alone. */
    zamok_options options = { .size = sizeof options, .argon2_memory_kib = 64, .argon2_passes = 1 };

#define STEP(call) do { what = #call; if ((status = (call)) != ZAMOK_OK) goto end; } while (0)
    STEP(zamok_clock_new(now, &clock));
    options.clock = clock;
    STEP(zamok_cabinet_create(TEXT("memory:"), TEXT("six random words or more"), TEXT("Bank"), &options, &bank));
    STEP(zamok_register(bank, TEXT("ivan"), TEXT(password)));

    STEP(zamok_login_begin(bank, TEXT("ivan"), TEXT(password), NULL, 0, &challenge));
    STEP(zamok_enrolment_offer(bank, challenge, uri, sizeof uri, &length)); /* becomes a QR code */
    STEP(phone(uri, now, code));
    STEP(zamok_enrolment_confirm(bank, challenge, TEXT(code))); /* spends the test code */

    now += 30;
    STEP(zamok_clock_set(clock, now));
    STEP(phone(uri, now, code));
    STEP(zamok_login(bank, TEXT("ivan"), TEXT(password), TEXT(code), &session));
    puts("logged in");

    STEP(zamok_history(bank, session, 10, NULL, &entries));
    STEP(zamok_entries_text(entries, 0, text, sizeof text, &length));
    printf("the journal says: %s\n", text);
end:
    zamok_wipe((uint8_t *)uri, sizeof uri);
    zamok_entries_free(entries);
    zamok_session_free(session);
    zamok_challenge_free(challenge);
    zamok_cabinet_free(bank);
    zamok_clock_free(clock);
    return status == ZAMOK_OK ? 0 : failed(what, status);
}

int main(int argc, char **argv)
{
    const char *passphrase = getenv("ZAMOK_PASSPHRASE"), *password = getenv("ZAMOK_PASSWORD");
    if (argc == 1)
        return story();
    if (argc != 4 || passphrase == NULL || password == NULL) {
        fprintf(stderr, "usage: ZAMOK_PASSPHRASE=... ZAMOK_PASSWORD=... login URL LOGIN CODE\n");
        return 2;
    }
    return log_in(argv[1], passphrase, argv[2], password, argv[3]);
}
