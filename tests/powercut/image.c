#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "powercut.h"
#include "store/check.h"
#include "store/quota.h"

#define LAYERS 8
#define CHUNK 4096 /* bytes that arrive at a time */

/* Layer i + 1, made when it is first asked for. */
static struct {
    struct kist_buf tar;
    struct kist_digest diff_id;
} layers[LAYERS];

static unsigned resumed;

unsigned image_resumed(void)
{
    return resumed;
}

void must(int rc, const struct kist_error *err, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "powercut: %s: %s\n", what, err->message);
        exit(2);
    }
}

/* ---- tars ---- */

static void add(struct kist_buf *tar, const void *data, size_t len)
{
    struct kist_error err = {.code = KIST_OK};

    must(kist_buf_add(tar, data, len, &err), &err, "a tar");
}

static void add_member(struct kist_buf *tar, char type, const char *name, unsigned char fill, size_t size)
{
    char block[512] = "";
    unsigned sum = 0;

    (void)!kist_str_copy(block, 100, name);
    (void)snprintf(block + 100, 36, "%07o%c%07o%c%07o%c%011o", type == '5' ? 0755U : 0644U, 0, 0U, 0, 0U, 0,
                   (unsigned)size);
    (void)snprintf(block + 136, 12, "%011o", 1700000000U);
    memcpy(block + 148, "        ", 8);
    block[156] = type;
    if (type == '2') {
        (void)!kist_str_copy(block + 157, 100, "target/of/a/link");
    }
    memcpy(block + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof(block); i++) {
        sum += (unsigned char)block[i];
    }
    (void)snprintf(block + 148, 8, "%06o", sum);
    add(tar, block, sizeof(block));
    /* compressible, but not to nothing */
    for (size_t done = 0; done < size; done += sizeof(block)) {
        for (size_t i = 0; i < sizeof(block); i++) {
            size_t at = done + i;

            block[i] = at < size ? (char)(fill + (at * 7 + at / 61 * at / 97) % 64) : 0;
        }
        add(tar, block, sizeof(block));
    }
}

static void make_layer(unsigned number)
{
    static const char zeros[1024];
    struct kist_buf *tar = &layers[number - 1].tar;
    char name[64];

    kist_buf_init(tar, 1U << 20);
    (void)snprintf(name, sizeof(name), "layer%u/", number);
    add_member(tar, '5', name, 0, 0);
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof(name), "layer%u/file%u", number, i);
        add_member(tar, '0', name, (unsigned char)(number * 16 + i), 300 + (size_t)i * number * 700);
    }
    (void)snprintf(name, sizeof(name), "implied%u/link", number);
    add_member(tar, '2', name, 0, 0);
    add(tar, zeros, sizeof(zeros));
    kist_digest_of(&layers[number - 1].diff_id, tar->data, tar->len);
}

static const struct kist_digest *diff_id_of(unsigned number)
{
    if (layers[number - 1].tar.len == 0) {
        make_layer(number);
    }
    return &layers[number - 1].diff_id;
}

const struct kist_buf *layer_tar(unsigned number)
{
    (void)diff_id_of(number);
    return &layers[number - 1].tar;
}

void images_release(void)
{
    for (size_t i = 0; i < LAYERS; i++) {
        kist_buf_release(&layers[i].tar);
    }
}

/* ---- documents ---- */

int image_config(struct kist_buf *out, const struct test_image *image, struct kist_error *err)
{
    int rc = kist_buf_printf(
        out, err,
        "{\"architecture\":\"arm\",\"variant\":\"v7\",\"os\":\"linux\",\"config\":{\"Labels\":"
        "{\"id\":\"%s\"}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
        image->id);

    for (size_t i = 0; i < IMAGE_LAYERS && image->layers[i] && rc == 0; i++) {
        char text[KIST_DIGEST_TEXT_MAX];

        rc = kist_buf_printf(out, err, "%s\"%s\"", i ? "," : "",
                             kist_digest_text(text, diff_id_of(image->layers[i])));
    }
    return rc < 0 ? rc : kist_buf_puts(out, "]}}", err);
}

struct kist_digest image_id(const struct test_image *image)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(1U << 16);
    struct kist_error err = {.code = KIST_OK};
    struct kist_digest id;

    must(image_config(&config, image, &err), &err, "a config");
    kist_digest_of(&id, config.data, config.len);
    return id;
}

/* ---- pulling ---- */

/* From where the writer goes on; a mark after every piece. */
static int send_tar(struct kist_store_layer_tx *tx, struct kist_layer_writer *w, const struct kist_buf *tar, uint64_t from, bool wrong,
                    struct kist_error *err)
{
    struct kist_sink *sink = kist_layer_writer_sink(w);
    uint64_t journal;
    int rc = 0;

    for (size_t at = (size_t)from; at < tar->len && rc == 0;) {
        KIST_AUTO(buf) struct kist_buf state = KIST_BUF_INIT(KIST_LAYER_STATE_MAX);
        size_t len = KIST_MIN(CHUNK, tar->len - at);
        uint64_t next = at + len;

        rc = kist_sink_write(sink, tar->data + at, len, err);
        at += len;
        if (rc == 0 && at < tar->len && (rc = kist_layer_writer_state(w, &state, err)) == 0 &&
            (rc = kist_buf_add(&state, &next, sizeof(next), err)) == 0) {
            (void)kist_layer_writer_bytes(w, &journal);
            rc = kist_store_layer_journal_room(tx, journal + 2 * state.len, err);
            rc = rc == 0 ? kist_layer_writer_mark(w, &state, true, err) : rc == KIST_E_NO_SPACE ? 0 : rc;
        }
        if (rc == 0 && wrong) {
            return kist_error_set(err, KIST_E_NETWORK, "the connection is lost");
        }
    }
    return rc < 0 ? rc : kist_sink_finish(sink, err);
}

enum trouble { NO_TROUBLE, CUT_OFF, BESIDE };

static int move(const char *from_path, const char *to_path, const struct kist_digest *digest,
                struct kist_error *err)
{
    struct port_dir *from = NULL, *to = NULL;
    char hex[KIST_DIGEST_HEX_MAX];
    int rc;

    (void)kist_digest_hex(hex, digest);
    if ((rc = port_dir_open(&from, from_path, false, err)) == 0 &&
        (rc = port_dir_open(&to, to_path, false, err)) == 0) {
        rc = port_dir_rename(from, hex, to, hex, err);
    }
    port_dir_close(from);
    port_dir_close(to);
    return rc;
}

/* What another process does in kist_store_layer_commit until it is interrupted. */
static int commit_beside(struct kist_store_layer_tx *tx, unsigned number, struct kist_error *err)
{
    int rc = port_file_sync(kist_store_layer_file(tx), err);

    if (rc == 0) {
        rc = move(ROOT "/partial", ROOT "/layers/sha256", diff_id_of(number), err);
    }
    kist_store_layer_abort(tx);
    return rc;
}

/* The same for a blob. */
static int blob_beside(const struct kist_digest *digest, const struct kist_buf *data, struct kist_error *err)
{
    char hex[KIST_DIGEST_HEX_MAX];
    struct port_dir *tmp;
    struct port_file *f;
    int rc = port_dir_open(&tmp, ROOT "/tmp", false, err);

    if (rc < 0) {
        return rc;
    }
    rc = port_file_create(&f, tmp, kist_digest_hex(hex, digest), true, err);
    if (rc == 0) {
        if ((rc = port_file_append(f, data->data, data->len, err)) == 0) {
            rc = port_file_sync(f, err);
        }
        port_file_discard(f);
    }
    port_dir_close(tmp);
    return rc < 0 ? rc : move(ROOT "/tmp", ROOT "/blobs/sha256", digest, err);
}

static int write_layer(struct kist_store_layer_tx *tx, unsigned number, enum trouble trouble,
                       struct kist_error *err)
{
    const struct kist_layer_options options = {.compressor = number % 2 ? KIST_LAYER_GZIP : KIST_LAYER_ZSTD,
                                               .level = 1};
    KIST_AUTO(buf) struct kist_buf state = KIST_BUF_INIT(KIST_LAYER_STATE_MAX);
    struct kist_layer_writer *writer;
    struct kist_layer_info info;
    uint64_t from = 0;
    size_t own = 0;
    int rc = kist_store_layer_writer_resume(tx, &options, 4096, NULL, diff_id_of(number), &state, &own, &writer, err);

    if (rc < 0) {
        return rc;
    }
    if (rc > 0) {
        memcpy(&from, state.data + own, sizeof(from));
        resumed++;
    }
    rc = kist_store_layer_lasts(tx, err);
    if (rc == 0) {
        rc = send_tar(tx, writer, &layers[number - 1].tar, from, trouble == CUT_OFF, err);
    }
    if (rc == 0) {
        rc = kist_layer_writer_seal(writer, diff_id_of(number), &info, err);
    }
    kist_layer_writer_free(writer);
    return rc;
}

static int add_layer(struct kist_store *s, unsigned number, enum trouble trouble, struct kist_error *err)
{
    struct kist_store_layer_tx *tx;
    int rc = kist_store_layer_resume(s, diff_id_of(number), &tx, err);

    if (rc != 0) {
        return rc < 0 ? rc : 0;
    }
    rc = write_layer(tx, number, trouble, err);
    if (rc == KIST_E_NETWORK) {
        kist_store_layer_leave(tx);
        return rc;
    }
    if (rc < 0) {
        kist_store_layer_abort(tx);
        return rc;
    }
    return trouble == BESIDE ? commit_beside(tx, number, err) : kist_store_layer_commit(tx, err);
}

/* The layer of this number has that trouble. */
static int add_image(struct kist_store *s, const struct test_image *image, const struct kist_image_new *new,
                     unsigned number, enum trouble trouble, struct kist_error *err)
{
    enum kist_store_change change;
    struct kist_digest id;
    int rc = 0;

    for (size_t i = 0; i < IMAGE_LAYERS && image->layers[i] && rc == 0; i++) {
        rc = add_layer(s, image->layers[i], image->layers[i] == number ? trouble : NO_TROUBLE, err);
    }
    if (rc == 0 && trouble == BESIDE) {
        kist_digest_of(&id, kist_buf_text(new->config), new->config->len);
        if ((rc = blob_beside(&id, new->config, err)) == 0) {
            rc = blob_beside(&new->manifest_desc->digest, new->manifest, err);
        }
    }
    return rc < 0 ? rc : kist_store_image_add(s, new, &change, err);
}

/* Under a lease, as kist_pull has it. */
static int pull_leased(struct kist_store *s, const struct test_image *image, const struct kist_image_new *new,
                       unsigned number, enum trouble trouble, struct kist_error *err)
{
    struct kist_digest needed[IMAGE_LAYERS + 2];
    struct kist_store_lease *lease;
    size_t count = 2;
    int rc;

    kist_digest_of(&needed[0], kist_buf_text(new->config), new->config->len);
    needed[1] = new->manifest_desc->digest;
    for (size_t i = 0; i < IMAGE_LAYERS && image->layers[i]; i++) {
        needed[count++] = *diff_id_of(image->layers[i]);
    }
    if ((rc = kist_store_lease_begin(s, needed, count, &lease, err)) < 0) {
        return rc;
    }
    rc = kist_store_lease_outlive(lease, err);
    if (rc == 0) {
        rc = add_image(s, image, new, number, trouble, err);
    }
    if (rc == KIST_E_NETWORK) {
        kist_store_lease_leave(lease);
    } else {
        kist_store_lease_end(lease);
    }
    return rc;
}

static int pull(struct kist_store *s, const struct test_image *image, unsigned number, enum trouble trouble,
                struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(1U << 16), manifest = KIST_BUF_INIT(1U << 16);
    struct kist_descriptor desc = {.media_type = KIST_MEDIA_OCI_MANIFEST};
    struct kist_image_new new = {image->name, &manifest, &desc, &config, &desc.digest};
    char text[KIST_DIGEST_TEXT_MAX];
    struct kist_digest id;
    int rc = image_config(&config, image, err);

    if (rc < 0) {
        return rc;
    }
    kist_digest_of(&id, config.data, config.len);
    rc = kist_buf_printf(&manifest, err,
                         "{\"schemaVersion\":2,\"mediaType\":\"" KIST_MEDIA_OCI_MANIFEST "\",\"config\":{\"mediaType\":"
                         "\"application/vnd.oci.image.config.v1+json\",\"size\":%zu,\"digest\":\"%s\"},\"layers\":[]}",
                         config.len, kist_digest_text(text, &id));
    if (rc < 0) {
        return rc;
    }
    kist_digest_of(&desc.digest, manifest.data, manifest.len);
    desc.size = manifest.len;
    return pull_leased(s, image, &new, number, trouble, err);
}

int image_pull(struct kist_store *s, const struct test_image *image, unsigned fail, struct kist_error *err)
{
    return pull(s, image, fail, fail ? CUT_OFF : NO_TROUBLE, err);
}

int image_pull_beside(struct kist_store *s, const struct test_image *image, unsigned layer,
                      struct kist_error *err)
{
    return pull(s, image, layer, BESIDE, err);
}

int image_replace(struct kist_store *s, const struct test_image *image, unsigned layer, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(1U << 16);
    struct kist_store_layer_tx *tx;
    struct kist_digest id;
    int rc = kist_store_layer_replace(s, diff_id_of(layer), &tx, err);

    if (rc < 0) {
        return rc;
    }
    if ((rc = port_file_truncate(kist_store_layer_file(tx), 0, err)) < 0 ||
        (rc = write_layer(tx, layer, NO_TROUBLE, err)) < 0) {
        kist_store_layer_abort(tx);
        return rc;
    }
    if ((rc = kist_store_layer_commit(tx, err)) < 0 || (rc = image_config(&config, image, err)) < 0) {
        return rc;
    }
    kist_digest_of(&id, config.data, config.len);
    return kist_store_blob_replace(s, &id, config.data, config.len, err);
}
