/* Where a built image goes besides the store: --output. */
#ifndef KIST_CMD_BUILD_OUTPUT_H
#define KIST_CMD_BUILD_OUTPUT_H

#include "build/build.h"

struct kist_build_output {
    enum { KIST_BUILD_OUTPUT_STORE, KIST_BUILD_OUTPUT_OCI, KIST_BUILD_OUTPUT_DOCKER, KIST_BUILD_OUTPUT_TAR, KIST_BUILD_OUTPUT_LOCAL } type;
    char *dest; /* a path; "-" standard output; NULL: the store alone */
};

/* "type=oci|docker|tar|local,dest=PATH", "-", or a directory. KIST_E_USAGE. */
int kist_build_output_parse(struct kist_build_output *o, const char *text, struct kist_error *err) KIST_CHECKED;
void kist_build_output_release(struct kist_build_output *o);
/* The files of the image alone are wanted: it need not be kept. */
bool kist_build_output_is_files(const struct kist_build_output *o);
/* All files of b's image. */
int kist_build_output_files(const struct kist_build_output *o, struct kist_build *b, const struct kist_layer_options *limits,
                            struct kist_error *err) KIST_CHECKED;
/* The images that texts name, which are kept. */
int kist_build_output_images(const struct kist_build_output *o, struct kist_store *s, const struct kist_strv *texts,
                             struct kist_error *err) KIST_CHECKED;

#endif
