/* A store that is not as it was left: put back, altered, or short of rows; and anchors that notice, or cannot be written. */
#define _POSIX_C_SOURCE 200809L

#include "house.h"

#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

static void copy_file(const char *from, const char *to)
{
    static uint8_t bytes[4 << 20];
    FILE *file = fopen(from, "rb");
    HOLDS(file != NULL);
    size_t length = fread(bytes, 1, sizeof bytes, file);
    HOLDS(length > 0 && length < sizeof bytes);
    IS(0, fclose(file));
    HOLDS((file = fopen(to, "wb")) != NULL);
    IS(length, fwrite(bytes, 1, length, file));
    IS(0, fclose(file));
}

static void an_anchor_notices_a_store_that_was_put_back(const char *folder)
{
    char url[4096], anchor[4096], copy[4096], backup[4096], note[8192];
    const char *path = url + strlen("sqlite:");
    zamok_options options = cheap(), without = cheap();
    zamok_cabinet *bank;
    zamok_vault *vault;
    size_t length;
    snprintf(url, sizeof url, "sqlite:%s/anchored.db", folder);
    snprintf(copy, sizeof copy, "%s/anchored.copy", folder);
    snprintf(backup, sizeof backup, "%s/anchored.backup", folder);
    snprintf(anchor, sizeof anchor, "%s/nowhere/anchor", folder);
    options.anchor = anchor;
    options.anchor_length = strlen(anchor);
    IS(ZAMOK_E_STORE_MISSING, zamok_cabinet_create(TEXT(url), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    snprintf(anchor, sizeof anchor, "%s/anchor", folder);
    options.anchor_length = strlen(anchor);
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT(url), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    IS(ZAMOK_OK, zamok_register(bank, TEXT("ivan"), TEXT(password)));
    zamok_cabinet_free(bank);
    copy_file(path, copy);
    IS(ZAMOK_OK, zamok_cabinet_open(TEXT(url), TEXT("passphrase"), &options, &bank));
    IS(ZAMOK_OK, zamok_register(bank, TEXT("anna"), TEXT(password)));
    IS(ZAMOK_OK, zamok_checkpoint(bank, note, sizeof note, &length));
    IS(ZAMOK_OK, zamok_cabinet_vault(bank, &vault));
    IS(ZAMOK_OK, zamok_backup(vault, TEXT(backup), TEXT("paper"), &options, NULL));
    zamok_vault_free(vault);
    zamok_cabinet_free(bank);
    IS(ZAMOK_OK, zamok_vault_open(TEXT(url), TEXT("passphrase"), &options, &vault));
    zamok_vault_free(vault);
    /* It opens with its anchor alone; a program that knows of none is told so, and is no error of its own. */
    IS(ZAMOK_E_ANCHOR_MISSING, zamok_cabinet_open(TEXT(url), TEXT("passphrase"), &without, &bank));
    without.size = offsetof(zamok_options, anchor);
    IS(ZAMOK_E_ANCHOR_MISSING, zamok_cabinet_open(TEXT(url), TEXT("passphrase"), &without, &bank));
    without.size -= 1;
    IS(ZAMOK_E_STRUCT_SIZE, zamok_cabinet_open(TEXT(url), TEXT("passphrase"), &without, &bank));
    copy_file(copy, path);
    IS(ZAMOK_E_LOG_BEHIND, zamok_cabinet_open(TEXT(url), TEXT("passphrase"), &options, &bank));

    /* One that remembers is nobody else's. What is restored begins another. */
    IS(ZAMOK_E_STORE_EXISTS, zamok_vault_create(TEXT("memory:"), TEXT("p"), &options, &vault));
    zamok_backup_source source = { .size = sizeof source };
    source.file = backup;
    source.file_length = strlen(backup);
    source.secret = "paper";
    source.secret_length = 5;
    snprintf(url, sizeof url, "sqlite:%s/restored.db", folder);
    IS(ZAMOK_E_STORE_EXISTS, zamok_restore(&source, TEXT(url), TEXT("new"), &options, NULL, &vault));
    snprintf(anchor, sizeof anchor, "%s/anchor.two", folder);
    options.anchor_length = strlen(anchor);
    IS(ZAMOK_OK, zamok_restore(&source, TEXT(url), TEXT("new"), &options, NULL, &vault));
    zamok_vault_free(vault);
    without = cheap();
    IS(ZAMOK_E_ANCHOR_MISSING, zamok_vault_open(TEXT(url), TEXT("new"), &without, &vault));
    IS(ZAMOK_OK, zamok_vault_open(TEXT(url), TEXT("new"), &options, &vault));
    zamok_vault_free(vault);
}

/* Where the anchor cannot be written, what was made and what was restored is there, told, and open. */
static void an_anchor_that_cannot_be_written_costs_no_handle(const char *folder)
{
    char url[4096], anchor[4096], beside[4200], backup[4096], note[8192], said[1024];
    zamok_options options = cheap(), without = cheap();
    zamok_restored came = { .size = sizeof came };
    zamok_cabinet *bank = NULL;
    zamok_vault *vault = NULL;
    size_t length;
    snprintf(url, sizeof url, "sqlite:%s/unanchored.db", folder);
    snprintf(backup, sizeof backup, "%s/unanchored.backup", folder);
    snprintf(anchor, sizeof anchor, "%s/unwritten", folder);
    /* Nobody takes a turn at it where a folder has the name of its lock. */
    snprintf(beside, sizeof beside, "%s.lock", anchor);
    IS(0, mkdir(beside, 0700));
    options.anchor = anchor;
    options.anchor_length = strlen(anchor);
    IS(ZAMOK_E_ANCHOR_UNWRITTEN, zamok_vault_create(TEXT("memory:"), TEXT("passphrase"), &options, &vault));
    HOLDS(vault != NULL);
    IS(ZAMOK_OK, zamok_vault_lock(vault));
    zamok_vault_free(vault);
    IS(ZAMOK_E_ANCHOR_UNWRITTEN, zamok_cabinet_create(TEXT(url), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    IS(ZAMOK_OK, zamok_error_text(said, sizeof said, &length));
    HOLDS(strstr(said, "not kept by its anchor yet: ") != NULL);
    HOLDS(bank != NULL);
    IS(ZAMOK_OK, zamok_register(bank, TEXT("ivan"), TEXT(password)));
    IS(ZAMOK_OK, zamok_cabinet_vault(bank, &vault));
    IS(ZAMOK_OK, zamok_backup(vault, TEXT(backup), TEXT("paper"), &without, NULL));
    zamok_vault_free(vault);
    zamok_cabinet_free(bank);

    zamok_backup_source source = { .size = sizeof source };
    source.file = backup;
    source.file_length = strlen(backup);
    source.secret = "paper";
    source.secret_length = 5;
    snprintf(url, sizeof url, "sqlite:%s/unanchored.two", folder);
    vault = NULL;
    IS(ZAMOK_E_ANCHOR_UNWRITTEN, zamok_restore(&source, TEXT(url), TEXT("new"), &options, &came, &vault));
    HOLDS(vault != NULL && came.unknown_since == now);
    zamok_vault_free(vault);
    /* It asks for no anchor that knows nothing of it; with one that can be written it is anchored. */
    IS(ZAMOK_OK, zamok_cabinet_open(TEXT(url), TEXT("new"), &without, &bank));
    zamok_cabinet_free(bank);
    IS(0, rmdir(beside));
    IS(ZAMOK_OK, zamok_cabinet_open(TEXT(url), TEXT("new"), &options, &bank));
    IS(ZAMOK_OK, zamok_checkpoint(bank, note, sizeof note, &length));
    zamok_cabinet_free(bank);
}

/* The leaf of the latest `signature.made` in the file, with one bit of its time changed, is named by the audit. */
static void an_altered_store_is_named(const char *folder)
{
    char url[4096], text[8192], code[ZAMOK_CODE_MAX + 1];
    const char *path = url + strlen("sqlite:");
    uint8_t signature[ZAMOK_DOCUMENT_SIGNATURE_MAX], *bytes, leaf[11] = { 1, 0, 48 };
    zamok_options options = cheap();
    zamok_cabinet *bank;
    zamok_session *session;
    uint64_t findings = 0;
    size_t length, changed = 0;
    snprintf(url, sizeof url, "sqlite:%s/altered.db", folder);
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT(url), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    zamok_totp phone = enrol(bank, "ivan");
    later(30);
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_login(bank, TEXT("ivan"), TEXT(password), code, length, &session));
    later(7);
    IS(ZAMOK_OK, zamok_sign(bank, session, NULL, 0, TEXT("note"), signature, sizeof signature, &length, NULL));
    IS(ZAMOK_OK, zamok_checkpoint(bank, text, sizeof text, &length));
    zamok_session_free(session);
    zamok_cabinet_free(bank);

    for (int i = 0; i < 8; i++)
        leaf[3 + i] = (uint8_t)(now >> (56 - 8 * i));
    FILE *file = fopen(path, "r+b");
    HOLDS(file != NULL);
    IS(0, fseek(file, 0, SEEK_END));
    long size = ftell(file);
    HOLDS(size > 0 && (bytes = malloc((size_t)size)) != NULL);
    rewind(file);
    HOLDS(fread(bytes, 1, (size_t)size, file) == (size_t)size);
    for (size_t at = 0; at + sizeof leaf <= (size_t)size; at++)
        if (memcmp(bytes + at, leaf, sizeof leaf) == 0) {
            bytes[at + 10] ^= 1;
            changed++;
        }
    HOLDS(changed > 0);
    rewind(file);
    HOLDS(fwrite(bytes, 1, (size_t)size, file) == (size_t)size);
    IS(0, fclose(file));
    free(bytes);

    IS(ZAMOK_OK, zamok_cabinet_open(TEXT(url), TEXT("passphrase"), &options, &bank));
    IS(ZAMOK_OK, zamok_audit(bank, &findings, text, sizeof text, &length));
    IS(1, findings);
    HOLDS(strncmp(text, "leaf ", 5) == 0 && strstr(text, " fails its authentication") != NULL);
    findings = 0;
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_audit(bank, &findings, text, 3, &length));
    IS(1, findings);
    zamok_cabinet_free(bank);
    zamok_totp_wipe(&phone);
}

/* An account whose login leads nowhere any more is found by the audit, as by the program's. */
static void an_audit_misses_what_accounts_are_found_by(const char *folder)
{
    char url[4096], text[8192], command[8192];
    zamok_options options = cheap();
    zamok_cabinet *bank;
    uint64_t findings = 7;
    size_t length;
    snprintf(url, sizeof url, "sqlite:%s/forgotten.db", folder);
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT(url), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    IS(ZAMOK_OK, zamok_register(bank, TEXT("ivan"), TEXT(password)));
    IS(ZAMOK_OK, zamok_checkpoint(bank, text, sizeof text, &length));
    IS(ZAMOK_OK, zamok_audit(bank, &findings, text, sizeof text, &length));
    IS(0, findings);
    zamok_cabinet_free(bank);
    snprintf(command, sizeof command,
             "python3 -c 'import sqlite3, sys; rows = sqlite3.connect(sys.argv[1]);"
             " rows.execute(\"DELETE FROM rows WHERE tbl = 33\"); rows.commit()' '%s'",
             url + strlen("sqlite:"));
    IS(0, system(command));
    IS(ZAMOK_OK, zamok_cabinet_open(TEXT(url), TEXT("passphrase"), &options, &bank));
    IS(ZAMOK_OK, zamok_audit(bank, &findings, text, sizeof text, &length));
    HOLDS(findings > 0 && strstr(text, "login") != NULL);
    zamok_cabinet_free(bank);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    IS(ZAMOK_OK, zamok_clock_new(now, &standing));
    an_anchor_notices_a_store_that_was_put_back(argv[1]);
    an_anchor_that_cannot_be_written_costs_no_handle(argv[1]);
    an_altered_store_is_named(argv[1]);
    an_audit_misses_what_accounts_are_found_by(argv[1]);
    zamok_clock_free(standing);
    printf("store: %lu claims\n", claims);
    return 0;
}
