#include "port/console.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

struct port_console {
    struct termios saved;
};

struct port_console *port_console_raw(void)
{
    struct port_console *console = calloc(1, sizeof(*console));
    struct termios raw;

    if (!console || tcgetattr(STDIN_FILENO, &console->saved) < 0) {
        free(console);
        return NULL;
    }
    raw = console->saved;
    cfmakeraw(&raw);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    return console;
}

void port_console_release(struct port_console *console)
{
    if (console) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &console->saved);
        free(console);
    }
}

bool port_console_size(unsigned *rows, unsigned *columns)
{
    struct winsize size;

    if ((ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0) || size.ws_row == 0) {
        return false;
    }
    *rows = size.ws_row;
    *columns = size.ws_col;
    return true;
}

bool port_console_write(int stream, const void *data, unsigned len)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = write(stream, p, len);

        if (n < 0 && errno == EAGAIN) { /* whoever we share it with made it so */
            struct pollfd room = {.fd = stream, .events = POLLOUT};

            (void)poll(&room, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            return false;
        }
        p += n > 0 ? n : 0;
        len -= n > 0 ? (unsigned)n : 0;
    }
    return true;
}

int port_console_read(void *data, unsigned size)
{
    ssize_t n = read(STDIN_FILENO, data, size);

    return n >= 0 ? (int)n : errno == EAGAIN || errno == EINTR ? -1 : 0;
}

unsigned port_console_wait(bool input, int a, bool room, int b)
{
    struct pollfd fds[3] = {
        {.fd = input ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = a, .events = (short)(POLLIN | (room ? POLLOUT : 0))},
        {.fd = b, .events = POLLIN},
    };

    if (poll(fds, 3, -1) < 0) {
        return 0;
    }
    return (fds[0].revents != 0 ? 1U : 0U) | ((fds[1].revents & ~POLLOUT) != 0 ? 2U : 0U) |
           (fds[2].revents != 0 ? 4U : 0U) | ((fds[1].revents & POLLOUT) != 0 ? 8U : 0U);
}
