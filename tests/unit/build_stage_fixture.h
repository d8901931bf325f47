/* A build as far as it needs no store: its plan, and steps that describe. */
#ifndef KIST_TEST_BUILD_STAGE_FIXTURE_H
#define KIST_TEST_BUILD_STAGE_FIXTURE_H

#include <string.h>

#include "build/stage.h"
#include "test.h"

struct fixture {
    struct kist_dockerfile file;
    struct kist_engine engine;
    struct kist_strv args, labels;
    struct kist_build_options options;
    struct kist_build *build;
    char warning[256]; /* the last */
    int rc; /* what kist_build_new says */
    struct kist_error err;
};

static inline void fixture_hear(void *arg, const struct kist_build_event *event)
{
    struct fixture *f = arg;

    if (event->kind == KIST_BUILD_WARNING) {
        (void)!kist_str_copy(f->warning, sizeof(f->warning), event->text);
    }
}

/* args: build arguments, parted by blanks. */
static inline void fixture_init(struct fixture *f, const char *text, const char *target, const char *args)
{
    char words[256], *rest = words, *word;

    memset(f, 0, sizeof(*f));
    f->rc = KIST_E_FAIL;
    REQUIRE_OK(kist_dockerfile_parse(&f->file, "Dockerfile", text, strlen(text), &f->err), f->err);
    REQUIRE(kist_str_copy(words, sizeof(words), args ? args : ""));
    while ((word = strsep(&rest, " ")) != NULL) {
        if (*word != '\0') {
            REQUIRE_OK(kist_strv_add(&f->args, word, &f->err), f->err);
        }
    }
    f->options = (struct kist_build_options){.engine = &f->engine, .file = &f->file, .target = target, .args = &f->args,
                                             .labels = &f->labels, .epoch = -1, .event = fixture_hear, .arg = f};
    REQUIRE_OK(kist_platform_parse(&f->options.platform, "linux/arm/v7", &f->err), f->err);
    REQUIRE_OK(kist_platform_parse(&f->options.machine, "linux/amd64", &f->err), f->err);
    f->rc = kist_build_new(&f->build, &f->options, &f->err);
}

static inline void fixture_release(struct fixture *f)
{
    kist_build_free(f->build);
    kist_dockerfile_release(&f->file);
    kist_strv_release(&f->args);
}

#endif
