#include "layer/meta.h"

#include <string.h>

void kist_meta_init(struct kist_meta *m, struct kist_compressor *compressor, struct kist_out *out,
                    bool lookup)
{
    *m = (struct kist_meta){.compressor = compressor, .out = out, .lookup = lookup};
    kist_buf_init(&m->memory, UINT32_MAX / 2);
    kist_buf_init(&m->starts, UINT32_MAX / 2);
}

void kist_meta_release(struct kist_meta *m)
{
    kist_buf_release(&m->memory);
    kist_buf_release(&m->starts);
}

static int block_write(struct kist_meta *m, struct kist_error *err)
{
    unsigned char packed[2 + KIST_SQUASHFS_META_SIZE];
    size_t len;
    int rc = kist_compressor_pack(m->compressor, m->data, m->used, packed + 2, &len, err);

    if (rc == 0 && m->lookup) {
        unsigned char start[8];

        kist_le64_put(start, m->out->position);
        rc = kist_buf_add(&m->starts, start, sizeof(start), err);
    }
    if (rc < 0) {
        return rc;
    }
    if (len > 0) {
        kist_le16_put(packed, (uint16_t)len);
    } else {
        len = m->used;
        kist_le16_put(packed, (uint16_t)(len | KIST_SQUASHFS_META_RAW));
        memcpy(packed + 2, m->data, len);
    }
    m->used = 0;
    m->block += len + 2;
    if (m->block > UINT32_MAX) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "the layer's tables are larger than 4 GiB");
    }
    return m->out ? kist_out_write(m->out, packed, len + 2, err)
                  : kist_buf_add(&m->memory, packed, len + 2, err);
}

int kist_meta_add(struct kist_meta *m, const void *data, size_t len, struct kist_error *err)
{
    const unsigned char *p = data;

    while (len > 0) {
        size_t n = KIST_MIN(len, sizeof(m->data) - m->used);

        memcpy(m->data + m->used, p, n);
        m->used += n;
        p += n;
        len -= n;
        if (m->used == sizeof(m->data)) { /* now, so that an offset is always below 8 KiB */
            int rc = block_write(m, err);

            if (rc < 0) {
                return rc;
            }
        }
    }
    return 0;
}

int kist_meta_end(struct kist_meta *m, struct kist_error *err)
{
    return m->used > 0 ? block_write(m, err) : 0;
}

int kist_meta_write_starts(struct kist_meta *m, struct kist_error *err)
{
    return m->starts.len > 0 ? kist_out_write(m->out, m->starts.data, m->starts.len, err) : 0;
}
