#include "container/volume.h"

#include <unistd.h>

#include "test.h"

TEST(volumes_as_docker_writes_them)
{
    static const struct {
        const char *text, *source, *destination, *propagation;
        bool read_only, nocopy;
    } rows[] = {
        {"/a:/b", "/a", "/b", "rprivate", false, false},
        {"/a:/b:ro", "/a", "/b", "rprivate", true, false},
        {"/a:/b:rw", "/a", "/b", "rprivate", false, false},
        {"/a/../b//c/:/d/./e/", "/b/c", "/d/e", "rprivate", false, false},
        {"/a:/b:ro,z,rshared", "/a", "/b", "rshared", true, false},
        {"/a:/b:Z,slave,cached", "/a", "/b", "slave", false, false},
        {"/a:/b:nocopy", "/a", "/b", "rprivate", false, true},
        {"/:/host", "/", "/host", "rprivate", false, false},
        {"/data", NULL, "/data", "rprivate", false, false},
        {"/data/", NULL, "/data", "rprivate", false, false},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        KIST_AUTO(volume) struct kist_volume v = {0};

        TEST_CASE(rows[i].text);
        CHECK_OK(kist_volume_parse(&v, rows[i].text, &err), err);
        CHECK_STR(v.source, rows[i].source);
        CHECK_STR(v.destination, rows[i].destination);
        CHECK_STR(v.propagation, rows[i].propagation);
        CHECK_INT(v.read_only, rows[i].read_only);
        CHECK_INT(v.nocopy, rows[i].nocopy);
    }
    TEST_CASE(NULL);
}

TEST(relative_sources_start_with_a_dot)
{
    struct kist_error err = {0};
    KIST_AUTO(volume) struct kist_volume here = {0};
    KIST_AUTO(volume) struct kist_volume up = {0};

    REQUIRE(chdir("/usr/bin") == 0);
    CHECK_OK(kist_volume_parse(&here, ".:/b", &err), err);
    CHECK_STR(here.source, "/usr/bin");
    CHECK_OK(kist_volume_parse(&up, "../lib/x:/b:ro", &err), err);
    CHECK_STR(up.source, "/usr/lib/x");
}

TEST(refused_volumes)
{
    static const char *const rows[][2] = {
        {"/a:b", "--volume: the path in the container, 'b', must be absolute"},
        {"a", "--volume: the path in the container, 'a', must be absolute"},
        {"", "--volume: the path in the container, '', must be absolute"},
        {"/a:", "--volume: the path in the container, '', must be absolute"},
        {"/a:/", "--volume: the path in the container can't be '/'"},
        {"/a:/b/..", "--volume: the path in the container can't be '/'"},
        {"/a:/../b", "--volume: '/../b' is no path in the container"},
        {"/..:/b", "--volume: '/..' is no path on the host"},
        {"da/ta:/b",
         "--volume: 'da/ta' is neither the name of a volume nor a path on the host: give one such as '/da/ta' or "
         "'./da/ta'"},
        {"d:/b", "--volume: 'd' is neither the name of a volume nor a path on the host: give one such as '/d' or './d'"},
        {"/a:/b:", "--volume: invalid mode '' for '/b'"},
        {"/a:/b:rx", "--volume: invalid mode 'rx' for '/b'"},
        {"/a:/b:ro,rw", "--volume: invalid mode 'rw' for '/b'"},
        {"/a:/b:ro,", "--volume: invalid mode '' for '/b'"},
        {"/a:/b:shared,slave", "--volume: invalid mode 'slave' for '/b'"},
        {"/a:/b:ro:z", "--volume: too many colons after '/a:/b:ro'"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        KIST_AUTO(volume) struct kist_volume v = {0};

        TEST_CASE(rows[i][0]);
        CHECK_INT(kist_volume_parse(&v, rows[i][0], &err), KIST_E_USAGE);
        CHECK_STR(err.message, rows[i][1]);
    }
    TEST_CASE(NULL);
}

TEST(tmpfs)
{
    static const struct {
        const char *text, *destination, *options, *message;
    } rows[] = {
        {"/run", "/run", "noexec nosuid nodev ", NULL},
        {"/run:", "/run", "noexec nosuid nodev ", NULL},
        {"/run/:rw,size=64m,mode=1777", "/run", "size=64m mode=1777 noexec nosuid nodev rw ", NULL},
        {"/run:exec,suid", "/run", "exec suid nodev ", NULL},
        {"/run:exec,noexec,ro", "/run", "noexec nosuid nodev ro ", NULL},
        {"/run:uid=1,gid=2,nr_inodes=4k,noatime", "/run",
         "uid=1 gid=2 nr_inodes=4k noexec nosuid nodev noatime ", NULL},
        {"/run:dev", NULL, NULL, "--tmpfs: 'dev': device files work in a container's /dev only"},
        {"/run:size", NULL, NULL, "--tmpfs: invalid option 'size'"},
        {"/run:size=", NULL, NULL, "--tmpfs: invalid option 'size='"},
        {"/run:bind", NULL, NULL, "--tmpfs: invalid option 'bind'"},
        {"run", NULL, NULL, "--tmpfs: the path in the container, 'run', must be absolute"},
        {"/", NULL, NULL, "--tmpfs: the path in the container can't be '/'"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        KIST_AUTO(free) char *destination = NULL;
        KIST_AUTO(strv) struct kist_strv options = {0};
        char text[200] = "";
        int rc = kist_tmpfs_parse(&destination, &options, rows[i].text, &err);

        TEST_CASE(rows[i].text);
        CHECK_STR(destination, rows[i].destination);
        if (rows[i].message) {
            CHECK_INT(rc, KIST_E_USAGE);
            CHECK_STR(err.message, rows[i].message);
            continue;
        }
        CHECK_OK(rc, err);
        for (size_t k = 0; k < options.n; k++) {
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", options.v[k]);
        }
        CHECK_STR(text, rows[i].options);
    }
    TEST_CASE(NULL);
}
