#include "container/env.h"

#include "test.h"

static void joined(char *dst, size_t size, const struct kist_strv *list)
{
    dst[0] = '\0';
    for (size_t i = 0; i < list->n; i++) {
        snprintf(dst + strlen(dst), size - strlen(dst), "%s|", list->v[i]);
    }
}

TEST(put_replaces_in_place_and_takes_away)
{
    static const char *const steps[][2] = {
        {"A=1", "A=1|"},
        {"B=2", "A=1|B=2|"},
        {"AB=3", "A=1|B=2|AB=3|"},
        {"A=4=5", "A=4=5|B=2|AB=3|"},
        {"X", "A=4=5|B=2|AB=3|"},
        {"B", "A=4=5|AB=3|"},
        {"AB=", "A=4=5|AB=|"},
        {"A", "AB=|"},
        {"AB", ""},
        {"C=1", "C=1|"},
    };
    KIST_AUTO(strv) struct kist_strv env = {0};
    char text[100];

    for (size_t i = 0; i < KIST_COUNT(steps); i++) {
        struct kist_error err = {0};

        TEST_CASE(steps[i][0]);
        CHECK_OK(kist_env_put(&env, steps[i][0], &err), err);
        joined(text, sizeof(text), &env);
        CHECK_STR(text, steps[i][1]);
    }
    TEST_CASE(NULL);
    CHECK_STR(kist_env_get(&env, "C", 1), "1");
    CHECK(kist_env_get(&env, "D", 1) == NULL);
}

TEST(options)
{
    struct kist_error err = {0};
    KIST_AUTO(strv) struct kist_strv list = {0};
    char text[100];

    setenv("KIST_TEST_THERE", "yes=no", 1);
    unsetenv("KIST_TEST_ABSENT");
    CHECK_OK(kist_env_add_option(&list, "A=b c", &err), err);
    CHECK_OK(kist_env_add_option(&list, "KIST_TEST_THERE", &err), err);
    CHECK_OK(kist_env_add_option(&list, "KIST_TEST_ABSENT", &err), err);
    joined(text, sizeof(text), &list);
    CHECK_STR(text, "A=b c|KIST_TEST_THERE=yes=no|KIST_TEST_ABSENT|");
    CHECK_INT(kist_env_add_option(&list, "=x", &err), KIST_E_USAGE);
    CHECK_STR(err.message, "--env: invalid environment variable '=x'");
    CHECK_INT(kist_env_add_option(&list, "", &err), KIST_E_USAGE);
}

TEST(files_as_docker_reads_them)
{
    static const struct {
        const char *text, *want, *message;
    } rows[] = {
        {"", "", NULL},
        {"A=1\nB=2", "A=1|B=2|", NULL},
        {"\xef\xbb\xbf"
         "A=1\r\nB=2\r\n",
         "A=1|B=2|", NULL},
        {"# comment\n\n   \n  # another\n  A=1  \n", "A=1  |", NULL},
        {"A= \"quoted # not a comment\" \n", "A= \"quoted # not a comment\" |", NULL},
        {"A=\nB==\n", "A=|B==|", NULL},
        {"KIST_TEST_THERE\nKIST_TEST_ABSENT\nC=3\n", "KIST_TEST_THERE=here|C=3|", NULL},
        {"A=1\n=2\n", NULL, "env file 'f', line 2: no variable name on line '=2'"},
        {"\n\nA B=1\n", NULL, "env file 'f', line 3: variable 'A B' contains whitespaces"},
        {"A =1\n", NULL, "env file 'f', line 1: variable 'A ' contains whitespaces"},
    };

    setenv("KIST_TEST_THERE", "here", 1);
    unsetenv("KIST_TEST_ABSENT");
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        KIST_AUTO(strv) struct kist_strv list = {0};
        char text[100];
        int rc = kist_env_add_file(&list, rows[i].text, strlen(rows[i].text), "f", &err);

        TEST_CASE(rows[i].text);
        if (rows[i].message) {
            CHECK_INT(rc, KIST_E_USAGE);
            CHECK_STR(err.message, rows[i].message);
            continue;
        }
        CHECK_OK(rc, err);
        joined(text, sizeof(text), &list);
        CHECK_STR(text, rows[i].want);
    }
    TEST_CASE(NULL);
}

TEST(a_file_that_is_not_text)
{
    struct kist_error err = {0};
    KIST_AUTO(strv) struct kist_strv list = {0};

    CHECK_INT(kist_env_add_file(&list, "A=1\0B=2", 7, "f", &err), KIST_E_USAGE);
    CHECK_STR(err.message, "env file 'f' holds a NUL byte: it is not text");
}
