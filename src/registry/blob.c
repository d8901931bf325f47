/* A blob through whatever befalls the connection: each byte reaches the sink once. */
#include <inttypes.h>
#include <string.h>

#include "registry/client.h"

#define MAX_ATTEMPTS 1000         /* that brought little or nothing */
#define PROGRESS ((uint64_t)64 << 10) /* bytes by which an attempt was no failure, however it ended */

struct blob {
    struct kist_sink *sink;
    uint64_t size;
    uint64_t done;      /* bytes the sink has */
    uint64_t skip;      /* bytes of this answer that it has already */
    uint64_t *received; /* may be NULL */
    bool sink_failed;   /* no other source will do better */
    bool whole;         /* Range has failed: ask for all of it */
    bool self_ending;   /* this answer's end is its own, not the connection's */
    const char *path, *what;
};

static int wrong_size(const struct blob *b, bool larger, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_CORRUPT, "%s is %s than the %" PRIu64 " bytes its manifest declares",
                          b->what, larger ? "larger" : "shorter", b->size);
}

/* KIST_E_NETWORK: this answer is of no use, the next may be. */
static int bad_range(struct blob *b, struct kist_error *err)
{
    b->whole = true;
    return kist_error_set(err, KIST_E_NETWORK, "%s: the server answered with another part than was asked for",
                          b->what);
}

static int blob_begin(void *arg, const struct kist_http_head *head, struct kist_error *err)
{
    struct blob *b = arg;
    uint64_t first = 0;

    if (head->status == 206) {
        if (!head->has_range || head->range_first > b->done ||
            (head->has_length && head->length != head->range_last - head->range_first + 1)) {
            return bad_range(b, err);
        }
        first = head->range_first;
        if (head->has_total && head->range_total != b->size) {
            return wrong_size(b, head->range_total > b->size, err);
        }
    } else if (head->status != 200) {
        return kist_error_set(err, KIST_E_FAIL, "cannot get %s: the server answered %d", b->what,
                              head->status);
    }
    b->skip = b->done - first;
    b->self_ending = head->has_length || head->chunked;
    /* a part may end early, the whole may not */
    if (head->has_length &&
        (head->length > b->size - first || (head->status == 200 && head->length < b->size))) {
        return wrong_size(b, head->length > b->size - first, err);
    }
    return 0;
}

static int blob_body(void *arg, const void *data, size_t len, struct kist_error *err)
{
    struct blob *b = arg;
    size_t known = (size_t)KIST_MIN(b->skip, (uint64_t)len);
    int rc;

    if (b->received) {
        *b->received += len;
    }
    b->skip -= known;
    len -= known;
    if (len == 0) {
        return 0;
    }
    if (len > b->size - b->done) {
        return wrong_size(b, true, err);
    }
    rc = kist_sink_write(b->sink, (const char *)data + known, len, err);
    if (rc == 0) {
        b->done += len;
    }
    b->sink_failed = rc < 0;
    return rc;
}

/* One attempt; *again as in struct kist_attempt. An answer that is whole and yet too short does not get
 * longer. */
static int attempt_blob(struct kist_registry *reg, struct kist_exchange *x, struct blob *b,
                        struct kist_attempt *attempt, struct kist_error *err)
{
    uint64_t before = b->done;
    int rc;

    x->from = b->whole ? 0 : b->done;
    rc = kist_client_attempt(reg, x, attempt, err);
    if (rc == 0 && b->done < b->size) {
        bool part = attempt->status == 206;

        attempt->again = !b->self_ending || (part && b->done > before);
        return attempt->again
                   ? kist_error_set(err, KIST_E_NETWORK, "%s: the connection was closed early", b->what)
                   : wrong_size(b, false, err);
    }
    if (rc < 0 && attempt->status == 416 && x->from > 0) {
        attempt->again = b->whole = true;
    }
    return rc;
}

/* What is missing, from one source. */
static int fetch_blob(void *arg, struct kist_registry *source, bool *own, struct kist_error *err)
{
    struct blob *b = arg;
    struct kist_exchange x = {.path = b->path, .what = b->what, .begin = blob_begin, .body = blob_body, .arg = b};
    unsigned failures = 0, attempts = 0;

    b->whole = false;
    while (b->done < b->size) {
        struct kist_attempt attempt;
        uint64_t before = b->done;
        int rc = attempt_blob(source, &x, b, &attempt, err);

        if (rc == 0) {
            continue;
        }
        *own = !b->sink_failed;
        if (!attempt.again) {
            return rc;
        }
        if (b->done - before >= PROGRESS) { /* the link cuts, but it carries: on, at once */
            failures = 0;
            continue;
        }
        failures = b->done > before ? 1 : failures + 1;
        if (failures >= source->tries || ++attempts >= MAX_ATTEMPTS) {
            kist_client_give_up(failures >= source->tries ? failures : attempts, err);
            return rc;
        }
        rc = kist_client_wait(source, failures, &attempt, err);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

int kist_registry_blob(struct kist_registry *reg, const struct kist_digest *digest, uint64_t size,
                       struct kist_sink *sink, uint64_t *received, struct kist_error *err)
{
    return kist_registry_blob_from(reg, digest, size, 0, sink, received, err);
}

int kist_registry_blob_from(struct kist_registry *reg, const struct kist_digest *digest, uint64_t size, uint64_t from,
                            struct kist_sink *sink, uint64_t *received, struct kist_error *err)
{
    char text[KIST_DIGEST_TEXT_MAX], path[KIST_DIGEST_TEXT_MAX + 8], what[KIST_DIGEST_TEXT_MAX + 8];
    struct blob b = {.sink = sink, .size = size, .done = from, .received = received, .path = path, .what = what};

    (void)kist_digest_text(text, digest);
    if (!kist_str_format(path, sizeof(path), "blobs/%s", text) ||
        !kist_str_format(what, sizeof(what), "blob '%s'", text)) {
        return KIST_E_FAIL; /* cannot be: both have room for a digest */
    }
    return kist_client_read(reg, fetch_blob, &b, err);
}
