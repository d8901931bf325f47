/* A tar entry's name and metadata, put into the tree: links, whiteouts, duplicates and what is never kept. */
#ifndef KIST_LAYER_PLACE_H
#define KIST_LAYER_PLACE_H

#include "layer/ingest.h"

/*
 * run is the number of its contents, or KIST_CONTENTS_NONE. KIST_E_CORRUPT for a name or link that leads out
 * of the layer or nowhere, and for what no filesystem can hold.
 */
int kist_place_entry(struct kist_ingest *in, const struct kist_tar_entry *e, uint32_t run,
                     struct kist_error *err) KIST_CHECKED;

#endif
