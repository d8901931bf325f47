#include "registry/credential.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/secret.h"
#include "codec/base64.h"
#include "port/program.h"
#include "registry/credential_file.h"
#include "registry/helper.h"

#define HUB "docker.io"
#define HUB_KEY "https://index.docker.io/v1/" /* what Docker Hub has always been called in these files */

void kist_credential_release(struct kist_credential *c)
{
    kist_secret_free(c->user);
    kist_secret_free(c->password);
    kist_secret_free(c->identity_token);
    kist_secret_free(c->registry_token);
    *c = (struct kist_credential){.user = NULL};
}

static const char *key_of(const char *host)
{
    return strcmp(host, HUB) == 0 ? HUB_KEY : host;
}

/* Keys are hosts, or URLs of old: "https://registry.lan/v1/". */
static bool names_host(const char *key, const char *host)
{
    static const char *const schemes[] = {"https://", "http://"};
    static const char *const hubs[] = {"index.docker.io", "registry-1.docker.io"};
    size_t len;

    for (size_t i = 0; i < KIST_COUNT(schemes); i++) {
        if (kist_str_starts(key, schemes[i])) {
            key += strlen(schemes[i]);
            break;
        }
    }
    len = strcspn(key, "/");
    for (size_t i = 0; strcmp(host, HUB) == 0 && i < KIST_COUNT(hubs); i++) {
        if (strlen(hubs[i]) == len && strncasecmp(key, hubs[i], len) == 0) {
            return true;
        }
    }
    return strlen(host) == len && strncasecmp(key, host, len) == 0;
}

/* The member of object for host: under its own key if there is one, else under another that means it. */
static const cJSON *member(const cJSON *object, const char *host)
{
    const cJSON *found = NULL, *item;

    cJSON_ArrayForEach(item, object)
    {
        if (item->string && strcmp(item->string, key_of(host)) == 0) {
            return item;
        }
        if (!found && item->string && names_host(item->string, host)) {
            found = item;
        }
    }
    return found;
}

/* The helper that keeps the account at host, or NULL. */
static const char *helper_of(const cJSON *root, const char *host)
{
    const cJSON *own = member(kist_json_object(root, "credHelpers"), host);
    const char *store = kist_json_string(root, "credsStore");

    if (cJSON_IsString(own) && own->valuestring[0] != '\0') {
        return own->valuestring;
    }
    return store && store[0] != '\0' ? store : NULL;
}

/* A member's text into *dst; "" is none. */
static bool take_text(char **dst, const cJSON *entry, const char *name)
{
    const char *text = kist_json_string(entry, name);

    *dst = text && text[0] != '\0' ? strdup(text) : NULL;
    return !text || text[0] == '\0' || *dst;
}

/* "auth" is base64 of "user:password". */
static int take_auth(struct kist_credential *c, const char *text, struct kist_error *err)
{
    KIST_AUTO(buf_wipe) struct kist_buf plain = KIST_BUF_INIT(KIST_MAX_HEADER);
    char *colon;

    if (kist_buf_reserve(&plain, plain.max, err) < 0) {
        return KIST_E_NOMEM;
    }
    if (kist_base64_decode(&plain, text, NULL) < 0 || !(colon = strchr(kist_buf_text(&plain), ':'))) {
        return kist_error_set(err, KIST_E_USAGE, "'auth' is not base64 of 'user:password'");
    }
    *colon = '\0';
    c->user = strdup(plain.data);
    c->password = strdup(colon + 1);
    return c->user && c->password ? 0 : kist_error_nomem(err);
}

static int take_entry(struct kist_credential *c, const cJSON *entry, struct kist_error *err)
{
    const char *auth = kist_json_string(entry, "auth");
    int rc = auth && auth[0] != '\0' ? take_auth(c, auth, err) : 0;

    if (rc == 0 && !c->user &&
        (!take_text(&c->user, entry, "username") || !take_text(&c->password, entry, "password"))) {
        rc = kist_error_nomem(err);
    }
    if (rc == 0 && (!take_text(&c->identity_token, entry, "identitytoken") ||
                    !take_text(&c->registry_token, entry, "registrytoken"))) {
        rc = kist_error_nomem(err);
    }
    return rc;
}

static bool is_useful(const struct kist_credential *c)
{
    return (c->user && c->password) || c->identity_token || c->registry_token;
}

/* 0, or 1 when the file has none. */
static int find_in(struct kist_credential *c, const char *file, const char *host, struct kist_error *err)
{
    KIST_AUTO(json_wipe) cJSON *root = NULL;
    const char *helper;
    int rc = kist_credential_file_read(&root, file, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 1 : rc;
    }
    helper = helper_of(root, host);
    rc = helper ? kist_helper_get(c, helper, key_of(host), err) : 1;
    if (rc == 1) {
        rc = take_entry(c, member(kist_json_object(root, "auths"), host), err);
        (void)!kist_str_copy(c->from, sizeof(c->from), file);
    }
    if (rc < 0) {
        return kist_error_wrap(err, "the login for '%s' in '%s'", host, file);
    }
    return is_useful(c) ? 0 : 1;
}

int kist_credential_find(struct kist_credential *c, const struct kist_strv *files, const char *host,
                         struct kist_error *err)
{
    int rc = 1;

    *c = (struct kist_credential){.user = NULL};
    for (size_t i = 0; files && rc == 1 && i < files->n; i++) {
        kist_credential_release(c);
        rc = find_in(c, files->v[i], host, err);
    }
    if (rc != 0) {
        kist_credential_release(c);
        return rc;
    }
    port_program_seal();
    return 0;
}

/* What a change of the file is about. */
struct edit {
    const struct kist_credential *credential;
    const char *host;
    bool done; /* a helper keeps it; there was something to forget */
};

/* The object name of root, made when missing; NULL when out of memory. */
static cJSON *object_of(cJSON *root, const char *name)
{
    cJSON *object = cJSON_GetObjectItemCaseSensitive(root, name);

    if (!cJSON_IsObject(object)) {
        cJSON_DeleteItemFromObjectCaseSensitive(root, name);
        object = cJSON_AddObjectToObject(root, name);
    }
    return object;
}

static int put_login(cJSON *entry, const struct kist_credential *c, struct kist_error *err)
{
    KIST_AUTO(buf_wipe) struct kist_buf plain = KIST_BUF_INIT(KIST_MAX_HEADER);
    KIST_AUTO(buf_wipe) struct kist_buf text = KIST_BUF_INIT(2 * KIST_MAX_HEADER);
    int rc = kist_buf_reserve(&plain, plain.max, err);

    if (rc == 0) {
        rc = kist_buf_reserve(&text, text.max, err);
    }
    if (rc == 0) {
        rc = kist_buf_printf(&plain, err, "%s:%s", c->user ? c->user : "", c->identity_token ? "" : c->password);
    }
    if (rc == 0) {
        rc = kist_base64_encode(&text, plain.data, plain.len, err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(entry, "auth", text.data, err);
    }
    if (rc == 0 && c->identity_token) {
        rc = kist_json_put_string(entry, "identitytoken", c->identity_token, err);
    }
    return rc;
}

/* Every key that means host goes. */
static bool drop_entries(cJSON *object, const char *host)
{
    const cJSON *item;
    bool any = false;

    while ((item = member(object, host)) != NULL) {
        cJSON *gone = cJSON_DetachItemViaPointer(object, (cJSON *)(uintptr_t)item);

        kist_json_wipe_auto(&gone);
        any = true;
    }
    return any;
}

static int store_login(void *arg, cJSON *root, struct kist_error *err)
{
    struct edit *e = arg;
    const char *helper = helper_of(root, e->host);
    cJSON *auths = object_of(root, "auths"), *entry = cJSON_CreateObject();
    int rc = auths && entry ? 0 : kist_error_nomem(err);

    if (rc == 0) {
        (void)drop_entries(auths, e->host);
        e->done = helper != NULL; /* which the empty entry then points at, as Docker leaves it */
        rc = helper ? kist_helper_store(e->credential, helper, key_of(e->host), err)
                    : put_login(entry, e->credential, err);
    }
    if (rc < 0) {
        kist_json_wipe_auto(&entry);
        return rc;
    }
    return kist_json_put(auths, key_of(e->host), entry, err);
}

int kist_credential_store(const struct kist_credential *c, const char *file, const char *host, bool *helper,
                          struct kist_error *err)
{
    struct edit e = {.credential = c, .host = host};
    int rc = kist_credential_file_edit(file, store_login, &e, err);

    *helper = e.done;
    return rc;
}

static int erase_login(void *arg, cJSON *root, struct kist_error *err)
{
    struct edit *e = arg;
    const char *helper = helper_of(root, e->host);
    int rc = helper ? kist_helper_erase(helper, key_of(e->host), err) : 1;
    bool dropped;

    if (rc < 0) {
        return rc;
    }
    dropped = drop_entries(cJSON_GetObjectItemCaseSensitive(root, "auths"), e->host);
    e->done = dropped || rc == 0;
    return dropped ? 0 : 1;
}

int kist_credential_erase(const char *file, const char *host, bool *found, struct kist_error *err)
{
    KIST_AUTO(json_wipe) cJSON *root = NULL;
    struct edit e = {.host = host};
    int rc = kist_credential_file_read(&root, file, err);

    /* a directory that nobody may write to is no obstacle where there is nothing to forget */
    if (rc == 0 && (helper_of(root, host) || member(kist_json_object(root, "auths"), host))) {
        rc = kist_credential_file_edit(file, erase_login, &e, err);
    }
    *found = e.done;
    return rc == KIST_E_NOT_FOUND ? 0 : rc;
}
