#include "port/process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

TEST(names_signals)
{
    static const struct {
        const char *text;
        int number;
    } rows[] = {{"TERM", SIGTERM},
                {"SIGTERM", SIGTERM},
                {"sigquit", SIGQUIT},
                {"15", 15},
                {"64", 64},
                {"RTMIN", 34},
                {"SIGRTMIN+3", 37},
                {"SIGWINCH", SIGWINCH},
                {"0", 0},
                {"65", 0},
                {"", 0},
                {"SIG", 0},
                {"TERMX", 0},
                {"RTMIN+31", 0},
                {"RTMIN+", 0},
                {"-1", 0},
                {"9x", 0}};

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        int number = 0;

        TEST_CASE(rows[i].text);
        CHECK_INT(port_signal_number(rows[i].text, &number), rows[i].number != 0);
        CHECK_INT(number, rows[i].number);
    }
    TEST_CASE(NULL);
}

TEST(tells_a_process_from_its_successor)
{
    struct kist_error err = {0};
    struct port_process self, child, other;
    pid_t pid = fork();

    if (pid == 0) {
        (void)pause();
        _exit(0);
    }
    REQUIRE_OK(port_process_get(&self, getpid(), &err), err);
    CHECK(port_process_alive(&self));
    REQUIRE_OK(port_process_get(&child, pid, &err), err);
    other = child;
    other.start++;
    CHECK(!port_process_alive(&other));
    CHECK_OK(port_process_signal(&other, SIGKILL, &err), err);
    CHECK(port_process_alive(&child)); /* another one's number is no reason to kill it */
    CHECK_OK(port_process_signal(&child, SIGKILL, &err), err);
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    CHECK(!port_process_alive(&child));
    CHECK_OK(port_process_signal(&child, SIGKILL, &err), err);
    CHECK_INT(port_process_get(&child, pid, &err), KIST_E_NOT_FOUND);
    CHECK_INT(port_process_get(&child, 0, &err), KIST_E_NOT_FOUND);
}
