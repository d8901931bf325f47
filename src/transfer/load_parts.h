/* What the files of the loader share; private to them. */
#ifndef KIST_TRANSFER_LOAD_PARTS_H
#define KIST_TRANSFER_LOAD_PARTS_H

#include "codec/tar.h"
#include "transfer/intake.h"
#include "transfer/load.h"

#define KIST_LOAD_NAME_MAX 512 /* of a member that may be needed, with its NUL */

enum kist_load_kind {
    KIST_LOAD_TEXT,  /* JSON, or may be */
    KIST_LOAD_LAYER, /* is in the store */
    KIST_LOAD_LINK,  /* another name of a member */
    KIST_LOAD_SEEN,  /* a layer, but not taken: the archive is read for its documents */
    KIST_LOAD_BAD,   /* cannot be used: an error where an image needs it */
};

/* A member of the archive that may be needed. */
struct kist_load_member {
    char *name; /* in the archive, clean */
    uint32_t hash; /* of name */
    enum kist_load_kind kind;
    char *text;                /* of a text; where a link leads; what is wrong with a bad one */
    size_t len;                /* of a text */
    struct kist_digest diff_id; /* of a layer */
};

/* A layer as an image has it. */
struct kist_load_layer {
    char *name; /* of its member */
    struct kist_digest diff_id;
};

struct kist_load_image {
    char *name;           /* whole reference, or NULL */
    const char *config, *manifest; /* members' texts; no manifest: one is made */
    size_t config_len, manifest_len;
    struct kist_descriptor manifest_desc;
    struct kist_load_layer *layers;
    size_t layer_count;
    bool v1; /* config is of the topmost layer alone, and the layers' diff IDs are not known before they came */
};

struct kist_load {
    struct kist_store *store;
    const struct kist_load_options *options;
    struct kist_store_lease *lease;
    struct kist_intake_measure measure; /* of layers */
    struct port_dir *dir;               /* where the archive is a directory */
    struct kist_load_member *members;
    size_t member_count, member_size;
    uint64_t text_bytes;
    /* the plan, once the documents allow it */
    bool planned;
    bool links; /* layers may be found by other names than theirs */
    struct kist_load_image *images;
    size_t image_count, image_size;
    char missing[KIST_LOAD_NAME_MAX]; /* the document that the last attempt at a plan lacked */
};

/* ---- load_members.c: what there is ---- */

/* NULL where there is none of this name, or it was only seen. Links are not followed. */
struct kist_load_member *kist_load_find(struct kist_load *l, const char *name);
/* The same, at the end of links, and also what was only seen. */
const struct kist_load_member *kist_load_follow(struct kist_load *l, const char *name);
/* Takes text (malloc) always. KIST_E_CORRUPT: the name is there already; KIST_E_UNSUPPORTED: too many. */
int kist_load_add(struct kist_load *l, const char *name, enum kist_load_kind kind, char *text, size_t len,
                  struct kist_load_member **member, struct kist_error *err) KIST_CHECKED;
/* The member's text is what its name says, where that is a digest; else it becomes bad. */
void kist_load_check_text(struct kist_load_member *m);
/* A document. KIST_E_NOT_FOUND: the archive does not have it (yet). */
int kist_load_text(struct kist_load *l, const char *name, const char **text, size_t *len, struct kist_error *err)
    KIST_CHECKED;
/* A file of an archive that is a directory. */
int kist_load_open(struct kist_load *l, const char *name, struct port_file **file, uint64_t *size, struct kist_error *err)
    KIST_CHECKED;
void kist_load_members_release(struct kist_load *l);
/* The digest in a name as "blobs/sha256/<hex>". */
bool kist_load_name_digest(const char *name, struct kist_digest *digest);

/* ---- load_plan.c: what the documents say ---- */

/* KIST_E_NOT_FOUND, and l->missing: a document is not there (yet). After an error there is no plan. */
int kist_load_plan(struct kist_load *l, struct kist_error *err) KIST_CHECKED;
void kist_load_plan_release(struct kist_load *l);

/* ---- load_v1.c: archives without configs ---- */

/* Config and layers of the image whose topmost layer is top. */
int kist_load_v1_fill(struct kist_load *l, struct kist_load_image *image, const char *top, struct kist_error *err) KIST_CHECKED;
/* The config that it has for us, with the layers' diff IDs, appended to out. */
int kist_load_v1_config(const struct kist_load_image *image, struct kist_buf *out, struct kist_error *err) KIST_CHECKED;

/* ---- load_archive.c: a tar's members, as they come ---- */

/* Reads the whole archive. With scan no layer is taken, and it ends as soon as there is a plan. */
int kist_load_archive(struct kist_load *l, const struct kist_load_source *source, bool scan, struct kist_error *err)
    KIST_CHECKED;
/* Ends in: the layer's digest is that of its name, where this is one, and the member is in the table. */
int kist_load_end_layer(struct kist_load *l, const char *name, struct kist_intake *in, const struct kist_digest *wanted,
                        struct kist_error *err) KIST_CHECKED;

#endif
