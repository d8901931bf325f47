#include <ctype.h>
#include <string.h>

#include "container/event.h"
#include "container/engine.h"
#include "container/plan.h"
#include "container/rootfs.h"
#include "container/spec.h"
#include "port/system.h"

int kist_container_id_make(char id[KIST_CONTAINER_ID_MAX], struct kist_error *err)
{
    unsigned char raw[(KIST_CONTAINER_ID_MAX - 1) / 2];
    int rc = port_system_random(raw, sizeof(raw), err);

    if (rc == 0) {
        kist_str_hex(id, raw, sizeof(raw));
    }
    return rc;
}

static const char *const adjectives[] = {
    "amber", "ample", "apt",   "bold",  "brave", "brisk", "calm",  "clear", "crisp", "deft",  "eager",
    "early", "fair",  "fleet", "fond",  "free",  "glad",  "grand", "hardy", "keen",  "kind",  "light",
    "lucid", "mild",  "neat",  "noble", "plain", "prime", "proud", "quick", "quiet", "rapid", "ready",
    "ripe",  "sharp", "sleek", "smart", "snug",  "solid", "spry",  "still", "stout", "sunny", "sure",
    "swift", "tidy",  "true",  "vivid", "warm",  "wise",  "young", "zesty",
};

static const char *const things[] = {
    "anchor", "anvil",   "arch",  "barrel", "basket", "beacon", "bell",   "bench", "bolt",
    "bridge", "buoy",    "cabin", "candle", "casket", "chest",  "clasp",  "crate", "drawer",
    "drum",   "ferry",   "flask", "gate",   "hinge",  "hull",   "kettle", "key",   "ladder",
    "lamp",   "lantern", "latch", "lever",  "lock",   "loom",   "mast",   "mill",  "oar",
    "pail",   "pulley",  "quill", "raft",   "rivet",  "rudder", "sail",   "shelf", "spindle",
    "spool",  "tackle",  "tower", "trunk",  "vault",  "wheel",  "winch",
};

int kist_container_name_make(char name[KIST_CONTAINER_NAME_MAX], struct kist_error *err)
{
    uint32_t dice[3];
    int rc = port_system_random(dice, sizeof(dice), err);

    if (rc < 0) {
        return rc;
    }
    /* the number makes it likely to be free where thousands were made */
    return kist_str_format(name, KIST_CONTAINER_NAME_MAX, "%s_%s_%u",
                           adjectives[dice[0] % KIST_COUNT(adjectives)], things[dice[1] % KIST_COUNT(things)],
                           (unsigned)(dice[2] % 1000))
               ? 0
               : (int)KIST_E_FAIL;
}

int kist_container_name_check(const char *name, struct kist_error *err)
{
    size_t len = strlen(name);
    bool good = len >= 2 && len < KIST_CONTAINER_NAME_MAX && isalnum((unsigned char)name[0]);

    for (const char *p = name; good && *p != '\0'; p++) {
        good = isalnum((unsigned char)*p) || strchr("_.-", *p);
    }
    return good ? 0
                : kist_error_set(err, KIST_E_USAGE,
                                 "invalid container name '%s': 2 to %d characters of a-z A-Z 0-9 _ . -, the "
                                 "first a letter or a digit",
                                 name, KIST_CONTAINER_NAME_MAX - 1);
}

static int add(const struct kist_engine *e, const struct kist_container_new *n, char name[KIST_CONTAINER_NAME_MAX],
               struct port_dir **dir, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv volumes = {.v = NULL};
    struct kist_container_ref ref = {.image = *n->image, .ephemeral = n->transient, .leased = n->leased, .volumes = &volumes};
    int rc;

    if (!kist_str_copy(ref.id, sizeof(ref.id), n->id)) {
        return kist_error_set(err, KIST_E_FAIL, "a container ID is too long");
    }
    rc = n->name ? kist_container_name_check(n->name, err) : kist_container_name_make(ref.name, err);
    if (rc == 0 && n->name && !kist_str_copy(ref.name, sizeof(ref.name), n->name)) {
        return kist_error_set(err, KIST_E_USAGE, "the container's name is too long");
    }
    memcpy(name, ref.name, KIST_CONTAINER_NAME_MAX);
    rc = rc < 0 ? rc : kist_container_config_volumes(n->config, &volumes, err);
    return rc < 0 ? rc : kist_store_container_add(e->store, &ref, dir, err);
}

/* What may be written to its root. */
static int limit(const struct kist_engine *e, const struct kist_container_new *n, struct port_dir *dir, struct kist_error *err)
{
    const char *text = kist_plan_note(n->config, "kist.rootfs.size");
    enum kist_rootfs kind;
    uint64_t size;

    return text && kist_rootfs_parse(kist_plan_note(n->config, "kist.rootfs"), &kind) && kist_str_u64(text, INT64_MAX, &size)
               ? kist_rootfs_limit(e->store, n->id, dir, kind, size, err)
               : 0; /* what makes no sense is for who reads it all to say */
}

int kist_container_make(const struct kist_engine *e, const struct kist_container_new *n,
                        char name[KIST_CONTAINER_NAME_MAX], struct port_dir **dir, struct kist_error *err)
{
    int rc = add(e, n, name, dir, err);

    if (rc < 0) {
        return rc;
    }
    rc = kist_container_write_fixed(e, *dir, n, err);
    rc = rc < 0 ? rc : limit(e, n, *dir, err);
    if (rc < 0) {
        port_dir_close(*dir);
        *dir = NULL;
        (void)!kist_store_container_remove(e->store, n->id, NULL);
        return rc;
    }
    kist_event_add(e, &(struct kist_event_of){n->id, name, n->image_name}, "create", NULL, NULL);
    return 0;
}

int kist_container_create(const struct kist_engine *e, const struct kist_container_new *n,
                          struct kist_error *err)
{
    KIST_AUTO(spec) struct kist_spec spec = {.stop_signal = 0};
    char name[KIST_CONTAINER_NAME_MAX];
    struct kist_rundir held;
    struct port_dir *dir;
    int rc;

    if (n->transient) {
        return kist_error_set(err, KIST_E_USAGE,
                              "a container that is not started cannot be removed when it ends");
    }
    rc = kist_spec_parse(&spec, n->config, err);
    rc = rc < 0 ? rc : kist_rundir_hold(&held, e, n->id, 0, err);
    if (rc < 0) {
        return rc;
    }
    rc = kist_container_make(e, n, name, &dir, err);
    if (rc == 0) {
        port_dir_close(dir);
    }
    kist_rundir_release(&held, e, n->id, true);
    return rc;
}
