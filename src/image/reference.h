/*
 * An image reference as Docker writes it: [host[:port]/]path[:tag][@digest] (distribution/reference grammar).
 * "alpine" is docker.io/library/alpine:latest. What stands before the first slash is a host when it has a '.'
 * or ':' or is "localhost"; upper case alone does not make it one, as that is nearly always a misspelt
 * repository.
 */
#ifndef KIST_IMAGE_REFERENCE_H
#define KIST_IMAGE_REFERENCE_H

#include "image/digest.h"

#define KIST_REFERENCE_HOST_MAX 256
#define KIST_REFERENCE_PATH_MAX 256 /* 255 bytes, the grammar's limit for host and path together */
#define KIST_REFERENCE_TAG_MAX 129
#define KIST_REFERENCE_TEXT_MAX 768

struct kist_reference {
    char host[KIST_REFERENCE_HOST_MAX]; /* "docker.io", "localhost:5000", "[::1]:5000" */
    char path[KIST_REFERENCE_PATH_MAX]; /* "library/alpine" */
    char tag[KIST_REFERENCE_TAG_MAX];   /* "" when a digest was given without a tag */
    bool has_digest;
    struct kist_digest digest;
};

/* KIST_E_USAGE with the reason: upper case, over-long, empty parts, bad characters, a bare image ID. */
int kist_reference_parse(struct kist_reference *r, const char *text, struct kist_error *err) KIST_CHECKED;
/* The whole of it, with every default written out: "docker.io/library/alpine:latest". Returns dst. */
char *kist_reference_text(char dst[KIST_REFERENCE_TEXT_MAX], const struct kist_reference *r);
/* As people read it: "alpine:latest"; Docker's familiar form. Returns dst. */
char *kist_reference_familiar(char dst[KIST_REFERENCE_TEXT_MAX], const struct kist_reference *r);
/* The familiar form without tag and digest: "alpine". Returns dst. */
char *kist_reference_repository(char dst[KIST_REFERENCE_TEXT_MAX], const struct kist_reference *r);

#endif
