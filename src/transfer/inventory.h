/* Which layers a device has, for archives that leave these out. */
#ifndef KIST_TRANSFER_INVENTORY_H
#define KIST_TRANSFER_INVENTORY_H

#include "store/store.h"

/* The diff IDs of all layers of the images kept, ascending, none twice; free() them. */
int kist_inventory_list(struct kist_store *s, struct kist_digest **diff_ids, size_t *count, struct kist_error *err)
    KIST_CHECKED;
/* The digests named anywhere in text, an inventory as lines or as JSON; free() them. KIST_E_USAGE: a text without any, not blank. */
int kist_inventory_parse(const char *text, struct kist_digest **diff_ids, size_t *count, struct kist_error *err)
    KIST_CHECKED;

#endif
