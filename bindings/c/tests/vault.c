/* The second layer: a life of an account, threads that race, handles that are freed, a forked child, a store in a file. */
#define _POSIX_C_SOURCE 200809L

#include "house.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_life_of_an_account(void)
{
    zamok_options options = cheap();
    zamok_cabinet *bank, *other;
    zamok_session *session, *again;
    zamok_challenge *challenge, *travelled;
    zamok_entries *entries, *more;
    char code[ZAMOK_CODE_MAX + 1], token[ZAMOK_TOKEN_MAX + 1], pem[1024], text[8192];
    uint8_t signature[ZAMOK_DOCUMENT_SIGNATURE_MAX];
    zamok_id request, before;
    size_t length, pem_length, signature_length, count;
    uint32_t is_more;
    uint64_t findings;

    IS(ZAMOK_OK, zamok_cabinet_create(TEXT("memory:"), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    zamok_totp phone = enrol(bank, "ivan");
    later(30);

    /* A challenge, answered under a name; asked again under it, the same session. */
    zamok_challenge_info info = { .size = sizeof info };
    IS(ZAMOK_OK, zamok_login_begin(bank, TEXT("ivan"), TEXT(password), TEXT("Firefox"), &challenge));
    IS(ZAMOK_OK, zamok_challenge_describe(challenge, &info));
    IS(ZAMOK_WANTS_CODE, info.wants);
    SAME("generator", info.method);
    HOLDS(info.expires > now);
    IS(ZAMOK_OK, zamok_challenge_by_id(&info.id, &travelled));
    /* Logs call it otherwise than whoever began; a program that knows of no reference is told none. */
    static const zamok_id nothing;
    HOLDS(memcmp(&info.reference, &info.id, sizeof info.id) != 0);
    HOLDS(memcmp(&info.reference, &nothing, sizeof nothing) != 0);
    zamok_challenge_info older = { .size = offsetof(zamok_challenge_info, reference), .reference = info.id };
    IS(ZAMOK_OK, zamok_challenge_describe(travelled, &older));
    HOLDS(memcmp(&older.reference, &info.id, sizeof info.id) == 0);
    /* Of its end and its method a challenge knows nothing when it comes back. */
    zamok_challenge_info back = { .size = sizeof back };
    IS(ZAMOK_OK, zamok_challenge_describe(travelled, &back));
    HOLDS(memcmp(&info.id, &back.id, sizeof back.id) == 0);
    IS(0, back.expires);
    SAME("", back.method);
    HOLDS(memcmp(&info.reference, &back.reference, sizeof back.reference) == 0);
    IS(ZAMOK_OK, zamok_request_id(bank, &request));
    IS(ZAMOK_OK, zamok_request_id(bank, &before));
    HOLDS(memcmp(&request, &before, sizeof request) != 0);
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    IS(ZAMOK_E_REJECTED, zamok_login_answer(bank, travelled, TEXT("00000000"), &before, &session));
    IS(ZAMOK_OK, zamok_login_answer(bank, travelled, code, length, &request, &session));
    IS(ZAMOK_OK, zamok_login_answer(bank, challenge, NULL, 0, &request, &again));
    zamok_session_info first = { .size = sizeof first }, second = { .size = sizeof second };
    IS(ZAMOK_OK, zamok_session_describe(session, &first));
    IS(ZAMOK_OK, zamok_session_describe(again, &second));
    HOLDS(memcmp(&first.id, &second.id, sizeof first.id) == 0);
    IS(ZAMOK_ASSURANCE_SUBSTANTIAL, first.assurance);
    IS(now, first.opened);
    IS(now, first.authenticated);
    IS(now, first.last_used);
    HOLDS(first.expires > now + 3600);
    HOLDS(memcmp(&first.id, &first.account, sizeof first.id) != 0);
    HOLDS(memcmp(&first.account, &second.account, sizeof first.account) == 0);
    /* The code is spent, whichever door it comes to. */
    zamok_session *none = (zamok_session *)code;
    IS(ZAMOK_E_REJECTED, zamok_login(bank, TEXT("ivan"), TEXT(password), code, length, &none));
    HOLDS(none == (zamok_session *)code);
    zamok_session_free(again);
    IS(ZAMOK_OK, zamok_session_by_id(bank, &first.id, &again));

    /* A token. */
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_token_issue(bank, session, TEXT("bank.example"), token, ZAMOK_TOKEN_MAX, &length));
    IS(ZAMOK_OK, zamok_token_issue(bank, session, TEXT("bank.example"), token, sizeof token, &length));
    zamok_session_free(again);
    IS(ZAMOK_OK, zamok_token_verify(bank, TEXT("bank.example"), token, length, &again));
    IS(ZAMOK_E_REJECTED, zamok_token_verify(bank, TEXT("other.example"), token, length, &none));
    IS(ZAMOK_E_REJECTED, zamok_token_verify(bank, TEXT("bank.example"), "\xff", 1, &none));
    IS(ZAMOK_E_REJECTED, zamok_token_verify_from(bank, TEXT("bank.example"), "\xff", 1, NULL, 0, &none));
    token[length / 2] ^= 1;
    IS(ZAMOK_E_REJECTED, zamok_token_verify(bank, TEXT("bank.example"), token, length, &none));

    /* A signature, and its proof. */
    zamok_signed made = { .size = sizeof made };
    /* With too little room nothing is signed: the journal will tell of one signature. */
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_sign(bank, session, NULL, 0, TEXT("small"), signature,
                                            ZAMOK_DOCUMENT_SIGNATURE_MAX - 1, &signature_length, &made));
    IS(ZAMOK_DOCUMENT_SIGNATURE_MAX, signature_length);
    IS(ZAMOK_OK, zamok_sign(bank, session, (const uint8_t *)TEXT("I owe you 100."), TEXT("note\n.txt"), signature,
                            sizeof signature, &signature_length, &made));
    IS(now, made.time);
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_document_key(bank, TEXT("ivan"), NULL, 0, &length));
    IS(ZAMOK_OK, zamok_document_key(bank, TEXT("ivan"), pem, sizeof pem, &pem_length));
    IS(length, pem_length);
    IS(ZAMOK_OK, zamok_signature_verify(pem, pem_length, (const uint8_t *)TEXT("I owe you 100."), signature, signature_length));
    IS(ZAMOK_E_REJECTED,
       zamok_signature_verify(pem, pem_length, (const uint8_t *)TEXT("I owe you 900."), signature, signature_length));
    IS(ZAMOK_E_UNCOVERED, zamok_prove(bank, session, &made.entry_writer, made.entry_sequence, text, sizeof text, &length));
    IS(ZAMOK_OK, zamok_checkpoint(bank, text, sizeof text, &length));
    IS(ZAMOK_OK, zamok_prove(bank, session, &made.entry_writer, made.entry_sequence, text, sizeof text, &length));
    HOLDS(strstr(text, "tlog-proof") != NULL);

    /* What the journal says, page by page, the latest first. */
    unsigned seen = 0, signatures = 0, clients = 0;
    uint64_t last = UINT64_MAX;
    IS(ZAMOK_OK, zamok_history(bank, session, 3, NULL, &entries));
    for (;;) {
        IS(ZAMOK_OK, zamok_entries_count(entries, &count, &is_more));
        for (size_t i = 0; i < count; i++, seen++) {
            zamok_entry entry = { .size = sizeof entry };
            IS(ZAMOK_OK, zamok_entries_get(entries, i, &entry));
            HOLDS(entry.time <= last);
            last = entry.time;
            /* All but the making of the log's key are leaves since the checkpoint. */
            IS(1, entry.integrated);
            IS(0, entry.erased);
            IS(ZAMOK_OK, zamok_entries_text(entries, i, text, sizeof text, &length));
            if (strncmp(text, "signature.made", 14) == 0) {
                /* What somebody typed ends no line. */
                HOLDS(strstr(text, "document: note?.txt") != NULL);
                IS(48, entry.kind);
                IS(made.entry_sequence, entry.entry_sequence);
                HOLDS(memcmp(&made.entry_writer, &entry.entry_writer, sizeof made.entry_writer) == 0);
                signatures++;
            }
            clients += strncmp(text, "login.session-opened", 20) == 0 && strstr(text, "client: Firefox") != NULL;
        }
        zamok_entry beyond = { .size = sizeof beyond };
        IS(ZAMOK_E_ARGUMENT, zamok_entries_get(entries, count, &beyond));
        IS(ZAMOK_OK, zamok_history(bank, session, 3, entries, &more));
        zamok_entries_free(entries);
        entries = more;
        if (!is_more)
            break;
    }
    IS(ZAMOK_OK, zamok_entries_count(entries, &count, &is_more));
    IS(0, count);
    zamok_entries_free(entries);
    HOLDS(seen > 8);
    IS(1, signatures);
    IS(1, clients);
    IS(ZAMOK_OK, zamok_audit(bank, &findings, text, sizeof text, &length));
    IS(0, findings);
    IS(0, length);

    /* Logged out: the token is nothing any more, whoever holds a handle. */
    IS(ZAMOK_OK, zamok_session_end(bank, session, TEXT("logged out")));
    token[strlen(token) / 2] ^= 1;
    IS(ZAMOK_E_SESSION_ENDED, zamok_token_verify(bank, TEXT("bank.example"), TEXT(token), &none));
    IS(ZAMOK_E_SESSION_ENDED, zamok_session_by_id(bank, &first.id, &none));
    IS(ZAMOK_E_SESSION_ENDED, zamok_sign(bank, session, NULL, 0, TEXT("n"), signature, sizeof signature, &length, NULL));
    IS(ZAMOK_OK, zamok_error_text(text, sizeof text, &length));
    SAME("the session has ended: log in again", text);

    /* The next session reads why. */
    later(30);
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    zamok_session_free(again);
    IS(ZAMOK_OK, zamok_login(bank, TEXT("ivan"), TEXT(password), code, length, &again));
    IS(ZAMOK_OK, zamok_history(bank, again, ZAMOK_ENTRIES_MAX, NULL, &entries));
    IS(ZAMOK_OK, zamok_entries_count(entries, &count, &is_more));
    IS(0, is_more);
    unsigned reasons = 0;
    for (size_t i = 0; i < count; i++) {
        IS(ZAMOK_OK, zamok_entries_text(entries, i, text, sizeof text, &length));
        reasons += strncmp(text, "login.session-ended", 19) == 0 && strstr(text, "reason: logged out") != NULL;
    }
    IS(1, reasons);
    zamok_entries_free(entries);

    /* What was refused names its values. */
    IS(ZAMOK_E_PASSWORD_TOO_SHORT, zamok_register(bank, TEXT("anna"), TEXT("short")));
    IS(ZAMOK_OK, zamok_error_text(text, sizeof text, &length));
    SAME("the password has 5 characters, at least 12 are needed", text);
    IS(ZAMOK_E_LOGIN_UNUSABLE, zamok_register(bank, "an\0na", 5, TEXT(password)));
    IS(ZAMOK_E_NOT_UTF8, zamok_register(bank, "an\xff", 3, TEXT(password)));
    IS(ZAMOK_E_NOT_UTF8, zamok_register(bank, TEXT("anna"), "a garden behind\xff", 16));
    /* What a stranger types is no fault of the service, and a password without UTF-8 is charged like any other wrong one. */
    IS(ZAMOK_E_REJECTED, zamok_login(bank, "iv\xff", 3, TEXT(password), TEXT("123456"), &none));
    IS(ZAMOK_E_REJECTED, zamok_login(bank, TEXT("ivan"), "\xff", 1, TEXT("123456"), &none));
    IS(ZAMOK_E_ARGUMENT, zamok_history_of(bank, TEXT("ivan"), 0, NULL, &entries));
    IS(ZAMOK_E_ARGUMENT, zamok_history(bank, again, 0, NULL, &entries));
    IS(ZAMOK_OK, zamok_history_of(bank, TEXT("ivan"), 1, NULL, &entries));
    IS(ZAMOK_OK, zamok_entries_text(entries, 0, text, sizeof text, &length));
    HOLDS(strncmp(text, "login.password-rejected", 23) == 0);
    zamok_entries_free(entries);
    IS(ZAMOK_E_REJECTED, zamok_login_begin(bank, "\xff", 1, TEXT(password), NULL, 0, &challenge));
    IS(ZAMOK_E_REJECTED, zamok_recover(bank, TEXT("ivan"), "\xff", 1, TEXT("code"), &challenge));
    IS(ZAMOK_E_STORE_URL, zamok_cabinet_open("sqlite:a\0b", 10, TEXT("p"), NULL, &other));
    IS(ZAMOK_E_STORE_URL, zamok_cabinet_open(TEXT("bank.db"), TEXT("p"), NULL, &other));
    IS(ZAMOK_E_STORE_MISSING, zamok_cabinet_open(TEXT("sqlite:/nowhere/at/all.db"), TEXT("p"), NULL, &other));

    /* The vault beneath has the keys, and goes by the same lock. */
    zamok_vault *beneath;
    zamok_id key;
    zamok_key_info kept = { .size = sizeof kept };
    IS(ZAMOK_OK, zamok_cabinet_vault(bank, &beneath));
    IS(ZAMOK_OK, zamok_key_generate_totp(beneath, NULL, TEXT("beneath"), &key));
    IS(ZAMOK_OK, zamok_key_describe(beneath, &key, &kept));
    IS(ZAMOK_OK, zamok_cabinet_lock(bank));
    IS(ZAMOK_E_LOCKED, zamok_register(bank, TEXT("anna"), TEXT(password)));
    IS(ZAMOK_E_LOCKED, zamok_key_describe(beneath, &key, &kept));
    zamok_vault_free(beneath);
    zamok_totp_wipe(&phone);
    zamok_session_free(session);
    zamok_session_free(again);
    zamok_challenge_free(challenge);
    zamok_challenge_free(travelled);
    zamok_cabinet_free(bank);
    IS(ZAMOK_E_HANDLE, zamok_register(bank, TEXT("anna"), TEXT(password)));
    zamok_cabinet_free(bank);
}

/* What people do with their own account, and the way back when the phone is lost. */
static void passwords_sessions_and_recovery(void)
{
    static const char other[] = "a bridge over the river";
    zamok_options options = cheap();
    zamok_cabinet *bank;
    zamok_session *session, *second, *none;
    zamok_challenge *challenge;
    char code[ZAMOK_CODE_MAX + 1], codes[ZAMOK_RECOVERY_CODES_MAX + 1], again[ZAMOK_RECOVERY_CODES_MAX + 1];
    char uri[ZAMOK_URI_MAX + 1], texts[ZAMOK_URI_MAX];
    size_t length, line, lines = 0;
    zamok_challenge_info info = { .size = sizeof info };
    zamok_session_info one = { .size = sizeof one };
    zamok_uri read = { .size = sizeof read };
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT("memory:"), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    zamok_totp phone = enrol(bank, "ivan");
    later(30);
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_login(bank, TEXT("ivan"), TEXT(password), code, length, &session));
    later(30);
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_login(bank, TEXT("ivan"), TEXT(password), code, length, &second));
    IS(ZAMOK_OK, zamok_session_describe(session, &one));

    IS(ZAMOK_E_ARGUMENT, zamok_sessions_end(bank, second, 0));
    IS(ZAMOK_OK, zamok_sessions_end(bank, second, ZAMOK_OTHERS));
    IS(ZAMOK_E_SESSION_ENDED, zamok_session_by_id(bank, &one.id, &none));
    IS(ZAMOK_E_SESSION_ENDED, zamok_sessions_end(bank, session, ZAMOK_ALL));

    /* With too little room no codes are made: those of before would be void. */
    IS(ZAMOK_OK, zamok_recovery_codes(bank, second, codes, sizeof codes, &length));
    IS(strlen(codes), length);
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_recovery_codes(bank, second, again, ZAMOK_RECOVERY_CODES_MAX, &length));
    IS(ZAMOK_RECOVERY_CODES_MAX, length);
    for (const char *at = codes; *at; at = strchr(at, '\n') + 1)
        lines++;
    IS(10, lines);
    uint64_t due = 1;
    IS(ZAMOK_OK, zamok_password_due(bank, second, &due));
    IS(0, due);
    IS(ZAMOK_E_REJECTED, zamok_password_change(bank, second, TEXT("wrong"), TEXT(other)));
    IS(ZAMOK_E_PASSWORD_TOO_SHORT, zamok_password_change(bank, second, TEXT(password), TEXT("short")));
    IS(ZAMOK_OK, zamok_password_change(bank, second, TEXT(password), TEXT(other)));
    IS(ZAMOK_E_REJECTED, zamok_login_begin(bank, TEXT("ivan"), TEXT(password), NULL, 0, &challenge));
    IS(ZAMOK_E_SESSION_ENDED, zamok_password_change(bank, second, TEXT(other), TEXT(password)));
    IS(ZAMOK_E_SESSION_ENDED, zamok_password_due(bank, second, &due));
    line = strcspn(codes, "\n");
    IS(ZAMOK_E_REJECTED, zamok_recover(bank, TEXT("ivan"), TEXT(password), codes, line, &challenge));
    IS(ZAMOK_E_REJECTED, zamok_recover(bank, TEXT("ivan"), TEXT(other), codes, line - 1, &challenge));
    IS(ZAMOK_OK, zamok_recover(bank, TEXT("ivan"), TEXT(other), codes, line, &challenge));
    IS(ZAMOK_OK, zamok_challenge_describe(challenge, &info));
    IS(ZAMOK_WANTS_ENROLMENT, info.wants);
    /* It comes back by its id, here as in another process. */
    zamok_challenge_free(challenge);
    IS(ZAMOK_OK, zamok_enrolment_by_id(&info.id, &challenge));
    zamok_challenge_info back = { .size = sizeof back };
    IS(ZAMOK_OK, zamok_challenge_describe(challenge, &back));
    IS(ZAMOK_WANTS_ENROLMENT, back.wants);
    IS(0, back.expires);
    HOLDS(memcmp(&info.id, &back.id, sizeof back.id) == 0);
    zamok_id made_up = { { 9 } };
    zamok_challenge *nothing;
    IS(ZAMOK_OK, zamok_enrolment_by_id(&made_up, &nothing));
    IS(ZAMOK_E_REJECTED, zamok_enrolment_offer(bank, nothing, uri, sizeof uri, &length));
    zamok_challenge_free(nothing);
    IS(ZAMOK_OK, zamok_enrolment_offer(bank, challenge, uri, sizeof uri, &length));
    IS(ZAMOK_OK, zamok_uri_parse(uri, length, ZAMOK_STRICT, &read, texts, sizeof texts, &length));
    IS(ZAMOK_OK, zamok_totp_init(&phone, read.secret, read.secret_length, NULL));
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_enrolment_confirm(bank, challenge, code, length));
    zamok_challenge_free(challenge);
    IS(ZAMOK_E_REJECTED, zamok_recover(bank, TEXT("ivan"), TEXT(other), codes, line, &challenge));
    later(30);
    zamok_session_free(session);
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_login(bank, TEXT("ivan"), TEXT(other), code, length, &session));
    IS(ZAMOK_OK, zamok_sessions_end(bank, session, ZAMOK_ALL));
    IS(ZAMOK_E_SESSION_ENDED, zamok_sessions_end(bank, session, ZAMOK_ALL));
    zamok_totp_wipe(&phone);
    zamok_wipe((uint8_t *)codes, sizeof codes);
    zamok_session_free(session);
    zamok_session_free(second);
    zamok_cabinet_free(bank);
}

struct racer {
    pthread_t thread;
    zamok_cabinet *bank;
    char code[ZAMOK_CODE_MAX + 1];
    zamok_status status;
};

static void *race(void *given)
{
    struct racer *racer = given;
    zamok_session *session = NULL;
    racer->status = zamok_login(racer->bank, TEXT("ivan"), TEXT(password), TEXT(racer->code), &session);
    zamok_session_free(session);
    return NULL;
}

static void *keep_freeing(void *given)
{
    struct racer *racer = given;
    zamok_cabinet_free(racer->bank);
    return NULL;
}

/* How a child ended that did this with the store, which it opens anew. */
static int child_opens(const char *url, zamok_options options, zamok_cabinet *inherited, zamok_status expected)
{
    fflush(NULL);
    pid_t child = fork();
    HOLDS(child >= 0);
    if (child == 0) {
        zamok_cabinet *own = NULL;
        zamok_clock *clock = NULL;
        if (inherited != NULL && zamok_register(inherited, TEXT("anna"), TEXT(password)) != ZAMOK_E_LOCKED)
            _exit(1);
        zamok_cabinet_free(inherited);
        if (zamok_clock_new(now, &clock) != ZAMOK_OK)
            _exit(2);
        options.clock = clock;
        if (zamok_cabinet_open(TEXT(url), TEXT("passphrase"), &options, &own) != expected)
            _exit(3);
        if (own != NULL && zamok_register(own, TEXT("anna"), TEXT(password)) != ZAMOK_OK)
            _exit(4);
        if (inherited != NULL && zamok_register(inherited, TEXT("petr"), TEXT(password)) == ZAMOK_OK)
            _exit(5);
        zamok_cabinet_free(own);
        /* Not _exit(0): valgrind would ask the child for what threads had that it did not inherit. */
        execlp("true", "true", (char *)NULL);
        _exit(6);
    }
    int status;
    HOLDS(waitpid(child, &status, 0) == child);
    HOLDS(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void of_many_threads_one_wins(const char *folder)
{
    enum { THREADS = 8 };
    char url[4096];
    zamok_options options = cheap();
    zamok_cabinet *bank;
    struct racer racers[THREADS];
    size_t length;
    int won = 0;
    snprintf(url, sizeof url, "sqlite:%s/race.db", folder);
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT(url), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    zamok_cabinet *exists;
    IS(ZAMOK_E_VAULT_EXISTS, zamok_cabinet_create(TEXT(url), TEXT("another one"), TEXT("Bank"), &options, &exists));
    zamok_totp phone = enrol(bank, "ivan");
    later(30);
    for (int i = 0; i < THREADS; i++) {
        racers[i].bank = bank;
        IS(ZAMOK_OK, zamok_totp_code(&phone, now, racers[i].code, sizeof racers[i].code, &length));
        IS(0, pthread_create(&racers[i].thread, NULL, race, &racers[i]));
    }
    for (int i = 0; i < THREADS; i++) {
        IS(0, pthread_join(racers[i].thread, NULL));
        won += racers[i].status == ZAMOK_OK;
        HOLDS(racers[i].status == ZAMOK_OK || racers[i].status == ZAMOK_E_REJECTED || racers[i].status == ZAMOK_E_BUSY);
    }
    IS(1, won);

    /* A forked child finds the handle locked, and the store closed: it has none of its locks. The parent goes on. */
    IS(0, child_opens(url, options, bank, ZAMOK_E_STORE_UNLOCKED));
    IS(ZAMOK_OK, zamok_register(bank, TEXT("petr"), TEXT(password)));

    /* Freed by several threads while others use it: those that began end well. */
    for (int i = 0; i < THREADS; i++)
        IS(0, pthread_create(&racers[i].thread, NULL, i % 2 ? keep_freeing : race, &racers[i]));
    for (int i = 0; i < THREADS; i++) {
        IS(0, pthread_join(racers[i].thread, NULL));
        HOLDS(i % 2 || racers[i].status == ZAMOK_E_REJECTED || racers[i].status == ZAMOK_E_HANDLE
              || racers[i].status == ZAMOK_E_BUSY);
    }
    IS(ZAMOK_E_HANDLE, zamok_cabinet_lock(bank));
    IS(ZAMOK_E_REJECTED, zamok_cabinet_open(TEXT(url), TEXT("wrong"), &options, &bank));
    IS(ZAMOK_OK, zamok_cabinet_open(TEXT(url), TEXT("passphrase"), &options, &bank));
    IS(ZAMOK_E_LOGIN_TAKEN, zamok_register(bank, TEXT("petr"), TEXT(password)));
    zamok_cabinet_free(bank);
    /* Closed before the fork, it opens in the child; what is opened after the fork, each has for itself. */
    IS(0, child_opens(url, options, NULL, ZAMOK_OK));
    IS(ZAMOK_OK, zamok_cabinet_open(TEXT(url), TEXT("passphrase"), &options, &bank));
    IS(ZAMOK_E_LOGIN_TAKEN, zamok_register(bank, TEXT("anna"), TEXT(password)));
    zamok_cabinet_free(bank);
    zamok_totp_wipe(&phone);
}

static void options_are_judged(const char *folder)
{
    char url[4096];
    zamok_options options = cheap();
    zamok_vault *vault = NULL;
    options.policy = "profile = \"lax\"";
    options.policy_length = strlen(options.policy);
    IS(ZAMOK_E_POLICY_UNSOUND, zamok_vault_create(TEXT("memory:"), TEXT("p"), &options, &vault));
    options = cheap();
    snprintf(url, sizeof url, "sqlite:%s/never.db", folder);
    /* The bounds of the core: 8 KiB to 4 GiB, 1 to 64 passes. Nothing is made beyond them. */
    static const uint32_t costs[][2] = { { 1, 1 }, { 7, 1 }, { 4194305, 1 }, { 64, 65 }, { 64, UINT32_MAX } };
    for (size_t i = 0; i < sizeof costs / sizeof costs[0]; i++) {
        options.argon2_memory_kib = costs[i][0];
        options.argon2_passes = costs[i][1];
        IS(ZAMOK_E_ARGUMENT, zamok_vault_create(TEXT(url), TEXT("p"), &options, &vault));
        IS(-1, access(url + strlen("sqlite:"), F_OK));
    }
    options = cheap();
    options.clock = (zamok_clock *)&options;
    IS(ZAMOK_E_HANDLE, zamok_vault_create(TEXT("memory:"), TEXT("p"), &options, &vault));
    HOLDS(vault == NULL);

    /* A vault without accounts goes by the policy that it was opened with: here no step but the present one counts. */
    static const char exact[] = "profile = \"strict\"\n[generator]\npast = 0\nfuture = 0\n";
    static const uint8_t seed[] = "12345678901234567890";
    char code[ZAMOK_CODE_MAX + 1];
    size_t length;
    zamok_totp phone;
    zamok_id id;
    options = cheap();
    options.policy = exact;
    options.policy_length = sizeof exact - 1;
    options.idle_seconds = ZAMOK_NEVER;
    IS(ZAMOK_OK, zamok_vault_create(TEXT("memory:"), TEXT("p"), &options, &vault));
    IS(ZAMOK_OK, zamok_key_import_totp(vault, seed, 20, NULL, 0, TEXT("app"), &id));
    IS(ZAMOK_OK, zamok_totp_init(&phone, seed, 20, NULL));
    IS(ZAMOK_OK, zamok_totp_code(&phone, now - 30, code, sizeof code, &length));
    IS(ZAMOK_E_REJECTED, zamok_key_verify(vault, &id, code, length, NULL));
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_key_verify(vault, &id, code, length, NULL));
    zamok_totp_wipe(&phone);
    zamok_vault_free(vault);

    /* Unused for a second, it locks itself: by real time, whatever the clock says. */
    options = cheap();
    options.idle_seconds = 1;
    IS(ZAMOK_OK, zamok_vault_create(TEXT("memory:"), TEXT("p"), &options, &vault));
    zamok_status status = ZAMOK_OK;
    for (int i = 0; i < 5 && status == ZAMOK_OK; i++) {
        sleep(4);
        status = zamok_key_generate_totp(vault, NULL, TEXT("late"), &id);
    }
    IS(ZAMOK_E_LOCKED, status);
    zamok_vault_free(vault);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    IS(ZAMOK_OK, zamok_clock_new(now, &standing));
    a_life_of_an_account();
    passwords_sessions_and_recovery();
    of_many_threads_one_wins(argv[1]);
    options_are_judged(argv[1]);
    zamok_clock_free(standing);
    printf("vault: %lu claims\n", claims);
    return 0;
}
