#include "port/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_LOG
#define SECCOMP_FILTER_FLAG_LOG (1UL << 1)
#endif
#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1UL << 2)
#endif

_Static_assert(sizeof(struct port_seccomp_insn) == sizeof(struct sock_filter),
               "an instruction is the kernel's");
_Static_assert(offsetof(struct port_seccomp_insn, k) == offsetof(struct sock_filter, k),
               "an instruction is the kernel's");
_Static_assert(offsetof(struct port_seccomp_insn, jf) == offsetof(struct sock_filter, jf),
               "an instruction is the kernel's");

bool port_seccomp_available(void)
{
    /* a filter at no address: EFAULT from a kernel that would read it, EINVAL from one without filters */
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) < 0 && errno == EFAULT;
}

/* A kernel answers EINVAL to a flag it does not know: those of later kernels go first. */
static bool install(struct sock_fprog *filter, unsigned flags)
{
    static const struct {
        unsigned ours;
        unsigned long kernel;
    } names[] = {{PORT_SECCOMP_LOG, SECCOMP_FILTER_FLAG_LOG},
                 {PORT_SECCOMP_SPEC_ALLOW, SECCOMP_FILTER_FLAG_SPEC_ALLOW}};

    for (size_t known = KIST_COUNT(names); known > 0; known--) {
        unsigned long set = 0;

        for (size_t i = 0; i < known; i++) {
            set |= (flags & names[i].ours) != 0 ? names[i].kernel : 0;
        }
        if (set != 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, set, filter) == 0) {
            return true;
        }
    }
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0) == 0;
}

int port_seccomp_install(const struct port_seccomp_insn *program, size_t count, unsigned flags,
                         struct kist_error *err)
{
    struct sock_fprog filter = {.len = (unsigned short)count};
    int number;

    if (count == 0 || count > PORT_SECCOMP_INSNS_MAX) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "seccomp filter of %zu instructions", count);
    }
    /* the kernel only reads it; its struct says otherwise */
    filter.filter = (struct sock_filter *)(uintptr_t)program;
    if (install(&filter, flags)) {
        return 0;
    }
    number = errno;
    if (number == EINVAL && !port_seccomp_available()) {
        return kist_error_set(err, KIST_E_UNSUPPORTED,
                              "this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER); to do without: "
                              "--security-opt seccomp=unconfined");
    }
    return kist_error_sys(err, KIST_E_FAIL, number, "cannot install the seccomp filter");
}
