#include "build/mode.h"

#include <string.h>

static int malformed(const char *text, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_USAGE, "invalid chmod parameter: '%.60s'. it should be octal string and between 0 and 07777",
                          text);
}

/* The bits that a letter of "ugoa" stands for; 0: it is none. */
static uint16_t who_bits(char c)
{
    return c == 'u' ? 04700 : c == 'g' ? 02070 : c == 'o' ? 01007 : c == 'a' ? 07777 : 0;
}

static bool add_permission(struct kist_mode_clause *clause, char c)
{
    switch (c) {
    case 'r':
        clause->bits |= 0444;
        return true;
    case 'w':
        clause->bits |= 0222;
        return true;
    case 'x':
        clause->bits |= 0111;
        return true;
    case 'X':
        clause->search = true;
        return true;
    case 's':
        clause->bits |= 06000;
        return true;
    case 't':
        clause->bits |= 01000;
        return true;
    default:
        return false;
    }
}

/* One clause, whose end *at becomes. */
static bool parse_clause(struct kist_mode_clause *clause, const char **at)
{
    const char *p = *at;
    uint16_t bits;

    *clause = (struct kist_mode_clause){.who = 0};
    for (; (bits = who_bits(*p)) != 0; p++) {
        clause->who |= bits;
    }
    clause->who = clause->who ? clause->who : 07777;
    if (*p == '\0' || !strchr("+-=", *p)) {
        return false;
    }
    clause->op = *p++;
    while (*p != '\0' && *p != ',') {
        if (!add_permission(clause, *p++)) {
            return false;
        }
    }
    *at = p;
    return true;
}

int kist_mode_parse(struct kist_mode *m, const char *text, struct kist_error *err)
{
    const char *p = text;
    uint16_t mode = 0;

    m->count = 0;
    if (*p >= '0' && *p <= '7') {
        for (; *p >= '0' && *p <= '7' && mode <= 0777; p++) {
            mode = (uint16_t)(mode << 3 | (*p - '0'));
        }
        m->clauses[m->count++] = (struct kist_mode_clause){.who = 07777, .op = '=', .bits = mode};
        return *p == '\0' ? 0 : malformed(text, err);
    }
    do {
        if (m->count == KIST_MODE_CLAUSES || !parse_clause(&m->clauses[m->count++], &p)) {
            return malformed(text, err);
        }
    } while (*p++ == ',');
    return 0;
}

uint32_t kist_mode_apply(const struct kist_mode *m, uint32_t mode, bool directory)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct kist_mode_clause *c = &m->clauses[i];
        uint32_t bits = c->bits | (c->search && (directory || (mode & 0111)) ? 0111 : 0);

        bits &= c->who;
        mode = c->op == '+' ? mode | bits : c->op == '-' ? mode & ~bits : (mode & ~(uint32_t)c->who) | bits;
    }
    return mode;
}
