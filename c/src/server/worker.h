/* One loop and all it owns. Layer: server. */
#ifndef CZ_SERVER_WORKER_H
#define CZ_SERVER_WORKER_H
#include "http/parser.h"
#include "http/pool.h"
#include "http/response.h"
#include "server/deadline.h"
#include "server/posts.h"

#include <catzilla/router.h>
#include <catzilla/server.h>
#include <uv.h>

#define CZ_READ_BUFFER_SIZE 65536u

struct cz_connection;

/* What a route leads to; lives in the static class. */
typedef struct cz_route_target {
    struct cz_route_target *next;
    catzilla_handler_t handler;
    void *user_data;
    bool streaming; /* the handler runs when the head is complete */
} cz_route_target_t;

typedef struct cz_worker {
    uv_loop_t *loop;
    catzilla_server_t *server;
    const catzilla_server_options_t *options;
    const catzilla_router_t *router;
    cz_limits_t limits;
    uv_tcp_t listener;
    uv_check_t check;
    uv_timer_t tick;
    cz_posts_t posts;
    char *read_buffer; /* shared by all connections; request class */
    cz_pool_t requests;
    cz_pool_t responses;
    cz_pool_t connections;
    cz_deadlines_t deadlines;
    struct cz_connection *open;       /* all connections */
    struct cz_connection *to_flush;   /* those with output that waits for the check */
    struct cz_connection **flush_end; /* where the next one goes */
    uint32_t open_count;
    bool streaming_routes; /* there are some */
    bool listening;
    bool accept_waits; /* a connection is ready, but as many as may be are open */
    bool stopping;
    bool date_fresh; /* cleared once an iteration of the loop */
    bool active;     /* a request was served since the last tick */
    int64_t date_second;
    char date_line[CZ_DATE_LINE_SIZE];
} cz_worker_t;

/* Binds the listener; codes of catzilla_server_listen(). */
int cz_worker_listen(cz_worker_t *worker, const char *host, uint16_t port, int backlog);

/* Makes the worker ready on `loop`; the rest of the struct is filled by the instance. */
int cz_worker_open(cz_worker_t *worker, uv_loop_t *loop);

/* Starts to accept. */
int cz_worker_start(cz_worker_t *worker);

/* Closes the listener and every connection; the loop then runs out of handles. */
void cz_worker_stop(cz_worker_t *worker);

/* Releases what is left, after the loop has run out. */
void cz_worker_close(cz_worker_t *worker);

/* The Date line of this second. */
const char *cz_worker_date(cz_worker_t *worker);

/* Puts a connection on the list of those that the check flushes. */
void cz_worker_flush_later(cz_worker_t *worker, struct cz_connection *connection);

/* Called when a connection has gone. */
void cz_worker_connection_closed(cz_worker_t *worker);

/* One line to the log callback. */
void cz_log(const catzilla_server_options_t *options, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
