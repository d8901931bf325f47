/* Memory that held a password or a token: emptied before it is given back. */
#ifndef KIST_BASE_SECRET_H
#define KIST_BASE_SECRET_H

#include "base/buf.h"

/* Zeroes len bytes; no compiler leaves it out. data may be NULL when len is 0. */
void kist_wipe(void *data, size_t len);
/* Wipes and frees a string; NULL is nothing. */
void kist_secret_free(char *text);
/* KIST_AUTO(secret) char *password = NULL; */
void kist_secret_auto(char **text);

/*
 * Wipes all that b ever held and releases it: for a buffer whose room was reserved at once, as one that grows leaves
 * copies behind.
 */
void kist_buf_wipe(struct kist_buf *b);
/* KIST_AUTO(buf_wipe) struct kist_buf b = KIST_BUF_INIT(...); */
void kist_buf_wipe_auto(struct kist_buf *b);

#endif
