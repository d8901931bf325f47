/* Modes as chmod(1) takes them: octal, or symbolic (POSIX.1-2008, chmod, "Extended description"). */
#ifndef KIST_BUILD_MODE_H
#define KIST_BUILD_MODE_H

#include <stdbool.h>

#include "base/error.h"

#define KIST_MODE_CLAUSES 8

struct kist_mode_clause {
    uint16_t who;  /* the bits it is about, as 07777 */
    char op;       /* '+', '-', '=' */
    uint16_t bits; /* rwxst of all of them */
    bool search;   /* X: x of directories, and of what has an x */
};

struct kist_mode {
    struct kist_mode_clause clauses[KIST_MODE_CLAUSES];
    size_t count;
};

/* KIST_E_USAGE. */
int kist_mode_parse(struct kist_mode *m, const char *text, struct kist_error *err) KIST_CHECKED;
/* What mode becomes. */
uint32_t kist_mode_apply(const struct kist_mode *m, uint32_t mode, bool directory);

#endif
