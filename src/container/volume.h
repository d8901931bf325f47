/* The arguments of -v, --mount and --tmpfs, in Docker's grammar. */
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

enum kist_mount_type { KIST_MOUNT_VOLUME, KIST_MOUNT_BIND, KIST_MOUNT_TMPFS };

struct kist_mount {
    enum kist_mount_type type;
    struct kist_volume volume; /* of a tmpfs: destination and read_only */
    bool single;               /* of a bind: without what is mounted below its source */
    uint64_t size;             /* of a tmpfs; 0: not said */
    int mode;                  /* of a tmpfs; -1: not said */
};

/*
 * --mount: "type=bind,source=/path,target=/path[,readonly][,bind-propagation=rslave]", "[type=volume,]source=name,target=/path[,volume-nocopy]",
 * "type=tmpfs,target=/path[,tmpfs-size=64m][,tmpfs-mode=1770]". KIST_E_USAGE, KIST_E_UNSUPPORTED. kist_volume_release m->volume.
 */
int kist_mount_parse(struct kist_mount *m, const char *text, struct kist_error *err) KIST_CHECKED;

/* The static text of "rprivate", "private", "rshared", "shared", "rslave" or "slave"; NULL for others. */
const char *kist_propagation_name(const char *text);
/* An absolute path on the host, or one that begins with "." and is relative to the working directory; free() it. KIST_E_USAGE. */
int kist_source_parse(char **path, const char *text, const char *option, struct kist_error *err) KIST_CHECKED;
/* An absolute path that "text" of an option stands for, cleaned; free() it. KIST_E_USAGE: relative, "/", or
 * climbing out. */
int kist_destination_parse(char **path, const char *text, const char *option,
                           struct kist_error *err) KIST_CHECKED;

#endif
