/* SPDX-License-Identifier: Apache-2.0 */
#include "baseline_words.h"

#include "value.h"
#include "weir/base/map.h"

#include <stddef.h>
#include <string.h>

enum {
    ALL = BASELINE_CREATE | BASELINE_LIST | BASELINE_SHOW | BASELINE_PIN | BASELINE_DROP,
    OF_ONE = BASELINE_SHOW | BASELINE_PIN | BASELINE_DROP,
    ID_DIGITS = 16,
};

/* clang-format off */
static const struct verb {
    const char *name;
    enum baseline_verb verb;
    const char *usage;
} verbs[] = {
    { "create", BASELINE_CREATE, "create --model M [--version V] [--prediction P] [--segment S]"
                                 " (--last 24h | --from MS [--to MS] | --counts FILE)"
                                 " [--hour-of-week | --control OLD-V] [--pin]" },
    { "list",   BASELINE_LIST,   "list" },
    { "show",   BASELINE_SHOW,   "show ID" },
    { "pin",    BASELINE_PIN,    "pin ID" },
    { "drop",   BASELINE_DROP,   "drop ID" },
};

static const struct option {
    const char *name;
    unsigned verbs;
    bool flag;
    size_t offset;
} options[] = {
#define INTO(member) offsetof(struct baseline_words, member)
    { "-c",           ALL,             false, INTO(file) },
    { "--config",     ALL,             false, INTO(file) },
    { "--admin",      ALL,             false, INTO(admin) },
    { "--json",       ALL,             true,  INTO(json) },
    { "--model",      BASELINE_CREATE, false, INTO(model) },
    { "--version",    BASELINE_CREATE, false, INTO(version) },
    { "--prediction", BASELINE_CREATE, false, INTO(prediction) },
    { "--segment",    BASELINE_CREATE, false, INTO(segment) },
    { "--last",       BASELINE_CREATE, false, INTO(last) },
    { "--from",       BASELINE_CREATE, false, INTO(from) },
    { "--to",         BASELINE_CREATE, false, INTO(to) },
    { "--counts",     BASELINE_CREATE, false, INTO(counts) },
    { "--control",    BASELINE_CREATE, false, INTO(control) },
    { "--pin",        BASELINE_CREATE, true,  INTO(pin) },
    { "--hour-of-week", BASELINE_CREATE, true, INTO(hour_of_week) },
#undef INTO
};
/* clang-format on */

enum {
    VERBS = sizeof(verbs) / sizeof(verbs[0]),
    OPTIONS = sizeof(options) / sizeof(options[0])
};

static const char **place_of(struct baseline_words *w, const struct option *o)
{
    return (const char **)(void *)((char *)w + o->offset);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static bool refuse(struct buf *why, const char *before, const char *word, const char *behind)
{
    buf_put_printf(why, "%s%s%s", before, word, behind);
    return false;
}

static void put_usage(const struct baseline_words *w, struct buf *why)
{
    const char *of = "create|list|show ID|pin ID|drop ID";

    for (size_t i = 0; i < VERBS; i++)
        if (verbs[i].verb == w->verb)
            of = verbs[i].usage;
    buf_put_printf(why, "\nusage: weir baseline %s [-c FILE | --admin HOST:PORT] [--json]\n",
                   of);
}

static void put_near(const struct map *names, const char *word, struct buf *why)
{
    struct str near = map_nearest(names, str_of(word));

    if (near.at)
        buf_put_printf(why, " (did you mean %.*s?)", STR_ARG(near));
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool read_verb(struct baseline_words *w, const char *word, struct buf *why)
{
    AUTO(map_free) struct map *names = map_new();

    for (size_t i = 0; i < VERBS; i++) {
        (void)map_put(names, str_of(verbs[i].name), NULL);
        if (strcmp(word, verbs[i].name) == 0)
            w->verb = verbs[i].verb;
    }
    if (w->verb)
        return true;
    (void)refuse(why, "there is no \"", word, "\"");
    put_near(names, word, why);
    return false;
}

static bool read_place(struct baseline_words *w, const char *word, struct buf *why)
{
    if ((w->verb & OF_ONE) && !w->id) {
        w->id = word;
        return true;
    }
    return refuse(why, "\"", word, "\" is one word too many");
}

/* The option that the word is, or begins with as in "--last=24h"; NULL: none. */
static const struct option *find_option(const char *word)
{
    size_t length = strcspn(word, "=");

    for (size_t i = 0; i < OPTIONS; i++)
        if (strlen(options[i].name) == length && strncmp(options[i].name, word, length) == 0)
            return &options[i];
    return NULL;
}

static bool refuse_option(const struct baseline_words *w, const char *word, struct buf *why)
{
    AUTO(map_free) struct map *names = map_new();

    for (size_t i = 0; i < OPTIONS; i++)
        if (options[i].verbs & w->verb)
            (void)map_put(names, str_of(options[i].name), NULL);
    (void)refuse(why, "there is no option ", word, " here");
    put_near(names, word, why);
    return false;
}

/* Moves *i on if the value is a word of its own. */
static bool read_option(struct baseline_words *w, char **words, int *i, struct buf *why)
{
    const struct option *o = find_option(words[*i]);
    const char *is = strchr(words[*i], '='), **place;

    if (!o || !(o->verbs & w->verb))
        return refuse_option(w, words[*i], why);
    place = place_of(w, o);
    if (*place)
        return refuse(why, o->name, "", " stands twice");
    if (o->flag && is)
        return refuse(why, o->name, "", " takes no value");
    if (!o->flag && !is && !words[*i + 1])
        return refuse(why, o->name, "", " takes a value");
    *place = o->flag ? o->name : is ? is + 1 : words[++*i];
    return true;
}

/* ---- what they mean together ------------------------------------------------------------------ */

static bool read_last(struct baseline_words *w, uint64_t now_ms, struct buf *why)
{
    uint64_t last_us;

    if (w->from || w->to)
        return refuse(why, "--last and ", w->from ? "--from" : "--to", ": say one of the two");
    if (!value_duration(str_of(w->last), &last_us) || last_us == 0)
        return refuse(why, "--last: \"", w->last,
                      "\" is no duration above 0; such are 90m, 24h and 7d");
    w->to_ms = now_ms;
    w->from_ms = last_us / 1000 < now_ms ? now_ms - last_us / 1000 : 0;
    return true;
}

static bool read_ms(const char *name, const char *text, uint64_t *out, struct buf *why)
{
    if (str_to_u64(str_of(text), out))
        return true;
    buf_put_printf(why, "%s: \"%s\" is no time in milliseconds since 1970", name, text);
    return false;
}

static bool read_range(struct baseline_words *w, uint64_t now_ms, struct buf *why)
{
    w->to_ms = now_ms;
    if (!read_ms("--from", w->from, &w->from_ms, why) ||
        (w->to && !read_ms("--to", w->to, &w->to_ms, why)))
        return false;
    return w->from_ms < w->to_ms || refuse(why, "--from", "", " must lie before --to, or now");
}

static bool check_names(const struct baseline_words *w, struct buf *why)
{
    const char *const names[][2] = { { "--model", w->model },
                                     { "--version", w->version },
                                     { "--prediction", w->prediction },
                                     { "--segment", w->segment } };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i][1] && !value_is_text(str_of(names[i][1])))
            return refuse(why, names[i][0], "", " is no text in UTF-8");
    return true;
}

static bool check_create(struct baseline_words *w, uint64_t now_ms, struct buf *why)
{
    const char *range = w->last ? "--last" : w->from ? "--from" : w->to ? "--to" : NULL;

    if (!w->model)
        return refuse(why, "create takes --model", "", "");
    if (!check_names(w, why))
        return false;
    if (w->counts && range)
        return refuse(why, "--counts and ", range, ": say one of the two");
    if (w->counts && w->hour_of_week)
        return refuse(why, "--hour-of-week", "", ": counts do not tell their hour");
    if (w->control && (w->counts || w->hour_of_week))
        return refuse(why, "--control and ", w->counts ? "--counts" : "--hour-of-week",
                      ": say one of the two");
    if (w->control && (!w->version || strcmp(w->version, w->control) == 0))
        return refuse(why, "--control", "", " takes --version, the one that is judged by it");
    if (w->counts)
        return w->prediction ||
               refuse(why, "--counts takes --prediction", "", ": counts are of one prediction");
    if (w->last)
        return read_last(w, now_ms, why);
    if (!w->from)
        return refuse(why, "create takes --last, --from or --counts", "", "");
    return read_range(w, now_ms, why);
}

static bool check_id(const struct baseline_words *w, struct buf *why)
{
    if (!w->id)
        return refuse(why, "an ID is missing; `weir baseline list` shows them", "", "");
    if (strlen(w->id) != ID_DIGITS || strspn(w->id, "0123456789abcdef") != ID_DIGITS)
        return refuse(
            why, "\"", w->id,
            "\" is no ID: they have sixteen digits, as `weir baseline list` shows them");
    return true;
}

static bool read_all(struct baseline_words *w, char **words, uint64_t now_ms, struct buf *why)
{
    struct str host;
    uint16_t port;

    if (!words[0])
        return refuse(why, "what is to be done?", "", "");
    if (!read_verb(w, words[0], why))
        return false;
    for (int i = 1; words[i]; i++)
        if (words[i][0] == '-' ? !read_option(w, words, &i, why)
                               : !read_place(w, words[i], why))
            return false;
    if (w->admin && !value_address(str_of(w->admin), &host, &port))
        return refuse(why, "--admin: \"", w->admin, "\" is no address; such is 127.0.0.1:8081");
    if (w->verb == BASELINE_CREATE)
        return check_create(w, now_ms, why);
    return !(w->verb & OF_ONE) || check_id(w, why);
}

bool baseline_words_read(struct baseline_words *w, char **words, uint64_t now_ms,
                         struct buf *why)
{
    *w = (struct baseline_words){ .id = NULL };
    if (read_all(w, words, now_ms, why))
        return true;
    put_usage(w, why);
    return false;
}
