/* User namespaces: flags -> config.json -> the sandbox's maps. */
#include "container/generate.h"
#include "container/spec.h"
#include "container/capability.h"
#include "test.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int read_file(void *arg, const char *path, struct kist_buf *out, struct kist_error *err)
{
    (void)arg;
    return strcmp(path, "/etc/passwd") == 0 ? kist_buf_puts(out, "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/:/bin/sh\n", err) : 0;
}

/* One map each of flags or configuration, "" none; spec and config are the caller's to release. */
static int made(struct kist_spec *spec, cJSON **config, const char *mode, const char *users, const char *groups, const char *both,
                const char *user, struct kist_error *err)
{
    const struct kist_spec_context context = {.id = ID, .host_name = "h", .kernel = "6.1.0", .capabilities = KIST_CAPABILITY_ALL, .read_file = read_file};
    struct kist_config image = {.user = NULL};
    struct kist_run_options options = {.userns = mode, .user = user, .entrypoint = "true"};
    const struct {
        struct kist_strv *list;
        const char *text;
    } lists[] = {{&options.uid_maps, users}, {&options.gid_maps, groups}, {&options.userns_map, both}};
    int rc;

    for (size_t i = 0; i < KIST_COUNT(lists); i++) {
        CHECK_OK(lists[i].text[0] != '\0' ? kist_strv_add(lists[i].list, lists[i].text, err) : 0, *err);
    }
    *spec = (struct kist_spec){.stop_signal = 0};
    rc = kist_spec_generate(config, &image, &options, &context, err);
    rc = rc < 0 ? rc : kist_spec_parse(spec, *config, err);
    kist_strv_release(&options.userns_map);
    kist_run_options_release(&options);
    return rc;
}

static void check_range(const struct port_id_map *map, uint32_t inside, uint32_t outside, uint32_t size)
{
    REQUIRE(map->n == 1);
    CHECK_INT(map->v[0].inside, inside);
    CHECK_INT(map->v[0].outside, outside);
    CHECK_INT(map->v[0].size, size);
}

TEST(maps_by_flags_and_configuration)
{
    static const struct {
        const char *mode, *users, *groups, *both;
        uint32_t user[3], group[3];
    } rows[] = {
        {"private", "", "", "", {0, 100000, 65536}, {0, 100000, 65536}},
        {"private", "", "", "0:7:8", {0, 7, 8}, {0, 7, 8}},
        {"private", "0:1:2", "0:3:4", "0:7:8", {0, 1, 2}, {0, 3, 4}},
        {NULL, "0:1:2", "", "0:7:8", {0, 1, 2}, {0, 1, 2}},
        {"", "", "0:3:4", "", {0, 3, 4}, {0, 3, 4}},
        {NULL, "0:9", "", "", {0, 9, 1}, {0, 9, 1}},
        {"private", "0:1:4294967294", "", "", {0, 1, UINT32_MAX - 1}, {0, 1, UINT32_MAX - 1}},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(json) cJSON *config = NULL;
        KIST_AUTO(spec) struct kist_spec spec;
        struct kist_error err = {0};

        TEST_CASE(rows[i].users);
        REQUIRE_OK(made(&spec, &config, rows[i].mode, rows[i].users, rows[i].groups, rows[i].both, "0", &err), err);
        CHECK((spec.sandbox.own & PORT_OWN_USERS) != 0);
        check_range(&spec.sandbox.command.ids.users, rows[i].user[0], rows[i].user[1], rows[i].user[2]);
        check_range(&spec.sandbox.command.ids.groups, rows[i].group[0], rows[i].group[1], rows[i].group[2]);
    }
    TEST_CASE(NULL);
}

TEST(without_a_map_numbers_are_what_they_are)
{
    KIST_AUTO(json) cJSON *config = NULL;
    KIST_AUTO(spec) struct kist_spec spec;
    struct kist_error err = {0};
    uint32_t id = 0;

    REQUIRE_OK(made(&spec, &config, "host", "", "", "0:7:8", "app", &err), err);
    CHECK_INT(spec.sandbox.own & PORT_OWN_USERS, 0);
    CHECK(port_id_outside(&spec.sandbox.command.ids.users, 4294967295U, &id) && id == 4294967295U);
}

TEST(numbers_outside)
{
    static const struct port_id_range ranges[] = {{0, 100000, 1000}, {2000, 5, 1}, {4294967290U, 200000, 5}};
    const struct port_id_map map = {ranges, KIST_COUNT(ranges)};
    static const struct {
        uint32_t inside;
        bool there;
        uint32_t outside;
    } rows[] = {{0, true, 100000}, {999, true, 100999}, {1000, false, 0}, {2000, true, 5}, {2001, false, 0}, {4294967294U, true, 200004}, {4294967295U, false, 0}};

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        uint32_t outside = 0;

        CHECK(port_id_outside(&map, rows[i].inside, &outside) == rows[i].there);
        CHECK_INT(outside, rows[i].outside);
    }
}

TEST(refuses_what_makes_no_sense)
{
    static const struct {
        const char *mode, *users, *groups, *user, *says;
    } rows[] = {
        {"host", "0:1:2", "", "0", "conflicting options: --userns host"},
        {"auto", "", "", "0", "--userns must be host or private, not 'auto'"},
        {"private", "0", "", "0", "--uidmap: invalid map '0'"},
        {"private", "0:1:0", "", "0", "--uidmap: invalid map '0:1:0'"},
        {"private", "0:1:2:3", "", "0", "--uidmap: invalid map '0:1:2:3'"},
        {"private", "0:1:2", "0:-1:2", "0", "--gidmap: invalid map '0:-1:2'"},
        {"private", "", "0::2", "0", "--gidmap: invalid map '0::2'"},
        {"private", "0:4294967295:1", "", "0", "invalid map"},
        {"private", "0:4294967294:2", "", "0", "uidMappings"},
        {"private", "1:1:10", "", "1", "has no user 0"},
        {"private", "0:1:10", "0:1:2000", "app", "has no user 1000"},
        {"private", "0:1:2000", "0:1:10", "app", "has no group 1001"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(json) cJSON *config = NULL;
        KIST_AUTO(spec) struct kist_spec spec;
        struct kist_error err = {0};

        TEST_CASE(rows[i].says);
        CHECK_INT(made(&spec, &config, rows[i].mode, rows[i].users, rows[i].groups, "", rows[i].user, &err), KIST_E_USAGE);
        CHECK(strstr(err.message, rows[i].says) != NULL);
    }
    TEST_CASE(NULL);
}
