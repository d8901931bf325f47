/* ADD of a URL: what it brings is kept in the store, under its limits, until the plan is written or given up. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "build/copy_private.h"
#include "registry/download.h"
#include "store/quota.h"

#define CHUNK ((size_t)64 << 10)

struct kist_copy_fetched {
    struct kist_copy_fetched *next;
    const char *url;
    struct kist_store_layer_tx *tx;
    struct kist_sink sink;
    struct kist_sha256 hash;
    struct kist_copy_fetch_result result;
};

bool kist_copy_is_url(const char *source)
{
    static const char *const schemes[] = {"http://", "https://", "git://", "ssh://", "git@"};

    for (size_t i = 0; i < KIST_COUNT(schemes); i++) {
        if (kist_str_starts(source, schemes[i])) {
            return true;
        }
    }
    return false;
}

int kist_copy_check_url(struct kist_copy_plan *c, const char *url, const char **base, size_t *len, struct kist_error *err)
{
    size_t path = strcspn(url, "?#");
    const char *host = strstr(url, "://"), *from = url + path;

    if (!kist_str_starts(url, "http") || (path >= 4 && strncmp(url + path - 4, ".git", 4) == 0)) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "%s failed: '%s' is a git repository, which kist does not fetch (use RUN git clone)",
                              c->name, url);
    }
    host = host ? host + strlen("://") : url;
    while (from > host && from[-1] != '/') {
        from--;
    }
    *base = from;
    *len = (size_t)(url + path - from);
    if (from == host || *len == 0) {
        *len = 0;
    }
    if (*len == 0 && (kist_str_ends(c->dest, "/") || strcmp(c->dest, ".") == 0)) {
        return kist_error_set(err, KIST_E_USAGE, "%s failed: cannot determine filename for source %s", c->name, url);
    }
    return 0;
}

static int fetched_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct kist_copy_fetched *f = KIST_CONTAINER_OF(sink, struct kist_copy_fetched, sink);

    kist_sha256_update(&f->hash, data, len);
    f->result.size += len;
    return kist_store_layer_append(f->tx, data, len, err);
}

static int fetched_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink, (void)err;
    return 0;
}

static int check(const struct kist_copy_plan *c, const struct kist_copy_fetched *f, struct kist_error *err)
{
    char got[KIST_DIGEST_TEXT_MAX];

    (void)kist_digest_text(got, &f->result.digest);
    return c->options->checksum && strcmp(c->options->checksum, got) != 0
               ? kist_error_set(err, KIST_E_CORRUPT, "digest mismatch for '%s': %s, not %s", f->url, got, c->options->checksum)
               : 0;
}

static int fetch(struct kist_copy_plan *c, struct kist_copy_fetched *f, struct kist_error *err)
{
    static const struct kist_sink_ops ops = {fetched_write, fetched_finish};
    int rc = kist_store_layer_begin_unnamed(c->options->store, &f->tx, err);

    f->sink.ops = &ops;
    kist_sha256_init(&f->hash);
    rc = rc == 0 ? kist_download(f->url, c->options->net, &f->sink, &f->result.mtime, err) : rc;
    kist_sha256_final(&f->hash, f->result.digest.bytes);
    return rc == 0 ? check(c, f, err) : rc;
}

static struct kist_copy_fetched *find(const struct kist_copy_plan *c, const char *url)
{
    struct kist_copy_fetched *f = c->fetched;

    while (f && strcmp(f->url, url) != 0) {
        f = f->next;
    }
    return f;
}

int kist_copy_fetch(struct kist_copy_plan *c, const char *url, struct kist_copy_fetch_result *result, struct kist_error *err)
{
    struct kist_copy_fetched *f = find(c, url);
    int rc = 0;

    if (!f) {
        f = calloc(1, sizeof(*f));
        if (!f) {
            return kist_error_nomem(err);
        }
        f->url = url;
        rc = fetch(c, f, err);
        if (rc < 0) {
            kist_copy_fetched_free(f);
            return rc;
        }
        f->next = c->fetched;
        c->fetched = f;
    }
    *result = f->result;
    return 0;
}

int kist_copy_fetched_read(struct kist_copy_plan *c, const char *url, struct kist_sink *sink, struct kist_error *err)
{
    KIST_AUTO(free) char *chunk = malloc(CHUNK);
    struct kist_copy_fetched *f = find(c, url);
    size_t got = CHUNK;
    int rc = chunk ? 0 : kist_error_nomem(err);

    for (uint64_t at = 0; rc == 0 && got == CHUNK; at += got) {
        rc = port_file_read_at(kist_store_layer_file(f->tx), at, chunk, CHUNK, &got, err);
        rc = rc == 0 ? kist_sink_write(sink, chunk, got, err) : rc;
    }
    return rc;
}

void kist_copy_fetched_free(struct kist_copy_fetched *f)
{
    while (f) {
        struct kist_copy_fetched *next = f->next;

        kist_store_layer_abort(f->tx);
        free(f);
        f = next;
    }
}
