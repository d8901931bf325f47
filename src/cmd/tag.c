#include "cmd/cmd.h"

static int run(struct kist_app *app, const void *options, int count, char **operands, struct kist_error *err)
{
    char name[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference ref;
    struct kist_store *store;
    int rc = kist_reference_parse(&ref, operands[1], err);

    (void)options, (void)count;
    if (rc == 0 && ref.has_digest) {
        rc = kist_error_set(err, KIST_E_USAGE, "'%s' names a digest: a tag is a name that can move", operands[1]);
    }
    if (rc == 0) {
        rc = kist_app_store(app, false, &store, err);
        if (rc == KIST_E_NOT_FOUND) {
            rc = kist_error_set(err, rc, "no such image: '%s'", operands[0]);
        }
    }
    return rc < 0 ? rc : kist_store_image_tag(store, operands[0], kist_reference_text(name, &ref), err);
}

const struct kist_command kist_cmd_tag = {
    .name = "tag",
    .operands = "IMAGE NAME[:TAG]",
    .summary = "Give an image another name",
    .min_operands = 2,
    .max_operands = 2,
    .run = run,
};
