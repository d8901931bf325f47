/* A program of unit tests runs the module by whose name it is called (each has a link to it); by another name, all it has. */
#include <stddef.h>
#include <string.h>

#include "module.h"

struct test_module *test_modules;

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    const char *only = argc > 1 ? argv[1] : NULL;
    int status = 0;

    for (const struct test_module *m = test_modules; m; m = m->next) {
        if (strcmp(m->name, name) == 0) {
            return m->run(only);
        }
    }
    for (const struct test_module *m = test_modules; m; m = m->next) {
        status |= m->run(only);
    }
    return status || !test_modules;
}
