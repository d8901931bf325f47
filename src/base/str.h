/* Strings: bounded copies, checked numbers, sizes and times as people write them. */
#ifndef KIST_BASE_STR_H
#define KIST_BASE_STR_H

#include <stdbool.h>

#include "base/error.h"

/* Copies text with its NUL into dst of size bytes; false (and dst = "") when it does not fit. */
bool kist_str_copy(char *dst, size_t size, const char *text) KIST_CHECKED;
/* As snprintf, but true only when all of it fitted. */
bool kist_str_format(char *dst, size_t size, const char *fmt, ...) KIST_PRINTF(3, 4) KIST_CHECKED;

/*
 * Foreign text made fit for a message: control characters and bytes that are not ASCII become "?", and what does not fit is
 * cut, ending in "...". size is at least 4. Returns dst.
 */
char *kist_str_printable(char *dst, size_t size, const char *text);
/*
 * Text made harmless to a terminal, in place: control characters, those that UTF-8 spells in two bytes (U+0080 to U+009F)
 * among them, become "?". Returns text.
 */
char *kist_str_disarm(char *text);

bool kist_str_starts(const char *text, const char *prefix);
bool kist_str_ends(const char *text, const char *suffix);

/* A decimal number in the whole of text, at most max. False on anything else: sign, space, overflow. */
bool kist_str_u64(const char *text, uint64_t max, uint64_t *value) KIST_CHECKED;

/*
 * Bytes as people write them: "4096", "64k", "64KiB", "1.5MiB", "2g"; units are powers of 1024.
 * False on anything else, or above 2^63 - 1.
 */
bool kist_str_bytes(const char *text, uint64_t *bytes) KIST_CHECKED;
/* Milliseconds from "1500ms", "30s", "5m", "1h30m", "90" (seconds). */
bool kist_str_duration(const char *text, uint64_t *milliseconds) KIST_CHECKED;
/* "true|yes|on|1" or "false|no|off|0". */
bool kist_str_bool(const char *text, bool *value) KIST_CHECKED;

/* bytes for people: "512 B", "41.2 MiB" (powers of 1024, one decimal). dst of at least 24 bytes; returns dst. */
#define KIST_STR_SIZE_MAX 24
char *kist_str_size(char dst[KIST_STR_SIZE_MAX], uint64_t bytes);

/* Seconds since 1970 from RFC 3339 ("2024-01-31T12:00:00.123456789Z", also with an offset). */
bool kist_str_time(const char *text, int64_t *seconds) KIST_CHECKED;
/* RFC 3339, UTC, whole seconds, into dst of at least 32 bytes; returns dst. */
#define KIST_STR_TIME_MAX 32
char *kist_str_rfc3339(char dst[KIST_STR_TIME_MAX], int64_t seconds);
/* "3 weeks ago", "About an hour ago", "Less than a second ago": Docker's words (go-units HumanDuration) for an
 * age in seconds, without the "ago". dst of at least 32 bytes; returns dst. */
char *kist_str_age(char dst[KIST_STR_TIME_MAX], int64_t seconds);

/*
 * Takes the next of the comma-separated fields off *rest, in place; one may be in double quotes, two of which are one inside (CSV). NULL:
 * there are no more; or a quote has no end, or text behind it, and *rest is not NULL then.
 */
char *kist_str_field(char **rest);

/* Lower-case hex of len bytes into dst of 2 * len + 1 bytes. */
void kist_str_hex(char *dst, const void *bytes, size_t len);
/* len bytes from 2 * len lower-case hex digits; false on any other character. */
bool kist_str_unhex(void *bytes, size_t len, const char *text) KIST_CHECKED;

/* The name nearest to text among count names (edit distance <= 3 and less than half its length), or NULL. */
const char *kist_str_nearest(const char *text, const char *const *names, size_t count);

/* A growing list of owned strings; v is always ended by NULL once something was added. */
struct kist_strv {
    char **v;
    size_t n;
};

int kist_strv_add(struct kist_strv *list, const char *text, struct kist_error *err) KIST_CHECKED;
void kist_strv_release(struct kist_strv *list);
void kist_strv_auto(struct kist_strv *list);

#endif
