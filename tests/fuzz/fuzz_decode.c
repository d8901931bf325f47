/* rooms: codec */
/* The decompressing stage, whole and in pieces: the same bytes must come out, never more than the limit. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/decode.h"
#include "codec/sha256.h"

#define LIMIT ((uint64_t)1 << 20)

static void need(int truth)
{
    if (!truth)
        abort();
}

static int run(const uint8_t *data, size_t size, size_t piece, struct kist_sha256_sink *out)
{
    struct kist_error err = {0};
    struct kist_decoder *d;
    int rc;

    kist_sha256_sink_init(out, NULL, UINT64_MAX, "output");
    rc = kist_decoder_new(&d, &out->sink, LIMIT, &err);
    for (size_t at = 0; rc == 0 && at < size;) {
        size_t take = size - at < piece ? size - at : piece;

        rc = kist_sink_write(kist_decoder_sink(d), data + at, take, &err);
        at += take;
    }
    if (rc == 0)
        rc = kist_sink_finish(kist_decoder_sink(d), &err);
    need(rc < 0 || kist_decoder_encoding(d) != KIST_ENCODING_NONE || out->bytes == size);
    kist_decoder_free(d);
    need(rc == err.code && (rc == 0 || err.message[0] != '\0'));
    need(out->bytes <= LIMIT);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = {1, 5, 1000};
    unsigned char want[KIST_SHA256_SIZE], got[KIST_SHA256_SIZE];
    struct kist_sha256_sink out;
    int rc = run(data, size, SIZE_MAX, &out);

    kist_sha256_final(&out.hash, want);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        int again = run(data, size, pieces[i], &out);

        need((again < 0) == (rc < 0));
        kist_sha256_final(&out.hash, got);
        need(rc < 0 || memcmp(got, want, sizeof(got)) == 0);
    }
    return 0;
}
