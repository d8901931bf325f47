/* rooms: container */
/* Who a container runs as: a specification, then the image's passwd and group, each ended by a NUL byte. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "container/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct files {
    const char *passwd, *group;
    size_t passwd_len, group_len;
};

static int read_file(void *arg, const char *path, struct kist_buf *out, struct kist_error *err)
{
    const struct files *f = arg;
    int is_passwd = strcmp(path, "/etc/passwd") == 0;

    return kist_buf_add(out, is_passwd ? f->passwd : f->group, is_passwd ? f->passwd_len : f->group_len, err);
}

/* The text at *data up to a NUL or the end, moved past. */
static size_t take(const char **text, const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size > 0 ? memchr(*data, '\0', *size) : NULL;
    size_t len = end ? (size_t)(end - *data) : *size, used = len + (end != NULL);

    *text = (const char *)*data;
    *data += used;
    *size -= used;
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KIST_AUTO(user) struct kist_user user = {0};
    struct kist_error err = {0};
    struct files files;
    const char *spec;
    char text[256];
    size_t len;

    if (size == 0) {
        return 0;
    }
    len = take(&spec, &data, &size);
    len = KIST_MIN(len, sizeof(text) - 1);
    memcpy(text, spec, len);
    text[len] = '\0';
    files.passwd_len = take(&files.passwd, &data, &size);
    files.group_len = take(&files.group, &data, &size);
    if (kist_user_lookup(&user, text, read_file, &files, &err) == 0 &&
        (!user.home || user.uid > KIST_USER_ID_MAX || user.gid > KIST_USER_ID_MAX)) {
        abort();
    }
    return 0;
}
