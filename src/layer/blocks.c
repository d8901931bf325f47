#include "layer/blocks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define HELD_MAX 3
#define WORKER_BLOCKS 2
#define WORKERS_MAX 16
#define POOL_MAX (HELD_MAX + WORKER_BLOCKS * WORKERS_MAX)
#define WORKER_STACK (256U << 10)

struct worker {
    struct kist_blocks *blocks;
    struct kist_compressor *compressor;
    pthread_t thread;
};

struct kist_blocks {
    struct kist_out *out;
    struct kist_compressor *compressor;
    struct kist_block pool[POOL_MAX];
    struct kist_block *spare[POOL_MAX];
    unsigned pooled, spares;
    unsigned char *packed; /* without workers, all blocks share one */
    struct worker workers[WORKERS_MAX];
    unsigned workers_count;
    /* Under lock: submitted are ring[head ... tail), of which those before next were begun. */
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    struct kist_block *ring[POOL_MAX];
    unsigned head, next, tail; /* grow for ever, modulo pooled */
    bool stop;
};

/* Without a struct kist_error for each block: what can go wrong here needs no more than its code. */
static void pack(struct kist_compressor *c, struct kist_block *block)
{
    block->rc = kist_compressor_pack(c, block->data, block->len, block->packed, &block->packed_len, NULL);
}

static void *worker_run(void *arg)
{
    struct worker *w = arg;
    struct kist_blocks *b = w->blocks;

    (void)pthread_mutex_lock(&b->lock);
    for (;;) {
        struct kist_block *block;

        while (!b->stop && b->next == b->tail) {
            (void)pthread_cond_wait(&b->work, &b->lock);
        }
        if (b->stop) {
            break;
        }
        block = b->ring[b->next++ % b->pooled];
        (void)pthread_mutex_unlock(&b->lock);
        pack(w->compressor, block);
        (void)pthread_mutex_lock(&b->lock);
        block->ready = true;
        (void)pthread_cond_signal(&b->done);
    }
    (void)pthread_mutex_unlock(&b->lock);
    return NULL;
}

static int block_open(struct kist_block *block, unsigned char *packed, struct kist_error *err)
{
    block->data = malloc(KIST_LAYER_BLOCK_SIZE);
    block->packed = packed ? packed : malloc(KIST_LAYER_BLOCK_SIZE);
    return block->data && block->packed ? 0 : kist_error_nomem(err);
}

static int pool_open(struct kist_blocks *b, unsigned workers, struct kist_error *err)
{
    unsigned count = HELD_MAX + WORKER_BLOCKS * workers;

    if (workers == 0) {
        b->packed = malloc(KIST_LAYER_BLOCK_SIZE);
        if (!b->packed) {
            return kist_error_nomem(err);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        int rc = block_open(&b->pool[b->pooled++], b->packed, err);

        if (rc < 0) {
            return rc;
        }
        b->spare[b->spares++] = &b->pool[i];
    }
    return 0;
}

static int worker_start(struct kist_blocks *b, enum kist_squashfs_compressor id, int level,
                        struct kist_error *err)
{
    struct worker *w = &b->workers[b->workers_count];
    pthread_attr_t attr;
    int rc;

    w->blocks = b;
    rc = kist_compressor_new(&w->compressor, id, level, err);
    if (rc < 0) {
        return rc;
    }
    rc = pthread_attr_init(&attr);
    if (rc == 0) {
        (void)pthread_attr_setstacksize(&attr, WORKER_STACK);
        rc = pthread_create(&w->thread, &attr, worker_run, w);
        (void)pthread_attr_destroy(&attr);
    }
    if (rc != 0) {
        kist_compressor_free(w->compressor);
        return kist_error_sys(err, KIST_E_FAIL, rc, "cannot start a thread");
    }
    b->workers_count++;
    return 0;
}

int kist_blocks_new(struct kist_blocks **blocks, struct kist_out *out, enum kist_squashfs_compressor id,
                    int level, unsigned workers, struct kist_error *err)
{
    struct kist_blocks *b = calloc(1, sizeof(*b));
    int rc;

    if (!b) {
        return kist_error_nomem(err);
    }
    workers = KIST_MIN(workers, WORKERS_MAX);
    b->out = out;
    (void)pthread_mutex_init(&b->lock, NULL);
    (void)pthread_cond_init(&b->work, NULL);
    (void)pthread_cond_init(&b->done, NULL);
    rc = kist_compressor_new(&b->compressor, id, level, err);
    if (rc == 0) {
        rc = pool_open(b, workers, err);
    }
    for (unsigned i = 0; i < workers && rc == 0; i++) {
        struct kist_error why = {0};

        if (worker_start(b, id, level, &why) < 0) {
            kist_log(KIST_LOG_WARN, "%u of %u compression threads: %s", i, workers, why.message);
            break;
        }
    }
    if (rc < 0) {
        kist_blocks_free(b);
        return rc;
    }
    *blocks = b;
    return 0;
}

void kist_blocks_free(struct kist_blocks *b)
{
    if (!b) {
        return;
    }
    (void)pthread_mutex_lock(&b->lock);
    b->stop = true;
    (void)pthread_cond_broadcast(&b->work);
    (void)pthread_mutex_unlock(&b->lock);
    for (unsigned i = 0; i < b->workers_count; i++) {
        (void)pthread_join(b->workers[i].thread, NULL);
        kist_compressor_free(b->workers[i].compressor);
    }
    for (unsigned i = 0; i < b->pooled; i++) {
        free(b->pool[i].data);
        if (b->pool[i].packed != b->packed) {
            free(b->pool[i].packed);
        }
    }
    free(b->packed);
    kist_compressor_free(b->compressor);
    (void)pthread_cond_destroy(&b->done);
    (void)pthread_cond_destroy(&b->work);
    (void)pthread_mutex_destroy(&b->lock);
    free(b);
}

static int append(struct kist_blocks *b, struct kist_block *block, struct kist_error *err)
{
    bool shrunk = block->packed_len > 0;
    size_t len = shrunk ? block->packed_len : block->len;
    uint64_t position = b->out->position;
    int rc = block->rc;

    if (rc < 0) {
        return rc == KIST_E_NOMEM ? kist_error_nomem(err)
                                  : kist_error_set(err, rc, "a block cannot be compressed");
    }
    rc = kist_out_write(b->out, shrunk ? block->packed : block->data, len, err);
    if (rc < 0) {
        return rc;
    }
    block->done(block->owner, block, position, (uint32_t)len | (shrunk ? 0 : KIST_SQUASHFS_BLOCK_RAW));
    kist_blocks_return(b, block);
    return 0;
}

/* Compresses the oldest block that nobody has begun. Called and returns locked; false when there is none. */
static bool help_out(struct kist_blocks *b)
{
    struct kist_block *block;

    if (b->next == b->tail) {
        return false;
    }
    block = b->ring[b->next++ % b->pooled];
    (void)pthread_mutex_unlock(&b->lock);
    pack(b->compressor, block);
    (void)pthread_mutex_lock(&b->lock);
    block->ready = true;
    return true;
}

/* Appends what is ready at the head; first waits for the head, when wait and there is one. */
static int harvest(struct kist_blocks *b, bool wait, struct kist_error *err)
{
    int rc = 0;

    (void)pthread_mutex_lock(&b->lock);
    while (wait && b->head != b->tail && !b->ring[b->head % b->pooled]->ready) {
        if (!help_out(b)) {
            (void)pthread_cond_wait(&b->done, &b->lock);
        }
    }
    while (rc == 0 && b->head != b->tail && b->ring[b->head % b->pooled]->ready) {
        struct kist_block *block = b->ring[b->head++ % b->pooled];

        (void)pthread_mutex_unlock(&b->lock);
        rc = append(b, block, err);
        (void)pthread_mutex_lock(&b->lock);
    }
    (void)pthread_mutex_unlock(&b->lock);
    return rc;
}

int kist_blocks_take(struct kist_blocks *b, struct kist_block **block, struct kist_error *err)
{
    while (b->spares == 0) {
        int rc = harvest(b, true, err);

        if (rc < 0) {
            return rc;
        }
    }
    *block = b->spare[--b->spares];
    (*block)->len = 0;
    (*block)->ready = false;
    return 0;
}

void kist_blocks_return(struct kist_blocks *b, struct kist_block *block)
{
    b->spare[b->spares++] = block;
}

int kist_blocks_submit(struct kist_blocks *b, struct kist_block *block, struct kist_error *err)
{
    if (b->workers_count == 0) {
        pack(b->compressor, block);
        return append(b, block, err);
    }
    (void)pthread_mutex_lock(&b->lock);
    b->ring[b->tail++ % b->pooled] = block;
    (void)pthread_cond_signal(&b->work);
    (void)pthread_mutex_unlock(&b->lock);
    return harvest(b, false, err);
}

int kist_blocks_drain(struct kist_blocks *b, struct kist_error *err)
{
    int rc = 0;

    while (rc == 0 && b->head != b->tail) {
        rc = harvest(b, true, err);
    }
    return rc;
}

struct kist_compressor *kist_blocks_compressor(struct kist_blocks *b)
{
    return b->compressor;
}
