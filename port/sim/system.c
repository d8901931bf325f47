#include "port/system.h"

#include "disk.h"

int port_system_get(struct port_system *s, struct kist_error *err)
{
    (void)err;
    *s = (struct port_system){
        .kernel = "6.1.0-sim",
        .machine = "armv7l",
        .hostname = "sim",
        .cpus = 1,
        .memory = UINT64_C(128) << 20,
    };
    return 0;
}

void port_system_polite(bool polite)
{
    (void)polite;
}

bool port_system_boot(unsigned char id[PORT_SYSTEM_BOOT])
{
    (void)id;
    return false;
}

/* SplitMix64 (Steele, Lea, Flood 2014): as random as names of files need it. */
int port_system_random(void *bytes, size_t len, struct kist_error *err)
{
    struct sim_place place = {.verb = "read", .at = "random bytes", .process = sim_process()};
    unsigned char *p = bytes;
    int rc = sim_enter(&place, SIM_READS, err);

    for (size_t i = 0; i < len && rc == 0; i++) {
        uint64_t z = sim_disk.random += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        p[i] = (unsigned char)(z >> 56);
    }
    return rc;
}
