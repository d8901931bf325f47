/* A container's writable directory against layers below it. */
#include "container/changes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "codec/collect.h"
#include "layer_write_fixture.h"

static const struct kist_layer_options plain = {.compressor = KIST_LAYER_ZSTD};

/* A container's directory on top of one layer. */
struct world {
    struct fixture layer;
    char base[64];
    struct kist_layer *v[1];
    struct kist_layers layers;
    struct kist_changes changes;
    struct kist_error err;
};

static void world_init(struct world *w, const char *const members[MEMBERS_MAX])
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    char path[128];

    memset(w, 0, sizeof(*w));
    if (!fixture_init(&w->layer) || !kist_str_copy(w->base, sizeof(w->base), "/tmp/kist-unit-XXXXXX") || !mkdtemp(w->base))
        abort();
    fixture_tar(&tar, members);
    CHECK_OK(fixture_write(&w->layer, &tar, tar.len, &plain), w->layer.err);
    w->v[0] = w->layer.layer;
    w->layers = (struct kist_layers){w->v, 1};
    if (!kist_str_format(path, sizeof(path), "%s/rw", w->base) || mkdir(path, 0755) < 0 ||
        !kist_str_format(path, sizeof(path), "%s/rw/upper", w->base) || mkdir(path, 0755) < 0)
        abort();
    CHECK_OK(port_dir_open(&w->changes.dir, w->base, false, &w->err), w->err);
    w->changes.layers = &w->layers;
    w->changes.epoch = 1000000000; /* those of directories change with what is put in */
}

static void world_release(struct world *w)
{
    struct port_dir *tmp;

    port_dir_close(w->changes.dir);
    if (port_dir_open(&tmp, "/tmp", false, &w->err) == 0) {
        CHECK_OK(port_dir_remove_tree(tmp, w->base + strlen("/tmp/"), &w->err), w->err);
        port_dir_close(tmp);
    }
    fixture_release(&w->layer);
}

static const char *place(const struct world *w, const char *name)
{
    static char path[256];

    if (!kist_str_format(path, sizeof(path), "%s/rw/upper/%s", w->base, name))
        abort();
    return path;
}

/* "f path text", "d path mode", "o path mode" (opaque), "w path" (whiteout), "l path target", "s path mtime": what a container left. */
static bool put(const struct world *w, const char *text)
{
    char name[128] = "", arg[128] = "";
    struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    const char *path;
    FILE *f;
    int rc = 0;

    if (sscanf(text, "%*c %127s %127[^\n]", name, arg) < 1)
        abort();
    path = place(w, name);
    switch (text[0]) {
    case 'f':
        f = fopen(path, "w");
        if (!f || fputs(arg, f) < 0 || fclose(f) != 0 || chmod(path, 0644) < 0)
            abort();
        break;
    case 'o':
    case 'd':
        rc = mkdir(path, 0755) < 0 ? -1 : chmod(path, (mode_t)strtoul(arg[0] ? arg : "755", NULL, 8));
        rc = rc == 0 && text[0] == 'o' ? setxattr(path, "trusted.overlay.opaque", "y", 1, 0) : rc;
        break;
    case 'w':
        rc = mknod(path, S_IFCHR, makedev(0, 0));
        break;
    case 'l':
        rc = symlink(arg, path);
        break;
    default:
        times[1].tv_sec = strtol(arg, NULL, 10);
    }
    return rc == 0 && lchown(path, 1000, 100) == 0 && utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0; /* as in tar_maker.h */
}

static bool put_all(const struct world *w, const char *const *steps)
{
    for (; *steps; steps++) {
        if (!put(w, *steps))
            return false;
    }
    return true;
}

static int add_line(void *arg, enum kist_change kind, const char *path, struct kist_error *err)
{
    return kist_buf_printf(arg, err, "%c%s ", (char)kind, path);
}

/* ---- the tar, as words ---- */

static int tell_member(void *arg, const struct kist_tar_entry *e, struct kist_error *err)
{
    static const char kinds[] = {[KIST_TAR_FILE] = 'f', [KIST_TAR_HARDLINK] = 'h', [KIST_TAR_SYMLINK] = 'l', [KIST_TAR_CHAR] = 'c',
                                 [KIST_TAR_BLOCK] = 'b', [KIST_TAR_DIRECTORY] = 'd', [KIST_TAR_FIFO] = 'p'};

    return kist_buf_printf(arg, err, "%c %s %o %lld%s%s|", kinds[e->type], e->name, (unsigned)e->mode, (long long)e->mtime,
                           e->link_name ? " " : "", e->link_name ? e->link_name : "");
}

static int ignore(void *arg, const void *data, size_t len, struct kist_error *err)
{
    (void)arg;
    (void)data;
    (void)len;
    (void)err;
    return 0;
}

static int nothing(void *arg, struct kist_error *err)
{
    (void)arg;
    (void)err;
    return 0;
}

static void tell_tar(struct kist_buf *out, const struct kist_buf *tar)
{
    static const struct kist_tar_handler handler = {ignore, tell_member, ignore, nothing, nothing};
    struct kist_error err = {0};
    struct kist_tar *t;

    CHECK_OK(kist_tar_new(&t, &handler, out, &err), err);
    CHECK_OK(kist_sink_write(kist_tar_sink(t), tar->data, tar->len, &err), err);
    CHECK_OK(kist_sink_finish(kist_tar_sink(t), &err), err);
    kist_tar_free(t);
}

static void check_changes(struct world *w, const char *list, const char *members)
{
    KIST_AUTO(buf) struct kist_buf lines = KIST_BUF_INIT(1U << 16), tar = KIST_BUF_INIT(1U << 20), told = KIST_BUF_INIT(1U << 16);
    struct kist_collect collect;
    bool any;

    CHECK_OK(kist_changes_list(&w->changes, add_line, &lines, &w->err), w->err);
    CHECK_STR(kist_buf_text(&lines), list);
    kist_collect_init(&collect, &tar);
    CHECK_OK(kist_changes_tar(&w->changes, &collect.sink, &any, &w->err), w->err);
    CHECK_INT(any, members[0] != '\0');
    tell_tar(&told, &tar);
    CHECK_STR(kist_buf_text(&told), members);
}

/* ---- tests ---- */

#define STEPS_MAX 12
#define T " 1000000000|"

/* What the layer has: tar_maker's files are root's, 0644, of the time given by a step "s". */
static const char *const base[MEMBERS_MAX] = {"d etc", "f etc/passwd root", "d var", "d var/lib", "f var/lib/one 1", "f var/lib/two 2",
                                              "l link etc"};

static const struct {
    const char *steps[STEPS_MAX], *list, *members;
} rows[] = {
    {{NULL}, "", ""},
    {{"f new text"}, "A/new ", "f new 644" T},
    {{"d etc", "f etc/passwd changed"}, "C/etc C/etc/passwd ", "d etc/ 755" T "f etc/passwd 644" T},
    /* only looked at, or written to and taken back: its time alone is another */
    {{"d etc"}, "", ""},
    {{"d var", "d var/lib"}, "", ""},
    {{"d etc 700"}, "C/etc ", "d etc/ 700" T},
    {{"d var", "d var/lib", "f var/lib/three 3"}, "C/var C/var/lib A/var/lib/three ", "d var/ 755" T "d var/lib/ 755" T "f var/lib/three 644" T},
    {{"d var", "w var/lib"}, "C/var D/var/lib ", "d var/ 755" T "f var/.wh.lib 600 0|"},
    {{"w link", "w never"}, "D/link ", "f .wh.link 600 0|"},
    {{"l link var"}, "C/link ", "l link 777 1000000000 var|"},
    /* a directory in the place of one that was removed */
    {{"d var", "o var/lib", "f var/lib/two new"}, "C/var C/var/lib D/var/lib/one C/var/lib/two ",
     "d var/ 755" T "d var/lib/ 755" T "f var/lib/.wh..wh..opq 600 0|f var/lib/two 644" T},
    /* the kernel marks every new directory so */
    {{"o new", "f new/a 1", "f new/B 2"}, "A/new A/new/B A/new/a ", "d new/ 755" T "f new/B 644" T "f new/a 644" T},
    {{"o etc"}, "C/etc D/etc/passwd ", "d etc/ 755" T "f etc/.wh..wh..opq 600 0|"},
};

TEST(changes_are_told)
{
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct world w;

        TEST_CASE(rows[i].steps[0]);
        world_init(&w, base);
        if (!put_all(&w, rows[i].steps)) {
            world_release(&w);
            TEST_SKIP("whiteouts and trusted xattrs cannot be made, or files be given away, here");
        }
        check_changes(&w, rows[i].list, rows[i].members);
        world_release(&w);
    }
}

TEST(places_of_mounts_are_no_changes)
{
    static const char config[] = "{\"mounts\":[{\"destination\":\"/proc\"},{\"destination\":\"/etc/hosts\"},"
                                 "{\"destination\":\"/run/secrets/key\"},{\"destination\":\"/etc/passwd\"},"
                                 "{\"destination\":\"/link/inside/../deep/key\"}]}";
    static const char *const steps[] = {"d proc", "d etc", "f etc/hosts", "d run", "d run/secrets", "f run/secrets/key", "d etc/deep", "f etc/deep/key", NULL};
    static const char *const more[] = {"f run/mine text", "f etc/hostname", NULL};
    KIST_AUTO(json) cJSON *parsed = cJSON_Parse(config);
    struct world w;

    world_init(&w, base);
    w.changes.config = parsed;
    if (!put_all(&w, steps)) {
        world_release(&w);
        TEST_SKIP("files cannot be given away here");
    }
    check_changes(&w, "", "");
    CHECK(put_all(&w, more));
    check_changes(&w, "C/etc A/etc/hostname A/run A/run/mine ", "d etc/ 755" T "f etc/hostname 644" T "d run/ 755" T "f run/mine 644" T);
    /* what was written to at such a place is no mere place */
    CHECK(put(&w, "f etc/hosts text"));
    check_changes(&w, "C/etc A/etc/hostname A/etc/hosts A/run A/run/mine ",
                  "d etc/ 755" T "f etc/hostname 644" T "f etc/hosts 644" T "d run/ 755" T "f run/mine 644" T);
    world_release(&w);
}

TEST(times_are_held_back)
{
    static const char *const steps[] = {"f old", "s old 5", "f new", NULL};
    struct world w;

    world_init(&w, base);
    if (!put_all(&w, steps)) {
        world_release(&w);
        TEST_SKIP("files cannot be given away here");
    }
    w.changes.epoch = 100;
    check_changes(&w, "A/new A/old ", "f new 644 100|f old 644 5|");
    world_release(&w);
}

TEST(links_and_hidden_names)
{
    KIST_AUTO(buf) struct kist_buf tar = KIST_BUF_INIT(1U << 16);
    struct kist_collect collect;
    char first[256], second[256];
    struct world w;
    bool any;

    world_init(&w, base);
    if (!put(&w, "f b text")) {
        world_release(&w);
        TEST_SKIP("files cannot be given away here");
    }
    CHECK(kist_str_copy(first, sizeof(first), place(&w, "b")) && kist_str_copy(second, sizeof(second), place(&w, "a")));
    CHECK(link(first, second) == 0);
    check_changes(&w, "A/a A/b ", "f a 644" T "h b 644 1000000000 a|");
    /* a name that a layer cannot hold */
    CHECK(put(&w, "f .wh.etc"));
    kist_collect_init(&collect, &tar);
    CHECK_INT(kist_changes_tar(&w.changes, &collect.sink, &any, &w.err), KIST_E_UNSUPPORTED);
    CHECK_STR(w.err.message, "'/.wh.etc' cannot be kept: in a layer such a name is what is deleted");
    world_release(&w);
}

TEST(a_container_that_never_ran_changed_nothing)
{
    struct world w;
    char path[128];

    world_init(&w, base);
    CHECK(kist_str_format(path, sizeof(path), "%s/rw/upper", w.base) && rmdir(path) == 0);
    check_changes(&w, "", "");
    world_release(&w);
}
