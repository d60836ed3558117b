/* The log's thread: every line arrives whole, whoever wrote it, and nobody waits for the file. */
#include <catzilla/accesslog.h>

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void *destroy(void *log)
{
    catzilla_accesslog_destroy(log);
    return NULL;
}

static void a_file_that_takes_nothing_holds_up_nobody(void **state)
{
    catzilla_accesslog_options_t options = CATZILLA_ACCESSLOG_OPTIONS_INIT;
    catzilla_access_t access = access_of(0, 200);
    catzilla_accesslog_t *log;
    char bytes[65536];
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    options.fd = ends[1];
    assert_int_equal(catzilla_accesslog_create(&options, &log), 0);
    for (uint32_t i = 0; i < LINES; i++)
        catzilla_accesslog_write(&access, log);
    assert_true(catzilla_accesslog_dropped(log) > 0);
    close(ends[1]);
    /* The thread stands in a write until the pipe is read, and destroy waits for it. */
    pthread_t thread;
    pthread_create(&thread, NULL, destroy, log);
    while (read(ends[0], bytes, sizeof bytes) > 0) {
    }
    pthread_join(thread, NULL);
    close(ends[0]);
}

static void an_end_does_not_wait_for_a_reader_that_never_comes(void **state)
{
    catzilla_accesslog_options_t options = CATZILLA_ACCESSLOG_OPTIONS_INIT;
    catzilla_access_t access = access_of(0, 200);
    catzilla_accesslog_t *log;
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    options.fd = ends[1];
    assert_int_equal(catzilla_accesslog_create(&options, &log), 0);
    for (uint32_t i = 0; i < LINES; i++)
        catzilla_accesslog_write(&access, log);
    catzilla_accesslog_destroy(log);
    close(ends[0]);
    close(ends[1]);
}

static void a_full_disk_loses_lines_and_counts_them(void **state)
{
    catzilla_accesslog_options_t options = CATZILLA_ACCESSLOG_OPTIONS_INIT;
    catzilla_access_t access = access_of(0, 200);
    catzilla_accesslog_t *log;
    (void)state;
    options.path = "/dev/full";
    options.flush_ms = 0;
    assert_int_equal(catzilla_accesslog_create(&options, &log), 0);
    for (int i = 0; i < 10; i++)
        catzilla_accesslog_write(&access, log);
    while (catzilla_accesslog_dropped(log) < 10)
        usleep(100);
    catzilla_accesslog_destroy(log);
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
        cmocka_unit_test(what_cannot_be_opened_is_refused),
    };
    return cmocka_run_group_tests_name("accesslog", tests, NULL, NULL);
}
