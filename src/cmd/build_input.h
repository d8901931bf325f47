/* What a build is made of: context, Dockerfile, ignore file, secrets. */
#ifndef KIST_CMD_BUILD_INPUT_H
#define KIST_CMD_BUILD_INPUT_H

#include "build/build.h"
#include "cmd/cmd.h"

struct kist_build_input {
    struct kist_context *context;
    struct kist_ignore *ignore;
    struct kist_dockerfile file;
    struct kist_build_secret *secrets; /* with their data, which are wiped */
    size_t secret_count;
};

/*
 * from: a directory, "-" (an archive, or a Dockerfile alone) or a URL of either. file: of -f, "-" standard input; NULL: "Dockerfile" in
 * the context. net and layer stay the caller's. Release input whatever comes back.
 */
int kist_build_input_open(struct kist_build_input *input, struct kist_app *app, const char *from, const char *file,
                          const struct kist_layer_options *layer, const struct kist_registry_options *net,
                          struct kist_error *err) KIST_CHECKED;
/* --secret: "id=NAME[,src=FILE|,env=VARIABLE]". */
int kist_build_input_secrets(struct kist_build_input *input, const struct kist_strv *texts, struct kist_error *err) KIST_CHECKED;
void kist_build_input_release(struct kist_build_input *input);

#endif
