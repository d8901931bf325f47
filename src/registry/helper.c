#include "registry/helper.h"

#include <string.h>

#include "base/limits.h"
#include "base/secret.h"
#include "codec/json.h"
#include "port/program.h"

#define TOKEN_USER "<token>" /* the secret is an identity token */

/* Runs it; 1 when it knows no such account. */
static int run(const char *name, const char *verb, const char *input, struct kist_buf *output, struct kist_error *err)
{
    char program[KIST_HELPER_PROGRAM_MAX], shown[256];
    const char *const argv[] = {program, verb, NULL};
    int status = 0, rc;

    if (name[0] == '\0' || name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] ||
        !kist_str_format(program, sizeof(program), "docker-credential-%s", name)) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' is no name of a credential helper",
                              kist_str_printable(shown, sizeof(shown), name));
    }
    rc = kist_buf_reserve(output, output->max, err);
    if (rc == 0) {
        rc = port_program_run(argv, input, strlen(input), output, &status, err);
    }
    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND
                   ? kist_error_set(err, KIST_E_USAGE, "the credential helper '%s' is not in PATH", program)
                   : rc;
    }
    if (status == 0) {
        return 0;
    }
    if (strstr(kist_buf_text(output), "credentials not found")) {
        return 1;
    }
    if (output->len > 0 && output->data[output->len - 1] == '\n') {
        output->data[output->len - 1] = '\0';
    }
    return kist_error_set(err, KIST_E_AUTH, "the credential helper '%s' failed (status %d): %s", program, status,
                          kist_str_printable(shown, sizeof(shown), kist_buf_text(output)));
}

int kist_helper_get(struct kist_credential *c, const char *name, const char *server, struct kist_error *err)
{
    KIST_AUTO(buf_wipe) struct kist_buf output = KIST_BUF_INIT(KIST_MAX_HEADER);
    KIST_AUTO(json_wipe) cJSON *root = NULL;
    const char *user, *secret;
    int rc = run(name, "get", server, &output, err);

    if (rc != 0) {
        return rc;
    }
    rc = kist_json_parse(&root, kist_buf_text(&output), output.len, "answer", NULL);
    user = kist_json_string(root, "Username");
    secret = kist_json_string(root, "Secret");
    if (rc < 0 || !user || !secret) {
        return kist_error_set(err, KIST_E_AUTH, "the credential helper 'docker-credential-%s' gave no account", name);
    }
    if (strcmp(user, TOKEN_USER) == 0) {
        c->identity_token = strdup(secret);
    } else {
        c->user = strdup(user);
        c->password = strdup(secret);
    }
    if (!c->identity_token && (!c->user || !c->password)) {
        kist_credential_release(c);
        return kist_error_nomem(err);
    }
    (void)!kist_str_format(c->from, sizeof(c->from), "docker-credential-%s", name);
    return 0;
}

int kist_helper_store(const struct kist_credential *c, const char *name, const char *server, struct kist_error *err)
{
    KIST_AUTO(buf_wipe) struct kist_buf input = KIST_BUF_INIT(4 * KIST_MAX_HEADER);
    KIST_AUTO(buf_wipe) struct kist_buf output = KIST_BUF_INIT(KIST_MAX_HEADER);
    KIST_AUTO(json_wipe) cJSON *root = cJSON_CreateObject();
    int rc = root ? kist_json_put_string(root, "ServerURL", server, err) : kist_error_nomem(err);

    if (rc == 0) {
        rc = kist_json_put_string(root, "Username", c->identity_token ? TOKEN_USER : c->user, err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(root, "Secret", c->identity_token ? c->identity_token : c->password, err);
    }
    if (rc == 0) {
        rc = kist_json_print(root, false, &input, err);
    }
    if (rc == 0) {
        rc = run(name, "store", kist_buf_text(&input), &output, err);
    }
    return rc == 1 ? kist_error_set(err, KIST_E_AUTH, "the credential helper 'docker-credential-%s' keeps nothing", name)
                   : rc;
}

int kist_helper_erase(const char *name, const char *server, struct kist_error *err)
{
    KIST_AUTO(buf_wipe) struct kist_buf output = KIST_BUF_INIT(KIST_MAX_HEADER);

    return run(name, "erase", server, &output, err);
}
