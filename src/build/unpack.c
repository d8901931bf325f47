#include "build/unpack.h"

#include <string.h>

#include "codec/tar_parts.h"

static int unpack_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct kist_unpack_sink *u = KIST_CONTAINER_OF(sink, struct kist_unpack_sink, sink);

    u->measure.received += len;
    return kist_sink_write(kist_decoder_sink(u->decoder), data, len, err);
}

static int unpack_finish(struct kist_sink *sink, struct kist_error *err)
{
    return kist_sink_finish(kist_decoder_sink(KIST_CONTAINER_OF(sink, struct kist_unpack_sink, sink)->decoder), err);
}

static int measured_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    struct kist_unpack_sink *u = KIST_CONTAINER_OF(sink, struct kist_unpack_sink, measured);
    int rc = kist_intake_measure(&u->measure, len, err);

    return rc == 0 ? kist_sink_write(u->next, data, len, err) : rc;
}

static int measured_finish(struct kist_sink *sink, struct kist_error *err)
{
    return kist_sink_finish(KIST_CONTAINER_OF(sink, struct kist_unpack_sink, measured)->next, err);
}

int kist_unpack_sink_init(struct kist_unpack_sink *u, struct kist_sink *next, struct kist_error *err)
{
    static const struct kist_sink_ops ops = {unpack_write, unpack_finish}, measured = {measured_write, measured_finish};

    *u = (struct kist_unpack_sink){.sink = {&ops}, .measured = {&measured}, .next = next};
    return kist_decoder_new(&u->decoder, &u->measured, UINT64_MAX, err);
}

void kist_unpack_sink_release(struct kist_unpack_sink *u)
{
    kist_decoder_free(u->decoder);
    u->decoder = NULL;
}

enum kist_archive_kind kist_archive_kind(const void *data, size_t len)
{
    static const struct {
        const char *magic;
        size_t len;
        enum kist_archive_kind kind;
    } kinds[] = {
        {"\x1f\x8b", 2, KIST_ARCHIVE_PACKED},
        {"\x28\xb5\x2f\xfd", 4, KIST_ARCHIVE_PACKED},
        {"\xfd" "7zXZ\0", 6, KIST_ARCHIVE_XZ},
        {"BZh", 3, KIST_ARCHIVE_BZIP2},
    };

    for (size_t i = 0; i < KIST_COUNT(kinds); i++) {
        if (len >= kinds[i].len && memcmp(data, kinds[i].magic, kinds[i].len) == 0) {
            return kinds[i].kind;
        }
    }
    return len >= KIST_TAR_BLOCK_SIZE && !kist_tar_header_blank(data) && kist_tar_header_valid(data) ? KIST_ARCHIVE_TAR
                                                                                                      : KIST_ARCHIVE_NONE;
}
