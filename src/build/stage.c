/* A stage: its base, then one instruction after the other. */
#include <stdlib.h>
#include <string.h>

#include "build/stage.h"
#include "transfer/made.h"

void kist_stage_free(struct kist_stage *stage)
{
    for (size_t i = 0; i < stage->opened; i++) {
        kist_layer_close(stage->layers[i]);
    }
    cJSON_Delete(stage->config);
    kist_strv_release(&stage->args);
    free(stage->base);
    free(stage);
}

int kist_stage_view(struct kist_build *b, struct kist_stage *stage, struct kist_view *view, struct kist_error *err)
{
    int rc = 0;

    while (stage->opened < stage->count && rc == 0) {
        char text[KIST_DIGEST_TEXT_MAX];
        struct port_file *file;

        rc = kist_store_layer_open(b->store, &stage->diff_ids[stage->opened], &file, err);
        if (rc == 0 && (rc = kist_layer_open(&stage->layers[stage->opened], file, err)) < 0) {
            rc = kist_error_wrap(err, "layer '%s'", kist_digest_text(text, &stage->diff_ids[stage->opened]));
        }
        stage->opened += rc == 0;
    }
    *view = (struct kist_view){.layers = stage->layers, .count = stage->count};
    return rc;
}

static int carry_out(struct kist_step *step, struct kist_error *err)
{
    int rc = kist_step_words(step, err);

    if (rc < 0) {
        return rc;
    }
    switch (step->in->keyword) {
    case KIST_KEYWORD_ADD:
    case KIST_KEYWORD_COPY:
        return kist_step_copy(step, err);
    case KIST_KEYWORD_RUN:
        return kist_step_run(step, err);
    case KIST_KEYWORD_WORKDIR:
        return kist_step_workdir(step, err);
    default:
        return kist_step_config(step, err);
    }
}

/* The image's time is that of its last layer, so that what only describes it makes no image another each time. */
static int note_history(const struct kist_step *step, struct kist_error *err)
{
    const struct kist_stage *stage = step->stage;
    const int64_t time = step->build->options->epoch >= 0 ? step->build->options->epoch : stage->created;
    char created[KIST_STR_TIME_MAX];

    return kist_made_history(stage->config, time > 0 || step->build->options->epoch >= 0 ? kist_str_rfc3339(created, time) : NULL,
                             kist_buf_text(&step->created_by), NULL, NULL, !step->changed, err);
}

static int do_step(struct kist_build *b, struct kist_stage *stage, const struct kist_dockerfile *file,
                   const struct kist_instruction *in, struct kist_error *err)
{
    struct kist_step step = {.build = b, .stage = stage, .file = file, .in = in, .created_by = KIST_BUF_INIT(KIST_MAX_EXPANSION)};
    int rc = carry_out(&step, err);

    rc = rc < 0 ? rc : note_history(&step, err);
    kist_strv_release(&step.words);
    kist_buf_release(&step.created_by);
    return rc;
}

/* What the base wants done in every image that is made of it. */
static int do_triggers(struct kist_build *b, struct kist_stage *stage, struct kist_error *err)
{
    cJSON *triggers = cJSON_DetachItemFromObjectCaseSensitive(kist_stage_run(stage), "OnBuild");
    const int count = cJSON_GetArraySize(triggers);
    const cJSON *trigger;
    char line[64];
    int rc = 0;

    if (count > 0 && kist_str_format(line, sizeof(line), "# Executing %d build trigger%s", count, count > 1 ? "s" : "")) {
        kist_build_tell(b, KIST_BUILD_NOTE, line);
    }
    cJSON_ArrayForEach(trigger, triggers)
    {
        KIST_AUTO(dockerfile) struct kist_dockerfile file = {.n = 0};
        const char *text = cJSON_GetStringValue(trigger);

        if (rc == 0) {
            rc = kist_dockerfile_parse_trigger(&file, "ONBUILD", text ? text : "", err);
            rc = rc < 0 ? rc : do_step(b, stage, &file, &file.v[0], err);
        }
    }
    cJSON_Delete(triggers);
    return rc;
}

int kist_stage_build(struct kist_build *b, struct kist_stage *stage, struct kist_error *err)
{
    const struct kist_dockerfile *file = b->options->file;
    int rc = 0;

    if (stage->parent && !stage->parent->built) {
        rc = kist_stage_build(b, stage->parent, err);
    }
    if (rc == 0 && stage->from) {
        b->step++;
        kist_build_tell(b, KIST_BUILD_STEP, stage->from->text);
    }
    rc = rc < 0 ? rc : kist_stage_begin(b, stage, err);
    if (rc < 0 && stage->from) {
        return kist_dockerfile_blame(file, stage->from, stage->from->at[0], err);
    }
    if (rc == 0 && stage->from) {
        rc = do_triggers(b, stage, err);
    }
    for (size_t i = stage->first; i < stage->end && rc == 0; i++) {
        b->step++;
        kist_build_tell(b, KIST_BUILD_STEP, file->v[i].text);
        rc = do_step(b, stage, file, &file->v[i], err);
    }
    stage->built = rc == 0;
    return rc;
}
