/*
 * What the parts of the sandbox share. Those marked "child" run in the new process, in its own mount
 * namespace, before the command; a descriptor there needs no closing on failure, the process ends.
 */
#ifndef KIST_PORT_LINUX_SANDBOX_PRIVATE_H
#define KIST_PORT_LINUX_SANDBOX_PRIVATE_H

#include <poll.h>
#include <signal.h>
#include <sys/types.h>
#include <termios.h>

#include "port/sandbox.h"

/* "this kernel has no <what> (<option>)", KIST_E_UNSUPPORTED. */
int port_kernel_lacks(struct kist_error *err, const char *what, const char *option);

/* ---- loop.c ---- */

/*
 * Child: mounts the squashfs image in layer's file at target through a loop device that frees itself with its
 * last user; one that is on the same file already is shared, and with it what the kernel has cached. A layer that is a
 * directory is shown as it is.
 */
int port_loop_mount(const struct port_layer *layer, const char *target, struct kist_error *err) KIST_CHECKED;

/* The ext4 image in image's file, through a loop device of its own that does the same. */
int port_loop_mount_image(const struct port_layer *image, const char *target, bool read_only, struct kist_error *err) KIST_CHECKED;

/* ---- root.c, implied.c ---- */

/*
 * Child: joins layers and writable directory in the scratch directory, which is the working directory and
 * empty. *root is an O_PATH descriptor of the new root; *own one of the writable directory where that is the sandbox's own, else -1. With child
 * it is as that one's user namespace has it, whose root is worn from then on (port_command_wear).
 */
struct port_child;
int port_root_build(const struct port_root *spec, const struct port_child *child, int rw, int *root, int *own,
                    struct kist_error *err) KIST_CHECKED;
/* Child: makes in upper what layers imply; layer_fds are the mounted layers' roots, the base first. */
int port_root_imply(const struct port_root *spec, const int *layer_fds, int upper,
                    struct kist_error *err) KIST_CHECKED;

/* ---- place.c: paths in a root that is not ours to trust ---- */

/* Opens path as root sees it: symlinks never leave root, and none of /proc's are followed. -1 and errno. */
int port_place_open(int root, const char *path, int flags);
/* The same, step by step, for kernels that have not got openat2 (5.6). */
int port_place_walk(int root, const char *path, int flags);
/* An O_PATH descriptor of path, a directory or a plain file, made with its parents (0755) when missing. */
int port_place_make(int root, const char *path, bool directory, struct kist_error *err) KIST_CHECKED;

/* ---- mount.c ---- */

#define PORT_FD_PATH_MAX 32
/* "/proc/self/fd/<fd>": what mount(2) and friends take for a descriptor. Returns dst. */
char *port_fd_path(char dst[PORT_FD_PATH_MAX], int fd);

/* PORT_MOUNT_... -> MS_... of mount(2). */
unsigned long port_mount_flags(unsigned flags);

struct port_bind {
    int source; /* what is to be seen, */
    bool is_tree; /* a tree of mounts on its own already */
    int target; /* where; descriptor of path in root */
    const char *path;
    unsigned flags;
    enum port_propagation propagation;
};

/* Child. */
int port_mount_bind(int root, const struct port_bind *bind, struct kist_error *err) KIST_CHECKED;
/* Child: carries out spec's mounts. */
struct port_cgroup_set;
int port_mount_all(const struct port_sandbox_spec *spec, const struct port_cgroup_set *groups, int root,
                   const int *trees, struct kist_error *err) KIST_CHECKED;
/* Child, while its mounts still are the host's peers: trees of the sources that are to stay so, -1 for the other mounts. */
int port_mount_share(const struct port_sandbox_spec *spec, int **trees, struct kist_error *err) KIST_CHECKED;
/* Child: hides the masked, locks the read-only paths. */
int port_mount_protect(const struct port_sandbox_spec *spec, int root, struct kist_error *err) KIST_CHECKED;
/*
 * Child: where m's source is empty, or was being filled by one who died, it becomes a copy of directory from, for which an
 * O_PATH descriptor will do. copy.c
 */
int port_copy_fill(int from, const struct port_mount *m, struct kist_error *err) KIST_CHECKED;
/* Child: what is at path is used as it is: no port_copy_fill takes it for half-filled from now on. */
void port_copy_keep(const char *path);
/* Owner, mode, xattrs (overlayfs's own apart) and times of from, which are st. -1 and errno. */
struct stat;
int port_copy_looks(int from, int to, const struct stat *st);

/* Without mount_setattr (5.12): sets flags on the mount at path and all below it. remount.c */
int port_remount_tree(const char *path, unsigned flags, struct kist_error *err) KIST_CHECKED;

/* ---- inside.c ---- */

/*
 * Child: an O_PATH descriptor of what m, number of the mounts, shows of its layers. The scratch directory is the working directory, the
 * root is built.
 */
int port_inside_open(const struct port_mount *m, size_t number, bool transient, struct kist_error *err) KIST_CHECKED;

/* ---- device.c ---- */

/*
 * Child: makes the nodes in the scratch directory (working directory) and shows them in root; then the links.
 */
int port_device_all(const struct port_sandbox_spec *spec, int root, struct kist_error *err) KIST_CHECKED;

/* ---- cgroup.c, devfilter.c ---- */

#define PORT_CGROUP_SETS 8
#define PORT_CGROUP_SPARES 4

/* One mounted hierarchy, out of a line of mountinfo; texts are the line's. */
struct port_hierarchy {
    char *point;
    const char *label; /* last part of point */
    bool unified, devices, freezer;
    bool spare;           /* of use for freezing or limits only: a group is made when that is asked for */
    unsigned controllers; /* bits of port_cgroup_controllers, v1's */
};

/* Controllers by bit number, v1's names; v2 calls the last "io". Ended by NULL. */
enum { PORT_MEMORY, PORT_PIDS, PORT_CPU, PORT_CPUSET, PORT_BLKIO };
extern const char *const port_cgroup_controllers[];

/* Calls each for every hierarchy of use; a non-zero return ends it, and is returned. */
int port_hierarchies(int (*each)(void *arg, const struct port_hierarchy *h, struct kist_error *err), void *arg,
                     struct kist_error *err) KIST_CHECKED;

struct port_cgroup_member {
    char path[512]; /* of the group's directory: a mount namespace made later binds it by this, not by dir */
    char label[64]; /* what its mount is called in the container: "memory", "cpu,cpuacct" */
    int dir;        /* the group's directory, O_RDONLY */
    int tasks;      /* v1: its "tasks", for writing; else -1 */
    bool devices;   /* v1: it holds the device rules */
    unsigned controllers; /* v1: bits of port_cgroup_controllers */
};

/* The groups of one container; all zero: none. */
struct port_cgroup_set {
    struct port_cgroup_member v[PORT_CGROUP_SETS];
    size_t n;
    char spare[PORT_CGROUP_SPARES][512]; /* where a group may be made later: by a pause, by a limit that comes */
    size_t spares;
    int unified; /* index of the v2 one, -1 */
    bool filter; /* the device rules are still to be attached to it */
};

/* Those of that name that are there already. */
int port_cgroup_find(struct port_cgroup_set *set, const char *name, struct kist_error *err) KIST_CHECKED;
/* Makes the groups. What the kernel or the machine lacks is left out and logged. */
int port_cgroup_make(struct port_cgroup_set *set, const struct port_cgroup_spec *spec,
                     struct kist_error *err) KIST_CHECKED;
/*
 * Child: joins the v1 groups, and the v2 one unless clone did. The device rules hold from here on: to be
 * called once no more device of the host is needed. spec NULL: groups that have their rules.
 */
int port_cgroup_join(const struct port_cgroup_set *set, const struct port_cgroup_spec *spec,
                     bool joined_unified, struct kist_error *err) KIST_CHECKED;
/* Kills all that is in the groups, and waits until it is gone. */
void port_cgroup_kill_set(const struct port_cgroup_set *set);
/* Removes the groups; what cannot be removed is logged. */
void port_cgroup_remove_set(const struct port_cgroup_set *set);
/* Closes descriptors; the groups stay. */
void port_cgroup_release(struct port_cgroup_set *set);
/* The kernel has no such programs; only root can tell. */
bool port_device_lacking(void);
/* limits.c: which controllers limits needs. */
unsigned port_limits_need(const struct port_limits *limits);
/* The v2 group at path hands these controllers on to those below it. What it cannot is told later. */
void port_limits_delegate(const char *path, unsigned controllers);
/* A v1 cpuset group begins with nothing: it takes what is above it. False and errno. */
bool port_limits_inherit(const char *path);
/* Makes the groups from the hierarchy's point, so many bytes of path, down to the last. each, if not NULL, sees every one, the point as the
 * first, as soon as it is there. False and errno. */
bool port_cgroup_mkdir(const char *path, size_t point, bool (*each)(void *arg, const char *path, bool last), void *arg);
/* Moves all that is in group from to the v1 group to, made as port_cgroup_mkdir makes it, until nothing new is forked where it was. */
bool port_cgroup_move(const char *from, const char *to, size_t point);
/* Sets them in the groups of set. */
int port_limits_apply(const struct port_cgroup_set *set, const struct port_limits *limits, struct kist_error *err) KIST_CHECKED;
/* The kernel has killed a process of the groups for want of memory. */
bool port_limits_oom(const struct port_cgroup_set *set);
/* All of a small file of a group, NUL-terminated; false and errno. */
bool port_cgroup_read(int dir, const char *file, char *dst, size_t size);

/* Attaches the device rules to a v2 group. */
int port_device_filter(int group, const struct port_device_rule *rules, size_t count,
                       struct kist_error *err) KIST_CHECKED;

/* ---- tty.c ---- */

/* Child: a new terminal of the container's own devpts; console: also seen as /dev/console. */
int port_tty_make(const struct port_command *command, int root, bool console, int *master, int *slave,
                  struct kist_error *err) KIST_CHECKED;

/* ---- stdio.c: the parent's side of the command's standard streams ---- */

/* Data on its way from one descriptor to another. */
struct port_relay {
    int from, to;      /* -1: over, or not used */
    size_t start, end; /* what buf holds */
    char buf[PORT_INPUT_MAX];
};

struct port_stdio {
    struct port_streams streams;
    int child[3];      /* what the command gets as 0, 1, 2; -1 where a terminal will be */
    bool ours[3];      /* child[i] was made for it and is to be closed */
    int master, slave; /* the terminal's; the slave stays open here, so that the master does not hang up
                          before the end */
    struct port_relay relay[3]; /* in, out, error */
    bool raw;                   /* our terminal, at 0, is */
    struct termios saved;
};

int port_stdio_prepare(struct port_stdio *io, const struct port_command *command,
                       struct kist_error *err) KIST_CHECKED;
/* After the child was made: closes its ends. */
void port_stdio_forked(struct port_stdio *io);
/* Takes the terminal's two ends from the child; ours goes raw. */
void port_stdio_attach(struct port_stdio *io, const struct port_command *command, int master, int slave);
/* The command's window; rows 0: as ours. */
void port_stdio_resize(const struct port_stdio *io, unsigned rows, unsigned columns);
/* port_sandbox_input and its like. */
bool port_stdio_input_ready(const struct port_stdio *io);
void port_stdio_input(struct port_stdio *io, const void *data, size_t len);
void port_stdio_input_end(struct port_stdio *io);
/* Fills in what to poll for; descriptors of -1 where there is nothing. */
#define PORT_STDIO_POLL PORT_SANDBOX_POLL
void port_stdio_poll(const struct port_stdio *io, struct pollfd fds[PORT_STDIO_POLL]);
/* Moves what poll says can be moved. */
void port_stdio_move(struct port_stdio *io, const struct pollfd fds[PORT_STDIO_POLL]);
/* The command has ended: brings over what it still wrote. complete: nobody else can hold the other ends. */
void port_stdio_drain(struct port_stdio *io, bool complete);
/* Our terminal is as it was. */
void port_stdio_release(struct port_stdio *io);

/* ---- command.c, init.c ---- */

/* Child: environment of the process that is no matter of mounts (limits, scores, descriptors), while the host
 * is in sight. */
int port_command_prepare(const struct port_command *command, struct kist_error *err) KIST_CHECKED;
/*
 * Child, where the command has a user namespace: goes on as the root of that, seen from here, and keeps all capabilities.
 * What it makes from here on is that root's, on mounts that show owners as the namespace has them too.
 */
int port_command_wear(const struct port_command *command, struct kist_error *err) KIST_CHECKED;
/* Child, in the new root: enters the user namespace, becomes the command's user with its privileges and runs it. Returns
 * only on failure. */
int port_command_run(const struct port_child *child, struct kist_error *err) KIST_CHECKED;
/* Process 1 with --init: starts the command through run, in a child, and serves it. Never returns. */
__attribute__((noreturn)) void port_init_serve(pid_t child);
/* Marks every descriptor from first on close-on-exec. */
void port_close_on_exec_from(int first);
/* Signal handlers and mask as a new program expects them. */
void port_signals_reset(void);

/* ---- userns.c ---- */

/* Those that a user namespace is to own are made with it. */
#define PORT_USERS_OWN (PORT_OWN_HOSTNAME | PORT_OWN_IPC | PORT_OWN_NETWORK)
enum { PORT_USERS_USER, PORT_USERS_UTS, PORT_USERS_IPC, PORT_USERS_NET, PORT_USERS_NAMESPACES };

/* A user namespace with those it owns, and the process that keeps them until somebody is in them. */
struct port_users {
    pid_t keeper;                   /* 0: there is none */
    int leash;                      /* it ends when this closes */
    int ns[PORT_USERS_NAMESPACES]; /* descriptors, -1: not made */
};

/* What is made is to be released whatever comes back. */
int port_users_make(struct port_users *u, const struct port_sandbox_spec *spec, struct kist_error *err) KIST_CHECKED;
void port_users_release(struct port_users *u);
/* Child: goes where they are, but for the user namespace. */
int port_users_join(const struct port_users *u, struct kist_error *err) KIST_CHECKED;
/* Child: enters the user namespace ns, with all capabilities in there and none outside. own_mounts: the mounts become its, and cannot be undone in there. */
int port_users_enter(int ns, bool own_mounts, struct kist_error *err) KIST_CHECKED;
/* Child: the mount at path shows owners as the user namespace ns has them (mount_setattr(2), "ID-mapped mounts"). what is for messages. */
int port_users_show(int ns, const char *path, const char *what, struct kist_error *err) KIST_CHECKED;

/* ---- netns.c ---- */

/* Child: brings lo up. */
int port_loopback_up(struct kist_error *err) KIST_CHECKED;

/* ---- join.c: namespaces of others ---- */

/* Opens the namespaces of spec's joins into fds, PORT_JOINS_MAX long, -1 where there is none; they are what was meant: a process that
 * has ended since is KIST_E_CONFLICT. */
int port_join_open(int *fds, const struct port_sandbox_spec *spec, struct kist_error *err) KIST_CHECKED;
void port_join_close(const int *fds);
/* A child made by make will be in the PID namespace of descriptor its; -1: in ours. -1 and errno. */
pid_t port_join_fork(int its, pid_t (*make)(void *arg), void *arg);
/* Child: enters all but the PID namespace. */
int port_join_enter(const struct port_sandbox_spec *spec, const int *fds, struct kist_error *err) KIST_CHECKED;
/* Child: m's source as m's process has it, a mount of its own that is nowhere yet: a descriptor. */
int port_join_tree(const struct port_mount *m, struct kist_error *err) KIST_CHECKED;

/* ---- child.c: what a new process does ---- */

struct kernel_clone_args;
struct port_child {
    const struct port_sandbox_spec *spec; /* of a new sandbox; else */
    const struct port_enter *enter;
    const struct port_command *command;
    const struct port_cgroup_set *groups;
    const struct port_stdio *io;
    const struct port_users *users;
    int user_ns; /* of the command, -1: none of its own */
    bool joined_unified;
    int target;  /* enter: a pidfd, or -1 */
    int joined[PORT_JOINS_MAX]; /* of spec: port_join_open's */
    int channel; /* a sequenced-packet socket; that it closes means that the command runs */
    int parents; /* its other end, to be closed */
};

/* What the child says over the channel: its terminal's master and slave come along, or its writable directory, or how it failed. */
struct port_message {
    enum { PORT_MESSAGE_TERMINAL, PORT_MESSAGE_WRITABLE, PORT_MESSAGE_FAILED } kind;
    struct kist_error err;
};

/* In the new process: never returns. */
__attribute__((noreturn)) void port_child_main(const struct port_child *child);
/*
 * share.c: a child that goes on with port_child_main in this memory, on this stack, while the caller stands still until it has become its
 * command or ended. What it allocates and does not free stays with the caller. -1 and errno; ENOSYS where there is no such thing.
 * Source: clone(2), CLONE_VM and CLONE_VFORK.
 */
pid_t port_share_clone(const struct kernel_clone_args *args, const struct port_child *child);
/* Child: its terminal, made in root, is told to the parent. */
int port_child_terminal(const struct port_child *child, int root, bool console, int *slave,
                        struct kist_error *err) KIST_CHECKED;

/* ---- enter.c ---- */

/* Child: goes where the target is; *slave as port_child_terminal has it. */
int port_enter_world(const struct port_child *child, int *slave, struct kist_error *err) KIST_CHECKED;
/* Of process pid: "user"; -1 and errno. */
int port_namespace_open(int pid, const char *name);
/* A child made by make will be in target's PID namespace (pidfd, or -1 and its number). -1 and errno. */
pid_t port_enter_fork(const struct port_enter *enter, int target, pid_t (*make)(void *arg), void *arg);

#endif
