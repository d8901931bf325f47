/* The parts a runtime configuration is generated from, one file each; only for generate*.c. */
#ifndef KIST_CONTAINER_GENERATE_PRIVATE_H
#define KIST_CONTAINER_GENERATE_PRIVATE_H

#include "container/generate.h"

/* --security-opt, all of them. */
struct kist_security {
    bool no_new_privileges;
    bool no_seccomp;          /* seccomp=unconfined */
    const char *seccomp_file; /* NULL: the default profile */
    bool all_paths;           /* systempaths=unconfined: nothing masked, nothing read-only */
};

int kist_security_parse(struct kist_security *s, const struct kist_strv *options,
                        struct kist_error *err) KIST_CHECKED;

/* What is known before the first field is written. */
struct kist_generation {
    const struct kist_config *image;
    const struct kist_run_options *options;
    const struct kist_spec_context *context;
    struct kist_security security;
    struct kist_user user;
    struct kist_strv env; /* as --env-file and -e say: "NAME=value"; "NAME" where it has none */
    uint64_t capabilities;
    char hostname[65];
    const char *rootfs_propagation; /* what the mounts need */
};

/* Each adds its members to spec; the mounts come before linux. */
int kist_generate_process(cJSON *spec, const struct kist_generation *g, struct kist_error *err) KIST_CHECKED;
int kist_generate_mounts(cJSON *spec, struct kist_generation *g, struct kist_error *err) KIST_CHECKED;
int kist_generate_linux(cJSON *spec, const struct kist_generation *g, struct kist_error *err) KIST_CHECKED;

/* linux.namespaces, and what goes with them: /dev/shm, the hostname, kernel parameters; after the mounts. */
int kist_generate_namespaces(cJSON *spec, cJSON *linux_part, const struct kist_generation *g, struct kist_error *err) KIST_CHECKED;

/* The annotations: what container.h and plan.h say of them. */
int kist_generate_notes(cJSON *spec, const struct kist_generation *g, struct kist_error *err) KIST_CHECKED;

/* The annotations of container/network.h; after the others. */
int kist_generate_network(cJSON *spec, const struct kist_generation *g, struct kist_error *err) KIST_CHECKED;

/* The annotation that says what the flags have instead of the image; after the others. */
int kist_generate_told(cJSON *spec, const struct kist_generation *g, struct kist_error *err) KIST_CHECKED;

/* What --env-file and -e say, in this order. */
int kist_generate_env(struct kist_strv *env, const struct kist_run_options *o, struct kist_error *err) KIST_CHECKED;

/* A user namespace: into linux, behind the other namespaces. */
int kist_generate_users(cJSON *linux_part, const struct kist_run_options *o, struct kist_error *err) KIST_CHECKED;

/* Last: flags that change what the others made. */
int kist_generate_extras(cJSON *spec, const struct kist_generation *g, struct kist_error *err) KIST_CHECKED;

/* A member that is an array of strings. */
int kist_generate_strings(cJSON *object, const char *name, const char *const *v, size_t n,
                          struct kist_error *err) KIST_CHECKED;
/* A member given as JSON text of our own. */
int kist_generate_literal(cJSON *object, const char *name, const char *text,
                          struct kist_error *err) KIST_CHECKED;

#endif
