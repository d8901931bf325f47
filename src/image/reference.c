#include "image/reference.h"

#include <string.h>

#include "base/str.h"

#define HOST_DEFAULT "docker.io"
#define HOST_LEGACY "index.docker.io"
#define PATH_DEFAULT "library/"
#define TAG_DEFAULT "latest"
#define NAME_MAX_LENGTH 255

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
    return is_digit(c) || is_lower(c) || is_upper(c);
}

static bool has_upper(const char *text)
{
    while (*text != '\0' && !is_upper(*text)) {
        text++;
    }
    return *text != '\0';
}

/* "a", "a-b", "a.b-c": labels of letters, digits and inner dashes, up to end. */
static bool valid_name_host(const char *p, const char *end)
{
    while (p < end) {
        const char *start = p;

        while (p < end && (is_alnum(*p) || *p == '-')) {
            p++;
        }
        if (p == start || *start == '-' || p[-1] == '-') {
            return false;
        }
        if (p == end) {
            return true;
        }
        if (*p++ != '.') {
            return false;
        }
    }
    return false;
}

static bool valid_bracket_host(const char *p, const char *end)
{
    if (end - p < 4 || *p != '[' || end[-1] != ']') {
        return false;
    }
    for (p++; p < end - 1; p++) {
        if (!is_digit(*p) && !(*p >= 'a' && *p <= 'f') && !(*p >= 'A' && *p <= 'F') && *p != ':') {
            return false;
        }
    }
    return true;
}

static const char *check_host(const char *host)
{
    const char *end = host + strlen(host);
    const char *colon = strrchr(host, ':');
    uint64_t port;

    if (colon && colon[1] != '\0' && strchr(colon, ']') == NULL) {
        if (!kist_str_u64(colon + 1, 65535, &port) || port == 0) {
            return "the host's port is not a number from 1 to 65535";
        }
        end = colon;
    }
    if (host[0] == '[' ? !valid_bracket_host(host, end) : !valid_name_host(host, end)) {
        return "the host is not a host name or address";
    }
    return NULL;
}

/* One component: runs of lower-case letters and digits, joined by one '.', one or two '_', or any number of
 * '-'. */
static bool take_component(const char **text)
{
    const char *p = *text;

    while (is_lower(*p) || is_digit(*p)) {
        const char *joint;

        while (is_lower(*p) || is_digit(*p)) {
            p++;
        }
        *text = joint = p;
        if (*p == '.') {
            p++;
        } else if (*p == '_') {
            p += p[1] == '_' ? 2 : 1;
        } else {
            while (*p == '-') {
                p++;
            }
        }
        if (p == joint) {
            return true;
        }
    }
    return false;
}

static const char *check_path(const char *path)
{
    const char *p = path;

    if (has_upper(path)) {
        return "repository name must be lower case";
    }
    for (;;) {
        if (*p == '\0' || *p == '/') {
            return "repository name has an empty part";
        }
        if (!take_component(&p)) {
            return "repository name parts begin and end with a letter or digit, with '.', '_', '__' or '-' "
                   "between";
        }
        if (*p == '\0') {
            return NULL;
        }
        if (*p != '/') {
            return "repository name has a character that is not allowed";
        }
        p++;
    }
}

static const char *check_tag(const char *tag)
{
    if (tag[0] == '\0') {
        return "the tag is empty";
    }
    if (!is_alnum(tag[0]) && tag[0] != '_') {
        return "a tag begins with a letter, digit or '_'";
    }
    if (strlen(tag) >= KIST_REFERENCE_TAG_MAX) {
        return "the tag is longer than 128 characters";
    }
    for (; *tag != '\0'; tag++) {
        if (!is_alnum(*tag) && *tag != '_' && *tag != '.' && *tag != '-') {
            return "a tag has letters, digits, '_', '.' and '-' only";
        }
    }
    return NULL;
}

/* Whether the len bytes before a name's first slash are a host, as Docker tells them apart. */
static bool names_host(const char *first, size_t len)
{
    static const char local[] = "localhost";

    return memchr(first, '.', len) || memchr(first, ':', len) ||
           (len == sizeof(local) - 1 && memcmp(first, local, len) == 0);
}

/* name is host and path, or a path alone. */
static const char *set_name(struct kist_reference *r, char *name)
{
    char *slash = strchr(name, '/');
    const char *prefix = "", *path = name, *fault;

    memcpy(r->host, HOST_DEFAULT, sizeof(HOST_DEFAULT));
    if (slash && names_host(name, (size_t)(slash - name))) {
        *slash = '\0';
        path = slash + 1;
        fault = check_host(name);
        if (fault) {
            return fault;
        }
        if (strcmp(name, HOST_LEGACY) != 0 && !kist_str_copy(r->host, sizeof(r->host), name)) {
            return "the host is too long";
        }
    }
    fault = check_path(path);
    if (fault) {
        return fault;
    }
    if (strcmp(r->host, HOST_DEFAULT) == 0 && !strchr(path, '/')) {
        prefix = PATH_DEFAULT;
    }
    if (strlen(r->host) + 1 + strlen(prefix) + strlen(path) > NAME_MAX_LENGTH ||
        !kist_str_format(r->path, sizeof(r->path), "%s%s", prefix, path)) {
        return "host and repository name together are longer than 255 characters";
    }
    return NULL;
}

static bool is_hex_id(const char *text)
{
    unsigned char id[KIST_SHA256_SIZE];

    return strlen(text) == KIST_DIGEST_HEX_MAX - 1 && kist_str_unhex(id, sizeof(id), text);
}

/* Takes text apart in place: what is wrong with it, or NULL. err's message tells more when the digest is
 * wrong. */
static const char *parse(struct kist_reference *r, char *text, struct kist_error *err)
{
    char *at = strchr(text, '@'), *slash, *colon;
    const char *fault = NULL;

    if (text[0] == '\0') {
        return "it is empty";
    }
    if (strstr(text, "://")) {
        return "it begins with the host, without a scheme";
    }
    if (is_hex_id(text)) {
        return "64 hex digits alone are an image ID, not a repository name";
    }
    if (at) {
        *at++ = '\0';
        if (kist_digest_parse(&r->digest, at, err) < 0) {
            return err->message;
        }
        r->has_digest = true;
    }
    slash = strrchr(text, '/');
    colon = strrchr(slash ? slash : text, ':');
    if (colon) {
        *colon++ = '\0';
        fault = check_tag(colon);
        if (!fault && !kist_str_copy(r->tag, sizeof(r->tag), colon)) {
            fault = "the tag is too long";
        }
    } else if (!r->has_digest) {
        memcpy(r->tag, TAG_DEFAULT, sizeof(TAG_DEFAULT));
    }
    return fault ? fault : set_name(r, text);
}

int kist_reference_parse(struct kist_reference *r, const char *text, struct kist_error *err)
{
    struct kist_error detail = {0};
    char copy[KIST_REFERENCE_TEXT_MAX], shown[256];
    const char *fault;

    memset(r, 0, sizeof(*r));
    if (kist_str_copy(copy, sizeof(copy), text)) {
        fault = parse(r, copy, &detail);
    } else {
        fault = "it is too long";
    }
    if (fault) {
        memset(r, 0, sizeof(*r));
        return kist_error_set(err, KIST_E_USAGE, "invalid reference '%s': %s",
                              kist_str_printable(shown, sizeof(shown), text), fault);
    }
    return 0;
}

/* Room for the longest of each part and what joins them, so that formatting cannot fail. */
_Static_assert(KIST_REFERENCE_TEXT_MAX >= KIST_REFERENCE_HOST_MAX + KIST_REFERENCE_PATH_MAX +
                                              KIST_REFERENCE_TAG_MAX + KIST_DIGEST_TEXT_MAX,
               "a reference's text fits");

static char *format(char dst[KIST_REFERENCE_TEXT_MAX], const struct kist_reference *r, bool familiar,
                    bool bare)
{
    char digest[KIST_DIGEST_TEXT_MAX] = "";
    const char *host = r->host, *slash = "/", *path = r->path;
    bool has_tag = !bare && r->tag[0] != '\0', has_digest = !bare && r->has_digest;

    if (familiar && strcmp(host, HOST_DEFAULT) == 0) {
        const char *rest = path + sizeof(PATH_DEFAULT) - 1;

        if (kist_str_starts(path, PATH_DEFAULT) && !strchr(rest, '/')) {
            host = slash = "";
            path = rest;
        } else if (!names_host(path, strcspn(path, "/"))) { /* else it would read as a host */
            host = slash = "";
        }
    }
    if (has_digest) {
        (void)kist_digest_text(digest, &r->digest);
    }
    if (!kist_str_format(dst, KIST_REFERENCE_TEXT_MAX, "%s%s%s%s%s%s%s", host, slash, path,
                         has_tag ? ":" : "", has_tag ? r->tag : "", has_digest ? "@" : "", digest)) {
        dst[0] = '\0';
    }
    return dst;
}

char *kist_reference_text(char dst[KIST_REFERENCE_TEXT_MAX], const struct kist_reference *r)
{
    return format(dst, r, false, false);
}

char *kist_reference_familiar(char dst[KIST_REFERENCE_TEXT_MAX], const struct kist_reference *r)
{
    return format(dst, r, true, false);
}

char *kist_reference_repository(char dst[KIST_REFERENCE_TEXT_MAX], const struct kist_reference *r)
{
    return format(dst, r, true, true);
}
