/* Peers that are slow, or fast, at reading: what they may take, and what others have beside them.
 */
#include "stepped.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE     (24u << 20) /* more than the system takes off a server's hands */
#define WINDOW_MS 600u

static char page[1 << 20];

static int large(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_slice_t pieces[LARGE / sizeof page];
    (void)request;
    (void)user_data;
    for (size_t i = 0; i < LARGE / sizeof page; i++)
        pieces[i] = (catzilla_slice_t){page, sizeof page};
    return catzilla_response_body_vector(response, pieces, LARGE / sizeof page, NULL, NULL);
}

static uint64_t told;

static void tell_on(catzilla_response_t *response, void *user_data)
{
    int rc = 0;
    (void)user_data;
    for (; rc == 0; told += 65536)
        rc = catzilla_response_write(response, (catzilla_slice_t){page, 65536});
}

/* Streams as long as somebody reads. */
static int tell(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    (void)user_data;
    stream.on_drain = tell_on;
    int rc = catzilla_response_stream(response, &stream);
    if (rc == 0)
        tell_on(response, NULL);
    return rc;
}

static void serve(const catzilla_server_options_t *options,
                  void (*script)(uint16_t port, void *data), void *data)
{
    catzilla_server_t *server;
    memset(page, 'p', sizeof page);
    assert_int_equal(catzilla_server_create(options, &server), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/large", large, NULL), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/tell", tell, NULL), 0);
    assert_int_equal(stepped_run(server, script, data), 0);
    catzilla_server_destroy(server);
}

/* A client whose system holds back little of what it has not read. */
static int connect_narrow(uint16_t port)
{
    static const int room = 16384;
    int fd = stepped_connect(port);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    return fd;
}

/* Reads `piece` bytes now and then, for several windows, and then the rest; how much it was. */
static size_t read_slowly(int fd, size_t piece)
{
    static char bytes[1 << 20];
    const struct timespec pause = {0, 5000000};
    uint64_t since = stepped_now_ms();
    size_t got = 0;
    while (stepped_now_ms() - since < 4 * WINDOW_MS) {
        ssize_t size = recv(fd, bytes, piece, MSG_DONTWAIT);
        assert_true(size > 0 || (size < 0 && errno == EAGAIN));
        got += size > 0 ? (size_t)size : 0;
        stepped_turn();
        nanosleep(&pause, NULL);
    }
    for (;;) {
        size_t size = stepped_receive(fd, bytes, sizeof bytes, 1);
        got += size;
        if (size == 0 || got > LARGE)
            return got;
    }
}

static void read_steadily(uint16_t port, void *data)
{
    static const char get[] = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    (void)data;
    int fd = connect_narrow(port);
    assert_true(stepped_send(fd, get, sizeof get - 1));
    assert_true(read_slowly(fd, 4000) > LARGE);
    close(fd);
}

/* Far less than the system wants to be rid of before it says that there is room. */
static void a_peer_that_reads_a_little_steadily_is_served(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.write_timeout_ms = WINDOW_MS;
    serve(&options, read_steadily, NULL);
}

/* How much a peer can be given in one turn of the loop, in which the others wait. */
static void ask_for_much(uint16_t port, void *data)
{
    static char bytes[1 << 20];
    const char *text = data;
    size_t got = 0, most = 0;
    told = 0;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, text, strlen(text)));
    for (int i = 0; i < 40; i++) {
        size_t before = got;
        ssize_t size;
        stepped_turn();
        while ((size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
            got += (size_t)size;
        most = got - before > most ? got - before : most;
    }
    close(fd);
    /* What a socket holds from one turn may reach the client in the next. */
    assert_true(most < 2u << 20);
    assert_true(got > 8u << 20);
    assert_true(told <= got + (8u << 20));
}

static void a_peer_that_reads_fast_leaves_the_loop_to_others(void **state)
{
    (void)state;
    serve(NULL, ask_for_much, "GET /tell HTTP/1.1\r\nHost: a\r\n\r\n");
    serve(NULL, ask_for_much, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_reads_fast_leaves_the_loop_to_others),
        cmocka_unit_test(a_peer_that_reads_a_little_steadily_is_served),
    };
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
