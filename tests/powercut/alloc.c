/* Reached by the linker's --wrap. */
#include <stdlib.h>
#include <string.h>

#include "powercut.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

static uint64_t calls, fail_at;
static bool fail_sticky;

void alloc_fail_at(uint64_t n, bool sticky)
{
    calls = 0;
    fail_at = n;
    fail_sticky = sticky;
}

uint64_t alloc_calls(void)
{
    return calls;
}

static bool fails(void)
{
    if (port_sim_allocating()) {
        return false;
    }
    calls++;
    return fail_at != 0 && (calls == fail_at || (fail_sticky && calls > fail_at));
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
    return fails() ? NULL : __real_strndup(text, len);
}
