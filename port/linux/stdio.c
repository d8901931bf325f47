/*
 * The command's standard streams. What is no terminal of ours is simply inherited, so that data never passes
 * through kist; a terminal of ours is not given away (whoever holds it can steer it), but stands behind a
 * pipe or a terminal of the container's. Nor are the streams of root given to another user, who could not
 * open them by name (/dev/stdout).
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kernel.h"
#include "sandbox_private.h"

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

/* A descriptor above the standard ones, even where a caller left one of those closed. Takes fd. */
static int lift(int fd)
{
    int up = fd;

    if (fd >= 0 && fd <= STDERR_FILENO) {
        up = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        (void)close(fd);
    }
    return up;
}

static int give_null(struct port_stdio *io, int i)
{
    io->child[i] = lift(open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
    io->ours[i] = io->child[i] >= 0;
    return io->child[i];
}

static int give_pipe(struct port_stdio *io, int i, const struct port_command *command)
{
    const int its = i == 0 ? 0 : 1; /* the end that the command gets: it reads 0, writes 1 and 2 */
    uint32_t uid = 0, gid = 0;
    int ends[2], mine;

    (void)port_id_outside(&command->ids.users, command->uid, &uid);
    (void)port_id_outside(&command->ids.groups, command->gid, &gid);
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -1;
    }
    io->child[i] = lift(ends[its]);
    io->ours[i] = io->child[i] >= 0;
    mine = lift(ends[1 - its]);
    io->relay[i].from = i > 0 ? mine : io->streams.detached ? -1 : STDIN_FILENO;
    io->relay[i].to = i == 0 ? mine : io->streams.detached ? -1 : i;
    /* its owner, or /dev/stdout could not be opened by a command that is not root */
    return io->child[i] < 0 || mine < 0 || fcntl(mine, F_SETFL, O_NONBLOCK) < 0 ||
                   (fchown(io->child[i], uid, gid) < 0 && errno != EINVAL) /* who is not in our namespace is refused later, with the cause */
               ? -1
               : 0;
}

int port_stdio_prepare(struct port_stdio *io, const struct port_command *command, struct kist_error *err)
{
    const bool detached = command->streams.detached, seen = command->streams.output != NULL;

    io->master = io->slave = -1;
    io->raw = false;
    io->streams = command->streams;
    for (int i = 0; i < 3; i++) {
        io->relay[i].from = io->relay[i].to = -1;
        io->relay[i].start = io->relay[i].end = 0;
        io->child[i] = i;
        io->ours[i] = false;
    }
    for (int i = 0; i < 3; i++) {
        int rc = 0;

        if (command->terminal) {
            io->child[i] = -1;
        } else if ((i == 0 && !command->stdin_open) || (i > 0 && detached && !seen) ||
                   (!detached && fcntl(i, F_GETFD) < 0)) {
            rc = give_null(io, i);
        } else if (detached || (i > 0 && seen) || command->uid != 0 || command->ids.users.n > 0 || isatty(i)) {
            rc = give_pipe(io, i, command);
        }
        if (rc < 0) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot make the command's standard streams");
        }
    }
    return 0;
}

void port_stdio_forked(struct port_stdio *io)
{
    for (int i = 0; i < 3; i++) {
        if (io->ours[i]) {
            close_fd(&io->child[i]);
            io->ours[i] = false;
        }
    }
}

static bool our_size(struct winsize *size)
{
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, size) == 0 || ioctl(STDIN_FILENO, TIOCGWINSZ, size) == 0;
}

void port_stdio_resize(const struct port_stdio *io, unsigned rows, unsigned columns)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

    if (io->master >= 0 && (rows > 0 || our_size(&size))) {
        (void)ioctl(io->master, TIOCSWINSZ, &size);
    }
}

bool port_stdio_input_ready(const struct port_stdio *io)
{
    const struct port_relay *r = &io->relay[0];

    return !io->streams.detached || r->start == r->end;
}

void port_stdio_input(struct port_stdio *io, const void *data, size_t len)
{
    struct port_relay *r = &io->relay[0];

    if (io->streams.detached && r->to >= 0 && r->start == r->end) {
        r->start = 0;
        r->end = KIST_MIN(len, sizeof(r->buf));
        memcpy(r->buf, data, r->end);
    }
}

void port_stdio_attach(struct port_stdio *io, const struct port_command *command, int master, int slave)
{
    const struct winsize usual = {.ws_row = 24, .ws_col = 80};

    io->master = master;
    io->slave = slave;
    (void)fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    io->relay[1].from = master;
    if (io->streams.detached) {
        io->relay[0].to = command->stdin_open ? master : -1;
        if (command->rows == 0) {
            (void)ioctl(master, TIOCSWINSZ, &usual);
        }
        return;
    }
    io->relay[1].to = STDOUT_FILENO;
    if (command->stdin_open) {
        io->relay[0].from = STDIN_FILENO;
        io->relay[0].to = master;
        if (tcgetattr(STDIN_FILENO, &io->saved) == 0) {
            struct termios raw = io->saved;

            cfmakeraw(&raw);
            io->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
        }
    }
    if (command->rows == 0) {
        port_stdio_resize(io, 0, 0);
    }
}

void port_stdio_poll(const struct port_stdio *io, struct pollfd fds[PORT_STDIO_POLL])
{
    for (int i = 0; i < PORT_STDIO_POLL; i++) {
        const struct port_relay *r = &io->relay[i];
        const bool full = r->start < r->end;

        fds[i] = (struct pollfd){.fd = full ? r->to : r->from, .events = full ? POLLOUT : POLLIN};
    }
}

/* Over: the command sees the end of its input, or is told that nobody listens. */
static void end(struct port_stdio *io, int i)
{
    struct port_relay *r = &io->relay[i];
    int *mine = i == 0 ? &r->to : &r->from;

    if (*mine != io->master) {
        close_fd(mine);
    }
    r->from = r->to = -1;
    r->start = r->end = 0;
}

static void step(struct port_stdio *io, int i)
{
    struct port_relay *r = &io->relay[i];
    ssize_t n;

    if (r->start < r->end) {
        n = write(r->to, r->buf + r->start, r->end - r->start);
        r->start += n > 0 ? (size_t)n : 0;
    } else {
        n = read(r->from, r->buf, sizeof(r->buf));
        r->start = 0;
        r->end = n > 0 ? (size_t)n : 0;
        if (n > 0 && i > 0 && io->streams.output) {
            io->streams.output(io->streams.arg, i, r->buf, r->end);
        }
        r->end = r->to < 0 ? 0 : r->end;
    }
    /* EIO is how a terminal says that its other end is gone */
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        end(io, i);
    }
}

void port_stdio_move(struct port_stdio *io, const struct pollfd fds[PORT_STDIO_POLL])
{
    for (int i = 0; i < PORT_STDIO_POLL; i++) {
        if (fds[i].fd >= 0 && fds[i].revents != 0) {
            step(io, i);
        }
    }
}

static bool is_full(const struct port_relay *r)
{
    return r->start < r->end;
}

void port_stdio_drain(struct port_stdio *io, bool complete)
{
    struct pollfd fds[PORT_STDIO_POLL];

    end(io, 0);
    close_fd(&io->slave);
    while (io->relay[1].from >= 0 || io->relay[2].from >= 0) {
        int n;

        port_stdio_poll(io, fds);
        /* what is on its way arrives, however slow who reads it */
        n = poll(fds, PORT_STDIO_POLL, complete || is_full(&io->relay[1]) || is_full(&io->relay[2]) ? -1 : 0);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            break;
        }
        port_stdio_move(io, fds);
    }
}

void port_stdio_input_end(struct port_stdio *io)
{
    if (io->streams.detached && io->master < 0 && !is_full(&io->relay[0])) {
        end(io, 0);
    }
}

void port_stdio_release(struct port_stdio *io)
{
    if (io->raw) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &io->saved);
        io->raw = false;
    }
    port_stdio_forked(io);
    for (int i = 0; i < 3; i++) {
        end(io, i);
    }
    close_fd(&io->slave);
    close_fd(&io->master);
}
