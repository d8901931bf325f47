#include "port/system.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/str.h"

/* An arm64 kernel refuses this personality exactly where its CPUs have no 32-bit mode. */
static bool runs_aarch32(const char *machine)
{
    int before;

    if (strcmp(machine, "aarch64") != 0) {
        return false;
    }
    if (sizeof(void *) == 4) {
        return true;
    }
    before = personality(0xffffffff);
    if (before < 0 || personality(PER_LINUX32) < 0) {
        return false;
    }
    (void)personality((unsigned long)before);
    return true;
}

int port_system_get(struct port_system *s, struct kist_error *err)
{
    struct utsname name;
    struct sysinfo info;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    *s = (struct port_system){0};
    if (uname(&name) < 0 || sysinfo(&info) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot ask the kernel about this machine");
    }
    /* What does not fit is "": no field is ever a part of the truth. */
    (void)!kist_str_copy(s->kernel, sizeof(s->kernel), name.release);
    (void)!kist_str_copy(s->machine, sizeof(s->machine), name.machine);
    (void)!kist_str_copy(s->hostname, sizeof(s->hostname), name.nodename);
    s->cpus = cpus > 0 ? (unsigned)cpus : 1;
    s->memory = (uint64_t)info.totalram * (info.mem_unit ? info.mem_unit : 1);
    s->aarch32 = runs_aarch32(s->machine);
    return 0;
}

/* "01234567-89ab-cdef-0123-456789abcdef\n": its dashes are passed over. */
bool port_system_boot(unsigned char id[PORT_SYSTEM_BOOT])
{
    KIST_AUTO(fd) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    char text[64], hex[2 * PORT_SYSTEM_BOOT + 1];
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text));
    size_t len = 0;

    for (ssize_t i = 0; i < got && len < sizeof(hex) - 1; i++) {
        hex[len] = text[i];
        len += text[i] != '-';
    }
    hex[len] = '\0';
    return len == sizeof(hex) - 1 && kist_str_unhex(id, PORT_SYSTEM_BOOT, hex);
}

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_NONE 0 /* as the nice value has it */
#define IOPRIO_IDLE (3 << 13)

void port_system_polite(bool polite)
{
    (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, polite ? IOPRIO_IDLE : IOPRIO_NONE);
}

/* For kernels before 3.17, which have no getrandom. */
static int read_urandom(unsigned char *bytes, size_t len)
{
    KIST_AUTO(fd) int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        return -1;
    }
    while (len > 0) {
        ssize_t got = read(fd, bytes, len);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return -1;
        }
        bytes += got;
        len -= (size_t)got;
    }
    return 0;
}

int port_system_random(void *bytes, size_t len, struct kist_error *err)
{
    unsigned char *p = bytes;

    while (len > 0) {
        ssize_t got = getrandom(p, len, 0);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == ENOSYS && read_urandom(p, len) == 0) {
            return 0;
        }
        if (got < 0) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot get random bytes");
        }
        p += got;
        len -= (size_t)got;
    }
    return 0;
}
