/* A program that serves one request, which it makes itself. */
#include "baked.h"
#include <arpa/inet.h>
#include <catzilla/catzilla.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

static int user(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    return catzilla_response_body(response, catzilla_request_param(request, "id"));
}

/* Writes the reply into `reply`, as a string; empty when anything failed. */
static void ask(uint16_t port, char *reply, size_t size)
{
    static const char request[] =
        "GET /users/42 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    size_t used = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        write(fd, request, sizeof request - 1) == (ssize_t)sizeof request - 1) {
        ssize_t got;
        while (used + 1 < size && (got = read(fd, reply + used, size - used - 1)) > 0)
            used += (size_t)got;
    }
    reply[used] = '\0';
    close(fd);
}

static void *run(void *server)
{
    catzilla_server_run(server);
    return NULL;
}

int main(void)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_server_t *server;
    uint16_t port;
    pthread_t thread;
    char reply[1024];
    options.port = 0;
    if (!baked_options_arrived() || catzilla_server_create(&options, &server) != 0)
        return 1;
    if (catzilla_server_route(server, "GET", "/users/{id}", user, NULL) != 0 ||
        catzilla_server_listen(server) != 0 || catzilla_server_port(server, &port) != 0 ||
        pthread_create(&thread, NULL, run, server) != 0)
        return 1;
    ask(port, reply, sizeof reply);
    catzilla_server_stop(server);
    pthread_join(thread, NULL);
    catzilla_server_destroy(server);
    fputs(reply, stdout);
    return strncmp(reply, "HTTP/1.1 200 ", 13) == 0 && strstr(reply, "\r\n\r\n42") != NULL ? 0 : 1;
}
