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

static void expect_hmac(struct str key, struct str text, const char *expected)
{
    char hex[DIGEST_HEX];
    struct digest d;

    digest_hmac(&d, key, text);
    digest_hex(&d, hex);
    cr_assert_str_eq(hex, expected);
}

static struct str repeated(char c, size_t n)
{
    static char bytes[2][160];
    static unsigned turn;
    char *at = bytes[turn++ % 2];

    memset(at, c, n);
    return (struct str){ at, n };
}

Test(digest, an_hmac_is_that_of_rfc_4231, .timeout = 5)
{
    expect_hmac(repeated(0x0b, 20), STR("Hi There"),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    expect_hmac(STR("Jefe"), STR("what do ya want for nothing?"),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    expect_hmac(repeated((char)0xaa, 20), repeated((char)0xdd, 50),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    expect_hmac(STR("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
                    "\x11\x12\x13\x14\x15\x16\x17\x18\x19"),
                repeated((char)0xcd, 50),
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    expect_hmac(repeated((char)0xaa, 131),
                STR("Test Using Larger Than Block-Size Key - Hash Key First"),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    expect_hmac(repeated((char)0xaa, 131),
                STR("This is a test using a larger than block-size key and a larger than "
                    "block-size data. The key needs to be hashed before being used by the HMAC "
                    "algorithm."),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

Test(digest, an_hmac_of_nothing_by_nothing_is_one_too, .timeout = 5)
{
    expect_hmac(str_of(NULL), str_of(NULL),
                "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
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
