/*
 * The sandbox: one process with its own view of the machine, made from a plain description. Nothing in here
 * knows of images, stores or configuration files.
 */
#ifndef PORT_SANDBOX_H
#define PORT_SANDBOX_H

#include <poll.h>

#include "base/buf.h"
#include "port/cgroup.h"
#include "port/idmap.h"
#include "port/mount.h"
#include "port/network.h"
#include "port/process.h"
#include "port/seccomp.h"
#include "port/signals.h"

/* What the process has of its own. */
enum {
    PORT_OWN_MOUNTS = 1 << 0, /* always needed */
    PORT_OWN_PIDS = 1 << 1,
    PORT_OWN_HOSTNAME = 1 << 2,
    PORT_OWN_IPC = 1 << 3,
    PORT_OWN_NETWORK = 1 << 4, /* with nothing in it but a loopback interface that is up */
    PORT_OWN_CGROUPS = 1 << 5,
    PORT_OWN_USERS = 1 << 6, /* as command.ids numbers them; the other namespaces, but for mounts at first and processes, are its */
};

/* A namespace of others that the process gets: that of a process, or one that a file stands for. */
struct port_join {
    unsigned what;              /* PORT_OWN_PIDS, _HOSTNAME, _IPC or _NETWORK, which own then has not */
    const char *path;           /* "/run/netns/a"; NULL: */
    struct port_process target; /* whose it is */
};
#define PORT_JOINS_MAX 4

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

/* Where the command's standard streams lead. All zero: to ours. */
struct port_streams {
    bool detached; /* ours are left alone: input comes from port_sandbox_input, output goes to output only */
    /* Sees all that is written to stream 1 and 2, a terminal's as 1; NULL: nobody does, and where it is not
     * detached data need not pass through us */
    void (*output)(void *arg, int stream, const char *data, size_t len);
    void *arg;
};

/* The command, and as what it runs. */
struct port_command {
    char *const *argv; /* argv[0] without a slash is looked for along PATH of env; NULL: none, the sandbox is but there */
    char *const *env;
    const char *cwd; /* absolute; made when missing */
    struct port_ids ids; /* of its user namespace, in which the numbers below are; they, and 0, are in it */
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
    bool survives;          /* port_enter only: it lives on when we end */
    struct port_streams streams;
};

struct port_sandbox_spec {
    unsigned own;                      /* PORT_OWN_... */
    const struct port_join *joins;     /* each namespace once */
    size_t join_count;                 /* at most PORT_JOINS_MAX */
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
 * Returns once the command runs. The sandbox dies with the calling process, however that ends. One thread only.
 * KIST_E_NO_COMMAND, KIST_E_NO_EXEC: the command; KIST_E_UNSUPPORTED names what the kernel lacks; KIST_E_CONFLICT: who is to be
 * joined has ended; KIST_E_INTERRUPTED: one of signals asked to stop before the command ran.
 */
int port_sandbox_start(struct port_sandbox **out, const struct port_sandbox_spec *spec,
                       struct port_signals *signals, struct kist_error *err) KIST_CHECKED;

/* What asks to stop before the command runs came among signals; the others are forgotten. */
bool port_sandbox_stop_asked(struct port_signals *signals);

/* Another command in a sandbox that runs. */
struct port_enter {
    struct port_process target; /* the sandbox's process */
    const char *cgroup;         /* the name of its groups */
    const struct port_command *command;
};

/* As port_sandbox_start. KIST_E_CONFLICT: the sandbox has ended, or ends. */
int port_sandbox_enter(struct port_sandbox **out, const struct port_enter *enter, struct port_signals *signals,
                       struct kist_error *err) KIST_CHECKED;

/* A plain file as the sandbox's process sees it, appended to out. KIST_E_NOT_FOUND: it has none such. */
int port_sandbox_read(const struct port_process *p, const char *path, struct kist_buf *out,
                      struct kist_error *err) KIST_CHECKED;

/* The process, in the caller's eyes. */
int port_sandbox_pid(const struct port_sandbox *s);

/* Of one whose root has a writable directory of its own: a descriptor of that, which lasts as long as s; else -1. */
int port_sandbox_writable(const struct port_sandbox *s);

/* What to poll for, with whatever else the caller waits for; descriptors of -1 where there is nothing. */
#define PORT_SANDBOX_POLL 3
void port_sandbox_poll(const struct port_sandbox *s, struct pollfd fds[PORT_SANDBOX_POLL]);
/* Passes on what poll says can be passed on. */
void port_sandbox_move(struct port_sandbox *s, const struct pollfd fds[PORT_SANDBOX_POLL]);
/* After SIGCHLD: true once it has ended and all its output was passed on. 0 ... 255, 128 + n after signal n. */
bool port_sandbox_ended(struct port_sandbox *s, int *exit_status);
/* Sends it a signal; one that is no more needs none. */
void port_sandbox_signal(const struct port_sandbox *s, int number);
/* The size of its terminal; 0: that of ours. */
void port_sandbox_resize(const struct port_sandbox *s, unsigned rows, unsigned columns);
/* Of a detached one: it takes no more than PORT_INPUT_MAX bytes at a time, and none while it is not ready; who has no
 * input open is always ready, and takes none. */
#define PORT_INPUT_MAX 4096
bool port_sandbox_input_ready(const struct port_sandbox *s);
void port_sandbox_input(struct port_sandbox *s, const void *data, size_t len);
/* The end of its input; a terminal has none. */
void port_sandbox_input_end(struct port_sandbox *s);

/* All of the above in one, until it ends; forward: signals go to it. */
int port_sandbox_wait(struct port_sandbox *s, struct port_signals *signals, bool forward, int *exit_status,
                      struct kist_error *err) KIST_CHECKED;
/* The kernel has killed a process of it for want of memory. */
bool port_sandbox_out_of_memory(const struct port_sandbox *s);
/* Kills what is left of what was started, removes its control groups, puts our terminal back. NULL is nothing. */
void port_sandbox_free(struct port_sandbox *s);

/* The signals of a terminal and of the kernel that are meant for us alone; the others can be passed on. */
bool port_signal_is_ours(int number);

#endif
