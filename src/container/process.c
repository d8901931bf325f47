#include "container/process.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/path.h"
#include "container/bundle.h"
#include "container/env.h"
#include "container/join.h"
#include "container/user.h"
#include "port/capability.h"
#include "port/rootless.h"
#include "store/quota.h"

#define DIRECTORIES 16 /* that a container has at first, generously: of overlayfs, and for volumes of its own */

/* A directory in at, and its path. */
static int make_dir(char *path, struct port_dir *at, const char *name, struct kist_error *err)
{
    struct port_dir *dir;
    int rc = port_dir_open_at(&dir, at, name, true, err);

    if (rc < 0) {
        return rc;
    }
    port_dir_close(dir);
    return kist_path_join(path, KIST_MAX_PATH + 1, port_dir_path(at), name)
               ? 0
               : kist_error_set(err, KIST_E_FAIL, "the path '%s/%s' is too long", port_dir_path(at), name);
}

/* What is held of the store while a container is made ready. */
struct hold {
    struct kist_store_room *dirs, *fill;
    struct kist_bundle_inside inside;
    struct port_file *image; /* that the root is written to; NULL: none */
    struct port_layer layer; /* the same for the sandbox */
};

/* All that is left, for as long as it takes: how much the image has for its volumes nobody knows before it is copied. */
static int hold_fill(struct hold *hold, struct kist_spec *spec, struct kist_store *store, struct kist_error *err)
{
    struct kist_store_space space;
    int rc = kist_store_room_take(store, "volumes", "-", 0, NULL, &hold->fill, err);

    rc = rc < 0 ? rc : kist_store_room_grow(hold->fill, kist_store_cost(store, 0), UINT64_MAX, err);
    spec->room = kist_store_room_bytes(hold->fill);
    if (rc == 0 && !hold->fill && (rc = kist_store_space(store, &space, err)) == 0) {
        spec->room = space.left;
    }
    return rc;
}

static int add_env(struct kist_spec *spec, const struct kist_strv *more, struct kist_error *err)
{
    size_t n = 0;
    char **v;

    while (spec->env && spec->env[n]) {
        n++;
    }
    v = realloc(spec->env, (n + more->n + 1) * sizeof(*v));
    if (!v) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < more->n; i++) {
        v[n++] = more->v[i];
    }
    v[n] = NULL;
    spec->env = v;
    spec->sandbox.command.env = v;
    return 0;
}

/* The root, as its strategy has it. rw: the path of its writable directory. */
static int prepare_root(const struct kist_process *p, struct kist_spec *spec, const char *rw,
                        const struct kist_container_fixed *fixed, struct hold *hold, struct kist_error *err)
{
    struct port_root *root = &spec->sandbox.root;
    struct kist_rootfs_copy copy = {.store = p->e->store, .id = p->id, .fixed = fixed, .transient = p->transient, .signals = p->signals,
                                    .ids = &spec->sandbox.command.ids,
                                    .alone = port_rootless() && !port_rootless_has_users()};
    char options[48];
    int rc = 0;

    root->rw = rw;
    root->fresh = p->fresh || spec->rootfs == KIST_ROOTFS_TMPFS;
    root->transient = p->transient || spec->rootfs == KIST_ROOTFS_TMPFS;
    root->plain = spec->rootfs == KIST_ROOTFS_COPY;
    if (root->plain && (rc = port_dir_open_at(&copy.rw, p->dir, "rw", false, err)) == 0) {
        rc = kist_rootfs_copy(&copy, err);
        port_dir_close(copy.rw);
    }
    rc = rc < 0 ? rc : kist_rootfs_image(&hold->image, p->dir, err);
    if (rc == 0 && hold->image) {
        hold->layer = (struct port_layer){.fd = port_file_fd(hold->image), .name = "rw.img"};
        root->image = &hold->layer;
    }
    if (rc == 0 && spec->rootfs == KIST_ROOTFS_TMPFS) {
        if (!kist_str_format(options, sizeof(options), spec->size > 0 ? "mode=700,size=%" PRIu64 : "mode=700", spec->size)) {
            return kist_error_set(err, KIST_E_FAIL, "a size is too long");
        }
        rc = kist_strv_add(&spec->texts, options, err);
        root->memory = rc < 0 ? NULL : spec->texts.v[spec->texts.n - 1];
    }
    return rc;
}

/* Of a configuration that says nothing. */
static int name_group(struct kist_spec *spec, const char *id, struct kist_error *err)
{
    const char **name = &spec->sandbox.cgroup.name;
    char text[KIST_CONTAINER_GROUP_MAX];
    int rc = *name || !kist_str_format(text, sizeof(text), KIST_CONTAINER_GROUP "%s", id) ? 0 : kist_strv_add(&spec->texts, text, err);

    *name = *name || rc < 0 ? *name : spec->texts.v[spec->texts.n - 1];
    return rc;
}

static int start(struct port_sandbox **out, const struct kist_process *p, struct kist_spec *spec,
                 const struct kist_container_fixed *fixed, const struct kist_bundle_layers *layers, struct hold *hold,
                 struct kist_error *err)
{
    char rw[KIST_MAX_PATH + 1], scratch[KIST_MAX_PATH + 1];
    struct port_sandbox_spec *s = &spec->sandbox;
    struct kist_store *store = p->e->store;
    int rc = 0;

    s->network = p->network; /* what is made of etc/ looks at it */
    if (p->fresh) { /* its directories are there later */
        rc = kist_store_room_take(store, "containers", p->id, DIRECTORIES * kist_store_cost(store, 0), NULL, &hold->dirs, err);
    }
    rc = rc == 0 && p->env ? add_env(spec, p->env, err) : rc;
    rc = rc < 0 ? rc : make_dir(rw, p->dir, "rw", err);
    rc = rc < 0 ? rc : prepare_root(p, spec, rw, fixed, hold, err);
    rc = rc < 0 ? rc : make_dir(scratch, p->held->dir, "mnt", err);
    rc = rc < 0 ? rc : kist_bundle_inside_open(&hold->inside, spec, store, err);
    rc = rc < 0 ? rc : kist_bundle_sources(spec, store, p->dir, p->held->dir, err);
    rc = rc == 0 && spec->fills ? hold_fill(hold, spec, store, err) : rc;
    if (rc < 0) {
        return rc;
    }
    s->root.layers = layers->v;
    s->root.layer_count = layers->n;
    s->scratch = scratch;
    s->command.streams = p->streams;
    rc = s->command.argv ? name_group(spec, p->id, err) : 0;
    return rc < 0 ? rc : port_sandbox_start(out, s, p->signals, err);
}

static int start_parsed(struct port_sandbox **out, const struct kist_process *p, struct kist_spec *spec,
                        const struct kist_container_fixed *fixed, struct kist_error *err)
{
    struct kist_bundle_layers layers = {.v = NULL};
    struct hold hold = {.dirs = NULL};
    int rc = spec->rootfs == KIST_ROOTFS_COPY ? 0 : kist_bundle_layers_open(&layers, p->e->store, fixed, err);

    if (rc == 0) {
        rc = start(out, p, spec, fixed, &layers, &hold, err);
        kist_bundle_inside_close(&hold.inside);
        kist_store_room_free(hold.dirs);
        kist_store_room_free(hold.fill);
        port_file_discard(hold.image);
        kist_bundle_layers_close(&layers);
    }
    return rc;
}

int kist_process_start(struct port_sandbox **out, const struct kist_process *p, const cJSON *config,
                       const struct kist_container_fixed *fixed, struct kist_error *err)
{
    KIST_AUTO(spec) struct kist_spec spec = {.stop_signal = 0};
    int rc = kist_spec_parse(&spec, config, err);

    *out = NULL;
    rc = rc < 0 ? rc : kist_join_resolve(&spec, p->e, err);
    return rc < 0 ? rc : start_parsed(out, p, &spec, fixed, err);
}

int kist_process_files(struct port_sandbox **out, const struct kist_process *p, const cJSON *config,
                       const struct kist_container_fixed *fixed, struct kist_error *err)
{
    KIST_AUTO(spec) struct kist_spec spec = {.stop_signal = 0};
    struct port_sandbox_spec files = {.root = {.layers = NULL}};
    int rc = kist_spec_parse(&spec, config, err);

    *out = NULL;
    if (rc < 0) {
        return rc;
    }
    files.own = spec.sandbox.own & (PORT_OWN_MOUNTS | PORT_OWN_USERS);
    files.root = spec.sandbox.root;
    files.mounts = spec.mounts;
    files.mount_count = spec.sandbox.mount_count;
    files.command.ids = spec.sandbox.command.ids;
    spec.sandbox = files;
    return start_parsed(out, p, &spec, fixed, err);
}

/* ---- beside it ---- */

/* Files of the container as it is now. */
static int read_inside(void *arg, const char *path, struct kist_buf *out, struct kist_error *err)
{
    return port_sandbox_read(arg, path, out, err);
}

/* The user's numbers, groups, and what capabilities are left to one who is not root. */
static int become(struct port_command *command, struct kist_user *user, const struct kist_exec *exec,
                  const struct port_process *target, struct kist_error *err)
{
    struct port_capabilities *caps = &command->caps;
    struct port_process in = *target;
    int rc;

    if (exec->privileged) {
        caps->bounding = port_capability_bounding();
    }
    if (exec->user) {
        rc = kist_user_lookup(user, exec->user, read_inside, &in, err);
        if (rc < 0) {
            return rc;
        }
        command->uid = user->uid;
        command->gid = user->gid;
        command->groups = user->groups;
        command->group_count = user->group_count;
    }
    if (exec->user || exec->privileged) {
        caps->effective = caps->permitted = command->uid == 0 ? caps->bounding : 0;
        caps->inheritable = caps->ambient = 0;
    }
    return 0;
}

/* The container's environment, the user's home where it is another's, and what was asked for. */
static int set_env(struct kist_strv *env, const struct port_command *command, const struct kist_user *user,
                   const struct kist_exec *exec, struct kist_error *err)
{
    char home[KIST_MAX_PATH + 6];
    int rc = 0;

    for (char *const *one = command->env; rc == 0 && one && *one; one++) {
        rc = kist_env_put(env, *one, err);
    }
    if (rc == 0 && exec->user && kist_str_format(home, sizeof(home), "HOME=%s", user->home)) {
        rc = kist_env_put(env, home, err);
    }
    if (rc == 0 && exec->terminal && !kist_env_get(env, "TERM", 4)) {
        rc = kist_env_put(env, "TERM=xterm", err);
    }
    for (size_t i = 0; rc == 0 && exec->env && i < exec->env->n; i++) {
        rc = kist_env_put(env, exec->env->v[i], err);
    }
    return rc;
}

int kist_process_enter(struct port_sandbox **out, const char *id, const struct port_process *target,
                       const cJSON *config, const struct kist_exec *exec, struct port_signals *signals,
                       struct kist_error *err)
{
    KIST_AUTO(spec) struct kist_spec spec = {.stop_signal = 0};
    KIST_AUTO(user) struct kist_user user = {.uid = 0};
    KIST_AUTO(strv) struct kist_strv env = {.v = NULL};
    struct port_command *command = &spec.sandbox.command;
    struct port_enter enter = {.target = *target, .command = command};
    int rc = kist_spec_parse(&spec, config, err);

    *out = NULL;
    rc = rc < 0 ? rc : become(command, &user, exec, target, err);
    rc = rc < 0 ? rc : set_env(&env, command, &user, exec, err);
    if (rc < 0) {
        return rc;
    }
    rc = name_group(&spec, id, err);
    if (rc < 0) {
        return rc;
    }
    enter.cgroup = spec.sandbox.cgroup.name;
    command->argv = exec->argv;
    command->env = env.v;
    command->cwd = exec->workdir ? exec->workdir : command->cwd;
    command->init = false;
    command->terminal = exec->terminal;
    command->rows = command->columns = 0;
    command->stdin_open = exec->input;
    command->survives = exec->survives;
    command->streams = exec->streams;
    rc = port_sandbox_enter(out, &enter, signals, err);
    return rc == KIST_E_CONFLICT
               ? kist_error_set(err, KIST_E_CONFLICT, "container '%.12s' is not running any more", id)
               : rc;
}
