#include "layer/read.h"

#include <stdlib.h>

void kist_read_stream_open(struct kist_layer *l, struct kist_read_stream *s, enum kist_layer_stream id)
{
    *s = (struct kist_read_stream){.layer = l, .id = id, .chunks = l->trailer.chunks[id]};
}

void kist_read_stream_close(struct kist_read_stream *s)
{
    free(s->data);
    s->data = NULL;
    s->chunks = 0;
}

static const char *stream_name(const struct kist_read_stream *s)
{
    static const char *const names[KIST_LAYER_STREAMS] = {
        [KIST_LAYER_OPS] = "recipe",
        [KIST_LAYER_RUNS] = "list of contents",
        [KIST_LAYER_IMPLIED] = "list of implied directories",
    };

    return names[s->id];
}

/* As many bytes as the largest chunk so far: most lists are short. */
static int make_room(struct kist_read_stream *s, size_t want, struct kist_error *err)
{
    unsigned char *data = s->room < want ? realloc(s->data, want) : s->data;

    if (!data)
        return kist_error_nomem(err);
    s->data = data;
    s->room = KIST_MAX(s->room, want);
    return 0;
}

/* Makes chunk number (from 1) the current one. */
static int chunk_load(struct kist_read_stream *s, uint32_t number, struct kist_error *err)
{
    struct kist_layer *l = s->layer;
    unsigned char raw[KIST_LAYER_INDEX_SIZE];
    uint64_t entry = number - 1, at, end = l->info.file_bytes - KIST_LAYER_TRAILER_SIZE;
    size_t len, want;
    bool as_is;
    int result;

    s->chunk = 0;
    for (int i = 0; i < (int)s->id; i++)
        entry += l->trailer.chunks[i];
    result = kist_read_at(l, l->trailer.index + entry * sizeof(raw), raw, sizeof(raw), "index", err);
    if (result < 0)
        return result;
    at = kist_le64_get(raw);
    len = kist_le32_get(raw + 8) & ~KIST_LAYER_CHUNK_RAW;
    as_is = kist_le32_get(raw + 8) & KIST_LAYER_CHUNK_RAW;
    want = kist_le32_get(raw + 12);
    if (want == 0 || want > KIST_LAYER_CHUNK_SIZE || len > KIST_LAYER_CHUNK_SIZE || (as_is && len != want))
        return KIST_READ_DAMAGED(err, "chunk %" PRIu32 " of the %s has a size of %zu, unpacked %zu", number,
                                 stream_name(s), len, want);
    if (at < KIST_SQUASHFS_SUPER_SIZE || at > end || len > end - at)
        return KIST_READ_DAMAGED(err, "chunk %" PRIu32 " of the %s would lie at byte %" PRIu64, number,
                                 stream_name(s), at);
    result = make_room(s, want, err);
    if (result >= 0)
        result = kist_read_at(l, at, as_is ? s->data : l->packed, len, stream_name(s), err);
    if (result < 0)
        return result;
    s->len = len;
    if (!as_is && (!kist_unpack_run(l->unpack, l->packed, len, s->data, want, &s->len) ||
                   s->len != want))
        return KIST_READ_DAMAGED(err, "chunk %" PRIu32 " of the %s does not unpack", number, stream_name(s));
    s->chunk = number;
    s->pos = 0;
    return 0;
}

bool kist_read_stream_ended(const struct kist_read_stream *s)
{
    return s->chunk == s->chunks && s->pos == s->len;
}

int kist_read_stream_span(struct kist_read_stream *s, uint64_t max, const unsigned char **data, size_t *len,
                          struct kist_error *err)
{
    if (kist_read_stream_ended(s))
        return KIST_READ_DAMAGED(err, "the %s ends too early", stream_name(s));
    if (s->pos == s->len) {
        int result = chunk_load(s, s->chunk + 1, err);

        if (result < 0)
            return result;
    }
    *data = s->data + s->pos;
    *len = (size_t)KIST_MIN(max, s->len - s->pos);
    s->pos += *len;
    return 0;
}

int kist_read_stream_varint(struct kist_read_stream *s, uint64_t *value, struct kist_error *err)
{
    *value = 0;
    for (unsigned i = 0; i < KIST_LAYER_VARINT_MAX; i++) {
        const unsigned char *byte = NULL;
        size_t len;
        int result = kist_read_stream_span(s, 1, &byte, &len, err);

        if (result < 0)
            return result;
        if (i == KIST_LAYER_VARINT_MAX - 1 && *byte > 1)
            break;
        *value |= (uint64_t)(*byte & 0x7f) << (7 * i);
        if (*byte < 0x80)
            return 0;
    }
    return KIST_READ_DAMAGED(err, "a number in the %s is too long", stream_name(s));
}

struct kist_read_place kist_read_stream_tell(const struct kist_read_stream *s)
{
    return (struct kist_read_place){.chunk = s->chunk, .pos = s->pos};
}

int kist_read_stream_seek(struct kist_read_stream *s, struct kist_read_place place, struct kist_error *err)
{
    if (place.chunk == 0) {
        s->chunk = 0;
        s->pos = s->len = 0;
        return 0;
    }
    if (s->chunk != place.chunk) {
        int result = chunk_load(s, place.chunk, err);

        if (result < 0)
            return result;
    }
    s->pos = place.pos;
    return 0;
}
