#include "registry/credential_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/secret.h"
#include "base/str.h"
#include "port/file.h"

#define WORDS "file of logins"
#define LOCK_WAIT_MS 10000

int kist_credential_file_parse(cJSON **root, const char *text, size_t len, const char *path, struct kist_error *err)
{
    int rc = 0;

    if (strspn(text, " \t\r\n") == len) { /* as Docker takes it */
        *root = cJSON_CreateObject();
        return *root ? 0 : kist_error_nomem(err);
    }
    rc = kist_json_parse(root, text, len, "JSON", err);
    if (rc == 0 && !cJSON_IsObject(*root)) {
        rc = kist_error_set(err, KIST_E_CORRUPT, "not a JSON object");
    }
    if (rc < 0 && rc != KIST_E_NOMEM) {
        (void)kist_error_wrap(err, "the " WORDS " '%s' cannot be read", path);
        if (err) {
            err->code = KIST_E_USAGE;
        }
        kist_json_wipe_auto(root);
        return KIST_E_USAGE;
    }
    return rc;
}

int kist_credential_file_read(cJSON **root, const char *path, struct kist_error *err)
{
    KIST_AUTO(buf_wipe) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);
    int rc = kist_buf_reserve(&text, KIST_MAX_CONF, err);

    if (rc == 0) {
        rc = kist_file_read(&text, path, WORDS, err);
    }
    return rc < 0 ? rc : kist_credential_file_parse(root, kist_buf_text(&text), text.len, path, err);
}

/*
 * The new file, empty and locked. Whoever holds the lock works on the file of that name: if it was renamed meanwhile, the
 * next one is tried.
 */
static int lock_new(struct port_file **f, struct port_dir *dir, const char *name, struct kist_error *err)
{
    for (;;) {
        struct port_stat st = {.mode = 0600};
        int rc = port_dir_stat(dir, name, &st, err);

        if (rc == 0 && (st.type != PORT_TYPE_FILE || (st.mode & 077) != 0)) {
            rc = port_dir_remove_tree(dir, name, err); /* not of our making */
        }
        if (rc == 0 || rc == KIST_E_NOT_FOUND) {
            rc = port_file_open_rw(f, dir, name, err);
        }
        if (rc == 0) {
            rc = port_file_lock(*f, true, LOCK_WAIT_MS, err);
            if (rc == 0 && port_file_is(*f, dir, name)) {
                return 0;
            }
            port_file_discard(*f);
            *f = NULL;
        }
        if (rc < 0) {
            return rc;
        }
    }
}

static int write_new(struct port_file *f, const cJSON *root, struct kist_error *err)
{
    KIST_AUTO(buf_wipe) struct kist_buf text = KIST_BUF_INIT(2 * KIST_MAX_CONF);
    int rc = kist_json_print(root, true, &text, err);

    if (rc == 0) {
        rc = kist_buf_puts(&text, "\n", err);
    }
    if (rc == 0) {
        rc = port_file_truncate(f, 0, err);
    }
    if (rc == 0) {
        rc = port_file_append(f, kist_buf_text(&text), text.len, err);
    }
    return rc == 0 ? port_file_sync(f, err) : rc;
}

static int edit_in(struct port_dir *dir, const char *path, const char *name, const char *new_name,
                   int (*change)(void *arg, cJSON *root, struct kist_error *err), void *arg, struct kist_error *err)
{
    KIST_AUTO(json_wipe) cJSON *root = NULL;
    struct port_file *f = NULL;
    int rc = lock_new(&f, dir, new_name, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_credential_file_read(&root, path, err);
    if (rc == KIST_E_NOT_FOUND) {
        rc = kist_credential_file_parse(&root, "", 0, path, err);
    }
    if (rc == 0) {
        rc = change(arg, root, err);
    }
    if (rc == 0) {
        rc = write_new(f, root, err);
    }
    if (rc == 0) {
        rc = port_dir_rename(dir, new_name, dir, name, err);
    }
    if (rc == 0) {
        rc = port_dir_sync(dir, err);
    } else {
        (void)!port_dir_unlink(dir, new_name, NULL);
    }
    port_file_discard(f);
    return KIST_MIN(rc, 0);
}

int kist_credential_file_edit(const char *path, int (*change)(void *arg, cJSON *root, struct kist_error *err), void *arg,
                              struct kist_error *err)
{
    KIST_AUTO(free) char *real = realpath(path, NULL); /* a link stays one, and what it leads to changes */
    char folder[KIST_MAX_PATH + 1], new_name[300];
    struct port_dir *dir = NULL;
    const char *name;
    int rc;

    if (!real) {
        real = strdup(path);
    }
    name = real ? strrchr(real, '/') : NULL;
    if (!name || !kist_str_format(folder, sizeof(folder), "%.*s", (int)KIST_MAX(name - real, 1), real) ||
        !kist_str_format(new_name, sizeof(new_name), "%s.new", name + 1)) {
        return real ? kist_error_set(err, KIST_E_USAGE, "the " WORDS " '%s' is no absolute path", path)
                    : kist_error_nomem(err);
    }
    rc = port_dir_open(&dir, folder, true, err);
    if (rc == 0) {
        rc = edit_in(dir, real, name + 1, new_name, change, arg, err);
        port_dir_close(dir);
    }
    return rc < 0 ? kist_error_wrap(err, "cannot change the " WORDS " '%s'", path) : 0;
}
