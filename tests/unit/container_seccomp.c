#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf.h"
#include "container/capability.h"
#include "container/seccomp_private.h"
#include "test.h"

static const struct kist_seccomp_facts usual = {KIST_CAPABILITY_DEFAULT, 6, 1};

TEST(kernel_releases)
{
    static const struct {
        const char *release;
        unsigned major, minor;
    } rows[] = {
        {"6.1.0-18-arm64", 6, 1}, {"4.8", 4, 8}, {"3.10.108", 3, 10}, {"5", 5, 0},
        {"5.-1", 5, 9999},        {"", 0, 0},    {"linux", 0, 0},     {"99999999999999999999.7", 9999, 7}};
    struct kist_seccomp_facts facts = {0};

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        TEST_CASE(rows[i].release);
        kist_seccomp_kernel(&facts, rows[i].release);
        CHECK_INT(facts.kernel_major, rows[i].major);
        CHECK_INT(facts.kernel_minor, rows[i].minor);
    }
    TEST_CASE(NULL);
}

TEST(names_are_found)
{
    struct kist_syscalls calls;

    kist_syscalls_init(&calls);
    for (unsigned row = 0; row < KIST_SYSCALL_COUNT; row++) {
        CHECK_INT(kist_syscalls_find(&calls, kist_syscalls_name(&calls, row)), row);
    }
    CHECK_STR(kist_syscalls_name(&calls, KIST_SYSCALL_clone3), "clone3");
    CHECK_INT(kist_syscalls_find(&calls, ""), -1);
    CHECK_INT(kist_syscalls_find(&calls, "clone4"), -1);
    CHECK_INT(kist_syscalls_find(&calls, "zzz"), -1);
    CHECK_INT(kist_seccomp_number(kist_seccomp_native.archs[0], KIST_SYSCALL_getpid), SYS_getpid);
    CHECK_INT(kist_seccomp_number(kist_seccomp_native.archs[0], KIST_SYSCALL_clone3), 435);
}

/* What the program of a profile returns for a call by name, on this machine. */
static uint32_t outcome(const cJSON *seccomp, unsigned row, uint64_t first_argument)
{
    KIST_AUTO(seccomp_program) struct kist_seccomp_program program = {0};
    struct kist_error err = {0};
    struct bpf_data data = {.arch = kist_seccomp_native.archs[0]->audit};

    data.number = kist_seccomp_number(kist_seccomp_native.archs[0], row);
    data.arguments[0] = first_argument;
    CHECK_OK(kist_seccomp_assemble(&program, seccomp, &err), err);
    return bpf_run(program.insns, program.count, &data);
}

#define ERRNO(n) (KIST_SECCOMP_ERRNO | (n))

TEST(default_profile)
{
    uint64_t admin = KIST_CAPABILITY_BIT(KIST_CAP_SYS_ADMIN),
             trace = KIST_CAPABILITY_BIT(KIST_CAP_SYS_PTRACE);
    const struct {
        const char *label;
        uint64_t capabilities;
        unsigned major, minor, row;
        uint64_t argument;
        uint32_t want;
    } rows[] = {
        {"read", 0, 6, 1, KIST_SYSCALL_read, 0, KIST_SECCOMP_ALLOW},
        {"clone, thread", 0, 6, 1, KIST_SYSCALL_clone, 0x3d0f00, KIST_SECCOMP_ALLOW},
        {"clone, new user namespace", 0, 6, 1, KIST_SYSCALL_clone, 0x10000000, ERRNO(EPERM)},
        {"clone, new user namespace, admin", admin, 6, 1, KIST_SYSCALL_clone, 0x10000000, KIST_SECCOMP_ALLOW},
        {"clone3", 0, 6, 1, KIST_SYSCALL_clone3, 0, ERRNO(ENOSYS)},
        {"clone3, admin", admin, 6, 1, KIST_SYSCALL_clone3, 0, KIST_SECCOMP_ALLOW},
        {"unshare", 0, 6, 1, KIST_SYSCALL_unshare, 0, ERRNO(EPERM)},
        {"unshare, admin", admin, 6, 1, KIST_SYSCALL_unshare, 0, KIST_SECCOMP_ALLOW},
        {"ptrace, 4.7", 0, 4, 7, KIST_SYSCALL_ptrace, 0, ERRNO(EPERM)},
        {"ptrace, 4.8", 0, 4, 8, KIST_SYSCALL_ptrace, 0, KIST_SECCOMP_ALLOW},
        {"ptrace, 3.10, allowed", trace, 3, 10, KIST_SYSCALL_ptrace, 0, KIST_SECCOMP_ALLOW},
        {"bpf", 0, 6, 1, KIST_SYSCALL_bpf, 0, ERRNO(EPERM)},
        {"bpf, CAP_BPF", KIST_CAPABILITY_BIT(KIST_CAP_BPF), 6, 1, KIST_SYSCALL_bpf, 0, KIST_SECCOMP_ALLOW},
        {"bpf, admin", admin, 6, 1, KIST_SYSCALL_bpf, 0, KIST_SECCOMP_ALLOW},
        {"socket, unix", 0, 6, 1, KIST_SYSCALL_socket, AF_UNIX, KIST_SECCOMP_ALLOW},
        {"socket, vsock", 0, 6, 1, KIST_SYSCALL_socket, 40, ERRNO(EPERM)},
        {"socket, alg", 0, 6, 1, KIST_SYSCALL_socket, 38, ERRNO(EPERM)},
        {"socket, nfc", 0, 6, 1, KIST_SYSCALL_socket, 39, KIST_SECCOMP_ALLOW},
        {"socket, mctp", 0, 6, 1, KIST_SYSCALL_socket, 45, KIST_SECCOMP_ALLOW},
        {"socket, vsock in its lower half", 0, 6, 1, KIST_SYSCALL_socket, 0x100000028, ERRNO(EPERM)},
        {"socket, alg in its lower half", 0, 6, 1, KIST_SYSCALL_socket, 0xffffffff00000026, ERRNO(EPERM)},
        {"personality, query", 0, 6, 1, KIST_SYSCALL_personality, 0xffffffff, KIST_SECCOMP_ALLOW},
        {"personality, no randomisation", 0, 6, 1, KIST_SYSCALL_personality, 0x40000, ERRNO(EPERM)},
        {"keyctl", ~(uint64_t)0, 6, 1, KIST_SYSCALL_keyctl, 0, ERRNO(EPERM)},
        {"chroot, default", KIST_CAPABILITY_DEFAULT, 6, 1, KIST_SYSCALL_chroot, 0, KIST_SECCOMP_ALLOW},
        {"chroot, none", 0, 6, 1, KIST_SYSCALL_chroot, 0, ERRNO(EPERM)},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_seccomp_facts facts = {rows[i].capabilities, rows[i].major, rows[i].minor};
        KIST_AUTO(json) cJSON *seccomp = NULL;
        struct kist_error err = {0};

        TEST_CASE(rows[i].label);
        REQUIRE_OK(kist_seccomp_default(&seccomp, &facts, &err), err);
        CHECK_INT(outcome(seccomp, rows[i].row, rows[i].argument), rows[i].want);
    }
    TEST_CASE(NULL);
}

/* What is newer than the profile seems absent; the call between the highest and it stays refused. */
TEST(unknown_calls_are_absent)
{
    static const char old[] =
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":13,"
        "\"syscalls\":[{\"names\":[\"read\",\"clone3\"],\"action\":\"SCMP_ACT_ALLOW\"}]}";
    static const struct {
        const char *action;
        uint32_t want;
    } defaults[] = {{"SCMP_ACT_KILL_PROCESS", ERRNO(ENOSYS)},
                    {"SCMP_ACT_TRAP", ERRNO(ENOSYS)},
                    {"SCMP_ACT_ALLOW", KIST_SECCOMP_ALLOW},
                    {"SCMP_ACT_LOG", KIST_SECCOMP_LOG},
                    {"SCMP_ACT_TRACE", KIST_SECCOMP_TRACE | EPERM}};
    KIST_AUTO(json) cJSON *seccomp = cJSON_Parse(old);

    CHECK_INT(outcome(seccomp, KIST_SYSCALL_clone3, 0), KIST_SECCOMP_ALLOW);
    CHECK_INT(outcome(seccomp, KIST_SYSCALL_pidfd_open, 0), ERRNO(EACCES));
    CHECK_INT(outcome(seccomp, KIST_SYSCALL_faccessat2, 0), ERRNO(ENOSYS));
    cJSON_DeleteItemFromObject(seccomp, "syscalls");
    CHECK_INT(outcome(seccomp, KIST_SYSCALL_faccessat2, 0), ERRNO(EACCES));
    for (size_t i = 0; i < KIST_COUNT(defaults); i++) {
        KIST_AUTO(json) cJSON *other = cJSON_Parse(old);

        TEST_CASE(defaults[i].action);
        cJSON_ReplaceItemInObject(other, "defaultAction", cJSON_CreateString(defaults[i].action));
        cJSON_DeleteItemFromObject(other, "defaultErrnoRet");
        cJSON_ReplaceItemInObject(cJSON_GetArrayItem(cJSON_GetObjectItem(other, "syscalls"), 0), "action",
                                  cJSON_CreateString("SCMP_ACT_KILL"));
        CHECK_INT(outcome(other, KIST_SYSCALL_faccessat2, 0), defaults[i].want);
        CHECK_INT(outcome(other, KIST_SYSCALL_read, 0), KIST_SECCOMP_KILL_THREAD);
    }
    TEST_CASE(NULL);
}

TEST(profiles_conditions)
{
    static const struct {
        const char *rule;
        uint32_t want; /* of getpid; the default is EPERM */
    } rows[] = {
        {"\"names\":[\"getpid\"]", KIST_SECCOMP_ALLOW},
        {"\"name\":\"getpid\"", KIST_SECCOMP_ALLOW},
        {"\"name\":\"\",\"names\":[\"getpid\"]", KIST_SECCOMP_ALLOW},
        {"\"names\":[\"getpid\"],\"includes\":{}", KIST_SECCOMP_ALLOW},
        {"\"names\":[\"getpid\"],\"includes\":{\"caps\":[\"CAP_CHOWN\"]}", KIST_SECCOMP_ALLOW},
        {"\"names\":[\"getpid\"],\"includes\":{\"caps\":[\"CAP_CHOWN\",\"CAP_SYS_ADMIN\"]}", ERRNO(EPERM)},
        {"\"names\":[\"getpid\"],\"includes\":{\"caps\":[\"CAP_NOSUCH\"]}", ERRNO(EPERM)},
        {"\"names\":[\"getpid\"],\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\",\"CAP_CHOWN\"]}", ERRNO(EPERM)},
        {"\"names\":[\"getpid\"],\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}", KIST_SECCOMP_ALLOW},
        {"\"names\":[\"getpid\"],\"includes\":{\"minKernel\":\"4.8\"}", KIST_SECCOMP_ALLOW},
        {"\"names\":[\"getpid\"],\"includes\":{\"minKernel\":\"6.1\"}", KIST_SECCOMP_ALLOW},
        {"\"names\":[\"getpid\"],\"includes\":{\"minKernel\":\"6.2\"}", ERRNO(EPERM)},
        {"\"names\":[\"getpid\"],\"excludes\":{\"minKernel\":\"4.8\"}", ERRNO(EPERM)},
        {"\"names\":[\"getpid\"],\"excludes\":{\"minKernel\":\"7.0\"}", KIST_SECCOMP_ALLOW},
        {"\"names\":[\"getpid\"],\"includes\":{\"arches\":[\"s390x\"]}", ERRNO(EPERM)},
        {"\"names\":[\"getpid\"],\"includes\":{\"arches\":[\"amd64\",\"x86\",\"arm64\",\"arm\",\"riscv64\"]}",
         KIST_SECCOMP_ALLOW},
        {"\"names\":[\"getpid\"],\"excludes\":{\"arches\":[\"amd64\",\"x86\",\"arm64\",\"arm\",\"riscv64\"]}",
         ERRNO(EPERM)},
        {"\"names\":[\"getpid\",\"of_the_future\"],\"comment\":\"x\",\"args\":null", KIST_SECCOMP_ALLOW},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(json) cJSON *seccomp = NULL;
        struct kist_error err = {0};
        char text[400];

        TEST_CASE(rows[i].rule);
        snprintf(
            text, sizeof(text),
            "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":["
            "{\"names\":[\"setxattrat\"],\"action\":\"SCMP_ACT_ALLOW\"},{%s,\"action\":\"SCMP_ACT_ALLOW\"}]}",
            rows[i].rule);
        REQUIRE_OK(kist_seccomp_profile(&seccomp, text, strlen(text), "p.json", &usual, &err), err);
        CHECK_INT(outcome(seccomp, KIST_SYSCALL_getpid, 0), rows[i].want);
    }
    TEST_CASE(NULL);
}

TEST(profiles_architectures)
{
    static const char mapped[] =
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"archMap\":[{\"architecture\":\"SCMP_ARCH_S390X\","
        "\"subArchitectures\":[\"SCMP_ARCH_S390\"]},{\"architecture\":\"%s\",\"subArchitectures\":[\"SCMP_"
        "ARCH_X86\"]}]}";
    KIST_AUTO(json) cJSON *seccomp = NULL;
    struct kist_error err = {0};
    char text[400];

    snprintf(text, sizeof(text), mapped, kist_seccomp_native.archs[0]->name);
    CHECK_OK(kist_seccomp_profile(&seccomp, text, strlen(text), "p.json", &usual, &err), err);
    CHECK_INT(cJSON_GetArraySize(kist_json_array(seccomp, "architectures")), 1);
    CHECK_STR(cJSON_GetArrayItem(kist_json_array(seccomp, "architectures"), 0)->valuestring, "SCMP_ARCH_X86");
}

TEST(a_profile_that_says_nothing_is_none)
{
    KIST_AUTO(json) cJSON *seccomp = NULL;
    struct kist_error err = {0};

    CHECK_OK(kist_seccomp_profile(&seccomp, "{}", 2, "p.json", &usual, &err), err);
    CHECK(seccomp == NULL);
}

TEST(refused_profiles)
{
#define RULES(text) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" text "]}"
    static const struct {
        const char *text;
        int code;
        const char *message;
    } rows[] = {
        {"", KIST_E_USAGE, "it is not JSON at byte 0"},
        {"[]", KIST_E_USAGE, "it is not a JSON object"},
        {"{\"defaultAction\":\"SCMP_ACT_FOO\"}", KIST_E_USAGE, "seccomp: unknown action 'SCMP_ACT_FOO'"},
        {"{\"syscalls\":[{\"names\":[]}]}", KIST_E_USAGE, "seccomp: no 'defaultAction'"},
        {"{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", KIST_E_UNSUPPORTED,
         "seccomp: SCMP_ACT_NOTIFY is not supported: nobody would listen"},
        {"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096}", KIST_E_USAGE,
         "seccomp: 'defaultErrnoRet' is not an error number"},
        {"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"flags\":[\"SECCOMP_FILTER_FLAG_X\"]}", KIST_E_UNSUPPORTED,
         "seccomp: unknown flag 'SECCOMP_FILTER_FLAG_X'"},
        {"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"x86\"]}", KIST_E_UNSUPPORTED,
         "seccomp: unknown architecture 'x86'"},
        {"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86\"],\"archMap\":[{}]}",
         KIST_E_USAGE, "it has both 'architectures' and 'archMap'"},
        {RULES("{\"name\":\"read\",\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\"}"), KIST_E_USAGE,
         "a rule has both 'name' and 'names'"},
        {RULES("{\"action\":\"SCMP_ACT_ALLOW\"}"), KIST_E_USAGE, "seccomp: a rule without 'names'"},
        {RULES("{\"names\":[7],\"action\":\"SCMP_ACT_ALLOW\"}"), KIST_E_USAGE,
         "seccomp: a system call's name is not a string"},
        {RULES("{\"names\":[\"read\"]}"), KIST_E_USAGE, "seccomp: no 'action'"},
        {RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":6,\"op\":\"SCMP_CMP_"
               "EQ\"}]}"),
         KIST_E_USAGE, "seccomp: 'index' of an argument is not 0 ... 5"},
        {RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"op\":\"==\"}]}"),
         KIST_E_USAGE, "seccomp: unknown operator '=='"},
        {RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\","
               "\"args\":[{\"index\":0,\"op\":\"SCMP_CMP_EQ\",\"value\":-1}]}"),
         KIST_E_USAGE, "seccomp: 'value' of an argument is not a whole number 0 ... 2^53"},
        {RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"new\"}}"),
         KIST_E_USAGE, "'minKernel' is 'new', not a version"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(json) cJSON *seccomp = NULL;
        struct kist_error err = {0};
        char want[200];

        TEST_CASE(rows[i].text);
        snprintf(want, sizeof(want), "seccomp profile 'p.json': %s", rows[i].message);
        CHECK_INT(kist_seccomp_profile(&seccomp, rows[i].text, strlen(rows[i].text), "p.json", &usual, &err),
                  rows[i].code);
        CHECK_STR(err.message, want);
        CHECK_INT(err.code, rows[i].code);
    }
    TEST_CASE(NULL);
}

/* Thousands of different rules for one call: refused, not cut. */
TEST(a_filter_the_kernel_would_not_take)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(1U << 20);
    KIST_AUTO(json) cJSON *seccomp = NULL;
    struct kist_error err = {0};

    CHECK_OK(kist_buf_puts(&text, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[", &err), err);
    for (unsigned i = 0; i < 5000; i++) {
        CHECK_OK(kist_buf_printf(&text, &err,
                                 "%s{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\","
                                 "\"args\":[{\"index\":1,\"value\":%u,\"op\":\"SCMP_CMP_EQ\"}]}",
                                 i > 0 ? "," : "", i),
                 err);
    }
    CHECK_OK(kist_buf_puts(&text, "]}", &err), err);
    CHECK_INT(kist_seccomp_profile(&seccomp, text.data, text.len, "p", &usual, &err), KIST_E_UNSUPPORTED);
    CHECK_STR(err.message, "seccomp profile 'p': seccomp: the filter needs more than 4096 instructions");
}

TEST(flags)
{
    static const struct {
        const char *flags;
        unsigned want;
    } rows[] = {{"", PORT_SECCOMP_SPEC_ALLOW},
                {",\"flags\":[]", 0},
                {",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_TSYNC\"]", PORT_SECCOMP_LOG}};

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(seccomp_program) struct kist_seccomp_program program = {0};
        struct kist_error err = {0};
        char text[200];

        TEST_CASE(rows[i].flags);
        snprintf(text, sizeof(text), "{\"defaultAction\":\"SCMP_ACT_ALLOW\"%s}", rows[i].flags);
        KIST_AUTO(json) cJSON *seccomp = cJSON_Parse(text);
        CHECK_OK(kist_seccomp_assemble(&program, seccomp, &err), err);
        CHECK_INT(program.flags, rows[i].want);
    }
    TEST_CASE(NULL);
}

/* In a child under the filter; its exit status says which attempt went wrong. */
static int under_filter(const struct kist_seccomp_program *program)
{
    struct kist_error err = {0};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        port_seccomp_install(program->insns, program->count, program->flags, &err) < 0) {
        return 1;
    }
    if (syscall(SYS_getppid) <= 0) {
        return 2;
    }
    if (unshare(CLONE_NEWUTS) == 0 || errno != EPERM) {
        return 3;
    }
    if (syscall(435, NULL, 0) == 0 || errno != ENOSYS) {
        return 4;
    }
    if (socket(40, SOCK_STREAM, 0) >= 0 || errno != EPERM) {
        return 5;
    }
    if (syscall(4000) == 0 || errno != ENOSYS) {
        return 6;
    }
    return 0;
}

TEST(the_kernel_takes_it)
{
    KIST_AUTO(json) cJSON *seccomp = NULL;
    KIST_AUTO(seccomp_program) struct kist_seccomp_program program = {0};
    struct kist_error err = {0};
    int status = 0;
    pid_t child;

    REQUIRE_OK(kist_seccomp_default(&seccomp, &usual, &err), err);
    REQUIRE_OK(kist_seccomp_assemble(&program, seccomp, &err), err);
    CHECK(program.count < 700);
    if (!port_seccomp_available()) {
        TEST_SKIP("this kernel has no seccomp filters");
    }
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        _exit(under_filter(&program));
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}
