/* Runs one of the edge cases in this process. What they are is in cases.c.
 *
 *   edges LIBRARY list           a line for each case: its name, a tab, what it is expected to say
 *   edges LIBRARY engines        the engines of the library
 *   edges LIBRARY run CASE       what it says */
#include "edges.h"

Library x;
static Case *cases;
static char said[1 << 16];

void add_case(Case *added) {
  Case **last = &cases;
  while (*last != NULL) last = &(*last)->next;
  *last = added;
}

void say(const char *format, ...) {
  size_t length = strlen(said);
  if (length > 0 && length + 3 < sizeof said) {
    strcpy(said + length, "; ");
    length += 2;
  }
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(said + length, sizeof said - length, format, arguments);
  va_end(arguments);
}

/* Of a child: what it has said beyond its parent. */
static size_t before;
void forget_said(void) { before = strlen(said); }
void flush_said(int end) {
  const char *own = said + before;
  if (before > 0 && strncmp(own, "; ", 2) == 0) own += 2;
  if (write(end, own, strlen(own)) < 0) _exit(3);
}

const char *text(const char *text) { return text == NULL ? "NULL" : text; }

void pause_ms(long milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&time, NULL);
}

long thread_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

ExtismPlugin *plugin(const char *wasm) {
  char *why = NULL;
  ExtismPlugin *made = x.plugin_new(BYTES(wasm), NULL, 0, true, &why);
  if (made == NULL) {
    say("no plug-in: %s", text(why));
    x.plugin_new_error_free(why);
  }
  return made;
}

ExtismFunction *function(ExtismFunctionType body, void *data, ExtismFreeFunctionType free_data) {
  ExtismValType type = ExtismValType_I64;
  return x.function_new("host", &type, 1, &type, 1, body, data, free_data);
}

ExtismPlugin *hosted(ExtismFunctionType body, void *data) {
  char *why = NULL;
  ExtismFunction *host = function(body, data, NULL);
  const ExtismFunction *functions[] = {host};
  ExtismPlugin *made = x.plugin_new(BYTES(HOSTED), functions, 1, false, &why);
  if (made == NULL) say("no plug-in: %s", text(why));
  x.function_free(host);
  return made;
}

void ended(ExtismPlugin *plugin) {
  const char *error = x.plugin_error(plugin);
  int length = (int)x.plugin_output_length(plugin);
  const uint8_t *data = x.plugin_output_data(plugin);
  say("error %s, output %.*s", text(error), data == NULL ? 4 : length, data == NULL ? "NULL" : (const char *)data);
}

void call(ExtismPlugin *plugin, const char *name, const char *input) {
  say("code %d", x.plugin_call(plugin, name, (const uint8_t *)input, input == NULL ? 0 : strlen(input)));
  ended(plugin);
}

#define MEMORY                                                                                                         \
  "(import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))"                                      \
  "(import \"extism:host/env\" \"store_u8\" (func $store (param i64 i32)))"                                            \
  "(import \"extism:host/env\" \"load_u8\" (func $load (param i64) (result i32)))"                                     \
  "(import \"extism:host/env\" \"input_offset\" (func $input (result i64)))"                                           \
  "(import \"extism:host/env\" \"input_length\" (func $size (result i64)))"                                            \
  "(import \"extism:host/env\" \"length\" (func $length (param i64) (result i64)))"                                    \
  "(import \"extism:host/env\" \"output_set\" (func $output (param i64 i64)))"                                         \
  "(import \"extism:host/env\" \"error_set\" (func $error (param i64)))"                                               \
  "(import \"extism:host/env\" \"config_get\" (func $config (param i64) (result i64)))"                                \
  "(import \"extism:host/env\" \"log_error\" (func $log (param i64)))"

/* A block with the three letters that are given. */
#define LETTERS                                                                                                        \
  "(func $letters (param $a i32) (param $b i32) (param $c i32) (result i64) (local $p i64)"                            \
  "  (local.set $p (call $alloc (i64.const 3)))"                                                                       \
  "  (call $store (local.get $p) (local.get $a))"                                                                      \
  "  (call $store (i64.add (local.get $p) (i64.const 1)) (local.get $b))"                                              \
  "  (call $store (i64.add (local.get $p) (i64.const 2)) (local.get $c))"                                              \
  "  (local.get $p))"                                                                                                  \
  "(func $out (call $output (call $letters (i32.const 111) (i32.const 117) (i32.const 116)) (i64.const 3)))"           \
  "(func $fail (call $error (call $letters (i32.const 98) (i32.const 97) (i32.const 100))))"

const char PLAIN[] =
    "(module " MEMORY LETTERS
    "(global $calls (mut i32) (i32.const 0))"
    "(func (export \"noop\") (result i32) (i32.const 0))"
    "(func (export \"nothing\"))"
    "(func (export \"long\") (result i64) (call $out) (i64.const 5))"
    "(func (export \"double\") (result f64) (call $out) (f64.const 5))"
    "(func (export \"echo\") (result i32) (call $output (call $input) (call $size)) (i32.const 0))"
    "(func (export \"code\") (result i32) (call $out) (i32.const 5))"
    "(func (export \"said\") (result i32) (call $out) (call $fail) (i32.const 0))"
    "(func (export \"said_code\") (result i32) (call $out) (call $fail) (i32.const 7))"
    "(func (export \"said_trap\") (result i32) (call $out) (call $fail) unreachable)"
    "(func (export \"trap\") (result i32) (call $out) unreachable)"
    "(func (export \"nul\") (result i32) (call $error (call $letters (i32.const 98) (i32.const 0) (i32.const 100)))"
    "  (i32.const 1))"
    "(func (export \"spin\") (loop (br 0)))"
    "(func (export \"turns\") (local i32) (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1)))"
    "  (i32.const 1000)))))"
    "(func (export \"takes\") (param i32) (result i32) (local.get 0))"
    "(func (export \"count\") (result i32) (global.set $calls (i32.add (global.get $calls) (i32.const 1)))"
    "  (global.get $calls))"
    "(func (export \"config\") (local $v i64)"
    "  (local.set $v (call $config (call $letters (i32.const 107) (i32.const 101) (i32.const 121))))"
    "  (call $output (local.get $v) (call $length (local.get $v))))"
    "(func (export \"log\") (call $log (call $letters (i32.const 108) (i32.const 111) (i32.const 103))))"
    "(func (export \"deep\") (call $deep))"
    "(func $deep (call $deep) (call $deep)))";

const char HOSTED[] =
    "(module " MEMORY
    "(import \"extism:host/user\" \"host\" (func $host (param i64) (result i64)))"
    /* The result as a number, 0 to 9. */
    "(func (export \"run\") (result i32) (i32.wrap_i64 (call $host (call $input))))"
    /* The result as a block. */
    "(func (export \"block\") (result i32) (local $p i64) (local.set $p (call $host (call $input)))"
    "  (call $output (local.get $p) (call $length (local.get $p))) (i32.const 0))"
    "(func (export \"noop\") (result i32) (i32.const 0))"
    "(func (export \"loop\") (loop (drop (call $host (i64.const 0))) (br 0))))";

const char EXITING[] =
    "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
    "(memory (export \"memory\") 1)"
    "(func (export \"zero\") (call $exit (i32.const 0)))"
    "(func (export \"three\") (call $exit (i32.const 3))))";

const char BOUND[] =
    "{\"wasm\":[{\"data\":\"AGFzbQEAAAABBAFgAAADAgEABwgBBHNwaW4AAAoJAQcAA0AMAAsL\"}],\"timeout_ms\":100}";

static void find(const char *path) {
  void *library = dlopen(path, RTLD_NOW);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
  }
#define FIND(name) *(void **)&x.name = dlsym(library, "extism_" #name);
  FUNCTIONS(FIND)
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  find(arguments[1]);
  if (strcmp(arguments[2], "list") == 0) {
    for (Case *one = cases; one != NULL; one = one->next) printf("%s\t%s\n", one->name, one->expected);
    return 0;
  }
  if (strcmp(arguments[2], "engines") == 0) {
    for (ExtismSize i = 0; i < x.poly_engine_count(); i++) printf("%s\n", x.poly_engine_name(i));
    return 0;
  }
  for (Case *one = cases; one != NULL && count > 3; one = one->next) {
    if (strcmp(one->name, arguments[3]) == 0) {
      one->run();
      printf("%s\n", said);
      return 0;
    }
  }
  return 2;
}
