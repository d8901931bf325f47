#include "registry/registry.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/secret.h"
#include "image/manifest.h"
#include "registry/client.h"
#include "registry/mirror.h"

#define DEFAULT_TRIES 5
#define MIRROR_TRIES 2U /* there is another place to ask */
#define DEFAULT_CONNECT_MS 15000
#define DEFAULT_STALL_MS 30000
#define DEFAULT_BACKOFF_MS 500

/* Docker Hub's registry is not where its name says. */
#define HUB_HOST "docker.io"
#define HUB_SERVER "registry-1.docker.io"

/* Schema 1 is refused when read, but asked for: the answer then tells why the image cannot be had. */
#define ACCEPT_MANIFESTS                                                                                     \
    KIST_MEDIA_OCI_INDEX ", " KIST_MEDIA_OCI_MANIFEST ", " KIST_MEDIA_DOCKER_LIST                            \
                         ", " KIST_MEDIA_DOCKER_MANIFEST                                                     \
                         ", application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.5, */*;q=0.1"

static bool set_names(struct kist_registry *reg, const struct kist_reference *r)
{
    char repository[KIST_REFERENCE_TEXT_MAX];
    bool hub = strcmp(r->host, HUB_HOST) == 0;

    (void)kist_reference_repository(repository, r);
    return kist_str_copy(reg->host, sizeof(reg->host), r->host) &&
           kist_str_copy(reg->path, sizeof(reg->path), r->path) &&
           kist_str_copy(reg->server, sizeof(reg->server), hub ? HUB_SERVER : r->host) &&
           kist_str_copy(reg->name, sizeof(reg->name), hub ? repository : r->path);
}

/* One source, without mirrors. */
static int open_source(struct kist_registry **out, const struct kist_reference *r,
                       const struct kist_registry_options *options, struct kist_error *err)
{
    struct kist_registry *reg = calloc(1, sizeof(*reg));
    int rc;

    if (!reg) {
        return kist_error_nomem(err);
    }
    reg->options = options;
    reg->ref = *r;
    reg->settings = (struct kist_http_settings){
        .ca_file = options->ca_file,
        .certs_dirs = options->certs_dirs,
        .floor = {options->time_floor, options->time_floor_what},
        .proxy = options->proxy,
        .plain_proxy = options->plain_proxy,
        .no_proxy = options->no_proxy,
        .bandwidth = options->bandwidth,
        .stall_ms = options->stall_ms ? options->stall_ms : DEFAULT_STALL_MS,
        .stop = options->stop,
        .stop_arg = options->stop_arg,
    };
    reg->tries = options->tries ? options->tries : DEFAULT_TRIES;
    reg->connect_ms = options->connect_ms ? options->connect_ms : DEFAULT_CONNECT_MS;
    reg->backoff_ms = options->backoff_ms ? options->backoff_ms : DEFAULT_BACKOFF_MS;
    rc = set_names(reg, r) ? kist_http_open(&reg->http, &reg->settings, err)
                           : kist_error_set(err, KIST_E_USAGE, "the reference is too long");
    if (rc < 0) {
        kist_registry_close(reg);
        return rc;
    }
    *out = reg;
    return 0;
}

int kist_registry_open(struct kist_registry **out, const struct kist_reference *r,
                       const struct kist_registry_options *options, struct kist_error *err)
{
    const struct kist_strv *mirrors = options->mirrors;
    struct kist_registry *reg = NULL;
    struct kist_reference at;
    int rc = open_source(&reg, r, options, err);

    for (size_t i = 0; rc == 0 && mirrors && i < mirrors->n && reg->mirror_count < KIST_CLIENT_MIRRORS_MAX; i++) {
        if (kist_mirror_match(mirrors->v[i], r, &at)) {
            struct kist_registry **mirror = &reg->mirrors[reg->mirror_count];

            rc = open_source(mirror, &at, options, err);
            if (rc == 0) {
                (*mirror)->tries = KIST_MIN((*mirror)->tries, MIRROR_TRIES);
                reg->mirror_count++;
            }
        }
    }
    if (rc < 0) {
        kist_registry_close(reg);
        return rc;
    }
    *out = reg;
    return 0;
}

/* What one source has found out of how it is spoken to. */
static int copy_ways(struct kist_registry *to, const struct kist_registry *from, struct kist_error *err)
{
    to->plain = from->plain;
    to->plain_allowed = from->plain_allowed;
    to->settled = from->settled;
    if (from->authorization) {
        to->authorization = strdup(from->authorization);
        return to->authorization ? 0 : kist_error_nomem(err);
    }
    return 0;
}

int kist_registry_open_like(struct kist_registry **out, const struct kist_registry *other, struct kist_error *err)
{
    struct kist_registry *reg = NULL;
    int rc = kist_registry_open(&reg, &other->ref, other->options, err);

    if (rc == 0) {
        rc = copy_ways(reg, other, err);
    }
    for (size_t i = 0; rc == 0 && i < reg->mirror_count; i++) {
        rc = copy_ways(reg->mirrors[i], other->mirrors[i], err);
    }
    if (rc < 0) {
        kist_registry_close(reg);
        return rc;
    }
    reg->source = other->source;
    *out = reg;
    return 0;
}

bool kist_registry_pass_over(struct kist_registry *reg)
{
    bool other = reg->source < reg->mirror_count;

    reg->source += other;
    return other;
}

void kist_registry_share(struct kist_registry *reg, unsigned connections)
{
    if (reg->options->bandwidth > 0) {
        reg->settings.bandwidth = KIST_MAX(reg->options->bandwidth / connections, (uint64_t)1);
    }
    for (size_t i = 0; i < reg->mirror_count; i++) {
        kist_registry_share(reg->mirrors[i], connections);
    }
}

void kist_registry_close(struct kist_registry *reg)
{
    if (reg) {
        for (size_t i = 0; i < reg->mirror_count; i++) {
            kist_registry_close(reg->mirrors[i]);
        }
        kist_http_close(reg->http);
        free(reg->scope);
        kist_secret_free(reg->authorization);
        kist_credential_release(&reg->credential);
        free(reg);
    }
}

int kist_registry_require(struct kist_registry *reg, bool push, const char *from, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf scope = KIST_BUF_INIT(KIST_MAX_HEADER);
    int rc = kist_buf_printf(&scope, err, "repository:%s:pull%s", reg->path, push ? ",push" : "");

    if (rc == 0 && from) {
        rc = kist_buf_printf(&scope, err, " repository:%s:pull", from);
    }
    if (rc == 0 && (!reg->scope || strcmp(reg->scope, kist_buf_text(&scope)) != 0)) {
        reg->push = push;
        free(reg->scope);
        reg->scope = kist_buf_detach(&scope);
        if (reg->authorization && kist_str_starts(reg->authorization, "Bearer ")) { /* which may allow less */
            kist_secret_free(reg->authorization);
            reg->authorization = NULL;
        }
    }
    return rc;
}

/* A manifest on its way. */
struct fetch {
    struct kist_registry_document *doc;
    const char *what, *tag_or_digest;
    char content_digest[KIST_DIGEST_TEXT_MAX];
};

static int fetch_begin(void *arg, const struct kist_http_head *head, struct kist_error *err)
{
    struct fetch *f = arg;

    kist_buf_clear(&f->doc->body);
    memcpy(f->doc->media_type, head->content_type, sizeof(f->doc->media_type));
    memcpy(f->content_digest, head->content_digest, sizeof(f->content_digest));
    if (head->has_length && head->length > KIST_MAX_MANIFEST) {
        return kist_error_set(err, KIST_E_CORRUPT, "the manifest of %s is larger than %u bytes", f->what,
                              KIST_MAX_MANIFEST);
    }
    return head->has_length ? kist_buf_reserve(&f->doc->body, (size_t)head->length, err) : 0;
}

static int fetch_body(void *arg, const void *data, size_t len, struct kist_error *err)
{
    struct fetch *f = arg;

    if (len > KIST_MAX_MANIFEST - f->doc->body.len) {
        return kist_error_set(err, KIST_E_CORRUPT, "the manifest of %s is larger than %u bytes", f->what,
                              KIST_MAX_MANIFEST);
    }
    return kist_buf_add(&f->doc->body, data, len, err);
}

/* The body's digest, held against the one asked for and the one the server gave. */
static int check_digest(struct fetch *f, const char *tag_or_digest, struct kist_error *err)
{
    struct kist_registry_document *doc = f->doc;
    char got[KIST_DIGEST_TEXT_MAX];
    const char *want = strchr(tag_or_digest, ':') ? tag_or_digest : f->content_digest;

    kist_digest_of(&doc->digest, doc->body.data, doc->body.len);
    (void)kist_digest_text(got, &doc->digest);
    if (kist_str_starts(want, "sha256:") && strcmp(want, got) != 0) {
        char shown[KIST_DIGEST_TEXT_MAX];

        return kist_error_set(err, KIST_E_CORRUPT, "the manifest of %s has the wrong digest: %s, not %s",
                              f->what, got, kist_str_printable(shown, sizeof(shown), want));
    }
    return 0;
}

/* The manifest of one source. */
static int fetch_manifest(void *arg, struct kist_registry *source, bool *own, struct kist_error *err)
{
    struct fetch *f = arg;
    char path[64 + KIST_REFERENCE_TAG_MAX];
    struct kist_exchange x = {.path = path,
                              .what = f->what,
                              .accept = ACCEPT_MANIFESTS,
                              .begin = fetch_begin,
                              .body = fetch_body,
                              .arg = f};
    struct kist_attempt attempt;
    int rc;

    (void)own;
    if (!kist_str_format(path, sizeof(path), "manifests/%s", f->tag_or_digest)) {
        return kist_error_set(err, KIST_E_USAGE, "the tag is too long");
    }
    rc = kist_client_exchange(source, &x, &attempt, err);
    return rc == 0 ? check_digest(f, f->tag_or_digest, err) : rc;
}

int kist_registry_manifest(struct kist_registry *reg, const char *tag_or_digest,
                           struct kist_registry_document *doc, struct kist_error *err)
{
    char what[KIST_REFERENCE_PATH_MAX + KIST_REFERENCE_TAG_MAX + 8];
    struct fetch fetch = {.doc = doc, .what = what, .tag_or_digest = tag_or_digest};
    int rc;

    memset(doc, 0, sizeof(*doc));
    kist_buf_init(&doc->body, KIST_MAX_MANIFEST);
    if (!kist_str_format(what, sizeof(what), "'%s%s%s'", reg->name, strchr(tag_or_digest, ':') ? "@" : ":",
                         tag_or_digest)) {
        return kist_error_set(err, KIST_E_USAGE, "the tag is too long");
    }
    rc = kist_client_read(reg, fetch_manifest, &fetch, err);
    if (rc < 0) {
        kist_registry_document_release(doc);
    }
    return rc;
}

void kist_registry_document_release(struct kist_registry_document *doc)
{
    kist_buf_release(&doc->body);
}
