/* Flags of a mount and of all below it, for kernels without mount_setattr (before 5.12). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/str.h"
#include "sandbox_private.h"

static const struct {
    const char *name;
    unsigned long flag;
} known[] = {
    {"ro", MS_RDONLY},       {"nosuid", MS_NOSUID},         {"nodev", MS_NODEV},       {"noexec", MS_NOEXEC},
    {"noatime", MS_NOATIME}, {"nodiratime", MS_NODIRATIME}, {"relatime", MS_RELATIME},
};

/* "rw,nosuid,relatime" -> MS_...: a remount says all flags anew, so those there must be said again. */
static unsigned long flags_of(char *options)
{
    unsigned long flags = 0;
    char *name;

    while ((name = strsep(&options, ","))) {
        for (size_t i = 0; i < KIST_COUNT(known); i++) {
            if (strcmp(name, known[i].name) == 0) {
                flags |= known[i].flag;
            }
        }
    }
    return flags;
}

/* "\040" -> " ", in place. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *p = text; *p != '\0'; to++) {
        if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' &&
            p[3] <= '7') {
            *to = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
            p += 4;
        } else {
            *to = *p++;
        }
    }
    *to = '\0';
}

/* One line of mountinfo (proc(5)): fields 5 and 6 are mount point and options. */
static bool split(char *line, char **point, char **options)
{
    for (int i = 1; line && i <= 5; i++) {
        *point = strsep(&line, " ");
    }
    *options = line ? strsep(&line, " ") : NULL;
    return *options != NULL;
}

static bool is_below(const char *path, const char *top)
{
    size_t len = strlen(top);

    return strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

int port_remount_tree(const char *path, unsigned flags, struct kist_error *err)
{
    FILE *table = fopen("/proc/self/mountinfo", "re");
    char *line = NULL, *point = NULL, *options = NULL;
    size_t size = 0;
    int rc = 0;

    if (!table) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot open '/proc/self/mountinfo'");
    }
    while (rc == 0 && getline(&line, &size, table) > 0) {
        if (!split(line, &point, &options)) {
            continue;
        }
        unescape(point);
        if (is_below(point, path) &&
            mount(NULL, point, NULL, MS_REMOUNT | MS_BIND | flags_of(options) | port_mount_flags(flags),
                  NULL) < 0) {
            rc = kist_error_sys(err, KIST_E_IO, errno, "cannot set the flags of mount '%s'", point);
        }
    }
    free(line);
    (void)fclose(table);
    return rc;
}
