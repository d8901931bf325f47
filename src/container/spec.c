#include "container/spec.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "container/spec_private.h"
#include "port/process.h"

int kist_spec_refuse(const char *what, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_UNSUPPORTED, "config.json: '%s' is not supported", what);
}

int kist_spec_wrong(const char *what, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_USAGE, "config.json: '%s' is missing or makes no sense", what);
}

bool kist_spec_has(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    if (!member || cJSON_IsNull(member) || cJSON_IsFalse(member)) {
        return false;
    }
    if (cJSON_IsString(member)) {
        return member->valuestring[0] != '\0';
    }
    return !(cJSON_IsArray(member) || cJSON_IsObject(member)) || member->child;
}

int kist_spec_room(void **out, const cJSON *array, size_t size, struct kist_error *err)
{
    *out = calloc((size_t)cJSON_GetArraySize(array) + 1, size);
    return *out ? 0 : kist_error_nomem(err);
}

int kist_spec_strings(char ***out, size_t *n, const cJSON *object, const char *name, struct kist_error *err)
{
    const cJSON *array = kist_json_array(object, name), *item;
    void *room;
    int rc = kist_spec_room(&room, array, sizeof(char *), err);

    *n = 0;
    *out = room;
    if (rc == 0 && !array && kist_spec_has(object, name)) {
        rc = kist_spec_wrong(name, err);
    }
    cJSON_ArrayForEach(item, array)
    {
        if (rc == 0 && !cJSON_IsString(item)) {
            rc = kist_spec_wrong(name, err);
        }
        if (rc == 0) {
            (*out)[(*n)++] = item->valuestring;
        }
    }
    return rc;
}

bool kist_spec_number(const cJSON *object, const char *name, int64_t min, int64_t max, int64_t *value)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    if (!cJSON_IsNumber(member) || member->valuedouble < (double)min || member->valuedouble > (double)max ||
        (double)(int64_t)member->valuedouble != member->valuedouble) {
        return false;
    }
    *value = (int64_t)member->valuedouble;
    return true;
}

bool kist_spec_propagation(const char *text, enum port_propagation *propagation)
{
    static const char *const names[] = {
        [PORT_PRIVATE] = "private", [PORT_SLAVE] = "slave", [PORT_SHARED] = "shared"};

    text += text[0] == 'r'; /* they are always recursive here */
    for (size_t i = 0; i < KIST_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *propagation = (enum port_propagation)i;
            return true;
        }
    }
    return false;
}

static int parse_annotations(struct kist_spec *spec, const cJSON *config, struct kist_error *err)
{
    const cJSON *notes = kist_json_object(config, "annotations");
    const char *init = kist_json_string(notes, "kist.init"), *input = kist_json_string(notes, "kist.stdin");
    const char *devices = kist_json_string(notes, "kist.devices");
    const char *stop = kist_json_string(notes, "org.opencontainers.image.stopSignal");
    const char *size = kist_json_string(notes, "kist.rootfs.size");

    spec->sandbox.command.init = init && strcmp(init, "true") == 0;
    spec->sandbox.command.stdin_open = input && strcmp(input, "true") == 0;
    spec->sandbox.all_devices = devices && strcmp(devices, "all") == 0;
    spec->stop_signal = SIGTERM;
    if (stop && !port_signal_number(stop, &spec->stop_signal)) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' is no signal to stop with", stop);
    }
    if (!kist_rootfs_parse(kist_json_string(notes, "kist.rootfs"), &spec->rootfs)) {
        return kist_spec_wrong("annotations: kist.rootfs", err);
    }
    return size && !kist_str_u64(size, INT64_MAX, &spec->size) ? kist_spec_wrong("annotations: kist.rootfs.size", err) : 0;
}

static int parse_top(struct kist_spec *spec, const cJSON *config, struct kist_error *err)
{
    const char *version = kist_json_string(config, "ociVersion");

    if (!version || strncmp(version, "1.", 2) != 0) {
        return version ? kist_error_set(err, KIST_E_UNSUPPORTED,
                                        "config.json: version '%s' is not supported, 1.x is", version)
                       : kist_spec_wrong("ociVersion", err);
    }
    if (kist_spec_has(config, "hooks")) {
        return kist_spec_refuse("hooks", err);
    }
    if (!kist_json_object(config, "root")) {
        return kist_spec_wrong("root", err);
    }
    spec->sandbox.root.read_only = kist_json_bool(kist_json_object(config, "root"), "readonly", false);
    spec->sandbox.hostname = kist_json_string(config, "hostname");
    spec->sandbox.domainname = kist_json_string(config, "domainname");
    return parse_annotations(spec, config, err);
}

int kist_spec_parse(struct kist_spec *spec, const cJSON *config, struct kist_error *err)
{
    int rc;

    *spec = (struct kist_spec){.config = config, .stop_signal = SIGTERM};
    rc = parse_top(spec, config, err);
    rc = rc < 0 ? rc : kist_spec_parse_process(spec, config, err);
    rc = rc < 0 ? rc : kist_spec_parse_mounts(spec, config, err);
    rc = rc < 0 ? rc : kist_spec_parse_linux(spec, config, err);
    if (rc < 0) {
        kist_spec_release(spec);
    }
    return rc;
}

void kist_spec_release(struct kist_spec *spec)
{
    void *const owned[] = {spec->mounts,         spec->devices,          spec->sysctls, spec->rlimits,
                           spec->rules,          spec->groups,     spec->users, spec->user_groups,           spec->argv,    spec->env,
                           (void *)spec->masked, (void *)spec->read_only};

    for (size_t i = 0; i < KIST_COUNT(owned); i++) {
        free(owned[i]);
    }
    kist_strv_release(&spec->texts);
    kist_seccomp_program_release(&spec->seccomp);
    *spec = (struct kist_spec){.stop_signal = 0};
}

void kist_spec_auto(struct kist_spec *spec)
{
    kist_spec_release(spec);
}
