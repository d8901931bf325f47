/* What a directory and all below it may take of its filesystem, held by the kernel. */
#ifndef KIST_PORT_QUOTA_H
#define KIST_PORT_QUOTA_H

#include "port/file.h"

/*
 * dir, which is empty, becomes a project (ext4, xfs, f2fs) of its own that takes no more than bytes; hint: a number, best another one for each.
 * The limit goes with the directory. Who has CAP_SYS_RESOURCE is not held to it by ext4. KIST_E_UNSUPPORTED: kernel or filesystem keep no quotas of projects.
 */
int port_quota_limit(struct port_dir *dir, uint32_t hint, uint64_t bytes, struct kist_error *err) KIST_CHECKED;
/* They do, on dir's filesystem. */
bool port_quota_available(struct port_dir *dir);

/* The file has size bytes, and all the blocks for them. */
int port_quota_reserve(struct port_file *f, uint64_t size, struct kist_error *err) KIST_CHECKED;
/* The top directory of the ext4 image in f, read as it is and seen by nobody else. */
int port_quota_image(struct port_dir **out, struct port_file *f, struct kist_error *err) KIST_CHECKED;

#endif
