/*
 * Filters judged call by call, for every architecture, against two others: what libseccomp makes of the same
 * OCI object, asked as runc would ask it, and the object itself, read rule by rule. libseccomp has no say on
 * calls newer than the profile, nor where several rules with conditions meet on one call: its tree of them
 * (2.5.4) is wrong for some, so there the object alone decides.
 */
#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf.h"
#include "container/capability.h"
#include "container/seccomp_private.h"
#include "test.h"

extern const struct kist_seccomp_machine kist_seccomp_machines[5];

#define NUMBERS 600U
#define ENOSYS_ERRNO (KIST_SECCOMP_ERRNO | 38U)

static const uint64_t values[] = {
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    37,
    38,
    39,
    40,
    41,
    100,
    0x20000,
    0x20008,
    0x40000,
    0x10000000,
    0x02000000,
    0x7e020000,
    0x81ffffff,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    0x100000000,
    0x100000001,
    0x100000026,
    0x800000000,
    0xffffffff00000000,
    0xffffffffffffff9c,
    UINT64_MAX,
};

static uint32_t token_of(const struct kist_seccomp_arch *arch)
{
    static const struct {
        const char *docker;
        uint32_t token;
    } tokens[] = {{"amd64", SCMP_ARCH_X86_64},  {"x86", SCMP_ARCH_X86}, {"x32", SCMP_ARCH_X32},
                  {"arm64", SCMP_ARCH_AARCH64}, {"arm", SCMP_ARCH_ARM}, {"riscv64", SCMP_ARCH_RISCV64}};

    for (size_t i = 0; i < KIST_COUNT(tokens); i++) {
        if (strcmp(arch->docker, tokens[i].docker) == 0) {
            return tokens[i].token;
        }
    }
    return 0;
}

/* ---- the same object through libseccomp ---- */

static uint32_t action_of(const cJSON *object, const char *member, const char *errno_member)
{
    const char *name = kist_json_string(object, member);
    uint64_t number = 1;

    (void)kist_json_u64(object, errno_member, &number);
    if (strcmp(name, "SCMP_ACT_ERRNO") == 0) {
        return SCMP_ACT_ERRNO((uint16_t)number);
    }
    if (strcmp(name, "SCMP_ACT_TRACE") == 0) {
        return SCMP_ACT_TRACE((uint16_t)number);
    }
    return strcmp(name, "SCMP_ACT_ALLOW") == 0  ? SCMP_ACT_ALLOW
           : strcmp(name, "SCMP_ACT_LOG") == 0  ? SCMP_ACT_LOG
           : strcmp(name, "SCMP_ACT_TRAP") == 0 ? SCMP_ACT_TRAP
           : strcmp(name, "SCMP_ACT_KILL") == 0 ? SCMP_ACT_KILL
                                                : SCMP_ACT_KILL_PROCESS;
}

static struct scmp_arg_cmp compare_of(const cJSON *object)
{
    static const struct {
        const char *name;
        enum scmp_compare op;
    } ops[] = {{"SCMP_CMP_NE", SCMP_CMP_NE},
               {"SCMP_CMP_LT", SCMP_CMP_LT},
               {"SCMP_CMP_LE", SCMP_CMP_LE},
               {"SCMP_CMP_EQ", SCMP_CMP_EQ},
               {"SCMP_CMP_GE", SCMP_CMP_GE},
               {"SCMP_CMP_GT", SCMP_CMP_GT},
               {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
    uint64_t index = 0, value = 0, second = 0;
    struct scmp_arg_cmp cmp = {0};

    (void)kist_json_u64(object, "index", &index);
    (void)kist_json_u64(object, "value", &value);
    (void)kist_json_u64(object, "valueTwo", &second);
    cmp.arg = (unsigned)index;
    cmp.datum_a = value;
    cmp.datum_b = second;
    for (size_t i = 0; i < KIST_COUNT(ops); i++) {
        if (strcmp(ops[i].name, kist_json_string(object, "op")) == 0) {
            cmp.op = ops[i].op;
        }
    }
    return cmp;
}

static int add_rule(scmp_filter_ctx ctx, const cJSON *rule, uint32_t default_action)
{
    uint32_t action = action_of(rule, "action", "errnoRet");
    const cJSON *args = kist_json_array(rule, "args"), *item;
    struct scmp_arg_cmp cmps[6];
    unsigned n = 0;
    int rc = 0;

    if (action == default_action) {
        return 0;
    }
    cJSON_ArrayForEach(item, args)
    {
        cmps[n++] = compare_of(item);
    }
    cJSON_ArrayForEach(item, kist_json_array(rule, "names"))
    {
        int number = seccomp_syscall_resolve_name(item->valuestring);

        if (number != __NR_SCMP_ERROR && rc == 0) {
            rc = seccomp_rule_add_array(ctx, action, number, n, cmps);
        }
    }
    return rc;
}

static struct port_seccomp_insn *theirs(const cJSON *seccomp, const struct kist_seccomp_machine *machine,
                                        size_t *count)
{
    uint32_t default_action = action_of(seccomp, "defaultAction", "defaultErrnoRet");
    scmp_filter_ctx ctx = seccomp_init(default_action);
    int fd = memfd_create("filter", MFD_CLOEXEC), rc = 0;
    struct port_seccomp_insn *program = NULL;
    const cJSON *rule;
    off_t size;

    for (size_t i = 0; i < machine->count && rc == 0; i++) {
        uint32_t token = token_of(machine->archs[i]);

        if (seccomp_arch_exist(ctx, token) == -EEXIST) {
            rc = seccomp_arch_add(ctx, token);
        }
    }
    if (rc == 0 && token_of(machine->archs[0]) != SCMP_ARCH_X86_64) {
        rc = seccomp_arch_remove(ctx, SCMP_ARCH_X86_64);
    }
    cJSON_ArrayForEach(rule, kist_json_array(seccomp, "syscalls"))
    {
        if (rc == 0) {
            rc = add_rule(ctx, rule, default_action);
        }
    }
    if (rc == 0) {
        rc = seccomp_export_bpf(ctx, fd);
    }
    CHECK_INT(rc, 0);
    size = lseek(fd, 0, SEEK_END);
    if (rc == 0 && size > 0 && (program = malloc((size_t)size)) != NULL) {
        CHECK_INT(pread(fd, program, (size_t)size, 0), size);
        *count = (size_t)size / sizeof(*program);
    }
    close(fd);
    seccomp_release(ctx);
    return program;
}

/* ---- what the object itself says ---- */

/* The highest number it names, ARM's private ones aside; the highest there is when it names none of this
 * architecture's calls. */
static uint32_t highest(const cJSON *seccomp, const struct kist_seccomp_arch *arch)
{
    struct kist_syscalls calls;
    const cJSON *rule, *name;
    uint32_t high = 0;
    bool any = false;

    kist_syscalls_init(&calls);
    cJSON_ArrayForEach(rule, kist_json_array(seccomp, "syscalls"))
    {
        cJSON_ArrayForEach(name, kist_json_array(rule, "names"))
        {
            int row = kist_syscalls_find(&calls, name->valuestring);
            uint32_t number = row < 0 ? KIST_SECCOMP_NO_NUMBER : kist_seccomp_number(arch, (unsigned)row);
            uint32_t plain = number & ~KIST_SECCOMP_X32_BIT;

            any = any || number != KIST_SECCOMP_NO_NUMBER;
            high = plain < KIST_SECCOMP_ARM_PRIVATE && plain > high ? plain : high;
        }
    }
    return any ? high : UINT32_MAX;
}

static bool holds(const cJSON *condition, const struct kist_seccomp_arch *arch, const uint64_t *arguments)
{
    const char *op = kist_json_string(condition, "op");
    uint64_t mask = arch->wide ? UINT64_MAX : UINT32_MAX, index = 0, value = 0, second = 0, argument;

    (void)kist_json_u64(condition, "index", &index);
    (void)kist_json_u64(condition, "value", &value);
    (void)kist_json_u64(condition, "valueTwo", &second);
    argument = arguments[index] & mask;
    value &= mask;
    second &= mask;
    if (strcmp(op, "SCMP_CMP_MASKED_EQ") == 0) {
        return (argument & value) == second;
    }
    return strcmp(op, "SCMP_CMP_NE") == 0   ? argument != value
           : strcmp(op, "SCMP_CMP_LT") == 0 ? argument < value
           : strcmp(op, "SCMP_CMP_LE") == 0 ? argument <= value
           : strcmp(op, "SCMP_CMP_EQ") == 0 ? argument == value
           : strcmp(op, "SCMP_CMP_GE") == 0 ? argument >= value
                                            : argument > value;
}

/* A rule that is about a number: of the call it names, or of i386's detour to it. */
struct claim {
    const cJSON *rule;
    uint32_t number;
    uint32_t action;
    const struct kist_seccomp_detour *way; /* NULL: the call itself */
};

struct claims {
    struct claim v[4096];
    size_t n;
};

static void add_claims(struct claims *claims, const cJSON *rule, uint32_t default_action,
                       const struct kist_seccomp_arch *arch, const struct kist_syscalls *calls)
{
    uint32_t action = action_of(rule, "action", "errnoRet");
    const cJSON *name;

    cJSON_ArrayForEach(name, kist_json_array(rule, "names"))
    {
        int row = kist_syscalls_find(calls, name->valuestring);
        const struct kist_seccomp_detour *way =
            row < 0 || !arch->i386 ? NULL : kist_seccomp_detour((unsigned)row);

        if (row < 0 || action == default_action || claims->n + 2 > KIST_COUNT(claims->v)) {
            continue;
        }
        if (kist_seccomp_number(arch, (unsigned)row) != KIST_SECCOMP_NO_NUMBER) {
            claims->v[claims->n++] =
                (struct claim){rule, kist_seccomp_number(arch, (unsigned)row), action, NULL};
        }
        if (way) {
            claims->v[claims->n++] = (struct claim){rule, kist_seccomp_number(arch, way->via), action, way};
        }
    }
}

static bool claim_holds(const struct claim *c, const struct kist_seccomp_arch *arch,
                        const uint64_t *arguments)
{
    const cJSON *condition, *conditions = kist_json_array(c->rule, "args");

    if (c->way) {
        return (arguments[0] & c->way->condition.mask) == c->way->condition.value &&
               (cJSON_GetArraySize(conditions) == 0 || !kist_seccomp_lets_through(c->action));
    }
    cJSON_ArrayForEach(condition, conditions)
    {
        if (!holds(condition, arch, arguments)) {
            return false;
        }
    }
    return true;
}

/* What the object says of a call: the first rule without conditions, else the first whose conditions hold,
 * else otherwise. */
static uint32_t verdict(const struct claims *claims, const struct kist_seccomp_arch *arch,
                        const struct bpf_data *data, uint32_t otherwise)
{
    const struct claim *holding = NULL;

    for (size_t i = 0; i < claims->n; i++) {
        const struct claim *c = &claims->v[i];

        if (!c->way && cJSON_GetArraySize(kist_json_array(c->rule, "args")) == 0) {
            return c->action;
        }
        if (!holding && claim_holds(c, arch, data->arguments)) {
            holding = c;
        }
    }
    return holding ? holding->action : otherwise;
}

/* This libseccomp is older than our table and has no rule for the call. */
static bool unknown_to_them(const struct kist_seccomp_arch *arch, uint32_t number)
{
    char *name = seccomp_syscall_resolve_num_arch(token_of(arch), (int)number);
    bool unknown = name == NULL;

    free(name);
    return unknown;
}

/* ---- call by call ---- */

struct both {
    struct kist_seccomp_program ours;
    struct port_seccomp_insn *theirs; /* NULL: not asked */
    size_t theirs_count;
    uint32_t default_action, unknown; /* the second for calls above the highest */
    uint32_t high;
    struct claims all, some; /* of one architecture, of one number */
    unsigned compared, compared_theirs;
    int differences;
};

static void judge(struct both *b, const struct kist_seccomp_arch *arch, const struct bpf_data *data,
                  bool with_theirs)
{
    uint32_t plain = data->number & ~KIST_SECCOMP_X32_BIT, got = bpf_run(b->ours.insns, b->ours.count, data);
    uint32_t want =
        verdict(&b->some, arch, data, plain > b->high && b->some.n == 0 ? b->unknown : b->default_action);
    uint32_t other = with_theirs ? bpf_run(b->theirs, b->theirs_count, data) : want;

    b->compared++;
    b->compared_theirs += with_theirs;
    if ((got != want || got != other) && b->differences++ < 5) {
        test_fail(__FILE__, __LINE__, "%s %u (0x%llx, 0x%llx, 0x%llx): 0x%x; object: 0x%x, libseccomp: 0x%x",
                  arch->docker, plain, (unsigned long long)data->arguments[0],
                  (unsigned long long)data->arguments[1], (unsigned long long)data->arguments[2], got, want,
                  other);
    }
}

static void judge_number(struct both *b, const struct kist_seccomp_arch *arch, uint32_t number)
{
    uint64_t mask = arch->wide ? UINT64_MAX : UINT32_MAX;
    bool with_theirs;

    b->some.n = 0;
    for (size_t i = 0; i < b->all.n; i++) {
        if (b->all.v[i].number == number) {
            b->some.v[b->some.n++] = b->all.v[i];
        }
    }
    with_theirs = b->theirs && ((number & ~KIST_SECCOMP_X32_BIT) <= b->high || b->some.n > 0) &&
                  !unknown_to_them(arch, number);
    for (size_t v = 0; v < KIST_COUNT(values); v++) {
        struct bpf_data data = {.number = number, .arch = arch->audit};

        for (size_t i = 0; i < 6; i++) {
            data.arguments[i] = values[v] & mask;
        }
        judge(b, arch, &data, with_theirs);
        for (size_t i = 0; i < 6; i++) {
            data.arguments[i] = values[(v * (i + 1) + i) % KIST_COUNT(values)] & mask;
        }
        judge(b, arch, &data, with_theirs);
        memset(data.arguments, 0, sizeof(data.arguments));
        data.arguments[v % 6] = values[(v / 6 * 5 + 3) % KIST_COUNT(values)] & mask;
        judge(b, arch, &data, with_theirs);
    }
}

static void judge_arch(struct both *b, const cJSON *seccomp, const struct kist_seccomp_arch *arch)
{
    uint32_t base = arch->x32 ? KIST_SECCOMP_X32_BIT : 0;
    struct kist_syscalls calls;
    const cJSON *rule;

    kist_syscalls_init(&calls);
    b->high = highest(seccomp, arch);
    b->all.n = 0;
    cJSON_ArrayForEach(rule, kist_json_array(seccomp, "syscalls"))
    {
        add_claims(&b->all, rule, b->default_action, arch, &calls);
    }
    for (uint32_t number = 0; number < NUMBERS; number++) {
        judge_number(b, arch, base | number);
    }
    for (uint32_t number = KIST_SECCOMP_ARM_PRIVATE; number < KIST_SECCOMP_ARM_PRIVATE + 16; number++) {
        judge_number(b, arch, base | number);
    }
    judge_number(b, arch, UINT32_MAX);
}

static void compare(const cJSON *seccomp, const struct kist_seccomp_machine *machine, bool with_theirs)
{
    static struct both b;
    struct kist_error err = {0};
    cJSON *copy = cJSON_Duplicate(seccomp, true), *archs;

    memset(&b, 0, sizeof(b));
    b.default_action = action_of(seccomp, "defaultAction", "defaultErrnoRet");
    b.unknown = kist_seccomp_lets_through(b.default_action) ? b.default_action : ENOSYS_ERRNO;
    cJSON_DeleteItemFromObject(copy, "architectures");
    archs = cJSON_AddArrayToObject(copy, "architectures");
    for (size_t i = 0; i < machine->count; i++) {
        cJSON_AddItemToArray(archs, cJSON_CreateString(machine->archs[i]->name));
    }
    CHECK_OK(kist_seccomp_assemble_for(&b.ours, copy, machine, &err), err);
    b.theirs = with_theirs ? theirs(seccomp, machine, &b.theirs_count) : NULL;
    CHECK(!b.theirs == !with_theirs);
    for (size_t i = 0; i < machine->count && b.ours.insns; i++) {
        judge_arch(&b, seccomp, machine->archs[i]);
    }
    CHECK(b.compared > NUMBERS);
    free(b.theirs);
    kist_seccomp_program_release(&b.ours);
    cJSON_Delete(copy);
}

static void compare_all(const cJSON *seccomp, const char *label, bool with_theirs)
{
    char text[200];

    for (size_t i = 0; i < KIST_COUNT(kist_seccomp_machines); i++) {
        snprintf(text, sizeof(text), "%s: %s", kist_seccomp_machines[i].archs[0]->docker, label);
        TEST_CASE(text);
        compare(seccomp, &kist_seccomp_machines[i], with_theirs);
    }
    TEST_CASE(NULL);
}

TEST(numbers)
{
    struct kist_syscalls calls;
    unsigned known = 0;

    kist_syscalls_init(&calls);
    for (size_t m = 0; m < KIST_COUNT(kist_seccomp_machines); m++) {
        for (size_t i = 0; i < kist_seccomp_machines[m].count; i++) {
            const struct kist_seccomp_arch *arch = kist_seccomp_machines[m].archs[i];

            TEST_CASE(arch->name);
            for (unsigned row = 0; row < KIST_SYSCALL_COUNT; row++) {
                uint32_t ours = kist_seccomp_number(arch, row);
                char *name = ours == KIST_SECCOMP_NO_NUMBER
                                 ? NULL
                                 : seccomp_syscall_resolve_num_arch(token_of(arch), (int)ours);

                if (name) {
                    CHECK_STR(kist_syscalls_name(&calls, row), name);
                    known++;
                }
                free(name);
            }
        }
    }
    TEST_CASE(NULL);
    CHECK(known > 8 * 300);
}

TEST(default_profile)
{
    static const struct {
        const char *label;
        struct kist_seccomp_facts facts;
    } rows[] = {
        {"Docker's capabilities", {KIST_CAPABILITY_DEFAULT, 6, 1}},
        {"none, 4.4", {0, 4, 4}},
        {"all", {KIST_CAPABILITY_ALL, 5, 10}},
        {"SYS_ADMIN", {KIST_CAPABILITY_BIT(KIST_CAP_SYS_ADMIN), 4, 8}},
        {"SYS_PTRACE, SYS_TIME",
         {KIST_CAPABILITY_BIT(KIST_CAP_SYS_PTRACE) | KIST_CAPABILITY_BIT(KIST_CAP_SYS_TIME), 4, 7}},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(json) cJSON *seccomp = NULL;
        struct kist_error err = {0};

        REQUIRE_OK(kist_seccomp_default(&seccomp, &rows[i].facts, &err), err);
        compare_all(seccomp, rows[i].label, true);
    }
}

TEST(hand_written_profiles)
{
#define RULE(names, action, args)                                                                            \
    "{\"names\":[" names "],\"action\":\"SCMP_ACT_" action "\",\"args\":[" args "]}"
#define ARG(index, op, value) "{\"index\":" #index ",\"op\":\"SCMP_CMP_" #op "\",\"value\":" #value "}"
    static const char *const rows[] = {
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" RULE("\"open\",\"openat\",\"setxattrat\"",
                                                                    "ERRNO", "") "]}",
        "{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[" RULE("\"read\",\"write\",\"exit\"", "ALLOW",
                                                                   "") "]}",
        "{\"defaultAction\":\"SCMP_ACT_TRAP\",\"syscalls\":[" RULE("\"mmap\"", "LOG", ARG(2, NE, 7)) "]}",
        "{\"defaultAction\":\"SCMP_ACT_LOG\",\"syscalls\":[" RULE("\"prctl\"", "KILL_PROCESS",
                                                                  ARG(0, GE, 38)) "]}",
        /* without conditions wins, whichever comes first */
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" RULE(
            "\"read\"", "TRAP", ARG(0, EQ, 1)) "," RULE("\"read\"", "ALLOW",
                                                        "") "," RULE("\"write\"", "ALLOW",
                                                                     "") "," RULE("\"write\"", "TRAP",
                                                                                  ARG(0, EQ, 1)) "]}",
        /* all of several conditions */
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":5,\"syscalls\":[" RULE(
            "\"ioctl\",\"mprotect\"", "ALLOW", ARG(0, GT, 2) "," ARG(1, LE, 41) "," ARG(2, NE, 8)) "]}",
        /* what is said anyway hides nothing */
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" RULE("\"read\"", "ALLOW", "") "," RULE(
            "\"read\"", "ERRNO", ARG(0, LT, 38)) "]}",
        /* only on the detours of i386 */
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" RULE("\"accept\",\"send\",\"recv\"", "ERRNO",
                                                                    "") "]}",
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(json) cJSON *seccomp = cJSON_Parse(rows[i]);

        REQUIRE(seccomp);
        compare_all(seccomp, rows[i], true);
    }
}

static uint32_t random_below(uint32_t bound)
{
    static uint64_t state = 88172645463325252U;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % bound;
}

static const char *const ops[] = {"NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"};

/* A rule for one call, perhaps with conditions on different arguments. */
static cJSON *random_rule(const char *name, const char *action)
{
    cJSON *rule = cJSON_CreateObject(), *args = NULL;
    unsigned first = random_below(6), conditions = random_below(4);

    cJSON_AddItemToObject(rule, "names", cJSON_CreateStringArray(&name, 1));
    cJSON_AddStringToObject(rule, "action", action);
    args = cJSON_AddArrayToObject(rule, "args");
    for (unsigned i = 0; i < conditions; i++) {
        cJSON *arg = cJSON_CreateObject();
        const char *op = ops[random_below(KIST_COUNT(ops))];
        /* numbers that JSON holds exactly */
        uint64_t value = values[random_below(KIST_COUNT(values) - 3)];
        char whole[32];

        snprintf(whole, sizeof(whole), "SCMP_CMP_%s", op);
        cJSON_AddStringToObject(arg, "op", whole);
        cJSON_AddNumberToObject(arg, "index", (first + i) % 6);
        cJSON_AddNumberToObject(arg, "value", (double)value);
        if (strcmp(op, "MASKED_EQ") == 0) {
            cJSON_AddNumberToObject(arg, "valueTwo",
                                    (double)(value & values[random_below(KIST_COUNT(values) - 3)]));
        }
        cJSON_AddItemToArray(args, arg);
    }
    return rule;
}

/* Calls with one rule each, and calls with several that may differ in action. */
static void random_profiles(unsigned rounds, unsigned rules_each)
{
    static const char *const actions[] = {"SCMP_ACT_ALLOW", "SCMP_ACT_TRAP", "SCMP_ACT_KILL_PROCESS",
                                          "SCMP_ACT_LOG"};
    struct kist_syscalls calls;

    kist_syscalls_init(&calls);
    for (unsigned round = 0; round < rounds; round++) {
        KIST_AUTO(json) cJSON *seccomp = cJSON_CreateObject();
        cJSON *rules = NULL;
        char label[32];

        cJSON_AddStringToObject(seccomp, "defaultAction", "SCMP_ACT_ERRNO");
        rules = cJSON_AddArrayToObject(seccomp, "syscalls");
        for (unsigned row = random_below(4); row < KIST_SYSCALL_COUNT; row += 1 + random_below(20)) {
            if (rules_each == 1 &&
                (row == KIST_SYSCALL_socketcall || row == KIST_SYSCALL_ipc || kist_seccomp_detour(row))) {
                continue; /* where we are stricter than libseccomp */
            }
            for (unsigned i = random_below(rules_each); i < rules_each; i++) {
                cJSON_AddItemToArray(rules, random_rule(kist_syscalls_name(&calls, row),
                                                        actions[random_below(KIST_COUNT(actions))]));
            }
        }
        snprintf(label, sizeof(label), "round %u", round);
        compare_all(seccomp, label, rules_each == 1);
    }
}

TEST(random_single_rules)
{
    random_profiles(20, 1);
}

TEST(random_several_rules)
{
    random_profiles(20, 4);
}
