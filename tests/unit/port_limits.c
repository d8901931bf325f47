/* Limits as they are written: plain files stand for a control group's. */
#include "../../port/linux/sandbox_private.h"

#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "test.h"

static char top[64];

/* A group that has these files, the last of which is NULL. */
static struct port_cgroup_set make_group(int v2, ...)
{
    struct port_cgroup_set set = {.n = 1, .unified = v2 ? 0 : -1};
    const char *name;
    va_list names;

    (void)snprintf(top, sizeof(top), "/tmp/kist-limits-XXXXXX");
    set.v[0].dir = mkdtemp(top) ? open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    set.v[0].controllers = v2 ? 0 : ~0U;
    va_start(names, v2);
    while ((name = va_arg(names, const char *))) {
        (void)close(openat(set.v[0].dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    va_end(names);
    return set;
}

static void remove_group(const struct port_cgroup_set *set)
{
    char command[96];

    (void)close(set->v[0].dir);
    (void)snprintf(command, sizeof(command), "rm -r %s", top);
    REQUIRE(system(command) == 0);
}

static void says(const struct port_cgroup_set *set, const char *file, const char *text)
{
    char got[256];

    REQUIRE(port_cgroup_read(set->v[0].dir, file, got, sizeof(got)));
    CHECK_STR(got, text);
}

static const struct port_limits some = {.memory = 64 << 20, .memory_swap = 96 << 20, .cpu_shares = 262144, .cpu_quota = 50000,
                                         .io_weight = 500};

TEST(version_one)
{
    struct port_cgroup_set set = make_group(false, "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "cpu.shares",
                                            "cpu.cfs_period_us", "cpu.cfs_quota_us", "blkio.bfq.weight", NULL);
    struct kist_error err = {.code = KIST_OK};

    REQUIRE_OK(port_limits_apply(&set, &some, &err), err);
    says(&set, "memory.limit_in_bytes", "67108864");
    says(&set, "memory.memsw.limit_in_bytes", "100663296");
    says(&set, "cpu.shares", "262144");
    says(&set, "cpu.cfs_quota_us", "50000");
    says(&set, "blkio.bfq.weight", "500");
    remove_group(&set);
}

TEST(version_two)
{
    struct port_cgroup_set set = make_group(true, "memory.max", "memory.swap.max", "cpu.weight", "cpu.max", "io.weight",
                                            "io.bfq.weight", NULL);
    struct kist_error err = {.code = KIST_OK};

    REQUIRE_OK(port_limits_apply(&set, &some, &err), err);
    says(&set, "memory.max", "67108864");
    says(&set, "memory.swap.max", "33554432"); /* swap alone */
    says(&set, "cpu.weight", "10000");
    says(&set, "cpu.max", "50000 100000");
    says(&set, "io.weight", "4950");
    says(&set, "io.bfq.weight", "500");
    remove_group(&set);
}

/* A kernel that does not count swap limits memory all the same. */
TEST(no_swap)
{
    struct port_cgroup_set set = make_group(false, "memory.limit_in_bytes", NULL);
    const struct port_limits memory = {.memory = 64 << 20, .memory_swap = 128 << 20}, pids = {.pids = 5};
    struct kist_error err = {.code = KIST_OK};

    REQUIRE_OK(port_limits_apply(&set, &memory, &err), err);
    says(&set, "memory.limit_in_bytes", "67108864");
    CHECK(port_limits_apply(&set, &pids, &err) == KIST_E_UNSUPPORTED);
    remove_group(&set);
}

/* What is missing is named: the controller, or what it could do. */
TEST(lacking)
{
    const struct port_limits weight = {.io_weight = 500}, pids = {.pids = 5};
    struct port_cgroup_set set = make_group(true, "cgroup.controllers", NULL);
    struct kist_error err = {.code = KIST_OK};
    int file = openat(set.v[0].dir, "cgroup.controllers", O_WRONLY | O_CLOEXEC);

    REQUIRE(file >= 0 && write(file, "cpu io memory\n", 14) == 14 && close(file) == 0);
    CHECK(port_limits_apply(&set, &weight, &err) == KIST_E_UNSUPPORTED);
    CHECK_STR(err.message, "this kernel cannot limit block devices: its controller 'io' cannot do that (CONFIG_BFQ_GROUP_IOSCHED or "
                           "CONFIG_BLK_CGROUP_IOCOST)");
    CHECK(port_limits_apply(&set, &pids, &err) == KIST_E_UNSUPPORTED);
    CHECK_STR(err.message, "this kernel cannot limit processes here: it has no controller 'pids' (CONFIG_CGROUP_PIDS), or does not hand it on");
    remove_group(&set);
}
