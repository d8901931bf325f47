/* What a directory may take. Where /tmp has project quotas they are tried; elsewhere that they are missed is. */
#include "port/quota.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define LIMIT (1U << 20)

static char place[64];
static struct port_dir *dir;

static int make_place(void)
{
    struct kist_error err;

    (void)snprintf(place, sizeof(place), "/tmp/kist-quota-XXXXXX");
    return mkdtemp(place) ? port_dir_open(&dir, place, false, &err) : -1;
}

static void remove_place(void)
{
    struct port_dir *tmp;

    port_dir_close(dir);
    CHECK(port_dir_open(&tmp, "/tmp", false, NULL) == 0);
    CHECK(port_dir_remove_tree(tmp, place + strlen("/tmp/"), NULL) == 0);
    port_dir_close(tmp);
}

/* Root as a container has it is held to quotas; one that may pass over limits of resources is not. */
static int fill_as_a_container(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    static const char block[65536];
    char path[96];
    uint64_t written = 0;
    ssize_t got = -1;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/below", place);
    if (syscall(SYS_capget, &header, data) < 0 || mkdir(path, 0700) < 0) {
        return 2;
    }
    data[0].effective &= ~(1U << CAP_SYS_RESOURCE);
    (void)snprintf(path, sizeof(path), "%s/below/file", place);
    fd = syscall(SYS_capset, &header, data) < 0 ? -1 : open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    while (fd >= 0 && written < (4U * LIMIT) && (got = write(fd, block, sizeof(block))) > 0) {
        written += (uint64_t)got;
    }
    return fd < 0 ? 3 : got < 0 && errno == EDQUOT && written < LIMIT ? 0 : 1;
}

TEST(a_project_is_held_to_its_limit)
{
    struct kist_error err = {0};
    int status = -1;
    pid_t child;

    if (geteuid() != 0) {
        TEST_SKIP("quotas need root");
    }
    REQUIRE(make_place() == 0);
    if (!port_quota_available(dir)) {
        CHECK_INT(port_quota_limit(dir, 1, LIMIT, &err), KIST_E_UNSUPPORTED);
        CHECK(strstr(err.message, "keeps no quotas of projects") != NULL);
        remove_place();
        TEST_SKIP("the filesystem of /tmp keeps no quotas of projects");
    }
    CHECK_OK(port_quota_limit(dir, 1, LIMIT, &err), err);
    child = fork();
    if (child == 0) {
        _exit(fill_as_a_container());
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
    remove_place();
}

TEST(room_is_reserved_at_once)
{
    struct kist_error err = {0};
    struct port_file *f;
    struct port_stat st;

    REQUIRE(make_place() == 0);
    REQUIRE_OK(port_file_create(&f, dir, "image", false, &err), err);
    if (port_quota_reserve(f, LIMIT, &err) < 0) {
        port_file_discard(f);
        remove_place();
        TEST_SKIP("the filesystem of /tmp reserves nothing");
    }
    CHECK_OK(port_dir_stat(dir, "image", &st, &err), err);
    CHECK_INT(st.size, LIMIT);
    CHECK(st.allocated >= LIMIT);
    port_file_discard(f);
    remove_place();
}
