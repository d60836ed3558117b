/* Exact bytes in and out: the tables' rows and what their replies are made of. */
#ifndef TESTS_HTTP_CONFORMANCE_H
#define TESTS_HTTP_CONFORMANCE_H
#include <catzilla/server.h>

#include <stddef.h>

/*
 * What a connection sends before it closes its half, and all that must come back, dates masked.
 * "{600*ab}" in `in` stands for 600 times "ab".
 */
typedef struct conformance_case {
    const char *section; /* of the RFC that decides the case */
    const char *name;
    const char *in;
    size_t in_size;
    const char *out;
} conformance_case_t;

#define BYTES(literal) literal, sizeof(literal) - 1

#define HEAD(line) "HTTP/1.1 " line "\r\nDate: D\r\n"
#define TEXT       "Content-Type: text/plain\r\n"
#define LENGTH(n)  "Content-Length: " n "\r\n"
#define CLOSE      "Connection: close\r\n"
#define PLAIN_TEXT "Content-Type: text/plain; charset=utf-8\r\n"

#define HELLO               HEAD("200 OK") LENGTH("13") TEXT "\r\nHello, World!"
#define HELLO_CLOSE         HEAD("200 OK") LENGTH("13") CLOSE TEXT "\r\nHello, World!"
#define HELLO_KEPT          HEAD("200 OK") LENGTH("13") "Connection: keep-alive\r\n" TEXT "\r\nHello, World!"
#define HELLO_HEAD          HEAD("200 OK") LENGTH("13") TEXT "\r\n"
#define BODY(n, text)       HEAD("200 OK") LENGTH(n) "\r\n" text
#define BODY_CLOSE(n, text) HEAD("200 OK") LENGTH(n) CLOSE "\r\n" text
#define PLAIN(reason, n)    HEAD(reason) LENGTH(n) PLAIN_TEXT "\r\n" reason "\n"
#define REFUSED(reason, n)  HEAD(reason) LENGTH(n) CLOSE PLAIN_TEXT "\r\n" reason "\n"
#define NO_CONTENT          HEAD("204 No Content") "\r\n"
#define NOT_MODIFIED        HEAD("304 Not Modified") "\r\n"
#define NOT_FOUND_HEAD      HEAD("404 Not Found") LENGTH("14") PLAIN_TEXT "\r\n"
#define ALLOWED(methods)    HEAD("204 No Content") "Allow: " methods "\r\n\r\n"
#define NOT_ALLOWED(methods)                                                                       \
    HEAD("405 Method Not Allowed")                                                                 \
    LENGTH("23") PLAIN_TEXT "Allow: " methods "\r\n\r\n405 Method Not Allowed\n"

extern const conformance_case_t conformance_line[], conformance_fields[], conformance_framing[],
    conformance_connection[];
extern const size_t conformance_line_count, conformance_fields_count, conformance_framing_count,
    conformance_connection_count;

/* Sets the limits that some cases pass. */
void conformance_options(catzilla_server_options_t *out);

/* `in` of a case with its repetitions written out; release with free(). */
char *conformance_expand(const char *in, size_t size, size_t *out_size);

#endif
