/* socketcall and ipc of i386 (linux/net.h, linux/ipc.h): the calls they stand for, by the number in their
 * first argument. */
#include "container/seccomp_private.h"

#if defined(KIST_SECCOMP_EVERY_ARCH) || defined(__x86_64__) || defined(__i386__)

#define SOCKETCALL(n, name)                                                                                  \
    {                                                                                                        \
        KIST_SYSCALL_##name, KIST_SYSCALL_socketcall,                                                        \
        {                                                                                                    \
            .op = KIST_SECCOMP_EQ, .value = (n), .mask = UINT64_MAX                                          \
        }                                                                                                    \
    }
/* the upper half of ipc's first argument is a version, which says nothing about the call */
#define IPC(n, name)                                                                                         \
    {                                                                                                        \
        KIST_SYSCALL_##name, KIST_SYSCALL_ipc,                                                               \
        {                                                                                                    \
            .op = KIST_SECCOMP_MASKED_EQ, .value = (n), .mask = 0xffff                                       \
        }                                                                                                    \
    }

static const struct kist_seccomp_detour detours[] = {
    SOCKETCALL(1, socket),
    SOCKETCALL(2, bind),
    SOCKETCALL(3, connect),
    SOCKETCALL(4, listen),
    SOCKETCALL(5, accept),
    SOCKETCALL(6, getsockname),
    SOCKETCALL(7, getpeername),
    SOCKETCALL(8, socketpair),
    SOCKETCALL(9, send),
    SOCKETCALL(10, recv),
    SOCKETCALL(11, sendto),
    SOCKETCALL(12, recvfrom),
    SOCKETCALL(13, shutdown),
    SOCKETCALL(14, setsockopt),
    SOCKETCALL(15, getsockopt),
    SOCKETCALL(16, sendmsg),
    SOCKETCALL(17, recvmsg),
    SOCKETCALL(18, accept4),
    SOCKETCALL(19, recvmmsg),
    SOCKETCALL(20, sendmmsg),
    IPC(1, semop),
    IPC(2, semget),
    IPC(3, semctl),
    IPC(4, semtimedop),
    IPC(11, msgsnd),
    IPC(12, msgrcv),
    IPC(13, msgget),
    IPC(14, msgctl),
    IPC(21, shmat),
    IPC(22, shmdt),
    IPC(23, shmget),
    IPC(24, shmctl),
};

const struct kist_seccomp_detour *kist_seccomp_detour(unsigned row)
{
    for (size_t i = 0; i < KIST_COUNT(detours); i++) {
        if (detours[i].row == row) {
            return &detours[i];
        }
    }
    return NULL;
}

#else

const struct kist_seccomp_detour *kist_seccomp_detour(unsigned row)
{
    (void)row;
    return NULL;
}

#endif
