#include "test.h"

#include <errno.h>

#include "base/error.h"

TEST(sets_and_wraps)
{
    struct kist_error err = {0};

    CHECK_INT(kist_error_set(&err, KIST_E_NOT_FOUND, "no image '%s'", "a"), KIST_E_NOT_FOUND);
    CHECK_INT(err.code, KIST_E_NOT_FOUND);
    CHECK_STR(err.message, "no image 'a'");
    CHECK_INT(kist_error_wrap(&err, "cannot run '%s'", "b"), KIST_E_NOT_FOUND);
    CHECK_STR(err.message, "cannot run 'b': no image 'a'");
    CHECK_INT(kist_error_nomem(&err), KIST_E_NOMEM);
    CHECK_STR(err.message, "out of memory");
}

TEST(turns_system_errors_into_codes)
{
    static const struct {
        int sys_errno, code;
    } rows[] = {{EIO, KIST_E_IO},
                {ENOENT, KIST_E_IO},
                {ENOSPC, KIST_E_NO_SPACE},
                {EDQUOT, KIST_E_NO_SPACE},
                {ENOMEM, KIST_E_NOMEM}};

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        char want[128];

        CHECK_INT(kist_error_sys(&err, KIST_E_IO, rows[i].sys_errno, "cannot write '%s'", "f"), rows[i].code);
        CHECK_INT(err.sys_errno, rows[i].sys_errno);
        snprintf(want, sizeof(want), "cannot write 'f': %s", strerror(rows[i].sys_errno));
        CHECK_STR(err.message, want);
    }
}

TEST(needs_no_error_to_write_to)
{
    CHECK_INT(kist_error_set(NULL, KIST_E_AUTH, "x"), KIST_E_AUTH);
    CHECK_INT(kist_error_sys(NULL, KIST_E_IO, ENOSPC, "x"), KIST_E_NO_SPACE);
    CHECK_INT(kist_error_wrap(NULL, "x"), KIST_E_FAIL);
    CHECK_INT(kist_error_nomem(NULL), KIST_E_NOMEM);
}

TEST(cuts_long_messages)
{
    struct kist_error err = {0};
    char text[2 * KIST_ERROR_MESSAGE_MAX];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    kist_error_set(&err, KIST_E_FAIL, "%s", text);
    CHECK_INT(strlen(err.message), KIST_ERROR_MESSAGE_MAX - 1);
    kist_error_wrap(&err, "context");
    CHECK_INT(strlen(err.message), KIST_ERROR_MESSAGE_MAX - 1);
    CHECK(strncmp(err.message, "context: xxx", 12) == 0);
    for (int i = 0; i < 5; i++)
        kist_error_wrap(&err, "%s", text);
    CHECK(strlen(err.message) < KIST_ERROR_MESSAGE_MAX);
    kist_error_sys(&err, KIST_E_IO, EIO, "%s", text);
    CHECK_INT(strlen(err.message), KIST_ERROR_MESSAGE_MAX - 1);
}

TEST(knows_exit_status_and_name_of_every_code)
{
    static const struct {
        int code, status;
        const char *name;
    } rows[] = {
        {0, 0, "ok"},
        {KIST_E_FAIL, 1, "failed"},
        {KIST_E_IO, 1, "io"},
        {KIST_E_USAGE, 2, "usage"},
        {KIST_E_NETWORK, 10, "network"},
        {KIST_E_AUTH, 11, "unauthorized"},
        {KIST_E_NOT_FOUND, 12, "not-found"},
        {KIST_E_TLS, 13, "tls"},
        {KIST_E_CORRUPT, 15, "corrupt"},
        {KIST_E_NO_SPACE, 16, "no-space"},
        {KIST_E_CONFLICT, 17, "conflict"},
        {KIST_E_UNSUPPORTED, 18, "unsupported"},
        {KIST_E_NO_EXEC, 126, "cannot-execute"},
        {KIST_E_NO_COMMAND, 127, "command-not-found"},
        {KIST_E_INTERRUPTED, 130, "interrupted"},
        {-99, 1, "failed"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        TEST_CASE(rows[i].name);
        CHECK_INT(kist_error_exit_status(rows[i].code), rows[i].status);
        CHECK_STR(kist_error_name(rows[i].code), rows[i].name);
    }
}
