/*
 * Endpoints are added one by one and bound together. A TCP address has a socket for each worker;
 * a unix socket or one that was handed to us is duplicated for those that have none of their own.
 * Sockets of one address that share it by SO_REUSEPORT, as a predecessor with several workers
 * hands them over, are dealt out in turn, since each has a queue that somebody must empty.
 */
#include "server/endpoint.h"
#include "server/instance.h"
#include "server/socket.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS_KEPT 1024

_Static_assert(sizeof(_Atomic(int)) == sizeof(int), "both kinds lie in one block");

static int add(catzilla_server_t *server, cz_endpoint_kind_t kind, const char *text,
               cz_endpoint_t **out)
{
    cz_endpoint_t **end = &server->endpoints;
    if (server->state != CZ_SERVER_IDLE || server->listening)
        return CATZILLA_ERR_STATE;
    uint32_t count = kind == CZ_ENDPOINT_TCP ? server->worker_count : 1;
    size_t text_size = (strlen(text) + sizeof(int)) / sizeof(int) * sizeof(int);
    size_t size = sizeof(cz_endpoint_t) + text_size;
    cz_endpoint_t *endpoint = catzilla_malloc(size);
    int *fds = catzilla_malloc(3 * count * sizeof *fds);
    if (endpoint == NULL || fds == NULL) {
        catzilla_free(endpoint);
        catzilla_free(fds);
        return CATZILLA_ERR_NOMEM;
    }
    memset(endpoint, 0, size);
    memcpy(endpoint->text, text, strlen(text));
    endpoint->kind = kind;
    endpoint->fds = fds;
    endpoint->shown = (_Atomic(int) *)(void *)(fds + 2 * count);
    endpoint->count = count;
    for (uint32_t i = 0; i < 2 * count; i++)
        fds[i] = -1;
    for (uint32_t i = 0; i < count; i++)
        atomic_init(&endpoint->shown[i], -1);
    while (*end != NULL)
        end = &(*end)->next;
    *end = endpoint;
    *out = endpoint;
    return 0;
}

int catzilla_server_add_address(catzilla_server_t *server, const char *host, uint16_t port)
{
    cz_endpoint_t *endpoint;
    int rc = add(server, CZ_ENDPOINT_TCP, host, &endpoint);
    if (rc == 0)
        endpoint->port = port;
    return rc;
}

int catzilla_server_add_unix(catzilla_server_t *server, const char *path, uint32_t mode)
{
    cz_endpoint_t *endpoint;
    if (*path == '\0' || mode > 0777)
        return CATZILLA_ERR_INVALID;
    int rc = add(server, CZ_ENDPOINT_UNIX, path, &endpoint);
    if (rc == 0)
        endpoint->mode = mode;
    return rc;
}

int catzilla_server_add_socket(catzilla_server_t *server, int fd)
{
    cz_endpoint_t *endpoint;
    if (!cz_socket_listens(fd))
        return CATZILLA_ERR_INVALID;
    char path[CZ_SOCKET_PATH_SIZE];
    cz_socket_path(fd, path);
    int rc = add(server, CZ_ENDPOINT_SOCKET, path, &endpoint);
    if (rc != 0)
        return rc;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    endpoint->fds[0] = fd;
    return 0;
}

static void own_file(cz_endpoint_t *endpoint, const struct stat *status)
{
    endpoint->made = true;
    endpoint->device = status->st_dev;
    endpoint->inode = status->st_ino;
}

static int bind_unix(cz_endpoint_t *endpoint, int backlog)
{
    struct stat status;
    int rc = cz_socket_bind_unix(endpoint->text, endpoint->mode, backlog, endpoint->fds);
    if (rc != 0)
        return rc;
    if (lstat(endpoint->text, &status) == 0)
        own_file(endpoint, &status);
    return 0;
}

static int bind_all(catzilla_server_t *server)
{
    int backlog = server->options.backlog;
    for (cz_endpoint_t *at = server->endpoints; at != NULL; at = at->next) {
        int rc = 0;
        if (at->kind == CZ_ENDPOINT_TCP)
            rc = cz_socket_bind_tcp(at->text, at->port, backlog, at->count, at->fds);
        else if (at->kind == CZ_ENDPOINT_UNIX)
            rc = bind_unix(at, backlog);
        if (rc == 0)
            continue;
        server->trouble = at;
        return rc;
    }
    return 0;
}

/* Has a worker listen on a duplicate, so that a failure leaves the endpoint as it was. */
static int open_at(catzilla_server_t *server, uint32_t worker, int *slot, uint32_t count)
{
    int own = fcntl(*slot, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return CATZILLA_ERR_SYSTEM;
    if (slot[count] < 0)
        slot[count] = own;
    return cz_listener_open(&server->workers[worker], own, server->options.backlog);
}

/* A socket of a group, and how far behind it its duplicate is noted. */
typedef struct member {
    int *slot;
    uint32_t count;
} member_t;

/* The sockets from `first` on that share one address. */
static uint32_t group_of(cz_endpoint_t *first, member_t *members)
{
    uint32_t count = 0;
    for (cz_endpoint_t *at = first; at != NULL; at = at->next)
        for (uint32_t i = 0; i < at->count && count < CZ_WORKERS_MAX; i++)
            if (at->fds[i] == first->fds[0] || cz_socket_shares(first->fds[0], at->fds[i]))
                members[count++] = (member_t){&at->fds[i], at->count};
    return count;
}

/* Whether an endpoint before this one has dealt its sockets out already. */
static bool is_dealt(const catzilla_server_t *server, const cz_endpoint_t *endpoint)
{
    for (const cz_endpoint_t *at = server->endpoints; at != endpoint; at = at->next)
        if (cz_socket_shares(at->fds[0], endpoint->fds[0]))
            return true;
    return false;
}

static int open_all(catzilla_server_t *server)
{
    member_t members[CZ_WORKERS_MAX];
    int rc = 0;
    for (cz_endpoint_t *at = server->endpoints; at != NULL && rc == 0; at = at->next) {
        if (is_dealt(server, at))
            continue;
        uint32_t count = group_of(at, members);
        uint32_t turns = count > server->worker_count ? count : server->worker_count;
        for (uint32_t i = 0; i < turns && rc == 0; i++) {
            const member_t *member = &members[i % count];
            rc = open_at(server, i % server->worker_count, member->slot, member->count);
        }
    }
    return rc;
}

/* From now on the workers' duplicates are the sockets, and close with their listeners. */
static void settle(cz_endpoint_t *endpoint)
{
    for (uint32_t i = 0; i < endpoint->count; i++) {
        close(endpoint->fds[i]);
        endpoint->fds[i] = endpoint->fds[endpoint->count + i];
        atomic_store(&endpoint->shown[i], endpoint->fds[i]);
    }
}

/* Closes what was bound here; a socket that was handed to us stays for the next try. */
static void unbind_all(catzilla_server_t *server)
{
    for (uint32_t i = 0; i < server->worker_count; i++)
        cz_listener_close_all(&server->workers[i]);
    cz_endpoints_unlink(server);
    for (cz_endpoint_t *at = server->endpoints; at != NULL; at = at->next) {
        if (at->kind != CZ_ENDPOINT_SOCKET)
            cz_socket_drop(at->fds, at->count);
        for (uint32_t i = 0; i < at->count; i++)
            at->fds[at->count + i] = -1;
    }
}

/*
 * Connections must not use up all descriptors: half of those that are free, at most
 * DESCRIPTORS_KEPT, are left to the files that handlers open and to the host. The lowest free
 * number tells how many are in use.
 */
static void gate_clamp(catzilla_server_t *server)
{
    struct rlimit limit;
    cz_gate_t *gate = &server->gate;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return;
    int lowest = fcntl(server->endpoints->fds[0], F_DUPFD_CLOEXEC, 0);
    rlim_t room = lowest < 0 ? 0 : limit.rlim_cur - (rlim_t)lowest;
    if (lowest >= 0)
        close(lowest);
    room -= room / 2 < DESCRIPTORS_KEPT ? room / 2 : DESCRIPTORS_KEPT;
    if (room >= gate->limit)
        return;
    gate->limit = room == 0 ? 1 : (uint32_t)room;
    cz_log(&server->options, CATZILLA_LOG_WARNING,
           "max_connections lowered from=%u to=%u: raise RLIMIT_NOFILE, which is %llu",
           server->options.max_connections, gate->limit, (unsigned long long)limit.rlim_cur);
}

int cz_endpoints_listen(catzilla_server_t *server)
{
    uint16_t port = 0;
    int rc = 0;
    bool by_options = server->endpoints == NULL;
    server->trouble = NULL;
    if (by_options)
        rc = catzilla_server_add_address(server, server->host, server->options.port);
    if (rc == 0)
        rc = bind_all(server);
    if (rc == 0)
        rc = open_all(server);
    if (rc != 0) {
        unbind_all(server);
        if (by_options) {
            server->trouble = NULL;
            cz_endpoints_free(server);
        }
        return rc;
    }
    for (cz_endpoint_t *at = server->endpoints; at != NULL; at = at->next) {
        settle(at);
        if (port == 0)
            port = cz_socket_port(at->fds[0]);
    }
    gate_clamp(server);
    server->listening = true;
    atomic_store(&server->port, port);
    return 0;
}

void cz_endpoints_forget(catzilla_server_t *server, int fd)
{
    for (cz_endpoint_t *at = server->endpoints; at != NULL; at = at->next)
        for (uint32_t i = 0; i < at->count; i++)
            if (atomic_load(&at->shown[i]) == fd)
                atomic_store(&at->shown[i], -1);
}

void cz_endpoints_unlink(catzilla_server_t *server)
{
    struct stat status;
    for (cz_endpoint_t *at = server->endpoints; at != NULL; at = at->next) {
        if (at->made && !atomic_load(&server->handed_over) && lstat(at->text, &status) == 0 &&
            status.st_dev == at->device && status.st_ino == at->inode)
            unlink(at->text);
        at->made = false;
    }
}

void cz_endpoints_free(catzilla_server_t *server)
{
    cz_endpoints_unlink(server);
    while (server->endpoints != NULL) {
        cz_endpoint_t *endpoint = server->endpoints;
        if (!server->listening)
            cz_socket_drop(endpoint->fds, endpoint->count);
        server->endpoints = endpoint->next;
        catzilla_free(endpoint->fds);
        catzilla_free(endpoint);
    }
}

const char *catzilla_server_trouble(const catzilla_server_t *server)
{
    return server->trouble == NULL ? "" : server->trouble->text;
}

size_t catzilla_server_trouble_index(const catzilla_server_t *server)
{
    size_t index = 0;
    for (const cz_endpoint_t *at = server->endpoints; at != NULL; at = at->next, index++)
        if (at == server->trouble)
            return index;
    return 0;
}

int catzilla_server_socket_at(const catzilla_server_t *server, size_t index, int *out)
{
    *out = -1;
    if (!server->listening)
        return CATZILLA_ERR_STATE;
    for (const cz_endpoint_t *at = server->endpoints; at != NULL; at = at->next) {
        if (index < at->count) {
            *out = atomic_load(&at->shown[index]);
            return *out < 0 ? CATZILLA_ERR_STATE : 0;
        }
        index -= at->count;
    }
    return CATZILLA_ERR_NOT_FOUND;
}

int catzilla_server_own_unix(catzilla_server_t *server, const char *path)
{
    struct stat status;
    if (server->state == CZ_SERVER_ENDED)
        return CATZILLA_ERR_STATE;
    for (cz_endpoint_t *at = server->endpoints; at != NULL; at = at->next) {
        if (*path == '\0' || at->kind != CZ_ENDPOINT_SOCKET || strcmp(at->text, path) != 0)
            continue;
        if (lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode))
            return CATZILLA_ERR_NOT_FOUND;
        own_file(at, &status);
        return 0;
    }
    return CATZILLA_ERR_NOT_FOUND;
}

int catzilla_server_handed_over(catzilla_server_t *server)
{
    atomic_store(&server->handed_over, true);
    return 0;
}
