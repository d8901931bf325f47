#include "cmd/filter.h"

#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "build/pattern.h"
#include "port/clock.h"

/* The value of text where its key is key, or NULL. */
static const char *value_of(const char *text, const char *key)
{
    size_t len = strlen(key);

    return strncmp(text, key, len) == 0 && text[len] == '=' ? text + len + 1 : NULL;
}

/* As Docker has it: a number is a time, "90m" was so long ago, and a date may lack its end. */
static bool parse_until(const char *text, int64_t *seconds)
{
    static const char *const ends[] = {"", "Z", ":00Z", "T00:00:00Z"};
    uint64_t number;
    char whole[64];

    if (kist_str_u64(text, INT64_MAX, &number)) {
        *seconds = (int64_t)number;
        return true;
    }
    if (kist_str_duration(text, &number)) {
        *seconds = port_clock_now() - (int64_t)(number / 1000);
        return true;
    }
    for (size_t i = 0; i < KIST_COUNT(ends); i++) {
        if (kist_str_format(whole, sizeof(whole), "%s%s", text, ends[i]) && kist_str_time(whole, seconds)) {
            return true;
        }
    }
    return false;
}

/* key without a "!" is a word of allowed. */
static bool is_allowed(const char *allowed, const char *key, size_t len)
{
    bool without = len == 6 && memcmp(key, "label!", 6) == 0;

    len -= without;
    for (const char *p = allowed; *p != '\0'; p += strcspn(p, " "), p += *p == ' ') {
        if (strcspn(p, " ") == len && memcmp(p, key, len) == 0) {
            return true;
        }
    }
    return false;
}

static int take(struct kist_filters *f, const char *text, struct kist_error *err)
{
    const char *value;
    bool good = true;

    if ((value = value_of(text, "until"))) {
        good = !f->has_until && parse_until(value, &f->until);
        f->has_until = true;
    } else if ((value = value_of(text, "dangling"))) {
        good = kist_str_bool(value, &f->dangling);
        f->has_dangling = true;
    } else if ((value = value_of(text, "before"))) {
        f->before = value;
    } else if ((value = value_of(text, "since"))) {
        f->since = value;
    } else if (kist_str_starts(text, "label")) {
        f->has_labels = true;
    } else if (value_of(text, "reference")) {
        f->has_reference = true;
    }
    return good ? 0 : kist_error_set(err, KIST_E_USAGE, "invalid filter '%s'", text);
}

int kist_filters_parse(struct kist_filters *f, const struct kist_strv *texts, const char *allowed, struct kist_error *err)
{
    int rc = 0;

    *f = (struct kist_filters){.texts = texts};
    for (size_t i = 0; i < texts->n && rc == 0; i++) {
        const char *text = texts->v[i];
        size_t len = strcspn(text, "=");

        if (text[len] == '\0') {
            rc = kist_error_set(err, KIST_E_USAGE, "invalid filter '%s': expected 'key=value'", text);
        } else if (!is_allowed(allowed, text, len)) {
            rc = kist_error_set(err, KIST_E_USAGE, "invalid filter '%s' (there are: %s)", text, allowed);
        } else {
            rc = take(f, text, err);
        }
    }
    return rc;
}

static bool has_label(const struct kist_strv *labels, const char *want)
{
    size_t len = strlen(want);

    for (size_t i = 0; i < labels->n; i++) {
        const char *label = labels->v[i];

        if (strcmp(label, want) == 0 || (!strchr(want, '=') && strncmp(label, want, len) == 0 && label[len] == '=')) {
            return true;
        }
    }
    return false;
}

bool kist_filters_labels(const struct kist_filters *f, const struct kist_strv *labels)
{
    for (size_t i = 0; i < f->texts->n; i++) {
        const char *with = value_of(f->texts->v[i], "label"), *without = value_of(f->texts->v[i], "label!");

        if ((with && !has_label(labels, with)) || (without && has_label(labels, without))) {
            return false;
        }
    }
    return true;
}

static bool is_like(const char *text, const char *pattern)
{
    KIST_AUTO(pattern) struct kist_pattern p = {.text = NULL};

    return kist_pattern_compile(&p, KIST_PATTERN_PATH, pattern, NULL) == 0 && kist_pattern_match(&p, text);
}

bool kist_filters_text(const struct kist_filters *f, const char *key, const char *text, bool glob)
{
    bool any = false;

    for (size_t i = 0; i < f->texts->n; i++) {
        const char *value = value_of(f->texts->v[i], key);

        if (value && (glob ? is_like(text, value) : strstr(text, value) != NULL)) {
            return true;
        }
        any = any || value;
    }
    return !any;
}

/* reference= is like the name as people write it, with its tag or without. */
static bool takes_name(const struct kist_filters *f, const struct kist_image *image)
{
    char text[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference ref;

    if (!image->name || kist_reference_parse(&ref, image->name, NULL) < 0) {
        return kist_filters_text(f, "reference", "", true);
    }
    return kist_filters_text(f, "reference", kist_reference_familiar(text, &ref), true) ||
           kist_filters_text(f, "reference", kist_reference_repository(text, &ref), true);
}

static int takes_labels(const struct kist_filters *f, struct kist_store *store, const struct kist_image *image,
                        struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    KIST_AUTO(config) struct kist_config config = {.created = 0};
    int rc = kist_store_blob(store, &image->config, &text, err);

    if (rc == 0) {
        rc = kist_config_parse(&config, kist_buf_text(&text), text.len, err);
    }
    return rc < 0 ? rc : kist_filters_labels(f, &config.labels);
}

/* Docker goes by when an image was made; where nobody knows, by when it came. */
static int64_t age_of(const struct kist_image *image)
{
    return image->created != 0 ? image->created : image->pulled;
}

/* 1 or 0: image was made before, or after, the one that other names. */
static int is_older(const struct kist_image_list *list, const struct kist_image *image, const char *other, bool before,
                    struct kist_error *err)
{
    const struct kist_image *found;
    int rc = other ? kist_image_list_find(list, other, NULL, &found, err) : 0;

    if (rc < 0 || !other) {
        return rc < 0 ? rc : 1;
    }
    return before ? age_of(image) < age_of(found) : age_of(image) > age_of(found);
}

int kist_filters_image(const struct kist_filters *f, struct kist_store *store, const struct kist_image_list *list,
                       const struct kist_image *image, struct kist_error *err)
{
    int rc;

    if ((f->has_dangling && (image->name == NULL) != f->dangling) || (f->has_until && age_of(image) > f->until) ||
        (f->has_reference && !takes_name(f, image))) {
        return 0;
    }
    if ((rc = is_older(list, image, f->before, true, err)) <= 0 || (rc = is_older(list, image, f->since, false, err)) <= 0) {
        return rc;
    }
    return f->has_labels ? takes_labels(f, store, image, err) : 1;
}
