/* A service as the tests know it: a clock that stands, accounts with a generator, what costs little. */
#ifndef HOUSE_H
#define HOUSE_H

#include "check.h"

static const char password[] = "a garden behind the station";
static const char policy[] = "profile = \"strict\"\n[password.cost]\nmemory_kib = 64\npasses = 1\n"
                             "[recovery.cost]\nmemory_kib = 64\npasses = 1\n";
static zamok_clock *standing;
static uint64_t now = 1800000000;

static zamok_options cheap(void)
{
    zamok_options options = { .size = sizeof options, .argon2_memory_kib = 64, .argon2_passes = 1 };
    options.policy = policy;
    options.policy_length = sizeof policy - 1;
    options.clock = standing;
    return options;
}

static inline zamok_totp enrol(zamok_cabinet *bank, const char *login)
{
    char uri[ZAMOK_URI_MAX + 1], texts[ZAMOK_URI_MAX], code[ZAMOK_CODE_MAX + 1];
    size_t length;
    zamok_challenge *challenge;
    zamok_totp phone;
    zamok_uri read = { .size = sizeof read };
    zamok_challenge_info info = { .size = sizeof info };
    IS(ZAMOK_OK, zamok_register(bank, TEXT(login), TEXT(password)));
    IS(ZAMOK_E_LOGIN_TAKEN, zamok_register(bank, TEXT(login), TEXT(password)));
    IS(ZAMOK_E_REJECTED, zamok_login_begin(bank, TEXT(login), TEXT("no"), NULL, 0, &challenge));
    IS(ZAMOK_OK, zamok_login_begin(bank, TEXT(login), TEXT(password), NULL, 0, &challenge));
    IS(ZAMOK_OK, zamok_challenge_describe(challenge, &info));
    IS(ZAMOK_WANTS_ENROLMENT, info.wants);
    /* With too little room nothing is made: the next call makes the first offer. */
    IS(ZAMOK_E_BUFFER_TOO_SMALL, zamok_enrolment_offer(bank, challenge, uri, 100, &length));
    IS(ZAMOK_URI_MAX, length);
    IS(ZAMOK_E_NOTHING_OFFERED, zamok_enrolment_confirm(bank, challenge, TEXT("123456")));
    IS(ZAMOK_OK, zamok_enrolment_offer(bank, challenge, uri, sizeof uri, &length));
    IS(ZAMOK_OK, zamok_uri_parse(uri, length, ZAMOK_STRICT, &read, texts, sizeof texts, &length));
    IS(ZAMOK_OK, zamok_totp_init(&phone, read.secret, read.secret_length, NULL));
    IS(ZAMOK_OK, zamok_totp_code(&phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_enrolment_confirm(bank, challenge, code, length));
    zamok_challenge_free(challenge);
    return phone;
}

static void later(uint64_t seconds)
{
    now += seconds;
    IS(ZAMOK_OK, zamok_clock_set(standing, now));
}

static inline zamok_session *log_in(zamok_cabinet *bank, const zamok_totp *phone, const char *login)
{
    char code[ZAMOK_CODE_MAX + 1];
    size_t length;
    zamok_session *session;
    /* Codes come from one step before to one after: the next but one is new in any case. */
    later(60);
    IS(ZAMOK_OK, zamok_totp_code(phone, now, code, sizeof code, &length));
    IS(ZAMOK_OK, zamok_login(bank, TEXT(login), TEXT(password), code, length, &session));
    return session;
}

#endif
