#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"

static struct {
    enum kist_log_level level;
    kist_log_write_fn *write;
    void *arg;
    pthread_mutex_t lock;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER};

void kist_log_init(enum kist_log_level level, kist_log_write_fn *write, void *arg)
{
    sink.level = level;
    sink.write = write;
    sink.arg = arg;
}

void kist_log(enum kist_log_level level, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    if (!sink.write || level > sink.level) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)kist_str_disarm(text); /* lines quote what servers and archives say */
    (void)pthread_mutex_lock(&sink.lock);
    sink.write(sink.arg, level, text);
    (void)pthread_mutex_unlock(&sink.lock);
}
