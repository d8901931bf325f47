/* rooms: container */
/* Profiles in Docker's JSON: whatever comes out of the reader must assemble again, and to a program that
 * always ends in a return. */
#include <stdlib.h>

#include "../unit/bpf.h"
#include "base/limits.h"
#include "container/capability.h"
#include "container/seccomp_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const cJSON *seccomp)
{
    static const uint32_t numbers[] = {0,   1,   56,         102,        117,     220,       281,
                                       435, 600, 0x40000000, 0x40000207, 0xf0002, 0xffffffff};
    KIST_AUTO(seccomp_program) struct kist_seccomp_program program = {0};
    struct kist_error err = {0};

    if (kist_seccomp_assemble(&program, seccomp, &err) < 0 || program.count > PORT_SECCOMP_INSNS_MAX) {
        abort();
    }
    for (size_t a = 0; a < kist_seccomp_native.count; a++) {
        for (size_t i = 0; i < KIST_COUNT(numbers); i++) {
            struct bpf_data call = {.number = numbers[i], .arch = kist_seccomp_native.archs[a]->audit};

            if (bpf_run(program.insns, program.count, &call) == BPF_BROKEN) {
                abort();
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct kist_seccomp_facts facts = {KIST_CAPABILITY_DEFAULT, 6, 1};
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);
    KIST_AUTO(json) cJSON *seccomp = NULL;
    struct kist_error err = {0};

    if (size > KIST_MAX_CONF || kist_buf_add(&text, data, size, &err) < 0) {
        return 0;
    }
    if (kist_seccomp_profile(&seccomp, kist_buf_text(&text), text.len, "fuzz", &facts, &err) == 0 &&
        seccomp) {
        run(seccomp);
    }
    return 0;
}
