#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "layer/layer.h"
#include "powercut.h"
#include "store/quota.h"

/* Layer files that were found good once: name and contents, as hashes. */
static struct {
    uint64_t *v;
    size_t n;
} good;

void judge_release(void)
{
    free(good.v);
    good.v = NULL;
    good.n = 0;
}

static bool known(uint64_t mark)
{
    for (size_t i = 0; i < good.n; i++) {
        if (good.v[i] == mark) {
            return true;
        }
    }
    return false;
}

static int null_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    (void)sink, (void)data, (void)len, (void)err;
    return 0;
}

static int null_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink, (void)err;
    return 0;
}

static const struct kist_sink_ops null_ops = {null_write, null_finish};

/* The tar it gives back has the diff ID it is named by. */
static int check_tar(struct kist_layer *layer, const struct kist_digest *diff_id, struct kist_error *err)
{
    struct kist_sink end = {&null_ops};
    struct kist_sha256_sink hash;
    struct kist_digest real;
    int rc;

    kist_sha256_sink_init(&hash, &end, UINT64_MAX, "tar");
    rc = kist_layer_tar(layer, &hash.sink, err);
    if (rc < 0) {
        return rc;
    }
    kist_sha256_final(&hash.hash, real.bytes);
    return kist_digest_equal(&real, diff_id)
               ? 0
               : kist_error_set(err, KIST_E_CORRUPT, "the layer gives back another tar");
}

static int check_layer(struct kist_store *s, const struct kist_digest *diff_id, struct kist_error *err)
{
    char hex[KIST_DIGEST_HEX_MAX], path[256];
    struct port_file *file;
    struct kist_layer *layer;
    uint64_t mark;
    int rc;

    (void)snprintf(path, sizeof(path), ROOT "/layers/sha256/%s", kist_digest_hex(hex, diff_id));
    mark = port_sim_fingerprint(path) ^ ((uint64_t)diff_id->bytes[0] << 8 | diff_id->bytes[1]);
    if (known(mark)) {
        return 0;
    }
    if ((rc = kist_store_layer_open(s, diff_id, &file, err)) < 0 ||
        (rc = kist_layer_open(&layer, file, err)) < 0) {
        return rc;
    }
    rc = kist_layer_verify(layer, err);
    if (rc == 0) {
        rc = check_tar(layer, diff_id, err);
    }
    kist_layer_close(layer);
    if (rc == 0) {
        good.v = realloc(good.v, (good.n + 1) * sizeof(*good.v));
        good.v[good.n++] = mark;
    }
    return rc;
}

static int check_image(struct kist_store *s, const struct kist_image *image, struct kist_error *err)
{
    KIST_AUTO(buf)
    struct kist_buf manifest = KIST_BUF_INIT(KIST_MAX_MANIFEST), config = KIST_BUF_INIT(KIST_MAX_CONFIG);
    int rc;

    if ((rc = kist_store_blob(s, &image->manifest.digest, &manifest, err)) < 0 ||
        (rc = kist_store_blob(s, &image->config, &config, err)) < 0) {
        return rc;
    }
    for (size_t i = 0; i < image->layer_count && rc == 0; i++) {
        rc = check_layer(s, &image->diff_ids[i], err);
    }
    return rc;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines in an order of their own, so that the order of a listing does not count. */
static int add_sorted(struct kist_buf *state, struct kist_strv *lines, struct kist_error *err)
{
    int rc = 0;

    if (lines->n > 0) {
        qsort(lines->v, lines->n, sizeof(*lines->v), compare_texts);
    }
    for (size_t i = 0; i < lines->n && rc == 0; i++) {
        rc = kist_buf_printf(state, err, "%s\n", lines->v[i]);
    }
    return rc;
}

static int judge_images(struct kist_store *s, struct kist_buf *state, struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    KIST_AUTO(strv) struct kist_strv lines = {.v = NULL};
    char id[KIST_DIGEST_TEXT_MAX], manifest[KIST_DIGEST_TEXT_MAX], line[1024];
    int rc = kist_store_images(s, &list, err);

    if (rc == KIST_E_CORRUPT && strstr(err->message, "index.json' is damaged")) {
        return kist_buf_puts(state, JUDGE_DAMAGED, err); /* no other state is like this one */
    }
    for (size_t i = 0; i < list.n && rc == 0; i++) {
        const struct kist_image *image = &list.v[i];

        (void)snprintf(line, sizeof(line), "image %s %s %s %zu%s %s", image->name ? image->name : "<none>",
                       kist_digest_text(id, &image->config),
                       kist_digest_text(manifest, &image->manifest.digest), image->layer_count,
                       image->pinned ? " pinned" : "", image->previous ? image->previous : "");
        rc = check_image(s, image, err);
        if (rc < 0) {
            return kist_error_wrap(err, "%s", line);
        }
        rc = kist_strv_add(&lines, line, err);
    }
    return rc < 0 ? rc : add_sorted(state, &lines, err);
}

static int judge_containers(struct kist_store *s, struct kist_buf *state, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv lines = {.v = NULL};
    struct kist_container_refs refs;
    char id[KIST_DIGEST_TEXT_MAX], line[1024], path[256];
    int rc = kist_store_containers(s, &refs, err);

    for (size_t i = 0; i < refs.n && rc == 0; i++) {
        struct port_dir *dir;

        (void)snprintf(path, sizeof(path), ROOT "/containers/%s/config.json", refs.v[i].id);
        (void)snprintf(line, sizeof(line), "container %.8s %s %s %d %016llx", refs.v[i].id, refs.v[i].name,
                       kist_digest_text(id, &refs.v[i].image), refs.v[i].ephemeral,
                       (unsigned long long)port_sim_fingerprint(path));
        rc = kist_strv_add(&lines, line, err);
        if (rc == 0 && (rc = kist_store_container_open(s, refs.v[i].id, &dir, err)) == 0) {
            port_dir_close(dir);
        }
    }
    kist_container_refs_release(&refs);
    return rc < 0 ? rc : add_sorted(state, &lines, err);
}

/* Their files are there, and what uses them is known. */
static int judge_volumes(struct kist_store *s, struct kist_buf *state, struct kist_error *err)
{
    KIST_AUTO(store_volume_list) struct kist_store_volume_list list = {.v = NULL};
    char path[256];
    int rc = kist_store_volumes(s, &list, err);

    for (size_t i = 0; i < list.n && rc == 0; i++) {
        const struct kist_store_volume *v = &list.v[i];

        if (!kist_store_volume_path(s, v->name, path, sizeof(path)) || port_sim_fingerprint(path) == 0) {
            return kist_error_set(err, KIST_E_CORRUPT, "volume '%s' has no directory", v->name);
        }
        rc = kist_buf_printf(state, err, "volume %s %s %s\n", v->name, v->labels.n ? v->labels.v[0] : "",
                             v->users.n ? v->users.v[0] : "");
    }
    return rc;
}

/* What the store takes is counted right, whatever was left. */
static int judge_usage(struct kist_store *s, struct kist_error *err)
{
    struct kist_store_usage usage;
    int rc = kist_store_usage(s, &usage, err);

    return rc < 0 || usage.total == port_sim_usage(ROOT)
               ? rc
               : kist_error_set(err, KIST_E_CORRUPT, "the store counts %llu bytes, the disk %llu",
                                (unsigned long long)usage.total, (unsigned long long)port_sim_usage(ROOT));
}

int judge(struct kist_buf *state, struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    kist_buf_clear(state);
    if (rc == KIST_E_NOT_FOUND) {
        return kist_buf_puts(state, "no store\n", err);
    }
    if (rc < 0) {
        return rc;
    }
    if ((rc = judge_usage(s, err)) == 0 && (rc = kist_buf_puts(state, JUDGE_EMPTY, err)) == 0 &&
        (rc = judge_images(s, state, err)) == 0 && (rc = judge_containers(s, state, err)) == 0) {
        rc = judge_volumes(s, state, err);
    }
    kist_store_close(s);
    return rc;
}

int tidy(uint64_t *fingerprint, struct kist_error *err)
{
    struct kist_store_lease *lease;
    struct port_dir *root;
    struct kist_store *s;
    uint64_t freed = 0;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        if ((rc = kist_store_left_drop(s, false, &freed, err)) == 0 &&
            (rc = kist_store_lease_begin(s, NULL, 0, &lease, err)) == 0) {
            kist_store_lease_end(lease);
        }
        kist_store_close(s);
    }
    /* what was set aside is nobody's, and only kept where there is room */
    if (rc == 0 && (rc = port_dir_open(&root, ROOT, false, err)) == 0) {
        rc = port_dir_remove_tree(root, "damaged", err);
        port_dir_close(root);
    }
    *fingerprint = port_sim_fingerprint(ROOT);
    return rc;
}
