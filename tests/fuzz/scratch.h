/* A file that a target writes anew for each input: in memory where the machine has /dev/shm, gone when the program ends. */
#ifndef TESTS_FUZZ_SCRATCH_H
#define TESTS_FUZZ_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "port/file.h"

static struct port_dir *folder;
static char name[64];

static void die(const char *what, const struct kist_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->message);
    abort();
}

static void scratch_clean(void)
{
    struct kist_error err = {0};

    (void)!port_dir_unlink(folder, name, &err);
    port_dir_close(folder);
}

/* Fills folder and name; nothing the second time. */
static void scratch_prepare(const char *target)
{
    struct kist_error err = {0};

    if (folder)
        return;
    snprintf(name, sizeof(name), "%s.%ld", target, (long)getpid());
    if (port_dir_open(&folder, "/dev/shm", false, &err) < 0 &&
        port_dir_open(&folder, "/tmp", false, &err) < 0)
        die("no folder for the input", &err);
    atexit(scratch_clean);
}

#endif
