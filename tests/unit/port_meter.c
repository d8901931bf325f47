/* What the kernel's texts of counters and processes mean. */
#include "../../port/linux/meter_private.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

TEST(sums_behind_keys)
{
    const struct {
        const char *text, *key;
        bool found;
        uint64_t sum;
    } rows[] = {
        {"\n12345\n", "\n", true, 12345},
        {"\nmax\n", "\n", true, 0},
        {"\nusage_usec 77\nuser_usec 5\n", "\nusage_usec ", true, 77},
        {"\nnr_periods 0\n", "\nusage_usec ", false, 0},
        {"\ninactive_file 7\ntotal_inactive_file 9\n", "\ninactive_file ", true, 7},
        {"\n8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=5 wbytes=0\n", " rbytes=", true, 15},
        {"\n8:0 Read 10\n8:0 Write 3\n8:16 Read 1\nTotal 14\n", " Read ", true, 11},
        {"\n", " rbytes=", false, 0},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        uint64_t sum = 99;

        TEST_CASE(rows[i].key);
        CHECK(port_meter_sum(rows[i].text, rows[i].key, &sum) == rows[i].found);
        CHECK_INT((long long)sum, (long long)rows[i].sum);
    }
}

TEST(all_interfaces_but_loopback)
{
    const char text[] = "Inter-|   Receive                                                |  Transmit\n"
                        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
                        "    lo: 500 1 0 0 0 0 0 0 500 1 0 0 0 0 0 0\n"
                        "  eth0: 1000 9 0 0 0 0 0 0 70 3 0 0 0 0 0 0\n"
                        "wlan_lo:4 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n";
    uint64_t received, sent;

    port_meter_net(text, &received, &sent);
    CHECK_INT((long long)received, 1004);
    CHECK_INT((long long)sent, 76);
    port_meter_net("", &received, &sent);
    CHECK_INT((long long)received + (long long)sent, 0);
    port_meter_net("eth0: 3 1", &received, &sent); /* cut off */
    CHECK_INT((long long)received, 3);
}

TEST(a_process)
{
    struct port_task task;
    const long long page = sysconf(_SC_PAGESIZE);

    REQUIRE(port_task_parse(&task, "71 (a) b (c) S 70 71 71 34817 71 4194560 1 2 3 4 150 50 30 20 20 0 3 0 1000 999 7 18446744073709551615\n", 100, 1600));
    CHECK_INT(task.pid, 71);
    CHECK_INT(task.parent, 70);
    CHECK_STR(task.tty, "pts/1");
    CHECK_INT((long long)task.cpu, 2000);
    CHECK_INT((long long)task.cpu_ended, 500);
    CHECK_INT((long long)task.age, 6000);
    CHECK_INT((long long)task.threads, 3);
    CHECK_INT((long long)task.memory, 7 * page);
    CHECK_STR(task.command, "[a) b (c]");
    CHECK(!port_task_parse(&task, "", 100, 1600));
    CHECK(!port_task_parse(&task, "71 )(", 100, 1600));
    CHECK(!port_task_parse(&task, "71 (sh) S 70 71", 100, 1600));
}

TEST(terminals)
{
    const struct {
        int device;
        const char *name;
    } rows[] = {{0, "?"}, {136 << 8, "pts/0"}, {137 << 8 | 2, "pts/258"}, {4 << 8 | 1, "tty1"}, {4 << 8 | 65, "ttyS1"}, {5 << 8 | 1, "console"}, {204 << 8, "?"}};
    char stat[200];
    struct port_task task;

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        TEST_CASE(rows[i].name);
        (void)snprintf(stat, sizeof(stat), "1 (sh) S 0 1 1 %d -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 1 0\n", rows[i].device);
        REQUIRE(port_task_parse(&task, stat, 100, 5));
        CHECK_STR(task.tty, rows[i].name);
        CHECK_INT((long long)task.age, 0);
    }
}

/* Without a group; not our own, which qemu-user makes up. */
TEST(one_process)
{
    struct kist_error err = {0};
    struct port_meter meter = {0};
    const pid_t child = fork();
    int rc;

    REQUIRE(child >= 0);
    if (child == 0) {
        (void)pause();
        _exit(0);
    }
    rc = port_meter_read(&meter, "kist-unit-test-has-no-such-group", (int)child, &err);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    REQUIRE_OK(rc, err);
    CHECK(meter.memory > 0);
    CHECK(meter.limit > 0);
    CHECK(meter.tasks >= 1);
    CHECK_INT((long long)meter.received, 0); /* no network of its own */
}
