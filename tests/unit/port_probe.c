/* What the kernel has: each thing has a name of its own, says what is lost and what to do, and trying leaves nothing. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/probe.h"
#include "test.h"

TEST(tries_all_and_leaves_nothing)
{
    char dir[] = "/tmp/kist-unit-XXXXXX";
    struct port_probe probes[PORT_PROBES_MAX];
    struct kist_error err = {0};
    size_t n = 0;

    REQUIRE(mkdtemp(dir) != NULL);
    CHECK_OK(port_probe_all(dir, probes, &n, &err), err);
    CHECK(rmdir(dir) == 0);
    REQUIRE(n > 20 && n <= PORT_PROBES_MAX);
    for (size_t i = 0; i < n; i++) {
        TEST_CASE(probes[i].name);
        REQUIRE(probes[i].name && probes[i].option && probes[i].lost);
        for (size_t k = 0; k < i; k++) {
            CHECK(strcmp(probes[i].name, probes[k].name) != 0);
        }
    }
    TEST_CASE(NULL);
}

/* Both ways of asking come to the same. */
TEST(asks_of_squashfs_alone)
{
    struct port_probe probes[PORT_PROBES_MAX];
    struct kist_error err = {0};
    size_t n = 0;

    REQUIRE_OK(port_probe_all("/", probes, &n, &err), err);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(probes[i].name, "squashfs-zstd") == 0) {
            CHECK_INT(port_probe_squashfs(true), probes[i].found);
        }
        if (strcmp(probes[i].name, "squashfs-gzip") == 0) {
            CHECK_INT(port_probe_squashfs(false), probes[i].found);
        }
    }
}
