#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kist_buf_init(struct kist_buf *b, size_t max)
{
    *b = (struct kist_buf)KIST_BUF_INIT(max);
}

void kist_buf_release(struct kist_buf *b)
{
    free(b->data);
    kist_buf_init(b, b->max);
}

void kist_buf_auto(struct kist_buf *b)
{
    kist_buf_release(b);
}

void kist_buf_clear(struct kist_buf *b)
{
    b->len = 0;
    if (b->data) {
        b->data[0] = '\0';
    }
}

int kist_buf_reserve(struct kist_buf *b, size_t extra, struct kist_error *err)
{
    size_t need, size;
    char *data;

    if (extra > b->max || b->len > b->max - extra) {
        return kist_error_set(err, KIST_E_FAIL, "more than %zu bytes", b->max);
    }
    need = b->len + extra + 1;
    if (need <= b->size) {
        return 0;
    }
    size = b->size ? b->size : 64;
    while (size < need) {
        size += size / 2;
    }
    size = KIST_MIN(size, b->max + 1);
    data = realloc(b->data, size);
    if (!data) {
        return kist_error_nomem(err);
    }
    b->data = data;
    b->size = size;
    b->data[b->len] = '\0';
    return 0;
}

int kist_buf_add(struct kist_buf *b, const void *data, size_t len, struct kist_error *err)
{
    int rc = kist_buf_reserve(b, len, err);

    if (rc < 0) {
        return rc;
    }
    if (len > 0) {
        memcpy(b->data + b->len, data, len);
        b->len += len;
    }
    b->data[b->len] = '\0';
    return 0;
}

int kist_buf_puts(struct kist_buf *b, const char *text, struct kist_error *err)
{
    return kist_buf_add(b, text, strlen(text), err);
}

int kist_buf_printf(struct kist_buf *b, struct kist_error *err, const char *fmt, ...)
{
    va_list args;
    int len, rc;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0) {
        return kist_error_set(err, KIST_E_FAIL, "text cannot be formatted");
    }
    rc = kist_buf_reserve(b, (size_t)len, err);
    if (rc < 0) {
        return rc;
    }
    va_start(args, fmt);
    (void)vsnprintf(b->data + b->len, (size_t)len + 1, fmt, args);
    va_end(args);
    b->len += (size_t)len;
    return 0;
}

const char *kist_buf_text(const struct kist_buf *b)
{
    return b->data ? b->data : "";
}

char *kist_buf_detach(struct kist_buf *b)
{
    char *data = b->data;

    kist_buf_init(b, b->max);
    return data;
}
