/* libmicrohttpd: its epoll loop in one thread of its own, one response that all requests share. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct MHD_Response *response;

static enum MHD_Result hello(void *data, struct MHD_Connection *connection, const char *target,
                             const char *method, const char *version, const char *upload,
                             size_t *upload_size, void **state)
{
    (void)data, (void)target, (void)method, (void)version, (void)upload, (void)upload_size;
    /* The first call comes before the request is read; an answer then would close the connection.
     */
    if (*state == NULL) {
        *state = &response;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

int main(int argc, char **argv)
{
    static char body[] = "Hello, World!";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    sigset_t ends;
    int signal;
    if (argc != 2)
        return 2;
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    response = MHD_create_response_from_buffer(sizeof body - 1, body, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "text/plain");
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO, ntohs(address.sin_port), NULL, NULL, hello,
        NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT, 20000u,
        MHD_OPTION_LISTEN_BACKLOG_SIZE, 4096u, MHD_OPTION_CONNECTION_TIMEOUT, 60u, MHD_OPTION_END);
    if (daemon == NULL) {
        fprintf(stderr, "libmicrohttpd does not start\n");
        return 2;
    }
    sigwait(&ends, &signal);
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}
