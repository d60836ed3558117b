/*
 * The server that the integration tests talk to where a directory of files is not enough. Words
 * such as max_body_bytes=10 set the option of that name, assets=DIR mounts a directory. Prints its
 * URL when it listens.
 */
#include <catzilla/catzilla.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int plain(catzilla_response_t *response, catzilla_slice_t body)
{
    int rc = catzilla_response_header(response, CATZILLA_SLICE("Content-Type"),
                                      CATZILLA_SLICE("text/plain; charset=utf-8"));
    return rc != 0 ? rc : catzilla_response_body(response, body);
}

static int hello(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    return plain(response, CATZILLA_SLICE("Hello, World!"));
}

static int user(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    return plain(response, catzilla_request_param(request, "id"));
}

static int rest(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    return plain(response, catzilla_request_param(request, "path"));
}

static int echo(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    return plain(response, catzilla_request_body(request));
}

/* Method, target, path, query, peer and each header, a line apiece. */
static int show(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    char text[8192];
    catzilla_slice_t parts[] = {catzilla_request_method(request), catzilla_request_target(request),
                                catzilla_request_path(request), catzilla_request_query(request),
                                catzilla_request_peer(request)};
    size_t size = 0;
    (void)user_data;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%.*s\n", (int)parts[i].size,
                                 parts[i].data == NULL ? "" : parts[i].data);
    for (size_t i = 0; i < catzilla_request_header_count(request); i++) {
        catzilla_slice_t name;
        catzilla_slice_t value;
        catzilla_request_header_at(request, i, &name, &value);
        if (size + name.size + value.size + 4 > sizeof text)
            return CATZILLA_ERR_LIMIT;
        size += (size_t)snprintf(text + size, sizeof text - size, "%.*s: %.*s\n", (int)name.size,
                                 name.data, (int)value.size, value.data);
    }
    return plain(response, (catzilla_slice_t){text, size});
}

/* As many bytes as the path says, from a block that the reply gives back. */
static int bytes(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_slice_t count = catzilla_request_param(request, "count");
    char digits[16];
    (void)user_data;
    snprintf(digits, sizeof digits, "%.*s", (int)count.size, count.data);
    size_t size = strtoul(digits, NULL, 10);
    char *block = catzilla_response_alloc(size);
    if (block == NULL)
        return CATZILLA_ERR_NOMEM;
    for (size_t i = 0; i < size; i++)
        block[i] = (char)('a' + i % 26);
    return catzilla_response_body_borrow(response, (catzilla_slice_t){block, size},
                                         catzilla_response_free, block);
}

static int created(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    int rc =
        catzilla_response_header(response, CATZILLA_SLICE("Location"), CATZILLA_SLICE("/users/7"));
    return rc != 0 ? rc : catzilla_response_status(response, 201);
}

static int no_content(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    return catzilla_response_status(response, 204);
}

static int fails(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    plain(response, CATZILLA_SLICE("this must not be seen"));
    return CATZILLA_ERR_LIMIT;
}

/* What the client sends as a header value must not become a header of its own. */
static int splits(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    int rc = catzilla_response_header(response, CATZILLA_SLICE("X-Value"),
                                      catzilla_request_param(request, "value"));
    return plain(response, rc == CATZILLA_ERR_HEADER ? CATZILLA_SLICE("refused")
                                                     : CATZILLA_SLICE("accepted"));
}

static size_t live_bytes(catzilla_memory_type_t type)
{
    size_t live = 0;
    catzilla_memory_get_arena_stats(type, &live, NULL);
    return live;
}

/* The live bytes of each class, in the order of their numbers. */
static int live(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    char text[192];
    int size = 0;
    (void)request;
    (void)user_data;
    for (int type = CATZILLA_MEMORY_REQUEST; type <= CATZILLA_MEMORY_GENERAL; type++)
        size += snprintf(text + size, sizeof text - (size_t)size, "%zu\n",
                         live_bytes((catzilla_memory_type_t)type));
    return plain(response, (catzilla_slice_t){text, (size_t)size});
}

/* Mounts a directory with every option that is not the default; the caller destroys it. */
static int mount_assets(catzilla_server_t *server, const char *root, catzilla_static_t **out)
{
    static const catzilla_static_type_t types[] = {{"md", "text/markdown; charset=utf-8"},
                                                   {"Cat", "application/x-cat"}};
    catzilla_static_options_t options = CATZILLA_STATIC_OPTIONS_INIT;
    options.index = "home.htm";
    options.cache_control = "max-age=60";
    options.types = types;
    options.type_count = sizeof types / sizeof *types;
    options.hidden = 1;
    int rc = catzilla_static_create(root, &options, out);
    return rc != 0 ? rc
                   : catzilla_server_route(server, "GET", "/assets/{path*}", catzilla_static_serve,
                                           *out);
}

static const struct {
    const char *method;
    const char *pattern;
    catzilla_handler_t handler;
} routes[] = {
    {"GET", "/hello", hello},    {"GET", "/users/{id}", user},
    {"GET", "/users/me", hello}, {"DELETE", "/users/{id}", no_content},
    {"POST", "/users", created}, {"GET", "/files/{path*}", rest},
    {"POST", "/echo", echo},     {"PUT", "/echo", echo},
    {"GET", "/show", show},      {"GET", "/bytes/{count}", bytes},
    {"GET", "/fails", fails},    {"GET", "/splits/{value}", splits},
    {"GET", "/live", live},
};

static bool set_option(catzilla_server_options_t *options, const char *word)
{
    const char *equals = strchr(word, '=');
    if (equals == NULL)
        return false;
    size_t size = (size_t)(equals - word);
    unsigned long value = strtoul(equals + 1, NULL, 10);
#define OPTION(name, type)                                                                         \
    if (size == sizeof #name - 1 && memcmp(word, #name, size) == 0) {                              \
        options->name = (type)value;                                                               \
        return true;                                                                               \
    }
    OPTION(max_target_bytes, size_t)
    OPTION(max_header_bytes, size_t)
    OPTION(max_headers, uint32_t)
    OPTION(max_connections, uint32_t)
    OPTION(max_body_bytes, size_t)
    OPTION(header_timeout_ms, uint32_t)
    OPTION(body_timeout_ms, uint32_t)
    OPTION(idle_timeout_ms, uint32_t)
    OPTION(write_timeout_ms, uint32_t)
#undef OPTION
    return false;
}

static int serve(catzilla_server_t *server)
{
    uint16_t port;
    int rc = 0;
    for (size_t i = 0; i < sizeof routes / sizeof *routes && rc == 0; i++)
        rc = catzilla_server_route(server, routes[i].method, routes[i].pattern, routes[i].handler,
                                   NULL);
    if (rc == 0)
        rc = catzilla_server_watch_signal(server, SIGTERM, NULL, NULL);
    if (rc == 0)
        rc = catzilla_server_listen(server);
    if (rc == 0)
        rc = catzilla_server_port(server, &port);
    if (rc != 0)
        return rc;
    printf("http://127.0.0.1:%u\n", (unsigned)port);
    fflush(stdout);
    return catzilla_server_run(server);
}

int main(int argc, char **argv)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_server_t *server;
    catzilla_static_t *assets = NULL;
    const char *root = NULL;
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "assets=", sizeof "assets=" - 1) == 0)
            root = argv[i] + sizeof "assets=" - 1;
        else if (!set_option(&options, argv[i])) {
            fprintf(stderr, "%s: no such option\n", argv[i]);
            return 2;
        }
    int rc = catzilla_server_create(&options, &server);
    if (rc == 0 && root != NULL)
        rc = mount_assets(server, root, &assets);
    if (rc == 0)
        rc = serve(server);
    if (rc != 0)
        fprintf(stderr, "test_server: %s\n", catzilla_strerror(rc));
    catzilla_server_destroy(server);
    catzilla_static_destroy(assets);
    return rc != 0;
}
