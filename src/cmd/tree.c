#include "cmd/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cmd/columns.h"
#include "cmd/image_view.h"

#define MAX_INDENT (4 * KIST_MAX_LAYERS + 1) /* bytes before a line: a branch's three, and a blank, a layer */

struct tree {
    struct kist_store *store;
    const struct kist_image **images; /* those with the same layers below are neighbours */
    size_t count;
    cJSON *rows; /* NULL: lines */
    char indent[MAX_INDENT];
};

static int compare(const void *a, const void *b)
{
    const struct kist_image *left = *(const struct kist_image *const *)a, *right = *(const struct kist_image *const *)b;
    const size_t n = KIST_MIN(left->layer_count, right->layer_count);

    for (size_t i = 0; i < n; i++) {
        const int order = memcmp(left->diff_ids[i].bytes, right->diff_ids[i].bytes, sizeof(left->diff_ids[i].bytes));

        if (order != 0) {
            return order;
        }
    }
    if (left->layer_count != right->layer_count) {
        return left->layer_count < right->layer_count ? -1 : 1;
    }
    return strcmp(left->name ? left->name : "", right->name ? right->name : "");
}

/* "debian:12", "<none> (0123456789ab)"; with its platform where the name has several. */
static int name_of(const struct tree *t, const struct kist_image *image, struct kist_buf *out, struct kist_error *err)
{
    char familiar[KIST_REFERENCE_TEXT_MAX], id[KIST_SHORT_ID_MAX], platform[KIST_PLATFORM_TEXT_MAX];
    struct kist_reference ref;
    int rc;

    if (!image->name) {
        return kist_buf_printf(out, err, "<none> (%s)", kist_image_short_id(id, &image->config));
    }
    rc = kist_reference_parse(&ref, image->name, err);
    rc = rc < 0 ? rc : kist_buf_puts(out, kist_reference_familiar(familiar, &ref), err);
    for (size_t i = 0; rc == 0 && i < t->count; i++) {
        const struct kist_image *other = t->images[i];

        if (other != image && other->name && strcmp(other->name, image->name) == 0) {
            return kist_buf_printf(out, err, " (%s)", kist_platform_text(platform, &image->platform));
        }
    }
    return rc;
}

/* By how many images, whatever they are called. */
static size_t users_of(const struct tree *t, const struct kist_digest *layer)
{
    size_t users = 0;

    for (size_t i = 0; i < t->count; i++) {
        bool uses = false, again = false;

        for (size_t k = 0; k < t->images[i]->layer_count && !uses; k++) {
            uses = kist_digest_equal(&t->images[i]->diff_ids[k], layer);
        }
        for (size_t k = 0; k < i && uses && !again; k++) {
            again = kist_digest_equal(&t->images[k]->config, &t->images[i]->config);
        }
        users += uses && !again;
    }
    return users;
}

static int size_of(const struct tree *t, const struct kist_digest *layer, uint64_t *bytes, struct kist_error *err)
{
    struct port_file *file;
    int rc = kist_store_layer_open(t->store, layer, &file, err);

    if (rc == 0) {
        rc = port_file_size(file, bytes, err);
        port_file_discard(file);
    }
    return rc;
}

static int add_row(struct tree *t, const struct kist_digest *layer, const struct kist_digest *parent, uint64_t bytes, size_t users,
                   cJSON **names, struct kist_error *err)
{
    char text[KIST_DIGEST_TEXT_MAX];
    cJSON *row = cJSON_CreateObject();
    int rc = kist_json_append(t->rows, row, err);

    *names = NULL;
    rc = rc < 0 ? rc : kist_json_put_string(row, "LayerID", layer ? kist_digest_text(text, layer) : "", err);
    rc = rc < 0 ? rc : kist_json_put_string(row, "Parent", parent ? kist_digest_text(text, parent) : "", err);
    rc = rc < 0 ? rc : kist_json_put_u64(row, "Bytes", bytes, err);
    rc = rc < 0 ? rc : kist_json_put_u64(row, "SharedBy", users, err);
    if (rc == 0) {
        *names = cJSON_CreateArray();
        rc = kist_json_put(row, "Images", *names, err);
    }
    return rc;
}

static void print_layer(const struct tree *t, const struct kist_digest *layer, bool last, uint64_t bytes, size_t users)
{
    char size[KIST_STR_SIZE_MAX], id[KIST_SHORT_ID_MAX];

    (void)printf("%s%s\xe2\x94\x80%s %s", t->indent, last ? "\xe2\x94\x94" : "\xe2\x94\x9c", kist_image_short_id(id, layer),
                 kist_str_size(size, bytes));
    if (users > 1) {
        (void)printf(", shared by %zu images", users);
    }
}

/* The names of images first ... first + n, of which it is the top. */
static int tell_names(struct tree *t, size_t first, size_t n, cJSON *names, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = first; i < first + n && rc == 0; i++) {
        KIST_AUTO(buf) struct kist_buf name = KIST_BUF_INIT(2 * KIST_REFERENCE_TEXT_MAX);

        rc = name_of(t, t->images[i], &name, err);
        if (rc == 0 && names) {
            rc = kist_json_append(names, cJSON_CreateString(kist_buf_text(&name)), err);
        } else if (rc == 0) {
            (void)printf("%s%s", i == first ? "  " : ", ", kist_buf_text(&name));
        }
    }
    if (rc == 0 && !names) {
        (void)putchar('\n');
    }
    return rc;
}

/* How many of the images from first on, of end, have first's layer at depth. */
static size_t alike(const struct tree *t, size_t first, size_t end, size_t depth)
{
    size_t i = first;

    while (i < end && t->images[i]->layer_count > depth &&
           kist_digest_equal(&t->images[i]->diff_ids[depth], &t->images[first]->diff_ids[depth])) {
        i++;
    }
    return i - first;
}

/* The layers at depth, and what is above them, of images first ... end, which share what is below. */
static int tell_layers(struct tree *t, size_t first, size_t end, size_t depth, struct kist_error *err)
{
    const size_t len = strlen(t->indent);
    int rc = 0;

    while (rc == 0 && first < end) {
        const size_t n = alike(t, first, end, depth);
        const struct kist_digest *layer = &t->images[first]->diff_ids[depth];
        const bool last = first + n == end;
        size_t tops = 0, users = users_of(t, layer);
        uint64_t bytes = 0;
        cJSON *names = NULL;

        while (tops < n && t->images[first + tops]->layer_count == depth + 1) {
            tops++;
        }
        rc = size_of(t, layer, &bytes, err);
        if (rc == 0 && t->rows) {
            rc = add_row(t, layer, depth > 0 ? layer - 1 : NULL, bytes, users, &names, err);
        } else if (rc == 0) {
            print_layer(t, layer, last, bytes, users);
        }
        rc = rc < 0 ? rc : tell_names(t, first, tops, names, err);
        if (rc == 0 && kist_str_copy(t->indent + len, sizeof(t->indent) - len, last ? "  " : "\xe2\x94\x82 ")) {
            rc = tell_layers(t, first + tops, first + n, depth + 1, err);
        }
        t->indent[len] = '\0';
        first += n;
    }
    return rc;
}

int kist_tree_print(struct kist_store *store, const struct kist_image *const *images, size_t count, bool json, struct kist_error *err)
{
    const struct kist_rows_options as_json = {.json = true};
    KIST_AUTO(free) const struct kist_image **sorted = malloc((count + 1) * sizeof(struct kist_image *));
    KIST_AUTO(json) cJSON *rows = json ? cJSON_CreateArray() : NULL;
    struct tree t = {.store = store, .images = sorted, .count = count, .rows = rows};
    cJSON *names = NULL;
    size_t bare = 0;
    int rc = 0;

    if (!sorted || (json && !rows)) {
        return kist_error_nomem(err);
    }
    memcpy(sorted, images, count * sizeof(*images));
    qsort(sorted, count, sizeof(*sorted), compare);
    while (bare < count && sorted[bare]->layer_count == 0) {
        bare++;
    }
    if (bare > 0) {
        rc = rows ? add_row(&t, NULL, NULL, 0, bare, &names, err) : printf("no layers") < 0 ? (int)KIST_E_IO : 0;
        rc = rc < 0 ? rc : tell_names(&t, 0, bare, names, err);
    }
    rc = rc < 0 ? rc : tell_layers(&t, bare, count, 0, err);
    return rc == 0 && rows ? kist_rows_print(&as_json, NULL, 0, rows, err) : rc;
}
