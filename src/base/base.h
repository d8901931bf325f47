/* What every room may lean on: attributes and cleanup helpers. No policy. */
#ifndef KIST_BASE_BASE_H
#define KIST_BASE_BASE_H

#include <stddef.h>
#include <stdint.h>

/* The result must be looked at. */
#define KIST_CHECKED __attribute__((warn_unused_result))
#define KIST_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define KIST_UNUSED __attribute__((unused))

#define KIST_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KIST_MIN(a, b) ((a) < (b) ? (a) : (b))
#define KIST_MAX(a, b) ((a) > (b) ? (a) : (b))

/* The struct of type that holds member at address ptr. */
#define KIST_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

/*
 * A local that releases itself at the end of its scope: KIST_AUTO(buf) struct kist_buf b; calls
 * kist_buf_auto(&b). A room that owns a type defines kist_<name>_auto beside it; these two are
 * everybody's: KIST_AUTO(free) char *p = NULL; KIST_AUTO(fd) int fd = -1;
 */
#define KIST_AUTO(name) __attribute__((cleanup(kist_##name##_auto)))

/* Zeros, for whoever needs some; never written, and not const because they would then take that much of the binary. */
extern unsigned char kist_zeros[16384];

void kist_free_auto(void *pointer_to_pointer);
void kist_fd_auto(int *fd);

#endif
