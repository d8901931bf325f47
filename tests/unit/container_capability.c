#include "container/capability.h"
#include "test.h"

/* "A,B" as a list. */
static void split(struct kist_strv *list, const char *text)
{
    struct kist_error err = {0};
    char word[64];

    while (*text != '\0') {
        size_t len = strcspn(text, ",");

        snprintf(word, sizeof(word), "%.*s", (int)len, text);
        CHECK_OK(kist_strv_add(list, word, &err), err);
        text += len + (text[len] == ',');
    }
}

static uint64_t bit(const char *name)
{
    unsigned number = 0;

    CHECK(kist_capability_find(name, &number));
    return KIST_CAPABILITY_BIT(number);
}

TEST(names_and_numbers)
{
    static const struct {
        const char *text;
        unsigned number;
    } rows[] = {
        {"CAP_CHOWN", 0},   {"chown", 0},        {"Cap_Chown", 0},           {"SYS_ADMIN", 21},
        {"cap_syslog", 34}, {"net_raw", 13},     {"CAP_AUDIT_READ", 37},     {"MKNOD", 27},
        {"cap_bpf", 39},    {"CAP_PERFMON", 38}, {"CHECKPOINT_RESTORE", 40}, {"setfcap", 31},
    };
    unsigned number;

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        TEST_CASE(rows[i].text);
        CHECK(kist_capability_find(rows[i].text, &number));
        CHECK_INT(number, rows[i].number);
    }
    TEST_CASE(NULL);
    for (unsigned i = 0; i < KIST_CAPABILITY_COUNT; i++) {
        CHECK(kist_capability_find(kist_capability_name(i), &number));
        CHECK_INT(number, i);
    }
    CHECK(kist_capability_name(KIST_CAPABILITY_COUNT) == NULL);
    CHECK(!kist_capability_find("", &number));
    CHECK(!kist_capability_find("CAP_", &number));
    CHECK(!kist_capability_find("CAP_CAP_CHOWN", &number));
    CHECK(!kist_capability_find("ALL", &number));
}

TEST(default_set_is_dockers)
{
    static const char *const docker[] = {
        "CHOWN",  "DAC_OVERRIDE", "FSETID",  "FOWNER",           "MKNOD",      "NET_RAW", "SETGID",
        "SETUID", "SETFCAP",      "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL",    "AUDIT_WRITE"};
    uint64_t set = 0;

    for (size_t i = 0; i < KIST_COUNT(docker); i++) {
        set |= bit(docker[i]);
    }
    CHECK(set == KIST_CAPABILITY_DEFAULT);
    CHECK(set == 0xa80425fbU);
}

TEST(add_and_drop)
{
    uint64_t all = KIST_CAPABILITY_ALL, normal = KIST_CAPABILITY_DEFAULT;
    const struct {
        const char *add, *drop;
        uint64_t available, want;
    } rows[] = {
        {"", "", all, normal},
        {"sys_admin", "", all, normal | bit("SYS_ADMIN")},
        {"", "CAP_MKNOD,kill", all, normal & ~bit("MKNOD") & ~bit("KILL")},
        {"", "sys_admin", all, normal},
        {"mknod", "mknod", all, normal},
        {"ALL", "", all, all},
        {"all", "mknod,sys_module", all, all & ~bit("MKNOD") & ~bit("SYS_MODULE")},
        {"ALL", "ALL", all, all},
        {"", "ALL", all, 0},
        {"chown,net_admin", "all", all, bit("CHOWN") | bit("NET_ADMIN")},
        {"chown", "ALL,chown", all, bit("CHOWN")},
        {"", "", bit("CHOWN") | bit("SYS_ADMIN"), bit("CHOWN")},
        {"ALL", "chown", bit("CHOWN") | bit("SYS_ADMIN"), bit("SYS_ADMIN")},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        KIST_AUTO(strv) struct kist_strv add = {0};
        KIST_AUTO(strv) struct kist_strv drop = {0};
        char label[80];
        uint64_t set = 1;

        snprintf(label, sizeof(label), "+%s -%s", rows[i].add, rows[i].drop);
        TEST_CASE(label);
        split(&add, rows[i].add);
        split(&drop, rows[i].drop);
        CHECK_OK(kist_capability_resolve(&set, &add, &drop, rows[i].available, &err), err);
        CHECK(set == rows[i].want);
    }
    TEST_CASE(NULL);
}

TEST(refusals_name_the_cause)
{
    static const struct {
        const char *add, *drop;
        int code;
        const char *message;
    } rows[] = {
        {"sys_amdin", "", KIST_E_USAGE,
         "--cap-add: unknown capability 'sys_amdin' (did you mean 'SYS_ADMIN'?)"},
        {"", "CAP_CHWON", KIST_E_USAGE, "--cap-drop: unknown capability 'CAP_CHWON' (did you mean 'CHOWN'?)"},
        {"qqqqqqqqqq", "", KIST_E_USAGE, "--cap-add: unknown capability 'qqqqqqqqqq'"},
        {"", "an_overlong_name_that_fits_in_no_buffer_of_this_file", KIST_E_USAGE,
         "--cap-drop: unknown capability 'an_overlong_name_that_fits_in_no_buffer_of_this_file'"},
        {"bpf", "", KIST_E_UNSUPPORTED,
         "--cap-add: 'BPF' is not to be had: this kernel lacks it, or kist runs without it"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        KIST_AUTO(strv) struct kist_strv add = {0};
        KIST_AUTO(strv) struct kist_strv drop = {0};
        uint64_t set;

        TEST_CASE(rows[i].message);
        split(&add, rows[i].add);
        split(&drop, rows[i].drop);
        CHECK_INT(kist_capability_resolve(&set, &add, &drop, KIST_CAPABILITY_DEFAULT, &err), rows[i].code);
        CHECK_STR(err.message, rows[i].message);
    }
    TEST_CASE(NULL);
}
