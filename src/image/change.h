/* What Dockerfile instructions that only describe an image say, entered into its config (OCI image spec, config.md). */
#ifndef KIST_IMAGE_CHANGE_H
#define KIST_IMAGE_CHANGE_H

#include "base/str.h"
#include "codec/json.h"

/*
 * instruction is one line: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR, in any case, and its
 * arguments; variables are not expanded. run is the config's "config" object. KIST_E_USAGE, which quotes it.
 */
int kist_change_apply(cJSON *run, const char *instruction, struct kist_error *err) KIST_CHECKED;

/* The same one by one, with arguments that are ready; run as above. */
/* "Env" or "Labels": key gets value. */
int kist_change_pair(cJSON *run, const char *member, const char *key, const char *value, struct kist_error *err) KIST_CHECKED;
/* "ExposedPorts" or "Volumes": there is such a name. */
int kist_change_name(cJSON *run, const char *member, const char *name, struct kist_error *err) KIST_CHECKED;
/* A list of words, in the place of one that is there: "Cmd", "Entrypoint", "Shell". */
int kist_change_words(cJSON *run, const char *member, const struct kist_strv *words, struct kist_error *err) KIST_CHECKED;
/* "User", "StopSignal", "WorkingDir". */
int kist_change_text(cJSON *run, const char *member, const char *text, struct kist_error *err) KIST_CHECKED;
/* "OnBuild": one more. */
int kist_change_append(cJSON *run, const char *member, const char *text, struct kist_error *err) KIST_CHECKED;
/* value takes the member's place. Takes it always; NULL is out of memory. */
int kist_change_put(cJSON *object, const char *member, cJSON *value, struct kist_error *err) KIST_CHECKED;

#endif
