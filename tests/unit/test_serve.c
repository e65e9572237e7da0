#include "indexer/serve/files.h"
#include "indexer/serve/serve.h"
#include "indexer/util/file.h"

#include <arpa/inet.h>
#include <fcntl.h> /* AT_FDCWD */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static gs_error err;
static char folder[] = "/tmp/gensearch-serve-XXXXXX"; /* site/ is served, secret lies beside it */
static gs_server *server;

static char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    if (gs_file_write(in_folder(name), text, strlen(text), &err) != GS_OK)
        fail_msg("%s", err.message);
}

static gs_status open_at(gs_server **out, const char *directory, const char *listen)
{
    return gs_server_open(out, &(gs_server_options){.directory = directory, .listen = listen}, &err);
}

static int start(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    gs_make_directories(in_folder("site/sub/deep"), &err);
    gs_make_directories(in_folder("site/.git"), &err);
    gs_make_directories(in_folder("site-twin"), &err);
    put("secret", "secret");
    put("site-twin/secret", "secret");
    put("site/index.html", "<p>home</p>");
    put("site/sub/index.html", "sub");
    put("site/digits.bin", "0123456789");
    put("site/empty.txt", "");
    put("site/a b+\xc3\xa9.txt", "name");
    put("site/.env", "secret");
    put("site/.git/config", "secret");
    int failed = symlink("../secret", in_folder("site/out.txt"));
    failed |= symlink("../site-twin", in_folder("site/twin"));
    failed |= symlink("digits.bin", in_folder("site/in.bin"));
    failed |= mkfifo(in_folder("site/pipe"), 0600);
    if (failed || open_at(&server, in_folder("site"), "127.0.0.1:0") != GS_OK)
        return -1;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    gs_server_close(server);
    char command[256];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

/* Sends head and an empty line over a new connection; the whole answer, as text, until the server closes. */
static const char *ask(const char *head)
{
    static char answer[65536];
    char request[8192];
    int port = atoi(strrchr(gs_server_address(server), ':') + 1);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    int length = snprintf(request, sizeof request, "%s\r\nHost: x\r\nConnection: close\r\n\r\n", head);
    assert_int_equal(send(fd, request, (size_t)length, MSG_NOSIGNAL), length);
    size_t used = 0;
    for (ssize_t got; (got = recv(fd, answer + used, sizeof answer - 1 - used, 0)) > 0;)
        used += (size_t)got;
    close(fd);
    answer[used] = 0;
    return answer;
}

static const char *get(const char *url)
{
    char head[8000];
    snprintf(head, sizeof head, "GET %s HTTP/1.1", url);
    return ask(head);
}

static const char *body_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    return end ? end + 4 : "(no body)";
}

static void expect(const char *answer, int status, const char *body)
{
    int seen = 0;
    sscanf(answer, "HTTP/1.1 %d", &seen);
    if (seen != status || (body && strcmp(body_of(answer), body) != 0))
        fail_msg("expected %d '%s', got:\n%s", status, body ? body : "", answer);
    assert_null(strstr(answer, "secret"));
}

static void has(const char *answer, const char *header)
{
    if (!strstr(answer, header))
        fail_msg("no '%s' in:\n%s", header, answer);
}

static void files_and_folders_are_sent(void **state)
{
    (void)state;
    expect(get("/"), 200, "<p>home</p>");
    expect(get("/index.html?q=x#y"), 200, "<p>home</p>");
    expect(get("/sub/"), 200, "sub");
    expect(get("/empty.txt"), 200, "");
    expect(get("/in.bin"), 200, "0123456789");
    expect(get("/a%20b+%C3%a9.txt"), 200, "name");
    expect(get("//digits.bin"), 200, "0123456789");
    expect(get("/missing"), 404, "not found\n");
    expect(get("/digits.bin/"), 404, NULL);
    expect(get("/sub/deep/"), 404, NULL);
    expect(get("/pipe"), 404, NULL);
}

static const char *get_with(const char *url, const char *header)
{
    char head[8000];
    snprintf(head, sizeof head, "GET %s HTTP/1.1\r\n%s", url, header);
    return ask(head);
}

/* What stands in for compressed bytes is told apart by its text. */
static void compressed_forms_are_sent_to_whom_takes_them(void **state)
{
    (void)state;
    put("site/code.js", "0123456789");
    put("site/code.js.gz", "gzip");
    put("site/code.js.br", "brotli");
    static const struct {
        const char *accepted, *body, *coding;
    } cases[] = {
        {"gzip, deflate, br", "brotli", "br"}, {"gzip", "gzip", "gzip"},
        {"BR;q=0.5", "brotli", "br"},          {"br;q=0, gzip;q=1.0", "gzip", "gzip"},
        {"br; q=0.0 , gzip", "gzip", "gzip"},  {"*", "brotli", "br"},
        {"*, br;q=0", "gzip", "gzip"},         {"deflate, brotli", "0123456789", NULL},
        {"identity", "0123456789", NULL},      {"", "0123456789", NULL},
        {"br;q=0", "0123456789", NULL},
    };
    char plain_etag[100] = "", header[200];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(header, sizeof header, "Accept-Encoding: %s", cases[i].accepted);
        const char *answer = get_with("/code.js", header);
        expect(answer, 200, cases[i].body);
        has(answer, "\r\nContent-Type: text/javascript; charset=utf-8\r\n");
        has(answer, "\r\nVary: Accept-Encoding\r\n");
        snprintf(header, sizeof header, "\r\nContent-Encoding: %s\r\n", cases[i].coding ? cases[i].coding : "");
        if (cases[i].coding)
            has(answer, header);
        else
            assert_null(strstr(answer, "Content-Encoding"));
        sscanf(strstr(answer, "ETag: ") + 6, "%99s", plain_etag); /* the last case's */
    }
    const char *answer = get_with("/code.js", "Accept-Encoding: br\r\nRange: bytes=2-3");
    expect(answer, 206, "23");
    assert_null(strstr(answer, "Content-Encoding"));
    snprintf(header, sizeof header, "Accept-Encoding: br\r\nIf-None-Match: %s", plain_etag);
    expect(get_with("/code.js", header), 200, "brotli"); /* another form, another ETag */
    struct timespec later[2] = {{.tv_sec = 4000000000}, {.tv_sec = 4000000000}};
    utimensat(AT_FDCWD, in_folder("site/code.js"), later, 0);
    expect(get_with("/code.js", "Accept-Encoding: br"), 200, "0123456789"); /* the form is of an older file */
}

static void a_folder_without_its_slash_is_redirected(void **state)
{
    (void)state;
    const char *answer = get("/sub");
    expect(answer, 301, NULL);
    has(answer, "\r\nLocation: ./sub/\r\n");
    answer = get("//sub");
    expect(answer, 301, NULL);
    has(answer, "\r\nLocation: ./sub/\r\n");
}

static void nothing_outside_or_hidden_is_sent(void **state)
{
    (void)state;
    static const char *const urls[] = {"/../secret",
                                       "/%2e%2e/secret",
                                       "/sub/../../secret",
                                       "/sub/%2E%2E/%2e%2e/secret",
                                       "/..%2fsecret",
                                       "/%2e%2e%2fsecret",
                                       "/sub/..%2f../secret",
                                       "/out.txt",
                                       "/twin/secret",
                                       "/../site-twin/secret",
                                       "/.env",
                                       "/%2eenv",
                                       "/.git/config",
                                       "/.git/",
                                       "/./digits.bin",
                                       "/sub/../digits.bin",
                                       "/%252e%252e/secret"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        expect(get(urls[i]), 404, NULL);
}

static void bad_urls_are_refused(void **state)
{
    (void)state;
    expect(get("/digits.bin%00.html"), 400, NULL);
    expect(get("/%zz"), 400, NULL);
    expect(get("/%4"), 400, NULL);
    expect(get("digits.bin"), 400, NULL);
    char url[6000] = "/";
    memset(url + 1, 'a', sizeof url - 2);
    url[sizeof url - 1] = 0;
    expect(get(url), 400, NULL);
}

static void head_sends_the_header_alone(void **state)
{
    (void)state;
    const char *answer = ask("HEAD /digits.bin HTTP/1.1");
    expect(answer, 200, "");
    has(answer, "\r\nContent-Length: 10\r\n");
    expect(ask("HEAD /nothing HTTP/1.1"), 404, "");
}

static void other_methods_are_refused(void **state)
{
    (void)state;
    static const char *const requests[] = {"DELETE /digits.bin HTTP/1.1", "OPTIONS / HTTP/1.1", "BREW / HTTP/1.1",
                                           "POST / HTTP/1.1\r\nContent-Length: 0"};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        const char *answer = ask(requests[i]);
        expect(answer, 405, NULL);
        has(answer, "\r\nAllow: GET, HEAD\r\n");
    }
}

static void ranges_are_cut(void **state)
{
    (void)state;
    const char *answer = ask("GET /digits.bin HTTP/1.1\r\nRange: bytes=2-4");
    expect(answer, 206, "234");
    has(answer, "\r\nContent-Range: bytes 2-4/10\r\n");
    expect(ask("GET /digits.bin HTTP/1.1\r\nRange: bytes=7-"), 206, "789");
    expect(ask("GET /digits.bin HTTP/1.1\r\nRange: bytes=-3"), 206, "789");
    expect(ask("GET /digits.bin HTTP/1.1\r\nRange: bytes=-99"), 206, "0123456789");
    expect(ask("GET /digits.bin HTTP/1.1\r\nRange: bytes=8-99"), 206, "89");
    answer = ask("GET /digits.bin HTTP/1.1\r\nRange: bytes=10-");
    expect(answer, 416, NULL);
    has(answer, "\r\nContent-Range: bytes */10\r\n");
    expect(ask("GET /digits.bin HTTP/1.1\r\nRange: bytes=-0"), 416, NULL);
    expect(ask("GET /empty.txt HTTP/1.1\r\nRange: bytes=0-"), 416, NULL);
    expect(ask("GET /digits.bin HTTP/1.1\r\nRange: bytes=4-2"), 200, "0123456789");
    expect(ask("GET /digits.bin HTTP/1.1\r\nRange: bytes=0-1,4-5"), 200, "0123456789");
    expect(ask("GET /digits.bin HTTP/1.1\r\nRange: bytes=99999999999999999999-"), 200, "0123456789");
    expect(ask("GET /digits.bin HTTP/1.1\r\nRange: bytes=2-4\r\nIf-Range: \"other\""), 200, "0123456789");
}

static void what_is_known_is_not_sent_again(void **state)
{
    (void)state;
    char etag[128] = "", head[512];
    const char *answer = get("/digits.bin");
    sscanf(strstr(answer, "\r\nETag: "), "\r\nETag: %127s", etag);
    assert_true(etag[0] == '"');
    snprintf(head, sizeof head, "GET /digits.bin HTTP/1.1\r\nIf-None-Match: \"x\", W/%s", etag);
    answer = ask(head);
    expect(answer, 304, "");
    has(answer, etag);
    expect(ask("GET /digits.bin HTTP/1.1\r\nIf-None-Match: *"), 304, "");
    expect(ask("GET /digits.bin HTTP/1.1\r\nIf-None-Match: \"x\""), 200, "0123456789");
    snprintf(head, sizeof head, "GET /digits.bin HTTP/1.1\r\nRange: bytes=2-4\r\nIf-Range: %s", etag);
    expect(ask(head), 206, "234");

    put("site/changing.txt", "one");
    sscanf(strstr(get("/changing.txt"), "\r\nETag: "), "\r\nETag: %127s", etag);
    put("site/changing.txt", "two");
    const struct timespec times[2] = {{.tv_sec = 784111777},
                                      {.tv_sec = 784111777}}; /* the date that RFC 9110 takes as its example */
    assert_int_equal(utimensat(AT_FDCWD, in_folder("site/changing.txt"), times, 0), 0);
    has(get("/changing.txt"), "\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    snprintf(head, sizeof head, "GET /changing.txt HTTP/1.1\r\nIf-None-Match: %s", etag);
    expect(ask(head), 200, "two");
}

static void types_follow_the_extension(void **state)
{
    (void)state;
    static const char *const types[][2] = {{"x.html", "text/html; charset=utf-8"},
                                           {"x.css", "text/css; charset=utf-8"},
                                           {"x.js", "text/javascript; charset=utf-8"},
                                           {"x.mjs", "text/javascript; charset=utf-8"},
                                           {"x.json", "application/json"},
                                           {"x.wasm", "application/wasm"},
                                           {"x.webp", "image/webp"},
                                           {"x.svg", "image/svg+xml"},
                                           {"x.onnx", "application/octet-stream"},
                                           {"x.bin", "application/octet-stream"},
                                           {"x", "application/octet-stream"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char name[64], header[128];
        snprintf(name, sizeof name, "site/%s", types[i][0]);
        put(name, "x");
        snprintf(header, sizeof header, "\r\nContent-Type: %s\r\n", types[i][1]);
        has(get(name + 4), header);
    }
    has(get("/digits.bin"), "\r\nX-Content-Type-Options: nosniff\r\n");
}

static void only_names_with_a_hash_are_kept_for_ever(void **state)
{
    (void)state;
    has(get("/"), "\r\nCache-Control: no-cache\r\n");
    assert_string_equal(gs_cache_control("/a/manifest.json"), "no-cache");
    assert_string_equal(gs_cache_control("/a/0123456789abcdef/x.json"), "no-cache");
    assert_string_equal(gs_cache_control("/a/x-0123456789abcde.json"), "no-cache");
    assert_string_equal(gs_cache_control("/site-0123456789abcdef.old/manifest.json"), "no-cache");
    const char *for_ever = "public, max-age=31536000, immutable";
    assert_string_equal(gs_cache_control("/a/means-0123456789abcdef.bin"), for_ever);
    assert_string_equal(gs_cache_control("/a/0123456789abcdef.webp"), for_ever);
}

/* A client that stays connected and says nothing does not keep the others waiting. */
static void silent_clients_hold_up_nobody(void **state)
{
    (void)state;
    int port = atoi(strrchr(gs_server_address(server), ':') + 1), silent[32];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < 32; i++) {
        silent[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(silent[i], (struct sockaddr *)&to, sizeof to), 0);
        assert_int_equal(send(silent[i], "GET /", 5, MSG_NOSIGNAL), 5);
    }
    for (int i = 0; i < 20; i++)
        expect(get("/digits.bin"), 200, "0123456789");
    for (size_t i = 0; i < 32; i++)
        close(silent[i]);
}

static void wrong_addresses_and_folders_are_refused(void **state)
{
    (void)state;
    gs_server *second;
    static const char *const wrong[] = {"8000",         "127.0.0.1", "127.0.0.1:", ":8000", "127.0.0.1:99999",
                                        "127.0.0.1:8x", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(open_at(&second, folder, wrong[i]), GS_EARGS);
    assert_int_equal(open_at(&second, folder, gs_server_address(server)), GS_EIO);
    assert_non_null(strstr(err.message, "Address already in use"));
    assert_int_equal(open_at(&second, "/no/such/folder", "127.0.0.1:0"), GS_ENOTFOUND);
    assert_string_equal(err.message, "/no/such/folder: No such file or directory");
    assert_null(second);
    gs_server_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_folders_are_sent),
        cmocka_unit_test(compressed_forms_are_sent_to_whom_takes_them),
        cmocka_unit_test(a_folder_without_its_slash_is_redirected),
        cmocka_unit_test(nothing_outside_or_hidden_is_sent),
        cmocka_unit_test(bad_urls_are_refused),
        cmocka_unit_test(head_sends_the_header_alone),
        cmocka_unit_test(other_methods_are_refused),
        cmocka_unit_test(ranges_are_cut),
        cmocka_unit_test(what_is_known_is_not_sent_again),
        cmocka_unit_test(types_follow_the_extension),
        cmocka_unit_test(only_names_with_a_hash_are_kept_for_ever),
        cmocka_unit_test(silent_clients_hold_up_nobody),
        cmocka_unit_test(wrong_addresses_and_folders_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
