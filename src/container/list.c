#include <stdlib.h>
#include <string.h>

#include "container/engine.h"
#include "container/network.h"

static int read_one(const struct kist_engine *e, const struct kist_container_ref *ref,
                    struct kist_container *c, struct kist_error *err)
{
    struct kist_container_fixed fixed;
    struct kist_container_state state;
    struct kist_running running;
    struct port_dir *dir;
    int rc = kist_store_container_open(e->store, ref->id, &dir, err);

    if (rc < 0) {
        return rc;
    }
    *c = (struct kist_container){.image = ref->image, .transient = ref->ephemeral};
    memcpy(c->id, ref->id, sizeof(c->id));
    memcpy(c->name, ref->name, sizeof(c->name));
    rc = kist_container_read_fixed(dir, &fixed, err);
    if (rc == 0) {
        c->image_name = fixed.image_name;
        c->command = fixed.command;
        c->created = fixed.created;
        c->nanoseconds = fixed.nanoseconds;
        c->labels = fixed.labels;
        free(fixed.layers);
        rc = kist_container_read_state(dir, &state, err);
    }
    port_dir_close(dir);
    rc = rc < 0 ? rc : kist_rundir_look(e, ref->id, &running, err);
    if (rc < 0) {
        return rc;
    }
    c->status = rc == 1 && running.process.pid > 0 ? running.paused ? KIST_CONTAINER_PAUSED : KIST_CONTAINER_RUNNING
                : rc == 1 && running.restarting    ? KIST_CONTAINER_RESTARTING
                : state.started_once               ? KIST_CONTAINER_EXITED
                                                   : KIST_CONTAINER_CREATED;
    c->pid = running.process.pid;
    c->restarts = running.restarts;
    c->out_of_memory = state.out_of_memory;
    c->stopped = state.stopped;
    c->started = kist_container_is_up(c) && running.started > 0 ? running.started : state.started;
    c->finished = c->status == KIST_CONTAINER_EXITED && state.finished == 0 ? state.started : state.finished;
    c->exit_status = c->status == KIST_CONTAINER_EXITED || c->status == KIST_CONTAINER_RESTARTING ? state.exit_status : 0;
    if (running.group) {
        c->group = running.group;
        running.group = NULL;
    } else if (kist_container_is_up(c)) {
        char group[KIST_CONTAINER_GROUP_MAX];

        c->group = kist_str_format(group, sizeof(group), KIST_CONTAINER_GROUP "%s", c->id) ? strdup(group) : NULL;
    }
    if (kist_network_look(&c->network, e, c->id, NULL) < 0) {
        c->network = NULL; /* it is just going */
    }
    c->health = kist_json_string(running.health, "Status") ? strdup(kist_json_string(running.health, "Status")) : NULL;
    kist_running_release(&running);
    return 0;
}

void kist_container_release(struct kist_container *c)
{
    free(c->image_name);
    free(c->command);
    free(c->group);
    free(c->health);
    cJSON_Delete(c->labels);
    cJSON_Delete(c->network);
    *c = (struct kist_container){.pid = 0};
}

bool kist_container_is_up(const struct kist_container *c)
{
    return c->status == KIST_CONTAINER_RUNNING || c->status == KIST_CONTAINER_PAUSED ||
           c->status == KIST_CONTAINER_RESTARTING;
}

static int newest_first(const void *a, const void *b)
{
    const struct kist_container *left = a, *right = b;

    if (left->created != right->created) {
        return left->created > right->created ? -1 : 1;
    }
    if (left->nanoseconds != right->nanoseconds) {
        return left->nanoseconds > right->nanoseconds ? -1 : 1;
    }
    return strcmp(left->id, right->id);
}

/* After a reboot nothing in <run> tells of a transient container that was cut off. */
static bool is_orphan(const struct kist_engine *e, const struct kist_container_ref *ref)
{
    struct kist_running running;
    bool orphan = ref->ephemeral && kist_rundir_look(e, ref->id, &running, NULL) == 0;

    if (ref->ephemeral) {
        kist_running_release(&running);
    }
    return orphan && kist_container_sweep_one(e, ref->id, NULL) == 0;
}

int kist_container_list(const struct kist_engine *e, struct kist_container_list *list, struct kist_error *err)
{
    struct kist_container_refs refs;
    int rc = kist_container_sweep(e, err);

    *list = (struct kist_container_list){.v = NULL};
    rc = rc < 0 ? rc : kist_store_containers(e->store, &refs, err);
    if (rc < 0) {
        return rc;
    }
    list->v = calloc(refs.n + 1, sizeof(*list->v));
    rc = list->v ? 0 : kist_error_nomem(err);
    for (size_t i = 0; rc == 0 && i < refs.n; i++) {
        if (is_orphan(e, &refs.v[i])) {
            continue;
        }
        rc = read_one(e, &refs.v[i], &list->v[list->n], err);
        if (rc == 0) {
            list->n++;
        } else {
            kist_container_release(&list->v[list->n]);
            /* removed, or not yet complete, while we look */
            rc = rc == KIST_E_NOT_FOUND ? 0 : rc;
        }
    }
    kist_container_refs_release(&refs);
    if (rc < 0) {
        kist_container_list_release(list);
        return rc;
    }
    qsort(list->v, list->n, sizeof(*list->v), newest_first);
    return 0;
}

void kist_container_list_release(struct kist_container_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        kist_container_release(&list->v[i]);
    }
    free(list->v);
    *list = (struct kist_container_list){.v = NULL};
}

void kist_container_list_auto(struct kist_container_list *list)
{
    kist_container_list_release(list);
}

/* How well text names a container: its name or whole ID, as Docker has it, or the beginning of its ID. */
enum match { MATCH_NOT, MATCH_PREFIX, MATCH_WHOLE };

static enum match match(const char *id, const char *name, const char *text)
{
    return strcmp(name, text) == 0 || strcmp(id, text) == 0       ? MATCH_WHOLE
           : text[0] != '\0' && kist_str_starts(id, text) ? MATCH_PREFIX
                                                          : MATCH_NOT;
}

static int not_one(const char *text, size_t matches, struct kist_error *err)
{
    return matches > 1
               ? kist_error_set(err, KIST_E_CONFLICT,
                                "'%s' is the start of %zu containers' IDs; give more of it", text, matches)
               : kist_error_set(err, KIST_E_NOT_FOUND, "no such container: '%s'", text);
}

int kist_container_list_find(const struct kist_container_list *list, const char *text,
                             const struct kist_container **found, struct kist_error *err)
{
    size_t matches = 0;

    for (size_t i = 0; i < list->n; i++) {
        const enum match how = match(list->v[i].id, list->v[i].name, text);

        if (how != MATCH_NOT) {
            *found = &list->v[i];
            matches++;
        }
        if (how == MATCH_WHOLE) {
            return 0;
        }
    }
    return matches == 1 ? 0 : not_one(text, matches, err);
}

int kist_container_find(const struct kist_engine *e, const char *text, struct kist_container *found,
                        struct kist_error *err)
{
    struct kist_container_refs refs;
    const struct kist_container_ref *ref = NULL;
    size_t matches = 0;
    int rc = kist_store_containers(e->store, &refs, err);

    *found = (struct kist_container){.pid = 0};
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < refs.n; i++) {
        const enum match how = match(refs.v[i].id, refs.v[i].name, text);

        if (how != MATCH_NOT) {
            ref = &refs.v[i];
            matches++;
        }
        if (how == MATCH_WHOLE) {
            matches = 1;
            break;
        }
    }
    rc = matches == 1 ? 0 : not_one(text, matches, err);
    if (rc == 0 && kist_rundir_is_there(e, ref->id)) {
        rc = kist_container_sweep_one(e, ref->id, err);
    }
    rc = rc < 0 ? rc : read_one(e, ref, found, err);
    rc = rc == KIST_E_NOT_FOUND ? not_one(text, 0, err) : rc;
    kist_container_refs_release(&refs);
    if (rc < 0) {
        kist_container_release(found);
    }
    return rc;
}

void kist_container_auto(struct kist_container *c)
{
    kist_container_release(c);
}

int kist_container_config(const struct kist_engine *e, const char *id, cJSON **config, struct kist_error *err)
{
    struct port_dir *dir;
    int rc = kist_store_container_open(e->store, id, &dir, err);

    *config = NULL;
    if (rc == 0) {
        rc = kist_container_read_config(dir, config, err);
        port_dir_close(dir);
    }
    return rc;
}

int kist_container_health(const struct kist_engine *e, const char *id, cJSON **health, struct kist_error *err)
{
    struct kist_running running;
    int rc = kist_rundir_look(e, id, &running, err);

    *health = running.health;
    running.health = NULL;
    kist_running_release(&running);
    return rc < 0 ? rc : 0;
}
