#include "cmd/joining.h"

#include <string.h>

#include "cmd/containers.h"

#define OTHERS "container:"

/* The ID of the container that flag names. */
static int find(char id[KIST_CONTAINER_ID_MAX], struct kist_app *app, struct kist_engine *engine, const char *flag,
                struct kist_error *err)
{
    KIST_AUTO(container) struct kist_container c = {.pid = 0};
    const char *name = flag + strlen(OTHERS);
    int rc;

    if (*name == '\0') {
        return kist_error_set(err, KIST_E_USAGE, "invalid container format container:<name|id>");
    }
    rc = kist_containers_find(app, engine, name, &c, err);
    if (rc == 0) {
        memcpy(id, c.id, sizeof(c.id));
    }
    return rc;
}

static int find_network(struct kist_joining *j, struct kist_app *app, const char *flag, struct kist_run_options *spec,
                        struct kist_error *err)
{
    KIST_AUTO(json) cJSON *config = NULL;
    struct kist_engine engine = {.run = NULL};
    const char *host_name;
    int rc = find(j->network, app, &engine, flag, err);

    rc = rc < 0 ? rc : kist_container_config(&engine, j->network, &config, err);
    if (rc < 0) {
        return rc;
    }
    host_name = kist_json_string(config, "hostname");
    spec->host_name_of = host_name && kist_str_copy(j->host_name, sizeof(j->host_name), host_name) ? j->host_name : NULL;
    spec->network_of = j->network;
    spec->network = KIST_NETWORK_CONTAINER;
    return 1;
}

int kist_joining(struct kist_joining *j, struct kist_app *app, const char *network, struct kist_run_options *spec,
                 struct kist_error *err)
{
    const char **const flags[] = {&spec->pid, &spec->ipc, &spec->uts};

    for (size_t i = 0; i < KIST_COUNT(flags); i++) {
        struct kist_engine engine = {.run = NULL};
        char id[KIST_CONTAINER_ID_MAX];
        int rc = *flags[i] && kist_str_starts(*flags[i], OTHERS) ? find(id, app, &engine, *flags[i], err) : 1;

        if (rc < 0) {
            return rc;
        }
        if (rc == 0 && kist_str_format(j->others[i], sizeof(j->others[i]), OTHERS "%s", id)) {
            *flags[i] = j->others[i];
        }
    }
    return network && kist_str_starts(network, OTHERS) ? find_network(j, app, network, spec, err) : 0;
}
