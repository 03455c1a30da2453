/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Arguments, then a verb. Each verb is a row with its usage and its help, so that what the
 * program prints about itself is what it does. Exit status: 0 when it did what was asked, 1
 * when it could not run, 2 when the arguments or the configuration are at fault.
 */

#include "weir/app/process.h"

#include <stdio.h>
#include <string.h>

struct arguments {
    const char *file;
    const char *topic;
    struct config_overrides overrides;
};

struct verb {
    const char *name;
    const char *usage;
    const char *help;
    bool needs_file;
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
      true, serve },
    { "check", "weir check -c FILE",
      "Validates a configuration. Exits with 0, or with 2 and a line for every fault.\n", true,
      check },
    { "version", "weir version", "Prints the version.\n", false, version },
    { "help", "weir help [COMMAND | config]",
      "Explains a command; `weir help config` lists every setting.\n", false, help },
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
    if (!read_arguments(&a, argv + (argc > 1 ? 2 : 1)) || (v->needs_file && !a.file)) {
        (void)fprintf(stderr, "usage: %s\n", v->usage);
        return 2;
    }
    return v->run(&a);
}
