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

static void serve(const catzilla_server_options_t *options,
                  void (*script)(uint16_t port, void *data), void *data)
{
    catzilla_server_t *server;
    memset(page, 'p', sizeof page);
    assert_int_equal(catzilla_server_create(options, &server), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/large", large, NULL), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_reads_a_little_steadily_is_served),
    };
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
