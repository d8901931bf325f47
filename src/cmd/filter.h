/* --filter: "key=value", in Docker's words. Several of one key: any of them for reference and name, all of them for labels. */
#ifndef KIST_CMD_FILTER_H
#define KIST_CMD_FILTER_H

#include "store/store.h"

struct kist_filters {
    const struct kist_strv *texts;
    int64_t until;              /* seconds since 1970 */
    bool has_until, has_dangling, dangling, has_labels, has_reference;
    const char *before, *since; /* images, or NULL */
};

/*
 * allowed: the keys there are, in one text parted by blanks: "dangling until label reference before since name". "label" stands for
 * "label!" too. texts stays the caller's. KIST_E_USAGE.
 */
int kist_filters_parse(struct kist_filters *f, const struct kist_strv *texts, const char *allowed, struct kist_error *err)
    KIST_CHECKED;
/* Every label= is among labels ("key=value"), as "key" or whole, and no label!= is. */
bool kist_filters_labels(const struct kist_filters *f, const struct kist_strv *labels);
/* There is no key= at all, or text is like one of them: contains it, or with glob is matched by it. */
bool kist_filters_text(const struct kist_filters *f, const char *key, const char *text, bool glob);
/* 1: takes it, 0: does not; list is for before and since, and may be NULL where they are not allowed. */
int kist_filters_image(const struct kist_filters *f, struct kist_store *store, const struct kist_image_list *list,
                       const struct kist_image *image, struct kist_error *err) KIST_CHECKED;

#endif
