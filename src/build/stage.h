/* What the files of a build share: its stages, and the step at hand. */
#ifndef KIST_BUILD_STAGE_H
#define KIST_BUILD_STAGE_H

#include "base/limits.h"
#include "build/build.h"
#include "build/known.h"
#include "codec/json.h"
#include "codec/sha256.h"
#include "layer/view.h"

/* A stage of the Dockerfile, or an image that it copies or mounts from. */
struct kist_stage {
    char *base;                          /* as FROM has it, expanded; or the image's name */
    const char *name;                    /* of "AS name"; NULL */
    const struct kist_instruction *from; /* NULL: it is an image */
    size_t first, end;                   /* its instructions after FROM */
    struct kist_stage *parent;           /* FROM a stage; NULL */
    struct kist_platform platform;
    bool needed, built;

    /* as far as it has come */
    cJSON *config; /* the image's, without "rootfs" */
    struct kist_strv args; /* "NAME=VALUE" of those declared that have one */
    struct kist_digest diff_ids[KIST_MAX_LAYERS];
    struct kist_layer *layers[KIST_MAX_LAYERS]; /* the first opened of them */
    size_t count, opened;
    int64_t created;   /* of its last layer; 0: not known */
    bool command_set;  /* by CMD, in this stage */
    bool unknown;      /* dry run: what its files are */
};

struct kist_build {
    const struct kist_build_options *options;
    struct kist_store *store;
    struct kist_store_lease *lease;
    struct kist_known *known; /* NULL: all files are read */
    struct kist_strv args;   /* those before the first FROM */
    struct kist_strv used;   /* names of build arguments that were asked for */
    struct kist_stage **stages; /* those of the file, then images */
    size_t stage_count, file_stages;
    struct kist_stage *target;
    unsigned step, total;
    struct kist_buf config, manifest; /* what is to be kept */
    struct kist_descriptor manifest_desc;
    struct kist_digest id;
};

/* One instruction being carried out. */
struct kist_step {
    struct kist_build *build;
    struct kist_stage *stage;
    const struct kist_dockerfile *file; /* that has it: the build's, or a trigger's own */
    const struct kist_instruction *in;
    struct kist_strv words;     /* its arguments, expanded where they are to be */
    struct kist_buf created_by; /* for the history */
    bool changed;               /* it has a layer */
};

void kist_build_tell(const struct kist_build *b, enum kist_build_event_kind kind, const char *text);

/* ---- plan.c ---- */

/* Stages, target, and which are needed. */
int kist_build_plan(struct kist_build *b, struct kist_error *err) KIST_CHECKED;
/* The stage that text (a name in any case, or a number) means for those before stage; NULL: none. */
struct kist_stage *kist_build_find(const struct kist_build *b, const char *text, const struct kist_stage *before);
/* What --from=text or a mount's from=text means at step: a stage, or an image that is fetched where need be; built and leased. */
int kist_build_source(struct kist_step *step, const char *text, struct kist_stage **out, struct kist_error *err) KIST_CHECKED;

/* ---- stage.c ---- */

int kist_stage_build(struct kist_build *b, struct kist_stage *stage, struct kist_error *err) KIST_CHECKED;
/* Its files so far; view is good until the stage gets another layer. */
int kist_stage_view(struct kist_build *b, struct kist_stage *stage, struct kist_view *view, struct kist_error *err) KIST_CHECKED;
void kist_stage_free(struct kist_stage *stage);

/* ---- base.c: where a stage begins ---- */

int kist_stage_begin(struct kist_build *b, struct kist_stage *stage, struct kist_error *err) KIST_CHECKED;

/* ---- variable.c ---- */

/* Enters what is declared as "NAME" or "NAME=default" into args, where it has a value. stage NULL: before the first FROM. */
int kist_build_arg(struct kist_build *b, const struct kist_stage *stage, const char *declared, struct kist_strv *args,
                   struct kist_error *err) KIST_CHECKED;
/* Such as every RUN sees, and no cache: HTTP_PROXY and the like. */
bool kist_build_arg_is_proxy(const char *name, size_t len);
/* Enters those that the options have. */
int kist_build_proxies(struct kist_build *b, struct kist_strv *env, struct kist_error *err) KIST_CHECKED;
/* Warns of build arguments that nobody asked for. */
int kist_build_unused(const struct kist_build *b, struct kist_error *err) KIST_CHECKED;
/* Appends text of the step, expanded with the stage's variables, to out; KIST_E_USAGE with the place, at in the instruction's text. */
int kist_step_expand(struct kist_step *step, const char *text, size_t at, struct kist_buf *out, struct kist_error *err) KIST_CHECKED;
/* Fills step->words. */
int kist_step_words(struct kist_step *step, struct kist_error *err) KIST_CHECKED;
/* Text expanded with the arguments before the first FROM alone. */
int kist_build_expand(struct kist_build *b, const struct kist_instruction *in, const char *text, size_t at, struct kist_buf *out,
                      struct kist_error *err) KIST_CHECKED;
/* A heredoc's text. */
int kist_step_heredoc(struct kist_step *step, const struct kist_heredoc *heredoc, struct kist_buf *out, struct kist_error *err)
    KIST_CHECKED;
/* A flag's value, expanded; *out NULL: not given. To be freed. */
int kist_step_flag(struct kist_step *step, const char *name, char **out, struct kist_error *err) KIST_CHECKED;

/* ---- config.c: instructions that only describe ---- */

int kist_step_config(struct kist_step *step, struct kist_error *err) KIST_CHECKED;
/* What a command comes to: its words from first on, or text given to the image's shell. */
int kist_step_command(const struct kist_step *step, size_t first, const char *text, struct kist_strv *words, struct kist_error *err)
    KIST_CHECKED;
/* The stage's "config" object. */
cJSON *kist_stage_run(const struct kist_stage *stage);
/* Its working directory; "/" where it has none. */
const char *kist_stage_workdir(const struct kist_stage *stage);

/* ---- layer.c: steps that change files ---- */

/* What goes into a step, as a key of the cache: each part with its length. */
struct kist_step_key {
    struct kist_sha256 hash;
};
/* link: it does not depend on what is below. */
void kist_step_key_begin(struct kist_step_key *key, const struct kist_step *step, bool link);
void kist_step_key_add(struct kist_step_key *key, const void *data, size_t len);
void kist_step_key_text(struct kist_step_key *key, const char *text); /* NULL is not "" */

/* What makes the layer; nothing was written where *changed stays false. Does not finish sink. */
typedef int kist_step_fill(void *arg, struct kist_sink *sink, bool *changed, struct kist_error *err);
/* The step's layer, from the cache or made. */
int kist_step_layer(struct kist_step *step, struct kist_step_key *key, kist_step_fill *fill, void *arg, struct kist_error *err)
    KIST_CHECKED;

/* ---- step_copy.c, step_run.c, step_workdir.c ---- */

int kist_step_copy(struct kist_step *step, struct kist_error *err) KIST_CHECKED;
int kist_step_run(struct kist_step *step, struct kist_error *err) KIST_CHECKED;
int kist_step_workdir(struct kist_step *step, struct kist_error *err) KIST_CHECKED;

/* An error at argument i of the step. */
int kist_step_blame(const struct kist_step *step, size_t i, struct kist_error *err);

#endif
