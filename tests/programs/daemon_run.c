// daemon_run.c: examples/daemon.c is asked for signatures while its card is pulled, swapped and
// moved, other programs use it, and the service stops. SPDX-License-Identifier: 0BSD
//
// tests/programs/examples.sh compiles the example with its main called daemon_main, and links it to
// this, which talks to it through its standard input and output.
#define _POSIX_C_SOURCE 200809L
#include "scene.h"
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

int daemon_main(int argc, char **argv);

static const struct sim_piv_options options[2] = {
    { .extended = true, .yubikey = true, .touch_key = 0x9a },
    { .extended = true, .yubikey = true, .second = true },
};

static struct sim_card *cards[2];           // the daemon's, and another one of the kind
static char serial[17], name[128];          // as the daemon prints them
static char pin_file[] = "daemon_run.pin";
static int to, from, screen[3];             // its input and output; those of this program
static FILE *said;                          // what it wrote to standard error
static pthread_t runs;
static int rc;
static char amiss[200];                     // the first thing that was not as it must be; "": all was

// Checks print to standard output, which is the daemon's: they are made when it has ended.
#define MUST(cond) do { if (!(cond) && !*amiss) snprintf(amiss, sizeof amiss, "line %d: %s", \
                                                         __LINE__, #cond); } while (0)

static void *run(void *argv)
{
    int argc = 0;
    for (char **p = argv; *p; p++) argc++;
    rc = daemon_main(argc, argv);
    return NULL;
}

static void start(char **argv)
{
    int in[2], out[2];
    said = tmpfile();
    fflush(stdout);
    if (!said || pipe(in) || pipe(out)) exit(1);
    for (int i = 0; i < 3; i++) screen[i] = dup(i);
    clearerr(stdin);
    dup2(in[0], 0), dup2(out[1], 1), dup2(fileno(said), 2);
    close(in[0]), close(out[1]);
    to = in[1], from = out[0];
    if (pthread_create(&runs, NULL, run, argv)) exit(1);
}

static void stop(void)
{
    close(to);                              // the end of its input
    dup2(screen[0], 0);                     // its last reader of the pipe
    pthread_join(runs, NULL);
    fflush(stdout);
    for (int i = 1; i < 3; i++) dup2(screen[i], i);
    for (int i = 0; i < 3; i++) close(screen[i]);
    close(from);
}

// How often it said that.
static unsigned count_said(const char *text)
{
    char line[300];
    unsigned n = 0;
    rewind(said);
    while (fgets(line, sizeof line, said)) n += strstr(line, text) != NULL;
    return n;
}

// One line of its output; "" after ten seconds without one.
static void read_line(char *line, size_t room)
{
    struct pollfd ready = { .fd = from, .events = POLLIN };
    size_t n = 0;
    while (n < room - 1 && poll(&ready, 1, 10000) == 1 && read(from, line + n, 1) == 1)
        if (line[n++] == '\n') break;
    line[n] = 0;
}

// Asks for a signature. 1: it is right; 0: an error; -1: anything else.
static int ask(const char *text)
{
    char line[1100];
    CK_BYTE signature[512];
    CK_ULONG n = 0;
    size_t len = strlen(text);
    if (write(to, text, len) != (ssize_t)len || write(to, "\n", 1) != 1) return -1;
    read_line(line, sizeof line);
    if (!strncmp(line, "error ", 6)) return 0;
    for (unsigned byte; n < sizeof signature && sscanf(line + 2 * n, "%2x", &byte) == 1; n++)
        signature[n] = (CK_BYTE)byte;
    return scene_good(SIM_RSA2048A, text, len, signature, n) ? 1 : -1;
}

static void world(const char *pin)
{
    FILE *file = fopen(pin_file, "w");
    C_Finalize(NULL);
    sim_reader_clear();
    sim_reader_add(SCENE_READER);
    for (int i = 0; i < 2; i++) cards[i] = sim_piv_new(&options[i]);
    sim_reader_insert(0, cards[0]);
    if (!file || fprintf(file, "%s\n", pin) < 0 || fclose(file)) exit(1);
    *amiss = 0;
    rc = 0;
}

static void over(void)
{
    struct sim_reader_stats s = sim_reader_stats();
    sim_reader_clear();
    for (int i = 0; i < 2; i++) cards[i]->free(cards[i]);
    if (*amiss || rc) {
        char line[300];
        rewind(said);
        while (fgets(line, sizeof line, said)) printf("    it said: %s", line);
    }
    fclose(said);
    unlink(pin_file);
    if (*amiss) test_fail(__FILE__, __LINE__, "%s", amiss);
    if (test_failing) return;
    CHECK_EQ(rc, 0);
    CHECK_EQ(s.connections, 0);
    CHECK_EQ(s.contexts, 0);
    CHECK_EQ(s.unbalanced, 0);
    CHECK_EQ(s.outside, 0);
    CHECK_EQ(s.after_removed, 0);
}

// What happens to the card before the next transaction, in the daemon's thread, once.
static void select_other(struct sim_card *card, void *once)
{
    if (!*(bool *)once) sim_piv_select_other(card);
    *(bool *)once = true;
}

static void miss_touch(struct sim_card *card, void *once)
{
    if (!*(bool *)once) sim_piv_miss_touches(card, 1);
    *(bool *)once = true;
}

// Whatever becomes of the card, the next request finds it where it is then; and only it: the other
// card gets no PIN. Without it there is an error, and the daemon goes on.
static void live(void)
{
    bool once[2] = { false, false };
    MUST(ask("first") == 1);
    sim_reader_eject(0);
    MUST(ask("without a card") == 0);
    sim_reader_insert(0, cards[1]);
    MUST(ask("with another card") == 0);
    sim_reader_swap(0, cards[0]);
    MUST(ask("the card is back") == 1);
    sim_reader_reset(0);
    MUST(ask("reset by another program") == 1);
    sim_reader_foreign(0, select_other, &once[0]);
    MUST(ask("another program ended the login") == 1);
    sim_reader_foreign(0, NULL, NULL);
    sim_reader_unplug(0);
    MUST(ask("without a reader") == 0);
    sim_reader_plug(0);
    MUST(ask("the reader is back") == 1);
    sim_reader_eject(0);
    sim_reader_insert(sim_reader_add("Another Reader 01 00"), cards[0]);
    MUST(ask("in another reader") == 1);
    sim_reader_service(false);
    MUST(ask("without the service") == 0);
    sim_reader_service(true);
    int good = 0;
    for (int i = 0; i < 100 && !good; i++) good = ask("the service is back");
    MUST(good == 1);
    sim_reader_foreign(1, miss_touch, &once[1]);
    MUST(ask("nobody touched it") == 0);
    sim_reader_foreign(1, NULL, NULL);
    MUST(ask("the same again") == 1);
}

TEST(daemon_goes_on)
{
    static char self[] = "daemon";
    char *argv[] = { self, pin_file, NULL };
    world("123456");
    start(argv);
    live();
    stop();
    unsigned touches = count_said(": touch the card\n");
    MUST(touches >= 9 && count_said(": touch the card: over") == touches);
    MUST(sim_piv_verifies(cards[1]) == 0 && sim_piv_tries(cards[0]) == 3);
    rewind(said);
    MUST(fscanf(said, "slot 0: %16s %127s", serial, name) == 2);
    over();
}

// Begun anew, it is told which key is its own: another card beside it gets no PIN.
TEST(daemon_knows_its_key)
{
    static char self[] = "daemon";
    char *argv[] = { self, pin_file, serial, name, NULL };
    world("123456");
    sim_reader_swap(0, cards[1]);
    sim_reader_insert(sim_reader_add("Another Reader 01 00"), cards[0]);
    start(argv);
    MUST(ask("the second reader's") == 1);
    stop();
    MUST(sim_piv_verifies(cards[1]) == 0);
    over();
}

// A wrong PIN is sent once, whatever is asked and however often the card comes back.
TEST(daemon_sends_a_wrong_pin_once)
{
    static char self[] = "daemon";
    char *argv[] = { self, pin_file, serial, name, NULL };
    world("999999");
    judge_wrong(1);
    start(argv);
    for (int i = 0; i < 5; i++) {
        MUST(ask("with a wrong PIN") == 0);
        sim_reader_eject(0);
        sim_reader_insert(0, cards[0]);
    }
    stop();
    MUST(sim_piv_tries(cards[0]) == 2 && sim_piv_verifies(cards[0]) == 1);
    over();
}

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    RUN(daemon_goes_on);
    RUN(daemon_knows_its_key);
    RUN(daemon_sends_a_wrong_pin_once);
    return test_end();
}
