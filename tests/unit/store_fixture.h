/* A store in a temporary directory, and images to put into it: for the unit tests of the store. */
#ifndef KIST_TEST_STORE_FIXTURE_H
#define KIST_TEST_STORE_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "store/store.h"
#include "test.h"

struct fixture {
    char base[64]; /* the temporary directory */
    char root[96]; /* the store's, in it */
    struct kist_store *store;
    struct kist_error err;
};

static inline void fixture_open(struct fixture *f)
{
    f->store = NULL;
    CHECK_OK(kist_store_open(&f->store, f->root, true, &f->err), f->err);
}

static inline bool fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    if (!kist_str_copy(f->base, sizeof(f->base), "/tmp/kist-unit-XXXXXX") || !mkdtemp(f->base) ||
        !kist_str_format(f->root, sizeof(f->root), "%s/store", f->base)) {
        test_fail(__FILE__, __LINE__, "no temporary directory");
        return false;
    }
    fixture_open(f);
    return f->store != NULL;
}

static inline void fixture_close(struct fixture *f)
{
    kist_store_close(f->store);
    f->store = NULL;
}

static inline void fixture_release(struct fixture *f)
{
    struct port_dir *tmp;

    fixture_close(f);
    if (port_dir_open(&tmp, "/tmp", false, &f->err) == 0) {
        CHECK_OK(port_dir_remove_tree(tmp, f->base + strlen("/tmp/"), &f->err), f->err);
        port_dir_close(tmp);
    }
}

static inline void fixture_reopen(struct fixture *f)
{
    fixture_close(f);
    fixture_open(f);
}

/* <root>/<name> */
static inline const char *fixture_path(const struct fixture *f, const char *name)
{
    static char paths[2][512]; /* two, for calls that take two */
    static unsigned turn;
    char *path = paths[turn++ % 2];

    if (!kist_str_format(path, sizeof(paths[0]), "%s/%s", f->root, name)) {
        abort();
    }
    return path;
}

static inline bool fixture_has(const struct fixture *f, const char *name)
{
    struct stat st;

    return lstat(fixture_path(f, name), &st) == 0;
}

static inline void fixture_put(const struct fixture *f, const char *name, const char *text)
{
    FILE *file;

    (void)unlink(fixture_path(f, name)); /* it may be one that is not written to */
    file = fopen(fixture_path(f, name), "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) {
        test_fail(__FILE__, __LINE__, "cannot write %s", name);
    }
}

/* Contents of a file of the store; "" where there is none. */
static inline const char *fixture_text(const struct fixture *f, const char *name)
{
    static char text[8192];
    FILE *file = fopen(fixture_path(f, name), "r");
    size_t len = 0;

    if (file) {
        len = fread(text, 1, sizeof(text) - 1, file);
        (void)fclose(file);
    }
    text[len] = '\0';
    return text;
}

/* Entries of a directory of the store. */
static inline int fixture_count(const struct fixture *f, const char *name)
{
    DIR *dir = opendir(fixture_path(f, name));
    struct dirent *entry;
    int n = 0;

    if (!dir) {
        return -1;
    }
    while ((entry = readdir(dir)) != NULL) {
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    (void)closedir(dir);
    return n;
}

/* A digest of nothing in particular, the same for the same number. */
static inline struct kist_digest fixture_digest(unsigned number)
{
    struct kist_digest d;

    kist_digest_of(&d, &number, sizeof(number));
    return d;
}

static inline int fixture_add_layer(struct fixture *f, unsigned number, size_t bytes)
{
    struct kist_digest diff_id = fixture_digest(number);
    struct kist_store_layer_tx *tx;
    char *data = calloc(1, bytes);
    int rc = kist_store_layer_begin(f->store, &diff_id, &tx, &f->err);

    if (rc == 0) {
        rc = port_file_append(kist_store_layer_file(tx), data, bytes, &f->err);
        if (rc < 0) {
            kist_store_layer_abort(tx);
        } else {
            rc = kist_store_layer_commit(tx, &f->err);
        }
    }
    free(data);
    return rc;
}

struct fixture_image {
    const char *name;
    const char *salt; /* makes the config, and so the ID, another */
    const char *manifest_salt;
    const char *arch; /* NULL: amd64 */
    const unsigned *layers;
    size_t layer_count;
    struct kist_digest source;       /* all zero: the manifest's */
    struct kist_digest id, manifest; /* filled in */
};

static inline void fixture_config(struct kist_buf *out, const struct fixture_image *image)
{
    struct kist_error err = {0};

    CHECK_OK(kist_buf_printf(
                 out, &err,
                 "{\"architecture\":\"%s\",\"os\":\"linux\",\"created\":\"2024-01-31T12:00:00Z\","
                 "\"config\":{\"Labels\":{\"salt\":\"%s\"}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
                 image->arch ? image->arch : "amd64", image->salt ? image->salt : ""),
             err);
    for (size_t i = 0; i < image->layer_count; i++) {
        struct kist_digest d = fixture_digest(image->layers[i]);
        char text[KIST_DIGEST_TEXT_MAX];

        CHECK_OK(kist_buf_printf(out, &err, "%s\"%s\"", i ? "," : "", kist_digest_text(text, &d)), err);
    }
    CHECK_OK(kist_buf_puts(out, "]}}", &err), err);
}

/* The layers must be there already. The store reads manifests as bytes only. */
static inline int fixture_add(struct fixture *f, struct fixture_image *image, enum kist_store_change *change)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(1 << 20), manifest = KIST_BUF_INIT(1 << 20);
    struct kist_descriptor desc = {.media_type = KIST_MEDIA_OCI_MANIFEST};
    static const struct kist_digest zero;
    char id[KIST_DIGEST_TEXT_MAX];
    struct kist_image_new new = {image->name, &manifest, &desc, &config, NULL};

    fixture_config(&config, image);
    kist_digest_of(&image->id, config.data, config.len);
    CHECK_OK(kist_buf_printf(&manifest, &f->err, "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\"}}%s",
                             kist_digest_text(id, &image->id),
                             image->manifest_salt ? image->manifest_salt : ""),
             f->err);
    desc.size = manifest.len;
    kist_digest_of(&desc.digest, manifest.data, manifest.len);
    image->manifest = desc.digest;
    new.source = kist_digest_equal(&image->source, &zero) ? &desc.digest : &image->source;
    return kist_store_image_add(f->store, &new, change, &f->err);
}

/* As fixture_add, with its layers of 5000 bytes each made first where they are missing. */
static inline enum kist_store_change fixture_keep(struct fixture *f, struct fixture_image *image)
{
    enum kist_store_change change = KIST_STORE_UNCHANGED;

    for (size_t i = 0; i < image->layer_count; i++) {
        CHECK_OK(fixture_add_layer(f, image->layers[i], 5000), f->err);
    }
    CHECK_OK(fixture_add(f, image, &change), f->err);
    return change;
}

static inline char *fixture_id(char dst[KIST_DIGEST_TEXT_MAX], const struct fixture_image *image)
{
    return kist_digest_text(dst, &image->id);
}

#endif
