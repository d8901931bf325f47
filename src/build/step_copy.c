/* COPY and ADD. */
#include <stdlib.h>
#include <string.h>

#include "build/copy.h"
#include "build/stage.h"

struct copying {
    struct kist_step *step;
    struct kist_copy_source *sources;
    size_t count;
    struct kist_buf *texts; /* of heredocs */
    char *chown, *chmod, *checksum;
    struct kist_strv exclude;
    struct kist_copy_options options;
    struct kist_stage *stage;    /* of --from; NULL */
    struct kist_context *opened; /* of that */
    struct kist_copy_plan *copy;
};

static bool flag_is_set(const struct kist_step *step, const char *name)
{
    const char *value = kist_instruction_flag(step->in, name);

    return value && strcmp(value, "false") != 0;
}

static int read_flags(struct copying *c, struct kist_error *err)
{
    struct kist_step *step = c->step;
    int rc = kist_step_flag(step, "chown", &c->chown, err);

    rc = rc < 0 ? rc : kist_step_flag(step, "chmod", &c->chmod, err);
    rc = rc < 0 ? rc : kist_step_flag(step, "checksum", &c->checksum, err);
    for (size_t i = 0; i < step->in->flag_count && rc == 0; i++) {
        KIST_AUTO(buf) struct kist_buf value = KIST_BUF_INIT(KIST_MAX_EXPANSION);
        const struct kist_instruction_flag *f = &step->in->flags[i];

        if (strcmp(f->name, "exclude") == 0) {
            rc = kist_step_expand(step, f->value, f->value_at, &value, err);
            rc = rc < 0 ? rc : kist_strv_add(&c->exclude, kist_buf_text(&value), err);
        } else if (strcmp(f->name, "keep-git-dir") == 0 || strcmp(f->name, "unpack") == 0) {
            return kist_dockerfile_fail(step->file, step->in, f->at, err, KIST_E_UNSUPPORTED, "--%s is not supported", f->name);
        }
    }
    return rc;
}

static int read_sources(struct copying *c, struct kist_error *err)
{
    const struct kist_instruction *in = c->step->in;
    const size_t paths = c->step->words.n - 1;
    int rc = 0;

    c->sources = calloc(paths + in->heredoc_count + 1, sizeof(*c->sources));
    c->texts = calloc(in->heredoc_count + 1, sizeof(*c->texts));
    if (!c->sources || !c->texts) {
        return kist_error_nomem(err);
    }
    for (; c->count < paths; c->count++) {
        c->sources[c->count].path = c->step->words.v[c->count];
    }
    for (size_t i = 0; i < in->heredoc_count && rc == 0; i++) {
        kist_buf_init(&c->texts[i], KIST_MAX_DOCKERFILE);
        rc = kist_step_heredoc(c->step, &in->heredocs[i], &c->texts[i], err);
        c->sources[c->count++] = (struct kist_copy_source){in->heredocs[i].name, kist_buf_text(&c->texts[i]), c->texts[i].len};
    }
    return rc;
}

static int open_source(struct copying *c, const char *from, struct kist_context **context, struct kist_error *err)
{
    struct kist_view view;
    int rc;

    *context = c->step->build->options->context;
    if (!from) {
        return 0;
    }
    rc = kist_build_source(c->step, from, &c->stage, err);
    if (rc < 0 || c->stage->unknown) {
        return rc < 0 ? kist_dockerfile_blame(c->step->file, c->step->in, kist_instruction_flag_at(c->step->in, "from"), err) : 0;
    }
    rc = kist_stage_view(c->step->build, c->stage, &view, err);
    rc = rc < 0 ? rc : kist_context_open_view(&c->opened, &view, err);
    *context = c->opened;
    return rc;
}

/* "COPY --chown=1 a b /c/", as it was expanded. */
static int say(const struct copying *c, struct kist_error *err)
{
    const struct {
        const char *name, *value;
    } flags[] = {{"--chown=", c->chown}, {"--chmod=", c->chmod}, {"--link", c->options.link ? "" : NULL}};
    struct kist_buf *out = &c->step->created_by;
    int rc = kist_buf_puts(out, kist_keyword_name(c->step->in->keyword), err);

    for (size_t i = 0; i < KIST_COUNT(flags) && rc == 0; i++) {
        rc = flags[i].value ? kist_buf_printf(out, err, " %s%s", flags[i].name, flags[i].value) : 0;
    }
    for (size_t i = 0; i < c->count && rc == 0; i++) {
        rc = kist_buf_printf(out, err, " %s%s", c->sources[i].text ? "<<" : "", c->sources[i].path);
    }
    return rc < 0 ? rc : kist_buf_printf(out, err, " %s", c->step->words.v[c->step->words.n - 1]);
}

static int fill(void *arg, struct kist_sink *sink, bool *changed, struct kist_error *err)
{
    struct copying *c = arg;
    struct kist_view image;
    int rc = kist_stage_view(c->step->build, c->step->stage, &image, err);

    *changed = true;
    return rc < 0 ? rc : kist_copy_write(c->copy, &image, sink, err);
}

/* All that the layer is made of but what is below it. */
static int add_to_key(const struct copying *c, struct kist_step_key *key, struct kist_error *err)
{
    const struct kist_copy_options *o = &c->options;
    struct kist_digest digest;
    int rc = kist_copy_digest(c->copy, &digest, err);

    kist_step_key_add(key, &digest, sizeof(digest));
    kist_step_key_text(key, c->step->words.v[c->step->words.n - 1]);
    kist_step_key_text(key, o->workdir);
    kist_step_key_text(key, o->chown);
    kist_step_key_text(key, o->chmod);
    kist_step_key_text(key, o->parents ? "parents" : "");
    return rc;
}

static int copy(struct copying *c, struct kist_error *err)
{
    struct kist_step *step = c->step;
    const char *from = kist_instruction_flag(step->in, "from");
    struct kist_context *context;
    struct kist_step_key key;
    bool fetches = false;
    int rc;

    if ((rc = say(c, err)) < 0 || (rc = open_source(c, from, &context, err)) < 0) {
        return rc;
    }
    for (size_t i = 0; i < c->count; i++) {
        fetches = fetches || (c->options.add && !c->sources[i].text && strstr(c->sources[i].path, "://"));
    }
    if (step->build->options->dry_run && (step->stage->unknown || (c->stage && c->stage->unknown) || fetches)) {
        step->stage->unknown = step->changed = true;
        kist_build_tell(step->build, KIST_BUILD_MISSING, NULL);
        return 0;
    }
    rc = kist_copy_new(&c->copy, kist_keyword_name(step->in->keyword), context, c->sources, c->count,
                       step->words.v[step->words.n - 1], &c->options, err);
    if (rc < 0) {
        return rc;
    }
    /* a name is looked up in the image */
    kist_step_key_begin(&key, step, c->options.link && (!c->chown || strspn(c->chown, "0123456789:") == strlen(c->chown)));
    rc = add_to_key(c, &key, err);
    return rc < 0 ? rc : kist_step_layer(step, &key, fill, c, err);
}

static void release(struct copying *c)
{
    kist_copy_free(c->copy);
    kist_context_close(c->opened);
    for (size_t i = 0; c->texts && i < c->step->in->heredoc_count; i++) {
        kist_buf_release(&c->texts[i]);
    }
    free(c->texts);
    free(c->sources);
    free(c->chown);
    free(c->chmod);
    free(c->checksum);
    kist_strv_release(&c->exclude);
}

/* Whether word stands in a message, on its own or as where a path begins. */
static bool names(const char *message, const char *word)
{
    const size_t len = strlen(word);

    for (const char *at = message; len > 0 && (at = strstr(at, word)) != NULL; at++) {
        const char *before = at - message > 2 && strncmp(at - 2, "./", 2) == 0 ? at - 2 : at;

        if (before > message && strchr(" '", before[-1]) && strchr(" ':/", at[len])) {
            return true;
        }
    }
    return false;
}

/* A message names the path it is about, or what a flag has for a value. */
static int blame(const struct kist_step *step, struct kist_error *err)
{
    const struct kist_instruction *in = step->in;
    size_t word = 0;

    for (size_t i = 0; i < in->flag_count; i++) {
        if (names(err->message, in->flags[i].value)) {
            return kist_dockerfile_blame(step->file, in, in->flags[i].at, err);
        }
    }
    while (word < step->words.n && !names(err->message, step->words.v[word])) {
        word++;
    }
    return kist_step_blame(step, word < step->words.n ? word : 0, err);
}

int kist_step_copy(struct kist_step *step, struct kist_error *err)
{
    const struct kist_build_options *o = step->build->options;
    struct copying c = {.step = step};
    int rc = read_flags(&c, err);

    rc = rc < 0 ? rc : read_sources(&c, err);
    if (rc == 0) {
        c.options = (struct kist_copy_options){
            .add = step->in->keyword == KIST_KEYWORD_ADD,
            .link = flag_is_set(step, "link"),
            .parents = flag_is_set(step, "parents"),
            .workdir = kist_stage_workdir(step->stage),
            .chown = c.chown,
            .chmod = c.chmod,
            .checksum = c.checksum,
            .exclude = &c.exclude,
            .epoch = o->epoch >= 0 ? o->epoch : INT64_MAX,
            .limits = o->layer,
            .store = step->build->store,
            .net = o->net,
            .known = step->build->known,
        };
        rc = copy(&c, err);
        rc = rc < 0 ? blame(step, err) : rc;
    }
    release(&c);
    return rc;
}
