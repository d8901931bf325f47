/*
 * What COPY and ADD read from: a build context - a directory, or a tar that was sent - or the files of a stage or an image. Names lead out of
 * none of them: links are followed as if its top were "/". Nothing is kept in memory of the files; what changes meanwhile is read as it is met.
 */
#ifndef KIST_BUILD_CONTEXT_H
#define KIST_BUILD_CONTEXT_H

#include "build/ignore.h"
#include "layer/view.h"
#include "store/store.h"

struct kist_context;

/* The directory at path. KIST_E_NOT_FOUND, KIST_E_USAGE: it is none. */
int kist_context_open(struct kist_context **out, const char *path, struct kist_error *err) KIST_CHECKED;
/* One with nothing in it: the Dockerfile came alone. */
int kist_context_open_empty(struct kist_context **out, struct kist_error *err) KIST_CHECKED;
/*
 * A tar, plain or compressed as kist_decoder has it, to be written to kist_context_sink; with the sink's finish it can be read. It is kept as a
 * layer file under s's limits until the context is closed. s must outlive it. KIST_E_NO_SPACE, KIST_E_CORRUPT.
 */
int kist_context_open_tar(struct kist_context **out, struct kist_store *s, const struct kist_layer_options *options,
                          struct kist_error *err) KIST_CHECKED;
struct kist_sink *kist_context_sink(struct kist_context *c);
/* Where its layer file is, for who mounts it, until the context is closed. KIST_E_FAIL: it did not come as a tar. */
int kist_context_layer_path(const struct kist_context *c, char path[KIST_MAX_PATH + 1], struct kist_error *err) KIST_CHECKED;
/* The first bytes of what was sent: is it an archive, or a Dockerfile? 512 bytes are enough. */
bool kist_context_is_tar(const void *data, size_t len);
/* A stage's or an image's files: owners stay as they are there. view's layers must outlive it. */
int kist_context_open_view(struct kist_context **out, const struct kist_view *view, struct kist_error *err) KIST_CHECKED;
void kist_context_close(struct kist_context *c);
/* KIST_AUTO(context) struct kist_context *c = NULL; */
void kist_context_auto(struct kist_context **c);

/* What is left out of it from now on; stays the caller's. NULL: nothing. */
void kist_context_ignore(struct kist_context *c, struct kist_ignore *ignore);
/* Nothing is. */
bool kist_context_is_whole(const struct kist_context *c);
/* Owners are part of what is copied; else all is root's. */
bool kist_context_owned(const struct kist_context *c);
/* The directory, or NULL; else the layers: for who mounts it. */
struct port_dir *kist_context_dir(const struct kist_context *c);
const struct kist_view *kist_context_layers(const struct kist_context *c);

#define KIST_CONTEXT_STAMP 16
/*
 * For each and begin below: of the plain file they are being told of, what will be another once the file has changed, in bytes, size or
 * extended attributes, whatever is done to its times. false: there is no telling. What begin is told can be told again for as long as
 * the machine runs.
 */
bool kist_context_stamp(const struct kist_context *c, unsigned char stamp[KIST_CONTEXT_STAMP]);

/* The text of the plain file that path leads to, ignored or not: a Dockerfile, an ignore file. KIST_E_NOT_FOUND. */
int kist_context_text(struct kist_context *c, const char *path, struct kist_buf *out, struct kist_error *err) KIST_CHECKED;

/*
 * One name, as kist_view_each has it, without xattrs; sockets, which no tar can hold, and what is ignored are not told. Returns 0, or
 * KIST_VIEW_SKIP not to go into a directory; anything else ends the walk and is returned.
 */
typedef int kist_context_each(void *arg, const struct kist_layer_entry *e, struct kist_error *err);

/*
 * What is at path and below, in the order of kist_path_order, links not followed. A directory that is ignored is told where something in it
 * is not. KIST_E_NOT_FOUND: nothing is there, or it is ignored. KIST_E_UNSUPPORTED: a path that is too long.
 */
int kist_context_list(struct kist_context *c, const char *path, kist_context_each *each, void *arg, struct kist_error *err)
    KIST_CHECKED;
/* kist_path_resolve in c; what is ignored is nothing. */
int kist_context_resolve(struct kist_context *c, char out[KIST_MAX_PATH + 1], const char *path, bool follow,
                         struct kist_error *err) KIST_CHECKED;
/* The plain file at path, as list told of it: begin has its entry, with xattrs, then its bytes go into sink, which is not finished. */
int kist_context_read(struct kist_context *c, const char *path, kist_context_each *begin, void *arg, struct kist_sink *sink,
                      struct kist_error *err) KIST_CHECKED;

#endif
