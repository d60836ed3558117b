/*
 * A server: its options, its routes and its life. It has a worker for each loop; whoever calls
 * catzilla_server_run() lends the first one its thread. Everything that several threads touch is
 * an atomic flag, the gate, or a worker's handle for being woken.
 */
#include "server/instance.h"

#include "http/parser.h"

#include <string.h>

/*
 * Whether libuv may hold memory from the allocator it has now: libuv's allocator is one for the
 * process, so this too is a fact about the process and not about a server.
 */
static atomic_bool libuv_in_use;

void cz_server_wake(catzilla_server_t *server)
{
    for (uint32_t i = 0; i < server->worker_count; i++)
        cz_worker_wake(&server->workers[i]);
}

bool cz_server_lacks(catzilla_server_t *server)
{
    if (atomic_exchange(&server->lacks_descriptors, true))
        return true;
    cz_log(&server->options, CATZILLA_LOG_ERROR,
           "no more file descriptors: raise RLIMIT_NOFILE or lower max_connections; "
           "replies that want a file are 503 meanwhile, and this is said once");
    return false;
}

static void on_timer_closed(uv_handle_t *handle)
{
    catzilla_server_t *server = handle->data;
    cz_worker_handle_closed(&server->workers[0]);
}

static void worker_stop(cz_worker_t *worker)
{
    catzilla_server_t *server = worker->server;
    if (worker->index == 0)
        cz_signals_stop(server);
    if (worker->index == 0 && server->drain_timed)
        uv_close((uv_handle_t *)&server->drain_timer, on_timer_closed);
    if (worker->index == 0)
        server->drain_timed = false;
    cz_worker_stop(worker);
}

void cz_server_look(cz_worker_t *worker)
{
    catzilla_server_t *server = worker->server;
    if (atomic_load(&server->drain_set) && !worker->stopping)
        cz_drain_begin(worker);
    if (atomic_load(&server->stop_asked))
        worker_stop(worker);
}

void cz_server_ended(catzilla_server_t *server)
{
    server->state = CZ_SERVER_ENDED;
    cz_endpoints_unlink(server);
    for (int type = CATZILLA_MEMORY_REQUEST; type <= CATZILLA_MEMORY_GENERAL; type++) {
        size_t live = 0;
        catzilla_memory_get_arena_stats((catzilla_memory_type_t)type, &live, NULL);
        server->drain_live_bytes[type] = live;
    }
}

static void worker_fill(catzilla_server_t *server, uint32_t index)
{
    cz_worker_t *worker = &server->workers[index];
    const catzilla_server_options_t *options = &server->options;
    worker->index = index;
    worker->server = server;
    worker->options = options;
    worker->routes = &server->routes;
    worker->limits.max_target_bytes = options->max_target_bytes;
    worker->limits.max_header_bytes = options->max_header_bytes;
    worker->limits.max_headers = options->max_headers;
    worker->limits.max_body_bytes = options->max_body_bytes;
    worker->limits.max_extension_bytes = options->max_extension_bytes;
    worker->limits.max_memory = options->max_request_memory;
    if (worker->limits.max_header_bytes > worker->limits.max_memory)
        worker->limits.max_header_bytes = worker->limits.max_memory;
    worker->limits.host_memo = &worker->host_memo;
    cz_parser_prepare(&worker->limits);
}

/* Closes loops that do not run. */
static void workers_close(catzilla_server_t *server)
{
    for (uint32_t i = 0; i < server->worker_count; i++) {
        worker_stop(&server->workers[i]);
        cz_worker_close(&server->workers[i]);
    }
}

static void release(catzilla_server_t *server)
{
    for (uint32_t i = 0; i < server->worker_count; i++) {
        cz_worker_t *worker = &server->workers[i];
        if (worker->loop == &worker->own_loop)
            uv_loop_close(worker->loop);
        cz_posts_close(&worker->posts); /* until now others may have asked it to call them */
    }
    cz_signals_free(server);
    cz_endpoints_free(server);
    cz_crowd_close(&server->crowd);
    while (server->trusted != NULL) {
        cz_trusted_t *trusted = server->trusted;
        server->trusted = trusted->next;
        catzilla_free(trusted);
    }
    cz_routes_close(&server->routes);
    catzilla_free(server);
}

static int create(const catzilla_server_options_t *options, uv_loop_t *loop,
                  catzilla_server_t **out)
{
    catzilla_server_options_t own;
    *out = NULL;
    int rc = cz_options_read(options, &own);
    if (rc == 0 && loop != NULL && own.workers != 1)
        rc = CATZILLA_ERR_INVALID;
    if (rc != 0)
        return rc;
    size_t size = sizeof(catzilla_server_t) + own.workers * sizeof(cz_worker_t);
    catzilla_server_t *server = catzilla_malloc(size);
    if (server == NULL)
        return CATZILLA_ERR_NOMEM;
    memset(server, 0, size);
    server->options = own;
    memcpy(server->host, own.host, strlen(own.host) + 1);
    server->options.host = server->host;
    server->gate.limit = own.max_connections;
    cz_crowd_open(&server->crowd, own.max_address_connections);
    atomic_store(&libuv_in_use, true);
    rc = cz_routes_open(&server->routes, &server->options);
    for (uint32_t i = 0; i < own.workers && rc == 0; i++) {
        worker_fill(server, i);
        rc = cz_worker_open(&server->workers[i], loop);
        if (rc == 0)
            server->worker_count++;
    }
    if (rc != 0) {
        workers_close(server);
        release(server);
        return rc;
    }
    *out = server;
    return 0;
}

int catzilla_server_create(const catzilla_server_options_t *options, catzilla_server_t **out)
{
    return create(options, NULL, out);
}

int catzilla_server_create_in_loop(const catzilla_server_options_t *options, struct uv_loop_s *loop,
                                   void (*on_end)(catzilla_server_t *server, void *user_data),
                                   void *user_data, catzilla_server_t **out)
{
    int rc = loop == NULL ? CATZILLA_ERR_INVALID : create(options, loop, out);
    if (loop == NULL)
        *out = NULL;
    if (rc != 0)
        return rc;
    (*out)->in_loop = true;
    (*out)->on_end = on_end;
    (*out)->end_data = user_data;
    return 0;
}

void cz_server_left_loop(catzilla_server_t *server)
{
    bool released = server->destroyed;
    cz_worker_close(&server->workers[0]);
    cz_server_ended(server);
    /* The callback may destroy the server, where that has not been asked for yet. */
    if (server->on_end != NULL)
        server->on_end(server, server->end_data);
    if (released)
        release(server);
}

int catzilla_server_listen(catzilla_server_t *server)
{
    if (server->state != CZ_SERVER_IDLE || server->listening)
        return CATZILLA_ERR_STATE;
    return cz_endpoints_listen(server);
}

int catzilla_server_port(const catzilla_server_t *server, uint16_t *out)
{
    *out = atomic_load(&server->port);
    return *out == 0 ? CATZILLA_ERR_STATE : 0;
}

int catzilla_server_stop(catzilla_server_t *server)
{
    /* Wakes nobody twice: the second stop may come when only destroy may follow. */
    if (!atomic_exchange(&server->stop_asked, true))
        cz_server_wake(server);
    return 0;
}

void catzilla_server_destroy(catzilla_server_t *server)
{
    if (server == NULL)
        return;
    if (server->in_loop && server->state != CZ_SERVER_ENDED) {
        if (!server->destroyed)
            worker_stop(&server->workers[0]);
        server->destroyed = true;
        return;
    }
    if (server->destroyed)
        return;
    if (server->threaded) {
        catzilla_server_stop(server);
        catzilla_server_join(server);
    }
    if (server->state != CZ_SERVER_ENDED)
        workers_close(server);
    release(server);
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
