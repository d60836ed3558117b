/* The end of a server that lets what runs finish. Layer: server. */
#ifndef CZ_SERVER_DRAIN_H
#define CZ_SERVER_DRAIN_H
#include <stdbool.h>
#include <stdint.h>

struct cz_connection;
struct cz_worker;

/* What one worker has to tell of its drain. */
typedef struct cz_drain_counts {
    uint64_t finished;
    uint64_t aborted;
    uint64_t bytes_unsent;
} cz_drain_counts_t;

/* Takes what waits at the listeners, closes them, and every connection without work. */
void cz_drain_begin(struct cz_worker *worker);

/* A connection of a worker that drains is closed, its output is not yet dropped. */
void cz_drain_count(struct cz_connection *connection);

/* Sees whether the worker has drained, and whether it was the last one. */
void cz_drain_check(struct cz_worker *worker);

#endif
