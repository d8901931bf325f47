#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "private.h"

#define REF_MAX 1024
#define ID_LENGTH 64

static bool is_id(const char *text)
{
    return strlen(text) == ID_LENGTH && strspn(text, "0123456789abcdef") == ID_LENGTH;
}

static int no_such(const char *id, struct kist_error *err)
{
    char shown[ID_LENGTH + 1];

    return kist_error_set(err, KIST_E_NOT_FOUND, "no such container: '%s'",
                          kist_str_printable(shown, sizeof(shown), id));
}

/* ---- the reference ---- */

static int parse_ref(struct kist_container_ref *ref, const struct kist_buf *text, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = NULL;
    const char *name, *image;
    int rc = kist_json_parse(&root, kist_buf_text(text), text->len, "reference", err);

    if (rc < 0) {
        return rc;
    }
    name = kist_json_string(root, "name");
    image = kist_json_string(root, "image");
    if (!name || !image || !kist_str_copy(ref->name, sizeof(ref->name), name)) {
        return kist_error_set(err, KIST_E_CORRUPT, "name or image is missing");
    }
    ref->ephemeral = kist_json_bool(root, "ephemeral", false);
    return kist_digest_parse(&ref->image, image, err);
}

/*
 * 0: *ref is filled; 1: there is none, or it never reached the medium, and so there never was such a
 * container; KIST_E_CORRUPT: there was one.
 */
static int read_ref(struct kist_store *s, const char *id, struct kist_container_ref *ref,
                    struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(REF_MAX);
    struct port_dir *dir;
    int rc = port_dir_open_at(&dir, s->containers, id, false, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 1 : rc;
    }
    rc = kist_store_read(dir, "ref", &text, err);
    port_dir_close(dir);
    if (rc == KIST_E_NOT_FOUND || (rc == 0 && (text.len == 0 || text.data[0] == '\0'))) {
        return 1;
    }
    *ref = (struct kist_container_ref){.ephemeral = false};
    (void)!kist_str_copy(ref->id, sizeof(ref->id), id);
    if (rc == 0) {
        rc = parse_ref(ref, &text, err);
    }
    return rc == KIST_E_CORRUPT
               ? kist_error_wrap(err, "'%s/%s/ref' is damaged", port_dir_path(s->containers), id)
               : rc;
}

static int print_ref(const struct kist_container_ref *ref, struct kist_buf *out, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *root = cJSON_CreateObject();
    char image[KIST_DIGEST_TEXT_MAX];
    int rc;

    if (!root) {
        return kist_error_nomem(err);
    }
    if ((rc = kist_json_put_string(root, "name", ref->name, err)) < 0 ||
        (rc = kist_json_put_string(root, "image", kist_digest_text(image, &ref->image), err)) < 0 ||
        (ref->ephemeral && (rc = kist_json_put_bool(root, "ephemeral", true, err)) < 0)) {
        return rc;
    }
    return kist_json_print(root, false, out, err);
}

/* ---- listing ---- */

struct listing {
    struct kist_store *store;
    struct kist_container_refs *refs;
};

static int list_one(void *arg, const char *id, struct kist_error *err)
{
    struct listing *l = arg;
    struct kist_error why = {.code = KIST_OK};
    struct kist_container_ref ref, *v;
    int rc;

    if (!is_id(id)) {
        return 0;
    }
    rc = read_ref(l->store, id, &ref, &why);
    if (rc == KIST_E_CORRUPT) {
        kist_log(KIST_LOG_WARN, "%s", why.message);
    }
    if (rc == KIST_E_CORRUPT || rc > 0) {
        return 0;
    }
    if (rc < 0) {
        if (err) {
            *err = why;
        }
        return rc;
    }
    v = realloc(l->refs->v, (l->refs->n + 1) * sizeof(*v));
    if (!v) {
        return kist_error_nomem(err);
    }
    l->refs->v = v;
    v[l->refs->n++] = ref;
    return 0;
}

int kist_store_containers(struct kist_store *s, struct kist_container_refs *refs, struct kist_error *err)
{
    struct listing l = {s, refs};
    int rc;

    *refs = (struct kist_container_refs){.v = NULL};
    rc = port_dir_list(s->containers, list_one, &l, err);
    if (rc < 0) {
        kist_container_refs_release(refs);
    }
    return rc;
}

void kist_container_refs_release(struct kist_container_refs *refs)
{
    free(refs->v);
    *refs = (struct kist_container_refs){.v = NULL};
}

static int sweep_one(void *arg, const char *id, struct kist_error *err)
{
    struct kist_store *s = arg;
    struct kist_container_ref ref;

    if (!is_id(id) || read_ref(s, id, &ref, NULL) != 1) {
        return 0;
    }
    return port_dir_remove_tree(s->containers, id, err);
}

int kist_store_containers_sweep(struct kist_store *s, struct kist_error *err)
{
    return port_dir_list(s->containers, sweep_one, s, err);
}

/* ---- adding ---- */

static int check_image(struct kist_store *s, const struct kist_digest *id, struct kist_error *err)
{
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    char text[KIST_DIGEST_TEXT_MAX];
    int rc;

    if ((rc = kist_store_index_read(s, &index, err)) < 0 ||
        (rc = kist_store_below_images(s, &index.images, err)) < 0) {
        return rc;
    }
    for (size_t i = 0; i < index.images.n; i++) {
        if (kist_digest_equal(&index.images.v[i].config, id)) {
            return 0;
        }
    }
    return kist_error_set(err, KIST_E_NOT_FOUND, "image '%s' is not in the store any more",
                          kist_digest_text(text, id));
}

static int check_free(struct kist_store *s, const struct kist_container_ref *ref, struct kist_error *err)
{
    struct kist_container_refs refs;
    int rc = kist_store_containers(s, &refs, err);

    for (size_t i = 0; rc == 0 && i < refs.n; i++) {
        if (strcmp(refs.v[i].id, ref->id) == 0) {
            rc = kist_error_set(err, KIST_E_CONFLICT, "container '%s' exists", ref->id);
        } else if (ref->name[0] && strcmp(refs.v[i].name, ref->name) == 0) {
            rc = kist_error_set(err, KIST_E_CONFLICT,
                                "the name '%s' is taken by container '%.12s' (try 'kist rm %s')", ref->name,
                                refs.v[i].id, ref->name);
        }
    }
    kist_container_refs_release(&refs);
    return rc;
}

static int write_ref(struct port_dir *dir, const struct kist_container_ref *ref, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(REF_MAX), uses = KIST_BUF_INIT(KIST_STORE_USES_MAX);
    int rc = print_ref(ref, &text, err);

    for (size_t i = 0; ref->volumes && i < ref->volumes->n && rc == 0; i++) {
        rc = kist_buf_printf(&uses, err, "%s\n", ref->volumes->v[i]);
    }
    if (rc == 0 && uses.len > 0) {
        rc = kist_store_new_file(dir, KIST_STORE_USES, uses.data, uses.len, !ref->ephemeral, err);
    }
    return rc < 0 ? rc : kist_store_new_file(dir, "ref", text.data, text.len, !ref->ephemeral, err);
}

/* Made in tmp/ and moved, so that no directory in containers/ is ever seen without its reference. */
static int make_room(struct kist_store *s, const struct kist_container_ref *ref, struct kist_error *err)
{
    char temp[KIST_STORE_NAME_MAX];
    struct port_dir *dir = NULL;
    int rc;

    if ((rc = kist_store_temp_name(temp, "", err)) < 0) {
        return rc;
    }
    if ((rc = port_dir_open_at(&dir, s->tmp, temp, true, err)) == 0 && (rc = write_ref(dir, ref, err)) == 0 &&
        (ref->ephemeral || (rc = port_dir_sync(dir, err)) == 0)) {
        rc = port_dir_rename(s->tmp, temp, s->containers, ref->id, err);
    }
    port_dir_close(dir);
    if (rc < 0) {
        (void)!port_dir_remove_tree(s->tmp, temp, NULL);
        return rc;
    }
    return ref->ephemeral ? 0 : port_dir_sync(s->containers, err);
}

int kist_store_container_add(struct kist_store *s, const struct kist_container_ref *ref,
                             struct port_dir **dir, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    int rc;

    if (!is_id(ref->id)) {
        return kist_error_set(err, KIST_E_FAIL, "a container ID is 64 hex digits");
    }
    if ((rc = kist_store_lock(s, true, &lock, err)) < 0 || (!ref->leased && (rc = check_image(s, &ref->image, err)) < 0) ||
        (rc = check_free(s, ref, err)) < 0 || (rc = sweep_one(s, ref->id, err)) < 0 ||
        (rc = kist_store_fits(s, kist_store_cost(s, REF_MAX) + s->block, err)) < 0 ||
        (ref->volumes && (rc = kist_store_volumes_make(s, ref->volumes, err)) < 0) || (rc = make_room(s, ref, err)) < 0) {
        return rc;
    }
    return port_dir_open_at(dir, s->containers, ref->id, false, err);
}

int kist_store_container_open(struct kist_store *s, const char *id, struct port_dir **dir,
                              struct kist_error *err)
{
    int rc = is_id(id) ? port_dir_open_at(dir, s->containers, id, false, err) : KIST_E_NOT_FOUND;

    return rc == KIST_E_NOT_FOUND ? no_such(id, err) : rc;
}

int kist_store_container_usage(struct kist_store *s, const char *id, uint64_t *bytes, struct kist_error *err)
{
    return is_id(id) ? port_dir_usage(s->containers, id, bytes, err) : no_such(id, err);
}

int kist_store_container_ref(struct kist_store *s, const char *id, struct kist_container_ref *ref, struct kist_error *err)
{
    int rc = is_id(id) ? read_ref(s, id, ref, err) : 1;

    return rc > 0 ? no_such(id, err) : rc;
}

/* The new reference is moved over the old one: a power cut leaves one of them. */
static int replace_ref(struct kist_store *s, const struct kist_container_ref *ref, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(REF_MAX);
    char temp[KIST_STORE_NAME_MAX];
    struct port_dir *dir;
    struct port_file *f = NULL;
    int rc, closed;

    if ((rc = print_ref(ref, &text, err)) < 0 || (rc = kist_store_temp_name(temp, "", err)) < 0 ||
        (rc = port_dir_open_at(&dir, s->containers, ref->id, false, err)) < 0) {
        return rc;
    }
    if ((rc = port_file_create(&f, s->tmp, temp, false, err)) == 0) {
        if ((rc = port_file_append(f, text.data, text.len, err)) == 0) {
            rc = port_file_sync(f, err);
        }
        closed = port_file_close(f, rc < 0 ? NULL : err);
        rc = rc < 0 ? rc : closed;
        if (rc == 0 && (rc = port_dir_rename(s->tmp, temp, dir, "ref", err)) == 0) {
            rc = port_dir_sync(dir, err);
        } else {
            (void)!port_dir_unlink(s->tmp, temp, NULL);
        }
    }
    port_dir_close(dir);
    return rc;
}

int kist_store_container_rename(struct kist_store *s, const char *id, const char *name, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct kist_container_ref ref, wanted = {.ephemeral = false};
    int rc;

    if ((rc = kist_store_lock(s, true, &lock, err)) < 0 || (rc = kist_store_container_ref(s, id, &ref, err)) < 0) {
        return rc;
    }
    if (!kist_str_copy(wanted.name, sizeof(wanted.name), name)) {
        return kist_error_set(err, KIST_E_USAGE, "the container's name is too long");
    }
    if (strcmp(ref.name, name) == 0) {
        return kist_error_set(err, KIST_E_CONFLICT, "container '%.12s' has the name '%s' already", id, name);
    }
    if ((rc = check_free(s, &wanted, err)) < 0) {
        return rc;
    }
    memcpy(ref.name, wanted.name, sizeof(ref.name));
    return replace_ref(s, &ref, err);
}

/* ---- removing ---- */

int kist_store_move_away(struct kist_store *s, struct port_dir *dir, const char *name, bool sync,
                         struct kist_store_lease **lease, struct kist_error *err)
{
    int rc;

    if ((rc = kist_store_lease_bare(s, lease, err)) < 0 ||
        (rc = port_dir_rename(dir, name, s->tmp, kist_store_lease_name(*lease), err)) < 0) {
        return rc;
    }
    return sync ? port_dir_sync(dir, err) : 0;
}

static int move_away(struct kist_store *s, const char *id, struct kist_store_lease **lease, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct kist_container_ref ref;
    struct port_stat st;
    bool ephemeral;
    int rc;

    if ((rc = kist_store_lock(s, true, &lock, err)) < 0 ||
        (rc = port_dir_stat(s->containers, id, &st, err)) < 0) {
        return rc;
    }
    ephemeral = read_ref(s, id, &ref, NULL) == 0 && ref.ephemeral;
    return kist_store_move_away(s, s->containers, id, !ephemeral, lease, err);
}

int kist_store_container_remove(struct kist_store *s, const char *id, struct kist_error *err)
{
    struct kist_store_lease *lease = NULL;
    int rc = is_id(id) ? move_away(s, id, &lease, err) : KIST_E_NOT_FOUND;

    if (rc == KIST_E_NOT_FOUND) {
        rc = no_such(id, err);
    } else if (rc == 0) {
        rc = port_dir_remove_tree(s->tmp, kist_store_lease_name(lease), err);
    }
    kist_store_lease_end(lease);
    return rc;
}
