/* The flags of a container's network -> annotations (container/network.h). */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "container/container.h"
#include "container/generate_private.h"
#include "container/network.h"
#include "container/publish.h"

#define HOST_NAME_MAX_BYTES 253 /* RFC 1035 */

static bool is_host_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("-._", text[i])) {
            return false;
        }
    }
    return len > 0 && len <= HOST_NAME_MAX_BYTES;
}

static bool is_address(const char *text)
{
    unsigned char raw[16];

    return inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1;
}

static int add_word(struct kist_buf *text, const char *word, struct kist_error *err)
{
    return kist_buf_printf(text, err, "%s%s", text->len > 0 ? " " : "", word);
}

static int put_note(cJSON *notes, const char *name, const struct kist_buf *text, struct kist_error *err)
{
    return text->len > 0 ? kist_json_put_string(notes, name, kist_buf_text(text), err) : 0;
}

/* ---- /etc/hosts, /etc/resolv.conf ---- */

/* "NAME:ADDRESS" or "NAME=ADDRESS"; "host-gateway" is the host as the bridge has it. */
static int add_host(struct kist_buf *text, const char *flag, const char *gateway, struct kist_error *err)
{
    const size_t len = strcspn(flag, ":=");
    const char *address = flag[len] != '\0' ? flag + len + 1 : "";
    char bare[INET6_ADDRSTRLEN];
    size_t inner = strlen(address);

    if (address[0] == '[' && inner > 2 && inner - 2 < sizeof(bare) && address[inner - 1] == ']') {
        memcpy(bare, address + 1, inner - 2);
        bare[inner - 2] = '\0';
        address = bare;
    } else if (gateway && strcmp(address, "host-gateway") == 0) {
        address = gateway;
    }
    if (!is_host_name(flag, len) || !is_address(address)) {
        return kist_error_set(err, KIST_E_USAGE, "bad format for add-host: '%.300s' (expected NAME:ADDRESS)", flag);
    }
    return kist_buf_printf(text, err, "%s%.*s=%s", text->len > 0 ? " " : "", (int)len, flag, address);
}

static int put_hosts(cJSON *notes, const struct kist_run_options *o, const char *gateway, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < o->add_hosts.n; i++) {
        rc = add_host(&text, o->add_hosts.v[i], gateway, err);
    }
    return rc < 0 ? rc : put_note(notes, "kist.hosts", &text, err);
}

/* check NULL: anything without blanks. */
static int put_words(cJSON *notes, const char *name, const char *flag, const struct kist_strv *words,
                     bool (*check)(const char *word), struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < words->n; i++) {
        const char *word = words->v[i];

        if (*word == '\0' || strpbrk(word, " \t\r\n") || (check && !check(word))) {
            return kist_error_set(err, KIST_E_USAGE, "invalid --%s: '%.300s'", flag, word);
        }
        rc = add_word(&text, word, err);
    }
    return rc < 0 ? rc : put_note(notes, name, &text, err);
}

static bool is_search(const char *word)
{
    return is_host_name(word, strlen(word));
}

/* ---- ports ---- */

static int put_published(cJSON *notes, const struct kist_published *ports, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ports->n; i++) {
        rc = i > 0 ? kist_buf_puts(&text, " ", err) : 0;
        rc = rc < 0 ? rc : kist_publish_print(&text, &ports->v[i], err);
    }
    return rc < 0 ? rc : put_note(notes, "kist.publish", &text, err);
}

static int publish_exposed(struct kist_published *ports, const struct kist_strv *exposed, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < exposed->n; i++) {
        rc = kist_publish_exposed(ports, exposed->v[i], err);
    }
    return rc;
}

static int put_ports(cJSON *notes, const struct kist_generation *g, struct kist_error *err)
{
    KIST_AUTO(publish) struct kist_published ports = {.v = NULL};
    const struct kist_run_options *o = g->options;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < o->publish.n; i++) {
        rc = kist_publish_parse(&ports, o->publish.v[i], err);
    }
    if (rc == 0 && o->publish_all) {
        rc = publish_exposed(&ports, &o->expose, err);
        rc = rc < 0 ? rc : publish_exposed(&ports, &g->image->exposed_ports, err);
    }
    if (rc < 0 || ports.n == 0) {
        return rc;
    }
    if (o->network != KIST_NETWORK_BRIDGE) {
        kist_log(KIST_LOG_WARN, "published ports are discarded: they need --network bridge");
        return 0;
    }
    return put_published(notes, &ports, err);
}

/* ---- the bridge ---- */

static int put_bridge(cJSON *notes, const struct kist_run_options *o, char gateway[INET_ADDRSTRLEN], struct kist_error *err)
{
    uint32_t network;
    unsigned prefix;
    struct in_addr raw;
    int rc;

    if (!o->bridge || *o->bridge == '\0' || strlen(o->bridge) >= PORT_NETWORK_NAME_MAX || strpbrk(o->bridge, "/ \t:")) {
        return kist_error_set(err, KIST_E_USAGE, "network.bridge must be the name of an interface, not '%.300s'",
                              o->bridge ? o->bridge : "");
    }
    if (!o->subnet || !kist_network_parse(o->subnet, &network, &prefix)) {
        return kist_error_set(err, KIST_E_USAGE, "network.subnet must be an IPv4 network such as 10.89.0.0/16, not '%.300s'",
                              o->subnet ? o->subnet : "");
    }
    if (o->ip && inet_pton(AF_INET, o->ip, &raw) != 1) {
        return kist_error_set(err, KIST_E_USAGE, "invalid IPv4 address: '%.300s'", o->ip);
    }
    raw.s_addr = htonl(network + 1);
    (void)inet_ntop(AF_INET, &raw, gateway, INET_ADDRSTRLEN);
    rc = kist_json_put_string(notes, "kist.network", "bridge", err);
    rc = rc < 0 ? rc : kist_json_put_string(notes, "kist.network.bridge", o->bridge, err);
    rc = rc < 0 ? rc : kist_json_put_string(notes, "kist.network.subnet", o->subnet, err);
    return rc < 0 || !o->ip ? rc : kist_json_put_string(notes, "kist.network.ip", o->ip, err);
}

/* Docker's words for what the network's owner decides alone. */
static int put_owner(cJSON *notes, const struct kist_generation *g, struct kist_error *err)
{
    const struct kist_run_options *o = g->options;
    const struct {
        bool given;
        const char *what;
    } rows[] = {{o->hostname != NULL, "hostname and the network mode"},
                {o->dns.n + o->dns_search.n + o->dns_options.n > 0, "dns and the network mode"},
                {o->add_hosts.n > 0, "custom host-to-IP mapping and the network mode"},
                {o->publish.n > 0 || o->publish_all, "port publishing and the container type network mode"},
                {o->expose.n > 0, "port exposing and the container type network mode"}};
    char owner[KIST_CONTAINER_ID_MAX + 16];

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        if (rows[i].given) {
            return kist_error_set(err, KIST_E_USAGE, "conflicting options: %s", rows[i].what);
        }
    }
    return kist_str_format(owner, sizeof(owner), "container:%s", o->network_of)
               ? kist_json_put_string(notes, "kist.network", owner, err)
               : kist_error_set(err, KIST_E_FAIL, "a container ID is too long");
}

int kist_generate_network(cJSON *spec, const struct kist_generation *g, struct kist_error *err)
{
    const struct kist_run_options *o = g->options;
    const bool bridge = o->network == KIST_NETWORK_BRIDGE;
    cJSON *notes = cJSON_GetObjectItemCaseSensitive(spec, "annotations");
    char gateway[INET_ADDRSTRLEN] = "";
    int rc;

    if (!bridge && (o->ip || o->aliases.n > 0)) {
        return kist_error_set(err, KIST_E_USAGE, "--ip and --network-alias need --network bridge");
    }
    if (o->network == KIST_NETWORK_CONTAINER) {
        return put_owner(notes, g, err);
    }
    rc = bridge ? put_bridge(notes, o, gateway, err) : 0;
    rc = rc < 0 ? rc : put_hosts(notes, o, bridge ? gateway : NULL, err);
    rc = rc < 0 ? rc : put_words(notes, "kist.dns", "dns", &o->dns, is_address, err);
    rc = rc < 0 ? rc : put_words(notes, "kist.dns.search", "dns-search", &o->dns_search, is_search, err);
    rc = rc < 0 ? rc : put_words(notes, "kist.dns.options", "dns-option", &o->dns_options, NULL, err);
    rc = rc < 0 ? rc : put_words(notes, "kist.aliases", "network-alias", &o->aliases, is_search, err);
    return rc < 0 ? rc : put_ports(notes, g, err);
}
