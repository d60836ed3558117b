/* Who is at the other end of a connection: as text, and whether it is a proxy. Layer: server. */
#ifndef CZ_SERVER_PEER_H
#define CZ_SERVER_PEER_H
#include <catzilla/server.h>
#include <stdbool.h>
#include <sys/socket.h>

/* Longest text of a peer: an IPv6 address of 45 bytes at most, as in "[...]:65535". */
#define CZ_PEER_SIZE 56

struct cz_connection;

/* Addresses whose connections begin with a PROXY header; general class. */
typedef struct cz_trusted {
    struct cz_trusted *next;
    int family; /* AF_INET, AF_INET6 or AF_UNIX */
    unsigned bits;
    unsigned char address[16];
} cz_trusted_t;

/* Reads "10.0.0.0/8", "::1" or "unix"; false for anything else. */
bool cz_trusted_read(const char *text, cz_trusted_t *out);

/* Whether the address is one of those. */
bool cz_trusted_has(const cz_trusted_t *list, const struct sockaddr *address);

/* Writes "address:port" and returns its length; 0 where there is none to tell. */
uint8_t cz_peer_write(const struct sockaddr *address, char out[CZ_PEER_SIZE]);

/* Makes the text of the connection's peer, unless it was made before; empty where none is known. */
void cz_peer_make(struct cz_connection *connection);

/*
 * Counts the connection among those of its address, where that has a limit; false where it had to
 * be closed, since there were as many already. The other takes it off again.
 */
bool cz_peer_enter(struct cz_connection *connection);
void cz_peer_leave(struct cz_connection *connection);

/* Whether the connection comes from a proxy that has yet to tell for whom. */
bool cz_peer_is_proxy(const struct cz_connection *connection);

/*
 * Takes the PROXY header off the first bytes of the connection; `*data` is where the client's
 * begin. False where it is not complete yet, or where the connection had to be closed.
 */
bool cz_peer_read_proxy(struct cz_connection *connection, char **data, const char *end);

#endif
