/* Which stages there are, which one is wanted, and which it needs. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "build/stage.h"
#include "image/reference.h"

static struct kist_stage *add_stage(struct kist_build *b, struct kist_error *err)
{
    struct kist_stage **all = realloc(b->stages, (b->stage_count + 1) * sizeof(struct kist_stage *));
    struct kist_stage *stage = all ? calloc(1, sizeof(*stage)) : NULL;

    b->stages = all ? all : b->stages;
    if (!stage) {
        (void)kist_error_nomem(err);
        return NULL;
    }
    b->stages[b->stage_count++] = stage;
    stage->platform = b->options->platform;
    return stage;
}

struct kist_stage *kist_build_find(const struct kist_build *b, const char *text, const struct kist_stage *before)
{
    struct kist_stage *found = NULL;
    uint64_t number;

    for (size_t i = 0; i < b->file_stages && b->stages[i] != before; i++) {
        const char *name = b->stages[i]->name;

        found = name && strcasecmp(name, text) == 0 ? b->stages[i] : found;
    }
    if (!found && kist_str_u64(text, b->file_stages, &number)) {
        for (size_t i = 0; i < b->file_stages && b->stages[i] != before; i++) {
            found = i == number ? b->stages[i] : found;
        }
    }
    return found;
}

/* ---- FROM ---- */

static int check_base(const struct kist_build *b, const struct kist_stage *stage, struct kist_error *err)
{
    const struct kist_instruction *in = stage->from;
    struct kist_reference ref;
    struct kist_digest id;

    if (stage->base[0] == '\0') {
        return kist_dockerfile_fail(b->options->file, in, in->at[0], err, KIST_E_USAGE, "base name (%s) should not be blank",
                                    in->args.v[0]);
    }
    if (stage->parent || strcmp(stage->base, "scratch") == 0 || kist_digest_parse(&id, stage->base, NULL) == 0 ||
        kist_reference_parse(&ref, stage->base, err) == 0) {
        return 0;
    }
    return kist_dockerfile_blame(b->options->file, in, in->at[0], err);
}

static int read_from(struct kist_build *b, const struct kist_instruction *in, struct kist_stage *stage, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf base = KIST_BUF_INIT(KIST_MAX_EXPANSION), platform = KIST_BUF_INIT(KIST_MAX_EXPANSION);
    int rc = kist_build_expand(b, in, in->args.v[0], in->at[0], &base, err);

    stage->from = in;
    stage->name = in->args.n > 2 ? in->args.v[2] : NULL;
    if (rc == 0 && !(stage->base = strdup(kist_buf_text(&base)))) {
        rc = kist_error_nomem(err);
    }
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i + 1 < b->stage_count; i++) { /* the later of two of the same name */
        const char *name = b->stages[i]->name;

        stage->parent = name && strcasecmp(name, stage->base) == 0 ? b->stages[i] : stage->parent;
    }
    for (size_t i = 0; i < in->flag_count && rc == 0; i++) {
        rc = kist_build_expand(b, in, in->flags[i].value, in->flags[i].value_at, &platform, err);
        if (rc == 0 && platform.len > 0 && kist_platform_parse(&stage->platform, kist_buf_text(&platform), err) < 0) {
            rc = kist_dockerfile_blame(b->options->file, in, in->flags[i].at, err);
        }
    }
    return rc < 0 ? rc : check_base(b, stage, err);
}

static int read_global_arg(struct kist_build *b, const struct kist_instruction *in, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < in->args.n && rc == 0; i++) {
        KIST_AUTO(buf) struct kist_buf word = KIST_BUF_INIT(KIST_MAX_EXPANSION);

        rc = kist_build_expand(b, in, in->args.v[i], in->at[i], &word, err);
        rc = rc < 0 ? rc : kist_build_arg(b, NULL, kist_buf_text(&word), &b->args, err);
    }
    return rc;
}

static int read_stages(struct kist_build *b, struct kist_error *err)
{
    const struct kist_dockerfile *file = b->options->file;
    struct kist_stage *stage = NULL;
    int rc = 0;

    for (size_t i = 0; i < file->n && rc == 0; i++) {
        const struct kist_instruction *in = &file->v[i];

        if (in->keyword == KIST_KEYWORD_FROM) {
            stage = add_stage(b, err);
            rc = stage ? read_from(b, in, stage, err) : (int)KIST_E_NOMEM;
            if (rc == 0) {
                stage->first = stage->end = i + 1;
            }
        } else if (stage) {
            stage->end = i + 1;
        } else {
            b->total++;
            rc = read_global_arg(b, in, err);
        }
    }
    b->file_stages = b->stage_count;
    return rc;
}

/* ---- what is needed ---- */

/* The stage that the instruction reads from, as far as the file alone tells; NULL: none. */
static struct kist_stage *reads_from(const struct kist_build *b, const struct kist_stage *stage, const struct kist_instruction *in,
                                     size_t flag)
{
    const struct kist_instruction_flag *f = &in->flags[flag];
    char name[256];
    const char *from = NULL;

    if (in->keyword == KIST_KEYWORD_COPY && strcmp(f->name, "from") == 0) {
        from = f->value;
    } else if (in->keyword == KIST_KEYWORD_RUN && strcmp(f->name, "mount") == 0) {
        const char *at = kist_str_starts(f->value, "from=") ? f->value - 1 : strstr(f->value, ",from=");

        from = at && kist_str_format(name, sizeof(name), "%.*s", (int)strcspn(at + 6, ","), at + 6) ? name : NULL;
    }
    return from ? kist_build_find(b, from, stage) : NULL;
}

static void need(struct kist_build *b, struct kist_stage *stage)
{
    const struct kist_dockerfile *file = b->options->file;

    if (stage->needed) {
        return;
    }
    stage->needed = true;
    b->total += (unsigned)(stage->end - stage->first) + 1;
    if (stage->parent) {
        need(b, stage->parent);
    }
    for (size_t i = stage->first; i < stage->end; i++) {
        for (size_t k = 0; k < file->v[i].flag_count; k++) {
            struct kist_stage *source = reads_from(b, stage, &file->v[i], k);

            if (source) {
                need(b, source);
            }
        }
    }
}

int kist_build_plan(struct kist_build *b, struct kist_error *err)
{
    const char *target = b->options->target;
    int rc = read_stages(b, err);

    if (rc < 0) {
        return rc;
    }
    if (b->file_stages == 0) {
        return kist_error_set(err, KIST_E_USAGE, "%s: there is no FROM", b->options->file->name);
    }
    b->target = target ? kist_build_find(b, target, NULL) : b->stages[b->file_stages - 1];
    if (!b->target) {
        return kist_error_set(err, KIST_E_USAGE, "target stage '%s' could not be found", target);
    }
    need(b, b->target);
    return 0;
}

/* ---- --from ---- */

static int refuse_later(const struct kist_step *step, const char *text, struct kist_error *err)
{
    const struct kist_build *b = step->build;
    const struct kist_stage *later = kist_build_find(b, text, NULL);

    if (!later) {
        return 0;
    }
    return later == step->stage
               ? kist_error_set(err, KIST_E_USAGE, "circular dependency detected on stage: '%s' reads from itself", text)
               : kist_error_set(err, KIST_E_USAGE, "stage '%s' comes later, in line %u: a stage reads from those before it", text,
                                later->from->line);
}

int kist_build_source(struct kist_step *step, const char *text, struct kist_stage **out, struct kist_error *err)
{
    struct kist_build *b = step->build;
    struct kist_stage *stage = kist_build_find(b, text, step->stage);
    struct kist_reference ref;
    struct kist_digest id;
    uint64_t number;
    int rc = 0;

    if (!stage && (rc = refuse_later(step, text, err)) == 0) {
        if (kist_str_u64(text, UINT64_MAX, &number)) {
            return kist_error_set(err, KIST_E_USAGE, "there is no stage %s", text);
        }
        for (size_t i = b->file_stages; i < b->stage_count && !stage; i++) {
            stage = strcmp(b->stages[i]->base, text) == 0 && kist_platform_equal(&b->stages[i]->platform, &step->stage->platform)
                        ? b->stages[i]
                        : NULL;
        }
        if (!stage && (kist_digest_parse(&id, text, NULL) == 0 || (rc = kist_reference_parse(&ref, text, err)) == 0)) {
            stage = add_stage(b, err);
            rc = stage && (stage->base = strdup(text)) ? 0 : kist_error_nomem(err);
            if (rc == 0) {
                stage->platform = step->stage->platform;
            }
        }
    }
    if (rc == 0 && !stage->built) {
        rc = kist_stage_build(b, stage, err);
    }
    *out = stage;
    return rc;
}
