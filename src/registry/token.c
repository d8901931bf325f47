#include "registry/token.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/secret.h"
#include "codec/base64.h"
#include "registry/answer.h"
#include "registry/auth.h"

#define CLIENT_ID "kist"

char *kist_token_basic(const struct kist_credential *c)
{
    KIST_AUTO(buf_wipe) struct kist_buf plain = KIST_BUF_INIT(KIST_MAX_HEADER);
    KIST_AUTO(buf_wipe) struct kist_buf text = KIST_BUF_INIT(2 * KIST_MAX_HEADER);

    if (kist_buf_reserve(&plain, plain.max, NULL) < 0 || kist_buf_reserve(&text, text.max, NULL) < 0 ||
        kist_buf_printf(&plain, NULL, "%s:%s", c->user, c->password) < 0 || kist_buf_puts(&text, "Basic ", NULL) < 0 ||
        kist_base64_encode(&text, plain.data, plain.len, NULL) < 0) {
        return NULL;
    }
    return strdup(text.data);
}

static bool has_word(const char *words, size_t len, const char *word, size_t word_len)
{
    for (const char *end = words + len; words < end; words += strcspn(words, ", ") + 1) {
        if (KIST_MIN(strcspn(words, ", "), (size_t)(end - words)) == word_len && memcmp(words, word, word_len) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether one of the required scopes, "repository:a/b:pull,push", has all the actions of scope, "repository:a/b:pull". */
static bool is_covered(const char *required, const char *scope, size_t len)
{
    size_t name = len; /* up to the last colon, with it */

    while (name > 0 && scope[name - 1] != ':') {
        name--;
    }
    for (const char *next = required; next && name > 0; next = strchr(next, ' ')) {
        size_t have;
        bool all = true;

        next += strspn(next, " ");
        have = strcspn(next, " ");
        if (have <= name || memcmp(next, scope, name) != 0) {
            continue;
        }
        for (size_t at = name; at < len && all; at += strcspn(scope + at, ", ") + 1) {
            all = has_word(next + name, have - name, scope + at, KIST_MIN(strcspn(scope + at, ", "), len - at));
        }
        if (all) {
            return true;
        }
    }
    return false;
}

/* What we require, and what the challenge asks for beyond it; separated by blanks. */
static int join_scopes(struct kist_buf *out, const struct kist_registry *reg, const char *asked, struct kist_error *err)
{
    int rc = 0;

    if (reg->scope) {
        rc = kist_buf_puts(out, reg->scope, err);
    } else if (asked[0] == '\0' && reg->path[0] != '\0') {
        rc = kist_buf_printf(out, err, "repository:%s:pull", reg->path);
    }
    while (rc == 0 && *asked != '\0') {
        size_t len = strcspn(asked, " ");

        if (len > 0 && !is_covered(reg->scope, asked, len)) {
            rc = kist_buf_printf(out, err, "%s%.*s", out->len > 0 ? " " : "", (int)len, asked);
        }
        asked += len;
        asked += strspn(asked, " ");
    }
    return rc;
}

/* Adds name=value to a query or a form; separator 0: it is the first. Empty values are left out. */
static int add_field(struct kist_buf *out, char *separator, const char *name, const char *value, struct kist_error *err)
{
    int rc = 0;

    if (!value || value[0] == '\0') {
        return 0;
    }
    rc = *separator ? kist_buf_printf(out, err, "%c%s=", *separator, name) : kist_buf_printf(out, err, "%s=", name);
    *separator = '&';
    return rc == 0 ? kist_url_add_escaped(out, value, err) : rc;
}

/* The realm as a URL; credentials go there. */
static int realm_url(struct kist_url *url, const struct kist_registry *reg, const char *realm, struct kist_error *err)
{
    int rc = kist_url_set(url, realm, err);

    if (rc == 0 && !url->https && !kist_url_is_loopback(url) &&
        !kist_url_in_list(url, reg->options->insecure)) {
        return kist_error_set(err, KIST_E_AUTH,
                              "'%s' names a token server without TLS, 'http://%s': not used (see 'registry.insecure')",
                              reg->host, url->name);
    }
    return rc < 0 && rc != KIST_E_NOMEM ? kist_error_wrap(err, "the token server that '%s' names", reg->host) : rc;
}

/* realm?scope=...&scope=...&service=... */
static int query_url(struct kist_url *url, const struct kist_registry *reg, const struct kist_challenge *c,
                     struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_HEADER);
    KIST_AUTO(buf) struct kist_buf scopes = KIST_BUF_INIT(KIST_MAX_HEADER);
    char separator = strchr(c->realm, '?') ? '&' : '?', *rest, *scope;
    int rc = join_scopes(&scopes, reg, c->scope, err);

    if (rc == 0) {
        rc = kist_buf_printf(&text, err, "%.*s", (int)strcspn(c->realm, "#"), c->realm);
    }
    for (rest = scopes.data; rc == 0 && (scope = strsep(&rest, " ")) != NULL;) {
        rc = add_field(&text, &separator, "scope", scope, err);
    }
    if (rc == 0) {
        rc = add_field(&text, &separator, "service", c->service, err);
    }
    if (rc == 0 && reg->credential.user) {
        rc = add_field(&text, &separator, "account", reg->credential.user, err);
    }
    if (rc == 0 && reg->logging_in) { /* then it may give an identity token */
        rc = add_field(&text, &separator, "client_id", CLIENT_ID, err);
        rc = rc == 0 ? add_field(&text, &separator, "offline_token", "true", err) : rc;
    }
    return rc == 0 ? realm_url(url, reg, kist_buf_text(&text), err) : rc;
}

/* The form of an OAuth2 request (RFC 6749, 4.3.2 and 6). */
static int make_form(struct kist_buf *form, const struct kist_registry *reg, const struct kist_challenge *c,
                     struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf scopes = KIST_BUF_INIT(KIST_MAX_HEADER);
    const struct kist_credential *own = &reg->credential;
    char separator = 0;
    const char *const fields[][2] = {
        {"grant_type", own->identity_token ? "refresh_token" : "password"},
        {"refresh_token", own->identity_token},
        {"username", own->identity_token ? NULL : own->user},
        {"password", own->identity_token ? NULL : own->password},
        {"client_id", CLIENT_ID},
        {"access_type", reg->logging_in ? "offline" : NULL},
        {"service", c->service},
    };
    int rc = kist_buf_reserve(form, form->max, err);

    for (size_t i = 0; rc == 0 && i < KIST_COUNT(fields); i++) {
        rc = add_field(form, &separator, fields[i][0], fields[i][1], err);
    }
    if (rc == 0) {
        rc = join_scopes(&scopes, reg, c->scope, err);
    }
    return rc == 0 ? add_field(form, &separator, "scope", kist_buf_text(&scopes), err) : rc;
}

static int collect(void *arg, const void *data, size_t len, struct kist_error *err)
{
    return kist_buf_add(arg, data, len, err);
}

/* What an exchange with the token server brought. */
struct answer {
    struct kist_http_head head;
    struct kist_buf body, refusal;
};

/* One request; post: by OAuth2, else by a query. */
static int ask(struct answer *a, struct kist_registry *reg, const struct kist_challenge *c, bool post,
               enum kist_http_fault *fault, struct kist_error *err)
{
    KIST_AUTO(url) struct kist_url url = KIST_URL_INIT;
    KIST_AUTO(buf_wipe) struct kist_buf form = KIST_BUF_INIT(4 * KIST_MAX_HEADER);
    KIST_AUTO(secret) char *basic = NULL;
    struct kist_http_request request = {.body = collect, .arg = &a->body, .answer = &a->refusal};
    struct kist_http_memory content;
    bool left;
    int rc;

    if (post) {
        rc = realm_url(&url, reg, c->realm, err);
        if (rc == 0) {
            rc = make_form(&form, reg, c, err);
        }
        kist_http_memory_init(&content, "application/x-www-form-urlencoded", kist_buf_text(&form), form.len);
        content.content.secret = true;
        request.method = KIST_HTTP_POST;
        request.content = &content.content;
    } else {
        rc = query_url(&url, reg, c, err);
        if (rc == 0 && reg->credential.user && reg->credential.password) {
            basic = kist_token_basic(&reg->credential);
            rc = basic ? 0 : kist_error_nomem(err);
        }
        request.authorization = basic;
    }
    kist_buf_clear(&a->body);
    if (rc == 0) {
        rc = kist_client_send(reg, &url, &url, &request, &a->head, fault, &left, err);
    }
    if (rc == 0 && (a->head.status >= 500 || a->head.status == 408 || a->head.status == 429)) {
        *fault = KIST_HTTP_PASSING;
        rc = kist_error_set(err, KIST_E_NETWORK, "the token server '%s' answered %d", url.name, a->head.status);
    }
    return rc;
}

static int take(char **token, struct kist_registry *reg, const struct answer *a, struct kist_error *err)
{
    char *refresh = NULL;
    int rc;

    if (a->head.status != 200) {
        return kist_auth_refused(reg, &a->refusal, err);
    }
    rc = kist_answer_token(token, reg->logging_in ? &refresh : NULL, &a->body, err);
    if (rc < 0 && rc != KIST_E_NOMEM) {
        return kist_error_wrap(err, "not authorised by '%s'", reg->host);
    }
    if (refresh) {
        kist_secret_free(reg->credential.identity_token);
        reg->credential.identity_token = refresh;
    }
    return rc;
}

int kist_token_fetch(char **token, struct kist_registry *reg, const struct kist_challenge *c, enum kist_http_fault *fault,
                     struct kist_error *err)
{
    struct answer a = {.body = KIST_BUF_INIT(KIST_MAX_ANSWER), .refusal = KIST_BUF_INIT(KIST_MAX_ANSWER)};
    bool post = reg->credential.identity_token && !reg->logging_in;
    int rc = kist_buf_reserve(&a.body, a.body.max, err);

    kist_http_head_init(&a.head);
    if (rc == 0) {
        rc = ask(&a, reg, c, post, fault, err);
    }
    /* some know OAuth2 only */
    if (rc == 0 && !post && reg->credential.password && (a.head.status == 404 || a.head.status == 405)) {
        rc = ask(&a, reg, c, true, fault, err);
    }
    if (rc == 0) {
        *fault = KIST_HTTP_FINAL;
        rc = take(token, reg, &a, err);
    }
    kist_http_head_release(&a.head);
    kist_buf_wipe(&a.body);
    kist_buf_release(&a.refusal);
    return rc;
}
