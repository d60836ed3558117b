/*
 * Requests of every kind that a server has to do with, and the servers that they are for: what is
 * tried on each of them leaves out none.
 */
#ifndef TESTS_SERVER_KINDS_H
#define TESTS_SERVER_KINDS_H
#include <catzilla/server.h>
#include <catzilla/static.h>

#include <stddef.h>
#include <stdint.h>

typedef struct kind {
    const char *name;
    const char *text;
    size_t body_size; /* of bytes that follow the text */
    unsigned server;  /* what it is like that is asked */
} kind_t;

extern const kind_t kinds[];
extern const size_t kind_count;

/* A group's setup and teardown: the files that some kinds ask for. */
int kinds_begin(void **state);
int kinds_end(void **state);

/* A mount of these files; the caller destroys it. */
catzilla_static_t *kinds_mount(void);

/* Runs `script` on a new server, turn by turn, and destroys that. */
void kind_serve(const kind_t *kind, catzilla_static_t *files,
                void (*script)(uint16_t port, void *data), void *data);

/* The server that kind_serve() runs, and what its drain reported if there was one. */
extern catzilla_server_t *kind_server;
extern catzilla_drain_report_t kind_report;

/* Sends the request in pieces, so that an unfinished head and body are kept. */
void kind_send(int fd, const kind_t *kind);

/* The live bytes of each class. */
enum { CLASSES = CATZILLA_MEMORY_GENERAL + 1 };
void live_bytes(size_t out[CLASSES]);

#endif
