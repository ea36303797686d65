/*
 * Every function with every pointer null, every handle wrong, every length and capacity 0, 1 and beyond all memory.
 *
 * The table says what each argument is. Arguments are passed as machine words, which is how the calling conventions of
 * x86-64 and AArch64 pass pointers and numbers alike.
 */
#include "check.h"

typedef uintptr_t word;
typedef void (*any_function)(void);

#define MOST 12

struct function {
    const char *name;
    any_function call;
    /* One letter for each argument: p pointer that must be there, z pointer that may be null, t text or bytes with l its
     * length, b buffer with c its capacity, k key in our memory, s struct that must be there, n struct that may be null,
     * v number, w number of nothing; handles: C cabinet, V vault, H challenge, S session, E entries, e entries or null,
     * D content, O operation, U outbox, M message, K clock. */
    const char *arguments;
};

#define F(name, arguments) { #name, (any_function)(name), arguments }

static const struct function functions[] = {
    F(zamok_totp_init, "ktln"), /* the key is written: not told apart by its tag */
    F(zamok_totp_code, "qvbcp"),
    F(zamok_totp_seconds_left, "qvp"),
    F(zamok_totp_verify, "qtlvvvp"),
    F(zamok_totp_check, "qtlvvvvsn"),
    F(zamok_hotp_init, "ktln"),
    F(zamok_hotp_code, "rvbcp"),
    F(zamok_hotp_verify, "rtlvvp"),
    F(zamok_hotp_check, "rtlvsn"),
    F(zamok_hotp_resynchronise, "rtltlvsn"),
    F(zamok_ocra_init, "ktltlv"),
    F(zamok_ocra_respond, "osbcp"),
    F(zamok_ocra_verify, "ostlvvvs"),
    F(zamok_base32_encode, "tlbcp"),
    F(zamok_base32_decode, "tlvbcp"),
    F(zamok_uri_parse, "tlvsbcp"),
    F(zamok_totp_uri, "tlntltlbcp"),
    F(zamok_hotp_uri, "tlnvtltlbcp"),
    F(zamok_error_text, "bcp"),
    F(zamok_clock_new, "vp"),
    F(zamok_clock_set, "Kv"),
    F(zamok_vault_create, "tltlnp"),
    F(zamok_vault_open, "tltlnp"),
    F(zamok_vault_open_as, "tltlwnp"),
    F(zamok_vault_create_with, "tlsnp"),
    F(zamok_vault_open_with, "tlswnp"),
    F(zamok_vault_lock, "V"),
    F(zamok_cabinet_create, "tltltlnp"),
    F(zamok_cabinet_open, "tltlnp"),
    F(zamok_cabinet_create_with, "tlstlnp"),
    F(zamok_cabinet_open_with, "tlsnp"),
    F(zamok_cabinet_lock, "C"),
    F(zamok_cabinet_vault, "Cp"),
    F(zamok_register, "Ctltl"),
    F(zamok_login, "Ctltltlp"),
    F(zamok_login_from, "Ctltltlnp"),
    F(zamok_login_begin, "Ctltltlp"),
    F(zamok_login_begin_from, "Ctltlnp"),
    F(zamok_login_begin_by_device, "Cnp"),
    F(zamok_login_begin_by_phone, "Ctlnp"),
    F(zamok_challenge_describe, "Hs"),
    F(zamok_challenge_by_id, "pp"),
    F(zamok_enrolment_by_id, "pp"),
    F(zamok_request_id, "Cp"),
    F(zamok_login_answer, "CHtlpp"),
    F(zamok_enrolment_begin, "CSp"),
    F(zamok_enrolment_offer, "CHbcp"),
    F(zamok_enrolment_offer_channel, "CHtl"),
    F(zamok_enrolment_offer_contact, "CHtl"),
    F(zamok_enrolment_offer_certificate, "CHtltl"),
    F(zamok_enrolment_offer_push, "CHptltl"),
    F(zamok_enrolment_offer_pin, "CSHtl"),
    F(zamok_enrolment_confirm, "CHtl"),
    F(zamok_challenge_send_again, "CH"),
    F(zamok_challenge_method, "CHvs"),
    F(zamok_challenge_switch, "CHpp"),
    F(zamok_challenge_question, "CHbcp"),
    F(zamok_challenge_number, "CHbcp"),
    F(zamok_device_trust, "CStlbcp"),
    F(zamok_device_get, "CSvs"),
    F(zamok_device_block, "CSp"),
    F(zamok_device_remove, "CSp"),
    F(zamok_device_subscribe, "CStltltl"),
    F(zamok_device_unsubscribe, "CS"),
    F(zamok_device_message, "vtltlbcp"),
    F(zamok_device_approve, "Ctltltl"),
    F(zamok_device_decline, "Ctltl"),
    F(zamok_again_begin, "CStlp"),
    F(zamok_again_answer, "CSHtlpp"),
    F(zamok_factor_get, "CSvs"),
    F(zamok_factor_prefer, "CSp"),
    F(zamok_factor_rename, "CSptl"),
    F(zamok_factor_drop, "CSp"),
    F(zamok_change_begin, "CSppp"),
    F(zamok_change_agree, "CSHtlp"),
    F(zamok_undo_begin, "Ctltlnp"),
    F(zamok_undo_answer, "CHtlpp"),
    F(zamok_outbox_open, "Cnp"),
    F(zamok_outbox_take, "Up"),
    F(zamok_message_describe, "Ms"),
    F(zamok_message_part, "Mvbcp"),
    F(zamok_message_sent, "Mtltlv"),
    F(zamok_message_put_off, "Mtltl"),
    F(zamok_message_refuse, "Mtltl"),
    F(zamok_message_receipt, "Ctltlvtltlp"),
    F(zamok_notify, "Ctlsp"),
    F(zamok_preferences_get, "CSs"),
    F(zamok_preferences_set, "CSs"),
    F(zamok_preferences_channel, "CStlvp"),
    F(zamok_preferences_set_channel, "CStlvv"),
    F(zamok_session_describe, "Ss"),
    F(zamok_session_by_id, "Cpp"),
    F(zamok_session_by_id_from, "Cptlp"),
    F(zamok_session_end, "CStl"),
    F(zamok_password_change, "CStltl"),
    F(zamok_password_due, "CSp"),
    F(zamok_sessions_end, "CSv"),
    F(zamok_recovery_codes, "CSbcp"),
    F(zamok_recover, "Ctltltlp"),
    F(zamok_recover_from, "Ctltltlnp"),
    F(zamok_token_issue, "CStlbcp"),
    F(zamok_token_verify, "Ctltlp"),
    F(zamok_token_verify_from, "Ctltltlp"),
    F(zamok_sign, "CStltlbcpn"),
    F(zamok_document_key, "Ctlbcp"),
    F(zamok_signature_verify, "tltltl"),
    F(zamok_history, "CSvep"),
    F(zamok_history_of, "Ctlvep"),
    F(zamok_entries_count, "Epp"),
    F(zamok_entries_get, "Evs"),
    F(zamok_entries_text, "Evbcp"),
    F(zamok_checkpoint, "Cbcp"),
    F(zamok_prove, "CSpvbcp"),
    F(zamok_audit, "Cpbcp"),
    F(zamok_key_import_totp, "Vtlnvtlp"),
    F(zamok_key_import_hotp, "Vtlnvtlp"),
    F(zamok_key_generate_totp, "Vntlp"),
    F(zamok_key_generate_hotp, "Vnvtlp"),
    F(zamok_key_provision, "Vptltlbcp"),
    F(zamok_key_activate, "Vptl"),
    F(zamok_key_verify, "Vptlz"),
    F(zamok_key_generate_pair, "Vvvtlp"),
    F(zamok_key_sign, "Vpvtltlbcp"),
    F(zamok_key_public, "Vpbcp"),
    F(zamok_key_describe, "Vps"),
    F(zamok_key_change_state, "Vpvtl"),
    F(zamok_key_resume, "Vptl"),
    F(zamok_content_new, "tlvtltlp"),
    F(zamok_content_set_text, "Dtltl"),
    F(zamok_content_set_number, "Dtlv"),
    F(zamok_content_set_amount, "Dtlvvtl"),
    F(zamok_content_set_time, "Dtlv"),
    F(zamok_content_text, "Dbcp"),
    F(zamok_operation_propose, "CSpDp"),
    F(zamok_operation_change, "CSpDp"),
    F(zamok_operation_cancel, "CSp"),
    F(zamok_operation_by_id, "CSpp"),
    F(zamok_operation_to_execute, "Cpp"),
    F(zamok_operation_describe, "Os"),
    F(zamok_operation_text, "Obcp"),
    F(zamok_operation_field, "Otlsbcp"),
    F(zamok_operation_receipt, "Obcp"),
    F(zamok_operation_challenge, "CSptlp"),
    F(zamok_operation_confirm, "CSHtlpp"),
    F(zamok_operation_execute, "Cptlbcp"),
    F(zamok_slots, "Vbcp"),
    F(zamok_slot_describe, "Vws"),
    F(zamok_slot_add, "Vwtltlnp"),
    F(zamok_slot_change, "Vwtltln"),
    F(zamok_slot_add_with, "Vwtlsnp"),
    F(zamok_slot_change_with, "Vwtlsn"),
    F(zamok_slot_add_split, "Vwtlvvbcpp"),
    F(zamok_slot_change_split, "Vwtlvvbcp"),
    F(zamok_slot_remove, "Vw"),
    F(zamok_slot_reset, "Vw"),
    F(zamok_backup, "Vtltlnn"),
    F(zamok_backup_split, "Vtlvvbcpn"),
    F(zamok_backup_check, "tltln"),
    F(zamok_restore, "stltlnnp"),
};

/* How many functions of the header answer with a status: all of them stand above, but for the batch, whose entries
 * engine.c looks at. The test of the header counts them. */

static zamok_status call(const struct function *f, const word a[MOST])
{
    switch (strlen(f->arguments)) {
    case 1: return ((zamok_status(*)(word))f->call)(a[0]);
    case 2: return ((zamok_status(*)(word, word))f->call)(a[0], a[1]);
    case 3: return ((zamok_status(*)(word, word, word))f->call)(a[0], a[1], a[2]);
    case 4: return ((zamok_status(*)(word, word, word, word))f->call)(a[0], a[1], a[2], a[3]);
    case 5: return ((zamok_status(*)(word, word, word, word, word))f->call)(a[0], a[1], a[2], a[3], a[4]);
    case 6: return ((zamok_status(*)(word, word, word, word, word, word))f->call)(a[0], a[1], a[2], a[3], a[4], a[5]);
    case 7:
        return ((zamok_status(*)(word, word, word, word, word, word, word))f->call)(a[0], a[1], a[2], a[3], a[4], a[5],
                                                                                    a[6]);
    case 8:
        return ((zamok_status(*)(word, word, word, word, word, word, word, word))f->call)(a[0], a[1], a[2], a[3], a[4],
                                                                                          a[5], a[6], a[7]);
    case 9:
        return ((zamok_status(*)(word, word, word, word, word, word, word, word, word))f->call)(
            a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]);
    case 10:
        return ((zamok_status(*)(word, word, word, word, word, word, word, word, word, word))f->call)(
            a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9]);
    case 11:
        return ((zamok_status(*)(word, word, word, word, word, word, word, word, word, word, word))f->call)(
            a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10]);
    default: fprintf(stderr, "%s has too many arguments\n", f->name); exit(1);
    }
}

/* Memory for every argument: more than any struct of the header has. */
static _Alignas(64) unsigned char memory[MOST][2048];
static zamok_totp totp;
static zamok_hotp hotp;
static zamok_ocra ocra;
static zamok_cabinet *cabinet;
static zamok_vault *vault;
static zamok_challenge *challenge;
static zamok_session *session;
static zamok_entries *entries;
static zamok_content *content;
static zamok_operation *operation;
static zamok_outbox *outbox;
static zamok_message *message;
static zamok_clock *standing;

static word handle(char kind)
{
    switch (kind) {
    case 'C': return (word)cabinet;
    case 'V': return (word)vault;
    case 'H': return (word)challenge;
    case 'S': return (word)session;
    case 'E': return (word)entries;
    case 'D': return (word)content;
    case 'O': return (word)operation;
    case 'U': return (word)outbox;
    case 'M': return (word)message;
    case 'K': return (word)standing;
    default: return 0;
    }
}

/* Arguments with which nothing is wrong at the border, and nothing succeeds behind it that would disturb the rest. */
static void fill(const struct function *f, word a[MOST])
{
    memset(memory, 0, sizeof memory);
    memset(a, 0, MOST * sizeof a[0]);
    for (size_t i = 0; f->arguments[i] != 0; i++) {
        char kind = f->arguments[i];
        uint32_t size = 0;
        memset(memory[i], 'x', sizeof memory[i]);
        switch (kind) {
        case 't': a[i] = (word)memory[i]; break;
        case 'l': a[i] = 20; break;
        case 'b': a[i] = (word)memory[i]; break;
        case 'c': a[i] = sizeof memory[i]; break;
        case 'q': a[i] = (word)&totp; break;
        case 'r': a[i] = (word)&hotp; break;
        case 'o': a[i] = (word)&ocra; break;
        case 'v': a[i] = 1; break;
        case 'w': a[i] = 200; break;
        case 'n': case 'z': case 'e': a[i] = 0; break;
        case 's': /* sizes of the first versions, which must always do */
            size = strstr(f->name, "totp_check") || strstr(f->name, "checked") ? sizeof(zamok_totp_state)
                   : strstr(f->name, "hotp_check") || strstr(f->name, "resync") ? sizeof(zamok_hotp_state)
                   : strstr(f->name, "uri_parse") ? sizeof(zamok_uri)
                   : strstr(f->name, "ocra") ? (i == 1 ? sizeof(zamok_ocra_input) : sizeof(zamok_ocra_match))
                   : strstr(f->name, "operation_describe") ? sizeof(zamok_operation_info)
                   : strstr(f->name, "operation_field") ? sizeof(zamok_value)
                   : strstr(f->name, "_with") ? sizeof(zamok_secret)
                   : strstr(f->name, "slot") ? sizeof(zamok_slot_info)
                   : strstr(f->name, "factor_get") ? sizeof(zamok_factor_info)
                   : strstr(f->name, "challenge_method") ? sizeof(zamok_method_info)
                   : strstr(f->name, "device_get") ? sizeof(zamok_device_info)
                   : strstr(f->name, "notify") ? sizeof(zamok_notice)
                   : strstr(f->name, "preferences") ? sizeof(zamok_preferences)
                   : strstr(f->name, "message") ? sizeof(zamok_message_info)
                   : strstr(f->name, "restore") ? sizeof(zamok_backup_source)
                   : strstr(f->name, "challenge") ? sizeof(zamok_challenge_info)
                   : strstr(f->name, "session") ? sizeof(zamok_session_info)
                   : strstr(f->name, "entries") ? sizeof(zamok_entry)
                                                : sizeof(zamok_key_info);
            memset(memory[i], 0, sizeof memory[i]);
            memcpy(memory[i], &size, sizeof size);
            if (strstr(f->name, "ocra") && i == 1) {
                zamok_ocra_input *input = (zamok_ocra_input *)(void *)memory[i];
                input->question = "12345678";
                input->question_length = 8;
            }
            if (strstr(f->name, "_with")) {
                zamok_secret *secret = (zamok_secret *)(void *)memory[i];
                secret->kind = ZAMOK_SECRET_PASSPHRASE;
                secret->text = "passphrase";
                secret->text_length = 10;
            }
            a[i] = (word)memory[i];
            break;
        default: a[i] = handle(kind) ? handle(kind) : (word)memory[i];
        }
    }
}

static void expect(const struct function *f, size_t i, const char *what, zamok_status expected, zamok_status found)
{
    claims++;
    if (expected != found) {
        fprintf(stderr, "%s, argument %zu %s: %d (%s), not %d\n", f->name, i, what, (int)found,
                zamok_status_message(found), (int)expected);
        exit(1);
    }
}

static void try_everything(const struct function *f)
{
    word a[MOST];
    for (size_t i = 0; f->arguments[i] != 0; i++) {
        char kind = f->arguments[i];
        int is_handle = strchr("CVHSEDOUMK", kind) != NULL, is_key = strchr("qro", kind) != NULL;
        if (strchr("pksqrotbCVHSEDOUMK", kind) != NULL) {
            fill(f, a);
            a[i] = 0;
            expect(f, i, "null", ZAMOK_E_NULL_POINTER, call(f, a));
        }
        if (is_handle || is_key) {
            static uint64_t nothing[256];
            /* Another kind of handle, memory of ours, numbers that were never given out. */
            word wrong[] = { is_handle && kind != 'K' ? (word)standing : (word)cabinet, (word)nothing, (word)&wrong,
                             123456789, (word)INTPTR_MAX, UINTPTR_MAX - 7 };
            for (size_t w = 0; w < (is_handle ? sizeof wrong / sizeof wrong[0] : 2); w++) {
                fill(f, a);
                a[i] = is_key ? (word)nothing : wrong[w];
                expect(f, i, "wrong", ZAMOK_E_HANDLE, call(f, a));
            }
        }
        if (kind == 'e') {
            fill(f, a);
            a[i] = (word)standing;
            expect(f, i, "wrong", ZAMOK_E_HANDLE, call(f, a));
        }
        if (kind == 's' || kind == 'n') {
            uint32_t sizes[] = { 0, 1, 3, 4, 4097, UINT32_MAX };
            for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
                fill(f, a);
                a[i] = (word)memory[i];
                memcpy(memory[i], &sizes[s], sizeof sizes[s]);
                expect(f, i, "of a wrong size", ZAMOK_E_STRUCT_SIZE, call(f, a));
            }
        }
        if (kind == 'l' || kind == 'c') {
            word lengths[] = { 0, 1, SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / 2 };
            for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
                fill(f, a);
                a[i] = lengths[l];
                zamok_status found;
                /* Nothing may be read or written beyond the length. */
                if (l >= 2) {
                    if (l == 4 && kind == 'l')
                        continue; /* within memory, for all that can be known */
                    found = call(f, a);
                    if (l == 4)
                        continue; /* a buffer of so much room is believed */
                    expect(f, i, "beyond all memory", ZAMOK_E_LENGTH_TOO_GREAT, found);
                    continue;
                }
                found = call(f, a);
                if (kind == 'c' && (found == ZAMOK_OK || found == ZAMOK_E_BUFFER_TOO_SMALL)) {
                    /* Room for nothing, or for a zero byte alone: either there was nothing to say, or it is told. */
                    size_t needed = *(size_t *)(void *)memory[i + 1];
                    HOLDS(found == ZAMOK_OK ? needed <= l : needed >= l);
                }
                for (size_t at = l; at < sizeof memory[0] && kind == 'c'; at++)
                    HOLDS(memory[i - 1][at] == 'x');
                /* The pointer beside a length of 0 may be null. */
                if (l == 0) {
                    zamok_status with = found;
                    fill(f, a);
                    a[i] = 0;
                    a[i - 1] = 0;
                    found = call(f, a);
                    if (with != ZAMOK_OK) /* what succeeded may not succeed twice */
                        expect(f, i, "0 with null", with, found);
                }
            }
        }
    }
}

int main(void)
{
    zamok_options options = { .size = sizeof options, .argon2_memory_kib = 64, .argon2_passes = 1 };
    options.policy = "profile = \"strict\"\n[password.cost]\nmemory_kib = 64\npasses = 1\n";
    options.policy_length = strlen(options.policy);
    static const char password[] = "a garden behind the station";
    static const uint8_t seed[] = "12345678901234567890";
    char uri[ZAMOK_URI_MAX + 1], texts[ZAMOK_URI_MAX], code[11];
    size_t length;
    zamok_uri read = { .size = sizeof read };

    IS(ZAMOK_OK, zamok_clock_new(1800000000, &standing));
    options.clock = standing;
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT("memory:"), TEXT("passphrase"), TEXT("Bank"), &options, &cabinet));
    IS(ZAMOK_OK, zamok_cabinet_vault(cabinet, &vault));
    IS(ZAMOK_OK, zamok_register(cabinet, TEXT("ivan"), TEXT(password)));
    IS(ZAMOK_OK, zamok_login_begin(cabinet, TEXT("ivan"), TEXT(password), NULL, 0, &challenge));
    IS(ZAMOK_OK, zamok_enrolment_offer(cabinet, challenge, uri, sizeof uri, &length));
    IS(ZAMOK_OK, zamok_uri_parse(uri, length, 0, &read, texts, sizeof texts, &length));
    IS(ZAMOK_OK, zamok_totp_init(&totp, read.secret, read.secret_length, NULL));
    IS(ZAMOK_OK, zamok_totp_code(&totp, 1800000000, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_enrolment_confirm(cabinet, challenge, code, length));
    IS(ZAMOK_OK, zamok_clock_set(standing, 1800000030));
    IS(ZAMOK_OK, zamok_totp_code(&totp, 1800000030, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_login(cabinet, TEXT("ivan"), TEXT(password), code, length, &session));
    IS(ZAMOK_OK, zamok_history(cabinet, session, 5, NULL, &entries));
    IS(ZAMOK_OK, zamok_hotp_init(&hotp, seed, 20, NULL));
    IS(ZAMOK_OK, zamok_ocra_init(&ocra, seed, 20, TEXT("OCRA-1:HOTP-SHA1-6:QN08"), 0));

    zamok_id id;
    IS(ZAMOK_OK, zamok_content_new(TEXT("note"), 1, TEXT("en"), TEXT("Note it."), &content));
    IS(ZAMOK_OK, zamok_request_id(cabinet, &id));
    IS(ZAMOK_OK, zamok_operation_propose(cabinet, session, &id, content, &operation));
    /* A message waits: the code for another factor. */
    zamok_challenge *another;
    IS(ZAMOK_OK, zamok_enrolment_begin(cabinet, session, &another));
    IS(ZAMOK_OK, zamok_enrolment_offer_channel(cabinet, another, TEXT("+79161234567")));
    IS(ZAMOK_OK, zamok_outbox_open(cabinet, NULL, &outbox));
    IS(ZAMOK_OK, zamok_outbox_take(outbox, &message));
    HOLDS(message != NULL);
    zamok_challenge_free(another);
    /* Files of the names that are tried are there already, so that no backup is written. */
    static const char *const taken[] = { "x", "xxxxxxxxxxxxxxxxxxxx" };
    for (size_t i = 0; i < 2; i++) {
        FILE *file = fopen(taken[i], "w");
        HOLDS(file != NULL);
        IS(0, fclose(file));
    }

    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        try_everything(&functions[i]);
    for (size_t i = 0; i < 2; i++)
        IS(0, remove(taken[i]));

    /* And null to everything that frees or wipes. */
    zamok_vault_free(NULL);
    zamok_cabinet_free(NULL);
    zamok_challenge_free(NULL);
    zamok_session_free(NULL);
    zamok_entries_free(NULL);
    zamok_content_free(NULL);
    zamok_operation_free(NULL);
    zamok_outbox_free(NULL);
    zamok_message_free(NULL);
    zamok_clock_free(NULL);
    zamok_wipe(NULL, 0);
    zamok_wipe(NULL, 7);
    zamok_message_free(message);
    zamok_outbox_free(outbox);
    zamok_operation_free(operation);
    zamok_content_free(content);
    zamok_entries_free(entries);
    zamok_session_free(session);
    zamok_challenge_free(challenge);
    zamok_vault_free(vault);
    zamok_cabinet_free(cabinet);
    zamok_clock_free(standing);
    printf("hostile: %zu functions, %lu claims\n", sizeof functions / sizeof functions[0], claims);
    return 0;
}
