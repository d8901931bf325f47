/* A growing byte buffer that states its maximum when it is made. */
#ifndef KIST_BASE_BUF_H
#define KIST_BASE_BUF_H

#include <stdbool.h>

#include "base/error.h"

struct kist_buf {
    char *data;  /* always NUL-terminated once anything was added; NULL when empty and untouched */
    size_t len;  /* bytes, the closing NUL not counted */
    size_t size; /* bytes allocated */
    size_t max;  /* len may never pass this */
};

/* An empty buffer that holds at most max bytes. */
#define KIST_BUF_INIT(maximum) {.data = NULL, .len = 0, .size = 0, .max = (maximum)}

void kist_buf_init(struct kist_buf *b, size_t max);
void kist_buf_release(struct kist_buf *b);
void kist_buf_auto(struct kist_buf *b);

/* Empties b, keeping its memory. */
void kist_buf_clear(struct kist_buf *b);

/* Room for extra more bytes after len. KIST_E_NOMEM, or KIST_E_FAIL past max. */
int kist_buf_reserve(struct kist_buf *b, size_t extra, struct kist_error *err) KIST_CHECKED;

/* Appends len bytes, a string, or a formatted text; the same errors. */
int kist_buf_add(struct kist_buf *b, const void *data, size_t len, struct kist_error *err) KIST_CHECKED;
int kist_buf_puts(struct kist_buf *b, const char *text, struct kist_error *err) KIST_CHECKED;
int kist_buf_printf(struct kist_buf *b, struct kist_error *err, const char *fmt, ...)
    KIST_PRINTF(3, 4) KIST_CHECKED;

/* The text, "" when empty; b's own memory, valid until b changes. */
const char *kist_buf_text(const struct kist_buf *b);

/* Hands the memory over (free() it); b is empty after. NULL when nothing was ever added. */
char *kist_buf_detach(struct kist_buf *b);

#endif
