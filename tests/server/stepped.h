/*
 * A server whose loop turns only when the test says so, in the test's own thread: what happens is
 * the same in every run, and nothing but the server runs between two steps. It is driven through
 * the public interface; the linker puts the test's uv_run() in the place of libuv's
 * (catzilla_use_stepped() in CMakeLists.txt).
 */
#ifndef TESTS_SERVER_STEPPED_H
#define TESTS_SERVER_STEPPED_H
#include <catzilla/server.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs `server` until `script` returns, then stops it; the code of catzilla_server_run(). */
int stepped_run(catzilla_server_t *server, void (*script)(uint16_t port, void *data), void *data);

/* The same for a server that lives in `loop`, which is empty again afterwards. */
int stepped_run_in_loop(catzilla_server_t *server, struct uv_loop_s *loop,
                        void (*script)(uint16_t port, void *data), void *data);

/* One turn of the loop, without waiting; and several. */
void stepped_turn(void);
void stepped_turns(int times);

/* What is called whenever the client waits and nothing comes; whether that has changed anything. */
extern bool (*stepped_when_idle)(void);

/*
 * The address that clients come from: not that of the servers, for a connection that has ended
 * holds its port for a minute, and some ten thousand of them leave a server no port on their own
 * address.
 */
#define STEPPED_CLIENT "127.0.0.2"

/* A socket that never blocks and, when closed, resets rather than lingers. */
int stepped_connect(uint16_t port);

/* Sends what the socket takes, turning the loop until all is taken; false when the peer closed. */
bool stepped_send(int fd, const char *data, size_t size);

/*
 * Turns the loop and receives, until `done` bytes are there, the peer closes or `out` is full.
 * The number of bytes; a server that does neither for ten seconds ends the test.
 */
size_t stepped_receive(int fd, char *out, size_t size, size_t done);

/* Turns the loop until the peer has closed; what came, at most `size` bytes of it. */
size_t stepped_drain(int fd, char *out, size_t size);

/* How many descriptors the process has open, the server's and the clients'. */
size_t stepped_descriptors(void);

/* Turns the loop until there are `count` of them; one that closes none for ten seconds ends the
 * test. */
void stepped_until_open(size_t count);

/* A clock for tests that go on for a while. */
uint64_t stepped_now_ms(void);

#endif
