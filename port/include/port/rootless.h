/*
 * kist of a user who is not root: a user namespace in which he is, and in which his containers' processes and files belong to
 * him and to those users that /etc/subuid and /etc/subgid give him (newuidmap(1)); without them, to him alone. A user has one
 * at a time: every kist of his is in it, and it ends with the last.
 */
#ifndef PORT_ROOTLESS_H
#define PORT_ROOTLESS_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Enters the namespace that those who hold file are in, made, with its file, where there is nobody, and holds it across execve(2).
 * For a process of one thread that has nothing to lose: on failure it is of no more use. KIST_E_UNSUPPORTED: this kernel lets
 * only root make one; KIST_E_CONFLICT: newuidmap refused, and says why on standard error.
 */
int port_rootless_enter(const char *file, struct kist_error *err) KIST_CHECKED;

/* A process begun in the namespace holds it too. */
int port_rootless_hold(const char *file, struct kist_error *err) KIST_CHECKED;

/* The caller is root only in a user namespace like that: what it lacks, it lacks because it is nobody outside. */
bool port_rootless(void);
/* There, users and groups other than root. */
bool port_rootless_has_users(void);

#endif
