#include <errno.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "port/program.h"

#define POLL_MS 200

bool port_terminal_asks(void)
{
    return isatty(STDIN_FILENO) == 1;
}

static void say(const char *text)
{
    (void)!write(STDERR_FILENO, text, strlen(text));
}

static int read_line(bool (*stop)(void *arg), struct kist_buf *answer, struct kist_error *err)
{
    for (;;) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        char c = 0;
        ssize_t got;

        /* a signal may come just before the wait as well */
        while (poll(&input, 1, POLL_MS) <= 0) {
            if (stop(NULL)) {
                return kist_error_set(err, KIST_E_INTERRUPTED, "interrupted");
            }
        }
        got = read(STDIN_FILENO, &c, 1);

        if (got < 0) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot read from the terminal");
        }
        if (got == 0) {
            return kist_error_set(err, KIST_E_IO, "nothing was typed");
        }
        if (c == '\n') {
            return 0;
        }
        if (kist_buf_add(answer, &c, 1, err) < 0) {
            return err->code;
        }
    }
}

int port_terminal_ask(const char *prompt, bool secret, bool (*stop)(void *arg), struct kist_buf *answer,
                      struct kist_error *err)
{
    struct termios before, silent;
    int rc;

    if (tcgetattr(STDIN_FILENO, &before) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot ask on the terminal");
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)(secret ? ECHO : 0);
    silent.c_lflag |= secret ? ECHONL : 0;
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &silent); /* before anybody begins to type */
    say(prompt);
    rc = read_line(stop, answer, err);
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    return rc;
}
