/*
 * Versions 1 (a line of text) and 2 (binary) of the PROXY protocol, as its specification has them:
 * https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt. The proxy's own additions, which
 * may follow the addresses in version 2, are passed over.
 */
#include "server/proxy.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <uv.h>

#define LINE_MOST   107u  /* of version 1, its end included */
#define BINARY_HEAD 16u   /* of version 2, before the addresses */
#define BINARY_MOST 4096u /* that and all that follows */

static const char signature[12] = {'\r', '\n', '\r', '\n', '\0', '\r',
                                   '\n', 'Q',  'U',  'I',  'T',  '\n'};

/* Whether `data` begins as `start` does, as far as either goes. */
static bool may_begin(const char *data, size_t size, const char *start, size_t start_size)
{
    return memcmp(data, start, size < start_size ? size : start_size) == 0;
}

/* Reads a word of at least one byte that a space or the end follows, and passes both over. */
static bool word_read(const char **at, const char *end, char *out, size_t room)
{
    const char *from = *at;
    const char *space = memchr(from, ' ', (size_t)(end - from));
    size_t size = (size_t)((space == NULL ? end : space) - from);
    if (size == 0 || size >= room)
        return false;
    memcpy(out, from, size);
    out[size] = '\0';
    *at = space == NULL ? end : space + 1;
    return true;
}

static bool port_read(const char *text, uint16_t *out)
{
    unsigned port = 0;
    size_t size = strlen(text);
    if (size > 5 || (size > 1 && text[0] == '0'))
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        port = port * 10 + (unsigned)(*text - '0');
    }
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

/* The four words behind "PROXY TCP4 " or "PROXY TCP6 ". */
static bool addresses_read(const char *at, const char *end, bool v6, struct sockaddr_storage *out)
{
    char source[64], target[64], ports[2][8];
    struct sockaddr_storage unused;
    uint16_t port, target_port;
    if (!word_read(&at, end, source, sizeof source) ||
        !word_read(&at, end, target, sizeof target) ||
        !word_read(&at, end, ports[0], sizeof ports[0]) ||
        !word_read(&at, end, ports[1], sizeof ports[1]) || at != end || end[-1] == ' ')
        return false;
    if (!port_read(ports[0], &port) || !port_read(ports[1], &target_port))
        return false;
    if (v6)
        return strchr(source, '%') == NULL &&
               uv_ip6_addr(source, port, (struct sockaddr_in6 *)out) == 0 &&
               uv_ip6_addr(target, target_port, (struct sockaddr_in6 *)&unused) == 0;
    return uv_ip4_addr(source, port, (struct sockaddr_in *)out) == 0 &&
           uv_ip4_addr(target, target_port, (struct sockaddr_in *)&unused) == 0;
}

static cz_proxy_result_t read_line(const char *data, size_t size, cz_proxy_header_t *out)
{
    size_t seen = size < LINE_MOST ? size : LINE_MOST;
    const char *end = memchr(data, '\n', seen);
    if (end == NULL)
        return size < LINE_MOST ? CZ_PROXY_MORE : CZ_PROXY_REFUSED;
    out->size = (size_t)(end + 1 - data);
    if (end[-1] != '\r')
        return CZ_PROXY_REFUSED;
    end--;
    const char *at = data + 6;
    size_t rest = (size_t)(end - at);
    /* What follows "UNKNOWN" does not matter. */
    if (rest >= 7 && memcmp(at, "UNKNOWN", 7) == 0 && (rest == 7 || at[7] == ' '))
        return CZ_PROXY_DONE;
    bool v6 = rest > 5 && memcmp(at, "TCP6 ", 5) == 0;
    if (!v6 && (rest <= 5 || memcmp(at, "TCP4 ", 5) != 0))
        return CZ_PROXY_REFUSED;
    return addresses_read(at + 5, end, v6, &out->source) ? CZ_PROXY_DONE : CZ_PROXY_REFUSED;
}

/* `family` is the byte that names family and protocol, `size` that of the addresses and the rest.
 */
static bool source_read(uint8_t family, const char *data, size_t size, struct sockaddr_storage *out)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    switch (family) {
    case 0x00: /* not said */
        return true;
    case 0x11:
        if (size < 12)
            return false;
        memcpy(&in4.sin_addr, data, 4);
        memcpy(&in4.sin_port, data + 8, 2);
        memcpy(out, &in4, sizeof in4);
        return true;
    case 0x21:
        if (size < 36)
            return false;
        memcpy(&in6.sin6_addr, data, 16);
        memcpy(&in6.sin6_port, data + 32, 2);
        memcpy(out, &in6, sizeof in6);
        return true;
    case 0x31: /* a unix socket's path tells nothing that is logged */
        return size >= 216;
    default:
        return false;
    }
}

static cz_proxy_result_t read_binary(const char *data, size_t size, cz_proxy_header_t *out)
{
    if (size < BINARY_HEAD)
        return CZ_PROXY_MORE;
    uint8_t command = (uint8_t)data[12];
    size_t rest = (size_t)(uint8_t)data[14] << 8 | (uint8_t)data[15];
    if ((command != 0x20 && command != 0x21) || rest > BINARY_MOST - BINARY_HEAD)
        return CZ_PROXY_REFUSED;
    if (size < BINARY_HEAD + rest)
        return CZ_PROXY_MORE;
    out->size = BINARY_HEAD + rest;
    /* By the command LOCAL the proxy speaks for itself, whatever the addresses are. */
    if (command == 0x20)
        return CZ_PROXY_DONE;
    return source_read((uint8_t)data[13], data + BINARY_HEAD, rest, &out->source)
               ? CZ_PROXY_DONE
               : CZ_PROXY_REFUSED;
}

cz_proxy_result_t cz_proxy_read(const char *data, size_t size, cz_proxy_header_t *out)
{
    memset(out, 0, sizeof *out);
    if (may_begin(data, size, signature, sizeof signature))
        return read_binary(data, size, out);
    if (may_begin(data, size, "PROXY ", 6))
        return size < 6 ? CZ_PROXY_MORE : read_line(data, size, out);
    return CZ_PROXY_REFUSED;
}
