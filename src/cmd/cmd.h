/*
 * The command table: every command, its options and its words are data here, and --help, parsing and completion come
 * from them, so they cannot disagree. A command turns its options into one call of a room below and prints what comes back.
 */
#ifndef KIST_CMD_CMD_H
#define KIST_CMD_CMD_H

#include "cmd/option.h"
#include "cmd/settings.h"
#include "store/store.h"

/* What every command is given. */
struct kist_app {
    struct kist_settings settings;
    struct kist_store *store; /* NULL until kist_app_store */
    struct kist_strv auth_files; /* empty until kist_remote_auth_files */
    char *const *arguments;   /* main's, as they were given */
};

enum {
    KIST_CMD_OPTIONS_FIRST = 1, /* options end at the first operand: the rest is the container's */
    KIST_CMD_INTERNAL = 4,      /* not for people: help does not list it */
    KIST_CMD_CONTAINERS = 8,    /* who is not root needs a user namespace for it */
    KIST_CMD_RUNS = 2,          /* kist's own failures exit with 125, as Docker's run does */
};

struct kist_command {
    const char *name;    /* "pull", or two words: "image ls" */
    const char *operands; /* as in the usage line: "REF", "IMAGE [COMMAND [ARG...]]" */
    const char *summary; /* one line, upper case first, no full stop */
    const struct kist_option *options; /* ended by one without a name */
    size_t options_size; /* bytes of the struct that options write into, zeroed before; 0: none */
    int min_operands, max_operands; /* max -1: any number */
    unsigned flags;
    /*
     * Returns the exit status (0 and above), or a negative enum kist_err with err set. options is the filled struct;
     * operands are NULL-terminated.
     */
    int (*run)(struct kist_app *app, const void *options, int count, char **operands, struct kist_error *err);
};

/* Another name for a command. */
struct kist_command_alias {
    const char *name; /* "image ls" */
    const struct kist_command *command;
};

/* All commands in the order of help, and their other names (src/cmd/table.c); both are ended by NULL. */
extern const struct kist_command *const kist_commands[];
extern const struct kist_command_alias kist_command_aliases[];

/* The whole program behind main(): returns the exit status. */
int kist_app_main(int argc, char **argv);

/* The store of the settings, opened at the first call; it belongs to app. */
int kist_app_store(struct kist_app *app, bool create, struct kist_store **store, struct kist_error *err) KIST_CHECKED;

/* One of several failures, on standard error, while the command goes on. */
void kist_app_complain(struct kist_error *err);

/*
 * Between the two SIGINT and SIGTERM only make kist_app_stopped true, which fits the stop callbacks below; after the second
 * they do what they did before. Signals that are ignored stay so.
 */
void kist_app_catch_signals(void);
void kist_app_release_signals(void);
bool kist_app_stopped(void *unused);

/* The commands, one file each. */
extern const struct kist_command kist_cmd_login, kist_cmd_logout;
extern const struct kist_command kist_cmd_system_df;
extern const struct kist_command kist_cmd_pull, kist_cmd_images, kist_cmd_inspect, kist_cmd_image_inspect,
    kist_cmd_rmi, kist_cmd_run, kist_cmd_create, kist_cmd_start, kist_cmd_ps, kist_cmd_rm, kist_cmd_info,
    kist_cmd_volume_create, kist_cmd_volume_ls, kist_cmd_volume_inspect, kist_cmd_volume_rm, kist_cmd_volume_prune,
    kist_cmd_doctor, kist_cmd_image_prune, kist_cmd_pin, kist_cmd_unpin, kist_cmd_container_prune, kist_cmd_system_prune,
    kist_cmd_version, kist_cmd_help,
    kist_cmd_tag, kist_cmd_push, kist_cmd_flatten, kist_cmd_recompress;

extern const struct kist_command kist_cmd_check;

extern const struct kist_command kist_cmd_save, kist_cmd_load, kist_cmd_import, kist_cmd_preload, kist_cmd_inventory,
    kist_cmd_export, kist_cmd_cp, kist_cmd_commit, kist_cmd_diff, kist_cmd_history;
extern const struct kist_command kist_cmd_supervise, kist_cmd_stop, kist_cmd_restart, kist_cmd_kill, kist_cmd_pause,
    kist_cmd_unpause, kist_cmd_wait, kist_cmd_rename, kist_cmd_logs;
extern const struct kist_command kist_cmd_exec, kist_cmd_attach, kist_cmd_events;
extern const struct kist_command kist_cmd_build, kist_cmd_builder_prune;
extern const struct kist_command kist_cmd_port, kist_cmd_update;
extern const struct kist_command kist_cmd_top, kist_cmd_stats;

#endif
