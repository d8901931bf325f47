/* What leaves a container network for elsewhere carries the host's address: one nf_tables rule. */
#ifndef KIST_PORT_LINUX_MASQUERADE_H
#define KIST_PORT_LINUX_MASQUERADE_H

#include "port/network.h"

/* Sees to it that the rule for n's network is there. KIST_E_UNSUPPORTED where the kernel has no nf_tables. */
int port_masquerade(const struct port_network *n, struct kist_error *err) KIST_CHECKED;

#endif
