/* 'run' and 'create': the same flags, but for those that only matter to who stays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/creating.h"
#include "port/self.h"

#define ROW(name, letter, kind, member, argument, text)                                                        \
    KIST_OPT(name, letter, kind, struct kist_creating_options, member, argument, text)

static const struct kist_option options[] = {
    ROW("detach", 'd', FLAG, detach, NULL, "Let it run in the background and print its ID"),
    ROW("sig-proxy", 0, TEXT, sig_proxy, "true|false", "Pass signals on to the container (default true)"),
    ROW("rm", 0, FLAG, transient, NULL, "Remove the container when it ends"),
    KIST_LIMIT_ROWS(struct kist_creating_options, spec.limits),
    ROW("cap-add", 0, LIST, spec.cap_add, "CAPABILITY", "Give a capability"),
    ROW("cgroup-parent", 0, TEXT, spec.cgroup_parent, "PATH", "Control group that its own is made in (default /kist)"),
    ROW("cap-drop", 0, LIST, spec.cap_drop, "CAPABILITY", "Take a capability away"),
    ROW("cidfile", 0, TEXT, cidfile, "FILE", "Write the container's ID to a new file"),
    ROW("entrypoint", 0, TEXT, spec.entrypoint, "COMMAND", "Instead of the image's entry point"),
    ROW("env", 'e', LIST, spec.env, "NAME[=VALUE]", "Set a variable; without a value, pass it on"),
    ROW("env-file", 0, LIST, spec.env_files, "FILE", "Read variables from a file"),
    ROW("group-add", 0, LIST, spec.group_add, "GROUP", "One more group of the user"),
    ROW("health-cmd", 0, TEXT, spec.health_cmd, "COMMAND", "Check its health by this, in a shell"),
    ROW("health-interval", 0, DURATION, spec.health_interval, "TIME", "Between two checks (default 30s)"),
    ROW("health-on-failure", 0, TEXT, spec.on_unhealthy, "ACTION", "When unhealthy: none (default), kill, restart or stop"),
    ROW("health-retries", 0, NUMBER, spec.health_retries, "N", "Failures in a row that make it unhealthy (default 3)"),
    ROW("health-start-interval", 0, DURATION, spec.health_start_interval, "TIME", "Between two checks in the start period"),
    ROW("health-start-period", 0, DURATION, spec.health_start_period, "TIME", "In which failures do not count"),
    ROW("health-timeout", 0, DURATION, spec.health_timeout, "TIME", "After which a check has failed (default 30s)"),
    ROW("no-healthcheck", 0, FLAG, spec.no_healthcheck, NULL, "No health check, whatever the image says"),
    ROW("hostname", 'h', TEXT, spec.hostname, "NAME", "Host name inside"),
    ROW("init", 0, FLAG, spec.init, NULL, "Run an init that reaps zombies and passes signals on"),
    ROW("interactive", 'i', FLAG, spec.interactive, NULL, "Keep standard input open"),
    ROW("ipc", 0, TEXT, spec.ipc, "MODE", "Shared memory: private (default), shareable, none, host or container:NAME"),
    ROW("label", 'l', LIST, spec.labels, "NAME[=VALUE]", "Set a label"),
    ROW("label-file", 0, LIST, spec.label_files, "FILE", "Read labels from a file"),
    ROW("log-driver", 0, TEXT, log_driver, "NAME", "none: keep nothing of what it writes"),
    ROW("log-opt", 0, LIST, log_opts, "NAME=VALUE", "max-size=SIZE: of what is kept of it"),
    ROW("mount", 0, LIST, spec.mounts, "type=bind|volume|tmpfs,...", "Mount with source=, target=, readonly and more"),
    ROW("name", 0, TEXT, name, "NAME", "Name of the container"),
    ROW("add-host", 0, LIST, spec.add_hosts, "NAME:ADDRESS", "A line for /etc/hosts; 'host-gateway' is the host's address"),
    ROW("device", 0, LIST, spec.devices, "HOST[:CONTAINER][:rwm]", "Give a device of the host"),
    ROW("dns", 0, LIST, spec.dns, "ADDRESS", "Name server, instead of the host's"),
    ROW("dns-option", 0, LIST, spec.dns_options, "OPTION", "Option for /etc/resolv.conf"),
    ROW("dns-search", 0, LIST, spec.dns_search, "DOMAIN", "Search domain"),
    ROW("expose", 0, LIST, spec.expose, "PORT[/tcp|udp]", "A port that --publish-all publishes"),
    ROW("ip", 0, TEXT, spec.ip, "ADDRESS", "Address on the bridge"),
    ROW("network", 0, TEXT, network, "MODE", "bridge, none (only a loopback of its own), host or container:NAME"),
    ROW("net", 0, TEXT, network, "NETWORK", "Same as --network"),
    ROW("network-alias", 0, LIST, spec.aliases, "NAME", "One more name for the others on the bridge"),
    ROW("publish", 'p', LIST, spec.publish, "[[ADDRESS:][HOST]:]PORT", "Pass a port of the host on to the container"),
    ROW("publish-all", 'P', FLAG, spec.publish_all, NULL, "Publish all exposed ports at free ports of the host"),
    ROW("oom-score-adj", 0, TEXT, spec.oom_score, "N", "-1000 (never killed for want of memory) to 1000"),
    ROW("pid", 0, TEXT, spec.pid, "MODE", "Processes: private (default), host or container:NAME"),
    ROW("platform", 0, TEXT, platform, "OS/ARCH[/VARIANT]", "Image for another platform"),
    ROW("privileged", 0, FLAG, spec.privileged, NULL, "All capabilities and devices, no filters"),
    ROW("progress", 0, TEXT, progress, "MODE", "Of a pull: auto, plain, json or none"),
    ROW("pull", 0, TEXT, pull, "WHEN", "Pull always, missing (default) or never"),
    ROW("quiet", 'q', FLAG, quiet, NULL, "Say nothing of a pull"),
    ROW("read-only", 0, FLAG, spec.read_only, NULL, "The root cannot be written"),
    ROW("restart", 0, TEXT, spec.restart, "POLICY", "no (default), on-failure[:TIMES], always or unless-stopped"),
    ROW("rootfs", 0, TEXT, spec.rootfs, "overlay|tmpfs|copy|auto", "Its layers mounted, and what it writes on flash or in memory; or unpacked"),
    ROW("security-opt", 0, LIST, spec.security_opt, "OPTION", "seccomp=unconfined|FILE, no-new-privileges"),
    ROW("shm-size", 0, BYTES, spec.shm_size, "SIZE", "Of /dev/shm (default 64m)"),
    ROW("stop-signal", 0, TEXT, spec.stop_signal, "SIGNAL", "Signal that asks the container to end"),
    ROW("stop-timeout", 0, TEXT, spec.stop_timeout, "SECONDS", "From that signal to SIGKILL (default 10; -1 never)"),
    ROW("storage-opt", 0, LIST, spec.storage_opts, "size=SIZE", "Bytes that may be written to the root"),
    ROW("sysctl", 0, LIST, spec.sysctls, "NAME=VALUE", "Kernel parameter of its own namespaces"),
    ROW("tmpfs", 0, LIST, spec.tmpfs, "PATH[:OPTIONS]", "Mount a tmpfs"),
    ROW("tty", 't', FLAG, spec.tty, NULL, "Give it a terminal"),
    ROW("ulimit", 0, LIST, spec.ulimits, "NAME=SOFT[:HARD]", "Resource limit of its processes"),
    ROW("uidmap", 0, LIST, spec.uid_maps, "CONTAINER:HOST:SIZE", "Users of its user namespace; implies --userns private"),
    ROW("gidmap", 0, LIST, spec.gid_maps, "CONTAINER:HOST:SIZE", "Groups of it; one of the two alone is for both"),
    ROW("userns", 0, TEXT, spec.userns, "host|private", "Namespace of users: private ones are nobody on the host"),
    ROW("uts", 0, TEXT, spec.uts, "MODE", "Host name: private (default), host or container:NAME"),
    ROW("user", 'u', TEXT, spec.user, "USER[:GROUP]", "Name or number"),
    ROW("volume", 'v', LIST, spec.volumes, "[SOURCE:]PATH[:OPTIONS]", "Mount a volume, or a directory or file of the host"),
    ROW("workdir", 'w', TEXT, spec.workdir, "DIR", "Working directory inside"),
    {.name = NULL},
};

#define RUN_ONLY 3 /* rows at the front that 'create' has not */

static int act_create(void *arg, const struct kist_engine *engine, const struct kist_container_new *n, struct kist_error *err)
{
    int rc = kist_container_create(engine, n, err);

    (void)arg;
    if (rc == 0) {
        (void)printf("%s\n", n->id);
    }
    return rc;
}

static int create(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    (void)count;
    return kist_creating(app, values, operands, act_create, NULL, err);
}

struct running {
    struct kist_container_start how;
    int exit_status;
};

static int act_run(void *arg, const struct kist_engine *engine, const struct kist_container_new *n, struct kist_error *err)
{
    struct running *running = arg;
    int rc = kist_container_run(engine, n, &running->how, &running->exit_status, err);

    if (rc == 0 && running->how.detached) {
        (void)printf("%s\n", n->id);
    } else if (rc == 0) {
        /* all that is left to do is to free memory, which the kernel does faster */
        exit(running->exit_status);
    }
    return rc;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct kist_creating_options *o = values;
    struct running running = {.how = {.detached = o->detach, .sig_proxy = true, .notify = getenv("NOTIFY_SOCKET")}};

    (void)count;
    if (o->sig_proxy && !kist_str_bool(o->sig_proxy, &running.how.sig_proxy)) {
        return kist_error_set(err, KIST_E_USAGE, "sig-proxy must be true or false, not '%s'", o->sig_proxy);
    }
    if (o->transient && o->spec.restart && strcmp(o->spec.restart, "no") != 0) {
        return kist_error_set(err, KIST_E_USAGE, "conflicting options: --restart and --rm");
    }
    if (!o->detach) {
        port_self_seal(app->arguments);
    }
    return kist_creating(app, o, operands, act_run, &running, err);
}

const struct kist_command kist_cmd_run = {
    .name = "run",
    .operands = "IMAGE [COMMAND] [ARG...]",
    .summary = "Run a command in a new container, pulling the image if it is missing",
    .options = options,
    .options_size = sizeof(struct kist_creating_options),
    .min_operands = 1,
    .max_operands = -1,
    .flags = KIST_CMD_OPTIONS_FIRST | KIST_CMD_RUNS | KIST_CMD_CONTAINERS,
    .run = run,
};

const struct kist_command kist_cmd_create = {
    .name = "create",
    .operands = "IMAGE [COMMAND] [ARG...]",
    .summary = "Make a container, to be started later",
    .options = options + RUN_ONLY,
    .options_size = sizeof(struct kist_creating_options),
    .min_operands = 1,
    .max_operands = -1,
    .flags = KIST_CMD_OPTIONS_FIRST | KIST_CMD_CONTAINERS,
    .run = create,
};
