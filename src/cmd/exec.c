/* 'exec' and 'attach'. */
#include <stdio.h>

#include "base/limits.h"
#include "cmd/containers.h"
#include "container/env.h"
#include "container/host_file.h"
#include "port/self.h"

struct exec_options {
    bool detach, interactive, tty, privileged;
    const char *user, *workdir;
    struct kist_strv env, env_files;
};

static int read_env(struct kist_strv *env, const struct exec_options *o, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < o->env_files.n; i++) {
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);

        rc = kist_host_file_read(&text, o->env_files.v[i], "env file", err);
        rc = rc < 0 ? rc : kist_env_add_file(env, kist_buf_text(&text), text.len, o->env_files.v[i], err);
    }
    for (size_t i = 0; rc == 0 && i < o->env.n; i++) {
        rc = kist_env_add_option(env, o->env.v[i], err);
    }
    return rc;
}

static int exec(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(container) struct kist_container c = {.pid = 0};
    KIST_AUTO(strv) struct kist_strv env = {.v = NULL};
    const struct exec_options *o = values;
    const struct kist_container_exec exec = {
        .argv = operands + 1,
        .user = o->user && *o->user ? o->user : NULL,
        .workdir = o->workdir && *o->workdir ? o->workdir : NULL,
        .env = &env,
        .privileged = o->privileged,
        .terminal = o->tty,
        .input = o->interactive,
        .detached = o->detach,
    };
    struct kist_engine engine = {.run = NULL};
    int status, rc;

    (void)count;
    port_self_seal(app->arguments);
    rc = read_env(&env, o, err);
    rc = rc < 0 ? rc : kist_containers_find(app, &engine, operands[0], &c, err);
    rc = rc < 0 ? rc : kist_container_exec(&engine, c.id, &exec, &status, err);
    return rc < 0 ? rc : status;
}

static const struct kist_option exec_options[] = {
    KIST_OPT("detach", 'd', FLAG, struct exec_options, detach, NULL, "Leave it to itself, and what it writes unread"),
    KIST_OPT("env", 'e', LIST, struct exec_options, env, "NAME[=VALUE]", "Set a variable; without a value, pass it on"),
    KIST_OPT("env-file", 0, LIST, struct exec_options, env_files, "FILE", "Read variables from a file"),
    KIST_OPT("interactive", 'i', FLAG, struct exec_options, interactive, NULL, "Keep standard input open"),
    KIST_OPT("privileged", 0, FLAG, struct exec_options, privileged, NULL, "All capabilities"),
    KIST_OPT("tty", 't', FLAG, struct exec_options, tty, NULL, "Give it a terminal"),
    KIST_OPT("user", 'u', TEXT, struct exec_options, user, "USER[:GROUP]", "Name or number"),
    KIST_OPT("workdir", 'w', TEXT, struct exec_options, workdir, "DIR", "Working directory inside"),
    {.name = NULL},
};

const struct kist_command kist_cmd_exec = {
    .name = "exec",
    .operands = "CONTAINER COMMAND [ARG...]",
    .summary = "Run a command in a container that runs",
    .options = exec_options,
    .options_size = sizeof(struct exec_options),
    .min_operands = 2,
    .max_operands = -1,
    .flags = KIST_CMD_OPTIONS_FIRST | KIST_CMD_RUNS | KIST_CMD_CONTAINERS,
    .run = exec,
};

struct attach_options {
    bool no_stdin;
    const char *sig_proxy, *keys;
};

static int attach(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(container) struct kist_container c = {.pid = 0};
    const struct attach_options *o = values;
    struct kist_container_attach how = {.input = !o->no_stdin, .sig_proxy = true, .keys = o->keys};
    struct kist_engine engine = {.run = NULL};
    int status, rc;

    (void)count;
    if (o->sig_proxy && !kist_str_bool(o->sig_proxy, &how.sig_proxy)) {
        return kist_error_set(err, KIST_E_USAGE, "sig-proxy must be true or false, not '%s'", o->sig_proxy);
    }
    rc = kist_containers_find(app, &engine, operands[0], &c, err);
    rc = rc < 0 ? rc : kist_container_attach(&engine, c.id, &how, &status, err);
    if (rc == 1) {
        (void)fprintf(stderr, "detached\n");
    }
    return rc < 0 ? rc : rc == 1 ? 0 : status;
}

static const struct kist_option attach_options[] = {
    KIST_OPT("detach-keys", 0, TEXT, struct attach_options, keys, "KEYS", "That let go of it (default ctrl-p,ctrl-q)"),
    KIST_OPT("no-stdin", 0, FLAG, struct attach_options, no_stdin, NULL, "Keep standard input to ourselves"),
    KIST_OPT("sig-proxy", 0, TEXT, struct attach_options, sig_proxy, "true|false", "Pass signals on (default true)"),
    {.name = NULL},
};

const struct kist_command kist_cmd_attach = {
    .name = "attach",
    .operands = "CONTAINER",
    .summary = "Connect to the standard streams of a container that runs",
    .options = attach_options,
    .options_size = sizeof(struct attach_options),
    .min_operands = 1,
    .max_operands = 1,
    .flags = KIST_CMD_CONTAINERS,
    .run = attach,
};
