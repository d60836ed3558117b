#include "listen.h"

#include "log.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define URL_SIZE (sizeof "http://[]:65535/" + INET6_ADDRSTRLEN)

/* An IPv6 address wants brackets before its port. */
static const char *form_of(const char *host)
{
    return strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u";
}

/* `by` is the flag that leads elsewhere. */
static void complain_of_address(const char *host, unsigned port, int code, const char *by)
{
    char where[160];
    char cure[80] = "";
    snprintf(where, sizeof where, form_of(host), host, port);
    if (code == CATZILLA_ERR_ADDRESS_IN_USE)
        snprintf(cure, sizeof cure, "; choose another %s", by == NULL ? "--port" : by);
    else if (code == CATZILLA_ERR_ADDRESS)
        snprintf(cure, sizeof cure, "; choose another %s, such as 127.0.0.1%s or %s",
                 by == NULL ? "--host" : by, by == NULL ? "" : ":8080",
                 by == NULL ? "::1" : "[::1]:8080");
    else if (code == CATZILLA_ERR_ACCESS)
        snprintf(cure, sizeof cure, "; choose a %s of 1024 or more",
                 by == NULL ? "--port" : "port");
    complain("%s: %s%s", where, catzilla_strerror(code), cure);
}

/* Names the one that could not be had; they were added in this order. */
static void complain_of_trouble(const catzilla_server_t *server, const flags_t *flags, int code)
{
    size_t at = catzilla_server_trouble_index(server);
    if (*catzilla_server_trouble(server) == '\0')
        complain("the listeners: %s", catzilla_strerror(code));
    else if (at == 0)
        complain_of_address(flags->host, flags->port, code, NULL);
    else if (at <= flags->listen_count)
        complain_of_address(flags->listen[at - 1].host, flags->listen[at - 1].port, code,
                            "--listen");
    else
        complain("%s: %s; choose another --unix", flags->path, catzilla_strerror(code));
}

static int listen_on_flags(catzilla_server_t *server, const flags_t *flags)
{
    int rc = catzilla_server_add_address(server, flags->host, (uint16_t)flags->port);
    for (unsigned i = 0; i < flags->listen_count && rc == 0; i++)
        rc = catzilla_server_add_address(server, flags->listen[i].host,
                                         (uint16_t)flags->listen[i].port);
    if (rc == 0 && flags->path != NULL)
        rc = catzilla_server_add_unix(server, flags->path, flags->unix_mode);
    return rc == 0 ? catzilla_server_listen(server) : rc;
}

int listen_all(catzilla_server_t *server, const flags_t *flags, unix_file_t *file)
{
    size_t handed;
    int rc = catzilla_server_add_activation(server, &handed);
    if (rc != 0 || (handed > 0 && (rc = catzilla_server_listen(server)) != 0)) {
        complain("the sockets that were handed over: %s", catzilla_strerror(rc));
        return rc;
    }
    if (handed > 0)
        return 0;
    rc = listen_on_flags(server, flags);
    if (rc != 0)
        complain_of_trouble(server, flags, rc);
    else if (flags->path != NULL)
        restart_file_made(flags->path, file);
    return rc;
}

/* Writes the URL of a socket that listens; empty for one that has no port. */
static void url_of(int fd, char url[URL_SIZE])
{
    char host[INET6_ADDRSTRLEN];
    struct sockaddr_storage storage;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&storage;
    socklen_t size = sizeof storage;
    url[0] = '\0';
    if (getsockname(fd, (struct sockaddr *)&storage, &size) != 0)
        return;
    bool is_v6 = storage.ss_family == AF_INET6;
    if (!is_v6 && storage.ss_family != AF_INET)
        return;
    const void *address = is_v6 ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr;
    if (inet_ntop(storage.ss_family, address, host, sizeof host) == NULL)
        return;
    int used = snprintf(url, URL_SIZE, "http://");
    used += snprintf(url + used, URL_SIZE - (size_t)used, form_of(host), host,
                     (unsigned)ntohs(is_v6 ? v6->sin6_port : v4->sin_port));
    snprintf(url + used, URL_SIZE - (size_t)used, "/");
}

void announce(const catzilla_server_t *server, const flags_t *flags)
{
    catzilla_memory_stats_t stats;
    char last[URL_SIZE] = "", url[URL_SIZE];
    int fd;
    catzilla_memory_get_stats(&stats);
    printf("serving %s on", flags->directory);
    /* Several workers have a socket each for one address. */
    for (size_t i = 0; catzilla_server_socket_at(server, i, &fd) == 0; i++) {
        url_of(fd, url);
        if (url[0] == '\0' || strcmp(url, last) == 0)
            continue;
        printf(last[0] == '\0' ? " %s" : " and %s", url);
        memcpy(last, url, sizeof last);
    }
    if (last[0] == '\0')
        fputs(" the sockets that were handed over", stdout);
    printf("\narenas request=%u response=%u cache=%u static=%u task=%u\n", stats.request_arena,
           stats.response_arena, stats.cache_arena, stats.static_arena, stats.task_arena);
    fflush(stdout);
}
