#include "image/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "codec/json.h"

static int corrupt(struct kist_error *err, const char *what)
{
    return kist_error_set(err, KIST_E_CORRUPT, "corrupt image config: %s", what);
}

/* A copy of the member, "" where there is none. */
static int take_string(char **out, const cJSON *object, const char *name, struct kist_error *err)
{
    const char *text = kist_json_string(object, name);

    *out = strdup(text ? text : "");
    return *out ? 0 : kist_error_nomem(err);
}

/* An array of strings; absent and null are empty. */
static int take_list(struct kist_strv *list, const cJSON *object, const char *name, struct kist_error *err)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, kist_json_array(object, name))
    {
        int rc;

        if (!cJSON_IsString(item)) {
            return kist_error_set(err, KIST_E_CORRUPT, "corrupt image config: '%s' is not a list of strings",
                                  name);
        }
        rc = kist_strv_add(list, item->valuestring, err);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* The names of an object's members; with values, "name=value" of those that are strings. */
static int take_names(struct kist_strv *list, const cJSON *object, const char *name, bool values,
                      struct kist_error *err)
{
    struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    const cJSON *item;
    int rc = 0;

    cJSON_ArrayForEach(item, kist_json_object(object, name))
    {
        if (values && !cJSON_IsString(item)) {
            continue;
        }
        kist_buf_clear(&text);
        rc = kist_buf_printf(&text, err, "%s%s%s", item->string, values ? "=" : "",
                             values ? item->valuestring : "");
        if (rc == 0) {
            rc = kist_strv_add(list, kist_buf_text(&text), err);
        }
        if (rc < 0) {
            break;
        }
    }
    kist_buf_release(&text);
    return rc;
}

static int take_diff_ids(struct kist_config *c, const cJSON *rootfs, struct kist_error *err)
{
    const char *type = kist_json_string(rootfs, "type");
    const cJSON *ids = kist_json_array(rootfs, "diff_ids"), *item;
    size_t count = 0;

    if (!type || strcmp(type, "layers") != 0) {
        return corrupt(err, "it lists no layers ('rootfs')");
    }
    cJSON_ArrayForEach(item, ids)
    {
        count++;
    }
    if (count > KIST_MAX_LAYERS) {
        return kist_error_set(err, KIST_E_UNSUPPORTED,
                              "the image has %zu layers, more than the %d there may be", count,
                              KIST_MAX_LAYERS);
    }
    c->diff_ids = calloc(count ? count : 1, sizeof(*c->diff_ids));
    if (!c->diff_ids) {
        return kist_error_nomem(err);
    }
    cJSON_ArrayForEach(item, ids)
    {
        if (!cJSON_IsString(item)) {
            return corrupt(err, "a diff ID is not a string");
        }
        if (kist_digest_parse(&c->diff_ids[c->diff_id_count], item->valuestring, err) < 0) {
            return kist_error_wrap(err, "corrupt image config");
        }
        c->diff_id_count++;
    }
    return 0;
}

static int take_platform(struct kist_config *c, const cJSON *root, struct kist_error *err)
{
    const char *os = kist_json_string(root, "os"), *arch = kist_json_string(root, "architecture");

    if (!arch || arch[0] == '\0') {
        return corrupt(err, "it names no architecture");
    }
    kist_platform_set(&c->platform, os && os[0] != '\0' ? os : "linux", arch,
                      kist_json_string(root, "variant"));
    return 0;
}

static int take_healthcheck(struct kist_config *c, const cJSON *run, struct kist_error *err)
{
    struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    const cJSON *check = kist_json_object(run, "Healthcheck");
    int rc = check ? kist_json_print(check, false, &text, err) : kist_buf_puts(&text, "", err);

    c->healthcheck = rc < 0 ? NULL : kist_buf_detach(&text);
    kist_buf_release(&text);
    return rc;
}

/* The "config" object: how a container of the image is run. */
static int take_run(struct kist_config *c, const cJSON *run, struct kist_error *err)
{
    const struct {
        const char *name;
        char **text;
    } strings[] = {{"User", &c->user}, {"WorkingDir", &c->working_dir}, {"StopSignal", &c->stop_signal}};
    const struct {
        const char *name;
        struct kist_strv *list;
    } lists[] = {{"Env", &c->env}, {"Entrypoint", &c->entrypoint}, {"Cmd", &c->cmd}, {"Shell", &c->shell}},
      names[] = {{"Volumes", &c->volumes}, {"ExposedPorts", &c->exposed_ports}};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < KIST_COUNT(strings); i++) {
        rc = take_string(strings[i].text, run, strings[i].name, err);
    }
    for (size_t i = 0; rc == 0 && i < KIST_COUNT(lists); i++) {
        rc = take_list(lists[i].list, run, lists[i].name, err);
    }
    for (size_t i = 0; rc == 0 && i < KIST_COUNT(names); i++) {
        rc = take_names(names[i].list, run, names[i].name, false, err);
    }
    rc = rc < 0 ? rc : take_names(&c->labels, run, "Labels", true, err);
    return rc < 0 ? rc : take_healthcheck(c, run, err);
}

int kist_config_parse(struct kist_config *c, const char *text, size_t len, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = NULL;
    const char *created;
    int rc;

    memset(c, 0, sizeof(*c));
    if (len > KIST_MAX_CONFIG) {
        return corrupt(err, "it is too large");
    }
    rc = kist_json_parse(&root, text, len, "image config", err);
    if (rc < 0) {
        return rc;
    }
    created = kist_json_string(root, "created");
    if (!created || !kist_str_time(created, &c->created) || c->created < 0) {
        c->created = 0; /* build tools write the year 1 for "unknown" */
    }
    rc = take_platform(c, root, err);
    if (rc == 0) {
        rc = take_diff_ids(c, kist_json_object(root, "rootfs"), err);
    }
    if (rc == 0) {
        rc = take_run(c, kist_json_object(root, "config"), err);
    }
    if (rc < 0) {
        kist_config_release(c);
    }
    return rc;
}

void kist_config_release(struct kist_config *c)
{
    struct kist_strv *lists[] = {&c->env,     &c->entrypoint,    &c->cmd,   &c->shell,
                                 &c->volumes, &c->exposed_ports, &c->labels};

    for (size_t i = 0; i < KIST_COUNT(lists); i++) {
        kist_strv_release(lists[i]);
    }
    free(c->diff_ids);
    free(c->healthcheck);
    free(c->user);
    free(c->working_dir);
    free(c->stop_signal);
    memset(c, 0, sizeof(*c));
}

void kist_config_auto(struct kist_config *c)
{
    kist_config_release(c);
}
