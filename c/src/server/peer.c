/* Peers. A header by which a proxy names its client is believed from trusted addresses alone. */
#include "server/connection.h"
#include "server/instance.h"
#include "server/proxy.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* IPv4 in IPv6's clothes, as a socket for both families has it, is IPv4. */
static int bytes_of(const struct sockaddr *address, const unsigned char **out)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (address->sa_family == AF_INET) {
        *out =
            (const unsigned char *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
        return AF_INET;
    }
    if (address->sa_family != AF_INET6)
        return address->sa_family;
    *out = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
    if (memcmp(*out, mapped, sizeof mapped) != 0)
        return AF_INET6;
    *out += sizeof mapped;
    return AF_INET;
}

bool cz_trusted_read(const char *text, cz_trusted_t *out)
{
    struct sockaddr_storage address;
    const unsigned char *bytes = NULL;
    char host[INET6_ADDRSTRLEN];
    size_t size = strcspn(text, "/");
    memset(out, 0, sizeof *out);
    out->family = AF_UNIX;
    if (strcmp(text, "unix") == 0)
        return true;
    if (size >= sizeof host)
        return false;
    memcpy(host, text, size);
    host[size] = '\0';
    memset(&address, 0, sizeof address);
    if (uv_ip4_addr(host, 0, (struct sockaddr_in *)&address) != 0 &&
        uv_ip6_addr(host, 0, (struct sockaddr_in6 *)&address) != 0)
        return false;
    out->family = bytes_of((const struct sockaddr *)&address, &bytes);
    unsigned most = out->family == AF_INET ? 32 : 128;
    memcpy(out->address, bytes, most / 8);
    out->bits = most;
    if (text[size] == '\0')
        return true;
    const char *digits = text + size + 1;
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > 3 || digits[count] != '\0')
        return false;
    out->bits = 0;
    for (; *digits != '\0'; digits++)
        out->bits = out->bits * 10 + (unsigned)(*digits - '0');
    return out->bits <= most;
}

static bool same_bits(const unsigned char *one, const unsigned char *two, unsigned bits)
{
    unsigned char mask = (unsigned char)(0xff00u >> bits % 8);
    return memcmp(one, two, bits / 8) == 0 &&
           (bits % 8 == 0 || ((one[bits / 8] ^ two[bits / 8]) & mask) == 0);
}

bool cz_trusted_has(const cz_trusted_t *list, const struct sockaddr *address)
{
    const unsigned char *bytes = NULL;
    int family = bytes_of(address, &bytes);
    for (; list != NULL; list = list->next)
        if (list->family == family &&
            (family == AF_UNIX || (bytes != NULL && same_bits(list->address, bytes, list->bits))))
            return true;
    return false;
}

uint8_t cz_peer_write(const struct sockaddr *address, char out[CZ_PEER_SIZE])
{
    char host[INET6_ADDRSTRLEN];
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
    bool v6 = address->sa_family == AF_INET6;
    if (address->sa_family == AF_UNIX) {
        memcpy(out, "unix", 4);
        return 4;
    }
    if (address->sa_family != AF_INET && !v6)
        return 0;
    if ((v6 ? uv_ip6_name(in6, host, sizeof host) : uv_ip4_name(in4, host, sizeof host)) != 0)
        return 0;
    return (uint8_t)snprintf(out, CZ_PEER_SIZE, v6 ? "[%s]:%u" : "%s:%u", host,
                             (unsigned)ntohs(v6 ? in6->sin6_port : in4->sin_port));
}

void cz_peer_make(cz_connection_t *connection)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    /* Once, since the number of a socket that has closed may be another's. */
    if (connection->peer_known || connection->closing)
        return;
    connection->peer_known = true;
    memset(&address, 0, sizeof address);
    if (getpeername(connection->fd, (struct sockaddr *)&address, &size) == 0)
        connection->peer_size = cz_peer_write((struct sockaddr *)&address, connection->peer);
}

/*
 * What the peer counts by, and its size: an IPv4 address, or of one of IPv6 the network, as whoever
 * has one address of a /64 has them all. 0 for text without a port, that of a unix socket or of a
 * peer that has gone already.
 */
static size_t crowd_key(const cz_connection_t *connection, char out[CZ_CROWD_KEY])
{
    char host[CZ_PEER_SIZE];
    cz_trusted_t address;
    size_t begin = connection->peer_size > 0 && connection->peer[0] == '[';
    size_t end = connection->peer_size;
    while (end > 0 && connection->peer[end - 1] != ':')
        end--;
    if (end <= 2 * begin + 1)
        return 0;
    size_t size = end - 1 - 2 * begin;
    memcpy(host, connection->peer + begin, size);
    host[size] = '\0';
    if (!cz_trusted_read(host, &address))
        return 0;
    size = address.family == AF_INET ? 4 : 8;
    memcpy(out, address.address, size);
    return size;
}

bool cz_peer_enter(cz_connection_t *connection)
{
    cz_crowd_t *crowd = &connection->worker->server->crowd;
    if (crowd->limit == UINT32_MAX)
        return true;
    cz_peer_make(connection);
    char key[CZ_CROWD_KEY];
    size_t size = crowd_key(connection, key);
    if (size == 0)
        return true;
    connection->counted = cz_crowd_enter(crowd, key, size);
    if (!connection->counted)
        cz_connection_close(connection);
    return connection->counted;
}

void cz_peer_leave(cz_connection_t *connection)
{
    char key[CZ_CROWD_KEY];
    if (connection->counted)
        cz_crowd_leave(&connection->worker->server->crowd, key, crowd_key(connection, key));
    connection->counted = false;
}

bool cz_peer_is_proxy(const cz_connection_t *connection)
{
    const cz_trusted_t *trusted = connection->worker->server->trusted;
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    return trusted != NULL &&
           getpeername(connection->fd, (struct sockaddr *)&address, &size) == 0 &&
           cz_trusted_has(trusted, (struct sockaddr *)&address);
}

bool cz_peer_read_proxy(cz_connection_t *connection, char **data, const char *end)
{
    cz_proxy_header_t header;
    switch (cz_proxy_read(*data, (size_t)(end - *data), &header)) {
    case CZ_PROXY_MORE:
        return false;
    case CZ_PROXY_REFUSED:
        /* Whoever this is, it does not speak HTTP yet: there is nothing to answer. */
        cz_peer_make(connection);
        cz_log(connection->worker->options, CATZILLA_LOG_WARNING,
               "connection closed reason=proxy_header peer=%.*s", (int)connection->peer_size,
               connection->peer);
        cz_connection_close(connection);
        return false;
    case CZ_PROXY_DONE:
        break;
    }
    *data += header.size;
    connection->awaits_proxy = false;
    if (header.source.ss_family != AF_UNSPEC) {
        connection->peer_size = cz_peer_write((struct sockaddr *)&header.source, connection->peer);
        connection->peer_known = true;
    }
    return header.source.ss_family == AF_UNSPEC || cz_peer_enter(connection);
}

int catzilla_server_trust_proxy(catzilla_server_t *server, const char *address)
{
    cz_trusted_t read;
    if (server->state != CZ_SERVER_IDLE || server->listening)
        return CATZILLA_ERR_STATE;
    if (!cz_trusted_read(address, &read))
        return CATZILLA_ERR_INVALID;
    cz_trusted_t *trusted = catzilla_malloc(sizeof *trusted);
    if (trusted == NULL)
        return CATZILLA_ERR_NOMEM;
    *trusted = read;
    trusted->next = server->trusted;
    server->trusted = trusted;
    return 0;
}
