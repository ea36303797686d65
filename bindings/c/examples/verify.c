/*
 * verify.c: makes and checks a code without a vault.
 *
 *   cc verify.c $(pkg-config --cflags --libs zamok) -o verify && ./verify
 *   ./verify SECRET_IN_BASE32 CODE
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <zamok.h>

static int failed(const char *what, zamok_status status)
{
    fprintf(stderr, "verify: %s: %s\n", what, zamok_status_message(status));
    return status == ZAMOK_E_REJECTED ? 1 : 2;
}

int main(int argc, char **argv)
{
    /* The secret of RFC 6238, appendix B, and its code for the year 2005. */
    const char *text = argc > 1 ? argv[1] : "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    uint64_t now = argc > 1 ? (uint64_t)time(NULL) : 1111111109;
    const char *typed = argc > 2 ? argv[2] : "081804";
    uint8_t secret[ZAMOK_SECRET_MAX];
    size_t length = 0;
    zamok_totp key;

    zamok_status status = zamok_base32_decode(text, strlen(text), ZAMOK_ACCEPT_WEAK, secret, sizeof secret, &length);
    if (status != ZAMOK_OK)
        return failed("the secret", status);
    zamok_totp_parameters parameters = { .size = sizeof parameters, .flags = ZAMOK_ACCEPT_WEAK };
    status = zamok_totp_init(&key, secret, length, &parameters);
    zamok_wipe(secret, sizeof secret);
    if (status != ZAMOK_OK)
        return failed("the key", status);

    /* What a server keeps of each key. The code is spent once the new state has been stored. */
    zamok_totp_state state = { .size = sizeof state };
    zamok_checked checked = { .size = sizeof checked };
    status = zamok_totp_check(&key, typed, strlen(typed), now, 1, 1, 2, &state, &checked);
    if (status == ZAMOK_OK) {
        printf("accepted: step %llu\n", (unsigned long long)checked.step);
        /* The same code again: spent. */
        if (zamok_totp_check(&key, typed, strlen(typed), now, 1, 1, 2, &state, NULL) != ZAMOK_E_REJECTED)
            status = ZAMOK_E_PANIC;
    }
    zamok_totp_wipe(&key);
    return status == ZAMOK_OK ? 0 : failed("the code", status);
}
