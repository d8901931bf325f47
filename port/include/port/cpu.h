/* What the processor can do beyond what the binary was compiled for. */
#ifndef KIST_PORT_CPU_H
#define KIST_PORT_CPU_H

#include <stdbool.h>

/* SHA-256 instructions: SHA-NI with SSE4.1 on x86, the ARMv8 cryptographic extension on ARM. */
bool port_cpu_has_sha256(void);

#endif
