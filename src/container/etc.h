/* The files of /etc that a container gets made for it: hosts, hostname, resolv.conf. */
#ifndef KIST_CONTAINER_ETC_H
#define KIST_CONTAINER_ETC_H

#include "base/buf.h"
#include "codec/json.h"
#include "port/file.h"
#include "port/sandbox.h"

/* Makes file name ("hostname", ...) in run, for all to read. KIST_E_USAGE: there is no such file to be made. */
int kist_etc_make(const char *name, const struct port_sandbox_spec *s, const cJSON *config, struct port_dir *run,
                  struct kist_error *err) KIST_CHECKED;
/* The same file of the directory owner instead, under both names one and the same. KIST_E_NOT_FOUND: it has none. */
int kist_etc_share(const char *name, const char *owner, struct port_dir *run, struct kist_error *err) KIST_CHECKED;
/* hosts of a container on a bridge: its own line and those of the others. */
int kist_etc_hosts(struct port_dir *run, const cJSON *config, const char *own, const char *others,
                   struct kist_error *err) KIST_CHECKED;

/* The lines of a hosts file that do not begin with address, into out. */
int kist_etc_without(struct kist_buf *out, struct port_file *file, const char *address, struct kist_error *err) KIST_CHECKED;

/* Calls each for every word of text (NULL: none), as long as it returns 0; returns what it did. */
int kist_etc_each_word(const char *text, int (*each)(void *arg, const char *word, struct kist_error *err), void *arg,
                       struct kist_error *err) KIST_CHECKED;
/* For kist_etc_each_word: appends the word to a cJSON array. */
int kist_etc_append(void *array, const char *word, struct kist_error *err) KIST_CHECKED;

#endif
