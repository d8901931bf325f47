#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool kist_str_copy(char *dst, size_t size, const char *text)
{
    size_t len = strlen(text);

    if (len >= size) {
        dst[0] = '\0';
        return false;
    }
    memcpy(dst, text, len + 1);
    return true;
}

bool kist_str_format(char *dst, size_t size, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(dst, size, fmt, args);
    va_end(args);
    return len >= 0 && (size_t)len < size;
}

char *kist_str_printable(char *dst, size_t size, const char *text)
{
    size_t n = 0;

    for (; text[n] != '\0' && n + 1 < size; n++) {
        dst[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
    }
    dst[n] = '\0';
    if (text[n] != '\0') {
        memcpy(dst + size - 4, "...", 4);
    }
    return dst;
}

char *kist_str_disarm(char *text)
{
    unsigned char *p = (unsigned char *)text;

    for (; *p != '\0'; p++) {
        if (*p < ' ' || *p == 0x7f) {
            *p = '?';
        } else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
            *p++ = '?';
            *p = '?';
        }
    }
    return text;
}

bool kist_str_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool kist_str_ends(const char *text, const char *suffix)
{
    size_t len = strlen(text), tail = strlen(suffix);

    return len >= tail && strcmp(text + len - tail, suffix) == 0;
}

/* The digits at *text, moved past; false without a digit or above max. */
static bool take_digits(const char **text, uint64_t max, uint64_t *value)
{
    const char *p = *text;
    uint64_t n = 0;

    for (; *p >= '0' && *p <= '9'; p++) {
        unsigned digit = (unsigned)(*p - '0');

        if (digit > max || n > (max - digit) / 10) {
            return false;
        }
        n = n * 10 + digit;
    }
    if (p == *text) {
        return false;
    }
    *text = p;
    *value = n;
    return true;
}

bool kist_str_u64(const char *text, uint64_t max, uint64_t *value)
{
    uint64_t n;

    if (!take_digits(&text, max, &n) || *text != '\0') {
        return false;
    }
    *value = n;
    return true;
}

bool kist_str_bytes(const char *text, uint64_t *bytes)
{
    static const char letters[] = "kmgtp";
    uint64_t whole, tenths = 0, scale = 1, unit = 1;
    const char *letter;

    if (!take_digits(&text, INT64_MAX, &whole)) {
        return false;
    }
    if (*text == '.') {
        const char *start = ++text;

        if (!take_digits(&text, 999999, &tenths) || text - start > 6) {
            return false;
        }
        for (const char *p = start; p < text; p++) {
            scale *= 10;
        }
    }
    if (*text == ' ') {
        text++;
    }
    if (*text != '\0' && (letter = strchr(letters, *text | 0x20)) != NULL) {
        unit = (uint64_t)1 << (10 * (letter - letters + 1));
        text++;
        if (*text == 'i' || *text == 'I') {
            text++;
        }
    }
    if (*text == 'b' || *text == 'B') {
        text++;
    }
    if (*text != '\0' || whole > (uint64_t)INT64_MAX / unit) {
        return false;
    }
    *bytes = whole * unit + (uint64_t)((double)tenths / (double)scale * (double)unit);
    return true;
}

bool kist_str_duration(const char *text, uint64_t *milliseconds)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    uint64_t total = 0, n;
    const char *start = text;

    do {
        size_t unit;

        if (!take_digits(&text, 1U << 30, &n)) {
            return false;
        }
        if (*text == '\0' && total == 0 && start != text) {
            *milliseconds = n * 1000;
            return true;
        }
        for (unit = 0; unit < KIST_COUNT(units); unit++) {
            if (kist_str_starts(text, units[unit].name)) {
                break;
            }
        }
        if (unit == KIST_COUNT(units)) {
            return false;
        }
        text += strlen(units[unit].name);
        total += n * units[unit].ms;
    } while (*text != '\0');
    *milliseconds = total;
    return true;
}

bool kist_str_bool(const char *text, bool *value)
{
    static const char *const words[] = {"false", "no", "off", "0", "true", "yes", "on", "1"};

    for (size_t i = 0; i < KIST_COUNT(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *value = i >= KIST_COUNT(words) / 2;
            return true;
        }
    }
    return false;
}

char *kist_str_size(char dst[KIST_STR_SIZE_MAX], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    uint64_t unit = 1;
    size_t i = 0;

    while (i + 1 < KIST_COUNT(units) && bytes / unit >= 1024) {
        unit *= 1024;
        i++;
    }
    if (i == 0) {
        (void)snprintf(dst, KIST_STR_SIZE_MAX, "%u B", (unsigned)bytes);
    } else {
        (void)snprintf(dst, KIST_STR_SIZE_MAX, "%.1f %s", (double)bytes / (double)unit, units[i]);
    }
    return dst;
}

/* Days from 1970-01-01 to the first of March based civil date (proleptic Gregorian). */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    int64_t era, doy, yoe;

    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    yoe = year - era * 400;
    doy = (153 * (month + (month > 2 ? -3U : 9U)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool take_fixed(const char **text, int digits, unsigned low, unsigned high, unsigned *value)
{
    unsigned n = 0;

    for (int i = 0; i < digits; i++, (*text)++) {
        if (**text < '0' || **text > '9') {
            return false;
        }
        n = n * 10 + (unsigned)(**text - '0');
    }
    *value = n;
    return n >= low && n <= high;
}

static bool take_char(const char **text, char a, char b)
{
    if (**text != a && **text != b) {
        return false;
    }
    (*text)++;
    return true;
}

/* "Z" or "+hh:mm", the rest of the text. */
static bool take_zone(const char *text, int64_t *offset)
{
    unsigned hour, minute;
    int sign;

    if ((text[0] == 'Z' || text[0] == 'z') && text[1] == '\0') {
        *offset = 0;
        return true;
    }
    if (*text != '+' && *text != '-') {
        return false;
    }
    sign = *text++ == '-' ? -1 : 1;
    if (!take_fixed(&text, 2, 0, 23, &hour) || !take_char(&text, ':', ':') ||
        !take_fixed(&text, 2, 0, 59, &minute)) {
        return false;
    }
    *offset = sign * (int64_t)(hour * 3600 + minute * 60);
    return *text == '\0';
}

bool kist_str_time(const char *text, int64_t *seconds)
{
    unsigned year, month, day, hour, minute, second;
    int64_t offset;

    if (!take_fixed(&text, 4, 0, 9999, &year) || !take_char(&text, '-', '-') ||
        !take_fixed(&text, 2, 1, 12, &month) || !take_char(&text, '-', '-') ||
        !take_fixed(&text, 2, 1, 31, &day) || !take_char(&text, 'T', 't') ||
        !take_fixed(&text, 2, 0, 23, &hour) || !take_char(&text, ':', ':') ||
        !take_fixed(&text, 2, 0, 59, &minute) || !take_char(&text, ':', ':') ||
        !take_fixed(&text, 2, 0, 60, &second)) {
        return false;
    }
    if (*text == '.') {
        text++;
        while (*text >= '0' && *text <= '9') {
            text++;
        }
    }
    if (!take_zone(text, &offset)) {
        return false;
    }
    *seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    return true;
}

char *kist_str_rfc3339(char dst[KIST_STR_TIME_MAX], int64_t seconds)
{
    int64_t days = seconds / 86400, rest = seconds % 86400, era, doe, yoe, doy, month, year;

    if (rest < 0) {
        rest += 86400;
        days--;
    }
    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    doe = days - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    month = (5 * doy + 2) / 153;
    year = yoe + era * 400 + (month >= 10);
    (void)snprintf(dst, KIST_STR_TIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)year,
                   (int)(month < 10 ? month + 3 : month - 9), (int)(doy - (153 * month + 2) / 5 + 1),
                   (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
    return dst;
}

char *kist_str_age(char dst[KIST_STR_TIME_MAX], int64_t seconds)
{
    /* below: the age from which the next row counts; unit: seconds in one. */
    static const struct {
        int64_t below, unit;
        const char *many;
    } rows[] = {
        {60, 1, "%d seconds"},           {3600, 60, "%d minutes"},
        {48 * 3600, 3600, "%d hours"},   {14 * 86400, 86400, "%d days"},
        {60 * 86400, 7 * 86400, "%d weeks"}, {730 * (int64_t)86400, 30 * 86400, "%d months"},
        {INT64_MAX, 365 * 86400, "%d years"},
    };
    size_t i = 0;

    if (seconds >= 3600 && seconds < INT64_MAX - 3600) {
        seconds = (seconds + 1800) / 3600 * 3600; /* to the nearest hour, as go-units has it */
    }
    if (seconds < 1) {
        (void)snprintf(dst, KIST_STR_TIME_MAX, "Less than a second");
    } else if (seconds == 1) {
        (void)snprintf(dst, KIST_STR_TIME_MAX, "1 second");
    } else if (seconds >= 60 && seconds < 120) {
        (void)snprintf(dst, KIST_STR_TIME_MAX, "About a minute");
    } else if (seconds == 3600) {
        (void)snprintf(dst, KIST_STR_TIME_MAX, "About an hour");
    } else {
        while (i + 1 < KIST_COUNT(rows) && seconds >= rows[i].below) {
            i++;
        }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(dst, KIST_STR_TIME_MAX, rows[i].many, (int)(seconds / rows[i].unit));
#pragma GCC diagnostic pop
    }
    return dst;
}

char *kist_str_field(char **rest)
{
    char *from = *rest, *to, *field = from;

    if (!from || *from != '"') {
        return strsep(rest, ",");
    }
    for (from++, to = field;; from++) {
        if (*from == '"' && from[1] != '"') {
            break;
        }
        from += *from == '"';
        if (*from == '\0') {
            return NULL;
        }
        *to++ = *from;
    }
    if (from[1] != ',' && from[1] != '\0') {
        return NULL;
    }
    *rest = from[1] == ',' ? from + 2 : NULL;
    *to = '\0';
    return field;
}

void kist_str_hex(char *dst, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = bytes;

    for (size_t i = 0; i < len; i++) {
        *dst++ = digits[p[i] >> 4];
        *dst++ = digits[p[i] & 15];
    }
    *dst = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool kist_str_unhex(void *bytes, size_t len, const char *text)
{
    unsigned char *p = bytes;

    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text[2 * i]), low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

        if (low < 0) {
            return false;
        }
        p[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

/* Levenshtein distance of two words of fewer than 64 characters; longer ones are never near. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[64], la = strlen(a), lb = strlen(b);

    if (la >= KIST_COUNT(row) || lb >= KIST_COUNT(row)) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= lb; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);

            best = KIST_MIN(best, above + 1);
            row[j] = KIST_MIN(best, row[j - 1] + 1);
            diagonal = above;
        }
    }
    return row[lb];
}

const char *kist_str_nearest(const char *text, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t least = KIST_MIN((size_t)4, strlen(text) / 2 + 1);

    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(text, names[i]);

        if (distance < least) {
            least = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

int kist_strv_add(struct kist_strv *list, const char *text, struct kist_error *err)
{
    char **v = realloc(list->v, (list->n + 2) * sizeof(*v));

    if (!v) {
        return kist_error_nomem(err);
    }
    list->v = v;
    v[list->n] = strdup(text);
    if (!v[list->n]) {
        return kist_error_nomem(err);
    }
    v[++list->n] = NULL;
    return 0;
}

void kist_strv_release(struct kist_strv *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->v[i]);
    }
    free(list->v);
    list->v = NULL;
    list->n = 0;
}

void kist_strv_auto(struct kist_strv *list)
{
    kist_strv_release(list);
}
