/* What the files of COPY and ADD share. */
#ifndef KIST_BUILD_COPY_PRIVATE_H
#define KIST_BUILD_COPY_PRIVATE_H

#include "build/copy.h"
#include "build/mode.h"

#define KIST_COPY_SUM KIST_KNOWN_SUM /* bytes of a SHA-256: who finds two files that share so many needs 2^64 tries */

/* One thing that is copied: what a source names, or one of the things that a pattern matches. */
struct kist_copy_item {
    const struct kist_copy_source *source;
    enum kist_copy_kind {
        KIST_COPY_FILE,      /* anything that is no directory */
        KIST_COPY_DIRECTORY, /* what is in it */
        KIST_COPY_PARENTS,   /* all that its entries say, with directories on the way */
        KIST_COPY_TEXT,
        KIST_COPY_ARCHIVE, /* unpacked */
        KIST_COPY_URL,
    } kind;
    uint32_t group; /* archives before it */
    uint32_t from;  /* where it is in the context; in names, as the next */
    uint32_t base;  /* what it is called in a directory */
    uint32_t first, count; /* of its entries */
};

/* One name of an item, as it is in the context. */
struct kist_copy_entry {
    uint32_t path;   /* in names: below the item's, "" itself */
    uint32_t target; /* in names: of a symlink */
    uint32_t mode, uid, gid, major, minor;
    int64_t mtime;
    uint64_t size;
    uint64_t identity; /* names of one file share it */
    uint8_t type;      /* enum kist_layer_type */
    bool linked;       /* it has several names */
    bool stamped;      /* stamp, and not yet sum */
    union {
        unsigned char stamp[KIST_CONTEXT_STAMP];
        unsigned char sum[KIST_COPY_SUM]; /* of a file's xattrs and bytes; known by the digest */
    };
};

struct kist_copy_plan {
    const char *name; /* "COPY", "ADD" */
    struct kist_context *from;
    const struct kist_copy_options *options;
    const char *dest;
    struct kist_mode *mode;
    struct kist_ignore *exclude;
    struct kist_buf names;
    struct kist_copy_item *items;
    size_t item_count, item_size;
    struct kist_copy_entry *entries;
    size_t entry_count, entry_size;
    int64_t newest; /* time of the entry changed last, epoch heeded: that of what the plan makes up */
    struct kist_copy_total total;
    struct kist_copy_fetched *fetched; /* what URLs brought; a list */
};

static inline const char *kist_copy_text(const struct kist_copy_plan *c, uint32_t at)
{
    return c->names.data + at;
}

/* ---- sources (copy_sources.c) ---- */

int kist_copy_add_source(struct kist_copy_plan *c, const struct kist_copy_source *source, struct kist_error *err) KIST_CHECKED;

/* ---- reading one file (copy_read.c) ---- */

/*
 * A file's bytes on their way: begin has its entry with the xattrs that are kept, next its bytes, which are size or fewer, or *size is set to
 * what they are. sum is what came.
 */
struct kist_copy_reading {
    struct kist_sink sink;
    int (*begin)(void *arg, const struct kist_layer_entry *e, struct kist_error *err); /* NULL: nobody asks */
    void *arg;
    struct kist_sink *next; /* NULL: nobody asks */
    struct kist_sha256 hash;
    uint64_t bytes, limit;
};

/* The file at path of the context: *size bytes (as limited), and their sum. */
int kist_copy_read(struct kist_copy_plan *c, const char *path, struct kist_copy_reading *r, unsigned char sum[KIST_COPY_SUM],
                   struct kist_error *err) KIST_CHECKED;
/* "<from>/<path>" of an entry. KIST_E_UNSUPPORTED: too long. */
int kist_copy_source_path(const struct kist_copy_plan *c, const struct kist_copy_item *item, const struct kist_copy_entry *e,
                          char path[KIST_MAX_PATH + 1], struct kist_error *err) KIST_CHECKED;

/* ---- archives and URLs (copy_archive.c, copy_fetch.c) ---- */

/* Whether the file at path is one to be unpacked: 1 or 0. KIST_E_UNSUPPORTED: it is, but kist cannot. */
int kist_copy_is_archive(struct kist_copy_plan *c, const char *path, struct kist_error *err) KIST_CHECKED;

/* "https://...", or what git would fetch. */
bool kist_copy_is_url(const char *source);
/* Its name in a directory goes to *base. */
int kist_copy_check_url(struct kist_copy_plan *c, const char *url, const char **base, size_t *len, struct kist_error *err) KIST_CHECKED;
struct kist_copy_fetch_result {
    uint64_t size; /* bytes */
    int64_t mtime; /* as the server has it, seconds since 1970; 0: it says nothing */
    struct kist_digest digest;
};
/* Fetches it unless it was. */
int kist_copy_fetch(struct kist_copy_plan *c, const char *url, struct kist_copy_fetch_result *result, struct kist_error *err)
    KIST_CHECKED;
/* The bytes of one that was. */
int kist_copy_fetched_read(struct kist_copy_plan *c, const char *url, struct kist_sink *sink, struct kist_error *err) KIST_CHECKED;
void kist_copy_fetched_free(struct kist_copy_fetched *f);

#endif
