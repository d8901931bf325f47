#include "image/change.h"

#include "test.h"

/* What "config" is after the changes, or the message. */
static const struct {
    const char *changes[4], *want;
} rows[] = {
    {{"CMD [\"a\", \"b c\"]"}, "{\"Cmd\":[\"a\",\"b c\"]}"},
    {{"CMD a && b"}, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"a && b\"]}"},
    {{"CMD [broken"}, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"[broken\"]}"},
    {{"CMD a", "cmd [\"b\"]"}, "{\"Cmd\":[\"b\"]}"},
    {{"  entrypoint\t[\"x\"]"}, "{\"Entrypoint\":[\"x\"]}"},
    {{"ENV A=1 B=two"}, "{\"Env\":[\"A=1\",\"B=two\"]}"},
    {{"ENV A=1 AB=2", "ENV A=3"}, "{\"Env\":[\"A=3\",\"AB=2\"]}"},
    {{"ENV A one two  three"}, "{\"Env\":[\"A=one two  three\"]}"},
    {{"ENV A='x \"y' B=\"p\\\"q\" C=\\ z"}, "{\"Env\":[\"A=x \\\"y\",\"B=p\\\"q\",\"C= z\"]}"},
    {{"ENV A="}, "{\"Env\":[\"A=\"]}"},
    {{"LABEL a.b=c d='e f'", "LABEL d=g"}, "{\"Labels\":{\"a.b\":\"c\",\"d\":\"g\"}}"},
    {{"EXPOSE 80 53/udp", "EXPOSE 80/tcp"}, "{\"ExposedPorts\":{\"53/udp\":{},\"80/tcp\":{}}}"},
    {{"VOLUME [\"/a\",\"/b c\"]", "VOLUME /d /e"}, "{\"Volumes\":{\"/a\":{},\"/b c\":{},\"/d\":{},\"/e\":{}}}"},
    {{"USER app:app", "STOPSIGNAL SIGINT", "WORKDIR /a"}, "{\"User\":\"app:app\",\"StopSignal\":\"SIGINT\",\"WorkingDir\":\"/a\"}"},
    {{"WORKDIR a", "WORKDIR b", "WORKDIR c/d"}, "{\"WorkingDir\":\"/a/b/c/d\"}"},
    {{"ONBUILD RUN x", "ONBUILD COPY a b"}, "{\"OnBuild\":[\"RUN x\",\"COPY a b\"]}"},
    {{"CMD"}, "'CMD': it wants an argument"},
    {{"ENV A"}, "'ENV A': it wants NAME=VALUE"},
    {{"ENV =x"}, "'ENV =x': it wants NAME=VALUE"},
    {{"LABEL a=b c"}, "'LABEL a=b c': it wants NAME=VALUE"},
    {{"LABEL a='b"}, "'LABEL a='b': a quote is not closed"},
};

TEST(changes_are_applied)
{
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(4096);
        KIST_AUTO(json) cJSON *run = cJSON_CreateObject();
        struct kist_error err = {0};
        int rc = 0;

        TEST_CASE(rows[i].changes[0]);
        for (size_t k = 0; k < 4 && rows[i].changes[k] && rc == 0; k++)
            rc = kist_change_apply(run, rows[i].changes[k], &err);
        if (rc < 0) {
            CHECK_INT(rc, KIST_E_USAGE);
            CHECK_STR(err.message, rows[i].want);
        } else {
            CHECK_OK(kist_json_print(run, false, &text, &err), err);
            CHECK_STR(kist_buf_text(&text), rows[i].want);
        }
    }
}

TEST(what_is_no_change_is_refused)
{
    static const char *const none[] = {"", " ", "RUN x", "FROM x", "CM x", "CMDS x", "HEALTHCHECK NONE"};

    for (size_t i = 0; i < KIST_COUNT(none); i++) {
        KIST_AUTO(json) cJSON *run = cJSON_CreateObject();
        struct kist_error err = {0};

        TEST_CASE(none[i]);
        CHECK_INT(kist_change_apply(run, none[i], &err), KIST_E_USAGE);
        CHECK(strstr(err.message, "is no change: there are CMD, "));
    }
}
