/*
 * A program without a C library, an allocator or a loader, as firmware is: it computes and checks codes, reads a URI and
 * answers a challenge. Exits with the number of the first claim that does not hold, or 0. For x86-64 Linux, whose system
 * call to exit is all that it takes from there.
 */
#include <zamok.h>

/* What every freestanding program has to bring (C11, 4 paragraph 6; GCC asks for them). */
void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *place, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
int bcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    volatile unsigned char *out = to;
    const unsigned char *in = from;
    while (length-- > 0)
        *out++ = *in++;
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    volatile unsigned char *out = to;
    const volatile unsigned char *in = from;
    if ((size_t)out < (size_t)in)
        for (size_t i = 0; i < length; i++)
            out[i] = in[i];
    else
        for (size_t i = length; i > 0; i--)
            out[i - 1] = in[i - 1];
    return to;
}

void *memset(void *place, int byte, size_t length)
{
    volatile unsigned char *out = place;
    while (length-- > 0)
        *out++ = (unsigned char)byte;
    return place;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const volatile unsigned char *one = a, *other = b;
    for (size_t i = 0; i < length; i++)
        if (one[i] != other[i])
            return one[i] < other[i] ? -1 : 1;
    return 0;
}

int bcmp(const void *a, const void *b, size_t length)
{
    return memcmp(a, b, length);
}

size_t strlen(const char *text)
{
    const volatile char *end = text;
    while (*end != 0)
        end++;
    return (size_t)(end - text);
}

static int claims(void)
{
    static const uint8_t seed[] = "12345678901234567890";
    static const char uri[] = "otpauth://totp/Bank:ivan?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bank";
    static char text[ZAMOK_URI_MAX + 1];
    static zamok_totp totp;
    static zamok_hotp hotp;
    static zamok_ocra ocra;
    size_t length;
    uint64_t step;

    if (zamok_totp_init(&totp, seed, 20, NULL) != ZAMOK_OK)
        return 1;
    if (zamok_totp_code(&totp, 59, text, sizeof text, &length) != ZAMOK_OK || memcmp(text, "287082", 7) != 0)
        return 2;
    if (zamok_totp_verify(&totp, text, 6, 89, 1, 1, &step) != ZAMOK_OK || step != 1)
        return 3;
    if (zamok_totp_verify(&totp, text, 6, 120, 1, 1, &step) != ZAMOK_E_REJECTED)
        return 4;
    if (zamok_hotp_init(&hotp, seed, 20, NULL) != ZAMOK_OK
        || zamok_hotp_verify(&hotp, "755224", 6, 0, 3, &step) != ZAMOK_OK)
        return 5;
    zamok_uri read = { .size = sizeof read };
    if (zamok_uri_parse(uri, sizeof uri - 1, ZAMOK_STRICT, &read, text, sizeof text, &length) != ZAMOK_OK
        || read.secret_length != 20 || memcmp(text + read.account_at, "ivan", 5) != 0)
        return 6;
    static const char suite[] = "OCRA-1:HOTP-SHA1-6:QN08";
    zamok_ocra_input input = { .size = sizeof input, .question = "11111111", .question_length = 8 };
    if (zamok_ocra_init(&ocra, seed, 20, suite, sizeof suite - 1, 0) != ZAMOK_OK
        || zamok_ocra_respond(&ocra, &input, text, sizeof text, &length) != ZAMOK_OK || memcmp(text, "243178", 7) != 0)
        return 7;
    if (strlen(zamok_status_message(ZAMOK_E_REJECTED)) != 8)
        return 8;
    zamok_totp_wipe(&totp);
    if (zamok_totp_code(&totp, 59, text, sizeof text, &length) != ZAMOK_E_HANDLE)
        return 9;
    return 0;
}

/* Called with the stack as the kernel leaves it: aligned for this. */
void program(void)
{
    long status = claims();
    __asm__ volatile("syscall" : : "a"(231L), "D"(status) : "rcx", "r11", "memory"); /* exit_group */
    __builtin_unreachable();
}

__asm__(".globl _start\n_start:\n    xor %ebp, %ebp\n    and $-16, %rsp\n    call program\n");
