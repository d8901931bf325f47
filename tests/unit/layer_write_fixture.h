/*
 * For tests of the layer writer: a tar from a few words, written as a layer in a temporary directory, opened
 * again, and told as a few words.
 */
#ifndef KIST_TEST_LAYER_WRITE_FIXTURE_H
#define KIST_TEST_LAYER_WRITE_FIXTURE_H

#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "layer/layer.h"
#include "tar_maker.h"
#include "test.h"

#define MEMBERS_MAX 12
#define TEXT_MAX (1U << 20)

struct fixture {
    char base[64];
    struct port_dir *dir;
    struct kist_layer *layer; /* the one written last */
    struct kist_layer_info info;
    struct kist_error err;
};

static inline bool fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    if (!kist_str_copy(f->base, sizeof(f->base), "/tmp/kist-unit-XXXXXX") || !mkdtemp(f->base))
        abort();
    CHECK_OK(port_dir_open(&f->dir, f->base, false, &f->err), f->err);
    return f->dir != NULL;
}

static inline void fixture_close(struct fixture *f)
{
    kist_layer_close(f->layer);
    f->layer = NULL;
}

static inline void fixture_release(struct fixture *f)
{
    struct port_dir *tmp;

    fixture_close(f);
    port_dir_close(f->dir);
    if (port_dir_open(&tmp, "/tmp", false, &f->err) == 0) {
        CHECK_OK(port_dir_remove_tree(tmp, f->base + strlen("/tmp/"), &f->err), f->err);
        port_dir_close(tmp);
    }
}

static inline int fixture_feed(struct fixture *f, struct port_file *file, const struct kist_buf *tar,
                               size_t piece, const struct kist_layer_options *options)
{
    struct kist_layer_writer *w;
    struct kist_digest diff_id;
    int rc = kist_layer_writer_new(&w, file, options, &f->err);

    if (rc < 0)
        return rc;
    for (size_t at = 0; at < tar->len && rc == 0; at += piece)
        rc = kist_sink_write(kist_layer_writer_sink(w), tar->data + at, KIST_MIN(piece, tar->len - at),
                             &f->err);
    if (rc == 0)
        rc = kist_sink_finish(kist_layer_writer_sink(w), &f->err);
    kist_digest_of(&diff_id, tar->data, tar->len);
    if (rc == 0)
        rc = kist_layer_writer_seal(w, &diff_id, &f->info, &f->err);
    kist_layer_writer_free(w);
    return rc;
}

/* Writes tar, handed over in pieces, as the layer "layer"; f->layer is it, opened, where that works. */
static inline int fixture_write(struct fixture *f, const struct kist_buf *tar, size_t piece,
                                const struct kist_layer_options *options)
{
    struct port_file *file;
    int rc;

    fixture_close(f);
    f->err.message[0] = '\0';
    rc = port_file_create(&file, f->dir, "layer", true, &f->err);
    if (rc < 0)
        return rc;
    rc = fixture_feed(f, file, tar, piece, options);
    if (rc < 0) {
        port_file_discard(file);
        return rc;
    }
    rc = port_file_close(file, &f->err);
    if (rc == 0)
        rc = port_file_open(&file, f->dir, "layer", &f->err);
    return rc < 0 ? rc : kist_layer_open(&f->layer, file, &f->err);
}

/* ---- a tar of few words ---- */

/* A pax header with one xattr: "name=value". */
static inline void fixture_xattr(struct kist_buf *tar, const char *text)
{
    KIST_AUTO(buf) struct kist_buf record = MAKER_INIT;
    const char *equals = strchr(text, '=');
    char key[128];

    if (!kist_str_format(key, sizeof(key), "SCHILY.xattr.%.*s", (int)(equals - text), text))
        abort();
    maker_record(&record, key, equals + 1, strlen(equals + 1));
    maker_body(tar, 'x', "pax", record.data, record.len);
}

/*
 * "f name text", "d name [mode]", "l name target", "h name target", "c name major,minor", "b ...", "p name",
 * "@ xattr=value" for the next.
 */
static inline void fixture_member(struct kist_buf *tar, const char *text)
{
    static const char kinds[] = "fdlhcbp";
    static const char types[] = "0521346";
    char name[128] = "";
    char arg[512] = "";
    char mode[8];
    size_t at;

    if (sscanf(text, "%*c %127s %511[^\n]", name, arg) < 1)
        abort();
    if (text[0] == '@') {
        fixture_xattr(tar, text + 2);
        return;
    }
    if (text[0] == 'f') {
        maker_file(tar, name, arg);
        return;
    }
    at = maker_header(tar, types[strchr(kinds, text[0]) - kinds], name, 0);
    if (text[0] == 'd') {
        maker_octal(mode, 7, strtoul(arg[0] ? arg : "755", NULL, 8));
        maker_set(tar, at, 100, mode, 7);
    } else if (text[0] == 'l' || text[0] == 'h') {
        maker_set(tar, at, 157, arg, strlen(arg));
    } else if (text[0] == 'c' || text[0] == 'b') {
        maker_octal(mode, 7, strtoul(arg, NULL, 10));
        maker_set(tar, at, 329, mode, 7);
        maker_octal(mode, 7, strtoul(strchr(arg, ',') + 1, NULL, 10));
        maker_set(tar, at, 337, mode, 7);
    }
}

static inline void fixture_tar(struct kist_buf *tar, const char *const members[MEMBERS_MAX])
{
    for (size_t i = 0; i < MEMBERS_MAX && members[i]; i++)
        fixture_member(tar, members[i]);
    maker_end(tar);
}

/* ---- a layer in few words ---- */

struct text_sink {
    struct kist_sink sink;
    struct kist_buf *text;
};

static inline int text_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    return kist_buf_add(KIST_CONTAINER_OF(sink, struct text_sink, sink)->text, data, len, err);
}

static inline int text_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink;
    (void)err;
    return 0;
}

static const struct kist_sink_ops text_ops = {text_write, text_finish};

struct telling {
    struct fixture *f;
    struct kist_buf *text;
};

static inline int tell_xattrs(struct kist_buf *text, const struct kist_layer_entry *e, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < e->xattr_count && rc == 0; i++)
        rc = kist_buf_printf(text, err, " @%s=%.*s", e->xattrs[i].name, (int)e->xattrs[i].size,
                             (const char *)e->xattrs[i].value);
    return rc;
}

static inline int tell_entry(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    static const char kinds[] = "fdlcbpw";
    struct telling *t = arg;
    struct text_sink contents = {{&text_ops}, t->text};
    int rc = kist_buf_printf(t->text, err, "%s%c%s%s %s", t->text->len ? "; " : "", kinds[e->type],
                             e->implied ? "~" : "", e->opaque ? "!" : "", e->path[0] ? e->path : ".");

    if (rc == 0 && e->type == KIST_LAYER_FILE) {
        rc = kist_buf_printf(t->text, err, "%s=", e->links > 1 ? "*" : "");
        if (rc == 0)
            rc = kist_layer_read(t->f->layer, e->path, &contents.sink, err);
    } else if (rc == 0 && e->type == KIST_LAYER_DIRECTORY && e->mode != 0755) {
        rc = kist_buf_printf(t->text, err, " %o", (unsigned)e->mode);
    } else if (rc == 0 && e->type == KIST_LAYER_SYMLINK) {
        rc = kist_buf_printf(t->text, err, " > %s", e->target);
    } else if (rc == 0 && (e->type == KIST_LAYER_CHAR || e->type == KIST_LAYER_BLOCK)) {
        rc = kist_buf_printf(t->text, err, " %u,%u", (unsigned)e->major, (unsigned)e->minor);
    }
    return rc < 0 ? rc : tell_xattrs(t->text, e, err);
}

/*
 * All entries: "kind name" and what else there is to say: ~ implied, ! opaque, * one of several names, =
 * contents, > target,
 * @ xattrs; modes of directories that are not 755.
 */
static inline void fixture_tell(struct fixture *f, struct kist_buf *text)
{
    struct telling t = {f, text};

    kist_buf_clear(text);
    CHECK_OK(kist_layer_list(f->layer, tell_entry, &t, &f->err), f->err);
}

/* The hashes of the layer are right, and it gives back its tar. */
static inline void fixture_check(struct fixture *f, const struct kist_buf *tar)
{
    KIST_AUTO(buf) struct kist_buf back = MAKER_INIT;
    struct text_sink sink = {{&text_ops}, &back};

    CHECK_OK(kist_layer_verify(f->layer, &f->err), f->err);
    CHECK_OK(kist_layer_tar(f->layer, &sink.sink, &f->err), f->err);
    CHECK_INT(back.len, tar->len);
    if (back.len == tar->len && tar->len > 0)
        CHECK_MEM(back.data, tar->data, tar->len);
    CHECK_INT(f->info.tar_bytes, tar->len);
}

#endif
