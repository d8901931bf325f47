/* RUN. */
#include <stdlib.h>
#include <string.h>

#include "build/context_bind.h"
#include "build/run.h"
#include "build/stage.h"
#include "container/env.h"

/* What a mount shows of the context. */
struct bound {
    struct kist_copy_source source;
    struct kist_copy_options how;
    struct kist_copy_plan *plan;
    struct kist_context *made; /* of it, where the context itself cannot be shown */
    char path[KIST_MAX_PATH + 1];
};

struct running {
    struct kist_step *step;
    struct kist_strv argv, env; /* env: arguments that the image's own variables do not hide */
    size_t counted;             /* the first of env make it another step; proxies behind them do not */
    struct kist_buf script;
    const char *script_name;
    struct kist_run_options options;
    struct kist_run_mount *parsed;
    struct kist_build_mount *mounts;
    struct bound **bounds; /* of mounts that show the context; else NULL */
    size_t mount_count;
    bool unknown; /* dry run: what it would see */
    struct kist_config config;
    struct kist_build_ran ran;
};

/* ---- what is run ---- */

static int read_command(struct running *r, struct kist_error *err)
{
    const struct kist_instruction *in = r->step->in;
    char path[256];
    int rc = in->json ? 0 : kist_instruction_script(&r->script, in, err);

    if (rc == 1) {
        r->script_name = in->heredocs[0].name;
        return kist_str_format(path, sizeof(path), "/dev/pipes/%s", r->script_name)
                   ? kist_strv_add(&r->argv, path, err)
                   : kist_error_set(err, KIST_E_USAGE, "the name '%.60s' is too long", r->script_name);
    }
    return rc < 0 ? rc : kist_step_command(r->step, 0, kist_buf_text(&r->script), &r->argv, err);
}

static bool image_sets(const struct kist_stage *stage, const char *name, size_t len)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, kist_json_array(kist_stage_run(stage), "Env"))
    {
        if (cJSON_IsString(item) && strncmp(item->valuestring, name, len) == 0 && item->valuestring[len] == '=') {
            return true;
        }
    }
    return false;
}

static int read_env(struct running *r, struct kist_error *err)
{
    const struct kist_stage *stage = r->step->stage;
    int rc = 0;

    for (size_t i = 0; i < stage->args.n && rc == 0; i++) {
        const char *text = stage->args.v[i];
        const size_t len = strcspn(text, "=");

        if (!image_sets(stage, text, len) && !kist_build_arg_is_proxy(text, len)) {
            rc = kist_strv_add(&r->env, text, err);
        }
    }
    r->counted = r->env.n;
    return rc < 0 ? rc : kist_build_proxies(r->step->build, &r->env, err);
}

static int read_network(struct running *r, struct kist_error *err)
{
    const struct kist_step *step = r->step;
    const char *network = kist_instruction_flag(step->in, "network"), *security = kist_instruction_flag(step->in, "security");
    const char *device = kist_instruction_flag(step->in, "device");

    if ((security && strcmp(security, "sandbox") != 0) || device) {
        return kist_dockerfile_fail(step->file, step->in, kist_instruction_flag_at(step->in, device ? "device" : "security"), err,
                                    KIST_E_UNSUPPORTED, "what --security and --device ask for is not given to a build");
    }
    r->options = *step->build->options->run;
    if (network && strcmp(network, "none") == 0) {
        r->options.network = KIST_NETWORK_NONE;
    } else if (network && strcmp(network, "host") == 0) {
        if (r->options.network != KIST_NETWORK_HOST && !step->build->options->host_network) {
            return kist_dockerfile_fail(step->file, step->in, kist_instruction_flag_at(step->in, "network"), err, KIST_E_USAGE,
                                        "the host's network is not given to a Dockerfile that asks for it (try --allow network.host)");
        }
        r->options.network = KIST_NETWORK_HOST;
    } else if (network && strcmp(network, "default") != 0) {
        return kist_dockerfile_fail(step->file, step->in, kist_instruction_flag_at(step->in, "network"), err, KIST_E_USAGE,
                                    "--network must be default, none or host, not '%s'", network);
    }
    return 0;
}

/* ---- mounts ---- */

static int find_secret(const struct running *r, struct kist_build_mount *m)
{
    const struct kist_build_options *o = r->step->build->options;

    for (size_t i = 0; i < o->secret_count; i++) {
        if (strcmp(o->secrets[i].id, m->mount->id) == 0) {
            m->secret = o->secrets[i].data;
            m->secret_len = o->secrets[i].len;
        }
    }
    return 0;
}

/* It counts by what is in it. */
static int bind_context(struct running *r, struct kist_build_mount *m, struct kist_step_key *key, struct kist_error *err)
{
    const struct kist_build_options *o = r->step->build->options;
    struct bound *b = calloc(1, sizeof(*b));
    struct kist_digest digest;
    int rc;

    if (!b) {
        return kist_error_nomem(err);
    }
    r->bounds[m - r->mounts] = b;
    b->source.path = m->mount->source;
    b->how = (struct kist_copy_options){.epoch = INT64_MAX, .limits = o->layer, .store = r->step->build->store,
                                        .known = r->step->build->known};
    rc = kist_copy_new(&b->plan, "RUN --mount", o->context, &b->source, 1, "/" KIST_CONTEXT_BIND_PLACE, &b->how, err);
    rc = rc < 0 ? rc : kist_copy_digest(b->plan, &digest, err);
    if (rc == 0) {
        kist_step_key_add(key, &digest, sizeof(digest));
    }
    return rc;
}

/* A stage or image counts by its layers. */
static int bind(struct running *r, struct kist_build_mount *m, struct kist_step_key *key, struct kist_error *err)
{
    struct kist_stage *stage;
    int rc;

    if (!m->mount->from) {
        return bind_context(r, m, key, err);
    }
    rc = kist_build_source(r->step, m->mount->from, &stage, err);
    if (rc == 0) {
        m->diff_ids = stage->diff_ids;
        m->diff_id_count = stage->count;
        r->unknown = r->unknown || stage->unknown;
        kist_step_key_add(key, stage->diff_ids, stage->count * sizeof(stage->diff_ids[0]));
    }
    return rc;
}

/* A context that is a directory is shown as it is, unless something of it is ignored. */
static int show_context(struct running *r, size_t i, struct kist_error *err)
{
    const struct kist_build_options *o = r->step->build->options;
    struct kist_build_mount *m = &r->mounts[i];
    struct bound *b = r->bounds[i];
    int rc;

    if (kist_context_dir(o->context) && kist_context_is_whole(o->context)) {
        m->path = port_dir_path(kist_context_dir(o->context));
        return 0;
    }
    rc = kist_context_bind(&b->made, b->plan, r->step->build->store, o->layer, b->path, err);
    m->path = b->path;
    m->source = KIST_CONTEXT_BIND_PLACE;
    return rc;
}

static void release_mounts(struct running *r)
{
    for (size_t i = 0; i < r->mount_count; i++) {
        kist_run_mount_release(&r->parsed[i]);
        if (r->bounds[i]) {
            kist_copy_free(r->bounds[i]->plan);
            kist_context_close(r->bounds[i]->made);
            free(r->bounds[i]);
        }
    }
    free(r->parsed);
    free(r->mounts);
    free(r->bounds);
}

static int read_mounts(struct running *r, struct kist_step_key *key, struct kist_error *err)
{
    const struct kist_instruction *in = r->step->in;
    int rc = 0;

    r->parsed = calloc(in->flag_count + 1, sizeof(*r->parsed));
    r->mounts = calloc(in->flag_count + 1, sizeof(*r->mounts));
    r->bounds = calloc(in->flag_count + 1, sizeof(*r->bounds));
    if (!r->parsed || !r->mounts || !r->bounds) {
        return kist_error_nomem(err);
    }
    for (size_t i = 0; i < in->flag_count && rc == 0; i++) {
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_EXPANSION);
        struct kist_run_mount *parsed = &r->parsed[r->mount_count];
        struct kist_build_mount *m = &r->mounts[r->mount_count];

        if (strcmp(in->flags[i].name, "mount") != 0) {
            continue;
        }
        if ((rc = kist_step_expand(r->step, in->flags[i].value, in->flags[i].value_at, &text, err)) < 0) {
            return rc;
        }
        r->mount_count++;
        m->mount = parsed;
        kist_step_key_text(key, kist_buf_text(&text));
        rc = kist_run_mount_parse(parsed, kist_buf_text(&text), kist_stage_workdir(r->step->stage), err);
        if (rc == 0 && parsed->type == KIST_RUN_MOUNT_BIND) {
            rc = bind(r, m, key, err);
        } else if (rc == 0 && parsed->type == KIST_RUN_MOUNT_SECRET) {
            rc = find_secret(r, m);
        }
        rc = rc < 0 ? kist_dockerfile_blame(r->step->file, in, in->flags[i].at, err) : rc;
    }
    return rc;
}

/* ---- the step ---- */

static int read_config(struct running *r, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    KIST_AUTO(json) cJSON *config = cJSON_Duplicate(r->step->stage->config, true);
    cJSON *rootfs = config ? cJSON_AddObjectToObject(config, "rootfs") : NULL;
    int rc = rootfs ? kist_json_put_string(rootfs, "type", "layers", err) : kist_error_nomem(err);

    rc = rc < 0 ? rc : kist_json_print(config, false, &text, err);
    return rc < 0 ? rc : kist_config_parse(&r->config, kist_buf_text(&text), text.len, err);
}

/* What the options make another of what it sees, as Docker's builder has it: a host's name counts, its address does not, nor does memory. */
static void add_options_to_key(const struct kist_run_options *o, struct kist_step_key *key)
{
    const unsigned char network = (unsigned char)o->network;

    kist_step_key_add(key, &network, sizeof(network));
    for (size_t i = 0; i < o->add_hosts.n; i++) {
        kist_step_key_add(key, o->add_hosts.v[i], strcspn(o->add_hosts.v[i], ":="));
    }
    kist_step_key_text(key, NULL);
    for (size_t i = 0; i < o->ulimits.n; i++) {
        kist_step_key_text(key, o->ulimits.v[i]);
    }
    kist_step_key_text(key, NULL);
    kist_step_key_add(key, &o->shm_size, sizeof(o->shm_size));
}

static int add_to_key(struct running *r, struct kist_step_key *key, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    const cJSON *run = kist_stage_run(r->step->stage);
    char platform[KIST_PLATFORM_TEXT_MAX];
    int rc = 0;

    for (size_t i = 0; i < r->argv.n; i++) {
        kist_step_key_text(key, r->argv.v[i]);
    }
    kist_step_key_text(key, NULL);
    for (size_t i = 0; i < r->counted; i++) {
        kist_step_key_text(key, r->env.v[i]);
    }
    kist_step_key_text(key, NULL);
    kist_step_key_text(key, r->script_name ? kist_buf_text(&r->script) : NULL);
    if (kist_json_array(run, "Env")) {
        rc = kist_json_print(kist_json_array(run, "Env"), false, &text, err);
    }
    kist_step_key_add(key, kist_buf_text(&text), text.len);
    kist_step_key_text(key, kist_json_string(run, "User"));
    kist_step_key_text(key, kist_stage_workdir(r->step->stage));
    kist_step_key_text(key, kist_platform_text(platform, &r->step->stage->platform));
    add_options_to_key(&r->options, key);
    return rc;
}

static void output(void *arg, int stream, const char *data, size_t len)
{
    const struct kist_step *step = arg;
    const struct kist_build_event event = {.kind = KIST_BUILD_OUTPUT,
                                           .step = step->build->step,
                                           .total = step->build->total,
                                           .text = data,
                                           .len = len,
                                           .stream = stream};

    step->build->options->event(step->build->options->arg, &event);
}

static int fill(void *arg, struct kist_sink *sink, bool *changed, struct kist_error *err)
{
    struct running *r = arg;
    struct kist_step *step = r->step;
    const struct kist_build_options *o = step->build->options;
    const struct kist_build_run run = {
        .engine = o->engine,
        .config = &r->config,
        .diff_ids = step->stage->diff_ids,
        .diff_id_count = step->stage->count,
        .name = step->stage->base,
        .argv = &r->argv,
        .env = &r->env,
        .options = &r->options,
        .mounts = r->mounts,
        .mount_count = r->mount_count,
        .script_name = r->script_name,
        .script = r->script_name ? kist_buf_text(&r->script) : NULL,
        .epoch = o->epoch,
        .machine = &o->machine,
        .output = output,
        .arg = step,
    };
    int rc = 0;

    for (size_t i = 0; i < r->mount_count && rc == 0; i++) {
        rc = r->bounds[i] ? show_context(r, i, err) : 0;
    }
    rc = rc < 0 ? rc : kist_build_run(&run, &r->ran, sink, err);

    *changed = rc == 0 && r->ran.changed;
    if (rc == 0 && r->ran.exit_status != 0) {
        return kist_error_set(err, KIST_E_FAIL, "the command '%.200s' returned a non-zero code: %d",
                              r->argv.v[r->argv.n - 1], r->ran.exit_status);
    }
    return rc;
}

/* "RUN |1 A=b /bin/sh -c make" */
static int say(const struct running *r, struct kist_error *err)
{
    struct kist_buf *out = &r->step->created_by;
    int rc = kist_buf_puts(out, "RUN", err);

    if (rc == 0 && r->counted > 0) {
        rc = kist_buf_printf(out, err, " |%zu", r->counted);
    }
    for (size_t i = 0; i < r->counted && rc == 0; i++) {
        rc = kist_buf_printf(out, err, " %s", r->env.v[i]);
    }
    for (size_t i = 0; i < r->argv.n && rc == 0; i++) {
        rc = kist_buf_printf(out, err, " %s", r->argv.v[i]);
    }
    return rc;
}

static int run(struct running *r, struct kist_error *err)
{
    struct kist_step *step = r->step;
    struct kist_step_key key;
    int rc;

    kist_step_key_begin(&key, step, false);
    if ((rc = read_command(r, err)) < 0 || (rc = read_env(r, err)) < 0 || (rc = say(r, err)) < 0 ||
        (rc = read_network(r, err)) < 0 || (rc = read_mounts(r, &key, err)) < 0 || (rc = read_config(r, err)) < 0 ||
        (rc = add_to_key(r, &key, err)) < 0) {
        return rc;
    }
    step->stage->unknown = step->stage->unknown || r->unknown;
    return kist_step_layer(step, &key, fill, r, err);
}

int kist_step_run(struct kist_step *step, struct kist_error *err)
{
    struct running r = {.step = step, .script = KIST_BUF_INIT(KIST_MAX_DOCKERFILE)};
    int rc = run(&r, err);

    if (rc < 0) {
        rc = kist_dockerfile_blame(step->file, step->in, 0, err);
        if (r.ran.tail_len > 0) {
            kist_build_tell(step->build, KIST_BUILD_FAILED, r.ran.tail);
        }
    }
    release_mounts(&r);
    kist_config_release(&r.config);
    kist_strv_release(&r.argv);
    kist_strv_release(&r.env);
    kist_buf_release(&r.script);
    return rc;
}
