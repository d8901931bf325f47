/*
 * What a container wrote, kept in a ring "log". A record is a line in CRI's form (kubernetes' container runtime interface):
 * "<time> stdout|stderr F|P <text>\n", the time RFC 3339 in UTC with nine digits of a second, P: the line goes on in the
 * next record of that stream.
 */
#ifndef KIST_CONTAINER_OUTPUT_H
#define KIST_CONTAINER_OUTPUT_H

#include "container/ring.h"

#define KIST_OUTPUT_NAME "log"
#define KIST_OUTPUT_HEAD 40 /* bytes before a record's text */
#define KIST_OUTPUT_TIME 30 /* of them, the time's */

/* stream 1 or 2; what cannot be written is lost, and not waited for. ring may be NULL. */
void kist_output_add(struct kist_ring *ring, int stream, const char *data, size_t len);

struct kist_output_record {
    const char *time; /* KIST_OUTPUT_TIME characters */
    int stream;       /* 1 or 2 */
    bool whole;       /* a newline follows the text */
    const char *text;
    size_t len;
};

/* A line of the ring without its newline; false: it is none of ours, or was torn. */
bool kist_output_parse(struct kist_output_record *record, const char *line, size_t len) KIST_CHECKED;

#endif
