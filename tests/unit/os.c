// os.c: >>os.
// SPDX-License-Identifier: 0BSD

#include <signal.h>

static char os_lines[4][512];
static unsigned os_line_count;

static void os_take_line(void *context, const char *line)
{
    CHECK(context == os_lines);
    snprintf(os_lines[os_line_count++ % 4], sizeof os_lines[0], "%s", line);
}

TEST(os_log_goes_where_it_is_told)
{
    u8 data[200] = { 0xab };
    os_line_count = 0;
    os_log("nobody hears this");
    os_log_want(os_take_line, os_lines);
    os_log("nor this, before it is opened");
    CHECK_ST(os_log_open(""), ST_OK);
    os_log("%s %d", "card", 7);
    os_log_hex(">", bytes_of(data, 2));
    os_log_hex(">", bytes_of(data, sizeof data));
    CHECK(os_log_close());
    os_log("nor this, after it was closed");
    os_log_want(NULL, NULL);
    CHECK_EQ(os_line_count, 3);
    CHECK(!strcmp(os_lines[0], "card 7"));
    CHECK(!strcmp(os_lines[1], "> ab00"));
    CHECK(strstr(os_lines[2], "... (200 bytes)"));
}

TEST(os_log_goes_to_a_file)
{
    char name[64], line[128] = "";
    struct stat made;
    mode_t before = umask(0);
    snprintf(name, sizeof name, "/tmp/scard11-os-%u.log", os_pid());
    CHECK_ST(os_log_open(name), ST_OK);
    umask(before);
    CHECK(!fstat(os_log_gate.file, &made));
#if !defined(_WIN32)
    CHECK_EQ(made.st_mode & 0777, 0600);                        // commands are nobody else's to read
    CHECK(fcntl(os_log_gate.file, F_GETFD) & FD_CLOEXEC);       // nor for programs that are started
#endif
    os_log("one line");
    CHECK(os_log_close());
    CHECK(!os_log_is_on() && os_log_gate.file < 0);
    FILE *f = fopen(name, "r");
    CHECK(f);
    char *got = fgets(line, sizeof line, f);
    fclose(f);
    remove(name);
    CHECK(got && !strcmp(line, "scard11: one line\n"));
    CHECK_ST(os_log_open("/nowhere/at/all"), ST_ARGS);
    CHECK_ST(os_log_open("0"), ST_OK);
    CHECK(!os_log_is_on());
}

// A child has a copy of the log's state, and of whatever its parent's threads held.
static int os_child_logs(void)
{
    os_line_count = 0;
    alarm(20);
    os_log("a child's line");
    if (os_line_count || os_log_is_on()) return 1;
    os_log_abandon();                                           // what its C_Initialize does first
    os_log("still none");
    if (os_line_count || !os_log_close()) return 2;
    if (os_log_open("") || os_log_is_on()) return 3;            // the parent's function is not its own
    os_log_want(os_take_line, os_lines);
    if (os_log_open("")) return 4;
    os_log("its own");
    return os_line_count == 1 && os_log_close() ? 0 : 5;
}

TEST(os_log_is_not_for_forked_children)
{
    NEEDS_FORK;
    int status = 0;
    os_log_want(os_take_line, os_lines);
    CHECK_ST(os_log_open(""), ST_OK);
    os_native_acquire(&os_log_gate.lock);                       // as another thread might just then
    pid_t pid = fork();
    if (!pid) _exit(os_child_logs());
    os_native_release(&os_log_gate.lock);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(os_log_close());
    os_log_want(NULL, NULL);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

static unsigned os_made, os_locked;

static CK_RV os_create(CK_VOID_PTR_PTR mutex)
{
    *mutex = malloc(1);
    os_made++;
    return CKR_OK;
}

static CK_RV os_destroy(CK_VOID_PTR mutex)
{
    free(mutex);
    os_made--;
    return CKR_OK;
}

static CK_RV os_lock_it(CK_VOID_PTR mutex)
{
    (void)mutex;
    os_locked++;
    return CKR_OK;
}

static CK_RV os_unlock_it(CK_VOID_PTR mutex)
{
    (void)mutex;
    os_locked--;
    return CKR_OK;
}

static CK_RV os_create_fails(CK_VOID_PTR_PTR mutex)
{
    (void)mutex;
    return CKR_GENERAL_ERROR;
}

TEST(os_locks_with_the_application_s_mutexes)
{
    struct os_mutexes m = { os_create, os_destroy, os_lock_it, os_unlock_it };
    struct os_lock l;
    CHECK_ST(os_lock_make(&l, &m), ST_OK);
    os_acquire(&l);
    CHECK_EQ(os_locked, 1);
    os_release(&l);
    CHECK_EQ(os_locked, 0);
    os_lock_drop(&l);
    CHECK_EQ(os_made, 0);
    os_acquire(&l);                             // afterwards it is the system's, and works
    os_release(&l);
    CHECK_EQ(os_locked, 0);
    m.create = os_create_fails;
    CHECK_ST(os_lock_make(&l, &m), ST_CANT_LOCK);
}

// What was not acquired is not released: a function that leaves its lock out is found here.
TEST(os_release_is_for_who_has_the_lock)
{
    NEEDS_FORK;
#if SCARD11_DEBUG
    int status = 0;
    struct os_lock l;
    CHECK_ST(os_lock_make(&l, NULL), ST_OK);
    pid_t pid = fork();
    if (!pid) {
        signal(SIGABRT, SIG_DFL);
        os_release(&l);
        _exit(0);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
#endif
}

TEST(os_time_goes_on)
{
    u64 before = os_now_ms();
    os_sleep_ms(12);
    CHECK(os_now_ms() - before >= 11);
    CHECK(os_pid() == os_pid() && os_pid());
}

#if defined(SCARD11_ENTROPY)
// The application's function: the system's bytes, or what a case wants.
static enum { OS_ENTROPY_SYSTEM, OS_ENTROPY_ZERO, OS_ENTROPY_FAILS,
              OS_ENTROPY_FAILS_LATE } os_entropy;
static size_t os_entropy_given;

int SCARD11_ENTROPY(uint8_t *out, size_t n)
{
    bool late = os_entropy == OS_ENTROPY_FAILS_LATE && os_entropy_given > 100;
    if (os_entropy == OS_ENTROPY_FAILS || late) return -1;
    os_entropy_given += n;
    memset(out, 0, n);
    if (os_entropy == OS_ENTROPY_ZERO) return 0;
    FILE *f = fopen("/dev/urandom", "rb");
    size_t got = f ? fread(out, 1, n, f) : 0;
    if (f) fclose(f);
    return got == n ? 0 : -1;
}
#else
TEST(os_random_comes_from_the_system)
{
    u8 a[300] = { 0 }, b[300] = { 0 };
    CHECK_ST(os_random(a, sizeof a), ST_OK);
    CHECK_ST(os_random(b, sizeof b), ST_OK);
    CHECK(memcmp(a, b, 16) && memcmp(a + 284, b + 284, 16));
    CHECK_ST(os_random(NULL, 0), ST_OK);
#if !defined(_WIN32) && !defined(__APPLE__)
    memset(a, 0, sizeof a);
    CHECK_ST(os_random_device("/dev/urandom", a, 299), ST_OK);
    CHECK(memcmp(a, b, 16) && !a[299]);
    CHECK_ST(os_random_device("/dev/null", a, 1), ST_RANDOM);       // it ends
    CHECK_ST(os_random_device("/nowhere", a, 1), ST_RANDOM);
#endif
}
#endif

static void test_os(void)
{
#if !defined(SCARD11_ENTROPY)
    RUN(os_random_comes_from_the_system);
#endif
    RUN(os_log_goes_where_it_is_told);
    RUN(os_log_goes_to_a_file);
    RUN(os_log_is_not_for_forked_children);
    RUN(os_release_is_for_who_has_the_lock);
    RUN(os_locks_with_the_application_s_mutexes);
    RUN(os_time_goes_on);
}
