/* The arguments of -v and --tmpfs, in Docker's grammar. */
#ifndef KIST_CONTAINER_VOLUME_H
#define KIST_CONTAINER_VOLUME_H

#include "base/str.h"

struct kist_volume {
    char *source;            /* absolute path on the host; NULL: a volume */
    char *name;              /* of the volume; NULL: an anonymous one */
    char *destination;       /* absolute and clean, never "/" */
    const char *propagation; /* "rprivate", "rshared", ...: static */
    bool read_only;
    bool nocopy; /* a volume starts empty */
};

/*
 * "/destination", "name:/destination[:options]", "/source:/destination[:options]"; a source that starts with "." is relative to where kist
 * runs. Options: ro rw z Z (no SELinux here: without effect) nocopy consistent cached delegated [r]private
 * [r]shared [r]slave. KIST_E_USAGE.
 */
int kist_volume_parse(struct kist_volume *v, const char *text, struct kist_error *err) KIST_CHECKED;
void kist_volume_release(struct kist_volume *v);
void kist_volume_auto(struct kist_volume *v);

/* "/destination[:options]" -> the destination, and all the options the mount shall have, Docker's noexec,
 * nosuid, nodev among them. */
int kist_tmpfs_parse(char **destination, struct kist_strv *options, const char *text,
                     struct kist_error *err) KIST_CHECKED;

/* An absolute path that "text" of an option stands for, cleaned; free() it. KIST_E_USAGE: relative, "/", or
 * climbing out. */
int kist_destination_parse(char **path, const char *text, const char *option,
                           struct kist_error *err) KIST_CHECKED;

#endif
