#include "codec/base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int kist_base64_encode(struct kist_buf *out, const void *data, size_t len, struct kist_error *err)
{
    const unsigned char *p = data;
    int rc = kist_buf_reserve(out, len < SIZE_MAX / 2 ? (len + 2) / 3 * 4 : len, err);
    char *text;

    if (rc < 0) {
        return rc;
    }
    text = out->data + out->len;
    for (; len > 0; p += 3) {
        size_t take = KIST_MIN(len, (size_t)3);
        uint32_t bits = (uint32_t)p[0] << 16 | (take > 1 ? (uint32_t)p[1] << 8 : 0) | (take > 2 ? p[2] : 0);

        *text++ = alphabet[bits >> 18];
        *text++ = alphabet[bits >> 12 & 63];
        *text++ = '=';
        *text++ = '=';
        if (take > 1) {
            text[-2] = alphabet[bits >> 6 & 63];
        }
        if (take > 2) {
            text[-1] = alphabet[bits & 63];
        }
        len -= take;
    }
    *text = '\0';
    out->len = (size_t)(text - out->data);
    return 0;
}

static int digit_value(char c)
{
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

/* Digits before the padding; false where the padding is not right or a digit alone is left. */
static bool count_digits(const char *text, size_t *digits)
{
    size_t len = strlen(text), padding = 0;

    while (padding < 2 && padding < len && text[len - 1 - padding] == '=') {
        padding++;
    }
    *digits = len - padding;
    return *digits % 4 != 1 && (padding == 0 || len % 4 == 0);
}

int kist_base64_decode(struct kist_buf *out, const char *text, struct kist_error *err)
{
    size_t digits, start = out->len;
    uint32_t bits = 0;
    int rc;

    if (!count_digits(text, &digits)) {
        return kist_error_set(err, KIST_E_CORRUPT, "not base64: wrong length");
    }
    rc = kist_buf_reserve(out, digits / 4 * 3 + 2, err);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < digits; i++) {
        int value = digit_value(text[i]);

        if (value < 0) {
            out->len = start;
            out->data[start] = '\0';
            return kist_error_set(err, KIST_E_CORRUPT, "not base64: character %zu", i + 1);
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0) {
            out->data[out->len++] = (char)(bits >> (6 - 2 * (i % 4)));
        }
    }
    out->data[out->len] = '\0';
    return 0;
}
