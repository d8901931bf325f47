/* Containers that operands name: what most commands of a container's life share. */
#ifndef KIST_CMD_CONTAINERS_H
#define KIST_CMD_CONTAINERS_H

#include "cmd/cmd.h"
#include "container/container.h"

/* The list, for as long as the command runs; list empty where there is no store yet. */
int kist_containers_load(struct kist_app *app, struct kist_engine *engine, struct kist_container_list *list,
                         struct kist_error *err) KIST_CHECKED;
/* The one that text means; KIST_E_NOT_FOUND, KIST_E_CONFLICT as kist_container_find. */
int kist_containers_find(struct kist_app *app, struct kist_engine *engine, const char *text, struct kist_container *found,
                         struct kist_error *err) KIST_CHECKED;

/* Negative: failed. */
typedef int kist_container_fn(const struct kist_engine *engine, const struct kist_container *c, const char *operand, void *arg,
                              struct kist_error *err);

/*
 * Calls act for each operand, and prints the operand where it succeeded (not quiet). All are tried; gives the first failure,
 * the others are told.
 */
int kist_containers_each(struct kist_app *app, int count, char **operands, bool quiet, kist_container_fn *act, void *arg,
                         struct kist_error *err) KIST_CHECKED;

/* --signal: 0 where it is NULL. KIST_E_USAGE. */
int kist_containers_signal(const char *text, int *number, struct kist_error *err) KIST_CHECKED;
/* --time: -2 where it is NULL. KIST_E_USAGE. */
int kist_containers_seconds(const char *text, int *seconds, struct kist_error *err) KIST_CHECKED;

#endif
