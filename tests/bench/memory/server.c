/* A simulated server: what stays resident after a burst of requests, beside what is live. Seed and
 * number of operations are fixed, so every peer is asked for the same blocks in the same order.
 *
 * A cache is filled to 256 MiB, served from for a while, then a burst holds 200 MiB in requests at
 * once, some of which leave cache entries and static blocks between their own, and then comes
 * quiet, with a few requests every 10 ms. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REQUEST_BLOCKS = 20,
    RESPONSE_BLOCKS = 4,
    SIZES = 4096,           /* of each table, a power of two */
    IN_FLIGHT = 64,         /* requests at a time outside the burst */
    BURST_REQUESTS = 65536, /* room for those of the burst */
    BURST_BYTES = 200 << 20,
    STEADY = 300000, /* requests before the burst, and within it */
    TICKS_A_SECOND = 100,
    QUIET_REQUESTS = 10, /* a tick */
    BUSY_REQUESTS = 200,
    ENTRIES = 1 << 21,
    STATICS = 1 << 16,
    TASKS = 1024,
};

typedef struct scenario {
    const char *name;
    double entry_median, entry_sigma; /* log-normal; sigma 0: evenly from min to max */
    size_t entry_min, entry_max;
    unsigned entries_per_mille; /* of requests that leave one */
    bool regions;               /* a request's blocks come from a region, where the peer has them */
    bool oldest_first;          /* entries expire in order; otherwise any one may */
    bool busy;                  /* no quiet after the burst, and no idle moment */
} scenario_t;

static const scenario_t scenarios[] = {
    {"large", 8192, 1.0, 1024, 262144, 20, false, false, false},
    {"small", 0, 0, 64, 1024, 20, false, false, false},
    {"regions", 0, 0, 64, 1024, 20, true, false, false},
    {"short-lived", 0, 0, 64, 1024, 200, false, true, false},
    {"busy", 0, 0, 64, 1024, 20, false, false, true},
};

typedef struct block {
    void *address;
    size_t size;
} block_t;

typedef struct request {
    void *region;
    block_t request[REQUEST_BLOCKS], response[RESPONSE_BLOCKS];
} request_t;

static struct {
    const scenario_t *scenario;
    bench_random_t random;
    uint32_t request_size[SIZES], response_size[SIZES], entry_size[SIZES], static_size[SIZES];
    request_t *request; /* those in flight come first, `requests` in all */
    size_t requests, request_bytes;
    block_t *entry; /* a ring where the oldest goes first, otherwise the first `entries` */
    size_t entries, oldest, entry_bytes, entry_limit;
    block_t *fixed;
    size_t statics;
    void *task[TASKS];
    size_t served, books;
} server;

static void sizes_fill(uint32_t *table, double median, double sigma, size_t min, size_t max)
{
    for (size_t i = 0; i < SIZES; i++) {
        double size;
        if (sigma == 0) {
            size = (double)min + (double)bench_below(&server.random, max - min + 1);
        } else {
            double u = ((double)(bench_next(&server.random) >> 11) + 0.5) / 9007199254740992.0;
            double v = (double)(bench_next(&server.random) >> 11) / 9007199254740992.0;
            size = median * exp(sigma * sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
        }
        table[i] = (uint32_t)(size < (double)min ? min : size > (double)max ? max : (size_t)size);
    }
}

static size_t draw(const uint32_t *table)
{
    return table[bench_next(&server.random) % SIZES];
}

static block_t block_new(int of, size_t size)
{
    block_t block = {bench_peer.alloc[of](size), size};
    if (block.address == NULL)
        abort();
    memset(block.address, 0x5a, size);
    return block;
}

static void entry_evict(void)
{
    size_t victim = server.oldest % ENTRIES;
    if (!server.scenario->oldest_first)
        victim = bench_below(&server.random, server.entries);
    block_t gone = server.entry[victim];
    bench_peer.release[BENCH_CACHE](gone.address);
    server.entry_bytes -= gone.size;
    server.entries--;
    if (server.scenario->oldest_first)
        server.oldest++;
    else
        server.entry[victim] = server.entry[server.entries];
}

static void entry_leave(void)
{
    size_t size = draw(server.entry_size);
    while (server.entries > 0 && server.entry_bytes + size > server.entry_limit)
        entry_evict();
    size_t place = (server.oldest + server.entries) % ENTRIES;
    server.entry[place] = block_new(BENCH_CACHE, size);
    server.entry_bytes += size;
    server.entries++;
}

static block_t request_block(request_t *request)
{
    size_t size = draw(server.request_size);
    server.request_bytes += size;
    if (request->region == NULL)
        return block_new(BENCH_REQUEST, size);
    block_t block = {bench_peer.region_alloc(request->region, size), size};
    memset(block.address, 0x5a, size);
    return block;
}

/* What a request leaves behind comes from its middle, and so lies among its own blocks. */
static void request_begin(request_t *request, unsigned entries_per_mille)
{
    if (server.scenario->regions && bench_peer.region_create != NULL && request->region == NULL)
        request->region = bench_peer.region_create();
    for (size_t i = 0; i < REQUEST_BLOCKS / 2; i++)
        request->request[i] = request_block(request);
    if (bench_below(&server.random, 1000) < entries_per_mille)
        entry_leave();
    if (bench_below(&server.random, 1000) < 2 && server.statics < STATICS)
        server.fixed[server.statics++] = block_new(BENCH_STATIC, draw(server.static_size));
    if (server.served % 10 == 0) {
        void **task = &server.task[server.served / 10 % TASKS];
        if (*task != NULL)
            bench_peer.release[BENCH_TASK](*task);
        *task = block_new(BENCH_TASK, 256).address;
    }
    for (size_t i = REQUEST_BLOCKS / 2; i < REQUEST_BLOCKS; i++)
        request->request[i] = request_block(request);
    for (size_t i = 0; i < RESPONSE_BLOCKS; i++) {
        request->response[i] = block_new(BENCH_RESPONSE, draw(server.response_size));
        server.request_bytes += request->response[i].size;
    }
    server.served++;
}

static void request_end(request_t *request)
{
    for (size_t i = 0; i < REQUEST_BLOCKS; i++) {
        server.request_bytes -= request->request[i].size;
        if (request->region == NULL)
            bench_peer.release[BENCH_REQUEST](request->request[i].address);
    }
    if (request->region != NULL)
        bench_peer.region_reset(request->region);
    for (size_t i = 0; i < RESPONSE_BLOCKS; i++) {
        server.request_bytes -= request->response[i].size;
        bench_peer.release[BENCH_RESPONSE](request->response[i].address);
    }
}

/* Ends any one of those in flight and begins another. */
static void serve(size_t requests, unsigned entries_per_mille)
{
    for (size_t i = 0; i < requests; i++) {
        request_t *request = &server.request[bench_below(&server.random, server.requests)];
        request_end(request);
        request_begin(request, entries_per_mille);
    }
}

static void burst(void)
{
    unsigned entries = server.scenario->entries_per_mille;
    while (server.request_bytes < BURST_BYTES && server.requests < BURST_REQUESTS)
        request_begin(&server.request[server.requests++], entries);
    serve(STEADY, entries);
    while (server.requests > IN_FLIGHT) {
        request_t *last = &server.request[--server.requests];
        request_t *any = &server.request[bench_below(&server.random, server.requests + 1)];
        request_end(any);
        void *region = any->region;
        *any = *last;
        last->region = region;
    }
    /* A server that is done with its regions destroys them; a reset one may keep a chunk. */
    for (size_t i = IN_FLIGHT; i < BURST_REQUESTS && server.request[i].region != NULL; i++)
        if (bench_peer.region_destroy != NULL)
            bench_peer.region_destroy(server.request[i].region);
}

typedef enum { PLAIN, IDLE, TRIM } manner_t;

static void seconds(double count, bool busy, manner_t manner)
{
    const struct timespec tick = {0, 1000000000 / TICKS_A_SECOND};
    size_t ticks = (size_t)(count * TICKS_A_SECOND);
    for (size_t i = 0; i < ticks; i++) {
        serve(busy ? BUSY_REQUESTS : QUIET_REQUESTS, server.scenario->entries_per_mille);
        if (manner == IDLE && !busy && bench_peer.idle != NULL)
            bench_peer.idle();
        if (manner == TRIM && i % TICKS_A_SECOND == 0 && bench_peer.trim != NULL)
            bench_peer.trim();
        nanosleep(&tick, NULL);
    }
}

typedef struct live {
    size_t requested, usable;
} live_t;

static void live_add(live_t *live, block_t block)
{
    live->requested += block.size;
    live->usable += bench_peer.usable(block.address);
}

static live_t live_bytes(void)
{
    live_t live = {0, 0};
    for (size_t i = 0; i < server.entries; i++)
        live_add(&live, server.entry[(server.oldest + i) % ENTRIES]);
    for (size_t i = 0; i < server.statics; i++)
        live_add(&live, server.fixed[i]);
    for (size_t i = 0; i < TASKS; i++)
        if (server.task[i] != NULL)
            live_add(&live, (block_t){server.task[i], 256});
    for (size_t i = 0; i < server.requests; i++) {
        for (size_t j = 0; j < RESPONSE_BLOCKS; j++)
            live_add(&live, server.request[i].response[j]);
        for (size_t j = 0; j < REQUEST_BLOCKS; j++) {
            block_t block = server.request[i].request[j];
            live.requested += block.size;
            live.usable +=
                server.request[i].region != NULL ? block.size : bench_peer.usable(block.address);
        }
    }
    return live;
}

/* A multiple of any page, so that all of it counts as resident and no more. */
static void *books(size_t size)
{
    size = (size + 65535) & ~(size_t)65535;
    server.books += size;
    return bench_books(size);
}

/* All of the process but the books. What an allocator takes before its first block counts too,
 * whether it does so when it is loaded or when its heaps are made. */
static size_t resident(void)
{
    return bench_resident() - server.books;
}

static void server_create(const scenario_t *scenario, size_t live)
{
    server.scenario = scenario;
    server.random.state = 42;
    server.request = books(BURST_REQUESTS * sizeof *server.request);
    server.entry = books(ENTRIES * sizeof *server.entry);
    server.fixed = books(STATICS * sizeof *server.fixed);
    server.entry_limit = live;
    sizes_fill(server.request_size, 96, 1.0, 16, 16384);
    sizes_fill(server.response_size, 512, 1.0, 64, 65536);
    sizes_fill(server.static_size, 256, 1.0, 32, 8192);
    sizes_fill(server.entry_size, scenario->entry_median, scenario->entry_sigma,
               scenario->entry_min, scenario->entry_max);
}

/* Arguments: SCENARIO plain|idle|trim [QUIET_SECONDS [MIB]] */
int bench_server(int argc, char **argv)
{
    const scenario_t *scenario = NULL;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        if (strcmp(argv[0], scenarios[i].name) == 0)
            scenario = &scenarios[i];
    if (scenario == NULL || argc < 2) {
        fprintf(stderr, "no scenario %s\n", argv[0]);
        return 2;
    }
    manner_t manner = strcmp(argv[1], "idle") == 0   ? IDLE
                      : strcmp(argv[1], "trim") == 0 ? TRIM
                                                     : PLAIN;
    double quiet = argc > 2 ? strtod(argv[2], NULL) : 15;
    size_t live_limit = (argc > 3 ? strtoul(argv[3], NULL, 10) : 256) << 20;
    server_create(scenario, live_limit);

    while (server.requests < IN_FLIGHT)
        request_begin(&server.request[server.requests++], 0);
    while (server.entry_bytes + scenario->entry_max < server.entry_limit)
        serve(1, 1000);
    serve(STEADY, scenario->entries_per_mille);
    seconds(quiet / 5, scenario->busy, manner);
    size_t before = resident();
    burst();
    size_t peak = resident();
    seconds(quiet, scenario->busy, manner);
    size_t after = resident();
    live_t live = live_bytes();
    printf(
        "{\"before\": %zu, \"burst\": %zu, \"after\": %zu, \"requested\": %zu, \"usable\": %zu}\n",
        before, peak, after, live.requested, live.usable);
    return 0;
}
