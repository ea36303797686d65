// The header under C++: it compiles, names are C's, and alignments are what the library has.
#include <zamok.h>

#include <cstring>

static_assert(alignof(zamok_totp) == 64 && sizeof(zamok_totp) == 1024, "the layout of zamok_totp");
static_assert(sizeof(zamok_uri) == 192 && sizeof(zamok_checked) == 24, "the layout of structs");

int main()
{
    zamok_totp key;
    char code[ZAMOK_CODE_MAX + 1];
    size_t length = 0;
    const auto *secret = reinterpret_cast<const uint8_t *>("12345678901234567890");
    if (zamok_totp_init(&key, secret, 20, nullptr) != ZAMOK_OK)
        return 1;
    if (zamok_totp_code(&key, 59, code, sizeof code, &length) != ZAMOK_OK || std::strcmp(code, "287082") != 0)
        return 2;
    zamok_totp_wipe(&key);
    return 0;
}
