/*
 * A whole connection: the first byte says how many control bytes follow and whether the client is a
 * proxy, and what is left is the stream that it sends. A control byte ends a piece of the stream,
 * turns the loop, reads or resets. Whatever comes, the server closes once the client has, and
 * nothing stays behind; and without a reset the replies are those to the stream sent in one piece.
 */
#include "../server/routes.h"
#include "../server/stepped.h"

#include <catzilla/listener.h>

#include "fuzz.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLIES = 1 << 18, PROXIED = 192 };

typedef struct tape {
    const uint8_t *control;
    size_t control_size;
    const char *stream;
    size_t stream_size;
    bool was_reset;
    char whole[REPLIES];
    char split[REPLIES];
    size_t whole_size;
    size_t split_size;
} tape_t;

/* The one thing in which two replies to the same request may differ. */
static void dates_mask(char *reply, size_t size)
{
    static const char field[] = "\r\nDate: ";
    const size_t skip = sizeof field - 1, value = 29;
    for (size_t i = 0; i + skip + value <= size; i++)
        if (memcmp(reply + i, field, skip) == 0)
            memset(reply + i + skip, 'D', value);
}

static size_t send_whole(uint16_t port, const tape_t *tape, char *out)
{
    int fd = stepped_connect(port);
    if (stepped_send(fd, tape->stream, tape->stream_size))
        shutdown(fd, SHUT_WR);
    size_t size = stepped_drain(fd, out, REPLIES);
    close(fd);
    return size;
}

static size_t send_split(uint16_t port, tape_t *tape, char *out)
{
    const char *at = tape->stream;
    size_t left = tape->stream_size, got = 0;
    bool open = true;
    int fd = stepped_connect(port);
    for (size_t i = 0; i < tape->control_size && open && !tape->was_reset; i++) {
        size_t piece = tape->control[i] / 4;
        piece = piece < left ? piece : left;
        open = stepped_send(fd, at, piece);
        at += piece;
        left -= piece;
        if (tape->control[i] % 4 != 0)
            stepped_turn();
        if (tape->control[i] % 8 == 3)
            routes_go_on();
        if (tape->control[i] % 4 == 2)
            got += stepped_receive(fd, out + got, REPLIES - got, 0);
        tape->was_reset = tape->control[i] == 255;
    }
    if (!tape->was_reset) {
        if (open && stepped_send(fd, at, left))
            shutdown(fd, SHUT_WR);
        got += stepped_drain(fd, out + got, REPLIES - got);
    }
    close(fd);
    return got;
}

static void play(uint16_t port, void *data)
{
    tape_t *tape = data;
    stepped_when_idle = routes_go_on;
    tape->whole_size = send_whole(port, tape, tape->whole);
    tape->split_size = send_split(port, tape, tape->split);
    /* A reply put off outlives its connection. */
    stepped_turns(3);
    while (routes_go_on())
        stepped_turn();
    stepped_turn();
    FUZZ_CHECK(routes_held == 0);
}

/*
 * "100 Continue" depends on whether the body is there already, what a raw stream answers on how it
 * comes, and whether a reader refuses a body ("!") on whether it sees it before it proves
 * malformed, so such tapes are not compared.
 */
static bool is_comparable(const tape_t *tape)
{
    for (size_t i = 0; i + 7 <= tape->stream_size; i++)
        if (strncasecmp(tape->stream + i, "expect", 6) == 0 ||
            strncasecmp(tape->stream + i, "upgrade", 7) == 0)
            return false;
    return !tape->was_reset && memchr(tape->stream, '!', tape->stream_size) == NULL;
}

/*
 * Where all servers listen in turn: each asking for a port of its own, a minute of inputs takes all
 * that there are, for a connection that has ended holds its port that long.
 */
static int listening(void)
{
    static int fd = -1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd >= 0)
        return fd;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(bind(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    FUZZ_CHECK(listen(fd, 16) == 0);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tape_t tape;
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_memory_stats_t before, after;
    catzilla_server_t *server;
    if (size < 1 || size < 1u + data[0] % 64)
        return 0;
    tape.control = data + 1;
    tape.control_size = data[0] % 64;
    tape.stream = (const char *)tape.control + tape.control_size;
    tape.stream_size = size - 1 - tape.control_size;
    tape.was_reset = false;
    catzilla_memory_get_stats(&before);
    FUZZ_CHECK(catzilla_server_create(&options, &server) == 0);
    FUZZ_CHECK(catzilla_server_add_socket(server, dup(listening())) == 0);
    FUZZ_CHECK(routes_add(server, NULL) == 0);
    if (data[0] >= PROXIED)
        FUZZ_CHECK(catzilla_server_trust_proxy(server, "127.0.0.0/8") == 0);
    FUZZ_CHECK(stepped_run(server, play, &tape) == 0);
    catzilla_server_destroy(server);
    catzilla_memory_get_stats(&after);
    FUZZ_CHECK(after.allocated == before.allocated);
    if (is_comparable(&tape)) {
        dates_mask(tape.whole, tape.whole_size);
        dates_mask(tape.split, tape.split_size);
        FUZZ_CHECK(tape.whole_size == tape.split_size);
        FUZZ_CHECK(memcmp(tape.whole, tape.split, tape.whole_size) == 0);
    }
    return 0;
}
