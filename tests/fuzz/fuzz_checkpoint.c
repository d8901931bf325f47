/* rooms: layer */
/*
 * A journal and half a layer file from flash: whatever they say, a writer begins or goes on, and so may a
 * decoder. The input is u8 which compressor, u32 bytes of the log of blocks, the log, u32 bytes of the state,
 * the state, and the layer file from byte 96 on: what a record consists of, put together here with the right
 * hashes, which no fuzzer guesses.
 */
#include <string.h>

#include "codec/decode.h"
#include "layer/journal.h"
#include "layer/layer.h"
#include "layer/squashfs.h"
#include "scratch.h"

#define INPUT_MAX (1U << 20)
#define PIECE 65536U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct port_file *layer, *journal;
static unsigned char identity[2][KIST_SHA256_SIZE];

static struct kist_layer_options options_of(unsigned which)
{
    return (struct kist_layer_options){.compressor = which ? KIST_LAYER_GZIP : KIST_LAYER_ZSTD,
                                       .level = 1,
                                       .max_inodes = 4000,
                                       .max_names = 1U << 20};
}

static int resume(struct kist_layer_writer **w, unsigned which, struct kist_buf *state, size_t *own,
                  struct kist_error *err)
{
    const struct kist_layer_options options = options_of(which);
    struct kist_digest subject = {.bytes = {0}};

    return kist_layer_writer_resume(w, layer, journal, &subject, &options, state, own, err);
}

/* The journals' identities are what a first mark writes. */
static void prepare(void)
{
    struct kist_error err = {0};
    char other[80];

    if (layer)
        return;
    scratch_prepare("fuzz_checkpoint");
    snprintf(other, sizeof(other), "%s.journal", name);
    if (port_file_create(&layer, folder, name, true, &err) < 0 ||
        port_file_create(&journal, folder, other, true, &err) < 0 || port_dir_unlink(folder, other, &err) < 0)
        die("no files", &err);
    for (unsigned i = 0; i < 2; i++) {
        struct kist_buf state = KIST_BUF_INIT(KIST_LAYER_STATE_MAX);
        struct kist_layer_writer *w = NULL;
        size_t own = 0, got;

        if (port_file_truncate(journal, 0, &err) < 0 || resume(&w, i, &state, &own, &err) != 0 ||
            kist_layer_writer_state(w, &state, &err) < 0 ||
            kist_layer_writer_mark(w, &state, false, &err) < 0 ||
            port_file_read_at(journal, 8, identity[i], sizeof(identity[i]), &got, &err) < 0)
            die("no mark", &err);
        kist_layer_writer_free(w);
        kist_buf_release(&state);
    }
}

/* The next len bytes of the input, or as many as there are. */
static const uint8_t *take(const uint8_t **p, const uint8_t *end, uint32_t *len)
{
    const uint8_t *from = *p;

    *len = (uint32_t)KIST_MIN(*len, (size_t)(end - from));
    *p += *len;
    return from;
}

static uint32_t number(const uint8_t **p, const uint8_t *end)
{
    uint32_t len = 4;
    const uint8_t *at = take(p, end, &len);

    return len == 4 ? kist_le32_get(at) : 0;
}

static void add(struct kist_buf *record, const void *bytes, size_t len)
{
    if (kist_buf_add(record, bytes, len, NULL) < 0)
        abort();
}

static void make_files(const uint8_t *p, const uint8_t *end, unsigned which)
{
    static const unsigned char super[KIST_SQUASHFS_SUPER_SIZE];
    struct kist_buf record = KIST_BUF_INIT(KIST_JOURNAL_RECORD_MAX);
    uint32_t log_len = number(&p, end), state_len;
    const uint8_t *log = take(&p, end, &log_len), *state;
    struct kist_error err = {0};
    unsigned char front[44], piece[8];
    struct kist_journal j;
    struct kist_sha256 h;

    state_len = number(&p, end);
    state = take(&p, end, &state_len);
    kist_sha256_init(&h);
    kist_sha256_update(&h, p, (size_t)(end - p));
    kist_le64_put(front, sizeof(super) + (uint64_t)(end - p));
    kist_sha256_final(&h, front + 8);
    kist_le32_put(front + 40, log_len);
    add(&record, front, sizeof(front));
    add(&record, log, log_len);
    for (uint32_t at = 0, len; at < state_len; at += len) {
        len = KIST_MIN(state_len - at, PIECE);
        kist_le32_put(piece, len);
        kist_le32_put(piece + 4, len | KIST_SQUASHFS_BLOCK_RAW);
        add(&record, piece, sizeof(piece));
        add(&record, state + at, len);
    }
    if (port_file_truncate(layer, 0, &err) < 0 || port_file_append(layer, super, sizeof(super), &err) < 0 ||
        port_file_append(layer, p, (size_t)(end - p), &err) < 0 ||
        kist_journal_start(&j, journal, identity[which], &err) < 0 || kist_journal_add(&j, &record, &err) < 0)
        die("cannot keep the input", &err);
    kist_buf_release(&record);
}

/* What goes on is fed a little more, and ended as it may. */
static void go_on(struct kist_layer_writer *w, const struct kist_buf *state, size_t own)
{
    static const char more[2048];
    struct kist_error err = {0};
    struct kist_decoder *d;

    if (kist_decoder_new(&d, kist_layer_writer_sink(w), 1U << 20, &err) < 0)
        die("no decoder", &err);
    if (kist_decoder_restore(d, state, own, &err) == 0)
        (void)!kist_sink_write(kist_decoder_sink(d), more, sizeof(more), &err);
    kist_decoder_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kist_buf state = KIST_BUF_INIT(KIST_LAYER_STATE_MAX);
    struct kist_layer_writer *w = NULL;
    struct kist_error err = {0};
    size_t own = 0;

    if (size < 1 || size > INPUT_MAX)
        return 0;
    prepare();
    make_files(data + 1, data + size, data[0] & 1);
    if (resume(&w, data[0] & 1, &state, &own, &err) == 1)
        go_on(w, &state, own);
    kist_layer_writer_free(w);
    kist_buf_release(&state);
    return 0;
}
