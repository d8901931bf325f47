/*
 * An OCI runtime configuration (runtime-spec 1.0.2 ... 1.2, config.json) as the sandbox wants it. Members
 * nobody asked about are passed over; what is asked for and not done here is refused by name.
 */
#ifndef KIST_CONTAINER_SPEC_H
#define KIST_CONTAINER_SPEC_H

#include "base/str.h"
#include "codec/json.h"
#include "container/rootfs.h"
#include "container/seccomp.h"
#include "port/sandbox.h"

struct kist_spec {
    struct port_sandbox_spec
        sandbox;     /* but root's layers and rw, scratch: the engine's to fill in */
    const cJSON *config; /* what it was parsed from */
    int stop_signal; /* SIGTERM where nothing else is said */
    enum kist_rootfs rootfs;
    uint64_t size; /* bytes that it may write to its root; 0: not limited */

    /* what sandbox points to */
    struct port_join joins[PORT_JOINS_MAX];
    struct port_mount *mounts;
    struct port_device *devices;
    struct port_sysctl *sysctls;
    struct port_rlimit *rlimits;
    struct port_device_rule *rules;
    uint32_t *groups;
    struct port_id_range *users, *user_groups; /* of the user namespace */
    char **argv, **env;
    const char **masked, **read_only;
    struct kist_strv texts;
    bool fills;     /* a volume is to be filled: room is to be said then */
    uint64_t room;  /* for that */
    const char *etc; /* the directory with the hosts and more of who shares its network; NULL: nobody does */
    struct kist_seccomp_program seccomp;
};

/*
 * config stays the caller's and must outlive spec. KIST_E_UNSUPPORTED: it asks for what this kist does not
 * do; KIST_E_USAGE: it makes no sense, or is no configuration.
 */
int kist_spec_parse(struct kist_spec *spec, const cJSON *config, struct kist_error *err) KIST_CHECKED;
/* The name of its control group, out of linux.cgroupsPath; NULL: it says none, or none that there can be. */
const char *kist_spec_group(const cJSON *config);
void kist_spec_release(struct kist_spec *spec);
void kist_spec_auto(struct kist_spec *spec);

#endif
