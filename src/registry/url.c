#include "registry/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The URL itself is not shown: it may hold a password, or a signature that opens the content to anyone. */
static int malformed(struct kist_error *err, CURLUcode code)
{
    return code == CURLUE_OUT_OF_MEMORY ? kist_error_nomem(err)
                                        : kist_error_set(err, KIST_E_FAIL, "not a usable http or https URL");
}

/* One part of url into dst; false when it is absent or too long. */
static bool take_part(CURLU *url, CURLUPart part, char *dst, size_t size)
{
    char *text = NULL;
    bool good =
        curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK && kist_str_copy(dst, size, text);

    curl_free(text);
    return good;
}

static int set_from(struct kist_url *u, CURLU *url, struct kist_error *err)
{
    struct kist_url new = KIST_URL_INIT;
    char scheme[16], port[16];
    uint64_t number = 0;
    char *text = NULL;
    bool good = take_part(url, CURLUPART_SCHEME, scheme, sizeof(scheme)) &&
                take_part(url, CURLUPART_HOST, new.host, sizeof(new.host)) &&
                take_part(url, CURLUPART_PORT, port, sizeof(port)) && kist_str_u64(port, 65535, &number) &&
                number > 0;

    new.https = good &&strcmp(scheme, "https") == 0;
    new.port = (unsigned)number;
    if (good && new.port == (new.https ? 443U : 80U)) {
        good = kist_str_copy(new.name, sizeof(new.name), new.host);
    } else if (good) {
        good = kist_str_format(new.name, sizeof(new.name), "%s:%u", new.host, new.port);
    }
    if (!good || (!new.https &&strcmp(scheme, "http") != 0)) {
        return malformed(err, CURLUE_MALFORMED_INPUT);
    }
    if (curl_url_get(url, CURLUPART_URL, &text, 0) != CURLUE_OK) {
        return kist_error_nomem(err);
    }
    new.text = strdup(text);
    curl_free(text);
    if (!new.text) {
        return kist_error_nomem(err);
    }
    kist_url_release(u);
    *u = new;
    return 0;
}

static int set_resolved(struct kist_url *u, const char *base, const char *text, struct kist_error *err)
{
    CURLU *url = curl_url();
    CURLUcode code;
    int rc;

    if (!url) {
        return kist_error_nomem(err);
    }
    code = base ? curl_url_set(url, CURLUPART_URL, base, 0) : CURLUE_OK;
    if (code == CURLUE_OK) {
        code = curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER);
    }
    rc = code == CURLUE_OK ? set_from(u, url, err) : malformed(err, code);
    curl_url_cleanup(url);
    return rc;
}

int kist_url_set(struct kist_url *u, const char *text, struct kist_error *err)
{
    return set_resolved(u, NULL, text, err);
}

int kist_url_follow(struct kist_url *u, const char *location, struct kist_error *err)
{
    return set_resolved(u, u->text, location, err);
}

void kist_url_release(struct kist_url *u)
{
    free(u->text);
    u->text = NULL;
}

void kist_url_auto(struct kist_url *u)
{
    kist_url_release(u);
}

bool kist_url_same_origin(const struct kist_url *a, const struct kist_url *b)
{
    return a->https == b->https && a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

bool kist_url_is_loopback(const struct kist_url *u)
{
    struct in_addr v4;

    return strcasecmp(u->host, "localhost") == 0 || strcmp(u->host, "[::1]") == 0 ||
           (inet_pton(AF_INET, u->host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

bool kist_url_in_list(const struct kist_url *u, const struct kist_strv *list)
{
    char with_port[KIST_REFERENCE_HOST_MAX + 8];

    if (!list || !kist_str_format(with_port, sizeof(with_port), "%s:%u", u->host, u->port)) {
        return false;
    }
    for (size_t i = 0; i < list->n; i++) {
        if (strcasecmp(list->v[i], u->host) == 0 || strcasecmp(list->v[i], with_port) == 0) {
            return true;
        }
    }
    return false;
}

int kist_url_add_escaped(struct kist_buf *out, const char *text, struct kist_error *err)
{
    char *escaped = curl_easy_escape(NULL, text, 0);
    int rc = escaped ? kist_buf_puts(out, escaped, err) : kist_error_nomem(err);

    curl_free(escaped);
    return rc;
}
