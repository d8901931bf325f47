/*
 * table ip <bridge>-<network> { chain postrouting { type nat hook postrouting priority srcnat;
 *     ip saddr <network> oifname != <bridge> masquerade } }
 *
 * The table's name says all that is in it, and it comes whole, in one transaction: where it is, it is right.
 */
#include "masquerade.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/str.h"
#include "netlink.h"

#define TYPE(message) ((NFNL_SUBSYS_NFTABLES << 8) | (message))
#define CHAIN "postrouting"
#define SOURCE_NAT 100 /* the chain's priority */

static void put_message(struct port_netlink *n, unsigned type, unsigned flags)
{
    const struct nfgenmsg head = {.nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0};

    port_netlink_message(n, TYPE(type), flags, &head, sizeof(head));
}

static void put_batch(struct port_netlink *n, unsigned type)
{
    const struct nfgenmsg head = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};

    port_netlink_message(n, type, 0, &head, sizeof(head));
}

static void put_number(struct port_netlink *n, unsigned type, uint32_t value)
{
    port_netlink_u32(n, type, htonl(value));
}

static void put_data(struct port_netlink *n, unsigned type, const void *data, size_t length)
{
    size_t nest = port_netlink_nest(n, type);

    port_netlink_attr(n, NFTA_DATA_VALUE, data, length);
    port_netlink_end(n, nest);
}

/* An expression and its attributes: put between begin and end. */
struct expression {
    size_t element, data;
};

static struct expression begin(struct port_netlink *n, const char *name)
{
    struct expression e;

    e.element = port_netlink_nest(n, NFTA_LIST_ELEM);
    port_netlink_text(n, NFTA_EXPR_NAME, name);
    e.data = port_netlink_nest(n, NFTA_EXPR_DATA);
    return e;
}

static void end(struct port_netlink *n, struct expression e)
{
    port_netlink_end(n, e.data);
    port_netlink_end(n, e.element);
}

static void put_compare(struct port_netlink *n, uint32_t operation, const void *data, size_t length)
{
    struct expression e = begin(n, "cmp");

    put_number(n, NFTA_CMP_SREG, NFT_REG_1);
    put_number(n, NFTA_CMP_OP, operation);
    put_data(n, NFTA_CMP_DATA, data, length);
    end(n, e);
}

static void put_source(struct port_netlink *n, uint32_t network, uint32_t mask)
{
    const uint32_t none = 0;
    struct expression e = begin(n, "payload");

    put_number(n, NFTA_PAYLOAD_DREG, NFT_REG_1);
    put_number(n, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    put_number(n, NFTA_PAYLOAD_OFFSET, 12); /* of the source address, RFC 791 */
    put_number(n, NFTA_PAYLOAD_LEN, sizeof(network));
    end(n, e);
    e = begin(n, "bitwise");
    put_number(n, NFTA_BITWISE_SREG, NFT_REG_1);
    put_number(n, NFTA_BITWISE_DREG, NFT_REG_1);
    put_number(n, NFTA_BITWISE_LEN, sizeof(mask));
    put_data(n, NFTA_BITWISE_MASK, &mask, sizeof(mask));
    put_data(n, NFTA_BITWISE_XOR, &none, sizeof(none));
    end(n, e);
    put_compare(n, NFT_CMP_EQ, &network, sizeof(network));
}

static void put_rule(struct port_netlink *n, const char *table, const struct port_network *net)
{
    const uint32_t mask = htonl(UINT32_MAX << (32 - net->prefix));
    struct expression e;
    size_t list;

    put_message(n, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    port_netlink_text(n, NFTA_RULE_TABLE, table);
    port_netlink_text(n, NFTA_RULE_CHAIN, CHAIN);
    list = port_netlink_nest(n, NFTA_RULE_EXPRESSIONS);
    put_source(n, htonl(net->gateway) & mask, mask);
    e = begin(n, "meta");
    put_number(n, NFTA_META_DREG, NFT_REG_1);
    put_number(n, NFTA_META_KEY, NFT_META_OIFNAME);
    end(n, e);
    put_compare(n, NFT_CMP_NEQ, net->bridge, sizeof(net->bridge));
    end(n, begin(n, "masq"));
    port_netlink_end(n, list);
}

static void put_table(struct port_netlink *n, const char *table, const struct port_network *net)
{
    size_t hook;

    put_batch(n, NFNL_MSG_BATCH_BEGIN);
    put_message(n, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
    port_netlink_text(n, NFTA_TABLE_NAME, table);
    put_message(n, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    port_netlink_text(n, NFTA_CHAIN_TABLE, table);
    port_netlink_text(n, NFTA_CHAIN_NAME, CHAIN);
    port_netlink_text(n, NFTA_CHAIN_TYPE, "nat");
    hook = port_netlink_nest(n, NFTA_CHAIN_HOOK);
    put_number(n, NFTA_HOOK_HOOKNUM, NF_INET_POST_ROUTING);
    put_number(n, NFTA_HOOK_PRIORITY, SOURCE_NAT);
    port_netlink_end(n, hook);
    put_rule(n, table, net);
    /* the last one's acknowledgement says that all before it went well */
    ((struct nlmsghdr *)(void *)(n->buf + n->message))->nlmsg_flags |= NLM_F_ACK;
    put_batch(n, NFNL_MSG_BATCH_END);
}

static bool has_table(struct port_netlink *n, const char *table)
{
    put_message(n, NFT_MSG_GETTABLE, NLM_F_ACK);
    port_netlink_text(n, NFTA_TABLE_NAME, table);
    return port_netlink_send(n);
}

static int lacks(struct kist_error *err)
{
    return kist_error_set(err, KIST_E_UNSUPPORTED,
                          "this kernel has no nf_tables masquerading (CONFIG_NF_TABLES, CONFIG_NFT_MASQ; '--network host' "
                          "does without)");
}

int port_masquerade(const struct port_network *net, struct kist_error *err)
{
    char table[PORT_NETWORK_NAME_MAX + 16];
    struct port_netlink n;
    int rc = 0;

    if (!kist_str_format(table, sizeof(table), "%s-%08x-%u", net->bridge, (unsigned)net->gateway, net->prefix)) {
        return kist_error_set(err, KIST_E_FAIL, "the bridge's name '%s' is too long", net->bridge);
    }
    if (!port_netlink_open(&n, NETLINK_NETFILTER)) {
        return lacks(err);
    }
    if (!has_table(&n, table)) {
        put_table(&n, table, net);
        if (!port_netlink_send(&n) && errno != EEXIST) {
            /* an expression, a chain type or the subsystem as a whole that is not there */
            rc = errno == ENOENT || errno == EOPNOTSUPP || errno == EINVAL
                     ? lacks(err)
                     : kist_error_sys(err, KIST_E_IO, errno, "cannot masquerade what leaves '%s'", net->bridge);
        }
    }
    port_netlink_close(&n);
    return rc;
}
