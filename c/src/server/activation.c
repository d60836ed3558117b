/*
 * What systemd hands to a service and hears from it, as sd_listen_fds(3) and sd_notify(3) describe
 * it: two variables and the descriptors from 3 on; datagrams to a socket that a third one names.
 */
#include <catzilla/listener.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3
#define MOST_FDS 1024

/* A number of digits alone; 0 where it is none. */
static long number_of(const char *text)
{
    char *end;
    if (text == NULL || *text < '0' || *text > '9')
        return 0;
    errno = 0;
    long number = strtol(text, &end, 10);
    return errno == 0 && *end == '\0' ? number : 0;
}

int catzilla_server_add_activation(catzilla_server_t *server, size_t *out)
{
    long count = number_of(getenv("LISTEN_FDS"));
    *out = 0;
    if (number_of(getenv("LISTEN_PID")) != (long)getpid())
        return 0;
    if (count > MOST_FDS)
        return CATZILLA_ERR_INVALID;
    for (long i = 0; i < count; i++) {
        int rc = catzilla_server_add_socket(server, FIRST_FD + (int)i);
        if (rc != 0)
            return rc;
        ++*out;
    }
    return 0;
}

int catzilla_notify(const char *state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL || *path == '\0')
        return 0;
    size_t size = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || size >= sizeof address.sun_path)
        return CATZILLA_ERR_ADDRESS;
    memcpy(address.sun_path, path, size);
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* in the abstract namespace */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return CATZILLA_ERR_SYSTEM;
    socklen_t address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                          (struct sockaddr *)&address, address_size);
    close(fd);
    return sent < 0 ? CATZILLA_ERR_SYSTEM : 0;
}
