/*
 * Durable files: the contract under the store. Two providers have these symbols, port/linux and port/sim (in memory,
 * with power cuts); a program links one. What holds after a power cut:
 *  - bytes of a file: those written before its last port_file_sync that returned 0;
 *  - a name in a directory (create, rename, unlink): as of that directory's last port_dir_sync that returned 0;
 *  - rename is atomic: afterwards the target is the old file or the new one, whole.
 * Anything newer may be kept, lost, or torn at 512 bytes, each on its own.
 * All descriptors are close-on-exec. Names are single components without "/"; symlinks are never followed.
 */
#ifndef KIST_PORT_FILE_H
#define KIST_PORT_FILE_H

#include <stdbool.h>

#include "base/error.h"

struct port_dir;
struct port_file;

enum port_type { PORT_TYPE_FILE, PORT_TYPE_DIRECTORY, PORT_TYPE_OTHER };

struct port_stat {
    enum port_type type;
    uint64_t size;      /* bytes */
    uint64_t allocated; /* bytes the filesystem gave it */
    int64_t mtime;      /* seconds since 1970 */
    uint32_t uid, mode; /* owner; permission bits */
};

struct port_space {
    uint64_t total, available; /* bytes of the filesystem; available to us */
    uint32_t block;            /* its allocation unit, bytes */
};

/* A directory by path; create makes it and its missing parents, mode 0700 for the last, 0755 before. KIST_E_NOT_FOUND. */
int port_dir_open(struct port_dir **out, const char *path, bool create, struct kist_error *err) KIST_CHECKED;
/* A directory inside another; create makes it (mode 0700) when missing. */
int port_dir_open_at(struct port_dir **out, struct port_dir *at, const char *name, bool create,
                     struct kist_error *err) KIST_CHECKED;
void port_dir_close(struct port_dir *dir);
int port_dir_sync(struct port_dir *dir, struct kist_error *err) KIST_CHECKED;
/* Calls each for every entry but "." and "..", in no order; a non-zero return of each ends it and is returned. */
int port_dir_list(struct port_dir *dir, int (*each)(void *arg, const char *name, struct kist_error *err), void *arg,
                  struct kist_error *err) KIST_CHECKED;
/* KIST_E_NOT_FOUND without touching *st when there is no such name. name NULL: dir itself. */
int port_dir_stat(struct port_dir *dir, const char *name, struct port_stat *st, struct kist_error *err) KIST_CHECKED;
int port_dir_space(struct port_dir *dir, struct port_space *space, struct kist_error *err) KIST_CHECKED;
/*
 * Bytes the filesystem gave to name and all below it, as du -x counts: directories too, a file with several names once, and no other
 * filesystem. Nothing there is 0 bytes. name NULL: only dir itself. What changes meanwhile is counted as it is met.
 */
int port_dir_usage(struct port_dir *dir, const char *name, uint64_t *bytes, struct kist_error *err) KIST_CHECKED;
/* Moves a name, replacing the target (atomically). */
int port_dir_rename(struct port_dir *from, const char *name, struct port_dir *to, const char *new_name,
                    struct kist_error *err) KIST_CHECKED;
/* KIST_E_NOT_FOUND when it is not there. */
int port_dir_unlink(struct port_dir *dir, const char *name, struct kist_error *err) KIST_CHECKED;
/* A directory and all in it, never crossing a mount point; nothing there is success. */
int port_dir_remove_tree(struct port_dir *dir, const char *name, struct kist_error *err) KIST_CHECKED;
/*
 * The plain file name in dir, made (mode 0600) when missing, has blocks for its first size bytes from now on, though it be no longer than
 * it was: what is written there finds no full disk. KIST_E_NO_SPACE; KIST_E_UNSUPPORTED where the filesystem cannot.
 */
int port_dir_reserve(struct port_dir *dir, const char *name, uint64_t size, struct kist_error *err) KIST_CHECKED;
/* Permission bits of a file or directory. */
int port_dir_chmod(struct port_dir *dir, const char *name, unsigned mode, struct kist_error *err) KIST_CHECKED;
/* The modification time becomes now. */
int port_dir_touch(struct port_dir *dir, const char *name, struct kist_error *err) KIST_CHECKED;
/* The modification time of a name, or with NULL of dir itself, becomes this: seconds since 1970. */
int port_dir_set_time(struct port_dir *dir, const char *name, int64_t mtime, struct kist_error *err) KIST_CHECKED;
/* The path the directory was opened under, for messages and mounts; the dir's memory. */
const char *port_dir_path(const struct port_dir *dir);

/* A new file to be written (mode 0600); KIST_E_CONFLICT when the name is taken, or truncate it when replace. */
int port_file_create(struct port_file **out, struct port_dir *dir, const char *name, bool replace,
                     struct kist_error *err) KIST_CHECKED;
/* For reading; KIST_E_NOT_FOUND. Not a plain file: KIST_E_CORRUPT. */
int port_file_open(struct port_file **out, struct port_dir *dir, const char *name, struct kist_error *err)
    KIST_CHECKED;
/* For reading and writing, made when missing. */
int port_file_open_rw(struct port_file **out, struct port_dir *dir, const char *name, struct kist_error *err)
    KIST_CHECKED;
/* A descriptor of a plain file that another process opened, for reading and writing; f owns it. name is for messages. */
int port_file_adopt(struct port_file **out, int fd, const char *name, struct kist_error *err) KIST_CHECKED;
/* At the end of the file: past the last byte there was at opening or that was written through f. */
int port_file_append(struct port_file *f, const void *data, size_t len, struct kist_error *err) KIST_CHECKED;
int port_file_write_at(struct port_file *f, uint64_t offset, const void *data, size_t len, struct kist_error *err)
    KIST_CHECKED;
/* *got < len only at the end of the file. */
int port_file_read_at(struct port_file *f, uint64_t offset, void *data, size_t len, size_t *got,
                      struct kist_error *err) KIST_CHECKED;
int port_file_size(struct port_file *f, uint64_t *size, struct kist_error *err) KIST_CHECKED;
int port_file_truncate(struct port_file *f, uint64_t size, struct kist_error *err) KIST_CHECKED;
/* Data and size on the medium. */
int port_file_sync(struct port_file *f, struct kist_error *err) KIST_CHECKED;
/* Checked close of a written file; frees f whatever it returns. */
int port_file_close(struct port_file *f, struct kist_error *err) KIST_CHECKED;
/* Close of a file that was only read, or is being given up; NULL is nothing. */
void port_file_discard(struct port_file *f);
/* The descriptor below it, owned by f, for mounts and file sharing; -1 where there is none (sim). */
int port_file_fd(const struct port_file *f);
/* What memory holds of it is given back, so that what is read next comes from the medium, and reading much drives nothing else out. */
void port_file_uncache(struct port_file *f);
/* Whether name in dir still is this very file: not unlinked, renamed away or replaced since it was opened. */
bool port_file_is(const struct port_file *f, struct port_dir *dir, const char *name);

/*
 * flock on the open file: held until it is closed, also by the death of the process. wait_ms: how long to wait for another
 * holder, 0 not at all, -1 for ever. KIST_E_CONFLICT when it stays held, KIST_E_INTERRUPTED when a signal handler ran.
 */
int port_file_lock(struct port_file *f, bool exclusive, int wait_ms, struct kist_error *err) KIST_CHECKED;
/*
 * For messages: a process that holds a lock on this file now, 0 where there is none or nobody can tell; and its command line, fit to be
 * shown and cut to size bytes, "" where nobody can tell.
 */
int port_file_lock_holder(const struct port_file *f, char *command, size_t size);

#endif
