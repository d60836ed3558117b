/*
 * A server: its options, its routes and its life. It owns one loop and one worker; whoever calls
 * catzilla_server_run() lends the thread. Everything another thread may touch is an atomic flag
 * and the loop's async handle.
 */
#include "server/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

typedef struct signal_watch {
    uv_signal_t handle;
    struct signal_watch *next;
    catzilla_server_t *server;
    void (*callback)(catzilla_server_t *server, int signum, void *user_data);
    void *user_data;
} signal_watch_t;

typedef enum server_state { STATE_IDLE, STATE_RUNNING, STATE_ENDED } server_state_t;

struct catzilla_server {
    catzilla_server_options_t options;
    char host[64];
    uv_loop_t loop;
    uv_async_t wake;
    cz_worker_t worker;
    catzilla_router_t *router;
    cz_route_target_t *targets;
    signal_watch_t *signals;
    _Atomic(uint16_t) port; /* 0 until it listens */
    atomic_bool stop_asked;
    server_state_t state;
};

/*
 * Whether libuv may hold memory from the allocator it has now: libuv's allocator is one for the
 * process, so this too is a fact about the process and not about a server.
 */
static atomic_bool libuv_in_use;

/* Copies what the caller's struct has; fields that it lacks keep their defaults. */
static int options_read(const catzilla_server_options_t *given, catzilla_server_options_t *out)
{
    const catzilla_server_options_t defaults = CATZILLA_SERVER_OPTIONS_INIT;
    if (given != NULL) {
        if (given->size < sizeof given->size || given->size > sizeof *given)
            return CATZILLA_ERR_INVALID;
        memcpy(out, given, given->size);
        out->size = sizeof *out;
    }
    if (out->host == NULL)
        out->host = defaults.host;
    if (out->backlog <= 0)
        out->backlog = defaults.backlog;
    if (out->max_target_bytes == 0)
        out->max_target_bytes = defaults.max_target_bytes;
    if (out->max_header_bytes == 0)
        out->max_header_bytes = defaults.max_header_bytes;
    if (out->max_headers == 0)
        out->max_headers = defaults.max_headers;
    if (out->max_connections == 0)
        out->max_connections = defaults.max_connections;
    if (out->max_body_bytes == 0)
        out->max_body_bytes = defaults.max_body_bytes;
    /* Offsets into a head have 32 bits and its fields are kept in one block. */
    if (out->max_header_bytes > (16u << 20) || out->max_headers > 4096 ||
        strlen(out->host) >= sizeof((catzilla_server_t *)NULL)->host)
        return CATZILLA_ERR_INVALID;
    return 0;
}

static void stop_all(catzilla_server_t *server)
{
    for (signal_watch_t *watch = server->signals; watch != NULL; watch = watch->next)
        if (!uv_is_closing((uv_handle_t *)&watch->handle))
            uv_close((uv_handle_t *)&watch->handle, NULL);
    if (!uv_is_closing((uv_handle_t *)&server->wake))
        uv_close((uv_handle_t *)&server->wake, NULL);
    cz_worker_stop(&server->worker);
}

static void on_wake(uv_async_t *wake)
{
    catzilla_server_t *server = wake->data;
    if (atomic_load(&server->stop_asked))
        stop_all(server);
}

static void worker_fill(catzilla_server_t *server)
{
    cz_worker_t *worker = &server->worker;
    const catzilla_server_options_t *options = &server->options;
    worker->server = server;
    worker->options = options;
    worker->router = server->router;
    worker->limits.max_target_bytes = options->max_target_bytes;
    worker->limits.max_header_bytes = options->max_header_bytes;
    worker->limits.max_headers = options->max_headers;
    worker->limits.max_body_bytes = options->max_body_bytes;
    worker->limits.max_extension_bytes = 4096;
}

int catzilla_server_create(const catzilla_server_options_t *options, catzilla_server_t **out)
{
    catzilla_server_options_t own = CATZILLA_SERVER_OPTIONS_INIT;
    *out = NULL;
    int rc = options_read(options, &own);
    if (rc != 0)
        return rc;
    catzilla_server_t *server = catzilla_malloc(sizeof *server);
    if (server == NULL)
        return CATZILLA_ERR_NOMEM;
    memset(server, 0, sizeof *server);
    server->options = own;
    memcpy(server->host, own.host, strlen(own.host) + 1);
    server->options.host = server->host;
    atomic_store(&libuv_in_use, true);
    rc = catzilla_router_create(&server->router);
    if (rc != 0)
        goto fail_server;
    rc = CATZILLA_ERR_SYSTEM;
    if (uv_loop_init(&server->loop) != 0)
        goto fail_router;
    if (uv_async_init(&server->loop, &server->wake, on_wake) != 0)
        goto fail_loop;
    server->wake.data = server;
    worker_fill(server);
    rc = cz_worker_open(&server->worker, &server->loop);
    if (rc != 0)
        goto fail_wake;
    *out = server;
    return 0;
fail_wake:
    uv_close((uv_handle_t *)&server->wake, NULL);
    uv_run(&server->loop, UV_RUN_DEFAULT);
fail_loop:
    uv_loop_close(&server->loop);
fail_router:
    catzilla_router_destroy(server->router);
fail_server:
    catzilla_free(server);
    return rc;
}

static int route_add(catzilla_server_t *server, const char *method, const char *pattern,
                     catzilla_handler_t handler, void *user_data, bool streaming)
{
    if (server->state != STATE_IDLE)
        return CATZILLA_ERR_STATE;
    if (handler == NULL)
        return CATZILLA_ERR_INVALID;
    cz_route_target_t *target = catzilla_static_alloc(sizeof *target);
    if (target == NULL)
        return CATZILLA_ERR_NOMEM;
    target->handler = handler;
    target->user_data = user_data;
    target->streaming = streaming;
    int rc = catzilla_router_add(server->router, method, pattern, target);
    if (rc != 0) {
        cz_log(&server->options, CATZILLA_LOG_ERROR, "route refused: %s",
               catzilla_router_trouble(server->router));
        catzilla_static_free(target);
        return rc;
    }
    target->next = server->targets;
    server->targets = target;
    server->worker.streaming_routes |= streaming;
    return 0;
}

int catzilla_server_route(catzilla_server_t *server, const char *method, const char *pattern,
                          catzilla_handler_t handler, void *user_data)
{
    return route_add(server, method, pattern, handler, user_data, false);
}

int catzilla_server_route_streaming(catzilla_server_t *server, const char *method,
                                    const char *pattern, catzilla_handler_t handler,
                                    void *user_data)
{
    return route_add(server, method, pattern, handler, user_data, true);
}

const catzilla_router_t *catzilla_server_router(const catzilla_server_t *server)
{
    return server->router;
}

int catzilla_server_listen(catzilla_server_t *server)
{
    struct sockaddr_storage address;
    int size = sizeof address;
    if (server->state != STATE_IDLE || server->worker.listening)
        return CATZILLA_ERR_STATE;
    int rc = cz_worker_listen(&server->worker, server->host, server->options.port,
                              server->options.backlog);
    if (rc != 0)
        return rc;
    if (uv_tcp_getsockname(&server->worker.listener, (struct sockaddr *)&address, &size) != 0)
        return CATZILLA_ERR_SYSTEM;
    bool v6 = address.ss_family == AF_INET6;
    uint16_t port = v6 ? ((const struct sockaddr_in6 *)&address)->sin6_port
                       : ((const struct sockaddr_in *)&address)->sin_port;
    atomic_store(&server->port, ntohs(port));
    return 0;
}

int catzilla_server_port(const catzilla_server_t *server, uint16_t *out)
{
    *out = atomic_load(&server->port);
    return *out == 0 ? CATZILLA_ERR_STATE : 0;
}

/*
 * libuv writes without MSG_NOSIGNAL, so a peer that goes away would end a host that does not
 * ignore SIGPIPE. Only this thread blocks it, and one that came meanwhile is taken off again.
 */
static bool pipe_signal_block(sigset_t *before)
{
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    return pthread_sigmask(SIG_BLOCK, &pipe, before) == 0 && sigismember(before, SIGPIPE) == 0;
}

static void pipe_signal_restore(const sigset_t *before)
{
    const struct timespec now = {0, 0};
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigtimedwait(&pipe, NULL, &now);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

int catzilla_server_run(catzilla_server_t *server)
{
    sigset_t before;
    int rc = 0;
    if (server->state != STATE_IDLE)
        return CATZILLA_ERR_STATE;
    if (!server->worker.listening)
        rc = catzilla_server_listen(server);
    if (rc == 0)
        rc = cz_worker_start(&server->worker);
    if (rc != 0)
        return rc;
    server->state = STATE_RUNNING;
    bool blocked = pipe_signal_block(&before);
    if (atomic_load(&server->stop_asked))
        stop_all(server);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    if (blocked)
        pipe_signal_restore(&before);
    cz_worker_close(&server->worker);
    server->state = STATE_ENDED;
    return 0;
}

int catzilla_server_stop(catzilla_server_t *server)
{
    /* The handle is gone once the first stop was seen, and only destroy may follow then. */
    if (!atomic_exchange(&server->stop_asked, true))
        uv_async_send(&server->wake);
    return 0;
}

void catzilla_server_destroy(catzilla_server_t *server)
{
    if (server == NULL)
        return;
    if (server->state != STATE_ENDED) {
        stop_all(server);
        uv_run(&server->loop, UV_RUN_DEFAULT);
        cz_worker_close(&server->worker);
    }
    uv_loop_close(&server->loop);
    while (server->signals != NULL) {
        signal_watch_t *watch = server->signals;
        server->signals = watch->next;
        catzilla_free(watch);
    }
    catzilla_router_destroy(server->router);
    while (server->targets != NULL) {
        cz_route_target_t *target = server->targets;
        server->targets = target->next;
        catzilla_static_free(target);
    }
    catzilla_free(server);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    signal_watch_t *watch = handle->data;
    if (watch->callback == NULL)
        catzilla_server_stop(watch->server);
    else
        watch->callback(watch->server, signum, watch->user_data);
}

int catzilla_server_watch_signal(catzilla_server_t *server, int signum,
                                 void (*callback)(catzilla_server_t *server, int signum,
                                                  void *user_data),
                                 void *user_data)
{
    if (server->state == STATE_ENDED || server->worker.stopping)
        return CATZILLA_ERR_STATE;
    signal_watch_t *watch = catzilla_malloc(sizeof *watch);
    if (watch == NULL)
        return CATZILLA_ERR_NOMEM;
    memset(watch, 0, sizeof *watch);
    if (uv_signal_init(&server->loop, &watch->handle) != 0) {
        catzilla_free(watch);
        return CATZILLA_ERR_SYSTEM;
    }
    watch->handle.data = watch;
    watch->server = server;
    watch->callback = callback;
    watch->user_data = user_data;
    watch->next = server->signals;
    server->signals = watch;
    int rc = uv_signal_start(&watch->handle, on_signal, signum);
    if (rc == 0)
        return 0;
    /* The record stays until destroy, as the loop still has to close the handle. */
    uv_close((uv_handle_t *)&watch->handle, NULL);
    return rc == UV_EINVAL ? CATZILLA_ERR_INVALID : CATZILLA_ERR_SYSTEM;
}

int catzilla_server_use_class_memory(void)
{
    if (atomic_exchange(&libuv_in_use, true))
        return CATZILLA_ERR_STATE;
    if (uv_replace_allocator(catzilla_malloc, catzilla_realloc, catzilla_calloc, catzilla_free) !=
        0)
        return CATZILLA_ERR_SYSTEM;
    return 0;
}

const char *catzilla_server_libuv_version(void)
{
    return uv_version_string();
}

const char *catzilla_server_llhttp_version(void)
{
    return cz_parser_version();
}
