/* For tests of COPY and ADD: directories from words, instructions of words, and the layer they make in words. */
#ifndef KIST_TEST_BUILD_COPY_FIXTURE_H
#define KIST_TEST_BUILD_COPY_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/path.h"
#include "build/copy.h"
#include "layer_stack.h"

/* A directory of its own, filled from words: "f name text", "d name [mode]", "l name target", "h name target", "p name". */
struct tree {
    char path[64];
};

static inline void tree_path(const struct tree *t, const char *name, char *dst, size_t size)
{
    if (!kist_path_join(dst, size, t->path, name)) {
        abort();
    }
}

static inline void tree_member(const struct tree *t, const char *text)
{
    char name[128] = "", arg[512] = "", path[256], other[256];
    bool ok = sscanf(text, "%*c %127s %511[^\n]", name, arg) >= 1;

    tree_path(t, name, path, sizeof(path));
    for (char *slash = path + strlen(t->path) + 1; ok && (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        (void)!mkdir(path, 0755);
    }
    if (text[0] == 'f') {
        FILE *f = fopen(path, "w");

        ok = ok && f && fputs(arg, f) >= 0 && fclose(f) == 0 && chmod(path, 0644) == 0;
    } else if (text[0] == 'd') {
        ok = ok && (mkdir(path, 0755) == 0 || errno == EEXIST) && chmod(path, arg[0] ? (mode_t)strtoul(arg, NULL, 8) : 0755) == 0;
    } else if (text[0] == 'h') {
        tree_path(t, arg, other, sizeof(other));
        ok = ok && link(other, path) == 0;
    } else {
        ok = ok && (text[0] == 'p' ? mkfifo(path, 0644) == 0 : symlink(arg, path) == 0);
    }
    if (!ok) {
        abort();
    }
}

static inline void tree_make(struct tree *t, const char *const members[])
{
    if (!kist_str_copy(t->path, sizeof(t->path), "/tmp/kist-unit-XXXXXX") || !mkdtemp(t->path) || chmod(t->path, 0755) < 0) {
        abort();
    }
    for (size_t i = 0; members && members[i]; i++) {
        tree_member(t, members[i]);
    }
}

static inline void tree_remove(struct tree *t)
{
    struct kist_error err = {0};
    struct port_dir *tmp;

    if (port_dir_open(&tmp, "/tmp", false, &err) == 0) {
        CHECK_OK(port_dir_remove_tree(tmp, t->path + strlen("/tmp/"), &err), err);
        port_dir_close(tmp);
    }
}

/* ---- one instruction ---- */

struct step {
    struct kist_context *context;
    struct kist_copy_options options;
    struct kist_layer_options limits;
    struct kist_view image;
    struct kist_digest digest;
    struct kist_error err;
    struct kist_buf tar;
};

static inline void step_init(struct step *s, const struct tree *t)
{
    memset(s, 0, sizeof(*s));
    s->options.epoch = INT64_MAX;
    s->options.limits = &s->limits;
    kist_buf_init(&s->tar, 4U << 20);
    if (t) {
        CHECK_OK(kist_context_open(&s->context, t->path, &s->err), s->err);
    }
}

static inline void step_release(struct step *s)
{
    kist_context_close(s->context);
    kist_buf_release(&s->tar);
}

/* Words with spaces between: sources, then the destination. */
static inline int step_run(struct step *s, const char *words)
{
    char text[512], *at[16], *save = NULL;
    struct kist_copy_source sources[16];
    struct kist_copy_plan *copy = NULL;
    struct text_sink sink = {{&text_ops}, &s->tar};
    size_t n = 0;
    int rc;

    if (!kist_str_copy(text, sizeof(text), words)) {
        abort();
    }
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        at[n++] = word;
    }
    for (size_t i = 0; i + 1 < n; i++) {
        bool heredoc = strncmp(at[i], "<<", 2) == 0;

        sources[i] = (struct kist_copy_source){.path = at[i] + (heredoc ? 2 : 0), .text = heredoc ? "here\n" : NULL, .len = heredoc ? 5 : 0};
    }
    s->err.message[0] = '\0';
    kist_buf_clear(&s->tar);
    rc = kist_copy_new(&copy, s->options.add ? "ADD" : "COPY", s->context, sources, n - 1, at[n - 1], &s->options, &s->err);
    rc = rc == 0 ? kist_copy_digest(copy, &s->digest, &s->err) : rc;
    rc = rc == 0 ? kist_copy_write(copy, &s->image, &sink.sink, &s->err) : rc;
    kist_copy_free(copy);
    return rc;
}

/* "kind path [mode uid:gid] ..." of each entry of the layer that the tar makes. */
static inline int tell_more(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    static const char kinds[] = "fdlcbpw";
    struct telling *t = arg;
    struct text_sink contents = {{&text_ops}, t->text};
    int rc;

    if (e->path[0] == '\0') {
        return 0;
    }
    rc = kist_buf_printf(t->text, err, "%s%c%s %s", t->text->len ? "; " : "", kinds[e->type], e->implied ? "~" : "", e->path);
    if (rc == 0 && e->type != KIST_LAYER_SYMLINK && e->mode != (e->type == KIST_LAYER_DIRECTORY ? 0755U : 0644U)) {
        rc = kist_buf_printf(t->text, err, " %o", (unsigned)e->mode);
    }
    if (rc == 0 && (e->uid || e->gid)) {
        rc = kist_buf_printf(t->text, err, " %u:%u", (unsigned)e->uid, (unsigned)e->gid);
    }
    if (rc == 0 && e->type == KIST_LAYER_FILE) {
        rc = kist_buf_puts(t->text, e->links > 1 ? "*=" : "=", err);
        rc = rc == 0 ? kist_layer_read_entry(t->f->layer, e, &contents.sink, err) : rc;
    } else if (rc == 0 && e->type == KIST_LAYER_SYMLINK) {
        rc = kist_buf_printf(t->text, err, " > %s", e->target);
    }
    return rc;
}

static inline void check_layer(struct step *s, const char *want)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(TEXT_MAX);
    struct fixture f;
    struct telling t = {&f, &text};

    if (!fixture_init(&f)) {
        abort();
    }
    CHECK_OK(fixture_write(&f, &s->tar, s->tar.len, &stack_options), f.err);
    CHECK_OK(kist_layer_list(f.layer, tell_more, &t, &f.err), f.err);
    CHECK_STR(kist_buf_text(&text), want);
    fixture_release(&f);
}

static inline void check_step(struct step *s, const char *words, const char *want)
{
    int rc;

    TEST_CASE(words);
    rc = step_run(s, words);
    CHECK_OK(rc, s->err);
    if (rc == 0) {
        check_layer(s, want);
    }
    TEST_CASE(NULL);
}

static inline void check_fails(struct step *s, const char *words, int code, const char *message)
{
    TEST_CASE(words);
    CHECK_INT(step_run(s, words), code);
    CHECK_STR(s->err.message, message);
    TEST_CASE(NULL);
}

/* ---- a store ---- */

/* In a temporary directory; what is sent or fetched is kept in it meanwhile. */
struct place {
    struct tree tree;
    struct kist_store *store;
};

static inline void place_open(struct place *p)
{
    struct kist_error err = {0};
    char root[128];

    tree_make(&p->tree, NULL);
    tree_path(&p->tree, "store", root, sizeof(root));
    CHECK_OK(kist_store_open(&p->store, root, true, &err), err);
}

static inline void place_close(struct place *p)
{
    kist_store_close(p->store);
    tree_remove(&p->tree);
}

static inline int count_name(void *arg, const char *name, struct kist_error *err)
{
    (void)name, (void)err;
    ++*(int *)arg;
    return 0;
}

/* Names that are in partial/. */
static inline int place_left(struct place *p)
{
    struct kist_error err = {0};
    struct port_dir *dir;
    char path[128];
    int count = 0;

    tree_path(&p->tree, "store/partial", path, sizeof(path));
    CHECK_OK(port_dir_open(&dir, path, false, &err), err);
    CHECK_OK(port_dir_list(dir, count_name, &count, &err), err);
    port_dir_close(dir);
    return count;
}

#endif
