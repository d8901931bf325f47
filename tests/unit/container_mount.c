/* --mount, field by field. */
#include "container/volume.h"

#include "test.h"

static const struct {
    const char *text, *want; /* "type source|name|- destination propagation flags size mode" */
} good[] = {
    {"type=bind,source=/a,target=/b", "bind /a /b rprivate - 0 -1"},
    {"Type=BIND,SRC=/a/../c,DST=/b/,RO", "bind /c /b rprivate ro 0 -1"},
    {"type=bind,src=/a,destination=/b,readonly=false,bind-propagation=rslave", "bind /a /b rslave - 0 -1"},
    {"type=bind,src=/a,dst=/b,bind-nonrecursive", "bind /a /b rprivate single 0 -1"},
    {"type=bind,\"source=/a,b\",target=/c", "bind /a,b /c rprivate - 0 -1"},
    {"type=bind,\"source=/a\"\"b\",target=/c", "bind /a\"b /c rprivate - 0 -1"},
    {"source=data,target=/b", "volume data /b rprivate - 0 -1"},
    {"type=volume,target=/b,volume-nocopy,readonly", "volume - /b rprivate ro,nocopy 0 -1"},
    {"volume-nocopy=1,volume-driver=local,src=data,target=/b,consistency=cached", "volume data /b rprivate nocopy 0 -1"},
    {"type=tmpfs,target=/b", "tmpfs - /b rprivate - 0 -1"},
    {"type=tmpfs,target=/b,tmpfs-size=64m,tmpfs-mode=1770,ro", "tmpfs - /b rprivate ro 67108864 1016"},
};

static const struct {
    const char *text, *message;
} bad[] = {
    {"", "--mount: invalid field '' must be a key=value pair"},
    {"type=bind,source=/a", "--mount: target is required"},
    {"type=bind,target=/b", "--mount: source is required for type 'bind'"},
    {"type=nfs,target=/b", "--mount: type must be bind, volume or tmpfs, not 'nfs'"},
    {"target", "--mount: invalid field 'target' must be a key=value pair"},
    {"target=", "--mount: invalid field 'target' must be a key=value pair"},
    {"colour=red,target=/b", "--mount: unexpected key 'colour' in 'colour=red'"},
    {"type=bind,src=/a,dst=/b,readonly=maybe", "--mount: invalid value for readonly: maybe"},
    {"type=bind,src=/a,dst=/b,bind-propagation=upwards", "--mount: invalid value for bind-propagation: upwards"},
    {"type=bind,src=/a,dst=/b,volume-nocopy", "--mount: cannot mix 'volume-nocopy' with mount type 'bind'"},
    {"tmpfs-size=1m,target=/b", "--mount: cannot mix 'tmpfs-size' with mount type 'volume'"},
    {"type=tmpfs,dst=/b,tmpfs-mode=9", "--mount: invalid value for tmpfs-mode: 9"},
    {"type=tmpfs,dst=/b,tmpfs-mode=17777", "--mount: invalid value for tmpfs-mode: 17777"},
    {"type=tmpfs,dst=/b,tmpfs-size=lots", "--mount: invalid value for tmpfs-size: lots"},
    {"type=tmpfs,src=/a,dst=/b", "--mount: a tmpfs has no source, not '/a'"},
    {"type=bind,src=a,dst=/b", "--mount: 'a' is no path on the host"},
    {"type=bind,src=/../..,dst=/b", "--mount: '/../..' is no path on the host"},
    {"src=/a,dst=/b", "--mount: invalid volume name '/a'"},
    {"src=aa,dst=b", "--mount: the path in the container, 'b', must be absolute"},
    {"src=aa,dst=/", "--mount: the path in the container can't be '/'"},
    {"type=volume,dst=/b,volume-opt=o=x", "--mount: volume-opt is not supported"},
    {"dst=/b,volume-driver=nfs", "--mount: volume-driver 'nfs': there are no drivers but local"},
    {"type=bind,\"src=/a,dst=/b", "--mount: a quote in 'type=bind,\"src=/a,dst=/b' has no end"},
    {"\"src=a\"x,dst=/b", "--mount: a quote in '\"src=a\"x,dst=/b' has no end"},
    {"dst=/b,", "--mount: invalid field '' must be a key=value pair"},
};

TEST(what_docker_takes)
{
    static const char *const types[] = {"volume", "bind", "tmpfs"};

    for (size_t i = 0; i < KIST_COUNT(good); i++) {
        struct kist_mount m;
        struct kist_error err = {0};
        char text[256];

        TEST_CASE(good[i].text);
        REQUIRE_OK(kist_mount_parse(&m, good[i].text, &err), err);
        (void)snprintf(text, sizeof(text), "%s %s %s %s %s%s%s%s %llu %d", types[m.type],
                       m.volume.source ? m.volume.source : m.volume.name ? m.volume.name : "-", m.volume.destination,
                       m.volume.propagation, m.volume.read_only ? "ro" : "", m.volume.nocopy ? m.volume.read_only ? ",nocopy" : "nocopy" : "",
                       m.single ? "single" : "", !m.volume.read_only && !m.volume.nocopy && !m.single ? "-" : "",
                       (unsigned long long)m.size, m.mode);
        CHECK_STR(text, good[i].want);
        kist_volume_release(&m.volume);
    }
}

TEST(what_it_refuses)
{
    for (size_t i = 0; i < KIST_COUNT(bad); i++) {
        struct kist_mount m;
        struct kist_error err = {0};

        TEST_CASE(bad[i].text);
        CHECK(kist_mount_parse(&m, bad[i].text, &err) < 0);
        CHECK(strncmp(err.message, bad[i].message, strlen(bad[i].message)) == 0 ? 1 : (printf("  %s\n", err.message), 0));
    }
}
