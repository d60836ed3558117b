#define _GNU_SOURCE /* pthread_timedjoin_np */
/* The log's thread: every line arrives whole, whoever wrote it, and nobody waits for the file. */
#include <catzilla/accesslog.h>

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WRITERS 4
#define LINES   20000u

typedef struct writer {
    pthread_t thread;
    catzilla_accesslog_t *log;
    uint32_t worker;
} writer_t;

static catzilla_access_t access_of(uint32_t worker, int status)
{
    catzilla_access_t access = {.size = sizeof access, .status = status, .worker = worker};
    access.peer = CATZILLA_SLICE("127.0.0.1:1");
    access.method = CATZILLA_SLICE("GET");
    access.target = CATZILLA_SLICE("/");
    access.version = CATZILLA_SLICE("HTTP/1.1");
    return access;
}

static void *write_lines(void *data)
{
    const writer_t *writer = data;
    for (uint32_t i = 0; i < LINES; i++) {
        catzilla_access_t access = access_of(writer->worker, 200);
        access.body_bytes = i;
        catzilla_accesslog_write(&access, writer->log);
    }
    return NULL;
}

/* Counts the lines of a worker, which must be whole and in the order of their writing. */
static void read_lines(FILE *file, uint64_t counts[WRITERS])
{
    uint64_t last[WRITERS] = {0};
    char line[1024];
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned worker;
        unsigned long bytes;
        const char *at = strstr(line, "\"bytes\":");
        assert_non_null(at);
        assert_int_equal(sscanf(at, "\"bytes\":%lu,", &bytes), 1);
        at = strstr(line, "\"worker\":");
        assert_non_null(at);
        assert_int_equal(sscanf(at, "\"worker\":%u}", &worker), 1);
        assert_in_range(worker, 0, WRITERS - 1);
        assert_true(counts[worker] == 0 || bytes > last[worker]);
        last[worker] = bytes;
        counts[worker]++;
    }
}

static void lines_of_several_workers_arrive_whole(void **state)
{
    catzilla_accesslog_options_t options = CATZILLA_ACCESSLOG_OPTIONS_INIT;
    char path[] = "/tmp/catzilla-accesslog-XXXXXX";
    uint64_t counts[WRITERS] = {0}, lines = 0;
    writer_t writers[WRITERS];
    catzilla_accesslog_t *log;
    (void)state;
    int fd = mkstemp(path);
    options.path = path;
    options.format = CATZILLA_ACCESSLOG_JSON;
    options.flush_ms = 1;
    assert_int_equal(catzilla_accesslog_create(&options, &log), 0);
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i].log = log;
        writers[i].worker = i;
        pthread_create(&writers[i].thread, NULL, write_lines, &writers[i]);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        assert_int_equal(catzilla_accesslog_reopen(log), 0);
        pthread_join(writers[i].thread, NULL);
    }
    uint64_t dropped = catzilla_accesslog_dropped(log);
    catzilla_accesslog_destroy(log);
    FILE *file = fdopen(fd, "r");
    read_lines(file, counts);
    for (uint32_t i = 0; i < WRITERS; i++)
        lines += counts[i];
    assert_int_equal(lines + dropped, WRITERS * LINES);
    fclose(file);
    unlink(path);
}

/* What the log has said, all of it in its thread. */
typedef struct said {
    pthread_mutex_t mutex;
    pthread_cond_t more;
    char text[4096];
} said_t;

static said_t said = {.mutex = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static void take(int level, const char *message, void *user_data)
{
    said_t *to = user_data;
    assert_int_equal(level, CATZILLA_LOG_WARNING);
    pthread_mutex_lock(&to->mutex);
    size_t used = strlen(to->text);
    snprintf(to->text + used, sizeof to->text - used, "%s\n", message);
    pthread_cond_broadcast(&to->more);
    pthread_mutex_unlock(&to->mutex);
}

/* Waits until the log has said it. */
static void wait_for(const char *text)
{
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&said.mutex);
    while (rc == 0 && strstr(said.text, text) == NULL)
        rc = pthread_cond_timedwait(&said.more, &said.mutex, &until);
    pthread_mutex_unlock(&said.mutex);
    if (rc != 0)
        fail_msg("it has not said \"%s\" but \"%s\"", text, said.text);
}

/* A log that tells; on `fd`, or on `path`. */
static catzilla_accesslog_t *open_log(const char *path, int fd)
{
    catzilla_accesslog_options_t options = CATZILLA_ACCESSLOG_OPTIONS_INIT;
    catzilla_accesslog_t *log;
    said.text[0] = '\0';
    options.path = path;
    options.fd = fd;
    options.flush_ms = 0;
    options.log = take;
    options.log_data = &said;
    assert_int_equal(catzilla_accesslog_create(&options, &log), 0);
    return log;
}

static void write_many(catzilla_accesslog_t *log, uint32_t count)
{
    catzilla_access_t access = access_of(0, 200);
    for (uint32_t i = 0; i < count; i++)
        catzilla_accesslog_write(&access, log);
}

static void *destroy(void *log)
{
    catzilla_accesslog_destroy(log);
    return NULL;
}

/* Ends the log, which may take as long as it does for who never reads, on a slow machine. */
static void end_in_time(catzilla_accesslog_t *log)
{
    struct timespec until;
    pthread_t thread;
    pthread_create(&thread, NULL, destroy, log);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    if (pthread_timedjoin_np(thread, NULL, &until) != 0)
        fail_msg("the log does not end");
}

static void a_file_that_takes_nothing_holds_up_nobody(void **state)
{
    char bytes[65536];
    int ends[2];
    size_t lines = 0;
    uint64_t lost = 0;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    catzilla_accesslog_t *log = open_log(NULL, ends[1]);
    close(ends[1]);
    write_many(log, LINES);
    assert_true(catzilla_accesslog_dropped(log) > 0);
    wait_for("access log loses lines reason=\"too slow\"\n");
    /* A reader that comes late still gets all that was kept. */
    pthread_t thread;
    pthread_create(&thread, NULL, destroy, log);
    ssize_t got;
    while ((got = read(ends[0], bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < got; i++)
            lines += bytes[i] == '\n';
    pthread_join(thread, NULL);
    const char *end = strstr(said.text, "access log ended lost=");
    assert_non_null(end);
    assert_int_equal(sscanf(end, "access log ended lost=%lu", &lost), 1);
    assert_int_equal(lines + lost, LINES);
    close(ends[0]);
}

/* Whether or not writes to it may wait. */
static void an_end_does_not_wait_for_a_reader_that_never_comes(void **state)
{
    static const int kinds[] = {0, O_NONBLOCK};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        int ends[2];
        assert_int_equal(i < 2 ? pipe(ends) : socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        assert_int_equal(fcntl(ends[1], F_SETFL, kinds[i % 2]), 0);
        catzilla_accesslog_t *log = open_log(NULL, ends[1]);
        write_many(log, LINES);
        end_in_time(log);
        assert_non_null(strstr(said.text, "access log ended lost="));
        assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, kinds[i % 2]);
        close(ends[0]);
        close(ends[1]);
    }
}

static void a_full_disk_loses_lines_and_counts_them(void **state)
{
    (void)state;
    catzilla_accesslog_t *log = open_log("/dev/full", -1);
    write_many(log, 10);
    wait_for("access log loses lines reason=\"no space left on device\"\n");
    end_in_time(log);
    assert_non_null(strstr(said.text, "access log ended lost=10\n"));
}

/* A disk that is full in the midst of a line, played by the limit of a file's size. */
static void a_torn_line_spoils_no_other(void **state)
{
    static const char whole[] = "\"GET / HTTP/1.1\" 200 0 \"-\" \"-\"\n";
    char path[] = "/tmp/catzilla-accesslog-XXXXXX";
    struct rlimit before, small;
    char line[1024];
    unsigned kept = 0, torn = 0;
    int fd = mkstemp(path);
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){130, before.rlim_max};
    catzilla_accesslog_t *log = open_log(path, -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    write_many(log, 5);
    wait_for("access log loses lines reason=\"file too large\"\n");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    write_many(log, 5);
    end_in_time(log);
    FILE *file = fdopen(fd, "r");
    while (fgets(line, sizeof line, file) != NULL) {
        const char *end = strstr(line, "\"GET");
        bool is_whole = end != NULL && strcmp(end, whole) == 0;
        kept += is_whole;
        torn += !is_whole;
    }
    fclose(file);
    unlink(path);
    assert_int_equal(torn, 1);
    snprintf(line, sizeof line, "access log ended lost=%u\n", 10 - kept);
    assert_non_null(strstr(said.text, line));
    assert_true(kept >= 5);
}

static void a_file_that_cannot_be_opened_anew_leaves_the_old_one(void **state)
{
    char folder[] = "/tmp/catzilla-accesslog-XXXXXX";
    char path[64], moved[64];
    char text[4096];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/log", folder);
    snprintf(moved, sizeof moved, "%s/moved", folder);
    catzilla_accesslog_t *log = open_log(path, -1);
    assert_int_equal(rename(path, moved), 0);
    /* Nobody reads it, and to open it must not wait for somebody. */
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(catzilla_accesslog_reopen(log), 0);
    wait_for("access log cannot be opened anew, the old file goes on path=");
    write_many(log, 1);
    end_in_time(log);
    int fd = open(moved, O_RDONLY);
    ssize_t size = read(fd, text, sizeof text);
    assert_true(size > 0 && text[size - 1] == '\n');
    close(fd);
    unlink(path);
    unlink(moved);
    rmdir(folder);
}

static void what_cannot_be_opened_is_refused(void **state)
{
    catzilla_accesslog_options_t options = CATZILLA_ACCESSLOG_OPTIONS_INIT;
    catzilla_accesslog_t *log;
    (void)state;
    assert_int_equal(catzilla_accesslog_create(&options, &log), CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_accesslog_create(NULL, &log), CATZILLA_ERR_INVALID);
    options.path = "/nowhere/log";
    assert_int_equal(catzilla_accesslog_create(&options, &log), CATZILLA_ERR_NOT_FOUND);
    options.path = "/tmp";
    assert_int_equal(catzilla_accesslog_create(&options, &log), CATZILLA_ERR_SYSTEM);
    options.path = "/dev/null";
    options.format = 3;
    assert_int_equal(catzilla_accesslog_create(&options, &log), CATZILLA_ERR_INVALID);
    options.format = CATZILLA_ACCESSLOG_JSON;
    options.buffer_bytes = 16383;
    assert_int_equal(catzilla_accesslog_create(&options, &log), CATZILLA_ERR_INVALID);
    assert_null(log);
    catzilla_accesslog_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_several_workers_arrive_whole),
        cmocka_unit_test(a_file_that_takes_nothing_holds_up_nobody),
        cmocka_unit_test(an_end_does_not_wait_for_a_reader_that_never_comes),
        cmocka_unit_test(a_full_disk_loses_lines_and_counts_them),
        cmocka_unit_test(a_torn_line_spoils_no_other),
        cmocka_unit_test(a_file_that_cannot_be_opened_anew_leaves_the_old_one),
        cmocka_unit_test(what_cannot_be_opened_is_refused),
    };
    return cmocka_run_group_tests_name("accesslog", tests, NULL, NULL);
}
