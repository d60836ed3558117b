/* Signals that a server watches, in the loop of its first worker. */
#include "server/instance.h"

#include <string.h>

static void on_closed(uv_handle_t *handle)
{
    cz_signal_watch_t *watch = handle->data;
    cz_worker_handle_closed(&watch->server->workers[0]);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    cz_signal_watch_t *watch = handle->data;
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
    cz_worker_t *worker = &server->workers[0];
    if (server->state == CZ_SERVER_ENDED || worker->stopping)
        return CATZILLA_ERR_STATE;
    cz_signal_watch_t *watch = catzilla_malloc(sizeof *watch);
    if (watch == NULL)
        return CATZILLA_ERR_NOMEM;
    memset(watch, 0, sizeof *watch);
    if (uv_signal_init(worker->loop, &watch->handle) != 0) {
        catzilla_free(watch);
        return CATZILLA_ERR_SYSTEM;
    }
    worker->handles++;
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
    uv_close((uv_handle_t *)&watch->handle, on_closed);
    return rc == UV_EINVAL ? CATZILLA_ERR_INVALID : CATZILLA_ERR_SYSTEM;
}

void cz_signals_stop(catzilla_server_t *server)
{
    for (cz_signal_watch_t *watch = server->signals; watch != NULL; watch = watch->next)
        if (!uv_is_closing((uv_handle_t *)&watch->handle))
            uv_close((uv_handle_t *)&watch->handle, on_closed);
}

void cz_signals_free(catzilla_server_t *server)
{
    while (server->signals != NULL) {
        cz_signal_watch_t *watch = server->signals;
        server->signals = watch->next;
        catzilla_free(watch);
    }
}
