#include "cmd/moment.h"

#include "base/str.h"
#include "port/clock.h"

int kist_moment_parse(const char *text, const char *option, int64_t *seconds, struct kist_error *err)
{
    uint64_t value;

    if (!text || kist_str_time(text, seconds)) {
        return 0;
    }
    if (kist_str_u64(text, INT64_MAX, &value)) {
        *seconds = (int64_t)value;
        return 0;
    }
    if (kist_str_duration(text, &value)) {
        *seconds = port_clock_now() - (int64_t)(value / 1000);
        return 0;
    }
    return kist_error_set(err, KIST_E_USAGE, "%s must be a time as 2024-01-31T12:00:00Z or 10m, not '%s'", option, text);
}
