/*
 * Image and flags -> OCI runtime configuration (runtime-spec 1.0.2, config.json) with Docker's defaults: the
 * engine's only input. What it holds beyond the specification's own fields is said in container/container.h.
 */
#ifndef KIST_CONTAINER_GENERATE_H
#define KIST_CONTAINER_GENERATE_H

#include "codec/json.h"
#include "container/limits.h"
#include "container/user.h"
#include "image/config.h"
#include "port/system.h"

enum kist_network_mode { KIST_NETWORK_NONE, KIST_NETWORK_HOST, KIST_NETWORK_BRIDGE, KIST_NETWORK_CONTAINER };

/* The flags of `kist run` and `kist create`, as given. Strings may be NULL: not given. */
struct kist_run_options {
    struct kist_strv
        env; /* -e: "KEY=value"; "KEY": the value kist has; where it has none, the image's is taken away */
    struct kist_strv env_files; /* --env-file: paths */
    const char *workdir;        /* -w */
    const char *user;           /* -u */
    const char *entrypoint; /* --entrypoint; "" is none. Where it is given, the image's Cmd does not count */
    struct kist_strv command; /* what follows the image */
    struct kist_strv volumes; /* -v: "/host:/path[:options]", "./host:/path", "volume:/path", "/path" (anonymous) */
    struct kist_strv tmpfs;   /* --tmpfs: "/path[:options]" */
    struct kist_strv mounts;  /* --mount: "type=bind,source=...,target=..." */
    const char *rootfs;       /* "overlay", "tmpfs", "copy"; NULL: the first */
    struct kist_strv storage_opts; /* "size=SIZE" */
    const char *hostname;
    enum kist_network_mode network;
    const char *network_of;       /* KIST_NETWORK_CONTAINER: the ID of who has it, */
    const char *host_name_of;     /* and what that one calls its host; NULL: as the machine is called */
    const char *bridge, *subnet;  /* the interface and the network of KIST_NETWORK_BRIDGE */
    const char *ip;               /* an address of it; NULL: one that is free */
    struct kist_strv publish, expose; /* -p, --expose */
    bool publish_all;             /* -P: what is exposed, too */
    struct kist_strv aliases, add_hosts, dns, dns_search, dns_options;
    struct kist_strv cap_add, cap_drop;
    struct kist_strv security_opt;
    const char *stop_signal;
    const char *stop_timeout; /* seconds, -1 never */
    const char *restart;      /* "no", "on-failure[:max]", "always", "unless-stopped" */
    struct kist_strv labels;  /* "name=value", "name" */
    struct kist_strv label_files;
    const char *health_cmd;
    uint64_t health_interval, health_timeout, health_start_period, health_start_interval; /* ms; 0: the image's */
    uint64_t health_retries;
    bool no_healthcheck;
    const char *on_unhealthy; /* none, kill, restart, stop */
    const char *log_dir;      /* where logs are kept; NULL: nowhere */
    uint64_t log_size;        /* bytes */
    bool log_keep;            /* in the store, when it fails */
    struct kist_limit_options limits;
    struct kist_strv ulimits, devices, group_add, sysctls;
    uint64_t shm_size;        /* bytes; 0: 64 MiB */
    const char *oom_score;    /* -1000 ... 1000 */
    const char *cgroup_parent;   /* NULL: "kist" */
    const char *pid, *ipc, *uts; /* "host", "private", "container:<ID>"; ipc also "shareable", "none" */
    const char *userns, *userns_default; /* "host", "private" */
    struct kist_strv uid_maps, gid_maps; /* --uidmap, --gidmap: "CONTAINER:HOST:SIZE" */
    struct kist_strv userns_map;         /* where none is given; the caller's */
    bool tty, interactive, read_only, privileged, init;
};

void kist_run_options_release(struct kist_run_options *options);
/* They ask for a user namespace of its own, or for none such. */
bool kist_run_options_users(const struct kist_run_options *options);

/* Where the container will be, and on what. */
struct kist_spec_context {
    const char *id;               /* 64 hex digits */
    const char *host_name;        /* of the machine, for --network host */
    const char *kernel;           /* release, as uname -r has it */
    uint64_t capabilities;        /* what may be given: port_capability_bounding() */
    bool transient;               /* anonymous volumes go with the container */
    bool seccomp;                 /* the kernel has filters: port_seccomp_available() */
    kist_read_file_fn *read_file; /* of the image */
    void *read_file_arg;
};

/* What of it this machine says; texts are in system. */
int kist_spec_context_here(struct kist_spec_context *context, struct port_system *system, struct kist_error *err) KIST_CHECKED;

/*
 * cJSON_Delete what is returned. A bind's source that is missing on the host is made, a directory, as Docker
 * does for -v. KIST_E_USAGE for flags that make no sense, in Docker's words where it has some;
 * KIST_E_NOT_FOUND for a user or group the image does not know; KIST_E_UNSUPPORTED for what this kernel or
 * kist lacks.
 */
int kist_spec_generate(cJSON **out, const struct kist_config *image, const struct kist_run_options *options,
                       const struct kist_spec_context *context, struct kist_error *err) KIST_CHECKED;

#endif
