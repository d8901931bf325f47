/*
 * The configuration: /etc/kist/kist.conf, its drop-ins, KIST_... variables and options, later ones over earlier. The keys are
 * one table; boards/host/kist.conf documents each, and a unit test holds the two together.
 */
#ifndef KIST_CMD_SETTINGS_H
#define KIST_CMD_SETTINGS_H

#include "cmd/option.h"
#include "store/quota.h"

struct kist_settings {
    const char *config;        /* --config */
    const char *log_level;
    const char *root;
    const char *store_extra;   /* "DIR[:DIR...]" or "" */
    const char *platform;      /* NULL: this machine's */
    uint64_t jobs;
    uint64_t checkpoint;       /* bytes; 0: as often as costs 1 % */
    uint64_t mem;              /* bytes for a layer's tables */
    const char *compression;   /* "zstd", "gzip", or "auto": the board's, or what the kernel has */
    uint64_t compression_level;
    uint64_t workers;
    const char *quota, *reserve; /* NULL: none */
    bool prune_auto, keep_previous;
    const char *tls_ca;
    struct kist_strv certs_dirs; /* empty: Docker's places and ours */
    bool time_floor;
    struct kist_strv insecure; /* registries */
    struct kist_strv mirrors, aliases;
    const char *proxy, *no_proxy; /* NULL: the environment's */
    uint64_t bandwidth;        /* bytes a second; 0: no limit */
    const char *auth_file;     /* NULL: the search order */
    uint64_t tries;
    uint64_t connect_ms, stall_ms, backoff_ms;
    const char *network_default, *network_bridge, *network_subnet;
    const char *userns_default; /* host, private */
    struct kist_strv userns_map;
    const char *rootfs_default;
    const char *run_dir;       /* where what runs is known */
    const char *log_dir;       /* where what containers write is kept */
    uint64_t log_size;         /* bytes of one container's */
    bool log_keep;             /* in the store, when it fails */
    bool help, version;        /* --help, --version: options only */
    struct kist_strv owned;    /* texts that files and variables gave */
};

/* A key of the configuration: its option row has the name with "-" for ".". */
struct kist_setting {
    const char *key; /* "registry.insecure"; NULL: an option only */
    struct kist_option option;
};

extern const struct kist_setting kist_settings_table[];
extern const size_t kist_settings_count;
/* The rows' options, ended by one without a name. */
const struct kist_option *kist_settings_options(void);

/* Defaults. */
void kist_settings_init(struct kist_settings *s);
void kist_settings_release(struct kist_settings *s);

/*
 * The file (path NULL: the default place, which may be missing) and its drop-ins, "<path>.d" with names ending in .conf in byte order. KIST_E_USAGE with
 * file and line, and the nearest key for an unknown one.
 */
int kist_settings_load(struct kist_settings *s, const char *path, struct kist_error *err) KIST_CHECKED;
/* One file's text; name is for messages. */
int kist_settings_parse(struct kist_settings *s, const char *text, const char *name, struct kist_error *err) KIST_CHECKED;
/* KIST_A_B for each key a.b; lookup is getenv or a test's. */
int kist_settings_environment(struct kist_settings *s, const char *(*lookup)(const char *name), struct kist_error *err)
    KIST_CHECKED;
/* store.quota and store.reserve. KIST_E_USAGE. */
int kist_settings_limits(const struct kist_settings *s, struct kist_store_limits *limits, struct kist_error *err) KIST_CHECKED;
/* Values that only make sense together or within bounds. */
int kist_settings_check(const struct kist_settings *s, struct kist_error *err) KIST_CHECKED;

#endif
