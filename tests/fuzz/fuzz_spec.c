/* rooms: container */
/*
 * A runtime configuration: any text either is refused or gives a description whose every pointer can be read.
 */
#include <stdint.h>
#include <string.h>

#include "container/spec.h"

static size_t touch(const struct port_sandbox_spec *s)
{
    size_t sum = strlen(s->command.cwd) + s->command.group_count + s->cgroup.rule_count;

    for (char *const *arg = s->command.argv; *arg; arg++) {
        sum += strlen(*arg);
    }
    for (size_t i = 0; i < s->mount_count; i++) {
        sum += strlen(s->mounts[i].target) + (s->mounts[i].data ? strlen(s->mounts[i].data) : 0);
    }
    for (size_t i = 0; i < s->device_count; i++) {
        sum += strlen(s->devices[i].path);
    }
    for (size_t i = 0; i < s->sysctl_count; i++) {
        sum += strlen(s->sysctls[i].name) + strlen(s->sysctls[i].value);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    KIST_AUTO(json) cJSON *config = NULL;
    struct kist_error err = {0};
    struct kist_spec spec;
    volatile size_t sum;

    if (kist_json_parse(&config, (const char *)data, size, "config.json", &err) == 0 &&
        kist_spec_parse(&spec, config, &err) == 0) {
        sum = touch(&spec.sandbox);
        (void)sum;
        kist_spec_release(&spec);
    }
    return 0;
}
