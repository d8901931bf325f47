#include "store/steps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "private.h"

#define FILE_NAME "steps"
#define STEPS_MAX KIST_MAX_BUILD_CACHE
#define FILE_MAX (STEPS_MAX * (2 * KIST_DIGEST_HEX_MAX + 2 * 21 + KIST_STORE_STEP_TEXT_MAX))
#define DAY (24 * 60 * 60)
#define NO_LAYER "-"

/* ---- its bytes ---- */

static const char *word(char **text)
{
    const char *w = strsep(text, " ");

    return w ? w : "";
}

static bool take_digest(struct kist_digest *d, const char *hex)
{
    return strlen(hex) == KIST_DIGEST_HEX_MAX - 1 && kist_str_unhex(d->bytes, sizeof(d->bytes), hex);
}

/* "<key> <diff ID or -> <created> <used> <text>"; cut in place. false where it is anything else. */
static bool parse_line(struct kist_store_step *step, char *line)
{
    const char *layer;
    uint64_t created, used;

    *step = (struct kist_store_step){.changed = true};
    if (!take_digest(&step->key, word(&line))) {
        return false;
    }
    layer = word(&line);
    step->changed = strcmp(layer, NO_LAYER) != 0;
    if ((step->changed && !take_digest(&step->diff_id, layer)) || !kist_str_u64(word(&line), INT64_MAX, &created) ||
        !kist_str_u64(word(&line), INT64_MAX, &used) || !line) {
        return false;
    }
    step->created = (int64_t)created;
    step->used = (int64_t)used;
    (void)kist_str_printable(step->text, sizeof(step->text), line);
    return true;
}

static int print_line(struct kist_buf *out, const struct kist_store_step *step, struct kist_error *err)
{
    char key[KIST_DIGEST_HEX_MAX], layer[KIST_DIGEST_HEX_MAX];

    return kist_buf_printf(out, err, "%s %s %" PRId64 " %" PRId64 " %s\n", kist_digest_hex(key, &step->key),
                           step->changed ? kist_digest_hex(layer, &step->diff_id) : NO_LAYER,
                           KIST_MAX(step->created, 0), KIST_MAX(step->used, 0), step->text);
}

static int add_step(struct kist_store_step_list *list, const struct kist_store_step *step, struct kist_error *err)
{
    struct kist_store_step *v;

    if ((list->n & (list->n - 1)) == 0) { /* full at each power of two */
        v = realloc(list->v, (list->n > 0 ? 2 * list->n : 1) * sizeof(*v));
        if (!v) {
            return kist_error_nomem(err);
        }
        list->v = v;
    }
    list->v[list->n++] = *step;
    return 0;
}

/* Nothing where there is none, or no such file as it should be. */
static int read_text(struct kist_store *s, struct kist_buf *text, struct kist_error *err)
{
    struct port_dir *dir;
    int rc = port_dir_open_at(&dir, s->root, "cache", false, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    rc = kist_store_read(dir, FILE_NAME, text, err);
    port_dir_close(dir);
    if (rc == KIST_E_NOT_FOUND || rc == KIST_E_CORRUPT) {
        kist_buf_clear(text);
        return 0;
    }
    return rc;
}

/* What is no step is passed over: a cache may lose what it has. */
static int read_steps(struct kist_store *s, struct kist_store_step_list *list, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(FILE_MAX);
    struct kist_store_step step;
    char *rest, *line;
    int rc = read_text(s, &text, err);

    rest = text.data;
    while (rc == 0 && (line = strsep(&rest, "\n")) != NULL) {
        rc = parse_line(&step, line) ? add_step(list, &step, err) : 0;
    }
    return rc;
}

static int by_use(const void *a, const void *b)
{
    const struct kist_store_step *x = a, *y = b;

    if (x->used != y->used) {
        return x->used < y->used ? -1 : 1;
    }
    return kist_digest_compare(&x->key, &y->key);
}

static int by_key(const void *a, const void *b)
{
    const struct kist_store_step *x = a, *y = b;

    return kist_digest_compare(&x->key, &y->key);
}

/* The same steps give the same bytes. The caller holds the lock. */
static int write_steps(struct kist_store *s, struct kist_store_step_list *list, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(FILE_MAX);
    struct port_dir *dir;
    int rc = 0;

    if (list->n > STEPS_MAX) { /* those used longest ago are forgotten */
        qsort(list->v, list->n, sizeof(*list->v), by_use);
        memmove(list->v, list->v + list->n - STEPS_MAX, STEPS_MAX * sizeof(*list->v));
        list->n = STEPS_MAX;
    }
    if (list->n > 0) {
        qsort(list->v, list->n, sizeof(*list->v), by_key);
    }
    for (size_t i = 0; i < list->n && rc == 0; i++) {
        rc = print_line(&text, &list->v[i], err);
    }
    if (rc < 0 || (rc = port_dir_open_at(&dir, s->root, "cache", true, err)) < 0) {
        return rc;
    }
    rc = kist_store_write_locked(s, dir, FILE_NAME, kist_buf_text(&text), text.len, err);
    port_dir_close(dir);
    return rc;
}

void kist_store_step_list_release(struct kist_store_step_list *list)
{
    free(list->v);
    *list = (struct kist_store_step_list){.v = NULL};
}

void kist_store_step_list_auto(struct kist_store_step_list *list)
{
    kist_store_step_list_release(list);
}

/* ---- what it keeps ---- */

int kist_store_steps_reach(struct kist_store *s, struct kist_digest_set *keep, struct kist_error *err)
{
    KIST_AUTO(store_step_list) struct kist_store_step_list list = {.v = NULL};
    int rc = read_steps(s, &list, err);

    for (size_t i = 0; i < list.n && rc == 0; i++) {
        rc = list.v[i].changed ? kist_digest_set_add(keep, &list.v[i].diff_id, err) : 0;
    }
    return rc;
}

/* One of the first n does. */
static bool names_layer(const struct kist_store_step_list *list, size_t n, const struct kist_digest *diff_id)
{
    for (size_t i = 0; i < n; i++) {
        if (list->v[i].changed && kist_digest_equal(&list->v[i].diff_id, diff_id)) {
            return true;
        }
    }
    return false;
}

/* Those of list whose layers are here, oldest first, and what these take. */
static int complete(struct kist_store *s, const struct kist_index *index, struct kist_store_step_list *list,
                    struct kist_error *err)
{
    KIST_AUTO(digest_set) struct kist_digest_set needed = {.v = NULL};
    size_t n = 0;
    int rc = kist_store_held_otherwise(s, index, &needed, err);

    for (size_t i = 0; i < index->images.n && rc == 0; i++) {
        rc = kist_image_reaches(&index->images.v[i], &needed, err);
    }
    kist_digest_set_seal(&needed);
    if (list->n > 0) {
        qsort(list->v, list->n, sizeof(*list->v), by_use);
    }
    for (size_t i = 0; i < list->n && rc == 0; i++) {
        struct kist_store_step *step = &list->v[i];

        if (step->changed && kist_store_layer_find(s, &step->diff_id, NULL) != 1) {
            continue;
        }
        step->bytes = step->changed && !names_layer(list, n, &step->diff_id)
                          ? kist_store_size_of(s, s->layers, &step->diff_id)
                          : 0;
        step->needed = step->changed && kist_digest_set_has(&needed, &step->diff_id);
        list->v[n++] = *step;
    }
    list->n = n;
    return rc;
}

int kist_store_steps(struct kist_store *s, struct kist_store_step_list *list, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    int rc;

    *list = (struct kist_store_step_list){.v = NULL};
    rc = read_steps(s, list, err);
    if (rc < 0 || list->n == 0) {
        return rc;
    }
    if ((rc = kist_store_lock(s, true, &lock, err)) < 0 || (rc = kist_store_index_read(s, &index, err)) < 0) {
        return rc;
    }
    return complete(s, &index, list, err);
}

/* ---- one step ---- */

static struct kist_store_step *find_key(const struct kist_store_step_list *list, const struct kist_digest *key)
{
    for (size_t i = 0; i < list->n; i++) {
        if (kist_digest_equal(&list->v[i].key, key)) {
            return &list->v[i];
        }
    }
    return NULL;
}

int kist_store_step_add(struct kist_store *s, const struct kist_store_step *step, struct kist_error *err)
{
    KIST_AUTO(store_step_list) struct kist_store_step_list list = {.v = NULL};
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct kist_store_step new = *step, *old;
    int rc;

    new.used = new.used > 0 ? new.used : kist_store_now(s);
    (void)kist_str_printable(new.text, sizeof(new.text), step->text);
    if ((rc = kist_store_lock(s, true, &lock, err)) < 0 || (rc = read_steps(s, &list, err)) < 0) {
        return rc;
    }
    old = find_key(&list, &new.key);
    if (old) {
        memmove(old, old + 1, (size_t)(list.v + list.n - old - 1) * sizeof(*old));
        list.n--;
    }
    rc = add_step(&list, &new, err);
    return rc < 0 ? rc : write_steps(s, &list, err);
}

/* The line of one step, of all that are read; the others are not even parsed. */
static bool find_line(struct kist_store *s, const struct kist_digest *key, struct kist_store_step *step)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(FILE_MAX);
    char hex[KIST_DIGEST_HEX_MAX], *rest, *line;
    bool found = false;

    rest = read_text(s, &text, NULL) == 0 ? text.data : NULL;
    (void)kist_digest_hex(hex, key);
    while (!found && (line = strsep(&rest, "\n")) != NULL) {
        found = strncmp(line, hex, sizeof(hex) - 1) == 0 && parse_line(step, line);
    }
    return found;
}

bool kist_store_step_find(struct kist_store *s, const struct kist_digest *key, struct kist_store_lease *lease,
                          struct kist_store_step *step)
{
    struct kist_store_step found;
    int64_t now = kist_store_now(s);

    if (!find_line(s, key, &found) || (found.changed && ((lease && kist_store_lease_add(lease, &found.diff_id, 1, NULL) < 0) ||
                                                         !kist_store_has_layer(s, &found.diff_id)))) {
        return false;
    }
    *step = found;
    if (lease && step->used < now - DAY) {
        step->used = now;
        (void)!kist_store_step_add(s, step, NULL); /* a full or read-only store is no reason not to use it */
    }
    return true;
}

/* ---- dropping ---- */

struct dropping {
    const struct kist_store_step_prune *options;
    struct kist_store_step_list list;
    bool *goes;
    uint64_t freed;
};

/* No step that stays names the layer. */
static bool is_last(const struct dropping *d, const struct kist_store_step *step)
{
    for (size_t i = 0; i < d->list.n; i++) {
        if (!d->goes[i] && d->list.v[i].changed && kist_digest_equal(&d->list.v[i].diff_id, &step->diff_id)) {
            return false;
        }
    }
    return true;
}

static uint64_t size_of(const struct dropping *d, const struct kist_store_step *step)
{
    for (size_t i = 0; i < d->list.n; i++) {
        if (d->list.v[i].bytes > 0 && kist_digest_equal(&d->list.v[i].diff_id, &step->diff_id)) {
            return d->list.v[i].bytes;
        }
    }
    return 0;
}

static void choose(struct dropping *d)
{
    const struct kist_store_step_prune *o = d->options;
    uint64_t taken = 0, goal = o->need > 0 ? o->need : UINT64_MAX;

    for (size_t i = 0; i < d->list.n; i++) {
        taken += d->list.v[i].needed ? 0 : d->list.v[i].bytes;
    }
    if (o->keep > 0) {
        goal = KIST_MIN(goal, taken - KIST_MIN(taken, o->keep));
    }
    for (size_t i = 0; i < d->list.n && d->freed < goal; i++) {
        const struct kist_store_step *step = &d->list.v[i];

        if ((o->until > 0 && step->used > o->until) || (step->needed && !o->all)) {
            continue;
        }
        d->goes[i] = true;
        d->freed += step->changed && !step->needed && is_last(d, step) ? size_of(d, step) : 0;
    }
}

/* Those that stay are left in the list. */
static int carry_out(struct kist_store *s, struct dropping *d, const struct kist_index *index,
                     struct kist_store_removed *removed, struct kist_error *err)
{
    char hex[KIST_DIGEST_HEX_MAX];
    size_t n = 0, all = d->list.n;
    int rc = 0;

    for (size_t i = 0; i < all && rc == 0; i++) {
        if (d->goes[i]) {
            rc = kist_strv_add(&removed->deleted, kist_digest_hex(hex, &d->list.v[i].key), err);
        } else {
            d->list.v[n++] = d->list.v[i];
        }
    }
    d->list.n = n;
    if (rc < 0 || n == all || d->options->dry_run) {
        return rc;
    }
    rc = write_steps(s, &d->list, err);
    return rc < 0 ? rc : kist_store_sweep(s, index, NULL, NULL, err);
}

int kist_store_step_drop(struct kist_store *s, const struct kist_store_step_prune *options,
                         struct kist_store_removed *removed, struct kist_error *err)
{
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    KIST_AUTO(index) struct kist_index index = {.root = NULL};
    struct dropping d = {.options = options};
    int rc;

    *removed = (struct kist_store_removed){.freed = 0};
    if ((rc = kist_store_lock(s, true, &lock, err)) < 0 || (rc = kist_store_index_read(s, &index, err)) < 0) {
        return rc;
    }
    if ((rc = read_steps(s, &d.list, err)) == 0 && (rc = complete(s, &index, &d.list, err)) == 0) {
        d.goes = calloc(d.list.n + 1, sizeof(bool));
        rc = d.goes ? 0 : kist_error_nomem(err);
    }
    if (rc == 0) {
        choose(&d);
        removed->freed = d.freed;
        rc = carry_out(s, &d, &index, removed, err);
    }
    kist_store_step_list_release(&d.list);
    free(d.goes);
    return rc;
}
