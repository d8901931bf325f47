#include "registry/auth.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "registry/answer.h"
#include "registry/challenge.h"

int kist_auth_refused(const struct kist_registry *reg, const struct kist_buf *body, struct kist_error *err)
{
    char message[KIST_ANSWER_TEXT_MAX];

    (void)kist_answer_message(message, body);
    /* registries answer alike for what is private and what is not there, so as not to tell which */
    return kist_error_set(
        err, KIST_E_AUTH, "not authorised to pull '%s' from '%s': it does not exist or needs a login%s%s%s",
        reg->name, reg->host, message[0] ? " (the registry says: " : "", message, message[0] ? ")" : "");
}

static int collect(void *arg, const void *data, size_t len, struct kist_error *err)
{
    return kist_buf_add(arg, data, len, err);
}

/* realm?service=...&scope=... */
static int token_url(struct kist_url *url, const struct kist_registry *reg, const struct kist_challenge *c,
                     struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_HEADER);
    KIST_AUTO(buf) struct kist_buf scope = KIST_BUF_INIT(KIST_MAX_HEADER);
    int rc = c->scope[0] != '\0' ? kist_buf_puts(&scope, c->scope, err)
                                 : kist_buf_printf(&scope, err, "repository:%s:pull", reg->path);

    if (rc == 0) {
        rc = kist_buf_printf(&text, err, "%.*s%cscope=", (int)strcspn(c->realm, "#"), c->realm,
                             strchr(c->realm, '?') ? '&' : '?');
    }
    if (rc == 0) {
        rc = kist_url_add_escaped(&text, kist_buf_text(&scope), err);
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
    struct kist_challenge challenge;
    bool left;
    int rc;

    kist_http_head_init(&token_head);
    *fault = KIST_HTTP_FINAL;
    free(reg->token);
    reg->token = NULL;
    rc = read_challenge(reg, head, &challenge, err);
    if (rc == 0) {
        rc = token_url(&url, reg, &challenge, err);
    }
    if (rc == 0) {
        rc = kist_client_get(reg, &url, &request, &token_head, fault, &left, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (token_head.status == 200) {
        rc = kist_answer_token(&reg->token, &body, err);
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
