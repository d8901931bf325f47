/* config.json's process (runtime-spec config.md, "Process" and "Linux Process"). */
#include <string.h>

#include "base/limits.h"
#include "container/capability.h"
#include "container/spec_private.h"

/* Number of an ID: -1, which the kernel takes as "no change", is none. */
#define ID_MAX (UINT32_MAX - 1)

static int parse_user(struct kist_spec *spec, const cJSON *process, struct kist_error *err)
{
    const cJSON *user = kist_json_object(process, "user"), *groups = kist_json_array(user, "additionalGids"),
                *item;
    struct port_command *command = &spec->sandbox.command;
    int64_t uid = 0, gid = 0, mask = 022;
    void *room;
    int rc;

    if ((cJSON_GetObjectItemCaseSensitive(user, "uid") && !kist_spec_number(user, "uid", 0, ID_MAX, &uid)) ||
        (cJSON_GetObjectItemCaseSensitive(user, "gid") && !kist_spec_number(user, "gid", 0, ID_MAX, &gid)) ||
        (cJSON_GetObjectItemCaseSensitive(user, "umask") &&
         !kist_spec_number(user, "umask", 0, 0777, &mask))) {
        return kist_spec_wrong("process.user", err);
    }
    command->uid = (uint32_t)uid;
    command->gid = (uint32_t)gid;
    command->umask = (uint32_t)mask;
    rc = kist_spec_room(&room, groups, sizeof(uint32_t), err);
    if (rc < 0) {
        return rc;
    }
    spec->groups = room;
    cJSON_ArrayForEach(item, groups)
    {
        if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > ID_MAX) {
            return kist_spec_wrong("process.user.additionalGids", err);
        }
        spec->groups[command->group_count++] = (uint32_t)item->valuedouble;
    }
    command->groups = spec->groups;
    return 0;
}

static int parse_set(uint64_t *set, const cJSON *sets, const char *name, struct kist_error *err)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, kist_json_array(sets, name))
    {
        unsigned number;

        if (!cJSON_IsString(item) || !kist_capability_find(item->valuestring, &number)) {
            return kist_error_set(err, KIST_E_UNSUPPORTED, "config.json: capability '%s' is not known",
                                  cJSON_IsString(item) ? item->valuestring : "");
        }
        *set |= KIST_CAPABILITY_BIT(number);
    }
    return 0;
}

static int parse_capabilities(struct port_capabilities *caps, const cJSON *process, struct kist_error *err)
{
    const cJSON *sets = kist_json_object(process, "capabilities");
    int rc = parse_set(&caps->bounding, sets, "bounding", err);

    rc = rc < 0 ? rc : parse_set(&caps->effective, sets, "effective", err);
    rc = rc < 0 ? rc : parse_set(&caps->permitted, sets, "permitted", err);
    rc = rc < 0 ? rc : parse_set(&caps->inheritable, sets, "inheritable", err);
    return rc < 0 ? rc : parse_set(&caps->ambient, sets, "ambient", err);
}

/* -1 and what no double can tell from 2^64 - 1 mean no limit. */
static bool limit_value(const cJSON *rlimit, const char *name, uint64_t *value)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(rlimit, name);

    if (!cJSON_IsNumber(member) || (member->valuedouble < 0 && member->valuedouble != -1)) {
        return false;
    }
    *value =
        member->valuedouble < 0 || member->valuedouble >= 9.2e18 ? UINT64_MAX : (uint64_t)member->valuedouble;
    return true;
}

static int parse_rlimits(struct kist_spec *spec, const cJSON *process, struct kist_error *err)
{
    const cJSON *array = kist_json_array(process, "rlimits"), *item;
    struct port_command *command = &spec->sandbox.command;
    void *room;
    int rc = kist_spec_room(&room, array, sizeof(*spec->rlimits), err);

    if (rc < 0) {
        return rc;
    }
    spec->rlimits = room;
    cJSON_ArrayForEach(item, array)
    {
        struct port_rlimit *limit = &spec->rlimits[command->rlimit_count++];

        limit->name = kist_json_string(item, "type");
        if (!limit->name || !limit_value(item, "soft", &limit->soft) ||
            !limit_value(item, "hard", &limit->hard)) {
            return kist_spec_wrong("process.rlimits", err);
        }
    }
    command->rlimits = spec->rlimits;
    return 0;
}

static int parse_texts(struct kist_spec *spec, const cJSON *process, struct kist_error *err)
{
    struct port_command *command = &spec->sandbox.command;
    size_t argc, envc;
    int rc = kist_spec_strings(&spec->argv, &argc, process, "args", err);

    rc = rc < 0 ? rc : kist_spec_strings(&spec->env, &envc, process, "env", err);
    if (rc < 0) {
        return rc;
    }
    if (argc == 0) {
        return kist_spec_wrong("process.args", err);
    }
    command->argv = spec->argv;
    command->env = spec->env;
    command->cwd = kist_json_string(process, "cwd");
    if (!command->cwd || command->cwd[0] != '/' || strlen(command->cwd) > KIST_MAX_PATH) {
        return kist_spec_wrong("process.cwd", err);
    }
    return 0;
}

static int parse_rest(struct port_command *command, const cJSON *process, struct kist_error *err)
{
    static const char *const refused[] = {"apparmorProfile", "selinuxLabel", "scheduler", "ioPriority",
                                          "execCPUAffinity"};
    const cJSON *size = kist_json_object(process, "consoleSize");
    int64_t number = 0, rows = 0, columns = 0;

    for (size_t i = 0; i < KIST_COUNT(refused); i++) {
        if (kist_spec_has(process, refused[i])) {
            return kist_spec_refuse(refused[i], err);
        }
    }
    command->terminal = kist_json_bool(process, "terminal", false);
    command->no_new_privileges = kist_json_bool(process, "noNewPrivileges", false);
    if (size && (!kist_spec_number(size, "height", 0, UINT16_MAX, &rows) ||
                 !kist_spec_number(size, "width", 0, UINT16_MAX, &columns))) {
        return kist_spec_wrong("process.consoleSize", err);
    }
    command->rows = (uint16_t)rows;
    command->columns = (uint16_t)columns;
    command->has_oom_score = cJSON_GetObjectItemCaseSensitive(process, "oomScoreAdj") != NULL;
    if (command->has_oom_score && !kist_spec_number(process, "oomScoreAdj", -1000, 1000, &number)) {
        return kist_spec_wrong("process.oomScoreAdj", err);
    }
    command->oom_score = (int)number;
    return 0;
}

int kist_spec_parse_process(struct kist_spec *spec, const cJSON *config, struct kist_error *err)
{
    const cJSON *process = kist_json_object(config, "process");
    int rc = process ? parse_user(spec, process, err) : kist_spec_wrong("process", err);

    rc = rc < 0 ? rc : parse_texts(spec, process, err);
    rc = rc < 0 ? rc : parse_capabilities(&spec->sandbox.command.caps, process, err);
    rc = rc < 0 ? rc : parse_rlimits(spec, process, err);
    return rc < 0 ? rc : parse_rest(&spec->sandbox.command, process, err);
}
