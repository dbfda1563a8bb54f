/* Bytes and many small loops: a text of `size` bytes cut into words, numbers and strings, again and again. */
#include "kernel.h"

static u8 text[1 << 15];

static void write(u32 size) {
    static const u8 some[] = "alpha 12 \"a string\" beta_2(3.25, x) /* note */ {key: -7e3} if else while\n";
    for (u32 n = 0; n < size; n++) text[n] = some[(n + n / 331) % (sizeof some - 1)];
}

static u32 letter(u8 c) { return (u8)((c | 32) - 'a') < 26 || c == '_'; }
static u32 digit(u8 c) { return (u8)(c - '0') < 10; }

APART static u32 scan(u32 size) {
    u32 sum = 0, at = 0;
    while (at < size) {
        u32 start = at, kind;
        u8 c = text[at++];
        switch (c) {
        case ' ': case '\n': case '\t':
            while (at < size && (text[at] == ' ' || text[at] == '\n')) at++;
            continue;
        case '"':
            while (at < size && text[at] != '"') at++;
            at++, kind = 1;
            break;
        case '/':
            if (at < size && text[at] == '*') {
                while (at + 1 < size && (text[at] != '*' || text[at + 1] != '/')) at++;
                at += 2;
                continue;
            }
            kind = 2;
            break;
        case '(': case ')': case '{': case '}': kind = 3; break;
        case ',': case ':': case '-': kind = 4; break;
        default:
            kind = 5;
            if (letter(c)) {
                u32 name = c;
                while (at < size && (letter(text[at]) || digit(text[at]))) name = name * 31 + text[at++];
                kind = name;
            } else if (digit(c)) {
                while (at < size && (digit(text[at]) || text[at] == '.' || text[at] == 'e')) at++;
                kind = 6;
            }
        }
        sum = mix(sum, kind ^ (at - start) << 24);
    }
    return sum;
}

APART static u32 lexer(u32 size) {
    u32 sum = 0, part = size < sizeof text ? size : sizeof text;
    write(part);
    for (u32 done = 0; done < size; done += part) {
        sum = mix(sum, scan(part));
        text[sum % part] = ';';
    }
    return sum;
}

KERNEL(lexer, 1 << 19, 200)
