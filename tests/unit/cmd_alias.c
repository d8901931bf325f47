#include "cmd/alias.h"

#include <string.h>

#include "test.h"

TEST(short_names)
{
    static char base[] = "base=r.lan:5000/images/base", lan[] = "lan/=r.lan/", hub[] = "hub/x=docker.io/y";
    static char *entries[] = {base, lan, hub, NULL};
    static const struct kist_strv list = {entries, 3};
    static const struct {
        const char *text, *result;
    } rows[] = {
        {"base", "r.lan:5000/images/base"},
        {"base:1", "r.lan:5000/images/base:1"},
        {"base@sha256:00", "r.lan:5000/images/base@sha256:00"},
        {"base:1@sha256:00", "r.lan:5000/images/base:1@sha256:00"},
        {"basement", NULL},
        {"base/x", NULL},
        {"lan/a/b:2", "r.lan/a/b:2"},
        {"lan/", NULL},
        {"lan", NULL},
        {"lan:1/a", NULL},
        {"hub/x:3", "docker.io/y:3"},
        {"", NULL},
        {":1", NULL},
    };
    char text[256];
    struct kist_error err;

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        bool found = kist_alias_expand(&list, rows[i].text, text, sizeof(text));

        TEST_CASE(rows[i].text);
        CHECK_STR(found ? text : "-", rows[i].result ? rows[i].result : "-");
        TEST_CASE(NULL);
    }
    for (size_t i = 0; i < list.n; i++) {
        CHECK_OK(kist_alias_check(list.v[i], &err), err);
    }
    CHECK(!kist_alias_expand(&list, "base", text, 10));
}

TEST(mistakes)
{
    static const char *const bad[] = {"", "base", "=x", "base=", "base=UPPER", "a/=b", "a=b/", "a:1=b", "a@b=c", "a=b c"};
    struct kist_error err;

    for (size_t i = 0; i < KIST_COUNT(bad); i++) {
        TEST_CASE(bad[i]);
        CHECK_INT(kist_alias_check(bad[i], &err), KIST_E_USAGE);
        CHECK(strstr(err.message, "registry.alias") != NULL);
        TEST_CASE(NULL);
    }
}
