#include "cmd/cmd.h"

const struct kist_command *const kist_commands[] = {
    &kist_cmd_pull,
    &kist_cmd_tag,
    &kist_cmd_push,
    &kist_cmd_save,
    &kist_cmd_load,
    &kist_cmd_preload,
    &kist_cmd_inventory,
    &kist_cmd_login,
    &kist_cmd_logout,
    &kist_cmd_image_prune,
    &kist_cmd_pin,
    &kist_cmd_unpin,
    &kist_cmd_container_prune,
    &kist_cmd_system_prune,
    &kist_cmd_system_df,
    &kist_cmd_images, &kist_cmd_rmi,   &kist_cmd_inspect, &kist_cmd_image_inspect, &kist_cmd_run,
    &kist_cmd_create, &kist_cmd_start, &kist_cmd_ps, &kist_cmd_rm, &kist_cmd_info, &kist_cmd_version, &kist_cmd_help, NULL,
};

const struct kist_command_alias kist_command_aliases[] = {
    {"image pull", &kist_cmd_pull},       {"image ls", &kist_cmd_images},       {"image list", &kist_cmd_images},
    {"image tag", &kist_cmd_tag},
    {"image push", &kist_cmd_push},
    {"image save", &kist_cmd_save},
    {"image load", &kist_cmd_load},
    {"image rm", &kist_cmd_rmi},          {"image remove", &kist_cmd_rmi},      {"container run", &kist_cmd_run},
    {"container create", &kist_cmd_create}, {"container start", &kist_cmd_start}, {"container ls", &kist_cmd_ps},
    {"container list", &kist_cmd_ps},     {"container ps", &kist_cmd_ps},       {"container rm", &kist_cmd_rm},
    {"system info", &kist_cmd_info},      {NULL, NULL},
};
