/* Sockets that listen, as the system has them. Layer: server. */
#ifndef CZ_SERVER_SOCKET_H
#define CZ_SERVER_SOCKET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code of an errno that binding or listening gave. */
int cz_socket_code(int error);

/*
 * Binds `count` sockets to one address and listens on each; the system shares connections out
 * among them. A port that somebody has is an error also where several sockets share it. Codes of
 * catzilla_server_listen(); `fds` holds none then.
 */
int cz_socket_bind_tcp(const char *host, uint16_t port, int backlog, uint32_t count, int *fds);

/* A unix socket that listens; a file that nobody listens on is replaced. */
int cz_socket_bind_unix(const char *path, uint32_t mode, int backlog, int *out);

/*
 * Has a TCP socket send what it has at once, and those that it accepts, which inherit that; where
 * it fails replies are merely later.
 */
void cz_socket_hurry(int fd);

bool cz_socket_is_unix(int fd);

/* Whether it is a stream socket that listens. */
bool cz_socket_listens(int fd);

/* Writes the path that a unix socket was bound to, or nothing where it has none. */
#define CZ_SOCKET_PATH_SIZE 109
void cz_socket_path(int fd, char out[CZ_SOCKET_PATH_SIZE]);

/* 0 where it has none. */
uint16_t cz_socket_port(int fd);

/* Whether both are sockets of one address that share it by SO_REUSEPORT. */
bool cz_socket_shares(int fd, int other);

/*
 * Has the system notice peers that vanish: asked after `quiet_ms` of silence, and given up when
 * nothing is heard for twice as long or, unless that is 0, nothing acknowledged for `patience_ms`.
 * Of a socket that listens those that it accepts inherit this. What cannot be set is left.
 */
void cz_socket_watch(int fd, uint32_t quiet_ms, uint32_t patience_ms);

/* Bytes of ours that the peer's system has yet to acknowledge; -1 where ours does not tell. */
int64_t cz_socket_unsent(int fd);

/* Whether bytes have come that nobody has read; an end is none. */
bool cz_socket_has_input(int fd);

/* Whether the peer has reset the connection or, with `half`, has closed its half of it. */
bool cz_socket_is_left(int fd, bool half);

/* Closes them. */
void cz_socket_drop(int *fds, uint32_t count);

#endif
