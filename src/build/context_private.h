/* What the files of the build context share. */
#ifndef KIST_BUILD_CONTEXT_PRIVATE_H
#define KIST_BUILD_CONTEXT_PRIVATE_H

#include "build/context.h"
#include "port/node.h"

struct kist_context_tar;

struct kist_context {
    struct port_dir *dir; /* it is a directory; or NULL, and */
    struct kist_view view; /* these layers */
    struct kist_ignore *ignore;
    bool owned;
    struct kist_context_tar *tar; /* the layer came as one; or NULL */
    struct port_dir *reached;     /* of a directory: the one below it that was last read from, */
    char reached_path[KIST_MAX_PATH + 1];
    struct port_node told;        /* of a directory: what was last looked at; no pointer of it is good */
};

/* ---- a directory (context_dir.c): nothing is ignored here ---- */

int kist_context_dir_list(struct kist_context *c, const char *path, kist_context_each *each, void *arg, struct kist_error *err)
    KIST_CHECKED;
int kist_context_dir_look(struct kist_context *c, const char *path, char target[KIST_MAX_PATH + 1], struct kist_error *err)
    KIST_CHECKED;
int kist_context_dir_read(struct kist_context *c, const char *path, kist_context_each *begin, void *arg, struct kist_sink *sink,
                          struct kist_error *err) KIST_CHECKED;

/* ---- a tar (context_tar.c) ---- */

void kist_context_tar_free(struct kist_context_tar *t);

#endif
