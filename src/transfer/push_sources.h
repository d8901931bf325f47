/* Where the layers of a push may be already: what the manifests of kept images say of them. */
#ifndef KIST_TRANSFER_PUSH_SOURCES_H
#define KIST_TRANSFER_PUSH_SOURCES_H

#include "store/store.h"

/* One layer as one kept image's manifest names it. */
struct kist_push_source {
    const struct kist_digest *diff_id; /* into the list of images */
    struct kist_descriptor blob;
    char *path; /* the image's repository, where that is on the registry pushed to; else NULL */
    bool ours;  /* the manifest looks as if a kist had pushed it: so may the blob */
};

struct kist_push_sources {
    struct kist_push_source *v;
    size_t n;
};

/*
 * Of all images in list that share a layer with diff_ids. What cannot be read is passed over. list must outlive out; release out whatever
 * comes back.
 */
int kist_push_sources_find(struct kist_push_sources *out, struct kist_store *store, const struct kist_image_list *list,
                           const struct kist_digest *diff_ids, size_t count, const char *host,
                           struct kist_error *err) KIST_CHECKED;
void kist_push_sources_release(struct kist_push_sources *s);

#endif
