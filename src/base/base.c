#include "base/base.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

unsigned char kist_zeros[16384];

void kist_free_auto(void *pointer_to_pointer)
{
    void *p;

    memcpy(&p, pointer_to_pointer, sizeof(p));
    free(p);
}

void kist_fd_auto(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}
