/* What calls cost from C: this library beside the official one, in one process, in turns.
 *
 *   speed OURS THEIRS [ROUNDS]
 *
 * Each round times both libraries after each other; the medians of all rounds are shown, in nanoseconds. */
#include "../../c/tests/edges.h"

Library x;
void add_case(Case *added) { (void)added; }
void say(const char *format, ...) { (void)format; }

static const char GUEST[] =
    "(module (import \"extism:host/user\" \"host\" (func $host (param i64) (result i64)))"
    "(func (export \"noop\") (result i32) (i32.const 0))"
    "(func (export \"hosts\") (result i32) (local i32)"
    "  (loop (drop (call $host (i64.const 7)))"
    "    (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 1000))))"
    "  (i32.const 0)))";

static void host(ExtismCurrentPlugin *p, const ExtismVal *in, ExtismSize n_in, ExtismVal *out, ExtismSize n_out,
                 void *data) {
  (void)p, (void)n_in, (void)n_out, (void)data;
  out[0].v.i64 = in[0].v.i64 + 1;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void load(Library *library, const char *path, ExtismPlugin **plugin) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
  }
#define FIND(name) *(void **)&library->name = dlsym(handle, "extism_" #name);
  FUNCTIONS(FIND)
  ExtismValType type = ExtismValType_I64;
  const ExtismFunction *functions[] = {library->function_new("host", &type, 1, &type, 1, host, NULL, NULL)};
  char *why = NULL;
  *plugin = library->plugin_new((const uint8_t *)GUEST, strlen(GUEST), functions, 1, false, &why);
  if (*plugin == NULL) {
    fprintf(stderr, "%s: %s\n", path, why);
    exit(2);
  }
}

static double time_of(Library *library, ExtismPlugin *plugin, const char *function, int calls, double each) {
  double start = now();
  for (int i = 0; i < calls; i++)
    if (library->plugin_call(plugin, function, NULL, 0) != 0 || library->plugin_output_length(plugin) != 0) exit(3);
  return (now() - start) / calls / each;
}

static int compare(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  enum { MOST = 1001 };
  int rounds = count > 3 ? atoi(arguments[3]) : 51;
  if (rounds < 1 || rounds > MOST) rounds = 51;
  static double times[2][2][MOST];
  Library libraries[2];
  ExtismPlugin *plugins[2];
  for (int i = 0; i < 2; i++) load(&libraries[i], arguments[1 + i], &plugins[i]);
  for (int round = 0; round < rounds; round++) {
    for (int i = 0; i < 2; i++) {
      int which = (i + round) % 2;
      times[0][which][round] = time_of(&libraries[which], plugins[which], "noop", 2000, 1);
      times[1][which][round] = time_of(&libraries[which], plugins[which], "hosts", 10, 1000);
    }
  }
  const char *names[] = {"no-op call", "host call"};
  for (int what = 0; what < 2; what++) {
    for (int i = 0; i < 2; i++) qsort(times[what][i], (size_t)rounds, sizeof(double), compare);
    double ours = times[what][0][rounds / 2], theirs = times[what][1][rounds / 2];
    printf("%-10s  ours %8.1f ns  official %8.1f ns  %5.1f times\n", names[what], ours, theirs, theirs / ours);
  }
  return 0;
}
