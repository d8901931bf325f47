/* What the prune commands share: the question before, the lists after. */
#ifndef KIST_CMD_PRUNING_H
#define KIST_CMD_PRUNING_H

#include "cmd/cmd.h"
#include "cmd/filter.h"

/*
 * Asks on a terminal whether to go on; anywhere else nobody is there to be asked, and it does. what: "image prune" removes;
 * warning: what that removes, lines of a list or a sentence. KIST_E_FAIL: the answer was no.
 */
int kist_pruning_confirm(const char *what, const char *warning, struct kist_error *err) KIST_CHECKED;

/* "Deleted Containers:", each line under it after prefix, and an empty line; nothing for an empty list. */
void kist_pruning_list(const char *title, const char *prefix, const struct kist_strv *lines);
void kist_pruning_total(const char *title, uint64_t bytes);
/* A line for each name and digest that went. */
void kist_pruning_removed(const struct kist_store_removed *removed, const char *untagged, const char *deleted);
/* {"untagged":[...],"deleted":[...],"freed":n}, a line. */
void kist_pruning_json(const struct kist_store_removed *removed);

/* 'image prune', as its options and those of 'system prune' ask for it. */
struct kist_pruning_images {
    bool all, dry_run;
    uint64_t keep, target_free;
    const struct kist_filters *filters;
};

/* Removes the images; removed is released by the caller in any case. KIST_E_NO_SPACE: too little is free even so; removed is good. */
int kist_pruning_images(struct kist_app *app, const struct kist_pruning_images *images, struct kist_store *store,
                        struct kist_store_removed *removed, struct kist_error *err) KIST_CHECKED;
/* 'volume prune': removes and lists; *freed grows. src/cmd/volume.c */
int kist_pruning_volumes(struct kist_store *store, bool all, const struct kist_filters *filters, uint64_t *freed,
                         struct kist_error *err) KIST_CHECKED;
/*
 * 'builder prune': steps, the one used longest ago first, and with keep 0 the directories that builds keep, and what is known of their files; deleted gets the keys, *freed
 * grows. until 0: whenever they were used. src/cmd/builder_prune.c
 */
int kist_pruning_builder(const struct kist_app *app, struct kist_store *store, bool all, int64_t until, uint64_t keep,
                         struct kist_strv *deleted, uint64_t *freed, struct kist_error *err) KIST_CHECKED;

#endif
