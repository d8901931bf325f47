#include "container/etc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "container/plan.h"

static const char loopback[] = "127.0.0.1\tlocalhost\n"
                               "::1\tlocalhost ip6-localhost ip6-loopback\n"
                               "fe00::\tip6-localnet\n"
                               "ff00::\tip6-mcastprefix\n"
                               "ff02::1\tip6-allnodes\n"
                               "ff02::2\tip6-allrouters\n";

/* ---- words ---- */

int kist_etc_each_word(const char *text, int (*each)(void *arg, const char *word, struct kist_error *err), void *arg,
                       struct kist_error *err)
{
    KIST_AUTO(free) char *copy = strdup(text ? text : "");
    char *rest = copy, *word;
    int rc = copy ? 0 : kist_error_nomem(err);

    while (rc == 0 && (word = strsep(&rest, " ")) != NULL) {
        rc = *word != '\0' ? each(arg, word, err) : 0;
    }
    return rc;
}

int kist_etc_append(void *array, const char *word, struct kist_error *err)
{
    return kist_json_append(array, cJSON_CreateString(word), err);
}

/* ---- hosts ---- */

/* "NAME=ADDRESS" */
static int add_host(void *arg, const char *word, struct kist_error *err)
{
    const char *equals = strchr(word, '=');

    return equals ? kist_buf_printf(arg, err, "%s\t%.*s\n", equals + 1, (int)(equals - word), word) : 0;
}

static int add_hosts(struct kist_buf *text, const cJSON *config, struct kist_error *err)
{
    return kist_etc_each_word(kist_plan_note(config, "kist.hosts"), add_host, text, err);
}

int kist_etc_without(struct kist_buf *out, struct port_file *file, const char *address, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);
    const size_t len = strlen(address);
    uint64_t size;
    char *rest, *line;
    int rc = port_file_size(file, &size, err);

    if (rc == 0 && size > KIST_MAX_CONF) {
        return kist_error_set(err, KIST_E_CORRUPT, "a hosts file is too large");
    }
    rc = rc < 0 ? rc : kist_buf_reserve(&text, (size_t)size, err);
    rc = rc < 0 || size == 0 ? rc : port_file_read_at(file, 0, text.data, (size_t)size, &text.len, err);
    if (rc < 0 || size == 0) {
        return rc;
    }
    text.data[text.len] = '\0';
    rest = text.data;
    while (rc == 0 && (line = strsep(&rest, "\n")) != NULL) {
        if (*line != '\0' && !(strncmp(line, address, len) == 0 && (line[len] == '\t' || line[len] == ' '))) {
            rc = kist_buf_printf(out, err, "%s\n", line);
        }
    }
    return rc;
}

/* ---- resolv.conf ---- */

/* A file of the host, or nothing where it has none. */
static int copy_host(struct kist_buf *text, const char *path, struct kist_error *err)
{
    KIST_AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : 1;
    int rc = 0;

    while (rc == 0 && n > 0) {
        rc = kist_buf_reserve(text, 4096, err);
        n = rc < 0 ? 0 : read(fd, text->data + text->len, 4096);
        text->len += n > 0 ? (size_t)n : 0;
    }
    if (text->data) {
        text->data[text->len] = '\0';
    }
    return rc < 0 ? kist_error_wrap(err, "cannot copy '%s'", path) : 0;
}

static int add_server(void *arg, const char *word, struct kist_error *err)
{
    return kist_buf_printf(arg, err, "nameserver %s\n", word);
}

/* The host's, but what the flags say instead, and without servers at addresses that are the container's own. */
static int filter_resolv(struct kist_buf *text, char *host, bool own_network, const char *const said[3], struct kist_error *err)
{
    static const char *const words[3] = {"nameserver", "search", "options"};
    char *line;
    int rc = 0;

    while (rc == 0 && (line = strsep(&host, "\n")) != NULL) {
        bool drop = *line == '\0';

        for (size_t i = 0; i < KIST_COUNT(words); i++) {
            const size_t len = strlen(words[i]);

            if (strncmp(line, words[i], len) == 0 && (line[len] == ' ' || line[len] == '\t')) {
                const char *value = line + len + strspn(line + len, " \t");

                drop = said[i] || (i == 0 && own_network && (kist_str_starts(value, "127.") || strcmp(value, "::1") == 0));
            }
        }
        rc = drop ? 0 : kist_buf_printf(text, err, "%s\n", line);
    }
    return rc;
}

static int resolv_text(struct kist_buf *text, const cJSON *config, bool own_network, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf host = KIST_BUF_INIT(KIST_MAX_CONF);
    const char *const said[3] = {kist_plan_note(config, "kist.dns"), kist_plan_note(config, "kist.dns.search"),
                                 kist_plan_note(config, "kist.dns.options")};
    int rc = copy_host(&host, "/etc/resolv.conf", err);

    rc = rc < 0 || !host.data ? rc : filter_resolv(text, host.data, own_network, said, err);
    rc = rc < 0 ? rc : kist_etc_each_word(said[0], add_server, text, err);
    if (rc == 0 && said[1] && strcmp(said[1], ".") != 0) {
        rc = kist_buf_printf(text, err, "search %s\n", said[1]);
    }
    return rc < 0 || !said[2] ? rc : kist_buf_printf(text, err, "options %s\n", said[2]);
}

/* ---- files ---- */

static int etc_text(struct kist_buf *text, const char *name, const struct port_sandbox_spec *s, const cJSON *config,
                    struct kist_error *err)
{
    bool own_network = (s->own & PORT_OWN_NETWORK) != 0;
    int rc;

    for (size_t i = 0; i < s->join_count; i++) {
        own_network = own_network || s->joins[i].what == PORT_OWN_NETWORK;
    }
    if (strcmp(name, "hostname") == 0) {
        return s->hostname ? kist_buf_printf(text, err, "%s\n", s->hostname) : copy_host(text, "/etc/hostname", err);
    }
    if (strcmp(name, "resolv.conf") == 0) {
        return resolv_text(text, config, s->network != NULL, err);
    }
    if (strcmp(name, "hosts") == 0) {
        rc = own_network ? kist_buf_puts(text, loopback, err) : copy_host(text, "/etc/hosts", err);
        return rc < 0 ? rc : add_hosts(text, config, err);
    }
    return kist_error_set(err, KIST_E_USAGE, "config.json: there is no 'etc/%s' to mount", name);
}

static int write_file(const char *name, const struct kist_buf *text, struct port_dir *run, struct kist_error *err)
{
    struct port_file *file;
    int rc = port_file_create(&file, run, name, true, err);

    if (rc < 0) {
        return rc;
    }
    rc = port_file_append(file, kist_buf_text(text), text->len, err);
    if (rc == 0 && fchmod(port_file_fd(file), 0644) < 0) {
        rc = kist_error_sys(err, KIST_E_IO, errno, "cannot make '%s' readable", name);
    }
    port_file_discard(file);
    return rc;
}

int kist_etc_make(const char *name, const struct port_sandbox_spec *s, const cJSON *config, struct port_dir *run,
                  struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);
    int rc;

    if (s->network && strcmp(name, "hosts") == 0) {
        return 0; /* made when the others were told */
    }
    rc = etc_text(&text, name, s, config, err);
    return rc < 0 ? rc : write_file(name, &text, run, err);
}

int kist_etc_share(const char *name, const char *owner, struct port_dir *run, struct kist_error *err)
{
    char from[KIST_MAX_PATH + 1], to[KIST_MAX_PATH + 1];

    if (!kist_path_join(from, sizeof(from), owner, name) || !kist_path_join(to, sizeof(to), port_dir_path(run), name)) {
        return kist_error_set(err, KIST_E_FAIL, "the path '%s/%s' is too long", owner, name);
    }
    (void)unlink(to); /* the last run's */
    return link(from, to) == 0 ? 0
                               : kist_error_sys(err, errno == ENOENT ? KIST_E_NOT_FOUND : KIST_E_IO, errno,
                                                "cannot share '%s' of another container", name);
}

int kist_etc_hosts(struct port_dir *run, const cJSON *config, const char *own, const char *others, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);
    int rc = kist_buf_puts(&text, loopback, err);

    rc = rc < 0 ? rc : kist_buf_puts(&text, own, err);
    rc = rc < 0 ? rc : add_hosts(&text, config, err);
    rc = rc < 0 ? rc : kist_buf_puts(&text, others, err);
    return rc < 0 ? rc : write_file("hosts", &text, run, err);
}
