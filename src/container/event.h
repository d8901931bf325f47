/* What happened to containers, for `kist events`: a ring of JSON lines, <run>/events, that every kist adds to. */
#ifndef KIST_CONTAINER_EVENT_H
#define KIST_CONTAINER_EVENT_H

#include "codec/json.h"
#include "container/container.h"

/* Whom it is about. name and image may be NULL. */
struct kist_event_of {
    const char *id, *name, *image;
};

/* action: Docker's word. attribute, with value, may be NULL. What cannot be written is lost. */
void kist_event_add(const struct kist_engine *e, const struct kist_event_of *of, const char *action,
                    const char *attribute, const char *value);

#endif
