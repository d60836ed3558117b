/* Output whose socket takes a part of it: what is left goes out behind it, and nothing twice. */
#include "server/output.h"

#include <catzilla/memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 20000 }; /* one block, and more than the socket takes at once */

static size_t receive(int fd, char *out, size_t size)
{
    ssize_t got = recv(fd, out, size, MSG_DONTWAIT);
    return got > 0 ? (size_t)got : 0;
}

static void a_block_of_which_a_part_is_taken_goes_on(void **state)
{
    const int smallest = 1;
    char wanted[SIZE], got[SIZE + 1];
    cz_output_t output;
    cz_pool_t pool;
    int fds[2], partial = 0;
    size_t received = 0;
    (void)state;
    memset(&output, 0, sizeof output);
    cz_pool_init(&pool, catzilla_response_alloc, catzilla_response_free, 65536);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest), 0);
    for (size_t i = 0; i < SIZE; i++)
        wanted[i] = (char)('a' + i % 23);
    char *room = cz_output_reserve(&output, &pool, SIZE);
    assert_non_null(room);
    memcpy(room, wanted, SIZE);
    cz_output_commit(&output, SIZE);
    for (int turn = 0; turn < 100 && output.first != NULL; turn++) {
        uint64_t before = output.sent;
        cz_flush_t result = cz_output_flush(&output, &pool, fds[0]);
        assert_int_equal(output.queued + output.sent, SIZE);
        assert_int_equal(result, output.queued == 0 ? CZ_FLUSH_DONE : CZ_FLUSH_BLOCKED);
        partial += output.queued > 0 && output.sent > before;
        received += receive(fds[1], got + received, sizeof got - received);
    }
    received += receive(fds[1], got + received, sizeof got - received);
    assert_true(partial > 0);
    assert_null(output.first);
    assert_null(output.last);
    assert_int_equal(received, SIZE);
    assert_memory_equal(got, wanted, SIZE);
    cz_pool_trim(&pool);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_of_which_a_part_is_taken_goes_on),
    };
    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
