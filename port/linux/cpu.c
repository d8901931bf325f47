#include "port/cpu.h"

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>

bool port_cpu_has_sha256(void)
{
    const unsigned ssse3 = 1U << 9, sse41 = 1U << 19, sha = 1U << 29;
    unsigned a, b, c, d, leaf1;

    if (!__get_cpuid(1, &a, &b, &leaf1, &d) || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        return false;
    }
    return (leaf1 & ssse3) != 0 && (leaf1 & sse41) != 0 && (b & sha) != 0;
}

#elif defined(__aarch64__)

#include <sys/auxv.h>

bool port_cpu_has_sha256(void)
{
    const unsigned long hwcap_sha2 = 1UL << 6;

    return (getauxval(AT_HWCAP) & hwcap_sha2) != 0;
}

#elif defined(__arm__)

#include <sys/auxv.h>

bool port_cpu_has_sha256(void)
{
    const unsigned long hwcap_neon = 1UL << 12, hwcap2_sha2 = 1UL << 3;

    return (getauxval(AT_HWCAP) & hwcap_neon) != 0 && (getauxval(AT_HWCAP2) & hwcap2_sha2) != 0;
}

#else

bool port_cpu_has_sha256(void)
{
    return false;
}

#endif
