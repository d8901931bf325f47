#include "container/generate.h"

#include <sys/stat.h>
#include <unistd.h>

#include "container/capability.h"
#include "container/spec.h"
#include "test.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* An image and the flags of a run, as words; everything is optional. */
struct made {
    struct kist_config image;
    struct kist_run_options options;
    struct kist_spec_context context;
    struct kist_error err;
    cJSON *config;
    char *text; /* of the member asked for last */
};

static int read_file(void *arg, const char *path, struct kist_buf *out, struct kist_error *err)
{
    (void)arg;
    if (strcmp(path, "/etc/passwd") == 0) {
        return kist_buf_puts(out, "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n", err);
    }
    return kist_buf_puts(out, "app:x:1001:\nvideo:x:44:app\n", err);
}

static void init(struct made *m)
{
    memset(m, 0, sizeof(*m));
    m->context = (struct kist_spec_context){.id = ID,
                                            .host_name = "device",
                                            .kernel = "6.1.0",
                                            .capabilities = KIST_CAPABILITY_ALL,
                                            .seccomp = true,
                                            .read_file = read_file};
}

static void add(struct kist_strv *list, const char *text)
{
    struct kist_error err = {0};

    CHECK_OK(kist_strv_add(list, text, &err), err);
}

/* What is made, the engine must understand. */
static int generate(struct made *m)
{
    KIST_AUTO(spec) struct kist_spec spec = {.stop_signal = 0};
    int rc;

    cJSON_Delete(m->config);
    m->config = NULL;
    rc = kist_spec_generate(&m->config, &m->image, &m->options, &m->context, &m->err);
    return rc < 0 ? rc : kist_spec_parse(&spec, m->config, &m->err);
}

static void release(struct made *m)
{
    struct kist_strv *const lists[] = {&m->image.env, &m->image.entrypoint, &m->image.cmd, &m->image.volumes};

    for (size_t i = 0; i < KIST_COUNT(lists); i++) {
        kist_strv_release(lists[i]);
    }
    kist_run_options_release(&m->options);
    cJSON_Delete(m->config);
    cJSON_free(m->text);
}

/* The member at a path of names, "process.user.uid", as JSON; "" where there is none. */
static const char *member(struct made *m, const char *path)
{
    const cJSON *at = m->config;
    char name[64];

    while (at && *path != '\0') {
        size_t len = strcspn(path, ".");

        snprintf(name, sizeof(name), "%.*s", (int)len, path);
        at = cJSON_GetObjectItemCaseSensitive(at, name);
        path += len + (path[len] == '.');
    }
    cJSON_free(m->text);
    m->text = at ? cJSON_PrintUnformatted(at) : NULL;
    return m->text ? m->text : "";
}

/* The mount at a destination as "type source option,option"; "" where there is none. */
static const char *mount_at(struct made *m, const char *destination)
{
    static char text[512];
    const cJSON *item, *option;

    text[0] = '\0';
    cJSON_ArrayForEach(item, kist_json_array(m->config, "mounts"))
    {
        if (strcmp(kist_json_string(item, "destination"), destination) == 0) {
            CHECK_STR(text, "");
            snprintf(text, sizeof(text), "%s %s", kist_json_string(item, "type"),
                     kist_json_string(item, "source"));
            cJSON_ArrayForEach(option, kist_json_array(item, "options"))
            {
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%c%s",
                         option == kist_json_array(item, "options")->child ? ' ' : ',', option->valuestring);
            }
        }
    }
    return text;
}

/* Words separated by one space into a list. */
static void split(struct kist_strv *list, const char *text)
{
    char word[128];

    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        snprintf(word, sizeof(word), "%.*s", (int)len, text);
        add(list, word);
        text += len + (text[len] == ' ');
    }
}

TEST(command_lines_as_docker_combines_them)
{
    static const struct {
        const char *image_entrypoint, *image_cmd, *entrypoint, *command, *want; /* want NULL: refused */
    } rows[] = {
        {"", "sh", NULL, "", "[\"sh\"]"},
        {"", "sh -l", NULL, "ls /", "[\"ls\",\"/\"]"},
        {"tini --", "sh -l", NULL, "", "[\"tini\",\"--\",\"sh\",\"-l\"]"},
        {"tini --", "sh -l", NULL, "ls", "[\"tini\",\"--\",\"ls\"]"},
        {"tini --", "sh -l", "cat", "", "[\"cat\"]"},
        {"tini --", "sh -l", "cat", "a b", "[\"cat\",\"a\",\"b\"]"},
        {"tini --", "sh -l", "", "ls", "[\"ls\"]"},
        {"tini --", "sh -l", "", "", NULL},
        {"tini", "", NULL, "", "[\"tini\"]"},
        {"", "", NULL, "", NULL},
        {"", "", NULL, "ls", "[\"ls\"]"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct made m;
        int rc;

        init(&m);
        TEST_CASE(rows[i].want);
        split(&m.image.entrypoint, rows[i].image_entrypoint);
        split(&m.image.cmd, rows[i].image_cmd);
        split(&m.options.command, rows[i].command);
        m.options.entrypoint = rows[i].entrypoint;
        rc = generate(&m);
        if (rows[i].want) {
            CHECK_OK(rc, m.err);
            CHECK_STR(member(&m, "process.args"), rows[i].want);
        } else {
            CHECK_INT(rc, KIST_E_USAGE);
            CHECK_STR(m.err.message, "no command specified");
            CHECK(m.config == NULL);
        }
        release(&m);
    }
    TEST_CASE(NULL);
}

/* A run of "true" with nothing said. */
static void init_true(struct made *m)
{
    init(m);
    add(&m->image.cmd, "true");
}

TEST(docker_defaults)
{
    static const char capabilities[] = "[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\",\"CAP_FSETID\","
                                       "\"CAP_KILL\",\"CAP_SETGID\",\"CAP_SETUID\","
                                       "\"CAP_SETPCAP\",\"CAP_NET_BIND_SERVICE\",\"CAP_NET_RAW\",\"CAP_SYS_"
                                       "CHROOT\",\"CAP_MKNOD\",\"CAP_AUDIT_WRITE\","
                                       "\"CAP_SETFCAP\"]";
    static const char *const rows[][2] = {
        {"ociVersion", "\"1.0.2\""},
        {"hostname", "\"0123456789ab\""},
        {"root", "{\"path\":\"rootfs\",\"readonly\":false}"},
        {"process.terminal", "false"},
        {"process.user", "{\"uid\":0,\"gid\":0,\"additionalGids\":[0]}"},
        {"process.cwd", "\"/\""},
        {"process.env", "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","
                        "\"HOSTNAME=0123456789ab\",\"HOME=/root\"]"},
        {"process.capabilities.bounding", capabilities},
        {"process.capabilities.effective", capabilities},
        {"process.capabilities.permitted", capabilities},
        {"process.capabilities.inheritable", ""},
        {"process.capabilities.ambient", ""},
        {"process.noNewPrivileges", "false"},
        {"process.oomScoreAdj", "0"},
        {"linux.cgroupsPath", "\"/kist/" ID "\""},
        {"linux.rootfsPropagation", "\"rprivate\""},
        {"linux.namespaces", "[{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"pid\"},{\"type\":\"ipc\"},"
                             "{\"type\":\"cgroup\"},{\"type\":\"network\"}]"},
        {"linux.readonlyPaths",
         "[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]"},
        {"linux.seccomp.defaultAction", "\"SCMP_ACT_ERRNO\""},
        {"linux.seccomp.defaultErrnoRet", "1"},
        {"linux.devices", ""},
        {"annotations", "{}"},
    };
    struct made m;

    init_true(&m);
    REQUIRE_OK(generate(&m), m.err);
    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        TEST_CASE(rows[i][0]);
        CHECK_STR(member(&m, rows[i][0]), rows[i][1]);
    }
    TEST_CASE(NULL);
    CHECK(strstr(member(&m, "linux.maskedPaths"), "\"/proc/kcore\",\"/proc/keys\"") != NULL);
    CHECK(strstr(member(&m, "linux.resources.devices"), "[{\"allow\":false,\"access\":\"rwm\"},") == m.text);
    CHECK_INT(cJSON_GetArraySize(kist_json_array(m.config, "mounts")), 10);
    CHECK_STR(mount_at(&m, "/dev"), "tmpfs tmpfs nosuid,strictatime,mode=755,size=65536k");
    CHECK_STR(mount_at(&m, "/dev/shm"), "tmpfs shm nosuid,noexec,nodev,mode=1777,size=67108864");
    CHECK_STR(mount_at(&m, "/sys"), "sysfs sysfs nosuid,noexec,nodev,ro");
    CHECK_STR(mount_at(&m, "/etc/hosts"), "bind etc/hosts rbind,rprivate");
    release(&m);
}

TEST(environment)
{
    char path[] = "/tmp/kist-unit-env-XXXXXX";
    int fd = mkstemp(path);
    struct made m;

    init_true(&m);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, "FILE=1\nOVER=file\n", 17) == 17);
    close(fd);
    setenv("KIST_TEST_HERE", "host", 1);
    unsetenv("KIST_TEST_GONE");
    add(&m.image.env, "PATH=/image");
    add(&m.image.env, "OVER=image");
    add(&m.image.env, "KIST_TEST_GONE=image");
    add(&m.image.env, "KIST_TEST_HERE=image");
    add(&m.options.env_files, path);
    add(&m.options.env, "OVER=flag");
    add(&m.options.env, "KIST_TEST_GONE");
    add(&m.options.env, "KIST_TEST_HERE");
    m.options.tty = true;
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(member(&m, "process.env"),
              "[\"PATH=/image\",\"HOSTNAME=0123456789ab\",\"TERM=xterm\",\"OVER=flag\","
              "\"KIST_TEST_HERE=host\",\"FILE=1\",\"HOME=/root\"]");
    CHECK_STR(member(&m, "process.terminal"), "true");
    add(&m.options.env, "HOME=/elsewhere");
    CHECK_OK(generate(&m), m.err);
    CHECK(strstr(member(&m, "process.env"), "\"FILE=1\",\"HOME=/elsewhere\"]") != NULL);
    unlink(path);
    CHECK_INT(generate(&m), KIST_E_USAGE);
    CHECK(strstr(m.err.message, "cannot read env file '/tmp/kist-unit-env-") == m.err.message);
    release(&m);
}

TEST(users)
{
    struct made m;

    init_true(&m);
    m.image.user = (char *)"app";
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(member(&m, "process.user"), "{\"uid\":1000,\"gid\":1001,\"additionalGids\":[1001,44]}");
    CHECK(strstr(member(&m, "process.env"), "\"HOME=/home/app\"") != NULL);
    CHECK(strstr(member(&m, "process.capabilities.bounding"), "CAP_CHOWN") != NULL);
    CHECK_STR(member(&m, "process.capabilities.effective"), "");
    CHECK_STR(member(&m, "process.capabilities.permitted"), "");
    m.options.user = "5:6";
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(member(&m, "process.user"), "{\"uid\":5,\"gid\":6,\"additionalGids\":[6]}");
    m.options.user = "nobody";
    CHECK_INT(generate(&m), KIST_E_NOT_FOUND);
    CHECK_STR(m.err.message, "unable to find user 'nobody': no matching entries in passwd file");
    release(&m);
}

TEST(working_directory)
{
    static const struct {
        const char *image, *given, *want;
    } rows[] = {
        {NULL, NULL, "\"/\""},     {"/srv", NULL, "\"/srv\""}, {"/srv", "/tmp/../a//b/", "\"/a/b\""},
        {"srv", NULL, "\"/srv\""}, {"/srv", "", "\"/srv\""},   {NULL, "tmp", NULL},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct made m;

        init_true(&m);
        m.image.working_dir = (char *)rows[i].image;
        m.options.workdir = rows[i].given;
        TEST_CASE(rows[i].want);
        if (rows[i].want) {
            CHECK_OK(generate(&m), m.err);
            CHECK_STR(member(&m, "process.cwd"), rows[i].want);
        } else {
            CHECK_INT(generate(&m), KIST_E_USAGE);
            CHECK_STR(m.err.message,
                      "the working directory 'tmp' is invalid, it needs to be an absolute path");
        }
        release(&m);
    }
    TEST_CASE(NULL);
}

TEST(mounts_of_flags_and_image)
{
    struct made m;

    init_true(&m);
    add(&m.options.volumes, "/proc/self/../../usr:/data/host:ro,rslave");
    add(&m.options.volumes, "/anonymous");
    add(&m.options.volumes, "named.volume:/named:ro,nocopy");
    add(&m.options.tmpfs, "/run:size=1m");
    add(&m.image.volumes, "/data");
    add(&m.image.volumes, "/run/");
    m.options.read_only = true;
    m.context.transient = true;
    REQUIRE_OK(generate(&m), m.err);
    CHECK_STR(mount_at(&m, "/data/host"), "bind /usr rbind,rslave,ro");
    CHECK_STR(mount_at(&m, "/anonymous"), "bind volumes/0 rbind,rprivate,copy");
    CHECK_STR(mount_at(&m, "/named"), "bind volume/named.volume rbind,rprivate,ro");
    CHECK_STR(mount_at(&m, "/data"), "bind volumes/1 rbind,rprivate,copy");
    CHECK_STR(mount_at(&m, "/run"), "tmpfs tmpfs size=1m,noexec,nosuid,nodev");
    CHECK_STR(mount_at(&m, "/etc/hostname"), "bind etc/hostname rbind,rprivate,ro");
    CHECK_STR(member(&m, "root.readonly"), "true");
    CHECK_STR(member(&m, "linux.rootfsPropagation"), "\"rslave\"");
    release(&m);
}

/* A container that stays has its volumes in the store, under names that only it comes to. */
TEST(anonymous_volumes_of_a_container_that_stays)
{
    char first[128], again[128];
    struct made m;

    for (int i = 0; i < 2; i++) {
        init_true(&m);
        add(&m.options.volumes, "/a");
        add(&m.image.volumes, "/b");
        REQUIRE_OK(generate(&m), m.err);
        CHECK(kist_str_format(i ? again : first, sizeof(first), "%s", mount_at(&m, "/a")));
        CHECK_INT(strlen(first), strlen("bind volume/ rbind,rprivate,copy") + 64);
        CHECK(strcmp(first, mount_at(&m, "/b")) != 0);
        release(&m);
    }
    CHECK_STR(again, first);
}

TEST(mounts_have_parents_first)
{
    static const char *const destinations[] = {"/dev/a/b", "/x/y/z", "/x", "/x/y", "/proc/x"};
    const cJSON *item, *other;
    struct made m;

    init_true(&m);
    for (size_t i = 0; i < KIST_COUNT(destinations); i++) {
        add(&m.options.tmpfs, destinations[i]);
    }
    REQUIRE_OK(generate(&m), m.err);
    cJSON_ArrayForEach(item, kist_json_array(m.config, "mounts"))
    {
        const char *destination = kist_json_string(item, "destination");

        for (other = item->next; other; other = other->next) {
            const char *later = kist_json_string(other, "destination");
            size_t len = strlen(later);

            CHECK(!(strncmp(destination, later, len) == 0 && destination[len] == '/'));
        }
    }
    release(&m);
}

TEST(flags_take_the_place_of_defaults)
{
    struct made m;

    init_true(&m);
    add(&m.options.tmpfs, "/dev:exec");
    add(&m.options.volumes, "/tmp:/etc/hosts");
    REQUIRE_OK(generate(&m), m.err);
    CHECK_STR(mount_at(&m, "/dev"), "tmpfs tmpfs exec,nosuid,nodev");
    CHECK_STR(mount_at(&m, "/dev/pts"), "");
    CHECK_STR(mount_at(&m, "/dev/shm"), "");
    CHECK_STR(mount_at(&m, "/etc/hosts"), "bind /tmp rbind,rprivate");
    CHECK_STR(mount_at(&m, "/proc"), "proc proc nosuid,noexec,nodev");
    add(&m.options.volumes, "/etc/hosts");
    CHECK_INT(generate(&m), KIST_E_USAGE);
    CHECK_STR(m.err.message, "duplicate mount point: /etc/hosts");
    release(&m);
}

TEST(missing_sources_are_made)
{
    char base[] = "/tmp/kist-unit-volume-XXXXXX", text[128], path[96];
    struct stat st;
    struct made m;

    init_true(&m);
    REQUIRE(mkdtemp(base) != NULL);
    snprintf(text, sizeof(text), "%s/a/b:/b", base);
    snprintf(path, sizeof(path), "%s/a/b", base);
    add(&m.options.volumes, text);
    CHECK_OK(generate(&m), m.err);
    CHECK(stat(path, &st) == 0 && S_ISDIR(st.st_mode));
    CHECK_OK(generate(&m), m.err);
    add(&m.options.volumes, "/dev/null/x:/c");
    CHECK_INT(generate(&m), KIST_E_USAGE);
    CHECK_STR(m.err.message, "--volume: cannot make '/dev/null/x' on the host: Not a directory");
    rmdir(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
    rmdir(base);
    release(&m);
}

TEST(privileged)
{
    struct made m;

    init_true(&m);
    m.options.privileged = true;
    REQUIRE_OK(generate(&m), m.err);
    CHECK_INT(cJSON_GetArraySize(kist_json_array(
                  kist_json_object(kist_json_object(m.config, "process"), "capabilities"), "bounding")),
              KIST_CAPABILITY_COUNT);
    CHECK_STR(member(&m, "linux.seccomp"), "");
    CHECK_STR(member(&m, "linux.maskedPaths"), "");
    CHECK_STR(member(&m, "linux.readonlyPaths"), "");
    CHECK_STR(member(&m, "linux.resources.devices"), "[{\"allow\":true,\"access\":\"rwm\"}]");
    CHECK_STR(mount_at(&m, "/sys"), "sysfs sysfs nosuid,noexec,nodev");
    CHECK_STR(mount_at(&m, "/sys/fs/cgroup"), "cgroup cgroup nosuid,noexec,nodev");
    CHECK_STR(member(&m, "annotations"), "{\"kist.devices\":\"all\"}");
    release(&m);
}

TEST(host_network_and_names)
{
    struct made m;

    init_true(&m);
    m.options.network = KIST_NETWORK_HOST;
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(member(&m, "hostname"), "\"device\"");
    CHECK(strstr(member(&m, "linux.namespaces"), "network") == NULL);
    CHECK_STR(member(&m, "linux.sysctl"), "");
    m.options.hostname = "web-1.example";
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(member(&m, "hostname"), "\"web-1.example\"");
    m.options.hostname = "a b";
    CHECK_INT(generate(&m), KIST_E_USAGE);
    CHECK_STR(m.err.message, "--hostname: invalid name 'a b'");
    m.options.hostname = ID "0";
    CHECK_INT(generate(&m), KIST_E_USAGE);
    release(&m);
}

TEST(namespaces_of_other_containers)
{
    struct made m;

    init_true(&m);
    m.options.network = KIST_NETWORK_CONTAINER;
    m.options.network_of = ID;
    m.options.host_name_of = "theirs";
    m.options.pid = m.options.ipc = "container:" ID;
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(member(&m, "hostname"), "\"theirs\"");
    CHECK_STR(member(&m, "linux.namespaces"),
              "[{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"pid\",\"path\":\"container/" ID "\"},"
              "{\"type\":\"ipc\",\"path\":\"container/" ID "\"},{\"type\":\"cgroup\"},"
              "{\"type\":\"network\",\"path\":\"container/" ID "\"}]");
    CHECK_STR(member(&m, "linux.sysctl"), "");
    CHECK_STR(mount_at(&m, "/dev/shm"), "bind container/shm rbind,rprivate,nosuid,nodev,noexec");
    CHECK_STR(member(&m, "annotations"), "{\"kist.ipc\":\"container:" ID "\",\"kist.network\":\"container:" ID "\"}");
    m.options.host_name_of = NULL;
    m.options.ipc = "host";
    m.options.uts = "container:" ID;
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(member(&m, "hostname"), "");
    CHECK_STR(mount_at(&m, "/dev/shm"), "bind /dev/shm rbind,rprivate,nosuid,nodev,noexec");
    m.options.uts = "";
    m.options.ipc = "none";
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(member(&m, "hostname"), "\"device\"");
    CHECK_STR(mount_at(&m, "/dev/shm"), "");
    m.options.pid = "container:";
    CHECK_INT(generate(&m), KIST_E_USAGE);
    CHECK_STR(m.err.message, "invalid --pid 'container:': host, private or container:NAME");
    release(&m);
}

TEST(notes_for_the_engine)
{
    struct made m;

    init_true(&m);
    m.image.stop_signal = (char *)"SIGQUIT";
    m.options.init = m.options.interactive = true;
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(member(&m, "annotations"), "{\"kist.init\":\"true\",\"kist.stdin\":\"true\","
                                         "\"org.opencontainers.image.stopSignal\":\"SIGQUIT\"}");
    m.options.stop_signal = "INT";
    m.options.init = m.options.interactive = false;
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(member(&m, "annotations"), "{\"org.opencontainers.image.stopSignal\":\"INT\",\"kist.told\":\"{\\\"StopSignal\\\":\\\"INT\\\"}\"}");
    release(&m);
}

/* What the image has besides is not there: a commit knows it. */
TEST(what_the_flags_said)
{
    static const char *const want =
        "{\"Env\":[\"A=1\",\"HOME=/h\",\"GONE\"],\"User\":\"app\",\"WorkingDir\":\"/w\",\"StopSignal\":\"SIGINT\",\"Entrypoint\":[\"/e\"],"
        "\"Cmd\":[\"one\"],\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{},\"90/tcp\":{},\"91/tcp\":{}},\"Volumes\":{\"/data\":{}},"
        "\"Healthcheck\":{\"Test\":[\"NONE\"]}}";
    struct made m;

    init_true(&m);
    add(&m.image.env, "B=2");
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(member(&m, "annotations"), "{}");
    add(&m.options.env, "A=1");
    add(&m.options.env, "HOME=/h");
    add(&m.options.env, "GONE");
    m.options.user = "app";
    m.options.workdir = "/w";
    m.options.stop_signal = "SIGINT";
    m.options.entrypoint = "/e";
    add(&m.options.command, "one");
    add(&m.options.publish, "8080:80");
    add(&m.options.publish, "53:53/udp");
    add(&m.options.expose, "90-91");
    add(&m.options.volumes, "/data");
    add(&m.options.volumes, "named:/other");
    m.options.no_healthcheck = true;
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(m.config, "annotations"), "kist.told")), want);
    m.options.entrypoint = "";
    m.options.user = m.options.workdir = m.options.stop_signal = NULL;
    m.options.no_healthcheck = false;
    kist_strv_release(&m.options.env);
    kist_strv_release(&m.options.publish);
    kist_strv_release(&m.options.expose);
    kist_strv_release(&m.options.volumes);
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(m.config, "annotations"), "kist.told")),
              "{\"Entrypoint\":[],\"Cmd\":[\"one\"]}");
    release(&m);
}

TEST(security_options)
{
    static const struct {
        const char *option, *path, *want;
    } rows[] = {
        {"no-new-privileges", "process.noNewPrivileges", "true"},
        {"no-new-privileges:true", "process.noNewPrivileges", "true"},
        {"no-new-privileges=false", "process.noNewPrivileges", "false"},
        {"seccomp=unconfined", "linux.seccomp", ""},
        {"seccomp:unconfined", "linux.seccomp", ""},
        {"seccomp=builtin", "linux.seccomp.defaultAction", "\"SCMP_ACT_ERRNO\""},
        {"apparmor=unconfined", "process.noNewPrivileges", "false"},
        {"label=disable", "process.noNewPrivileges", "false"},
        {"systempaths=unconfined", "linux.maskedPaths", ""},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct made m;

        init_true(&m);
        TEST_CASE(rows[i].option);
        add(&m.options.security_opt, rows[i].option);
        CHECK_OK(generate(&m), m.err);
        CHECK_STR(member(&m, rows[i].path), rows[i].want);
        release(&m);
    }
    TEST_CASE(NULL);
}

TEST(refused_security_options)
{
    static const struct {
        const char *option;
        int code;
        const char *message;
    } rows[] = {
        {"seccomp=/nowhere.json", KIST_E_USAGE,
         "cannot read seccomp profile '/nowhere.json': No such file or directory"},
        {"seccomp=", KIST_E_USAGE, "invalid --security-opt: 'seccomp='"},
        {"seccomp", KIST_E_USAGE, "invalid --security-opt: 'seccomp'"},
        {"no-new-privileges:maybe", KIST_E_USAGE, "invalid --security-opt: 'no-new-privileges:maybe'"},
        {"no-new-privilegesx", KIST_E_USAGE, "invalid --security-opt: 'no-new-privilegesx'"},
        {"apparmor=docker-default", KIST_E_UNSUPPORTED,
         "--security-opt apparmor=docker-default: AppArmor profiles are not supported, only "
         "apparmor=unconfined"},
        {"label=type:x", KIST_E_UNSUPPORTED,
         "--security-opt label=type:x: SELinux labels are not supported, only label=disable"},
        {"other", KIST_E_USAGE, "invalid --security-opt: 'other'"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct made m;

        init_true(&m);
        TEST_CASE(rows[i].option);
        add(&m.options.security_opt, rows[i].option);
        CHECK_INT(generate(&m), rows[i].code);
        CHECK_STR(m.err.message, rows[i].message);
        release(&m);
    }
    TEST_CASE(NULL);
}

TEST(profiles_and_kernels_without_filters)
{
    static const char profile[] = "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}";
    char path[] = "/tmp/kist-unit-profile-XXXXXX", option[64];
    int fd = mkstemp(path);
    struct made m;

    init_true(&m);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, profile, strlen(profile)) == (ssize_t)strlen(profile));
    close(fd);
    snprintf(option, sizeof(option), "seccomp=%s", path);
    add(&m.options.security_opt, option);
    m.options.privileged = true;
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(member(&m, "linux.seccomp"), "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[]}");
    m.context.seccomp = false;
    CHECK_INT(generate(&m), KIST_E_UNSUPPORTED);
    kist_strv_release(&m.options.security_opt);
    m.options.security_opt = (struct kist_strv){0};
    m.options.privileged = false;
    CHECK_OK(generate(&m), m.err);
    CHECK_STR(member(&m, "linux.seccomp"), "");
    unlink(path);
    release(&m);
}
