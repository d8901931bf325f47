/* What registries and token servers say in the JSON bodies of their answers. */
#ifndef KIST_REGISTRY_ANSWER_H
#define KIST_REGISTRY_ANSWER_H

#include "base/buf.h"

#define KIST_ANSWER_TEXT_MAX 256

/*
 * The message of an error body (OCI distribution spec, "Error Codes"; token servers write "details" or
 * "message"), made fit for a message of ours; "" where there is none. Returns dst.
 */
char *kist_answer_message(char dst[KIST_ANSWER_TEXT_MAX], const struct kist_buf *body);

/*
 * The token of a token server's answer ("token", else "access_token"), into *token, and into *refresh, when not NULL, its
 * "refresh_token" where it has one (kist_secret_free both). KIST_E_AUTH without a token or with characters that none has.
 */
int kist_answer_token(char **token, char **refresh, const struct kist_buf *body, struct kist_error *err) KIST_CHECKED;

#endif
