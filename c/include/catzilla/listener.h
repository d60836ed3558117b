/* Where a server listens, beside or instead of its options' host and port. Layer: server. */
#ifndef CATZILLA_LISTENER_H
#define CATZILLA_LISTENER_H
#include <catzilla/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Adds a TCP address to listen on. A server to which anything was added listens there, and not
 * on the host and port of its options. An IPv6 address takes no IPv4 connections, "::" neither.
 * Memory:  copies `host`, a numeric address, into the general class.
 * Threads: one at a time, before the server listens.
 * Errors:  CATZILLA_ERR_STATE once it listens, CATZILLA_ERR_NOMEM; an address that cannot be had
 *          is an error of catzilla_server_listen().
 */
CATZILLA_API int catzilla_server_add_address(catzilla_server_t *server, const char *host,
                                             uint16_t port);

/**
 * Adds a unix socket at `path`, with the permissions `mode`, such as 0660. A socket file that
 * nobody listens on any more is replaced; the server removes its own when it ends.
 * Memory:  copies `path` into the general class.
 * Threads: one at a time, before the server listens.
 * Errors:  CATZILLA_ERR_INVALID for an empty path or a mode past 0777, CATZILLA_ERR_STATE,
 *          CATZILLA_ERR_NOMEM.
 */
CATZILLA_API int catzilla_server_add_unix(catzilla_server_t *server, const char *path,
                                          uint32_t mode);

/**
 * Adds a stream socket that listens already, such as one that another process has handed over.
 * Memory:  takes `fd` when it returns 0; the server closes it when it ends.
 * Threads: one at a time, before the server listens.
 * Errors:  CATZILLA_ERR_INVALID where `fd` is no listening stream socket, CATZILLA_ERR_STATE,
 *          CATZILLA_ERR_NOMEM.
 */
CATZILLA_API int catzilla_server_add_socket(catzilla_server_t *server, int fd);

/**
 * Names an address, or a range such as "10.0.0.0/8", whose connections begin with a header of the
 * PROXY protocol, version 1 or 2; "unix" names those of unix sockets. catzilla_request_peer() is
 * what the header says then. A connection from there without one, or with one that is malformed
 * or longer than 4096 bytes, is closed; elsewhere a header is an unknown method or no request.
 * Memory:  copies the address into the general class.
 * Threads: one at a time, before the server listens.
 * Errors:  CATZILLA_ERR_INVALID for anything but that, CATZILLA_ERR_STATE, CATZILLA_ERR_NOMEM.
 */
CATZILLA_API int catzilla_server_trust_proxy(catzilla_server_t *server, const char *address);

/**
 * Adds the sockets that systemd, or who speaks as it does, has handed to this process (LISTEN_PID
 * and LISTEN_FDS, the descriptors from 3 on), and writes how many to `out`; none is no error.
 * Memory:  as catzilla_server_add_socket().
 * Threads: one at a time, before the server listens, while nobody changes the environment.
 * Errors:  those of catzilla_server_add_socket(); the sockets before stay added.
 * Source:  sd_listen_fds(3).
 */
CATZILLA_API int catzilla_server_add_activation(catzilla_server_t *server, size_t *out);

/**
 * Tells the service manager `state`, such as "READY=1", "STOPPING=1" or "MAINPID=42". Does nothing
 * where NOTIFY_SOCKET names nobody to tell.
 * Memory:  keeps nothing of `state`.
 * Threads: any, while nobody changes the environment.
 * Errors:  CATZILLA_ERR_ADDRESS for a NOTIFY_SOCKET that is no path, CATZILLA_ERR_SYSTEM where
 *          the manager takes nothing.
 * Source:  sd_notify(3).
 */
CATZILLA_API int catzilla_notify(const char *state);

/**
 * The host or path, as it was added, on which catzilla_server_listen() has failed last; empty
 * where it has not failed, or not by one of them.
 * Memory:  borrowed until the server listens or is destroyed.
 * Threads: one at a time.
 */
CATZILLA_API const char *catzilla_server_trouble(const catzilla_server_t *server);

/**
 * The number of that one in the order of adding, from 0; 0 too where there is none.
 * Threads: one at a time.
 */
CATZILLA_API size_t catzilla_server_trouble_index(const catzilla_server_t *server);

/**
 * Writes the socket number `index` of those that the server listens on to `out`, for handing it
 * over to another process: by fork, or over a unix socket. Several workers may have a socket each
 * for one address; the successor adds them all.
 * Memory:  the socket stays the server's; it is closed when the server ends or drains, so that
 *          what is done with the number has to be done before.
 * Threads: any, once catzilla_server_listen() has returned.
 * Errors:  CATZILLA_ERR_NOT_FOUND past the last one, CATZILLA_ERR_STATE before it listens and
 *          once that socket is closed; `out` is -1 then.
 */
CATZILLA_API int catzilla_server_socket_at(const catzilla_server_t *server, size_t index, int *out);

/**
 * Says that the file at `path`, of a unix socket that was added by catzilla_server_add_socket() or
 * _add_activation(), is the server's as if it had made it: it is removed when the server ends. For
 * the successor of a server that has handed its sockets over, where nobody else removes it.
 * Memory:  keeps nothing of `path`.
 * Threads: the one that runs or joins the server, or destroys it where it does not run.
 * Errors:  CATZILLA_ERR_NOT_FOUND where no such socket was bound to `path`, or no socket is there;
 *          CATZILLA_ERR_STATE once it has ended.
 */
CATZILLA_API int catzilla_server_own_unix(catzilla_server_t *server, const char *path);

/**
 * Says that another process goes on with the sockets: files of unix sockets stay when the server
 * ends. What waits to be accepted is the other's then, whichever comes first.
 * Threads: any.
 * Errors:  none known; 0.
 */
CATZILLA_API int catzilla_server_handed_over(catzilla_server_t *server);

#ifdef __cplusplus
}
#endif
#endif
