/*
 * Packets between processes of this machine, by a name in a directory: each send is one receive, whole. Nothing in
 * here waits but port_channel_connect and port_channel_wait.
 */
#ifndef PORT_CHANNEL_H
#define PORT_CHANNEL_H

#include <stdbool.h>

#include "port/file.h"

/* A descriptor to poll for reading: somebody wants to talk. Replaces what a dead process left there. */
int port_channel_listen(int *fd, struct port_dir *dir, const char *name, struct kist_error *err) KIST_CHECKED;
/* -1: nobody does. */
int port_channel_accept(int listener);
/* KIST_E_NOT_FOUND: nobody listens there. */
int port_channel_connect(int *fd, struct port_dir *dir, const char *name, struct kist_error *err) KIST_CHECKED;
/* Two ends of one. */
int port_channel_pair(int fds[2], struct kist_error *err) KIST_CHECKED;
/* False: the other end is gone, or has not the room now. */
bool port_channel_send(int fd, const void *data, size_t len);
/* Bytes; 0: the other end is gone; -1: nothing is there. */
int port_channel_receive(int fd, void *data, size_t size);
/* Until something is there; false after milliseconds (-1: never). */
bool port_channel_wait(int fd, int milliseconds);

/* Tells a service manager (sd_notify(3)) by the socket it named, "/path" or "@abstract". Nobody there is fine. */
void port_notify(const char *socket, const char *text);

#endif
