/* The power is cut: which of the pending operations are on the medium. */
#include "disk.h"

#include <stdlib.h>

static size_t last_write(void)
{
    size_t i = sim_disk.op_count;

    while (i > 0 && sim_disk.ops[i - 1].kind != SIM_WRITE) {
        i--;
    }
    return i; /* counted from 1 */
}

#define TORN_PLACES 3 /* the first multiple of 512 in the write, one in the middle, the last */

/* Where the last write is torn, as bytes of it; 0: it lies within one sector. */
static size_t tear_at(const struct sim_op *op, size_t place)
{
    uint64_t first = op->offset / 512 + 1, last = (op->offset + op->len - 1) / 512;
    uint64_t chosen = place == 0 ? first : place == 1 ? first + (last - first) / 2 : last;

    return op->len > 0 && first <= last && chosen * 512 > op->offset ? (size_t)(chosen * 512 - op->offset)
                                                                     : 0;
}

size_t port_sim_variants(enum port_sim_fate fate)
{
    switch (fate) {
    case PORT_SIM_ONE_LOST:
    case PORT_SIM_ONE_KEPT:
        return sim_disk.op_count;
    case PORT_SIM_TORN:
        return last_write() && tear_at(&sim_disk.ops[last_write() - 1], 0) > 0 ? 2 * TORN_PLACES : 0;
    case PORT_SIM_NAMES:
        return 2;
    default:
        return 1;
    }
}

static void apply_torn(const struct sim_op *op, size_t variant)
{
    size_t cut = tear_at(op, variant / 2);
    struct sim_op part = *op;

    if (variant % 2 == 0) {
        part.len = cut;
    } else {
        part.offset += cut;
        part.data += cut;
        part.len -= cut;
    }
    sim_apply(&sim_disk.medium, &part);
}

/* Space was found for what was written, but it never got there. */
static void apply_zeros(const struct sim_op *op)
{
    struct sim_node *node = &sim_disk.medium.nodes[op->node];

    if (op->kind == SIM_TRUNCATE) {
        sim_resize(node, (size_t)op->offset);
    } else if (op->offset + op->len > node->size) {
        sim_resize(node, (size_t)op->offset + op->len);
    }
}

static void apply_fated(size_t i, enum port_sim_fate fate, size_t variant)
{
    const struct sim_op *op = &sim_disk.ops[i];

    switch (fate) {
    case PORT_SIM_ONE_LOST:
        if (i == variant) {
            return;
        }
        break;
    case PORT_SIM_ONE_KEPT:
        if (i != variant) {
            return;
        }
        break;
    case PORT_SIM_TORN:
        if (i + 1 == last_write()) {
            apply_torn(op, variant);
            return;
        }
        break;
    case PORT_SIM_NAMES:
        if (!sim_names(op)) {
            if (variant == 1) {
                apply_zeros(op);
            }
            return;
        }
        break;
    case PORT_SIM_KEPT:
    default:
        break;
    }
    sim_apply(&sim_disk.medium, op);
}

void port_sim_reboot(enum port_sim_fate fate, size_t variant)
{
    for (size_t i = 0; i < sim_disk.op_count && fate != PORT_SIM_LOST; i++) {
        apply_fated(i, fate, variant);
    }
    for (size_t i = 0; i < sim_disk.op_count; i++) {
        sim_op_release(&sim_disk.ops[i]);
    }
    sim_disk.op_count = 0;
    sim_state_copy(&sim_disk.now, &sim_disk.medium);
    port_sim_restart();
}

const char *port_sim_fate_name(enum port_sim_fate fate)
{
    static const char *const texts[PORT_SIM_FATES] = {
        [PORT_SIM_KEPT] = "all kept",     [PORT_SIM_LOST] = "all lost",
        [PORT_SIM_ONE_LOST] = "one lost", [PORT_SIM_ONE_KEPT] = "one kept",
        [PORT_SIM_TORN] = "write torn",   [PORT_SIM_NAMES] = "names before data",
    };

    return texts[fate];
}
