#include <string.h>

#include "registry/client.h"

static int copy_text(char **dst, const char *text, struct kist_error *err)
{
    *dst = strdup(text);
    return *dst ? 0 : kist_error_nomem(err);
}

int kist_registry_host(char host[KIST_REFERENCE_HOST_MAX], const char *text, struct kist_error *err)
{
    char shown[128];
    size_t len;

    text += kist_str_starts(text, "https://") ? 8 : kist_str_starts(text, "http://") ? 7 : 0;
    len = strcspn(text, "/");
    if (len == 0 || len >= KIST_REFERENCE_HOST_MAX ||
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") < len) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' is not the name of a registry, as 'registry.lan:5000'",
                              kist_str_printable(shown, sizeof(shown), text));
    }
    memcpy(host, text, len);
    host[len] = '\0';
    if (strcmp(host, "index.docker.io") == 0 || strcmp(host, "registry-1.docker.io") == 0) {
        (void)!kist_str_copy(host, KIST_REFERENCE_HOST_MAX, "docker.io");
    }
    return 0;
}

static int try_login(struct kist_registry *reg, struct kist_credential *c, struct kist_error *err)
{
    struct kist_exchange x = {.path = "", .what = "the first page"};
    struct kist_attempt attempt;
    int rc = copy_text(&reg->credential.user, c->user, err);

    if (rc == 0) {
        rc = copy_text(&reg->credential.password, c->password, err);
    }
    reg->credential_sought = reg->logging_in = true;
    if (rc == 0) {
        rc = kist_client_exchange(reg, &x, &attempt, err);
    }
    if (rc == 0) {
        c->identity_token = reg->credential.identity_token;
        reg->credential.identity_token = NULL;
    }
    return rc == KIST_E_NOT_FOUND ? kist_error_set(err, rc, "'%s' does not answer as a registry does", reg->host) : rc;
}

int kist_registry_login(const char *host, const struct kist_registry_options *options, struct kist_credential *c,
                        struct kist_error *err)
{
    struct kist_reference r = {.path = ""};
    struct kist_registry *reg = NULL;
    int rc = kist_str_copy(r.host, sizeof(r.host), host) ? kist_registry_open(&reg, &r, options, err)
                                                         : kist_error_set(err, KIST_E_USAGE, "the host is too long");

    if (rc == 0) {
        rc = try_login(reg, c, err);
    }
    kist_registry_close(reg);
    return rc;
}
