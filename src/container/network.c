#include "container/network.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "container/etc.h"
#include "container/join.h"
#include "container/plan.h"
#include "container/publish.h"
#include "port/clock.h"

#define STATE "network"
#define FRESH "network.new"
#define HOSTS "hosts"
#define LOCK "network.lock"
#define NAMES_MAX 4096 /* bytes of one container's names */

bool kist_network_parse(const char *text, uint32_t *network, unsigned *prefix)
{
    const char *slash = strchr(text, '/');
    char address[INET_ADDRSTRLEN];
    struct in_addr raw;
    uint64_t bits;

    if (!slash || (size_t)(slash - text) >= sizeof(address) || !kist_str_u64(slash + 1, 30, &bits) || bits == 0) {
        return false;
    }
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (inet_pton(AF_INET, address, &raw) != 1) {
        return false;
    }
    *prefix = (unsigned)bits;
    *network = ntohl(raw.s_addr) & (UINT32_MAX << (32 - bits));
    return true;
}

static const char *address_text(char dst[INET_ADDRSTRLEN], uint32_t address)
{
    const struct in_addr raw = {.s_addr = htonl(address)};

    return inet_ntop(AF_INET, &raw, dst, INET_ADDRSTRLEN) ? dst : "";
}

static bool address_of(const cJSON *state, uint32_t *address)
{
    const char *text = kist_json_string(state, "ip");
    struct in_addr raw;

    if (!text || inet_pton(AF_INET, text, &raw) != 1) {
        return false;
    }
    *address = ntohl(raw.s_addr);
    return true;
}

/* ---- what the others have ---- */

int kist_network_look(cJSON **out, const struct kist_engine *e, const char *id, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    struct port_file *file;
    struct port_dir *dir;
    uint64_t size = 0;
    int rc = kist_rundir_open(&dir, e, id, err);

    *out = NULL;
    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    rc = port_file_open(&file, dir, STATE, err);
    port_dir_close(dir);
    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    rc = port_file_size(file, &size, err);
    if (rc == 0 && size > KIST_MAX_CONFIG) {
        rc = kist_error_set(err, KIST_E_CORRUPT, "container '%.12s': '" STATE "' is too large", id);
    }
    rc = rc < 0 ? rc : kist_buf_reserve(&text, (size_t)size, err);
    rc = rc < 0 ? rc : port_file_read_at(file, 0, text.data, (size_t)size, &text.len, err);
    port_file_discard(file);
    return rc < 0 ? rc : kist_json_parse(out, kist_buf_text(&text), text.len, STATE, err);
}

struct survey {
    const struct kist_engine *e;
    const char *own;
    struct kist_buf *lines; /* for our hosts file; NULL: not wanted */
    uint32_t *taken;
    size_t n;
    int (*tell)(const struct survey *s, const char *id, struct kist_error *err); /* NULL: nobody is told */
    const char *line;
    uint32_t address;
};

static int names_line(struct kist_buf *out, const cJSON *state, struct kist_error *err)
{
    const char *ip = kist_json_string(state, "ip");
    const cJSON *name;
    int rc = kist_buf_puts(out, ip ? ip : "", err);

    cJSON_ArrayForEach(name, kist_json_array(state, "names"))
    {
        const char *text = cJSON_GetStringValue(name);

        rc = rc < 0 ? rc : kist_buf_printf(out, err, "\t%s", text ? text : "");
    }
    return rc < 0 ? rc : kist_buf_puts(out, "\n", err);
}

static int look_at(void *arg, const char *id, struct kist_error *err)
{
    struct survey *s = arg;
    KIST_AUTO(json) cJSON *state = NULL;
    uint32_t address;
    uint32_t *grown;

    /* what cannot be read is somebody's who is just going */
    if (strcmp(id, s->own) == 0 || kist_network_look(&state, s->e, id, NULL) < 0 || !state || !address_of(state, &address)) {
        return 0;
    }
    if (s->tell) {
        return s->tell(s, id, err);
    }
    grown = realloc(s->taken, (s->n + 1) * sizeof(*grown));
    if (!grown) {
        return kist_error_nomem(err);
    }
    s->taken = grown;
    s->taken[s->n++] = address;
    return names_line(s->lines, state, err);
}

/*
 * The other's hosts file: without what it says of our address, with our line. In place, for it is mounted; there the container may write
 * to it what it likes, which must not keep the next one from hearing.
 */
static int tell(const struct survey *s, const char *id, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);
    struct port_file *file = NULL;
    struct port_dir *dir;
    char ip[INET_ADDRSTRLEN];
    const char *address = address_text(ip, s->address);
    int rc;

    if (kist_rundir_open(&dir, s->e, id, NULL) < 0) {
        return 0;
    }
    rc = port_file_open_rw(&file, dir, HOSTS, err);
    rc = rc < 0 ? rc : kist_etc_without(&text, file, address, err);
    rc = rc < 0 ? rc : kist_buf_puts(&text, s->line, err);
    rc = rc < 0 ? rc : port_file_write_at(file, 0, kist_buf_text(&text), text.len, err);
    rc = rc < 0 ? rc : port_file_truncate(file, text.len, err);
    port_file_discard(file);
    port_dir_close(dir);
    if (rc < 0) {
        kist_log(KIST_LOG_DEBUG, "container '%.12s' is not told of '%s': %s", id, address, err->message);
    }
    return 0;
}

/* A neighbour whose file cannot be changed keeps an old one; that is no reason to fail. */
static void tell_others(const struct kist_network *n, const struct kist_engine *e, const char *id, const char *line)
{
    struct survey s = {.e = e, .own = id, .tell = tell, .line = line, .address = n->place.address};
    struct kist_error err;

    if (kist_rundir_each(e, look_at, &s, &err) < 0) {
        kist_log(KIST_LOG_WARN, "container '%.12s': the others do not know its name: %s", id, err.message);
    }
}

static int lock_network(struct port_file **lock, const struct kist_engine *e, struct kist_error *err)
{
    struct port_dir *run;
    int rc = port_dir_open(&run, kist_rundir_all(e), true, err);

    *lock = NULL;
    if (rc < 0) {
        return rc;
    }
    rc = port_file_open_rw(lock, run, LOCK, err);
    rc = rc < 0 ? rc : port_file_lock(*lock, true, -1, err);
    port_dir_close(run);
    if (rc < 0) {
        port_file_discard(*lock);
        *lock = NULL;
    }
    return rc;
}

/* ---- its own place ---- */

static bool is_taken(const struct survey *s, uint32_t address)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->taken[i] == address) {
            return true;
        }
    }
    return false;
}

static int choose_address(struct port_network *place, const struct survey *s, const char *wanted, struct kist_error *err)
{
    const uint32_t last = place->gateway | (UINT32_MAX >> place->prefix); /* broadcast */
    struct in_addr raw;

    if (wanted) {
        place->address = inet_pton(AF_INET, wanted, &raw) == 1 ? ntohl(raw.s_addr) : 0;
        if (place->address <= place->gateway || place->address >= last) {
            return kist_error_set(err, KIST_E_USAGE, "the address '%s' is not one of the bridge's network", wanted);
        }
        return is_taken(s, place->address)
                   ? kist_error_set(err, KIST_E_CONFLICT, "the address '%s' is in use by another container", wanted)
                   : 0;
    }
    for (place->address = place->gateway + 1; place->address < last; place->address++) {
        if (!is_taken(s, place->address)) {
            return 0;
        }
    }
    return kist_error_set(err, KIST_E_CONFLICT, "every address of the bridge '%s' is in use", place->bridge);
}

static bool set_port(struct port_network *place, const char *id)
{
    return kist_str_format(place->port, sizeof(place->port), "kist%.11s", id);
}

static int read_place(struct port_network *place, const char *id, const cJSON *config, struct kist_error *err)
{
    const char *bridge = kist_plan_note(config, "kist.network.bridge"), *subnet = kist_plan_note(config, "kist.network.subnet");

    *place = (struct port_network){.prefix = 0};
    if (!bridge || *bridge == '\0' || !kist_str_copy(place->bridge, sizeof(place->bridge), bridge) || !subnet ||
        !kist_network_parse(subnet, &place->gateway, &place->prefix) || !set_port(place, id)) {
        return kist_error_set(err, KIST_E_USAGE, "config.json: annotations 'kist.network.bridge' and 'kist.network.subnet' make no sense");
    }
    place->gateway++;
    return 0;
}

static void set_mac(struct port_network *place)
{
    /* Docker's way: a local one, told by the address */
    const unsigned char mac[6] = {0x02,
                                  0x42,
                                  (unsigned char)(place->address >> 24),
                                  (unsigned char)(place->address >> 16),
                                  (unsigned char)(place->address >> 8),
                                  (unsigned char)place->address};

    memcpy(place->mac, mac, sizeof(mac));
}

/* ---- its file ---- */

static int put_names(cJSON *state, const char *id, const char *name, const cJSON *config, struct kist_error *err)
{
    const char *own[] = {name, kist_json_string(config, "hostname")};
    cJSON *names = cJSON_CreateArray();
    char number[13];
    int rc = kist_json_put(state, "names", names, err);

    if (!kist_str_format(number, sizeof(number), "%.12s", id)) {
        return kist_error_set(err, KIST_E_FAIL, "an ID is too short");
    }
    for (size_t i = 0; rc == 0 && i < KIST_COUNT(own); i++) {
        if (own[i] && *own[i] != '\0' && (i == 0 || strcmp(own[i], number) != 0)) {
            rc = kist_json_append(names, cJSON_CreateString(own[i]), err);
        }
    }
    rc = rc < 0 ? rc : kist_json_append(names, cJSON_CreateString(number), err);
    return rc < 0 ? rc : kist_etc_each_word(kist_plan_note(config, "kist.aliases"), kist_etc_append, names, err);
}

static int put_ports(cJSON *state, const struct kist_published *ports, struct kist_error *err)
{
    cJSON *array = cJSON_CreateArray();
    int rc = kist_json_put(state, "ports", array, err);

    for (size_t i = 0; rc == 0 && i < ports->n; i++) {
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);

        rc = kist_publish_print(&text, &ports->v[i], err);
        rc = rc < 0 ? rc : kist_json_append(array, cJSON_CreateString(kist_buf_text(&text)), err);
    }
    return rc;
}

static int make_state(cJSON **out, const struct port_network *place, const char *id, const char *name, const cJSON *config,
                      struct kist_error *err)
{
    char ip[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN], mac[18];
    cJSON *state = cJSON_CreateObject();
    int rc = state ? 0 : kist_error_nomem(err);

    *out = state;
    if (!kist_str_format(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", place->mac[0], place->mac[1], place->mac[2],
                         place->mac[3], place->mac[4], place->mac[5])) {
        return kist_error_set(err, KIST_E_FAIL, "a hardware address is too long");
    }
    rc = rc < 0 ? rc : kist_json_put_string(state, "bridge", place->bridge, err);
    rc = rc < 0 ? rc : kist_json_put_string(state, "ip", address_text(ip, place->address), err);
    rc = rc < 0 ? rc : kist_json_put_u64(state, "prefix", place->prefix, err);
    rc = rc < 0 ? rc : kist_json_put_string(state, "gateway", address_text(gateway, place->gateway), err);
    rc = rc < 0 ? rc : kist_json_put_string(state, "mac", mac, err);
    return rc < 0 ? rc : put_names(state, id, name, config, err);
}

static int write_whole(struct port_dir *run, const char *name, const struct kist_buf *text, struct kist_error *err)
{
    struct port_file *file;
    int rc = port_file_create(&file, run, FRESH, true, err), closed;

    if (rc < 0) {
        return rc;
    }
    rc = port_file_append(file, kist_buf_text(text), text->len, err);
    closed = port_file_close(file, rc < 0 ? NULL : err);
    rc = rc < 0 ? rc : closed;
    return rc < 0 ? rc : port_dir_rename(run, FRESH, run, name, err);
}

static int write_state(struct port_dir *run, const cJSON *state, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    int rc = kist_json_print(state, false, &text, err);

    return rc < 0 ? rc : write_whole(run, STATE, &text, err);
}

/* ---- up and down ---- */

/* The lock is held: the address, its file, the hosts files of all. */
static int take_place(struct kist_network *n, const struct kist_engine *e, const char *id, struct port_dir *run,
                      const cJSON *config, const char *name, cJSON **state, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf others = KIST_BUF_INIT(KIST_MAX_CONF);
    KIST_AUTO(buf) struct kist_buf line = KIST_BUF_INIT(NAMES_MAX);
    struct survey s = {.e = e, .own = id, .lines = &others};
    int rc = kist_rundir_each(e, look_at, &s, err);

    rc = rc < 0 ? rc : choose_address(&n->place, &s, kist_plan_note(config, "kist.network.ip"), err);
    free(s.taken);
    if (rc < 0) {
        return rc;
    }
    set_mac(&n->place);
    rc = make_state(state, &n->place, id, name, config, err);
    rc = rc < 0 ? rc : names_line(&line, *state, err);
    rc = rc < 0 ? rc : kist_etc_hosts(run, config, kist_buf_text(&line), kist_buf_text(&others), err);
    rc = rc < 0 ? rc : write_state(run, *state, err);
    if (rc == 0) {
        tell_others(n, e, id, kist_buf_text(&line));
    }
    return rc;
}

static int add_port(void *arg, const char *word, struct kist_error *err)
{
    return kist_publish_parse(arg, word, err);
}

static int publish(struct kist_network *n, struct port_dir *run, const cJSON *config, cJSON *state, struct kist_error *err)
{
    KIST_AUTO(publish) struct kist_published ports = {.v = NULL};
    int rc = kist_etc_each_word(kist_plan_note(config, "kist.publish"), add_port, &ports, err);

    if (rc < 0 || ports.n == 0) {
        return rc;
    }
    rc = port_proxy_start(&n->proxy, ports.v, ports.n, n->place.address, err);
    n->published = rc == 0;
    n->served_from = port_clock_monotonic();
    rc = rc < 0 ? rc : put_ports(state, &ports, err);
    return rc < 0 ? rc : write_state(run, state, err);
}

int kist_network_up(struct kist_network *n, const struct kist_engine *e, const char *id, const char *name, struct port_dir *run,
                    const cJSON *config, struct kist_error *err)
{
    KIST_AUTO(json) cJSON *state = NULL;
    const char *kind = kist_plan_note(config, "kist.network");
    struct port_file *lock;
    int rc;

    *n = (struct kist_network){.on = false};
    if (!kind || strcmp(kind, "bridge") != 0) {
        return 0;
    }
    rc = read_place(&n->place, id, config, err);
    rc = rc < 0 ? rc : lock_network(&lock, e, err);
    if (rc < 0) {
        return rc;
    }
    rc = port_network_bridge(&n->place, err);
    rc = rc < 0 ? rc : take_place(n, e, id, run, config, name, &state, err);
    port_file_discard(lock);
    n->on = rc == 0;
    rc = rc < 0 ? rc : publish(n, run, config, state, err);
    if (rc < 0) {
        kist_network_down(n, e, id, run);
    }
    return rc;
}

void kist_network_down(struct kist_network *n, const struct kist_engine *e, const char *id, struct port_dir *run)
{
    struct port_file *lock;

    port_proxy_stop(n->proxy);
    n->proxy = NULL;
    if (!n->on) {
        return;
    }
    n->on = false;
    if (kist_join_was(run)) {
        port_network_detach(&n->place); /* nobody else's address is to be answered for */
    }
    if (lock_network(&lock, e, NULL) == 0) {
        (void)!port_dir_unlink(run, STATE, NULL);
        tell_others(n, e, id, "");
        port_file_discard(lock);
    }
}

void kist_network_forget(const struct kist_engine *e, const char *id, struct port_dir *run)
{
    KIST_AUTO(json) cJSON *state = NULL;
    struct kist_network n = {.on = false};

    n.on = kist_network_look(&state, e, id, NULL) == 0 && state && address_of(state, &n.place.address) && set_port(&n.place, id);
    kist_network_down(&n, e, id, run);
}
