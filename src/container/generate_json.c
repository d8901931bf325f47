/* Members that more than one part of a runtime configuration is made of. */
#include "container/generate_private.h"

int kist_generate_strings(cJSON *object, const char *name, const char *const *v, size_t n,
                          struct kist_error *err)
{
    cJSON *array = cJSON_CreateArray();
    int rc = kist_json_put(object, name, array, err);

    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = kist_json_append(array, cJSON_CreateString(v[i]), err);
    }
    return rc;
}

int kist_generate_literal(cJSON *object, const char *name, const char *text, struct kist_error *err)
{
    return kist_json_put(object, name, cJSON_Parse(text), err);
}
