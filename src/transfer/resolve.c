#include "transfer/resolve.h"

#include <string.h>

#include "base/limits.h"
#include "codec/collect.h"

void kist_resolved_release(struct kist_resolved *r)
{
    kist_buf_release(&r->manifest_text);
    kist_buf_release(&r->config_text);
    kist_manifest_release(&r->manifest);
    kist_config_release(&r->config);
}

static int fetch_document(struct kist_registry *registry, const char *tag_or_digest, struct kist_resolved *r,
                          uint64_t *received, struct kist_error *err)
{
    struct kist_registry_document doc = {.body = KIST_BUF_INIT(KIST_MAX_MANIFEST)};
    int rc = kist_registry_manifest(registry, tag_or_digest, &doc, err);

    if (rc == 0) {
        *received += doc.body.len;
        kist_manifest_release(&r->manifest);
        rc = kist_manifest_parse(&r->manifest, kist_buf_text(&doc.body), doc.body.len, doc.media_type, err);
    }
    if (rc == 0) {
        kist_buf_release(&r->manifest_text);
        r->manifest_text = doc.body;
        kist_buf_init(&doc.body, KIST_MAX_MANIFEST);
        r->manifest_desc.digest = doc.digest;
        r->manifest_desc.size = r->manifest_text.len;
        memcpy(r->manifest_desc.media_type, r->manifest.media_type, sizeof(r->manifest_desc.media_type));
    }
    kist_registry_document_release(&doc);
    return rc;
}

/* The manifest of an index that serves want. */
static int descend(struct kist_resolved *r, struct kist_registry *registry, const struct kist_platform *want,
                   bool aarch32, uint64_t *received, struct kist_error *err)
{
    const struct kist_descriptor *chosen = kist_manifest_choose(&r->manifest, want, aarch32, err);
    char digest[KIST_DIGEST_TEXT_MAX];
    uint64_t declared;
    int rc;

    if (!chosen) {
        return err->code;
    }
    declared = chosen->size;
    rc = fetch_document(registry, kist_digest_text(digest, &chosen->digest), r, received, err);
    if (rc < 0) {
        return rc;
    }
    if (r->manifest.kind != KIST_MANIFEST_IMAGE) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "'%s' is an index inside an index", digest);
    }
    if (r->manifest_desc.size != declared) {
        return kist_error_set(err, KIST_E_CORRUPT, "manifest '%s' has %llu bytes, its index declares %llu", digest,
                              (unsigned long long)r->manifest_desc.size, (unsigned long long)declared);
    }
    return 0;
}

static int fetch_config(struct kist_resolved *r, struct kist_registry *registry, struct kist_store *store,
                        uint64_t *received, struct kist_error *err)
{
    const struct kist_descriptor *desc = &r->manifest.config;
    struct kist_collect collect;
    struct kist_digest digest;
    struct kist_error ignored;
    char text[KIST_DIGEST_TEXT_MAX];
    int rc;

    if (desc->size > KIST_MAX_CONFIG) {
        return kist_error_set(err, KIST_E_CORRUPT, "config of %llu bytes is larger than the %u bytes allowed",
                              (unsigned long long)desc->size, KIST_MAX_CONFIG);
    }
    if (store && kist_store_blob(store, &desc->digest, &r->config_text, &ignored) == 0) {
        return r->config_text.len == desc->size
                   ? 0
                   : kist_error_set(err, KIST_E_CORRUPT, "config '%s' has %zu bytes, its manifest declares %llu",
                                    kist_digest_text(text, &desc->digest), r->config_text.len,
                                    (unsigned long long)desc->size);
    }
    kist_buf_clear(&r->config_text);
    kist_collect_init(&collect, &r->config_text);
    rc = kist_registry_blob(registry, &desc->digest, desc->size, &collect.sink, received, err);
    if (rc < 0) {
        return kist_error_wrap(err, "config '%s'", kist_digest_text(text, &desc->digest));
    }
    kist_digest_of(&digest, kist_buf_text(&r->config_text), r->config_text.len);
    if (!kist_digest_equal(&digest, &desc->digest)) {
        return kist_error_set(err, KIST_E_CORRUPT, "config '%s' does not match its digest",
                              kist_digest_text(text, &desc->digest));
    }
    return 0;
}

static int check_config(const struct kist_resolved *r, const struct kist_platform *want, bool aarch32,
                        struct kist_error *err)
{
    char have_text[KIST_PLATFORM_TEXT_MAX], want_text[KIST_PLATFORM_TEXT_MAX];

    if (r->config.diff_id_count != r->manifest.entry_count) {
        return kist_error_set(err, KIST_E_CORRUPT, "manifest has %zu layers, its config %zu diff IDs",
                              r->manifest.entry_count, r->config.diff_id_count);
    }
    if (kist_platform_rank(want, &r->config.platform, aarch32) < 0) {
        (void)kist_platform_text(have_text, &r->config.platform);
        return kist_error_set(err, KIST_E_NOT_FOUND, "the image is for %s, not for %s (try --platform %s)", have_text,
                              kist_platform_text(want_text, want), have_text);
    }
    return 0;
}

int kist_resolve(struct kist_resolved *r, struct kist_registry *registry, struct kist_store *store,
                 const struct kist_reference *ref, const struct kist_platform *want, bool aarch32, uint64_t *received,
                 struct kist_error *err)
{
    char digest[KIST_DIGEST_TEXT_MAX];
    int rc;

    *r = (struct kist_resolved){.manifest_text = KIST_BUF_INIT(KIST_MAX_MANIFEST),
                                .config_text = KIST_BUF_INIT(KIST_MAX_CONFIG)};
    rc = fetch_document(registry, ref->has_digest ? kist_digest_text(digest, &ref->digest) : ref->tag, r, received,
                        err);
    if (rc < 0) {
        return rc;
    }
    r->source = r->manifest_desc.digest;
    if (r->manifest.kind == KIST_MANIFEST_INDEX) {
        rc = descend(r, registry, want, aarch32, received, err);
    }
    if (rc == 0) {
        rc = fetch_config(r, registry, store, received, err);
    }
    if (rc == 0) {
        rc = kist_config_parse(&r->config, kist_buf_text(&r->config_text), r->config_text.len, err);
    }
    if (rc < 0) {
        return rc;
    }
    r->manifest_desc.platform = r->config.platform;
    return check_config(r, want, aarch32, err);
}
