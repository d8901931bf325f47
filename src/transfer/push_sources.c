#include "transfer/push_sources.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "image/compose.h"

static bool shares(const struct kist_image *image, const struct kist_digest *diff_ids, size_t count)
{
    for (size_t i = 0; i < image->layer_count; i++) {
        for (size_t k = 0; k < count; k++) {
            if (kist_digest_equal(&image->diff_ids[i], &diff_ids[k])) {
                return true;
            }
        }
    }
    return false;
}

/* Whether composing m again gives text, to the byte. */
static bool is_ours(const struct kist_manifest *m, const struct kist_buf *text)
{
    KIST_AUTO(buf) struct kist_buf again = KIST_BUF_INIT(KIST_MAX_MANIFEST);

    return kist_compose_manifest(&m->config, m->entries, m->entry_count, &again, NULL) == 0 && again.len == text->len &&
           memcmp(again.data, text->data, text->len) == 0;
}

static int add_image(struct kist_push_sources *out, const struct kist_image *image, const struct kist_manifest *m,
                     const struct kist_buf *text, const char *host, struct kist_error *err)
{
    struct kist_reference ref;
    bool there = image->name && kist_reference_parse(&ref, image->name, NULL) == 0 && strcmp(ref.host, host) == 0;
    bool ours = is_ours(m, text);
    struct kist_push_source *more = realloc(out->v, (out->n + m->entry_count) * sizeof(*more));

    if (!more) {
        return kist_error_nomem(err);
    }
    out->v = more;
    for (size_t i = 0; i < m->entry_count; i++) {
        char *path = there ? strdup(ref.path) : NULL;

        if (there && !path) {
            return kist_error_nomem(err);
        }
        out->v[out->n++] = (struct kist_push_source){&image->diff_ids[i], m->entries[i], path, ours};
    }
    return 0;
}

int kist_push_sources_find(struct kist_push_sources *out, struct kist_store *store, const struct kist_image_list *list,
                           const struct kist_digest *diff_ids, size_t count, const char *host, struct kist_error *err)
{
    int rc = 0;

    *out = (struct kist_push_sources){.v = NULL};
    for (size_t i = 0; i < list->n && rc == 0; i++) {
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_MANIFEST);
        KIST_AUTO(manifest) struct kist_manifest m = {.entries = NULL};
        const struct kist_image *image = &list->v[i];

        if (shares(image, diff_ids, count) && kist_store_blob(store, &image->manifest.digest, &text, NULL) == 0 &&
            kist_manifest_parse(&m, text.data, text.len, image->manifest.media_type, NULL) == 0 &&
            m.kind == KIST_MANIFEST_IMAGE && m.entry_count == image->layer_count && m.entry_count > 0) {
            rc = add_image(out, image, &m, &text, host, err);
        }
    }
    return rc;
}

void kist_push_sources_release(struct kist_push_sources *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->v[i].path);
    }
    free(s->v);
}
