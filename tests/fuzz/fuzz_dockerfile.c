/* rooms: build */
/* Dockerfiles: what is accepted can be read to its end, pointed at, and its triggers be read again. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "build/dockerfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_place(const struct kist_dockerfile *df, const struct kist_instruction *in, size_t at)
{
    struct kist_error err;

    if (at > strlen(in->text)) {
        abort();
    }
    (void)kist_dockerfile_fail(df, in, at, &err, KIST_E_FAIL, "here");
    if (!strchr(err.message, '\n')) {
        abort();
    }
}

static void check(const struct kist_dockerfile *df, const struct kist_instruction *in)
{
    KIST_AUTO(buf) struct kist_buf script = KIST_BUF_INIT(3 * KIST_MAX_DOCKERFILE);
    struct kist_dockerfile trigger;
    struct kist_error err;

    if (in->line == 0 || in->last_line < in->line || in->rest < in->text || in->rest > in->text + strlen(in->text)) {
        abort();
    }
    for (size_t i = 0; i < in->args.n; i++) {
        check_place(df, in, in->at[i]);
    }
    for (size_t i = 0; i < in->flag_count; i++) {
        check_place(df, in, in->flags[i].at);
    }
    if (kist_instruction_script(&script, in, &err) < 0) {
        abort();
    }
    if (in->keyword == KIST_KEYWORD_ONBUILD && df->escape == '\\') {
        if (kist_dockerfile_parse_trigger(&trigger, "trigger", in->args.v[0], &err) < 0) {
            abort();
        }
        kist_dockerfile_release(&trigger);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kist_dockerfile df;
    struct kist_error err = {.code = KIST_OK};

    if (kist_dockerfile_parse(&df, "Dockerfile", (const char *)data, size, &err) == 0) {
        for (size_t i = 0; i < df.n; i++) {
            check(&df, &df.v[i]);
        }
        kist_dockerfile_release(&df);
    } else if (err.message[0] == '\0') {
        abort();
    }
    return 0;
}
