/* A command with a WASI libc: text in and out, files and folders, memory, floats, time.
 * Usage: files FOLDER CODE; standard input is text, whose words it counts. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void say(const char *what, int result) {
  printf("%s: %s\n", what, result == 0 ? "ok" : strerror(errno));
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "two arguments are needed, not %d\n", count - 1);
    return 2;
  }
  if (chdir(arguments[1]) != 0) {
    perror("chdir");
    return 3;
  }

  char *words[1000];
  size_t n = 0;
  char word[64];
  while (n < 1000 && scanf("%63s", word) == 1) words[n++] = strdup(word);
  qsort(words, n, sizeof *words, by_text);
  say("mkdir", mkdir("made", 0777));
  FILE *file = fopen("made/words.txt", "w+");
  if (file == NULL) {
    perror("fopen");
    return 4;
  }
  for (size_t i = 0; i < n; i++) fprintf(file, "%s%c", words[i], i + 1 == n ? '\n' : ' ');
  rewind(file);
  char line[256];
  if (fgets(line, sizeof line, file) != NULL) printf("words: %s", line);
  printf("position: %ld\n", ftell(file));
  fclose(file);

  file = fopen("made/words.txt", "a");
  fputs("appended\n", file);
  fclose(file);
  struct stat status;
  say("stat", stat("made/words.txt", &status));
  printf("size: %lld\n", (long long)status.st_size);
  say("rename", rename("made/words.txt", "made/other.txt"));
  say("truncate", truncate("made/other.txt", 3));
  DIR *folder = opendir("made");
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
    if (entry->d_name[0] != '.') printf("entry: %s\n", entry->d_name);
  closedir(folder);
  say("rmdir", rmdir("made"));
  say("unlink", unlink("made/other.txt"));
  say("rmdir", rmdir("made"));
  say("outside", open("../secret", O_RDONLY) < 0 ? -1 : 0);
  say("absolute", open("/etc/passwd", O_RDONLY) < 0 ? -1 : 0);

  char *block = malloc(8 << 20);
  memset(block, 1, 8 << 20);
  printf("float: %.6f %g %d\n", sqrt(2), 1e100 / 3, block[8000000]);
  free(block);
  const char *home = getenv("HOME");
  printf("home: %s\n", home == NULL ? "none" : home);
  time_t now = time(NULL);
  printf("time: %s", asctime(gmtime(&now)));
  struct timespec pause = {0, 1000000};
  say("sleep", nanosleep(&pause, NULL));
  fflush(stdout);
  fprintf(stderr, "%zu words\n", n);
  return atoi(arguments[2]);
}
