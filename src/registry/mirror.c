#include "registry/mirror.h"

#include <string.h>

#include "base/str.h"
#include "registry/registry.h"

/* The mirror of an entry: host and prefix; host gets whose mirror it is. */
static int parse(const char *entry, char host[KIST_REFERENCE_HOST_MAX], struct kist_reference *at, struct kist_error *err)
{
    char copy[KIST_REFERENCE_TEXT_MAX], *mirror, *slash;
    int rc;

    memset(at, 0, sizeof(*at));
    if (!kist_str_copy(copy, sizeof(copy), entry)) {
        return kist_error_set(err, KIST_E_USAGE, "a mirror's name is too long");
    }
    mirror = strchr(copy, '=');
    if (mirror) {
        *mirror++ = '\0';
    }
    rc = kist_registry_host(host, mirror ? copy : "docker.io", err);
    mirror = mirror ? mirror : copy;
    if (rc == 0) {
        rc = kist_registry_host(at->host, mirror, err);
    }
    if (rc < 0) {
        return rc;
    }
    mirror = strstr(mirror, "://") ? strstr(mirror, "://") + 3 : mirror;
    slash = strchr(mirror, '/');
    for (size_t len = slash ? strlen(slash) : 0; len > 0 && slash[len - 1] == '/'; len--) {
        slash[len - 1] = '\0';
    }
    if (slash && *slash != '\0' &&
        (strspn(slash + 1, "abcdefghijklmnopqrstuvwxyz0123456789._-/") < strlen(slash + 1) || strstr(slash, "//") ||
         !kist_str_copy(at->path, sizeof(at->path), slash + 1))) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' is no path that repositories of a mirror can have", slash + 1);
    }
    return 0;
}

int kist_registry_mirror_check(const char *entry, struct kist_error *err)
{
    char host[KIST_REFERENCE_HOST_MAX];
    struct kist_reference at;

    return parse(entry, host, &at, err);
}

bool kist_mirror_match(const char *entry, const struct kist_reference *r, struct kist_reference *at)
{
    char host[KIST_REFERENCE_HOST_MAX], prefix[KIST_REFERENCE_PATH_MAX];

    if (parse(entry, host, at, NULL) < 0 || strcmp(host, r->host) != 0) {
        return false;
    }
    memcpy(prefix, at->path, sizeof(prefix));
    return kist_str_format(at->path, sizeof(at->path), "%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", r->path);
}
