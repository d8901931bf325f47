/* The process that serves published ports, started again when it dies: the kernel may have wanted its memory. */
#include "base/log.h"
#include "container/etc.h"
#include "container/network.h"
#include "container/publish.h"
#include "port/clock.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 60000
#define LASTED_MS 10000 /* who served so long is not likely to die at once again */

uint64_t kist_network_due(const struct kist_network *n)
{
    return n->on && n->published && !n->proxy ? n->retry_at : 0;
}

static void put_off(struct kist_network *n, const char *id, const char *why)
{
    const uint64_t now = port_clock_monotonic();

    n->pause_ms = n->pause_ms == 0 || now - n->served_from >= LASTED_MS ? PAUSE_MIN_MS
                                                                       : KIST_MIN(n->pause_ms * 2, (uint64_t)PAUSE_MAX_MS);
    n->retry_at = now + n->pause_ms;
    kist_log(KIST_LOG_WARN, "container '%.12s': its published ports are not served: %s; again in %llu ms", id, why,
             (unsigned long long)n->pause_ms);
}

/* At the same ports as before, those that were any free ones too. */
static int serve_again(struct kist_network *n, const struct kist_engine *e, const char *id, struct kist_error *err)
{
    KIST_AUTO(publish) struct kist_published ports = {.v = NULL};
    KIST_AUTO(json) cJSON *state = NULL;
    const cJSON *port;
    int rc = kist_network_look(&state, e, id, err);

    cJSON_ArrayForEach(port, kist_json_array(state, "ports"))
    {
        rc = rc == 0 && cJSON_IsString(port) ? kist_publish_parse(&ports, port->valuestring, err) : rc;
    }
    return rc < 0 ? rc : port_proxy_start(&n->proxy, ports.v, ports.n, n->place.address, err);
}

void kist_network_tend(struct kist_network *n, const struct kist_engine *e, const char *id, bool child_ended)
{
    struct kist_error err;

    if (!n->on || !n->published) {
        return;
    }
    if (n->proxy && child_ended && port_proxy_ended(n->proxy)) {
        port_proxy_stop(n->proxy);
        n->proxy = NULL;
        put_off(n, id, "who served them was killed");
    }
    if (n->proxy || port_clock_monotonic() < n->retry_at) {
        return;
    }
    n->served_from = port_clock_monotonic();
    if (serve_again(n, e, id, &err) < 0) {
        put_off(n, id, err.message);
    }
}
