#include <string.h>

#include "base/str.h"
#include "private.h"

#define ID_MAX (KIST_DIGEST_HEX_MAX - 1)

/* text's hex digits where it may be an image ID: "sha256:<1 to 64 digits>", or the digits alone. */
static const char *id_of(const char *text, bool *sure)
{
    const char *hex = text;
    size_t len;

    if (kist_str_starts(text, "sha256:")) {
        hex += strlen("sha256:");
    }
    len = strlen(hex);
    *sure = hex != text || len == ID_MAX;
    return len > 0 && len <= ID_MAX && strspn(hex, "0123456789abcdef") == len ? hex : NULL;
}

/* 1 and *found, 0: none, KIST_E_CONFLICT: several. */
static int find_id(const struct kist_image_list *list, const char *prefix, const struct kist_image **found,
                   struct kist_error *err)
{
    size_t len = strlen(prefix);

    *found = NULL;
    for (size_t i = 0; i < list->n; i++) {
        char hex[KIST_DIGEST_HEX_MAX];

        if (strncmp(kist_digest_hex(hex, &list->v[i].config), prefix, len) != 0) {
            continue;
        }
        if (*found && !kist_digest_equal(&(*found)->config, &list->v[i].config)) {
            *found = NULL;
            return kist_error_set(err, KIST_E_CONFLICT, "image ID '%s' is ambiguous: several begin so",
                                  prefix);
        }
        if (!*found) {
            *found = &list->v[i];
        }
    }
    return *found ? 1 : 0;
}

/* "repository@digest": the tag, if there was one, has no say, as with Docker. */
static bool has_digest(const struct kist_image *image, const struct kist_reference *ref)
{
    struct kist_reference own;

    return image->name && kist_reference_parse(&own, image->name, NULL) == 0 &&
           strcmp(own.host, ref->host) == 0 && strcmp(own.path, ref->path) == 0 &&
           (kist_digest_equal(&image->source, &ref->digest) ||
            kist_digest_equal(&image->manifest.digest, &ref->digest));
}

/* How well image fits ref and want: 0 best, -1 not at all. */
static int rank(const struct kist_image *image, const struct kist_reference *ref, const char *text,
                const struct kist_platform *want)
{
    if (!image->name || !(strcmp(image->name, text) == 0 || (ref->has_digest && has_digest(image, ref)))) {
        return -1;
    }
    /* whether the CPU has a 32-bit mode was asked when it was pulled */
    return want ? kist_platform_rank(want, &image->platform, true) : 0;
}

/* 1 and *found, 0: no such name, KIST_E_NOT_FOUND: the name is there, but for other platforms. */
static int find_name(const struct kist_image_list *list, const struct kist_reference *ref,
                     const struct kist_platform *want, const struct kist_image **found,
                     struct kist_error *err)
{
    char text[KIST_REFERENCE_TEXT_MAX], wanted[KIST_PLATFORM_TEXT_MAX], kept[KIST_PLATFORM_TEXT_MAX];
    const struct kist_image *other = NULL;
    int best = -1;

    (void)kist_reference_text(text, ref);
    for (size_t i = 0; i < list->n; i++) {
        int fit = rank(&list->v[i], ref, text, want);

        if (fit >= 0 && (best < 0 || fit < best)) {
            best = fit;
            *found = &list->v[i];
        } else if (want && !other && rank(&list->v[i], ref, text, NULL) == 0) {
            other = &list->v[i];
        }
    }
    if (*found || !other) {
        return *found ? 1 : 0;
    }
    return kist_error_set(err, KIST_E_NOT_FOUND, "image '%s' is kept for %s, not for %s",
                          kist_reference_familiar(text, ref), kist_platform_text(kept, &other->platform),
                          kist_platform_text(wanted, want));
}

int kist_image_list_match(const struct kist_image_list *list, const char *text,
                          const struct kist_platform *want, const struct kist_image **found, bool *by_id,
                          struct kist_error *err)
{
    char shown[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference ref;
    bool sure;
    const char *id = id_of(text, &sure);
    int rc = 0, parsed = -1;

    *found = NULL;
    *by_id = false;
    (void)kist_str_printable(shown, sizeof(shown), text);
    if (!id || !sure) {
        /* a name wins over the beginning of an ID that reads the same */
        parsed = kist_reference_parse(&ref, text, err);
        rc = parsed == 0 ? find_name(list, &ref, want, found, err) : 0;
        if (parsed == 0) {
            (void)kist_reference_familiar(shown, &ref);
        }
    }
    if (rc == 0 && id) {
        rc = find_id(list, id, found, err);
        *by_id = rc != 0;
    }
    if (rc != 0) {
        return rc < 0 ? rc : 0;
    }
    return !id && parsed < 0 ? parsed : kist_error_set(err, KIST_E_NOT_FOUND, "no such image: '%s'", shown);
}

int kist_image_list_find(const struct kist_image_list *list, const char *text,
                         const struct kist_platform *want, const struct kist_image **found,
                         struct kist_error *err)
{
    bool by_id;

    return kist_image_list_match(list, text, want, found, &by_id, err);
}
