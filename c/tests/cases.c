/* The table of edge cases: what clients do by mistake, and what they do seldom. One expectation for all engines. */
#include "edges.h"

#define NOBODY ((void *)(uintptr_t)0x5a5a5a5a5a50)

/* ---- extism_version --------------------------------------------------------------------------------------------- */

CASE(version, is_a_text, "1.*") { say("%s", text(x.version())); }
CASE(version, never_moves, "same 1") { say("same %d", x.version() == x.version()); }

/* ---- Making plug-ins -------------------------------------------------------------------------------------------- */

static void made(ExtismPlugin *plugin, char *why) {
  say("made %d, %s", plugin != NULL, text(why));
  x.plugin_new_error_free(why);
  x.plugin_free(plugin);
}

CASE(new, null_and_no_bytes, "made 0, Unable to compile Extism plugin: *") {
  char *why = NULL;
  ExtismPlugin *p = x.plugin_new(NULL, 0, NULL, 0, false, &why);
  made(p, why);
}
CASE(new, null_and_bytes, "made 0, Unable to compile Extism plugin: *NULL*") {
  char *why = NULL;
  ExtismPlugin *p = x.plugin_new(NULL, 8, NULL, 0, false, &why);
  made(p, why);
}
CASE(new, more_bytes_than_memory, "made 0, Unable to compile Extism plugin: *longer*") {
  char *why = NULL;
  ExtismPlugin *p = x.plugin_new((const uint8_t *)PLAIN, UINT64_MAX, NULL, 0, false, &why);
  made(p, why);
}
CASE(new, no_place_for_the_text, "made 0") {
  say("made %d", x.plugin_new(BYTES("nonsense"), NULL, 0, false, NULL) != NULL);
}
CASE(new, success_leaves_the_text_alone, "made 1, kept") {
  char kept[] = "kept", *why = kept;
  ExtismPlugin *p = x.plugin_new(BYTES(PLAIN), NULL, 0, false, &why);
  made(p, why);
}
CASE(new, not_utf_8, "made 0, Unable to compile Extism plugin: *") {
  char *why = NULL;
  ExtismPlugin *p = x.plugin_new(BYTES("\xff\xfe\xfd"), NULL, 0, false, &why);
  made(p, why);
}
CASE(new, truncated_module, "made 0, Unable to compile Extism plugin: *") {
  char *why = NULL;
  ExtismPlugin *p = x.plugin_new((const uint8_t *)"\0asm\1\0\0\0\1", 9, NULL, 0, false, &why);
  made(p, why);
}
CASE(new, wrong_manifest, "made 0, Unable to compile Extism plugin: *") {
  char *why = NULL;
  ExtismPlugin *p = x.plugin_new(BYTES("{\"wasm\":[{\"path\":\"/nowhere/at.all\"}]}"), NULL, 0, false, &why);
  made(p, why);
}
CASE(new, bytes_may_go_afterwards, "code 0; error NULL, output hello") {
  uint8_t *copy = malloc(strlen(PLAIN));
  memcpy(copy, PLAIN, strlen(PLAIN));
  ExtismPlugin *p = x.plugin_new(copy, strlen(PLAIN), NULL, 0, false, NULL);
  memset(copy, 0xff, strlen(PLAIN));
  free(copy);
  call(p, "echo", "hello");
}
CASE(new, unknown_import,
     "made 0, Unable to compile Extism plugin: unknown import: `extism:host/user::host` has not been defined*") {
  char *why = NULL;
  ExtismPlugin *p = x.plugin_new(BYTES(HOSTED), NULL, 0, false, &why);
  made(p, why);
}
CASE(new, wasi_that_is_off,
     "made 0, Unable to compile Extism plugin: unknown import: `wasi_snapshot_preview1::proc_exit` has not been "
     "defined: module `main` imports `proc_exit` from `wasi_snapshot_preview1`: WASI is off for this plug-in; give it "
     "the option `wasi`; in C: pass `true` for `with_wasi`") {
  char *why = NULL;
  ExtismPlugin *p = x.plugin_new(BYTES(EXITING), NULL, 0, false, &why);
  made(p, why);
}
CASE(new, functions_null_with_a_count, "made 0, *") {
  char *why = NULL;
  ExtismPlugin *p = x.plugin_new(BYTES(PLAIN), NULL, 3, false, &why);
  made(p, why);
}
CASE(new, null_among_functions, "made 0, Cannot pass null pointer*") {
  char *why = NULL;
  const ExtismFunction *functions[] = {NULL};
  ExtismPlugin *p = x.plugin_new(BYTES(PLAIN), functions, 1, false, &why);
  made(p, why);
}

static void zero(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                 void *data) {
  (void)p, (void)in, (void)n_in, (void)n_out, (void)data;
  out[0].v.i64 = 0;
}

CASE(new, freed_function, "made 0, *freed*") {
  char *why = NULL;
  ExtismFunction *f = function(zero, NULL, NULL);
  x.function_free(f);
  const ExtismFunction *functions[] = {f};
  ExtismPlugin *p = x.plugin_new(BYTES(HOSTED), functions, 1, false, &why);
  made(p, why);
}
CASE(new, function_of_another_plugin, "made 1, NULL; made 0, Function cannot be registered with multiple different *") {
  ExtismFunction *f = function(zero, NULL, NULL);
  for (int i = 0; i < 2; i++) {
    char *why = NULL;
    const ExtismFunction *functions[] = {f};
    ExtismPlugin *p = x.plugin_new(BYTES(HOSTED), functions, 1, false, &why);
    made(p, why);
  }
}
CASE(new, one_function_twice, "made 0, Function cannot be registered*") {
  char *why = NULL;
  ExtismFunction *f = function(zero, NULL, NULL);
  const ExtismFunction *functions[] = {f, f};
  ExtismPlugin *p = x.plugin_new(BYTES(HOSTED), functions, 2, false, &why);
  made(p, why);
}
CASE(new, address_of_something_else, "made 0, *") {
  char *why = NULL;
  const ExtismFunction *functions[] = {NOBODY};
  ExtismPlugin *p = x.plugin_new(BYTES(HOSTED), functions, 1, false, &why);
  made(p, why);
}
CASE(new, a_thousand_at_once, "made 1000, worked 1000") {
  ExtismCompiledPlugin *c = x.compiled_plugin_new(BYTES(PLAIN), NULL, 0, false, NULL);
  static ExtismPlugin *all[1000];
  int count = 0, worked = 0;
  for (int i = 0; i < 1000; i++) count += (all[i] = x.plugin_new_from_compiled(c, NULL)) != NULL;
  x.compiled_plugin_free(c);
  for (int i = 0; i < 1000; i++) {
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    x.plugin_call(all[i], "echo", BYTES(name));
  }
  for (int i = 0; i < 1000; i++) {
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    worked += x.plugin_output_length(all[i]) == strlen(name) &&
              memcmp(x.plugin_output_data(all[i]), name, strlen(name)) == 0;
    x.plugin_free(all[i]);
  }
  say("made %d, worked %d", count, worked);
}

CASE(fuel, too_little, "code -1; error plugin ran out of fuel*, output ") {
  ExtismPlugin *p = x.plugin_new_with_fuel_limit(BYTES(PLAIN), NULL, 0, false, 100, NULL);
  call(p, "turns", NULL);
}
CASE(fuel, enough, "code 0; error NULL, output ") {
  ExtismPlugin *p = x.plugin_new_with_fuel_limit(BYTES(PLAIN), NULL, 0, false, 1000000, NULL);
  call(p, "turns", NULL);
}
CASE(fuel, again_after_too_little, "code -1, code 0") {
  ExtismPlugin *p = x.plugin_new_with_fuel_limit(BYTES(PLAIN), NULL, 0, false, 2000, NULL);
  int first = x.plugin_call(p, "spin", NULL, 0);
  say("code %d, code %d", first, x.plugin_call(p, "noop", NULL, 0));
}
CASE(fuel, none, "*code -1*") {
  ExtismPlugin *p = x.plugin_new_with_fuel_limit(BYTES(PLAIN), NULL, 0, false, 0, NULL);
  say("code %d", x.plugin_call(p, "noop", NULL, 0));
}
CASE(fuel, bad_plugin, "made 0, Unable to *") {
  char *why = NULL;
  ExtismPlugin *p = x.plugin_new_with_fuel_limit(BYTES("("), NULL, 0, false, 1, &why);
  made(p, why);
}
CASE(fuel, of_compiled, "code -1, code 0") {
  ExtismCompiledPlugin *c = x.compiled_plugin_new_with_fuel_limit(BYTES(PLAIN), NULL, 0, false, 2000, NULL);
  ExtismPlugin *p = x.plugin_new_from_compiled(c, NULL);
  int first = x.plugin_call(p, "spin", NULL, 0);
  say("code %d, code %d", first, x.plugin_call(p, "noop", NULL, 0));
}
CASE(fuel, compiled_of_nothing, "0, Unable to compile Extism plugin: *") {
  char *why = NULL;
  ExtismCompiledPlugin *c = x.compiled_plugin_new_with_fuel_limit(NULL, 0, NULL, 0, false, 5, &why);
  say("%d, %s", c != NULL, text(why));
}

CASE(compiled, goes_before_its_instances, "code 0; error NULL, output a; code 0; error NULL, output b") {
  ExtismCompiledPlugin *c = x.compiled_plugin_new(BYTES(PLAIN), NULL, 0, false, NULL);
  ExtismPlugin *p = x.plugin_new_from_compiled(c, NULL), *q = x.plugin_new_from_compiled(c, NULL);
  x.compiled_plugin_free(c);
  call(p, "echo", "a");
  x.plugin_free(p);
  call(q, "echo", "b");
}
CASE(compiled, instances_share_nothing, "1 2 1") {
  ExtismCompiledPlugin *c = x.compiled_plugin_new(BYTES(PLAIN), NULL, 0, false, NULL);
  ExtismPlugin *p = x.plugin_new_from_compiled(c, NULL), *q = x.plugin_new_from_compiled(c, NULL);
  int first = x.plugin_call(p, "count", NULL, 0), second = x.plugin_call(p, "count", NULL, 0);
  say("%d %d %d", first, second, x.plugin_call(q, "count", NULL, 0));
}
CASE(compiled, error, "0, Unable to compile Extism plugin: *") {
  char *why = NULL;
  ExtismCompiledPlugin *c = x.compiled_plugin_new(BYTES("nonsense"), NULL, 0, false, &why);
  say("%d, %s", c != NULL, text(why));
}
CASE(compiled, null, "made 0, Unable to create Extism plugin: *") {
  char *why = NULL;
  ExtismPlugin *p = x.plugin_new_from_compiled(NULL, &why);
  made(p, why);
}
CASE(compiled, freed, "made 0, Unable to create Extism plugin: *") {
  char *why = NULL;
  ExtismCompiledPlugin *c = x.compiled_plugin_new(BYTES(PLAIN), NULL, 0, false, NULL);
  x.compiled_plugin_free(c);
  ExtismPlugin *p = x.plugin_new_from_compiled(c, &why);
  made(p, why);
}
CASE(compiled, a_plugin_in_its_place, "made 0, Unable to create Extism plugin: *") {
  char *why = NULL;
  ExtismPlugin *p = x.plugin_new_from_compiled((ExtismCompiledPlugin *)plugin(PLAIN), &why);
  made(p, why);
}
CASE(compiled, freed_twice_and_null, "alive") {
  ExtismCompiledPlugin *c = x.compiled_plugin_new(BYTES(PLAIN), NULL, 0, false, NULL);
  x.compiled_plugin_free(NULL);
  x.compiled_plugin_free(c);
  x.compiled_plugin_free(c);
  say("alive");
}

static void *instances(void *compiled) {
  long worked = 0;
  for (int i = 0; i < 25; i++) {
    ExtismPlugin *p = x.plugin_new_from_compiled(compiled, NULL);
    worked += x.plugin_call(p, "count", NULL, 0) == 1;
    x.plugin_free(p);
  }
  return (void *)worked;
}
CASE(compiled, shared_by_threads, "100") {
  ExtismCompiledPlugin *c = x.compiled_plugin_new(BYTES(PLAIN), NULL, 0, false, NULL);
  pthread_t threads[4];
  long worked = 0;
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, instances, c);
  for (int i = 0; i < 4; i++) {
    void *own;
    pthread_join(threads[i], &own);
    worked += (long)own;
  }
  say("%ld", worked);
}

/* ---- Freeing ---------------------------------------------------------------------------------------------------- */

CASE(free, null_everywhere, "alive") {
  x.plugin_free(NULL);
  x.compiled_plugin_free(NULL);
  x.function_free(NULL);
  x.plugin_new_error_free(NULL);
  say("alive");
}
CASE(free, plugin_twice, "alive") {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_free(p);
  x.plugin_free(p);
  say("alive");
}
CASE(free, the_second_time_spares_the_next, "code 0; error NULL, output next") {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_free(p);
  ExtismPlugin *next = plugin(PLAIN);
  x.plugin_free(p);
  call(next, "echo", "next");
}
CASE(free, function_twice, "alive") {
  ExtismFunction *f = function(zero, NULL, NULL);
  x.function_free(f);
  x.function_free(f);
  say("alive");
}
CASE(free, text_twice_and_foreign, "alive") {
  char *why = NULL, *own = malloc(8);
  x.plugin_new(BYTES("nonsense"), NULL, 0, false, &why);
  x.plugin_new_error_free(why);
  x.plugin_new_error_free(why);
  x.plugin_new_error_free(own);
  free(own);
  say("alive");
}
CASE(free, of_another_kind, "code 0; error NULL, output x") {
  ExtismPlugin *p = plugin(PLAIN);
  x.compiled_plugin_free((ExtismCompiledPlugin *)p);
  x.function_free((ExtismFunction *)p);
  x.plugin_new_error_free((char *)p);
  call(p, "echo", "x");
}
CASE(free, address_of_something_else, "alive") {
  int local = 0;
  x.plugin_free((ExtismPlugin *)&local);
  x.plugin_free(NOBODY);
  x.function_free(NOBODY);
  x.compiled_plugin_free(NOBODY);
  say("alive");
}
static void *free_it(void *plugin) {
  x.plugin_free(plugin);
  return NULL;
}
CASE(free, by_another_thread, "code -1") {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_call(p, "noop", NULL, 0);
  pthread_t thread;
  pthread_create(&thread, NULL, free_it, p);
  pthread_join(thread, NULL);
  say("code %d", x.plugin_call(p, "noop", NULL, 0));
}
CASE(free, by_four_threads_at_once, "alive") {
  for (int round = 0; round < 20; round++) {
    ExtismPlugin *p = plugin(PLAIN);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, free_it, p);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  }
  say("alive");
}

static ExtismPlugin *own;
static int freed;
static void free_data(void *data) { freed += *(int *)data; }
static void free_own(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                     void *data) {
  (void)in, (void)n_in, (void)n_out, (void)data;
  x.plugin_free(own);
  out[0].v.i64 = (int64_t)x.current_plugin_memory_length(p, x.current_plugin_memory_alloc(p, 3));
}
CASE(free, by_its_own_host_function, "code 3; closed -1") {
  own = hosted(free_own, NULL);
  say("code %d", x.plugin_call(own, "run", NULL, 0));
  say("closed %d", x.plugin_call(own, "noop", NULL, 0));
}
/* A call that another thread waits for, and that ends when it is let go: no pause is long enough on every machine. */
static int entered, let_go;
static void set(int *flag) { __atomic_store_n(flag, 1, __ATOMIC_SEQ_CST); }
static void when(int *flag) {
  while (!__atomic_load_n(flag, __ATOMIC_SEQ_CST)) pause_ms(1);
}
static void slow(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                 void *data) {
  (void)p, (void)in, (void)n_in, (void)n_out, (void)data;
  set(&entered);
  when(&let_go);
  out[0].v.i64 = 4;
}
static void *run_it(void *plugin) { return (void *)(long)x.plugin_call(plugin, "run", NULL, 0); }
CASE(free, during_a_call_of_another_thread, "code 4; closed -1") {
  ExtismPlugin *p = hosted(slow, NULL);
  pthread_t thread;
  void *code;
  pthread_create(&thread, NULL, run_it, p);
  when(&entered);
  x.plugin_free(p);
  set(&let_go);
  pthread_join(thread, &code);
  say("code %ld", (long)code);
  say("closed %d", x.plugin_call(p, "run", NULL, 0));
}

/* ---- Handles that are no plug-ins ------------------------------------------------------------------------------- */

static void ask_all(ExtismPlugin *p) {
  const char *json = "{}";
  say("id %d config %d exists %d call %d %d error %d %d length %d data %d reset %d cancel %d", x.plugin_id(p) != NULL,
      x.plugin_config(p, BYTES(json)), x.plugin_function_exists(p, "noop"), x.plugin_call(p, "noop", NULL, 0),
      x.plugin_call_with_host_context(p, "noop", NULL, 0, NULL), x.plugin_error(p) != NULL, x.error(p) != NULL,
      (int)x.plugin_output_length(p), x.plugin_output_data(p) != NULL, x.plugin_reset(p),
      x.plugin_cancel_handle(p) != NULL);
  x.plugin_allow_http_response_headers(p);
}
#define CLOSED "id 0 config 0 exists 0 call -1 -1 error 0 0 length 0 data 0 reset 0 cancel 0"
CASE(closed, null, CLOSED) { ask_all(NULL); }
CASE(closed, freed, CLOSED) {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_call(p, "echo", BYTES("x"));
  x.plugin_free(p);
  ask_all(p);
}
CASE(closed, another_kind, CLOSED) {
  ask_all((ExtismPlugin *)x.compiled_plugin_new(BYTES(PLAIN), NULL, 0, false, NULL));
}
CASE(closed, an_address, CLOSED) {
  int local[64] = {0};
  ask_all((ExtismPlugin *)local);
}
CASE(closed, a_made_up_number, CLOSED) { ask_all(NOBODY); }

/* ---- Small questions -------------------------------------------------------------------------------------------- */

CASE(id, stays_and_differs, "same 1, other 0, zero 0") {
  ExtismPlugin *p = plugin(PLAIN), *q = plugin(PLAIN);
  const uint8_t *id = x.plugin_id(p), none[16] = {0};
  x.plugin_call(p, "noop", NULL, 0);
  say("same %d, other %d, zero %d", id == x.plugin_id(p), memcmp(id, x.plugin_id(q), 16) == 0,
      memcmp(id, none, 16) == 0);
}
CASE(exists, names, "noop 1 nothing 1 takes 0 missing 0 empty 0") {
  ExtismPlugin *p = plugin(PLAIN);
  say("noop %d nothing %d takes %d missing %d empty %d", x.plugin_function_exists(p, "noop"),
      x.plugin_function_exists(p, "nothing"), x.plugin_function_exists(p, "takes"),
      x.plugin_function_exists(p, "missing"), x.plugin_function_exists(p, ""));
}
CASE(exists, null_and_not_utf_8, "0 0") {
  ExtismPlugin *p = plugin(PLAIN);
  say("%d %d", x.plugin_function_exists(p, NULL), x.plugin_function_exists(p, "\xff"));
}
CASE(exists, clears_an_error_of_the_host, "before 1 after 0") {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_call(p, "missing", NULL, 0);
  int before = x.plugin_error(p) != NULL;
  x.plugin_function_exists(p, "noop");
  say("before %d after %d", before, x.plugin_error(p) != NULL);
}
CASE(exists, keeps_an_error_of_the_guest, "bad") {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_call(p, "said", NULL, 0);
  x.plugin_function_exists(p, "noop");
  say("%s", text(x.plugin_error(p)));
}
CASE(config, sets_and_removes, "1; code 0; error NULL, output v; 1; code 0; error NULL, output ") {
  ExtismPlugin *p = plugin(PLAIN);
  say("%d", x.plugin_config(p, BYTES("{\"key\":\"v\"}")));
  call(p, "config", NULL);
  say("%d", x.plugin_config(p, BYTES("{\"key\":null}")));
  call(p, "config", NULL);
}
CASE(config, wrong_ones_change_nothing, "0 0 0 0 0 0; code 0; error NULL, output v") {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_config(p, BYTES("{\"key\":\"v\"}"));
  say("%d %d %d %d %d %d", x.plugin_config(p, NULL, 0), x.plugin_config(p, NULL, 5), x.plugin_config(p, BYTES("[]")),
      x.plugin_config(p, BYTES("{\"key\":\"w\",\"n\":1}")), x.plugin_config(p, BYTES("{\"key\":")),
      x.plugin_config(p, BYTES("\xff")));
  call(p, "config", NULL);
}
CASE(http, headers_at_any_time, "0 0") {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_allow_http_response_headers(p);
  int first = x.plugin_call(p, "noop", NULL, 0);
  x.plugin_allow_http_response_headers(p);
  say("%d %d", first, x.plugin_call(p, "noop", NULL, 0));
}
CASE(reset, between_calls, "1; code 0; error NULL, output b") {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_call(p, "echo", BYTES("a"));
  say("%d", x.plugin_reset(p));
  call(p, "echo", "b");
}
CASE(reset, before_the_first_call, "1; code 0; error NULL, output b") {
  ExtismPlugin *p = plugin(PLAIN);
  say("%d", x.plugin_reset(p));
  call(p, "echo", "b");
}

/* ---- Calls ------------------------------------------------------------------------------------------------------ */

CASE(call, nothing_and_zero, "code 0; error NULL, output ; code 0; error NULL, output ") {
  ExtismPlugin *p = plugin(PLAIN);
  call(p, "nothing", NULL);
  call(p, "noop", NULL);
}
CASE(call, results_that_are_no_codes, "code 0; error NULL, output out; code 0; error NULL, output out") {
  ExtismPlugin *p = plugin(PLAIN);
  call(p, "long", NULL);
  call(p, "double", NULL);
}
CASE(call, code_without_a_text, "code 5; error NULL, output out") { call(plugin(PLAIN), "code", NULL); }
CASE(call, text_without_a_code, "code 0; error bad, output out") { call(plugin(PLAIN), "said", NULL); }
CASE(call, text_and_code, "code 7; error bad, output out") { call(plugin(PLAIN), "said_code", NULL); }
CASE(call, text_and_trap, "code -1; error bad, output ") { call(plugin(PLAIN), "said_trap", NULL); }
CASE(call, text_with_nul, "code 1; error b, output ") { call(plugin(PLAIN), "nul", NULL); }
CASE(call, trap, "code 134; error error while executing at wasm backtrace:*unreachable*, output ") {
  call(plugin(PLAIN), "trap", NULL);
}
CASE(call, stack_overflow, "code 134; error error while executing at wasm backtrace:*, output ; code 0*") {
  ExtismPlugin *p = plugin(PLAIN);
  call(p, "deep", NULL);
  call(p, "noop", NULL);
}
CASE(call, exit_codes, "code 3; error error while executing at wasm backtrace:*, output ; code 0; error NULL, output ") {
  ExtismPlugin *p = plugin(EXITING);
  call(p, "three", NULL);
  call(p, "zero", NULL);
}
CASE(call, unknown_function, "code -1; error Function not found: missing*, output ") {
  call(plugin(PLAIN), "missing", NULL);
}
CASE(call, function_with_parameters, "code -1; error *, output ") { call(plugin(PLAIN), "takes", NULL); }
CASE(call, name_null, "code -1; error *NULL*, output ") { call(plugin(PLAIN), NULL, NULL); }
CASE(call, name_not_utf_8, "code -1; error invalid utf-8 sequence*, output ") { call(plugin(PLAIN), "\xff\xfe", NULL); }
CASE(call, input_null_with_a_size, "code -1, error *NULL*") {
  ExtismPlugin *p = plugin(PLAIN);
  int code = x.plugin_call(p, "echo", NULL, 5);
  say("code %d, error %s", code, text(x.plugin_error(p)));
}
CASE(call, input_longer_than_memory, "code -1, error *") {
  ExtismPlugin *p = plugin(PLAIN);
  int code = x.plugin_call(p, "echo", (const uint8_t *)"x", UINT64_MAX);
  say("code %d, error %s", code, text(x.plugin_error(p)));
}
CASE(call, input_with_every_byte, "code 0, same 1") {
  ExtismPlugin *p = plugin(PLAIN);
  uint8_t all[256];
  for (int i = 0; i < 256; i++) all[i] = (uint8_t)i;
  int code = x.plugin_call(p, "echo", all, 256);
  say("code %d, same %d", code, x.plugin_output_length(p) == 256 && memcmp(x.plugin_output_data(p), all, 256) == 0);
}
CASE(call, input_of_eight_megabytes, "code 0, same 1; code 0; error NULL, output x") {
  ExtismPlugin *p = plugin(PLAIN);
  size_t size = 8 << 20;
  uint8_t *input = malloc(size);
  memset(input, 7, size);
  int code = x.plugin_call(p, "echo", input, size);
  say("code %d, same %d", code,
      x.plugin_output_length(p) == size && memcmp(x.plugin_output_data(p), input, size) == 0);
  free(input);
  call(p, "echo", "x");
}
CASE(call, after_every_failure, "5 0 134 0 -1 0 -1 0") {
  ExtismPlugin *p = plugin(PLAIN);
  const char *names[] = {"code", "trap", "missing", "said_trap"};
  int codes[8];
  for (int i = 0; i < 4; i++) {
    codes[2 * i] = x.plugin_call(p, names[i], NULL, 0);
    codes[2 * i + 1] = x.plugin_call(p, "noop", NULL, 0);
  }
  say("%d %d %d %d %d %d %d %d", codes[0], codes[1], codes[2], codes[3], codes[4], codes[5], codes[6], codes[7]);
}

CASE(output, no_memory_for_it, "made 1; first 0, 200000000; code -1; error the output has 200000000 bytes*, output ; "
                               "kind engine; code 0; error NULL, output ") {
  ExtismPlugin *p = plugin(
      "(module (import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))"
      "(import \"extism:host/env\" \"output_set\" (func $output (param i64 i64)))"
      "(func (export \"noop\"))"
      "(func (export \"large\") (call $output (call $alloc (i64.const 200000000)) (i64.const 200000000))))");
  say("made %d", p != NULL);
  int code = x.plugin_call(p, "large", NULL, 0);
  say("first %d, %d", code, (int)x.plugin_output_length(p));
  x.plugin_call(p, "noop", NULL, 0);
  /* The memory of the plug-in is there already, that for the output is not. */
  long pages = 0;
  FILE *usage = fopen("/proc/self/statm", "r");
  if (usage == NULL || fscanf(usage, "%ld", &pages) != 1) return;
  fclose(usage);
  struct rlimit limit;
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + (64 << 20);
  setrlimit(RLIMIT_AS, &limit);
  call(p, "large", NULL);
  say("kind %s", x.poly_error_kind_name(x.poly_plugin_error_kind(p)));
  call(p, "noop", NULL);
}
CASE(error, text_stays_until_the_next_call, "same 1; now NULL") {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_call(p, "trap", NULL, 0);
  const char *error = x.plugin_error(p);
  char *copy = strdup(error);
  x.plugin_function_exists(p, "noop");
  x.plugin_config(p, BYTES("{\"key\": \"value\"}"));
  x.plugin_reset(p);
  say("same %d; now %s", strcmp(error, copy) == 0, text(x.plugin_error(p)));
  free(copy);
}
CASE(output, before_the_first_call, "length 0, data 1, error NULL") {
  ExtismPlugin *p = plugin(PLAIN);
  say("length %d, data %d, error %s", (int)x.plugin_output_length(p), x.plugin_output_data(p) != NULL,
      text(x.plugin_error(p)));
}
CASE(output, of_no_bytes_has_an_address, "length 0, data 1") {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_call(p, "noop", NULL, 0);
  say("length %d, data %d", (int)x.plugin_output_length(p), x.plugin_output_data(p) != NULL);
}
CASE(output, stays_until_the_next_call, "out out") {
  ExtismPlugin *p = plugin(PLAIN), *q = plugin(PLAIN);
  x.plugin_call(p, "long", NULL, 0);
  const char *first = (const char *)x.plugin_output_data(p);
  x.plugin_call(q, "echo", BYTES("other"));
  say("%.3s %.3s", first, (const char *)x.plugin_output_data(p));
}
CASE(output, is_gone_after_the_next_call, "length 0") {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_call(p, "echo", BYTES("x"));
  x.plugin_call(p, "noop", NULL, 0);
  say("length %d", (int)x.plugin_output_length(p));
}
CASE(error, both_names, "1 1") {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_call(p, "missing", NULL, 0);
  say("%d %d", x.error(p) != NULL, x.error(p) == x.plugin_error(p));
}
CASE(error, is_gone_after_a_success, "NULL") {
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_call(p, "missing", NULL, 0);
  x.plugin_call(p, "noop", NULL, 0);
  say("%s", text(x.plugin_error(p)));
}

/* ---- Time limits and cancelling --------------------------------------------------------------------------------- */

/* What a guest spins, it spins on its thread: other processes do not make that longer. */
static void spin_bound(ExtismPlugin *p) {
  long start = thread_ms();
  call(p, "spin", NULL);
  say("soon %d", thread_ms() - start < 2000);
}
CASE(time, limit, "code 134; error timeout*, output ; soon 1") { spin_bound(plugin(BOUND)); }
/* Cancels until it is told that the call has ended, because nobody knows when a call that only spins has begun. */
static int over;
static void *cancel_it(void *handle) {
  while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
    pause_ms(20);
    x.plugin_cancel(handle);
  }
  return NULL;
}
CASE(cancel, during_a_call, "code 134; error timeout*, output ; code 0; error NULL, output x") {
  ExtismPlugin *p = plugin(PLAIN);
  pthread_t thread;
  pthread_create(&thread, NULL, cancel_it, (void *)x.plugin_cancel_handle(p));
  call(p, "spin", NULL);
  set(&over);
  pthread_join(thread, NULL);
  call(p, "echo", "x");
}
CASE(cancel, before_and_after, "1; code 0; error NULL, output x; 1; code 0; error NULL, output y") {
  ExtismPlugin *p = plugin(PLAIN);
  say("%d", x.plugin_cancel(x.plugin_cancel_handle(p)));
  call(p, "echo", "x");
  say("%d", x.plugin_cancel(x.plugin_cancel_handle(p)));
  call(p, "echo", "y");
}
CASE(cancel, handle_is_always_the_same, "1") {
  ExtismPlugin *p = plugin(PLAIN);
  const ExtismCancelHandle *handle = x.plugin_cancel_handle(p);
  x.plugin_call(p, "noop", NULL, 0);
  say("%d", handle == x.plugin_cancel_handle(p));
}
CASE(cancel, null_freed_and_foreign, "0 0 0 0") {
  ExtismPlugin *p = plugin(PLAIN), *q = plugin(PLAIN);
  const ExtismCancelHandle *handle = x.plugin_cancel_handle(p);
  x.plugin_free(p);
  int local = 0;
  say("%d %d %d %d", x.plugin_cancel(NULL), x.plugin_cancel(handle), x.plugin_cancel((ExtismCancelHandle *)q),
      x.plugin_cancel((ExtismCancelHandle *)&local));
}
static void cancel_own(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                       void *data) {
  (void)p, (void)in, (void)n_in, (void)n_out, (void)data;
  out[0].v.i64 = x.plugin_cancel(x.plugin_cancel_handle(own));
}
CASE(cancel, by_the_own_host_function, "code 134; error timeout*, output ; code 0; error NULL, output ") {
  own = hosted(cancel_own, NULL);
  call(own, "run", NULL);
  call(own, "noop", NULL);
}
CASE(cancel, others_go_on, "code 134; code 0") {
  ExtismCompiledPlugin *c = x.compiled_plugin_new(BYTES(PLAIN), NULL, 0, false, NULL);
  ExtismPlugin *p = x.plugin_new_from_compiled(c, NULL), *q = x.plugin_new_from_compiled(c, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, cancel_it, (void *)x.plugin_cancel_handle(p));
  say("code %d", x.plugin_call(p, "spin", NULL, 0));
  say("code %d", x.plugin_call(q, "turns", NULL, 0));
  set(&over);
  pthread_join(thread, NULL);
}

/* ---- Threads ---------------------------------------------------------------------------------------------------- */

static int mixed;
static void *echo_often(void *plugin) {
  char own_text[64];
  for (int i = 0; i < 300; i++) {
    int length = snprintf(own_text, sizeof own_text, "%lx-%d-%.*s", (unsigned long)pthread_self(), i, i % 30,
                          "..............................");
    int code = x.plugin_call(plugin, "echo", (uint8_t *)own_text, (ExtismSize)length);
    ExtismSize size = x.plugin_output_length(plugin);
    const uint8_t *data = x.plugin_output_data(plugin);
    if (code != 0 || size != (ExtismSize)length || memcmp(data, own_text, size) != 0)
      __atomic_add_fetch(&mixed, 1, __ATOMIC_SEQ_CST);
  }
  return NULL;
}
CASE(threads, four_on_one_plugin, "mixed 0") {
  ExtismPlugin *p = plugin(PLAIN);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, echo_often, p);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  say("mixed %d", mixed);
}
static void *fail_often(void *plugin) {
  for (int i = 0; i < 200; i++) {
    int bad = x.plugin_call(plugin, "said_code", NULL, 0) != 7;
    const char *error = x.plugin_error(plugin);
    if (bad || error == NULL || strcmp(error, "bad") != 0) __atomic_add_fetch(&mixed, 1, __ATOMIC_SEQ_CST);
  }
  return NULL;
}
CASE(threads, outcomes_stay_with_their_calls, "mixed 0") {
  ExtismPlugin *p = plugin(PLAIN);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, i % 2 ? echo_often : fail_often, p);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  say("mixed %d", mixed);
}
static void *look(void *plugin) {
  ended(plugin);
  return NULL;
}
CASE(threads, one_that_only_looks, "error bad, output out; error NULL, output x") {
  ExtismPlugin *p = plugin(PLAIN);
  pthread_t thread;
  x.plugin_call(p, "said", NULL, 0);
  pthread_create(&thread, NULL, look, p);
  pthread_join(thread, NULL);
  x.plugin_call(p, "echo", BYTES("x"));
  pthread_create(&thread, NULL, look, p);
  pthread_join(thread, NULL);
}
static void *open_and_close(void *unused) {
  for (int i = 0; i < 20; i++) x.plugin_free(plugin(PLAIN));
  return unused;
}
CASE(threads, made_and_freed_by_four, "alive") {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, open_and_close, NULL);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  say("alive");
}
CASE(threads, ends_with_the_call_that_it_waits_for, "code 4; code 4") {
  ExtismPlugin *p = hosted(slow, NULL);
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, run_it, p);
  when(&entered);
  /* Time for the other one to wait. What is said is the same without. */
  pause_ms(100);
  set(&let_go);
  for (int i = 0; i < 2; i++) {
    void *code;
    pthread_join(threads[i], &code);
    say("code %ld", (long)code);
  }
}

/* ---- Host functions --------------------------------------------------------------------------------------------- */

CASE(function, null_name, "0") {
  say("%d", x.function_new(NULL, NULL, 0, NULL, 0, zero, NULL, NULL) != NULL);
}
CASE(function, name_not_utf_8, "0") {
  say("%d", x.function_new("\xff", NULL, 0, NULL, 0, zero, NULL, NULL) != NULL);
}
CASE(function, null_body, "0") { say("%d", function(NULL, NULL, NULL) != NULL); }
CASE(function, null_types_with_counts, "0 0") {
  say("%d %d", x.function_new("f", NULL, 3, NULL, 0, zero, NULL, NULL) != NULL,
      x.function_new("f", NULL, 0, NULL, 3, zero, NULL, NULL) != NULL);
}
CASE(function, countless_types, "0") {
  ExtismValType type = ExtismValType_I64;
  say("%d", x.function_new("f", &type, UINT64_MAX, NULL, 0, zero, NULL, NULL) != NULL);
}
static void with_type(int type) {
  ExtismValType types[] = {(ExtismValType)type};
  ExtismFunction *f = x.function_new("host", types, 1, types, 1, zero, NULL, NULL);
  const ExtismFunction *functions[] = {f};
  char *why = NULL;
  ExtismPlugin *p = x.plugin_new(BYTES(HOSTED), functions, 1, false, &why);
  made(p, why);
  x.function_free(f);
}
CASE(function, type_v128, "made 0, host function `host`: *V128*") { with_type(ExtismValType_V128); }
CASE(function, type_reference, "made 0, host function `host`: *ExternRef*") { with_type(ExtismValType_ExternRef); }
CASE(function, type_unknown, "made 0, host function `host`: *99*") { with_type(99); }
CASE(function, of_another_type, "made 0, Unable to compile Extism plugin: *`host`*") { with_type(ExtismValType_F64); }
CASE(function, texts_may_go_afterwards, "code 3") {
  char name[] = "host";
  ExtismValType type[] = {ExtismValType_I64};
  int three = 3;
  ExtismFunction *f = x.function_new(name, type, 1, type, 1, free_own, &three, NULL);
  memset(name, 'x', 4);
  type[0] = ExtismValType_F32;
  const ExtismFunction *functions[] = {f};
  say("code %d", x.plugin_call(x.plugin_new(BYTES(HOSTED), functions, 1, false, NULL), "run", NULL, 0));
}
CASE(function, namespace, "made 0, Unable*`extism:host/user::host`*; made 1, NULL") {
  const char *namespaces[] = {"other", "extism:host/user"};
  for (int i = 0; i < 2; i++) {
    char *why = NULL;
    ExtismFunction *f = function(zero, NULL, NULL);
    x.function_set_namespace(f, namespaces[i]);
    const ExtismFunction *functions[] = {f};
    ExtismPlugin *p = x.plugin_new(BYTES(HOSTED), functions, 1, false, &why);
    made(p, why);
  }
}
CASE(function, namespace_of_nothing, "made 1, NULL") {
  char *why = NULL;
  ExtismFunction *f = function(zero, NULL, NULL);
  x.function_set_namespace(NULL, "n");
  x.function_set_namespace(f, NULL);
  x.function_set_namespace(f, "\xff");
  x.function_set_namespace(NOBODY, "n");
  const ExtismFunction *functions[] = {f};
  ExtismPlugin *p = x.plugin_new(BYTES(HOSTED), functions, 1, false, &why);
  x.function_set_namespace(f, "too late");
  made(p, why);
}

static int one = 1;
CASE(data, goes_with_a_function_that_is_not_used, "0 1") {
  ExtismFunction *f = function(zero, &one, free_data);
  int before = freed;
  x.function_free(f);
  say("%d %d", before, freed);
}
CASE(data, goes_with_the_last_plugin, "0 0 0 1") {
  ExtismFunction *f = function(zero, &one, free_data);
  const ExtismFunction *functions[] = {f};
  ExtismCompiledPlugin *c = x.compiled_plugin_new(BYTES(HOSTED), functions, 1, false, NULL);
  ExtismPlugin *p = x.plugin_new_from_compiled(c, NULL);
  x.function_free(f);
  int first = freed;
  x.compiled_plugin_free(c);
  int second = freed;
  x.plugin_call(p, "run", NULL, 0);
  int third = freed;
  x.plugin_free(p);
  say("%d %d %d %d", first, second, third, freed);
}
CASE(data, goes_with_a_plugin_that_is_not_made, "1") {
  ExtismFunction *f = function(zero, &one, free_data);
  const ExtismFunction *functions[] = {f};
  x.plugin_new(BYTES("nonsense"), functions, 1, false, NULL);
  say("%d", freed);
}
CASE(data, null_is_not_freed, "0") {
  x.function_free(function(zero, NULL, free_data));
  say("%d", freed);
}
CASE(data, goes_when_the_call_ends_that_frees_the_plugin, "code 3, freed 1") {
  ExtismFunction *f = function(free_own, &one, free_data);
  const ExtismFunction *functions[] = {f};
  own = x.plugin_new(BYTES(HOSTED), functions, 1, false, NULL);
  x.function_free(f);
  int code = x.plugin_call(own, "run", NULL, 0);
  say("code %d, freed %d", code, freed);
}

/* Every type, there and back: what is given times ten, one result a function. */
#define IMPORT(n, type)                                                                                                \
  "(import \"extism:host/user\" \"" n "\" (func $" n " (param i32 i64 f32 f64) (result " type ")))"
#define GIVE "(i32.const -2) (i64.const -3) (f32.const 1.5) (f64.const -2.5)"
static const char TYPES[] = "(module " IMPORT("i", "i32") IMPORT("l", "i64") IMPORT("f", "f32") IMPORT("d", "f64")
    "(func (export \"run\") (result i32)"
    "  (i32.and (i32.and (i32.eq (call $i " GIVE ") (i32.const -20)) (i64.eq (call $l " GIVE ") (i64.const -30)))"
    "           (i32.and (f32.eq (call $f " GIVE ") (f32.const 15)) (f64.eq (call $d " GIVE ") (f64.const -25))))))";
static int tag;
static void all_types(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                      void *data) {
  (void)p, (void)data;
  say("%d: %d %d %d %d %d %lld %g %g; %d: %d", (int)n_in, in[0].t, in[1].t, in[2].t, in[3].t, in[0].v.i32,
      (long long)in[1].v.i64, in[2].v.f32, in[3].v.f64, (int)n_out, out[0].t);
  switch ((int)out[0].t) {
    case 0: out[0].v.i32 = in[0].v.i32 * 10; break;
    case 1: out[0].v.i64 = in[1].v.i64 * 10; break;
    case 2: out[0].v.f32 = in[2].v.f32 * 10; break;
    case 3: out[0].v.f64 = in[3].v.f64 * 10; break;
  }
  if (tag != 0) out[0].t = (ExtismValType)tag;
}
static void typed(void) {
  ExtismValType types[] = {ExtismValType_I32, ExtismValType_I64, ExtismValType_F32, ExtismValType_F64};
  const char *names[] = {"i", "l", "f", "d"};
  const ExtismFunction *functions[4];
  for (int i = 0; i < 4; i++) functions[i] = x.function_new(names[i], types, 4, &types[i], 1, all_types, NULL, NULL);
  ExtismPlugin *p = x.plugin_new(BYTES(TYPES), functions, 4, false, NULL);
  say("code %d", x.plugin_call(p, "run", NULL, 0));
}
#define SEEN "4: 0 1 2 3 -2 -3 1.5 -2.5; 1: "
#define ALL_SEEN SEEN "0; " SEEN "1; " SEEN "2; " SEEN "3; code 1"
CASE(values, of_every_type, ALL_SEEN) { typed(); }
CASE(values, tags_that_come_back_do_not_count, ALL_SEEN) {
  tag = 99;
  typed();
}
static void no_values(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                      void *data) {
  (void)p, (void)data;
  say("%d %d %d %d", in == NULL, (int)n_in, out == NULL, (int)n_out);
}
CASE(values, none, "1 0 1 0; code 0") {
  const ExtismFunction *functions[] = {x.function_new("f", NULL, 0, NULL, 0, no_values, NULL, NULL)};
  const char *wasm = "(module (import \"extism:host/user\" \"f\" (func $f)) (func (export \"run\") (call $f)))";
  say("code %d", x.plugin_call(x.plugin_new(BYTES(wasm), functions, 1, false, NULL), "run", NULL, 0));
}
static void twenty(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                   void *data) {
  (void)p, (void)n_out, (void)data;
  for (ExtismSize i = 0; i < n_in; i++) out[0].v.i32 += in[i].v.i32;
}
CASE(values, twenty, "code 20") {
  ExtismValType types[20] = {ExtismValType_I32};
  const ExtismFunction *functions[] = {x.function_new("f", types, 20, types, 1, twenty, NULL, NULL)};
  char wasm[2048] = "(module (import \"extism:host/user\" \"f\" (func $f (param";
  for (int i = 0; i < 20; i++) strcat(wasm, " i32");
  strcat(wasm, ") (result i32))) (func (export \"run\") (result i32) (call $f");
  for (int i = 0; i < 20; i++) strcat(wasm, " (i32.const 1)");
  strcat(wasm, ")))");
  say("code %d", x.plugin_call(x.plugin_new(BYTES(wasm), functions, 1, false, NULL), "run", NULL, 0));
}

/* ---- In a host function ----------------------------------------------------------------------------------------- */

static void reenter(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                    void *data) {
  (void)p, (void)in, (void)n_in, (void)n_out, (void)data;
  say("inner %d %s", x.plugin_call(own, "noop", NULL, 0), text(x.plugin_error(own)));
  out[0].v.i64 = 6;
}
CASE(current, call_of_the_own_plugin, "inner -1 *; code 6; error NULL, output ") {
  own = hosted(reenter, NULL);
  call(own, "run", NULL);
}
static void look_at_own(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                        void *data) {
  (void)p, (void)in, (void)n_in, (void)n_out, (void)data;
  say("error %s length %d data %d reset %d config %d", text(x.plugin_error(own)), (int)x.plugin_output_length(own),
      x.plugin_output_data(own) != NULL, x.plugin_reset(own), x.plugin_config(own, BYTES("{}")));
  x.plugin_allow_http_response_headers(own);
  out[0].v.i64 = x.plugin_function_exists(own, "noop");
}
CASE(current, questions_to_the_own_plugin, "error NULL length 0 data 1 reset 0 config 0; code 1; error NULL, output ") {
  own = hosted(look_at_own, NULL);
  x.plugin_call(own, "missing", NULL, 0);
  call(own, "run", NULL);
}
static void call_other(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                       void *data) {
  (void)in, (void)n_in, (void)n_out;
  ExtismMemoryHandle before = x.current_plugin_memory_alloc(p, 5);
  call(data, "echo", "inner");
  out[0].v.i64 = (int64_t)x.current_plugin_memory_length(p, before);
}
CASE(current, call_of_another_plugin, "code 0; error NULL, output inner; code 5; error NULL, output ") {
  call(hosted(call_other, plugin(PLAIN)), "run", NULL);
}
static void memory(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                   void *data) {
  (void)n_in, (void)n_out, (void)data;
  ExtismMemoryHandle given = (ExtismMemoryHandle)in[0].v.i64;
  ExtismSize length = x.current_plugin_memory_length(p, given);
  uint8_t *base = x.current_plugin_memory(p);
  ExtismMemoryHandle block = x.current_plugin_memory_alloc(p, length);
  for (ExtismSize i = 0; i < length; i++) base[block + i] = base[given + length - 1 - i];
  out[0].v.i64 = (int64_t)block;
}
CASE(current, reads_and_writes, "code 0; error NULL, output olleh") { call(hosted(memory, NULL), "block", "hello"); }
static void grow(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                 void *data) {
  (void)n_in, (void)n_out, (void)data;
  ExtismMemoryHandle given = (ExtismMemoryHandle)in[0].v.i64;
  uint8_t *base = x.current_plugin_memory(p);
  int moved = 0, wrong = 0, dirty = 0;
  ExtismMemoryHandle first = x.current_plugin_memory_alloc(p, 64), last = first;
  memset(base + first, 'f', 64);
  for (int i = 0; i < 32; i++) {
    last = x.current_plugin_memory_alloc(p, 1 << 20);
    dirty += base[last] != 0 || base[last + (1 << 20) - 1] != 0;
    memset(base + last, i, 1 << 20);
    moved += x.current_plugin_memory(p) != base;
    wrong += memcmp(base + given, "held", 4) != 0 || base[first] != 'f' || base[first + 63] != 'f';
  }
  memcpy(base + last, "grown", 5);
  say("moved %d, wrong %d, dirty %d", moved, wrong, dirty);
  ExtismMemoryHandle result = x.current_plugin_memory_alloc(p, 5);
  memcpy(base + result, base + last, 5);
  out[0].v.i64 = (int64_t)result;
}
CASE(current, a_view_stays_while_memory_grows, "moved 0, wrong 0, dirty 0; code 0; error NULL, output grown") {
  call(hosted(grow, NULL), "block", "held");
}
CASE(current, a_view_stays_where_addresses_are_short,
     "moved 0, wrong 0, dirty 0; code 0; error NULL, output grown; code 0; error NULL, output ") {
  struct rlimit limit;
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = 3ull << 30;
  setrlimit(RLIMIT_AS, &limit);
  ExtismPlugin *p = hosted(grow, NULL);
  if (p == NULL) return;
  call(p, "block", "held");
  call(p, "noop", NULL);
}
static void odd_sizes(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                      void *data) {
  (void)in, (void)n_in, (void)n_out, (void)data;
  say("%d %d %d %d", (int)x.current_plugin_memory_alloc(p, 0), (int)x.current_plugin_memory_alloc(p, UINT64_MAX),
      (int)x.current_plugin_memory_alloc(p, 1ull << 40), (int)x.current_plugin_memory_alloc(p, UINT64_MAX - 70));
  out[0].v.i64 = (int64_t)x.current_plugin_memory_length(p, x.current_plugin_memory_alloc(p, 9));
}
CASE(current, odd_sizes, "0 0 0 0; code 9; error NULL, output ") { call(hosted(odd_sizes, NULL), "run", NULL); }
static void odd_blocks(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                       void *data) {
  (void)in, (void)n_in, (void)n_out, (void)data;
  ExtismMemoryHandle block = x.current_plugin_memory_alloc(p, 8), odd[] = {0, 1, block + 1, block - 1, UINT64_MAX};
  for (int i = 0; i < 5; i++) {
    x.current_plugin_memory_free(p, odd[i]);
    if (x.current_plugin_memory_length(p, odd[i]) != 0) say("a length at %d", i);
  }
  ExtismSize before = x.current_plugin_memory_length(p, block);
  x.current_plugin_memory_free(p, block);
  x.current_plugin_memory_free(p, block);
  say("before %d after %d", (int)before, (int)x.current_plugin_memory_length(p, block));
  out[0].v.i64 = 0;
}
CASE(current, odd_blocks, "before 8 after 0; code 0; error NULL, output ") { call(hosted(odd_blocks, NULL), "run", NULL); }
static void context(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                    void *data) {
  (void)in, (void)n_in, (void)n_out, (void)data;
  int *number = x.current_plugin_host_context(p);
  out[0].v.i64 = number == NULL ? 9 : *number;
}
CASE(current, context, "4 9 4") {
  ExtismPlugin *p = hosted(context, NULL);
  int four = 4;
  int first = x.plugin_call_with_host_context(p, "run", NULL, 0, &four);
  int second = x.plugin_call(p, "run", NULL, 0);
  say("%d %d %d", first, second, x.plugin_call_with_host_context(p, "run", NULL, 0, &four));
}
static void nested(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                   void *data) {
  (void)in, (void)n_in, (void)n_out;
  int two = 2;
  int inner = x.plugin_call_with_host_context(data, "run", NULL, 0, &two);
  out[0].v.i64 = inner * 3 + *(int *)x.current_plugin_host_context(p);
}
CASE(current, contexts_of_nested_calls, "7") {
  int number = 1;
  say("%d", x.plugin_call_with_host_context(hosted(nested, hosted(context, NULL)), "run", NULL, 0, &number));
}
static ExtismCurrentPlugin *kept;
static void keep(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                 void *data) {
  (void)in, (void)n_in, (void)n_out, (void)data;
  kept = p;
  out[0].v.i64 = 0;
}
static void ask_current(ExtismCurrentPlugin *p) {
  say("memory %d alloc %d length %d context %d", x.current_plugin_memory(p) != NULL,
      (int)x.current_plugin_memory_alloc(p, 8), (int)x.current_plugin_memory_length(p, 80),
      x.current_plugin_host_context(p) != NULL);
  x.current_plugin_memory_free(p, 80);
}
#define NONE "memory 0 alloc 0 length 0 context 0"
CASE(current, null, NONE) { ask_current(NULL); }
CASE(current, an_address, NONE) {
  int local[64] = {0};
  ask_current((ExtismCurrentPlugin *)local);
}
CASE(current, after_the_host_function, NONE) {
  int number = 1;
  x.plugin_call_with_host_context(hosted(keep, NULL), "run", NULL, 0, &number);
  ask_current(kept);
}
static void ask_kept(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                     void *data) {
  (void)p, (void)in, (void)n_in, (void)n_out, (void)data;
  ask_current(kept);
  out[0].v.i64 = 0;
}
CASE(current, of_an_earlier_call, NONE "; code 0; error NULL, output ") {
  x.plugin_call(hosted(keep, NULL), "run", NULL, 0);
  call(hosted(ask_kept, NULL), "run", NULL);
}
static void *ask_on_thread(void *current) {
  ask_current(current);
  return NULL;
}
static void other_thread(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out,
                         ExtismSize n_out, void *data) {
  (void)in, (void)n_in, (void)n_out, (void)data;
  pthread_t thread;
  pthread_create(&thread, NULL, ask_on_thread, p);
  pthread_join(thread, NULL);
  out[0].v.i64 = (int64_t)x.current_plugin_memory_length(p, x.current_plugin_memory_alloc(p, 2));
}
CASE(current, on_another_thread, NONE "; code 2; error NULL, output ") { call(hosted(other_thread, NULL), "run", NULL); }
static void which_thread(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out,
                         ExtismSize n_out, void *data) {
  (void)p, (void)in, (void)n_in, (void)n_out;
  out[0].v.i64 = pthread_equal(pthread_self(), *(pthread_t *)data) != 0;
}
CASE(current, runs_on_the_thread_of_the_call, "code 1") {
  pthread_t self = pthread_self();
  say("code %d", x.plugin_call(hosted(which_thread, &self), "run", NULL, 0));
}
static void overrun(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                    void *data) {
  (void)p, (void)in, (void)n_in, (void)n_out;
  *(int *)data += 1;
  set(&entered);
  pause_ms(5);
  out[0].v.i64 = 0;
}
static void *cancel_when_entered(void *handle) {
  when(&entered);
  return cancel_it(handle);
}
CASE(cancel, a_guest_that_calls_the_host, "code 134; error timeout*, output ; called 1") {
  int count = 0;
  ExtismPlugin *p = hosted(overrun, &count);
  pthread_t thread;
  pthread_create(&thread, NULL, cancel_when_entered, (void *)x.plugin_cancel_handle(p));
  call(p, "loop", NULL);
  set(&over);
  pthread_join(thread, NULL);
  say("called %d", count > 0);
}

/* ---- Forks ------------------------------------------------------------------------------------------------------ */

/* What a child says. */
static void in_child(void (*body)(void)) {
  int ends[2];
  if (pipe(ends) != 0) return;
  pid_t child = fork();
  if (child == 0) {
    forget_said();
    body();
    flush_said(ends[1]);
    _exit(0);
  }
  close(ends[1]);
  char heard[1024] = "";
  size_t length = 0;
  ssize_t more;
  while ((more = read(ends[0], heard + length, sizeof heard - 1 - length)) > 0) length += (size_t)more;
  int status = 0;
  waitpid(child, &status, 0);
  say("child %s, status %d", heard, status);
}
static void use_own(void) { call(own, "echo", "x"); }
CASE(fork, plugin_of_the_parent, "child code 0; error NULL, output x, status 0; code 0; error NULL, output y") {
  own = plugin(PLAIN);
  x.plugin_call(own, "noop", NULL, 0);
  in_child(use_own);
  call(own, "echo", "y");
}
static void make_one(void) { call(plugin(PLAIN), "echo", "x"); }
CASE(fork, plugin_of_the_child, "child code 0; error NULL, output x, status 0") {
  own = plugin(PLAIN);
  x.plugin_call(own, "noop", NULL, 0);
  in_child(make_one);
}
static void spin_own(void) { spin_bound(own); }
CASE(fork, time_limit, "child code 134; error timeout*, output ; soon 1, status 0") {
  own = plugin(BOUND);
  x.plugin_call(own, "spin", NULL, 0);
  in_child(spin_own);
}
static void cancel_in_child(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, cancel_it, (void *)x.plugin_cancel_handle(own));
  call(own, "spin", NULL);
  set(&over);
  pthread_join(thread, NULL);
}
CASE(fork, cancel, "child code 134; error timeout*, output , status 0") {
  own = plugin(PLAIN);
  x.plugin_call(own, "noop", NULL, 0);
  in_child(cancel_in_child);
}
static void run_dry(void) {
  call(own, "spin", NULL);
  call(own, "noop", NULL);
}
CASE(fork, fuel, "child code -1; error plugin ran out of fuel*, output ; code 0; error NULL, output , status 0") {
  own = x.plugin_new_with_fuel_limit(BYTES(PLAIN), NULL, 0, false, 2000, NULL);
  x.plugin_call(own, "noop", NULL, 0);
  in_child(run_dry);
}
static void use_busy(void) {
  say("code %d", x.plugin_call(own, "noop", NULL, 0));
  x.plugin_free(own);
}
CASE(fork, while_another_thread_calls, "child code -1, status 0; code 4") {
  own = hosted(slow, NULL);
  pthread_t thread;
  void *code;
  pthread_create(&thread, NULL, run_it, own);
  when(&entered);
  in_child(use_busy);
  set(&let_go);
  pthread_join(thread, &code);
  say("code %ld", (long)code);
}
static void fork_here(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                      void *data) {
  (void)p, (void)in, (void)n_in, (void)n_out, (void)data;
  in_child(make_one);
  out[0].v.i64 = 0;
}
CASE(fork, in_a_host_function, "child code 0; error NULL, output x, status 0; code 0; error NULL, output ") {
  call(hosted(fork_here, NULL), "run", NULL);
}
CASE(fork, while_others_make_plugins, "children 20") {
  pthread_t threads[2];
  int good = 0;
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, open_and_close, NULL);
  for (int i = 0; i < 20; i++) {
    pid_t child = fork();
    if (child == 0) {
      ExtismPlugin *p = plugin(PLAIN);
      _exit(x.plugin_call(p, "noop", NULL, 0) == 0 ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    good += status == 0;
    if (status != 0) say("child %d ended with %x", i, (unsigned)status);
  }
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  say("children %d", good);
}

/* ---- Logs ------------------------------------------------------------------------------------------------------- */

static int lines, with_nul, named;
static void count_line(const char *line, ExtismSize size) {
  lines++;
  with_nul += line[size] == 0 && strlen(line) == size;
  named += strstr(line, "ERROR extism::pdk: log plugin=") != NULL;
}
CASE(log, drained, "1; lines 1, with NUL 1, named 1; lines 1") {
  say("%d", x.log_custom("error"));
  x.plugin_call(plugin(PLAIN), "log", NULL, 0);
  x.log_drain(count_line);
  say("lines %d, with NUL %d, named %d", lines, with_nul, named);
  x.log_drain(count_line);
  say("lines %d", lines);
}
CASE(log, drained_without_a_setting, "lines 0") {
  x.log_drain(count_line);
  x.log_drain(NULL);
  say("lines %d", lines);
}
CASE(log, lines_of_a_plugin_that_is_not_made, "1; some 1") {
  say("%d", x.log_custom("trace"));
  x.plugin_new(BYTES("nonsense"), NULL, 0, false, NULL);
  x.log_drain(count_line);
  say("some %d", lines > 0);
}
CASE(log, lines_of_a_life, "1; some 1") {
  say("%d", x.log_custom("trace"));
  x.plugin_call(plugin(PLAIN), "noop", NULL, 0);
  x.log_drain(count_line);
  say("some %d", lines > 0);
}
static void drain_again(const char *line, ExtismSize size) {
  count_line(line, size);
  x.log_drain(count_line);
  x.plugin_call(own, "log", NULL, 0);
}
CASE(log, drained_while_draining, "lines 3") {
  x.log_custom("error");
  own = plugin(PLAIN);
  x.plugin_call(own, "log", NULL, 0);
  x.plugin_call(own, "log", NULL, 0);
  x.log_drain(drain_again);
  say("lines %d", lines);
}
CASE(log, to_a_file, "1; lines 2") {
  char path[] = "/tmp/edges-log-XXXXXX", line[4096];
  close(mkstemp(path));
  say("%d", x.log_file(path, "error"));
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_call(p, "log", NULL, 0);
  x.plugin_call(p, "missing", NULL, 0);
  FILE *file = fopen(path, "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) lines++;
  unlink(path);
  say("lines %d", lines);
}
CASE(log, nulls, "1 1") { say("%d %d", x.log_file(NULL, NULL), x.log_custom(NULL)); }
CASE(log, file_that_cannot_be_opened, "0") { say("%d", x.log_file("/nowhere/at/all", "error")); }
CASE(log, wrong_levels, "0 0 0 0") {
  say("%d %d %d %d", x.log_file("stderr", "loud"), x.log_custom(""), x.log_custom("\xff"), x.log_file("\xff", "error"));
}
CASE(log, filter, "1; lines 1") {
  say("%d", x.log_custom("extism::pdk=trace"));
  ExtismPlugin *p = plugin(PLAIN);
  x.plugin_call(p, "log", NULL, 0);
  x.plugin_call(p, "missing", NULL, 0);
  x.log_drain(count_line);
  say("lines %d", lines);
}
CASE(log, set_again, "1 1 1; lines 1") {
  int first = x.log_file("stdout", "off");
  int second = x.log_file("-", "off");
  say("%d %d %d", first, second, x.log_custom("error"));
  x.plugin_call(plugin(PLAIN), "log", NULL, 0);
  x.log_drain(count_line);
  say("lines %d", lines);
}

/* ---- Additions -------------------------------------------------------------------------------------------------- */

CASE(poly, engines, "some 1, after the last 1 1") {
  ExtismSize count = x.poly_engine_count();
  int named_all = count > 0;
  for (ExtismSize i = 0; i < count; i++)
    named_all &= strlen(x.poly_engine_name(i)) > 0 && strlen(x.poly_engine_version(i)) > 0;
  say("some %d, after the last %d %d", named_all, x.poly_engine_name(count) == NULL,
      x.poly_engine_version(UINT64_MAX) == NULL);
}
CASE(poly, each_engine, "all 1") {
  int all = 1;
  for (ExtismSize i = 0; i < x.poly_engine_count(); i++) {
    ExtismPolyOptions options = {.size = sizeof options, .engine = x.poly_engine_name(i)};
    ExtismPlugin *p = x.poly_plugin_new(BYTES(PLAIN), NULL, 0, &options, NULL);
    all &= strcmp(x.poly_plugin_engine(p), options.engine) == 0 && x.plugin_call(p, "noop", NULL, 0) == 0;
  }
  say("all %d", all);
}
static void with_options(ExtismPolyOptions options) {
  char *why = NULL;
  ExtismPlugin *p = x.poly_plugin_new(BYTES(PLAIN), NULL, 0, &options, &why);
  say("kind %s", x.poly_error_kind_name(x.poly_new_error_kind()));
  made(p, why);
}
CASE(poly, options_null, "made 1, NULL") {
  char *why = NULL;
  ExtismPlugin *p = x.poly_plugin_new(BYTES(PLAIN), NULL, 0, NULL, &why);
  made(p, why);
}
CASE(poly, unknown_engine, "kind unknown-engine; made 0, Unable to compile Extism plugin: unknown engine `none`*") {
  with_options((ExtismPolyOptions){.size = sizeof(ExtismPolyOptions), .engine = "none"});
}
CASE(poly, options_without_a_size, "kind argument; made 0, options: *size*") { with_options((ExtismPolyOptions){0}); }
CASE(poly, options_of_a_newer_version, "0, *does not know*; 1, NULL") {
  struct {
    ExtismPolyOptions known;
    uint64_t further;
  } options = {{.size = sizeof options}, 1};
  for (int i = 0; i < 2; i++) {
    char *why = NULL;
    ExtismPlugin *p = x.poly_plugin_new(BYTES(PLAIN), NULL, 0, &options.known, &why);
    say("%d, %s", p != NULL, text(why));
    options.further = 0;
  }
}
CASE(poly, unknown_flags, "kind argument; made 0, options: unknown flags*") {
  with_options((ExtismPolyOptions){.size = sizeof(ExtismPolyOptions), .flags = UINT64_C(1) << 60});
}
CASE(poly, engine_name_not_utf_8, "kind argument; made 0, options: *") {
  with_options((ExtismPolyOptions){.size = sizeof(ExtismPolyOptions), .engine = "\xff"});
}
CASE(poly, limits, "kind invalid-module; made 0, Unable to compile Extism plugin: *module_bytes*") {
  with_options((ExtismPolyOptions){.size = sizeof(ExtismPolyOptions), .module_bytes = 10});
}
CASE(poly, strict, "kind none; made 1, NULL") {
  with_options((ExtismPolyOptions){.size = sizeof(ExtismPolyOptions), .flags = EXTISM_POLY_STRICT});
}
CASE(poly, memory_pages, "made 0, Unable to create Extism plugin: *memory_pages*; kind memory-limit") {
  char *why = NULL;
  ExtismPolyOptions options = {.size = sizeof options, .memory_pages = 3};
  ExtismPlugin *p = x.poly_plugin_new(BYTES("(module (memory (export \"memory\") 5))"), NULL, 0, &options, &why);
  ExtismPolyErrorKind kind = x.poly_new_error_kind();
  made(p, why);
  say("kind %s", x.poly_error_kind_name(kind));
}
CASE(poly, forbidden, "kind invalid-module; made 0, Unable to compile Extism plugin: *uses bulk memory, which this host forbids*") {
  ExtismPolyOptions options = {.size = sizeof options, .forbidden = "exceptions, bulk-memory"};
  char *why = NULL;
  ExtismPlugin *p = x.poly_plugin_new(BYTES("(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))"), NULL, 0, &options, &why);
  say("kind %s", x.poly_error_kind_name(x.poly_new_error_kind()));
  made(p, why);
}
CASE(poly, forbidden_goto, "kind argument; made 0, options: unknown feature `goto`*") {
  with_options((ExtismPolyOptions){.size = sizeof(ExtismPolyOptions), .forbidden = "goto"});
}
CASE(poly, cache_folder, "files 1") {
  char folder[] = "/tmp/edges-cache-XXXXXX", command[64];
  if (mkdtemp(folder) == NULL) return;
  ExtismPolyOptions options = {.size = sizeof options, .cache_folder = folder};
  int worked = x.plugin_call(x.poly_plugin_new(BYTES(PLAIN), NULL, 0, &options, NULL), "noop", NULL, 0) == 0;
  snprintf(command, sizeof command, "rm -r %s", folder);
  say("files %d", system(command) == 0 && worked);
}
CASE(poly, wasi_and_compiled, "code 3") {
  ExtismPolyOptions options = {.size = sizeof options, .flags = EXTISM_POLY_WASI | EXTISM_POLY_DETERMINISTIC};
  ExtismCompiledPlugin *c = x.poly_compiled_plugin_new(BYTES(EXITING), NULL, 0, &options, NULL);
  say("code %d", x.plugin_call(x.plugin_new_from_compiled(c, NULL), "three", NULL, 0));
}
CASE(poly, fuel_used, "1: 7000 units; 0") {
  ExtismPolyOptions options = {.size = sizeof options, .flags = EXTISM_POLY_COUNT_FUEL};
  ExtismPlugin *p = x.poly_plugin_new(BYTES(PLAIN), NULL, 0, &options, NULL);
  uint64_t units = 0;
  x.plugin_call(p, "turns", NULL, 0);
  bool counted = x.poly_plugin_fuel_used(p, &units);
  say("%d: %d units", counted, (int)units);
  say("%d", x.poly_plugin_fuel_used(plugin(PLAIN), &units));
}
CASE(poly, fuel_used_nowhere_to_go, "1 0") {
  ExtismPlugin *p = x.plugin_new_with_fuel_limit(BYTES(PLAIN), NULL, 0, false, 100, NULL);
  x.plugin_call(p, "noop", NULL, 0);
  say("%d %d", x.poly_plugin_fuel_used(p, NULL), x.poly_plugin_fuel_used(NULL, NULL));
}
CASE(poly, limits_of_a_call, "134 timeout; 0 none; -1 out-of-fuel; -1 argument; -1 argument") {
  ExtismPolyOptions options = {.size = sizeof options, .flags = EXTISM_POLY_COUNT_FUEL};
  ExtismPlugin *p = x.poly_plugin_new(BYTES(PLAIN), NULL, 0, &options, NULL), *uncounted = plugin(PLAIN);
  struct {
    ExtismPlugin *plugin;
    const char *name;
    ExtismPolyLimits limits;
  } rows[] = {
      {p, "spin", {sizeof(ExtismPolyLimits), EXTISM_POLY_LIMIT_TIME, 50, 0}},
      {p, "turns", {sizeof(ExtismPolyLimits), EXTISM_POLY_LIMIT_TIME, 3600000, 0}},
      {p, "turns", {sizeof(ExtismPolyLimits), EXTISM_POLY_LIMIT_FUEL, 0, 100}},
      {p, "turns", {sizeof(ExtismPolyLimits), 64, 0, 0}},
      {uncounted, "turns", {sizeof(ExtismPolyLimits), EXTISM_POLY_LIMIT_FUEL, 0, 100}},
  };
  for (int i = 0; i < 5; i++) {
    int code = x.poly_plugin_call_with_limits(rows[i].plugin, rows[i].name, NULL, 0, NULL, &rows[i].limits);
    say("%d %s", code, x.poly_error_kind_name(x.poly_plugin_error_kind(rows[i].plugin)));
  }
}
CASE(poly, kinds, "return-code guest trap unknown-function none closed") {
  ExtismPlugin *p = plugin(PLAIN);
  const char *names[] = {"code", "said", "trap", "missing", "noop"}, *seen[5];
  for (int i = 0; i < 5; i++) {
    x.plugin_call(p, names[i], NULL, 0);
    seen[i] = x.poly_error_kind_name(x.poly_plugin_error_kind(p));
  }
  say("%s %s %s %s %s %s", seen[0], seen[1], seen[2], seen[3], seen[4],
      x.poly_error_kind_name(x.poly_plugin_error_kind(NULL)));
}
CASE(poly, kind_without_a_name, "1") { say("%d", x.poly_error_kind_name((ExtismPolyErrorKind)1234) == NULL); }
static void fail(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                 void *data) {
  (void)in, (void)n_in, (void)n_out;
  x.poly_current_plugin_fail(p, data);
  out[0].v.i64 = 1;
}
CASE(poly, failing_host_function, "code -1; error no such row, output ; kind host-function; code 0*") {
  ExtismPlugin *p = hosted(fail, "no such row");
  call(p, "run", NULL);
  say("kind %s", x.poly_error_kind_name(x.poly_plugin_error_kind(p)));
  call(p, "noop", NULL);
}
CASE(poly, failing_without_a_reason, "code -1; error the host function failed*, output ; 0") {
  call(hosted(fail, NULL), "run", NULL);
  say("%d", x.poly_current_plugin_fail(NULL, "x"));
}
static void checked(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                    void *data) {
  (void)n_in, (void)n_out;
  ExtismMemoryHandle given = (ExtismMemoryHandle)in[0].v.i64, block = x.current_plugin_memory_alloc(p, 5);
  uint8_t bytes[5] = "?????";
  if (data != NULL) x.current_plugin_memory(p);
  bool all = x.poly_current_plugin_read(p, given, 0, bytes, 5);
  say("%d %d %d %d %d %d", all, x.poly_current_plugin_read(p, given, 1, bytes, 5), x.poly_current_plugin_read(p, given, UINT64_MAX, bytes, 5),
      x.poly_current_plugin_read(p, given + 1, 0, bytes, 1), x.poly_current_plugin_read(p, given, 0, NULL, 5),
      x.poly_current_plugin_read(p, given, 5, NULL, 0));
  bool whole = x.poly_current_plugin_write(p, block, 0, bytes, 5);
  bool part = x.poly_current_plugin_write(p, block, 3, (const uint8_t *)"p!", 2);
  say("%d %d %d", whole, part, x.poly_current_plugin_write(p, block, 4, (const uint8_t *)"xx", 2));
  out[0].v.i64 = (int64_t)block;
}
CASE(poly, checked_memory, "1 0 0 0 0 1; 1 1 0; code 0; error NULL, output help!") {
  call(hosted(checked, NULL), "block", "hello");
}
CASE(poly, checked_memory_with_a_view, "1 0 0 0 0 1; 1 1 0; code 0; error NULL, output help!") {
  call(hosted(checked, &one), "block", "hello");
}
