#include "image/digest.h"

#include <string.h>

#include "base/str.h"

static const char prefix[] = "sha256:";

static int refuse(const char *text, const char *why, struct kist_error *err)
{
    char shown[KIST_DIGEST_TEXT_MAX + 8];

    return kist_error_set(err, KIST_E_CORRUPT, "invalid digest '%s': %s", kist_str_printable(shown, sizeof(shown), text), why);
}

int kist_digest_parse(struct kist_digest *d, const char *text, struct kist_error *err)
{
    const char *hex = text + sizeof(prefix) - 1;
    char why[64];

    if (!kist_str_starts(text, prefix)) {
        return refuse(text, "only sha256 is known", err);
    }
    if (strlen(hex) != KIST_DIGEST_HEX_MAX - 1) {
        return refuse(text, kist_str_format(why, sizeof(why), "it needs 64 hex digits, not %zu", strlen(hex)) ? why : "", err);
    }
    if (!kist_str_unhex(d->bytes, sizeof(d->bytes), hex)) {
        return refuse(text, "not lower-case hex digits", err);
    }
    return 0;
}

char *kist_digest_text(char dst[KIST_DIGEST_TEXT_MAX], const struct kist_digest *d)
{
    memcpy(dst, prefix, sizeof(prefix) - 1);
    kist_str_hex(dst + sizeof(prefix) - 1, d->bytes, sizeof(d->bytes));
    return dst;
}

char *kist_digest_hex(char dst[KIST_DIGEST_HEX_MAX], const struct kist_digest *d)
{
    kist_str_hex(dst, d->bytes, sizeof(d->bytes));
    return dst;
}

bool kist_digest_equal(const struct kist_digest *a, const struct kist_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

int kist_digest_compare(const struct kist_digest *a, const struct kist_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

void kist_digest_of(struct kist_digest *d, const void *data, size_t len)
{
    struct kist_sha256 hash;

    kist_sha256_init(&hash);
    kist_sha256_update(&hash, data, len);
    kist_sha256_final(&hash, d->bytes);
}
