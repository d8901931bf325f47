#include "cmd/alias.h"

#include <string.h>

#include "image/reference.h"

int kist_alias_check(const char *entry, struct kist_error *err)
{
    const char *target = strchr(entry, '=');
    bool prefix = target && target > entry && target[-1] == '/';
    char text[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference r;

    if (!target || target == entry || strcspn(entry, ":@") < (size_t)(target - entry) ||
        kist_str_ends(target, "/") != prefix) {
        return kist_error_set(err, KIST_E_USAGE, "registry.alias '%.100s' is not as 'base=registry.lan/base' or 'lan/=registry.lan/'",
                              entry);
    }
    if (!kist_str_format(text, sizeof(text), "%s%s", target + 1, prefix ? "x" : "")) {
        return kist_error_set(err, KIST_E_USAGE, "registry.alias '%.100s' is too long", entry);
    }
    if (kist_reference_parse(&r, text, err) < 0) {
        return kist_error_wrap(err, "registry.alias '%.100s'", entry);
    }
    return 0;
}

/* Bytes of text before its tag or digest. */
static size_t name_length(const char *text)
{
    const char *slash = strrchr(text, '/');
    const char *last = slash ? slash : text;

    return (size_t)(last - text) + strcspn(last, ":@");
}

bool kist_alias_expand(const struct kist_strv *aliases, const char *text, char *dst, size_t size)
{
    size_t name = name_length(text);

    for (size_t i = 0; i < aliases->n; i++) {
        const char *target = strchr(aliases->v[i], '=');
        size_t len = target ? (size_t)(target - aliases->v[i]) : 0;
        bool prefix = len > 0 && target[-1] == '/';

        if (len > 0 && (prefix ? name > len : name == len) && memcmp(text, aliases->v[i], len) == 0) {
            return kist_str_format(dst, size, "%s%s", target + 1, text + len);
        }
    }
    return false;
}
