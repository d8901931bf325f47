/* Capabilities (capabilities(7)) of this process and this kernel. */
#ifndef PORT_CAPABILITY_H
#define PORT_CAPABILITY_H

#include "base/base.h"

/* Bit n: this kernel has capability n, and our bounding set does too, so that a container may be given it. */
uint64_t port_capability_bounding(void);

#endif
