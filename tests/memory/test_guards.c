/* Between the address ranges of the classes lies what nobody may touch: who runs past the end of
 * one class's range is stopped before the first byte of the next. */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUARD ((uintptr_t)2 << 20)
#define PAGE  ((uintptr_t)4096)

/* Where a class's range begins and where it ends, which is where the next one begins. */
typedef struct range {
    uintptr_t start, end;
} range_t;

static bool is_of(uintptr_t address, size_t class)
{
    return catzilla_memory_class_of((const void *)address) == (int)memory_class[class].type;
}

/* How far the range that the page at `inside` lies in goes on, upwards or downwards, in pages. The
 * class of an address is asked for alone, so that nothing here depends on how large a range is. */
static uintptr_t pages_to_edge(uintptr_t inside, size_t class, bool upwards)
{
    const uintptr_t page = upwards ? PAGE : 0 - PAGE;
    uintptr_t within = 0;
    uintptr_t beyond = 1;
    while (is_of(inside + beyond * page, class)) {
        within = beyond;
        beyond *= 2;
    }
    while (beyond - within > 1) {
        const uintptr_t middle = within + (beyond - within) / 2;
        if (is_of(inside + middle * page, class))
            within = middle;
        else
            beyond = middle;
    }
    return within;
}

/* Needs a first use; every class has blocks afterwards, small and large, in pages that it took. */
static void find_ranges(range_t range[MEMORY_CLASSES])
{
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        char *small = memory_class[class].alloc(100);
        char *large = memory_class[class].alloc((size_t)4 << 20);
        assert_non_null(small);
        assert_non_null(large);
        memset(large, 1, (size_t)4 << 20);
        const uintptr_t inside = (uintptr_t)small / PAGE * PAGE;
        range[class].start = inside - pages_to_edge(inside, class, false) * PAGE;
        range[class].end = inside + (pages_to_edge(inside, class, true) + 1) * PAGE;
        memory_class[class].free(small);
        memory_class[class].free(large);
    }
}

static bool is_partitioned(void)
{
    catzilla_memory_class_stats_t stats;
    assert_int_equal(catzilla_memory_get_class_stats(CATZILLA_MEMORY_CACHE, &stats, sizeof stats),
                     0);
    return stats.partitioned == 1;
}

/* Whether any byte from `start` to `end` can be read or written, as the system says. */
static bool is_accessible(uintptr_t start, uintptr_t end)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t from = 0;
        uintptr_t to = 0;
        char access[8] = "";
        assert_int_equal(sscanf(line, "%zx-%zx %7s", &from, &to, access), 3);
        found = found || (from < end && to > start && strncmp(access, "---", 3) != 0);
    }
    fclose(maps);
    return found;
}

static uintptr_t written;

static void write_there(void)
{
    /* cmocka's own handler would end the child in good order. */
    signal(SIGSEGV, SIG_DFL);
    *(volatile char *)written = 'X';
}

static void assert_write_faults(uintptr_t address, const char *where)
{
    char text[64];
    written = address;
    const int status = status_of_child(write_there, text, sizeof text);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
        fail_msg("%s: a write to %#zx ended with status %#x", where, (size_t)address,
                 (unsigned)status);
}

static void the_ranges_of_the_classes_lie_apart(void **state)
{
    range_t range[MEMORY_CLASSES];
    (void)state;
    find_ranges(range);
    assert_true(is_partitioned());
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        const char *name = memory_class[class].name;
        if (class > 0)
            assert_int_equal(range[class].start, range[class - 1].end);
        /* The page table comes behind the last range, and the same guard before it. */
        const uintptr_t guards[] = {range[class].start, range[class].end};
        for (size_t i = 0; i < COUNT_OF(guards); i++) {
            if (is_accessible(guards[i], guards[i] + GUARD))
                fail_msg("%s: no guard at %#zx", name, (size_t)guards[i]);
            assert_write_faults(guards[i], name);
            assert_write_faults(guards[i] + GUARD - 1, name);
        }
        /* What is looked for is there where it should be. */
        assert_true(is_accessible(range[class].start + GUARD, range[class].end));
    }
}

/* Where the child must be stopped. */
static uintptr_t expected;

static void check_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    _exit((uintptr_t)info->si_addr == expected ? 0 : 1);
}

/* The end of the highest block, once the class's range has no room for another. */
static uintptr_t fill_range(size_t class)
{
    uintptr_t end = 0;
    for (size_t size = (size_t)64 << 20; size >= 16384; size /= 2) {
        char *block = NULL;
        while ((block = memory_class[class].alloc(size)) != NULL)
            if ((uintptr_t)block + size > end)
                end = (uintptr_t)block + size;
    }
    return end;
}

/* Fills the range of `class`, so that nothing but the guard is left before the next one's pages,
 * and writes one byte more. */
static int overrun_in_child(size_t class, range_t range)
{
    const struct sigaction action = {.sa_sigaction = check_fault, .sa_flags = SA_SIGINFO};
    if (sigaction(SIGSEGV, &action, NULL) != 0)
        return 2;
    if (range.end - fill_range(class) > 4 * PAGE)
        return 3;
    expected = range.end;
    *(volatile char *)expected = 'X';
    return 4;
}

static void who_runs_past_a_full_range_is_stopped(void **state)
{
    /* Leaves room for the smallest ranges that are tried, of 1 GiB, so that they can be filled. */
    const struct rlimit limit = {(rlim_t)10 << 30, (rlim_t)10 << 30};
    range_t range[MEMORY_CLASSES];
    (void)state;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    find_ranges(range);
    assert_true(is_partitioned());
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        assert_int_equal(range[class].end - range[class].start, (uintptr_t)1 << 30);
        int status = -1;
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(overrun_in_child(class, range[class]));
        assert_int_equal(waitpid(child, &status, 0), child);
        if (status != 0)
            fail_msg("%s: status %#x", memory_class[class].name, (unsigned)status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ranges_of_the_classes_lie_apart),
        cmocka_unit_test(who_runs_past_a_full_range_is_stopped),
    };
    return run_isolated("memory guards", tests, COUNT_OF(tests), use_allocator_under_test);
}
