/* A file by its URL, once, from whoever serves it: no registry, no account. */
#ifndef KIST_REGISTRY_DOWNLOAD_H
#define KIST_REGISTRY_DOWNLOAD_H

#include "registry/registry.h"

/*
 * GET of url (http or https), following redirects but none away from TLS; the body goes into sink, which is not finished. options
 * as for a registry, tries aside. modified (may be NULL): when the file was changed last, seconds since 1970; 0: the server says nothing. KIST_E_USAGE: no URL; KIST_E_NOT_FOUND; KIST_E_NETWORK; KIST_E_TLS; what sink returns.
 */
int kist_download(const char *url, const struct kist_registry_options *options, struct kist_sink *sink,
                  int64_t *modified, struct kist_error *err) KIST_CHECKED;

#endif
