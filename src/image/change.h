/* What Dockerfile instructions that only describe an image say, entered into its config (OCI image spec, config.md). */
#ifndef KIST_IMAGE_CHANGE_H
#define KIST_IMAGE_CHANGE_H

#include "codec/json.h"

/*
 * instruction is one line: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR, in any case, and its
 * arguments; variables are not expanded. run is the config's "config" object. KIST_E_USAGE, which quotes it.
 */
int kist_change_apply(cJSON *run, const char *instruction, struct kist_error *err) KIST_CHECKED;

#endif
