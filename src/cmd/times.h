/* The time that what is made here has. */
#ifndef KIST_CMD_TIMES_H
#define KIST_CMD_TIMES_H

#include "base/error.h"

/* The build's SOURCE_DATE_EPOCH (reproducible-builds.org), else now; seconds since 1970. KIST_E_USAGE: it is no number. */
int kist_times_build(int64_t *time, struct kist_error *err) KIST_CHECKED;

#endif
