/* An image's configuration (OCI image spec, config.md; Docker's additions Healthcheck, Shell, OnBuild). */
#ifndef KIST_IMAGE_CONFIG_H
#define KIST_IMAGE_CONFIG_H

#include "base/str.h"
#include "image/digest.h"
#include "image/platform.h"

struct kist_config {
    struct kist_platform platform;
    int64_t created;              /* seconds since 1970, 0 where absent */
    struct kist_digest *diff_ids; /* the base first */
    size_t diff_id_count;         /* at most KIST_MAX_LAYERS */
    char *user;                   /* "" where absent, as the next two */
    char *working_dir;
    char *stop_signal;
    struct kist_strv env, entrypoint, cmd, shell;
    struct kist_strv volumes, exposed_ports; /* "/data", "80/tcp" */
    struct kist_strv labels;                 /* "key=value" */
    char *healthcheck;                       /* Docker's Healthcheck object as JSON text; "": none */
};

/* KIST_E_CORRUPT for what is not a configuration; fields of no interest are passed over. */
int kist_config_parse(struct kist_config *c, const char *text, size_t len,
                      struct kist_error *err) KIST_CHECKED;
void kist_config_release(struct kist_config *c);
void kist_config_auto(struct kist_config *c);

#endif
