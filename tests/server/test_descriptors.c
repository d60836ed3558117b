/* When descriptors run out: fewer connections are admitted, and what wants a file comes again. */
#include "routes.h"
#include "stepped.h"

#include <catzilla/static.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define FREE  40
#define KNOWN "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static const char get_file[] = "GET /files/a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

static char folder[] = "/tmp/catzilla-descriptors-XXXXXX";
static char lines[4096];

static void take(int level, const char *message, void *user_data)
{
    size_t used = strlen(lines);
    (void)user_data;
    snprintf(lines + used, sizeof lines - used, "%d %s\n", level, message);
}

/* Leaves the process as many descriptors as `more`; the soft limit alone. */
static void leave(int more, struct rlimit *before)
{
    int lowest = dup(0);
    assert_true(lowest >= 0);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, before), 0);
    struct rlimit limit = {(rlim_t)(lowest + more), before->rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void give_back(const struct rlimit *before)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, before), 0);
}

static catzilla_server_t *create(uint32_t level)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_server_t *server;
    lines[0] = '\0';
    options.log = take;
    options.log_level = level;
    assert_int_equal(catzilla_server_create(&options, &server), 0);
    return server;
}

static void ask_for_file(uint16_t port, bool without, char reply[4096])
{
    struct rlimit before;
    int fd = stepped_connect(port);
    stepped_turn();
    if (without)
        leave(0, &before);
    assert_true(stepped_send(fd, get_file, sizeof get_file - 1));
    reply[stepped_drain(fd, reply, 4095)] = '\0';
    if (without)
        give_back(&before);
    close(fd);
}

static void without_descriptors(uint16_t port, void *data)
{
    char reply[4096];
    (void)data;
    for (int i = 0; i < 3; i++) {
        ask_for_file(port, true, reply);
        assert_memory_equal(reply, "HTTP/1.1 503 Service Unavailable\r\n", 34);
        assert_non_null(strstr(reply, "\r\nRetry-After: 1\r\n"));
    }
    ask_for_file(port, false, reply);
    assert_memory_equal(reply, "HTTP/1.1 200 OK\r\n", 17);
}

static void a_file_that_cannot_be_opened_is_503_and_told_once(void **state)
{
    catzilla_static_t *files;
    catzilla_server_t *server = create(CATZILLA_LOG_ERROR);
    (void)state;
    assert_int_equal(catzilla_static_create(folder, NULL, &files), 0);
    assert_int_equal(routes_add(server, files), 0);
    assert_int_equal(stepped_run(server, without_descriptors, NULL), 0);
    catzilla_server_destroy(server);
    catzilla_static_destroy(files);
    assert_string_equal(
        lines, "0 no more file descriptors: raise RLIMIT_NOFILE or lower max_connections; replies "
               "that want a file are 503 meanwhile, and this is said once\n"
               "0 handler failed method=GET path=/files/a.txt code=-43 "
               "reason=\"no more file descriptors\"\n");
}

/* Lets as many in as there are, and answers the next when one of them has gone. */
static void fill(uint16_t port, void *data)
{
    int fds[FREE];
    char reply[256];
    int admitted = *(const int *)data;
    for (int i = 0; i <= admitted; i++) {
        fds[i] = stepped_connect(port);
        assert_true(stepped_send(fds[i], KNOWN, sizeof KNOWN - 1));
        if (i < admitted)
            assert_true(stepped_receive(fds[i], reply, sizeof reply, 12) >= 12);
    }
    stepped_turns(10);
    assert_int_equal(recv(fds[admitted], reply, 1, MSG_DONTWAIT), -1);
    close(fds[0]);
    assert_true(stepped_receive(fds[admitted], reply, sizeof reply, 12) >= 12);
    for (int i = 1; i <= admitted; i++)
        close(fds[i]);
}

static void no_more_connections_are_admitted_than_descriptors_are_left(void **state)
{
    struct rlimit before, during;
    int from, to;
    unsigned long limit;
    catzilla_server_t *server = create(CATZILLA_LOG_WARNING);
    (void)state;
    assert_int_equal(routes_add(server, NULL), 0);
    leave(FREE, &before);
    getrlimit(RLIMIT_NOFILE, &during);
    assert_int_equal(catzilla_server_listen(server), 0);
    give_back(&before); /* the clients are in this process too */
    assert_int_equal(sscanf(lines,
                            "1 max_connections lowered from=%d to=%d: raise RLIMIT_NOFILE, "
                            "which is %lu\n",
                            &from, &to, &limit),
                     3);
    assert_int_equal(from, 16384);
    assert_in_range(to, 1, FREE / 2);
    assert_int_equal(limit, during.rlim_cur);
    assert_int_equal(stepped_run(server, fill, &to), 0);
    catzilla_server_destroy(server);
}

/* The host has used up what was free when the server listened. */
static void connect_in_vain(uint16_t port, void *data)
{
    struct rlimit before;
    char reply[256];
    int fds[3], times = 0, used = 0;
    (void)data;
    for (int i = 0; i < 3; i++) {
        fds[i] = stepped_connect(port);
        assert_int_equal(send(fds[i], KNOWN, sizeof KNOWN - 1, 0), (ssize_t)sizeof KNOWN - 1);
    }
    leave(0, &before);
    uint64_t since = stepped_now_ms();
    for (int i = 0; i < 10; i++)
        stepped_turn();
    assert_string_equal(lines, "0 accept failed times=1 reason=\"too many open files\"\n");
    /* Once in a while, however often it is tried. */
    while (stepped_now_ms() - since < 2500) {
        stepped_turn();
        usleep(20000);
    }
    give_back(&before);
    assert_int_equal(
        sscanf(strchr(lines, '\n'), "\n0 accept failed times=%d reason=%n", &times, &used), 1);
    assert_true(used > 0);
    assert_in_range(times, 2, 10);
    assert_string_equal(strchr(lines, '\n') + used, "\"too many open files\"\n");
    for (int i = 0; i < 3; i++) {
        assert_true(stepped_receive(fds[i], reply, sizeof reply, 12) >= 12);
        assert_memory_equal(reply, "HTTP/1.1 200", 12);
        close(fds[i]);
    }
    /* And goes on without a word. */
    lines[0] = '\0';
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, KNOWN, sizeof KNOWN - 1));
    assert_true(stepped_receive(fd, reply, sizeof reply, 12) >= 12);
    assert_string_equal(lines, "");
    close(fd);
}

static void a_connection_without_a_descriptor_waits_and_that_is_told(void **state)
{
    catzilla_server_t *server = create(CATZILLA_LOG_WARNING);
    (void)state;
    assert_int_equal(routes_add(server, NULL), 0);
    assert_int_equal(stepped_run(server, connect_in_vain, NULL), 0);
    catzilla_server_destroy(server);
}

static int make_folder(void **state)
{
    char path[64];
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/a.txt", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 || write(fd, "12345", 5) != 5 ? -1 : close(fd);
}

static int remove_folder(void **state)
{
    char path[64];
    (void)state;
    snprintf(path, sizeof path, "%s/a.txt", folder);
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_cannot_be_opened_is_503_and_told_once),
        cmocka_unit_test(no_more_connections_are_admitted_than_descriptors_are_left),
        cmocka_unit_test(a_connection_without_a_descriptor_waits_and_that_is_told),
    };
    return cmocka_run_group_tests_name("descriptors", tests, make_folder, remove_folder);
}
