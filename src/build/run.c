#include "build/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build/cache_mount.h"
#include "build/run_space.h"
#include "container/changes.h"
#include "layer/view.h"
#include "port/node.h"

#define SCRIPT "script"
#define FILE_NAME_MAX 32

struct step {
    const struct kist_build_run *run;
    struct kist_build_ran *ran;
    struct kist_sink *tar;
    const cJSON *config;
    struct kist_layers layers;
    struct kist_cache_mount *caches; /* one a mount; only those of caches are held */
    struct kist_run_space space;
    struct kist_error full;          /* why it had to end */
};

/* ---- what it writes ---- */

static void on_output(void *arg, int stream, const char *data, size_t len)
{
    const struct step *s = arg;
    struct kist_build_ran *ran = s->ran;
    const size_t size = sizeof(ran->tail) - 1, taken = KIST_MIN(len, size), kept = KIST_MIN(ran->tail_len, size - taken);

    s->run->output(s->run->arg, stream, data, len);
    memmove(ran->tail, ran->tail + ran->tail_len - kept, kept);
    memcpy(ran->tail + kept, data + len - taken, taken);
    ran->tail_len = kept + taken;
}

/* Whole lines, fit to be shown. */
static void finish_tail(struct kist_build_ran *ran)
{
    char *text = ran->tail, *end;
    size_t n = 0;

    for (size_t i = 0; i < ran->tail_len; i++) { /* a NUL is no end */
        if (text[i] != '\0' && text[i] != '\r') {
            text[n++] = text[i];
        }
    }
    if (ran->tail_len == sizeof(ran->tail) - 1 && (end = memchr(text, '\n', n)) != NULL && end + 1 < text + n) {
        n -= (size_t)(end + 1 - text);
        memmove(text, end + 1, n);
    }
    text[n] = '\0';
    ran->tail_len = n;
    while (text && *text != '\0') {
        end = strchr(text, '\n');
        if (end) {
            *end = '\0';
        }
        (void)kist_str_disarm(text);
        if (end) {
            *end++ = '\n';
        }
        text = end;
    }
}

/* ---- files for it ---- */

static int put_file(struct port_dir *dir, const char *name, const struct port_node *looks, const void *data, size_t len,
                    struct kist_error *err)
{
    struct port_file *file = NULL;
    int rc = port_node_put(dir, name, looks, &file, err);

    if (rc == 0 && (rc = port_file_append(file, data, len, err)) < 0) {
        port_file_discard(file);
        return rc;
    }
    return rc < 0 ? rc : port_node_finish(file, looks, err);
}

static bool name_secret(char name[FILE_NAME_MAX], size_t number)
{
    return kist_str_format(name, FILE_NAME_MAX, "secret%zu", number);
}

/* Secrets are in memory alone, and only for as long as it runs. */
static int prepare(void *arg, struct port_dir *dir, struct kist_error *err)
{
    const struct kist_build_run *run = ((const struct step *)arg)->run;
    const struct port_node script = {.type = PORT_NODE_FILE, .mode = 0755};
    int rc = run->script ? put_file(dir, SCRIPT, &script, run->script, strlen(run->script), err) : 0;

    for (size_t i = 0; i < run->mount_count && rc == 0; i++) {
        const struct kist_build_mount *b = &run->mounts[i];
        const struct kist_run_mount *m = b->mount;
        const struct port_node looks = {.type = PORT_NODE_FILE, .mode = m->mode, .uid = m->uid, .gid = m->gid};
        char name[FILE_NAME_MAX];

        if (m->type == KIST_RUN_MOUNT_SECRET && m->target && b->secret && name_secret(name, i)) {
            rc = put_file(dir, name, &looks, b->secret, b->secret_len, err);
        }
    }
    return rc;
}

/* ---- config.json ---- */

static int add_mount(cJSON *config, const char *destination, const char *type, const char *source, const char *options,
                     cJSON **mount, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *list = cJSON_Parse(options);
    cJSON *object = cJSON_CreateObject();
    int rc = kist_json_append(cJSON_GetObjectItemCaseSensitive(config, "mounts"), object, err);

    rc = rc < 0 ? rc : kist_json_put_string(object, "destination", destination, err);
    rc = rc < 0 ? rc : kist_json_put_string(object, "type", type, err);
    rc = rc < 0 ? rc : kist_json_put_string(object, "source", source, err);
    if (rc == 0) {
        rc = kist_json_put(object, "options", list, err);
        list = NULL;
    }
    *mount = object;
    return rc;
}

static int add_bind(cJSON *config, const struct kist_build_mount *b, struct kist_error *err)
{
    const struct kist_run_mount *m = b->mount;
    const char *named = b->source ? b->source : m->source, *source = named + strspn(named, "/");
    char text[KIST_DIGEST_TEXT_MAX];
    cJSON *mount, *from = cJSON_CreateArray();
    int rc = add_mount(config, m->target, "bind", *source != '\0' ? source : ".", m->read_only ? "[\"ro\"]" : "[]", &mount, err);

    if (rc < 0) {
        cJSON_Delete(from);
        return rc;
    }
    rc = kist_json_put(mount, "kist.from", from, err);
    if (rc == 0 && b->path) {
        KIST_AUTO(free) char *path = realpath(b->path, NULL); /* there is another working directory when it is mounted */

        return path ? kist_json_append(from, cJSON_CreateString(path), err)
                    : kist_error_sys(err, KIST_E_NOT_FOUND, errno, "cannot find '%s'", b->path);
    }
    for (size_t i = 0; rc == 0 && i < b->diff_id_count; i++) {
        rc = kist_json_append(from, cJSON_CreateString(kist_digest_text(text, &b->diff_ids[i])), err);
    }
    return rc == 0 && b->diff_id_count == 0
               ? kist_error_set(err, KIST_E_NOT_FOUND, "cannot mount '%s' at '%s': '%s' has no files", m->source, m->target,
                                m->from ? m->from : "")
               : rc;
}

static int add_one(struct step *s, cJSON *config, size_t i, struct kist_error *err)
{
    const struct kist_build_mount *b = &s->run->mounts[i];
    const struct kist_run_mount *m = b->mount;
    char text[64], name[FILE_NAME_MAX];
    cJSON *mount;
    int rc;

    switch (m->type) {
    case KIST_RUN_MOUNT_BIND:
        return add_bind(config, b, err);
    case KIST_RUN_MOUNT_CACHE:
        rc = kist_cache_mount_hold(&s->caches[i], s->run->engine->store, m, err);
        return rc < 0 ? rc
                      : add_mount(config, m->target, "bind", s->caches[i].path, m->read_only ? "[\"rbind\",\"ro\"]" : "[\"rbind\"]",
                                  &mount, err);
    case KIST_RUN_MOUNT_TMPFS:
        if (m->size == 0) {
            return add_mount(config, m->target, "tmpfs", "tmpfs", "[\"nosuid\",\"nodev\"]", &mount, err);
        }
        return kist_str_format(text, sizeof(text), "[\"nosuid\",\"nodev\",\"size=%llu\"]", (unsigned long long)m->size)
                   ? add_mount(config, m->target, "tmpfs", "tmpfs", text, &mount, err)
                   : (int)KIST_E_FAIL;
    default:
        if (!b->secret) {
            return m->required ? kist_error_set(err, KIST_E_NOT_FOUND,
                                                "secret '%.100s' is required, and not given (use --secret id=%.100s,src=FILE)", m->id, m->id)
                               : 0;
        }
        return m->target && name_secret(name, i) && kist_str_format(text, sizeof(text), "run/%s", name)
                   ? add_mount(config, m->target, "bind", text, "[\"ro\",\"noexec\",\"nosuid\"]", &mount, err)
                   : 0;
    }
}

static int add_mounts(struct step *s, cJSON *config, struct kist_error *err)
{
    const struct kist_build_run *run = s->run;
    char path[KIST_MAX_PATH + 1];
    cJSON *mount;
    int rc = 0;

    for (size_t i = 0; i < run->mount_count && rc == 0; i++) {
        rc = add_one(s, config, i, err);
    }
    if (rc == 0 && run->script) {
        rc = kist_str_format(path, sizeof(path), "/dev/pipes/%s", run->script_name)
                 ? add_mount(config, path, "bind", "run/" SCRIPT, "[\"ro\"]", &mount, err)
                 : kist_error_set(err, KIST_E_USAGE, "the script's name is too long");
    }
    return rc;
}

/* Those that become variables. */
static int add_secrets(const struct kist_build_run *run, struct kist_strv *env, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < run->mount_count && rc == 0; i++) {
        const struct kist_build_mount *b = &run->mounts[i];

        if (b->mount->type == KIST_RUN_MOUNT_SECRET && b->mount->env && b->secret) {
            KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);

            rc = kist_buf_printf(&text, err, "%s=", b->mount->env);
            rc = rc < 0 ? rc : kist_buf_add(&text, b->secret, b->secret_len, err);
            rc = rc < 0 ? rc : kist_strv_add(env, text.data, err);
        }
    }
    return rc;
}

static int generate(struct step *s, const char *id, cJSON **config, struct kist_error *err)
{
    const struct kist_build_run *run = s->run;
    struct kist_run_options options = *run->options;
    struct kist_config image = *run->config;
    struct kist_view view = {s->layers.v, s->layers.n};
    struct kist_spec_context context = {.id = id, .transient = true, .read_file = kist_view_read_file, .read_file_arg = &view};
    struct port_system system;
    int rc = kist_spec_context_here(&context, &system, err);

    if (rc < 0) {
        return rc;
    }
    image.volumes = image.entrypoint = image.cmd = image.labels = image.exposed_ports = (struct kist_strv){.v = NULL};
    image.healthcheck = NULL;
    options.env = run->env ? *run->env : (struct kist_strv){.v = NULL};
    options.command = *run->argv;
    options.volumes = options.env_files = (struct kist_strv){.v = NULL};
    options.entrypoint = options.user = options.workdir = NULL;
    rc = kist_spec_generate(config, &image, &options, &context, err);
    return rc < 0 ? rc : add_mounts(s, *config, err);
}

/* ---- running ---- */

static bool look(void *arg, struct port_dir *dir)
{
    struct step *s = arg;

    return kist_run_space_check(&s->space, dir, false, &s->full) == 0;
}

static int ended(void *arg, struct port_dir *dir, int exit_status, struct kist_error *err)
{
    struct step *s = arg;
    const struct kist_changes changes = {.dir = dir, .layers = &s->layers, .config = s->config, .epoch = s->run->epoch};
    const int rc = s->full.code == KIST_OK ? kist_run_space_check(&s->space, dir, true, &s->full) : (int)s->full.code;

    s->ran->exit_status = exit_status;
    if (rc == KIST_E_NO_SPACE || (rc < 0 && exit_status == 0)) { /* of no room it may well have failed itself */
        return kist_error_set(err, s->full.code, "%s", s->full.message);
    }
    return exit_status != 0 ? 0 : kist_changes_tar(&changes, s->tar, &s->ran->changed, err);
}

static int start(struct step *s, const char *id, struct kist_error *err)
{
    const struct kist_build_run *run = s->run;
    KIST_AUTO(strv) struct kist_strv env = {.v = NULL};
    const struct kist_container_work work = {.prepare = prepare, .env = &env, .output = on_output, .look = look, .ended = ended, .arg = s};
    const struct kist_container_start how = {.work = &work};
    struct kist_digest image;
    const struct kist_container_new new = {
        .id = id,
        .image = &image,
        .image_name = run->name,
        .diff_ids = run->diff_ids,
        .diff_id_count = run->diff_id_count,
        .config = s->config,
        .leased = true,
        .transient = true,
    };
    int status, rc = add_secrets(run, &env, err);

    kist_digest_of(&image, id, strlen(id)); /* no image is that yet */
    return rc < 0 ? rc : kist_container_run(run->engine, &new, &how, &status, err);
}

/* Where the kernel knew no way to run it, and it is another machine's, that is what is to be said. */
static int explain(const struct kist_build_run *run, int rc, struct kist_error *err)
{
    char here[KIST_PLATFORM_TEXT_MAX], there[KIST_PLATFORM_TEXT_MAX];

    if (rc != KIST_E_NO_EXEC || kist_platform_rank(run->machine, &run->config->platform, false) >= 0) {
        return rc;
    }
    return kist_error_set(err, KIST_E_UNSUPPORTED,
                          "cannot run programs for %s on %s: the kernel has no emulator for them (install qemu-user-static, which "
                          "registers one with binfmt_misc)",
                          kist_platform_text(there, &run->config->platform), kist_platform_text(here, run->machine));
}

/* Where there was no room, what nobody needs must not be what fills the store from now on. */
static void release_caches(struct step *s, bool full)
{
    bool held = false;
    uint64_t freed = 0;

    for (size_t i = 0; s->caches && i < s->run->mount_count; i++) {
        held = held || s->caches[i].lock;
        kist_cache_mount_release(&s->caches[i]);
    }
    free(s->caches);
    if (full && held) {
        (void)!kist_cache_mount_prune(s->run->engine->store, INT64_MAX, &freed, NULL);
    }
}

int kist_build_run(const struct kist_build_run *run, struct kist_build_ran *ran, struct kist_sink *tar, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *config = NULL;
    struct step s = {.run = run, .ran = ran, .tar = tar, .caches = calloc(run->mount_count + 1, sizeof(*s.caches)), .space = {.store = run->engine->store}};
    char id[KIST_CONTAINER_ID_MAX];
    int rc = s.caches ? kist_container_id_make(id, err) : kist_error_nomem(err);

    *ran = (struct kist_build_ran){.exit_status = 0};
    if (rc == 0 && geteuid() != 0) {
        rc = kist_error_set(err, KIST_E_UNSUPPORTED, "only root can run commands in a build (the other instructions need no root)");
    }
    if (rc == 0 && run->diff_id_count == 0) {
        rc = kist_error_set(err, KIST_E_NO_COMMAND, "'%s' is not there: the stage has no files", run->argv->n > 0 ? run->argv->v[0] : "");
    }
    rc = rc < 0 ? rc : kist_layers_open(&s.layers, run->engine->store, run->diff_ids, run->diff_id_count, err);
    rc = rc < 0 ? rc : generate(&s, id, &config, err);
    s.config = config;
    s.space.id = id;
    rc = rc < 0 ? rc : start(&s, id, err);
    finish_tail(ran);
    release_caches(&s, rc == KIST_E_NO_SPACE);
    kist_layers_close(&s.layers);
    return explain(run, rc, err);
}
