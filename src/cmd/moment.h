/* A time as options give it. */
#ifndef KIST_CMD_MOMENT_H
#define KIST_CMD_MOMENT_H

#include "base/error.h"

/* "2024-01-31T12:00:00Z", seconds since 1970, or how long ago: "10m". text NULL leaves *seconds alone. KIST_E_USAGE names option. */
int kist_moment_parse(const char *text, const char *option, int64_t *seconds, struct kist_error *err) KIST_CHECKED;

#endif
