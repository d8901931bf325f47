#include "image/platform.h"

#include "test.h"

TEST(reads_platforms_as_people_write_them)
{
    static const struct {
        const char *text, *normal;
    } rows[] = {
        {"linux/amd64", "linux/amd64"},
        {"amd64", "linux/amd64"},
        {"x86_64", "linux/amd64"},
        {"linux/x86-64", "linux/amd64"},
        {"linux/amd64/v1", "linux/amd64"},
        {"linux/amd64/v3", "linux/amd64/v3"},
        {"arm64", "linux/arm64"},
        {"aarch64", "linux/arm64"},
        {"linux/arm64/v8", "linux/arm64"},
        {"linux/arm64/8", "linux/arm64"},
        {"linux/arm64/v9", "linux/arm64/v9"},
        {"arm", "linux/arm/v7"},
        {"linux/arm/7", "linux/arm/v7"},
        {"linux/arm/V6", "linux/arm/v6"},
        {"armhf", "linux/arm/v7"},
        {"armel", "linux/arm/v6"},
        {"armv6l", "linux/arm/v6"},
        {"Linux/ARM/v5", "linux/arm/v5"},
        {"i686", "linux/386"},
        {"macos/arm64", "darwin/arm64"},
        {"linux/riscv64", "linux/riscv64"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        char text[KIST_PLATFORM_TEXT_MAX];
        struct kist_error err = {0};
        struct kist_platform p;

        TEST_CASE(rows[i].text);
        CHECK_OK(kist_platform_parse(&p, rows[i].text, &err), err);
        CHECK_STR(kist_platform_text(text, &p), rows[i].normal);
    }
}

TEST(refuses_what_is_no_platform)
{
    static const char *const rows[] = {
        "",
        "/",
        "linux/",
        "linux//v7",
        "/arm",
        "linux/arm/v7/x",
        "linux/arm v7",
        "linux",
        "vax",
        "plan10/arm",
        "linux/amd46",
        "linux/\x1b[1m",
        "linux/amd64/variantvariantvariant",
        "linux/an-architecture-with-a-name-beyond-all-bounds",
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        struct kist_platform p;

        TEST_CASE(rows[i]);
        CHECK_INT(kist_platform_parse(&p, rows[i], &err), KIST_E_USAGE);
        CHECK(strncmp(err.message, "invalid platform '", 18) == 0);
        CHECK(strchr(err.message, '\x1b') == NULL);
    }
}

TEST(names_the_nearest_architecture)
{
    struct kist_error err = {0};
    struct kist_platform p;

    CHECK_INT(kist_platform_parse(&p, "linux/amd46", &err), KIST_E_USAGE);
    CHECK_STR(err.message,
              "invalid platform 'linux/amd46': unknown architecture 'amd46' (did you mean 'amd64'?)");
}

TEST(sets_from_documents)
{
    struct kist_platform p;

    kist_platform_set(&p, "linux", "arm", NULL);
    CHECK_STR(p.variant, "v7");
    kist_platform_set(&p, NULL, NULL, NULL);
    CHECK_STR(p.os, "");
    CHECK_STR(p.arch, "");
    CHECK_STR(p.variant, "");
    kist_platform_set(&p, "unknown", "unknown", "");
    CHECK_STR(p.os, "unknown");
    kist_platform_set(&p, "linux", "amd64", "a variant longer than there is room for");
    CHECK_STR(p.variant, "");
    kist_platform_set(&p, "linux", "arm", "999999999999999");
    CHECK_STR(p.variant, "999999999999999");
}

static int rank_of(const char *want, const char *have, bool aarch32)
{
    struct kist_platform a = {0}, b = {0};
    struct kist_error err = {0};

    CHECK_OK(kist_platform_parse(&a, want, &err), err);
    CHECK_OK(kist_platform_parse(&b, have, &err), err);
    return kist_platform_rank(&a, &b, aarch32);
}

/* Each row: what a device wants, and what it takes from best to worst. */
TEST(ranks_in_fallback_order)
{
    static const struct {
        const char *want, *order[6];
        bool aarch32;
    } rows[] = {
        {"linux/arm/v8", {"arm/v8", "arm/v7", "arm/v6", "arm/v5"}, false},
        {"linux/arm/v7", {"arm/v7", "arm/v6", "arm/v5"}, false},
        {"linux/arm/v6", {"arm/v6", "arm/v5"}, true},
        {"linux/arm64", {"arm64", "arm/v8", "arm/v7", "arm/v6", "arm/v5"}, true},
        {"linux/arm64", {"arm64"}, false},
        {"linux/arm64/v9", {"arm64/v9", "arm64/v8.5", "arm64/v8.1", "arm64"}, false},
        {"linux/amd64", {"amd64"}, false},
        {"linux/amd64/v3", {"amd64/v3", "amd64/v2", "amd64"}, false},
    };
    static const char *const all[] = {"386",      "amd64",      "amd64/v2",   "amd64/v3",   "amd64/v4",
                                      "arm/v5",   "arm/v6",     "arm/v7",     "arm/v8",     "arm64",
                                      "arm64/v9", "arm64/v8.1", "arm64/v8.5", "arm64/v8.9", "riscv64"};

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        int last = -1;
        size_t taken = 0;

        TEST_CASE(rows[i].want);
        for (size_t j = 0; j < KIST_COUNT(rows[i].order) && rows[i].order[j]; j++) {
            char have[64];
            int rank;

            snprintf(have, sizeof(have), "linux/%s", rows[i].order[j]);
            rank = rank_of(rows[i].want, have, rows[i].aarch32);
            CHECK(rank > last);
            CHECK_INT(rank == 0, j == 0);
            last = rank;
            taken++;
        }
        for (size_t j = 0; j < KIST_COUNT(all); j++) {
            char have[64];

            snprintf(have, sizeof(have), "linux/%s", all[j]);
            if (rank_of(rows[i].want, have, rows[i].aarch32) >= 0) {
                taken--;
            }
        }
        CHECK_INT(taken, 0);
    }
    TEST_CASE(NULL);
    CHECK_INT(rank_of("linux/amd64", "windows/amd64", false), -1);
    CHECK_INT(rank_of("riscv64", "riscv64", false), 0);
}
