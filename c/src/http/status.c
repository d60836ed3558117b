/* Status codes in words, kept as whole status lines since that is what replies need. */
#include "http/status.h"

#include <stdio.h>

#define STATUS_MAP(XX)                                                                             \
    XX(100, "Continue")                                                                            \
    XX(101, "Switching Protocols")                                                                 \
    XX(103, "Early Hints")                                                                         \
    XX(200, "OK")                                                                                  \
    XX(201, "Created")                                                                             \
    XX(202, "Accepted")                                                                            \
    XX(203, "Non-Authoritative Information")                                                       \
    XX(204, "No Content")                                                                          \
    XX(205, "Reset Content")                                                                       \
    XX(206, "Partial Content")                                                                     \
    XX(300, "Multiple Choices")                                                                    \
    XX(301, "Moved Permanently")                                                                   \
    XX(302, "Found")                                                                               \
    XX(303, "See Other")                                                                           \
    XX(304, "Not Modified")                                                                        \
    XX(307, "Temporary Redirect")                                                                  \
    XX(308, "Permanent Redirect")                                                                  \
    XX(400, "Bad Request")                                                                         \
    XX(401, "Unauthorized")                                                                        \
    XX(402, "Payment Required")                                                                    \
    XX(403, "Forbidden")                                                                           \
    XX(404, "Not Found")                                                                           \
    XX(405, "Method Not Allowed")                                                                  \
    XX(406, "Not Acceptable")                                                                      \
    XX(407, "Proxy Authentication Required")                                                       \
    XX(408, "Request Timeout")                                                                     \
    XX(409, "Conflict")                                                                            \
    XX(410, "Gone")                                                                                \
    XX(411, "Length Required")                                                                     \
    XX(412, "Precondition Failed")                                                                 \
    XX(413, "Content Too Large")                                                                   \
    XX(414, "URI Too Long")                                                                        \
    XX(415, "Unsupported Media Type")                                                              \
    XX(416, "Range Not Satisfiable")                                                               \
    XX(417, "Expectation Failed")                                                                  \
    XX(421, "Misdirected Request")                                                                 \
    XX(422, "Unprocessable Content")                                                               \
    XX(425, "Too Early")                                                                           \
    XX(426, "Upgrade Required")                                                                    \
    XX(428, "Precondition Required")                                                               \
    XX(429, "Too Many Requests")                                                                   \
    XX(431, "Request Header Fields Too Large")                                                     \
    XX(451, "Unavailable For Legal Reasons")                                                       \
    XX(500, "Internal Server Error")                                                               \
    XX(501, "Not Implemented")                                                                     \
    XX(502, "Bad Gateway")                                                                         \
    XX(503, "Service Unavailable")                                                                 \
    XX(504, "Gateway Timeout")                                                                     \
    XX(505, "HTTP Version Not Supported")                                                          \
    XX(507, "Insufficient Storage")

catzilla_slice_t cz_status_line(int status, char scratch[32])
{
    switch (status) {
#define STATUS_CASE(code, reason)                                                                  \
    case code:                                                                                     \
        return CATZILLA_SLICE("HTTP/1.1 " #code " " reason "\r\n");
        STATUS_MAP(STATUS_CASE)
#undef STATUS_CASE
    default:
        break;
    }
    catzilla_slice_t line = {scratch, 0};
    line.size = (size_t)snprintf(scratch, 32, "HTTP/1.1 %03d \r\n", status);
    return line;
}

catzilla_slice_t cz_status_reason(int status)
{
    char scratch[32];
    const size_t before = sizeof "HTTP/1.1 200 " - 1;
    catzilla_slice_t line = cz_status_line(status, scratch);
    if (line.data == scratch)
        return CATZILLA_SLICE("");
    line.data += before;
    line.size -= before + 2;
    return line;
}
