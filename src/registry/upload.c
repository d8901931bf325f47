#include "registry/upload.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "registry/client.h"

#define SEGMENT ((size_t)4 << 20)
#define SEGMENT_MAX ((size_t)16 << 20) /* of which more is not believed to be the least a registry takes */
#define MAX_ATTEMPTS 1000              /* also when each brings a little */
#define UPLOADS "blobs/uploads/"
#define BYTES "application/octet-stream"

struct kist_upload {
    struct kist_sink sink;
    struct kist_registry *reg;
    const char *what;
    uint64_t *sent;
    struct kist_url url; /* where it goes on; text NULL: not begun */
    uint64_t start;      /* of the segment, in the blob */
    uint64_t stored;     /* bytes that the registry has, >= start */
    uint64_t least;      /* segment that the registry wants */
    bool lost;
    unsigned char *segment;
    size_t size, len;
};

/* The upload is of no more use; err keeps the cause. */
static int lose(struct kist_upload *u, struct kist_error *err)
{
    u->lost = true;
    if (err) {
        err->code = KIST_E_NETWORK;
    }
    return KIST_E_NETWORK;
}

/* ---- one request ---- */

int kist_registry_has_blob(struct kist_registry *reg, const struct kist_digest *digest, struct kist_error *err)
{
    char text[KIST_DIGEST_TEXT_MAX], path[KIST_DIGEST_TEXT_MAX + 8];
    struct kist_exchange x = {.method = KIST_HTTP_HEAD, .path = path, .what = text};
    struct kist_attempt attempt;
    int rc;

    (void)kist_digest_text(text, digest);
    if (!kist_str_format(path, sizeof(path), "blobs/%s", text)) {
        return KIST_E_FAIL; /* cannot be: it has room for a digest */
    }
    rc = kist_client_exchange(reg, &x, &attempt, err);
    return rc == 0 ? 1 : rc == KIST_E_NOT_FOUND ? 0 : rc;
}

static int note_digest(void *arg, const struct kist_http_head *head, struct kist_error *err)
{
    const struct kist_digest *digest = arg;
    char text[KIST_DIGEST_TEXT_MAX], shown[KIST_DIGEST_TEXT_MAX];

    (void)kist_digest_text(text, digest);
    if (!kist_str_starts(head->content_digest, "sha256:") || strcmp(head->content_digest, text) == 0) {
        return 0;
    }
    return kist_error_set(err, KIST_E_CORRUPT, "the registry took manifest '%s' for '%s'", text,
                          kist_str_printable(shown, sizeof(shown), head->content_digest));
}

int kist_registry_put_manifest(struct kist_registry *reg, const char *tag_or_digest, const char *media_type,
                               const struct kist_buf *text, struct kist_error *err)
{
    char path[64 + KIST_REFERENCE_TAG_MAX], what[KIST_REFERENCE_PATH_MAX + KIST_REFERENCE_TAG_MAX + 8];
    struct kist_http_memory content;
    struct kist_digest digest;
    struct kist_exchange x = {.method = KIST_HTTP_PUT,
                              .path = path,
                              .what = what,
                              .content = &content.content,
                              .begin = note_digest,
                              .arg = &digest};
    struct kist_attempt attempt;

    kist_digest_of(&digest, text->data, text->len);
    kist_http_memory_init(&content, media_type, text->data, text->len);
    if (!kist_str_format(path, sizeof(path), "manifests/%s", tag_or_digest) ||
        !kist_str_format(what, sizeof(what), "'%s%c%s'", reg->name, strchr(tag_or_digest, ':') ? '@' : ':',
                         tag_or_digest)) {
        return kist_error_set(err, KIST_E_USAGE, "the tag is too long");
    }
    return kist_client_exchange(reg, &x, &attempt, err);
}

/* What the registry says of an upload. */
struct answer {
    bool has_stored;
    uint64_t stored, least;
};

static int note_answer(void *arg, const struct kist_http_head *head, struct kist_error *err)
{
    struct answer *a = arg;

    (void)err;
    *a = (struct answer){head->has_stored, head->stored, head->least_chunk};
    return 0;
}

/* A POST that begins an upload, or has the blob mounted. */
static int post(struct kist_upload *u, const char *path, struct kist_attempt *attempt, struct kist_error *err)
{
    KIST_AUTO(url) struct kist_url url = KIST_URL_INIT;
    struct answer answer = {.stored = 0};
    struct kist_exchange x = {.method = KIST_HTTP_POST,
                              .path = path,
                              .what = u->what,
                              .location = &url,
                              .begin = note_answer,
                              .arg = &answer};
    int rc = kist_client_exchange(u->reg, &x, attempt, err);

    if (rc < 0 || attempt->status == 201) {
        return rc;
    }
    if (!url.text) {
        return kist_error_set(err, KIST_E_FAIL, "cannot push %s: '%s' does not say where to", u->what, u->reg->host);
    }
    kist_url_release(&u->url);
    u->url = url;
    url.text = NULL;
    u->least = KIST_MIN(answer.least, (uint64_t)SEGMENT_MAX);
    return 0;
}

static int begin(struct kist_upload *u, struct kist_error *err)
{
    struct kist_attempt attempt;

    return u->url.text ? 0 : post(u, UPLOADS, &attempt, err);
}

int kist_upload_mount(struct kist_upload *u, const struct kist_digest *digest, const char *from,
                      struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf path = KIST_BUF_INIT(KIST_MAX_HEADER);
    struct kist_attempt attempt = {.status = 0};
    char text[KIST_DIGEST_TEXT_MAX];
    int rc = kist_buf_printf(&path, err, UPLOADS "?mount=%s&from=", kist_digest_text(text, digest));

    if (rc == 0) {
        rc = kist_url_add_escaped(&path, from, err);
    }
    if (rc == 0) {
        rc = post(u, kist_buf_text(&path), &attempt, err);
    }
    return rc < 0 ? rc : attempt.status == 201;
}

/* Sends what the registry lacks of the segment. */
static int patch(struct kist_upload *u, struct kist_attempt *attempt, struct kist_error *err)
{
    uint64_t end = u->start + u->len;
    struct answer answer = {.stored = 0};
    struct kist_http_memory content;
    char header[80];
    struct kist_exchange x = {.method = KIST_HTTP_PATCH,
                              .url = &u->url,
                              .what = u->what,
                              .header = header,
                              .content = &content.content,
                              .location = &u->url,
                              .begin = note_answer,
                              .arg = &answer};
    int rc;

    kist_http_memory_init(&content, BYTES, u->segment + (u->stored - u->start), (size_t)(end - u->stored));
    if (!kist_str_format(header, sizeof(header), "Content-Range: %" PRIu64 "-%" PRIu64, u->stored, end - 1)) {
        return KIST_E_FAIL; /* cannot be: it has room for two numbers */
    }
    rc = kist_client_attempt(u->reg, &x, attempt, err);
    if (rc == 0) {
        bool part = answer.has_stored && answer.stored > u->stored && answer.stored < end;

        end = part ? answer.stored : end;
        if (u->sent) {
            *u->sent += end - u->stored;
        }
        u->stored = end;
    }
    return rc;
}

/*
 * After a failure: how much the registry has. Where it has nothing, or less than what is still in memory begins with, the
 * upload is lost, and err stays what it was.
 */
static int ask(struct kist_upload *u, struct kist_error *err)
{
    struct answer answer = {.stored = 0};
    struct kist_exchange x = {.method = KIST_HTTP_GET,
                              .url = &u->url,
                              .what = u->what,
                              .location = &u->url,
                              .begin = note_answer,
                              .arg = &answer};
    struct kist_error now = {.code = KIST_OK};
    struct kist_attempt attempt;
    int rc = kist_client_exchange(u->reg, &x, &attempt, &now);

    if (rc == 0 && answer.has_stored && answer.stored >= u->start && answer.stored <= u->start + u->len) {
        u->stored = answer.stored;
        return 0;
    }
    if (rc < 0 && (attempt.again || rc == KIST_E_AUTH || rc == KIST_E_INTERRUPTED || rc == KIST_E_NOMEM)) {
        if (err) {
            *err = now;
        }
        return rc;
    }
    return lose(u, err);
}

/* ---- segments ---- */

/* All of the segment to the registry, through whatever befalls the connection. */
static int send_segment(struct kist_upload *u, struct kist_error *err)
{
    unsigned failures = 0;
    int rc = begin(u, err);

    for (unsigned attempts = 1; rc == 0 && u->stored < u->start + u->len; attempts++) {
        struct kist_attempt attempt;
        uint64_t before = u->stored;

        rc = patch(u, &attempt, err);
        if (rc == 0) {
            failures = 0;
            continue;
        }
        failures++;
        if (attempt.status == 404) {
            return lose(u, err);
        }
        if (!attempt.again && attempt.status != 416) {
            return rc;
        }
        if (failures >= u->reg->tries || attempts >= MAX_ATTEMPTS) {
            kist_client_give_up(failures, err);
            return rc;
        }
        rc = kist_client_wait(u->reg, failures, &attempt, err);
        if (rc == 0) {
            rc = ask(u, err);
        }
        failures = u->stored > before ? 0 : failures;
    }
    if (rc == 0) {
        u->start = u->stored;
        u->len = 0;
    }
    return rc;
}

static int grow(struct kist_upload *u, struct kist_error *err)
{
    size_t wanted = KIST_MAX(SEGMENT, (size_t)u->least);
    size_t size = u->size == 0 ? SEGMENT / 16 : KIST_MIN(u->size * 4, wanted);
    unsigned char *more = realloc(u->segment, size);

    if (!more) {
        return kist_error_nomem(err);
    }
    u->segment = more;
    u->size = size;
    return 0;
}

static int upload_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct kist_upload *u = KIST_CONTAINER_OF(sink, struct kist_upload, sink);
    const unsigned char *from = data;

    while (len > 0) {
        size_t take;

        if (u->len == u->size) {
            /* a registry says with the first answer what it takes */
            int rc = u->size < SEGMENT ? grow(u, err) : begin(u, err);

            if (rc == 0 && u->len == u->size) {
                rc = u->size < u->least ? grow(u, err) : send_segment(u, err);
            }
            if (rc < 0) {
                return rc;
            }
        }
        take = KIST_MIN(len, u->size - u->len);
        memcpy(u->segment + u->len, from, take);
        u->len += take;
        from += take;
        len -= take;
    }
    return 0;
}

static int upload_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink, (void)err;
    return 0; /* the digest is still to come */
}

static const struct kist_sink_ops upload_ops = {.write = upload_write, .finish = upload_finish};

/* ---- the end ---- */

/* Closes the upload with what is left of it, which is all where nothing was sent before. */
static int put(struct kist_upload *u, const struct kist_digest *digest, struct kist_attempt *attempt,
               struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_HEADER);
    KIST_AUTO(url) struct kist_url url = KIST_URL_INIT;
    char name[KIST_DIGEST_TEXT_MAX];
    struct kist_http_memory content;
    struct kist_exchange x = {
        .method = KIST_HTTP_PUT, .url = &url, .what = u->what, .content = &content.content};
    int rc = kist_buf_printf(&text, err, "%s%cdigest=%s", u->url.text, strchr(u->url.text, '?') ? '&' : '?',
                             kist_digest_text(name, digest));

    memset(attempt, 0, sizeof(*attempt));
    if (rc == 0) {
        rc = kist_url_set(&url, kist_buf_text(&text), err);
    }
    if (rc < 0) {
        return rc;
    }
    kist_http_memory_init(&content, BYTES, u->segment, u->len);
    rc = kist_client_attempt(u->reg, &x, attempt, err);
    if (rc == 0 && u->sent) {
        *u->sent += u->len;
    }
    return rc;
}

/* After a put that failed: 1: the blob is there; 0: to be tried again; the upload is lost otherwise. */
static int recover(struct kist_upload *u, const struct kist_digest *digest, struct kist_error *err)
{
    struct kist_error now = {.code = KIST_OK};
    int rc = kist_registry_has_blob(u->reg, digest, &now);

    if (rc < 0) {
        *err = now;
    }
    if (rc != 0) {
        return rc;
    }
    if (u->start == 0) {
        kist_url_release(&u->url); /* all of it is here: in a new upload */
        return 0;
    }
    return ask(u, err);
}

int kist_upload_finish(struct kist_upload *u, const struct kist_digest *digest, struct kist_error *err)
{
    struct kist_error own = {.code = KIST_OK};
    int rc = u->start > 0 ? send_segment(u, &own) : 0;

    for (unsigned failures = 1; rc == 0; failures++) {
        struct kist_attempt attempt;

        rc = begin(u, &own);
        if (rc < 0 || (rc = put(u, digest, &attempt, &own)) == 0) {
            break;
        }
        if (!attempt.again) {
            rc = attempt.status == 404 ? lose(u, &own) : rc;
        } else if (failures >= u->reg->tries) {
            kist_client_give_up(failures, &own);
        } else if ((rc = kist_client_wait(u->reg, failures, &attempt, &own)) == 0 &&
                   (rc = recover(u, digest, &own)) == 1) {
            rc = 0;
            break;
        }
    }
    if (rc < 0 && err) {
        *err = own;
    }
    return rc;
}

/* ---- making it ---- */

int kist_upload_new(struct kist_upload **out, struct kist_registry *reg, const char *what, uint64_t *sent,
                    struct kist_error *err)
{
    struct kist_upload *u = calloc(1, sizeof(*u));

    if (!u) {
        return kist_error_nomem(err);
    }
    u->sink.ops = &upload_ops;
    u->reg = reg;
    u->what = what;
    u->sent = sent;
    *out = u;
    return 0;
}

void kist_upload_free(struct kist_upload *u)
{
    if (u) {
        kist_url_release(&u->url);
        free(u->segment);
        free(u);
    }
}

struct kist_sink *kist_upload_sink(struct kist_upload *u)
{
    return &u->sink;
}

bool kist_upload_lost(const struct kist_upload *u)
{
    return u->lost;
}
