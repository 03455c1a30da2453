/* SPDX-License-Identifier: Apache-2.0 */
#include "lease.h"

#include "record.h"
#include "weir/base/clock.h"

#include <string.h>

/*
 * Whatever a server may refuse (a write while it is full or a replica, a channel that is not
 * allowed) is called in a way that lets the rest of its step go on: a look-up still finds its
 * answer, and a landing still gives the lease back. A lease that somebody has overwritten with
 * another type of value is none: it is nobody's, and the next who asks writes its own.
 */

/* clang-format off */

/* The keys of each: 1 the flight, 2 its tape, 3 its followers; but here 3 is the answer. */
#define TAKE_TEXT \
    "local answer = redis.pcall('HMGET', KEYS[3], 'created_ms', 'fresh_ms')\n" \
    "local made, fresh = tonumber(answer[1]), tonumber(answer[2])\n" \
    "if made and fresh and made + fresh > tonumber(ARGV[3])\n" \
    "   and made >= tonumber(ARGV[4]) then\n" \
    "  return 0\n" \
    "end\n" \
    "local took = redis.pcall('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])\n" \
    "if not took then\n" \
    "  local by = redis.pcall('GET', KEYS[1])\n" \
    "  if type(by) == 'table' and string.find(by.err, 'WRONGTYPE', 1, true) then\n" \
    "    took = redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n" \
    "  end\n" \
    "end\n" \
    "if took and not took.ok then return 0 end\n" \
    "if took then\n" \
    "  redis.pcall('UNLINK', KEYS[2])\n" \
    "  return -1\n" \
    "end\n" \
    "local left = redis.call('PTTL', KEYS[1])\n" \
    "if left < 0 then\n" \
    "  redis.call('PEXPIRE', KEYS[1], ARGV[2])\n" \
    "  left = tonumber(ARGV[2])\n" \
    "end\n" \
    "return math.max(left, 1)\n"

#define TAKE_SHA1 "f572b8a91b8dc350bf5a65cb52b7f40b992ea138"

static const char renew_text[] =
    "local by = redis.pcall('GET', KEYS[1])\n"
    "local held = type(by) == 'string'\n"
    "if held and by ~= ARGV[1] then return 0 end\n"
    "if held then redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"
    "else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end\n"
    "redis.call('PEXPIRE', KEYS[2], ARGV[3])\n"
    "return held and 1 or 2\n";

static const char write_text[] =
    "if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n"
    "if ARGV[6] == 'first' then redis.call('DEL', KEYS[2])\n"
    "elseif redis.call('EXISTS', KEYS[2]) == 0 then return 0 end\n"
    "redis.call('XADD', KEYS[2], '*', 'by', ARGV[2], ARGV[7], ARGV[8])\n"
    "redis.call('PEXPIRE', KEYS[2], ARGV[3])\n"
    "redis.pcall('PUBLISH', ARGV[4], ARGV[5])\n"
    "return 1\n";

/* Where nobody leads there is nobody to know of it. */
static const char follow_text[] =
    "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end\n"
    "redis.call('SADD', KEYS[3], ARGV[1])\n"
    "redis.call('PEXPIRE', KEYS[3], ARGV[2])\n"
    "return 1\n";

/* An end that lacks the bytes before it is not whole. */
static const char land_text[] =
    "local by = redis.pcall('GET', KEYS[1])\n"
    "local ours = by == ARGV[1]\n"
    "if type(by) == 'table' then ours = string.find(by.err, 'WRONGTYPE', 1, true) end\n"
    "if ours then\n"
    "  redis.call('DEL', KEYS[1], KEYS[3])\n"
    "  if ARGV[8] ~= '' and redis.call('EXISTS', KEYS[2]) == 1 then\n"
    "    local id = ''\n"
    "    if ARGV[7] ~= '' then\n"
    "      id = redis.pcall('XADD', KEYS[2], '*', 'by', ARGV[2], 'b', ARGV[7])\n"
    "    end\n"
    "    local fate = type(id) == 'string' and ARGV[8] or 'broken'\n"
    "    redis.pcall('XADD', KEYS[2], '*', 'by', ARGV[2], 'end', fate)\n"
    "    redis.pcall('PEXPIRE', KEYS[2], ARGV[3])\n"
    "  end\n"
    "end\n"
    "if ours or ARGV[6] == 'good' then redis.pcall('PUBLISH', ARGV[4], ARGV[5]) end\n"
    "return ours and 1 or 0\n";
/* clang-format on */

/* ---- names --------------------------------------------------------------------------- */

struct keys {
    struct buf text;
    struct str flight;
    struct str tape;
    struct str followers;
};

/* Returns where it ends. */
static size_t put_key(struct buf *out, const struct lease_of *l, struct str kind)
{
    char hex[DIGEST_HEX];

    digest_hex(l->flight, hex);
    buf_put(out, l->prefix);
    buf_put(out, kind);
    buf_put_text(out, hex);
    return out->len;
}

static void name_keys(struct keys *out, const struct lease_of *l)
{
    size_t first, second, third;

    *out = (struct keys){ 0 };
    first = put_key(&out->text, l, STR("v1:flight:"));
    second = put_key(&out->text, l, STR("v1:tape:"));
    third = put_key(&out->text, l, STR("v1:followers:"));
    out->flight = str_cut(buf_str(&out->text), 0, first);
    out->tape = str_cut(buf_str(&out->text), first, second);
    out->followers = str_cut(buf_str(&out->text), second, third);
}

void lease_put_channel(struct buf *out, struct str prefix)
{
    buf_put(out, prefix);
    buf_put(out, STR("v1:landed"));
}

struct number {
    char text[STR_U64_BYTES];
};

static struct str number(struct number *room, uint64_t n)
{
    return (struct str){ room->text, str_put_u64(room->text, n) };
}

/* ---- the scripts --------------------------------------------------------------------- */

enum { MOST_ARGS = 8, HEAD_WORDS = 3, KEYS = 3 };

static void run(const struct lease_of *l, struct str script, const struct str *args,
                size_t count, struct redis_op *op, redis_fn *on_done)
{
    struct str words[HEAD_WORDS + KEYS + MOST_ARGS] = { STR("EVAL"), script, STR("3") };
    struct redis_command command = { words, HEAD_WORDS + KEYS + count };
    struct keys keys;

    name_keys(&keys, l);
    words[HEAD_WORDS] = keys.flight;
    words[HEAD_WORDS + 1] = keys.tape;
    words[HEAD_WORDS + 2] = keys.followers;
    memcpy(words + HEAD_WORDS + KEYS, args, count * sizeof(*args));
    redis_start(l->link, op, &command, 1, on_done);
    buf_deinit(&keys.text);
}

/* The answer does not pass through the script: copied into it and out again, a long one would
   keep the server six times as long. */
void lease_look_up(const struct lease_of *l, struct redis_op *op,
                   const struct lease_question *question, redis_fn *on_done)
{
    struct number lease, now, not_before;
    struct str fields[2 + RECORD_READ] = { STR("HMGET"), question->answer_key };
    struct keys keys;

    name_keys(&keys, l);
    record_names(fields + 2);
    redis_start(
        l->link, op,
        (struct redis_command[]){
            { &STR("MULTI"), 1 },
            { fields, 2 + RECORD_READ },
            { (struct str[]){ question->by_text ? STR("EVAL") : STR("EVALSHA"),
                              question->by_text ? STR(TAKE_TEXT) : STR(TAKE_SHA1), STR("3"),
                              keys.flight, keys.tape, question->answer_key, l->holder,
                              number(&lease, question->lease_ms), number(&now, clock_wall_ms()),
                              number(&not_before, question->not_before_ms) },
              10 },
            { &STR("EXEC"), 1 },
        },
        4, on_done);
    buf_deinit(&keys.text);
}

void lease_renew(const struct lease_of *l, uint64_t lease_ms, struct redis_op *op,
                 redis_fn *on_done)
{
    struct number lease, tape;
    struct str args[] = { l->holder, number(&lease, lease_ms), number(&tape, LEASE_TAPE_MS) };

    run(l, str_of(renew_text), args, 3, op, on_done);
}

/* Both that publish have the same arguments but for the last three. */
static void publish(const struct lease_of *l, const char *script, struct str *args,
                    struct str what, struct redis_op *op, redis_fn *on_done)
{
    char hex[DIGEST_HEX];
    struct buf channel = { 0 };
    struct buf news = { 0 };
    struct number tape;

    digest_hex(l->flight, hex);
    buf_put_printf(&news, "%s %.*s", hex, STR_ARG(what));
    lease_put_channel(&channel, l->prefix);
    args[0] = l->holder;
    args[2] = number(&tape, LEASE_TAPE_MS);
    args[3] = buf_str(&channel);
    args[4] = buf_str(&news);
    run(l, str_of(script), args, MOST_ARGS, op, on_done);
    buf_deinit(&channel);
    buf_deinit(&news);
}

void lease_write(const struct lease_of *l, const struct lease_piece *piece, struct redis_op *op,
                 redis_fn *on_done)
{
    struct str args[MOST_ARGS] = {
        [1] = piece->by,
        [5] = piece->first ? STR("first") : STR("next"),
        [6] = piece->over ? STR("end") : STR("b"),
        [7] = piece->over ? STR("over") : piece->bytes,
    };

    publish(l, write_text, args, STR("bytes"), op, on_done);
}

void lease_land(const struct lease_of *l, const struct lease_landing *landing)
{
    struct str args[MOST_ARGS] = {
        [1] = landing->by,
        [5] = landing->good ? STR("good") : STR(""),
        [6] = landing->bytes,
        [7] = landing->end,
    };

    publish(l, land_text, args, landing->news, NULL, NULL);
}

void lease_follow(const struct lease_of *l, uint64_t follow_ms)
{
    struct number follow;
    struct str args[] = { l->holder, number(&follow, follow_ms) };

    run(l, str_of(follow_text), args, 2, NULL, NULL);
}

/* ---- plain commands ------------------------------------------------------------------ */

static void send_followers(const struct lease_of *l, struct str word, struct str member,
                           struct redis_op *op, redis_fn *on_done)
{
    struct keys keys;

    name_keys(&keys, l);
    redis_start(l->link, op,
                &(struct redis_command){ (struct str[]){ word, keys.followers, member },
                                         member.len > 0 ? 3 : 2 },
                1, on_done);
    buf_deinit(&keys.text);
}

void lease_unfollow(const struct lease_of *l)
{
    send_followers(l, STR("SREM"), l->holder, NULL, NULL);
}

void lease_followed(const struct lease_of *l, struct redis_op *op, redis_fn *on_done)
{
    send_followers(l, STR("EXISTS"), (struct str){ 0 }, op, on_done);
}

void lease_check(const struct lease_of *l, struct redis_op *op, redis_fn *on_done)
{
    struct keys keys;

    name_keys(&keys, l);
    redis_start(l->link, op,
                (struct redis_command[]){
                    { &STR("MULTI"), 1 },
                    { (struct str[]){ STR("GET"), keys.flight }, 2 },
                    { (struct str[]){ STR("PTTL"), keys.flight }, 2 },
                    { &STR("EXEC"), 1 },
                },
                4, on_done);
    buf_deinit(&keys.text);
}

void lease_read(const struct lease_of *l, struct str last, struct redis_op *op,
                redis_fn *on_done)
{
    struct number count;
    struct buf from = { 0 };
    struct keys keys;

    name_keys(&keys, l);
    buf_put_printf(&from, last.len > 0 ? "(%.*s" : "-%.*s", STR_ARG(last));
    redis_start(l->link, op,
                &(struct redis_command){ (struct str[]){ STR("XRANGE"), keys.tape,
                                                         buf_str(&from), STR("+"), STR("COUNT"),
                                                         number(&count, LEASE_READ) },
                                         6 },
                1, on_done);
    buf_deinit(&from);
    buf_deinit(&keys.text);
}
