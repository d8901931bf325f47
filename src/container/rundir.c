/*
 * <run>/<id>/: a lock that dies with whoever holds it, and what he wrote into it. The pid alone would not do:
 * it may be another process's by now, and after kill -9 nobody takes it back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "container/engine.h"

#define LOCK "lock"
#define RUNNING "running.json"
#define TEXT_MAX (64U << 10)
/* Somebody may take a directory away while we wait for its lock. */
#define TRIES 8

static const char *default_path = KIST_CONTAINER_RUN;

void kist_container_run_in(const char *path)
{
    default_path = path;
}

const char *kist_rundir_all(const struct kist_engine *e)
{
    return e->run ? e->run : default_path;
}

static int hold_once(struct kist_rundir *r, struct port_dir *run, const char *id, int wait_ms,
                     struct kist_error *err)
{
    int rc = port_dir_open_at(&r->dir, run, id, true, err);

    rc = rc < 0 ? rc : port_file_open_rw(&r->lock, r->dir, LOCK, err);
    rc = rc < 0 ? rc : port_file_lock(r->lock, true, wait_ms, err);
    if (rc == KIST_E_CONFLICT) {
        char holder[KIST_STORE_HOLDER_MAX];

        kist_store_lock_holder(r->lock, holder);
        (void)kist_error_set(err, rc, "container '%.12s' is held by %s", id, holder);
    }
    /* whoever had it may have removed it: then our lock is on a file nobody finds any more */
    if (rc == 0 && !port_file_is(r->lock, r->dir, LOCK)) {
        rc = KIST_E_NOT_FOUND;
    }
    if (rc < 0) {
        port_file_discard(r->lock);
        port_dir_close(r->dir);
        *r = (struct kist_rundir){.dir = NULL};
    }
    return rc;
}

int kist_rundir_hold(struct kist_rundir *r, const struct kist_engine *e, const char *id, int wait_ms,
                     struct kist_error *err)
{
    struct port_dir *run;
    int rc = port_dir_open(&run, kist_rundir_all(e), true, err);

    *r = (struct kist_rundir){.dir = NULL};
    if (rc < 0) {
        return rc;
    }
    rc = KIST_E_NOT_FOUND;
    for (int i = 0; i < TRIES && rc == KIST_E_NOT_FOUND; i++) {
        rc = hold_once(r, run, id, wait_ms, err);
    }
    port_dir_close(run);
    return rc == KIST_E_NOT_FOUND ? kist_error_set(err, KIST_E_CONFLICT,
                                                   "container '%.12s' is being changed by another kist", id)
                                  : rc;
}

/* As text: a double does not hold all of 64 bits. */
static int put_process(cJSON *root, const char *name, const struct port_process *process, struct kist_error *err)
{
    cJSON *object = cJSON_CreateObject();
    char start[24];
    int rc = kist_json_put(root, name, object, err);

    if (!kist_str_format(start, sizeof(start), "%llu", (unsigned long long)process->start)) {
        return kist_error_set(err, KIST_E_FAIL, "a start time is too long");
    }
    rc = rc < 0 ? rc : kist_json_put_u64(object, "pid", (uint64_t)process->pid, err);
    return rc < 0 ? rc : kist_json_put_string(object, "start", start, err);
}

static int put_running(cJSON *root, const struct kist_running *running, struct kist_error *err)
{
    int rc = root ? put_process(root, "process", &running->process, err) : kist_error_nomem(err);

    rc = rc < 0 ? rc : put_process(root, "supervisor", &running->supervisor, err);
    rc = rc < 0 ? rc : kist_json_put_u64(root, "started", (uint64_t)running->started, err);
    rc = rc < 0 ? rc : kist_json_put_u64(root, "restarts", running->restarts, err);
    rc = rc < 0 ? rc : kist_json_put_bool(root, "restarting", running->restarting, err);
    rc = rc < 0 ? rc : kist_json_put_bool(root, "paused", running->paused, err);
    rc = rc < 0 || running->writable == 0 ? rc : kist_json_put_u64(root, "writable", (uint64_t)running->writable, err);
    rc = rc < 0 ? rc : kist_json_put_string(root, "root", running->root ? running->root : "", err);
    rc = rc < 0 || !running->group ? rc : kist_json_put_string(root, "group", running->group, err);
    return rc < 0 || !running->health
               ? rc
               : kist_json_put(root, "health", cJSON_Duplicate(running->health, true), err);
}

int kist_rundir_write(struct kist_rundir *r, const struct kist_running *running, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(TEXT_MAX);
    KIST_AUTO(json) cJSON *root = cJSON_CreateObject();
    struct port_file *file;
    int rc = put_running(root, running, err), closed;

    rc = rc < 0 ? rc : kist_json_print(root, false, &text, err);
    rc = rc < 0 ? rc : port_file_create(&file, r->dir, RUNNING ".new", true, err);
    if (rc < 0) {
        return rc;
    }
    rc = port_file_append(file, text.data, text.len, err);
    closed = port_file_close(file, rc < 0 ? NULL : err);
    rc = rc < 0 ? rc : closed;
    return rc < 0 ? rc : port_dir_rename(r->dir, RUNNING ".new", r->dir, RUNNING, err);
}

static void take_process(struct port_process *process, const cJSON *root, const char *name)
{
    const cJSON *object = kist_json_object(root, name);
    const char *start = kist_json_string(object, "start");
    uint64_t pid = 0;

    if (kist_json_u64(object, "pid", &pid) && pid <= INT32_MAX && start &&
        kist_str_u64(start, UINT64_MAX, &process->start)) {
        process->pid = (int)pid;
    }
}

static int read_text(struct port_dir *dir, struct kist_running *running, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(TEXT_MAX);
    KIST_AUTO(json) cJSON *root = NULL;
    struct port_file *file;
    uint64_t number = 0;
    const char *path, *group;
    int rc = port_file_open(&file, dir, RUNNING, err);

    *running = (struct kist_running){.root = NULL};
    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc; /* not written yet */
    }
    rc = kist_buf_reserve(&text, TEXT_MAX, err);
    rc = rc < 0 ? rc : port_file_read_at(file, 0, text.data, TEXT_MAX, &text.len, err);
    port_file_discard(file);
    if (rc < 0 || kist_json_parse(&root, text.data, text.len, RUNNING, NULL) < 0) {
        return rc;
    }
    take_process(&running->process, root, "process");
    take_process(&running->supervisor, root, "supervisor");
    running->started = kist_json_u64(root, "started", &number) ? (int64_t)number : 0;
    (void)kist_json_u64(root, "restarts", &running->restarts);
    running->restarting = kist_json_bool(root, "restarting", false);
    running->paused = kist_json_bool(root, "paused", false);
    running->writable = kist_json_u64(root, "writable", &number) && number <= INT32_MAX ? (int)number : 0;
    running->health = cJSON_DetachItemFromObjectCaseSensitive(root, "health");
    path = kist_json_string(root, "root");
    running->root = path ? strdup(path) : NULL;
    group = kist_json_string(root, "group");
    running->group = group ? strdup(group) : NULL;
    return (path && !running->root) || (group && !running->group) ? kist_error_nomem(err) : 0;
}

void kist_running_release(struct kist_running *running)
{
    free(running->root);
    free(running->group);
    cJSON_Delete(running->health);
    *running = (struct kist_running){.root = NULL};
}

int kist_rundir_read(const struct kist_rundir *r, struct kist_running *running, struct kist_error *err)
{
    return read_text(r->dir, running, err);
}

int kist_rundir_open(struct port_dir **dir, const struct kist_engine *e, const char *id, struct kist_error *err)
{
    char path[KIST_CONTAINER_ID_MAX + 4096];

    return kist_path_join(path, sizeof(path), kist_rundir_all(e), id)
               ? port_dir_open(dir, path, false, err)
               : kist_error_set(err, KIST_E_FAIL, "the path '%s' is too long", kist_rundir_all(e));
}

bool kist_rundir_is_there(const struct kist_engine *e, const char *id)
{
    struct port_dir *dir;
    int rc = kist_rundir_open(&dir, e, id, NULL);

    if (rc == 0) {
        port_dir_close(dir);
    }
    return rc == 0;
}

int kist_rundir_adopt(struct kist_rundir *r, const struct kist_engine *e, const char *id, int fd,
                      struct kist_error *err)
{
    int rc;

    *r = (struct kist_rundir){.dir = NULL};
    rc = kist_rundir_open(&r->dir, e, id, err);
    rc = rc < 0 ? rc : port_file_adopt(&r->lock, fd, LOCK, err);
    if (rc == 0 && !port_file_is(r->lock, r->dir, LOCK)) {
        rc = kist_error_set(err, KIST_E_CONFLICT, "descriptor %d is not the lock of container '%.12s'", fd, id);
    }
    if (rc < 0) {
        kist_rundir_release(r, e, id, false);
    }
    return rc;
}

int kist_rundir_look(const struct kist_engine *e, const char *id, struct kist_running *running,
                     struct kist_error *err)
{
    struct port_dir *dir = NULL;
    struct port_file *lock = NULL;
    int rc = kist_rundir_open(&dir, e, id, err);

    *running = (struct kist_running){.root = NULL};
    rc = rc < 0 ? rc : port_file_open(&lock, dir, LOCK, err);
    if (rc == 0) {
        rc = port_file_lock(lock, false, 0, err);
        rc = rc == KIST_E_CONFLICT ? read_text(dir, running, err) < 0 ? (int)KIST_E_IO : 1 : rc;
    }
    port_file_discard(lock);
    port_dir_close(dir);
    return rc == KIST_E_NOT_FOUND ? 0 : rc;
}

void kist_rundir_release(struct kist_rundir *r, const struct kist_engine *e, const char *id, bool remove)
{
    struct port_dir *run;

    /* taken away while it is still locked: nobody can hold it in between */
    if (r->dir && remove && port_dir_open(&run, kist_rundir_all(e), false, NULL) == 0) {
        (void)!port_dir_remove_tree(run, id, NULL);
        port_dir_close(run);
    }
    port_file_discard(r->lock);
    port_dir_close(r->dir);
    *r = (struct kist_rundir){.dir = NULL};
}

struct each_id {
    int (*each)(void *arg, const char *id, struct kist_error *err);
    void *arg;
};

static int pass_id(void *arg, const char *name, struct kist_error *err)
{
    const struct each_id *each = arg;
    unsigned char raw[(KIST_CONTAINER_ID_MAX - 1) / 2];

    return strlen(name) == KIST_CONTAINER_ID_MAX - 1 && kist_str_unhex(raw, sizeof(raw), name)
               ? each->each(each->arg, name, err)
               : 0;
}

int kist_rundir_each(const struct kist_engine *e,
                     int (*each)(void *arg, const char *id, struct kist_error *err), void *arg,
                     struct kist_error *err)
{
    struct each_id pass = {each, arg};
    struct port_dir *run;
    int rc = port_dir_open(&run, kist_rundir_all(e), false, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    rc = port_dir_list(run, pass_id, &pass, err);
    port_dir_close(run);
    return rc;
}
