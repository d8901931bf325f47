#include <stdlib.h>
#include <string.h>

#include "container/volume.h"

/* Flags that exclude one another stand side by side; the first is what holds when none of them is given, NULL
 * for nothing. */
static const char *const flags[][3] = {
    {"noexec", "exec"},
    {"nosuid", "suid"},
    {"nodev"},
    {NULL, "ro", "rw"},
    {NULL, "sync", "async"},
    {NULL, "atime", "noatime"},
    {NULL, "dirsync"},
    {NULL, "diratime", "nodiratime"},
    {NULL, "relatime", "norelatime"},
    {NULL, "strictatime", "nostrictatime"},
};

/* Options with a value, which the filesystem reads itself. */
static const char *const keys[] = {"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"};

static bool take_flag(const char *chosen[KIST_COUNT(flags)], const char *word)
{
    for (size_t i = 0; i < KIST_COUNT(flags); i++) {
        for (size_t j = 0; j < KIST_COUNT(flags[i]); j++) {
            if (flags[i][j] && strcmp(flags[i][j], word) == 0) {
                chosen[i] = flags[i][j];
                return true;
            }
        }
    }
    return false;
}

static bool has_key(const char *word)
{
    size_t len = strcspn(word, "=");

    for (size_t i = 0; i < KIST_COUNT(keys); i++) {
        if (strlen(keys[i]) == len && strncmp(word, keys[i], len) == 0) {
            return word[len] == '=' && word[len + 1] != '\0';
        }
    }
    return false;
}

static int parse_options(struct kist_strv *options, char *text, struct kist_error *err)
{
    const char *chosen[KIST_COUNT(flags)];
    char *word = text;
    int rc = 0;

    for (size_t i = 0; i < KIST_COUNT(flags); i++) {
        chosen[i] = flags[i][0];
    }
    while (word && rc == 0) {
        char *comma = strchr(word, ',');

        if (comma) {
            *comma = '\0';
        }
        if (strcmp(word, "dev") == 0) {
            rc = kist_error_set(err, KIST_E_USAGE,
                                "--tmpfs: 'dev': device files work in a container's /dev only");
        } else if (has_key(word)) {
            rc = kist_strv_add(options, word, err);
        } else if (*word != '\0' && !take_flag(chosen, word)) {
            rc = kist_error_set(err, KIST_E_USAGE, "--tmpfs: invalid option '%s'", word);
        }
        word = comma ? comma + 1 : NULL;
    }
    for (size_t i = 0; i < KIST_COUNT(flags) && rc == 0; i++) {
        rc = chosen[i] ? kist_strv_add(options, chosen[i], err) : 0;
    }
    return rc;
}

int kist_tmpfs_parse(char **destination, struct kist_strv *options, const char *text, struct kist_error *err)
{
    KIST_AUTO(free) char *copy = strdup(text);
    char *rest;
    int rc;

    *destination = NULL;
    if (!copy) {
        return kist_error_nomem(err);
    }
    rest = copy + strcspn(copy, ":");
    if (*rest == ':') {
        *rest++ = '\0';
    }
    rc = kist_destination_parse(destination, copy, "--tmpfs", err);
    if (rc == 0) {
        rc = parse_options(options, rest, err);
    }
    if (rc < 0) {
        free(*destination);
        *destination = NULL;
    }
    return rc;
}
