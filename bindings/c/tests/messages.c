/* The second layer: codes that are sent, and the outbox from which a service carries them. */
#define _POSIX_C_SOURCE 200809L

#include "house.h"

#include <pthread.h>

static const char phone[] = "+79161234567", mail[] = "ivan@example.org";

static void part(const zamok_message *message, uint32_t which, char *text, size_t capacity)
{
    size_t length, needed;
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_message_part(message, which, NULL, 0, &needed));
    IS(ZAMOK_OK, zamok_message_part(message, which, text, capacity, &length));
    IS(strlen(text), length);
    IS(needed, length);
}

/* The code in a text, as a person finds it: its digits are the first that are six. */
static void code_in(const char *text, char code[ZAMOK_CODE_MAX + 1])
{
    size_t digits = 0;
    for (; *text != 0; text++) {
        digits = *text >= '0' && *text <= '9' ? digits + 1 : 0;
        if (digits == 6) {
            memcpy(code, text - 5, 6);
            code[6] = 0;
            return;
        }
    }
    HOLDS(!"there is no code");
}

/* The one message of a kind that is due; others that are due are sent. */
static zamok_message *only(const zamok_outbox *outbox, const char *kind)
{
    zamok_message *message, *found = NULL;
    zamok_message_info info = { .size = sizeof info };
    for (;;) {
        IS(ZAMOK_OK, zamok_outbox_take(outbox, &message));
        if (message == NULL)
            break;
        IS(ZAMOK_OK, zamok_message_describe(message, &info));
        if (strcmp(info.kind, kind) == 0) {
            HOLDS(found == NULL);
            found = message;
        } else {
            IS(ZAMOK_OK, zamok_message_sent(message, TEXT("own"), NULL, 0, 0));
            zamok_message_free(message);
        }
    }
    HOLDS(found != NULL);
    return found;
}

/* An account whose codes come by SMS: from the code of its enrolment on, nothing but what was sent is used. */
static void enrol_phone(zamok_cabinet *bank, const zamok_outbox *outbox, const char *login, const char *number)
{
    zamok_challenge *challenge;
    zamok_message *message;
    char text[1024], code[ZAMOK_CODE_MAX + 1];
    IS(ZAMOK_OK, zamok_register(bank, TEXT(login), TEXT(password)));
    IS(ZAMOK_OK, zamok_login_begin(bank, TEXT(login), TEXT(password), NULL, 0, &challenge));
    IS(ZAMOK_E_CONTACT_UNUSABLE, zamok_enrolment_offer_channel(bank, challenge, TEXT("12")));
    IS(ZAMOK_E_NOT_ALLOWED, zamok_enrolment_offer_contact(bank, challenge, TEXT(number)));
    IS(ZAMOK_OK, zamok_enrolment_offer_channel(bank, challenge, TEXT(number)));
    message = only(outbox, "enrolment code");
    part(message, ZAMOK_MESSAGE_ADDRESS, text, sizeof text);
    SAME(number, text);
    part(message, ZAMOK_MESSAGE_TEXT, text, sizeof text);
    code_in(text, code);
    IS(ZAMOK_OK, zamok_message_sent(message, TEXT("smsc"), NULL, 0, 0));
    IS(ZAMOK_E_REJECTED, zamok_enrolment_confirm(bank, challenge, TEXT("none")));
    IS(ZAMOK_OK, zamok_enrolment_confirm(bank, challenge, TEXT(code)));
    zamok_message_free(message);
    zamok_challenge_free(challenge);
    later(60);
}

static zamok_challenge *begin(zamok_cabinet *bank, const char *login)
{
    zamok_challenge *challenge;
    IS(ZAMOK_OK, zamok_login_begin(bank, TEXT(login), TEXT(password), TEXT("Firefox on Linux"), &challenge));
    return challenge;
}

static zamok_session *answer(zamok_cabinet *bank, const zamok_challenge *challenge, const char *code)
{
    zamok_session *session;
    zamok_id request;
    IS(ZAMOK_OK, zamok_request_id(bank, &request));
    IS(ZAMOK_OK, zamok_login_answer(bank, challenge, TEXT(code), &request, &session));
    return session;
}

static void rejected(zamok_cabinet *bank, const zamok_challenge *challenge, const char *code)
{
    zamok_session *none;
    zamok_id request;
    IS(ZAMOK_OK, zamok_request_id(bank, &request));
    IS(ZAMOK_E_REJECTED, zamok_login_answer(bank, challenge, TEXT(code), &request, &none));
}

static void a_code_that_was_sent_lets_in(void)
{
    zamok_options options = cheap();
    zamok_words words = { .size = sizeof words, .domain = "bank.example", .domain_length = 12 };
    zamok_cabinet *bank;
    zamok_outbox *outbox, *other;
    zamok_message *message, *none;
    zamok_message_info info = { .size = sizeof info };
    zamok_challenge_info asked = { .size = sizeof asked };
    zamok_session_info whose = { .size = sizeof whose };
    char text[1024], code[ZAMOK_CODE_MAX + 1];
    size_t length;
    uint32_t matched;
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT("memory:"), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    IS(ZAMOK_OK, zamok_outbox_open(bank, &words, &outbox));
    IS(ZAMOK_OK, zamok_outbox_open(bank, NULL, &other));
    zamok_challenge *challenge;
    IS(ZAMOK_OK, zamok_register(bank, TEXT("anna"), TEXT(password)));
    IS(ZAMOK_OK, zamok_login_begin(bank, TEXT("anna"), TEXT(password), NULL, 0, &challenge));
    IS(ZAMOK_E_METHOD_TOO_WEAK, zamok_enrolment_offer_channel(bank, challenge, TEXT(mail)));
    zamok_challenge_free(challenge);
    enrol_phone(bank, outbox, "ivan", phone);

    challenge = begin(bank, "ivan");
    IS(ZAMOK_OK, zamok_challenge_describe(challenge, &asked));
    IS(ZAMOK_WANTS_CODE, asked.wants);
    SAME("SMS", asked.method);
    message = only(outbox, "login code");
    /* Leased: nobody is handed it again. */
    IS(ZAMOK_OK, zamok_outbox_take(outbox, &none));
    HOLDS(none == NULL);
    IS(ZAMOK_OK, zamok_outbox_take(other, &none));
    HOLDS(none == NULL);
    IS(ZAMOK_OK, zamok_message_describe(message, &info));
    IS(ZAMOK_CHANNEL_SMS, info.channel);
    IS(now, info.created);
    IS(asked.expires, info.expires);
    HOLDS(info.until > now);
    IS(1, info.attempt);
    IS(1, info.units);
    IS(1, info.urgent);
    part(message, ZAMOK_MESSAGE_TEXT, text, sizeof text);
    code_in(text, code);
    snprintf(text + strlen(text) + 1, 64, "\n\n@bank.example #%s", code);
    HOLDS(strstr(text, text + strlen(text) + 1) != NULL);
    for (uint32_t empty = ZAMOK_MESSAGE_SUBJECT; empty <= ZAMOK_MESSAGE_PUSH_SECRET; empty++)
        if (empty != ZAMOK_MESSAGE_TEXT) {
            IS(ZAMOK_OK, zamok_message_part(message, empty, text, 1, &length));
            IS(0, length);
        }
    IS(ZAMOK_E_ARGUMENT, zamok_message_part(message, 6, text, sizeof text, &length));
    IS(ZAMOK_E_ARGUMENT, zamok_message_sent(message, TEXT("smsc"), TEXT("17"), 2));
    IS(ZAMOK_OK, zamok_message_sent(message, TEXT("smsc"), TEXT("17\n18"), 1));
    IS(ZAMOK_OK, zamok_message_sent(message, TEXT("smsc"), TEXT("17\n18"), 1));
    zamok_session *session = answer(bank, challenge, code);
    IS(ZAMOK_OK, zamok_session_describe(session, &whose));
    IS(ZAMOK_ASSURANCE_SUBSTANTIAL, whose.assurance);
    HOLDS(memcmp(&whose.account, &info.account, sizeof info.account) == 0);
    rejected(bank, challenge, code);
    zamok_message_free(message);
    zamok_message_free(message);
    IS(ZAMOK_E_HANDLE, zamok_message_describe(message, &info));

    /* The owner is told of the device that nobody knew. */
    message = only(outbox, "new device");
    part(message, ZAMOK_MESSAGE_TEXT, text, sizeof text);
    HOLDS(strstr(text, "Firefox on Linux") != NULL);
    zamok_message_free(message);

    /* Receipts end what has two parts once both have arrived, in whatever encoding the carrier says it. */
    static const struct {
        const char *carrier, *id, *number;
        uint32_t state, matched;
    } receipts[] = {
        { "smsc", "17", "", ZAMOK_DELIVERY_ON_THE_WAY, ZAMOK_MATCHED_NOTED },
        { "smsc", "17", "79160000000", ZAMOK_DELIVERY_DELIVERED, ZAMOK_MATCHED_NOTHING },
        { "other", "17", "", ZAMOK_DELIVERY_DELIVERED, ZAMOK_MATCHED_NOTHING },
        { "smsc", "17", "79161234567", ZAMOK_DELIVERY_DELIVERED, ZAMOK_MATCHED_NOTED },
        { "smsc", "18", "", ZAMOK_DELIVERY_DELIVERED, ZAMOK_MATCHED_ENDED },
        { "smsc", "18", "", ZAMOK_DELIVERY_DELIVERED, ZAMOK_MATCHED_AGAIN },
    };
    for (size_t i = 0; i < sizeof receipts / sizeof receipts[0]; i++) {
        IS(ZAMOK_OK, zamok_message_receipt(bank, TEXT(receipts[i].carrier), TEXT(receipts[i].id), receipts[i].state,
                                           TEXT(receipts[i].number), "DELIVRD \xcf\xee", 10, &matched));
        IS(receipts[i].matched, matched);
    }
    IS(ZAMOK_E_ARGUMENT,
       zamok_message_receipt(bank, TEXT("smsc"), TEXT("17"), 5, NULL, 0, NULL, 0, &matched));

    zamok_session_free(session);
    zamok_challenge_free(challenge);
    zamok_cabinet_free(bank);
    /* The outbox keeps its cabinet. */
    IS(ZAMOK_OK, zamok_outbox_take(other, &none));
    zamok_message_free(none);
    zamok_outbox_free(other);
    zamok_outbox_free(outbox);
    IS(ZAMOK_E_HANDLE, zamok_outbox_take(outbox, &none));
}

static void what_is_late_is_not_handed_out(void)
{
    zamok_options options = cheap();
    zamok_cabinet *bank;
    zamok_outbox *outbox;
    zamok_message *first, *second, *none;
    zamok_message_info info = { .size = sizeof info }, again = { .size = sizeof again };
    zamok_challenge_info asked = { .size = sizeof asked };
    char text[1024], code[ZAMOK_CODE_MAX + 1], dead[ZAMOK_CODE_MAX + 1];
    size_t length;
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT("memory:"), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    IS(ZAMOK_OK, zamok_outbox_open(bank, NULL, &outbox));
    enrol_phone(bank, outbox, "ivan", phone);

    /* Another code kills the one before, which is not sent any more. */
    zamok_challenge *challenge = begin(bank, "ivan");
    first = only(outbox, "login code");
    part(first, ZAMOK_MESSAGE_TEXT, text, sizeof text);
    code_in(text, dead);
    IS(ZAMOK_OK, zamok_message_put_off(first, TEXT("smsc"), "no line\xff", 8));
    IS(ZAMOK_E_RESEND_TOO_SOON, zamok_challenge_send_again(bank, challenge));
    IS(ZAMOK_OK, zamok_error_text(text, sizeof text, &length));
    HOLDS(strstr(text, "seconds") != NULL);
    later(60);
    IS(ZAMOK_OK, zamok_challenge_send_again(bank, challenge));
    second = only(outbox, "login code");
    part(second, ZAMOK_MESSAGE_TEXT, text, sizeof text);
    code_in(text, code);
    rejected(bank, challenge, dead);
    zamok_session_free(answer(bank, challenge, code));
    zamok_message_free(first);
    zamok_message_free(second);
    zamok_challenge_free(challenge);

    /* An expired one neither. */
    later(60);
    challenge = begin(bank, "ivan");
    IS(ZAMOK_OK, zamok_challenge_describe(challenge, &asked));
    later(asked.expires - now);
    for (;;) {
        IS(ZAMOK_OK, zamok_outbox_take(outbox, &none));
        if (none == NULL)
            break;
        IS(ZAMOK_OK, zamok_message_describe(none, &info));
        IS(0, info.urgent);
        IS(ZAMOK_OK, zamok_message_refuse(none, NULL, 0, "not today\xff", 10));
        zamok_message_free(none);
    }
    IS(ZAMOK_E_REJECTED, zamok_challenge_send_again(bank, challenge));
    zamok_challenge_free(challenge);

    /* What nobody told of comes again under its id, and a late word counts for nothing. */
    challenge = begin(bank, "ivan");
    first = only(outbox, "login code");
    IS(ZAMOK_OK, zamok_message_describe(first, &info));
    later(info.until - now);
    second = only(outbox, "login code");
    IS(ZAMOK_OK, zamok_message_describe(second, &again));
    HOLDS(memcmp(&info.id, &again.id, sizeof info.id) == 0);
    IS(2, again.attempt);
    IS(ZAMOK_OK, zamok_message_refuse(first, NULL, 0, TEXT("slow")));
    part(second, ZAMOK_MESSAGE_TEXT, text, sizeof text);
    code_in(text, code);
    zamok_session_free(answer(bank, challenge, code));
    zamok_message_free(first);
    zamok_message_free(second);
    zamok_challenge_free(challenge);
    zamok_outbox_free(outbox);
    zamok_cabinet_free(bank);
}

static void factors_are_chosen_and_taken_away(void)
{
    zamok_options options = cheap();
    zamok_cabinet *bank;
    zamok_outbox *outbox;
    zamok_message *message;
    zamok_challenge *challenge, *switched;
    zamok_session *session, *fresh;
    zamok_id request;
    zamok_factor_info factor = { .size = sizeof factor };
    zamok_method_info method = { .size = sizeof method };
    zamok_challenge_info asked = { .size = sizeof asked };
    char text[1024], code[ZAMOK_CODE_MAX + 1];
    /* The strict policy takes no codes by e-mail as a factor. */
    static const char weak[] = "profile = \"strict\"\n[password.cost]\nmemory_kib = 64\npasses = 1\n"
                               "[factor]\nweakest = 1\n";
    options.policy = weak;
    options.policy_length = sizeof weak - 1;
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT("memory:"), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    IS(ZAMOK_OK, zamok_outbox_open(bank, NULL, &outbox));
    enrol_phone(bank, outbox, "ivan", phone);
    challenge = begin(bank, "ivan");
    message = only(outbox, "login code");
    part(message, ZAMOK_MESSAGE_TEXT, text, sizeof text);
    code_in(text, code);
    session = answer(bank, challenge, code);
    zamok_message_free(message);
    zamok_challenge_free(challenge);

    /* What changes the ways in wants its owner once more, after a while. */
    later(600);
    IS(ZAMOK_E_FRESH_AUTHENTICATION_NEEDED, zamok_enrolment_begin(bank, session, &challenge));
    IS(ZAMOK_E_METHOD_UNAVAILABLE, zamok_again_begin(bank, session, TEXT("generator"), &challenge));
    IS(ZAMOK_OK, zamok_again_begin(bank, session, TEXT("SMS"), &challenge));
    message = only(outbox, "code for authenticating again");
    part(message, ZAMOK_MESSAGE_TEXT, text, sizeof text);
    code_in(text, code);
    IS(ZAMOK_OK, zamok_request_id(bank, &request));
    IS(ZAMOK_E_REJECTED, zamok_again_answer(bank, session, challenge, TEXT("none"), &request, &fresh));
    IS(ZAMOK_OK, zamok_request_id(bank, &request));
    IS(ZAMOK_OK, zamok_again_answer(bank, session, challenge, TEXT(code), &request, &fresh));
    zamok_message_free(message);
    zamok_challenge_free(challenge);
    zamok_session_free(session);
    session = fresh;

    /* An address besides the phone. */
    IS(ZAMOK_OK, zamok_enrolment_begin(bank, session, &challenge));
    IS(ZAMOK_OK, zamok_enrolment_offer_channel(bank, challenge, TEXT(mail)));
    IS(ZAMOK_E_NOTHING_OFFERED, zamok_challenge_method(bank, challenge, 0, &method));
    message = only(outbox, "enrolment code");
    part(message, ZAMOK_MESSAGE_SUBJECT, text, sizeof text);
    part(message, ZAMOK_MESSAGE_ADDRESS, text, sizeof text);
    SAME(mail, text);
    part(message, ZAMOK_MESSAGE_TEXT, text, sizeof text);
    code_in(text, code);
    IS(ZAMOK_OK, zamok_enrolment_confirm(bank, challenge, TEXT(code)));
    zamok_message_free(message);
    zamok_challenge_free(challenge);
    IS(ZAMOK_OK, zamok_factor_get(bank, session, 0, &factor));
    SAME("SMS", factor.kind);
    SAME("+7\xc2\xb7\xc2\xb7\xc2\xb7" "4567", factor.hint);
    IS(ZAMOK_FACTOR_ACTIVE, factor.state);
    HOLDS(factor.last_used > factor.added);
    IS(ZAMOK_OK, zamok_factor_get(bank, session, 1, &factor));
    SAME("e-mail", factor.kind);
    IS(0, factor.last_used);
    IS(0, factor.until);
    IS(ZAMOK_E_ARGUMENT, zamok_factor_get(bank, session, 2, &factor));
    IS(ZAMOK_OK, zamok_factor_rename(bank, session, &factor.id, TEXT("the office")));
    memset(text, 'x', 129);
    IS(ZAMOK_E_TOO_LONG, zamok_factor_rename(bank, session, &factor.id, text, 129));
    IS(ZAMOK_E_REJECTED, zamok_factor_rename(bank, session, &request, TEXT("nobody's")));
    IS(ZAMOK_OK, zamok_factor_get(bank, session, 1, &factor));
    SAME("the office", factor.label);

    /* A login asks for the first; its owner takes the other. */
    later(60);
    challenge = begin(bank, "ivan");
    IS(ZAMOK_OK, zamok_challenge_method(bank, challenge, 1, &method));
    SAME("e-mail", method.method);
    SAME("i\xc2\xb7\xc2\xb7\xc2\xb7@example.org", method.hint);
    HOLDS(memcmp(&method.factor, &factor.id, sizeof factor.id) == 0);
    IS(ZAMOK_E_ARGUMENT, zamok_challenge_method(bank, challenge, 2, &method));
    IS(ZAMOK_E_METHOD_UNAVAILABLE, zamok_challenge_switch(bank, challenge, &request, &switched));
    IS(ZAMOK_OK, zamok_challenge_switch(bank, challenge, &factor.id, &switched));
    IS(ZAMOK_OK, zamok_challenge_describe(switched, &asked));
    SAME("e-mail", asked.method);
    message = only(outbox, "login code");
    part(message, ZAMOK_MESSAGE_TEXT, text, sizeof text);
    code_in(text, code);
    rejected(bank, challenge, code);
    zamok_session_free(session);
    session = answer(bank, switched, code);
    zamok_message_free(message);
    zamok_challenge_free(challenge);
    zamok_challenge_free(switched);

    IS(ZAMOK_E_REJECTED, zamok_factor_prefer(bank, session, &request));
    IS(ZAMOK_OK, zamok_factor_prefer(bank, session, &factor.id));
    IS(ZAMOK_OK, zamok_factor_get(bank, session, 1, &factor));
    SAME("SMS", factor.kind);
    IS(ZAMOK_OK, zamok_factor_drop(bank, session, &factor.id));
    /* A phone can take it back for a while, and is not dropped twice. */
    IS(ZAMOK_E_NOT_ALLOWED, zamok_factor_drop(bank, session, &factor.id));
    IS(ZAMOK_E_REJECTED, zamok_factor_drop(bank, session, &request));
    IS(ZAMOK_OK, zamok_factor_get(bank, session, 0, &factor));
    SAME("e-mail", factor.kind);
    IS(ZAMOK_E_LAST_FACTOR, zamok_factor_drop(bank, session, &factor.id));
    zamok_session_free(session);
    zamok_outbox_free(outbox);
    zamok_cabinet_free(bank);
}

/* The code in the one message of a kind that is due. */
static void code_of(const zamok_outbox *outbox, const char *kind, char code[ZAMOK_CODE_MAX + 1])
{
    char text[1024];
    zamok_message *message = only(outbox, kind);
    part(message, ZAMOK_MESSAGE_TEXT, text, sizeof text);
    code_in(text, code);
    IS(ZAMOK_OK, zamok_message_sent(message, TEXT("own"), NULL, 0, 0));
    zamok_message_free(message);
}

static void send_all(const zamok_outbox *outbox)
{
    zamok_message *message;
    for (;;) {
        IS(ZAMOK_OK, zamok_outbox_take(outbox, &message));
        if (message == NULL)
            return;
        IS(ZAMOK_OK, zamok_message_sent(message, TEXT("own"), NULL, 0, 0));
        zamok_message_free(message);
    }
}

static void nothing_is_due(const zamok_outbox *outbox)
{
    zamok_message *none;
    IS(ZAMOK_OK, zamok_outbox_take(outbox, &none));
    HOLDS(none == NULL);
}

/* PAM and forms ask for the code before they know whose it is: nothing is sent then, and nothing is charged. */
static void a_login_in_one_go_sends_nothing(void)
{
    zamok_options options = cheap();
    zamok_cabinet *bank;
    zamok_outbox *outbox;
    zamok_challenge *challenge;
    zamok_session *session, *none;
    zamok_approach approach = { .size = sizeof approach, .address = "192.0.2.7", .address_length = 9 };
    zamok_factor_info factor = { .size = sizeof factor };
    char code[ZAMOK_CODE_MAX + 1];
    size_t length;
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT("memory:"), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    IS(ZAMOK_OK, zamok_outbox_open(bank, NULL, &outbox));
    enrol_phone(bank, outbox, "ivan", phone);
    send_all(outbox);
    IS(ZAMOK_E_REJECTED, zamok_login(bank, TEXT("ivan"), TEXT("wrong"), TEXT("123456"), &none));
    IS(ZAMOK_E_METHOD_UNAVAILABLE, zamok_login(bank, TEXT("ivan"), TEXT(password), TEXT("123456"), &none));
    nothing_is_due(outbox);

    /* One that prefers codes by SMS and has a generator besides logs in with the generator. */
    zamok_totp generator = enrol(bank, "anna");
    session = log_in(bank, &generator, "anna");
    IS(ZAMOK_OK, zamok_enrolment_begin(bank, session, &challenge));
    IS(ZAMOK_OK, zamok_enrolment_offer_channel(bank, challenge, TEXT("+79160000001")));
    code_of(outbox, "enrolment code", code);
    IS(ZAMOK_OK, zamok_enrolment_confirm(bank, challenge, TEXT(code)));
    zamok_challenge_free(challenge);
    IS(ZAMOK_OK, zamok_factor_get(bank, session, 1, &factor));
    IS(ZAMOK_OK, zamok_factor_prefer(bank, session, &factor.id));
    zamok_session_free(session);
    send_all(outbox);
    later(60);
    IS(ZAMOK_E_REJECTED, zamok_login(bank, TEXT("anna"), TEXT(password), TEXT("00000000"), &none));
    IS(ZAMOK_OK, zamok_totp_code(&generator, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_login_from(bank, TEXT("anna"), TEXT(password), code, length, &approach, &session));
    zamok_message *told = only(outbox, "new device");
    zamok_message_free(told);
    zamok_session_free(session);
    approach.method = "SMS";
    approach.method_length = 3;
    IS(ZAMOK_E_METHOD_UNAVAILABLE,
       zamok_login_from(bank, TEXT("anna"), TEXT(password), TEXT("123456"), &approach, &none));
    approach.method = "generator";
    approach.method_length = 9;
    approach.address = "nowhere";
    approach.address_length = 7;
    IS(ZAMOK_E_ARGUMENT, zamok_login_from(bank, TEXT("anna"), TEXT(password), TEXT("123456"), &approach, &none));
    nothing_is_due(outbox);
    zamok_totp_wipe(&generator);
    zamok_outbox_free(outbox);
    zamok_cabinet_free(bank);
}

static void a_channel_is_replaced_and_taken_back(void)
{
    zamok_options options = cheap();
    zamok_cabinet *bank;
    zamok_outbox *outbox;
    zamok_challenge *challenge, *enrolment, *agreement;
    zamok_session *session, *back;
    zamok_id request;
    zamok_factor_info old = { .size = sizeof old }, stands = { .size = sizeof stands };
    char code[ZAMOK_CODE_MAX + 1];
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT("memory:"), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    IS(ZAMOK_OK, zamok_outbox_open(bank, NULL, &outbox));
    enrol_phone(bank, outbox, "ivan", phone);
    IS(ZAMOK_E_METHOD_UNAVAILABLE, zamok_undo_begin(bank, TEXT("ivan"), TEXT(password), NULL, &challenge));
    challenge = begin(bank, "ivan");
    code_of(outbox, "login code", code);
    session = answer(bank, challenge, code);
    zamok_challenge_free(challenge);
    IS(ZAMOK_OK, zamok_factor_get(bank, session, 0, &old));

    later(60);
    IS(ZAMOK_OK, zamok_request_id(bank, &request));
    IS(ZAMOK_E_REJECTED, zamok_change_begin(bank, session, &request, &enrolment, &agreement));
    IS(ZAMOK_OK, zamok_change_begin(bank, session, &old.id, &enrolment, &agreement));
    HOLDS(agreement != NULL);
    code_of(outbox, "code for agreeing to a change", code);
    IS(ZAMOK_E_REJECTED, zamok_change_agree(bank, session, agreement, TEXT("none"), &request));
    IS(ZAMOK_OK, zamok_request_id(bank, &request));
    IS(ZAMOK_OK, zamok_change_agree(bank, session, agreement, TEXT(code), &request));
    zamok_challenge_free(agreement);
    IS(ZAMOK_OK, zamok_enrolment_offer_channel(bank, enrolment, TEXT("+79160000001")));
    code_of(outbox, "enrolment code", code);
    IS(ZAMOK_OK, zamok_enrolment_confirm(bank, enrolment, TEXT(code)));
    zamok_challenge_free(enrolment);
    IS(ZAMOK_OK, zamok_factor_get(bank, session, 0, &stands));
    HOLDS(memcmp(&old.id, &stands.id, sizeof old.id) != 0);
    SAME("+7\xc2\xb7\xc2\xb7\xc2\xb7" "0001", stands.hint);

    /* The old phone takes it back: whoever made the change is out. */
    later(3600);
    IS(ZAMOK_E_REJECTED, zamok_undo_begin(bank, TEXT("ivan"), TEXT("wrong"), NULL, &challenge));
    IS(ZAMOK_OK, zamok_undo_begin(bank, TEXT("ivan"), TEXT(password), NULL, &challenge));
    code_of(outbox, "code for taking a change back", code);
    rejected(bank, challenge, code);
    IS(ZAMOK_OK, zamok_request_id(bank, &request));
    IS(ZAMOK_E_REJECTED, zamok_undo_answer(bank, challenge, TEXT("none"), &request, &back));
    IS(ZAMOK_OK, zamok_request_id(bank, &request));
    IS(ZAMOK_OK, zamok_undo_answer(bank, challenge, TEXT(code), &request, &back));
    zamok_challenge_free(challenge);
    IS(ZAMOK_E_SESSION_ENDED, zamok_factor_get(bank, session, 0, &stands));
    IS(ZAMOK_OK, zamok_factor_get(bank, back, 0, &stands));
    HOLDS(memcmp(&old.id, &stands.id, sizeof old.id) == 0);
    IS(ZAMOK_FACTOR_ACTIVE, stands.state);
    IS(ZAMOK_E_ARGUMENT, zamok_factor_get(bank, back, 1, &stands));
    zamok_session_free(session);
    zamok_session_free(back);
    zamok_outbox_free(outbox);
    zamok_cabinet_free(bank);
}

static void words_are_the_service_s_own(void)
{
    zamok_options options = cheap();
    static const char own[] = "language = \"en\"\n[factor-added]\nsubject = \"s\"\nshort = \"Ours: {factor}.\"\n";
    static const char hidden[] = "language = \"en\"\n[login-code]\nsubject = \"s\"\nshort = \"no code\"\n";
    zamok_words words = { .size = sizeof words };
    zamok_cabinet *bank;
    zamok_outbox *outbox, *none;
    char text[1024];
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT("memory:"), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    IS(ZAMOK_OK, zamok_outbox_open(bank, NULL, &outbox));
    zamok_challenge *challenge;
    IS(ZAMOK_OK, zamok_register(bank, TEXT("ivan"), TEXT(password)));
    IS(ZAMOK_OK, zamok_login_begin(bank, TEXT("ivan"), TEXT(password), NULL, 0, &challenge));
    IS(ZAMOK_OK, zamok_enrolment_offer_channel(bank, challenge, TEXT(phone)));
    char code[ZAMOK_CODE_MAX + 1];
    zamok_message *message = only(outbox, "enrolment code");
    part(message, ZAMOK_MESSAGE_TEXT, text, sizeof text);
    code_in(text, code);
    IS(ZAMOK_OK, zamok_enrolment_confirm(bank, challenge, TEXT(code)));
    zamok_message_free(message);
    zamok_challenge_free(challenge);
    zamok_outbox_free(outbox);
    words.language = "de";
    words.language_length = 2;
    IS(ZAMOK_E_ARGUMENT, zamok_outbox_open(bank, &words, &none));
    words.language_length = 0;
    words.templates = hidden;
    words.templates_length = strlen(hidden);
    IS(ZAMOK_E_ARGUMENT, zamok_outbox_open(bank, &words, &none));
    words.templates = own;
    words.templates_length = strlen(own);
    IS(ZAMOK_OK, zamok_outbox_open(bank, &words, &outbox));
    message = only(outbox, "factor added");
    part(message, ZAMOK_MESSAGE_TEXT, text, sizeof text);
    SAME("Ours: SMS.", text);
    zamok_message_free(message);
    zamok_outbox_free(outbox);
    zamok_cabinet_free(bank);
}

/* Messages that threads have taken, by their ids. */
static zamok_id taken[64];
static size_t count;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void *carry(void *outbox)
{
    for (;;) {
        zamok_message *message;
        zamok_message_info info = { .size = sizeof info };
        zamok_status status = zamok_outbox_take(outbox, &message);
        if (status == ZAMOK_E_BUSY || status == ZAMOK_E_STORE_CONTENDED)
            continue;
        IS(ZAMOK_OK, status);
        if (message == NULL)
            return NULL;
        IS(ZAMOK_OK, zamok_message_describe(message, &info));
        IS(ZAMOK_OK, zamok_message_sent(message, TEXT("own"), NULL, 0, 0));
        zamok_message_free(message);
        pthread_mutex_lock(&turn);
        HOLDS(count < sizeof taken / sizeof taken[0]);
        taken[count++] = info.id;
        pthread_mutex_unlock(&turn);
    }
}

static void each_message_is_one_thread_s(const char *folder)
{
    char url[4096], login[32], number[32];
    zamok_options options = cheap();
    zamok_cabinet *bank, *second;
    zamok_outbox *outbox, *other;
    pthread_t threads[4];
    snprintf(url, sizeof url, "sqlite:%s/messages.db", folder);
    IS(ZAMOK_OK, zamok_cabinet_create(TEXT(url), TEXT("passphrase"), TEXT("Bank"), &options, &bank));
    IS(ZAMOK_OK, zamok_cabinet_open(TEXT(url), TEXT("passphrase"), &options, &second));
    IS(ZAMOK_OK, zamok_outbox_open(bank, NULL, &outbox));
    IS(ZAMOK_OK, zamok_outbox_open(second, NULL, &other));
    for (int i = 0; i < 5; i++) {
        snprintf(login, sizeof login, "user%d", i);
        snprintf(number, sizeof number, "+7916123450%d", i);
        enrol_phone(bank, outbox, login, number);
    }
    carry(outbox);
    count = 0;
    for (int i = 0; i < 5; i++) {
        snprintf(login, sizeof login, "user%d", i);
        zamok_challenge_free(begin(bank, login));
    }
    for (size_t i = 0; i < 4; i++)
        IS(0, pthread_create(&threads[i], NULL, carry, i % 2 == 0 ? outbox : other));
    for (size_t i = 0; i < 4; i++)
        IS(0, pthread_join(threads[i], NULL));
    carry(other);
    IS(5, count);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            HOLDS(memcmp(&taken[i], &taken[j], sizeof taken[i]) != 0);
    zamok_outbox_free(outbox);
    zamok_outbox_free(other);
    zamok_cabinet_free(second);
    zamok_cabinet_free(bank);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    IS(ZAMOK_OK, zamok_clock_new(now, &standing));
    a_code_that_was_sent_lets_in();
    what_is_late_is_not_handed_out();
    factors_are_chosen_and_taken_away();
    a_login_in_one_go_sends_nothing();
    a_channel_is_replaced_and_taken_back();
    words_are_the_service_s_own();
    each_message_is_one_thread_s(argv[1]);
    zamok_clock_free(standing);
    printf("messages: %lu claims\n", claims);
    return 0;
}
