/* For tests of what reads several layers as one tree: layers written from words (fixture_member), the base first. */
#ifndef KIST_TEST_LAYER_STACK_H
#define KIST_TEST_LAYER_STACK_H

#include "layer/view.h"
#include "layer_write_fixture.h"

#define STACK_MAX 4

static const struct kist_layer_options stack_options = {.compressor = KIST_LAYER_ZSTD};

struct stack {
    struct fixture made[STACK_MAX];
    struct kist_layer *v[STACK_MAX];
    struct kist_view view;
};

static inline void stack_push(struct stack *s, const char *const members[MEMBERS_MAX])
{
    KIST_AUTO(buf) struct kist_buf tar = MAKER_INIT;
    struct fixture *f = &s->made[s->view.count];

    if (!fixture_init(f)) {
        abort();
    }
    fixture_tar(&tar, members);
    CHECK_OK(fixture_write(f, &tar, tar.len, &stack_options), f->err);
    s->v[s->view.count++] = f->layer;
    s->view.layers = s->v;
}

static inline void stack_release(struct stack *s)
{
    for (size_t i = 0; i < s->view.count; i++) {
        fixture_release(&s->made[i]);
    }
}

#endif
