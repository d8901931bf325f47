/* Diagnostics for people who debug: off unless --log-level says so; never results, never secrets. */
#ifndef KIST_BASE_LOG_H
#define KIST_BASE_LOG_H

#include "base/base.h"

enum kist_log_level { KIST_LOG_ERROR, KIST_LOG_WARN, KIST_LOG_INFO, KIST_LOG_DEBUG };

/* Where lines go: text has no newline. Called from any thread, one line at a time. */
typedef void kist_log_write_fn(void *arg, enum kist_log_level level, const char *text);

/* Sends lines up to level to write; NULL turns the log off. To be called before threads start. */
void kist_log_init(enum kist_log_level level, kist_log_write_fn *write, void *arg);

void kist_log(enum kist_log_level level, const char *fmt, ...) KIST_PRINTF(2, 3);

#endif
