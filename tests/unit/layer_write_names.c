/* What a tar says about names, and what the layer then holds. */
#include "layer_write_fixture.h"

static const struct {
    const char *label;
    const char *members[MEMBERS_MAX];
    const char *want;
} good[] = {
    {"nothing", {NULL}, "d~ ."},
    {"every kind",
     {"d ./ 700", "f ./f text", "l s f", "h g ./f", "c n 1,3", "b z 259,70000", "p q"},
     "d . 700; f f*=text; f g*=text; c n 1,3; p q; l s > f; b z 259,70000"},
    {"names are sorted by their bytes",
     {"f b 1", "f B 2", "f a.b 3", "f a/x 4", "f a-b 5", "f \xc3\xa4 6", "f ab 7"},
     "d~ .; f B=2; d~ a; f a/x=4; f a-b=5; f a.b=3; f ab=7; f b=1; f \xc3\xa4=6"},
    {"absolute and untidy names",
     {"f /etc//./passwd x", "f a/../b y"},
     "d~ .; f b=y; d~ etc; f etc/passwd=x"},
    {"implied until named", {"f a/b/c x", "d a 711"}, "d~ .; d a 711; d~ a/b; f a/b/c=x"},
    {"the later of two files", {"f a one", "f a two"}, "d~ .; f a=two"},
    {"a directory twice", {"d a 700", "f a/b x", "d a 711"}, "d~ .; d a 711; f a/b=x"},
    {"a file where a directory was", {"d a", "f a/b/c x", "f a y", "f z 1"}, "d~ .; f a=y; f z=1"},
    {"a directory where a file was", {"f a x", "d a 700", "f a/b y"}, "d~ .; d a 700; f a/b=y"},
    {"there and back", {"f a/b x", "f a y", "d a", "f a/c z"}, "d~ .; d a; f a/c=z"},
    {"links keep what the name held",
     {"f a one", "h b a", "f a two", "h c b"},
     "d~ .; f a=two; f b*=one; f c*=one"},
    {"a link to itself", {"f a one", "h a a"}, "d~ .; f a=one"},
    {"a symlink on the way",
     {"l lib usr/lib", "f lib/x 1", "h y lib/x"},
     "d~ .; l lib > usr/lib; d~ usr; d~ usr/lib; f usr/lib/x*=1; f y*=1"},
    {"a symlink that climbs",
     {"l a/b ../../../../etc", "f a/b/x 1"},
     "d~ .; d~ a; l a/b > ../../../../etc; d~ etc; f etc/x=1"},
    {"an absolute symlink",
     {"l a /b/./c", "l b d", "f a/x 1"},
     "d~ .; l a > /b/./c; l b > d; d~ d; d~ d/c; f d/c/x=1"},
    {"a symlink is replaced, not followed", {"l a b", "f a x", "l c d", "d c"}, "d~ .; f a=x; d c"},

    {"a whiteout", {"f a/.wh.b ", "f .wh.c "}, "d~ .; d~ a; w a/b; w c"},
    {"a whiteout and its name", {"f .wh.a ", "f a x", "f b y", "f .wh.b "}, "d~ .; f a=x; f b=y"},
    {"a whiteout and its directory",
     {"f .wh.a ", "d a 700", "d b 700", "f .wh.b "},
     "d~ .; d! a 700; d! b 700"},
    {"a whiteout and an implied directory",
     {"f .wh.a ", "f a/x 1", "f b/x 2", "f .wh.b "},
     "d~ .; d! a; f a/x=1; d! b; f b/x=2"},
    {"a whiteout is remembered", {"f .wh.a ", "d a", "f a x", "d a 711"}, "d~ .; d! a 711"},
    {"whiteouts below a file, as umoci writes them",
     {"f a x", "f a/.wh.b ", "f a/.wh..wh..opq ", "f c/.wh.d ", "f c y"},
     "d~ .; f a=x; f c=y"},
    {"opaque",
     {"d a", "f a/.wh..wh..opq ", "f b/.wh..wh..opq ", "f b/x 1", "d a 700"},
     "d~ .; d! a 700; d~! b; f b/x=1"},
    {"the root is opaque", {"f .wh..wh..opq "}, "d~! ."},
    {"what only aufs knows",
     {"d .wh..wh.plnk", "f .wh..wh.plnk/1.2 data", "f .wh..wh.aufs x", "f a 1"},
     "d~ .; f a=1"},

    {"foreign devices", {"c a 0,0", "f b x", "c b 0,0", "h c a", "b d 0,0"}, "d~ .; b d 0,0"},
    {"a foreign device and a whiteout", {"c a 0,0", "f .wh.a "}, "d~ .; w a"},
    {"xattrs",
     {"@ user.a=1", "f f x", "@ user.a=1", "l s f", "@ security.capability=cap", "f g y", "@ user.a=1",
      "p q"},
     "d~ .; f f=x @user.a=1; f g=y @security.capability=cap; p q @user.a=1; l s > f @user.a=1"},
    {"xattrs that are not kept",
     {"@ trusted.overlay.opaque=y", "d a", "@ user.overlay.whiteout=y", "f b 1",
      "@ system.posix_acl_access=x", "f c 2", "@ trusted.overlays=y", "f d 3"},
     "d~ .; d a; f b=1; f c=2; f d=3 @trusted.overlays=y"},
    {"xattrs of an opaque directory", {"@ user.a=1", "d a", "f a/.wh..wh..opq "}, "d~ .; d! a @user.a=1"},
};

TEST(names_become_entries)
{
    static const struct kist_layer_options options[] = {{.compressor = KIST_LAYER_ZSTD},
                                                        {.compressor = KIST_LAYER_GZIP, .workers = 1}};
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(TEXT_MAX);
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (size_t i = 0; i < 2 * KIST_COUNT(good); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

        TEST_CASE(good[i / 2].label);
        fixture_tar(&tar, good[i / 2].members);
        CHECK_OK(fixture_write(&f, &tar, i % 2 ? 1 : SIZE_MAX / 4, &options[i % 2]), f.err);
        if (!f.layer)
            continue;
        fixture_tell(&f, &text);
        CHECK_STR(kist_buf_text(&text), good[i / 2].want);
        fixture_check(&f, &tar);
    }
    fixture_release(&f);
}

static const struct {
    const char *label;
    const char *members[MEMBERS_MAX];
    const char *message;
} bad[] = {
    {"climbs", {"f ../x 1"}, "'../x' leads out of the layer"},
    {"climbs in the middle", {"f a/../../x 1"}, "'a/../../x' leads out of the layer"},
    {"a link that climbs",
     {"h a ../../etc/shadow"},
     "hard link 'a': '../../etc/shadow' leads out of the layer"},
    {"a link to nothing here",
     {"h a etc/shadow"},
     "'a' is a hard link to 'etc/shadow', which is not in this layer"},
    {"a link to a whiteout", {"f .wh.b ", "h a b"}, "'a' is a hard link to 'b', which is not in this layer"},
    {"a link to the root", {"d ./", "h a ./"}, "'a' is a hard link to './', which is not in this layer"},
    {"a link to a directory", {"d b", "h a b"}, "'a' is a hard link to a directory"},
    {"through a file", {"f a 1", "f a/b 2"}, "'a/b' leads through a file that is not a directory"},
    {"through a loop", {"l a b", "l b a", "f a/x 1"}, "'a/x' leads through too many symlinks"},
    {"through itself", {"l a a/a/a", "f a/x 1"}, "'a/x' leads through too many symlinks"},
    {"instead of the root", {"f ./ 1"}, "'./' would replace the layer's root"},
    {"a whiteout of nothing", {"f .wh. "}, "'.wh.' is a whiteout of no name"},
    {"a whiteout of here", {"f a/.wh.. "}, "'.wh..' is a whiteout of no name"},
    {"a whiteout of there", {"f .wh... "}, "'.wh...' is a whiteout of no name"},
    {"inside a whiteout", {"f .wh.a/b "}, "'.wh.a/b' lies in what is named as a whiteout"},
    {"a device that cannot be", {"c a 4096,1"}, "'a' is a device with a number that Linux does not have"},
};

TEST(bad_names_are_refused)
{
    static const struct kist_layer_options options = {.workers = 1};
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (size_t i = 0; i < KIST_COUNT(bad); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;

        TEST_CASE(bad[i].label);
        fixture_tar(&tar, bad[i].members);
        CHECK_INT(fixture_write(&f, &tar, 512, &options), KIST_E_CORRUPT);
        CHECK_STR(f.err.message, bad[i].message);
    }
    fixture_release(&f);
}

/* A name by pax header, since ustar's are short. */
static void add_long(struct kist_buf *tar, const char *key, const char *value, char type)
{
    KIST_AUTO(buf) struct kist_buf record = MAKER_INIT;

    maker_record(&record, key, value, strlen(value));
    maker_body(tar, 'x', "pax", record.data, record.len);
    maker_header(tar, type, "name", 0);
}

TEST(long_names)
{
    static const struct kist_layer_options options = {0};
    static const struct {
        size_t len; /* of one component, or target */
        char type;
        const char *key;
        bool fits;
    } rows[] = {
        {255, '0', "path", true},      {256, '0', "path", false},      {5000, '0', "path", false},
        {4095, '2', "linkpath", true}, {4096, '2', "linkpath", false},
    };
    struct fixture f;

    REQUIRE(fixture_init(&f));
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
        char value[5001];

        memset(value, 'n', rows[i].len);
        value[rows[i].len] = '\0';
        add_long(&tar, rows[i].key, value, rows[i].type);
        CHECK_INT(fixture_write(&f, &tar, 4096, &options), rows[i].fits ? 0 : KIST_E_CORRUPT);
        if (f.layer)
            fixture_check(&f, &tar);
    }
    fixture_release(&f);
}
