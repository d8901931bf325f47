#include "cmd/cmd.h"

int main(int argc, char **argv)
{
    return kist_app_main(argc, argv);
}
