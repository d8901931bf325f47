#include "codec/json.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/secret.h"

#define EXACT_MAX ((uint64_t)1 << 53) /* up to here a double holds every whole number */
#define PRINT_ROOM 1024 /* most texts are smaller */
#define PRINTED_MAX                                                                                          \
    UINT64_C(1000000000000000) /* from here on cJSON prints with an exponent, cut to 15 digits */

/* Looks ahead for what cJSON would find out by recursing or allocating: how deep, how many; and for NULs,
 * also as \u0000. */
struct scan {
    const char *what;
    size_t depth, values;
    bool in_string;
};

static int scan_string(struct scan *s, const char *text, size_t len, size_t *at, struct kist_error *err)
{
    char c = text[*at];

    if (c == '"') {
        s->in_string = false;
    } else if (c == '\\') {
        if (len - *at >= 6 && memcmp(text + *at + 1, "u0000", 5) == 0) {
            return kist_error_set(err, KIST_E_CORRUPT, "%s is not acceptable JSON: NUL at byte %zu", s->what,
                                  *at);
        }
        (*at)++;
    }
    return 0;
}

static int scan_structure(struct scan *s, char c, size_t at, struct kist_error *err)
{
    switch (c) {
    case '"':
        s->in_string = true;
        break;
    case '{':
    case '[':
        s->depth++;
        s->values++;
        break;
    case '}':
    case ']':
        s->depth -= s->depth > 0;
        break;
    case ',':
        s->values++;
        break;
    default:
        break;
    }
    if (s->depth > KIST_MAX_JSON_DEPTH) {
        return kist_error_set(err, KIST_E_CORRUPT, "%s is nested more than %d deep at byte %zu", s->what,
                              KIST_MAX_JSON_DEPTH, at);
    }
    if (s->values > KIST_MAX_JSON_VALUES) {
        return kist_error_set(err, KIST_E_CORRUPT, "%s holds more than %u values", s->what,
                              KIST_MAX_JSON_VALUES);
    }
    return 0;
}

static int scan_text(const char *text, size_t len, const char *what, struct kist_error *err)
{
    struct scan s = {.what = what};
    const char *nul = len > 0 ? memchr(text, '\0', len) : NULL;

    if (nul) {
        return kist_error_set(err, KIST_E_CORRUPT, "%s is not acceptable JSON: NUL at byte %zu", what,
                              (size_t)(nul - text));
    }
    for (size_t i = 0; i < len; i++) {
        int rc = s.in_string ? scan_string(&s, text, len, &i, err) : scan_structure(&s, text[i], i, err);

        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* cJSON says only that it failed; that it was for want of memory is noticed where it asks for some. */
static _Thread_local bool starved;

static void *json_malloc(size_t size)
{
    void *p = malloc(size);

    starved = starved || !p;
    return p;
}

static void install_hooks(void)
{
    cJSON_Hooks hooks = {json_malloc, free};

    cJSON_InitHooks(&hooks);
}

static cJSON *parse(const char *text, size_t len, const char **end)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, install_hooks);
    starved = false;
    return len > 0 ? cJSON_ParseWithLengthOpts(text, len, end, false) : NULL;
}

/* How far a text is read. */
struct cursor {
    const char *text, *at, *end, *what;
};

static int broken(const struct cursor *c, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_CORRUPT, "%s is not JSON at byte %zu", c->what, (size_t)(c->at - c->text));
}

/* What cJSON takes for blanks. */
static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && (unsigned char)*c->at <= ' ') {
        c->at++;
    }
}

/* Goes past mark, if that is next. */
static bool take(struct cursor *c, char mark)
{
    skip_blanks(c);
    if (c->at == c->end || *c->at != mark) {
        return false;
    }
    c->at++;
    return true;
}

static int take_value(struct cursor *c, cJSON **value, struct kist_error *err)
{
    const char *end = c->at;

    *value = parse(c->at, (size_t)(c->end - c->at), &end);
    c->at = end;
    return *value ? 0 : starved ? kist_error_nomem(err) : broken(c, err);
}

static int take_end(struct cursor *c, struct kist_error *err)
{
    while (c->at < c->end && memchr(" \t\r\n", *c->at, 4)) {
        c->at++;
    }
    return c->at == c->end ? 0
                           : kist_error_set(err, KIST_E_CORRUPT, "%s goes on after its JSON at byte %zu", c->what,
                                            (size_t)(c->at - c->text));
}

int kist_json_parse(cJSON **out, const char *text, size_t len, const char *what, struct kist_error *err)
{
    struct cursor c = {text, text, text + len, what};
    KIST_AUTO(json) cJSON *root = NULL;
    int rc = scan_text(text, len, what, err);

    *out = NULL;
    rc = rc < 0 ? rc : take_value(&c, &root, err);
    rc = rc < 0 ? rc : take_end(&c, err);
    if (rc == 0) {
        *out = root;
        root = NULL;
    }
    return rc;
}

static int each_item(struct cursor *c, kist_json_item_fn *each, void *arg, struct kist_error *err)
{
    int rc = 0;

    if (take(c, ']')) {
        return 0;
    }
    do {
        KIST_AUTO(json) cJSON *item = NULL;

        rc = take_value(c, &item, err);
        rc = rc < 0 ? rc : each(arg, item, err);
    } while (rc == 0 && take(c, ','));
    return rc == 0 && !take(c, ']') ? broken(c, err) : rc;
}

int kist_json_each(const char *text, size_t len, const char *what, const char *member, kist_json_item_fn *each,
                   void *arg, struct kist_error *err)
{
    struct cursor c = {text, text, text + len, what};
    bool seen = false, found = false, empty = false;
    int rc = scan_text(text, len, what, err);

    if (rc == 0 && !take(&c, '{')) {
        rc = broken(&c, err);
    } else if (rc == 0) {
        empty = take(&c, '}');
    }
    while (rc == 0 && !empty) {
        KIST_AUTO(json) cJSON *name = NULL, *value = NULL;
        bool wanted;

        rc = take_value(&c, &name, err);
        rc = rc == 0 && (!cJSON_IsString(name) || !take(&c, ':')) ? broken(&c, err) : rc;
        wanted = rc == 0 && !seen && strcmp(name->valuestring, member) == 0; /* the first, as cJSON has it */
        seen = seen || wanted;
        if (wanted && take(&c, '[')) {
            found = true;
            rc = each_item(&c, each, arg, err);
        } else if (rc == 0) {
            rc = take_value(&c, &value, err);
        }
        if (rc == 0 && !take(&c, ',')) {
            rc = take(&c, '}') ? 0 : broken(&c, err);
            break;
        }
    }
    rc = rc < 0 ? rc : take_end(&c, err);
    return rc < 0 || found ? rc : kist_error_set(err, KIST_E_CORRUPT, "'%s' is missing", member);
}

void kist_json_auto(cJSON **root)
{
    cJSON_Delete(*root);
}

/* The parser bounds the depth. */
static void wipe(cJSON *value)
{
    for (; value; value = value->next) {
        if (value->valuestring) {
            kist_wipe(value->valuestring, strlen(value->valuestring));
        }
        wipe(value->child);
    }
}

void kist_json_wipe_auto(cJSON **root)
{
    wipe(*root);
    kist_json_auto(root);
    *root = NULL;
}

const cJSON *kist_json_object(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsObject(item) ? item : NULL;
}

const cJSON *kist_json_array(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsArray(item) ? item : NULL;
}

const char *kist_json_string(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

bool kist_json_bool(const cJSON *object, const char *name, bool otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : otherwise;
}

bool kist_json_u64(const cJSON *object, const char *name, uint64_t *value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    double number = cJSON_IsNumber(item) ? item->valuedouble : -1;

    if (!(number >= 0 && number <= (double)EXACT_MAX) || (double)(uint64_t)number != number) {
        return false;
    }
    *value = (uint64_t)number;
    return true;
}

int kist_json_put(cJSON *object, const char *name, cJSON *value, struct kist_error *err)
{
    if (!value || !cJSON_AddItemToObject(object, name, value)) {
        cJSON_Delete(value);
        return kist_error_nomem(err);
    }
    return 0;
}

int kist_json_put_string(cJSON *object, const char *name, const char *value, struct kist_error *err)
{
    return kist_json_put(object, name, cJSON_CreateString(value), err);
}

int kist_json_put_u64(cJSON *object, const char *name, uint64_t value, struct kist_error *err)
{
    char digits[24];

    if (value > EXACT_MAX) {
        return kist_error_set(err, KIST_E_FAIL, "'%s' is too large a number for JSON", name);
    }
    if (value < PRINTED_MAX) {
        return kist_json_put(object, name, cJSON_CreateNumber((double)value), err);
    }
    (void)snprintf(digits, sizeof(digits), "%" PRIu64, value);
    return kist_json_put(object, name, cJSON_CreateRaw(digits), err);
}

int kist_json_put_bool(cJSON *object, const char *name, bool value, struct kist_error *err)
{
    return kist_json_put(object, name, cJSON_CreateBool(value), err);
}

int kist_json_append(cJSON *array, cJSON *value, struct kist_error *err)
{
    if (!value || !cJSON_AddItemToArray(array, value)) {
        cJSON_Delete(value);
        return kist_error_nomem(err);
    }
    return 0;
}

int kist_json_print(const cJSON *value, bool pretty, struct kist_buf *out, struct kist_error *err)
{
    /* into the buffer itself, in few and wide steps: cJSON's own would grow by doubling, and be copied */
    for (size_t room = PRINT_ROOM;; room *= 16) {
        const size_t left = KIST_MIN(out->max - out->len, (size_t)INT_MAX - 1);
        int rc;

        room = KIST_MIN(room, left);
        rc = kist_buf_reserve(out, room, err);
        if (rc < 0) {
            return rc;
        }
        if (cJSON_PrintPreallocated((cJSON *)(uintptr_t)value, out->data + out->len, (int)room + 1, pretty)) {
            out->len += strlen(out->data + out->len);
            return 0;
        }
        out->data[out->len] = '\0';
        if (room == left) {
            return kist_error_set(err, KIST_E_FAIL, "more than %zu bytes", out->max);
        }
    }
}
