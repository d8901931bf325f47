/*
 * Who a container's process runs as: Docker's --user and an image's User ("", "name", "uid", "name:group",
 * "uid:gid"), looked up in the image's own /etc/passwd and /etc/group.
 */
#ifndef KIST_CONTAINER_USER_H
#define KIST_CONTAINER_USER_H

#include "base/buf.h"

/* Bytes of /etc/passwd or /etc/group that are looked at; a larger file is refused. */
#ifndef KIST_MAX_PASSWD
#define KIST_MAX_PASSWD (1U << 20)
#endif

#define KIST_USER_ID_MAX 0x7fffffffU

struct kist_user {
    uint32_t uid, gid;
    uint32_t *groups; /* additional ones, from /etc/group; only when spec names no group */
    size_t group_count;
    char *home; /* "/" where nothing says otherwise */
};

/* Reads a file of the image into out, following symlinks inside the image. KIST_E_NOT_FOUND: there is none.
 */
typedef int kist_read_file_fn(void *arg, const char *path, struct kist_buf *out, struct kist_error *err);

/*
 * A name that is not there is KIST_E_NOT_FOUND, "unable to find user 'x': no matching entries in passwd
 * file"; a number needs no entry. Lines of these files that make no sense are passed over, an absent file is
 * an empty one.
 */
int kist_user_lookup(struct kist_user *user, const char *spec, kist_read_file_fn *read_file, void *arg,
                     struct kist_error *err) KIST_CHECKED;
void kist_user_release(struct kist_user *user);
void kist_user_auto(struct kist_user *user);

#endif
