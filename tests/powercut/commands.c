/* Each command that changes a store, as the programs above it call it. */
#include <string.h>

#include "base/str.h"
#include "powercut.h"
#include "store/check.h"
#include "store/pushed.h"
#include "store/quota.h"
#include "store/reshape.h"
#include "store/steps.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const struct test_image app_old = {"docker.io/library/app:latest", "one", {1, 2, 3}},
                               app_new = {"docker.io/library/app:latest", "two", {1, 4}}, /* keeps the base */
    app_newer = {"docker.io/library/app:latest", "three", {1, 3}},
    app_tag = {"docker.io/library/app:1", "one", {1, 2, 3}},
                               other = {"docker.io/library/other:latest", "other", {1, 5}},
                               third = {"docker.io/library/third:latest", "third", {6, 7}};

/* Of app_old; the preparations set it, so that making it up is no part of a command. */
static struct kist_digest old_id;

static struct kist_store *open_store(bool create)
{
    struct kist_error err = {.code = KIST_OK};
    struct kist_store *s = NULL;

    must(kist_store_open(&s, ROOT, create, &err), &err, "a store to begin with");
    return s;
}

static void put(struct kist_store *s, const struct test_image *image)
{
    struct kist_error err = {.code = KIST_OK};

    must(image_pull(s, image, 0, &err), &err, image->name);
    old_id = image_id(&app_old);
}

/* ---- opening ---- */

static int run_create(struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, true, err);

    if (rc == 0) {
        kist_store_close(s);
    }
    return rc;
}

static int run_open(struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        kist_store_close(s);
    }
    return rc;
}

static void prepare_empty(void)
{
    kist_store_close(open_store(true));
}

/* What somebody left who died in a pull, after one layer and in the middle of the next. */
static void prepare_stale(void)
{
    struct kist_store *s = open_store(true);
    struct kist_error err = {.code = KIST_OK};

    put(s, &app_old);
    port_sim_halt_at(15);
    if (image_pull(s, &app_new, 0, &err) == 0 || !port_sim_halted()) {
        port_sim_halt_at(1);
    }
    kist_store_close(s);
}

/* ---- pulling ---- */

static int run_pull(const struct test_image *image, unsigned wrong, struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, true, err);

    if (rc == 0) {
        rc = image_pull(s, image, wrong, err);
        kist_store_close(s);
    }
    return rc;
}

static int run_pull_old(struct kist_error *err)
{
    return run_pull(&app_old, 0, err);
}

static int run_pull_new(struct kist_error *err)
{
    return run_pull(&app_new, 0, err);
}

static int run_pull_tag(struct kist_error *err)
{
    return run_pull(&app_tag, 0, err);
}

static int run_pull_broken(struct kist_error *err)
{
    return run_pull(&app_new, 4, err);
}

/* Another process is about to commit the new layer when this one finds it there. */
static int run_pull_beside(struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, true, err);

    if (rc == 0) {
        rc = image_pull_beside(s, &app_new, 4, err);
        kist_store_close(s);
    }
    return rc;
}

static void prepare_old(void)
{
    struct kist_store *s = open_store(true);

    put(s, &app_old);
    put(s, &other);
    kist_store_close(s);
}

/* ---- under a quota ---- */

#define TIGHT (UINT64_C(148) << 10) /* what is there, and little more */

static const struct kist_store_limits tight = {.quota = {TIGHT, false}},
                                      tight_evicting = {.quota = {TIGHT, false}, .evict = true};

static int run_limited(const struct kist_store_limits *limits, const struct test_image *image, struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, true, err);

    if (rc == 0) {
        kist_store_limit(s, limits);
        rc = image_pull(s, image, 0, err);
        kist_store_close(s);
    }
    return rc;
}

/* Only one image may go. */
static void prepare_evicting(void)
{
    struct kist_error err = {.code = KIST_OK};
    struct kist_store *s = open_store(true);

    put(s, &app_old);
    put(s, &other);
    must(kist_store_image_pin(s, other.name, true, &err), &err, "a pin");
    kist_store_close(s);
}

static int run_quota_fits(struct kist_error *err)
{
    return run_limited(&tight, &app_tag, err);
}

static int run_quota_full(struct kist_error *err)
{
    return run_limited(&tight, &third, err);
}

static int run_quota_evicts(struct kist_error *err)
{
    return run_limited(&tight_evicting, &third, err);
}

/* ---- loading and importing ---- */

static int load(size_t cut, struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, true, err);

    if (rc == 0) {
        rc = archive_load(s, cut, err);
        kist_store_close(s);
    }
    return rc;
}

static int run_load(struct kist_error *err)
{
    return load(0, err);
}

/* In the last of its layers. */
static int run_load_cut(struct kist_error *err)
{
    return load(2048, err);
}

static int run_import(struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, true, err);

    if (rc == 0) {
        rc = archive_import(s, "docker.io/library/other:latest", 6, err);
        kist_store_close(s);
    }
    return rc;
}

static void prepare_archive(void)
{
    struct kist_store *s = open_store(true);

    put(s, &app_old);
    kist_store_close(s);
    archive_make(&app_new, false);
}

static void prepare_archive_late(void)
{
    prepare_archive();
    archive_make(&app_new, true);
}

/* ---- building ---- */

static int run_build(struct kist_error *err)
{
    static const char text[] = "FROM app\nCOPY <<E /x\nhello\nE\nWORKDIR /made\nCMD [\"x\"]\n";
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = build_image(s, text, "docker.io/library/built:latest", err);
        kist_store_close(s);
    }
    return rc;
}

/* The name was another image's. */
static int run_build_over(struct kist_error *err)
{
    static const char text[] = "FROM scratch AS one\nCOPY <<E /x\nhello\nE\nFROM app\nCOPY --from=one /x /y\n";
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = build_image(s, text, "docker.io/library/other:latest", err);
        kist_store_close(s);
    }
    return rc;
}

static int run_builder_prune(struct kist_error *err)
{
    struct kist_store_removed removed = {.freed = 0};
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = kist_store_step_drop(s, &(struct kist_store_step_prune){.all = true}, &removed, err);
        kist_store_removed_release(&removed);
        kist_store_close(s);
    }
    return rc;
}

static int run_commit(struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = commit_image(s, &old_id, "docker.io/library/other:latest", err);
        kist_store_close(s);
    }
    return rc;
}

static void prepare_built(void)
{
    struct kist_error err = {.code = KIST_OK};

    prepare_old();
    must(run_build(&err), &err, "a build");
    must(run_build_over(&err), &err, "a second build");
}

/* ---- removing ---- */

static void prepare_tagged(void)
{
    struct kist_store *s = open_store(true);

    put(s, &app_old);
    put(s, &app_tag);
    put(s, &other);
    kist_store_close(s);
}

static int remove_image(const char *text, bool force, struct kist_error *err)
{
    struct kist_store_removed removed;
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = kist_store_image_remove(s, text, force, &removed, err);
        kist_store_removed_release(&removed);
        kist_store_close(s);
    }
    return rc;
}

static int run_untag(struct kist_error *err)
{
    return remove_image("app:1", false, err);
}

static int run_remove(struct kist_error *err)
{
    return remove_image("app", false, err);
}

static int run_remove_id(struct kist_error *err)
{
    char text[KIST_DIGEST_TEXT_MAX];

    return remove_image(kist_digest_text(text, &old_id), true, err);
}

/* In use by a container: refused, whatever else goes wrong. */
static int run_remove_forced(struct kist_error *err)
{
    return remove_image("app", true, err);
}

/* ---- naming ---- */

static int tag_image(const char *text, const char *name, struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = kist_store_image_tag(s, text, name, err);
        kist_store_close(s);
    }
    return rc;
}

static int run_tag(struct kist_error *err)
{
    return tag_image("app", "docker.io/library/app:1", err);
}

/* The name was another image's, which stays without one. */
static int run_tag_over(struct kist_error *err)
{
    return tag_image("app", "docker.io/library/other:latest", err);
}

/* ---- pruning ---- */

static int prune(const struct kist_store_prune *options, struct kist_error *err)
{
    struct kist_store_removed removed;
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = kist_store_prune(s, options, &removed, err);
        kist_store_removed_release(&removed);
        kist_store_close(s);
    }
    return rc;
}

static int run_prune(struct kist_error *err)
{
    return prune(&(struct kist_store_prune){.keep_previous = true}, err);
}

static int run_prune_all(struct kist_error *err)
{
    return prune(&(struct kist_store_prune){.all = true}, err);
}

static int pin_image(bool pin, struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = kist_store_image_pin(s, "app", pin, err);
        kist_store_close(s);
    }
    return rc;
}

static int run_pin(struct kist_error *err)
{
    return pin_image(true, err);
}

static int run_unpin(struct kist_error *err)
{
    return pin_image(false, err);
}

/* Two images that were replaced, the later of which stays, and another one. */
static void prepare_replaced(void)
{
    struct kist_store *s = open_store(true);

    put(s, &app_old);
    put(s, &app_new);
    put(s, &app_newer);
    put(s, &other);
    kist_store_close(s);
}

static void prepare_pinned(void)
{
    struct kist_error err = {.code = KIST_OK};
    struct kist_store *s;

    prepare_tagged();
    s = open_store(false);
    must(kist_store_image_pin(s, "app", true, &err), &err, "a pin");
    kist_store_close(s);
}

/* ---- repairing ---- */

static int run_replace(struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = image_replace(s, &app_old, 2, err);
        kist_store_close(s);
    }
    return rc;
}

/* An index that cannot be read. */
static void prepare_lost_index(void)
{
    static const char text[] = "{\"schemaVersion\":2,\"manifests\":[}";
    struct kist_error err = {.code = KIST_OK};
    struct kist_store *s;
    struct port_dir *dir;

    prepare_old();
    s = open_store(false);
    must(port_dir_open(&dir, ROOT, false, &err), &err, "the root");
    must(kist_store_write_file(s, dir, "index.json", text, strlen(text), &err), &err, "an index");
    port_dir_close(dir);
    kist_store_close(s);
}

static int run_rebuild(struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = kist_store_index_rebuild(s, err);
        kist_store_close(s);
    }
    return KIST_MIN(rc, 0);
}

/* What a push writes down. */
static int run_push(struct kist_error *err)
{
    struct kist_pushed pushed = {.diff_id = old_id, .form = "gzip-1", .size = 5, .repository = "host/app"};
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = kist_store_pushed_add(s, &pushed, err);
        kist_store_close(s);
    }
    return rc;
}

/* ---- reshaping ---- */

static const struct kist_layer_options small_gzip = {.compressor = KIST_LAYER_GZIP, .level = 1};

static int flatten(const char *text, const char *name, struct kist_error *err)
{
    KIST_AUTO(image_list) struct kist_image_list list = {.v = NULL};
    const struct kist_image *image;
    struct kist_reshaped result;
    struct kist_store *s;
    struct kist_digest id;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc < 0) {
        return rc;
    }
    if ((rc = kist_store_images(s, &list, err)) == 0 &&
        (rc = kist_image_list_find(&list, text, NULL, &image, err)) == 0) {
        rc = kist_store_image_flatten(s, image, name, &small_gzip, &id, &result, err);
    }
    kist_store_close(s);
    return rc;
}

static int run_flatten(struct kist_error *err)
{
    return flatten("app", "docker.io/library/flat:latest", err);
}

/* The image's own name goes to what is made of it. */
static int run_flatten_over(struct kist_error *err)
{
    return flatten("app", "docker.io/library/app:latest", err);
}

static int run_recompress(struct kist_error *err)
{
    struct kist_reshaped result;
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = kist_store_recompress(s, NULL, 0, &small_gzip, false, &result, err);
        kist_store_close(s);
    }
    return rc;
}

/* ---- containers ---- */

static int add_container(struct kist_store *s, const char *id, const char *name, bool ephemeral,
                         struct kist_error *err)
{
    struct kist_container_ref ref = {.image = old_id, .ephemeral = ephemeral};
    struct port_dir *dir;
    int rc;

    if (!kist_str_copy(ref.id, sizeof(ref.id), id) || !kist_str_copy(ref.name, sizeof(ref.name), name)) {
        return kist_error_set(err, KIST_E_FAIL, "a name is too long");
    }
    rc = kist_store_container_add(s, &ref, &dir, err);
    if (rc == 0) {
        port_dir_close(dir);
    }
    return rc;
}

static int run_container_add(struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = add_container(s, ID_B, "second", false, err);
        kist_store_close(s);
    }
    return rc;
}

static int run_container_fleeting(struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = add_container(s, ID_B, "second", true, err);
        kist_store_close(s);
    }
    return rc;
}

static int write_config(struct kist_store *s, const char *text, struct kist_error *err)
{
    struct port_dir *dir;
    int rc = kist_store_container_open(s, ID_A, &dir, err);

    if (rc == 0) {
        rc = kist_store_write_file(s, dir, "config.json", text, strlen(text), err);
        port_dir_close(dir);
    }
    return rc;
}

static int run_write(struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = write_config(s, "{\"ociVersion\":\"1.2.0\"}", err);
        kist_store_close(s);
    }
    return rc;
}

static int remove_container(const char *id, struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = kist_store_container_remove(s, id, err);
        kist_store_close(s);
    }
    return rc;
}

static int run_container_remove(struct kist_error *err)
{
    return remove_container(ID_A, err);
}

static int run_container_remove_fleeting(struct kist_error *err)
{
    return remove_container(ID_B, err);
}

/* A container with files in its writable directory. */
static void prepare_container(void)
{
    static const char *const rooms[] = {"upper", "work"};
    struct kist_error err = {.code = KIST_OK};
    struct kist_store *s = open_store(true);
    struct port_dir *dir, *room;
    struct port_file *f;

    put(s, &app_old);
    must(add_container(s, ID_A, "first", false, &err), &err, "a container");
    must(write_config(s, "{}", &err), &err, "its configuration");
    must(kist_store_container_open(s, ID_A, &dir, &err), &err, "a container");
    for (size_t i = 0; i < KIST_COUNT(rooms); i++) {
        must(port_dir_open_at(&room, dir, rooms[i], true, &err), &err, rooms[i]);
        must(port_file_create(&f, room, "file", false, &err), &err, "a file");
        must(port_file_append(f, "data", 4, &err), &err, "a file");
        must(port_file_close(f, &err), &err, "a file");
        port_dir_close(room);
    }
    port_dir_close(dir);
    kist_store_close(s);
}

static void prepare_containers(void)
{
    struct kist_error err = {.code = KIST_OK};
    struct kist_store *s;

    prepare_container();
    s = open_store(false);
    must(add_container(s, ID_B, "second", true, &err), &err, "a second container");
    kist_store_close(s);
}

/* ---- volumes ---- */

static int create_volume(const char *name, struct kist_error *err)
{
    char label[] = "kind=data";
    const struct kist_strv labels = {.v = (char *[]){label, NULL}, .n = 1};
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = kist_store_volume_create(s, name, &labels, err);
        kist_store_close(s);
    }
    return KIST_MIN(rc, 0);
}

static int run_volume_create(struct kist_error *err)
{
    return create_volume("data", err);
}

static int run_volume_remove(struct kist_error *err)
{
    struct kist_store *s;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = kist_store_volume_remove(s, "data", NULL, err);
        kist_store_close(s);
    }
    return rc;
}

static int run_container_with_volumes(struct kist_error *err)
{
    char data[] = "data", logs[] = "logs";
    const struct kist_strv volumes = {.v = (char *[]){data, logs, NULL}, .n = 2};
    struct kist_container_ref ref = {.id = ID_A, .name = "first", .image = old_id, .volumes = &volumes};
    struct kist_store *s;
    struct port_dir *dir;
    int rc = kist_store_open(&s, ROOT, false, err);

    if (rc == 0) {
        rc = kist_store_container_add(s, &ref, &dir, err);
        if (rc == 0) {
            port_dir_close(dir);
        }
        kist_store_close(s);
    }
    return rc;
}

static void prepare_volumes(void)
{
    struct kist_error err = {.code = KIST_OK};

    prepare_container();
    must(create_volume("data", &err), &err, "a volume");
    must(create_volume("other", &err), &err, "a volume");
}

static void prepare_used_volume(void)
{
    struct kist_error err = {.code = KIST_OK};

    prepare_old();
    must(run_container_with_volumes(&err), &err, "a container with volumes");
}

const struct command commands[] = {
    {.group = "store", .name = "create a store", .run = run_create, .makes_store = true},
    {.group = "store", .name = "open after a dead pull", .prepare = prepare_stale, .run = run_open},
    {.group = "pull", .name = "pull into no store", .run = run_pull_old, .makes_store = true},
    {.group = "pull", .name = "pull a new image", .prepare = prepare_empty, .run = run_pull_old, .resumes = true},
    {.group = "pull", .name = "pull again", .prepare = prepare_old, .run = run_pull_old},
    {.group = "update", .name = "pull an update", .prepare = prepare_old, .run = run_pull_new},
    {.group = "update", .name = "pull after a dead pull", .prepare = prepare_stale, .run = run_pull_new, .resumes = true},
    {.group = "update", .name = "pull a second tag", .prepare = prepare_old, .run = run_pull_tag},
    {.group = "update",
     .name = "pull that loses its connection",
     .prepare = prepare_old,
     .run = run_pull_broken,
     .result = KIST_E_NETWORK},
    {.group = "update", .name = "pull beside another", .prepare = prepare_old, .run = run_pull_beside},
    {.group = "update", .name = "tag", .prepare = prepare_old, .run = run_tag},
    {.group = "update", .name = "tag over another image", .prepare = prepare_old, .run = run_tag_over},
    {.group = "quota", .name = "pull that just fits", .prepare = prepare_old, .run = run_quota_fits, .quota = TIGHT},
    {.group = "quota",
     .name = "pull that does not fit",
     .prepare = prepare_old,
     .run = run_quota_full,
     .result = KIST_E_NO_SPACE,
     .quota = TIGHT},
    {.group = "quota",
     .name = "pull that makes room",
     .prepare = prepare_evicting,
     .run = run_quota_evicts,
     .evicts = true,
     .quota = TIGHT},
    {.group = "load", .name = "load", .prepare = prepare_archive, .run = run_load},
    {.group = "load", .name = "load, layers first", .prepare = prepare_archive_late, .run = run_load},
    {.group = "load",
     .name = "load of a cut archive",
     .prepare = prepare_archive,
     .run = run_load_cut,
     .result = KIST_E_CORRUPT},
    {.group = "load", .name = "import", .prepare = prepare_old, .run = run_import},
    {.group = "build", .name = "build", .prepare = prepare_old, .run = run_build},
    {.group = "build", .name = "build of stages, over another image", .prepare = prepare_old, .run = run_build_over},
    {.group = "build", .name = "build of what is in the cache", .prepare = prepare_built, .run = run_build},
    {.group = "build", .name = "commit of a container, over another image", .prepare = prepare_old, .run = run_commit},
    {.group = "build", .name = "builder prune", .prepare = prepare_built, .run = run_builder_prune},
    {.group = "reshape", .name = "push", .prepare = prepare_old, .run = run_push},
    {.group = "reshape", .name = "image flatten", .prepare = prepare_old, .run = run_flatten},
    {.group = "reshape", .name = "image flatten, in place", .prepare = prepare_old, .run = run_flatten_over},
    {.group = "reshape", .name = "image recompress", .prepare = prepare_old, .run = run_recompress},
    {.group = "remove",
     .name = "rmi of an image in use",
     .prepare = prepare_container,
     .run = run_remove,
     .result = KIST_E_CONFLICT},
    {.group = "remove",
     .name = "rmi --force of an image in use",
     .prepare = prepare_container,
     .run = run_remove_forced,
     .again = KIST_E_NOT_FOUND},
    {.group = "remove",
     .name = "rmi of one tag of two",
     .prepare = prepare_tagged,
     .run = run_untag,
     .again = KIST_E_NOT_FOUND},
    {.group = "remove",
     .name = "rmi of an image",
     .prepare = prepare_old,
     .run = run_remove,
     .again = KIST_E_NOT_FOUND},
    {.group = "remove",
     .name = "rmi --force of an ID",
     .prepare = prepare_tagged,
     .run = run_remove_id,
     .again = KIST_E_NOT_FOUND},
    {.group = "prune", .name = "prune of replaced images", .prepare = prepare_replaced, .run = run_prune},
    {.group = "prune", .name = "prune of all images", .prepare = prepare_pinned, .run = run_prune_all},
    {.group = "prune", .name = "pin", .prepare = prepare_tagged, .run = run_pin},
    {.group = "prune", .name = "unpin", .prepare = prepare_pinned, .run = run_unpin},
    {.group = "repair", .name = "replace a layer and a config", .prepare = prepare_old, .run = run_replace},
    {.group = "repair", .name = "make the index anew", .prepare = prepare_lost_index, .run = run_rebuild},
    {.group = "container",
     .name = "container add",
     .prepare = prepare_container,
     .run = run_container_add,
     .again = KIST_E_CONFLICT},
    {.group = "container",
     .name = "container add, ephemeral",
     .prepare = prepare_container,
     .run = run_container_fleeting,
     .again = KIST_E_CONFLICT,
     .fleeting = true},
    {.group = "container", .name = "container write", .prepare = prepare_container, .run = run_write},
    {.group = "container",
     .name = "container remove",
     .prepare = prepare_container,
     .run = run_container_remove,
     .again = KIST_E_NOT_FOUND},
    {.group = "container",
     .name = "container remove, ephemeral",
     .prepare = prepare_containers,
     .run = run_container_remove_fleeting,
     .again = KIST_E_NOT_FOUND,
     .fleeting = true},
    {.group = "volume", .name = "volume create", .prepare = prepare_container, .run = run_volume_create},
    {.group = "volume",
     .name = "volume remove",
     .prepare = prepare_volumes,
     .run = run_volume_remove,
     .again = KIST_E_NOT_FOUND},
    {.group = "volume",
     .name = "volume remove of one in use",
     .prepare = prepare_used_volume,
     .run = run_volume_remove,
     .result = KIST_E_CONFLICT},
    {.group = "volume",
     .name = "container add with volumes",
     .prepare = prepare_old,
     .run = run_container_with_volumes,
     .again = KIST_E_CONFLICT,
     .makes_volumes = true},
};
const size_t command_count = KIST_COUNT(commands);
