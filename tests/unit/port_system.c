#include "port/system.h"

#include <signal.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "port/clock.h"
#include "test.h"

TEST(facts)
{
    struct kist_error err = {0};
    struct port_system s;
    struct utsname name;

    REQUIRE_OK(port_system_get(&s, &err), err);
    REQUIRE(uname(&name) == 0);
    CHECK_STR(s.kernel, name.release);
    CHECK_STR(s.machine, name.machine); /* asking for 32-bit mode must leave no trace */
    CHECK_STR(s.hostname, name.nodename);
    CHECK(s.cpus >= 1);
    CHECK(s.memory >= (uint64_t)16 << 20);
    CHECK(!s.aarch32 || strcmp(s.machine, "aarch64") == 0);
}

TEST(random_bytes_differ)
{
    unsigned char a[300] = {0}, b[300] = {0}, none[1] = {7};
    struct kist_error err = {0};

    CHECK_OK(port_system_random(a, sizeof(a), &err), err);
    CHECK_OK(port_system_random(b, sizeof(b), &err), err);
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    CHECK(memcmp(a + 200, b + 200, 100) != 0);
    CHECK_OK(port_system_random(none, 0, &err), err);
    CHECK_INT(none[0], 7);
}

TEST(clocks_go_on)
{
    uint64_t before = port_clock_monotonic();

    port_clock_sleep(20);
    CHECK(port_clock_monotonic() - before >= 20);
    CHECK(port_clock_now() > 0);
}

static void on_alarm(int number)
{
    (void)number;
}

TEST(a_signal_ends_a_sleep)
{
    struct sigaction action = {.sa_handler = on_alarm};
    /* more than once: the first may come before the sleep begins */
    struct itimerval every = {{0, 200000}, {0, 200000}}, never = {{0, 0}, {0, 0}};

    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
    port_clock_sleep(3600 * 1000); /* the test would time out */
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
}
