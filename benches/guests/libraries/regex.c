/* PCRE2, without its compiler to machine code: five expressions over a text of `size` bytes. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <stdlib.h>
#include <string.h>
#include "../kernels/kernel.h"
#include "pcre2.h"

static const char *const expressions[] = {
    "\\b(\\w+)@(\\w+)\\.(com|org)\\b",
    "(?i)error[^:\n]*: (?<code>\\d{3,})",
    "\\b(\\d{1,3})(?:\\.\\d{1,3}){3}\\b",
    "(?m)^\\s*#.*$",
    "(?:a+b?)+c|\\p{Lu}\\p{Ll}+(?= \\p{Lu})",
};
static const char some[] =
    "# the log of the day\nJane Doe <jane_doe@example.org> asks for 10.0.12.254, twice\n"
    "Error in line 7: 40312 aabaaabaab aaaac\n   # nothing\nwords, words and numbers 12 345.6 more text that says little\n";

APART static u32 regex(u32 size) {
    char *text = malloc(size);
    u32 sum = 0;
    for (u32 n = 0; n < size; n++) text[n] = some[(n + n / 997) % (sizeof some - 1)];
    for (u32 which = 0; which < sizeof expressions / sizeof *expressions; which++) {
        int error;
        PCRE2_SIZE at = 0, where;
        pcre2_code *code = pcre2_compile((PCRE2_SPTR)expressions[which], PCRE2_ZERO_TERMINATED, PCRE2_UTF, &error, &where, 0);
        pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, 0);
        while (at < size && pcre2_match(code, (PCRE2_SPTR)text, size, at, PCRE2_NO_UTF_CHECK, data, 0) > 0) {
            PCRE2_SIZE *found = pcre2_get_ovector_pointer(data);
            sum = mix(mix(sum, (u32)found[0]), (u32)found[1]);
            at = found[1] > at ? found[1] : at + 1;
        }
        pcre2_match_data_free(data);
        pcre2_code_free(code);
    }
    free(text);
    return sum;
}

KERNEL(regex, 60000, 300)
