#include "build/pattern.h"

#include <stdlib.h>
#include <string.h>

/*
 * A pattern is a list of steps and matching is a walk with a set of them, never with a choice to be taken back: however a pattern
 * is made, each character of the text is looked at once for each step.
 */
enum step_kind {
    STEP_CHARACTER,
    STEP_ANY,     /* one character, a slash only where value says so */
    STEP_CLASS,
    STEP_RUN,     /* any text without slash */
    STEP_ALL,     /* any text */
    STEP_PARENTS, /* nothing, or what the next step takes */
    STEP_INSIDE,  /* text up to a slash */
};

struct kist_pattern_step {
    enum step_kind kind;
    uint32_t value; /* the character; for a class, where it begins in the pattern's text */
};

/* Bytes that are no UTF-8 are characters too, beyond all others. */
#define NO_UTF8 0x110000U

/* The character at p, of at most len bytes; *size is its bytes. */
static uint32_t character(const char *p, size_t len, size_t *size)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t want = u[0] < 0xc2 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : u[0] < 0xf5 ? 4 : 1;
    uint32_t c = want == 1 ? u[0] : u[0] & (0x7fU >> want);

    *size = 1;
    if (u[0] < 0x80) {
        return u[0];
    }
    if (want == 1 || want > len) {
        return NO_UTF8 + u[0];
    }
    for (size_t i = 1; i < want; i++) {
        if ((u[i] & 0xc0) != 0x80) {
            return NO_UTF8 + u[0];
        }
        c = c << 6 | (u[i] & 0x3f);
    }
    *size = want;
    return c;
}

/* The character that ends at text + len. */
static uint32_t character_before(const char *text, size_t len, size_t *size)
{
    for (size_t back = KIST_MIN(len, (size_t)4); back > 1; back--) {
        uint32_t c = character(text + len - back, back, size);

        if (*size == back) {
            return c;
        }
    }
    return character(text + len - 1, 1, size);
}

/* ---- compiling ---- */

static int malformed(const char *text, const char *why, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_USAGE, "malformed pattern '%s': %s", text, why);
}

/* A class's next character, its escape taken off; false where there is none. */
static bool class_character(const char **p, uint32_t *c)
{
    size_t size;

    if (**p == '\\') {
        (*p)++;
    } else if (**p == '-' || **p == ']') {
        return false;
    }
    if (**p == '\0') {
        return false;
    }
    *c = character(*p, strlen(*p), &size);
    *p += size;
    return true;
}

/*
 * The class at p, just behind its '[': whether c is in it. *end, unless NULL, is behind its ']', NULL where it is malformed.
 */
static bool class_has(const char *p, uint32_t c, const char **end)
{
    bool negated = *p == '^', found = false;
    uint32_t low, high;

    p += negated;
    if (end) {
        *end = NULL;
    }
    do {
        if (!class_character(&p, &low)) {
            return false;
        }
        high = low;
        if (*p == '-') {
            p++;
            if (!class_character(&p, &high)) {
                return false;
            }
        }
        found = found || (c >= low && c <= high);
    } while (*p != ']');
    if (end) {
        *end = p + 1;
    }
    return found != negated;
}

static void add_step(struct kist_pattern *p, enum step_kind kind, uint32_t value)
{
    p->steps[p->count++] = (struct kist_pattern_step){kind, value};
}

/* "**" at at, and the slash behind it. Leading a pattern that has nothing else special, it stands for part of a name too. */
static const char *compile_double_star(struct kist_pattern *p, const char *at)
{
    const char *after = at + 2 + (at[2] == '/');

    if (*after == '\0' || (at == p->text && at[2] != '/' && !strpbrk(after, "*?[\\"))) {
        add_step(p, STEP_ALL, 0);
    } else {
        add_step(p, STEP_PARENTS, 0);
        add_step(p, STEP_INSIDE, 0);
    }
    return after;
}

/* The step at at, which is moved past it. */
static int compile_step(struct kist_pattern *p, enum kist_pattern_kind kind, const char **at, struct kist_error *err)
{
    bool path = kind == KIST_PATTERN_PATH;
    const char *end;
    size_t size;

    if (**at == '*' && path && (*at)[1] == '*') {
        *at = compile_double_star(p, *at);
        return 0;
    }
    if (**at == '*') {
        add_step(p, path ? STEP_RUN : STEP_ALL, 0);
        (*at)++;
        return 0;
    }
    if (**at == '?') {
        add_step(p, STEP_ANY, !path);
        (*at)++;
        return 0;
    }
    if (**at == '[' && path) {
        (void)class_has(*at + 1, 0, &end);
        if (!end) {
            return malformed(p->text, "its '[' is not closed, or a '-' or ']' in it not escaped", err);
        }
        add_step(p, STEP_CLASS, (uint32_t)(*at + 1 - p->text));
        *at = end;
        return 0;
    }
    if (**at == '\\') {
        (*at)++;
        if (**at == '\0' || (!path && !strchr("*?\\/}", **at))) {
            return malformed(p->text, "a '\\' escapes nothing", err);
        }
    }
    add_step(p, STEP_CHARACTER, character(*at, strlen(*at), &size));
    *at += size;
    return 0;
}

int kist_pattern_compile(struct kist_pattern *p, enum kist_pattern_kind kind, const char *text,
                         struct kist_error *err)
{
    size_t len = strlen(text);
    const char *at;
    int rc = 0;

    *p = (struct kist_pattern){.text = strdup(text)};
    /* no character makes more than one step, but for "**", which makes two */
    p->steps = calloc(len + 1, sizeof(*p->steps));
    p->lists = calloc(3 * (len + 1), sizeof(*p->lists));
    if (!p->text || !p->steps || !p->lists) {
        kist_pattern_release(p);
        return kist_error_nomem(err);
    }
    for (at = p->text; rc == 0 && *at != '\0';) {
        rc = compile_step(p, kind, &at, err);
    }
    if (rc < 0) {
        kist_pattern_release(p);
    }
    return rc;
}

void kist_pattern_release(struct kist_pattern *p)
{
    free(p->text);
    free(p->steps);
    free(p->lists);
    *p = (struct kist_pattern){.text = NULL};
}

void kist_pattern_auto(struct kist_pattern *p)
{
    kist_pattern_release(p);
}

bool kist_pattern_is_wild(const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("*?[", *text)) {
            return true;
        }
        if (*text == '\\' && text[1] != '\0') {
            text++;
        }
    }
    return false;
}

/* ---- matching ---- */

/* Where a walk is: the steps that may come next. Backward, steps are numbered from the end. */
struct walk {
    struct kist_pattern *p;
    bool backward;
    uint32_t *now, *next, *entered;
    size_t count;
    bool ends;   /* the text so far matches */
    bool roamed; /* a step that takes any text was reached */
};

static const struct kist_pattern_step *step_of(const struct walk *w, uint32_t i)
{
    return &w->p->steps[w->backward ? w->p->count - 1 - i : i];
}

/* Puts step i into list, and those that may be taken instead of it. */
static void enter(struct walk *w, uint32_t *list, size_t *count, uint32_t i)
{
    for (;; i++) {
        enum step_kind kind;

        if (i == w->p->count) {
            w->ends = true;
            return;
        }
        if (w->entered[i] == w->p->round) {
            return;
        }
        w->entered[i] = w->p->round;
        kind = step_of(w, i)->kind;
        if (kind == STEP_PARENTS) {
            i++;
            if (w->entered[i] == w->p->round) {
                continue;
            }
            w->entered[i] = w->p->round;
        }
        list[(*count)++] = i;
        if (kind != STEP_RUN && kind != STEP_ALL && kind != STEP_PARENTS) {
            return;
        }
        w->roamed = true;
    }
}

static void new_round(struct walk *w)
{
    struct kist_pattern *p = w->p;

    if (++p->round == 0) {
        memset(w->entered, 0, (p->count + 1) * sizeof(*w->entered));
        p->round = 1;
    }
    w->ends = false;
}

static void start(struct walk *w, struct kist_pattern *p, bool backward)
{
    *w = (struct walk){.p = p, .backward = backward};
    w->now = p->lists;
    w->next = w->now + p->count + 1;
    w->entered = w->next + p->count + 1;
    new_round(w);
    enter(w, w->now, &w->count, 0);
}

/* Goes on by one character; false where no step is left. */
static bool take(struct walk *w, uint32_t c)
{
    uint32_t *list = w->next;
    size_t count = 0;

    new_round(w);
    for (size_t n = 0; n < w->count; n++) {
        uint32_t i = w->now[n];
        const struct kist_pattern_step *s = step_of(w, i);

        switch (s->kind) {
        case STEP_CHARACTER:
            if (s->value == c) {
                enter(w, list, &count, i + 1);
            }
            break;
        case STEP_ANY:
            if (c != '/' || s->value) {
                enter(w, list, &count, i + 1);
            }
            break;
        case STEP_CLASS:
            if (class_has(w->p->text + s->value, c, NULL)) {
                enter(w, list, &count, i + 1);
            }
            break;
        case STEP_RUN:
            if (c != '/') {
                enter(w, list, &count, i);
            }
            break;
        case STEP_INSIDE:
            if (c == '/') {
                enter(w, list, &count, i + 1);
            }
            enter(w, list, &count, i);
            break;
        default:
            enter(w, list, &count, i);
            break;
        }
    }
    w->next = w->now;
    w->now = list;
    w->count = count;
    return count > 0 || w->ends;
}

/* Walks over path. With parents it stops where a directory that path is in matches: true. */
static bool walk_path(struct walk *w, struct kist_pattern *p, const char *path, bool parents)
{
    size_t len = strlen(path), size;

    start(w, p, false);
    for (; len > 0; path += size, len -= size) {
        if (parents && *path == '/' && w->ends) {
            return true;
        }
        if (!take(w, character(path, len, &size))) {
            return false;
        }
    }
    return w->ends;
}

bool kist_pattern_match(struct kist_pattern *p, const char *path)
{
    struct walk w;

    return walk_path(&w, p, path, false);
}

bool kist_pattern_covers(struct kist_pattern *p, const char *path)
{
    struct walk w;

    return walk_path(&w, p, path, true);
}

bool kist_pattern_reaches(struct kist_pattern *p, const char *dir)
{
    struct walk w;

    (void)walk_path(&w, p, dir, false);
    if (dir[0] != '\0' && w.count > 0) {
        (void)take(&w, '/');
    }
    return w.count > 0;
}

long kist_pattern_part(struct kist_pattern *p, const char *text, size_t len, bool backward, bool longest)
{
    struct walk w;
    size_t size, done = 0;
    long found = -1;

    start(&w, p, backward);
    for (;;) {
        if (w.ends) {
            found = (long)done;
        }
        if ((found >= 0 && !longest) || done == len || w.count == 0) {
            break;
        }
        if (!take(&w, backward ? character_before(text, len - done, &size) : character(text + done, len - done, &size))) {
            break;
        }
        done += size;
    }
    return found < 0 && w.roamed && done == len ? -2 : found;
}
