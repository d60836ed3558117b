/* The PROXY protocol, by which a proxy tells whom it speaks for. Layer: server. */
#ifndef CZ_SERVER_PROXY_H
#define CZ_SERVER_PROXY_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

typedef enum cz_proxy_result {
    CZ_PROXY_MORE, /* so far a header, but not all of it */
    CZ_PROXY_DONE,
    CZ_PROXY_REFUSED /* no header, or one that is malformed or too long */
} cz_proxy_result_t;

typedef struct cz_proxy_header {
    size_t size; /* of the header; what follows is the client's */
    struct sockaddr_storage
        source; /* AF_UNSPEC where the proxy speaks for itself or will not say */
} cz_proxy_header_t;

/* Reads a header of version 1 or 2 from the first bytes of a connection. */
cz_proxy_result_t cz_proxy_read(const char *data, size_t size, cz_proxy_header_t *out);

#endif
