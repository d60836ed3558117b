/* Heap profiling: off until asked for, and its dump names the function that allocated. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCKS = 8192, BLOCK_SIZE = 8192 };
static void *block[BLOCKS];

/* Sampled once in half a mebibyte, so 64 MiB do not go unseen. Its name is what the profile must
 * tell. */
__attribute__((noinline)) void take_what_the_profile_must_name(void);
void take_what_the_profile_must_name(void)
{
    for (size_t i = 0; i < BLOCKS; i++)
        block[i] = catzilla_cache_alloc(BLOCK_SIZE);
}

static void free_it_all(void)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_non_null(block[i]);
        catzilla_free(block[i]);
    }
}

/* The text of a dump, written to `path`; the caller frees it with libc's free. */
static char *dumped(const char *path)
{
    assert_int_equal(catzilla_memory_dump_profile(path), 0);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

static void make_path(char *path, size_t size)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, size, "%s/catzilla-profile-XXXXXX", folder == NULL ? "/tmp" : folder);
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

/* How many places of allocation a dump names. */
static size_t samples_in_a_dump(void)
{
    char path[512];
    size_t samples = 0;
    make_path(path, sizeof path);
    char *text = dumped(path);
    assert_int_equal(strncmp(text, "heap_v2/", 8), 0);
    for (const char *at = strstr(text, "\n@"); at != NULL; at = strstr(at + 1, "\n@"))
        samples++;
    free(text);
    unlink(path);
    return samples;
}

/* The reader of such dumps, where the build found it; NULL skips. What continuous integration runs
 * on has it, so there its absence is a fault of the set-up. */
static const char *reader_of_dumps(void)
{
    const char *reader = getenv("CATZILLA_JEPROF");
    const char *integration = getenv("CI");
    if (reader != NULL && reader[0] != '\0')
        return reader;
    if (integration != NULL && integration[0] != '\0')
        fail_msg("jeprof not found: install libjemalloc-dev and configure again");
    print_message("jeprof not found: install libjemalloc-dev and configure again\n");
    return NULL;
}

static void jeprof_names_the_function_that_allocated(void **state)
{
    char path[512];
    char command[2048];
    char line[1024];
    bool named = false;
    (void)state;
    if (!jemalloc_is_under_test())
        skip();
    const char *reader = reader_of_dumps();
    if (reader == NULL)
        skip();
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(catzilla_memory_enable_profiling(), 0);
    take_what_the_profile_must_name();
    make_path(path, sizeof path);
    free(dumped(path));
    snprintf(command, sizeof command, "'%s' --text '/proc/%d/exe' '%s' 2>/dev/null", reader,
             (int)getpid(), path);
    FILE *report = popen(command, "r");
    assert_non_null(report);
    while (fgets(line, sizeof line, report) != NULL)
        named = named || strstr(line, "take_what_the_profile_must_name") != NULL;
    assert_int_equal(pclose(report), 0);
    assert_true(named);
    unlink(path);
    catzilla_memory_disable_profiling();
    free_it_all();
}

static void nothing_is_sampled_before_it_starts_and_after_it_stops(void **state)
{
    static void (*const stop[])(void) = {catzilla_memory_disable_profiling,
                                         catzilla_memory_cleanup};
    (void)state;
    if (!jemalloc_is_under_test())
        skip();
    assert_int_equal(catzilla_memory_init(), 0);
    take_what_the_profile_must_name();
    assert_int_equal(samples_in_a_dump(), 0);
    free_it_all();
    for (size_t i = 0; i < COUNT_OF(stop); i++) {
        assert_int_equal(catzilla_memory_enable_profiling(), 0);
        take_what_the_profile_must_name();
        assert_true(samples_in_a_dump() > 0);
        free_it_all();
        stop[i]();
        take_what_the_profile_must_name();
        if (samples_in_a_dump() > 0)
            fail_msg("%s did not stop it", i == 0 ? "disabling" : "cleanup");
        free_it_all();
    }
    assert_int_equal(usage_of_all(), 0);
}

static void a_dump_that_cannot_be_written_is_refused(void **state)
{
    (void)state;
    const int rc = jemalloc_is_under_test() ? CATZILLA_ERR_INVALID : CATZILLA_ERR_UNSUPPORTED;
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(catzilla_memory_dump_profile("/no/such/folder/dump"), rc);
    assert_true(catzilla_memory_dump_profile(NULL) < 0);
}

static void the_system_backend_has_no_profile(void **state)
{
    (void)state;
    if (jemalloc_is_under_test())
        skip();
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(catzilla_memory_enable_profiling(), CATZILLA_ERR_UNSUPPORTED);
    catzilla_memory_disable_profiling();
}

/* For a process that jemalloc samples from its start: whether magazines keep out of the way. */
static int check_no_magazine_keeps_blocks(void)
{
    catzilla_memory_class_stats_t task;
    for (size_t i = 0; i < 8; i++)
        block[i] = catzilla_task_alloc(64);
    for (size_t i = 0; i < 8; i++)
        catzilla_free(block[i]);
    if (catzilla_memory_get_class_stats(CATZILLA_MEMORY_TASK, &task, sizeof task) != 0)
        return 1;
    return task.cached == 0 ? 0 : 2;
}

static void a_profile_that_the_environment_started_sees_every_block(void **state)
{
    int status = 0;
    (void)state;
    if (!jemalloc_is_under_test())
        skip();
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("_RJEM_MALLOC_CONF", "prof_active:true", 1);
        execl("/proc/self/exe", "test_memory_profile", "sampled", (char *)NULL);
        _exit(3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(int count, char **argument)
{
    (void)argument;
    if (count > 1)
        return check_no_magazine_keeps_blocks();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jeprof_names_the_function_that_allocated),
        cmocka_unit_test(nothing_is_sampled_before_it_starts_and_after_it_stops),
        cmocka_unit_test(a_dump_that_cannot_be_written_is_refused),
        cmocka_unit_test(the_system_backend_has_no_profile),
        cmocka_unit_test(a_profile_that_the_environment_started_sees_every_block),
    };
    return run_isolated("memory profile", tests, COUNT_OF(tests), use_allocator_under_test);
}
