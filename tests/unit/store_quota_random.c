/* rooms: store port_sim */
/*
 * A thousand operations, drawn at random, against a quota that they fill again and again: pulls side by side, a chunk at a time, some
 * given up, some cut off by a crash of all; images tagged, pinned, removed, pruned; containers that come, write and go. The simulated
 * disk tells the most there ever was below the root, after each single write: it may not be one byte past the quota.
 */
#include <inttypes.h>

#include "base/str.h"
#include "port/sim.h"
#include "store/quota.h"
#include "test.h"

#define ROOT "/disk/store"
#define OPERATIONS 1000
#define LAYERS 20
#define NAMES 6
#define PULLS 4
#define CONTAINERS 6
#define QUOTA (UINT64_C(640) << 10)
#define CHUNK 3000

enum outcome { DONE, NO_SPACE, GIVEN_UP, OUTCOMES };

struct layer {
    struct kist_buf tar;
    struct kist_digest diff_id;
};

/* A pull on its way. */
struct pull {
    struct kist_store *store; /* of a process of its own; NULL: there is none */
    struct kist_store_lease *lease;
    struct kist_store_room *room;
    struct kist_store_layer_tx *tx;
    struct kist_layer_writer *writer;
    unsigned layers[3], layer_count, layer; /* the one at work */
    size_t sent;
    unsigned salt, name;
};

static struct world {
    struct layer layers[LAYERS];
    struct pull pulls[PULLS];
    bool container[CONTAINERS];
    uint64_t random;
    bool evict;
    struct kist_error err;
} w;

/* What came of it all, for a test that can be about nothing. */
static struct {
    unsigned pulled[OUTCOMES], wrote[OUTCOMES], removed, fullest;
} sum;

static unsigned draw(unsigned below)
{
    w.random = w.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(w.random >> 33) % below;
}

/* Every failure but that there is no room is one of the test. */
static enum outcome outcome_of(int rc, const char *what)
{
    if (rc < 0 && rc != KIST_E_NO_SPACE) {
        test_fail(__FILE__, __LINE__, "%s gives %d: %s", what, rc, w.err.message);
    }
    return rc < 0 ? NO_SPACE : DONE;
}

static struct kist_store *open_store(void)
{
    const struct kist_store_limits limits = {.quota = {QUOTA, false}, .evict = w.evict, .keep_previous = draw(2) == 0};
    struct kist_store *s = NULL;

    CHECK_OK(kist_store_open(&s, ROOT, true, &w.err), w.err);
    kist_store_limit(s, &limits);
    return s;
}

/* ---- layers ---- */

static void add(struct kist_buf *tar, const void *data, size_t len)
{
    CHECK_OK(kist_buf_add(tar, data, len, &w.err), w.err);
}

/* One file of size bytes that nothing compresses. */
static void make_layer(unsigned number)
{
    struct kist_buf *tar = &w.layers[number].tar;
    size_t size = 100 + draw(70000);
    unsigned char block[512] = "";
    unsigned check = 0;

    kist_buf_init(tar, 1U << 20);
    (void)snprintf((char *)block, 100, "file%u", number);
    (void)snprintf((char *)block + 100, 36, "%07o%c%07o%c%07o%c%011o", 0644U, 0, 0U, 0, 0U, 0, (unsigned)size);
    (void)snprintf((char *)block + 136, 12, "%011o", 1700000000U);
    memcpy(block + 148, "        ", 8);
    block[156] = '0';
    memcpy(block + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof(block); i++) {
        check += block[i];
    }
    (void)snprintf((char *)block + 148, 8, "%06o", check);
    add(tar, block, sizeof(block));
    for (size_t done = 0; done < size; done += sizeof(block)) {
        for (size_t i = 0; i < sizeof(block); i++) {
            block[i] = done + i < size ? (unsigned char)draw(256) : 0;
        }
        add(tar, block, sizeof(block));
    }
    memset(block, 0, sizeof(block));
    add(tar, block, sizeof(block));
    add(tar, block, sizeof(block));
    kist_digest_of(&w.layers[number].diff_id, tar->data, tar->len);
}

/* ---- a pull, step by step ---- */

static void pull_end(struct pull *p, enum outcome outcome)
{
    kist_layer_writer_free(p->writer);
    kist_store_layer_abort(p->tx);
    kist_store_room_free(p->room);
    kist_store_lease_end(p->lease);
    kist_store_close(p->store);
    *p = (struct pull){.store = NULL};
    sum.pulled[outcome]++;
}

static bool at_work(unsigned layer)
{
    for (unsigned i = 0; i < PULLS; i++) {
        for (unsigned k = 0; w.pulls[i].store && k < w.pulls[i].layer_count; k++) {
            if (w.pulls[i].layers[k] == layer) {
                return true;
            }
        }
    }
    return false;
}

/* The documents of p's image. */
static void document(const struct pull *p, struct kist_buf *config, struct kist_buf *manifest, struct kist_descriptor *desc)
{
    char text[KIST_DIGEST_TEXT_MAX];
    struct kist_digest id;

    CHECK_OK(kist_buf_printf(config, &w.err,
                             "{\"architecture\":\"arm\",\"os\":\"linux\",\"config\":{\"Labels\":{\"salt\":\"%u\"}},\"rootfs\":"
                             "{\"type\":\"layers\",\"diff_ids\":[",
                             p->salt),
             w.err);
    for (unsigned i = 0; i < p->layer_count; i++) {
        CHECK_OK(kist_buf_printf(config, &w.err, "%s\"%s\"", i ? "," : "",
                                 kist_digest_text(text, &w.layers[p->layers[i]].diff_id)),
                 w.err);
    }
    CHECK_OK(kist_buf_puts(config, "]}}", &w.err), w.err);
    kist_digest_of(&id, config->data, config->len);
    CHECK_OK(kist_buf_printf(manifest, &w.err, "{\"config\":\"%s\"}", kist_digest_text(text, &id)), w.err);
    *desc = (struct kist_descriptor){.media_type = KIST_MEDIA_OCI_MANIFEST, .size = manifest->len};
    kist_digest_of(&desc->digest, manifest->data, manifest->len);
}

static void pull_begin(struct pull *p)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(1U << 16), manifest = KIST_BUF_INIT(1U << 16);
    struct kist_digest needed[5];
    struct kist_descriptor desc;
    uint64_t planned = 0;
    unsigned count = 1 + draw(3);
    int rc;

    for (unsigned i = 0; i < count; i++) {
        unsigned layer = draw(LAYERS);

        if (!at_work(layer)) { /* this one process would wait for itself */
            p->layers[p->layer_count++] = layer;
            planned += draw(3) ? w.layers[layer].tar.len : 1000; /* not every plan is right */
        }
        for (unsigned k = 0; p->layer_count > 1 && k + 1 < p->layer_count; k++) {
            if (p->layers[k] == layer) {
                p->layer_count--;
            }
        }
    }
    if (p->layer_count == 0) {
        return;
    }
    p->salt = draw(40);
    p->name = draw(NAMES);
    p->store = open_store();
    document(p, &config, &manifest, &desc);
    kist_digest_of(&needed[0], config.data, config.len);
    needed[1] = desc.digest;
    for (unsigned i = 0; i < p->layer_count; i++) {
        needed[2 + i] = w.layers[p->layers[i]].diff_id;
    }
    rc = kist_store_lease_begin(p->store, needed, 2 + p->layer_count, &p->lease, &w.err);
    rc = rc < 0 ? rc : kist_store_room_take(p->store, "partial", "-", planned, NULL, &p->room, &w.err);
    if (outcome_of(rc, "a pull's begin") == NO_SPACE) {
        pull_end(p, NO_SPACE);
    }
}

static void pull_commit(struct pull *p)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(1U << 16), manifest = KIST_BUF_INIT(1U << 16);
    struct kist_descriptor desc;
    struct kist_image_new new = {NULL, &manifest, &desc, &config, &desc.digest};
    enum kist_store_change change;
    char name[64];

    (void)snprintf(name, sizeof(name), "docker.io/library/image%u:latest", p->name);
    document(p, &config, &manifest, &desc);
    new.name = name;
    kist_store_room_free(p->room);
    p->room = NULL;
    pull_end(p, outcome_of(kist_store_image_add(p->store, &new, &change, &w.err), "an image's add"));
}

/* 1: the layer is there. */
static int layer_step(struct pull *p)
{
    const struct kist_layer_options options = {.compressor = KIST_LAYER_GZIP, .level = 1};
    const struct layer *layer = &w.layers[p->layers[p->layer]];
    struct kist_layer_info info;
    size_t len = KIST_MIN(CHUNK, layer->tar.len - p->sent);
    int rc;

    if (!p->tx) {
        rc = kist_store_layer_begin(p->store, &layer->diff_id, &p->tx, &w.err);
        return rc != 0 ? rc
                       : kist_store_layer_writer(p->tx, &options, draw(2) ? layer->tar.len / 2 : 0, p->room, &p->writer, &w.err);
    }
    if (len > 0) {
        rc = kist_sink_write(kist_layer_writer_sink(p->writer), layer->tar.data + p->sent, len, &w.err);
        p->sent += len;
        return rc;
    }
    rc = kist_sink_finish(kist_layer_writer_sink(p->writer), &w.err);
    rc = rc < 0 ? rc : kist_layer_writer_seal(p->writer, &layer->diff_id, &info, &w.err);
    if (rc < 0) {
        return rc;
    }
    kist_layer_writer_free(p->writer);
    p->writer = NULL;
    rc = kist_store_layer_commit(p->tx, &w.err);
    p->tx = NULL;
    return rc < 0 ? rc : 1;
}

static void pull_step(struct pull *p)
{
    int rc;

    if (!p->store) {
        pull_begin(p);
        return;
    }
    if (p->layer == p->layer_count) {
        pull_commit(p);
        return;
    }
    rc = layer_step(p);
    if (outcome_of(rc, "a layer") == NO_SPACE) {
        pull_end(p, NO_SPACE);
    } else if (rc == 1) {
        p->layer++;
        p->sent = 0;
    }
}

/* ---- the other commands ---- */

static void remove_image(struct kist_store *s)
{
    struct kist_store_removed removed;
    char name[32];
    int rc;

    (void)snprintf(name, sizeof(name), "%s%u", draw(3) ? "image" : "tag", draw(NAMES));
    rc = kist_store_image_remove(s, name, true, &removed, &w.err);
    kist_store_removed_release(&removed);
    if (rc < 0 && rc != KIST_E_NOT_FOUND && rc != KIST_E_CONFLICT) {
        test_fail(__FILE__, __LINE__, "an rmi gives %d: %s", rc, w.err.message);
    }
    sum.removed += rc == 0;
}

static void prune(struct kist_store *s)
{
    const struct kist_store_prune options = {.all = true, .keep_previous = draw(2) == 0, .need = draw(3) ? draw(200000) : 0};
    struct kist_store_removed removed;

    CHECK_OK(kist_store_prune(s, &options, &removed, &w.err), w.err);
    sum.removed += removed.freed > 0;
    kist_store_removed_release(&removed);
}

static void tag(struct kist_store *s)
{
    char from[32], to[64];
    int rc;

    (void)snprintf(from, sizeof(from), "image%u", draw(NAMES));
    (void)snprintf(to, sizeof(to), "docker.io/library/tag%u:latest", draw(NAMES));
    rc = draw(2) ? kist_store_image_tag(s, from, to, &w.err) : kist_store_image_pin(s, from, draw(4) == 0, &w.err);
    if (rc != KIST_E_NOT_FOUND) {
        sum.wrote[outcome_of(rc, "a tag or pin")]++;
    }
}

static void id_of(char id[65], unsigned number)
{
    memset(id, '0' + (int)number, 64);
    id[64] = '\0';
}

static void add_container(struct kist_store *s, unsigned number)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    struct kist_container_ref ref = {.ephemeral = draw(2) == 0};
    struct port_dir *dir;
    int rc;

    CHECK_OK(kist_store_images(s, &list, &w.err), w.err);
    if (list.n == 0) {
        return;
    }
    ref.image = list.v[draw((unsigned)list.n)].config;
    id_of(ref.id, number);
    (void)snprintf(ref.name, sizeof(ref.name), "container%u", number);
    rc = kist_store_container_add(s, &ref, &dir, &w.err);
    sum.wrote[outcome_of(rc, "a container's add")]++;
    if (rc == 0) {
        port_dir_close(dir);
        w.container[number] = true;
    }
}

/* Its own files as kist writes them, and what it writes itself, into room that was taken for it. */
static void fill_container(struct kist_store *s, unsigned number)
{
    static char data[60000];
    struct kist_store_room *room = NULL;
    struct port_dir *dir, *rw;
    struct port_file *f;
    size_t len = draw(sizeof(data));
    char id[65], name[16];
    int rc;

    id_of(id, number);
    REQUIRE_OK(kist_store_container_open(s, id, &dir, &w.err), w.err);
    (void)snprintf(name, sizeof(name), "file%u", draw(3));
    if (draw(3) == 0) {
        rc = kist_store_room_take(s, "containers", id, kist_store_cost(s, len) + kist_store_cost(s, 0), NULL, &room, &w.err);
        if (rc == 0) {
            REQUIRE_OK(port_dir_open_at(&rw, dir, "rw", true, &w.err), w.err);
            CHECK_OK(port_file_create(&f, rw, name, true, &w.err), w.err);
            CHECK_OK(port_file_append(f, data, len, &w.err), w.err);
            CHECK_OK(port_file_close(f, &w.err), w.err);
            port_dir_close(rw);
            kist_store_room_free(room);
        }
    } else {
        rc = draw(2) ? kist_store_write_file(s, dir, name, data, len, &w.err)
                     : kist_store_write_loose(s, dir, name, data, len, &w.err);
    }
    sum.wrote[outcome_of(rc, "a file of a container")]++;
    port_dir_close(dir);
}

static void container(struct kist_store *s)
{
    unsigned number = draw(CONTAINERS);
    char id[65];

    if (!w.container[number]) {
        add_container(s, number);
    } else if (draw(5)) {
        fill_container(s, number);
    } else {
        id_of(id, number);
        CHECK_OK(kist_store_container_remove(s, id, &w.err), w.err);
        w.container[number] = false;
        sum.removed++;
    }
}

/* All processes are gone; what was written lasts. */
static void crash(void)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    struct kist_container_refs refs;
    struct kist_store *s;

    port_sim_restart();
    for (unsigned i = 0; i < PULLS; i++) {
        if (w.pulls[i].store) {
            pull_end(&w.pulls[i], GIVEN_UP);
        }
    }
    port_sim_reboot(PORT_SIM_KEPT, 0);
    s = open_store();
    CHECK_OK(kist_store_images(s, &list, &w.err), w.err);
    CHECK_OK(kist_store_containers(s, &refs, &w.err), w.err);
    memset(w.container, 0, sizeof(w.container));
    for (size_t i = 0; i < refs.n; i++) {
        w.container[refs.v[i].id[0] - '0'] = true;
    }
    kist_container_refs_release(&refs);
    kist_store_close(s);
}

static void other_command(void)
{
    struct kist_store *s = open_store();

    switch (draw(6)) {
    case 0:
        remove_image(s);
        break;
    case 1:
        prune(s);
        break;
    case 2:
        tag(s);
        break;
    default:
        container(s);
    }
    kist_store_close(s);
}

static void operate(void)
{
    struct pull *p = &w.pulls[draw(PULLS)];
    unsigned which = draw(100);

    if (which < 2) {
        crash();
    } else if (which < 4 && p->store) {
        pull_end(p, GIVEN_UP);
    } else if (which < 50) {
        other_command();
    } else {
        bool begun = p->store;

        do { /* not to spend most of the thousand on chunks */
            pull_step(p);
        } while (p->store && begun && draw(3));
    }
}

static void check_usage(unsigned operation)
{
    struct kist_store *s = open_store();
    struct kist_store_usage u;

    CHECK_OK(kist_store_usage(s, &u, &w.err), w.err);
    CHECK_INT(u.total, port_sim_usage(ROOT));
    CHECK_INT(u.layers + u.blobs + u.partial + u.containers + u.volumes + u.cache + u.other, u.total);
    kist_store_close(s);
    if (port_sim_peak() > QUOTA) {
        test_fail(__FILE__, __LINE__, "operation %u: %" PRIu64 " bytes, %" PRIu64 " past the quota", operation,
                  port_sim_peak(), port_sim_peak() - QUOTA);
    }
}

static void run(uint64_t seed, bool evict)
{
    memset(&w, 0, sizeof(w));
    w.random = seed;
    w.evict = evict;
    port_sim_reset(0);
    for (unsigned i = 0; i < LAYERS; i++) {
        make_layer(i);
    }
    kist_store_close(open_store());
    port_sim_watch(ROOT);
    for (unsigned i = 0; i < OPERATIONS && test_failures == 0; i++) {
        operate();
        check_usage(i);
        sum.fullest = KIST_MAX(sum.fullest, (unsigned)(port_sim_usage(ROOT) * 100 / QUOTA));
    }
    crash();
    port_sim_watch(NULL);
    CHECK_INT(port_sim_handles(), 0);
    for (unsigned i = 0; i < LAYERS; i++) {
        kist_buf_release(&w.layers[i].tar);
    }
}

/* Four times a thousand; it was about something: the quota was reached, and things went on. */
static void run_all(uint64_t seed, bool evict)
{
    memset(&sum, 0, sizeof(sum));
    for (unsigned i = 0; i < 4 && test_failures == 0; i++) {
        run(seed + i, evict);
    }
    printf("filled to %u %%; pulls: %u done, %u did not fit, %u given up; writes: %u done, %u did not fit; %u removals\n",
           sum.fullest, sum.pulled[DONE], sum.pulled[NO_SPACE], sum.pulled[GIVEN_UP], sum.wrote[DONE],
           sum.wrote[NO_SPACE], sum.removed);
    CHECK(sum.fullest > 85);
    CHECK(sum.pulled[DONE] > 50 && sum.wrote[DONE] > 200 && sum.removed > 100);
    CHECK(sum.pulled[NO_SPACE] > 50 && sum.wrote[NO_SPACE] > 50 && sum.pulled[GIVEN_UP] > 50);
}

TEST(a_thousand_operations_never_pass_the_quota)
{
    run_all(1, false);
}

TEST(nor_do_they_where_images_make_room)
{
    run_all(5, true);
}
