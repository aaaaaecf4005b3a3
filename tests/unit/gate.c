// gate.c: >>gate's helpers; calls, waiters and ends are scenarios.c's and storm.c's.
// SPDX-License-Identifier: 0BSD

static CK_RV gate_mutex(void *m)
{
    (void)m;
    return CKR_OK;
}

static CK_RV gate_mutex_new(void **m)
{
    *m = NULL;
    return CKR_OK;
}

TEST(gate_takes_all_mutex_functions_or_none)
{
    CK_C_INITIALIZE_ARGS args;
    struct os_mutexes m;
    memset(&args, 0, sizeof args);
    CHECK_ST(gate_mutexes(NULL, &m), ST_OK);
    CHECK_ST(gate_mutexes(&args, &m), ST_OK);
    args.LockMutex = args.UnlockMutex = args.DestroyMutex = gate_mutex;
    CHECK_ST(gate_mutexes(&args, &m), ST_ARGS);
    args.CreateMutex = gate_mutex_new;
    CHECK_ST(gate_mutexes(&args, &m), ST_OK);
    args.pReserved = &m;
    CHECK_ST(gate_mutexes(&args, &m), ST_ARGS);
}

// A child that was forked while another thread of its parent made the locks: it makes its own.
TEST(gate_own_by_a_child_of_a_fork_in_the_middle)
{
    NEEDS_FORK;
    int status = 0;
    u32 owner = os_load(&gate_owner);
    os_store(&gate_owner, os_pid() | GATE_MAKING);
    pid_t pid = fork();
    if (!pid) {
        alarm(10);
        gate_own();
        _exit(os_load(&gate_owner) == os_pid() ? 0 : 1);
    }
    os_store(&gate_owner, owner);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));                   // else it waited for a thread that it has not
    CHECK_EQ(WEXITSTATUS(status), 0);
}

static void test_gate(void)
{
    RUN(gate_takes_all_mutex_functions_or_none);
    RUN(gate_own_by_a_child_of_a_fork_in_the_middle);
}
