#include "cmd/build_output.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/output.h"
#include "container/extract.h"
#include "layer/merge.h"
#include "transfer/save.h"

static int read_fields(struct kist_build_output *o, char *text, const char **type, struct kist_error *err)
{
    char *field;

    while ((field = kist_str_field(&text)) != NULL) {
        if (kist_str_starts(field, "type=")) {
            *type = field + strlen("type=");
        } else if (kist_str_starts(field, "dest=")) {
            free(o->dest);
            o->dest = strdup(field + strlen("dest="));
            if (!o->dest) {
                return kist_error_nomem(err);
            }
        } else {
            return kist_error_set(err, KIST_E_USAGE, "output: unexpected key '%s' (type=oci|docker|tar|local,dest=PATH)", field);
        }
    }
    return text ? kist_error_set(err, KIST_E_USAGE, "output: a quote is not closed") : 0;
}

int kist_build_output_parse(struct kist_build_output *o, const char *text, struct kist_error *err)
{
    static const char *const types[] = {"image", "oci", "docker", "tar", "local"}; /* as in the struct */
    KIST_AUTO(free) char *copy = strdup(text);
    const char *type = NULL;
    int rc;

    *o = (struct kist_build_output){.dest = NULL};
    if (!copy) {
        return kist_error_nomem(err);
    }
    if (!strchr(text, '=')) { /* "-" or a directory, as Docker has it */
        o->type = strcmp(text, "-") == 0 ? KIST_BUILD_OUTPUT_TAR : KIST_BUILD_OUTPUT_LOCAL;
        o->dest = strdup(text);
        return o->dest ? 0 : kist_error_nomem(err);
    }
    rc = read_fields(o, copy, &type, err);
    for (size_t i = 0; i < KIST_COUNT(types) && rc == 0 && type; i++) {
        if (strcmp(types[i], type) == 0) {
            o->type = i;
            type = NULL;
        }
    }
    if (rc == 0 && type) {
        return kist_error_set(err, KIST_E_USAGE, "output: type must be oci, docker, tar or local, not '%s'", type);
    }
    if (rc == 0 && o->type == KIST_BUILD_OUTPUT_LOCAL && (!o->dest || strcmp(o->dest, "-") == 0)) {
        return kist_error_set(err, KIST_E_USAGE, "output: dest is required for type local");
    }
    if (rc == 0 && o->type != KIST_BUILD_OUTPUT_STORE && !o->dest) {
        o->dest = strdup("-");
        rc = o->dest ? 0 : kist_error_nomem(err);
    }
    return rc;
}

void kist_build_output_release(struct kist_build_output *o)
{
    free(o->dest);
}

bool kist_build_output_is_files(const struct kist_build_output *o)
{
    return o->type == KIST_BUILD_OUTPUT_TAR || o->type == KIST_BUILD_OUTPUT_LOCAL;
}

static int put_tar(const struct kist_build_output *o, const struct kist_view *view, const struct kist_layer_options *limits,
                   struct kist_error *err)
{
    struct kist_output out;
    int rc = kist_output_open(&out, o->dest, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_layer_merge(view->layers, view->count, limits, &out.sink, err);
    rc = rc < 0 ? rc : kist_sink_finish(&out.sink, err);
    return kist_output_close(&out, rc, err);
}

static int put_tree(const struct kist_build_output *o, const struct kist_view *view, const struct kist_layer_options *limits,
                    struct kist_error *err)
{
    const struct kist_extract_how how = {.owners = true, .exact = true};
    struct kist_extract *tree = NULL;
    struct port_dir *top;
    int rc = port_dir_open(&top, o->dest, true, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_extract_new(&tree, top, &how, err);
    rc = rc < 0 ? rc : kist_layer_merge(view->layers, view->count, limits, kist_extract_sink(tree), err);
    rc = rc < 0 ? rc : kist_sink_finish(kist_extract_sink(tree), err);
    kist_extract_free(tree);
    port_dir_close(top);
    return rc;
}

int kist_build_output_files(const struct kist_build_output *o, struct kist_build *b, const struct kist_layer_options *limits,
                            struct kist_error *err)
{
    struct kist_view view;
    int rc = kist_build_layers(b, &view, err);

    rc = rc < 0 ? rc : o->type == KIST_BUILD_OUTPUT_TAR ? put_tar(o, &view, limits, err) : put_tree(o, &view, limits, err);
    return rc < 0 ? kist_error_wrap(err, "cannot write '%s'", o->dest) : 0;
}

int kist_build_output_images(const struct kist_build_output *o, struct kist_store *s, const struct kist_strv *texts,
                             struct kist_error *err)
{
    const struct kist_save_options options = {.oci = o->type == KIST_BUILD_OUTPUT_OCI};
    struct kist_output out;
    int rc = kist_output_open(&out, o->dest, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_save(s, texts->v, texts->n, &options, &out.sink, err);
    return kist_output_close(&out, rc, err);
}
