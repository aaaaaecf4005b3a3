// lab.c: runs a command with a pcscd of its own, with virtual readers and nothing else.
// SPDX-License-Identifier: 0BSD
//
//     lab [--name NAME] [--preload LIB] DIR PORT -- command [argument...]
//
// pcscd (Debian: pcscd, vsmartcard-vpcd) listens on DIR/pcscd.comm, which it gets as a socket that
// is open already (systemd's socket activation), so it needs no root and meets no other pcscd. Two
// virtual readers wait for their cards on PORT and PORT+1 (tests/pcsc/vpcd.c). The command sees this
// pcscd through PCSCLITE_CSOCK_NAME; its exit status is lab's. pcscd ends with lab, however lab
// ends. SIGUSR1 to lab, the command's parent, stops the service, SIGUSR2 starts it again.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "lab: %s: %s\n", what, strerror(errno));
    exit(125);
}

static void write_config(const char *dir, const char *name, int port)
{
    char path[512];
    snprintf(path, sizeof path, "%s/reader.conf", dir);
    FILE *f = fopen(path, "w");
    if (!f) die(path);
    fprintf(f, "FRIENDLYNAME \"%s\"\nDEVICENAME /dev/null:%d\n"
               "LIBPATH /usr/lib/pcsc/drivers/serial/libifdvpcd.so\nCHANNELID %d\n", name, port,
                   port);
    if (fclose(f)) die(path);
}

static int listen_on(const char *dir, struct sockaddr_un *here)
{
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    here->sun_family = AF_UNIX;
    if ((size_t)snprintf(here->sun_path, sizeof here->sun_path, "%s/pcscd.comm", dir) >=
        sizeof here->sun_path) die("the directory's name is too long for a socket");
    unlink(here->sun_path);
    if (s < 0 || bind(s, (struct sockaddr *)here, sizeof *here) ||
        listen(s, 64)) die(here->sun_path);
    return s;
}

// Where pcscd is built with polkit (Debian 13), that says who is let in, and needs a D-Bus to say it:
// here it is who can open the socket.
static const char *polkit_off(void)
{
    static const char option[] = "--disable-polkit";
    char line[256];
    bool has = false;
    FILE *help = popen("PATH=$PATH:/usr/sbin pcscd --help 2>&1", "r");
    while (help && fgets(line, sizeof line, help)) has = has || strstr(line, option);
    if (help) pclose(help);
    return has ? option : NULL;
}

static void run_pcscd(const char *dir, int s, const char *preload)
{
    char config[512], log[512], pid[32];
    snprintf(config, sizeof config, "%s/reader.conf", dir);
    snprintf(log, sizeof log, "%s/pcscd.log", dir);
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (out < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) die(log);
    if (s != 3 && (dup2(s, 3) < 0 || close(s))) die("dup2");
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", pid, 1);
    const char *no_polkit = polkit_off();
    if (preload) setenv("LD_PRELOAD", preload, 1);
    execlp("pcscd", "pcscd", "-f", "-e", "-c", config, no_polkit, (char *)NULL);
    execl("/usr/sbin/pcscd", "pcscd", "-f", "-e", "-c", config, no_polkit, (char *)NULL);
    die("pcscd");
}

static const char *dir, *preload;
static struct sockaddr_un here;
static pid_t pcscd_pid;
static sigset_t watched;

static void at_signal(int sig)
{
    if (pcscd_pid) kill(pcscd_pid, SIGKILL);
    _exit(128 + sig);
}

static void start_pcscd(void)
{
    if (pcscd_pid) return;
    int s = listen_on(dir, &here);
    pcscd_pid = fork();
    if (!pcscd_pid) {
        sigprocmask(SIG_UNBLOCK, &watched, NULL);
        run_pcscd(dir, s, preload);
    }
    close(s);
}

static void stop_pcscd(void)
{
    if (!pcscd_pid) return;
    kill(pcscd_pid, SIGTERM);
    for (int tries = 0; tries < 100 && waitpid(pcscd_pid, NULL, WNOHANG) == 0; tries++) usleep(10000);
    kill(pcscd_pid, SIGKILL);
    waitpid(pcscd_pid, NULL, 0);
    unlink(here.sun_path);
    pcscd_pid = 0;
}

int main(int argc, char **argv)
{
    const char *name = "Virtual PCD";
    int i = 1, status = 0;
    for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
        if (!strcmp(argv[i], "--name")) name = argv[i + 1];
        else if (!strcmp(argv[i], "--preload")) preload = argv[i + 1];
        else break;
    }
    if (argc < i + 4 || strcmp(argv[i + 2], "--")) {
        fprintf(stderr, "lab [--name NAME] [--preload LIB] DIR PORT -- command...\n");
        return 125;
    }
    dir = argv[i];
    write_config(dir, name, atoi(argv[i + 1]));
    signal(SIGTERM, at_signal);
    signal(SIGINT, at_signal);
    sigemptyset(&watched);
    sigaddset(&watched, SIGUSR1);
    sigaddset(&watched, SIGUSR2);
    sigaddset(&watched, SIGCHLD);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    start_pcscd();
    setenv("PCSCLITE_CSOCK_NAME", here.sun_path, 1);
    pid_t command = fork();
    if (!command) {
        sigprocmask(SIG_UNBLOCK, &watched, NULL);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execvp(argv[i + 3], argv + i + 3);
        die(argv[i + 3]);
    }
    while (waitpid(command, &status, WNOHANG) == 0) {
        int got = sigwaitinfo(&watched, NULL);
        if (got == SIGUSR1) stop_pcscd();
        if (got == SIGUSR2) start_pcscd();
    }
    stop_pcscd();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
