/*
 * Layer files by hand, for tests:
 *
 *   layer_tool make TAR LAYER [zstd|gzip] [WORKERS]   a layer from a tar
 *   layer_tool list LAYER                             a line an entry, below
 *   layer_tool sums LAYER                             as list, and the sha256 of each file's contents
 *   layer_tool implied LAYER                          the directories the tar never named
 *   layer_tool tar LAYER                              the tar it came from, to standard output
 *   layer_tool read LAYER PATH                        a file's contents, to standard output
 *   layer_tool verify LAYER
 *   layer_tool info LAYER
 *
 * A line of list is separated by tabs: type (f d l c b p, w for a whiteout), mode, uid, gid, size, mtime,
 * device, inode, links, path, link target, xattrs (name=hex,...), marks (implied, opaque). What there is none
 * of is "-"; in paths, targets and names, bytes outside of printable ASCII, and backslashes, are \xNN.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "layer/layer.h"

static int path_split(const char *path, struct port_dir **dir, const char **name, struct kist_error *err)
{
    char folder[4096] = ".";

    *name = kist_path_base(path);
    if (*name > path && !kist_str_format(folder, sizeof(folder), "%.*s/.", (int)(*name - path - 1), path))
        return kist_error_set(err, KIST_E_USAGE, "path '%s' is too long", path);
    return port_dir_open(dir, folder, false, err);
}

static int layer_open(struct kist_layer **l, const char *path, struct kist_error *err)
{
    struct port_file *file = NULL;
    struct port_dir *dir;
    const char *name;
    int result = path_split(path, &dir, &name, err);

    if (result < 0)
        return result;
    result = port_file_open(&file, dir, name, err);
    port_dir_close(dir);
    return result < 0 ? result : kist_layer_open(l, file, err);
}

/* ---- make ---- */

static int copy_tar(const char *path, struct kist_sink *sink, struct kist_error *err)
{
    static char buffer[65536];
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    int result = 0;
    size_t n;

    if (!in)
        return kist_error_sys(err, KIST_E_IO, errno, "cannot open '%s'", path);
    while (result >= 0 && (n = fread(buffer, 1, sizeof(buffer), in)) > 0)
        result = kist_sink_write(sink, buffer, n, err);
    if (result >= 0 && ferror(in))
        result = kist_error_sys(err, KIST_E_IO, errno, "cannot read '%s'", path);
    if (in != stdin)
        fclose(in);
    return result < 0 ? result : kist_sink_finish(sink, err);
}

static int layer_make(const char *tar, struct port_file *file, const struct kist_layer_options *options,
                      struct kist_error *err)
{
    struct kist_sha256_sink hash;
    struct kist_layer_writer *w;
    struct kist_layer_info info;
    struct kist_digest diff_id;
    int result = kist_layer_writer_new(&w, file, options, err);

    if (result < 0)
        return result;
    kist_sha256_sink_init(&hash, kist_layer_writer_sink(w), UINT64_MAX, tar);
    result = copy_tar(tar, &hash.sink, err);
    if (result >= 0) {
        kist_sha256_final(&hash.hash, diff_id.bytes);
        result = kist_layer_writer_seal(w, &diff_id, &info, err);
    }
    kist_layer_writer_free(w);
    return result;
}

static int do_make(int argc, char **argv, struct kist_error *err)
{
    struct kist_layer_options options = {.compressor = KIST_LAYER_ZSTD};
    struct port_dir *dir;
    struct port_file *file;
    const char *name;
    int result;

    if (argc > 2 && strcmp(argv[2], "gzip") == 0)
        options.compressor = KIST_LAYER_GZIP;
    if (argc > 3)
        options.workers = (unsigned)strtoul(argv[3], NULL, 10);
    result = path_split(argv[1], &dir, &name, err);
    if (result < 0)
        return result;
    result = port_file_create(&file, dir, name, true, err);
    port_dir_close(dir);
    if (result < 0)
        return result;
    result = layer_make(argv[0], file, &options, err);
    if (result < 0) {
        port_file_discard(file);
        return result;
    }
    return port_file_close(file, err);
}

/* ---- contents out ---- */

static int stdout_write(struct kist_sink *sink, const void *data, size_t len, struct kist_error *err)
{
    (void)sink;
    if (fwrite(data, 1, len, stdout) != len)
        return kist_error_sys(err, KIST_E_IO, errno, "cannot write standard output");
    return 0;
}

static int sink_finish(struct kist_sink *sink, struct kist_error *err)
{
    (void)sink;
    (void)err;
    return 0;
}

static const struct kist_sink_ops stdout_ops = {stdout_write, sink_finish};

static int do_tar(int argc, char **argv, struct kist_layer *l, struct kist_error *err)
{
    struct kist_sink sink = {&stdout_ops};

    (void)argc;
    (void)argv;
    return kist_layer_tar(l, &sink, err);
}

static int do_read(int argc, char **argv, struct kist_layer *l, struct kist_error *err)
{
    struct kist_sink sink = {&stdout_ops};

    if (argc < 2)
        return kist_error_set(err, KIST_E_USAGE, "read wants a path");
    return kist_layer_read(l, argv[1], &sink, err);
}

/* ---- entries ---- */

static void print_text(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c <= ' ' || c > '~' || c == '\\')
            printf("\\x%02x", c);
        else
            putchar(c);
    }
}

static void print_xattrs(const struct kist_layer_entry *e)
{
    for (size_t i = 0; i < e->xattr_count; i++) {
        const unsigned char *value = e->xattrs[i].value;

        if (i > 0)
            putchar(',');
        print_text(e->xattrs[i].name);
        putchar('=');
        for (size_t k = 0; k < e->xattrs[i].size; k++)
            printf("%02x", value[k]);
    }
    if (e->xattr_count == 0)
        putchar('-');
}

static void print_entry(const struct kist_layer_entry *e)
{
    static const char types[] = {
        [KIST_LAYER_FILE] = 'f',    [KIST_LAYER_DIRECTORY] = 'd', [KIST_LAYER_SYMLINK] = 'l',
        [KIST_LAYER_CHAR] = 'c',    [KIST_LAYER_BLOCK] = 'b',     [KIST_LAYER_FIFO] = 'p',
        [KIST_LAYER_WHITEOUT] = 'w'};

    printf("%c\t%04" PRIo32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu64 "\t%" PRId64 "\t", types[e->type], e->mode,
           e->uid, e->gid, e->size, e->mtime);
    if (e->type == KIST_LAYER_CHAR || e->type == KIST_LAYER_BLOCK)
        printf("%" PRIu32 ",%" PRIu32 "\t", e->major, e->minor);
    else
        printf("-\t");
    printf("%" PRIu32 "\t%" PRIu32 "\t", e->inode, e->links);
    print_text(*e->path ? e->path : ".");
    putchar('\t');
    print_text(e->target ? e->target : "-");
    putchar('\t');
    print_xattrs(e);
    printf("\t%s", e->implied ? "implied" : e->opaque ? "opaque" : "-");
}

static int each_list(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    (void)arg;
    (void)err;
    print_entry(e);
    putchar('\n');
    return 0;
}

static int each_sums(void *arg, const struct kist_layer_entry *e, struct kist_error *err)
{
    struct kist_sha256_sink hash;
    unsigned char digest[KIST_SHA256_SIZE];
    char hex[2 * KIST_SHA256_SIZE + 1] = "-";

    if (e->type == KIST_LAYER_FILE) {
        int result;

        kist_sha256_sink_init(&hash, NULL, UINT64_MAX, e->path);
        result = kist_layer_read_entry(arg, e, &hash.sink, err);
        if (result < 0)
            return result;
        kist_sha256_final(&hash.hash, digest);
        kist_str_hex(hex, digest, sizeof(digest));
    }
    print_entry(e);
    printf("\t%s\n", hex);
    return 0;
}

static int do_list(int argc, char **argv, struct kist_layer *l, struct kist_error *err)
{
    (void)argc;
    (void)argv;
    return kist_layer_list(l, each_list, NULL, err);
}

static int do_sums(int argc, char **argv, struct kist_layer *l, struct kist_error *err)
{
    (void)argc;
    (void)argv;
    return kist_layer_list(l, each_sums, l, err);
}

static int each_implied(void *arg, const char *path, struct kist_error *err)
{
    (void)arg;
    (void)err;
    print_text(*path ? path : ".");
    putchar('\n');
    return 0;
}

static int do_implied(int argc, char **argv, struct kist_layer *l, struct kist_error *err)
{
    (void)argc;
    (void)argv;
    return kist_layer_implied(l, each_implied, NULL, err);
}

static int do_verify(int argc, char **argv, struct kist_layer *l, struct kist_error *err)
{
    (void)argc;
    (void)argv;
    return kist_layer_verify(l, err);
}

static int do_info(int argc, char **argv, struct kist_layer *l, struct kist_error *err)
{
    const struct kist_layer_info *i = kist_layer_info(l);
    char diff_id[KIST_DIGEST_TEXT_MAX];

    (void)argc;
    (void)argv;
    (void)err;
    printf("file_bytes=%" PRIu64 " squashfs_bytes=%" PRIu64 " recipe_bytes=%" PRIu64 " tar_bytes=%" PRIu64
           " inodes=%" PRIu32 " diff_id=%s\n",
           i->file_bytes, i->squashfs_bytes, i->recipe_bytes, i->tar_bytes, i->inodes,
           kist_digest_text(diff_id, &i->diff_id));
    return 0;
}

static int run(int argc, char **argv, struct kist_error *err)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv, struct kist_layer *l, struct kist_error *err);
    } commands[] = {
        {"list", do_list}, {"sums", do_sums},     {"implied", do_implied}, {"tar", do_tar},
        {"read", do_read}, {"verify", do_verify}, {"info", do_info},
    };
    struct kist_layer *l;
    int result;

    if (argc >= 4 && strcmp(argv[1], "make") == 0)
        return do_make(argc - 2, argv + 2, err);
    for (size_t i = 0; argc >= 3 && i < KIST_COUNT(commands); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        result = layer_open(&l, argv[2], err);
        if (result < 0)
            return result;
        result = commands[i].run(argc - 2, argv + 2, l, err);
        kist_layer_close(l);
        return result;
    }
    return kist_error_set(err, KIST_E_USAGE,
                          "usage: layer_tool make TAR LAYER [zstd|gzip] [WORKERS] | "
                          "list|sums|implied|tar|read|verify|info LAYER [PATH]");
}

int main(int argc, char **argv)
{
    struct kist_error err = {0};
    int result = run(argc, argv, &err);

    if (result >= 0 && fflush(stdout) != 0)
        result = kist_error_sys(&err, KIST_E_IO, errno, "cannot write standard output");
    if (result < 0)
        fprintf(stderr, "layer_tool: %s\n", err.message);
    return result < 0 ? kist_error_exit_status(result) : 0;
}
