/* What a container wrote, read back. */
#ifndef KIST_CONTAINER_LOGS_H
#define KIST_CONTAINER_LOGS_H

#include "container/container.h"
#include "container/output.h"

struct kist_logs_options {
    bool follow;   /* until it ends */
    uint64_t tail; /* only so many lines at the end; UINT64_MAX: all */
    int64_t since, until; /* seconds since 1970 */
};

/*
 * Calls each for every record, the oldest first; a negative return ends it and is returned. KIST_E_NOT_FOUND: nothing is
 * kept of this container.
 */
int kist_logs_read(const struct kist_engine *e, const char *id, const struct kist_logs_options *o,
                   int (*each)(void *arg, const struct kist_output_record *r, struct kist_error *err), void *arg,
                   struct kist_error *err) KIST_CHECKED;

/* Calls each for every event (event.h), as the ring has it: a line of JSON. follow: for ever, until stop says so. */
int kist_events_read(const struct kist_engine *e, bool follow, bool (*stop)(void *arg),
                     int (*each)(void *arg, const char *line, size_t len, struct kist_error *err), void *arg,
                     struct kist_error *err) KIST_CHECKED;

#endif
