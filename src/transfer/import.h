/* Import: one tar of a root filesystem, plain, gzip or zstd -> an image of one layer. */
#ifndef KIST_TRANSFER_IMPORT_H
#define KIST_TRANSFER_IMPORT_H

#include "base/str.h"
#include "layer/layer.h"
#include "store/store.h"

struct kist_import_options {
    struct kist_layer_options layer;
    struct kist_platform platform;
    const char *name;           /* whole reference, or NULL */
    const char *comment;        /* of its history */
    const struct kist_strv *changes; /* instructions (image/change.h); may be NULL */
    int64_t created;            /* seconds since 1970 */
};

struct kist_import;

/* Takes the changes, and says what is wrong with them, before anything is read. s and options must outlive it. */
int kist_import_new(struct kist_import **out, struct kist_store *s, const struct kist_import_options *options,
                    struct kist_error *err) KIST_CHECKED;
/* What takes the tar; its finish makes the layer. */
struct kist_sink *kist_import_sink(struct kist_import *in);
/* After finish: the image, and its ID. */
int kist_import_commit(struct kist_import *in, struct kist_digest *id, struct kist_error *err) KIST_CHECKED;
/* NULL is nothing. What was not committed goes. */
void kist_import_free(struct kist_import *in);

#endif
