#include "build/known.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/le.h"
#include "codec/crc32.h"
#include "port/system.h"

/* Magic, the boot's ID, records by stamp in byte order, CRC-32 of all that. */
#define FILE_NAME "known-files"
#define MAGIC "kistknow"
#define HEAD (sizeof(MAGIC) - 1 + PORT_SYSTEM_BOOT)
#define RECORD (KIST_CONTEXT_STAMP + KIST_KNOWN_SUM)
#define TAIL 4
#define FILE_MAX (HEAD + (size_t)KIST_MAX_KNOWN_FILES * RECORD + TAIL)

struct kist_known {
    const char *run;
    unsigned char head[HEAD];
    struct kist_buf before, added; /* before: the file as it was; added: records in no order */
    size_t count;                  /* records of before */
    bool *asked;                   /* which of them */
};

/* ---- its file ---- */

static bool is_ours(struct port_dir *dir, const char *name)
{
    struct port_stat st;

    return port_dir_stat(dir, name, &st, NULL) == 0 && st.uid == geteuid() && (st.mode & 022) == 0;
}

static bool read_file(struct kist_buf *out, const char *run)
{
    struct port_dir *dir;
    struct port_file *file;
    uint64_t size = 0;
    int rc = port_dir_open(&dir, run, false, NULL);

    if (rc < 0) {
        return false;
    }
    rc = is_ours(dir, NULL) && is_ours(dir, FILE_NAME) ? port_file_open(&file, dir, FILE_NAME, NULL) : -1;
    if (rc == 0) {
        rc = port_file_size(file, &size, NULL);
        rc = rc == 0 && size >= HEAD + TAIL && size <= FILE_MAX ? kist_buf_reserve(out, (size_t)size, NULL) : -1;
        rc = rc < 0 ? rc : port_file_read_at(file, 0, out->data, (size_t)size, &out->len, NULL);
        port_file_discard(file);
    }
    port_dir_close(dir);
    return rc == 0;
}

/* What is damaged, or of another boot, is as good as not there. */
static bool is_sound(const struct kist_known *k)
{
    const size_t len = k->before.len;

    return len >= HEAD + TAIL && (len - HEAD - TAIL) % RECORD == 0 && memcmp(k->before.data, k->head, HEAD) == 0 &&
           kist_crc32(k->before.data, len - TAIL) == kist_le32_get(k->before.data + len - TAIL);
}

/* Seen by others as a whole or not at all; two that write at once may spoil it, which its CRC tells. */
static void write_file(const char *run, const struct kist_buf *text)
{
    struct port_dir *dir;
    struct port_file *file;
    int rc = port_dir_open(&dir, run, true, NULL);

    if (rc < 0) {
        return;
    }
    rc = is_ours(dir, NULL) ? port_file_create(&file, dir, FILE_NAME ".new", true, NULL) : -1;
    if (rc == 0) {
        rc = port_file_append(file, text->data, text->len, NULL);
        rc = port_file_close(file, NULL) < 0 ? -1 : rc;
        rc = rc < 0 ? rc : port_dir_rename(dir, FILE_NAME ".new", dir, FILE_NAME, NULL);
        if (rc < 0) {
            (void)!port_dir_unlink(dir, FILE_NAME ".new", NULL);
        }
    }
    port_dir_close(dir);
}

void kist_known_forget(const char *run)
{
    struct port_dir *dir;

    if (port_dir_open(&dir, run, false, NULL) == 0) {
        (void)!port_dir_unlink(dir, FILE_NAME, NULL);
        port_dir_close(dir);
    }
}

/* ---- what is known ---- */

static void known_free(struct kist_known *k)
{
    kist_buf_release(&k->before);
    kist_buf_release(&k->added);
    free(k->asked);
    free(k);
}

struct kist_known *kist_known_open(const char *run)
{
    struct kist_known *k = calloc(1, sizeof(*k));

    if (!k) {
        return NULL;
    }
    k->run = run;
    kist_buf_init(&k->before, FILE_MAX);
    kist_buf_init(&k->added, (size_t)KIST_MAX_KNOWN_FILES * RECORD);
    memcpy(k->head, MAGIC, sizeof(MAGIC) - 1);
    if (!port_system_boot(k->head + sizeof(MAGIC) - 1)) {
        known_free(k);
        return NULL;
    }
    if (read_file(&k->before, run) && is_sound(k)) {
        k->count = (k->before.len - HEAD - TAIL) / RECORD;
    }
    k->asked = calloc(k->count + 1, sizeof(*k->asked));
    if (!k->asked) {
        known_free(k);
        return NULL;
    }
    return k;
}

static int by_stamp(const void *a, const void *b)
{
    return memcmp(a, b, KIST_CONTEXT_STAMP);
}

bool kist_known_find(struct kist_known *k, const unsigned char stamp[KIST_CONTEXT_STAMP], unsigned char sum[KIST_KNOWN_SUM])
{
    const char *records = k && k->count > 0 ? k->before.data + HEAD : NULL, *found = NULL;

    if (records) {
        found = bsearch(stamp, records, k->count, RECORD, by_stamp);
    }
    if (found) {
        memcpy(sum, found + KIST_CONTEXT_STAMP, KIST_KNOWN_SUM);
        k->asked[(size_t)(found - records) / RECORD] = true;
    }
    return found != NULL;
}

void kist_known_add(struct kist_known *k, const unsigned char stamp[KIST_CONTEXT_STAMP], const unsigned char sum[KIST_KNOWN_SUM])
{
    if (k && k->added.max - k->added.len >= RECORD && kist_buf_add(&k->added, stamp, KIST_CONTEXT_STAMP, NULL) == 0 &&
        kist_buf_add(&k->added, sum, KIST_KNOWN_SUM, NULL) < 0) {
        k->added.len -= KIST_CONTEXT_STAMP; /* half a record is none */
    }
}

/* Those of before that were asked for, or that were not, as long as there is room. */
static int take_over(struct kist_known *k, struct kist_buf *text, bool asked)
{
    int rc = 0;

    for (size_t i = 0; i < k->count && rc == 0 && text->len + RECORD + TAIL <= FILE_MAX; i++) {
        rc = k->asked[i] == asked ? kist_buf_add(text, k->before.data + HEAD + i * RECORD, RECORD, NULL) : 0;
    }
    return rc;
}

static int compose(struct kist_known *k, struct kist_buf *text)
{
    unsigned char crc[TAIL];
    int rc = kist_buf_add(text, k->head, HEAD, NULL);

    rc = rc < 0 ? rc : take_over(k, text, true);
    if (rc == 0) {
        rc = kist_buf_add(text, k->added.data, KIST_MIN(k->added.len, FILE_MAX - TAIL - text->len), NULL);
    }
    rc = rc < 0 ? rc : take_over(k, text, false);
    if (rc == 0) {
        qsort(text->data + HEAD, (text->len - HEAD) / RECORD, RECORD, by_stamp);
        kist_le32_put(crc, kist_crc32(text->data, text->len));
        rc = kist_buf_add(text, crc, sizeof(crc), NULL);
    }
    return rc;
}

void kist_known_close(struct kist_known *k, bool keep)
{
    if (k && keep && k->added.len > 0) {
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(FILE_MAX);

        if (compose(k, &text) == 0 &&
            (text.len != k->before.len || memcmp(text.data, k->before.data, text.len) != 0)) { /* full, of what is asked for */
            write_file(k->run, &text);
        }
    }
    if (k) {
        known_free(k);
    }
}
