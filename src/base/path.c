#include "base/path.h"

#include <string.h>

#include "base/str.h"

bool kist_path_join(char *dst, size_t size, const char *dir, const char *name)
{
    const char *slash = kist_str_ends(dir, "/") ? "" : "/";

    return kist_str_format(dst, size, "%s%s%s", dir, slash, name);
}

bool kist_path_clean(char *dst, size_t size, const char *name)
{
    size_t len = 0;

    if (size == 0) {
        return false;
    }
    while (*name != '\0') {
        size_t part = strcspn(name, "/");

        if (part == 2 && name[0] == '.' && name[1] == '.') {
            if (len == 0) {
                return false;
            }
            while (len > 0 && dst[len - 1] != '/') {
                len--;
            }
            len -= len > 0;
        } else if (part > 0 && !(part == 1 && name[0] == '.')) {
            if (part + (len > 0) >= size - len) {
                return false;
            }
            if (len > 0) {
                dst[len++] = '/';
            }
            memcpy(dst + len, name, part);
            len += part;
        }
        name += part;
        name += *name == '/';
    }
    dst[len] = '\0';
    return true;
}

const char *kist_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

int kist_path_order(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    if (*a == '/' || *b == '/') {
        /* what ends a name is less than all that could go on with it */
        return *a == '/' ? (*b == '\0' ? 1 : -1) : (*a == '\0' ? -1 : 1);
    }
    return (int)(unsigned char)*a - (int)(unsigned char)*b;
}
