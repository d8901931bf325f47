#include "cmd/times.h"

#include <stdlib.h>

#include "base/str.h"
#include "port/clock.h"

int kist_times_build(int64_t *time, struct kist_error *err)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    uint64_t seconds;

    *time = port_clock_now();
    if (!text || text[0] == '\0') {
        return 0;
    }
    if (!kist_str_u64(text, INT32_MAX, &seconds)) {
        return kist_error_set(err, KIST_E_USAGE, "SOURCE_DATE_EPOCH is '%s', no number of seconds since 1970", text);
    }
    *time = (int64_t)seconds;
    return 0;
}
