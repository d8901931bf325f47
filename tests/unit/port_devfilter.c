/* Device rules as a BPF program: whatever the rules, the kernel's verifier takes it. */
#include "../../port/linux/sandbox_private.h"

#include <errno.h>

#include "test.h"

#define ALL .read = true, .write = true, .mknod = true

static const struct port_device_rule deny_all = {.type = 'a', .major = -1, .minor = -1, ALL};
static const struct port_device_rule allow_all = {.allow = true, .type = 'a', .major = -1, .minor = -1, ALL};

TEST(the_kernel_takes_every_program)
{
    const struct {
        const char *name;
        struct port_device_rule rules[4];
        size_t count;
    } rows[] = {
        {"none", {{0}}, 0},
        {"all forbidden", {deny_all}, 1},
        {"all allowed", {allow_all}, 1},
        {"hidden by a later one",
         {deny_all, {.allow = true, .type = 'c', .major = 1, .minor = 3, ALL}, allow_all},
         3},
        {"as Docker has them",
         {deny_all,
          {.allow = true, .type = 'c', .major = -1, .minor = -1, .mknod = true},
          {.allow = true, .type = 'b', .major = -1, .minor = -1, .mknod = true},
          {.allow = true, .type = 'c', .major = 136, .minor = -1, ALL}},
         4},
        {"some uses forbidden", {allow_all, {.type = 'b', .major = 8, .minor = 1048575, .write = true}}, 2},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_error err = {0};
        int rc = port_device_filter(-1, rows[i].rules, rows[i].count, &err);

        TEST_CASE(rows[i].name);
        if (rc == 0) {
            TEST_SKIP("this kernel, or this user, has no programs for control groups");
        }
        /* loaded, and then there was no group to attach it to */
        CHECK_INT(rc, KIST_E_IO);
        CHECK_INT(err.sys_errno, EBADF);
    }
    TEST_CASE(NULL);
}
