#include "port/capability.h"

#include <sys/prctl.h>

uint64_t port_capability_bounding(void)
{
    uint64_t set = 0;

    /* the kernel answers EINVAL to the first number it does not know */
    for (unsigned i = 0; i < 64; i++) {
        int has = prctl(PR_CAPBSET_READ, i, 0, 0, 0);

        if (has < 0) {
            break;
        }
        set |= (uint64_t)(has > 0) << i;
    }
    return set;
}
