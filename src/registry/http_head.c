#include "registry/http_head.h"

#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/str.h"

#define CHALLENGES_MAX (4 * KIST_MAX_HEADER)

void kist_http_head_init(struct kist_http_head *h)
{
    memset(h, 0, sizeof(*h));
    kist_buf_init(&h->location, KIST_MAX_HEADER);
    kist_buf_init(&h->challenges, CHALLENGES_MAX);
}

void kist_http_head_release(struct kist_http_head *h)
{
    kist_buf_release(&h->location);
    kist_buf_release(&h->challenges);
}

void kist_http_head_auto(struct kist_http_head *h)
{
    kist_http_head_release(h);
}

void kist_http_head_clear(struct kist_http_head *h)
{
    struct kist_buf location = h->location, challenges = h->challenges;

    kist_buf_clear(&location);
    kist_buf_clear(&challenges);
    memset(h, 0, sizeof(*h));
    h->location = location;
    h->challenges = challenges;
}

/* The digits at *text, moved past them. */
static bool take_number(const char **text, uint64_t *value)
{
    char digits[21];
    size_t n = strspn(*text, "0123456789");

    if (n == 0 || n >= sizeof(digits)) {
        return false;
    }
    memcpy(digits, *text, n);
    digits[n] = '\0';
    *text += n;
    return kist_str_u64(digits, INT64_MAX, value);
}

/* "bytes 5-9/10", "bytes 5-9/" with a star, or "bytes ", a star, "/10" (RFC 9110, 14.4). */
static void take_range(struct kist_http_head *h, const char *value)
{
    uint64_t first = 0, last = 0, total;
    bool part;

    if (strncasecmp(value, "bytes", 5) != 0 || (value[5] != ' ' && value[5] != '\t')) {
        return;
    }
    value += 5;
    value += strspn(value, " \t");
    part = *value != '*';
    if (part) {
        if (!take_number(&value, &first) || *value++ != '-' || !take_number(&value, &last) || last < first) {
            return;
        }
    } else {
        value++;
    }
    if (*value++ != '/') {
        return;
    }
    if (strcmp(value, "*") != 0) {
        if (!take_number(&value, &total) || *value != '\0' || (part && last >= total)) {
            return;
        }
        h->has_total = true;
        h->range_total = total;
    }
    h->has_range = part;
    h->range_first = first;
    h->range_last = last;
}

/* "0-9": ten bytes; registries say "0-0" of none. */
static void take_stored(struct kist_http_head *h, const char *value)
{
    uint64_t first, last;

    value += strncmp(value, "bytes=", 6) == 0 ? 6 : 0;
    if (take_number(&value, &first) && *value++ == '-' && take_number(&value, &last) && *value == '\0' && first == 0) {
        h->has_stored = true;
        h->stored = last > 0 ? last + 1 : 0;
    }
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), the form servers must send. */
static bool http_date(const char *text, int64_t *seconds)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char name[4], iso[KIST_STR_TIME_MAX];

    if (strlen(text) != 29 || text[3] != ',' || strcmp(text + 25, " GMT") != 0) {
        return false;
    }
    memcpy(name, text + 8, 3);
    name[3] = '\0';
    for (int month = 0; month < 12; month++) {
        if (memcmp(months + 3 * month, name, 3) == 0) {
            return kist_str_format(iso, sizeof(iso), "%.4s-%02d-%.2sT%.8sZ", text + 12, month + 1, text + 5,
                                   text + 17) &&
                   kist_str_time(iso, seconds);
        }
    }
    return false;
}

static void take_retry_after(struct kist_http_head *h, const char *value, int64_t now)
{
    enum { MAX_SECONDS = 24 * 3600 };
    uint64_t wait;
    int64_t when;

    if (!kist_str_u64(value, UINT32_MAX, &wait)) {
        if (!http_date(value, &when) || when <= now) {
            return;
        }
        wait = (uint64_t)(when - now);
    }
    h->retry_after_ms = KIST_MIN(wait, (uint64_t)MAX_SECONDS) * 1000;
}

static int take_field(struct kist_http_head *h, const char *name, char *value, int64_t now,
                      struct kist_error *err)
{
    if (strcasecmp(name, "content-length") == 0) {
        h->has_length = kist_str_u64(value, INT64_MAX, &h->length);
    } else if (strcasecmp(name, "transfer-encoding") == 0) {
        h->chunked = strlen(value) >= 7 && strcasecmp(value + strlen(value) - 7, "chunked") == 0;
    } else if (strcasecmp(name, "content-range") == 0) {
        take_range(h, value);
    } else if (strcasecmp(name, "range") == 0) {
        take_stored(h, value);
    } else if (strcasecmp(name, "oci-chunk-min-length") == 0) {
        (void)!kist_str_u64(value, INT64_MAX, &h->least_chunk);
    } else if (strcasecmp(name, "last-modified") == 0) {
        h->modified = http_date(value, &h->modified) ? h->modified : 0;
    } else if (strcasecmp(name, "retry-after") == 0) {
        take_retry_after(h, value, now);
    } else if (strcasecmp(name, "content-type") == 0) {
        value[strcspn(value, "; \t")] = '\0';
        (void)!kist_str_copy(h->content_type, sizeof(h->content_type), value);
    } else if (strcasecmp(name, "docker-content-digest") == 0) {
        (void)!kist_str_copy(h->content_digest, sizeof(h->content_digest), value);
    } else if (strcasecmp(name, "location") == 0 && h->location.len == 0) {
        return kist_buf_puts(&h->location, value, err);
    } else if (strcasecmp(name, "www-authenticate") == 0) {
        int rc = h->challenges.len > 0 ? kist_buf_puts(&h->challenges, ", ", err) : 0;

        return rc < 0 ? rc : kist_buf_puts(&h->challenges, value, err);
    }
    return 0;
}

int kist_http_head_line(struct kist_http_head *h, const char *line, size_t len, int64_t now,
                        struct kist_error *err)
{
    char text[KIST_MAX_HEADER + 1], *value;

    if (len > KIST_MAX_HEADER) {
        return kist_error_set(err, KIST_E_CORRUPT, "a header line of %zu bytes, more than %u", len,
                              KIST_MAX_HEADER);
    }
    memcpy(text, line, len);
    while (len > 0 && strchr(" \t\r\n", text[len - 1])) {
        len--;
    }
    text[len] = '\0';
    if (strncmp(text, "HTTP/", 5) == 0) {
        const char *code = text + strcspn(text, " ");
        uint64_t status = 0;

        kist_http_head_clear(h);
        code += strspn(code, " ");
        if (take_number(&code, &status) && status < 1000) {
            h->status = (int)status;
        }
        return 0;
    }
    value = strchr(text, ':');
    if (!value) {
        return 0;
    }
    *value++ = '\0';
    return take_field(h, text, value + strspn(value, " \t"), now, err);
}
