/* --mount of RUN, as text. */
#include "build/run_mount.h"

#include "base/base.h"
#include "base/str.h"
#include "test.h"

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

/* All of it in one line. */
static void tell(char *dst, size_t size, const struct kist_run_mount *m)
{
    static const char *const types[] = {"bind", "cache", "tmpfs", "secret"};

    (void)snprintf(dst, size, "%s %s from=%s source=%s id=%s env=%s%s%s sharing=%d mode=%o %u:%u size=%llu", types[m->type],
                   or_dash(m->target), or_dash(m->from), or_dash(m->source), or_dash(m->id), or_dash(m->env), m->read_only ? " ro" : "",
                   m->required ? " required" : "", (int)m->sharing, (unsigned)m->mode, (unsigned)m->uid, (unsigned)m->gid,
                   (unsigned long long)m->size);
}

static const struct {
    const char *text, *want;
} good[] = {
    {"target=/x", "bind /x from=- source=/ id=- env=- ro sharing=0 mode=755 0:0 size=0"},
    {"type=bind,source=src,dst=here,rw", "bind /app/here from=- source=src id=- env=- sharing=0 mode=755 0:0 size=0"},
    {"from=build,src=/out,target=../x/./y/,type=bind,readonly=false", "bind /x/y from=build source=/out id=- env=- sharing=0 mode=755 0:0 size=0"},
    {"type=cache,destination=/root/.cache", "cache /root/.cache from=- source=- id=/root/.cache env=- sharing=0 mode=755 0:0 size=0"},
    {"type=cache,target=/c,id=apt,sharing=locked,mode=0700,uid=12,gid=34,ro",
     "cache /c from=- source=- id=apt env=- ro sharing=2 mode=700 12:34 size=0"},
    {"type=tmpfs,target=/t,size=64m", "tmpfs /t from=- source=- id=- env=- sharing=0 mode=755 0:0 size=67108864"},
    {"type=secret,id=key", "secret /run/secrets/key from=- source=- id=key env=- sharing=0 mode=400 0:0 size=0"},
    {"type=secret,target=/etc/key,required", "secret /etc/key from=- source=- id=key env=- required sharing=0 mode=400 0:0 size=0"},
    {"type=secret,id=key,env=KEY,required=false", "secret - from=- source=- id=key env=KEY sharing=0 mode=400 0:0 size=0"},
    {"type=secret,id=a/b,mode=0440,target=/k", "secret /k from=- source=- id=a/b env=- sharing=0 mode=440 0:0 size=0"},
    {"type=bind,\"source=a,b\",\"target=/with \"\"quotes\"\"\"", "bind /with \"quotes\" from=- source=a,b id=- env=- ro sharing=0 mode=755 0:0 size=0"},
};

TEST(mounts_are_understood)
{
    for (size_t i = 0; i < KIST_COUNT(good); i++) {
        struct kist_error err = {0};
        struct kist_run_mount m;
        char told[512] = "";

        TEST_CASE(good[i].text);
        CHECK_OK(kist_run_mount_parse(&m, good[i].text, "/app", &err), err);
        tell(told, sizeof(told), &m);
        CHECK_STR(told, good[i].want);
        kist_run_mount_release(&m);
    }
}

static const struct {
    const char *text;
    int code;
    const char *message;
} bad[] = {
    {"type=ssh,target=/x", KIST_E_UNSUPPORTED, "mount type 'ssh' is not supported: kist gives no build an agent (use type=secret)"},
    {"type=volume,target=/x", KIST_E_USAGE, "unsupported mount type 'volume' (bind, cache, tmpfs and secret are)"},
    {"type=bind", KIST_E_USAGE, "a mount of type 'bind' needs a target"},
    {"type=secret", KIST_E_USAGE, "a secret needs an id or a target"},
    {"type=bind,target=/", KIST_E_USAGE, "invalid value for target: '/'"},
    {"type=bind,target=/../../x/../..", KIST_E_USAGE, "invalid value for target: '/../../x/../..'"},
    {"target", KIST_E_USAGE, "invalid field 'target' must be a key=value pair"},
    {"target=/x,color=red", KIST_E_USAGE, "unexpected key 'color' in mount"},
    {"", KIST_E_USAGE, "unexpected key '' in mount"},
    {"type=tmpfs,target=/x,id=1", KIST_E_USAGE, "'id' is not allowed for mounts of type 'tmpfs'"},
    {"type=tmpfs,target=/x,size=much", KIST_E_USAGE, "invalid value for size: 'much'"},
    {"type=tmpfs,target=/x,size=0", KIST_E_USAGE, "invalid value for size: '0'"},
    {"type=cache,target=/x,mode=888", KIST_E_USAGE, "invalid value for mode: '888'"},
    {"type=cache,target=/x,mode=17777", KIST_E_USAGE, "invalid value for mode: '17777'"},
    {"type=cache,target=/x,uid=-1", KIST_E_USAGE, "invalid value for uid: '-1'"},
    {"type=cache,target=/x,uid=4294967295", KIST_E_USAGE, "invalid value for uid: '4294967295'"},
    {"type=cache,target=/x,sharing=most", KIST_E_USAGE, "unsupported sharing value 'most' (shared, private and locked are)"},
    {"type=cache,target=/x,from=build", KIST_E_UNSUPPORTED, "a cache that begins with files of an image is not supported: it begins empty"},
    {"type=bind,target=/x,rw=perhaps", KIST_E_USAGE, "invalid value for rw: 'perhaps'"},
    {"type=secret,id=x,env=A=B", KIST_E_USAGE, "invalid value for env: 'A=B'"},
    {"\"target=/x", KIST_E_USAGE, "mount '\"target=/x' has a quote that is not closed, or text behind it"},
    {"\"target=/x\"y,ro", KIST_E_USAGE, "mount '\"target=/x\"y,ro' has a quote that is not closed, or text behind it"},
};

TEST(what_makes_no_sense_is_refused)
{
    for (size_t i = 0; i < KIST_COUNT(bad); i++) {
        struct kist_error err = {0};
        struct kist_run_mount m;

        TEST_CASE(bad[i].text);
        CHECK_INT(kist_run_mount_parse(&m, bad[i].text, "/app", &err), bad[i].code);
        CHECK_STR(err.message, bad[i].message);
        kist_run_mount_release(&m);
    }
}

TEST(a_path_too_long)
{
    static char text[8192] = "target=/";
    struct kist_error err = {0};
    struct kist_run_mount m;

    memset(text + 8, 'x', sizeof(text) - 9);
    CHECK_INT(kist_run_mount_parse(&m, text, "/", &err), KIST_E_USAGE);
    CHECK(kist_str_starts(err.message, "invalid value for target: '/xxx"));
    kist_run_mount_release(&m);
}
