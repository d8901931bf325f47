/* Bridge, pair of interfaces, addresses and routes, by rtnetlink. */
#include "port/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "masquerade.h"
#include "netlink.h"

#define CREATE (NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK)
#define HINT "(%s; '--network host' does without)"

static int open_route(struct port_netlink *n, struct kist_error *err)
{
    return port_netlink_open(n, NETLINK_ROUTE)
               ? 0
               : kist_error_sys(err, KIST_E_UNSUPPORTED, errno, "this kernel has no rtnetlink " HINT, "CONFIG_NET");
}

static unsigned index_of(const char *name)
{
    return if_nametoindex(name);
}

/* A new link, up; what is particular to its kind goes before the end of the nest that is returned. */
static size_t put_link(struct port_netlink *n, const char *name, const char *kind)
{
    const struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    size_t nest;

    port_netlink_message(n, RTM_NEWLINK, CREATE, &head, sizeof(head));
    port_netlink_text(n, IFLA_IFNAME, name);
    nest = port_netlink_nest(n, IFLA_LINKINFO);
    port_netlink_text(n, IFLA_INFO_KIND, kind);
    return nest;
}

static bool set_up(struct port_netlink *n, unsigned index)
{
    const struct ifinfomsg head = {
        .ifi_family = AF_UNSPEC, .ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

    port_netlink_message(n, RTM_NEWLINK, NLM_F_ACK, &head, sizeof(head));
    return port_netlink_send(n);
}

static bool set_address(struct port_netlink *n, unsigned index, uint32_t address, unsigned prefix)
{
    const struct ifaddrmsg head = {.ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = index};
    const uint32_t local = htonl(address), broadcast = htonl(address | (UINT32_MAX >> prefix));

    port_netlink_message(n, RTM_NEWADDR, CREATE, &head, sizeof(head));
    port_netlink_attr(n, IFA_LOCAL, &local, sizeof(local));
    port_netlink_attr(n, IFA_ADDRESS, &local, sizeof(local));
    port_netlink_attr(n, IFA_BROADCAST, &broadcast, sizeof(broadcast));
    return port_netlink_send(n) || errno == EEXIST;
}

static bool set_route(struct port_netlink *n, unsigned index, uint32_t gateway)
{
    const struct rtmsg head = {.rtm_family = AF_INET,
                               .rtm_table = RT_TABLE_MAIN,
                               .rtm_protocol = RTPROT_BOOT,
                               .rtm_scope = RT_SCOPE_UNIVERSE,
                               .rtm_type = RTN_UNICAST};
    const uint32_t via = htonl(gateway);

    port_netlink_message(n, RTM_NEWROUTE, CREATE, &head, sizeof(head));
    port_netlink_attr(n, RTA_GATEWAY, &via, sizeof(via));
    port_netlink_u32(n, RTA_OIF, index);
    return port_netlink_send(n) || errno == EEXIST;
}

/* Only where it is off: the host may have its own mind about who writes there. */
static int forward(struct kist_error *err)
{
    static const char path[] = "/proc/sys/net/ipv4/ip_forward";
    KIST_AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char now = '0';

    if (fd >= 0 && read(fd, &now, 1) == 1 && now == '1') {
        return 0;
    }
    KIST_AUTO(fd) int out = open(path, O_WRONLY | O_CLOEXEC);

    return out >= 0 && write(out, "1", 1) == 1
               ? 0
               : kist_error_sys(err, KIST_E_IO, errno, "cannot let the host forward packets ('%s')", path);
}

static int make_bridge(struct port_netlink *n, const struct port_network *net, struct kist_error *err)
{
    port_netlink_end(n, put_link(n, net->bridge, "bridge"));
    if (port_netlink_send(n) || errno == EEXIST) {
        return 0;
    }
    return errno == EOPNOTSUPP ? kist_error_set(err, KIST_E_UNSUPPORTED, "this kernel has no bridges " HINT,
                                                "CONFIG_BRIDGE")
                               : kist_error_sys(err, KIST_E_IO, errno, "cannot make the bridge '%s'", net->bridge);
}

int port_network_bridge(const struct port_network *net, struct kist_error *err)
{
    struct port_netlink n;
    int rc = open_route(&n, err);

    if (rc < 0) {
        return rc;
    }
    if (index_of(net->bridge) == 0) {
        rc = make_bridge(&n, net, err);
    }
    if (rc == 0) {
        const unsigned index = index_of(net->bridge);

        if (!set_address(&n, index, net->gateway, net->prefix) || !set_up(&n, index)) {
            rc = kist_error_sys(err, KIST_E_IO, errno, "cannot bring up the bridge '%s'", net->bridge);
        }
    }
    port_netlink_close(&n);
    rc = rc < 0 ? rc : forward(err);
    return rc < 0 ? rc : port_masquerade(net, err);
}

/* One end on the bridge, the other, "eth0", in the namespace of pid. */
static bool make_pair(struct port_netlink *n, const struct port_network *net, int pid)
{
    const struct ifinfomsg inner = {.ifi_family = AF_UNSPEC};
    size_t link = put_link(n, net->port, "veth"), data = port_netlink_nest(n, IFLA_INFO_DATA),
           peer = port_netlink_nest(n, VETH_INFO_PEER);

    /* the peer's own header lies bare in the attribute */
    port_netlink_bare(n, &inner, sizeof(inner));
    port_netlink_text(n, IFLA_IFNAME, "eth0");
    port_netlink_attr(n, IFLA_ADDRESS, net->mac, sizeof(net->mac));
    port_netlink_u32(n, IFLA_NET_NS_PID, (uint32_t)pid);
    port_netlink_end(n, peer);
    port_netlink_end(n, data);
    port_netlink_end(n, link);
    port_netlink_u32(n, IFLA_MASTER, index_of(net->bridge));
    return port_netlink_send(n);
}

/* Our end of an earlier run's: the kernel takes its time to take that run's namespace down. */
static void drop_pair(struct port_netlink *n, const struct port_network *net)
{
    const struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index_of(net->port)};

    if (head.ifi_index > 0) {
        port_netlink_message(n, RTM_DELLINK, NLM_F_ACK, &head, sizeof(head));
        (void)port_netlink_send(n);
    }
}

int port_network_attach(const struct port_network *net, int pid, struct kist_error *err)
{
    struct port_netlink n;
    bool made;
    int rc = open_route(&n, err);

    if (rc < 0) {
        return rc;
    }
    made = make_pair(&n, net, pid);
    if (!made && errno == EEXIST) {
        drop_pair(&n, net);
        made = make_pair(&n, net, pid);
    }
    if (!made) {
        rc = errno == EOPNOTSUPP
                 ? kist_error_set(err, KIST_E_UNSUPPORTED, "this kernel has no virtual Ethernet pairs " HINT, "CONFIG_VETH")
                 : kist_error_sys(err, KIST_E_IO, errno, "cannot connect the container to the bridge '%s'", net->bridge);
    }
    port_netlink_close(&n);
    return rc;
}

void port_network_detach(const struct port_network *net)
{
    struct port_netlink n;

    if (open_route(&n, NULL) == 0) {
        drop_pair(&n, net);
        port_netlink_close(&n);
    }
}

int port_network_inside(const struct port_network *net, struct kist_error *err)
{
    struct port_netlink n;
    int rc = open_route(&n, err);

    if (rc < 0) {
        return rc;
    }
    const unsigned index = index_of("eth0");

    if (!set_address(&n, index, net->address, net->prefix) || !set_up(&n, index) || !set_route(&n, index, net->gateway)) {
        rc = kist_error_sys(err, KIST_E_IO, errno, "cannot set up the container's interface");
    }
    port_netlink_close(&n);
    return rc;
}
