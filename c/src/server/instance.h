/* A server's inside, for the files that make its life. Layer: server. */
#ifndef CZ_SERVER_INSTANCE_H
#define CZ_SERVER_INSTANCE_H
#include "server/crowd.h"
#include "server/endpoint.h"
#include "server/gate.h"
#include "server/peer.h"
#include "server/worker.h"

#define CZ_HOST_SIZE   64
#define CZ_WORKERS_MAX 256u

typedef struct cz_signal_watch {
    uv_signal_t handle;
    struct cz_signal_watch *next;
    catzilla_server_t *server;
    void (*callback)(catzilla_server_t *server, int signum, void *user_data);
    void *user_data;
} cz_signal_watch_t;

typedef enum cz_server_state {
    CZ_SERVER_IDLE,
    CZ_SERVER_RUNNING,
    CZ_SERVER_ENDED
} cz_server_state_t;

struct catzilla_server {
    catzilla_server_options_t options;
    char host[CZ_HOST_SIZE];
    cz_routes_t routes;
    cz_signal_watch_t *signals; /* in the loop of the first worker */
    cz_gate_t gate;
    atomic_bool lacks_descriptors;    /* and has said so */
    _Atomic(uint32_t) accepts_failed; /* that have not been told of */
    _Atomic(uint64_t) accept_tell_ms; /* when they may be */
    cz_crowd_t crowd;
    cz_endpoint_t *endpoints;
    cz_trusted_t *trusted;
    const cz_endpoint_t *trouble; /* the one on which listening has failed last */
    atomic_bool handed_over;
    _Atomic(uint16_t) port; /* 0 until it listens */
    atomic_bool stop_asked;
    atomic_bool drain_asked;
    atomic_bool drain_set; /* the deadline can be read */
    _Atomic(uint32_t) drain_deadline_ms;
    _Atomic(uint32_t) drained_workers;
    uv_timer_t drain_timer; /* in the loop of the first worker */
    bool drain_timed;       /* it is open */
    void (*on_drain)(catzilla_server_t *server, catzilla_loop_t *loop, void *user_data);
    void *on_drain_data;
    uint64_t drain_live_bytes[6];
    bool listening;
    bool threaded;  /* started by catzilla_server_start(), not joined yet */
    bool in_loop;   /* of the caller */
    bool destroyed; /* and is released when the loop has let go of it */
    void (*on_end)(catzilla_server_t *server, void *user_data);
    void *end_data;
    cz_server_state_t state;
    uint32_t worker_count;
    cz_worker_t workers[];
};

/* Copies what the caller's struct has over the defaults in `out`, and checks it. */
int cz_options_read(const catzilla_server_options_t *given, catzilla_server_options_t *out);

/* Does in the worker's loop what has been asked of the server. */
void cz_server_look(cz_worker_t *worker);

/* Every worker has closed; in the thread that ran or joined them. */
void cz_server_ended(catzilla_server_t *server);

/* The caller's loop has let go of the worker; the server may be gone when it returns. */
void cz_server_left_loop(catzilla_server_t *server);

/* A handler could not open a file; true where that has been told before. Any thread. */
bool cz_server_lacks(catzilla_server_t *server);

/* Makes all workers look; any thread, async-signal-safe. */
void cz_server_wake(catzilla_server_t *server);

/* Closes the watches of signals, in the loop of the first worker; and releases them after that. */
void cz_signals_stop(catzilla_server_t *server);
void cz_signals_free(catzilla_server_t *server);

#endif
