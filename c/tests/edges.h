/* What the table of edge cases is made with: the library, found at run time so that the same program runs with any
 * libextism, and a few words to say what was seen. */
#ifndef EDGES_H
#define EDGES_H

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "extism.h"

/* The functions of the library by their names without `extism_`. Those that it does not have are NULL. */
#define FUNCTIONS(F)                                                                                                   \
  F(version)                                                                                                           \
  F(plugin_new)                                                                                                        \
  F(plugin_new_with_fuel_limit)                                                                                        \
  F(compiled_plugin_new)                                                                                               \
  F(compiled_plugin_new_with_fuel_limit)                                                                               \
  F(plugin_new_from_compiled)                                                                                          \
  F(compiled_plugin_free)                                                                                              \
  F(plugin_free)                                                                                                       \
  F(plugin_new_error_free)                                                                                             \
  F(plugin_id)                                                                                                         \
  F(plugin_config)                                                                                                     \
  F(plugin_function_exists)                                                                                            \
  F(plugin_allow_http_response_headers)                                                                                \
  F(plugin_reset)                                                                                                      \
  F(plugin_call)                                                                                                       \
  F(plugin_call_with_host_context)                                                                                     \
  F(plugin_error)                                                                                                      \
  F(error)                                                                                                             \
  F(plugin_output_length)                                                                                              \
  F(plugin_output_data)                                                                                                \
  F(plugin_cancel_handle)                                                                                              \
  F(plugin_cancel)                                                                                                     \
  F(function_new)                                                                                                      \
  F(function_set_namespace)                                                                                            \
  F(function_free)                                                                                                     \
  F(current_plugin_memory)                                                                                             \
  F(current_plugin_memory_alloc)                                                                                       \
  F(current_plugin_memory_length)                                                                                      \
  F(current_plugin_memory_free)                                                                                        \
  F(current_plugin_host_context)                                                                                       \
  F(log_file)                                                                                                          \
  F(log_custom)                                                                                                        \
  F(log_drain)                                                                                                         \
  F(poly_engine_count)                                                                                                 \
  F(poly_engine_name)                                                                                                  \
  F(poly_engine_version)                                                                                               \
  F(poly_plugin_new)                                                                                                   \
  F(poly_compiled_plugin_new)                                                                                          \
  F(poly_new_error_kind)                                                                                               \
  F(poly_plugin_engine)                                                                                                \
  F(poly_plugin_call_with_limits)                                                                                      \
  F(poly_plugin_error_kind)                                                                                            \
  F(poly_error_kind_name)                                                                                              \
  F(poly_plugin_fuel_used)                                                                                             \
  F(poly_current_plugin_fail)                                                                                          \
  F(poly_current_plugin_read)                                                                                          \
  F(poly_current_plugin_write)

#define DECLARE(name) __typeof__(extism_##name) *name;
typedef struct {
  FUNCTIONS(DECLARE)
} Library;

extern Library x;

/* A case: what it does, and what it says then. `*` stands for anything. */
typedef struct Case {
  const char *name;
  void (*run)(void);
  const char *expected;
  struct Case *next;
} Case;

void add_case(Case *added);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define CASE(group, what, text)                                                                                        \
  static void group##_##what(void);                                                                                    \
  static Case case_##group##_##what = {#group "/" #what, group##_##what, text, NULL};                                  \
  __attribute__((constructor)) static void add_##group##_##what(void) { add_case(&case_##group##_##what); }            \
  static void group##_##what(void)

/* The guests. */
extern const char PLAIN[];
extern const char HOSTED[];
extern const char EXITING[];
extern const char BOUND[];

#define BYTES(text) (const uint8_t *)(text), strlen(text)

/* A plug-in, or NULL after saying why not. */
ExtismPlugin *plugin(const char *wasm);
/* A plug-in of HOSTED whose host function `host` is `body`. */
ExtismPlugin *hosted(ExtismFunctionType body, void *data);
/* A function `host` from a number to a number. */
ExtismFunction *function(ExtismFunctionType body, void *data, ExtismFreeFunctionType free_data);
/* Calls a function and says the code, the text and the output. */
void call(ExtismPlugin *plugin, const char *name, const char *input);
/* Says the text and the output of the last call. */
void ended(ExtismPlugin *plugin);
/* A text for `say`. */
const char *text(const char *text);
/* In a child: begin to say afresh, and hand what was said to its parent. */
void forget_said(void);
void flush_said(int end);
void pause_ms(long milliseconds);
/* How long this thread has run. */
long thread_ms(void);

#endif
