/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/digest.h"

#include <criterion/criterion.h>
#include <pthread.h>

static const char *hex_of(struct str s)
{
    static char hex[DIGEST_HEX];
    struct digest d;

    digest_of(&d, s);
    digest_hex(&d, hex);
    return hex;
}

Test(digest, the_standards_examples_come_out, .timeout = 5)
{
    cr_assert_str_eq(hex_of(STR("abc")),
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    cr_assert_str_eq(hex_of(str_of(NULL)),
                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    cr_assert_str_eq(hex_of(STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
                     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

Test(digest, pieces_give_the_digest_of_the_whole, .timeout = 5)
{
    struct digest whole, pieces;

    digest_start();
    digest_add(STR("a"));
    digest_of(&whole, STR("abc")); /* may stand between */
    digest_add(STR("bc"));
    digest_end(&pieces);
    cr_assert(digest_eq(&whole, &pieces));
}

Test(digest, parts_cannot_run_together, .timeout = 5)
{
    struct digest a, b;

    digest_start();
    digest_add_part(STR("ab"));
    digest_add_part(STR("c"));
    digest_end(&a);
    digest_start();
    digest_add_part(STR("a"));
    digest_add_part(STR("bc"));
    digest_end(&b);
    cr_assert_not(digest_eq(&a, &b));
}

Test(digest, a_number_is_eight_bytes_little_end_first, .timeout = 5)
{
    struct digest number, bytes;

    digest_start();
    digest_add_u64(0x0102030405060708);
    digest_end(&number);
    digest_of(&bytes, STR("\x08\x07\x06\x05\x04\x03\x02\x01"));
    cr_assert(digest_eq(&number, &bytes));
}

Test(digest, hexadecimal_reads_back_in_either_case, .timeout = 5)
{
    struct digest d, read;
    char hex[DIGEST_HEX];

    digest_of(&d, STR("abc"));
    digest_hex(&d, hex);
    cr_assert(digest_from_hex(&read, str_of(hex)) && digest_eq(&d, &read));
    hex[0] = 'B';
    cr_assert(digest_from_hex(&read, str_of(hex)) && digest_eq(&d, &read));
}

Test(digest, anything_but_64_digits_is_refused, .timeout = 5)
{
    struct digest d;
    char hex[DIGEST_HEX];

    digest_of(&d, STR("abc"));
    digest_hex(&d, hex);
    cr_assert_not(digest_from_hex(&d, str_cut(str_of(hex), 0, 63)));
    hex[63] = 'g';
    cr_assert_not(digest_from_hex(&d, str_of(hex)));
    cr_assert_not(digest_from_hex(&d, STR("")));
}

Test(digest, random_bytes_differ, .timeout = 5)
{
    uint64_t a[4], b[4];

    digest_random(a, sizeof(a));
    digest_random(b, sizeof(b));
    cr_assert_neq(memcmp(a, b, sizeof(a)), 0);
}

static void *hash_here(void *out)
{
    digest_of(out, STR("abc"));
    return NULL;
}

Test(digest, a_thread_leaves_nothing_behind, .timeout = 5)
{
    struct digest here, there;
    pthread_t thread;

    hash_here(&here);
    cr_assert_eq(pthread_create(&thread, NULL, hash_here, &there), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0); /* the leak checker looks after the test */
    cr_assert(digest_eq(&here, &there));
    cr_assert_eq(digest_word(&here), digest_word(&there));
}
