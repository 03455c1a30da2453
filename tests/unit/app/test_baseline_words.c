/* SPDX-License-Identifier: Apache-2.0 */
#include "baseline_words.h"

#include <criterion/criterion.h>
#include <string.h>

enum { NOW_MS = 1000 * 1000 * 1000, MOST_WORDS = 16 };

static struct baseline_words words;
static struct buf why;

static void stop(void)
{
    buf_deinit(&why);
}

TestSuite(baseline_words, .fini = stop, .timeout = 10);

/* Of a line of words parted by spaces. */
static bool read(const char *line)
{
    static char text[256];
    char *list[MOST_WORDS] = { 0 };
    size_t count = 0;

    cr_assert_lt(strlen(line), sizeof(text));
    memcpy(text, line, strlen(line) + 1);
    for (char *word = strtok_r(text, " ", &list[MOST_WORDS - 1]); word;
         word = strtok_r(NULL, " ", &list[MOST_WORDS - 1]))
        list[count++] = word;
    list[MOST_WORDS - 1] = NULL;
    buf_reset(&why);
    return baseline_words_read(&words, list, NOW_MS, &why);
}

static void refuses(const char *line, const char *sentence)
{
    cr_assert_not(read(line), "%s", line);
    cr_assert(str_starts(buf_str(&why), str_of(sentence)), "%s: %.*s", line,
              STR_ARG(buf_str(&why)));
    cr_assert(memmem(why.at, why.len, "\nusage: weir baseline ", 22));
}

Test(baseline_words, what_is_to_be_done_comes_first)
{
    refuses("", "what is to be done?");
    refuses("lsit", "there is no \"lsit\" (did you mean list?)");
    refuses("--json list", "there is no \"--json\"");
    cr_assert(read("list"));
    cr_assert_eq(words.verb, BASELINE_LIST);
}

Test(baseline_words, a_time_back_from_now_is_a_range)
{
    cr_assert(read("create --model chat --last 10s --pin"));
    cr_assert_eq(words.from_ms, NOW_MS - 10000);
    cr_assert_eq(words.to_ms, NOW_MS);
    cr_assert(words.pin);
    cr_assert_not(words.json);
}

Test(baseline_words, a_time_longer_than_there_was_begins_at_the_beginning)
{
    cr_assert(read("create --model chat --last 30000d"));
    cr_assert_eq(words.from_ms, 0);
}

Test(baseline_words, from_goes_on_until_now_unless_told)
{
    cr_assert(read("create --model chat --from 5"));
    cr_assert_eq(words.to_ms, NOW_MS);
    cr_assert(read("create --model=chat --from=5 --to=9"));
    cr_assert_str_eq(words.model, "chat");
    cr_assert_eq(words.from_ms, 5);
    cr_assert_eq(words.to_ms, 9);
}

Test(baseline_words, counts_need_no_time)
{
    cr_assert(read("create --model chat --prediction intent --counts counts.json"));
    cr_assert_str_eq(words.counts, "counts.json");
}

Test(baseline_words, a_time_that_is_none_is_refused)
{
    refuses("create --model chat --last 24x", "--last: \"24x\" is no duration");
    refuses("create --model chat --last 0s", "--last: \"0s\" is no duration");
    refuses("create --model chat --from yesterday", "--from: \"yesterday\" is no time");
    refuses("create --model chat --from 1 --to x", "--to: \"x\" is no time");
    refuses("create --model chat --from 9 --to 5", "--from must lie before --to");
}

Test(baseline_words, what_says_two_things_is_refused)
{
    refuses("create --model chat --last 1h --from 5", "--last and --from");
    refuses("create --model chat --last 1h --to 5", "--last and --to");
    refuses("create --model chat --prediction p --counts f --last 1h", "--counts and --last");
    refuses("create --model chat --model mail --last 1h", "--model stands twice");
}

Test(baseline_words, what_is_missing_is_told)
{
    refuses("create", "create takes --model");
    refuses("create --model chat", "create takes --last, --from or --counts");
    refuses("create --model chat --to 5", "create takes --last, --from or --counts");
    refuses("create --model chat --counts f", "--counts takes --prediction");
    refuses("create --model", "--model takes a value");
}

Test(baseline_words, an_option_that_there_is_not_is_refused_with_the_one_that_is_near)
{
    refuses("create --modle chat", "there is no option --modle here (did you mean --model?)");
    refuses("list --model chat", "there is no option --model here");
    refuses("list --json=yes", "--json takes no value");
}

Test(baseline_words, an_id_has_sixteen_digits)
{
    cr_assert(read("drop 0123456789abcdef --json"));
    cr_assert_str_eq(words.id, "0123456789abcdef");
    refuses("show", "an ID is missing");
    refuses("pin 0123", "\"0123\" is no ID");
    refuses("pin 0123456789ABCDEF", "\"0123456789ABCDEF\" is no ID");
    refuses("show 0123456789abcdef 0123456789abcdef", "\"0123456789abcdef\" is one word too");
    refuses("list all", "\"all\" is one word too many");
}

Test(baseline_words, a_name_is_a_text)
{
    refuses("create --model \xff\xfe --last 1h", "--model is no text in UTF-8");
    refuses("create --model chat --segment a=\x01 --last 1h", "--segment is no text");
}

Test(baseline_words, an_address_has_a_port)
{
    cr_assert(read("list --admin 127.0.0.1:8081 -c weir.yaml"));
    cr_assert_str_eq(words.file, "weir.yaml");
    refuses("list --admin localhost", "--admin: \"localhost\" is no address");
}
