/* SPDX-License-Identifier: Apache-2.0 */
#include "dice.h"

__extension__ typedef unsigned __int128 wide;

static uint64_t mix_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void dice_init(struct dice *d, uint64_t seed, uint64_t stream)
{
    uint64_t state = mix_next(&seed) ^ stream;

    for (int i = 0; i < 4; i++)
        d->state[i] = mix_next(&state);
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

uint64_t dice_throw(struct dice *d)
{
    uint64_t *s = d->state, out = rotate(s[0] + s[3], 23) + s[0], t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return out;
}

uint64_t dice_below(struct dice *d, uint64_t limit)
{
    return (uint64_t)((wide)dice_throw(d) * limit >> 64);
}
