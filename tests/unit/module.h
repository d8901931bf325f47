/* A module of unit tests: one file that includes test.h. */
#ifndef KIST_TEST_MODULE_H
#define KIST_TEST_MODULE_H

struct test_module {
    const char *name;
    int (*run)(const char *only); /* the tests whose names contain it, NULL: all; prints the counts, gives the exit status */
    struct test_module *next;
};

/* All of this program; each adds itself. Defined in main.c. */
extern struct test_module *test_modules;

#endif
