/* An HTTP/1.1 server: its options, routes and life cycle. Layer: server. */
#ifndef CATZILLA_SERVER_H
#define CATZILLA_SERVER_H
#include <catzilla/response.h>
#include <catzilla/router.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Opaque; lives in the general class, its routes in the static class. Any number of servers may
 * exist in a process, in turn and at once; they share nothing.
 */
typedef struct catzilla_server catzilla_server_t;

/* How grave a log line is. */
typedef enum catzilla_log_level {
    CATZILLA_LOG_ERROR = 0,
    CATZILLA_LOG_WARNING = 1,
    CATZILLA_LOG_INFO = 2,
    CATZILLA_LOG_DEBUG = 3
} catzilla_log_level_t;

/* Takes one line without its end; called in the thread of the loop that it is about. */
typedef void (*catzilla_server_log_fn)(int level, const char *message, void *user_data);

/* One finished reply, for an access log. Fields are only ever added at the end. */
typedef struct catzilla_access {
    size_t size;             /* of this struct, as the library was compiled */
    catzilla_slice_t peer;   /* as catzilla_request_peer() */
    catzilla_slice_t method; /* empty when the request could not be parsed, like `target` */
    catzilla_slice_t target;
    int status;
    uint64_t body_bytes;      /* of the reply, as far as it was sent */
    uint64_t duration_ns;     /* from the request's first byte to the reply's completion */
    uint64_t time_ms;         /* of the completion, since 1970 */
    uint64_t memory_peak;     /* bytes that the request held at most, with what its handler took */
    uint32_t worker;          /* number of the loop, from 0 */
    catzilla_slice_t version; /* "HTTP/1.1"; empty like `method` */
    const catzilla_request_t *request; /* for its header; NULL where `method` is empty */
} catzilla_access_t;

/*
 * Called once for each reply, in the thread of the loop that gave it; slices end with the call. A
 * small reply is complete when it is handed over to be sent with others, any other one when its
 * last byte has been sent or its connection has ended. A reply put off whose client has left has
 * no bytes.
 */
typedef void (*catzilla_access_fn)(const catzilla_access_t *access, void *user_data);

/*
 * Start from the initialiser. Fields are only ever added at the end. A limit of 0 takes the
 * default, a timeout of 0 means none. With several workers the handlers and callbacks of a server
 * are called from as many threads at once, and limits are those of all workers together.
 */
typedef struct catzilla_server_options {
    size_t size;                /* as the caller compiled it; absent fields take defaults */
    const char *host;           /* a numeric IPv4 or IPv6 address */
    uint16_t port;              /* 0: the system chooses, catzilla_server_port() tells */
    int backlog;                /* connections that wait for accept */
    size_t max_target_bytes;    /* request target; past it 414 */
    size_t max_header_bytes;    /* request line and header section; past it 431 */
    uint32_t max_headers;       /* fields of the header section; past it 431 */
    uint32_t max_connections;   /* open at once, or left with a reply still put off; the rest waits
                                   in the backlog. Lowered, with a warning, to what RLIMIT_NOFILE
                                   allows when the server listens: half of the free descriptors, at
                                   most 1024, are kept for files */
    size_t max_body_bytes;      /* body after chunked decoding; past it 413 */
    uint32_t header_timeout_ms; /* from the first byte of a request to the end of its head: 408 */
    uint32_t body_timeout_ms;   /* a body that does not move on for as long (min_rate): 408 */
    uint32_t idle_timeout_ms;   /* between requests; the connection is closed */
    uint32_t write_timeout_ms;  /* a peer that reads less than min_rate for as long: closed */
    catzilla_server_log_fn log; /* NULL: nothing is logged */
    void *log_data;             /* handed to `log` */
    catzilla_access_fn access;  /* NULL: no access log */
    void *access_data;          /* handed to `access` */
    uint32_t workers;           /* loops, each in a thread; at most 256 */
    size_t max_extension_bytes; /* chunk extensions of one body together, and leading zeros of
                                   chunk sizes; past it 413 */
    size_t max_output_bytes;    /* queued for one connection; past it nothing more is read */
    size_t max_request_memory;  /* head, body unless read as it comes, and what handlers take of
                                   one request: 431, 413, and NULL for the handler; at most 2 GiB */
    uint32_t max_requests;      /* on one connection, which then ends */
    uint32_t total_timeout_ms;  /* from a request's first byte to its reply's last: 408 or closed */
    uint32_t min_rate;          /* bytes a second that a body, and a peer that reads, move on the
                                   average of their timeout; 0: a byte in all of it will do */
    uint32_t retry_after_s;     /* what a 503 tells; 0: nothing */
    uint32_t log_level;         /* messages past this catzilla_log_level_t are left out */
    uint32_t max_address_connections; /* open at once from one IPv4 address, or one /64 of IPv6;
                                         more are closed at once */
    int pin_workers;            /* each worker's thread stays on a processor of its own, in turn */
    uint32_t linger_timeout_ms; /* a peer that has its last reply, or still takes it, and has not
                                   closed: closed after as long without a byte either way; 0: the
                                   connection is closed when the reply is handed to the system */
    uint32_t linger_total_ms;   /* the same in all, however much it says; 0: no more than that */
    uint32_t half_closed_timeout_ms; /* a reply put off or streamed whose peer has closed its half,
                                        as one does that has left, and takes nothing: closed; and
                                        how often peers that are not read from now are looked at */
    uint32_t keepalive_ms;           /* after as long a silence the system asks whether the peer is
                                        still there, and after twice as long it is given up */
} catzilla_server_options_t;

/* The defaults. */
#define CATZILLA_SERVER_OPTIONS_INIT                                                               \
    {                                                                                              \
        sizeof(catzilla_server_options_t), "127.0.0.1", 0, 511, 8192, 65536, 100, 16384, 1u << 20, \
            10000, 30000, 60000, 30000, NULL, NULL, NULL, NULL, 1, 4096, 256u << 10, 8u << 20,     \
            UINT32_MAX, 0, 0, 1, CATZILLA_LOG_INFO, UINT32_MAX, 0, 2000, 30000, 10000, 60000       \
    }

/**
 * Creates a server that does not listen yet. NULL options mean the defaults.
 * Memory:  copies the options, the host included, into the general class.
 * Threads: any.
 * Errors:  CATZILLA_ERR_INVALID for options that contradict themselves or are newer than the
 *          library, and for a host of 64 characters or more; CATZILLA_ERR_NOMEM;
 *          CATZILLA_ERR_SYSTEM where no loop can be made.
 */
CATZILLA_API int catzilla_server_create(const catzilla_server_options_t *options,
                                        catzilla_server_t **out);

struct uv_loop_s; /* libuv's uv_loop_t; only those who lend one need its header */

/**
 * Creates a server with one worker that lives in the caller's loop. catzilla_server_start() then
 * returns at once, and serving happens while the caller runs the loop; catzilla_server_stop() and
 * _drain() take effect there, and `on_end`, unless NULL, is called when the loop holds nothing of
 * the server any more. catzilla_server_destroy() may be called then, in the callback too, or
 * before: the server stops and is released after the callback, so the loop has to run until then.
 * libuv writes to sockets in a way that raises SIGPIPE; the caller's program has to ignore it.
 * Memory:  as catzilla_server_create(); borrows the loop and `user_data` until the end.
 * Threads: the loop's, also for all other calls save stop and drain, which end with the server.
 * Errors:  CATZILLA_ERR_INVALID for more than one worker too, else as catzilla_server_create().
 */
CATZILLA_API int
catzilla_server_create_in_loop(const catzilla_server_options_t *options, struct uv_loop_s *loop,
                               void (*on_end)(catzilla_server_t *server, void *user_data),
                               void *user_data, catzilla_server_t **out);

/**
 * Answers `method` on `pattern` with `handler`. Patterns are those of router.h, such as
 * "/users/{id}" and "/files/{path*}". GET answers HEAD too.
 * Memory:  copies method and pattern into the static class; borrows `user_data` until destroy.
 * Threads: one at a time, before the server runs.
 * Errors:  CATZILLA_ERR_PATTERN; CATZILLA_ERR_CONFLICT where the same method and pattern shape
 *          exist (the log names both patterns); CATZILLA_ERR_INVALID for a method that is no
 *          method of HTTP; CATZILLA_ERR_LIMIT past 64 methods; CATZILLA_ERR_STATE once the server
 *          runs; CATZILLA_ERR_NOMEM.
 */
CATZILLA_API int catzilla_server_route(catzilla_server_t *server, const char *method,
                                       const char *pattern, catzilla_handler_t handler,
                                       void *user_data);

/**
 * As catzilla_server_route(), but the handler runs when the head of a request is complete, and
 * decides by catzilla_request_read_body() how the body is read.
 * Memory:  as catzilla_server_route().
 * Threads: one at a time, before the server runs.
 * Errors:  those of catzilla_server_route().
 */
CATZILLA_API int catzilla_server_route_streaming(catzilla_server_t *server, const char *method,
                                                 const char *pattern, catzilla_handler_t handler,
                                                 void *user_data);

/* One loop of a server, which a request stays in for its whole life. */
typedef struct catzilla_loop catzilla_loop_t;

/**
 * The loop that serves a request.
 * Memory:  lives until the server is destroyed.
 * Threads: the request's loop.
 */
CATZILLA_API catzilla_loop_t *catzilla_loop_of(const catzilla_request_t *request);

/**
 * Has `call` called with `user_data` in a loop soon, for threads that have something for a reply
 * which they do not own.
 * Memory:  borrows `user_data` until the call.
 * Threads: any.
 * Errors:  CATZILLA_ERR_STATE when the server has stopped, CATZILLA_ERR_NOMEM; `call` is not
 *          called then.
 */
CATZILLA_API int catzilla_loop_post(catzilla_loop_t *loop, void (*call)(void *user_data),
                                    void *user_data);

/**
 * The server's routes, for catzilla_router_at(), _has() and _explain(). What they lead to is the
 * server's own.
 * Memory:  borrowed from the server.
 * Threads: any, while nobody adds.
 */
CATZILLA_API const catzilla_router_t *catzilla_server_router(const catzilla_server_t *server);

/**
 * Binds and listens: on what was added by the functions of listener.h, else on the host and port
 * of the options. Connections wait in the backlog until the server runs.
 * Threads: one at a time.
 * Errors:  CATZILLA_ERR_ADDRESS_IN_USE, also where several workers would share the port,
 *          CATZILLA_ERR_ADDRESS for a host that is not numeric or not this machine's and for a
 *          path that cannot be had, CATZILLA_ERR_ACCESS, CATZILLA_ERR_STATE when it listens
 *          already, CATZILLA_ERR_NOMEM, CATZILLA_ERR_SYSTEM; the server may listen again after
 *          each of them.
 */
CATZILLA_API int catzilla_server_listen(catzilla_server_t *server);

/**
 * Writes the port that is really bound to `out`, of several TCP addresses that of the first.
 * Threads: any, once catzilla_server_listen() has returned.
 * Errors:  CATZILLA_ERR_STATE before, or without a TCP address; `out` is 0 then.
 */
CATZILLA_API int catzilla_server_port(const catzilla_server_t *server, uint16_t *out);

/**
 * Serves in the caller's thread, and its further workers in threads of their own, until
 * catzilla_server_stop(); listens first if need be. When it returns every connection is closed
 * and the port is free. A server runs once.
 * Threads: one.
 * Errors:  those of catzilla_server_listen(); CATZILLA_ERR_STATE when it runs or has run, or
 *          lives in the caller's loop; CATZILLA_ERR_NOMEM where a loop gets no buffer, after
 *          which it may run again; CATZILLA_ERR_SYSTEM where a thread cannot be made.
 */
CATZILLA_API int catzilla_server_run(catzilla_server_t *server);

/**
 * Serves as catzilla_server_run() does, but every worker in a thread of its own, and returns at
 * once. catzilla_server_join() waits for the end; destroy stops and joins where nobody has.
 * Threads: one; the threads it makes block every signal.
 * Errors:  those of catzilla_server_run().
 */
CATZILLA_API int catzilla_server_start(catzilla_server_t *server);

/**
 * Waits until a server that was started has stopped, its connections closed and its port free.
 * Threads: one, and none of the server's own.
 * Errors:  CATZILLA_ERR_STATE where it was not started, or was joined already.
 */
CATZILLA_API int catzilla_server_join(catzilla_server_t *server);

/**
 * Makes catzilla_server_run() or _join() return soon, also a call yet to come. Idempotent. Open
 * connections are closed, replies under way are cut off.
 * Threads: any; async-signal-safe.
 * Errors:  none known; 0.
 */
CATZILLA_API int catzilla_server_stop(catzilla_server_t *server);

/**
 * Ends the server in order: connections that wait to be accepted still are, past
 * `max_connections` too, then no more come; those without a request are closed, the others after
 * the reply that they are about, and catzilla_server_run() or _join() returns. What is still open
 * after `deadline_ms`, or at a catzilla_server_stop() before that, is cut off; 0 is no deadline.
 * A reply that is put off or streamed and an upgraded connection end when their owners end them,
 * who are told by catzilla_server_on_drain(). Later calls change nothing.
 * Threads: any; async-signal-safe.
 * Errors:  none known; 0.
 */
CATZILLA_API int catzilla_server_drain(catzilla_server_t *server, uint32_t deadline_ms);

/**
 * Has `call` called in each of the server's loops when a drain begins there, after the idle
 * connections have been closed. A reply that is put off or streamed, an event stream and an
 * upgraded connection last until their owners end them: this is where those learn that it is time,
 * since without a deadline the drain waits for them for ever. NULL takes the call back.
 * Memory:  borrows `user_data` until the server is destroyed.
 * Threads: one at a time, before the server runs; `call` in the thread of `loop`.
 * Errors:  CATZILLA_ERR_STATE once the server runs.
 */
CATZILLA_API int catzilla_server_on_drain(catzilla_server_t *server,
                                          void (*call)(catzilla_server_t *server,
                                                       catzilla_loop_t *loop, void *user_data),
                                          void *user_data);

/* How a drain went. Fields are only ever added at the end. */
typedef struct catzilla_drain_report {
    size_t size;            /* as the caller compiled it */
    uint64_t finished;      /* connections that got their reply after the drain began */
    uint64_t aborted;       /* connections that ended with a request or reply under way */
    uint64_t bytes_unsent;  /* of replies to those */
    uint64_t live_bytes[6]; /* of each class, by catzilla_memory_type_t, in the whole process */
} catzilla_drain_report_t;

/* Nothing yet. */
#define CATZILLA_DRAIN_REPORT_INIT                                                                 \
    {                                                                                              \
        sizeof(catzilla_drain_report_t), 0, 0, 0,                                                  \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

/**
 * Writes how the drain went to `out`, which starts from the initialiser.
 * Threads: any, after catzilla_server_run() or _join() has returned.
 * Errors:  CATZILLA_ERR_STATE before that, or where nobody has asked for a drain;
 *          CATZILLA_ERR_INVALID for a struct newer than the library. `out` is untouched then.
 */
CATZILLA_API int catzilla_server_drain_report(const catzilla_server_t *server,
                                              catzilla_drain_report_t *out);

/**
 * Releases the server. NULL is a no-op.
 * Memory:  everything the server holds; never calls catzilla_memory_cleanup(), since other
 *          servers may live in the process.
 * Threads: one, and none of the server's own; after catzilla_server_run() has returned or when it
 *          never ran, and after every catzilla_server_stop() has.
 */
CATZILLA_API void catzilla_server_destroy(catzilla_server_t *server);

/**
 * Calls `callback` in the loop of the server's first worker when the process gets signal `signum`.
 * NULL as callback stops the server. The handler of the signal is process-wide: of several servers
 * that watch the same signal each gets its call.
 * Memory:  borrows `user_data` until destroy.
 * Threads: one at a time, before the server runs or from the callback of a signal.
 * Errors:  CATZILLA_ERR_INVALID for a signal that cannot be watched, CATZILLA_ERR_STATE once the
 *          server stops, CATZILLA_ERR_NOMEM, CATZILLA_ERR_SYSTEM.
 */
CATZILLA_API int catzilla_server_watch_signal(catzilla_server_t *server, int signum,
                                              void (*callback)(catzilla_server_t *server,
                                                               int signum, void *user_data),
                                              void *user_data);

/**
 * Makes libuv take all its memory from the general class. This is process-wide, so only a
 * program that owns its process asks for it, before anything in it has used libuv.
 * Threads: one, before any other thread uses libuv.
 * Errors:  CATZILLA_ERR_STATE once a server exists or existed; CATZILLA_ERR_SYSTEM where libuv
 *          refuses.
 */
CATZILLA_API int catzilla_server_use_class_memory(void);

/**
 * The version of the libuv in use, such as "1.44.2".
 * Memory:  the text is constant.
 * Threads: any.
 */
CATZILLA_API const char *catzilla_server_libuv_version(void);

/**
 * The version of the llhttp built in, such as "9.2.1".
 * Memory:  the text is constant.
 * Threads: any.
 */
CATZILLA_API const char *catzilla_server_llhttp_version(void);

#ifdef __cplusplus
}
#endif
#endif
