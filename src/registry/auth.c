#include "registry/auth.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/secret.h"
#include "registry/answer.h"
#include "registry/challenge.h"

int kist_auth_refused(const struct kist_registry *reg, const struct kist_buf *body, struct kist_error *err)
{
    char message[KIST_ANSWER_TEXT_MAX];

    (void)kist_answer_message(message, body);
    /* registries answer alike for what is private and what is not there, so as not to tell which */
    return kist_error_set(
        err, KIST_E_AUTH, "not authorised to %s '%s' %s '%s': it does not exist or needs a login%s%s%s",
        reg->push ? "push" : "pull", reg->name, reg->push ? "to" : "from", reg->host, message[0] ? " (the registry says: " : "", message, message[0] ? ")" : "");
}

static int collect(void *arg, const void *data, size_t len, struct kist_error *err)
{
    return kist_buf_add(arg, data, len, err);
}

static bool has_word(const char *words, const char *word, size_t len, char separator)
{
    for (const char *p = words; p; p = strchr(p, separator) ? strchr(p, separator) + 1 : NULL) {
        if (strncmp(p, word, len) == 0 && (p[len] == separator || p[len] == '\0')) {
            return true;
        }
    }
    return false;
}

/* Whether the scopes we require have one with all the actions of scope: "repository:a/b:pull,push" of "...:pull". */
static bool is_covered(const char *required, const char *scope, size_t len)
{
    const char *action = scope + len;

    while (action > scope && action[-1] != ':') {
        action--;
    }
    for (const char *p = required; p && action > scope; p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL) {
        size_t word = strcspn(p, " "), same = (size_t)(action - scope);
        char have[64];

        if (strncmp(p, scope, same) != 0 ||
            !kist_str_format(have, sizeof(have), "%.*s", (int)KIST_MIN(word - same, (size_t)256), p + same)) {
            continue;
        }
        for (const char *a = action; a <= scope + len; a += strcspn(a, ", ") + 1) {
            if (!has_word(have, a, KIST_MIN(strcspn(a, ", "), (size_t)(scope + len - a)), ',')) {
                return false;
            }
        }
        return true;
    }
    return false;
}

/* What the challenge asks for, and what we require beyond it; separated by blanks. */
static int join_scopes(struct kist_buf *out, const struct kist_registry *reg, const char *asked,
                       struct kist_error *err)
{
    int rc = reg->scope             ? kist_buf_puts(out, reg->scope, err)
             : asked[0] == '\0' ? kist_buf_printf(out, err, "repository:%s:pull", reg->path)
                                    : 0;

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

/* realm?scope=...&scope=...&service=... */
static int token_url(struct kist_url *url, const struct kist_registry *reg, const struct kist_challenge *c,
                     struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_HEADER);
    KIST_AUTO(buf) struct kist_buf scopes = KIST_BUF_INIT(KIST_MAX_HEADER);
    char separator = strchr(c->realm, '?') ? '&' : '?', *rest, *scope;
    int rc = join_scopes(&scopes, reg, c->scope, err);

    if (rc == 0) {
        rc = kist_buf_printf(&text, err, "%.*s", (int)strcspn(c->realm, "#"), c->realm);
    }
    for (rest = scopes.data; rc == 0 && (scope = strsep(&rest, " ")) != NULL; separator = '&') {
        rc = kist_buf_printf(&text, err, "%cscope=", separator);
        if (rc == 0) {
            rc = kist_url_add_escaped(&text, scope, err);
        }
    }
    if (rc == 0 && c->service[0] != '\0') {
        rc = kist_buf_puts(&text, "&service=", err);
        if (rc == 0) {
            rc = kist_url_add_escaped(&text, c->service, err);
        }
    }
    if (rc < 0) {
        return rc;
    }
    rc = kist_url_set(url, kist_buf_text(&text), err);
    if (rc == 0 && !url->https && !kist_url_is_loopback(url) &&
        !kist_url_in_list(url, reg->options->insecure)) {
        return kist_error_set(err, KIST_E_AUTH,
                              "'%s' names a token server without TLS, 'http://%s': not used", reg->host,
                              url->name);
    }
    return rc < 0 && rc != KIST_E_NOMEM ? kist_error_wrap(err, "the token server that '%s' names", reg->host)
                                        : rc;
}

/* The header's value; whatever was before is wiped. */
static int set_authorization(struct kist_registry *reg, const char *scheme, const char *token, struct kist_error *err)
{
    size_t size = strlen(scheme) + strlen(token) + 1;
    char *text = malloc(size);

    if (!text || !kist_str_format(text, size, "%s%s", scheme, token)) {
        free(text);
        return kist_error_nomem(err);
    }
    kist_secret_free(reg->authorization);
    reg->authorization = text;
    return 0;
}

static int read_challenge(const struct kist_registry *reg, const struct kist_http_head *head,
                          struct kist_challenge *c, struct kist_error *err)
{
    bool good = kist_challenge_parse(c, kist_buf_text(&head->challenges));

    if (c->bearer) {
        return 0;
    }
    if (c->basic) {
        return kist_error_set(err, KIST_E_AUTH, "not authorised to pull '%s' from '%s': it needs a login",
                              reg->name, reg->host);
    }
    return kist_error_set(err, KIST_E_AUTH,
                          "not authorised to pull '%s' from '%s': it asks for %s authentication", reg->name,
                          reg->host, good ? "an unknown kind of" : "a malformed kind of");
}

int kist_auth_renew(struct kist_registry *reg, const struct kist_http_head *head, enum kist_http_fault *fault,
                    struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf answer = KIST_BUF_INIT(KIST_MAX_ANSWER);
    KIST_AUTO(buf) struct kist_buf body = KIST_BUF_INIT(KIST_MAX_ANSWER);
    KIST_AUTO(http_head) struct kist_http_head token_head;
    KIST_AUTO(url) struct kist_url url = KIST_URL_INIT;
    struct kist_http_request request = {.body = collect, .arg = &body, .answer = &answer};
    KIST_AUTO(secret) char *token = NULL;
    struct kist_challenge challenge;
    bool left;
    int rc;

    kist_http_head_init(&token_head);
    *fault = KIST_HTTP_FINAL;
    kist_secret_free(reg->authorization);
    reg->authorization = NULL;
    rc = read_challenge(reg, head, &challenge, err);
    if (rc == 0) {
        rc = token_url(&url, reg, &challenge, err);
    }
    if (rc == 0) {
        rc = kist_client_send(reg, &url, &url, &request, &token_head, fault, &left, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (token_head.status == 200) {
        rc = kist_answer_token(&token, &body, err);
        if (rc == 0) {
            rc = set_authorization(reg, "Bearer ", token, err);
        }
        return rc < 0 && rc != KIST_E_NOMEM
                   ? kist_error_wrap(err, "not authorised to pull '%s' from '%s'", reg->name, reg->host)
                   : rc;
    }
    if (token_head.status >= 400 && token_head.status < 500 && token_head.status != 408 &&
        token_head.status != 429) {
        return kist_auth_refused(reg, &answer, err);
    }
    *fault = KIST_HTTP_PASSING;
    return kist_error_set(err, KIST_E_NETWORK, "the token server '%s' answered %d", url.name,
                          token_head.status);
}
