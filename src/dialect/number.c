/* SPDX-License-Identifier: Apache-2.0 */
#include "number.h"

#include <stdio.h>
#include <string.h>

/*
 * The form written is that of JavaScript's Number.toString, for exact decimals: plain from 1e-6
 * up to 21 digits before the point, else d.ddde±x. Zero has no sign. An exponent of more than
 * EXPONENT_DIGITS digits is not reckoned with: such a number is its own form.
 */

enum { EXPONENT_DIGITS = 9, PLAIN_DIGITS = 21, PLAIN_ZEROS = -6 };

/* Room for a sign, a point, leading or trailing zeros, and an exponent. */
enum { NUMBER_EXTRA = 40 };

static struct str drop_zeros_ahead(struct str s)
{
    size_t n = 0;

    while (n < s.len && s.at[n] == '0')
        n++;
    return str_cut(s, n, s.len);
}

static struct str drop_zeros_behind(struct str s)
{
    while (s.len > 0 && s.at[s.len - 1] == '0')
        s.len--;
    return s;
}

static struct str take_digits(struct str text, size_t *at)
{
    size_t from = *at;

    while (*at < text.len && text.at[*at] >= '0' && text.at[*at] <= '9')
        (*at)++;
    return str_cut(text, from, *at);
}

static bool take_exponent(struct str text, size_t *at, long *exponent)
{
    bool negative;
    struct str digits;

    *exponent = 0;
    if (*at >= text.len || (text.at[*at] != 'e' && text.at[*at] != 'E'))
        return true;
    (*at)++;
    negative = *at < text.len && text.at[*at] == '-';
    if (*at < text.len && (text.at[*at] == '-' || text.at[*at] == '+'))
        (*at)++;
    digits = drop_zeros_ahead(take_digits(text, at));
    if (digits.len > EXPONENT_DIGITS)
        return false;
    for (size_t i = 0; i < digits.len; i++)
        *exponent = *exponent * 10 + (digits.at[i] - '0');
    if (negative)
        *exponent = -*exponent;
    return true;
}

void number_read(struct number *n, struct str text)
{
    struct str whole, fraction = { "", 0 };
    size_t at = 0;
    long exponent;
    bool sane;

    *n = (struct number){ 0 };
    if (text.len > 0 && text.at[0] == '-') {
        n->negative = true;
        at = 1;
    }
    whole = take_digits(text, &at);
    n->plain_integer = at == text.len;
    if (at < text.len && text.at[at] == '.') {
        at++;
        fraction = take_digits(text, &at);
    }
    sane = take_exponent(text, &at, &exponent);

    fraction = drop_zeros_behind(fraction);
    whole = drop_zeros_ahead(whole);
    n->point = (long)whole.len;
    if (whole.len == 0) {
        size_t before = fraction.len;

        fraction = drop_zeros_ahead(fraction);
        n->point = -(long)(before - fraction.len);
    }
    if (fraction.len == 0)
        whole = drop_zeros_behind(whole);
    n->head = whole;
    n->tail = fraction;
    n->digits = whole.len + fraction.len;
    n->huge_exponent = !sane && n->digits > 0;
    n->point += exponent;
    if (n->digits == 0) {
        n->negative = false;
        n->point = 0;
    }
}

bool number_is(struct str text, unsigned digit)
{
    struct number n;

    number_read(&n, text);
    if (n.huge_exponent)
        return false;
    if (n.digits == 0)
        return digit == 0;
    return n.digits == 1 && n.point == 1 && !n.negative &&
           (n.head.len > 0 ? n.head : n.tail).at[0] == (char)('0' + digit);
}

/* Where the point is, also of exponents beyond any sense: they are all as large as can be. */
static long reach_of(const struct number *n, struct str text)
{
    enum { BEYOND = 2000000000 };

    if (!n->huge_exponent)
        return n->point;
    for (size_t i = 0; i + 1 < text.len; i++)
        if ((text.at[i] == 'e' || text.at[i] == 'E') && text.at[i + 1] == '-')
            return -BEYOND;
    return BEYOND;
}

bool number_is_whole(struct str text)
{
    struct number n;

    number_read(&n, text);
    return n.digits == 0 || reach_of(&n, text) >= (long)n.digits;
}

static int digit_at(const struct number *n, size_t i)
{
    if (i >= n->digits)
        return '0';
    return i < n->head.len ? n->head.at[i] : n->tail.at[i - n->head.len];
}

static int compare_sizes(const struct number *a, const struct number *b)
{
    for (size_t i = 0; i < a->digits || i < b->digits; i++)
        if (digit_at(a, i) != digit_at(b, i))
            return digit_at(a, i) - digit_at(b, i);
    return 0;
}

static int sign_of(const struct number *n)
{
    return n->digits == 0 ? 0 : n->negative ? -1 : 1;
}

int number_compare(struct str a, struct str b)
{
    struct number one, other;
    long reach, reach_other;
    int sign;

    number_read(&one, a);
    number_read(&other, b);
    sign = sign_of(&one);
    if (sign != sign_of(&other))
        return sign - sign_of(&other);
    reach = reach_of(&one, a);
    reach_other = reach_of(&other, b);
    if (reach != reach_other)
        return reach > reach_other ? sign : -sign;
    return sign * compare_sizes(&one, &other);
}

bool number_is_big(const struct number *n)
{
    static const char most[] = "9223372036854775807", least[] = "9223372036854775808";
    char digits[20];

    if (!n->plain_integer || n->digits == 0 || n->point < 19)
        return false;
    if (n->point > 19)
        return true;
    memset(digits, '0', sizeof(digits));
    memcpy(digits, n->head.at, n->head.len);
    return memcmp(digits, n->negative ? least : most, 19) > 0;
}

size_t number_room(struct str text)
{
    return text.len + NUMBER_EXTRA;
}

static size_t put(char *out, size_t len, struct str s)
{
    if (s.len > 0)
        memcpy(out + len, s.at, s.len);
    return len + s.len;
}

/* The digits [from, to). */
static size_t put_digits(char *out, size_t len, const struct number *n, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        out[len++] = i < n->head.len ? n->head.at[i] : n->tail.at[i - n->head.len];
    return len;
}

static size_t put_zeros(char *out, size_t len, long count)
{
    memset(out + len, '0', (size_t)count);
    return len + (size_t)count;
}

static size_t put_scientific(char *out, size_t len, const struct number *n)
{
    len = put_digits(out, len, n, 0, 1);
    if (n->digits > 1) {
        out[len++] = '.';
        len = put_digits(out, len, n, 1, n->digits);
    }
    return len + (size_t)snprintf(out + len, NUMBER_EXTRA / 2, "e%ld", n->point - 1);
}

size_t number_put(char *out, struct str text)
{
    struct number n;
    long digits;
    size_t len = 0;

    number_read(&n, text);
    digits = (long)n.digits;
    if (n.huge_exponent)
        return put(out, 0, text);
    if (digits == 0)
        return put(out, 0, STR("0"));
    if (n.negative)
        out[len++] = '-';
    if (n.point > PLAIN_DIGITS || n.point <= PLAIN_ZEROS)
        return put_scientific(out, len, &n);
    if (n.point <= 0) {
        len = put(out, len, STR("0."));
        len = put_zeros(out, len, -n.point);
        return put_digits(out, len, &n, 0, n.digits);
    }
    if (digits <= n.point) {
        len = put_digits(out, len, &n, 0, n.digits);
        return put_zeros(out, len, n.point - digits);
    }
    len = put_digits(out, len, &n, 0, (size_t)n.point);
    out[len++] = '.';
    return put_digits(out, len, &n, (size_t)n.point, n.digits);
}
