#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "port/clock.h"
#include "private.h"

#define DATA "_data"
#define META "volume.json"
#define META_MAX (64U << 10)

int kist_store_volume_check(const char *name, struct kist_error *err)
{
    size_t len = strlen(name);
    bool good = len >= 2 && len < KIST_VOLUME_NAME_MAX && isalnum((unsigned char)name[0]);
    char shown[KIST_VOLUME_NAME_MAX];

    for (const char *p = name; good && *p != '\0'; p++) {
        good = isalnum((unsigned char)*p) || strchr("_.-", *p);
    }
    return good ? 0
                : kist_error_set(err, KIST_E_USAGE,
                                 "invalid volume name '%s': 2 to %d characters of a-z A-Z 0-9 _ . -, the first a letter "
                                 "or a digit",
                                 kist_str_printable(shown, sizeof(shown), name), KIST_VOLUME_NAME_MAX - 1);
}

static int no_such(const char *name, struct kist_error *err)
{
    char shown[KIST_VOLUME_NAME_MAX];

    return kist_error_set(err, KIST_E_NOT_FOUND, "no such volume: '%s'", kist_str_printable(shown, sizeof(shown), name));
}

bool kist_store_volume_path(const struct kist_store *s, const char *name, char *path, size_t size)
{
    return kist_str_format(path, size, "%s/volumes/%s/" DATA, kist_store_root(s), name);
}

/* ---- making ---- */

static int print_meta(const struct kist_strv *labels, struct kist_buf *out, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = cJSON_CreateObject();
    cJSON *object = root ? cJSON_AddObjectToObject(root, "labels") : NULL;
    char time[KIST_STR_TIME_MAX], *equals;
    int rc = object ? kist_json_put_string(root, "created", kist_str_rfc3339(time, port_clock_now()), err)
                    : kist_error_nomem(err);

    for (size_t i = 0; labels && i < labels->n && rc == 0; i++) {
        KIST_AUTO(free) char *key = strdup(labels->v[i]);

        if (!key) {
            return kist_error_nomem(err);
        }
        equals = strchr(key, '=');
        if (equals) {
            *equals++ = '\0';
        }
        cJSON_DeleteItemFromObjectCaseSensitive(object, key);
        rc = kist_json_put_string(object, key, equals ? equals : "", err);
    }
    return rc < 0 ? rc : kist_json_print(root, false, out, err);
}

/* In tmp/, whole and synced. */
static int fill(struct port_dir *dir, const struct kist_buf *meta, struct kist_error *err)
{
    struct port_dir *data;
    int rc;

    if ((rc = port_dir_open_at(&data, dir, DATA, true, err)) < 0) {
        return rc;
    }
    port_dir_close(data);
    /* the store is for root alone, a volume for whoever runs in the container */
    if ((rc = port_dir_chmod(dir, DATA, 0755, err)) < 0 ||
        (rc = kist_store_new_file(dir, META, meta->data, meta->len, true, err)) < 0) {
        return rc;
    }
    return port_dir_sync(dir, err);
}

/* 1: it was there. */
static int make(struct kist_store *s, struct port_dir *volumes, const char *name, const struct kist_strv *labels,
                struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf meta = KIST_BUF_INIT(META_MAX);
    char temp[KIST_STORE_NAME_MAX];
    struct port_dir *dir;
    struct port_stat st;
    int rc = port_dir_stat(volumes, name, &st, err);

    if (rc != KIST_E_NOT_FOUND) {
        return rc < 0 ? rc : 1;
    }
    if ((rc = print_meta(labels, &meta, err)) < 0 ||
        (rc = kist_store_fits(s, kist_store_cost(s, meta.len) + 2 * (uint64_t)s->block, err)) < 0 ||
        (rc = kist_store_temp_name(temp, "", err)) < 0 || (rc = port_dir_open_at(&dir, s->tmp, temp, true, err)) < 0) {
        return rc;
    }
    rc = fill(dir, &meta, err);
    port_dir_close(dir);
    if (rc == 0) {
        rc = port_dir_rename(s->tmp, temp, volumes, name, err);
    }
    if (rc < 0) {
        (void)!port_dir_remove_tree(s->tmp, temp, NULL);
    }
    return rc;
}

int kist_store_volumes_make(struct kist_store *s, const struct kist_strv *names, struct kist_error *err)
{
    struct port_dir *volumes;
    int rc = 0;

    for (size_t i = 0; i < names->n && rc == 0; i++) {
        rc = kist_store_volume_check(names->v[i], err);
    }
    if (rc < 0 || names->n == 0 || (rc = kist_store_subdir(&volumes, s->root, "volumes", true, err)) < 0) {
        return rc;
    }
    for (size_t i = 0; i < names->n && rc >= 0; i++) {
        rc = make(s, volumes, names->v[i], NULL, err);
    }
    /* also for what is there: who made it may have died before it lasted */
    rc = rc < 0 ? rc : port_dir_sync(volumes, err);
    port_dir_close(volumes);
    return rc;
}

int kist_store_volume_create(struct kist_store *s, const char *name, const struct kist_strv *labels,
                             struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct port_dir *volumes;
    int rc, made;

    if ((rc = kist_store_volume_check(name, err)) < 0 || (rc = kist_store_lock(s, true, &lock, err)) < 0 ||
        (rc = kist_store_subdir(&volumes, s->root, "volumes", true, err)) < 0) {
        return rc;
    }
    made = make(s, volumes, name, labels, err);
    rc = made < 0 ? made : port_dir_sync(volumes, err);
    port_dir_close(volumes);
    return rc < 0 ? kist_error_wrap(err, "cannot make volume '%s'", name) : made;
}

/* ---- who uses them ---- */

int kist_store_container_volumes(struct kist_store *s, const char *id, struct kist_strv *names, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_STORE_USES_MAX);
    char name[KIST_VOLUME_NAME_MAX];
    struct port_dir *dir;
    int rc = port_dir_open_at(&dir, s->containers, id, false, err);

    if (rc == 0) {
        rc = kist_store_read(dir, KIST_STORE_USES, &text, err);
        port_dir_close(dir);
    }
    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    for (const char *p = kist_buf_text(&text); *p != '\0' && rc == 0; p += strcspn(p, "\n"), p += *p == '\n') {
        if (kist_str_format(name, sizeof(name), "%.*s", (int)KIST_MIN(strcspn(p, "\n"), sizeof(name)), p)) {
            rc = kist_strv_add(names, name, err);
        }
    }
    return rc;
}

struct uses {
    struct kist_store *store;
    struct kist_container_refs refs;
    struct kist_strv *list;
};

/* A container whose reference is damaged has its volumes all the same. */
static int list_uses_of(void *arg, const char *id, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv names = {.v = NULL};
    struct uses *u = arg;
    const char *who = id;
    int rc = strlen(id) == 64 ? kist_store_container_volumes(u->store, id, &names, err) : 0;

    for (size_t i = 0; i < u->refs.n; i++) {
        who = strcmp(u->refs.v[i].id, id) == 0 && u->refs.v[i].name[0] ? u->refs.v[i].name : who;
    }
    for (size_t i = 0; i < names.n && rc == 0; i++) {
        if ((rc = kist_strv_add(u->list, names.v[i], err)) == 0) {
            rc = kist_strv_add(u->list, who, err);
        }
    }
    return rc;
}

/* Volume and container in turns. */
static int list_uses(struct kist_store *s, struct kist_strv *list, struct kist_error *err)
{
    struct uses u = {.store = s, .list = list};
    int rc = kist_store_containers(s, &u.refs, err);

    if (rc == 0) {
        rc = port_dir_list(s->containers, list_uses_of, &u, err);
        kist_container_refs_release(&u.refs);
    }
    return rc;
}

/* ---- listing ---- */

void kist_store_volume_list_release(struct kist_store_volume_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        kist_strv_release(&list->v[i].labels);
        kist_strv_release(&list->v[i].users);
    }
    free(list->v);
    *list = (struct kist_store_volume_list){.v = NULL};
}

void kist_store_volume_list_auto(struct kist_store_volume_list *list)
{
    kist_store_volume_list_release(list);
}

static int parse_meta(struct kist_store_volume *volume, const struct kist_buf *text, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = NULL;
    const cJSON *label;
    const char *created;
    int rc = kist_json_parse(&root, kist_buf_text(text), text->len, META, err);

    if (rc < 0) {
        return rc;
    }
    created = kist_json_string(root, "created");
    if (!created || !kist_str_time(created, &volume->created)) {
        volume->created = 0;
    }
    cJSON_ArrayForEach(label, kist_json_object(root, "labels"))
    {
        KIST_AUTO(buf) struct kist_buf whole = KIST_BUF_INIT(META_MAX);
        const char *value = cJSON_GetStringValue(label);

        if (rc == 0 && value && (rc = kist_buf_printf(&whole, err, "%s=%s", label->string, value)) == 0) {
            rc = kist_strv_add(&volume->labels, kist_buf_text(&whole), err);
        }
    }
    return rc;
}

struct listing {
    struct port_dir *volumes;
    struct kist_store_volume_list *list;
    struct kist_strv uses;
};

/* What a power cut or another hand spoiled of a volume's file costs its labels, not the volume. */
static int list_one(void *arg, const char *name, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(META_MAX);
    struct listing *l = arg;
    struct kist_store_volume *volume;
    struct port_dir *dir;
    int rc;

    if (kist_store_volume_check(name, NULL) < 0 || port_dir_open_at(&dir, l->volumes, name, false, NULL) < 0) {
        return 0;
    }
    rc = kist_store_read(dir, META, &text, err);
    port_dir_close(dir);
    if (rc < 0 && rc != KIST_E_NOT_FOUND && rc != KIST_E_CORRUPT) {
        return rc;
    }
    volume = realloc(l->list->v, (l->list->n + 1) * sizeof(*volume));
    if (!volume) {
        return kist_error_nomem(err);
    }
    l->list->v = volume;
    volume += l->list->n++;
    *volume = (struct kist_store_volume){
        .anonymous = strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64};
    (void)!kist_str_copy(volume->name, sizeof(volume->name), name);
    rc = rc == 0 ? parse_meta(volume, &text, err) : 0;
    rc = rc == KIST_E_CORRUPT ? 0 : rc;
    for (size_t i = 0; i < l->uses.n && rc == 0; i += 2) {
        if (strcmp(l->uses.v[i], name) == 0) {
            rc = kist_strv_add(&volume->users, l->uses.v[i + 1], err);
        }
    }
    return rc;
}

static int by_name(const void *a, const void *b)
{
    const struct kist_store_volume *x = a, *y = b;

    return strcmp(x->name, y->name);
}

int kist_store_volumes(struct kist_store *s, struct kist_store_volume_list *list, struct kist_error *err)
{
    struct listing l = {.list = list};
    int rc = port_dir_open_at(&l.volumes, s->root, "volumes", false, err);

    *list = (struct kist_store_volume_list){.v = NULL};
    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    if ((rc = list_uses(s, &l.uses, err)) == 0) {
        rc = port_dir_list(l.volumes, list_one, &l, err);
    }
    kist_strv_release(&l.uses);
    port_dir_close(l.volumes);
    if (rc < 0) {
        kist_store_volume_list_release(list);
    } else if (list->n > 0) {
        qsort(list->v, list->n, sizeof(*list->v), by_name);
    }
    return rc;
}

const struct kist_store_volume *kist_store_volume_find(const struct kist_store_volume_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->v[i].name, name) == 0) {
            return &list->v[i];
        }
    }
    return NULL;
}

/* ---- removing ---- */

static int refuse_used(struct kist_store *s, const char *name, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv uses = {.v = NULL};
    int rc = list_uses(s, &uses, err);

    for (size_t i = 0; i < uses.n && rc == 0; i += 2) {
        if (strcmp(uses.v[i], name) == 0) {
            rc = kist_error_set(err, KIST_E_CONFLICT, "volume '%s' is used by container '%s' (try 'kist rm %s')", name,
                                uses.v[i + 1], uses.v[i + 1]);
        }
    }
    return rc;
}

static int take_away(struct kist_store *s, const char *name, struct kist_store_lease **lease, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct port_dir *volumes;
    struct port_stat st;
    int rc;

    if ((rc = kist_store_lock(s, true, &lock, err)) < 0 ||
        (rc = port_dir_open_at(&volumes, s->root, "volumes", false, err)) < 0) {
        return rc;
    }
    if ((rc = port_dir_stat(volumes, name, &st, err)) == 0 && (rc = kist_store_containers_sweep(s, err)) == 0 &&
        (rc = refuse_used(s, name, err)) == 0 &&
        /* the container that used it may have been removed by one who died before that lasted */
        (rc = port_dir_sync(s->containers, err)) == 0) {
        rc = kist_store_move_away(s, volumes, name, true, lease, err);
    }
    port_dir_close(volumes);
    return rc;
}

int kist_store_volume_remove(struct kist_store *s, const char *name, uint64_t *freed, struct kist_error *err)
{
    struct kist_store_lease *lease = NULL;
    int rc = kist_store_volume_check(name, NULL) == 0 ? take_away(s, name, &lease, err) : KIST_E_NOT_FOUND;

    if (rc == KIST_E_NOT_FOUND) {
        rc = no_such(name, err);
    }
    if (rc == 0 && freed && port_dir_usage(s->tmp, kist_store_lease_name(lease), freed, NULL) < 0) {
        *freed = 0; /* it goes even so */
    }
    if (rc == 0) {
        rc = port_dir_remove_tree(s->tmp, kist_store_lease_name(lease), err);
    }
    kist_store_lease_end(lease);
    return rc;
}
