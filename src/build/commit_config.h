/* What a committed image's configuration says: the base image's, and what its container was told instead. */
#ifndef KIST_BUILD_COMMIT_CONFIG_H
#define KIST_BUILD_COMMIT_CONFIG_H

#include "base/buf.h"
#include "container/changes.h"

/*
 * config is the base image's, and is changed; c tells of the container. Then come the changes (image/change.h). Of what a container is
 * told its command, variables, user, working directory, labels, health check and stop signal count. created_by: its command in one line.
 */
int kist_commit_config(cJSON *config, const struct kist_changes *c, const struct kist_strv *changes, struct kist_buf *created_by,
                       struct kist_error *err) KIST_CHECKED;

#endif
