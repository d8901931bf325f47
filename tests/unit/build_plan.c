/* Which stages a Dockerfile has, which are needed, and how many steps that is. */
#include "build_stage_fixture.h"

/* "0<-1 2": needed stages by number, with the one each begins with. */
static const char *describe(const struct fixture *f, char text[64])
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < f->build->file_stages; i++) {
        const struct kist_stage *s = f->build->stages[i];

        for (size_t k = 0; s->needed && k <= i; k++) {
            if (k == i ? !s->parent : f->build->stages[k] == s->parent) {
                len += (size_t)snprintf(text + len, 64 - len, k == i ? "%s%zu" : "%s%zu<-%zu", len > 0 ? " " : "", i, k);
            }
        }
    }
    return text;
}

TEST(what_is_needed)
{
    static const struct {
        const char *text, *target, *want;
        unsigned steps;
    } rows[] = {
        {"FROM scratch\nENV a=1\n", NULL, "0", 2},
        {"ARG a\nARG b=1\nFROM scratch\n", NULL, "0", 3},
        {"FROM scratch\nFROM scratch\nENV a=1\n", NULL, "1", 2},
        {"FROM scratch AS a\nFROM a\n", NULL, "0 1<-0", 2},
        {"FROM scratch AS a\nFROM A\n", NULL, "0 1<-0", 2},
        {"FROM scratch AS a\nFROM b AS a\nFROM a\n", NULL, "1 2<-1", 2}, /* the later of two */
        {"FROM scratch AS a\nFROM a AS a\nFROM a\n", NULL, "0 1<-0 2<-1", 3},
        {"FROM b AS a\nFROM scratch AS b\nFROM a\n", NULL, "0 2<-0", 2}, /* b is an image */
        {"FROM scratch AS a\nFROM scratch\nCOPY --from=a x /\n", NULL, "0 1", 3},
        {"FROM scratch AS a\nFROM scratch\nCOPY --from=0 x /\n", NULL, "0 1", 3},
        {"FROM scratch AS a\nFROM scratch\nCOPY --from=image x /\n", NULL, "1", 2},
        {"FROM scratch AS a\nFROM scratch\nRUN --mount=type=bind,from=a,target=/a x\n", NULL, "0 1", 3},
        {"FROM scratch AS a\nFROM scratch\nRUN --mount=from=a,target=/a x\n", NULL, "0 1", 3},
        {"FROM scratch AS a\nFROM scratch AS b\nCOPY --from=a x /\nFROM scratch\nCOPY --from=b x /\n", NULL, "0 1 2", 5},
        {"FROM scratch AS a\nFROM scratch AS b\nCOPY --from=a x /\nFROM scratch\nCOPY --from=b x /\n", "B", "0 1", 3},
        {"FROM scratch AS a\nFROM scratch AS b\nCOPY --from=a x /\nFROM scratch\nCOPY --from=b x /\n", "0", "0", 1},
        {"ARG b=a\nFROM scratch AS a\nFROM $b\n", NULL, "0 1<-0", 3},
    };
    char text[64];

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct fixture f;

        TEST_CASE(rows[i].text);
        fixture_init(&f, rows[i].text, rows[i].target, NULL);
        REQUIRE_OK(f.rc, f.err);
        CHECK_STR(describe(&f, text), rows[i].want);
        CHECK_INT(f.build->total, rows[i].steps);
        fixture_release(&f);
    }
    TEST_CASE(NULL);
}

TEST(what_makes_no_plan)
{
    static const struct {
        const char *text, *target, *args, *want;
    } rows[] = {
        {"FROM scratch\n", "none", NULL, "target stage 'none' could not be found"},
        {"FROM scratch\n", "1", NULL, "target stage '1' could not be found"},
        {"FROM scratch\n", "", NULL, "target stage '' could not be found"},
        {"FROM $x\n", NULL, NULL, "Dockerfile:1:6: base name ($x) should not be blank"},
        {"ARG x=\nFROM $x\n", NULL, NULL, "Dockerfile:2:6: base name ($x) should not be blank"},
        {"ARG x=a\nFROM $x\n", NULL, "x=", "Dockerfile:2:6: base name ($x) should not be blank"},
        {"FROM a:$x\n", NULL, NULL, "Dockerfile:1:6: invalid reference 'a:': the tag is empty"},
        {"FROM a:${x:?none}\n", NULL, NULL, "Dockerfile:1:10: x: none"},
        {"FROM --platform=$x a\n", NULL, "x=none", NULL},
        {"ARG x\nFROM --platform=$x a\n", NULL, "x=none", "Dockerfile:2:6: invalid platform 'none': unknown architecture 'none'"},
        {"FROM scratch\nARG x=a\nFROM $x\n", NULL, NULL, "Dockerfile:3:6: base name ($x) should not be blank"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct fixture f;

        TEST_CASE(rows[i].text);
        fixture_init(&f, rows[i].text, rows[i].target, rows[i].args);
        CHECK_INT(f.rc, rows[i].want ? KIST_E_USAGE : 0);
        f.err.message[strcspn(f.err.message, "\n")] = '\0';
        CHECK_STR(rows[i].want ? f.err.message : "", rows[i].want ? rows[i].want : "");
        fixture_release(&f);
    }
    TEST_CASE(NULL);
}
