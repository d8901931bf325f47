/* The WWW-Authenticate header (RFC 9110, 11.6.1), as far as registries use it: Bearer (Docker token
 * authentication) and Basic. */
#ifndef KIST_REGISTRY_CHALLENGE_H
#define KIST_REGISTRY_CHALLENGE_H

#include <stdbool.h>

#include "base/base.h"

struct kist_challenge {
    bool basic;  /* a Basic challenge was among them */
    bool bearer; /* a Bearer challenge with a realm was; the first one's parameters follow, "" where absent */
    char realm[2048];
    char service[512];
    char scope[2048];
};

/*
 * text: the values of all such headers, joined by ", ". Challenges of other schemes are passed over. false
 * where it does not follow the grammar or a parameter is longer than its field; c then holds what came
 * before.
 */
bool kist_challenge_parse(struct kist_challenge *c, const char *text) KIST_CHECKED;

#endif
