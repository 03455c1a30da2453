/* SPDX-License-Identifier: Apache-2.0 */

/* One call, or two: each test tells what comes on which line, and lets time pass. */

#include "racing.h"

TestSuite(race, .init = start, .fini = stop, .timeout = 20);

/* ---- what is held back --------------------------------------------------------------------- */

Test(race, what_is_silent_is_held_until_the_first_content)
{
    race_stream();
    comes(FIRST, ROLE);
    cr_assert_eq(world.seen.len, 0);
    comes(FIRST, SAYS("hi"));
    cr_assert(str_starts(buf_str(&world.seen), STR(ROLE)));
    cr_assert(saw("hi"));
    cr_assert(world.race.committed);
    comes(FIRST, FINISH DONE);
    ends(FIRST, OK);
    cr_assert(saw("[DONE]"));
    cr_assert_eq(world.err, OK);
}

Test(race, a_failure_before_any_content_shows_nothing)
{
    race_stream();
    comes(FIRST, ROLE);
    ends(FIRST, ERR_UPSTREAM_TRUNCATED);
    cr_assert_eq(world.seen.len, 0);
    cr_assert_not(world.race.committed);
    cr_assert_eq(world.err, ERR_UPSTREAM_TRUNCATED);
    cr_assert_eq(world.race.lead, &world.race.first);
}

Test(race, usage_is_not_for_who_did_not_ask)
{
    race_stream();
    comes(FIRST, SAYS("hi") FINISH USAGE DONE);
    ends(FIRST, OK);
    cr_assert_not(saw("usage"));
}

Test(race, usage_is_for_who_asked)
{
    world.call.wants_usage = true;
    race_stream();
    comes(FIRST, SAYS("hi") FINISH USAGE DONE);
    ends(FIRST, OK);
    cr_assert(saw("usage"));
}

Test(race, an_error_event_is_told_behind_content)
{
    race_stream();
    comes(FIRST, SAYS("hi") BREAKS);
    cr_assert(has(&world.errors, "error"));
    cr_assert_not(saw("error"));
    turn();
    cr_assert_eq(world.err, ERR_UPSTREAM_IN_BAND);
}

Test(race, an_error_event_before_content_is_a_failure_like_others)
{
    race_stream();
    comes(FIRST, ROLE BREAKS);
    turn();
    cr_assert_eq(world.errors.len, 0);
    cr_assert_eq(world.seen.len, 0);
    cr_assert_eq(world.err, ERR_UPSTREAM_IN_BAND);
}

/* A comment line as large as half of what is held. */
static const char *much(void)
{
    static char text[RACE_HELD_BYTES / 2 + 4];

    memset(text, 'x', sizeof(text) - 1);
    text[0] = ':';
    memcpy(text + sizeof(text) - 3, "\n\n", 2);
    return text;
}

Test(race, more_silence_than_can_be_held_is_passed_on)
{
    race_stream();
    comes(FIRST, much());
    cr_assert_eq(world.seen.len, 0);
    comes(FIRST, much());
    cr_assert_eq(world.seen.len, 2 * strlen(much()));
    comes(FIRST, SAYS("hi") FINISH DONE);
    ends(FIRST, OK);
}

Test(race, what_is_held_whole_is_read_at_the_end)
{
    world.call.hold_all = true;
    race_stream();
    comes(FIRST, ROLE SAYS("hi"));
    comes(FIRST, much());
    comes(FIRST, much());
    comes(FIRST, FINISH DONE);
    ends(FIRST, OK);
    cr_assert_eq(world.seen.len, 0);
    cr_assert_not(world.race.committed);
    cr_assert(has(&world.race.held, "hi"));
    cr_assert(has(&world.race.held, "[DONE]"));
}

Test(race, what_is_held_whole_may_still_fail_unseen)
{
    world.call.hold_all = true;
    race_stream();
    comes(FIRST, SAYS("hi") BREAKS);
    turn();
    cr_assert_eq(world.seen.len + world.errors.len, 0);
    cr_assert_eq(world.err, ERR_UPSTREAM_IN_BAND);
}

/* ---- when there is a second ------------------------------------------------------------------ */

Test(race, a_first_that_shows_nothing_is_joined_by_a_second_elsewhere)
{
    race_stream();
    comes(FIRST, ROLE);
    pass_ms(9);
    cr_assert_eq(world.called, 1);
    pass_ms(1);
    cr_assert_eq(world.called, 2);
    cr_assert_str_neq(world.lines[FIRST].url, world.lines[SECOND].url);
    cr_assert_eq(in_flight(), 2);
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
    ends(SECOND, ERR_UPSTREAM_UNREACHABLE);
}

Test(race, who_may_not_have_a_second_has_none)
{
    world.call.may_hedge = false;
    race_stream();
    pass_ms(100);
    cr_assert_eq(world.called, 1);
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
}

Test(race, where_a_second_would_be_too_much_there_is_none_and_why_is_counted)
{
    world.call.no_second = "refused_cost";
    race_stream();
    pass_ms(100);
    cr_assert_eq(world.called, 1);
    cr_assert_eq(in_flight(), 1);
    cr_assert_eq(hedges("refused_cost"), 1);
    cr_assert(pool_may_hedge(world.upstream->pool), "the share was spent in vain");
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
}

Test(race, where_content_came_in_time_there_is_no_second)
{
    race_stream();
    comes(FIRST, SAYS("hi"));
    pass_ms(100);
    cr_assert_eq(world.called, 1);
    comes(FIRST, FINISH DONE);
    ends(FIRST, OK);
}

Test(race, a_share_that_is_used_up_gives_no_second)
{
    world.upstream->hedge.at_most = 0.5;
    race_stream();
    pass_ms(100);
    cr_assert_eq(world.called, 1);
    cr_assert_eq(in_flight(), 1);
    cr_assert_eq(hedges("refused_share"), 1);
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
}

Test(race, where_nobody_else_has_room_there_is_no_second)
{
    struct permit_seat other = { 0 };
    struct permit_wish wish = { .never_waits = true };

    world.upstream->max_in_flight = 1;
    race_stream();
    cr_assert_eq(permit_ask(&other, world.upstream->pool, &fake_loop, &wish, NULL),
                 PERMIT_HELD);
    pass_ms(100);
    cr_assert_eq(world.called, 1);
    cr_assert_eq(hedges("refused_room"), 1);
    cr_assert(pool_may_hedge(world.upstream->pool), "the share was spent in vain");
    permit_leave(&other);
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
}

static void spend_arena(void)
{
    world.arena.budget = world.arena.used > 0 ? world.arena.used : 1;
    world.arena.left = 0;
}

Test(race, where_the_arena_is_spent_there_is_no_second_and_its_share_is_left)
{
    race_stream();
    spend_arena();
    pass_ms(100);
    cr_assert_eq(world.called, 1);
    cr_assert_eq(in_flight(), 1);
    cr_assert_eq(hedges("refused_room"), 1);
    cr_assert(pool_may_hedge(world.upstream->pool), "the share was spent in vain");
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
}

Test(race, an_endpoint_is_not_asked_twice)
{
    world.call.wish.tried = 2; /* the other one, for this request */
    race_stream();
    pass_ms(100);
    cr_assert_eq(world.called, 1);
    cr_assert_eq(hedges("refused_room"), 1);
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
}

Test(race, a_first_that_has_failed_is_its_owners_to_try_again)
{
    race_stream();
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
    cr_assert_eq(world.ended, 1);
    pass_ms(100);
    cr_assert_eq(world.called, 1);
}

/* ---- who wins -------------------------------------------------------------------------------- */

Test(race, the_second_wins_with_its_first_content)
{
    race_stream();
    comes(FIRST, ROLE);
    hedge();
    comes(SECOND, SAYS("two"));
    cr_assert(world.lines[FIRST].called_off);
    comes(FIRST, SAYS("one"));
    turn();
    cr_assert_eq(world.ended, 0);
    cr_assert_eq(in_flight(), 1);
    comes(SECOND, FINISH DONE);
    ends(SECOND, OK);
    cr_assert_eq(world.err, OK);
    cr_assert_not(saw("one"));
    cr_assert_not(saw("role"), "what the loser held was shown");
    cr_assert_eq(world.race.lead, world.race.second);
    cr_assert_eq(hedges("won"), 1);
}

Test(race, what_the_winner_held_is_shown)
{
    race_stream();
    hedge();
    comes(SECOND, ROLE);
    comes(SECOND, SAYS("two"));
    cr_assert(str_starts(buf_str(&world.seen), STR(ROLE)));
    cr_assert(saw("two"));
    comes(SECOND, FINISH DONE);
    ends(SECOND, OK);
    turn();
}

Test(race, the_first_wins_though_it_was_slow)
{
    race_stream();
    comes(FIRST, ROLE);
    hedge();
    comes(SECOND, ROLE);
    comes(FIRST, SAYS("one"));
    cr_assert(world.lines[SECOND].called_off);
    comes(FIRST, FINISH DONE);
    ends(FIRST, OK);
    cr_assert_eq(world.ended, 0, "the second has not ended");
    turn();
    cr_assert_eq(world.ended, 1);
    cr_assert_eq(world.err, OK);
    cr_assert_eq(world.race.lead, &world.race.first);
    cr_assert_eq(hedges("lost"), 1);
}

Test(race, bytes_of_the_winner_flow_before_the_loser_has_ended)
{
    race_stream();
    hedge();
    comes(SECOND, SAYS("two"));
    cr_assert(saw("two"));
    cr_assert_not_null(world.lines[FIRST].fetch);
    turn();
    comes(SECOND, FINISH DONE);
    ends(SECOND, OK);
}

Test(race, of_plain_answers_the_first_whole_one_wins)
{
    race_plain();
    hedge();
    comes(FIRST, BODY("one"));
    comes(SECOND, BODY("two"));
    ends(SECOND, OK);
    cr_assert_eq(world.ended, 0);
    turn();
    cr_assert_eq(world.ended, 1);
    cr_assert_eq(world.err, OK);
    cr_assert(has(&world.race.lead->body, "two"));
    cr_assert_eq(hedges("won"), 1);
}

Test(race, who_fails_leaves_it_to_the_other)
{
    race_plain();
    hedge();
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
    cr_assert_eq(world.ended, 0);
    comes(SECOND, BODY("two"));
    ends(SECOND, OK);
    cr_assert_eq(world.err, OK);
    cr_assert(has(&world.race.lead->body, "two"));
}

static void refuses(int at, long status)
{
    heads(at, status);
    ends(at, OK);
}

Test(race, a_second_that_fails_leaves_it_to_the_first)
{
    race_stream();
    hedge();
    refuses(SECOND, 503);
    cr_assert_eq(world.ended, 0);
    comes(FIRST, SAYS("one") FINISH DONE);
    ends(FIRST, OK);
    cr_assert_eq(world.err, OK);
    cr_assert_eq(hedges("lost"), 1);
}

static void assert_both_failed(enum err err, const struct attempt *lead)
{
    cr_assert_eq(world.err, err);
    cr_assert_eq(world.race.lead, lead);
    cr_assert_eq(hedges("failed"), 1);
}

Test(race, when_both_fail_the_last_one_is_told)
{
    race_stream();
    hedge();
    refuses(SECOND, 503);
    refuses(FIRST, 500);
    assert_both_failed(ERR_UPSTREAM_STATUS, &world.race.first);
}

Test(race, who_refuses_the_request_itself_has_answered_for_both)
{
    race_stream();
    hedge();
    pass_ms(50);
    refuses(SECOND, 400);
    cr_assert(world.lines[FIRST].called_off);
    turn();
    cr_assert_eq(world.err, ERR_UPSTREAM_REFUSED);
    cr_assert_eq(world.race.lead, world.race.second);
    cr_assert_eq(numbers_of(FIRST).latency_s, 0, "to work takes longer than to refuse");
}

Test(race, a_refusal_of_the_request_is_told_though_the_other_failed_before)
{
    race_stream();
    hedge();
    refuses(FIRST, 500);
    refuses(SECOND, 400);
    cr_assert_eq(world.err, ERR_UPSTREAM_REFUSED);
    cr_assert_eq(world.race.lead, world.race.second);
}

Test(race, when_both_fail_the_one_that_may_have_been_worked_on_is_told)
{
    race_stream();
    hedge();
    heads(FIRST, 200);
    ends(FIRST, ERR_UPSTREAM_TRUNCATED);
    refuses(SECOND, 503);
    assert_both_failed(ERR_UPSTREAM_TRUNCATED, &world.race.first);
}

Test(race, when_both_fail_one_that_was_seen_is_told_rather_than_one_that_was_not)
{
    race_stream();
    hedge();
    refuses(SECOND, 503);
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
    assert_both_failed(ERR_UPSTREAM_STATUS, world.race.second);
}

Test(race, the_winners_headers_are_there_when_the_loser_has_ended)
{
    const struct fetch_kept *kept;

    race_plain();
    hedge();
    comes(SECOND, BODY("two"));
    ends(SECOND, OK);
    turn();
    cr_assert_eq(world.ended, 1);
    kept = world.race.lead->fetch.kept;
    cr_assert(kept && kept->count == 1);
    cr_assert(str_eq(kept->lines[0].name, STR("x-request-id")));
    cr_assert(str_eq(kept->lines[0].value, STR("second")));
}

Test(race, where_the_arena_is_spent_no_headers_are_there_rather_than_others)
{
    race_plain();
    hedge();
    spend_arena();
    comes(SECOND, BODY("two"));
    ends(SECOND, OK);
    turn();
    cr_assert_eq(world.race.lead->fetch.kept->count, 0);
}

Test(race, a_winner_that_breaks_off_is_not_followed_by_the_loser)
{
    race_stream();
    hedge();
    comes(SECOND, SAYS("two"));
    ends(SECOND, ERR_UPSTREAM_TRUNCATED);
    turn();
    cr_assert_eq(world.err, ERR_UPSTREAM_TRUNCATED);
    cr_assert_eq(world.race.lead, world.race.second);
}

Test(race, with_all_held_the_first_content_wins_as_well)
{
    world.call.hold_all = true;
    race_stream();
    comes(FIRST, ROLE);
    hedge();
    comes(SECOND, SAYS("two"));
    cr_assert(world.lines[FIRST].called_off);
    comes(SECOND, FINISH DONE);
    ends(SECOND, OK);
    turn();
    cr_assert_eq(world.seen.len, 0);
    cr_assert(has(&world.race.held, "two"));
    cr_assert_not(has(&world.race.held, "role"));
}

Test(race, a_whole_stream_that_outgrows_what_is_held_behind_its_end_has_failed)
{
    world.call.hold_all = true;
    race_stream();
    comes(FIRST, SAYS("hi") FINISH DONE);
    world.race.held.most = world.race.held.len;
    comes(FIRST, ": and more\n\n");
    turn();
    cr_assert_eq(world.err, ERR_UPSTREAM_MALFORMED);
}

Test(race, a_stream_that_outgrows_what_is_held_has_failed)
{
    world.call.hold_all = true;
    race_stream();
    comes(FIRST, SAYS("hi"));
    world.race.held.most = world.race.held.len;
    comes(FIRST, FINISH DONE);
    turn();
    cr_assert_eq(world.err, ERR_UPSTREAM_MALFORMED);
}

Test(race, who_outgrows_what_is_held_before_the_other_wins_does_not_spoil_its_answer)
{
    world.call.hold_all = true;
    race_stream();
    hedge();
    world.race.held.most = 1;
    comes(FIRST, ROLE);
    turn();
    comes(SECOND, SAYS("two") FINISH DONE);
    ends(SECOND, OK);
    cr_assert_eq(world.err, OK);
    cr_assert(has(&world.race.held, "two"));
}

/* ---- what it cost --------------------------------------------------------------------------- */

Test(race, calls_that_may_have_been_seen_are_counted)
{
    race_stream();
    cr_assert_eq(race_sent(&world.race), 0);
    heads(FIRST, 200);
    cr_assert_eq(race_sent(&world.race), 1);
    hedge();
    heads(SECOND, 200);
    cr_assert_eq(race_sent(&world.race), 2);
    ends(FIRST, ERR_UPSTREAM_TRUNCATED);
    cr_assert_eq(race_sent(&world.race), 2);
    ends(SECOND, ERR_UPSTREAM_TRUNCATED);
    cr_assert_eq(world.race.sent, 2);
}

Test(race, a_loser_that_was_seen_is_told)
{
    race_stream();
    hedge();
    comes(FIRST, ROLE USAGE);
    comes(SECOND, SAYS("two") FINISH DONE);
    ends(SECOND, OK);
    turn();
    cr_assert_eq(race_loser(&world.race), &world.race.first);
    cr_assert_eq(race_loser(&world.race)->tap.answer.completion_tokens, 4);
}

Test(race, the_other_call_is_known_whether_it_was_seen_or_not)
{
    race_stream();
    cr_assert_null(race_other(&world.race));
    hedge();
    cr_assert_eq(race_other(&world.race), world.race.second);
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
    ends(SECOND, ERR_UPSTREAM_UNREACHABLE);
    cr_assert_eq(race_other(&world.race), &world.race.first);
}

Test(race, a_loser_that_nobody_saw_is_not_told)
{
    race_stream();
    hedge();
    comes(SECOND, SAYS("two") FINISH DONE);
    ends(SECOND, OK);
    turn();
    cr_assert_null(race_loser(&world.race));
}

/* ---- a full owner ---------------------------------------------------------------------------- */

Test(race, a_full_owner_pauses_both)
{
    race_stream();
    hedge();
    race_pause(&world.race);
    cr_assert(world.lines[FIRST].paused && world.lines[SECOND].paused);
    race_resume(&world.race);
    cr_assert_not(world.lines[FIRST].paused || world.lines[SECOND].paused);
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
    race_pause(&world.race);
    ends(SECOND, ERR_UPSTREAM_UNREACHABLE);
}

Test(race, the_second_of_a_full_owner_begins_paused)
{
    race_stream();
    race_pause(&world.race);
    hedge();
    cr_assert(world.lines[SECOND].paused);
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
    ends(SECOND, ERR_UPSTREAM_UNREACHABLE);
}

/* ---- calling off ----------------------------------------------------------------------------- */

static void call_off(enum err why)
{
    race_cancel(&world.race, why);
    cr_assert_eq(world.ended, 0, "called back from inside");
    turn();
    cr_assert_eq(world.ended, 1);
}

Test(race, it_is_called_off_while_one_runs)
{
    race_stream();
    call_off(ERR_DEADLINE);
    cr_assert_eq(world.err, ERR_DEADLINE);
    pass_ms(100);
    cr_assert_eq(world.called, 1);
}

Test(race, it_is_called_off_while_both_run)
{
    race_stream();
    hedge();
    call_off(ERR_CANCELLED);
    cr_assert_eq(world.err, ERR_CANCELLED);
    cr_assert_eq(hedges("cancelled"), 1);
    cr_assert_eq(hedges("failed"), 0);
}

Test(race, it_is_called_off_after_one_has_failed)
{
    race_stream();
    hedge();
    ends(FIRST, ERR_UPSTREAM_UNREACHABLE);
    call_off(ERR_DEADLINE);
    cr_assert_eq(world.err, ERR_DEADLINE);
}

Test(race, it_is_called_off_before_the_loser_has_ended)
{
    race_stream();
    hedge();
    comes(SECOND, SAYS("two"));
    call_off(ERR_DEADLINE);
    cr_assert_eq(world.err, ERR_DEADLINE);
    cr_assert_eq(world.race.lead, world.race.second);
}

Test(race, it_is_called_off_between_the_winners_end_and_the_losers)
{
    race_plain();
    hedge();
    comes(FIRST, BODY("one"));
    ends(FIRST, OK);
    call_off(ERR_CANCELLED);
    cr_assert_eq(world.err, OK);
}

Test(race, a_whole_stream_is_whole_although_it_is_called_off)
{
    race_stream();
    comes(FIRST, SAYS("hi") FINISH DONE);
    call_off(ERR_CANCELLED);
    cr_assert_eq(world.err, OK);
}

Test(race, nothing_is_shown_after_it_was_called_off)
{
    race_stream();
    race_cancel(&world.race, ERR_CANCELLED);
    comes(FIRST, SAYS("hi"));
    cr_assert_eq(world.seen.len, 0);
    turn();
}
