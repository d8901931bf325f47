/* Variables: arguments and the image's environment, and who sees which. */
#include <stdlib.h>
#include <string.h>

#include "build/expand.h"
#include "build/stage.h"
#include "container/env.h"

/* Arguments that are there without an ARG, for RUN, and that make no image another. */
static const char *const proxies[] = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY",
                                      "ftp_proxy",  "NO_PROXY",   "no_proxy",    "ALL_PROXY",   "all_proxy"};

bool kist_build_arg_is_proxy(const char *name, size_t len)
{
    for (size_t i = 0; i < KIST_COUNT(proxies); i++) {
        if (strlen(proxies[i]) == len && strncmp(proxies[i], name, len) == 0) {
            return true;
        }
    }
    return false;
}

/* TARGETPLATFORM and its like, into out. */
static bool platform_arg(const struct kist_build *b, const char *name, size_t len, char out[KIST_PLATFORM_TEXT_MAX])
{
    static const char *const sides[] = {"TARGET", "BUILD"};
    const struct kist_platform *platforms[] = {&b->options->platform, &b->options->machine};

    for (size_t i = 0; i < KIST_COUNT(sides); i++) {
        const struct kist_platform *p = platforms[i];
        const size_t side = strlen(sides[i]);
        const struct {
            const char *name, *value;
        } parts[] = {{"OS", p->os}, {"ARCH", p->arch}, {"VARIANT", p->variant}};

        if (len <= side || strncmp(name, sides[i], side) != 0) {
            continue;
        }
        if (len - side == strlen("PLATFORM") && strncmp(name + side, "PLATFORM", len - side) == 0) {
            (void)kist_platform_text(out, p);
            return true;
        }
        for (size_t k = 0; k < KIST_COUNT(parts); k++) {
            if (len - side == strlen(parts[k].name) && strncmp(name + side, parts[k].name, len - side) == 0) {
                (void)!kist_str_copy(out, KIST_PLATFORM_TEXT_MAX, parts[k].value);
                return true;
            }
        }
    }
    return false;
}

static int note_used(struct kist_build *b, const char *name, size_t len, struct kist_error *err)
{
    KIST_AUTO(free) char *copy = strndup(name, len);

    return copy ? kist_strv_add(&b->used, copy, err) : kist_error_nomem(err);
}

/* --build-arg, else the default, else what the file said before its first FROM, else what is there by itself: BuildKit's order. */
int kist_build_arg(struct kist_build *b, const struct kist_stage *stage, const char *declared, struct kist_strv *args,
                   struct kist_error *err)
{
    const size_t len = strcspn(declared, "=");
    char platform[KIST_PLATFORM_TEXT_MAX];
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_EXPANSION);
    const char *value = kist_env_get(b->options->args, declared, len);
    int rc = value ? note_used(b, declared, len, err) : 0;

    if (!value && declared[len] == '=') {
        value = declared + len + 1;
    }
    if (!value && stage) {
        value = kist_env_get(&b->args, declared, len);
    }
    if (!value && platform_arg(b, declared, len, platform)) {
        value = platform;
    }
    if (rc < 0 || !value) {
        return rc;
    }
    rc = kist_buf_printf(&text, err, "%.*s=%s", (int)len, declared, value);
    return rc < 0 ? rc : kist_env_put(args, kist_buf_text(&text), err);
}

int kist_build_proxies(struct kist_build *b, struct kist_strv *env, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < b->options->args->n && rc == 0; i++) {
        const char *text = b->options->args->v[i];
        const size_t len = strcspn(text, "=");

        if (kist_build_arg_is_proxy(text, len)) {
            rc = note_used(b, text, len, err);
            rc = rc < 0 ? rc : kist_env_put(env, text, err);
        }
    }
    return rc;
}

int kist_build_unused(const struct kist_build *b, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf names = KIST_BUF_INIT(KIST_MAX_EXPANSION), line = KIST_BUF_INIT(KIST_MAX_EXPANSION);
    int rc = 0;

    for (size_t i = 0; i < b->options->args->n && rc == 0; i++) {
        const char *text = b->options->args->v[i];
        const size_t len = strcspn(text, "=");
        char platform[KIST_PLATFORM_TEXT_MAX];
        bool used = kist_build_arg_is_proxy(text, len) || platform_arg(b, text, len, platform) ||
                    strncmp(text, "SOURCE_DATE_EPOCH=", strlen("SOURCE_DATE_EPOCH=")) == 0;

        for (size_t k = 0; k < b->used.n && !used; k++) {
            used = strlen(b->used.v[k]) == len && strncmp(b->used.v[k], text, len) == 0;
        }
        rc = used ? 0 : kist_buf_printf(&names, err, "%s%.*s", names.len > 0 ? " " : "", (int)len, text);
    }
    if (rc == 0 && names.len > 0 &&
        (rc = kist_buf_printf(&line, err, "One or more build-args [%s] were not consumed", kist_buf_text(&names))) == 0) {
        kist_build_tell(b, KIST_BUILD_WARNING, kist_buf_text(&line));
    }
    return rc;
}

/* ---- looking up ---- */

struct scope {
    const struct kist_build *build;
    const struct kist_stage *stage; /* NULL: before the first FROM */
    char platform[KIST_PLATFORM_TEXT_MAX];
};

static const char *look_up(void *arg, const char *name)
{
    struct scope *s = arg;
    const size_t len = strlen(name);
    const cJSON *item;
    const char *value = NULL;

    if (!s->stage) {
        value = kist_env_get(&s->build->args, name, len);
        return value ? value : platform_arg(s->build, name, len, s->platform) ? s->platform : NULL;
    }
    cJSON_ArrayForEach(item, kist_json_array(kist_stage_run(s->stage), "Env"))
    {
        if (cJSON_IsString(item) && strncmp(item->valuestring, name, len) == 0 && item->valuestring[len] == '=') {
            value = item->valuestring + len + 1;
        }
    }
    return value ? value : kist_env_get(&s->stage->args, name, len);
}

static int expand(struct scope *s, const struct kist_dockerfile *file, const struct kist_instruction *in, const char *text,
                  size_t at, struct kist_buf *out, struct kist_error *err)
{
    struct kist_expand e = {.lookup = look_up, .arg = s, .escape = file->escape};

    return kist_expand_word(out, &e, text, err) < 0 ? kist_dockerfile_blame(file, in, at + e.at, err) : 0;
}

int kist_build_expand(struct kist_build *b, const struct kist_instruction *in, const char *text, size_t at, struct kist_buf *out,
                      struct kist_error *err)
{
    struct scope s = {.build = b};

    return expand(&s, b->options->file, in, text, at, out, err);
}

int kist_step_expand(struct kist_step *step, const char *text, size_t at, struct kist_buf *out, struct kist_error *err)
{
    struct scope s = {.build = step->build, .stage = step->stage};

    return expand(&s, step->file, step->in, text, at, out, err);
}

int kist_step_heredoc(struct kist_step *step, const struct kist_heredoc *heredoc, struct kist_buf *out, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf raw = KIST_BUF_INIT(KIST_MAX_EXPANSION);
    struct scope s = {.build = step->build, .stage = step->stage};
    struct kist_expand e = {.lookup = look_up, .arg = &s, .escape = '\\', .quotes_stand = true};
    int rc;

    if (!heredoc->expand) {
        return kist_heredoc_content(out, heredoc, err);
    }
    rc = kist_heredoc_content(&raw, heredoc, err);
    rc = rc < 0 ? rc : kist_expand_word(out, &e, kist_buf_text(&raw), err);
    return rc < 0 ? kist_dockerfile_blame(step->file, step->in, 0, err) : 0;
}

int kist_step_words(struct kist_step *step, struct kist_error *err)
{
    const struct kist_instruction *in = step->in;
    const bool expands = kist_keyword_expands(in->keyword), splits = in->keyword == KIST_KEYWORD_EXPOSE;
    struct scope s = {.build = step->build, .stage = step->stage};
    int rc = 0;

    for (size_t i = 0; i < in->args.n && rc == 0; i++) {
        KIST_AUTO(buf) struct kist_buf word = KIST_BUF_INIT(KIST_MAX_EXPANSION);
        struct kist_expand e = {.lookup = look_up, .arg = &s, .escape = step->file->escape};

        if (splits) {
            rc = kist_expand_words(&step->words, &e, in->args.v[i], err);
            rc = rc < 0 ? kist_dockerfile_blame(step->file, in, in->at[i] + e.at, err) : 0;
            continue;
        }
        rc = expands ? expand(&s, step->file, in, in->args.v[i], in->at[i], &word, err)
                     : kist_buf_puts(&word, in->args.v[i], err);
        rc = rc < 0 ? rc : kist_strv_add(&step->words, kist_buf_text(&word), err);
    }
    return rc;
}

int kist_step_flag(struct kist_step *step, const char *name, char **out, struct kist_error *err)
{
    const struct kist_instruction *in = step->in;

    *out = NULL;
    for (size_t i = 0; i < in->flag_count; i++) {
        KIST_AUTO(buf) struct kist_buf value = KIST_BUF_INIT(KIST_MAX_EXPANSION);
        const struct kist_instruction_flag *f = &in->flags[i];
        int rc;

        if (strcmp(f->name, name) != 0) {
            continue;
        }
        rc = f->expands ? kist_step_expand(step, f->value, f->value_at, &value, err) : kist_buf_puts(&value, f->value, err);
        if (rc == 0 && !(*out = strdup(kist_buf_text(&value)))) {
            rc = kist_error_nomem(err);
        }
        return rc;
    }
    return 0;
}
