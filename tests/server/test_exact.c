/*
 * What a request costs, counted exactly: allocations of libc and of the memory layer, and system
 * calls. The test's own definitions stand before libc's for every library of the process, and
 * count only while the server's loop turns, and only what its own thread does.
 */
#define _GNU_SOURCE
#include "routes.h"
#include "stepped.h"

#include <catzilla/accesslog.h>
#include <catzilla/group.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static _Thread_local struct counts {
    bool on;
    unsigned allocations; /* of libc */
    unsigned reads;
    unsigned writes;
    unsigned others; /* epoll_ctl */
} counts;

static void count(unsigned *what)
{
    if (counts.on)
        ++*what;
}

void *malloc(size_t size)
{
    count(&counts.allocations);
    return __libc_malloc(size);
}

void *calloc(size_t items, size_t size)
{
    count(&counts.allocations);
    return __libc_calloc(items, size);
}

void *realloc(void *block, size_t size)
{
    count(&counts.allocations);
    return __libc_realloc(block, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    count(&counts.allocations);
    *out = __libc_memalign(alignment, size);
    return *out == NULL ? 12 : 0;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count(&counts.allocations);
    return __libc_memalign(alignment, size);
}

ssize_t read(int fd, void *out, size_t size)
{
    count(&counts.reads);
    return syscall(SYS_read, fd, out, size);
}

ssize_t recv(int fd, void *out, size_t size, int flags)
{
    count(&counts.reads);
    return syscall(SYS_recvfrom, fd, out, size, flags, NULL, NULL);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    count(&counts.reads);
    return syscall(SYS_recvmsg, fd, message, flags);
}

ssize_t write(int fd, const void *data, size_t size)
{
    count(&counts.writes);
    return syscall(SYS_write, fd, data, size);
}

ssize_t writev(int fd, const struct iovec *vectors, int vector_count)
{
    count(&counts.writes);
    return syscall(SYS_writev, fd, vectors, vector_count);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    count(&counts.writes);
    return syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    count(&counts.writes);
    return syscall(SYS_sendmsg, fd, message, flags);
}

int epoll_ctl(int fd, int operation, int target, struct epoll_event *event)
{
    count(&counts.others);
    return (int)syscall(SYS_epoll_ctl, fd, operation, target, event);
}

static const char get[] = "GET /users/abc HTTP/1.1\r\nHost: a\r\n\r\n";

static struct plan {
    const char *request;
    size_t size;
    unsigned rounds;
    struct counts sum;
    uint64_t class_allocations;
} plan;

static uint64_t class_allocations(void)
{
    catzilla_memory_stats_t stats;
    catzilla_memory_get_stats(&stats);
    return stats.allocation_count;
}

/* One round: everything is sent before the loop turns, and one turn answers it. */
static void round_trip(int fd, size_t *reply_size)
{
    static char reply[65536];
    if (!stepped_send(fd, plan.request, plan.size))
        fail_msg("the server closed");
    counts.on = true;
    stepped_turn();
    counts.on = false;
    ssize_t got = recv(fd, reply, sizeof reply, MSG_DONTWAIT);
    if (got <= 0 || (*reply_size != 0 && (size_t)got != *reply_size))
        fail_msg("a reply of %zd bytes, not %zu", got, *reply_size);
    *reply_size = (size_t)got;
    if (memcmp(reply, "HTTP/1.1 200", 12) != 0)
        fail_msg("%.60s", reply);
}

static void measure(uint16_t port, void *data)
{
    size_t reply_size = 0;
    (void)data;
    int fd = stepped_connect(port);
    stepped_turn();
    for (unsigned i = 0; i < 64; i++)
        round_trip(fd, &reply_size);
    /* Where the machine lets the test wait for a second the pools are trimmed, and jemalloc may
     * start its thread: then once more. What a request allocates shows in every attempt. */
    for (int attempt = 0; attempt < 5; attempt++) {
        memset(&counts, 0, sizeof counts);
        plan.class_allocations = class_allocations();
        for (unsigned i = 0; i < plan.rounds; i++)
            round_trip(fd, &reply_size);
        plan.class_allocations = class_allocations() - plan.class_allocations;
        plan.sum = counts;
        if (plan.class_allocations == 0 && plan.sum.allocations == 0)
            break;
    }
    close(fd);
}

static void run_on(catzilla_server_t *server, const char *request, size_t size)
{
    plan.request = request;
    plan.size = size;
    plan.rounds = 500;
    assert_int_equal(routes_add(server, NULL), 0);
    assert_int_equal(stepped_run(server, measure, NULL), 0);
    catzilla_server_destroy(server);
}

static void run(const char *request, size_t size)
{
    catzilla_server_t *server;
    assert_int_equal(catzilla_server_create(NULL, &server), 0);
    run_on(server, request, size);
}

static void expect_nothing_but_one_read_and_one_write(void)
{
    assert_int_equal(plan.sum.allocations, 0);
    assert_int_equal(plan.class_allocations, 0);
    assert_int_equal(plan.sum.reads, plan.rounds);
    assert_int_equal(plan.sum.writes, plan.rounds);
    assert_int_equal(plan.sum.others, 0);
}

static void a_get_with_a_parameter_allocates_nothing(void **state)
{
    (void)state;
    run(get, sizeof get - 1);
    expect_nothing_but_one_read_and_one_write();
}

static int before(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    /* What the handlers' region gives comes back with the reply. */
    char *copy = catzilla_request_scratch(request, 1000);
    return copy == NULL ? CATZILLA_ERR_NOMEM
                        : catzilla_response_header(response, CATZILLA_SLICE("X-Before"),
                                                   CATZILLA_SLICE("yes"));
}

static void after(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    catzilla_response_header(response, CATZILLA_SLICE("X-After"), CATZILLA_SLICE("yes"));
}

static void middleware_memory_deadlines_and_the_access_log_allocate_nothing(void **state)
{
    catzilla_accesslog_options_t log_options = CATZILLA_ACCESSLOG_OPTIONS_INIT;
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_accesslog_t *log;
    catzilla_server_t *server;
    (void)state;
    log_options.path = "/dev/null";
    assert_int_equal(catzilla_accesslog_create(&log_options, &log), 0);
    options.access = catzilla_accesslog_write;
    options.access_data = log;
    options.total_timeout_ms = 600000;
    options.min_rate = 1;
    assert_int_equal(catzilla_server_create(&options, &server), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(catzilla_group_use(catzilla_server_root(server), before, after, NULL), 0);
    run_on(server, get, sizeof get - 1);
    catzilla_accesslog_destroy(log);
    expect_nothing_but_one_read_and_one_write();
}

static void a_post_of_4_kib_allocates_nothing(void **state)
{
    char request[8192];
    (void)state;
    int head = snprintf(request, sizeof request,
                        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4096\r\n\r\n");
    memset(request + head, 'b', 4096);
    run(request, (size_t)head + 4096);
    expect_nothing_but_one_read_and_one_write();
}

static void sixteen_requests_at_once_leave_in_one_write(void **state)
{
    char requests[16 * sizeof get];
    size_t size = 0;
    (void)state;
    for (int i = 0; i < 16; i++, size += sizeof get - 1)
        memcpy(requests + size, get, sizeof get - 1);
    run(requests, size);
    expect_nothing_but_one_read_and_one_write();
}

static void the_counters_count(void **state)
{
    (void)state;
    memset(&counts, 0, sizeof counts);
    counts.on = true;
    char *volatile block = malloc(10);
    ssize_t none = write(-1, "", 0) + read(-1, block, 0);
    counts.on = false;
    free(block);
    assert_int_equal(none, -2);
    assert_int_equal(counts.allocations, 1);
    assert_int_equal(counts.reads, 1);
    assert_int_equal(counts.writes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_counters_count),
        cmocka_unit_test(a_get_with_a_parameter_allocates_nothing),
        cmocka_unit_test(middleware_memory_deadlines_and_the_access_log_allocate_nothing),
        cmocka_unit_test(a_post_of_4_kib_allocates_nothing),
        cmocka_unit_test(sixteen_requests_at_once_leave_in_one_write),
    };
    return cmocka_run_group_tests_name("costs of a request", tests, NULL, NULL);
}
