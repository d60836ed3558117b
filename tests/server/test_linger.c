/* The end of a connection takes nothing from a peer that still speaks, and does not wait for ever.
 */
#include "stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE     1000000u
#define WINDOW_MS 300u

static const char get[] = "GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
static char reply[2 * LARGE];

static int large(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    static const char page[LARGE];
    (void)request;
    (void)user_data;
    return catzilla_response_body_borrow(response, (catzilla_slice_t){page, LARGE}, NULL, NULL);
}

static void serve(const catzilla_server_options_t *options,
                  void (*script)(uint16_t port, void *data), void *data)
{
    catzilla_server_t *server;
    assert_int_equal(catzilla_server_create(options, &server), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/large", large, NULL), 0);
    assert_int_equal(stepped_run(server, script, data), 0);
    catzilla_server_destroy(server);
}

/* Says something again once the last reply has gone as far as the system takes it. */
static void speak_on(uint16_t port, void *data)
{
    (void)data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, get, sizeof get - 1));
    stepped_turns(8);
    assert_int_equal(send(fd, get, sizeof get - 1, MSG_NOSIGNAL), sizeof get - 1);
    stepped_turns(8);
    size_t size = stepped_drain(fd, reply, sizeof reply);
    close(fd);
    assert_memory_equal(reply, "HTTP/1.1 200", 12);
    assert_true(size > LARGE);
}

static void a_peer_that_speaks_on_gets_its_last_reply(void **state)
{
    (void)state;
    serve(NULL, speak_on, NULL);
}

/* Sends a body that was refused for longer than the server waits for a silent peer. */
static void upload_on(uint16_t port, void *data)
{
    static const char post[] =
        "POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n";
    static const char piece[1000];
    uint64_t since = stepped_now_ms();
    (void)data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, post, sizeof post - 1));
    while (stepped_now_ms() - since < 4 * WINDOW_MS) {
        assert_int_equal(send(fd, piece, sizeof piece, MSG_NOSIGNAL), sizeof piece);
        stepped_turns(1);
        usleep(5000);
    }
    size_t size = stepped_receive(fd, reply, sizeof reply, 20);
    assert_true(size >= 20);
    assert_memory_equal(reply, "HTTP/1.1 413", 12);
    /* It ends all the same. */
    for (bool open = true; open;)
        open = stepped_send(fd, piece, sizeof piece);
    close(fd);
}

static void a_peer_that_still_uploads_can_read_its_refusal(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.linger_timeout_ms = WINDOW_MS;
    options.linger_total_ms = 6 * WINDOW_MS;
    serve(&options, upload_on, NULL);
}

/* Takes the reply, and then neither says anything nor closes. */
static void fall_silent(uint16_t port, void *data)
{
    (void)data;
    size_t open = stepped_descriptors();
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, get, sizeof get - 1));
    stepped_turns(8);
    assert_true(stepped_drain(fd, reply, sizeof reply) > LARGE);
    stepped_until_open(open + 1); /* the client's */
    close(fd);
}

static void a_peer_that_falls_silent_is_not_waited_for(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.linger_timeout_ms = WINDOW_MS;
    serve(&options, fall_silent, NULL);
    options.linger_timeout_ms = 0;
    serve(&options, fall_silent, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_speaks_on_gets_its_last_reply),
        cmocka_unit_test(a_peer_that_still_uploads_can_read_its_refusal),
        cmocka_unit_test(a_peer_that_falls_silent_is_not_waited_for),
    };
    return cmocka_run_group_tests_name("lingering", tests, NULL, NULL);
}
