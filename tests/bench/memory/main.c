/* A benchmark program: one peer, one mode, one line of JSON. */
#include "bench.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* smaps_rollup, since the counters behind statm are approximate. */
size_t bench_resident(void)
{
    char line[128];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    if (file == NULL)
        abort();
    while (kib == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "Rss:", 4) == 0)
            kib = strtoul(line + 4, NULL, 10);
    fclose(file);
    return kib * 1024;
}

void *bench_books(size_t size)
{
    void *books =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (books == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return books;
}

/* Where the machine has one processor only, or a set that leaves this one out, the threads share.
 */
void bench_pin(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

void bench_thread_start(void)
{
    if (bench_peer.thread_start != NULL)
        bench_peer.thread_start();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(size_t amount);
    } mode[] = {
        {"typed", bench_typed},     {"untyped", bench_untyped}, {"misplaced", bench_misplaced},
        {"regions", bench_regions}, {"scaling", bench_scaling}, {"handover", bench_handover},
        {"caches", bench_caches},
    };
    if (argc == 2 && strcmp(argv[1], "name") == 0) {
        puts(bench_peer.name);
        return 0;
    }
    if (argc >= 3) {
        bench_thread_start();
        if (strcmp(argv[1], "server") == 0)
            return bench_server(argc - 2, argv + 2);
        for (size_t i = 0; i < sizeof mode / sizeof *mode; i++)
            if (strcmp(argv[1], mode[i].name) == 0)
                return mode[i].run(strtoul(argv[2], NULL, 10));
    }
    fprintf(stderr,
            "usage: %s MODE AMOUNT | server SCENARIO idle|trim|plain [QUIET_SECONDS [MIB]]\n",
            argv[0]);
    return 2;
}
