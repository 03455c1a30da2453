/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/app/baseline_command.h"

#include "upstream.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The command against a server that says what a gateway would. What it prints goes to two
 * files, which are read when it has ended.
 */

static struct upstream server;
static char address[32], heard[4096], said[2048], counts[] = "/tmp/weir-counts-XXXXXX";
static char out[4096], err[4096];

static void serve(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    if (upstream_hear(u, fd, heard, sizeof(heard)))
        upstream_say(fd, said);
}

static void start(void)
{
    int fd = mkstemp(counts);

    cr_assert_geq(fd, 0);
    (void)close(fd);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)unsetenv("WEIR_ADMIN_TOKEN");
    upstream_start(&server, serve);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", server.port);
}

static void stop(void)
{
    upstream_stop(&server);
    (void)unlink(counts);
}

TestSuite(baseline_command, .init = start, .fini = stop, .timeout = 30);

static void answers(int status, const char *body)
{
    (void)snprintf(said, sizeof(said), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s", status,
                   strlen(body), body);
}

static void read_back(FILE *file, char *into, size_t size)
{
    size_t got;

    rewind(file);
    got = fread(into, 1, size - 1, file);
    into[got] = '\0';
    (void)fclose(file);
}

/* Of a line of words parted by spaces, and --admin. */
static int run(const char *line)
{
    char text[512], *words[24] = { 0 }, *rest = NULL;
    FILE *files[2] = { tmpfile(), tmpfile() };
    int kept[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) }, status;
    size_t count = 0;

    (void)snprintf(text, sizeof(text), "%s --admin %s", line, address);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    (void)fflush(NULL);
    for (int i = 0; i < 2; i++)
        (void)dup2(fileno(files[i]), i + 1);
    status = baseline_command(words);
    (void)fflush(NULL);
    for (int i = 0; i < 2; i++) {
        (void)dup2(kept[i], i + 1);
        (void)close(kept[i]);
    }
    read_back(files[0], out, sizeof(out));
    read_back(files[1], err, sizeof(err));
    return status;
}

static void bring(const char *text)
{
    FILE *file = fopen(counts, "w");

    (void)fputs(text, file);
    (void)fclose(file);
}

static int create_of_counts(void)
{
    char line[256];

    (void)snprintf(line, sizeof(line), "create --model chat --prediction p --counts %s",
                   counts);
    return run(line);
}

#define ROW                                                                              \
    "{\"id\":\"0123456789abcdef\",\"model\":\"chat\",\"version\":\"v1\",\"prediction\":" \
    "\"refusal\",\"segment\":\"plan=pro\",\"n\":2000,\"from\":\"auto\",\"created_ms\":0}"

Test(baseline_command, a_list_is_a_line_each)
{
    answers(200, "{\"baselines\":[{\"pinned\":true,\"baseline\":" ROW "}]}");
    cr_assert_eq(run("list"), 0, "%s", err);
    cr_assert(strstr(out, "\n0123456789abcdef  in force  auto "), "%s", out);
    cr_assert(strstr(out, " 2000  1970-01-01T00:00:00  chat (v1) refusal @plan=pro\n"), "%s",
              out);
    cr_assert(strstr(heard, "GET /admin/baselines HTTP/1.1"));
}

Test(baseline_command, an_empty_list_says_so)
{
    answers(200, "{\"baselines\":[]}");
    cr_assert_eq(run("list"), 0);
    cr_assert_str_eq(out, "There are no baselines yet.\n");
}

Test(baseline_command, as_json_it_comes_as_it_is)
{
    answers(200, "{\"baselines\":[]}");
    cr_assert_eq(run("list --json"), 0);
    cr_assert_str_eq(out, "{\"baselines\":[]}");
}

Test(baseline_command, what_was_made_and_pinned_is_in_force)
{
    answers(200,
            "{\"baselines\":[" ROW "],\"skipped\":[{\"histogram\":\"chat:v1:x\",\"n\":7}]}");
    cr_assert_eq(run("create --model chat --last 1h --pin"), 0, "%s", err);
    cr_assert(strstr(out, "in force"));
    cr_assert(strstr(out, "skipped chat:v1:x: 7 answers, and a baseline takes 200\n"));
    cr_assert_eq(run("create --model chat --last 1h"), 0);
    cr_assert_not(strstr(out, "in force"));
}

Test(baseline_command, pin_and_drop_say_what_came_of_it)
{
    answers(200, "{\"pinned\":\"0123456789abcdef\",\"histogram\":\"chat:v1:refusal\"}");
    cr_assert_eq(run("pin 0123456789abcdef"), 0);
    cr_assert_str_eq(out, "0123456789abcdef is in force for chat:v1:refusal from the next tick "
                          "on\n");
    cr_assert(strstr(heard, "POST /admin/baselines/0123456789abcdef/pin HTTP/1.1"));
    answers(200, "{\"dropped\":\"0123456789abcdef\"}");
    cr_assert_eq(run("drop 0123456789abcdef"), 0);
    cr_assert_str_eq(out, "0123456789abcdef is dropped\n");
    cr_assert(strstr(heard, "DELETE /admin/baselines/0123456789abcdef HTTP/1.1"));
}

Test(baseline_command, counts_go_out_byte_by_byte)
{
    bring("{\"yes\": 1, \"yes\": 2.5}\n");
    answers(200, "{\"baselines\":[" ROW "],\"skipped\":[]}");
    cr_assert_eq(create_of_counts(), 0, "%s", err);
    cr_assert(strstr(heard, "\"counts\":{\"yes\": 1, \"yes\": 2.5}\n}"), "%s", heard);
}

Test(baseline_command, a_fault_of_counts_is_told_of_the_file)
{
    char wanted[128];

    bring("{\"yes\": 1}");
    answers(400, "{\"detail\":\"counts: \\\"yes\\\" is wrong\"}");
    cr_assert_eq(create_of_counts(), 1);
    (void)snprintf(wanted, sizeof(wanted), "weir baseline: %s: \"yes\" is wrong\n", counts);
    cr_assert_str_eq(err, wanted);
}

Test(baseline_command, what_is_no_object_of_json_does_not_go_out)
{
    bring("{\"yes\":\n1,,}");
    cr_assert_eq(create_of_counts(), 2);
    cr_assert(strstr(err, ":2: this is no JSON: "), "%s", err);
    bring("5");
    cr_assert_eq(create_of_counts(), 2);
    cr_assert(unlink(counts) == 0);
    cr_assert_eq(create_of_counts(), 2);
    cr_assert(strstr(err, ": No such file or directory\n"));
    cr_assert_eq(server.requests, 0);
}

Test(baseline_command, a_fault_of_a_name_is_told_of_its_option)
{
    answers(404, "{\"detail\":\"model: nothing\"}");
    cr_assert_eq(run("create --model chta --last 1h"), 1);
    cr_assert_str_eq(err, "weir baseline: --model: nothing\n");
    answers(400, "{\"detail\":\"from, to: too long\"}");
    cr_assert_eq(run("create --model chat --last 1h"), 1);
    cr_assert_str_eq(err, "weir baseline: --last: too long\n");
}

Test(baseline_command, a_token_that_is_missing_or_wrong_is_told_apart)
{
    answers(401, "{\"detail\":\"no\"}");
    cr_assert_eq(run("list"), 1);
    cr_assert(strstr(err, "asks for a token: "));
    (void)setenv("WEIR_ADMIN_TOKEN", "no", 1);
    cr_assert_eq(run("list"), 1);
    cr_assert(strstr(err, "does not take the token of WEIR_ADMIN_TOKEN\n"));
}

Test(baseline_command, what_is_no_admin_address_is_told)
{
    answers(404, "not here");
    cr_assert_eq(run("list"), 1);
    cr_assert(strstr(err, "is no admin address of this version (status 404)\n"));
}
