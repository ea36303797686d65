/*
 * sign.c: a document signed by a key that never leaves the vault.
 *
 *   cc sign.c $(pkg-config --cflags --libs zamok) -o sign
 *   ./sign note.txt          writes note.txt.sig and note.txt.pem
 *   openssl dgst -sha256 -verify note.txt.pem -signature note.txt.sig note.txt
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zamok.h>

#define TEXT(t) (t), strlen(t)

static int write_file(const char *name, const char *end, const void *bytes, size_t length)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s%s", name, end) >= (int)sizeof path)
        return 2;
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        return 2;
    }
    int wrong = fwrite(bytes, 1, length, file) != length;
    wrong |= fclose(file) != 0;
    return wrong ? 2 : 0;
}

int main(int argc, char **argv)
{
    zamok_vault *vault = NULL;
    zamok_id id;
    uint8_t *document = NULL, signature[ZAMOK_SIGNATURE_MAX];
    char pem[1024];
    size_t length = 0, signature_length = 0, pem_length = 0;
    zamok_status status;
    int result = 2;
    /* A vault in memory: it is gone at the end. A service opens one at "sqlite:..." or "postgres://...". */
    zamok_options options = { .size = sizeof options, .argon2_memory_kib = 64, .argon2_passes = 1 };

    if (argc != 2) {
        fprintf(stderr, "usage: sign FILE\n");
        return 2;
    }
    FILE *file = fopen(argv[1], "rb");
    if (file == NULL) {
        perror(argv[1]);
        return 2;
    }
    if (fseek(file, 0, SEEK_END) == 0 && ftell(file) >= 0) {
        length = (size_t)ftell(file);
        rewind(file);
        document = malloc(length + 1);
        if (document != NULL)
            length = fread(document, 1, length, file);
    }
    fclose(file);
    if (document == NULL)
        return 2;

    status = zamok_vault_create(TEXT("memory:"), TEXT("six random words or more"), &options, &vault);
    if (status == ZAMOK_OK)
        status = zamok_key_generate_pair(vault, ZAMOK_KEY_P256, ZAMOK_PURPOSE_DOCUMENT, TEXT("notes"), &id);
    if (status == ZAMOK_OK)
        status = zamok_key_sign(vault, &id, ZAMOK_PURPOSE_DOCUMENT, document, length, TEXT(argv[1]), signature,
                                sizeof signature, &signature_length);
    if (status == ZAMOK_OK)
        status = zamok_key_public(vault, &id, pem, sizeof pem, &pem_length);
    if (status == ZAMOK_OK)
        status = zamok_signature_verify(pem, pem_length, document, length, signature, signature_length);
    if (status == ZAMOK_OK)
        result = write_file(argv[1], ".sig", signature, signature_length) | write_file(argv[1], ".pem", pem, pem_length);
    else
        fprintf(stderr, "sign: %s\n", zamok_status_message(status));
    zamok_vault_free(vault);
    free(document);
    return result;
}
