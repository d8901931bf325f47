/* Arguments and variables of a build: who says them, and who sees them. */
#include "build_stage_fixture.h"

/* The image's variables after its PATH, and its label "seen" behind " | ", of the last stage. */
static const char *describe(const struct fixture *f, char text[256])
{
    const cJSON *run = kist_stage_run(f->build->target), *item;
    const char *seen = kist_json_string(kist_json_object(run, "Labels"), "seen");
    size_t len = 0;

    text[0] = '\0';
    cJSON_ArrayForEach(item, kist_json_array(run, "Env"))
    {
        if (!kist_str_starts(item->valuestring, "PATH=")) {
            len += (size_t)snprintf(text + len, 256 - len, "%s%s", len > 0 ? " " : "", item->valuestring);
        }
    }
    if (seen) {
        (void)snprintf(text + len, 256 - len, "%s| %s", len > 0 ? " " : "", seen);
    }
    return text;
}

TEST(scopes)
{
    static const struct {
        const char *text, *args, *want;
    } rows[] = {
        {"FROM scratch\nLABEL seen=$a\n", NULL, "| "},
        {"FROM scratch\nLABEL seen=$a\n", "a=1", "| "}, /* nobody declared it */
        {"FROM scratch\nARG a\nLABEL seen=$a\n", NULL, "| "},
        {"FROM scratch\nARG a\nLABEL seen=$a\n", "a=1", "| 1"},
        {"FROM scratch\nARG a=2\nLABEL seen=$a\n", NULL, "| 2"},
        {"FROM scratch\nARG a=2\nLABEL seen=$a\n", "a=1", "| 1"},
        {"FROM scratch\nARG a=2\nLABEL seen=$a\n", "a=", "| "},
        {"FROM scratch\nARG a=2\nLABEL seen=$a\n", "a=1 a=3", "| 1"},
        {"FROM scratch\nLABEL seen=$a\nARG a=2\n", NULL, "| "}, /* from there on */
        {"FROM scratch\nARG a=1 b=$a\nLABEL seen=$b\n", NULL, "| "}, /* one instruction is expanded at once */
        {"FROM scratch\nARG a=1\nARG b=${a}2\nLABEL seen=$b\n", NULL, "| 12"},
        /* those before the first FROM are for FROM, and for who declares them again */
        {"ARG a=1\nFROM scratch\nLABEL seen=$a\n", NULL, "| "},
        {"ARG a=1\nFROM scratch\nARG a\nLABEL seen=$a\n", NULL, "| 1"},
        {"ARG a=1\nFROM scratch\nARG a=2\nLABEL seen=$a\n", NULL, "| 2"},
        {"ARG a=1\nFROM scratch\nARG a\nLABEL seen=$a\n", "a=3", "| 3"},
        /* a stage's are for those that are made from it */
        {"FROM scratch AS x\nARG a=1\nFROM scratch\nLABEL seen=$a\n", NULL, "| "},
        {"FROM scratch AS x\nARG a=1\nFROM x\nLABEL seen=$a\n", NULL, "| 1"},
        {"FROM scratch AS x\nARG a=1\nFROM x\nARG a=2\nLABEL seen=$a\n", NULL, "| 2"},
        {"FROM scratch AS x\nENV a=1\nFROM x\nLABEL seen=$a\n", NULL, "a=1 | 1"},
        /* the image's own count first, whichever came first */
        {"FROM scratch\nENV a=1\nARG a=2\nLABEL seen=$a\n", "a=3", "a=1 | 1"},
        {"FROM scratch\nARG a=2\nENV a=1\nLABEL seen=$a\n", "a=3", "a=1 | 1"},
        {"FROM scratch\nARG a=2\nENV a=${a:-1}\n", "a=3", "a=3"},
        {"FROM scratch\nENV a=1 b=$a\nENV a=2 c=$a\nENV d=$a\n", NULL, "a=2 b= c=1 d=2"},
        /* what is there by itself, once it is declared in a stage; before, for FROM alone */
        {"FROM scratch\nLABEL seen=$TARGETARCH\n", NULL, "| "},
        {"FROM scratch\nARG TARGETPLATFORM\nARG TARGETARCH\nARG TARGETVARIANT\nARG BUILDPLATFORM\nARG BUILDOS\n"
         "LABEL seen=\"$TARGETPLATFORM $TARGETARCH $TARGETVARIANT $BUILDPLATFORM $BUILDOS\"\n", NULL, "| linux/arm/v7 arm v7 linux/amd64 linux"},
        {"FROM scratch\nARG TARGETARCH=x\nLABEL seen=$TARGETARCH\n", NULL, "| x"},
        {"ARG TARGETARCH=x\nFROM scratch\nARG TARGETARCH\nLABEL seen=$TARGETARCH\n", NULL, "| x"},
        {"FROM scratch\nARG TARGETARCH\nLABEL seen=$TARGETARCH\n", "TARGETARCH=mine", "| mine"},
        {"ARG a=$TARGETARCH\nFROM scratch\nARG a\nLABEL seen=$a\n", NULL, "| arm"},
        {"FROM --platform=$BUILDPLATFORM scratch\nARG TARGETARCH\nLABEL seen=$TARGETARCH\n", NULL, "| arm"},
        /* what is not expanded */
        {"FROM scratch\nENV a=1\nLABEL seen='$a' \n", NULL, "a=1 | $a"},
        {"FROM scratch\nENV a=1\nLABEL seen=\\$a\n", NULL, "a=1 | $a"},
        {"# escape=`\nFROM scratch\nENV a=1\nLABEL seen=`$a\\$a\n", NULL, "a=1 | $a\\1"},
    };
    char text[256];

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct fixture f;

        TEST_CASE(rows[i].text);
        fixture_init(&f, rows[i].text, NULL, rows[i].args);
        REQUIRE_OK(f.rc, f.err);
        CHECK_OK(kist_stage_build(f.build, f.build->target, &f.err), f.err);
        CHECK_STR(describe(&f, text), rows[i].want);
        fixture_release(&f);
    }
    TEST_CASE(NULL);
}

TEST(arguments_that_nobody_asked_for)
{
    static const struct {
        const char *text, *args, *want;
    } rows[] = {
        {"FROM scratch\nARG a\n", "a=1", ""},
        {"ARG a\nFROM scratch\n", "a=1", ""},
        {"FROM scratch\n", "a=1", "One or more build-args [a] were not consumed"},
        {"FROM scratch\nARG b\n", "a=1 b=2 c=3", "One or more build-args [a c] were not consumed"},
        {"FROM scratch\n", "HTTP_PROXY=1 no_proxy=2 TARGETARCH=3 SOURCE_DATE_EPOCH=4", ""},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct fixture f;

        TEST_CASE(rows[i].text);
        fixture_init(&f, rows[i].text, NULL, rows[i].args);
        REQUIRE_OK(f.rc, f.err);
        CHECK_OK(kist_stage_build(f.build, f.build->target, &f.err), f.err);
        CHECK_OK(kist_build_unused(f.build, &f.err), f.err);
        CHECK_STR(f.warning, rows[i].want);
        fixture_release(&f);
    }
    TEST_CASE(NULL);
}
