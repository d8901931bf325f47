#include "store/pushed.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "private.h"

#define FILE_NAME "pushed"
#define FILE_MAX (4U << 20)

/* The next word of *text, cut off; "" at the end. */
static const char *word(char **text)
{
    const char *w = strsep(text, " ");

    return w ? w : "";
}

static bool take_digest(struct kist_digest *d, char **text)
{
    const char *hex = word(text);

    return strlen(hex) == KIST_DIGEST_HEX_MAX - 1 && kist_str_unhex(d->bytes, sizeof(d->bytes), hex);
}

/* "<diff ID> <form> <digest> <size> <host/path>"; cut in place. false where it is anything else. */
static bool parse_line(struct kist_pushed *p, char *line)
{
    return take_digest(&p->diff_id, &line) && kist_str_copy(p->form, sizeof(p->form), word(&line)) &&
           take_digest(&p->digest, &line) && kist_str_u64(word(&line), INT64_MAX, &p->size) && line &&
           kist_str_copy(p->repository, sizeof(p->repository), line);
}

static int print_line(struct kist_buf *out, const struct kist_pushed *p, struct kist_error *err)
{
    char diff_id[KIST_DIGEST_HEX_MAX], digest[KIST_DIGEST_HEX_MAX];

    return kist_buf_printf(out, err, "%s %s %s %" PRIu64 " %s\n", kist_digest_hex(diff_id, &p->diff_id), p->form,
                           kist_digest_hex(digest, &p->digest), p->size, p->repository);
}

static bool same_key(const struct kist_pushed *p, const struct kist_digest *diff_id, const char *form)
{
    return kist_digest_equal(&p->diff_id, diff_id) && strcmp(p->form, form) == 0;
}

bool kist_store_pushed_find(struct kist_store *s, const struct kist_digest *diff_id, const char *form,
                            struct kist_pushed *known)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(FILE_MAX);
    struct port_dir *dir;
    char *rest, *line;
    bool found = false;
    int rc = port_dir_open_at(&dir, s->root, "cache", false, NULL);

    if (rc < 0) {
        return false;
    }
    rc = kist_store_read(dir, FILE_NAME, &text, NULL);
    port_dir_close(dir);
    rest = rc == 0 ? text.data : NULL;
    while (!found && (line = strsep(&rest, "\n")) != NULL) {
        found = parse_line(known, line) && same_key(known, diff_id, form);
    }
    return found;
}

/* What is in the file and still of use beside pushed, then pushed. */
static int rewrite(struct kist_store *s, struct port_dir *dir, const struct kist_pushed *pushed, struct kist_buf *out,
                   struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(FILE_MAX);
    struct kist_pushed known;
    char *rest, *line;
    int rc = 0;

    rest = kist_store_read(dir, FILE_NAME, &text, NULL) == 0 ? text.data : NULL;
    while (rc == 0 && (line = strsep(&rest, "\n")) != NULL) {
        if (parse_line(&known, line) && !same_key(&known, &pushed->diff_id, pushed->form) &&
            kist_store_has_layer(s, &known.diff_id)) {
            rc = print_line(out, &known, err);
        }
    }
    return rc == 0 ? print_line(out, pushed, err) : rc;
}

int kist_store_pushed_add(struct kist_store *s, const struct kist_pushed *pushed, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(FILE_MAX);
    KIST_AUTO(store_lock) struct port_file *lock = NULL;
    struct port_dir *dir;
    int rc;

    if ((rc = kist_store_lock(s, true, &lock, err)) < 0 ||
        (rc = port_dir_open_at(&dir, s->root, "cache", true, err)) < 0) {
        return rc;
    }
    rc = rewrite(s, dir, pushed, &text, err);
    if (rc == 0) {
        rc = kist_store_write_locked(s, dir, FILE_NAME, text.data, text.len, err);
    }
    port_dir_close(dir);
    return rc;
}
