/* The first layer: the shared vectors, the rules of spending, memory at odd addresses, overlaps, sizes of structs. */
#include "check.h"

static const uint8_t seed[] = "1234567890123456789012345678901234567890123456789012345678901234";
static char folder[3000];

static FILE *vectors(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static uint32_t algorithm_named(const char *name)
{
    return strcmp(name, "SHA1") == 0 ? ZAMOK_SHA1 : strcmp(name, "SHA256") == 0 ? ZAMOK_SHA256 : ZAMOK_SHA512;
}

static void rfc_4226_appendix_d(void)
{
    FILE *file = vectors("rfc4226.txt");
    char line[256], expected[32], code[ZAMOK_CODE_MAX + 1];
    unsigned long long counter, found = 0;
    unsigned rows = 0;
    size_t length;
    zamok_hotp key;
    IS(ZAMOK_OK, zamok_hotp_init(&key, seed, 20, NULL));
    zamok_hotp_state state = { .size = sizeof state };
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%llu %*s %*s %31s", &counter, expected) != 2)
            continue;
        rows++;
        IS(ZAMOK_OK, zamok_hotp_code(&key, counter, code, sizeof code, &length));
        IS(6, length);
        SAME(expected, code);
        IS(ZAMOK_OK, zamok_hotp_verify(&key, code, length, counter, 0, (uint64_t *)&found));
        IS(counter, found);
        zamok_checked checked = { .size = sizeof checked };
        IS(ZAMOK_OK, zamok_hotp_check(&key, code, length, 10, &state, &checked));
        IS(counter + 1, state.next);
        IS(ZAMOK_REASON_ACCEPTED, checked.reason);
        IS(ZAMOK_E_REJECTED, zamok_hotp_check(&key, code, length, 10, &state, &checked));
        IS(counter + 1, state.next);
    }
    IS(10, rows);
    fclose(file);

    /* A token that ran ahead. */
    char first[11], second[11];
    IS(ZAMOK_OK, zamok_hotp_code(&key, 700, first, sizeof first, &length));
    IS(ZAMOK_OK, zamok_hotp_code(&key, 701, second, sizeof second, &length));
    IS(ZAMOK_E_REJECTED, zamok_hotp_check(&key, first, 6, 10, &state, NULL));
    IS(ZAMOK_E_REJECTED, zamok_hotp_resynchronise(&key, first, 6, first, 6, 1000, &state, NULL));
    IS(ZAMOK_OK, zamok_hotp_resynchronise(&key, first, 6, second, 6, 1000, &state, NULL));
    IS(702, state.next);
    /* What is burned is not accepted, in either half of the bitmap; what is not, is. */
    for (unsigned half = 0; half < 2; half++) {
        zamok_hotp_state burned = { .size = sizeof burned, .next = 7 };
        *(half ? &burned.burned_high : &burned.burned_low) = 1 << 3;
        IS(ZAMOK_OK, zamok_hotp_code(&key, 10 + 64 * half, first, sizeof first, &length));
        IS(ZAMOK_E_REJECTED, zamok_hotp_check(&key, first, 6, 3 + 64 * half, &burned, NULL));
        IS(ZAMOK_OK, zamok_hotp_code(&key, 9 + 64 * half, first, sizeof first, &length));
        IS(ZAMOK_OK, zamok_hotp_check(&key, first, 6, 3 + 64 * half, &burned, NULL));
        IS(10 + 64 * half, burned.next);
        IS(1, burned.burned_low & 1);
    }
    zamok_hotp_wipe(&key);
}

static void rfc_6238_appendix_b(void)
{
    FILE *file = vectors("rfc6238.txt");
    char line[256], name[16], expected[32], code[ZAMOK_CODE_MAX + 1];
    unsigned long long now;
    unsigned rows = 0;
    size_t length;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#' || sscanf(line, "%15s %llu %*s %31s", name, &now, expected) != 3)
            continue;
        rows++;
        uint32_t algorithm = algorithm_named(name);
        zamok_totp_parameters parameters = { .size = sizeof parameters, .algorithm = algorithm, .digits = 8 };
        zamok_totp key;
        IS(ZAMOK_OK, zamok_totp_init(&key, seed, algorithm == ZAMOK_SHA1 ? 20 : algorithm == ZAMOK_SHA256 ? 32 : 64,
                                     &parameters));
        IS(ZAMOK_OK, zamok_totp_code(&key, now, code, sizeof code, &length));
        SAME(expected, code);
        uint64_t step;
        IS(ZAMOK_OK, zamok_totp_verify(&key, expected, strlen(expected), now + 30, 1, 0, &step));
        IS(now / 30, step);
        IS(ZAMOK_E_REJECTED, zamok_totp_verify(&key, expected, strlen(expected), now + 60, 1, 1, &step));
        zamok_totp_wipe(&key);
    }
    IS(18, rows);
    fclose(file);
}

static void rfc_6287_appendix_c(void)
{
    FILE *file = vectors("rfc6287.txt");
    char line[512], suite[80], by[16], counter[32], question[160], pin[32], seconds[32], expected[160];
    char response[ZAMOK_RESPONSE_MAX + 1];
    unsigned length, rows = 0;
    size_t response_length;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#' || sscanf(line, "%*s %79s %u %15s %31s %159s %31s %31s %159s", suite, &length, by, counter,
                                     question, pin, seconds, expected) != 8)
            continue;
        rows++;
        zamok_ocra key;
        zamok_ocra_input input = { .size = sizeof input, .question = question, .question_length = strlen(question) };
        if (strcmp(by, "-") != 0) { /* two questions of eight characters, joined in the order of the direction */
            int server = strcmp(by, "server") == 0;
            input.given |= server ? ZAMOK_OCRA_MUTUAL_SERVER : ZAMOK_OCRA_MUTUAL_CLIENT;
            input.client_question = server ? question : question + 8;
            input.question = server ? question + 8 : question;
            input.client_question_length = input.question_length = 8;
        }
        if (strcmp(counter, "-") != 0) {
            input.given |= ZAMOK_OCRA_COUNTER;
            input.counter = strtoull(counter, NULL, 10);
        }
        if (strcmp(pin, "-") != 0) {
            input.given |= ZAMOK_OCRA_PASSWORD;
            input.password = (const uint8_t *)pin;
            input.password_length = strlen(pin);
        }
        if (strcmp(seconds, "-") != 0) {
            input.given |= ZAMOK_OCRA_TIME;
            input.time = strtoull(seconds, NULL, 10);
        }
        IS(ZAMOK_OK, zamok_ocra_init(&key, seed, length, suite, strlen(suite), 0));
        IS(ZAMOK_OK, zamok_ocra_respond(&key, &input, response, sizeof response, &response_length));
        SAME(expected, response);
        zamok_ocra_match matched = { .size = sizeof matched };
        IS(ZAMOK_OK, zamok_ocra_verify(&key, &input, response, response_length, 0, 0, 0, &matched));
        IS(input.given & ZAMOK_OCRA_COUNTER, matched.given & ZAMOK_OCRA_COUNTER);
        response[0] = response[0] == '0' ? '1' : '0';
        IS(ZAMOK_E_REJECTED, zamok_ocra_verify(&key, &input, response, response_length, 0, 0, 0, &matched));
        input.given |= 1u << 31;
        IS(ZAMOK_E_ARGUMENT, zamok_ocra_respond(&key, &input, response, sizeof response, &response_length));
        zamok_ocra_wipe(&key);
    }
    HOLDS(rows >= 60);
    fclose(file);
}

static void a_code_is_spent_with_its_state(void)
{
    zamok_totp key;
    zamok_totp_state state = { .size = sizeof state };
    zamok_checked checked = { .size = sizeof checked };
    uint64_t left;
    IS(ZAMOK_OK, zamok_totp_init(&key, seed, 20, NULL));
    IS(ZAMOK_E_REJECTED, zamok_totp_check(&key, TEXT("081805"), 1111111109, 1, 1, 2, &state, &checked));
    IS(ZAMOK_REASON_WRONG, checked.reason);
    IS(0, state.has_last_step);
    IS(ZAMOK_OK, zamok_totp_check(&key, TEXT("081804"), 1111111109, 1, 1, 2, &state, &checked));
    IS(37037036, checked.step);
    IS(1, state.has_last_step);
    IS(37037036, state.last_step);
    IS(ZAMOK_E_REJECTED, zamok_totp_check(&key, TEXT("081804"), 1111111109, 1, 1, 2, &state, &checked));
    IS(ZAMOK_REASON_SPENT, checked.reason);
    IS(ZAMOK_OK, zamok_totp_seconds_left(&key, 59, &left));
    IS(1, left);
    /* A text with a zero byte in it, and with none at its end. */
    IS(ZAMOK_E_REJECTED, zamok_totp_verify(&key, "081804\0", 7, 1111111109, 1, 1, &left));
    IS(ZAMOK_OK, zamok_totp_verify(&key, "081804xx", 6, 1111111109, 1, 1, &left));
    IS(ZAMOK_E_REJECTED, zamok_totp_verify(&key, "\xff\xfe\xff\xfe\xff\xfe", 6, 1111111109, 1, 1, &left));
    IS(ZAMOK_E_WINDOW_TOO_WIDE, zamok_totp_verify(&key, TEXT("081804"), 59, 64, 64, &left));
    IS(ZAMOK_E_WINDOW_TOO_WIDE, zamok_totp_verify(&key, TEXT("081804"), 59, UINT32_MAX, UINT32_MAX, &left));
    zamok_totp_wipe(&key);
    IS(ZAMOK_E_HANDLE, zamok_totp_verify(&key, TEXT("081804"), 1111111109, 1, 1, &left));
}

static void a_batch_answers_as_one_by_one(void)
{
    enum { KEYS = 7, CHECKS = 100 };
    zamok_totp keys[KEYS], never;
    zamok_totp_attempt attempts[CHECKS];
    char codes[CHECKS][ZAMOK_CODE_MAX + 1];
    size_t length;
    memset(&never, 0, sizeof never);
    memset(attempts, 0, sizeof attempts);
    for (int i = 0; i < KEYS; i++)
        IS(ZAMOK_OK, zamok_totp_init(&keys[i], seed + i, 20, NULL));
    for (int i = 0; i < CHECKS; i++) {
        uint64_t now = 1000000 + 31 * (uint64_t)i;
        IS(ZAMOK_OK, zamok_totp_code(&keys[i % KEYS], now + (i % 5 == 0 ? 300 : 0), codes[i], sizeof codes[i], &length));
        attempts[i] = (zamok_totp_attempt){ .key = &keys[i % KEYS], .code = codes[i], .code_length = length, .now = now };
    }
    attempts[50].key = &never;
    attempts[51].key = NULL;
    attempts[52].code = NULL;
    attempts[53].has_last_step = 2;
    IS(ZAMOK_OK, zamok_totp_check_batch(attempts, CHECKS, sizeof attempts[0], 1, 1, 2));
    for (int i = 0; i < CHECKS; i++) {
        if (i >= 50 && i <= 53)
            continue;
        zamok_totp_state state = { .size = sizeof state };
        zamok_checked checked = { .size = sizeof checked };
        zamok_status status = zamok_totp_check(&keys[i % KEYS], codes[i], 6, 1000000 + 31 * (uint64_t)i, 1, 1, 2, &state,
                                               &checked);
        IS(status, attempts[i].status);
        IS(checked.reason, attempts[i].reason);
        IS(state.last_step, attempts[i].last_step);
        IS(state.has_last_step, attempts[i].has_last_step);
        IS(state.drift, attempts[i].drift);
        IS(i % 5 == 0 ? ZAMOK_E_REJECTED : ZAMOK_OK, status);
    }
    IS(ZAMOK_E_HANDLE, attempts[50].status);
    IS(ZAMOK_E_NULL_POINTER, attempts[51].status);
    IS(ZAMOK_E_NULL_POINTER, attempts[52].status);
    IS(ZAMOK_E_ARGUMENT, attempts[53].status);
    IS(ZAMOK_E_STRUCT_SIZE, zamok_totp_check_batch(attempts, CHECKS, sizeof attempts[0] - 8, 1, 1, 2));
    IS(ZAMOK_E_NULL_POINTER, zamok_totp_check_batch(NULL, 1, sizeof attempts[0], 1, 1, 2));
    IS(ZAMOK_OK, zamok_totp_check_batch(NULL, 0, sizeof attempts[0], 1, 1, 2));
    IS(ZAMOK_E_LENGTH_TOO_GREAT, zamok_totp_check_batch(attempts, SIZE_MAX / 4, sizeof attempts[0], 1, 1, 2));
    /* As it was left it goes in again: what was accepted is spent. */
    IS(ZAMOK_OK, zamok_totp_check_batch(attempts, CHECKS, sizeof attempts[0], 1, 1, 2));
    for (int i = 0; i < CHECKS; i++) {
        if (i >= 50 && i <= 53)
            continue;
        IS(ZAMOK_E_REJECTED, attempts[i].status);
        IS(i % 5 == 0 ? ZAMOK_REASON_WRONG : ZAMOK_REASON_SPENT, attempts[i].reason);
    }
    for (int i = 50; i <= 53; i++)
        memset(&attempts[i], 0, sizeof attempts[i]);
    IS(ZAMOK_OK, zamok_totp_check_batch(attempts + 50, 4, sizeof attempts[0], 1, 1, 2));
    for (int i = 50; i <= 53; i++)
        IS(ZAMOK_E_NULL_POINTER, attempts[i].status);
    for (int i = 0; i < KEYS; i++)
        zamok_totp_wipe(&keys[i]);
}

static void uris_are_read_and_written(void)
{
    static const char given[] = "otpauth://totp/KPD:anna%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bank"
                                "&digits=8&algorithm=SHA256&period=60";
    char texts[256], text[ZAMOK_URI_MAX + 1];
    size_t length, needed;
    zamok_uri uri = { .size = sizeof uri };
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_uri_parse(TEXT(given), 0, &uri, NULL, 0, &needed));
    IS(0, uri.kind);
    IS(ZAMOK_OK, zamok_uri_parse(TEXT(given), 0, &uri, texts, needed, &length));
    IS(needed, length);
    IS(ZAMOK_TOTP, uri.kind);
    IS(ZAMOK_SHA256, uri.algorithm);
    IS(8, uri.digits);
    IS(60, uri.period);
    IS(20, uri.secret_length);
    HOLDS(memcmp(uri.secret, seed, 20) == 0);
    SAME("Bank", texts + uri.issuer_at);
    SAME("anna@example.org", texts + uri.account_at);
    SAME("KPD", texts + uri.conflicting_issuer_at);
    IS(16, uri.account_length);
    IS(ZAMOK_E_URI_CONFLICT, zamok_uri_parse(TEXT(given), ZAMOK_STRICT, &uri, texts, sizeof texts, &length));
    IS(ZAMOK_E_URI_SCHEME, zamok_uri_parse(TEXT("http://totp/a"), 0, &uri, texts, sizeof texts, &length));
    IS(ZAMOK_E_SECRET_TOO_SHORT, zamok_uri_parse(TEXT("otpauth://totp/a?secret=MZXW6YTBOI"), 0, &uri, texts, sizeof texts,
                                                 &length));
    IS(ZAMOK_OK, zamok_uri_parse(TEXT("otpauth://totp/a?secret=MZXW6YTBOI"), ZAMOK_ACCEPT_WEAK, &uri, texts, sizeof texts,
                                 &length));
    IS(0, uri.issuer_length);
    IS(ZAMOK_E_ARGUMENT, zamok_uri_parse(TEXT(given), 4, &uri, texts, sizeof texts, &length));

    IS(ZAMOK_OK, zamok_totp_uri(seed, 20, NULL, TEXT("Bank"), TEXT("ivan"), text, sizeof text, &length));
    SAME("otpauth://totp/Bank:ivan?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bank&algorithm=SHA1&digits=6&period=30", text);
    IS(strlen(text), length);
    IS(ZAMOK_OK, zamok_hotp_uri(seed, 20, NULL, 7, NULL, 0, TEXT("ivan"), text, sizeof text, &length));
    SAME("otpauth://hotp/ivan?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=SHA1&digits=6&counter=7", text);
    /* One byte of room is for the zero byte. */
    needed = length;
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_hotp_uri(seed, 20, NULL, 7, NULL, 0, TEXT("ivan"), text, needed, &length));
    IS(needed, length);
    IS(ZAMOK_OK, zamok_hotp_uri(seed, 20, NULL, 7, NULL, 0, TEXT("ivan"), text, needed + 1, &length));
    zamok_totp_parameters late = { .size = sizeof late, .t0 = 1 };
    IS(ZAMOK_E_URI_T0, zamok_totp_uri(seed, 20, &late, NULL, 0, TEXT("ivan"), text, sizeof text, &length));
    IS(ZAMOK_E_URI_LABEL, zamok_totp_uri(seed, 20, NULL, TEXT("a:b"), TEXT("ivan"), text, sizeof text, &length));
    IS(ZAMOK_E_URI_LABEL, zamok_totp_uri(seed, 20, NULL, NULL, 0, "iv\0an", 5, text, sizeof text, &length));

    /* The longest that there is, and one more. */
    char longest[ZAMOK_URI_MAX + 2], space[ZAMOK_URI_MAX + 3];
    memset(longest, 'a', sizeof longest);
    static const char begin[] = "otpauth://totp/", end[] = "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    memcpy(longest, begin, sizeof begin - 1);
    memcpy(longest + ZAMOK_URI_MAX - 200, end, sizeof end - 1);
    IS(ZAMOK_OK, zamok_uri_parse(longest, ZAMOK_URI_MAX - 200 + sizeof end - 1, 0, &uri, space, sizeof space, &length));
    IS(ZAMOK_E_URI_TOO_LONG, zamok_uri_parse(longest, ZAMOK_URI_MAX + 1, 0, &uri, space, sizeof space, &length));
}

static void memory_may_overlap_and_lie_at_odd_addresses(void)
{
    /* Base32 in its own place. */
    char place[64] = "12345678901234567890";
    size_t length;
    IS(ZAMOK_OK, zamok_base32_encode((uint8_t *)place, 20, place, sizeof place, &length));
    SAME("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", place);
    IS(ZAMOK_OK, zamok_base32_decode(place, length, 0, (uint8_t *)place + 3, sizeof place - 3, &length));
    HOLDS(length == 20 && memcmp(place + 3, seed, 20) == 0);
    /* The secret where the key will be. */
    zamok_totp key;
    char code[16];
    memcpy(&key, seed, 20);
    IS(ZAMOK_OK, zamok_totp_init(&key, (uint8_t *)&key, 20, NULL));
    IS(ZAMOK_OK, zamok_totp_code(&key, 59, code, sizeof code, &length));
    SAME("287082", code);
    /* The code that is checked where the answer goes. */
    uint64_t both;
    memcpy(&both, "287082", 6);
    IS(ZAMOK_OK, zamok_totp_verify(&key, (char *)&both, 6, 59, 0, 0, &both));
    IS(1, both);
    /* A key that was moved to every address. */
    unsigned char *heap = malloc(sizeof key + 64);
    HOLDS(heap != NULL);
    for (size_t at = 0; at < 64; at++) {
        memmove(heap + at, &key, sizeof key);
        IS(ZAMOK_OK, zamok_totp_code((zamok_totp *)(void *)(heap + at), 59, code, sizeof code, &length));
        SAME("287082", code);
    }
    free(heap);
    zamok_totp_wipe(&key);
    for (size_t i = 0; i < sizeof key; i++)
        IS(0, ((unsigned char *)&key)[i]);
}

static void what_is_wiped_is_zero_and_what_lies_beside_it_is_not(void)
{
    uint8_t bytes[301];
    for (size_t length = 0; length + 2 <= sizeof bytes; length += 23) {
        memset(bytes, 0x5a, sizeof bytes);
        zamok_wipe(bytes + 1, length);
        IS(0x5a, bytes[0]);
        for (size_t i = 1; i <= length; i++)
            IS(0, bytes[i]);
        for (size_t i = length + 1; i < sizeof bytes; i++)
            IS(0x5a, bytes[i]);
    }
}

static void keys_are_told_apart(void)
{
    zamok_totp totp;
    zamok_hotp hotp;
    zamok_ocra ocra;
    char code[16];
    size_t length;
    IS(ZAMOK_OK, zamok_totp_init(&totp, seed, 20, NULL));
    IS(ZAMOK_OK, zamok_hotp_init(&hotp, seed, 20, NULL));
    IS(ZAMOK_OK, zamok_ocra_init(&ocra, seed, 20, TEXT("OCRA-1:HOTP-SHA1-6:QN08"), 0));
    IS(ZAMOK_E_HANDLE, zamok_totp_code((zamok_totp *)(void *)&hotp, 59, code, sizeof code, &length));
    IS(ZAMOK_E_HANDLE, zamok_hotp_code((zamok_hotp *)(void *)&ocra, 59, code, sizeof code, &length));
    IS(ZAMOK_E_HANDLE, zamok_hotp_code((zamok_hotp *)(void *)&totp, 59, code, sizeof code, &length));
    memset(&totp, 0, sizeof totp);
    IS(ZAMOK_E_HANDLE, zamok_totp_code(&totp, 59, code, sizeof code, &length));
    memset(&totp, 0xff, sizeof totp);
    IS(ZAMOK_E_HANDLE, zamok_totp_code(&totp, 59, code, sizeof code, &length));
    zamok_totp_wipe(NULL);
    zamok_hotp_wipe(&hotp);
    zamok_ocra_wipe(&ocra);
    for (size_t i = 0; i < sizeof hotp; i++)
        IS(0, ((unsigned char *)&hotp)[i]);
    for (size_t i = 0; i < sizeof ocra; i++)
        IS(0, ((unsigned char *)&ocra)[i]);
}

static void structs_of_other_versions(void)
{
    struct {
        zamok_totp_parameters known;
        uint64_t unknown;
    } newer = { .known = { .size = sizeof newer, .digits = 8 } };
    zamok_totp key;
    IS(ZAMOK_OK, zamok_totp_init(&key, seed, 20, &newer.known));
    newer.unknown = 1;
    IS(ZAMOK_E_STRUCT_SIZE, zamok_totp_init(&key, seed, 20, &newer.known));
    for (uint32_t size = 0; size < sizeof newer.known; size++) {
        newer.known.size = size;
        IS(ZAMOK_E_STRUCT_SIZE, zamok_totp_init(&key, seed, 20, &newer.known));
    }
    newer.known.size = UINT32_MAX;
    IS(ZAMOK_E_STRUCT_SIZE, zamok_totp_init(&key, seed, 20, &newer.known));
    /* Of an answer no more is written than its caller knows. */
    newer.known.size = sizeof newer.known;
    IS(ZAMOK_OK, zamok_totp_init(&key, seed, 20, &newer.known));
    struct {
        zamok_checked known;
        uint64_t unknown;
    } answer = { .known = { .size = sizeof answer }, .unknown = 7 };
    zamok_totp_state state = { .size = sizeof state };
    IS(ZAMOK_OK, zamok_totp_check(&key, TEXT("94287082"), 59, 0, 0, 0, &state, &answer.known));
    IS(7, answer.unknown);
    IS(sizeof answer, answer.known.size);
    /* Numbers that are none. */
    zamok_totp_parameters wrong = { .size = sizeof wrong, .algorithm = 4 };
    IS(ZAMOK_E_ARGUMENT, zamok_totp_init(&key, seed, 20, &wrong));
    wrong = (zamok_totp_parameters){ .size = sizeof wrong, .digits = 5 };
    IS(ZAMOK_E_DIGITS, zamok_totp_init(&key, seed, 20, &wrong));
    wrong.digits = 256 + 6;
    IS(ZAMOK_E_DIGITS, zamok_totp_init(&key, seed, 20, &wrong));
    wrong = (zamok_totp_parameters){ .size = sizeof wrong, .flags = 2 };
    IS(ZAMOK_E_ARGUMENT, zamok_totp_init(&key, seed, 20, &wrong));
}

static void secrets_have_their_lengths(void)
{
    zamok_totp key;
    uint8_t many[200] = { 1 };
    zamok_totp_parameters weak = { .size = sizeof weak, .flags = ZAMOK_ACCEPT_WEAK };
    for (size_t length = 0; length <= sizeof many; length++) {
        IS(length < 16 ? ZAMOK_E_SECRET_TOO_SHORT : length > 128 ? ZAMOK_E_SECRET_TOO_LONG : ZAMOK_OK,
           zamok_totp_init(&key, many, length, NULL));
        IS(length == 0 ? ZAMOK_E_SECRET_TOO_SHORT : length > 128 ? ZAMOK_E_SECRET_TOO_LONG : ZAMOK_OK,
           zamok_totp_init(&key, many, length, &weak));
    }
    zamok_totp_wipe(&key);
}

static void every_status_has_its_message(void)
{
    SAME("rejected", zamok_status_message(ZAMOK_E_REJECTED));
    SAME("the vault is locked", zamok_status_message(ZAMOK_E_LOCKED));
    for (int status = -2; status < 1000; status++)
        HOLDS(zamok_status_message(status) != NULL && strlen(zamok_status_message(status)) > 3);
    SAME(zamok_status_message(9999), zamok_status_message(-1));
    IS(ZAMOK_ABI_VERSION, zamok_abi_version());
    HOLDS(strchr(zamok_version(), '.') != NULL);
}

int main(int argc, char **argv)
{
    if (argc != 2 || strlen(argv[1]) >= sizeof folder)
        return 2;
    strcpy(folder, argv[1]);
    rfc_4226_appendix_d();
    rfc_6238_appendix_b();
    rfc_6287_appendix_c();
    a_code_is_spent_with_its_state();
    a_batch_answers_as_one_by_one();
    uris_are_read_and_written();
    memory_may_overlap_and_lie_at_odd_addresses();
    keys_are_told_apart();
    what_is_wiped_is_zero_and_what_lies_beside_it_is_not();
    structs_of_other_versions();
    secrets_have_their_lengths();
    every_status_has_its_message();
    printf("engine: %lu claims\n", claims);
    return 0;
}
