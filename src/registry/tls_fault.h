/* Why a TLS connection did not come about, in words that name the remedy. */
#ifndef KIST_REGISTRY_TLS_FAULT_H
#define KIST_REGISTRY_TLS_FAULT_H

#include "registry/tls.h"

/* words: the TLS library's own account. Sets KIST_E_TLS and returns it. ca_file: the bundle that was used, or
 * NULL for none. */
int kist_tls_fault_certificate(const struct kist_tls *tls, const struct kist_url *url, const char *words, const char *ca_file,
                               struct kist_error *err);
/* Whether the server speaks TLS, only not with us. */
bool kist_tls_fault_speaks(const char *words);
/* As the first, but KIST_E_NETWORK where the connection was lost on the way and another may hold. */
int kist_tls_fault_handshake(const struct kist_url *url, const char *words, struct kist_error *err);

#endif
