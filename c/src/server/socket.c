/*
 * Listening. One worker has one plain socket. For several the first is bound plainly too, so that
 * a taken port is an error; only then it allows SO_REUSEPORT, and the others join it.
 */
#define _GNU_SOURCE /* POLLRDHUP */
#include "server/socket.h"

#include <catzilla/errors.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>
#ifdef __linux__
#include <linux/sockios.h>
#endif

#define HOLD_TRIES    100
#define HOLD_PAUSE_MS 10

int cz_socket_code(int error)
{
    switch (error) {
    case EADDRINUSE:
        return CATZILLA_ERR_ADDRESS_IN_USE;
    case EADDRNOTAVAIL:
    case EINVAL:
    case EAFNOSUPPORT:
    case ENOENT:
    case ENOTDIR:
        return CATZILLA_ERR_ADDRESS;
    case EACCES:
    case EPERM:
    case EROFS:
        return CATZILLA_ERR_ACCESS;
    case ENOMEM:
        return CATZILLA_ERR_NOMEM;
    default:
        return CATZILLA_ERR_SYSTEM;
    }
}

void cz_socket_drop(int *fds, uint32_t count)
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

static bool is_set(int fd, int option)
{
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value != 0;
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
    if (ready && bind(fd, address, size) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int cz_socket_bind_tcp(const char *host, uint16_t port, int backlog, uint32_t count, int *fds)
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
    return 0;
failed:;
    int rc = cz_socket_code(errno);
    cz_socket_drop(fds, count);
    return rc;
}

/* Whether the file is a socket that nobody listens on. */
static bool is_left_over(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool refused = connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                   errno == ECONNREFUSED;
    close(fd);
    return refused;
}

/* 0, or the error. */
static int bind_to(int fd, const struct sockaddr_un *address)
{
    return bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? 0 : errno;
}

/*
 * Holds the folder of `path` for a server that binds there: until it listens, its socket looks like
 * one that was left over. -1 where that is not possible, or somebody holds it for long.
 */
static int folder_hold(const char *path)
{
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path) + 1] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        memcpy(folder, path, (size_t)(slash - path) + 1);
        folder[slash - path + 1] = '\0';
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int left = HOLD_TRIES; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; left--) {
        if (left > 0 && (errno == EWOULDBLOCK || errno == EINTR)) {
            poll(NULL, 0, HOLD_PAUSE_MS);
            continue;
        }
        close(fd);
        return -1;
    }
    return fd;
}

int cz_socket_bind_unix(const char *path, uint32_t mode, int backlog, int *out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *out = -1;
    if (strlen(path) >= sizeof address.sun_path)
        return CATZILLA_ERR_ADDRESS;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return CATZILLA_ERR_SYSTEM;
    int held = folder_hold(path);
    /* The file takes the socket's mode less the umask, so it is never more open than asked. */
    int error = fchmod(fd, mode) == 0 ? bind_to(fd, &address) : errno;
    if (error == EADDRINUSE && is_left_over(&address))
        error = unlink(path) == 0 ? bind_to(fd, &address) : errno;
    if (error != 0)
        goto done;
    if (chmod(path, mode) == 0 && listen(fd, backlog) == 0) {
        *out = fd;
        fd = -1;
        goto done;
    }
    error = errno;
    unlink(path);
done:
    if (fd >= 0)
        close(fd);
    if (held >= 0)
        close(held);
    return error == 0 ? 0 : cz_socket_code(error);
}

void cz_socket_hurry(int fd)
{
    set(fd, IPPROTO_TCP, TCP_NODELAY);
}

bool cz_socket_listens(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
           is_set(fd, SO_ACCEPTCONN);
}

bool cz_socket_is_unix(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    return getsockname(fd, (struct sockaddr *)&address, &size) == 0 && address.ss_family == AF_UNIX;
}

void cz_socket_path(int fd, char out[CZ_SOCKET_PATH_SIZE])
{
    struct sockaddr_un address = {.sun_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    _Static_assert(sizeof address.sun_path < CZ_SOCKET_PATH_SIZE, "a path and its end");
    out[0] = '\0';
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0 || address.sun_family != AF_UNIX)
        return;
    /* The system counts the end of a path only where there is room for it. */
    size_t length = strnlen(address.sun_path, sizeof address.sun_path);
    memcpy(out, address.sun_path, length);
    out[length] = '\0';
}

uint16_t cz_socket_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return address.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&address)->sin_port) : 0;
}

static void set_to(int fd, int option, unsigned value)
{
    setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value);
}

void cz_socket_watch(int fd, uint32_t quiet_ms, uint32_t patience_ms)
{
    const unsigned most = 32767, probes = 4;
    unsigned seconds = quiet_ms / 1000 + (quiet_ms % 1000 > 0);
    seconds = seconds < most ? seconds : most;
    if (quiet_ms == 0 || set(fd, SOL_SOCKET, SO_KEEPALIVE) != 0)
        return;
#ifdef TCP_KEEPIDLE
    set_to(fd, TCP_KEEPIDLE, seconds);
    set_to(fd, TCP_KEEPINTVL, seconds < probes ? 1 : seconds / probes);
    set_to(fd, TCP_KEEPCNT, probes);
#endif
#ifdef TCP_USER_TIMEOUT
    /* While bytes wait to be acknowledged the system asks nothing, and tries on for long. */
    if (patience_ms > 0)
        set_to(fd, TCP_USER_TIMEOUT, patience_ms);
#endif
}

int64_t cz_socket_unsent(int fd)
{
#ifdef SIOCOUTQ
    int bytes = 0;
    if (ioctl(fd, SIOCOUTQ, &bytes) == 0)
        return bytes;
#else
    (void)fd;
#endif
    return -1;
}

bool cz_socket_has_input(int fd)
{
    int bytes = 0;
    return ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

bool cz_socket_is_left(int fd, bool half)
{
    short ended = 0;
#ifdef POLLRDHUP
    ended = half ? POLLRDHUP : 0;
#else
    (void)half;
#endif
    struct pollfd polled = {fd, ended, 0};
    return poll(&polled, 1, 0) > 0 && (polled.revents & (POLLERR | POLLHUP | ended)) != 0;
}

bool cz_socket_shares(int fd, int other)
{
    struct sockaddr_storage one, two;
    socklen_t one_size = sizeof one, two_size = sizeof two;
    memset(&one, 0, sizeof one);
    memset(&two, 0, sizeof two);
    return is_set(fd, SO_REUSEPORT) && is_set(other, SO_REUSEPORT) &&
           getsockname(fd, (struct sockaddr *)&one, &one_size) == 0 &&
           getsockname(other, (struct sockaddr *)&two, &two_size) == 0 && one_size == two_size &&
           memcmp(&one, &two, one_size) == 0;
}
