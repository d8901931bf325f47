#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/str.h"
#include "build/copy_private.h"

/* ---- the plan ---- */

int kist_copy_new(struct kist_copy_plan **out, const char *name, struct kist_context *from, const struct kist_copy_source *sources,
                  size_t count, const char *dest, const struct kist_copy_options *options, struct kist_error *err)
{
    struct kist_copy_plan *c = calloc(1, sizeof(*c));
    int rc = 0;

    *out = c;
    if (!c) {
        return kist_error_nomem(err);
    }
    c->name = name;
    c->from = from;
    c->options = options;
    c->dest = dest;
    c->newest = INT64_MIN;
    kist_buf_init(&c->names, (size_t)KIST_MIN(options->limits->max_names ? options->limits->max_names : KIST_MAX_LAYER_NAMES,
                                              (uint64_t)UINT32_MAX));
    rc = kist_buf_add(&c->names, "", 1, err); /* 0 is "" */
    if (rc == 0 && options->chmod) {
        c->mode = malloc(sizeof(*c->mode));
        rc = c->mode ? kist_mode_parse(c->mode, options->chmod, err) : kist_error_nomem(err);
    }
    for (size_t i = 0; options->exclude && i < options->exclude->n && rc == 0; i++) {
        rc = kist_ignore_add(&c->exclude, options->exclude->v[i], err);
    }
    if (rc == 0 && options->checksum && count != 1) {
        rc = kist_error_set(err, KIST_E_USAGE, "checksum can't be specified for multiple sources");
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = kist_copy_add_source(c, &sources[i], err);
    }
    if (rc == 0 && c->item_count == 0) {
        rc = kist_error_set(err, KIST_E_NOT_FOUND, "%s failed: no source files were specified", name);
    }
    if (rc == 0 && (count > 1 || c->item_count > 1) && !kist_str_ends(dest, "/") && strcmp(dest, ".") != 0 &&
        !kist_str_ends(dest, "/.")) {
        rc = kist_error_set(err, KIST_E_USAGE,
                            "When using %s with more than one source file, the destination must be a directory and end with a /", name);
    }
    if (c->newest == INT64_MIN) {
        c->newest = options->epoch != INT64_MAX ? options->epoch : 0;
    }
    if (rc < 0) {
        kist_copy_free(c);
        *out = NULL;
    }
    return rc;
}

void kist_copy_free(struct kist_copy_plan *c)
{
    if (c) {
        kist_copy_fetched_free(c->fetched);
        kist_ignore_free(c->exclude);
        kist_buf_release(&c->names);
        free(c->mode);
        free(c->items);
        free(c->entries);
        free(c);
    }
}

void kist_copy_auto(struct kist_copy_plan **c)
{
    kist_copy_free(*c);
}

void kist_copy_total(const struct kist_copy_plan *c, struct kist_copy_total *total)
{
    *total = c->total;
}

/* ---- its digest ---- */

static void hash_number(struct kist_sha256 *h, uint64_t n)
{
    unsigned char raw[8];

    kist_le64_put(raw, n);
    kist_sha256_update(h, raw, sizeof(raw));
}

static void hash_text(struct kist_sha256 *h, const char *text)
{
    kist_sha256_update(h, text, strlen(text) + 1);
}

/* The size and sum of a file, as it was when it was listed; or, where that is not known, as it is now. */
static int sum_up(struct kist_copy_plan *c, const struct kist_copy_item *item, struct kist_copy_entry *e, struct kist_error *err)
{
    struct kist_copy_reading r = {.limit = UINT64_MAX};
    unsigned char stamp[KIST_CONTEXT_STAMP];
    char path[KIST_MAX_PATH + 1];
    int rc = 0;

    if (!e->stamped || !kist_known_find(c->options->known, e->stamp, e->sum)) {
        rc = kist_copy_source_path(c, item, e, path, err);
        rc = rc < 0 ? rc : kist_copy_read(c, path, &r, e->sum, err);
        e->size = r.bytes;
        if (rc == 0 && kist_context_stamp(c->from, stamp)) {
            kist_known_add(c->options->known, stamp, e->sum);
        }
    }
    e->stamped = false;
    c->total.bytes += e->size;
    return rc;
}

static int digest_entry(struct kist_copy_plan *c, struct kist_sha256 *h, const struct kist_copy_item *item, struct kist_copy_entry *e,
                        struct kist_error *err)
{
    const int rc = e->type == KIST_LAYER_FILE ? sum_up(c, item, e, err) : 0;

    hash_number(h, e->type);
    hash_text(h, kist_copy_text(c, e->path));
    hash_text(h, kist_copy_text(c, e->target));
    hash_number(h, e->mode);
    if (kist_context_owned(c->from)) {
        hash_number(h, (uint64_t)e->uid << 32 | e->gid);
    }
    hash_number(h, (uint64_t)e->major << 32 | e->minor);
    hash_number(h, e->size);
    kist_sha256_update(h, e->sum, sizeof(e->sum));
    return rc;
}

static int digest_item(struct kist_copy_plan *c, struct kist_sha256 *h, const struct kist_copy_item *item, struct kist_error *err)
{
    struct kist_copy_fetch_result fetched;
    int rc = 0;

    hash_number(h, item->kind);
    hash_text(h, kist_copy_text(c, item->base));
    hash_number(h, item->count);
    if (item->kind == KIST_COPY_TEXT) {
        hash_number(h, item->source->len);
        kist_sha256_update(h, item->source->text, item->source->len);
    } else if (item->kind == KIST_COPY_URL) {
        rc = c->options->checksum ? kist_digest_parse(&fetched.digest, c->options->checksum, err)
                                  : kist_copy_fetch(c, item->source->path, &fetched, err);
        kist_sha256_update(h, fetched.digest.bytes, sizeof(fetched.digest.bytes));
    }
    for (uint32_t i = 0; i < item->count && rc == 0; i++) {
        rc = digest_entry(c, h, item, &c->entries[item->first + i], err);
    }
    return rc;
}

int kist_copy_digest(struct kist_copy_plan *c, struct kist_digest *digest, struct kist_error *err)
{
    struct kist_sha256 h;
    int rc = 0;

    kist_sha256_init(&h);
    c->total = (struct kist_copy_total){c->entry_count, 0};
    for (size_t i = 0; i < c->item_count && rc == 0; i++) {
        rc = digest_item(c, &h, &c->items[i], err);
    }
    kist_sha256_final(&h, digest->bytes);
    return rc < 0 ? kist_error_wrap(err, "%s failed", c->name) : 0;
}
