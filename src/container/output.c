#include "container/output.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

#define CHUNK 8192
#define TEXT_MAX (CHUNK / 2)

/* "2024-01-31T12:00:00.123456789Z" */
static void put_time(char dst[KIST_OUTPUT_TIME + 1])
{
    struct timespec now = {0};
    char seconds[KIST_STR_TIME_MAX];

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)kist_str_rfc3339(seconds, (int64_t)now.tv_sec);
    seconds[strlen(seconds) - 1] = '\0'; /* its Z */
    if (!kist_str_format(dst, KIST_OUTPUT_TIME + 1, "%.19s.%09uZ", seconds, (unsigned)now.tv_nsec % 1000000000U)) {
        memset(dst, '0', KIST_OUTPUT_TIME);
    }
}

void kist_output_add(struct kist_ring *ring, int stream, const char *data, size_t len)
{
    char records[CHUNK], stamp[KIST_OUTPUT_TIME + 1];
    size_t used = 0;

    if (!ring || len == 0) {
        return;
    }
    put_time(stamp);
    while (len > 0) {
        const char *end = memchr(data, '\n', KIST_MIN(len, (size_t)TEXT_MAX));
        const size_t text = end ? (size_t)(end - data) : KIST_MIN(len, (size_t)TEXT_MAX);

        if (used + KIST_OUTPUT_HEAD + text + 1 > sizeof(records)) {
            (void)!kist_ring_add(ring, records, used, NULL);
            used = 0;
        }
        (void)snprintf(records + used, KIST_OUTPUT_HEAD + 1, "%s std%s %c ", stamp, stream == 2 ? "err" : "out",
                       end ? 'F' : 'P');
        memcpy(records + used + KIST_OUTPUT_HEAD, data, text);
        used += KIST_OUTPUT_HEAD + text;
        records[used++] = '\n';
        data += text + (end != NULL);
        len -= text + (end != NULL);
    }
    (void)!kist_ring_add(ring, records, used, NULL);
}

bool kist_output_parse(struct kist_output_record *record, const char *line, size_t len)
{
    if (len < KIST_OUTPUT_HEAD || line[KIST_OUTPUT_TIME - 1] != 'Z' || line[10] != 'T' ||
        (memcmp(line + KIST_OUTPUT_TIME, " stdout ", 8) != 0 && memcmp(line + KIST_OUTPUT_TIME, " stderr ", 8) != 0) ||
        (line[KIST_OUTPUT_HEAD - 2] != 'F' && line[KIST_OUTPUT_HEAD - 2] != 'P') || line[KIST_OUTPUT_HEAD - 1] != ' ') {
        return false;
    }
    *record = (struct kist_output_record){.time = line,
                                          .stream = line[KIST_OUTPUT_TIME + 4] == 'e' ? 2 : 1,
                                          .whole = line[KIST_OUTPUT_HEAD - 2] == 'F',
                                          .text = line + KIST_OUTPUT_HEAD,
                                          .len = len - KIST_OUTPUT_HEAD};
    return true;
}
