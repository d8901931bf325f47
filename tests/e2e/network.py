#!/usr/bin/env python3
"""The bridge: addresses, names, published ports, what is told of them."""
import json
import os
import socket
import subprocess

import kit
from kit import check, contains, equal, test, wait_until
from shared import prepare, registry

HTTPD = "mkdir -p /tmp/w && echo {} > /tmp/w/index.html && exec httpd -f -p {} -h /tmp/w"


def box():
    return f"{registry().host}/box"


def serve(t, name, word, *flags, port=80):
    t.kist("run", "-d", "--name", name, *flags, box(), "sh", "-c", HTTPD.format(word, port))
    t.undo.callback(lambda: t.kist("rm", "-f", name))


def place(t, name):
    return t.kist("inspect", name).json()[0]["NetworkSettings"]


def fetch(host, port):
    """What the server says, or None while it is not up."""
    done = subprocess.run(["curl", "-sS", "--max-time", "20", f"http://{host}:{port}/"], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def awaits(host, port, word):
    wait_until(lambda: fetch(host, port) == word, f"'{word}' at {host}:{port}")


def links(prefix):
    return [name for link in kit.command("ip", "-br", "link").splitlines() if (name := link.split("@")[0].split()[0]).startswith(prefix)]


@test
def has_an_address_and_a_way_out(t):
    out = t.kist("run", "--rm", box(), "sh", "-c", "ip -4 addr show eth0; ip route; cat /etc/hosts").out
    contains(out, ["inet 10.89.0.2/16", "default via 10.89.0.1 dev eth0", "10.89.0.2\t"], "the container's network")
    equal(t.kist("run", "--rm", box(), "sh", "-c", "ip -4 addr show eth0 | grep -c 10.89.0.2").out, "1\n", "an address that is free again")
    wait_until(lambda: links("kist") == ["kist0"], "the pairs of what ended gone")


@test
def none_and_host(t):
    equal(t.kist("run", "--rm", "--network", "none", box(), "ls", "/sys/class/net").out, "lo\n", "interfaces with none")
    contains(t.kist("run", "--rm", "--network", "host", box(), "ls", "/sys/class/net").out, "kist0", "interfaces of the host")
    t.fails(125, "network must be bridge, none, host or container:NAME, not 'mesh'", "run", "--rm", "--network", "mesh", box())


@test
def publishes_ports(t):
    serve(t, "web", "hello", "-p", "8080:80", "-p", "127.0.0.1:8081:80")
    for host, port in (("127.0.0.1", 8080), ("[::1]", 8080), (kit.FAR, 8080), ("127.0.0.1", 8081)):
        if host == "[::1]" and not os.path.exists("/proc/net/if_inet6"):
            continue
        awaits(host, port, "hello")
    equal(fetch(kit.FAR, 8081), None, "a port of loopback from afar")
    equal(t.kist("port", "web").out, "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n80/tcp -> 127.0.0.1:8081\n", "port")
    equal(t.kist("port", "web", "80/tcp").out, "0.0.0.0:8080\n[::]:8080\n127.0.0.1:8081\n", "port web 80/tcp")
    t.fails(1, "no public port '81' published for 'web'", "port", "web", "81")
    equal(t.kist("ps", "--format", "{{.Ports}}").out, "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 127.0.0.1:8081->80/tcp\n", "ps")
    equal(place(t, "web")["Ports"]["80/tcp"][0], {"HostIp": "0.0.0.0", "HostPort": "8080"}, "inspect")
    t.kist("restart", "-t", "0", "web")
    awaits("127.0.0.1", 8080, "hello")
    t.kist("rm", "-f", "web")
    equal(fetch("127.0.0.1", 8080), None, "a port after the container")


@test
def a_taken_port(t):
    with socket.create_server(("127.0.0.1", 8082)):
        t.fails(125, "port 127.0.0.1:8082/tcp is already allocated", "run", "--rm", "-p", "127.0.0.1:8082:80", box(), "true")
    t.kist("run", "--rm", "-p", "127.0.0.1:8082:80", box(), "true")


@test
def a_free_port_of_the_host(t):
    serve(t, "any", "free", "-p", "127.0.0.1::80")
    host, port = t.kist("port", "any", "80").out.strip().split(":")
    awaits(host, int(port), "free")


ECHO = "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('', 53))\nwhile True:\n    s.sendto(*s.recvfrom(99))"


def pid_of(t, name):
    return t.kist("inspect", name).json()[0]["State"]["Pid"]


@test
def datagrams(t):
    t.kist("run", "-d", "--name", "echo", "-p", "127.0.0.1:5353:53/udp", box(), "sleep", "1000")
    t.undo.callback(lambda: t.kist("rm", "-f", "echo"))
    server = subprocess.Popen(["nsenter", "-t", str(pid_of(t, "echo")), "-n", "python3", "-c", ECHO])
    t.undo.callback(lambda: (server.kill(), server.wait()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect(("127.0.0.1", 5353))

        def answered():
            try:
                s.send(b"ping")
                return s.recv(16) == b"ping"
            except OSError:
                return False

        wait_until(answered, "an answer to a datagram")


@test
def names_of_neighbours(t):
    serve(t, "first", "one", "--network-alias", "uno")
    serve(t, "second", "two", "--hostname", "zwei")
    with open(f"/proc/{pid_of(t, 'first')}/root/etc/hosts") as hosts:
        contains(hosts.read(), "10.89.0.3\tsecond\tzwei\t", "what the first knows of the second")
        equal(t.kist("run", "--rm", box(), "sh", "-c", "for name in first uno second zwei; do until wget -q -O - http://$name/; do sleep 0.1; done; done").out,
              "one\none\ntwo\ntwo\n", "the servers by their names")
        t.kist("rm", "-f", "second")
        hosts.seek(0)
        check("zwei" not in hosts.read(), "a name that is gone is still known")


def knows(t, name, word):
    """What /etc/hosts of a container says of another."""
    with open(f"/proc/{pid_of(t, name)}/root/etc/hosts") as hosts:
        return word in hosts.read()


@test
def a_hostile_neighbour(t):
    """One that fills its /etc/hosts keeps nobody else from hearing; nor does a file that is too large."""
    for name in ("before", "hostile", "after"):
        t.kist("run", "-d", "--name", name, box(), "sleep", "1000")
        t.undo.callback(lambda name=name: t.kist("rm", "-f", name))
    t.kist("exec", "hostile", "sh", "-c", "head -c 1000000 /dev/zero >> /etc/hosts")
    with open(f"/run/kist/{t.kist('inspect', 'hostile').json()[0]['Id']}/network", "a") as f:
        f.write(" " * (5 << 20))
    t.kist("run", "-d", "--name", "newcomer", box(), "sleep", "1000")
    t.undo.callback(lambda: t.kist("rm", "-f", "newcomer"))
    equal([knows(t, name, "newcomer") for name in ("before", "after")], [True, True], "who knows the newcomer")


@test
def asked_for(t):
    out = t.kist("run", "--rm", "--ip", "10.89.7.7", "--add-host", "db:192.0.2.1", "--add-host", "six:[2001:db8::1]", "--add-host",
                 "up:host-gateway", "--dns", "192.0.2.53", "--dns-search", "example.org", "--dns-option", "ndots:2", box(), "sh", "-c",
                 "ip -4 addr show eth0; cat /etc/hosts /etc/resolv.conf").out
    contains(out, ["inet 10.89.7.7/16", "192.0.2.1\tdb\n", "2001:db8::1\tsix\n", "10.89.0.1\tup\n", "nameserver 192.0.2.53\n",
                   "search example.org\n", "options ndots:2\n"], "what was asked for")
    serve(t, "holder", "x", "--ip", "10.89.7.8")
    t.fails(125, "the address '10.89.7.8' is in use by another container", "run", "--rm", "--ip", "10.89.7.8", box(), "true")
    for flags, message in ((["--ip", "10.90.0.1"], "is not one of the bridge's network"), (["--ip", "x"], "invalid IPv4 address: 'x'"),
                           (["--add-host", "x"], "bad format for add-host: 'x'"), (["--add-host", "a b:1.2.3.4"], "bad format for add-host"),
                           (["--add-host", "n" * 65536 + ":1.2.3.4"], "bad format for add-host"), (["--dns", "nine"], "invalid --dns: 'nine'"),
                           (["-p", "0:80"], "invalid port '0:80'"), (["--network", "none", "--ip", "10.89.0.9"], "need --network bridge")):
        t.fails(125, message, "run", "--rm", *flags, box(), "true")


@test
def another_bridge(t):
    conf = t.write("kist.conf", "network.bridge = other0\nnetwork.subnet = 192.168.77.0/29\n")
    seen = [json.loads(t.kist("--config", conf, "inspect", t.kist("--config", conf, "run", "-d", box(), "sleep", "1000").out.strip()).out)[0]
            for _ in range(5)]
    try:
        equal(sorted(c["NetworkSettings"]["IPAddress"] for c in seen), [f"192.168.77.{i}" for i in range(2, 7)], "addresses")
        t.fails(125, "every address of the bridge 'other0' is in use", "--config", conf, "run", "--rm", box(), "true")
    finally:
        t.kist("rm", "-f", *[c["Id"] for c in seen])


def proxy_of(t, name):
    """The process that serves its ports, or None."""
    with open(f"/run/kist/{t.kist('inspect', name).json()[0]['Id']}/running.json") as f:
        supervisor = json.load(f)["supervisor"]["pid"]
    found = subprocess.run(["pgrep", "-x", "-P", str(supervisor), "kist-proxy"], capture_output=True, text=True).stdout.split()
    return int(found[0]) if found else None


@test
def a_killed_proxy_comes_again(t):
    serve(t, "web", "again", "-p", "127.0.0.1:8084:80", "-p", "127.0.0.1::80")
    ports = [int(line.rsplit(":", 1)[1]) for line in t.kist("port", "web").out.splitlines()]
    for _ in range(3):
        for port in ports:
            awaits("127.0.0.1", port, "again")
        os.kill(proxy_of(t, "web"), 9)
    # its port is another's meanwhile: it is tried again until that is gone
    held = []

    def take():
        try:
            held.append(socket.create_server(("127.0.0.1", 8084)))
        except OSError:
            pass
        return held

    wait_until(lambda: proxy_of(t, "web"), "another proxy")
    os.kill(proxy_of(t, "web"), 9)
    wait_until(take, "its port free")
    wait_until(lambda: proxy_of(t, "web") is None, "no proxy while its port is taken")
    held[0].close()
    for port in ports:
        awaits("127.0.0.1", port, "again")
    equal(t.kist("inspect", "web").json()[0]["RestartCount"], 0, "restarts of the container")
    t.kist("rm", "-f", "web")
    equal(fetch("127.0.0.1", 8084), None, "a port after the container")


@test
def killed_supervisor_leaves_nothing(t):
    serve(t, "gone", "x", "-p", "8083:80")
    awaits("127.0.0.1", 8083, "x")
    pid = int(subprocess.run(["pgrep", "-f", "kist.*supervise"], capture_output=True, text=True).stdout.split()[0])
    t.kist("run", "-d", "--name", "stays", box(), "sleep", "1000")
    t.undo.callback(lambda: t.kist("rm", "-f", "stays"))
    check(knows(t, "stays", "gone"), "its neighbour does not know it")
    os.kill(pid, 9)
    wait_until(lambda: fetch("127.0.0.1", 8083) is None, "the port closed")
    t.kist("ps", "-a")
    check(not knows(t, "stays", "gone"), "its neighbour still knows it")
    equal(t.kist("run", "--rm", box(), "sh", "-c", "ip -4 addr show eth0 | grep -c 10.89.0.2/").out, "1\n", "its address free again")


kit.main(prepare)
