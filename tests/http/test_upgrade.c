/* Connections that were handed over raw, at the ends of their life. */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define UPGRADE "GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: "
#define REPLY                                                                                      \
    "HTTP/1.1 101 Switching Protocols\r\nDate: D\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"

static atomic_int closed;
static char much[20 << 20]; /* more than the system holds back for a peer that does not read */

static void on_data(catzilla_response_t *response, catzilla_slice_t data, void *user_data)
{
    (void)user_data;
    catzilla_response_write(response, data);
    if (data.data[0] == '#')
        catzilla_response_write(response, (catzilla_slice_t){much, sizeof much});
    if (memchr(data.data, '.', data.size) != NULL)
        catzilla_response_end(response);
}

static void on_close(int result, void *user_data)
{
    (void)result;
    (void)user_data;
    atomic_fetch_add(&closed, 1);
}

static int echo(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    (void)user_data;
    stream.on_data = on_data;
    stream.on_close = on_close;
    return catzilla_response_upgrade(response, CATZILLA_SLICE("echo"), &stream);
}

static void run(host_t *host, const catzilla_server_options_t *options)
{
    atomic_store(&closed, 0);
    host_create(host, options);
    catzilla_server_route(host->server, "GET", "/echo", echo, NULL);
    host_start(host);
}

static void expect(int fd, const char *wanted)
{
    size_t size;
    char *reply = client_drain(fd, &size);
    dates_mask(reply, &size);
    assert_string_equal(reply, wanted);
    free(reply);
    close(fd);
}

/* Upgrades by `text`, and then says something in a segment of its own. */
static void speak(const host_t *host, const char *text)
{
    char head[200];
    int fd = client_connect(host->port);
    client_send(fd, text, strlen(text));
    client_receive(fd, head, sizeof REPLY - 1 + 28);
    client_send(fd, "so it goes.", 11);
    expect(fd, "so it goes.");
}

static void the_last_request_of_a_connection_may_upgrade(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    (void)state;
    run(&host, NULL);
    speak(&host, UPGRADE "upgrade, close\r\n\r\n");
    host_stop(&host);
    options.max_requests = 1;
    run(&host, &options);
    speak(&host, UPGRADE "upgrade\r\n\r\n");
    host_stop(&host);
}

static void a_drain_leaves_the_peer_its_voice(void **state)
{
    static const char text[] = UPGRADE "upgrade\r\n\r\n";
    char head[200];
    host_t host;
    (void)state;
    run(&host, NULL);
    int fd = client_connect(host.port);
    client_send(fd, text, sizeof text - 1);
    client_receive(fd, head, sizeof REPLY - 1 + 28);
    catzilla_server_drain(host.server, 0);
    usleep(50000);
    client_send(fd, "so it goes.", 11);
    expect(fd, "so it goes.");
    host_join(&host);
}

static void a_peer_that_says_no_more_is_left_after_what_it_is_owed(void **state)
{
    static const char text[] = UPGRADE "upgrade\r\n\r\n#";
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    size_t size;
    (void)state;
    options.max_output_bytes = sizeof much;
    run(&host, &options);
    int fd = client_connect(host.port);
    client_send(fd, text, sizeof text - 1);
    shutdown(fd, SHUT_WR);
    usleep(50000);
    free(client_drain(fd, &size));
    assert_true(size > sizeof much);
    close(fd);
    for (int i = 0; i < 5000 && atomic_load(&closed) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&closed), 1);
    host_stop(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_request_of_a_connection_may_upgrade),
        cmocka_unit_test(a_drain_leaves_the_peer_its_voice),
        cmocka_unit_test(a_peer_that_says_no_more_is_left_after_what_it_is_owed),
    };
    return cmocka_run_group_tests_name("upgrade", tests, NULL, NULL);
}
