#include "registry/auth.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "registry/answer.h"
#include "registry/challenge.h"
#include "registry/token.h"

/* "not authorised to pull 'a' from 'h'", and what is behind it. */
static int refused(const struct kist_registry *reg, const char *why, const char *detail, struct kist_error *err)
{
    const struct kist_credential *c = &reg->credential;
    char known[512] = "";
    bool account = c->user || c->identity_token || c->registry_token;

    if (reg->logging_in) {
        return kist_error_set(err, KIST_E_AUTH, "the login of '%s' at '%s' failed: %s%s", c->user, reg->host, why, detail);
    }
    if (account && !kist_str_format(known, sizeof(known), " (the login%s%.64s%s is from '%s')", c->user ? " of '" : "",
                                    c->user ? c->user : "", c->user ? "'" : "", c->from)) {
        known[0] = '\0';
    }
    return kist_error_set(err, KIST_E_AUTH, "not authorised to %s '%s' %s '%s': %s%s%s", reg->push ? "push" : "pull",
                          reg->name, reg->push ? "to" : "from", reg->host, why, detail,
                          account ? known : " (try 'kist login')");
}

int kist_auth_refused(const struct kist_registry *reg, const struct kist_buf *body, struct kist_error *err)
{
    const struct kist_credential *c = &reg->credential;
    char message[KIST_ANSWER_TEXT_MAX], said[KIST_ANSWER_TEXT_MAX + 32] = "";

    (void)kist_answer_message(message, body);
    if (message[0] && !kist_str_format(said, sizeof(said), "; the registry says: %s", message)) {
        said[0] = '\0';
    }
    if (reg->logging_in) {
        return refused(reg, "wrong user name or password", said, err);
    }
    /* registries answer alike for what is private and what is not there, so as not to tell which */
    return refused(reg,
                   c->user || c->identity_token || c->registry_token
                       ? "the login is wrong or out of date, or does not allow it"
                   : reg->push ? "it needs a login"
                               : "it does not exist or needs a login",
                   said, err);
}

/* The header's value from now on; what was before is wiped. *changed: it is another. */
static int set_authorization(struct kist_registry *reg, char *value, bool *changed, struct kist_error *err)
{
    if (!value) {
        return kist_error_nomem(err);
    }
    *changed = !reg->authorization || strcmp(reg->authorization, value) != 0;
    kist_secret_free(reg->authorization);
    reg->authorization = value;
    return 0;
}

static char *bearer(const char *token)
{
    size_t size = strlen(token) + sizeof("Bearer ");
    char *text = malloc(size);

    if (text && !kist_str_format(text, size, "Bearer %s", token)) {
        free(text);
        return NULL;
    }
    return text;
}

/* The account of the host, looked up once. */
static int find_credential(struct kist_registry *reg, struct kist_error *err)
{
    int rc = 0;

    if (!reg->credential_sought) {
        rc = kist_credential_find(&reg->credential, reg->options->auth_files, reg->host, err);
        reg->credential_sought = rc >= 0;
    }
    return KIST_MIN(rc, 0);
}

static int renew(struct kist_registry *reg, const struct kist_challenge *c, bool well_formed, bool *changed,
                 enum kist_http_fault *fault, struct kist_error *err)
{
    const struct kist_credential *own = &reg->credential;
    KIST_AUTO(secret) char *token = NULL;
    int rc;

    if (own->registry_token) {
        return set_authorization(reg, bearer(own->registry_token), changed, err);
    }
    if (c->bearer) {
        rc = kist_token_fetch(&token, reg, c, fault, err);
        return rc < 0 ? rc : set_authorization(reg, bearer(token), changed, err);
    }
    if (c->basic) {
        return own->user && own->password ? set_authorization(reg, kist_token_basic(own), changed, err)
                                          : refused(reg, "it needs a login", "", err);
    }
    return refused(reg, well_formed ? "it asks for an unknown kind of authentication"
                                    : "it asks for a malformed kind of authentication", "", err);
}

int kist_auth_renew(struct kist_registry *reg, const struct kist_http_head *head, const struct kist_buf *answer,
                    enum kist_http_fault *fault, struct kist_error *err)
{
    struct kist_challenge challenge;
    bool well_formed = kist_challenge_parse(&challenge, kist_buf_text(&head->challenges)), changed = false;
    int rc;

    *fault = KIST_HTTP_FINAL;
    rc = find_credential(reg, err);
    if (rc == 0) {
        rc = renew(reg, &challenge, well_formed, &changed, fault, err);
    }
    /* the same again would get the same answer */
    return rc == 0 && !changed ? kist_auth_refused(reg, answer, err) : rc;
}
