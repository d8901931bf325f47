#include "registry/challenge.h"

#include <string.h>
#include <strings.h>

/* RFC 9110, 5.6.2: the characters of a token. */
static bool is_token(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t");
}

static const char *skip_token(const char *p)
{
    while (is_token(*p)) {
        p++;
    }
    return p;
}

/* Past a token68 that is all of a challenge's parameters, or NULL where p is none. */
static const char *skip_token68(const char *p)
{
    const char *start = p;

    while (is_token(*p) || *p == '/') {
        p++;
    }
    if (p == start) {
        return NULL;
    }
    p += strspn(p, "=");
    p = skip_space(p);
    return *p == ',' || *p == '\0' ? p : NULL;
}

struct value {
    char *dst; /* NULL: read, not kept */
    size_t size, used;
};

static bool put(struct value *v, char c)
{
    if (!v->dst) {
        return true;
    }
    if (v->used + 1 >= v->size) {
        return false;
    }
    v->dst[v->used++] = c;
    v->dst[v->used] = '\0';
    return true;
}

/* A quoted string, or (more than the grammar allows, as some servers do) anything up to a comma or space. */
static const char *take_value(const char *p, struct value *v)
{
    if (*p != '"') {
        const char *start = p;

        for (; *p != '\0' && !strchr(" \t,\"", *p); p++) {
            if (!put(v, *p)) {
                return NULL;
            }
        }
        return p == start ? NULL : p;
    }
    for (p++; *p != '"'; p++) {
        if (*p == '\\') {
            p++;
        }
        if (*p == '\0' || !put(v, *p)) {
            return NULL;
        }
    }
    return p + 1;
}

static bool named(const char *start, const char *end, const char *name)
{
    size_t len = strlen(name);

    return (size_t)(end - start) == len && strncasecmp(start, name, len) == 0;
}

/* Where the parameter name ... end of a Bearer challenge belongs; nowhere when it is there already or of no
 * interest. */
static struct value place(struct kist_challenge *c, const char *name, const char *end)
{
    const struct {
        const char *name;
        char *dst;
        size_t size;
    } fields[] = {
        {"realm", c->realm, sizeof(c->realm)},
        {"service", c->service, sizeof(c->service)},
        {"scope", c->scope, sizeof(c->scope)},
    };

    for (size_t i = 0; i < KIST_COUNT(fields); i++) {
        if (named(name, end, fields[i].name) && fields[i].dst[0] == '\0') {
            return (struct value){.dst = fields[i].dst, .size = fields[i].size};
        }
    }
    return (struct value){.dst = NULL};
}

/* name=value, ... up to the next challenge's scheme or the end; c NULL: only passed over. NULL where it is
 * malformed. */
static const char *take_params(const char *p, struct kist_challenge *c)
{
    for (;;) {
        const char *name, *end;
        struct value value = {.dst = NULL};

        p += strspn(p, " \t,");
        name = p;
        end = skip_token(p);
        p = skip_space(end);
        if (end == name || *p != '=') {
            return name;
        }
        if (c) {
            value = place(c, name, end);
        }
        p = take_value(skip_space(p + 1), &value);
        if (!p) {
            return NULL;
        }
        p = skip_space(p);
        if (*p != ',' && *p != '\0') {
            return NULL;
        }
    }
}

bool kist_challenge_parse(struct kist_challenge *c, const char *text)
{
    const char *p = text;

    memset(c, 0, sizeof(*c));
    for (;;) {
        const char *scheme, *end, *token68;
        struct kist_challenge *into = NULL;

        p += strspn(p, " \t,");
        if (*p == '\0') {
            return true;
        }
        scheme = p;
        end = skip_token(p);
        p = skip_space(end);
        if (end == scheme || (p == end && *p != ',' && *p != '\0')) {
            return false;
        }
        if (named(scheme, end, "basic")) {
            c->basic = true;
        } else if (named(scheme, end, "bearer") && !c->bearer) {
            into = c;
        }
        token68 = skip_token68(p);
        p = token68 ? token68 : take_params(p, into);
        if (!p) {
            return false;
        }
        if (into) {
            c->bearer = c->realm[0] != '\0';
        }
    }
}
