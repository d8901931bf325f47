#include "container/plan.h"

#include <signal.h>

#include "test.h"

TEST(restart_policies)
{
    static const struct {
        const char *text;
        bool good;
        enum kist_restart restart;
        uint64_t max;
    } rows[] = {
        {"no", true, KIST_RESTART_NO, 0},
        {"always", true, KIST_RESTART_ALWAYS, 0},
        {"unless-stopped", true, KIST_RESTART_UNLESS_STOPPED, 0},
        {"on-failure", true, KIST_RESTART_ON_FAILURE, 0},
        {"on-failure:3", true, KIST_RESTART_ON_FAILURE, 3},
        {"on-failure:", false, 0, 0},
        {"on-failure:-1", false, 0, 0},
        {"on-failure:9223372036854775808", false, 0, 0},
        {"always:3", false, 0, 0},
        {"", false, 0, 0},
        {"Always", false, 0, 0},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        enum kist_restart restart = KIST_RESTART_NO;
        uint64_t max;

        TEST_CASE(rows[i].text);
        CHECK_INT(kist_restart_parse(rows[i].text, &restart, &max), rows[i].good);
        if (rows[i].good) {
            CHECK_INT(restart, rows[i].restart);
            CHECK_INT(max, rows[i].max);
        }
    }
}

static int read_plan(struct kist_plan *plan, const char *annotations)
{
    KIST_AUTO(json) cJSON *config = cJSON_CreateObject();
    struct kist_error err = {0};

    CHECK(cJSON_AddItemToObject(config, "annotations", cJSON_Parse(annotations)));
    return kist_plan_read(plan, config, &err);
}

TEST(what_is_not_said_has_dockers_defaults)
{
    struct kist_plan plan;

    CHECK_INT(read_plan(&plan, "{\"kist.health\":\"{\\\"Test\\\":[\\\"CMD\\\",\\\"true\\\"]}\"}"), 0);
    CHECK_INT(plan.restart, KIST_RESTART_NO);
    CHECK_INT(plan.stop_signal, SIGTERM);
    CHECK_INT(plan.stop_seconds, 10);
    CHECK(plan.health.on && plan.log_dir == NULL);
    CHECK_INT(plan.health.interval, 30000);
    CHECK_INT(plan.health.timeout, 30000);
    CHECK_INT(plan.health.start_period, 0);
    CHECK_INT(plan.health.start_interval, 5000);
    CHECK_INT(plan.health.retries, 3);
    kist_plan_release(&plan);
}

TEST(what_makes_no_sense_is_refused)
{
    static const char *const rows[] = {
        "{\"kist.restart\":\"sometimes\"}",        "{\"kist.stop-timeout\":\"soon\"}",
        "{\"kist.health\":\"{\"}",                 "{\"kist.health\":\"{}\",\"kist.on-unhealthy\":\"cry\"}",
        "{\"kist.log.size\":\"much\"}",            "{\"kist.log.keep\":\"perhaps\"}",
        "{\"org.opencontainers.image.stopSignal\":\"SIGNOTHING\"}",
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_plan plan;

        TEST_CASE(rows[i]);
        CHECK_INT(read_plan(&plan, rows[i]), KIST_E_USAGE);
    }
}

TEST(a_check_is_words_or_a_shells)
{
    static const struct {
        const char *annotations, *first, *last;
        size_t n;
    } rows[] = {
        {"{\"annotations\":{\"kist.health\":\"{\\\"Test\\\":[\\\"CMD\\\",\\\"a\\\",\\\"b\\\"]}\"}}", "a", "b", 2},
        {"{\"annotations\":{\"kist.health\":\"{\\\"Test\\\":[\\\"CMD-SHELL\\\",\\\"a | b\\\"]}\"}}", "/bin/sh", "a | b", 3},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(json) cJSON *config = cJSON_Parse(rows[i].annotations);
        KIST_AUTO(strv) struct kist_strv argv = {.v = NULL};
        struct kist_error err = {0};

        CHECK_OK(kist_plan_check(&argv, config, &err), err);
        REQUIRE(argv.n == rows[i].n);
        CHECK_STR(argv.v[0], rows[i].first);
        CHECK_STR(argv.v[argv.n - 1], rows[i].last);
    }
}
