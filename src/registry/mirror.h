/* Mirrors: other places to ask first for what a registry has. */
#ifndef KIST_REGISTRY_MIRROR_H
#define KIST_REGISTRY_MIRROR_H

#include <stdbool.h>

#include "image/reference.h"

/*
 * An entry of the configuration, "[HOST=]MIRROR[:PORT][/PREFIX]", HOST being docker.io where it is not said, for the
 * repository r: true, with where to ask in *at (no tag, no digest), when it is a mirror of r's host.
 */
bool kist_mirror_match(const char *entry, const struct kist_reference *r, struct kist_reference *at);

#endif
