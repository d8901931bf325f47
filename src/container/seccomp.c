/*
 * Rules -> program. What a call leads to changes rarely from one number to the next, so the numbers are cut
 * into ranges, and a binary search over them costs eight comparisons where a list costs hundreds.
 */
#include "container/seccomp.h"

#include <stdlib.h>
#include <string.h>

#include "container/seccomp_private.h"

#define ENOSYS_NUMBER 38U

/* struct seccomp_data: nr, arch, instruction pointer, six arguments of eight bytes. */
#define DATA_NUMBER 0U
#define DATA_ARCH 4U
#define DATA_ARGUMENTS 16U
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LOW_WORD 4U
#define HIGH_WORD 0U
#else
#define LOW_WORD 0U
#define HIGH_WORD 4U
#endif

/* System calls from start to the next range's start. */
struct range {
    uint32_t start;
    uint32_t action;                       /* when rules is NULL or none of them holds */
    const struct kist_seccomp_rule *rules; /* all with conditions */
    size_t rule_count;
};

struct assembly {
    const struct kist_seccomp_filter *filter;
    const struct kist_seccomp_arch *arch; /* this one now; what it needs of memory serves the next */
    struct kist_seccomp_code *code;
    struct kist_seccomp_rules rules;
    struct range *ranges;
    size_t range_count, range_room;
};

/* One word of the argument: equal, or above, or below; then yes, or no, or what decides further. */
static size_t compare_word(struct assembly *a, const struct kist_seccomp_condition *c, uint32_t half,
                           enum kist_seccomp_jump jump, size_t yes, size_t no)
{
    uint32_t shift = half == HIGH_WORD ? 32 : 0, mask = (uint32_t)(c->mask >> shift);
    size_t label = kist_seccomp_code_jump(a->code, jump, (uint32_t)(c->value >> shift), yes, no);

    if (mask != UINT32_MAX) {
        (void)kist_seccomp_code_and(a->code, mask);
    }
    label = kist_seccomp_code_load(a->code, DATA_ARGUMENTS + 8U * c->argument + half);
    return label;
}

/* c holds: yes, else no. Code where the arguments have 32 bits looks at those only, as libseccomp does. */
static size_t put_condition(struct assembly *a, const struct kist_seccomp_condition *c, size_t yes, size_t no)
{
    static const struct {
        enum kist_seccomp_jump low; /* of the low words, when the high ones are the same */
        bool ordered;               /* the high word may decide alone */
        bool negated;
    } ways[] = {
        [KIST_SECCOMP_NE] = {KIST_SECCOMP_JEQ, false, true},
        [KIST_SECCOMP_LT] = {KIST_SECCOMP_JGE, true, true},
        [KIST_SECCOMP_LE] = {KIST_SECCOMP_JGT, true, true},
        [KIST_SECCOMP_EQ] = {KIST_SECCOMP_JEQ, false, false},
        [KIST_SECCOMP_GE] = {KIST_SECCOMP_JGE, true, false},
        [KIST_SECCOMP_GT] = {KIST_SECCOMP_JGT, true, false},
        [KIST_SECCOMP_MASKED_EQ] = {KIST_SECCOMP_JEQ, false, false},
    };
    size_t when = ways[c->op].negated ? no : yes, otherwise = ways[c->op].negated ? yes : no, label;

    label = compare_word(a, c, LOW_WORD, ways[c->op].low, when, otherwise);
    if (!a->arch->wide || (c->mask >> 32 == 0 && c->value >> 32 == 0)) {
        return label;
    }
    if (!ways[c->op].ordered) {
        return compare_word(a, c, HIGH_WORD, KIST_SECCOMP_JEQ, label, otherwise);
    }
    label = kist_seccomp_code_jump(a->code, KIST_SECCOMP_JEQ, (uint32_t)(c->value >> 32), label, otherwise);
    return compare_word(a, c, HIGH_WORD, KIST_SECCOMP_JGT, when, label);
}

/* What is to be done in a range, rule after rule; written from the last. */
static size_t put_range(struct assembly *a, const struct range *r)
{
    size_t label = kist_seccomp_code_return(a->code, r->action);

    for (size_t i = r->rule_count; i-- > 0;) {
        const struct kist_seccomp_rule *rule = &r->rules[i];
        size_t no = label, yes = kist_seccomp_code_return(a->code, rule->action);

        for (size_t k = rule->condition_count; k-- > 0;) {
            yes = put_condition(a, &rule->conditions[k], yes, no);
        }
        label = yes;
    }
    return label;
}

/* The search among ranges low ... high - 1. */
static size_t put_search(struct assembly *a, size_t low, size_t high)
{
    size_t middle = low + (high - low) / 2, above, below;

    if (high - low == 1) {
        return put_range(a, &a->ranges[low]);
    }
    above = put_search(a, middle, high);
    below = put_search(a, low, middle);
    return kist_seccomp_code_jump(a->code, KIST_SECCOMP_JGE, a->ranges[middle].start, above, below);
}

/* Adds a range, or lets the one before it go on. */
static void add_range(struct assembly *a, struct range r)
{
    struct range *last = a->range_count > 0 ? &a->ranges[a->range_count - 1] : NULL;

    if (last && last->start == r.start) {
        a->range_count--;
        last = a->range_count > 0 ? last - 1 : NULL;
    }
    if (!last || last->rule_count > 0 || r.rule_count > 0 || last->action != r.action) {
        a->ranges[a->range_count++] = r;
    }
}

/* What the rules v ... of one number come to: the first without conditions decides, wherever it stands; else
 * all in their order. */
static struct range range_of(const struct assembly *a, const struct kist_seccomp_rule *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i].condition_count == 0) {
            return (struct range){.start = v->number, .action = v[i].action};
        }
    }
    return (struct range){
        .start = v->number, .action = a->filter->default_action, .rules = v, .rule_count = n};
}

/*
 * Calls above all that the profile names came after it was written: who made it could not deny them. They are
 * absent (ENOSYS), so that programs fall back on what they used before, unless the default lets them through.
 */
static uint32_t action_of_unknown(const struct kist_seccomp_filter *f, const struct kist_seccomp_rules *rules)
{
    return kist_seccomp_lets_through(f->default_action) || !rules->any ? f->default_action
                                                                       : KIST_SECCOMP_ERRNO | ENOSYS_NUMBER;
}

static int make_ranges(struct assembly *a, struct kist_error *err)
{
    const struct kist_seccomp_rules *rules = &a->rules;
    uint32_t base = a->arch->x32 ? KIST_SECCOMP_X32_BIT : 0, unknown = action_of_unknown(a->filter, rules);
    uint32_t first_unknown = rules->any ? KIST_MAX(rules->highest, base) + 1 : base;
    size_t most = 2 * rules->n + 3;
    bool known = rules->any;

    if (a->range_room < most) {
        struct range *ranges = realloc(a->ranges, most * sizeof(*ranges));

        if (!ranges) {
            return kist_error_nomem(err);
        }
        a->ranges = ranges;
        a->range_room = most;
    }
    a->range_count = 0;
    add_range(a, (struct range){.start = base, .action = a->filter->default_action});
    for (size_t i = 0, next; i < rules->n; i = next) {
        uint32_t number = rules->v[i].number;

        for (next = i + 1; next < rules->n && rules->v[next].number == number; next++) {
        }
        if (known && number >= first_unknown) {
            add_range(a, (struct range){.start = first_unknown, .action = unknown});
            known = false;
        }
        add_range(a, range_of(a, rules->v + i, next - i));
        add_range(a,
                  (struct range){.start = number + 1, .action = known ? a->filter->default_action : unknown});
    }
    if (known) {
        add_range(a, (struct range){.start = first_unknown, .action = unknown});
    }
    return 0;
}

/* The search over one architecture's calls, the number loaded. */
static int put_arch(struct assembly *a, const struct kist_seccomp_arch *arch, size_t *label, struct kist_error *err)
{
    int rc = kist_seccomp_filter_rules(&a->rules, a->filter, arch, err);

    a->arch = arch;
    rc = rc < 0 ? rc : make_ranges(a, err);
    if (rc == 0) {
        *label = put_search(a, 0, a->range_count);
    }
    return rc;
}

/* Which architecture's call it is; those the filter does not name kill, because their numbers mean something
 * else. */
static int put_all(struct assembly *a, const struct kist_seccomp_machine *machine, struct kist_error *err)
{
    struct kist_seccomp_code *code = a->code;
    size_t kill = kist_seccomp_code_return(code, KIST_SECCOMP_KILL_THREAD), next = kill;

    for (size_t i = machine->count; i-- > 0;) {
        const struct kist_seccomp_arch *arch = machine->archs[i];
        size_t label = kill, x32 = kill;
        bool has_x32 = i + 1 < machine->count && machine->archs[i + 1]->x32;
        int rc = 0;

        if (arch->x32 || !a->filter->archs[i]) {
            continue; /* x32 is part of its neighbour */
        }
        if (has_x32 && a->filter->archs[i + 1]) {
            rc = put_arch(a, machine->archs[i + 1], &x32, err);
        }
        if (rc == 0) {
            rc = put_arch(a, arch, &label, err);
        }
        if (rc < 0) {
            return rc;
        }
        if (has_x32) {
            (void)kist_seccomp_code_jump(code, KIST_SECCOMP_JGE, KIST_SECCOMP_X32_BIT, x32, label);
        } else {
            kist_seccomp_code_go(code, label);
        }
        label = kist_seccomp_code_load(code, DATA_NUMBER);
        next = kist_seccomp_code_jump(code, KIST_SECCOMP_JEQ, arch->audit, label, next);
    }
    (void)kist_seccomp_code_load(code, DATA_ARCH);
    return 0;
}

int kist_seccomp_assemble_for(struct kist_seccomp_program *program, const cJSON *seccomp,
                              const struct kist_seccomp_machine *machine, struct kist_error *err)
{
    struct kist_seccomp_code code = {0};
    struct kist_seccomp_filter filter;
    struct assembly a = {.filter = &filter, .code = &code};
    int rc;

    *program = (struct kist_seccomp_program){0};
    if (machine->count == 0) {
        return kist_error_set(err, KIST_E_UNSUPPORTED,
                              "seccomp: this architecture's system calls are not known here");
    }
    rc = kist_seccomp_filter_parse(&filter, seccomp, machine, err);
    if (rc == 0) {
        rc = put_all(&a, machine, err);
    }
    free(a.rules.v);
    free(a.ranges);
    if (rc == 0 && code.failed) {
        rc = code.n < PORT_SECCOMP_INSNS_MAX
                 ? kist_error_nomem(err)
                 : kist_error_set(err, KIST_E_UNSUPPORTED,
                                  "seccomp: the filter needs more than %d instructions",
                                  PORT_SECCOMP_INSNS_MAX);
    }
    if (rc == 0) {
        for (size_t i = 0; i < code.n / 2; i++) {
            struct port_seccomp_insn swap = code.v[i];

            code.v[i] = code.v[code.n - 1 - i];
            code.v[code.n - 1 - i] = swap;
        }
        *program = (struct kist_seccomp_program){.insns = code.v, .count = code.n, .flags = filter.flags};
        code.v = NULL;
    }
    free(code.v);
    kist_seccomp_filter_release(&filter);
    return rc;
}

int kist_seccomp_assemble(struct kist_seccomp_program *program, const cJSON *seccomp, struct kist_error *err)
{
    return kist_seccomp_assemble_for(program, seccomp, &kist_seccomp_native, err);
}

void kist_seccomp_program_release(struct kist_seccomp_program *program)
{
    free(program->insns);
    *program = (struct kist_seccomp_program){0};
}

void kist_seccomp_program_auto(struct kist_seccomp_program *program)
{
    kist_seccomp_program_release(program);
}
