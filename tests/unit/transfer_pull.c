/* Pulls of small images from a server of this process into a store of this test: what is kept, what is told, what fails how. */
#include "transfer/pull.h"

#include "http_server.h"
#include "store_fixture.h"
#include "tar_maker.h"

#define PAGES_MAX 16
#define LAYERS_MAX 4

/* What is at one path, and how it is served. */
struct page {
    char path[128];
    const char *type;
    struct kist_buf body;
    bool missing; /* 404 */
    bool stalls;  /* the head and half of the body come, then nothing */
};

struct world {
    struct http_server http;
    struct page pages[PAGES_MAX];
    size_t page_count;
    struct fixture f;
    struct kist_buf layers[LAYERS_MAX];
    struct kist_pull_options options;
    struct kist_pull_plan plan;
    /* what the events said */
    bool telling;
    int layer_events, plan_events;
    size_t missing;
};

static enum http_server_after answer(struct http_server *http, int fd, const char *head)
{
    struct world *w = KIST_CONTAINER_OF(http, struct world, http);
    static const char nothing[] = "HTTP/1.1 404 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    char text[256];

    for (size_t i = 0; i < w->page_count; i++) {
        const struct page *p = &w->pages[i];

        if (!p->missing && strstr(head, p->path)) {
            int len = snprintf(text, sizeof(text),
                               "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", p->type,
                               p->body.len);

            http_server_send(fd, text, (size_t)len);
            http_server_send(fd, p->body.data, p->stalls ? p->body.len / 2 : p->body.len);
            return p->stalls ? HTTP_SERVER_HOLD : HTTP_SERVER_CLOSE;
        }
    }
    http_server_send(fd, nothing, sizeof(nothing) - 1);
    return HTTP_SERVER_CLOSE;
}

static struct page *put_page(struct world *w, const char *path, const char *type, const struct kist_buf *body)
{
    struct page *p = &w->pages[w->page_count++];
    struct kist_error err = {0};

    CHECK(w->page_count <= PAGES_MAX);
    CHECK(kist_str_format(p->path, sizeof(p->path), "/v2/a/b/%s ", path));
    p->type = type;
    kist_buf_init(&p->body, SIZE_MAX / 2);
    CHECK_OK(kist_buf_add(&p->body, kist_buf_text(body), body->len, &err), err);
    return p;
}

static struct page *put_blob(struct world *w, const struct kist_buf *body)
{
    char path[128], text[KIST_DIGEST_TEXT_MAX];
    struct kist_digest d;

    kist_digest_of(&d, kist_buf_text(body), body->len);
    CHECK(kist_str_format(path, sizeof(path), "blobs/%s", kist_digest_text(text, &d)));
    return put_page(w, path, "application/octet-stream", body);
}

/* What is wrong with the image served; all false: nothing. */
struct faults {
    const char *label;
    bool diff_id, blob, count, config_size, not_tar;
    const char *arch;
    int result;
    const char *message;
};

static void add_descriptor(struct kist_buf *out, const char *type, const struct kist_buf *body, size_t size)
{
    char text[KIST_DIGEST_TEXT_MAX];
    struct kist_error err = {0};
    struct kist_digest d;

    kist_digest_of(&d, kist_buf_text(body), body->len);
    CHECK_OK(kist_buf_printf(out, &err, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}", type,
                             kist_digest_text(text, &d), size),
             err);
}

/* An image of so many layers at manifests/t; a fault of layers is the last one's. */
static void serve_image(struct world *w, size_t count, const struct faults *wrong)
{
    KIST_AUTO(buf) struct kist_buf config = KIST_BUF_INIT(1 << 20), manifest = KIST_BUF_INIT(1 << 20);
    struct kist_error err = {0};

    CHECK_OK(kist_buf_printf(&config, &err, "{\"architecture\":\"%s\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
                             wrong->arch ? wrong->arch : "amd64"),
             err);
    for (size_t i = 0; i < count; i++) {
        struct kist_buf *tar = &w->layers[i];
        bool last = i + 1 == count;
        char text[KIST_DIGEST_TEXT_MAX], name[128];
        struct kist_digest d;

        CHECK(kist_str_format(name, sizeof(name), "file%zu", i));
        kist_buf_init(tar, 1 << 20);
        if (last && wrong->not_tar) {
            for (int k = 0; k < 100; k++) {
                maker_add(tar, "no tar at all. ", 15);
            }
        } else {
            (void)maker_file(tar, name, "some contents");
            maker_end(tar);
        }
        kist_digest_of(&d, tar->data, tar->len);
        d.bytes[0] = (unsigned char)(d.bytes[0] ^ (last && wrong->diff_id));
        CHECK_OK(kist_buf_printf(&config, &err, "%s\"%s\"", i ? "," : "", kist_digest_text(text, &d)), err);
        if (last && wrong->count) {
            CHECK_OK(kist_buf_printf(&config, &err, ",\"%s\"", text), err);
        }
    }
    CHECK_OK(kist_buf_puts(&config, "]}}", &err), err);
    CHECK_OK(kist_buf_puts(&manifest, "{\"schemaVersion\":2,\"config\":", &err), err);
    add_descriptor(&manifest, "application/vnd.oci.image.config.v1+json", &config, config.len + wrong->config_size);
    (void)put_blob(w, &config);
    CHECK_OK(kist_buf_puts(&manifest, ",\"layers\":[", &err), err);
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(kist_buf_puts(&manifest, i ? "," : "", &err), err);
        add_descriptor(&manifest, "application/vnd.oci.image.layer.v1.tar", &w->layers[i], w->layers[i].len);
        put_blob(w, &w->layers[i])->body.data[512] ^= (char)(i + 1 == count && wrong->blob);
    }
    CHECK_OK(kist_buf_puts(&manifest, "]}", &err), err);
    (void)put_page(w, "manifests/t", KIST_MEDIA_OCI_MANIFEST, &manifest);
}

/* The page of layer i: after the config, in order. */
static struct page *layer_page(struct world *w, size_t i)
{
    return &w->pages[1 + i];
}

static void event(void *arg, const struct kist_pull_plan *plan, int index)
{
    struct world *w = arg;

    CHECK(!w->telling); /* calls are serialised */
    w->telling = true;
    CHECK(plan == &w->plan);
    CHECK(index < (int)plan->layer_count);
    if (index < 0 && w->plan_events++ == 0) {
        for (size_t i = 0; i < plan->layer_count; i++) {
            w->missing += plan->layers[i].state == KIST_PULL_WAITING;
        }
    }
    w->layer_events += index >= 0;
    w->telling = false;
}

static const struct faults no_faults = {.label = "none"};

static struct world *world_new(size_t layers, const struct faults *wrong)
{
    struct world *w = calloc(1, sizeof(*w));

    if (!w || !fixture_init(&w->f)) {
        abort();
    }
    serve_image(w, layers, wrong);
    w->options = (struct kist_pull_options){
        .registry = {.tries = 1, .backoff_ms = 1, .stall_ms = 600000},
        .platform = {.os = "linux", .arch = "amd64"},
        .event = event,
        .event_arg = w,
    };
    w->http.answer = answer;
    http_server_start(&w->http);
    return w;
}

static void world_free(struct world *w)
{
    http_server_end(&w->http);
    for (size_t i = 0; i < w->page_count; i++) {
        kist_buf_release(&w->pages[i].body);
    }
    for (size_t i = 0; i < LAYERS_MAX; i++) {
        kist_buf_release(&w->layers[i]);
    }
    fixture_release(&w->f);
    free(w);
}

/* a/b and what is behind it at the server; the caller releases the plan. */
static int pull(struct world *w, const char *behind)
{
    struct kist_reference ref;
    char text[256];

    w->layer_events = w->plan_events = 0;
    w->missing = 0;
    CHECK(kist_str_format(text, sizeof(text), "127.0.0.1:%u/a/b%s", w->http.port, behind));
    CHECK_OK(kist_reference_parse(&ref, text, &w->f.err), w->f.err);
    return kist_pull(w->f.store, &ref, &w->options, &w->plan, &w->f.err);
}

static void check_empty(struct world *w)
{
    static const char *const rooms[] = {"blobs/sha256", "layers/sha256", "partial", "tmp"};

    for (size_t i = 0; i < KIST_COUNT(rooms); i++) {
        CHECK_INT(fixture_count(&w->f, rooms[i]), 0);
    }
}

TEST(keeps_what_it_pulls)
{
    struct world *w = world_new(3, &no_faults);
    const uint64_t layer_bytes = w->layers[0].len;

    CHECK_INT(pull(w, ":t"), 0);
    CHECK_INT(w->plan.change, KIST_STORE_DOWNLOADED);
    CHECK_INT(w->plan.layer_count, 3);
    CHECK_INT(w->missing, 3);
    CHECK_INT(w->plan_events, 2);
    CHECK(w->layer_events >= 9); /* taken, some bytes, done */
    CHECK_INT(w->plan.download_bytes, 3 * layer_bytes);
    CHECK_INT(w->plan.received_bytes, w->pages[0].body.len + w->pages[4].body.len + 3 * layer_bytes);
    for (size_t i = 0; i < w->plan.layer_count; i++) {
        CHECK_INT(w->plan.layers[i].state, KIST_PULL_DONE);
        CHECK_INT(w->plan.layers[i].received, layer_bytes);
        CHECK(kist_store_has_layer(w->f.store, &w->plan.layers[i].diff_id));
    }
    CHECK_INT(fixture_count(&w->f, "partial"), 0);
    kist_pull_plan_release(&w->plan);

    CHECK_INT(pull(w, ":t"), 0);
    CHECK_INT(w->plan.change, KIST_STORE_UNCHANGED);
    CHECK_INT(w->missing, 0);
    CHECK_INT(w->layer_events, 0);
    CHECK_INT(w->plan.received_bytes, w->pages[4].body.len); /* the config is kept as well */
    CHECK_INT(w->plan.kept_bytes, 0);
    kist_pull_plan_release(&w->plan);
    world_free(w);
}

TEST(plans_without_a_store)
{
    struct world *w = world_new(2, &no_faults);
    struct kist_store *store = w->f.store;

    w->f.store = NULL;
    w->options.dry_run = true;
    CHECK_INT(pull(w, ":t"), 0);
    w->f.store = store;
    CHECK_INT(w->missing, 2);
    CHECK_INT(w->plan_events, 1);
    CHECK_INT(w->layer_events, 0);
    kist_pull_plan_release(&w->plan);
    check_empty(w);
    world_free(w);
}

TEST(a_tag_beside_a_digest_is_not_kept)
{
    struct world *w = world_new(1, &no_faults);
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    char behind[128], text[KIST_DIGEST_TEXT_MAX], path[128];
    const struct page *page = &w->pages[2];
    struct kist_reference ref;
    struct kist_digest d;

    kist_digest_of(&d, page->body.data, page->body.len);
    CHECK(kist_str_format(path, sizeof(path), "manifests/%s", kist_digest_text(text, &d)));
    (void)put_page(w, path, KIST_MEDIA_OCI_MANIFEST, &page->body);
    CHECK(kist_str_format(behind, sizeof(behind), ":other@%s", text));
    CHECK_INT(pull(w, behind), 0);
    CHECK_OK(kist_store_images(w->f.store, &list, &w->f.err), w->f.err);
    REQUIRE(list.n == 1);
    CHECK_OK(kist_reference_parse(&ref, list.v[0].name, &w->f.err), w->f.err);
    CHECK_STR(ref.tag, "");
    CHECK(ref.has_digest && kist_digest_equal(&ref.digest, &d));
    kist_pull_plan_release(&w->plan);
    world_free(w);
}

TEST(refuses_what_is_wrong)
{
    static const struct faults rows[] = {
        {.label = "diff ID", .diff_id = true, .result = KIST_E_CORRUPT, .message = "the diff ID of the unpacked layer is"},
        {.label = "digest", .blob = true, .result = KIST_E_CORRUPT, .message = "the digest of what the registry sent is"},
        {.label = "count", .count = true, .result = KIST_E_CORRUPT, .message = "manifest has 2 layers, its config 3 diff IDs"},
        {.label = "config size", .config_size = true, .result = KIST_E_CORRUPT, .message = "is shorter than"},
        {.label = "not a tar", .not_tar = true, .result = KIST_E_CORRUPT, .message = "cannot pull"},
        {.label = "platform", .arch = "arm64", .result = KIST_E_NOT_FOUND,
         .message = "the image is for linux/arm64, not for linux/amd64"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct world *w = world_new(2, &rows[i]);

        TEST_CASE(rows[i].label);
        CHECK_INT(pull(w, ":t"), rows[i].result);
        CHECK_INT(w->f.err.code, rows[i].result);
        if (!strstr(w->f.err.message, rows[i].message)) {
            CHECK_STR(w->f.err.message, rows[i].message);
        }
        kist_pull_plan_release(&w->plan);
        check_empty(w);
        world_free(w);
        TEST_CASE(NULL);
    }
}

/* One layer stalls for ever, another is not there: that is the cause, and it ends the one that stalls. */
TEST(the_first_failure_is_told_and_stops_the_rest)
{
    struct world *w = world_new(2, &no_faults);

    layer_page(w, 0)->stalls = true;
    layer_page(w, 1)->missing = true;
    CHECK_INT(pull(w, ":t"), KIST_E_NOT_FOUND);
    CHECK(strstr(w->f.err.message, "not found at"));
    kist_pull_plan_release(&w->plan);
    check_empty(w);
    world_free(w);
}

/* As above, with the first job waiting for a layer that another process adds. */
TEST(a_failure_ends_the_wait_for_others)
{
    struct world *w = world_new(2, &no_faults);
    struct kist_store_layer_tx *tx;
    struct kist_digest d;

    kist_digest_of(&d, w->layers[0].data, w->layers[0].len);
    REQUIRE_OK(kist_store_layer_begin(w->f.store, &d, &tx, &w->f.err), w->f.err);
    layer_page(w, 1)->missing = true;
    CHECK_INT(pull(w, ":t"), KIST_E_NOT_FOUND);
    CHECK(strstr(w->f.err.message, "not found at"));
    kist_pull_plan_release(&w->plan);
    kist_store_layer_abort(tx);
    check_empty(w);
    world_free(w);
}

static bool once_layers_come(void *arg)
{
    const struct world *w = arg;

    return __atomic_load_n(&w->layer_events, __ATOMIC_RELAXED) > 0;
}

TEST(can_be_stopped)
{
    struct world *w = world_new(2, &no_faults);

    layer_page(w, 0)->stalls = layer_page(w, 1)->stalls = true;
    w->options.registry.stop = once_layers_come;
    w->options.registry.stop_arg = w;
    CHECK_INT(pull(w, ":t"), KIST_E_INTERRUPTED);
    kist_pull_plan_release(&w->plan);
    check_empty(w);
    world_free(w);
}
