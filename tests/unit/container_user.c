#include "container/user.h"

#include "base/str.h"
#include "test.h"

struct files {
    const char *passwd, *group; /* NULL: not there */
};

static int read_file(void *arg, const char *path, struct kist_buf *out, struct kist_error *err)
{
    const struct files *files = arg;
    const char *text = strcmp(path, "/etc/passwd") == 0 ? files->passwd : files->group;

    if (!text) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "no '%s'", path);
    }
    return kist_buf_puts(out, text, err);
}

static const struct files debian = {
    "root:x:0:0:root:/root:/bin/bash\n"
    "\n"
    "# a line people write\n"
    "broken:x:none:0::/broken:/bin/sh\n"
    "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
    "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"
    "homeless:x:40:41::\n"
    "short:x:50:51\n"
    "twin:x:33:99:second of that number:/twin:\n"
    "last:x:60:61::/home/last:/bin/sh",
    "root:x:0:\n"
    "daemon:x:1:\n"
    "adm:x:4:syslog,www-data\n"
    "broken:x:-1:www-data\n"
    "www-data:x:33:\n"
    "audio:x:29:www,www-data2,data\n"
    "video:x:44:www-data\n"
    "empty:x:45:\n",
};

TEST(users_as_docker_finds_them)
{
    static const struct {
        const char *spec;
        unsigned uid, gid;
        const char *groups, *home;
    } rows[] = {
        {"", 0, 0, "", "/root"},
        {"root", 0, 0, "", "/root"},
        {"0", 0, 0, "", "/root"},
        {"www-data", 33, 33, " 4 44", "/var/www"},
        {"33", 33, 33, " 4 44", "/var/www"},
        {"www-data:", 33, 33, " 4 44", "/var/www"},
        {"www-data:adm", 33, 4, "", "/var/www"},
        {"www-data:4711", 33, 4711, "", "/var/www"},
        {":adm", 0, 4, "", "/root"},
        {"1000", 1000, 0, "", "/"},
        {"1000:1000", 1000, 1000, "", "/"},
        {"1000:video", 1000, 44, "", "/"},
        {"2147483647:2147483647", 2147483647, 2147483647, "", "/"},
        {"homeless", 40, 41, "", "/"},
        {"short", 50, 51, "", "/"},
        {"last", 60, 61, "", "/home/last"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        KIST_AUTO(user) struct kist_user user = {0};
        char groups[64] = "";

        TEST_CASE(rows[i].spec);
        CHECK_OK(kist_user_lookup(&user, rows[i].spec, read_file, (void *)&debian, &err), err);
        CHECK_INT(user.uid, rows[i].uid);
        CHECK_INT(user.gid, rows[i].gid);
        CHECK_STR(user.home, rows[i].home);
        for (size_t g = 0; g < user.group_count; g++) {
            snprintf(groups + strlen(groups), sizeof(groups) - strlen(groups), " %u", user.groups[g]);
        }
        CHECK_STR(groups, rows[i].groups);
    }
    TEST_CASE(NULL);
}

TEST(images_without_the_files)
{
    static const struct files none = {NULL, NULL};
    struct kist_error err = {0};
    KIST_AUTO(user) struct kist_user user = {0};
    KIST_AUTO(user) struct kist_user other = {0};

    CHECK_OK(kist_user_lookup(&user, "", read_file, (void *)&none, &err), err);
    CHECK_INT(user.uid, 0);
    CHECK_STR(user.home, "/");
    CHECK_OK(kist_user_lookup(&other, "12:34", read_file, (void *)&none, &err), err);
    CHECK_INT(other.uid, 12);
    CHECK_INT(other.gid, 34);
}

TEST(refusals)
{
    static const struct {
        const char *spec;
        int code;
        const char *message;
    } rows[] = {
        {"nobody", KIST_E_NOT_FOUND, "unable to find user 'nobody': no matching entries in passwd file"},
        {"broken", KIST_E_NOT_FOUND, "unable to find user 'broken': no matching entries in passwd file"},
        {"root:nogroup", KIST_E_NOT_FOUND,
         "unable to find group 'nogroup': no matching entries in group file"},
        {"2147483648", KIST_E_USAGE, "user '2147483648': uids and gids must be in range 0-2147483647"},
        {"-1", KIST_E_USAGE, "user '-1': uids and gids must be in range 0-2147483647"},
        {"0:99999999999999999999", KIST_E_USAGE,
         "group '99999999999999999999': uids and gids must be in range 0-2147483647"},
        {"root:daemon:x", KIST_E_NOT_FOUND,
         "unable to find group 'daemon:x': no matching entries in group file"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        KIST_AUTO(user) struct kist_user user = {0};

        TEST_CASE(rows[i].spec);
        CHECK_INT(kist_user_lookup(&user, rows[i].spec, read_file, (void *)&debian, &err), rows[i].code);
        CHECK_STR(err.message, rows[i].message);
    }
    TEST_CASE(NULL);
}

TEST(an_overlong_file_is_refused)
{
    char *text = malloc(KIST_MAX_PASSWD + 2);
    struct files files = {text, NULL};
    struct kist_error err = {0};
    KIST_AUTO(user) struct kist_user user = {0};

    REQUIRE(text);
    memset(text, 'x', KIST_MAX_PASSWD + 1);
    text[KIST_MAX_PASSWD + 1] = '\0';
    CHECK_INT(kist_user_lookup(&user, "root", read_file, &files, &err), KIST_E_FAIL);
    CHECK(kist_str_starts(err.message, "cannot read '/etc/passwd' of the image"));
    free(text);
}
