/* The client of the benchmarks, and the measure that holds still: lockstep. Client and server share
 * one processor, both SCHED_BATCH, so neither preempts the other. A round is DEPTH requests on each
 * connection, then all replies; the server runs when the client blocks, finds every connection
 * readable, and its cost is what the kernel says it ran (schedstat), over requests.
 *
 *   bench_http_client rounds  CPU PORT PID CONNECTIONS ROUNDS DEPTH plain|big TARGET
 *   bench_http_client short   CPU PORT PID CONNECTIONS
 *   bench_http_client idle    CPU PORT PID CONNECTIONS SECONDS
 *   bench_http_client latency CPU PORT PID REQUESTS
 *
 * Each prints one line of JSON. Only 127.0.0.1 is ever talked to. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REPLY = 4096, MAX_DEPTH = 64, MAX_CONNECTIONS = 30000 };

/* What a browser sends besides the request line and Host, 14 fields in all with it. */
static const char big_head[] =
    "Connection: keep-alive\r\n"
    "Cache-Control: max-age=0\r\n"
    "sec-ch-ua: \"Chromium\";v=\"124\", \"Not-A.Brand\";v=\"99\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "sec-ch-ua-platform: \"Linux\"\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/124.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
    "\r\n"
    "Sec-Fetch-Site: none\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n"
    "Cookie: session=5f2b8c1d9e7a4f3b8c1d9e7a4f3b8c1d; theme=dark; consent=yes\r\n";

static char request[MAX_DEPTH * 2048];
static size_t request_size, reply_size;
static int connection[MAX_CONNECTIONS];
static int port, pid;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Calls `each` for every thread of the server; returns the sum. */
static uint64_t each_task(uint64_t (*each)(int task))
{
    char path[64];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        fail(path);
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        if (entry->d_name[0] != '.')
            sum += each(atoi(entry->d_name));
    closedir(tasks);
    return sum;
}

static uint64_t task_ns(int task)
{
    char path[64];
    unsigned long long ran = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, task);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%llu", &ran) != 1)
        fail(path);
    fclose(file);
    return ran;
}

static uint64_t server_ns(void)
{
    return each_task(task_ns);
}

static size_t pinned_to;

static uint64_t task_pin(int task)
{
    struct sched_param none = {0};
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(pinned_to, &set);
    if (sched_setaffinity(task, sizeof set, &set) != 0)
        fail("sched_setaffinity");
    if (sched_setscheduler(task, SCHED_BATCH, &none) != 0)
        fail("sched_setscheduler");
    return 0;
}

/* A sum of the kernel's, such as "Rss:", over all of the server's memory, in bytes. */
static size_t memory(const char *what)
{
    char path[64], line[256];
    size_t kib = 0, length = strlen(what);
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail(path);
    while (kib == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, what, length) == 0)
            kib = strtoul(line + length, NULL, 10);
    fclose(file);
    return kib * 1024;
}

static int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons((uint16_t)port);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void request_make(const char *target, const char *head, int depth)
{
    request_size = 0;
    for (int i = 0; i < depth; i++)
        request_size +=
            (size_t)snprintf(request + request_size, sizeof request - request_size,
                             "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n", target, port, head);
}

static void send_all(int fd)
{
    if (send(fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size)
        fail("send");
}

static void receive(int fd, size_t size)
{
    char buffer[65536];
    while (size > 0) {
        ssize_t got = recv(fd, buffer, size < sizeof buffer ? size : sizeof buffer, 0);
        if (got <= 0)
            fail("recv");
        size -= (size_t)got;
    }
}

/* One request on a connection of its own: checks the reply and learns how long replies are. */
static void probe(void)
{
    char reply[REPLY + 1];
    size_t size = 0;
    int fd = dial();
    send_all(fd);
    for (;;) {
        ssize_t got = recv(fd, reply + size, REPLY - size, 0);
        if (got <= 0)
            fail("recv");
        size += (size_t)got;
        reply[size] = '\0';
        if (strstr(reply, "\r\n\r\nHello, World!") != NULL)
            break;
    }
    close(fd);
    if (strncmp(reply, "HTTP/1.1 200", 12) != 0 || strstr(reply, "\r\nDate: ") == NULL) {
        fprintf(stderr, "not the reply that was asked for: %s\n", reply);
        exit(1);
    }
    reply_size = size;
}

static int rounds(char **argv)
{
    int connections = atoi(argv[0]), count = atoi(argv[1]), depth = atoi(argv[2]);
    const char *head = strcmp(argv[3], "big") == 0 ? big_head : "";
    uint64_t before = 0;
    request_make(argv[4], head, 1);
    probe();
    request_make(argv[4], head, depth);
    for (int i = 0; i < connections; i++)
        connection[i] = dial();
    int warm = count / 5;
    for (int round = -warm; round < count; round++) {
        if (round == 0)
            before = server_ns();
        for (int i = 0; i < connections; i++)
            send_all(connection[i]);
        for (int i = 0; i < connections; i++)
            receive(connection[i], reply_size * (size_t)depth);
    }
    double requests = (double)count * connections * depth;
    printf("{\"ns\": %.1f, \"requests\": %.0f, \"all\": %.0f, \"resident\": %zu, "
           "\"anonymous\": %zu}\n",
           (double)(server_ns() - before) / requests, requests,
           requests + (double)warm * connections * depth + 1, memory("Rss:"), memory("Anonymous:"));
    return 0;
}

/* Connects, asks once and reads to the end, in groups, so that the server finds several at a time.
 */
static int short_connections(char **argv)
{
    enum { GROUP = 16 };
    int groups = atoi(argv[0]) / GROUP;
    char buffer[REPLY];
    request_make("/", "Connection: close\r\n", 1);
    uint64_t before = 0;
    for (int group = -groups / 5; group < groups; group++) {
        if (group == 0)
            before = server_ns();
        for (int i = 0; i < GROUP; i++) {
            connection[i] = dial();
            send_all(connection[i]);
        }
        for (int i = 0; i < GROUP; i++) {
            while (recv(connection[i], buffer, sizeof buffer, 0) > 0)
                ;
            close(connection[i]);
        }
    }
    printf("{\"ns\": %.1f}\n", (double)(server_ns() - before) / (groups * (double)GROUP));
    return 0;
}

/* Each connection has been used once before it falls idle. */
static int idle(char **argv)
{
    int connections = atoi(argv[0]);
    request_make("/", "", 1);
    probe();
    size_t before = memory("Rss:");
    uint64_t start = server_ns();
    for (int i = 0; i < connections; i++) {
        connection[i] = dial();
        send_all(connection[i]);
        receive(connection[i], reply_size);
    }
    uint64_t ns = server_ns() - start;
    sleep((unsigned)atoi(argv[1]));
    size_t after = memory("Rss:");
    printf("{\"bytes\": %.1f, \"ns\": %.1f, \"before\": %zu, \"after\": %zu}\n",
           ((double)after - (double)before) / connections, (double)ns / connections, before, after);
    return 0;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int latency(char **argv)
{
    size_t count = (size_t)atoi(argv[0]);
    uint64_t *took = calloc(count, sizeof *took);
    request_make("/", "", 1);
    probe();
    int fd = dial();
    for (size_t i = 0; i < count; i++) {
        uint64_t start = wall_ns();
        send_all(fd);
        receive(fd, reply_size);
        took[i] = wall_ns() - start;
    }
    qsort(took, count, sizeof *took, compare);
    printf("{\"p50_us\": %.1f, \"p99_us\": %.1f}\n", (double)took[count / 2] / 1000,
           (double)took[count * 99 / 100] / 1000);
    free(took);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int arguments;
        int (*run)(char **arguments);
    } mode[] = {{"rounds", 5, rounds},
                {"short", 1, short_connections},
                {"idle", 2, idle},
                {"latency", 1, latency}};
    struct rlimit files;
    for (size_t i = 0; i < sizeof mode / sizeof *mode; i++) {
        if (argc != 5 + mode[i].arguments || strcmp(argv[1], mode[i].name) != 0)
            continue;
        getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
        pinned_to = (size_t)atoi(argv[2]);
        port = atoi(argv[3]);
        pid = atoi(argv[4]);
        each_task(task_pin);
        task_pin(0);
        return mode[i].run(argv + 5);
    }
    fprintf(stderr, "usage: see the head of client.c\n");
    return 2;
}
