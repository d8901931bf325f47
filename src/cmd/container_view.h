/* Containers as people and scripts see them: Docker's words for fields, as JSON objects. */
#ifndef KIST_CMD_CONTAINER_VIEW_H
#define KIST_CMD_CONTAINER_VIEW_H

#include "codec/json.h"
#include "container/container.h"
#include "container/publish.h"

/*
 * A row of 'ps', as Docker's --format sees it: ID, Image, Command, CreatedAt, RunningFor, Status, State, Names, Labels. full: nothing
 * is cut. cJSON_Delete it.
 */
int kist_container_row(const struct kist_container *c, bool full, cJSON **row, struct kist_error *err) KIST_CHECKED;

/* "running", Docker's word. */
const char *kist_container_state_name(const struct kist_container *c);

/* What 'inspect' prints of a container (Docker's Engine API, ContainerInspect), and the runtime configuration as
 * RuntimeConfig. cJSON_Delete it. container_details.c */
int kist_container_details(const struct kist_engine *engine, const struct kist_container *c, cJSON **details,
                           struct kist_error *err) KIST_CHECKED;

/* kist_publish_each for the ports of a container that is up. */
int kist_container_each_port(const struct kist_container *c, kist_publish_fn *each, void *arg,
                             struct kist_error *err) KIST_CHECKED;

#endif
