/* Replays inputs through a fuzz target without libFuzzer: each argument is a file, or a folder whose files are taken. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long replayed;

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    struct stat st;
    int result = -1;

    if (!file || fstat(fileno(file), &st) != 0)
        goto done;
    /* exactly as large as the input, so that the sanitizer sees the first byte read beyond it */
    data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
    if (!data || fread(data, 1, (size_t)st.st_size, file) != (size_t)st.st_size)
        goto done;
    LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
    replayed++;
    result = 0;
done:
    if (result)
        fprintf(stderr, "cannot replay '%s': %s\n", path, strerror(errno));
    free(data);
    if (file)
        fclose(file);
    return result;
}

static int replay(const char *path)
{
    struct stat st;
    struct dirent *entry;
    DIR *dir;
    int result = 0;

    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return replay_file(path);
    dir = opendir(path);
    if (!dir) {
        fprintf(stderr, "cannot open '%s': %s\n", path, strerror(errno));
        return -1;
    }
    while ((entry = readdir(dir))) {
        char name[4096];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (replay(name))
            result = -1;
    }
    closedir(dir);
    return result;
}

int main(int argc, char **argv)
{
    int result = 0;

    for (int i = 1; i < argc; i++)
        if (replay(argv[i]))
            result = 1;
    printf("%lu inputs replayed\n", replayed);
    return result || !replayed;
}
