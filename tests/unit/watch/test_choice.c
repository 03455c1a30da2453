/* SPDX-License-Identifier: Apache-2.0 */
#include "choice.h"

#include <criterion/criterion.h>

/* Which come first where there is not room for all. */

enum { NOW = 100000 };

TestSuite(choice, .timeout = 20);

static struct candidate named(const char *member)
{
    return (struct candidate){ .member = str_of(member), .last = NOW };
}

static bool comes_first(struct candidate a, struct candidate b)
{
    struct candidate both[] = { a, b };

    choice_sort(both, 2, NOW);
    return str_eq(both[0].member, a.member);
}

Test(choice, a_whole_model_comes_before_a_segment_and_that_before_segments_together)
{
    struct candidate whole = named("z:v:p"), one = named("b:v:p@plan=pro");
    struct candidate two = named("a:v:p@plan=pro,country=de");

    one.pinned = one.known = two.pinned = two.known = true;
    cr_assert(comes_first(whole, one));
    cr_assert(comes_first(one, two));
}

Test(choice, the_names_of_upstreams_are_of_whole_models)
{
    struct candidate names = named("z:v:system_fingerprint@upstream=openai");

    cr_assert(comes_first(names, named("a:v:p@upstream=openai")));
}

Test(choice, what_has_a_baseline_comes_before_what_has_none)
{
    struct candidate pinned = named("m:v:z"), known = named("m:v:a");

    pinned.pinned = true;
    known.known = true;
    cr_assert(comes_first(pinned, known));
}

Test(choice, what_was_watched_before_keeps_its_place)
{
    struct candidate known = named("m:v:z");

    known.known = true;
    cr_assert(comes_first(known, named("m:v:a")));
}

Test(choice, all_else_alike_the_name_decides_and_not_the_latest_answers)
{
    struct candidate later = named("m:v:b");

    later.last = NOW + 1;
    cr_assert(comes_first(named("m:v:a"), later));
}

Test(choice, an_alarm_that_is_not_over_comes_before_all)
{
    struct candidate alarmed = named("z:v:p@plan=pro,country=de"), whole = named("a:v:p");

    alarmed.alarmed = true;
    alarmed.last = 1;
    whole.pinned = whole.known = true;
    cr_assert(comes_first(alarmed, whole));
}

Test(choice, what_was_quiet_for_a_week_gives_its_place_to_a_segment_that_is_not)
{
    struct candidate quiet = named("m:old:p"), segment = named("m:v:p@plan=pro");

    quiet.pinned = quiet.known = true;
    quiet.last = NOW - CHOICE_QUIET_TICKS;
    cr_assert(comes_first(quiet, segment));
    quiet.last--;
    cr_assert(comes_first(segment, quiet));
}

Test(choice, what_was_read_twice_is_one_with_its_latest_answers)
{
    struct candidate all[] = { named("m:v:b"), named("m:v:a"), named("m:v:b") };

    all[0].last = 7;
    all[2].last = 9;
    cr_assert_eq(choice_unite(all, 3), 2);
    cr_assert(str_eq(all[1].member, STR("m:v:b")));
    cr_assert_eq(all[1].last, 9);
}

Test(choice, states_decide_only_among_those_that_are_alike_across_the_cut)
{
    struct candidate all[] = { named("m:v:a"), named("m:v:b"), named("m:v:c@s=1"),
                               named("m:v:d@s=1"), named("m:v:e@s=1,t=2") };
    size_t from, to;

    choice_sort(all, 5, NOW);
    cr_assert(choice_is_open(all, 5, 3, &from, &to));
    cr_assert_eq(from, 2);
    cr_assert_eq(to, 4);
    cr_assert_not(choice_is_open(all, 5, 2, &from, &to));
    cr_assert_not(choice_is_open(all, 5, 5, &from, &to));
}
