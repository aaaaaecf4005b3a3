// pam.c: authenticates a user by PAM, with services from a directory of the test: pam SERVICE USER DIR
// The PIN, in the environment, answers every question. (pamtester knows only /etc/pam.d.)
// SPDX-License-Identifier: 0BSD
#define _GNU_SOURCE
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int talk(int n, const struct pam_message **m, struct pam_response **r, void *unused)
{
    static int asked;
    (void)unused;
    *r = calloc((size_t)n, sizeof **r);
    for (int i = 0; i < n; i++) {
        printf("%d: %s\n", m[i]->msg_style, m[i]->msg);
        if (m[i]->msg_style != PAM_PROMPT_ECHO_OFF && m[i]->msg_style != PAM_PROMPT_ECHO_ON) continue;
        if (asked++) return PAM_CONV_ERR;       // never the same PIN twice
        (*r)[i].resp = strdup(getenv("PIN"));
    }
    return PAM_SUCCESS;
}

int main(int argc, char **argv)
{
    struct pam_conv conv = { talk, NULL };
    pam_handle_t *pam;
    if (argc < 4 || pam_start_confdir(argv[1], argv[2], &conv, argv[3], &pam)) return 2;
    int rc = pam_authenticate(pam, 0);
    printf("%s\n", pam_strerror(pam, rc));
    pam_end(pam, rc);
    return rc != PAM_SUCCESS;
}
