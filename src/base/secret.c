#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

void kist_wipe(void *data, size_t len)
{
    volatile unsigned char *p = data;

    while (len > 0) {
        p[--len] = 0;
    }
}

void kist_secret_free(char *text)
{
    if (text) {
        kist_wipe(text, strlen(text));
        free(text);
    }
}

void kist_secret_auto(char **text)
{
    kist_secret_free(*text);
    *text = NULL;
}

void kist_buf_wipe(struct kist_buf *b)
{
    kist_wipe(b->data, b->size);
    kist_buf_release(b);
}

void kist_buf_wipe_auto(struct kist_buf *b)
{
    kist_buf_wipe(b);
}
