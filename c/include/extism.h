/* extism.h - run Extism plug-ins from C and C++.
 *
 * This library has the functions of libextism, so a program or an SDK that loads that one can load this one in its
 * place. It runs plug-ins on an engine of your choice: set the environment variable EXTISM_ENGINE, or use the
 * extism_poly_* functions at the end.
 *
 * RULES FOR ALL FUNCTIONS
 *
 * Handles. ExtismPlugin*, ExtismCompiledPlugin*, ExtismFunction*, ExtismCancelHandle* and ExtismCurrentPlugin* are
 * handles. Compare them with NULL and with each other, never read what they point at. A handle that is NULL, was
 * freed, or is of another kind is closed: the function does nothing and returns NULL, false, 0 or -1.
 *
 * Threads. Every function may be called by any thread, except those that take an ExtismCurrentPlugin*. Calls of one
 * plug-in wait for each other. What a thread reads after its own call (output, error, kind, fuel) belongs to that
 * call, whatever other threads do meanwhile. A thread that has not called the plug-in reads what its last call left;
 * the addresses stay until it asks again after a further call of another thread.
 * A host function must not call the plug-in that called it: such a call returns -1 with an error text. No function may
 * be called by a signal handler, extism_plugin_cancel neither: the thread might wait for itself. Call none but those
 * that free after `main` has returned, or in what ends with a thread: some engines have ended by then.
 *
 * Texts. Names, levels and paths end with NUL and are UTF-8. Bytes have an address and a size; the address may be NULL
 * if the size is 0. Arguments are copied, unless it says otherwise.
 *
 * Forks. A child process can use the plug-ins of its parent, unless another thread was calling them at that moment:
 * then calls return -1 with an error text. A fork waits until no other thread compiles, makes or frees a plug-in.
 *
 * Not supported: longjmp out of a host function. A C++ exception that leaves one ends the process.
 */
#ifndef EXTISM_H
#define EXTISM_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Types ------------------------------------------------------------------------------------------------------ */

typedef uint64_t ExtismSize;

/* The address of a block in the memory that plug-in and host share, counted from extism_current_plugin_memory.
 * 0 is no block. */
typedef uint64_t ExtismMemoryHandle;

/* The types of the parameters and results of host functions. Plug-ins can pass the first four. */
typedef enum {
  ExtismValType_I32 = 0,
  ExtismValType_I64 = 1,
  ExtismValType_F32 = 2,
  ExtismValType_F64 = 3,
  ExtismValType_V128 = 4,
  ExtismValType_FuncRef = 5,
  ExtismValType_ExternRef = 6
} ExtismValType;

/* How the plug-in kits pass the address of a block. */
#define EXTISM_PTR ExtismValType_I64

/* What a call returns that succeeded. */
#define EXTISM_SUCCESS 0

typedef union {
  int32_t i32;
  int64_t i64;
  float f32;
  double f64;
} ExtismValUnion;

typedef struct {
  ExtismValType t;
  ExtismValUnion v;
} ExtismVal;

typedef struct ExtismPlugin ExtismPlugin;
typedef struct ExtismCompiledPlugin ExtismCompiledPlugin;
typedef struct ExtismFunction ExtismFunction;
typedef struct ExtismCurrentPlugin ExtismCurrentPlugin;
typedef struct ExtismCancelHandle ExtismCancelHandle;

/* A host function. It runs on the thread that called the plug-in.
 *
 * plugin    the plug-in that calls, valid until the function returns, on this thread
 * inputs    n_inputs values; NULL if there are none
 * outputs   n_outputs values to set; NULL if there are none. Their types are set, their values are 0.
 * data      what extism_function_new was given
 */
typedef void (*ExtismFunctionType)(ExtismCurrentPlugin *plugin, const ExtismVal *inputs, ExtismSize n_inputs,
                                   ExtismVal *outputs, ExtismSize n_outputs, void *data);

/* Frees what a host function owns. */
typedef void (*ExtismFreeFunctionType)(void *data);

/* Takes a log line. It has `size` bytes, then NUL. */
typedef void (*ExtismLogDrainFunctionType)(const char *line, ExtismSize size);

/* ---- Plug-ins --------------------------------------------------------------------------------------------------- */

/* The version of this library, which begins with that of libextism whose functions it has. Never freed. */
const char *extism_version(void);

/* Makes a plug-in.
 *
 * wasm       a WebAssembly module, its text format, or a manifest in JSON or TOML, which can limit the time of calls
 *            ("timeout_ms") and the memory ("memory": {"max_pages"}), and allow hosts and folders
 * functions  n_functions host functions; NULL if there are none. They are moved into the plug-in, also if it cannot be
 *            made; afterwards free the handles, and make other functions for other plug-ins.
 * with_wasi  whether the plug-in may import WASI preview 1
 * errmsg     where the address of an error text goes; may be NULL. Free the text with extism_plugin_new_error_free.
 *
 * Returns a plug-in that you free with extism_plugin_free, or NULL. *errmsg is set only if it is NULL. */
ExtismPlugin *extism_plugin_new(const uint8_t *wasm, ExtismSize wasm_size, const ExtismFunction **functions,
                                ExtismSize n_functions, bool with_wasi, char **errmsg);

/* As extism_plugin_new. Each call may use `fuel_limit` units of fuel, about one for each instruction: none
 * succeeds with 0. */
ExtismPlugin *extism_plugin_new_with_fuel_limit(const uint8_t *wasm, ExtismSize wasm_size,
                                                const ExtismFunction **functions, ExtismSize n_functions,
                                                bool with_wasi, uint64_t fuel_limit, char **errmsg);

/* Compiles a plug-in, to make any number of instances, on any threads, without compiling again. Arguments and errors
 * are those of extism_plugin_new. Free it with extism_compiled_plugin_free. */
ExtismCompiledPlugin *extism_compiled_plugin_new(const uint8_t *wasm, ExtismSize wasm_size,
                                                 const ExtismFunction **functions, ExtismSize n_functions,
                                                 bool with_wasi, char **errmsg);

/* As extism_compiled_plugin_new, with a limit as extism_plugin_new_with_fuel_limit has it. */
ExtismCompiledPlugin *extism_compiled_plugin_new_with_fuel_limit(const uint8_t *wasm, ExtismSize wasm_size,
                                                                 const ExtismFunction **functions,
                                                                 ExtismSize n_functions, bool with_wasi,
                                                                 uint64_t fuel_limit, char **errmsg);

/* Makes an instance of a compiled plug-in. Returns and errors are those of extism_plugin_new. */
ExtismPlugin *extism_plugin_new_from_compiled(const ExtismCompiledPlugin *compiled, char **errmsg);

/* Frees a compiled plug-in. Its instances stay. */
void extism_compiled_plugin_free(ExtismCompiledPlugin *compiled);

/* Frees a plug-in. If a thread is calling it, it goes when that call ends; the handle is closed at once. */
void extism_plugin_free(ExtismPlugin *plugin);

/* Frees an error text of a function that makes plug-ins. Any other address is ignored. */
void extism_plugin_new_error_free(char *errmsg);

/* The 16 bytes of the id of the plug-in, which log lines name. They stay until it is freed. */
const uint8_t *extism_plugin_id(ExtismPlugin *plugin);

/* Changes what the plug-in reads as configuration: a JSON object in which a text sets a key and null removes it.
 * Waits for a running call. Returns whether it was changed; if anything in it is wrong, nothing is. */
bool extism_plugin_config(ExtismPlugin *plugin, const uint8_t *json, ExtismSize json_size);

/* Whether the plug-in exports a function of that name that can be called: without parameters, with one result or
 * none. */
bool extism_plugin_function_exists(ExtismPlugin *plugin, const char *func_name);

/* Has the plug-in read the headers of HTTP responses, from the next request on. Waits for a running call. */
void extism_plugin_allow_http_response_headers(ExtismPlugin *plugin);

/* Frees and clears the memory that plug-in and host share. The plug-in's own memory stays. Waits for a running call.
 * Returns whether it was done. */
bool extism_plugin_reset(ExtismPlugin *plugin);

/* ---- Calls ------------------------------------------------------------------------------------------------------ */

/* Calls an exported function.
 *
 * Returns
 *    0    it succeeded; the plug-in may have set an error text all the same
 *    n    the function returned n, or ended the program with exit code n
 *  134    it trapped, ran out of time, or was cancelled
 *   -1    anything else: the function is unknown, the fuel is used up, a host function failed, the handle is closed
 */
int32_t extism_plugin_call(ExtismPlugin *plugin, const char *func_name, const uint8_t *data, ExtismSize data_size);

/* As extism_plugin_call. Host functions of this call get `host_context` from extism_current_plugin_host_context. */
int32_t extism_plugin_call_with_host_context(ExtismPlugin *plugin, const char *func_name, const uint8_t *data,
                                             ExtismSize data_size, void *host_context);

/* The error text of the last call, NULL if it had none. A function that only returned a code has none. It stays until
 * this thread calls the plug-in again or frees it, or ends. NULL in a host function, for the plug-in that called it. */
const char *extism_plugin_error(ExtismPlugin *plugin);

/* The same, by its old name. */
const char *extism_error(ExtismPlugin *plugin);

/* How many bytes of output the last call left. 0 if it trapped. A call that returned a code, or set an error text,
 * may have an output. */
ExtismSize extism_plugin_output_length(ExtismPlugin *plugin);

/* Where they are; never NULL if the plug-in is there. They stay until this thread calls the plug-in again or frees it,
 * or ends. */
const uint8_t *extism_plugin_output_data(ExtismPlugin *plugin);

/* The handle by which any thread cancels calls of the plug-in. It is always the same, and goes with the plug-in. */
const ExtismCancelHandle *extism_plugin_cancel_handle(const ExtismPlugin *plugin);

/* Cancels the running call. If none runs, nothing happens: the next one is not affected. Returns whether the plug-in is
 * there. */
bool extism_plugin_cancel(const ExtismCancelHandle *handle);

/* ---- Host functions --------------------------------------------------------------------------------------------- */

/* Makes a host function.
 *
 * name       by which plug-ins import it; from the namespace extism:host/user, or any that nothing else provides
 * inputs     the types of its n_inputs parameters
 * outputs    the types of its n_outputs results
 * func       what is called
 * user_data  what it is given
 * free_user_data  frees that, once, when the last of the function and the plug-ins that have it goes, on the thread
 *            that frees it and before that returns; may be NULL, and is not called for NULL
 *
 * Returns a function that you free with extism_function_free, also after it was moved into a plug-in. NULL if the
 * name is NULL or not UTF-8, or func is NULL; then user_data is not freed. */
ExtismFunction *extism_function_new(const char *name, const ExtismValType *inputs, ExtismSize n_inputs,
                                    const ExtismValType *outputs, ExtismSize n_outputs, ExtismFunctionType func,
                                    void *user_data, ExtismFreeFunctionType free_user_data);

/* Has the function answer imports from this namespace only. Without effect once it was moved into a plug-in. */
void extism_function_set_namespace(ExtismFunction *function, const char *namespace_);

/* Frees the handle. A plug-in that has the function keeps it. */
void extism_function_free(ExtismFunction *function);

/* The address of the memory that plug-in and host share. It stays the same until the host function returns, also if
 * that allocates. Blocks lie at this address plus their handle. */
uint8_t *extism_current_plugin_memory(ExtismCurrentPlugin *plugin);

/* Allocates a block of `size` bytes, all 0. Returns 0 for a size of 0, and if there is no room. */
ExtismMemoryHandle extism_current_plugin_memory_alloc(ExtismCurrentPlugin *plugin, ExtismSize size);

/* The size of a block; 0 if it is none. */
ExtismSize extism_current_plugin_memory_length(ExtismCurrentPlugin *plugin, ExtismMemoryHandle block);

/* Frees a block. Anything else is ignored. */
void extism_current_plugin_memory_free(ExtismCurrentPlugin *plugin, ExtismMemoryHandle block);

/* What extism_plugin_call_with_host_context was given; NULL for other calls. */
void *extism_current_plugin_host_context(ExtismCurrentPlugin *plugin);

/* ---- Logs ------------------------------------------------------------------------------------------------------- */

/* Sends log lines of the process to the end of a file, from now on. May be set again at any time.
 *
 * filename   a path, "stdout", or "stderr" or "-"; NULL is "stderr"
 * log_level  "trace", "debug", "info", "warn", "error" or "off", or levels by target, as "extism::pdk=debug"; NULL is
 *            "error"
 *
 * Returns whether they go there now. */
bool extism_log_file(const char *filename, const char *log_level);

/* Keeps log lines, up to 4 MiB of them, until extism_log_drain takes them. Returns whether it does now. */
bool extism_log_custom(const char *log_level);

/* Calls `handler` with each line that is kept, the oldest first. */
void extism_log_drain(ExtismLogDrainFunctionType handler);

/* ---- Additions -------------------------------------------------------------------------------------------------- */
/* What libextism does not have. A program that is to run with both looks these up at run time. */

/* How many engines are built in, each with each of its compilers. */
ExtismSize extism_poly_engine_count(void);

/* The name of one, as EXTISM_ENGINE and the options understand it. NULL beyond the last. Never freed. */
const char *extism_poly_engine_name(ExtismSize index);

/* The version of one. NULL beyond the last. Never freed. */
const char *extism_poly_engine_version(ExtismSize index);

/* Flags of ExtismPolyOptions. */
#define EXTISM_POLY_WASI UINT64_C(1)                   /* the plug-in may import WASI preview 1 */
#define EXTISM_POLY_STRICT UINT64_C(2)                 /* limits for code of strangers, where none is given */
#define EXTISM_POLY_NO_CACHE UINT64_C(4)               /* keep no compiled code on disk */
#define EXTISM_POLY_DETERMINISTIC UINT64_C(8)          /* the same bits of floats on every machine; slower */
#define EXTISM_POLY_HTTP_RESPONSE_HEADERS UINT64_C(16) /* the plug-in may read headers of HTTP responses */
#define EXTISM_POLY_COUNT_FUEL UINT64_C(32)            /* count fuel, also without a limit */

/* What a plug-in is given. Set all of it to 0 and `size` to its size; 0 is the default of each field. */
typedef struct {
  uint64_t size;
  uint64_t flags;
  const char *engine;      /* a name; NULL is EXTISM_ENGINE, else the first that is built in */
  uint64_t fuel;           /* units of fuel for each call; 0 is no limit */
  uint64_t memory_pages;   /* pages of 64 KiB of all memories together */
  uint64_t table_elements; /* elements of all tables together */
  uint64_t module_bytes;   /* bytes of each module */
  uint64_t compile_cost;   /* how much compiling a module may cost, in percent of the strict limit */
  const char *cache_folder; /* where compiled code is kept; NULL is the user's folder for caches */
  uint64_t cache_bytes;     /* the most bytes that are kept */
  uint64_t heap_pages;      /* pages of 64 KiB of the heap of objects (structs, arrays, exceptions) */
  const char *forbidden;    /* features that modules must not use, with commas between: "simd,exceptions" */
} ExtismPolyOptions;

/* Flags of ExtismPolyLimits. */
#define EXTISM_POLY_LIMIT_TIME UINT64_C(1) /* timeout_ms is given */
#define EXTISM_POLY_LIMIT_FUEL UINT64_C(2) /* fuel is given; the plug-in has to count it */

/* The limits of one call. What is not given is as for every call of the plug-in. */
typedef struct {
  uint64_t size;
  uint64_t flags;
  uint64_t timeout_ms;
  uint64_t fuel;
} ExtismPolyLimits;

/* Why something failed. Further numbers may come; extism_poly_error_kind_name knows them. */
typedef enum {
  ExtismPolyError_None = 0,
  ExtismPolyError_Argument = 1,
  ExtismPolyError_Cancelled = 2,
  ExtismPolyError_Closed = 3,
  ExtismPolyError_Engine = 4,
  ExtismPolyError_EnginePanic = 5,
  ExtismPolyError_Exit = 6,
  ExtismPolyError_Guest = 7,
  ExtismPolyError_HostFunction = 8,
  ExtismPolyError_InvalidModule = 9,
  ExtismPolyError_Link = 10,
  ExtismPolyError_Manifest = 11,
  ExtismPolyError_MemoryLimit = 12,
  ExtismPolyError_OutOfFuel = 13,
  ExtismPolyError_Reentrant = 14,
  ExtismPolyError_ReturnCode = 15,
  ExtismPolyError_Timeout = 16,
  ExtismPolyError_Trap = 17,
  ExtismPolyError_UnknownEngine = 18,
  ExtismPolyError_UnknownFunction = 19,
  ExtismPolyError_Unsupported = 20,
  ExtismPolyError_Other = 99
} ExtismPolyErrorKind;

/* As extism_plugin_new, with options. `options` may be NULL. */
ExtismPlugin *extism_poly_plugin_new(const uint8_t *wasm, ExtismSize wasm_size, const ExtismFunction **functions,
                                     ExtismSize n_functions, const ExtismPolyOptions *options, char **errmsg);

/* As extism_compiled_plugin_new, with options. `options` may be NULL. */
ExtismCompiledPlugin *extism_poly_compiled_plugin_new(const uint8_t *wasm, ExtismSize wasm_size,
                                                      const ExtismFunction **functions, ExtismSize n_functions,
                                                      const ExtismPolyOptions *options, char **errmsg);

/* Why the last plug-in of this thread could not be made; none if it was made. */
ExtismPolyErrorKind extism_poly_new_error_kind(void);

/* The engine of a plug-in. It stays until the plug-in is freed. */
const char *extism_poly_plugin_engine(ExtismPlugin *plugin);

/* As extism_plugin_call_with_host_context, with limits for this call. `limits` may be NULL. */
int32_t extism_poly_plugin_call_with_limits(ExtismPlugin *plugin, const char *func_name, const uint8_t *data,
                                            ExtismSize data_size, void *host_context, const ExtismPolyLimits *limits);

/* Why the last call failed, in which extism_plugin_error is the text; none if it succeeded. */
ExtismPolyErrorKind extism_poly_plugin_error_kind(ExtismPlugin *plugin);

/* The name of a kind, as "out-of-fuel". NULL if there is no such kind. Never freed. */
const char *extism_poly_error_kind_name(ExtismPolyErrorKind kind);

/* Writes how many units of fuel the last call used. Returns false if the plug-in does not count fuel. */
bool extism_poly_plugin_fuel_used(ExtismPlugin *plugin, uint64_t *units);

/* Has the running host function fail when it returns: the plug-in stops, and its call returns -1 with this text.
 * Returns whether the host function is running. */
bool extism_poly_current_plugin_fail(ExtismCurrentPlugin *plugin, const char *reason);

/* Copies `size` bytes of a block, from `offset` of it on, to `bytes`. Returns false, and copies nothing, if they do
 * not all lie in the block. */
bool extism_poly_current_plugin_read(ExtismCurrentPlugin *plugin, ExtismMemoryHandle block, ExtismSize offset,
                                     uint8_t *bytes, ExtismSize size);

/* Copies `size` bytes to a block, from `offset` of it on. Returns false, and copies nothing, if they do not all fit. */
bool extism_poly_current_plugin_write(ExtismCurrentPlugin *plugin, ExtismMemoryHandle block, ExtismSize offset,
                                      const uint8_t *bytes, ExtismSize size);

#ifdef __cplusplus
}
#endif

#endif /* EXTISM_H */
