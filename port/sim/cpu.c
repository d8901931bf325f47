#include "port/cpu.h"

/* The simulated machine has none, so that the portable code is tested too. */
bool port_cpu_has_sha256(void)
{
    return false;
}
