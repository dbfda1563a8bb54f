/* yyjson: writes a document with `size` records, reads it, changes it and writes it again, three times. */
#include <string.h>
#include "../kernels/kernel.h"
#include "yyjson.h"

static char *document(u32 size, size_t *length) {
    yyjson_mut_doc *doc = yyjson_mut_doc_new(0);
    yyjson_mut_val *all = yyjson_mut_arr(doc);
    u32 state = 1;
    yyjson_mut_doc_set_root(doc, all);
    for (u32 n = 0; n < size; n++) {
        yyjson_mut_val *one = yyjson_mut_arr_add_obj(doc, all);
        yyjson_mut_val *tags = yyjson_mut_arr(doc);
        char name[16] = "name \"\xc3\xa9\" ";
        name[11] = (char)('a' + n % 26);
        yyjson_mut_obj_add_uint(doc, one, "id", next(&state));
        yyjson_mut_obj_add_strcpy(doc, one, "name", name);
        yyjson_mut_obj_add_real(doc, one, "share", (next(&state) & 0xffff) / 1024.0);
        yyjson_mut_obj_add_bool(doc, one, "is_new", n & 1);
        yyjson_mut_obj_add_val(doc, one, "tags", tags);
        for (u32 m = 0; m < n % 7; m++) yyjson_mut_arr_add_int(doc, tags, -(int)(next(&state) & 0x3ff));
    }
    char *text = yyjson_mut_write(doc, YYJSON_WRITE_PRETTY, length);
    yyjson_mut_doc_free(doc);
    return text;
}

APART static u32 json(u32 size) {
    size_t length;
    char *text = document(size, &length);
    u32 sum = 0;
    for (u32 turn = 0; turn < 3; turn++) {
        yyjson_doc *read = yyjson_read(text, length, 0);
        yyjson_val *one;
        size_t at, most;
        double shares = 0;
        yyjson_arr_foreach(yyjson_doc_get_root(read), at, most, one) {
            shares += yyjson_get_real(yyjson_obj_get(one, "share"));
            sum = mix(sum, (u32)yyjson_get_uint(yyjson_obj_get(one, "id")));
            sum = mix(sum, (u32)yyjson_arr_size(yyjson_obj_get(one, "tags")));
        }
        yyjson_mut_doc *copy = yyjson_doc_mut_copy(read, 0);
        yyjson_mut_arr_rotate(yyjson_mut_doc_get_root(copy), 1);
        yyjson_doc_free(read);
        free(text);
        text = yyjson_mut_write(copy, 0, &length);
        yyjson_mut_doc_free(copy);
        sum = mix(mix(sum, (u32)(shares * 1024)), (u32)length);
    }
    for (size_t n = 0; n < length; n++) sum = sum * 31 + (u8)text[n];
    free(text);
    return sum;
}

KERNEL(json, 2000, 3)
