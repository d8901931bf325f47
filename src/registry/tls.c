#include "registry/tls.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "port/clock.h"

#ifdef KIST_TLS_MBEDTLS
#define MBEDTLS_ALLOW_PRIVATE_ACCESS /* the chain and the callback that curl has set, to be added to */
#include <mbedtls/platform_time.h>
#include <mbedtls/ssl.h>
#endif

/* ---- certs.d -------------------------------------------------------------------------------------------------------- */

static void forget_host(struct kist_tls *t)
{
    kist_strv_release(&t->authorities);
    free(t->certificate);
    free(t->key);
    t->certificate = t->key = NULL;
    t->host[0] = '\0';
}

static int is_listed(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && (kist_str_ends(entry->d_name, ".crt") || kist_str_ends(entry->d_name, ".cert") ||
                                       kist_str_ends(entry->d_name, ".key"));
}

/* One file of the folder: X.crt is an authority, X.cert and X.key are a pair. */
static int take_file(struct kist_tls *t, const char *dir, const char *name, struct kist_error *err)
{
    char path[KIST_MAX_PATH + 1];
    char **place = kist_str_ends(name, ".cert") ? &t->certificate : &t->key;

    if (!kist_path_join(path, sizeof(path), dir, name)) {
        return 0;
    }
    if (kist_str_ends(name, ".crt")) {
        return kist_strv_add(&t->authorities, path, err);
    }
    if (!*place) {
        *place = strdup(path);
    }
    return *place ? 0 : kist_error_nomem(err);
}

/* 0, or 1 when there is no such folder. */
static int take_folder(struct kist_tls *t, const char *dir, struct kist_error *err)
{
    struct dirent **names;
    int count = scandir(dir, &names, is_listed, alphasort), rc = 0;

    for (int i = 0; i < count; i++) {
        rc = rc < 0 ? rc : take_file(t, dir, names[i]->d_name, err);
        free(names[i]);
    }
    if (count < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? 1
                   : kist_error_sys(err, KIST_E_TLS, errno, "cannot read the certificates in '%s'", dir);
    }
    free(names);
    if (rc == 0 && !t->certificate != !t->key) {
        rc = kist_error_set(err, KIST_E_TLS, "'%s' has a %s without its %s", dir, t->key ? "key" : "certificate",
                            t->key ? "certificate (client.cert)" : "key (client.key)");
    }
    return rc;
}

/* certs.d/<host:port>, and certs.d/<host> for the port that goes without saying. */
static int find_host(struct kist_tls *t, const struct kist_url *url, struct kist_error *err)
{
    char name[sizeof(t->host)], path[KIST_MAX_PATH + 1];
    int rc = 1;

    if (strcmp(t->host, url->name) == 0) {
        return 0;
    }
    forget_host(t);
    for (size_t i = 0; t->dirs && rc == 1 && i < t->dirs->n; i++) {
        if (kist_str_format(name, sizeof(name), "%s:%u", url->host, url->port) &&
            kist_path_join(path, sizeof(path), t->dirs->v[i], name)) {
            rc = take_folder(t, path, err);
        }
        if (rc == 1 && kist_path_join(path, sizeof(path), t->dirs->v[i], url->name)) {
            rc = take_folder(t, path, err);
        }
    }
    if (rc < 0) {
        forget_host(t);
        return rc;
    }
    (void)!kist_str_copy(t->host, sizeof(t->host), url->name);
    return 0;
}

/* ---- the handshake -------------------------------------------------------------------------------------------------- */

#ifdef KIST_TLS_MBEDTLS

static int64_t clock_floor; /* of the process: 0, or set before the first handshake */

static mbedtls_time_t tell_time(mbedtls_time_t *out)
{
    mbedtls_time_t now = (mbedtls_time_t)KIST_MAX(port_clock_now(), clock_floor);

    if (out) {
        *out = now;
    }
    return now;
}

static int64_t seconds_of(const mbedtls_x509_time *t)
{
    char text[KIST_STR_TIME_MAX];
    int64_t seconds = 0;

    return kist_str_format(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", t->year, t->mon, t->day, t->hour, t->min,
                           t->sec) &&
                   kist_str_time(text, &seconds)
               ? seconds
               : 0;
}

/* What curl's own callback was, and the request it belongs to; one handshake at a time. */
struct watch {
    struct kist_tls *tls;
    int (*next)(void *, mbedtls_x509_crt *, int, uint32_t *);
    void *next_arg;
};

static _Thread_local struct watch watch;

static int on_verify(void *arg, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    if (*flags & (MBEDTLS_X509_BADCERT_FUTURE | MBEDTLS_X509_BADCERT_EXPIRED)) {
        watch.tls->valid_from = seconds_of(&certificate->valid_from);
        watch.tls->valid_to = seconds_of(&certificate->valid_to);
    }
    (void)arg;
    return watch.next ? watch.next(watch.next_arg, certificate, depth, flags) : 0;
}

static void tell_floor(const struct kist_tls *t)
{
    char now[KIST_STR_TIME_MAX], taken[KIST_STR_TIME_MAX];
    static bool told; /* at worst, two threads both do */

    if (t->floor.seconds > port_clock_now() && !told) {
        told = true;
        kist_log(KIST_LOG_WARN, "this device's clock says %s: certificates are judged by %s, when %s (see 'tls.time-floor')",
                 kist_str_rfc3339(now, port_clock_now()), kist_str_rfc3339(taken, t->floor.seconds), t->floor.what);
    }
}

/* A connection is about to be made: curl has filled in ctx. */
static CURLcode on_context(CURL *easy, void *ctx, void *arg)
{
    mbedtls_ssl_config *conf = ctx;
    struct kist_tls *t = arg;

    (void)easy;
    tell_floor(t);
    for (size_t i = 0; i < t->authorities.n; i++) {
        if (mbedtls_x509_crt_parse_file(conf->ca_chain, t->authorities.v[i]) != 0) {
            (void)!kist_str_copy(t->bad_file, sizeof(t->bad_file), t->authorities.v[i]);
            return CURLE_SSL_CACERT_BADFILE;
        }
    }
    watch = (struct watch){.tls = t, .next = conf->f_vrfy, .next_arg = conf->p_vrfy};
    mbedtls_ssl_conf_verify(conf, on_verify, NULL);
    return CURLE_OK;
}

static void watch_clock(const struct kist_tls *t)
{
    if (t->floor.seconds > 0) {
        clock_floor = t->floor.seconds;
        (void)mbedtls_platform_set_time(tell_time);
    }
}

static CURLcode set_trust(struct kist_tls *t, CURL *easy)
{
    CURLcode code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context);

    return code ? code : curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, t);
}

#else

static void watch_clock(const struct kist_tls *t)
{
    (void)t; /* another TLS library knows the system's clock only */
}

static CURLcode set_trust(struct kist_tls *t, CURL *easy)
{
    return t->authorities.n > 0 ? curl_easy_setopt(easy, CURLOPT_CAINFO, t->authorities.v[0]) : CURLE_OK;
}

#endif

void kist_tls_init(struct kist_tls *t, const struct kist_strv *dirs, const struct kist_tls_floor *floor)
{
    *t = (struct kist_tls){.dirs = dirs};
    if (floor) {
        t->floor = *floor;
    }
    watch_clock(t);
}

void kist_tls_release(struct kist_tls *t)
{
    forget_host(t);
}

int kist_tls_prepare(struct kist_tls *t, CURL *easy, const struct kist_url *url, struct kist_error *err)
{
    int rc = url->https ? find_host(t, url, err) : 0;
    CURLcode code;

    t->valid_from = t->valid_to = 0;
    t->bad_file[0] = '\0';
    if (rc < 0 || !url->https) {
        return rc;
    }
    code = curl_easy_setopt(easy, CURLOPT_SSLCERT, t->certificate);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_SSLKEY, t->key);
    code = code ? code : set_trust(t, easy);
    return code ? kist_error_nomem(err) : 0;
}
