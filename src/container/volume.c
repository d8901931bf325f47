#include "container/volume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/path.h"
#include "store/store.h"

/* "/" + the clean form of text; NULL and errno where it has none. */
static char *absolute(const char *text)
{
    char *path = malloc(KIST_MAX_PATH + 2);

    if (!path) {
        return NULL;
    }
    path[0] = '/';
    if (!kist_path_clean(path + 1, KIST_MAX_PATH + 1, text)) {
        free(path);
        errno = EINVAL;
        return NULL;
    }
    return path;
}

int kist_destination_parse(char **path, const char *text, const char *option, struct kist_error *err)
{
    *path = NULL;
    if (text[0] != '/') {
        return kist_error_set(err, KIST_E_USAGE, "%s: the path in the container, '%s', must be absolute",
                              option, text);
    }
    *path = absolute(text);
    if (!*path && errno == ENOMEM) {
        return kist_error_nomem(err);
    }
    if (!*path) {
        return kist_error_set(err, KIST_E_USAGE, "%s: '%.200s' is no path in the container", option, text);
    }
    if ((*path)[1] == '\0') {
        free(*path);
        *path = NULL;
        return kist_error_set(err, KIST_E_USAGE, "%s: the path in the container can't be '/'", option);
    }
    return 0;
}

int kist_source_parse(char **path, const char *text, const char *option, struct kist_error *err)
{
    char here[KIST_MAX_PATH + 1], whole[2 * KIST_MAX_PATH + 2];

    *path = NULL;
    if (text[0] == '.') {
        if (!getcwd(here, sizeof(here))) {
            return kist_error_sys(err, KIST_E_USAGE, errno, "%s '%s': no working directory", option, text);
        }
        if (!kist_path_join(whole, sizeof(whole), here, text)) {
            return kist_error_set(err, KIST_E_USAGE, "%s: path too long", option);
        }
        text = whole;
    }
    *path = text[0] == '/' ? absolute(text) : NULL;
    if (!*path && text[0] == '/' && errno == ENOMEM) {
        return kist_error_nomem(err);
    }
    return *path ? 0 : kist_error_set(err, KIST_E_USAGE, "%s: '%.200s' is no path on the host", option, text);
}

/* A volume's name, or a source on the host. */
static int parse_source(struct kist_volume *v, const char *text, struct kist_error *err)
{
    if (text[0] != '.' && text[0] != '/') {
        int rc = kist_store_volume_check(text, err);

        v->name = rc == 0 ? strdup(text) : NULL;
        if (rc < 0) {
            return kist_error_set(err, KIST_E_USAGE,
                                  "--volume: '%.200s' is neither the name of a volume nor a path on the host: give one "
                                  "such as '/%.200s' or './%.200s'",
                                  text, text, text);
        }
        return v->name ? 0 : kist_error_nomem(err);
    }
    return kist_source_parse(&v->source, text, "--volume", err);
}

const char *kist_propagation_name(const char *text)
{
    static const char *const names[] = {"private", "rprivate", "shared", "rshared", "slave", "rslave"};

    for (size_t i = 0; i < KIST_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            return names[i];
        }
    }
    return NULL;
}

/* One word of the options; each kind may be given once. */
static bool take_option(struct kist_volume *v, const char *word, unsigned *seen)
{
    enum { MODE = 1, LABEL = 2, COPY = 4, CONSISTENCY = 8, PROPAGATION = 16 };
    static const struct {
        const char *word;
        unsigned kind;
    } words[] = {
        {"ro", MODE},
        {"rw", MODE},
        {"z", LABEL},
        {"Z", LABEL},
        {"nocopy", COPY},
        {"cached", CONSISTENCY},
        {"delegated", CONSISTENCY},
        {"consistent", CONSISTENCY},
    };

    const char *propagation = kist_propagation_name(word);

    if (propagation && (*seen & PROPAGATION) == 0) {
        *seen |= PROPAGATION;
        v->propagation = propagation;
        return true;
    }
    for (size_t i = 0; i < KIST_COUNT(words); i++) {
        if (strcmp(word, words[i].word) != 0) {
            continue;
        }
        if ((*seen & words[i].kind) != 0) {
            return false;
        }
        *seen |= words[i].kind;
        v->read_only = v->read_only || strcmp(word, "ro") == 0;
        v->nocopy = v->nocopy || words[i].kind == COPY;
        return true;
    }
    return false;
}

static int parse_options(struct kist_volume *v, char *text, struct kist_error *err)
{
    unsigned seen = 0;
    char *word = text;

    while (word) {
        char *comma = strchr(word, ',');

        if (comma) {
            *comma = '\0';
        }
        if (!take_option(v, word, &seen)) {
            return kist_error_set(err, KIST_E_USAGE, "--volume: invalid mode '%s' for '%s'", word,
                                  v->destination);
        }
        word = comma ? comma + 1 : NULL;
    }
    return 0;
}

/* text is cut at its colons. */
static int parse_parts(struct kist_volume *v, char *text, struct kist_error *err)
{
    char *parts[3] = {text, NULL, NULL};
    size_t n = 1;
    int rc;

    for (char *colon = strchr(text, ':'); colon; colon = strchr(colon, ':')) {
        *colon++ = '\0';
        if (n == KIST_COUNT(parts)) {
            return kist_error_set(err, KIST_E_USAGE, "--volume: too many colons after '%s:%s:%s'", parts[0],
                                  parts[1], parts[2]);
        }
        parts[n++] = colon;
    }
    if (n == 1) {
        return kist_destination_parse(&v->destination, parts[0], "--volume", err);
    }
    rc = kist_destination_parse(&v->destination, parts[1], "--volume", err);
    if (rc == 0) {
        rc = parse_source(v, parts[0], err);
    }
    if (rc == 0 && n == 3) {
        rc = parse_options(v, parts[2], err);
    }
    return rc;
}

int kist_volume_parse(struct kist_volume *v, const char *text, struct kist_error *err)
{
    KIST_AUTO(free) char *copy = strdup(text);
    int rc;

    *v = (struct kist_volume){.propagation = "rprivate"};
    if (!copy) {
        return kist_error_nomem(err);
    }
    rc = parse_parts(v, copy, err);
    if (rc < 0) {
        kist_volume_release(v);
    }
    return rc;
}

void kist_volume_release(struct kist_volume *v)
{
    free(v->source);
    free(v->name);
    free(v->destination);
    *v = (struct kist_volume){0};
}

void kist_volume_auto(struct kist_volume *v)
{
    kist_volume_release(v);
}
