/* Store commands on a simulated disk, each with the power cut, or a call failing, at every place there is
 * (README.md). */
#ifndef KIST_TEST_POWERCUT_H
#define KIST_TEST_POWERCUT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "port/sim.h"
#include "store/store.h"

#define ROOT "/var/lib/kist"

/* ---- commands.c ---- */

struct command {
    const char *group, *name;
    void (*prepare)(void); /* makes what is there before, on an empty disk; NULL: nothing */
    int (*run)(struct kist_error *err);
    int again;        /* besides 0, what a repeat may return when the command was through already */
    int result;       /* what it returns when nothing is in its way: not 0 where it is meant to fail */
    bool fleeting;    /* a power cut may undo it after it returned */
    bool makes_store; /* on the way there is an empty store */
    bool makes_volumes; /* on the way some are there already */
    bool evicts;      /* on the way, what there was may go */
    uint64_t quota;   /* bytes that ROOT may never come to take, at no moment; 0: any */
    bool resumes;     /* a repeat goes on with layers, at least once */
};

extern const struct command commands[];
extern const size_t command_count;

/* ---- image.c: images that need no registry ---- */

#define IMAGE_LAYERS 4

struct test_image {
    const char *name;              /* whole reference */
    const char *id;                /* makes its config another */
    unsigned layers[IMAGE_LAYERS]; /* which of the layers there are, ended by 0 */
};

/* Ends the program where a step of a preparation fails. */
void must(int rc, const struct kist_error *err, const char *what);
void images_release(void);
struct kist_digest image_id(const struct test_image *image);
/* A pull, but for the network: lease, layers, image. A layer in fail gets the wrong bytes. */
int image_pull(struct kist_store *s, const struct test_image *image, unsigned fail, struct kist_error *err);
/* How often a layer was gone on with so far. */
unsigned image_resumed(void);
/* The same; but one layer and the blobs are put there by another process, which has not synced their
 * directories yet. */
int image_pull_beside(struct kist_store *s, const struct test_image *image, unsigned layer,
                      struct kist_error *err);

/* What a repair does, but for the network: a layer and the config are put there anew. */
int image_replace(struct kist_store *s, const struct test_image *image, unsigned layer, struct kist_error *err);

/* The tar of a layer; the config of an image, appended to out. */
const struct kist_buf *layer_tar(unsigned number);
int image_config(struct kist_buf *out, const struct test_image *image, struct kist_error *err);

/* ---- archive.c: images that come in an archive, or as a tar ---- */

/* Makes the archive that archive_load reads, a docker-archive. */
void archive_make(const struct test_image *image, bool layers_first);
void archive_release(void);
/* All of it but the last cut bytes, from a pipe. */
int archive_load(struct kist_store *s, size_t cut, struct kist_error *err);
/* An image of the layer. */
int archive_import(struct kist_store *s, const char *name, unsigned layer, struct kist_error *err);

/* ---- build.c: images that are built ---- */

/* Steps that copy heredocs, make directories, or describe. */
int build_image(struct kist_store *s, const char *dockerfile, const char *name, struct kist_error *err);
/* An image of a container of that image, which has changed a layer's worth. */
int commit_image(struct kist_store *s, const struct kist_digest *image, const char *name, struct kist_error *err);

/* ---- judge.c ---- */

/*
 * Opens the store at ROOT and writes down in state which images and containers there are. Each listed one
 * must be whole: blobs have their digests, layers verify and give back their tars. Otherwise KIST_E_CORRUPT,
 * with what is wrong.
 */
#define JUDGE_EMPTY "a store\n" /* what it says of one with nothing in it */
#define JUDGE_DAMAGED "its index is damaged\n" /* of one that a command is to repair: nothing else is judged */
int judge(struct kist_buf *state, struct kist_error *err) KIST_CHECKED;
/* Has the store sweep all that is garbage, then takes the disk's fingerprint. */
int tidy(uint64_t *fingerprint, struct kist_error *err) KIST_CHECKED;
void judge_release(void);

/* ---- drive.c ---- */

struct tally {
    uint64_t cuts, disks, different; /* cuts of the power; disks they leave; those that differ */
    uint64_t kills, errors, full, allocations;
    unsigned failed;
};

void drive(const struct command *command, struct tally *tally);

/* ---- alloc.c: malloc, calloc, realloc, strdup and strndup of all that is linked in ---- */

/* The nth allocation from now on fails (0: none), and when sticky all after it. */
void alloc_fail_at(uint64_t n, bool sticky);
uint64_t alloc_calls(void);

#endif
