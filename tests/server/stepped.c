#include "stepped.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define PATIENCE_MS 10000

int __real_uv_run(uv_loop_t *loop, uv_run_mode mode);
int __wrap_uv_run(uv_loop_t *loop, uv_run_mode mode);

/* The one server under test. */
static struct {
    catzilla_server_t *server;
    uv_loop_t *loop;
    void (*script)(uint16_t port, void *data);
    void *data;
} stepped;

bool (*stepped_when_idle)(void);

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "stepped server: %s: %s\n", what, strerror(errno));
    abort();
}

int __wrap_uv_run(uv_loop_t *loop, uv_run_mode mode)
{
    uint16_t port;
    void (*script)(uint16_t port, void *data) = stepped.script;
    if (script == NULL || mode != UV_RUN_DEFAULT)
        return __real_uv_run(loop, mode);
    stepped.script = NULL;
    stepped.loop = loop;
    if (catzilla_server_port(stepped.server, &port) != 0)
        give_up("port");
    script(port, stepped.data);
    catzilla_server_stop(stepped.server);
    return __real_uv_run(loop, mode);
}

int stepped_run(catzilla_server_t *server, void (*script)(uint16_t port, void *data), void *data)
{
    stepped.server = server;
    stepped.script = script;
    stepped.data = data;
    int rc = catzilla_server_run(server);
    stepped.script = NULL;
    stepped.loop = NULL;
    return rc;
}

int stepped_run_in_loop(catzilla_server_t *server, struct uv_loop_s *loop,
                        void (*script)(uint16_t port, void *data), void *data)
{
    uint16_t port;
    int rc = catzilla_server_start(server);
    if (rc != 0)
        return rc;
    stepped.loop = loop;
    if (catzilla_server_port(server, &port) != 0)
        give_up("port");
    script(port, data);
    catzilla_server_stop(server);
    __real_uv_run(loop, UV_RUN_DEFAULT);
    stepped.loop = NULL;
    return 0;
}

void stepped_turn(void)
{
    __real_uv_run(stepped.loop, UV_RUN_NOWAIT);
}

void stepped_turns(int times)
{
    while (times-- > 0)
        stepped_turn();
}

/* Whether a connection whose making a signal has interrupted is made after all. */
static bool is_connected(int fd)
{
    struct pollfd client = {fd, POLLOUT, 0};
    socklen_t size = sizeof errno;
    if (errno != EINTR)
        return false;
    while (poll(&client, 1, PATIENCE_MS) < 0 && errno == EINTR)
        ;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &size) == 0 && errno == 0;
}

int stepped_connect(uint16_t port)
{
    static const struct linger reset = {1, 0};
    static const int yes = 1;
    const struct sockaddr_in server = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr_in client = {.sin_family = AF_INET,
                                       .sin_addr.s_addr = inet_addr(STEPPED_CLIENT)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0 ||
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes) != 0 ||
        bind(fd, (const struct sockaddr *)&client, sizeof client) != 0)
        give_up("socket");
    /* The kernel completes it while the listener has room, so it does not wait for the loop. */
    if (connect(fd, (const struct sockaddr *)&server, sizeof server) != 0 && !is_connected(fd))
        give_up("connect");
    return fd;
}

uint64_t stepped_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One turn; then, where the client saw nothing for some turns, a short wait for the network. */
static void turn_or_wait(int fd, short events, unsigned *idle, uint64_t since)
{
    stepped_turn();
    if (++*idle < 4 || (stepped_when_idle != NULL && stepped_when_idle()))
        return;
    struct pollfd client = {fd, events, 0};
    poll(&client, 1, 1);
    if (stepped_now_ms() - since > PATIENCE_MS)
        give_up("neither answers nor closes");
}

bool stepped_send(int fd, const char *data, size_t size)
{
    uint64_t since = stepped_now_ms();
    unsigned idle = 0;
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
            idle = 0;
            since = stepped_now_ms();
        } else {
            turn_or_wait(fd, POLLOUT, &idle, since);
        }
    }
    return true;
}

static size_t receive(int fd, char *out, size_t size, size_t done, bool to_end)
{
    char beyond[4096];
    uint64_t since = stepped_now_ms();
    unsigned idle = 0;
    size_t used = 0;
    while (to_end || (used < done && used < size)) {
        char *to = used < size ? out + used : beyond;
        size_t room = used < size ? size - used : sizeof beyond;
        ssize_t got = recv(fd, to, room, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            break;
        if (got > 0) {
            used += to == beyond ? 0 : (size_t)got;
            idle = 0;
            since = stepped_now_ms();
        } else {
            turn_or_wait(fd, POLLIN, &idle, since);
        }
    }
    return used;
}

size_t stepped_receive(int fd, char *out, size_t size, size_t done)
{
    return receive(fd, out, size, done, false);
}

size_t stepped_drain(int fd, char *out, size_t size)
{
    return receive(fd, out, size, 0, true);
}

size_t stepped_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        give_up("/proc/self/fd");
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

void stepped_until_open(size_t count)
{
    const struct timespec pause = {0, 1000000};
    uint64_t since = stepped_now_ms();
    while (stepped_descriptors() != count) {
        stepped_turn();
        nanosleep(&pause, NULL);
        if (stepped_now_ms() - since > PATIENCE_MS)
            give_up("closes nothing");
    }
}
