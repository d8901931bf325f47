/* Facts of the machine, and bytes nobody can guess. */
#ifndef KIST_PORT_SYSTEM_H
#define KIST_PORT_SYSTEM_H

#include <stdbool.h>

#include "base/error.h"

struct port_system {
    char kernel[128];  /* uname -r */
    char machine[32];  /* uname -m: "x86_64", "armv7l", "aarch64" */
    char hostname[65];
    unsigned cpus;     /* on line */
    uint64_t memory;   /* bytes */
    bool aarch32;      /* a 64-bit ARM that also runs 32-bit code */
};

int port_system_get(struct port_system *s, struct kist_error *err) KIST_CHECKED;
/* While polite, this thread gets at the disk only when nobody else wants to. It must hold no lock that others wait for then. */
void port_system_polite(bool polite);
#define PORT_SYSTEM_BOOT 16
/* What tells this boot of the machine from every other one; false: nobody can tell. */
bool port_system_boot(unsigned char id[PORT_SYSTEM_BOOT]) KIST_CHECKED;
int port_system_random(void *bytes, size_t len, struct kist_error *err) KIST_CHECKED;

#endif
