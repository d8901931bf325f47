#include "container/generate.h"

#include <ctype.h>
#include <string.h>

#include "container/capability.h"
#include "container/generate_private.h"
#include "port/capability.h"
#include "port/seccomp.h"

/* "KEY=value" and "KEY:value" are one; sets value to what follows, NULL without one. */
static bool option_is(const char *option, const char *key, const char **value)
{
    size_t len = strlen(key);

    if (strncmp(option, key, len) != 0 || (option[len] != '\0' && option[len] != '=' && option[len] != ':')) {
        return false;
    }
    *value = option[len] != '\0' ? option + len + 1 : NULL;
    return true;
}

static int parse_security_option(struct kist_security *s, const char *option, struct kist_error *err)
{
    const char *value;

    if (option_is(option, "no-new-privileges", &value)) {
        s->no_new_privileges = true;
        if (!value || kist_str_bool(value, &s->no_new_privileges)) {
            return 0;
        }
    } else if (option_is(option, "seccomp", &value) && value && *value != '\0') {
        s->no_seccomp = strcmp(value, "unconfined") == 0;
        s->seccomp_file = s->no_seccomp || strcmp(value, "builtin") == 0 ? NULL : value;
        return 0;
    } else if (option_is(option, "systempaths", &value) && value && strcmp(value, "unconfined") == 0) {
        s->all_paths = true;
        return 0;
    } else if (option_is(option, "apparmor", &value) && value) {
        return strcmp(value, "unconfined") == 0
                   ? 0
                   : kist_error_set(
                         err, KIST_E_UNSUPPORTED,
                         "--security-opt %s: AppArmor profiles are not supported, only apparmor=unconfined",
                         option);
    } else if (option_is(option, "label", &value) && value) {
        return strcmp(value, "disable") == 0
                   ? 0
                   : kist_error_set(err, KIST_E_UNSUPPORTED,
                                    "--security-opt %s: SELinux labels are not supported, only label=disable",
                                    option);
    }
    return kist_error_set(err, KIST_E_USAGE, "invalid --security-opt: '%s'", option);
}

int kist_security_parse(struct kist_security *s, const struct kist_strv *options, struct kist_error *err)
{
    int rc = 0;

    *s = (struct kist_security){0};
    for (size_t i = 0; i < options->n && rc == 0; i++) {
        rc = parse_security_option(s, options->v[i], err);
    }
    return rc;
}

/* As Docker: what is asked for, the name of whom the network is, else the short ID. */
static int choose_hostname(struct kist_generation *g, struct kist_error *err)
{
    const char *name = g->options->hostname;

    if (!name || *name == '\0') {
        const char *shared = g->options->network == KIST_NETWORK_HOST ? g->context->host_name : NULL;

        if (g->options->network == KIST_NETWORK_CONTAINER) {
            shared = g->options->host_name_of ? g->options->host_name_of : g->context->host_name;
        }
        if (shared && kist_str_copy(g->hostname, sizeof(g->hostname), shared)) {
            return 0;
        }
        return kist_str_format(g->hostname, sizeof(g->hostname), "%.12s", g->context->id)
                   ? 0
                   : kist_error_set(err, KIST_E_FAIL, "no container ID");
    }
    for (const char *c = name; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.' && *c != '_') {
            return kist_error_set(err, KIST_E_USAGE, "--hostname: invalid name '%s'", name);
        }
    }
    if (!kist_str_copy(g->hostname, sizeof(g->hostname), name)) {
        return kist_error_set(err, KIST_E_USAGE, "--hostname: '%s' is longer than 64 characters", name);
    }
    return 0;
}

int kist_spec_context_here(struct kist_spec_context *context, struct port_system *system, struct kist_error *err)
{
    context->host_name = system->hostname;
    context->kernel = system->kernel;
    context->capabilities = port_capability_bounding();
    context->seccomp = port_seccomp_available();
    return port_system_get(system, err);
}

/* All that may be refused on the flags alone, and the image's word on the user. */
static int prepare(struct kist_generation *g, struct kist_error *err)
{
    const struct kist_run_options *o = g->options;
    int rc = kist_security_parse(&g->security, &o->security_opt, err);

    if (rc == 0 && o->privileged) {
        g->capabilities = g->context->capabilities & KIST_CAPABILITY_ALL;
    } else if (rc == 0) {
        rc = kist_capability_resolve(&g->capabilities, &o->cap_add, &o->cap_drop, g->context->capabilities,
                                     err);
    }
    if (rc == 0) {
        rc = choose_hostname(g, err);
    }
    if (rc == 0) {
        const char *user = o->user && *o->user != '\0' ? o->user : g->image->user;

        rc = kist_user_lookup(&g->user, user ? user : "", g->context->read_file, g->context->read_file_arg,
                              err);
    }
    return rc < 0 ? rc : kist_generate_env(&g->env, o, err);
}

static int put_root(cJSON *spec, const struct kist_generation *g, struct kist_error *err)
{
    cJSON *root = cJSON_CreateObject();
    int rc = kist_json_put(spec, "root", root, err);

    if (rc == 0) {
        rc = kist_json_put_string(root, "path", "rootfs", err);
    }
    if (rc == 0) {
        rc = kist_json_put_bool(root, "readonly", g->options->read_only, err);
    }
    return rc;
}

static int build(cJSON *spec, struct kist_generation *g, struct kist_error *err)
{
    int rc = kist_json_put_string(spec, "ociVersion", "1.0.2", err);

    if (rc == 0) {
        rc = kist_generate_process(spec, g, err);
    }
    if (rc == 0) {
        rc = put_root(spec, g, err);
    }
    if (rc == 0) {
        rc = kist_json_put_string(spec, "hostname", g->hostname, err);
    }
    if (rc == 0) {
        rc = kist_generate_mounts(spec, g, err);
    }
    if (rc == 0) {
        rc = kist_generate_linux(spec, g, err);
    }
    if (rc == 0) {
        rc = kist_generate_notes(spec, g, err);
    }
    if (rc == 0) {
        rc = kist_generate_network(spec, g, err);
    }
    if (rc == 0) {
        rc = kist_generate_told(spec, g, err);
    }
    if (rc == 0) {
        rc = kist_generate_extras(spec, g, err);
    }
    return rc;
}

int kist_spec_generate(cJSON **out, const struct kist_config *image, const struct kist_run_options *options,
                       const struct kist_spec_context *context, struct kist_error *err)
{
    struct kist_generation g = {.image = image, .options = options, .context = context};
    KIST_AUTO(json) cJSON *spec = cJSON_CreateObject();
    int rc = spec ? prepare(&g, err) : kist_error_nomem(err);

    *out = NULL;
    if (rc == 0) {
        rc = build(spec, &g, err);
    }
    if (rc == 0) {
        *out = spec;
        spec = NULL;
    }
    kist_user_release(&g.user);
    kist_strv_release(&g.env);
    return rc;
}

void kist_run_options_release(struct kist_run_options *o)
{
    struct kist_strv *const lists[] = {&o->env,     &o->env_files, &o->command,      &o->volumes, &o->tmpfs,
                                       &o->mounts,  &o->storage_opts,
                                       &o->cap_add, &o->cap_drop,  &o->security_opt, &o->labels,  &o->label_files,
                                       &o->publish, &o->expose,    &o->aliases,      &o->add_hosts, &o->dns,
                                       &o->dns_search, &o->dns_options,
                                       &o->ulimits, &o->devices,   &o->group_add,    &o->sysctls, &o->uid_maps, &o->gid_maps};

    for (size_t i = 0; i < KIST_COUNT(lists); i++) {
        kist_strv_release(lists[i]);
    }
}
