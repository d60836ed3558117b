/* One loop and all it owns. Layer: server. */
#ifndef CZ_SERVER_WORKER_H
#define CZ_SERVER_WORKER_H
#include "http/parser.h"
#include "http/pool.h"
#include "http/regions.h"
#include "http/response.h"
#include "server/deadline.h"
#include "server/drain.h"
#include "server/listener.h"
#include "server/posts.h"
#include "server/routes.h"

#include <catzilla/router.h>
#include <catzilla/server.h>
#include <pthread.h>
#include <uv.h>

#define CZ_READ_BUFFER_SIZE 65536u

struct cz_connection;

typedef struct cz_worker {
    uv_loop_t own_loop;
    uv_loop_t *loop;
    uv_async_t wake;
    pthread_t thread; /* of a worker that runs in a thread of ours */
    uint32_t index;
    uint32_t handles; /* of the loop that are the worker's, connections aside */
    catzilla_server_t *server;
    const catzilla_server_options_t *options;
    const cz_routes_t *routes;
    cz_limits_t limits;
    cz_host_memo_t host_memo;
    cz_listener_t *listeners;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t more; /* active while the worker hurries */
    uv_timer_t tick;
    uv_tcp_t spare; /* never opened: by the first of these a loop takes a descriptor for itself */
    cz_posts_t posts;
    char *read_buffer; /* shared by all connections; request class */
    cz_pool_t requests;
    cz_regions_t regions;
    cz_pool_t responses;
    cz_pool_t connections;
    cz_deadlines_t deadlines;
    struct cz_connection *open;       /* all connections */
    struct cz_connection *to_flush;   /* those with output that waits for the check */
    struct cz_connection **flush_end; /* where the next one goes */
    bool hurries; /* there is more to flush, and the loop does not wait for the sockets first */
    uint32_t open_count;
    bool stopping;
    bool draining;
    bool has_drained; /* no connection is left */
    cz_drain_counts_t drained;
    bool date_fresh;        /* cleared once an iteration of the loop, as is `wall_ahead_ns` */
    uint64_t ticked_ms;     /* the loop's time at the last tick */
    bool tick_skipped;      /* the last one, as it came late */
    bool active;            /* a request was served since the last tick */
    uint64_t wall_ahead_ns; /* what the time since 1970 has over the loop's clock; 0: to be asked */
    int64_t date_second;
    char date_line[CZ_DATE_LINE_SIZE];
    char apart[128]; /* so that two workers share no cache line */
} cz_worker_t;

/*
 * Makes the worker ready on `loop`, or on one of its own; index, server, options and limits are
 * filled by the instance. On failure a loop of its own is gone again.
 */
int cz_worker_open(cz_worker_t *worker, uv_loop_t *loop);

/* What serving needs; the first connection comes when the loop runs. */
int cz_worker_start(cz_worker_t *worker);

/* Runs the loop until the worker has stopped and is closed; in the thread that is to serve. */
void cz_worker_run(cz_worker_t *worker);

/* Makes the loop look at what has been asked for; any thread, async-signal-safe. */
void cz_worker_wake(cz_worker_t *worker);

/* Closes listeners and connections; the loop then runs out of handles. */
void cz_worker_stop(cz_worker_t *worker);

/* Runs out a loop of its own, and releases what is left. */
void cz_worker_close(cz_worker_t *worker);

/* Called when a handle counted in `handles` has closed. */
void cz_worker_handle_closed(cz_worker_t *worker);

/* Sees to it that the tick runs. */
void cz_worker_tick_start(cz_worker_t *worker);

/* The Date line of this second. */
const char *cz_worker_date_renew(cz_worker_t *worker);
static inline const char *cz_worker_date(cz_worker_t *worker)
{
    return worker->date_fresh ? worker->date_line : cz_worker_date_renew(worker);
}

/* Milliseconds since 1970, for a reading of the loop's clock in this iteration. */
uint64_t cz_worker_wall_ms(cz_worker_t *worker, uint64_t now_ns);

/* Puts a connection on the list of those that the check flushes. */
void cz_worker_flush_later(cz_worker_t *worker, struct cz_connection *connection);

/* Takes one that is about to go off that list; seldom, as the check has mostly been there. */
void cz_worker_flush_never(cz_worker_t *worker, struct cz_connection *connection);

/* Called when a connection has gone. */
void cz_worker_connection_closed(cz_worker_t *worker);

/* One line to the log callback. */
void cz_log(const catzilla_server_options_t *options, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
