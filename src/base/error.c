#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    enum kist_err code;
    int exit_status;
    const char *name;
} codes[] = {
    {KIST_OK, 0, "ok"},
    {KIST_E_FAIL, 1, "failed"},
    {KIST_E_NOMEM, 1, "out-of-memory"},
    {KIST_E_IO, 1, "io"},
    {KIST_E_USAGE, 2, "usage"},
    {KIST_E_NETWORK, 10, "network"},
    {KIST_E_AUTH, 11, "unauthorized"},
    {KIST_E_NOT_FOUND, 12, "not-found"},
    {KIST_E_TLS, 13, "tls"},
    {KIST_E_CORRUPT, 15, "corrupt"},
    {KIST_E_NO_SPACE, 16, "no-space"},
    {KIST_E_CONFLICT, 17, "conflict"},
    {KIST_E_UNSUPPORTED, 18, "unsupported"},
    {KIST_E_NO_EXEC, 126, "cannot-execute"},
    {KIST_E_NO_COMMAND, 127, "command-not-found"},
    {KIST_E_INTERRUPTED, 130, "interrupted"},
};

int kist_error_exit_status(int code)
{
    for (size_t i = 0; i < KIST_COUNT(codes); i++) {
        if ((int)codes[i].code == code) {
            return codes[i].exit_status;
        }
    }
    return 1;
}

const char *kist_error_name(int code)
{
    for (size_t i = 0; i < KIST_COUNT(codes); i++) {
        if ((int)codes[i].code == code) {
            return codes[i].name;
        }
    }
    return "failed";
}

int kist_error_set(struct kist_error *err, enum kist_err code, const char *fmt, ...)
{
    va_list args;

    if (err) {
        err->code = code;
        err->sys_errno = 0;
        va_start(args, fmt);
        (void)vsnprintf(err->message, sizeof(err->message), fmt, args);
        va_end(args);
    }
    return code;
}

int kist_error_sys(struct kist_error *err, enum kist_err code, int sys_errno, const char *fmt, ...)
{
    va_list args;
    size_t used;

    if (sys_errno == ENOSPC || sys_errno == EDQUOT) {
        code = KIST_E_NO_SPACE;
    } else if (sys_errno == ENOMEM) {
        code = KIST_E_NOMEM;
    }
    if (err) {
        err->code = code;
        err->sys_errno = sys_errno;
        va_start(args, fmt);
        (void)vsnprintf(err->message, sizeof(err->message), fmt, args);
        va_end(args);
        used = strlen(err->message);
        (void)snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(sys_errno));
    }
    return code;
}

int kist_error_wrap(struct kist_error *err, const char *fmt, ...)
{
    char context[KIST_ERROR_MESSAGE_MAX];
    size_t used, room, tail;
    va_list args;

    if (!err) {
        return KIST_E_FAIL;
    }
    va_start(args, fmt);
    (void)vsnprintf(context, sizeof(context) / 2, fmt, args);
    va_end(args);
    used = strlen(context);
    context[used++] = ':';
    context[used++] = ' ';
    room = sizeof(err->message) - used - 1;
    tail = strlen(err->message);
    if (tail > room) {
        tail = room;
    }
    memmove(err->message + used, err->message, tail);
    memcpy(err->message, context, used);
    err->message[used + tail] = '\0';
    return err->code;
}

int kist_error_nomem(struct kist_error *err)
{
    return kist_error_set(err, KIST_E_NOMEM, "out of memory");
}
