#include "cmd/build_input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/secret.h"
#include "cmd/input.h"
#include "registry/download.h"

#define HEAD ((size_t)512) /* bytes that tell an archive from a Dockerfile */
#define SECRET_MAX (500U << 10)

static bool is_url(const char *text)
{
    return kist_str_starts(text, "http://") || kist_str_starts(text, "https://");
}

/* ---- what comes as one stream ---- */

struct receiving {
    struct kist_sink sink;
    struct kist_build_input *input;
    struct kist_store *store;
    const struct kist_layer_options *layer;
    struct kist_buf *text; /* the head, then the Dockerfile */
    bool decided, archive;
};

/* Enough has come, or all. */
static int decide(struct receiving *r, struct kist_error *err)
{
    int rc;

    r->decided = true;
    if (!kist_context_is_tar(kist_buf_text(r->text), r->text->len)) {
        return kist_context_open_empty(&r->input->context, err);
    }
    r->archive = true;
    rc = kist_context_open_tar(&r->input->context, r->store, r->layer, err);
    rc = rc < 0 ? rc : kist_sink_write(kist_context_sink(r->input->context), r->text->data, r->text->len, err);
    kist_buf_clear(r->text);
    return rc;
}

static int receiving_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct receiving *r = KIST_CONTAINER_OF(sink, struct receiving, sink);
    int rc;

    if (r->archive) {
        return kist_sink_write(kist_context_sink(r->input->context), data, len, err);
    }
    rc = kist_buf_add(r->text, data, len, err);
    return rc < 0 || r->decided || r->text->len < HEAD ? rc : decide(r, err);
}

static int receiving_finish(struct kist_sink *sink, struct kist_error *err)
{
    struct receiving *r = KIST_CONTAINER_OF(sink, struct receiving, sink);
    int rc = r->decided ? 0 : decide(r, err);

    return rc == 0 && r->archive ? kist_sink_finish(kist_context_sink(r->input->context), err) : rc;
}

static int receive(struct receiving *r, const char *from, const struct kist_registry_options *net, struct kist_error *err)
{
    static const struct kist_sink_ops ops = {receiving_write, receiving_finish};
    FILE *f;
    int rc;

    r->sink.ops = &ops;
    if (is_url(from)) {
        rc = kist_download(from, net, &r->sink, NULL, err);
        return rc < 0 ? rc : kist_sink_finish(&r->sink, err);
    }
    rc = kist_input_open(&f, "-", err);
    return rc < 0 ? rc : kist_input_copy(f, &r->sink, err);
}

/* ---- files of this machine ---- */

static int read_stream(FILE *f, const char *name, struct kist_buf *out, struct kist_error *err)
{
    char part[4096];
    size_t got;
    int rc = 0;

    while (rc == 0 && (got = fread(part, 1, sizeof(part), f)) > 0) {
        rc = kist_buf_add(out, part, got, err);
    }
    kist_wipe(part, sizeof(part));
    if (rc == 0 && ferror(f)) {
        rc = kist_error_sys(err, KIST_E_IO, errno, "cannot read '%s'", name);
    }
    return rc < 0 && out->len + sizeof(part) > out->max ? kist_error_set(err, KIST_E_USAGE, "'%s' is too large", name) : rc;
}

static int read_path(const char *path, struct kist_buf *out, struct kist_error *err)
{
    FILE *f = fopen(path, "rb");
    int rc = f ? read_stream(f, path, out, err) : kist_error_sys(err, KIST_E_USAGE, errno, "cannot read '%s'", path);

    if (f) {
        (void)fclose(f);
    }
    return rc;
}

/* 1: it is read; 0: there is none. */
static int read_beside(const char *path, struct kist_buf *out, struct kist_error *err)
{
    FILE *f = fopen(path, "rb");
    int rc;

    if (!f) {
        return 0;
    }
    rc = read_stream(f, path, out, err);
    (void)fclose(f);
    return rc < 0 ? rc : 1;
}

/* ---- the Dockerfile, and what it leaves out ---- */

static int read_ignore(struct kist_build_input *input, const char *beside, bool inside, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_IGNORE);
    char name[KIST_MAX_PATH + 32] = ".dockerignore", own[KIST_MAX_PATH + 32];
    int rc = 0;

    if (beside && kist_str_format(own, sizeof(own), "%s.dockerignore", beside)) {
        rc = inside ? kist_context_text(input->context, own, &text, err) : read_beside(own, &text, err);
        rc = inside ? rc == 0 ? 1 : rc == KIST_E_NOT_FOUND ? 0 : rc : rc;
        if (rc == 1 && !kist_str_copy(name, sizeof(name), own)) {
            name[0] = '\0';
        }
    }
    if (rc == 0) {
        rc = kist_context_text(input->context, name, &text, err);
        rc = rc == KIST_E_NOT_FOUND ? 0 : rc < 0 ? rc : 1;
    }
    rc = rc == 1 ? kist_ignore_parse(&input->ignore, name, kist_buf_text(&text), text.len, err) : rc;
    if (rc == 0) {
        kist_context_ignore(input->context, input->ignore);
    }
    return rc;
}

static int read_inside(struct kist_build_input *input, const char *from, const char *file, struct kist_buf *text, struct kist_error *err)
{
    int rc = kist_context_text(input->context, file, text, err);

    return rc == KIST_E_NOT_FOUND
               ? kist_error_set(err, KIST_E_USAGE, "there is no Dockerfile '%s' in '%s' (name one by -f)", file, from)
               : rc;
}

/* In the context by default; -f is a path of this machine, or where the context was sent, one in there. */
static int read_dockerfile(struct kist_build_input *input, const char *from, const char *file, bool sent, struct kist_buf *text,
                           struct kist_error *err)
{
    const bool standard = file && strcmp(file, "-") == 0;
    const bool inside = !standard && (!file || sent);
    const char *name = standard ? "Dockerfile" : file ? file : "Dockerfile";
    int rc = 0;

    if (text->len == 0) {
        rc = standard ? read_stream(stdin, "-", text, err)
             : inside ? read_inside(input, from, name, text, err)
                      : read_path(file, text, err);
    }
    rc = rc < 0 ? rc : kist_dockerfile_parse(&input->file, kist_path_base(name), kist_buf_text(text), text->len, err);
    return rc < 0 ? rc : read_ignore(input, standard ? NULL : name, inside, err);
}

int kist_build_input_open(struct kist_build_input *input, struct kist_app *app, const char *from, const char *file,
                          const struct kist_layer_options *layer, const struct kist_registry_options *net,
                          struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_DOCKERFILE);
    const bool sent = strcmp(from, "-") == 0 || is_url(from);
    struct receiving r = {.input = input, .layer = layer, .text = &text};
    int rc = 0;

    if (strcmp(from, "-") == 0 && file && strcmp(file, "-") == 0) {
        return kist_error_set(err, KIST_E_USAGE, "invalid argument: can't use stdin for both build context and dockerfile");
    }
    if (strncmp(from, "git@", 4) == 0 || kist_str_starts(from, "git://") || kist_str_starts(from, "ssh://") ||
        (is_url(from) && (kist_str_ends(from, ".git") || strstr(from, ".git#")))) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "'%s' is a git repository: clone it, and name the directory", from);
    }
    if (sent) {
        rc = kist_app_store(app, true, &r.store, err);
        rc = rc < 0 ? rc : receive(&r, from, net, err);
    } else {
        rc = kist_context_open(&input->context, from, err);
    }
    return rc < 0 ? rc : read_dockerfile(input, from, file, sent, &text, err);
}

/* ---- secrets ---- */

static int read_secret(const char *id, const char *source, const char *variable, struct kist_buf *out, struct kist_error *err)
{
    const char *value = variable ? getenv(variable) : !source ? getenv(id) : NULL;

    if (value) {
        return kist_buf_puts(out, value, err);
    }
    return variable ? kist_error_set(err, KIST_E_USAGE, "secret '%s': the variable '%s' is not set", id, variable)
                    : read_path(source ? source : id, out, err);
}

static int add_secret(struct kist_build_input *input, char *text, struct kist_error *err)
{
    struct kist_buf data = KIST_BUF_INIT(SECRET_MAX);
    const char *id = NULL, *source = NULL, *variable = NULL;
    struct kist_build_secret *all;
    char *field;
    int rc;

    while ((field = kist_str_field(&text)) != NULL) {
        const char *value = strchr(field, '=');
        const size_t len = value ? (size_t)(value++ - field) : strlen(field);

        if (value && len == 2 && strncmp(field, "id", len) == 0) {
            id = value;
        } else if (value && ((len == 3 && strncmp(field, "src", len) == 0) || (len == 6 && strncmp(field, "source", len) == 0))) {
            source = value;
        } else if (value && len == 3 && strncmp(field, "env", len) == 0) {
            variable = value;
        } else if (!(value && len == 4 && strncmp(field, "type", len) == 0)) {
            return kist_error_set(err, KIST_E_USAGE, "secret: unexpected key '%s' (id=NAME,src=FILE or id=NAME,env=VARIABLE)", field);
        }
    }
    if (text) {
        return kist_error_set(err, KIST_E_USAGE, "secret: a quote is not closed");
    }
    if (!id || id[0] == '\0') {
        return kist_error_set(err, KIST_E_USAGE, "secret: id is missing (id=NAME,src=FILE)");
    }
    all = realloc(input->secrets, (input->secret_count + 1) * sizeof(*all));
    if (!all) {
        return kist_error_nomem(err);
    }
    input->secrets = all;
    rc = read_secret(id, source, variable, &data, err);
    if (rc == 0) {
        const size_t len = data.len;
        char *name = strdup(id);

        all[input->secret_count] = (struct kist_build_secret){name, len > 0 ? kist_buf_detach(&data) : NULL, len};
        input->secret_count += name != NULL;
        rc = name ? 0 : kist_error_nomem(err);
    }
    kist_buf_release(&data);
    return rc;
}

int kist_build_input_secrets(struct kist_build_input *input, const struct kist_strv *texts, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < texts->n && rc == 0; i++) {
        KIST_AUTO(free) char *copy = strdup(texts->v[i]);

        rc = copy ? add_secret(input, copy, err) : kist_error_nomem(err);
    }
    return rc;
}

void kist_build_input_release(struct kist_build_input *input)
{
    for (size_t i = 0; i < input->secret_count; i++) {
        void *data = (void *)(uintptr_t)input->secrets[i].data;

        if (data) {
            kist_wipe(data, input->secrets[i].len);
        }
        free(data);
        free((void *)(uintptr_t)input->secrets[i].id);
    }
    free(input->secrets);
    kist_dockerfile_release(&input->file);
    kist_context_close(input->context);
    kist_ignore_free(input->ignore);
}
