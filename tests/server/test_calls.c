/*
 * Every system call of the thread that serves, counted by a tracer: what the interposers of
 * test_exact.c do not stand before shows here too. The child turns its loop between two marks.
 */
#define _GNU_SOURCE
#include "routes.h"
#include "stepped.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUNDS   200u
#define ATTEMPTS 3u
#define NUMBERS  600u

/* What the child tells its tracer: as an argument of a call that does nothing. */
enum mark { MARK_ON = 0x43415401, MARK_OFF, MARK_ATTEMPT };

static void mark(enum mark what)
{
    syscall(SYS_getpgid, (long)what);
}

typedef struct plan {
    const char *request;
    size_t size;
} plan_t;

static void script(uint16_t port, void *data)
{
    static char reply[65536];
    const plan_t *plan = data;
    int fd = stepped_connect(port);
    stepped_turn();
    for (unsigned i = 0; i < 64 + ATTEMPTS * ROUNDS; i++) {
        if (i >= 64 && (i - 64) % ROUNDS == 0)
            mark(MARK_ATTEMPT);
        if (!stepped_send(fd, plan->request, plan->size))
            _exit(2);
        mark(MARK_ON);
        stepped_turn();
        mark(MARK_OFF);
        if (recv(fd, reply, sizeof reply, MSG_DONTWAIT) < 12 ||
            memcmp(reply, "HTTP/1.1 200", 12) != 0)
            _exit(3);
    }
    close(fd);
}

_Noreturn static void serve(plan_t *plan)
{
    catzilla_server_t *server;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0 ||
        catzilla_server_create(NULL, &server) != 0 || routes_add(server, NULL) != 0 ||
        stepped_run(server, script, plan) != 0)
        _exit(1);
    _exit(0);
}

/* Calls of one attempt, by their numbers. */
typedef struct counts {
    unsigned of[NUMBERS];
    unsigned all;
} counts_t;

/* Waiting costs nothing, and a clock that the system does not map is no matter of ours. */
static bool is_counted(uint64_t number)
{
    return number != SYS_epoll_wait && number != SYS_epoll_pwait && number != SYS_clock_gettime &&
           number < NUMBERS;
}

static void take(const struct __ptrace_syscall_info *info, counts_t *attempts, int *attempt,
                 bool *on)
{
    if (info->op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    bool is_mark = info->entry.nr == SYS_getpgid;
    if (is_mark && info->entry.args[0] == MARK_ATTEMPT)
        ++*attempt;
    else if (is_mark && (info->entry.args[0] == MARK_ON || info->entry.args[0] == MARK_OFF))
        *on = info->entry.args[0] == MARK_ON;
    else if (*on && *attempt >= 0 && is_counted(info->entry.nr)) {
        attempts[*attempt].of[info->entry.nr]++;
        attempts[*attempt].all++;
    }
}

/* Follows the child to its end; false where tracing is not allowed here. */
static bool trace(plan_t *plan, counts_t attempts[ATTEMPTS])
{
    struct __ptrace_syscall_info info;
    int status, attempt = -1;
    bool on = false;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        serve(plan);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status))
        return false;
    assert_int_equal(
        ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)),
        0);
    while (true) {
        long signum = WSTOPSIG(status) == (SIGTRAP | 0x80) || WSTOPSIG(status) == SIGSTOP
                          ? 0
                          : WSTOPSIG(status);
        assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, (void *)signum), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSTOPPED(status))
            break;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80))
            continue;
        if (ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info) <= 0)
            fail_msg("the system does not tell of calls: %s", strerror(errno));
        take(&info, attempts, &attempt, &on);
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(attempt, (int)ATTEMPTS - 1);
    return true;
}

/* Where the machine lets the test wait for long the pools are trimmed: the best attempt counts. */
static void expect_one_read_and_one_write(plan_t *plan)
{
    counts_t attempts[ATTEMPTS] = {{{0}, 0}};
    if (!trace(plan, attempts))
        skip();
    const counts_t *best = &attempts[0];
    for (unsigned i = 1; i < ATTEMPTS; i++)
        best = attempts[i].all < best->all ? &attempts[i] : best;
    for (unsigned i = 0; i < NUMBERS && best->all != 2 * ROUNDS; i++)
        if (best->of[i] != 0)
            print_message("system call %u: %u times\n", i, best->of[i]);
    assert_int_equal(best->all, 2 * ROUNDS);
    assert_int_equal(best->of[SYS_read] + best->of[SYS_recvfrom] + best->of[SYS_recvmsg], ROUNDS);
    assert_int_equal(best->of[SYS_write] + best->of[SYS_sendto] + best->of[SYS_sendmsg] +
                         best->of[SYS_writev],
                     ROUNDS);
}

static const char get[] = "GET /users/abc HTTP/1.1\r\nHost: a\r\n\r\n";

static void a_get_reads_once_and_writes_once(void **state)
{
    plan_t plan = {get, sizeof get - 1};
    (void)state;
    expect_one_read_and_one_write(&plan);
}

static void so_do_sixteen_at_once(void **state)
{
    char requests[16 * sizeof get];
    plan_t plan = {requests, 0};
    (void)state;
    for (int i = 0; i < 16; i++, plan.size += sizeof get - 1)
        memcpy(requests + plan.size, get, sizeof get - 1);
    expect_one_read_and_one_write(&plan);
}

static void a_post_of_4_kib_does(void **state)
{
    char request[8192];
    plan_t plan = {request, 0};
    (void)state;
    plan.size = (size_t)snprintf(request, sizeof request,
                                 "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4096\r\n\r\n");
    memset(request + plan.size, 'b', 4096);
    plan.size += 4096;
    expect_one_read_and_one_write(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_reads_once_and_writes_once),
        cmocka_unit_test(so_do_sixteen_at_once),
        cmocka_unit_test(a_post_of_4_kib_does),
    };
    return cmocka_run_group_tests_name("system calls of a request", tests, NULL, NULL);
}
