/* Bodies: lengths, chunks, trailers, expectations. */
#include "conformance.h"

const conformance_case_t conformance_framing[] = {
    {"RFC 9112 6.2", "a body by length",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"), BODY("3", "abc")},
    {"RFC 9112 6.2", "no body",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), BODY("0", "")},
    {"RFC 9112 6.2", "leading zeros",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\nabc"), BODY("3", "abc")},
    {"RFC 9112 6.2", "space behind the length",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3 \r\n\r\nabc"), BODY("3", "abc")},
    {"RFC 9112 6.2", "a field name in small letters",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\ncontent-length: 3\r\n\r\nabc"), BODY("3", "abc")},
    {"RFC 9112 6.3", "neither length nor coding is no body",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\n\r\n"), BODY("0", "")},
    {"RFC 9112 6.3", "GET with a body",
     BYTES("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"), HELLO},
    {"RFC 9112 6.3", "Content-Length: +3",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: -3",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: 0x3",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: 3.0",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3.0\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: 3a",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3a\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: a",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: a\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3",
     "Content-Length: ", BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: 3 3",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3 3\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: 3,3",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3,3\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: 3, 3",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: 3;",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3;\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: \"3\"",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \"3\"\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: superscript two",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \262\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3",
     "Content-Length:  ", BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length:  \r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: 1e1",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1e1\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: 18446744073709551616",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "Content-Length: 99999999999999999999999",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9110 15.5.14", "a declared length past the limit",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\nabc"),
     REFUSED("413 Content Too Large", "22")},
    {"RFC 9110 15.5.14", "the largest length there is",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\nabc"),
     REFUSED("413 Content Too Large", "22")},
    {"RFC 9112 6.3", "two lengths that agree",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "two lengths that differ",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "length before coding",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
           "chunked\r\n\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "coding before length",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: "
           "5\r\n\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.3", "an empty coding beside a length",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "the coding in any case",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "ChunKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     BODY("3", "abc")},
    {"RFC 9112 6.1", "Transfer-Encoding: gzip",
     BYTES(
         "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("501 Not Implemented", "20")},
    {"RFC 9112 6.1", "Transfer-Encoding: gzip, chunked",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, "
           "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("501 Not Implemented", "20")},
    {"RFC 9112 6.1", "Transfer-Encoding: identity",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("501 Not Implemented", "20")},
    {"RFC 9112 6.1", "Transfer-Encoding: xchunked",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("501 Not Implemented", "20")},
    {"RFC 9112 6.1", "Transfer-Encoding: chunkedx",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunkedx\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("501 Not Implemented", "20")},
    {"RFC 9112 6.1", "Transfer-Encoding: chunked, gzip",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, "
           "gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.1", "Transfer-Encoding: chunked, chunked",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, "
           "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.1", "Transfer-Encoding: chunked,",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked,\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.1", "Transfer-Encoding: , chunked",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: , "
           "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("501 Not Implemented", "20")},
    {"RFC 9112 6.1", "Transfer-Encoding: \"chunked\"",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "\"chunked\"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("501 Not Implemented", "20")},
    {"RFC 9112 6.1", "Transfer-Encoding: chunked;q=1",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked;q=1\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("501 Not Implemented", "20")},
    {"RFC 9112 6.1", "Transfer-Encoding: vertical tab, chunked",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "\013chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.1", "Transfer-Encoding: ",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.1", "Transfer-Encoding: chun ked",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chun "
           "ked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("501 Not Implemented", "20")},
    {"RFC 9112 6.1", "the coding twice",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
           "chunked\r\n\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 6.1", "a coding in two fields",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: "
           "chunked\r\n\r\n0\r\n\r\n"),
     REFUSED("501 Not Implemented", "20")},
    {"RFC 9112 6.1", "a coding in 1.0",
     BYTES("POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "chunks",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
     BODY("5", "abcde")},
    {"RFC 9112 7.1", "no chunk but the last",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     BODY("0", "")},
    {"RFC 9112 7.1", "a size in either case",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\na\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
     BODY("20", "01234567890123456789")},
    {"RFC 9112 7.1", "a size with leading zeros",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n003\r\nabc\r\n000\r\n\r\n"),
     BODY("3", "abc")},
    {"RFC 9112 7.1", "CRLF as data",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n"),
     BODY("4", "\r\n\r\n")},
    {"RFC 9112 7.1.1", "an extension",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n"),
     BODY("3", "abc")},
    {"RFC 9112 7.1.1", "an extension without a value",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n3;a\r\nabc\r\n0;b\r\n\r\n"),
     BODY("3", "abc")},
    {"RFC 9112 7.1.1", "a quoted extension",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b "
           "c\"\r\nabc\r\n0\r\n\r\n"),
     BODY("3", "abc")},
    {"RFC 9112 7.1.1", "extensions past their limit",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n3;{5000*a}\r\nabc\r\n0\r\n\r\n"),
     REFUSED("413 Content Too Large", "22")},
    {"RFC 9112 7.1.1", "extensions past their limit over many chunks",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n{80*1;"
           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n}0\r\n\r\n"),
     REFUSED("413 Content Too Large", "22")},
    {"RFC 9112 7.1", "leading zeros past the limit of extensions",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n{5000*0}3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("413 Content Too Large", "22")},
    {"RFC 9112 7.1.1", "a bare LF behind an extension",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n3;a\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1.1", "a bare LF in a quoted extension",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n3;a=\"b\n\"\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1.2", "trailers",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\nZ: w\r\n\r\n"),
     BODY("3", "abc")},
    {"RFC 9112 7.1.2", "a trailer is no header",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Show: "
           "y\r\n\r\n"),
     BODY("0", "")},
    {"RFC 9112 7.1.2", "a folded trailer",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n "
           "z\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1.2", "a trailer with a bare LF",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1.2", "a trailer with NUL",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: "
           "\000\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1.2", "a length among the trailers",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1.2", "trailers past their number",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{33*X: "
           "y\r\n}\r\n"),
     REFUSED("431 Request Header Fields Too Large", "36")},
    {"RFC 9112 7.1.2", "a trailer past the limit of bytes",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: "
           "{2000*y}\r\n\r\n"),
     REFUSED("431 Request Header Fields Too Large", "36")},
    {"RFC 9112 7.1", "a size that is no number",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\ng\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "a negative size",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "a size with a sign",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "a size with a prefix",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "no size",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "a space behind the size",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3 "
           "\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "a space before the size",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n "
           "3\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "a bare LF behind the size",
     BYTES(
         "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "a bare CR behind the size",
     BYTES(
         "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\rabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "a bare LF behind the data",
     BYTES(
         "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "nothing behind the data",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "data longer than its size",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "data shorter than its size",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n4\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "a size past 64 bits",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "a bare LF as the end",
     BYTES(
         "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9112 7.1", "a bare LF behind the last size",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\n\r\n"),
     REFUSED("400 Bad Request", "16")},
    {"RFC 9110 15.5.14", "a chunk past the limit",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n11170\r\n{70000*x}\r\n0\r\n\r\n"),
     REFUSED("413 Content Too Large", "22")},
    {"RFC 9110 15.5.14", "chunks past the limit together",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
           "chunked\r\n\r\n1000\r\n{4096*x}\r\n1000\r\n{4096*x}\r\n1000\r\n{4096*x}\r\n1000\r\n{"
           "4096*x}\r\n1000\r\n{4096*x}\r\n1000\r\n{4096*x}\r\n1000\r\n{4096*x}\r\n1000\r\n{4096*x}"
           "\r\n1000\r\n{4096*x}\r\n1000\r\n{4096*x}\r\n1000\r\n{4096*x}\r\n1000\r\n{4096*x}"
           "\r\n1000\r\n{4096*x}\r\n1000\r\n{4096*x}\r\n1000\r\n{4096*x}\r\n1000\r\n{4096*x}"
           "\r\n1000\r\n{4096*x}\r\n0\r\n\r\n"),
     REFUSED("413 Content Too Large", "22")},
    {"RFC 9110 10.1.1", "an unknown expectation",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 3\r\n\r\nabc"),
     REFUSED("417 Expectation Failed", "23")},
    {"RFC 9110 10.1.1", "an expectation twice",
     BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: "
           "100-continue\r\nContent-Length: 3\r\n\r\nabc"),
     REFUSED("417 Expectation Failed", "23")},
    {"RFC 9110 10.1.1", "an expectation in 1.0 is ignored",
     BYTES("POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"),
     BODY_CLOSE("3", "abc")},
    {"RFC 9110 10.1.1", "a body too large is not asked for",
     BYTES(
         "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 70000\r\n\r\n"),
     REFUSED("413 Content Too Large", "22")},
};

const size_t conformance_framing_count = sizeof conformance_framing / sizeof *conformance_framing;
