#include "cmd/settings.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "cmd/alias.h"
#include "registry/registry.h"

#define DEFAULT_FILE "/etc/kist/kist.conf"

#define ROW(key_name, option_name, letter, kind, member, argument, text)                                       \
    {key_name, KIST_OPT(option_name, letter, kind, struct kist_settings, member, argument, text)}

const struct kist_setting kist_settings_table[] = {
    ROW(NULL, "config", 0, TEXT, config, "FILE", "Configuration file (default " DEFAULT_FILE ")"),
    ROW("root", "root", 0, TEXT, root, "DIR", "Where images and containers are kept"),
    ROW("run.dir", "run-dir", 0, TEXT, run_dir, "DIR", "Where it is kept what runs, on tmpfs"),
    ROW("log-level", "log-level", 0, TEXT, log_level, "LEVEL", "error, warn, info or debug, on standard error"),
    ROW("platform", "default-platform", 0, TEXT, platform, "OS/ARCH", "Platform of images (default: this machine's)"),
    ROW("jobs", "jobs", 0, NUMBER, jobs, "N", "Layers that are pulled side by side"),
    ROW("pull.checkpoint", "pull-checkpoint", 0, BYTES, checkpoint, "SIZE",
        "Bytes of a layer after which a pull can be gone on with (default: 1 % more writing)"),
    ROW("mem", "mem", 0, BYTES, mem, "SIZE", "Memory for the tables of one layer"),
    ROW("layer.compression", "layer-compression", 0, TEXT, compression, "NAME", "zstd, gzip or auto, for new layers"),
    ROW("layer.level", "layer-level", 0, NUMBER, compression_level, "N", "Compression level, 0 the default"),
    ROW("layer.workers", "layer-workers", 0, NUMBER, workers, "N", "Threads that compress, beside each job's own"),
    ROW("store.extra", "store-extra", 0, TEXT, store_extra, "DIR[:DIR...]", "Read-only stores below the root's"),
    ROW("store.quota", "store-quota", 0, TEXT, quota, "SIZE|N%", "The most the store may take"),
    ROW("store.reserve", "store-reserve", 0, TEXT, reserve, "SIZE|N%", "Free space always left to others"),
    ROW("prune.keep-previous", "prune-keep-previous", 0, FLAG, keep_previous, NULL,
        "Pruning keeps what each name stood for before"),
    ROW("prune.auto", "prune-auto", 0, FLAG, prune_auto, NULL, "Remove images when a pull needs room, those used longest ago first"),
    ROW("tls.ca", "tls-ca", 0, TEXT, tls_ca, "FILE", "Certificates to trust (PEM), instead of the system's"),
    ROW("tls.certs-dir", "tls-certs-dir", 0, LIST, certs_dirs, "DIR", "Certificates by registry, as in /etc/docker/certs.d"),
    ROW("tls.time-floor", "tls-time-floor", 0, FLAG, time_floor, NULL, "Judge certificates by a later time than a clock that is behind"),
    ROW("registry.insecure", "registry-insecure", 0, LIST, insecure, "HOST[:PORT]",
        "Registry that may use plain HTTP or an unknown certificate"),
    ROW("registry.mirror", "registry-mirror", 0, LIST, mirrors, "[HOST=]MIRROR", "Registry to ask first for what HOST has"),
    ROW("registry.alias", "registry-alias", 0, LIST, aliases, "NAME=REPOSITORY", "Short name of a repository"),
    ROW("registry.proxy", "registry-proxy", 0, TEXT, proxy, "URL", "Proxy, instead of the environment's"),
    ROW("registry.no-proxy", "registry-no-proxy", 0, TEXT, no_proxy, "HOSTS", "Hosts that are reached without the proxy"),
    ROW("registry.bandwidth", "registry-bandwidth", 0, BYTES, bandwidth, "SIZE", "Bytes a second that a transfer may take"),
    ROW("registry.auth-file", "registry-auth-file", 0, TEXT, auth_file, "FILE", "Logins, instead of where Docker has them"),
    ROW("registry.tries", "registry-tries", 0, NUMBER, tries, "N", "Tries of a request before it fails"),
    ROW("registry.connect-timeout", "registry-connect-timeout", 0, DURATION, connect_ms, "TIME",
        "Longest wait for a connection"),
    ROW("registry.stall-timeout", "registry-stall-timeout", 0, DURATION, stall_ms, "TIME",
        "Longest wait for the next byte"),
    ROW("registry.backoff", "registry-backoff", 0, DURATION, backoff_ms, "TIME", "Pause before the second try"),
    ROW("network.default", "network-default", 0, TEXT, network_default, "bridge|none|host", "Network of new containers"),
    ROW("network.bridge", "network-bridge", 0, TEXT, network_bridge, "NAME", "The bridge's interface"),
    ROW("network.subnet", "network-subnet", 0, TEXT, network_subnet, "ADDRESS/BITS", "The bridge's IPv4 network"),
    ROW("userns.default", "userns-default", 0, TEXT, userns_default, "host|private", "User namespace of new containers"),
    ROW("userns.map", "userns-map", 0, LIST, userns_map, "CONTAINER:HOST:SIZE", "Its users and groups (default 0:100000:65536)"),
    ROW("rootfs.default", "rootfs-default", 0, TEXT, rootfs_default, "auto|overlay|tmpfs|copy", "How roots of new containers come about"),
    ROW("log.dir", "log-dir", 0, TEXT, log_dir, "DIR", "Where the output of new containers is kept"),
    ROW("log.size", "log-size", 0, BYTES, log_size, "SIZE", "Of one container's output, at most"),
    ROW("log.keep", "log-keep", 0, FLAG, log_keep, NULL, "Keep it with the container when that fails"),
    ROW(NULL, "help", 0, FLAG, help, NULL, "Print this help"),
    ROW(NULL, "version", 0, FLAG, version, NULL, "Print the version"),
};
const size_t kist_settings_count = KIST_COUNT(kist_settings_table);

const struct kist_option *kist_settings_options(void)
{
    static struct kist_option options[KIST_COUNT(kist_settings_table) + 1];

    for (size_t i = 0; i < KIST_COUNT(kist_settings_table); i++) {
        options[i] = kist_settings_table[i].option;
    }
    return options;
}

void kist_settings_init(struct kist_settings *s)
{
    *s = (struct kist_settings){
        .log_level = "warn",
        .root = "/var/lib/kist",
        .run_dir = "/run/kist",
        .store_extra = "",
        .jobs = 2,
        .mem = 64U << 20,
        .compression = "auto",
        .keep_previous = true,
        .time_floor = true,
        .tries = 5,
        .connect_ms = 15000,
        .stall_ms = 30000,
        .backoff_ms = 500,
        .network_default = "bridge",
        .network_bridge = "kist0",
        .network_subnet = "10.89.0.0/16",
        .userns_default = "host",
        .rootfs_default = "auto",
        .log_dir = "/run/kist/logs",
        .log_size = 1U << 20,
    };
}

void kist_settings_release(struct kist_settings *s)
{
    kist_options_release(kist_settings_options(), s);
    kist_strv_release(&s->owned);
}

/* Sets one key from a text that s keeps. Lists may be given with commas. */
static int set_key(struct kist_settings *s, const struct kist_setting *row, const char *value, const char *what,
                   struct kist_error *err)
{
    int rc = kist_strv_add(&s->owned, value, err);
    char *rest, *item;

    if (rc < 0) {
        return rc;
    }
    rest = s->owned.v[s->owned.n - 1];
    if (row->option.type != KIST_OPTION_LIST) {
        return kist_option_set_value(&row->option, s, rest, what, err);
    }
    while (rc == 0 && (item = strsep(&rest, ",")) != NULL) {
        while (isspace((unsigned char)*item)) {
            item++;
        }
        item[strcspn(item, " \t")] = '\0';
        if (*item != '\0') {
            rc = kist_option_set_value(&row->option, s, item, what, err);
        }
    }
    return rc;
}

static int unknown_key(const char *key, const char *what, struct kist_error *err)
{
    const char *keys[KIST_COUNT(kist_settings_table)];
    const char *nearest;
    size_t n = 0;

    for (size_t i = 0; i < kist_settings_count; i++) {
        if (kist_settings_table[i].key) {
            keys[n++] = kist_settings_table[i].key;
        }
    }
    nearest = kist_str_nearest(key, keys, n);
    if (nearest) {
        return kist_error_set(err, KIST_E_USAGE, "%s: unknown key '%s' (did you mean '%s'?)", what, key, nearest);
    }
    return kist_error_set(err, KIST_E_USAGE, "%s: unknown key '%s'", what, key);
}

/* text without blanks at either end; cuts it in place. */
static char *trim(char *text)
{
    size_t len;

    while (isspace((unsigned char)*text)) {
        text++;
    }
    len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        text[--len] = '\0';
    }
    return text;
}

static int parse_line(struct kist_settings *s, char *line, const char *what, struct kist_error *err)
{
    char *equals, *key;

    line = trim(line);
    if (*line == '\0' || *line == '#') {
        return 0;
    }
    equals = strchr(line, '=');
    if (!equals) {
        return kist_error_set(err, KIST_E_USAGE, "%s: expected 'key = value', found '%.60s'", what, line);
    }
    *equals = '\0';
    key = trim(line);
    for (size_t i = 0; i < kist_settings_count; i++) {
        if (kist_settings_table[i].key && strcmp(kist_settings_table[i].key, key) == 0) {
            return set_key(s, &kist_settings_table[i], trim(equals + 1), what, err);
        }
    }
    return unknown_key(key, what, err);
}

int kist_settings_parse(struct kist_settings *s, const char *text, const char *name, struct kist_error *err)
{
    KIST_AUTO(free) char *copy = strdup(text);
    char *rest = copy, *line, what[512];
    unsigned number = 0;
    int rc = 0;

    if (!copy) {
        return kist_error_nomem(err);
    }
    while (rc == 0 && (line = strsep(&rest, "\n")) != NULL) {
        if (!kist_str_format(what, sizeof(what), "%s:%u", name, ++number)) {
            what[0] = '\0';
        }
        rc = parse_line(s, line, what, err);
    }
    return rc;
}

static int load_file(struct kist_settings *s, const char *path, bool optional, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONF);
    int rc = kist_file_read(&text, path, "configuration", err);

    if (rc < 0) {
        if (optional && rc == KIST_E_NOT_FOUND) {
            return 0;
        }
        if (err) {
            err->code = KIST_E_USAGE;
        }
        return KIST_E_USAGE;
    }
    return kist_settings_parse(s, kist_buf_text(&text), path, err);
}

static int is_dropin(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && kist_str_ends(entry->d_name, ".conf");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int kist_settings_load(struct kist_settings *s, const char *path, struct kist_error *err)
{
    const char *file = path ? path : DEFAULT_FILE;
    char dir[512], dropin[1024];
    struct dirent **names;
    int rc = load_file(s, file, path == NULL, err), count;

    if (rc < 0 || !kist_str_format(dir, sizeof(dir), "%s.d", file)) {
        return rc;
    }
    count = scandir(dir, &names, is_dropin, by_bytes);
    for (int i = 0; i < count; i++) {
        if (rc == 0 && kist_path_join(dropin, sizeof(dropin), dir, names[i]->d_name)) {
            rc = load_file(s, dropin, false, err);
        }
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
    return rc;
}

int kist_settings_environment(struct kist_settings *s, const char *(*lookup)(const char *name), struct kist_error *err)
{
    char name[64];

    for (size_t i = 0; i < kist_settings_count; i++) {
        const struct kist_setting *row = &kist_settings_table[i];
        const char *value;
        int rc;

        if (!row->key || !kist_str_format(name, sizeof(name), "KIST_%s", row->key)) {
            continue;
        }
        for (char *p = name; *p != '\0'; p++) {
            *p = *p == '.' || *p == '-' ? '_' : (char)toupper((unsigned char)*p);
        }
        value = lookup(name);
        if (value) {
            rc = set_key(s, row, value, name, err);
            if (rc < 0) {
                return rc;
            }
        }
    }
    return 0;
}

static int check_times(const struct kist_settings *s, struct kist_error *err)
{
    enum { DAY_MS = 24 * 3600 * 1000 }; /* a long has it everywhere */
    const struct {
        const char *key;
        uint64_t value;
    } times[] = {
        {"registry.connect-timeout", s->connect_ms},
        {"registry.stall-timeout", s->stall_ms},
        {"registry.backoff", s->backoff_ms},
    };

    for (size_t i = 0; i < KIST_COUNT(times); i++) {
        if (times[i].value < 1 || times[i].value > DAY_MS) {
            return kist_error_set(err, KIST_E_USAGE, "%s must be 1ms to 24h", times[i].key);
        }
    }
    return 0;
}

static int parse_amount(struct kist_store_amount *amount, const char *text, const char *what, struct kist_error *err)
{
    char number[8];
    size_t len = text ? strlen(text) : 0;
    bool good = true;

    *amount = (struct kist_store_amount){.percent = len > 0 && text[len - 1] == '%'};
    if (amount->percent) {
        good = kist_str_format(number, sizeof(number), "%.*s", (int)KIST_MIN(len - 1, sizeof(number)), text) &&
               kist_str_u64(number, 100, &amount->value);
    } else if (text) {
        good = kist_str_bytes(text, &amount->value);
    }
    return good ? 0
                : kist_error_set(err, KIST_E_USAGE, "%s: '%.60s' is neither a size like 256MiB nor a share like 50%%", what,
                                 text);
}

int kist_settings_limits(const struct kist_settings *s, struct kist_store_limits *limits, struct kist_error *err)
{
    int rc = parse_amount(&limits->quota, s->quota, "store.quota", err);

    limits->evict = s->prune_auto;
    limits->keep_previous = s->keep_previous;
    return rc < 0 ? rc : parse_amount(&limits->reserve, s->reserve, "store.reserve", err);
}

static int check_registries(const struct kist_settings *s, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < s->mirrors.n; i++) {
        rc = kist_registry_mirror_check(s->mirrors.v[i], err);
        rc = rc < 0 ? kist_error_wrap(err, "registry.mirror '%.100s'", s->mirrors.v[i]) : rc;
    }
    for (size_t i = 0; rc == 0 && i < s->aliases.n; i++) {
        rc = kist_alias_check(s->aliases.v[i], err);
    }
    return rc;
}

int kist_settings_check(const struct kist_settings *s, struct kist_error *err)
{
    struct kist_store_limits limits;
    int rc;

    if (s->root[0] != '/') {
        return kist_error_set(err, KIST_E_USAGE, "root '%s' is not an absolute path", s->root);
    }
    if (s->run_dir[0] != '/') {
        return kist_error_set(err, KIST_E_USAGE, "run.dir '%s' is not an absolute path", s->run_dir);
    }
    if (s->log_dir[0] != '/') {
        return kist_error_set(err, KIST_E_USAGE, "log.dir '%s' is not an absolute path", s->log_dir);
    }
    if (s->log_size < (64U << 10)) {
        return kist_error_set(err, KIST_E_USAGE, "log.size must be at least 64KiB");
    }
    if (s->jobs < 1 || s->jobs > 16) {
        return kist_error_set(err, KIST_E_USAGE, "jobs must be 1 to 16");
    }
    if (s->workers > 16) {
        return kist_error_set(err, KIST_E_USAGE, "layer.workers must be 0 to 16");
    }
    if (strcmp(s->compression, "zstd") != 0 && strcmp(s->compression, "gzip") != 0 && strcmp(s->compression, "auto") != 0) {
        return kist_error_set(err, KIST_E_USAGE, "layer.compression must be zstd, gzip or auto, not '%s'", s->compression);
    }
    if (s->compression_level > (s->compression[0] != 'g' ? 3U : 9U)) {
        return kist_error_set(err, KIST_E_USAGE, "layer.level must be at most %u for %s",
                              s->compression[0] != 'g' ? 3U : 9U, s->compression);
    }
    if (s->tries < 1 || s->tries > 1000) {
        return kist_error_set(err, KIST_E_USAGE, "registry.tries must be 1 to 1000");
    }
    if (s->mem < (1U << 20)) {
        return kist_error_set(err, KIST_E_USAGE, "mem must be at least 1MiB");
    }
    rc = kist_settings_limits(s, &limits, err);
    rc = rc < 0 ? rc : check_times(s, err);
    return rc < 0 ? rc : check_registries(s, err);
}
