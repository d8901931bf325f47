/* powercut [GROUP | COMMAND]...: all commands, or those that are named. */
#include <inttypes.h>
#include <string.h>

#include "powercut.h"

static bool wanted(const struct command *command, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], command->group) == 0 || strcmp(argv[i], command->name) == 0) {
            return true;
        }
    }
    return argc < 2;
}

int main(int argc, char **argv)
{
    unsigned failed = 0, ran = 0, resumed;

    for (size_t i = 0; i < command_count; i++) {
        struct tally t = {.cuts = 0};

        if (!wanted(&commands[i], argc, argv)) {
            continue;
        }
        resumed = image_resumed();
        drive(&commands[i], &t);
        if (commands[i].resumes && image_resumed() == resumed) {
            printf("FAIL %s: no layer was gone on with\n", commands[i].name);
            t.failed++;
        }
        printf("%s: %" PRIu64 " cuts x %d fates and %" PRIu64 " kills left %" PRIu64 " disks; EIO at %" PRIu64
               " calls, ENOSPC at %" PRIu64 ", no memory at %" PRIu64 "; %" PRIu64
               " different disks judged, %u failures\n",
               commands[i].name, t.cuts, PORT_SIM_FATES, t.kills, t.disks, t.errors, t.full, t.allocations,
               t.different, t.failed);
        fflush(stdout);
        failed += t.failed;
        ran++;
    }
    images_release();
    archive_release();
    judge_release();
    port_sim_reset(0);
    return failed > 0 || ran == 0;
}
