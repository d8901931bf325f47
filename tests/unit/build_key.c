/* Keys of the build cache: what is another step has another one. */
#include "build_stage_fixture.h"

/* What goes into a step of text's first instruction behind FROM. */
struct row {
    const char *text;
    int64_t epoch;
    unsigned char below; /* its stage's layer; 0: it has none */
    bool link, texts;    /* texts: its two parts are such, which may be missing; else there are up to the first that is */
    const char *parts[4];
};

static void find_key(struct kist_digest *digest, const struct row *row)
{
    struct kist_step_key key;
    struct kist_step step;
    struct fixture f;

    fixture_init(&f, row->text, NULL, NULL);
    REQUIRE_OK(f.rc, f.err);
    f.options.epoch = row->epoch;
    step = (struct kist_step){.build = f.build, .stage = f.build->target, .file = &f.file, .in = &f.file.v[1]};
    memset(&step.stage->diff_ids[0], row->below, sizeof(step.stage->diff_ids[0]));
    step.stage->count = row->below > 0;
    kist_step_key_begin(&key, &step, row->link);
    for (size_t i = 0; row->texts ? i < 2 : row->parts[i] != NULL; i++) {
        if (row->texts) {
            kist_step_key_text(&key, row->parts[i]);
        } else {
            kist_step_key_add(&key, row->parts[i], strlen(row->parts[i]));
        }
    }
    kist_sha256_final(&key.hash, digest->bytes);
    fixture_release(&f);
}

TEST(what_is_another_step)
{
    static const char copy[] = "FROM scratch\nCOPY a /\n", run[] = "FROM scratch\nRUN a\n";
    static const struct row rows[] = {
        {copy, -1, 1, false, false, {"a"}},
        {run, -1, 1, false, false, {"a"}},         /* the instruction */
        {copy, 0, 1, false, false, {"a"}},         /* the time that counts */
        {copy, 1, 1, false, false, {"a"}},
        {copy, -1, 2, false, false, {"a"}},        /* what is below */
        {copy, -1, 0, false, false, {"a"}},
        {copy, -1, 1, false, false, {"b"}},        /* its parts */
        {copy, -1, 1, false, false, {""}},
        {copy, -1, 1, false, false, {"ab", "c"}},  /* and where one ends */
        {copy, -1, 1, false, false, {"a", "bc"}},
        {copy, -1, 1, false, false, {"abc"}},
        {copy, -1, 1, false, false, {"", "abc"}},
        {copy, -1, 1, false, false, {"abc", ""}},
        {copy, -1, 1, false, true, {"", ""}},      /* what is not given is not empty */
        {copy, -1, 1, false, true, {NULL, ""}},
        {copy, -1, 1, false, true, {"", NULL}},
        {copy, -1, 1, false, true, {NULL, NULL}},
    };
    struct kist_digest keys[KIST_COUNT(rows)];

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        find_key(&keys[i], &rows[i]);
        for (size_t k = 0; k < i; k++) {
            CHECK(!kist_digest_equal(&keys[i], &keys[k]));
        }
    }
}

TEST(what_is_the_same_step)
{
    static const struct row pairs[][2] = {
        /* how it was written is not looked at: what it comes to is among the parts */
        {{"FROM scratch\nCOPY a /\n", -1, 1, false, false, {"a"}}, {"FROM scratch\ncopy --chmod=1 b /x\n", -1, 1, false, false, {"a"}}},
        /* a link does not depend on what is below */
        {{"FROM scratch\nCOPY a /\n", -1, 1, true, false, {"a"}}, {"FROM scratch\nCOPY a /\n", -1, 0, true, false, {"a"}}},
    };

    for (size_t i = 0; i < KIST_COUNT(pairs); i++) {
        struct kist_digest keys[2];

        find_key(&keys[0], &pairs[i][0]);
        find_key(&keys[1], &pairs[i][1]);
        CHECK(kist_digest_equal(&keys[0], &keys[1]));
    }
}
