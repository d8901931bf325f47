/* What a pull tells people and scripts while it works, on standard error. */
#ifndef KIST_CMD_PROGRESS_H
#define KIST_CMD_PROGRESS_H

#include "transfer/pull.h"

enum kist_progress_mode {
    KIST_PROGRESS_NONE,
    KIST_PROGRESS_PLAIN,    /* a line a state */
    KIST_PROGRESS_JSON,     /* a JSON object a line */
    KIST_PROGRESS_TERMINAL, /* bars that move */
};

struct kist_progress {
    enum kist_progress_mode mode;
    uint64_t drawn_at;    /* when the bars were last drawn, monotonic milliseconds */
    unsigned drawn_lines; /* lines they take */
    bool begun;
    bool *told;           /* a layer's last state was told; one a layer */
    uint64_t started_at;
};

/* "auto", "plain", "json", "none", or NULL for auto: bars on a terminal, else plain. KIST_E_USAGE. */
int kist_progress_init(struct kist_progress *p, const char *mode, struct kist_error *err) KIST_CHECKED;
/* Fits kist_pull_event_fn; arg is the struct kist_progress. */
void kist_progress_event(void *arg, const struct kist_pull_plan *plan, int index);
/* Takes the bars away. */
void kist_progress_end(struct kist_progress *p);

/* For what is told in other words; on a terminal. Whether the bars are to be drawn anew: something changed, or it is time. */
bool kist_progress_due(const struct kist_progress *p, bool changed);
/* The bars off, then one after the other on again. */
void kist_progress_erase(struct kist_progress *p);
void kist_progress_bar(struct kist_progress *p, const char *label, uint64_t done, uint64_t total);

#endif
