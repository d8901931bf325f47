#include "port/clock.h"

#include <stdlib.h>
#include <sys/timex.h>
#include <time.h>

int64_t port_clock_now(void)
{
    struct timespec t;

    return clock_gettime(CLOCK_REALTIME, &t) == 0 ? (int64_t)t.tv_sec : 0;
}

bool port_clock_synchronised(void)
{
    struct timex t = {.modes = 0};
    int state = adjtimex(&t);

    return state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC) && !getenv("SOURCE_DATE_EPOCH");
}

uint64_t port_clock_monotonic(void)
{
    struct timespec t;

    return clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000
                                                   : 0;
}

void port_clock_sleep(uint64_t milliseconds)
{
    struct timespec t = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};

    (void)nanosleep(&t, NULL);
}
