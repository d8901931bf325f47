/* What an image runs on (OCI image spec, image-index.md, "platform"), in normal form as containerd has it. */
#ifndef KIST_IMAGE_PLATFORM_H
#define KIST_IMAGE_PLATFORM_H

#include <stdbool.h>

#include "base/error.h"

struct kist_platform {
    char os[32];
    char arch[32];
    char variant[16]; /* "" for none; arm64's "v8" is "" in normal form, arm without one is "v7" */
};

#define KIST_PLATFORM_TEXT_MAX 84

/* "os/arch[/variant]" or "arch" alone (linux then), with aliases (x86_64, aarch64, armhf, armel, ...);
 * KIST_E_USAGE. */
int kist_platform_parse(struct kist_platform *p, const char *text, struct kist_error *err) KIST_CHECKED;
/* Normal form of the three fields as a manifest or config gives them; NULL or "" where absent. Too long is
 * cut to "". */
void kist_platform_set(struct kist_platform *p, const char *os, const char *arch, const char *variant);
/* "linux/arm/v7"; returns dst. */
char *kist_platform_text(char dst[KIST_PLATFORM_TEXT_MAX], const struct kist_platform *p);
bool kist_platform_equal(const struct kist_platform *a, const struct kist_platform *b);

/*
 * How well an image for have serves a device that is want: 0 is exact, larger is worse, -1 does not run at
 * all. arm/v7 takes v7, v6, v5 in this order; arm64 takes arm64 and then, when aarch32 (the CPU runs 32-bit
 * code), v7, v6, v5 (v8 first).
 */
int kist_platform_rank(const struct kist_platform *want, const struct kist_platform *have, bool aarch32);

#endif
