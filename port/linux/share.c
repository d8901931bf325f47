/* A child in our memory. The C library offers this as vfork, which takes no flags, or as clone with a stack of its own. */
#include <errno.h>
#include <sched.h>

#include "kernel.h"
#include "sandbox_private.h"

/* The call itself, inline: a function that made it would return twice, the second time by what the child has left of its frame. */
#if defined(__x86_64__) && !defined(__ILP32__)
static inline long clone3_inline(const struct kernel_clone_args *args)
{
    long rc;

    __asm__ volatile("syscall" : "=a"(rc) : "a"((long)SYS_clone3), "D"(args), "S"(sizeof(*args)) : "rcx", "r11", "memory");
    return rc;
}
#elif defined(__aarch64__)
static inline long clone3_inline(const struct kernel_clone_args *args)
{
    register long x8 __asm__("x8") = SYS_clone3;
    register long x0 __asm__("x0") = (long)args;
    register long x1 __asm__("x1") = (long)sizeof(*args);

    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
    return x0;
}
#elif defined(__arm__) && defined(__ARM_EABI__)
static inline long clone3_inline(const struct kernel_clone_args *args)
{
    register long r0 __asm__("r0") = (long)args;
    register long r1 __asm__("r1") = (long)sizeof(*args);
    const long number = SYS_clone3;
    long kept;

    /* r7 takes the number, and may be Thumb's frame pointer */
    __asm__ volatile("mov %[kept], r7\n\tmov r7, %[number]\n\tsvc 0\n\tmov r7, %[kept]"
                     : "+r"(r0), [kept] "=&r"(kept)
                     : "r"(r1), [number] "r"(number)
                     : "memory");
    return r0;
}
#else
static inline long clone3_inline(const struct kernel_clone_args *args)
{
    (void)args;
    return -ENOSYS;
}
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED
void __asan_handle_vfork(const void *sp);
#endif

__attribute__((noinline)) pid_t port_share_clone(const struct kernel_clone_args *args, const struct port_child *child)
{
    struct kernel_clone_args shared = *args;
    long rc;

    shared.flags |= CLONE_VM | CLONE_VFORK;
    rc = clone3_inline(&shared);
    if (rc == 0) {
        port_child_main(child);
    }
#ifdef SANITIZED
    __asan_handle_vfork(__builtin_frame_address(0)); /* the child's frames below ours were never left */
#endif
    if (rc < 0) {
        errno = (int)-rc;
        return -1;
    }
    return (pid_t)rc;
}
