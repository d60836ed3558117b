/*
 * Listening. One worker has one plain socket. For several the first is bound plainly too, so that
 * a taken port is an error; only then it allows SO_REUSEPORT, and the others join it.
 */
#define _GNU_SOURCE /* accept4 */
#include "server/connection.h"
#include "server/instance.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int code_of(int error)
{
    switch (error) {
    case EADDRINUSE:
        return CATZILLA_ERR_ADDRESS_IN_USE;
    case EADDRNOTAVAIL:
    case EINVAL:
    case EAFNOSUPPORT:
        return CATZILLA_ERR_ADDRESS;
    case EACCES:
    case EPERM:
        return CATZILLA_ERR_ACCESS;
    case ENOMEM:
        return CATZILLA_ERR_NOMEM;
    default:
        return CATZILLA_ERR_SYSTEM;
    }
}

void cz_listener_drop(int *fds, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

static int set(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on);
}

/* A bound socket, or -1 with errno. `joins` where a socket of ours has the address already. */
static int bind_one(const struct sockaddr *address, socklen_t size, bool joins)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    bool ready = set(fd, SOL_SOCKET, SO_REUSEADDR) == 0;
    if (joins)
        ready = ready && set(fd, SOL_SOCKET, SO_REUSEPORT) == 0;
    /* Else "::" would take the IPv4 port too, which a second listener may want. */
    if (address->sa_family == AF_INET6)
        ready = ready && set(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
    /* Accepted sockets inherit it; where that fails replies are merely later. */
    set(fd, IPPROTO_TCP, TCP_NODELAY);
    if (ready && bind(fd, address, size) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int cz_listener_bind_tcp(const char *host, uint16_t port, int backlog, uint32_t count, int *fds,
                         uint16_t *out_port)
{
    struct sockaddr_storage storage;
    struct sockaddr *address = (struct sockaddr *)&storage;
    memset(&storage, 0, sizeof storage);
    for (uint32_t i = 0; i < count; i++)
        fds[i] = -1;
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&storage) != 0 &&
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)&storage) != 0)
        return CATZILLA_ERR_ADDRESS;
    socklen_t size =
        address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    for (uint32_t i = 0; i < count; i++) {
        fds[i] = bind_one(address, size, i > 0);
        if (fds[i] < 0)
            goto failed;
        /* The others bind the port that the system has chosen for the first. */
        if (i == 0 && (getsockname(fds[0], address, &size) != 0 ||
                       (count > 1 && set(fds[0], SOL_SOCKET, SO_REUSEPORT) != 0)))
            goto failed;
        if (listen(fds[i], backlog) != 0)
            goto failed;
    }
    *out_port = ntohs(address->sa_family == AF_INET6 ? ((struct sockaddr_in6 *)&storage)->sin6_port
                                                     : ((struct sockaddr_in *)&storage)->sin_port);
    return 0;
failed:;
    int rc = code_of(errno);
    cz_listener_drop(fds, count);
    return rc;
}

static void on_closed(uv_handle_t *handle)
{
    cz_listener_t *listener = handle->data;
    cz_worker_t *worker = listener->worker;
    catzilla_free(listener);
    cz_worker_handle_closed(worker);
}

/* Accepts one connection, or leaves it where it is until there is room. */
static void accept_one(cz_listener_t *listener)
{
    cz_worker_t *worker = listener->worker;
    cz_gate_t *gate = &worker->server->gate;
    if (!cz_gate_enter(gate)) {
        if (!listener->waits)
            cz_gate_wait(gate);
        listener->waits = true;
        if (!cz_gate_enter(gate))
            return;
    }
    if (listener->waits)
        cz_gate_wait_end(gate);
    /* Without memory the connection stays in the listener, and the tick tries again. */
    listener->waits = !cz_connection_accept(worker, &listener->uv.stream);
    if (listener->waits) {
        cz_gate_wait(gate);
        cz_gate_leave(gate);
    }
    cz_worker_tick_start(worker);
}

static void on_connection(uv_stream_t *stream, int status)
{
    cz_listener_t *listener = stream->data;
    if (status < 0)
        cz_log(listener->worker->options, CATZILLA_LOG_WARNING, "accept failed reason=\"%s\"",
               uv_strerror(status));
    else
        accept_one(listener);
}

int cz_listener_open(cz_worker_t *worker, int fd, int backlog)
{
    int rc;
    cz_listener_t *listener = catzilla_malloc(sizeof *listener);
    if (listener == NULL) {
        close(fd);
        return CATZILLA_ERR_NOMEM;
    }
    memset(listener, 0, sizeof *listener);
    listener->worker = worker;
    if (uv_tcp_init(worker->loop, &listener->uv.tcp) != 0) {
        close(fd);
        catzilla_free(listener);
        return CATZILLA_ERR_SYSTEM;
    }
    worker->handles++;
    listener->uv.handle.data = listener;
    rc = uv_tcp_open(&listener->uv.tcp, fd);
    if (rc != 0)
        close(fd);
    else
        rc = uv_listen(&listener->uv.stream, backlog, on_connection);
    if (rc != 0) {
        uv_close(&listener->uv.handle, on_closed);
        return code_of(-rc);
    }
    listener->next = worker->listeners;
    worker->listeners = listener;
    return 0;
}

void cz_listener_retry(cz_worker_t *worker)
{
    for (cz_listener_t *at = worker->listeners; at != NULL; at = at->next)
        if (at->waits)
            accept_one(at);
}

static void empty_one(cz_listener_t *listener)
{
    cz_worker_t *worker = listener->worker;
    cz_gate_t *gate = &worker->server->gate;
    uv_os_fd_t from;
    /* libuv holds one that it has accepted already. */
    if (listener->waits)
        accept_one(listener);
    if (listener->waits || uv_fileno(&listener->uv.handle, &from) != 0)
        return;
    while (cz_gate_enter(gate)) {
        int fd = accept4(from, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 && cz_connection_adopt(worker, fd))
            continue;
        if (fd >= 0)
            close(fd);
        cz_gate_leave(gate);
        break;
    }
    cz_worker_tick_start(worker);
}

void cz_listener_empty(cz_worker_t *worker)
{
    for (cz_listener_t *at = worker->listeners; at != NULL; at = at->next)
        empty_one(at);
}

void cz_listener_close_all(cz_worker_t *worker)
{
    while (worker->listeners != NULL) {
        cz_listener_t *listener = worker->listeners;
        worker->listeners = listener->next;
        if (listener->waits)
            cz_gate_wait_end(&worker->server->gate);
        uv_close(&listener->uv.handle, on_closed);
    }
}
