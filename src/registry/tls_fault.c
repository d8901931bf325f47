#include "registry/tls_fault.h"

#include <string.h>

#include "port/clock.h"

/* A certificate that is not good for this time: the certificate may be wrong, or the clock. */
static int wrong_time(const struct kist_tls *t, const struct kist_url *url, struct kist_error *err)
{
    char clock[KIST_STR_TIME_MAX], limit[KIST_STR_TIME_MAX], judged[KIST_STR_TIME_MAX], taken[96] = "";
    int64_t now = port_clock_now(), time = KIST_MAX(now, t->floor.seconds);
    bool early = time < t->valid_from;

    if (time > now && !kist_str_format(taken, sizeof(taken), " (taken for %s, when %s)", kist_str_rfc3339(judged, time),
                                       t->floor.what)) {
        taken[0] = '\0';
    }
    return kist_error_set(err, KIST_E_TLS,
                          "cannot trust '%s': its certificate %s %s, and this device's clock says %s%s: %s", url->name,
                          early ? "is valid from" : "has expired, it was valid until",
                          kist_str_rfc3339(limit, early ? t->valid_from : t->valid_to), kist_str_rfc3339(clock, now), taken,
                          early ? "set the clock (ntpd -q, or date -s) and try again"
                                : "the registry needs a new one, unless the clock is wrong");
}

/* mbedTLS's words (library/x509_crt.c), of which there may be several, the worst first. */
static const char *certificate_cause(const char *words, const char *ca_file)
{
    static const struct {
        const char *word, *cause;
    } causes[] = {
        {"CN) does not match", "its certificate is for another host name"},
        {"revoked", "its certificate was revoked"},
        {"trusted CA",
         "its certificate is signed by an authority that this device does not trust (see 'tls.ca' and 'tls.certs-dir')"},
        {"CA cert", "the CA bundle cannot be read"},
        {"private key", "the key that 'tls.certs-dir' has for it cannot be read"},
        {"client cert", "the client certificate that 'tls.certs-dir' has for it cannot be read"},
    };

    for (size_t i = 0; i < KIST_COUNT(causes); i++) {
        if (strstr(words, causes[i].word)) {
            bool trust = strstr(words, "trusted CA") && !ca_file;

            return trust ? "this device has no CA bundle to trust its certificate by (see 'tls.ca' and 'tls.certs-dir')"
                         : causes[i].cause;
        }
    }
    return NULL;
}

int kist_tls_fault_certificate(const struct kist_tls *tls, const struct kist_url *url, const char *words,
                               const char *ca_file, struct kist_error *err)
{
    const char *cause = certificate_cause(words, ca_file);
    bool file = cause && strstr(words, "CA cert");
    char shown[256];

    if (tls->bad_file[0] != '\0') {
        return kist_error_set(err, KIST_E_TLS, "cannot trust '%s': the certificates in '%s' cannot be read", url->name,
                              tls->bad_file);
    }
    if (tls->valid_to != 0 && !cause) {
        return wrong_time(tls, url, err);
    }
    if (!cause) {
        cause = kist_str_printable(shown, sizeof(shown), words);
    }
    return kist_error_set(err, KIST_E_TLS, "cannot trust '%s': %s%s%s%s", url->name, cause, file ? ": '" : "",
                          file && ca_file ? ca_file : "", file ? "'" : "");
}

/* mbedTLS is built without its table of error texts (include/mbedtls/ssl.h); curl's -1 is a failed read or write */
static const struct {
    const char *code, *cause;
    enum kist_err result;
    bool speaks;
} handshake_causes[] = {
    {"(-0x7200)", "it does not speak TLS (see 'registry.insecure' for plain HTTP)", KIST_E_TLS, false},
    {"(-0x7780)", "it broke the handshake off: it may want a client certificate (see 'tls.certs-dir'), or a TLS before 1.2", KIST_E_TLS, true},
    {"(-0x6E80)", "it offers no TLS version from 1.2 on", KIST_E_TLS, true},
    {"(-0x7280)", "it closed the connection", KIST_E_NETWORK, false},
    {"(-0x0001)", "the connection was lost", KIST_E_NETWORK, false},
};

bool kist_tls_fault_speaks(const char *words)
{
    for (size_t i = 0; i < KIST_COUNT(handshake_causes); i++) {
        if (strstr(words, handshake_causes[i].code)) {
            return handshake_causes[i].speaks;
        }
    }
    return false;
}

int kist_tls_fault_handshake(const struct kist_url *url, const char *words, struct kist_error *err)
{
    char shown[256];

    for (size_t i = 0; i < KIST_COUNT(handshake_causes); i++) {
        if (strstr(words, handshake_causes[i].code)) {
            return kist_error_set(err, handshake_causes[i].result, "no TLS connection to '%s': %s", url->name,
                                  handshake_causes[i].cause);
        }
    }
    return kist_error_set(err, KIST_E_TLS, "no TLS connection to '%s': %s", url->name,
                          kist_str_printable(shown, sizeof(shown), words));
}
