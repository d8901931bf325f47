#include "build/excerpt.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Bytes of a source line shown before and from the caret on. */
#define SHOWN_BEFORE 48
#define SHOWN_AFTER 64
#define NAME_SHOWN 128
#define EXCERPT_MAX 320
/* What the line of the caret begins with. */
#define BELOW "\n      | "

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

struct place {
    size_t start, end; /* of the line, its newline not counted */
    unsigned line, column;
};

static struct place find_place(const char *source, size_t len, size_t at)
{
    struct place p = {.start = 0, .end = at, .line = 1, .column = 1};

    for (size_t i = 0; i < at; i++) {
        if (source[i] == '\n') {
            p.line++;
            p.start = i + 1;
        }
    }
    if (p.start == 0 && len >= 3 && memcmp(source, "\xef\xbb\xbf", 3) == 0) {
        p.start = KIST_MIN((size_t)3, at);
    }
    for (size_t i = p.start; i < at; i++) {
        p.column += !is_continuation(source[i]);
    }
    while (p.end < len && source[p.end] != '\n') {
        p.end++;
    }
    while (p.end > at && source[p.end - 1] == '\r') {
        p.end--;
    }
    return p;
}

/* The line and the caret below it, into dst. */
static void draw(char *dst, size_t size, const char *source, struct place p, size_t at)
{
    bool cut_before = at - p.start > SHOWN_BEFORE, cut_after = p.end - at > SHOWN_AFTER;
    size_t from = cut_before ? at - SHOWN_BEFORE : p.start, to = cut_after ? at + SHOWN_AFTER : p.end;
    char shown[SHOWN_BEFORE + SHOWN_AFTER + 1], under[SHOWN_AFTER + 1] = "^";
    int indent = cut_before ? 3 : 0, n = 1;
    bool ended = false;

    while (from < at && is_continuation(source[from])) {
        from++;
    }
    while (to > at && to < p.end && is_continuation(source[to])) {
        to--;
    }
    for (size_t i = from; i < to; i++) {
        bool counts = !is_continuation(source[i]);

        /* a tab of one column keeps the caret below its word */
        shown[i - from] = source[i] == '\t' || source[i] == '\0' ? ' ' : source[i];
        indent += i < at && counts;
        if (i > at && counts && !ended) {
            ended = strchr(" \t\r", source[i]) != NULL;
            under[n] = '~';
            n += !ended;
        }
    }
    under[n] = '\0';
    shown[to - from] = '\0';
    (void)snprintf(dst, size, "\n%5u | %s%s%s" BELOW "%*s%s", p.line, cut_before ? "..." : "", kist_str_disarm(shown),
                   cut_after ? "..." : "", indent, "", under);
}

void kist_excerpt_add(struct kist_error *err, const char *name, const char *source, size_t len, size_t at)
{
    char shown_name[NAME_SHOWN], drawn[EXCERPT_MAX], message[KIST_ERROR_MESSAGE_MAX];
    struct place p;

    if (!err || strstr(err->message, BELOW)) {
        return;
    }
    at = KIST_MIN(at, len);
    p = find_place(source, len, at);
    draw(drawn, sizeof(drawn), source, p, at);
    memcpy(message, err->message, sizeof(message));
    (void)snprintf(err->message, sizeof(err->message) - strlen(drawn), "%s:%u:%u: %s",
                   kist_str_printable(shown_name, sizeof(shown_name), name), p.line, p.column, kist_str_disarm(message));
    memcpy(err->message + strlen(err->message), drawn, strlen(drawn) + 1);
}
