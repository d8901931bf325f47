#include "base/resolve.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define MAX_LINKS 40 /* as the kernel follows */

/* Where a walk is: at is what was reached, todo what is left of the path. */
struct walk {
    char *at; /* of KIST_MAX_PATH + 1 bytes, as the others */
    char todo[KIST_MAX_PATH + 1];
    char target[KIST_MAX_PATH + 1];
    char rest[KIST_MAX_PATH + 1];
    unsigned links;
};

static int too_long(struct kist_error *err)
{
    return kist_error_set(err, KIST_E_NOT_FOUND, "a path is longer than %d bytes", KIST_MAX_PATH);
}

/* The link's target takes the place of its name in what is left to walk. */
static int follow_link(struct walk *w, char *name, struct kist_error *err)
{
    if (++w->links > MAX_LINKS) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "too many symbolic links at '%s'", w->at);
    }
    if (!kist_str_format(w->rest, sizeof(w->rest), "%s/%s", w->target, w->todo)) {
        return too_long(err);
    }
    memcpy(w->todo, w->rest, strlen(w->rest) + 1);
    *(w->target[0] == '/' ? w->at : name) = '\0';
    return 0;
}

static void climb(char *at)
{
    char *slash = strrchr(at, '/');

    *(slash ? slash : at) = '\0';
}

/* The next name of todo goes behind at: *name is what it begins with, its slash. false: there is none. */
static bool take_name(struct walk *w, char **name, bool *fits)
{
    const char *from = w->todo + strspn(w->todo, "/");
    size_t len = strcspn(from, "/"), end = strlen(w->at);

    *fits = true;
    if (len == 0) {
        return false;
    }
    *name = w->at + end;
    *fits = end + (end > 0) + len <= KIST_MAX_PATH;
    if (*fits) {
        if (end > 0) {
            w->at[end++] = '/';
        }
        memcpy(w->at + end, from, len);
        w->at[end + len] = '\0';
    }
    memmove(w->todo, from + len, strlen(from + len) + 1);
    return true;
}

static bool more(const struct walk *w)
{
    return w->todo[strspn(w->todo, "/")] != '\0';
}

static int walk(struct walk *w, bool follow, kist_path_look *look, void *arg, struct kist_error *err)
{
    int what = KIST_PATH_DIRECTORY;
    char *name;
    bool fits;

    while (take_name(w, &name, &fits)) {
        const char *text = name + (*name == '/');

        if (!fits) {
            return too_long(err);
        }
        if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0) {
            bool up = text[1] == '.';

            *name = '\0';
            if (up) {
                climb(w->at);
                what = w->at[0] != '\0' ? look(arg, w->at, w->target, err) : KIST_PATH_DIRECTORY;
            }
        } else {
            what = what == KIST_PATH_DIRECTORY ? look(arg, w->at, w->target, err) : KIST_PATH_NOTHING;
        }
        if (what == KIST_PATH_LINK && (follow || more(w))) {
            what = follow_link(w, name, err);
            what = what < 0 ? what : KIST_PATH_DIRECTORY;
        }
        if (what < 0) {
            return what;
        }
    }
    return what;
}

int kist_path_resolve(char out[KIST_MAX_PATH + 1], const char *path, bool follow, kist_path_look *look, void *arg,
                 struct kist_error *err)
{
    KIST_AUTO(free) struct walk *w = malloc(sizeof(*w));

    out[0] = '\0';
    if (!w) {
        return kist_error_nomem(err);
    }
    w->at = out;
    w->links = 0;
    if (!kist_str_copy(w->todo, sizeof(w->todo), path)) {
        return too_long(err);
    }
    return walk(w, follow, look, arg, err);
}
