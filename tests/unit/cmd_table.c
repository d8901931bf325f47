/* What must hold of every row of the command table, so that help and parsing can be made from it. */
#include <string.h>

#include "cmd/cmd.h"
#include "test.h"

TEST(commands_are_complete)
{
    for (const struct kist_command *const *row = kist_commands; *row; row++) {
        const struct kist_command *c = *row;

        TEST_CASE(c->name);
        CHECK(c->summary && c->summary[0] >= 'A' && c->summary[0] <= 'Z');
        CHECK(c->summary[strlen(c->summary) - 1] != '.');
        CHECK(strlen(c->summary) <= 72);
        CHECK(c->run != NULL && c->operands != NULL);
        CHECK(c->max_operands < 0 || c->min_operands <= c->max_operands);
        CHECK(!c->options || c->options_size > 0);
    }
}

TEST(names_are_used_once)
{
    for (const struct kist_command *const *row = kist_commands; *row; row++) {
        for (const struct kist_command *const *other = kist_commands; other < row; other++) {
            CHECK(strcmp((*row)->name, (*other)->name) != 0);
        }
        for (const struct kist_command_alias *a = kist_command_aliases; a->name; a++) {
            CHECK(strcmp((*row)->name, a->name) != 0);
        }
    }
}

static void check_options(const struct kist_option *options, size_t size)
{
    for (const struct kist_option *o = options; o && o->name; o++) {
        TEST_CASE(o->name);
        CHECK(o->help && o->help[0] != '\0');
        CHECK((o->argument == NULL) == (o->type == KIST_OPTION_FLAG));
        CHECK(size == 0 || o->offset < size);
        for (const struct kist_option *other = options; other < o; other++) {
            CHECK(strcmp(o->name, other->name) != 0);
            CHECK(o->letter == 0 || o->letter != other->letter);
        }
    }
}

TEST(options_are_complete_and_distinct)
{
    for (const struct kist_command *const *row = kist_commands; *row; row++) {
        check_options((*row)->options, (*row)->options_size);
    }
    check_options(kist_settings_options(), sizeof(struct kist_settings));
}

/* A global option that a command has too would be hidden by it. */
TEST(commands_hide_no_global_option)
{
    for (const struct kist_command *const *row = kist_commands; *row; row++) {
        for (const struct kist_option *o = (*row)->options; o && o->name; o++) {
            for (const struct kist_option *g = kist_settings_options(); g->name; g++) {
                TEST_CASE(o->name);
                CHECK(strcmp(o->name, g->name) != 0);
            }
        }
    }
}
