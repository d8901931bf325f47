#include "container/export_tree.h"

#include "base/buf.h"
#include "test.h"

/* "name:source" of all there is, a directory with a slash. */
static void tell(const struct kist_export_node *node, struct kist_buf *out)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct kist_export_node *child = node->children[i];

        CHECK(kist_buf_printf(out, NULL, "%s%s:%u ", child->name, child->directory ? "/" : "", child->source) == 0);
        if (child->directory) {
            CHECK(kist_buf_puts(out, "( ", NULL) == 0);
            tell(child, out);
            CHECK(kist_buf_puts(out, ") ", NULL) == 0);
        }
    }
}

/* Steps: "<source><kind><path>", kinds: f file, d directory, o opaque directory, i implied directory, w whiteout. */
static const struct {
    const char *steps[10], *want;
} rows[] = {
    {{"0fb", "0fa", "0fab", "0fA"}, "A:0 a:0 ab:0 b:0 "},
    {{"0da", "0fa/x", "1ia", "1fa/y"}, "a/:0 ( x:0 y:1 ) "},
    {{"0da", "0fa/x", "1da"}, "a/:1 ( x:0 ) "},
    {{"0da", "0fa/x", "1oa", "1fa/y"}, "a/:1 ( y:1 ) "},
    {{"0da", "0fa/x", "1fa"}, "a:1 "},
    {{"0fa", "1da", "1fa/y"}, "a/:1 ( y:1 ) "},
    {{"0da", "0fa/x", "0fa/y", "1wa/x", "2wb", "2wa/none/deep"}, "a/:0 ( y:0 ) "},
    {{"0da", "0da/b", "0fa/b/c", "1wa"}, ""},
    {{"0da", "1wa", "2da", "2fa/x"}, "a/:2 ( x:2 ) "},
    {{"0fa", "1o", "1fb"}, "b:1 "},
    {{"1ia", "1fa/x"}, "a/:1 ( x:1 ) "},
};

TEST(sources_are_laid_over_one_another)
{
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(4096);
        struct kist_export_node *root = kist_export_root();
        struct kist_error err = {0};

        TEST_CASE(rows[i].steps[0]);
        REQUIRE(root != NULL);
        for (size_t k = 0; k < 10 && rows[i].steps[k]; k++) {
            const char *step = rows[i].steps[k];

            if (step[1] == 'w') {
                kist_export_hide(root, step + 2);
            } else {
                CHECK_OK(kist_export_put(root, step + 2, (unsigned)(step[0] - '0'), step[1] != 'f', step[1] == 'o',
                                         step[1] == 'i', &err),
                         err);
            }
        }
        tell(root, &out);
        CHECK_STR(kist_buf_text(&out), rows[i].want);
        kist_export_free(root);
    }
}

TEST(what_is_in_no_directory_is_refused)
{
    struct kist_export_node *root = kist_export_root();
    struct kist_error err = {0};

    REQUIRE(root != NULL);
    CHECK_INT(kist_export_put(root, "a/b", 0, false, false, false, &err), KIST_E_CORRUPT);
    CHECK_OK(kist_export_put(root, "a", 0, false, false, false, &err), err);
    CHECK_INT(kist_export_put(root, "a/b", 0, false, false, false, &err), KIST_E_CORRUPT);
    CHECK_STR(err.message, "'a/b' is in no directory");
    kist_export_free(root);
}

TEST(many_names)
{
    struct kist_export_node *root = kist_export_root();
    struct kist_error err = {0};
    char name[16];

    REQUIRE(root != NULL);
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "%u", i * 7919 % 5000);
        CHECK_OK(kist_export_put(root, name, i % 3, false, false, false, &err), err);
    }
    CHECK_INT(root->count, 5000);
    for (size_t i = 1; i < root->count; i++)
        CHECK(strcmp(root->children[i - 1]->name, root->children[i]->name) < 0);
    kist_export_free(root);
}
