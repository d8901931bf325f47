/*
 * The sandbox: one process with its own view of the machine, made from a plain description. Nothing in here
 * knows of images, stores or configuration files.
 */
#ifndef PORT_SANDBOX_H
#define PORT_SANDBOX_H

#include "port/cgroup.h"
#include "port/mount.h"
#include "port/network.h"
#include "port/seccomp.h"

/* What the process has of its own. */
enum {
    PORT_OWN_MOUNTS = 1 << 0, /* always needed */
    PORT_OWN_PIDS = 1 << 1,
    PORT_OWN_HOSTNAME = 1 << 2,
    PORT_OWN_IPC = 1 << 3,
    PORT_OWN_NETWORK = 1 << 4, /* with nothing in it but a loopback interface that is up */
    PORT_OWN_CGROUPS = 1 << 5,
};

struct port_rlimit {
    const char *name;    /* "RLIMIT_NOFILE" */
    uint64_t soft, hard; /* UINT64_MAX: unlimited */
};

/* A kernel parameter of one of the process's own namespaces: "net.ipv4.ip_forward". */
struct port_sysctl {
    const char *name, *value;
};

struct port_capabilities {
    uint64_t bounding, effective, permitted, inheritable, ambient; /* bit n: capability n */
};

/* The command, and as what it runs. */
struct port_command {
    char *const *argv; /* argv[0] without a slash is looked for along PATH of env */
    char *const *env;
    const char *cwd; /* absolute; made when missing */
    uint32_t uid, gid;
    const uint32_t *groups;
    size_t group_count;
    uint32_t umask;
    struct port_capabilities caps;
    bool no_new_privileges;
    const struct port_seccomp_insn *seccomp; /* NULL: no filter */
    size_t seccomp_count;
    unsigned seccomp_flags; /* of port_seccomp_install */
    const struct port_rlimit *rlimits;
    size_t rlimit_count;
    bool has_oom_score;
    int oom_score;          /* -1000 ... 1000 */
    bool init;              /* a small init is process 1 and starts the command */
    bool terminal;          /* the command gets a terminal of its own, ours shows it */
    uint16_t rows, columns; /* its size at first; 0: that of ours */
    bool stdin_open;        /* it gets our standard input; else /dev/null */
};

struct port_sandbox_spec {
    unsigned own;                      /* PORT_OWN_... */
    const char *hostname, *domainname; /* NULL: as it is; need PORT_OWN_HOSTNAME */
    struct port_root root;
    const struct port_mount *mounts; /* in this order */
    size_t mount_count;
    const struct port_device *devices;
    size_t device_count;
    bool all_devices; /* every node in the host's /dev too */
    const struct port_link *links;
    size_t link_count;
    const char *const *masked;    /* paths that are hidden, ended by NULL */
    const char *const *read_only; /* paths that can only be read */
    const struct port_sysctl *sysctls;
    size_t sysctl_count;
    const struct port_network *network; /* with PORT_OWN_NETWORK: its place on a bridge that is there; NULL: none */
    struct port_cgroup_spec cgroup;
    struct port_command command;
    const char *scratch; /* an empty directory of the host; while it starts, the sandbox mounts there, unseen
                            by others */
};

struct port_sandbox;

/*
 * Returns once the command runs. The sandbox dies with the calling process, however that ends. From here
 * until port_sandbox_free the process's signals are held for port_sandbox_wait. One thread only.
 * KIST_E_NO_COMMAND, KIST_E_NO_EXEC: the command; KIST_E_UNSUPPORTED names what the kernel lacks;
 * KIST_E_INTERRUPTED: a signal asked to stop before the command ran.
 */
int port_sandbox_start(struct port_sandbox **out, const struct port_sandbox_spec *spec,
                       struct kist_error *err) KIST_CHECKED;
/* The process, in the caller's eyes. */
int port_sandbox_pid(const struct port_sandbox *s);
/*
 * Stays until it ends: passes on signals (forward), terminal and stream data, window sizes. *exit_status is 0
 * ... 255, 128 + n after signal n.
 */
int port_sandbox_wait(struct port_sandbox *s, bool forward, int *exit_status,
                      struct kist_error *err) KIST_CHECKED;
/* Kills what is left, removes the control groups, puts terminal and signals back. NULL is nothing. */
void port_sandbox_free(struct port_sandbox *s);

#endif
