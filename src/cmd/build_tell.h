/* What a build tells people and scripts while it works, on standard error: the words of Docker's first builder. */
#ifndef KIST_CMD_BUILD_TELL_H
#define KIST_CMD_BUILD_TELL_H

#include "build/build.h"

struct kist_build_tell {
    enum { KIST_BUILD_TELL_NONE, KIST_BUILD_TELL_PLAIN, KIST_BUILD_TELL_JSON } mode;
    const char *progress; /* for pulls */
    bool open_line;       /* a command's output ended without one */
};

/* "auto", "plain", "tty", "json", "rawjson", "none", "quiet", NULL for auto. KIST_E_USAGE. */
int kist_build_tell_init(struct kist_build_tell *t, const char *mode, bool quiet, struct kist_error *err) KIST_CHECKED;
void kist_build_tell_event(struct kist_build_tell *t, const struct kist_build_event *event);

#endif
