#include "entries.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernel.h"

/* struct linux_dirent64 of getdents(2): inode, offset, then these. */
#define RECORD_LENGTH 16
#define RECORD_TYPE 18
#define RECORD_NAME 19

int port_entries_next(struct port_entries *e, const char **name, unsigned char *type)
{
    while (true) {
        const char *record;
        uint16_t length;

        if (e->at == e->end) {
            long n = syscall(SYS_getdents64, e->fd, e->room, sizeof(e->room));

            if (n <= 0) {
                return n == 0 || errno == ENOENT ? 0 : -1; /* ENOENT: the directory itself was removed */
            }
            e->at = 0;
            e->end = (size_t)n;
        }
        record = e->room + e->at;
        memcpy(&length, record + RECORD_LENGTH, sizeof(length));
        e->at += length;
        *type = (unsigned char)record[RECORD_TYPE];
        *name = record + RECORD_NAME;
        if (strcmp(*name, ".") != 0 && strcmp(*name, "..") != 0) {
            return 1;
        }
    }
}
