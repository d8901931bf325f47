/*
 * A build: Dockerfile and context -> image. The stages that the target needs are built one after the other; each step is looked up in
 * the build cache (store/steps.h) by what goes into it, else made, and its layer and what is known of it kept at once. The image is
 * committed at the end.
 */
#ifndef KIST_BUILD_BUILD_H
#define KIST_BUILD_BUILD_H

#include "build/context.h"
#include "build/dockerfile.h"
#include "container/container.h"
#include "container/generate.h"
#include "registry/registry.h"

struct kist_build_secret {
    const char *id;
    const void *data;
    size_t len;
};

enum kist_build_event_kind {
    KIST_BUILD_STEP,    /* one begins: text is the instruction */
    KIST_BUILD_CACHED,  /* what it comes to is known, and kept */
    KIST_BUILD_MISSING, /* dry run: it would be made */
    KIST_BUILD_LAYER,   /* it made a layer */
    KIST_BUILD_OUTPUT,  /* len bytes of text, from stream 1 or 2 of a command */
    KIST_BUILD_FAILED,  /* a command: text are the last lines it wrote */
    KIST_BUILD_NOTE,    /* text is a line */
    KIST_BUILD_WARNING, /* the same */
};

struct kist_build_event {
    enum kist_build_event_kind kind;
    unsigned step, total; /* from 1; step 0: of none */
    const char *text;
    size_t len;
    int stream;
    const struct kist_digest *layer; /* CACHED, LAYER; NULL: it changed no file */
};

/* Pointers stay the caller's, and outlive the build. */
struct kist_build_options {
    const struct kist_engine *engine;
    const struct kist_dockerfile *file;
    struct kist_context *context;
    const char *target;                    /* a stage's name or number; NULL: the last */
    const struct kist_strv *args, *labels; /* "NAME=VALUE" */
    struct kist_platform platform, machine; /* of the image; of what this machine runs */
    bool no_cache, pull, dry_run;
    bool host_network; /* RUN --network=host may have it; where run's network is the host's, it may anyway */
    const struct kist_run_options *run;    /* network and limits of RUN */
    const struct kist_build_secret *secrets;
    size_t secret_count;
    const char *run_dir; /* where it is known what files of the context are (build/known.h); NULL: nowhere */
    int64_t epoch; /* SOURCE_DATE_EPOCH: the image's time, and no file's is later; negative: none */
    const struct kist_layer_options *layer;
    const struct kist_registry_options *net; /* for what ADD fetches */
    /* Makes the store have the image of that name, for that platform. always: as the registry has it now. */
    int (*fetch)(void *arg, const char *name, const struct kist_platform *platform, bool always, struct kist_error *err);
    void (*event)(void *arg, const struct kist_build_event *event);
    void *arg;
};

struct kist_build;

/* Reads the plan out of the Dockerfile; nothing is done yet. KIST_E_USAGE with place and caret. Free it whatever comes back. */
int kist_build_new(struct kist_build **out, const struct kist_build_options *options, struct kist_error *err) KIST_CHECKED;
/*
 * Builds. Steps that were made stay in the cache also when a later one fails. KIST_E_INTERRUPTED, KIST_E_NO_SPACE, KIST_E_NOT_FOUND...
 * To be called while the process has one thread.
 */
int kist_build_make(struct kist_build *b, struct kist_error *err) KIST_CHECKED;
/* After kist_build_make: the image's ID and manifest, before it is kept. */
void kist_build_image(const struct kist_build *b, struct kist_digest *id, struct kist_descriptor *manifest);
/* Its layers, the base first; open until the build is freed. */
int kist_build_layers(struct kist_build *b, struct kist_view *view, struct kist_error *err) KIST_CHECKED;
/* Keeps it, under these whole references, or under none; source: the digest they stand for, of the index or the manifest. */
int kist_build_commit(struct kist_build *b, const struct kist_strv *names, const struct kist_digest *source,
                      struct kist_error *err) KIST_CHECKED;
/* NULL is nothing. */
void kist_build_free(struct kist_build *b);

#endif
