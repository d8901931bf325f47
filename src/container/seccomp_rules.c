/* The OCI object `linux.seccomp` (config-linux.md), read for one machine. */
#include <stdlib.h>
#include <string.h>

#include "container/seccomp_private.h"

#define EPERM_NUMBER 1
#define ERRNO_MAX 4095 /* the kernel's */
#define ARGUMENTS 6

/* Those with data take an errno. */
static const struct {
    const char *name;
    uint32_t value;
    bool data;
} actions[] = {
    {"SCMP_ACT_KILL", KIST_SECCOMP_KILL_THREAD, false},
    {"SCMP_ACT_KILL_THREAD", KIST_SECCOMP_KILL_THREAD, false},
    {"SCMP_ACT_KILL_PROCESS", KIST_SECCOMP_KILL_PROCESS, false},
    {"SCMP_ACT_TRAP", KIST_SECCOMP_TRAP, false},
    {"SCMP_ACT_ERRNO", KIST_SECCOMP_ERRNO, true},
    {"SCMP_ACT_TRACE", KIST_SECCOMP_TRACE, true},
    {"SCMP_ACT_LOG", KIST_SECCOMP_LOG, false},
    {"SCMP_ACT_ALLOW", KIST_SECCOMP_ALLOW, false},
};

/* In the order of enum kist_seccomp_op. */
static const char *const operators[] = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",       "SCMP_CMP_EQ",
                                        "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"};

static int parse_action(uint32_t *value, const cJSON *object, const char *member, const char *errno_member,
                        struct kist_error *err)
{
    const char *name = kist_json_string(object, member);
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, errno_member);
    uint64_t data = EPERM_NUMBER;

    if (!name) {
        return kist_error_set(err, KIST_E_CORRUPT, "seccomp: no '%s'", member);
    }
    if (strcmp(name, "SCMP_ACT_NOTIFY") == 0) {
        return kist_error_set(err, KIST_E_UNSUPPORTED,
                              "seccomp: SCMP_ACT_NOTIFY is not supported: nobody would listen");
    }
    if (number && !cJSON_IsNull(number) &&
        (!kist_json_u64(object, errno_member, &data) || data > ERRNO_MAX)) {
        return kist_error_set(err, KIST_E_CORRUPT, "seccomp: '%s' is not an error number", errno_member);
    }
    for (size_t i = 0; i < KIST_COUNT(actions); i++) {
        if (strcmp(name, actions[i].name) == 0) {
            *value = actions[i].value | (actions[i].data ? (uint32_t)data : 0);
            return 0;
        }
    }
    return kist_error_set(err, KIST_E_CORRUPT, "seccomp: unknown action '%s'", name);
}

/* A value of an argument: JSON numbers are exact up to 2^53 only. Absent is 0. */
static int parse_value(uint64_t *value, const cJSON *object, const char *member, struct kist_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, member);

    *value = 0;
    if (item && !cJSON_IsNull(item) && !kist_json_u64(object, member, value)) {
        return kist_error_set(err, KIST_E_CORRUPT,
                              "seccomp: '%s' of an argument is not a whole number 0 ... 2^53", member);
    }
    return 0;
}

static int parse_condition(struct kist_seccomp_condition *c, const cJSON *object, struct kist_error *err)
{
    const char *name = kist_json_string(object, "op");
    uint64_t index, value, second;
    size_t op = 0;
    int rc;

    if (!kist_json_u64(object, "index", &index) || index >= ARGUMENTS) {
        return kist_error_set(err, KIST_E_CORRUPT, "seccomp: 'index' of an argument is not 0 ... %d",
                              ARGUMENTS - 1);
    }
    while (name && op < KIST_COUNT(operators) && strcmp(name, operators[op]) != 0) {
        op++;
    }
    if (!name || op == KIST_COUNT(operators)) {
        return kist_error_set(err, KIST_E_CORRUPT, "seccomp: unknown operator '%s'", name ? name : "");
    }
    rc = parse_value(&value, object, "value", err);
    if (rc == 0) {
        rc = parse_value(&second, object, "valueTwo", err);
    }
    if (rc < 0) {
        return rc;
    }
    *c = (struct kist_seccomp_condition){
        .argument = (uint8_t)index, .op = (uint8_t)op, .value = value, .mask = UINT64_MAX};
    if (op == KIST_SECCOMP_MASKED_EQ) {
        c->mask = value;
        c->value = second;
    }
    return 0;
}

/* More conditions on one argument than one can hold together: runc takes each as a rule of its own, and so do
 * we. */
static int parse_conditions(struct kist_seccomp_entry *e, const cJSON *object, struct kist_error *err)
{
    const cJSON *item, *args = kist_json_array(object, "args");
    unsigned seen = 0;

    cJSON_ArrayForEach(item, args)
    {
        struct kist_seccomp_condition *c = &e->conditions[e->condition_count];
        int rc;

        if (e->condition_count == KIST_COUNT(e->conditions)) {
            return kist_error_set(err, KIST_E_CORRUPT, "seccomp: more than %zu 'args' in one rule",
                                  KIST_COUNT(e->conditions));
        }
        rc = parse_condition(c, item, err);
        if (rc < 0) {
            return rc;
        }
        e->alternatives = e->alternatives || (seen & 1U << c->argument) != 0;
        seen |= 1U << c->argument;
        e->condition_count++;
    }
    return 0;
}

static int parse_entry(struct kist_seccomp_entry *e, const cJSON *object, struct kist_error *err)
{
    const cJSON *name;
    int rc;

    *e = (struct kist_seccomp_entry){.names = kist_json_array(object, "names")};
    if (!e->names) {
        return kist_error_set(err, KIST_E_CORRUPT, "seccomp: a rule without 'names'");
    }
    cJSON_ArrayForEach(name, e->names)
    {
        if (!cJSON_IsString(name)) {
            return kist_error_set(err, KIST_E_CORRUPT, "seccomp: a system call's name is not a string");
        }
        e->row_count++;
    }
    rc = parse_action(&e->action, object, "action", "errnoRet", err);
    return rc < 0 ? rc : parse_conditions(e, object, err);
}

static int parse_entries(struct kist_seccomp_filter *f, const cJSON *seccomp, struct kist_error *err)
{
    const cJSON *item, *array = kist_json_array(seccomp, "syscalls");
    int count = cJSON_GetArraySize(array);

    if (count == 0) {
        return 0;
    }
    f->entries = calloc((size_t)count, sizeof(*f->entries));
    if (!f->entries) {
        return kist_error_nomem(err);
    }
    cJSON_ArrayForEach(item, array)
    {
        int rc = parse_entry(&f->entries[f->entry_count], item, err);

        if (rc < 0) {
            return rc;
        }
        f->entry_count++;
    }
    return 0;
}

/* Once for all architectures. */
static int find_rows(struct kist_seccomp_filter *f, struct kist_error *err)
{
    struct kist_syscalls calls;
    const cJSON *name;
    size_t n = 0;

    for (size_t i = 0; i < f->entry_count; i++) {
        n += f->entries[i].row_count;
    }
    f->rows = calloc(n + 1, sizeof(*f->rows));
    if (!f->rows) {
        return kist_error_nomem(err);
    }
    kist_syscalls_init(&calls);
    n = 0;
    for (size_t i = 0; i < f->entry_count; i++) {
        cJSON_ArrayForEach(name, f->entries[i].names)
        {
            f->rows[n++] = (int16_t)kist_syscalls_find(&calls, name->valuestring);
        }
    }
    return 0;
}

/* The machine's own architecture is always filtered; what it cannot run does not matter. */
static int parse_archs(struct kist_seccomp_filter *f, const cJSON *seccomp,
                       const struct kist_seccomp_machine *machine, struct kist_error *err)
{
    const cJSON *item, *array = kist_json_array(seccomp, "architectures");

    f->archs[0] = true;
    cJSON_ArrayForEach(item, array)
    {
        const char *name = cJSON_GetStringValue(item);

        if (!name || strncmp(name, "SCMP_ARCH_", 10) != 0) {
            return kist_error_set(err, KIST_E_UNSUPPORTED, "seccomp: unknown architecture '%s'",
                                  name ? name : "");
        }
        for (size_t i = 0; i < machine->count && i < KIST_COUNT(f->archs); i++) {
            f->archs[i] = f->archs[i] || strcmp(name, machine->archs[i]->name) == 0;
        }
    }
    return 0;
}

/* Without a list, runc's choice: no mitigation that makes everything slower. One thread installs the filter:
 * TSYNC is moot. */
static int parse_flags(struct kist_seccomp_filter *f, const cJSON *seccomp, struct kist_error *err)
{
    static const struct {
        const char *name;
        unsigned flag;
    } flags[] = {
        {"SECCOMP_FILTER_FLAG_LOG", PORT_SECCOMP_LOG},
        {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", PORT_SECCOMP_SPEC_ALLOW},
        {"SECCOMP_FILTER_FLAG_TSYNC", 0},
        {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 0},
    };
    const cJSON *item, *array = kist_json_array(seccomp, "flags");

    f->flags = array ? 0 : PORT_SECCOMP_SPEC_ALLOW;
    cJSON_ArrayForEach(item, array)
    {
        const char *name = cJSON_GetStringValue(item);
        size_t i = 0;

        while (name && i < KIST_COUNT(flags) && strcmp(name, flags[i].name) != 0) {
            i++;
        }
        if (!name || i == KIST_COUNT(flags)) {
            return kist_error_set(err, KIST_E_UNSUPPORTED, "seccomp: unknown flag '%s'", name ? name : "");
        }
        f->flags |= flags[i].flag;
    }
    return 0;
}

int kist_seccomp_filter_parse(struct kist_seccomp_filter *f, const cJSON *seccomp,
                              const struct kist_seccomp_machine *machine, struct kist_error *err)
{
    int rc;

    *f = (struct kist_seccomp_filter){0};
    rc = parse_action(&f->default_action, seccomp, "defaultAction", "defaultErrnoRet", err);
    if (rc == 0) {
        rc = parse_archs(f, seccomp, machine, err);
    }
    if (rc == 0) {
        rc = parse_flags(f, seccomp, err);
    }
    rc = rc < 0 ? rc : parse_entries(f, seccomp, err);
    return rc < 0 ? rc : find_rows(f, err);
}

void kist_seccomp_filter_release(struct kist_seccomp_filter *f)
{
    free(f->entries);
    free(f->rows);
    *f = (struct kist_seccomp_filter){0};
}

static int add_rule(struct kist_seccomp_rules *rules, struct kist_seccomp_rule rule, struct kist_error *err)
{
    if (rules->n == rules->size) {
        size_t size = rules->size ? 2 * rules->size : 512;
        struct kist_seccomp_rule *v = realloc(rules->v, size * sizeof(*v));

        if (!v) {
            return kist_error_nomem(err);
        }
        rules->v = v;
        rules->size = size;
    }
    rule.order = (uint32_t)rules->n;
    rules->v[rules->n++] = rule;
    return 0;
}

/* An entry's rules for one call. */
static int add_call(struct kist_seccomp_rules *rules, const struct kist_seccomp_entry *e, uint32_t number,
                    struct kist_error *err)
{
    struct kist_seccomp_rule rule = {.number = number, .action = e->action, .conditions = e->conditions};
    int rc = 0;

    if (!e->alternatives) {
        rule.condition_count = e->condition_count;
        return add_rule(rules, rule, err);
    }
    rule.condition_count = 1;
    for (size_t i = 0; i < e->condition_count && rc == 0; i++) {
        rule.conditions = e->conditions + i;
        rc = add_rule(rules, rule, err);
    }
    return rc;
}

/* On the detour a call's own arguments are out of sight: what allows some of them allows nothing there, what
 * denies some denies all. */
static int add_detour(struct kist_seccomp_rules *rules, const struct kist_seccomp_entry *e,
                      const struct kist_seccomp_arch *arch, unsigned row, struct kist_error *err)
{
    const struct kist_seccomp_detour *detour = arch->i386 ? kist_seccomp_detour(row) : NULL;

    if (!detour || (e->condition_count > 0 && kist_seccomp_lets_through(e->action))) {
        return 0;
    }
    return add_rule(rules,
                    (struct kist_seccomp_rule){.number = kist_seccomp_number(arch, detour->via),
                                               .action = e->action,
                                               .conditions = &detour->condition,
                                               .condition_count = 1},
                    err);
}

/* runc passes over rules that say what is done anyway; so do we, or they would hide others. */
static int add_entry(struct kist_seccomp_rules *rules, const struct kist_seccomp_filter *f,
                     const struct kist_seccomp_entry *e, const int16_t *rows,
                     const struct kist_seccomp_arch *arch, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < e->row_count; i++) {
        const int row = rows[i];
        uint32_t number = row < 0 ? KIST_SECCOMP_NO_NUMBER : kist_seccomp_number(arch, (unsigned)row);

        if (row >= 0 && e->action != f->default_action) {
            rc = add_detour(rules, e, arch, (unsigned)row, err);
        }
        if (rc == 0 && number != KIST_SECCOMP_NO_NUMBER) {
            bool private = number >= KIST_SECCOMP_ARM_PRIVATE && number < KIST_SECCOMP_X32_BIT;

            rules->highest = private ? rules->highest : KIST_MAX(rules->highest, number);
            rules->any = true;
            rc = e->action == f->default_action ? 0 : add_call(rules, e, number, err);
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct kist_seccomp_rule *a = left, *b = right;

    if (a->number != b->number) {
        return a->number < b->number ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

int kist_seccomp_filter_rules(struct kist_seccomp_rules *rules, const struct kist_seccomp_filter *f,
                              const struct kist_seccomp_arch *arch, struct kist_error *err)
{
    const int16_t *rows = f->rows;

    rules->n = 0;
    rules->any = false;
    rules->highest = 0;
    for (size_t i = 0; i < f->entry_count; i++) {
        int rc = add_entry(rules, f, &f->entries[i], rows, arch, err);

        if (rc < 0) {
            return rc;
        }
        rows += f->entries[i].row_count;
    }
    if (rules->n > 0) {
        qsort(rules->v, rules->n, sizeof(*rules->v), compare);
    }
    return 0;
}
