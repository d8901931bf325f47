#include "container/spec.h"

#include <signal.h>

#include "test.h"

/* A configuration that is whole; the tests put something else in the place of one of its parts. */
static const char *const parts[][2] = {
    {"version", "\"ociVersion\":\"1.0.2\""},
    {"root", "\"root\":{\"path\":\"rootfs\",\"readonly\":true}"},
    {"hostname", "\"hostname\":\"box\""},
    {"process",
     "\"process\":{\"user\":{\"uid\":7,\"gid\":8,\"additionalGids\":[9,10]},\"args\":[\"sh\",\"-c\",\"id\"],"
     "\"env\":[\"A=1\",\"B=2\"],\"cwd\":\"/srv\"}"},
    {"mounts", "\"mounts\":[{\"destination\":\"/"
               "dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"mode=755\"]}]"},
    {"linux", "\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"uts\"},{"
              "\"type\":\"ipc\"},"
              "{\"type\":\"network\"}]}"},
    {"annotations", "\"annotations\":{}"},
};

static cJSON *config_with(const char *name, const char *text)
{
    KIST_AUTO(buf) struct kist_buf json = KIST_BUF_INIT(1 << 16);
    struct kist_error err = {0};
    cJSON *config = NULL;
    int rc = kist_buf_puts(&json, "{", &err);

    for (size_t i = 0; rc == 0 && i < KIST_COUNT(parts); i++) {
        const char *part = strcmp(parts[i][0], name) == 0 ? text : parts[i][1];

        if (part[0] != '\0') {
            rc = kist_buf_printf(&json, &err, "%s%s", json.len > 1 ? "," : "", part);
        }
    }
    rc = rc < 0 ? rc : kist_buf_puts(&json, "}", &err);
    rc = rc < 0 ? rc : kist_json_parse(&config, json.data, json.len, "config.json", &err);
    CHECK_OK(rc, err);
    return config;
}

TEST(takes_a_whole_configuration)
{
    KIST_AUTO(json) cJSON *config = config_with("", "");
    KIST_AUTO(spec) struct kist_spec spec;
    struct kist_error err = {0};

    REQUIRE_OK(kist_spec_parse(&spec, config, &err), err);
    CHECK(spec.sandbox.root.read_only);
    CHECK_STR(spec.sandbox.hostname, "box");
    CHECK_INT(spec.sandbox.own,
              PORT_OWN_MOUNTS | PORT_OWN_PIDS | PORT_OWN_HOSTNAME | PORT_OWN_IPC | PORT_OWN_NETWORK);
    CHECK_INT(spec.sandbox.command.uid, 7);
    CHECK_INT(spec.sandbox.command.gid, 8);
    REQUIRE(spec.sandbox.command.group_count == 2);
    CHECK_INT(spec.sandbox.command.groups[1], 10);
    CHECK_INT(spec.sandbox.command.umask, 022);
    CHECK_STR(spec.sandbox.command.argv[2], "id");
    CHECK(spec.sandbox.command.argv[3] == NULL);
    CHECK_STR(spec.sandbox.command.env[0], "A=1");
    CHECK_STR(spec.sandbox.command.cwd, "/srv");
    CHECK(!spec.sandbox.command.terminal && !spec.sandbox.command.stdin_open && !spec.sandbox.command.init);
    CHECK(!spec.sandbox.command.seccomp);
    CHECK_INT(spec.stop_signal, SIGTERM);
    REQUIRE(spec.sandbox.mount_count == 1);
    CHECK_STR(spec.sandbox.mounts[0].data, "mode=755");
    CHECK_INT(spec.sandbox.mounts[0].flags, PORT_MOUNT_NODEV | PORT_MOUNT_NOSUID);
}

TEST(gives_the_default_devices_where_dev_is_its_own)
{
    KIST_AUTO(json) cJSON *with = config_with("", ""), *without = config_with("mounts", "");
    KIST_AUTO(spec) struct kist_spec spec;
    KIST_AUTO(spec) struct kist_spec bare;
    struct kist_error err = {0};

    REQUIRE_OK(kist_spec_parse(&spec, with, &err), err);
    CHECK_INT(spec.sandbox.device_count, 6);
    CHECK_STR(spec.sandbox.devices[0].path, "/dev/null");
    CHECK(spec.sandbox.link_count > 0);
    REQUIRE_OK(kist_spec_parse(&bare, without, &err), err);
    CHECK_INT(bare.sandbox.device_count, 0);
    CHECK_INT(bare.sandbox.link_count, 0);
}

TEST(a_given_device_replaces_the_default)
{
    KIST_AUTO(json)
    cJSON *config = config_with(
        "linux", "\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\"}],\"devices\":["
                 "{\"path\":\"/dev/null\",\"type\":\"c\",\"major\":1,\"minor\":3,\"fileMode\":384,\"uid\":5},"
                 "{\"path\":\"/dev/i2c\",\"type\":\"c\",\"major\":89,\"minor\":0}]}");
    KIST_AUTO(spec) struct kist_spec spec;
    struct kist_error err = {0};

    REQUIRE_OK(kist_spec_parse(&spec, config, &err), err);
    CHECK_INT(spec.sandbox.device_count, 7);
    CHECK_INT(spec.sandbox.devices[0].mode, 0600);
    CHECK_INT(spec.sandbox.devices[0].uid, 5);
    CHECK_INT(spec.sandbox.devices[1].major, 89);
    CHECK_INT(spec.sandbox.devices[1].mode, 0666);
}

TEST(reads_mount_options)
{
    static const struct {
        const char *mount;
        enum port_mount_kind kind;
        unsigned flags;
        enum port_propagation propagation;
        const char *data, *target;
    } rows[] = {
        {"\"destination\":\"/a//b/.\",\"type\":\"bind\",\"source\":\"/"
         "s\",\"options\":[\"rbind\",\"ro\",\"rprivate\"]",
         PORT_MOUNT_BIND, PORT_MOUNT_NODEV | PORT_MOUNT_RECURSIVE | PORT_MOUNT_RDONLY, PORT_PRIVATE, NULL,
         "/a/b"},
        {"\"destination\":\"/a\",\"source\":\"volumes/0\",\"options\":[\"bind\",\"copy\",\"rslave\"]",
         PORT_MOUNT_BIND, PORT_MOUNT_NODEV | PORT_MOUNT_COPY, PORT_SLAVE, NULL, "/a"},
        {"\"destination\":\"/dev/"
         "pts\",\"type\":\"devpts\",\"options\":[\"dev\",\"noexec\",\"newinstance\",\"gid=5\"]",
         PORT_MOUNT_FS, PORT_MOUNT_NOEXEC, PORT_PRIVATE, "newinstance,gid=5", "/dev/pts"},
        {"\"destination\":\"/"
         "t\",\"type\":\"tmpfs\",\"options\":[\"ro\",\"rw\",\"noatime\",\"strictatime\",\"size=1k\"]",
         PORT_MOUNT_FS, PORT_MOUNT_NODEV | PORT_MOUNT_STRICTATIME, PORT_PRIVATE, "size=1k", "/t"},
        {"\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"options\":[\"ro\"]", PORT_MOUNT_CGROUP,
         PORT_MOUNT_NODEV | PORT_MOUNT_RDONLY, PORT_PRIVATE, NULL, "/sys/fs/cgroup"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        char text[512];
        struct kist_error err = {0};
        KIST_AUTO(spec) struct kist_spec spec = {0};

        TEST_CASE(rows[i].mount);
        (void)snprintf(text, sizeof(text), "\"mounts\":[{%s}]", rows[i].mount);
        KIST_AUTO(json) cJSON *config = config_with("mounts", text);

        REQUIRE_OK(kist_spec_parse(&spec, config, &err), err);
        CHECK_INT(spec.sandbox.mounts[0].kind, rows[i].kind);
        CHECK_INT(spec.sandbox.mounts[0].flags, rows[i].flags);
        CHECK_INT(spec.sandbox.mounts[0].propagation, rows[i].propagation);
        CHECK_STR(spec.sandbox.mounts[0].data, rows[i].data);
        CHECK_STR(spec.sandbox.mounts[0].target, rows[i].target);
    }
    TEST_CASE(NULL);
}

TEST(reads_process_members)
{
    KIST_AUTO(json)
    cJSON *config = config_with(
        "process",
        "\"process\":{\"terminal\":true,\"consoleSize\":{\"height\":20,\"width\":70},\"args\":[\"/"
        "x\"],\"cwd\":\"/\","
        "\"user\":{\"umask\":63},\"noNewPrivileges\":true,\"oomScoreAdj\":-500,"
        "\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"]},"
        "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":64,\"hard\":18446744073709551615}]}");
    KIST_AUTO(spec) struct kist_spec spec;
    struct kist_error err = {0};
    const struct port_command *c = &spec.sandbox.command;

    REQUIRE_OK(kist_spec_parse(&spec, config, &err), err);
    CHECK(c->terminal && c->no_new_privileges && c->has_oom_score);
    CHECK_INT(c->rows, 20);
    CHECK_INT(c->columns, 70);
    CHECK_INT(c->umask, 077);
    CHECK_INT(c->oom_score, -500);
    CHECK_INT(c->caps.bounding, 1 << 0 | 1 << 5);
    CHECK_INT(c->caps.effective, 1 << 5);
    CHECK_INT(c->caps.permitted, 0);
    REQUIRE(c->rlimit_count == 1);
    CHECK_STR(c->rlimits[0].name, "RLIMIT_NOFILE");
    CHECK_INT(c->rlimits[0].soft, 64);
    CHECK(c->rlimits[0].hard == UINT64_MAX);
}

TEST(reads_annotations)
{
    KIST_AUTO(json)
    cJSON *config = config_with(
        "annotations",
        "\"annotations\":{\"kist.init\":\"true\",\"kist.stdin\":\"true\",\"kist.devices\":\"all\","
        "\"org.opencontainers.image.stopSignal\":\"SIGINT\",\"other\":\"x\"}");
    KIST_AUTO(spec) struct kist_spec spec;
    struct kist_error err = {0};

    REQUIRE_OK(kist_spec_parse(&spec, config, &err), err);
    CHECK(spec.sandbox.command.init && spec.sandbox.command.stdin_open && spec.sandbox.all_devices);
    CHECK_INT(spec.stop_signal, SIGINT);
}

TEST(reads_device_rules)
{
    KIST_AUTO(json)
    cJSON *config = config_with("linux", "\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\"}]"
                                         ",\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
                                         "{\"allow\":true,\"type\":\"c\",\"major\":0,\"access\":\"rm\"}]}}");
    KIST_AUTO(spec) struct kist_spec spec;
    struct kist_error err = {0};
    const struct port_device_rule *r;

    REQUIRE_OK(kist_spec_parse(&spec, config, &err), err);
    REQUIRE(spec.sandbox.cgroup.rule_count == 2);
    r = spec.sandbox.cgroup.rules;
    CHECK(!r[0].allow && r[0].type == 'a' && r[0].major == -1 && r[0].minor == -1 && r[0].read &&
          r[0].write && r[0].mknod);
    CHECK(r[1].allow && r[1].type == 'c' && r[1].major == 0 && r[1].minor == -1 && r[1].read && !r[1].write &&
          r[1].mknod);
}

TEST(refuses_by_name)
{
    static const char uts[] =
        "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"network\"}]";
    static const struct {
        const char *part, *text;
        int code;
        const char *says;
    } rows[] = {
        {"version", "", KIST_E_USAGE, "ociVersion"},
        {"version", "\"ociVersion\":\"2.0.0\"", KIST_E_UNSUPPORTED, "2.0.0"},
        {"version", "\"ociVersion\":\"1.1.0\",\"hooks\":{\"poststop\":[{\"path\":\"/x\"}]}",
         KIST_E_UNSUPPORTED, "hooks"},
        {"root", "", KIST_E_USAGE, "root"},
        {"process", "", KIST_E_USAGE, "process"},
        {"process", "\"process\":{\"args\":[],\"cwd\":\"/\"}", KIST_E_USAGE, "process.args"},
        {"process", "\"process\":{\"args\":[1],\"cwd\":\"/\"}", KIST_E_USAGE, "args"},
        {"process", "\"process\":{\"args\":[\"x\"],\"cwd\":\"srv\"}", KIST_E_USAGE, "process.cwd"},
        {"process", "\"process\":{\"args\":[\"x\"],\"cwd\":\"/\",\"user\":{\"uid\":-1}}", KIST_E_USAGE,
         "process.user"},
        {"process", "\"process\":{\"args\":[\"x\"],\"cwd\":\"/\",\"user\":{\"uid\":4294967295}}",
         KIST_E_USAGE, "process.user"},
        {"process", "\"process\":{\"args\":[\"x\"],\"cwd\":\"/\",\"user\":{\"gid\":1.5}}", KIST_E_USAGE,
         "process.user"},
        {"process", "\"process\":{\"args\":[\"x\"],\"cwd\":\"/\",\"apparmorProfile\":\"p\"}",
         KIST_E_UNSUPPORTED, "apparmorProfile"},
        {"process", "\"process\":{\"args\":[\"x\"],\"cwd\":\"/\",\"oomScoreAdj\":1001}", KIST_E_USAGE,
         "oomScoreAdj"},
        {"process",
         "\"process\":{\"args\":[\"x\"],\"cwd\":\"/\",\"capabilities\":{\"bounding\":[\"CAP_NO\"]}}",
         KIST_E_UNSUPPORTED, "CAP_NO"},
        {"process",
         "\"process\":{\"args\":[\"x\"],\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_AS\",\"soft\":1}]}",
         KIST_E_USAGE, "rlimits"},
        {"mounts", "\"mounts\":[{\"destination\":\"/\",\"type\":\"tmpfs\"}]", KIST_E_USAGE,
         "mounts.destination"},
        {"mounts", "\"mounts\":[{\"destination\":\"/../x\",\"type\":\"tmpfs\"}]", KIST_E_USAGE,
         "mounts.destination"},
        {"mounts", "\"mounts\":[{\"destination\":\"/x\"}]", KIST_E_USAGE, "mounts.type"},
        {"mounts", "\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\"}]", KIST_E_USAGE, "mounts.source"},
        {"mounts",
         "\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/\",\"options\":[\"size=1\"]}]",
         KIST_E_USAGE, "size=1"},
        {"mounts", "\"mounts\":[{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"idmap\"]}]",
         KIST_E_UNSUPPORTED, "idmap"},
        {"linux", "", KIST_E_USAGE, "linux"},
        {"linux", "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"uts\"}]}", KIST_E_USAGE,
         "mount namespace"},
        {"linux", "\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]}", KIST_E_USAGE, "hostname"},
        {"linux", "\"linux\":{\"namespaces\":[{\"type\":\"time\"}]}", KIST_E_UNSUPPORTED, "time"},
        {"linux", "\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"user\"}]}", KIST_E_USAGE,
         "a user namespace needs linux.uidMappings"},
        {"linux", "\"linux\":{\"namespaces\":[{\"type\":\"mount\",\"path\":\"/x\"}]}", KIST_E_UNSUPPORTED, "path"},
        {"linux", "\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"x\"}]}", KIST_E_USAGE, "path"},
        {"linux",
         "\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"ipc\",\"path\":\"/x\"},{\"type\":\"ipc\",\"path\":\"/y\"}]}",
         KIST_E_USAGE, "path"},
        {"linux",
         "\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"ipc\",\"path\":\"/x\"},{\"type\":\"ipc\"}]}",
         KIST_E_USAGE, "namespaces"},
        {"linux", "\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\",\"path\":\"/x\"}]}", KIST_E_USAGE, "hostname"},
        {"resources", "{\"rdma\":{\"mlx\":5}}", KIST_E_UNSUPPORTED, "rdma"},
        {"resources", "{\"devices\":[{\"access\":\"x\"}]}", KIST_E_USAGE, "devices"},
        {"sysctl", "{\"kernel.panic\":\"1\"}", KIST_E_USAGE, "kernel.panic"},
        {"sysctl", "{\"net.ipv4/../../kernel/panic\":\"1\"}", KIST_E_USAGE, "not the container's own"},
        {"sysctl", "{\"kernel.sem\":\"1\"}", KIST_E_USAGE, "kernel.sem"},
        {"maskedPaths", "[\"proc\"]", KIST_E_USAGE, "maskedPaths"},
        {"uidMappings", "[{\"size\":1}]", KIST_E_USAGE, "uidMappings"},
        {"gidMappings", "[{\"containerID\":0,\"hostID\":1,\"size\":0}]", KIST_E_USAGE, "gidMappings"},
        {"gidMappings", "[{\"containerID\":0,\"hostID\":4294967290,\"size\":9}]", KIST_E_USAGE, "gidMappings"},
        {"uidMappings", "[{\"containerID\":0,\"hostID\":1,\"size\":1}]", KIST_E_USAGE, "need a user namespace"},
        {"rootfsPropagation", "\"odd\"", KIST_E_UNSUPPORTED, "rootfsPropagation"},
        {"devices", "[{\"path\":\"dev/x\",\"type\":\"c\",\"major\":1,\"minor\":1}]", KIST_E_USAGE,
         "linux.devices"},
        {"devices", "[{\"path\":\"/dev/x\",\"type\":\"z\"}]", KIST_E_USAGE, "linux.devices"},
        {"annotations", "\"annotations\":{\"org.opencontainers.image.stopSignal\":\"SIGNO\"}", KIST_E_USAGE,
         "SIGNO"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        char text[512];
        bool known = false;
        struct kist_error err = {0};
        KIST_AUTO(spec) struct kist_spec spec = {0};

        for (size_t k = 0; k < KIST_COUNT(parts); k++) {
            known = known || strcmp(parts[k][0], rows[i].part) == 0;
        }
        /* the rest are members of linux */
        (void)snprintf(text, sizeof(text), "\"linux\":{%s,\"%s\":%s}", uts, rows[i].part, rows[i].text);
        TEST_CASE(rows[i].text);
        KIST_AUTO(json)
        cJSON *config = config_with(known ? rows[i].part : "linux", known ? rows[i].text : text);

        CHECK_INT(kist_spec_parse(&spec, config, &err), rows[i].code);
        CHECK(strstr(err.message, rows[i].says) != NULL);
    }
    TEST_CASE(NULL);
}

TEST(namespaces_of_others)
{
    KIST_AUTO(json)
    cJSON *config = config_with("linux", "\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\"},"
                                         "{\"type\":\"network\",\"path\":\"/run/netns/a\"},{\"type\":\"pid\",\"path\":\"container/x\"},"
                                         "{\"type\":\"ipc\",\"path\":\"\"}]}");
    KIST_AUTO(spec) struct kist_spec spec;
    struct kist_error err = {0};

    REQUIRE_OK(kist_spec_parse(&spec, config, &err), err);
    CHECK_INT(spec.sandbox.own, PORT_OWN_MOUNTS | PORT_OWN_HOSTNAME | PORT_OWN_IPC);
    REQUIRE(spec.sandbox.join_count == 2);
    CHECK_INT(spec.sandbox.joins[0].what, PORT_OWN_NETWORK);
    CHECK_STR(spec.sandbox.joins[0].path, "/run/netns/a");
    CHECK_INT(spec.sandbox.joins[1].what, PORT_OWN_PIDS);
    CHECK_STR(spec.sandbox.joins[1].path, "container/x");
}

TEST(passes_over_what_asks_for_nothing)
{
    KIST_AUTO(json)
    cJSON *config = config_with("linux", "\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\"},"
                                         "{\"type\":\"network\"}],\"uidMappings\":[],\"mountLabel\":\"\","
                                         "\"resources\":{\"memory\":{},\"devices\":[]},\"sysctl\":{\"net."
                                         "ipv4.ip_forward\":\"1\"},\"strange\":{\"a\":[1]},"
                                         "\"rootfsPropagation\":\"rslave\"}");
    KIST_AUTO(spec) struct kist_spec spec;
    struct kist_error err = {0};

    REQUIRE_OK(kist_spec_parse(&spec, config, &err), err);
    REQUIRE(spec.sandbox.sysctl_count == 1);
    CHECK_STR(spec.sandbox.sysctls[0].value, "1");
    CHECK_INT(spec.sandbox.root.propagation, PORT_SLAVE);
}
