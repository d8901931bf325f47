#include <string.h>

#include "registry/http.h"

static int memory_read(void *arg, void *data, size_t size, size_t *got, struct kist_error *err)
{
    struct kist_http_memory *m = arg;

    (void)err;
    *got = (size_t)KIST_MIN(m->content.length - m->at, (uint64_t)size);
    memcpy(data, m->data + m->at, *got);
    m->at += *got;
    return 0;
}

static int memory_rewind(void *arg, struct kist_error *err)
{
    struct kist_http_memory *m = arg;

    (void)err;
    m->at = 0;
    return 0;
}

void kist_http_memory_init(struct kist_http_memory *m, const char *type, const void *data, size_t len)
{
    *m = (struct kist_http_memory){
        .content = {.type = type, .length = len, .read = memory_read, .rewind = memory_rewind, .arg = m},
        .data = data,
    };
}
