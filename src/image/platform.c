#include "image/platform.h"

#include <string.h>

#include "base/str.h"

/* What containerd, uname and Debian call an architecture -> Go's name; variant NULL keeps what is there. */
static const struct {
    const char *alias, *arch, *variant;
} aliases[] = {
    {"i386", "386", NULL},      {"i486", "386", NULL},
    {"i586", "386", NULL},      {"i686", "386", NULL},
    {"x86_64", "amd64", NULL},  {"x86-64", "amd64", NULL},
    {"aarch64", "arm64", NULL}, {"armhf", "arm", "v7"},
    {"armel", "arm", "v6"},     {"armv5tel", "arm", "v5"},
    {"armv6l", "arm", "v6"},    {"armv7l", "arm", "v7"},
    {"armv8l", "arm", "v8"},    {"loongarch64", "loong64", NULL},
};

static const char *const architectures[] = {
    "386",    "amd64",    "arm",   "arm64",   "loong64", "mips",  "mipsle",
    "mips64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x",
};

static const char *const systems[] = {"linux", "darwin", "windows", "freebsd", "netbsd", "openbsd"};

static bool one_of(const char *text, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Lower-case copy; "" for NULL or what does not fit. */
static void copy_lower(char *dst, size_t size, const char *text)
{
    if (!kist_str_copy(dst, size, text ? text : "")) {
        return;
    }
    for (; *dst != '\0'; dst++) {
        if (*dst >= 'A' && *dst <= 'Z') {
            *dst = (char)(*dst | 0x20);
        }
    }
}

static void normalize_variant(struct kist_platform *p)
{
    if (p->variant[0] >= '0' && p->variant[0] <= '9' && strlen(p->variant) + 2 <= sizeof(p->variant)) {
        memmove(p->variant + 1, p->variant, strlen(p->variant) + 1);
        p->variant[0] = 'v';
    }
    if ((strcmp(p->arch, "arm64") == 0 &&
         (strcmp(p->variant, "v8") == 0 || strcmp(p->variant, "v8.0") == 0)) ||
        (strcmp(p->arch, "amd64") == 0 && strcmp(p->variant, "v1") == 0)) {
        p->variant[0] = '\0';
    } else if (strcmp(p->arch, "arm") == 0 && p->variant[0] == '\0') {
        memcpy(p->variant, "v7", 3);
    }
}

void kist_platform_set(struct kist_platform *p, const char *os, const char *arch, const char *variant)
{
    copy_lower(p->os, sizeof(p->os), os);
    copy_lower(p->arch, sizeof(p->arch), arch);
    copy_lower(p->variant, sizeof(p->variant), variant);
    if (strcmp(p->os, "macos") == 0) {
        memcpy(p->os, "darwin", 7);
    }
    for (size_t i = 0; i < KIST_COUNT(aliases); i++) {
        if (strcmp(p->arch, aliases[i].alias) == 0) {
            copy_lower(p->arch, sizeof(p->arch), aliases[i].arch);
            if (aliases[i].variant) {
                copy_lower(p->variant, sizeof(p->variant), aliases[i].variant);
            }
            break;
        }
    }
    normalize_variant(p);
}

/* The next part of "a/b/c" into dst; false when it is empty, does not fit or has a character that no part
 * has. */
static bool take_part(const char **text, char *dst, size_t size)
{
    size_t n = strcspn(*text, "/");

    if (n == 0 || n >= size) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = (*text)[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '.') {
            return false;
        }
    }
    memcpy(dst, *text, n);
    dst[n] = '\0';
    *text += n;
    return true;
}

int kist_platform_parse(struct kist_platform *p, const char *text, struct kist_error *err)
{
    char os[sizeof(p->os)], arch[sizeof(p->arch)] = "", variant[sizeof(p->variant)] = "";
    const char *rest = text;
    char shown[64];
    bool good;

    (void)kist_str_printable(shown, sizeof(shown), text);
    good = take_part(&rest, os, sizeof(os)) &&
           (*rest == '\0' || (rest++, take_part(&rest, arch, sizeof(arch)))) &&
           (*rest == '\0' || (rest++, take_part(&rest, variant, sizeof(variant)))) && *rest == '\0';
    if (!good) {
        return kist_error_set(err, KIST_E_USAGE, "invalid platform '%s': not 'os/arch[/variant]' or 'arch'",
                              shown);
    }
    if (arch[0] != '\0') {
        kist_platform_set(p, os, arch, variant);
        if (!one_of(p->os, systems, KIST_COUNT(systems))) {
            return kist_error_set(err, KIST_E_USAGE, "invalid platform '%s': unknown operating system '%s'",
                                  shown, p->os);
        }
    } else {
        kist_platform_set(p, "linux", os, NULL);
    }
    if (!one_of(p->arch, architectures, KIST_COUNT(architectures))) {
        const char *near = kist_str_nearest(p->arch, architectures, KIST_COUNT(architectures));

        return kist_error_set(err, KIST_E_USAGE, "invalid platform '%s': unknown architecture '%s'%s%s%s",
                              shown, p->arch, near ? " (did you mean '" : "", near ? near : "",
                              near ? "'?)" : "");
    }
    return 0;
}

char *kist_platform_text(char dst[KIST_PLATFORM_TEXT_MAX], const struct kist_platform *p)
{
    /* the three fields with their NULs are no longer than dst */
    if (!kist_str_format(dst, KIST_PLATFORM_TEXT_MAX, "%s/%s%s%s", p->os, p->arch, p->variant[0] ? "/" : "",
                         p->variant)) {
        dst[0] = '\0';
    }
    return dst;
}

bool kist_platform_equal(const struct kist_platform *a, const struct kist_platform *b)
{
    return strcmp(a->os, b->os) == 0 && strcmp(a->arch, b->arch) == 0 && strcmp(a->variant, b->variant) == 0;
}

/*
 * A variant "v<major>[.<minor>]" as a number that grows with what it asks of the CPU; -1 for other texts.
 * ARMv9.n contains ARMv8.(n + 5) (Arm ARM, A1.3), so these two count as one.
 */
static int variant_level(const char *arch, const char *variant)
{
    bool arm64 = strcmp(arch, "arm64") == 0;
    int major, minor = 0;

    if (variant[0] == '\0') {
        return arm64 ? 80 : strcmp(arch, "amd64") == 0 ? 10 : 0;
    }
    if (variant[0] != 'v' || variant[1] < '1' || variant[1] > '9') {
        return -1;
    }
    major = variant[1] - '0';
    if (variant[2] == '.' && variant[3] >= '0' && variant[3] <= '9' && variant[4] == '\0') {
        minor = variant[3] - '0';
    } else if (variant[2] != '\0') {
        return -1;
    }
    if (arm64 && major == 9) {
        return 85 + minor;
    }
    return major * 10 + minor;
}

/* How far below a CPU of level the image's is; -1 when it is above. */
static int rank_variant(int level, const struct kist_platform *have)
{
    int asked = variant_level(have->arch, have->variant);

    return asked < 0 || level < 0 || asked > level ? -1 : level - asked;
}

int kist_platform_rank(const struct kist_platform *want, const struct kist_platform *have, bool aarch32)
{
    enum { SAME_ARCH = 1, OTHER_ARCH = 1000 };
    int rank;

    if (kist_platform_equal(want, have)) {
        return 0;
    }
    if (strcmp(want->os, have->os) != 0) {
        return -1;
    }
    if (strcmp(want->arch, have->arch) == 0) {
        bool ordered = strcmp(want->arch, "arm") == 0 || strcmp(want->arch, "arm64") == 0 ||
                       strcmp(want->arch, "amd64") == 0;

        rank = ordered ? rank_variant(variant_level(want->arch, want->variant), have) : -1;
        return rank < 0 ? -1 : rank + SAME_ARCH;
    }
    if (aarch32 && strcmp(want->arch, "arm64") == 0 && strcmp(have->arch, "arm") == 0) {
        rank = rank_variant(variant_level("arm", "v8"), have);
        return rank < 0 ? -1 : rank + OTHER_ARCH;
    }
    return -1;
}
