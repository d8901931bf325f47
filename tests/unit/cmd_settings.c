#include "cmd/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static const char *no_variable(const char *name)
{
    (void)name;
    return NULL;
}

static int parse(struct kist_settings *s, const char *text, struct kist_error *err)
{
    kist_settings_init(s);
    return kist_settings_parse(s, text, "t.conf", err);
}

TEST(values_of_every_type)
{
    struct kist_settings s;
    struct kist_error err;

    CHECK_OK(parse(&s, "# comment\n\n root = /data \njobs=3\nmem = 8MiB\nregistry.stall-timeout = 1m30s\n"
                       "registry.insecure = a:1, b:2\nregistry.insecure = c\n", &err), err);
    CHECK_STR(s.root, "/data");
    CHECK_INT(s.jobs, 3);
    CHECK_INT(s.mem, 8 << 20);
    CHECK_INT(s.stall_ms, 90000);
    CHECK_INT(s.insecure.n, 3);
    CHECK_STR(s.insecure.v[1], "b:2");
    CHECK_OK(kist_settings_check(&s, &err), err);
    kist_settings_release(&s);
}

TEST(mistakes_are_named_with_their_line)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"root = /x\nrot = /y\n", "t.conf:2: unknown key 'rot' (did you mean 'root'?)"},
        {"registry.insecur = a\n", "t.conf:1: unknown key 'registry.insecur' (did you mean 'registry.insecure'?)"},
        {"colour = blue\n", "t.conf:1: unknown key 'colour'"},
        {"jobs = many\n", "t.conf:1: 'many' is not a whole number"},
        {"mem = 5 apples\n", "t.conf:1: '5 apples' is not a size such as 64MiB"},
        {"registry.backoff = soon\n", "t.conf:1: 'soon' is not a time such as 30s"},
        {"\n\njobs\n", "t.conf:3: expected 'key = value', found 'jobs'"},
        {"help = true\n", "t.conf:1: unknown key 'help'"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_settings s;
        struct kist_error err;

        CHECK_INT(parse(&s, rows[i].text, &err), KIST_E_USAGE);
        CHECK_STR(err.message, rows[i].message);
        kist_settings_release(&s);
    }
}

TEST(values_out_of_bounds)
{
    static const char *const rows[] = {
        "root = here\n", "jobs = 0\n", "jobs = 17\n", "layer.compression = xz\n", "layer.level = 4\n",
        "layer.compression = gzip\nlayer.level = 10\n", "registry.tries = 0\n", "mem = 1000\n", "layer.workers = 99\n",
        "registry.connect-timeout = 0\n", "registry.stall-timeout = 25h\n", "registry.backoff = 1000000000h\n",
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_settings s;
        struct kist_error err;

        CHECK_OK(parse(&s, rows[i], &err), err);
        CHECK_INT(kist_settings_check(&s, &err), KIST_E_USAGE);
        kist_settings_release(&s);
    }
}

static const char *some_variables(const char *name)
{
    if (strcmp(name, "KIST_ROOT") == 0) {
        return "/from/environment";
    }
    return strcmp(name, "KIST_REGISTRY_STALL_TIMEOUT") == 0 ? "7s" : NULL;
}

TEST(the_environment_counts_more_than_the_file)
{
    struct kist_settings s;
    struct kist_error err;

    CHECK_OK(parse(&s, "root = /from/file\njobs = 4\n", &err), err);
    CHECK_OK(kist_settings_environment(&s, some_variables, &err), err);
    CHECK_STR(s.root, "/from/environment");
    CHECK_INT(s.stall_ms, 7000);
    CHECK_INT(s.jobs, 4);
    CHECK_OK(kist_settings_environment(&s, no_variable, &err), err);
    kist_settings_release(&s);
}

/* The example that ships must know every key, and no other: "#key = value" lines. */
TEST(the_example_documents_every_key)
{
    char line[512], key[64];
    bool found[64] = {false};
    FILE *f = fopen(KIST_TEST_DATA "/../../boards/host/kist.conf", "re");

    CHECK(f != NULL);
    while (f && fgets(line, sizeof(line), f)) {
        char *equals = strstr(line, " = ");
        bool known = false;

        if (line[0] != '#' || line[1] == ' ' || !equals) {
            continue;
        }
        *equals = '\0';
        CHECK(kist_str_copy(key, sizeof(key), line + 1));
        for (size_t i = 0; i < kist_settings_count; i++) {
            if (kist_settings_table[i].key && strcmp(kist_settings_table[i].key, key) == 0) {
                known = found[i] = true;
            }
        }
        if (!known) {
            CHECK_STR(key, "a key of the table");
        }
    }
    for (size_t i = 0; i < kist_settings_count; i++) {
        if (kist_settings_table[i].key && !found[i]) {
            CHECK_STR(kist_settings_table[i].key, "a key of the example");
        }
    }
    if (f) {
        (void)fclose(f);
    }
}
