#include "cmd/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "port/clock.h"

#define REDRAW_MS 100
#define BAR 30
#define SHORT_ID 12

int kist_progress_init(struct kist_progress *p, const char *mode, struct kist_error *err)
{
    *p = (struct kist_progress){.mode = KIST_PROGRESS_NONE, .started_at = port_clock_monotonic()};
    if (!mode || strcmp(mode, "auto") == 0) {
        const char *term = getenv("TERM");
        bool terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;

        p->mode = terminal ? KIST_PROGRESS_TERMINAL : KIST_PROGRESS_PLAIN;
    } else if (strcmp(mode, "plain") == 0) {
        p->mode = KIST_PROGRESS_PLAIN;
    } else if (strcmp(mode, "json") == 0) {
        p->mode = KIST_PROGRESS_JSON;
    } else if (strcmp(mode, "none") != 0) {
        return kist_error_set(err, KIST_E_USAGE, "progress must be auto, plain, json or none, not '%s'", mode);
    }
    return 0;
}

static const char *state_name(enum kist_layer_state state)
{
    static const char *const names[] = {"waiting", "downloading", "done", "kept"};

    return names[state];
}

static const char *short_id(char hex[KIST_DIGEST_HEX_MAX], const struct kist_digest *d)
{
    (void)kist_digest_hex(hex, d);
    hex[SHORT_ID] = '\0';
    return hex;
}

/* One line that says what became of a layer. */
static void print_state(const struct kist_pull_layer *layer)
{
    char hex[KIST_DIGEST_HEX_MAX], size[KIST_STR_SIZE_MAX], kept[KIST_STR_SIZE_MAX];
    const char *id = short_id(hex, &layer->blob.digest);

    switch (layer->state) {
    case KIST_PULL_WAITING:
        break;
    case KIST_PULL_DOWNLOADING:
        (void)fprintf(stderr, "%s: pulling %s\n", id, kist_str_size(size, layer->blob.size));
        break;
    case KIST_PULL_DONE:
        (void)fprintf(stderr, "%s: done, %s received, %s kept\n", id, kist_str_size(size, layer->received),
                      kist_str_size(kept, layer->kept));
        break;
    case KIST_PULL_KEPT:
        (void)fprintf(stderr, "%s: already kept\n", id);
        break;
    }
}

static void print_json(const struct kist_pull_layer *layer)
{
    char digest[KIST_DIGEST_TEXT_MAX], diff_id[KIST_DIGEST_TEXT_MAX];

    (void)fprintf(stderr,
                  "{\"layer\":\"%s\",\"diffId\":\"%s\",\"state\":\"%s\",\"received\":%" PRIu64 ",\"size\":%" PRIu64
                  ",\"kept\":%" PRIu64 "}\n",
                  kist_digest_text(digest, &layer->blob.digest), kist_digest_text(diff_id, &layer->diff_id),
                  state_name(layer->state), layer->received, layer->blob.size, layer->kept);
}

void kist_progress_erase(struct kist_progress *p)
{
    if (p->drawn_lines > 0) {
        (void)fprintf(stderr, "\033[%uA\033[J", p->drawn_lines);
        p->drawn_lines = 0;
    }
}

bool kist_progress_due(const struct kist_progress *p, bool changed)
{
    return changed || port_clock_monotonic() - p->drawn_at >= REDRAW_MS;
}

/* On a narrow terminal a line is cut, not wrapped: lines are counted. */
void kist_progress_bar(struct kist_progress *p, const char *label, uint64_t done, uint64_t total)
{
    char bar[BAR + 1], got[KIST_STR_SIZE_MAX], all[KIST_STR_SIZE_MAX];
    unsigned filled = total > 0 ? (unsigned)((double)KIST_MIN(done, total) / (double)total * BAR) : BAR;

    memset(bar, '=', filled);
    memset(bar + filled, ' ', BAR - filled);
    bar[BAR] = '\0';
    if (filled < BAR) {
        bar[filled] = '>';
    }
    (void)fprintf(stderr, "\033[?7l%-12s [%s] %s / %s\n\033[?7h", label, bar, kist_str_size(got, done),
                  kist_str_size(all, total));
    p->drawn_lines++;
    p->drawn_at = port_clock_monotonic();
}

/* Layers at work, then the whole. */
static void draw(struct kist_progress *p, const struct kist_pull_plan *plan)
{
    char hex[KIST_DIGEST_HEX_MAX];
    uint64_t done = 0;

    for (size_t i = 0; i < plan->layer_count; i++) {
        const struct kist_pull_layer *layer = &plan->layers[i];

        done += layer->received;
        if (layer->state == KIST_PULL_DOWNLOADING) {
            kist_progress_bar(p, short_id(hex, &layer->blob.digest), layer->received, layer->blob.size);
        }
    }
    if (p->drawn_lines > 0) {
        kist_progress_bar(p, "in all", done, plan->download_bytes);
    }
    p->drawn_at = port_clock_monotonic();
}

static void terminal_event(struct kist_progress *p, const struct kist_pull_plan *plan, bool changed, int index)
{
    if (!kist_progress_due(p, changed)) {
        return;
    }
    kist_progress_erase(p);
    if (changed && index >= 0 && plan->layers[index].state >= KIST_PULL_DONE) {
        print_state(&plan->layers[index]);
    }
    draw(p, plan);
    (void)fflush(stderr);
}

/* The plan is made: what is kept already is said at once. */
static void begin(struct kist_progress *p, const struct kist_pull_plan *plan)
{
    char size[KIST_STR_SIZE_MAX], platform[KIST_PLATFORM_TEXT_MAX];

    p->begun = true;
    p->told = calloc(plan->layer_count + 1, sizeof(*p->told));
    if (p->mode != KIST_PROGRESS_JSON) {
        (void)fprintf(stderr, "%s: %zu layer%s, %s to download, for %s\n", plan->name, plan->layer_count,
                      plan->layer_count == 1 ? "" : "s", kist_str_size(size, plan->download_bytes),
                      kist_platform_text(platform, &plan->platform));
    }
    for (size_t i = 0; i < plan->evicted.untagged.n && p->mode != KIST_PROGRESS_JSON; i++) {
        (void)fprintf(stderr, "%s: removed to make room\n", plan->evicted.untagged.v[i]);
    }
    for (size_t i = 0; i < plan->layer_count; i++) {
        if (plan->layers[i].state == KIST_PULL_KEPT) {
            p->mode == KIST_PROGRESS_JSON ? print_json(&plan->layers[i]) : print_state(&plan->layers[i]);
        }
    }
}

void kist_progress_event(void *arg, const struct kist_pull_plan *plan, int index)
{
    struct kist_progress *p = arg;
    const struct kist_pull_layer *layer;
    bool changed;

    if (p->mode == KIST_PROGRESS_NONE) {
        return;
    }
    if (index < 0) {
        if (!p->begun) {
            begin(p, plan);
        }
        return;
    }
    layer = &plan->layers[index];
    /* A layer's first byte-less event is its start; its states after are ends. */
    changed = layer->state >= KIST_PULL_DONE || (layer->received == 0 && p->told && !p->told[index]);
    if (changed && p->told) {
        p->told[index] = true;
    }
    if (p->mode == KIST_PROGRESS_TERMINAL) {
        terminal_event(p, plan, changed, index);
    } else if (p->mode == KIST_PROGRESS_PLAIN) {
        if (changed) {
            print_state(layer);
        }
    } else if (changed || port_clock_monotonic() - p->drawn_at >= REDRAW_MS * 10) {
        p->drawn_at = port_clock_monotonic();
        print_json(layer);
    }
}

void kist_progress_end(struct kist_progress *p)
{
    if (p->mode == KIST_PROGRESS_TERMINAL) {
        kist_progress_erase(p);
        (void)fflush(stderr);
    }
    free(p->told);
    p->told = NULL;
}
