/* Where a server listens: several addresses, unix sockets, sockets made by others. */
#include "host.h"

#include <catzilla/listener.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

static char folder[] = "/tmp/catzilla-listeners-XXXXXX";
static char path[sizeof folder + 8];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static int unix_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    return fd;
}

static struct sockaddr_un unix_address(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

/* Sends one request on a connected socket and sees that it is answered. */
static void expect_hello(int fd)
{
    size_t size;
    client_send(fd, get, sizeof get - 1);
    char *reply = client_drain(fd, &size);
    assert_non_null(strstr(reply, "Hello, World!"));
    free(reply);
    close(fd);
}

static void expect_hello_by_path(void)
{
    struct sockaddr_un address = unix_address();
    int fd = unix_socket();
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    expect_hello(fd);
}

static void expect_hello_by_v6(uint16_t port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    address.sin6_addr = in6addr_loopback;
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    expect_hello(fd);
}

/* A socket of the test's own that listens on a port of the system's choice. */
static int listening_socket(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void create(host_t *host, uint32_t workers)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    options.workers = workers;
    host_create(host, &options);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    address.sin6_addr = in6addr_loopback;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return bound;
}

static void a_server_listens_on_all_that_was_added(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 3; workers += 2) {
        uint16_t adopted;
        host_t host;
        create(&host, workers);
        assert_int_equal(catzilla_server_add_address(host.server, "127.0.0.1", 0), 0);
        assert_int_equal(catzilla_server_add_unix(host.server, path, 0600), 0);
        assert_int_equal(catzilla_server_add_socket(host.server, listening_socket(&adopted)), 0);
        host_start(&host);
        for (int i = 0; i < 8; i++) {
            expect_hello(client_connect(host.port));
            expect_hello(client_connect(adopted));
            expect_hello_by_path();
        }
        assert_int_equal(catzilla_server_add_unix(host.server, path, 0600), CATZILLA_ERR_STATE);
        host_stop(&host);
        assert_int_not_equal(access(path, F_OK), 0);
    }
}

static void both_families_may_have_the_same_port(void **state)
{
    uint16_t port;
    host_t host;
    (void)state;
    if (!has_ipv6())
        skip();
    close(listening_socket(&port));
    create(&host, 1);
    assert_int_equal(catzilla_server_add_address(host.server, "::", port), 0);
    assert_int_equal(catzilla_server_add_address(host.server, "0.0.0.0", port), 0);
    host_start(&host);
    expect_hello(client_connect(port));
    expect_hello_by_v6(port);
    host_stop(&host);
}

static void a_unix_socket_has_the_mode_that_was_asked_for(void **state)
{
    static const uint32_t modes[] = {0600, 0660, 0777};
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct stat status;
        host_t host;
        create(&host, 1);
        assert_int_equal(catzilla_server_add_unix(host.server, path, modes[i]), 0);
        assert_int_equal(catzilla_server_listen(host.server), 0);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, modes[i]);
        catzilla_server_destroy(host.server);
        assert_int_not_equal(access(path, F_OK), 0);
    }
}

static void a_socket_file_left_over_is_replaced(void **state)
{
    struct sockaddr_un address = unix_address();
    host_t host;
    (void)state;
    int fd = unix_socket();
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    create(&host, 1);
    assert_int_equal(catzilla_server_add_unix(host.server, path, 0600), 0);
    assert_int_equal(catzilla_server_listen(host.server), 0);
    host_serve(&host);
    expect_hello_by_path();
    host_stop(&host);
}

#define RIVALS 4

typedef struct rival {
    host_t host;
    pthread_t thread;
    int code;
} rival_t;

static void *listen_now(void *data)
{
    rival_t *rival = data;
    rival->code = catzilla_server_listen(rival->host.server);
    return NULL;
}

/* Whether nobody has the path yet or a file was left over, it is never taken from its owner. */
static void of_several_that_want_a_path_at_once_one_gets_it(void **state)
{
    struct sockaddr_un address = unix_address();
    rival_t rivals[RIVALS];
    (void)state;
    for (int round = 0; round < 100; round++) {
        rival_t *winner = NULL;
        int fd = unix_socket();
        if (round % 2 == 0)
            assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        close(fd);
        for (size_t i = 0; i < RIVALS; i++) {
            create(&rivals[i].host, 1);
            assert_int_equal(catzilla_server_add_unix(rivals[i].host.server, path, 0600), 0);
        }
        for (size_t i = 0; i < RIVALS; i++)
            pthread_create(&rivals[i].thread, NULL, listen_now, &rivals[i]);
        for (size_t i = 0; i < RIVALS; i++)
            pthread_join(rivals[i].thread, NULL);
        for (size_t i = 0; i < RIVALS; i++) {
            if (rivals[i].code != 0) {
                assert_int_equal(rivals[i].code, CATZILLA_ERR_ADDRESS_IN_USE);
                catzilla_server_destroy(rivals[i].host.server);
                continue;
            }
            assert_null(winner);
            winner = &rivals[i];
        }
        assert_non_null(winner);
        fd = unix_socket();
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        close(fd);
        catzilla_server_destroy(winner->host.server);
    }
}

/* A successor of another process takes the file over with the socket, when it says so. */
static void the_file_of_an_adopted_socket_may_be_owned(void **state)
{
    struct sockaddr_un address = unix_address();
    (void)state;
    for (int owned = 0; owned < 2; owned++) {
        host_t host;
        int fd = unix_socket();
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(listen(fd, 8), 0);
        create(&host, 1);
        assert_int_equal(catzilla_server_own_unix(host.server, path), CATZILLA_ERR_NOT_FOUND);
        assert_int_equal(catzilla_server_add_socket(host.server, fd), 0);
        assert_int_equal(catzilla_server_own_unix(host.server, ""), CATZILLA_ERR_NOT_FOUND);
        assert_int_equal(catzilla_server_own_unix(host.server, folder), CATZILLA_ERR_NOT_FOUND);
        if (owned)
            assert_int_equal(catzilla_server_own_unix(host.server, path), 0);
        assert_int_equal(catzilla_server_listen(host.server), 0);
        host_serve(&host);
        expect_hello_by_path();
        host_stop(&host);
        assert_int_equal(access(path, F_OK), owned ? -1 : 0);
        unlink(path);
    }
}

static void a_path_that_is_in_use_is_left_alone(void **state)
{
    struct sockaddr_un address = unix_address();
    host_t host;
    (void)state;
    create(&host, 1);
    assert_int_equal(catzilla_server_add_unix(host.server, path, 0600), 0);
    int fd = unix_socket();
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(catzilla_server_listen(host.server), CATZILLA_ERR_ADDRESS_IN_USE);
    close(fd);
    unlink(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(catzilla_server_listen(host.server), CATZILLA_ERR_ADDRESS_IN_USE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(catzilla_server_listen(host.server), 0);
    catzilla_server_destroy(host.server);
}

static void what_cannot_be_a_listener_is_refused(void **state)
{
    char long_path[256];
    host_t host;
    (void)state;
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    create(&host, 1);
    int fd = unix_socket();
    assert_int_equal(catzilla_server_add_socket(host.server, fd), CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_server_add_socket(host.server, -1), CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_server_add_unix(host.server, "", 0600), CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_server_add_unix(host.server, path, 01000), CATZILLA_ERR_INVALID);
    close(fd);
    assert_int_equal(catzilla_server_add_unix(host.server, long_path, 0600), 0);
    assert_int_equal(catzilla_server_listen(host.server), CATZILLA_ERR_ADDRESS);
    catzilla_server_destroy(host.server);
}

static void a_path_that_cannot_be_is_told_from_one_in_use(void **state)
{
    catzilla_server_t *server;
    (void)state;
    assert_int_equal(catzilla_server_create(NULL, &server), 0);
    assert_int_equal(catzilla_server_add_unix(server, "/dev/null/socket", 0600), 0);
    assert_int_equal(catzilla_server_listen(server), CATZILLA_ERR_ADDRESS);
    catzilla_server_destroy(server);
}

static void the_one_that_cannot_be_had_is_named(void **state)
{
    uint16_t port;
    catzilla_server_t *server;
    int taken = listening_socket(&port);
    (void)state;
    assert_int_equal(catzilla_server_create(NULL, &server), 0);
    assert_int_equal(catzilla_server_trouble_index(server), 0);
    assert_int_equal(catzilla_server_add_address(server, "127.0.0.1", 0), 0);
    assert_int_equal(catzilla_server_add_unix(server, path, 0600), 0);
    assert_int_equal(catzilla_server_add_address(server, "127.0.0.1", port), 0);
    assert_int_equal(catzilla_server_listen(server), CATZILLA_ERR_ADDRESS_IN_USE);
    assert_string_equal(catzilla_server_trouble(server), "127.0.0.1");
    assert_int_equal(catzilla_server_trouble_index(server), 2);
    close(taken);
    assert_int_equal(catzilla_server_listen(server), 0);
    assert_string_equal(catzilla_server_trouble(server), "");
    catzilla_server_destroy(server);
}

static void a_failure_leaves_nothing_open(void **state)
{
    uint16_t port;
    host_t host, other;
    (void)state;
    close(listening_socket(&port));
    create(&host, 2);
    assert_int_equal(catzilla_server_add_address(host.server, "127.0.0.1", port), 0);
    assert_int_equal(catzilla_server_add_unix(host.server, "/nowhere/at/all", 0600), 0);
    assert_string_equal(catzilla_server_trouble(host.server), "");
    assert_int_equal(catzilla_server_listen(host.server), CATZILLA_ERR_ADDRESS);
    assert_string_equal(catzilla_server_trouble(host.server), "/nowhere/at/all");
    create(&other, 1);
    assert_int_equal(catzilla_server_add_address(other.server, "127.0.0.1", port), 0);
    assert_int_equal(catzilla_server_listen(other.server), 0);
    catzilla_server_destroy(host.server);
    catzilla_server_destroy(other.server);
}

/* Asks again and again, each time by a new connection, until told to end. */
typedef struct asker {
    pthread_t thread;
    uint16_t port;
    atomic_bool ends;
    atomic_uint answered;
} asker_t;

static void *ask(void *data)
{
    asker_t *asker = data;
    while (!atomic_load(&asker->ends)) {
        expect_hello(client_connect(asker->port));
        atomic_fetch_add(&asker->answered, 1);
    }
    return NULL;
}

static void await(asker_t *asker, unsigned more)
{
    unsigned wanted = atomic_load(&asker->answered) + more;
    while (atomic_load(&asker->answered) < wanted)
        usleep(100);
}

/* The successor has the sockets of `host`, by descriptors of its own. */
static void take_over(host_t *host, host_t *successor, uint32_t workers)
{
    int fd;
    create(successor, workers);
    for (size_t i = 0; catzilla_server_socket_at(host->server, i, &fd) == 0; i++)
        assert_int_equal(catzilla_server_add_socket(successor->server, dup(fd)), 0);
    host_start(successor);
    catzilla_server_handed_over(host->server);
    catzilla_server_drain(host->server, 0);
}

static void a_successor_loses_no_connection(void **state)
{
    static const uint32_t workers[] = {1, 3, 2, 4, 1};
    enum { LAST = sizeof workers / sizeof *workers - 1 };
    host_t hosts[LAST + 1];
    asker_t asker = {0};
    (void)state;
    create(&hosts[0], workers[0]);
    assert_int_equal(catzilla_server_add_address(hosts[0].server, "127.0.0.1", 0), 0);
    assert_int_equal(catzilla_server_add_unix(hosts[0].server, path, 0600), 0);
    host_start(&hosts[0]);
    asker.port = hosts[0].port;
    assert_int_equal(pthread_create(&asker.thread, NULL, ask, &asker), 0);
    for (int i = 0; i < LAST; i++) {
        await(&asker, 100);
        take_over(&hosts[i], &hosts[i + 1], workers[i + 1]);
        pthread_join((pthread_t)hosts[i].thread, NULL);
        catzilla_server_destroy(hosts[i].server);
        assert_int_equal(hosts[i + 1].port, asker.port);
        expect_hello_by_path();
    }
    await(&asker, 100);
    atomic_store(&asker.ends, true);
    pthread_join(asker.thread, NULL);
    host_stop(&hosts[LAST]);
}

/* Whether they are made here or elsewhere; what they accept inherits it. */
static void tcp_sockets_send_at_once(void **state)
{
    uint16_t adopted;
    host_t host;
    (void)state;
    create(&host, 2);
    assert_int_equal(catzilla_server_add_address(host.server, "127.0.0.1", 0), 0);
    assert_int_equal(catzilla_server_add_socket(host.server, listening_socket(&adopted)), 0);
    host_start(&host);
    for (size_t i = 0; i < 3; i++) {
        int fd, on = 0;
        socklen_t size = sizeof on;
        assert_int_equal(catzilla_server_socket_at(host.server, i, &fd), 0);
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
        if (on == 0)
            fail_msg("socket %zu waits for more", i);
    }
    host_stop(&host);
}

static void the_sockets_are_told_while_they_are_open(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 3; workers += 2) {
        catzilla_drain_report_t report = CATZILLA_DRAIN_REPORT_INIT;
        uint16_t adopted;
        host_t host;
        int fd;
        create(&host, workers);
        assert_int_equal(catzilla_server_add_address(host.server, "127.0.0.1", 0), 0);
        assert_int_equal(catzilla_server_add_unix(host.server, path, 0600), 0);
        assert_int_equal(catzilla_server_add_socket(host.server, listening_socket(&adopted)), 0);
        fd = 0;
        assert_int_equal(catzilla_server_socket_at(host.server, 0, &fd), CATZILLA_ERR_STATE);
        assert_int_equal(fd, -1);
        host_start(&host);
        for (size_t i = 0; i < workers + 2; i++) {
            struct stat status;
            assert_int_equal(catzilla_server_socket_at(host.server, i, &fd), 0);
            assert_int_equal(fstat(fd, &status), 0);
            assert_true(S_ISSOCK(status.st_mode));
        }
        assert_int_equal(catzilla_server_socket_at(host.server, workers + 2, &fd),
                         CATZILLA_ERR_NOT_FOUND);
        assert_int_equal(fd, -1);
        catzilla_server_drain(host.server, 60000);
        pthread_join((pthread_t)host.thread, NULL);
        assert_int_equal(catzilla_server_drain_report(host.server, &report), 0);
        for (size_t i = 0; i < workers + 2; i++) {
            assert_int_equal(catzilla_server_socket_at(host.server, i, &fd), CATZILLA_ERR_STATE);
            assert_int_equal(fd, -1);
        }
        catzilla_server_destroy(host.server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_listens_on_all_that_was_added),
        cmocka_unit_test(both_families_may_have_the_same_port),
        cmocka_unit_test(a_unix_socket_has_the_mode_that_was_asked_for),
        cmocka_unit_test(a_socket_file_left_over_is_replaced),
        cmocka_unit_test(a_path_that_is_in_use_is_left_alone),
        cmocka_unit_test(of_several_that_want_a_path_at_once_one_gets_it),
        cmocka_unit_test(the_file_of_an_adopted_socket_may_be_owned),
        cmocka_unit_test(what_cannot_be_a_listener_is_refused),
        cmocka_unit_test(a_path_that_cannot_be_is_told_from_one_in_use),
        cmocka_unit_test(the_one_that_cannot_be_had_is_named),
        cmocka_unit_test(a_failure_leaves_nothing_open),
        cmocka_unit_test(tcp_sockets_send_at_once),
        cmocka_unit_test(the_sockets_are_told_while_they_are_open),
        cmocka_unit_test(a_successor_loses_no_connection),
    };
    return cmocka_run_group_tests_name("listeners", tests, make_folder, remove_folder);
}
