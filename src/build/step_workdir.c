/* WORKDIR: made where the image has it not. */
#include <string.h>

#include "base/path.h"
#include "build/stage.h"
#include "codec/tar_write.h"
#include "image/change.h"

struct workdir {
    const struct kist_step *step;
    const struct kist_view *view;
    const char *path; /* clean, no slash before it */
};

/* 1: it is there; 0: it is not; KIST_E_CONFLICT: something else is. */
static int look(const struct kist_view *view, const char *path, char real[KIST_MAX_PATH + 1], struct kist_error *err)
{
    const int kind = kist_view_resolve(view, real, path, true, err);

    if (kind < 0 || kind == KIST_PATH_NOTHING) {
        return kind < 0 ? kind : 0;
    }
    return kind == KIST_PATH_DIRECTORY
               ? 1
               : kist_error_set(err, KIST_E_CONFLICT, "cannot mkdir '/%s': it is no directory in the image", path);
}

/* Each directory on the way that is missing. */
static int fill(void *arg, struct kist_sink *sink, bool *changed, struct kist_error *err)
{
    struct workdir *w = arg;
    const int64_t epoch = w->step->build->options->epoch;
    struct kist_tar_writer tar;
    char real[KIST_MAX_PATH + 1], part[KIST_MAX_PATH + 1];
    int rc = 0;

    kist_tar_writer_init(&tar, sink);
    for (const char *end = w->path; *end != '\0' && rc == 0;) {
        struct kist_tar_entry e = {.type = KIST_TAR_DIRECTORY, .mode = 0755, .mtime = KIST_MAX(epoch, 0)};

        end += strcspn(end, "/");
        (void)!kist_str_format(part, sizeof(part), "%.*s", (int)(end - w->path), w->path);
        rc = look(w->view, part, real, err);
        if (rc == 0) {
            e.name = real[0] ? real : part;
            *changed = true;
            rc = kist_tar_writer_entry(&tar, &e, err);
        } else if (rc == 1) {
            rc = 0;
        }
        end += *end == '/';
    }
    return rc < 0 || !*changed ? rc : kist_tar_writer_end(&tar, err);
}

int kist_step_workdir(struct kist_step *step, struct kist_error *err)
{
    const char *word = step->words.v[0], *before = kist_stage_workdir(step->stage);
    char joined[KIST_MAX_PATH + 1], clean[KIST_MAX_PATH + 1], real[KIST_MAX_PATH + 1], path[KIST_MAX_PATH + 2];
    struct kist_step_key key;
    struct kist_view view;
    struct workdir w = {.step = step, .view = &view, .path = clean};
    int rc;

    if (!kist_str_format(joined, sizeof(joined), "%s/%s", word[0] == '/' ? "" : before, word) ||
        !kist_path_clean(clean, sizeof(clean), joined) || !kist_str_format(path, sizeof(path), "/%s", clean)) {
        (void)kist_error_set(err, KIST_E_USAGE, "it leads above '/', or is too long");
        return kist_step_blame(step, 0, err);
    }
    rc = kist_change_text(kist_stage_run(step->stage), "WorkingDir", path, err);
    rc = rc < 0 ? rc : kist_buf_printf(&step->created_by, err, "WORKDIR %s", path);
    if (rc < 0 || step->stage->unknown) {
        return rc;
    }
    rc = kist_stage_view(step->build, step->stage, &view, err);
    rc = rc < 0 || clean[0] == '\0' ? rc : look(&view, clean, real, err);
    if (rc == 0 && clean[0] != '\0') {
        kist_step_key_begin(&key, step, false);
        kist_step_key_text(&key, clean);
        rc = kist_step_layer(step, &key, fill, &w, err);
    }
    return rc == KIST_E_CONFLICT ? kist_step_blame(step, 0, err) : KIST_MIN(rc, 0);
}
