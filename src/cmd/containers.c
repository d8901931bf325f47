#include "cmd/containers.h"

#include <stdio.h>
#include <string.h>

#include "port/process.h"

int kist_containers_load(struct kist_app *app, struct kist_engine *engine, struct kist_container_list *list,
                         struct kist_error *err)
{
    int rc = kist_app_store(app, false, &engine->store, err);

    *list = (struct kist_container_list){.v = NULL};
    return rc == KIST_E_NOT_FOUND ? 0 : rc < 0 ? rc : kist_container_list(engine, list, err);
}

int kist_containers_find(struct kist_app *app, struct kist_engine *engine, const char *text, struct kist_container *found,
                         struct kist_error *err)
{
    int rc = kist_app_store(app, false, &engine->store, err);

    *found = (struct kist_container){.pid = 0};
    return rc == KIST_E_NOT_FOUND ? kist_error_set(err, rc, "no such container: '%s'", text)
           : rc < 0               ? rc
                                  : kist_container_find(engine, text, found, err);
}

int kist_containers_each(struct kist_app *app, int count, char **operands, bool quiet, kist_container_fn *act, void *arg,
                         struct kist_error *err)
{
    KIST_AUTO(container_list) struct kist_container_list list;
    struct kist_engine engine = {.run = NULL};
    int rc = kist_containers_load(app, &engine, &list, err), failed = 0;

    for (int i = 0; rc == 0 && i < count; i++) {
        const struct kist_container *c;
        struct kist_error one;
        int done = kist_container_list_find(&list, operands[i], &c, &one);

        done = done < 0 ? done : act(&engine, c, operands[i], arg, &one);
        if (done >= 0) {
            (void)(quiet || printf("%s\n", operands[i]));
            (void)fflush(stdout); /* the next one may take its time */
        } else if (failed == 0) {
            failed = done;
            *err = one;
        } else {
            kist_app_complain(&one);
        }
    }
    return rc < 0 ? rc : failed;
}

int kist_containers_signal(const char *text, int *number, struct kist_error *err)
{
    *number = 0;
    return !text || port_signal_number(text, number) ? 0
                                                     : kist_error_set(err, KIST_E_USAGE, "invalid signal: '%s'", text);
}

int kist_containers_seconds(const char *text, int *seconds, struct kist_error *err)
{
    uint64_t value = 0;

    *seconds = !text ? -2 : -1;
    if (text && strcmp(text, "-1") != 0) {
        if (!kist_str_u64(text, 1000000, &value)) {
            return kist_error_set(err, KIST_E_USAGE, "time must be a number of seconds, not '%s'", text);
        }
        *seconds = (int)value;
    }
    return 0;
}
