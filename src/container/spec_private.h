/* The parts a runtime configuration is parsed by, one file each; only for spec*.c. */
#ifndef KIST_CONTAINER_SPEC_PRIVATE_H
#define KIST_CONTAINER_SPEC_PRIVATE_H

#include "container/spec.h"

int kist_spec_parse_process(struct kist_spec *spec, const cJSON *config, struct kist_error *err) KIST_CHECKED;
int kist_spec_parse_mounts(struct kist_spec *spec, const cJSON *config, struct kist_error *err) KIST_CHECKED;
/* After the mounts, which decide whether there is a /dev to fill. */
int kist_spec_parse_linux(struct kist_spec *spec, const cJSON *config, struct kist_error *err) KIST_CHECKED;

/* After process and namespaces. */
int kist_spec_parse_users(struct kist_spec *spec, const cJSON *part, struct kist_error *err) KIST_CHECKED;

/* "<what>" is asked for and not done: KIST_E_UNSUPPORTED. */
int kist_spec_refuse(const char *what, struct kist_error *err);
/* "<what>" makes no sense: KIST_E_USAGE. */
int kist_spec_wrong(const char *what, struct kist_error *err);
/* object has a member that asks for something: not null, false, "", [] or {}. */
bool kist_spec_has(const cJSON *object, const char *name);
/* An array of strings in object's member, ended by NULL; NULL and 0 where there is none. Their memory is
 * config's. */
int kist_spec_strings(char ***out, size_t *n, const cJSON *object, const char *name,
                      struct kist_error *err) KIST_CHECKED;
/* Room for the members of array: a zeroed array of at least one. */
int kist_spec_room(void **out, const cJSON *array, size_t size, struct kist_error *err) KIST_CHECKED;
/* A whole number min ... max; false where the member is anything else. */
bool kist_spec_number(const cJSON *object, const char *name, int64_t min, int64_t max,
                      int64_t *value) KIST_CHECKED;
/* "private", "rslave", ...; false for others. */
bool kist_spec_propagation(const char *text, enum port_propagation *propagation) KIST_CHECKED;

#endif
