#include "container/capability.h"

#include <strings.h>

/* By number. */
static const char *const names[KIST_CAPABILITY_COUNT] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

#define PREFIX_LEN 4 /* "CAP_" */

const char *kist_capability_name(unsigned number)
{
    return number < KIST_CAPABILITY_COUNT ? names[number] : NULL;
}

bool kist_capability_find(const char *text, unsigned *number)
{
    size_t skip = strncasecmp(text, "CAP_", PREFIX_LEN) == 0 ? 0 : PREFIX_LEN;

    for (unsigned i = 0; i < KIST_CAPABILITY_COUNT; i++) {
        if (strcasecmp(text, names[i] + skip) == 0) {
            *number = i;
            return true;
        }
    }
    return false;
}

static int unknown(const char *option, const char *text, struct kist_error *err)
{
    char whole[40];
    const char *nearest = NULL;

    if (kist_str_format(whole, sizeof(whole), "%s%s",
                        strncasecmp(text, "CAP_", PREFIX_LEN) == 0 ? "" : "CAP_", text)) {
        for (char *c = whole; *c != '\0'; c++) {
            *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
        }
        nearest = kist_str_nearest(whole, names, KIST_COUNT(names));
    }
    if (nearest) {
        return kist_error_set(err, KIST_E_USAGE, "%s: unknown capability '%s' (did you mean '%s'?)", option,
                              text, nearest + PREFIX_LEN);
    }
    return kist_error_set(err, KIST_E_USAGE, "%s: unknown capability '%s'", option, text);
}

/* The names of one option as a set; *all when "ALL" is among them. */
static int parse(uint64_t *set, bool *all, const struct kist_strv *list, const char *option,
                 struct kist_error *err)
{
    *set = 0;
    *all = false;
    for (size_t i = 0; i < list->n; i++) {
        unsigned number;

        if (strcasecmp(list->v[i], "ALL") == 0) {
            *all = true;
        } else if (kist_capability_find(list->v[i], &number)) {
            *set |= KIST_CAPABILITY_BIT(number);
        } else {
            return unknown(option, list->v[i], err);
        }
    }
    return 0;
}

int kist_capability_resolve(uint64_t *set, const struct kist_strv *add, const struct kist_strv *drop,
                            uint64_t available, struct kist_error *err)
{
    uint64_t adds, drops;
    bool add_all, drop_all;
    int rc = parse(&adds, &add_all, add, "--cap-add", err);

    if (rc == 0) {
        rc = parse(&drops, &drop_all, drop, "--cap-drop", err);
    }
    if (rc < 0) {
        return rc;
    }
    for (unsigned i = 0; i < KIST_CAPABILITY_COUNT; i++) {
        if ((adds & ~available & KIST_CAPABILITY_BIT(i)) != 0) {
            return kist_error_set(
                err, KIST_E_UNSUPPORTED,
                "--cap-add: '%s' is not to be had: this kernel lacks it, or kist runs without it",
                names[i] + PREFIX_LEN);
        }
    }
    if (add_all) {
        *set = available & ~drops;
    } else if (drop_all) {
        *set = adds;
    } else {
        *set = (KIST_CAPABILITY_DEFAULT & available & ~drops) | adds;
    }
    return 0;
}
