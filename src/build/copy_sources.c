/* What the sources of COPY and ADD name. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "build/copy_private.h"
#include "build/filter.h"
#include "build/pattern.h"

#define WHITEOUT_PREFIX ".wh."

/* ---- the tables ---- */

static int past_limit(struct kist_copy_plan *c, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_NO_SPACE, "%s failed: more files than 'mem' allows (leave some out by '.dockerignore', or raise it)", c->name);
}

static int add_name(struct kist_copy_plan *c, const char *text, size_t len, uint32_t *at, struct kist_error *err)
{
    int rc;

    *at = 0;
    if (len == 0) {
        return 0;
    }
    if (c->names.max - c->names.len <= len) {
        return past_limit(c, err);
    }
    *at = (uint32_t)c->names.len;
    rc = kist_buf_add(&c->names, text, len, err);
    return rc == 0 ? kist_buf_add(&c->names, "", 1, err) : rc;
}

static int add_item(struct kist_copy_plan *c, const struct kist_copy_item *item, struct kist_error *err)
{
    if (c->item_count == c->item_size) {
        size_t size = c->item_size ? 2 * c->item_size : 4;
        struct kist_copy_item *items = realloc(c->items, size * sizeof(*items));

        if (!items) {
            return kist_error_nomem(err);
        }
        c->items = items;
        c->item_size = size;
    }
    c->items[c->item_count] = *item;
    c->items[c->item_count].first = (uint32_t)c->entry_count;
    if (c->item_count > 0) {
        const struct kist_copy_item *before = &c->items[c->item_count - 1];

        c->items[c->item_count].group = before->group + (before->kind == KIST_COPY_ARCHIVE);
    }
    c->item_count++;
    return 0;
}

static int grow_entries(struct kist_copy_plan *c, struct kist_error *err)
{
    size_t size = c->entry_size ? 2 * c->entry_size : 16;
    struct kist_copy_entry *entries;

    if (c->entry_count >= (c->options->limits->max_inodes ? c->options->limits->max_inodes : KIST_MAX_LAYER_INODES)) {
        return past_limit(c, err);
    }
    if (c->entry_count < c->entry_size) {
        return 0;
    }
    entries = realloc(c->entries, size * sizeof(*entries));
    if (!entries) {
        return kist_error_nomem(err);
    }
    c->entries = entries;
    c->entry_size = size;
    return 0;
}

/* An entry of the item made last; from is the length of the item's path. */
static int add_entry(struct kist_copy_plan *c, const struct kist_layer_entry *e, size_t from, struct kist_error *err)
{
    const char *path = e->path + from + (from > 0 && e->path[from] == '/');
    const char *base = kist_path_base(e->path);
    struct kist_copy_entry *entry;
    int rc = grow_entries(c, err);

    if (kist_str_starts(base, WHITEOUT_PREFIX)) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "%s failed: a layer cannot hold '%s': names with " WHITEOUT_PREFIX " delete",
                              c->name, e->path);
    }
    if (e->type == KIST_LAYER_CHAR && e->major == 0 && e->minor == 0) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "%s failed: a layer cannot hold the device '%s'", c->name, e->path);
    }
    if (rc < 0) {
        return rc;
    }
    entry = &c->entries[c->entry_count];
    *entry = (struct kist_copy_entry){
        .mode = e->mode, .uid = e->uid, .gid = e->gid, .major = e->major, .minor = e->minor,
        .mtime = KIST_MIN(e->mtime, c->options->epoch), .size = e->size, .identity = e->place, .type = (uint8_t)e->type,
        .linked = e->links > 1 && e->type != KIST_LAYER_DIRECTORY,
    };
    entry->stamped = c->options->known && e->type == KIST_LAYER_FILE && kist_context_stamp(c->from, entry->stamp);
    rc = add_name(c, path, strlen(path), &entry->path, err);
    if (rc == 0 && e->target) {
        rc = add_name(c, e->target, strlen(e->target), &entry->target, err);
    }
    if (rc == 0) {
        c->newest = KIST_MAX(c->newest, entry->mtime);
        c->entry_count++;
        c->items[c->item_count - 1].count++;
    }
    return rc;
}

/* ---- what is at one path ---- */

struct taking {
    struct kist_copy_plan *copy;
    size_t from;
    bool only; /* nothing that is in it */
};

static int take_entry(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    const struct taking *t = arg;
    int rc = add_entry(t->copy, e, t->from, err);

    return rc == 0 && t->only ? KIST_VIEW_SKIP : rc;
}

/* All at path, and below unless only. from: the bytes of path that are the item's; exclude does not see skip bytes. */
static int take(struct kist_copy_plan *c, const char *path, size_t from, size_t skip, bool only, struct kist_error *err)
{
    struct taking t = {c, from, only};
    struct kist_filter filter = {.ignore = only ? NULL : c->exclude, .skip = skip, .each = take_entry, .arg = &t};
    int rc = kist_context_list(c->from, path, kist_filter_take, &filter, err);

    kist_filter_release(&filter);
    return rc;
}

/* The directories that path is in, below its first from bytes. */
static int take_parents(struct kist_copy_plan *c, const char *path, size_t from, struct kist_error *err)
{
    char dir[KIST_MAX_PATH + 1];
    int rc = 0;

    for (size_t at = from + (from > 0); rc == 0 && path[at += strcspn(path + at, "/")] == '/'; at++) {
        memcpy(dir, path, at);
        dir[at] = '\0';
        rc = take(c, dir, from, 0, true, err);
    }
    return rc;
}

/* Where in path, which is resolved, the part begins that --parents keeps: after "./" in what was written. */
static size_t pivot(const char *written, const char *path)
{
    const char *mark = strstr(written, "/./");
    char before[KIST_MAX_PATH + 1], clean[KIST_MAX_PATH + 1];
    size_t len;

    if (!mark || !kist_str_format(before, sizeof(before), "%.*s", (int)(mark - written), written) ||
        !kist_path_clean(clean, sizeof(clean), before)) {
        return 0;
    }
    len = strlen(clean);
    return strncmp(clean, path, len) == 0 && path[len] == '/' ? len : 0;
}

static int not_found(const struct kist_copy_plan *c, const char *path, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_NOT_FOUND, "%s failed: %s: stat %s: file does not exist", c->name,
                          kist_context_owned(c->from) ? "not found" : "file not found in build context or excluded by .dockerignore",
                          path);
}

static int take_path(struct kist_copy_plan *c, const struct kist_copy_source *source, const char *path, struct kist_error *err)
{
    struct kist_copy_item item = {.source = source};
    const char *base = kist_path_base(path);
    char at[KIST_MAX_PATH + 1];
    size_t from, skip, len;
    int what = kist_context_resolve(c->from, at, path, true, err), rc;

    if (what <= 0) {
        return what < 0 ? what : not_found(c, source->path, err);
    }
    len = strlen(at);
    skip = what == KIST_PATH_DIRECTORY ? len : (size_t)(kist_path_base(at) - at);
    from = c->options->parents ? pivot(source->path, at) : len;
    item.kind = c->options->parents ? KIST_COPY_PARENTS : what == KIST_PATH_DIRECTORY ? KIST_COPY_DIRECTORY : KIST_COPY_FILE;
    rc = add_name(c, at, from, &item.from, err);
    if (rc == 0) {
        rc = add_name(c, base, strlen(base), &item.base, err);
    }
    if (rc == 0) {
        rc = add_item(c, &item, err);
    }
    if (rc == 0 && item.kind == KIST_COPY_PARENTS) {
        rc = take_parents(c, at, from, err);
    }
    rc = rc == 0 ? take(c, at, from, skip, false, err) : rc;
    if (rc == 0 && c->options->add && what == KIST_PATH_OTHER && c->entries[c->entry_count - 1].type == KIST_LAYER_FILE) {
        rc = kist_copy_is_archive(c, at, err);
        if (rc == 1) {
            c->items[c->item_count - 1].kind = KIST_COPY_ARCHIVE;
            rc = 0;
        }
    }
    return rc;
}

/* ---- patterns ---- */

struct matching {
    struct kist_pattern pattern;
    size_t from;             /* bytes of a path that it does not see */
    const char *prefix;      /* what was written before it */
    struct kist_strv found;  /* as written, the pattern's part filled in */
    size_t bytes, max;       /* of these */
    char last[KIST_MAX_PATH + 1]; /* the directory that matched last: what is in it is no match of its own */
};

static int match(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct matching *m = arg;
    const char *path = e->path + m->from + (m->from > 0 && e->path[m->from] == '/');
    size_t last = strlen(m->last);
    bool directory = e->type == KIST_LAYER_DIRECTORY;
    char whole[KIST_MAX_PATH + 1];
    int rc;

    if (*path == '\0') {
        return 0;
    }
    if (last > 0 && strncmp(path, m->last, last) == 0 && path[last] == '/') {
        return KIST_VIEW_SKIP;
    }
    if (!kist_pattern_match(&m->pattern, path)) {
        return !directory || kist_pattern_reaches(&m->pattern, path) ? 0 : KIST_VIEW_SKIP;
    }
    m->bytes += strlen(path) + sizeof(char *) + sizeof(struct kist_copy_item);
    if (m->bytes > m->max || !kist_str_format(whole, sizeof(whole), "%s%s%s", m->prefix, m->prefix[0] ? "/" : "", path)) {
        return kist_error_set(err, KIST_E_NO_SPACE, "more files match than 'mem' allows (leave some out by '.dockerignore', or raise it)");
    }
    rc = kist_strv_add(&m->found, whole, err);
    if (rc == 0 && directory) {
        memcpy(m->last, path, strlen(path) + 1);
        return KIST_VIEW_SKIP;
    }
    return rc;
}

/* Cuts path before its first part that is a pattern, which comes back. */
static char *split_pattern(char *path)
{
    char *part = path, *end;

    for (;; part = end + 1) {
        bool wild;

        end = part + strcspn(part, "/");
        if (*end == '\0') {
            break;
        }
        *end = '\0';
        wild = kist_pattern_is_wild(part);
        *end = '/';
        if (wild) {
            break;
        }
    }
    if (part > path) {
        part[-1] = '\0';
    }
    return part;
}

static int take_matches(struct kist_copy_plan *c, const struct kist_copy_source *source, char *path, struct kist_error *err)
{
    KIST_AUTO(free) struct matching *m = calloc(1, sizeof(*m));
    const char *pattern = split_pattern(path);
    char at[KIST_MAX_PATH + 1];
    int rc;

    if (!m) {
        return kist_error_nomem(err);
    }
    m->prefix = pattern > path ? path : "";
    m->max = c->names.max;
    rc = kist_context_resolve(c->from, at, m->prefix, true, err);
    if (rc < 0 || rc != KIST_PATH_DIRECTORY) {
        return KIST_MIN(rc, 0);
    }
    m->from = strlen(at);
    rc = kist_pattern_compile(&m->pattern, KIST_PATTERN_PATH, pattern, err);
    if (rc < 0) {
        return kist_error_wrap(err, "%s failed", c->name);
    }
    rc = kist_context_list(c->from, at, match, m, err);
    rc = rc == KIST_E_NOT_FOUND ? 0 : rc;
    for (size_t i = 0; i < m->found.n && rc == 0; i++) {
        rc = c->exclude && kist_ignore_match(c->exclude, kist_path_base(m->found.v[i])) ? 0 : take_path(c, source, m->found.v[i], err);
    }
    kist_pattern_release(&m->pattern);
    kist_strv_release(&m->found);
    return rc;
}

/* ---- one source ---- */

static int take_text(struct kist_copy_plan *c, const struct kist_copy_source *source, struct kist_error *err)
{
    struct kist_copy_item item = {.source = source, .kind = KIST_COPY_TEXT};
    int rc = add_name(c, source->path, strlen(source->path), &item.base, err);

    return rc == 0 ? add_item(c, &item, err) : rc;
}

static int take_url(struct kist_copy_plan *c, const struct kist_copy_source *source, struct kist_error *err)
{
    struct kist_copy_item item = {.source = source, .kind = KIST_COPY_URL};
    const char *base = NULL;
    size_t len = 0;
    int rc = kist_copy_check_url(c, source->path, &base, &len, err);

    if (rc == 0) {
        rc = add_name(c, base, len, &item.base, err);
    }
    return rc == 0 ? add_item(c, &item, err) : rc;
}

int kist_copy_add_source(struct kist_copy_plan *c, const struct kist_copy_source *source, struct kist_error *err)
{
    char path[KIST_MAX_PATH + 1];

    if (source->text) {
        return take_text(c, source, err);
    }
    if (c->options->add && kist_copy_is_url(source->path)) {
        return take_url(c, source, err);
    }
    if (c->options->checksum) {
        return kist_error_set(err, KIST_E_USAGE, "%s failed: --checksum is for a file that is fetched by its URL", c->name);
    }
    if (!kist_path_clean(path, sizeof(path), source->path)) {
        return kist_error_set(err, KIST_E_USAGE, "%s failed: forbidden path outside the build context: %s ()", c->name, source->path);
    }
    return kist_pattern_is_wild(path) ? take_matches(c, source, path, err) : take_path(c, source, path, err);
}
