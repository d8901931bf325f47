#include "port/clock.h"

#include "disk.h"

/* Time stands still but for those who sleep, so that each run is as the last one. */

int64_t port_clock_now(void)
{
    return sim_disk.clock / 1000;
}

bool port_clock_synchronised(void)
{
    return false;
}

uint64_t port_clock_monotonic(void)
{
    return (uint64_t)sim_disk.clock;
}

void port_clock_sleep(uint64_t milliseconds)
{
    sim_disk.clock += (int64_t)milliseconds;
}
