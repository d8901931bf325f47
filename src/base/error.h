/*
 * Errors: a function returns 0 (or a documented positive result) or a negative enum kist_err, and
 * leaves the detail in a struct kist_error that its caller owns, so that reporting allocates nothing.
 * Messages are lower case, name the thing in single quotes and give the true cause.
 */
#ifndef KIST_BASE_ERROR_H
#define KIST_BASE_ERROR_H

#include "base/base.h"

#define KIST_ERROR_MESSAGE_MAX 1024

enum kist_err {
    KIST_OK = 0,
    KIST_E_FAIL = -1,        /* any failure without a code of its own: exit 1 */
    KIST_E_NOMEM = -2,       /* out of memory: exit 1 */
    KIST_E_IO = -3,          /* the kernel or a disk refused an operation: exit 1 */
    KIST_E_USAGE = -4,       /* wrong usage or bad configuration: exit 2 */
    KIST_E_NETWORK = -5,     /* network or registry unreachable, a retry may help: exit 10 */
    KIST_E_AUTH = -6,        /* not authorised: exit 11 */
    KIST_E_NOT_FOUND = -7,   /* no such image, tag, container: exit 12 */
    KIST_E_TLS = -8,         /* TLS or certificate failure: exit 13 */
    KIST_E_CORRUPT = -9,     /* verification failed: digest, archive, store: exit 15 */
    KIST_E_NO_SPACE = -10,   /* will not fit: quota or flash full: exit 16 */
    KIST_E_CONFLICT = -11,   /* in use, already exists: exit 17 */
    KIST_E_UNSUPPORTED = -12, /* this kernel, board or kist lacks what it needs: exit 18 */
    KIST_E_NO_EXEC = -13,    /* the container's command cannot be executed: exit 126 */
    KIST_E_NO_COMMAND = -14, /* the container's command is not found: exit 127 */
    KIST_E_INTERRUPTED = -15, /* SIGINT or SIGTERM asked us to stop: exit 130 */
};

struct kist_error {
    enum kist_err code;
    int sys_errno; /* errno behind it, 0 if none */
    char message[KIST_ERROR_MESSAGE_MAX]; /* NUL-terminated, cut when too long */
};

/* Sets code and message; err may be NULL. Returns code, so that callers write return kist_error_set(...). */
int kist_error_set(struct kist_error *err, enum kist_err code, const char *fmt, ...) KIST_PRINTF(3, 4);

/*
 * As kist_error_set, and adds ": <text of sys_errno>". ENOSPC and EDQUOT turn code into KIST_E_NO_SPACE,
 * ENOMEM into KIST_E_NOMEM, whatever the caller gave. Returns the code set.
 */
int kist_error_sys(struct kist_error *err, enum kist_err code, int sys_errno, const char *fmt, ...)
    KIST_PRINTF(4, 5);

/* Puts "<context>: " before the message there is. Returns err's code (KIST_E_FAIL for err == NULL). */
int kist_error_wrap(struct kist_error *err, const char *fmt, ...) KIST_PRINTF(2, 3);

/* Sets KIST_E_NOMEM, "out of memory". */
int kist_error_nomem(struct kist_error *err);

/* The process exit status for a code, the table of the README. */
int kist_error_exit_status(int code);

/* The code's short name for JSON, such as "no-space"; "failed" for unknown ones. */
const char *kist_error_name(int code);

#endif
