/* The second layer: known devices, what they answer, a phone alone, notices, and a slot whose key is in a token. */
#define _POSIX_C_SOURCE 200809L

#include "house.h"

static const char phone[] = "+79161234567", endpoint[] = "https://push.example/1";
/* Of this module, where its package puts it. */
static const char token[] = "pkcs11:token=vault;object=zamok?module-path=/usr/lib/softhsm/libsofthsm2.so";

/* A device's own vault: keys that do not leave the device. */
static zamok_vault *keys;
static zamok_id key, foreign;

static size_t base64(char digit)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = strchr(digits, digit);
    HOLDS(found != NULL && digit != 0);
    return (size_t)(found - digits);
}

/* The DER in a PEM. */
static size_t der_of(const zamok_id *id, uint8_t *der)
{
    char pem[1024];
    size_t length, bytes = 0, bits = 0, value = 0;
    IS(ZAMOK_OK, zamok_key_public(keys, id, pem, sizeof pem, &length));
    for (const char *at = strchr(pem, '\n') + 1; *at != '-' && *at != '='; at++) {
        if (*at == '\n')
            continue;
        value = value << 6 | base64(*at);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            der[bytes++] = (uint8_t)(value >> bits);
        }
    }
    return bytes;
}

/* What a device answers, signed with one of its keys. */
static size_t sign(const zamok_id *id, uint32_t answer, const uint8_t *question, const char *number, uint8_t *signature)
{
    uint8_t message[256];
    size_t length, needed;
    IS(ZAMOK_E_BUFFER_TOO_SMALL,
       zamok_device_message(answer, question, ZAMOK_DEVICE_QUESTION_LENGTH, TEXT(number), NULL, 0, &needed));
    IS(ZAMOK_OK, zamok_device_message(answer, question, ZAMOK_DEVICE_QUESTION_LENGTH, TEXT(number), message,
                                      sizeof message, &length));
    IS(needed, length);
    IS(15 + 1 + ZAMOK_DEVICE_QUESTION_LENGTH + strlen(number), length);
    IS(answer, message[15]);
    IS(ZAMOK_OK, zamok_key_sign(keys, id, ZAMOK_PURPOSE_REQUEST, message, length, NULL, 0, signature,
                                ZAMOK_SIGNATURE_MAX, &length));
    return length;
}

/* A signature as a text: base64url without padding. */
static void text_of(const uint8_t *bytes, size_t length, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t bits = 0, value = 0;
    for (size_t i = 0; i < length; i++) {
        value = value << 8 | bytes[i];
        for (bits += 8; bits >= 6; bits -= 6)
            *text++ = digits[value >> (bits - 6) & 63];
    }
    if (bits > 0)
        *text++ = digits[value << (6 - bits) & 63];
    *text = 0;
}

static zamok_status answered(zamok_cabinet *bank, const zamok_challenge *challenge, const char *text,
                             zamok_session **session)
{
    zamok_id request;
    IS(ZAMOK_OK, zamok_request_id(bank, &request));
    return zamok_login_answer(bank, challenge, TEXT(text), &request, session);
}

/* A login that is answered by this method. */
static zamok_challenge *begin_by(zamok_cabinet *bank, const char *method)
{
    zamok_approach approach = { .size = sizeof approach, .client = "Firefox", .client_length = 7 };
    zamok_challenge *challenge;
    zamok_challenge_info asked = { .size = sizeof asked };
    approach.method = method;
    approach.method_length = strlen(method);
    approach.address = "192.0.2.7";
    approach.address_length = 9;
    IS(ZAMOK_OK, zamok_login_begin_from(bank, TEXT("ivan"), TEXT(password), &approach, &challenge));
    IS(ZAMOK_OK, zamok_challenge_describe(challenge, &asked));
    SAME(method, asked.method);
    approach.address = "nowhere";
    approach.address_length = 7;
    zamok_challenge *none;
    IS(ZAMOK_E_ARGUMENT, zamok_login_begin_from(bank, TEXT("ivan"), TEXT(password), &approach, &none));
    approach.address_length = 0;
    approach.method = "pigeon";
    approach.method_length = 6;
    IS(ZAMOK_E_METHOD_UNAVAILABLE, zamok_login_begin_from(bank, TEXT("ivan"), TEXT(password), &approach, &none));
    return challenge;
}

static void a_device_is_known_listed_blocked_and_forgotten(zamok_cabinet *bank, const zamok_totp *generator)
{
    char known[ZAMOK_DEVICE_TOKEN_LENGTH + 1], cut[8];
    size_t length;
    zamok_device_info device = { .size = sizeof device };
    zamok_session *session = log_in(bank, generator, "ivan");
    IS(ZAMOK_E_ARGUMENT, zamok_device_get(bank, session, 0, &device));
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_device_trust(bank, session, TEXT("laptop"), cut, sizeof cut, &length));
    IS(ZAMOK_DEVICE_TOKEN_LENGTH, length);
    IS(ZAMOK_E_ARGUMENT, zamok_device_get(bank, session, 0, &device));
    IS(ZAMOK_OK, zamok_device_trust(bank, session, TEXT("laptop"), known, sizeof known, &length));
    IS(ZAMOK_DEVICE_TOKEN_LENGTH, length);
    IS(0, strncmp("zamok-device-", known, 13));
    IS(ZAMOK_OK, zamok_device_get(bank, session, 0, &device));
    SAME("laptop", device.label);
    IS(ZAMOK_DEVICE_TRUSTED, device.state);
    IS(now, device.trusted);
    HOLDS(device.expires > now);
    /* A known device is no stranger at the next login, and nobody is told of a new one. */
    zamok_approach approach = { .size = sizeof approach, .device = known, .device_length = length };
    zamok_challenge *challenge;
    zamok_session *second;
    char code[ZAMOK_CODE_MAX + 1];
    later(60);
    IS(ZAMOK_OK, zamok_login_begin_from(bank, TEXT("ivan"), TEXT(password), &approach, &challenge));
    IS(ZAMOK_OK, zamok_totp_code(generator, now, code, sizeof code, &length));
    IS(ZAMOK_OK, answered(bank, challenge, code, &second));
    IS(ZAMOK_OK, zamok_device_get(bank, second, 0, &device));
    IS(now, device.last_login);
    zamok_challenge_free(challenge);
    zamok_session_free(second);
    zamok_id nobody = { { 0 } };
    IS(ZAMOK_E_DEVICE_UNKNOWN, zamok_device_block(bank, session, &nobody));
    IS(ZAMOK_OK, zamok_device_block(bank, session, &device.id));
    IS(ZAMOK_E_SESSION_ENDED, zamok_device_get(bank, session, 0, &device));
    zamok_session_free(session);
    session = log_in(bank, generator, "ivan");
    IS(ZAMOK_OK, zamok_device_get(bank, session, 0, &device));
    IS(ZAMOK_DEVICE_BLOCKED, device.state);
    IS(ZAMOK_E_DEVICE_UNKNOWN, zamok_device_block(bank, session, &device.id));
    IS(ZAMOK_OK, zamok_device_remove(bank, session, &device.id));
    IS(ZAMOK_E_ARGUMENT, zamok_device_get(bank, session, 0, &device));
    zamok_session_free(session);
}

static void a_certificate_signs(zamok_cabinet *bank, const zamok_totp *generator)
{
    uint8_t der[512], question[ZAMOK_DEVICE_QUESTION_LENGTH], signature[ZAMOK_SIGNATURE_MAX];
    char text[2 * ZAMOK_SIGNATURE_MAX];
    size_t length, bytes = der_of(&key, der);
    zamok_challenge *challenge;
    zamok_session *session = log_in(bank, generator, "ivan"), *opened;
    zamok_session_info whose = { .size = sizeof whose };
    IS(ZAMOK_OK, zamok_enrolment_begin(bank, session, &challenge));
    IS(ZAMOK_E_PUBLIC_KEY_UNUSABLE,
       zamok_enrolment_offer_certificate(bank, challenge, der, bytes - 1, TEXT("laptop")));
    IS(ZAMOK_OK, zamok_enrolment_offer_certificate(bank, challenge, der, bytes, TEXT("laptop")));
    IS(ZAMOK_E_REJECTED, zamok_challenge_number(bank, challenge, text, sizeof text, &length));
    IS(ZAMOK_OK, zamok_challenge_question(bank, challenge, question, sizeof question, &length));
    IS(sizeof question, length);
    text_of(signature, sign(&foreign, ZAMOK_DEVICE_ANSWER_SIGN, question, "", signature), text);
    IS(ZAMOK_E_REJECTED, zamok_enrolment_confirm(bank, challenge, TEXT(text)));
    text_of(signature, sign(&key, ZAMOK_DEVICE_ANSWER_SIGN, question, "", signature), text);
    IS(ZAMOK_OK, zamok_enrolment_confirm(bank, challenge, TEXT(text)));
    zamok_challenge_free(challenge);
    zamok_session_free(session);

    challenge = begin_by(bank, "certificate");
    IS(ZAMOK_E_REJECTED, answered(bank, challenge, text, &opened));
    IS(ZAMOK_OK, zamok_challenge_question(bank, challenge, question, sizeof question, &length));
    text_of(signature, sign(&key, ZAMOK_DEVICE_ANSWER_SIGN, question, "", signature), text);
    IS(ZAMOK_OK, answered(bank, challenge, text, &opened));
    IS(ZAMOK_OK, zamok_session_describe(opened, &whose));
    IS(ZAMOK_ASSURANCE_HIGH, whose.assurance);
    zamok_session_free(opened);
    IS(ZAMOK_E_REJECTED, answered(bank, challenge, text, &opened));
    zamok_challenge_free(challenge);
    IS(ZAMOK_E_ARGUMENT, zamok_device_message(4, question, sizeof question, NULL, 0, der, sizeof der, &length));
}

/* What the device is asked, of the one request that is due; what else is due is sent. */
static void asked_of(const zamok_outbox *outbox, uint8_t *request)
{
    zamok_message *message;
    zamok_message_info info = { .size = sizeof info };
    char text[8192];
    size_t length, found = 0;
    for (;;) {
        IS(ZAMOK_OK, zamok_outbox_take(outbox, &message));
        if (message == NULL)
            break;
        IS(ZAMOK_OK, zamok_message_describe(message, &info));
        if (info.channel == ZAMOK_CHANNEL_PUSH && info.urgent) {
            IS(ZAMOK_OK, zamok_message_part(message, ZAMOK_MESSAGE_ADDRESS, text, sizeof text, &length));
            SAME(endpoint, text);
            IS(ZAMOK_OK, zamok_message_part(message, ZAMOK_MESSAGE_TEXT, text, sizeof text, &length));
            const char *at = strstr(text, "\"request\":\"");
            HOLDS(at != NULL);
            at += 11;
            for (size_t i = 0; i < ZAMOK_DEVICE_QUESTION_LENGTH; i++, at += 2) {
                char pair[3] = { at[0], at[1], 0 };
                request[i] = (uint8_t)strtoul(pair, NULL, 16);
            }
            HOLDS(*at == '"');
            found++;
        }
        IS(ZAMOK_OK, zamok_message_sent(message, TEXT("own"), NULL, 0, 0));
        zamok_message_free(message);
    }
    IS(1, found);
}

static zamok_status approve(zamok_cabinet *bank, const zamok_id *id, const uint8_t *request, const char *number)
{
    uint8_t signature[ZAMOK_SIGNATURE_MAX];
    size_t length = sign(id, ZAMOK_DEVICE_ANSWER_APPROVE, request, number, signature);
    return zamok_device_approve(bank, request, ZAMOK_DEVICE_QUESTION_LENGTH, TEXT(number), signature, length);
}

static void a_device_approves_and_declines(zamok_cabinet *bank, const zamok_totp *generator)
{
    uint8_t der[512], request[ZAMOK_DEVICE_QUESTION_LENGTH], signature[ZAMOK_SIGNATURE_MAX];
    uint8_t point[ZAMOK_PUSH_KEY_LENGTH], secret[ZAMOK_PUSH_SECRET_LENGTH] = { 7 };
    char known[ZAMOK_DEVICE_TOKEN_LENGTH + 1], number[16], wrong[16];
    size_t length, bytes = der_of(&key, der);
    zamok_device_info device = { .size = sizeof device };
    zamok_challenge *challenge;
    zamok_session *session = log_in(bank, generator, "ivan"), *opened;
    zamok_outbox *outbox;
    IS(ZAMOK_OK, zamok_outbox_open(bank, NULL, &outbox));
    /* The point ends the SubjectPublicKeyInfo. */
    memcpy(point, der + bytes - sizeof point, sizeof point);
    IS(ZAMOK_E_DEVICE_UNKNOWN, zamok_device_subscribe(bank, session, TEXT(endpoint), point, sizeof point, secret,
                                                      sizeof secret));
    IS(ZAMOK_OK, zamok_device_trust(bank, session, TEXT("telephone"), known, sizeof known, &length));
    IS(ZAMOK_E_SUBSCRIPTION_UNUSABLE,
       zamok_device_subscribe(bank, session, TEXT("http://push.example"), point, sizeof point, secret, sizeof secret));
    IS(ZAMOK_E_SUBSCRIPTION_UNUSABLE,
       zamok_device_subscribe(bank, session, TEXT(endpoint), point, sizeof point - 1, secret, sizeof secret));
    IS(ZAMOK_OK, zamok_device_subscribe(bank, session, TEXT(endpoint), point, sizeof point, secret, sizeof secret));
    IS(ZAMOK_OK, zamok_device_get(bank, session, 0, &device));
    IS(ZAMOK_OK, zamok_enrolment_begin(bank, session, &challenge));
    zamok_id nobody = { { 0 } };
    IS(ZAMOK_E_DEVICE_UNKNOWN, zamok_enrolment_offer_push(bank, challenge, &nobody, der, bytes, TEXT("telephone")));
    IS(ZAMOK_OK, zamok_enrolment_offer_push(bank, challenge, &device.id, der, bytes, TEXT("telephone")));
    asked_of(outbox, request);
    IS(ZAMOK_OK, zamok_challenge_number(bank, challenge, number, sizeof number, &length));
    IS(ZAMOK_E_APPROVAL_PENDING, zamok_enrolment_confirm(bank, challenge, NULL, 0));
    IS(ZAMOK_OK, approve(bank, &key, request, number));
    IS(ZAMOK_OK, zamok_enrolment_confirm(bank, challenge, NULL, 0));
    zamok_challenge_free(challenge);

    later(60);
    challenge = begin_by(bank, "push");
    asked_of(outbox, request);
    IS(ZAMOK_OK, zamok_challenge_number(bank, challenge, number, sizeof number, &length));
    IS(ZAMOK_E_APPROVAL_PENDING, answered(bank, challenge, "", &opened));
    IS(ZAMOK_E_REJECTED, approve(bank, &foreign, request, number));
    IS(ZAMOK_OK, approve(bank, &key, request, number));
    IS(ZAMOK_OK, answered(bank, challenge, "", &opened));
    IS(ZAMOK_E_REJECTED, approve(bank, &key, request, number));
    zamok_session_free(opened);
    zamok_challenge_free(challenge);

    /* A wrong number ends what was asked, and so does a refusal. */
    later(60);
    challenge = begin_by(bank, "push");
    asked_of(outbox, request);
    IS(ZAMOK_OK, zamok_challenge_number(bank, challenge, number, sizeof number, &length));
    strcpy(wrong, number);
    wrong[0] = wrong[0] == '9' ? '0' : (char)(wrong[0] + 1);
    IS(ZAMOK_E_REJECTED, approve(bank, &key, request, wrong));
    IS(ZAMOK_E_REJECTED, approve(bank, &key, request, number));
    IS(ZAMOK_E_REJECTED, answered(bank, challenge, "", &opened));
    zamok_challenge_free(challenge);
    later(60);
    challenge = begin_by(bank, "push");
    asked_of(outbox, request);
    length = sign(&key, ZAMOK_DEVICE_ANSWER_APPROVE, request, "", signature);
    IS(ZAMOK_E_REJECTED, zamok_device_decline(bank, request, sizeof request, signature, length));
    length = sign(&key, ZAMOK_DEVICE_ANSWER_DECLINE, request, "", signature);
    IS(ZAMOK_OK, zamok_device_decline(bank, request, sizeof request, signature, length));
    IS(ZAMOK_E_REJECTED, answered(bank, challenge, "", &opened));
    zamok_challenge_free(challenge);
    IS(ZAMOK_OK, zamok_device_unsubscribe(bank, session));
    IS(ZAMOK_OK, zamok_device_unsubscribe(bank, session));
    zamok_outbox_free(outbox);
    zamok_session_free(session);
}

static void a_pin_counts_on_its_device_alone(zamok_cabinet *bank, const zamok_totp *generator)
{
    char known[ZAMOK_DEVICE_TOKEN_LENGTH + 1];
    size_t length;
    zamok_challenge *challenge;
    zamok_challenge_info asked = { .size = sizeof asked };
    zamok_session *session = log_in(bank, generator, "anna"), *opened;
    IS(ZAMOK_OK, zamok_enrolment_begin(bank, session, &challenge));
    IS(ZAMOK_E_DEVICE_UNKNOWN, zamok_enrolment_offer_pin(bank, session, challenge, TEXT("907215")));
    IS(ZAMOK_OK, zamok_device_trust(bank, session, TEXT("telephone"), known, sizeof known, &length));
    zamok_approach approach = { .size = sizeof approach, .device = known, .device_length = length };
    zamok_challenge *none;
    IS(ZAMOK_E_REJECTED, zamok_login_begin_by_device(bank, &approach, &none));
    IS(ZAMOK_E_PIN_UNUSABLE, zamok_enrolment_offer_pin(bank, session, challenge, TEXT("123456")));
    IS(ZAMOK_OK, zamok_enrolment_offer_pin(bank, session, challenge, TEXT("907215")));
    IS(ZAMOK_E_REJECTED, zamok_enrolment_confirm(bank, challenge, TEXT("907216")));
    IS(ZAMOK_OK, zamok_enrolment_confirm(bank, challenge, TEXT("907215")));
    zamok_challenge_free(challenge);
    IS(ZAMOK_OK, zamok_login_begin_by_device(bank, &approach, &challenge));
    IS(ZAMOK_OK, zamok_challenge_describe(challenge, &asked));
    SAME("PIN", asked.method);
    IS(ZAMOK_E_REJECTED, answered(bank, challenge, "907216", &opened));
    IS(ZAMOK_OK, answered(bank, challenge, "907215", &opened));
    zamok_challenge_free(challenge);
    zamok_session_free(opened);
    approach.device_length -= 1;
    IS(ZAMOK_E_REJECTED, zamok_login_begin_by_device(bank, &approach, &none));
    IS(ZAMOK_E_REJECTED, zamok_login_begin_by_device(bank, NULL, &none));
    IS(ZAMOK_E_NOT_ALLOWED, zamok_login_begin_by_phone(bank, TEXT(phone), &approach, &none));
    /* A token that is not even a text is a stranger's, and no error. */
    approach.device = "\xff";
    approach.device_length = 1;
    IS(ZAMOK_E_REJECTED, zamok_login_begin_by_device(bank, &approach, &none));
    later(60);
    IS(ZAMOK_OK, zamok_login_begin_from(bank, TEXT("anna"), TEXT(password), &approach, &challenge));
    zamok_challenge_free(challenge);
    zamok_session_free(session);
}

/* The text of the one message of a kind that is due; what else is due is sent. */
static void text_due(const zamok_outbox *outbox, const char *kind, char *text, size_t capacity)
{
    zamok_message *message;
    zamok_message_info info = { .size = sizeof info };
    size_t length, found = 0;
    text[0] = 0;
    for (;;) {
        IS(ZAMOK_OK, zamok_outbox_take(outbox, &message));
        if (message == NULL)
            break;
        IS(ZAMOK_OK, zamok_message_describe(message, &info));
        if (strcmp(info.kind, kind) == 0) {
            IS(ZAMOK_OK, zamok_message_part(message, ZAMOK_MESSAGE_TEXT, text, capacity, &length));
            found++;
        }
        IS(ZAMOK_OK, zamok_message_sent(message, TEXT("own"), NULL, 0, 0));
        zamok_message_free(message);
    }
    HOLDS(found <= 1);
}

static void a_phone_alone_and_what_its_owner_is_told(void)
{
    static const char lax[] = "profile = \"strict\"\n[password.cost]\nmemory_kib = 64\npasses = 1\n"
                              "[recovery.cost]\nmemory_kib = 64\npasses = 1\n[contact]\nlogin = true\n";
    zamok_options options = cheap();
    zamok_words words = { .size = sizeof words, .domain = "bank.example", .domain_length = 12 };
    zamok_cabinet *bank;
    zamok_outbox *outbox;
    zamok_challenge *challenge, *nobody;
    zamok_session *session;
    zamok_session_info whose = { .size = sizeof whose };
    char text[4096];
    options.policy = lax;
    options.policy_length = sizeof lax - 1;
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT("memory:"), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    IS(ZAMOK_OK, zamok_outbox_open(bank, &words, &outbox));
    IS(ZAMOK_OK, zamok_register(bank, TEXT("ivan"), TEXT(password)));
    IS(ZAMOK_OK, zamok_login_begin(bank, TEXT("ivan"), TEXT(password), NULL, 0, &challenge));
    IS(ZAMOK_OK, zamok_enrolment_offer_channel(bank, challenge, TEXT(phone)));
    text_due(outbox, "enrolment code", text, sizeof text);
    IS(ZAMOK_OK, zamok_enrolment_confirm(bank, challenge, TEXT(strchr(text, '#') + 1)));
    zamok_challenge_free(challenge);
    later(120);
    IS(ZAMOK_E_CONTACT_UNUSABLE, zamok_login_begin_by_phone(bank, TEXT("ivan"), NULL, &challenge));
    IS(ZAMOK_E_CONTACT_UNUSABLE, zamok_login_begin_by_phone(bank, "+7\xff", 3, NULL, &challenge));
    IS(ZAMOK_OK, zamok_login_begin_by_phone(bank, TEXT("+79160000000"), NULL, &nobody));
    IS(ZAMOK_OK, zamok_login_begin_by_phone(bank, TEXT(phone), NULL, &challenge));
    text_due(outbox, "login code", text, sizeof text);
    IS(ZAMOK_E_REJECTED, answered(bank, nobody, strchr(text, '#') + 1, &session));
    IS(ZAMOK_OK, answered(bank, challenge, strchr(text, '#') + 1, &session));
    IS(ZAMOK_OK, zamok_session_describe(session, &whose));
    IS(ZAMOK_ASSURANCE_LOW, whose.assurance);
    zamok_challenge_free(challenge);
    zamok_challenge_free(nobody);
    text_due(outbox, "nothing", text, sizeof text);

    zamok_id id;
    zamok_notice notice = { .size = sizeof notice, .priority = ZAMOK_PRIORITY_HIGH };
    IS(ZAMOK_E_ARGUMENT, zamok_notify(bank, TEXT("ivan"), &notice, &id));
    notice.category = "payment";
    notice.category_length = 7;
    IS(ZAMOK_E_NOTICE_UNUSABLE, zamok_notify(bank, TEXT("ivan"), &notice, &id));
    notice.text = "Pay 5";
    notice.text_length = 5;
    notice.title = "A bill";
    notice.title_length = 6;
    IS(ZAMOK_E_REJECTED, zamok_notify(bank, TEXT("nobody"), &notice, &id));
    notice.link = "http://bank.example";
    notice.link_length = strlen(notice.link);
    IS(ZAMOK_E_NOTICE_UNUSABLE, zamok_notify(bank, TEXT("ivan"), &notice, &id));
    notice.link_length = 0;
    notice.priority = 2;
    IS(ZAMOK_E_ARGUMENT, zamok_notify(bank, TEXT("ivan"), &notice, &id));
    notice.priority = ZAMOK_PRIORITY_HIGH;
    IS(ZAMOK_OK, zamok_notify(bank, TEXT("ivan"), &notice, &id));
    text_due(outbox, "notice", text, sizeof text);
    HOLDS(strstr(text, "Pay 5") != NULL);

    /* Its owner wants no SMS of this sort, and quiet at night. */
    zamok_preferences wanted = { .size = sizeof wanted }, found = { .size = sizeof found };
    uint32_t channel;
    IS(ZAMOK_OK, zamok_preferences_get(bank, session, &found));
    IS(0, found.quiet);
    SAME("", found.language);
    IS(ZAMOK_OK, zamok_preferences_channel(bank, session, TEXT("payment"), ZAMOK_CHANNEL_SMS, &channel));
    IS(ZAMOK_CHANNEL_DEFAULT, channel);
    IS(ZAMOK_OK, zamok_preferences_set_channel(bank, session, TEXT("payment"), ZAMOK_CHANNEL_SMS, ZAMOK_CHANNEL_OFF));
    IS(ZAMOK_OK, zamok_preferences_channel(bank, session, TEXT("payment"), ZAMOK_CHANNEL_SMS, &channel));
    IS(ZAMOK_CHANNEL_OFF, channel);
    IS(ZAMOK_OK, zamok_notify(bank, TEXT("ivan"), &notice, &id));
    text_due(outbox, "notice", text, sizeof text);
    SAME("", text);
    IS(ZAMOK_OK, zamok_preferences_set_channel(bank, session, TEXT("payment"), ZAMOK_CHANNEL_SMS, ZAMOK_CHANNEL_DEFAULT));
    IS(ZAMOK_OK, zamok_preferences_channel(bank, session, TEXT("payment"), ZAMOK_CHANNEL_SMS, &channel));
    IS(ZAMOK_CHANNEL_DEFAULT, channel);
    IS(ZAMOK_E_PREFERENCES_UNUSABLE,
       zamok_preferences_set_channel(bank, session, TEXT("security"), ZAMOK_CHANNEL_SMS, ZAMOK_CHANNEL_OFF));
    IS(ZAMOK_E_ARGUMENT, zamok_preferences_set_channel(bank, session, TEXT("payment"), ZAMOK_CHANNEL_SMS, 3));
    IS(ZAMOK_E_ARGUMENT, zamok_preferences_set_channel(bank, session, TEXT("payment"), 9, ZAMOK_CHANNEL_ON));
    IS(ZAMOK_E_ARGUMENT, zamok_preferences_channel(bank, session, TEXT("spam"), ZAMOK_CHANNEL_SMS, &channel));
    wanted.quiet = 1;
    wanted.quiet_from = 1320;
    wanted.quiet_until = 420;
    wanted.quiet_offset = -180;
    strcpy(wanted.language, "ru");
    IS(ZAMOK_OK, zamok_preferences_set(bank, session, &wanted));
    IS(ZAMOK_OK, zamok_preferences_get(bank, session, &found));
    HOLDS(found.quiet == 1 && found.quiet_from == 1320 && found.quiet_until == 420 && found.quiet_offset == -180);
    SAME("ru", found.language);
    wanted.quiet_until = 1320;
    IS(ZAMOK_E_ARGUMENT, zamok_preferences_set(bank, session, &wanted));
    wanted.quiet_until = UINT32_MAX;
    IS(ZAMOK_E_ARGUMENT, zamok_preferences_set(bank, session, &wanted));
    wanted.quiet_until = 420;
    wanted.quiet_offset = INT32_MAX;
    IS(ZAMOK_E_ARGUMENT, zamok_preferences_set(bank, session, &wanted));
    wanted.quiet = 2;
    IS(ZAMOK_E_ARGUMENT, zamok_preferences_set(bank, session, &wanted));
    wanted.quiet = 0;
    strcpy(wanted.language, "x y");
    IS(ZAMOK_E_PREFERENCES_UNUSABLE, zamok_preferences_set(bank, session, &wanted));
    /* The whole field without an end is a text of that length. */
    memset(wanted.language, 'a', sizeof wanted.language);
    IS(ZAMOK_E_PREFERENCES_UNUSABLE, zamok_preferences_set(bank, session, &wanted));
    zamok_session_free(session);
    zamok_outbox_free(outbox);
    zamok_cabinet_free(bank);
}

/* A key of SoftHSM's opens a slot: the token is made with its own tools. */
static void a_key_in_a_token_opens_a_slot(const char *folder)
{
    char place[4096], url[4200];
    zamok_options options = cheap();
    zamok_vault *officer, *user;
    zamok_slot_info slot = { .size = sizeof slot };
    uint32_t number;
    snprintf(place, sizeof place, "%s/softhsm2.conf", folder);
    FILE *configuration = fopen(place, "w");
    HOLDS(configuration != NULL);
    fprintf(configuration, "directories.tokendir = %s\nobjectstore.backend = file\n", folder);
    IS(0, fclose(configuration));
    IS(0, setenv("SOFTHSM2_CONF", place, 1));
    IS(0, system("softhsm2-util --init-token --free --label vault --pin 1234 --so-pin 5678 >/dev/null 2>&1"));
    IS(0, system("pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --login --pin 1234 --token-label vault --keygen "
                 "--key-type GENERIC:32 --label zamok --id 01 --sensitive --usage-sign >/dev/null 2>&1"));
    snprintf(url, sizeof url, "sqlite:%s/token.db", folder);
    zamok_secret secret = { .size = sizeof secret, .kind = ZAMOK_SECRET_TOKEN };
    IS(ZAMOK_E_ARGUMENT, zamok_vault_create_with(TEXT(url), &secret, &options, &user));
    secret.uri = "pkcs11:token=vault?module-path=/x.so";
    secret.uri_length = strlen(secret.uri);
    IS(ZAMOK_E_TOKEN_URI, zamok_vault_create_with(TEXT(url), &secret, &options, &user));
    secret.uri = token;
    secret.uri_length = sizeof token - 1;
    secret.text = "1234";
    secret.text_length = 4;
    /* What belongs to another kind is a mistake of whoever fills the struct. */
    secret.kind = ZAMOK_SECRET_PASSPHRASE;
    IS(ZAMOK_E_ARGUMENT, zamok_vault_create_with(TEXT(url), &secret, &options, &user));
    secret.kind = ZAMOK_SECRET_TOKEN;
    IS(ZAMOK_OK, zamok_vault_create(TEXT(url), TEXT("passphrase"), &options, &user));
    zamok_vault_free(user);
    IS(ZAMOK_OK, zamok_vault_open_as(TEXT(url), TEXT("passphrase"), ZAMOK_ROLE_OFFICER, &options, &officer));
    IS(ZAMOK_OK, zamok_slot_add_with(officer, ZAMOK_ROLE_USER, TEXT("token"), &secret, &options, &number));
    IS(ZAMOK_OK, zamok_slot_describe(officer, number, &slot));
    SAME("token", slot.method);
    zamok_vault_free(officer);
    secret.names_slot = 1;
    secret.slot = number;
    IS(ZAMOK_OK, zamok_vault_open_with(TEXT(url), &secret, ZAMOK_ROLE_USER, &options, &user));
    zamok_vault_free(user);
    secret.text = "4321";
    IS(ZAMOK_E_TOKEN_PIN, zamok_vault_open_with(TEXT(url), &secret, ZAMOK_ROLE_USER, &options, &user));
}

int main(int count, char **arguments)
{
    HOLDS(count == 2);
    IS(ZAMOK_OK, zamok_clock_new(now, &standing));
    zamok_options options = cheap();
    zamok_cabinet *bank;
    IS(ZAMOK_OK, zamok_vault_create(TEXT("memory:"), TEXT("passphrase"), &options, &keys));
    IS(ZAMOK_OK, zamok_key_generate_pair(keys, ZAMOK_KEY_P256, ZAMOK_PURPOSE_REQUEST, TEXT("device"), &key));
    IS(ZAMOK_OK, zamok_key_generate_pair(keys, ZAMOK_KEY_P256, ZAMOK_PURPOSE_REQUEST, TEXT("other"), &foreign));
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT("memory:"), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    zamok_totp ivan = enrol(bank, "ivan"), anna = enrol(bank, "anna");
    a_device_is_known_listed_blocked_and_forgotten(bank, &ivan);
    a_certificate_signs(bank, &ivan);
    a_device_approves_and_declines(bank, &ivan);
    a_pin_counts_on_its_device_alone(bank, &anna);
    zamok_totp_wipe(&ivan);
    zamok_totp_wipe(&anna);
    zamok_cabinet_free(bank);
    a_phone_alone_and_what_its_owner_is_told();
    a_key_in_a_token_opens_a_slot(arguments[1]);
    zamok_vault_free(keys);
    zamok_clock_free(standing);
    printf("devices: %lu claims\n", claims);
    return 0;
}
