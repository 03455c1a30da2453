/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Arguments, then a verb. Each verb is a row with its usage and its help, so that what the
 * program prints about itself is what it does. Exit status: 0 when it did what was asked, 1
 * when it could not run, 2 when the arguments or the configuration are at fault.
 */

#include "weir/app/baseline_command.h"
#include "weir/app/process.h"
#include "weir/app/top.h"

#include <stdio.h>
#include <string.h>

struct arguments {
    const char *file;
    const char *topic;
    struct config_overrides overrides;
    char **words; /* all of them, for a verb that reads its own */
};

struct verb {
    const char *name;
    const char *usage;
    const char *help;
    enum { NO_FILE, NEEDS_FILE, READS_WORDS } needs;
    int (*run)(const struct arguments *a);
};

static int serve(const struct arguments *a)
{
    return process_serve(a->file, &a->overrides);
}

static int check(const struct arguments *a)
{
    return process_check(a->file);
}

static int look(const struct arguments *a)
{
    return top(a->file, a->overrides.admin.at);
}

static int baseline(const struct arguments *a)
{
    return baseline_command(a->words);
}

static int version(const struct arguments *a)
{
    (void)a;
    (void)puts("weir " WEIR_VERSION);
    return 0;
}

static int help(const struct arguments *a);

static const struct verb verbs[] = {
    { "serve", "weir serve -c FILE [--listen ADDR] [--admin ADDR]",
      "Runs the gateway in the foreground. --listen and --admin override the addresses of the\n"
      "file; port 0 takes a free one. SIGHUP reads the file again, SIGTERM drains.\n",
      NEEDS_FILE, serve },
    { "check", "weir check -c FILE",
      "Validates a configuration. Exits with 0, or with 2 and a line for every fault.\n",
      NEEDS_FILE, check },
    { "baseline",
      "weir baseline create|list|show ID|pin ID|drop ID [-c FILE | --admin ADDR] [--json]",
      "What a running gateway holds its models' answers against.\n\n"
      "  create --model M [--version V] [--prediction P] [--segment S] --last 24h [--pin]\n"
      "         of what was counted in that time, for each histogram that fits;\n"
      "         or --from MS [--to MS], in milliseconds since 1970; with --hour-of-week (and\n"
      "         --last 14d) each hour of the week has its own bounds\n"
      "  create --model M --version NEW --control OLD [--prediction P] --last 24h [--pin]\n"
      "         against what OLD says at the same time, whatever is asked\n"
      "  create --model M --prediction P [--version V] --counts FILE [--pin]\n"
      "         of a JSON object from value to count; without --version for any\n"
      "  list   all of them, and which are in force\n"
      "  show   one of them, as JSON\n"
      "  pin    has it in force from the next tick on\n"
      "  drop   deletes it; not while it is in force\n\n"
      "The gateway is asked on its admin address: of FILE, of --admin, or 127.0.0.1:8081. The\n"
      "token is that of FILE, or WEIR_ADMIN_TOKEN.\n",
      READS_WORDS, baseline },
    { "top", "weir top [-c FILE] [--admin HOST:PORT]",
      "Shows a running gateway in the terminal, once a second, until q: traffic, hits, "
      "errors,\n"
      "latencies and money by model, upstreams, drift and alarms. The token, where one is\n"
      "configured, comes from the file or from WEIR_ADMIN_TOKEN.\n",
      NO_FILE, look },
    { "version", "weir version", "Prints the version.\n", NO_FILE, version },
    { "help", "weir help [COMMAND | config]",
      "Explains a command; `weir help config` lists every setting.\n", NO_FILE, help },
};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static const struct verb *find(const char *name)
{
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static void put_usage(FILE *out)
{
    (void)fputs("Weir, a gateway in front of models.\n\n", out);
    for (size_t i = 0; i < VERBS; i++)
        (void)fprintf(out, "    %s\n", verbs[i].usage);
}

static int help(const struct arguments *a)
{
    const struct verb *v = a->topic ? find(a->topic) : NULL;
    struct buf text = { 0 };

    if (a->topic && strcmp(a->topic, "config") == 0) {
        config_put_help(&text);
        (void)fwrite(text.at, 1, text.len, stdout);
        buf_deinit(&text);
    } else if (v) {
        (void)printf("%s\n\n%s", v->usage, v->help);
    } else {
        put_usage(stdout);
    }
    return 0;
}

/* An option's value, from "--name VALUE" or "--name=VALUE"; NULL when argv[*i] is not it. */
static const char *option(const char *name, char **argv, int *i)
{
    size_t length = strlen(name);

    if (strncmp(argv[*i], name, length) != 0)
        return NULL;
    if (argv[*i][length] == '=')
        return argv[*i] + length + 1;
    return argv[*i][length] == '\0' && argv[*i + 1] ? argv[++*i] : NULL;
}

static bool read_arguments(struct arguments *a, char **argv)
{
    for (int i = 0; argv[i]; i++) {
        const char *value;

        if ((value = option("-c", argv, &i)) || (value = option("--config", argv, &i)))
            a->file = value;
        else if ((value = option("--listen", argv, &i)))
            a->overrides.listen = str_of(value);
        else if ((value = option("--admin", argv, &i)))
            a->overrides.admin = str_of(value);
        else if (argv[i][0] != '-' && !a->topic)
            a->topic = argv[i];
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const struct verb *v;
    struct arguments a = { 0 };

    if (strcmp(name, "--version") == 0)
        name = "version";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    v = find(name);
    if (!v) {
        if (argc > 1)
            (void)fprintf(stderr, "weir: no command \"%s\"\n\n", name);
        put_usage(stderr);
        return 2;
    }
    a.words = argv + (argc > 1 ? 2 : 1);
    if (v->needs == READS_WORDS)
        return v->run(&a);
    if (!read_arguments(&a, a.words) || (v->needs == NEEDS_FILE && !a.file)) {
        (void)fprintf(stderr, "usage: %s\n", v->usage);
        return 2;
    }
    return v->run(&a);
}
