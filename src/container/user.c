#include "container/user.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define FIELDS_MAX 7

/* A line of passwd or group, cut at its colons; the last field takes the rest. */
struct line {
    char *fields[FIELDS_MAX];
    size_t n;
};

/* What spec asks for, and what was found. */
struct lookup {
    const char *name; /* of the user; NULL: by number */
    uint32_t id;
    bool has_group;
    const char *group_name; /* NULL: by number */
    uint32_t group_id;
    const char *matched; /* the user's name in passwd */
};

/* The next line of *text, cut in place; false at its end. */
static bool next_line(char **text, size_t max_fields, struct line *line)
{
    char *p = *text;
    size_t len;

    if (*p == '\0') {
        return false;
    }
    len = strcspn(p, "\n");
    *text = p + len + (p[len] == '\n');
    p[len] = '\0';
    line->n = 0;
    while (line->n < max_fields) {
        line->fields[line->n++] = p;
        p += strcspn(p, ":");
        if (*p == '\0' || line->n == max_fields) {
            break;
        }
        *p++ = '\0';
    }
    return true;
}

static bool id_of(const char *text, uint32_t *id)
{
    uint64_t n;

    if (!kist_str_u64(text, KIST_USER_ID_MAX, &n)) {
        return false;
    }
    *id = (uint32_t)n;
    return true;
}

/* A decimal number of whatever size, a sign too: never a name. */
static bool looks_numeric(const char *text)
{
    text += *text == '-' || *text == '+';
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static int number_of(const char *what, const char *text, uint32_t *id, struct kist_error *err)
{
    if (!id_of(text, id)) {
        return kist_error_set(err, KIST_E_USAGE, "%s '%s': uids and gids must be in range 0-2147483647", what,
                              text);
    }
    return 0;
}

/* user and group are spec's two halves. */
static int parse_spec(struct lookup *l, const char *user, const char *group, struct kist_error *err)
{
    int rc = 0;

    if (looks_numeric(user)) {
        rc = number_of("user", user, &l->id, err);
    } else if (*user != '\0') {
        l->name = user;
    }
    if (rc < 0 || *group == '\0') {
        return rc;
    }
    l->has_group = true;
    if (looks_numeric(group)) {
        return number_of("group", group, &l->group_id, err);
    }
    l->group_name = group;
    return 0;
}

static int read_table(struct kist_buf *text, const char *path, kist_read_file_fn *read_file, void *arg,
                      struct kist_error *err)
{
    int rc = read_file(arg, path, text, err);

    if (rc == KIST_E_NOT_FOUND) {
        kist_buf_clear(text);
        rc = 0;
    }
    if (rc == 0) {
        rc = kist_buf_reserve(text, 1, err);
    }
    return rc < 0 ? kist_error_wrap(err, "cannot read '%s' of the image", path) : 0;
}

static int search_passwd(struct kist_user *user, struct lookup *l, char *text, struct kist_error *err)
{
    struct line line;
    uint32_t uid, gid;

    while (next_line(&text, 7, &line)) {
        if (line.n < 4 || !id_of(line.fields[2], &uid) || !id_of(line.fields[3], &gid)) {
            continue;
        }
        if (l->name ? strcmp(line.fields[0], l->name) != 0 : uid != l->id) {
            continue;
        }
        user->uid = uid;
        user->gid = gid;
        l->matched = line.fields[0];
        if (line.n > 5 && line.fields[5][0] != '\0') {
            user->home = strdup(line.fields[5]);
            return user->home ? 0 : kist_error_nomem(err);
        }
        return 0;
    }
    if (l->name) {
        return kist_error_set(err, KIST_E_NOT_FOUND,
                              "unable to find user '%s': no matching entries in passwd file", l->name);
    }
    user->uid = l->id;
    return 0;
}

/* A comma-separated list names name. */
static bool is_member(const char *list, const char *name)
{
    size_t len = strlen(name);

    while (*list != '\0') {
        size_t part = strcspn(list, ",");

        if (part == len && memcmp(list, name, len) == 0) {
            return true;
        }
        list += part + (list[part] == ',');
    }
    return false;
}

static int add_group(struct kist_user *user, uint32_t gid, struct kist_error *err)
{
    uint32_t *groups = realloc(user->groups, (user->group_count + 1) * sizeof(*groups));

    if (!groups) {
        return kist_error_nomem(err);
    }
    user->groups = groups;
    groups[user->group_count++] = gid;
    return 0;
}

static int search_group(struct kist_user *user, struct lookup *l, char *text, struct kist_error *err)
{
    struct line line;
    uint32_t gid;
    int rc = 0;

    while (rc == 0 && next_line(&text, 4, &line)) {
        if (line.n < 3 || !id_of(line.fields[2], &gid)) {
            continue;
        }
        if (l->group_name && strcmp(line.fields[0], l->group_name) == 0) {
            user->gid = gid;
            return 0;
        }
        if (!l->has_group && l->matched && line.n > 3 && is_member(line.fields[3], l->matched)) {
            rc = add_group(user, gid, err);
        }
    }
    if (rc == 0 && l->group_name) {
        return kist_error_set(err, KIST_E_NOT_FOUND,
                              "unable to find group '%s': no matching entries in group file", l->group_name);
    }
    return rc;
}

static int search(struct kist_user *user, struct lookup *l, kist_read_file_fn *read_file, void *arg,
                  struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf passwd = KIST_BUF_INIT(KIST_MAX_PASSWD);
    KIST_AUTO(buf) struct kist_buf group = KIST_BUF_INIT(KIST_MAX_PASSWD);
    int rc = read_table(&passwd, "/etc/passwd", read_file, arg, err);

    if (rc == 0) {
        rc = search_passwd(user, l, passwd.data, err);
    }
    if (rc == 0 && l->has_group && !l->group_name) {
        user->gid = l->group_id;
    } else if (rc == 0 && (l->group_name || l->matched)) {
        rc = read_table(&group, "/etc/group", read_file, arg, err);
        if (rc == 0) {
            rc = search_group(user, l, group.data, err);
        }
    }
    if (rc == 0 && !user->home) {
        user->home = strdup("/");
        rc = user->home ? 0 : kist_error_nomem(err);
    }
    return rc;
}

int kist_user_lookup(struct kist_user *user, const char *spec, kist_read_file_fn *read_file, void *arg,
                     struct kist_error *err)
{
    KIST_AUTO(free) char *name = strdup(spec);
    struct lookup l = {0};
    char *group;
    int rc;

    *user = (struct kist_user){0};
    if (!name) {
        return kist_error_nomem(err);
    }
    group = name + strcspn(name, ":");
    if (*group == ':') {
        *group++ = '\0';
    }
    rc = parse_spec(&l, name, group, err);
    if (rc == 0) {
        rc = search(user, &l, read_file, arg, err);
    }
    if (rc < 0) {
        kist_user_release(user);
    }
    return rc;
}

void kist_user_release(struct kist_user *user)
{
    free(user->groups);
    free(user->home);
    *user = (struct kist_user){0};
}

void kist_user_auto(struct kist_user *user)
{
    kist_user_release(user);
}
