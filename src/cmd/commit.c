/* 'commit': an image of what a container has changed. */
#include <stdio.h>

#include "build/commit.h"
#include "cmd/containers.h"
#include "cmd/pulling.h"
#include "cmd/times.h"

struct options {
    const char *author, *message;
    struct kist_strv changes;
    bool pause, pause_given, no_pause;
};

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(container) struct kist_container c = {.pid = 0};
    const struct options *o = values;
    struct kist_commit commit = {.container = &c, .author = o->author, .message = o->message, .changes = &o->changes,
                                 .pause = !o->no_pause && (!o->pause_given || o->pause)};
    char name[KIST_REFERENCE_TEXT_MAX], text[KIST_DIGEST_TEXT_MAX];
    struct kist_engine engine = {.run = NULL};
    struct kist_reference ref;
    struct kist_digest id;
    int rc = kist_containers_find(app, &engine, operands[0], &c, err);

    if (rc == 0 && count > 1 && (rc = kist_reference_parse(&ref, operands[1], err)) == 0) {
        commit.name = kist_reference_text(name, &ref);
        if (ref.has_digest) {
            rc = kist_error_set(err, KIST_E_USAGE, "'%s' has a digest, which an image cannot be given", operands[1]);
        }
    }
    rc = rc < 0 ? rc : kist_times_build(&commit.created, err);
    if (rc < 0) {
        return rc;
    }
    kist_pulling_layer(&app->settings, &commit.layer);
    kist_app_catch_signals();
    rc = kist_commit(&engine, &commit, &id, err);
    kist_app_release_signals();
    if (rc < 0) {
        return kist_error_wrap(err, "cannot commit '%s'", operands[0]);
    }
    (void)printf("%s\n", kist_digest_text(text, &id));
    return 0;
}

static const struct kist_option options[] = {
    KIST_OPT("author", 'a', TEXT, struct options, author, "NAME", "Who made the image"),
    KIST_OPT("change", 'c', LIST, struct options, changes, "INSTRUCTION", "Apply a Dockerfile instruction, as CMD or ENV"),
    KIST_OPT("message", 'm', TEXT, struct options, message, "TEXT", "Comment in the image's history"),
    KIST_OPT("no-pause", 0, FLAG, struct options, no_pause, NULL, "Let the container run meanwhile"),
    {.name = "pause", .letter = 'p', .type = KIST_OPTION_FLAG, .offset = offsetof(struct options, pause),
     .help = "Freeze the container meanwhile (default true)", .given = offsetof(struct options, pause_given)},
    {.name = NULL},
};

const struct kist_command kist_cmd_commit = {
    .name = "commit",
    .operands = "CONTAINER [REPOSITORY[:TAG]]",
    .summary = "Make an image of a container's changes",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
