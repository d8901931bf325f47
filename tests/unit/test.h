/*
 * The unit test harness: a file of tests is a module, and a room's modules are one program (main.c), linked once.
 *
 *     #include "test.h"
 *
 *     TEST(parses_a_tag)
 *     {
 *         struct kist_error err = {0};
 *         CHECK_OK(kist_reference_parse(&ref, "alpine:3", &err), err);
 *         CHECK_STR(ref.tag, "3");
 *     }
 *
 * Tests run in the order they stand in. A failed check is printed with its place, marks the test as failed and goes on; REQUIRE
 * leaves the test. In a loop over a table, TEST_CASE(label) names the row that later failures belong to. The program's first
 * argument, if any, runs only the tests whose names contain it. Exit status 1 where a test failed or none ran. TEST_MODULE is the
 * module's name, which the build gives.
 */
#ifndef KIST_TEST_H
#define KIST_TEST_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"

struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
};

static struct test *test_first;
static struct test **test_last = &test_first;
static const char *test_name = "";
static const char *test_row;
static int test_failures; /* of the running test */
static const char *test_skipped;

static inline void test_add(struct test *test)
{
    *test_last = test;
    test_last = &test->next;
}

#define TEST(name)                                                                                           \
    static void test_run_##name(void);                                                                       \
    __attribute__((constructor)) static void test_add_##name(void)                                           \
    {                                                                                                        \
        static struct test self = {#name, test_run_##name, NULL};                                            \
        test_add(&self);                                                                                     \
    }                                                                                                        \
    static void test_run_##name(void)

__attribute__((format(printf, 3, 4))) static inline void test_fail(const char *file, int line,
                                                                   const char *format, ...)
{
    va_list args;

    test_failures++;
    printf("%s:%d: %s%s%s%s: ", file, line, test_name, test_row ? " [" : "", test_row ? test_row : "",
           test_row ? "]" : "");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

static inline int test_check(const char *file, int line, int good, const char *text)
{
    if (!good)
        test_fail(file, line, "not true: %s", text);
    return good;
}

static inline void test_check_int(const char *file, int line, long long got, long long want, const char *text)
{
    if (got != want)
        test_fail(file, line, "%s is %lld (0x%llx), not %lld (0x%llx)", text, got, (unsigned long long)got,
                  want, (unsigned long long)want);
}

static inline void test_check_str(const char *file, int line, const char *got, const char *want,
                                  const char *text)
{
    if (!got != !want || (got && strcmp(got, want) != 0))
        test_fail(file, line, "%s is \"%s\", not \"%s\"", text, got ? got : "(null)", want ? want : "(null)");
}

static inline void test_check_mem(const char *file, int line, const void *got, const void *want, size_t size,
                                  const char *text)
{
    const unsigned char *a = got;
    const unsigned char *b = want;

    for (size_t i = 0; i < size; i++)
        if (a[i] != b[i]) {
            test_fail(file, line, "%s: byte %zu of %zu is 0x%02x, not 0x%02x", text, i, size, a[i], b[i]);
            return;
        }
}

static inline int test_check_ok(const char *file, int line, int result, const char *message, const char *text)
{
    if (result < 0)
        test_fail(file, line, "%s gave %d: %s", text, result, message);
    return result >= 0;
}

#define CHECK(cond) ((void)test_check(__FILE__, __LINE__, !!(cond), #cond))
#define CHECK_INT(got, want) test_check_int(__FILE__, __LINE__, (long long)(got), (long long)(want), #got)
#define CHECK_STR(got, want) test_check_str(__FILE__, __LINE__, (got), (want), #got)
#define CHECK_MEM(got, want, size) test_check_mem(__FILE__, __LINE__, (got), (want), (size), #got)

/* CALL must not give a negative value; ERR is the struct kist_error (not its address) that says why it did. */
#define CHECK_OK(call, err)                                                                                  \
    do {                                                                                                     \
        int test_result = (call);                                                                            \
        (void)test_check_ok(__FILE__, __LINE__, test_result, (err).message, #call);                          \
    } while (0)

/* As CHECK and CHECK_OK, but the test ends here where they fail. */
#define REQUIRE(cond)                                                                                        \
    do {                                                                                                     \
        if (!test_check(__FILE__, __LINE__, !!(cond), #cond))                                                \
            return;                                                                                          \
    } while (0)
#define REQUIRE_OK(call, err)                                                                                \
    do {                                                                                                     \
        int test_result = (call);                                                                            \
        if (!test_check_ok(__FILE__, __LINE__, test_result, (err).message, #call))                           \
            return;                                                                                          \
    } while (0)

/* Names the row of a table that checks from here on are about; NULL: none. */
#define TEST_CASE(label) ((void)(test_row = (label)))

/* This machine cannot run the test, for REASON; it counts as skipped, not as passed. */
#define TEST_SKIP(reason)                                                                                    \
    do {                                                                                                     \
        test_skipped = (reason);                                                                             \
        return;                                                                                              \
    } while (0)

static int test_module_run(const char *only)
{
    unsigned passed = 0, failed = 0, skipped = 0;

    for (struct test *test = test_first; test; test = test->next) {
        if (only && !strstr(test->name, only))
            continue;
        test_name = test->name;
        test_row = NULL;
        test_failures = 0;
        test_skipped = NULL;
        test->run();
        if (test_failures)
            failed++;
        else if (test_skipped)
            skipped++;
        else
            passed++;
        if (test_skipped)
            printf("%s: skipped: %s\n", test->name, test_skipped);
    }
    printf(TEST_MODULE ": %u passed, %u failed", passed, failed);
    if (skipped)
        printf(", %u skipped", skipped);
    putchar('\n');
    return failed || passed + skipped == 0;
}

__attribute__((constructor)) static void test_module_add(void)
{
    static struct test_module self = {TEST_MODULE, test_module_run, NULL};

    self.next = test_modules;
    test_modules = &self;
}

#endif
