/* A pull as the settings want it, shared by 'pull' and by 'run' of an image that is not kept. */
#ifndef KIST_CMD_PULLING_H
#define KIST_CMD_PULLING_H

#include "cmd/cmd.h"
#include "transfer/pull.h"

/* The platform of an option, else of the settings, else this machine's; aarch32 as port/system.h has it. */
int kist_pulling_platform(const struct kist_app *app, const char *option, struct kist_platform *platform, bool *aarch32,
                          struct kist_error *err) KIST_CHECKED;

/* How layers are kept, by the settings. */
void kist_pulling_layer(const struct kist_settings *s, struct kist_layer_options *o);
/* The same for who may write no layer at all, and writes them one after the other: the kernel is asked with the first. */
void kist_pulling_layer_late(const struct kist_settings *s, struct kist_layer_options *o);

/* progress: as for --progress. plan is to be released whatever comes back. */
int kist_pulling(struct kist_app *app, const char *reference, const char *platform, const char *progress, bool dry_run,
                 struct kist_pull_plan *plan, struct kist_error *err) KIST_CHECKED;

#endif
