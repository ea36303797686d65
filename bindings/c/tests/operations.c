/* The second layer: operations that are confirmed as they were shown, slots of a vault, backups and what comes of them. */
#define _POSIX_C_SOURCE 200809L

#include "house.h"

#include <sys/stat.h>

static zamok_content *payment(int64_t minor)
{
    zamok_content *content;
    IS(ZAMOK_OK, zamok_content_new(TEXT("payment"), 7, TEXT("en"), TEXT("Pay {amount} to {payee}."), &content));
    IS(ZAMOK_OK, zamok_content_set_amount(content, TEXT("amount"), minor, 2, TEXT("RUB")));
    IS(ZAMOK_OK, zamok_content_set_text(content, TEXT("payee"), TEXT("Vodokanal")));
    return content;
}

static void what_can_be_shown(void)
{
    char text[ZAMOK_CONTENT_MAX + 1];
    size_t length;
    zamok_content *content;
    IS(ZAMOK_E_ARGUMENT, zamok_content_new(TEXT("n"), 65536, TEXT("en"), TEXT("Read."), &content));
    IS(ZAMOK_OK, zamok_content_new(TEXT("reading"), 65535, TEXT("en"), TEXT("{meter}: {value} on {time}, {debt}."), &content));
    IS(ZAMOK_OK, zamok_content_set_text(content, TEXT("meter"), TEXT("K-1")));
    IS(ZAMOK_OK, zamok_content_set_number(content, TEXT("value"), -42));
    IS(ZAMOK_OK, zamok_content_set_time(content, TEXT("time"), 1800000000));
    /* A gap that is not filled. */
    IS(ZAMOK_E_OPERATION_UNUSABLE, zamok_content_text(content, text, sizeof text, &length));
    IS(ZAMOK_OK, zamok_error_text(text, sizeof text, &length));
    HOLDS(strstr(text, "do not name the same gaps") != NULL);
    IS(ZAMOK_E_ARGUMENT, zamok_content_set_amount(content, TEXT("debt"), 1, 2, TEXT("RU")));
    IS(ZAMOK_E_ARGUMENT, zamok_content_set_amount(content, TEXT("debt"), 1, 256 + 2, TEXT("RUB")));
    IS(ZAMOK_E_ARGUMENT, zamok_content_set_amount(content, TEXT("debt"), 1, 10, TEXT("RUB")));
    IS(ZAMOK_E_ARGUMENT, zamok_content_set_amount(content, TEXT("debt"), 1, 2, TEXT("rub")));
    IS(ZAMOK_OK, zamok_content_set_amount(content, TEXT("debt"), 1, 9, TEXT("RUB")));
    IS(ZAMOK_OK, zamok_content_text(content, text, sizeof text, &length));
    /* What filled a gap before gives way. */
    IS(ZAMOK_OK, zamok_content_set_amount(content, TEXT("debt"), INT64_MIN, 2, TEXT("RUB")));
    IS(ZAMOK_OK, zamok_content_text(content, text, sizeof text, &length));
    SAME("K-1: -42 on 2027-01-15 08:00:00 UTC, -92233720368547758.08 RUB.", text);
    IS(strlen(text), length);
    IS(ZAMOK_OK, zamok_content_set_text(content, TEXT("meter"), TEXT("turned \xe2\x80\xae around")));
    IS(ZAMOK_E_OPERATION_UNUSABLE, zamok_content_text(content, text, sizeof text, &length));
    IS(ZAMOK_OK, zamok_content_set_text(content, TEXT("meter"), TEXT("K-1")));
    /* Nothing is confirmed unseen, and there are no more than 32 fields. */
    for (int i = 0; i < 28; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        IS(ZAMOK_OK, zamok_content_set_number(content, TEXT(name), i));
    }
    IS(ZAMOK_E_OPERATION_UNUSABLE, zamok_content_set_number(content, TEXT("one-more"), 1));
    IS(ZAMOK_OK, zamok_content_set_number(content, TEXT("f0"), 1));
    IS(ZAMOK_E_OPERATION_UNUSABLE, zamok_content_text(content, text, sizeof text, &length));
    zamok_content_free(content);
    zamok_content_free(content);
    IS(ZAMOK_E_HANDLE, zamok_content_text(content, text, sizeof text, &length));
    /* What is shown has room for ZAMOK_CONTENT_MAX, however often a gap stands in the text. */
    char often[3 * 17 + 1] = "", value[512 + 1] = "";
    for (int i = 0; i < 17; i++)
        strcat(often, "{a}");
    memset(value, 'x', sizeof value - 1);
    IS(ZAMOK_OK, zamok_content_new(TEXT("often"), 1, TEXT("en"), often, 3 * 16, &content));
    IS(ZAMOK_OK, zamok_content_set_text(content, TEXT("a"), TEXT(value)));
    IS(ZAMOK_OK, zamok_content_text(content, text, sizeof text, &length));
    IS(ZAMOK_CONTENT_MAX, length);
    zamok_content_free(content);
    IS(ZAMOK_OK, zamok_content_new(TEXT("often"), 1, TEXT("en"), TEXT(often), &content));
    IS(ZAMOK_OK, zamok_content_set_text(content, TEXT("a"), TEXT(value)));
    IS(ZAMOK_E_OPERATION_UNUSABLE, zamok_content_text(content, text, sizeof text, &length));
    zamok_content_free(content);
}

/* Has an operation confirmed with the code of the phone. */
static void confirm(zamok_cabinet *bank, zamok_session *session, const zamok_totp *phone, const zamok_id *id)
{
    char code[ZAMOK_CODE_MAX + 1];
    size_t length;
    zamok_challenge *challenge;
    zamok_operation *operation, *again;
    zamok_id request;
    zamok_challenge_info asked = { .size = sizeof asked };
    zamok_operation_info info = { .size = sizeof info };
    later(30);
    IS(ZAMOK_OK, zamok_operation_challenge(bank, session, id, NULL, 0, &challenge));
    IS(ZAMOK_OK, zamok_challenge_describe(challenge, &asked));
    IS(ZAMOK_WANTS_CODE, asked.wants);
    SAME("generator", asked.method);
    IS(ZAMOK_OK, zamok_request_id(bank, &request));
    IS(ZAMOK_E_REJECTED, zamok_operation_confirm(bank, session, challenge, TEXT("none"), &request, &operation));
    IS(ZAMOK_OK, zamok_request_id(bank, &request));
    IS(ZAMOK_OK, zamok_totp_code(phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_operation_confirm(bank, session, challenge, code, length, &request, &operation));
    /* Asked again under the same name, it is the same answer. */
    IS(ZAMOK_OK, zamok_operation_confirm(bank, session, challenge, NULL, 0, &request, &again));
    IS(ZAMOK_OK, zamok_operation_describe(again, &info));
    IS(ZAMOK_OPERATION_CONFIRMED, info.state);
    IS(now, info.confirmed);
    SAME("generator", info.method);
    zamok_operation_free(again);
    zamok_operation_free(operation);
    zamok_challenge_free(challenge);
}

static void what_was_shown_is_confirmed_and_done_once(void)
{
    zamok_options options = cheap();
    zamok_cabinet *bank;
    zamok_operation *operation, *same;
    zamok_challenge *challenge;
    zamok_id id, request;
    zamok_operation_info info = { .size = sizeof info }, second = { .size = sizeof second };
    zamok_session_info whose = { .size = sizeof whose };
    zamok_value value = { .size = sizeof value };
    char text[ZAMOK_CONTENT_MAX + 1], code[ZAMOK_CODE_MAX + 1];
    uint8_t kept[ZAMOK_RECEIPT_MAX], large[ZAMOK_RECEIPT_MAX + 1] = { 0 };
    size_t length;
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT("memory:"), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    zamok_totp phone = enrol(bank, "ivan"), other = enrol(bank, "anna");
    zamok_session *session = log_in(bank, &phone, "ivan"), *anna = log_in(bank, &other, "anna");
    IS(ZAMOK_OK, zamok_session_describe(session, &whose));
    zamok_content *small = payment(123456), *great = payment(99999900);

    IS(ZAMOK_OK, zamok_request_id(bank, &id));
    IS(ZAMOK_E_OPERATION_UNKNOWN, zamok_operation_by_id(bank, session, &id, &operation));
    IS(ZAMOK_OK, zamok_operation_propose(bank, session, &id, small, &operation));
    IS(ZAMOK_OK, zamok_operation_propose(bank, session, &id, small, &same));
    IS(ZAMOK_OK, zamok_operation_describe(operation, &info));
    IS(ZAMOK_OK, zamok_operation_describe(same, &second));
    HOLDS(memcmp(&info, &second, sizeof info) == 0);
    zamok_operation_free(same);
    IS(ZAMOK_E_OPERATION_TAKEN, zamok_operation_propose(bank, session, &id, great, &same));
    IS(ZAMOK_OPERATION_PROPOSED, info.state);
    IS(now + 300, info.expires);
    IS(0, info.confirmed);
    SAME("", info.method);
    SAME("payment", info.template_name);
    SAME("en", info.template_language);
    IS(7, info.template_version);
    HOLDS(memcmp(&info.id, &id, sizeof id) == 0);
    HOLDS(memcmp(&info.account, &whose.account, sizeof id) == 0);
    IS(ZAMOK_OK, zamok_operation_text(operation, text, sizeof text, &length));
    SAME("Pay 1234.56 RUB to Vodokanal.", text);
    IS(ZAMOK_OK, zamok_operation_receipt(operation, kept, sizeof kept, &length));
    IS(0, length);
    zamok_operation_free(operation);

    /* Somebody else's is unknown, and so is a factor that the account has not. */
    IS(ZAMOK_E_OPERATION_UNKNOWN, zamok_operation_by_id(bank, anna, &id, &operation));
    IS(ZAMOK_E_OPERATION_UNKNOWN, zamok_operation_cancel(bank, anna, &id));
    IS(ZAMOK_E_OPERATION_UNKNOWN, zamok_operation_challenge(bank, anna, &id, NULL, 0, &challenge));
    IS(ZAMOK_E_METHOD_UNAVAILABLE, zamok_operation_challenge(bank, session, &id, TEXT("telepathy"), &challenge));
    IS(ZAMOK_E_METHOD_UNAVAILABLE, zamok_operation_challenge(bank, session, &id, TEXT("token"), &challenge));

    /* A change voids what was confirmed, and kills the challenge that is open. */
    IS(ZAMOK_E_OPERATION_NOT_CONFIRMED,
       zamok_operation_execute(bank, &id, (const uint8_t *)TEXT("too early"), kept, sizeof kept, &length));
    confirm(bank, session, &phone, &id);
    IS(ZAMOK_OK, zamok_operation_change(bank, session, &id, great, &operation));
    IS(ZAMOK_OK, zamok_operation_describe(operation, &second));
    IS(ZAMOK_OPERATION_PROPOSED, second.state);
    HOLDS(memcmp(info.digest, second.digest, sizeof info.digest) != 0);
    zamok_operation_free(operation);
    IS(ZAMOK_E_OPERATION_NOT_CONFIRMED,
       zamok_operation_execute(bank, &id, (const uint8_t *)TEXT("void"), kept, sizeof kept, &length));
    IS(ZAMOK_OK, zamok_operation_challenge(bank, session, &id, TEXT("generator"), &challenge));
    IS(ZAMOK_OK, zamok_operation_change(bank, session, &id, small, &operation));
    zamok_operation_free(operation);
    later(30);
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_request_id(bank, &request));
    IS(ZAMOK_E_REJECTED, zamok_operation_confirm(bank, session, challenge, code, length, &request, &operation));
    zamok_challenge_free(challenge);
    confirm(bank, session, &phone, &id);

    /* The service executes what stands in the operation, although its owner has logged out; once. */
    IS(ZAMOK_OK, zamok_session_end(bank, session, TEXT("logged out")));
    IS(ZAMOK_E_SESSION_ENDED, zamok_operation_by_id(bank, session, &id, &operation));
    IS(ZAMOK_OK, zamok_operation_to_execute(bank, &id, &operation));
    IS(ZAMOK_OK, zamok_operation_field(operation, TEXT("amount"), &value, text, sizeof text, &length));
    IS(ZAMOK_VALUE_AMOUNT, value.kind);
    IS(123456, value.number);
    IS(2, value.places);
    SAME("RUB", value.currency);
    IS(0, length);
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_operation_field(operation, TEXT("payee"), &value, text, 9, &length));
    IS(9, length);
    IS(ZAMOK_VALUE_AMOUNT, value.kind);
    IS(ZAMOK_OK, zamok_operation_field(operation, TEXT("payee"), &value, text, 10, &length));
    IS(ZAMOK_VALUE_TEXT, value.kind);
    SAME("Vodokanal", text);
    IS(ZAMOK_E_ARGUMENT, zamok_operation_field(operation, TEXT("payer"), &value, text, sizeof text, &length));
    zamok_operation_free(operation);
    IS(ZAMOK_E_BUFFER_TOO_SMALL,
       zamok_operation_execute(bank, &id, (const uint8_t *)TEXT("no room"), kept, sizeof kept - 1, &length));
    IS(ZAMOK_RECEIPT_MAX, length);
    IS(ZAMOK_E_TOO_LONG, zamok_operation_execute(bank, &id, large, sizeof large, kept, sizeof kept, &length));
    IS(ZAMOK_OK, zamok_operation_execute(bank, &id, (const uint8_t *)TEXT("paid: 1"), kept, sizeof kept, &length));
    IS(7, length);
    IS(ZAMOK_OK, zamok_operation_execute(bank, &id, (const uint8_t *)TEXT("paid twice"), kept, sizeof kept, &length));
    IS(7, length);
    HOLDS(memcmp(kept, "paid: 1", 7) == 0);
    IS(ZAMOK_OK, zamok_operation_to_execute(bank, &id, &operation));
    IS(ZAMOK_OK, zamok_operation_describe(operation, &info));
    IS(ZAMOK_OPERATION_EXECUTED, info.state);
    HOLDS(memcmp(&info.session, &whose.id, sizeof whose.id) == 0);
    IS(ZAMOK_OK, zamok_operation_receipt(operation, kept, sizeof kept, &length));
    HOLDS(length == 7 && memcmp(kept, "paid: 1", 7) == 0);
    zamok_operation_free(operation);

    /* Cancelled, and expired. */
    IS(ZAMOK_OK, zamok_request_id(bank, &id));
    IS(ZAMOK_OK, zamok_operation_propose(bank, anna, &id, small, &operation));
    zamok_operation_free(operation);
    IS(ZAMOK_OK, zamok_operation_cancel(bank, anna, &id));
    IS(ZAMOK_OK, zamok_operation_by_id(bank, anna, &id, &operation));
    IS(ZAMOK_OK, zamok_operation_describe(operation, &info));
    IS(ZAMOK_OPERATION_CANCELLED, info.state);
    zamok_operation_free(operation);
    IS(ZAMOK_E_OPERATION_OVER, zamok_operation_change(bank, anna, &id, great, &operation));
    IS(ZAMOK_OK, zamok_request_id(bank, &id));
    IS(ZAMOK_OK, zamok_operation_propose(bank, anna, &id, small, &operation));
    zamok_operation_free(operation);
    later(300);
    IS(ZAMOK_E_OPERATION_OVER, zamok_operation_challenge(bank, anna, &id, NULL, 0, &challenge));
    IS(ZAMOK_E_OPERATION_OVER, zamok_operation_execute(bank, &id, NULL, 0, kept, sizeof kept, &length));

    zamok_content_free(small);
    zamok_content_free(great);
    zamok_session_free(session);
    zamok_session_free(anna);
    zamok_totp_wipe(&phone);
    zamok_totp_wipe(&other);
    zamok_cabinet_free(bank);
}

static void slots_let_in_whom_they_say(const char *folder)
{
    char url[4096];
    zamok_options options = cheap();
    zamok_vault *user, *officer, *auditor, *none;
    zamok_slot_info info = { .size = sizeof info };
    uint8_t numbers[256];
    size_t length;
    uint32_t number = 77;
    zamok_id key;
    snprintf(url, sizeof url, "sqlite:%s/slots.db", folder);
    IS(ZAMOK_OK, zamok_vault_create(TEXT(url), TEXT("passphrase"), &options, &user));
    IS(ZAMOK_E_ROLE, zamok_slot_add(user, ZAMOK_ROLE_AUDITOR, TEXT("audit"), TEXT("auditor's"), &options, &number));
    IS(ZAMOK_E_ROLE, zamok_slot_remove(user, 0));
    IS(ZAMOK_E_ROLE, zamok_slot_change(user, 0, NULL, 0, TEXT("mine now"), &options));
    IS(77, number);
    IS(ZAMOK_E_ARGUMENT, zamok_vault_open_as(TEXT(url), TEXT("passphrase"), 4, &options, &none));
    IS(ZAMOK_E_SLOT_METHOD, zamok_vault_open_as(TEXT(url), TEXT("passphrase"), ZAMOK_ROLE_AUDITOR, &options, &none));
    IS(ZAMOK_OK, zamok_vault_open_as(TEXT(url), TEXT("passphrase"), ZAMOK_ROLE_OFFICER, &options, &officer));
    IS(ZAMOK_E_ROLE, zamok_key_generate_pair(officer, ZAMOK_KEY_P256, ZAMOK_PURPOSE_REQUEST, TEXT("k"), &key));

    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_slots(officer, NULL, 0, &length));
    IS(2, length);
    IS(ZAMOK_OK, zamok_slots(officer, numbers, sizeof numbers, &length));
    HOLDS(length == 2 && numbers[0] == 0 && numbers[1] == 1);
    IS(ZAMOK_E_ARGUMENT, zamok_slot_add(officer, 0, TEXT(""), TEXT("p"), &options, &number));
    IS(ZAMOK_OK, zamok_slot_add(officer, ZAMOK_ROLE_AUDITOR, TEXT("audit"), TEXT("auditor's"), &options, &number));
    IS(2, number);
    IS(ZAMOK_OK, zamok_slot_describe(officer, number, &info));
    IS(ZAMOK_ROLE_AUDITOR, info.role);
    IS(0, info.failures);
    IS(0, info.disabled);
    SAME("passphrase", info.method);
    SAME("audit", info.label);
    IS(ZAMOK_E_NO_SLOT, zamok_slot_describe(officer, 3, &info));
    IS(ZAMOK_E_NO_SLOT, zamok_slot_describe(officer, 256 + 2, &info));

    /* Each passphrase opens its own slot. */
    IS(ZAMOK_OK, zamok_vault_open_as(TEXT(url), TEXT("auditor's"), ZAMOK_ROLE_AUDITOR, &options, &auditor));
    IS(ZAMOK_E_ROLE, zamok_key_generate_pair(auditor, ZAMOK_KEY_P256, ZAMOK_PURPOSE_REQUEST, TEXT("k"), &key));
    IS(ZAMOK_E_ROLE, zamok_slot_reset(auditor, number));
    IS(ZAMOK_E_REJECTED, zamok_vault_open(TEXT(url), TEXT("auditor's"), &options, &none));
    IS(ZAMOK_OK, zamok_slot_describe(officer, 1, &info));
    IS(1, info.failures);
    IS(ZAMOK_OK, zamok_slot_reset(officer, 1));
    IS(ZAMOK_OK, zamok_slot_describe(officer, 1, &info));
    IS(0, info.failures);

    /* A slot is changed by an officer, and by the user who came in through it; an empty label leaves the one that it has. */
    IS(ZAMOK_E_ROLE, zamok_slot_change(auditor, number, NULL, 0, TEXT("another one"), &options));
    IS(ZAMOK_OK, zamok_slot_change(officer, number, NULL, 0, TEXT("another one"), &options));
    IS(ZAMOK_OK, zamok_slot_describe(officer, number, &info));
    SAME("audit", info.label);
    zamok_vault_free(auditor);
    IS(ZAMOK_E_REJECTED, zamok_vault_open_as(TEXT(url), TEXT("auditor's"), ZAMOK_ROLE_AUDITOR, &options, &none));
    IS(ZAMOK_OK, zamok_slot_change(user, 1, TEXT("the service"), TEXT("the service's"), &options));
    IS(ZAMOK_OK, zamok_slot_describe(officer, 1, &info));
    SAME("the service", info.label);
    IS(ZAMOK_E_REJECTED, zamok_vault_open(TEXT(url), TEXT("passphrase"), &options, &none));
    zamok_vault_free(user);
    IS(ZAMOK_OK, zamok_vault_open(TEXT(url), TEXT("the service's"), &options, &user));

    IS(ZAMOK_OK, zamok_slot_remove(officer, number));
    IS(ZAMOK_E_NO_SLOT, zamok_slot_remove(officer, number));
    IS(ZAMOK_E_LAST_SLOT, zamok_slot_remove(officer, 0));
    IS(ZAMOK_OK, zamok_vault_lock(officer));
    IS(ZAMOK_E_LOCKED, zamok_slots(officer, numbers, sizeof numbers, &length));
    IS(ZAMOK_E_LOCKED, zamok_slot_describe(officer, 0, &info));
    zamok_vault_free(user);
    zamok_vault_free(officer);
}

static void flip(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    HOLDS(file != NULL);
    IS(0, fseek(file, at, at < 0 ? SEEK_END : SEEK_SET));
    int byte = fgetc(file);
    IS(0, fseek(file, at, at < 0 ? SEEK_END : SEEK_SET));
    HOLDS(fputc(byte ^ 1, file) != EOF);
    IS(0, fclose(file));
}

static void a_backup_brings_back_what_was_there(const char *folder)
{
    char url[4096], to[4096], file[4096], code[ZAMOK_CODE_MAX + 1], spent[ZAMOK_CODE_MAX + 1];
    static const uint8_t seed[] = "12345678901234567890";
    zamok_options options = cheap();
    zamok_cabinet *bank;
    zamok_vault *vault, *restored;
    zamok_backup_info made = { .size = sizeof made }, seen = { .size = sizeof seen };
    zamok_restored came = { .size = sizeof came };
    zamok_backup_source source = { .size = sizeof source };
    zamok_id token;
    zamok_key_info key = { .size = sizeof key };
    struct stat status;
    size_t length;
    snprintf(url, sizeof url, "sqlite:%s/lost.db", folder);
    snprintf(file, sizeof file, "%s/bank.backup", folder);
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT(url), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    zamok_totp phone = enrol(bank, "ivan");
    zamok_session *session = log_in(bank, &phone, "ivan");
    IS(ZAMOK_OK, zamok_cabinet_vault(bank, &vault));
    IS(ZAMOK_OK, zamok_key_import_hotp(vault, seed, 20, NULL, 0, TEXT("token"), &token));

    IS(ZAMOK_OK, zamok_backup(vault, TEXT(file), TEXT("away from here"), &options, &made));
    IS(now, made.made);
    IS(0, made.shares);
    HOLDS(made.rows > 20 && made.log_size > 5);
    IS(0, stat(file, &status));
    IS(0600, status.st_mode & 0777);
    /* No file is written over. */
    IS(ZAMOK_E_BACKUP_FILE, zamok_backup(vault, TEXT(file), TEXT("away from here"), &options, NULL));
    IS(ZAMOK_E_BACKUP_FILE, zamok_backup(vault, TEXT("/nowhere/at/all"), TEXT("p"), &options, NULL));
    IS(ZAMOK_E_REJECTED, zamok_backup_check(TEXT(file), TEXT("passphrase"), &seen));
    IS(ZAMOK_OK, zamok_backup_check(TEXT(file), TEXT("away from here"), NULL));
    IS(ZAMOK_OK, zamok_backup_check(TEXT(file), TEXT("away from here"), &seen));
    HOLDS(memcmp(&made, &seen, sizeof made) == 0);
    flip(file, -1);
    HOLDS(zamok_backup_check(TEXT(file), TEXT("away from here"), &seen) != ZAMOK_OK);
    flip(file, -1);
    flip(file, 0);
    IS(ZAMOK_E_BACKUP_FOREIGN, zamok_backup_check(TEXT(file), TEXT("away from here"), &seen));
    flip(file, 0);

    /* A code is spent that the backup does not know of. */
    zamok_session_free(session);
    session = log_in(bank, &phone, "ivan");
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, spent, sizeof spent, &length));

    /* Without a journal: counters are suspended, sessions end, the codes of the time are spent. */
    snprintf(to, sizeof to, "sqlite:%s/new.db", folder);
    source.file = file;
    source.file_length = strlen(file);
    source.secret = "away from there";
    source.secret_length = strlen(source.secret);
    restored = NULL;
    IS(ZAMOK_E_REJECTED, zamok_restore(&source, TEXT(to), TEXT("new"), &options, &came, &restored));
    HOLDS(restored == NULL);
    IS(ZAMOK_E_STORE_MISSING, zamok_vault_open(TEXT(to), TEXT("new"), &options, &restored));
    source.secret = "away from here";
    source.secret_length = strlen(source.secret);
    IS(ZAMOK_E_BACKUP_NOT_EMPTY, zamok_restore(&source, TEXT(url), TEXT("passphrase"), &options, &came, &restored));
    /* What belongs to a surviving journal, and no journal. */
    source.journal_is_whole = 1;
    IS(ZAMOK_E_ARGUMENT, zamok_restore(&source, TEXT(to), TEXT("new"), &options, &came, &restored));
    source.journal_is_whole = 0;
    source.journal_secret = "passphrase";
    source.journal_secret_length = 10;
    IS(ZAMOK_E_ARGUMENT, zamok_restore(&source, TEXT(to), TEXT("new"), &options, &came, &restored));
    source.journal_secret = NULL;
    source.journal_secret_length = 0;
    IS(ZAMOK_E_STORE_MISSING, zamok_vault_open(TEXT(to), TEXT("new"), &options, &restored));
    IS(ZAMOK_OK, zamok_restore(&source, TEXT(to), TEXT("new"), &options, &came, &restored));
    IS(ZAMOK_REPLAYED_NOTHING, came.replayed);
    IS(1, came.fenced);
    IS(1, came.suspended);
    HOLDS(came.dropped >= 1);
    IS(made.made, came.unknown_since);
    IS(ZAMOK_OK, zamok_key_describe(restored, &token, &key));
    IS(ZAMOK_STATE_SUSPENDED, key.state);
    zamok_vault_free(restored);
    zamok_cabinet *back;
    IS(ZAMOK_E_REJECTED, zamok_cabinet_open(TEXT(to), TEXT("passphrase"), &options, &back));
    IS(ZAMOK_OK, zamok_cabinet_open(TEXT(to), TEXT("new"), &options, &back));
    zamok_session_info info = { .size = sizeof info };
    zamok_session *none;
    IS(ZAMOK_OK, zamok_session_describe(session, &info));
    IS(ZAMOK_E_SESSION_ENDED, zamok_session_by_id(back, &info.id, &none));
    IS(ZAMOK_E_REJECTED, zamok_login(back, TEXT("ivan"), TEXT(password), TEXT(spent), &none));
    later(150);
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_login(back, TEXT("ivan"), TEXT(password), code, length, &none));
    zamok_session_free(none);
    zamok_cabinet_free(back);

    /* With the journal that survived, what was done after the backup is done again. */
    snprintf(to, sizeof to, "sqlite:%s/newer.db", folder);
    source.journal = url;
    source.journal_length = strlen(url);
    source.journal_secret = "wrong";
    source.journal_secret_length = strlen(source.journal_secret);
    zamok_session_free(session);
    zamok_vault_free(vault);
    zamok_cabinet_free(bank);
    IS(ZAMOK_E_REJECTED, zamok_restore(&source, TEXT(to), TEXT("new"), &options, &came, &restored));
    source.journal_secret = "passphrase";
    source.journal_secret_length = strlen(source.journal_secret);
    source.journal_is_whole = 2;
    IS(ZAMOK_E_ARGUMENT, zamok_restore(&source, TEXT(to), TEXT("new"), &options, &came, &restored));
    source.journal_is_whole = 0;
    source.journal_anchor = "/nowhere/anchor";
    source.journal_anchor_length = strlen(source.journal_anchor);
    IS(ZAMOK_E_ANCHOR_MISSING, zamok_restore(&source, TEXT(to), TEXT("new"), &options, &came, &restored));
    source.journal_anchor = NULL;
    source.journal_anchor_length = 0;
    source.journal_is_whole = 1;
    IS(ZAMOK_OK, zamok_restore(&source, TEXT(to), TEXT("new"), &options, &came, &restored));
    IS(ZAMOK_REPLAYED_ALL, came.replayed);
    HOLDS(came.events >= 2 && came.unknown_since >= made.made);
    IS(0, came.suspended);
    IS(ZAMOK_OK, zamok_key_describe(restored, &token, &key));
    IS(ZAMOK_STATE_ACTIVE, key.state);
    zamok_vault_free(restored);
    zamok_totp_wipe(&phone);
}

static void shares_open_a_backup_together(const char *folder)
{
    char file[4096], shares[3 * ZAMOK_SHARE_MAX + 1], two[2 * sizeof shares];
    zamok_options options = cheap();
    zamok_vault *vault, *restored;
    zamok_backup_info made = { .size = sizeof made }, seen = { .size = sizeof seen };
    size_t length;
    snprintf(file, sizeof file, "%s/shared.backup", folder);
    IS(ZAMOK_OK, zamok_vault_create(TEXT("memory:"), TEXT("passphrase"), &options, &vault));
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_backup_split(vault, TEXT(file), 2, 3, shares, sizeof shares - 1, &length, NULL));
    IS(sizeof shares - 1, length);
    IS(ZAMOK_E_SHARE_SPLIT, zamok_backup_split(vault, TEXT(file), 3, 2, shares, sizeof shares, &length, NULL));
    IS(ZAMOK_E_ARGUMENT, zamok_backup_split(vault, TEXT(file), 2, 256 + 3, shares, sizeof shares, &length, NULL));
    IS(ZAMOK_OK, zamok_backup_split(vault, TEXT(file), 2, 3, shares, sizeof shares, &length, &made));
    IS(2, made.shares);
    /* The first of them fails alone, and opens with the third. */
    char *second = strstr(shares, "# Share 2"), *third = strstr(shares, "# Share 3");
    HOLDS(strncmp(shares, "# Share 1 of 3; any 2 open the backup.\n", 39) == 0 && second != NULL && third != NULL);
    IS(ZAMOK_E_SHARE_FEW, zamok_backup_check(TEXT(file), shares, (size_t)(second - shares), &seen));
    snprintf(two, sizeof two, "%.*s\n%s", (int)(second - shares), shares, third);
    IS(ZAMOK_OK, zamok_backup_check(TEXT(file), TEXT(two), &seen));
    HOLDS(memcmp(&made, &seen, sizeof made) == 0);
    HOLDS(zamok_backup_check(TEXT(file), TEXT("passphrase"), &seen) != ZAMOK_OK);
    zamok_backup_source source = { .size = sizeof source };
    source.file = file;
    source.file_length = strlen(file);
    source.secret = two;
    source.secret_length = strlen(two);
    IS(ZAMOK_OK, zamok_restore(&source, TEXT("memory:"), TEXT("new"), &options, NULL, &restored));
    zamok_wipe((uint8_t *)shares, sizeof shares);
    zamok_wipe((uint8_t *)two, sizeof two);
    zamok_vault_free(restored);
    zamok_vault_free(vault);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    IS(ZAMOK_OK, zamok_clock_new(now, &standing));
    what_can_be_shown();
    what_was_shown_is_confirmed_and_done_once();
    slots_let_in_whom_they_say(argv[1]);
    a_backup_brings_back_what_was_there(argv[1]);
    shares_open_a_backup_together(argv[1]);
    zamok_clock_free(standing);
    printf("operations: %lu claims\n", claims);
    return 0;
}
