/*
 * Inside the simulator: the disk as processes see it, as it is on the medium, and the operations between the
 * two. Nodes are files and directories, named by a number that is never used again; node 0 is "/".
 */
#ifndef KIST_PORT_SIM_DISK_H
#define KIST_PORT_SIM_DISK_H

#include "port/file.h"
#include "port/sim.h"

#define SIM_BLOCK 4096U
#define SIM_NONE UINT32_MAX

struct sim_entry {
    char *name;
    uint32_t node;
};

struct sim_node {
    enum port_type type;
    int64_t mtime;
    unsigned mode;
    unsigned char *data; /* of a file */
    size_t size;
    struct sim_entry *entries; /* of a directory */
    size_t entry_count;
};

struct sim_state {
    struct sim_node *nodes;
    size_t node_count;
};

enum sim_op_kind { SIM_WRITE, SIM_TRUNCATE, SIM_LINK, SIM_UNLINK, SIM_RENAME };

struct sim_op {
    enum sim_op_kind kind;
    uint32_t node;         /* the file written, or what is named */
    uint32_t dir, to;      /* directories; to: of a rename */
    char *name, *new_name; /* in them */
    uint64_t offset;       /* of a write; the size of a truncation */
    unsigned char *data;
    size_t len;
};

struct port_sim_disk {
    struct sim_state now, medium;
    struct sim_op *ops; /* pending, in their order */
    size_t op_count;
    uint64_t capacity;
    uint64_t random; /* state of the generator */
    int64_t clock;   /* milliseconds since 1970 */
};

/* The one that is in the machine. */
extern struct port_sim_disk sim_disk;

/* Memory of the simulator itself: never fails, as tests do not make it fail. */
void *sim_alloc(void *old, size_t size);
char *sim_text(const char *text);

/* ---- the disk (disk.c) ---- */

void sim_disk_clear(struct port_sim_disk *disk);
void sim_disk_copy(struct port_sim_disk *to, const struct port_sim_disk *from);

void sim_state_copy(struct sim_state *to, const struct sim_state *from);
void sim_op_release(struct sim_op *op);
/* Carries op out in one state only. */
void sim_apply(struct sim_state *state, const struct sim_op *op);
void sim_resize(struct sim_node *file, size_t size);
/* op is about names, not about what a file contains. */
bool sim_names(const struct sim_op *op);

uint32_t sim_node_new(enum port_type type);
/* SIM_NONE where there is no such name. */
uint32_t sim_find(const struct sim_state *state, uint32_t dir, const char *name);
/* The node at an absolute path. */
uint32_t sim_walk(const struct sim_state *state, const char *path);
/* Bytes taken by one node, and by it and all below it, in whole blocks. */
uint64_t sim_allocated(uint32_t at);
uint64_t sim_usage(uint32_t at);
/* Something changed: whatever is watched is looked at. */
void sim_watch(void);
/* Bytes taken by all that has a name. */
uint64_t sim_used(void);

/* Carries op out, and notes it as pending. Takes nothing over. */
void sim_do(const struct sim_op *op);
/* Everything pending that is about the contents of node, or about names in directory node, is on the medium
 * now. */
void sim_sync_file(uint32_t node);
void sim_sync_dir(uint32_t node);

/* ---- the gate that every call passes (sim.c) ---- */

enum sim_call { SIM_READS, SIM_CHANGES, SIM_TAKES_SPACE /* and changes */ };

struct sim_place {
    const char *verb, *at, *name; /* for the message; name may be NULL */
    unsigned process;             /* the one that asks */
};

/* Of the process that runs now: a handle that has another number belongs to a dead one. */
unsigned sim_process(void);
/* 0: go on, and return what sim_leave says. */
int sim_enter(const struct sim_place *place, enum sim_call call, struct kist_error *err) KIST_CHECKED;
/* rc, unless the process died in this call. */
int sim_leave(const struct sim_place *place, int rc, struct kist_error *err) KIST_CHECKED;
/* "cannot <verb> '<at>/<name>': <cause>". Returns the code it chose. */
int sim_error(struct kist_error *err, int sys_errno, const struct sim_place *place);
bool sim_name_ok(const char *name);
void sim_handle_count(int change);

/* ---- handles ---- */

struct port_dir {
    uint32_t node;
    unsigned process;
    char path[]; /* as opened */
};

#endif
