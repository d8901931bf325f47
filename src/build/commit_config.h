/* What a committed image's configuration says: the base image's, and what its container was told instead. */
#ifndef KIST_BUILD_COMMIT_CONFIG_H
#define KIST_BUILD_COMMIT_CONFIG_H

#include "base/buf.h"
#include "container/changes.h"

/*
 * config is the base image's, and is changed; c tells of the container. Then come the changes (image/change.h). What a
 * container is told is in its annotations: "kist.told" (container.h), labels and health check (plan.h). created_by: its command in one line.
 */
int kist_commit_config(cJSON *config, const struct kist_changes *c, const struct kist_strv *changes, struct kist_buf *created_by,
                       struct kist_error *err) KIST_CHECKED;

#endif
