/* The head of an HTTP response (RFC 9110), as far as a registry's client needs it. */
#ifndef KIST_REGISTRY_HTTP_HEAD_H
#define KIST_REGISTRY_HTTP_HEAD_H

#include "base/buf.h"
#include "image/digest.h"

struct kist_http_head {
    int status;      /* 0: no response yet */
    bool chunked;    /* the body says itself where it ends */
    bool has_length; /* length: Content-Length */
    bool has_range;  /* range_first to range_last: the part of the content that this is (Content-Range) */
    bool has_total;  /* range_total: bytes of the whole content (Content-Range) */
    bool has_stored; /* stored: bytes of an upload that the registry has (Range, as the distribution spec uses it) */
    uint64_t length, range_first, range_last, range_total, stored;
    uint64_t least_chunk;                      /* OCI-Chunk-Min-Length; 0: not said */
    uint64_t retry_after_ms;                   /* 0: not said */
    int64_t modified;                          /* Last-Modified, seconds since 1970; 0: not said */
    char content_type[128];                    /* without parameters; "" where absent or too long */
    char content_digest[KIST_DIGEST_TEXT_MAX]; /* Docker-Content-Digest; "" where absent or too long */
    struct kist_buf location;
    struct kist_buf challenges; /* the WWW-Authenticate values, joined by ", " */
};

void kist_http_head_init(struct kist_http_head *h);
/* As after init, keeping its memory. */
void kist_http_head_clear(struct kist_http_head *h);
void kist_http_head_release(struct kist_http_head *h);
void kist_http_head_auto(struct kist_http_head *h);

/*
 * One line as received, with or without its line end; a status line forgets everything before it. now:
 * seconds since 1970, for a Retry-After that is a date. KIST_E_CORRUPT: longer than KIST_MAX_HEADER. Unknown
 * and malformed fields are passed over.
 */
int kist_http_head_line(struct kist_http_head *h, const char *line, size_t len, int64_t now,
                        struct kist_error *err) KIST_CHECKED;

#endif
